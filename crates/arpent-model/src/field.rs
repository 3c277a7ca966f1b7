//! How far a network looks: computed from its layers.

use crate::Architecture;

/// Total stride of the network: chips start at its multiples.
pub fn stride(architecture: &Architecture) -> usize {
    match architecture {
        Architecture::Unet { widths, .. } => 1 << (widths.len() - 1),
        Architecture::Linear { .. } => 1,
    }
}

/// Radius of the receptive field, pixels: a change of a pixel farther away, by rows or by columns, than this
/// from a place cannot change the answer there. Exact for the worst place within a stride.
pub fn receptive_field_radius(architecture: &Architecture) -> usize {
    match architecture {
        Architecture::Linear { kernel, .. } => kernel / 2,
        Architecture::Unet { encoder_convs, .. } => {
            // The network is the same for every place that is equal modulo its stride.
            let reach = |place: i64| {
                let span = unet_span(encoder_convs, place);
                (place - span.0).max(span.1 - place)
            };
            let steps = 1i64 << (encoder_convs.len() - 1);
            (0..steps).map(reach).max().and_then(|r| usize::try_from(r).ok()).unwrap_or(0)
        }
    }
}

/// Overlap that an exact answer needs, pixels: the radius (one more for detection, whose peaks are compared
/// with their neighbours), rounded up to a multiple of the stride.
pub fn overlap(architecture: &Architecture, detection: bool) -> usize {
    (receptive_field_radius(architecture) + usize::from(detection)).next_multiple_of(stride(architecture))
}

/// First and last input pixel, along one axis, that the answer at `place` depends on.
///
/// Walks back through the layers: a 3 x 3 convolution widens the span by one pixel on either side, nearest
/// upsampling halves it, pooling doubles it. The deepest path sees the most.
fn unet_span(encoder_convs: &[usize], place: i64) -> (i64, i64) {
    let widen = |(a, b): (i64, i64), by: usize| {
        let by = i64::try_from(by).unwrap_or(0);
        (a - by, b + by)
    };
    let depth = encoder_convs.len() - 1;
    let mut span = (place, place);
    for _ in 0..depth {
        span = widen(span, 1);
        span = (span.0.div_euclid(2), span.1.div_euclid(2));
    }
    span = widen(span, encoder_convs[depth]);
    for &convs in encoder_convs[..depth].iter().rev() {
        span = widen((2 * span.0, 2 * span.1 + 1), convs);
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unet(encoder_convs: &[usize]) -> Architecture {
        Architecture::Unet {
            in_channels: 3,
            out_channels: 2,
            widths: vec![8; encoder_convs.len()],
            encoder_convs: encoder_convs.into(),
        }
    }

    #[test]
    fn a_stack_of_convolutions_sees_one_pixel_per_layer() {
        assert_eq!(receptive_field_radius(&unet(&[4])), 4);
        assert_eq!(stride(&unet(&[4])), 1);
        assert_eq!(overlap(&unet(&[4]), true), 5);
    }

    #[test]
    fn two_levels_by_hand() {
        // Place 1: decoder 0..2, halved 0..1, one convolution -1..2, pooled -2..5, one convolution -3..6.
        assert_eq!(unet_span(&[1, 1], 1), (-3, 6));
        assert_eq!(receptive_field_radius(&unet(&[1, 1])), 5);
        assert_eq!(overlap(&unet(&[1, 1]), false), 6);
    }

    #[test]
    fn the_shipped_shape_fits_its_overlap() {
        assert_eq!(overlap(&unet(&[1, 2, 2, 2]), false), 48);
    }
}
