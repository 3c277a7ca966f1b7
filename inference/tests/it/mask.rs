//! Masks: what is below clouds and shadows was not observed.

use arpent_base::number::{exact, floor};
use arpent_model::{HandSet, hand_set_linear};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture, Samples};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{EPSG, GSD, Map, Place, gdal, nearest_color};
use crate::invariance::random_unet;
use crate::reference::{COVERAGE, SCENE, corner, layer, place, properties, rectangle, ring};

/// Where a rectangle in pixels from the scene's corner contains the center of a pixel.
fn in_rectangle([c0, r0, c1, r1]: [f64; 4], at: usize) -> bool {
    let (col, row) = (exact(at % SCENE.width) + 0.5, exact(at / SCENE.width) + 0.5);
    col >= c0 && col < c1 && row >= r0 && row < r1
}

/// Labels without what is masked.
fn without(labels: &[u8], masked: impl Fn(usize) -> bool) -> Vec<u8> {
    labels.iter().enumerate().map(|(at, label)| if masked(at) { 255 } else { *label }).collect()
}

fn codes(map: &Map) -> Vec<&str> {
    let warnings = map.manifest["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

/// A raster of bytes by its pixels, of `gsd` meters, whose corner lies at a pixel of the scene.
fn raster(
    place: &Place,
    name: &str,
    (gsd, [col, row]): (f64, [f64; 2]),
    size: (usize, usize),
    nodata: Option<f64>,
    value: impl Fn(usize, usize) -> u8,
) -> String {
    let [x, y] = corner();
    let (west, north) = (x + col * GSD, y - row * GSD);
    let window = Window::new(0, 0, size.0, size.1);
    let values = (0..size.0 * size.1).map(|i| value(i % size.0, i / size.0)).collect();
    let tiff = GeoTiff { epsg: Some(EPSG), gsd, window, nodata, samples: Samples::Gray8(values) };
    tiff.write(&place.path("unplaced.tif")).unwrap();
    let (east, south) = (west + exact(size.0) * gsd, north - exact(size.1) * gsd);
    let [w, n, e, s] = [west, north, east, south].map(|v| format!("{v}"));
    let (from, to) = (place.text("unplaced.tif"), place.text(name));
    gdal("gdal_translate", &["-q", "-a_ullr", &w, &n, &e, &s, &from, &to]);
    to
}

/// A package of the four kinds of a picture, with these names.
fn package(place: &Place, folder: &str, names: [&str; 4]) {
    nearest_color(&place.path(folder), 1);
    let path = place.path(folder).join("model.json");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in ["background", "class 1", "class 2", "class 3"].into_iter().zip(names) {
        text = text.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    }
    std::fs::write(path, text).unwrap();
}

const KINDS: [&str; 4] = ["clear", "thick cloud", "water", "cloud shadow"];

#[test]
fn a_layer_takes_out_what_lies_below_it_and_nothing_else() {
    let (place, scene) = place();
    let plain = place.run(&[&scene], "plain", &[]);
    let (cloud, shadow, far) =
        ([20.0, 30.0, 80.0, 90.0], [60.0, 70.0, 120.4, 110.0], [5000.0, 0.0, 5010.0, 10.0]);
    let kind = |name: &str| json!({ "kind": name });
    layer(
        &place,
        "hidden.geojson",
        &[
            (kind("shadow"), rectangle(shadow)),
            (kind("cloud"), rectangle(cloud)),
            (kind("cloud"), rectangle(far)),
            (kind("snow"), rectangle([0.0, 0.0, 230.0, 20.0])),
        ],
    );
    place.config(
        "[mask]\nlayers = [{ source = \"hidden.geojson\", field = \"kind\", values = [\"cloud\", \"shadow\"] }]\n",
    );
    let ended = place.try_run(&[&scene], "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let masked = |at: usize| in_rectangle(cloud, at) || in_rectangle(shadow, at);
    assert_eq!(map.labels(), without(&plain.labels(), masked));
    assert_eq!(map.raster("confidence.tif"), without(&plain.raster("confidence.tif"), masked));
    // The reason of each place: of two, the first.
    let reason = |at: usize| u8::from(masked(at)) + u8::from(masked(at) && !in_rectangle(cloud, at));
    let reasons: Vec<u8> = (0..plain.labels().len()).map(reason).collect();
    assert_eq!(map.raster("mask.tif"), reasons);
    let text = gdal("gdalinfo", &[map.file("mask.tif").to_str().unwrap()]);
    assert!(text.contains("CLASS_0=observed") && text.contains("CLASS_1=cloud"), "{text}");
    assert!(text.contains("CLASS_2=shadow") && text.contains("LAYOUT=COG"), "{text}");
    // Features are those of the pixels that are left.
    let pixels = |class: u8, map: &Map| exact(map.labels().into_iter().filter(|l| *l == class).count());
    for class in 1..4 {
        let name = format!("class {class}");
        let of_class = properties(&map);
        let of_class = of_class.iter().filter(|feature| feature["class_name"] == name.as_str());
        let area: f64 = of_class.map(|feature| feature["area_m2"].as_f64().unwrap()).sum();
        assert!((area - pixels(class, &map) * GSD * GSD).abs() < 1e-6, "{name}: {area} m2");
    }
    let counts = &map.manifest["counts"];
    let [clouds, shadows] = [1, 2].map(|value| reasons.iter().copied().filter(|r| *r == value).count());
    let all = SCENE.width * SCENE.height;
    assert_eq!(counts["pixels_valid"], all - clouds - shadows);
    let found = &counts["masked"];
    assert_eq!((&found["pixels"], &found["pixels_masked"]), (&json!(all), &json!(clouds + shadows)));
    let share = exact(clouds + shadows) / exact(all);
    assert!((found["masked_share"].as_f64().unwrap() - share).abs() < 1e-9, "{found}");
    assert!((found["masked_m2"].as_f64().unwrap() - share * exact(all) * GSD * GSD).abs() < 1e-3, "{found}");
    assert_eq!(found["reasons"][0]["reason"], "cloud");
    assert_eq!(
        (&found["reasons"][0]["pixels"], &found["reasons"][1]["pixels"]),
        (&json!(clouds), &json!(shadows))
    );
    let of_layer = &found["layers"][0];
    let expected = json!({ "kind": "areas", "reasons": ["cloud", "shadow"], "features": 3, "near": 2, "features_unnamed": 1 });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&of_layer[key], value, "{key} of {of_layer}");
    }
    assert!(of_layer["sha256"].as_str().unwrap().len() == 64);
    assert_eq!(codes(&map), Vec::<&str>::new());
    assert_ne!(map.manifest["run_id"], plain.manifest["run_id"]);
    assert!(plain.manifest["counts"].get("masked").is_none());
    let percent = format!("{:.1} % of the area, not observed (cloud ", 100.0 * share);
    assert!(ended.out.contains(&percent), "{}", ended.out);
    assert!(place.arpent(&["inspect", "out"]).expect(0).out.contains(&percent));
    let item: Value = serde_json::from_str(&std::fs::read_to_string(map.file("item.json")).unwrap()).unwrap();
    let cover = item["properties"]["eo:cloud_cover"].as_f64().unwrap();
    assert!((cover - 100.0 * exact(clouds) / exact(all)).abs() < 0.01, "{cover}");
    let band = &item["assets"]["mask.tif"]["bands"][0];
    assert_eq!(band["classification:classes"][2]["title"], "shadow");
    place.arpent(&["check", "out"]).expect(0);
    // The order of the features changes nothing.
    layer(
        &place,
        "hidden.geojson",
        &[
            (kind("cloud"), rectangle(cloud)),
            (kind("shadow"), rectangle(shadow)),
            (kind("cloud"), rectangle(far)),
        ],
    );
    let again = place.run(&[&scene], "again", &[]);
    assert_eq!(again.raster("mask.tif"), reasons);
    assert_eq!(again.features(), map.features());
}

#[test]
fn plan_shows_masks_and_predicts_nothing() {
    let (place, scene) = place();
    let mask = layer(&place, "clouds.geojson", &[(json!({}), rectangle([0.0, 0.0, 9.0, 9.0]))]);
    package(&place, "finder", KINDS);
    let words =
        ["plan", "run.toml", "--scene", &scene, "--mask", &mask, "--mask", "finder", "--output", "out"];
    let text = place.arpent(&words).expect(0).out;
    assert!(text.contains("clouds.geojson (areas): clouds\n"), "{text}");
    assert!(text.contains("finder (model): thick cloud, cloud shadow; its map is made first"), "{text}");
    assert!(text.contains("mask.tif"), "{text}");
    let report = place.arpent(&[&words[..], &["--format", "json"]].concat()).expect(0).out;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["maps"][0]["masks"][1]["kind"], "model");
    assert!(!place.path("out").exists());
    // A plan for several processes needs the map of the mask.
    let refused = place.arpent(&[&words[..], &["--shards", "2"]].concat()).expect(2);
    assert!(refused.err.contains("is a model: a plan needs its map"), "{}", refused.err);
    assert!(refused.err.contains("hint: make its map first"), "{}", refused.err);
}

/// The counts of masks, without their addresses: a plan has those of its machine.
fn masked(map: &Map) -> Value {
    let mut counts = map.manifest["counts"]["masked"].clone();
    for layer in counts["layers"].as_array_mut().unwrap() {
        layer.as_object_mut().unwrap().remove("source");
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    /// Masks apply by place: windows, threads and shards change no byte, and what is not masked has the answer that it has
    /// without masks, although the network looks at its surroundings.
    #[test]
    fn any_cut_of_the_work_gives_the_bytes_of_one_run(
        seed in any::<u64>(), left in 0.0f64..150.0, top in 0.0f64..120.0, size in 32usize..150,
    ) {
        let place = Place::new();
        random_unet(&place, seed);
        let scene = place.draw("a.tif", &Picture::new(seed, 12), SCENE);
        let plain = place.run(&[&scene], "plain", &[]);
        let answers = plain.labels();
        prop_assume!(answers.iter().any(|label| *label != answers[0]));
        let (right, bottom) = (left + 60.0, top + 50.0);
        let triangle = json!({ "type": "Polygon", "coordinates": [ring(&[[left, top], [right, top + 20.0], [left + 10.0, bottom]])] });
        layer(&place, "clouds.geojson", &[(json!({}), triangle)]);
        raster(&place, "shadows.tif", (0.5, [-3.3, 8.1]), (70, 60), Some(9.0), |c, r| u8::from((c * 7 + r * 3) % 11 < 3));
        for (name, more) in [("map", ""), ("coverage", COVERAGE)] {
            place.config(&format!("{more}[mask]\nlayers = [\"clouds.geojson\", \"shadows.tif\"]\n"));
            let one = place.run(&[&scene], name, &["--threads", "1"]);
            let (labels, reasons) = (one.labels(), one.raster("mask.tif"));
            prop_assert!([0, 1, 2].iter().all(|reason| reasons.contains(reason)));
            let of = |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
            prop_assert_eq!(&labels, &without(&answers, |at| reasons[at] != 0));
            let other = place.run(&[&scene], &format!("{name}-windows"), &["--window", &size.to_string(), "--threads", "3"]);
            prop_assert_eq!(of(&one), of(&other));
            prop_assert_eq!(masked(&one), masked(&other));
            for shards in [1, 3, 7] {
                let output = place.text(&format!("{name}-of-{shards}"));
                let plan = place.plan(&[&scene], &output, shards, &["--window", "32"]);
                (0..shards).rev().for_each(|index| drop(place.worker(&plan, index).expect(0)));
                place.arpent(&["merge", "--plan", &plan]).expect(0);
                let map = Map::at(std::path::Path::new(&output));
                prop_assert_eq!(of(&one), of(&map), "{} shards", shards);
                prop_assert_eq!(masked(&one), masked(&map));
                prop_assert_eq!(&one.manifest["run_id"], &map.manifest["run_id"]);
            }
        }
    }
}

#[test]
fn a_changed_mask_is_another_job() {
    let (place, scene) = place();
    let mask = layer(&place, "clouds.geojson", &[(json!({}), rectangle([0.0, 0.0, 90.0, 90.0]))]);
    let plan = place.plan(&[&scene], &place.text("out"), 2, &["--mask", &mask]);
    place.worker(&plan, 0).expect(0);
    layer(&place, "clouds.geojson", &[(json!({}), rectangle([0.0, 0.0, 91.0, 90.0]))]);
    let refused = place.worker(&plan, 1).expect(2);
    assert!(refused.err.contains("clouds.geojson") && refused.err.contains("hint: "), "{}", refused.err);
    layer(&place, "clouds.geojson", &[(json!({}), rectangle([0.0, 0.0, 90.0, 90.0]))]);
    place.worker(&plan, 1).expect(0);
    layer(&place, "clouds.geojson", &[(json!({}), rectangle([0.0, 0.0, 92.0, 90.0]))]);
    let refused = place.arpent(&["merge", "--plan", &plan]).expect(2);
    assert!(refused.err.contains("clouds.geojson"), "{}", refused.err);
    assert!(place.shows_nothing("out"));
}

#[test]
fn a_raster_masks_by_the_class_at_the_center_of_a_pixel() {
    let (place, scene) = place();
    let plain = place.run(&[&scene], "plain", &[]).labels();
    // Coarser than the scene, on a phase of its own, and a little beside it in the west and the north.
    let (gsd, at, size) = (0.7, [10.3, 4.9], (80, 70));
    let value = |c: usize, r: usize| u8::try_from((c * 5 + r * 3) % 7).unwrap();
    let path = raster(&place, "classes.tif", (gsd, at), size, Some(6.0), value);
    let here = |i: usize| {
        let place = |pixel: usize, from: f64| floor::<i64>((exact(pixel) + 0.5 - from) * GSD / gsd + 1e-6);
        let (c, r) = (place(i % SCENE.width, at[0]), place(i / SCENE.width, at[1]));
        let inside = (0..80).contains(&c) && (0..70).contains(&r);
        inside.then(|| value(usize::try_from(c).unwrap(), usize::try_from(r).unwrap()))
    };
    let unknown = (0..plain.len()).filter(|i| here(*i).is_none_or(|value| value == 6)).count();
    // By default all but 0 and nodata.
    let map = place.run(&[&scene], "all", &["--mask", &path]);
    assert_eq!(map.labels(), without(&plain, |i| here(i).is_some_and(|value| (1..6).contains(&value))));
    let found = &map.manifest["counts"]["masked"];
    assert_eq!(
        (&found["layers"][0]["kind"], &found["reasons"][0]["reason"]),
        (&json!("raster"), &json!("classes"))
    );
    assert_eq!(found["layers"][0]["pixels_unknown"], unknown);
    assert_eq!(codes(&map), ["mask-unknown"]);
    // By value.
    let map = place.run(&[&scene], "some", &["--mask", &path, "--mask-classes", "2,4"]);
    assert_eq!(map.labels(), without(&plain, |i| here(i).is_some_and(|value| value == 2 || value == 4)));
    let reasons = &map.manifest["counts"]["masked"]["reasons"];
    assert_eq!((&reasons[0]["reason"], &reasons[1]["reason"]), (&json!("value 2"), &json!("value 4")));
    // Neither value says that it is of clouds.
    let item = std::fs::read_to_string(map.file("item.json")).unwrap();
    assert!(!item.contains("eo:cloud_cover"), "{item}");
    // The same in the configuration, with a reason.
    place.config("[mask]\nlayers = [{ source = \"classes.tif\", classes = [2, 4], reason = \"clouds\" }]\n");
    let named = place.run(&[&scene], "named", &[]);
    assert_eq!(named.labels(), map.labels());
    assert_eq!(named.manifest["counts"]["masked"]["reasons"].as_array().unwrap().len(), 1);
    assert!(std::fs::read_to_string(named.file("item.json")).unwrap().contains("eo:cloud_cover"));
    assert_ne!(named.manifest["run_id"], map.manifest["run_id"]);
}

#[test]
fn the_map_of_a_model_masks_by_the_names_of_its_classes() {
    let (place, scene) = place();
    package(&place, "finder", KINDS);
    let plain = place.run(&[&scene], "plain", &[]);
    let answers = plain.labels();
    let hidden = without(&answers, |at| [1, 3].contains(&answers[at]));
    // A map that is there.
    place.arpent(&["run", "--model", "finder", "--scene", &scene, "--output", "clouds"]).expect(0);
    let of_map = place.run(&[&scene], "of-map", &["--mask", &place.text("clouds")]);
    assert_eq!(of_map.labels(), hidden);
    let of_layer = &of_map.manifest["counts"]["masked"]["layers"][0];
    let clouds = Map::at(&place.path("clouds"));
    assert_eq!((&of_layer["kind"], &of_layer["run_id"]), (&json!("map"), &clouds.manifest["run_id"]));
    assert_eq!(of_layer["model"], clouds.manifest["model"]);
    assert_eq!(of_layer["reasons"], json!(["thick cloud", "cloud shadow"]));
    // Its raster alone.
    let file = clouds.file("labels.tif");
    let of_file = place.run(&[&scene], "of-file", &["--mask", file.to_str().unwrap()]);
    assert_eq!(of_file.hashes(), of_map.hashes());
    // The model makes it, below the output; a second try finds it.
    let ended = place.try_run(&[&scene], "of-model", &["--mask", "finder"]).expect(0);
    assert!(ended.err.contains("making the mask") && !ended.err.contains("already made"), "{}", ended.err);
    let of_model = Map::at(&place.path("of-model"));
    assert_eq!(of_model.hashes(), of_map.hashes());
    assert_eq!(of_model.manifest["run_id"], of_map.manifest["run_id"]);
    place.arpent(&["check", "of-model/masks/finder"]).expect(0);
    assert_eq!(Map::at(&place.path("of-model/masks/finder")).hashes(), clouds.hashes());
    let refused = place.try_run(&[&scene], "of-model", &["--mask", "finder"]).expect(2);
    assert!(refused.err.contains("already contains a published map"), "{}", refused.err);
    let again = place.try_run(&[&scene], "of-model", &["--mask", "finder", "--overwrite"]).expect(0);
    assert!(again.err.contains("already made"), "{}", again.err);
    assert_eq!(Map::at(&place.path("of-model")).hashes(), of_map.hashes());
    // By name, of the configuration of a run; its own scenes and output do not count.
    place.write(
        "finder.toml",
        "model = \"finder\"\nscenes = [\"none.tif\"]\noutput = \"none\"\n[rasters]\nconfidence = false\n",
    );
    let words = ["--mask", "finder.toml", "--mask-classes", "water"];
    let water = place.run(&[&scene], "water", &words);
    assert_eq!(water.labels(), without(&answers, |at| answers[at] == 2));
    assert!(place.path("water/masks/finder/manifest.json").exists() && !place.path("none").exists());
    // What a published mask hides is nodata to those who read the map.
    assert!(
        Map::at(&place.path("water/masks/finder")).hashes().iter().all(|(name, _)| name != "confidence.tif")
    );
}

#[test]
fn a_model_masks_both_of_two_dates() {
    let place = Place::empty();
    let settings = HandSet::segmentation(&["red_before", "red_after"], 2);
    hand_set_linear(&settings, &[vec![0.0, 0.0], vec![-1.0, 1.0]], &[0.0, -50.0], &place.path("model"))
        .unwrap();
    place.config("");
    package(&place, "finder", KINDS);
    let (before, after) = (Picture::new(3, 12), Picture::new(4, 12));
    let (b, a) = (place.draw("b.tif", &before, SCENE), place.draw("a.tif", &after, SCENE));
    let plain = place.run(&[&a], "plain", &["--before", &b]);
    let map = place.run(&[&a], "out", &["--before", &b, "--mask", "finder"]);
    let [of_before, of_after] =
        ["before", "after"].map(|date| Map::at(&place.path(&format!("out/masks/finder-{date}"))).labels());
    assert_ne!(of_before, of_after);
    let hides = |labels: &[u8], at: usize| [1, 3].contains(&labels[at]);
    let masked = |at: usize| hides(&of_before, at) || hides(&of_after, at);
    assert_eq!(map.labels(), without(&plain.labels(), masked));
}

#[test]
fn coverages_and_zonal_statistics_leave_masked_places_out() {
    let (place, scene) = place();
    // A hole that is smaller than the unit, and one across the scene.
    let holes = [[50.0, 50.0, 53.0, 53.0], [0.0, 100.0, 230.0, 130.0]];
    let mask = layer(&place, "clouds.geojson", &holes.map(|hole| (json!({}), rectangle(hole))));
    place.config(COVERAGE);
    let map = place.run(&[&scene], "out", &["--mask", &mask]);
    let published = map.raster("map.tif");
    let masked = |at: usize| holes.iter().any(|hole| in_rectangle(*hole, at));
    let is_masked: Vec<bool> = (0..published.len()).map(masked).collect();
    assert_eq!(published.iter().map(|label| *label == 255).collect::<Vec<_>>(), is_masked);
    let hidden = exact(is_masked.iter().filter(|masked| **masked).count());
    let area: f64 = properties(&map).iter().map(|f| f["area_m2"].as_f64().unwrap()).sum();
    let expected = (exact(published.len()) - hidden) * GSD * GSD;
    assert!((area - expected).abs() < 1e-6, "{area} m2, expected {expected}");
    let zone = [40.0, 90.0, 140.0, 140.0];
    layer(&place, "zones.geojson", &[(json!({ "id": 1 }), rectangle(zone))]);
    place.write("zonal.toml", "id = \"id\"\n");
    let words = ["zonal", "zonal.toml", "--map", "out", "--zones", "zones.geojson", "--output", "zones"];
    place.arpent(&words).expect(0);
    let mut table = csv::Reader::from_path(Map::at(&place.path("zones")).file("zones.csv")).unwrap();
    let row: std::collections::BTreeMap<String, String> = table.deserialize().next().unwrap().unwrap();
    let number = |key: &str| row[key].parse::<f64>().unwrap();
    assert!((number("area_m2") - 100.0 * 50.0 * GSD * GSD).abs() < 1e-3, "{row:?}");
    assert!((number("valid_area_m2") - 100.0 * 20.0 * GSD * GSD).abs() < 1e-3, "{row:?}");
}

#[test]
fn boxes_whose_center_is_masked_are_left_out() {
    let (place, scene) = crate::detection::place_of_dots();
    let plain = place.run(&[&scene], "plain", &[]).features();
    // The west of the scene, through the middle of boxes: pixels from 38 on are observed.
    let [x, y] = [1_000_003.0 * GSD, 5_000_007.0 * GSD];
    let west = [[x, y], [x + 38.0 * GSD, y], [x + 38.0 * GSD, y - 120.0 * GSD], [x, y - 120.0 * GSD], [x, y]];
    let geometry = json!({ "type": "Polygon", "coordinates": [west] });
    let mask = layer(&place, "clouds.geojson", &[(json!({}), geometry)]);
    let map = place.run(&[&scene], "out", &["--mask", &mask]);
    // Centers lie in columns 6, 22, 38, ...: two of nine columns of dots are hidden.
    let left = map.features();
    assert_eq!(left.len(), plain.len() / 9 * 7);
    assert!(left.iter().all(|feature| plain.contains(feature)));
    let counts = &map.manifest["counts"]["masked"];
    assert_eq!(counts["boxes_masked"], plain.len() / 9 * 2);
    assert_eq!((&counts["pixels"], &counts["pixels_masked"]), (&json!(150 * 120), &json!(38 * 120)));
    let reasons = map.raster("mask.tif");
    assert!(reasons.iter().enumerate().all(|(at, reason)| *reason == u8::from(at % 150 < 38)));
    let small = place.run(&[&scene], "small", &["--mask", &mask, "--window", "32"]);
    assert_eq!((small.features(), small.raster("mask.tif")), (left, reasons));
    assert_eq!(small.manifest["counts"]["masked"], *counts);
}

#[test]
fn nothing_and_everything_masked_have_warnings() {
    let (place, scene) = place();
    let nothing = layer(&place, "far.geojson", &[(json!({}), rectangle([900.0, 0.0, 910.0, 10.0]))]);
    let map = place.run(&[&scene], "nothing", &["--mask", &nothing]);
    assert_eq!(codes(&map), ["nothing-masked"]);
    assert_eq!(map.manifest["counts"]["masked"]["pixels_masked"], 0);
    let everything = layer(&place, "all.geojson", &[(json!({}), rectangle([-9.0, -9.0, 300.0, 300.0]))]);
    for (name, more) in [("each", ""), ("coverage", COVERAGE)] {
        place.config(more);
        let ended = place.try_run(&[&scene], name, &["--mask", &everything]).expect(0);
        assert!(ended.err.contains("every pixel is masked (all): the map is empty"), "{}", ended.err);
        let map = Map::at(&place.path(name));
        assert_eq!(codes(&map), ["everything-masked"]);
        assert!(map.labels().iter().all(|label| *label == 255) && map.features().is_empty());
        place.arpent(&["check", name]).expect(0);
    }
    // A value that no feature has.
    layer(&place, "kinds.geojson", &[(json!({ "kind": "cloud" }), rectangle([0.0, 0.0, 10.0, 10.0]))]);
    place.config(
        "[mask]\nlayers = [{ source = \"kinds.geojson\", field = \"kind\", values = [\"cloud\", \"fog\"] }]\n",
    );
    let map = place.run(&[&scene], "kinds", &[]);
    assert_eq!(codes(&map), ["nothing-matched"]);
    let warning = &map.manifest["warnings"][0]["message"];
    assert!(warning.as_str().unwrap().ends_with("has the value `fog`"), "{warning}");
}

/// What a run with this mask is refused for.
#[track_caller]
fn refused(place: &Place, scene: &str, config: &str, more: &[&str]) -> String {
    place.config(config);
    let ended = place.try_run(&[scene], "refused", more).expect(2);
    assert!(ended.err.contains("hint: "), "{}", ended.err);
    assert!(place.shows_nothing("refused"), "{}", ended.err);
    ended.err
}

#[test]
fn masks_that_cannot_be_right_are_refused() {
    let (place, scene) = place();
    package(&place, "finder", KINDS);
    package(&place, "cover", ["land", "town", "water", "wood"]);
    layer(&place, "kinds.geojson", &[(json!({ "kind": "cloud" }), rectangle([0.0, 0.0, 10.0, 10.0]))]);
    layer(&place, "empty.geojson", &[]);
    layer(&place, "null.geojson", &[(json!({}), Value::Null)]);
    place.write("no-crs.csv", "WKT\n\"POLYGON ((0 0,0 1,1 1,0 0))\"\n");
    let whole = (GSD, [0.0, 0.0]);
    raster(&place, "plain.tif", whole, (230, 190), None, |c, _| u8::from(c < 50));
    raster(&place, "far.tif", (GSD, [5000.0, 0.0]), (230, 190), Some(255.0), |c, _| u8::from(c < 50));
    gdal("gdal_translate", &["-q", "-ot", "UInt16", &place.text("plain.tif"), &place.text("words.tif")]);
    gdal("gdalwarp", &["-q", "-t_srs", "EPSG:32631", &place.text("plain.tif"), &place.text("utm.tif")]);
    std::fs::create_dir(place.path("folder")).unwrap();
    for (mask, expected) in [
        ("nothere.gpkg", "nothere.gpkg: no such file"),
        ("nothere.tif", "nothere.tif: no such file"),
        ("folder", "is no mask: it is a folder without"),
        ("empty.geojson", "empty.geojson has no feature with a polygon"),
        ("null.geojson", "null.geojson has no feature with a polygon"),
        ("no-crs.csv", "no-crs.csv"),
        ("plain.tif", "declares no nodata value and names no classes"),
        ("far.tif", "does not touch the map: in EPSG:2154, it lies within"),
        ("words.tif", "expected a raster of one band of bytes, found UInt16"),
        ("a.tif", "expected a raster of one band of bytes, found 3 bands"),
        ("utm.tif", "is in EPSG:32631, and the scenes are in EPSG:2154"),
        (
            "cover",
            "no class of cover is one of clouds or shadows by its name; it has 0 land, 1 town, 2 water, 3 wood",
        ),
    ] {
        let text = refused(&place, &scene, "", &["--mask", &place.text(mask)]);
        let expected = expected.replace("of cover", &format!("of {}", place.text("cover")));
        assert!(text.contains(&expected), "{mask}: {text}");
    }
    for (classes, mask, expected) in [
        ("fog", "finder", "has no class `fog`; it has 0 clear, 1 thick cloud, 2 water, 3 cloud shadow"),
        ("9", "finder", "has no class `9`"),
        ("cloud", "plain.tif", "does not name its classes, and `cloud` is no value from 0 to 255"),
        ("1", "kinds.geojson", "`classes` have no effect"),
    ] {
        let text = refused(&place, &scene, "", &["--mask", &place.text(mask), "--mask-classes", classes]);
        assert!(text.contains(expected), "{mask}: {text}");
    }
    for (layers, expected) in [
        ("[{ source = \"kinds.geojson\", field = \"kind\" }]", "needs both `field` and `values`, or neither"),
        ("[{ source = \"kinds.geojson\", field = \"art\", values = [\"x\"] }]", "has no field `art`"),
        ("[{ source = \"kinds.geojson\", classes = [1] }]", "is a vector layer, and has no classes"),
        ("[{ source = \"plain.tif\", field = \"a\", values = [\"x\"] }]", "is a raster, and has no field"),
        ("[{ source = \"plain.tif\", classes = [300] }]", "expected a file, a folder or a URL, or a table"),
        ("[\"\"]", "must name a file, a folder or a URL"),
    ] {
        place.config(&format!("[mask]\nlayers = {layers}\n"));
        let ended = place.try_run(&[&scene], "refused", &[]).expect(2);
        // What a layer itself lacks is told with the layer's name, not with a line.
        let is_located = ended.err.contains("line 3") || expected.starts_with("has no field");
        assert!(ended.err.contains(expected) && is_located, "{layers}: {}", ended.err);
    }
    // The output may not be the mask, nor hold it.
    place.config("");
    place.arpent(&["run", "--model", "finder", "--scene", &scene, "--output", "clouds"]).expect(0);
    let labels = Map::at(&place.path("clouds")).file("labels.tif");
    for mask in [place.path("clouds"), labels] {
        let words = ["--mask", mask.to_str().unwrap(), "--overwrite"];
        let ended = place.try_run(&[&scene], "clouds", &words).expect(2);
        assert!(
            ended.err.contains("is a part of the output") && ended.err.contains("hint: "),
            "{}",
            ended.err
        );
    }
    // A map without a raster, and masks of masks.
    place.write("bare.toml", "model = \"finder\"\n[rasters]\nlabels = false\n");
    place.arpent(&["run", "bare.toml", "--scene", &scene, "--output", "bare"]).expect(0);
    let text = refused(&place, &scene, "", &["--mask", &place.text("bare")]);
    assert!(text.contains("has no raster of its classes"), "{text}");
    place.write("two.toml", "model = \"finder\"\n[mask]\nlayers = [\"kinds.geojson\"]\n");
    let text = refused(&place, &scene, "", &["--mask", "two.toml"]);
    assert!(text.contains("of a mask has masks of its own"), "{text}");
}

/// The commands of hints, each followed.
#[test]
fn masks_become_bytes_of_one_band_in_the_crs_of_the_scenes() {
    let (place, scene) = place();
    let whole = (GSD, [0.0, 0.0]);
    raster(&place, "good.tif", whole, (230, 190), Some(255.0), |c, r| u8::from(c < 50 + r % 3));
    let expected = place.run(&[&scene], "good", &["--mask", &place.text("good.tif")]).labels();
    let good = place.text("good.tif");
    gdal("gdal_translate", &["-q", "-ot", "UInt16", &good, &place.text("words.tif")]);
    gdal("gdal_translate", &["-q", "-b", "1", "-b", "1", &good, &place.text("bands.tif")]);
    gdal(
        "gdalwarp",
        &["-q", "-r", "near", "-tr", "0.05", "0.05", "-t_srs", "EPSG:32631", &good, &place.text("utm.tif")],
    );
    for (mask, with) in [("words.tif", ""), ("bands.tif", "1"), ("utm.tif", "")] {
        let text = refused(&place, &scene, "", &["--mask", &place.text(mask)]);
        let start = text.find("gdal_translate").or_else(|| text.find("gdalwarp")).unwrap();
        let command = text[start..].lines().next().unwrap();
        let command = command.replace("IN.tif", mask).replace("OUT.tif", "out.tif").replace("BAND", with);
        let ended =
            std::process::Command::new("bash").args(["-c", &command]).current_dir(place.path("")).output();
        assert!(ended.unwrap().status.success(), "{command}");
        let output = format!("of-{mask}");
        let found = place.run(&[&scene], &output, &["--mask", &place.text("out.tif")]).labels();
        let differ = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        // Warped to and fro, some pixels of the edge move.
        assert!(differ <= if mask == "utm.tif" { 2 * 190 } else { 0 }, "{mask}: {differ}");
        assert_ne!(found.into_iter().filter(|label| *label == 255).count(), 0);
        std::fs::remove_file(place.path("out.tif")).unwrap();
    }
}

/// A window whose valid pixels are all masked is not predicted. Workers do not read vector layers, and predict it: the files are
/// the same.
#[test]
fn windows_that_are_wholly_masked_are_not_predicted_and_change_no_byte() {
    let (place, scene) = place();
    let kind = json!({ "kind": "cloud" });
    let hides = |to: f64| {
        layer(&place, "hidden.geojson", &[(kind.clone(), rectangle([-5.0, -5.0, to, 5000.0]))]);
        place.config("[mask]\nlayers = [\"hidden.geojson\"]\n");
    };
    hides(exact(SCENE.width) / 2.0 + 3.0);
    let map = place.run(&[&scene], "out", &["--window", "32"]);
    let plan = place.plan(&[&scene], &place.text("shards"), 2, &["--window", "32"]);
    (0..2).for_each(|index| drop(place.worker(&plan, index).expect(0)));
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    let merged = Map::at(&place.path("shards"));
    assert_eq!(merged.hashes(), map.hashes());
    // The plan has absolute paths.
    let counts = |map: &Map| {
        let mut counts = map.manifest["counts"].clone();
        counts["masked"]["layers"][0]["source"] = json!("hidden.geojson");
        counts
    };
    assert_eq!(counts(&merged), counts(&map));
    let masked = &map.manifest["counts"]["masked"];
    assert!(masked["pixels_masked"].as_u64().unwrap() > masked["pixels"].as_u64().unwrap() / 2);
    assert!(map.manifest["timings_s"]["predict"].as_f64().unwrap() > 0.0);
    // Everything is masked: nothing is predicted.
    hides(5000.0);
    let empty = place.run(&[&scene], "empty", &["--window", "32"]);
    assert_eq!(empty.manifest["timings_s"]["predict"].as_f64(), Some(0.0));
    assert!(empty.labels().iter().all(|label| *label == 255));
    assert_eq!(codes(&empty), ["everything-masked"]);
}
