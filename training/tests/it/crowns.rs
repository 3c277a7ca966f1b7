//! The whole of `arpent-train fit` on generated data in the exact layout of the real ones.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sides are whole and not negative"
        )]
        let (columns, rows) = (*x0 as u32..(*x1 as u32).min(width), *y0 as u32..(*y1 as u32).min(height));
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

/// `data/` and `packages/` with a copy of the smoke configuration beside them.
fn workspace() -> TempDir {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let mut table = "task,dataset,split,item,group\n".to_owned();
    for (i, (split, site)) in [("train", "AAAA"), ("train", "BBBB"), ("val", "CCCC")].into_iter().enumerate()
    {
        for (folder, color) in [("alive", LIVE), ("dead", DEAD)] {
            let item = format!("{folder}/2018_{site}_{i}");
            writeln!(table, "tree_health,neon_dead_alive_crops,{split},{item},{site}").unwrap();
            let crown = disc(44, 40, &[([0.0, 0.0, 44.0, 40.0], color)]);
            save(&data.join(format!("tree_health/neon_dead_alive_crops/{item}.jpg")), &crown);
        }
    }
    fs::write(data.join("splits.csv"), table).unwrap();
    let boxes = [[20.0, 20.0, 60.0, 60.0], [100.0, 90.0, 150.0, 140.0]];
    let tile = disc(200, 200, &boxes.map(|b| (b, LIVE)));
    for stem in ["neon_osbs_029/OSBS_029", "neon_sjer/2018_SJER_3_252000_4107000_image_477"] {
        let stem = data.join("scenes").join(stem);
        save(&stem.with_extension("tif"), &tile);
        let rows = boxes.map(|b| format!("x,{},{},{},{}\n", b[0], b[1], b[2], b[3])).concat();
        fs::write(stem.with_extension("csv"), format!("image_path,xmin,ymin,xmax,ymax\n{rows}")).unwrap();
    }
    yellowstone(&dir.path().join("packages/deepforest/data"));
    fs::copy(repository().join("configs/tree-health/smoke.toml"), dir.path().join("smoke.toml")).unwrap();
    dir
}

/// The two Yellowstone pictures: as many boxes as our marks count on, some of them named there as dead, in rows of
/// `columns` below `top`.
fn yellowstone(folder: &Path) {
    let dead = [220, 219, 276, 115, 248, 227, 152, 95, 60, 10, 25];
    picture(&folder.join("2019_YELL_2_541000_4977000_image_crop"), (1249, 1035), 279, (31, 520.0), &dead);
    let dead = [28, 427, 30, 31, 32, 29, 472, 487];
    picture(&folder.join("2019_YELL_2_528000_4978000_image_crop2"), (1100, 2150), 574, (24, 900.0), &dead);
}

fn picture(stem: &Path, size: (u32, u32), boxes: usize, (columns, top): (usize, f64), dead: &[usize]) {
    let place = |i: usize| {
        let (x, y) = ((i % columns) as f64 * 40.0, (i / columns) as f64 * 50.0 + top);
        [x + 4.0, y + 4.0, x + 36.0, y + 36.0]
    };
    let crowns: Vec<_> =
        (0..boxes).map(|i| (place(i), if dead.contains(&i) { DEAD } else { LIVE })).collect();
    let mut xml = String::new();
    for (sides, _) in &crowns {
        for (tag, value) in ["xmin", "ymin", "xmax", "ymax"].into_iter().zip(sides) {
            writeln!(xml, "<{tag}>{value}</{tag}>").unwrap();
        }
        writeln!(xml, "</bndbox>").unwrap();
    }
    save(&stem.with_extension("png"), &disc(size.0, size.1, &crowns));
    fs::write(stem.with_extension("xml"), xml).unwrap();
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
    assert!(card.contains("| CCCC | 1 |") && card.contains("What it is not"), "{card}");

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
    let table = dir.path().join("data/splits.csv");
    let leaking = fs::read_to_string(&table).unwrap().replace("2018_CCCC_2,CCCC", "2018_CCCC_2,AAAA");
    fs::write(&table, leaking).unwrap();
    let output = fit(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("group `AAAA`") && text.contains("hint:"), "{text}");
    assert!(!dir.path().join("package").exists());
}

#[test]
fn missing_data_and_bad_configurations_are_told() {
    let dir = workspace();
    let output = fit(dir.path(), &["--data", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nowhere") && stderr(&output).contains("hint:"), "{}", stderr(&output));

    let path = dir.path().join("smoke.toml");
    let text = fs::read_to_string(&path).unwrap();
    let cases = [
        ("epochs = 3", "epoch = 3", "unknown field"),
        ("chip_px = 64", "chip_px = 63", "fit.chip_px is 63"),
        ("tile_share = 0.3", "tile_share = 3.0", "tile_share must lie"),
    ];
    for (from, to, told) in cases {
        fs::write(&path, text.replace(from, to)).unwrap();
        let output = fit(dir.path(), &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
}
