//! Conversions of numbers within known limits.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked contracts: this crate has no dependency on arpent-base"
)]

/// Adding it to a number below 2^22 rounds that to an integer, half to even, in the lowest bits.
pub(crate) const ROUND: f32 = 12_582_912.0;

/// A count as a position.
pub(crate) fn signed(n: usize) -> i64 {
    i64::try_from(n).expect("a picture has fewer than 2^63 columns and rows")
}

/// A position, or the difference of two, as a count; negative numbers become 0.
pub(crate) fn size(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// A count of 64 bits.
pub(crate) const fn wide(n: usize) -> u64 {
    n as u64
}

/// A count as a double, exact to 2^53.
pub(crate) const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// A ratio of two counts.
pub(crate) fn ratio(part: i64, whole: i64) -> f32 {
    narrow(part as f64 / whole as f64)
}

/// A sum of weights in double precision, as a weight.
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
