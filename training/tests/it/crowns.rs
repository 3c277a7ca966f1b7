//! The whole of `arpent-train fit` on generated data in the exact layout of the real ones.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arpent_base::number::truncate;
use arpent_model::ModelPackage;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

const GROUND: [u8; 3] = [150, 140, 100];
const LIVE: [u8; 3] = [40, 90, 40];
const DEAD: [u8; 3] = [220, 220, 225];

/// Color with a little texture.
fn speckled(color: [u8; 3], x: u32, y: u32) -> Rgb<u8> {
    let noise = u8::try_from((x * 7 + y * 13 + x * y) % 17).unwrap();
    Rgb(color.map(|v| v.saturating_add(noise)))
}

fn disc(width: u32, height: u32, crowns: &[([f64; 4], [u8; 3])]) -> RgbImage {
    let mut picture = RgbImage::from_fn(width, height, |x, y| speckled(GROUND, x, y));
    for ([x0, y0, x1, y1], color) in crowns {
        let inside = |x: u32, y: u32| {
            let u = (f64::from(x) - f64::midpoint(*x0, *x1)) / ((x1 - x0) / 2.0);
            let v = (f64::from(y) - f64::midpoint(*y0, *y1)) / ((y1 - y0) / 2.0);
            u * u + v * v < 0.9
        };
        let (columns, rows) = (
            truncate::<u32>(*x0)..truncate::<u32>(*x1).min(width),
            truncate::<u32>(*y0)..truncate::<u32>(*y1).min(height),
        );
        for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))).filter(|(x, y)| inside(*x, *y))
        {
            picture.put_pixel(x, y, speckled(*color, x, y));
        }
    }
    picture
}

fn save(path: &Path, picture: &RgbImage) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

/// Crops, a scene, a tile and marks in the layouts of the real ones, with the smoke configuration beside them.
fn workspace() -> TempDir {
    let dir = TempDir::new().unwrap();
    let at = |path: &str| dir.path().join(path);
    let mut table = "task,dataset,split,item,group\n".to_owned();
    for (i, (split, site)) in [("train", "AAAA"), ("train", "BBBB"), ("val", "CCCC")].into_iter().enumerate()
    {
        for (folder, color) in [("alive", LIVE), ("dead", DEAD)] {
            let item = format!("{folder}/2018_{site}_{i}");
            writeln!(table, "tree_health,neon_dead_alive_crops,{split},{item},{site}").unwrap();
            let crown = disc(44, 40, &[([0.0, 0.0, 44.0, 40.0], color)]);
            save(&at(&format!("crops/{item}.jpg")), &crown);
        }
    }
    fs::write(at("splits.csv"), table).unwrap();
    // Boxes 0 to 3 are trained on, 3 is dead; 4 lies where the scene is cut; 5 to 7 are to be found.
    let boxes = [[10, 10], [60, 20], [20, 110], [110, 120], [180, 60], [230, 30], [300, 100], [340, 30]]
        .map(|[x, y]| [x, y, x + 40, y + 40].map(f64::from));
    let trees: Vec<_> = (0..8).map(|i| (boxes[i], if i == 3 { DEAD } else { LIVE })).collect();
    save(&at("scene/scene.png"), &disc(400, 200, &trees));
    let object = |[x0, y0, x1, y1]: [f64; 4]| {
        format!(
            "<object><name>Tree</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        )
    };
    let xml = format!("<annotation>{}</annotation>", boxes.map(object).concat());
    fs::write(at("scene/scene.xml"), xml).unwrap();
    let marks = "[boxes]\n\"standing dead tree\" = [3]\n[areas]\nground = [[[0, 0], [170, 0], [170, 200], [0, 200]]]\n";
    fs::write(at("marks.toml"), marks).unwrap();
    let boxes = [[20.0, 20.0, 60.0, 60.0], [100.0, 90.0, 150.0, 140.0]];
    save(&at("tile/tile.tif"), &disc(200, 200, &boxes.map(|b| (b, LIVE))));
    let rows = boxes.map(|b| format!("x,{},{},{},{},Tree\n", b[0], b[1], b[2], b[3])).concat();
    fs::write(at("tile/tile.csv"), format!("image_path,xmin,ymin,xmax,ymax,label\n{rows}")).unwrap();
    fs::create_dir_all(at("cards")).unwrap();
    let cards = ["dead_alive_crops", "yell_528000_4978000_west", "yell_528000_4978000_east", "osbs_029"];
    for card in cards.map(|name| format!("neon_{name}.toml")) {
        fs::copy(repository().join("datasets/cards").join(&card), at("cards").join(&card)).unwrap();
    }
    fs::copy(repository().join("configs/tree-health/smoke.toml"), at("smoke.toml")).unwrap();
    dir
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn fit(dir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arpent-train"));
    command.arg("fit").arg(dir.join("smoke.toml")).args(more).env("RAYON_NUM_THREADS", "2");
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn training_learns_repeats_itself_and_writes_a_package() {
    let dir = workspace();
    let first = fit(dir.path(), &[]);
    assert!(first.status.success(), "{}", stderr(&first));

    let lines = String::from_utf8(first.stdout.clone()).unwrap();
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 4, "three epochs and the result");
    let loss = |i: usize| lines[i]["loss"].as_f64().unwrap();
    // Guessing among three classes costs ln 3.
    assert!(loss(2) < loss(0) && loss(2) < 0.5 * 3f64.ln(), "{} -> {}", loss(0), loss(2));

    let (package, _) = ModelPackage::load(&dir.path().join("package")).unwrap();
    let score = package.scores["balanced_accuracy"].value;
    assert!(score > 0.5, "{score}: {}", stderr(&first));
    let card = fs::read_to_string(dir.path().join("package/card.md")).unwrap();
    assert!(card.contains("| neon_dead_alive_crops/CCCC |") && card.contains("What it is not"), "{card}");
    let validation = fs::read(dir.path().join("package/run/validation.json")).unwrap();
    let validation: serde_json::Value = serde_json::from_slice(&validation).unwrap();
    assert!(card.contains("| neon_yell_528000_4978000_east | 3 |"), "{card}");
    assert!(package.scores["objects_found"].value > 0.5, "{:?}", package.scores);
    // Two crops were held out, and three trees of the scene that are labeled neither live nor dead.
    assert_eq!(validation["groups"].as_object().unwrap().len(), 1, "{validation}");
    assert_eq!(validation["groups"]["neon_dead_alive_crops/CCCC"]["pixels"], 2);
    assert_eq!(validation["found"]["neon_dead_alive_crops"]["objects"], 2);
    let found = &validation["found"]["neon_yell_528000_4978000_east"];
    assert_eq!((&found["objects"], found["found"].as_u64() >= Some(2)), (&3.into(), true), "{found}");

    let again = dir.path().join("again");
    let second = fit(dir.path(), &["--output", again.to_str().unwrap()]);
    assert!(second.status.success(), "{}", stderr(&second));
    let weights = |dir: &Path| fs::read(dir.join("weights.safetensors")).unwrap();
    assert!(weights(&again) == weights(&dir.path().join("package")), "the same seed gives the same bytes");

    let other = dir.path().join("other");
    let third = fit(dir.path(), &["--output", other.to_str().unwrap(), "--seed", "2", "--epochs", "1"]);
    assert!(third.status.success(), "{}", stderr(&third));
    assert!(weights(&other) != weights(&again));
}

#[test]
fn a_split_that_leaks_is_refused() {
    let dir = workspace();
    let table = dir.path().join("splits.csv");
    let leaking = fs::read_to_string(&table).unwrap().replace("2018_CCCC_2,CCCC", "2018_CCCC_2,AAAA");
    fs::write(&table, leaking).unwrap();
    let output = fit(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("group `AAAA`") && text.contains("hint:"), "{text}");
    assert!(!dir.path().join("package").exists());
}

#[test]
fn missing_data_and_bad_configurations_are_refused() {
    let dir = workspace();
    let output = fit(dir.path(), &["--data", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nowhere") && stderr(&output).contains("hint:"), "{}", stderr(&output));

    let path = dir.path().join("smoke.toml");
    let text = fs::read_to_string(&path).unwrap();
    let cases = [
        ("epochs = 3", "epoch = 3", "unknown field"),
        ("chip_px = 64", "chip_px = 63", "fit.chip_px is 63"),
        ("share = 0.7", "share = 3.0", "`sampling.paste.share` is 3, expected a share"),
        ("most = 4", "most = 0", "`sampling.paste.most` is 0, expected 1 or more"),
        ("vote = 0.5", "vote = 0.0", "`evaluate.vote` is 0, expected a share above 0"),
        ("vote = 0.5", "vote = 0.5\nprecision_at_k = [10]", "evaluate.vote counts objects"),
        ("ellipse = 0.62", "ellipse = 62", "`ellipse` must lie"),
        ("ellipse = 0.62", "", "set the part of a picture that is of its class"),
        (
            "sets = [\"neon_dead_alive_crops\"]",
            "sets = [\"neon_crops\"]",
            "names `neon_crops`, which is not a data set",
        ),
        (
            "[fit]",
            "[crowns]\npackages = \"packages\"\n\n[fit]",
            "hint: [crowns] was removed: name its data in [[sets]]",
        ),
        ("\"marks.toml\"", "\"cards/neon_osbs_029.toml\"", "neon_osbs_029.toml"),
    ];
    for (from, to, told) in cases {
        fs::write(&path, text.replace(from, to)).unwrap();
        let output = fit(dir.path(), &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(told) && text.contains(from), "{told}: {}", stderr(&output));
    }
}
