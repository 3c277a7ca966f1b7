//! Threads of a process.

use arpent_base::{DoingWhat as _, Failure, Result, Threads};

/// The number of threads of everything that follows.
pub(crate) fn use_threads(threads: Threads) -> Result<()> {
    if threads != Threads::ALL {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build_global()
            .map_err(Failure::foreign)
            .context("cannot start threads")?;
    }
    Ok(())
}
