//! Maxima and means.

use super::kernel::{MOST_PARTS, same, whole};
use super::program::Node;
use super::state::{Feature, Lowering};
use crate::stored::GraphStep;

impl Lowering<'_> {
    pub(super) fn max_pool(&mut self, node: &Node) -> Result<Feature, String> {
        let of = |name: &str| same(node.ints(name).as_deref());
        let (kernel, stride) = (of("kernel_size"), of("stride").or_else(|| of("kernel_size")));
        let (padding, dilation) = (of("padding").unwrap_or(0), of("dilation").unwrap_or(1));
        let [_, height, width] = self.shape_of_first(node)?;
        let [_, rows, columns] = self.shape(&node.output)?;
        let fits =
            matches!((kernel, padding), (Some(2), 0) | (Some(3), 1)) && stride == Some(2) && dilation == 1;
        if !fits || [2 * rows, 2 * columns] != [height, width] {
            return Err("is a maximum that is not run: expected 2 x 2 pixels, or 3 x 3 with a padding of 1, and a stride of 2 that divides the sides".into());
        }
        let from = self.unpadded(node)?;
        Ok(self.push(GraphStep::MaxPool { from, kernel: if kernel == Some(2) { 2 } else { 3 } }))
    }

    pub(super) fn mean_pool(&mut self, node: &Node) -> Result<Feature, String> {
        let of = |name: &str| same(node.ints(name).as_deref());
        let (kernel, stride) = (of("kernel_size"), of("stride").or_else(|| of("kernel_size")));
        let side = kernel.and_then(|side| whole(side).ok()).filter(|side| side.is_power_of_two());
        let [_, height, width] = self.shape_of_first(node)?;
        let [_, rows, columns] = self.shape(&node.output)?;
        match side.filter(|side| *side > 1 && stride == kernel && of("padding").unwrap_or(0) == 0 && node.number("divisor_override").is_none()) {
            Some(side) if [side * rows, side * columns] == [height, width] => {
                let (from, levels) = (self.unpadded(node)?, side.ilog2());
                Ok(self.push(GraphStep::MeanPool { from, levels }))
            }
            _ => Err("is a mean that is not run: expected squares of 2, 4, 8 ... pixels side by side, without padding".into()),
        }
    }

    pub(super) fn adaptive_mean(&mut self, node: &Node) -> Result<Feature, String> {
        let side = same(node.ints("output_size").as_deref()).and_then(|side| usize::try_from(side).ok());
        let side = side.filter(|side| (1..=MOST_PARTS).contains(side));
        let side =
            side.ok_or_else(|| format!("has another output than 1 to {MOST_PARTS} pixels along both axes"))?;
        let from = self.unpadded(node)?;
        Ok(self.push(GraphStep::AdaptiveMean { from, side }))
    }

    /// The mean of all pixels.
    pub(super) fn mean(&mut self, node: &Node) -> Result<Feature, String> {
        let mut axes = node.ints("dim").unwrap_or_default();
        for axis in &mut axes {
            *axis = axis.rem_euclid(4);
        }
        axes.sort_unstable();
        if axes != [2, 3] {
            return Err(format!("is a mean over the axes {axes:?}, expected rows and columns"));
        }
        let from = self.unpadded(node)?;
        Ok(self.push(GraphStep::AdaptiveMean { from, side: 1 }))
    }
}
