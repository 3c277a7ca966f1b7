//! The operations of an encoder, which any number of pictures can be passed through.

use crate::graph::{Activation, Graph, Layer, Op};

/// The operations of an encoder, in order.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Move>);

#[derive(Debug, Clone, Copy)]
pub(super) enum Move {
    Conv(usize, Activation),
    Pool,
    /// Squeeze-and-excitation (Hu et al., 2018): scales each channel by a factor from the means of all channels, which
    /// the first layer reduces and the second expands, with an activation in between.
    Excite(usize, usize, Activation),
    /// Keeps the feature map, to be added later.
    Keep,
    /// Applies a layer to the kept feature map.
    Side(usize),
    /// Adds the kept feature map.
    Add(Activation),
    /// Passes the feature map to the decoder.
    Give,
}

impl Steps {
    /// Applies the encoder to an input; returns the steps that are passed to the decoder, finest first.
    pub(crate) fn run(&self, graph: &mut Graph, input: usize) -> Vec<usize> {
        let (mut at, mut kept, mut given) = (input, input, Vec::new());
        for step in &self.0 {
            match *step {
                Move::Conv(layer, activation) => at = graph.conv(at, layer, activation),
                Move::Pool => at = graph.max_pool(at, 3),
                Move::Excite(reduce, expand, activation) => {
                    let means = graph.adaptive_mean(at, 1);
                    let reduced = graph.conv(means, reduce, activation);
                    let factors = graph.conv(reduced, expand, Activation::Sigmoid);
                    at = graph.combine(Op::Scale, [at, factors], Activation::None);
                }
                Move::Keep => kept = at,
                Move::Side(layer) => kept = graph.conv(kept, layer, Activation::None),
                Move::Add(activation) => at = graph.combine(Op::Add, [at, kept], activation),
                Move::Give => given.push(at),
            }
        }
        given
    }

    /// Adds a layer and its use.
    pub(super) fn conv(&mut self, graph: &mut Graph, layer: Layer, activation: Activation) {
        let layer = graph.layer(layer);
        self.0.push(Move::Conv(layer, activation));
    }

    /// Adds a use of layers that are there, or an operation without a layer.
    pub(super) fn push(&mut self, step: Move) {
        self.0.push(step);
    }
}
