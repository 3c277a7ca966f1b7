//! How unlike the training the imagery of a map is: the dissimilarity index of blocks (ADR 0033).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use arpent_base::number::{ceil, exact, offset, signed};
use arpent_base::{Column, ColumnKind, Result};
use arpent_gdal::{DatesReader, GdalError};
use arpent_metrics::Applicability;
use arpent_model::{BLOCK_PX, Band, ModelPackage, TrainingSample, predictors_of};
use arpent_publish::{OUTSIDE_TRAINING, Warning};
use arpent_raster::{Chip, Window};
use serde::Serialize;

use super::map::MapJob;

/// Side of a block, as a number of columns or rows.
const STEP: i64 = signed(BLOCK_PX);

/// Blocks that a plan looks at, at most.
const MOST_SAMPLED: usize = 64;

/// Share of a map outside of the area of applicability from which on a warning is given.
pub(crate) const MOST_OUTSIDE: f64 = 0.1;

/// The blocks that touch some pixels: columns and rows of the lattice of blocks, which begins at the origin of the CRS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// First column.
    pub(crate) col: i64,
    /// First row.
    pub(crate) row: i64,
    /// Number of columns.
    pub(crate) cols: usize,
    /// Number of rows.
    pub(crate) rows: usize,
}

impl Blocks {
    /// Those that touch a window, which is not empty.
    pub(crate) fn of(window: &Window) -> Self {
        let span = |start: i64, end: i64| {
            let (first, last) = (start.div_euclid(STEP), (end - 1).div_euclid(STEP));
            (first, offset(last - first) + 1)
        };
        let (col, cols) = span(window.col, window.col_end());
        let (row, rows) = span(window.row, window.row_end());
        Self { col, row, cols, rows }
    }

    /// Their number.
    pub(crate) fn count(self) -> usize {
        self.cols * self.rows
    }

    /// The pixels of a row of them.
    fn pixels_of_row(self, row: usize) -> Window {
        Window::new(self.col * STEP, (self.row + signed(row)) * STEP, self.cols * BLOCK_PX, BLOCK_PX)
    }
}

/// The dissimilarity index of a block over the threshold of the model, in thousandths and rounded up, plus 1; 0 for a block of
/// which less than half is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(pub(crate) u16);

impl Level {
    /// Of a block without enough valid pixels.
    pub(crate) const UNKNOWN: Self = Self(0);
    /// The highest level inside of the area of applicability.
    const HIGHEST_INSIDE: u16 = 1001;

    /// Of an index and a threshold.
    fn of(index: f64, threshold: f64) -> Self {
        // Without a division by 0, where every sample has an equal one in another fold.
        let thousandths = 1000.0 * index / threshold.max(f64::MIN_POSITIVE);
        let (lowest, highest) = if index <= threshold { (0.0, 1000.0) } else { (1001.0, 65_534.0) };
        Self(1 + ceil::<u16>(thousandths.clamp(lowest, highest)))
    }

    /// Whether the block is outside of the area of applicability; `None` for an unknown level.
    pub(crate) fn is_outside(self) -> Option<bool> {
        (self != Self::UNKNOWN).then_some(self.0 > Self::HIGHEST_INSIDE)
    }

    /// The index over the threshold.
    pub(crate) fn ratio(self) -> f64 {
        f64::from(self.0.saturating_sub(1)) / 1000.0
    }
}

/// Compares blocks of imagery with the training of a model.
#[derive(Debug)]
pub(crate) struct Dissimilarity {
    known: Applicability,
    bands: Vec<Band>,
}

impl Dissimilarity {
    /// Of a model; `None` if its package has no samples of its training.
    ///
    /// # Errors
    /// When the samples cannot be compared with each other.
    pub(crate) fn of(model: &ModelPackage) -> Result<Option<Self>> {
        let Some(samples) = model.applicability.as_ref().map(|of| &of.samples) else { return Ok(None) };
        let (folds, values): (Vec<usize>, Vec<Vec<f64>>) =
            samples.samples.iter().map(|TrainingSample(fold, values)| (*fold, values.clone())).unzip();
        let known = Applicability::of(&values, &folds, &samples.weights)?;
        Ok(Some(Self { known, bands: model.bands.clone() }))
    }

    /// The column of features.
    pub(crate) fn column() -> Column {
        let column = Column::new(OUTSIDE_TRAINING, ColumnKind::Real)
            .titled("Share unlike the training", "Part différente de l'apprentissage");
        column.described(
            "Share of the feature, 0 to 1, in blocks of 64 pixels outside of the model's area of applicability: they are unlike everything \
             that it was trained on. For features made of boxes, 0 or 1, of the block in their middle. Empty where too few pixels are valid.",
        )
    }

    /// The threshold of the model.
    pub(crate) fn threshold(&self) -> f64 {
        self.known.threshold()
    }

    fn level(&self, chip: &Chip, block: &Window) -> Level {
        let Some(predictors) = predictors_of(chip, &self.bands, block) else { return Level::UNKNOWN };
        Level::of(self.known.dissimilarity(&predictors), self.known.threshold())
    }

    /// The levels of all blocks that touch a core, row by row, from the chip that was read for it. Blocks beyond the chip are
    /// read, so that each has the same level whatever window it is computed with.
    ///
    /// # Errors
    /// When a scene cannot be read.
    pub(crate) fn levels(
        &self,
        reader: &mut DatesReader,
        chip: &Chip,
        core: &Window,
    ) -> Result<Vec<Level>, GdalError> {
        let blocks = Blocks::of(core);
        let mut levels = Vec::with_capacity(blocks.count());
        for row in 0..blocks.rows {
            let all = blocks.pixels_of_row(row);
            let beyond = (!chip.window.contains(&all)).then(|| reader.read(all)).transpose()?;
            let chip = beyond.as_ref().unwrap_or(chip);
            levels.extend(all.split_columns(STEP).map(|block| self.level(chip, &block)));
        }
        Ok(levels)
    }

    /// Looks at a block in the middle of some windows of a map, evenly among all.
    ///
    /// # Errors
    /// When a scene cannot be read.
    pub(crate) fn sample(&self, map: &MapJob) -> Result<OutsideSample, GdalError> {
        let mut reader = map.reader()?;
        let windows = map.plan.windows();
        let step = windows.len().div_ceil(MOST_SAMPLED).max(1);
        let mut sample = OutsideSample { blocks: 0, outside: 0, share: 0.0 };
        for window in windows.iter().skip(step / 2).step_by(step) {
            let (col, row) = (
                window.core.col + signed(window.core.width) / 2,
                window.core.row + signed(window.core.height) / 2,
            );
            let block =
                Window::new(col.div_euclid(STEP) * STEP, row.div_euclid(STEP) * STEP, BLOCK_PX, BLOCK_PX);
            if let Some(outside) = self.level(&reader.read(block)?, &block).is_outside() {
                sample.blocks += 1;
                sample.outside += usize::from(outside);
            }
        }
        sample.share = exact(sample.outside) / exact(sample.blocks.max(1));
        Ok(sample)
    }
}

/// Blocks of a sample outside of the area of applicability of the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutsideSample {
    /// Blocks that were compared: at most 64, of those that are valid.
    pub blocks: usize,
    /// Those outside.
    pub outside: usize,
    /// Their share, 0 to 1.
    pub share: f64,
}

impl OutsideSample {
    /// A warning if too much of the map is outside.
    pub(crate) fn warning(&self, model: &str) -> Option<Warning> {
        let Self { blocks, outside, share } = self;
        (*share > MOST_OUTSIDE).then(|| {
            let of = format!("{outside} of {blocks} blocks of a sample ({:.0} %)", share * 100.0);
            outside_warning(model, &of)
        })
    }
}

/// The warning that imagery is unlike the training; `what` says how much of it.
pub(crate) fn outside_warning(model: &str, what: &str) -> Warning {
    let message = format!(
        "{what} lie outside of its area of applicability: they look unlike everything that it was trained on, and its accuracy there is \
         unknown"
    );
    let hint = "check these places by eye (column `outside_training`), or train on labels of this imagery: \
                docs/guides/where-a-model-holds.md";
    Warning::new("outside-of-training", model, message).with_hint(hint)
}

/// The levels of windows that are being computed, by number of window.
#[derive(Debug)]
pub(crate) struct WindowLevels<'a> {
    dissimilarity: &'a Dissimilarity,
    of_windows: Mutex<HashMap<usize, Vec<Level>>>,
}

impl<'a> WindowLevels<'a> {
    /// Of no window yet.
    pub(crate) fn new(dissimilarity: &'a Dissimilarity) -> Self {
        Self { dissimilarity, of_windows: Mutex::default() }
    }

    /// Computes those of a window that was read.
    ///
    /// # Errors
    /// When a scene cannot be read.
    pub(crate) fn add(
        &self,
        window: usize,
        reader: &mut DatesReader,
        (chip, core): (&Chip, &Window),
    ) -> Result<(), GdalError> {
        let levels = self.dissimilarity.levels(reader, chip, core)?;
        self.of_windows.lock().unwrap_or_else(PoisonError::into_inner).insert(window, levels);
        Ok(())
    }

    /// Takes those of a run of windows, all of which were read.
    pub(crate) fn take(&self, windows: Range<usize>) -> Vec<Vec<Level>> {
        let mut all = self.of_windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.map(|window| all.remove(&window).unwrap_or_default()).collect()
    }
}

/// The levels of a window as bytes.
pub(crate) fn put_levels(bytes: &mut Vec<u8>, levels: &[Level]) {
    bytes.extend(levels.iter().flat_map(|level| level.0.to_le_bytes()));
}

/// The levels in bytes.
pub(crate) fn levels_in(bytes: &[u8]) -> Vec<Level> {
    bytes.chunks_exact(2).map(|two| Level(u16::from_le_bytes([two[0], two[1]]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_say_on_which_side_of_the_threshold_an_index_lies() {
        let of = |index| Level::of(index, 0.5);
        assert_eq!([of(0.0), of(0.25), of(0.5)].map(|level| level.0), [1, 501, 1001]);
        assert_eq!(of(0.5).is_outside(), Some(false));
        let just = of(0.5 + 1e-12);
        assert_eq!((just.is_outside(), just.0), (Some(true), 1002));
        assert_eq!((of(1e9).0, of(f64::INFINITY).0), (65_535, 65_535));
        assert_eq!(Level::UNKNOWN.is_outside(), None);
        assert!((of(0.25).ratio() - 0.5).abs() < 1e-9);
        // Where every sample has an equal one in another fold, only equals are inside.
        assert_eq!(
            [Level::of(0.0, 0.0), Level::of(0.1, 0.0)].map(Level::is_outside),
            [Some(false), Some(true)]
        );
    }

    #[test]
    fn blocks_lie_on_the_lattice_of_the_crs() {
        let blocks = |window: Window| {
            let Blocks { col, row, cols, rows } = Blocks::of(&window);
            (col, row, cols, rows)
        };
        assert_eq!(blocks(Window::new(0, 0, 64, 64)), (0, 0, 1, 1));
        assert_eq!(blocks(Window::new(-1, 63, 66, 2)), (-1, 0, 3, 2));
        assert_eq!(blocks(Window::new(-64, -65, 64, 1)), (-1, -2, 1, 1));
        let row = Blocks::of(&Window::new(-1, 63, 66, 2)).pixels_of_row(1);
        assert_eq!(row, Window::new(-64, 64, 192, 64));
        assert_eq!(row.split_columns(STEP).count(), 3);
    }

    #[test]
    fn levels_come_back_from_their_bytes() {
        let levels = [Level(0), Level(1), Level(1002), Level(65_535)];
        let mut bytes = Vec::new();
        put_levels(&mut bytes, &levels);
        assert_eq!(levels_in(&bytes), levels);
    }
}
