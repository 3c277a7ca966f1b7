//! Polygons in longitude and latitude across the antimeridian are cut there (RFC 7946, section 3.1.9); the west of
//! their boxes is greater than the east (section 5.2).

use std::borrow::Cow;

use arpent_base::number::rounded;
use arpent_raster::{Crs, CrsKind};
use arpent_vector::Feature;
use geo_types::{LineString, Polygon};

/// A closed ring of longitudes and latitudes, degrees.
pub(crate) type Ring = Vec<[f64; 2]>;

/// Exterior ring, counter-clockwise, then holes, clockwise.
pub(crate) type Rings = Vec<Ring>;

const TURN: f64 = 360.0;
const HALF: f64 = 180.0;
/// Geometries with more turns around the Earth are left unchanged.
const MOST_TURNS: f64 = 4.0;

/// Polygons from -180 to 180 degrees, from rings with longitudes in that range. An edge between points more than half a
/// turn apart crosses the antimeridian if `goes_across` returns true for the index of the ring and of the edge.
pub(crate) fn cut(mut rings: Rings, goes_across: &dyn Fn(usize, usize) -> bool) -> Vec<Rings> {
    let mut crosses = false;
    for (number, ring) in rings.iter_mut().enumerate() {
        match unwrap(ring, &|edge| goes_across(number, edge)) {
            Some(crossed) => crosses |= crossed,
            // Around a pole no side is inside.
            None => return vec![oriented(rings)],
        }
    }
    if !crosses {
        return vec![oriented(rings)];
    }
    align_holes(&mut rings);
    turns(oriented(rings))
}

/// Polygons from -180 to 180 degrees, from one whose longitudes exceed that range.
fn turns(rings: Rings) -> Vec<Rings> {
    let (low, high) = rings.first().map_or((0.0, 0.0), range);
    let mut turn = ((low + HALF) / TURN).floor();
    let last = ((high - HALF) / TURN).ceil();
    // Also if a longitude is NaN.
    let sane = last - turn < MOST_TURNS;
    if !sane {
        return vec![rings];
    }
    let (mut rest, mut parts) = (vec![rings], Vec::new());
    loop {
        let here = if turn < last {
            let at = HALF + TURN * turn;
            let whole = std::mem::take(&mut rest);
            rest = whole.iter().flat_map(|rings| half(rings, at, Side::High)).collect();
            whole.iter().flat_map(|rings| half(rings, at, Side::Low)).collect()
        } else {
            std::mem::take(&mut rest)
        };
        for mut part in here {
            part.iter_mut().flatten().for_each(|point| point[0] -= TURN * turn);
            parts.push(part);
        }
        if turn >= last {
            return parts;
        }
        turn += 1.0;
    }
}

/// A feature's geometry as written in the CRS of its map: its polygons, or their parts from -180 to 180 degrees if a map
/// in degrees exceeds that range (RFC 7946, section 3.1.9).
pub fn delivered<'a>(feature: &'a Feature, crs: &Crs) -> Cow<'a, [Polygon<f64>]> {
    let exceeds = || {
        let [west, _, east, _] = feature.bbox();
        west < -HALF || east > HALF
    };
    if crs.kind != CrsKind::Geographic || !exceeds() {
        return feature.polygons.0.as_slice().into();
    }
    let parts = feature.polygons.iter().flat_map(|polygon| turns(rings_of(polygon)));
    let polygons = parts.map(|rings| {
        let mut lines = rings.into_iter().map(LineString::from);
        let exterior = lines.next().unwrap_or_else(|| LineString::new(Vec::new()));
        Polygon::new(exterior, lines.collect())
    });
    polygons.collect()
}

fn rings_of(polygon: &Polygon<f64>) -> Rings {
    let lines = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    lines.map(|line| line.coords().map(|c| [c.x, c.y]).collect()).collect()
}

/// Removes jumps from a ring; returns whether there were any, `None` if the ring is not closed without them.
fn unwrap(ring: &mut Ring, goes_across: &dyn Fn(usize) -> bool) -> Option<bool> {
    let (mut shift, mut crosses) = (0.0, false);
    let mut last: Option<f64> = None;
    for (number, point) in ring.iter_mut().enumerate() {
        if let Some(last) = last {
            let step = point[0] - last;
            if step.abs() > HALF && goes_across(number - 1) {
                shift -= TURN * step.signum();
                crosses = true;
            }
        }
        last = Some(point[0]);
        point[0] += shift;
    }
    (shift == 0.0).then_some(crosses)
}

fn range(ring: &Ring) -> (f64, f64) {
    ring.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p[0]), high.max(p[0])))
}

/// Shifts holes to the turn of their polygon.
fn align_holes(rings: &mut Rings) {
    let middle = |ring: &Ring| {
        let (low, high) = range(ring);
        low.midpoint(high)
    };
    let Some((exterior, holes)) = rings.split_first_mut() else { return };
    let at = middle(exterior);
    for hole in holes {
        let turns = ((at - middle(hole)) / TURN).round() * TURN;
        for point in hole {
            point[0] += turns;
        }
    }
}

fn oriented(mut rings: Rings) -> Rings {
    for (number, ring) in rings.iter_mut().enumerate() {
        let sign = if number == 0 { 1.0 } else { -1.0 };
        if signed_area(ring) * sign < 0.0 {
            ring.reverse();
        }
    }
    rings
}

/// Twice the area of a closed ring, positive when counter-clockwise; computed relative to its first point, to keep
/// the precision of small rings far from (0, 0).
pub(crate) fn signed_area(ring: &[[f64; 2]]) -> f64 {
    let Some(origin) = ring.first() else { return 0.0 };
    let from = |p: &[f64; 2]| (p[0] - origin[0], p[1] - origin[1]);
    ring.windows(2)
        .map(|pair| {
            let ((xa, ya), (xb, yb)) = (from(&pair[0]), from(&pair[1]));
            xa * yb - xb * ya
        })
        .sum()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Low,
    High,
}

impl Side {
    fn has(self, point: [f64; 2], at: f64) -> bool {
        (point[0] <= at) == (self == Self::Low)
    }
}

/// The part of a polygon on one side of a meridian.
fn half(rings: &Rings, at: f64, side: Side) -> Vec<Rings> {
    let (mut chains, mut exteriors, mut holes) = (Vec::new(), Vec::new(), Vec::new());
    for (number, ring) in rings.iter().enumerate() {
        let points = &ring[..ring.len().saturating_sub(1)];
        let inside = points.iter().filter(|p| side.has(**p, at)).count();
        if inside == points.len() {
            if number == 0 { exteriors.push(ring.clone()) } else { holes.push(ring.clone()) }
        } else if inside > 0 {
            chains.extend(chains_of(points, at, side).into_iter().flatten());
        }
    }
    exteriors.extend(joined(&chains));
    exteriors.retain(|ring| signed_area(ring).abs() > 0.0);
    let mut parts: Vec<Rings> = exteriors.into_iter().map(|ring| vec![ring]).collect();
    for hole in holes {
        let found = parts.iter().position(|part| hole.first().is_some_and(|p| contains(&part[0], *p)));
        if let Some(part) = found.or(if parts.is_empty() { None } else { Some(0) }) {
            parts[part].push(hole);
        }
    }
    parts
}

/// The pieces of a ring on one side, each from the meridian back to it; empty if it does not cross.
fn chains_of(points: &[[f64; 2]], at: f64, side: Side) -> Option<Vec<Ring>> {
    let n = points.len();
    let inside = |i: usize| side.has(points[i % n], at);
    let mut chains: Vec<Ring> = Vec::new();
    let start = (0..n).find(|i| inside(*i) && !inside(i + n - 1))?;
    for i in start..start + n {
        let (before, here) = (points[(i + n - 1) % n], points[i % n]);
        match (inside(i + n - 1), inside(i)) {
            (false, true) => chains.push(vec![crossing(before, here, at), here]),
            (true, true) => chains.last_mut()?.push(here),
            (true, false) => chains.last_mut()?.push(crossing(before, here, at)),
            (false, false) => {}
        }
    }
    // The last edge returns to the outside.
    let (last, first) = (points[(start + n - 1) % n], points[start]);
    if inside(start + n - 1) {
        chains.last_mut()?.push(crossing(last, first, at));
    }
    Some(chains)
}

/// The point where an edge crosses a meridian; the same for both directions.
fn crossing(a: [f64; 2], b: [f64; 2], at: f64) -> [f64; 2] {
    let (a, b) = if a[0] <= b[0] { (a, b) } else { (b, a) };
    let along = (at - a[0]) / (b[0] - a[0]);
    let y = a[1] + along * (b[1] - a[1]);
    [at, rounded(y, 9)]
}

/// Joins chains to rings: along the meridian, the polygon lies between every second pair of ends.
fn joined(chains: &[Ring]) -> Vec<Ring> {
    let mut ends: Vec<(f64, usize, bool)> = Vec::new();
    for (number, chain) in chains.iter().enumerate() {
        if let (Some(first), Some(last)) = (chain.first(), chain.last()) {
            ends.extend([(first[1], number, true), (last[1], number, false)]);
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    // For each chain, the chain that continues from its end.
    let mut next = vec![None; chains.len()];
    for pair in ends.chunks(2) {
        if let [(_, a, a_begins), (_, b, b_begins)] = pair {
            match (a_begins, b_begins) {
                (true, false) => next[*b] = Some(*a),
                (false, true) => next[*a] = Some(*b),
                // Coinciding ends: each chain is closed separately.
                _ => {}
            }
        }
    }
    let mut used = vec![false; chains.len()];
    let mut rings = Vec::new();
    for start in 0..chains.len() {
        let (mut ring, mut at) = (Ring::new(), start);
        while !used[at] {
            used[at] = true;
            ring.extend_from_slice(&chains[at]);
            at = next[at].unwrap_or(at);
        }
        ring.dedup();
        if ring.first() != ring.last() {
            ring.extend(ring.first().copied());
        }
        if ring.len() > 3 {
            rings.push(ring);
        }
    }
    rings
}

/// Whether a ring contains a point, by the even-odd rule.
fn contains(ring: &Ring, [x, y]: [f64; 2]) -> bool {
    let crosses = |pair: &[[f64; 2]]| {
        let ([xa, ya], [xb, yb]) = (pair[0], pair[1]);
        (ya > y) != (yb > y) && x < xa + (y - ya) / (yb - ya) * (xb - xa)
    };
    ring.windows(2).filter(|pair| crosses(pair)).count() % 2 == 1
}

/// A growing box of longitudes and latitudes, which may cross the antimeridian.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    /// Longitudes from -180 to 180, then from 0 to 360; latitudes.
    ranges: Option<[[f64; 2]; 3]>,
}

impl Extent {
    /// Adds a polygon, with all longitudes between its outermost points.
    pub(crate) fn add(&mut self, rings: &Rings) {
        let Some((low, high)) = rings.first().map(range).filter(|(low, high)| low <= high) else { return };
        let positive = if low < 0.0 && high > 0.0 {
            [0.0, TURN]
        } else if low < 0.0 {
            [low + TURN, high + TURN]
        } else {
            [low, high]
        };
        let latitudes = rings.iter().flatten().map(|point| point[1]);
        let latitude = latitudes.fold([f64::INFINITY, f64::NEG_INFINITY], |r, y| [r[0].min(y), r[1].max(y)]);
        let here = [[low, high], positive, latitude];
        let ranges = self.ranges.get_or_insert(here);
        for (range, other) in ranges.iter_mut().zip(here) {
            *range = [range[0].min(other[0]), range[1].max(other[1])];
        }
    }

    /// The same for a polygon.
    pub(crate) fn add_polygon(&mut self, polygon: &Polygon<f64>) {
        self.add(&rings_of(polygon));
    }

    /// West, south, east, north; the narrower of the two possible boxes, so that west is greater than east across the
    /// antimeridian.
    pub(crate) fn bbox(&self) -> Option<[f64; 4]> {
        let [plain, positive, [south, north]] = self.ranges?;
        let width = |range: [f64; 2]| range[1] - range[0];
        // Differences below the rounding of coordinates do not count.
        if width(positive) > width(plain) - 1e-6 {
            return Some([plain[0], south, plain[1], north]);
        }
        let west = if positive[0] >= HALF { positive[0] - TURN } else { positive[0] };
        let east = if positive[1] > HALF { positive[1] - TURN } else { positive[1] };
        Some([west, south, east, north])
    }
}

#[cfg(test)]
mod tests {
    use arpent_base::number::exact;

    use super::*;
    use proptest::prelude::*;

    fn area(parts: &[Rings]) -> f64 {
        parts.iter().flatten().map(|ring| signed_area(ring)).sum::<f64>() / 2.0
    }

    fn wrapped(rings: &[&[[f64; 2]]]) -> Rings {
        let turn = |x: f64| {
            if x > 180.0 {
                x - 360.0
            } else if x < -180.0 {
                x + 360.0
            } else {
                x
            }
        };
        rings.iter().map(|ring| ring.iter().map(|p| [turn(p[0]), p[1]]).collect()).collect()
    }

    #[test]
    fn polygons_are_cut_with_their_holes() {
        let square = [[179.0, -1.0], [181.0, -1.0], [181.0, 1.0], [179.0, 1.0], [179.0, -1.0]];
        let across = [[179.9, -0.1], [179.9, 0.1], [180.1, 0.1], [180.1, -0.1], [179.9, -0.1]];
        let east = [[180.5, 0.5], [180.5, 0.6], [180.6, 0.6], [180.6, 0.5], [180.5, 0.5]];
        let parts = cut(wrapped(&[&square, &across, &east]), &|_, _| true);
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].len(), parts[1].len()), (1, 2), "{parts:?}");
        assert!((area(&parts) - (4.0 - 0.04 - 0.01)).abs() < 1e-9, "{parts:?}");
        assert!(parts[0].iter().flatten().all(|p| p[0] >= 179.0 && p[0] <= 180.0));
        assert!(parts[1].iter().flatten().all(|p| p[0] >= -180.0 && p[0] <= -179.0));
        for part in &parts {
            assert!(signed_area(&part[0]) > 0.0 && part[1..].iter().all(|hole| signed_area(hole) < 0.0));
            assert!(part.iter().all(|ring| ring.first() == ring.last() && ring.len() > 3));
        }
    }

    #[test]
    fn geometries_in_degrees_are_delivered_on_the_globe() {
        let geographic = Crs { kind: CrsKind::Geographic, ..crate::testing::crs() };
        let of = |x: f64, size: f64, crs: &Crs| {
            let feature = crate::testing::feature(1, 1, x, 0.0, size);
            let ranges: Vec<_> = delivered(&feature, crs).iter().map(|p| range(&rings_of(p)[0])).collect();
            ranges
        };
        assert_eq!(of(178.0, 2.0, &geographic), [(178.0, 180.0)]);
        assert_eq!(of(179.0, 2.0, &geographic), [(179.0, 180.0), (-180.0, -179.0)]);
        assert_eq!(of(180.0, 2.0, &geographic), [(-180.0, -178.0)]);
        assert_eq!(of(350.0, 2.0, &geographic), [(-10.0, -8.0)]);
        assert_eq!(of(-182.0, 2.0, &geographic), [(178.0, 180.0)]);
        assert_eq!(of(-181.0, 2.0, &geographic), [(179.0, 180.0), (-180.0, -179.0)]);
        assert_eq!(of(-181.0, 362.0, &geographic), [(179.0, 180.0), (-180.0, 180.0), (-180.0, -179.0)]);
        assert_eq!(of(f64::INFINITY, 1.0, &geographic).len(), 1);
        assert_eq!(of(179.0, 2.0, &crate::testing::crs()), [(179.0, 181.0)]);
    }

    #[test]
    fn long_edges_that_do_not_cross_stay() {
        let world =
            vec![vec![[-180.0, -80.0], [180.0, -80.0], [180.0, 80.0], [-180.0, 80.0], [-180.0, -80.0]]];
        assert_eq!(cut(world.clone(), &|_, _| false), [world]);
        // Ends on the meridian, seen from the other side.
        let edge = vec![vec![[-180.0, 0.0], [-180.0, 1.0], [179.0, 1.0], [179.0, 0.0], [-180.0, 0.0]]];
        let parts = cut(edge, &|_, _| true);
        assert!(parts.len() == 1 && (area(&parts) - 1.0).abs() < 1e-9, "{parts:?}");
        assert!(parts[0][0].iter().all(|p| p[0] >= 179.0 && p[0] <= 180.0));
    }

    #[test]
    fn boxes_cross_where_what_they_hold_does() {
        let of_polygons = |polygons: &[&[f64]]| {
            let mut extent = Extent::default();
            for longitudes in polygons {
                extent.add(&vec![longitudes.iter().map(|x| [*x, 1.0]).collect()]);
            }
            extent.bbox().map(|b| [b[0], b[2]])
        };
        // Each place by itself.
        let of = |longitudes: &[f64]| {
            of_polygons(&longitudes.iter().map(std::slice::from_ref).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[2.0, 3.0]), Some([2.0, 3.0]));
        assert_eq!(of(&[-3.0, 2.0]), Some([-3.0, 2.0]));
        assert_eq!(of(&[-120.0, -70.0]), Some([-120.0, -70.0]));
        assert_eq!(of(&[179.0, -179.5]), Some([179.0, -179.5]));
        assert_eq!(of(&[180.0, -179.5]), Some([-180.0, -179.5]));
        assert_eq!(of_polygons(&[&[-180.0, 0.0, 180.0]]), Some([-180.0, 180.0]));
        assert_eq!(of_polygons(&[&[-180.0, 0.0], &[0.0, 180.0]]), Some([-180.0, 180.0]));
        assert_eq!(of_polygons(&[&[179.0, 180.0], &[-180.0, -179.0]]), Some([179.0, -179.0]));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_by_a_cut(
            radii in prop::collection::vec(0.2f64..3.0, 3..24), middle in 177.5f64..182.5, turn in 0.0f64..1.0,
        ) {
            // A star: never self-intersecting, often with several parts on a side.
            let mut star: Vec<[f64; 2]> = radii.iter().enumerate().map(|(i, r)| {
                let a = (exact(i) + turn) / exact(radii.len()) * std::f64::consts::TAU;
                [middle + r * a.cos(), r * a.sin()]
            }).collect();
            star.push(star[0]);
            let whole = signed_area(&star) / 2.0;
            let parts = cut(wrapped(&[&star]), &|_, _| true);
            prop_assert!((area(&parts) - whole).abs() < 1e-6, "{} {whole}", area(&parts));
            prop_assert!(parts.iter().flatten().flatten().all(|p| p[0].abs() <= 180.0));
            let wide = parts.iter().flatten().any(|ring| { let (l, h) = range(ring); h - l > 7.0 });
            prop_assert!(!wide, "{parts:?}");
            // The same where its longitudes go on.
            let parts = turns(vec![star]);
            prop_assert!((area(&parts) - whole).abs() < 1e-6, "{} {whole}", area(&parts));
            prop_assert!(parts.iter().flatten().flatten().all(|p| p[0].abs() <= 180.0));
        }
    }
}
