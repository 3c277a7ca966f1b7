//! Selects the corners of borders that are cut.
//!
//! The corner of a vertex `b` between `a` and `c`, its remaining neighbors on the arc, may be cut if the closed
//! triangle of `b` and the midpoints of its sides contains no other remaining vertex. What is cut off is the triangle
//! of `b` and two points at a quarter of its sides or nearer ([`crate::drawing::Smoothing`]), a part of the former.
//!
//! **Lines do not cross.** Lines of the cell meet in common ends only, and no third line ends in `b`. A line other
//! than `a-b` and `b-c` that met the triangle would not pass through these two, so it would enter through the third
//! side; it cannot leave there again, so it would have to end inside, at a vertex, but there is none. Take two such
//! triangles, of `b` and `d`. The sides of one that lie on lines do not meet the other, except at the midpoint of a
//! line that `b` and `d` share. Their third sides meet in one point at most, and two closed curves cross in an even
//! number of points, so they do not cross; if one triangle contained the other, it would contain its vertex. So the
//! triangles are disjoint except for midpoints of lines, what is cut off is nearer to its vertex than the midpoint,
//! and the cuts and the remaining lines meet in common ends only. All of this is decided in integers; between what is
//! cut off and anything else there is a gap of more than a ten-thousandth of a pixel, far more than rounding errors.
//!
//! **No region loses more than the share.** Triangles of corners that a region loses lie inside its generalized
//! outline and are disjoint, so together they are smaller than its area. What is cut off is `4 t t'` of its triangle,
//! where `t` and `t'` are the fractions of the sides: at most the share, as both are below `sqrt(share) / 2`. What a
//! region gains, others lose; it is at most half the square of the length of cuts for each corner.

use super::arcs::Arcs;
use super::cell::{Cell, Place};
use super::decimate::Decimation;
use super::redraw::Redraw;
use crate::bits::WORD;

/// Calls `cut` with the vertices whose corners are cut. Borders of classes that are made square are not smoothed.
pub(super) fn find_corners(
    cell: &Cell,
    arcs: &Arcs,
    decimation: &mut Decimation,
    redraw: &Redraw,
    square: Option<&[bool; 256]>,
    cuts: &mut [u64],
) {
    let words = arcs.words;
    let mut cut = |[x, y]: Place| cuts[words * usize::from(y) + usize::from(x) / WORD] |= 1 << (x % 64);
    let mut line = Vec::new();
    for (arc, ends) in arcs.starts.windows(2).enumerate() {
        let [first, end] = [ends[0], ends[1]];
        if let Some(square) = square {
            let [a, b] = [first, first + 1].map(|place| decimation.places[place as usize]);
            if cell.labels_beside(a, b).iter().any(|label| square[usize::from(*label)]) {
                continue;
            }
        }
        line.clear();
        line.extend(decimation.left_of(first).map(|place| decimation.places[place as usize]));
        debug_assert_eq!(line.last(), decimation.places.get(end as usize - 1));
        if arc >= arcs.first_round {
            // The first vertex is repeated: it has a corner, too.
            line.push(line[1]);
        }
        for corner in line.windows(3) {
            let corner = [corner[0], corner[1], corner[2]];
            if !is_straight(corner) && decimation.left.is_corner_free(corner) && !redraw.is_met(corner) {
                cut(corner[1]);
            }
        }
    }
}

/// Whether three places are collinear.
fn is_straight(corner: [Place; 3]) -> bool {
    let [a, b, c] = corner.map(|place| place.map(i64::from));
    crate::triangle::turn(a, b, c) == 0
}
