//! The U-Net, as a Burn module: the same code trains (with batch normalization) and predicts (folded).

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::module::{interpolate, max_pool2d};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use crate::{Architecture, ModelError, Weights};

/// A 3 x 3 convolution, batch normalization while training, and a ReLU.
#[derive(Module, Debug)]
pub struct ConvBlock {
    conv: Conv2d,
    norm: Option<BatchNorm>,
}

impl ConvBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.conv.forward(x);
        relu(match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        })
    }

    /// The convolution with the normalization's running statistics multiplied into it.
    fn fold_into(&self, name: &str, weights: &mut Weights) {
        let (shape, mut kernel, mut bias) = read_conv(&self.conv);
        if let Some(norm) = &self.norm {
            let [gamma, beta] = [&norm.gamma, &norm.beta].map(|p| values(p.val()));
            let [mean, var] = [&norm.running_mean, &norm.running_var].map(|s| values(s.value_sync()));
            let per_output = kernel.len() / shape[0];
            for (out, values) in kernel.chunks_exact_mut(per_output).enumerate() {
                let epsilon = norm.epsilon;
                let scale = f64::from(gamma[out]) / (f64::from(var[out]) + epsilon).sqrt();
                for value in values {
                    *value = narrow(f64::from(*value) * scale);
                }
                let shift = (f64::from(bias[out]) - f64::from(mean[out])) * scale;
                bias[out] = narrow(f64::from(beta[out]) + shift);
            }
        }
        weights.insert(format!("{name}.weight"), &shape, kernel);
        weights.insert(format!("{name}.bias"), &shape[..1], bias);
    }
}

/// An encoder-decoder network of 3 x 3 convolutions ([`Architecture::Unet`]).
#[derive(Module, Debug)]
pub struct Unet {
    /// Blocks of each level, finest first.
    encoder: Vec<Vec<ConvBlock>>,
    /// One block per level, coarsest first.
    decoder: Vec<ConvBlock>,
    head: Conv2d,
}

impl Unet {
    /// Builds the network from weights, with fresh batch normalization in every block if `norm`.
    ///
    /// # Errors
    /// [`ModelError`] when the weights are not those of a U-Net of this architecture.
    pub fn new(
        architecture: &Architecture,
        weights: &Weights,
        norm: bool,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let Architecture::Unet { widths, encoder_convs, .. } = architecture else {
            return Err(ModelError::WeightsMismatch { what: "the architecture is not a unet".into() });
        };
        weights.check(architecture)?;
        let block = |name: String| -> Result<ConvBlock, ModelError> {
            let conv = conv(weights, &name, device)?;
            let outputs = conv.weight.dims()[0];
            let norm = norm.then(|| BatchNormConfig::new(outputs).init(device));
            Ok(ConvBlock { conv, norm })
        };
        let level = |(level, count): (usize, &usize)| {
            (0..*count).map(|i| block(format!("encoder.{level}.{i}"))).collect::<Result<Vec<_>, _>>()
        };
        let encoder = encoder_convs.iter().enumerate().map(level).collect::<Result<_, _>>()?;
        let decoder =
            (0..widths.len() - 1).rev().map(|l| block(format!("decoder.{l}"))).collect::<Result<_, _>>()?;
        Ok(Self { encoder, decoder, head: conv(weights, "head", device)? })
    }

    /// Scores before softmax: `[batch, bands, height, width]` to `[batch, outputs, height, width]`; height and
    /// width are multiples of the stride.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.head.forward(self.features(x))
    }

    /// What the head sees: `[batch, channels, height, width]`.
    pub(crate) fn features(&self, mut x: Tensor<4>) -> Tensor<4> {
        let mut skips = Vec::with_capacity(self.decoder.len());
        for (level, blocks) in self.encoder.iter().enumerate() {
            if level > 0 {
                skips.push(x.clone());
                x = max_pool2d(x, MaxPoolOptions::new([2, 2]));
            }
            x = blocks.iter().fold(x, |x, block| block.forward(x));
        }
        for block in &self.decoder {
            let Some(skip) = skips.pop() else { break };
            x = block.forward(Tensor::cat(vec![upsample(x), skip], 1));
        }
        x
    }

    /// The weights for prediction, batch normalization folded into the convolutions.
    pub fn fold(&self) -> Weights {
        let mut weights = Weights::default();
        for (level, blocks) in self.encoder.iter().enumerate() {
            for (i, block) in blocks.iter().enumerate() {
                block.fold_into(&format!("encoder.{level}.{i}"), &mut weights);
            }
        }
        for (block, level) in self.decoder.iter().zip((0..self.decoder.len()).rev()) {
            block.fold_into(&format!("decoder.{level}"), &mut weights);
        }
        let (shape, kernel, bias) = read_conv(&self.head);
        weights.insert("head.weight", &shape, kernel);
        weights.insert("head.bias", &shape[..1], bias);
        weights
    }
}

/// Twice the size, nearest neighbour.
fn upsample(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let to = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * height, 2 * width]);
    interpolate(x, to)
}

fn conv(weights: &Weights, name: &str, device: &Device) -> Result<Conv2d, ModelError> {
    let kernel = weights.get(&format!("{name}.weight"))?;
    let bias = weights.get(&format!("{name}.bias"))?;
    let &[outputs, inputs, side, _] = kernel.shape.as_slice() else {
        return Err(ModelError::WeightsMismatch { what: format!("`{name}.weight` has {:?}", kernel.shape) });
    };
    let pad = side / 2;
    let mut conv = Conv2dConfig::new([inputs, outputs], [side, side])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .init(device);
    let data = TensorData::new(kernel.data.clone(), [outputs, inputs, side, side]);
    conv.weight = Param::from_data(data, device);
    conv.bias = Some(Param::from_data(TensorData::new(bias.data.clone(), [outputs]), device));
    Ok(conv)
}

fn read_conv(conv: &Conv2d) -> ([usize; 4], Vec<f32>, Vec<f32>) {
    let shape = conv.weight.dims();
    let bias = conv.bias.as_ref().map_or_else(|| vec![0.0; shape[0]], |b| values(b.val()));
    (shape, values(conv.weight.val()), bias)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    // Parameters are f32 from the start ([`conv`]); another type would show as missing weights in the check.
    tensor.into_data().try_into_vec().unwrap_or_default()
}

#[allow(clippy::cast_possible_truncation, reason = "weights are f32; the product is taken in f64")]
fn narrow(value: f64) -> f32 {
    value as f32
}
