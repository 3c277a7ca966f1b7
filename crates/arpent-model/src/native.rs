//! Convolutions and normalizations for training on the CPU, with the kernels of arpent-engine: separate nodes in
//! Burn's autodiff graph (ADR 0012).

use arpent_engine::Activation;
use arpent_engine::training::{ConvShape, Normalization, Statistics};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::module::RunningState;
use burn::nn::BatchNorm;
use burn::tensor::{Tensor, TensorData};

type OnCpu = Autodiff<Flex>;

/// The convolution of `x` (`[batch, inputs, height, width]`) with kernels (`[outputs, inputs or 1, rows, columns]`).
/// `None` if Burn has to compute it: on another device, without gradients, or for a shape without a kernel.
pub(crate) fn convolve(
    x: &Tensor<4>,
    kernels: &Tensor<4>,
    (stride, pads): (usize, (usize, usize)),
) -> Option<Tensor<4>> {
    let [batch, inputs, height, width] = x.dims();
    let [outputs, each, kernel, _] = kernels.dims();
    let depthwise = each == 1 && inputs > 1;
    let shape = ConvShape { batch, inputs, outputs, height, width, kernel, stride, pads, depthwise };
    if !shape.is_known() {
        return None;
    }
    let (x, x_node) = x.clone().try_into_primitive::<OnCpu>().ok()?.into_parts();
    let (kernels, kernels_node) = kernels.clone().try_into_primitive::<OnCpu>().ok()?.into_parts();
    let (x, kernels) = (x.to_contiguous(), kernels.to_contiguous());
    let (rows, columns) = shape.output();
    let out = shape.convolve(values(&x)?, values(&kernels)?, None);
    let out = tensor(out, [batch, outputs, rows, columns]);
    let node = Convolution.prepare::<NoCheckpointing>([x_node, kernels_node]).compute_bound().stateful();
    let out = match node {
        OpsKind::Tracked(node) => node.finish((x, kernels, shape), out),
        OpsKind::UnTracked(node) => node.finish(out),
    };
    Some(Tensor::from_primitive::<OnCpu>(out))
}

#[derive(Debug)]
struct Convolution;

impl Backward<Flex, 2> for Convolution {
    type State = (FlexTensor, FlexTensor, ConvShape);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (x, kernels, shape) = ops.state;
        let [x_node, kernels_node] = ops.parents;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (Some(g), Some(x), Some(k)) = (values(&gradient), values(&x), values(&kernels)) else {
            return;
        };
        if let Some(node) = kernels_node {
            let each = if shape.depthwise { 1 } else { shape.inputs };
            let dims = [shape.outputs, each, shape.kernel, shape.kernel];
            gradients.register::<Flex>(node.id, tensor(shape.kernel_gradient(x, g), dims));
        }
        if let Some(node) = x_node {
            let dims = [shape.batch, shape.inputs, shape.height, shape.width];
            gradients.register::<Flex>(node.id, tensor(shape.input_gradient(g, k), dims));
        }
    }
}

/// Normalizes `x` (`[batch, channels, height, width]`) by the statistics of the batch, updates the running
/// statistics, and applies the activation. `None` if Burn has to compute it, as for [`convolve`].
pub(crate) fn normalize(norm: &BatchNorm, x: &Tensor<4>, activation: Activation) -> Option<Tensor<4>> {
    let (dims, epsilon) = (x.dims(), norm.epsilon);
    let (x, x_node) = x.clone().try_into_primitive::<OnCpu>().ok()?.into_parts();
    let (gamma, gamma_node) = norm.gamma.val().try_into_primitive::<OnCpu>().ok()?.into_parts();
    let (beta, beta_node) = norm.beta.val().try_into_primitive::<OnCpu>().ok()?.into_parts();
    let scale = [gamma, beta].map(|t| t.to_contiguous());
    let told = Statistics::default();
    let state = Normalizing { x: x.to_contiguous(), scale, dims, epsilon, activation, told };
    let (out, told) = state.of()?.forward(values(&state.x)?);
    learn(&norm.running_mean, &told.mean, norm.momentum);
    learn(&norm.running_var, &told.variance, norm.momentum);
    let out = tensor(out, dims);
    let node = BatchNormalization.prepare::<NoCheckpointing>([x_node, gamma_node, beta_node]);
    let out = match node.compute_bound().stateful() {
        OpsKind::Tracked(node) => node.finish(Normalizing { told, ..state }, out),
        OpsKind::UnTracked(node) => node.finish(out),
    };
    Some(Tensor::from_primitive::<OnCpu>(out))
}

/// Updates the running statistics as [`BatchNorm::forward`] does.
fn learn(running: &RunningState<Tensor<1>>, of_batch: &[f32], momentum: f64) {
    let before = running.value_sync();
    let of_batch = Tensor::from_data(of_batch, &before.device());
    running.update((before * (1.0 - momentum) + of_batch * momentum).detach());
}

#[derive(Debug)]
struct BatchNormalization;

#[derive(Debug, Clone)]
struct Normalizing {
    x: FlexTensor,
    /// Gamma, beta.
    scale: [FlexTensor; 2],
    dims: [usize; 4],
    epsilon: f64,
    activation: Activation,
    told: Statistics,
}

impl Normalizing {
    fn of(&self) -> Option<Normalization<'_>> {
        let [_, channels, height, width] = self.dims;
        let (gamma, beta) = (values(&self.scale[0])?, values(&self.scale[1])?);
        let Self { epsilon, activation, .. } = *self;
        Some(Normalization { channels, pixels: height * width, gamma, beta, epsilon, activation })
    }
}

impl Backward<Flex, 3> for BatchNormalization {
    type State = Normalizing;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (state, gradient) = (ops.state, gradients.consume::<Flex>(&ops.node));
        let (Some(of), Some(x)) = (state.of(), values(&state.x)) else {
            return;
        };
        let gradient = gradient.into_data().try_into_vec().expect("gradients are single precision");
        let [to_x, to_gamma, to_beta] = of.backward(x, &state.told, gradient);
        let [x_node, gamma_node, beta_node] = ops.parents;
        let channels = [state.dims[1]];
        if let Some(node) = gamma_node {
            gradients.register::<Flex>(node.id, tensor(to_gamma, channels));
        }
        if let Some(node) = beta_node {
            gradients.register::<Flex>(node.id, tensor(to_beta, channels));
        }
        if let Some(node) = x_node {
            gradients.register::<Flex>(node.id, tensor(to_x, state.dims));
        }
    }
}

/// The values of a contiguous tensor; `None` if they are not of single precision.
fn values(of: &FlexTensor) -> Option<&[f32]> {
    of.as_slice()
}

fn tensor<const D: usize>(values: Vec<f32>, dims: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, dims))
}
