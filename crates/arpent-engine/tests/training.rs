//! Convolutions for training: compared with plain sums, and between numbers of threads.

use arpent_engine::Activation;
use arpent_engine::training::{ConvShape, Normalization};
use proptest::prelude::*;

/// Numbers between -1 and 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let next = move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 32768.0 - 1.0
    };
    (0..count).map(next).collect()
}

/// Every product of a convolution: the indices of input, kernel and output values.
fn products(shape: &ConvShape, mut each: impl FnMut(usize, usize, usize)) {
    let (height, width) = shape.output();
    let (k, inputs) = (shape.kernel, if shape.depthwise { 1 } else { shape.inputs });
    let inside = |to: usize, tap: usize, side: usize| {
        (to * shape.stride + tap).checked_sub(shape.pads.0).filter(|at| *at < side)
    };
    for n in 0..shape.batch {
        for (o, y, x) in
            (0..shape.outputs).flat_map(|o| (0..height * width).map(move |p| (o, p / width, p % width)))
        {
            for (i, tap) in (0..inputs).flat_map(|i| (0..k * k).map(move |tap| (i, tap))) {
                let (Some(row), Some(col)) =
                    (inside(y, tap / k, shape.height), inside(x, tap % k, shape.width))
                else {
                    continue;
                };
                let channel = if shape.depthwise { o } else { i };
                each(
                    ((n * shape.inputs + channel) * shape.height + row) * shape.width + col,
                    (o * inputs + i) * k * k + tap,
                    ((n * shape.outputs + o) * height + y) * width + x,
                );
            }
        }
    }
}

fn near(ours: &[f32], exact: &[f64], terms: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), exact.len());
    // Each term is at most 1, and rounded to 24 bits when it is added.
    let most = 1e-6 * f64::from(u32::try_from(terms).unwrap_or(u32::MAX)).max(8.0);
    for (at, (a, b)) in ours.iter().zip(exact).enumerate() {
        prop_assert!((f64::from(*a) - b).abs() <= most, "value {}: {} for {}", at, a, b);
    }
    Ok(())
}

fn shapes() -> impl Strategy<Value = ConvShape> {
    let sides = (1usize..3, 1usize..40, 1usize..40, 1usize..40, 1usize..40);
    let kernels = prop::sample::select(vec![
        (1, 1, (0, 0)),
        (1, 2, (0, 0)),
        (3, 1, (1, 1)),
        (3, 2, (1, 1)),
        (3, 2, (0, 1)),
        (5, 1, (2, 2)),
        (5, 2, (1, 2)),
        (7, 2, (3, 3)),
    ]);
    (sides, kernels, any::<bool>()).prop_map(
        |((batch, inputs, outputs, height, width), (kernel, stride, pads), depthwise)| {
            let outputs = if depthwise { inputs } else { outputs };
            let (height, width) = (height.max(kernel), width.max(kernel));
            ConvShape { batch, inputs, outputs, height, width, kernel, stride, pads, depthwise }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_convolution_and_its_gradients_are_the_sums_that_define_them(shape in shapes(), seed in any::<u64>()) {
        prop_assert!(shape.is_known());
        let [pictures, answers, kernels] = shape.values();
        let (x, w) = (numbers(seed, pictures), numbers(seed ^ 1, kernels));
        let (g, bias) = (numbers(seed ^ 2, answers), numbers(seed ^ 3, shape.outputs));
        let (height, width) = shape.output();
        let mut y: Vec<f64> = (0..answers).map(|at| f64::from(bias[at / (height * width) % shape.outputs])).collect();
        let (mut dx, mut dw) = (vec![0.0; pictures], vec![0.0; kernels]);
        products(&shape, |i, k, o| {
            y[o] += f64::from(x[i]) * f64::from(w[k]);
            dx[i] += f64::from(g[o]) * f64::from(w[k]);
            dw[k] += f64::from(x[i]) * f64::from(g[o]);
        });
        let inputs = if shape.depthwise { 1 } else { shape.inputs };
        let taps = shape.kernel * shape.kernel;
        near(&shape.convolve(&x, &w, Some(&bias)), &y, inputs * taps)?;
        near(&shape.input_gradient(&g, &w), &dx, shape.outputs * taps)?;
        near(&shape.kernel_gradient(&x, &g), &dw, shape.batch * height * width)?;
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for (depthwise, kernel, stride) in [(false, 3, 1), (false, 3, 2), (false, 1, 1), (true, 3, 1)] {
        let (inputs, outputs) = if depthwise { (40, 40) } else { (40, 33) };
        let pads = (kernel / 2, kernel / 2);
        let shape =
            ConvShape { batch: 3, inputs, outputs, height: 70, width: 45, kernel, stride, pads, depthwise };
        let [pictures, answers, kernels] = shape.values();
        let (x, w, g) = (numbers(1, pictures), numbers(2, kernels), numbers(3, answers));
        let all =
            || [shape.convolve(&x, &w, None), shape.input_gradient(&g, &w), shape.kernel_gradient(&x, &g)];
        let with =
            |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
        let one = with(1);
        for threads in [2, 5] {
            assert!(with(threads) == one, "{shape:?} on {threads} threads");
        }
    }
}

#[test]
fn what_has_no_kernel_is_known() {
    let shape = ConvShape {
        batch: 1,
        inputs: 2,
        outputs: 2,
        height: 8,
        width: 8,
        kernel: 3,
        stride: 1,
        pads: (1, 1),
        depthwise: false,
    };
    assert!(shape.is_known());
    for other in [
        ConvShape { kernel: 9, ..shape },
        ConvShape { stride: 3, ..shape },
        ConvShape { pads: (3, 0), ..shape },
        ConvShape { height: 0, width: 0, ..shape },
        ConvShape { depthwise: true, outputs: 4, ..shape },
    ] {
        assert!(!other.is_known(), "{other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_normalization_and_its_gradients_are_the_sums_that_define_them(
        (batch, channels, pixels) in (1usize..4, 1usize..9, 2usize..9000),
        activation in prop::sample::select(vec![Activation::None, Activation::Relu, Activation::Relu6]),
        seed in any::<u64>(),
    ) {
        let count = batch * channels * pixels;
        let (x, g) = (numbers(seed, count), numbers(seed ^ 1, count));
        let (gamma, beta) = (numbers(seed ^ 2, channels), numbers(seed ^ 3, channels));
        let epsilon = 1e-3;
        let of = Normalization { channels, pixels, gamma: &gamma, beta: &beta, epsilon, activation };
        let (y, told) = of.forward(&x);
        let [dx, dgamma, dbeta] = of.backward(&x, &told, g.clone());
        let (low, high) = match activation {
            Activation::Relu => (0.0, f64::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let m = f64::from(u32::try_from(batch * pixels).unwrap());
        for c in 0..channels {
            let own: Vec<usize> = (0..count).filter(|i| i / pixels % channels == c).collect();
            let mean = own.iter().map(|i| f64::from(x[*i])).sum::<f64>() / m;
            let variance = own.iter().map(|i| (f64::from(x[*i]) - mean).powi(2)).sum::<f64>() / m;
            let normal = |i: usize| (f64::from(x[i]) - mean) / (variance + epsilon).sqrt();
            let raw = |i: usize| normal(i) * f64::from(gamma[c]) + f64::from(beta[c]);
            // Values at a limit may be on either side: they may miss in the sums.
            let at_limit = |i: usize| (raw(i) - low).abs().min((raw(i) - high).abs()) <= 1e-5;
            let slack: f64 = own
                .iter()
                .filter(|i| at_limit(**i))
                .map(|i| f64::from(g[*i]).abs() * normal(*i).abs().max(1.0))
                .sum();
            let passes = |i: usize| if raw(i) > low && raw(i) < high { f64::from(g[i]) } else { 0.0 };
            let (sum, with_x): (f64, f64) = own
                .iter()
                .map(|i| (passes(*i), passes(*i) * normal(*i)))
                .fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            prop_assert!((f64::from(told.mean[c]) - mean).abs() < 1e-6);
            prop_assert!((f64::from(told.variance[c]) - variance).abs() < 1e-5);
            prop_assert!((f64::from(dbeta[c]) - sum).abs() < 1e-4 * m.sqrt() + 1e-3 + slack);
            prop_assert!((f64::from(dgamma[c]) - with_x).abs() < 1e-4 * m.sqrt() + 1e-3 + slack);
            for i in own {
                prop_assert!((f64::from(y[i]) - raw(i).clamp(low, high)).abs() < 1e-5);
                if !at_limit(i) {
                    let scale = f64::from(gamma[c]) / (variance + epsilon).sqrt();
                    let exact = scale * (passes(i) - sum / m - normal(i) * with_x / m);
                    let near = 1e-3 + scale.abs() * slack * (1.0 + normal(i).abs()) / m;
                    prop_assert!((f64::from(dx[i]) - exact).abs() < near, "{} for {}", dx[i], exact);
                }
            }
        }
    }
}
