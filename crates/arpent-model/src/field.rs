//! Receptive field, cost and size of a network, computed from its graph.

use arpent_base::number::{exact, offset, signed};

use crate::Architecture;
use crate::graph::{Extent, Graph, Op, Step};

/// Total stride of the network: chips start at its multiples.
pub fn stride(architecture: &Architecture) -> usize {
    (1 << architecture.graph().depth()) / architecture.enlarged()
}

/// Whether the network's answer at a place depends on a bounded neighborhood only, whatever the size of the picture
/// (ADR 0022). Otherwise a package states the window that is part of the model.
pub fn is_local(architecture: &Architecture) -> bool {
    // A detector of anchors is local in theory, farther than any window; its boxes are chosen among all of a window.
    // Nothing is known of a graph that only another engine runs.
    architecture.window_box_classes().is_none() && !architecture.is_onnx() && architecture.graph().is_local()
}

/// Radius of the receptive field, pixels: a change of a pixel farther away than this from a place, in rows or
/// columns, cannot change the output at that place. Exact for the worst place within a stride. `None` for a network
/// that is not local: every pixel of the picture may change every other.
pub fn receptive_field_radius(architecture: &Architecture) -> Option<usize> {
    let graph = architecture.graph();
    if !is_local(architecture) {
        return None;
    }
    // The network is the same for all places that are equal modulo its stride.
    let reach = |place: i64| {
        let (first, last) = span(&graph, place);
        (place - first).max(last - place)
    };
    (0..1i64 << graph.depth()).map(reach).max().map(offset)
}

/// Pixels around a place whose answers are compared with its own: for detection, those next to it, in the coarsest of
/// the maps that are searched. A detector whose boxes are chosen among all of a window compares none.
pub(crate) fn neighbors(architecture: &Architecture, detection: bool) -> usize {
    match architecture.strides() {
        _ if !detection || architecture.window_box_classes().is_some() => 0,
        Some(strides) => strides.last().copied().unwrap_or(1),
        None => 1,
    }
}

/// Overlap that exact predictions need, pixels: the radius, for detection with the neighbors that are compared, rounded up
/// to a multiple of the stride. `None` for a network that is not local.
pub fn overlap(architecture: &Architecture, detection: bool) -> Option<usize> {
    let around = neighbors(architecture, detection);
    let rounded = |radius: usize| (radius + around).next_multiple_of(stride(architecture));
    receptive_field_radius(architecture).map(rounded)
}

/// First and last input pixel, along one axis, that the output at `place` depends on, in a network that is local.
///
/// Walks back through the steps: a convolution of kernel k widens the span by k / 2 pixels on either side,
/// nearest-neighbor upsampling halves it, strides and pooling double it.
fn span(graph: &Graph, place: i64) -> (i64, i64) {
    let mut needed: Vec<Option<(i64, i64)>> = vec![None; graph.steps.len()];
    let mut seen = (place, place);
    if let Some(last) = needed.last_mut() {
        *last = Some((place, place));
    }
    for (index, step) in graph.steps.iter().enumerate().rev() {
        let Some((a, b)) = needed[index] else { continue };
        let below = match step.op {
            Op::Conv(layer) | Op::Part { layer, .. } => {
                let layer = &graph.layers[layer];
                let (stride, before) = (signed(layer.stride), signed(layer.pads().0));
                (a * stride - before, b * stride - before + signed(layer.dilation * (layer.kernel - 1)))
            }
            // Of four taps two see a pixel: those next to it, of twice the size.
            Op::Transposed(_) => ((a - 1).div_euclid(2), (b + 1).div_euclid(2)),
            Op::MaxPool { kernel } => (2 * a - i64::from(kernel == 3), 2 * b + 1),
            Op::MeanPool { levels } => (a << levels, ((b + 1) << levels) - 1),
            Op::Upsample { levels } => (a >> levels, b >> levels),
            Op::Bilinear { level, align_corners: false } => match graph.steps[step.from[0]].extent {
                Extent::Level(from) => interpolated((a, b), i64::from(from) - i64::from(level)),
                Extent::Grid(_) => continue,
            },
            Op::Pick { row, column } => (2 * a + signed(row.min(column)), 2 * b + signed(row.max(column))),
            // The whole picture is in no span; networks with such operations are not local.
            Op::AdaptiveMean { .. }
            | Op::Bilinear { .. }
            | Op::ResponseNorm(_)
            | Op::GroupNorm { .. }
            | Op::Attention { .. }
            | Op::SquareAttention(_) => continue,
            Op::Input { .. } | Op::Concat | Op::Add | Op::Difference | Op::Scale | Op::LayerNorm(_) => (a, b),
        };
        if step.from.is_empty() {
            seen = union(seen, below);
        }
        for from in &step.from {
            needed[*from] = Some(needed[*from].map_or(below, |known| union(known, below)));
        }
    }
    seen
}

/// Pixels that an interpolation reads: to 2^`levels` times the size, or its inverse.
///
/// The center of pixel p lies at (p + 1/2) / f - 1/2 for a factor f; the pixels on both sides are weighted.
fn interpolated((a, b): (i64, i64), levels: i64) -> (i64, i64) {
    let factor = 1i64 << levels.unsigned_abs();
    match levels {
        0 => (a, b),
        1.. => {
            let below = |p: i64| (2 * p + 1 - factor).div_euclid(2 * factor);
            (below(a), below(b) + 1)
        }
        _ => (a * factor + factor / 2 - 1, b * factor + factor / 2),
    }
}

fn union(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}

/// Side of the chip for which the cost of attention is counted, pixels: it grows with the area of the chip.
const ATTENTION_CHIP: f64 = 512.0;

/// Floating-point operations per pixel of the chip, of convolutions and of attention (in a chip of 512 x 512 pixels).
/// Those of grids, whose number does not depend on the chip's size, are not counted.
pub fn flop_per_pixel(architecture: &Architecture) -> f64 {
    let graph = architecture.graph();
    let cost = |step: &Step| {
        let Extent::Level(level) = step.extent else { return 0.0 };
        let products = match step.op {
            Op::Conv(layer) => exact(graph.layers[layer].shape().iter().product::<usize>()),
            // A pixel sees a quarter of the taps.
            Op::Transposed(layer) => exact(graph.layers[layer].shape().iter().product::<usize>()) / 4.0,
            Op::Part { layer, count, .. } => {
                exact(graph.layers[layer].shape()[1..].iter().product::<usize>()) * exact(count)
            }
            // Queries times keys, and shares times values.
            Op::Attention { .. } => match graph.steps[step.from[1]].extent {
                Extent::Level(keys) => {
                    2.0 * exact(step.channels) * ATTENTION_CHIP * ATTENTION_CHIP / pixels_at(keys)
                }
                Extent::Grid(side) => 2.0 * exact(step.channels * side * side),
            },
            Op::SquareAttention(squares) => 2.0 * exact(step.channels * graph.squares[squares].side.pow(2)),
            _ => 0.0,
        };
        2.0 * products / pixels_at(level)
    };
    graph.steps.iter().map(cost).sum::<f64>() * exact(architecture.enlarged().pow(2))
}

/// Values that are kept for the backward pass in training, for each pixel of the chip: the output of every step, and
/// for a convolution its output before the normalization and before the activation. Grids, whose number of values does
/// not depend on the chip's size, are not counted.
pub fn training_values_per_pixel(architecture: &Architecture) -> f64 {
    let graph = architecture.graph();
    let kept = |step: &Step| match step.op {
        Op::Conv(_) | Op::Transposed(_) | Op::Part { .. } => 3.0,
        // The differences, their squares, and both multiplied.
        Op::LayerNorm(_) | Op::ResponseNorm(_) | Op::GroupNorm { .. } => 4.0,
        _ => 1.0,
    };
    let values = |s: &Step| s.extent.level().map(|level| kept(s) * exact(s.channels) / pixels_at(level));
    let trained = &graph.steps[..graph.trained_steps()];
    trained.iter().filter_map(values).sum::<f64>() * exact(architecture.enlarged().pow(2))
}

/// Pixels of the chip for each pixel of a level.
fn pixels_at(level: u32) -> f64 {
    f64::from(1u32 << (2 * level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;

    fn unet(encoder_convs: &[usize]) -> Architecture {
        Architecture::Unet {
            in_channels: 3,
            out_channels: 2,
            widths: vec![8; encoder_convs.len()],
            encoder_convs: encoder_convs.into(),
            dates: 1,
        }
    }

    #[test]
    fn a_stack_of_convolutions_sees_one_pixel_per_layer() {
        assert_eq!(receptive_field_radius(&unet(&[4])), Some(4));
        assert_eq!(stride(&unet(&[4])), 1);
        assert_eq!(overlap(&unet(&[4]), true), Some(5));
    }

    #[test]
    fn two_levels_by_hand() {
        // Place 1: decoder 0..2, halved 0..1, one convolution -1..2, pooled -2..5, one convolution -3..6.
        assert_eq!(span(&unet(&[1, 1]).graph(), 1), (-3, 6));
        assert_eq!(receptive_field_radius(&unet(&[1, 1])), Some(5));
        assert_eq!(overlap(&unet(&[1, 1]), false), Some(6));
    }

    #[test]
    fn the_shipped_shape_fits_its_overlap() {
        assert_eq!(overlap(&unet(&[1, 2, 2, 2]), false), Some(48));
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "small whole numbers are exact")]
    fn costs_by_hand() {
        // Level 0: 3 -> 8 and, of 16, -> 8; level 1: 8 -> 8; head 8 -> 2.
        let expected = 2.0 * 9.0 * f64::from(3 * 8 + 16 * 8 + 8 * 8 / 4) + 2.0 * 16.0;
        assert_eq!(flop_per_pixel(&unet(&[1, 1])), expected);
    }

    #[test]
    fn known_encoders_have_their_published_cost() {
        // 44.0 GFLOP for a chip of 512 x 512, 4 bands, 14.3 M parameters.
        let resnet = Architecture::EncoderUnet {
            encoder: Encoder::Resnet18,
            in_channels: 4,
            out_channels: 8,
            decoder: vec![256, 128, 64, 32, 16],
            dates: 1,
        };
        let gflop = flop_per_pixel(&resnet) * 512.0 * 512.0 / 1e9;
        assert!((43.0..46.0).contains(&gflop), "{gflop}");
        assert_eq!(stride(&resnet), 32);
        assert!(receptive_field_radius(&resnet) > Some(200));
    }
}
