//! Where a model may be used: imagery unlike its training, and places outside of its territories, are told of each feature and of the map.

use std::collections::BTreeMap;

use arpent_base::Cell;
use arpent_base::number::exact;
use arpent_model::{Area, ModelPackage, Outline, Territory, TrainingSample, TrainingSamples, predictors_of};
use arpent_publish::FeatureTable;
use arpent_raster::{Chip, Window};
use arpent_testing::{GeoTiff, Picture, SplitMix};
use serde_json::Value;

use crate::common::{EPSG, GSD, Map, Place};
use crate::decided::drawn;
use crate::detection;
use crate::review::{add, report, review};

/// A scene that crosses the lattice in both directions, away from the CRS origin; 5 x 4 blocks of 64 px touch it.
const SCENE: Window = Window::new(3_260_007, -34_310_013, 260, 190);

/// The column from which on it is noise, on no border of blocks.
const NOISE: i64 = 3_260_130;

/// Gives the package samples of pictures of the same kind, by another seed, as two folds.
fn add_samples(place: &Place) {
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    let mut samples = Vec::new();
    for fold in 0..2 {
        for at in 0..100 {
            let block = Window::new(at * 640, 77 * at, 64, 64);
            let data = Picture::new(50 + u64::try_from(fold).unwrap(), 12).bands(block);
            let data = data.into_iter().map(f32::from).collect();
            let chip = Chip { window: block, bands: 3, data, valid: vec![true; 64 * 64] };
            samples.push(TrainingSample(fold, predictors_of(&chip, &package.bands, &block).unwrap()));
        }
    }
    let folds = vec!["a town".to_owned(), "another".to_owned()];
    package.applicability =
        Some(TrainingSamples::new(&package.bands, folds, samples, "a test".to_owned()).into());
    package.save(&weights, &place.path("model")).unwrap();
}

/// Draws a scene whose east is noise, which no training had.
fn draw(place: &Place, name: &str, window: Window) -> String {
    let mut bands = Picture::new(4, 12).bands(window);
    for (at, value) in bands.iter_mut().enumerate() {
        let pixel = at % (window.width * window.height);
        let col = window.col + i64::try_from(pixel % window.width).unwrap();
        let row = window.row + i64::try_from(pixel / window.width).unwrap();
        if col >= NOISE {
            let place = col.cast_unsigned().rotate_left(32) ^ row.cast_unsigned();
            *value = u8::try_from(SplitMix::new(place + u64::from(*value)).below(256)).unwrap();
        }
    }
    GeoTiff::rgb(EPSG, GSD, window, &bands).write(&place.path(name)).unwrap();
    place.text(name)
}

/// A column of each feature, by id.
fn column(map: &Map, name: &str) -> BTreeMap<String, Option<f64>> {
    column_in(map, "features.parquet", name)
}

/// The same of another file.
fn column_in(map: &Map, file: &str, name: &str) -> BTreeMap<String, Option<f64>> {
    let mut all = BTreeMap::new();
    let table = FeatureTable::open(&map.file(file)).unwrap();
    table
        .each(&["id", name], &mut |_, cells| {
            let [Cell::Text(id), value] = cells else { panic!("{cells:?}") };
            let value = match value {
                Cell::Null => None,
                Cell::Real(value) => Some(*value),
                Cell::Integer(value) => Some(f64::from(i32::try_from(*value).unwrap())),
                Cell::Text(text) => panic!("{text}"),
            };
            assert!(all.insert((*id).to_owned(), value).is_none());
            true
        })
        .unwrap();
    all
}

/// Hashes of the artifacts but the STAC item, which has the size of the windows.
fn hashes(map: &Map) -> Vec<(String, String)> {
    map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect()
}

fn codes(warnings: &Value) -> Vec<&str> {
    warnings.as_array().into_iter().flatten().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[test]
fn imagery_of_another_kind_is_told_of_features_map_plan_report_and_sheet() {
    let place = Place::new();
    let scene = draw(&place, "a.tif", SCENE);
    let without = place.run(&[&scene], "without", &[]);
    assert!(without.manifest["counts"].get("applicability").is_none());
    assert!(!FeatureTable::open(&without.file("features.parquet")).unwrap().has("outside_training"));
    add_samples(&place);
    let map = place.run(&[&scene], "out", &[]);
    let counts = &map.manifest["counts"]["applicability"];
    let number = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(number("pixels") + number("pixels_unknown"), 260 * 190, "{counts}");
    // A block that the noise begins in is outside: 66 % of the pixels. Blocks that the border of the scene cuts vary more.
    let share = counts["share_outside"].as_f64().unwrap();
    assert!((0.6..0.9).contains(&share), "{counts}");
    assert_eq!(codes(&map.manifest["warnings"]), ["outside-of-training"]);
    assert_eq!(map.manifest["package"].get("applicability"), None);
    let shares = column(&map, "outside_training");
    let of = |wanted: f64| shares.values().filter(|share| **share == Some(wanted)).count();
    assert!(of(0.0) > 5 && of(1.0) > 50, "{} {} of {}", of(0.0), of(1.0), shares.len());
    let outside = shares.values().flatten().filter(|share| **share > 0.5).count();
    assert!(number("features_outside").abs_diff(outside as u64) <= 2, "{counts} {outside}");
    // The map itself is the same.
    assert_eq!((map.labels(), map.features()), (without.labels(), without.features()));

    let plan: Value = serde_json::from_str(
        &place
            .arpent(&["plan", "run.toml", "--scene", &scene, "--window", "64", "--format", "json"])
            .expect(0)
            .out,
    )
    .unwrap();
    let sample = &plan["maps"][0]["outside_training"];
    assert!(sample["outside"].as_u64().unwrap() > 3 && sample["blocks"].as_u64().unwrap() > 10, "{sample}");
    assert_eq!(codes(&plan["maps"][0]["warnings"]), ["outside-of-training"]);

    let report = place.arpent(&["report", "out"]).expect(0).out;
    assert!(report.contains("look unlike everything that the model was trained on"), "{report}");
    assert!(report.contains("ne ressemblent à rien de ce sur quoi le modèle a été entraîné"));
    let (id, _) = shares.iter().find(|(_, share)| **share == Some(1.0)).unwrap();
    let sheet = place.arpent(&["explain", "out", id, "--format", "json"]).expect(0).out;
    assert!(sheet.contains("outside_training") && sheet.contains("unlike everything"), "{sheet}");
    let checked = place.arpent(&["check", "out"]).expect(0);
    assert!(!checked.out.contains("DAMAGED"), "{}", checked.out);
}

#[test]
fn the_guide_works_as_written() {
    let place = Place::new();
    add_samples(&place);
    draw(&place, "scene.tif", SCENE);
    let guide = include_str!("../../../docs/guides/where-a-model-holds.md");
    let commands: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("arpent ")).collect();
    assert_eq!(commands.len(), 3);
    for command in commands {
        place.arpent(&command.split(' ').collect::<Vec<_>>()).expect(0);
    }
    assert!(std::fs::read_to_string(place.path("report.html")).unwrap().contains("area of applicability"));
}

#[test]
fn imagery_of_the_same_kind_is_inside() {
    let place = Place::new();
    add_samples(&place);
    let scene = place.draw("a.tif", &Picture::new(9, 12), Window::new(SCENE.col, SCENE.row, 640, 640));
    let map = place.run(&[&scene], "out", &[]);
    let counts = &map.manifest["counts"]["applicability"];
    assert!(counts["share_outside"].as_f64().unwrap() < 0.1, "{counts}");
    assert!(counts["median"].as_f64().unwrap() < 1.0 && counts["p95"].as_f64().unwrap() > 0.0, "{counts}");
    assert_eq!(codes(&map.manifest["warnings"]), [""; 0]);
}

#[test]
fn windows_threads_shards_and_files_change_no_byte_of_it() {
    let place = Place::new();
    add_samples(&place);
    let scene = draw(&place, "a.tif", SCENE);
    let first = place.run(&[&scene], "first", &["--window", "32", "--threads", "1"]);
    for (name, more) in [
        ("b", ["--window", "96", "--threads", "2"]),
        ("c", ["--window", "50", "--threads", "1"]),
        ("d", ["--window", "512", "--threads", "2"]),
    ] {
        let other = place.run(&[&scene], name, &more);
        assert_eq!(hashes(&first), hashes(&other), "{more:?}");
        assert_eq!(first.manifest["counts"]["applicability"], other.manifest["counts"]["applicability"]);
    }
    let plan = place.plan(&[&scene], "shared", 3, &["--window", "32"]);
    (0..3).for_each(|index| drop(place.worker(&plan, index).expect(0)));
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    let merged = Map::at(&place.path("shared"));
    assert_eq!(hashes(&first), hashes(&merged));
    // Two files with a border inside of a block, one of them in the AOI alone.
    let halves = [
        draw(&place, "west.tif", Window::new(SCENE.col, SCENE.row, 100, SCENE.height)),
        draw(&place, "east.tif", Window::new(SCENE.col + 100, SCENE.row, SCENE.width - 100, SCENE.height)),
    ];
    let two = place.run(&[&halves[0], &halves[1]], "two", &["--window", "64"]);
    assert_eq!(column(&first, "outside_training"), column(&two, "outside_training"));
    assert_eq!(first.manifest["counts"]["applicability"], two.manifest["counts"]["applicability"]);
}

#[test]
fn an_aoi_leaves_the_shares_of_features_inside() {
    let place = Place::new();
    add_samples(&place);
    let scene = draw(&place, "a.tif", SCENE);
    let whole = column(&place.run(&[&scene], "whole", &[]), "outside_training");
    // A triangle across the border of the noise; none of its corners lies on a border of blocks.
    let at =
        |col: i64, row: i64| format!("[{},{}]", exact(SCENE.col + col) * GSD, -exact(SCENE.row + row) * GSD);
    let ring = [at(30, 20), at(220, 25), at(120, 170), at(30, 20)].join(",");
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    let feature = format!(
        r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{ring}]]}}}}"#
    );
    place.write("aoi.geojson", &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{feature}]}}"#));
    let part =
        |name: &str, window: &str| place.run(&[&scene], name, &["--aoi", "aoi.geojson", "--window", window]);
    let (small, large) = (part("small", "36"), part("large", "512"));
    assert_eq!(hashes(&small), hashes(&large));
    // Pixels whose center is in the triangle: those of the windows that touch it are many more.
    let wanted = |map: &Map| map.manifest["counts"]["pixels_wanted"].as_u64().unwrap();
    assert_eq!(wanted(&small), wanted(&large));
    // Half of the cross product of two sides.
    let area = exact((190_i64 * 150 - 90 * 5) / 2);
    assert!((exact(wanted(&large)) - area).abs() < 200.0, "{} of {area}", wanted(&large));
    assert_eq!(small.manifest["counts"]["applicability"], large.manifest["counts"]["applicability"]);
    let part = column(&small, "outside_training");
    let same = part.iter().filter(|(id, share)| whole.get(*id) == Some(share)).count();
    let both = part.keys().filter(|id| whole.contains_key(*id)).count();
    assert!(both > 20 && same == both, "{same} of {both}");
}

#[test]
fn a_decided_map_counts_the_features_that_it_has() {
    let place = Place::new();
    add_samples(&place);
    let scene = draw(&place, "a.tif", SCENE);
    let map = place.run(&[&scene], "out", &[]);
    let shares = column(&map, "outside_training");
    let outside: Vec<&String> =
        shares.iter().filter(|(_, share)| share.is_some_and(|share| share > 0.5)).map(|(id, _)| id).collect();
    let counted = |map: &Map| map.manifest["counts"]["applicability"]["features_outside"].as_u64().unwrap();
    assert_eq!(counted(&map), outside.len() as u64);
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    let class = map.features().into_iter().find(|row| row.id == *outside[1]).unwrap().class;
    let other = map.features().into_iter().find(|row| row.class != class).unwrap().class;
    add(&place, "out", &["--feature", outside[0], "--verdict", "invalidated", "--reason", "absent"]);
    add(&place, "out", &["--feature", outside[1], "--verdict", "confirmed", "--class", &other]);
    let outline = drawn(&map, outside[2]);
    add(&place, "out", &["--feature", outside[2], "--verdict", "confirmed", "--geometry", &outline]);
    report(&place, &["publish", "out", "--to", "decided"], 0);
    let decided = Map::at(&place.path("decided"));
    // One is gone, and the share of another was that of the outline that was proposed.
    assert_eq!(counted(&decided), outside.len() as u64 - 2);
    let after = column(&decided, "outside_training");
    assert_eq!(
        [0, 1, 2].map(|at| after.get(outside[at]).copied()),
        [None, Some(shares[outside[1]]), Some(None)]
    );
    let gone = column_in(&decided, "superseded.parquet", "outside_training");
    assert!(gone.len() == 3 && gone.iter().all(|(id, share)| shares[id] == *share), "{gone:?}");
    let sheet = place.arpent(&["explain", "decided", outside[2], "--format", "json"]).expect(0).out;
    assert!(sheet.contains("known of the proposed outline only"), "{sheet}");
}

#[test]
fn boxes_have_the_block_in_their_middle() {
    let place = Place::new();
    detection::package(&place);
    add_samples(&place);
    let scene = draw(&place, "a.tif", SCENE);
    let first = place.run(&[&scene], "first", &["--window", "32", "--threads", "1"]);
    let shares = column(&first, "outside_training");
    let count = |wanted| shares.values().filter(|share| **share == wanted).count();
    let of = [Some(0.0), Some(1.0), None].map(count);
    assert!(
        of[0] > 50 && of[1] > 50 && of.iter().sum::<usize>() == shares.len(),
        "{of:?} of {}",
        shares.len()
    );
    let counts = &first.manifest["counts"]["applicability"];
    let number = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(number("pixels") + number("pixels_unknown"), 260 * 190, "{counts}");
    let other = place.run(&[&scene], "other", &["--window", "100", "--threads", "2"]);
    assert_eq!(hashes(&first), hashes(&other));
    assert_eq!(counts, &other.manifest["counts"]["applicability"]);
}

#[test]
fn features_outside_of_the_polygons_of_territories_are_told() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(4, 12), SCENE);
    let territories = |polygons: &[[[f64; 2]; 5]]| {
        let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
        let area = |ring: &[[f64; 2]; 5]| {
            let geometry = Outline::Polygon { coordinates: vec![ring.to_vec()] };
            Territory::Area(Area { name: "a town".to_owned(), geometry })
        };
        package.territories = polygons.iter().map(area).collect();
        package.save(&weights, &place.path("model")).unwrap();
    };
    let around = |[west, south, east, north]: [f64; 4]| {
        [[west, south], [east, south], [east, north], [west, north], [west, south]]
    };
    // The scene lies at 652,001 to 652,053 m east and 6,861,965 to 6,862,003 m north: near 2.3445 degrees east, 48.8566 north.
    let [west, south, east, north] = bbox_in_degrees(&place, &scene);
    let middle = f64::midpoint(west, east);
    territories(&[around([west - 0.1, south - 0.1, middle + (east - west) / 8.0, north + 0.1])]);
    let map = place.run(&[&scene], "half", &[]);
    assert_eq!(codes(&map.manifest["warnings"]), [""; 0]);
    let outside = column(&map, "outside_territory");
    let count = |wanted: f64| outside.values().filter(|value| **value == Some(wanted)).count();
    assert!(count(1.0) > 3 && count(0.0) > count(1.0) && count(0.0) + count(1.0) == outside.len());
    assert_eq!(map.manifest["counts"]["outside_territory"].as_u64(), Some(count(1.0) as u64));
    let report = place.arpent(&["report", "half"]).expect(0).out;
    assert!(report.contains("Features outside of every territory"), "{report}");
    let (id, _) = outside.iter().find(|(_, value)| **value == Some(1.0)).unwrap();
    assert!(
        place
            .arpent(&["explain", "half", id, "--format", "json"])
            .expect(0)
            .out
            .contains("outside of every territory")
    );
    decided_outlines_are_compared_with_the_territories(&place, &outside);
    // Elsewhere, on both sides of the antimeridian: all is outside.
    territories(&[around([176.0, -20.0, 182.0, -15.0])]);
    let map = place.run(&[&scene], "none", &["--window", "64"]);
    assert_eq!(codes(&map.manifest["warnings"]), ["outside-of-territories"]);
    assert!(column(&map, "outside_territory").values().all(|value| *value == Some(1.0)));
    // A territory without a location may be here.
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    package.territories.push("a village".to_owned().into());
    package.save(&weights, &place.path("model")).unwrap();
    let map = place.run(&[&scene], "unknown", &[]);
    assert_eq!(codes(&map.manifest["warnings"]), ["territory-unknown"]);
    assert!(column(&map, "outside_territory").values().all(Option::is_none));
    assert_eq!(map.manifest["counts"]["outside_territory"].as_u64(), Some(0));
}

/// A feature whose corrected outline lies in a territory is no longer outside, and the other way round.
fn decided_outlines_are_compared_with_the_territories(place: &Place, before: &BTreeMap<String, Option<f64>>) {
    let of = |wanted: f64| before.iter().find(|(_, value)| **value == Some(wanted)).unwrap().0.clone();
    let (outside, inside) = (of(1.0), of(0.0));
    let map = Map::at(&place.path("half"));
    review(place, &["new", "half", "--name", "first"]).expect(0);
    for (id, like) in [(&outside, &inside), (&inside, &outside)] {
        let outline = drawn(&map, like);
        add(place, "half", &["--feature", id, "--verdict", "confirmed", "--geometry", &outline]);
    }
    review(place, &["publish", "half", "--to", "decided"]).expect(0);
    let decided = Map::at(&place.path("decided"));
    let after = column(&decided, "outside_territory");
    assert_eq!((after[&outside], after[&inside]), (Some(0.0), Some(1.0)));
    assert_eq!(decided.manifest["counts"]["outside_territory"], map.manifest["counts"]["outside_territory"]);
    let html = std::fs::read_to_string(decided.file("report.html")).unwrap();
    assert!(html.contains("These are pixels of the proposal"), "{html}");
}

fn bbox_in_degrees(place: &Place, scene: &str) -> [f64; 4] {
    let map = place.run(&[scene], "place", &[]);
    let item: Value = serde_json::from_str(&std::fs::read_to_string(map.file("item.json")).unwrap()).unwrap();
    let bbox = item["bbox"].as_array().unwrap();
    [0, 1, 2, 3].map(|side: usize| bbox[side].as_f64().unwrap())
}

#[test]
fn samples_that_were_changed_or_lost_are_refused() {
    let place = Place::new();
    add_samples(&place);
    let scene = place.draw("a.tif", &Picture::new(9, 12), SCENE);
    let file = place.path("model/applicability.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("a test", "a quiz")).unwrap();
    let refused = place.try_run(&[&scene], "out", &[]).expect(2).err;
    assert!(refused.contains("applicability.json") && refused.contains("hint:"), "{refused}");
    std::fs::remove_file(&file).unwrap();
    let refused = place.try_run(&[&scene], "out", &[]).expect(2).err;
    assert!(refused.contains("applicability.json") && refused.contains("hint:"), "{refused}");
}
