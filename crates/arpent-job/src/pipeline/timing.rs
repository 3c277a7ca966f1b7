//! What each stage takes: busy time, CPU time, bytes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arpent_base::number::{exact, fitted, round, rounded};
use arpent_gdal::{NetworkUse, network_use};
use arpent_publish::{StageCost, Traffic};
use arpent_shell::used::Used;

/// What one stage takes, summed over its threads.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    busy_ns: AtomicU64,
    cpu_us: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    /// Time of the phase of the job that only this stage fills.
    phase_ns: AtomicU64,
}

impl Spent {
    /// Measures a piece of work on this thread.
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let (began, before) = (Instant::now(), Used::of_thread());
        let result = work();
        self.add_used(Used::of_thread() - before);
        self.add(began.elapsed());
        result
    }

    /// Measures a phase of the job, in which no other stage works: CPU time and bytes of all threads of the process are this
    /// stage's, also those of threads that libraries start.
    pub(crate) fn phase<T>(&self, work: impl FnOnce() -> T) -> T {
        let (began, before, own) = (Instant::now(), Used::of_process(), self.used());
        let result = work();
        // What `time` has counted meanwhile is part of it.
        self.add_used((Used::of_process() - before) - (self.used() - own));
        self.phase_ns.fetch_add(nanoseconds(began.elapsed()), Ordering::Relaxed);
        result
    }

    fn add(&self, time: Duration) {
        self.busy_ns.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    /// Adds what was taken on other threads.
    pub(crate) fn add_used(&self, used: Used) {
        self.cpu_us.fetch_add(round(used.cpu_s * 1e6), Ordering::Relaxed);
        self.read.fetch_add(used.read, Ordering::Relaxed);
        self.written.fetch_add(used.written, Ordering::Relaxed);
    }

    /// Measures the transfer of an object between this thread and a store. Its bytes are those of the object: a folder is
    /// written by other threads, and what goes over the network are no bytes of files.
    pub(crate) fn transfer<T>(
        &self,
        work: impl FnOnce() -> T,
        read: impl FnOnce(&T) -> u64,
        written: u64,
    ) -> T {
        let (began, before) = (Instant::now(), Used::of_thread());
        let result = work();
        let cpu_s = (Used::of_thread() - before).cpu_s;
        self.add_used(Used { cpu_s, read: read(&result), written });
        self.add(began.elapsed());
        result
    }

    fn used(&self) -> Used {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Used { cpu_s: exact(of(&self.cpu_us)) / 1e6, read: of(&self.read), written: of(&self.written) }
    }

    fn seconds(&self) -> f64 {
        seconds(Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)))
    }

    fn cost(&self) -> StageCost {
        let used = self.used();
        StageCost {
            busy_s: self.seconds(),
            cpu_s: used.cpu_s,
            watt_hours: 0.0,
            bytes_read: used.read,
            bytes_written: used.written,
        }
    }

    fn phase_s(&self) -> f64 {
        seconds(Duration::from_nanos(self.phase_ns.load(Ordering::Relaxed)))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    fitted(time.as_nanos())
}

/// Seconds to the millisecond, as in manifests.
pub(crate) fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64(), 3)
}

/// The clocks of all stages.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    /// Requests of the process before.
    network: NetworkUse,
    /// Opening scenes and hashing them.
    pub open: Spent,
    /// Reading windows.
    pub read: Spent,
    /// Predicting.
    pub predict: Spent,
    /// Packing, storing and fetching pieces.
    pub keep: Spent,
    /// Stitching windows.
    pub stitch: Spent,
    /// Tracing polygons, making features, sorting them.
    pub vectorize: Spent,
    /// Writing rasters and feature files.
    pub write: Spent,
    /// Uploading.
    pub publish: Spent,
}

impl Default for Clock {
    fn default() -> Self {
        let (began, network) = (Instant::now(), network_use());
        let [open, read, predict, keep, stitch, vectorize, write, publish] = Default::default();
        Self { began, network, open, read, predict, keep, stitch, vectorize, write, publish }
    }
}

impl Clock {
    fn stages(&self) -> [(&'static str, &Spent); 8] {
        [
            ("open", &self.open),
            ("read", &self.read),
            ("predict", &self.predict),
            ("keep", &self.keep),
            ("stitch", &self.stitch),
            ("vectorize", &self.vectorize),
            ("write", &self.write),
            ("publish", &self.publish),
        ]
    }

    /// Busy seconds of each stage so far. Stages run in parallel: the sum exceeds the elapsed time.
    pub(crate) fn timings(&self) -> BTreeMap<String, f64> {
        self.stages().into_iter().map(|(name, spent)| (name.to_owned(), spent.seconds())).collect()
    }

    /// What each stage has taken so far, without its energy.
    pub(crate) fn costs(&self) -> BTreeMap<String, StageCost> {
        self.stages().into_iter().map(|(name, spent)| (name.to_owned(), spent.cost())).collect()
    }

    /// Elapsed seconds so far.
    pub(crate) fn elapsed_s(&self) -> f64 {
        seconds(self.began.elapsed())
    }

    /// Elapsed seconds of the phases so far: `open`, `write` and `publish`, and `compute` for the others, which run side by side.
    pub(crate) fn phases(&self) -> BTreeMap<String, f64> {
        let alone = [("open", &self.open), ("write", &self.write), ("publish", &self.publish)];
        let mut phases: BTreeMap<String, f64> =
            alone.into_iter().map(|(name, spent)| (name.to_owned(), spent.phase_s())).collect();
        let together = self.elapsed_s() - phases.values().sum::<f64>();
        phases.insert("compute".to_owned(), rounded(together.max(0.0), 3));
        phases
    }

    /// Requests for scenes so far, and what they received.
    pub(crate) fn traffic(&self) -> Traffic {
        let NetworkUse { requests, received } = network_use();
        Traffic {
            scene_requests: requests.saturating_sub(self.network.requests),
            scene_bytes: received.saturating_sub(self.network.received),
            ..Traffic::default()
        }
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

    #[test]
    fn a_phase_has_the_work_of_all_threads_once() {
        let spin = || {
            let (began, mut x) = (Instant::now(), 0.5f64);
            while began.elapsed().as_millis() < 120 {
                x = std::hint::black_box(x.sin());
            }
        };
        let spent = Spent::default();
        spent.phase(|| {
            std::thread::scope(|scope| {
                scope.spawn(spin);
                spent.time(spin);
            });
        });
        let cost = spent.cost();
        // Of both threads; 10 ms is the unit of the system, and other tests of the process may run meanwhile.
        assert!(cost.cpu_s > 0.1, "{cost:?}");
        assert!(cost.busy_s >= 0.12 && cost.busy_s < spent.phase_s() + 0.05, "{cost:?}");
        assert!(spent.phase_s() >= 0.12);
    }
}
