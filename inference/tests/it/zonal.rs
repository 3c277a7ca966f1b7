//! Zonal results of whole runs of the binary, against exactextract (`tests/oracle/zonal.json`, made by `make_zonal.py`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arpent_base::number::exact;
use arpent_gdal::{RasterKind, StripWriter, describe_crs};
use arpent_job::{ZonalConfig, ZonalPlaces};
use arpent_publish::{Counts, MANIFEST_FORMAT, Manifest, ModelRecord, StagedArtifact, Target};
use arpent_raster::{Class, Color, Grid, Nomenclature, Window};
use serde_json::{Value, json};

use crate::common::{Ended, Map, Place, gdal};
use crate::real::real;

const ORACLE: &str = include_str!("../oracle/zonal.json");

fn oracle() -> Value {
    serde_json::from_str(ORACLE).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::from_value(value.clone()).unwrap()
}

/// A map to publish.
struct Picture<'a> {
    epsg: u32,
    corner: [f64; 2],
    gsd: f64,
    size: (usize, usize),
    classes: &'a [(u8, &'a str)],
    labels: &'a [u8],
    confidence: Option<&'a [u8]>,
}

/// Publishes rasters as a run does.
fn publish(place: &Place, name: &str, picture: &Picture<'_>) {
    let crs = Arc::new(describe_crs(&format!("EPSG:{}", picture.epsg)).unwrap());
    let geotransform = [picture.corner[0], picture.gsd, 0.0, picture.corner[1], 0.0, -picture.gsd];
    let placed = Grid::place(crs, geotransform, picture.size.0, picture.size.1).unwrap();
    let class = |(id, name): &(u8, &str)| Class {
        id: *id,
        name: (*name).into(),
        name_fr: None,
        code: None,
        color: Color([*id, 0, 0]),
        features: true,
    };
    let classes = Nomenclature::new(picture.classes.iter().map(class).collect()).unwrap();
    let write = |role: &str, kind: RasterKind<'_>, values: &[u8]| {
        let window: Window = placed.window;
        let mut writer = StripWriter::create(&place.path("raster.tmp"), window, &placed.grid, kind).unwrap();
        writer.write_rows(window.row, values).unwrap();
        let path = place.path(&format!("{role}.tif"));
        writer.finish_cog(&path, 1).unwrap();
        StagedArtifact::new(&path, role).unwrap()
    };
    let mut staged = vec![write("labels", RasterKind::Labels(&classes), picture.labels)];
    staged.extend(picture.confidence.map(|values| write("confidence", RasterKind::Confidence, values)));
    Target::parse(&place.text(name)).unwrap().publish(&staged, manifest(), true).unwrap();
}

pub fn manifest() -> Manifest {
    let model =
        ModelRecord { id: "kinds".into(), version: "1".into(), sha256: "abc".into(), license: "MIT".into() };
    Manifest {
        format: MANIFEST_FORMAT.into(),
        run_id: "run-0123".into(),
        created: "2026-01-01T00:00:00Z".into(),
        attempt: String::new(),
        plan: None,
        software: BTreeMap::new(),
        inputs: vec![],
        failed_inputs: vec![],
        warnings: vec![],
        engines: vec![],
        model,
        package: None,
        config: json!({}),
        counts: Counts::default(),
        timings_s: BTreeMap::new(),
        energy: None,
        ledger: None,
        columns: None,
        tables: BTreeMap::new(),
        artifacts: vec![],
    }
}

/// The map of the oracle at `map`, its zones and roads beside it.
pub fn place() -> Place {
    let (place, oracle) = (Place::empty(), oracle());
    let (map, classes) = (&oracle["map"], oracle["classes"].as_object().unwrap());
    let classes: Vec<(u8, &str)> =
        classes.iter().map(|(id, name)| (id.parse().unwrap(), name.as_str().unwrap())).collect();
    let number = |key: &str| map[key].as_f64().unwrap();
    let size = |key: &str| usize::try_from(map[key].as_u64().unwrap()).unwrap();
    let picture = Picture {
        epsg: 2154,
        corner: [number("x"), number("y")],
        gsd: number("gsd"),
        size: (size("width"), size("height")),
        classes: &classes,
        labels: &bytes(&map["labels"]),
        confidence: Some(&bytes(&map["confidence"])),
    };
    publish(&place, "map", &picture);
    place.write("zones.geojson", &oracle["zones"].to_string());
    place.write("roads.geojson", &oracle["roads"].to_string());
    place
}

pub const ZONES: &str = "map = \"map\"\nzones = \"zones.geojson\"\nid = \"parcel\"\nkeep = [\"owner\", \"Rank\"]\nrank_by = [\"crack\", \"pothole\"]\n";
pub const ROADS: &str = "map = \"map\"\nzones = \"roads.geojson\"\nid = \"osm_id\"\nkeep = [\"highway\"]\n\n[roads]\nwidth_m = 5.0\nwidth_field = \"width\"\ndamaged = [\"crack\", \"pothole\"]\nthresholds = [0.05, 0.1, 0.2, 0.22]\n";

pub fn zonal(place: &Place, config: &str, output: &str, more: &[&str]) -> Ended {
    place.write("zonal.toml", config);
    place.arpent(&[&["zonal", "zonal.toml", "--output", output], more].concat())
}

pub type Row = BTreeMap<String, String>;

pub fn rows(map: &Map) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(map.file("zones.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Asserts that a row equals the oracle's: parts are of single precision there.
#[track_caller]
fn assert_as_oracle(row: &Row, expected: &Value, classes: &[(&str, &str)]) -> f64 {
    let mut worst: f64 = 0.0;
    let mut near = |name: &str, expected: Option<f64>| {
        let got: Option<f64> = row[name].parse().ok();
        assert_eq!(got.is_some(), expected.is_some(), "{name} of {row:?}");
        let (got, expected) = (got.unwrap_or(0.0), expected.unwrap_or(0.0));
        let off = (got - expected).abs() / expected.abs().max(1.0);
        assert!(off < 2e-6, "{name}: {got}, expected {expected} in {row:?}");
        worst = worst.max(off);
    };
    near("area_m2", expected["area_m2"].as_f64());
    near("valid_area_m2", expected["valid_area_m2"].as_f64());
    let valid = expected["valid_area_m2"].as_f64().unwrap() > 0.0;
    for (id, name) in classes {
        let class = &expected["classes"][*id];
        let none = if valid { Some(0.0) } else { None };
        near(&format!("{name}_area_m2"), class["area_m2"].as_f64().or(Some(0.0)));
        near(&format!("{name}_pixels"), class["count"].as_f64().or(Some(0.0)));
        near(&format!("{name}_share"), class["share"].as_f64().or(none));
        near(&format!("{name}_score"), class["score"].as_f64());
    }
    worst
}

const CLASSES: [(&str, &str); 4] = [("0", "ground"), ("1", "crack"), ("2", "live_tree"), ("7", "pothole")];

#[test]
fn zones_are_those_of_exactextract() {
    let (place, oracle) = (place(), oracle());
    let ended = zonal(&place, ZONES, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let (rows, expected) = (rows(&map), oracle["of_zones"].as_array().unwrap());
    assert_eq!(rows.len(), expected.len());
    for ((row, expected), zone) in
        rows.iter().zip(expected).zip(oracle["zones"]["features"].as_array().unwrap())
    {
        assert_as_oracle(row, expected, &CLASSES);
        assert!(row.values().all(|value| value != "-0"), "{row:?}");
        let properties = &zone["properties"];
        assert_eq!(
            (row["id"].as_str(), &row["owner"]),
            (properties["parcel"].as_str().unwrap(), &properties["owner"].to_string())
        );
        assert_eq!(row["Rank_2"], "a", "a field of the layer makes room for a column of the results");
        assert_eq!(row["rank"], expected["rank"].as_u64().map_or(String::new(), |r| r.to_string()));
        assert_eq!((row["map_run_id"].as_str(), row["model_id"].as_str()), ("run-0123", "kinds"));
        assert_eq!((row["state"].as_str(), row["model_sha256"].as_str()), ("not_verified", "abc"));
        assert_eq!(row["run_id"], map.manifest["run_id"].as_str().unwrap());
    }
    let counts = &map.manifest["counts"]["zones"];
    let count = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!((count("zones"), count("repaired"), count("empty"), count("outside")), (22, 0, 1, 1));
    assert_eq!((count("without_data"), count("repeated_ids")), (1, 0));
    assert!(
        count("partly_outside") >= 1
            && ended.err.contains("1 of 22 zones of zones.geojson lie outside of the map"),
        "{}",
        ended.err
    );
    assert_eq!(map.manifest["inputs"][0]["id"], "run-0123");
    assert!(map.manifest["inputs"][1]["sha256"].is_string());
    // The same numbers in the GeoPackage, with geometries.
    let layer = map.file("zones.gpkg");
    let told = gdal("ogrinfo", &["-ro", "-so", layer.to_str().unwrap(), "zones"]);
    assert!(told.contains("Geometry: Multi Polygon") && told.contains("Feature Count: 22"), "{told}");
    assert!(told.contains("owner: Integer") && told.contains("id: String"), "{told}");
    let one = gdal("ogrinfo", &["-ro", "-q", layer.to_str().unwrap(), "zones", "-where", "id = 'hole'"]);
    let value = |name: &str| {
        let line = one.lines().find(|l| l.trim_start().starts_with(&format!("{name} ("))).unwrap();
        line.rsplit(" = ").next().unwrap().parse::<f64>().unwrap()
    };
    let hole = rows.iter().find(|r| r["id"] == "hole").unwrap();
    assert!((value("area_m2") - hole["area_m2"].parse::<f64>().unwrap()).abs() < 1e-9);
    assert!((value("crack_share") - hole["crack_share"].parse::<f64>().unwrap()).abs() < 1e-9);
}

/// Warnings of zones on stderr are in their manifest, and `inspect` prints them.
#[test]
fn doubtful_zones_have_a_warning() {
    let place = place();
    let square =
        |x: f64, y: f64| format!("[[[{x},{y}],[{0},{y}],[{0},{1}],[{x},{1}],[{x},{y}]]]", x + 4.0, y + 4.0);
    let inside = square(650_004.0, 6_859_988.0);
    let zone = |id: &str, geometry: &str| {
        format!(r#"{{"type":"Feature","properties":{{"n":{id}}},"geometry":{geometry}}}"#)
    };
    let polygon = |ring: &str| format!(r#"{{"type":"Polygon","coordinates":{ring}}}"#);
    let point = r#"{"type":"Point","coordinates":[650001,6859999]}"#;
    let both = format!(r#"{{"type":"GeometryCollection","geometries":[{point},{}]}}"#, polygon(&inside));
    let all = [
        zone("\"a\"", &polygon(&inside)),
        zone("null", &polygon(&inside)),
        zone("\" \"", &both),
        zone("\"b\"", "null"),
        zone("\"a\"", &polygon(&square(650_030.0, 6_859_988.0))),
        zone("\"c\"", &polygon(&square(660_000.0, 6_859_988.0))),
    ];
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    place.write(
        "odd.geojson",
        &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{}]}}"#, all.join(",")),
    );
    let ended = zonal(&place, "map = \"map\"\nzones = \"odd.geojson\"\nid = \"n\"\n", "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let told: Vec<(&str, &str)> = map.manifest["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| (w["code"].as_str().unwrap(), w["message"].as_str().unwrap()))
        .collect();
    let inspected = place.arpent(&["inspect", "out"]).expect(0).out;
    for (found, (code, number)) in told.iter().zip([
        ("parts-left-out", 1),
        ("without-geometry", 1),
        ("zones-outside", 1),
        ("zones-partly-outside", 1),
        ("ids-repeated", 1),
        ("ids-empty", 2),
    ]) {
        assert_eq!(found.0, code, "{told:?}");
        assert!(found.1.starts_with(&format!("{number} of 6 zones of ")), "{told:?}");
        assert!(ended.err.contains(&format!("warning: zones: {}", found.1)), "{}", ended.err);
        assert!(inspected.contains(found.1), "{inspected}");
    }
    assert_eq!(told.len(), 6, "{told:?}");
}

#[test]
fn roads_have_a_surface_and_a_condition() {
    let (place, oracle) = (place(), oracle());
    zonal(&place, ROADS, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let rows = rows(&map);
    let expected = oracle["of_roads"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        assert_as_oracle(row, expected, &CLASSES);
        let damaged = |what: &str| {
            ["1", "7"].iter().map(|id| expected["classes"][*id][what].as_f64().unwrap_or(0.0)).sum::<f64>()
        };
        let got = |name: &str| row[name].parse::<f64>().unwrap();
        assert!((got("damaged_area_m2") - damaged("area_m2")).abs() < 1e-5);
        assert!((got("damaged_share") - damaged("share")).abs() < 1e-6);
        let passed = [0.05, 0.1, 0.2, 0.22].iter().filter(|limit| damaged("share") > **limit).count();
        assert_eq!(row["condition"], ["A", "B", "C", "D", "E"][passed]);
        assert_eq!(row["rank"], expected["rank"].to_string(), "by damage, without a word");
    }
    let conditions: std::collections::BTreeSet<_> = rows.iter().map(|r| r["condition"].as_str()).collect();
    assert!(conditions.len() > 2, "{conditions:?}");
    assert_eq!((rows[0]["width_m"].as_str(), rows[1]["width_m"].as_str()), ("6", "5"));
    let told = gdal("ogrinfo", &["-ro", "-so", map.file("zones.gpkg").to_str().unwrap(), "zones"]);
    assert!(told.contains("Geometry: Multi Line String"), "{told}");
}

#[test]
fn results_are_published_like_maps() {
    let place = place();
    zonal(&place, ZONES, "out", &["--format", "json"]).expect(0);
    let first = Map::at(&place.path("out"));
    let checked = place.arpent(&["check", "out"]).expect(0).out;
    assert!(checked.contains("intact: 9 of 9"), "{checked}");
    let told = place.arpent(&["inspect", "out"]).expect(0).out;
    assert!(
        told.contains("zones            22") && told.contains("zones.gpkg") && !told.contains("windows"),
        "{told}"
    );
    let refused = zonal(&place, ZONES, "out", &[]).expect(2);
    assert!(refused.err.contains("--overwrite"), "{}", refused.err);
    zonal(&place, ZONES, "out", &["--overwrite"]).expect(0);
    let second = Map::at(&place.path("out"));
    assert_eq!(first.hashes(), second.hashes(), "the same bytes");
    assert_eq!(first.manifest["run_id"], second.manifest["run_id"]);
    let refused = zonal(&place, ZONES, "map", &["--overwrite"]).expect(2);
    assert!(refused.err.contains("is the map itself"), "{}", refused.err);
    assert!(place.arpent(&["check", "map"]).expect(0).out.contains("intact"));
    // One format, no rank, numbers as ids.
    let few = "map = \"map\"\nzones = \"zones.geojson\"\nformats = [\"csv\"]\n";
    zonal(&place, few, "few", &[]).expect(0);
    let few = Map::at(&place.path("few"));
    let rows = rows(&few);
    assert_eq!((few.hashes().len(), rows[4]["id"].as_str(), rows[4].contains_key("rank")), (7, "5", false));
}

#[test]
fn zones_of_another_crs_are_reprojected() {
    let (place, oracle) = (place(), oracle());
    let (from, to) = (place.text("zones.geojson"), place.text("wgs.gpkg"));
    gdal("ogr2ogr", &["-t_srs", "EPSG:4326", "-nln", "parcels", &to, &from]);
    let config = ZONES.replace("zones.geojson", "wgs.gpkg") + "layer = \"parcels\"\n";
    zonal(&place, &config, "out", &[]).expect(0);
    for (row, expected) in
        rows(&Map::at(&place.path("out"))).iter().zip(oracle["of_zones"].as_array().unwrap())
    {
        let (got, expected) = (row["area_m2"].parse::<f64>().unwrap(), expected["area_m2"].as_f64().unwrap());
        assert!((got - expected).abs() < 1e-6 * expected.max(1.0), "{got} {expected}");
    }
}

#[test]
fn a_map_without_confidences_has_no_scores() {
    let place = place();
    let labels = [0, 1, 1, 0];
    let picture = Picture {
        epsg: 4326,
        corner: [3.0, 46.5],
        gsd: 0.001,
        size: (2, 2),
        classes: &[(0, "a"), (1, "b")],
        labels: &labels,
        confidence: None,
    };
    publish(&place, "degrees", &picture);
    let zone = r#"{"type":"Polygon","coordinates":[[[3.0005,46.4985],[3.0015,46.4985],[3.0015,46.4995],[3.0005,46.4995],[3.0005,46.4985]]]}"#;
    place.write("z.geojson", &format!(r#"{{"type":"Feature","properties":{{}},"geometry":{zone}}}"#));
    zonal(&place, "map = \"degrees\"\nzones = \"z.geojson\"\n", "out", &[]).expect(0);
    let row = &rows(&Map::at(&place.path("out")))[0];
    let got = |name: &str| row[name].parse::<f64>().unwrap();
    assert!(!row.contains_key("a_score"));
    assert!((got("a_share") - 0.5).abs() < 1e-4 && (got("b_pixels") - 0.5).abs() < 1e-9, "{row:?}");
    // A thousandth of a degree is 111.2 m by 76.7 m here, on the ellipsoid.
    assert!((got("area_m2") / 8531.0 - 1.0).abs() < 2e-3, "{row:?}");
    let roads = ROADS.replace("\"map\"", "\"degrees\"").replace("\"crack\", \"pothole\"", "\"b\"");
    let refused = zonal(&place, &roads, "r", &[]).expect(2);
    assert!(refused.err.contains("widths in it are not valid"), "{}", refused.err);
}

/// Every word must be in the message, and nothing published.
#[track_caller]
fn refused(place: &Place, config: &str, words: &[&str]) {
    let ended = zonal(place, config, "refused", &[]).expect(2);
    assert!(
        words.iter().all(|w| ended.err.contains(w)) && ended.err.contains("hint: "),
        "{words:?} in {}",
        ended.err
    );
    assert!(place.is_clean("refused"));
}

fn layer(place: &Place, name: &str, geometries: &[&str]) {
    let feature =
        |g: &&str| format!(r#"{{"type":"Feature","properties":{{"n":1,"width":"wide"}},"geometry":{g}}}"#);
    let all: Vec<String> = geometries.iter().map(feature).collect();
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    place.write(name, &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{}]}}"#, all.join(",")));
}

#[test]
fn bad_input_is_named() {
    let place = place();
    let with = |old: &str, new: &str| ZONES.replace(old, new);
    refused(&place, &with("map = \"map\"\n", ""), &["no map was named", "--map"]);
    refused(&place, &with("zones = \"zones.geojson\"\n", ""), &["no zones were named", "--zones"]);
    refused(&place, &with("\"map\"", "\"gone\""), &["gone"]);
    refused(&place, &with("zones.geojson", "gone.gpkg"), &["gone.gpkg", "no such file"]);
    refused(&place, &with("\"parcel\"", "\"parcl\""), &["no field `parcl`", "Rank, owner, parcel"]);
    refused(&place, &with("\"owner\"", "\"ownr\""), &["no field `ownr`"]);
    refused(
        &place,
        &with("\"crack\"", "\"crck\""),
        &["rank_by", "no class `crck`", "ground, crack, live tree, pothole"],
    );
    refused(&place, &(ZONES.to_owned() + "layer = \"wood\"\n"), &["no layer `wood`"]);
    refused(&place, &with("keep", "kep"), &["zonal.toml, line 4", "did you mean `keep`"]);
    refused(
        &place,
        &ZONES
            .replace("zones.geojson", "roads.geojson")
            .replace("\"parcel\"", "\"osm_id\"")
            .replace("keep = [\"owner\", \"Rank\"]\n", ""),
        &["feature 1 consists of lines, expected polygons", "[roads]"],
    );
    refused(
        &place,
        &ROADS
            .replace("roads.geojson", "zones.geojson")
            .replace("osm_id", "parcel")
            .replace("\"highway\"", "")
            .replace("width_field = \"width\"\n", ""),
        &["feature 1 consists of polygons, expected lines"],
    );
    refused(
        &place,
        &ROADS.replace("\"width\"", "\"highway\""),
        &["feature 1 has `residential` in the field `highway`"],
    );
    refused(&place, &ROADS.replace("width_m = 5.0\n", ""), &["feature 2 has nothing in the field `width`"]);
    let other = |name: &str| format!("map = \"map\"\nzones = \"{name}\"\n");
    layer(&place, "none.geojson", &[]);
    refused(&place, &other("none.geojson"), &["none.geojson", "no features"]);
    layer(&place, "null.geojson", &["null"]);
    refused(&place, &other("null.geojson"), &["no zone of", "without geometries"]);
    layer(&place, "far.geojson", &[r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]]]}"#]);
    refused(
        &place,
        &other("far.geojson"),
        &["no zone of", "[0.0, 0.0, 4.0, 4.0]", "[650000.0, 6859976.0, 650032.0, 6860000.0]", "EPSG:2154"],
    );
    layer(&place, "points.geojson", &[r#"{"type":"Point","coordinates":[650001,6859999]}"#]);
    refused(&place, &other("points.geojson"), &["feature 1", "Point", "expected polygons or lines"]);
    let bow_tie = r#"{"type":"Polygon","coordinates":[[[650010,6859990],[650014,6859994],[650014,6859990],[650010,6859994],[650010,6859990]]]}"#;
    layer(&place, "bow.geojson", &[bow_tie, bow_tie]);
    refused(&place, &(other("bow.geojson") + "invalid = \"refuse\"\n"), &["feature 1", "not valid"]);
    let ended = zonal(&place, &(other("bow.geojson") + "id = \"n\"\n"), "bow", &[]).expect(0);
    assert!(
        ended.err.contains("2 of 2 zones of bow.geojson had a geometry that is not valid: repaired"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("1 of 2 zones of bow.geojson repeat the id of an earlier zone"),
        "{}",
        ended.err
    );
    assert_eq!(rows(&Map::at(&place.path("bow")))[0]["area_m2"], "8");
    let told = Map::at(&place.path("bow")).manifest["warnings"].clone();
    let codes: Vec<&str> = told.as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["geometries-repaired", "ids-repeated"], "{told}");
    assert!(told.as_array().unwrap().iter().all(|w| ended.err.contains(w["message"].as_str().unwrap())));
    Target::parse(&place.text("bare")).unwrap().publish(&[], manifest(), false).unwrap();
    refused(&place, &with("\"map\"", "\"bare\""), &["has no label raster"]);
}

/// The configurations that are shipped name classes of the models that are shipped.
#[test]
fn shipped_configurations_fit_their_models() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (task, model) in [("land-cover", "land-cover-50cm"), ("road-damage", "road-cracks")] {
        let config = root.join("configs").join(task).join("zonal.toml");
        let config = ZonalConfig::load(&config, ZonalPlaces::default()).unwrap();
        let model = std::fs::read_to_string(root.join("models").join(model).join("model.json")).unwrap();
        let model: Value = serde_json::from_str(&model).unwrap();
        let known: Vec<&str> =
            model["classes"].as_array().unwrap().iter().filter_map(|c| c["name"].as_str()).collect();
        let ranked = config.rank_by.as_ref().map_or(&[][..], |names| names.all());
        let damaged = config.roads.as_ref().map_or(&[][..], |roads| &roads.damaged);
        assert!(ranked.len() + damaged.len() > 0);
        assert!(ranked.iter().chain(damaged).all(|name| known.contains(&name.as_str())), "{task}: {known:?}");
    }
}

/// What the oracle's `formula` is.
fn formula(col: i64, row: i64) -> (u8, u8) {
    let small = |v: i64| u8::try_from(v).unwrap();
    let label = (col.div_euclid(3) + row.div_euclid(5) + (col * row).div_euclid(97)).rem_euclid(5);
    let label = if (col * 31 + row * 17).rem_euclid(23) == 0 { 255 } else { small(label) };
    (label, small((col * 7 + row * 11).rem_euclid(251)))
}

#[test]
fn real_field_polygons_are_those_of_exactextract() {
    let Some(fields) = real("scenes/s2_flanders_fields/fields_BEFL-s2-fields-2023_polygons.gpkg") else {
        return;
    };
    let (place, oracle) = (Place::empty(), oracle());
    let expected = &oracle["fields"];
    let window: [i64; 4] = serde_json::from_value(expected["window"].clone()).unwrap();
    let [col0, row0, width, height] = window;
    let pixels =
        || (row0..row0 + height).flat_map(|row| (col0..col0 + width).map(move |col| formula(col, row)));
    let (labels, confidence): (Vec<u8>, Vec<u8>) = pixels().unzip();
    let corner = [exact(col0) * 10.0, exact(-row0) * 10.0];
    let picture = Picture {
        epsg: 32631,
        corner,
        gsd: 10.0,
        size: (usize::try_from(width).unwrap(), usize::try_from(height).unwrap()),
        classes: &[(0, "c0"), (1, "c1"), (2, "c2"), (3, "c3"), (4, "c4")],
        labels: &labels,
        confidence: Some(&confidence),
    };
    publish(&place, "map", &picture);
    // A copy: reading a GeoPackage may leave files beside it.
    let copy = place.path("fields.gpkg");
    std::fs::copy(Path::new(&fields), &copy).unwrap();
    zonal(
        &place,
        "map = \"map\"\nzones = \"fields.gpkg\"\nlayer = \"polygons\"\nrank_by = \"c1\"\n",
        "out",
        &[],
    )
    .expect(0);
    let map = Map::at(&place.path("out"));
    let rows = rows(&map);
    for (key, number) in expected["counts"].as_object().unwrap() {
        assert_eq!(&map.manifest["counts"]["zones"][key], number, "{key}");
    }
    let classes = [("0", "c0"), ("1", "c1"), ("2", "c2"), ("3", "c3"), ("4", "c4")];
    let mut worst: f64 = 0.0;
    for result in expected["results"].as_array().unwrap() {
        let feature = usize::try_from(result["feature"].as_u64().unwrap()).unwrap();
        assert_eq!(rows[feature - 1]["id"], feature.to_string());
        worst = worst.max(assert_as_oracle(&rows[feature - 1], result, &classes));
    }
    eprintln!("{} fields, at most {worst:.1e} off", rows.len());
}

/// A manifest is untrusted: paths in it are checked before anything is opened.
#[test]
fn maps_that_lead_elsewhere_or_never_end_are_refused() {
    let place = place();
    let path = place.path("map/manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let attempt = serde_json::from_str::<Value>(&text).unwrap()["attempt"].as_str().unwrap().to_owned();
    std::fs::create_dir(place.path("elsewhere")).unwrap();
    std::fs::copy(place.path(&format!("map/{attempt}/labels.tif")), place.path("elsewhere/labels.tif"))
        .unwrap();
    for elsewhere in ["../elsewhere/labels.tif", "/vsicurl/http://localhost/labels.tif", "a/../labels.tif"] {
        std::fs::write(&path, text.replace(&format!("{attempt}/labels.tif"), elsewhere)).unwrap();
        refused(&place, ZONES, &["the manifest of", elsewhere]);
        for words in [["inspect", "map"], ["check", "map"]] {
            let ended = place.arpent(&words).expect(2);
            assert!(ended.err.contains(elsewhere) && ended.err.contains("hint: "), "{}", ended.err);
        }
    }
    // A hole: three gigabytes that take no room.
    std::fs::File::create(&path).unwrap().set_len(3 << 30).unwrap();
    refused(&place, ZONES, &["manifest.json is larger than"]);
    for words in [["inspect", "map"], ["check", "map"]] {
        place.arpent(&words).expect(2);
    }
}
