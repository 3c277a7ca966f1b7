//! What NVML counts of a GPU while something is measured. NVML is loaded at run time; without it there are no figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nvml_wrapper::Nvml;

/// Between two readings of how busy the GPU is, and of its power.
const EVERY: Duration = Duration::from_millis(50);

/// NVML's first GPU.
#[derive(Debug)]
pub(crate) struct Gauge {
    nvml: Arc<Nvml>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reading {
    /// Share of the time in which the GPU did something.
    pub(crate) busy: Option<f64>,
    /// Its energy.
    pub(crate) joules: Option<f64>,
}

impl Gauge {
    /// NVML, or why it cannot be used.
    pub(crate) fn open() -> Result<Self, String> {
        let nvml = Nvml::init().map_err(|error| format!("NVML: {error}"))?;
        match nvml.device_count() {
            Ok(0) => Err("NVML lists no GPU".into()),
            Ok(_) => Ok(Self { nvml: Arc::new(nvml) }),
            Err(error) => Err(format!("NVML: {error}")),
        }
    }

    /// Each GPU, and the driver.
    #[allow(clippy::cast_precision_loss, reason = "gigabytes to show")]
    pub(crate) fn gpus(&self) -> (Vec<String>, Option<String>) {
        let one = |index: u32| {
            let device = self.nvml.device_by_index(index).ok()?;
            let memory = device.memory_info().map_or(0.0, |memory| memory.total as f64 / 1e9);
            let limit = device.enforced_power_limit().map_or(0, |milliwatts| milliwatts / 1000);
            Some(format!("{}, {memory:.0} GB, power limit {limit} W", device.name().ok()?))
        };
        let count = self.nvml.device_count().unwrap_or(0);
        ((0..count).filter_map(one).collect(), self.nvml.sys_driver_version().ok())
    }

    /// Begins to count.
    pub(crate) fn begin(&self) -> Gauging {
        let (nvml, stop) = (Arc::clone(&self.nvml), Arc::new(AtomicBool::new(false)));
        let start = counter(&nvml);
        let sampler = {
            let (nvml, stop) = (Arc::clone(&nvml), Arc::clone(&stop));
            thread::spawn(move || sample(&nvml, &stop))
        };
        Gauging { nvml, stop, start, sampler }
    }
}

/// A count that has begun.
#[derive(Debug)]
pub(crate) struct Gauging {
    nvml: Arc<Nvml>,
    stop: Arc<AtomicBool>,
    start: Option<u64>,
    sampler: JoinHandle<Samples>,
}

/// Sums of readings.
#[derive(Debug, Clone, Copy, Default)]
struct Samples {
    busy: f64,
    busy_count: u32,
    watts: f64,
    watts_count: u32,
}

impl Gauging {
    /// Ends the count after so many seconds.
    #[allow(clippy::cast_precision_loss, reason = "millijoules of a few seconds")]
    pub(crate) fn end(self, seconds: f64) -> Reading {
        let counted = counter(&self.nvml).zip(self.start).map(|(end, start)| end.saturating_sub(start));
        self.stop.store(true, Ordering::Relaxed);
        let samples = self.sampler.join().unwrap_or_default();
        let mean = |sum: f64, count: u32| (count > 0).then(|| sum / f64::from(count));
        // A counter that did not change in so short a time has no information; older GPUs have none.
        let of_counter = counted.filter(|millijoules| *millijoules > 0).map(|m| m as f64 / 1e3);
        Reading {
            busy: mean(samples.busy, samples.busy_count),
            joules: of_counter.or_else(|| mean(samples.watts, samples.watts_count).map(|w| w * seconds)),
        }
    }
}

/// Millijoules since the driver was loaded.
fn counter(nvml: &Nvml) -> Option<u64> {
    nvml.device_by_index(0).ok()?.total_energy_consumption().ok()
}

fn sample(nvml: &Nvml, stop: &AtomicBool) -> Samples {
    let mut samples = Samples::default();
    let Ok(device) = nvml.device_by_index(0) else { return samples };
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(EVERY);
        if let Ok(rates) = device.utilization_rates() {
            samples.busy += f64::from(rates.gpu) / 100.0;
            samples.busy_count += 1;
        }
        if let Ok(milliwatts) = device.power_usage() {
            samples.watts += f64::from(milliwatts) / 1e3;
            samples.watts_count += 1;
        }
    }
    samples
}
