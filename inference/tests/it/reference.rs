//! Maps crossed with existing layers.

use std::fmt::Write;

use arpent_base::number::exact;
use arpent_raster::Window;
use arpent_testing::Picture;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{GSD, Map, Place, gdal, nearest_color};

/// A scene that crosses the lattice of 512 pixels in both directions, away from the CRS origin.
pub const SCENE: Window = Window::new(6375 * 512 - 90, -67013 * 512 - 80, 230, 190);

/// Upper left corner of the scene, meters.
pub fn corner() -> [f64; 2] {
    [exact(SCENE.col) * GSD, -exact(SCENE.row) * GSD]
}

pub fn place() -> (Place, String) {
    let place = Place::new();
    nearest_color(&place.path("model"), 1);
    let scene = place.draw("a.tif", &Picture::new(11, 7), SCENE);
    (place, scene)
}

/// A closed ring of points in pixels from the scene's upper left corner, as coordinates.
pub fn ring(points: &[[f64; 2]]) -> Value {
    let [x, y] = corner();
    let mut ring: Vec<Value> =
        points.iter().map(|[col, row]| json!([x + col * GSD, y - row * GSD])).collect();
    ring.push(ring[0].clone());
    json!(ring)
}

pub fn rectangle([col0, row0, col1, row1]: [f64; 4]) -> Value {
    json!({ "type": "Polygon", "coordinates": [ring(&[[col0, row0], [col0, row1], [col1, row1], [col1, row0]])] })
}

/// Writes a layer in Lambert-93.
pub fn layer(place: &Place, name: &str, features: &[(Value, Value)]) -> String {
    let features = features.iter().map(
        |(properties, geometry)| json!({ "type": "Feature", "properties": properties, "geometry": geometry }),
    );
    let crs = json!({ "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::2154" } });
    let collection =
        json!({ "type": "FeatureCollection", "crs": crs, "features": features.collect::<Vec<_>>() });
    place.write(name, &collection.to_string());
    place.text(name)
}

/// The features with all their columns.
pub fn properties(map: &Map) -> Vec<Value> {
    let text = std::fs::read_to_string(map.file("features.geojson")).unwrap();
    let collection: Value = serde_json::from_str(&text).unwrap();
    collection["features"].as_array().unwrap().iter().map(|f| f["properties"].clone()).collect()
}

pub const COVERAGE: &str = "[coverage]\nmmu_m2 = 2.0\ntolerance_px = 1.0\n";

pub const OVERRIDE: &str = "[[reference.override]]\nname = \"topo\"\nclass = \"class 3\"\nossature = true\n\
    layer = { source = \"topo.geojson\", id = \"cleabs\" }\n";

#[test]
fn former_names_are_still_read() {
    let (place, scene) = place();
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "BAT1" }), rectangle([20.0, 20.0, 60.0, 50.0]))]);
    let of_name =
        "[[reference.enrich]]\nname = \"own\"\nlayer = { source = \"topo.geojson\", id = \"cleabs\" }\n";
    let today = format!("{COVERAGE}{OVERRIDE}{of_name}");
    let former = today
        .replace("reference.override", "reference.impose")
        .replace("reference.enrich", "reference.inform");
    place.config(&today);
    let (ended, map) = (place.try_run(&[&scene], "out", &[]).expect(0), Map::at(&place.path("out")));
    assert!(!ended.err.contains("the old name"), "{}", ended.err);
    place.config(&former);
    let (ended, other) = (place.try_run(&[&scene], "other", &[]).expect(0), Map::at(&place.path("other")));
    for (old, new) in [("impose", "override"), ("inform", "enrich")] {
        let note =
            format!("`reference.{old}` was renamed to `reference.{new}`; the old name is still accepted");
        assert_eq!(ended.err.matches(&note).count(), 1, "{}", ended.err);
    }
    assert_eq!(map.hashes(), other.hashes());
    assert_eq!(map.manifest["config"]["reference"], other.manifest["config"]["reference"]);
    // Errors find the place of a former name.
    place.config(&former.replace(
        "id = \"cleabs\" }\n[[reference.inform]]",
        "id = \"cleabs\" }\nmin_share = 2.0\n[[reference.inform]]",
    ));
    let refused = place.try_run(&[&scene], "none", &[]).expect(2);
    assert!(refused.err.contains("[[reference.impose]]"), "{}", refused.err);
    place.arpent(&["verify", "out"]).expect(0);
    // Manifests of before.
    let counts = json!({ "features_told": 1, "pixels_imposed": 2, "rule": "impose" });
    let counts: arpent_publish::ReferenceCounts = serde_json::from_value(counts).unwrap();
    assert_eq!((counts.features_matched, counts.pixels_overridden), (1, 2));
}

#[test]
fn overridden_objects_are_cut_into_the_coverage() {
    let (place, scene) = place();
    layer(
        &place,
        "topo.geojson",
        &[
            (json!({ "cleabs": "BAT1" }), rectangle([20.0, 20.0, 60.0, 50.0])),
            (json!({ "cleabs": "BAT2" }), rectangle([100.0, 90.0, 140.0, 120.0])),
        ],
    );
    place.config(&format!("{COVERAGE}{OVERRIDE}"));
    let map = place.run(&[&scene], "out", &[]);
    place.config(COVERAGE);
    let plain = place.run(&[&scene], "plain", &[]);
    // The raster stays what the network saw; areas still add up.
    assert_eq!(plain.labels(), map.labels());
    let found = properties(&map);
    let area: f64 = found.iter().map(|f| f["area_m2"].as_f64().unwrap()).sum();
    assert!((area - 230.0 * 190.0 * 0.04).abs() < 1e-6, "{area} m2");
    // Neither reference feature touches pixels of its class that the network found, or is a part of what they make together.
    for id in ["BAT1", "BAT2"] {
        let told: Vec<_> = found.iter().filter(|f| f["topo_id"] == id).collect();
        assert!(told.len() <= 1, "{id}: {told:?}");
        for feature in told {
            assert_eq!(feature["class_name"], "class 3");
            assert!(feature["topo_share"].as_f64().unwrap() >= 0.5);
        }
    }
    let class3 = |features: &[Value]| -> f64 {
        let of_class = features.iter().filter(|f| f["class_name"] == "class 3");
        of_class.map(|f| f["area_m2"].as_f64().unwrap()).sum()
    };
    assert!(class3(&found) > class3(&properties(&plain)) + 10.0);
    let counts = &map.manifest["counts"]["references"][0];
    assert_eq!((&counts["objects"], &counts["repaired"]), (&json!(2), &json!(0)), "{counts}");
    assert!(counts["pixels_overridden"].as_u64().unwrap() > 400, "{counts}");
    assert_ne!(plain.manifest["run_id"], map.manifest["run_id"]);
}

#[test]
fn an_object_alone_is_a_feature_with_its_id_in_the_shape_of_ocs_ge() {
    let (place, scene) = place();
    // The whole scene is of one class but for one reference feature.
    layer(
        &place,
        "all.geojson",
        &[(json!({ "id": 7, "kind": "field" }), rectangle([-5.0, -5.0, 300.0, 300.0]))],
    );
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "BAT1" }), rectangle([20.0, 20.0, 60.0, 50.0]))]);
    place.write(
        "codes.toml",
        "from = \"four kinds\"\nto = \"OCS GE\"\n\
         [[class]]\nid = 0\nname = \"background\"\ncode_cs = \"CS2.2.1\"\nreason = \"green\"\n\
         [[class]]\nid = 1\nname = \"class 1\"\ncode_cs = \"CS1.1.1.2\"\nreason = \"bright\"\n\
         [[class]]\nid = 2\nname = \"class 2\"\ncode_cs = \"\"\nreason = \"nobody knows\"\n\
         [[class]]\nid = 3\nname = \"class 3\"\ncode_cs = \"CS1.1.1.1\"\nreason = \"built\"\n",
    );
    let all = "[[reference.override]]\nname = \"all\"\nlayer = { source = \"all.geojson\", id = \"id\" }\n\
        class = { field = \"kind\", values = { field = \"background\" } }\n";
    let shape = "[ocs_ge]\nnomenclature = \"codes.toml\"\nmillesime = 2021\n";
    place.config(&format!("{shape}{COVERAGE}{all}{OVERRIDE}"));
    let map = place.run(&[&scene], "out", &[]);
    let mut found = properties(&map);
    found.sort_by_key(|f| f["code_cs"].to_string());
    assert_eq!(found.len(), 2, "{found:#?}");
    let expected = json!({
        "topo_id": "BAT1", "topo_share": 1.0, "all_id": null, "code_cs": "CS1.1.1.1", "code_us": null, "millesime": 2021,
        "source": "topo", "ossature": 1, "id_origine": "BAT1", "code_or": "class 3", "score": found[0]["score"],
        "state": "not_verified",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&found[0][key], value, "{key} of {:#}", found[0]);
    }
    assert!((found[0]["area_m2"].as_f64().unwrap() - 1200.0 * 0.04).abs() < 1e-6);
    assert_eq!((&found[1]["id_origine"], &found[1]["ossature"]), (&json!("7"), &json!(0)));
    // The other formats have the same columns.
    let listed = gdal("ogrinfo", &["-so", map.file("features.gpkg").to_str().unwrap(), "features"]);
    for column in ["topo_share: Real", "millesime: Integer64", "code_cs: String", "id_origine: String"] {
        assert!(listed.contains(column), "{column} in {listed}");
    }
}

#[test]
fn layers_inform_and_compare() {
    let (place, scene) = place();
    // Parcels: the west and the east of the scene, in WGS 84; a stand that is of class 0 in the north.
    let (west, east) = (rectangle([-1.0, -1.0, 115.0, 191.0]), rectangle([115.0, -1.0, 231.0, 191.0]));
    let parcels = layer(
        &place,
        "lambert.geojson",
        &[
            (json!({ "num": 1, "crop": "wheat", "ha": 0.5 }), west),
            (json!({ "num": 2, "crop": null, "ha": 1.5 }), east),
        ],
    );
    gdal("ogr2ogr", &["-t_srs", "EPSG:4326", &place.text("parcels.gpkg"), &parcels, "-nln", "parcels"]);
    layer(&place, "stands.geojson", &[(json!({ "id": "S" }), rectangle([0.0, 0.0, 230.0, 95.0]))]);
    place.config(&format!(
        "{COVERAGE}[[reference.enrich]]\nname = \"rpg\"\nfields = [\"crop\", \"ha\"]\nmin_share = 0.6\n\
         layer = {{ source = \"parcels.gpkg\", name = \"parcels\", id = \"num\" }}\n\
         [[reference.compare]]\nname = \"bd\"\nclass = \"background\"\nlayer = {{ source = \"stands.geojson\", id = \"id\" }}\n"
    ));
    let map = place.run(&[&scene], "out", &[]);
    let found = properties(&map);
    let (mut told, mut agreement) = ([0, 0], 0.0);
    for feature in &found {
        let share = feature["rpg_share"].as_f64();
        match &feature["rpg_id"] {
            Value::Null => assert_eq!((share, &feature["rpg_ha"]), (None, &Value::Null)),
            id if id == "1" => {
                told[0] += 1;
                assert_eq!((&feature["rpg_crop"], &feature["rpg_ha"]), (&json!("wheat"), &json!(0.5)));
            }
            id => {
                told[1] += 1;
                assert_eq!(
                    (id, &feature["rpg_crop"], &feature["rpg_ha"]),
                    (&json!("2"), &Value::Null, &json!(1.5))
                );
            }
        }
        assert!(share.is_none_or(|share| (0.6..=1.0).contains(&share)), "{feature:#}");
        let [same, other] = ["bd_agreement", "bd_disagreement"].map(|key| feature[key].as_f64().unwrap());
        let is_forest = feature["class_name"] == "background";
        assert_eq!(if is_forest { other } else { same }.to_bits(), 0.0_f64.to_bits(), "{feature:#}");
        assert_eq!(feature["bd_class"].is_null(), same + other == 0.0);
        agreement += same * feature["area_m2"].as_f64().unwrap();
    }
    assert!(told[0] > 3 && told[1] > 3, "{told:?} of {}", found.len());
    let counts = &map.manifest["counts"]["references"];
    assert_eq!(counts[0]["features_matched"].as_u64().unwrap(), told[0] + told[1]);
    let sum = counts[1]["agreement_m2"].as_f64().unwrap() + counts[1]["disagreement_m2"].as_f64().unwrap();
    // The north half of the scene, but for what generalization takes and gives.
    assert!((sum - 230.0 * 95.0 * 0.04).abs() < 15.0, "{sum} m2");
    assert!((counts[1]["agreement_m2"].as_f64().unwrap() - agreement).abs() < 1e-6);
}

#[test]
fn the_configuration_for_ocs_ge_makes_its_shape() {
    let place = Place::empty();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let config = std::fs::read_to_string(root.join("configs/land-cover/ocs-ge.toml")).unwrap();
    place.write("run.toml", &config.replace("../../models", root.join("models").to_str().unwrap()));
    let scene = place.draw("a.tif", &Picture::new(11, 90), Window::new(SCENE.col, SCENE.row, 1000, 800));
    // A building of 30 x 24 m beside a road of 6 m from west to east, which it does not touch.
    let building = rectangle([300.0, 200.0, 450.0, 320.0]);
    let line = ring(&[[-10.0, 500.0], [1010.0, 500.0]]);
    let road = json!({ "type": "LineString", "coordinates": [line[0], line[1]] });
    let layers = [
        ("batiment", layer(&place, "b.geojson", &[(json!({ "cleabs": "BATIMENT01" }), building)])),
        (
            "troncon_de_route",
            layer(
                &place,
                "r.geojson",
                &[(json!({ "cleabs": "TRONROUT01", "largeur_de_chaussee": 6.0 }), road)],
            ),
        ),
    ];
    for (name, file) in &layers {
        gdal("ogr2ogr", &["-update", "-append", &place.text("bdtopo.gpkg"), file, "-nln", name]);
    }
    let map = place.run(&[&scene], "out", &[]);
    let found = properties(&map);
    let of =
        |source: &str| found.iter().find(|f| f["source"] == source).unwrap_or_else(|| panic!("{found:#?}"));
    let (building, road) = (of("buildings"), of("roads"));
    for (key, value) in [
        ("code_cs", json!("CS1.1.1.1")),
        ("code_us", Value::Null),
        ("millesime", json!(2024)),
        ("ossature", json!(0)),
        ("id_origine", json!("BATIMENT01")),
        ("code_or", json!("building")),
    ] {
        assert_eq!(building[key], value, "{key} of {building:#}");
    }
    assert_eq!(
        (&road["code_cs"], &road["ossature"], &road["id_origine"]),
        (&json!("CS1.1.1.2"), &json!(1), &json!("TRONROUT01"))
    );
    assert!(found.iter().filter(|f| f["source"] == "land-cover-50cm").all(|f| f["id_origine"].is_null()));
    let named: Vec<_> =
        map.manifest["counts"]["references"].as_array().unwrap().iter().map(|l| &l["name"]).collect();
    assert_eq!(named, ["roads", "buildings"]);
    assert_eq!(map.manifest["counts"]["references"][0]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn every_class_of_the_tables_has_a_code_and_a_reason() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    for (name, classes) in [("ocs-ge-flair.toml", 19), ("ocs-ge-cosia.toml", 16)] {
        let table: toml::Table = std::fs::read_to_string(root.join(name)).unwrap().parse().unwrap();
        let lines = table["class"].as_array().unwrap();
        assert_eq!(lines.len(), classes);
        for line in lines {
            let text = |key: &str| line[key].as_str().unwrap();
            assert!(text("code_cs").starts_with("CS") || text("name") == "other", "{line}");
            assert!(!text("reason").is_empty(), "{line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn any_window_size_and_number_of_threads_give_the_same_crossing(
        size in 32usize..200, threads in 1usize..4, seed in 0u32..1000,
    ) {
        let (place, scene) = place();
        let features: Vec<_> = (0..12u32).map(|i| {
            let at = |n: u32| f64::from((seed + i) * n % 199) + f64::from(seed % 7) / 7.0;
            let (col, row) = (at(37), at(101));
            let kind = ["a", "b", "c"][(i % 3) as usize];
            (json!({ "cleabs": i, "kind": kind }), rectangle([col, row, col + 25.5, row + 17.25]))
        }).collect();
        layer(&place, "topo.geojson", &features);
        let layer = "layer = { source = \"topo.geojson\", id = \"cleabs\" }\n";
        let class = "class = { field = \"kind\", values = { a = \"class 1\", b = \"class 2\" } }\n";
        place.config(&format!(
            "{COVERAGE}[[reference.override]]\nname = \"one\"\n{layer}{class}\
             [[reference.enrich]]\nname = \"two\"\nmin_share = 0.1\n{layer}\
             [[reference.compare]]\nname = \"three\"\n{layer}{class}"
        ));
        let one = place.run(&[&scene], "one", &["--threads", "1"]);
        let other =
            place.run(&[&scene], "other", &["--threads", &threads.to_string(), "--window", &size.to_string()]);
        let of = |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
        prop_assert_eq!(of(&one), of(&other));
        prop_assert_eq!(&one.manifest["counts"]["references"], &other.manifest["counts"]["references"]);
    }
}

#[test]
fn roads_have_the_class_and_the_width_of_their_fields_and_may_lack_an_id() {
    let (place, scene) = place();
    let line = |row: f64| json!({ "type": "LineString", "coordinates": [ring(&[[-5.0, row]])[0], ring(&[[235.0, row]])[0]] });
    let road = |id: Value, kind: &str, width: Value, row: f64| {
        (json!({ "id": id, "kind": kind, "wide": width }), line(row))
    };
    layer(
        &place,
        "roads.geojson",
        &[
            road(json!("A"), "path", json!(4.0), 50.0),
            road(Value::Null, "path", json!(null), 100.0),
            road(json!("C"), "ditch", json!(4.0), 150.0),
        ],
    );
    let overriding = "[[reference.override]]\nname = \"road\"\nwidth_field = \"wide\"\nossature = true\n\
        class = { field = \"kind\", values = { path = \"class 1\" } }\n\
        layer = { source = \"roads.geojson\", id = \"id\" }\n";
    place.config(&format!("{COVERAGE}{overriding}"));
    let ended = place.try_run(&[&scene], "none", &[]).expect(2);
    assert!(ended.err.contains("feature 2 of layer `roads` is a line without a width"), "{}", ended.err);
    assert!(ended.err.contains("hint: set width_m"), "{}", ended.err);
    let mut codes = String::new();
    for name in ["background", "class 1", "class 2", "class 3"] {
        writeln!(codes, "[[class]]\nid = 0\nname = \"{name}\"\ncode_cs = \"CS1\"\nreason = \"a test\"")
            .unwrap();
    }
    place.write("codes.toml", &format!("from = \"a\"\nto = \"b\"\n{codes}"));
    layer(&place, "all.geojson", &[(json!({ "id": 7 }), rectangle([-5.0, -5.0, 300.0, 300.0]))]);
    let all = "[[reference.override]]\nname = \"all\"\nclass = \"background\"\n\
        layer = { source = \"all.geojson\", id = \"id\" }\n";
    place.config(&format!(
        "[ocs_ge]\nnomenclature = \"codes.toml\"\n{COVERAGE}{all}{overriding}width_m = 2.0\n"
    ));
    let map = place.run(&[&scene], "out", &[]);
    // 20 rows of the first, 10 of the second; the third is of no class of the map.
    let counts = &map.manifest["counts"]["references"][1];
    assert_eq!((&counts["pixels_overridden"], &counts["objects"]), (&json!(30 * SCENE.width), &json!(3)));
    let found = properties(&map);
    let told: Vec<_> = found.iter().filter(|f| f["source"] == "road").collect();
    assert!(told.iter().all(|f| f["ossature"] == 1 && f["road_share"].as_f64().unwrap() >= 0.5));
    assert_eq!(told.len(), 2);
    // The second has no id, and is of the framework all the same.
    assert!(told.iter().any(|f| f["id_origine"].is_null()), "{found:#?}");
    assert_eq!(counts["features_matched"], told.len());
}

#[test]
fn all_files_of_a_layer_are_part_of_the_run_id() {
    let (place, scene) = place();
    let write = |kind: &str| {
        let feature = (json!({ "id": 1, "kind": kind }), rectangle([20.0, 20.0, 60.0, 50.0]));
        layer(&place, "a.geojson", &[feature]);
        for name in ["a.shp", "a.shx", "a.dbf", "a.prj"] {
            let _ = std::fs::remove_file(place.path(name));
        }
        gdal("ogr2ogr", &[&place.text("a.shp"), &place.text("a.geojson")]);
    };
    place.config(
        "[[reference.override]]\nname = \"topo\"\nlayer = { source = \"a.shp\", id = \"id\" }\n\
         class = { field = \"kind\", values = { a = \"class 1\", b = \"class 2\" } }\n",
    );
    let ids = ["a", "b"].map(|kind| {
        write(kind);
        let map = place.run(&[&scene], kind, &[]);
        let layer = &map.manifest["counts"]["references"][0];
        (map.manifest["run_id"].to_string(), layer["sha256"].as_str().unwrap().to_owned())
    });
    // The attributes alone differ: shapes are in a file of their own.
    assert!(ids[0].0 != ids[1].0 && ids[0].1 != ids[1].1, "{ids:?}");
}

#[test]
fn areas_drawn_as_built_up_have_their_own_unit() {
    let (place, scene) = place();
    layer(&place, "town.geojson", &[(json!({}), rectangle([0.0, 0.0, 115.0, 190.0]))]);
    let built = |more: &str| format!("[coverage]\nmmu_m2 = 6.0\n[coverage.built_up]\nmmu_m2 = 0.5\n{more}");
    place.config(&built("areas = \"town.geojson\"\n"));
    let map = place.run(&[&scene], "out", &[]);
    let [x, _] = corner();
    let mut small = [0, 0];
    for feature in map.features() {
        let easternmost =
            feature.wkt.split(['(', ')', ',', ' ']).filter_map(|n| n.parse::<f64>().ok()).step_by(2);
        let is_east = easternmost.fold(f64::MAX, f64::min) > x + 115.0 * GSD + 1e-6;
        let area = feature.area.parse::<f64>().unwrap();
        assert!(area >= 0.5 && (!is_east || area >= 6.0), "{feature:?}");
        small[usize::from(is_east)] += u32::from(area < 6.0);
    }
    assert!(small[0] > 10 && small[1] == 0, "{small:?}");
    place.config(&built("areas = \"town.geojson\"\ndistance_m = 5.0\n"));
    let ended = place.try_run(&[&scene], "none", &[]).expect(2);
    assert!(ended.err.contains("`classes` and `distance_m` must be set together"), "{}", ended.err);
    place.config(&built(""));
    let ended = place.try_run(&[&scene], "none", &[]).expect(2);
    assert!(ended.err.contains("defines where its unit of 0.5 m2 applies"), "{}", ended.err);
}

#[test]
fn layers_that_cannot_be_used_are_refused_before_anything_is_read() {
    let (place, scene) = place();
    let good = rectangle([20.0, 20.0, 60.0, 50.0]);
    let bow = json!({ "type": "Polygon", "coordinates": [ring(&[[10.0, 10.0], [30.0, 30.0], [30.0, 10.0], [10.0, 30.0]])] });
    layer(&place, "good.geojson", &[(json!({ "id": 1, "kind": "a" }), good.clone())]);
    let good_again = good.clone();
    layer(&place, "empty.geojson", &[]);
    layer(&place, "nowhere.geojson", &[(json!({ "id": 1 }), Value::Null)]);
    layer(
        &place,
        "bow.geojson",
        &[(json!({ "id": 1 }), good), (json!({ "id": 2 }), bow), (json!({ "id": 3 }), Value::Null)],
    );
    place.write("cut.gpkg", "SQLite format 3");
    let refused = |config: &str, expected: &str| {
        place.config(config);
        let ended = place.try_run(&[&scene], "out", &[]);
        assert!(
            ended.code == 2
                && [&ended.err, &ended.err.replace("` is ", " is ")]
                    .iter()
                    .any(|text| text.contains(expected)),
            "{}: {}",
            ended.code,
            ended.err
        );
        assert!(ended.err.contains("hint:") || expected.contains(" is "), "{}", ended.err);
        assert!(place.is_clean("out"));
    };
    let line = ring(&[[0.0, 100.0], [230.0, 100.0]]);
    let overriding = |layer: &str, class: &str| {
        format!("[[reference.override]]\nname = \"topo\"\nclass = {class}\nlayer = {{ {layer} }}\n")
    };
    let one = "\"class 1\"";
    refused(&overriding("source = \"none.gpkg\", id = \"id\"", one), "none.gpkg");
    refused(&overriding("source = \"cut.gpkg\", id = \"id\"", one), "cut.gpkg");
    refused(&overriding("source = \"good.geojson\", id = \"cleabs\"", one), "cleabs");
    refused(&overriding("source = \"good.geojson\", id = \"id\", name = \"roads\"", one), "roads");
    refused(&overriding("source = \"good.geojson\", id = \"id\"", "\"sea\""), "no class `sea`");
    let by = "{ field = \"sort\", values = { a = \"class 1\" } }";
    refused(&overriding("source = \"good.geojson\", id = \"id\"", by), "sort");
    refused(&overriding("source = \"bow.geojson\", id = \"id\", invalid = \"refuse\"", one), "feature 2");
    layer(
        &place,
        "road.geojson",
        &[(json!({ "id": 1 }), json!({ "type": "LineString", "coordinates": line }))],
    );
    refused(&overriding("source = \"road.geojson\", id = \"id\"", one), "feature 1");
    let wide = |width: &str| {
        format!("{}width_m = {width}\n", overriding("source = \"road.geojson\", id = \"id\"", one))
    };
    refused(&wide("-1.0"), "width_m is -1");
    let twice = overriding("source = \"good.geojson\", id = \"id\"", one).repeat(2);
    refused(&twice, "`topo_id` is not a valid name of a column, or is already in use");
    // Columns that a model may have.
    layer(&place, "fields.geojson", &[(json!({ "id": 1, "training": 2, "territory": 3 }), good_again)]);
    for (field, column) in [("training", "`outside_training` is"), ("territory", "`outside_territory` is")] {
        let enrich = format!(
            "[[reference.enrich]]\nname = \"outside\"\nfields = [\"{field}\"]\nlayer = {{ source = \"fields.geojson\", id = \"id\" }}\n"
        );
        refused(&enrich, column);
    }
    let share = format!("{}min_share = 1.5\n", overriding("source = \"good.geojson\", id = \"id\"", one));
    refused(&share, "min_share is 1.5");
    refused("[ocs_ge]\n", "the class `background` has no code in the model package");
    refused(&overriding("source = \"empty.geojson\", id = \"id\"", one), "empty.geojson");
    let nowhere = "reference.override `topo`: ";
    refused(&overriding("source = \"nowhere.geojson\", id = \"id\"", one), nowhere);
    // A line of 2 m, there and back, is a strip of 230 x 10 pixels.
    place.config(&wide("2.0"));
    let map = place.run(&[&scene], "road", &[]);
    let (labels, counts) = (map.labels(), &map.manifest["counts"]["references"][0]);
    let strip = labels[95 * SCENE.width..105 * SCENE.width].iter();
    assert_eq!(counts["pixels_overridden"], strip.filter(|label| **label != 1).count());
    // What is not valid is repaired, and counted.
    place.config(&overriding("source = \"bow.geojson\", id = \"id\"", one));
    let map = place.run(&[&scene], "bow", &[]);
    let counts = &map.manifest["counts"]["references"][0];
    let expected = [("objects", 3), ("repaired", 1), ("empty", 1)];
    for (key, value) in expected {
        assert_eq!(counts[key], value, "{key} in {counts}");
    }
    assert!(counts["pixels_overridden"].as_u64().unwrap() > 400);
}

#[test]
fn a_layer_of_many_objects_is_streamed() {
    let (place, scene) = place();
    let [x, y] = corner();
    let mut csv = String::from("id,WKT\n");
    for i in 0..20_000u32 {
        let (col, row) = (f64::from(i % 200) * 0.05 - 4.0, f64::from(i / 200) * 0.05);
        let (x, y) = (x + col, y - row);
        writeln!(
            csv,
            "{i},\"POLYGON (({x} {y},{x} {y1},{x1} {y1},{x1} {y},{x} {y}))\"",
            x1 = x + 0.05,
            y1 = y - 0.05
        )
        .unwrap();
    }
    place.write("many.csv", &csv);
    gdal(
        "ogr2ogr",
        &[
            "-a_srs",
            "EPSG:2154",
            "-oo",
            "GEOM_POSSIBLE_NAMES=WKT",
            &place.text("many.fgb"),
            &place.text("many.csv"),
        ],
    );
    place.config(
        "[[reference.override]]\nname = \"many\"\nclass = \"class 2\"\nlayer = { source = \"many.fgb\", id = \"id\" }\n",
    );
    let map = place.run(&[&scene], "out", &[]);
    let counts = &map.manifest["counts"]["references"][0];
    assert_eq!(counts["objects"], 20_000);
    // Objects are a sixteenth of a pixel: of the 30 x 25 pixels that they cover, each has its center in one of them.
    let labels = map.labels();
    let corner = (0..25).flat_map(|row| &labels[row * SCENE.width..][..30]);
    assert_eq!(counts["pixels_overridden"], corner.filter(|label| **label != 2).count());
}
