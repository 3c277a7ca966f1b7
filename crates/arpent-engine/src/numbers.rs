//! Conversions of numbers that are known to fit.

/// Adding it to a number below 2^22 rounds that to a whole one, half to even, which then stands in the lowest bits.
pub(crate) const ROUND: f32 = 12_582_912.0;

/// A count as a position.
pub(crate) fn signed(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A position, or the distance of two, as a count; 0 below 0.
pub(crate) fn size(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// A sum of weights, taken in double precision, as a weight.
#[allow(clippy::cast_possible_truncation, reason = "weights are f32")]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
