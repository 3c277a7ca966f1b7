//! 8-bit convolutions: weights are -127..=127 times a scale of their output channel, inputs 0..=127 times a scale of
//! their layer. Sums are integers, and the operations after them are rounded one at a time, so that every instruction
//! set gives the same bits.
//!
//! In [`Rows`], four channels of bytes take the place of each value; they are multiplied by four weights at a time: a
//! *group*.

use super::bytes::MOST;
use super::direct::{Geometry, MOST_SIDE, Patch, rows};
use super::int8_portable::Portable;
use super::int8_strip::{Dot, Line, Terms, strip};
#[cfg(target_arch = "x86_64")]
use super::int8_x86::{Short, Vnni};
use super::isa::Isa;
use super::phases::{PhaseRow, phase_rows};
use super::rows::Rows;
use crate::Activation;
use crate::numbers::signed;

/// Implementation of the sums on this machine: made by [`Dots::of`] only, for available instruction sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dots {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// The same with vectors of half the size.
    #[cfg(target_arch = "x86_64")]
    HalfVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// Whether 8-bit networks are faster than f32 on it: without a dedicated kernel they are correct but slower.
    pub fn gains_from_int8(self) -> bool {
        self.is_available() && Dots::of(self) != Dots::Portable
    }
}

impl Dots {
    fn of(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if Vnni::is_available() => Self::Vnni,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 if Short::<false>::is_available() => Self::Avx2,
            _ => Self::Portable,
        }
    }

    const fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Vnni::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::HalfVnni => Short::<true>::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Short::<false>::LANES,
            Self::Portable => Portable::LANES,
        }
    }

    /// The implementation with vectors of half the size, or itself.
    const fn half(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Self::HalfVnni,
            other => other,
        }
    }

    /// [`strip`] on this machine.
    ///
    /// # Safety
    /// As [`strip`].
    unsafe fn strip(self, terms: &Terms, line: &Line) {
        // SAFETY: unavailable variants are never made; the rest is the caller's contract.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Vnni => Vnni::strip(terms, line),
                #[cfg(target_arch = "x86_64")]
                Self::HalfVnni => Short::<true>::strip(terms, line),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => Short::<false>::strip(terms, line),
                Self::Portable => strip::<Portable>(terms, line),
            }
        }
    }
}

/// The target of a packed kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    pub(crate) isa: Isa,
    /// Scale of the input's bytes.
    pub(crate) scale: f32,
}

/// Output channels that are computed together.
#[derive(Debug, Clone, Copy)]
struct Block {
    dots: Dots,
    /// Vectors of channels: 1 or 2.
    vectors: usize,
    /// First channel, and number of valid channels.
    first: usize,
    valid: usize,
    /// Start of its values, in channels of the packed layout.
    packed: usize,
}

fn blocks(dots: Dots, outputs: usize) -> Vec<Block> {
    let (lanes, half) = (dots.lanes(), dots.half());
    let (mut first, mut packed, mut cut) = (0, 0, Vec::new());
    while first < outputs {
        let left = outputs - first;
        let (dots, vectors) = match left {
            _ if left > lanes + half.lanes() % lanes => (dots, 2),
            _ if left > half.lanes() % lanes => (dots, 1),
            _ => (half, 1),
        };
        let block = Block { dots, vectors, first, valid: left.min(vectors * dots.lanes()), packed };
        (first, packed) = (first + block.valid, packed + block.width());
        cut.push(block);
    }
    cut
}

impl Block {
    /// Number of computed channels.
    const fn width(&self) -> usize {
        self.vectors * self.dots.lanes()
    }
}

/// A convolution's kernel and bias: block by block, then kernel row by row, then column, group of input channels, output
/// channel, and input channel of the group.
#[derive(Debug)]
pub(crate) struct Int8Weights {
    blocks: Vec<Block>,
    /// Kernel rows; groups of each row.
    rows: usize,
    groups: usize,
    data: Vec<i8>,
    /// For each output channel, the factor of its sums.
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl Int8Weights {
    /// Packs a kernel of some rows, columns and inputs: `at(output, row, term)`, a term being `column * inputs + input`.
    pub(crate) fn new(
        packing: Packing,
        bias: &[f32],
        [rows, cols, inputs]: [usize; 3],
        at: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let blocks = blocks(Dots::of(packing.isa), bias.len());
        let (groups, terms) = (inputs.div_ceil(4), cols * inputs);
        let largest = |o: usize| {
            let all = (0..rows).flat_map(|row| (0..terms).map(move |term| (row, term)));
            all.fold(0f32, |most, (row, term)| most.max(at(o, row, term).abs()))
        };
        let steps: Vec<f32> = (0..bias.len()).map(|o| largest(o) / MOST).collect();
        let (mut data, mut scale, mut padded) = (Vec::new(), Vec::new(), Vec::new());
        for block in &blocks {
            let outputs = || (0..block.width()).map(|o| (o < block.valid).then_some(block.first + o));
            let places = (0..rows * cols).flat_map(|place| (0..groups).map(move |group| (place, group)));
            for (place, group) in places {
                let weight = |o: usize, input: usize| {
                    nearest(at(o, place / cols, place % cols * inputs + input) / steps[o])
                };
                for o in outputs() {
                    data.extend((4 * group..4 * group + 4).map(|i| match o {
                        Some(o) if i < inputs && steps[o] > 0.0 => weight(o, i),
                        _ => 0,
                    }));
                }
            }
            scale.extend(outputs().map(|o| o.map_or(0.0, |o| steps[o] * packing.scale)));
            padded.extend(outputs().map(|o| o.map_or(0.0, |o| bias[o])));
        }
        Self { blocks, rows, groups: cols * groups, data, scale, bias: padded }
    }

    /// Size of the packed values in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + 4 * (self.scale.len() + self.bias.len())
    }

    fn terms(&self, block: &Block) -> Terms {
        Terms {
            rows: self.rows,
            groups: self.groups,
            weights: self.data[4 * block.packed * self.rows * self.groups..].as_ptr(),
            scale: self.scale[block.packed..].as_ptr(),
            bias: self.bias[block.packed..].as_ptr(),
            vectors: block.vectors,
            valid: block.valid,
        }
    }
}

/// The nearest integer of 7 bits and a sign.
fn nearest(value: f32) -> i8 {
    value.round_ties_even().clamp(-MOST, MOST) as i8
}

/// The operations after the sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    /// Residual, added to the sum; with its scale if it is stored in bytes.
    pub(crate) residual: Option<(Rows, Option<f32>)>,
    pub(crate) activation: Activation,
    /// Scale of the output's bytes; `None`: it is stored as f32.
    pub(crate) scale: Option<f32>,
}

/// A convolution of some pixels.
pub(crate) fn int8_direct(
    weights: &Int8Weights,
    geometry: Geometry,
    [input, output]: [Rows; 2],
    finish: Finish,
    patch: &Patch,
) {
    let Geometry { kernel, stride, .. } = geometry;
    let (start, count) = (patch.cols.start, patch.width());
    debug_assert_eq!((weights.rows, weights.groups), (kernel, kernel * input.channels()));
    for block in &weights.blocks {
        let terms = weights.terms(block);
        for y in patch.rows.clone() {
            let (row, col) = (geometry.first(y), geometry.first(start));
            let read = |r: usize| input.read(row + signed(r), col, geometry.seen(count));
            let line = Line {
                rows: rows(kernel, read),
                step: stride * input.channels(),
                ..target(output, finish, (y, start, count), block)
            };
            // SAFETY: `read` and `target` have given pointers to all pixels of the strip.
            unsafe { block.dots.strip(&terms, &line) };
        }
    }
}

/// A 3 x 3 convolution over its input upsampled by 2 ([`super::phases`]).
pub(crate) fn int8_phases(
    weights: &[Int8Weights; 4],
    [input, output]: [Rows; 2],
    finish: Finish,
    patch: &Patch,
) {
    for (phase, weights) in weights.iter().enumerate() {
        debug_assert_eq!((weights.rows, weights.groups), (2, 2 * input.channels()));
        for block in &weights.blocks {
            let terms = weights.terms(block);
            for PhaseRow { y, start, count, row, col } in phase_rows(patch, phase) {
                let mut line = Line {
                    rows: rows(2, |r| input.read(row + signed(r), col, count + 1)),
                    step: input.channels(),
                    ..target(output, finish, (y, start, 2 * count - 1), block)
                };
                (line.out_step, line.residual_step, line.count) =
                    (2 * line.out_step, 2 * line.residual_step, count);
                // SAFETY: as for `int8_direct`; every second pixel is written.
                unsafe { block.dots.strip(&terms, &line) };
            }
        }
    }
}

/// The written part of a strip.
fn target(output: Rows, finish: Finish, (y, col, count): (i64, i64, usize), block: &Block) -> Line {
    let bytes = |scale: Option<f32>| if scale.is_some() { 1 } else { 4 };
    let out = output.write(y, col, count).cast::<u8>().wrapping_add(block.first * bytes(finish.scale));
    let residual = finish
        .residual
        .map(|(rows, scale)| rows.read(y, col, count).cast::<u8>().wrapping_add(block.first * bytes(scale)));
    Line {
        rows: [std::ptr::null(); MOST_SIDE],
        step: 0,
        out_step: 4 * output.channels(),
        residual_step: finish.residual.map_or(0, |(rows, _)| 4 * rows.channels()),
        out,
        residual: residual.unwrap_or(std::ptr::null()),
        residual_scale: finish.residual.and_then(|(_, scale)| scale),
        inverse: finish.scale.map(f32::recip),
        count,
        activation: finish.activation,
    }
}
