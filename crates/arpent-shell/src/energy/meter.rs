//! The meter of a process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arpent_base::number::rounded;

use super::counter::Counter;
use super::gpu;
use super::sources::Sources;
use super::taken::{DECIMALS, Energy};

/// Watts per busy core if nothing can be measured: about the share of one core in the package power of present
/// server processors (for example 155 W over 16 cores). A stated assumption, not a measurement.
pub const WATTS_PER_CORE: f64 = 10.0;

/// Longest time between two readings: a counter of the smallest usual range (65 kJ) lasts two minutes at 500 W.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// Readings at the beginning, a second apart: two counters that always agree are recognized as one.
const FIRST_READINGS: u32 = 4;

/// Measures from its creation on, until it is dropped.
#[derive(Debug)]
pub struct Meter {
    shared: Arc<Shared>,
    sampler: Option<JoinHandle<()>>,
    watts_per_core: f64,
    gpus: gpu::Gpus,
}

#[derive(Debug)]
struct Shared {
    counter: Mutex<Counter>,
    ended: Mutex<bool>,
    wake: Condvar,
}

impl Meter {
    /// Starts; if nothing can be measured, a busy core is assumed to use `watts_per_core`.
    pub fn start(watts_per_core: f64) -> Self {
        Self::with(Sources::of_this_machine(), watts_per_core)
    }

    fn with(sources: Sources, watts_per_core: f64) -> Self {
        let counter = Mutex::new(Counter::start(sources));
        let has_domains = locked(&counter).has_domains();
        let shared = Arc::new(Shared { counter, ended: Mutex::new(false), wake: Condvar::new() });
        let sampler = has_domains.then(|| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("energy".to_owned()).spawn(move || sample(&shared)).ok()
        });
        Self { shared, sampler: sampler.flatten(), watts_per_core, gpus: gpu::Gpus::start() }
    }

    /// Energy of the process since the start.
    pub fn read(&self) -> Energy {
        let mut counter = locked(&self.shared.counter);
        counter.sample();
        let mut energy = counter.energy(self.watts_per_core);
        drop(counter);
        self.gpus.add(&mut energy);
        energy.watt_hours = rounded(energy.watt_hours, DECIMALS);
        energy
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        *locked(&self.shared.ended) = true;
        self.shared.wake.notify_all();
        if let Some(sampler) = self.sampler.take() {
            // A panic of the thread is ignored.
            let _ = sampler.join();
        }
    }
}

/// Reads the counters until the meter is dropped.
fn sample(shared: &Shared) {
    let mut ended = locked(&shared.ended);
    for reading in 0u32.. {
        let pause = if reading < FIRST_READINGS { Duration::from_secs(1) } else { LONGEST_INTERVAL };
        let due = Instant::now() + pause;
        while !*ended && Instant::now() < due {
            let left = due.saturating_duration_since(Instant::now());
            ended = shared.wake.wait_timeout(ended, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if *ended {
            return;
        }
        locked(&shared.counter).sample();
    }
}

/// Locks, also after a panic: the counter stays valid.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_marked_and_grows_with_work() {
        let meter = Meter::start(WATTS_PER_CORE);
        let began = Instant::now();
        let mut x = 0.5f64;
        while began.elapsed().as_millis() < 60 {
            x = std::hint::black_box(x.sin());
        }
        let energy = meter.read();
        assert!(energy.cpu_s > 0.01 && energy.watt_hours > 0.0, "{energy:?}");
        let again = meter.read();
        assert!(again.cpu_s >= energy.cpu_s && again.watt_hours >= energy.watt_hours);
    }
}
