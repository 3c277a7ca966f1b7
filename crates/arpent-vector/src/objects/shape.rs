//! Converts boxes to one outline, in grid pixels.

use std::collections::BTreeSet;

use arpent_base::number::{approximate, exact, offset, round};
use arpent_raster::{LABEL_NODATA, OrientedBox, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Polygonizer;

/// Box sides are compared, and boxes identified, in this fraction of a pixel.
const STEPS: f64 = 16.0;

/// Corners are kept within this many steps of the grid's origin, so that products of their differences do not
/// overflow.
const FARTHEST: i64 = 1 << 45;

/// A rectangle is preferred only if it is smaller than another by this factor; smaller differences are rounding.
const CLEARLY_SMALLER: f64 = 1.0 - 1e-9;

/// How an object is drawn. Shapes other than the box are computed from the corners of its boxes to 1/16 pixel; an
/// object of one fragment is drawn as that fragment's box for every shape, or as its rectangle if the model finds boxes with a
/// direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The smallest rectangle along rows and columns that contains its boxes.
    #[default]
    Box,
    /// The rectangle with the smallest area in pixels that contains its boxes, in any direction; along rows and
    /// columns if no other is smaller. Its corners are right angles if pixels are square.
    OrientedBox,
    /// The outline of its boxes with its holes; if the boxes are not connected through a side or an area, or have a
    /// direction, the convex hull of all.
    Footprint,
}

/// A corner in steps, column and row.
type Corner = [i64; 2];

/// A polygon in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outline {
    /// The exterior, then holes; [column, row] each. As those of a [`crate::Region`], but coordinates need not be
    /// integers.
    pub(crate) rings: Vec<Vec<[f64; 2]>>,
    /// Pixels inside.
    pub(crate) area_px: f64,
}

/// The smallest box that contains two.
pub(crate) fn enclose(a: [f64; 4], b: &[f64; 4]) -> [f64; 4] {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

/// The numbers that identify boxes, independent of their order.
pub(crate) fn box_numbers(boxes: &[[f64; 4]]) -> Vec<i64> {
    let mut quantised: Vec<[i64; 4]> = boxes.iter().map(|b| b.map(|v| round::<i64>(v * STEPS))).collect();
    quantised.sort_unstable();
    quantised.into_flattened()
}

/// The numbers that identify rectangles with a direction, independent of their order and of the corner that each begins with
/// (which of two sides that are about equal is the longer one may be rounding): one more than those of boxes, so that both
/// differ.
pub(crate) fn rectangle_numbers(rectangles: &[OrientedBox]) -> Vec<i64> {
    let corners = |r: &OrientedBox| {
        let ring = r.corners().map(|corner| corner.map(|v| round::<i64>(v * STEPS)));
        (0..4).map(|first| [0, 1, 2, 3].map(|i| ring[(first + i) % 4])).min().unwrap_or(ring)
    };
    let mut quantised: Vec<_> = rectangles.iter().map(corners).collect();
    quantised.sort_unstable();
    let numbers = quantised.into_iter().flatten().flatten();
    std::iter::once(i64::MIN).chain(numbers).collect()
}

/// The outline of boxes; `bbox` is the box that contains them all.
pub(crate) fn outline(boxes: &[[f64; 4]], bbox: [f64; 4], shape: Shape) -> Outline {
    let drawn = match shape {
        Shape::Box => None,
        _ if boxes.len() < 2 => None,
        Shape::OrientedBox => oriented_box(&hull(corners_of(boxes))),
        Shape::Footprint => footprint(boxes).or_else(|| Outline::of_rings(&[hull(corners_of(boxes))])),
    };
    drawn.unwrap_or_else(|| Outline::of_box(bbox))
}

/// The same for rectangles with a direction.
pub(crate) fn outline_of_rectangles(rectangles: &[OrientedBox], bbox: [f64; 4], shape: Shape) -> Outline {
    let corners = || rectangles.iter().flat_map(OrientedBox::corners).map(|corner| corner.map(steps));
    let drawn = match (rectangles, shape) {
        ([one], _) => Outline::of_rectangle(one),
        (_, Shape::Box) => None,
        (_, Shape::OrientedBox) => oriented_box(&hull(corners())),
        (_, Shape::Footprint) => Outline::of_rings(&[hull(corners())]),
    };
    drawn.unwrap_or_else(|| Outline::of_box(bbox))
}

/// The corners of boxes, in steps.
fn corners_of(boxes: &[[f64; 4]]) -> impl Iterator<Item = Corner> {
    (boxes.iter().map(|b| b.map(steps)))
        .flat_map(|[col0, row0, col1, row1]| [[col0, row0], [col0, row1], [col1, row1], [col1, row0]])
}

impl Outline {
    fn of_box([col0, row0, col1, row1]: [f64; 4]) -> Self {
        let ring = vec![[col0, row0], [col0, row1], [col1, row1], [col1, row0]];
        Self { rings: vec![ring], area_px: (col1 - col0) * (row1 - row0) }
    }

    /// `None` for one without area.
    fn of_rectangle(rectangle: &OrientedBox) -> Option<Self> {
        // Rows grow southward: on the ground, the other order is counter-clockwise.
        let mut ring: Vec<[f64; 2]> = rectangle.corners().into_iter().rev().collect();
        start_in_the_north(&mut ring);
        let area_px = rectangle.area();
        (area_px > 0.0).then(|| Self { rings: vec![ring], area_px })
    }

    /// `None` if the exterior is not a polygon.
    fn of_rings(rings: &[Vec<Corner>]) -> Option<Self> {
        let doubled: i128 = rings.iter().map(|ring| doubled_area(ring)).sum();
        let pixels = |ring: &Vec<Corner>| ring.iter().map(|c| c.map(|v| exact(v) / STEPS)).collect();
        let area_px = approximate(doubled) / (2.0 * STEPS * STEPS);
        (doubled > 0).then(|| Self { rings: rings.iter().map(pixels).collect(), area_px })
    }
}

fn steps(pixels: f64) -> i64 {
    round::<i64>(pixels * STEPS).clamp(-FARTHEST, FARTHEST)
}

/// Twice the area of a triangle; positive if, on the ground, c lies to the left of the way from a to b.
fn turn(a: Corner, b: Corner, c: Corner) -> i128 {
    let difference = |p: Corner, q: Corner| [i128::from(q[0] - p[0]), i128::from(q[1] - p[1])];
    let (u, v) = (difference(a, b), difference(a, c));
    u[1] * v[0] - u[0] * v[1]
}

/// Twice the area inside of a ring; negative for holes.
fn doubled_area(ring: &[Corner]) -> i128 {
    let Some(first) = ring.first() else { return 0 };
    ring.windows(2).map(|side| turn(*first, side[0], side[1])).sum()
}

/// Turns a ring so that it begins with its northernmost, then westernmost corner.
fn start_in_the_north(ring: &mut [[f64; 2]]) {
    let is_before = |a: &[f64; 2], b: &[f64; 2]| a[1].total_cmp(&b[1]).then(a[0].total_cmp(&b[0]));
    let first = (0..ring.len()).min_by(|a, b| is_before(&ring[*a], &ring[*b])).unwrap_or(0);
    ring.rotate_left(first);
}

/// The convex hull of corners: those on it from the northernmost, then westernmost, counter-clockwise on the ground.
fn hull(corners: impl Iterator<Item = Corner>) -> Vec<Corner> {
    let mut corners: Vec<Corner> = corners.collect();
    corners.sort_unstable_by_key(|c| (c[1], c[0]));
    corners.dedup();
    let mut ring = half_hull(corners.iter());
    ring.pop();
    ring.extend(half_hull(corners.iter().rev()));
    ring.pop();
    ring
}

/// The side of the hull on the way from the first to the last of sorted corners.
fn half_hull<'a>(corners: impl Iterator<Item = &'a Corner>) -> Vec<Corner> {
    let mut side: Vec<Corner> = Vec::new();
    for corner in corners {
        while side.len() > 1 && turn(side[side.len() - 2], side[side.len() - 1], *corner) <= 0 {
            side.pop();
        }
        side.push(*corner);
    }
    side
}

/// The smallest rectangle around a hull; one of its sides is along a side of the hull. Unlike [`OrientedBox::around`], it works
/// on whole steps from the hull's first corner: equal corners, in any order and however far from the grid's origin, have equal
/// outlines, and of rectangles about as small the first one around the hull. `None` if none is smaller than
/// the rectangle along rows and columns.
fn oriented_box(hull: &[Corner]) -> Option<Outline> {
    let [origin, _, _, ..] = *hull else { return None };
    let corners: Vec<[f64; 2]> =
        hull.iter().map(|c| [exact(c[0] - origin[0]), exact(c[1] - origin[1])]).collect();
    let mut best = Rectangle::around(&corners, [0.0, 1.0]);
    let upright = best.area;
    for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        let rectangle = Rectangle::around(&corners, [b[0] - a[0], b[1] - a[1]]);
        if rectangle.area < best.area * CLEARLY_SMALLER {
            best = rectangle;
        }
    }
    (best.area < upright).then(|| best.outline(origin))
}

/// A rectangle in steps.
struct Rectangle {
    /// One of its directions; the other is to the left of it on the ground.
    along: [f64; 2],
    /// Smallest and largest products of corners with the first direction and with the second.
    spans: [[f64; 2]; 2],
    area: f64,
}

impl Rectangle {
    fn around(corners: &[[f64; 2]], along: [f64; 2]) -> Self {
        let directions = [along, [along[1], -along[0]]];
        let spans = directions.map(|d| {
            let products = corners.iter().map(|c| c[0] * d[0] + c[1] * d[1]);
            products.fold([f64::INFINITY, f64::NEG_INFINITY], |s, p| [s[0].min(p), s[1].max(p)])
        });
        let [u, v] = spans.map(|s| s[1] - s[0]);
        Self { along, spans, area: u * v / squared_length(along) }
    }

    fn outline(&self, origin: Corner) -> Outline {
        let ([dx, dy], [[u0, u1], [v0, v1]]) = (self.along, self.spans);
        let length = squared_length(self.along);
        let corner = |u: f64, v: f64| {
            let [col, row] = [(u * dx + v * dy) / length, (u * dy - v * dx) / length];
            [(exact(origin[0]) + col) / STEPS, (exact(origin[1]) + row) / STEPS]
        };
        let mut ring = vec![corner(u0, v0), corner(u1, v0), corner(u1, v1), corner(u0, v1)];
        start_in_the_north(&mut ring);
        Outline { rings: vec![ring], area_px: self.area / (STEPS * STEPS) }
    }
}

fn squared_length([dx, dy]: [f64; 2]) -> f64 {
    dx * dx + dy * dy
}

/// The outline of the union of boxes, `None` if it has several parts. Boxes thinner than a step are ignored.
fn footprint(boxes: &[[f64; 4]]) -> Option<Outline> {
    let boxes: Vec<[i64; 4]> = boxes.iter().map(|b| b.map(steps)).collect();
    let lines = |sides: [usize; 2]| -> Vec<i64> {
        let all: BTreeSet<i64> = boxes.iter().flat_map(|b| sides.map(|side| b[side])).collect();
        all.into_iter().collect()
    };
    // A raster with a column and a row between any two sides: the traced coordinates are numbers of sides.
    let (cols, rows) = (lines([0, 2]), lines([1, 3]));
    let between = |lines: &[i64]| lines.len().checked_sub(1).filter(|count| *count > 0);
    let extent = Window::new(0, 0, between(&cols)?, between(&rows)?);
    let mut is_kept = [false; 256];
    is_kept[0] = true;
    let mut polygonizer = Polygonizer::new(extent, is_kept).ok()?.without_cuts();
    let (mut parts, confidence) = (Vec::new(), vec![0; extent.width]);
    for row in &rows[..extent.height] {
        let mut labels = vec![LABEL_NODATA; extent.width];
        for [col0, _, col1, _] in boxes.iter().filter(|b| b[1] <= *row && *row < b[3]) {
            let [start, end] = [col0, col1].map(|col| cols.partition_point(|c| c < col));
            labels[start..end].fill(0);
        }
        polygonizer.push_row(&labels, &confidence, 1.0, &mut |part| parts.push(part)).ok()?;
    }
    polygonizer.finish(&mut |part| parts.push(part));
    let [part] = &parts[..] else { return None };
    let corners =
        |ring: &Vec<[i64; 2]>| ring.iter().map(|[c, r]| [cols[offset(*c)], rows[offset(*r)]]).collect();
    Outline::of_rings(&part.rings.iter().map(corners).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Area, BooleanOps, ConvexHull, Intersects, MinimumRotatedRect, MultiPoint, Rect, Validation};
    use geo_types::{LineString, Polygon};
    use proptest::prelude::*;

    fn polygon(outline: &Outline) -> Polygon<f64> {
        let line = |r: &Vec<[f64; 2]>| LineString::from(r.iter().map(|v| (v[0], -v[1])).collect::<Vec<_>>());
        Polygon::new(line(&outline.rings[0]), outline.rings[1..].iter().map(line).collect())
    }

    fn drawn(boxes: &[[f64; 4]], shape: Shape) -> Outline {
        outline(boxes, boxes.iter().copied().reduce(|a, b| enclose(a, &b)).unwrap(), shape)
    }

    /// Corners of boxes, y up.
    fn corners(boxes: &[[f64; 4]]) -> MultiPoint<f64> {
        boxes
            .iter()
            .flat_map(|b| [(b[0], -b[1]), (b[0], -b[3]), (b[2], -b[1]), (b[2], -b[3])])
            .collect::<Vec<_>>()
            .into()
    }

    prop_compose! {
        fn boxes()(all in prop::collection::vec((0u8..40, 0u8..40, 1u8..9, 1u8..9), 1..12)) -> Vec<[f64; 4]> {
            let side = |at: u8, size: u8| (f64::from(at) / 4.0 + 1e6, f64::from(at + size) / 4.0 + 1e6);
            all.into_iter().map(|(col, row, width, height)| {
                let ((col0, col1), (row0, row1)) = (side(col, width), side(row, height));
                [col0, row0, col1, row1]
            }).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn outlines_are_those_of_geo(boxes in boxes()) {
            let rectangle = |b: &[f64; 4]| Rect::new((b[0], -b[3]), (b[2], -b[1])).to_polygon();
            let union = boxes.iter().fold(geo::MultiPolygon::new(vec![]), |all, b| all.union(&rectangle(b)));
            let footprint = drawn(&boxes, Shape::Footprint);
            let expected = if union.0.len() == 1 { union.unsigned_area() } else { corners(&boxes).convex_hull().unsigned_area() };
            prop_assert!((footprint.area_px - expected).abs() < 1e-3, "{} {expected}", footprint.area_px);
            let smallest = MinimumRotatedRect::minimum_rotated_rect(&corners(&boxes)).unwrap().unsigned_area();
            let oriented = drawn(&boxes, Shape::OrientedBox);
            prop_assert!((oriented.area_px - smallest).abs() < 1e-3, "{} {smallest}", oriented.area_px);
            let upright = drawn(&boxes, Shape::Box).area_px;
            prop_assert!(oriented.area_px <= upright && footprint.area_px <= upright);
        }

        #[test]
        fn outlines_are_valid_and_hold_all(boxes in boxes(), order in any::<prop::sample::Index>()) {
            let mut other = boxes.clone();
            other.rotate_left(order.index(boxes.len()));
            other.reverse();
            for shape in [Shape::Box, Shape::OrientedBox, Shape::Footprint] {
                let outline = drawn(&boxes, shape);
                prop_assert_eq!(&drawn(&other, shape), &outline);
                let polygon = polygon(&outline);
                prop_assert!(polygon.is_valid());
                prop_assert!((polygon.signed_area() - outline.area_px).abs() < 1e-3, "counter-clockwise");
                // Rings begin in the north, then west.
                let first = outline.rings[0][0];
                prop_assert!(outline.rings[0].iter().all(|c| (first[1], first[0]) <= (c[1], c[0])));
                for corner in corners(&boxes) {
                    prop_assert!(near(&polygon, corner.x(), corner.y()), "{shape:?} {corner:?}");
                }
            }
        }
    }

    /// Whether a place is inside or next to it.
    fn near(polygon: &Polygon<f64>, x: f64, y: f64) -> bool {
        polygon.intersects(&Rect::new((x - 1e-6, y - 1e-6), (x + 1e-6, y + 1e-6)))
    }

    #[test]
    fn a_crack_lies_across() {
        let boxes: Vec<[f64; 4]> =
            (0..20).map(|i| f64::from(i) * 10.0).map(|p| [p, p, p + 11.0, p + 11.0]).collect();
        let upright = drawn(&boxes, Shape::Box);
        let oriented = drawn(&boxes, Shape::OrientedBox);
        // 201 pixels long and 11 wide along each axis: a diagonal of 201 x 11 pixels, each times the root of 2.
        assert!((upright.area_px - 201.0 * 201.0).abs() < 1e-9);
        assert!((oriented.area_px - 2.0 * 201.0 * 11.0).abs() < 1e-9, "{}", oriented.area_px);
        let footprint = drawn(&boxes, Shape::Footprint);
        assert!((footprint.area_px - (20.0 * 121.0 - 19.0)).abs() < 1e-9);
    }

    #[test]
    fn a_frame_has_a_hole() {
        let frame = [[0.0, 0.0, 9.0, 1.0], [0.0, 8.0, 9.0, 9.0], [0.0, 0.0, 1.0, 9.0], [8.0, 0.0, 9.0, 9.0]];
        let outline = drawn(&frame, Shape::Footprint);
        assert_eq!(
            outline.rings,
            [
                vec![[0.0, 0.0], [0.0, 9.0], [9.0, 9.0], [9.0, 0.0]],
                vec![[1.0, 1.0], [8.0, 1.0], [8.0, 8.0], [1.0, 8.0]],
            ]
        );
        assert!((outline.area_px - 32.0).abs() < 1e-12);
    }

    #[test]
    fn boxes_apart_have_a_hull() {
        let corner = [[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 2.0, 2.0]];
        let outline = drawn(&corner, Shape::Footprint);
        assert_eq!(outline.rings[0].len(), 6);
        assert!((outline.area_px - 3.0).abs() < 1e-12);
        // What has no area is drawn as its box.
        let line = [[0.0, 0.0, 0.0, 1.0], [0.0, 2.0, 0.0, 3.0]];
        for shape in [Shape::OrientedBox, Shape::Footprint] {
            assert_eq!(drawn(&line, shape), drawn(&line, Shape::Box));
        }
    }

    #[test]
    fn noise_does_not_turn_a_box() {
        // All directions are as good as along rows and columns.
        let boxes = [[0.0, 0.0, 4.0, 4.0], [0.001, 0.0, 4.001, 3.999]];
        assert_eq!(drawn(&boxes, Shape::OrientedBox), drawn(&boxes, Shape::Box));
    }

    /// The corners of one rectangle begin elsewhere if its direction is a little east or west of south, and if one or the
    /// other of its sides is a little longer.
    #[test]
    fn equal_corners_are_one_rectangle() {
        let of = |along: [f64; 2], across: f64| OrientedBox::new([50.0, 70.0], along, across);
        for [one, other] in [
            [of([0.0, 9.0], 4.0), of([-1e-9, 9.0], 4.0)],
            [of([1e-9, 9.0], 4.0), of([-1e-9, 9.0], 4.0)],
            [of([9.0, 0.0], 9.0 + 1e-9), of([9.0 + 1e-9, 0.0], 9.0)],
            [of([3.0, 4.0], 5.0 - 1e-9), of([3.0, 4.0], 5.0 + 1e-9)],
        ] {
            assert_eq!(rectangle_numbers(&[one]), rectangle_numbers(&[other]), "{one:?} {other:?}");
        }
        assert_ne!(
            of([1e-9, 9.0], 4.0).corners()[0][0].to_bits(),
            of([-1e-9, 9.0], 4.0).corners()[0][0].to_bits()
        );
        // Other corners are another rectangle, and so is one across.
        let upright = rectangle_numbers(&[of([0.0, 9.0], 4.0)]);
        assert_ne!(upright, rectangle_numbers(&[of([9.0, 0.0], 4.0)]));
        assert_ne!(upright, rectangle_numbers(&[of([0.0, 9.0], 4.1)]));
    }

    #[test]
    fn places_beyond_any_grid_are_no_panic() {
        let boxes = [[-1e300, -1e300, 0.0, 1e300], [0.0, 5.0, 1e300, 1e300], [0.0, 0.0, 0.0, 0.0]];
        for shape in [Shape::Box, Shape::OrientedBox, Shape::Footprint] {
            assert!(!drawn(&boxes, shape).rings.is_empty());
        }
    }
}
