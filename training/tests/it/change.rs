//! Change detection: both dates go into the network, one after the other.

use std::fs;

use arpent_model::ModelPackage;
use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::place::Place;

/// A second set in the layout of pairs: what was built between two dates, in other light.
fn pairs(place: &Place) {
    let set = place.path("data/roofs");
    for folder in ["images", "masks"] {
        fs::remove_dir_all(set.join(folder)).unwrap();
    }
    for folder in ["A", "B", "label"] {
        fs::create_dir_all(set.join(folder)).unwrap();
    }
    for i in 0..8u32 {
        let (mut before, mut after) = (RgbImage::new(64, 64), RgbImage::new(64, 64));
        let mut mask = GrayImage::new(64, 64);
        let (old, new) = ((i * 9 % 40, i * 5 % 14), (i * 13 % 44, 32 + i * 3 % 14));
        let inside = |x: u32, y: u32, (x0, y0): (u32, u32)| x >= x0 && x < x0 + 18 && y >= y0 && y < y0 + 16;
        for (x, y) in (0..64).flat_map(|y| (0..64).map(move |x| (x, y))) {
            let ground = u8::try_from((x * 5 + y * 11 + x * y) % 19).unwrap() + 70;
            let roof = [200, 80, 60];
            let (was, is) = (inside(x, y, old), inside(x, y, old) || inside(x, y, new));
            before.put_pixel(x, y, Rgb(if was { roof } else { [60, ground, 60] }));
            after.put_pixel(x, y, Rgb(if is { roof } else { [60, ground + 30, 60] }));
            mask.put_pixel(x, y, Luma([if is && !was { 7 } else { 0 }]));
        }
        for (folder, picture) in [("A", &before), ("B", &after)] {
            picture.save(set.join(format!("{folder}/item{i}.png"))).unwrap();
        }
        mask.save(set.join(format!("label/item{i}.png"))).unwrap();
    }
    place.edit("smoke.toml", "task = \"semantic-segmentation\"", "task = \"change-detection\"");
    place.edit("smoke.toml", "layout = \"image-mask\"", "layout = \"change-pairs\"");
}

#[test]
fn new_buildings_are_distinguished_from_old_ones() {
    let place = Place::new();
    pairs(&place);
    let ran = place.fit(&["--epochs", "10"]).done();
    let scores = &ran.lines()[10]["scores"];
    assert!(scores["mean_iou"].as_f64().unwrap() > 0.9, "{}", ran.err);
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    let bands: Vec<&str> = package.bands.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(
        bands,
        ["red_before", "green_before", "blue_before", "red_after", "green_after", "blue_after"]
    );
    assert_eq!(package.architecture.in_channels(), 6);
    // The second date is lighter by 30 on the ground.
    assert!(package.bands[4].mean > package.bands[1].mean + 15.0, "{:?}", package.bands);
}

/// Both dates pass one encoder, and the decoder sees how they differ.
#[test]
fn a_siamese_network_shares_its_encoder() {
    let place = Place::new();
    pairs(&place);
    place.edit("smoke.toml", "encoder_convs = [1, 1]", "encoder_convs = [1, 1]\ndates = 2");
    let ran = place.fit(&["--epochs", "12"]).done();
    assert!(ran.lines()[12]["scores"]["mean_iou"].as_f64().unwrap() > 0.85, "{}", ran.err);
    let (package, weights) = ModelPackage::load(&place.path("package")).unwrap();
    assert_eq!((package.architecture.dates(), package.architecture.in_channels()), (2, 6));
    assert_eq!(weights.get("encoder.0.0.weight").unwrap().shape, [8, 3, 3, 3]);
}
