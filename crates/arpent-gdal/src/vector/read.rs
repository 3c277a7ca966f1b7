//! Reads layers of any vector file feature by feature: parcels, road sections, reference features.

use arpent_base::{Column, Value};
use arpent_raster::{Crs, CrsKind};
use gdal::cpl::CslStringList;
use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::vector::Geometry;

use super::dateline::{middle_of, unwrapped};
use super::geometry::{GeometryKind, LayerGeometry, Parts, taken_apart};
use super::raw::Raw;
use super::source::{InvalidGeometries, LayerShapes, LayerSource};
use super::table::Table;
use crate::ffi::{self, failure};
use crate::{GdalError, crs, guard};

/// Longest edge that is reprojected without extra points, meters: a line that is straight in one CRS is a curve in
/// another, at most 1.3 mm off its chord on this length (its square over eight radii of the Earth). A constant, so that
/// a border that two features share gets the same points from both.
const LONGEST_EDGE_M: f64 = 250.0;
/// Meters of a degree of latitude, about.
const METERS_PER_DEGREE: f64 = 111_320.0;

/// A feature of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerFeature {
    /// Its number in the layer's order, from 1.
    pub number: u64,
    /// Its geometry, in the requested CRS.
    pub geometry: LayerGeometry,
    /// Values of the requested fields, in their order; `None` for an empty field.
    pub values: Vec<Option<Value>>,
}

/// Counts of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerCounts {
    /// All features.
    pub read: u64,
    /// Those whose geometry was made valid.
    pub repaired: u64,
    /// Those without geometry, also after repair ([`LayerGeometry::Empty`]).
    pub empty: u64,
    /// Those with polygons from which points or lines were removed, or with lines from which points were removed.
    pub parts_left_out: u64,
}

/// The requested fields, with their types. Reads no feature.
///
/// # Errors
/// [`GdalError::Missing`], [`GdalError::NotAVector`], [`GdalError::NoSuchLayer`], [`GdalError::SeveralLayers`],
/// [`GdalError::NoGeometry`], [`GdalError::NoSuchField`], [`GdalError::LayerNoCrs`].
pub fn layer_fields(source: &LayerSource<'_>) -> Result<Vec<Column>, GdalError> {
    let table = Table::open(source)?;
    way(source, &table)?;
    let columns = table.columns(source.fields)?;
    let named = columns.into_iter().zip(source.fields);
    Ok(named.map(|((_, field_type), name)| Column::new(*name, field_type)).collect())
}

/// The layer of a file, without its features.
#[derive(Debug, Clone)]
pub struct LayerFacts {
    /// Its name.
    pub name: String,
    /// All its fields.
    pub columns: Vec<Column>,
    /// CRS of its coordinates.
    pub crs: Crs,
}

/// Opens the only layer with polygons, or the one that the address names, and reads no feature. The address may have the
/// suffixes of [`LayerSource::uri`].
///
/// # Errors
/// As [`layer_fields`].
pub fn layer_facts(uri: &str) -> Result<LayerFacts, GdalError> {
    let any = crs::describe_crs("EPSG:4326")?;
    let table = Table::open(&LayerSource { shapes: LayerShapes::Areas, ..LayerSource::new(uri, &any) })?;
    let missing = || GdalError::LayerNoCrs { path: table.uri.clone(), layer: table.name.clone() };
    let crs = crs::describe(table.srs.as_ref().ok_or_else(missing)?, uri)?;
    Ok(LayerFacts { name: table.name.clone(), columns: table.all_columns().to_vec(), crs })
}

/// Name of the layer that a source selects.
pub(crate) fn layer_name(source: &LayerSource<'_>) -> Result<String, GdalError> {
    Ok(Table::open(source)?.name)
}

/// Reads a layer of any vector file or URL in its own order, one feature in memory at a time, and passes every feature
/// to `each`. Arcs become short straight lines, heights are dropped, invalid geometries are repaired, and polygons are
/// extracted from collections. Coordinates are reprojected if the layer is in another CRS, edges longer than 250 m in
/// shorter pieces; before that, degrees are cut at the antimeridian, or half a turn from the middle of the region of
/// use.
///
/// # Errors
/// Those of `each`, which end the reading; [`GdalError::Missing`], [`GdalError::Unreachable`],
/// [`GdalError::NotAVector`] (also for a file that ends too early), [`GdalError::NoSuchLayer`],
/// [`GdalError::SeveralLayers`], [`GdalError::NoGeometry`], [`GdalError::NoSuchField`], [`GdalError::LayerNoCrs`],
/// [`GdalError::BadCrs`]; of a feature, which they name, [`GdalError::FeatureKind`] when it is a point,
/// [`GdalError::FeatureInvalid`], [`GdalError::FeaturePlace`], [`GdalError::FeatureTransform`] and
/// [`GdalError::FieldText`].
pub fn read_features<E: From<GdalError>>(
    source: &LayerSource<'_>,
    each: &mut dyn FnMut(LayerFeature) -> Result<(), E>,
) -> Result<LayerCounts, E> {
    let table = Table::open(source)?;
    let (mut columns, way) = (table.columns(source.fields)?, way(source, &table)?);
    if let Some((field, _)) = source.only {
        // It is the last one, and not passed on.
        columns.extend(table.columns(&[field])?);
    }
    let described = table.srs.as_ref().and_then(|srs| crs::describe(srs, "").ok()).map(|crs| crs.kind);
    let longest = longest_edge(described);
    let geographic = described == Some(CrsKind::Geographic);
    // Longitudes of the result may exceed 180 degrees; those of a reprojection must not.
    let in_degrees = source.crs.kind == CrsKind::Geographic;
    let middle = source.within.filter(|_| in_degrees).map_or(0.0, middle_of);
    let mut counts = LayerCounts::default();
    table.each(&columns, source.only, &mut |raw| {
        let Raw { number, geometry, mut values } = raw;
        if let Some((_, wanted)) = source.only
            && values.pop().flatten().is_none_or(|value| value.to_string() != wanted)
        {
            return Ok(());
        }
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

/// The transformation to the requested CRS; `None` when the layer is in it.
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
        Some(CrsKind::Projected { meters_per_unit } | CrsKind::Mercator { meters_per_unit }) => {
            LONGEST_EDGE_M / meters_per_unit
        }
        Some(CrsKind::Geographic) | None => LONGEST_EDGE_M / METERS_PER_DEGREE,
    }
}

/// A feature of a layer and its transformation to the requested CRS.
struct FeatureReader<'a> {
    source: &'a LayerSource<'a>,
    table: &'a Table,
    number: u64,
    way: Option<&'a CoordTransform>,
    longest: f64,
    /// Whether coordinates of the layer are degrees.
    geographic: bool,
    /// Whether requested coordinates are degrees.
    in_degrees: bool,
    /// The longitude in the middle of the region of use.
    middle: f64,
}

/// A processed geometry.
struct Read {
    geometry: LayerGeometry,
    /// Whether it was not valid.
    repaired: bool,
    /// Whether parts of another type were removed.
    left_out: bool,
}

impl FeatureReader<'_> {
    /// The processed geometry of the feature.
    fn geometry(&self, drawn: Option<Geometry>) -> Result<Read, GdalError> {
        let Some(drawn) = drawn.filter(|g| !g.is_empty()) else {
            return Ok(Read { geometry: LayerGeometry::Empty, repaired: false, left_out: false });
        };
        let straight = ffi::linear_wkb(&drawn).and_then(|wkb| Geometry::from_wkb(&wkb).ok());
        let mut drawn = straight.unwrap_or(drawn);
        drawn.flatten_to_2d();
        let (kind, left_out) = GeometryKind::of(&drawn).map_err(|found| self.wrong_kind(found))?;
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
            // Rings that almost touch may cross after rounding differently.
            repaired |= self.make_valid(&mut drawn)?;
        }
        Ok(Read { geometry: Parts::of(&drawn, kind), repaired, left_out })
    }

    /// Refuses coordinates that are not finite, and invalid degrees; longitudes up to a full turn are accepted.
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

    /// Cuts degrees half a turn from the middle; returns whether the geometry was invalid.
    fn cut(&self, drawn: &mut Geometry, middle: f64) -> Result<bool, GdalError> {
        let Some(mut around) = unwrapped(drawn, middle) else { return Ok(false) };
        let repaired = self.make_valid(&mut around.geometry)?;
        *drawn = around.cut()?;
        Ok(repaired)
    }

    /// Repairs a geometry; returns whether it was invalid.
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
        // Overlapping parts are united; each is repaired first.
        let LayerGeometry::Polygons(parts) = taken_apart(&closed) else { return valid(&closed) };
        if parts.len() < 2 {
            return valid(&closed);
        }
        let mut all = Vec::new();
        for part in parts {
            let wkb = LayerGeometry::Polygons(vec![part]).to_wkb().expect("polygons have a binary form");
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
