//! The imagery around features, as tiles inside of the file: the field has no network.
//!
//! Tiles are those of the map's page. As a GeoPackage has them: a pyramid in Web Mercator, WebP by an extension of the standard
//! (<https://www.geopackage.org/spec131/#extension_tiles_webp>).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use arpent_base::number::{exact, wide};
use arpent_base::{Language, Result};
use arpent_gdal::{GeoPackage, Transformer, describe_crs, sql_text};
use arpent_publish::{Artifact, PICTURE_SIDE, PictureArchive, TileId};
use arpent_qgis::{Content, ProjectLayer, picture_qml};
use arpent_raster::Crs;
use arpent_viewer::Date;

use super::error::GeoPackageError;
use crate::review::store::OpenReview;

/// EPSG code of Web Mercator.
const MERCATOR: u32 = 3857;
/// Half the side of its square, meters: half the circumference of the sphere of 6,378,137 m.
const HALF_SIDE_M: f64 = 20_037_508.342_789_244;
/// The first zoom of which only the surroundings of features are kept: a tile of the one above has 80 km at the equator.
const NEAR: u8 = 10;
/// Most bytes of tiles: memory cards of phones often have FAT32, whose files end at 4 GB.
const MOST_BYTES: u64 = 1 << 31;
/// Most places: about 200 MB of memory.
const MOST_PLACES: usize = 4_000_000;
/// Most tiles of one feature's surroundings: a feature is looked at as a whole on tiles of a lesser zoom.
const MOST_TILES: u32 = 64;

/// Places of features, as tiles.
pub(super) struct Around {
    to_degrees: Transformer,
    tiles: BTreeSet<TileId>,
}

/// Zoom of the places: a tile has 150 m at the equator.
const PLACES: u8 = 18;

impl Around {
    /// Of features in a CRS.
    pub(super) fn new(crs: &Crs) -> Result<Self> {
        Ok(Self { to_degrees: Transformer::new(crs)?, tiles: BTreeSet::new() })
    }

    /// Adds a feature's bounding box, in the CRS.
    pub(super) fn add(&mut self, bbox: [f64; 4]) -> Result<()> {
        let [west, south, east, north] = self.to_degrees.bbox(bbox)?;
        let corner = |place| TileId::holding(PLACES, place);
        let (Some(first), Some(last)) = (corner([west, north]), corner([east, south])) else { return Ok(()) };
        // One more on each side; of what is larger than so many tiles, the zooms above show it.
        let range = |from: u32, to: u32| {
            from.saturating_sub(1)..=to.saturating_add(1).min(from.saturating_add(MOST_TILES))
        };
        for x in range(first.x, last.x) {
            self.tiles.extend(range(first.y, last.y).map(|y| TileId { z: PLACES, x, y }));
        }
        if self.tiles.len() > MOST_PLACES {
            return Err(GeoPackageError::MuchImagery { gigabytes: MOST_BYTES >> 30 }.into());
        }
        Ok(())
    }

    /// The tiles of a zoom, up to that of the places, that hold one.
    fn at(&self, zoom: u8) -> BTreeSet<TileId> {
        self.tiles.iter().map(|tile| tile.above(zoom)).collect()
    }
}

/// A table of tiles, and its title.
struct Table<'a> {
    artifact: &'a Artifact,
    name: &'static str,
    titles: [&'static str; 2],
}

/// The archives of a map: of a comparison, the later date first.
fn tables(opened: &OpenReview) -> Vec<Table<'_>> {
    let known = [
        (None, "imagery", ["Imagery", "Imagerie"]),
        (Some(Date::After), "imagery_after", ["Imagery after", "Imagerie après"]),
        (Some(Date::Before), "imagery_before", ["Imagery before", "Imagerie avant"]),
    ];
    let of = |(date, name, titles)| Some(Table { artifact: opened.map.imagery(date)?, name, titles });
    known.into_iter().filter_map(of).collect()
}

/// Writes the imagery around features to a file that is being made; gives the layers, the first on top, and the number of
/// tiles. Memory holds a tile, and the places of the features.
///
/// # Errors
/// [`GeoPackageError::NoImagery`]; [`GeoPackageError::MuchImagery`]; when an archive cannot be read or the file not written.
pub(super) fn write(
    opened: &OpenReview,
    (around, language): (&Around, Language),
    (path, file): (&Path, &str),
    timestamp: &str,
) -> Result<(Vec<ProjectLayer>, u64)> {
    let tables = tables(opened);
    if tables.is_empty() {
        return Err(GeoPackageError::NoImagery.into());
    }
    let (mut layers, mut tiles, mut bytes) = (Vec::new(), 0, 0);
    for table in tables {
        let scratch = path.with_extension("pmtiles");
        opened.map.target.fetch_artifact(table.artifact, &scratch)?;
        let mut archive = PictureArchive::open(&scratch)?;
        let package = GeoPackage::update(path, timestamp)?;
        package.begin()?;
        let deepest = archive.max_zoom();
        for statement in schema(table.name, deepest, timestamp)? {
            package.run(&statement)?;
        }
        let mut near = (0, BTreeSet::new());
        archive.each(0..=deepest, &mut |tile, picture| {
            if tile.z >= NEAR {
                let zoom = tile.z.min(PLACES);
                // Tiles come zoom by zoom.
                if near.0 != zoom {
                    near = (zoom, around.at(zoom));
                }
                if !near.1.contains(&tile.above(zoom)) {
                    return Ok(());
                }
            }
            bytes += wide(picture.len());
            if bytes > MOST_BYTES {
                return Err(GeoPackageError::MuchImagery { gigabytes: MOST_BYTES >> 30 }.into());
            }
            tiles += 1;
            Ok(package.run(&insert(table.name, tile, picture))?)
        })?;
        package.commit()?;
        package.finish()?;
        std::fs::remove_file(&scratch)?;
        layers.push(ProjectLayer {
            title: table.titles[usize::from(language == Language::Fr)].to_owned(),
            file: file.to_owned(),
            layer: Some(table.name.to_owned()),
            content: Content::Raster,
            other_epsg: Some(MERCATOR),
            style: picture_qml(),
            is_shown: true,
            is_read_only: true,
        });
    }
    Ok((layers, tiles))
}

fn insert(table: &str, tile: TileId, picture: &[u8]) -> String {
    let TileId { z, x, y } = tile;
    let mut sql = format!(
        "INSERT INTO \"{table}\" (zoom_level, tile_column, tile_row, tile_data) VALUES ({z}, {x}, {y}, X'"
    );
    for byte in picture {
        let _ = write!(sql, "{byte:02x}");
    }
    sql.push_str("')");
    sql
}

/// The table of the tiles, and what the standard wants to know of it.
fn schema(table: &str, deepest: u8, timestamp: &str) -> Result<Vec<String>> {
    let wkt = describe_crs("EPSG:3857")?.wkt;
    let text = |text: &str| sql_text(Some(text));
    let square = format!("{}, {}, {HALF_SIDE_M}, {HALF_SIDE_M}", -HALF_SIDE_M, -HALF_SIDE_M);
    let mut all = vec![
        format!(
            "INSERT OR IGNORE INTO gpkg_spatial_ref_sys (srs_name, srs_id, organization, organization_coordsys_id, definition) \
             VALUES ('WGS 84 / Pseudo-Mercator', {MERCATOR}, 'EPSG', {MERCATOR}, {})",
            text(&wkt)
        ),
        format!(
            "CREATE TABLE \"{table}\" (id INTEGER PRIMARY KEY AUTOINCREMENT, zoom_level INTEGER NOT NULL, tile_column INTEGER \
             NOT NULL, tile_row INTEGER NOT NULL, tile_data BLOB NOT NULL, UNIQUE (zoom_level, tile_column, tile_row))"
        ),
        format!(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, min_x, min_y, max_x, max_y, \
             srs_id) VALUES ({name}, 'tiles', {name}, '', {time}, {square}, {MERCATOR})",
            name = text(table),
            time = text(timestamp),
        ),
        format!(
            "INSERT INTO gpkg_tile_matrix_set (table_name, srs_id, min_x, min_y, max_x, max_y) VALUES ({}, {MERCATOR}, {square})",
            text(table)
        ),
        format!(
            "INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) VALUES ({}, 'tile_data', \
             'gpkg_webp', 'http://www.geopackage.org/spec121/#extension_tiles_webp', 'read-write')",
            text(table)
        ),
    ];
    for zoom in 0..=deepest {
        let tiles = 1u64 << zoom;
        let pixel = 2.0 * HALF_SIDE_M / 2f64.powi(i32::from(zoom)) / exact(PICTURE_SIDE);
        all.push(format!(
            "INSERT INTO gpkg_tile_matrix (table_name, zoom_level, matrix_width, matrix_height, tile_width, tile_height, \
             pixel_x_size, pixel_y_size) VALUES ({}, {zoom}, {tiles}, {tiles}, {PICTURE_SIDE}, {PICTURE_SIDE}, {pixel}, {pixel})",
            text(table)
        ));
    }
    Ok(all)
}
