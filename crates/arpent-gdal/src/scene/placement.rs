//! The position of a raster.

use std::sync::Arc;

use arpent_base::number::exact;
use arpent_raster::{Crs, Grid, GridError, Placement};
use gdal::Dataset;

use crate::{GdalError, crs, ffi};

/// The position of a raster; refuses those that are not georeferenced, or whose rows do not go southward.
pub(crate) fn place(path: &str, dataset: &Dataset) -> Result<Placement, GdalError> {
    place_turned(path, dataset, |geotransform, _| geotransform)
}

/// The position of a scene, whose rows may go northward: readers turn them (`Opened`).
pub(crate) fn place_scene(path: &str, dataset: &Dataset) -> Result<Placement, GdalError> {
    place_turned(path, dataset, north_up)
}

fn place_turned(
    path: &str,
    dataset: &Dataset,
    turn: impl Fn([f64; 6], usize) -> [f64; 6],
) -> Result<Placement, GdalError> {
    let (width, height) = dataset.raster_size();
    let geotransform = dataset.geo_transform().map_err(|_| GdalError::NoGeotransform {
        path: path.into(),
        has_gcps: ffi::gcp_count(dataset) > 0,
    })?;
    let srs = dataset.spatial_ref().map_err(|_| GdalError::NoCrs { path: path.into() })?;
    let crs = Arc::new(crs::describe(&srs, path)?);
    place_in(path, crs, turn(geotransform, height), (width, height))
}

/// The geotransform that stands for no position.
const NO_PLACE: [f64; 6] = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

/// Whether the rows of a file go northward: it is stored bottom-up.
#[allow(clippy::float_cmp, reason = "the numbers of a default, not computed")]
pub(crate) fn is_bottom_up(geotransform: &[f64; 6]) -> bool {
    let [_, gsd_x, shear_x, _, shear_y, gsd_y] = *geotransform;
    let is_straight = shear_x.abs().max(shear_y.abs()) <= 1e-9 * gsd_x.abs();
    is_straight && gsd_x > 0.0 && gsd_y > 0.0 && *geotransform != NO_PLACE
}

/// The geotransform of the same pixels from north to south, of a file with so many rows.
pub(crate) fn north_up(geotransform: [f64; 6], rows: usize) -> [f64; 6] {
    if !is_bottom_up(&geotransform) {
        return geotransform;
    }
    let [x0, gsd_x, _, y0, _, gsd_y] = geotransform;
    [x0, gsd_x, 0.0, exact(rows).mul_add(gsd_y, y0), 0.0, -gsd_y]
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
