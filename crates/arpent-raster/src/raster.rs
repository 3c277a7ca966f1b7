//! Pixel arrays with their window.

use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3};
use thiserror::Error;

use crate::Window;

/// An array whose size differs from that of its window.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{window} with {bands} band(s) needs {expected} values, got {got}")]
pub struct RasterError {
    /// The window.
    pub window: Window,
    /// Number of bands.
    pub bands: usize,
    /// Values needed.
    pub expected: usize,
    /// Values given.
    pub got: usize,
}

impl arpent_base::Diagnostic for RasterError {}

/// One band of pixels, row by row from the north-west corner.
///
/// ```
/// use arpent_raster::{Raster, Window};
///
/// let roof = Raster::new(Window::new(12, 41, 2, 1), vec![7u8, 7])?;
/// let mut map = Raster::filled(Window::new(10, 40, 5, 3), 0u8);
/// map.paste(&roof);
/// assert_eq!(map.row(1), [0, 0, 7, 7, 0]);
/// assert_eq!(map.crop(roof.window()), Some(roof));
/// // As an array of the `ndarray` crate: rows, then columns.
/// assert_eq!(map.view()[[1, 2]], 7);
/// assert_eq!(map.view().iter().filter(|class| **class == 7).count(), 2);
/// # Ok::<(), arpent_raster::RasterError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Raster<T> {
    window: Window,
    data: Vec<T>,
}

impl<T: Copy> Raster<T> {
    /// Wraps row-major values.
    ///
    /// # Errors
    /// [`RasterError`] when the number of values differs from the number of pixels of the window.
    pub fn new(window: Window, data: Vec<T>) -> Result<Self, RasterError> {
        let expected = pixels(window);
        if data.len() == expected {
            Ok(Self { window, data })
        } else {
            Err(RasterError { window, bands: 1, expected, got: data.len() })
        }
    }

    /// A raster of one value.
    pub fn filled(window: Window, value: T) -> Self {
        Self { window, data: vec![value; pixels(window)] }
    }

    /// The pixels it holds.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Takes an array of rows and columns; its first element is the window's north-west pixel.
    ///
    /// # Errors
    /// [`RasterError`] when the array has not the window's shape.
    pub fn from_array(window: Window, array: Array2<T>) -> Result<Self, RasterError> {
        let (expected, got) = (pixels(window), array.len());
        if array.dim() != (window.height, window.width) {
            return Err(RasterError { window, bands: 1, expected, got });
        }
        let data = if array.is_standard_layout() {
            array.into_raw_vec_and_offset().0
        } else {
            array.iter().copied().collect()
        };
        Self::new(window, data)
    }

    /// The values as an array: axes row, column.
    pub fn view(&self) -> ArrayView2<'_, T> {
        ArrayView2::from_shape(shape(self.window), &self.data).expect("a raster has its window's pixels")
    }

    /// The values as an array to change: axes row, column.
    pub fn view_mut(&mut self) -> ArrayViewMut2<'_, T> {
        ArrayViewMut2::from_shape(shape(self.window), &mut self.data)
            .expect("a raster has its window's pixels")
    }

    /// The values as an array of their own, without a copy: axes row, column.
    pub fn into_array(self) -> Array2<T> {
        Array2::from_shape_vec(shape(self.window), self.data).expect("a raster has its window's pixels")
    }

    /// All values, row by row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All values, row by row, mutable.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The `index`-th row from the top.
    pub fn row(&self, index: usize) -> &[T] {
        &self.data[index * self.window.width..(index + 1) * self.window.width]
    }

    /// Copies the pixels that `other` shares with this raster into it.
    pub fn paste(&mut self, other: &Self) {
        for CommonRow { to, from, width } in common_rows(self.window, other.window) {
            self.data[to..to + width].copy_from_slice(&other.data[from..from + width]);
        }
    }

    /// The pixels of `window` (which must lie inside) as a new raster.
    #[must_use]
    pub fn crop(&self, window: Window) -> Option<Self> {
        if !self.window.contains(&window) {
            return None;
        }
        let (col, row) = self.window.offset_of(&window)?;
        let rows = (row..row + window.height).flat_map(|r| {
            let start = r * self.window.width + col;
            self.data[start..start + window.width].iter().copied()
        });
        Some(Self { window, data: rows.collect() })
    }
}

/// Input of a model: several bands of raw values and the mask of the valid pixels.
///
/// ```
/// use arpent_raster::{Chip, Window};
///
/// let mut chip = Chip::empty(Window::new(0, 0, 3, 2), 4);
/// chip.view_mut()[[3, 1, 2]] = 0.5; // band, row, column
/// assert_eq!(chip.band(3), [0.0, 0.0, 0.0, 0.0, 0.0, 0.5]);
/// assert_eq!(chip.valid_view().dim(), (2, 3));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Chip {
    /// The pixels it holds.
    pub window: Window,
    /// Number of bands.
    pub bands: usize,
    /// Raw values in the scene's units, band by band, each row by row. Values of invalid pixels are 0.
    pub data: Vec<f32>,
    /// Whether each pixel is valid, row by row.
    pub valid: Vec<bool>,
}

impl Chip {
    /// A chip without a valid pixel.
    pub fn empty(window: Window, bands: usize) -> Self {
        let pixels = pixels(window);
        Self { window, bands, data: vec![0.0; pixels.saturating_mul(bands)], valid: vec![false; pixels] }
    }

    /// The values as an array: axes band, row, column.
    pub fn view(&self) -> ArrayView3<'_, f32> {
        let (height, width) = shape(self.window);
        ArrayView3::from_shape((self.bands, height, width), &self.data)
            .expect("a chip has its window's pixels")
    }

    /// The values as an array to change: axes band, row, column.
    pub fn view_mut(&mut self) -> ArrayViewMut3<'_, f32> {
        let (height, width) = shape(self.window);
        ArrayViewMut3::from_shape((self.bands, height, width), &mut self.data)
            .expect("a chip has its window's pixels")
    }

    /// Which pixels are valid, as an array: axes row, column.
    pub fn valid_view(&self) -> ArrayView2<'_, bool> {
        ArrayView2::from_shape(shape(self.window), &self.valid).expect("a chip has its window's pixels")
    }

    /// The values of one band.
    pub fn band(&self, index: usize) -> &[f32] {
        let pixels = self.valid.len();
        &self.data[index * pixels..(index + 1) * pixels]
    }

    /// The bands of this chip followed by those of another of the same window, valid where both are; values of
    /// pixels that are invalid in one of them become 0. `None` when the windows differ.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> Option<Self> {
        if self.window != other.window {
            return None;
        }
        self.data.extend_from_slice(&other.data);
        self.bands += other.bands;
        self.valid.iter_mut().zip(&other.valid).for_each(|(valid, other)| *valid &= other);
        for band in self.data.chunks_exact_mut(self.valid.len().max(1)) {
            band.iter_mut().zip(&self.valid).filter(|(_, valid)| !**valid).for_each(|(v, _)| *v = 0.0);
        }
        Some(self)
    }

    /// Copies the pixels that `other`, a chip of as many bands, shares with this one into it.
    pub fn paste(&mut self, other: &Self) {
        let (pixels, of_other) = (self.valid.len(), other.valid.len());
        for CommonRow { to, from, width } in common_rows(self.window, other.window) {
            self.valid[to..to + width].copy_from_slice(&other.valid[from..from + width]);
            for band in 0..self.bands.min(other.bands) {
                let line = &other.data[band * of_other + from..][..width];
                self.data[band * pixels + to..][..width].copy_from_slice(line);
            }
        }
    }

    /// Whether any pixel of `window` is valid.
    pub fn any_valid_in(&self, window: &Window) -> bool {
        let Some(common) = self.window.intersect(window) else { return false };
        let Some((col, row)) = self.window.offset_of(&common) else { return false };
        (row..row + common.height).any(|r| {
            let start = r * self.window.width + col;
            self.valid[start..start + common.width].iter().any(|v| *v)
        })
    }
}

/// Rows and columns of a window.
const fn shape(window: Window) -> (usize, usize) {
    (window.height, window.width)
}

/// Number of pixels of a window; saturates, so that it is never too small.
fn pixels(window: Window) -> usize {
    usize::try_from(window.pixels()).unwrap_or(usize::MAX)
}

/// One row that two windows have in common: where it starts in the pixels of each, and how many pixels it has.
struct CommonRow {
    to: usize,
    from: usize,
    width: usize,
}

/// The rows that `to` and `from` have in common, from the top; empty if they do not intersect.
fn common_rows(to: Window, from: Window) -> impl Iterator<Item = CommonRow> {
    let starts = to.intersect(&from).and_then(|common| {
        let (in_to, in_from) = (to.offset_of(&common)?, from.offset_of(&common)?);
        Some((common, in_to, in_from))
    });
    starts.into_iter().flat_map(move |(common, (to_col, to_row), (from_col, from_row))| {
        (0..common.height).map(move |r| CommonRow {
            to: (to_row + r) * to.width + to_col,
            from: (from_row + r) * from.width + from_col,
            width: common.width,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasting_and_cropping_are_inverse() {
        let inner = Raster::new(Window::new(3, 4, 2, 2), vec![1, 2, 3, 4]).unwrap();
        let mut outer = Raster::filled(Window::new(0, 0, 8, 8), 0);
        outer.paste(&inner);
        assert_eq!(outer.crop(inner.window()), Some(inner));
        assert_eq!(outer.crop(Window::new(7, 7, 2, 2)), None);
    }

    #[test]
    fn arrays_and_rasters_are_the_same_pixels() {
        let window = Window::new(3, 4, 3, 2);
        let raster = Raster::new(window, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(raster.view()[[1, 0]], 4);
        let columns_first = raster.view().reversed_axes().to_owned();
        assert!(Raster::from_array(window, columns_first.clone()).is_err(), "3 rows of 2");
        // The same pixels, stored column by column.
        let again = Raster::from_array(window, columns_first.reversed_axes()).unwrap();
        assert_eq!(again, raster);
        assert_eq!(Raster::from_array(window, raster.clone().into_array()).unwrap(), raster);
        let mut changed = raster;
        changed.view_mut()[[0, 2]] = 9;
        assert_eq!(changed.data(), [1, 2, 9, 4, 5, 6]);
    }

    #[test]
    fn sizes_are_checked() {
        assert!(Raster::new(Window::new(0, 0, 2, 2), vec![0u8; 3]).is_err());
        // 2^64 pixels are not none.
        let error = Raster::new(Window::new(0, 0, 1 << 33, 1 << 31), Vec::<u8>::new()).unwrap_err();
        assert_eq!(error.expected, usize::MAX);
    }

    #[test]
    fn joined_chips_are_valid_where_both_are() {
        let window = Window::new(5, 6, 2, 1);
        let of = |data: [f32; 2], valid: [bool; 2]| Chip {
            window,
            bands: 1,
            data: data.into(),
            valid: valid.into(),
        };
        let both = of([1.0, 2.0], [true, true]).joined(&of([3.0, 0.0], [true, false])).unwrap();
        assert_eq!(both, Chip { window, bands: 2, data: vec![1.0, 0.0, 3.0, 0.0], valid: vec![true, false] });
        assert_eq!(both.joined(&Chip::empty(Window::new(5, 7, 2, 1), 1)), None);
    }

    #[test]
    fn a_pasted_chip_brings_its_bands_and_its_validity() {
        let mut chip = Chip::empty(Window::new(0, 0, 3, 2), 2);
        let small = Window::new(2, -1, 2, 2);
        let data = (1u8..9).map(f32::from).collect();
        chip.paste(&Chip { window: small, bands: 2, data, valid: vec![true, true, true, false] });
        let mut right = Chip::empty(chip.window, 2);
        (right.data[2], right.data[8], right.valid[2]) = (3.0, 7.0, true);
        assert_eq!(chip, right);
    }

    #[test]
    fn validity_is_looked_up_inside_a_window() {
        let mut chip = Chip::empty(Window::new(0, 0, 4, 4), 1);
        chip.valid[5] = true;
        assert!(chip.any_valid_in(&Window::new(1, 1, 1, 1)));
        assert!(!chip.any_valid_in(&Window::new(2, 1, 2, 3)));
    }
}
