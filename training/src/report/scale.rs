//! Axes: which values a chart spans and where its ticks are.

use arpent_base::number::truncate;

use super::number;

/// The span of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    /// Values with a label, in order.
    pub(super) ticks: Vec<f64>,
}

/// About how many ticks an axis gets.
const TICKS: f64 = 5.0;
/// A ratio of highest to lowest value from which only a logarithmic axis shows both ends.
const WIDE: f64 = 30.0;

impl Scale {
    /// Spans 0 to 1: for shares.
    pub(super) fn unit() -> Self {
        Self::linear(0.0, 1.0, 0.2)
    }

    /// Spans whole numbers: for epochs. Every value lies inside.
    pub(super) fn whole(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = span(values).unwrap_or((1.0, 1.0));
        let step = step(high - low).max(1.0);
        let scale =
            if high > low { Self::linear(low, high, step) } else { Self::linear(low - 1.0, high + 1.0, 1.0) };
        // Nothing happens in epoch 0 or -1.
        Self { ticks: scale.ticks.into_iter().filter(|t| *t >= low && *t <= high).collect(), ..scale }
    }

    /// Spans the values with round ends; from 0 where they are not negative.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = span(values.chain([0.0])).unwrap_or((0.0, 1.0));
        Self::rounded(low, high)
    }

    /// Spans the values with round ends; logarithmic where they lie decades apart.
    pub(super) fn fitted(values: impl Iterator<Item = f64>) -> Self {
        match span(values) {
            None => Self::unit(),
            Some((low, high)) if low > 0.0 && high / low >= WIDE => Self::decades(low, high),
            Some((low, high)) if low >= 0.0 && low < 0.5 * high => Self::rounded(0.0, high),
            Some((low, high)) => Self::rounded(low, high),
        }
    }

    fn rounded(low: f64, high: f64) -> Self {
        let (low, high) = if high > low { (low, high) } else { around(low) };
        let step = step(high - low);
        Self::linear((low / step).floor() * step, (high / step).ceil() * step, step)
    }

    fn linear(low: f64, high: f64, step: f64) -> Self {
        // A tolerance of a thousandth of a step for rounding errors.
        let (first, last) = ((low / step - 1e-3).ceil(), (high / step + 1e-3).floor());
        let ticks = std::iter::successors(Some(first), |i| Some(i + 1.0)).take_while(|i| *i <= last);
        Self { low, high, log: false, ticks: ticks.map(|i| i * step).collect() }
    }

    fn decades(low: f64, high: f64) -> Self {
        let (first, last) = (low.log10().floor(), high.log10().ceil());
        let powers = std::iter::successors(Some(first), |p| Some(p + 1.0)).take_while(|p| *p <= last);
        let parts: &[f64] = if (high / low).log10() > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = powers.flat_map(|p| parts.iter().map(move |part| part * 10f64.powf(p)));
        let inside = |t: &f64| *t >= low * 0.999 && *t <= high * 1.001;
        Self { low: low.log10(), high: high.log10(), log: true, ticks: ticks.filter(inside).collect() }
    }

    /// Whether the axis is logarithmic.
    pub(super) fn is_log(&self) -> bool {
        self.log
    }

    /// Place of a value, 0 to 1 inside the span.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }

    /// Label of a tick.
    pub(super) fn label(&self, tick: f64) -> String {
        if self.log {
            return number::significant(tick, 1);
        }
        let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(1.0);
        let exponent = (step * 1.001).log10().floor();
        if tick != 0.0 && exponent < -4.0 {
            return number::significant(tick, 2);
        }
        let decimals = truncate::<usize>((-exponent).clamp(0.0, 4.0));
        // `-0.0` would be shown with its sign.
        let tick = if tick.abs() < step * 1e-6 { 0.0 } else { tick };
        if tick.abs() >= 1e4 {
            number::significant(tick, 3)
        } else {
            format!("{tick:.decimals$}").replace('-', "−")
        }
    }
}

/// Least and greatest finite value.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|v| v.is_finite()).fold(None, |span, v| match span {
        None => Some((v, v)),
        Some((low, high)) => Some((f64::min(low, v), f64::max(high, v))),
    })
}

fn around(value: f64) -> (f64, f64) {
    if value == 0.0 { (0.0, 1.0) } else { (value - 0.5 * value.abs(), value + 0.5 * value.abs()) }
}

/// A step of 1, 2 or 5 times a power of ten.
fn step(span: f64) -> f64 {
    let raw = (span / TICKS).max(f64::MIN_POSITIVE * 1e6);
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= raw * 0.999).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks.iter().map(|t| scale.label(*t)).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Scale::unit()), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(
            labels(&Scale::fitted([0.31, 0.36].into_iter())),
            ["0.31", "0.32", "0.33", "0.34", "0.35", "0.36"]
        );
        assert_eq!(
            labels(&Scale::from_zero([0.000_9].into_iter())),
            ["0.0000", "0.0002", "0.0004", "0.0006", "0.0008", "0.0010"]
        );
        assert_eq!(labels(&Scale::fitted([0.01, 2.0].into_iter())).len(), 8);
    }

    #[test]
    fn epochs_are_whole() {
        let epochs = |last: u32| Scale::whole((1..=last).map(f64::from));
        assert_eq!(labels(&epochs(3)), ["1", "2", "3"]);
        assert_eq!(labels(&epochs(1)), ["1"]);
        assert_eq!(labels(&epochs(50)), ["10", "20", "30", "40", "50"]);
        assert!(labels(&Scale::whole(std::iter::empty())).len() == 1);
    }

    #[test]
    fn values_lie_inside() {
        for values in
            [vec![3.0], vec![0.0, 0.0], vec![-2.0, 7.3], vec![1e-7, 3e-7], vec![0.02, 5.0], vec![4e9, 5e9]]
        {
            let scale = Scale::fitted(values.iter().copied());
            assert!(
                values.iter().all(|v| (-1e-9..=1.0 + 1e-9).contains(&scale.place(*v))),
                "{values:?} {scale:?}"
            );
            assert!((2..=10).contains(&scale.ticks.len()), "{values:?} {scale:?}");
        }
        assert_eq!(Scale::fitted([f64::NAN].into_iter()), Scale::unit());
    }
}
