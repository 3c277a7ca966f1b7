//! A small sample of a scene's values, at positions that are the same for every job.

use std::collections::BTreeSet;

use arpent_base::number::exact;
use arpent_raster::{SceneInfo, Window};

use super::raster::{Opened, RasterSource};
use crate::GdalError;

/// Side of a sampled window, pixels.
const SAMPLED_SIDE: usize = 128;

/// Values of a sample at most, all bands together.
const MOST_VALUES: usize = 1 << 22;

/// Statistics of a sample of a scene.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Valid pixels in it.
    pub pixels: usize,
    /// The bands, in the order given.
    pub bands: Vec<BandSample>,
    /// Mean and standard deviation of each band's values after their conversion ([`Convert`]).
    pub converted: Vec<[f64; 2]>,
    /// Correlation of each band with the next, -1 to 1; `None` if one of them is constant.
    pub correlations: Vec<Option<f64>>,
}

/// Converts a value of a band, by its place in the selection, for [`Sample::converted`].
pub type Convert<'a> = dyn Fn(usize, f32) -> f32 + 'a;

/// Statistics of the valid values of one band in a sample; all are 0 if there are none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BandSample {
    /// Lowest.
    pub min: f64,
    /// 1st percentile.
    pub p1: f64,
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Highest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

/// Reads windows of up to 128 x 128 pixels, `across` in each direction, in the middle of equal parts of the scene,
/// aligned to the start of a stored block if blocks are narrower than the scene. Values are the same as those of a
/// reader. Percentiles, means and correlations are of these; `convert` is for [`Sample::converted`] alone.
///
/// # Errors
/// Those of opening and reading the scene.
pub fn sample(
    info: &SceneInfo,
    bands: &[usize],
    across: usize,
    convert: &Convert<'_>,
) -> Result<Sample, GdalError> {
    let source = RasterSource::new(&info.id, &info.uri, info.window, &info.bands, bands.to_vec())?;
    // Without the collar: finding it reads the whole border, which is left to the run.
    let source = source.with(&info.validity);
    let mut opened = Opened::new(&info.uri)?;
    let places = places(&info.window, info.block, across);
    let all: usize = places.iter().map(|w| w.width * w.height).sum();
    let step = (all * bands.len()).div_ceil(MOST_VALUES).max(1);
    let mut values = vec![Vec::new(); bands.len()];
    for window in places {
        let chip = source.read(&mut opened, window)?;
        let kept =
            || chip.valid.iter().enumerate().step_by(step).filter(|(_, valid)| **valid).map(|(i, _)| i);
        for (band, values) in values.iter_mut().enumerate() {
            let read = chip.band(band);
            values.extend(kept().map(|i| read[i]));
        }
    }
    let correlations = values.windows(2).map(|pair| correlation(&pair[0], &pair[1])).collect();
    let pixels = values.first().map_or(0, Vec::len);
    for values in &mut values {
        values.sort_unstable_by(f32::total_cmp);
    }
    let of_band = |(i, values): (usize, &Vec<f32>)| mean_std(values.iter().map(|v| convert(i, *v)));
    let converted = values.iter().enumerate().map(of_band).collect();
    let bands = values.iter().map(|values| statistics(values)).collect();
    Ok(Sample { pixels, bands, converted, correlations })
}

/// Each once, in order.
fn places(whole: &Window, block: (usize, usize), across: usize) -> Vec<Window> {
    let (width, height) = (SAMPLED_SIDE.min(whole.width), SAMPLED_SIDE.min(whole.height));
    let start = |i: usize, extent: usize, side: usize, block: usize| {
        let middle = (extent * (2 * i + 1) / (2 * across)).saturating_sub(side / 2);
        let aligned = if block < extent { middle / block.max(1) * block.max(1) } else { middle };
        aligned.min(extent - side) as u64
    };
    let spots: BTreeSet<(u64, u64)> = (0..across * across)
        .map(|i| {
            (start(i / across, whole.height, height, block.1), start(i % across, whole.width, width, block.0))
        })
        .collect();
    let window = |(row, col): (u64, u64)| Window {
        col: whole.col.saturating_add_unsigned(col),
        row: whole.row.saturating_add_unsigned(row),
        width,
        height,
    };
    spots.into_iter().map(window).collect()
}

/// Of values in ascending order.
fn statistics(values: &[f32]) -> BandSample {
    if values.is_empty() {
        return BandSample::default();
    }
    let last = values.len() - 1;
    let at = |percent: usize| f64::from(values[last * percent / 100]);
    let [mean, std] = mean_std(values.iter().copied());
    BandSample { min: at(0), p1: at(1), p50: at(50), p99: at(99), max: at(100), mean, std }
}

/// Mean and standard deviation; 0 without values.
fn mean_std(values: impl Iterator<Item = f32> + Clone) -> [f64; 2] {
    let n = exact(values.clone().count().max(1));
    let mean = values.clone().map(f64::from).sum::<f64>() / n;
    let variance = values.map(|v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    [mean, variance.sqrt()]
}

/// Pearson's.
fn correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let n = exact(a.len().max(1));
    let mean = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "whole numbers")]
mod tests {
    use super::*;

    #[test]
    fn places_are_inside_and_each_once() {
        let whole = Window::new(7, -9, 10_980, 10_980);
        let tiled = places(&whole, (1024, 1024), 4);
        assert_eq!(tiled.len(), 16);
        assert!(tiled.iter().all(|w| whole.intersect(w) == Some(*w) && (w.col - 7) % 1024 == 0));
        assert_eq!(places(&Window::new(0, 0, 80, 70), (80, 1), 4), [Window::new(0, 0, 80, 70)]);
        // Rows as blocks: columns are spread all the same.
        let cols: BTreeSet<i64> = places(&whole, (10_980, 1), 4).iter().map(|w| w.col).collect();
        assert_eq!(cols.len(), 4);
    }

    #[test]
    fn statistics_are_exact() {
        let of = statistics(&(0..=100u8).map(f32::from).collect::<Vec<_>>());
        assert_eq!((of.min, of.p1, of.p50, of.p99, of.max, of.mean), (0.0, 1.0, 50.0, 99.0, 100.0, 50.0));
        assert!((of.std - 29.154_759).abs() < 1e-5, "{}", of.std);
        assert_eq!(statistics(&[]), BandSample::default());
        assert_eq!(mean_std([1.0, 3.0].into_iter()), [2.0, 1.0]);
        assert_eq!(correlation(&[0.0, 1.0, 2.0], &[4.0, 2.0, 0.0]), Some(-1.0));
        assert_eq!(correlation(&[1.0, 1.0], &[4.0, 2.0]), None);
    }
}
