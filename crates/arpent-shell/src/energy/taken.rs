//! An energy and its quality.

use arpent_base::number::rounded;
use serde::{Deserialize, Serialize};

/// Decimals of watt-hours: microwatt-hours.
pub(super) const DECIMALS: i32 = 6;

/// Quality of an energy, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// By counters of a machine without other relevant load.
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
    /// Its quality.
    pub quality: Quality,
    /// The method as a text.
    pub method: String,
    /// CPU time of all threads, seconds.
    pub cpu_s: f64,
}

impl Energy {
    /// The sum of both, with the lower quality.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let same = self.method == other.method;
        let method = if same { self.method } else { format!("{}; {}", self.method, other.method) };
        Self {
            watt_hours: rounded(self.watt_hours + other.watt_hours, DECIMALS),
            quality: self.quality.max(other.quality),
            method,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
