//! Resampling of scenes during reading (ADR 0016).

use std::ops::Range;

use arpent_base::number::narrow;
use arpent_raster::{Axis, Chip, Grid, Native, PixelArea, Resampling, SceneInfo, Taps, Window};

/// Pixels that are read and weighted at a time.
pub(super) const STRIP_PIXELS: usize = 1 << 20;

/// Describes a scene on another grid of the same CRS, whose pixels are weighted sums of the scene's own, computed while
/// a [`MosaicReader`](crate::MosaicReader) reads them. No file is opened. The scene fills the new pixels whose centers
/// lie in it, so scenes that touch still touch.
///
/// Sums are computed over the mosaic of all scenes of one grid, always at full resolution: overviews are never used. A
/// new pixel depends only on its position, not on how a survey is cut into files. Values are not rounded to the file's
/// type.
///
/// A scene without the center of any new pixel gets an empty window. It still contributes to sums of its neighbors'
/// pixels.
pub fn resampled(scene: &SceneInfo, target: &Grid, method: Resampling) -> SceneInfo {
    let (grid, old, gsd_m) = match &scene.native {
        Some(native) => (&native.grid, native.window, native.gsd_m),
        None => (&scene.grid, scene.window, scene.gsd_m),
    };
    let (cols, rows) = Axis::between(grid, target);
    let (cols, rows) = (cols.centers_in(old.col, old.col_end()), rows.centers_in(old.row, old.row_end()));
    let window = Window::between(cols.start, rows.start, cols.end, rows.end);
    let center = window.row.saturating_add_unsigned(window.height as u64 / 2);
    SceneInfo {
        gsd_m: PixelArea::new(target).gsd_of_row(center),
        native: Some(Box::new(Native { grid: grid.clone(), window: old, gsd_m, method })),
        grid: target.clone(),
        window,
        ..scene.clone()
    }
}

/// How the pixels of one grid are computed from those of another.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) cols: Axis,
    pub(super) rows: Axis,
    pub(super) method: Resampling,
}

impl Weighed {
    /// The weights for the pixels of a window.
    pub(super) fn sums(&self, window: &Window) -> Sums {
        Sums {
            cols: self.cols.taps(window.col, window.width, self.method),
            rows: self.rows.taps(window.row, window.height, self.method),
            nearest: self.method == Resampling::Nearest,
        }
    }
}

/// Weights for the pixels of a window.
pub(super) struct Sums {
    cols: Taps,
    rows: Taps,
    /// Whether each new pixel is a copy of one old pixel.
    nearest: bool,
}

impl Sums {
    /// The number of columns to compute first, if the old pixels of a new row are too many to be read at a time.
    pub(super) fn too_wide(&self) -> Option<usize> {
        let rows = (0..self.rows.len()).map(|row| self.rows.of(row).1.len()).max()?;
        let read = length(&self.cols.span(0..self.cols.len())).saturating_mul(rows);
        (read > STRIP_PIXELS && self.cols.len() > 1).then_some(self.cols.len() / 2)
    }

    /// The end of a strip of new rows that begins at `begin`; at least one row.
    pub(super) fn strip_end(&self, begin: usize) -> usize {
        let across = self.cols.span(0..self.cols.len());
        let width = length(&across).max(self.cols.len());
        let fits = |end: &usize| length(&self.rows.span(begin..*end)).saturating_mul(width) <= STRIP_PIXELS;
        // The number of old rows grows with the end.
        let (mut low, mut high) = (begin + 1, self.rows.len());
        while low < high {
            let middle = (low + high).div_ceil(2);
            if fits(&middle) { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// The old pixels needed for some new rows.
    pub(super) fn old_window(&self, wanted: Range<usize>) -> Window {
        let (cols, rows) = (self.cols.span(0..self.cols.len()), self.rows.span(wanted));
        Window::between(cols.start, rows.start, cols.end, rows.end)
    }

    /// Computes new rows of a chip from the old pixels. Each sum is computed in the order of the old pixels, from
    /// the CRS origin on, in double precision: it is the same in every window.
    pub(super) fn fill(&self, chip: &mut Chip, wanted: Range<usize>, part: &Chip) {
        let width = self.cols.len();
        let places = wanted.start * width..wanted.end * width;
        self.copy_centers(wanted.clone(), &part.window, &part.valid, &mut chip.valid);
        if chip.bands == 0 {
            return;
        }
        let pixels = chip.valid.len();
        if self.nearest {
            for (band, values) in chip.data.chunks_exact_mut(pixels).enumerate() {
                self.copy_centers(wanted.clone(), &part.window, part.band(band), values);
            }
            return;
        }
        let weights = if part.valid.contains(&false) {
            let ones: Vec<f32> = part.valid.iter().map(|valid| f32::from(u8::from(*valid))).collect();
            self.summed(wanted.clone(), &part.window, &ones)
        } else {
            // If all pixels are valid, the sums of weights are constant.
            self.all_weights(wanted.clone())
        };
        for band in 0..chip.bands {
            let sums = self.summed(wanted.clone(), &part.window, part.band(band));
            let valid = &chip.valid[places.clone()];
            let out = chip.data[band * pixels..][places.clone()].iter_mut();
            for (((out, valid), sum), weight) in out.zip(valid).zip(&sums).zip(&weights) {
                if *valid {
                    let value = narrow(sum / weight);
                    *out = value;
                }
            }
        }
    }

    /// Weighted sums for new rows: along the old rows first, then down the columns. Each old row is added to the new
    /// rows right after its own sums are computed, so that they stay in the processor's cache.
    fn summed(&self, wanted: Range<usize>, old: &Window, values: &[f32]) -> Vec<f64> {
        let width = self.cols.len();
        let mut sums = vec![0.0; width * wanted.len()];
        let mut along = vec![0.0; width];
        let mut first = wanted.start;
        for (old_row, values) in (old.row..).zip(values.chunks_exact(old.width.max(1))) {
            for (col, along) in along.iter_mut().enumerate() {
                let (begin, weights) = self.cols.of(col);
                let values = &values[distance(old.col, begin)..];
                *along = weights.iter().zip(values).map(|(weight, v)| weight * f64::from(*v)).sum();
            }
            for row in first..wanted.end {
                let (begin, weights) = self.rows.of(row);
                if begin > old_row {
                    break;
                }
                if let Some(weight) = weights.get(distance(begin, old_row)) {
                    let sums = &mut sums[(row - wanted.start) * width..][..width];
                    sums.iter_mut().zip(&along).for_each(|(sum, v)| *sum += weight * v);
                }
            }
            let is_done = |row: usize| {
                let (begin, weights) = self.rows.of(row);
                begin <= old_row && distance(begin, old_row) + 1 >= weights.len()
            };
            while first < wanted.end && is_done(first) {
                first += 1;
            }
        }
        sums
    }

    /// The result of [`Sums::summed`] for ones.
    fn all_weights(&self, wanted: Range<usize>) -> Vec<f64> {
        // In the same order, so that the validity of distant pixels changes no bit.
        let along: Vec<f64> = (0..self.cols.len()).map(|col| self.cols.of(col).1.iter().sum()).collect();
        let one = |row: usize| {
            let down = self.rows.of(row).1;
            along.iter().map(move |along| down.iter().map(|weight| weight * along).sum::<f64>())
        };
        wanted.flat_map(one).collect()
    }

    /// Copies the old pixels that contain the centers of the new ones.
    pub(super) fn copy_centers<T: Copy>(&self, wanted: Range<usize>, old: &Window, from: &[T], to: &mut [T]) {
        let width = self.cols.len();
        for row in wanted {
            let start = distance(old.row, self.rows.center(row)) * old.width;
            for col in 0..width {
                to[row * width + col] = from[start + distance(old.col, self.cols.center(col))];
            }
        }
    }
}

/// Number of pixels from `from` to `to`, which must not be smaller.
pub(super) fn distance(from: i64, to: i64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(0)
}

fn length(range: &Range<i64>) -> usize {
    distance(range.start, range.end)
}
