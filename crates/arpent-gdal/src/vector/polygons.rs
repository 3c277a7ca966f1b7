//! Polygons drawn over a scene, each with the value of one field.

use arpent_raster::{Grid, Window};

use super::aoi::{Aoi, read_areas};
use super::read::LayerCounts;
use super::source::{InvalidGeometries, LayerShapes, LayerSource};
use crate::{GdalError, value_key};

/// A feature of a vector file in grid pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldPolygon {
    /// Feature number in the layer, from 1.
    pub number: u64,
    /// Value of the field, numbers as text, accents composed; `None` if it is empty.
    pub value: Option<String>,
    /// Its pixels.
    pub area: Aoi,
}

/// Polygons over a scene, and counts of the layer.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldPolygons {
    /// The polygons that touch the window, in the order of the file.
    pub polygons: Vec<FieldPolygon>,
    /// Counts of the whole layer.
    pub counts: LayerCounts,
}

/// Polygons with a field, in a layer of a file.
#[derive(Debug, Clone, Copy)]
pub struct PolygonSource<'a> {
    /// As for [`LayerSource::uri`].
    pub uri: &'a str,
    /// Name of the layer; by default the only one with polygons.
    pub layer: Option<&'a str>,
    /// The field; without it, no polygon has a value.
    pub field: Option<&'a str>,
    /// Handling of invalid geometries.
    pub invalid: InvalidGeometries,
}

impl<'a> PolygonSource<'a> {
    /// The only layer with polygons, with repair of invalid geometries.
    pub fn new(uri: &'a str, field: &'a str) -> Self {
        Self { uri, layer: None, field: Some(field), invalid: InvalidGeometries::Repair }
    }
}

/// Reads the polygons of a layer, as [`read_features`](crate::read_features) does, with the text of a field, and
/// converts them to grid pixels. Those outside of the window `within` are left out.
///
/// # Errors
/// As [`read_features`](crate::read_features); [`GdalError::FeatureKind`] for lines, [`GdalError::FeaturePlace`].
pub fn read_polygons(
    source: &PolygonSource<'_>,
    grid: &Grid,
    within: &Window,
) -> Result<FieldPolygons, GdalError> {
    let PolygonSource { uri, layer, field, invalid } = *source;
    let (shapes, place) = (LayerShapes::Areas, Some(grid.bbox(within)));
    let source = LayerSource {
        layer,
        fields: field.as_slice(),
        shapes,
        invalid,
        within: place,
        ..LayerSource::new(uri, &grid.crs)
    };
    let mut polygons = Vec::new();
    let counts = read_areas(&source, grid, &mut |number, found, values| {
        let area = Aoi::new(found).filter(|area| area.window().intersect(within).is_some());
        if let Some(area) = area {
            let value = values.first().and_then(Option::as_ref).map(value_key).filter(|v| !v.is_empty());
            polygons.push(FieldPolygon { number, value, area });
        }
        Ok(())
    })?;
    Ok(FieldPolygons { polygons, counts })
}
