//! Roles and media types of a run's files.

/// Role of the label raster.
pub const ROLE_LABELS: &str = "labels";
/// Role of the raster of the published map: the prediction after overrides and the elimination of regions below the
/// minimum mapping unit. Without these steps, the label raster is the map.
pub const ROLE_MAP: &str = "map";
/// Role of the confidence raster.
pub const ROLE_CONFIDENCE: &str = "confidence";
/// Role of the raster of measured values.
pub const ROLE_VALUES: &str = "values";
/// Role of the raster of what was not observed, with the reason.
pub const ROLE_MASK: &str = "mask";
/// Role of the features, in any format.
pub const ROLE_FEATURES: &str = "features";
/// Role of the table of proposals of which a decided map has another version: invalidated, or of another class or outline.
pub const ROLE_SUPERSEDED: &str = "superseded";
/// Role of the zones with their statistics, in any format.
pub const ROLE_ZONES: &str = "zones";
/// Role of the events of a comparison, in any format.
pub const ROLE_EVENTS: &str = "events";
/// Role of the table of what the objects of a comparison became.
pub const ROLE_LINEAGE: &str = "lineage";
/// Role of the table by which a later comparison knows the objects of this one.
pub const ROLE_OBJECTS: &str = "objects";
/// Role of the raster of how much the images of two dates differ.
pub const ROLE_EVIDENCE: &str = "evidence";
/// Role of the tables of stocks, flows and balances.
pub const ROLE_BALANCE: &str = "balance";
/// Role of the field of shifts between the images of two dates.
pub const ROLE_SHIFT: &str = "shift";
/// Role of reports for readers.
pub const ROLE_REPORT: &str = "report";
/// Role of the page that shows the output in a browser.
pub const ROLE_VIEWER: &str = "viewer";
/// Role of the pictures of scenes, as raster tiles.
pub const ROLE_IMAGERY: &str = "imagery";
/// Role of styles of QGIS, each beside the raster or layer of its name.
pub const ROLE_STYLE: &str = "style";
/// Role of a project of QGIS.
pub const ROLE_PROJECT: &str = "project";
/// Role of pictures of events, before and after.
pub const ROLE_CHIP: &str = "chip";
/// Role of sheets that describe the output for catalogs: ISO 19115, and a text for data.gouv.fr.
pub const ROLE_SHEET: &str = "sheet";
/// Role of the Table Schema of a table.
pub const ROLE_SCHEMA: &str = "schema";
/// Role of files that describe the others, such as the STAC item.
pub const ROLE_METADATA: &str = "metadata";

/// Name of the STAC item among the artifacts.
pub const ITEM_NAME: &str = "item.json";

/// Media type of an artifact by its name. Every `.tif` of a run is a cloud-optimized GeoTIFF.
///
/// Stores send it as content type. Artifacts have no content disposition, so browsers display the types that they
/// support.
pub fn media_type(name: &str) -> &'static str {
    if name == ITEM_NAME {
        return "application/geo+json";
    }
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "tif" => "image/tiff; application=geotiff; profile=cloud-optimized",
        "parquet" => "application/vnd.apache.parquet",
        "gpkg" => "application/geopackage+sqlite3",
        "fgb" => "application/vnd.flatgeobuf",
        "geojson" => "application/geo+json",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "jsonl" => "application/x-ndjson",
        "pmtiles" => "application/vnd.pmtiles",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "html" => "text/html; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "qml" | "xml" => "application/xml",
        "qgz" => "application/zip",
        _ => "application/octet-stream",
    }
}
