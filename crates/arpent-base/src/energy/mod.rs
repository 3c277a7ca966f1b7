//! Energy of a process: by the processor's counters (RAPL, through Linux's powercap) where they can be read, else estimated, and
//! marked as what it is.
//!
//! A counter covers a whole processor, and starts again at its maximum, after 44 minutes at 100 W for the usual 262 kJ
//! (Linux's `Documentation/power/powercap/powercap.rst`). So a thread reads it every ten seconds, and of each interval the process
//! is charged the share that it had of the CPU time of all: several processes on one machine never add up to more than it took.

mod counter;
mod gpu;
mod sources;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use counter::Counter;
use sources::Sources;

/// Watts per busy core where nothing can be measured: about the share of one core in the package power of present
/// server processors (for example 155 W over 16 cores). A stated assumption, not a measurement.
pub const WATTS_PER_CORE: f64 = 10.0;

/// Longest time between two readings: a counter of the smallest usual range (65 kJ) lasts two minutes at 500 W.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// Readings at the beginning, a second apart: two counters that always agree are seen to be one.
const FIRST_READINGS: u32 = 4;

/// How an energy is known, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// By counters of a machine that did nothing else worth mentioning.
    Measured,
    /// By counters of a machine, and the process's share of its CPU time.
    Shared,
    /// By CPU time and an assumed power.
    Estimated,
}

impl Quality {
    /// `measured`, `shared` or `estimated`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Shared => "shared",
            Self::Estimated => "estimated",
        }
    }
}

/// Energy of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Watt-hours.
    pub watt_hours: f64,
    /// How it is known.
    pub quality: Quality,
    /// The same in words.
    pub method: String,
    /// CPU time of all threads, seconds.
    pub cpu_s: f64,
}

impl Energy {
    /// Both together; as sure as the less sure of them.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let same = self.method == other.method;
        let method = if same { self.method } else { format!("{}; {}", self.method, other.method) };
        Self {
            watt_hours: rounded(self.watt_hours + other.watt_hours),
            quality: self.quality.max(other.quality),
            method,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }
}

/// To a microwatt-hour.
fn rounded(watt_hours: f64) -> f64 {
    (watt_hours * 1e6).round() / 1e6
}

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
    /// Starts; where nothing can be measured, a busy core is taken to use so many watts.
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

    /// What the process took since the start.
    pub fn read(&self) -> Energy {
        let mut counter = locked(&self.shared.counter);
        counter.sample();
        let mut energy = counter.energy(self.watts_per_core);
        drop(counter);
        self.gpus.add(&mut energy);
        energy.watt_hours = rounded(energy.watt_hours);
        energy
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        *locked(&self.shared.ended) = true;
        self.shared.wake.notify_all();
        if let Some(sampler) = self.sampler.take() {
            // A thread that panicked has nothing more to say.
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

/// A poisoned counter still counts.
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

    #[test]
    fn a_sum_is_as_sure_as_its_least_sure_part() {
        let of = |watt_hours, quality, method: &str| Energy {
            watt_hours,
            quality,
            method: method.to_owned(),
            cpu_s: 1.0,
        };
        let sum = of(1.0, Quality::Measured, "a").and(&of(2.0, Quality::Shared, "b"));
        assert_eq!(sum, Energy { cpu_s: 2.0, ..of(3.0, Quality::Shared, "a; b") });
        assert_eq!(sum.and(&of(0.5, Quality::Estimated, "a; b")).quality, Quality::Estimated);
        assert_eq!(serde_name(Quality::Shared), "shared");
    }

    fn serde_name(quality: Quality) -> &'static str {
        quality.name()
    }
}
