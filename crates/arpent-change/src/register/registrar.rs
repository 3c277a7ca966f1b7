//! Phase correlation of one cell.

use std::f64::consts::PI;

use arpent_base::number;
use ndarray::s;
use rayon::prelude::*;
use realfft::num_complex::Complex32;

use super::fourier::{Fourier, FourierScratch};
use super::peak::Band;
use super::{Cell, CellState, DateWindow, RegisterError, RegisterOptions};

/// Frequencies above this share of the Nyquist frequency do not count: interpolation, compression and aliasing change
/// their phases.
const HIGHEST: f64 = 0.5;
/// Waves longer than this number of pixels, or of fewer than two periods in a cell, do not count: they are light, haze
/// and slopes, and say little about a shift.
const LONGEST: f64 = 32.0;
/// The share of a cell's side along which the window falls to 0 at each edge.
const TAPER: f64 = 0.25;
/// Beyond invalid pixels, values fade in along this number of pixels.
const FEATHER: u8 = 8;
/// The second maximum is searched farther than this from the first, pixels: not within the first one's own slope.
const APART: f64 = 5.0;
/// Differences from the mean below this share of it are rounding of single precision.
const LEAST_DIFFERENCE: f64 = 1e-6;
/// Amplitudes below this share of the root mean square are rounding.
const LEAST_AMPLITUDE: f32 = 1e-4;

/// Measures the shift of cells. Plans and tables are made once and shared by threads.
pub struct Registrar {
    options: RegisterOptions,
    fourier: Fourier,
    band: Band,
    /// Factor of every frequency, laid out as the spectrum.
    weights: Vec<f32>,
    /// What the window adds to a standard error: it makes neighboring frequencies alike.
    inflation: f64,
}

/// Buffers of one thread, for any number of cells.
pub struct Scratch {
    fourier: FourierScratch,
    pixels: Vec<f32>,
    spectra: [Vec<Complex32>; 2],
    valid: Vec<bool>,
    distance: Vec<u8>,
    /// Factor of each pixel; empty when all pixels count.
    fade: Vec<f32>,
}

impl Registrar {
    /// Makes plans and tables.
    ///
    /// # Errors
    /// [`RegisterError::BadOption`].
    pub fn new(options: RegisterOptions) -> Result<Self, RegisterError> {
        options.check()?;
        let side = options.cell;
        let highest = HIGHEST * number::exact(side) / 2.0;
        let lowest = (number::exact(side) / LONGEST).max(2.0);
        let kept: usize = number::ceil(highest);
        let band = Band::new(side, kept);
        let mut weights = vec![0.0; kept * side];
        for (kx, column) in weights.chunks_exact_mut(side).enumerate() {
            for (place, _) in &band.y {
                let ky = (*place).min(side - place);
                let k = number::exact(kx).hypot(number::exact(ky));
                if k >= lowest && k < highest {
                    // The half plane has both (0, ky) and (0, -ky), which are one wave.
                    let factor = if kx == 0 { 0.5 } else { 1.0 };
                    column[*place] = number::narrow(factor * (0.5 * PI * k / highest).cos().powi(2));
                }
            }
        }
        let taper: Vec<f32> = (0..side).map(|i| taper(number::exact(i), side)).collect();
        let power = |n: i32| taper.iter().map(|w| f64::from(*w).powi(n)).sum::<f64>();
        // Along each of two axes the number of independent values falls by the square of this.
        let inflation = (number::exact(side) * power(4)).sqrt() / power(2);
        Ok(Self { options, fourier: Fourier::new(side, kept), band, weights, inflation })
    }

    /// The options.
    pub fn options(&self) -> &RegisterOptions {
        &self.options
    }

    /// Buffers for [`Registrar::cell`]: about 30 bytes per pixel of a cell.
    pub fn scratch(&self) -> Scratch {
        let (side, zero) = (self.options.cell, Complex32::new(0.0, 0.0));
        Scratch {
            fourier: self.fourier.scratch(),
            pixels: vec![0.0; side * side],
            spectra: [vec![zero; self.weights.len()], vec![zero; self.weights.len()]],
            valid: vec![false; side * side],
            distance: vec![0; side * side],
            fade: Vec::new(),
        }
    }

    /// The shift in cell (`col`, `row`) of the lattice from its windows at both dates, each cell x cell pixels.
    ///
    /// Pixels count where both dates are valid; the others get the mean, and the values around them fade into it, for
    /// an edge of both dates at one place looks like a shift of 0. Exchanged dates give the negative shift exactly.
    ///
    /// # Errors
    /// [`RegisterError::Shape`].
    pub fn cell<'a>(
        &self,
        [col, row]: [i64; 2],
        before: DateWindow<'a>,
        after: DateWindow<'a>,
        scratch: &mut Scratch,
    ) -> Result<Cell, RegisterError> {
        let side = self.options.cell;
        for (what, date) in [("the first date", before), ("the second date", after)] {
            check_shape(what, date, [side, side])?;
        }
        let nothing = Cell {
            col,
            row,
            shift: None,
            error: None,
            reliability: 0.0,
            coherence: 0.0,
            valid: 0.0,
            state: CellState::Unreliable,
        };
        let valid = self.valid(before, after, scratch);
        if valid < self.options.min_valid {
            return Ok(Cell { valid, state: CellState::TooFewValid, ..nothing });
        }
        let total = self.spectrum([before, after], [0.0, 0.0], scratch);
        if total <= 0.0 {
            return Ok(Cell { valid, ..nothing });
        }
        let ([first, second], surface) = (&mut scratch.spectra, &mut scratch.pixels);
        second.copy_from_slice(first);
        self.fourier.back(second, surface, &mut scratch.fourier);
        let Some(found) = self.band.maximum(first, highest_pixel(surface, side)) else {
            return Ok(Cell { valid, ..nothing });
        };
        // The half plane counts each wave once, the transform twice.
        let next = f64::from(highest_apart(surface, side, found.shift)) / 2.0;
        let reliability = (1.0 - next.max(0.0) / found.value).clamp(0.0, 1.0);
        let is_reliable = reliability >= self.options.min_reliability;
        if !is_reliable || found.shift[0].hypot(found.shift[1]) > self.options.max_shift {
            let state = if is_reliable { CellState::BeyondMax } else { CellState::Unreliable };
            let (shift, error) = (Some(found.shift), Some(self.inflation * found.error));
            return Ok(Cell {
                shift,
                error,
                reliability,
                coherence: found.value / total,
                valid,
                state,
                ..nothing
            });
        }
        // One window at both dates pulls the shift to 0. Windows that move with the content do not.
        let total = self.spectrum([before, after], found.shift, scratch);
        let Some(found) = self.band.maximum(&scratch.spectra[0], found.shift) else {
            return Ok(Cell { reliability, valid, ..nothing });
        };
        let error = self.inflation * found.error;
        let state = if error > self.options.max_error {
            CellState::Unreliable
        } else if found.shift[0].hypot(found.shift[1]) > self.options.max_shift {
            CellState::BeyondMax
        } else {
            CellState::Good
        };
        let coherence = found.value / total;
        Ok(Cell {
            shift: Some(found.shift),
            error: Some(error),
            reliability,
            coherence,
            valid,
            state,
            ..nothing
        })
    }

    /// All cells of the lattice that lie whole within two windows of one size, in parallel, by row and column. `origin`
    /// is the column and row of the windows' first pixel, counted from the origin of the CRS. Strips of rows that begin
    /// and end at edges of cells give each cell once.
    ///
    /// # Errors
    /// [`RegisterError::Shape`].
    pub fn cells<'a>(
        &self,
        origin: [i64; 2],
        before: DateWindow<'a>,
        after: DateWindow<'a>,
    ) -> Result<Vec<Cell>, RegisterError> {
        let shape = [before.values.nrows(), before.values.ncols()];
        check_shape("the first date", before, shape)?;
        check_shape("the second date", after, shape)?;
        let side = number::signed(self.options.cell);
        let range = |start: i64, length: usize| {
            let end = (start + number::signed(length)).div_euclid(side);
            -(-start).div_euclid(side)..end
        };
        let (rows, cols) = (range(origin[1], shape[0]), range(origin[0], shape[1]));
        let all: Vec<[i64; 2]> = rows.flat_map(|row| cols.clone().map(move |col| [col, row])).collect();
        let measure = |scratch: &mut Scratch, at: &[i64; 2]| {
            let [x, y] = [0, 1].map(|axis| number::offset(at[axis] * side - origin[axis]));
            let part = s![y..y + self.options.cell, x..x + self.options.cell];
            let cut = |date: &DateWindow<'a>| DateWindow {
                values: date.values.slice_move(part),
                valid: date.valid.slice_move(part),
            };
            self.cell(*at, cut(&before), cut(&after), scratch)
        };
        all.par_iter().map_init(|| self.scratch(), measure).collect()
    }

    /// Finds which pixels count and how far from invalid ones they are. The share of those that count.
    fn valid(&self, before: DateWindow<'_>, after: DateWindow<'_>, scratch: &mut Scratch) -> f64 {
        let pixels = before.values.iter().zip(before.valid).zip(after.values.iter().zip(after.valid));
        let mut count = 0_usize;
        scratch.fade.clear();
        for (valid, ((a, a_valid), (b, b_valid))) in scratch.valid.iter_mut().zip(pixels) {
            *valid = *a_valid && *b_valid && a.is_finite() && b.is_finite();
            count += usize::from(*valid);
        }
        if count < scratch.valid.len() {
            distances(&scratch.valid, self.options.cell, &mut scratch.distance);
            let factors: [f32; FEATHER as usize + 1] =
                std::array::from_fn(|d| rise(number::exact(d) / f64::from(FEATHER)));
            scratch.fade.extend(scratch.distance.iter().map(|d| factors[usize::from(*d)]));
        }
        number::exact(count) / number::exact(scratch.valid.len())
    }

    /// The weighted cross spectrum of both dates, as the first of the spectra, with windows that are moved by half of
    /// `shift` against each other. The largest sum that it could have.
    fn spectrum(&self, dates: [DateWindow<'_>; 2], shift: [f64; 2], scratch: &mut Scratch) -> f64 {
        for (i, (date, sign)) in dates.into_iter().zip([-1.0, 1.0]).enumerate() {
            let moved = shift.map(|d| sign * d);
            self.weigh(date, moved, &scratch.fade, &mut scratch.pixels);
            self.fourier.forward(&mut scratch.pixels, &mut scratch.spectra[i], &mut scratch.fourier);
        }
        let [first, second] = &mut scratch.spectra;
        self.correlate(first, second)
    }

    /// The values of one date without their mean, times the window, which is moved by half of `moved`, times the factors
    /// of validity here and `moved` back: what is invalid at one date is left out at the other.
    fn weigh(&self, date: DateWindow<'_>, moved: [f64; 2], fade: &[f32], pixels: &mut [f32]) {
        let side = self.options.cell;
        let [along_x, along_y] =
            moved.map(|d| (0..side).map(|i| taper(number::exact(i) - d / 2.0, side)).collect::<Vec<f32>>());
        for ((row, line), y) in pixels.chunks_exact_mut(side).enumerate().zip(&along_y) {
            let fade = fade.get(row * side..(row + 1) * side);
            for (col, (place, x)) in line.iter_mut().zip(&along_x).enumerate() {
                *place = x * y * fade.map_or(1.0, |fade| fade[col]);
            }
        }
        if !fade.is_empty() && moved != [0.0, 0.0] {
            for (at, place) in pixels.iter_mut().enumerate().filter(|(_, place)| **place > 0.0) {
                let from = [at % side, at / side].map(|n: usize| -> f64 { number::exact(n) });
                *place *= between(fade, side, [from[0] - moved[0], from[1] - moved[1]]);
            }
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        for (line, values) in pixels.chunks_exact(side).zip(date.values.rows()) {
            for (factor, value) in line.iter().zip(values).filter(|(factor, _)| **factor > 0.0) {
                sum += f64::from(*factor) * f64::from(*value);
                weight += f64::from(*factor);
            }
        }
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        let mut largest = 0.0_f64;
        for (line, values) in pixels.chunks_exact_mut(side).zip(date.values.rows()) {
            for (place, value) in line.iter_mut().zip(values) {
                // An invalid value may be no number: 0 times it is none either.
                if *place > 0.0 {
                    let difference = f64::from(*value) - mean;
                    largest = largest.max(difference.abs());
                    *place *= number::narrow(difference);
                }
            }
        }
        if largest <= LEAST_DIFFERENCE * mean.abs() {
            pixels.fill(0.0);
        }
    }

    /// The weighted cross spectrum, in the place of the first: X / sqrt(|X|), half way from the cross correlation (which
    /// large shapes rule) to the phase correlation (which noise rules). The largest sum that it could have.
    fn correlate(&self, first: &mut [Complex32], second: &[Complex32]) -> f64 {
        let least = |spectrum: &[Complex32]| {
            let square: f64 = spectrum.iter().map(|v| f64::from(v.norm_sqr())).sum();
            LEAST_AMPLITUDE * number::narrow((square / number::exact(spectrum.len())).sqrt())
        };
        let least = least(first) * least(second);
        let mut total = 0.0;
        for ((f, g), weight) in first.iter_mut().zip(second).zip(&self.weights) {
            let cross = Complex32::new(f.re * g.re + f.im * g.im, f.re * g.im - f.im * g.re);
            let length = cross.norm_sqr().sqrt();
            *f = Complex32::new(0.0, 0.0);
            if *weight > 0.0 && length > least {
                let root = length.sqrt();
                *f = cross * (weight / root);
                total += f64::from(weight * root);
            }
        }
        total
    }
}

fn check_shape(what: &'static str, date: DateWindow<'_>, expected: [usize; 2]) -> Result<(), RegisterError> {
    for (rows, cols) in [date.values.dim(), date.valid.dim()] {
        if [rows, cols] != expected {
            return Err(RegisterError::Shape { what, got: [rows, cols], expected });
        }
    }
    Ok(())
}

/// From 0 to 1 along half a period of a cosine.
fn rise(share: f64) -> f32 {
    number::narrow(0.5 - 0.5 * (PI * share.clamp(0.0, 1.0)).cos())
}

/// Tukey's window at pixel `i`, symmetric.
fn taper(i: f64, side: usize) -> f32 {
    let length: f64 = number::exact(side);
    rise((i + 0.5).min(length - 0.5 - i) / (TAPER * length))
}

/// A value between pixels, bilinear; those at the edge go on outside.
fn between(values: &[f32], side: usize, [x, y]: [f64; 2]) -> f32 {
    let last: f64 = number::exact(side - 1);
    let split = |at: f64| {
        let at = at.clamp(0.0, last);
        let low: usize = number::floor(at);
        (low, (low + 1).min(side - 1), number::narrow(at - number::exact(low)))
    };
    let ((x0, x1, fx), (y0, y1, fy)) = (split(x), split(y));
    let line = |y: usize| values[y * side + x0] + fx * (values[y * side + x1] - values[y * side + x0]);
    line(y0) + fy * (line(y1) - line(y0))
}

/// The chessboard distance of every pixel from an invalid one, up to [`FEATHER`].
fn distances(valid: &[bool], side: usize, distance: &mut [u8]) {
    for (distance, valid) in distance.iter_mut().zip(valid) {
        *distance = if *valid { FEATHER } else { 0 };
    }
    let end = number::signed(side);
    let mut pass = |backward: bool| {
        let sign = if backward { -1 } else { 1 };
        for step in 0..side * side {
            let at = if backward { side * side - 1 - step } else { step };
            let (row, col) = (number::signed(at / side), number::signed(at % side));
            // The neighbors that the pass has visited.
            for (right, down) in [(-1, 0), (-1, -1), (0, -1), (1, -1)] {
                let (x, y) = (col + sign * right, row + sign * down);
                if (0..end).contains(&x) && (0..end).contains(&y) {
                    distance[at] = distance[at].min(distance[number::offset(y * end + x)] + 1);
                }
            }
        }
    };
    pass(false);
    pass(true);
}

/// A position on the surface as a shift: the upper half of the positions stands for negative ones.
fn signed(at: usize, side: usize) -> f64 {
    if at < side / 2 { number::exact(at) } else { -number::exact(side - at) }
}

/// The shift of the highest pixel, the first of equal ones.
fn highest_pixel(surface: &[f32], side: usize) -> [f64; 2] {
    let mut best = (f32::NEG_INFINITY, 0);
    for (at, value) in surface.iter().enumerate() {
        if *value > best.0 {
            best = (*value, at);
        }
    }
    [signed(best.1 % side, side), signed(best.1 / side, side)]
}

/// The highest pixel farther than [`APART`] from a shift, on the torus.
fn highest_apart(surface: &[f32], side: usize, [dx, dy]: [f64; 2]) -> f32 {
    let length: f64 = number::exact(side);
    let off = |at: usize, d: f64| {
        let distance = (signed(at, side) - d).abs();
        distance.min(length - distance)
    };
    let mut best = f32::NEG_INFINITY;
    for (row, line) in surface.chunks_exact(side).enumerate() {
        let off_y = off(row, dy);
        if off_y > APART {
            best = line.iter().fold(best, |a, b| a.max(*b));
            continue;
        }
        for (col, value) in line.iter().enumerate() {
            if *value > best && off(col, dx).hypot(off_y) > APART {
                best = *value;
            }
        }
    }
    best
}
