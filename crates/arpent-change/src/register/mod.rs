//! Registration: the shift between two dates of one grid, on square cells of the lattice.
//!
//! A [`Registrar`] measures one cell from the two windows of it by phase correlation (Kuglin and Hines, 1975), with the
//! maximum searched in the upsampled correlation (Guizar-Sicairos, Thurman and Fienup: Efficient subpixel image
//! registration algorithms, Optics Letters 33, 2008). A [`ShiftField`] is made from cells in any order: it marks
//! outliers and summarizes the field. A cell's result depends on the pixels of the cell only.
//!
//! Shifts are in pixels, columns eastward and rows southward: what is at (x, y) in the first date is at (x + dx,
//! y + dy) in the second.

mod cell;
mod error;
mod field;
mod fourier;
mod options;
mod peak;
mod registrar;

pub use cell::{Cell, CellState, DateWindow, MIN_GOOD_CELLS};
pub use error::RegisterError;
pub use field::{FieldSummary, ShiftField, best_band};
pub use options::RegisterOptions;
pub use registrar::{Registrar, Scratch};
