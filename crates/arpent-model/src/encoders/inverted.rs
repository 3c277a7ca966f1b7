//! Inverted residuals: expansion, depthwise convolution, projection.

use super::steps::{Move, Steps};
use crate::graph::{Activation, Graph, Layer, Norm, Padding};

/// An inverted residual (Sandler et al., 2018).
pub(super) struct Inverted {
    /// Names of the three convolutions and their normalizations. The first is absent without expansion.
    pub(super) names: [Option<(String, String)>; 3],
    /// Channels in and out.
    pub(super) channels: [usize; 2],
    /// Factor of the expansion.
    pub(super) widen: usize,
    /// Side of the depthwise convolution's kernel, and its stride and padding.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
    /// Epsilon of the normalizations.
    pub(super) epsilon: f64,
    /// After the first two convolutions.
    pub(super) activation: Activation,
    /// Squeeze-and-excitation before the projection: names of its layers, and the channels in between.
    pub(super) excitation: Option<([String; 2], usize)>,
}

impl Inverted {
    pub(super) fn add(self, steps: &mut Steps, graph: &mut Graph) {
        let [inputs, outputs] = self.channels;
        let wide = inputs * self.widen;
        let added = self.stride == 1 && inputs == outputs;
        if added {
            steps.push(Move::Keep);
        }
        let [expand, depthwise, project] = self.names;
        let layer = |(conv, norm): (String, String), channels| {
            let norm = Some(Norm { name: norm, epsilon: self.epsilon });
            Layer { norm, ..Layer::new(conv, "", channels).sized(1, 1) }
        };
        if let Some(names) = expand {
            steps.conv(graph, layer(names, [inputs, wide]), self.activation);
        }
        if let Some(names) = depthwise {
            let sized = layer(names, [wide, wide]).sized(self.kernel, self.stride);
            steps.conv(graph, Layer { depthwise: true, padding: self.padding, ..sized }, self.activation);
        }
        if let Some(([reduce, expand], squeezed)) = self.excitation {
            let reduce = graph.layer(Layer::biased(reduce, [wide, squeezed], 1));
            let expand = graph.layer(Layer::biased(expand, [squeezed, wide], 1));
            steps.push(Move::Excite(reduce, expand, self.activation));
        }
        if let Some(names) = project {
            steps.conv(graph, layer(names, [wide, outputs]), Activation::None);
        }
        if added {
            steps.push(Move::Add(Activation::None));
        }
    }
}
