//! What a computation takes, as plain numbers.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// What a computation takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Amounts {
    /// Hours of machines, as seconds.
    pub seconds: f64,
    /// CPU time of all threads, seconds.
    pub cpu_s: f64,
    /// Energy, watt-hours.
    pub watt_hours: f64,
    /// Bytes of local scenes that are read to be predicted.
    pub bytes_read: f64,
    /// Bytes of local scenes that are read to be hashed.
    pub bytes_hashed: f64,
    /// Bytes of scenes that are received over the network.
    pub bytes_received: f64,
    /// Bytes of pieces, which are deleted once the map is published.
    pub bytes_kept: f64,
    /// Bytes of published files.
    pub bytes_published: f64,
    /// Requests for scenes, to object stores and web servers.
    pub scene_requests: f64,
    /// Requests to the store of the output.
    pub output_requests: f64,
}

impl Amounts {
    /// Number of the quantities.
    pub(super) const COUNT: usize = 10;

    /// All quantities in the order of the fields.
    pub(super) const fn all(self) -> [f64; Self::COUNT] {
        [
            self.seconds,
            self.cpu_s,
            self.watt_hours,
            self.bytes_read,
            self.bytes_hashed,
            self.bytes_received,
            self.bytes_kept,
            self.bytes_published,
            self.scene_requests,
            self.output_requests,
        ]
    }

    /// The inverse of [`Amounts::all`].
    pub(super) const fn from_all(all: [f64; Self::COUNT]) -> Self {
        let [
            seconds,
            cpu_s,
            watt_hours,
            bytes_read,
            bytes_hashed,
            bytes_received,
            bytes_kept,
            bytes_published,
            scene_requests,
            output_requests,
        ] = all;
        Self {
            seconds,
            cpu_s,
            watt_hours,
            bytes_read,
            bytes_hashed,
            bytes_received,
            bytes_kept,
            bytes_published,
            scene_requests,
            output_requests,
        }
    }

    /// Each quantity of two amounts, combined.
    fn with(self, other: Self, combined: impl Fn(f64, f64) -> f64) -> Self {
        let (mine, others) = (self.all(), other.all());
        Self::from_all(std::array::from_fn(|i| combined(mine[i], others[i])))
    }

    /// Requests of both kinds.
    pub const fn requests(&self) -> f64 {
        self.scene_requests + self.output_requests
    }

    /// The amounts times a factor.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self::from_all(self.all().map(|amount| amount * factor))
    }

    /// The smaller of each quantity.
    #[must_use]
    pub(super) fn min(self, other: Self) -> Self {
        self.with(other, f64::min)
    }

    /// The larger of each quantity.
    #[must_use]
    pub(super) fn max(self, other: Self) -> Self {
        self.with(other, f64::max)
    }
}

impl Add for Amounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl Sub for Amounts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}
