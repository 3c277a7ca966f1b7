//! Threads of a process.

use arpent_base::{DoingWhat as _, Failure, Result};

/// The number of threads of everything that follows.
pub(crate) fn use_threads(threads: usize) -> Result<()> {
    if threads > 0 {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(Failure::foreign)
            .context("cannot start threads")?;
    }
    Ok(())
}
