//! Energy of NVIDIA GPUs, as counted by their driver.

use arpent_base::number::exact;

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

    /// Adds the energy of the GPUs since the start; in builds that use GPUs, notes if they cannot be read.
    pub(super) fn add(&self, energy: &mut Energy) {
        if !cfg!(feature = "nvml") {
            return;
        }
        if self.start.is_empty() {
            energy.method.push_str("; GPUs not readable, not counted");
            return;
        }
        let used = counters().into_iter().zip(&self.start).map(|(now, start)| now.saturating_sub(*start));
        let millijoules = exact(used.sum::<u64>());
        energy.watt_hours += millijoules / 3.6e6;
        energy.method.push_str("; and GPUs (NVML), everything on them included");
    }
}

/// Millijoules that each GPU has used since its driver was loaded; empty if they cannot be read.
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
