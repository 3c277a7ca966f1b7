//! A network with its whole training state. A thin layer over the U-Net of `arpent-model`, with the interface that its
//! general network is to have.

use arpent_model::{Architecture, ModelError, Unet, Weights};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use crate::data::{Purpose, Rng};

/// A network to train.
#[derive(Module, Debug)]
pub(crate) struct Network {
    body: Unet,
    /// Blocks on the way up.
    decoders: usize,
}

impl Network {
    /// The network with a state. Its parameters are numbered in the order of the layers, so that an optimizer's state
    /// finds them again in another process.
    pub(crate) fn for_training(
        architecture: &Architecture,
        state: &Weights,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let plain = convolutions(architecture, state)?;
        let body = Unet::new(architecture, &plain, true, device)?;
        let decoders = decoders(architecture);
        let mut fill = Fill { state, device, decoders, path: Vec::new(), next: 1, missing: None };
        let body = body.map(&mut fill);
        match fill.missing {
            None => Ok(Self { body, decoders }),
            Some(what) => Err(ModelError::WeightsMismatch { what }),
        }
    }

    /// Scores before softmax: `[batch, bands, height, width]` to `[batch, outputs, height, width]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.body.forward(x)
    }

    /// Everything that training goes on from.
    pub(crate) fn state(&self) -> Weights {
        let mut gather = Gather { decoders: self.decoders, ..Gather::default() };
        // Running statistics lag one update behind until they are synchronized, as `valid` does.
        self.body.valid().visit(&mut gather);
        gather.state
    }
}

/// The weights for prediction, normalization folded into the convolutions.
pub(crate) fn fold(architecture: &Architecture, state: &Weights) -> Result<Weights, ModelError> {
    Ok(Network::for_training(architecture, state, &Device::flex())?.body.fold())
}

/// First state: weights after He et al. (*Delving deep into rectifiers*, 2015), biases 0, normalization neutral.
pub(crate) fn initial(architecture: &Architecture, seed: u64) -> Weights {
    let mut state = Weights::default();
    for (key, (name, shape)) in (0u64..).zip(architecture.convolutions()) {
        let mut rng = Rng::new(&[seed, Purpose::Weights as u64, key]);
        let inputs: usize = shape[1..].iter().product();
        #[allow(clippy::cast_precision_loss, reason = "layer sizes are small")]
        let scale = (2.0 / inputs as f64).sqrt();
        #[allow(clippy::cast_possible_truncation, reason = "weights are f32")]
        let kernel = (0..shape[0] * inputs).map(|_| (scale * rng.normal()) as f32).collect();
        state.insert(format!("{name}.weight"), &shape, kernel);
        state.insert(format!("{name}.bias"), &shape[..1], vec![0.0; shape[0]]);
        if name != "head" {
            for (part, value) in [("gamma", 1.0), ("beta", 0.0), ("running_mean", 0.0), ("running_var", 1.0)]
            {
                state.insert(format!("{name}.norm.{part}"), &shape[..1], vec![value; shape[0]]);
            }
        }
    }
    state
}

fn convolutions(architecture: &Architecture, state: &Weights) -> Result<Weights, ModelError> {
    let mut plain = Weights::default();
    for (name, _) in architecture.convolutions() {
        for part in ["weight", "bias"] {
            let tensor = state.get(&format!("{name}.{part}"))?;
            plain.insert(format!("{name}.{part}"), &tensor.shape, tensor.data.clone());
        }
    }
    Ok(plain)
}

fn decoders(architecture: &Architecture) -> usize {
    architecture.convolutions().iter().filter(|(name, _)| name.starts_with("decoder.")).count()
}

/// Name of a parameter: its path without the wrapper of the convolution. The decoder is counted from the coarsest
/// level in the network, and from the finest in the names of weights.
fn name(path: &[String], decoders: usize) -> String {
    let mut parts: Vec<String> = path.iter().filter(|p| *p != "conv").cloned().collect();
    if parts.first().is_some_and(|p| p == "decoder")
        && let Some(level) = parts.get(1).and_then(|p| p.parse::<usize>().ok())
    {
        parts[1] = (decoders - 1 - level).to_string();
    }
    parts.join(".")
}

/// Fills parameters and running statistics from a state, and numbers them.
struct Fill<'a> {
    state: &'a Weights,
    device: &'a Device,
    decoders: usize,
    path: Vec<String>,
    next: u64,
    missing: Option<String>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = name(&self.path, self.decoders);
        let learns = self.device.is_autodiff() && param.is_require_grad();
        let (_, old, mapper) = param.consume();
        let id = ParamId::from(self.next);
        self.next += 1;
        let tensor = match self.state.get(&name) {
            Ok(tensor) if tensor.shape == old.dims() => {
                let data = TensorData::new(tensor.data.clone(), tensor.shape.clone());
                Tensor::from_data(data, self.device).set_require_grad(learns)
            }
            _ => {
                self.missing.get_or_insert(format!("no tensor `{name}` of shape {:?}", old.dims()));
                old
            }
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// Collects parameters and running statistics.
#[derive(Default)]
struct Gather {
    state: Weights,
    decoders: usize,
    path: Vec<String>,
}

impl ModuleVisitor for Gather {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims();
        // Parameters are f32 from the start; another type would show as a missing tensor.
        let data = tensor.into_data().try_into_vec().unwrap_or_default();
        self.state.insert(name(&self.path, self.decoders), &shape, data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        let architecture = Architecture::Unet {
            in_channels: 2,
            out_channels: 2,
            widths: vec![4, 5, 6],
            encoder_convs: vec![1, 2, 1],
        };
        let mut state = Weights::default();
        for (i, (name, tensor)) in initial(&architecture, 3).iter().enumerate() {
            let shift = f32::from(u8::try_from(i).unwrap()) / 64.0;
            state.insert(name, &tensor.shape, tensor.data.iter().map(|v| v + shift).collect());
        }
        let device = Device::flex().autodiff();
        let network = Network::for_training(&architecture, &state, &device).unwrap();
        assert_eq!(network.state(), state);
        fold(&architecture, &state).unwrap().check(&architecture).unwrap();
    }
}
