//! Rows of labels as runs.

use arpent_base::number::fitted;
use arpent_raster::LABEL_NODATA;

use crate::bits::{WORD, differences, for_each_one};

/// No run of the other row is linked to this one.
pub(super) const NONE: u32 = u32::MAX;

/// The kept runs of one row, and its labels with an additional nodata pixel at either end.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) labels: Vec<u8>,
    /// A bit for each column, set if its label differs from that to the west.
    pub(super) cracks: Vec<u64>,
    pub(super) runs: Vec<PixelRun>,
}

/// Adjacent pixels of one class.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelRun {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Last edge of the chain that continues down the western side.
    pub(super) west: u32,
    /// First edge of the chain that comes up the eastern side.
    pub(super) east: u32,
    pub(super) component: u32,
    /// The easternmost run of the other row, so far, that belongs to the same region.
    pub(super) link: u32,
    pub(super) class_id: u8,
}

impl Row {
    pub(super) fn new(width: usize) -> Self {
        Self {
            labels: vec![LABEL_NODATA; width + 2],
            cracks: vec![0; (width + 1).div_ceil(WORD)],
            runs: Vec::new(),
        }
    }

    pub(super) fn fill(&mut self, labels: &[u8], is_kept: &[bool; 256]) {
        let width = labels.len();
        self.labels[1..=width].copy_from_slice(labels);
        differences(&self.labels[..=width], &self.labels[1..], &mut self.cracks);
        self.runs.clear();
        let mut start = 0;
        for_each_one(&self.cracks, |end| {
            let class_id = self.labels[start + 1];
            if start < end && is_kept[usize::from(class_id)] {
                self.runs.push(PixelRun::new(start, end, class_id));
            }
            start = end;
        });
    }
}

impl PixelRun {
    fn new(start: usize, end: usize, class_id: u8) -> Self {
        Self {
            start: fitted(start),
            end: fitted(end),
            west: NONE,
            east: NONE,
            component: NONE,
            link: NONE,
            class_id,
        }
    }
}
