//! Checks of the output of a map.

use arpent_base::Result;
use arpent_publish::Target;

use crate::error::JobError;

/// Refuses an output that exists or cannot be written, before any work.
pub(crate) fn check_output(output: &str, overwrite: bool) -> Result<()> {
    let target = Target::parse(output)?;
    target.check_writable()?;
    if !overwrite && target.exists()? {
        return Err(JobError::OutputExists { output: output.to_owned() }.into());
    }
    Ok(())
}
