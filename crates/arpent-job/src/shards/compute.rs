//! Computes and stores pieces, and assembles maps of them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arpent_base::Result;
use arpent_gdal::SharedBlocks;
use arpent_model::ModelError;
use arpent_publish::Traffic;
use arpent_shell::message::{detail, notice};
use arpent_shell::progress::Stage;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::divided::PieceId;
use super::document::Plan;
use super::error::ShardError;
use super::journal::Journal;
use super::piece::{Piece, PieceBuilder};
use super::place::{JobPlace, StoredPiece};
use super::understood::understood;
use crate::cost::Guard;
use crate::error::JobError;
use crate::job::{Job, MapJob, WindowLevels};
use crate::pipeline::{self, Clock, MapAssembler, PipelineError, PipelineResources};

/// Interval at which a try updates its record.
const TELL_EVERY: Duration = Duration::from_secs(20);

/// Shared context of the steps of a job.
#[derive(Clone, Copy)]
pub(crate) struct JobContext<'a> {
    /// The job.
    pub(crate) job: &'a Job,
    /// Its plan.
    pub(crate) plan: &'a Plan,
    /// Where its state is kept.
    pub(crate) place: &'a JobPlace,
    /// The threads of the network.
    pub(crate) pool: &'a rayon::ThreadPool,
    /// Times of the stages.
    pub(crate) clock: &'a Clock,
    /// The windows of each piece of each map.
    pub(crate) pieces: &'a [Vec<Range<usize>>],
    /// Set to stop after the current pieces.
    pub(crate) interrupt: &'a AtomicBool,
    /// Counts what is computed, where budgets are watched.
    pub(crate) guard: &'a Guard<'a>,
}

impl<'a> JobContext<'a> {
    /// A map of the job.
    fn map(&self, map: usize) -> &'a MapJob {
        &self.job.maps[map]
    }

    fn stages<'b>(
        &self,
        map: &MapJob,
        shared: Option<&'b SharedBlocks>,
        levels: Option<&'b WindowLevels<'b>>,
        stop: &'b AtomicBool,
    ) -> Result<PipelineResources<'b>, ModelError>
    where
        'a: 'b,
    {
        Ok(PipelineResources {
            predictor: &self.job.predictor,
            pool: self.pool,
            predictors: self.job.predictors(map)?,
            readers: self.job.readers(map),
            values: (!self.job.model.is_detection()).then_some(self.job.model.values.len()),
            shared,
            levels,
            clock: self.clock,
            stop,
            interrupt: self.interrupt,
        })
    }

    /// Address of a piece, for messages.
    pub(crate) fn piece_url(&self, map: usize, index: usize) -> String {
        self.place.piece_url(self.plan, PieceId { map, index })
    }

    /// Computes pieces of a map, stores each, and sends it to `out`. Returns whether all are done: an interrupt skips
    /// whole pieces.
    pub(crate) fn compute(
        &self,
        map: usize,
        wanted: &[usize],
        stop: &'a AtomicBool,
        journal: &mut Journal,
        stage: &Stage,
        out: Option<Sender<Piece>>,
    ) -> Result<bool, PipelineError> {
        let job = self.map(map);
        let pieces = &self.pieces[map];
        let windows: Vec<Range<usize>> = wanted.iter().filter_map(|i| pieces.get(*i).cloned()).collect();
        let shared = self.job.shared_blocks(job);
        let levels = self.job.dissimilarity.as_ref().map(WindowLevels::new);
        let stages = self.stages(job, shared.as_ref(), levels.as_ref(), stop)?;
        let mut builder = PieceBuilder::new(pieces);
        if wanted.is_empty() {
            self.guard.begin_closing();
        } else {
            self.guard.begin(self.begun_px(map, wanted, &stages));
        }
        std::thread::scope(|scope| {
            let (made, keeping) = bounded::<Piece>(0);
            let keeper = scope.spawn(move || {
                let kept = self.keep(map, &keeping, journal, out.as_ref());
                stop.fetch_or(kept.is_err(), Ordering::Relaxed);
                kept
            });
            let mut sink = |window: usize, answer: Option<_>| {
                let pixels = job.plan.windows()[window].core.pixels();
                stage.advance(pixels);
                // Windows without a valid pixel take next to nothing.
                self.guard.add(if answer.is_some() { pixels } else { 0 });
                match builder.push(window, answer) {
                    None => Ok(()),
                    Some(mut piece) => {
                        if let Some(levels) = &levels {
                            piece.levels = levels.take(pieces[piece.index].clone());
                        }
                        let sent = self.guard.wait(|| made.send(piece));
                        sent.map_err(|_| JobError::Stopped { stage: "keeping" }.into())
                    }
                }
            };
            let ran = pipeline::run(job, &windows, stages, &mut sink);
            drop(made);
            keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            ran
        })
    }

    /// Pixels that are still computed after a stop at most: those of the largest piece, and of the windows that readers and
    /// predictors have.
    fn begun_px(&self, map: usize, wanted: &[usize], stages: &PipelineResources) -> u64 {
        let sizes = &self.plan.maps[map].pieces;
        let piece = wanted.iter().filter_map(|index| sizes.get(*index)).max().copied().unwrap_or(0);
        let window = self.map(map).plan.largest().map_or(0, |window| window.core.pixels());
        // Of a GPU, those that are computed together, and as many that wait meanwhile.
        let at_once = stages.predictor.at_once();
        let waiting = if at_once > 1 { at_once } else { 0 };
        piece + window * (stages.readers + stages.predictors * at_once + waiting) as u64
    }

    /// Stores pieces as they come, and updates the record.
    fn keep(
        &self,
        map: usize,
        made: &Receiver<Piece>,
        journal: &mut Journal,
        out: Option<&Sender<Piece>>,
    ) -> Result<()> {
        loop {
            match made.recv_timeout(TELL_EVERY) {
                Ok(piece) => {
                    let piece = self.keep_one(PieceId { map, index: piece.index }, piece)?;
                    journal.add_piece(self.plan.maps[map].pieces[piece.index]);
                    self.guard.add_piece();
                    if let Some(out) = out {
                        out.send(piece).map_err(|_| JobError::Stopped { stage: "assembly" })?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.set_costs(journal);
                    return Ok(());
                }
            }
            if journal.is_due() {
                self.set_costs(journal);
                journal.write_if_due(self.place)?;
            }
        }
    }

    /// Sets what the stages have taken so far in the record.
    fn set_costs(&self, journal: &mut Journal) {
        let (output_requests, output_bytes) = self.place.requested();
        let traffic = Traffic { output_requests, output_bytes, ..self.clock.traffic() };
        journal.set_costs(self.clock.costs(), traffic);
    }

    /// Stores a piece, and returns the valid one: that of another worker if it was written first.
    fn keep_one(&self, id: PieceId, piece: Piece) -> Result<Piece> {
        let keep = &self.clock.keep;
        let packed = keep.transfer(|| piece.encode(&self.plan.maps[id.map].id), |_| 0, 0);
        let bytes = packed.map_err(|source| ShardError::Pack { source })?;
        match keep.transfer(|| self.place.write_piece(self.plan, id, &bytes), |_| 0, bytes.len() as u64)? {
            StoredPiece::Ours => {
                detail(|| format!("{} is kept", self.place.piece_url(self.plan, id)));
                Ok(piece)
            }
            StoredPiece::Other => {
                let place = self.place.piece_url(self.plan, id);
                notice(&format!(
                    "{place} was written by another worker with different content, which is kept"
                ));
                self.fetch(id)
            }
        }
    }

    fn decode(&self, id: PieceId, bytes: &[u8]) -> Result<Piece, ShardError> {
        let map = self.map(id.map);
        let place = self.place.piece_url(self.plan, id);
        let windows = self.pieces[id.map].get(id.index).cloned().unwrap_or(0..0);
        let planned = &map.plan.windows()[windows.clone()];
        let with_levels = self.job.dissimilarity.is_some();
        let id_of_map = &self.plan.maps[id.map].id;
        Piece::decode(bytes, &place, id_of_map, (id.index, windows.start), planned, with_levels)
    }

    /// Passes all pieces of a map to its assembler: those that are stored, and those that are being computed, north to south as far
    /// as they come so.
    pub(crate) fn assemble(
        &self,
        map: usize,
        assembler: &mut MapAssembler,
        stored: &BTreeSet<usize>,
        computed: Receiver<Piece>,
        stage: &Stage,
        stop: &AtomicBool,
    ) -> Result<()> {
        std::thread::scope(|scope| {
            let (fetched, waiting) = bounded::<Result<Piece>>(0);
            scope.spawn(move || {
                for index in stored {
                    // The receiver has ended if something failed.
                    if fetched.send(self.fetch(PieceId { map, index: *index })).is_err() {
                        break;
                    }
                }
            });
            let mut stored = stored.iter().copied().peekable();
            let mut take_stored = |assembler: &mut MapAssembler, before: usize| -> Result<()> {
                while stored.next_if(|index| *index < before).is_some() {
                    if self.interrupt.load(Ordering::Relaxed) && self.guard.may_end() {
                        return Err(ShardError::Interrupted.into());
                    }
                    // Missing pieces will not come: later ones are not assembled.
                    if stop.load(Ordering::Relaxed) {
                        return Err(JobError::Stopped { stage: "prediction" }.into());
                    }
                    let piece = waiting.recv().map_err(|_| JobError::Stopped { stage: "fetching" })??;
                    stage.advance(self.plan.maps[map].pieces[piece.index]);
                    self.take(map, assembler, piece)?;
                }
                Ok(())
            };
            for piece in computed {
                self.guard.apart(|| take_stored(assembler, piece.index))?;
                self.take(map, assembler, piece)?;
            }
            take_stored(assembler, usize::MAX)
        })
    }

    fn fetch(&self, id: PieceId) -> Result<Piece> {
        let gone = || ShardError::PieceGone { place: self.place.piece_url(self.plan, id) };
        let length = |piece: &Result<Vec<u8>>| piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let read = || {
            let read = || Ok(self.place.read_piece(self.plan, id)?.ok_or_else(gone)?);
            self.clock.keep.transfer(read, length, 0)
        };
        understood(&read, &|bytes| self.clock.keep.transfer(|| self.decode(id, bytes), |_| 0, 0))
    }

    fn take(&self, map: usize, assembler: &mut MapAssembler, piece: Piece) -> Result<()> {
        let windows = self.map(map).plan.windows();
        for (window, levels) in (piece.first..).zip(&piece.levels) {
            assembler.take_levels(&windows[window], levels)?;
        }
        for (window, answer) in (piece.first..).zip(piece.answers) {
            assembler.take(&windows[window], answer)?;
        }
        Ok(())
    }
}
