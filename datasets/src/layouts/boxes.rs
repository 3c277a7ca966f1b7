//! What the layouts with boxes share.

use std::path::Path;

use arpent_base::number::exact;
use arpent_raster::Chip;

use crate::remarks::Seen;
use crate::{AnnotatedBox, DatasetError, RemarkKind};

/// How far beyond the picture a box may reach, pixels: tools round differently.
const SLACK: f64 = 1.0;

/// Refuses boxes that are inside out or outside the picture; cuts those that reach a little beyond, and leaves out those
/// without area.
pub(super) fn fitted(
    path: &Path,
    item: &str,
    chip: &Chip,
    boxes: Vec<AnnotatedBox>,
    seen: &mut Seen,
) -> Result<Vec<AnnotatedBox>, DatasetError> {
    let bad =
        |problem: String| DatasetError::BadItem { path: path.to_owned(), item: item.to_owned(), problem };
    let (width, height) = (exact(chip.window.width), exact(chip.window.height));
    let mut cut = Vec::with_capacity(boxes.len());
    for AnnotatedBox { class_id, bbox: [x0, y0, x1, y1] } in boxes {
        let sides = [x0, y0, x1, y1];
        if !(x0 <= x1 && y0 <= y1) {
            return Err(bad(format!("the box {sides:?} (west, north, east, south) is inside out")));
        }
        if x0 < -SLACK || y0 < -SLACK || x1 > width + SLACK || y1 > height + SLACK {
            return Err(bad(format!(
                "the box {sides:?} (west, north, east, south) reaches beyond the picture of {width} x {height} pixels"
            )));
        }
        let bbox = [x0.max(0.0), y0.max(0.0), x1.min(width), y1.min(height)];
        // As it is written, or of what is left of it.
        let is_empty = x0 >= x1 || y0 >= y1 || bbox[0] >= bbox[2] || bbox[1] >= bbox[3];
        seen.add(RemarkKind::EmptyBox, usize::from(is_empty));
        if !is_empty {
            cut.push(AnnotatedBox { class_id, bbox });
        }
    }
    Ok(cut)
}
