//! Energy of NVIDIA's GPUs, as their driver counts it.

use super::taken::Energy;

/// The counters of all GPUs at the start, millijoules.
#[derive(Debug)]
pub(super) struct Gpus {
    start: Vec<u64>,
}

impl Gpus {
    pub(super) fn start() -> Self {
        Self { start: counters() }
    }

    /// Adds what the GPUs took since the start; says where they cannot be read by a build that may use them.
    pub(super) fn add(&self, energy: &mut Energy) {
        if !cfg!(feature = "nvml") {
            return;
        }
        if self.start.is_empty() {
            energy.method.push_str("; GPUs not readable, not counted");
            return;
        }
        let used = counters().into_iter().zip(&self.start).map(|(now, start)| now.saturating_sub(*start));
        #[allow(clippy::cast_precision_loss, reason = "a reading, not exact")]
        let millijoules = used.sum::<u64>() as f64;
        energy.watt_hours += millijoules / 3.6e6;
        energy.method.push_str("; and GPUs (NVML), everything on them included");
    }
}

/// Millijoules that each GPU has used since its driver was loaded; none where they cannot be read.
#[cfg(feature = "nvml")]
fn counters() -> Vec<u64> {
    let Ok(nvml) = nvml_wrapper::Nvml::init() else { return Vec::new() };
    let used = |i: u32| nvml.device_by_index(i).ok()?.total_energy_consumption().ok();
    (0..nvml.device_count().unwrap_or(0)).filter_map(used).collect()
}

/// This build uses no GPU.
#[cfg(not(feature = "nvml"))]
fn counters() -> Vec<u64> {
    Vec::new()
}
