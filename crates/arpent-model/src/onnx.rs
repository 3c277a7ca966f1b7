//! Reads the initializers of an ONNX file (<https://onnx.ai/onnx/repo-docs/IR.html>): the weights of a network that was
//! exported, under the names of its state dict. The graph is not run. It is looked at to see whether the names are
//! still those of the network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arpent_base::number::wide;

use crate::error::OnnxError;
use crate::protobuf::{Message, Wire};
use crate::storage::NumberType;
use crate::{ModelError, Weights};

/// Limits. Protocol Buffers allow no message above 2 GiB; no published network has as many values, tensors or nodes.
const MOST_BYTES: u64 = 2 << 30;
const MOST_VALUES: usize = 1 << 30;
/// Of tensors that are stored once and have several names; those are small.
const MOST_EQUAL_VALUES: usize = 1 << 26;
const MOST_TENSORS: usize = 1 << 16;
const MOST_NODES: usize = 1 << 20;
const MOST_NAME_BYTES: usize = 1024;
const MOST_DIMENSIONS: usize = 8;

/// Fields of the messages that are read (`onnx.proto`).
mod field {
    pub(super) mod model {
        pub(crate) const GRAPH: u64 = 7;
    }
    pub(super) mod graph {
        pub(crate) const NODE: u64 = 1;
        pub(crate) const INITIALIZER: u64 = 5;
        pub(crate) const SPARSE_INITIALIZER: u64 = 15;
    }
    pub(super) mod node {
        pub(crate) const INPUT: u64 = 1;
        pub(crate) const OUTPUT: u64 = 2;
        pub(crate) const OPERATOR: u64 = 4;
    }
    pub(super) mod tensor {
        pub(crate) const DIMENSIONS: u64 = 1;
        pub(crate) const TYPE: u64 = 2;
        pub(crate) const SEGMENT: u64 = 3;
        pub(crate) const FLOATS: u64 = 4;
        pub(crate) const INTEGERS: u64 = 5;
        pub(crate) const NAME: u64 = 8;
        pub(crate) const RAW: u64 = 9;
        pub(crate) const DOUBLES: u64 = 10;
        pub(crate) const EXTERNAL: u64 = 13;
        pub(crate) const PLACE: u64 = 14;
    }
    pub(super) mod entry {
        pub(crate) const KEY: u64 = 1;
        pub(crate) const VALUE: u64 = 2;
    }
}

/// The value of `data_location` for data in another file.
const EXTERNAL: u64 = 1;

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

/// The length of a file, and its bytes if these are not too many.
fn load(path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    let (file, mut bytes) = (File::open(path)?, Vec::new());
    let length = file.metadata()?.len();
    if length <= MOST_BYTES {
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    }
    Ok((length, bytes))
}

/// The limit of a number of things.
fn within(what: &'static str, found: usize, most: usize) -> Result<usize, OnnxError> {
    if found > most { Err(OnnxError::TooMuch { what, most: wide(most) }) } else { Ok(found) }
}

fn damaged(reason: impl Into<String>) -> OnnxError {
    OnnxError::Damaged { reason: reason.into() }
}

impl From<String> for OnnxError {
    fn from(reason: String) -> Self {
        Self::Damaged { reason }
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

/// All submessages of one field.
fn inside<'a>(
    mut message: Message<'a>,
    wanted: u64,
    what: &'static str,
    most: usize,
) -> Result<Vec<Message<'a>>, OnnxError> {
    let mut found = Vec::new();
    while let Some((number, wire)) = message.next()? {
        if let (true, Wire::Bytes(inside)) = (number == wanted, wire) {
            found.push(inside);
            within(what, found.len(), most)?;
        }
    }
    Ok(found)
}

/// The header of an initializer.
#[derive(Debug, Default)]
struct Tensor<'a> {
    name: &'a str,
    shape: Vec<usize>,
    /// Absent if the values are no weights: counters, shapes, masks.
    kind: Option<NumberType>,
    raw: Option<Message<'a>>,
}

impl<'a> Tensor<'a> {
    fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let (mut tensor, mut rest) = (Self::default(), message);
        let (mut is_external, mut is_in_segments, mut location) = (false, false, "");
        while let Some((number, wire)) = rest.next()? {
            match (number, wire) {
                (field::tensor::NAME, Wire::Bytes(name)) => tensor.name = name.text()?,
                (field::tensor::TYPE, Wire::Varint(code)) => tensor.kind = kind(code),
                (field::tensor::RAW, Wire::Bytes(raw)) => tensor.raw = Some(raw),
                (field::tensor::DIMENSIONS, Wire::Varint(size)) => tensor.add_dimension(size)?,
                (field::tensor::DIMENSIONS, Wire::Bytes(mut sizes)) => {
                    while !sizes.bytes.is_empty() {
                        tensor.add_dimension(sizes.varint()?)?;
                    }
                }
                (field::tensor::SEGMENT, _) => is_in_segments = true,
                (field::tensor::PLACE, Wire::Varint(place)) => is_external = place == EXTERNAL,
                (field::tensor::EXTERNAL, Wire::Bytes(entry)) => {
                    location = location_in(entry)?.unwrap_or(location);
                }
                _ => {}
            }
        }
        check_name(tensor.name)?;
        if is_in_segments {
            return Err(damaged(format!("`{}` is stored in segments", tensor.name)));
        }
        // Counters and shapes in other files are not needed.
        if tensor.kind.is_some() && (is_external || !location.is_empty()) {
            let (tensor, location) = (tensor.name.to_owned(), shown(location));
            return Err(OnnxError::External { tensor, location });
        }
        Ok(tensor)
    }

    fn add_dimension(&mut self, size: u64) -> Result<(), OnnxError> {
        // Also sizes below 0, which are 2^63 and more here.
        let size = usize::try_from(size).ok().filter(|size| *size <= MOST_VALUES);
        self.shape.push(size.ok_or(OnnxError::TooMuch { what: "values", most: wide(MOST_VALUES) })?);
        within("dimensions", self.shape.len(), MOST_DIMENSIONS).map(drop)
    }

    /// Number of values. Empty tensors have limits, too: their sizes are multiplied elsewhere.
    fn values(&self) -> Result<usize, OnnxError> {
        let product = self.shape.iter().try_fold(1usize, |all, size| all.checked_mul((*size).max(1)));
        let product = within("values", product.unwrap_or(usize::MAX), MOST_VALUES)?;
        Ok(if self.shape.contains(&0) { 0 } else { product })
    }

    fn data(&self, kind: NumberType, message: Message<'a>) -> Result<Vec<f32>, OnnxError> {
        let wanted = self.values()?;
        let wrong = |found: String| {
            damaged(format!("`{}` has {found}, its shape {:?} has {wanted}", self.name, self.shape))
        };
        if let Some(raw) = self.raw {
            let length = raw.bytes.len();
            if wanted.checked_mul(kind.size()) != Some(length) {
                return Err(wrong(format!("{length} bytes of {kind:?}")));
            }
            return Ok(kind.values(raw.bytes));
        }
        // Each value takes a byte at least.
        let mut values = Vec::with_capacity(wanted.min(message.bytes.len()));
        let mut rest = message;
        while let Some((number, wire)) = rest.next()? {
            push(kind, number, wire, &mut values, wanted)?;
            if values.len() > wanted {
                return Err(wrong("more values".into()));
            }
        }
        if values.len() < wanted {
            return Err(wrong(format!("{} values", values.len())));
        }
        Ok(values)
    }
}

/// Adds the values of a field, no more of them than one beyond `most`.
fn push(
    kind: NumberType,
    number: u64,
    wire: Wire<'_>,
    values: &mut Vec<f32>,
    most: usize,
) -> Result<(), OnnxError> {
    let few = |bytes: &[u8], left: usize| bytes.len().min((left + 1).saturating_mul(kind.size()));
    let left = most - values.len();
    match (kind, number, wire) {
        (NumberType::F32, field::tensor::FLOATS, Wire::Four(bytes)) => values.extend(kind.values(&bytes)),
        (NumberType::F64, field::tensor::DOUBLES, Wire::Eight(bytes)) => values.extend(kind.values(&bytes)),
        (NumberType::F32, field::tensor::FLOATS, Wire::Bytes(packed))
        | (NumberType::F64, field::tensor::DOUBLES, Wire::Bytes(packed)) => {
            if packed.bytes.len() % kind.size() != 0 {
                return Err(damaged(format!("{} bytes of packed {kind:?}", packed.bytes.len())));
            }
            values.extend(kind.values(&packed.bytes[..few(packed.bytes, left)]));
        }
        (NumberType::F16 | NumberType::Bf16, field::tensor::INTEGERS, Wire::Varint(bits)) => {
            values.extend(half(kind, bits)?);
        }
        (NumberType::F16 | NumberType::Bf16, field::tensor::INTEGERS, Wire::Bytes(mut packed)) => {
            while !packed.bytes.is_empty() && values.len() <= most {
                values.extend(half(kind, packed.varint()?)?);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A value of two bytes that is stored as a whole number.
fn half(kind: NumberType, bits: u64) -> Result<Vec<f32>, OnnxError> {
    let bits = u16::try_from(bits).map_err(|_| damaged(format!("{bits} is no value of {kind:?}")))?;
    Ok(kind.values(&bits.to_le_bytes()))
}

/// `TensorProto.DataType`.
const fn kind(code: u64) -> Option<NumberType> {
    match code {
        1 => Some(NumberType::F32),
        10 => Some(NumberType::F16),
        11 => Some(NumberType::F64),
        16 => Some(NumberType::Bf16),
        _ => None,
    }
}

/// The value of an entry `location`.
fn location_in(mut entry: Message<'_>) -> Result<Option<&str>, OnnxError> {
    let (mut key, mut value) = ("", "");
    while let Some((number, wire)) = entry.next()? {
        match (number, wire) {
            (field::entry::KEY, Wire::Bytes(text)) => key = text.text()?,
            (field::entry::VALUE, Wire::Bytes(text)) => value = text.text()?,
            _ => {}
        }
    }
    Ok((key == "location").then_some(value))
}

fn check_name(name: &str) -> Result<(), OnnxError> {
    within("bytes of a name", name.len(), MOST_NAME_BYTES)?;
    if name.is_empty() {
        return Err(damaged("a tensor has no name"));
    }
    if name.chars().any(char::is_control) {
        return Err(damaged(format!("a name with control characters: {name:?}")));
    }
    Ok(())
}

/// The start of a text from a file, without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
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
