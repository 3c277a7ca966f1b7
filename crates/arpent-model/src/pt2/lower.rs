//! Lowers the graph of an archive to steps of our own (ADR 0031).

use std::collections::BTreeMap;

use arpent_base::number::narrow;

use super::kernel::{KNOWN, Kernel, whole};
use super::program::{Node, Program};
use super::scores::clear_sigmoid;
use super::state::{Feature, Lowering};
use crate::stored::{GraphStep, StepActivation};
use crate::{Architecture, Weights};

/// Operators whose result is, or may be, their input under another name; `clone` copies always.
const VIEWS: [&str; 9] = [
    "permute",
    "view",
    "reshape",
    "flatten",
    "unsqueeze",
    "dropout",
    "feature_dropout",
    "contiguous",
    "alias",
];

/// A network that was lowered.
#[derive(Debug)]
pub(crate) struct LoweredGraph {
    /// Its steps.
    pub(crate) architecture: Architecture,
    /// Their weights.
    pub(crate) weights: Weights,
    /// What was left out, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Lowers a program with its weights; `is_measured` if its outputs are values, and no scores of classes.
///
/// # Errors
/// Operators that are not lowered, with their counts; sizes or settings of one that no step has.
pub(super) fn lower(program: &Program, stored: &Weights, is_measured: bool) -> Result<LoweredGraph, String> {
    if let Some(unknown) = program.operators(|operator| !KNOWN.contains(&operator)) {
        return Err(format!("it has operators that are not run: {unknown}"));
    }
    let picture = program.shapes.get(&program.input);
    let Some([_, bands, height, width]) = picture.map(Vec::as_slice) else {
        return Err(format!("its input has the axes {picture:?}, expected batch, band, row, column"));
    };
    if *height == 0 || *width == 0 || *bands == 0 {
        return Err("its picture has no pixels".into());
    }
    let shared = program.uses.get(&program.input).copied() != Some(1);
    let first = Feature { step: 0, pads: [0; 2], shared, channels_last: false, memory: 0 };
    let mut lowering = Lowering {
        program,
        stored,
        features: BTreeMap::from([(program.input.clone(), first)]),
        steps: Vec::new(),
        weights: Weights::default(),
        reshaped: BTreeMap::new(),
        names: BTreeMap::new(),
        notes: Vec::new(),
        is_measured,
        values: 0,
    };
    for (at, node) in program.nodes.iter().enumerate() {
        let named = |problem: String| format!("{} (`{}`) {problem}", node.operator, node.output);
        lowering.node(at, node).map_err(named)?;
    }
    lowering.finish(*bands)
}

impl Lowering<'_> {
    fn finish(mut self, bands: usize) -> Result<LoweredGraph, String> {
        let last = self.feature(&self.program.output)?;
        let mut outputs = self.shape(&self.program.output)?[0];
        if last.pads != [0; 2] || last.channels_last {
            return Err("its output is padded, or has its channels last".into());
        }
        if !self.is_measured && clear_sigmoid(&mut self.steps, last.step)? {
            self.note_sigmoid(outputs);
        }
        if outputs == 1 && !self.is_measured {
            // The softmax of 0 and `z` is the sigmoid of `z`.
            let two = Kernel {
                shape: [2, 1, 1, 1],
                depthwise: false,
                ..Kernel::of_channels("background", 2, vec![0.0, 1.0], vec![0.0; 2])
            };
            self.add_conv(last.step, two)?;
            outputs = 2;
        } else if last.step != self.steps.len() {
            return Err("its output is not what it computes last".into());
        }
        let architecture =
            Architecture::Graph { in_channels: bands, out_channels: outputs, steps: self.steps };
        Ok(LoweredGraph { architecture, weights: self.weights, notes: self.notes })
    }

    fn node(&mut self, at: usize, node: &Node) -> Result<(), String> {
        let operator = node.operator.split('.').next().unwrap_or_default();
        let (plain, is_inplace) = match operator.strip_suffix('_') {
            Some(plain) => (plain, true),
            None => (operator, false),
        };
        if self.is_reshaped_parameter(node, plain) {
            return Ok(());
        }
        self.check_order(node, plain)?;
        if is_inplace {
            self.check_written(at, node)?;
        }
        // Number 0 is the picture's.
        let memory = if is_inplace || VIEWS.contains(&plain) { self.read(node)?.memory } else { at + 1 };
        let made = match plain {
            "conv2d" | "convolution" => self.conv(node)?,
            "conv_transpose2d" => self.transposed(node)?,
            "group_norm" => self.group_norm(node)?,
            "layer_norm" => self.layer_norm(node)?,
            "permute" => self.permuted(node)?,
            "batch_norm" | "_native_batch_norm_legit_no_training" => self.batch_norm(node)?,
            "relu" => self.activate(node, StepActivation::Relu)?,
            "relu6" => self.activate(node, StepActivation::Relu6)?,
            "hardtanh" => {
                let limits = [node.number("min_val").unwrap_or(-1.0), node.number("max_val").unwrap_or(1.0)];
                if limits.map(f64::to_bits) != [0.0f64, 6.0].map(f64::to_bits) {
                    return Err(format!("limits to {limits:?}, expected 0 and 6"));
                }
                self.activate(node, StepActivation::Relu6)?
            }
            "silu" => self.activate(node, StepActivation::Silu)?,
            "gelu" if node.text("approximate").is_none_or(|how| how == "none") => {
                self.activate(node, StepActivation::Gelu)?
            }
            "sigmoid" => self.sigmoid(node)?,
            "softmax" | "_softmax" => self.softmax(node)?,
            "max_pool2d" => self.max_pool(node)?,
            "avg_pool2d" => self.mean_pool(node)?,
            "adaptive_avg_pool2d" => self.adaptive_mean(node)?,
            "mean" => self.mean(node)?,
            "upsample_nearest2d" | "upsample_bilinear2d" => self.enlarge(node, plain)?,
            "cat" => self.concat(node)?,
            "add" => self.add(node)?,
            "mul" => self.scale(node)?,
            "constant_pad_nd" | "pad" => self.pad(node)?,
            "linear" => self.linear(node)?,
            "view" | "reshape" | "flatten" | "unsqueeze" => self.reshaped(node)?,
            "dropout" | "feature_dropout" if node.is_set("train") => {
                return Err("is in training mode: export the network after `eval()`".into());
            }
            "dropout" | "feature_dropout" | "clone" | "contiguous" | "alias" => self.read(node)?,
            _ => return Err("is another variant than the one that is run".into()),
        };
        let shared = made.shared || self.program.uses.get(&node.output).copied().unwrap_or(0) != 1;
        self.features.insert(node.output.clone(), Feature { shared, memory, ..made });
        // What reads the input later sees what was written into it.
        let input = node.first().filter(|input| is_inplace && self.program.uses.get(input) != Some(&1));
        if let Some(input) = input {
            for name in [input, node.output.clone()] {
                self.features.insert(name, Feature { shared: true, memory, ..made });
            }
        }
        Ok(())
    }

    fn conv(&mut self, node: &Node) -> Result<Feature, String> {
        let Some((name, shape, kernel)) = self.weight(node, "weight")? else {
            return Err("has no weight".into());
        };
        let &[outputs, each, side, columns] = shape.as_slice() else {
            return Err(format!("has a weight of the axes {shape:?}, expected four"));
        };
        if kernel.is_empty() {
            return Err(format!("has a weight of the axes {shape:?}, without a value"));
        }
        let [inputs, height, width] = self.shape_of_first(node)?;
        let square = |name: &str, usual: i64| match node.ints(name).as_deref() {
            None => Ok(usual),
            Some([one]) => Ok(*one),
            Some([a, b]) if a == b => Ok(*a),
            other => Err(format!("has the {name} {other:?}, expected the same along both axes")),
        };
        let (stride, dilation) = (square("stride", 1)?, square("dilation", 1)?);
        let (stride, dilation) = (whole(stride)?, whole(dilation)?);
        let groups = node.ints("groups").and_then(|all| all.first().copied()).unwrap_or(1);
        let depthwise = groups != 1;
        if side != columns || (depthwise && (whole(groups)?, each, outputs) != (inputs, 1, inputs)) {
            return Err(format!(
                "has a kernel of {side} x {columns} px and {groups} groups for {inputs} inputs and {outputs} outputs; \
                 expected a square one, and 1 group or one for each channel"
            ));
        }
        if node.is_set("transposed") {
            return Err("is transposed".into());
        }
        let around = match node.text("padding") {
            Some("valid") => 0,
            Some("same") if (dilation * (side - 1)).is_multiple_of(2) => dilation * (side - 1) / 2,
            Some(other) => return Err(format!("has the padding `{other}` of an even kernel")),
            None => whole(square("padding", 0)?)?,
        };
        let Feature { step, pads, .. } = self.read(node)?;
        let before = around + pads[0];
        // Zeros behind are as many as an output of the input's size, divided by the stride, needs.
        let [_, rows, columns] = self.shape(&node.output)?;
        let unpadded = [height, width].map(|side| side.saturating_sub(pads[0] + pads[1]));
        if [rows * stride, columns * stride] != unpadded || before > dilation * (side - 1) {
            return Err(format!(
                "gives {rows} x {columns} px of {} x {} with a stride of {stride}; expected padding that keeps the size, \
                 and a picture whose sides the network's stride divides",
                unpadded[0], unpadded[1]
            ));
        }
        let bias = match self.weight(node, "bias")? {
            Some((_, _, bias)) if bias.len() == outputs => bias,
            Some(_) => return Err("has a bias of another number of outputs".into()),
            None => vec![0.0; outputs],
        };
        let name = name.strip_suffix(".weight").unwrap_or(&name).to_owned();
        let shape = [outputs, each, side, side];
        self.add_conv(
            step,
            Kernel { name, shape, weights: kernel, bias, stride, before, dilation, depthwise },
        )
    }

    /// Normalizes by running statistics: in the convolution before, or as a factor and a summand for each channel.
    fn batch_norm(&mut self, node: &Node) -> Result<Feature, String> {
        if node.is_set("training") {
            return Err("is in training mode: export the network after `eval()`".into());
        }
        let [channels, ..] = self.shape_of_first(node)?;
        let part = |name: &str, usual: f32| -> Result<Vec<f32>, String> {
            let values = self.weight(node, name)?.map_or_else(|| vec![usual; channels], |(_, _, data)| data);
            if values.len() == channels { Ok(values) } else { Err(format!("has a {name} of another size")) }
        };
        let (gamma, beta) = (part("weight", 1.0)?, part("bias", 0.0)?);
        let (mean, var) = (part("running_mean", 0.0)?, part("running_var", 1.0)?);
        let epsilon = node.number("eps").unwrap_or(1e-5);
        let factor = |i: usize| f64::from(gamma[i]) / (f64::from(var[i]) + epsilon).sqrt();
        let factors: Vec<f64> = (0..channels).map(factor).collect();
        let summand = |i: usize| f64::from(beta[i]) - f64::from(mean[i]) * factors[i];
        let summands: Vec<f64> = (0..channels).map(summand).collect();
        let read = self.read(node)?;
        let step = self.unpadded(node)?;
        if let Some(GraphStep::Conv { name, outputs, activation: StepActivation::None, .. }) =
            self.own(read, node)
        {
            if *outputs != channels {
                return Err(format!("normalizes {channels} channels of {outputs}"));
            }
            let name = name.clone();
            let [kernel, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
            let (weights, biases) = (self.weights.get(&kernel), self.weights.get(&bias));
            let (Ok(weights), Ok(biases)) = (weights.cloned(), biases.cloned()) else {
                return Err("follows a convolution without weights".into());
            };
            let each = weights.data.len() / channels.max(1);
            let scaled = weights.data.iter().enumerate();
            let scaled =
                scaled.map(|(i, value)| narrow(f64::from(*value) * factors[i / each.max(1)])).collect();
            let moved = biases.data.iter().enumerate();
            let moved =
                moved.map(|(i, value)| narrow(f64::from(*value) * factors[i] + summands[i])).collect();
            self.weights.insert(kernel, &weights.shape, scaled);
            self.weights.insert(bias, &biases.shape, moved);
            return Ok(Feature { shared: false, ..read });
        }
        let [kernel, bias] = [&factors, &summands].map(|all| all.iter().map(|v| narrow(*v)).collect());
        self.add_conv(step, Kernel::of_channels("norm", channels, kernel, bias))
    }

    /// The step of a feature, if nothing but this node reads it.
    fn own(&self, read: Feature, node: &Node) -> Option<&GraphStep> {
        let uses = node.first().and_then(|name| self.program.uses.get(&name).copied());
        let is_own = !read.shared && uses == Some(1) && read.pads == [0; 2];
        read.step.checked_sub(1).filter(|_| is_own).and_then(|index| self.steps.get(index))
    }

    fn activate(&mut self, node: &Node, wanted: StepActivation) -> Result<Feature, String> {
        let (read, step) = (self.read(node)?, self.unpadded(node)?);
        let is_free = matches!(
            self.own(read, node),
            Some(
                GraphStep::Conv { activation: StepActivation::None, .. }
                    | GraphStep::Transposed { activation: StepActivation::None, .. }
                    | GraphStep::GroupNorm { activation: StepActivation::None, .. }
                    | GraphStep::Add { activation: StepActivation::None, .. }
            )
        );
        let (at, made) = if is_free {
            (read.step, Feature { shared: false, ..read })
        } else {
            // What is read elsewhere too stays as it is.
            let [channels, ..] = self.shape_of_first(node)?;
            let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
            let made = self.add_conv(step, Kernel::of_channels("identity", channels, ones, zeros))?;
            (made.step, Feature { channels_last: read.channels_last, ..made })
        };
        if let Some(
            GraphStep::Conv { activation, .. }
            | GraphStep::Transposed { activation, .. }
            | GraphStep::GroupNorm { activation, .. }
            | GraphStep::Add { activation, .. },
        ) = at.checked_sub(1).and_then(|index| self.steps.get_mut(index))
        {
            *activation = wanted;
        }
        Ok(made)
    }

    /// Refuses what writes into a map that is read later under another name, such as that of its axes in another order: what reads
    /// it there would have to see what was written.
    fn check_written(&self, at: usize, node: &Node) -> Result<(), String> {
        let (input, written) = (node.first().unwrap_or_default(), self.read(node)?.memory);
        let is_read_later = |name: &String| self.program.last_reads.get(name).is_some_and(|last| *last > at);
        let mut others =
            self.features.iter().filter(|(name, other)| other.memory == written && **name != input);
        match others.find(|(name, _)| is_read_later(name)) {
            Some((name, _)) => Err(format!("writes into a map that is read later as `{name}`")),
            None => Ok(()),
        }
    }

    fn is_last(&self, node: &Node) -> bool {
        node.output == self.program.output
    }

    fn sigmoid(&mut self, node: &Node) -> Result<Feature, String> {
        if !self.is_last(node) || self.is_measured {
            return self.activate(node, StepActivation::Sigmoid);
        }
        let [channels, ..] = self.shape_of_first(node)?;
        self.note_sigmoid(channels);
        self.read(node)
    }

    fn note_sigmoid(&mut self, channels: usize) {
        if channels > 1 {
            self.notes.push(format!(
                "its last sigmoid is left out: of its {channels} classes a pixel has the one with the greatest score, whose confidence is that of a softmax"
            ));
        }
    }

    /// Confidence is that of a softmax anyway.
    fn softmax(&mut self, node: &Node) -> Result<Feature, String> {
        let axis = node.ints("dim").and_then(|all| all.first().copied());
        if !self.is_last(node) || self.is_measured || !matches!(axis, Some(1 | -3)) {
            return Err("is run at the end only, over the channels of scores".into());
        }
        self.read(node)
    }

    fn enlarge(&mut self, node: &Node, operator: &str) -> Result<Feature, String> {
        let from = self.unpadded(node)?;
        let level = self.level(&node.output)?;
        let [_, height, width] = self.shape_of_first(node)?;
        let [_, rows, columns] = self.shape(&node.output)?;
        if [rows, columns] == [height, width] {
            return self.read(node);
        }
        if operator == "upsample_bilinear2d" {
            let align_corners = node.is_set("align_corners");
            return Ok(self.push(GraphStep::Bilinear { from, level, align_corners }));
        }
        let before = self.level(&node.first().unwrap_or_default())?;
        let levels = before.checked_sub(level).ok_or("makes a map smaller")?;
        Ok(self.push(GraphStep::Upsample { from, levels }))
    }

    fn concat(&mut self, node: &Node) -> Result<Feature, String> {
        if !matches!(node.ints("dim").as_deref(), Some([1 | -3])) {
            return Err("joins along another axis than that of the channels".into());
        }
        let mut all = Vec::new();
        for name in node.tensors("tensors") {
            let Feature { step, pads, .. } = self.feature(&name)?;
            if pads != [0; 2] {
                return Err("reads a padded map, which only convolutions do".into());
            }
            all.push(step);
        }
        let mut all = all.into_iter();
        let first = all.next().ok_or("joins nothing")?;
        let one = Feature { step: first, pads: [0; 2], shared: true, channels_last: false, memory: 0 };
        Ok(all.fold(one, |before, next| self.push(GraphStep::Concat { from: [before.step, next] })))
    }

    /// The two maps that a node reads, and their shapes.
    fn pair(&self, node: &Node) -> Result<[(usize, [usize; 3]); 2], String> {
        let of = |name: &str| {
            let name = node.tensor(name).ok_or("reads a number, expected two maps")?;
            let Feature { step, pads, .. } = self.feature(&name)?;
            if pads == [0; 2] { Ok((step, self.shape(&name)?)) } else { Err("reads a padded map".to_owned()) }
        };
        Ok([of("self")?, of("other")?])
    }

    fn add(&mut self, node: &Node) -> Result<Feature, String> {
        let [(first, shape), (second, other)] = self.pair(node)?;
        if shape != other || node.number("alpha").is_some_and(|alpha| alpha.to_bits() != 1.0f64.to_bits()) {
            return Err(format!("adds maps of the shapes {shape:?} and {other:?}, expected the same"));
        }
        let channels_last = self.order_of_both(node)?;
        let made = self.push(GraphStep::Add { from: [first, second], activation: StepActivation::None });
        Ok(Feature { channels_last, ..made })
    }

    fn scale(&mut self, node: &Node) -> Result<Feature, String> {
        if let Some(made) = self.scaled_by_parameter(node)? {
            return Ok(made);
        }
        if self.order_of_both(node)? {
            return Err("multiplies pixels whose channels are the last axis".into());
        }
        let [(first, shape), (second, other)] = self.pair(node)?;
        let is_pixel = |shape: &[usize; 3]| shape[1..] == [1, 1];
        let from = match (is_pixel(&shape), is_pixel(&other)) {
            (false, true) if shape[0] == other[0] => [first, second],
            (true, false) if shape[0] == other[0] => [second, first],
            _ => {
                return Err(format!(
                    "multiplies maps of the shapes {shape:?} and {other:?}, expected a factor for each channel"
                ));
            }
        };
        Ok(self.push(GraphStep::Scale { from }))
    }

    /// Zeros around a map: they become those of the convolution that reads it.
    fn pad(&mut self, node: &Node) -> Result<Feature, String> {
        let zeros = node.number("value").is_none_or(|value| value == 0.0)
            && node.text("mode").is_none_or(|mode| mode == "constant");
        let read = self.read(node)?;
        match node.ints("pad").as_deref() {
            Some(&[left, right, top, bottom]) if zeros && left == top && right == bottom => {
                let pads = [read.pads[0] + whole(left)?, read.pads[1] + whole(right)?];
                Ok(Feature { pads, ..read })
            }
            _ => Err("pads with other values than 0, or rows and columns differently".into()),
        }
    }

    /// A layer of vectors: a convolution of one pixel.
    fn linear(&mut self, node: &Node) -> Result<Feature, String> {
        let Some((name, shape, kernel)) = self.weight(node, "weight")? else {
            return Err("has no weight".into());
        };
        let axes = node.first().and_then(|name| self.program.shapes.get(&name)).map(Vec::len);
        let channels_last = self.read(node)?.channels_last;
        let fits = matches!((axes, channels_last), (Some(2), false) | (Some(4), true));
        let (&[outputs, inputs], true) = (shape.as_slice(), fits) else {
            return Err("is run on vectors only: batch, channel, or pixels with their channels last".into());
        };
        let bias = self.weight(node, "bias")?.map_or_else(|| vec![0.0; outputs], |(_, _, bias)| bias);
        let name = name.strip_suffix(".weight").unwrap_or(&name).to_owned();
        let from = self.unpadded(node)?;
        let shape = [outputs, inputs, 1, 1];
        let [stride, before, dilation] = [1, 0, 1];
        let depthwise = false;
        let kernel = Kernel { name, shape, weights: kernel, bias, stride, before, dilation, depthwise };
        Ok(Feature { channels_last, ..self.add_conv(from, kernel)? })
    }

    /// A pixel with its channels is a vector, and a vector such a pixel.
    fn reshaped(&mut self, node: &Node) -> Result<Feature, String> {
        let [before, after] = [self.shape_of_first(node)?, self.shape(&node.output)?];
        if before == after && before[1..] == [1, 1] {
            return self.read(node);
        }
        Err(format!("changes the axes {before:?} to {after:?}, expected one pixel with its channels"))
    }
}
