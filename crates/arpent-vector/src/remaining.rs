//! Where boxes may still be found.

use arpent_base::number::approximate;
use arpent_raster::Window;

/// A rectangle: first column, first row, end column, end row; grid pixels.
type Rectangle = [f64; 4];

const EVERYWHERE: Rectangle = [f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY];

/// The rectangles in which boxes may still be found: each later box lies within one of them. What touches none of
/// them is final.
///
/// ```
/// use arpent_raster::Window;
/// use arpent_vector::{Detection, DetectionMerger, Remaining};
///
/// // Two blocks side by side; a box may extend by 4 pixels beyond the block of its center.
/// let blocks = [Window::new(0, 0, 64, 64), Window::new(64, 0, 64, 64)];
/// let found = |score, col| Detection { class_id: 1, score, bbox: [col, 20.0, col + 8.0, 28.0], oriented: None };
/// let detections = [vec![found(0.5, 20.0), found(0.6, 59.0)], vec![found(0.9, 61.0)]];
///
/// let (mut kept, mut all) = (Vec::new(), DetectionMerger::new(0.3, true)?);
/// let mut sink = |detection: Detection| kept.push(detection.score);
/// for (i, of_block) in detections.iter().enumerate() {
///     // Each block alone, then what others may touch.
///     let mut merger = DetectionMerger::new(0.3, true)?;
///     merger.push(of_block, &Remaining::outside(&blocks[i], 4), &mut sink)?;
///     all.push(&merger.leave(), &Remaining::within(&blocks[i + 1..], 4), &mut sink)?;
/// }
/// all.finish(&mut sink);
/// assert_eq!(kept, [0.5, 0.9]);
/// # Ok::<(), arpent_vector::VectorError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Remaining {
    areas: Vec<Rectangle>,
    /// Boxes found but not final, by their first column.
    held: Vec<Rectangle>,
    /// Columns of the widest of these.
    widest: f64,
}

impl Remaining {
    fn of(areas: Vec<Rectangle>) -> Self {
        Self { areas, held: Vec::new(), widest: 0.0 }
    }

    /// Boxes may be found anywhere.
    pub fn everywhere() -> Self {
        Self::of(vec![EVERYWHERE])
    }

    /// All boxes were found.
    pub fn nothing() -> Self {
        Self::of(Vec::new())
    }

    /// Boxes that start at or below a row.
    pub fn below(row: i64) -> Self {
        let [west, _, east, south] = EVERYWHERE;
        Self::of(vec![[west, approximate(row), east, south]])
    }

    /// Boxes with their centers outside of a block, of which each extends by at most `reach` columns and rows into
    /// it.
    pub fn outside(block: &Window, reach: u32) -> Self {
        let [west, north, east, south] = EVERYWHERE;
        let [col, row, col_end, row_end] = extended(block, -f64::from(reach));
        Self::of(vec![
            [west, north, east, row],
            [west, row_end, east, south],
            [west, north, col, south],
            [col_end, north, east, south],
        ])
    }

    /// Boxes with their centers in one of these blocks, of which each extends by at most `reach` columns and rows
    /// beyond its block. The time that a merger takes grows with the number of blocks: blocks side by side may be
    /// given as one.
    pub fn within(blocks: &[Window], reach: u32) -> Self {
        Self::of(blocks.iter().map(|block| extended(block, f64::from(reach))).collect())
    }

    /// The same, and boxes that are held.
    pub(crate) fn and(&self, boxes: impl Iterator<Item = Rectangle>) -> Self {
        let mut held = self.held.clone();
        held.extend(boxes);
        held.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]));
        let widest = held.iter().map(|held| held[2] - held[0]).fold(0.0, f64::max);
        Self { areas: self.areas.clone(), held, widest }
    }

    /// Whether a box may still be found.
    pub(crate) fn contains(&self, bbox: &Rectangle) -> bool {
        let is_in = |r: &Rectangle| r[0] <= bbox[0] && r[1] <= bbox[1] && r[2] >= bbox[2] && r[3] >= bbox[3];
        self.areas.iter().any(is_in) || self.held_near(bbox, 0.0).any(is_in)
    }

    /// Whether a box that is found later may overlap one.
    pub(crate) fn may_overlap(&self, bbox: &Rectangle) -> bool {
        let is_over = |r: &Rectangle| r[0] < bbox[2] && r[1] < bbox[3] && r[2] > bbox[0] && r[3] > bbox[1];
        self.areas.iter().any(is_over) || self.held_near(bbox, 0.0).any(is_over)
    }

    /// Whether a box that is found later may be so many columns and rows away from one, or nearer.
    pub(crate) fn may_be_near(&self, bbox: &Rectangle, gap: [f64; 2]) -> bool {
        let is_near = |r: &Rectangle| {
            let is_along = |k: usize| r[k] - bbox[k + 2] <= gap[k] && bbox[k] - r[k + 2] <= gap[k];
            is_along(0) && is_along(1)
        };
        self.areas.iter().any(is_near) || self.held_near(bbox, gap[0]).any(is_near)
    }

    /// The boxes that are held, without those more than `columns` to the west or east of one. A pixel more on either
    /// side, as the differences are rounded.
    fn held_near(&self, bbox: &Rectangle, columns: f64) -> impl Iterator<Item = &Rectangle> {
        let (west, east) = (bbox[0] - self.widest - columns - 1.0, bbox[2] + columns + 1.0);
        let first = self.held.partition_point(|held| held[0] < west);
        self.held[first..].iter().take_while(move |held| held[0] <= east)
    }
}

/// A block with so many pixels more on each side.
fn extended(block: &Window, by: f64) -> Rectangle {
    let first = |at: i64| approximate(at) - by;
    let end = |at: i64| approximate(at) + by;
    [first(block.col), first(block.row), end(block.col_end()), end(block.row_end())]
}
