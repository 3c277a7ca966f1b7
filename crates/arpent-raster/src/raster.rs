//! Arrays of pixels with their window.

use thiserror::Error;

use crate::Window;

/// An array does not have the size that its window asks for.
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
#[derive(Debug, Clone, PartialEq)]
pub struct Raster<T> {
    window: Window,
    data: Vec<T>,
}

impl<T: Copy> Raster<T> {
    /// Wraps row-major values.
    ///
    /// # Errors
    /// [`RasterError`] when the number of values is not the window's number of pixels.
    pub fn new(window: Window, data: Vec<T>) -> Result<Self, RasterError> {
        let expected = window.width * window.height;
        if data.len() == expected {
            Ok(Self { window, data })
        } else {
            Err(RasterError { window, bands: 1, expected, got: data.len() })
        }
    }

    /// A raster of one value.
    pub fn filled(window: Window, value: T) -> Self {
        Self { window, data: vec![value; window.width * window.height] }
    }

    /// The pixels it holds.
    pub fn window(&self) -> Window {
        self.window
    }

    /// All values, row by row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All values, row by row, to change.
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

    /// The pixels of `window` (which must lie inside) as a raster of their own.
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

/// What a model sees: several bands of raw values and the mask of the pixels that are valid.
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
        let pixels = window.width * window.height;
        Self { window, bands, data: vec![0.0; pixels * bands], valid: vec![false; pixels] }
    }

    /// The values of one band.
    pub fn band(&self, index: usize) -> &[f32] {
        let pixels = self.window.width * self.window.height;
        &self.data[index * pixels..(index + 1) * pixels]
    }

    /// The bands of this chip and then those of another of the same window, valid where both are; values of
    /// pixels that one of them lacks become 0. `None` when the windows differ.
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

/// One row that two windows have in common: where it starts in the pixels of each, and how many pixels it has.
struct CommonRow {
    to: usize,
    from: usize,
    width: usize,
}

/// The rows that `to` and `from` have in common, from the top; none where they do not meet.
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
    fn sizes_are_checked() {
        assert!(Raster::new(Window::new(0, 0, 2, 2), vec![0u8; 3]).is_err());
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
