//! GDAL's polygonizer, as an oracle for tests and a peer in benchmarks. It holds everything in memory.

use arpent_raster::Raster;
use gdal::raster::Buffer;
use gdal::vector::{LayerAccess, LayerOptions};
use gdal::{DriverManager, errors::Result as GdalResult};
use gdal_sys::{OGRFieldType, OGRwkbGeometryType};

use crate::setup::quiet;
use crate::{GdalError, failure, ffi};

/// A polygon with the value of its pixels; rings in pixel corners (column, row) of the raster, the first one outside,
/// each closed.
pub type ReferencePolygon = (u8, Vec<Vec<[i64; 2]>>);

/// Polygons of the 4-connected, or 8-connected, regions of equal value, nodata included, as `GDALPolygonize` makes them. Not for
/// production: memory grows with the raster and time with the number of polygons squared.
///
/// # Errors
/// [`GdalError::Call`] when GDAL fails.
pub fn polygonize_reference(raster: &Raster<u8>, eight: bool) -> Result<Vec<ReferencePolygon>, GdalError> {
    quiet();
    polygonize(raster, eight).map_err(|e| GdalError::Call { doing: "polygonize", message: failure(&e) })
}

fn polygonize(raster: &Raster<u8>, eight: bool) -> GdalResult<Vec<ReferencePolygon>> {
    let size = (raster.window().width, raster.window().height);
    let source =
        DriverManager::get_driver_by_name("MEM")?.create_with_band_type::<u8, _>("", size.0, size.1, 1)?;
    source.rasterband(1)?.write((0, 0), size, &mut Buffer::new(size, raster.data().to_vec()))?;
    // Merged into the MEM driver by GDAL 3.11.
    let driver =
        DriverManager::get_driver_by_name("Memory").or_else(|_| DriverManager::get_driver_by_name("MEM"))?;
    let mut target = driver.create_vector_only("")?;
    let mut layer = target.create_layer(LayerOptions {
        name: "regions",
        ty: OGRwkbGeometryType::wkbPolygon,
        ..LayerOptions::default()
    })?;
    layer.create_defn_fields(&[("value", OGRFieldType::OFTInteger)])?;
    ffi::polygonize(&source, &layer, eight).map_err(gdal::errors::GdalError::BadArgument)?;
    let mut polygons = Vec::new();
    for feature in layer.features() {
        let value = feature.field_as_integer(0)?.and_then(|v| u8::try_from(v).ok()).unwrap_or_default();
        let Some(geometry) = feature.geometry() else { continue };
        let rings = (0..geometry.geometry_count()).map(|i| corners(&geometry.get_geometry(i))).collect();
        polygons.push((value, rings));
    }
    Ok(polygons)
}

#[allow(clippy::cast_possible_truncation, reason = "pixel corners are whole numbers")]
fn corners(ring: &gdal::vector::Geometry) -> Vec<[i64; 2]> {
    let mut points = Vec::new();
    ring.get_points(&mut points);
    points.iter().map(|(x, y, _)| [x.round() as i64, y.round() as i64]).collect()
}
