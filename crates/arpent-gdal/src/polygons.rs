//! Polygons that somebody drew over a scene, each with the value of one field.

use arpent_raster::{Grid, Window};
use gdal::Dataset;
use gdal::vector::{Layer, LayerAccess};

use crate::aoi::{Aoi, FeatureSource, open_vector, to_grid};
use crate::{GdalError, ffi};

/// A feature of a vector file laid over a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldPolygon {
    /// Feature number in the layer, from 1.
    pub number: u64,
    /// Value of the field, numbers as text; none where it is empty.
    pub value: Option<String>,
    /// Its pixels.
    pub area: Aoi,
}

/// Reads the polygons of a layer (of the only one, or the first, without a name) with the text of a field, and lays
/// them over a grid, reprojected when they are in another CRS. Those beyond the window `within` are left out. In the
/// order of the file.
///
/// # Errors
/// [`GdalError::Missing`], [`GdalError::NotAVector`], [`GdalError::NoSuchLayer`], [`GdalError::NoSuchField`],
/// [`GdalError::NotAPolygon`], [`GdalError::AoiInvalid`], [`GdalError::AoiNoCrs`],
/// [`GdalError::Transform`].
pub fn read_polygons(
    uri: &str,
    layer: Option<&str>,
    field: &str,
    grid: &Grid,
    within: &Window,
) -> Result<Vec<FieldPolygon>, GdalError> {
    let dataset = open_vector(uri)?;
    let mut layer = find_layer(uri, &dataset, layer)?;
    let index = field_index(uri, &layer, field)?;
    let way = to_grid(uri, &layer, grid)?;
    let name = layer.name();
    let mut polygons = Vec::new();
    ffi::reset_error();
    for (number, feature) in (1u64..).zip(layer.features()) {
        let source = FeatureSource { uri, number, grid, way: way.as_ref() };
        let area = source.area(&feature, within)?.map_err(|found| GdalError::NotAPolygon {
            path: uri.to_owned(),
            layer: name.clone(),
            feature: number,
            found,
        })?;
        let Some(area) = area else { continue };
        let value = feature.field_as_string(index).ok().flatten().filter(|v| !v.trim().is_empty());
        polygons.push(FieldPolygon { number, value, area });
    }
    // A file that ends too early ends the iteration like a whole one.
    match ffi::last_failure() {
        Some(message) => Err(GdalError::NotAVector { path: uri.to_owned(), message }),
        None => Ok(polygons),
    }
}

pub(crate) fn find_layer<'a>(
    uri: &str,
    dataset: &'a Dataset,
    name: Option<&str>,
) -> Result<Layer<'a>, GdalError> {
    let found = match name {
        Some(name) => dataset.layer_by_name(name),
        None => dataset.layer(0),
    };
    found.map_err(|_| GdalError::NoSuchLayer {
        path: uri.to_owned(),
        layer: name.unwrap_or_default().to_owned(),
        layers: dataset.layers().map(|l| l.name()).collect(),
    })
}

pub(crate) fn field_index(uri: &str, layer: &Layer<'_>, field: &str) -> Result<usize, GdalError> {
    let fields: Vec<String> = layer.defn().fields().map(|f| f.name()).collect();
    fields.iter().position(|f| f == field).ok_or_else(|| GdalError::NoSuchField {
        path: uri.to_owned(),
        layer: layer.name(),
        field: field.to_owned(),
        fields,
    })
}
