//! A training that is interrupted at any epochs ends with the same weights, scores and log as an uninterrupted one.

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::{Failure, Result};
use arpent_model::{Band, Weights};
use arpent_shell::energy::Meter;
use proptest::prelude::*;

use crate::config::Config;
use crate::data::{Draw, ObjectBox, Purpose, Rng, Sample, Target};
use crate::fit::{Checkpoint, Epoch, Place, Start, Trained, TrainingSetup, train};
use crate::job::first_weights;
use crate::package;
use crate::toy::Toy;

const SEGMENTATION: [&str; 3] =
    ["semantic-segmentation", "", r#"{ kind = "cross-entropy" }, { kind = "dice" }"#];
const DETECTION: [&str; 3] = [
    "object-detection",
    "detection = { threshold = 0.3, iou = 0.5 }",
    r#"{ kind = "heat" }, { kind = "size", weight = 0.5 }"#,
];

/// The random parts of a training.
#[derive(Debug, Clone)]
struct Setting {
    detection: bool,
    seed: u64,
    epochs: usize,
    steps: usize,
    batch: usize,
    keep: &'static str,
    early_stopping: usize,
    weight_decay: f64,
}

impl Setting {
    fn config(&self, folder: &Path) -> Config {
        let Self { seed, epochs, steps, batch, keep, early_stopping, weight_decay, .. } = self;
        let [task, detection, loss] = if self.detection { DETECTION } else { SEGMENTATION };
        let architecture = r#"architecture = { kind = "unet", widths = [4, 6], encoder_convs = [1, 1] }"#;
        let rest = format!(
            "[fit]\nseed = {seed}\nepochs = {epochs}\nsteps_per_epoch = {steps}\n\
             batch = {batch}\nchip_px = 16\nlearning_rate = 0.01\nweight_decay = {weight_decay}\nwarmup_share = 0.3\n\
             keep = \"{keep}\"\nearly_stopping = {early_stopping}\n[loss]\nterms = [{loss}]\n"
        );
        let toy = Toy {
            task,
            model: &format!("{architecture}\n{detection}"),
            classes: &[(0, "a", "#000000"), (1, "b", "#000001")],
            rest: &rest,
        };
        toy.config(folder)
    }
}

/// Chips of noise with a bright rectangle: whatever is drawn comes from the stream alone.
#[derive(Debug)]
struct Rectangles {
    detection: bool,
}

impl Draw for Rectangles {
    fn draw(&self, side: usize, rng: &mut Rng) -> Result<Sample> {
        let [x0, y0] = [0, 1].map(|_| rng.below(side - 3));
        let is_in = |i: usize| (x0..x0 + 3).contains(&(i % side)) && (y0..y0 + 3).contains(&(i / side));
        let value = |i: usize, rng: &mut Rng| {
            if is_in(i % (side * side)) { 200.0 } else { f32::from(rng.below(90) as u8) }
        };
        let data = (0..3 * side * side).map(|i| value(i, rng)).collect();
        let valid = (0..side * side).map(|_| rng.chance(0.9)).collect();
        let target = if self.detection {
            let [west, north] = [x0, y0].map(|v| v as f64);
            Target::Boxes(vec![ObjectBox {
                class: 1,
                sides: [west, north, west + 3.0, north + 3.0],
                oriented: None,
            }])
        } else {
            Target::Labels((0..side * side).map(|i| u8::from(is_in(i))).collect())
        };
        Ok(Sample { side, data, valid, target })
    }

    fn held_out(&self, side: usize, count: usize, seed: u64) -> Result<Vec<Sample>> {
        (0..count).map(|i| self.draw(side, &mut Rng::of(seed, Purpose::HeldOut, 0, i))).collect()
    }
}

/// A score that looks like chance, of weights alone.
fn score(weights: &Weights) -> f64 {
    let bits = weights.iter().flat_map(|(_, tensor)| &tensor.data).map(|v| u64::from(v.to_bits()));
    let hash = bits.fold(7u64, |hash, v| (hash ^ v).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29));
    (hash % 8) as f64 / 8.0
}

/// Trains in a folder, with so many threads, interrupted after each of these epochs.
fn trained(
    setting: &Setting,
    folder: &Path,
    threads: usize,
    interruptions: &[usize],
) -> (Trained, Vec<Epoch>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| interrupted(setting, folder, interruptions))
}

fn interrupted(setting: &Setting, folder: &Path, interruptions: &[usize]) -> (Trained, Vec<Epoch>) {
    let config = setting.config(folder);
    let architecture = package::architecture(&config, 3).unwrap();
    let bands = ["red", "green", "blue"];
    let bands = bands.map(|name| Band {
        name: name.into(),
        mean: 60.0,
        std: 50.0,
        unit: None,
        number: None,
        dequantize: None,
    });
    let meter = Meter::start(arpent_shell::energy::WATTS_PER_CORE);
    let draw = Rectangles { detection: setting.detection };
    let place = Place::of(folder);
    let setup = TrainingSetup {
        config: &config,
        architecture: &architecture,
        bands: &bands,
        draw: &draw,
        class_weights: vec![1.0, 2.0],
        data: "the same".to_owned(),
        place: place.clone(),
        meter: &meter,
        judge: &|weights| Ok(BTreeMap::from([("score".to_owned(), score(weights))])),
        score: "score",
    };
    let mut ends = interruptions.iter().copied();
    let mut lines = Vec::new();
    loop {
        let start = match Checkpoint::load(&place.last()).unwrap() {
            Some(checkpoint) => Start::From(Box::new(checkpoint)),
            None => Start::Fresh(first_weights(&config, &architecture).unwrap()),
        };
        let end = ends.next();
        let done = train(&setup, start, |epoch| {
            lines.push(Epoch { seconds: 0.0, energy_wh: 0.0, ..epoch.clone() });
            if Some(epoch.number) == end { Err(Failure::text("interrupted".to_owned())) } else { Ok(()) }
        });
        match done {
            Ok(trained) => return (trained, lines),
            Err(error) => assert_eq!(error.to_string(), "interrupted"),
        }
    }
}

fn settings() -> impl Strategy<Value = Setting> {
    let keep = prop::sample::select(vec!["last", "best"]);
    (
        any::<bool>(),
        0u64..1 << 30,
        2usize..6,
        1usize..3,
        1usize..3,
        keep,
        0usize..4,
        prop::sample::select(vec![0.0, 0.01]),
    )
        .prop_map(|(detection, seed, epochs, steps, batch, keep, early_stopping, weight_decay)| {
            Setting { detection, seed, epochs, steps, batch, keep, early_stopping, weight_decay }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_interrupted_training_ends_as_one_that_is_not(setting in settings(), first in 1usize..5, second in 1usize..5) {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (whole, lines) = trained(&setting, folders[0].path(), 1, &[]);
        let (resumed, again) = trained(&setting, folders[1].path(), 3, &[first, first.max(second)]);
        prop_assert_eq!(lines, again);
        prop_assert_eq!((whole.epoch, whole.progress.best, whole.progress.kept), (resumed.epoch, resumed.progress.best, resumed.progress.kept));
        let bits = |weights: &Weights| -> Vec<(String, Vec<u32>)> {
            weights.iter().map(|(name, t)| (name.to_owned(), t.data.iter().map(|v| v.to_bits()).collect())).collect()
        };
        prop_assert!(bits(&whole.weights) == bits(&resumed.weights), "weights differ");
        let state = |folder: &tempfile::TempDir| Checkpoint::load(&Place::of(folder.path()).last()).unwrap().unwrap();
        let (one, other) = (state(&folders[0]), state(&folders[1]));
        // The optimizer's record names parameters by numbers that are drawn anew for each process.
        prop_assert!(bits(&one.network) == bits(&other.network), "states differ");
    }
}
