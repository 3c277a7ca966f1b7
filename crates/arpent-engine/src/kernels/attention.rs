//! Attention: products of queries with keys, their softmax, and the sums of values weighted by it.
//!
//! Both sums are those of 1 x 1 convolutions whose weights are the keys, and the values: they are packed for a head,
//! and queries are computed in blocks, so that only the scores of a block exist at a time. The terms of each sum are
//! added in one order: channels for a score, keys from north to south and west to east for an output.

use std::ops::Range;

use super::aligned::{Aligned, LINE};
use super::direct::{Block, Patch, Strip, blocks, multiply};
use super::isa::{Isa, Set, Work};
use super::pool::pixels;
use super::rows::Rows;
use super::softmax::{LANES, exponentials};
use super::squares::{self, Pixel, Rolled};
use super::turn::{SIDE, turned};
use crate::Activation;
use crate::numbers::{signed, size};

/// Scores that exist at a time, roughly.
const SCORES: usize = 32 << 10;

/// Most queries of a block: enough for the largest groups of pixels.
const QUERIES: usize = 56;

/// Added to the scores of pixels that were no neighbors.
const APART: f32 = -100.0;

#[allow(clippy::struct_field_names, reason = "the word for both")]
/// Several heads, of `channels` channels of queries and keys and `values` channels of values each.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) isa: Isa,
    pub(crate) heads: usize,
    pub(crate) channels: usize,
    pub(crate) values: usize,
    pub(crate) squares: Option<Squares>,
}

/// Squares of pixels that see each other.
#[derive(Debug)]
pub(crate) struct Squares {
    pub(crate) side: usize,
    pub(crate) shift: usize,
    pub(crate) rolled_first: bool,
    /// For each head, query and key.
    pub(crate) bias: Vec<f32>,
    /// Key and value of a pixel beyond the picture.
    pub(crate) beyond: (Vec<f32>, Vec<f32>),
}

impl Squares {
    fn rolled(&self, length: i64) -> Rolled {
        Rolled::new(length, self.side, self.shift, self.rolled_first)
    }
}

impl Heads {
    /// Size of the weights in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let of = |s: &Squares| s.bias.len() + s.beyond.0.len() + s.beyond.1.len();
        4 * self.squares.as_ref().map_or(0, of)
    }

    /// Keys that a query sees, of a layer of so many pixels.
    pub(crate) fn seen(&self, keys: usize) -> usize {
        self.squares.as_ref().map_or(keys, |s| s.side * s.side)
    }

    /// Values of scratch memory for so many keys.
    pub(crate) fn scratch(&self, keys: usize) -> usize {
        let (keys, channels, values) = (self.seen(keys), self.channels, self.values);
        let (padded, queries) = (padded(keys), block_of(keys));
        // One head's keys and values; queries, their scores and sums. Blocks are 32 wide at most.
        let packed = padded * channels + (values + 32) * keys;
        packed + queries * (padded + channels + values + 1) + PARTS * LINE
    }
}

/// Parts of the scratch memory, each of which begins at a cache line.
const PARTS: usize = 6;

/// Keys with some more, so that scores are whole vectors.
const fn padded(keys: usize) -> usize {
    keys.next_multiple_of(LANES)
}

/// Queries that are computed together.
fn block_of(keys: usize) -> usize {
    (SCORES / keys.max(1)).clamp(1, QUERIES)
}

/// Computes pixels of the output; `width` is that of all keys, `scratch` grows as needed.
pub(crate) fn attention(
    heads: &Heads,
    [queries, keys, values, output]: [Rows; 4],
    width: i64,
    patch: &Patch,
    scratch: &mut Aligned,
) {
    let all = size(keys.height() * width);
    scratch.grow(heads.scratch(all));
    let rows = Layers { queries, keys, values, output };
    match &heads.squares {
        None => everywhere(heads, &rows, patch, all, scratch),
        Some(squares) => {
            let axes = [keys.height(), width].map(|length| squares.rolled(length));
            in_squares(heads, squares, &rows, axes, patch, scratch);
        }
    }
}

/// The layers that are read and written.
struct Layers {
    queries: Rows,
    keys: Rows,
    values: Rows,
    output: Rows,
}

/// Scratch memory of a head.
struct Scratch<'a> {
    /// In blocks.
    keys: &'a mut [f32],
    values: &'a mut [f32],
    queries: &'a mut [f32],
    scores: &'a mut [f32],
    /// The inverse of each query's sum of exponentials.
    inverses: &'a mut [f32],
    outputs: &'a mut [f32],
    /// Channels of a key that is missing.
    nothing: Vec<f32>,
    blocks_of_keys: &'a [Block],
    blocks_of_values: &'a [Block],
}

/// Width of all blocks.
fn width(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::width).sum()
}

impl<'a> Scratch<'a> {
    fn new(
        heads: &Heads,
        keys: usize,
        [blocks_of_keys, blocks_of_values]: [&'a [Block]; 2],
        mut all: &'a mut [f32],
    ) -> Self {
        let (padded, queries) = (padded(keys), block_of(keys));
        debug_assert_eq!(width(blocks_of_keys), padded);
        let mut take = |count: usize| {
            let (part, rest) = std::mem::take(&mut all).split_at_mut(count.next_multiple_of(LINE));
            all = rest;
            &mut part[..count]
        };
        Self {
            keys: take(padded * heads.channels),
            values: take(width(blocks_of_values) * keys),
            queries: take(queries * heads.channels),
            scores: take(queries * padded),
            inverses: take(queries),
            outputs: take(queries * heads.values),
            nothing: vec![0.0; heads.channels],
            blocks_of_keys,
            blocks_of_values,
        }
    }

    /// Packs the keys and values of a head, the keys times `scale`; keys that are padded are zeros.
    fn pack(&mut self, heads: &Heads, head: usize, keys: &[&[f32]], values: &[&[f32]]) {
        let (blocks, each, to) = (self.blocks_of_keys, heads.channels, &mut *self.keys);
        let (scale, nothing) = (scale(each), &*self.nothing);
        pixels(
            heads.isa,
            #[inline(always)]
            || pack_turned(blocks, (keys, nothing), head * each..(head + 1) * each, scale, to),
        );
        for block in self.blocks_of_values {
            let to = &mut self.values[block.packed * values.len()..][..block.width() * values.len()];
            for (to, from) in to.chunks_exact_mut(block.width()).zip(values) {
                let from = &from[head * heads.values + block.first..][..block.valid];
                to[..block.valid].copy_from_slice(from);
                to[block.valid..].fill(0.0);
            }
        }
    }

    /// Outputs of `count` queries, of `channels` values each and `step` apart; `add` adds to the scores of each.
    ///
    /// # Safety
    /// The queries exist, and are not written at the same time.
    unsafe fn attend(
        &mut self,
        heads: &Heads,
        (queries, step, count): (*const f32, usize, usize),
        keys: usize,
        add: impl Fn(usize, &mut [f32]),
    ) {
        let padded = padded(keys);
        assert!(count * padded <= self.scores.len() && count * heads.values <= self.outputs.len());
        let scores = self.scores.as_mut_ptr();
        // SAFETY: the caller has `count` queries of `channels` values; `scores` holds `padded` values for each, of which
        // the blocks of keys have as many.
        unsafe {
            multiply(
                self.blocks_of_keys,
                heads.channels,
                self.keys,
                &line(&[queries], step, (scores, padded), count),
            );
        }
        let (scores, inverses) = (&mut self.scores[..count * padded], &mut *self.inverses);
        heads.isa.run(Shares { scores, keys, inverses, add });
        let (scores, outputs) = (self.scores.as_ptr(), self.outputs.as_mut_ptr());
        // SAFETY: `scores` holds the terms for each query, `outputs` its values.
        unsafe {
            let to = (outputs, heads.values);
            multiply(self.blocks_of_values, keys, self.values, &line(&[scores], padded, to, count));
        }
    }

    /// Writes the output of a query to a pixel's channels of the head.
    #[inline(always)]
    fn write(&self, query: usize, each: usize, to: &mut [f32]) {
        let inverse = self.inverses[query];
        to.iter_mut().zip(&self.outputs[query * each..]).for_each(|(to, v)| *to = v * inverse);
    }
}

/// Makes shares of the scores of some queries, with the inverses of their sums; those of padded keys are next to nothing.
struct Shares<'a, F> {
    scores: &'a mut [f32],
    keys: usize,
    inverses: &'a mut [f32],
    add: F,
}

impl<F: Fn(usize, &mut [f32])> Work for Shares<'_, F> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        let each = self.scores.chunks_exact_mut(padded(self.keys)).zip(self.inverses);
        for (query, (scores, inverse)) in each.enumerate() {
            scores[self.keys..].fill(f32::NEG_INFINITY);
            (self.add)(query, &mut scores[..self.keys]);
            *inverse = if I::FUSED { exponentials::<true>(scores) } else { exponentials::<false>(scores) };
        }
    }
}

/// `count` pixels in memory.
fn line(rows: &[*const f32], step: usize, (out, out_step): (*mut f32, usize), count: usize) -> Strip<'_> {
    let (residual, activation) = (std::ptr::null(), Activation::None);
    Strip { rows, step, out_step, residual_step: 0, out, residual, count, activation }
}

/// Packs some channels of keys as weights: terms are channels, outputs are keys. All blocks are full; keys that are
/// missing are those of `nothing`.
#[inline(always)]
fn pack_turned(
    blocks: &[Block],
    (keys, nothing): (&[&[f32]], &[f32]),
    channels: Range<usize>,
    scale: f32,
    to: &mut [f32],
) {
    let each = channels.len();
    let whole = each / SIDE * SIDE;
    for block in blocks {
        let wide = block.width();
        let to = &mut to[block.packed * each..][..wide * each];
        for key in (0..wide).step_by(SIDE) {
            let mut rows = [nothing; SIDE];
            let some = keys.iter().skip(block.first + key);
            rows.iter_mut().zip(some).for_each(|(row, from)| *row = &from[channels.clone()]);
            for c in (0..whole).step_by(SIDE) {
                let square = turned(|i| &rows[i][c..]);
                for (i, values) in square.iter().enumerate() {
                    let to = &mut to[(c + i) * wide + key..][..SIDE];
                    to.iter_mut().zip(values).for_each(|(to, v)| *to = v * scale);
                }
            }
            for c in whole..each {
                let to = &mut to[c * wide + key..][..SIDE];
                to.iter_mut().zip(&rows).for_each(|(to, row)| *to = row[c] * scale);
            }
        }
    }
}

/// The factor of products.
fn scale(channels: usize) -> f32 {
    (1.0 / (channels as f64).sqrt()) as f32
}

/// Every pixel of the patch sees all keys.
fn everywhere(heads: &Heads, layers: &Layers, patch: &Patch, keys: usize, all: &mut [f32]) {
    let blocks = [blocks(heads.isa, padded(keys)), blocks(heads.isa, heads.values)];
    let mut scratch = Scratch::new(heads, keys, [&blocks[0], &blocks[1]], all);
    let [seen, values] = [&layers.keys, &layers.values].map(all_pixels);
    for head in 0..heads.heads {
        scratch.pack(heads, head, &seen, &values);
        for y in patch.rows.clone() {
            let mut x = patch.cols.start;
            while x < patch.cols.end {
                let count = block_of(keys).min(size(patch.cols.end - x));
                let query = layers.queries.read(y, x, count).wrapping_add(head * heads.channels);
                // SAFETY: the row has `count` queries from `x` on, and is complete.
                unsafe {
                    scratch.attend(heads, (query, layers.queries.channels(), count), keys, |_, _| ());
                }
                layers.output.fill(y, x, count, |out| {
                    for (query, out) in out.chunks_exact_mut(layers.output.channels()).enumerate() {
                        scratch.write(query, heads.values, &mut out[head * heads.values..][..heads.values]);
                    }
                });
                x += signed(count);
            }
        }
    }
}

/// All pixels of a layer, row by row.
fn all_pixels<'a>(layer: &Rows) -> Vec<&'a [f32]> {
    let (start, end) = layer.columns();
    // SAFETY: the inputs' rows are complete before a layer that reads them begins.
    let row = |y: i64| unsafe { layer.slice(y, start, size(end - start)) };
    (0..layer.height()).flat_map(|y| row(y).chunks_exact(layer.channels())).collect()
}

/// Every pixel of the patch sees those of its square.
fn in_squares(
    heads: &Heads,
    squares: &Squares,
    layers: &Layers,
    [rows, cols]: [Rolled; 2],
    patch: &Patch,
    all: &mut [f32],
) {
    let count = squares.side * squares.side;
    let blocks = [blocks(heads.isa, padded(count)), blocks(heads.isa, heads.values)];
    let mut scratch = Scratch::new(heads, count, [&blocks[0], &blocks[1]], all);
    for row in rows.squares(patch.rows.clone()) {
        for col in cols.squares(patch.cols.clone()) {
            let pixels = squares::pixels([&rows, &cols], [row, col]);
            let of = |layer: &Rows, beyond| -> Vec<&[f32]> {
                pixels.iter().map(|pixel| values_of(layer, pixel, beyond)).collect()
            };
            let (keys, values) = (of(&layers.keys, &squares.beyond.0), of(&layers.values, &squares.beyond.1));
            let mut queries: Vec<Query> = Vec::with_capacity(count);
            for (number, pixel) in pixels.iter().enumerate() {
                let wanted = |(y, x): &(i64, i64)| patch.rows.contains(y) && patch.cols.contains(x);
                if let Some((y, x)) = pixel.place.filter(wanted) {
                    let from = values_of(&layers.queries, pixel, &[]);
                    queries.push(Query { number, from, to: layers.output.write(y, x, 1) });
                }
            }
            for head in 0..heads.heads {
                scratch.pack(heads, head, &keys, &values);
                for queries in queries.chunks(block_of(count)) {
                    one_block(heads, squares, (&pixels, queries, head), &mut scratch);
                }
            }
        }
    }
}

/// A pixel whose output is computed: its number in the square, its channels, and those of its output.
struct Query<'a> {
    number: usize,
    from: &'a [f32],
    to: *mut f32,
}

/// Outputs of a head for some queries of a square.
fn one_block(
    heads: &Heads,
    squares: &Squares,
    (pixels, queries, head): (&[Pixel], &[Query], usize),
    scratch: &mut Scratch,
) {
    let (keys, count) = (pixels.len(), queries.len());
    let to = scratch.queries.chunks_exact_mut(heads.channels);
    for (query, to) in queries.iter().zip(to) {
        to.copy_from_slice(&query.from[head * heads.channels..][..heads.channels]);
    }
    let bias = &squares.bias[head * keys * keys..][..keys * keys];
    let mixed = pixels.iter().any(|pixel| pixel.part != pixels[0].part);
    let from = (scratch.queries.as_ptr(), heads.channels, count);
    // SAFETY: `count` queries were copied.
    unsafe {
        scratch.attend(
            heads,
            from,
            keys,
            #[inline(always)]
            |query, scores| {
                let query = queries[query].number;
                scores.iter_mut().zip(&bias[query * keys..]).for_each(|(score, bias)| *score += bias);
                if mixed {
                    let part = pixels[query].part;
                    let apart = scores.iter_mut().zip(pixels).filter(|(_, pixel)| pixel.part != part);
                    apart.for_each(|(score, _)| *score += APART);
                }
            },
        );
    }
    for (i, query) in queries.iter().enumerate() {
        // SAFETY: tasks of a layer write disjoint pixels, and a pixel has the values of all heads.
        let to = unsafe { std::slice::from_raw_parts_mut(query.to.add(head * heads.values), heads.values) };
        scratch.write(i, heads.values, to);
    }
}

/// A pixel's channels; `beyond` those of a pixel beyond the picture.
fn values_of<'a>(layer: &Rows, pixel: &Pixel, beyond: &'a [f32]) -> &'a [f32] {
    match pixel.place {
        // SAFETY: the inputs' rows are complete before a layer that reads them begins.
        Some((y, x)) => unsafe { layer.slice(y, x, 1) },
        None => beyond,
    }
}
