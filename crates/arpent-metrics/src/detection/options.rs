//! Options of the comparison of boxes.

use arpent_base::number::exact;
use serde::{Deserialize, Serialize};

use crate::MetricsError;
use crate::error::check_option;

/// Options of the comparison of boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionOptions {
    /// Number of classes.
    pub classes: usize,
    /// Intersections over union from which a box counts as matched, ascending; 1 to 32 of them.
    pub iou_thresholds: Vec<f64>,
    /// Largest number of boxes of one class in one picture, best first. COCO uses 100, which is too few for a picture
    /// of a town.
    pub max_per_picture: Option<usize>,
}

impl DetectionOptions {
    /// Ten thresholds from 0.50 to 0.95 as for COCO, but every box counts.
    pub fn coco(classes: usize) -> Self {
        // Computed as in numpy.linspace, so that a box at a threshold falls on the same side.
        let step = (0.95 - 0.5) / 9.0;
        let iou_thresholds = (0..10).map(|i| if i == 9 { 0.95 } else { 0.5 + f64::from(i) * step }).collect();
        Self { classes, iou_thresholds, max_per_picture: None }
    }

    pub(super) fn check(&self) -> Result<(), MetricsError> {
        let count = exact(self.iou_thresholds.len());
        let is_fine = (1..=32).contains(&self.iou_thresholds.len());
        check_option(is_fine, "iou_thresholds.len", count, "a number from 1 to 32")?;
        let classes = exact(self.classes);
        check_option((1..=256).contains(&self.classes), "classes", classes, "a number from 1 to 256")?;
        let mut last = 0.0;
        for threshold in &self.iou_thresholds {
            let is_fine = *threshold > last && *threshold <= 1.0;
            check_option(is_fine, "iou_thresholds", *threshold, "above 0, at most 1 and ascending")?;
            last = *threshold;
        }
        Ok(())
    }
}
