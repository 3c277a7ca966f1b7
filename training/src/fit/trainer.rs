//! The loop over epochs and steps.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Result};
use arpent_model::{Architecture, Band, DeviceChoice, ModelError, Weights, panic_message};
use arpent_shell::energy::Meter;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Bytes, Device, Tensor};

use super::batch::{Aim, Batches};
use super::checkpoint::{Checkpoint, Progress};
use super::log::{Epoch, Log};
use super::loss::Objective;
use super::memory;
use super::place::Place;
use super::rate::rate;
use crate::config::{Config, Keep, difference};
use crate::data::{Draw, Sample};
use crate::error::TrainError;
use crate::network::{Network, fold};
use crate::progress::Bar;

/// Batches of held-out chips, at most, on which the loss is taken too.
const HELD_OUT: usize = 4;

/// The inputs of a training.
pub(crate) struct TrainingSetup<'a> {
    pub(crate) config: &'a Config,
    pub(crate) architecture: &'a Architecture,
    pub(crate) bands: &'a [Band],
    pub(crate) draw: &'a dyn Draw,
    /// Weights of the classes in the loss.
    pub(crate) class_weights: Vec<f32>,
    /// Hash over what the data sets list.
    pub(crate) data: String,
    pub(crate) place: Place,
    pub(crate) meter: &'a Meter,
    /// Scores of folded weights on the validation split, and the name of the one that counts.
    pub(crate) judge: &'a dyn Fn(&Weights) -> Result<BTreeMap<String, f64>>,
    pub(crate) score: &'a str,
}

/// The initial state.
pub(crate) enum Start {
    /// From these weights.
    Fresh(Weights),
    /// From where a run stopped.
    From(Box<Checkpoint>),
}

/// The result of a training.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The chosen state of the network, folded.
    pub(crate) weights: Weights,
    /// Its epoch.
    pub(crate) epoch: usize,
    pub(crate) progress: Progress,
    /// Watt-hours before an interruption.
    pub(crate) energy_before: f64,
    /// The device that computed the steps.
    pub(crate) device: DeviceChoice,
}

/// Trains to the last epoch, or until the score stops improving.
pub(crate) fn train(
    setup: &TrainingSetup<'_>,
    start: Start,
    mut report: impl FnMut(&Epoch) -> Result<()>,
) -> Result<Trained> {
    let mut trainer = Trainer::begin(setup, start)?;
    let total = setup.config.fit.epochs.get();
    while trainer.progress.epoch < total && !trainer.exhausted() {
        let line = trainer.epoch()?;
        report(&line)?;
    }
    if trainer.progress.epoch < total {
        let (epoch, best) = trainer.progress.best.unwrap_or_default();
        let waited = setup.config.fit.early_stopping;
        arpent_shell::message::notice(&format!(
            "stopped: no better {} than {best:.4} (epoch {epoch}) in {waited} epochs",
            setup.score
        ));
    }
    trainer.finish()
}

struct Trainer<'a> {
    setup: &'a TrainingSetup<'a>,
    batches: Batches<'a>,
    /// Chips of the validation split, the same at every epoch.
    held_out: Vec<Sample>,
    objective: Objective,
    device: Device,
    on: DeviceChoice,
    network: Network,
    optimizer: ModuleOptimizer,
    progress: Progress,
    log: Log,
    began: Instant,
    /// Seconds and watt-hours of the run before an interruption.
    before: (f64, f64),
}

impl<'a> Trainer<'a> {
    fn begin(setup: &'a TrainingSetup<'a>, start: Start) -> Result<Self> {
        let fit = &setup.config.fit;
        let (device, on) = fit.device.open(fit.precision)?;
        let device = device.autodiff();
        if on == DeviceChoice::Cpu {
            memory::check(setup.architecture, fit)?;
        } else {
            arpent_shell::message::notice(&format!("steps are computed on the {}", on.title()));
        }
        let optimizer = AdamWConfig::new().with_weight_decay(fit.weight_decay).init();
        let (state, optimizer, progress) = match start {
            Start::Fresh(state) => (state, optimizer, fresh(setup)),
            Start::From(checkpoint) => {
                let Checkpoint { progress, network, optimizer: bytes } = *checkpoint;
                refuse_another(setup, &progress)?;
                let optimizer = optimizer.from_bytes(Bytes::from_bytes_vec(bytes));
                let optimizer = optimizer
                    .map_err(|e| arpent_base::Failure::text(format!("{e:?}")))
                    .context("the optimizer's state")?;
                (network, optimizer, progress)
            }
        };
        Ok(Self {
            setup,
            batches: Batches {
                fit,
                bands: setup.bands,
                classes: setup.config.classes.len(),
                aim: match setup.architecture.strides() {
                    Some(strides) => Aim::Locations {
                        strides: strides.to_vec(),
                        oriented: setup.architecture.is_oriented(),
                    },
                    None if setup.config.is_detection() => Aim::Heat,
                    None => Aim::Labels,
                },
                draw: setup.draw,
            },
            held_out: setup.draw.held_out(fit.chip_px.get(), HELD_OUT * fit.batch.get(), fit.seed)?,
            objective: Objective::new(setup.config, setup.class_weights.clone()),
            network: Network::for_training(setup.architecture, &state, &device)?.convolving_in(fit.precision),
            device,
            on,
            optimizer,
            log: Log::open(&setup.place.log(), progress.log_bytes)?,
            before: (progress.seconds, progress.energy_wh),
            progress,
            began: Instant::now(),
        })
    }

    /// One epoch: steps, validation, log, checkpoints.
    fn epoch(&mut self) -> Result<Epoch> {
        let fit = &self.setup.config.fit;
        let number = self.progress.epoch + 1;
        let bar = Bar::begin(&format!("epoch {number}/{}", fit.epochs), fit.steps_per_epoch.get());
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        let mut sum = 0.0;
        for step in self.progress.epoch * fit.steps_per_epoch.get()..number * fit.steps_per_epoch.get() {
            let (loss, terms) = self.step(step)?;
            sum += loss;
            for (name, value) in terms {
                *sums.entry(name.to_owned()).or_default() += value;
            }
            bar.advance(loss);
        }
        bar.end();
        let mean = |sum: f64| sum / exact(fit.steps_per_epoch.get());
        let state = self.network.state();
        let (scores, validation_loss) = self.validate(number, &state)?;
        let total = fit.epochs.get() * fit.steps_per_epoch.get();
        let line = Epoch {
            number,
            loss: mean(sum),
            terms: sums.into_iter().map(|(name, sum)| (name, mean(sum))).collect(),
            validation_loss,
            rate: rate(fit, number * fit.steps_per_epoch.get() - 1, total),
            scores,
            seconds: self.before.0 + self.began.elapsed().as_secs_f64(),
            energy_wh: self.before.1 + self.setup.meter.read().watt_hours,
        };
        self.keep(&line, state)?;
        Ok(line)
    }

    /// One step; failures of a device are caught: GPU backends panic.
    fn step(&mut self, step: usize) -> Result<(f64, Vec<(&'static str, f64)>)> {
        if self.on == DeviceChoice::Cpu {
            return self.step_inside(step);
        }
        let done = catch_unwind(AssertUnwindSafe(|| self.step_inside(step)));
        done.unwrap_or_else(|panic| {
            let fit = &self.setup.config.fit;
            Err(memory::device_failed(self.on, &panic_message(panic.as_ref()), fit, &self.kept()).into())
        })
    }

    /// One step: its loss and the terms of it.
    fn step_inside(&mut self, step: usize) -> Result<(f64, Vec<(&'static str, f64)>)> {
        let fit = &self.setup.config.fit;
        let (input, truth) = self.batches.step(step, &self.device)?;
        let (loss, terms) = self.objective.loss(&self.network.answers(input), &truth);
        let value = number(loss.clone())?;
        if !value.is_finite() {
            return Err(self.diverged(step, format!("the loss is {value}")).into());
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        let rate = rate(fit, step, fit.epochs.get() * fit.steps_per_epoch.get());
        self.network = self.optimizer.step(rate, self.network.clone(), gradients);
        let read = |(name, term): (&'static str, Tensor<1>)| Ok((name, f64::from(number(term)?)));
        Ok((f64::from(value), terms.into_iter().map(read).collect::<Result<_>>()?))
    }

    fn diverged(&self, step: usize, what: String) -> TrainError {
        TrainError::Diverged { what, step: step + 1, epoch: self.progress.epoch + 1, kept: self.kept() }
    }

    /// What is kept of the training if it fails now.
    fn kept(&self) -> String {
        match self.progress.epoch {
            0 => "there is no checkpoint yet".to_owned(),
            epoch => format!("{} holds the state after epoch {epoch}", self.setup.place.last().display()),
        }
    }

    /// Scores and the loss on held-out chips, when due: every `validate_every` epochs, and after the last.
    fn validate(&self, number: usize, state: &Weights) -> Result<(BTreeMap<String, f64>, Option<f64>)> {
        let fit = &self.setup.config.fit;
        if !number.is_multiple_of(fit.validate_every.get()) && number != fit.epochs.get() {
            return Ok((BTreeMap::new(), None));
        }
        let folded = fold(self.setup.architecture, state).map_err(Into::into);
        let both = folded.and_then(|w| Ok(((self.setup.judge)(&w)?, self.held_out_loss(&w)?)));
        both.map_err(|error: arpent_base::Failure| match error.downcast_ref::<ModelError>() {
            Some(ModelError::NotFinite { tensor, .. }) => self
                .diverged(number * fit.steps_per_epoch.get() - 1, format!("`{tensor}` is not finite"))
                .into(),
            _ => error,
        })
    }

    /// Mean loss of folded weights over batches of held-out chips. It needs no gradients, and does not run the network
    /// in training: its normalizations would adapt to the held-out chips.
    fn held_out_loss(&self, folded: &Weights) -> Result<Option<f64>> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let device = Device::flex();
        let network = Network::for_prediction(self.setup.architecture, folded, &device)?;
        let mut sum = 0.0;
        for samples in self.held_out.chunks(self.setup.config.fit.batch.get()) {
            let (input, truth) = self.batches.of(samples, &device);
            let (loss, _) = self.objective.loss(&network.answers(input), &truth);
            sum += f64::from(number(loss)?);
        }
        // Every batch is full: the number of held chips is a multiple of the batch.
        let batches = exact(self.held_out.len() / self.setup.config.fit.batch.get());
        Ok(Some(sum / batches))
    }

    /// Writes the log's line, then the checkpoints; the last one makes the epoch count as done.
    fn keep(&mut self, line: &Epoch, network: Weights) -> Result<()> {
        self.progress.log_bytes = self.log.add(line)?;
        self.progress.epoch = line.number;
        self.progress.loss = line.loss;
        (self.progress.seconds, self.progress.energy_wh) = (line.seconds, line.energy_wh);
        let score = line.scores.get(self.setup.score).copied();
        let better = self.progress.take(line.number, score, line.validation_loss);
        let optimizer =
            self.optimizer.into_bytes().map_err(|e| arpent_base::Failure::text(format!("{e:?}")))?;
        let checkpoint =
            Checkpoint { progress: self.progress.clone(), network, optimizer: optimizer.to_vec() };
        if better {
            checkpoint.save(&self.setup.place.best())?;
        }
        checkpoint.save(&self.setup.place.last())
    }

    /// Whether the score has not improved within the patience.
    fn exhausted(&self) -> bool {
        let patience = self.setup.config.fit.early_stopping;
        let best = self.progress.best.map_or(self.progress.epoch, |(epoch, _)| epoch);
        patience > 0 && self.progress.epoch >= best + patience
    }

    fn finish(self) -> Result<Trained> {
        let mut epoch = self.progress.epoch;
        let mut state = self.network.state();
        if self.setup.config.fit.keep == Keep::Best
            && let Some(best) = self.progress.kept_epoch().filter(|best| *best != epoch)
        {
            let path = self.setup.place.best();
            let missing = || {
                TrainError::refused(format!("{} is missing", path.display()), "begin again with --restart")
            };
            let kept = Checkpoint::load(&path)?.filter(|c| c.progress.epoch == best).ok_or_else(missing)?;
            (epoch, state) = (best, kept.network);
        }
        Ok(Trained {
            weights: fold(self.setup.architecture, &state)?,
            epoch,
            progress: self.progress,
            energy_before: self.before.1,
            device: self.on,
        })
    }
}

fn fresh(setup: &TrainingSetup<'_>) -> Progress {
    Progress {
        epoch: 0,
        best: None,
        kept: None,
        loss: 0.0,
        log_bytes: 0,
        seconds: 0.0,
        energy_wh: 0.0,
        identity: setup.config.identity.clone(),
        data: setup.data.clone(),
    }
}

/// A run is resumed only with the same configuration and data.
fn refuse_another(setup: &TrainingSetup<'_>, before: &Progress) -> Result<(), TrainError> {
    let path = setup.place.last();
    let hint = "use the configuration and the data of the interrupted run, or start again with --restart";
    let changed = difference(&before.identity, &setup.config.identity);
    if !changed.is_empty() {
        let problem = format!("{} is of another configuration: {changed}", path.display());
        return Err(TrainError::refused(problem, hint));
    }
    if before.data != setup.data {
        let problem =
            format!("{} is of other data: items, groups, splits or band statistics differ", path.display());
        return Err(TrainError::refused(problem, hint));
    }
    Ok(())
}

fn number(value: Tensor<1>) -> Result<f32> {
    Ok(value
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|e| arpent_base::Failure::text(format!("{e:?}")))
        .context("the loss cannot be read")?[0])
}
