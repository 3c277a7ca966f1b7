//! Reads rasters of measured values of a published map.

use arpent_raster::{Grid, Raster, Window};
use gdal::Dataset;
use gdal::raster::ResampleAlg;

use super::open::{check_complete, open_raster};
use super::placement;
use crate::uri::{gdal_path, is_local, stem};
use crate::{GdalError, ffi};

/// A raster of measured values: bands of single precision, NaN without a value.
#[derive(Debug)]
pub struct PublishedValues {
    uri: String,
    dataset: Dataset,
    grid: Grid,
    window: Window,
}

impl PublishedValues {
    /// Opens a file or URL. Only its header is read.
    ///
    /// # Errors
    /// Those of [`open_scene`](crate::open_scene) for a file that cannot be read or is not georeferenced,
    /// [`GdalError::BandCount`] unless it has so many bands, and [`GdalError::UnsupportedType`] unless they are of single
    /// precision.
    pub fn open(uri: &str, expected: usize) -> Result<Self, GdalError> {
        let path = gdal_path(uri);
        let dataset = open_raster(uri, &path)?;
        let placement = placement::place(uri, &dataset)?;
        let bands = dataset.raster_count();
        if bands != expected {
            return Err(GdalError::BandCount { path: uri.to_owned(), expected, bands });
        }
        for band in 1..=bands {
            let type_name = ffi::type_name(&dataset, band);
            if type_name != "Float32" {
                return Err(GdalError::UnsupportedType { path: uri.to_owned(), band, type_name });
            }
        }
        if is_local(&path) {
            check_complete(uri, std::path::Path::new(&path), &dataset)?;
        }
        Ok(Self { uri: uri.to_owned(), dataset, grid: placement.grid, window: placement.window })
    }

    /// Its grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The pixels it fills.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The pixels of a window that lies inside the raster, band by band.
    ///
    /// # Errors
    /// [`GdalError::ReadWindow`] when they cannot be read, or lie outside.
    pub fn read(&self, window: Window) -> Result<Vec<Raster<f32>>, GdalError> {
        let bands: Vec<usize> = (1..=self.dataset.raster_count()).collect();
        let unreadable = |message: String| GdalError::ReadWindow {
            scene_id: stem(&self.uri).to_owned(),
            path: self.uri.clone(),
            bands: bands.clone(),
            window: Box::new(window),
            message,
        };
        let offset = self.window.offset_of(&window).filter(|_| self.window.contains(&window));
        let offset = offset.ok_or_else(|| unreadable("outside of the raster".into()))?;
        let (width, height) = (window.width, window.height);
        let values = ffi::read_bands::<f32>(&self.dataset, offset, (width, height), &bands);
        let values = values.map_err(&unreadable)?;
        let raster = |band: &[f32]| Raster::new(window, band.to_vec()).map_err(|e| unreadable(e.to_string()));
        values.chunks_exact(width * height).map(raster).collect()
    }
}

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
