//! Data damaged after a training: the error names the file and has a hint, and nothing of the training is lost.

use std::fs;
use std::path::PathBuf;

use image::{GrayImage, Luma};

use crate::place::Place;

/// Files of a training that a refused one must not touch.
const KEPT: [&str; 4] = ["model.json", "weights.safetensors", "run/last.ckpt", "run/best.ckpt"];

/// A set that was trained on once.
struct Trained {
    place: Place,
    kept: Vec<Vec<u8>>,
}

impl Trained {
    fn new() -> Self {
        let place = Place::new();
        place.fit(&["--epochs", "1"]).done();
        let kept = KEPT.map(|file| place.bytes(&format!("package/{file}"))).to_vec();
        Self { place, kept }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path(&format!("data/roofs/{name}"))
    }

    /// Breaks a file, trains in each way, and puts the file back.
    fn refuses(&self, name: &str, broken: impl FnOnce(&PathBuf), told: &[&str]) {
        let path = self.file(name);
        let whole = fs::read(&path).unwrap();
        broken(&path);
        for flag in ["--restart", "--resume"] {
            let ran = self.place.fit(&["--epochs", "1", flag]);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{name} {flag}: {}", ran.err);
            for part in told.iter().chain(&["hint: "]) {
                assert!(ran.err.contains(part), "{name} {flag}: `{part}` is not in: {}", ran.err);
            }
            for (file, kept) in KEPT.iter().zip(&self.kept) {
                assert!(self.place.bytes(&format!("package/{file}")) == *kept, "{name} {flag}: {file}");
            }
        }
        fs::write(path, whole).unwrap();
    }
}

#[test]
fn bad_data_are_reported_with_their_file_and_lose_no_checkpoint() {
    let trained = Trained::new();
    trained.refuses("masks/item1.png", |path| fs::remove_file(path).unwrap(), &["masks/item1.* is missing"]);
    trained.refuses("images/item1.png", |path| fs::remove_file(path).unwrap(), &["item1", "is missing"]);
    let small = |path: &PathBuf| GrayImage::new(20, 30).save(path).unwrap();
    trained.refuses(
        "masks/item1.png",
        small,
        &["masks/item1.png: 20 x 30 pixels", "images/item1.png has 72 x"],
    );
    let strange = |path: &PathBuf| {
        let mut mask = image::open(path).unwrap().into_luma8();
        mask.put_pixel(5, 9, Luma([77]));
        mask.save(path).unwrap();
    };
    let told = ["masks/item1.png: the label at column 5, row 9 is 77", "values = { 77 = ... }"];
    trained.refuses("masks/item1.png", strange, &told);
    // Also in what is held out: not after an epoch, but before.
    trained.refuses("masks/item7.png", strange, &["masks/item7.png: the label at column 5, row 9 is 77"]);
    let half = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    for item in ["item1", "item7"] {
        let name = format!("images/{item}.png");
        trained.refuses(&name, half, &[&name, "damaged"]);
        trained.refuses(&format!("masks/{item}.png"), half, &[&format!("masks/{item}.png")]);
    }
    let gray = |path: &PathBuf| GrayImage::new(72, 60).save(path).unwrap();
    trained.refuses("images/item1.png", gray, &["images/item1.png: 1 bands, expected 3"]);
}

#[test]
fn a_split_without_items_or_with_a_leak_loses_no_checkpoint() {
    let trained = Trained::new();
    let table = |from: &'static str, to: &'static str| {
        move |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains(from));
            fs::write(path, text.replace(from, to)).unwrap();
        }
    };
    trained.refuses("splits.csv", table(",val,", ",test,"), &["splits.csv: no item of roofs in validation"]);
    trained.refuses("splits.csv", table(",train,", ",test,"), &["splits.csv: no item of roofs in train"]);
    let leak = "splits.csv: group `town0` of roofs is in train and in validation";
    trained.refuses("splits.csv", table("item7,town7", "item7,town0"), &[leak, "into one split"]);
}
