//! Fourier transforms of a square cell, with plans that are made once.
//!
//! Each date has a transform of its own from real to complex numbers. Both dates as the parts of one complex image would
//! take as long, and exchanged dates would not be exactly opposite.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

/// Rows that are transposed together: as many values as a cache line has.
const BLOCK: usize = 8;

/// Plans for one side. Spectra are stored transposed: `kx` from 0 to `kept` - 1 is the slow axis, `ky` the fast one.
pub(super) struct Fourier {
    side: usize,
    kept: usize,
    rows: Arc<dyn RealToComplex<f32>>,
    rows_back: Arc<dyn ComplexToReal<f32>>,
    columns: Arc<dyn Fft<f32>>,
    columns_back: Arc<dyn Fft<f32>>,
}

/// Buffers of one thread.
pub(super) struct FourierScratch {
    /// The half spectra of [`BLOCK`] rows.
    lines: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Fourier {
    /// Plans for cells of `side` x `side` pixels of which the lowest `kept` frequencies in x are wanted.
    pub(super) fn new(side: usize, kept: usize) -> Self {
        let (mut real, mut complex) = (RealFftPlanner::new(), FftPlanner::new());
        Self {
            side,
            kept,
            rows: real.plan_fft_forward(side),
            rows_back: real.plan_fft_inverse(side),
            columns: complex.plan_fft_forward(side),
            columns_back: complex.plan_fft_inverse(side),
        }
    }

    pub(super) fn scratch(&self) -> FourierScratch {
        let lengths = [
            self.rows.get_scratch_len(),
            self.rows_back.get_scratch_len(),
            self.columns.get_inplace_scratch_len(),
            self.columns_back.get_inplace_scratch_len(),
        ];
        let longest = lengths.into_iter().max().unwrap_or(0);
        let zero = Complex32::new(0.0, 0.0);
        FourierScratch { lines: vec![zero; BLOCK * (self.side / 2 + 1)], scratch: vec![zero; longest] }
    }

    /// The spectrum of real pixels (rows x columns), which are overwritten: `kept` x `side`.
    pub(super) fn forward(&self, pixels: &mut [f32], spectrum: &mut [Complex32], with: &mut FourierScratch) {
        let half = self.side / 2 + 1;
        for (block, rows) in pixels.chunks_mut(self.side * BLOCK).enumerate() {
            for (row, line) in rows.chunks_exact_mut(self.side).zip(with.lines.chunks_exact_mut(half)) {
                let scratch = &mut with.scratch[..self.rows.get_scratch_len()];
                // Lengths are those of the plan: it cannot fail.
                let done = self.rows.process_with_scratch(row, line, scratch);
                debug_assert!(done.is_ok());
            }
            let count = rows.len() / self.side;
            for (kx, column) in spectrum.chunks_exact_mut(self.side).enumerate() {
                let places = column[block * BLOCK..][..count].iter_mut();
                for (value, line) in places.zip(with.lines.chunks_exact(half)) {
                    *value = line[kx];
                }
            }
        }
        self.columns.process_with_scratch(&mut spectrum[..self.kept * self.side], &mut with.scratch);
    }

    /// The real pixels of a spectrum, which is overwritten, without the factor 1 / side^2.
    pub(super) fn back(&self, spectrum: &mut [Complex32], pixels: &mut [f32], with: &mut FourierScratch) {
        let half = self.side / 2 + 1;
        self.columns_back.process_with_scratch(&mut spectrum[..self.kept * self.side], &mut with.scratch);
        for (block, rows) in pixels.chunks_mut(self.side * BLOCK).enumerate() {
            let count = rows.len() / self.side;
            with.lines.fill(Complex32::new(0.0, 0.0));
            for (kx, column) in spectrum.chunks_exact(self.side).enumerate() {
                let values = column[block * BLOCK..][..count].iter();
                for (value, line) in values.zip(with.lines.chunks_exact_mut(half)) {
                    line[kx] = *value;
                }
            }
            for (row, line) in rows.chunks_exact_mut(self.side).zip(with.lines.chunks_exact_mut(half)) {
                // The sum of a real image is real; what rounding left is not.
                line[0].im = 0.0;
                let scratch = &mut with.scratch[..self.rows_back.get_scratch_len()];
                let done = self.rows_back.process_with_scratch(line, row, scratch);
                debug_assert!(done.is_ok());
            }
        }
    }
}
