//! Reference layers: copied once into an indexed file, in the CRS of the map, and queried by position.

use std::path::Path;

use arpent_base::number::fitted;
use arpent_base::{Cell, Column, ColumnKind, Language, Value};
use arpent_raster::Grid;
use gdal::vector::{Geometry, LayerAccess};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::aoi::Aoi;
use super::buffer::buffer_lines;
use super::geometry::{LayerGeometry, Line, Rings, taken_apart};
use super::name::layer_file;
use super::read::{LayerCounts, LayerFeature, layer_fields, layer_name, read_features};
use super::source::LayerSource;
use super::table::value_of;
use crate::GdalError;
use crate::ffi::{self, failure};
use crate::write::{LayerFormat, LayerOptions, LayerShape, LayerWriter, text};

/// Time stamp of the index, which is deleted after the job.
const TIMESTAMP: &str = "2000-01-01T00:00:00.000Z";

/// Column with the number of a feature in its layer.
const NUMBER: &str = "number";

/// A copy of a layer with an R-tree, on disk.
#[derive(Debug)]
pub struct ReferenceIndex {
    path: String,
    types: Vec<ColumnKind>,
    counts: LayerCounts,
    /// Bounding box of the features of the copy.
    bbox: Option<[f64; 4]>,
}

/// The geometry that a layer must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReferenceKind {
    /// Areas: polygons, or lines with a width.
    Areas(Option<LineWidth>),
    /// Lines.
    Lines,
}

/// Width of lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LineWidth {
    /// The same for all lines, units of the CRS.
    Same(f64),
    /// From a field.
    Field {
        /// Index of the field among the requested ones.
        field: usize,
        /// Factor from its values to units of the CRS.
        unit: f64,
        /// Width if the field is empty, units of the CRS.
        otherwise: Option<f64>,
    },
}

impl LineWidth {
    fn of(self, values: &[Option<Value>]) -> Option<f64> {
        let width = match self {
            Self::Same(width) => Some(width),
            Self::Field { field, unit, otherwise } => match values.get(field)?.as_ref() {
                Some(value) => value.as_number().map(|width| width * unit),
                None => otherwise,
            },
        };
        width.filter(|width| width.is_finite() && *width > 0.0)
    }
}

/// A layer that is queried by position. Its features are on disk, so memory does not grow with their number.
#[derive(Debug)]
pub struct Reference {
    dataset: Dataset,
    path: String,
    types: Vec<ColumnKind>,
}

/// A feature of a layer, in the CRS of the map.
#[derive(Debug)]
pub struct ReferenceFeature {
    /// Its number in the layer's order, from 1.
    pub number: u64,
    /// Values of the requested fields, in their order.
    pub values: Vec<Option<Value>>,
    pub(crate) geometry: Geometry,
}

impl ReferenceKind {
    /// The geometry of a feature as required.
    fn wanted(
        self,
        feature: u64,
        geometry: LayerGeometry,
        values: &[Option<Value>],
        source: &LayerSource<'_>,
        layer: &str,
    ) -> Result<LayerGeometry, GdalError> {
        let (path, layer) = (layer_file(source.uri).to_owned(), layer.to_owned());
        let wrong = |found: &str, expected| GdalError::FeatureKind {
            path: path.clone(),
            layer: layer.clone(),
            feature,
            found: found.to_owned(),
            expected,
        };
        match (geometry, self) {
            (LayerGeometry::Lines(_), Self::Areas(None)) => {
                Err(wrong("line", "polygons, or lines with a width"))
            }
            (LayerGeometry::Lines(lines), Self::Areas(Some(width))) => match width.of(values) {
                Some(width) => Ok(LayerGeometry::Polygons(buffer_lines(&lines, width / 2.0)?)),
                None => Err(GdalError::FeatureWidth { path, layer, feature }),
            },
            (LayerGeometry::Polygons(_), Self::Lines) => Err(wrong("polygon", "lines")),
            (geometry, _) => Ok(geometry),
        }
    }
}

impl ReferenceIndex {
    /// Copies the features of a layer that touch a rectangle (min x, min y, max x, max y, CRS units) to the new file
    /// `path`, with an index. Other features and those without geometry are counted and skipped. `seen` gets the values
    /// of every feature, and whether its bounding box touches the rectangle.
    ///
    /// # Errors
    /// As [`read_features`]; [`GdalError::FeatureKind`] for a feature of another type, [`GdalError::FeatureWidth`] for
    /// a line without a width; [`GdalError::Create`] and [`GdalError::Write`] for the copy.
    pub fn build(
        source: &LayerSource<'_>,
        kind: ReferenceKind,
        within: [f64; 4],
        path: &Path,
        seen: &mut dyn FnMut(&[Option<Value>], bool),
    ) -> Result<Self, GdalError> {
        let source = &LayerSource { within: Some(within), ..*source };
        let types: Vec<ColumnKind> = layer_fields(source)?.iter().map(|field| field.kind).collect();
        let number = Column::new(NUMBER, ColumnKind::Integer);
        // The layer's own field names might be reserved in this format.
        let named = types.iter().enumerate();
        let own = named.map(|(i, field_type)| Column::new(format!("value_{i}"), *field_type));
        let fields: Vec<Column> = std::iter::once(number).chain(own).collect();
        let mut writer = LayerWriter::create(
            path,
            &LayerOptions {
                format: LayerFormat::GeoPackage,
                name: "reference",
                shape: LayerShape::Any,
                crs: source.crs,
                fields: &fields,
                titles: Language::default(),
                spatial_index: true,
                style_qml: None,
                description: "",
                timestamp: TIMESTAMP,
            },
        )?;
        let layer = layer_name(source)?;
        let mut bbox = None::<[f64; 4]>;
        let counts = read_features::<GdalError>(source, &mut |feature| {
            let number = Cell::Integer(fitted(feature.number));
            let LayerFeature { number: feature, geometry, values } = feature;
            let geometry = kind.wanted(feature, geometry, &values, source, &layer)?;
            let near = geometry.touches(within);
            seen(&values, near);
            if let Some(own) = geometry.bbox().filter(|_| near) {
                let [w, s, e, n] = bbox.unwrap_or(own);
                bbox = Some([w.min(own[0]), s.min(own[1]), e.max(own[2]), n.max(own[3])]);
            }
            let Some(wkb) = Some(geometry).filter(|_| near).and_then(|g| g.to_wkb()) else {
                return Ok(());
            };
            let values = values.iter().map(|v| Cell::from(v.as_ref()));
            writer.write(&wkb, &std::iter::once(number).chain(values).collect::<Vec<_>>())
        })?;
        writer.finish()?;
        Ok(Self { path: text(path), types, counts, bbox })
    }

    /// Bounding box of the features of the copy (min x, min y, max x, max y, CRS units); `None` if there are none.
    pub fn bbox(&self) -> Option<[f64; 4]> {
        self.bbox
    }

    /// Counts of the layer.
    pub fn counts(&self) -> LayerCounts {
        self.counts
    }

    /// Opens the copy, for one thread.
    ///
    /// # Errors
    /// [`GdalError::NotAVector`] when it cannot be read.
    pub fn open(&self) -> Result<Reference, GdalError> {
        let options = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VECTOR,
            allowed_drivers: Some(&["GPKG"]),
            ..DatasetOptions::default()
        };
        let path = self.path.clone();
        let dataset = Dataset::open_ex(&path, options)
            .map_err(|e| GdalError::NotAVector { path: path.clone(), message: failure(&e) })?;
        Ok(Reference { dataset, path, types: self.types.clone() })
    }
}

impl Reference {
    /// Passes every feature that touches a rectangle (min x, min y, max x, max y, CRS units) to `each`, in unspecified
    /// order.
    ///
    /// # Errors
    /// Those of `each`; [`GdalError::NotAVector`] when the copy cannot be read.
    pub fn each_in<E: From<GdalError>>(
        &self,
        [west, south, east, north]: [f64; 4],
        each: &mut dyn FnMut(&ReferenceFeature) -> Result<(), E>,
    ) -> Result<(), E> {
        let error = |message| GdalError::NotAVector { path: self.path.clone(), message };
        let mut layer = self.dataset.layer(0).map_err(|e| error(failure(&e)))?;
        layer.set_spatial_filter_rect(west, south, east, north);
        ffi::reset_error();
        for feature in layer.features() {
            let number = feature.field_as_integer64(0).ok().flatten().and_then(|n| u64::try_from(n).ok());
            let number = number.ok_or_else(|| error("a feature of the copy has no number".to_owned()))?;
            let values = self.types.iter().enumerate();
            let values = values.map(|(i, field_type)| value_of(&feature, i + 1, *field_type));
            let Some(geometry) = feature.geometry() else { continue };
            each(&ReferenceFeature { number, values: values.collect(), geometry: geometry.clone() })?;
            // `each` may have called GDAL.
            ffi::reset_error();
        }
        ffi::last_failure().map_or(Ok(()), |message| Err(error(message).into()))
    }
}

impl ReferenceFeature {
    /// Its pixels on a grid; `None` for lines.
    pub fn pixels(&self, grid: &Grid) -> Option<Aoi> {
        Aoi::of_geometry(&self.geometry, grid)
    }

    /// Its polygons, CRS units; empty for lines.
    pub fn polygons(&self) -> Vec<Rings> {
        match taken_apart(&self.geometry) {
            LayerGeometry::Polygons(polygons) => polygons,
            LayerGeometry::Lines(_) | LayerGeometry::Empty => Vec::new(),
        }
    }

    /// Its lines, CRS units; empty for polygons.
    pub fn lines(&self) -> Vec<Line> {
        match taken_apart(&self.geometry) {
            LayerGeometry::Lines(lines) => lines,
            LayerGeometry::Polygons(_) | LayerGeometry::Empty => Vec::new(),
        }
    }
}
