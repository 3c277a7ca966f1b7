//! One training, from its configuration to the package.

mod args;
mod data;
mod doubts;
mod facts;

use std::path::Path;

use arpent_base::number::rounded;
use arpent_base::{DoingWhat as _, Result};
use arpent_model::{
    Architecture, DeviceChoice, ModelPackage, Predictor, Weights, adopt_encoder, read_checkpoint, unfold,
};
use serde::Serialize;

use crate::config::{ClassWeights, Config, StoredWeights};
use crate::error::TrainError;
use crate::evaluate::Judge;
use crate::fit::{Checkpoint, Epoch, Log, Place, Start, Trained, TrainingSetup, train, write_at_once};
use crate::gate::{Gate, territories_of};
use crate::network::initial;
use crate::package::card::Story;
use crate::package::{self, card};
use crate::progress::{next, print_json};
use crate::threads::use_threads;
use arpent_shell::energy::Meter;
use arpent_shell::message::notice;

pub(crate) use args::FitArgs;
pub(crate) use data::TrainingData;
use facts::Facts;

/// Runs `arpent-train fit`.
pub(crate) fn run(args: &FitArgs) -> Result<()> {
    let (config, derived) = args.training()?;
    use_threads(config.fit.threads)?;
    let gate = Gate::read(&args.gate)?;
    let place = Place::of(&config.output);
    let checkpoint = where_to_begin(args, &config, &place)?;
    if let Some(derived) = derived {
        derived.write(args.resume, args.restart)?;
    }
    let meter = Meter::start(config.energy.core_w);
    let source = TrainingData::open(&config)?;
    notice(&source.describe());
    let architecture = package::architecture(&config, source.bands.len())?;
    let draft = package::draft(&config, &architecture, &source.bands, source.provenance())?;
    let judge = source.judge(&config);
    let score = chosen_score(&config, judge.as_ref())?;
    let start = if let Some(checkpoint) = checkpoint {
        Start::From(Box::new(checkpoint))
    } else {
        forget_the_last(&place)?;
        Start::Fresh(first_weights(&config, &architecture)?)
    };
    let setup = TrainingSetup {
        config: &config,
        architecture: &architecture,
        bands: &source.bands,
        draw: source.draw(),
        class_weights: class_weights(&config, &source),
        data: source.fingerprint(),
        place: place.clone(),
        meter: &meter,
        judge: &|weights| judge.scores(&predictor(&draft, weights)?),
        score: &score,
    };
    let trained = train(&setup, start, |epoch| report_epoch(&config, epoch))?;
    finish(&config, draft, &trained, (judge.as_ref(), gate.as_ref()), &meter, &place, &source)
}

/// The run to resume, if any; an unfinished run is not deleted by mistake.
fn where_to_begin(args: &FitArgs, config: &Config, place: &Place) -> Result<Option<Checkpoint>> {
    if args.restart {
        return Ok(None);
    }
    let path = place.last();
    let Some(checkpoint) = Checkpoint::load(&path)? else {
        if args.resume {
            notice("there is no checkpoint yet: starting from the first epoch");
        }
        return Ok(None);
    };
    if args.resume {
        notice(&format!("resuming after epoch {} of {}", checkpoint.progress.epoch, config.fit.epochs));
        return Ok(Some(checkpoint));
    }
    if place.report().exists() {
        return Ok(None);
    }
    let problem =
        format!("{} holds an unfinished training (epoch {})", path.display(), checkpoint.progress.epoch);
    Err(TrainError::refused(problem, "resume with --resume, or start again with --restart").into())
}

/// Removes the mark of a finished run: from here on the run is unfinished.
fn forget_the_last(place: &Place) -> Result<()> {
    for path in [place.report(), place.last(), place.best()] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn chosen_score(config: &Config, judge: &dyn Judge) -> Result<String> {
    let names = judge.names();
    match &config.fit.score {
        None => Ok(names[0].to_owned()),
        Some(name) if names.contains(&name.as_str()) => Ok(name.clone()),
        Some(name) => {
            let problem = format!("fit.score is `{name}`, which this task does not have");
            Err(TrainError::refused(problem, crate::config::nearest(name, names)).into())
        }
    }
}

/// Weights of the classes in the loss.
pub(crate) fn class_weights(config: &Config, source: &TrainingData) -> Vec<f32> {
    match &config.loss.class_weights {
        None => vec![1.0; config.classes.len()],
        Some(ClassWeights::List(list)) => list.clone(),
        Some(ClassWeights::Balanced(_)) => {
            let weights = source.balanced_weights();
            let named = config.classes.iter().zip(&weights).map(|(c, w)| format!("{} {w:.3}", c.name));
            notice(&format!("class weights: {}", named.collect::<Vec<_>>().join(", ")));
            weights
        }
    }
}

/// Random weights, or those of `init` wherever names and shapes agree.
pub(crate) fn first_weights(config: &Config, architecture: &Architecture) -> Result<Weights> {
    let mut state = initial(architecture, config.fit.seed);
    if config.is_detection() {
        doubt(&mut state, architecture, config.classes.len())?;
    }
    let Some(init) = &config.init else { return Ok(state) };
    let is_encoded = matches!(architecture, Architecture::EncoderUnet { .. } | Architecture::Fcos { .. });
    if is_encoded && init.path.is_file() {
        let adopted = adopt_encoder(architecture, &read_checkpoint(&init.path)?, state)?;
        notice(&format!("the encoder is from {}", init.path.display()));
        return Ok(adopted.state);
    }
    let given = read_weights(&init.path)?;
    let same: Vec<_> =
        state.iter().filter(|(name, t)| given.get(name).is_ok_and(|g| g.shape == t.shape)).collect();
    let (taken, all) = (same.len(), state.iter().count());
    let names: Vec<String> = same.into_iter().map(|(name, _)| name.to_owned()).collect();
    if taken == 0 {
        let problem = format!("{} has no tensor of the network's names and shapes", init.path.display());
        return Err(TrainError::refused(problem, "use weights of the same architecture").into());
    }
    for name in names {
        let tensor = given.get(&name)?;
        state.insert(name, &tensor.shape, tensor.data.clone());
    }
    notice(&format!("{taken} of {all} tensors are from {}", init.path.display()));
    Ok(state)
}

/// Initializes a detection network with a low probability of centers (0.1): else the many negatives destabilize the first
/// steps (Lin et al.: *Focal loss for dense object detection*, 2017, 3.3). Boxes start at 16 px wide and high.
fn doubt(state: &mut Weights, architecture: &Architecture, classes: usize) -> Result<()> {
    if architecture.strides().is_some() {
        return doubt_maps(state, architecture, classes);
    }
    let name = format!("{}.bias", architecture.head());
    let mut bias = state.get(&name)?.clone();
    bias.data[..classes].fill(-(9f32.ln()));
    bias.data[classes..].fill(16f32.ln());
    state.insert(name, &bias.shape, bias.data);
    Ok(())
}

/// The same for a detector without anchors, map by map, with the paper's probability of 0.01; boxes start at two strides to
/// each side. First answers are a tenth as far apart as random weights would make them.
fn doubt_maps(state: &mut Weights, architecture: &Architecture, classes: usize) -> Result<()> {
    const SHARE: f32 = 0.01;
    for [scores, boxes] in architecture.last_layers() {
        for layer in [&scores, &boxes] {
            let name = format!("{layer}.weight");
            let mut kernel = state.get(&name)?.clone();
            kernel.data.iter_mut().for_each(|value| *value *= 0.1);
            state.insert(name, &kernel.shape, kernel.data);
        }
        let mut bias = |layer: String, places: std::ops::Range<usize>, value: f32| -> Result<()> {
            let name = format!("{layer}.bias");
            let mut bias = state.get(&name)?.clone();
            bias.data[places].fill(value);
            state.insert(name, &bias.shape, bias.data);
            Ok(())
        };
        bias(scores, 0..classes, -((1.0 - SHARE) / SHARE).ln())?;
        // The nearness of a center comes first. Squares around the pixel's place start from zeros but for their size.
        let sizes = if architecture.is_oriented() { 3..4 } else { 1..5 };
        bias(boxes, sizes, 2f32.ln())?;
    }
    Ok(())
}

/// Weights to continue the training with: of a package, or of a checkpoint.
fn read_weights(path: &Path) -> Result<Weights> {
    if path.is_dir() {
        let (package, weights) = ModelPackage::load(path)?;
        return Ok(unfold(&package.architecture, &weights)?);
    }
    Ok(read_checkpoint(path)?)
}

/// The package with weights, as users run it.
pub(crate) fn predictor(package: &ModelPackage, weights: &Weights) -> Result<Predictor> {
    Ok(Predictor::load(package, weights, DeviceChoice::Cpu)?)
}

fn report_epoch(config: &Config, epoch: &Epoch) -> Result<()> {
    print_json(epoch)?;
    let scores =
        epoch.scores.iter().fold(String::new(), |text, (name, value)| format!("{text}, {name} {value:.4}"));
    let Epoch { number, loss, seconds, .. } = epoch;
    notice(&format!("epoch {number}/{}: loss {loss:.4}{scores}, {seconds:.0} s", config.fit.epochs));
    Ok(())
}

/// The last line on stdout.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    package: &'a Path,
    chosen_epoch: usize,
    epochs: usize,
    loss: f64,
    scores: std::collections::BTreeMap<&'a str, f64>,
    energy_wh: f64,
}

/// Energy of a whole training, to a hundredth of a watt-hour; `before`: watt-hours before an interruption.
fn energy_of(meter: &Meter, before: f64) -> arpent_model::Energy {
    let energy = meter.read();
    let training_wh = rounded(before + energy.watt_hours, 2);
    arpent_model::Energy { training_wh, method: format!("{}: {}", energy.quality.name(), energy.method) }
}

/// Scores the chosen weights, and writes the package, its card and the report's data.
fn finish(
    config: &Config,
    mut package: ModelPackage,
    trained: &Trained,
    (judge, gate): (&dyn Judge, Option<&Gate>),
    meter: &Meter,
    place: &Place,
    source: &TrainingData,
) -> Result<()> {
    let weights = match config.model.weights {
        StoredWeights::F32 => trained.weights.clone(),
        StoredWeights::F16 => trained.weights.in_half()?,
    };
    let predictor = predictor(&package, &weights)?;
    let published = judge.publish(&predictor)?;
    package.scores.clone_from(&published.scores);
    package.territories = published.territories.iter().cloned().map(Into::into).collect();
    package.applicability = source.samples(&package.bands)?;
    package.energy = Some(energy_of(meter, trained.energy_before));
    write(&place.validation(), &serde_json::to_vec_pretty(&published.detail)?)?;
    if let Some(gate) = gate {
        gate.apply(&mut package, &territories_of(&published.detail).unwrap_or_default())?;
    }
    package.save(&weights, &config.output)?;
    let story = Story {
        config,
        published: &published,
        epochs: (trained.epoch, trained.progress.epoch),
        loss: trained.progress.loss,
        told: source.notes(),
    };
    write(&config.output.join("card.md"), card::write(&package, &weights, &story).as_bytes())?;
    let (splits, scenes) = (source.splits(), source.scenes(config, &predictor)?);
    let facts = Facts {
        config,
        package: &package,
        trained,
        parameters: weights.parameters(),
        splits,
        scenes,
        told: source.notes(),
    };
    let report = facts.report(published.shown, &Log::read(&place.log())?);
    report.check()?;
    write(&place.page(), report.to_html().as_bytes())?;
    // The mark of a finished training comes last.
    write(&place.report(), &serde_json::to_vec(&report)?)?;
    print_json(&Outcome {
        package: &config.output,
        chosen_epoch: trained.epoch,
        epochs: trained.progress.epoch,
        loss: trained.progress.loss,
        scores: package.scores.iter().map(|(name, s)| (name.as_str(), s.value)).collect(),
        energy_wh: package.energy.as_ref().map_or(0.0, |e| e.training_wh),
    })?;
    notice(&format!("package written to {}", config.output.display()));
    let (package, written) = (config.output.display().to_string(), config.path.display().to_string());
    let can_be_calibrated = !config.is_detection();
    next(&[if can_be_calibrated { "calibrate" } else { "evaluate" }, &package, &written]);
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_at_once(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
