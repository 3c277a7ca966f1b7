//! Attention: products of queries with keys, their softmax, and the sums of values weighted by it.
//!
//! Both sums are those of 1 x 1 convolutions whose weights are the keys, and the values: they are packed for a head,
//! and queries are computed in blocks, so that only the scores of a block exist at a time. The terms of each sum are
//! added in one order: channels for a score, keys from north to south and west to east for an output.

use super::direct::{Block, Patch, Strip, blocks, multiply};
use super::isa::Isa;
use super::pool::pixels;
use super::rows::Rows;
use super::softmax::exponentials;
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
        // One head's keys or values, gathered and packed; queries, their scores and sums. Blocks are 32 wide at most.
        let packed = (keys + 32) * channels + (values + 32) * keys;
        keys * channels.max(values) + packed + block_of(keys) * (keys + channels + values + 1)
    }
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
    scratch: &mut Vec<f32>,
) {
    let all = size(keys.height() * width);
    let needed = heads.scratch(all);
    if scratch.len() < needed {
        scratch.resize(needed, 0.0);
    }
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
    /// One key, or value, after the other; its blocks.
    gathered: &'a mut [f32],
    keys: &'a mut [f32],
    values: &'a mut [f32],
    queries: &'a mut [f32],
    scores: &'a mut [f32],
    /// The inverse of each query's sum of exponentials.
    inverses: &'a mut [f32],
    outputs: &'a mut [f32],
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
        all: &'a mut [f32],
    ) -> Self {
        let queries = block_of(keys);
        let (gathered, rest) = all.split_at_mut(keys * heads.channels.max(heads.values));
        let (packed_keys, rest) = rest.split_at_mut(width(blocks_of_keys) * heads.channels);
        let (packed_values, rest) = rest.split_at_mut(width(blocks_of_values) * keys);
        let (queries_of, rest) = rest.split_at_mut(queries * heads.channels);
        let (scores, rest) = rest.split_at_mut(queries * keys);
        let (inverses, rest) = rest.split_at_mut(queries);
        Self {
            gathered,
            keys: packed_keys,
            values: packed_values,
            queries: queries_of,
            scores,
            inverses,
            outputs: &mut rest[..queries * heads.values],
            blocks_of_keys,
            blocks_of_values,
        }
    }

    /// Packs keys, times `scale`.
    fn pack_keys(&mut self, isa: Isa, each: usize, keys: usize, scale: f32) {
        let (blocks, from) = (self.blocks_of_keys, &self.gathered[..keys * each]);
        let to = &mut *self.keys;
        pixels(
            isa,
            #[inline(always)]
            || pack_turned(blocks, from, each, scale, to),
        );
    }

    /// Packs values.
    fn pack_values(&mut self, each: usize, keys: usize) {
        for block in self.blocks_of_values {
            let to = &mut self.values[block.packed * keys..][..block.width() * keys];
            for (to, from) in to.chunks_exact_mut(block.width()).zip(self.gathered.chunks_exact(each)) {
                to[..block.valid].copy_from_slice(&from[block.first..block.first + block.valid]);
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
        assert!(count * keys <= self.scores.len() && count * heads.values <= self.outputs.len());
        let scores = self.scores.as_mut_ptr();
        // SAFETY: the caller has `count` queries of `channels` values; `scores` holds `keys` values for each, of which
        // the blocks of keys have as many.
        unsafe {
            multiply(
                self.blocks_of_keys,
                heads.channels,
                self.keys,
                &line(&[queries], step, (scores, keys), count),
            );
        }
        let (scores, inverses) = (&mut self.scores[..count * keys], &mut *self.inverses);
        pixels(
            heads.isa,
            #[inline(always)]
            || {
                for (query, (scores, inverse)) in scores.chunks_exact_mut(keys).zip(inverses).enumerate() {
                    add(query, scores);
                    *inverse = exponentials(scores);
                }
            },
        );
        let (scores, outputs) = (self.scores.as_ptr(), self.outputs.as_mut_ptr());
        // SAFETY: `scores` holds `keys` terms for each query, `outputs` its values.
        unsafe {
            let to = (outputs, heads.values);
            multiply(self.blocks_of_values, keys, self.values, &line(&[scores], keys, to, count));
        }
    }

    /// Writes the output of a query to a pixel's channels of the head.
    #[inline(always)]
    fn write(&self, query: usize, each: usize, to: &mut [f32]) {
        let inverse = self.inverses[query];
        to.iter_mut().zip(&self.outputs[query * each..]).for_each(|(to, v)| *to = v * inverse);
    }
}

/// `count` pixels in memory.
fn line(rows: &[*const f32], step: usize, (out, out_step): (*mut f32, usize), count: usize) -> Strip<'_> {
    let (residual, activation) = (std::ptr::null(), Activation::None);
    Strip { rows, step, out_step, residual_step: 0, out, residual, count, activation }
}

/// Packs `each` values of some keys as weights: terms are channels, outputs are keys.
#[inline(always)]
fn pack_turned(blocks: &[Block], from: &[f32], each: usize, scale: f32, to: &mut [f32]) {
    for block in blocks {
        let wide = block.width();
        let to = &mut to[block.packed * each..][..wide * each];
        let from = &from[block.first * each..][..block.valid * each];
        let (whole_keys, whole_channels) = (block.valid / SIDE * SIDE, each / SIDE * SIDE);
        for key in (0..whole_keys).step_by(SIDE) {
            for c in (0..whole_channels).step_by(SIDE) {
                let square = turned(|i| &from[(key + i) * each + c..]);
                for (i, values) in square.iter().enumerate() {
                    let to = &mut to[(c + i) * wide + key..][..SIDE];
                    to.iter_mut().zip(values).for_each(|(to, v)| *to = v * scale);
                }
            }
        }
        for key in 0..wide {
            let first = if key < whole_keys { whole_channels } else { 0 };
            for c in first..each {
                to[c * wide + key] = if key < block.valid { from[key * each + c] * scale } else { 0.0 };
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
    let blocks = [blocks(heads.isa, keys), blocks(heads.isa, heads.values)];
    let mut scratch = Scratch::new(heads, keys, [&blocks[0], &blocks[1]], all);
    for head in 0..heads.heads {
        gather_all(&layers.keys, head, heads.channels, scratch.gathered);
        scratch.pack_keys(heads.isa, heads.channels, keys, scale(heads.channels));
        gather_all(&layers.values, head, heads.values, scratch.gathered);
        scratch.pack_values(heads.values, keys);
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

/// Copies all pixels' channels of a head, one after the other.
fn gather_all(layer: &Rows, head: usize, each: usize, to: &mut [f32]) {
    let (start, end) = layer.columns();
    let mut to = to.chunks_exact_mut(each);
    for y in 0..layer.height() {
        // SAFETY: the inputs' rows are complete before a layer that reads them begins.
        let row = unsafe { layer.slice(y, start, size(end - start)) };
        for (pixel, to) in row.chunks_exact(layer.channels()).zip(&mut to) {
            to.copy_from_slice(&pixel[head * each..][..each]);
        }
    }
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
    let blocks = [blocks(heads.isa, count), blocks(heads.isa, heads.values)];
    let mut scratch = Scratch::new(heads, count, [&blocks[0], &blocks[1]], all);
    for row in rows.squares(patch.rows.clone()) {
        for col in cols.squares(patch.cols.clone()) {
            let pixels = squares::pixels([&rows, &cols], [row, col]);
            let of = |layer: &Rows, beyond| -> Vec<&[f32]> {
                pixels.iter().map(|pixel| values_of(layer, pixel, beyond)).collect()
            };
            let (keys, values) = (of(&layers.keys, &squares.beyond.0), of(&layers.values, &squares.beyond.1));
            let wanted = |query: &usize| {
                let place = pixels[*query].place;
                place.is_some_and(|(y, x)| patch.rows.contains(&y) && patch.cols.contains(&x))
            };
            let queries: Vec<usize> = (0..count).filter(wanted).collect();
            for head in 0..heads.heads {
                gather(&keys, head, heads.channels, scratch.gathered);
                scratch.pack_keys(heads.isa, heads.channels, count, scale(heads.channels));
                gather(&values, head, heads.values, scratch.gathered);
                scratch.pack_values(heads.values, count);
                for queries in queries.chunks(block_of(count)) {
                    one_block(heads, squares, layers, (&pixels, queries, head), &mut scratch);
                }
            }
        }
    }
}

/// Outputs of a head for some queries of a square.
fn one_block(
    heads: &Heads,
    squares: &Squares,
    layers: &Layers,
    (pixels, queries, head): (&[Pixel], &[usize], usize),
    scratch: &mut Scratch,
) {
    let (keys, count) = (pixels.len(), queries.len());
    let to = scratch.queries.chunks_exact_mut(heads.channels);
    for (query, to) in queries.iter().zip(to) {
        let query = values_of(&layers.queries, &pixels[*query], &[]);
        to.copy_from_slice(&query[head * heads.channels..][..heads.channels]);
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
                let query = queries[query];
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
        let Some((y, x)) = pixels[*query].place else { continue };
        layers.output.fill(y, x, 1, |out| {
            scratch.write(i, heads.values, &mut out[head * heads.values..][..heads.values]);
        });
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

/// Copies each pixel's channels of a head, one after the other.
fn gather(pixels: &[&[f32]], head: usize, each: usize, to: &mut [f32]) {
    for (pixel, to) in pixels.iter().zip(to.chunks_exact_mut(each)) {
        to.copy_from_slice(&pixel[head * each..][..each]);
    }
}
