//! Merges the boxes that were found window by window.

use arpent_raster::{OrientedBox, intersection_over_union};
use serde::{Deserialize, Serialize};

use crate::{Remaining, VectorError};

/// A detected box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The class.
    pub class_id: u8,
    /// Score, 0 to 1.
    pub score: f32,
    /// First column, first row, end column, end row; grid pixels and fractions of them.
    pub bbox: [f64; 4],
    /// The rectangle that was found, if it has a direction; [`Detection::bbox`] is the box around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oriented: Option<OrientedBox>,
}

impl Detection {
    pub(crate) fn check(&self, remaining: &Remaining) -> Result<(), VectorError> {
        let Self { class_id, score, bbox, oriented } = *self;
        let is_finite = score.is_finite()
            && bbox.iter().all(|v| v.is_finite())
            && oriented.is_none_or(|oriented| oriented.is_finite());
        if !is_finite || bbox[0] > bbox[2] || bbox[1] > bbox[3] {
            return Err(VectorError::BadDetection { class_id, score, bbox });
        }
        if !remaining.contains(&bbox) {
            return Err(VectorError::LateDetection { bbox });
        }
        Ok(())
    }

    /// Which of two overlapping detections is kept: the higher score, then the box further west or north.
    fn rank(&self, other: &Self) -> std::cmp::Ordering {
        (other.score.total_cmp(&self.score))
            .then_with(|| self.order_of_places(other))
            .then(self.class_id.cmp(&other.class_id))
    }

    /// The box further west or north first; of equal boxes, by the numbers of the rectangles in them.
    pub(crate) fn order_of_places(&self, other: &Self) -> std::cmp::Ordering {
        let numbers = |d: &Self| d.oriented.map(|oriented| oriented.numbers().map(ordered));
        (self.bbox.map(ordered).cmp(&other.bbox.map(ordered)))
            .then_with(|| numbers(self).cmp(&numbers(other)))
    }

    /// Intersection over union.
    fn iou(&self, other: &Self) -> f64 {
        let (a, b) = (self.oriented.as_ref(), other.oriented.as_ref());
        intersection_over_union((&self.bbox, a), (&other.bbox, b))
    }
}

/// A number whose order is that of [`f64::total_cmp`].
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// Suppresses duplicates among the detections of overlapping windows, strip by strip or block by block.
///
/// The detections that are emitted are those that greedy non-maximum suppression keeps on the whole set (from the
/// best to the worst, a detection is dropped if it overlaps a kept one by more than the threshold), however the set
/// is cut into strips or blocks. Suppression propagates only along chains of boxes that overlap by more than the
/// threshold, so a detection is held only as long as a box of its chains may still be overlapped. A block is
/// processed alone; what is held then is given to the merger of all blocks ([`DetectionMerger::leave`]).
#[derive(Debug)]
pub struct DetectionMerger {
    iou_threshold: f64,
    classwise: bool,
    remaining: Remaining,
    pending: Vec<Detection>,
}

impl DetectionMerger {
    /// A merger that drops the detection with the lower rank of two whose intersection over union is above
    /// `iou_threshold`; only within one class if `classwise`.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if the threshold is not between 0 and 1.
    pub fn new(iou_threshold: f64, classwise: bool) -> Result<Self, VectorError> {
        if !(0.0..=1.0).contains(&iou_threshold) {
            let (option, value) = ("iou_threshold", iou_threshold);
            return Err(VectorError::BadOption { option, value, expected: "a number from 0 to 1" });
        }
        Ok(Self { iou_threshold, classwise, remaining: Remaining::everywhere(), pending: Vec::new() })
    }

    /// Adds detections, in any order, and emits those that are final to `sink`. The caller guarantees that every later
    /// detection lies within `remaining`, which lies within that of the push before.
    ///
    /// # Errors
    /// [`VectorError::BadDetection`] for boxes and scores that are not numbers, [`VectorError::LateDetection`] if the
    /// guarantee was violated; nothing is added then.
    pub fn push(
        &mut self,
        detections: &[Detection],
        remaining: &Remaining,
        sink: &mut impl FnMut(Detection),
    ) -> Result<(), VectorError> {
        detections.iter().try_for_each(|d| d.check(&self.remaining))?;
        self.pending.extend_from_slice(detections);
        self.remaining.clone_from(remaining);
        self.settle(sink);
        Ok(())
    }

    /// Emits the detections that are still held to `sink`.
    pub fn finish(mut self, sink: &mut impl FnMut(Detection)) {
        self.remaining = Remaining::nothing();
        self.settle(sink);
    }

    /// Where a detection that is emitted later may lie: the guarantee for the next consumer.
    pub fn remaining(&self) -> Remaining {
        self.remaining.and(self.pending.iter().map(|d| d.bbox))
    }

    /// The detections that are still held, which are to be pushed to another merger with the same options.
    pub fn leave(self) -> Vec<Detection> {
        self.pending
    }

    /// Number of detections held.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Emits the clusters that no later detection can overlap.
    fn settle(&mut self, sink: &mut impl FnMut(Detection)) {
        self.pending.sort_unstable_by(Detection::rank);
        let rivals = self.rivals();
        let is_open = self.open_clusters(&rivals);
        let mut is_dropped = vec![false; self.pending.len()];
        let mut rest = Vec::new();
        for (i, detection) in self.pending.iter().enumerate() {
            if is_open[i] {
                rest.push(*detection);
            } else if !is_dropped[i] {
                sink(*detection);
                rivals.of(i).for_each(|lesser| is_dropped[lesser] = true);
            }
        }
        self.pending = rest;
    }

    /// Pairs of pending detections that overlap too much, of which only one may stay.
    fn rivals(&self) -> Rivals {
        let mut from_west: Vec<usize> = (0..self.pending.len()).collect();
        from_west.sort_unstable_by(|a, b| self.pending[*a].bbox[0].total_cmp(&self.pending[*b].bbox[0]));
        let mut pairs = Vec::new();
        for (position, &i) in from_west.iter().enumerate() {
            let a = &self.pending[i];
            let east = from_west[position + 1..].iter().take_while(|j| self.pending[**j].bbox[0] < a.bbox[2]);
            for &j in east.filter(|j| self.are_rivals(a, &self.pending[**j])) {
                pairs.extend([(i, j), (j, i)]);
            }
        }
        pairs.sort_unstable();
        Rivals(pairs)
    }

    fn are_rivals(&self, a: &Detection, b: &Detection) -> bool {
        (!self.classwise || a.class_id == b.class_id) && a.iou(b) > self.iou_threshold
    }

    /// Whether each pending detection is connected, through overlapping pairs, with one that a later one may
    /// overlap.
    fn open_clusters(&self, rivals: &Rivals) -> Vec<bool> {
        let mut is_open: Vec<bool> =
            self.pending.iter().map(|d| self.remaining.may_overlap(&d.bbox)).collect();
        let mut queue: Vec<usize> = (0..is_open.len()).filter(|i| is_open[*i]).collect();
        while let Some(i) = queue.pop() {
            for j in rivals.of(i) {
                if !is_open[j] {
                    is_open[j] = true;
                    queue.push(j);
                }
            }
        }
        is_open
    }
}

/// Pairs in both directions, sorted.
struct Rivals(Vec<(usize, usize)>);

impl Rivals {
    fn of(&self, i: usize) -> impl Iterator<Item = usize> {
        let start = self.0.partition_point(|pair| pair.0 < i);
        self.0[start..].iter().take_while(move |pair| pair.0 == i).map(|pair| pair.1)
    }
}

#[cfg(test)]
mod tests {
    use arpent_base::number::{approximate, exact, truncate};

    use super::*;
    use proptest::prelude::*;

    fn detection(class_id: u8, score: f32, bbox: [f64; 4]) -> Detection {
        Detection { class_id, score, bbox, oriented: None }
    }

    /// Greedy suppression of the whole set at once; the oracle.
    fn suppress(mut all: Vec<Detection>, threshold: f64, classwise: bool) -> Vec<Detection> {
        let key =
            |d: &Detection| (-d.score, d.bbox, d.oriented.map(|oriented| oriented.numbers()), d.class_id);
        all.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap());
        let mut kept: Vec<Detection> = Vec::new();
        for d in all {
            let beats = |k: &Detection| {
                let side = |i: usize| (k.bbox[i + 2].min(d.bbox[i + 2]) - k.bbox[i].max(d.bbox[i])).max(0.0);
                let area = |b: [f64; 4]| (b[2] - b[0]) * (b[3] - b[1]);
                let common = side(0) * side(1);
                let may = !classwise || k.class_id == d.class_id;
                if k.oriented.is_some() || d.oriented.is_some() {
                    // Rectangles overlap as those of shapely do (`arpent-raster`).
                    let placed = |d: Detection| (d.bbox, d.oriented);
                    let ((a, of_a), (b, of_b)) = (placed(*k), placed(d));
                    return may
                        && intersection_over_union((&a, of_a.as_ref()), (&b, of_b.as_ref())) > threshold;
                }
                may && common > 0.0 && common / (area(k.bbox) + area(d.bbox) - common) > threshold
            };
            if !kept.iter().any(beats) {
                kept.push(d);
            }
        }
        kept
    }

    fn sorted(mut all: Vec<Detection>) -> Vec<Detection> {
        all.sort_by(Detection::rank);
        all
    }

    prop_compose! {
        /// Few places, sizes and scores, so that ties and exact duplicates are common.
        fn detections()(class_id in 0u8..2, score in 1u8..6, col in 0u8..30, row in -60i8..60, width in 0u8..16, height in 0u8..16, turn in 0u8..8) -> Detection {
            let (col, row) = (f64::from(col), f64::from(row) * 0.5);
            let upright = [col, row, col + f64::from(width), row + f64::from(height)];
            let upright = detection(class_id, f32::from(score) / 5.0, upright);
            if turn < 4 || width == 0 {
                return upright;
            }
            let half = [f64::from(width) / 2.0, f64::from(turn) - 5.0];
            let oriented = OrientedBox::new([col + 8.0, row + 8.0], half, f64::from(height) / 2.0);
            Detection { bbox: oriented.bbox(), oriented: Some(oriented), ..upright }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn strips_do_not_matter(
            all in prop::collection::vec((detections(), 0.0f64..1.0, any::<u32>()), 0..80),
            mut cuts in prop::collection::vec(-30i64..40, 0..6),
            threshold in prop::sample::select(vec![0.0, 0.3, 0.5, 0.9, 1.0]), classwise: bool,
        ) {
            cuts.sort_unstable();
            cuts.push(i64::MAX);
            // Each detection may come in any strip before the one that declares its first row done.
            let mut strips = vec![Vec::new(); cuts.len()];
            for (d, when, order) in &all {
                let last = cuts.iter().position(|cut| d.bbox[1] < approximate(*cut)).unwrap();
                strips[truncate::<usize>(when * exact(last + 1))].push((*order, *d));
            }
            let mut merger = DetectionMerger::new(threshold, classwise).unwrap();
            let mut kept = Vec::new();
            for (strip, cut) in strips.iter_mut().zip(&cuts) {
                strip.sort_by_key(|s| s.0);
                let strip: Vec<Detection> = strip.iter().map(|s| s.1).collect();
                let (promise, before) = (merger.remaining(), kept.len());
                merger.push(&strip, &Remaining::below(*cut), &mut |d| kept.push(d)).unwrap();
                prop_assert!(kept[before..].iter().all(|d| promise.contains(&d.bbox)));
            }
            merger.finish(&mut |d| kept.push(d));
            let expected = suppress(all.iter().map(|d| d.0).collect(), threshold, classwise);
            prop_assert_eq!(sorted(kept), sorted(expected));
        }
    }

    #[test]
    fn a_chain_is_held_until_its_end_has_passed() {
        // Each suppresses the next by half; the best is the last to come.
        let link = |i: u8| {
            detection(0, f32::from(i) / 10.0, [0.0, f64::from(i) * 3.0, 10.0, f64::from(i) * 3.0 + 10.0])
        };
        let mut merger = DetectionMerger::new(0.5, false).unwrap();
        let mut kept = vec![];
        merger.push(&[link(0), link(1), link(2)], &Remaining::below(9), &mut |d| kept.push(d)).unwrap();
        assert_eq!(merger.pending(), 3);
        merger.push(&[link(3)], &Remaining::below(18), &mut |d| kept.push(d)).unwrap();
        assert!(kept.is_empty());
        merger.push(&[], &Remaining::below(19), &mut |d| kept.push(d)).unwrap();
        assert_eq!((kept, merger.pending()), (vec![link(3), link(1)], 0));
    }

    #[test]
    fn memory_does_not_grow_with_the_strips() {
        let mut merger = DetectionMerger::new(0.3, true).unwrap();
        let mut count = 0;
        for strip in 0..200_i32 {
            let row = f64::from(strip) * 10.0;
            let boxes: Vec<Detection> = (0..50)
                .map(|i| {
                    detection(0, 0.5, [f64::from(i) * 4.0, row + 1.0, f64::from(i) * 4.0 + 6.0, row + 12.0])
                })
                .collect();
            merger.push(&boxes, &Remaining::below(i64::from(strip) * 10 + 10), &mut |_| count += 1).unwrap();
            assert!(merger.pending() <= 50);
        }
        assert!(count > 1_000);
    }

    #[test]
    fn classes_are_separate_on_request() {
        let pair = [detection(0, 0.9, [0.0, 0.0, 4.0, 4.0]), detection(1, 0.8, [0.0, 0.0, 4.0, 4.0])];
        for (classwise, expected) in [(true, 2), (false, 1)] {
            let mut merger = DetectionMerger::new(0.5, classwise).unwrap();
            let mut count = 0;
            merger.push(&pair, &Remaining::below(4), &mut |_| count += 1).unwrap();
            assert_eq!(count, expected);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(DetectionMerger::new(f64::NAN, true).is_err());
        assert!(DetectionMerger::new(1.1, true).is_err());
        let mut merger = DetectionMerger::new(0.5, true).unwrap();
        let mut push = |d: Detection, done| merger.push(&[d], &Remaining::below(done), &mut |_| {});
        let good = detection(0, 0.5, [0.0, 0.0, 1.0, 1.0]);
        assert!(matches!(
            push(Detection { score: f32::NAN, ..good }, 0),
            Err(VectorError::BadDetection { .. })
        ));
        assert!(push(detection(0, 0.5, [0.0, f64::INFINITY, 1.0, 1.0]), 0).is_err());
        assert!(push(detection(0, 0.5, [2.0, 0.0, 1.0, 1.0]), 0).is_err());
        assert_eq!(push(good, 1), Ok(()));
        assert_eq!(push(good, 1), Err(VectorError::LateDetection { bbox: good.bbox }));
    }
}
