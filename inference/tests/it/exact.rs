//! A hand-set network on a drawn scene: every number of the output is known.

use arpent_base::number::round;
use arpent_raster::Window;
use arpent_testing::GeoTiff;

use crate::common::{EPSG, GSD, Map, Place, gdal, nearest_color};

/// Mean colors of the kinds of the hand-set network.
const COLORS: [[u8; 3]; 4] = [[55, 105, 55], [215, 205, 195], [135, 165, 75], [35, 45, 85]];

/// 40 x 30 pixels of class 0 with a square ring of class 1, an L of class 2 and a pixel of class 3 on a corner.
fn kind(col: i64, row: i64) -> usize {
    let inside = |c0, r0, c1, r1| (c0..c1).contains(&col) && (r0..r1).contains(&row);
    if inside(5, 5, 15, 15) && !inside(8, 8, 12, 12) {
        1
    } else if inside(20, 10, 24, 25) || inside(20, 21, 35, 25) {
        2
    } else {
        usize::from(inside(24, 20, 25, 21)) * 3
    }
}

fn drawn(place: &Place, col: i64, row: i64) -> String {
    let window = Window::new(col, row, 40, 30);
    let mut bands = vec![0; 3 * 1200];
    for (i, (r, c)) in (0..30).flat_map(|r| (0..40).map(move |c| (r, c))).enumerate() {
        for band in 0..3 {
            bands[band * 1200 + i] = COLORS[kind(c, r)][band];
        }
    }
    GeoTiff::rgb(EPSG, GSD, window, &bands).write(&place.path("scene.tif")).unwrap();
    place.text("scene.tif")
}

fn map(place: &Place) -> Map {
    nearest_color(&place.path("model"), 1);
    let scene = drawn(place, 3_260_000, -34_310_000);
    place.run(&[&scene], "out", &["--window", "32"])
}

#[test]
fn labels_and_confidence_are_exact() {
    let place = Place::new();
    let map = map(&place);
    let expected: Vec<u8> =
        (0..30).flat_map(|r| (0..40).map(move |c| u8::try_from(kind(c, r)).unwrap())).collect();
    assert_eq!(map.labels(), expected);
    assert!(map.raster("confidence.tif").iter().all(|v| *v == 250));
}

#[test]
fn polygons_areas_and_scores_are_exact() {
    let place = Place::new();
    let map = map(&place);
    let features = map.features();
    let summary: Vec<_> = features
        .iter()
        .map(|f| (f.class.as_str(), f.area.parse::<f64>().unwrap(), f.score.as_str()))
        .collect();
    let mut sorted = summary.clone();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    // Areas: pixels x 0.04 m2.
    assert_eq!(
        sorted,
        [("class 1", 84.0 * 0.04, "1"), ("class 2", 104.0 * 0.04, "1"), ("class 3", 0.04, "1")]
    );
    let ring = features.iter().find(|f| f.class == "class 1").unwrap();
    assert_eq!(
        corners(&ring.wkt),
        [
            vec![(5, 5), (5, 15), (15, 15), (15, 5)],
            // The hole.
            vec![(8, 8), (8, 12), (12, 8), (12, 12)],
        ]
        .map(|mut c| {
            c.sort_unstable();
            c
        })
    );
}

/// The corners of each ring in pixels of the scene, sorted.
fn corners(wkt: &str) -> Vec<Vec<(i64, i64)>> {
    let inner = wkt.trim_start_matches("POLYGON").trim().trim_start_matches('(').trim_end_matches(')');
    let ring = |text: &str| {
        let pair = |p: &str| {
            let (x, y) = p.trim().split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            (round::<i64>(x / GSD - 3_260_000.0), round::<i64>(-y / GSD + 34_310_000.0))
        };
        let mut points: Vec<_> = text.split(',').map(pair).collect();
        points.sort_unstable();
        points.dedup();
        points
    };
    inner.split("),(").map(ring).collect()
}

#[test]
fn the_manifest_counts_and_every_feature_has_its_provenance() {
    let place = Place::new();
    let map = map(&place);
    let counts = &map.manifest["counts"];
    assert_eq!(counts["features_per_class"]["class 1"], 1);
    assert_eq!(counts["pixels_valid"], 1200);
    assert_eq!(counts["features"], 3);
    let shown = gdal("ogrinfo", &["-ro", "-al", map.file("features.gpkg").to_str().unwrap()]);
    let run = map.manifest["run_id"].as_str().unwrap();
    assert_eq!(shown.matches(&format!("run_id (String) = {run}")).count(), 3, "{shown}");
    assert_eq!(shown.matches("state (String) = not_verified").count(), 3);
    assert_eq!(shown.matches("scene_ids (String) = scene").count(), 3);
    assert_eq!(
        shown
            .matches(&format!(
                "model_sha256 (String) = {}",
                map.manifest["model"]["sha256"].as_str().unwrap()
            ))
            .count(),
        3
    );
}
