//! The levels of dissimilarity of a map's blocks, on disk: shares of features and of the map outside of the area of
//! applicability of the model.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use arpent_base::number::{exact, floor, offset, rounded, signed, wide};
use arpent_base::{DoingWhat as _, Result};
use arpent_gdal::Aoi;
use arpent_model::BLOCK_PX;
use arpent_publish::ApplicabilityCounts;
use arpent_raster::{Grid, Window};
use arpent_vector::Feature;

use super::origin::Inside;
use crate::job::{Blocks, Level, MapJob, levels_in, put_levels};

const STEP: i64 = signed(BLOCK_PX);

/// The levels of the blocks of a map, two bytes each in a temporary file: a map of a country has thousands of millions of
/// blocks, and features ask for those of rows that have passed.
#[derive(Debug)]
pub(super) struct DissimilarityMap {
    file: File,
    blocks: Blocks,
    extent: Window,
    /// The scenes, where an AOI limits the map.
    footprints: Vec<Window>,
    threshold: f64,
    /// Valid pixels by level, and those of unknown levels at 0.
    pixels: Vec<u64>,
    features_outside: u64,
}

impl DissimilarityMap {
    /// Without any level yet; its file goes to `scratch`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(super) fn create(scratch: &Path, map: &MapJob, threshold: f64) -> Result<Self> {
        let extent = map.plan.extent();
        let blocks = Blocks::of(&extent);
        let footprints = if map.aoi.is_some() { map.footprints() } else { Vec::new() };
        let file = tempfile::tempfile_in(scratch).context("cannot make a temporary file")?;
        // Blocks that no window touches stay unknown, and take no room.
        file.set_len(2 * wide(blocks.count()))?;
        let pixels = vec![0; usize::from(u16::MAX) + 1];
        Ok(Self { file, blocks, extent, footprints, threshold, pixels, features_outside: 0 })
    }

    /// Takes the levels of the blocks that touch a core. Cores that share a block have the same level of it. Blocks without a pixel that is asked
    /// for stay unknown: whether a core touches them depends on the size of windows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn put(&mut self, aoi: Option<&Aoi>, core: &Window, levels: &[Level]) -> Result<()> {
        let of = Blocks::of(core);
        for (row, levels) in (of.row..).zip(levels.chunks_exact(of.cols)) {
            let mut levels = levels.to_vec();
            for (col, level) in (of.col..).zip(&mut levels) {
                if aoi.is_some_and(|aoi| !self.is_wanted(aoi, col, row)) {
                    *level = Level::UNKNOWN;
                }
            }
            let mut bytes = Vec::with_capacity(2 * levels.len());
            put_levels(&mut bytes, &levels);
            self.file.write_all_at(&bytes, self.place(of.col, row))?;
        }
        Ok(())
    }

    /// Whether a block has a pixel of a scene in the AOI.
    fn is_wanted(&self, aoi: &Aoi, col: i64, row: i64) -> bool {
        let block = Window::new(col * STEP, row * STEP, BLOCK_PX, BLOCK_PX).intersect(&self.extent);
        block.filter(|block| aoi.intersects(block)).is_some_and(|block| {
            let mut parts = self.footprints.iter().filter_map(|scene| scene.intersect(&block));
            parts.any(|part| aoi.mask(part).data().contains(&true))
        })
    }

    fn place(&self, col: i64, row: i64) -> u64 {
        let (col, row) = (offset(col - self.blocks.col), offset(row - self.blocks.row));
        2 * wide(row * self.blocks.cols + col)
    }

    /// Levels of a row of blocks, from a column on.
    fn row(&self, col: i64, row: i64, cols: usize) -> Result<Vec<Level>> {
        let mut bytes = vec![0; 2 * cols];
        self.file.read_exact_at(&mut bytes, self.place(col, row))?;
        Ok(levels_in(&bytes))
    }

    /// Counts the pixels of full rows, those of the map that are valid.
    ///
    /// # Errors
    /// When levels cannot be read.
    pub(super) fn count(&mut self, rows: &Window, is_valid: impl Fn(usize) -> bool) -> Result<()> {
        let blocks = Blocks::of(rows);
        let mut levels = (i64::MIN, Vec::new());
        for (at, row) in (rows.row..rows.row_end()).enumerate() {
            let of = row.div_euclid(STEP);
            if levels.0 != of {
                levels = (of, self.row(blocks.col, of, blocks.cols)?);
            }
            let mut col = rows.col;
            for level in &levels.1 {
                let end = ((col.div_euclid(STEP) + 1) * STEP).min(rows.col_end());
                let first = at * rows.width + offset(col - rows.col);
                let valid = (first..first + offset(end - col)).filter(|pixel| is_valid(*pixel)).count();
                self.pixels[usize::from(level.0)] += wide(valid);
                col = end;
            }
        }
        Ok(())
    }

    /// The share of a feature that is outside, of its pixels in known blocks, with 2 decimals; of the block in its middle, if it was made
    /// of boxes: a box reaches into rows that have not come yet. `None` without a known block.
    ///
    /// # Errors
    /// When levels cannot be read.
    pub(super) fn share(&mut self, grid: &Grid, feature: &Feature, of_boxes: bool) -> Result<Option<f64>> {
        let window = grid.window_of(feature.bbox()).intersect(&self.extent);
        let share = match window {
            None => None,
            Some(_) if of_boxes => self.in_the_middle(grid, feature.bbox())?,
            Some(window) => self.of_pixels(grid, &window, feature)?,
        };
        // As published: a decided map counts the values of the column.
        let share = share.map(|share| rounded(share, 2));
        self.features_outside += u64::from(share.is_some_and(|share| share > 0.5));
        Ok(share)
    }

    fn in_the_middle(&self, grid: &Grid, [west, south, east, north]: [f64; 4]) -> Result<Option<f64>> {
        let (col, row) = grid.pixel(f64::midpoint(west, east), f64::midpoint(south, north));
        let pixel = Window::new(floor::<i64>(col), floor::<i64>(row), 1, 1);
        if !self.extent.contains(&pixel) {
            return Ok(None);
        }
        let level = self.row(pixel.col.div_euclid(STEP), pixel.row.div_euclid(STEP), 1)?[0];
        Ok(level.is_outside().map(|outside| f64::from(u8::from(outside))))
    }

    fn of_pixels(&self, grid: &Grid, window: &Window, feature: &Feature) -> Result<Option<f64>> {
        let blocks = Blocks::of(window);
        let rows = || (blocks.row..).take(blocks.rows);
        // Most features lie in blocks of one kind.
        let (mut inside, mut outside, mut unknown) = (false, false, false);
        for row in rows() {
            for level in self.row(blocks.col, row, blocks.cols)? {
                match level.is_outside() {
                    Some(true) => outside = true,
                    Some(false) => inside = true,
                    None => unknown = true,
                }
            }
        }
        match (inside, outside, unknown) {
            (false, false, _) => return Ok(None),
            (true, false, false) => return Ok(Some(0.0)),
            (false, true, false) => return Ok(Some(1.0)),
            _ => {}
        }
        let runs = Inside::new(grid, window, feature);
        let (mut known, mut out) = (0u64, 0u64);
        for row in rows() {
            let levels = self.row(blocks.col, row, blocks.cols)?;
            for pixels in (row * STEP).max(window.row)..((row + 1) * STEP).min(window.row_end()) {
                for [from, to] in runs.runs(pixels) {
                    let (from, to) = (from.max(window.col), to.min(window.col_end()));
                    let mut col = from;
                    while col < to {
                        let end = ((col.div_euclid(STEP) + 1) * STEP).min(to);
                        let level = levels[offset(col.div_euclid(STEP) - blocks.col)];
                        let pixels = end.abs_diff(col);
                        if let Some(is_outside) = level.is_outside() {
                            known += pixels;
                            out += if is_outside { pixels } else { 0 };
                        }
                        col = end;
                    }
                }
            }
        }
        Ok((known > 0).then(|| exact(out) / exact(known)))
    }

    /// What was counted.
    pub(super) fn counts(&self) -> ApplicabilityCounts {
        let known: u64 = self.pixels[1..].iter().sum();
        let of = |side: bool| {
            let levels = (0..=u16::MAX).zip(&self.pixels);
            levels
                .filter(|(level, _)| Level(*level).is_outside() == Some(side))
                .map(|(_, pixels)| pixels)
                .sum()
        };
        let outside: u64 = of(true);
        ApplicabilityCounts {
            threshold: rounded(self.threshold, 6),
            pixels: known,
            pixels_outside: outside,
            share_outside: rounded(exact(outside) / exact(known.max(1)), 6),
            pixels_unknown: self.pixels[0],
            median: self.quantile(known, 0.5),
            p95: self.quantile(known, 0.95),
            features_outside: self.features_outside,
        }
    }

    /// The index over the threshold that a share of the pixels does not exceed; `None` without a known block.
    fn quantile(&self, known: u64, share: f64) -> Option<f64> {
        let mut below = 0;
        let found = (1..=u16::MAX).find(|level| {
            below += self.pixels[usize::from(*level)];
            below > 0 && exact(below) >= share * exact(known)
        });
        found.map(|level| Level(level).ratio())
    }
}
