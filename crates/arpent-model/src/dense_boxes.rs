//! Boxes of detectors that give a box with scores for each of many places, as their post-processing in QGIS's Deepness does.

use crate::anchors::{Scored, best_first, suppressed};
use crate::onnx_output::OnnxOutput;

/// Most boxes of a window that are compared with each other, and most that are kept.
const MOST_COMPARED: usize = 10_000;
const MOST_KEPT: usize = 1000;

/// The boxes of a window that score `threshold` or more, the best of those that overlap by more than `iou` (intersection over
/// union), whatever their classes.
///
/// `values` is the network's output: with [`OnnxOutput::BoxRows`], for each box its center, width and height in pixels, a score, and
/// one for each class; with [`OnnxOutput::BoxColumns`], the same quantities as rows, without the score of the box.
pub(crate) fn boxes(
    values: &[f32],
    classes: usize,
    output: OnnxOutput,
    (threshold, iou): (f32, f64),
    side: usize,
) -> Vec<Scored> {
    let is_rows = matches!(output, OnnxOutput::BoxRows);
    let each = OnnxOutput::box_values(output, classes);
    let count = values.len() / each.max(1);
    let value = |of: usize, number: usize| {
        if is_rows { values[of * each + number] } else { values[number * count + of] }
    };
    let mut found = Vec::new();
    for of in 0..count {
        let scored = |class: usize| (class, value(of, each - classes + class));
        let best = (0..classes).map(scored).reduce(|a, b| if b.1 > a.1 { b } else { a });
        let Some((class, of_class)) = best else { continue };
        let score = if is_rows { value(of, 4) } else { of_class };
        let [x, y, width, height] = [0, 1, 2, 3].map(|number| value(of, number));
        let sides = [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0];
        if score >= threshold && sides.iter().all(|side| side.is_finite()) {
            let most = arpent_base::number::exact_f32(side);
            let sides = sides.map(|at| at.clamp(0.0, most));
            found.push(Scored::new(class, score.min(1.0), sides, of));
        }
    }
    found.sort_by(best_first);
    found.truncate(MOST_COMPARED);
    suppressed(found, iou, MOST_KEPT, |_, _| true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "small whole numbers are exact")]

    use super::*;

    /// Two boxes of one place, one of another, one below the threshold.
    const ROWS: [[f32; 7]; 4] = [
        [10.0, 10.0, 4.0, 4.0, 0.6, 0.1, 0.9],
        [10.0, 10.0, 4.0, 4.0, 0.8, 0.7, 0.3],
        [30.0, 12.0, 8.0, 2.0, 0.5, 0.9, 0.2],
        [50.0, 50.0, 8.0, 8.0, 0.4, 0.9, 0.2],
    ];

    #[test]
    fn the_best_of_overlapping_boxes_is_kept() {
        let found = boxes(&ROWS.concat(), 2, OnnxOutput::BoxRows, (0.5, 0.4), 64);
        let found: Vec<_> = found.iter().map(|one| (one.class, one.score, one.sides)).collect();
        assert_eq!(found, [(0, 0.8, [8.0, 8.0, 12.0, 12.0]), (0, 0.5, [26.0, 11.0, 34.0, 13.0])]);
    }

    #[test]
    fn columns_have_no_score_of_the_box() {
        let columns: Vec<f32> =
            [0, 1, 2, 3, 5, 6].into_iter().flat_map(|number| ROWS.map(|row| row[number])).collect();
        let found = boxes(&columns, 2, OnnxOutput::BoxColumns, (0.8, 0.4), 64);
        let found: Vec<_> = found.iter().map(|one| (one.class, one.score)).collect();
        assert_eq!(found, [(1, 0.9), (0, 0.9), (0, 0.9)]);
    }
}
