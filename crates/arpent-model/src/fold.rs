//! Folds batch normalization into the convolutions: training needs it, prediction does not.

use arpent_base::number::{exact, narrow};

use crate::graph::{Graph, Layer, Norm};
use crate::{Architecture, ModelError, Weights};

/// Converts the weights of training to those of prediction: `w * g / sqrt(v + e)` and `b - m * g / sqrt(v + e)`, in
/// double precision, where g and b are the normalization's weight and bias, m and v its running statistics.
///
/// # Errors
/// [`ModelError::WeightsMismatch`] and [`ModelError::NotFinite`] if the weights do not match the architecture or are
/// not finite.
pub fn fold(architecture: &Architecture, state: &Weights) -> Result<Weights, ModelError> {
    state.check(&architecture.training_tensors())?;
    let graph = architecture.graph();
    let mut folded = kept(&graph, state)?;
    for layer in &graph.layers {
        let kernel = state.get(&format!("{}.weight", layer.name))?.data.clone();
        let (kernel, bias) = match &layer.norm {
            None if layer.biased => (kernel, state.get(&format!("{}.bias", layer.name))?.data.clone()),
            None => (kernel, vec![0.0; layer.outputs]),
            Some(norm) => multiplied(kernel, norm, state, layer)?,
        };
        folded.insert(format!("{}.weight", layer.name), &layer.shape(), kernel);
        folded.insert(format!("{}.bias", layer.name), &[layer.outputs], bias);
    }
    folded.check(&architecture.tensors())?;
    Ok(folded)
}

/// The weights of the normalizations that are not folded, and of attention.
fn kept(graph: &Graph, from: &Weights) -> Result<Weights, ModelError> {
    let mut weights = Weights::default();
    for squares in &graph.squares {
        weights.insert(&squares.table, &squares.shape(), from.get(&squares.table)?.data.clone());
    }
    for name in
        graph.norms.iter().flat_map(|norm| ["weight", "bias"].map(|part| format!("{}.{part}", norm.name)))
    {
        let tensor = from.get(&name)?;
        weights.insert(&name, &tensor.shape, tensor.data.clone());
    }
    Ok(weights)
}

fn multiplied(
    mut kernel: Vec<f32>,
    norm: &Norm,
    state: &Weights,
    layer: &Layer,
) -> Result<(Vec<f32>, Vec<f32>), ModelError> {
    let part = |part: &str| state.get(&format!("{}.{part}", norm.name)).map(|t| &t.data);
    let (gamma, beta) = (part("weight")?, part("bias")?);
    let (mean, var) = (part("running_mean")?, part("running_var")?);
    let each = kernel.len() / layer.outputs;
    let mut bias = Vec::with_capacity(layer.outputs);
    for (out, values) in kernel.chunks_exact_mut(each).enumerate() {
        let scale = f64::from(gamma[out]) / (f64::from(var[out]) + norm.epsilon).sqrt();
        for value in values {
            *value = narrow(f64::from(*value) * scale);
        }
        bias.push(narrow(f64::from(beta[out]) - f64::from(mean[out]) * scale));
    }
    Ok((kernel, bias))
}

/// Random initial weights for training: kernels after He et al. (*Delving deep into rectifiers*, 2015), biases 0,
/// identity normalizations. `stream(layer)` returns the normally distributed numbers of a layer, one after the other.
pub fn initial<N: FnMut() -> f64>(architecture: &Architecture, stream: impl Fn(u64) -> N) -> Weights {
    let (graph, mut weights) = (architecture.graph(), Weights::default());
    for norm in &graph.norms {
        for (part, value) in [("weight", 1.0), ("bias", 0.0)] {
            weights.insert(format!("{}.{part}", norm.name), &[norm.channels], vec![value; norm.channels]);
        }
    }
    for squares in &graph.squares {
        let shape = squares.shape();
        weights.insert(&squares.table, &shape, vec![0.0; shape[0] * shape[1]]);
    }
    for (key, layer) in (0u64..).zip(&graph.layers) {
        let shape = layer.shape();
        let inputs: usize = shape[1..].iter().product();
        let scale = (2.0 / exact(inputs)).sqrt();
        let mut normal = stream(key);
        let kernel = (0..shape[0] * inputs).map(|_| narrow(scale * normal())).collect();
        weights.insert(format!("{}.weight", layer.name), &shape, kernel);
        let mut vector =
            |name: String, value: f32| weights.insert(name, &[layer.outputs], vec![value; layer.outputs]);
        match &layer.norm {
            None if layer.biased => vector(format!("{}.bias", layer.name), 0.0),
            None => {}
            Some(norm) => {
                for (part, value) in
                    [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)]
                {
                    vector(format!("{}.{part}", norm.name), value);
                }
            }
        }
    }
    weights
}

/// Converts the weights of prediction to weights to resume training with: the convolutions' biases become those of
/// normalizations that change nothing else.
///
/// # Errors
/// As [`fold`], whose inverse this is up to rounding.
pub fn unfold(architecture: &Architecture, folded: &Weights) -> Result<Weights, ModelError> {
    folded.check(&architecture.tensors())?;
    let graph = architecture.graph();
    let mut state = kept(&graph, folded)?;
    for layer in &graph.layers {
        let kernel = folded.get(&format!("{}.weight", layer.name))?;
        state.insert(format!("{}.weight", layer.name), &kernel.shape, kernel.data.clone());
        let bias = folded.get(&format!("{}.bias", layer.name))?.data.clone();
        let Some(norm) = &layer.norm else {
            // A layer without a bias has zeros in a prediction network.
            if layer.biased {
                state.insert(format!("{}.bias", layer.name), &[layer.outputs], bias);
            }
            continue;
        };
        // sqrt(1 - e + e) = 1: the scale is exactly 1.
        let variance = narrow(1.0 - norm.epsilon);
        let parts = [
            ("weight", vec![1.0; layer.outputs]),
            ("bias", bias),
            ("running_mean", vec![0.0; layer.outputs]),
            ("running_var", vec![variance; layer.outputs]),
        ];
        for (part, values) in parts {
            state.insert(format!("{}.{part}", norm.name), &[layer.outputs], values);
        }
    }
    Ok(state)
}
