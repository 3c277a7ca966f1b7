//! How much the images of two dates differ: passes over their rows, and a raster of scores.

use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_base::number::{exact, narrow, wide};
use arpent_change::evidence::{
    ChangeVectors, Histogram, IrMad, Mad, MadOptions, MadStep, PairRow, RobustScales, ScaleStep, confidence,
};
use arpent_gdal::{RasterKind, StripWriter};
use arpent_raster::{CONFIDENCE_NODATA, Chip, Window};
use arpent_shell::progress::Stage;
use ndarray::Axis;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::images::Images;
use crate::config::ImageMethod;

/// Values of both dates that are read at a time, all bands.
const VALUES_AT_A_TIME: usize = 16_000_000;

/// What the images say, in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageFacts {
    /// `irmad` or `cva`.
    pub(crate) method: ImageMethod,
    /// Names of the bands.
    pub(crate) bands: Vec<String>,
    /// Score from which pixels differ, in deviations of what is unchanged (Otsu's threshold).
    pub(crate) threshold: f64,
    /// Share of the common pixels above it.
    pub(crate) share_above: f64,
    /// Pixels that both dates have.
    pub(crate) pixels: u64,
    /// The transform of IR-MAD: correlations, iterations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) irmad: Option<Mad>,
}

/// Scores of pixels.
enum Scorer {
    Mad(Box<Mad>),
    Vectors(ChangeVectors),
}

impl Scorer {
    fn scores(&self, row: PairRow<'_>) -> Result<Vec<Option<f64>>> {
        Ok(match self {
            Self::Mad(mad) => {
                mad.score(row)?.into_iter().map(|score| score.map(|score| score.statistic.sqrt())).collect()
            }
            Self::Vectors(vectors) => vectors.lengths(row)?,
        })
    }
}

/// Compares the images of both dates inside an extent, and writes the raster of scores.
pub(crate) struct ImagePass<'a> {
    pub(crate) images: &'a mut Images,
    pub(crate) extent: Window,
    pub(crate) method: ImageMethod,
}

impl ImagePass<'_> {
    /// Writes the scores to a file in a folder.
    pub(crate) fn write(mut self, folder: &Path) -> Result<(PathBuf, ImageFacts)> {
        let stage = Stage::begin("compare images", 0);
        let (scorer, irmad) = match self.method {
            ImageMethod::Irmad => {
                let mad = self.irmad()?;
                (Scorer::Mad(Box::new(mad.clone())), Some(mad))
            }
            ImageMethod::Cva => (Scorer::Vectors(self.vectors()?), None),
        };
        let mut histogram = Histogram::default();
        self.each_strip(&mut |_, strip| {
            for scores in strip.scores(&scorer)? {
                scores.into_iter().flatten().for_each(|score| histogram.add(score));
            }
            Ok(())
        })?;
        let threshold = histogram.otsu()?;
        let (part, path) = (folder.join("evidence.part.tif"), folder.join("evidence.tif"));
        let grid = self.images.grid().clone();
        let mut raster = StripWriter::create(&part, self.extent, &grid, RasterKind::Confidence)?;
        let mut above = 0u64;
        self.each_strip(&mut |window, strip| {
            let mut values = Vec::with_capacity(window.width * window.height);
            for scores in strip.scores(&scorer)? {
                above += scores.iter().flatten().filter(|score| **score > threshold).count() as u64;
                let value =
                    |score: Option<f64>| score.map_or(CONFIDENCE_NODATA, |s| confidence(s, threshold));
                values.extend(scores.into_iter().map(value));
            }
            Ok(raster.write_rows(window.row, &values)?)
        })?;
        raster.finish_cog(&path, rayon::current_num_threads())?;
        let pixels = histogram.count();
        let facts = ImageFacts {
            method: self.method,
            bands: self.images.bands.clone(),
            threshold,
            share_above: exact(above) / exact(pixels.max(1)),
            pixels,
            irmad,
        };
        stage.end(&format!("{:.1} % above the threshold", 100.0 * facts.share_above));
        Ok((path, facts))
    }

    fn irmad(&mut self) -> Result<Mad> {
        let mut state = IrMad::new(self.images.bands.len(), MadOptions::default())?;
        loop {
            self.each_strip(&mut |_, strip| Ok(state.add(&strip.rows())?))?;
            if let MadStep::Done(mad) = state.advance()? {
                return Ok(mad);
            }
        }
    }

    fn vectors(&mut self) -> Result<ChangeVectors> {
        let mut scales = RobustScales::new(self.images.bands.len())?;
        loop {
            self.each_strip(&mut |_, strip| Ok(scales.add(&strip.rows())?))?;
            if let ScaleStep::Done(scales) = scales.advance()? {
                return Ok(ChangeVectors::standardized(&scales)?);
            }
        }
    }

    fn each_strip(&mut self, take: &mut dyn FnMut(Window, &Strip) -> Result<()>) -> Result<()> {
        let per_row = (2 * self.images.bands.len() * self.extent.width).max(1);
        let height = wide((VALUES_AT_A_TIME / per_row).max(1));
        let mut row = self.extent.row;
        while row < self.extent.row_end() {
            let end = self.extent.row_end().min(row.saturating_add_unsigned(height));
            let window = Window::between(self.extent.col, row, self.extent.col_end(), end);
            let [before, after] = self.images.read(window)?;
            let valid = before.valid.iter().zip(&after.valid).map(|(a, b)| *a && *b).collect();
            take(window, &Strip { before, after, valid })?;
            row = end;
        }
        Ok(())
    }
}

/// Some rows of both dates.
struct Strip {
    before: Chip,
    after: Chip,
    valid: Vec<bool>,
}

impl Strip {
    fn rows(&self) -> Vec<PairRow<'_>> {
        let width = self.before.window.width;
        let rows = self.valid.chunks(width.max(1)).enumerate();
        let pair = |(i, valid): (usize, _)| PairRow {
            before: row_of(&self.before, i),
            after: row_of(&self.after, i),
            valid: ndarray::ArrayView1::from(valid),
        };
        rows.map(pair).collect()
    }

    /// The scores of every row.
    fn scores(&self, scorer: &Scorer) -> Result<Vec<Vec<Option<f64>>>> {
        self.rows().into_par_iter().map(|row| scorer.scores(row)).collect()
    }
}

/// One row of a chip: bands x columns.
fn row_of(chip: &Chip, row: usize) -> ndarray::ArrayView2<'_, f32> {
    chip.view().index_axis_move(Axis(1), row)
}

/// A share as the score of a confidence raster.
pub(crate) fn as_score(share: f64) -> u8 {
    arpent_base::number::round(f64::from(narrow(share)) / arpent_raster::CONFIDENCE_SCALE)
}
