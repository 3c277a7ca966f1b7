//! Layers of any vector file, read one feature after the other: parcels, sections of roads, reference objects.

use arpent_raster::{Crs, CrsKind};
use gdal::cpl::CslStringList;
use gdal::spatial_ref::CoordTransform;
use gdal::vector::{
    Feature, Geometry, Layer, LayerAccess, OGRFieldType, OGRwkbGeometryType, geometry_type_flatten,
    geometry_type_to_name,
};
use gdal_sys::OGRwkbGeometryType::{
    wkbGeometryCollection, wkbLineString, wkbLinearRing, wkbMultiLineString, wkbMultiPolygon, wkbPolygon,
};
use serde::{Deserialize, Serialize};

use crate::aoi::{open_vector, to_crs};
use crate::layer_out::{FieldDef, FieldType, FieldValue};
use crate::polygons::{field_index, find_layer};
use crate::{GdalError, crs, failure, ffi, guard};

/// Longest edge that is reprojected as it is, meters: a line that is straight in one CRS is a curve in another, at most
/// 1.3 mm off its chord on this length (its square over eight radii of the Earth). A fixed length, so that a border
/// that two features share gets the same points from both.
const LONGEST_EDGE_M: f64 = 250.0;
/// Meters of a degree of latitude, about.
const METERS_PER_DEGREE: f64 = 111_320.0;

/// What to do with a geometry that is not valid by OGC rules: rings that cross themselves or each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InvalidGeometries {
    /// Make it valid, as `ST_MakeValid` does: every vertex stays, crossings become vertices, and what was enclosed an
    /// even number of times is outside. Counted.
    #[default]
    Repair,
    /// Refuse the layer, with the number of the feature.
    Refuse,
}

/// What to read, and how.
#[derive(Debug, Clone, Copy)]
pub struct LayerSource<'a> {
    /// File or URL.
    pub uri: &'a str,
    /// Name of the layer; the only one, or the first, without.
    pub layer: Option<&'a str>,
    /// Fields wanted, in this order.
    pub fields: &'a [&'a str],
    /// CRS in which coordinates are wanted.
    pub crs: &'a Crs,
    /// What to do with geometries that are not valid.
    pub invalid: InvalidGeometries,
}

/// A feature of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerFeature {
    /// Its number in the layer's order, from 1.
    pub number: u64,
    /// Where it is, in the CRS asked for.
    pub geometry: LayerGeometry,
    /// Values of the fields asked for, in their order; none where a field is empty.
    pub values: Vec<Option<Value>>,
}

/// A line of two points or more: x, y in units of the CRS.
pub type Line = Vec<[f64; 2]>;

/// The exterior ring and the holes of a polygon, each closed: its last point is its first. Either direction.
pub type Rings = Vec<Line>;

/// Where a feature is. Heights are left out, arcs are followed by short straight lines.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerGeometry {
    /// Nowhere: the feature has no geometry, or one that encloses nothing.
    Empty,
    /// The polygons of a polygon or multipolygon, one or more. They do not overlap.
    Polygons(Vec<Rings>),
    /// The lines of a line or multiline, one or more.
    Lines(Vec<Line>),
}

/// Value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text; dates and times are read as text too.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
}

impl Value {
    /// The value as a column of a [`LayerWriter`](crate::LayerWriter) takes it.
    pub fn as_field(&self) -> FieldValue<'_> {
        match self {
            Self::Text(text) => FieldValue::Text(text),
            Self::Integer(number) => FieldValue::Integer(*number),
            Self::Real(number) => FieldValue::Real(*number),
        }
    }

    /// The value as a number, where it is one, also one written as text.
    #[allow(clippy::cast_precision_loss, reason = "widths and amounts are small")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
        }
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerCounts {
    /// Features, all of them.
    pub read: u64,
    /// Those whose geometry was made valid.
    pub repaired: u64,
    /// Those without geometry, also after repair ([`LayerGeometry::Empty`]).
    pub empty: u64,
}

/// The fields asked for, with their types. Reads no feature.
///
/// # Errors
/// [`GdalError::Missing`], [`GdalError::NotAVector`], [`GdalError::NoSuchLayer`], [`GdalError::NoSuchField`],
/// [`GdalError::LayerNoCrs`].
pub fn layer_fields(source: &LayerSource<'_>) -> Result<Vec<FieldDef>, GdalError> {
    let dataset = open_vector(source.uri)?;
    let layer = find_layer(source.uri, &dataset, source.layer)?;
    way(source, &layer)?;
    let columns = columns(source, &layer)?;
    let named = columns.into_iter().zip(source.fields);
    Ok(named.map(|(c, name)| FieldDef { name: (*name).to_owned(), field_type: c.field_type }).collect())
}

/// Name of the layer that a source means.
pub(crate) fn layer_name(source: &LayerSource<'_>) -> Result<String, GdalError> {
    let dataset = open_vector(source.uri)?;
    Ok(find_layer(source.uri, &dataset, source.layer)?.name())
}

/// Reads a layer of any vector file or URL in its own order, one feature in memory at a time, and hands every feature to
/// `each`. Coordinates are reprojected when the layer is in another CRS, edges longer than 250 m in shorter pieces.
///
/// # Errors
/// Those of `each`, which end the reading; [`GdalError::Missing`], [`GdalError::Unreachable`],
/// [`GdalError::NotAVector`] (also for a file that ends too early), [`GdalError::NoSuchLayer`],
/// [`GdalError::NoSuchField`], [`GdalError::LayerNoCrs`], [`GdalError::BadCrs`]; of a feature, which they name,
/// [`GdalError::FeatureKind`] when it is a point or of several kinds, [`GdalError::FeatureInvalid`] and
/// [`GdalError::FeatureTransform`].
pub fn read_features<E: From<GdalError>>(
    source: &LayerSource<'_>,
    each: &mut dyn FnMut(LayerFeature) -> Result<(), E>,
) -> Result<LayerCounts, E> {
    let dataset = open_vector(source.uri)?;
    let mut layer = find_layer(source.uri, &dataset, source.layer)?;
    let name = layer.name();
    let (columns, way) = (columns(source, &layer)?, way(source, &layer)?);
    let longest = longest_edge(&layer);
    let mut counts = LayerCounts::default();
    ffi::reset_error();
    for (number, feature) in (1u64..).zip(layer.features()) {
        let reader = FeatureReader { source, layer: &name, number, way: way.as_ref(), longest };
        let (geometry, repaired) = reader.geometry(&feature)?;
        let values = columns.iter().map(|column| column.value(&feature)).collect();
        counts.read += 1;
        counts.repaired += u64::from(repaired);
        counts.empty += u64::from(geometry == LayerGeometry::Empty);
        each(LayerFeature { number, geometry, values })?;
        // Validity tests and repairs leave warnings, and `each` may have used GDAL.
        ffi::reset_error();
    }
    // A file that ends too early ends the iteration like a whole one.
    match ffi::last_failure() {
        Some(message) => Err(GdalError::NotAVector { path: source.uri.to_owned(), message }.into()),
        None => Ok(counts),
    }
}

/// A field to read.
struct Column {
    index: usize,
    field_type: FieldType,
}

impl Column {
    fn value(&self, feature: &Feature<'_>) -> Option<Value> {
        value_of(feature, self.index, self.field_type)
    }
}

/// The value of a field, by its number from 0.
pub(crate) fn value_of(feature: &Feature<'_>, index: usize, field_type: FieldType) -> Option<Value> {
    if !ffi::has_value(feature, index) {
        return None;
    }
    match field_type {
        FieldType::Text => feature.field_as_string(index).ok().flatten().map(Value::Text),
        FieldType::Integer => feature.field_as_integer64(index).ok().flatten().map(Value::Integer),
        FieldType::Real => feature.field_as_double(index).ok().flatten().map(Value::Real),
    }
}

fn columns(source: &LayerSource<'_>, layer: &Layer<'_>) -> Result<Vec<Column>, GdalError> {
    let types: Vec<_> = layer.defn().fields().map(|f| f.field_type()).collect();
    let column = |name: &&str| {
        let index = field_index(source.uri, layer, name)?;
        let field_type = match types[index] {
            OGRFieldType::OFTInteger | OGRFieldType::OFTInteger64 => FieldType::Integer,
            OGRFieldType::OFTReal => FieldType::Real,
            _ => FieldType::Text,
        };
        Ok(Column { index, field_type })
    };
    source.fields.iter().map(column).collect()
}

/// The transformation to the CRS asked for; `None` when the layer is in it.
fn way(source: &LayerSource<'_>, layer: &Layer<'_>) -> Result<Option<CoordTransform>, GdalError> {
    let missing = || GdalError::LayerNoCrs { path: source.uri.to_owned(), layer: layer.name() };
    to_crs(source.uri, &layer.spatial_ref().ok_or_else(missing)?, source.crs)
}

/// [`LONGEST_EDGE_M`] in the units of a layer.
fn longest_edge(layer: &Layer<'_>) -> f64 {
    let described = layer.spatial_ref().and_then(|srs| crs::describe(&srs, "").ok());
    match described.map(|crs| crs.kind) {
        Some(CrsKind::Projected { metres_per_unit } | CrsKind::Mercator { metres_per_unit }) => {
            LONGEST_EDGE_M / metres_per_unit
        }
        Some(CrsKind::Geographic) | None => LONGEST_EDGE_M / METERS_PER_DEGREE,
    }
}

/// One feature of a layer and how to bring it to the CRS asked for.
struct FeatureReader<'a> {
    source: &'a LayerSource<'a>,
    layer: &'a str,
    number: u64,
    way: Option<&'a CoordTransform>,
    longest: f64,
}

impl FeatureReader<'_> {
    /// Where the feature is, and whether that had to be repaired.
    fn geometry(&self, feature: &Feature<'_>) -> Result<(LayerGeometry, bool), GdalError> {
        let there = ffi::has_geometry(feature).then(|| feature.geometry()).flatten();
        let Some(drawn) = there.filter(|g| !g.is_empty()) else { return Ok((LayerGeometry::Empty, false)) };
        let straight = ffi::linear_wkb(drawn).and_then(|wkb| Geometry::from_wkb(&wkb).ok());
        let mut drawn = straight.unwrap_or_else(|| drawn.clone());
        drawn.flatten_to_2d();
        let kind = Kind::of(&drawn).map_err(|found| self.wrong_kind(found))?;
        let mut repaired = self.make_valid(&mut drawn)?;
        if let Some(way) = self.way {
            self.reproject(&mut drawn, way)?;
            // Rings that all but touch may cross once their last digits are others.
            repaired |= self.make_valid(&mut drawn)?;
        }
        Ok((Parts::of(&drawn, kind), repaired))
    }

    /// Makes a geometry valid; tells whether it was not.
    fn make_valid(&self, drawn: &mut Geometry) -> Result<bool, GdalError> {
        ffi::reset_error();
        if drawn.is_valid() {
            return Ok(false);
        }
        *drawn = self.repair(drawn)?;
        Ok(true)
    }

    fn repair(&self, drawn: &Geometry) -> Result<Geometry, GdalError> {
        let invalid = |message: String| GdalError::FeatureInvalid {
            path: self.source.uri.to_owned(),
            layer: self.layer.to_owned(),
            feature: self.number,
            message,
        };
        let message = ffi::last_message();
        if self.source.invalid == InvalidGeometries::Refuse {
            return Err(invalid(message));
        }
        let closed = drawn.clone();
        ffi::close_rings(&closed);
        closed
            .make_valid(&CslStringList::new())
            .map_err(|e| invalid(format!("{message}; it cannot be repaired: {}", failure(&e))))
    }

    fn reproject(&self, geometry: &mut Geometry, way: &CoordTransform) -> Result<(), GdalError> {
        guard::check_feature(self.source.uri, self.number, geometry, Some(self.longest))?;
        ffi::segmentize(geometry, self.longest);
        geometry.transform_inplace(way).map_err(|e| GdalError::FeatureTransform {
            path: self.source.uri.to_owned(),
            layer: self.layer.to_owned(),
            feature: self.number,
            to: self.source.crs.name.clone(),
            message: failure(&e),
        })
    }

    fn wrong_kind(&self, found: String) -> GdalError {
        GdalError::FeatureKind {
            path: self.source.uri.to_owned(),
            layer: self.layer.to_owned(),
            feature: self.number,
            found,
            expected: "polygons or lines",
        }
    }
}

/// What a geometry is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Polygons,
    Lines,
}

impl Kind {
    /// The kind of all parts that are not empty; else the name of what there is.
    #[allow(non_upper_case_globals, reason = "GDAL's names of geometry types")]
    fn of(geometry: &Geometry) -> Result<Self, String> {
        let flat = geometry_type_flatten(geometry.geometry_type());
        match flat {
            wkbPolygon | wkbMultiPolygon => Ok(Self::Polygons),
            wkbLineString | wkbMultiLineString | wkbLinearRing => Ok(Self::Lines),
            wkbGeometryCollection => {
                let parts = (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
                let kinds: Vec<Self> =
                    parts.filter(|p| !p.is_empty()).map(|p| Self::of(&p)).collect::<Result<_, _>>()?;
                let first = kinds.first().copied().ok_or_else(|| "Geometry Collection".to_owned())?;
                if kinds.iter().all(|kind| *kind == first) {
                    Ok(first)
                } else {
                    Err("Geometry Collection of polygons and lines".to_owned())
                }
            }
            other => Err(geometry_type_to_name(other)),
        }
    }
}

/// The parts of a geometry that are of its kind; a repair may leave lines where a polygon is as thin as one.
struct Parts {
    kind: Kind,
    polygons: Vec<Rings>,
    lines: Vec<Line>,
}

/// The polygons or lines of a geometry.
pub(crate) fn taken_apart(geometry: &Geometry) -> LayerGeometry {
    Kind::of(geometry).map_or(LayerGeometry::Empty, |kind| Parts::of(geometry, kind))
}

impl Parts {
    fn of(geometry: &Geometry, kind: Kind) -> LayerGeometry {
        let mut parts = Self { kind, polygons: Vec::new(), lines: Vec::new() };
        parts.take(geometry);
        parts.into_geometry()
    }

    #[allow(non_upper_case_globals, reason = "GDAL's names of geometry types")]
    fn take(&mut self, geometry: &Geometry) {
        let flat: OGRwkbGeometryType::Type = geometry_type_flatten(geometry.geometry_type());
        let parts = || (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
        match (flat, self.kind) {
            (wkbPolygon, Kind::Polygons) => {
                let rings: Rings = parts().map(|ring| points(&ring)).filter(|r| r.len() > 3).collect();
                if !rings.is_empty() {
                    self.polygons.push(rings);
                }
            }
            (wkbLineString | wkbLinearRing, Kind::Lines) => {
                let line = points(geometry);
                if line.len() > 1 {
                    self.lines.push(line);
                }
            }
            (wkbMultiPolygon | wkbMultiLineString | wkbGeometryCollection, _) => {
                parts().for_each(|part| self.take(&part));
            }
            _ => {}
        }
    }

    fn into_geometry(self) -> LayerGeometry {
        match (self.polygons.is_empty(), self.lines.is_empty()) {
            (false, _) => LayerGeometry::Polygons(self.polygons),
            (true, false) => LayerGeometry::Lines(self.lines),
            (true, true) => LayerGeometry::Empty,
        }
    }
}

fn points(geometry: &Geometry) -> Line {
    let mut points = Vec::with_capacity(geometry.point_count());
    geometry.get_points(&mut points);
    points.iter().map(|(x, y, _)| [*x, *y]).collect()
}
