//! Network and chips by the size of the polygons: small defaults, to be edited.

use arpent_datasets::AnnotationPolygon;

/// Settings of network and chips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Channels of the levels.
    pub(super) widths: &'static [usize],
    /// Side of a chip, pixels.
    pub(super) chip_px: usize,
    /// Chips per step.
    pub(super) batch: usize,
}

impl Shape {
    /// Surroundings of a polygon's window, pixels: half a chip, so that a chip can lie around its border.
    pub(super) fn margin(&self) -> usize {
        self.chip_px / 2
    }
}

/// Small polygons (fields at 10 m, trees at 10 cm) need little context; large ones need more.
pub(super) fn of(polygons: &[AnnotationPolygon]) -> Shape {
    let mut sides: Vec<usize> =
        polygons.iter().filter(|p| p.pixels > 0).map(|p| p.size[0].max(p.size[1])).collect();
    sides.sort_unstable();
    match sides.get(sides.len() / 2).copied().unwrap_or(0) {
        0..=24 => Shape { widths: &[16, 24], chip_px: 32, batch: 8 },
        25..=64 => Shape { widths: &[16, 24, 32], chip_px: 64, batch: 8 },
        _ => Shape { widths: &[16, 24, 32, 48], chip_px: 128, batch: 4 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_polygons_get_larger_chips() {
        let polygon = |side: usize| AnnotationPolygon {
            item: String::new(),
            value: None,
            color: None,
            pixels: 1,
            size: [1, side],
        };
        let chips = |sides: &[usize]| of(&sides.iter().map(|s| polygon(*s)).collect::<Vec<_>>()).chip_px;
        assert_eq!((chips(&[3, 5, 900]), chips(&[40, 40, 1]), chips(&[65, 300])), (32, 64, 128));
    }
}
