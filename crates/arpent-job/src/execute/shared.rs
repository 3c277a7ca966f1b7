//! Shared parts of the commands that compute.

use std::ops::Range;

use arpent_base::{Failure, Result};

use crate::config::Config;
use crate::job::{Job, MapJob, pieces};
use crate::warnings::warn;

/// Threads of the pool for each core. More would only wait for each other.
const THREADS_OF_A_CORE: usize = 4;

/// The thread pool of the network: with the configured number of threads, limited to a multiple of the number of cores.
///
/// # Errors
/// When threads cannot be started.
pub fn pool(config: &Config) -> Result<rayon::ThreadPool> {
    pool_of(config.compute.threads())
}

/// A thread pool of so many threads, limited to a multiple of the number of cores.
pub(crate) fn pool_of(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.min(most_threads()))
        .build()
        .map_err(|error| Failure::foreign(error).context("cannot start threads"))
}

fn most_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).saturating_mul(THREADS_OF_A_CORE)
}

/// Prints the warnings of a job before it starts, so that the user can stop it.
pub(crate) fn print_warnings(job: &Job) {
    job.warnings.iter().for_each(warn);
    job.maps.iter().flat_map(MapJob::warnings).for_each(warn);
}

/// The windows of each piece of each map.
pub(crate) fn pieces_of(job: &Job) -> Vec<Vec<Range<usize>>> {
    job.maps.iter().map(|map| pieces(&job.model, &map.plan)).collect()
}

#[cfg(test)]
mod tests {
    use arpent_base::Threads;

    use super::*;

    #[test]
    fn a_pool_has_no_more_threads_than_there_is_work_for() {
        let threads = |asked: usize| {
            let mut config = Config::of_model(std::path::Path::new("m")).unwrap();
            config.compute.threads = Threads::new(asked).unwrap();
            pool(&config).unwrap().current_num_threads()
        };
        assert_eq!((threads(1), threads(4)), (1, 4));
        let most = Threads::MOST.get();
        assert_eq!(threads(most), most_threads().min(most));
    }
}
