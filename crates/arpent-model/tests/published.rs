//! Published networks, without Burn: names of tensors, and the CPU engine's answers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use arpent_engine::{Answers, Engine, Picture, PixelSource};
use arpent_model::{Architecture, HandSet, ModelPackage, Weights, engine};
use common::{
    architecture, assert_logits, encoder, folded, json, number, pixels, pyramid_encoder, segformer,
};
use serde_json::Value;

/// Compares names and shapes of all tensors by their hash.
fn assert_tensors(row: &Value, architecture: &Architecture) {
    let mut lines: Vec<String> =
        architecture.training_tensors().iter().map(|t| format!("{}: {:?}\n", t.name, t.shape)).collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), number(&row["tensors"]), "{row}");
    assert_eq!(arpent_base::sha256_hex(lines.concat().as_bytes()), row["sha256"].as_str().unwrap(), "{row}");
}

#[test]
fn every_efficientnet_has_the_tensors_of_pytorch() {
    for row in json("unet-hashes.json")["networks"].as_array().unwrap() {
        let encoder = encoder(row["encoder"].as_str().unwrap());
        let decoder = vec![256, 128, 64, 32, 16];
        let unet = Architecture::EncoderUnet { encoder, in_channels: 4, out_channels: 3, decoder, dates: 1 };
        assert_tensors(row, &unet);
    }
}

#[test]
fn every_upernet_has_the_tensors_of_pytorch() {
    for row in json("upernet-hashes.json")["networks"].as_array().unwrap() {
        let encoder = pyramid_encoder(row["encoder"].as_str().unwrap());
        assert_tensors(row, &Architecture::Upernet { encoder, in_channels: 3, out_channels: 19 });
    }
}

/// A picture, plane by plane.
struct Planes {
    data: Vec<f32>,
    height: usize,
    width: usize,
}

impl PixelSource for Planes {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        for (x, to) in (cols.0..cols.1).zip(to.chunks_exact_mut(count)) {
            for (c, to) in to.iter_mut().enumerate() {
                *to = self.data[((start + c) * self.height + y) * self.width + x];
            }
        }
    }
}

/// Scores of a picture, plane by plane.
fn scores(engine: &Engine, source: &Planes) -> Vec<f32> {
    let Planes { height, width, .. } = *source;
    let picture = Picture { width, height, first_row: 0, cols: (0, width), rows: (0, height) };
    let channels = engine.channels();
    let mut scores = vec![0.0; channels * height * width];
    let take = |answers: &Answers| {
        let (start, end) = answers.span();
        for y in start..end {
            for (x, pixel) in answers.row(y).chunks_exact(channels).enumerate() {
                pixel.iter().enumerate().for_each(|(c, v)| scores[(c * height + y) * width + x] = *v);
            }
        }
    };
    engine.run(&picture, source, take).unwrap();
    scores
}

/// The engine's scores of a fixture's network are those of PyTorch.
fn assert_engine(name: &str) {
    let fixture = json(&format!("{name}.json"));
    let architecture = architecture(&fixture);
    let weights = folded(&fixture, &architecture);
    let classes = u8::try_from(architecture.out_channels()).unwrap();
    assert_package(&fixture, &HandSet::segmentation(&[], classes).package(architecture), &weights);
}

fn assert_package(fixture: &Value, package: &ModelPackage, weights: &Weights) {
    let [channels, height, width] = ["in_channels", "height", "width"].map(|key| number(&fixture[key]));
    let source = Planes { data: pixels(channels, height, width), height, width };
    assert_logits(fixture, &scores(&engine(package, weights).unwrap(), &source));
}

#[test]
fn the_engine_answers_as_pytorch_with_pools_and_response_normalization() {
    assert_engine("upernet-convnextv2_tiny");
}

#[test]
fn the_engine_answers_as_pytorch_with_attention() {
    assert_engine("unet-mit_b0");
    assert_engine("upernet-swin_tiny");
    let fixture = json("segformer-b0.json");
    let (package, weights) = segformer(&fixture);
    assert_package(&fixture, &package, &weights);
}

#[test]
fn the_engine_answers_as_pytorch_with_squeeze_and_excitation() {
    for name in ["unet-efficientnet-b0", "unet-efficientnet-b4"] {
        assert_engine(name);
    }
}

/// Pools of the whole window, bilinear interpolation, layer and response normalization.
#[test]
fn the_engine_answers_as_pytorch_with_pyramids() {
    assert_engine("upernet-convnextv2_tiny");
}
