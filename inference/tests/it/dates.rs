//! Two dates of one place: change packages, from both mosaics to one map.

use arpent_model::{Architecture, HandSet, hand_set_linear};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};
use proptest::prelude::*;
use serde_json::Value;

use crate::common::{EPSG, GSD, Map, Place};
use crate::invariance::random_net;

/// The later date; away from the CRS origin, across the lattice.
const AFTER: Window = Window::new(3_260_007, -34_310_013, 150, 130);

/// The earlier date, shifted.
const BEFORE: Window = Window::new(3_260_027, -34_310_043, 160, 140);

/// A package that marks where red has grown by more than 50.
fn brighter(place: &Place) {
    let settings = HandSet::segmentation(&["red_before", "red_after"], 2);
    hand_set_linear(&settings, &[vec![0.0, 0.0], vec![-1.0, 1.0]], &[0.0, -50.0], &place.path("model"))
        .unwrap();
}

/// A place with the package and a picture of each date.
fn place() -> (Place, Picture, Picture) {
    let place = Place::empty();
    brighter(&place);
    place.config("");
    let (before, after) = (Picture::new(3, 12), Picture::new(4, 12));
    place.draw("before.tif", &before, BEFORE);
    place.draw("after.tif", &after, AFTER);
    (place, before, after)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn change_is_mapped_where_both_dates_have_data() {
    let (place, before, after) = place();
    let map = place.run(&["after.tif"], "out", &["--before", "before.tif", "--window", "64"]);
    let common = AFTER.intersect(&BEFORE).unwrap();
    let grown =
        |col, row| u8::from(i16::from(after.color(col, row)[0]) - i16::from(before.color(col, row)[0]) > 50);
    let rows = common.row..common.row_end();
    let expected: Vec<u8> = rows
        .flat_map(|row| (common.col..common.col_end()).map(move |col| (col, row)))
        .map(|(c, r)| grown(c, r))
        .collect();
    assert!(expected.contains(&0) && expected.contains(&1));
    assert_eq!(map.labels(), expected);
    assert!(!map.features().is_empty());
}

#[test]
fn dates_in_the_other_order_and_one_scene_for_both_have_a_warning() {
    let (place, ..) = place();
    let told = |scene: &str, before: &str, more: &str| {
        place.config(more);
        let words = ["plan", "run.toml", "--scene", scene, "--before", before, "--format", "json"];
        let ended = place.arpent(&words).expect(0);
        ["same-scene-twice", "dates-swapped"].map(|code| ended.out.contains(code))
    };
    std::fs::copy(place.path("before.tif"), place.path("d_2019.tif")).unwrap();
    std::fs::copy(place.path("after.tif"), place.path("d_2022.tif")).unwrap();
    let from = "[input]\nacquired_from = \"d_{yyyy}\"\n";
    assert_eq!(told("d_2022.tif", "d_2019.tif", from), [false, false]);
    assert_eq!(told("d_2019.tif", "d_2022.tif", from), [false, true]);
    assert_eq!(told("d_2019.tif", "d_2022.tif", ""), [false, false]);
    assert_eq!(told("d_2019.tif", "d_2019.tif", ""), [true, false]);
}

#[test]
fn nodata_of_either_date_is_nodata() {
    let (place, before, after) = place();
    let common = AFTER.intersect(&BEFORE).unwrap();
    let void = |picture: &Picture, name: &str, window: Window, is_void: &dyn Fn(i64, i64) -> bool| {
        let mut bands = picture.bands(window);
        let pixels = window.width * window.height;
        for i in 0..pixels {
            let (col, row) = (i % window.width, i / window.width);
            let place = (window.col + i64::try_from(col).unwrap(), window.row + i64::try_from(row).unwrap());
            if is_void(place.0, place.1) {
                (0..3).for_each(|b| bands[b * pixels + i] = 0);
            }
        }
        GeoTiff::rgb(EPSG, GSD, window, &bands).with_nodata(0.0).write(&place.path(name)).unwrap();
    };
    let (west, north) = (common.col + 20, common.row + 15);
    void(&before, "before.tif", BEFORE, &|col, _| col < west);
    void(&after, "after.tif", AFTER, &|_, row| row < north);
    let map = place.run(&["after.tif"], "out", &["--before", "before.tif", "--window", "32"]);
    let labels = map.labels();
    for (i, label) in labels.iter().enumerate() {
        let (col, row) = (i % common.width, i / common.width);
        assert_eq!(*label == 255, col < 20 || row < 15, "{col} {row}");
    }
}

#[test]
fn both_dates_are_in_the_outputs() {
    let (place, ..) = place();
    place.config("scenes = [\"after.tif\"]\nbefore = [\"before.tif\"]\n");
    let map = place.run(&[], "out", &[]);
    let inputs = map.manifest["inputs"].as_array().unwrap();
    let told: Vec<_> = inputs.iter().map(|i| (text(&i["id"]), text(&i["date"]))).collect();
    assert_eq!(told, [("before", "before"), ("after", "after")]);
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    assert!(text(&item["properties"]["processing:lineage"]).contains("2 scene(s)"));
    let plan = place.arpent(&["plan", "run.toml", "--format", "json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(plan["maps"][0]["scenes"][0]["date"], "before");
    let common = AFTER.intersect(&BEFORE).unwrap();
    assert_eq!(plan["maps"][0]["pixels_wanted"], common.pixels());
    let human = place.arpent(&["plan", "run.toml"]).expect(0).out;
    assert!(human.contains("scene before     before") && human.contains("scene after      after"), "{human}");
    // The other way round it is another run.
    let words = ["--before", "after.tif", "--scene", "before.tif"];
    let turned = place.run(&[], "turned", &words);
    assert_ne!(turned.manifest["run_id"], map.manifest["run_id"]);
}

#[test]
fn the_dates_must_fit_the_model_and_each_other() {
    let (place, before, _) = place();
    let said = |more: &[&str]| {
        let ended = place.try_run(&["after.tif"], "out", more).expect(2);
        assert!(ended.err.contains("hint: ") && place.is_clean("out"), "{}", ended.err);
        ended.err
    };
    let missing = said(&[]);
    assert!(missing.contains("compares two dates") && missing.contains("--before"), "{missing}");
    let nowhere = said(&["--before", "nowhere.tif"]);
    assert!(nowhere.contains("nowhere.tif"), "{nowhere}");
    place.draw("apart.tif", &before, Window::new(AFTER.col + 1000, AFTER.row, 50, 50));
    let apart = said(&["--before", "apart.tif"]);
    assert!(apart.contains("do not overlap"), "{apart}");
    let coarse = Window::new(1_630_000, -17_155_000, 80, 70);
    GeoTiff::rgb(EPSG, 2.0 * GSD, coarse, &before.bands(coarse)).write(&place.path("coarse.tif")).unwrap();
    let differ = said(&["--before", "coarse.tif"]);
    assert!(differ.contains("different grids") && differ.contains("resample = true"), "{differ}");
    // A package of one date.
    crate::common::nearest_color(&place.path("single"), 1);
    let single = said(&["--model", "single", "--before", "before.tif"]);
    assert!(single.contains("takes scenes of one date"), "{single}");
    place.run(&["after.tif"], "single-map", &["--model", "single"]);
}

#[test]
fn resampling_brings_both_dates_to_one_lattice() {
    let (place, before, _) = place();
    let coarse = Window::new(1_630_000, -17_155_010, 90, 80);
    GeoTiff::rgb(EPSG, 2.0 * GSD, coarse, &before.bands(coarse)).write(&place.path("coarse.tif")).unwrap();
    let json = place.path("model/model.json");
    let model = std::fs::read_to_string(&json).unwrap();
    std::fs::write(&json, model.replace("\"nominal\": 0.1", "\"nominal\": 0.4")).unwrap();
    place.config("[input]\nresample = true\nresampling = \"average\"\n");
    let whole = place.run(&["after.tif"], "whole", &["--before", "coarse.tif"]);
    let small =
        place.run(&["after.tif"], "small", &["--before", "coarse.tif", "--window", "32", "--threads", "1"]);
    assert!(text(&whole.manifest["inputs"][1]["grid"]["key"]).contains("0.4"));
    assert_eq!(whole.manifest["inputs"][0]["grid"]["key"], whole.manifest["inputs"][1]["grid"]["key"]);
    assert!(whole.manifest["counts"]["pixels_valid"].as_u64().unwrap() > 1000);
    assert_eq!((whole.labels(), whole.features()), (small.labels(), small.features()));
}

#[test]
fn a_bad_scene_of_either_date_fails_alone() {
    let (place, before, _) = place();
    // Scenes of both dates have one id.
    std::fs::create_dir(place.path("t0")).unwrap();
    std::fs::create_dir(place.path("t1")).unwrap();
    let (west, east) =
        (Window::new(AFTER.col, AFTER.row, 75, 130), Window::new(AFTER.col + 75, AFTER.row, 75, 130));
    for name in ["t0/west.tif", "t1/west.tif"] {
        place.draw(name, &before, west);
    }
    place.draw("t1/east.tif", &before, east);
    let good = place.draw("t0/east.tif", &before, east);
    // Opens, and cannot be read: its strips are beyond the end of the file.
    let bytes = std::fs::read(&good).unwrap();
    let lost = place.path("t0/lost.tif");
    std::fs::write(&lost, &bytes[..bytes.len() / 2]).unwrap();
    let words = ["--before", "t0/west.tif", "--before", "t0/lost.tif"];
    let ended = place.try_run(&["t1/west.tif", "t1/east.tif"], "out", &words).expect(1);
    assert!(ended.err.contains("lost.tif"), "{}", ended.err);
    let map = Map::at(&place.path("out"));
    let ids: Vec<_> = map.manifest["inputs"].as_array().unwrap().iter().map(|i| text(&i["id"])).collect();
    assert_eq!(ids, ["west", "east", "west"]);
    assert_eq!(map.labels().len(), 75 * 130, "what both dates have");
}

/// A network that compares two dates, with random weights.
pub fn random_siamese(place: &Place, seed: u64) {
    let net = Architecture::Unet {
        in_channels: 3,
        out_channels: 4,
        widths: vec![6, 8, 10],
        encoder_convs: vec![1, 2, 1],
        dates: 2,
    };
    let bands = ["red_before", "green_before", "blue_before", "red_after", "green_after", "blue_after"];
    random_net(place, seed, net, &bands, None);
    place.config("");
}

/// A picture in four files, which overlap.
fn quarters(
    place: &Place,
    picture: &Picture,
    window: Window,
    cut: (usize, usize),
    name: &str,
) -> Vec<String> {
    let (c, r) = (window.col + i64::try_from(cut.0).unwrap(), window.row + i64::try_from(cut.1).unwrap());
    let parts = [
        Window::between(window.col, window.row, c + 5, r),
        Window::between(c, window.row, window.col_end(), r + 7),
        Window::between(window.col, r, c, window.row_end()),
        Window::between(c - 3, r, window.col_end(), window.row_end()),
    ];
    parts.iter().enumerate().map(|(i, w)| place.draw(&format!("{name}{}.tif", 9 - i), picture, *w)).collect()
}

/// The map of a random network; of the next one, where that has one label only, which would test nothing.
fn varied_map(place: &Place, seed: u64, before: &str, after: &str) -> Map {
    let maps = (0..8).map(|i| {
        random_siamese(place, seed.wrapping_add(i));
        place.run(&[after], &format!("whole-{i}"), &["--before", before, "--threads", "1"])
    });
    let tells = |map: &Map| {
        let labels = map.labels();
        labels.iter().any(|label| *label != labels[0])
    };
    maps.into_iter().find(tells).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn any_window_any_threads_and_any_split_of_either_date_give_the_same_map(
        seed in any::<u64>(), size in 32usize..120, threads in 1usize..4, readers in 2usize..5,
        cut in (20usize..120, 20usize..100), other_cut in (20usize..120, 20usize..100),
    ) {
        let place = Place::empty();
        let (before, after) = (Picture::new(seed, 12), Picture::new(seed ^ 1, 12));
        let whole_before = place.draw("before.tif", &before, BEFORE);
        let whole_after = place.draw("after.tif", &after, AFTER);
        let whole = varied_map(&place, seed, &whole_before, &whole_after);
        place.config(&format!("[compute]\nreaders = {readers}\n"));
        let (size, threads) = (size.to_string(), threads.to_string());
        let mut words = vec!["--window", &size, "--threads", &threads];
        let earlier = quarters(&place, &before, BEFORE, cut, "b");
        words.extend(earlier.iter().flat_map(|file| ["--before", file.as_str()]));
        let later = quarters(&place, &after, AFTER, other_cut, "a");
        let later: Vec<&str> = later.iter().map(String::as_str).collect();
        let split = place.run(&later, "split", &words);
        prop_assert_eq!(whole.labels(), split.labels());
        prop_assert_eq!(whole.raster("confidence.tif"), split.raster("confidence.tif"));
        prop_assert_eq!(whole.features(), split.features());
    }
}
