//! Crowns as boxes: the smoke configuration on generated tiles in the layout of the real ones, from the tables to a layer of
//! boxes that `arpent run` writes.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::mapped::{mapped, rgb_scene};
use crate::place::{repository, run};

/// Crowns of a tile: west and north corner, side.
fn crowns(number: u32) -> [(u32, u32, u32); 3] {
    let place = |k: u32| {
        let side = 12 + (number * 5 + k * 7) % 11;
        (4 + (number * 13 + k * 31) % 64, 4 + (number * 7) % 14 + k * 30, side)
    };
    [0, 1, 2].map(place)
}

fn color(x: u32, y: u32, crowns: &[(u32, u32, u32)]) -> [u8; 3] {
    let grain = u8::try_from((x * 7 + y * 13 + x * y) % 17).unwrap();
    let is_in = |&(west, north, side): &(u32, u32, u32)| {
        let from_center = |at: u32, low: u32| (2 * at + 1).abs_diff(2 * low + side);
        from_center(x, west).pow(2) + from_center(y, north).pow(2) < side * side
    };
    let of = if crowns.iter().any(is_in) { [40, 110, 50] } else { [150, 140, 110] };
    of.map(|v: u8| v + grain)
}

fn tables(dir: &Path) {
    let folder = dir.join("data/detection/neon_tree_boxes");
    fs::create_dir_all(&folder).unwrap();
    for (table, numbers) in [("SJER", 0..10), ("OSBS", 10..14)] {
        let mut rows = "file,xmin,ymin,xmax,ymax,label\n".to_owned();
        for number in numbers {
            let crowns = crowns(number);
            let picture = RgbImage::from_fn(96, 96, |x, y| Rgb(color(x, y, &crowns)));
            picture.save(folder.join(format!("{table}_{number:03}.tif"))).unwrap();
            for (i, (x, y, side)) in crowns.into_iter().enumerate() {
                let label = if i == 0 { "" } else { "Tree" };
                let (east, south) = (x + side, y + side);
                writeln!(rows, "{table}_{number:03}.tif,{x},{y},{east},{south},{label}").unwrap();
            }
        }
        fs::write(folder.join(format!("{table}_boxes.csv")), rows).unwrap();
    }
    let card = repository().join("datasets/cards/neon_tree_boxes.toml");
    fs::copy(card, dir.join("data/card.toml")).unwrap();
    fs::copy(repository().join("configs/tree-boxes/smoke.toml"), dir.join("smoke.toml")).unwrap();
}

#[test]
fn crowns_become_boxes_of_a_layer() {
    let dir = TempDir::new().unwrap();
    tables(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (config, package) = (path("smoke.toml"), path("package"));
    run(&["fit", &config]).done();
    let evaluated = run(&["evaluate", &package, &config]).done().lines().pop().unwrap();
    assert!(evaluated["scores"]["average_precision_50"].as_f64().unwrap() > 0.8, "{evaluated}");
    // A scene with crowns that no tile has; 20 of them, on a lattice that is not that of the maps.
    let scene: Vec<(u32, u32, u32)> =
        (0..20).map(|i| (10 + i % 5 * 37, 7 + i / 5 * 41, 12 + i * 3 % 11)).collect();
    rgb_scene(&dir.path().join("scene.tif"), 0.1, 192, |x, y| color(x, y, &scene));
    let flags = ["--scene", &path("scene.tif")];
    let Some(manifest) = mapped("tree-boxes", Path::new(&package), &flags, &dir.path().join("map")) else {
        return;
    };
    let count = manifest["counts"]["features_per_class"]["tree"].as_u64().unwrap();
    let file = |name: &str| {
        let all = manifest["artifacts"].as_array().unwrap().iter();
        let mut hrefs = all.map(|artifact| artifact["href"].as_str().unwrap());
        dir.path().join("map").join(hrefs.find(|href| href.ends_with(name)).unwrap())
    };
    assert!(file("features.gpkg").is_file());
    let layer: Value = serde_json::from_slice(&fs::read(file("features.geojson")).unwrap()).unwrap();
    let features = layer["features"].as_array().unwrap();
    assert!((17..=24).contains(&count) && features.len() as u64 == count, "{count}");
    let found: f64 = features.iter().map(|f| f["properties"]["area_m2"].as_f64().unwrap()).sum();
    let right: f64 = scene.iter().map(|(.., side)| f64::from(side * side) * 0.01).sum();
    assert!((found / right - 1.0).abs() < 0.25, "{found} m2 of {right} m2");
}
