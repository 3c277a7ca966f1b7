//! The outline of a building, redrawn with right angles.
//!
//! Pixels of a turned wall make stairs whose sides are all along the axes, so they do not tell how the wall is turned; the
//! outline without its stairs does, roughly: the mean of its sides' directions, modulo a right angle. The stairs then tell it
//! well: the middles of a wall's pixel sides scatter around the wall by half a pixel, so the line through them (least squares
//! of distances, all walls at once, each turned by its right angle) is far better than its ends.

use crate::region::Vertex;

/// A place, or a direction, pixels.
pub(crate) type Point = [f64; 2];

/// Steps of a coordinate to a pixel: places are rounded so that they may be moved by whole pixels without any change.
const STEPS: f64 = 2_097_152.0;

/// Less than this part of the pieces, weighted by the square of their length, in one direction is no direction.
const DOMINANCE: f64 = 0.5;

/// Pieces of the outline that are shorter, pixels, do not say how the building is turned.
const LONG_PX: f64 = 4.0;

/// How far corners of pixels are from a straight wall, pixels, and a little more.
const SLACK_PX: f64 = 1.1;

/// An outline of more corners of pixels is none of a building.
const MAX_CORNERS: usize = 8192;

/// What is left out at both ends of a wall, pixels, at most: there it is the next wall that pixels show.
const TRIM_PX: f64 = 2.0;

/// The outline of pixels with right angles, counted from its first corner; none where walls have no direction in common. It is
/// given by its corners, the northernmost, then westernmost first. Steps in walls of less than `min_step_px` are left out.
/// Wherever the outline lies, the answer is the same to the bit.
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

/// An outline cut into pieces that are straight but for `slack_px`: Douglas and Peucker's method (*Cartographica* 10, 1973)
/// between the first corner and the one farthest from it.
#[allow(clippy::cast_precision_loss, reason = "numbers of a cell")]
fn pieces(pixels: &[Vertex], slack_px: f64) -> Option<Vec<Piece>> {
    let first = pixels.first()?;
    let ring = pixels.iter().chain([first]);
    let ring: Vec<Point> = ring.map(|[x, y]| [(x - first[0]) as f64, (y - first[1]) as f64]).collect();
    let last = ring.len() - 1;
    // Of several that are as far, the last one.
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
    /// Middles of its pixel sides, but for those near the ends.
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

    /// Whether the piece runs rather across a direction than along it.
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

/// The product of two complex numbers: turns one by the other.
fn times(a: Point, b: Point) -> Point {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// A complex number of length 1 that is turned half as far as another.
fn half([x, y]: Point) -> Point {
    let length = (x * x + y * y).sqrt();
    let part = |v: f64| ((v / length + 1.0).max(0.0) / 2.0).sqrt();
    [part(x), if y < 0.0 { -part(-x) } else { part(-x) }]
}

/// The direction that most of the pieces run along or across: the mean of their directions, four times turned so that right
/// angles do not matter, weighted by the square of their lengths.
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

/// A direction brought nearer to the walls of pixels.
fn refined(pieces: &[Piece], along: Point) -> Point {
    let (mut spread, mut joint) = (0.0, 0.0);
    for piece in pieces.iter().filter(|piece| piece.length >= LONG_PX) {
        let axis = if piece.is_across(along) { [-along[1], along[0]] } else { along };
        // A piece that runs neither along nor across is no wall.
        if 2.0 * cross(axis, piece.chord).abs() > dot(axis, piece.chord).abs() {
            continue;
        }
        let turned = piece.middles.iter().map(|p| [dot(axis, *p), cross(axis, *p)]);
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let count = piece.middles.len().max(1) as f64;
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
    /// How far it leads in its direction, pixels; negative the other way.
    way: f64,
    /// Where it lies on the other axis: a sum of places, weighted, and of weights.
    sum: f64,
    weight: f64,
}

impl Wall {
    fn new(piece: &Piece, along: Point) -> Self {
        let is_across = piece.is_across(along);
        let axis = if is_across { [-along[1], along[0]] } else { along };
        // The place on the other axis: across for what runs along, along for what runs across.
        let place = |p: Point| if is_across { dot(along, p) } else { cross(along, p) };
        let (way, off) = (dot(axis, piece.chord), cross(axis, piece.chord));
        // The cosine of four times the angle: what is turned by more than 22.5 degrees says next to nothing.
        let slant = 4.0 * way * way * off * off / (piece.length * piece.length).powi(2);
        let weight = piece.length * (1.0 - 2.0 * slant).max(1e-3);
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let count = piece.middles.len() as f64;
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

/// Pieces that follow one another in one direction, together; along and across by turns.
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

/// Makes one of two walls that lead the same way, with a step between them that is too small, the smallest step first.
fn leave_out_steps(walls: &mut Vec<Wall>, min_step_px: f64) {
    while walls.len() > 4 {
        let n = walls.len();
        let step = |i: usize| {
            let (before, after) = (walls[(i + n - 1) % n], walls[(i + 1) % n]);
            let step = (before.place() - after.place()).abs();
            (before.way * after.way > 0.0 && step < min_step_px).then_some((step, i))
        };
        let Some((_, at)) = (0..n).filter_map(step).min_by(|a, b| a.0.total_cmp(&b.0)) else { return };
        // To the front: the wall before, the step, the wall after.
        walls.rotate_left((at + n - 1) % n);
        let after = walls[2];
        walls[0].add(&after);
        walls.drain(1..3);
    }
}

/// Where neighboring walls meet; none where a wall would lead the wrong way.
fn corners(walls: &[Wall], along: Point) -> Option<Vec<Point>> {
    let n = walls.len();
    if n < 4 {
        return None;
    }
    // Along and across, of the corner at the end of each wall.
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

/// Whether a point lies inside a closed outline: sides to the east of it are counted. Of points on a side, either.
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

/// Whether two lines come nearer to each other than a distance, given by its square.
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
