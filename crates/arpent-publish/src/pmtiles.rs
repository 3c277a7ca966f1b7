//! PMTiles: vector tiles of all zooms in one file, for maps on the web.

use std::error::Error;
use std::path::Path;

use arpent_base::number::truncate;
use arpent_base::{Cell, Column, Result, Value};
use arpent_tiles::{Kind, TileFeature, TileOptions, TileSummary, Tiler};
use arpent_vector::Feature;
use geo_types::{Coord, LineString, Polygon};

use crate::error::PublishError;
use crate::features::{FeatureRow, feature_columns};
use crate::geojson::{ToLonLat, lon_lat_parts, lon_lat_polygon};
use crate::run::RunInfo;

/// Bytes of a compressed tile at most.
const LARGEST_TILE: usize = 500_000;

/// The deepest zoom of an archive: a pixel of 30 cm on the ground in France. Maps enlarge its tiles further.
const DEEPEST: f64 = 18.0;

/// Columns that depend on the class alone.
const OF_CLASS: [&str; 2] = ["class_id", "class_name"];

/// What an archive is made of, beside its features.
#[derive(Debug, Clone, Copy)]
pub struct TilesOf<'a> {
    /// How features lie.
    pub kind: Kind,
    /// The deepest zoom ([`deepest_zoom`]).
    pub max_zoom: u8,
    /// What the features are: `features`, `events`.
    pub name: &'a str,
    /// Whom to name as the source; maps on the web may show it as HTML, so `<` and `>` are written as entities.
    pub attribution: &'a str,
    /// Threads that build tiles; the bytes do not depend on them.
    pub threads: usize,
    /// Folder for scratch files.
    pub scratch: &'a Path,
}

/// Writes features to a PMTiles archive.
///
/// `to_lon_lat` transforms coordinates of the features' CRS to WGS 84 longitude and latitude in degrees. Properties are
/// [`feature_columns`]. Features that cross the antimeridian are cut there.
///
/// # Errors
/// [`PublishError::Reproject`] and [`PublishError::NotOnGlobe`] when a coordinate cannot be transformed to WGS 84, the
/// errors of [`Tiler`], and those of the iterator.
pub fn write_pmtiles<E: Error + Send + Sync + 'static>(
    path: &Path,
    features: impl IntoIterator<Item = Result<Feature, PublishError>>,
    run: &RunInfo,
    to_lon_lat: &ToLonLat<'_, E>,
    of: &TilesOf<'_>,
) -> Result<TileSummary> {
    let options = TileOptions {
        kind: of.kind,
        name: format!("{} {}", of.name, run.run_id),
        description: format!("Run {} of arpent, model {}: {}", run.run_id, run.model_id, run.state),
        attribution: of.attribution.replace('<', "&lt;").replace('>', "&gt;"),
        columns: feature_columns(&run.columns),
        of_class: OF_CLASS.map(str::to_owned).to_vec(),
        max_zoom: of.max_zoom,
        largest_tile: LARGEST_TILE,
        threads: of.threads,
    };
    let mut tiler = Tiler::create(options, of.scratch)?;
    for feature in features {
        let feature = feature?;
        let polygons = lon_lat_parts(&feature, to_lon_lat)?;
        let values = FeatureRow::new(&feature, run).cells().map(owned).collect();
        tiler.push(&TileFeature {
            id: &feature.id,
            class_id: feature.class_id.into(),
            area_m2: feature.area_m2,
            values,
            polygons: &polygons,
        })?;
    }
    Ok(tiler.finish(path)?)
}

/// Zones with their figures as PMTiles, one after the other.
#[derive(Debug)]
pub struct ZoneTiles(Tiler);

/// What an archive of zones is made of.
#[derive(Debug, Clone)]
pub struct ZonesOf<'a> {
    /// Title of the archive.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// Columns of zones.
    pub columns: &'a [Column],
    /// Columns that depend on the level alone.
    pub of_level: Vec<String>,
    /// The deepest zoom ([`deepest_zoom`]).
    pub max_zoom: u8,
    /// Threads that build tiles; the bytes do not depend on them.
    pub threads: usize,
}

/// A zone.
#[derive(Debug, Clone, Copy)]
pub struct ZoneOf<'a> {
    /// Its id, also among the zones of other levels.
    pub id: &'a str,
    /// Number of its level.
    pub level: u32,
    /// Its area, square meters.
    pub area_m2: f64,
    /// A value for each column.
    pub cells: &'a [Cell<'a>],
    /// Its polygons: the exterior ring and the holes of each, closed.
    pub polygons: &'a [Vec<Vec<[f64; 2]>>],
}

impl ZoneTiles {
    /// An archive with its scratch files in a folder.
    ///
    /// # Errors
    /// Those of [`Tiler::create`].
    pub fn create(of: &ZonesOf<'_>, scratch: &Path) -> Result<Self> {
        let options = TileOptions {
            kind: Kind::Objects,
            name: of.name.clone(),
            description: of.description.clone(),
            attribution: String::new(),
            columns: of.columns.to_vec(),
            of_class: of.of_level.clone(),
            max_zoom: of.max_zoom,
            largest_tile: LARGEST_TILE,
            threads: of.threads,
        };
        Ok(Self(Tiler::create(options, scratch)?))
    }

    /// Adds a zone. Those that cross the antimeridian are cut there.
    ///
    /// # Errors
    /// As [`write_pmtiles`].
    pub fn push<E: Error + Send + Sync + 'static>(
        &mut self,
        zone: &ZoneOf<'_>,
        to_lon_lat: &ToLonLat<'_, E>,
    ) -> Result<()> {
        let mut polygons = Vec::new();
        for rings in zone.polygons {
            let line =
                |ring: &Vec<[f64; 2]>| LineString(ring.iter().map(|[x, y]| Coord { x: *x, y: *y }).collect());
            let mut lines = rings.iter().map(line);
            let Some(exterior) = lines.next() else { continue };
            polygons.extend(lon_lat_polygon(zone.id, &Polygon::new(exterior, lines.collect()), to_lon_lat)?);
        }
        let values = zone.cells.iter().map(|cell| owned(*cell)).collect();
        let (id, area_m2) = (zone.id, zone.area_m2);
        Ok(self.0.push(&TileFeature { id, class_id: zone.level, area_m2, values, polygons: &polygons })?)
    }

    /// Writes the archive to a file.
    ///
    /// # Errors
    /// Those of [`Tiler::finish`].
    pub fn finish(self, path: &Path) -> Result<TileSummary> {
        Ok(self.0.finish(path)?)
    }
}

fn owned(cell: Cell<'_>) -> Option<Value> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(Value::Text(text.to_owned())),
        Cell::Integer(n) => Some(Value::Integer(n)),
        Cell::Real(real) => Some(Value::Real(real)),
    }
}

/// The zoom at which a pixel of a grid is at least as large as one of a tile that is drawn with 512 pixels.
///
/// `place`: a place of the grid's CRS, `gsd_x`: the width of its pixels.
///
/// # Errors
/// That of the transformation.
pub fn deepest_zoom<E: Error + Send + Sync + 'static>(
    place: (f64, f64),
    gsd_x: f64,
    to_lon_lat: &ToLonLat<'_, E>,
) -> Result<u8, E> {
    Ok(truncate(zoom_of_pixels(place, gsd_x, to_lon_lat)?.ceil().clamp(0.0, DEEPEST)))
}

/// The zoom, also between two, at which pixels of a grid are as wide as those of tiles with 512 pixels a side.
///
/// `place`: a place of the grid's CRS, `gsd_x`: the width of its pixels.
///
/// # Errors
/// That of the transformation.
pub fn zoom_of_pixels<E: Error + Send + Sync + 'static>(
    (x, y): (f64, f64),
    gsd_x: f64,
    to_lon_lat: &ToLonLat<'_, E>,
) -> Result<f64, E> {
    let ((west, south), (east, north)) = (to_lon_lat(x, y)?, to_lon_lat(x + gsd_x, y)?);
    // Web Mercator shows a degree of latitude longer, by the cosine. Across 180 degrees the shorter way counts.
    let (dx, dy) =
        ((east - west + 540.0).rem_euclid(360.0) - 180.0, (north - south) / south.to_radians().cos());
    let share = dx.hypot(dy) / 360.0;
    Ok(-(share * 512.0).log2())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::testing::{feature, run};

    #[test]
    fn features_become_an_archive_that_says_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.pmtiles");
        let of = TilesOf {
            kind: Kind::Objects,
            max_zoom: 9,
            name: "features",
            attribution: "<b>IGN</b>",
            threads: 1,
            scratch: folder.path(),
        };
        let all = (0u8..20).map(|i| Ok(feature(i.into(), 7, i.into(), 45.0, 0.5)));
        let summary = write_pmtiles::<Infallible>(&path, all, &run(), &|x, y| Ok((x, y)), &of).unwrap();
        assert_eq!((summary.features, summary.beyond), (20, 0));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..8], b"PMTiles\x03");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "scratch files are gone");
    }

    #[test]
    fn zooms_follow_pixels() {
        let degrees = |x: f64, y: f64| Ok::<_, Infallible>((x, y));
        // 1 m at 46 degrees north: 1.29e-5 degrees.
        let zooms =
            [1.29e-5, 1.29e-4, 1.29e-6, 40.0].map(|gsd| deepest_zoom((2.0, 46.0), gsd, &degrees).unwrap());
        assert_eq!(zooms, [16, 13, 18, 0]);
        assert_eq!(
            deepest_zoom((179.999_99, 46.0), 1.29e-5, &|x: f64, y: f64| {
                Ok::<_, Infallible>((if x > 180.0 { x - 360.0 } else { x }, y))
            })
            .unwrap(),
            16
        );
    }
}
