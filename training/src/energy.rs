//! What a run costs: read from the processor's counters where they can be read, else estimated.

use std::fs;

use arpent_model::Energy;

/// Energy counters at the start of a run.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    /// Microjoules of each package, and where the counter wraps.
    packages: Vec<(String, u64, u64)>,
    /// Millijoules of each graphics card.
    cards: Vec<u64>,
    cpu_s: f64,
}

const RAPL: &str = "/sys/class/powercap";

impl Meter {
    /// Starts counting.
    pub(crate) fn start() -> Self {
        let zones = fs::read_dir(RAPL).into_iter().flatten().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
        // `intel-rapl:0` is a package; `intel-rapl:0:0` a part of it.
        let packages =
            zones.filter_map(name).filter(|n| n.starts_with("intel-rapl:") && n.matches(':').count() == 1);
        let read = |name: String| {
            Some((name.clone(), number(&name, "energy_uj")?, number(&name, "max_energy_range_uj")?))
        };
        Self { packages: packages.filter_map(read).collect(), cards: cards(), cpu_s: cpu_seconds() }
    }

    /// Watt-hours used since, measured or estimated.
    pub(crate) fn watt_hours(&self, core_w: f64) -> f64 {
        self.measured().unwrap_or_else(|| (cpu_seconds() - self.cpu_s) * core_w / 3600.0) + self.of_cards()
    }

    /// Watt-hours of the graphics cards.
    fn of_cards(&self) -> f64 {
        let used = cards().into_iter().zip(&self.cards).map(|(now, start)| now.saturating_sub(*start));
        #[allow(clippy::cast_precision_loss, reason = "a reading, not exact")]
        let millijoules = used.sum::<u64>() as f64;
        millijoules / 3.6e6
    }

    /// What a whole run has used, and how that is known; `before`: watt-hours before an interruption.
    pub(crate) fn stop(&self, core_w: f64, before: f64) -> Energy {
        let method = match self.measured() {
            Some(_) => "measured: processor packages (RAPL), everything on the machine included".to_owned(),
            None => format!("estimated: CPU seconds x {core_w} W per busy core; counters not readable"),
        };
        let method = match (cfg!(any(feature = "wgpu", feature = "cuda")), self.cards.is_empty()) {
            (false, _) => method,
            (true, false) => format!("{method}; and graphics cards (NVML), everything on them included"),
            (true, true) => format!("{method}; graphics cards not readable, not counted"),
        };
        Energy { training_wh: round(before + self.watt_hours(core_w)), method }
    }

    /// Watt-hours by the counters.
    fn measured(&self) -> Option<f64> {
        let used = self.packages.iter().map(|(name, start, wrap)| {
            let now = number(name, "energy_uj")?;
            Some(if now >= *start { now - start } else { now + wrap - start })
        });
        let microjoules = used.sum::<Option<u64>>().filter(|_| !self.packages.is_empty())?;
        #[allow(clippy::cast_precision_loss, reason = "a reading, not exact")]
        Some(microjoules as f64 / 3.6e9)
    }
}

/// Millijoules that each NVIDIA card has used since its driver was loaded; none where they cannot be read.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn cards() -> Vec<u64> {
    let Ok(nvml) = nvml_wrapper::Nvml::init() else { return Vec::new() };
    let used = |i: u32| nvml.device_by_index(i).ok()?.total_energy_consumption().ok();
    (0..nvml.device_count().unwrap_or(0)).filter_map(used).collect()
}

/// This build knows no graphics cards.
#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn cards() -> Vec<u64> {
    Vec::new()
}

fn round(wh: f64) -> f64 {
    (wh * 100.0).round() / 100.0
}

fn number(zone: &str, file: &str) -> Option<u64> {
    fs::read_to_string(format!("{RAPL}/{zone}/{file}")).ok()?.trim().parse().ok()
}

/// User and system time of this process (`proc(5)`, stat, fields 14 and 15, 100 ticks a second).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name in parentheses, may hold blanks.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |i: usize| after.split_whitespace().nth(i).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_something() {
        let meter = Meter::start();
        let mut x = 0.0f64;
        while cpu_seconds() - meter.cpu_s < 0.05 {
            x = (0..10_000).fold(x, |x, i| (x + f64::from(i)).sin());
        }
        let energy = meter.stop(20.0, 1.0);
        assert!(meter.watt_hours(20.0) > 0.0 && energy.training_wh >= 1.0 && x.is_finite());
        assert!(energy.method.starts_with("measured") || energy.method.starts_with("estimated"));
    }
}
