//! Threads of a process.

use anyhow::{Context, Result};

/// The number of threads of everything that follows.
pub(crate) fn use_threads(threads: usize) -> Result<()> {
    if threads > 0 {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("cannot start threads")?;
    }
    Ok(())
}
