//! Reads the initializers of an ONNX file (<https://onnx.ai/onnx/repo-docs/IR.html>): the weights of a network that was
//! exported, under the names of its state dict. The graph is not run. It is looked at to see whether the names are
//! still those of the network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::number::wide;

use crate::error::OnnxError;
use crate::onnx_graph::tensor::{
    MOST_BYTES, MOST_NODES, MOST_TENSORS, MOST_VALUES, Tensor, check_name, damaged, field, inside, load,
    shown, within,
};
use crate::protobuf::{Message, Wire};
use crate::{ModelError, Weights};

/// Of tensors that are stored once and have several names; those are small.
const MOST_EQUAL_VALUES: usize = 1 << 26;

/// Reads the floating-point initializers of a file, in single precision.
///
/// # Errors
/// [`ModelError::Read`], [`ModelError::Onnx`].
pub(crate) fn read(path: &Path) -> Result<Weights, ModelError> {
    let bad = |problem| ModelError::Onnx { path: path.to_owned(), problem: Box::new(problem) };
    let too_large = || bad(OnnxError::TooMuch { what: "bytes", most: MOST_BYTES });
    let (length, bytes) = load(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    if length > MOST_BYTES || wide(bytes.len()) > MOST_BYTES {
        Err(too_large())
    } else {
        initializers(&bytes).map_err(bad)
    }
}

fn initializers(bytes: &[u8]) -> Result<Weights, OnnxError> {
    // A message that is there several times is one, the fields of all in turn.
    let graphs = inside(Message::of_file(bytes), field::model::GRAPH, "graphs", MOST_TENSORS)?;
    if graphs.is_empty() {
        return Err(damaged("it has no graph"));
    }
    let mut found = Found::default();
    for graph in &graphs {
        let mut graph = *graph;
        while let Some((number, wire)) = graph.next()? {
            if number == field::graph::SPARSE_INITIALIZER {
                return Err(OnnxError::Sparse);
            }
            let (field::graph::INITIALIZER, Wire::Bytes(message)) = (number, wire) else { continue };
            let tensor = Tensor::read(message)?;
            found.add_name(tensor.name)?;
            let Some(kind) = tensor.kind else { continue };
            found.add_values(tensor.values()?)?;
            found.weights.insert(tensor.name, &tensor.shape, tensor.data(kind, message)?);
        }
    }
    let nodes = nodes(&graphs)?;
    check_names(&nodes, &found.names)?;
    found.add_equal(&nodes)?;
    Ok(found.weights)
}

/// What was read so far.
#[derive(Debug, Default)]
struct Found<'a> {
    weights: Weights,
    /// Of all tensors, those of whole numbers, too.
    names: BTreeSet<&'a str>,
    values: usize,
}

impl<'a> Found<'a> {
    fn add_name(&mut self, name: &'a str) -> Result<(), OnnxError> {
        if !self.names.insert(name) {
            return Err(damaged(format!("two tensors have the name `{}`", shown(name))));
        }
        within("tensors", self.names.len(), MOST_TENSORS).map(drop)
    }

    fn add_values(&mut self, values: usize) -> Result<(), OnnxError> {
        self.values = within("values", self.values + values, MOST_VALUES)?;
        Ok(())
    }

    /// Exporters store equal tensors once, and name the others as the outputs of Identity.
    fn add_equal(&mut self, nodes: &[Node<'a>]) -> Result<(), OnnxError> {
        let mut values = 0;
        for node in nodes.iter().filter(|node| node.operator == "Identity" && !is_made_up(node.output)) {
            let Ok(tensor) = self.weights.get(node.inputs[0]).cloned() else { continue };
            check_name(node.output)?;
            self.add_name(node.output)?;
            values = within("values of equal tensors", values + tensor.data.len(), MOST_EQUAL_VALUES)?;
            self.weights.insert(node.output, &tensor.shape, tensor.data);
        }
        Ok(())
    }
}

/// A node of the graph: its operation, first inputs and first output.
#[derive(Debug, Default)]
struct Node<'a> {
    operator: &'a str,
    inputs: [&'a str; MOST_INPUTS],
    output: &'a str,
}

/// Batch normalization has five inputs; no operation with weights has more that matter here.
const MOST_INPUTS: usize = 5;

/// Operations whose inputs after the first are weights, and matrix products, where either may be.
const WEIGHTED: [&str; 6] = ["Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "PRelu"];

/// Operations on 8-bit weights.
const QUANTIZED: [&str; 4] = ["QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"];

/// Operations that a weight may pass on its way, and in which it may be stored.
const ON_THE_WAY: [&str; 6] = ["Transpose", "Reshape", "Cast", "Identity", "Unsqueeze", "Constant"];

/// Longest way from a stored weight to where it is used.
const LONGEST_WAY: usize = 8;

impl<'a> Node<'a> {
    fn read(mut message: Message<'a>) -> Result<Self, OnnxError> {
        let (mut node, mut inputs, mut outputs) = (Self::default(), 0, 0);
        while let Some((number, wire)) = message.next()? {
            match (number, wire) {
                (field::node::OPERATOR, Wire::Bytes(text)) => node.operator = text.text()?,
                (field::node::INPUT, Wire::Bytes(text)) => {
                    if let Some(place) = node.inputs.get_mut(inputs) {
                        *place = text.text()?;
                    }
                    inputs += 1;
                }
                (field::node::OUTPUT, Wire::Bytes(text)) => {
                    if outputs == 0 {
                        node.output = text.text()?;
                    }
                    outputs += 1;
                }
                _ => {}
            }
        }
        Ok(node)
    }

    fn is_quantized(&self, names: &BTreeSet<&str>) -> bool {
        let is_stored = names.contains(self.inputs[0]);
        QUANTIZED.contains(&self.operator) || self.operator == "DequantizeLinear" && is_stored
    }

    /// The inputs that may be weights.
    fn weights(&self) -> impl Iterator<Item = &'a str> {
        let from = match self.operator {
            "MatMul" => 0,
            operator if WEIGHTED.contains(&operator) => 1,
            _ => MOST_INPUTS,
        };
        self.inputs.into_iter().skip(from).filter(|input| !input.is_empty())
    }

    /// Whether the bias is what the normalization behind a convolution has become, and the kernel is another, too.
    fn has_folded(&self, bias: &str) -> bool {
        bias == self.inputs[2] && bias.strip_suffix("_bias") == Some(self.inputs[1])
    }
}

/// The nodes that say what became of the weights.
fn nodes<'a>(graphs: &[Message<'a>]) -> Result<Vec<Node<'a>>, OnnxError> {
    let (mut nodes, mut all) = (Vec::new(), 0);
    for graph in graphs {
        let mut graph = *graph;
        while let Some((number, wire)) = graph.next()? {
            let (field::graph::NODE, Wire::Bytes(message)) = (number, wire) else { continue };
            all = within("nodes", all + 1, MOST_NODES)?;
            let node = Node::read(message)?;
            let wanted = [&WEIGHTED[..], &QUANTIZED, &ON_THE_WAY, &["DequantizeLinear"]];
            if wanted.iter().any(|operators| operators.contains(&node.operator)) {
                nodes.push(node);
            }
        }
    }
    Ok(nodes)
}

/// Refuses a graph whose weights do not have the names of a state dict: exporters fold normalizations into convolutions
/// and transpose matrices, and what comes of it has a name like `onnx::Conv_310`, or even that of what it was.
fn check_names(nodes: &[Node<'_>], names: &BTreeSet<&str>) -> Result<(), OnnxError> {
    if let Some(node) = nodes.iter().find(|node| node.is_quantized(names)) {
        return Err(OnnxError::Quantized { operator: node.operator.to_owned() });
    }
    let on_the_way = nodes.iter().filter(|node| ON_THE_WAY.contains(&node.operator));
    let ways: BTreeMap<&str, &Node<'_>> = on_the_way.map(|node| (node.output, node)).collect();
    let (mut all, mut lost, mut first) = (0, 0, None);
    for node in nodes {
        for weight in node.weights() {
            let kept = match kept_name(weight, names, &ways) {
                Some(Ok(())) if node.has_folded(weight) => {
                    Err("a normalization was folded into the convolution".to_owned())
                }
                Some(kept) => kept,
                None => continue,
            };
            all += 1;
            if let Err(why) = kept {
                lost += 1;
                first.get_or_insert_with(|| (node.operator.to_owned(), shown(weight), why));
            }
        }
    }
    match first {
        Some((operator, weight, why)) => Err(OnnxError::Renamed { lost, all, weight, operator, why }),
        None => Ok(()),
    }
}

/// Whether an input is a weight that has kept its name; else why not. `None` if it is computed from the picture.
fn kept_name(
    input: &str,
    names: &BTreeSet<&str>,
    ways: &BTreeMap<&str, &Node<'_>>,
) -> Option<Result<(), String>> {
    let (mut at, mut is_equal) = (input, false);
    for _ in 0..LONGEST_WAY {
        if names.contains(at) {
            return Some(match at {
                _ if is_made_up(at) => Err("the exporter has renamed it".to_owned()),
                _ if is_equal => Err(format!("it is equal to `{}`, which is stored instead", shown(at))),
                _ => Ok(()),
            });
        }
        let node = ways.get(at)?;
        if node.operator == "Constant" {
            return Some(Err("it is the value of a Constant".to_owned()));
        }
        is_equal |= node.operator == "Identity" && is_made_up(at);
        at = node.inputs[0];
    }
    None
}

/// Whether a name is one that exporters make up: `onnx::Conv_310`, `val_12`, `310`, `/encoder/Constant_output_0`, and
/// `const_fold_opt__12` of TensorFlow.
fn is_made_up(name: &str) -> bool {
    name.contains("::")
        || name.starts_with('/')
        || name.starts_with("const_fold_opt")
        || name.strip_prefix("val_").unwrap_or(name).bytes().all(|b| b.is_ascii_digit())
}
