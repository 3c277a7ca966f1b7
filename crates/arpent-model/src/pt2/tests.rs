//! Graphs that no fixture has: sigmoids before the end, and sizes that no network has.

use serde_json::{Value, json};

use super::lower::{LoweredGraph, lower};
use super::program::Program;
use crate::stored::{GraphStep, StepActivation};
use crate::{Architecture, Weights};

fn tensor(name: &str) -> Value {
    json!({ "as_tensor": { "name": name } })
}

/// A node with its first input, and other arguments.
fn node(operator: &str, from: &str, output: &str, more: Value) -> Value {
    let mut inputs = vec![json!({ "name": "self", "arg": tensor(from) })];
    let Value::Object(more) = more else { unreachable!() };
    for (name, arg) in more {
        inputs.push(json!({ "name": name, "arg": arg }));
    }
    json!({ "target": format!("torch.ops.aten.{operator}"), "inputs": inputs, "outputs": [tensor(output)] })
}

/// The head, a convolution of one pixel.
fn head(from: &str) -> Value {
    node("conv2d.default", from, "a", json!({ "weight": tensor("p_w") }))
}

/// Lowers nodes that make `y` from the picture `x` of three bands; `kernel` is the shape of the head's weight.
fn lowered(
    nodes: &[Value],
    shapes: &[(&str, [u64; 4])],
    kernel: &[usize],
    is_measured: bool,
) -> Result<LoweredGraph, String> {
    let sizes = |shape: &[u64; 4]| shape.map(|size| json!({ "as_int": size }));
    let all = [("x", [1, 3, 8, 8])]
        .iter()
        .chain(shapes)
        .map(|(name, shape)| ((*name).to_owned(), json!({ "sizes": sizes(shape) })));
    let document = json!({ "graph_module": {
        "graph": { "nodes": nodes, "tensor_values": all.collect::<serde_json::Map<_, _>>() },
        "signature": {
            "input_specs": [
                { "user_input": { "arg": tensor("x") } },
                { "parameter": { "arg": { "name": "p_w" }, "parameter_name": "head.weight" } },
            ],
            "output_specs": [{ "user_output": { "arg": tensor("y") } }],
        },
    } });
    let program = Program::parse(document.to_string().as_bytes())?;
    let mut stored = Weights::default();
    stored.insert("head.weight", kernel, vec![0.5; kernel.iter().product()]);
    lower(&program, &stored, is_measured)
}

fn steps(graph: LoweredGraph) -> Vec<GraphStep> {
    let Architecture::Graph { steps, .. } = graph.architecture else { unreachable!() };
    steps
}

fn sigmoids(steps: &[GraphStep]) -> usize {
    let has = |step: &&GraphStep| {
        matches!(
            step,
            GraphStep::Conv { activation: StepActivation::Sigmoid, .. }
                | GraphStep::Add { activation: StepActivation::Sigmoid, .. }
        )
    };
    steps.iter().filter(has).count()
}

#[test]
fn a_sigmoid_before_copies_is_the_last_one() {
    let of = |outputs: usize| [1, outputs as u64, 8, 8];
    for copy in ["clone.default", "contiguous.default", "alias.default", "dropout.default"] {
        for outputs in [1, 2] {
            let nodes = [
                head("x"),
                node("sigmoid.default", "a", "s", json!({})),
                node(copy, "s", "t", json!({})),
                node(copy, "t", "y", json!({})),
            ];
            let shapes = ["a", "s", "t", "y"].map(|name| (name, of(outputs)));
            let graph = lowered(&nodes, &shapes, &[outputs, 3, 1, 1], false).unwrap();
            assert_eq!((graph.architecture.out_channels(), graph.notes.len()), (2, outputs - 1));
            let steps = steps(graph);
            assert_eq!((steps.len(), sigmoids(&steps)), (3 - outputs, 0), "{copy}: {steps:?}");
            // Of a measured value it is a part.
            let measured = self::steps(lowered(&nodes, &shapes, &[outputs, 3, 1, 1], true).unwrap());
            assert_eq!((measured.len(), sigmoids(&measured)), (1, 1), "{copy}: {measured:?}");
        }
    }
}

#[test]
fn a_sigmoid_that_is_resized_or_joined_is_refused() {
    let half = json!({ "kernel_size": { "as_ints": [2, 2] }, "stride": { "as_ints": [2, 2] } });
    let full = json!({ "output_size": { "as_ints": [8, 8] }, "align_corners": { "as_bool": false } });
    let resized = |operator: &str| {
        [
            node("avg_pool2d.default", "x", "p", half.clone()),
            head("p"),
            node("sigmoid.default", "a", "s", json!({})),
            node(operator, "s", "y", full.clone()),
        ]
    };
    let shapes = [("p", [1, 3, 4, 4]), ("a", [1, 1, 4, 4]), ("s", [1, 1, 4, 4]), ("y", [1, 1, 8, 8])];
    for operator in ["upsample_bilinear2d.vec", "upsample_nearest2d.vec"] {
        let problem = lowered(&resized(operator), &shapes, &[1, 3, 1, 1], false).unwrap_err();
        assert!(problem.contains("values of its last sigmoid") && problem.contains("export it"), "{problem}");
        let measured = steps(lowered(&resized(operator), &shapes, &[1, 3, 1, 1], true).unwrap());
        assert_eq!((measured.len(), sigmoids(&measured)), (3, 1));
    }
    let joined = [
        head("x"),
        node("sigmoid.default", "a", "s", json!({})),
        json!({
            "target": "torch.ops.aten.cat.default",
            "inputs": [
                { "name": "tensors", "arg": { "as_tensors": [{ "name": "s" }, { "name": "s" }] } },
                { "name": "dim", "arg": { "as_int": 1 } },
            ],
            "outputs": [tensor("y")],
        }),
    ];
    let shapes = [("a", [1, 1, 8, 8]), ("s", [1, 1, 8, 8]), ("y", [1, 2, 8, 8])];
    let problem = lowered(&joined, &shapes, &[1, 3, 1, 1], false).unwrap_err();
    assert!(problem.contains("values of its last sigmoid"), "{problem}");
}

#[test]
fn sizes_that_no_network_has_are_refused() {
    let one = |kernel: &[usize], output: [u64; 4]| {
        let nodes = [node("conv2d.default", "x", "y", json!({ "weight": tensor("p_w") }))];
        lowered(&nodes, &[("y", output)], kernel, false).unwrap_err()
    };
    assert!(one(&[1, 3, 0, 0], [1, 1, 8, 8]).contains("without a value"));
    assert!(one(&[1, 0, 3, 3], [1, 1, 8, 8]).contains("without a value"));
    assert!(one(&[0, 3, 1, 1], [1, 0, 8, 8]).contains("without a value"));
    for side in [1i64 << 62, 1 << 20, -2, 0] {
        let mean = json!({ "kernel_size": { "as_ints": [side, side] } });
        let nodes = [node("avg_pool2d.default", "x", "y", mean)];
        let problem = lowered(&nodes, &[("y", [1, 3, 4, 4])], &[1, 3, 1, 1], false).unwrap_err();
        assert!(problem.contains("a mean that is not run"), "{problem}");
    }
}

/// A map with its axes in another order is the same map: an activation of one is none of the other, and writing into one
/// writes into both.
#[test]
fn what_is_written_under_another_name_is_refused() {
    let axes = |dims: [i64; 4]| json!({ "dims": { "as_ints": dims } });
    let nodes = |relu: &str| {
        [
            head("x"),
            node("permute.default", "a", "p", axes([0, 2, 3, 1])),
            node(relu, "p", "q", json!({})),
            node("permute.default", "q", "r", axes([0, 3, 1, 2])),
            node("add.Tensor", "a", "y", json!({ "other": tensor("r") })),
        ]
    };
    let (first, last) = ([1, 2, 8, 8], [1, 8, 8, 2]);
    let shapes = [("a", first), ("p", last), ("q", last), ("r", first), ("y", first)];
    let of = |relu| lowered(&nodes(relu), &shapes, &[2, 3, 1, 1], false);
    let steps = steps(of("relu.default").unwrap());
    let is = |step: &GraphStep, wanted| matches!(step, GraphStep::Conv { activation, .. } if *activation == wanted);
    assert!(is(&steps[0], StepActivation::None) && is(&steps[1], StepActivation::Relu), "{steps:?}");
    assert!(matches!(steps[2], GraphStep::Add { from: [1, 2], .. }) && steps.len() == 3, "{steps:?}");
    let problem = of("relu_.default").unwrap_err();
    assert!(problem.contains("writes into a map that is read later as `a`"), "{problem}");
}

/// What is made of the other name after the writing has what was written, however often the names are read in all.
#[test]
fn what_is_read_after_the_writing_is_refused() {
    let (order, back) = ([0, 2, 3, 1], [0, 3, 1, 2]);
    let axes = |dims: [i64; 4]| json!({ "dims": { "as_ints": dims } });
    let (first, last) = ([1, 2, 8, 8], [1, 8, 8, 2]);
    let none = || json!({});
    for [there, again] in [
        [("permute.default", axes(order)), ("permute.default", axes(back))],
        [("dropout.default", none()), ("dropout.default", none())],
        [("alias.default", none()), ("clone.default", none())],
        [("contiguous.default", none()), ("contiguous.default", none())],
    ] {
        let name = there.0;
        let of = |relu: &str| {
            let nodes = [
                head("x"),
                node(name, "a", "p", there.1.clone()),
                node(relu, "a", "q", none()),
                node(again.0, "p", "r", again.1.clone()),
                node("add.Tensor", "q", "y", json!({ "other": tensor("r") })),
            ];
            let turned = if name == "permute.default" { last } else { first };
            let shapes = [("a", first), ("p", turned), ("q", first), ("r", first), ("y", first)];
            lowered(&nodes, &shapes, &[2, 3, 1, 1], false)
        };
        let problem = of("relu_.default").unwrap_err();
        assert!(problem.contains("writes into a map that is read later as `p`"), "{name}: {problem}");
        // Without writing, both are there: the sum is of the activated map and of the plain one.
        let steps = steps(of("relu.default").unwrap());
        assert!(
            matches!(steps[2], GraphStep::Add { from: [2, 1], .. }) && steps.len() == 3,
            "{name}: {steps:?}"
        );
    }
}

/// A copy is no other name; nor is a name that is read before the writing only.
#[test]
fn copies_may_be_written_into() {
    let same = [1, 2, 8, 8];
    let nodes = [
        head("x"),
        node("clone.default", "a", "c", json!({})),
        node("relu_.default", "c", "q", json!({})),
        node("add.Tensor", "a", "y", json!({ "other": tensor("c") })),
    ];
    let shapes = ["a", "c", "q", "y"].map(|name| (name, same));
    let made = steps(lowered(&nodes, &shapes, &[2, 3, 1, 1], false).unwrap());
    let plain = |step: &GraphStep, wanted| matches!(step, GraphStep::Conv { activation, .. } if *activation == wanted);
    assert!(plain(&made[0], StepActivation::None) && plain(&made[1], StepActivation::Relu), "{made:?}");
    assert!(matches!(made[2], GraphStep::Add { from: [1, 2], .. }) && made.len() == 3, "{made:?}");
    let nodes = [
        head("x"),
        node("alias.default", "a", "p", json!({})),
        node("silu.default", "p", "s", json!({})),
        node("relu_.default", "a", "q", json!({})),
        node("add.Tensor", "q", "y", json!({ "other": tensor("s") })),
    ];
    let shapes = ["a", "p", "s", "q", "y"].map(|name| (name, same));
    let made = steps(lowered(&nodes, &shapes, &[2, 3, 1, 1], false).unwrap());
    assert!(plain(&made[1], StepActivation::Silu) && plain(&made[2], StepActivation::Relu), "{made:?}");
    assert!(matches!(made[3], GraphStep::Add { from: [3, 2], .. }) && made.len() == 4, "{made:?}");
}

/// A parameter with other axes is read with these.
#[test]
fn parameters_are_read_with_the_axes_that_they_get() {
    let view = node("view.default", "p_w", "w", json!({ "size": { "as_ints": [2, 3, 1, 1] } }));
    let conv = node("conv2d.default", "x", "y", json!({ "weight": tensor("w") }));
    let of = |axes: [u64; 4]| {
        let shapes = [("w", axes), ("y", [1, 2, 8, 8])];
        lowered(&[view.clone(), conv.clone()], &shapes, &[2, 3], false)
    };
    let made = of([2, 3, 1, 1]).unwrap();
    assert_eq!(made.weights.get("head.weight").unwrap().shape, [2, 3, 1, 1]);
    let problem = of([2, 4, 1, 1]).unwrap_err();
    assert!(problem.contains("which are not those of its 6 values"), "{problem}");
}
