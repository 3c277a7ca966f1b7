//! The smoke configurations of tasks on generated data in the layouts of the real sets: fit, evaluate, export, run.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use arpent_model::{ModelPackage, Task};
use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::mapped::{banded_scene, mapped, rgb_scene};
use crate::place::{repository, run};

/// A folder for the smoke configuration of a task.
struct Smoke {
    dir: TempDir,
}

impl Smoke {
    fn new(task: &str, card: Option<&str>) -> Self {
        let smoke = Self { dir: TempDir::new().unwrap() };
        fs::create_dir_all(smoke.path("data")).unwrap();
        let config = repository().join("configs").join(task).join("smoke.toml");
        fs::copy(config, smoke.path("smoke.toml")).unwrap();
        if let Some(card) = card {
            let card = repository().join("datasets/cards").join(card);
            fs::copy(card, smoke.path("data/card.toml")).unwrap();
        }
        smoke
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// The table of splits: four items to train on, two held out, each a group of its own.
    fn splits(&self, file: &str, dataset: &str, item: impl Fn(u32) -> String) {
        let mut table = "task,dataset,split,item,group\n".to_owned();
        for i in 0..6 {
            let split = if i < 4 { "train" } else { "val" };
            writeln!(table, "smoke,{dataset},{split},{},site{i}", item(i)).unwrap();
        }
        fs::write(self.path(file), table).unwrap();
    }

    /// Fits, evaluates, exports; the output of `evaluate`, and the package.
    fn done(&self, export: &[&str]) -> (Value, ModelPackage) {
        let (config, package, copy) = (self.path("smoke.toml"), self.path("package"), self.path("copy"));
        let [config, package, copy] = [&config, &package, &copy].map(|p| p.to_str().unwrap());
        run(&["fit", config]).done();
        let evaluated = run(&["evaluate", package, config]).done().lines().pop().unwrap();
        run(&[&["export", package, "--output", copy], export].concat()).done();
        let (package, _) = ModelPackage::load(Path::new(copy)).unwrap();
        (evaluated, package)
    }

    /// Runs the exported package on scenes of this folder; features of the class in the manifest, if `arpent` is there.
    fn features(&self, task: &str, scenes: &[(&str, &str)], class: &str) -> Option<u64> {
        let paths: Vec<_> = scenes.iter().map(|(flag, file)| (*flag, self.path(file))).collect();
        let flags = paths.iter().flat_map(|(flag, path)| [*flag, path.to_str().unwrap()]);
        let manifest = mapped(task, &self.path("copy"), &flags.collect::<Vec<_>>(), &self.path("map"))?;
        let by_class = &manifest["counts"]["features_per_class"];
        Some(by_class[class].as_u64().unwrap_or_else(|| panic!("{}", manifest["counts"])))
    }
}

fn grain(x: u32, y: u32, i: u32) -> u8 {
    u8::try_from((x * 7 + y * 13 + x * y * (i + 2)) % 29).unwrap()
}

/// A round thing that is somewhere else on every picture.
fn is_inside(x: u32, y: u32, i: u32, side: u32) -> bool {
    let (cx, cy) = (side / 3 + i * 5 % (side / 3), side / 3 + i * 7 % (side / 3));
    x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) < (side / 5).pow(2)
}

#[test]
fn crowns_are_classified_by_picture() {
    let smoke = Smoke::new("tree-crowns", Some("neon_dead_alive_crops.toml"));
    let mut table = "task,dataset,split,item,group\n".to_owned();
    for i in 0..16u32 {
        let (folder, color) = if i % 2 == 0 { ("alive", [60, 140, 60]) } else { ("dead", [150, 140, 130]) };
        let to = smoke.folder(&format!("data/tree_health/neon_dead_alive_crops/{folder}"));
        let side = 22 + i;
        let picture = RgbImage::from_fn(side, side, |x, y| {
            let color = if is_inside(x, y, i, side) { color } else { [100, 110, 70] };
            Rgb(color.map(|v| v + grain(x, y, i)))
        });
        picture.save(to.join(format!("crown{i}.png"))).unwrap();
        let split = if i < 12 { "train" } else { "val" };
        writeln!(table, "tree_health,neon_dead_alive_crops,{split},{folder}/crown{i},site{i}").unwrap();
    }
    fs::write(smoke.path("data/splits.csv"), table).unwrap();
    let (evaluated, package) = smoke.done(&[]);
    assert!(evaluated["scores"]["balanced_accuracy"].as_f64().unwrap() > 0.7, "{evaluated}");
    // A picture counts once: four were held out.
    let counts: u64 =
        evaluated["classes"].as_array().unwrap().iter().map(|c| c["truth_pixels"].as_u64().unwrap()).sum();
    assert_eq!(counts, 4);
    assert_eq!((package.task, package.stride_px), (Task::SceneClassification, 16));
    // A map of cells: the west is dead.
    rgb_scene(&smoke.path("scene.tif"), 0.1, 128, |x, y| {
        if x < 64 { [150, 140, 130] } else { [60, 140, 60] }.map(|v| v + grain(x, y, 1))
    });
    if let Some(dead) = smoke.features("tree-crowns", &[("--scene", "scene.tif")], "standing dead tree") {
        assert!(dead > 0);
    }
}

#[test]
fn waste_sites_are_found_and_not_exported() {
    let smoke = Smoke::new("dumping", Some("landfills_mexico_s2.toml"));
    let root = "data/dumping/landfills_mexico_s2";
    let (images, masks) = (smoke.folder(&format!("{root}/images")), smoke.folder(&format!("{root}/masks")));
    for i in 0..6 {
        let inside = |x, y| is_inside(x, y, i, 64);
        let picture = RgbImage::from_fn(64, 64, |x, y| {
            Rgb(if inside(x, y) { [170, 160, 150] } else { [90, 120, 60] }.map(|v| v + grain(x, y, i)))
        });
        picture.save(images.join(format!("poligono_{i}.tif"))).unwrap();
        let mask = GrayImage::from_fn(64, 64, |x, y| Luma([if inside(x, y) { 255 } else { 0 }]));
        mask.save(masks.join(format!("poligono_{i}.tif"))).unwrap();
    }
    smoke.splits("data/splits.csv", "landfills_mexico_s2", |i| format!("poligono_{i}"));
    let (evaluated, package) = smoke.done(&["--despite-license", "internal test"]);
    assert!(evaluated["classes"][1]["iou"].as_f64().unwrap() > 0.6, "{evaluated}");
    assert!(package.restriction.unwrap().contains("landfills_mexico_s2"));
    let color = |x: u32, y: u32| if is_inside(x, y, 2, 96) { [170, 160, 150] } else { [90, 120, 60] };
    rgb_scene(&smoke.path("scene.tif"), 10.0, 96, |x, y| color(x, y).map(|v| v + grain(x, y, 3)));
    if let Some(found) = smoke.features("dumping", &[("--scene", "scene.tif")], "landfill") {
        assert!(found > 0);
    }
    let refused = run(&[
        "export",
        smoke.path("package").to_str().unwrap(),
        "--output",
        smoke.path("gift").to_str().unwrap(),
    ]);
    assert_ne!(refused.code, 0);
}

/// Tiles of a scene whose buildings are polygons; the weights are stored in half precision.
#[test]
fn buildings_are_learned_from_tiles_of_a_scene() {
    let smoke = Smoke::new("buildings", Some("oam_drone_buildings.toml"));
    let root = smoke.folder("data/landcover/oam_drone_buildings");
    // A roof of 30 x 30 pixels in the middle of each of 16 lots.
    let is_roof = |x: u32, y: u32| x % 48 >= 9 && x % 48 < 39 && y % 48 >= 9 && y % 48 < 39;
    let color =
        |x, y| if is_roof(x, y) { [190u8, 120, 100] } else { [90, 120, 60] }.map(|v| v + grain(x, y, 2));
    rgb_scene(&root.join("zanzibar_a.tif"), 0.1, 192, color);
    let roofs: Vec<Value> = (0..16).map(|i| (i % 4 * 48 + 9, i / 4 * 48 + 9)).map(roof).collect();
    let crs = serde_json::json!({ "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::32631" } });
    let layer = serde_json::json!({ "type": "FeatureCollection", "crs": crs, "features": roofs });
    fs::write(root.join("zanzibar_buildings.geojson"), layer.to_string()).unwrap();
    let (evaluated, package) = smoke.done(&[]);
    assert!(evaluated["classes"][1]["iou"].as_f64().unwrap() > 0.7, "{evaluated}");
    let bytes = fs::metadata(smoke.path("copy/weights.safetensors")).unwrap().len();
    let parameters: usize = package.architecture.parameters();
    assert!(bytes < 3 * parameters as u64 + 4096, "{bytes} bytes for {parameters} parameters");
    if let Some(buildings) = smoke.features(
        "buildings",
        &[("--scene", "data/landcover/oam_drone_buildings/zanzibar_a.tif")],
        "building",
    ) {
        assert!((8..=24).contains(&buildings), "{buildings}");
    }
}

/// A square of 30 pixels of [`rgb_scene`], whose north-west corner is this column and row.
fn roof((col, row): (u32, u32)) -> Value {
    let at = |x: u32, y: u32| [300.0 + f64::from(x) * 0.1, 4000.0 - f64::from(y) * 0.1];
    let ring = [at(col, row), at(col, row + 30), at(col + 30, row + 30), at(col + 30, row), at(col, row)];
    serde_json::json!({ "type": "Feature", "properties": {}, "geometry": { "type": "Polygon", "coordinates": [ring] } })
}

/// Five bands of 16 bits in five files; stress shows in two of them.
#[test]
fn stress_is_found_in_many_bands() {
    let smoke = Smoke::new("crop-disease", None);
    let bands = [
        ("blue", 900u16, 0i32),
        ("green", 1400, 0),
        ("red", 1100, 700),
        ("rededge", 2600, 0),
        ("nir", 5200, -1900),
    ];
    for i in 0..6 {
        for (band, value, change) in bands {
            let picture: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_fn(64, 64, |x, y| {
                let change = if is_inside(x, y, i, 64) { change } else { 0 };
                Luma([value.saturating_add_signed(i16::try_from(change).unwrap())
                    + 9 * u16::from(grain(x, y, i))])
            });
            picture.save(smoke.folder(&format!("data/stress/{band}")).join(format!("field{i}.png"))).unwrap();
        }
        let mask = GrayImage::from_fn(64, 64, |x, y| Luma([u8::from(is_inside(x, y, i, 64))]));
        mask.save(smoke.folder("data/stress/masks").join(format!("field{i}.png"))).unwrap();
    }
    smoke.splits("data/stress/splits.csv", "stress", |i| format!("field{i}"));
    fs::write(
        smoke.path("data/stress/card.toml"),
        CARD.replace("NAME", "stress")
            .replace("BANDS", r#""blue", "green", "red", "rededge", "nir""#)
            .replace("ONE", "healthy")
            .replace("TWO", "stressed"),
    )
    .unwrap();
    let (evaluated, package) = smoke.done(&[]);
    assert!(evaluated["classes"][1]["iou"].as_f64().unwrap() > 0.7, "{evaluated}");
    assert_eq!(package.bands.len(), 5);
    let value = |value: u16, change: i16| {
        move |x: u32, y: u32| {
            let change = if is_inside(x, y, 1, 64) { change } else { 0 };
            value.saturating_add_signed(change) + 9 * u16::from(grain(x, y, 5))
        }
    };
    let bands = [
        ("blue", value(900, 0)),
        ("green", value(1400, 0)),
        ("red", value(1100, 700)),
        ("rededge", value(2600, 0)),
        ("nir", value(5200, -1900)),
    ];
    banded_scene(&smoke.path("scene.vrt"), 0.05, 64, &bands);
    if let Some(stressed) = smoke.features("crop-disease", &[("--scene", "scene.vrt")], "stressed") {
        assert!(stressed > 0);
    }
}

const CARD: &str = r#"
name = "NAME"
title = "Generated"
license = "CC0-1.0"
source = "generated by a test"
weights_may_ship = true
bands = [BANDS]
splits = "by site"
classes = [{ id = 0, name = "ONE" }, { id = 1, name = "TWO" }]
"#;

/// Pairs are made of labeled pictures of one date, then learned from.
#[test]
fn change_is_learned_from_pictures_of_one_date() {
    let smoke = Smoke::new("change", None);
    let (images, masks) = (smoke.folder("data/roofs/images"), smoke.folder("data/roofs/masks"));
    for i in 0..6 {
        let inside = |x, y| is_inside(x, y, i, 96);
        let picture = RgbImage::from_fn(96, 96, |x, y| {
            Rgb(if inside(x, y) { [200, 90, 70] } else { [90, 120, 60] }.map(|v| v + grain(x, y, i)))
        });
        picture.save(images.join(format!("item{i}.png"))).unwrap();
        GrayImage::from_fn(96, 96, |x, y| Luma([if inside(x, y) { 3 } else { 0 }]))
            .save(masks.join(format!("item{i}.png")))
            .unwrap();
    }
    smoke.splits("data/roofs/splits.csv", "roofs", |i| format!("item{i}"));
    let card = CARD
        .replace("NAME", "roofs")
        .replace("BANDS", r#""red", "green", "blue""#)
        .replace("id = 1", "id = 3");
    fs::write(smoke.path("data/roofs/card.toml"), card.replace("ONE", "ground").replace("TWO", "roof"))
        .unwrap();
    fs::copy(repository().join("configs/image-mask/smoke.toml"), smoke.path("roofs.toml")).unwrap();
    let text = fs::read_to_string(smoke.path("roofs.toml")).unwrap();
    let set = text.find("[[sets]]").unwrap();
    let rest = text[set..].find("[fit]").unwrap();
    let sets = "[[sets]]\nlayout = \"image-mask\"\npath = \"roofs\"\ncard = \"data/roofs/card.toml\"\nsplits = \"roofs/splits.csv\"\n\n";
    fs::write(smoke.path("roofs.toml"), format!("{}{sets}{}", &text[..set], &text[set + rest..])).unwrap();

    let (config, output) = (smoke.path("roofs.toml"), smoke.path("data/pseudo_pairs"));
    let [config, output] = [&config, &output].map(|p| p.to_str().unwrap());
    let simulate = |class: &str, output: &str| {
        run(&[
            "simulate", config, "--kind", "change", "--class", class, "--output", output, "--count", "40",
            "--side", "48",
        ])
    };
    let refused = simulate("rooof", output);
    assert!(refused.code == 2 && refused.err.contains("did you mean `roof`"), "{}", refused.err);
    let made = simulate("roof", output).done().lines().pop().unwrap();
    assert_eq!((made["training"].as_u64(), made["validation"].as_u64()), (Some(40), Some(10)));
    // The same seed makes the same pictures.
    let again = smoke.path("again");
    simulate("roof", again.to_str().unwrap()).done();
    for file in ["A/train-00007.png", "B/train-00007.png", "label/validation-00003.png"] {
        assert_eq!(
            fs::read(again.join(file)).unwrap(),
            fs::read(smoke.path("data/pseudo_pairs").join(file)).unwrap()
        );
    }
    let refused = simulate("roof", output);
    assert!(refused.code == 2 && refused.err.contains("exists"), "{}", refused.err);

    // What is called roof there is called building here.
    let text = fs::read_to_string(smoke.path("smoke.toml")).unwrap();
    fs::write(smoke.path("smoke.toml"), text.replace("changed building", "changed roof")).unwrap();
    let (evaluated, package) = smoke.done(&[]);
    assert!(evaluated["classes"][1]["f1"].as_f64().unwrap() > 0.6, "{evaluated}");
    assert_eq!(package.architecture.dates(), 2);
    let ground = |x, y| [90u8, 120, 60].map(|v| v + grain(x, y, 1));
    let roof = |x, y| [200u8, 90, 70].map(|v| v + grain(x, y, 1));
    let later = |x, y| if is_inside(x, y, 3, 96) { roof(x, y) } else { ground(x, y) };
    rgb_scene(&smoke.path("before.tif"), 0.3, 96, ground);
    rgb_scene(&smoke.path("after.tif"), 0.3, 96, later);
    let dates = [("--before", "before.tif"), ("--scene", "after.tif")];
    if let Some(changed) = smoke.features("change", &dates, "changed roof") {
        assert!(changed > 0);
    }
}
