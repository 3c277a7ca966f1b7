//! Built-up areas, derived from the map itself.

use std::collections::VecDeque;
use std::ops::Range;

use arpent_base::number::wide;
use arpent_raster::{LABEL_NODATA, Window};

use crate::VectorError;

/// Built-up areas, derived from the predicted map itself.
#[derive(Debug, Clone, Copy)]
pub struct BuiltUp {
    /// Ids of the built-up classes.
    pub classes: [bool; 256],
    /// Pixels at most this many columns and rows away from one of these classes are built up.
    pub reach_px: [usize; 2],
}

/// For each pixel, whether a pixel of some classes is near: at most so many columns and rows away. A row is returned
/// when as many later rows were added.
#[derive(Debug)]
struct Near {
    is_wanted: [bool; 256],
    /// Columns.
    across: usize,
    /// Rows.
    reach: usize,
    /// Of the last rows, `2 * reach + 1` at most: which columns are near a pixel of these classes in that row.
    rows: VecDeque<Vec<bool>>,
    /// For each column, the number of these rows in which it is.
    counts: Vec<u32>,
    mask: Vec<u8>,
    /// Rows that were pushed, rows including those appended after the last one, and rows that were returned.
    pushed: usize,
    appended: usize,
    given: usize,
}

impl Near {
    fn new(is_wanted: [bool; 256], [across, reach]: [usize; 2], width: usize) -> Self {
        let (counts, near) = (vec![0; width], vec![0; width]);
        Self {
            is_wanted,
            across,
            reach,
            rows: VecDeque::new(),
            counts,
            mask: near,
            pushed: 0,
            appended: 0,
            given: 0,
        }
    }

    /// Adds the next row; returns, for the row `reach` before it, 1 for each pixel that is near a pixel of these
    /// classes, else 0.
    fn push(&mut self, labels: &[u8]) -> Option<&[u8]> {
        self.pushed += 1;
        let mut row = vec![false; labels.len()];
        let (mut start, mut filled) = (0, 0);
        for run in labels.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            if run[0] != LABEL_NODATA && self.is_wanted[usize::from(run[0])] {
                let to = (end + self.across).min(labels.len());
                row[start.saturating_sub(self.across).max(filled).min(to)..to].fill(true);
                filled = to;
            }
            start = end;
        }
        self.append(row);
        self.give()
    }

    /// The next of the last rows, after all rows were pushed.
    fn flush(&mut self) -> Option<&[u8]> {
        while self.given < self.pushed && self.appended <= self.given + self.reach {
            self.append(Vec::new());
        }
        self.give()
    }

    fn append(&mut self, row: Vec<bool>) {
        self.appended += 1;
        for (count, _) in self.counts.iter_mut().zip(&row).filter(|(_, near)| **near) {
            *count += 1;
        }
        self.rows.push_back(row);
        if self.rows.len() > 2 * self.reach + 1 {
            let old = self.rows.pop_front().expect("a row was just put behind");
            for (count, _) in self.counts.iter_mut().zip(&old).filter(|(_, was_near)| **was_near) {
                *count -= 1;
            }
        }
    }

    fn give(&mut self) -> Option<&[u8]> {
        if self.given == self.pushed || self.appended <= self.given + self.reach {
            return None;
        }
        self.given += 1;
        for (near, count) in self.mask.iter_mut().zip(&self.counts) {
            *near = u8::from(*count > 0);
        }
        Some(&self.mask)
    }
}

/// Strata of the rows of a block: 1 where pixels are built up, else 0. They are returned as soon as they are certain,
/// with what is needed of the rows then.
#[derive(Debug)]
pub(crate) struct StrataRows<R> {
    /// The window whose labels are needed.
    halo: Window,
    block: Window,
    near: Option<Near>,
    /// Rows of the halo that were pushed, and rows whose strata were returned.
    pushed: usize,
    given: usize,
    /// Rows of the block whose strata are not certain, each with its pixels that are known to be built up.
    waiting: VecDeque<(R, Vec<bool>)>,
}

impl<R> StrataRows<R> {
    /// Pixels near built-up classes, if there are any, are built up.
    pub(crate) fn new(extent: &Window, block: Window, built_up: Option<&BuiltUp>) -> Self {
        let halo = built_up.map_or(block, |built_up| {
            let [cols, rows] = built_up.reach_px;
            block.grow_by(cols, rows).intersect(extent).unwrap_or(block)
        });
        let near = built_up.map(|built_up| Near::new(built_up.classes, built_up.reach_px, halo.width));
        Self { halo, block, near, pushed: 0, given: 0, waiting: VecDeque::new() }
    }

    /// The window whose labels are needed.
    pub(crate) fn halo(&self) -> Window {
        self.halo
    }

    /// The columns of the block in a row of the halo.
    pub(crate) fn columns(&self) -> Range<usize> {
        let (start, _) = self.halo.offset_of(&self.block).unwrap_or_default();
        start..start + self.block.width
    }

    /// Checks that the next row has the right length and is, or is not, one of the block.
    pub(crate) fn check(&self, labels: &[u8], is_of_block: bool) -> Result<(), VectorError> {
        let row = self.halo.row.saturating_add_unsigned(wide(self.pushed));
        if row >= self.halo.row_end() || (self.block.row..self.block.row_end()).contains(&row) != is_of_block
        {
            return Err(VectorError::HaloRow { row, block: self.block });
        }
        let (expected, found) = (self.halo.width, labels.len());
        if found != expected {
            return Err(VectorError::RowLength { row, expected, labels: found, confidence: found });
        }
        Ok(())
    }

    /// [`StrataRows::check`] of a row of the block, with the pixels that are known to be built up.
    pub(crate) fn check_row(&self, labels: &[u8], built_up: Option<&[bool]>) -> Result<(), VectorError> {
        self.check(labels, true)?;
        let (expected, row) = (self.block.width, self.halo.row.saturating_add_unsigned(wide(self.pushed)));
        match built_up.map(<[bool]>::len).filter(|found| *found != expected) {
            Some(found) => Err(VectorError::RowLength { row, expected, labels: expected, confidence: found }),
            None => Ok(()),
        }
    }

    /// Adds the next row of the halo; of the block, with what is kept of it and the pixels that are known to be built
    /// up. Returns a row whose strata are certain now.
    pub(crate) fn push(&mut self, labels: &[u8], row: Option<(R, &[bool])>) -> Option<(R, Vec<u8>)> {
        self.pushed += 1;
        self.waiting.extend(row.map(|(row, known)| (row, known.to_vec())));
        let columns = self.columns();
        if let Some(near) = &mut self.near {
            let mask = near.push(labels)?.to_vec();
            return self.take(Some(&mask[columns]));
        }
        self.take(None)
    }

    /// The next row, after all rows were pushed.
    pub(crate) fn flush(&mut self) -> Option<(R, Vec<u8>)> {
        let columns = self.columns();
        while !self.waiting.is_empty() {
            let mask = self.near.as_mut()?.flush()?.to_vec();
            if let Some(row) = self.take(Some(&mask[columns.clone()])) {
                return Some(row);
            }
        }
        None
    }

    fn take(&mut self, near: Option<&[u8]>) -> Option<(R, Vec<u8>)> {
        let row = self.halo.row.saturating_add_unsigned(wide(self.given));
        self.given += 1;
        if row < self.block.row {
            return None;
        }
        let (row, known) = self.waiting.pop_front()?;
        let mut strata = near.map_or_else(|| vec![0; self.block.width], <[u8]>::to_vec);
        for (stratum, _) in strata.iter_mut().zip(&known).filter(|(_, is_known)| **is_known) {
            *stratum = 1;
        }
        Some((row, strata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_a_rectangle_around_every_wanted_pixel() {
        let (width, height, across, reach) = (13, 11, 3, 2);
        let built = [(3, 4), (9, 12), (10, 0)];
        let label = |y: usize, x: usize| if built.contains(&(y, x)) { 7 } else { 1 };
        let mut wanted = [false; 256];
        wanted[7] = true;
        let mut near = Near::new(wanted, [across, reach], width);
        let mut found: Vec<u8> = Vec::new();
        for y in 0..height {
            let labels: Vec<u8> = (0..width).map(|x| label(y, x)).collect();
            found.extend(near.push(&labels).unwrap_or_default());
            assert_eq!(found.len() / width, (y + 1).saturating_sub(reach));
        }
        while let Some(row) = near.flush() {
            found.extend(row);
        }
        let expected = (0..height * width).map(|i| (i / width, i % width)).map(|(y, x)| {
            u8::from(built.iter().any(|(by, bx)| y.abs_diff(*by) <= reach && x.abs_diff(*bx) <= across))
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
