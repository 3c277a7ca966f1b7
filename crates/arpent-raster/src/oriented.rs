//! Rectangles in any direction, and how much boxes overlap.

use serde::{Deserialize, Serialize};

/// A rectangle in any direction, in pixels: columns, and rows growing southward.
///
/// Equal rectangles have equal numbers, but for rounding: the first half is the longer one and points eastward, or south. Only
/// squares have two halves to choose from: they keep the one that they were made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OrientedBox {
    center: [f64; 2],
    /// From the center to the middle of a side: half of the longer side, in its direction.
    along: [f64; 2],
    /// Half of the other side.
    across: f64,
}

/// A box as it is compared: its west, north, east and south side, and the rectangle inside them if it has a direction.
pub type PlacedBox<'a> = (&'a [f64; 4], Option<&'a OrientedBox>);

impl OrientedBox {
    /// From the center, half of a side with its direction, and half of the other side. A half of length 0 points eastward.
    pub fn new(center: [f64; 2], half: [f64; 2], other_half: f64) -> Self {
        let length = length(half);
        let (along, across) = if length == 0.0 && other_half > 0.0 {
            ([0.0, other_half], length)
        } else if other_half > length {
            let part = other_half / length;
            ([-half[1] * part, half[0] * part], length)
        } else {
            (half, other_half)
        };
        let is_turned = along[0] < 0.0 || along[0] == 0.0 && along[1] < 0.0;
        // Adding 0 leaves no -0 behind, which other bits than 0 stand for.
        let along = along.map(|v| if is_turned { 0.0 - v } else { v + 0.0 });
        Self { center, along, across }
    }

    /// The rectangle of a box along rows and columns: west, north, east and south side.
    pub fn upright([west, north, east, south]: [f64; 4]) -> Self {
        let half = [(east - west) / 2.0, (south - north) / 2.0];
        let center = [f64::midpoint(west, east), f64::midpoint(north, south)];
        if half[0] >= half[1] {
            Self::new(center, [half[0], 0.0], half[1])
        } else {
            Self::new(center, [0.0, half[1]], half[0])
        }
    }

    /// The smallest rectangle around four points; `None` if they lie on one line. One of its sides lies along two of them.
    pub fn around(points: &[[f64; 2]; 4]) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        let pairs = (0..4).flat_map(|i| (i + 1..4).map(move |j| (i, j)));
        for (i, j) in pairs {
            let [from, to] = [points[i], points[j]];
            let step = [to[0] - from[0], to[1] - from[1]];
            let size = length(step);
            if size <= 0.0 {
                continue;
            }
            let u = [step[0] / size, step[1] / size];
            let spans = [u, [-u[1], u[0]]].map(|direction| {
                let products = points.iter().map(|p| dot([p[0] - from[0], p[1] - from[1]], direction));
                products.fold([f64::INFINITY, f64::NEG_INFINITY], |s, p| [s[0].min(p), s[1].max(p)])
            });
            let [middle, half] = [f64::midpoint, |low: f64, high: f64| (high - low) / 2.0]
                .map(|of| spans.map(|[low, high]| of(low, high)));
            let area = 4.0 * half[0] * half[1];
            if area > 0.0 && best.as_ref().is_none_or(|(smallest, _)| area < *smallest) {
                let center = [
                    from[0] + middle[0] * u[0] - middle[1] * u[1],
                    from[1] + middle[0] * u[1] + middle[1] * u[0],
                ];
                best = Some((area, Self::new(center, [u[0] * half[0], u[1] * half[0]], half[1])));
            }
        }
        best.map(|(_, rectangle)| rectangle)
    }

    /// Column and row of its center.
    pub fn center(&self) -> [f64; 2] {
        self.center
    }

    /// From the center to the middle of one of its shorter sides: half of the longer side, in its direction.
    pub fn along(&self) -> [f64; 2] {
        self.along
    }

    /// Half of the longer side, and half of the shorter.
    pub fn halves(&self) -> [f64; 2] {
        [length(self.along), self.across]
    }

    /// Its area, pixels.
    pub fn area(&self) -> f64 {
        let [along, across] = self.halves();
        4.0 * along * across
    }

    /// The direction of the longer side: a vector of length 1. Eastward if it has no length.
    pub fn direction(&self) -> [f64; 2] {
        let size = length(self.along);
        if size > 0.0 { self.along.map(|v| v / size) } else { [1.0, 0.0] }
    }

    /// A place in the rectangle's own directions: how far from the center along the longer side and across it.
    pub fn local(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let u = self.direction();
        let from_center = [x - self.center[0], y - self.center[1]];
        [dot(from_center, u), dot(from_center, [-u[1], u[0]])]
    }

    /// Its corners, one after the other.
    pub fn corners(&self) -> [[f64; 2]; 4] {
        let ([x, y], [ax, ay], u) = (self.center, self.along, self.direction());
        let [bx, by] = [-u[1] * self.across, u[0] * self.across];
        [
            [x - ax - bx, y - ay - by],
            [x + ax - bx, y + ay - by],
            [x + ax + bx, y + ay + by],
            [x - ax + bx, y - ay + by],
        ]
    }

    /// The box around it along rows and columns: west, north, east and south side.
    pub fn bbox(&self) -> [f64; 4] {
        let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let around = |b: [f64; 4], [x, y]: [f64; 2]| [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)];
        self.corners().into_iter().fold(start, around)
    }

    /// The same rectangle in a picture that is moved by `-corner`, then scaled.
    #[must_use]
    pub fn moved(&self, corner: [f64; 2], zoom: f64) -> Self {
        let center = [0, 1].map(|i| (self.center[i] - corner[i]) * zoom);
        Self { center, along: self.along.map(|v| v * zoom), across: self.across * zoom }
    }

    /// The same rectangle in a picture of this width and height whose axes are exchanged first (the sizes are those
    /// after that), then its columns and rows reversed, each as asked for.
    #[must_use]
    pub fn turned(&self, exchanged: bool, reversed: [bool; 2], size: [f64; 2]) -> Self {
        let (mut center, mut along) = (self.center, self.along);
        if exchanged {
            center.swap(0, 1);
            along.swap(0, 1);
        }
        for axis in (0..2).filter(|axis| reversed[*axis]) {
            center[axis] = size[axis] - center[axis];
            along[axis] = -along[axis];
        }
        Self::new(center, along, self.across)
    }

    /// Whether all of its numbers are finite, and its sides not negative.
    pub fn is_finite(&self) -> bool {
        let all = [self.center[0], self.center[1], self.along[0], self.along[1], self.across];
        all.iter().all(|v| v.is_finite()) && self.across >= 0.0
    }

    /// The numbers that it consists of: center, longer half, shorter half.
    pub fn numbers(&self) -> [f64; 5] {
        [self.center[0], self.center[1], self.along[0], self.along[1], self.across]
    }

    /// A rectangle of [`OrientedBox::numbers`].
    pub fn of_numbers([x, y, along_x, along_y, across]: [f64; 5]) -> Self {
        Self { center: [x, y], along: [along_x, along_y], across }
    }

    /// Whether at most `columns` and `rows` lie between two rectangles; `[0, 0]`: whether they touch or overlap. The same for both
    /// orders.
    ///
    /// A rectangle, made larger by the columns and rows, is a convex polygon: it is apart from another if and only if some side
    /// of one of them separates both (the separating axis theorem).
    pub fn is_within(&self, other: &Self, [columns, rows]: [f64; 2]) -> bool {
        let along = |axis: [f64; 2]| [axis, [-axis[1], axis[0]]];
        let axes = [[1.0, 0.0], self.direction(), other.direction()].into_iter().flat_map(along);
        let reach = |of: &Self, axis: [f64; 2]| {
            let [u, v] = along(of.direction()).map(|side| dot(side, axis).abs());
            u * of.halves()[0] + v * of.across
        };
        let apart = [0, 1].map(|i| self.center[i] - other.center[i]);
        let mut gaps = axes.map(|axis| {
            let gap = columns * axis[0].abs() + rows * axis[1].abs();
            dot(apart, axis).abs() <= (reach(self, axis) + reach(other, axis)) + gap
        });
        gaps.all(|is_near| is_near)
    }

    /// Area that two rectangles share: the corners of one, in the directions of the other, cut along its sides
    /// (Sutherland and Hodgman, *Reentrant polygon clipping*, 1974).
    fn common(&self, other: &Self) -> f64 {
        let mut ring: Vec<[f64; 2]> = other.corners().iter().map(|corner| self.local(*corner)).collect();
        for (axis, half) in self.halves().into_iter().enumerate() {
            for side in [1.0, -1.0] {
                ring = cut(&ring, axis, side, half);
            }
        }
        let Some(first) = ring.first() else { return 0.0 };
        let from_first = |p: &[f64; 2]| [p[0] - first[0], p[1] - first[1]];
        let triangle = |pair: &[[f64; 2]]| {
            let (a, b) = (from_first(&pair[0]), from_first(&pair[1]));
            a[0] * b[1] - a[1] * b[0]
        };
        (ring.windows(2).map(triangle).sum::<f64>() / 2.0).abs()
    }
}

/// The part of a convex ring where `side` times the coordinate of an axis is at most `limit`.
fn cut(ring: &[[f64; 2]], axis: usize, side: f64, limit: f64) -> Vec<[f64; 2]> {
    let beyond = |p: &[f64; 2]| side * p[axis] - limit;
    let mut kept = Vec::with_capacity(ring.len() + 1);
    for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let (from, to) = (beyond(a), beyond(b));
        if from <= 0.0 {
            kept.push(*a);
        }
        if from < 0.0 && to > 0.0 || from > 0.0 && to < 0.0 {
            let part = from / (from - to);
            let mut place = [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part];
            place[axis] = side * limit;
            kept.push(place);
        }
    }
    kept
}

/// Intersection over union of two boxes. That of boxes without area is 0, even of a box with itself. The same for both orders.
pub fn intersection_over_union(a: PlacedBox<'_>, b: PlacedBox<'_>) -> f64 {
    let width = (a.0[2].min(b.0[2]) - a.0[0].max(b.0[0])).max(0.0);
    let height = (a.0[3].min(b.0[3]) - a.0[1].max(b.0[1])).max(0.0);
    let upright = width * height;
    if upright == 0.0 {
        return 0.0;
    }
    let (areas, common) = if a.1.is_none() && b.1.is_none() {
        let area = |c: &[f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
        ([area(a.0), area(b.0)], upright)
    } else {
        let [mut first, mut second] =
            [a, b].map(|(bbox, oriented)| oriented.copied().unwrap_or_else(|| OrientedBox::upright(*bbox)));
        let order =
            first.numbers().iter().zip(&second.numbers()).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        if order.is_some_and(std::cmp::Ordering::is_gt) {
            (first, second) = (second, first);
        }
        ([first.area(), second.area()], first.common(&second))
    };
    // Rounding must not give more than 1.
    if common == 0.0 { 0.0 } else { (common / (areas[0] + areas[1] - common)).min(1.0) }
}

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn length(v: [f64; 2]) -> f64 {
    dot(v, v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rectangle([x, y, along, across, degrees]: [f64; 5]) -> OrientedBox {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        OrientedBox::new([x, y], [along * cosine, along * sine], across)
    }

    fn overlap(a: &OrientedBox, b: &OrientedBox) -> f64 {
        intersection_over_union((&a.bbox(), Some(a)), (&b.bbox(), Some(b)))
    }

    prop_compose! {
        fn rectangles()(numbers in (-50.0f64..50.0, -50.0f64..50.0, 1.0f64..40.0, 1.0f64..40.0, -400.0f64..400.0)) -> OrientedBox {
            rectangle(numbers.into())
        }
    }

    #[test]
    fn rectangles_without_a_width_have_a_direction() {
        let line = OrientedBox::new([5.0, 6.0], [0.0, 0.0], 3.0);
        assert_eq!(line.numbers().map(f64::to_bits), [5.0f64, 6.0, 0.0, 3.0, 0.0].map(f64::to_bits));
        let point = OrientedBox::new([5.0, 6.0], [0.0, 0.0], 0.0);
        assert!(
            point.is_finite() && point.bbox().map(f64::to_bits) == [5.0f64, 6.0, 5.0, 6.0].map(f64::to_bits)
        );
    }

    /// Pairs of `benches/peers/parity_oriented.py`: near the origin and as far from it as pixels of a national grid.
    #[test]
    fn overlaps_are_those_of_shapely() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../tests/oriented-iou.json")).unwrap();
        let (mut some, mut equal) = (0, 0);
        for pair in fixture["pairs"].as_array().unwrap() {
            let n: Vec<f64> = pair.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect();
            let [a, b] = [0, 5].map(|at| rectangle(std::array::from_fn(|i| n[at + i])));
            assert!((overlap(&a, &b) - n[10]).abs() < 1e-9, "{} {}: {n:?}", overlap(&a, &b), n[10]);
            some += usize::from(n[10] > 0.01);
            equal += usize::from(n[10] > 0.999);
        }
        assert!(some > 100 && equal > 2, "{some} {equal}");
    }

    proptest! {
        #[test]
        fn overlaps_do_not_depend_on_order_place_or_turn(a in rectangles(), b in rectangles(), turn in 0usize..8) {
            let both = overlap(&a, &b);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&both));
            prop_assert_eq!(both.to_bits(), overlap(&b, &a).to_bits());
            prop_assert!((overlap(&a, &a) - 1.0).abs() < 1e-12);
            let turned = |r: &OrientedBox| r.turned(turn & 4 != 0, [turn & 1 != 0, turn & 2 != 0], [64.0, 64.0]);
            prop_assert!((overlap(&turned(&a), &turned(&b)) - both).abs() < 1e-9);
            let moved = |r: &OrientedBox| r.moved([-7.0, 1000.0], 0.5);
            prop_assert!((overlap(&moved(&a), &moved(&b)) - both).abs() < 1e-9);
        }

        /// Rectangles are near if a step of the gap leads from one to the other: if the differences of their corners, each with the
        /// corners of the gap around it, lie on all sides of the origin.
        #[test]
        fn near_rectangles_are_those_that_a_gap_joins(a in rectangles(), b in rectangles(), gap in [0.5f64..40.0, 0.5f64..40.0]) {
            let joins = |[columns, rows]: [f64; 2]| {
                let mut angles = Vec::new();
                for ([x, y], [x1, y1]) in a.corners().iter().flat_map(|p| b.corners().map(|q| (*p, q))) {
                    for (dx, dy) in [(columns, rows), (columns, -rows), (-columns, rows), (-columns, -rows)] {
                        angles.push((y - y1 + dy).atan2(x - x1 + dx));
                    }
                }
                angles.sort_unstable_by(f64::total_cmp);
                angles.push(angles[0] + std::f64::consts::TAU);
                angles.windows(2).all(|pair| pair[1] - pair[0] < std::f64::consts::PI)
            };
            let less = gap.map(|gap| gap - 1e-6);
            prop_assert_eq!(a.is_within(&b, gap), b.is_within(&a, gap));
            prop_assert!(!joins(less) || a.is_within(&b, gap), "{:?} {:?}", a, b);
            prop_assert!(!a.is_within(&b, less) || joins(gap), "{:?} {:?}", a, b);
            prop_assert!(overlap(&a, &b) <= 0.0 || a.is_within(&b, [1e-9; 2]));
        }

        /// Boxes along rows and columns overlap as much as rectangles of the same sides.
        #[test]
        fn upright_boxes_are_rectangles(sides in prop::array::uniform8(-20i8..20)) {
            let span = |a: i8, b: i8| (f64::from(a.min(b)), f64::from(a.max(b)) + 1.0);
            let [a, b] = [0, 4].map(|at| {
                let ((x0, x1), (y0, y1)) = (span(sides[at], sides[at + 1]), span(sides[at + 2], sides[at + 3]));
                [x0, y0, x1, y1]
            });
            let plain = intersection_over_union((&a, None), (&b, None));
            let [x, y] = [a, b].map(OrientedBox::upright);
            prop_assert_eq!((x.bbox(), y.bbox()), (a, b));
            prop_assert!((overlap(&x, &y) - plain).abs() < 1e-12);
            prop_assert!((intersection_over_union((&a, Some(&x)), (&b, None)) - plain).abs() < 1e-12);
        }

        /// The corners of a rectangle give it back, in whatever order they are listed; the box around it holds them.
        #[test]
        fn corners_give_the_rectangle_back(r in rectangles(), first in 0usize..4, reversed: bool) {
            let mut corners = r.corners();
            corners.rotate_left(first);
            if reversed {
                corners.reverse();
            }
            let again = OrientedBox::around(&corners).unwrap();
            prop_assert!(overlap(&r, &again) > 1.0 - 1e-9, "{r:?} {again:?}");
            let [west, north, east, south] = r.bbox();
            let inside = |[x, y]: [f64; 2]| x >= west && x <= east && y >= north && y <= south;
            prop_assert!(corners.into_iter().all(inside));
            prop_assert!(r.halves()[0] >= r.halves()[1] - 1e-12 && r.along()[0] >= 0.0);
        }
    }

    #[test]
    fn equal_rectangles_have_equal_numbers() {
        let expected = OrientedBox::new([3.0, 4.0], [2.0, 0.0], 1.0);
        for same in [
            OrientedBox::new([3.0, 4.0], [-2.0, 0.0], 1.0),
            OrientedBox::new([3.0, 4.0], [0.0, 1.0], 2.0),
            OrientedBox::new([3.0, 4.0], [0.0, -1.0], 2.0),
            OrientedBox::upright([1.0, 3.0, 5.0, 5.0]),
            OrientedBox::of_numbers(expected.numbers()),
        ] {
            assert_eq!(same.numbers().map(f64::to_bits), expected.numbers().map(f64::to_bits), "{same:?}");
        }
    }

    #[test]
    fn what_has_no_area_overlaps_nothing() {
        assert_eq!(OrientedBox::around(&[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [5.0, 5.0]]), None);
        assert_eq!(OrientedBox::around(&[[1.0, 1.0]; 4]), None);
        let line = OrientedBox::new([0.0, 0.0], [4.0, 4.0], 0.0);
        let around = OrientedBox::new([0.0, 0.0], [5.0, 5.0], 5.0);
        assert!(overlap(&line, &around) <= 0.0 && overlap(&line, &line) <= 0.0);
        assert!(OrientedBox::new([0.0; 2], [0.0; 2], 0.0).is_finite());
        // A quadrangle that is no rectangle: the smallest one around it.
        let around = OrientedBox::around(&[[0.0, 0.0], [10.0, 0.0], [9.0, 4.0], [0.0, 4.0]]).unwrap();
        assert!((around.area() - 40.0).abs() < 1e-9);
    }
}
