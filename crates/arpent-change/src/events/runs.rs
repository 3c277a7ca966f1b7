//! Runs of equal values along a row.

use arpent_base::number::fitted;
use arpent_raster::LABEL_NODATA;

/// Columns compared at once where two rows are mostly equal.
const BLOCK: usize = 64;

/// Adjacent pixels of a row with the same classes, relative to the extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u32,
    /// One past its last column.
    pub(super) end: u32,
    pub(super) before: u8,
    pub(super) after: u8,
    /// Number of the area or object that it belongs to.
    pub(super) id: u32,
}

/// No area or object.
pub(super) const NONE: u32 = u32::MAX;

impl Run {
    pub(super) fn len(&self) -> u32 {
        self.end - self.start
    }

    pub(super) fn columns(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Number of columns that two runs share.
    pub(super) fn shared(&self, other: &Self) -> u32 {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }

    pub(super) fn is_same_pair(&self, other: &Self) -> bool {
        (self.before, self.after) == (other.before, other.after)
    }
}

/// The runs of changed pixels of a row: both dates observed, with different classes.
pub(super) fn changed_runs(before: &[u8], after: &[u8], runs: &mut Vec<Run>) {
    runs.clear();
    let mut open: Option<Run> = None;
    let mut col = 0;
    while col < before.len() {
        if open.is_none() {
            // Most pixels have not changed.
            let end = (col + BLOCK).min(before.len());
            if before[col..end] == after[col..end] {
                col = end;
                continue;
            }
        }
        let (b, a) = (before[col], after[col]);
        let is_changed = b != a && b != LABEL_NODATA && a != LABEL_NODATA;
        match &mut open {
            Some(run) if is_changed && (run.before, run.after) == (b, a) => run.end += 1,
            _ => {
                runs.extend(open.take());
                open = is_changed.then(|| Run {
                    start: fitted(col),
                    end: fitted(col + 1),
                    before: b,
                    after: a,
                    id: NONE,
                });
            }
        }
        col += 1;
    }
    runs.extend(open);
}

/// The runs of pixels of one class, of classes that are objects.
pub(super) fn class_runs(labels: &[u8], is_object: &[bool; 256], runs: &mut Vec<Run>) {
    runs.clear();
    let mut start = 0;
    for group in labels.chunk_by(|a, b| a == b) {
        let end = start + group.len();
        if is_object[usize::from(group[0])] && group[0] != LABEL_NODATA {
            let (start, end) = (fitted(start), fitted(end));
            runs.push(Run { start, end, before: group[0], after: group[0], id: NONE });
        }
        start = end;
    }
}

/// The indices of all pairs of runs, one of each row, that share a column, from west to east.
pub(super) fn pairs(first: &[Run], second: &[Run]) -> Vec<(usize, usize)> {
    let mut found = Vec::with_capacity(first.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (first.get(i), second.get(j)) {
        if a.shared(b) > 0 {
            found.push((i, j));
        }
        if a.end <= b.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_one_pair_of_classes() {
        let (mut before, mut after) = (vec![1; 200], vec![1; 200]);
        after[70..73].copy_from_slice(&[2, 2, 3]);
        before[199] = LABEL_NODATA;
        after[199] = 4;
        let mut runs = Vec::new();
        changed_runs(&before, &after, &mut runs);
        let found: Vec<_> = runs.iter().map(|r| (r.start, r.end, r.before, r.after)).collect();
        assert_eq!(found, [(70, 72, 1, 2), (72, 73, 1, 3)]);
        let is_object = std::array::from_fn(|class| class != 1);
        class_runs(&after, &is_object, &mut runs);
        let found: Vec<_> = runs.iter().map(|r| (r.start, r.end, r.before)).collect();
        assert_eq!(found, [(70, 72, 2), (72, 73, 3), (199, 200, 4)]);
        assert_eq!(pairs(&runs, &runs), [(0, 0), (1, 1), (2, 2)]);
    }
}
