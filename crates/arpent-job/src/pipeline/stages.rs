//! Readers and predictors of windows.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arpent_base::{Failure, Result};
use arpent_gdal::{DatesReader, GdalError, SharedBlocks};
use arpent_model::{ModelError, Prediction, Predictor};
use arpent_raster::Chip;
use arpent_shell::used::Used;
use arpent_tiling::PlannedWindow;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::hidden::HiddenWindows;
use super::timing::Clock;
use crate::error::JobError;
use crate::job::{MapJob, WindowLevels};

/// Output of a reader: the number of a window and what it found there.
type Read = (usize, Result<Found, PipelineError>);

/// What a reader finds at a window.
#[derive(Debug)]
enum Found {
    /// No valid pixel in its core.
    Nothing,
    /// Masks hide every valid pixel of its core: what stands for its answer.
    Hidden(Prediction),
    /// Pixels to predict.
    Pixels(Chip),
}

/// Output of a predictor.
type Predicted = (usize, Result<Option<Prediction>, PipelineError>);

/// Why a pipeline stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PipelineError {
    /// A window could not be read: the scene is bad, the others may be good.
    #[error(transparent)]
    Read(#[from] GdalError),
    /// A window could not be predicted.
    #[error(transparent)]
    Predict(#[from] ModelError),
    /// Rows or features could not be written.
    #[error(transparent)]
    Sink(#[from] Failure),
}

/// Resources of the stages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PipelineResources<'a> {
    /// Predicts.
    pub predictor: &'a Predictor,
    /// The threads of all predictions.
    pub pool: &'a rayon::ThreadPool,
    /// Predictions that run side by side.
    pub predictors: usize,
    /// Threads that read.
    pub readers: usize,
    /// Number of measured values of a pixel, 0 for classes; `None` for boxes.
    pub values: Option<usize>,
    /// Blocks that readers share, where scenes are remote.
    pub shared: Option<&'a SharedBlocks>,
    /// Where levels of dissimilarity of windows go, if they are computed.
    pub levels: Option<&'a WindowLevels<'a>>,
    /// Times of the stages.
    pub clock: &'a Clock,
    /// Ends the readers when it is set, and then the other stages.
    pub stop: &'a AtomicBool,
    /// Ends the readers before the next run of windows; those that have started are completed.
    pub interrupt: &'a AtomicBool,
}

/// Reads and predicts windows of a map, given as ranges of its plan; `sink` takes the predictions in any order
/// (`None` for a window without a valid pixel). Whether all were done: an interrupt leaves whole ranges out.
///
/// # Errors
/// [`PipelineError`]; predictions passed to `sink` before are valid.
pub(crate) fn run(
    map: &MapJob,
    ranges: &[Range<usize>],
    stages: PipelineResources,
    sink: &mut impl FnMut(usize, Option<Prediction>) -> Result<()>,
) -> Result<bool, PipelineError> {
    let windows = map.plan.windows();
    let queue = Queue::new(ranges);
    let stop = stages.stop;
    let before = cpu_of(stages.pool);
    let outcome = std::thread::scope(|scope| {
        // Where several chips are computed at a time, the next ones wait meanwhile.
        let waiting = if stages.predictor.at_once() > 1 { stages.predictor.at_once() } else { 0 };
        let (read_out, read_in) = bounded::<Read>(waiting);
        let (predicted_out, predicted_in) = bounded::<Predicted>(1);
        for _ in 0..stages.readers {
            let (out, queue) = (read_out.clone(), &queue);
            scope.spawn(move || read_windows(map, queue, stages, &out));
        }
        drop(read_out);
        for _ in 0..stages.predictors {
            let (read_in, predicted_out) = (read_in.clone(), predicted_out.clone());
            scope.spawn(move || stages.predict_chips(windows, &read_in, &predicted_out));
        }
        drop((read_in, predicted_out));
        let outcome = receive_all(&queue, &predicted_in, sink);
        // Only a failure ends others: they may still have work when every window is done.
        stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
        // PipelineResources that wait to send see the queue closed and end.
        drop(predicted_in);
        outcome
    });
    // Predictors only wait for the pool.
    stages.clock.predict.add_used(cpu_of(stages.pool) - before);
    outcome
}

/// What the threads of an idle pool have taken so far, without their bytes: they read no file.
fn cpu_of(pool: &rayon::ThreadPool) -> Used {
    let cpu_s = pool.broadcast(|_| Used::of_thread().cpu_s).into_iter().sum();
    Used { cpu_s, ..Used::default() }
}

/// The windows to compute, in order, and the number of those taken.
struct Queue {
    /// Numbers of windows, and whether each is the first of a range.
    windows: Vec<(usize, bool)>,
    next: AtomicUsize,
    /// From here on nothing is done any more.
    end: AtomicUsize,
}

impl Queue {
    fn new(ranges: &[Range<usize>]) -> Self {
        let firsts = |range: &Range<usize>| {
            let first = range.start;
            range.clone().map(move |window| (window, window == first))
        };
        let windows: Vec<_> = ranges.iter().flat_map(firsts).collect();
        let end = AtomicUsize::new(windows.len());
        Self { windows, next: AtomicUsize::new(0), end }
    }

    /// The next window, unless there is none, or it is the first of a range and nothing more shall begin. Numbers are given in
    /// order, so a range that another thread began stands before the end that is set here.
    fn take(&self, interrupt: &AtomicBool) -> Option<usize> {
        let at = self.next.fetch_add(1, Ordering::SeqCst);
        let (window, first) = *self.windows.get(at)?;
        if first && interrupt.load(Ordering::Relaxed) {
            self.end.fetch_min(at, Ordering::SeqCst);
        }
        (at < self.end.load(Ordering::SeqCst)).then_some(window)
    }

    fn len(&self) -> usize {
        self.end.load(Ordering::SeqCst)
    }
}

fn read_windows(map: &MapJob, queue: &Queue, stages: PipelineResources, out: &Sender<Read>) {
    let opened = HiddenWindows::new(map, stages.values).map_err(PipelineError::from);
    let opened = opened.and_then(|hidden| Ok((map.reader()?, hidden)));
    let (mut reader, mut hidden) = match opened {
        Ok((reader, hidden)) => match stages.shared {
            Some(blocks) => (reader.sharing(blocks), hidden),
            None => (reader, hidden),
        },
        Err(error) => {
            // The receiver has ended if the queue is closed.
            let _ = out.send((0, Err(error)));
            return;
        }
    };
    while !stages.stop.load(Ordering::Relaxed) {
        let Some(index) = queue.take(stages.interrupt) else { break };
        let Some(window) = map.plan.windows().get(index) else { break };
        let place = (index, window);
        let wanted = stages.clock.read.time(|| read_window((&mut reader, &mut hidden), stages, place));
        let failed = wanted.is_err();
        if out.send((index, wanted)).is_err() || failed {
            break;
        }
    }
}

/// A window's chip, unless its core has no valid pixel, or none that is observed: it is not predicted. If others are invalid, the chip also
/// contains the values that fill them, which are read only then.
fn read_window(
    (reader, hidden): (&mut DatesReader, &mut HiddenWindows<'_>),
    stages: PipelineResources,
    (index, window): (usize, &PlannedWindow),
) -> Result<Found, PipelineError> {
    let chip = reader.read(window.read)?;
    if let Some(levels) = stages.levels {
        levels.add(index, reader, (&chip, &window.core))?;
    }
    if !chip.any_valid_in(&window.core) {
        return Ok(Found::Nothing);
    }
    if let Some(answer) = hidden.answer(&chip, &window.core)? {
        return Ok(Found::Hidden(answer));
    }
    let Some(needs) = chip.fill_needs() else { return Ok(Found::Pixels(chip)) };
    let mut filled = Chip::empty(stages.predictor.filled_chip_of(&window.core), chip.bands);
    filled.paste(&chip);
    drop(chip);
    for beyond in needs {
        filled.paste(&reader.read(beyond)?);
    }
    Ok(Found::Pixels(filled))
}

impl PipelineResources<'_> {
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

    /// Predicts windows that were read.
    fn predicted(&self, windows: &[PlannedWindow], read: Vec<Read>) -> Vec<Predicted> {
        let (mut answers, mut numbers, mut chips) = (Vec::new(), Vec::new(), Vec::new());
        for (index, chip) in read {
            match chip {
                Err(error) => answers.push((index, Err(error))),
                Ok(Found::Nothing) => answers.push((index, Ok(None))),
                Ok(Found::Hidden(answer)) => answers.push((index, Ok(Some(answer)))),
                Ok(Found::Pixels(chip)) => {
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

fn receive_all(
    queue: &Queue,
    input: &Receiver<Predicted>,
    sink: &mut impl FnMut(usize, Option<Prediction>) -> Result<()>,
) -> Result<bool, PipelineError> {
    let mut seen = 0;
    for (index, answer) in input {
        sink(index, answer?)?;
        seen += 1;
    }
    if seen < queue.len() {
        return Err(Failure::from(JobError::Stopped { stage: "prediction" }).into());
    }
    Ok(queue.len() == queue.windows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_before_the_next_range() {
        let interrupt = AtomicBool::new(false);
        let queue = Queue::new(&[2..4, 7..9, 9..10]);
        let take = || queue.take(&interrupt);
        assert_eq!((take(), take(), take()), (Some(2), Some(3), Some(7)));
        interrupt.store(true, Ordering::Relaxed);
        assert_eq!((take(), take(), take()), (Some(8), None, None));
        assert_eq!((queue.len(), queue.windows.len()), (4, 5));
    }
}
