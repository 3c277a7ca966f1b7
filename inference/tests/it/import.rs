//! Networks that others trained: imported, and run.

use arpent_base::number::exact_f32;
use arpent_model::{Architecture, Encoder, ModelPackage, Weights};
use arpent_testing::SplitMix;

use crate::common::Place;
use crate::real::real;

/// A checkpoint in segmentation_models_pytorch's names, as IGN's trainer saves it, with random weights.
fn checkpoint(place: &Place, encoder: Encoder, bands: usize, classes: usize) -> String {
    let decoder = vec![256, 128, 64, 32, 16];
    let net =
        Architecture::EncoderUnet { encoder, in_channels: bands, out_channels: classes, decoder, dates: 1 };
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
    std::fs::write(place.path("weights.safetensors"), weights.to_bytes().unwrap()).unwrap();
    place.text("weights.safetensors")
}

#[test]
fn flair_inc_checkpoints_are_one_line_away_from_a_map() {
    one_line_away(15);
    one_line_away(19);
}

fn one_line_away(classes: usize) {
    let place = Place::empty();
    let file = checkpoint(&place, Encoder::Resnet34, 5, classes);
    let classes = classes.to_string();
    let words = ["model", "import", &file, "--architecture", "unet-resnet34"];
    let words = [&words[..], &["--classes", &classes, "--like", "flair-inc"]].concat();
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
    assert!(other.contains("encoder.layer1.2"), "{other}");
    let classes = import(&["--architecture", "unet-resnet18", "--classes", "19", "--like", "flair-inc"]);
    assert!(classes.contains("segmentation_head.0.weight"), "{classes}");
    let bands = import(&["--architecture", "unet-resnet18", "--classes", "15", "--bands", "red,purple,blue"]);
    assert!(bands.contains("purple") && bands.contains("green"), "{bands}");
    let license = import(&["--architecture", "unet-resnet18", "--classes", "15", "--license", " "]);
    assert!(license.contains("--license is empty") && license.contains("SPDX"), "{license}");
    assert!(!place.path("out").exists());
}
