//! Twelve steps of the trainer against twelve steps of PyTorch: loss, gradients, normalization, optimizer and learning rate
//! together (`benches/peers/parity_training.py`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use arpent_model::{Band, Weights};
use serde::Deserialize;

use crate::config::{Config, Overrides};
use crate::data::{Draw, Rng, Sample, Target};
use crate::energy::Meter;
use crate::fit::{Place, Plan, Start, train};
use crate::package;

const CONFIG: &str = r##"
task = "semantic-segmentation"
output = "unused"
[model]
id = "steps"
version = "0.0.0"
title = "Steps"
licence = "CC0-1.0"
gsd_m = { nominal = 1.0, min = 0.5, max = 2.0 }
value_range = [0.0, 255.0]
sample_types = ["uint8"]
architecture = { kind = "unet", widths = [4, 6], encoder_convs = [1, 2] }
[[classes]]
id = 0
name = "a"
color = "#000000"
[[classes]]
id = 1
name = "b"
color = "#000001"
[[classes]]
id = 2
name = "c"
color = "#000002"
[[sets]]
layout = "image-mask"
path = "unused"
card = "unused"
splits = "unused"
[fit]
seed = 1
epochs = 12
steps_per_epoch = 1
batch = 1
chip_px = 16
learning_rate = 0.01
weight_decay = 0.01
warmup_share = 0.2
keep = "last"
[loss]
terms = [{ kind = "cross-entropy" }, { kind = "dice" }]
"##;

#[derive(Deserialize)]
struct Fixture {
    mean_std: [f32; 2],
    losses: Vec<f64>,
    pictures: Vec<Vec<f32>>,
    labels: Vec<Vec<u8>>,
    first: Vec<(String, Vec<usize>, Vec<f32>)>,
    folded: Vec<(String, Vec<f32>)>,
}

/// The pictures one after the other, whatever the random stream.
#[derive(Debug)]
struct InTurn {
    pictures: Vec<Vec<f32>>,
    labels: Vec<Vec<u8>>,
    next: AtomicUsize,
}

impl Draw for InTurn {
    fn draw(&self, side: usize, _: &mut Rng) -> Result<Sample> {
        let i = self.next.fetch_add(1, Ordering::Relaxed) % self.pictures.len();
        let target = Target::Labels(self.labels[i].clone());
        Ok(Sample { side, data: self.pictures[i].clone(), valid: vec![true; side * side], target })
    }
}

#[test]
fn twelve_steps_are_those_of_pytorch() {
    let fixture: Fixture = serde_json::from_str(include_str!("../tests/parity/steps.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(&folder.path().join("train.toml"), CONFIG, &Overrides::default()).unwrap();
    let [mean, std] = fixture.mean_std;
    let bands = ["red", "green", "blue"].map(|name| Band { name: name.into(), mean, std, unit: None });
    let mut first = Weights::default();
    for (name, shape, values) in fixture.first {
        first.insert(name, &shape, values);
    }
    let draw = InTurn { pictures: fixture.pictures, labels: fixture.labels, next: AtomicUsize::new(0) };
    let meter = Meter::start();
    let plan = Plan {
        config: &config,
        architecture: &package::architecture(&config, 3).unwrap(),
        bands: &bands,
        draw: &draw,
        class_weights: vec![1.0; 3],
        data: String::new(),
        place: Place::of(folder.path()),
        meter: &meter,
        judge: &|_| Ok(BTreeMap::new()),
        score: "none",
    };
    let mut losses = Vec::new();
    let trained = train(&plan, Start::Fresh(first), |epoch| {
        losses.push(epoch.loss);
        Ok(())
    });
    let apart = losses.iter().zip(&fixture.losses).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(losses.len() == 12 && apart < 1e-5, "losses are {apart} apart: {losses:?} {:?}", fixture.losses);
    let weights = trained.unwrap().weights;
    for (name, expected) in fixture.folded {
        let found = &weights.get(&name).unwrap().data;
        let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == expected.len() && apart < 1e-4, "`{name}` is {apart} apart");
    }
}
