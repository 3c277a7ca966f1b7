//! The CPU engine: what the GPU is compared with.

use arpent_engine::{Answers, Engine, Picture, PixelSource, winners};
use rayon::prelude::*;

use crate::lines::{Answer, Figures, Form, Outcome, Question, Work};
use crate::nets::{self, Net};
use crate::timing;

/// A chip, plane by plane.
struct Planes<'a> {
    data: &'a [f32],
    side: usize,
}

impl PixelSource for Planes<'_> {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        for (c, plane) in self.data.chunks_exact(self.side * self.side).skip(start).take(count).enumerate() {
            let row = &plane[y * self.side + cols.0..y * self.side + cols.1];
            to.chunks_exact_mut(count).zip(row).for_each(|(to, v)| to[c] = *v);
        }
    }
}

/// A network on the CPU.
#[derive(Debug)]
pub(crate) struct Cpu {
    engine: Engine,
    bands: usize,
}

impl Cpu {
    /// The engine of a network.
    ///
    /// # Errors
    /// A network that the engine refuses.
    pub(crate) fn new(net: &Net) -> Result<Self, String> {
        let engine = arpent_model::engine(&net.package, &net.weights).map_err(|error| error.to_string())?;
        Ok(Self { engine, bands: net.package.architecture.in_channels() })
    }

    /// Channels of the answer.
    pub(crate) fn channels(&self) -> usize {
        self.engine.channels()
    }

    /// Scores of a chip, plane by plane.
    ///
    /// # Errors
    /// A side that is no multiple of the network's stride.
    pub(crate) fn scores(&self, data: &[f32], side: usize) -> Result<Vec<f32>, String> {
        let (channels, area) = (self.channels(), side * side);
        let mut scores = vec![0.0; channels * area];
        self.rows(data, side, |y, row| {
            for (x, pixel) in row.chunks_exact(channels).enumerate() {
                pixel.iter().enumerate().for_each(|(c, v)| scores[c * area + y * side + x] = *v);
            }
        })?;
        Ok(scores)
    }

    /// The class of each pixel of a chip.
    fn labels(&self, data: &[f32], side: usize) -> Result<Vec<u8>, String> {
        let (mut labels, mut shares) = (vec![0; side * side], vec![0.0; side]);
        let isa = self.engine.options().isa;
        self.rows(data, side, |y, row| winners(isa, row, 1.0, &mut labels[y * side..][..side], &mut shares))?;
        Ok(labels)
    }

    fn rows(&self, data: &[f32], side: usize, mut take: impl FnMut(usize, &[f32])) -> Result<(), String> {
        let picture = Picture { width: side, height: side, first_row: 0, cols: (0, side), rows: (0, side) };
        let rows = |answers: &Answers| {
            let (start, end) = answers.span();
            (start..end).for_each(|y| take(y, answers.row(y)));
        };
        self.engine.run(&picture, &Planes { data, side }, rows).map_err(|error| error.to_string())
    }

    /// Measures a case: chips of a batch are computed side by side on all cores.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let case = &question.case;
        if case.form != Form::F32 {
            let reason =
                "the CPU engine computes in single precision, or in 8 bits where a package asks for it";
            return Answer::kept(Outcome::NotAvailable { reason: reason.into() });
        }
        if case.work != Work::Network {
            let reason = "the CPU engine runs networks".into();
            return Answer::kept(Outcome::NotAvailable { reason });
        }
        let data = nets::chip(self.bands, case.chip_px, 1);
        let mut run = |batches: usize| {
            (0..batches).try_for_each(|_| {
                let chips = (0..case.batch).into_par_iter();
                chips.try_for_each(|_| {
                    self.labels(&data, case.chip_px).map(|labels| drop(std::hint::black_box(labels)))
                })
            })
        };
        let figures = timing::once(&mut run).and_then(|first_s| {
            let end_to_end = Some(timing::measure(None, question.seconds, case.pixels(), &mut run)?);
            Ok(Figures { first_s, resident: None, end_to_end, tflop_s: None, agreement: None })
        });
        Answer::of(figures)
    }
}
