//! Networks with random weights, and scenes to run them on.

#![allow(dead_code, reason = "each test uses its part")]

use arpent_engine::{
    Activation, Answers, Attention, AttentionWindow, Conv, Engine, Normalization, Op, Options, Picture,
    PixelSource, Step,
};

/// Epsilon of normalizations.
const EPSILON: f32 = 1e-3;

/// A well-mixed hash of a key, in -1..1.
pub(crate) fn uniform(key: u64) -> f32 {
    let mut z = key.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// A step without weights, and the shape of its convolution.
#[derive(Debug, Clone)]
pub(crate) struct NodeShape {
    pub(crate) op: ShapeOp,
    pub(crate) from: Vec<usize>,
    pub(crate) activation: Activation,
    pub(crate) channels: usize,
    pub(crate) level: u32,
    /// Side of a grid of a fixed size, instead of a level.
    pub(crate) grid: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum ShapeOp {
    Input,
    Conv { kernel: usize, stride: usize, depthwise: bool },
    Placed(Placed),
    Transposed,
    AdaptiveMean(usize),
    Scale,
    Bilinear { align_corners: bool },
    LayerNorm,
    GroupNorm(usize),
    ResponseNorm,
    Attention { heads: usize, window: Option<Square> },
    MaxPool(usize),
    MeanPool(u32),
    Upsample(u32),
    Concat,
    Add,
    Difference,
}

/// Squares of attention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Square {
    pub(crate) side: usize,
    pub(crate) shift: usize,
    pub(crate) rolled_first: bool,
}

/// A convolution of any shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) before: usize,
    pub(crate) depthwise: bool,
}

impl ShapeOp {
    pub(crate) fn is_normalization(&self) -> bool {
        matches!(self, Self::LayerNorm | Self::GroupNorm(_) | Self::ResponseNorm)
    }

    pub(crate) fn placed(&self) -> Option<Placed> {
        match *self {
            Self::Conv { kernel, stride, depthwise } => {
                Some(Placed { kernel, stride, dilation: 1, before: kernel / 2, depthwise })
            }
            Self::Placed(placed) => Some(placed),
            Self::Transposed => {
                Some(Placed { kernel: 4, stride: 2, dilation: 1, before: 1, depthwise: false })
            }
            _ => None,
        }
    }
}

/// A network and its weights.
pub(crate) struct Network {
    pub(crate) plans: Vec<NodeShape>,
    pub(crate) weights: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Network {
    pub(crate) fn new(plans: Vec<NodeShape>, seed: u64) -> Self {
        let weights = |(index, plan): (usize, &NodeShape)| {
            let bias = |i: usize| 0.1 * uniform(!seed ^ i as u64 ^ (index as u64) << 32);
            if plan.op.is_normalization() {
                let weight = |i: usize| 1.0 + 0.5 * uniform(seed ^ i as u64 ^ (index as u64) << 32);
                return ((0..plan.channels).map(weight).collect(), (0..plan.channels).map(bias).collect());
            }
            if let ShapeOp::Attention { heads, window: Some(Square { side, .. }) } = plan.op {
                // The relative positions, and what pixels beyond the picture have.
                let beyond = plans[plan.from[1]].channels + plans[plan.from[2]].channels;
                let weight = |i: usize| 2.0 * uniform(seed ^ i as u64 ^ (index as u64) << 32);
                return (
                    (0..heads * side.pow(4)).map(weight).collect(),
                    (0..beyond).map(|i| 5.0 * bias(i)).collect(),
                );
            }
            let Some(Placed { kernel, depthwise, .. }) = plan.op.placed() else {
                return (Vec::new(), Vec::new());
            };
            let inputs = if depthwise { 1 } else { plans[plan.from[0]].channels };
            let (terms, seed) = (inputs * kernel * kernel, seed ^ (index as u64) << 32);
            let scale = (3.0 / terms as f32).sqrt();
            let value = |i: usize| scale * uniform(seed ^ i as u64);
            let bias = |i: usize| 0.1 * uniform(!seed ^ i as u64);
            ((0..plan.channels * terms).map(value).collect(), (0..plan.channels).map(bias).collect())
        };
        let weights = plans.iter().enumerate().map(weights).collect();
        Self { plans, weights }
    }

    pub(crate) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        for (plan, (weight, bias)) in self.plans.iter().zip(&self.weights) {
            let normalization = Normalization { weight, bias, epsilon: EPSILON };
            let op = match plan.op {
                ShapeOp::Bilinear { align_corners } => Op::Bilinear { level: plan.level, align_corners },
                ShapeOp::LayerNorm => Op::LayerNorm(normalization),
                ShapeOp::GroupNorm(groups) => Op::GroupNorm { groups, normalization },
                ShapeOp::ResponseNorm => Op::ResponseNorm(normalization),
                ShapeOp::Attention { heads, window } => {
                    let keys = self.plans[plan.from[1]].channels;
                    let window = window.map(|Square { side, shift, rolled_first }| AttentionWindow {
                        side,
                        shift,
                        rolled_first,
                        bias: weight,
                        beyond: bias.split_at(keys),
                    });
                    Op::Attention(Attention { heads, window })
                }
                ShapeOp::Input => Op::Input { start: 0, count: plan.channels },
                ShapeOp::Conv { .. } | ShapeOp::Placed(_) | ShapeOp::Transposed => {
                    let Placed { kernel, stride, dilation, before, depthwise } = plan.op.placed().unwrap();
                    let (inputs, outputs) = (self.plans[plan.from[0]].channels, plan.channels);
                    let conv =
                        Conv { inputs, outputs, kernel, stride, dilation, before, depthwise, weight, bias };
                    if matches!(plan.op, ShapeOp::Transposed) { Op::Transposed(conv) } else { Op::Conv(conv) }
                }
                ShapeOp::AdaptiveMean(side) => Op::AdaptiveMean { side },
                ShapeOp::Scale => Op::Scale,
                ShapeOp::MaxPool(kernel) => Op::MaxPool { kernel },
                ShapeOp::MeanPool(levels) => Op::MeanPool { levels },
                ShapeOp::Upsample(levels) => Op::Upsample { levels },
                ShapeOp::Concat => Op::Concat,
                ShapeOp::Add => Op::Add,
                ShapeOp::Difference => Op::Difference,
            };
            steps.push(Step { op, from: plan.from.clone(), activation: plan.activation });
        }
        steps
    }

    pub(crate) fn engine(&self, options: Options) -> Engine {
        Engine::new(&self.steps(), options).unwrap()
    }

    /// The outputs for a whole picture, in double precision.
    pub(crate) fn written_out(&self, scene: Scene, [width, height]: [usize; 2], first: [i64; 2]) -> Grid {
        let mut done: Vec<Grid> = Vec::new();
        for (plan, weights) in self.plans.iter().zip(&self.weights) {
            let size = plan.grid.map_or([width >> plan.level, height >> plan.level], |side| [side, side]);
            let from: Vec<&Grid> = plan.from.iter().map(|f| &done[*f]).collect();
            if let ShapeOp::Attention { heads, window } = plan.op {
                let attended = attended(&from, heads, window, weights);
                done.push(Grid::new(plan.channels, size, |c, y, x| plan.activated(attended.at(c, y, x))));
                continue;
            }
            let statistics = plan.statistics(from.first().copied());
            let value = |c: usize, y: i64, x: i64| match statistics.get(c) {
                // Minus the mean, times the scale.
                Some([mean, scale]) => {
                    let normal = (from[0].at(c, y, x) - mean) * scale;
                    let identity =
                        if matches!(plan.op, ShapeOp::ResponseNorm) { from[0].at(c, y, x) } else { 0.0 };
                    identity + normal * f64::from(weights.0[c]) + f64::from(weights.1[c])
                }
                None => plan.value(weights, &from, size, scene, first, [c as i64, y, x]),
            };
            done.push(Grid::new(plan.channels, size, |c, y, x| plan.activated(value(c, y, x))));
        }
        done.pop().unwrap()
    }
}

/// Channels of a picture, padded with zeros.
pub(crate) struct Grid {
    pub(crate) channels: usize,
    pub(crate) size: [usize; 2],
    pub(crate) data: Vec<f64>,
}

impl Grid {
    pub(crate) fn new(channels: usize, size: [usize; 2], value: impl Fn(usize, i64, i64) -> f64) -> Self {
        let pixels = (0..size[1] as i64).flat_map(|y| (0..size[0] as i64).map(move |x| (y, x)));
        let data =
            pixels.flat_map(|(y, x)| (0..channels).map(move |c| (c, y, x))).map(|(c, y, x)| value(c, y, x));
        Self { channels, size, data: data.collect() }
    }

    pub(crate) fn inside(&self, y: i64, x: i64) -> bool {
        (0..self.size[1] as i64).contains(&y) && (0..self.size[0] as i64).contains(&x)
    }

    pub(crate) fn at(&self, c: usize, y: i64, x: i64) -> f64 {
        if !self.inside(y, x) {
            return 0.0;
        }
        self.data[(y as usize * self.size[0] + x as usize) * self.channels + c]
    }
}

/// The share of a normal distribution below a value, by the series of the error function.
pub(crate) fn share_below(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    if z.abs() > 5.0 {
        return if z > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..150 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    0.5 + sum / std::f64::consts::PI.sqrt()
}

/// Part `index` of `parts` of `size` pixels, as PyTorch's documentation of adaptive pooling says.
fn part(index: i64, parts: usize, size: usize) -> std::ops::Range<i64> {
    let (parts, size) = (parts as i64, size as i64);
    let end = ((index + 1) * size) as f64 / parts as f64;
    index * size / parts..end.ceil() as i64
}

/// A key or value: its pixel, or `None` beyond the picture, and what is added to the score.
type Seen = (Option<(i64, i64)>, f64);

/// Attention by its definition: of queries, keys and values.
fn attended(from: &[&Grid], heads: usize, window: Option<Square>, weights: &(Vec<f32>, Vec<f32>)) -> Grid {
    let [queries, keys, values] = [from[0], from[1], from[2]];
    let (each, each_value) = (queries.channels / heads, values.channels / heads);
    let beyond = |grid: &Grid, c: usize, place: Option<(i64, i64)>, start: usize| match place {
        Some((y, x)) => grid.at(c, y, x),
        None => f64::from(weights.1[start + c]),
    };
    let mut out = vec![0.0; queries.size[0] * queries.size[1] * values.channels];
    for (pixel, out) in out.chunks_exact_mut(values.channels).enumerate() {
        let (y, x) = ((pixel / queries.size[0]) as i64, (pixel % queries.size[0]) as i64);
        for head in 0..heads {
            let seen: Vec<Seen> = match window {
                None => {
                    let rows = 0..keys.size[1] as i64;
                    rows.flat_map(|y| (0..keys.size[0] as i64).map(move |x| (Some((y, x)), 0.0))).collect()
                }
                Some(square) => square.seen(keys.size, (y, x), &weights.0[head * square.side.pow(4)..]),
            };
            let score = |(place, add): &Seen| {
                let channels = head * each..(head + 1) * each;
                let product = channels.map(|c| queries.at(c, y, x) * beyond(keys, c, *place, 0)).sum::<f64>();
                product / (each as f64).sqrt() + add
            };
            let scores: Vec<f64> = seen.iter().map(score).collect();
            let most = scores.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
            let shares: Vec<f64> = scores.iter().map(|v| (v - most).exp()).collect();
            let sum: f64 = shares.iter().sum();
            for (c, out) in out.iter_mut().enumerate().skip(head * each_value).take(each_value) {
                let value =
                    |((place, _), share): (&Seen, &f64)| share * beyond(values, c, *place, keys.channels);
                *out = seen.iter().zip(&shares).map(value).sum::<f64>() / sum;
            }
        }
    }
    Grid { channels: values.channels, size: queries.size, data: out }
}

impl Square {
    /// What a pixel sees: the picture is rolled as tensors are.
    fn seen(self, size: [usize; 2], (y, x): (i64, i64), bias: &[f32]) -> Vec<Seen> {
        let Self { side, shift, rolled_first } = self;
        let axis = |length: usize| {
            let padded = length.div_ceil(side) * side;
            let mut line: Vec<Option<usize>> = (0..length).map(Some).collect();
            if !rolled_first {
                line.resize(padded, None);
            }
            let by = shift % line.len();
            line.rotate_left(by);
            line.resize(padded, None);
            let region = |at: usize| match () {
                () if shift == 0 || at < padded - side => 0,
                () if at < padded - shift => 1,
                () => 2,
            };
            line.into_iter().enumerate().map(|(at, pixel)| (pixel, region(at))).collect::<Vec<_>>()
        };
        let (rows, cols) = (axis(size[1]), axis(size[0]));
        let place = |line: &[(Option<usize>, i32)], pixel: i64| {
            line.iter().position(|(p, _)| *p == Some(pixel as usize)).unwrap()
        };
        let (row, col) = (place(&rows, y), place(&cols, x));
        let (first_row, first_col) = (row / side * side, col / side * side);
        let query = (row - first_row) * side + col - first_col;
        let mut seen = Vec::new();
        for key in 0..side * side {
            let (r, c) = (first_row + key / side, first_col + key % side);
            let apart = (rows[r].1, cols[c].1) != (rows[row].1, cols[col].1);
            let add = f64::from(bias[query * side * side + key]) - if apart { 100.0 } else { 0.0 };
            let pixel = rows[r].0.zip(cols[c].0).map(|(y, x)| (y as i64, x as i64));
            seen.push((pixel, add));
        }
        seen
    }
}

/// Mean and variance.
fn moments(values: &[f64]) -> [f64; 2] {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    [mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64]
}

/// The two pixels of bilinear interpolation, and the share of the second, as in PyTorch.
fn between(o: i64, from: usize, to: usize, align_corners: bool) -> (i64, i64, f64) {
    let (n, m) = (from as f64, to as f64);
    let at = if !align_corners {
        ((o as f64 + 0.5) * n / m - 0.5).max(0.0)
    } else if to > 1 {
        o as f64 * (n - 1.0) / (m - 1.0)
    } else {
        0.0
    };
    let at = if (at - at.round()).abs() < 1e-9 { at.round() } else { at };
    let first = (at.floor() as i64).min(from as i64 - 1);
    (first, (first + 1).min(from as i64 - 1), at - first as f64)
}

impl NodeShape {
    /// What a normalization by a picture's statistics subtracts of each channel, and multiplies it by.
    fn statistics(&self, from: Option<&Grid>) -> Vec<[f64; 2]> {
        let Some(from) = from else { return Vec::new() };
        let channel =
            |c: usize| from.data.iter().skip(c).step_by(from.channels).copied().collect::<Vec<f64>>();
        match self.op {
            ShapeOp::GroupNorm(groups) => {
                let each = from.channels / groups;
                let group =
                    |c: usize| (c / each * each..(c / each + 1) * each).flat_map(channel).collect::<Vec<_>>();
                let of = |c: usize| {
                    let [mean, variance] = moments(&group(c));
                    [mean, 1.0 / (variance + f64::from(EPSILON)).sqrt()]
                };
                (0..from.channels).map(of).collect()
            }
            ShapeOp::ResponseNorm => {
                let norm = |c: usize| channel(c).iter().map(|v| v * v).sum::<f64>().sqrt();
                let norms: Vec<f64> = (0..from.channels).map(norm).collect();
                let mean = norms.iter().sum::<f64>() / norms.len() as f64;
                norms.iter().map(|norm| [0.0, norm / (mean + f64::from(EPSILON))]).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn activated(&self, value: f64) -> f64 {
        match self.activation {
            Activation::None => value,
            Activation::Relu => value.max(0.0),
            Activation::Relu6 => value.clamp(0.0, 6.0),
            Activation::Silu => value / (1.0 + (-value).exp()),
            Activation::Gelu => value * share_below(value),
            Activation::Sigmoid => 1.0 / (1.0 + (-value).exp()),
        }
    }

    pub(crate) fn value(
        &self,
        (weight, bias): &(Vec<f32>, Vec<f32>),
        from: &[&Grid],
        size: [usize; 2],
        scene: Scene,
        first: [i64; 2],
        [c, y, x]: [i64; 3],
    ) -> f64 {
        let channel = c as usize;
        match self.op {
            ShapeOp::Input => f64::from(scene.at(channel, first[1] + y, first[0] + x)),
            ShapeOp::Conv { .. } | ShapeOp::Placed(_) => {
                let Placed { kernel, stride, dilation, before, depthwise } = self.op.placed().unwrap();
                let inputs = if depthwise { 1 } else { from[0].channels };
                let (side, stride, step) = (kernel as i64, stride as i64, dilation as i64);
                let place = |o: i64, tap: i64| o * stride + tap * step - before as i64;
                let mut sum = f64::from(bias[channel]);
                for (i, r, q) in
                    (0..inputs).flat_map(|i| (0..side * side).map(move |t| (i, t / side, t % side)))
                {
                    let input = if depthwise { channel } else { i };
                    let value = from[0].at(input, place(y, r), place(x, q));
                    let at = ((channel * inputs + i) * kernel + r as usize) * kernel + q as usize;
                    sum += value * f64::from(weight[at]);
                }
                sum
            }
            ShapeOp::Transposed => {
                let mut sum = f64::from(bias[channel]);
                let inputs = from[0].channels;
                // Tap k of input i is added to output 2 i - 1 + k.
                let seen =
                    |o: i64| (0..4).filter(move |k| (o + 1 - k) % 2 == 0).map(move |k| (k, (o + 1 - k) / 2));
                for ((r, row), (q, col), i) in seen(y)
                    .flat_map(|r| seen(x).map(move |q| (r, q)))
                    .flat_map(|(r, q)| (0..inputs).map(move |i| (r, q, i)))
                {
                    let at = ((channel * inputs + i) * 4 + r as usize) * 4 + q as usize;
                    sum += from[0].at(i, row, col) * f64::from(weight[at]);
                }
                sum
            }
            ShapeOp::AdaptiveMean(side) => {
                let [rows, cols] = [part(y, side, from[0].size[1]), part(x, side, from[0].size[0])];
                let count = (rows.end - rows.start) * (cols.end - cols.start);
                let places = rows.flat_map(|y| cols.clone().map(move |x| (y, x)));
                places.map(|(y, x)| from[0].at(channel, y, x)).sum::<f64>() / count as f64
            }
            ShapeOp::Bilinear { align_corners } => {
                let [w, h] = from[0].size;
                let (north, south, down) = between(y, h, size[1], align_corners);
                let (west, east, across) = between(x, w, size[0], align_corners);
                let row = |y: i64| {
                    (1.0 - across) * from[0].at(channel, y, west) + across * from[0].at(channel, y, east)
                };
                (1.0 - down) * row(north) + down * row(south)
            }
            ShapeOp::LayerNorm => {
                let pixel: Vec<f64> = (0..from[0].channels).map(|c| from[0].at(c, y, x)).collect();
                let [mean, variance] = moments(&pixel);
                let normal = (pixel[channel] - mean) / (variance + f64::from(EPSILON)).sqrt();
                normal * f64::from(weight[channel]) + f64::from(bias[channel])
            }
            ShapeOp::GroupNorm(_) | ShapeOp::ResponseNorm | ShapeOp::Attention { .. } => {
                unreachable!("computed for the whole picture")
            }
            ShapeOp::Scale => from[0].at(channel, y, x) * from[1].at(channel, 0, 0),
            ShapeOp::MaxPool(kernel) => {
                let before = i64::from(kernel == 3);
                let taps = (0..kernel as i64).flat_map(|r| (0..kernel as i64).map(move |q| (r, q)));
                let places = taps.map(|(r, q)| (2 * y - before + r, 2 * x - before + q));
                let inside = places.filter(|(y, x)| from[0].inside(*y, *x));
                inside.map(|(y, x)| from[0].at(channel, y, x)).fold(f64::NEG_INFINITY, f64::max)
            }
            ShapeOp::MeanPool(levels) => {
                let side = 1i64 << levels;
                let taps = (0..side).flat_map(|r| (0..side).map(move |q| (r, q)));
                let sum: f64 = taps.map(|(r, q)| from[0].at(channel, y * side + r, x * side + q)).sum();
                sum / (side * side) as f64
            }
            ShapeOp::Upsample(levels) => from[0].at(channel, y >> levels, x >> levels),
            ShapeOp::Concat if channel < from[0].channels => from[0].at(channel, y, x),
            ShapeOp::Concat => from[1].at(channel - from[0].channels, y, x),
            ShapeOp::Add => from[0].at(channel, y, x) + from[1].at(channel, y, x),
            ShapeOp::Difference => (from[0].at(channel, y, x) - from[1].at(channel, y, x)).abs(),
        }
    }
}

/// An infinite scene; pictures are parts of it.
#[derive(Clone, Copy)]
pub(crate) struct Scene(pub(crate) u64);

impl Scene {
    pub(crate) fn at(self, channel: usize, row: i64, col: i64) -> f32 {
        uniform(self.0 ^ (channel as u64) << 40 ^ (row as u64 & 0xffff) << 20 ^ (col as u64 & 0xffff))
    }
}

pub(crate) struct Part(pub(crate) Scene, pub(crate) [i64; 2]);

impl PixelSource for Part {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        for (x, to) in (cols.0..cols.1).zip(to.chunks_exact_mut(count)) {
            for (c, to) in to.iter_mut().enumerate() {
                *to = self.0.at(start + c, self.1[1] + y as i64, self.1[0] + x as i64);
            }
        }
    }
}

/// Runs a network on a picture that begins at a position of the scene.
pub(crate) fn run(
    engine: &Engine,
    scene: Scene,
    picture: Picture,
    first_col: i64,
    threads: usize,
) -> Vec<f32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let part = Part(scene, [first_col, picture.first_row]);
    let mut all = Vec::new();
    let take = |answers: &Answers| {
        let (start, end) = answers.span();
        (start..end).for_each(|y| all.extend_from_slice(answers.row(y)));
    };
    pool.install(|| engine.run(&picture, &part, take)).unwrap();
    all
}

pub(crate) fn plan(
    op: ShapeOp,
    from: &[usize],
    activation: Activation,
    channels: usize,
    level: u32,
) -> NodeShape {
    NodeShape { op, from: from.into(), activation, channels, level, grid: None }
}

/// A step on a grid of `side` x `side` pixels.
pub(crate) fn grid(
    op: ShapeOp,
    from: &[usize],
    activation: Activation,
    channels: usize,
    side: usize,
) -> NodeShape {
    NodeShape { grid: Some(side), ..plan(op, from, activation, channels, 0) }
}

pub(crate) fn conv(kernel: usize, stride: usize) -> ShapeOp {
    ShapeOp::Conv { kernel, stride, depthwise: false }
}

pub(crate) fn whole(width: usize, height: usize, first_row: i64) -> Picture {
    Picture { width, height, first_row, cols: (0, width), rows: (0, height) }
}

/// Two levels down and up again, with all operations that the engine supports.
pub(crate) fn network(bands: usize, widths: [usize; 3], kernels: [usize; 3], seed: u64) -> Network {
    use Activation::{None, Relu, Relu6};
    let [a, b, c] = widths;
    let depthwise = ShapeOp::Conv { kernel: kernels[1], stride: 1, depthwise: true };
    let plans = vec![
        plan(ShapeOp::Input, &[], None, bands, 0),
        plan(conv(kernels[0], 1), &[0], Relu, a, 0),
        plan(ShapeOp::MaxPool(2 + (seed % 2) as usize), &[1], None, a, 1),
        plan(conv(3, 1), &[2], Relu6, b, 1),
        plan(depthwise, &[3], None, b, 1),
        plan(ShapeOp::Add, &[4, 3], Relu, b, 1),
        plan(conv(kernels[2], 2), &[5], None, c, 2),
        plan(conv(1, 1), &[6], None, c, 2),
        plan(ShapeOp::Difference, &[6, 7], Relu, c, 2),
        plan(conv(3, 1), &[8], None, c, 2),
        plan(ShapeOp::Add, &[8, 9], Relu, c, 2),
        plan(ShapeOp::Upsample(1), &[10], None, c, 1),
        plan(ShapeOp::Concat, &[11, 5], None, c + b, 1),
        plan(conv(3, 1), &[12], Relu, b, 1),
        plan(ShapeOp::MeanPool(1), &[13], None, b, 2),
        plan(ShapeOp::Upsample(2), &[14], None, b, 0),
        plan(ShapeOp::Upsample(1), &[13], None, b, 0),
        plan(conv(3, 1), &[16], None, b, 0),
        plan(ShapeOp::Concat, &[15, 17], None, 2 * b, 0),
        plan(conv(3, 1), &[18], None, 5, 0),
    ];
    Network::new(plans, seed)
}

/// A picture with the requested pixels `core` (first column, first row, columns, rows) of the scene, extended by
/// `reach` and some strides of 4 px on every side; and its first column.
pub(crate) fn around(
    core: (i64, i64, usize, usize),
    (cols, rows): (usize, usize),
    margins: [i64; 4],
) -> (Picture, i64) {
    let down = |v: i64, margin: i64| v.div_euclid(4) * 4 - 4 * margin;
    let up = |v: i64, margin: i64| -down(-v, margin);
    let west = down(core.0 - cols as i64, margins[0]);
    let north = down(core.1 - rows as i64, margins[1]);
    let (east, south) = (core.0 + core.2 as i64, core.1 + core.3 as i64);
    let at = |v: i64| v as usize;
    let picture = Picture {
        width: at(up(east + cols as i64, margins[2]) - west),
        height: at(up(south + rows as i64, margins[3]) - north),
        first_row: north,
        cols: (at(core.0 - west), at(east - west)),
        rows: (at(core.1 - north), at(south - north)),
    };
    (picture, west)
}
