//! Scenes whose pixels are computed from pixels of another size while they are read (ADR 0016).

use std::collections::BTreeMap;
use std::ops::Range;

use arpent_raster::{Axis, Chip, Grid, Native, PixelArea, Resampling, SceneInfo, Taps, Window};

use crate::reader::NOBODY;
use crate::{GdalError, Mosaic, MosaicReader};

/// Pixels that are read and weighed at once.
const STRIP_PIXELS: usize = 1 << 20;

/// Describes a scene on another grid of the same CRS, whose pixels are weighed sums of the scene's own, computed while a
/// [`MosaicReader`] reads them. No file is opened. The scene fills the new pixels whose centers lie in it, so scenes that
/// touch still touch.
///
/// Sums are taken over the mosaic of all scenes that lie on one grid, always at full resolution: overviews are never used. What a new pixel is
/// depends on its place alone, not on how a survey is cut into files. Values are not rounded to the file's type.
///
/// A scene in which no new pixel has its center gets an empty window. It is still weighed, where its neighbors are valid.
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

/// Scenes of a mosaic that are read on one grid.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Their numbers, in order.
    members: Vec<usize>,
    /// Where they lie, all of them, in pixels of the mosaic: beyond, the layer has nothing.
    window: Window,
    /// How the mosaic's pixels are made of theirs, where they differ.
    weighed: Option<Weighed>,
}

#[derive(Debug)]
struct Weighed {
    cols: Axis,
    rows: Axis,
    method: Resampling,
}

impl Layer {
    /// The scenes of a mosaic by the grid that they are read on.
    pub(crate) fn of(mosaic: &Mosaic) -> Vec<Self> {
        let mut layers: BTreeMap<Option<String>, Self> = BTreeMap::new();
        for (index, scene) in mosaic.scenes.iter().enumerate() {
            let key =
                scene.native.as_ref().map(|native| format!("{:?} {}", native.method, native.grid.key()));
            let layer = layers.entry(key).or_insert_with(|| {
                let weighed = scene.native.as_ref().map(|native| {
                    let (cols, rows) = Axis::between(&native.grid, &mosaic.grid);
                    Weighed { cols, rows, method: native.method }
                });
                Self { members: Vec::new(), window: scene.window, weighed }
            });
            layer.window = layer.window.union(&scene.window);
            layer.members.push(index);
        }
        layers.into_values().collect()
    }

    /// Whether it may have something in a window.
    pub(crate) fn meets(&self, window: &Window) -> bool {
        self.window.intersect(window).is_some()
    }
}

impl MosaicReader {
    /// What one band of a window takes more, bytes, where scenes are resampled: a strip of them, as it is read, as floats, and as sums.
    pub const BYTES_OF_A_STRIP: u64 = 24 * STRIP_PIXELS as u64;

    /// Reads a window of the mosaic's grid from the scenes of one layer, and which of them gave each pixel.
    pub(crate) fn read_layer(
        &mut self,
        layer: &Layer,
        window: Window,
        givers: Option<&mut [u32]>,
    ) -> Result<Chip, GdalError> {
        match &layer.weighed {
            None => self.read_scenes(&layer.members, window, givers),
            Some(weighed) => self.weigh(&layer.members, weighed, window, givers),
        }
    }

    fn weigh(
        &mut self,
        members: &[usize],
        weighed: &Weighed,
        window: Window,
        mut givers: Option<&mut [u32]>,
    ) -> Result<Chip, GdalError> {
        let mut chip = Chip::empty(window, self.bands);
        let sums = Sums {
            cols: weighed.cols.taps(window.col, window.width, weighed.method),
            rows: weighed.rows.taps(window.row, window.height, weighed.method),
            nearest: weighed.method == Resampling::Nearest,
        };
        if let (Some(width), false) = (sums.too_wide(), window.is_empty()) {
            // A row of new pixels alone is too much: one half after the other. Each sum is for itself.
            let east = window.col.saturating_add_unsigned(width as u64);
            let halves =
                [Window { width, ..window }, Window { col: east, width: window.width - width, ..window }];
            for half in halves {
                let mut own = givers.as_ref().map(|_| vec![NOBODY; half.width * half.height]);
                chip.paste(&self.weigh(members, weighed, half, own.as_deref_mut())?);
                if let (Some(givers), Some(own)) = (&mut givers, &own) {
                    let from = distance(window.col, half.col);
                    for (to, own) in givers.chunks_exact_mut(window.width).zip(own.chunks_exact(half.width)) {
                        to[from..from + half.width].copy_from_slice(own);
                    }
                }
            }
            return Ok(chip);
        }
        let mut begin = 0;
        while begin < window.height {
            let wanted = begin..sums.strip_end(begin);
            begin = wanted.end;
            let old = sums.old_window(wanted.clone());
            let mut old_givers = givers.as_ref().map(|_| vec![NOBODY; old.width * old.height]);
            let part = self.read_scenes(members, old, old_givers.as_deref_mut())?;
            if !part.valid.contains(&true) {
                continue;
            }
            sums.fill(&mut chip, wanted.clone(), &part);
            if let (Some(givers), Some(old_givers)) = (&mut givers, &old_givers) {
                sums.copy_centers(wanted, &old, old_givers, givers);
            }
        }
        Ok(chip)
    }
}

/// What the pixels of a window are sums of.
struct Sums {
    cols: Taps,
    rows: Taps,
    /// Whether each is one pixel, as it is.
    nearest: bool,
}

impl Sums {
    /// How many columns to take first, where the old pixels of a new row are too many to be read at once.
    fn too_wide(&self) -> Option<usize> {
        let rows = (0..self.rows.len()).map(|row| self.rows.of(row).1.len()).max()?;
        let read = length(&self.cols.span(0..self.cols.len())).saturating_mul(rows);
        (read > STRIP_PIXELS && self.cols.len() > 1).then_some(self.cols.len() / 2)
    }

    /// Where a strip of new rows ends that begins at `begin`: at least one row is in it.
    fn strip_end(&self, begin: usize) -> usize {
        let across = self.cols.span(0..self.cols.len());
        let width = length(&across).max(self.cols.len());
        let fits = |end: &usize| length(&self.rows.span(begin..*end)).saturating_mul(width) <= STRIP_PIXELS;
        // Rows that are needed grow with the end.
        let (mut low, mut high) = (begin + 1, self.rows.len());
        while low < high {
            let middle = (low + high).div_ceil(2);
            if fits(&middle) { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// The old pixels that some new rows need.
    fn old_window(&self, wanted: Range<usize>) -> Window {
        let (cols, rows) = (self.cols.span(0..self.cols.len()), self.rows.span(wanted));
        Window::between(cols.start, rows.start, cols.end, rows.end)
    }

    /// Computes new rows of a chip from the old pixels that they need. Each sum is taken in the order of the old pixels, from
    /// the CRS origin on, in double precision: it is the same in every window.
    fn fill(&self, chip: &mut Chip, wanted: Range<usize>, part: &Chip) {
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
            // Where all is valid, the weights alone.
            self.all_weights(wanted.clone())
        };
        for band in 0..chip.bands {
            let sums = self.summed(wanted.clone(), &part.window, part.band(band));
            let valid = &chip.valid[places.clone()];
            let out = chip.data[band * pixels..][places.clone()].iter_mut();
            for (((out, valid), sum), weight) in out.zip(valid).zip(&sums).zip(&weights) {
                if *valid {
                    #[allow(clippy::cast_possible_truncation, reason = "networks compute in f32")]
                    let value = (sum / weight) as f32;
                    *out = value;
                }
            }
        }
    }

    /// Weighed sums for new rows: along the old rows first, then down the columns. Each old row is added to the new ones that need it
    /// when its own sums are known, so that they stay in the processor's cache.
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

    /// What [`Sums::summed`] gives for ones.
    fn all_weights(&self, wanted: Range<usize>) -> Vec<f64> {
        // In the same order, so that validity far away changes no bit.
        let along: Vec<f64> = (0..self.cols.len()).map(|col| self.cols.of(col).1.iter().sum()).collect();
        let one = |row: usize| {
            let down = self.rows.of(row).1;
            along.iter().map(move |along| down.iter().map(|weight| weight * along).sum::<f64>())
        };
        wanted.flat_map(one).collect()
    }

    /// Copies what the old pixels have that hold the new ones' centers.
    fn copy_centers<T: Copy>(&self, wanted: Range<usize>, old: &Window, from: &[T], to: &mut [T]) {
        let width = self.cols.len();
        for row in wanted {
            let start = distance(old.row, self.rows.center(row)) * old.width;
            for col in 0..width {
                to[row * width + col] = from[start + distance(old.col, self.cols.center(col))];
            }
        }
    }
}

/// Pixels from `from` to `to`, which lies behind it.
fn distance(from: i64, to: i64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(0)
}

fn length(range: &Range<i64>) -> usize {
    distance(range.start, range.end)
}
