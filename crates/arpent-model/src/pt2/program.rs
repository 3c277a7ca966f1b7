//! The graph of an archive, as `torch.export` writes it (`torch/_export/serde/schema.py`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Most nodes of a graph.
const MOST_NODES: usize = 1 << 13;

/// Largest size of an axis.
const MOST_SIZE: usize = 1 << 20;

/// Operators that are listed.
const MOST_LISTED: usize = 12;

/// What an archive computes.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    /// Names of the state dict, by the names in the graph.
    pub(super) weights: BTreeMap<String, String>,
    /// Axes of tensors.
    pub(super) shapes: BTreeMap<String, Vec<usize>>,
    /// The picture, and the scores.
    pub(super) input: String,
    pub(super) output: String,
    /// How often a tensor is read.
    pub(super) uses: BTreeMap<String, usize>,
    /// The number of the last node that reads a tensor; for the scores, of none, after all nodes.
    pub(super) last_reads: BTreeMap<String, usize>,
}

/// An operation.
#[derive(Debug)]
pub(super) struct Node {
    /// Name of the operator without its namespace: `conv2d.default`.
    pub(super) operator: String,
    inputs: Vec<Input>,
    /// Its result; empty if it has none, or several.
    pub(super) output: String,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
    arg: Value,
}

#[derive(Deserialize)]
struct Document {
    graph_module: Module,
}

#[derive(Deserialize)]
struct Module {
    graph: RawGraph,
    signature: Signature,
}

#[derive(Deserialize)]
struct Signature {
    input_specs: Vec<Value>,
    output_specs: Vec<Value>,
}

#[derive(Deserialize)]
struct RawGraph {
    nodes: Vec<RawNode>,
    tensor_values: BTreeMap<String, TensorMeta>,
}

#[derive(Deserialize)]
struct RawNode {
    target: String,
    inputs: Vec<Input>,
    outputs: Vec<Value>,
}

#[derive(Deserialize)]
struct TensorMeta {
    sizes: Vec<Value>,
}

/// The name of a tensor.
fn tensor(value: &Value) -> Option<String> {
    value["as_tensor"]["name"].as_str().map(str::to_owned)
}

impl Program {
    /// # Errors
    /// A document of another form, a picture of sizes that are not numbers.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let Document { graph_module: Module { graph, signature } } =
            serde_json::from_slice(text).map_err(|error| format!("models/model.json: {error}"))?;
        if graph.nodes.len() > MOST_NODES {
            return Err(format!("it has more than {MOST_NODES} nodes"));
        }
        let (mut weights, mut pictures) = (BTreeMap::new(), Vec::new());
        for spec in &signature.input_specs {
            let stored = ["parameter", "buffer"].into_iter().find_map(|kind| {
                let of = &spec[kind];
                Some((of["arg"]["name"].as_str()?, of[format!("{kind}_name")].as_str()?))
            });
            match (stored, tensor(&spec["user_input"]["arg"])) {
                (Some((name, stored)), _) => drop(weights.insert(name.to_owned(), stored.to_owned())),
                (None, Some(picture)) => pictures.push(picture),
                // Constants of the graph: an operator that reads one says so.
                (None, None) => {}
            }
        }
        let scores: Vec<String> =
            signature.output_specs.iter().filter_map(|spec| tensor(&spec["user_output"]["arg"])).collect();
        let ([input], [output]) = (&pictures[..], &scores[..]) else {
            return Err(format!(
                "it has {} inputs and {} outputs, expected one picture and its scores",
                pictures.len(),
                scores.len()
            ));
        };
        let mut shapes = BTreeMap::new();
        for (name, meta) in &graph.tensor_values {
            let size = |size: &Value| {
                let size = size["as_int"].as_u64().and_then(|size| usize::try_from(size).ok());
                size.filter(|size| *size <= MOST_SIZE)
            };
            match meta.sizes.iter().map(size).collect::<Option<Vec<usize>>>() {
                Some(sizes) => drop(shapes.insert(name.clone(), sizes)),
                None if name == input => {
                    return Err("its picture has sizes that are no numbers (dynamic shapes)".into());
                }
                None => {}
            }
        }
        let (mut uses, mut last_reads) = (BTreeMap::<String, usize>::new(), BTreeMap::new());
        let nodes: Vec<Node> = graph.nodes.into_iter().map(Node::new).collect();
        let read = nodes
            .iter()
            .enumerate()
            .flat_map(|(at, node)| node.reads().into_iter().map(move |name| (at, name)));
        for (at, name) in read.chain([(nodes.len(), output.clone())]) {
            *uses.entry(name.clone()).or_default() += 1;
            last_reads.insert(name, at);
        }
        Ok(Self { nodes, weights, shapes, input: input.clone(), output: output.clone(), uses, last_reads })
    }

    /// The operators that `is_wanted` names, with their counts, as text; `None` if there is none.
    pub(super) fn operators(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| is_wanted(&node.operator)) {
            let plain = node.operator.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
            *counts.entry(plain).or_default() += 1;
        }
        let more = counts.len().saturating_sub(MOST_LISTED);
        let more = (more > 0).then(|| format!("{more} more"));
        let listed =
            counts.into_iter().take(MOST_LISTED).map(|(name, count)| format!("aten.{name} ({count})"));
        let all: Vec<String> = listed.chain(more).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

impl Node {
    fn new(raw: RawNode) -> Self {
        let operator = raw.target.trim_start_matches("torch.ops.").trim_start_matches("aten.").to_owned();
        let output = match &raw.outputs[..] {
            [one] => tensor(one).unwrap_or_default(),
            _ => String::new(),
        };
        Self { operator, inputs: raw.inputs, output }
    }

    /// The tensors that it reads.
    pub(super) fn reads(&self) -> Vec<String> {
        self.inputs.iter().flat_map(|input| tensors_of(&input.arg)).collect()
    }

    fn argument(&self, name: &str) -> Option<&Value> {
        self.inputs.iter().find(|input| input.name == name).map(|input| &input.arg)
    }

    /// The tensor that it reads first.
    pub(super) fn first(&self) -> Option<String> {
        self.inputs.first().and_then(|input| tensor(&input.arg))
    }

    /// A tensor that it reads; `None` without one.
    pub(super) fn tensor(&self, name: &str) -> Option<String> {
        self.argument(name).and_then(tensor)
    }

    /// A list of tensors.
    pub(super) fn tensors(&self, name: &str) -> Vec<String> {
        self.argument(name).map(tensors_of).unwrap_or_default()
    }

    /// A list of whole numbers, or one; `None` if it is not stated.
    pub(super) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        let value = self.argument(name)?;
        match value["as_ints"].as_array() {
            Some(all) => all.iter().map(Value::as_i64).collect(),
            None => value["as_int"].as_i64().map(|one| vec![one]),
        }
    }

    /// A number; `None` if it is not stated.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let value = self.argument(name)?;
        value["as_float"].as_f64().or_else(|| value["as_int"].as_f64())
    }

    /// Whether a flag is set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.argument(name).is_some_and(|value| value["as_bool"].as_bool() == Some(true))
    }

    /// A text; `None` if it is not stated.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.argument(name)?["as_string"].as_str()
    }
}

fn tensors_of(value: &Value) -> Vec<String> {
    let of = |value: &Value| value["name"].as_str().map(str::to_owned);
    match value["as_tensors"].as_array() {
        Some(all) => all.iter().filter_map(of).collect(),
        None => tensor(value).into_iter().collect(),
    }
}
