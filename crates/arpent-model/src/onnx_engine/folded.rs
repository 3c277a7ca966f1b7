//! Computes what does not depend on the picture, before the sizes of values are looked at: exporters write the pads of convolutions and
//! the sides of interpolated pictures as computations.

use std::collections::BTreeMap;

use arpent_base::number::wide;
use rten::{Dimension, Model, ModelOptions, NodeId, Value};
use rten_tensor::prelude::*;

use super::guard::{guarded, unrunnable};
use crate::error::OnnxError;
use crate::onnx_graph::{Constant, OnnxGraph, Step};

/// Most values that are computed for a graph, all together: as many as the weights of the largest published networks.
const MOST_CONSTANTS: usize = 1 << 28;

/// The graph for one picture of `bands` bands and a `side`, with the values of its constant nodes in their place. The graph of
/// what this gives is the same again.
///
/// # Errors
/// Those of [`OnnxGraph::fixed`]; [`OnnxError::Unrunnable`] for nodes that cannot be computed, [`OnnxError::TooMuch`] for
/// constants of more than [`MOST_CONSTANTS`] values.
pub(crate) fn graph(graph: &OnnxGraph, bands: usize, side: usize) -> Result<OnnxGraph, OnnxError> {
    let fixed = OnnxGraph::parse(graph.fixed(bands, side)?.into())?;
    if !fixed.steps().iter().any(is_computed) {
        return Ok(fixed);
    }
    let load = || {
        let mut options = ModelOptions::with_all_ops();
        options.enable_optimization(false);
        options.load(fixed.bytes().to_vec()).map_err(|error| error.to_string())
    };
    let mut constants =
        Constants { model: guarded(load).map_err(unrunnable)?, found: BTreeMap::new(), values: 0 };
    for step in fixed.steps().iter().filter(|step| is_computed(step)) {
        constants.compute(step, fixed.values())?;
    }
    let all = constants.found.into_iter().map(|(name, value)| Some((name, constant(value)?)));
    // A type that constants of files do not have: the nodes stay.
    let Some(all) = all.collect::<Option<Vec<_>>>() else { return Ok(fixed) };
    OnnxGraph::parse(fixed.with_constants(&all)?.into())
}

fn is_computed(step: &Step) -> bool {
    step.is_constant && step.operator != "Constant"
}

/// The constants of a graph, computed one by one.
struct Constants {
    model: Model,
    found: BTreeMap<String, Value>,
    values: usize,
}

impl Constants {
    /// Computes the outputs of a node, if they are not too large.
    fn compute(&mut self, step: &Step, names: &[String]) -> Result<(), OnnxError> {
        let inputs: Vec<&str> =
            step.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let most = MOST_CONSTANTS - self.values;
        if self.bound(&step.operator, &inputs).is_none_or(|bound| bound > most) {
            let what = "constant values of a computed size";
            return Err(OnnxError::Computed {
                operator: step.operator.clone(),
                what,
                most: wide(MOST_CONSTANTS),
            });
        }
        let run = || {
            let given = inputs.iter().filter_map(|name| Some((*name, self.found.get(*name)?)));
            let given = given.map(|(name, value)| Ok((id(&self.model, name)?, value.into())));
            let wanted = step.computed.iter().map(|value| id(&self.model, &names[*value]));
            let wanted = wanted.collect::<Result<Vec<_>, String>>()?;
            let found = self.model.run(given.collect::<Result<_, String>>()?, &wanted, None);
            found.map_err(|error| error.to_string())
        };
        let found = guarded(run).map_err(unrunnable)?;
        for (value, found) in step.computed.iter().zip(found) {
            self.values += found.len();
            self.found.insert(names[*value].clone(), found);
        }
        Ok(())
    }

    /// Most values that the output of a node has; `None` if that cannot be said.
    fn bound(&self, operator: &str, inputs: &[&str]) -> Option<usize> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|name| self.shape(name)).collect::<Option<_>>()?;
        let counts = || shapes.iter().map(|shape| product(shape.iter().copied()));
        let first = || counts().next().flatten();
        match operator {
            "ConstantOfShape" => product(self.numbers(inputs.first()?)?),
            "Expand" => broadcast(&[shapes.first()?.clone(), self.numbers(inputs.get(1)?)?]),
            "Tile" => first()?.checked_mul(product(self.numbers(inputs.get(1)?)?)?),
            "Range" => {
                let [start, limit, step] = [0, 1, 2].map(|i| self.integers(inputs.get(i)?));
                let (start, limit, step) = (*start?.first()?, *limit?.first()?, *step?.first()?);
                let span = limit.checked_sub(start)?.unsigned_abs();
                usize::try_from(span.checked_div(step.unsigned_abs())?.checked_add(1)?).ok()
            }
            "Concat" => counts().try_fold(0usize, |all, count| all.checked_add(count?)),
            _ if NO_LARGER.contains(&operator) => Some(first()?.max(MOST_AXES)),
            _ if BROADCAST.contains(&operator) => broadcast(&shapes),
            // No operator gives more, but for those that state sizes of their own.
            _ if !SIZED.contains(&operator) => product(counts().collect::<Option<Vec<_>>>()?),
            _ => None,
        }
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        if let Some(value) = self.found.get(name) {
            return Some(value.shape().to_vec());
        }
        let shape = self.model.find_node(name).and_then(|id| self.model.node_info(id))?.shape()?;
        let fixed = |dimension: Dimension| match dimension {
            Dimension::Fixed(size) => Some(size),
            Dimension::Symbolic(_) => None,
        };
        shape.into_iter().map(fixed).collect()
    }

    /// Whole numbers of a small value.
    fn integers(&self, name: &str) -> Option<Vec<i32>> {
        let stored;
        let value = if let Some(value) = self.found.get(name) {
            value
        } else {
            stored = self.model.run(Vec::new(), &[self.model.find_node(name)?], None).ok()?;
            stored.first()?
        };
        match value {
            Value::Int32Tensor(tensor) if tensor.len() <= MOST_AXES => Some(tensor.iter().copied().collect()),
            _ => None,
        }
    }

    /// Sizes.
    fn numbers(&self, name: &str) -> Option<Vec<usize>> {
        self.integers(name)?.into_iter().map(|number| usize::try_from(number).ok()).collect()
    }
}

/// Most axes of a value.
const MOST_AXES: usize = 16;

/// Operators whose output has no more values than their first input, or a size for each of its axes.
const NO_LARGER: [&str; 40] = [
    "Identity",
    "Cast",
    "CastLike",
    "Reshape",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Slice",
    "Shape",
    "Size",
    "Split",
    "Abs",
    "Neg",
    "Sqrt",
    "Exp",
    "Log",
    "Floor",
    "Ceil",
    "Round",
    "Reciprocal",
    "Sigmoid",
    "Tanh",
    "Erf",
    "Relu",
    "Clip",
    "Not",
    "Sign",
    "Softmax",
    "CumSum",
    "Trilu",
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ArgMax",
    "ArgMin",
    "DequantizeLinear",
    "QuantizeLinear",
];

/// Operators whose inputs are brought to one shape.
const BROADCAST: [&str; 17] = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Mod",
    "Min",
    "Max",
    "Where",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "And",
    "Or",
    "Xor",
];

/// Operators whose output has a size that their inputs or attributes state.
const SIZED: [&str; 13] = [
    "Pad",
    "Resize",
    "Upsample",
    "OneHot",
    "EyeLike",
    "GridSample",
    "Conv",
    "ConvTranspose",
    "ConvInteger",
    "AveragePool",
    "MaxPool",
    "Einsum",
    "DepthToSpace",
];

fn product(sizes: impl IntoIterator<Item = usize>) -> Option<usize> {
    sizes.into_iter().try_fold(1usize, usize::checked_mul)
}

/// Values of the shape that all shapes are brought to: of each axis, counted from the last, the greatest size.
fn broadcast(shapes: &[Vec<usize>]) -> Option<usize> {
    let axes = shapes.iter().map(Vec::len).max()?;
    let size = |axis: usize| shapes.iter().filter_map(|shape| shape.iter().rev().nth(axis)).copied().max();
    product((0..axes).filter_map(size))
}

fn id(model: &Model, name: &str) -> Result<NodeId, String> {
    model.node_id(name).map_err(|error| error.to_string())
}

/// A value as it is stored; `None` for types that constants do not have.
fn constant(value: Value) -> Option<Constant> {
    match value {
        Value::FloatTensor(tensor) => Some(Constant::Floats(tensor.shape().to_vec(), tensor.to_vec())),
        Value::Int32Tensor(tensor) => {
            let values = tensor.iter().map(|value| i64::from(*value)).collect();
            Some(Constant::Integers(tensor.shape().to_vec(), values))
        }
        _ => None,
    }
}
