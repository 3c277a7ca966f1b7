//! Land cover: pictures and masks as its data set has them, and the audit of that set.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use arpent_model::ModelPackage;
use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

use crate::mapped::{mapped, rgb_scene};
use crate::place::{repository, run};

/// Colors of the classes 1 to 5.
const COLORS: [[u8; 3]; 5] = [[200, 90, 90], [190, 175, 140], [110, 110, 120], [60, 140, 60], [50, 80, 170]];

/// Six items of three tiles in the layout of the real set: fields of color, and an unlabeled border.
fn data(root: &Path) {
    let set = root.join("data/landcover/dubai_mbrsc");
    for folder in ["images", "masks"] {
        fs::create_dir_all(set.join(folder)).unwrap();
    }
    let mut table = "task,dataset,split,item,group\n".to_owned();
    for i in 0..6u32 {
        let (split, tile) = if i < 4 { ("train", 1 + i / 2) } else { ("val", 3) };
        writeln!(table, "landcover,dubai_mbrsc,{split},t{tile}_{i:03},t{tile}").unwrap();
        let class = |x: u32, y: u32| usize::try_from((x / 14 + y / 12 * 2 + i * 3) % 5).unwrap();
        let noise = |x: u32, y: u32| u8::try_from((x * 7 + y * 13 + x * y * (i + 2)) % 17).unwrap();
        let picture = RgbImage::from_fn(70, 60, |x, y| Rgb(COLORS[class(x, y)].map(|v| v + noise(x, y))));
        let mask = GrayImage::from_fn(70, 60, |x, y| {
            Luma([if y < 2 { 0 } else { u8::try_from(class(x, y)).unwrap() + 1 }])
        });
        picture.save(set.join(format!("images/t{tile}_{i:03}.png"))).unwrap();
        mask.save(set.join(format!("masks/t{tile}_{i:03}.png"))).unwrap();
    }
    fs::write(root.join("data/splits.csv"), table).unwrap();
    let card = fs::read_to_string(repository().join("datasets/cards/dubai_mbrsc.toml")).unwrap();
    fs::write(root.join("data/card.toml"), card).unwrap();
    fs::copy(repository().join("configs/land-cover/smoke.toml"), root.join("smoke.toml")).unwrap();
}

#[test]
fn the_smoke_configuration_trains_and_its_data_are_audited() {
    let dir = TempDir::new().unwrap();
    data(dir.path());
    let config = dir.path().join("smoke.toml");
    let config = config.to_str().unwrap();
    let fitted = run(&["fit", config]).done();
    let outcome = fitted.lines().pop().unwrap();
    assert!(outcome["scores"]["mean_iou"].as_f64().unwrap() > 0.8, "{}", fitted.err);
    let (package, _) = ModelPackage::load(&dir.path().join("package")).unwrap();
    assert_eq!(package.classes.classes().len(), 5);
    assert!(package.training_data[0].license.starts_with("CC0"));

    let fields = |x: u32, y: u32| COLORS[usize::try_from((x / 24 + y / 24 * 2) % 5).unwrap()];
    let (scene, map) = (dir.path().join("scene.tif"), dir.path().join("map"));
    rgb_scene(&scene, 0.5, 96, fields);
    let more = ["--scene", scene.to_str().unwrap()];
    if let Some(manifest) = mapped("land-cover", &dir.path().join("package"), &more, &map) {
        assert!(manifest["counts"]["features"].as_u64().unwrap() > 5, "{}", manifest["counts"]);
    }

    // Fields of five colors are much alike: some picture is nearly one of the other split. And they are not those of the card.
    let audited = run(&["audit", config, "--allow", "duplicate", "--allow", "changed"]).done();
    assert!(audited.err.contains("[changed, allowed]"), "{}", audited.err);
    assert_eq!(audited.lines()[0]["set"], "dubai_mbrsc");
    assert!(audited.lines()[0]["report"].is_object(), "{}", audited.out);
    // The same picture in both splits is found.
    let set = dir.path().join("data/landcover/dubai_mbrsc/images");
    fs::copy(set.join("t1_000.png"), set.join("t3_004.png")).unwrap();
    let audited = run(&["audit", config]);
    assert!(audited.code == 1 && audited.err.contains("t3_004"), "{}", audited.err);
}

#[test]
fn the_real_configuration_is_valid_and_finds_its_data() {
    let config = repository().join("configs/land-cover/train.toml");
    if arpent_testing::real_data("landcover/dubai_mbrsc").is_none() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("package");
    let arguments = ["fit", config.to_str().unwrap(), "--output", output.to_str().unwrap(), "--epochs", "0"];
    // No epoch is refused after the data were opened and the configuration was read.
    let ran = run(&arguments);
    assert!(ran.code == 2 && ran.err.contains("epochs"), "{}", ran.err);
}
