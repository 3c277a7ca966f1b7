//! How much the images of two dates differ: how scores are made is measured by passes over the pixels, and each pixel scored.

use arpent_base::number::{exact, signed, wide};
use arpent_base::{Result, SplitMix64};
use arpent_change::evidence::{
    ChangeVectors, Histogram, IrMad, Mad, MadOptions, MadStep, MadStop, PairRow, RobustScales, ScaleStep,
    confidence,
};
use arpent_publish::Warning;
use arpent_raster::{CONFIDENCE_NODATA, Chip, Raster, Window};
use arpent_shell::progress::Stage;
use ndarray::Axis;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::images::Images;
use crate::config::ImageMethod;
use crate::shards::{Scorer, Scoring};

/// Values of both dates that are read at a time, all bands.
pub(crate) const VALUES_AT_A_TIME: usize = 16_000_000;
/// Pixels from which the transform and the threshold are measured: where there are more, blocks of the lattice are
/// drawn until they hold as many. The standard error of a correlation is then below 0.0005.
pub(crate) const MEASURED_PX: u64 = 1 << 22;
/// Side of a block that is drawn, pixels.
const BLOCK_PX: i64 = 512;
/// Rows that are scored at a time, in parts of their columns: images may be wide, and reading a few whole rows decodes
/// every block of a file again and again.
const BAND_PX: i64 = 256;

/// What the images say, in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageFacts {
    /// `irmad` or `cva`.
    pub(crate) method: ImageMethod,
    /// Names of the bands.
    pub(crate) bands: Vec<String>,
    /// Score from which pixels differ, in deviations of what is unchanged: Otsu's threshold, or, of IR-MAD, what unchanged
    /// pixels show where that is more.
    pub(crate) threshold: f64,
    /// Otsu's threshold.
    pub(crate) otsu: f64,
    /// What one in a thousand unchanged pixels exceeds.
    pub(crate) noise: Option<f64>,
    /// Share of the common pixels above it.
    pub(crate) share_above: f64,
    /// Pixels that both dates have.
    pub(crate) pixels: u64,
    /// Pixels that transform and threshold were measured on, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sampled_px: Option<u64>,
    /// The transform of IR-MAD: correlations, iterations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) irmad: Option<Mad>,
}

impl ImageFacts {
    pub(crate) fn new(scoring: &Scoring, bands: &[String], count: ScoreCount) -> Self {
        let (method, irmad) = match &scoring.scorer {
            Scorer::Irmad(mad) => (ImageMethod::Irmad, Some((**mad).clone())),
            Scorer::Cva(_) => (ImageMethod::Cva, None),
        };
        Self {
            method,
            bands: bands.to_vec(),
            threshold: scoring.threshold,
            otsu: scoring.otsu,
            noise: scoring.noise,
            share_above: exact(count.above) / exact(count.pixels.max(1)),
            pixels: count.pixels,
            sampled_px: scoring.sampled_px,
            irmad,
        }
    }
}

/// Smallest share of pixels that IR-MAD should take for unchanged, by its weights, which are 0.5 on average where nothing
/// changed: nine tenths of an area hardly ever change.
const LEAST_UNCHANGED: f64 = 0.05;

impl ImageFacts {
    /// What is doubtful about the scores.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let mut all = Vec::new();
        let mut add = |code: &str, message: String, hint: &str| {
            all.push(Warning::new(code, "images", message).with_hint(hint));
        };
        if let Some(noise) = self.noise.filter(|noise| *noise > self.otsu) {
            let then = if self.threshold > self.otsu {
                format!("{noise:.2}, which one in a thousand of them exceeds, is used instead")
            } else {
                "much of what is found may be noise".to_owned()
            };
            add(
                "images-alike",
                format!(
                    "no group of changed pixels stands apart: Otsu's threshold ({:.2}) lies within what unchanged pixels show. {then}",
                    self.otsu
                ),
                "leave small events out with `min_area_m2` under [events], and look at ground that you know",
            );
        }
        let Some(mad) = &self.irmad else { return all };
        let other = "compare other bands (`compare` under [images]), or use `method = \"cva\"`";
        match mad.stop {
            MadStop::Converged => {}
            MadStop::MaxIterations => add(
                "irmad-unsettled",
                format!(
                    "IR-MAD did not settle in {} iterations: the last one changed a correlation by {:.3}",
                    mad.iterations, mad.last_change
                ),
                other,
            ),
            MadStop::Collapsed => add(
                "irmad-collapsed",
                format!(
                    "IR-MAD ended after iteration {}: it then takes too few pixels, or pixels that are all alike, for unchanged",
                    mad.iterations
                ),
                other,
            ),
        }
        let share = mad.weight / exact(self.sampled_px.unwrap_or(self.pixels).max(1));
        if share < LEAST_UNCHANGED {
            add(
                "irmad-little-unchanged",
                format!(
                    "IR-MAD takes {:.1} % of the pixels for unchanged: all others may count as changed",
                    100.0 * share
                ),
                other,
            );
        }
        all
    }
}

/// Pixels that were scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ScoreCount {
    /// Pixels that both dates have.
    pub(crate) pixels: u64,
    /// Those above the threshold.
    pub(crate) above: u64,
}

impl ScoreCount {
    pub(crate) fn add(&mut self, other: Self) {
        self.pixels += other.pixels;
        self.above += other.above;
    }
}

fn scores_of(scorer: &Scorer, row: PairRow<'_>) -> Result<Vec<Option<f64>>> {
    Ok(match scorer {
        Scorer::Irmad(mad) => {
            mad.score(row)?.into_iter().map(|score| score.map(|score| score.statistic.sqrt())).collect()
        }
        Scorer::Cva(vectors) => vectors.lengths(row)?,
    })
}

/// Measures how the images of both dates inside an extent are to be scored.
///
/// # Errors
/// Images that cannot be read, or hold nothing to compare.
pub(crate) fn measure(
    images: &mut Images,
    extent: Window,
    method: ImageMethod,
    most_px: u64,
) -> Result<Scoring> {
    let stage = Stage::begin("compare images", 0);
    let (parts, sampled_px) = sample(images, extent, most_px)?;
    let mut pass = Pass { images, parts };
    let scorer = match method {
        ImageMethod::Irmad => Scorer::Irmad(Box::new(pass.irmad()?)),
        ImageMethod::Cva => Scorer::Cva(pass.vectors()?),
    };
    let mut histogram = Histogram::default();
    pass.each(&mut |_, strip| {
        for scores in strip.scores(&scorer)? {
            scores.into_iter().flatten().for_each(|score| histogram.add(score));
        }
        Ok(())
    })?;
    let otsu = histogram.otsu()?;
    let noise = histogram.noise(pass.images.bands.len());
    // Variates of IR-MAD are independent, and normal where nothing changed; bands of change vectors are neither.
    let floor = noise.filter(|_| matches!(scorer, Scorer::Irmad(_)));
    let threshold = floor.map_or(otsu, |noise| noise.max(otsu));
    stage.end(&format!("threshold {threshold:.2}"));
    Ok(Scoring { scorer, threshold, otsu, noise, sampled_px })
}

/// Scores the images of both dates inside a window; `take` gets the rows as they come.
///
/// # Errors
/// Images that cannot be read.
pub(crate) fn score(
    images: &mut Images,
    window: Window,
    scoring: &Scoring,
    take: &mut dyn FnMut(Window, &[u8]) -> Result<()>,
) -> Result<ScoreCount> {
    let mut count = ScoreCount::default();
    for band in window.split_rows(BAND_PX) {
        let mut scored = Raster::filled(band, CONFIDENCE_NODATA);
        let parts = band.split_columns(block_columns(images, band.height)).collect();
        Pass { images, parts }.each(&mut |part, strip| {
            let mut values = Vec::with_capacity(part.width * part.height);
            for scores in strip.scores(&scoring.scorer)? {
                let found = scores.iter().flatten();
                count.pixels += found.clone().count() as u64;
                count.above += found.filter(|score| **score > scoring.threshold).count() as u64;
                let value = |score: Option<f64>| {
                    score.map_or(CONFIDENCE_NODATA, |s| confidence(s, scoring.threshold))
                };
                values.extend(scores.into_iter().map(value));
            }
            scored.paste(&Raster::new(part, values)?);
            Ok(())
        })?;
        take(band, scored.data())?;
    }
    Ok(count)
}

/// Columns that are read at a time with so many rows, a multiple of the side of a block.
fn block_columns(images: &Images, rows: usize) -> i64 {
    let per_column = (2 * images.bands.len() * rows).max(1);
    let blocks = signed(VALUES_AT_A_TIME / per_column) / BLOCK_PX;
    blocks.max(1) * BLOCK_PX
}

/// The windows to measure on: all of a small extent; blocks of a larger one, drawn by their place on the lattice until they
/// hold `most_px` pixels that both dates have, with the number of these.
fn sample(images: &mut Images, extent: Window, most_px: u64) -> Result<(Vec<Window>, Option<u64>)> {
    if extent.pixels() <= most_px {
        return Ok((strips(images, extent), None));
    }
    let (mut chosen, mut pixels) = (Vec::new(), 0);
    for block in blocks(extent, BLOCK_PX) {
        if pixels >= most_px {
            return Ok((chosen, Some(pixels)));
        }
        let [before, after] = images.read(block)?;
        let common = before.valid.iter().zip(&after.valid).filter(|(a, b)| **a && **b).count();
        if common > 0 {
            chosen.push(block);
            pixels += wide(common);
        }
    }
    Ok((chosen, None))
}

/// The blocks of the lattice in an extent, in an order that depends on their places alone. Those at the border are parts.
pub(crate) fn blocks(extent: Window, side: i64) -> Vec<Window> {
    let all = extent.split_rows(side).flat_map(|band| band.split_columns(side));
    let draw = |block: Window| {
        let [col, row] = [block.col, block.row].map(|at| at.div_euclid(side).cast_unsigned());
        SplitMix64::new(SplitMix64::new(col).draw() ^ row).draw()
    };
    let mut drawn: Vec<(u64, Window)> = all.map(|block| (draw(block), block)).collect();
    drawn.sort_unstable_by_key(|(drawn, block)| (*drawn, block.col, block.row));
    drawn.into_iter().map(|(_, block)| block).collect()
}

/// Strips of a window that are read at a time.
fn strips(images: &Images, window: Window) -> Vec<Window> {
    window.strips_of(VALUES_AT_A_TIME / (2 * images.bands.len()).max(1)).collect()
}

/// Passes over the same windows.
struct Pass<'a> {
    images: &'a mut Images,
    parts: Vec<Window>,
}

impl Pass<'_> {
    fn irmad(&mut self) -> Result<Mad> {
        let mut state = IrMad::new(self.images.bands.len(), MadOptions::default())?;
        loop {
            self.each(&mut |_, strip| Ok(state.add(&strip.rows())?))?;
            if let MadStep::Done(mad) = state.advance()? {
                return Ok(mad);
            }
        }
    }

    fn vectors(&mut self) -> Result<ChangeVectors> {
        let mut scales = RobustScales::new(self.images.bands.len())?;
        loop {
            self.each(&mut |_, strip| Ok(scales.add(&strip.rows())?))?;
            if let ScaleStep::Done(scales) = scales.advance()? {
                return Ok(ChangeVectors::standardized(&scales)?);
            }
        }
    }

    fn each(&mut self, take: &mut dyn FnMut(Window, &Strip) -> Result<()>) -> Result<()> {
        for window in &self.parts {
            let [before, after] = self.images.read(*window)?;
            let valid = before.valid.iter().zip(&after.valid).map(|(a, b)| *a && *b).collect();
            take(*window, &Strip { before, after, valid })?;
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
        self.rows().into_par_iter().map(|row| scores_of(scorer, row)).collect()
    }
}

/// One row of a chip: bands x columns.
fn row_of(chip: &Chip, row: usize) -> ndarray::ArrayView2<'_, f32> {
    chip.view().index_axis_move(Axis(1), row)
}

/// A share as the score of a confidence raster.
pub(crate) fn as_score(share: f64) -> u8 {
    arpent_base::number::round(
        f64::from(arpent_base::number::narrow(share)) / arpent_raster::CONFIDENCE_SCALE,
    )
}

#[cfg(test)]
mod tests {
    use arpent_testing::{GeoTiff, Picture};
    use proptest::prelude::*;

    use super::*;
    use crate::change::inputs::{Inputs, Prints, Shifted};
    use crate::config::{ChangeConfig, ChangePlaces};

    #[test]
    fn a_sample_of_blocks_says_what_all_pixels_say() {
        let folder = tempfile::tempdir().unwrap();
        let window = Window::new(3_260_100, -34_310_300, 1500, 1200);
        let write = |name: &str, seed: u64| {
            let mut bands = Picture::new(5, 9).bands(window);
            let mut random = SplitMix64::new(seed);
            for (at, value) in bands.iter_mut().enumerate() {
                let noise = u8::try_from(random.below(6)).unwrap();
                // A tenth of the rows changes.
                let base = if seed == 2 && at / 1500 % 100 < 10 { value.wrapping_add(90) } else { *value };
                *value = base.saturating_add(noise);
            }
            GeoTiff::rgb(2154, 0.2, window, &bands).write(&folder.path().join(name)).unwrap();
        };
        write("old.tif", 1);
        write("new.tif", 2);
        let path = folder.path().join("change.toml");
        let text = "before = { scenes = [\"old.tif\"], date = \"2018\" }\nafter = { scenes = [\"new.tif\"], date = \"2021\" }\n";
        std::fs::write(&path, text).unwrap();
        let config = ChangeConfig::load(&path, ChangePlaces::default()).unwrap();
        let mut images = Inputs::located(&config, Prints::Stamps, Shifted::Asked, folder.path())
            .unwrap()
            .1
            .images
            .unwrap();
        for method in [ImageMethod::Irmad, ImageMethod::Cva] {
            let all = measure(&mut images, window, method, window.pixels()).unwrap();
            assert_eq!(all.sampled_px, None);
            let some = measure(&mut images, window, method, 400_000).unwrap();
            let sampled = some.sampled_px.unwrap();
            assert!((400_000..400_000 + 512 * 512).contains(&sampled), "{sampled}");
            assert_eq!(some, measure(&mut images, window, method, 400_000).unwrap());
            let [all, some] = [&all, &some].map(|scoring| {
                let count = score(&mut images, window, scoring, &mut |_, _| Ok(())).unwrap();
                assert_eq!(count.pixels, window.pixels());
                exact(count.above) / exact(count.pixels)
            });
            assert!((all - some).abs() < 0.01, "{method:?}: {all} and {some} above the threshold");
        }
    }

    proptest! {
        #[test]
        fn blocks_cover_an_extent_once(col in -2000i64..2000, row in -2000i64..2000, width in 1usize..3000, height in 1usize..3000) {
            let extent = Window::new(col, row, width, height);
            let found = blocks(extent, BLOCK_PX);
            prop_assert_eq!(found.iter().map(Window::pixels).sum::<u64>(), extent.pixels());
            prop_assert!(found.iter().all(|block| extent.contains(block)));
            let mut corners: Vec<_> = found.iter().map(|block| (block.row, block.col)).collect();
            corners.sort_unstable();
            corners.dedup();
            prop_assert_eq!(corners.len(), found.len());
        }
    }
}
