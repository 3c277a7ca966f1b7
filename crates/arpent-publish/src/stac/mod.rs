//! The STAC 1.1 item of a run.
//!
//! Extensions:
//! - `proj` 2.0, `gsd` and `processing` 1.2 are properties of the item: every raster of a run lies on one grid.
//! - `raster` 2.0 and `classification` 2.0 are on the `bands` of the raster assets (STAC 1.1 common metadata
//!   has `data_type` and `nodata`; the scale of the confidence raster is `raster:scale`).
//! - `eo` 2.0 is on items of which a mask of clouds is known: `eo:cloud_cover`.
//! - `version` 1.2 is on items of decided maps: the version before it is the proposal.
//! - `file` 2.1 is on every asset: `file:size`, and `file:checksum` as a SHA-256 multihash.
//! - `mlm` 1.5 is written for items that *are* models, and its schema requires a name, an architecture, tasks,
//!   inputs, outputs and an asset with the role `mlm:model`. All of them are given, so that the item validates:
//!   they describe the model that made the data, and the asset `model` points to its package (or, if its address
//!   is unknown, identifies it by hash as `urn:sha256:...`).

mod model;
mod time;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use arpent_raster::{
    CONFIDENCE_NODATA, CONFIDENCE_SCALE, Grid, LABEL_NODATA, Nomenclature, PixelArea, Window,
};
use geo_types::{LineString, Polygon};
use serde_json::{Map, Value, json};

use crate::about::About;
use crate::dateline::{Extent, Rings, cut};
use crate::error::{PublishError, Result};
use crate::geojson::on_globe;
use crate::geoparquet::projjson;
use crate::manifest::Software;
use crate::measured::MeasuredCounts;
use crate::media::{
    ROLE_CONFIDENCE, ROLE_FEATURES, ROLE_LABELS, ROLE_MAP, ROLE_MASK, ROLE_SCHEMA, ROLE_SHEET, ROLE_VALUES,
    ROLE_VIEWER,
};
use crate::names::MANIFEST_NAME;
use crate::publish::StagedArtifact;
use arpent_base::json_document;
use arpent_base::number::rounded;
pub use model::StacModel;
pub use time::Acquired;
use values::{multihash, slug};

const EXTENSIONS: [&str; 5] = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
];
/// That of models.
const MLM: &str = "https://stac-extensions.github.io/mlm/v1.5.0/schema.json";
/// That of versions.
const VERSION: &str = "https://stac-extensions.github.io/version/v1.2.0/schema.json";
/// That of the share of clouds.
const EO: &str = "https://stac-extensions.github.io/eo/v2.0.0/schema.json";

/// Content of a run's STAC item.
#[derive(Debug, Clone, Copy)]
pub struct StacRun<'a> {
    /// Id of the run, and of the item.
    pub run_id: &'a str,
    /// Acquisition time of the scenes.
    pub acquired: &'a Acquired,
    /// Outline of the result in WGS 84 longitude and latitude, degrees.
    pub footprint: &'a Polygon<f64>,
    /// Grid of the rasters.
    pub grid: &'a Grid,
    /// Pixels of the rasters.
    pub window: &'a Window,
    /// Classes of the label raster.
    pub nomenclature: &'a Nomenclature,
    /// Classes of the model: those of the label raster.
    pub predicted: &'a Nomenclature,
    /// Bands of the raster of measured values; none for a result of classes.
    pub values: &'a [MeasuredCounts],
    /// What was not observed, where the result has masks.
    pub mask: Option<StacMask<'a>>,
    /// The model; `None` for a comparison of maps or images.
    pub model: Option<&'a StacModel>,
    /// How the result was made, one sentence; by default by the model from the scenes.
    pub lineage: Option<&'a str>,
    /// The version of a map that persons decided on; `None` for a proposal.
    pub version: Option<StacVersion<'a>>,
    /// Versions of the program and its libraries.
    pub software: &'a Software,
    /// Addresses of the scenes; those with a scheme (`https://`, `s3://`) become links.
    pub scene_uris: &'a [String],
    /// Title, terms and provider.
    pub about: &'a About,
    /// The other files of the run, in the folder of the item.
    pub artifacts: &'a [StagedArtifact],
}

/// A version of a map, by the version extension.
#[derive(Debug, Clone, Copy)]
pub struct StacVersion<'a> {
    /// Its name.
    pub version: &'a str,
    /// Address of the item of the proposal, relative to this item or absolute.
    pub predecessor: &'a str,
}

/// What was not observed: the raster with the role `mask`, and the share of clouds.
#[derive(Debug, Clone, Copy)]
pub struct StacMask<'a> {
    /// Classes of the raster: observed, and the reasons.
    pub nomenclature: &'a Nomenclature,
    /// Share of clouds, 0 to 1, if a mask says what clouds are.
    pub cloud_cover: Option<f64>,
}

/// Builds a run's STAC item; equal input gives equal output.
///
/// # Errors
/// [`PublishError::BadProjjson`] when the CRS's definition is not JSON, [`PublishError::NotOnGlobe`] when the
/// footprint is not in longitude and latitude.
pub fn stac_item(run: &StacRun<'_>) -> Result<Value> {
    let parts = footprint(run)?;
    let mut extent = Extent::default();
    for part in &parts {
        extent.add(part);
    }
    let geometry = match parts.as_slice() {
        [rings] => json!({ "type": "Polygon", "coordinates": rings }),
        parts => json!({ "type": "MultiPolygon", "coordinates": parts }),
    };
    Ok(json!({
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": extensions(run),
        "id": run.run_id,
        "geometry": geometry,
        "bbox": extent.bbox().expect("a footprint has corners"),
        "properties": properties(run)?,
        "links": links(run),
        "assets": assets(run),
    }))
}

/// Writes a run's STAC item to a file.
///
/// # Errors
/// As [`stac_item`], and [`PublishError::Io`] when the file cannot be written.
pub fn write_stac_item(path: &Path, run: &StacRun<'_>) -> Result<()> {
    let bytes = json_document(&stac_item(run)?)
        .map_err(|source| PublishError::Json { what: "the STAC item", source })?;
    std::fs::write(path, bytes).map_err(PublishError::io("write", path))
}

fn extensions(run: &StacRun<'_>) -> Vec<&'static str> {
    let model = run.model.map(|_| MLM);
    let clouds = run.mask.and_then(|mask| mask.cloud_cover).map(|_| EO);
    let version = run.version.map(|_| VERSION);
    EXTENSIONS.into_iter().chain(model).chain(clouds).chain(version).collect()
}

/// Polygons by RFC 7946: rings closed, exterior counter-clockwise, holes clockwise; cut at the antimeridian.
fn footprint(run: &StacRun<'_>) -> Result<Vec<Rings>> {
    let place = |c: &geo_types::Coord<f64>| {
        on_globe(c.x, c.y).ok_or_else(|| PublishError::NotOnGlobe {
            id: run.run_id.to_owned(),
            longitude: c.x,
            latitude: c.y,
        })
    };
    let ring = |line: &LineString<f64>| line.0.iter().map(place).collect::<Result<Vec<_>>>();
    let exterior = std::iter::once(run.footprint.exterior());
    let rings = exterior.chain(run.footprint.interiors()).map(ring).collect::<Result<Rings>>()?;
    // Adjacent points are far less than half a turn apart.
    Ok(cut(rings, &|_, _| true))
}

fn properties(run: &StacRun<'_>) -> Result<Value> {
    let mut all = run.about.stac_properties();
    all.extend(run.acquired.properties());
    all.extend(projection(run)?);
    all.insert("gsd".into(), json!(ground_resolution(run)));
    all.insert("processing:level".into(), json!("L4"));
    all.insert("processing:lineage".into(), json!(lineage(run)));
    all.insert("processing:software".into(), json!(run.software));
    if let Some(share) = run.mask.and_then(|mask| mask.cloud_cover) {
        // Percent, to the second decimal.
        all.insert("eo:cloud_cover".into(), json!((share * 1e4).round() / 1e2));
    }
    if let Some(version) = run.version {
        all.insert("version".into(), json!(version.version));
        all.insert("deprecated".into(), json!(false));
    }
    if let Some(model) = run.model {
        all.extend(model.properties(run.predicted));
    }
    Ok(Value::Object(all))
}

/// `proj:transform` has the order of affine matrices, not of GDAL geotransforms.
fn projection(run: &StacRun<'_>) -> Result<Map<String, Value>> {
    let [x, gsd_x, _, y, _, gsd_y] = run.grid.geotransform(run.window);
    let mut fields = Map::new();
    match run.grid.crs.epsg {
        Some(code) => fields.insert("proj:code".into(), json!(format!("EPSG:{code}"))),
        None => fields.insert("proj:projjson".into(), projjson(&run.grid.crs)?),
    };
    fields.insert("proj:bbox".into(), json!(run.grid.bbox(run.window)));
    fields.insert("proj:shape".into(), json!([run.window.height, run.window.width]));
    fields.insert("proj:transform".into(), json!([gsd_x, 0.0, x, 0.0, gsd_y, y]));
    Ok(fields)
}

/// Meters per pixel at the middle row, rounded to millimeters.
fn ground_resolution(run: &StacRun<'_>) -> f64 {
    let middle = run.window.row.midpoint(run.window.row_end());
    rounded(PixelArea::new(run.grid).gsd_of_row(middle), 3)
}

fn lineage(run: &StacRun<'_>) -> String {
    let count = run.scene_uris.len();
    match (run.lineage, run.model) {
        (Some(text), _) => text.to_owned(),
        (None, Some(model)) => format!(
            "Predicted by the model {} {} (SHA-256 {}) from {count} scene(s); not verified by a person.",
            model.id, model.version, model.sha256
        ),
        (None, None) => format!("Made from {count} input(s); not verified by a person."),
    }
}

fn links(run: &StacRun<'_>) -> Value {
    let remote = run.scene_uris.iter().filter(|uri| uri.contains("://"));
    let sources = remote.map(|uri| json!({ "rel": "derived_from", "href": uri }));
    let versions = run.version.iter().flat_map(|version| {
        let link = |rel: &str, href: &str, title: &str| json!({ "rel": rel, "href": href, "type": "application/geo+json", "title": title });
        [
            // The manifest of the output names its current attempt, in which this file is.
            link("latest-version", "./item.json", "The decided map"),
            link("predecessor-version", version.predecessor, "The proposal"),
        ]
    });
    sources.chain(versions).chain(run.about.stac_links()).collect()
}

fn assets(run: &StacRun<'_>) -> Value {
    let mut all: BTreeMap<String, Value> =
        run.artifacts.iter().map(|artifact| (artifact.name.clone(), asset(run, artifact))).collect();
    let manifest = json!({
        "href": format!("../{MANIFEST_NAME}"),
        "type": "application/json",
        "title": "Manifest of the run",
        "roles": ["metadata"],
    });
    all.insert(MANIFEST_NAME.into(), manifest);
    if let Some(model) = run.model {
        all.insert("model".into(), model.asset());
    }
    json!(all)
}

fn asset(run: &StacRun<'_>, artifact: &StagedArtifact) -> Value {
    let mut asset = json!({
        "href": format!("./{}", artifact.name),
        "type": artifact.media_type,
        "roles": roles(&artifact.role),
    });
    // Sheets have the day of the publication: equal maps would have other items.
    if artifact.role != ROLE_SHEET {
        asset["file:size"] = json!(artifact.digest.size);
        asset["file:checksum"] = json!(multihash(&artifact.digest.sha256));
    }
    if artifact.role == ROLE_VALUES {
        asset["bands"] = run.values.iter().map(|value| measured_band(run, value)).collect();
    } else if let Some(band) = band(run, &artifact.role) {
        asset["bands"] = json!([band]);
    }
    asset
}

fn roles(role: &str) -> Vec<&str> {
    match role {
        ROLE_LABELS | ROLE_MAP | ROLE_CONFIDENCE | ROLE_VALUES | ROLE_FEATURES => vec!["data", role],
        // Of the best practices of STAC: a file that says which pixels are covered by clouds, and the like.
        ROLE_MASK => vec!["data-mask", role],
        ROLE_SHEET | ROLE_SCHEMA => vec!["metadata", role],
        ROLE_VIEWER => vec!["overview", role],
        other => vec![other],
    }
}

/// The one band of a raster; `None` for other artifacts.
fn band(run: &StacRun<'_>, role: &str) -> Option<Value> {
    let resolution = ground_resolution(run);
    match role {
        ROLE_LABELS | ROLE_MAP => Some(json!({
            "name": role,
            "description": if role == ROLE_MAP { "Class, as the features have it" } else { "Class that the model gives" },
            "data_type": "uint8",
            "nodata": LABEL_NODATA,
            "raster:sampling": "area",
            "raster:spatial_resolution": resolution,
            "classification:classes": classes(if role == ROLE_MAP { run.nomenclature } else { run.predicted }),
        })),
        ROLE_CONFIDENCE => Some(json!({
            "name": role,
            "description": "Score of the class given, 0 to 1 after scaling",
            "data_type": "uint8",
            "nodata": CONFIDENCE_NODATA,
            "raster:sampling": "area",
            "raster:spatial_resolution": resolution,
            "raster:scale": CONFIDENCE_SCALE,
            "raster:offset": 0,
        })),
        ROLE_MASK => run.mask.map(|mask| {
            json!({
                "name": role,
                "description": "Why a place was not observed",
                "data_type": "uint8",
                "nodata": LABEL_NODATA,
                "raster:sampling": "area",
                "raster:spatial_resolution": resolution,
                "classification:classes": classes(mask.nomenclature),
            })
        }),
        _ => None,
    }
}

/// A band of the raster of measured values.
fn measured_band(run: &StacRun<'_>, value: &MeasuredCounts) -> Value {
    let mut band = json!({
        "name": slug(&value.name),
        "description": value.name_fr.as_ref().map_or_else(|| value.name.clone(), |fr| format!("{} ({fr})", value.name)),
        "data_type": "float32",
        "nodata": "nan",
        "raster:sampling": "area",
        "raster:spatial_resolution": ground_resolution(run),
    });
    if let Some(unit) = &value.unit {
        band["unit"] = json!(unit);
    }
    if let (Some(min), Some(max), Some(mean), Some(std)) = (value.min, value.max, value.mean, value.std) {
        band["statistics"] =
            json!({ "minimum": min, "maximum": max, "mean": mean, "stddev": std, "count": value.pixels });
    }
    band
}

fn classes(nomenclature: &Nomenclature) -> Value {
    let class = |c: &arpent_raster::Class| {
        let [r, g, b] = c.color.0;
        json!({
            "value": c.id,
            "name": slug(&c.name),
            "title": c.name,
            "description": c.name_fr.as_ref().map_or_else(|| c.name.clone(), |fr| format!("{} ({fr})", c.name)),
            "color_hint": format!("{r:02X}{g:02X}{b:02X}"),
        })
    };
    let nodata = json!({
        "value": LABEL_NODATA,
        "name": "nodata",
        "title": "no data",
        "description": "outside the scenes or without an answer",
        "nodata": true,
    });
    nomenclature.classes().iter().map(class).chain([nodata]).collect()
}

#[cfg(test)]
mod tests;
