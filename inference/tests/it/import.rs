//! Networks that others trained: imported, and run.

use arpent_base::number::exact_f32;
use arpent_model::{Architecture, Encoder, ModelPackage, ModelWindow, Weights};
use arpent_testing::SplitMix;

use crate::common::Place;
use crate::real::real;

/// A checkpoint in segmentation_models_pytorch's names, as IGN's trainer saves it, with random weights.
fn checkpoint(place: &Place, encoder: Encoder, bands: usize, classes: usize) -> String {
    let decoder = vec![256, 128, 64, 32, 16];
    let net =
        Architecture::EncoderUnet { encoder, in_channels: bands, out_channels: classes, decoder, dates: 1 };
    write_checkpoint(place, &net, "weights.safetensors");
    place.text("weights.safetensors")
}

fn write_checkpoint(place: &Place, net: &Architecture, file: &str) {
    let mut random = SplitMix::new(7);
    let mut weights = Weights::default();
    for tensor in net.training_tensors() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = (3.0 / exact_f32(inputs)).sqrt();
        let is_kernel = tensor.shape.len() == 4;
        let is_scale = tensor.name.ends_with("var") || (!is_kernel && tensor.name.ends_with("weight"));
        let mut value = || {
            let unit = f32::from(u16::try_from(random.below(2001)).unwrap()) / 1000.0 - 1.0;
            if is_kernel { unit * scale } else { 0.1 * unit + f32::from(u8::from(is_scale)) }
        };
        let values = (0..tensor.shape.iter().product()).map(|_| value()).collect();
        weights.insert(format!("model.seg_model.{}", tensor.name), &tensor.shape, values);
    }
    weights.insert("criterion.weight", &[19], vec![1.0; 19]);
    std::fs::write(place.path(file), weights.to_bytes().unwrap()).unwrap();
}

#[test]
fn flair_inc_checkpoints_are_one_line_away_from_a_map() {
    one_line_away(15);
    one_line_away(19);
}

fn one_line_away(classes: usize) {
    let place = Place::empty();
    let file = checkpoint(&place, Encoder::Resnet34, 5, classes);
    let words = ["model", "import", &file, "--like", "flair-inc"];
    let ended = place.arpent(&[&words[..], &["--output", "flair"]].concat()).expect(0);
    assert!(
        ended.out.contains("criterion.weight") && ended.out.contains("model.seg_model."),
        "{}",
        ended.out
    );
    let (package, _) = ModelPackage::load(&place.path("flair")).unwrap();
    let bands: Vec<&str> = package.bands.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(bands, ["red", "green", "blue", "nir", "elevation"]);
    assert_eq!((package.license.as_str(), package.stride_px), ("etalab-2.0", 32));
    assert_eq!((package.classes.classes().len(), package.window), (classes, None));
    assert!(place.arpent(&["inspect", "flair"]).expect(0).out.contains("plowed land"));
    let again = place.arpent(&[&words[..], &["--output", "flair"]].concat()).expect(2);
    assert!(again.err.contains("already contains a model package"), "{}", again.err);

    let Some(scene) = real("scenes/ign_ortho_20cm_lamb93/ign_rgbn_20cm.tif") else { return };
    // The scene has no height: its infrared stands in, for the network is random anyway.
    let input = "[input.bands]\nred = 1\ngreen = 2\nblue = 3\nnir = 4\nelevation = 4\n";
    place.write("run.toml", &format!("model = \"flair\"\n{input}[features]\nformats = [\"geoparquet\"]\n"));
    let map = place.run(&[scene.to_str().unwrap()], "out", &[]);
    assert_eq!(map.manifest["counts"]["pixels_valid"].as_u64(), Some(252 * 252));
}

/// The command that `arpent model list` prints makes a package.
#[test]
fn a_listed_network_is_one_line_away_from_a_package() {
    let place = Place::empty();
    let listed = place.arpent(&["model", "list", "--format", "json"]).expect(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let presets = listed["presets"].as_array().unwrap();
    for name in [
        "deadtrees-v1",
        "deepforest-tree",
        "flair-hub-lc-a-convnextv2-tiny",
        "flair-hub-lc-a-swin-base",
        "flair-inc",
        "ftw-prue-b5",
        "restor-tcd-b2",
        "ukis-csmask-l1c-4",
    ] {
        assert!(presets.iter().any(|p| p["name"] == name), "{name}");
    }
    let clouds = presets.iter().find(|p| p["name"] == "ukis-csmask-l2a-4").unwrap();
    assert_eq!(
        (clouds["license"].as_str(), clouds["unit"].as_str()),
        (Some("Apache-2.0"), Some("reflectance"))
    );
    let text = place.arpent(&["model", "list", "ukis-csmask-l2a-4"]).expect(0).out;
    assert!(text.contains("141 kFLOP/px") && text.contains("blue, green, red, nir"), "{text}");
    assert!(place.arpent(&["model", "list", "nothing"]).expect(2).err.contains("ukis-csmask-l2a-4"));

    // The line itself, with a file of random weights in the place of the published one.
    let line = clouds["import"].as_str().unwrap();
    let file = clouds["source"]["file"].as_str().unwrap();
    let net = Architecture::EncoderUnet {
        encoder: Encoder::EfficientnetB4,
        in_channels: 4,
        out_channels: 3,
        decoder: vec![256, 128, 64, 32, 16],
        dates: 1,
    };
    write_checkpoint(&place, &net, "weights.safetensors");
    let words: Vec<&str> =
        line.split_whitespace().skip(1).map(|w| if w == file { "weights.safetensors" } else { w }).collect();
    place.arpent(&words).expect(0);
    let (package, _) = ModelPackage::load(&place.path("models/ukis-csmask-l2a-4")).unwrap();
    assert_eq!(package.window, Some(ModelWindow { side_px: 256, margin_px: 32 }));
    assert_eq!(package.bands[3].unit.as_deref(), Some("reflectance"));
    // Stored values, for files that declare nothing.
    let stored = [&words[..], &["--stored-scale", "0.0001"]].concat();
    let stored = stored.iter().map(|w| if w.starts_with("models/") { "models/stored" } else { *w });
    place.arpent(&stored.collect::<Vec<_>>()).expect(0);
    let (stored, _) = ModelPackage::load(&place.path("models/stored")).unwrap();
    assert_eq!(stored.value_range.map(f32::to_bits), [0.0, 10_000.0f32].map(f32::to_bits));
    let apart =
        stored.bands.iter().zip(&package.bands).map(|(s, p)| s.normalized(2500.0) - p.normalized(0.25));
    assert!(apart.into_iter().all(|d| d.abs() < 1e-5));
}

#[test]
fn a_window_is_asked_for_where_it_is_part_of_the_model() {
    let place = Place::empty();
    let file = checkpoint(&place, Encoder::EfficientnetB0, 3, 5);
    let import = |more: &[&str]| {
        let words = ["model", "import", &file, "--output", "out", "--bands", "red,green,blue"];
        place.arpent(&[&words[..], more].concat())
    };
    let b0 = ["--architecture", "unet-efficientnet-b0"];
    let missing = import(&b0).expect(2).err;
    assert!(missing.contains("--window is missing") && missing.contains("--margin"), "{missing}");
    let overlap = [&b0[..], &["--overlap", "64", "--overlap-because", "measured"]].concat();
    assert!(import(&overlap).expect(2).err.contains("--overlap does not apply"));
    let odd = import(&[&b0[..], &["--window", "250", "--margin", "20"]].concat()).expect(2).err;
    assert!(odd.contains("250 px") && odd.contains("32 px"), "{odd}");
    assert!(!place.path("out").exists());
    let good = import(&[&b0[..], &["--window", "128", "--margin", "32"]].concat()).expect(0).out;
    assert!(good.contains("32 px"), "{good}");
    let (package, _) = ModelPackage::load(&place.path("out")).unwrap();
    assert_eq!(package.window, Some(ModelWindow { side_px: 128, margin_px: 32 }));
    assert_eq!((package.classes.classes().len(), package.bands.len()), (5, 3));

    let file = checkpoint(&place, Encoder::Resnet18, 3, 5);
    let words = ["model", "import", &file, "--output", "other", "--architecture", "unet-resnet18"];
    let refused = place.arpent(&[&words[..], &["--window", "128", "--margin", "32"]].concat()).expect(2).err;
    assert!(refused.contains("--window does not apply to unet-resnet18"), "{refused}");
}

#[test]
fn what_cannot_be_imported_is_refused() {
    let place = Place::empty();
    let file = checkpoint(&place, Encoder::Resnet18, 3, 15);
    let import = |more: &[&str]| {
        let words = ["model", "import", &file, "--output", "out"];
        place.arpent(&[&words[..], more].concat()).expect(2).err
    };
    let unknown = import(&["--architecture", "unet-vgg", "--classes", "15"]);
    assert!(unknown.contains("unet-vgg") && unknown.contains("unet-resnet34"), "{unknown}");
    let other = import(&["--architecture", "unet-resnet34", "--classes", "15"]);
    assert!(other.contains("encoder.layer1.2") && other.contains("--architecture unet-resnet18"), "{other}");
    assert!(other.lines().all(|line| line.len() < 1000), "{other}");
    let none = import(&["--classes", "15"]);
    assert!(none.contains("--architecture unet-resnet18"), "{none}");
    let bands = import(&["--like", "ukis-csmask-l1c-4", "--architecture", "unet-resnet18"]);
    assert!(bands.contains("number of bands `3`") && bands.contains('4'), "{bands}");
    let head = import(&["--like", "flair-inc", "--architecture", "unet-resnet18", "--classes", "12"]);
    assert!(head.contains("the file has 15 classes"), "{head}");
    let classes = import(&["--architecture", "unet-resnet18", "--classes", "19", "--like", "flair-inc"]);
    assert!(classes.contains("segmentation_head.0.weight"), "{classes}");
    let bands = import(&["--architecture", "unet-resnet18", "--classes", "15", "--bands", "red,purple,blue"]);
    assert!(bands.contains("purple") && bands.contains("green"), "{bands}");
    let name = "model.seg_model.decoder.blocks.0.conv1.1.running_var";
    let mut damaged = Weights::from_bytes(&std::fs::read(&file).unwrap()).unwrap();
    damaged.insert(name, &[256], vec![f32::NAN; 256]);
    std::fs::write(place.path("nan.safetensors"), damaged.to_bytes().unwrap()).unwrap();
    let words = ["model", "import", "nan.safetensors", "--output", "out", "--architecture", "unet-resnet18"];
    let nan = place.arpent(&words).expect(2).err;
    assert!(nan.contains(name) && nan.contains("hint: "), "{nan}");
    let commercial = import(&["--like", "restor-tcd-b0"]);
    assert!(
        commercial.contains("--license is missing") && commercial.contains("CC-BY-NC-4.0"),
        "{commercial}"
    );
    let license = import(&["--architecture", "unet-resnet18", "--classes", "15", "--license", " "]);
    assert!(license.contains("--license is empty") && license.contains("SPDX"), "{license}");
    assert!(!place.path("out").exists());
}
