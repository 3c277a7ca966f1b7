//! A run from features to a verified output, through the public interface alone. The output stays in the
//! target folder (`tmp/arpent-publish-run`), where `scripts/validate_outputs.py` can look at it.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use arpent_publish::{
    About, Acquired, Counts, ITEM_NAME, Input, MANIFEST_FORMAT, Manifest, ModelRecord, ROLE_FEATURES,
    ROLE_METADATA, RunInfo, SortedFeatures, Spool, SpoolOptions, StacModel, StacRun, StagedArtifact, Target,
    utc_now, write_geojson, write_geoparquet, write_stac_item,
};
use arpent_raster::{Class, Color, Crs, CrsKind, Grid, Nomenclature, Window};
use arpent_vector::Feature;
use geo_types::{LineString, polygon};

/// WGS 84, where the way to longitude and latitude is short.
fn grid() -> Grid {
    let crs = Crs {
        name: "EPSG:4326".into(),
        epsg: Some(4326),
        wkt: String::new(),
        projjson: PROJJSON.into(),
        kind: CrsKind::Geographic,
        semi_major_m: 6_378_137.0,
        inverse_flattening: 298.257_223_563,
    };
    Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: 0.001, gsd_y: 0.001 }
}

const PROJJSON: &str = r#"{"type":"GeographicCRS","name":"WGS 84","datum_ensemble":{"name":"World Geodetic System 1984 ensemble",
"members":[{"name":"World Geodetic System 1984 (G2139)"},{"name":"World Geodetic System 1984 (G2296)"}],"ellipsoid":{"name":"WGS 84","semi_major_axis":6378137,
"inverse_flattening":298.257223563},"accuracy":"2.0"},"coordinate_system":{"subtype":"ellipsoidal","axis":[
{"name":"Geodetic latitude","abbreviation":"Lat","direction":"north","unit":"degree"},
{"name":"Geodetic longitude","abbreviation":"Lon","direction":"east","unit":"degree"}]},"id":{"authority":"EPSG","code":4326}}"#;

fn square(number: u32) -> Feature {
    let (x, y) = (2.0 + f64::from(number % 40) * 0.01, 47.0 + f64::from(number / 40) * 0.01);
    let ring = |d: f64, clockwise: bool| {
        let mut points = vec![
            (x + d, y + d),
            (x + 0.008 - d, y + d),
            (x + 0.008 - d, y + 0.008 - d),
            (x + d, y + 0.008 - d),
            (x + d, y + d),
        ];
        if clockwise {
            points.reverse();
        }
        LineString::from(points)
    };
    Feature {
        id: format!("{:032x}", number.wrapping_mul(2_654_435_761)),
        class_id: 1,
        class_name: "building".into(),
        score: Some(0.9),
        area_m2: 540_000.5,
        pixels_area_m2: None,
        scene_ids: vec!["scene".into()],
        acquired: Some("2021-07-01".into()),
        attributes: vec![],
        polygons: geo_types::Polygon::new(ring(0.0, false), vec![ring(0.002, true)]).into(),
    }
}

fn spooled(numbers: impl Iterator<Item = u32>, scratch: &Path) -> SortedFeatures {
    let options = SpoolOptions { run_bytes: 40_000, fan_in: 3 };
    let mut spool = Spool::create(scratch, &grid(), options).unwrap();
    for number in numbers {
        spool.push(&square(number)).unwrap();
    }
    spool.finish().unwrap()
}

/// Writes the run's files, the STAC item last.
fn write_files(features: &SortedFeatures, nomenclature: &Nomenclature, dir: &Path) -> Vec<StagedArtifact> {
    let run = RunInfo::new("run-1", "demo-model", "ab".repeat(32));
    let (parquet, geojson, item) =
        (dir.join("features.parquet"), dir.join("features.geojson"), dir.join(ITEM_NAME));
    let written = write_geoparquet(&parquet, features.read().unwrap(), &grid().crs, &run).unwrap();
    let to_lon_lat = |x, y| Ok::<_, Infallible>((x, y));
    assert_eq!(write_geojson(&geojson, features.read().unwrap(), &run, &to_lon_lat).unwrap(), written);
    let mut artifacts = vec![
        StagedArtifact::new(&parquet, ROLE_FEATURES).unwrap(),
        StagedArtifact::new(&geojson, ROLE_FEATURES).unwrap(),
    ];
    let model = StacModel {
        id: "demo-model".into(),
        version: "1.0.0".into(),
        sha256: "ab".repeat(32),
        architecture: "U-Net".into(),
        task: "semantic-segmentation".into(),
        framework: "Burn".into(),
        framework_version: "0.22.1".into(),
        bands: vec!["red".into(), "green".into(), "blue".into()],
        window_px: 512,
        values: Vec::new(),
        total_parameters: None,
        href: None,
    };
    let item_source = StacRun {
        run_id: "run-1",
        acquired: &Acquired::of(["2021-07-01"]),
        footprint: &polygon![(x: 2.0, y: 47.0), (x: 2.4, y: 47.0), (x: 2.4, y: 47.25), (x: 2.0, y: 47.25)],
        grid: &grid(),
        window: &Window::new(2000, -47_250, 400, 250),
        values: &[],
        nomenclature,
        predicted: nomenclature,
        mask: None,
        model: Some(&model),
        lineage: None,
        version: None,
        software: &BTreeMap::from([("arpent".to_owned(), "0.1.0".to_owned())]),
        scene_uris: &["https://example.org/scene.tif".to_owned()],
        about: &About { title: "Roofs".into(), license: Some("lov2".into()), ..About::default() },
        artifacts: &artifacts,
    };
    write_stac_item(&item, &item_source).unwrap();
    artifacts.push(StagedArtifact::new(&item, ROLE_METADATA).unwrap());
    artifacts
}

fn manifest(features: &SortedFeatures) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT.into(),
        run_id: "run-1".into(),
        created: utc_now(),
        attempt: String::new(),
        plan: None,
        software: BTreeMap::from([("arpent".into(), "0.1.0".into())]),
        inputs: vec![Input { id: "scene".into(), uri: "scene.tif".into(), ..Input::default() }],
        failed_inputs: vec![],
        warnings: vec![],
        engines: vec![],
        model: ModelRecord { id: "demo-model".into(), ..ModelRecord::default() },
        package: None,
        config: serde_json::Value::Null,
        counts: Counts { features: features.count(), ..Counts::default() },
        timings_s: BTreeMap::new(),
        energy: None,
        ledger: None,
        columns: None,
        tables: BTreeMap::new(),
        artifacts: vec![],
    }
}

fn nomenclature() -> Nomenclature {
    let class = Class {
        id: 1,
        name: "building".into(),
        name_fr: None,
        code: None,
        color: Color([200, 0, 0]),
        features: true,
    };
    Nomenclature::new(vec![class]).unwrap()
}

#[test]
fn features_become_a_verified_output() {
    let scratch = tempfile::tempdir().unwrap();
    let features = spooled(0..1000, scratch.path());
    let artifacts = write_files(&features, &nomenclature(), scratch.path());
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arpent-publish-run");
    let target = Target::parse(output.to_str().unwrap()).unwrap();
    let published = target.publish(&artifacts, manifest(&features), true).unwrap();
    assert_eq!(published.manifest.artifacts.len(), 3);
    assert!(target.verify().unwrap().is_intact());
    assert_eq!(target.read_manifest().unwrap().counts.features, 1000);
}

#[test]
fn the_order_of_pushing_does_not_show_in_any_file() {
    let digests = |numbers: Vec<u32>| {
        let scratch = tempfile::tempdir().unwrap();
        let features = spooled(numbers.into_iter(), scratch.path());
        let artifacts = write_files(&features, &nomenclature(), scratch.path());
        artifacts.into_iter().map(|a| a.digest).collect::<Vec<_>>()
    };
    assert_eq!(digests((0..300).collect()), digests((0..300).rev().collect()));
}

#[test]
fn a_run_without_features_is_published_like_any_other() {
    let scratch = tempfile::tempdir().unwrap();
    let features = spooled(0..0, scratch.path());
    let artifacts = write_files(&features, &nomenclature(), scratch.path());
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arpent-publish-empty");
    let target = Target::parse(output.to_str().unwrap()).unwrap();
    target.publish(&artifacts, manifest(&features), true).unwrap();
    assert!(target.verify().unwrap().is_intact());
}
