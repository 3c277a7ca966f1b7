//! From what other jobs took to what a job will take.

use arpent_base::number::exact;

use super::amounts::Amounts;
use super::observed::Observation;

/// Factor between the sizes of two jobs from which on their difference shows what a further pixel takes.
const APART: f64 = 1.5;

/// What a job is expected to take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// The expected amounts.
    pub(crate) expected: Amounts,
    /// The least and the most that single pairs of observations give; `None` if there is no pair.
    pub(crate) range: Option<(Amounts, Amounts)>,
}

impl Estimate {
    /// The same with all of its amounts changed in one way.
    pub(crate) fn with(mut self, change: impl Fn(&mut Amounts)) -> Self {
        change(&mut self.expected);
        if let Some((low, high)) = &mut self.range {
            change(low);
            change(high);
        }
        self
    }
}

/// Estimates a job of so many pixels from observations of its kind: a straight line for each quantity, a part that every job
/// takes and a part for each pixel, neither below 0. `None` without an observation.
pub(crate) fn estimate(observed: &[Observation], pixels: u64) -> Option<Estimate> {
    let whole = observed.iter().filter(|o| o.pixels > 0 && !o.resumed);
    let points: Vec<(f64, Amounts)> = whole.map(|o| (exact(o.pixels), o.amounts)).collect();
    let wanted = exact(pixels);
    (!points.is_empty()).then(|| Estimate { expected: at(&points, wanted), range: range(&points, wanted) })
}

/// What the end of a job of so many pixels takes after its last piece, by the ends of others: energy and CPU time by the mean
/// power of the whole job. `None` without an observation.
pub(crate) fn closing(observed: &[Observation], pixels: u64) -> Option<Amounts> {
    let of = |o: &Observation| {
        let share = o.closing_s / f64::max(o.amounts.seconds, 1e-9);
        (exact(o.pixels), o.amounts.times(share.min(1.0)))
    };
    let points: Vec<(f64, Amounts)> = observed.iter().filter(|o| o.pixels > 0).map(of).collect();
    (!points.is_empty()).then(|| at(&points, exact(pixels)))
}

/// Each quantity at a number of pixels.
fn at(points: &[(f64, Amounts)], pixels: f64) -> Amounts {
    Amounts::from_all(std::array::from_fn(|i| {
        let of: Vec<(f64, f64)> = points.iter().map(|(x, amounts)| (*x, amounts.all()[i])).collect();
        line(&of).at(pixels)
    }))
}

/// The range of what pairs of observations of different sizes give.
fn range(points: &[(f64, Amounts)], pixels: f64) -> Option<(Amounts, Amounts)> {
    let pairs = points.iter().enumerate().flat_map(|(i, a)| points[..i].iter().map(move |b| [*a, *b]));
    let apart = pairs.filter(|[a, b]| f64::max(a.0, b.0) >= APART * f64::min(a.0, b.0));
    apart.map(|pair| at(&pair, pixels)).fold(None, |range, one| {
        let (low, high) = range.unwrap_or((one, one));
        Some((low.min(one), high.max(one)))
    })
}

/// A straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    fixed: f64,
    per_pixel: f64,
}

impl Line {
    fn at(self, pixels: f64) -> f64 {
        self.fixed + self.per_pixel * pixels
    }
}

/// The line through points of (pixels, amount) with the least squares of relative errors, both coefficients at least 0. Points of
/// about one size do not show what is fixed: the line then goes through the origin.
fn line(points: &[(f64, f64)]) -> Line {
    let (mut least, mut most) = (f64::INFINITY, 0.0f64);
    for (x, _) in points {
        (least, most) = (least.min(*x), most.max(*x));
    }
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(*x, *y)).sum::<f64>();
    // Weighted by 1 / pixels: a small job has small errors.
    let (sw, sx) = (sum(&|x, _| 1.0 / x), exact(points.len()));
    let (sy, sxx, sxy) = (sum(&|x, y| y / x), sum(&|x, _| x), sum(&|_, y| y));
    let through_origin = Line { fixed: 0.0, per_pixel: sxy / sxx };
    let determinant = sw * sxx - sx * sx;
    if most < APART * least || determinant <= 0.0 {
        return through_origin;
    }
    let per_pixel = (sw * sxy - sx * sy) / determinant;
    let fixed = (sy - per_pixel * sx) / sw;
    match (fixed < 0.0, per_pixel < 0.0) {
        (true, _) => through_origin,
        (_, true) => Line { fixed: sxy / exact(points.len()), per_pixel: 0.0 },
        _ => Line { fixed, per_pixel },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn job(pixels: u64, seconds: f64) -> Observation {
        let amounts = Amounts { seconds, watt_hours: 2.0 * seconds, ..Amounts::default() };
        Observation { pixels, amounts, closing_s: seconds / 4.0, ..Observation::default() }
    }

    #[test]
    fn one_job_is_scaled_and_two_sizes_show_what_is_fixed() {
        assert_eq!(estimate(&[], 100), None);
        let one = estimate(&[job(1000, 5.0)], 3000).unwrap();
        assert!((one.expected.seconds - 15.0).abs() < 1e-9 && one.range.is_none());
        // 2 s and 3 ms a pixel.
        let jobs = [job(1000, 5.0), job(3000, 11.0), job(3000, 11.0)];
        let found = estimate(&jobs, 10_000).unwrap();
        assert!((found.expected.seconds - 32.0).abs() < 1e-6, "{found:?}");
        assert!((found.expected.watt_hours - 64.0).abs() < 1e-6);
        let end = closing(&jobs, 10_000).unwrap();
        assert!((end.seconds - 8.0).abs() < 1e-6 && (end.watt_hours - 16.0).abs() < 1e-6, "{end:?}");
        let (low, high) = found.range.unwrap();
        assert!((low.seconds - high.seconds).abs() < 1e-6, "the pairs agree");
    }

    #[test]
    fn of_a_job_that_was_interrupted_the_end_alone_is_a_measure() {
        let resumed = Observation { resumed: true, ..job(1000, 50.0) };
        assert_eq!(estimate(std::slice::from_ref(&resumed), 1000), None);
        let nothing = Observation { pixels: 0, closing_s: 3.0, ..Observation::default() };
        assert!((closing(&[nothing, resumed], 2000).unwrap().seconds - 25.0).abs() < 1e-9);
    }

    #[test]
    fn pairs_that_disagree_are_the_range() {
        let jobs = [job(1000, 2.0), job(10_000, 11.0), job(10_000, 20.0)];
        let found = estimate(&jobs, 100_000).unwrap();
        let (low, high) = found.range.unwrap();
        assert!((low.seconds - 101.0).abs() < 1e-6 && (high.seconds - 200.0).abs() < 1e-6, "{found:?}");
        assert!(low.seconds < found.expected.seconds && found.expected.seconds < high.seconds);
    }

    proptest! {
        #[test]
        fn no_estimate_is_negative_and_more_pixels_take_no_less(
            jobs in prop::collection::vec((1u64..1_000_000, 0.0f64..1000.0), 1..8), pixels in 1u64..10_000_000,
        ) {
            let jobs: Vec<Observation> = jobs.into_iter().map(|(pixels, s)| job(pixels, s)).collect();
            let (found, more) = (estimate(&jobs, pixels).unwrap(), estimate(&jobs, 2 * pixels).unwrap());
            prop_assert!(found.expected.seconds >= 0.0 && more.expected.seconds >= found.expected.seconds - 1e-9);
            if let Some((low, high)) = found.range {
                prop_assert!(low.seconds <= high.seconds && low.seconds >= 0.0);
            }
        }
    }
}
