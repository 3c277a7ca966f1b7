//! Energy of a run: measured where the processor says it (RAPL), else estimated and marked so.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Watts taken per busy core when nothing can be measured: about the share of one core in the package power of
/// present server processors (for example 155 W over 16 cores). A stated assumption, not a measurement.
const WATTS_PER_CORE: f64 = 10.0;

const RAPL: &str = "/sys/class/powercap/intel-rapl:0";

/// Energy of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Watt-hours.
    pub watt_hours: f64,
    /// `measured` or `estimated`.
    pub quality: String,
    /// How.
    pub method: String,
    /// CPU time of all threads, seconds.
    pub cpu_s: f64,
}

impl Energy {
    /// Both together; measured only if both are.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let same = self.method == other.method;
        let quality = if self.quality == other.quality { self.quality } else { "estimated".to_owned() };
        let method = if same { self.method } else { format!("{}; {}", self.method, other.method) };
        let watt_hours = ((self.watt_hours + other.watt_hours) * 1e6).round() / 1e6;
        Self { watt_hours, quality, method, cpu_s: self.cpu_s + other.cpu_s }
    }
}

/// Measures from its creation on.
#[derive(Debug)]
pub struct Meter {
    rapl_uj: Option<u64>,
}

impl Meter {
    /// Starts.
    pub fn start() -> Self {
        Self { rapl_uj: rapl("energy_uj") }
    }

    /// What the machine, or else this process, took since the start.
    #[allow(clippy::cast_precision_loss, reason = "energy to show")]
    pub fn read(&self) -> Energy {
        let cpu_s = cpu_seconds();
        let (watt_hours, quality, method) = if let (Some(from), Some(to)) = (self.rapl_uj, rapl("energy_uj"))
        {
            // The counter starts again at its maximum.
            let range = rapl("max_energy_range_uj").unwrap_or(0);
            let used = if to >= from { to - from } else { to + range.saturating_sub(from) };
            (used as f64 / 3.6e9, "measured", "RAPL, processor package, whole machine".to_owned())
        } else {
            let method = format!("CPU time x {WATTS_PER_CORE} W per busy core (no RAPL on this machine)");
            (cpu_s * WATTS_PER_CORE / 3600.0, "estimated", method)
        };
        let rounded = (watt_hours * 1e6).round() / 1e6;
        Energy { watt_hours: rounded, quality: quality.to_owned(), method, cpu_s }
    }
}

fn rapl(name: &str) -> Option<u64> {
    std::fs::read_to_string(Path::new(RAPL).join(name)).ok()?.trim().parse().ok()
}

/// User and system time of this process, seconds: fields 14 and 15 of `/proc/self/stat` (proc(5)), in ticks of
/// 1/100 s, which Linux fixes for user space (`USER_HZ`).
fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        |i: usize| after_name.split_whitespace().nth(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_marked_and_grows_with_work() {
        let meter = Meter::start();
        let began = std::time::Instant::now();
        let mut x = 0.5f64;
        while began.elapsed().as_millis() < 60 {
            x = std::hint::black_box(x.sin());
        }
        let energy = meter.read();
        assert!(energy.cpu_s > 0.01, "{energy:?}");
        assert!(energy.quality == "measured" || energy.quality == "estimated");
    }
}
