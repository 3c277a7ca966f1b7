//! The features of a published map with all that is recorded of them, to make another version of it.

use arpent_base::{Column, Result, Value, sha256_hex};
use arpent_gdal::{LayerGeometry, LayerSource, read_features};
use arpent_model::Territory;
use arpent_publish::{
    Artifact, FeatureTable, ITEM_NAME, ObjectKind, ROLE_EVENTS, ROLE_FEATURES, TableRow, feature_columns,
};
use arpent_raster::{Grid, Nomenclature, Window};
use arpent_vector::Feature;
use geo_types::{LineString, MultiPolygon, Polygon};
use serde::Deserialize as _;

use super::error::ReviewJobError;
use super::store::ReviewedMap;
use crate::address::checked_address;
use crate::report::{Material, place_of_item};

/// Formats that keep coordinates as they are, the fastest first, and whether a file of it has several layers.
const EXACT: [(&str, bool); 2] = [(".gpkg", true), (".fgb", false)];

/// Where the features are read.
enum Source {
    Table(FeatureTable),
    Layer(String, Option<&'static str>),
}

/// A published map, or comparison of two dates: its features or events, grid and classes.
pub(super) struct Proposal {
    source: Source,
    /// Whether it is a comparison, whose features are events.
    pub(super) is_change: bool,
    /// Columns of its features beside those of every map.
    pub(super) columns: Vec<Column>,
    pub(super) classes: Nomenclature,
    pub(super) grid: Grid,
    pub(super) window: Window,
    /// Territories of its model; none if the manifest has none.
    pub(super) territories: Vec<Territory>,
    /// Path of its STAC item below its address.
    pub(super) item: String,
}

impl Proposal {
    /// Opens a map; `material` are its files.
    pub(super) fn open(map: &ReviewedMap, material: &Material<'_>) -> Result<Self> {
        let output = map.target.url().to_owned();
        let is_change = map.manifest.counts.change.is_some();
        let (role, name) = if is_change { (ROLE_EVENTS, "events") } else { (ROLE_FEATURES, "features") };
        let missing = || ReviewJobError::NoExactFeatures { output: output.clone() };
        let source = if let Some(table) = material.table()? {
            Source::Table(table)
        } else {
            let of = |(ending, has_layers): (&str, bool)| {
                let is_of = |artifact: &&Artifact| artifact.role == role && artifact.href.ends_with(ending);
                let found = map.manifest.artifacts.iter().find(is_of);
                found.map(|artifact| (artifact, has_layers.then_some(name)))
            };
            // The GeoPackage of events has other tables beside them.
            let (artifact, layer) = EXACT.into_iter().find_map(of).ok_or_else(missing)?;
            Source::Layer(checked_address(&map.target, artifact)?, layer)
        };
        let of_every_map: Vec<String> = feature_columns(&[]).into_iter().map(|column| column.name).collect();
        let fields = map.manifest.columns.as_ref().and_then(|schema| schema["fields"].as_array());
        let columns = fields.into_iter().flatten().filter_map(Column::of_table_schema_field);
        let columns = columns.filter(|column| !of_every_map.contains(&column.name)).collect();
        let no_place =
            |reason: &str| ReviewJobError::NoPlace { output: output.clone(), reason: reason.to_owned() };
        let classes =
            material.classes.as_deref().cloned().ok_or_else(|| no_place("it does not name its classes"))?;
        let (item, grid, window) = place_of(map, &no_place)?;
        let described = map.manifest.package.as_ref().and_then(|package| package.get("territories"));
        let territories = described.map(Vec::<Territory>::deserialize).transpose()?.unwrap_or_default();
        Ok(Self { source, is_change, columns, classes, grid, window, territories, item })
    }

    /// Passes every feature with its state, in the order of the file.
    pub(super) fn each(&self, take: &mut dyn FnMut(Feature, &str) -> Result<()>) -> Result<()> {
        match &self.source {
            Source::Table(table) => table.each_row(&mut |row| self.pass(row, take)),
            Source::Layer(address, layer) => {
                let all = feature_columns(&self.columns);
                let fields: Vec<&str> = all.iter().map(|column| column.name.as_str()).collect();
                let source = LayerSource {
                    layer: *layer,
                    fields: &fields,
                    ..LayerSource::new(address, &self.grid.crs)
                };
                read_features(&source, &mut |feature| {
                    let polygons = match feature.geometry {
                        LayerGeometry::Polygons(parts) => parts.iter().map(|rings| polygon(rings)).collect(),
                        LayerGeometry::Empty | LayerGeometry::Lines(_) => Vec::new(),
                    };
                    let names = fields.iter().map(|name| (*name).to_owned());
                    self.pass(TableRow { values: names.zip(feature.values).collect(), polygons }, take)
                })?;
                Ok(())
            }
        }
    }

    fn pass(&self, mut row: TableRow, take: &mut dyn FnMut(Feature, &str) -> Result<()>) -> Result<()> {
        let polygons = MultiPolygon(std::mem::take(&mut row.polygons));
        let text = |column: &str| row.value(column).map(Value::to_string);
        let number = |column: &str| row.value(column).and_then(Value::as_number);
        let class_id = row.value("class_id").and_then(|value| match value {
            Value::Integer(id) => u8::try_from(*id).ok(),
            Value::Real(_) | Value::Text(_) => None,
        });
        let required = |column: &str| ReviewJobError::NoColumn {
            file: "the features".to_owned(),
            column: column.to_owned(),
        };
        let feature = Feature {
            id: text("id").ok_or_else(|| required("id"))?,
            class_id: class_id.ok_or_else(|| required("class_id"))?,
            class_name: text("class_name").ok_or_else(|| required("class_name"))?,
            score: number("score"),
            area_m2: number("area_m2").ok_or_else(|| required("area_m2"))?,
            pixels_area_m2: number("pixels_area_m2"),
            scene_ids: text("scene_ids").into_iter().collect(),
            acquired: text("acquired"),
            attributes: self.columns.iter().map(|column| row.value(&column.name).cloned()).collect(),
            polygons,
        };
        let state = text("state").ok_or_else(|| required("state"))?;
        take(feature, &state)
    }
}

/// A polygon of its rings.
pub(super) fn polygon(rings: &[Vec<[f64; 2]>]) -> Polygon<f64> {
    let mut lines = rings.iter().map(|ring| ring.iter().map(|[x, y]| (*x, *y)).collect::<LineString<f64>>());
    let outer = lines.next().unwrap_or_else(|| LineString(Vec::new()));
    Polygon::new(outer, lines.collect())
}

/// The STAC item of a map.
fn item_of(map: &ReviewedMap) -> Option<&Artifact> {
    let is_item =
        |artifact: &&Artifact| artifact.href.rsplit_once('/').is_some_and(|(_, name)| name == ITEM_NAME);
    map.manifest.artifacts.iter().find(is_item)
}

/// The grid and the window of a map; none for one without a STAC item.
pub(super) fn place_if_known(map: &ReviewedMap) -> Result<Option<(Grid, Window)>> {
    if item_of(map).is_none() {
        return Ok(None);
    }
    let output = map.target.url().to_owned();
    let (_, grid, window) = place_of(map, &|reason| ReviewJobError::NoPlace {
        output: output.clone(),
        reason: reason.to_owned(),
    })?;
    Ok(Some((grid, window)))
}

/// The grid and the window of a map, as its STAC item has them: maps of detections have no raster.
fn place_of(map: &ReviewedMap, failed: &dyn Fn(&str) -> ReviewJobError) -> Result<(String, Grid, Window)> {
    let artifact = item_of(map).ok_or_else(|| failed("it has no item.json"))?;
    let bytes = map.target.read(&artifact.href, ObjectKind::Document)?.unwrap_or_default();
    if sha256_hex(&bytes) != artifact.sha256 {
        return Err(failed("item.json is not as published").into());
    }
    let (grid, window) = place_of_item(&bytes).map_err(|reason| failed(&reason))?;
    Ok((artifact.href.clone(), grid, window))
}
