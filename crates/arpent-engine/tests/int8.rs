//! 8-bit networks: compared with f32, between instruction sets, and between parts of a picture.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test helpers; numbers are small"
)]

mod common;

use arpent_engine::{Activation, Engine, Isa, Options, Picture};
use common::{Network, NodeShape, Part, Scene, ShapeOp, around, conv, network, plan, run, whole};
use proptest::prelude::*;

/// An 8-bit network, calibrated on a picture that begins at a row.
fn int8(network: &Network, isa: Isa, calibrated: Picture) -> Engine {
    let floats = network.engine(Options { isa: Isa::best(), winograd: -1 });
    let part = Part(Scene(7), [0, calibrated.first_row]);
    let ranges = floats.ranges(&calibrated, &part, 1.0).unwrap();
    Engine::new_int8(&network.steps(), Options { isa, winograd: 3 }, &ranges).unwrap()
}

/// Largest difference between 8-bit and f32 outputs, as a share of the largest output.
fn apart(network: &Network, picture: Picture) -> f32 {
    let floats = network.engine(Options { isa: Isa::best(), winograd: -1 });
    let expected = run(&floats, Scene(7), picture, 0, 2);
    let largest = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    let got = run(&int8(network, Isa::best(), picture), Scene(7), picture, 0, 2);
    assert_eq!(got.len(), expected.len());
    got.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest
}

/// Convolutions one after the other.
fn chain(widths: &[usize], kernels: &[(usize, usize)]) -> Vec<NodeShape> {
    let mut plans = vec![plan(ShapeOp::Input, &[], Activation::None, widths[0], 0)];
    for (i, (kernel, stride)) in kernels.iter().enumerate() {
        let level = plans[i].level + u32::from(*stride == 2);
        plans.push(plan(conv(*kernel, *stride), &[i], Activation::Relu, widths[i + 1], level));
    }
    plans
}

#[test]
fn a_plain_chain_is_close() {
    for widths in [[3, 16, 16, 5], [3, 5, 7, 9], [4, 24, 48, 33], [2, 64, 40, 6]] {
        for kernels in [[(3, 1), (3, 1), (1, 1)], [(1, 1), (1, 1), (1, 1)], [(3, 1), (5, 1), (7, 1)]] {
            let network = Network::new(chain(&widths, &kernels), 3);
            let apart = apart(&network, whole(40, 24, 0));
            assert!(apart < 0.05, "{widths:?} {kernels:?}: {apart}");
        }
    }
}

/// One level down and up again, as in U-Nets, with a sum.
fn unet(bands: usize, [a, b, c]: [usize; 3], pool: usize, seed: u64) -> Network {
    use Activation::{None, Relu, Relu6};
    let plans = vec![
        plan(ShapeOp::Input, &[], None, bands, 0),
        plan(conv(3, 1), &[0], Relu, a, 0),
        plan(conv(3, 1), &[1], Relu6, a, 0),
        plan(ShapeOp::MaxPool(pool), &[2], None, a, 1),
        plan(conv(3, 1), &[3], Relu, b, 1),
        plan(conv(3, 1), &[4], None, b, 1),
        plan(ShapeOp::Add, &[5, 4], Relu, b, 1),
        plan(conv(3, 2), &[6], None, c, 2),
        plan(conv(1, 2), &[6], None, c, 2),
        plan(ShapeOp::Add, &[7, 8], Relu, c, 2),
        plan(ShapeOp::Upsample(1), &[9], None, c, 1),
        plan(ShapeOp::Concat, &[10, 6], None, c + b, 1),
        plan(conv(3, 1), &[11], Relu, b, 1),
        plan(ShapeOp::Upsample(1), &[12], None, b, 0),
        plan(conv(3, 1), &[13], Relu, a, 0),
        plan(conv(1, 1), &[14], None, 5, 0),
    ];
    Network::new(plans, seed)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Blocks of MobileNet: expansion, depthwise convolution, projection, with a residual sum.
fn inverted(width: usize, blocks: usize, seed: u64) -> Network {
    use Activation::{None, Relu6};
    let depthwise = ShapeOp::Conv { kernel: 3, stride: 1, depthwise: true };
    let mut plans = vec![plan(ShapeOp::Input, &[], None, 3, 0), plan(conv(3, 1), &[0], Relu6, width, 0)];
    for _ in 0..blocks {
        let last = plans.len() - 1;
        plans.extend([
            plan(conv(1, 1), &[last], Relu6, 4 * width, 0),
            plan(depthwise.clone(), &[last + 1], Relu6, 4 * width, 0),
            plan(conv(1, 1), &[last + 2], None, width, 0),
            plan(ShapeOp::Add, &[last + 3, last], None, width, 0),
        ]);
    }
    plans.push(plan(conv(3, 1), &[plans.len() - 1], None, 5, 0));
    Network::new(plans, seed)
}

#[test]
fn depthwise_convolutions_stay_f32() {
    for (width, blocks) in [(8, 1), (24, 2), (17, 4), (24, 12)] {
        let apart = apart(&inverted(width, blocks, 5), whole(64, 24, 0));
        assert!(apart < 0.08, "{width} {blocks}: {apart}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 16 }))]

    #[test]
    fn answers_are_close_to_those_of_f32(
        bands in 1usize..5, widths in prop::array::uniform3(12usize..70), pool in 2usize..4, seed in 0u64..1000,
        size in (4usize..20, 4usize..20), first_row in -9i64..9,
    ) {
        let picture = whole(4 * size.0, 4 * size.1, 4 * first_row);
        let apart = apart(&unet(bands, widths, pool, seed), picture);
        prop_assert!(apart < 0.08, "{apart}");
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits(
        bands in 1usize..5, widths in prop::array::uniform3(1usize..70), seed in 0u64..1000,
        kernels in prop::array::uniform3(0usize..4), size in (1usize..9, 1usize..9),
    ) {
        let picture = whole(4 * size.0, 4 * size.1, 0);
        let networks = [
            network(bands, widths, kernels.map(|k| 2 * k + 1), seed),
            unet(bands, widths, 2 + (seed % 2) as usize, seed),
        ];
        for network in networks {
            let portable = int8(&network, Isa::Portable, picture);
            let expected = run(&portable, Scene(7), picture, 0, 1);
            prop_assert!(portable.int8_share() > 0.0);
            for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                let got = run(&int8(&network, isa, picture), Scene(7), picture, 0, 2);
                prop_assert_eq!(bits(&got), bits(&expected), "{:?}", isa);
            }
        }
    }

    #[test]
    fn a_pixel_gets_the_same_bits_from_every_picture(
        widths in prop::array::uniform3(1usize..90), seed in 0u64..1000,
        core in (-20i64..20, -20i64..20, 1usize..40, 1usize..40),
        margins in prop::array::uniform2(prop::array::uniform4(0i64..9)), threads in 1usize..4,
    ) {
        let calibrated = whole(32, 32, 0);
        for network in [network(2, widths, [3, 5, 3], seed), unet(2, widths, 3, seed)] {
            let engine = int8(&network, Isa::best(), calibrated);
            let seen = |margins: [i64; 4], threads: usize| {
                let (picture, west) = around(core, engine.reach(), margins);
                run(&engine, Scene(seed), picture, west, threads)
            };
            prop_assert_eq!(bits(&seen(margins[0], 1)), bits(&seen(margins[1], threads)));
        }
    }
}

#[test]
fn what_is_not_calibrated_stays_f32() {
    let network = unet(3, [16, 24, 32], 2, 1);
    let options = Options { winograd: -1, ..Options::default() };
    let floats = network.engine(options);
    let picture = whole(64, 32, 0);
    let expected = bits(&run(&floats, Scene(7), picture, 0, 1));
    for ranges in [&[][..], &[0.0; 16], &[-1.0; 16], &[f32::NAN; 16], &[f32::INFINITY; 16]] {
        let engine = Engine::new_int8(&network.steps(), options, ranges).unwrap();
        assert!(engine.int8_share() == 0.0);
        assert_eq!(bits(&run(&engine, Scene(7), picture, 0, 1)), expected);
    }
    let mut ranges = floats.ranges(&picture, &Part(Scene(7), [0, 0]), 1.0).unwrap();
    let all = Engine::new_int8(&network.steps(), options, &ranges).unwrap();
    assert!(all.int8_share() > 0.9, "{}", all.int8_share());
    assert!(all.bytes(&picture).unwrap() < floats.bytes(&picture).unwrap());
    assert!(all.weight_bytes() < floats.weight_bytes() / 3);
    assert_eq!(all.reach(), floats.reach());
    ranges[4] = 0.0;
    let some = Engine::new_int8(&network.steps(), options, &ranges).unwrap();
    assert!((0.5..all.int8_share()).contains(&some.int8_share()));
}

/// Ranges of steps that are stored, fused into a sum, upsampled and concatenated.
#[test]
fn ranges_are_the_greatest_values() {
    let network = unet(2, [12, 16, 20], 2, 3);
    let picture = whole(32, 16, 0);
    let ranges = |winograd| {
        let engine = network.engine(Options { winograd, ..Options::default() });
        engine.ranges(&picture, &Part(Scene(7), [0, 0]), 1.0).unwrap()
    };
    let got = ranges(-1);
    for (step, range) in got.iter().enumerate().filter(|(step, _)| !matches!(step, 5 | 7)) {
        let mut part = unet(2, [12, 16, 20], 2, 3);
        part.plans.truncate(step + 1);
        let last = part.plans[step].clone();
        if last.level > 0 {
            part.plans.push(plan(ShapeOp::Upsample(last.level), &[step], Activation::None, last.channels, 0));
        }
        part.weights.resize(part.plans.len(), Default::default());
        let answers =
            run(&part.engine(Options { winograd: -1, ..Options::default() }), Scene(7), picture, 0, 1);
        let greatest = answers.iter().fold(0f32, |m, v| m.max(*v));
        assert!((greatest - range).abs() <= 1e-5 * greatest, "{step}: {range}, want {greatest}");
    }
    assert_eq!(got[5].to_bits(), got[6].to_bits(), "the convolution has become the sum");
    assert_eq!(got[7].to_bits(), got[9].to_bits());
}

#[test]
fn plain_loops_gain_nothing() {
    for isa in Isa::ALL {
        let vectors = matches!(isa, Isa::Avx512 | Isa::Avx2) && isa.is_available();
        assert_eq!(isa.gains_from_int8(), vectors, "{isa:?}");
    }
    assert!(!Isa::Fused.gains_from_int8());
}
