//! Cuts a grid into windows and stitches their predictions.
//!
//! The core of every window lies on a lattice that is anchored to the origin of the CRS, never to the corner of
//! a file, and is aligned to the network's total stride. A window is read with an overlap at least as wide as
//! the network's receptive field, and only its core is kept: the prediction at a pixel is then a function of the
//! pixels around it, not of the window, the file or the job that computed it.

mod area;
mod options;
mod plan;
mod stitch;

pub use area::union_area;
pub use options::{Needs, TilingError, TilingOptions};
pub use plan::{PlannedWindow, WindowPlan};
pub use stitch::{Stitcher, Strip};
