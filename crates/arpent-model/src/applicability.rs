//! Statistics of blocks of pixels, and those of the blocks that a model was trained on.
//!
//! A model may be used where the imagery is like that of its training. What is compared are a few numbers of each block of
//! [`BLOCK_PX`] pixels: of every band its mean, its standard deviation, and its texture. Blocks lie on the lattice of the CRS, so
//! that a block has the same numbers whatever window, file or area asked for covers it.

use arpent_base::number::exact;
use arpent_raster::{Chip, Window};
use serde::{Deserialize, Serialize};

use crate::Band;

/// Side of a block, pixels of the map. 64 pixels hold several roofs or crowns, and a few dozen blocks fit a training chip.
pub const BLOCK_PX: usize = 64;

/// Format of the file of samples.
const FORMAT: &str = "arpent-applicability/1";

/// Largest number of samples that a package may have: a file of tens of MB otherwise, and a second for each megapixel.
const MOST_SAMPLES: usize = 10_000;

/// Samples of the imagery that a model was trained on: `applicability.json` of its package.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSamples {
    /// Format of the file.
    format: String,
    /// Side of a block, pixels: [`BLOCK_PX`].
    block_px: usize,
    /// Names of the predictors: [`predictor_names`] of the package's bands.
    pub predictors: Vec<String>,
    /// Weight of each predictor; 1 where its importance is not known.
    pub weights: Vec<f64>,
    /// How the samples were chosen among all blocks of the training split, in a sentence.
    pub chosen: String,
    /// Names of the folds: the groups (territories, flights) of the training data.
    pub folds: Vec<String>,
    /// The samples.
    pub samples: Vec<TrainingSample>,
}

/// The predictors of a block of the training imagery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSample(
    /// Position of its fold.
    pub usize,
    /// Its values, one for each predictor.
    pub Vec<f64>,
);

impl TrainingSamples {
    /// Samples of blocks; all predictors have a weight of 1.
    pub fn new(bands: &[Band], folds: Vec<String>, samples: Vec<TrainingSample>, chosen: String) -> Self {
        let predictors = predictor_names(bands);
        let weights = vec![1.0; predictors.len()];
        Self { format: FORMAT.to_owned(), block_px: BLOCK_PX, predictors, weights, chosen, folds, samples }
    }

    /// The file: compact JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).expect("plain data is JSON");
        json.push(b'\n');
        json
    }

    /// What is wrong with them for a package of these bands, as the end of a message.
    pub(crate) fn problem(&self, bands: &[Band]) -> Option<String> {
        let Self { format, block_px, .. } = self;
        if format != FORMAT || *block_px != BLOCK_PX {
            return Some(format!(
                "has the format `{format}` with blocks of {block_px} px, expected `{FORMAT}` with {BLOCK_PX} px"
            ));
        }
        let wanted = predictor_names(bands);
        if self.predictors != wanted {
            let (first, last) = (wanted.first()?, wanted.last()?);
            return Some(format!("has other predictors than those of the bands, {first} to {last}"));
        }
        if self.weights.len() != wanted.len() || self.weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)) {
            return Some(format!("needs {} weights of 0 or more", wanted.len()));
        }
        let fits = |TrainingSample(fold, values): &TrainingSample| {
            *fold < self.folds.len() && values.len() == wanted.len() && values.iter().all(|v| v.is_finite())
        };
        if !self.samples.iter().all(fits) {
            return Some(format!("has a sample without a fold, or without {} finite values", wanted.len()));
        }
        let (samples, folds) = (self.samples.len(), self.folds.len());
        (!(2..=MOST_SAMPLES).contains(&samples) || folds < 2).then(|| {
            format!(
                "has {samples} samples of {folds} folds, expected 2 to {MOST_SAMPLES} of at least 2 folds"
            )
        })
    }
}

/// Names of the predictors of a block: of each band `mean`, `std` and `gradient`.
pub fn predictor_names(bands: &[Band]) -> Vec<String> {
    let of_band = |band: &Band| ["mean", "std", "gradient"].map(|what| format!("{}_{what}", band.name));
    bands.iter().flat_map(of_band).collect()
}

/// The predictors of a block of a chip, in the order of [`predictor_names`]; `None` if less than half of its pixels are
/// valid. All are in standard deviations of the band over the training, as the network takes it:
///
/// - the mean of the valid pixels, above the mean of the training,
/// - their standard deviation,
/// - the mean absolute difference between valid pixels that are neighbors in a row or a column, within the block.
///
/// Sums are in double precision in the order of the pixels: equal pixels give equal bits.
///
/// # Panics
/// When the chip does not contain the block, or has other bands.
pub fn predictors_of(chip: &Chip, bands: &[Band], block: &Window) -> Option<Vec<f64>> {
    assert_eq!(chip.bands, bands.len(), "a chip of the bands");
    let (left, top) = chip.window.offset_of(block).expect("a block lies in its chip");
    let (width, height, stride) = (block.width, block.height, chip.window.width);
    let row = |r: usize| (top + r) * stride + left..(top + r) * stride + left + width;
    let valid: Vec<&[bool]> = (0..height).map(|r| &chip.valid[row(r)]).collect();
    let count = valid.iter().flat_map(|row| row.iter()).filter(|valid| **valid).count();
    if count == 0 || 2 * count < width * height {
        return None;
    }
    let all = count == width * height;
    let mut predictors = Vec::with_capacity(3 * bands.len());
    let mut rows: Vec<Vec<f64>> = vec![vec![0.0; width]; height];
    for (number, band) in bands.iter().enumerate() {
        let values = chip.band(number);
        for (r, to) in rows.iter_mut().enumerate() {
            let from = &values[row(r)];
            if band.dequantize.is_some() {
                to.iter_mut().zip(from).for_each(|(to, raw)| *to = f64::from(band.value(*raw)));
            } else {
                to.iter_mut().zip(from).for_each(|(to, raw)| *to = f64::from(*raw));
            }
        }
        let sums = if all { Sums::of_all(&rows) } else { Sums::of_valid(&rows, &valid) };
        let (mean, std) = (f64::from(band.mean), f64::from(band.std));
        let average = sums.values / exact(count);
        let variance = (sums.squares / exact(count) - average * average).max(0.0);
        predictors.push((average - mean) / std);
        predictors.push(variance.sqrt() / std);
        predictors.push(sums.steps / exact(sums.pairs.max(1)) / std);
    }
    Some(predictors)
}

/// Sums over the pixels of a block.
#[derive(Debug, Default)]
struct Sums {
    values: f64,
    squares: f64,
    /// Absolute differences between neighbors.
    steps: f64,
    /// Number of these.
    pairs: usize,
}

impl Sums {
    fn of_all(rows: &[Vec<f64>]) -> Self {
        let mut sums = Self::default();
        for (r, row) in rows.iter().enumerate() {
            for value in row {
                sums.values += value;
                sums.squares += value * value;
            }
            row.iter().zip(&row[1..]).for_each(|(a, b)| sums.steps += (a - b).abs());
            sums.pairs += row.len() - 1;
            if let Some(below) = rows.get(r + 1) {
                row.iter().zip(below).for_each(|(a, b)| sums.steps += (a - b).abs());
                sums.pairs += row.len();
            }
        }
        sums
    }

    fn of_valid(rows: &[Vec<f64>], valid: &[&[bool]]) -> Self {
        let mut sums = Self::default();
        for (r, row) in rows.iter().enumerate() {
            for (c, value) in row.iter().enumerate().filter(|(c, _)| valid[r][*c]) {
                sums.values += value;
                sums.squares += value * value;
                if valid[r].get(c + 1) == Some(&true) {
                    sums.steps += (value - row[c + 1]).abs();
                    sums.pairs += 1;
                }
                if valid.get(r + 1).is_some_and(|below| below[c]) {
                    sums.steps += (value - rows[r + 1][c]).abs();
                    sums.pairs += 1;
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(name: &str) -> Band {
        Band { name: name.into(), mean: 100.0, std: 50.0, unit: None, number: None, dequantize: None }
    }

    /// A chip whose values follow from the place alone.
    fn chip(window: Window, valid: impl Fn(i64, i64) -> bool) -> Chip {
        let mut chip = Chip::empty(window, 2);
        for row in 0..window.height {
            for col in 0..window.width {
                let (x, y) =
                    (window.col + i64::try_from(col).unwrap(), window.row + i64::try_from(row).unwrap());
                let at = row * window.width + col;
                chip.valid[at] = valid(x, y);
                let value = u8::try_from((x * 7 + y * y * 3).rem_euclid(251)).unwrap();
                chip.data[at] = f32::from(value);
                chip.data[window.width * window.height + at] = f32::from(value) * 3.25;
            }
        }
        chip
    }

    #[test]
    fn a_block_has_the_same_predictors_in_every_chip() {
        let bands = [band("red"), band("nir")];
        let block = Window::new(-64, 128, 64, 64);
        let of = |window: Window| predictors_of(&chip(window, |_, _| true), &bands, &block).unwrap();
        let alone = of(block);
        let within = of(Window::new(-100, 90, 300, 170));
        assert_eq!(alone.len(), 6);
        assert!(alone.iter().zip(&within).all(|(a, b)| a.to_bits() == b.to_bits()));
        // The second band is the first one, times 3.25.
        assert!((alone[4] - 3.25 * alone[1]).abs() < 1e-9 && (alone[5] - 3.25 * alone[2]).abs() < 1e-9);
    }

    #[test]
    fn predictors_are_what_they_are_said_to_be() {
        let window = Window::new(0, 0, 2, 2);
        let chip = Chip { window, bands: 1, data: vec![100.0, 200.0, 0.0, 100.0], valid: vec![true; 4] };
        let found = predictors_of(&chip, &[band("red")], &window).unwrap();
        // Mean 100; deviations 0, 100, -100, 0; steps 100, 100, 100, 100.
        let wanted = [0.0, 5000f64.sqrt() / 50.0, 2.0];
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn invalid_pixels_do_not_count_and_too_many_leave_no_predictors() {
        let bands = [band("red"), band("nir")];
        let block = Window::new(0, 0, 64, 64);
        let all = predictors_of(&chip(block, |_, _| true), &bands, &block).unwrap();
        let most = predictors_of(&chip(block, |x, y| x + y > 3), &bands, &block).unwrap();
        assert!(all.iter().zip(&most).all(|(a, b)| (a - b).abs() < 0.05 && a.to_bits() != b.to_bits()));
        let sums = |valid: &[bool]| {
            let rows = vec![vec![1.0, 2.0], vec![4.0, 8.0]];
            Sums::of_valid(&rows, &[&valid[..2], &valid[2..]])
        };
        let (some, full) =
            (sums(&[true, false, true, true]), Sums::of_all(&[vec![1.0, 2.0], vec![4.0, 8.0]]));
        assert_eq!(
            (some.values.to_bits(), some.steps.to_bits(), some.pairs),
            (13f64.to_bits(), 7f64.to_bits(), 2)
        );
        let whole = sums(&[true; 4]);
        assert_eq!((whole.steps.to_bits(), whole.pairs), (full.steps.to_bits(), full.pairs));
        assert!(predictors_of(&chip(block, |x, _| x < 31), &bands, &block).is_none());
        assert!(predictors_of(&chip(block, |x, _| x < 32), &bands, &block).is_some());
    }

    #[test]
    fn samples_of_other_bands_are_refused() {
        let bands = [band("red")];
        let sample = |fold| TrainingSample(fold, vec![0.0, 1.0, 2.0]);
        let folds = vec!["a".to_owned(), "b".to_owned()];
        let of = |samples| TrainingSamples::new(&bands, folds.clone(), samples, String::new());
        let good = of(vec![sample(0), sample(1)]);
        assert_eq!(good.problem(&bands), None);
        assert!(good.problem(&[band("nir")]).unwrap().contains("nir_mean"));
        assert!(of(vec![sample(0), sample(2)]).problem(&bands).unwrap().contains("fold"));
        assert!(of(vec![sample(0)]).problem(&bands).unwrap().contains("1 samples"));
        assert!(TrainingSamples::default().problem(&bands).unwrap().contains("format"));
    }
}
