//! GeoJSON (RFC 7946): WGS 84 longitude and latitude, right-hand rule.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arpent_base::Column;
use arpent_vector::Feature;
use geo_types::{LineString, Polygon};
use serde::{Serialize, Serializer};

use crate::dateline::{Extent, Ring, Rings, cut};
use crate::error::{PublishError, Result};
use crate::features::{FeatureRow, feature_columns};
use crate::run::RunInfo;

/// Coordinates are rounded to this fraction of a degree: 0.1 mm on the ground, far below any pixel.
const STEPS_PER_DEGREE: f64 = 1e9;

/// Transforms a coordinate of the scene's CRS (x, y) to WGS 84 (longitude, latitude), degrees.
pub(crate) type ToLonLat<'a, E> = dyn Fn(f64, f64) -> Result<(f64, f64), E> + 'a;

/// Writes features to an RFC 7946 feature collection, in their order, and returns their number.
///
/// `to_lon_lat` transforms coordinates of the features' CRS to WGS 84 longitude and latitude in degrees. Each feature
/// has its id both as GeoJSON id and as first property; properties are [`feature_columns`]. A collection without
/// features has no `bbox`. Features that cross the antimeridian are cut there, into multipolygons; the west of a `bbox`
/// that crosses it is greater than its east.
///
/// # Errors
/// [`PublishError::Io`] when the file cannot be written, [`PublishError::Reproject`] and
/// [`PublishError::NotOnGlobe`] when a coordinate cannot be transformed to WGS 84, and the errors of the iterator.
pub fn write_geojson<E: Error + Send + Sync + 'static>(
    path: &Path,
    features: impl IntoIterator<Item = Result<Feature>>,
    run: &RunInfo,
    to_lon_lat: &ToLonLat<'_, E>,
) -> Result<u64> {
    let writing = || PublishError::io("write", path);
    let file = File::create(path).map_err(PublishError::io("create", path))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    out.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[").map_err(writing())?;
    let columns = feature_columns(&run.columns);
    let mut count = 0u64;
    let mut extent = Extent::default();
    for feature in features {
        let feature = feature?;
        let parts = lon_lat_parts(&feature, to_lon_lat)?;
        for part in &parts {
            extent.add(part);
        }
        out.write_all(if count == 0 { b"\n" } else { b",\n" }).map_err(writing())?;
        let row = FeatureRow::new(&feature, run);
        let json = json_feature(&feature.id, &columns, &row, &parts);
        serde_json::to_writer(&mut out, &json).map_err(|e| writing()(e.into()))?;
        count += 1;
    }
    out.write_all(b"\n]").map_err(writing())?;
    if let Some([west, south, east, north]) = extent.bbox() {
        write!(out, ",\"bbox\":[{west},{south},{east},{north}]").map_err(writing())?;
    }
    out.write_all(b"}\n").and_then(|()| out.flush()).map_err(writing())?;
    Ok(count)
}

#[derive(Serialize)]
struct JsonFeature<'a> {
    r#type: &'static str,
    id: &'a str,
    properties: Properties<'a>,
    geometry: Geometry<'a>,
}

/// The cells of a feature by the names of their columns.
struct Properties<'a> {
    columns: &'a [Column],
    row: &'a FeatureRow<'a>,
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().map(|column| &column.name).zip(self.row.cells()))
    }
}

#[derive(Serialize)]
struct Geometry<'a> {
    r#type: &'static str,
    coordinates: Coordinates<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Coordinates<'a> {
    Polygon(&'a [Ring]),
    Several(&'a [Rings]),
}

fn json_feature<'a>(
    id: &'a str,
    columns: &'a [Column],
    row: &'a FeatureRow<'_>,
    parts: &'a [Rings],
) -> JsonFeature<'a> {
    JsonFeature {
        r#type: "Feature",
        id,
        properties: Properties { columns, row },
        geometry: match parts {
            [rings] => Geometry { r#type: "Polygon", coordinates: Coordinates::Polygon(rings) },
            parts => Geometry { r#type: "MultiPolygon", coordinates: Coordinates::Several(parts) },
        },
    }
}

/// The polygons, or their parts on both sides of the antimeridian.
pub(crate) fn lon_lat_parts<E: Error + Send + Sync + 'static>(
    feature: &Feature,
    to_lon_lat: &ToLonLat<'_, E>,
) -> Result<Vec<Rings>> {
    let mut parts = Vec::new();
    for polygon in &feature.polygons {
        parts.extend(lon_lat_polygon(&feature.id, polygon, to_lon_lat)?);
    }
    Ok(parts)
}

pub(crate) fn lon_lat_polygon<E: Error + Send + Sync + 'static>(
    id: &str,
    polygon: &Polygon<f64>,
    to_lon_lat: &ToLonLat<'_, E>,
) -> Result<Vec<Rings>> {
    let lines: Vec<&LineString<f64>> =
        std::iter::once(polygon.exterior()).chain(polygon.interiors()).collect();
    let rings = lines.iter().map(|line| lon_lat_ring(id, line, to_lon_lat));
    let rings = rings.collect::<Result<Rings>>()?;
    // The middle of an edge between 179 and -179 degrees lies at 180 if the edge is short, at 0 if it spans the map.
    let goes_across = |ring: usize, edge: usize| {
        let ends = lines.get(ring).and_then(|line| Some((line.0.get(edge)?, line.0.get(edge + 1)?)));
        let middle = ends.map(|(a, b)| to_lon_lat(a.x.midpoint(b.x), a.y.midpoint(b.y)));
        matches!(middle, Some(Ok((longitude, _))) if longitude.abs() > 90.0)
    };
    Ok(cut(rings, &goes_across))
}

fn lon_lat_ring<E: Error + Send + Sync + 'static>(
    id: &str,
    ring: &LineString<f64>,
    to_lon_lat: &ToLonLat<'_, E>,
) -> Result<Ring> {
    let point = |c: &geo_types::Coord<f64>| {
        let (longitude, latitude) = to_lon_lat(c.x, c.y).map_err(|source| PublishError::Reproject {
            id: id.to_owned(),
            x: c.x,
            y: c.y,
            source: Box::new(source),
        })?;
        on_globe(longitude, latitude).ok_or_else(|| PublishError::NotOnGlobe {
            id: id.to_owned(),
            longitude,
            latitude,
        })
    };
    ring.0.iter().map(point).collect()
}

/// Longitude normalized to -180..=180, and latitude, both rounded; `None` if they are out of range.
pub(crate) fn on_globe(longitude: f64, latitude: f64) -> Option<[f64; 2]> {
    let turn = if longitude > 180.0 {
        -360.0
    } else if longitude < -180.0 {
        360.0
    } else {
        0.0
    };
    let place = [rounded(longitude + turn), rounded(latitude)];
    (place[0].abs() <= 180.0 && place[1].abs() <= 90.0).then_some(place)
}

fn rounded(degrees: f64) -> f64 {
    let r = (degrees * STEPS_PER_DEGREE).round() / STEPS_PER_DEGREE;
    // No "-0.0" in the file.
    r + 0.0
}

#[cfg(test)]
mod tests;
