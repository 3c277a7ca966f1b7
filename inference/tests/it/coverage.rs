//! Features that fit together.

use std::collections::HashMap;

use arpent_base::number::round;
use arpent_raster::Window;
use arpent_testing::Picture;
use proptest::prelude::*;

use crate::common::{Map, Place, nearest_color};

/// A scene that crosses the lattice of 512 pixels in both directions, away from the CRS origin.
const SCENE: Window = Window::new(6375 * 512 - 90, -67013 * 512 - 80, 230, 190);

const COVERAGE: &str = "[coverage]\nmmu_m2 = 6.0\ntolerance_px = 1.5\n\
    [coverage.built_up]\nclasses = [\"class 1\"]\ndistance_m = 1.0\nmmu_m2 = 3.0\n\
    [coverage.classes.\"class 2\"]\nmmu_m2 = 1.0\nprefer = { \"class 3\" = 3.0 }\n";

fn place(kernel: usize) -> (Place, String) {
    let place = Place::new();
    nearest_color(&place.path("model"), kernel);
    let scene = place.draw("a.tif", &Picture::new(11, 7), SCENE);
    (place, scene)
}

/// Lines of a feature's rings, in grid pixels.
fn lines(wkt: &str) -> Vec<([i64; 2], [i64; 2])> {
    let numbers = |pair: &str| {
        let mut parts = pair.split_whitespace().map(|n| n.parse::<f64>().unwrap());
        let (x, y) = (parts.next().unwrap(), parts.next().unwrap());
        [round::<i64>(x / 0.2), round::<i64>(-y / 0.2)]
    };
    let rings = wkt.split(['(', ')']).filter(|part| part.contains(|c: char| c.is_ascii_digit()));
    let ring = |ring: &str| {
        let vertices: Vec<_> = ring.split(',').map(numbers).collect();
        vertices.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    };
    rings.flat_map(ring).collect()
}

fn assert_is_coverage(map: &Map) {
    let features = map.features();
    let mut seen = HashMap::new();
    for feature in &features {
        for line in lines(&feature.wkt) {
            assert_eq!(seen.insert(line, &feature.id), None, "{line:?} is of two features");
        }
    }
    // What has no feature on its other side is a side of the scene.
    let on_side = |a: [i64; 2], b: [i64; 2]| {
        a[0] == b[0] && (a[0] == SCENE.col || a[0] == SCENE.col_end())
            || a[1] == b[1] && (a[1] == SCENE.row || a[1] == SCENE.row_end())
    };
    assert!(seen.keys().all(|(a, b)| seen.contains_key(&(*b, *a)) || on_side(*a, *b)));
    let area: f64 = features.iter().map(|f| f.area.parse::<f64>().unwrap()).sum();
    assert!((area - 230.0 * 190.0 * 0.04).abs() < 1e-6, "{area} m2");
}

#[test]
fn a_coverage_has_no_gaps_and_nothing_below_the_unit() {
    let (place, scene) = place(1);
    place.config(COVERAGE);
    let map = place.run(&[&scene], "out", &[]);
    assert_is_coverage(&map);
    let features = map.features();
    for feature in &features {
        let least = if feature.class == "class 2" { 1.0 } else { 3.0 };
        assert!(feature.pixels.parse::<f64>().unwrap() >= least, "{feature:?}");
    }
    let counts = &map.manifest["counts"]["coverage"];
    assert!(counts["regions_eliminated"].as_u64().unwrap() > 20, "{counts}");
    assert_eq!(counts["islands"], 0);
    // The raster is what was predicted; the features are the coverage of it.
    place.config("");
    let plain = place.run(&[&scene], "plain", &[]);
    assert_eq!(plain.labels(), map.labels());
    assert!(plain.features().len() > features.len() + 20);
    assert_ne!(plain.manifest["run_id"], map.manifest["run_id"]);
    assert!(plain.manifest["counts"].get("coverage").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn any_window_size_and_number_of_threads_give_the_same_coverage(size in 32usize..200, threads in 1usize..5) {
        let (place, scene) = place(3);
        let drawn = "smooth = { cut_px = 2.0 }\nsquare = [\"class 1\"]\n[coverage.built_up]";
        place.config(&COVERAGE.replace("[coverage.built_up]", if threads % 2 == 0 { drawn } else { "[coverage.built_up]" }));
        let one = place.run(&[&scene], "one", &["--threads", "1"]);
        let other =
            place.run(&[&scene], "other", &["--threads", &threads.to_string(), "--window", &size.to_string()]);
        let of = |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
        prop_assert_eq!(of(&one), of(&other));
    }
}

#[test]
fn smoothed_and_squared_features_still_fit_together() {
    let (place, scene) = place(1);
    place.config(COVERAGE);
    let plain = place.run(&[&scene], "plain", &[]);
    let drawn = "smooth = { cut_px = 2.0, max_share = 0.05 }\nsquare = [\"class 1\"]\n[coverage.built_up]";
    place.config(&COVERAGE.replace("[coverage.built_up]", drawn));
    let map = place.run(&[&scene], "out", &[]);
    let counts = &map.manifest["counts"]["coverage"];
    let number = |key: &str| counts[key].as_f64().unwrap();
    assert!(number("corners_cut") > 100.0, "{counts}");
    assert!(number("drawn_share") > 0.0 && number("drawn_share") < 0.05, "{counts}");
    assert_eq!(plain.manifest["counts"]["coverage"]["corners_cut"], 0);
    // The same features, of the same pixels, drawn otherwise.
    let (plain, found) = (plain.features(), map.features());
    let of = |rows: &[crate::common::Row]| -> Vec<_> {
        rows.iter().map(|r| (r.id.clone(), r.pixels.clone())).collect()
    };
    assert_eq!(of(&plain), of(&found));
    // The area is that of what was drawn: features differ in it, and the whole does not.
    let areas =
        |rows: &[crate::common::Row]| rows.iter().map(|r| r.area.parse::<f64>().unwrap()).collect::<Vec<_>>();
    assert!(areas(&plain).iter().zip(areas(&found)).filter(|(a, b)| (**a - b).abs() > 1e-3).count() > 10);
    let whole = 230.0 * 190.0 * 0.04;
    assert!((areas(&found).iter().sum::<f64>() - whole).abs() < 0.01);
    assert!(plain.iter().zip(&found).filter(|(a, b)| a.wkt != b.wkt).count() > plain.len() / 2);
    // Every line has its twin, to the last digit that is printed, or lies on a side of the scene.
    let mut seen = std::collections::HashSet::new();
    for feature in &found {
        for ring in feature.wkt.split(['(', ')']).filter(|part| part.contains(|c: char| c.is_ascii_digit())) {
            let vertices: Vec<&str> = ring.split(',').map(str::trim).collect();
            seen.extend(vertices.windows(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())));
        }
    }
    let alone = seen.iter().filter(|(a, b)| !seen.contains(&(b.clone(), a.clone())));
    for (a, b) in alone {
        let [a, b] =
            [a, b].map(|v| v.split_whitespace().map(|n| n.parse::<f64>().unwrap()).collect::<Vec<_>>());
        assert!(
            (a[0] - b[0]).abs() < 1e-9 || (a[1] - b[1]).abs() < 1e-9,
            "{a:?} to {b:?} has nothing beside it"
        );
    }
}

#[test]
fn what_would_leave_gaps_or_means_nothing_is_refused() {
    let (place, scene) = place(1);
    let refused = |config: &str, expected: &str| {
        place.config(config);
        let ended = place.try_run(&[&scene], "out", &[]);
        assert!(
            ended.code == 2 && ended.err.replace("` is ", " is ").contains(expected),
            "{}: {}",
            ended.code,
            ended.err
        );
        assert!(place.is_clean("out"));
    };
    refused(&format!("[features]\nmin_area_m2 = 1.0\n{COVERAGE}"), "would leave gaps in a coverage");
    refused("[coverage]\nmmu_m2 = -1.0\n", "coverage.mmu_m2 is -1, expected 0 or more square meters");
    refused("[coverage]\nmmu_m2 = 1.0\ntolerance_px = -1.0\n", "tolerance_px is -1");
    refused(
        "[coverage]\nmmu_m2 = 1.0\n[coverage.classes.sea]\nmmu_m2 = 1.0\n",
        "coverage.classes: the model has no class `sea`",
    );
    let smooth = |how: &str| format!("[coverage]\nmmu_m2 = 1.0\nsmooth = {{ {how} }}\n");
    refused(&smooth("cut_px = -1.0"), "cut_px is -1");
    refused(&smooth("cut_px = 1.0, max_share = 0.5"), "max_share is 0.5");
    refused(
        "[coverage]\nmmu_m2 = 1.0\nsquare = [\"sea\"]\n",
        "coverage.square: the model has no class `sea`",
    );
    let built = "[coverage]\nmmu_m2 = 1.0\n[coverage.built_up]\nmmu_m2 = 1.0\n";
    refused(&format!("{built}classes = [\"town\"]\ndistance_m = 1.0\n"), "no class `town`");
    refused(&format!("{built}classes = [\"class 1\"]\ndistance_m = 1e9\n"), "distance_m is 1000000000");
    refused("[coverage]\nmmu = 1.0\n", "unknown field `mmu`");
    let alone = "[coverage]\nmmu_m2 = 1.0\n[coverage.classes.\"class 2\"]\nbuilt_up_mmu_m2 = 2.0\n";
    refused(alone, "coverage.classes.class 2.built_up_mmu_m2: there is no table [coverage.built_up]");
}
