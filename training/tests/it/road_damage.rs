//! Cracks: dark lines, thinner than a hundredth of the picture, in masks that are grey at their edges.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use arpent_model::ModelPackage;
use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

use crate::mapped::{mapped, rgb_scene};
use crate::place::{keep, repository, run};

const SIDE: u32 = 96;

/// Six items in the layout of the real set.
fn data(root: &Path) {
    let set = root.join("data/road_damage/uav_crack_cc0");
    for folder in ["images", "masks"] {
        fs::create_dir_all(set.join(folder)).unwrap();
    }
    let mut table = "task,dataset,split,item,group\n".to_owned();
    for i in 0..6u32 {
        let split = if i < 4 { "train" } else { "val" };
        writeln!(table, "road_damage,uav_crack_cc0,{split},road_{i},road_{i}").unwrap();
        let mut picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
            let grain = u8::try_from((x * 11 + y * 17 + x * y * (i + 3)) % 31).unwrap();
            Rgb([140 + grain, 138 + grain, 130 + grain])
        });
        let mut mask = GrayImage::new(SIDE, SIDE);
        for step in 0..SIDE {
            // A line that wanders, two pixels wide, and a half-dark edge that is no crack (below the threshold).
            let across = (20 + 9 * i + (step * (i + 2)) / 7 + (step / 9) % 5) % (SIDE - 4);
            for (offset, dark, value) in [(0, 60, 255u8), (1, 60, 255), (2, 110, 90)] {
                let (x, y) = if i % 2 == 0 { (across + offset, step) } else { (step, across + offset) };
                picture.put_pixel(x, y, Rgb([dark, dark, dark]));
                mask.put_pixel(x, y, Luma([value]));
            }
        }
        picture.save(set.join(format!("images/road_{i}.png"))).unwrap();
        mask.save(set.join(format!("masks/road_{i}.png"))).unwrap();
    }
    fs::write(root.join("data/splits.csv"), table).unwrap();
    fs::copy(repository().join("datasets/cards/uav_crack_cc0.toml"), root.join("data/card.toml")).unwrap();
    fs::copy(repository().join("configs/road-damage/smoke.toml"), root.join("smoke.toml")).unwrap();
}

/// Cells of 8 px of the two held-out pictures, counted on their masks.
fn ranked(root: &Path, rare: &serde_json::Value) {
    let mut real = 0;
    for i in 4..6 {
        let mask = root.join(format!("data/road_damage/uav_crack_cc0/masks/road_{i}.png"));
        let mask = image::open(mask).unwrap().to_luma8();
        let cracked = mask.enumerate_pixels().filter(|(_, _, v)| v.0[0] >= 128);
        real += cracked.map(|(x, y, _)| (x / 8, y / 8)).collect::<BTreeSet<_>>().len();
    }
    let crack = &rare["classes"][0];
    assert_eq!((&crack["candidates"], &crack["real"]), (&(2 * 12 * 12).into(), &real.into()));
    assert_eq!((&rare["candidates"], &crack["name"]), (&"cells of 8 px".into(), &"crack".into()));
    let [five, twenty] = [0, 1].map(|i| &crack["best"][i]);
    assert_eq!((&five["k"], &twenty["k"]), (&5.into(), &20.into()));
    assert!(five["precision"]["value"].as_f64().unwrap() > 0.9, "{crack}");
    assert!(crack["average_precision"]["value"].as_f64().unwrap() > 0.8, "{crack}");
    // Twenty of 288 cells, of which 0.02 * 288 = 5.76 would be real: at most that many of twenty are.
    assert!(twenty["precision_at_prevalence"]["value"].as_f64().unwrap() <= 0.288 + 1e-9, "{crack}");
    assert!(crack["average_precision"]["interval"]["low"].is_f64(), "two pictures are resampled: {crack}");
}

#[test]
fn thin_lines_are_found() {
    let dir = TempDir::new().unwrap();
    data(dir.path());
    let config = dir.path().join("smoke.toml");
    let package = dir.path().join("package");
    let fitted = run(&["fit", config.to_str().unwrap()]).done();
    assert!(fitted.lines().pop().unwrap()["scores"]["mean_f1"].as_f64().unwrap() > 0.85, "{}", fitted.err);
    let evaluated = run(&["evaluate", package.to_str().unwrap(), config.to_str().unwrap()]).done();
    let crack = &evaluated.lines()[0]["classes"][1];
    assert_eq!(crack["name"], "crack");
    // Two of three pixels of each line.
    assert_eq!(crack["truth_pixels"].as_u64(), Some(u64::from(2 * 2 * SIDE)));
    assert!(crack["recall"].as_f64().unwrap() > 0.7, "{crack}");
    let copy = dir.path().join("copy");
    run(&["export", package.to_str().unwrap(), "--output", copy.to_str().unwrap()]).done();
    let scene = dir.path().join("scene.tif");
    rgb_scene(&scene, 0.002, 96, |x, y| {
        let grain = u8::try_from((x * 11 + y * 17 + x * y * 5) % 31).unwrap();
        if x == 40 || x == 41 { [60; 3] } else { [140 + grain, 138 + grain, 130 + grain] }
    });
    let more = ["--scene", scene.to_str().unwrap()];
    if let Some(manifest) = mapped("road-damage", &copy, &more, &dir.path().join("map")) {
        assert!(manifest["counts"]["features"].as_u64().unwrap() > 0, "{}", manifest["counts"]);
    }

    // Cracks are the only class that becomes features; the tolerance is two pixels.
    let thin = &evaluated.lines()[0]["thin"];
    assert_eq!((&thin["tolerance_px"], thin["classes"].as_array().unwrap().len()), (&2.0.into(), 1));
    let forgiven = &thin["classes"][0];
    assert_eq!(forgiven["truth"], crack["truth_pixels"]);
    assert!(forgiven["f1"].as_f64() >= crack["f1"].as_f64(), "{forgiven} {crack}");
    assert_eq!(evaluated.lines()[0]["scores"]["tolerance_f1"], forgiven["f1"]);
    let groups = thin["groups"].as_object().unwrap();
    let truth = |g: &serde_json::Value| g["classes"]["crack"]["truth"].as_u64().unwrap();
    assert_eq!(groups.values().map(truth).sum::<u64>(), forgiven["truth"].as_u64().unwrap());
    assert!(forgiven["f1_interval"]["low"].as_f64() <= forgiven["f1"].as_f64());
    ranked(dir.path(), &evaluated.lines()[0]["rare"]);
    let (model, _) = ModelPackage::load(&package).unwrap();
    assert!(model.scores["tolerance_f1"].measure.contains("tolerance of 2 px"), "{:?}", model.scores);
    let card = fs::read_to_string(package.join("card.md")).unwrap();
    assert!(card.contains("With a tolerance of 2 px") && card.contains("- tolerance_f1: "), "{card}");
    let page = fs::read_to_string(package.join("run/report.html")).unwrap();
    assert!(card.contains("Ranked cells of 8 px") && page.contains("The best candidates"), "{card}");
    assert!(page.contains("Thin objects") && page.contains("tolerance F1"));
    keep("road-damage", &page);
}
