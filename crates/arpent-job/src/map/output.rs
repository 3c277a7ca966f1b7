//! Checks of the output of a map.

use std::path::PathBuf;

use arpent_base::Result;
use arpent_publish::Target;

use crate::error::JobError;

/// Whether two addresses are one place: results are not published over what they are made of.
///
/// # Errors
/// When one is no address of an output.
pub(crate) fn is_same_place(one: &str, other: &str) -> Result<bool> {
    let place = |url: &str| -> Result<PathBuf> {
        let target = Target::parse(url)?;
        let folder = target.local_folder().map(|f| f.canonicalize().unwrap_or_else(|_| f.to_owned()));
        Ok(folder.unwrap_or_else(|| target.url().into()))
    };
    Ok(place(one)? == place(other)?)
}

/// Refuses an output that exists or cannot be written, before any work.
pub(crate) fn check_output(output: &str, overwrite: bool) -> Result<()> {
    let target = Target::parse(output)?;
    target.check_writable()?;
    if !overwrite && target.exists()? {
        return Err(JobError::OutputExists { output: output.to_owned() }.into());
    }
    Ok(())
}
