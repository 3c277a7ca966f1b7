//! Busy time of each stage.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arpent_base::number::fitted;

/// Time spent in one stage, summed over its threads.
#[derive(Debug, Default)]
pub(crate) struct Spent(AtomicU64);

impl Spent {
    /// Times a piece of work.
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.add(began.elapsed());
        result
    }

    fn add(&self, time: Duration) {
        let nanoseconds = fitted(time.as_nanos());
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn seconds(&self) -> f64 {
        seconds(Duration::from_nanos(self.0.load(Ordering::Relaxed)))
    }
}

/// Seconds to the millisecond, as in manifests.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// The clocks of all stages.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Opening scenes and hashing them.
    pub open: Spent,
    /// Reading windows.
    pub read: Spent,
    /// Predicting.
    pub predict: Spent,
    /// Stitching windows.
    pub stitch: Spent,
    /// Tracing polygons, making features, sorting them.
    pub vectorize: Spent,
    /// Writing rasters and feature files.
    pub write: Spent,
    /// Uploading.
    pub publish: Spent,
}

impl Clock {
    /// Busy seconds of each stage so far. Stages run in parallel: the sum exceeds the elapsed time.
    pub(crate) fn timings(&self) -> BTreeMap<String, f64> {
        let stages = [
            ("open", &self.open),
            ("read", &self.read),
            ("predict", &self.predict),
            ("stitch", &self.stitch),
            ("vectorize", &self.vectorize),
            ("write", &self.write),
            ("publish", &self.publish),
        ];
        stages.into_iter().map(|(name, spent)| (name.to_owned(), spent.seconds())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_adds_up() {
        let spent = Spent::default();
        spent.add(Duration::from_millis(1500));
        spent.add(Duration::from_millis(250));
        assert!((spent.seconds() - 1.75).abs() < 1e-9);
        assert_eq!(spent.time(|| 7), 7);
    }
}
