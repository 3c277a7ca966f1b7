//! Twelve steps of the trainer against twelve steps of PyTorch: loss, gradients, normalization, optimizer and learning rate
//! together (`benches/peers/parity_training.py`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use arpent_base::Result;
use arpent_model::{Band, DeviceChoice, Precision, Weights};
use arpent_shell::energy::Meter;
use serde::Deserialize;

use crate::data::{Draw, Rng, Sample, Target};
use crate::fit::{Place, Start, TrainingSetup, train};
use crate::package;
use crate::toy::Toy;

const TOY: Toy<'_> = Toy {
    task: "semantic-segmentation",
    model: r#"architecture = { kind = "unet", widths = [4, 6], encoder_convs = [1, 2] }"#,
    classes: &[(0, "a", "#000000"), (1, "b", "#000001"), (2, "c", "#000002")],
    rest: r#"[fit]
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
"#,
};

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

/// How far the losses of twelve steps, and the weights after them, are from PyTorch's, at most.
fn steps(device: DeviceChoice, precision: Precision) -> (f64, f32) {
    let fixture: Fixture = serde_json::from_str(include_str!("../tests/parity/steps.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = TOY.config(folder.path());
    (config.fit.device, config.fit.precision) = (device, precision);
    let [mean, std] = fixture.mean_std;
    let bands = ["red", "green", "blue"].map(|name| Band {
        name: name.into(),
        mean,
        std,
        unit: None,
        number: None,
        dequantize: None,
    });
    let mut first = Weights::default();
    for (name, shape, values) in fixture.first {
        first.insert(name, &shape, values);
    }
    let draw = InTurn { pictures: fixture.pictures, labels: fixture.labels, next: AtomicUsize::new(0) };
    let meter = Meter::start(arpent_shell::energy::WATTS_PER_CORE);
    let setup = TrainingSetup {
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
    let trained = train(&setup, Start::Fresh(first), |epoch| {
        losses.push(epoch.loss);
        Ok(())
    });
    let trained = trained.unwrap();
    assert_eq!((losses.len(), trained.device), (12, device));
    let losses_apart = losses.iter().zip(&fixture.losses).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let mut weights_apart = 0.0f32;
    for (name, expected) in fixture.folded {
        let found = &trained.weights.get(&name).unwrap().data;
        assert_eq!(found.len(), expected.len(), "`{name}`");
        weights_apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(weights_apart, f32::max);
    }
    (losses_apart, weights_apart)
}

#[test]
fn twelve_steps_are_those_of_pytorch() {
    let (losses, weights) = steps(DeviceChoice::Cpu, Precision::F32);
    assert!(losses < 1e-5 && weights < 1e-4, "losses are {losses} apart, weights {weights}");
}

/// Convolutions in 16 bits: near, and not the same.
#[test]
fn twelve_steps_in_mixed_precision_come_near() {
    let (losses, weights) = steps(DeviceChoice::Cpu, Precision::Bf16);
    assert!((1e-5..0.05).contains(&losses), "losses are {losses} apart, weights {weights}");
}

/// On any Vulkan driver, a software driver too (`apt-get install mesa-vulkan-drivers`).
#[test]
#[cfg(feature = "wgpu")]
fn twelve_steps_on_vulkan_are_those_of_pytorch() {
    if let Err(error) = DeviceChoice::Vulkan.open(Precision::F32) {
        arpent_testing::skip("vulkan", &error.to_string());
        return;
    }
    let (losses, weights) = steps(DeviceChoice::Vulkan, Precision::F32);
    assert!(losses < 1e-4 && weights < 1e-3, "losses are {losses} apart, weights {weights}");
}
