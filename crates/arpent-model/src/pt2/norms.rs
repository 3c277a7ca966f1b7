//! Normalizations of the values themselves, transposed convolutions, and pixels whose channels are the last axis.

use super::kernel::{Kernel, same};
use super::program::Node;
use super::state::{Feature, Lowering};
use crate::stored::{Epsilon, GraphStep, StepActivation};

/// Taps of the transposed convolution of the engine, along an axis, and the zeros that it leaves out.
const TAPS: usize = 4;
const LEFT_OUT: usize = 1;

impl Lowering<'_> {
    /// Whether a node changes the axes of a parameter, which is then read by its new name, too.
    pub(super) fn is_reshaped_parameter(&mut self, node: &Node, operator: &str) -> bool {
        if !matches!(operator, "view" | "reshape" | "unsqueeze") {
            return false;
        }
        let Some(name) = node.first() else { return false };
        let name = self.reshaped.get(&name).cloned().unwrap_or(name);
        let is_parameter = self.program.weights.contains_key(&name);
        if is_parameter {
            self.reshaped.insert(node.output.clone(), name);
        }
        is_parameter
    }

    /// Refuses what is done with pixels whose channels are the last axis, but for what is done with each pixel alone.
    pub(super) fn check_order(&self, node: &Node, operator: &str) -> Result<(), String> {
        let alone = [
            "relu",
            "relu6",
            "hardtanh",
            "silu",
            "gelu",
            "sigmoid",
            "add",
            "mul",
            "linear",
            "layer_norm",
            "permute",
            "dropout",
            "clone",
            "contiguous",
            "alias",
        ];
        let is_last = |name: &String| self.features.get(name).is_some_and(|feature| feature.channels_last);
        if alone.contains(&operator) || !node.reads().iter().any(is_last) {
            return Ok(());
        }
        Err("reads pixels whose channels are the last axis".into())
    }

    /// Whether both maps that a node reads have their channels last; refused if one of them has.
    pub(super) fn order_of_both(&self, node: &Node) -> Result<bool, String> {
        let of = |name: &str| self.feature(&node.tensor(name).unwrap_or_default()).map(|of| of.channels_last);
        match (of("self")?, of("other")?) {
            (first, second) if first == second => Ok(first),
            _ => Err("reads pixels whose channels are the last axis, and others".into()),
        }
    }

    /// To pixels whose channels are the last axis, and back.
    pub(super) fn permuted(&self, node: &Node) -> Result<Feature, String> {
        let read = self.read(node)?;
        self.unpadded(node)?;
        let mut axes = node.ints("dims").unwrap_or_default();
        for axis in &mut axes {
            *axis = axis.rem_euclid(4);
        }
        match (axes.as_slice(), read.channels_last) {
            ([0, 2, 3, 1], false) => Ok(Feature { channels_last: true, ..read }),
            ([0, 3, 1, 2], true) => Ok(Feature { channels_last: false, ..read }),
            _ => Err(format!("orders the axes as {axes:?}, expected the channels last, or back")),
        }
    }

    /// Factors and summands of a normalization: 1 and 0 where it has none.
    fn affine(&self, node: &Node, channels: usize) -> Result<(String, Vec<f32>, Vec<f32>), String> {
        let weight = self.weight(node, "weight")?;
        let bias = self.weight(node, "bias")?;
        let name = weight.as_ref().or(bias.as_ref()).map_or("norm", |(name, ..)| name);
        let name = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias")).unwrap_or(name);
        let name = name.to_owned();
        let values = |of: Option<(String, Vec<usize>, Vec<f32>)>, usual: f32| {
            of.map_or_else(|| vec![usual; channels], |(_, _, values)| values)
        };
        let (weight, bias) = (values(weight, 1.0), values(bias, 0.0));
        if [weight.len(), bias.len()] == [channels; 2] {
            return Ok((name, weight, bias));
        }
        Err(format!("has {} and {} weights for {channels} channels", weight.len(), bias.len()))
    }

    fn epsilon(node: &Node) -> Epsilon {
        Epsilon(node.number("eps").unwrap_or(1e-5))
    }

    pub(super) fn group_norm(&mut self, node: &Node) -> Result<Feature, String> {
        let [channels, ..] = self.shape_of_first(node)?;
        let groups = same(node.ints("num_groups").as_deref()).and_then(|groups| usize::try_from(groups).ok());
        let groups = groups.filter(|groups| *groups > 0 && channels.is_multiple_of(*groups));
        let groups = groups.ok_or_else(|| format!("has groups that do not divide {channels} channels"))?;
        let from = self.unpadded(node)?;
        let (name, weight, bias) = self.affine(node, channels)?;
        let name = self.store(name, (&[channels], weight), bias)?;
        let (epsilon, activation) = (Self::epsilon(node), StepActivation::None);
        Ok(self.push(GraphStep::GroupNorm { from, name, groups, epsilon, activation }))
    }

    /// Of the channels of each pixel.
    pub(super) fn layer_norm(&mut self, node: &Node) -> Result<Feature, String> {
        let ([channels, ..], read) = (self.shape_of_first(node)?, self.read(node)?);
        let normalized = node.ints("normalized_shape").unwrap_or_default();
        if !read.channels_last || normalized != [i64::try_from(channels).unwrap_or_default()] {
            return Err("normalizes other axes than the channels of each pixel".into());
        }
        let from = self.unpadded(node)?;
        let (name, weight, bias) = self.affine(node, channels)?;
        let name = self.store(name, (&[channels], weight), bias)?;
        let made = self.push(GraphStep::LayerNorm { from, name, epsilon: Self::epsilon(node) });
        Ok(Feature { channels_last: true, ..made })
    }

    /// A factor for each channel that is a parameter; `None` for a product of two maps.
    pub(super) fn scaled_by_parameter(&mut self, node: &Node) -> Result<Option<Feature>, String> {
        let is_parameter = |name: &str| {
            let name = node.tensor(name).unwrap_or_default();
            self.program.weights.contains_key(&name) || self.reshaped.contains_key(&name)
        };
        let (map, by) = match (is_parameter("self"), is_parameter("other")) {
            (false, true) => ("self", "other"),
            (true, false) => ("other", "self"),
            _ => return Ok(None),
        };
        let [map, name] = [map, by].map(|argument| node.tensor(argument).unwrap_or_default());
        let (read, [channels, ..]) = (self.feature(&map)?, self.shape(&map)?);
        let axes = self.program.shapes.get(&name).cloned().unwrap_or_default();
        // Behind the channels stand as many axes as in the map.
        let behind = if read.channels_last { 0 } else { 2 };
        let at = axes.len().checked_sub(behind + 1);
        let fits = at.is_some_and(|at| axes[at] == channels) && axes.iter().product::<usize>() == channels;
        let Some((name, _, factors)) = self.weight(node, by)?.filter(|_| fits && read.pads == [0; 2]) else {
            return Err(format!(
                "multiplies by a parameter of the axes {axes:?}, expected one for each channel"
            ));
        };
        let kernel = Kernel::of_channels(&name, channels, factors, vec![0.0; channels]);
        Ok(Some(Feature { channels_last: read.channels_last, ..self.add_conv(read.step, kernel)? }))
    }

    /// To twice the size: its taps are some of those of a kernel of 4 x 4 with one pixel of padding.
    pub(super) fn transposed(&mut self, node: &Node) -> Result<Feature, String> {
        let Some((name, shape, kernel)) = self.weight(node, "weight")? else {
            return Err("has no weight".into());
        };
        let &[inputs, outputs, side, columns] = shape.as_slice() else {
            return Err(format!("has a weight of the axes {shape:?}, expected four"));
        };
        let of = |name: &str, usual: i64| match node.ints(name) {
            None => Some(usual),
            Some(all) => same(Some(&all)),
        };
        let (stride, padding, dilation) = (of("stride", 1), of("padding", 0), of("dilation", 1));
        let [before, after] = [self.shape_of_first(node)?, self.shape(&node.output)?];
        let doubles = [2 * before[1], 2 * before[2]] == [after[1], after[2]];
        // Where the taps begin in those of the engine.
        let first = padding
            .and_then(|zeros| usize::try_from(zeros).ok())
            .and_then(|zeros| LEFT_OUT.checked_sub(zeros));
        let first = first.filter(|first| side == columns && side > 0 && first + side <= TAPS);
        let is_plain = (stride, dilation, of("groups", 1)) == (Some(2), Some(1), Some(1));
        let Some(first) = first.filter(|_| is_plain && doubles && before[0] == inputs && !kernel.is_empty())
        else {
            return Err(format!(
                "is a transposed convolution of {side} x {columns} taps that is not run: expected a stride of 2 to twice the size, 2 x 2 taps \
                 without padding, or 3 x 3 or 4 x 4 with a padding of 1, and 1 group"
            ));
        };
        let mut weights = vec![0.0; outputs * inputs * TAPS * TAPS];
        for (at, value) in kernel.iter().enumerate() {
            let (column, row, output, input) =
                (at % side, at / side % side, at / side / side % outputs, at / side / side / outputs);
            weights[((output * inputs + input) * TAPS + first + row) * TAPS + first + column] = *value;
        }
        let bias = self.weight(node, "bias")?.map_or_else(|| vec![0.0; outputs], |(_, _, bias)| bias);
        if bias.len() != outputs {
            return Err("has a bias of another number of outputs".into());
        }
        let from = self.unpadded(node)?;
        let name = name.strip_suffix(".weight").unwrap_or(&name).to_owned();
        let name = self.store(name, (&[outputs, inputs, TAPS, TAPS], weights), bias)?;
        Ok(self.push(GraphStep::Transposed { from, name, outputs, activation: StepActivation::None }))
    }
}
