//! A network as a Burn module, for training (with batch normalization) and for prediction (folded).

use arpent_base::number::{exact, signed};
use burn::module::{Module, Param, ParamId, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::{gelu, relu, sigmoid, silu, softmax};
use burn::tensor::module::{
    adaptive_avg_pool2d, avg_pool2d, conv_transpose2d, conv2d, interpolate, max_pool2d,
};
use burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions,
};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};

use crate::graph::{self, Activation, Graph, Layer, Op, Squares, Step};
use crate::{Architecture, ModelError, Precision, Weights};
#[cfg(feature = "training")]
use crate::{lowered, native};

/// A convolution and, for training, its batch normalization.
#[derive(Module, Debug)]
pub struct Block {
    conv: Conv2d,
    norm: Option<BatchNorm>,
}

/// A factor and a summand for each channel, of a normalization that is not folded into a convolution.
#[derive(Module, Debug)]
pub struct Affine {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

/// A network of any [`Architecture`].
#[derive(Module, Debug)]
pub struct Network {
    /// In the order of the graph's layers; the last one is the head.
    blocks: Vec<Block>,
    /// In the order of the graph's affine normalizations.
    norms: Vec<Affine>,
    /// In the order of the graph's squares: relative positions, heads.
    tables: Vec<Param<Tensor<2>>>,
    #[module(skip)]
    graph: Graph,
    #[module(skip)]
    precision: Precision,
}

impl Network {
    /// The network for prediction: normalization folded into the convolutions ([`crate::fold`]).
    ///
    /// # Errors
    /// [`ModelError`] if the weights do not match the architecture, or are not finite.
    pub fn for_prediction(
        architecture: &Architecture,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, ModelError> {
        weights.check(&architecture.tensors())?;
        Self::build(architecture, weights, false, device)
    }

    /// The network for training, including normalizations.
    ///
    /// # Errors
    /// As [`Network::for_prediction`].
    pub fn for_training(
        architecture: &Architecture,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, ModelError> {
        weights.check(&architecture.training_tensors())?;
        let mut network = Self::build(architecture, weights, true, device)?;
        // An optimizer's state is matched to its parameters in another process by these numbers.
        let mut number = (1u64..).map(ParamId::from);
        let mut next = || number.next().expect("there are 2^64 of them");
        for block in &mut network.blocks {
            block.conv.weight.id = next();
            if let Some(bias) = &mut block.conv.bias {
                bias.id = next();
            }
            if let Some(norm) = &mut block.norm {
                norm.gamma.id = next();
                norm.beta.id = next();
            }
        }
        for norm in &mut network.norms {
            norm.weight.id = next();
            norm.bias.id = next();
        }
        for table in &mut network.tables {
            table.id = next();
        }
        Ok(network)
    }

    fn build(
        architecture: &Architecture,
        weights: &Weights,
        norm: bool,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let graph = architecture.graph();
        let blocks = graph.layers.iter().map(|layer| Block::new(layer, weights, norm, device));
        let blocks = blocks.collect::<Result<_, _>>()?;
        let norms = graph.norms.iter().map(|norm| Affine::new(norm, weights, device));
        let norms = norms.collect::<Result<_, _>>()?;
        let table = |squares: &Squares| {
            let data = weights.get(&squares.table)?.data.clone();
            Ok::<_, ModelError>(Param::from_data(TensorData::new(data, squares.shape()), device))
        };
        let tables = graph.squares.iter().map(table).collect::<Result<_, _>>()?;
        Ok(Self { blocks, norms, tables, graph, precision: Precision::F32 })
    }

    /// Convolves in `precision`, including gradients. Weights, normalizations and everything else stay in single
    /// precision.
    #[must_use]
    pub fn convolving_in(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Scores before the softmax: `[batch, bands, height, width]` to `[batch, outputs, height, width]`; height and
    /// width are multiples of the stride. With two dates, the bands of the second follow those of the first.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(&x, self.graph.steps.len()).pop().flatten().unwrap_or(x)
    }

    /// What a training compares with the truth: of a detector without anchors its maps, finest first
    /// (`[batch, classes and 5 or 6 more, rows, columns]`, [`Architecture::strides`]); of any other network its scores.
    pub fn answers(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        if self.graph.maps.is_empty() {
            return vec![self.forward(x)];
        }
        let done = self.run(&x, self.graph.trained_steps());
        self.graph.maps.iter().filter_map(|map| done[*map].clone()).collect()
    }

    /// The outputs of the first `count` steps, without those that are not needed later.
    fn run(&self, x: &Tensor<4>, count: usize) -> Vec<Option<Tensor<4>>> {
        let last_uses = self.graph.last_uses();
        let mut done: Vec<Option<Tensor<4>>> = Vec::with_capacity(count);
        for (index, step) in self.graph.steps.iter().enumerate().take(count) {
            // A tensor that is not needed later is moved, so that the engine can reuse its memory.
            let from: Vec<Tensor<4>> = step
                .from
                .iter()
                .filter_map(|&i| if last_uses[i] == index { done[i].take() } else { done[i].clone() })
                .collect();
            done.push(Some(self.compute(step, from, x)));
        }
        done
    }

    fn compute(&self, step: &Step, mut from: Vec<Tensor<4>>, x: &Tensor<4>) -> Tensor<4> {
        let out = match step.op {
            Op::Conv(layer) => {
                let first = from.pop().unwrap_or_else(|| x.clone());
                return self.blocks[layer].forward(first, self.precision, step.activation);
            }
            Op::Transposed(layer) => {
                let first = from.pop().unwrap_or_else(|| x.clone());
                self.blocks[layer].transposed(first)
            }
            Op::Part { layer, start, count } => {
                let first = from.pop().unwrap_or_else(|| x.clone());
                self.blocks[layer].part(first, start, count, self.precision)
            }
            Op::LayerNorm(norm) | Op::ResponseNorm(norm) | Op::GroupNorm { norm, .. } => {
                let first = from.pop().unwrap_or_else(|| x.clone());
                let (affine, epsilon) = (&self.norms[norm], self.graph.norms[norm].epsilon);
                match step.op {
                    Op::LayerNorm(_) => affine.layer(first, epsilon),
                    Op::GroupNorm { groups, .. } => affine.group(first, groups, epsilon),
                    _ => affine.response(first, epsilon),
                }
            }
            Op::SquareAttention(squares) => self.attend_in_squares(squares, from),
            Op::Bilinear { level, align_corners } => {
                let [_, _, height, width] = x.dims();
                let to = InterpolateOptions::new(InterpolateMode::Bilinear)
                    .with_align_corners(align_corners)
                    .with_output_size([height >> level, width >> level]);
                interpolate(from.pop().unwrap_or_else(|| x.clone()), to)
            }
            _ => Self::combine(step, from, x),
        };
        activate(out, step.activation)
    }

    /// Attention within squares of pixels, to the queries, keys and values of three steps.
    fn attend_in_squares(&self, number: usize, from: Vec<Tensor<4>>) -> Tensor<4> {
        let squares = &self.graph.squares[number];
        let Squares { heads, side, shift, .. } = *squares;
        let [_, channels, height, width] = from[0].dims();
        // Beyond the picture the projection sees zeros, and gives its bias.
        let bias = self.blocks[squares.projection].conv.bias.as_ref().map(Param::val);
        let cut: Vec<Tensor<4>> = from
            .into_iter()
            .enumerate()
            .map(|(part, x)| {
                let beyond = bias.clone().map(|bias| bias.narrow(0, part * channels, channels));
                in_squares(extended(rolled(x, shift), beyond, side), heads, side)
            })
            .collect();
        let [queries, keys, values] = [0, 1, 2].map(|part| cut[part].clone());
        let device = queries.device();
        let pixels = side * side;
        // What is added to a product is looked up by the relative position.
        let places: Vec<i64> = Squares::positions(side).into_iter().map(signed).collect();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [pixels * pixels]), &device);
        let table = self.tables[number].val().select(0, places);
        let bias = table.reshape([1, pixels, pixels, heads]).permute([0, 3, 1, 2]);
        let scale = 1.0 / exact(channels / heads).sqrt();
        let mut products = (queries * scale).matmul(keys.swap_dims(2, 3)) + bias;
        let (down, across) = (height.div_ceil(side), width.div_ceil(side));
        if shift > 0 {
            let mask = Squares::mask([down, across], side, shift);
            let count = down * across;
            let mask = Tensor::<4>::from_data(TensorData::new(mask, [count, 1, pixels, pixels]), &device);
            let batch = products.dims()[0] / count;
            products = products + mask.repeat_dim(0, batch);
        }
        let seen = softmax(products, 3).matmul(values);
        let whole = out_of_squares(seen, [down, across], side);
        let whole = whole.narrow(2, 0, height).narrow(3, 0, width);
        rolled_back(whole, shift)
    }

    /// All operations without weights, before the activation.
    fn combine(step: &Step, mut from: Vec<Tensor<4>>, x: &Tensor<4>) -> Tensor<4> {
        if let Op::Input { start, count } = step.op {
            let whole = start == 0 && count == x.dims()[1];
            return if whole { x.clone() } else { x.clone().narrow(1, start, count) };
        }
        if step.op == Op::Concat {
            return Tensor::cat(from, 1);
        }
        if let Op::Attention { heads } = step.op {
            let mut from = from.into_iter();
            return match (from.next(), from.next(), from.next()) {
                (Some(queries), Some(keys), Some(values)) => attention(queries, keys, values, heads),
                // A step of attention reads three.
                _ => x.clone(),
            };
        }
        let second = if from.len() > 1 { from.pop() } else { None };
        // Every step but an input has at least one input.
        let first = from.pop().unwrap_or_else(|| x.clone());
        match (step.op, second) {
            (Op::MaxPool { kernel }, _) => {
                let border = usize::from(kernel == 3);
                let options = MaxPoolOptions::new([kernel, kernel]);
                max_pool2d(first, options.with_stride([2, 2]).with_padding([border, border]))
            }
            (Op::MeanPool { levels }, _) => {
                let side = [1 << levels; 2];
                avg_pool2d(first, AvgPoolOptions::new(side).with_stride(side))
            }
            (Op::Upsample { levels }, _) => upsample(first, 1 << levels),
            (Op::Pick { row, column }, _) => {
                let [batch, channels, height, width] = first.dims();
                let rows = first.reshape([batch * channels * height / 2, 2, width / 2, 2]);
                let picked = rows.narrow(1, row, 1).narrow(3, column, 1);
                picked.reshape([batch, channels, height / 2, width / 2])
            }
            (Op::AdaptiveMean { side }, _) => adaptive_avg_pool2d(first, [side, side]),
            (Op::Add, Some(second)) => first + second,
            // Both have the same channels; the second's one pixel is repeated.
            (Op::Scale, Some(second)) => first * second,
            (Op::Difference, Some(second)) => (first - second).abs(),
            _ => first,
        }
    }

    /// The weights including normalizations, as [`Network::for_training`] reads them.
    pub fn state(&self) -> Weights {
        let mut weights = Weights::default();
        for (layer, block) in self.graph.layers.iter().zip(&self.blocks) {
            block.read(layer, &mut weights);
        }
        for (squares, table) in self.graph.squares.iter().zip(&self.tables) {
            weights.insert(&squares.table, &squares.shape(), values(table.val()));
        }
        for (norm, affine) in self.graph.norms.iter().zip(&self.norms) {
            for (part, tensor) in [("weight", affine.weight.val()), ("bias", affine.bias.val())] {
                weights.insert(format!("{}.{part}", norm.name), &[norm.channels], values(tensor));
            }
        }
        weights
    }
}

impl Affine {
    fn new(norm: &graph::Affine, weights: &Weights, device: &Device) -> Result<Self, ModelError> {
        let part = |part: &str| {
            let tensor = weights.get(&format!("{}.{part}", norm.name))?;
            let data = TensorData::new(tensor.data.clone(), [norm.channels]);
            Ok::<_, ModelError>(Param::from_data(data, device))
        };
        Ok(Self { weight: part("weight")?, bias: part("bias")? })
    }

    /// Each pixel's channels minus their mean, divided by their standard deviation.
    fn layer(&self, x: Tensor<4>, epsilon: f64) -> Tensor<4> {
        let centered = x.clone() - x.mean_dim(1);
        let variance = (centered.clone() * centered.clone()).mean_dim(1);
        centered / (variance + epsilon).sqrt() * plane(&self.weight) + plane(&self.bias)
    }

    /// Groups of channels minus the mean of all their pixels, divided by their standard deviation.
    fn group(&self, x: Tensor<4>, groups: usize, epsilon: f64) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let x = x.reshape([batch, groups, channels / groups * height * width]);
        let centered = x.clone() - x.mean_dim(2);
        let variance = (centered.clone() * centered.clone()).mean_dim(2);
        let x = (centered / (variance + epsilon).sqrt()).reshape([batch, channels, height, width]);
        x * plane(&self.weight) + plane(&self.bias)
    }

    /// Global response normalization: each channel's norm, divided by the mean of all norms.
    fn response(&self, x: Tensor<4>, epsilon: f64) -> Tensor<4> {
        let norms = (x.clone() * x.clone()).sum_dim(2).sum_dim(3).sqrt();
        let response = norms.clone() / (norms.mean_dim(1) + epsilon);
        x.clone() * response * plane(&self.weight) + plane(&self.bias) + x
    }
}

/// One value for each channel, as a picture of one pixel.
fn plane(of: &Param<Tensor<1>>) -> Tensor<4> {
    of.val().reshape([1, -1, 1, 1])
}

impl Block {
    fn new(layer: &Layer, weights: &Weights, training: bool, device: &Device) -> Result<Self, ModelError> {
        let norm = layer.norm.as_ref().filter(|_| training);
        let shape = layer.shape();
        let (kernel, (before, after)) = (layer.kernel, layer.pads());
        let mut conv = Conv2dConfig::new([layer.inputs, layer.outputs], [kernel, kernel])
            .with_stride([layer.stride, layer.stride])
            .with_dilation([layer.dilation, layer.dilation])
            .with_groups(if layer.depthwise { layer.inputs } else { 1 })
            .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
            .with_bias(norm.is_none())
            .init(device);
        let values = |name: String| weights.get(&name).map(|t| t.data.clone());
        conv.weight =
            Param::from_data(TensorData::new(values(format!("{}.weight", layer.name))?, shape), device);
        let vector = |name: String| Ok::<_, ModelError>(TensorData::new(values(name)?, [layer.outputs]));
        let Some(norm) = norm else {
            conv.bias = if layer.biased || !training {
                Some(Param::from_data(vector(format!("{}.bias", layer.name))?, device))
            } else {
                None
            };
            return Ok(Self { conv, norm: None });
        };
        let mut block = BatchNormConfig::new(layer.outputs).with_epsilon(norm.epsilon).init(device);
        let part = |part: &str| vector(format!("{}.{part}", norm.name));
        block.gamma = Param::from_data(part("weight")?, device);
        block.beta = Param::from_data(part("bias")?, device);
        let running = |name| Ok::<_, ModelError>(RunningState::new(Tensor::from_data(part(name)?, device)));
        block.running_mean = running("running_mean")?;
        block.running_var = running("running_var")?;
        Ok(Self { conv, norm: Some(block) })
    }

    fn forward(&self, x: Tensor<4>, precision: Precision, activation: Activation) -> Tensor<4> {
        let x = match precision {
            Precision::F32 => self.convolve(x),
            Precision::Bf16 => self.convolve_in(x, precision.dtype()),
        };
        match &self.norm {
            Some(norm) => normalize(norm, x, activation),
            None => activate(x, activation),
        }
    }

    /// The transposed convolution by the layer ([`Op::Transposed`]), in single precision.
    fn transposed(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvTransposeOptions::new([2, 2], [1, 1], [0, 0], [1, 1], 1);
        let weight = self.conv.weight.val().swap_dims(0, 1);
        conv_transpose2d(x, weight, self.conv.bias.as_ref().map(Param::val), options)
    }

    /// As [`Block::forward`] without normalization and activation, for `count` of the outputs.
    fn part(&self, x: Tensor<4>, start: usize, count: usize, precision: Precision) -> Tensor<4> {
        let conv = &self.conv;
        let options = ConvOptions::new_with_padding(conv.stride, self.pads(), conv.dilation, conv.groups);
        let weight = conv.weight.val().narrow(0, start, count);
        let bias = conv.bias.as_ref().map(|bias| bias.val().narrow(0, start, count));
        match precision {
            Precision::F32 => conv2d(x, weight, bias, options),
            Precision::Bf16 => {
                let dtype = precision.dtype();
                let bias = bias.map(|bias| bias.cast(dtype));
                conv2d(x.cast(dtype), weight.cast(dtype), bias, options).cast(FloatDType::F32)
            }
        }
    }

    fn convolve(&self, x: Tensor<4>) -> Tensor<4> {
        #[cfg(feature = "training")]
        {
            // The padding is equal on both sides and in both directions: `Block::new`.
            let ([(before, after), _], [stride, _]) = (self.pads(), self.conv.stride);
            let native = |x| native::convolve(x, &self.conv.weight.val(), (stride, (before, after)));
            if let Some(out) = (self.conv.dilation == [1, 1]).then(|| native(&x)).flatten() {
                let bias = self.conv.bias.as_ref().map(Param::val);
                return bias.map_or(out.clone(), |bias| out + bias.reshape([1, -1, 1, 1]));
            }
        }
        self.conv.forward(x)
    }

    /// As [`Conv2d::forward`], in another precision: Burn does not cast on its own.
    fn convolve_in(&self, x: Tensor<4>, dtype: FloatDType) -> Tensor<4> {
        let conv = &self.conv;
        let options = ConvOptions::new_with_padding(conv.stride, self.pads(), conv.dilation, conv.groups);
        let bias = conv.bias.as_ref().map(|bias| bias.val().cast(dtype));
        conv2d(x.cast(dtype), conv.weight.val().cast(dtype), bias, options).cast(FloatDType::F32)
    }

    /// North and south, west and east.
    fn pads(&self) -> [(usize, usize); 2] {
        match self.conv.padding {
            PaddingConfig2d::Explicit(top, left, bottom, right) => [(top, bottom), (left, right)],
            // `Block::new` sets explicit padding.
            PaddingConfig2d::Same | PaddingConfig2d::Valid => [(0, 0); 2],
        }
    }

    fn read(&self, layer: &Layer, weights: &mut Weights) {
        weights.insert(format!("{}.weight", layer.name), &layer.shape(), values(self.conv.weight.val()));
        if let Some(bias) = &self.conv.bias {
            weights.insert(format!("{}.bias", layer.name), &[layer.outputs], values(bias.val()));
        }
        if let (Some(norm), Some(names)) = (&self.norm, &layer.norm) {
            let parts = [
                ("weight", norm.gamma.val()),
                ("bias", norm.beta.val()),
                ("running_mean", norm.running_mean.value_sync()),
                ("running_var", norm.running_var.value_sync()),
            ];
            for (part, tensor) in parts {
                weights.insert(format!("{}.{part}", names.name), &[layer.outputs], values(tensor));
            }
        }
    }
}

fn normalize(norm: &BatchNorm, x: Tensor<4>, activation: Activation) -> Tensor<4> {
    // The engine's kernel for trainings has the activations that only limit values.
    #[cfg(feature = "training")]
    if let Activation::None | Activation::Relu | Activation::Relu6 = activation {
        if let Some(out) = native::normalize(norm, &x, lowered::activation(activation)) {
            return out;
        }
    } else if let Some(out) = native::normalize(norm, &x, arpent_engine::Activation::None) {
        return activate(out, activation);
    }
    activate(norm.forward(x), activation)
}

/// Rolls a picture by `shift` pixels to the north-west: what leaves it there enters in the south-east.
fn rolled(x: Tensor<4>, shift: usize) -> Tensor<4> {
    [2, 3].into_iter().fold(x, |x, axis| {
        let side = x.dims()[axis];
        let shift = shift % side;
        if shift == 0 {
            return x;
        }
        Tensor::cat(vec![x.clone().narrow(axis, shift, side - shift), x.narrow(axis, 0, shift)], axis)
    })
}

/// The inverse of [`rolled`].
fn rolled_back(x: Tensor<4>, shift: usize) -> Tensor<4> {
    [2, 3].into_iter().fold(x, |x, axis| {
        let side = x.dims()[axis];
        let shift = shift % side;
        if shift == 0 {
            return x;
        }
        Tensor::cat(vec![x.clone().narrow(axis, side - shift, shift), x.narrow(axis, 0, side - shift)], axis)
    })
}

/// Extends a picture in the south and the east to a multiple of `side`, by a value for each channel.
fn extended(x: Tensor<4>, beyond: Option<Tensor<1>>, side: usize) -> Tensor<4> {
    let [batch, channels, ..] = x.dims();
    let beyond = match beyond {
        Some(beyond) => beyond.reshape([1, channels, 1, 1]),
        None => Tensor::zeros([1, channels, 1, 1], &x.device()),
    };
    [2, 3].into_iter().fold(x, |x, axis| {
        let mut missing = x.dims();
        let more = missing[axis].next_multiple_of(side) - missing[axis];
        if more == 0 {
            return x;
        }
        missing[axis] = more;
        missing[0] = batch;
        Tensor::cat(vec![x, beyond.clone().expand(missing)], axis)
    })
}

/// `[batch, channels, rows, columns]` to `[squares of all pictures, heads, pixels of a square, channels of a head]`.
fn in_squares(x: Tensor<4>, heads: usize, side: usize) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let (down, across) = (height / side, width / side);
    let cut: Tensor<7> = x.reshape([batch, heads, channels / heads, down, side, across, side]);
    let cut = cut.permute([0, 3, 5, 1, 4, 6, 2]);
    cut.reshape([batch * down * across, heads, side * side, channels / heads])
}

/// The inverse of [`in_squares`].
fn out_of_squares(x: Tensor<4>, [down, across]: [usize; 2], side: usize) -> Tensor<4> {
    let [squares, heads, _, each] = x.dims();
    let batch = squares / (down * across);
    let cut: Tensor<7> = x.reshape([batch, down, across, heads, side, side, each]);
    let cut = cut.permute([0, 3, 6, 1, 4, 2, 5]);
    cut.reshape([batch, heads * each, down * side, across * side])
}

/// Attention of all pixels of the queries to all pixels of the keys: each head has an equal share of the channels.
fn attention(queries: Tensor<4>, keys: Tensor<4>, values: Tensor<4>, heads: usize) -> Tensor<4> {
    let [batch, channels, height, width] = queries.dims();
    let by_head = |x: Tensor<4>| {
        let [_, _, rows, columns] = x.dims();
        x.reshape([batch, heads, channels / heads, rows * columns])
    };
    let (queries, keys, values) = (by_head(queries), by_head(keys), by_head(values));
    let scale = 1.0 / exact(channels / heads).sqrt();
    let shares = softmax((queries * scale).swap_dims(2, 3).matmul(keys), 3);
    values.matmul(shares.swap_dims(2, 3)).reshape([batch, channels, height, width])
}

fn activate(x: Tensor<4>, activation: Activation) -> Tensor<4> {
    match activation {
        Activation::None => x,
        Activation::Relu => relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Silu => silu(x),
        Activation::Gelu => gelu(x),
        Activation::Sigmoid => sigmoid(x),
    }
}

/// `factor` times the size, nearest neighbor.
fn upsample(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let to =
        InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([factor * height, factor * width]);
    interpolate(x, to)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("parameters are single precision from the start")
}
