//! Runs the graph of an ONNX package (ADR 0023): rten, one thread for a window.

use std::sync::{Arc, Mutex, PoisonError};

use arpent_base::number::wide;
use rten::{Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

mod folded;
mod guard;

use crate::error::OnnxError;
use crate::onnx_graph::OnnxGraph;
use crate::onnx_output::OnnxOutput;
use guard::{guarded, unrunnable};

/// Most bytes of a window's values.
const MOST_RUN_BYTES: usize = 64 << 30;

/// Bytes of a value: all of them are kept in 32 bits.
const VALUE_BYTES: usize = 4;

/// What the runtime needs beside the values that are in use, as a share of these: it keeps released memory for values of the same
/// size (`benches/runs/2026-11-29-onnx.md`).
const KEPT: usize = 2;

/// A network that is ready to run on windows of one size.
pub(crate) struct OnnxEngine {
    model: Model,
    input: NodeId,
    output: NodeId,
    bands: usize,
    side: usize,
    /// Axes of the output.
    shape: Vec<usize>,
    weight_bytes: usize,
    window_bytes: usize,
    /// Threads that are idle.
    threads: Mutex<Vec<Arc<ThreadPool>>>,
}

impl std::fmt::Debug for OnnxEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxEngine")
            .field("side", &self.side)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl OnnxEngine {
    /// Prepares a graph for windows of a side; the graph as it is run, to be stored.
    ///
    /// # Errors
    /// [`OnnxError::Unrunnable`] if it cannot be run on such windows, or the size of a value is not known in advance,
    /// [`OnnxError::TooMuch`] for a window that needs more memory than any machine has.
    pub(crate) fn new(graph: &OnnxGraph, bands: usize, side: usize) -> Result<(Self, OnnxGraph), OnnxError> {
        let folded = folded::graph(graph, bands, side)?;
        let file = folded.bytes().to_vec();
        let load = || {
            let mut options = ModelOptions::with_all_ops();
            options.prepack_weights(true);
            options.load(file).map_err(|error| error.to_string())
        };
        let model = guarded(load).map_err(unrunnable)?;
        let &[input] = model.input_ids() else { return Err(unrunnable("it has several inputs")) };
        // The runtime may have united the last node with the one before, whose value is the output then.
        let &[output] = model.output_ids() else { return Err(unrunnable("it has several outputs")) };
        let Sizes::Known(shape) = sizes(&model, Some(output))? else {
            return Err(unrunnable("the size of its output is known only when it has run"));
        };
        let window_bytes = most_bytes(&model, &folded)?;
        let engine = Self {
            input,
            output,
            bands,
            side,
            shape,
            // As they were read, as they are, and packed for products.
            weight_bytes: 3 * VALUE_BYTES * model.total_params(),
            window_bytes: KEPT * (window_bytes + VALUE_BYTES * bands * side * side),
            threads: Mutex::default(),
            model,
        };
        Ok((engine, folded))
    }

    /// Axes of the output.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Memory of the weights, bytes.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    /// Memory of a window, bytes.
    pub(crate) fn window_bytes(&self) -> usize {
        self.window_bytes
    }

    /// The output for a window: its bands plane by plane, each row by row.
    ///
    /// # Errors
    /// Why the network failed.
    pub(crate) fn run(&self, planes: Vec<f32>) -> Result<Vec<f32>, String> {
        let picture = NdTensor::from_data([1, self.bands, self.side, self.side], planes);
        let idle = || self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        // One thread for a window: no sum depends on the number of threads.
        let thread = taken.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&thread)));
        let run = || {
            let found = self.model.run_n(vec![(self.input, picture.into())], [self.output], Some(options));
            found.map_err(|error| error.to_string())
        };
        let found = guarded(run);
        idle().push(thread);
        let [output] = found?;
        let Some(output): Option<Tensor<f32>> = output.into_tensor() else {
            return Err("its output has whole numbers, expected scores".into());
        };
        if output.shape() != self.shape {
            return Err(format!("its output has the axes {:?}, expected {:?}", output.shape(), self.shape));
        }
        Ok(output.into_data())
    }
}

/// What is known of the axes of a value before the network runs.
enum Sizes {
    Known(Vec<usize>),
    /// Some axes are known only when it has run.
    Unknown,
    /// The runtime says nothing: the value is computed at once when the network is loaded, or its operator is not understood.
    None,
    /// The runtime has united the node with others.
    Absent,
}

/// Operators that compute with sizes and indices: small values, which the runtime knows as constants. They also move others, whose
/// size is known if that of their input is.
const OF_SHAPES: [&str; 16] = [
    "Shape",
    "Size",
    "Gather",
    "Slice",
    "Concat",
    "Unsqueeze",
    "Squeeze",
    "Cast",
    "Identity",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Floor",
    "Constant",
    "Reshape",
];

fn sizes(model: &Model, id: Option<NodeId>) -> Result<Sizes, OnnxError> {
    let Some(info) = id.and_then(|id| model.node_info(id)) else {
        return Ok(Sizes::Absent);
    };
    let Some(shape) = info.shape() else { return Ok(Sizes::None) };
    let fixed = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Symbolic(_) => None,
    };
    let Some(sizes) = shape.iter().map(fixed).collect::<Option<Vec<usize>>>() else {
        return Ok(Sizes::Unknown);
    };
    match sizes.iter().try_fold(1usize, |a, b| a.checked_mul(*b)) {
        Some(values) if values <= MOST_RUN_BYTES / VALUE_BYTES => Ok(Sizes::Known(sizes)),
        _ => Err(OnnxError::TooMuch { what: "bytes of a value of the network", most: wide(MOST_RUN_BYTES) }),
    }
}

/// Most bytes of values that are in use at the same time, when nodes are computed in their order and each value is released after the
/// last node that reads it. The runtime unites nodes, and then needs less.
fn most_bytes(model: &Model, graph: &OnnxGraph) -> Result<usize, OnnxError> {
    let mut bytes = vec![0; graph.values().len()];
    for step in graph.steps() {
        for value in &step.computed {
            let name = &graph.values()[*value];
            bytes[*value] = match sizes(model, model.find_node(name))? {
                Sizes::Known(sizes) => sizes.iter().product::<usize>() * VALUE_BYTES,
                Sizes::Absent => 0,
                Sizes::None if OF_SHAPES.contains(&step.operator.as_str()) => 0,
                Sizes::None | Sizes::Unknown => {
                    let reason = format!(
                        "the size of `{name}`, which {} computes, is known only when it runs",
                        step.operator
                    );
                    return Err(unrunnable(reason));
                }
            };
        }
    }
    let mut last = vec![None; bytes.len()];
    for (number, step) in graph.steps().iter().enumerate() {
        step.read.iter().chain(&step.computed).for_each(|value| last[*value] = Some(number));
    }
    let (mut now, mut most) = (0usize, 0usize);
    for (number, step) in graph.steps().iter().enumerate() {
        now += step.computed.iter().map(|value| bytes[*value]).sum::<usize>();
        most = most.max(now);
        let mut done: Vec<usize> = step.read.iter().chain(&step.computed).copied().collect();
        done.sort_unstable();
        done.dedup();
        let is_done = |value: &&usize| last[**value] == Some(number);
        now -= done.iter().filter(is_done).map(|value| bytes[*value]).sum::<usize>();
    }
    if most > MOST_RUN_BYTES {
        return Err(OnnxError::TooMuch { what: "bytes of values in use", most: wide(MOST_RUN_BYTES) });
    }
    Ok(most)
}

/// Brings the output of a network to scores before the softmax, plane by plane: one plane for each class.
///
/// A single plane is that of the second of two classes: the softmax of 0 and `z` is the sigmoid of `z`. Of probabilities the
/// logarithm is taken, whose softmax they are. A `threshold` is moved to a half: the class that lies above it wins.
pub(crate) fn scores(
    planes: Vec<f32>,
    channels: usize,
    output: OnnxOutput,
    threshold: Option<f32>,
) -> Vec<f32> {
    let area = planes.len() / channels.max(1);
    let is_probability = matches!(output, OnnxOutput::Probabilities);
    if output == OnnxOutput::Values {
        return planes;
    }
    if channels == 1 {
        let shift = threshold.map_or(0.0, logit);
        let score = |value: &f32| if is_probability { logit(*value) - shift } else { *value };
        return std::iter::repeat_n(0.0, area).chain(planes.iter().map(score)).collect();
    }
    if !is_probability {
        return planes;
    }
    let mut scores: Vec<f32> = planes.iter().map(|p| clamped(*p).ln()).collect();
    if let Some(threshold) = threshold {
        let lowest = clamped(threshold).ln();
        for at in 0..area {
            let highest = (0..channels).map(|c| scores[c * area + at]).fold(f32::NEG_INFINITY, f32::max);
            // Where no class reaches the threshold, the first one wins a tie.
            if highest < lowest {
                scores[at] = highest;
            }
        }
    }
    scores
}

/// Probabilities that single precision can tell from 0 and 1.
const LEAST: f32 = 1e-7;

fn clamped(probability: f32) -> f32 {
    probability.clamp(LEAST, 1.0 - LEAST)
}

fn logit(probability: f32) -> f32 {
    let p = clamped(probability);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "scores are compared with themselves")]

    use super::*;

    #[test]
    fn one_plane_is_the_second_of_two_classes() {
        let logits = scores(vec![-1.0, 2.0], 1, OnnxOutput::Logits, None);
        assert_eq!(logits, [0.0, 0.0, -1.0, 2.0]);
        let found = scores(vec![0.3, 0.7, 0.4, 1.0], 1, OnnxOutput::Probabilities, Some(0.4));
        assert_eq!(found[..4], [0.0; 4]);
        assert!(found[4] < 0.0 && found[5] > 0.0 && found[6] == 0.0 && found[7] > 10.0, "{found:?}");
        let half = scores(vec![0.25], 1, OnnxOutput::Probabilities, None);
        assert!((1.0 / (1.0 + (-half[1]).exp()) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn the_softmax_of_the_scores_is_the_probability() {
        let found = scores(vec![0.2, 0.0, 0.5, 0.0, 0.3, 1.0], 3, OnnxOutput::Probabilities, None);
        assert!((found[2].exp() - 0.5).abs() < 1e-6 && found[1] == LEAST.ln() && found[5] > -1e-6);
        // Below the threshold the first class has the highest score, and ties are its own.
        let found = scores(vec![0.2, 0.1, 0.5, 0.1, 0.3, 0.8], 3, OnnxOutput::Probabilities, Some(0.6));
        assert_eq!((found[0], found[2]), (0.5f32.ln(), 0.5f32.ln()));
        assert_eq!(found[1], 0.1f32.ln());
    }
}
