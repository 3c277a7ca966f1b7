//! The position of a raster.

use std::sync::Arc;

use arpent_raster::{Crs, Grid, GridError, Placement};
use gdal::Dataset;

use crate::{GdalError, crs, ffi};

/// The position of a raster; refuses those that are not georeferenced.
pub(crate) fn place(path: &str, dataset: &Dataset) -> Result<Placement, GdalError> {
    let (width, height) = dataset.raster_size();
    let geotransform = dataset.geo_transform().map_err(|_| GdalError::NoGeotransform {
        path: path.into(),
        has_gcps: ffi::gcp_count(dataset) > 0,
    })?;
    let srs = dataset.spatial_ref().map_err(|_| GdalError::NoCrs { path: path.into() })?;
    let crs = Arc::new(crs::describe(&srs, path)?);
    place_in(path, crs, geotransform, (width, height))
}

/// The position of a raster from CRS, geotransform and size.
pub(crate) fn place_in(
    path: &str,
    crs: Arc<Crs>,
    geotransform: [f64; 6],
    (width, height): (usize, usize),
) -> Result<Placement, GdalError> {
    Grid::place(crs, geotransform, width, height).map_err(|e| match e {
        GridError::Rotated { geotransform } => GdalError::Rotated { path: path.into(), geotransform },
        problem => GdalError::DegenerateGeotransform { path: path.into(), problem },
    })
}
