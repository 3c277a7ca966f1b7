//! Redraws the outline of a building with right angles.
//!
//! Pixels of a rotated wall form stairs whose sides are all along the axes, so they do not show the direction of the
//! wall; the outline without its stairs does, roughly: the mean of its sides' directions, modulo a right angle. The
//! stairs then refine it: the midpoints of a wall's pixel sides scatter around the wall by half a pixel, so the line
//! through them (least squares of distances, all walls at once, each rotated by its right angle) is far more precise
//! than its ends.

use arpent_base::number::exact;

use crate::region::Vertex;

/// A place, or a direction, pixels.
pub(crate) type Point = [f64; 2];

/// Steps of a coordinate per pixel: places are rounded so that moving them by whole pixels is exact.
const STEPS: f64 = 2_097_152.0;

/// A direction is accepted if at least this fraction of the pieces, weighted by the square of their length, has it.
const DOMINANCE: f64 = 0.5;

/// Shorter pieces of the outline, pixels, are ignored in the direction of the building.
const LONG_PX: f64 = 4.0;

/// Largest distance of pixel corners from a straight wall, pixels, with a margin.
const SLACK_PX: f64 = 1.1;

/// An outline with more pixel corners is not treated as a building.
const MAX_CORNERS: usize = 8192;

/// Length that is ignored at both ends of a wall, pixels, at most: the pixels there are of the next wall.
const TRIM_PX: f64 = 2.0;

/// The outline of pixels with right angles, relative to its first corner; `None` if the walls have no common
/// direction. It is given by its corners, the northernmost, then westernmost first. Steps in walls of less than
/// `min_step_px` are removed. The result is bit-identical wherever the outline lies.
pub(crate) fn square(pixels: &[Vertex], min_step_px: f64) -> Option<Vec<Point>> {
    if pixels.len() > MAX_CORNERS {
        return None;
    }
    let pieces = pieces(pixels, (min_step_px / 2.0).max(SLACK_PX))?;
    let along = refined(&pieces, rough(&pieces)?);
    let mut walls = walls(&pieces, along)?;
    leave_out_steps(&mut walls, min_step_px);
    corners(&walls, along)
}

/// Cuts an outline into pieces that are straight within `slack_px`: Douglas and Peucker's method (*Cartographica* 10,
/// 1973) between the first corner and the one farthest from it.
fn pieces(pixels: &[Vertex], slack_px: f64) -> Option<Vec<Piece>> {
    let first = pixels.first()?;
    let ring = pixels.iter().chain([first]);
    let ring: Vec<Point> = ring.map(|[x, y]| [exact(x - first[0]), exact(y - first[1])]).collect();
    let last = ring.len() - 1;
    // The last one on ties.
    let far = (0..last).max_by(|i, j| dot(ring[*i], ring[*i]).total_cmp(&dot(ring[*j], ring[*j])))?;
    let mut pieces = Vec::new();
    let mut open = vec![(far, last), (0, far)];
    while let Some((from, to)) = open.pop() {
        let line = (ring[from], ring[to]);
        let off = |i: &usize| squared_distance(ring[*i], line);
        let worst = (from + 1..to).max_by(|i, j| off(i).total_cmp(&off(j)));
        match worst.filter(|i| off(i) > slack_px * slack_px) {
            Some(worst) => open.extend([(worst, to), (from, worst)]),
            None => pieces.push(Piece::new(&ring[from..=to])),
        }
    }
    Some(pieces)
}

/// A part of an outline that is nearly straight.
#[derive(Debug)]
struct Piece {
    /// From its first to its last corner.
    chord: Point,
    length: f64,
    /// Midpoints of its pixel sides, except for those near the ends.
    middles: Vec<Point>,
}

impl Piece {
    fn new(corners: &[Point]) -> Self {
        let (from, to) = (corners[0], corners[corners.len() - 1]);
        let chord = [to[0] - from[0], to[1] - from[1]];
        let length = dot(chord, chord).sqrt();
        let trim = TRIM_PX.min(length / 4.0);
        let mut middles = Vec::new();
        for side in corners.windows(2) {
            let step = [side[1][0] - side[0][0], side[1][1] - side[0][1]].map(|v| v.clamp(-1.0, 1.0));
            let mut at = [side[0][0] + step[0] / 2.0, side[0][1] + step[1] / 2.0];
            while (side[1][0] - at[0]) * step[0] + (side[1][1] - at[1]) * step[1] > 0.0 {
                let way = dot([at[0] - from[0], at[1] - from[1]], chord) / length;
                if way >= trim && way <= length - trim {
                    middles.push(at);
                }
                at = [at[0] + step[0], at[1] + step[1]];
            }
        }
        if middles.is_empty() {
            middles.push([from[0].midpoint(to[0]), from[1].midpoint(to[1])]);
        }
        Self { chord, length, middles }
    }

    /// Whether the piece is nearer to perpendicular than to parallel to a direction.
    fn is_across(&self, along: Point) -> bool {
        dot(self.chord, along).abs() < cross(along, self.chord).abs()
    }
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn cross(a: Point, b: Point) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

/// The product of two complex numbers: rotates one by the other.
fn times(a: Point, b: Point) -> Point {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// A complex number of length 1 with half the angle of another.
fn half([x, y]: Point) -> Point {
    let length = (x * x + y * y).sqrt();
    let part = |v: f64| ((v / length + 1.0).max(0.0) / 2.0).sqrt();
    [part(x), if y < 0.0 { -part(-x) } else { part(-x) }]
}

/// The direction that most of the pieces are parallel or perpendicular to: the mean of their directions, with angles
/// times four so that right angles do not matter, weighted by the square of their lengths.
fn rough(pieces: &[Piece]) -> Option<Point> {
    let (mut sum, mut weight) = ([0.0, 0.0], 0.0);
    for piece in pieces {
        let twice = times(piece.chord, piece.chord);
        let squared = piece.length * piece.length;
        let turned = times(twice, twice).map(|v| v / squared);
        sum = [sum[0] + turned[0], sum[1] + turned[1]];
        weight += squared;
    }
    (dot(sum, sum).sqrt() >= DOMINANCE * weight && weight > 0.0).then(|| half(half(sum)))
}

/// A direction refined by the walls of pixels.
fn refined(pieces: &[Piece], along: Point) -> Point {
    let (mut spread, mut joint) = (0.0, 0.0);
    for piece in pieces.iter().filter(|piece| piece.length >= LONG_PX) {
        let axis = if piece.is_across(along) { [-along[1], along[0]] } else { along };
        // A piece that is neither parallel nor perpendicular is not a wall.
        if 2.0 * cross(axis, piece.chord).abs() > dot(axis, piece.chord).abs() {
            continue;
        }
        let turned = piece.middles.iter().map(|p| [dot(axis, *p), cross(axis, *p)]);
        let count = exact(piece.middles.len().max(1));
        let mean = turned.clone().fold([0.0, 0.0], |s, p| [s[0] + p[0], s[1] + p[1]]).map(|v| v / count);
        for p in turned {
            let [x, y] = [p[0] - mean[0], p[1] - mean[1]];
            spread += x * x - y * y;
            joint += 2.0 * x * y;
        }
    }
    if spread > 0.0 { times(along, half([spread, joint])) } else { along }
}

/// A side of a squared outline.
#[derive(Debug, Clone, Copy)]
struct Wall {
    is_across: bool,
    /// Its length in its direction, pixels; negative in the opposite direction.
    way: f64,
    /// Its position on the other axis: a weighted sum of places, and the sum of weights.
    sum: f64,
    weight: f64,
}

impl Wall {
    fn new(piece: &Piece, along: Point) -> Self {
        let is_across = piece.is_across(along);
        let axis = if is_across { [-along[1], along[0]] } else { along };
        // The position on the other axis: perpendicular for parallel pieces, parallel for perpendicular ones.
        let place = |p: Point| if is_across { dot(along, p) } else { cross(along, p) };
        let (way, off) = (dot(axis, piece.chord), cross(axis, piece.chord));
        // The cosine of four times the angle: pieces rotated by more than 22.5 degrees get almost no weight.
        let slant = 4.0 * way * way * off * off / (piece.length * piece.length).powi(2);
        let weight = piece.length * (1.0 - 2.0 * slant).max(1e-3);
        let count = exact(piece.middles.len());
        Self {
            is_across,
            way,
            sum: weight * piece.middles.iter().map(|p| place(*p)).sum::<f64>(),
            weight: weight * count,
        }
    }

    fn place(&self) -> f64 {
        self.sum / self.weight
    }

    fn add(&mut self, other: &Self) {
        self.way += other.way;
        self.sum += other.sum;
        self.weight += other.weight;
    }
}

/// Merges consecutive pieces in one direction to walls; parallel and perpendicular ones alternate.
fn walls(pieces: &[Piece], along: Point) -> Option<Vec<Wall>> {
    let all: Vec<Wall> = pieces.iter().map(|piece| Wall::new(piece, along)).collect();
    let turn =
        (0..all.len()).find(|i| all[*i].is_across != all[(i + all.len() - 1) % all.len()].is_across)?;
    let mut walls: Vec<Wall> = Vec::new();
    for wall in all[turn..].iter().chain(&all[..turn]) {
        match walls.last_mut() {
            Some(last) if last.is_across == wall.is_across => last.add(wall),
            _ => walls.push(*wall),
        }
    }
    walls.iter().all(|wall| wall.weight > 0.0).then_some(walls)
}

/// Merges two walls of the same direction with a step between them that is too small, the smallest step first.
fn leave_out_steps(walls: &mut Vec<Wall>, min_step_px: f64) {
    while walls.len() > 4 {
        let n = walls.len();
        let step = |i: usize| {
            let (before, after) = (walls[(i + n - 1) % n], walls[(i + 1) % n]);
            let step = (before.place() - after.place()).abs();
            (before.way * after.way > 0.0 && step < min_step_px).then_some((step, i))
        };
        let Some((_, at)) = (0..n).filter_map(step).min_by(|a, b| a.0.total_cmp(&b.0)) else { return };
        // Rotated to the front: the wall before, the step, the wall after.
        walls.rotate_left((at + n - 1) % n);
        let after = walls[2];
        walls[0].add(&after);
        walls.drain(1..3);
    }
}

/// The intersections of adjacent walls; `None` if a wall would have the opposite direction.
fn corners(walls: &[Wall], along: Point) -> Option<Vec<Point>> {
    let n = walls.len();
    if n < 4 {
        return None;
    }
    // Parallel and perpendicular coordinate of the corner at the end of each wall.
    let ends: Vec<Point> = (0..n)
        .map(|i| (walls[i], walls[(i + 1) % n]))
        .map(|(a, b)| if a.is_across { [a.place(), b.place()] } else { [b.place(), a.place()] })
        .collect();
    let leads = |i: usize| {
        let (from, to) = (ends[(i + n - 1) % n], ends[i]);
        let way = if walls[i].is_across { to[1] - from[1] } else { to[0] - from[0] };
        way * walls[i].way.signum() >= 0.5
    };
    let round = |v: f64| (v * STEPS).round() / STEPS;
    (0..n).all(leads).then(|| ends.iter().map(|end| times(along, *end).map(round)).collect())
}

/// Area inside a closed outline, pixels.
pub(crate) fn area(outline: &[Point]) -> f64 {
    let doubled: f64 = sides(outline).map(|(a, b)| cross(a, b)).sum();
    doubled.abs() / 2.0
}

/// Sides of a closed outline.
pub(crate) fn sides(outline: &[Point]) -> impl Iterator<Item = (Point, Point)> + Clone + '_ {
    outline.iter().zip(outline.iter().cycle().skip(1)).map(|(a, b)| (*a, *b))
}

/// Whether a point lies inside a closed outline, by the number of sides to the east of it. Undefined for points on a
/// side.
pub(crate) fn is_within([x, y]: Point, outline: &[Point]) -> bool {
    let crossed = |(a, b): &(Point, Point)| {
        (a[1] > y) != (b[1] > y) && x < a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1]))
    };
    sides(outline).filter(crossed).count() % 2 == 1
}

/// Square of the distance of a point from a line between two.
pub(crate) fn squared_distance(p: Point, (a, b): (Point, Point)) -> f64 {
    let (line, from) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = dot(line, line);
    let part = if length > 0.0 { (dot(from, line) / length).clamp(0.0, 1.0) } else { 0.0 };
    let off = [from[0] - part * line[0], from[1] - part * line[1]];
    dot(off, off)
}

/// Whether two lines are nearer to each other than a distance, given by its square.
pub(crate) fn are_near(a: (Point, Point), b: (Point, Point), squared: f64) -> bool {
    let side = |line: (Point, Point), p: Point| {
        cross([line.1[0] - line.0[0], line.1[1] - line.0[1]], [p[0] - line.0[0], p[1] - line.0[1]]) > 0.0
    };
    let cross = side(a, b.0) != side(a, b.1) && side(b, a.0) != side(b, a.1);
    cross
        || [
            squared_distance(a.0, b),
            squared_distance(a.1, b),
            squared_distance(b.0, a),
            squared_distance(b.1, a),
        ]
        .iter()
        .any(|d| *d < squared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Polygonizer;
    use arpent_testing::shapes::label_maps;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the outline: the answer has right angles, is finite and is the same wherever the outline lies; or there is none.
        #[test]
        fn hard_shapes_become_square_or_stay(map in label_maps(40), min_step_px in 0.0f64..6.0) {
            let (mut outlines, width) = (Vec::new(), map.window.width);
            let mut polygonizer = Polygonizer::new(map.window, [true; 256]).unwrap();
            for row in map.rows() {
                polygonizer.push_row(row, &vec![0; width], 1.0, &mut |r| outlines.extend(r.rings)).unwrap();
            }
            polygonizer.finish(&mut |r| outlines.extend(r.rings));
            for outline in outlines {
                let squared = square(&outline, min_step_px);
                let moved: Vec<Vertex> = outline.iter().map(|v| [v[0] - 77_000, v[1] + 1_000_003]).collect();
                prop_assert_eq!(&square(&moved, min_step_px), &squared);
                let Some(corners) = squared else { continue };
                prop_assert!(corners.len() >= 4 && corners.len().is_multiple_of(2), "{corners:?}");
                prop_assert!(corners.iter().flatten().all(|v| v.is_finite()));
                let walls: Vec<Point> = sides(&corners).map(|(a, b)| [b[0] - a[0], b[1] - a[1]]).collect();
                for (i, wall) in walls.iter().enumerate() {
                    let next = walls[(i + 1) % walls.len()];
                    let cosine = dot(*wall, next) / (dot(*wall, *wall).sqrt() * dot(next, next).sqrt());
                    prop_assert!(cosine.abs() < 1e-5, "{cosine} in {corners:?} of {outline:?}");
                }
            }
        }
    }
}
