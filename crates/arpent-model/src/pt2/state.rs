//! What is known while a graph is lowered, and what every operator reads and adds.

use std::collections::BTreeMap;

use super::kernel::Kernel;
use super::program::{Node, Program};
use crate::Weights;
use crate::stored::{GraphStep, StepActivation};

/// Most weights of a network, and outputs of a convolution.
const MOST_VALUES: usize = 1 << 30;
const MOST_CHANNELS: usize = 1 << 14;

/// A tensor of the state dict: its name, shape and values.
type Stored = (String, Vec<usize>, Vec<f32>);

/// A tensor of the graph that a step computes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feature {
    pub(super) step: usize,
    /// Zeros that were added before the first and after the last pixel; no step has them.
    pub(super) pads: [usize; 2],
    /// Whether something else may read the step.
    pub(super) shared: bool,
    /// Whether the channels are the last axis of the tensor, as of vectors of pixels, not the second.
    pub(super) channels_last: bool,
    /// Tensors with the same number may share their memory in PyTorch: what is written into one, the others have, too. Steps have no
    /// memory: [`Lowering`] gives each node its number.
    pub(super) memory: usize,
}

/// A graph that is being lowered.
pub(super) struct Lowering<'a> {
    pub(super) program: &'a Program,
    pub(super) stored: &'a Weights,
    pub(super) features: BTreeMap<String, Feature>,
    pub(super) steps: Vec<GraphStep>,
    pub(super) weights: Weights,
    /// Parameters whose axes were changed, by their names in the graph: the parameters.
    pub(super) reshaped: BTreeMap<String, String>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) notes: Vec<String>,
    /// Whether the outputs are measured values.
    pub(super) is_measured: bool,
    /// Values of all weights so far.
    pub(super) values: usize,
}

impl Lowering<'_> {
    pub(super) fn feature(&self, name: &str) -> Result<Feature, String> {
        self.features.get(name).copied().ok_or_else(|| format!("reads `{name}`, which is no map of features"))
    }

    /// The first input.
    pub(super) fn read(&self, node: &Node) -> Result<Feature, String> {
        self.feature(&node.first().unwrap_or_default())
    }

    /// The first input, without zeros around it.
    pub(super) fn unpadded(&self, node: &Node) -> Result<usize, String> {
        let Feature { step, pads, .. } = self.read(node)?;
        if pads == [0; 2] { Ok(step) } else { Err("reads a padded map, which only convolutions do".into()) }
    }

    /// Channels, rows and columns of a tensor; of a vector, what it lacks is 1.
    pub(super) fn shape(&self, name: &str) -> Result<[usize; 3], String> {
        let is_last = self.features.get(name).is_some_and(|feature| feature.channels_last);
        match self.program.shapes.get(name).map(Vec::as_slice) {
            Some([_, rows, columns, channels]) if is_last && (1..=MOST_CHANNELS).contains(channels) => {
                Ok([*channels, *rows, *columns])
            }
            Some([_, channels, rest @ ..]) if (1..=MOST_CHANNELS).contains(channels) && rest.len() <= 2 => {
                Ok([*channels, rest.first().copied().unwrap_or(1), rest.get(1).copied().unwrap_or(1)])
            }
            other => Err(format!("has the axes {other:?}, expected numbers of batch, channel, row, column")),
        }
    }

    pub(super) fn shape_of_first(&self, node: &Node) -> Result<[usize; 3], String> {
        self.shape(&node.first().unwrap_or_default())
    }

    /// Times that the picture is halved in a tensor.
    pub(super) fn level(&self, name: &str) -> Result<u32, String> {
        let [_, height, width] = self.shape(&self.program.input)?;
        let [_, rows, columns] = self.shape(name)?;
        let ratio = height / rows.max(1);
        let fits = rows * ratio == height && columns * ratio == width && ratio.is_power_of_two();
        if fits {
            return Ok(ratio.ilog2());
        }
        Err(format!(
            "has {rows} x {columns} px, expected the picture of {height} x {width} px halved a number of times"
        ))
    }

    /// The tensor of the state dict that an argument names.
    pub(super) fn weight(&self, node: &Node, argument: &str) -> Result<Option<Stored>, String> {
        let Some(name) = node.tensor(argument) else { return Ok(None) };
        let missing = || format!("reads `{name}` as {argument}, which is no parameter of the network");
        let parameter = self.reshaped.get(&name);
        let stored = self.program.weights.get(parameter.unwrap_or(&name)).ok_or_else(missing)?;
        let tensor = self.stored.get(stored).map_err(|error| error.to_string())?;
        let axes = parameter.and_then(|_| self.program.shapes.get(&name)).unwrap_or(&tensor.shape);
        if axes.iter().try_fold(1usize, |all, axis| all.checked_mul(*axis)) != Some(tensor.data.len()) {
            return Err(format!(
                "reads `{name}` of the axes {axes:?}, which are not those of its {} values",
                tensor.data.len()
            ));
        }
        Ok(Some((stored.clone(), axes.clone(), tensor.data.clone())))
    }

    pub(super) fn push(&mut self, step: GraphStep) -> Feature {
        self.steps.push(step);
        Feature { step: self.steps.len(), pads: [0; 2], shared: false, channels_last: false, memory: 0 }
    }

    /// Keeps the weights of a step, under a name of its own, which is returned.
    pub(super) fn store(
        &mut self,
        name: String,
        (shape, weight): (&[usize], Vec<f32>),
        bias: Vec<f32>,
    ) -> Result<String, String> {
        let outputs = shape[0];
        // Of one stored tensor, nodes may make many.
        self.values += weight.len() + bias.len();
        if self.values > MOST_VALUES || outputs > MOST_CHANNELS {
            return Err(format!("has {outputs} outputs, or is beyond {MOST_VALUES} weights"));
        }
        let times = self.names.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
        // Two steps may share their weights.
        let name = if *times == 1 { name } else { format!("{name}#{times}") };
        self.weights.insert(format!("{name}.weight"), shape, weight);
        self.weights.insert(format!("{name}.bias"), &[outputs], bias);
        Ok(name)
    }

    /// Adds a convolution with its weights.
    pub(super) fn add_conv(&mut self, from: usize, conv: Kernel) -> Result<Feature, String> {
        let Kernel { name, shape, weights: kernel, bias, stride, before, dilation, depthwise } = conv;
        let [outputs, _, side, _] = shape;
        let name = self.store(name, (&shape, kernel), bias)?;
        Ok(self.push(GraphStep::Conv {
            from,
            name,
            outputs,
            kernel: side,
            stride,
            before,
            dilation,
            depthwise,
            activation: StepActivation::None,
        }))
    }
}
