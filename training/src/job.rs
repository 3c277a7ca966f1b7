//! One training, from its configuration to the package.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use arpent_datasets::{
    Crown, DatasetError, LabeledTile, Source, Split, neon_crowns, neon_osbs_029, neon_sjer,
    neon_yell_528000_west, neon_yell_541000, yell_528000,
};
use arpent_model::{
    Band, DeviceChoice, GsdRange, ModelPackage, Network, Predictor, Score, Task, TrainingSource, Weights,
    WeightsFile, overlap, receptive_field_radius, stride,
};
use arpent_raster::{Class, Color, Nomenclature, SampleType};
use serde::Serialize;

use crate::FitArgs;
use crate::card::{self, Outcome};
use crate::config::Config;
use crate::energy::Meter;
use crate::evaluate::{self, Counts};
use crate::fit::{self, Epoch};
use crate::sample::Pool;

/// Runs `arpent-train fit`.
pub(crate) fn run(args: &FitArgs) -> Result<()> {
    let config = resolve(args)?;
    let meter = Meter::start();
    let data = Loaded::read(&config)?;
    note(&format!("{} crowns, {} tiles", data.crowns.len(), data.tiles.len()));
    let bands = bands(&data);
    let train: Vec<Crown> = data.crowns.iter().filter(|c| c.split == Split::Train).cloned().collect();
    let pool = Pool::new(data.tiles.clone(), train, config.sampling.clone());
    let mut package = package(&config, &bands)?;
    let mut last = 0.0;
    let weights = fit::fit(&config, &bands, &pool, |epoch, network| {
        last = epoch.loss;
        watch(&config, &package, &data, epoch, network)
    })?;
    let outcome = score(&package, &weights, &data, last)?;
    let (energy, cpu_s) = meter.stop(config.energy.core_w);
    note(&format!("{:.0} CPU seconds, {} Wh", cpu_s, energy.training_wh));
    package.scores = scores(&outcome);
    package.territories = outcome.sites.keys().map(|site| format!("NEON site {site}, USA")).collect();
    package.energy = Some(energy);
    package.save(&weights, &config.data.output)?;
    let text = card::write(&package, &config, &outcome, &weights);
    let path = config.data.output.join("card.md");
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    tell(&outcome)?;
    note(&format!("package written to {}", config.data.output.display()));
    Ok(())
}

/// The configuration with what the command line changes.
fn resolve(args: &FitArgs) -> Result<Config> {
    let mut config = Config::read(&args.config)?;
    if let Some(root) = &args.data {
        config.data.root.clone_from(root);
    }
    if let Some(packages) = &args.packages {
        config.data.packages.clone_from(packages);
    }
    if let Some(output) = &args.output {
        config.data.output.clone_from(output);
    }
    config.fit.seed = args.seed.unwrap_or(config.fit.seed);
    config.fit.epochs = args.epochs.unwrap_or(config.fit.epochs).max(1);
    Ok(config)
}

/// All data of the task.
struct Loaded {
    crowns: Vec<Crown>,
    tiles: Vec<LabeledTile>,
    /// The demo scene with its tree boxes, where it is at hand; those of its east, which is never trained on.
    scene: Option<(arpent_datasets::Picture, Vec<arpent_datasets::TileBox>)>,
}

impl Loaded {
    fn read(config: &Config) -> Result<Self, DatasetError> {
        let (root, packages) = (&config.data.root, &config.data.packages);
        // The first two tiles are drawn most: they have dead trees and ground of many kinds.
        let tiles = vec![
            neon_yell_528000_west(packages)?,
            neon_yell_541000(packages)?,
            neon_osbs_029(root)?,
            neon_sjer(root)?,
        ];
        let scene = match yell_528000(packages) {
            Ok(scene) => Some(scene),
            Err(DatasetError::Missing { .. }) => None,
            Err(other) => return Err(other),
        };
        Ok(Self { crowns: neon_crowns(root)?, tiles, scene })
    }

    fn held_out(&self) -> Vec<&Crown> {
        self.crowns.iter().filter(|c| c.split == Split::Validation).collect()
    }
}

/// Means and standard deviations over the training pictures.
#[allow(clippy::cast_possible_truncation, reason = "values of 8-bit bands")]
fn bands(data: &Loaded) -> Vec<Band> {
    let crowns = data.crowns.iter().filter(|c| c.split == Split::Train).map(|c| &c.picture);
    let pictures: Vec<_> = crowns.chain(data.tiles.iter().map(|t| &t.picture)).collect();
    let band = |(index, name): (usize, &str)| {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for pixel in pictures.iter().flat_map(|p| &p.pixels) {
            let value = f64::from(pixel[index]);
            count += 1.0;
            sum += value;
            squares += value * value;
        }
        let mean = sum / f64::max(count, 1.0);
        let std = (squares / f64::max(count, 1.0) - mean * mean).max(1.0).sqrt();
        let round = |v: f64| (v * 10.0).round() as f32 / 10.0;
        Band { name: name.into(), mean: round(mean), std: round(std), unit: Some("digital number".into()) }
    };
    ["red", "green", "blue"].into_iter().enumerate().map(band).collect()
}

fn package(config: &Config, bands: &[Band]) -> Result<ModelPackage> {
    let class = |id: u8, name: &str, name_fr: &str, color: [u8; 3]| Class {
        id,
        name: name.into(),
        name_fr: Some(name_fr.into()),
        color: Color(color),
        features: id > 0,
    };
    let classes = Nomenclature::new(vec![
        class(arpent_datasets::GROUND, "ground", "sol", [0xc8, 0xb4, 0x8c]),
        class(arpent_datasets::LIVE, "live tree", "arbre vivant", [0x2e, 0x7d, 0x32]),
        class(arpent_datasets::DEAD, "standing dead tree", "arbre mort sur pied", [0xd8, 0x1b, 0x60]),
    ])?;
    let architecture = fit::architecture(config);
    architecture.check(&config.model.id)?;
    let source = |s: Source| TrainingSource {
        name: s.name.into(),
        licence: s.licence.into(),
        source: s.source.into(),
    };
    let sources = [
        Source::NEON_CROWNS,
        Source::NEON_YELL_528000_WEST,
        Source::NEON_YELL_541000,
        Source::NEON_OSBS_029,
        Source::NEON_SJER,
    ];
    Ok(ModelPackage {
        format: arpent_model::FORMAT.into(),
        id: config.model.id.clone(),
        version: config.model.version.clone(),
        task: Task::SemanticSegmentation,
        title: config.model.title.clone(),
        bands: bands.to_vec(),
        value_range: [0.0, 255.0],
        sample_types: vec![SampleType::Uint8],
        gsd_m: GsdRange { nominal: 0.1, min: 0.08, max: 0.125 },
        classes,
        receptive_field_px: receptive_field_radius(&architecture),
        overlap_px: overlap(&architecture, false),
        overlap_tolerance: None,
        stride_px: stride(&architecture),
        weights: WeightsFile { file: "weights.safetensors".into(), sha256: String::new() },
        licence: config.model.licence.clone(),
        training_data: sources.map(source).to_vec(),
        scores: BTreeMap::new(),
        territories: Vec::new(),
        energy: None,
        detection: None,
        architecture,
    })
}

/// Tells how an epoch went; every few epochs with scores on the held-out sites.
fn watch(
    config: &Config,
    package: &ModelPackage,
    data: &Loaded,
    epoch: &Epoch,
    network: &Network,
) -> Result<()> {
    tell(epoch)?;
    let Epoch { number, loss, elapsed_s } = epoch;
    note(&format!("epoch {number}/{}: loss {loss:.4}, {elapsed_s:.0} s", config.fit.epochs));
    if number % 5 == 0 {
        let counts = votes(package, &arpent_model::fold(&package.architecture, &network.state())?, data)?.0;
        let (live, dead) = (counts.live_recall(), counts.dead_recall());
        note(&format!("  held out: {live:.3} of live crowns, {dead:.3} of dead crowns; {counts:?}"));
    }
    Ok(())
}

fn votes(
    package: &ModelPackage,
    weights: &Weights,
    data: &Loaded,
) -> Result<(Counts, BTreeMap<String, Counts>)> {
    let predictor = Predictor::load(package, weights, DeviceChoice::Cpu)?;
    evaluate::crowns(&predictor, &data.held_out())
}

fn score(package: &ModelPackage, weights: &Weights, data: &Loaded, loss: f64) -> Result<Outcome> {
    let (all, sites) = votes(package, weights, data)?;
    let predictor = Predictor::load(package, weights, DeviceChoice::Cpu)?;
    let found = data.scene.as_ref().map(|(picture, boxes)| {
        Ok::<_, anyhow::Error>((evaluate::found(&predictor, picture, boxes)?, boxes.len()))
    });
    Ok(Outcome { loss, all, sites, found: found.transpose()? })
}

fn scores(outcome: &Outcome) -> BTreeMap<String, Score> {
    let counts = &outcome.all;
    let score = |value: f64, measure: &str| Score {
        value: (value * 1e4).round() / 1e4,
        split: "validation".into(),
        measure: measure.into(),
    };
    let mut scores = BTreeMap::from([
        (
            "balanced_accuracy".to_owned(),
            score(
                counts.balanced_accuracy(),
                "mean of live_recall and dead_recall, crown crops of held-out NEON sites; by majority of the tree \
                 pixels in the crop's central ellipse, a crown mapped mostly as ground counts as wrong",
            ),
        ),
        ("live_recall".to_owned(), score(counts.live_recall(), "live crowns mapped as live")),
        ("dead_recall".to_owned(), score(counts.dead_recall(), "dead crowns mapped as dead")),
        (
            "dead_precision".to_owned(),
            score(
                counts.dead_precision(),
                "of crowns mapped as dead, those that are; at the set's own live/dead mix",
            ),
        ),
    ]);
    if let Some((found, boxes)) = outcome.found {
        let mut score = score(
            found,
            &format!("share of {boxes} boxed trees of the demo scene mapped as tree, live or dead"),
        );
        score.split =
            "east of the demo scene (not trained on; its west and another part of the site were)".into();
        scores.insert("demo_trees_found".into(), score);
    }
    scores
}

/// A line of data.
fn tell(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A line of talk.
#[allow(clippy::print_stderr, reason = "progress goes to stderr")]
fn note(text: &str) {
    eprintln!("{text}");
}
