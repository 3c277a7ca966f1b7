//! Joins boxes to objects.

mod groups;
pub(crate) mod shape;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use arpent_base::number::floor;

use arpent_raster::OrientedBox;
use serde::{Deserialize, Serialize};

use crate::{Detection, Remaining, VectorError};
use groups::Groups;

/// Detections of one class that form one object: a long or interrupted object that a network found piece by piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The class.
    pub class_id: u8,
    /// The highest score of its fragments, 0 to 1. Objects are reviewed from the highest score down, and a weak
    /// fragment next to a strong one must not lower the rank.
    pub score: f32,
    /// The boxes of its fragments (first column, first row, end column, end row; grid pixels), in the order of these
    /// numbers.
    pub boxes: Vec<[f64; 4]>,
    /// Of fragments that have a direction, the rectangles inside these boxes, one for each; else none.
    pub oriented: Vec<OrientedBox>,
}

impl Object {
    /// The object of a detection that stands alone.
    pub fn of(detection: &Detection) -> Self {
        Self {
            class_id: detection.class_id,
            score: detection.score,
            boxes: vec![detection.bbox],
            oriented: detection.oriented.into_iter().collect(),
        }
    }

    /// Number of its detections.
    pub fn fragments(&self) -> usize {
        self.boxes.len()
    }
}

/// Joins detections of one class that are close to each other, strip by strip or block by block; a
/// [`crate::DetectionMerger`] comes before it.
///
/// Two detections are neighbors if neither the columns nor the rows between their boxes (between the rectangles in them, where
/// both have a direction) exceed the two numbers of `gap_px`; 0 joins boxes that touch or overlap. A cluster is a set of detections connected through neighbors,
/// whatever the order of the detections, strips and blocks. It is emitted as one object when no later detection can be a
/// neighbor of any of its fragments.
///
/// A cluster without end (a crack along a whole road) would be held to the end. Therefore a cluster that is wider or
/// higher than `max_extent_px` is cut along the lattice of that many pixels that is anchored to the origin of the
/// CRS: its fragments are joined only through neighbors whose boxes have their centers in the same cell. Smaller
/// clusters are never cut. Whether and where a cluster is cut depends on the cluster alone. Memory grows with the
/// width of the extent and with the detections in `max_extent_px` rows, not with the number of rows processed. A block
/// is processed alone; what is held then is given to the merger of all blocks ([`ObjectMerger::leave`]).
#[derive(Debug)]
pub struct ObjectMerger {
    /// Columns and rows.
    gap_px: [f64; 2],
    max_extent_px: f64,
    remaining: Remaining,
    pending: Vec<Fragment>,
}

/// Detections of objects that are not complete: those of a block that others may touch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenObjects(Vec<Fragment>);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Fragment {
    detection: Detection,
    /// Whether it belongs to a cluster that is too large; parts of it may already have been emitted.
    is_cut: bool,
}

impl Fragment {
    /// The order of classes, then of boxes and of the rectangles in them.
    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.detection, &other.detection);
        a.class_id.cmp(&b.class_id).then_with(|| a.order_of_places(b))
    }
}

impl ObjectMerger {
    /// A merger that joins detections at most so many columns and rows apart, and cuts clusters larger than
    /// `max_extent_px`.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if the gap is negative or not finite, or if the largest extent is 0.
    pub fn new(gap_px: [f64; 2], max_extent_px: u32) -> Result<Self, VectorError> {
        if let Some(value) = gap_px.into_iter().find(|gap| !(gap.is_finite() && *gap >= 0.0)) {
            let option = "gap_px";
            return Err(VectorError::BadOption { option, value, expected: "a number of 0 or more" });
        }
        if max_extent_px == 0 {
            let (option, value) = ("max_extent_px", 0.0);
            return Err(VectorError::BadOption { option, value, expected: "a whole number of 1 or more" });
        }
        let max_extent_px = f64::from(max_extent_px);
        Ok(Self { gap_px, max_extent_px, remaining: Remaining::everywhere(), pending: Vec::new() })
    }

    /// Adds detections, in any order, and emits the objects that are complete to `sink`. The caller guarantees that
    /// every later detection lies within `remaining`, which lies within that of the push before; after a [`crate::DetectionMerger`] that is its
    /// [`crate::DetectionMerger::remaining`] after the push.
    ///
    /// # Errors
    /// [`VectorError::BadDetection`] for boxes and scores that are not numbers, [`VectorError::LateDetection`] if the
    /// guarantee was violated; nothing is added then.
    pub fn push(
        &mut self,
        detections: &[Detection],
        remaining: &Remaining,
        sink: &mut impl FnMut(Object),
    ) -> Result<(), VectorError> {
        let fragments = detections.iter().map(|d| Fragment { detection: *d, is_cut: false });
        self.add(fragments.collect(), remaining, sink)
    }

    /// Adds what another merger with the same options held, as [`ObjectMerger::push`] does. Where blocks are joined,
    /// what a block left is taken before its detections are pushed to the [`crate::DetectionMerger`] of all blocks:
    /// the detections that this one emits then are still to come.
    ///
    /// # Errors
    /// As [`ObjectMerger::push`].
    pub fn take(
        &mut self,
        open: OpenObjects,
        remaining: &Remaining,
        sink: &mut impl FnMut(Object),
    ) -> Result<(), VectorError> {
        self.add(open.0, remaining, sink)
    }

    fn add(
        &mut self,
        fragments: Vec<Fragment>,
        remaining: &Remaining,
        sink: &mut impl FnMut(Object),
    ) -> Result<(), VectorError> {
        fragments.iter().try_for_each(|f| f.detection.check(&self.remaining))?;
        self.pending.extend(fragments);
        self.remaining.clone_from(remaining);
        self.settle(sink);
        Ok(())
    }

    /// Emits the objects that are still held to `sink`.
    pub fn finish(mut self, sink: &mut impl FnMut(Object)) {
        self.remaining = Remaining::nothing();
        self.settle(sink);
    }

    /// What is still held, for another merger with the same options.
    pub fn leave(self) -> OpenObjects {
        OpenObjects(self.pending)
    }

    /// Number of detections held.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Emits the clusters, or the pieces of clusters that are cut, that no later detection can touch.
    fn settle(&mut self, sink: &mut impl FnMut(Object)) {
        self.pending.sort_unstable_by(Fragment::order);
        let clusters = self.join(|_, _| true);
        self.mark_cuts(&clusters);
        let pieces = if self.pending.iter().any(|f| f.is_cut) {
            self.join(|a, b| !a.is_cut || self.cell(a) == self.cell(b))
        } else {
            clusters
        };
        let mut is_open = vec![false; self.pending.len()];
        for (i, fragment) in self.pending.iter().enumerate() {
            is_open[pieces[i]] |= self.remaining.may_be_near(&fragment.detection.bbox, self.gap_px);
        }
        let mut position = vec![usize::MAX; self.pending.len()];
        let mut objects: Vec<Object> = Vec::new();
        let mut rest = Vec::new();
        for (i, fragment) in self.pending.iter().enumerate() {
            let (first, detection) = (pieces[i], &fragment.detection);
            if is_open[first] {
                rest.push(*fragment);
            } else if i == first {
                position[i] = objects.len();
                objects.push(Object::of(detection));
            } else {
                let object = &mut objects[position[first]];
                object.score = object.score.max(detection.score);
                object.boxes.push(detection.bbox);
                object.oriented.extend(detection.oriented);
            }
        }
        self.pending = rest;
        objects.into_iter().for_each(sink);
    }

    /// Groups of pending fragments that are neighbors, as far as `may_join` allows: for each fragment, the first one
    /// of its group.
    fn join(&self, may_join: impl Fn(&Fragment, &Fragment) -> bool) -> Vec<usize> {
        let mut groups = Groups::new(self.pending.len());
        for (i, a) in self.pending.iter().enumerate() {
            let (class_id, east) = (a.detection.class_id, a.detection.bbox[2]);
            let is_in_reach = |b: &&Fragment| {
                b.detection.class_id == class_id && b.detection.bbox[0] - east <= self.gap_px[0]
            };
            for (j, b) in self.pending[i + 1..].iter().take_while(is_in_reach).enumerate() {
                let (a_box, b_box) = (&a.detection.bbox, &b.detection.bbox);
                let rows = self.gap_px[1];
                let is_near = b_box[1] - a_box[3] <= rows && a_box[1] - b_box[3] <= rows;
                if is_near && self.are_rectangles_near(a, b) && may_join(a, b) {
                    groups.join(i, i + 1 + j);
                }
            }
        }
        groups.firsts()
    }

    /// Boxes that are near each other may hold rectangles side by side, with ground between them.
    fn are_rectangles_near(&self, a: &Fragment, b: &Fragment) -> bool {
        match (&a.detection.oriented, &b.detection.oriented) {
            (Some(a), Some(b)) => a.is_within(b, self.gap_px),
            _ => true,
        }
    }

    /// Marks the fragments of clusters that are too large, or that were at the last check: their missing fragments
    /// have been emitted.
    fn mark_cuts(&mut self, clusters: &[usize]) {
        let nothing = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let mut extents = vec![(nothing, false); self.pending.len()];
        for (i, fragment) in self.pending.iter().enumerate() {
            let (extent, is_cut) = &mut extents[clusters[i]];
            *extent = shape::enclose(*extent, &fragment.detection.bbox);
            *is_cut |= fragment.is_cut;
        }
        for (i, fragment) in self.pending.iter_mut().enumerate() {
            let (extent, is_cut) = extents[clusters[i]];
            let side = (extent[2] - extent[0]).max(extent[3] - extent[1]);
            fragment.is_cut = is_cut || side > self.max_extent_px;
        }
    }

    /// The cell of the lattice that contains the center of a fragment.
    fn cell(&self, fragment: &Fragment) -> [i64; 2] {
        let [col0, row0, col1, row1] = fragment.detection.bbox;
        let middle = [col0.midpoint(col1), row0.midpoint(row1)];
        middle.map(|m| floor::<i64>(m / self.max_extent_px))
    }
}
