//! Graphs of ONNX files, to be run (<https://onnx.ai/onnx/repo-docs/IR.html>).
//!
//! A file is read with limits and checked; what is run is never the file, but a graph that is written again from what was
//! read ([`OnnxGraph::fixed`]): weights in single precision, one picture of a fixed size, one output, no other file. So
//! the engine sees nothing that was not looked at here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arpent_base::number::{index, wide};

use crate::ModelError;
use crate::error::OnnxError;
use crate::protobuf::{Message, Wire};

mod constant;
mod fixed;
mod node;
mod operators;
pub(crate) mod tensor;

pub(crate) use constant::Constant;
use node::Node;
use operators::ELEMENTWISE_MOVES;
use tensor::{
    MOST_BYTES, MOST_TENSORS, MOST_VALUES, OTHER_FLOATS, SINGLE, Tensor, check_name, damaged, field, inside,
    key_and_value, load, shown, within,
};

/// Most nodes of a graph that is run, inputs and outputs of all of them, and bytes of its metadata. The largest published
/// networks have some thousand nodes.
const MOST_RUN_NODES: usize = 1 << 16;
const MOST_ENDS: usize = 1 << 19;
const MOST_METADATA_BYTES: usize = 1 << 20;

/// Operators that are listed when they cannot be run.
const MOST_LISTED: usize = 12;

/// The graph of an ONNX file: a network with one picture as input, whose first output is used.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxGraph {
    bytes: Arc<[u8]>,
    input: Port,
    output: Port,
    unused: Vec<String>,
    operators: BTreeMap<String, usize>,
    metadata: BTreeMap<String, String>,
    parameters: usize,
    last: String,
    values: Vec<String>,
    steps: Vec<Step>,
}

/// A node: its operator, and the values that it reads and computes, by their numbers in [`OnnxGraph::values`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) operator: String,
    /// Names of its inputs; empty where one is left out.
    pub(crate) inputs: Vec<String>,
    pub(crate) read: Vec<usize>,
    pub(crate) computed: Vec<usize>,
    /// Whether it follows from what the file holds, whatever the picture.
    pub(crate) is_constant: bool,
}

/// An input or output of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    /// `TensorProto.DataType` of its values.
    kind: u64,
    /// Sizes; `None` where one is free, and for all of them if the file does not state the shape.
    sizes: Option<Vec<Option<usize>>>,
}

impl OnnxGraph {
    /// Reads the graph of a file.
    ///
    /// # Errors
    /// [`ModelError::Read`], [`ModelError::Onnx`]: a damaged or hostile file, weights in other files, operators that are not
    /// run, an input that is no picture.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let bad = |problem| ModelError::Onnx { path: path.to_owned(), problem: Box::new(problem) };
        let (length, bytes) =
            load(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
        if length > MOST_BYTES || wide(bytes.len()) > MOST_BYTES {
            return Err(bad(OnnxError::TooMuch { what: "bytes", most: MOST_BYTES }));
        }
        Self::parse(bytes.into()).map_err(bad)
    }

    /// Reads a graph that was loaded.
    ///
    /// # Errors
    /// As [`OnnxGraph::read`].
    pub(crate) fn parse(bytes: Arc<[u8]>) -> Result<Self, OnnxError> {
        let mut seen = Seen::default();
        let graphs = inside(Message::of_file(&bytes), field::model::GRAPH, "graphs", 1)?;
        let [graph] = graphs[..] else { return Err(damaged("it has no graph")) };
        seen.read_tensors(graph)?;
        seen.read_ports(graph)?;
        seen.read_nodes(graph)?;
        let unknown: BTreeMap<&String, &usize> =
            seen.operators.iter().filter(|(name, _)| !operators::is_run(name)).collect();
        if !unknown.is_empty() {
            let shown = unknown.iter().take(MOST_LISTED).map(|(name, count)| format!("{name} ({count})"));
            let more = unknown.len().saturating_sub(MOST_LISTED);
            let more = (more > 0).then(|| format!("{more} more"));
            let listed = shown.chain(more).collect::<Vec<_>>().join(", ");
            return Err(OnnxError::Operators { listed });
        }
        let mut inputs = seen.inputs.into_iter();
        let input = inputs.next().ok_or_else(|| interface("it has no input"))?;
        if let Some(second) = inputs.next() {
            return Err(interface(format!(
                "it has several inputs (`{}`, `{}`), expected one picture",
                input.name, second.name
            )));
        }
        let mut outputs = seen.outputs.into_iter();
        let output = outputs.next().ok_or_else(|| interface("it has no output"))?;
        if seen.numbers.get(&output.name).is_none_or(|number| *number < seen.stored) {
            return Err(interface(format!("its output `{}` is computed by no node", output.name)));
        }
        let metadata = metadata(Message::of_file(&bytes))?;
        let last = seen.last.into_iter().collect::<BTreeMap<_, _>>();
        Ok(Self {
            last: last_operator(&last, &output.name),
            unused: outputs.map(|port| port.name).collect(),
            input,
            output,
            operators: seen.operators,
            metadata,
            parameters: seen.parameters,
            values: seen.values,
            steps: seen.steps,
            bytes,
        })
    }

    /// The file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of weights: floating-point values that are stored.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// How often each operator occurs.
    pub fn operators(&self) -> &BTreeMap<String, usize> {
        &self.operators
    }

    /// Texts that the file holds beside its graph.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Names of outputs after the first, which are not used.
    pub fn unused_outputs(&self) -> &[String] {
        &self.unused
    }

    /// The operator that computes the values of the output, before it is moved, copied or resized.
    pub(crate) fn last_operator(&self) -> &str {
        &self.last
    }

    /// Name of the output.
    pub(crate) fn output(&self) -> &str {
        &self.output.name
    }

    /// Names of the values that nodes compute, in their order.
    pub(crate) fn values(&self) -> &[String] {
        &self.values
    }

    /// The nodes in their order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Bands of the picture; `None` if the file leaves them open.
    ///
    /// # Errors
    /// [`OnnxError::Interface`] if the input is no batch of pictures, bands first.
    pub fn bands(&self) -> Result<Option<usize>, OnnxError> {
        self.picture().map(|[bands, ..]| bands)
    }

    /// Side of the picture; `None` if the file leaves it open.
    ///
    /// # Errors
    /// As [`OnnxGraph::bands`], and for a picture that is no square.
    pub fn side(&self) -> Result<Option<usize>, OnnxError> {
        let [_, height, width] = self.picture()?;
        match (height, width) {
            (Some(height), Some(width)) if height != width => {
                Err(interface(format!("its pictures have {width} x {height} px, expected a square")))
            }
            (height, width) => Ok(height.or(width)),
        }
    }

    /// Bands, height and width.
    fn picture(&self) -> Result<[Option<usize>; 3], OnnxError> {
        let name = &self.input.name;
        if self.input.kind != SINGLE && !OTHER_FLOATS.contains(&self.input.kind) {
            let kind = self.input.kind;
            return Err(interface(format!(
                "its input `{name}` has numbers of type {kind}, expected floating-point numbers"
            )));
        }
        let Some(sizes) = &self.input.sizes else { return Ok([None; 3]) };
        let &[batch, bands, height, width] = &sizes[..] else {
            let found = sizes.len();
            return Err(interface(format!(
                "its input `{name}` has {found} axes, expected batch, band, row, column"
            )));
        };
        if batch.is_some_and(|batch| batch != 1) {
            return Err(interface(format!(
                "its input `{name}` takes batches of {}, expected 1 or any number",
                batch.unwrap_or_default()
            )));
        }
        // A picture with its bands last has as many rows as others have bands.
        if let (Some(bands), Some(last)) = (bands, width)
            && last < FEWEST_PIXELS
            && last < bands
        {
            return Err(interface(format!(
                "its input `{name}` has the bands last, expected batch, band, row, column"
            )));
        }
        Ok([bands, height, width])
    }
}

/// Fewest columns of a picture.
const FEWEST_PIXELS: usize = 16;

fn interface(problem: impl Into<String>) -> OnnxError {
    OnnxError::Interface { problem: problem.into() }
}

/// What was read of a graph so far.
#[derive(Debug, Default)]
struct Seen {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    operators: BTreeMap<String, usize>,
    /// Numbers of all values by their names: first those that are stored and the inputs, then those of nodes.
    numbers: BTreeMap<String, usize>,
    stored: usize,
    initializers: BTreeSet<String>,
    parameters: usize,
    stored_values: usize,
    values: Vec<String>,
    steps: Vec<Step>,
    /// Values that follow from what the file holds.
    constants: BTreeSet<usize>,
    /// Of each output, the operator and its first input.
    last: Vec<(String, (String, String))>,
}

impl Seen {
    fn add_tensor(&mut self, tensor: &Tensor<'_>) -> Result<(), OnnxError> {
        tensor.check_here()?;
        let values = tensor.values()?;
        self.stored_values = within("values", self.stored_values + values, MOST_VALUES)?;
        if tensor.kind.is_some() {
            self.parameters += values;
        }
        Ok(())
    }

    fn read_tensors(&mut self, mut graph: Message<'_>) -> Result<(), OnnxError> {
        while let Some((number, wire)) = graph.next()? {
            match (number, wire) {
                (field::graph::SPARSE_INITIALIZER, _) => return Err(OnnxError::Sparse),
                (field::graph::INITIALIZER, Wire::Bytes(message)) => {
                    let tensor = Tensor::read_any(message)?;
                    check_name(tensor.name)?;
                    self.add_tensor(&tensor)?;
                    if !self.initializers.insert(tensor.name.to_owned()) {
                        return Err(damaged(format!("two tensors have the name `{}`", shown(tensor.name))));
                    }
                    within("tensors", self.initializers.len(), MOST_TENSORS)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_ports(&mut self, mut graph: Message<'_>) -> Result<(), OnnxError> {
        while let Some((number, wire)) = graph.next()? {
            let Wire::Bytes(message) = wire else { continue };
            match number {
                field::graph::INPUT => {
                    let port = Port::read(message)?;
                    // Before version 4 of the format, initializers were listed as inputs, too.
                    if !self.initializers.contains(&port.name) {
                        self.inputs.push(port);
                    }
                }
                field::graph::OUTPUT => self.outputs.push(Port::read(message)?),
                _ => continue,
            }
            within("inputs and outputs", self.inputs.len() + self.outputs.len(), MOST_ENDS)?;
        }
        let known = self.initializers.iter().chain(self.inputs.iter().map(|port| &port.name));
        for (number, name) in known.enumerate() {
            self.numbers.insert(name.clone(), number);
        }
        self.stored = self.initializers.len() + self.inputs.len();
        Ok(())
    }

    /// Nodes, each of which reads what is stored, or what a node before it has computed.
    fn read_nodes(&mut self, graph: Message<'_>) -> Result<(), OnnxError> {
        let (mut ends, mut count) = (0, 0);
        let mut rest = graph;
        while let Some((number, wire)) = rest.next()? {
            let (field::graph::NODE, Wire::Bytes(message)) = (number, wire) else { continue };
            count = within("nodes", count + 1, MOST_RUN_NODES)?;
            let node = Node::read(message)?;
            ends = within("inputs and outputs", ends + node.inputs.len() + node.outputs.len(), MOST_ENDS)?;
            node.tensors.iter().try_for_each(|tensor| self.add_tensor(tensor))?;
            *self.operators.entry(node.full_name()).or_default() += 1;
            let (mut read, mut is_constant) = (Vec::new(), true);
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                let unknown = || damaged(format!("no node before it computes `{}`", shown(input)));
                let number = *self.numbers.get(*input).ok_or_else(unknown)?;
                match number.checked_sub(self.stored) {
                    Some(value) => {
                        is_constant &= self.constants.contains(&value);
                        read.push(value);
                    }
                    None => is_constant &= self.initializers.contains(*input),
                }
            }
            let mut computed = Vec::new();
            for output in node.outputs.iter().filter(|output| !output.is_empty()) {
                check_name(output)?;
                let number = self.stored + self.values.len();
                if self.numbers.insert((*output).to_owned(), number).is_some() {
                    return Err(damaged(format!("two values have the name `{}`", shown(output))));
                }
                computed.push(self.values.len());
                if is_constant {
                    self.constants.insert(self.values.len());
                }
                self.values.push((*output).to_owned());
            }
            if let (Some(output), first) = (node.outputs.first(), node.inputs.first()) {
                let from = first.copied().unwrap_or_default().to_owned();
                self.last.push(((*output).to_owned(), (node.operator.to_owned(), from)));
            }
            let operator = node.full_name();
            let inputs = node.inputs.iter().map(|input| (*input).to_owned()).collect();
            self.steps.push(Step { operator, inputs, read, computed, is_constant });
        }
        Ok(())
    }
}

impl Port {
    fn read(message: Message<'_>) -> Result<Self, OnnxError> {
        let mut port = Self { name: String::new(), kind: 0, sizes: None };
        let mut rest = message;
        while let Some((number, wire)) = rest.next()? {
            match (number, wire) {
                (field::value::NAME, Wire::Bytes(name)) => name.text()?.clone_into(&mut port.name),
                (field::value::TYPE, Wire::Bytes(kinds)) => {
                    for tensor in inside(kinds, field::value::TENSOR, "types", 1)? {
                        port.read_type(tensor)?;
                    }
                }
                _ => {}
            }
        }
        check_name(&port.name)?;
        Ok(port)
    }

    fn read_type(&mut self, mut tensor: Message<'_>) -> Result<(), OnnxError> {
        while let Some((number, wire)) = tensor.next()? {
            match (number, wire) {
                (field::value::NUMBERS, Wire::Varint(kind)) => self.kind = kind,
                (field::value::SHAPE, Wire::Bytes(shape)) => {
                    let dimensions = inside(shape, field::value::DIMENSION, "dimensions", MOST_AXES)?;
                    self.sizes = Some(dimensions.into_iter().map(size).collect::<Result<_, _>>()?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Most axes of an input or output.
const MOST_AXES: usize = 8;

/// A size that is stated as a number above 0; exporters of other programs write 0 and -1 for any.
fn size(mut dimension: Message<'_>) -> Result<Option<usize>, OnnxError> {
    let mut found = None;
    while let Some((number, wire)) = dimension.next()? {
        if let (field::value::SIZE, Wire::Varint(size)) = (number, wire) {
            found = Some(index(size)).filter(|size| (1..=MOST_VALUES).contains(size));
        }
    }
    Ok(found)
}

/// The texts beside the graph.
fn metadata(mut model: Message<'_>) -> Result<BTreeMap<String, String>, OnnxError> {
    let (mut found, mut bytes) = (BTreeMap::new(), 0);
    while let Some((number, wire)) = model.next()? {
        let (field::model::METADATA, Wire::Bytes(entry)) = (number, wire) else { continue };
        bytes = within("bytes of metadata", bytes + entry.bytes.len(), MOST_METADATA_BYTES)?;
        let (key, value) = key_and_value(entry)?;
        found.insert(key.to_owned(), value.to_owned());
    }
    Ok(found)
}

/// The operator that computes a value, before others that only move it.
fn last_operator(nodes: &BTreeMap<String, (String, String)>, output: &str) -> String {
    let (mut at, mut operator) = (output, "");
    // No way is longer than the number of nodes: each reads what comes before it.
    while let Some((name, from)) = nodes.get(at) {
        operator = name;
        if !ELEMENTWISE_MOVES.contains(&name.as_str()) {
            break;
        }
        at = from;
    }
    operator.to_owned()
}
