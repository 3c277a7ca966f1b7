//! Layers of any vector file, read one feature after the other: parcels, sections of roads, reference objects.

use arpent_raster::{Crs, CrsKind};
use gdal::cpl::CslStringList;
use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::vector::{Geometry, OGRwkbGeometryType, geometry_type_flatten, geometry_type_to_name};
use gdal_sys::OGRwkbGeometryType::{
    wkbGeometryCollection, wkbLineString, wkbLinearRing, wkbMultiLineString, wkbMultiPolygon, wkbPolygon,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layer_out::{FieldDef, FieldValue};
use crate::layers::{Raw, Table, middle_of, unwrapped};
use crate::{GdalError, crs, failure, ffi, guard};

/// Longest edge that is reprojected as it is, meters: a line that is straight in one CRS is a curve in another, at most
/// 1.3 mm off its chord on this length (its square over eight radii of the Earth). A fixed length, so that a border
/// that two features share gets the same points from both.
const LONGEST_EDGE_M: f64 = 250.0;
/// Meters of a degree of latitude, about.
const METERS_PER_DEGREE: f64 = 111_320.0;

/// What to do with a geometry that is not valid by OGC rules: rings that cross themselves or each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidGeometries {
    /// Make it valid, as `ST_MakeValid` does: every vertex stays, crossings become vertices, and what a polygon encloses an
    /// even number of times is outside. Polygons of one feature that overlap are one area. Counted.
    #[default]
    Repair,
    /// Refuse the layer, with the number of the feature.
    Refuse,
}

/// What a layer is wanted for: of several layers in a file, those that cannot be it are not meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LayerShapes {
    /// Polygons or lines.
    #[default]
    Any,
    /// Polygons.
    Areas,
    /// Lines.
    Lines,
}

/// What to read, and how.
#[derive(Debug, Clone, Copy)]
pub struct LayerSource<'a> {
    /// File or URL; may be followed by `|layername=NAME`, `|option:ENCODING=NAME` and `|crs=EPSG:CODE`.
    pub uri: &'a str,
    /// Name of the layer; without, the only one that has geometries of the kind wanted.
    pub layer: Option<&'a str>,
    /// Encoding of its text, where the file does not say it, or says it wrongly.
    pub encoding: Option<&'a str>,
    /// What it is wanted for.
    pub shapes: LayerShapes,
    /// Fields wanted, in this order.
    pub fields: &'a [&'a str],
    /// CRS in which coordinates are wanted.
    pub crs: &'a Crs,
    /// The place that it is wanted for, CRS units (min x, min y, max x, max y). Where that is beyond 180 degrees of longitude,
    /// coordinates are too.
    pub within: Option<[f64; 4]>,
    /// What to do with geometries that are not valid.
    pub invalid: InvalidGeometries,
}

impl<'a> LayerSource<'a> {
    /// The layer of a file, without fields, its coordinates brought to a CRS.
    pub fn new(uri: &'a str, crs: &'a Crs) -> Self {
        let (layer, encoding, shapes, invalid) = (None, None, LayerShapes::Any, InvalidGeometries::Repair);
        Self { uri, layer, encoding, shapes, fields: &[], crs, within: None, invalid }
    }
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
    /// Text; dates and times are text too, as ISO 8601 and RFC 3339 write them (`2021-03-04`, `2021-03-04T05:06:07.123+01:00`).
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

    /// The value as text by which it is compared: see [`same_text`](crate::same_text).
    pub fn key(&self) -> String {
        match self {
            Self::Text(text) => crate::layers::normalized(text),
            other => other.to_string(),
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
    /// Those of which points or lines beside polygons, or points beside lines, were left out.
    pub parts_left_out: u64,
}

/// The fields asked for, with their types. Reads no feature.
///
/// # Errors
/// [`GdalError::Missing`], [`GdalError::NotAVector`], [`GdalError::NoSuchLayer`], [`GdalError::SeveralLayers`],
/// [`GdalError::NoGeometry`], [`GdalError::NoSuchField`], [`GdalError::LayerNoCrs`].
pub fn layer_fields(source: &LayerSource<'_>) -> Result<Vec<FieldDef>, GdalError> {
    let table = Table::open(source)?;
    way(source, &table)?;
    let columns = table.columns(source.fields)?;
    let named = columns.into_iter().zip(source.fields);
    Ok(named.map(|((_, field_type), name)| FieldDef { name: (*name).to_owned(), field_type }).collect())
}

/// Name of the layer that a source means.
pub(crate) fn layer_name(source: &LayerSource<'_>) -> Result<String, GdalError> {
    Ok(Table::open(source)?.name)
}

/// Reads a layer of any vector file or URL in its own order, one feature in memory at a time, and hands every feature to
/// `each`. Arcs become short straight lines, heights are left out, what is not valid is repaired; polygons are taken out of
/// collections. Coordinates are reprojected when the layer is in another CRS, edges longer than 250 m in shorter pieces;
/// degrees are cut at the antimeridian before, or half a turn from the middle of the place that they are wanted for.
///
/// # Errors
/// Those of `each`, which end the reading; [`GdalError::Missing`], [`GdalError::Unreachable`],
/// [`GdalError::NotAVector`] (also for a file that ends too early), [`GdalError::NoSuchLayer`],
/// [`GdalError::SeveralLayers`], [`GdalError::NoGeometry`], [`GdalError::NoSuchField`], [`GdalError::LayerNoCrs`],
/// [`GdalError::BadCrs`]; of a feature, which they name, [`GdalError::FeatureKind`] when it is a point,
/// [`GdalError::FeatureInvalid`], [`GdalError::FeaturePlace`], [`GdalError::FeatureTransform`] and [`GdalError::FieldText`].
pub fn read_features<E: From<GdalError>>(
    source: &LayerSource<'_>,
    each: &mut dyn FnMut(LayerFeature) -> Result<(), E>,
) -> Result<LayerCounts, E> {
    let table = Table::open(source)?;
    let (columns, way) = (table.columns(source.fields)?, way(source, &table)?);
    let described = table.srs.as_ref().and_then(|srs| crs::describe(srs, "").ok()).map(|crs| crs.kind);
    let longest = longest_edge(described);
    let geographic = described == Some(CrsKind::Geographic);
    // Longitudes of the result may be beyond 180 degrees; on the way to other coordinates, they may not.
    let in_degrees = source.crs.kind == CrsKind::Geographic;
    let middle = source.within.filter(|_| in_degrees).map_or(0.0, middle_of);
    let mut counts = LayerCounts::default();
    table.each(&columns, &mut |raw| {
        let Raw { number, geometry, values } = raw;
        let reader = FeatureReader {
            source,
            table: &table,
            number,
            way: way.as_ref(),
            longest,
            geographic,
            in_degrees,
            middle,
        };
        let read = reader.geometry(geometry)?;
        counts.read += 1;
        counts.repaired += u64::from(read.repaired);
        counts.parts_left_out += u64::from(read.left_out);
        counts.empty += u64::from(read.geometry == LayerGeometry::Empty);
        each(LayerFeature { number, geometry: read.geometry, values })
    })?;
    Ok(counts)
}

/// The transformation to the CRS asked for; `None` when the layer is in it.
fn way(source: &LayerSource<'_>, table: &Table) -> Result<Option<CoordTransform>, GdalError> {
    let missing = || GdalError::LayerNoCrs { path: table.uri.clone(), layer: table.name.clone() };
    to_crs(&table.uri, table.srs.as_ref().ok_or_else(missing)?, source.crs)
}

/// The transformation from the CRS of a layer to another; `None` when they are the same.
fn to_crs(uri: &str, from: &SpatialRef, to: &Crs) -> Result<Option<CoordTransform>, GdalError> {
    if crs::describe(from, uri).is_ok_and(|c| c.is_same(to)) {
        return Ok(None);
    }
    let way = CoordTransform::new(from, &crs::spatial_ref_of(to)?);
    way.map(Some)
        .map_err(|e| GdalError::BadCrs { definition: from.name().unwrap_or_default(), message: failure(&e) })
}

/// [`LONGEST_EDGE_M`] in the units of a layer.
fn longest_edge(kind: Option<CrsKind>) -> f64 {
    match kind {
        Some(CrsKind::Projected { metres_per_unit } | CrsKind::Mercator { metres_per_unit }) => {
            LONGEST_EDGE_M / metres_per_unit
        }
        Some(CrsKind::Geographic) | None => LONGEST_EDGE_M / METERS_PER_DEGREE,
    }
}

/// One feature of a layer and how to bring it to the CRS asked for.
struct FeatureReader<'a> {
    source: &'a LayerSource<'a>,
    table: &'a Table,
    number: u64,
    way: Option<&'a CoordTransform>,
    longest: f64,
    /// Whether coordinates of the layer are degrees.
    geographic: bool,
    /// Whether coordinates wanted are degrees.
    in_degrees: bool,
    /// The longitude in the middle of those that are wanted.
    middle: f64,
}

/// A geometry as it is handed on.
struct Read {
    geometry: LayerGeometry,
    /// Whether it was not valid.
    repaired: bool,
    /// Whether parts of another kind were left out.
    left_out: bool,
}

impl FeatureReader<'_> {
    /// Where the feature is, and what was done to it.
    fn geometry(&self, drawn: Option<Geometry>) -> Result<Read, GdalError> {
        let Some(drawn) = drawn.filter(|g| !g.is_empty()) else {
            return Ok(Read { geometry: LayerGeometry::Empty, repaired: false, left_out: false });
        };
        let straight = ffi::linear_wkb(&drawn).and_then(|wkb| Geometry::from_wkb(&wkb).ok());
        let mut drawn = straight.unwrap_or(drawn);
        drawn.flatten_to_2d();
        let (kind, left_out) = Kind::of(&drawn).map_err(|found| self.wrong_kind(found))?;
        self.check_place(&drawn)?;
        let mut repaired = false;
        if self.geographic {
            let middle = if self.way.is_some() { 0.0 } else { self.middle };
            repaired |= self.cut(&mut drawn, middle)?;
        }
        repaired |= self.make_valid(&mut drawn)?;
        if let Some(way) = self.way {
            self.reproject(&mut drawn, way)?;
            if self.in_degrees {
                repaired |= self.cut(&mut drawn, self.middle)?;
            }
            // Rings that all but touch may cross once their last digits are others.
            repaired |= self.make_valid(&mut drawn)?;
        }
        Ok(Read { geometry: Parts::of(&drawn, kind), repaired, left_out })
    }

    /// Refuses coordinates that are no numbers, and degrees that are none: up to a turn of longitude is somewhere.
    fn check_place(&self, drawn: &Geometry) -> Result<(), GdalError> {
        let around = drawn.envelope();
        let place = |x: f64, y: f64, expected| {
            let (path, layer) = (self.table.uri.clone(), self.table.name.clone());
            Err(GdalError::FeaturePlace { path, layer, feature: self.number, x, y, expected })
        };
        let corners = [(around.MinX, around.MinY), (around.MaxX, around.MaxY)];
        for (x, y) in corners {
            if !x.is_finite() || !y.is_finite() {
                return place(x, y, "place on Earth");
            }
            if self.geographic && (x.abs() > 360.0 || y.abs() > 90.0 + 1e-9) {
                return place(x, y, "longitude and latitude");
            }
        }
        Ok(())
    }

    /// Cuts degrees half a turn from the middle; tells whether the geometry was not valid.
    fn cut(&self, drawn: &mut Geometry, middle: f64) -> Result<bool, GdalError> {
        let Some(mut around) = unwrapped(drawn, middle) else { return Ok(false) };
        let repaired = self.make_valid(&mut around.geometry)?;
        *drawn = around.cut()?;
        Ok(repaired)
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
            path: self.table.uri.clone(),
            layer: self.table.name.clone(),
            feature: self.number,
            message,
        };
        let message = ffi::last_message();
        if self.source.invalid == InvalidGeometries::Refuse {
            return Err(invalid(message));
        }
        let cannot = |why: String| invalid(format!("{message}; it cannot be repaired: {why}"));
        let closed = drawn.clone();
        ffi::close_rings(&closed);
        let valid = |part: &Geometry| part.make_valid(&CslStringList::new()).map_err(|e| cannot(failure(&e)));
        // Parts that overlap are one area; each for itself is repaired first.
        let LayerGeometry::Polygons(parts) = taken_apart(&closed) else { return valid(&closed) };
        if parts.len() < 2 {
            return valid(&closed);
        }
        let mut all = Vec::new();
        for part in parts {
            let wkb = LayerGeometry::Polygons(vec![part]).to_wkb().unwrap_or_default();
            let part = Geometry::from_wkb(&wkb).map_err(|e| cannot(failure(&e)))?;
            let part = if part.is_valid() { part } else { valid(&part)? };
            if let LayerGeometry::Polygons(found) = taken_apart(&part) {
                all.extend(found);
            }
        }
        let Some(wkb) = LayerGeometry::Polygons(all).to_wkb() else { return valid(&closed) };
        ffi::reset_error();
        let union = Geometry::from_wkb(&wkb).ok().and_then(|parts| ffi::union_wkb(&parts));
        let union = union.ok_or_else(|| cannot(ffi::last_message()))?;
        Geometry::from_wkb(&union).map_err(|e| cannot(failure(&e)))
    }

    fn reproject(&self, geometry: &mut Geometry, way: &CoordTransform) -> Result<(), GdalError> {
        let longest = guard::longest_for(geometry, self.longest);
        guard::check_feature(&self.table.uri, self.number, geometry, Some(longest))?;
        ffi::segmentize(geometry, longest);
        geometry.transform_inplace(way).map_err(|e| GdalError::FeatureTransform {
            path: self.table.uri.clone(),
            layer: self.table.name.clone(),
            feature: self.number,
            to: self.source.crs.name.clone(),
            message: failure(&e),
        })
    }

    fn wrong_kind(&self, found: String) -> GdalError {
        GdalError::FeatureKind {
            path: self.table.uri.clone(),
            layer: self.table.name.clone(),
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
    /// Polygons, where there are any, else lines, and whether there is something else beside them; else the name of what there
    /// is.
    #[allow(non_upper_case_globals, reason = "GDAL's names of geometry types")]
    fn of(geometry: &Geometry) -> Result<(Self, bool), String> {
        let flat = geometry_type_flatten(geometry.geometry_type());
        match flat {
            wkbPolygon | wkbMultiPolygon => Ok((Self::Polygons, false)),
            wkbLineString | wkbMultiLineString | wkbLinearRing => Ok((Self::Lines, false)),
            wkbGeometryCollection => {
                let parts = (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
                let kinds: Vec<_> = parts.filter(|p| !p.is_empty()).map(|p| Self::of(&p)).collect();
                let has = |kind| kinds.iter().any(|k| k.as_ref().is_ok_and(|(k, _)| *k == kind));
                let kind = if has(Self::Polygons) { Self::Polygons } else { Self::Lines };
                if !has(kind) {
                    return Err(geometry_type_to_name(flat));
                }
                Ok((kind, kinds.iter().any(|k| *k != Ok((kind, false)))))
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
    Kind::of(geometry).map_or(LayerGeometry::Empty, |(kind, _)| Parts::of(geometry, kind))
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
