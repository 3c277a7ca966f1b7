//! Lowers a network to the engine that runs it on the CPU.

use arpent_base::number::narrow;
use arpent_engine::{
    Activation, Attention, AttentionWindow, Conv, Engine, Isa, Normalization, Op, Options, Step,
};

use crate::graph::{self, Affine, Graph, Layer, Squares};
use crate::{Architecture, ModelError, ModelPackage, Weights};

/// Deepest level whose 3 x 3 convolutions compute four rows together. At deeper levels the additional rows that
/// predictions depend on cost more than the saved products (`benches/runs/`).
const WINOGRAD_LEVEL: i32 = 4;

/// Engine options for this machine.
fn options() -> Options {
    Options { winograd: WINOGRAD_LEVEL, ..Options::default() }
}

/// The instruction set that networks are computed with on this machine's CPU, for reports.
pub fn instruction_set() -> &'static str {
    Isa::best().name()
}

/// The engine of a package's network on this machine's CPU, including the head: scores before the softmax, from
/// normalized bands.
///
/// # Errors
/// [`ModelError`] if the weights do not match the architecture.
pub fn engine(package: &ModelPackage, weights: &Weights) -> Result<Engine, ModelError> {
    weights.check(&package.architecture.tensors())?;
    let ranges = package.quantization.as_ref().map(|q| q.ranges.as_slice());
    engine_with(&package.architecture, weights, options(), ranges)
}

fn engine_with(
    architecture: &Architecture,
    weights: &Weights,
    options: Options,
    ranges: Option<&[f32]>,
) -> Result<Engine, ModelError> {
    let graph = architecture.graph();
    let made = Made::new(&graph, weights)?;
    let mut steps = Vec::with_capacity(graph.steps.len());
    for step in &graph.steps {
        let op = match step.op {
            graph::Op::Pick { row, column } => Op::Conv(made.pick(step.channels, row, column)),
            graph::Op::SquareAttention(squares) => {
                made.attention(squares, &graph.squares[squares], weights)?
            }
            other => op(&graph, other, weights)?,
        };
        steps.push(Step { op, from: step.from.clone(), activation: activation(step.activation) });
    }
    Ok(match ranges {
        Some(ranges) => Engine::new_int8(&steps, options, ranges)?,
        None => Engine::new(&steps, options)?,
    })
}

/// Weights that follow from those of the package.
struct Made {
    /// For each of the graph's squares, what is added to the product of two pixels.
    bias: Vec<Vec<f32>>,
    /// For each place in a square of 2 x 2 pixels, depthwise kernels that take the pixel there, for as many channels as
    /// the widest step has; and their bias.
    picks: [Vec<f32>; 4],
    zeros: Vec<f32>,
}

impl Made {
    fn new(graph: &Graph, weights: &Weights) -> Result<Self, ModelError> {
        let bias = graph.squares.iter().map(|squares| Ok(squares.bias(&weights.get(&squares.table)?.data)));
        let picked = graph.steps.iter().filter(|step| matches!(step.op, graph::Op::Pick { .. }));
        let most = picked.map(|step| step.channels).max().unwrap_or(0);
        let kernel = |place: usize| (0..4 * most).map(|i| if i % 4 == place { 1.0 } else { 0.0 }).collect();
        Ok(Self {
            bias: bias.collect::<Result<_, ModelError>>()?,
            picks: [0, 1, 2, 3].map(kernel),
            zeros: vec![0.0; most],
        })
    }

    fn pick(&self, channels: usize, row: usize, column: usize) -> Conv<'_> {
        Conv {
            inputs: channels,
            outputs: channels,
            kernel: 2,
            stride: 2,
            dilation: 1,
            before: 0,
            depthwise: true,
            weight: &self.picks[2 * row + column][..4 * channels],
            bias: &self.zeros[..channels],
        }
    }

    fn attention<'a>(
        &'a self,
        number: usize,
        squares: &Squares,
        weights: &'a Weights,
    ) -> Result<Op<'a>, ModelError> {
        let projection = &weights.get(&squares.bias_name)?.data;
        let width = projection.len() / 3;
        let window = AttentionWindow {
            side: squares.side,
            shift: squares.shift,
            // As in timm.
            rolled_first: true,
            bias: &self.bias[number],
            beyond: (&projection[width..2 * width], &projection[2 * width..]),
        };
        Ok(Op::Attention(Attention { heads: squares.heads, window: Some(window) }))
    }
}

fn op<'a>(graph: &Graph, op: graph::Op, weights: &'a Weights) -> Result<Op<'a>, ModelError> {
    Ok(match op {
        graph::Op::Input { start, count } => Op::Input { start, count },
        graph::Op::Conv(layer) => Op::Conv(conv(&graph.layers[layer], weights)?),
        graph::Op::Transposed(layer) => Op::Transposed(conv(&graph.layers[layer], weights)?),
        graph::Op::Part { layer, start, count } => {
            let whole = conv(&graph.layers[layer], weights)?;
            let each = whole.weight.len() / whole.outputs.max(1);
            Op::Conv(Conv {
                outputs: count,
                weight: &whole.weight[start * each..(start + count) * each],
                bias: &whole.bias[start..start + count],
                ..whole
            })
        }
        graph::Op::MaxPool { kernel } => Op::MaxPool { kernel },
        graph::Op::MeanPool { levels } => Op::MeanPool { levels },
        graph::Op::Upsample { levels } => Op::Upsample { levels },
        graph::Op::Concat => Op::Concat,
        graph::Op::Add => Op::Add,
        graph::Op::Difference => Op::Difference,
        graph::Op::AdaptiveMean { side } => Op::AdaptiveMean { side },
        graph::Op::Scale => Op::Scale,
        graph::Op::Bilinear { level, align_corners } => Op::Bilinear { level, align_corners },
        graph::Op::LayerNorm(norm) => Op::LayerNorm(normalization(&graph.norms[norm], weights)?),
        graph::Op::Attention { heads } => Op::Attention(Attention { heads, window: None }),
        graph::Op::GroupNorm { groups, norm } => {
            Op::GroupNorm { groups, normalization: normalization(&graph.norms[norm], weights)? }
        }
        graph::Op::ResponseNorm(norm) => Op::ResponseNorm(normalization(&graph.norms[norm], weights)?),
        graph::Op::Pick { .. } | graph::Op::SquareAttention(_) => {
            unreachable!("they need weights that are made: `engine_with`")
        }
    })
}

fn conv<'a>(layer: &Layer, weights: &'a Weights) -> Result<Conv<'a>, ModelError> {
    let Layer { inputs, outputs, kernel, stride, depthwise, dilation, .. } = *layer;
    Ok(Conv {
        inputs,
        outputs,
        kernel,
        stride,
        dilation,
        before: layer.pads().0,
        depthwise,
        weight: &weights.get(&format!("{}.weight", layer.name))?.data,
        bias: &weights.get(&format!("{}.bias", layer.name))?.data,
    })
}

fn normalization<'a>(norm: &Affine, weights: &'a Weights) -> Result<Normalization<'a>, ModelError> {
    Ok(Normalization {
        weight: &weights.get(&format!("{}.weight", norm.name))?.data,
        bias: &weights.get(&format!("{}.bias", norm.name))?.data,
        epsilon: narrow(norm.epsilon),
    })
}

pub(crate) fn activation(activation: graph::Activation) -> Activation {
    match activation {
        graph::Activation::None => Activation::None,
        graph::Activation::Relu => Activation::Relu,
        graph::Activation::Relu6 => Activation::Relu6,
        graph::Activation::Silu => Activation::Silu,
        graph::Activation::Gelu => Activation::Gelu,
        graph::Activation::Sigmoid => Activation::Sigmoid,
    }
}

#[cfg(feature = "tensors")]
#[cfg(test)]
mod tests {

    use arpent_base::number::exact_f32;
    use arpent_engine::{Picture, PixelSource};
    use burn::tensor::{Device, Tensor, TensorData};

    use super::*;
    use crate::exactness::random_weights;
    use crate::{Encoder, MitSize, Network, PyramidEncoder, field};

    /// A picture, plane by plane.
    struct Planes<'a> {
        data: &'a [f32],
        side: usize,
    }

    impl PixelSource for Planes<'_> {
        fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
            for (x, to) in (cols.0..cols.1).zip(to.chunks_exact_mut(count)) {
                for (c, to) in to.iter_mut().enumerate() {
                    *to = self.data[((start + c) * self.side + y) * self.side + x];
                }
            }
        }
    }

    fn picture(channels: usize, side: usize) -> Vec<f32> {
        (0..channels * side * side).map(|i| exact_f32((i * 7919 + i / 64) % 1013) / 500.0 - 1.0).collect()
    }

    /// Scores of a picture, plane by plane.
    fn by_engine(engine: &Engine, data: &[f32], side: usize, first_row: i64) -> Vec<f32> {
        let picture = Picture { width: side, height: side, first_row, cols: (0, side), rows: (0, side) };
        let (channels, area) = (engine.channels(), side * side);
        let mut scores = vec![0.0; channels * area];
        let take = |answers: &arpent_engine::Answers| {
            let (start, end) = answers.span();
            for y in start..end {
                for (x, pixel) in answers.row(y).chunks_exact(channels).enumerate() {
                    pixel.iter().enumerate().for_each(|(c, v)| scores[c * area + y * side + x] = *v);
                }
            }
        };
        engine.run(&picture, &Planes { data, side }, take).unwrap();
        scores
    }

    fn by_burn(architecture: &Architecture, weights: &Weights, data: Vec<f32>, side: usize) -> Vec<f32> {
        let network = Network::for_prediction(architecture, weights, &Device::flex()).unwrap();
        let input = TensorData::new(data, [1, architecture.in_channels(), side, side]);
        let scores = network.forward(Tensor::from_data(input, &Device::flex()));
        scores.into_data().try_into_vec().unwrap()
    }

    fn every_architecture() -> Vec<Architecture> {
        let encoded = |encoder, dates| Architecture::EncoderUnet {
            encoder,
            in_channels: 3,
            out_channels: 5,
            decoder: vec![64, 32, 24, 16, 8],
            dates,
        };
        let unet = |widths: &[usize], encoder_convs: &[usize], dates| Architecture::Unet {
            in_channels: 4,
            out_channels: 19,
            widths: widths.into(),
            encoder_convs: encoder_convs.into(),
            dates,
        };
        let (widths, convs) = (vec![16, 32], vec![1, 2]);
        let mut all: Vec<Architecture> = Encoder::ALL.into_iter().map(|e| encoded(e, 1)).collect();
        all.extend([
            encoded(Encoder::Resnet18, 2),
            unet(&[16, 24, 32, 48, 64], &[1, 1, 2, 2, 2], 1),
            unet(&[7, 64, 80], &[2, 2, 2], 1),
            unet(&[16, 24, 32], &[1, 1, 1], 2),
            Architecture::Classifier { in_channels: 3, out_channels: 4, widths, convs, cell_px: 16 },
            Architecture::Linear { in_channels: 3, out_channels: 2, kernel: 3 },
        ]);
        all.extend([(Encoder::EfficientnetLite0, vec![8, 16]), (Encoder::Resnet18, vec![16, 32, 64])].map(
            |(encoder, strides)| Architecture::Fcos {
                encoder,
                in_channels: 3,
                classes: 2,
                strides,
                width: 24,
                convs: 1,
                oriented: encoder == Encoder::Resnet18,
            },
        ));
        all.retain(field::is_local);
        let encoder = Encoder::Resnet18;
        let pyramid = PyramidEncoder::Convnextv2Tiny;
        all.extend([
            encoded(Encoder::EfficientnetB0, 1),
            encoded(Encoder::MitB0, 1),
            Architecture::Segformer { size: MitSize::B0, in_channels: 3, out_channels: 5 },
            Architecture::Fpn { encoder, in_channels: 3, out_channels: 5 },
            Architecture::DeeplabV3Plus { encoder, in_channels: 3, out_channels: 5 },
            Architecture::Upernet { encoder: pyramid, in_channels: 3, out_channels: 5 },
            Architecture::Upernet5 { encoder: pyramid, in_channels: 3, out_channels: 5 },
            Architecture::Upernet { encoder: PyramidEncoder::SwinTiny, in_channels: 3, out_channels: 5 },
            Architecture::Retinanet { in_channels: 3, classes: 2 },
        ]);
        all
    }

    #[test]
    fn every_network_and_instruction_set_answers_as_burn_does() {
        for architecture in every_architecture() {
            let side = (2 * field::stride(&architecture).max(16)).max(architecture.least_window_px());
            let weights = random_weights(&architecture, 11);
            let data = picture(architecture.in_channels(), side);
            let expected = by_burn(&architecture, &weights, data.clone(), side);
            let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
            for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                for winograd in [-1, 8] {
                    let engine =
                        engine_with(&architecture, &weights, Options { isa, winograd }, None).unwrap();
                    let scores = by_engine(&engine, &data, side, -128);
                    let apart = scores.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
                    let name = architecture.name();
                    assert!(apart <= 1e-4 * largest, "{name} on {}: {apart} of {largest}", isa.name());
                }
            }
        }
    }
}
