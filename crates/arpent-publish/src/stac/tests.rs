use geo_types::polygon;

use super::*;
use crate::dateline::signed_area;
use crate::testing::grid;
use arpent_raster::{Class, Color};

fn model() -> StacModel {
    StacModel {
        id: "flair-unet".into(),
        version: "1.0.0".into(),
        sha256: "cd".repeat(32),
        architecture: "U-Net".into(),
        task: "semantic-segmentation".into(),
        framework: "Burn".into(),
        framework_version: "0.22.1".into(),
        bands: vec!["red".into(), "green".into(), "blue".into()],
        window_px: 512,
        values: Vec::new(),
        total_parameters: Some(1_000_000),
        href: None,
    }
}

fn item(change: impl FnOnce(&mut StacRun<'_>)) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let stage = |name: &str, role: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, name).unwrap();
        StagedArtifact::new(&path, role).unwrap()
    };
    let artifacts = [
        stage("labels.tif", ROLE_LABELS),
        stage("map.tif", crate::media::ROLE_MAP),
        stage("confidence.tif", ROLE_CONFIDENCE),
        stage("features.parquet", ROLE_FEATURES),
    ];
    let class = Class {
        id: 7,
        name: "coniferous forest".into(),
        name_fr: Some("conifères".into()),
        code: None,
        color: Color([0xce, 0x70, 0x79]),
        features: true,
    };
    let nomenclature = Nomenclature::new(vec![class]).unwrap();
    let mut run = StacRun {
        run_id: "run-1",
        acquired: &Acquired::Unknown,
        // Clockwise on purpose.
        footprint: &polygon![(x: 2.0, y: 47.0), (x: 2.0, y: 47.5), (x: 2.5, y: 47.5), (x: 2.5, y: 47.0)],
        grid: &grid(),
        window: &Window::new(3_500_000, -33_000_000, 400, 300),
        values: &[],
        nomenclature: &nomenclature,
        predicted: &nomenclature,
        mask: None,
        model: Some(&model()),
        lineage: None,
        version: None,
        software: &[("arpent".to_owned(), "0.1.0".to_owned())].into(),
        scene_uris: &["https://example.org/a.tif".to_owned(), "b.tif".to_owned()],
        about: &About::default(),
        artifacts: &artifacts,
    };
    change(&mut run);
    stac_item(&run).unwrap()
}

#[test]
fn the_core_of_the_item_is_stac_1_1() {
    let item = item(|_| ());
    assert_eq!((&item["type"], &item["stac_version"]), (&json!("Feature"), &json!("1.1.0")));
    assert_eq!(item["bbox"], json!([2.0, 47.0, 2.5, 47.5]));
    assert_eq!(item["properties"]["datetime"], Value::Null);
    assert_eq!(item["properties"]["start_datetime"], "1858-01-01T00:00:00Z");
    let ring: Vec<[f64; 2]> = serde_json::from_value(item["geometry"]["coordinates"][0].clone()).unwrap();
    assert!(signed_area(&ring) > 0.0 && ring.first() == ring.last());
    assert_eq!(item["links"], json!([{ "rel": "derived_from", "href": "https://example.org/a.tif" }]));
}

#[test]
fn the_cover_of_clouds_is_in_percent_and_only_where_it_is_known() {
    let class = |id: u8, name: &str| Class {
        id,
        name: name.into(),
        name_fr: None,
        code: None,
        color: Color([0, 0, 0]),
        features: false,
    };
    let reasons = Nomenclature::new(vec![class(0, "observed"), class(1, "cloud")]).unwrap();
    let reasons: &'static Nomenclature = Box::leak(Box::new(reasons));
    let with = |cloud_cover| item(|run| run.mask = Some(StacMask { nomenclature: reasons, cloud_cover }));
    let known = with(Some(0.123_456));
    assert_eq!(known["properties"]["eo:cloud_cover"], 12.35);
    let extensions = |item: &Value| item["stac_extensions"].to_string();
    assert!(extensions(&known).contains("/eo/") && extensions(&known).contains("/mlm/"));
    for unknown in [with(None), item(|_| ())] {
        assert!(unknown["properties"].get("eo:cloud_cover").is_none());
        assert!(!extensions(&unknown).contains("/eo/"));
    }
}

#[test]
fn the_grid_is_written_as_an_affine_matrix() {
    let item = item(|_| ());
    let properties = &item["properties"];
    assert_eq!(properties["proj:code"], "EPSG:2154");
    assert_eq!(properties["proj:shape"], json!([300, 400]));
    assert_eq!(properties["proj:transform"], json!([0.2, 0.0, 700_000.0, 0.0, -0.2, 6_600_000.0]));
    assert_eq!(properties["proj:bbox"], json!([700_000.0, 6_599_940.0, 700_080.0, 6_600_000.0]));
    assert_eq!(properties["gsd"], 0.2);
}

#[test]
fn a_crs_without_a_code_is_written_as_projjson() {
    let mut custom = grid();
    let mut crs = (*custom.crs).clone();
    crs.epsg = None;
    custom.crs = crs.into();
    // `item` borrows for its own lifetime, hence the leak of one small grid.
    let custom: &'static Grid = Box::leak(Box::new(custom));
    let item = item(|run| run.grid = custom);
    assert_eq!(item["properties"]["proj:projjson"]["type"], "ProjectedCRS");
    assert!(item["properties"].get("proj:code").is_none());
}

#[test]
fn rasters_have_bands_and_every_file_a_checksum() {
    let item = item(|_| ());
    let labels = &item["assets"]["labels.tif"];
    assert_eq!(labels["bands"][0]["nodata"], 255);
    let class = &labels["bands"][0]["classification:classes"][0];
    assert_eq!(
        class,
        &json!({
            "value": 7, "name": "coniferous_forest", "title": "coniferous forest",
            "description": "coniferous forest (conifères)", "color_hint": "CE7079",
        })
    );
    assert_eq!(labels["file:size"], 10);
    let digest = arpent_base::sha256_hex(b"labels.tif");
    assert_eq!(labels["file:checksum"], format!("1220{digest}"));
    let map = &item["assets"]["map.tif"];
    assert_eq!(map["roles"], json!(["data", "map"]));
    assert_eq!(map["bands"][0]["classification:classes"], labels["bands"][0]["classification:classes"]);
    assert_ne!(map["bands"][0]["description"], labels["bands"][0]["description"]);
    assert_eq!(item["assets"]["confidence.tif"]["bands"][0]["raster:scale"], 0.004);
    let features = &item["assets"]["features.parquet"];
    assert_eq!(features["type"], "application/vnd.apache.parquet");
    assert_eq!(features["roles"], json!(["data", "features"]));
    assert!(features.get("bands").is_none());
    assert_eq!(item["assets"]["manifest.json"]["href"], "../manifest.json");
}

#[test]
fn the_model_is_all_that_the_extension_requires() {
    let item = item(|_| ());
    let properties = item["properties"].as_object().unwrap();
    for name in ["mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"] {
        assert!(properties.contains_key(name), "{name}");
    }
    assert_eq!(properties["mlm:input"][0]["input"]["shape"], json!([-1, 3, 512, 512]));
    assert_eq!(properties["mlm:output"][0]["result"]["shape"], json!([-1, 1, 512, 512]));
    let asset = &item["assets"]["model"];
    assert_eq!(asset["roles"], json!(["mlm:model"]));
    assert_eq!(asset["href"], format!("urn:sha256:{}", "cd".repeat(32)));
    assert!(asset.get("mlm:artifact_type").is_some());
}

#[test]
fn equal_runs_make_equal_bytes() {
    assert_eq!(item(|_| ()).to_string(), item(|_| ()).to_string());
}
