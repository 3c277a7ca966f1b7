//! Locates features along reference lines.

use geo_types::{Coord, LineString, Polygon};

/// The place on a line that is nearest to a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snap {
    /// Distance from the point to the place, CRS units.
    pub distance: f64,
    /// Distance from the start of the line to the place, along the line, CRS units.
    pub measure: f64,
    /// The place, CRS coordinates.
    pub at: Coord<f64>,
}

/// The place on a line that is nearest to `point`; on ties, the one with the smallest measure. A line of several
/// parts is measured through its parts in their order; gaps between them do not count. `None` if there is no vertex
/// or if no distance is a number.
///
/// Distances are planar: CRS units of a projected CRS, never degrees.
pub fn nearest_on_line(point: Coord<f64>, parts: &[LineString<f64>]) -> Option<Snap> {
    let mut nearest: Option<Snap> = None;
    let mut passed = 0.0;
    for part in parts {
        // A part of one vertex is a place, too.
        let ends = part.0.iter().skip(usize::from(part.0.len() > 1));
        for (start, end) in part.0.iter().zip(ends) {
            let (at, along) = nearest_on_segment(point, *start, *end);
            let snap = Snap { distance: length(point - at), measure: passed + along, at };
            if nearest.map_or(snap.distance.is_finite(), |n| snap.distance < n.distance) {
                nearest = Some(snap);
            }
            passed += length(*end - *start);
        }
    }
    nearest
}

/// The nearest place of a segment and its distance from the start; exactly an end if that is nearest.
fn nearest_on_segment(point: Coord<f64>, start: Coord<f64>, end: Coord<f64>) -> (Coord<f64>, f64) {
    let (way, offset) = (end - start, point - start);
    let (along, whole) = (way.x * offset.x + way.y * offset.y, way.x * way.x + way.y * way.y);
    if along <= 0.0 || whole == 0.0 {
        (start, 0.0)
    } else if along >= whole {
        (end, length(way))
    } else {
        let part = along / whole;
        (start + way * part, part * length(way))
    }
}

fn length(way: Coord<f64>) -> f64 {
    (way.x * way.x + way.y * way.y).sqrt()
}

/// The representative point of a polygon: its centroid if that is inside; else the middle of its widest part along a
/// line from west to east near the middle of its height. The middle of its bounding box if it has no area. NaN
/// coordinates without a vertex.
pub fn representative_point(polygon: &Polygon<f64>) -> Coord<f64> {
    let bounds = |of: fn(&Coord<f64>) -> f64| {
        let values = polygon.exterior().coords().map(of);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((west, east), (south, north)) = (bounds(|c| c.x), bounds(|c| c.y));
    let middle = Coord { x: west.midpoint(east), y: south.midpoint(north) };
    let Some(centroid) = centroid(polygon) else { return middle };
    let is_inside = |(west, east): &(f64, f64)| *west < centroid.x && centroid.x < *east;
    // A point on a border is inside of what lies above it, or of what lies below.
    let just_above = crossings(polygon, centroid.y, |y| y <= centroid.y);
    let just_below = crossings(polygon, centroid.y, |y| y < centroid.y);
    if just_above.iter().any(is_inside) && just_below.iter().any(is_inside) {
        return centroid;
    }
    let y = between_vertices(polygon, middle.y);
    let width = |(west, east): &(f64, f64)| east - west;
    // The westernmost on ties.
    let widest =
        crossings(polygon, y, |v| v < y).into_iter().rev().max_by(|a, b| width(a).total_cmp(&width(b)));
    widest.map_or(middle, |(west, east)| Coord { x: west.midpoint(east), y })
}

fn rings(polygon: &Polygon<f64>) -> impl Iterator<Item = &LineString<f64>> {
    std::iter::once(polygon.exterior()).chain(polygon.interiors())
}

/// The center of mass, `None` if there is no area.
fn centroid(polygon: &Polygon<f64>) -> Option<Coord<f64>> {
    // Relative to the polygon, products of coordinates keep their digits.
    let origin = *polygon.exterior().0.first()?;
    let (mut area, mut moment) = (0.0, Coord { x: 0.0, y: 0.0 });
    for (index, ring) in rings(polygon).enumerate() {
        let (mut ring_area, mut ring_moment) = (0.0, Coord { x: 0.0, y: 0.0 });
        for side in ring.lines() {
            let (a, b) = (side.start - origin, side.end - origin);
            let cross = a.x * b.y - a.y * b.x;
            ring_area += cross / 2.0;
            ring_moment = ring_moment + (a + b) * (cross / 6.0);
        }
        // Independent of the direction of a ring, the first one adds area and the others are holes.
        let sign = if (ring_area > 0.0) == (index == 0) { 1.0 } else { -1.0 };
        area += sign * ring_area;
        moment = moment + ring_moment * sign;
    }
    (area > 0.0).then(|| origin + moment / area)
}

/// The parts of the line at `y` that lie inside, from west to east; `is_below` decides on which side of the line a
/// vertex is.
fn crossings(polygon: &Polygon<f64>, y: f64, is_below: impl Fn(f64) -> bool) -> Vec<(f64, f64)> {
    let sides = rings(polygon).flat_map(LineString::lines);
    let crossed = sides.filter(|side| is_below(side.start.y) != is_below(side.end.y));
    let mut xs: Vec<f64> = crossed
        .map(|side| {
            let part = (y - side.start.y) / (side.end.y - side.start.y);
            side.start.x + part * (side.end.x - side.start.x)
        })
        .collect();
    xs.sort_unstable_by(f64::total_cmp);
    xs.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// A height near `y` without a vertex: halfway between the nearest vertices below and above.
fn between_vertices(polygon: &Polygon<f64>, y: f64) -> f64 {
    let heights = || rings(polygon).flat_map(LineString::coords).map(|c| c.y);
    let below = heights().filter(|v| *v <= y).fold(f64::NEG_INFINITY, f64::max);
    let above = heights().filter(|v| *v > y).fold(f64::INFINITY, f64::min);
    below.midpoint(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Polygonizer, shapes};
    use arpent_raster::Window;
    use geo::{Centroid, Closest, ClosestPoint, Contains, Distance, Euclidean, Length, LineLocatePoint};
    use geo_types::{MultiLineString, Point, coord, polygon};
    use proptest::prelude::*;

    fn coords() -> impl Strategy<Value = Coord<f64>> {
        (-40i8..40, -40i8..40)
            .prop_map(|(x, y)| coord! { x: f64::from(x) / 4.0 + 7e5, y: f64::from(y) / 4.0 + 6.6e6 })
    }

    fn lines() -> impl Strategy<Value = Vec<LineString<f64>>> {
        prop::collection::vec(prop::collection::vec(coords(), 2..8).prop_map(LineString), 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn the_nearest_place_is_geos(point in coords(), lines in lines()) {
            let snap = nearest_on_line(point, &lines).unwrap();
            let (all, point) = (MultiLineString(lines.clone()), Point(point));
            prop_assert!((snap.distance - Euclidean.distance(&all, &point)).abs() < 1e-6);
            if let Closest::SinglePoint(at) | Closest::Intersection(at) = all.closest_point(&point) {
                prop_assert!((Euclidean.distance(at, Point(snap.at)) < 1e-6) || (Euclidean.distance(at, point) - snap.distance).abs() < 1e-6);
            }
            prop_assert!((Euclidean.distance(point, Point(snap.at)) - snap.distance).abs() < 1e-6);
        }

        #[test]
        fn measures_are_geos(point in coords(), lines in lines()) {
            let snap = nearest_on_line(point, &lines).unwrap();
            // Every part that is as near, measured from the start of the first.
            let mut passed = 0.0;
            let mut measures = vec![];
            for line in &lines {
                let length = Euclidean.length(line);
                if Euclidean.distance(line, &Point(point)) <= snap.distance + 1e-6 && length > 0.0 {
                    measures.push(passed + line.line_locate_point(&Point(point)).unwrap() * length);
                }
                passed += length;
            }
            let is_place = |measure: f64| {
                let mut rest = measure;
                lines.iter().flat_map(LineString::lines).any(|s| {
                    let length = Euclidean.length(&s);
                    let here = rest;
                    rest -= length;
                    let part = if length > 0.0 { here / length } else { 0.0 };
                    (-1e-6..=1.0 + 1e-6).contains(&part) && {
                        let at = s.start + (s.end - s.start) * part;
                        Euclidean.distance(Point(at), Point(snap.at)) < 1e-6
                    }
                })
            };
            prop_assert!(is_place(snap.measure), "{snap:?}");
            // geo returns any of several places of a part; ours is never a later one.
            if let Some(first) = measures.iter().copied().reduce(f64::min) {
                prop_assert!(snap.measure <= first + 1e-6, "{snap:?} {measures:?}");
            }
        }

        #[test]
        fn ribbons_are_stood_for_from_within(steps in prop::collection::vec((1u8..9, 1u8..40), 2..9)) {
            let mut x = 7e5;
            let below: Vec<Coord<f64>> = steps.iter().map(|(width, height)| {
                x += f64::from(*width);
                coord! { x: x, y: 6.6e6 + f64::from(*height) }
            }).collect();
            let above = below.iter().rev().map(|c| coord! { x: c.x, y: c.y + 0.5 });
            is_stood_for_from_within(&Polygon::new(LineString(below.iter().copied().chain(above).collect()), vec![]))?;
        }

        #[test]
        fn regions_are_stood_for_from_within(labels in prop::collection::vec(0u8..2, 81)) {
            let mut polygonizer = Polygonizer::new(Window::new(-4, 7, 9, 9), [true; 256]).unwrap();
            let mut regions = vec![];
            for row in labels.chunks(9) {
                polygonizer.push_row(row, &[0; 9], 1.0, &mut |r| regions.push(r)).unwrap();
            }
            polygonizer.finish(&mut |r| regions.push(r));
            regions.iter().try_for_each(|region| is_stood_for_from_within(&shapes::polygon(region)))?;
        }
    }

    fn is_stood_for_from_within(polygon: &Polygon<f64>) -> Result<(), TestCaseError> {
        let (point, centroid) = (Point(representative_point(polygon)), polygon.centroid().unwrap());
        prop_assert!(polygon.contains(&point), "{point:?}");
        let border = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        let from_border = border.map(|ring| Euclidean.distance(&centroid, ring)).fold(f64::MAX, f64::min);
        if polygon.contains(&centroid) && from_border > 1e-6 {
            prop_assert!(Euclidean.distance(centroid, point) < 1e-6);
        }
        Ok(())
    }

    fn line(vertices: &[(f64, f64)]) -> LineString<f64> {
        LineString::from(vertices.to_vec())
    }

    #[test]
    fn gaps_do_not_count() {
        let parts = [line(&[(0.0, 0.0), (10.0, 0.0)]), line(&[(20.0, 0.0), (20.0, 10.0)])];
        let snap = nearest_on_line(coord! { x: 23.0, y: 4.0 }, &parts).unwrap();
        assert_eq!(snap, Snap { distance: 3.0, measure: 14.0, at: coord! { x: 20.0, y: 4.0 } });
    }

    #[test]
    fn of_places_as_near_the_first_is_taken() {
        let ring = line(&[(1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]);
        let snap = nearest_on_line(coord! { x: 0.0, y: 0.0 }, &[ring]).unwrap();
        assert_eq!(snap, Snap { distance: 1.0, measure: 1.0, at: coord! { x: 1.0, y: 0.0 } });
    }

    #[test]
    fn lines_without_length_are_places_or_nothing() {
        let (here, nothing) = (coord! { x: 3.0, y: 4.0 }, line(&[]));
        assert_eq!(nearest_on_line(here, &[]), None);
        assert_eq!(nearest_on_line(here, std::slice::from_ref(&nothing)), None);
        assert_eq!(nearest_on_line(coord! { x: f64::NAN, y: 0.0 }, &[line(&[(0.0, 0.0), (1.0, 0.0)])]), None);
        let origin = Some(Snap { distance: 5.0, measure: 0.0, at: coord! { x: 0.0, y: 0.0 } });
        assert_eq!(nearest_on_line(here, &[nothing, line(&[(0.0, 0.0)])]), origin);
        assert_eq!(nearest_on_line(here, &[line(&[(0.0, 0.0), (0.0, 0.0)])]), origin);
    }

    #[test]
    fn a_polygon_is_stood_for_from_within() {
        let block = polygon![(x: 0.0, y: 0.0), (x: 4.0, y: 0.0), (x: 4.0, y: 2.0), (x: 0.0, y: 2.0)];
        assert_eq!(representative_point(&block), coord! { x: 2.0, y: 1.0 });
        // An L around its own centroid.
        let corner = polygon![(x: 0.0, y: 0.0), (x: 10.0, y: 0.0), (x: 10.0, y: 1.0), (x: 1.0, y: 1.0), (x: 1.0, y: 10.0), (x: 0.0, y: 10.0)];
        assert_eq!(representative_point(&corner), coord! { x: 0.5, y: 5.5 });
        // A frame, its hole in either direction.
        let hole = line(&[(1.0, 1.0), (9.0, 1.0), (9.0, 9.0), (1.0, 9.0), (1.0, 1.0)]);
        let around = line(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]);
        let back = LineString(hole.0.iter().rev().copied().collect());
        for hole in [hole, back] {
            let frame = Polygon::new(around.clone(), vec![hole]);
            assert_eq!(representative_point(&frame), coord! { x: 0.5, y: 5.0 });
        }
    }

    #[test]
    fn without_area_the_middle_stands_for_it() {
        let flat = polygon![(x: 0.0, y: 1.0), (x: 4.0, y: 1.0), (x: 0.0, y: 1.0)];
        assert_eq!(representative_point(&flat), coord! { x: 2.0, y: 1.0 });
        let nothing = Polygon::new(LineString(vec![]), vec![]);
        assert!(representative_point(&nothing).x.is_nan());
    }
}
