//! Networks that look at the whole picture: compared with plain sums in double precision, and between threads, runs
//! and parts of a picture.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test helpers; numbers are small"
)]

mod common;

use arpent_engine::{Activation, Engine, EngineError, Isa, Options, Picture};
use common::{
    Network, NodeShape, Part, Placed, Scene, ShapeOp, Square, conv, grid, plan, run, uniform, whole,
};
use proptest::prelude::*;

/// Choices by a seed.
struct Choices(u64);

impl Choices {
    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        self.0 += 1;
        all[((uniform(self.0.wrapping_mul(0x5851_f42d)) + 1.0) * 0.5 * all.len() as f32) as usize % all.len()]
            .clone()
    }

    fn activation(&mut self) -> Activation {
        use Activation::{Gelu, None, Relu, Relu6, Sigmoid, Silu};
        self.of(&[Silu, Silu, Gelu, Sigmoid, Relu, Relu6, None])
    }
}

/// Squeeze-and-excitation of a step.
fn squeeze(plans: &mut Vec<NodeShape>, from: usize, choices: &mut Choices) -> usize {
    let (channels, level, reduced) = (plans[from].channels, plans[from].level, choices.of(&[1, 3, 20]));
    let at = plans.len();
    plans.extend([
        grid(ShapeOp::AdaptiveMean(1), &[from], Activation::None, channels, 1),
        grid(conv(1, 1), &[at], choices.activation(), reduced, 1),
        grid(conv(1, 1), &[at + 1], Activation::Sigmoid, channels, 1),
        plan(
            ShapeOp::Scale,
            &[from, at + 2],
            choices.of(&[Activation::None, Activation::Silu]),
            channels,
            level,
        ),
    ]);
    at + 3
}

/// Blocks of EfficientNets: expansion, depthwise convolution, squeeze-and-excitation, projection, and a sum.
fn block(
    plans: &mut Vec<NodeShape>,
    from: usize,
    width: usize,
    stride: usize,
    choices: &mut Choices,
) -> usize {
    let (inputs, level) = (plans[from].channels, plans[from].level);
    let expanded = inputs * choices.of(&[1, 2, 6]);
    let kernel = choices.of(&[3, 5]);
    let before = choices.of(&[0, 1, kernel / 2]);
    let deeper = level + stride.ilog2();
    let placed = Placed { kernel, stride, dilation: 1, before, depthwise: true };
    let at = plans.len();
    plans.push(plan(conv(1, 1), &[from], choices.activation(), expanded, level));
    plans.push(plan(ShapeOp::Placed(placed), &[at], choices.activation(), expanded, deeper));
    let scaled = squeeze(plans, at + 1, choices);
    let width = if stride == 1 { inputs } else { width };
    plans.push(plan(conv(1, 1), &[scaled], Activation::None, width, deeper));
    if stride == 1 {
        let projected = plans.len() - 1;
        plans.push(plan(ShapeOp::Add, &[projected, from], choices.activation(), width, level));
    }
    plans.len() - 1
}

/// A U-Net of three levels with an encoder of such blocks; `operations` adds others on the way.
fn window_network(bands: usize, widths: [usize; 3], seed: u64) -> Network {
    let [a, b, c] = widths;
    let choices = &mut Choices(seed << 20);
    let stem = Placed { kernel: 3, stride: 2, dilation: 1, before: choices.of(&[0, 1]), depthwise: false };
    let mut plans = vec![
        plan(ShapeOp::Input, &[], Activation::None, bands, 0),
        plan(ShapeOp::Placed(stem), &[0], choices.activation(), a, 1),
    ];
    let fine = block(&mut plans, 1, a, 1, choices);
    let mut deep = block(&mut plans, fine, b, 2, choices);
    deep = block(&mut plans, deep, b, 1, choices);
    let at = plans.len();
    let side = choices.of(&[1, 2, 3, 6]);
    plans.extend([
        grid(ShapeOp::AdaptiveMean(side), &[deep], choices.activation(), b, side),
        grid(conv(choices.of(&[1, 3]), 1), &[at], choices.activation(), b, side),
        grid(ShapeOp::Add, &[at + 1, at], choices.activation(), b, side),
        grid(ShapeOp::AdaptiveMean(1), &[at + 2], Activation::None, b, 1),
        plan(ShapeOp::Scale, &[deep, at + 3], choices.activation(), b, 2),
        plan(ShapeOp::Upsample(1), &[at + 4], Activation::None, b, 1),
        plan(ShapeOp::Concat, &[at + 5, fine], Activation::None, a + b, 1),
        plan(conv(3, 1), &[at + 6], choices.activation(), c, 1),
        plan(ShapeOp::MaxPool(2), &[at + 7], choices.activation(), c, 2),
        plan(ShapeOp::Upsample(1), &[at + 8], choices.activation(), c, 1),
        plan(ShapeOp::Difference, &[at + 9, at + 7], choices.activation(), c, 1),
        plan(ShapeOp::Upsample(1), &[at + 10], Activation::None, c, 0),
        plan(conv(3, 1), &[at + 11], Activation::None, 5, 0),
    ]);
    Network::new(plans, seed)
}

/// Blocks of ConvNeXts, dilated and even kernels, pooling pyramids and interpolations, from a quarter of the picture on.
fn mixed_network(bands: usize, widths: [usize; 3], seed: u64) -> Network {
    use Activation::None;
    let [a, b, c] = widths;
    let choices = &mut Choices(seed << 20 | 7);
    let placed = |kernel: usize, stride: usize, dilation: usize, before: usize, depthwise: bool| {
        ShapeOp::Placed(Placed { kernel, stride, dilation, before, depthwise })
    };
    let stem = choices.of(&[placed(4, 4, 1, 0, false), placed(7, 4, 1, 3, false), placed(6, 4, 1, 1, false)]);
    let mut depthwise = || {
        let (kernel, dilation) = (choices.of(&[2, 3, 4, 5, 6, 7, 8]), choices.of(&[1, 1, 2, 3]));
        placed(kernel, 1, dilation, choices.of(&[0, kernel / 2, (kernel - 1) * dilation]), true)
    };
    let (wide, deep) = (depthwise(), depthwise());
    let dilated = placed(3, 1, choices.of(&[2, 3, 6]), choices.of(&[0, 2, 4]), false);
    let even = placed(choices.of(&[2, 4]), 2, 1, choices.of(&[0, 1]), false);
    let (far, side) = (choices.of(&[8, 5]), choices.of(&[1, 2, 3, 6]));
    let align = || ShapeOp::Bilinear { align_corners: true };
    let halves = || ShapeOp::Bilinear { align_corners: false };
    let mut any = || choices.activation();
    let plans = vec![
        plan(ShapeOp::Input, &[], None, bands, 0),
        plan(stem, &[0], None, 2 * a, 2),
        plan(ShapeOp::LayerNorm, &[1], any(), 2 * a, 2),
        plan(wide, &[2], None, 2 * a, 2),
        plan(ShapeOp::LayerNorm, &[3], None, 2 * a, 2),
        plan(conv(1, 1), &[4], Activation::Gelu, 3 * a, 2),
        plan(ShapeOp::ResponseNorm, &[5], any(), 3 * a, 2),
        plan(conv(1, 1), &[6], None, 2 * a, 2),
        plan(ShapeOp::Add, &[7, 2], None, 2 * a, 2),
        plan(even, &[8], None, b, 3),
        plan(deep, &[9], any(), b, 3),
        plan(dilated, &[10], None, b, 3),
        plan(ShapeOp::GroupNorm(if b % 2 == 0 { 2 } else { 1 }), &[11], any(), b, 3),
        plan(placed(far, 8, 1, 0, false), &[8], any(), c, 5),
        grid(ShapeOp::AdaptiveMean(side), &[12], None, b, side),
        grid(conv(1, 1), &[14], any(), c, side),
        grid(ShapeOp::GroupNorm(1), &[15], None, c, side),
        plan(halves(), &[16], any(), c, 3),
        plan(align(), &[13], None, c, 3),
        plan(ShapeOp::Add, &[17, 18], any(), c, 3),
        plan(ShapeOp::Concat, &[19, 12], None, b + c, 3),
        plan(conv(3, 1), &[20], any(), c, 3),
        plan(halves(), &[21], None, c, 2),
        plan(halves(), &[8], None, 2 * a, 4),
        plan(halves(), &[23], None, 2 * a, 2),
        plan(ShapeOp::Concat, &[22, 24], None, 2 * a + c, 2),
        plan(conv(1, 1), &[25], None, 5, 2),
        plan(if seed.is_multiple_of(2) { align() } else { halves() }, &[26], None, 5, 0),
    ];
    Network::new(plans, seed)
}

/// Blocks of transformers: attention to all pixels, to those of a smaller picture, and within squares.
fn attention_network(bands: usize, heads: usize, channels: usize, seed: u64) -> Network {
    use Activation::None;
    let choices = &mut Choices(seed << 20 | 9);
    let width = heads * channels;
    let value = heads * choices.of(&[1, 3, 8, 33]);
    let reduction: usize = choices.of(&[1, 2, 4]);
    let placed = |kernel: usize, stride: usize| {
        ShapeOp::Placed(Placed { kernel, stride, dilation: 1, before: 0, depthwise: false })
    };
    let squares = |choices: &mut Choices| {
        let side = choices.of(&[1, 2, 3, 4, 7, 12]);
        let (shift, rolled_first) = (choices.of(&[0, side / 2, side - 1]), choices.of(&[false, true]));
        Some(Square { side, shift, rolled_first })
    };
    let [first, second] = [0; 2].map(|_| ShapeOp::Attention { heads, window: squares(choices) });
    let global = ShapeOp::Attention { heads, window: Option::None };
    let level = 1 + reduction.ilog2();
    let plans = vec![
        plan(ShapeOp::Input, &[], None, bands, 0),
        plan(placed(2, 2), &[0], choices.activation(), width, 1),
        plan(ShapeOp::LayerNorm, &[1], None, width, 1),
        plan(conv(1, 1), &[2], None, width, 1),
        plan(placed(reduction, reduction), &[2], None, width, level),
        plan(conv(1, 1), &[4], None, width, level),
        plan(conv(1, 1), &[4], None, value, level),
        plan(global, &[3, 5, 6], choices.activation(), value, 1),
        plan(conv(1, 1), &[7], None, width, 1),
        plan(ShapeOp::Add, &[8, 1], None, width, 1),
        plan(conv(1, 1), &[9], None, width, 1),
        plan(conv(1, 1), &[9], None, value, 1),
        plan(first, &[9, 10, 11], None, value, 1),
        plan(conv(1, 1), &[12], choices.activation(), width, 1),
        plan(second, &[13, 9, 12], None, value, 1),
        plan(conv(1, 1), &[14], None, 5, 1),
        plan(ShapeOp::Upsample(1), &[15], None, 5, 0),
    ];
    Network::new(plans, seed)
}

/// Decoders whose sums are rewritten: projections of several levels, interpolated, concatenated, convolved.
fn pyramid_network(bands: usize, widths: [usize; 3], seed: u64) -> Network {
    use Activation::None;
    let [a, b, c] = widths;
    let choices = &mut Choices(seed << 20 | 5);
    let halves = |align_corners: bool| ShapeOp::Bilinear { align_corners };
    let placed = |kernel: usize, stride: usize| {
        ShapeOp::Placed(Placed { kernel, stride, dilation: 1, before: 0, depthwise: false })
    };
    let (middle, kernel) = (choices.of(&[1, 8, 64]), choices.of(&[1, 1, 3]));
    let mut any = || choices.activation();
    let plans = vec![
        plan(ShapeOp::Input, &[], None, bands, 0),
        plan(placed(2, 2), &[0], any(), a, 1),
        plan(placed(2, 2), &[1], any(), b, 2),
        plan(placed(2, 2), &[2], any(), c, 3),
        plan(ShapeOp::ResponseNorm, &[3], any(), c, 3),
        plan(conv(1, 1), &[4], None, middle, 3),
        plan(halves(false), &[5], None, middle, 1),
        plan(conv(1, 1), &[2], any(), middle, 2),
        plan(halves(true), &[7], None, middle, 1),
        plan(ShapeOp::Concat, &[6, 8], None, 2 * middle, 1),
        plan(conv(1, 1), &[1], None, middle, 1),
        plan(ShapeOp::Concat, &[9, 10], None, 3 * middle, 1),
        plan(conv(kernel, 1), &[11], any(), c, 1),
        plan(halves(false), &[3], None, c, 1),
        plan(ShapeOp::Add, &[12, 13], any(), c, 1),
        plan(halves(false), &[14], None, c, 0),
        plan(conv(1, 1), &[15], None, 5, 0),
    ];
    Network::new(plans, seed)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Compares bits; the message names the first that differ.
fn same(got: &[u32], expected: &[u32]) -> Result<(), TestCaseError> {
    let first = got.iter().zip(expected).position(|(a, b)| a != b);
    let values = first.map(|i| (i, f32::from_bits(got[i]), f32::from_bits(expected[i])));
    prop_assert!(
        got.len() == expected.len() && first.is_none(),
        "{} values, {} expected, {:?}",
        got.len(),
        expected.len(),
        values
    );
    Ok(())
}

/// Part of a picture.
fn part_of(picture: Picture, shares: [f64; 4]) -> Picture {
    let span = |size: usize, from: f64, to: f64| {
        let start = (from * (size - 1) as f64) as usize;
        (start, (start + 1 + (to * (size - start) as f64) as usize).min(size))
    };
    let [a, b, c, d] = shares;
    Picture { cols: span(picture.width, a, b), rows: span(picture.height, c, d), ..picture }
}

/// The values of a part, from those of the whole.
fn cut<T: Copy>(all: &[T], channels: usize, part: &Picture) -> Vec<T> {
    let row = |y: usize| (part.cols.0..part.cols.1).map(move |x| y * part.width + x);
    let pixels = (part.rows.0..part.rows.1).flat_map(row);
    pixels.flat_map(|p| all[p * channels..(p + 1) * channels].iter().copied()).collect()
}

/// Compares a network on every instruction set with plain sums.
fn is_written_out(network: &Network, picture: Picture, seed: u64) -> Result<(), TestCaseError> {
    let size = [picture.width, picture.height];
    let expected = network.written_out(Scene(seed), size, [0, picture.first_row]);
    let expected = cut(&expected.data, 5, &picture);
    let largest = expected.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for winograd in [-1, 2] {
            let engine = network.engine(Options { isa, winograd });
            let got = run(&engine, Scene(seed), picture, 0, 2);
            let apart = got.iter().zip(&expected).fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
            prop_assert!(
                got.len() == expected.len() && apart < 4e-5 * largest,
                "{isa:?} {winograd}: {apart} of {largest}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 24 }))]

    #[test]
    fn every_instruction_set_gives_the_sums(
        bands in 1usize..5, widths in prop::array::uniform3(1usize..70), seed in 0u64..1000,
        size in (1usize..14, 1usize..14), first_row in -9i64..9, shares in prop::array::uniform4(0.0f64..1.0),
    ) {
        let network = window_network(bands, widths, seed);
        let picture = part_of(whole(4 * size.0, 4 * size.1, 4 * first_row), shares);
        is_written_out(&network, picture, seed)?;
    }

    #[test]
    fn every_operation_gives_the_sums(
        bands in 1usize..5, widths in prop::array::uniform3(1usize..40), seed in 0u64..1000,
        size in (1usize..4, 1usize..4), first_row in -9i64..9, shares in prop::array::uniform4(0.0f64..1.0),
    ) {
        let network = mixed_network(bands, widths, seed);
        let picture = part_of(whole(32 * size.0, 32 * size.1, 32 * first_row), shares);
        is_written_out(&network, picture, seed)?;
    }

    #[test]
    fn rewritten_sums_are_the_sums(
        bands in 1usize..5, widths in prop::array::uniform3(1usize..40), seed in 0u64..1000,
        size in (1usize..9, 1usize..9), first_row in -9i64..9, shares in prop::array::uniform4(0.0f64..1.0),
    ) {
        let network = pyramid_network(bands, widths, seed);
        let picture = part_of(whole(8 * size.0, 8 * size.1, 8 * first_row), shares);
        is_written_out(&network, picture, seed)?;
    }

    #[test]
    fn attention_gives_the_sums(
        bands in 1usize..5, heads in 1usize..4, channels in 1usize..40, seed in 0u64..1000,
        size in (1usize..5, 1usize..5), first_row in -9i64..9, shares in prop::array::uniform4(0.0f64..1.0),
    ) {
        let network = attention_network(bands, heads, channels, seed);
        let picture = part_of(whole(8 * size.0, 8 * size.1, 8 * first_row), shares);
        is_written_out(&network, picture, seed)?;
    }

    #[test]
    fn a_picture_gets_the_same_bits_from_any_number_of_threads(
        widths in prop::array::uniform3(1usize..90), seed in 0u64..1000,
        size in (1usize..5, 1usize..5), shares in prop::array::uniform4(0.0f64..1.0), kind in 0..4,
    ) {
        let network = match kind {
            0 => window_network(2, widths, seed),
            1 => mixed_network(2, widths, seed),
            2 => pyramid_network(2, widths, seed),
            _ => attention_network(2, 1 + widths[0] % 3, 1 + widths[1] / 3, seed),
        };
        let engine = network.engine(Options { winograd: 2, ..Options::default() });
        let picture = whole(32 * size.0, 32 * size.1, 32);
        let expected = bits(&run(&engine, Scene(seed), picture, 0, 1));
        for threads in [2, 3, 4] {
            same(&bits(&run(&engine, Scene(seed), picture, 0, threads)), &expected)?;
        }
        // A part of the answers of the same picture, in memory that was used for another.
        let part = part_of(picture, shares);
        for _ in 0..2 {
            same(&bits(&run(&engine, Scene(seed), part, 0, 2)), &cut(&expected, 5, &part))?;
        }
        same(&bits(&run(&engine, Scene(seed), picture, 0, 2)), &expected)?;
    }

    #[test]
    fn int8_gives_the_same_bits_on_every_instruction_set(
        widths in prop::array::uniform3(12usize..70), seed in 0u64..1000, size in (1usize..9, 1usize..9),
    ) {
        let network = window_network(3, widths, seed);
        let picture = whole(4 * size.0, 4 * size.1, 0);
        let floats = network.engine(Options { winograd: -1, ..Options::default() });
        let ranges = floats.ranges(&picture, &Part(Scene(7), [0, 0]), 1.0).unwrap();
        let engine = |isa: Isa| {
            Engine::new_int8(&network.steps(), Options { isa, winograd: -1 }, &ranges).unwrap()
        };
        let expected = run(&engine(Isa::Portable), Scene(7), picture, 0, 1);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            same(&bits(&run(&engine(isa), Scene(7), picture, 0, 2)), &bits(&expected))?;
        }
        let exact = run(&floats, Scene(7), picture, 0, 2);
        let largest = exact.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
        let apart = exact.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
        prop_assert!(apart < 0.2 * largest, "{} of {}", apart, largest);
    }
}

#[test]
fn a_changed_corner_changes_everything() {
    let network = window_network(1, [8, 12, 8], 3);
    let engine = network.engine(Options::default());
    assert!(!engine.is_local());
    assert_eq!(engine.reach(), (usize::MAX, usize::MAX));
    let local = Network::new(vec![plan(ShapeOp::Input, &[], Activation::Silu, 1, 0)], 1);
    assert!(local.engine(Options::default()).is_local());
    // One row more: another picture.
    let far = |height: usize| run(&engine, Scene(1), Picture { rows: (0, 1), ..whole(64, height, 0) }, 0, 1);
    let (first, second) = (far(64), far(68));
    let others = first.iter().zip(&second).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    // Some may round to the same bits.
    assert!(20 * others > 19 * first.len(), "{others} of {}", first.len());
}

#[test]
fn layers_share_memory() {
    let choices = &mut Choices(5);
    let mut plans = vec![
        plan(ShapeOp::Input, &[], Activation::None, 3, 0),
        plan(conv(3, 2), &[0], Activation::Silu, 16, 1),
    ];
    let mut last = 1;
    for (width, stride) in [(16, 1), (24, 2), (24, 1), (24, 1), (40, 2), (40, 1), (40, 1), (40, 1)] {
        last = block(&mut plans, last, width, stride, choices);
    }
    let skip = plans[last].channels;
    plans.push(plan(ShapeOp::Upsample(3), &[last], Activation::None, skip, 0));
    plans.push(plan(conv(3, 1), &[plans.len() - 1], Activation::None, 5, 0));
    let side = 256;
    let pixels =
        |plan: &NodeShape| plan.grid.map_or((side >> plan.level) * (side >> plan.level), |side| side * side);
    let all: usize = plans.iter().map(|plan| 4 * plan.channels * pixels(plan)).sum();
    let network = Network::new(plans, 1);
    let bytes = network.engine(Options::default()).bytes(&whole(side, side, 0)).unwrap();
    assert!(bytes < all / 3, "{bytes} of {all}");
}

#[test]
fn what_cannot_be_run_is_refused() {
    let none = Activation::None;
    let refused =
        |plans: Vec<NodeShape>| match Engine::new(&Network::new(plans, 1).steps(), Options::default()) {
            Err(EngineError::Step { step, problem }) => (step, problem),
            other => panic!("{other:?}"),
        };
    let input = plan(ShapeOp::Input, &[], none, 3, 0);
    let mean = |side: usize| grid(ShapeOp::AdaptiveMean(side), &[0], none, 3, side);
    let kernel = |kernel: usize, stride: usize, dilation: usize, before: usize| {
        let placed = Placed { kernel, stride, dilation, before, depthwise: false };
        plan(ShapeOp::Placed(placed), &[0], none, 3, 0)
    };
    let attention = |heads: usize, window: Option<Square>, from: [usize; 3]| {
        plan(ShapeOp::Attention { heads, window }, &from, none, 3, 0)
    };
    let square = |side: usize, shift: usize| Some(Square { side, shift, rolled_first: true });
    for (steps, problem) in [
        (vec![mean(0)], "is a mean over a number of parts other than 1 to 16"),
        (vec![mean(17)], "is a mean over a number of parts other than 1 to 16"),
        (vec![mean(2)], "does not have the picture's size"),
        (vec![mean(2), plan(conv(3, 2), &[1], none, 3, 0)], "halves a grid of a fixed size"),
        (vec![mean(2), plan(ShapeOp::MaxPool(2), &[1], none, 3, 0)], "halves a grid of a fixed size"),
        (vec![mean(2), plan(ShapeOp::Upsample(1), &[1], none, 3, 0)], "doubles a grid of a fixed size"),
        (vec![mean(2), plan(ShapeOp::Add, &[0, 1], none, 3, 0)], "reads steps of different sizes"),
        (
            vec![mean(2), plan(ShapeOp::Scale, &[0, 1], none, 3, 0)],
            "scales by something other than one pixel with as many channels",
        ),
        (
            vec![mean(1), grid(conv(1, 1), &[1], none, 4, 1), plan(ShapeOp::Scale, &[0, 2], none, 3, 0)],
            "scales by something other than one pixel with as many channels",
        ),
        (vec![plan(ShapeOp::Scale, &[0], none, 3, 0)], "reads the wrong number of steps, or later ones"),
        (
            vec![plan(ShapeOp::GroupNorm(2), &[0], none, 3, 0)],
            "has a number of groups that does not divide its channels",
        ),
        (vec![plan(ShapeOp::LayerNorm, &[0], none, 4, 0)], "has the wrong number of weights"),
        (vec![kernel(9, 1, 1, 0)], "has an unsupported kernel or stride"),
        (vec![kernel(3, 3, 1, 1)], "has an unsupported kernel or stride"),
        (vec![kernel(3, 1, 65, 1)], "has an unsupported kernel or stride"),
        (vec![kernel(3, 1, 2, 5)], "has an unsupported kernel or stride"),
        (vec![attention(2, None, [0; 3])], "has a number of heads that does not divide its channels"),
        (
            vec![plan(conv(1, 1), &[0], none, 6, 0), attention(3, None, [0, 1, 0])],
            "has queries and keys of different numbers of channels",
        ),
        (vec![mean(2), attention(3, None, [0, 1, 0])], "has keys and values of different sizes"),
        (
            vec![mean(2), attention(3, square(4, 1), [0, 1, 1])],
            "has squares of queries and keys of different sizes",
        ),
        (
            vec![attention(3, square(33, 0), [0; 3])],
            "has squares of a side other than 1 to 32, or a shift that is not less",
        ),
        (
            vec![attention(3, square(4, 4), [0; 3])],
            "has squares of a side other than 1 to 32, or a shift that is not less",
        ),
    ] {
        let all: Vec<NodeShape> = [input.clone()].into_iter().chain(steps).collect();
        let last = all.len() - 1;
        assert_eq!(refused(all), (last, problem.to_owned()));
    }
}
