use std::convert::Infallible;
use std::io;

use arpent_base::Diagnostic as _;
use serde_json::{Value, json};

use super::*;
use crate::dateline::signed_area;
use crate::testing::{feature, run};

/// A stand-in for a projection: 100 km to the degree, centered on (2 E, 47 N).
#[allow(clippy::unnecessary_wraps)]
fn to_lon_lat(x: f64, y: f64) -> Result<(f64, f64), Infallible> {
    Ok((2.0 + x / 1e5, 47.0 + y / 1e5))
}

/// Mirrored in x: turns rings over.
#[allow(clippy::unnecessary_wraps)]
fn mirrored(x: f64, y: f64) -> Result<(f64, f64), Infallible> {
    Ok((-x / 1e5, y / 1e5))
}

fn write(features: Vec<Feature>, transform: &ToLonLat<'_, Infallible>) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.geojson");
    let expected = features.len() as u64;
    assert_eq!(write_geojson(&path, features.into_iter().map(Ok), &run(), transform).unwrap(), expected);
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

fn ring(value: &Value) -> Ring {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn a_feature_is_spelled_out() {
    let all = write(vec![feature(1, 3, 10.0, 20.0, 1.0)], &to_lon_lat);
    assert_eq!(all["type"], "FeatureCollection");
    assert_eq!(all["bbox"], json!([2.0001, 47.0002, 2.00011, 47.00021]));
    assert_eq!(
        all["features"],
        json!([{
            "type": "Feature",
            "id": format!("{:032x}", 1),
            "properties": {
                "id": format!("{:032x}", 1), "class_id": 3, "class_name": "class 3", "score": 0.75, "area_m2": 1.0, "pixels_area_m2": 1.0,
                "run_id": "run-1", "model_id": "flair-unet", "model_sha256": "ab".repeat(32),
                "scene_ids": "a,b", "acquired": null, "state": "not_verified",
            },
            "geometry": { "type": "Polygon", "coordinates": [[
                [2.0001, 47.0002], [2.00011, 47.0002], [2.00011, 47.00021], [2.0001, 47.00021], [2.0001, 47.0002],
            ]] },
        }])
    );
}

#[test]
fn rings_follow_the_right_hand_rule_whatever_the_transform() {
    for transform in [&to_lon_lat as &ToLonLat<'_, Infallible>, &mirrored] {
        let all = write(vec![feature(1, 3, 10.0, 20.0, 4.0)], transform);
        let rings = &all["features"][0]["geometry"]["coordinates"];
        assert_eq!(rings.as_array().unwrap().len(), 2);
        assert!(signed_area(&ring(&rings[0])) > 0.0 && signed_area(&ring(&rings[1])) < 0.0);
        assert_eq!(ring(&rings[0]).first(), ring(&rings[0]).last());
    }
}

#[test]
fn no_feature_makes_a_valid_collection_without_bbox() {
    let all = write(vec![], &to_lon_lat);
    assert_eq!(all, json!({ "type": "FeatureCollection", "features": [] }));
}

#[test]
fn places_are_brought_onto_the_globe_or_refused() {
    assert_eq!(on_globe(180.5, 10.0), Some([-179.5, 10.0]));
    assert_eq!(on_globe(-180.5, -90.0), Some([179.5, -90.0]));
    assert_eq!(on_globe(1.000_000_000_4, -0.000_000_000_1), Some([1.0, 0.0]));
    assert!(on_globe(1.0, -0.0).unwrap()[1].is_sign_positive());
    for (x, y) in [(f64::NAN, 0.0), (0.0, f64::INFINITY), (0.0, 90.1), (600.0, 0.0)] {
        assert_eq!(on_globe(x, y), None);
    }
}

#[test]
fn failures_name_the_feature_the_place_and_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.geojson");
    let one = || vec![Ok(feature(1, 3, 10.0, 20.0, 1.0))];
    let lost = |_, _| Err(io::Error::other("no grid"));
    let error = write_geojson(&path, one(), &run(), &lost).unwrap_err().to_string();
    assert!(error.contains("(10, 20)") && error.contains("no grid"), "{error}");
    let far = |_, y| Ok::<_, Infallible>((0.0, y * 100.0));
    let error = write_geojson(&path, one(), &run(), &far).unwrap_err();
    assert!(matches!(error, PublishError::NotOnGlobe { .. }), "{error}");
    // A device that is always full.
    let full = Path::new("/dev/full");
    if full.exists() {
        let error = write_geojson(full, one(), &run(), &to_lon_lat).unwrap_err();
        assert!(error.to_string().contains("/dev/full") && error.hint().is_some(), "{error}");
    }
}
