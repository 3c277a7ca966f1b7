//! Read, predict, stitch, vectorise: each stage owns its threads, with bounded queues between.
//!
//! Readers (`compute.readers` threads, each with its own GDAL handles) take the windows in plan order and send
//! chips; predictors, one for each of `compute.threads` as far as memory allows, predict them on a pool of as many threads:
//! a window is one thread's, unless others have nothing to do; the calling thread collects: it stitches strips and traces
//! polygons, while threads of each strip's own write its rows. Nothing is shared but the number of the next window and a stop flag.

mod collect;
mod timing;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arpent_gdal::{DatesReader, GdalError};
use arpent_model::{ModelError, Prediction, Predictor};
use arpent_raster::Chip;
use arpent_tiling::PlannedWindow;
use crossbeam_channel::{Receiver, Sender, bounded};

pub use collect::{Collected, Collector, SPOOL_RUN_BYTES};
pub use timing::Clock;

use crate::error::JobError;
use crate::job::MapJob;
use crate::progress::Stage;

/// What a reader sends: the number of a window and its pixels, `None` when its core has no valid pixel.
type Read = (usize, Result<Option<Chip>, GdalError>);

/// What the predictor sends.
type Predicted = (usize, Result<Option<Prediction>, PipelineError>);

/// Why a pipeline stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A window could not be read: the scene is bad, the others may be good.
    #[error(transparent)]
    Read(#[from] GdalError),
    /// A window could not be predicted.
    #[error(transparent)]
    Predict(#[from] ModelError),
    /// Rows or features could not be written.
    #[error(transparent)]
    Collect(#[from] anyhow::Error),
}

/// What the stages run on.
#[derive(Debug, Clone, Copy)]
pub struct Stages<'a> {
    /// Predicts.
    pub predictor: &'a Predictor,
    /// The threads of all predictions.
    pub pool: &'a rayon::ThreadPool,
    /// Predictions that run side by side.
    pub predictors: usize,
    /// Threads that read.
    pub readers: usize,
    /// Times of the stages.
    pub clock: &'a Clock,
    /// Ends the readers when it is set, and then the other stages.
    pub stop: &'a AtomicBool,
}

/// Runs the windows of a map through the stages, up to temporary files.
///
/// # Errors
/// [`PipelineError`]; nothing was published.
pub fn run(map: &MapJob, stages: Stages, mut collector: Collector) -> Result<Collected, PipelineError> {
    let windows = map.plan.windows();
    let progress = Stage::begin("predict", map.plan.pixels_wanted());
    let (next, stop) = (AtomicUsize::new(0), stages.stop);
    let outcome = std::thread::scope(|scope| {
        // Where several chips are computed at a time, the next ones wait meanwhile.
        let waiting = if stages.predictor.at_once() > 1 { stages.predictor.at_once() } else { 0 };
        let (read_out, read_in) = bounded::<Read>(waiting);
        let (predicted_out, predicted_in) = bounded::<Predicted>(1);
        for _ in 0..stages.readers {
            let out = read_out.clone();
            let next = &next;
            scope.spawn(move || read_windows(map, next, stop, stages.clock, &out));
        }
        drop(read_out);
        for _ in 0..stages.predictors {
            let (read_in, predicted_out) = (read_in.clone(), predicted_out.clone());
            scope.spawn(move || stages.predict_chips(windows, &read_in, &predicted_out));
        }
        drop((read_in, predicted_out));
        let outcome = collect_all(windows, &predicted_in, &mut collector, &progress);
        // Only a failure ends others: they may still have work when every window is done.
        stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
        // Stages that wait to send see the queue closed and end.
        drop(predicted_in);
        outcome
    });
    outcome?;
    let collected = collector.finish()?;
    progress.end(&format!(
        "{} windows, {} skipped as nodata",
        windows.len(),
        collected.counts.windows_skipped
    ));
    Ok(collected)
}

fn read_windows(map: &MapJob, next: &AtomicUsize, stop: &AtomicBool, clock: &Clock, out: &Sender<Read>) {
    let dates = map.dates.iter().map(|d| (&d.mosaic, d.scenes.iter().map(|s| s.bands.clone()).collect()));
    let mut reader = match DatesReader::new(dates) {
        Ok(reader) => reader,
        Err(error) => {
            // Nobody listens any more when the queue is closed.
            let _ = out.send((0, Err(error)));
            return;
        }
    };
    while !stop.load(Ordering::Relaxed) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(window) = map.plan.windows().get(index) else { break };
        let chip = clock.read.time(|| reader.read(window.read));
        // A window whose core has no valid pixel is not predicted.
        let wanted = chip.map(|c| c.any_valid_in(&window.core).then_some(c));
        let failed = wanted.is_err();
        if out.send((index, wanted)).is_err() || failed {
            break;
        }
    }
}

impl Stages<'_> {
    fn predict_chips(&self, windows: &[PlannedWindow], input: &Receiver<Read>, out: &Sender<Predicted>) {
        while let Ok(first) = input.recv() {
            let waiting = std::iter::from_fn(|| input.try_recv().ok()).take(self.predictor.at_once() - 1);
            let read: Vec<Read> = std::iter::once(first).chain(waiting).collect();
            for answer in self.predicted(windows, read) {
                let failed = answer.1.is_err();
                if out.send(answer).is_err() || failed {
                    return;
                }
            }
        }
    }

    /// What comes of windows that were read.
    fn predicted(&self, windows: &[PlannedWindow], read: Vec<Read>) -> Vec<Predicted> {
        let (mut answers, mut numbers, mut chips) = (Vec::new(), Vec::new(), Vec::new());
        for (index, chip) in read {
            match chip {
                Err(error) => answers.push((index, Err(error.into()))),
                Ok(None) => answers.push((index, Ok(None))),
                Ok(Some(chip)) => {
                    numbers.push(index);
                    chips.push((chip, windows[index].core));
                }
            }
        }
        let Some(first) = numbers.first().copied() else { return answers };
        match self.clock.predict.time(|| self.pool.install(|| self.predictor.predict_all(&chips))) {
            Ok(all) => answers.extend(numbers.into_iter().zip(all.into_iter().map(|p| Ok(Some(p))))),
            Err(error) => answers.push((first, Err(error.into()))),
        }
        answers
    }
}

fn collect_all(
    windows: &[PlannedWindow],
    input: &Receiver<Predicted>,
    collector: &mut Collector,
    progress: &Stage,
) -> Result<(), PipelineError> {
    let mut seen = 0;
    for (index, answer) in input {
        collector.take(&windows[index], answer?)?;
        progress.advance(windows[index].core.pixels());
        seen += 1;
    }
    if seen < windows.len() {
        return Err(anyhow::Error::new(JobError::Stopped { stage: "prediction" }).into());
    }
    Ok(())
}
