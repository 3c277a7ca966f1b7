//! What the layouts with boxes share.

use std::path::Path;

use arpent_base::number::exact;
use arpent_raster::{Chip, OrientedBox};

use crate::remarks::Seen;
use crate::{AnnotatedBox, DatasetError, RemarkKind};

/// How far beyond the picture a box may reach, pixels: tools round differently.
const SLACK: f64 = 1.0;

/// An object whose corners are listed as columns and rows, as the smallest rectangle around the first four; `None`, with a
/// remark, if they lie on one line.
pub(super) fn along(class_id: u8, numbers: &[f64], seen: &mut Seen) -> Option<AnnotatedBox> {
    let mut corners = [[0.0; 2]; 4];
    corners.iter_mut().zip(numbers.as_chunks().0).for_each(|(to, from)| *to = *from);
    let oriented = OrientedBox::around(&corners);
    seen.add(RemarkKind::EmptyBox, usize::from(oriented.is_none()));
    oriented.map(|oriented| AnnotatedBox { class_id, bbox: oriented.bbox(), oriented: Some(oriented) })
}

/// Refuses boxes that are inside out or outside the picture; cuts those that reach a little beyond, and leaves out those
/// without area. Boxes with a direction may reach beyond the picture if their center lies in it, and are not cut.
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
    for found in boxes {
        let AnnotatedBox { class_id, bbox: [x0, y0, x1, y1], oriented } = found;
        if let Some(oriented) = oriented {
            let [x, y] = oriented.center();
            if !((0.0..=width).contains(&x) && (0.0..=height).contains(&y)) {
                return Err(bad(format!(
                    "the middle of an oriented box, ({x}, {y}), lies outside of the picture of {width} x {height} pixels"
                )));
            }
            cut.push(found);
            continue;
        }
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
            cut.push(AnnotatedBox { class_id, bbox, oriented: None });
        }
    }
    Ok(cut)
}
