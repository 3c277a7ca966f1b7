//! Features as PMTiles. What is in the tiles is tested in `arpent-tiles`.

use std::fs;

use arpent_raster::Window;
use arpent_testing::Picture;

use crate::common::{Map, Place};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 180, 170);

const FORMATS: &str = "[features]\nformats = [\"pmtiles\"]\n";

/// The archive of a map, after a look at its header: how many tiles, and the deepest zoom.
fn archive(map: &Map) -> (Vec<u8>, u64, u8) {
    let bytes = fs::read(map.file("features.pmtiles")).unwrap();
    assert_eq!(&bytes[..8], b"PMTiles\x03");
    let tiles = u64::from_le_bytes(bytes[72..80].try_into().unwrap());
    let deepest = bytes[101];
    (bytes, tiles, deepest)
}

#[test]
fn features_are_tiles_of_all_zooms_the_same_for_every_window_and_thread() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(9, 12), SCENE);
    for coverage in ["", "[coverage]\nmmu_m2 = 0.5\ntolerance_px = 1.0\n"] {
        place.config(&format!("{FORMATS}{coverage}"));
        let map = place.run(&[&scene], "out", &["--overwrite", "--threads", "1"]);
        let (bytes, tiles, deepest) = archive(&map);
        assert!(tiles > u64::from(deepest) && deepest >= 16, "{tiles} tiles, zoom {deepest}");
        let of_tiles = map.manifest["artifacts"].as_array().unwrap().iter();
        let of_tiles = of_tiles.filter(|a| a["media_type"] == "application/vnd.pmtiles");
        assert_eq!(of_tiles.map(|a| a["role"].as_str().unwrap()).collect::<Vec<_>>(), ["features"]);
        let shown = place.arpent(&["inspect", map.file("features.pmtiles").to_str().unwrap()]).expect(0);
        assert!(shown.out.contains("features"), "{}", shown.out);
        place.config(&format!("{FORMATS}{coverage}[tiling]\nwindow_px = 64\n"));
        let again = place.run(&[&scene], "out", &["--overwrite", "--threads", "2"]);
        assert_eq!(map.manifest["run_id"], again.manifest["run_id"]);
        assert!(archive(&again).0 == bytes, "the same run has the same bytes");
    }
}

#[test]
fn a_map_without_features_has_an_archive_that_opens() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(9, 12), SCENE);
    place.config(&format!("{FORMATS}min_area_m2 = 1e9\n"));
    let map = place.run(&[&scene], "out", &[]);
    assert_eq!(map.manifest["counts"]["features"], 0);
    assert_eq!(archive(&map).1, 1);
}
