//! Built-up areas, derived from the map itself.

use std::collections::VecDeque;

use arpent_raster::LABEL_NODATA;

/// For each pixel, whether a pixel of some classes is near: at most so many columns and rows away. A row is returned
/// when as many later rows were added.
#[derive(Debug)]
pub(crate) struct Near {
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
    pub(crate) fn new(is_wanted: [bool; 256], [across, reach]: [usize; 2], width: usize) -> Self {
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
    pub(crate) fn push(&mut self, labels: &[u8]) -> Option<&[u8]> {
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
    pub(crate) fn flush(&mut self) -> Option<&[u8]> {
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
