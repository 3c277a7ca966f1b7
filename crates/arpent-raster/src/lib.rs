//! Pixels and their positions: grids, windows, rasters, masks, nomenclatures.
//!
//! Plain data: no file is opened, no CRS library is linked. The central type is the [`Grid`]: pixels are numbered from
//! the origin of the *CRS*, not from the corner of a file, so that two files of one survey have the same number for
//! every pixel that they share.

mod area;
mod crs;
mod fill;
mod grid;
mod nomenclature;
mod oriented;
mod ramp;
mod raster;
mod resample;
mod scene;
mod target;
mod values;
mod window;

pub use area::PixelArea;
pub use crs::{Crs, CrsKind};
pub use fill::{FILL_PX, FILL_REACH_PX, Fill};
pub use grid::{Grid, GridError, GridKey, Placement};
pub use nomenclature::{Class, Color, Nomenclature, NomenclatureError};
pub use oriented::{OrientedBox, PlacedBox, intersection_over_union};
pub use ramp::{VIRIDIS, viridis};
pub use raster::{Chip, Raster, RasterError};
pub use resample::{Axis, Native, Resampling, Taps};
pub use scene::{BandInfo, Coding, Declared, Decoders, ReadAs, SampleType, Scaling, SceneInfo, Validity};
pub use target::{lattice, radii, target_grid};
pub use values::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, LABEL_NODATA};
pub use window::Window;
