//! Random networks: compared with plain sums in double precision, and between parts of a picture.

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
use common::{Network, NodeShape, Part, Placed, Scene, ShapeOp, around, conv, network, plan, run, whole};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 24 }))]

    #[test]
    fn every_instruction_set_gives_the_sums(
        bands in 1usize..5, widths in prop::array::uniform3(1usize..70), seed in 0u64..1000,
        kernels in prop::array::uniform3(0usize..4), size in (1usize..9, 1usize..9), first_row in -9i64..9,
    ) {
        let network = network(bands, widths, kernels.map(|k| 2 * k + 1), seed);
        let (width, height, first_row) = (4 * size.0, 4 * size.1, 4 * first_row);
        let expected = network.written_out(Scene(seed), [width, height], [0, first_row]);
        let largest = expected.data.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for winograd in [-1, 2] {
                let engine = network.engine(Options { isa, winograd });
                let got = run(&engine, Scene(seed), whole(width, height, first_row), 0, 2);
                let apart = got.iter().zip(&expected.data).fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
                prop_assert!(got.len() == expected.data.len() && apart < 2e-5 * largest, "{isa:?} {winograd}: {apart} of {largest}");
            }
        }
    }

    #[test]
    fn a_pixel_gets_the_same_bits_from_every_picture(
        widths in prop::array::uniform3(1usize..90), seed in 0u64..1000,
        core in (-20i64..20, -20i64..20, 1usize..40, 1usize..40),
        margins in prop::array::uniform2(prop::array::uniform4(0i64..9)), threads in 1usize..4,
    ) {
        let network = network(2, widths, [3, 5, 3], seed);
        let engine = network.engine(Options { winograd: 2, ..Options::default() });
        let seen = |margins: [i64; 4], threads: usize| {
            let (picture, west) = around(core, engine.reach(), margins);
            run(&engine, Scene(seed), picture, west, threads)
        };
        let (first, second) = (seen(margins[0], 1), seen(margins[1], threads));
        prop_assert!(first.iter().zip(&second).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert_eq!(first.len(), core.2 * core.3 * 5);
    }

    #[test]
    fn interpolated_and_transposed_maps_have_the_sums(widths in prop::array::uniform3(1usize..40), seed in 0u64..1000, size in (1usize..9, 1usize..9)) {
        let network = interpolated(widths, seed);
        let (width, height) = (4 * size.0, 4 * size.1);
        let expected = network.written_out(Scene(seed), [width, height], [0, 0]);
        let largest = expected.data.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let engine = network.engine(Options { isa, winograd: -1 });
            let got = run(&engine, Scene(seed), whole(width, height, 0), 0, 2);
            let apart = got.iter().zip(&expected.data).fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
            prop_assert!(got.len() == expected.data.len() && apart < 2e-5 * largest, "{isa:?}: {apart} of {largest}");
        }
    }

    #[test]
    fn interpolation_normalization_and_dilation_are_local(
        widths in prop::array::uniform3(1usize..40), seed in 0u64..1000,
        core in (-20i64..20, -20i64..20, 1usize..40, 1usize..40),
        margins in prop::array::uniform2(prop::array::uniform4(0i64..9)), threads in 1usize..4,
    ) {
        let engine = interpolated(widths, seed).engine(Options { winograd: 2, ..Options::default() });
        prop_assert!(engine.is_local());
        let seen = |margins: [i64; 4], threads: usize| {
            let (picture, west) = around(core, engine.reach(), margins);
            run(&engine, Scene(seed), picture, west, threads)
        };
        let (first, second) = (seen(margins[0], 1), seen(margins[1], threads));
        prop_assert!(first.iter().zip(&second).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert_eq!(first.len(), core.2 * core.3 * 5);
    }
}

/// Two levels, bilinear in both directions, with even, dilated and transposed kernels.
fn interpolated([a, b, c]: [usize; 3], seed: u64) -> Network {
    use Activation::{Gelu, None, Relu, Silu};
    let placed = |kernel: usize, stride: usize, dilation: usize, before: usize, depthwise: bool| {
        ShapeOp::Placed(Placed { kernel, stride, dilation, before, depthwise })
    };
    let bilinear = || ShapeOp::Bilinear { align_corners: false };
    let plans = vec![
        plan(ShapeOp::Input, &[], None, 2, 0),
        plan(placed(2, 2, 1, 0, false), &[0], None, a, 1),
        plan(ShapeOp::LayerNorm, &[1], Gelu, a, 1),
        plan(placed(4, 1, 1, 1, true), &[2], None, a, 1),
        plan(bilinear(), &[3], None, a, 2),
        plan(placed(3, 1, 2, 2, false), &[4], Silu, b, 2),
        plan(bilinear(), &[5], None, b, 1),
        plan(ShapeOp::Concat, &[6, 3], None, a + b, 1),
        plan(conv(3, 1), &[7], Relu, c, 1),
        plan(bilinear(), &[8], None, c, 0),
        plan(ShapeOp::Transposed, &[8], Silu, b, 0),
        plan(ShapeOp::Concat, &[9, 10], None, b + c, 0),
        plan(conv(1, 1), &[11], None, 5, 0),
    ];
    Network::new(plans, seed)
}

/// Distance in rows and columns within which a change of the input changes the output: exactly the stated reach.
#[test]
fn the_reach_is_what_is_seen() {
    let plans = vec![
        plan(ShapeOp::Input, &[], Activation::None, 8, 0),
        plan(conv(3, 1), &[0], Activation::Relu, 64, 0),
        plan(ShapeOp::MaxPool(2), &[1], Activation::None, 64, 1),
        plan(conv(3, 1), &[2], Activation::Relu, 64, 1),
        plan(ShapeOp::Upsample(1), &[3], Activation::None, 64, 0),
        plan(conv(3, 1), &[4], Activation::None, 3, 0),
    ];
    let network = Network::new(plans, 5);
    let reach = |winograd| network.engine(Options { winograd, ..Options::default() }).reach();
    assert_eq!(reach(-1), (5, 5));
    let (cols, rows) = reach(1);
    assert!(cols == 5 && rows > 5 && rows <= 16, "{rows}");
}

#[test]
fn memory_does_not_grow_with_the_height() {
    let network = network(3, [16, 24, 32], [3, 3, 3], 1);
    let engine = network.engine(Options::default());
    let bytes = |height| engine.bytes(&whole(256, height, 0)).unwrap();
    assert_eq!(bytes(4096), bytes(65_536));
    assert!(bytes(4096) < 8 << 20, "{}", bytes(4096));
}

#[test]
fn what_cannot_be_run_is_refused() {
    let none = Activation::None;
    let refused =
        |plans: Vec<NodeShape>| match Engine::new(&Network::new(plans, 1).steps(), Options::default()) {
            Err(EngineError::Step { step, .. }) => step,
            other => panic!("{other:?}"),
        };
    let input = plan(ShapeOp::Input, &[], none, 3, 0);
    assert_eq!(refused(vec![input.clone(), plan(conv(9, 1), &[0], none, 4, 0)]), 1);
    assert_eq!(refused(vec![input.clone(), plan(ShapeOp::MaxPool(2), &[0], none, 3, 1)]), 1);
    assert_eq!(refused(vec![input.clone(), plan(ShapeOp::Upsample(1), &[0], none, 3, 0)]), 1);
    assert_eq!(
        refused(vec![
            input.clone(),
            plan(conv(3, 1), &[0], none, 4, 0),
            plan(ShapeOp::Add, &[0, 1], none, 3, 0)
        ]),
        2
    );
    let engine = Network::new(
        vec![
            input.clone(),
            plan(ShapeOp::MaxPool(2), &[0], none, 3, 1),
            plan(ShapeOp::Upsample(1), &[1], none, 3, 0),
        ],
        1,
    )
    .engine(Options::default());
    let none_wanted = Picture { cols: (2, 2), ..whole(4, 4, 0) };
    for bad in [whole(5, 4, 0), whole(4, 4, 1), none_wanted] {
        let error = engine.run(&bad, &Part(Scene(1), [0, 0]), |_| ()).unwrap_err();
        assert!(matches!(error, EngineError::Picture { stride: 2, .. }), "{error}");
    }
}
