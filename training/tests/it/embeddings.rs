//! Scenes of 64 signed bytes a pixel, as annual embeddings are published: a network of single pixels, dequantized values, and
//! the guide.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use arpent_model::{Architecture, Dequantize, ModelPackage};
use arpent_testing::Embedding;
use tempfile::TempDir;

use crate::place::{Ran, repository, run};

const SCENE: Embedding = Embedding { seed: 7, fields: 6, field_px: 12 };

/// A folder with a scene, `embeddings.tif`, and polygons over it, `fields.geojson`.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(TempDir::new().unwrap());
        SCENE.write(&site.path("embeddings.tif")).unwrap();
        fs::write(site.path("fields.geojson"), SCENE.polygons()).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn fit(&self, output: &str, more: &[&str]) -> Ran {
        let words = [
            "fit",
            "--labels",
            &self.text("fields.geojson"),
            "--scene",
            &self.text("embeddings.tif"),
            "--class-field",
            "cover",
            "--output",
            &self.text(output),
        ];
        run(&[&words[..], more].concat())
    }
}

const QUANTIZED: &str = "power=2,scale=1/127.5";

#[test]
fn a_weighted_sum_of_the_bands_is_learned_from_few_polygons() {
    let site = Site::new();
    let options = ["--network", "linear", "--dequantize", QUANTIZED, "--epochs", "6", "--threads", "2"];
    let fitted = site.fit("map", &options).done();
    assert!(fitted.err.contains("bands: A00, A01, ... A63 (64 bands)"), "{}", fitted.err);
    let (package, _) = ModelPackage::load(&site.path("map")).unwrap();
    let wanted = Architecture::Linear { in_channels: 64, out_channels: 3, kernel: 1 };
    assert_eq!(
        (&package.architecture, package.overlap_px, package.value_range),
        (&wanted, 0, [-128.0, 127.0])
    );
    assert!(package.scores["overall_accuracy"].value > 0.98, "{:?}", package.scores);
    for (i, band) in package.bands.iter().enumerate() {
        assert_eq!((band.name.clone(), band.number), (format!("A{i:02}"), Some(i + 1)));
        assert_eq!(band.dequantize, Some(Dequantize { scale: 1.0 / 127.5, offset: 0.0, power: 2.0 }));
        // Of dequantized values: numbers of vectors of length 1.
        assert!(band.mean.abs() < 0.4 && band.std > 0.01 && band.std < 0.4, "{band:?}");
    }
    let config = fs::read_to_string(site.path("map/run/train.toml")).unwrap();
    assert!(!config.contains("brightness"), "embeddings are not light: {config}");
    let card = fs::read_to_string(site.path("map/card.md")).unwrap();
    assert!(card.contains("Of stored values it takes sign(x) |x|^2"), "{card}");

    // The same command gives the same bytes.
    site.fit("again", &options).done();
    let weights = |output: &str| fs::read(site.path(&format!("{output}/weights.safetensors"))).unwrap();
    assert!(weights("map") == weights("again"));

    // A package is not evaluated with values that mean something else.
    let plain = site.path("plain.toml");
    let other: String =
        config.lines().filter(|l| !l.starts_with("dequantize")).flat_map(|l| [l, "\n"]).collect();
    fs::write(&plain, other.replace("card.toml", "map/run/card.toml")).unwrap();
    let refused = run(&["evaluate", &site.text("map"), plain.to_str().unwrap()]);
    assert!(refused.code == 2 && refused.err.contains("model.dequantize"), "{}", refused.err);
}

#[test]
fn what_cannot_be_dequantized_is_refused() {
    let site = Site::new();
    for (options, told) in [
        (&["--dequantize", "power=1.5"][..], "model.dequantize needs a power of 0.5, 1, 2 or 3"),
        (&["--dequantize", "scale=-1"], "model.dequantize needs a scale above 0"),
        (&["--dequantize", "gamma=2"], "`gamma` is not scale, offset or power"),
        (&["--dequantize", QUANTIZED, "--unit", "reflectance"], "cannot be used with"),
    ] {
        let refused = site.fit("map", options);
        assert!(refused.code == 2 && refused.err.contains(told), "{options:?}: {}", refused.err);
    }
    site.fit("map", &["--network", "linear", "--epochs", "1", "--dequantize", QUANTIZED]).done();
    let config = fs::read_to_string(site.path("map/run/train.toml")).unwrap();
    for (from, to, told) in [
        ("dequantize = ", "unit = \"radiance\"\ndequantize = ", "model.unit is `radiance`"),
        ("[\"int8\"]", "[\"float32\"]", "is for whole numbers"),
    ] {
        assert!(config.contains(from), "{config}");
        let path = site.path("map/run/edited.toml");
        fs::write(&path, config.replace(from, to)).unwrap();
        let refused = run(&["fit", path.to_str().unwrap(), "--restart"]);
        assert!(refused.code == 2 && refused.err.contains(told), "{}", refused.err);
        assert!(refused.err.contains("edited.toml"), "{}", refused.err);
    }
}

/// The commands of the guide, as written; those of `arpent` where it was built.
#[test]
fn the_guide_works_as_written() {
    let guide = fs::read_to_string(repository().join("docs/guides/satellite-embeddings.md")).unwrap();
    let commands: Vec<&str> = guide
        .split("```sh\n")
        .skip(1)
        .flat_map(|rest| rest.split("```").next().unwrap().lines())
        .filter(|line| line.starts_with("arpent"))
        .collect();
    assert!(commands.len() >= 4, "{commands:?}");
    let site = Site::new();
    let arpent = PathBuf::from(env!("CARGO_BIN_EXE_arpent-train")).with_file_name("arpent");
    for line in commands {
        let line = line.split(" #").next().unwrap().trim();
        let (program, words) = line.split_once(' ').unwrap();
        let path = if program == "arpent" {
            arpent.clone()
        } else {
            assert_eq!(program, "arpent-train");
            env!("CARGO_BIN_EXE_arpent-train").into()
        };
        if !path.exists() {
            arpent_testing::skip(
                "arpent",
                &format!("{} is not built (cargo build -p arpent)", path.display()),
            );
            continue;
        }
        let ended =
            Command::new(path).args(words.split_whitespace()).current_dir(site.0.path()).output().unwrap();
        assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let (package, _) = ModelPackage::load(&site.path("map")).unwrap();
    assert!(package.scores["mean_iou"].value > 0.95, "{:?}", package.scores);
    assert!(package.calibration.is_some());
    if arpent.exists() {
        let manifest = fs::read_to_string(site.path("out/manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["inputs"][0]["values"]["verdict"], "as in training");
        let codes = manifest["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap());
        // Polygons of one scene have no bounding box of their own.
        assert_eq!(codes.collect::<Vec<_>>(), ["territory-unknown"], "{}", manifest["warnings"]);
    }
}
