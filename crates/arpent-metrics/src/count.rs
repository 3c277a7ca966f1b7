//! Converts counts to ratios.

use arpent_base::number::exact;

/// A part of a whole, `None` if the whole is 0.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| exact(part) / exact(whole))
}

/// F1 (Dice) from the numbers of agreements, true items and predicted items: harmonic mean of precision and recall,
/// defined if either of the two is.
pub(crate) fn f1(agreed: u64, truth: u64, predicted: u64) -> Option<f64> {
    let both = exact(truth) + exact(predicted);
    (both > 0.0).then(|| 2.0 * exact(agreed) / both)
}

/// Mean of the values that are defined, `None` if none is.
pub(crate) fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.into_iter().flatten().fold((0.0, 0), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
