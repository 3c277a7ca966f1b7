//! Rows of labels as runs that belong to regions.

use arpent_base::number::fitted;
use arpent_raster::LABEL_NODATA;

use crate::bits::{differences, for_each_one};

/// No region.
pub(super) const NONE: u32 = u32::MAX;

/// Adjacent pixels of one class.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelRun {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) region: u32,
    pub(super) class_id: u8,
}

#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) runs: Vec<PixelRun>,
    pub(super) labels: Vec<u8>,
    /// Predicted classes; empty if they are equal to `labels`.
    pub(super) predicted: Vec<u8>,
    pub(super) confidence: Vec<u8>,
    pub(super) pixel_area_m2: f64,
}

impl Row {
    pub(super) fn fill(
        &mut self,
        labels: &[u8],
        (predicted, confidence): (&[u8], &[u8]),
        pixel_area_m2: f64,
    ) {
        let predicted = if predicted == labels { &[][..] } else { predicted };
        for (held, given) in
            [(&mut self.labels, labels), (&mut self.predicted, predicted), (&mut self.confidence, confidence)]
        {
            held.clear();
            held.extend_from_slice(given);
        }
        self.pixel_area_m2 = pixel_area_m2;
    }

    /// Changes the class of pixels.
    pub(super) fn eliminate(&mut self, start: usize, end: usize, class_id: u8) {
        if self.predicted.is_empty() {
            self.predicted.extend_from_slice(&self.labels);
        }
        self.labels[start..end].fill(class_id);
    }
}

/// Finds the runs of a row. `cracks` is scratch space of a bit for each column.
pub(super) fn find_runs(labels: &[u8], cracks: &mut [u64], runs: &mut Vec<PixelRun>) {
    runs.clear();
    let Some(last) = labels.len().checked_sub(1) else { return };
    differences(&labels[..last], &labels[1..], cracks);
    let mut start = 0;
    let mut add = |last: usize| {
        let (class_id, end) = (labels[last], last + 1);
        if class_id != LABEL_NODATA {
            runs.push(PixelRun { start: fitted(start), end: fitted(end), region: NONE, class_id });
        }
        start = end;
    };
    for_each_one(cracks, &mut add);
    add(last);
}
