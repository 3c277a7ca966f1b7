//! The maximum of a correlation between its pixels.

use std::f64::consts::TAU;

use arpent_base::number;
use realfft::num_complex::{Complex32, Complex64};

/// Iterations of Newton's method; from a neighborhood of the maximum it takes about five.
const MAX_STEPS: usize = 30;
/// A step below this ends it, pixels.
const LEAST_STEP: f64 = 1e-10;
/// The correlation is sampled on the 9 x 9 points of a quarter of a pixel around the start.
const SAMPLES: i32 = 4;
const SAMPLE_STEP: f64 = 0.25;
/// A maximum farther than this from the start in x or y belongs to another one, pixels.
const REACH: f64 = 1.5;

/// The low half plane of a correlation's spectrum: `kx` from 0 (slow), and all `ky` whose frequency is below the limit.
pub(super) struct Band {
    /// Angular frequencies of the columns `kx`, radians per pixel.
    pub(super) x: Vec<f64>,
    /// Positions in the fast axis, and their angular frequencies.
    pub(super) y: Vec<(usize, f64)>,
    side: usize,
}

/// The maximum found, and the correlation there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Maximum {
    pub(super) shift: [f64; 2],
    pub(super) value: f64,
    /// Standard error of the shift, both axes together, if the terms are independent.
    pub(super) error: f64,
}

/// Value, gradient and Hessian (xx, xy, yy) of the correlation at one shift.
struct Local {
    value: f64,
    gradient: [f64; 2],
    hessian: [f64; 3],
}

impl Band {
    /// The frequencies below `kept` / `side` cycles per pixel.
    pub(super) fn new(side: usize, kept: usize) -> Self {
        let frequency = |k: f64| TAU * k / number::exact(side);
        let positive = (0..kept).map(|k| (k, frequency(number::exact(k))));
        let negative = (1..kept).rev().map(|k| (side - k, -frequency(number::exact(k))));
        Self {
            x: (0..kept).map(|k| frequency(number::exact(k))).collect(),
            y: positive.chain(negative).collect(),
            side,
        }
    }

    /// The maximum of `C(d) = sum Re(spectrum * exp(i k d))` over the half plane near `start`. `None` when there is none
    /// within 1.5 px, or when it is flat.
    ///
    /// Samples of the upsampled correlation choose the start of Newton's method, which needs only some more sums where
    /// a finer grid of samples would need hundreds, and is not limited by the step of a grid.
    pub(super) fn maximum(&self, spectrum: &[Complex32], start: [f64; 2]) -> Option<Maximum> {
        let mut at = self.best_sample(spectrum, start);
        for _ in 0..MAX_STEPS {
            let Local { value, gradient: [gx, gy], hessian: [xx, xy, yy] } = self.local(spectrum, at);
            let determinant = xx * yy - xy * xy;
            if !(xx < 0.0 && determinant > 0.0) {
                return None;
            }
            let step = [-(yy * gx - xy * gy) / determinant, -(xx * gy - xy * gx) / determinant];
            if step.iter().all(|s| s.abs() < LEAST_STEP) {
                return Some(Maximum { shift: at, value, error: self.error(spectrum, at, [xx, xy, yy]) });
            }
            // A step is at most half a pixel: the correlation is not a paraboloid farther away.
            let longest = step[0].abs().max(step[1].abs());
            let factor = if longest > 0.5 { 0.5 / longest } else { 1.0 };
            at = [at[0] + factor * step[0], at[1] + factor * step[1]];
            if (0..2).any(|axis| (at[axis] - start[axis]).abs() > REACH) {
                return None;
            }
        }
        None
    }

    /// The standard error of the maximum `at`, by the "sandwich" of an M-estimator (Huber, 1967): H^-1 (sum of g g^T) H^-1
    /// with the gradients g of the terms.
    fn error(&self, spectrum: &[Complex32], at: [f64; 2], [xx, xy, yy]: [f64; 3]) -> f64 {
        let wave = self.wave_y(at[1]);
        let mut scatter = [0.0; 3];
        for (column, kx) in spectrum.chunks_exact(self.side).zip(&self.x) {
            let turn = Complex64::cis(kx * at[0]);
            for ((k, ky), w) in self.y.iter().zip(&wave) {
                let square = (wide(column[*k]) * w * turn).im.powi(2);
                scatter[0] += kx * kx * square;
                scatter[1] += kx * ky * square;
                scatter[2] += ky * ky * square;
            }
        }
        let determinant = xx * yy - xy * xy;
        let [ixx, ixy, iyy] = [yy / determinant, -xy / determinant, xx / determinant];
        let [a, b, c] = scatter;
        let variance_x = ixx * ixx * a + 2.0 * ixx * ixy * b + ixy * ixy * c;
        let variance_y = ixy * ixy * a + 2.0 * ixy * iyy * b + iyy * iyy * c;
        (variance_x + variance_y).max(0.0).sqrt()
    }

    /// The upsampled correlation's highest sample around `start`, as two products of matrices (Guizar-Sicairos).
    fn best_sample(&self, spectrum: &[Complex32], start: [f64; 2]) -> [f64; 2] {
        let offsets: Vec<f64> = (-SAMPLES..=SAMPLES).map(|i| SAMPLE_STEP * f64::from(i)).collect();
        let waves: Vec<Vec<Complex64>> =
            offsets.iter().map(|offset| self.wave_y(start[1] + offset)).collect();
        let mut best = (f64::NEG_INFINITY, start);
        let mut sums = vec![vec![Complex64::new(0.0, 0.0); self.x.len()]; offsets.len()];
        for (wave, sums) in waves.iter().zip(&mut sums) {
            for (column, sum) in spectrum.chunks_exact(self.side).zip(sums) {
                let terms = self.y.iter().zip(wave).map(|((k, _), w)| wide(column[*k]) * w);
                *sum = terms.fold(Complex64::new(0.0, 0.0), |a, b| a + b);
            }
        }
        for dx in &offsets {
            let wave: Vec<Complex64> = self.x.iter().map(|k| Complex64::cis(k * (start[0] + dx))).collect();
            for (dy, sums) in offsets.iter().zip(&sums) {
                let value: f64 = sums.iter().zip(&wave).map(|(sum, w)| sum.re * w.re - sum.im * w.im).sum();
                if value > best.0 {
                    best = (value, [start[0] + dx, start[1] + dy]);
                }
            }
        }
        best.1
    }

    fn wave_y(&self, dy: f64) -> Vec<Complex64> {
        self.y.iter().map(|(_, k)| Complex64::cis(k * dy)).collect()
    }

    fn local(&self, spectrum: &[Complex32], at: [f64; 2]) -> Local {
        let wave = self.wave_y(at[1]);
        let mut local = Local { value: 0.0, gradient: [0.0; 2], hessian: [0.0; 3] };
        for (column, kx) in spectrum.chunks_exact(self.side).zip(&self.x) {
            // Sums over ky of the terms, of ky and of ky^2 times them.
            let zero = Complex64::new(0.0, 0.0);
            let (mut s0, mut s1, mut s2) = (zero, zero, zero);
            for ((k, ky), w) in self.y.iter().zip(&wave) {
                let term = wide(column[*k]) * w;
                s0 += term;
                s1 += term * *ky;
                s2 += term * (ky * ky);
            }
            let turn = Complex64::cis(kx * at[0]);
            let (t0, t1, t2) = (s0 * turn, s1 * turn, s2 * turn);
            local.value += t0.re;
            local.gradient[0] -= kx * t0.im;
            local.gradient[1] -= t1.im;
            local.hessian[0] -= kx * kx * t0.re;
            local.hessian[1] -= kx * t1.re;
            local.hessian[2] -= t2.re;
        }
        local
    }
}

fn wide(value: Complex32) -> Complex64 {
    Complex64::new(f64::from(value.re), f64::from(value.im))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spectrum of a shift, 1 at every frequency of the band.
    fn spectrum(side: usize, band: &Band, [dx, dy]: [f64; 2]) -> Vec<Complex32> {
        let mut spectrum = vec![Complex32::new(0.0, 0.0); side * band.x.len()];
        for (i, kx) in band.x.iter().enumerate() {
            for (k, ky) in &band.y {
                let wave = Complex64::cis(-(kx * dx + ky * dy));
                spectrum[i * side + k] = Complex32::new(number::narrow(wave.re), number::narrow(wave.im));
            }
        }
        spectrum
    }

    #[test]
    fn the_maximum_of_a_pure_shift_is_exact_to_rounding() {
        let band = Band::new(64, 16);
        for [dx, dy] in [[0.0, 0.0], [0.31, -0.49], [3.5, -2.25], [-4.9, 0.01]] {
            let found = band.maximum(&spectrum(64, &band, [dx, dy]), [dx.round(), dy.round()]).unwrap();
            assert!((found.shift[0] - dx).abs() < 1e-6 && (found.shift[1] - dy).abs() < 1e-6, "{found:?}");
            let terms: f64 = number::exact(band.x.len() * band.y.len());
            assert!((found.value - terms).abs() < 1e-3);
        }
    }

    #[test]
    fn there_is_no_maximum_of_nothing_or_far_away() {
        let band = Band::new(64, 16);
        assert_eq!(band.maximum(&vec![Complex32::new(0.0, 0.0); 64 * 16], [0.0, 0.0]), None);
        let far = band.maximum(&spectrum(64, &band, [0.0, 0.0]), [9.0, 0.0]);
        assert!(far.is_none_or(|found| found.value < 100.0), "{far:?}");
    }
}
