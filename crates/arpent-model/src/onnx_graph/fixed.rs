//! Writes a graph as it is run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::wide;

use crate::error::OnnxError;
use crate::protobuf::{Message, Wire, put, put_bytes, put_number};
use crate::storage::NumberType;

use super::OnnxGraph;
use super::constant::Constant;
use super::node::Node;
use super::tensor::{OTHER_FLOATS, SINGLE, Tensor, field, shown};

impl OnnxGraph {
    /// The graph for one picture of `bands` bands and a `side`, as a file: its first output only, numbers in single
    /// precision, nothing beside the graph. Equal graphs give equal bytes; the graph that is read from them gives them
    /// again.
    ///
    /// # Errors
    /// [`OnnxError::Damaged`] if a tensor does not have as many values as its shape, [`OnnxError::NotANumber`].
    pub(crate) fn fixed(&self, bands: usize, side: usize) -> Result<Vec<u8>, OnnxError> {
        let (mut model, mut graph) = (Vec::new(), Vec::new());
        let mut equal = BTreeMap::new();
        let mut file = Message::of_file(&self.bytes);
        while let Some((number, wire)) = file.next()? {
            match (number, wire) {
                (field::model::VERSION | field::model::OPERATOR_SET, wire) => put(&mut model, number, &wire),
                (field::model::GRAPH, Wire::Bytes(message)) => put_graph(&mut graph, message, &mut equal)?,
                _ => {}
            }
        }
        let sizes = [1, bands, side, side];
        put_bytes(&mut graph, field::graph::INPUT, &port(&self.input.name, Some(&sizes)));
        put_bytes(&mut graph, field::graph::OUTPUT, &port(named(&equal, &self.output.name), None));
        put_bytes(&mut model, field::model::GRAPH, &graph);
        Ok(model)
    }
}

/// Names of values that are equal to others: what Identity copies, and what is dropped at random in trainings and not in prediction.
type Equal<'a> = BTreeMap<&'a str, &'a str>;

fn named<'a>(equal: &Equal<'a>, name: &'a str) -> &'a str {
    equal.get(name).copied().unwrap_or(name)
}

fn put_graph<'a>(to: &mut Vec<u8>, mut graph: Message<'a>, equal: &mut Equal<'a>) -> Result<(), OnnxError> {
    put_bytes(to, field::graph::NAME, b"network");
    while let Some((number, wire)) = graph.next()? {
        let Wire::Bytes(message) = wire else { continue };
        match number {
            field::graph::INITIALIZER => put_bytes(to, number, &tensor(message)?),
            field::graph::NODE => {
                let one = Node::read(message)?;
                if let ("Identity" | "Dropout", [input, ..], [output, ..]) =
                    (one.operator, one.inputs.as_slice(), one.outputs.as_slice())
                {
                    let input = named(equal, input);
                    equal.insert(output, input);
                } else {
                    put_bytes(to, number, &node(&one, equal)?);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl OnnxGraph {
    /// The same graph with values that were computed in place of the nodes that compute them, and without initializers that no
    /// other node reads.
    ///
    /// # Errors
    /// [`OnnxError::Damaged`] for a file that cannot be read.
    pub(crate) fn with_constants(&self, constants: &[(String, Constant)]) -> Result<Vec<u8>, OnnxError> {
        let (mut model, mut graph) = (Vec::new(), Vec::new());
        let (mut kept, mut read) = (Vec::new(), BTreeSet::from([self.output.name.as_str()]));
        let mut file = Message::of_file(&self.bytes);
        let mut inside = None;
        while let Some((number, wire)) = file.next()? {
            match (number, wire) {
                (field::model::GRAPH, Wire::Bytes(message)) => inside = Some(message),
                (number, wire) => put(&mut model, number, &wire),
            }
        }
        let Some(message) = inside else { return Ok(self.bytes.to_vec()) };
        let (mut rest, mut steps) = (message, self.steps.iter());
        while let Some((number, wire)) = rest.next()? {
            let (field::graph::NODE, Wire::Bytes(message)) = (number, wire) else { continue };
            let is_constant = steps.next().is_some_and(|step| step.is_constant);
            let node = Node::read(message)?;
            if is_constant && node.operator != "Constant" {
                continue;
            }
            read.extend(node.inputs.iter().copied());
            kept.push((is_constant, node.outputs.clone(), message));
        }
        let replaced: BTreeSet<&str> = constants.iter().map(|(name, _)| name.as_str()).collect();
        rest = message;
        while let Some((number, wire)) = rest.next()? {
            match (number, wire) {
                (field::graph::NODE, _) => {}
                (field::graph::INITIALIZER, Wire::Bytes(message)) => {
                    let name = Tensor::read_any(message)?.name;
                    if read.contains(name) && !replaced.contains(name) {
                        put_bytes(&mut graph, number, message.bytes);
                    }
                }
                (number, wire) => put(&mut graph, number, &wire),
            }
        }
        for (name, value) in constants.iter().filter(|(name, _)| read.contains(name.as_str())) {
            put_bytes(&mut graph, field::graph::INITIALIZER, &value.written(name));
        }
        for (is_constant, outputs, message) in kept {
            if !is_constant || outputs.iter().any(|output| read.contains(output)) {
                put_bytes(&mut graph, field::graph::NODE, message.bytes);
            }
        }
        put_bytes(&mut model, field::model::GRAPH, &graph);
        Ok(model)
    }
}

/// An input or output of numbers in single precision.
fn port(name: &str, sizes: Option<&[usize]>) -> Vec<u8> {
    let (mut shape, mut tensor, mut kinds, mut port) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    put_number(&mut tensor, field::value::NUMBERS, SINGLE);
    if let Some(sizes) = sizes {
        for size in sizes {
            let mut dimension = Vec::new();
            put_number(&mut dimension, field::value::SIZE, wide(*size));
            put_bytes(&mut shape, field::value::DIMENSION, &dimension);
        }
        put_bytes(&mut tensor, field::value::SHAPE, &shape);
    }
    put_bytes(&mut kinds, field::value::TENSOR, &tensor);
    put_bytes(&mut port, field::value::NAME, name.as_bytes());
    put_bytes(&mut port, field::value::TYPE, &kinds);
    port
}

/// A tensor, in single precision if its numbers are of another floating-point type.
fn tensor(message: Message<'_>) -> Result<Cow<'_, [u8]>, OnnxError> {
    let tensor = Tensor::read_any(message)?;
    let Some(kind) = tensor.kind else { return Ok(Cow::Borrowed(message.bytes)) };
    let data = tensor.data(kind, message)?;
    if let Some(index) = data.iter().position(|value| value.is_nan()) {
        return Err(OnnxError::NotANumber { tensor: shown(tensor.name), index });
    }
    let mut written = Vec::with_capacity(4 * data.len() + tensor.name.len() + 64);
    for size in &tensor.shape {
        put_number(&mut written, field::tensor::DIMENSIONS, wide(*size));
    }
    put_number(&mut written, field::tensor::TYPE, SINGLE);
    put_bytes(&mut written, field::tensor::NAME, tensor.name.as_bytes());
    put_bytes(&mut written, field::tensor::RAW, &NumberType::F32.bytes(&data));
    Ok(Cow::Owned(written))
}

/// A node whose constants and casts are in single precision.
fn node(node: &Node<'_>, equal: &Equal<'_>) -> Result<Vec<u8>, OnnxError> {
    let mut written = Vec::new();
    for input in &node.inputs {
        put_bytes(&mut written, field::node::INPUT, named(equal, input).as_bytes());
    }
    for output in &node.outputs {
        put_bytes(&mut written, field::node::OUTPUT, output.as_bytes());
    }
    if !node.name.is_empty() {
        put_bytes(&mut written, field::node::NAME, node.name.as_bytes());
    }
    put_bytes(&mut written, field::node::OPERATOR, node.operator.as_bytes());
    for one in &node.attributes {
        put_bytes(&mut written, field::node::ATTRIBUTE, &attribute(*one)?);
    }
    if SPATIAL.contains(&node.operator) {
        for one in usual(node)? {
            put_bytes(&mut written, field::node::ATTRIBUTE, &one);
        }
    }
    Ok(written)
}

/// Operators with a stride and a dilation for each axis of a picture, 1 where none are stated, and pads, 0 where none are. The
/// runtime cannot tell the size of their outputs without them.
const SPATIAL: [&str; 4] = ["Conv", "ConvTranspose", "MaxPool", "AveragePool"];

/// `AttributeProto.AttributeType` of a list of whole numbers.
const LIST: u64 = 7;

/// The strides, dilations and pads that a node does not state.
fn usual(node: &Node<'_>) -> Result<Vec<Vec<u8>>, OnnxError> {
    // The number of axes follows from any list that is stated.
    let (mut stated, mut axes) = (BTreeSet::new(), 2);
    for one in &node.attributes {
        let (mut name, mut count, mut rest) = ("", 0, *one);
        while let Some((number, wire)) = rest.next()? {
            match (number, wire) {
                (field::attribute::NAME, Wire::Bytes(text)) => name = text.text()?,
                (field::attribute::INTEGERS, Wire::Varint(_)) => count += 1,
                (field::attribute::INTEGERS, Wire::Bytes(mut packed)) => {
                    while !packed.bytes.is_empty() {
                        packed.varint()?;
                        count += 1;
                    }
                }
                _ => {}
            }
        }
        match (name, count) {
            ("kernel_shape" | "strides" | "dilations", 1..) => axes = count,
            ("pads", 2..) => axes = count / 2,
            ("auto_pad", _) => name = "pads",
            _ => continue,
        }
        stated.insert(name);
    }
    let all = [("strides", axes, 1), ("dilations", axes, 1), ("pads", 2 * axes, 0)];
    let missing = all.into_iter().filter(|(name, ..)| !stated.contains(name));
    let list = |(name, count, value): (&str, usize, u64)| {
        let mut attribute = Vec::new();
        put_bytes(&mut attribute, field::attribute::NAME, name.as_bytes());
        for _ in 0..count {
            put_number(&mut attribute, field::attribute::INTEGERS, value);
        }
        put_number(&mut attribute, field::attribute::TYPE, LIST);
        attribute
    };
    Ok(missing.map(list).collect())
}

/// An attribute whose tensor is in single precision, and with that type in place of other floating-point ones.
fn attribute(message: Message<'_>) -> Result<Vec<u8>, OnnxError> {
    let (mut written, mut rest) = (Vec::new(), message);
    let mut name = "";
    while let Some((number, wire)) = rest.next()? {
        if let (field::attribute::NAME, Wire::Bytes(text)) = (number, wire) {
            name = text.text()?;
        }
    }
    let is_type = matches!(name, "to" | "dtype");
    rest = message;
    while let Some((number, wire)) = rest.next()? {
        match (number, wire) {
            (field::attribute::TENSOR, Wire::Bytes(inside)) => {
                put_bytes(&mut written, number, &tensor(inside)?);
            }
            (field::attribute::INTEGER, Wire::Varint(kind)) if is_type && OTHER_FLOATS.contains(&kind) => {
                put_number(&mut written, number, SINGLE);
            }
            (number, wire) => put(&mut written, number, &wire),
        }
    }
    Ok(written)
}
