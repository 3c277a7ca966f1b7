//! Packages are rejected for a stated reason, and are unchanged after writing and reading.

#![allow(clippy::unwrap_used, reason = "test helpers; numbers are small")]

use std::fs;
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_model::{
    Architecture, Detection, DeviceChoice, Encoder, HandSet, ModelError, ModelPackage, ModelWindow,
    Predictor, Task, Weights, hand_set_linear,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn written() -> (TempDir, ModelPackage) {
    let dir = TempDir::new().unwrap();
    let settings = HandSet::segmentation(&["red", "green"], 3);
    let weights = vec![vec![0.0, 0.0], vec![1.0, 0.0], vec![0.0, 0.1]];
    let package = hand_set_linear(&settings, &weights, &[0.5, 0.0, 0.0], dir.path()).unwrap();
    (dir, package)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn edit(dir: &Path, change: impl Fn(&mut Value)) {
    let path = dir.join("model.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    fs::write(path, serde_json::to_vec(&json).unwrap()).unwrap();
}

fn error_after(change: impl Fn(&mut Value)) -> ModelError {
    let (dir, _) = written();
    edit(dir.path(), change);
    ModelPackage::load(dir.path()).unwrap_err()
}

#[test]
fn a_package_comes_back_as_it_was_written() {
    let (dir, package) = written();
    let (loaded, weights) = ModelPackage::load(dir.path()).unwrap();
    assert_eq!(loaded, package);
    assert_eq!(weights.get("head.weight").unwrap().data, [0.0, 0.0, 1.0, 0.0, 0.0, 0.1]);
    assert_eq!(loaded.sha256(), package.sha256());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn a_description_of_gigabytes_is_not_read() {
    let (dir, _) = written();
    // A sparse file: three gigabytes that use no disk space.
    let file = fs::File::options().write(true).open(dir.path().join("model.json")).unwrap();
    file.set_len(3 << 30).unwrap();
    let error = ModelPackage::load(dir.path()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        matches!(error, ModelError::Read { .. }) && cause.contains("more than 16777216 bytes"),
        "{cause}"
    );
}

#[test]
fn bands_of_two_dates_stand_date_by_date() {
    let package = |names: &[&str], dates| {
        let (widths, encoder_convs) = (vec![8, 8], vec![1, 1]);
        let in_channels = names.len() / dates;
        let net = Architecture::Unet { in_channels, out_channels: 2, widths, encoder_convs, dates };
        HandSet::segmentation(names, 2).package(net)
    };
    let told = |package: &ModelPackage| {
        let of = |bands: &[arpent_model::Band]| {
            bands.iter().map(|b| b.common_name().to_owned()).collect::<Vec<_>>()
        };
        package.bands_of_dates().into_iter().map(of).collect::<Vec<_>>()
    };
    let single = package(&["red", "green"], 1);
    single.check().unwrap();
    assert_eq!(told(&single), [["red", "green"]]);
    let names = ["red_before", "green_before", "red_after", "green_after"];
    for dates in [1, 2] {
        let double = package(&names, dates);
        double.check().unwrap();
        assert_eq!(told(&double), [["red", "green"], ["red", "green"]]);
    }
    let unnamed = package(&["a", "b"], 2);
    unnamed.check().unwrap();
    assert_eq!(told(&unnamed), [["a"], ["b"]]);
    for mixed in [["red_after", "red_before"], ["red_before", "green"], ["red", "red_after"]] {
        let error = package(&mixed, 1).check().unwrap_err();
        assert!(matches!(&error, ModelError::Inconsistent { field: "bands", .. }), "{mixed:?}: {error}");
    }
}

#[test]
fn the_hash_is_that_of_the_file_and_changes_with_it() {
    let (dir, package) = written();
    let bytes = fs::read(dir.path().join("model.json")).unwrap();
    assert_eq!(package.sha256(), sha256(&bytes));
    let other = ModelPackage { title: "other".into(), ..package.clone() };
    assert_ne!(other.sha256(), package.sha256());
}

#[test]
fn missing_files_are_named() {
    for file in ["model.json", "weights.safetensors"] {
        let (dir, _) = written();
        fs::remove_file(dir.path().join(file)).unwrap();
        let error = ModelPackage::load(dir.path()).unwrap_err();
        assert!(matches!(&error, ModelError::MissingFile { file: f, .. } if f == file), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn damaged_weights_are_refused() {
    let (dir, _) = written();
    let path = dir.path().join("weights.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = ModelPackage::load(dir.path()).unwrap_err();
    assert!(matches!(error, ModelError::WrongHash { .. }), "{error}");
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let dir = TempDir::new().unwrap();
    let settings = HandSet::segmentation(&["red"], 2);
    for bad in [f32::NAN, f32::INFINITY] {
        let error = hand_set_linear(&settings, &[vec![0.0], vec![bad]], &[0.0, 0.0], dir.path()).unwrap_err();
        assert!(matches!(error, ModelError::NotFinite { index: 1, .. }), "{error}");
    }
}

#[test]
fn nan_in_a_published_file_is_refused_too() {
    let (dir, _) = written();
    let mut weights = Weights::default();
    weights.insert("head.weight", &[3, 2, 1, 1], vec![f32::NAN; 6]);
    weights.insert("head.bias", &[3], vec![0.0; 3]);
    let bytes = weights.to_bytes().unwrap();
    fs::write(dir.path().join("weights.safetensors"), &bytes).unwrap();
    edit(dir.path(), |json| json["weights"]["sha256"] = sha256(&bytes).into());
    let error = ModelPackage::load(dir.path()).unwrap_err();
    assert!(matches!(error, ModelError::NotFinite { .. }), "{error}");
}

#[test]
fn contradictions_are_named() {
    let field = |change: &dyn Fn(&mut Value)| match error_after(change) {
        ModelError::Inconsistent { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(field(&|j| j["bands"][0]["std"] = 0.into()), "bands");
    assert_eq!(field(&|j| j["bands"] = serde_json::json!([{"name": "red", "mean": 0, "std": 1}])), "bands");
    assert_eq!(field(&|j| j["bands"][1]["name"] = "red".into()), "bands");
    assert_eq!(field(&|j| drop(j["classes"].as_array_mut().unwrap().pop())), "classes");
    assert_eq!(field(&|j| j["receptive_field_px"] = 3.into()), "receptive_field_px");
    assert_eq!(field(&|j| j["stride_px"] = 8.into()), "stride_px");
    assert_eq!(field(&|j| j["gsd_m"]["min"] = 0.into()), "gsd_m");
    assert_eq!(field(&|j| j["value_range"] = serde_json::json!([5, 5])), "value_range");
    assert_eq!(field(&|j| j["architecture"]["kernel"] = 5.into()), "architecture");
    assert_eq!(field(&|j| j["weights"]["file"] = "../weights.safetensors".into()), "weights");
    assert_eq!(field(&|j| j["task"] = "object-detection".into()), "classes");
}

/// ADR 0022: a window where, and only where, the answers depend on the whole of it.
#[test]
fn the_window_is_stated_exactly_where_it_is_part_of_the_model() {
    let error = error_after(|j| j["window"] = serde_json::json!({"side_px": 64, "margin_px": 0}));
    assert!(matches!(error, ModelError::Inconsistent { field: "window", .. }), "{error}");
    let network = Architecture::EncoderUnet {
        encoder: Encoder::EfficientnetB0,
        in_channels: 1,
        out_channels: 2,
        decoder: vec![16, 8, 8, 8, 8],
        dates: 1,
    };
    let package = HandSet::segmentation(&["red"], 2).package(network);
    let problem = |package: &ModelPackage| match package.check() {
        Err(ModelError::Inconsistent { field: "window", problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert!(problem(&package).contains("missing"));
    let with = |side_px, margin_px| package.clone().with_window(ModelWindow { side_px, margin_px });
    with(128, 32).check().unwrap();
    with(64, 0).check().unwrap();
    for (side, margin, part) in [
        (100, 0, "multiple of 32"),
        (0, 0, "side"),
        (64, 32, "core of 0"),
        (128, 24, "core of 80"),
        (64, usize::MAX, "core of 0"),
    ] {
        assert!(
            problem(&with(side, margin)).contains(part),
            "{side} {margin}: {}",
            problem(&with(side, margin))
        );
    }
    let mut other = with(128, 32);
    other.overlap_px = 0;
    assert!(matches!(other.check(), Err(ModelError::Inconsistent { field: "overlap_px", .. })));
    other = with(128, 32);
    other.receptive_field_px = 95 + 1;
    assert!(matches!(other.check(), Err(ModelError::Inconsistent { field: "receptive_field_px", .. })));
}

#[test]
fn a_short_overlap_needs_a_reason() {
    let dir = TempDir::new().unwrap();
    let settings = HandSet::segmentation(&["red"], 2);
    hand_set_linear(&settings, &[vec![0.0; 9], vec![1.0; 9]], &[0.0, 0.0], dir.path()).unwrap();
    edit(dir.path(), |j| j["overlap_px"] = 0.into());
    let error = ModelPackage::load(dir.path()).unwrap_err();
    assert!(error.to_string().contains("exact predictions need 1"), "{error}");
    assert!(error.hint().unwrap().contains("overlap_tolerance"));
    edit(dir.path(), |j| j["overlap_tolerance"] = "measured: 0.1 % of pixels differ".into());
    ModelPackage::load(dir.path()).unwrap();
}

#[test]
fn unknown_formats_and_keys_are_refused() {
    let error = error_after(|j| j["format"] = "arpent-model/9".into());
    assert!(
        matches!(&error, ModelError::UnknownFormat { found, .. } if found == "arpent-model/9"),
        "{error}"
    );
    let error = error_after(|j| j["color"] = 1.into());
    assert!(matches!(error, ModelError::Parse { .. }) && error.to_string().contains("color"), "{error}");
}

#[test]
fn weights_of_another_network_are_refused() {
    let error = error_after(|j| {
        j["architecture"] = serde_json::json!({"kind": "unet", "in_channels": 2, "out_channels": 3,
            "widths": [8], "encoder_convs": [1]});
        j["receptive_field_px"] = 1.into();
        j["overlap_px"] = 1.into();
    });
    assert!(matches!(error, ModelError::WeightsMismatch { .. }), "{error}");
}

#[test]
fn detection_packages_have_two_more_outputs() {
    let dir = TempDir::new().unwrap();
    let settings = HandSet {
        task: Task::ObjectDetection,
        detection: Some(Detection { threshold: 0.5, iou: 0.5 }),
        ..HandSet::segmentation(&["red"], 1)
    };
    let weights = vec![vec![1.0], vec![0.0], vec![0.0]];
    let package = hand_set_linear(&settings, &weights, &[0.0; 3], dir.path()).unwrap();
    assert_eq!((package.receptive_field_px, package.overlap_px), (0, 1));
    let (package, weights) = ModelPackage::load(dir.path()).unwrap();
    Predictor::load(&package, &weights, DeviceChoice::Auto).unwrap();
    assert!(hand_set_linear(&settings, &[vec![1.0]], &[0.0], dir.path()).is_err());
}

#[test]
fn linear_kernels_are_1_or_3() {
    let linear = |kernel| Architecture::Linear { in_channels: 1, out_channels: 1, kernel };
    assert!(linear(1).check("x").is_ok() && linear(3).check("x").is_ok() && linear(5).check("x").is_err());
}
