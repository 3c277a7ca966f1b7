//! Reads rasters of measured values of a published map.

use arpent_raster::{Grid, Window};
use gdal::raster::ResampleAlg;

use super::open::open_raster;
use super::placement;
use crate::uri::{gdal_path, stem};
use crate::{GdalError, ffi};

/// The first band of a raster of measured values, at a size for a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueOverview {
    /// Its grid.
    pub grid: Grid,
    /// The pixels that it fills.
    pub window: Window,
    /// Columns of the picture.
    pub width: usize,
    /// Rows of the picture.
    pub height: usize,
    /// The values, row by row; NaN without one.
    pub values: Vec<f32>,
}

impl ValueOverview {
    /// Reads a file or URL with at most `longest` pixels a side, of its overviews where it has them.
    ///
    /// # Errors
    /// Those of [`open_scene`](crate::open_scene) for a file that cannot be read or is not georeferenced,
    /// [`GdalError::ReadWindow`].
    pub fn read(uri: &str, longest: usize) -> Result<Self, GdalError> {
        let dataset = open_raster(uri, &gdal_path(uri))?;
        let placement = placement::place(uri, &dataset)?;
        let (grid, window) = (placement.grid, placement.window);
        let unreadable = |error: &gdal::errors::GdalError| GdalError::ReadWindow {
            scene_id: stem(uri).to_owned(),
            path: uri.to_owned(),
            bands: vec![1],
            window: Box::new(window),
            message: ffi::failure(error),
        };
        let (whole, every) =
            ((window.width, window.height), window.width.max(window.height).div_ceil(longest.max(1)).max(1));
        let (width, height) = (window.width.div_ceil(every), window.height.div_ceil(every));
        let band = dataset.rasterband(1).map_err(|error| unreadable(&error))?;
        let read = band.read_as::<f32>((0, 0), whole, (width, height), Some(ResampleAlg::NearestNeighbour));
        let values = read.map_err(|error| unreadable(&error))?.data().to_vec();
        Ok(Self { grid, window, width, height, values })
    }
}
