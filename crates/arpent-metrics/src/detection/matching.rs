//! Matches detected boxes to true boxes.

use arpent_raster::intersection_over_union;

use super::boxes::{ScoredBox, TruthBox};
use super::outcomes::Outcome;

/// Matches the boxes of one class in one picture; `found` must be sorted by score, best first.
///
/// All thresholds are processed together, and only pairs above the lowest are kept, for one box at a time: memory is
/// bounded by the number of boxes, not of pairs.
pub(super) fn greedy(truths: &[&TruthBox], found: &[&ScoredBox], thresholds: &[f64]) -> Vec<Outcome> {
    let lowest = thresholds.first().map_or(1.0, |t| reachable(*t));
    let mut taken = vec![0u32; truths.len()];
    let outcome = |found: &&ScoredBox| {
        let overlaps = truths.iter().enumerate().map(|(i, truth)| (i, iou(found, truth)));
        let rivals: Vec<(usize, f64)> = overlaps.filter(|(_, iou)| *iou >= lowest).collect();
        Outcome { score: found.score, matched: take(&rivals, &mut taken, thresholds) }
    };
    found.iter().map(outcome).collect()
}

/// Matches the best free true box at each threshold; returns the bits of the thresholds with a match.
fn take(rivals: &[(usize, f64)], taken: &mut [u32], thresholds: &[f64]) -> u32 {
    let mut matched = 0;
    for (bit, threshold) in thresholds.iter().enumerate() {
        let flag = 1 << bit;
        let free = rivals.iter().filter(|(i, iou)| taken[*i] & flag == 0 && *iou >= reachable(*threshold));
        // `max_by` returns the last one on ties, as pycocotools does.
        if let Some((i, _)) = free.max_by(|a, b| a.1.total_cmp(&b.1)) {
            taken[*i] |= flag;
            matched |= flag;
        }
    }
    matched
}

/// A threshold of 1 that equal boxes reach despite rounding (pycocotools, `cocoeval.py`).
fn reachable(threshold: f64) -> f64 {
    threshold.min(1.0 - 1e-10)
}

fn iou(found: &ScoredBox, truth: &TruthBox) -> f64 {
    intersection_over_union((&found.bbox, found.oriented.as_ref()), (&truth.bbox, truth.oriented.as_ref()))
}
