//! Reference layers in whole runs: what is read is reported, values without a match have a warning, our own results are read back.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{exact, truncate};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};
use serde_json::{Value, json};

use crate::common::{GSD, Map, Place, gdal, nearest_color};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 90, 80);

fn place() -> (Place, String) {
    let place = Place::empty();
    nearest_color(&place.path("model"), 1);
    place.config("");
    let scene = place.draw("a.tif", &Picture::new(5, 9), SCENE);
    (place, scene)
}

/// A rectangle in pixels from the scene's upper left corner.
fn rectangle([col0, row0, col1, row1]: [f64; 4]) -> Value {
    let at = |col: f64, row: f64| json!([(exact(SCENE.col) + col) * GSD, -(exact(SCENE.row) + row) * GSD]);
    let ring = [at(col0, row0), at(col0, row1), at(col1, row1), at(col1, row0), at(col0, row0)];
    json!({ "type": "Polygon", "coordinates": [ring] })
}

/// Writes a GeoJSON layer in Lambert-93.
fn layer(place: &Place, name: &str, features: &[(Value, Value)]) -> String {
    let features = features.iter().map(|(p, g)| json!({ "type": "Feature", "properties": p, "geometry": g }));
    let crs = json!({ "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::2154" } });
    let all = json!({ "type": "FeatureCollection", "crs": crs, "features": features.collect::<Vec<_>>() });
    place.write(name, &all.to_string());
    place.text(name)
}

/// The warnings of a manifest by code and subject.
fn warnings(map: &Map) -> Vec<(String, String, String)> {
    let of = |w: &Value, key: &str| w[key].as_str().unwrap_or_default().to_owned();
    let all = map.manifest["warnings"].as_array().cloned().unwrap_or_default();
    all.iter().map(|w| (of(w, "code"), of(w, "subject"), of(w, "message"))).collect()
}

const FORMATS: &str = "[features]\nformats = [\"geopackage\", \"geoparquet\", \"flatgeobuf\", \"geojson\"]\n";

#[test]
fn our_own_features_are_areas_zones_and_references() {
    let (place, scene) = place();
    place.config(FORMATS);
    let map = place.run(&[&scene], "out", &[]);
    let features = map.features().len();
    let names = ["features.gpkg", "features.parquet", "features.fgb"];
    let mut seen = Vec::new();
    for name in names {
        let file = map.file(name).to_str().unwrap().to_owned();
        place.config("");
        let ended = place.try_run(&[&scene], &format!("aoi-{name}"), &["--aoi", &file]).expect(0);
        assert!(!ended.err.contains("warning"), "{}", ended.err);
        let again = Map::at(&place.path(&format!("aoi-{name}")));
        // As a reference: each feature finds itself.
        place.config(&format!(
            "[[reference.enrich]]\nname = \"own\"\nfields = [\"class_name\"]\nlayer = {{ source = \"{file}\", id = \"id\" }}\n"
        ));
        let told = place.run(&[&scene], &format!("ref-{name}"), &[]);
        let counts = told.manifest["counts"]["references"][0].clone();
        assert_eq!(counts["objects"], json!(features), "{name}: {counts}");
        assert_eq!((&counts["near"], &counts["features_matched"]), (&counts["objects"], &counts["objects"]));
        assert_eq!(warnings(&told), [], "{name}");
        // As zones: one row each, in the order of their areas.
        place.write(
            "zonal.toml",
            &format!("map = \"out\"\nzones = \"{file}\"\nid = \"id\"\nkeep = [\"class_id\", \"area_m2\"]\n"),
        );
        place.arpent(&["zonal", "zonal.toml", "--output", &format!("zones-{name}")]).expect(0);
        let zones = Map::at(&place.path(&format!("zones-{name}")));
        let csv = std::fs::read_to_string(zones.file("zones.csv")).unwrap();
        let mut rows: Vec<String> = csv.lines().map(|line| line.replace("zonal-", "")).collect();
        rows.sort();
        assert_eq!(rows.len(), features + 1);
        // Without the id of the run, which differs by the bytes of the layer.
        let plain: Vec<String> =
            rows.iter().map(|r| r.split(',').take(8).collect::<Vec<_>>().join(",")).collect();
        seen.push((again.labels(), plain));
    }
    assert_eq!(seen[0], seen[1], "GeoParquet");
    assert_eq!(seen[0], seen[2], "FlatGeobuf");
    // The background makes no features.
    let of_features: Vec<u8> = map.labels().iter().map(|l| if *l == 0 { 255 } else { *l }).collect();
    assert!(seen[0].0 == of_features, "the features cover what is not background");
}

fn overriding(values: &str, more: &str) -> String {
    format!(
        "[coverage]\nmmu_m2 = 0.1\ntolerance_px = 1.0\n[[reference.override]]\nname = \"cover\"\n\
         class = {{ field = \"nature\", values = {{ {values} }} }}\n\
         layer = {{ source = \"cover.shp\", id = \"nature\"{more} }}\n"
    )
}

#[test]
fn every_value_is_counted_and_values_without_a_match_have_a_warning() {
    let (place, scene) = place();
    let features = [
        (json!({ "nature": "For_t" }), rectangle([10.0, 10.0, 40.0, 40.0])),
        (json!({ "nature": "For_t" }), rectangle([500.0, 10.0, 540.0, 40.0])),
        (json!({ "nature": "pr_" }), rectangle([50.0, 10.0, 70.0, 30.0])),
        (json!({ "nature": "mud" }), rectangle([50.0, 50.0, 70.0, 70.0])),
    ];
    let geojson = layer(&place, "cover.geojson", &features);
    gdal("ogr2ogr", &[&place.text("cover.shp"), &geojson]);
    // Latin-1, as software of ten years ago writes it, which does not say so.
    let dbf = place.path("cover.dbf");
    let bytes: Vec<u8> = std::fs::read(&dbf).unwrap();
    let mut text = bytes.clone();
    for (from, to) in [(b"For_t".as_slice(), b"For\xeat".as_slice()), (b"pr_", b"pr\xe8")] {
        while let Some(at) = text.windows(from.len()).position(|w| w == from) {
            text[at..at + to.len()].copy_from_slice(to);
        }
    }
    text[29] = 0;
    std::fs::write(&dbf, text).unwrap();
    let _ = std::fs::remove_file(place.path("cover.cpg"));

    let values = "\"For\u{ea}t\" = \"class 3\", \"pr\u{e9}\" = \"class 2\"";
    place.config(&overriding(values, ""));
    let refused = place.try_run(&[&scene], "refused", &[]).expect(2);
    assert!(
        refused.err.contains("field `nature` of feature 1 of layer `cover` is not valid UTF-8 text"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("encoding = \"CP1252\""), "{}", refused.err);

    // As in the hint; and the accent composed in the file is apart in the configuration.
    for (output, values) in [("out", values.to_owned()), ("apart", values.replace('\u{ea}', "e\u{302}"))] {
        place.config(&overriding(&values, ", encoding = \"CP1252\""));
        let ended = place.try_run(&[&scene], output, &[]).expect(0);
        let map = Map::at(&place.path(output));
        let counts = &map.manifest["counts"]["references"][0];
        assert_eq!((&counts["objects"], &counts["near"]), (&json!(4), &json!(3)), "{counts}");
        let value = |i: usize| (counts["values"][i]["objects"].clone(), counts["values"][i]["near"].clone());
        assert_eq!((value(0), value(1)), ((json!(2), json!(1)), (json!(0), json!(0))), "{counts}");
        assert_eq!(counts["objects_unnamed"], json!(2));
        assert_eq!(counts["values_unnamed"], json!(["mud", "pr\u{e8}"]));
        assert_eq!(counts["pixels_covered"], json!(900), "{counts}");
        let told = warnings(&map);
        let nothing = told.iter().find(|(code, ..)| code == "nothing-matched").unwrap();
        assert!(
            nothing.1 == "reference.override `cover`" && nothing.2.contains("`pr\u{e9}` (class `class 2`)"),
            "{told:?}"
        );
        assert!(
            told.iter().any(|(code, _, m)| code == "values-not-named" && m.contains("`pr\u{e8}`")),
            "{told:?}"
        );
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(ended.err.contains("warning: reference.override `cover`: no feature of"), "{}", ended.err);
        let inspected = place.arpent(&["inspect", output]).expect(0);
        assert!(inspected.out.contains("no feature of"), "{}", inspected.out);
    }
    // The same text twice, with two classes.
    place.config(&overriding(
        "\"For\u{ea}t\" = \"class 3\", \"Fore\u{302}t\" = \"class 2\"",
        ", encoding = \"CP1252\"",
    ));
    let refused = place.try_run(&[&scene], "twice", &[]).expect(2);
    assert!(refused.err.contains("are the same text"), "{}", refused.err);
}

#[test]
fn layers_that_do_not_touch_the_map_have_a_warning() {
    let (place, scene) = place();
    let far = (json!({ "id": 1 }), rectangle([5000.0, 10.0, 5040.0, 40.0]));
    layer(&place, "far.geojson", &[far]);
    let own = "layer = { source = \"far.geojson\", id = \"id\" }\n";
    place.config(&format!(
        "[coverage]\nmmu_m2 = 0.1\ntolerance_px = 1.0\n\
         [[reference.override]]\nname = \"a\"\nclass = \"class 3\"\n{own}\
         [[reference.enrich]]\nname = \"b\"\n{own}[[reference.compare]]\nname = \"c\"\nclass = \"class 1\"\n{own}"
    ));
    let ended = place.try_run(&[&scene], "out", &[]).expect(0);
    let told = warnings(&Map::at(&place.path("out")));
    let subjects: Vec<&str> =
        told.iter().filter(|w| w.0 == "nothing-matched").map(|w| w.1.as_str()).collect();
    assert_eq!(
        subjects,
        ["reference.override `a`", "reference.enrich `b`", "reference.compare `c`"],
        "{told:?}"
    );
    assert_eq!(ended.err.matches("lies on the map").count(), 3, "{}", ended.err);
}

#[test]
fn areas_of_interest_are_repaired_chosen_or_refused_in_words() {
    let (place, scene) = place();
    let [x, y] = [exact(SCENE.col) * GSD, -exact(SCENE.row) * GSD];
    let bow = json!({ "type": "Polygon", "coordinates": [[
        [x + 2.0, y - 2.0], [x + 10.0, y - 10.0], [x + 10.0, y - 2.0], [x + 2.0, y - 10.0], [x + 2.0, y - 2.0],
    ]] });
    let path = layer(&place, "bow.geojson", &[(json!({}), bow)]);
    let plan =
        place.arpent(&["plan", "run.toml", "--output", "out", "--scene", &scene, "--aoi", &path]).expect(0);
    assert!(plan.out.contains("had a geometry that is not valid: repaired"), "{}", plan.out);
    let map = place.run(&[&scene], "out", &["--aoi", &path]);
    assert_eq!(warnings(&map)[0].0, "geometries-repaired");
    let valid = map.labels().iter().filter(|l| **l != 255).count();
    // Two triangles of 16 m2 each, 400 pixels each.
    assert!(valid.abs_diff(800) <= 60, "{valid}");

    // A sliver between centers of pixels.
    let sliver = layer(&place, "sliver.geojson", &[(json!({}), rectangle([10.6, 0.0, 10.9, 60.0]))]);
    let refused = place.try_run(&[&scene], "sliver", &["--aoi", &sliver]).expect(2);
    assert!(
        refused.err.contains("contains the center of no pixel of a scene (pixels are 0.2"),
        "{}",
        refused.err
    );
    let wider = layer(&place, "wider.geojson", &[(json!({}), rectangle([10.1, 0.0, 11.4, 60.0]))]);
    place.run(&[&scene], "wider", &["--aoi", &wider]);

    // Two layers: as in the hint.
    let two = place.text("two.gpkg");
    gdal(
        "ogr2ogr",
        &[
            "-nln",
            "left",
            &two,
            &layer(&place, "l.geojson", &[(json!({}), rectangle([0.0, 0.0, 30.0, 30.0]))]),
        ],
    );
    let right = layer(&place, "r.geojson", &[(json!({}), rectangle([40.0, 0.0, 80.0, 30.0]))]);
    gdal("ogr2ogr", &["-update", "-nln", "right", &two, &right]);
    let refused = place.try_run(&[&scene], "two", &["--aoi", &two]).expect(2);
    let named: Vec<&str> = refused.err.split('\'').filter(|part| part.contains("|layername=")).collect();
    assert_eq!(named.len(), 2, "{}", refused.err);
    let runs: Vec<Map> = named
        .iter()
        .enumerate()
        .map(|(i, n)| place.run(&[&scene], &format!("two-{i}"), &["--aoi", n]))
        .collect();
    let pixels = |map: &Map| map.labels().iter().filter(|l| **l != 255).count();
    assert_eq!(runs.iter().map(pixels).collect::<Vec<_>>(), [900, 1200]);
    assert_ne!(
        runs[0].manifest["run_id"], runs[1].manifest["run_id"],
        "which layer is meant is part of the run"
    );
}

#[test]
fn maps_across_the_antimeridian_follow_rfc_7946() {
    let place = Place::empty();
    nearest_color(&place.path("model"), 1);
    place.config(FORMATS);
    // Where 180 degrees is in zone 60 at 16.5 degrees south, a scene of 60 by 40 pixels of 50 m around it.
    let utm = arpent_gdal::describe_crs("EPSG:32760").unwrap();
    let to_degrees = arpent_gdal::Transformer::new(&utm).unwrap();
    let meridian = (0..2000)
        .map(|i| 800_000.0 + f64::from(i) * 50.0)
        .find(|x| to_degrees.point(*x, 8_174_000.0).unwrap().0 < 0.0)
        .unwrap();
    let window = Window::new(truncate::<i64>(meridian / 50.0) - 30, -8_174_000 / 50 - 20, 60, 40);
    let picture = Picture::new(3, 20);
    GeoTiff::rgb(32760, 50.0, window, &picture.bands(window)).write(&place.path("a.tif")).unwrap();
    let map = place.run(&[&place.text("a.tif")], "out", &[]);
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(map.file(name)).unwrap()).unwrap()
    };
    let item = read("item.json");
    let crosses = |bbox: &Value| {
        let of = |i: usize| bbox[i].as_f64().unwrap();
        assert!(of(0) > 179.9 && of(2) < -179.9 && of(1) < of(3), "{bbox}");
    };
    crosses(&item["bbox"]);
    assert_eq!(
        (item["geometry"]["type"].as_str(), item["geometry"]["coordinates"].as_array().unwrap().len()),
        (Some("MultiPolygon"), 2)
    );
    let features = read("features.geojson");
    crosses(&features["bbox"]);
    let all = features["features"].as_array().unwrap();
    let cut = all.iter().filter(|f| f["geometry"]["type"] == "MultiPolygon").count();
    assert!(cut > 0, "no feature crosses");
    // No ring is wider than the scene, and together they have the area of the map.
    let mut area = 0.0;
    for feature in all {
        let parts = match feature["geometry"]["type"].as_str().unwrap() {
            "Polygon" => vec![feature["geometry"]["coordinates"].clone()],
            _ => feature["geometry"]["coordinates"].as_array().unwrap().clone(),
        };
        for (number, ring) in parts.iter().flat_map(|part| part.as_array().unwrap().iter().enumerate()) {
            let points: Vec<[f64; 2]> = serde_json::from_value(ring.clone()).unwrap();
            let range = points.iter().fold((200.0f64, -200.0f64), |(l, h), p| (l.min(p[0]), h.max(p[0])));
            assert!(range.1 - range.0 < 0.1 && range.1 <= 180.0 && range.0 >= -180.0, "{range:?}");
            let [x, y] = points[0];
            let twice: f64 = points
                .windows(2)
                .map(|p| (p[0][0] - x) * (p[1][1] - y) - (p[1][0] - x) * (p[0][1] - y))
                .sum();
            assert!((twice > 0.0) == (number == 0), "the exterior is counter-clockwise, holes are not");
            area += twice / 2.0;
        }
    }
    let mean = 110_650.0 * 111_320.0 * 16.5f64.to_radians().cos();
    let on_ground: f64 = all.iter().map(|f| f["properties"]["area_m2"].as_f64().unwrap()).sum();
    let share = area * mean / on_ground;
    assert!((share - 1.0).abs() < 0.02, "{share}");
    // The footprint as an AOI gives the same map again, and so do the features of GeoJSON.
    place.write(
        "footprint.geojson",
        &json!({ "type": "Feature", "properties": {}, "geometry": item["geometry"] }).to_string(),
    );
    place.config("");
    for (output, aoi) in [
        ("footprint", place.text("footprint.geojson")),
        ("features", map.file("features.geojson").to_str().unwrap().to_owned()),
    ] {
        let again = place.run(&[&place.text("a.tif")], output, &["--aoi", &aoi]);
        let (a, b) = (map.labels(), again.labels());
        let count =
            |labels: &[u8], wanted: &dyn Fn(u8) -> bool| labels.iter().filter(|l| wanted(**l)).count();
        // The background makes no features.
        let expected = if output == "footprint" { a.len() } else { count(&a, &|l| l != 0) };
        assert_eq!(count(&b, &|l| l != 255), expected, "{output}");
    }
}

/// The same rectangle, written in the ways that are in use.
fn ways([west, south, east, north]: [f64; 4]) -> Vec<Value> {
    let ring = |w: f64, e: f64| json!([[[w, south], [e, south], [e, north], [w, north], [w, south]]]);
    let polygon = |w: f64, e: f64| json!({ "type": "Polygon", "coordinates": ring(w, e) });
    let turned = |x: f64| if x > 180.0 { x - 360.0 } else { x };
    let mut all =
        vec![polygon(west, east), polygon(west - 360.0, east - 360.0), polygon(turned(west), turned(east))];
    if west < 180.0 && east > 180.0 {
        let parts = [ring(west, 180.0), ring(-180.0, east - 360.0)];
        all.push(json!({ "type": "MultiPolygon", "coordinates": parts }));
    }
    all
}

/// Number of parts and area of each feature of a GeoJSON file, which has no coordinate beyond 180 degrees.
fn shapes(file: &Path) -> BTreeMap<String, (usize, f64)> {
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let of = |feature: &Value| {
        let geometry = &feature["geometry"];
        let coordinates = geometry["coordinates"].clone();
        let parts: Vec<Vec<Vec<[f64; 2]>>> = match geometry["type"].as_str().unwrap() {
            "Polygon" => vec![serde_json::from_value(coordinates).unwrap()],
            _ => serde_json::from_value(coordinates).unwrap(),
        };
        assert!(
            parts.iter().flatten().flatten().all(|[x, _]| x.abs() <= 180.0),
            "{}: {parts:?}",
            file.display()
        );
        let area = |ring: &Vec<[f64; 2]>| -> f64 {
            ring.windows(2).map(|p| (p[0][0] - ring[0][0]) * (p[1][1] - p[0][1])).sum()
        };
        (parts.len(), parts.iter().flatten().map(area).sum::<f64>())
    };
    let features = all["features"].as_array().unwrap().iter();
    features.map(|f| (f["properties"]["id"].as_str().unwrap().to_owned(), of(f))).collect()
}

#[test]
fn areas_beyond_180_degrees_are_the_same_pixels_however_they_are_written() {
    const DEGREE: f64 = 0.0005;
    let place = Place::empty();
    nearest_color(&place.path("model"), 1);
    let window = Window::new(360_000 - 40, 32_000, 80, 40);
    let bands = Picture::new(3, 20).bands(window);
    // One scene, in degrees up to 180.02 and from -180.02.
    let scenes = [("east.tif", window), ("west.tif", Window { col: window.col - 720_000, ..window })];
    for (name, window) in scenes {
        GeoTiff::rgb(4326, DEGREE, window, &bands).write(&place.path(name)).unwrap();
    }
    // East of 180 degrees, west of it, across, and beginning there: pixels of half a thousandth of a degree.
    for (number, (area, pixels)) in [
        ([180.005, -16.015, 180.015, -16.005], 20 * 20),
        ([179.985, -16.015, 179.995, -16.005], 20 * 20),
        ([179.985, -16.015, 180.015, -16.005], 60 * 20),
        ([180.0, -16.015, 180.015, -16.005], 30 * 20),
    ]
    .into_iter()
    .enumerate()
    {
        // Off the centers of pixels, which are half a pixel away.
        let mut seen: Vec<(Vec<u8>, String)> = Vec::new();
        for (way, geometry) in ways(area).into_iter().enumerate() {
            let file = format!("{number}-{way}.geojson");
            let all = json!({ "type": "FeatureCollection", "features": [
                { "type": "Feature", "properties": { "nature": "a", "id": 7 }, "geometry": geometry }] });
            place.write(&file, &all.to_string());
            for (scene, _) in scenes {
                place.config("");
                let name = format!("{number}-{way}-{scene}");
                let map = place.run(&[scene], &name, &["--aoi", &file]);
                assert_eq!(warnings(&map), [], "{name}");
                let labels: Vec<u8> = map.labels().into_iter().filter(|l| *l != 255).collect();
                assert_eq!(labels.len(), pixels, "{name}: {geometry}");
                // As a reference that is overridden, and as a zone.
                place.config(&format!(
                    "[[reference.override]]\nname = \"own\"\nclass = \"class 3\"\nlayer = {{ source = \"{file}\", id = \"id\" }}\n"
                ));
                let overridden = place.run(&[scene], &format!("overridden-{name}"), &[]);
                let counts = &overridden.manifest["counts"]["references"][0];
                assert_eq!(
                    (&counts["pixels_covered"], &counts["repaired"]),
                    (&json!(pixels), &json!(0)),
                    "{name}"
                );
                assert_eq!(warnings(&overridden), [], "{name}");
                place.write(
                    "zonal.toml",
                    &format!("map = \"overridden-{name}\"\nzones = \"{file}\"\nid = \"id\"\n"),
                );
                place.arpent(&["zonal", "zonal.toml", "--output", &format!("zones-{name}")]).expect(0);
                let zones = Map::at(&place.path(&format!("zones-{name}")));
                assert_eq!(warnings(&zones), [], "{name}");
                let row = crate::zonal::rows(&zones).remove(0);
                let off = (row["class_3_pixels"].parse::<f64>().unwrap() - exact(pixels)).abs();
                assert!(off < 1e-6, "{name}: {row:?}");
                seen.push((labels, row["class_3_objects"].clone()));
            }
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{number}");
    }
    // Features are cut at 180 degrees in every format, and boxes of longitudes and latitudes follow RFC 7946.
    place.config(FORMATS);
    let map = place.run(&["east.tif"], "out", &[]);
    let json_of =
        |name: &str| -> Value { serde_json::from_slice(&std::fs::read(map.file(name)).unwrap()).unwrap() };
    for name in ["item.json", "features.geojson"] {
        let bbox: [f64; 4] = serde_json::from_value(json_of(name)["bbox"].clone()).unwrap();
        assert!((bbox[0] - 179.98).abs() < 0.01 && (bbox[2] + 179.98).abs() < 0.01, "{name}: {bbox:?}");
    }
    let expected = shapes(&map.file("features.geojson"));
    assert!(expected.values().any(|(parts, _)| *parts == 2), "{expected:?}");
    for name in ["features.gpkg", "features.fgb"] {
        let told = gdal("ogrinfo", &["-ro", "-so", "-al", map.file(name).to_str().unwrap()]);
        assert!(told.contains("Geometry: Multi Polygon"), "{name}: {told}");
        let read = place.path(&format!("{name}.geojson"));
        gdal(
            "ogr2ogr",
            &["-f", "GeoJSON", read.to_str().unwrap(), map.file(name).to_str().unwrap(), "features"],
        );
        let found = shapes(&read);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (id, (parts, area)) in found {
            assert!(expected[&id].0 == parts && (expected[&id].1 - area).abs() < 1e-7, "{name}: {id}");
        }
    }
    let parquet = std::fs::read(map.file("features.parquet")).unwrap();
    let text = String::from_utf8_lossy(&parquet);
    let bbox = text.rsplit("\"bbox\":[").next().unwrap().split(']').next().unwrap();
    let bbox: Vec<f64> = bbox.split(',').map(|v| v.parse().unwrap()).collect();
    assert!((bbox[0] - 179.98).abs() < 0.01 && (bbox[2] + 179.98).abs() < 0.01, "{bbox:?}");
    assert!(text.contains("\"MultiPolygon\""));
}
