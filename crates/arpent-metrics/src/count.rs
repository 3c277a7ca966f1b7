//! Counts to ratios.

/// A count as a number.
#[allow(clippy::cast_precision_loss, reason = "exact to 2^53, nine thousand million million pixels")]
pub(crate) const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// A length as a count.
pub(crate) const fn as_u64(length: usize) -> u64 {
    length as u64
}

/// A part of a whole, `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| as_f64(part) / as_f64(whole))
}

/// F1 (Dice) of a number of agreements among what is true and what was predicted: harmonic mean of precision and
/// recall, defined as soon as one of the two is.
pub(crate) fn f1(agreed: u64, truth: u64, predicted: u64) -> Option<f64> {
    let both = as_f64(truth) + as_f64(predicted);
    (both > 0.0).then(|| 2.0 * as_f64(agreed) / both)
}

/// Mean of the values that are defined, `None` when none is.
pub(crate) fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.into_iter().flatten().fold((0.0, 0), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / as_f64(count))
}
