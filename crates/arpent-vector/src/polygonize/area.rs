//! Areas as whole numbers.

use arpent_base::number::{approximate, truncate};

/// 2^64, exactly.
const Q64: f64 = 18_446_744_073_709_551_616.0;

/// The exponent of that.
pub(super) const Q64_BITS: u32 = 64;

/// An area in steps of 2^-64 square meters. Areas of 2^-12 square meters and more are exact; the surface of the Earth
/// needs 113 of the 128 bits.
pub fn fixed_point(area_m2: f64) -> u128 {
    truncate::<u128>(area_m2 * Q64)
}

/// Square meters of an area in steps of 2^-64 square meters, rounded to the nearest double.
pub fn square_meters(area_q64: u128) -> f64 {
    approximate(area_q64) / Q64
}
