//! Pixels of one grid as weighted sums of those of another grid of the same CRS, in exact arithmetic of the two
//! lattices.

use std::ops::Range;

use arpent_base::number::{approximate, floor, round};
use serde::{Deserialize, Serialize};

use crate::{Grid, Window};

/// How pixels of another size are computed. Only valid pixels are weighed, and the sum is divided by the sum of their
/// weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// The pixel that contains the new one's center.
    Nearest,
    /// Weights decrease linearly from the center to 0 at the distance of one pixel, of the larger of both sizes: for
    /// coarser pixels the kernel widens, as in GDAL.
    Bilinear,
    /// The covered pixels, weighted by covered area.
    Average,
}

/// The source of a resampled scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Native {
    /// Grid of the file.
    pub grid: Grid,
    /// The pixels of that grid that the file fills.
    pub window: Window,
    /// GSD of the file on the ground at its center, meters.
    pub gsd_m: f64,
    /// How new pixels are computed.
    pub method: Resampling,
}

/// Precision of phases, as a fraction of a pixel, the same as in keys of grids.
const PHASE_STEPS: i128 = 10_000;

/// Two pixel sizes have the ratio `a / b` if they agree with it to twelve digits, and `b` is at most this.
const MAX_DENOMINATOR: i128 = 1000;

/// Other ratios are rounded to these steps: at ten million pixels from the CRS origin the error is 1e-5 px.
const FINE: i128 = 1 << 40;

/// Along one axis: the positions of the pixels of a new grid among those of an old one. Positions are whole numbers of
/// `1 / one` old pixels, so that ties are decided in the same way for every file and window and on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    one: i128,
    step: i128,
    offset: i128,
}

impl Axis {
    /// A new pixel measures `step` old ones; pixel 0 begins at `phase` old pixels.
    fn new(step: f64, phase: f64) -> Self {
        let (a, b) = ratio(step);
        let phase = round::<i128>(phase * approximate(PHASE_STEPS));
        // Centers fall on borders if a phase is a multiple of `1 / 2b`. A phase that agrees with one is set to it:
        // otherwise its rounding would decide, and for two thirds of a pixel to the wrong side.
        let halves = (2 * (2 * b * phase) + PHASE_STEPS).div_euclid(2 * PHASE_STEPS);
        let is_tie = (halves * PHASE_STEPS - 2 * b * phase).abs() <= b;
        let offset = if is_tie { halves * PHASE_STEPS } else { 2 * b * phase };
        // Twice as fine as needed, so that centers and halves are whole numbers.
        Self { one: 2 * PHASE_STEPS * b, step: 2 * PHASE_STEPS * a, offset }
    }

    /// Columns and rows of `new` among those of `old`.
    pub fn between(old: &Grid, new: &Grid) -> (Self, Self) {
        let cols = Self::new(new.gsd_x / old.gsd_x, (new.origin_x - old.origin_x) / old.gsd_x);
        let rows = Self::new(new.gsd_y / old.gsd_y, (old.origin_y - new.origin_y) / old.gsd_y);
        (cols, rows)
    }

    fn edge(&self, new: i64) -> i128 {
        self.step * i128::from(new) + self.offset
    }

    fn center(&self, new: i64) -> i128 {
        self.edge(new) + self.step / 2
    }

    /// The old pixel that contains the center of a new one; on a border, the next one.
    pub fn holding(&self, new: i64) -> i64 {
        whole(self.center(new).div_euclid(self.one))
    }

    /// The new pixels whose centers lie in the old pixels `begin..end`. Adjacent ranges give adjacent ranges.
    pub fn centers_in(&self, begin: i64, end: i64) -> Range<i64> {
        let first = |old: i64| {
            let from = i128::from(old) * self.one - self.offset - self.step / 2;
            whole(ceil_div(from, self.step))
        };
        first(begin)..first(end)
    }

    /// The weights of `count` new pixels from `first` on.
    pub fn taps(&self, first: i64, count: usize, method: Resampling) -> Taps {
        let mut taps = Taps { taps: Vec::with_capacity(count), weights: Vec::new() };
        for i in 0..count {
            let new = first.saturating_add_unsigned(i as u64);
            let from = taps.weights.len();
            let begin = match method {
                Resampling::Nearest => {
                    taps.weights.push(1.0);
                    self.holding(new)
                }
                Resampling::Bilinear => self.triangle(new, &mut taps.weights),
                Resampling::Average => self.covered(new, &mut taps.weights),
            };
            taps.taps.push(Tap { begin, weights: from..taps.weights.len(), center: self.holding(new) });
        }
        taps
    }

    /// A triangle around the center, one pixel of the larger size to each side.
    fn triangle(&self, new: i64, weights: &mut Vec<f64>) -> i64 {
        let (center, reach, half) = (self.center(new), self.step.max(self.one), self.one / 2);
        let begin = (center - reach - half).div_euclid(self.one) + 1;
        let end = ceil_div(center + reach - half, self.one);
        let weight = |old: i128| reach - (old * self.one + half - center).abs();
        weights.extend((begin..end).map(|old| share(weight(old), reach)));
        whole(begin)
    }

    /// Weights by covered length.
    fn covered(&self, new: i64, weights: &mut Vec<f64>) -> i64 {
        let (left, right) = (self.edge(new), self.edge(new) + self.step);
        let (begin, end) = (left.div_euclid(self.one), ceil_div(right, self.one));
        let weight = |old: i128| right.min((old + 1) * self.one) - left.max(old * self.one);
        weights.extend((begin..end).map(|old| share(weight(old), self.one)));
        whole(begin)
    }
}

/// Weights of new pixels along one axis.
#[derive(Debug, Clone)]
pub struct Taps {
    taps: Vec<Tap>,
    weights: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Tap {
    begin: i64,
    weights: Range<usize>,
    center: i64,
}

impl Taps {
    /// The old pixels needed for the new pixels `wanted`, counted from the first one.
    pub fn span(&self, wanted: Range<usize>) -> Range<i64> {
        let taps = self.taps.get(wanted).unwrap_or_default();
        let (Some(first), Some(last)) = (taps.first(), taps.last()) else { return 0..0 };
        first.begin..last.begin.saturating_add_unsigned(last.weights.len() as u64)
    }

    /// The old pixel that contains the center of a new one.
    pub fn center(&self, index: usize) -> i64 {
        self.taps[index].center
    }

    /// The first old pixel needed for a new one, and the weights from it on.
    pub fn of(&self, index: usize) -> (i64, &[f64]) {
        let tap = &self.taps[index];
        (tap.begin, &self.weights[tap.weights.clone()])
    }

    /// New pixels.
    pub fn len(&self) -> usize {
        self.taps.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.taps.is_empty()
    }
}

/// A ratio of sizes as a fraction: of small numbers if they agree to twelve digits, so that 0.3 / 0.2 is 3 / 2.
fn ratio(step: f64) -> (i128, i128) {
    // Convergents of the continued fraction.
    let (mut rest, mut before, mut last) = (step, (0i128, 1i128), (1i128, 0i128));
    for _ in 0..24 {
        let digit = floor::<i128>(rest);
        let next = (digit * last.0 + before.0, digit * last.1 + before.1);
        if next.1 > MAX_DENOMINATOR {
            break;
        }
        if next.0 > 0 && (approximate(next.0) / approximate(next.1) / step - 1.0).abs() <= 2e-12 {
            return next;
        }
        (before, last) = (last, next);
        let fraction = rest - approximate(digit);
        if fraction <= 0.0 {
            break;
        }
        rest = fraction.recip();
    }
    (round::<i128>(step * approximate(FINE)).max(1), FINE)
}

fn ceil_div(value: i128, by: i128) -> i128 {
    -(-value).div_euclid(by)
}

fn share(part: i128, of: i128) -> f64 {
    approximate(part) / approximate(of)
}

fn whole(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ratios_are_fractions_where_they_are_some() {
        for (step, expected) in [
            (0.3 / 0.2, (3, 2)),
            (0.5 / 0.15, (10, 3)),
            (0.1 / 0.15, (2, 3)),
            (0.5 / 0.2, (5, 2)),
            (0.24 / 0.2, (6, 5)),
            (0.5 / 10.0, (1, 20)),
            (1.0, (1, 1)),
        ] {
            assert_eq!(ratio(step), expected, "{step}");
        }
        let (a, b) = ratio(0.5 / 0.298_582_141_648);
        let error = approximate(a) / approximate(b) - 0.5 / 0.298_582_141_648;
        assert!(b == FINE && error.abs() < 1e-12);
    }

    #[test]
    fn weights_have_their_values() {
        let of = |step: f64, phase: f64, new: i64, method| {
            let taps = Axis::new(step, phase).taps(new, 1, method);
            let (begin, weights) = taps.of(0);
            (begin, weights.to_vec(), taps.center(0))
        };
        // 2.5 px from 2.5 to 5.0.
        assert_eq!(of(2.5, 0.0, 1, Resampling::Average), (2, vec![0.5, 1.0, 1.0], 3));
        assert_eq!(of(2.5, 0.0, -1, Resampling::Average), (-3, vec![0.5, 1.0, 1.0], -2));
        assert_eq!(of(2.0, 0.0, 0, Resampling::Bilinear), (-1, vec![0.25, 0.75, 0.75, 0.25], 1));
        // Finer pixels: the center at 0.25 lies between the centers -0.5 and 0.5.
        assert_eq!(of(0.5, 0.0, 0, Resampling::Bilinear), (-1, vec![0.25, 0.75], 0));
        assert_eq!(of(0.5, 0.0, 0, Resampling::Average), (0, vec![0.5], 0));
        // A center on a border belongs to the pixel behind it, on both sides of the origin.
        assert_eq!(of(2.0, 0.0, -1, Resampling::Nearest), (-1, vec![1.0], -1));
        assert_eq!(of(1.0, 0.5, 3, Resampling::Nearest), (4, vec![1.0], 4));
    }

    #[test]
    fn centers_on_borders_belong_to_the_pixel_behind() {
        // New pixels of `a / b` old ones from `k / 2b` on: the centers of some lie on borders, whatever the last digits
        // of a phase are.
        for (a, b) in [(2, 3), (4, 3), (3, 2), (5, 6), (1, 1), (5, 2), (10, 7)] {
            for k in -2 * b..=2 * b {
                for off in [-4e-6, 0.0, 4e-6] {
                    let of = |n: i32, d: i32| f64::from(n) / f64::from(d);
                    let axis = Axis::new(of(a, b), of(k, 2 * b) + off);
                    for new in -30..30i32 {
                        let expected = (a * (2 * new + 1) + k).div_euclid(2 * b);
                        assert_eq!(axis.holding(new.into()), i64::from(expected), "{a}/{b} {k} {off} {new}");
                    }
                }
            }
        }
        // A phase that is another one stays what it is.
        assert_eq!(Axis::new(2.0 / 3.0, 0.1).offset, 6000);
        assert_eq!(Axis::new(2.0 / 3.0, 0.6665).offset, 6 * 6665);
    }

    proptest! {
        #[test]
        fn any_window_has_the_same_taps(
            step in prop::sample::select(vec![1.2, 2.0, 10.0 / 3.0, 5.0, 2.0 / 3.0, 1.674_567, 0.05]),
            phase in -0.5f64..0.5, first in -4_000_000i64..4_000_000, at in 0usize..40,
        ) {
            let axis = Axis::new(step, phase);
            for method in [Resampling::Nearest, Resampling::Bilinear, Resampling::Average] {
                let (all, one) = (axis.taps(first, 41, method), axis.taps(first + i64::try_from(at).unwrap(), 1, method));
                prop_assert_eq!(all.of(at), one.of(0));
                let (begin, weights) = one.of(0);
                prop_assert!(weights.iter().all(|w| *w > 0.0));
                // The pixel below the center is always weighed.
                let inside = begin..begin + i64::try_from(weights.len()).unwrap();
                prop_assert!(inside.contains(&one.center(0)));
                let sum: f64 = weights.iter().sum();
                prop_assert!(method != Resampling::Average || (sum / step - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn ranges_that_touch_give_ranges_that_touch(
            step in prop::sample::select(vec![1.2, 2.0, 10.0 / 3.0, 5.0, 2.0 / 3.0, 1.674_567]),
            phase in -0.5f64..0.5, begin in -4_000_000i64..4_000_000, width in 1i64..300,
        ) {
            let axis = Axis::new(step, phase);
            let (a, b) = (axis.centers_in(begin, begin + width), axis.centers_in(begin + width, begin + 2 * width));
            prop_assert_eq!(a.end, b.start);
            for new in a {
                prop_assert!((begin..begin + width).contains(&axis.holding(new)));
            }
        }
    }
}
