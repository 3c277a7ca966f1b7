//! Pairs of an object that disappeared and one that appeared nearby: one object that is displaced, such as a roof that
//! leans another way in the other image.

use super::event::{Event, EventKind, Link, Outcome};

/// Objects of one displaced pair have sides and areas that differ by less than this factor.
const ALIKE: f64 = 0.7;

/// Joins pairs of an event [`EventKind::Disappeared`] and one [`EventKind::Appeared`] of one class and shape into one
/// [`EventKind::Moved`], where each is the nearest of its kind to the other and their centers are not farther apart than
/// a limit.
///
/// Events wait until no nearer one can come, so memory grows with the limit and with what is open, not with the
/// number of events.
#[derive(Debug)]
pub struct Displaced {
    limit_px: f64,
    waiting: Vec<Candidate>,
    /// Those decided, as long as they may be the nearest of others.
    decided: Vec<Place>,
    next: u64,
}

#[derive(Debug)]
struct Candidate {
    place: Place,
    event: Event,
    nearest: Nearest,
}

/// The nearest event that may be the other half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nearest {
    /// Others may come.
    Unknown,
    /// None is near enough.
    Nobody,
    /// Its number.
    Is(u64),
}

/// Where an object of one date is, and what it looks like.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: u64,
    has_appeared: bool,
    class_id: u8,
    /// Row and column of the center of its pixels.
    center: [f64; 2],
    /// Height and width of its box.
    sides: [f64; 2],
    pixels: f64,
    /// To compare those at equal distances: first pixel.
    first: (i64, i64),
}

impl Place {
    fn new(event: &Event, number: u64) -> Option<Self> {
        use arpent_base::number::{approximate, exact};
        let has_appeared = match event.kind {
            EventKind::Appeared => true,
            EventKind::Disappeared => false,
            _ => return None,
        };
        if event.flows.is_empty() {
            return None;
        }
        let first = *event.runs.first()?;
        let (mut rows, mut cols, mut count) = (0i128, 0i128, 0i128);
        let (mut bounds, mut columns) = ([first.row, first.row], [first.start, first.end]);
        for run in &event.runs {
            let length = i128::from(run.end - run.start);
            // Twice the sum of the columns' centers.
            rows += i128::from(run.row - first.row) * length;
            cols += i128::from(run.start - first.start + run.end - 1 - first.start) * length;
            count += length;
            bounds = [bounds[0].min(run.row), bounds[1].max(run.row)];
            columns = [columns[0].min(run.start), columns[1].max(run.end)];
        }
        let pixels = approximate(count);
        let center = [
            exact(first.row) + approximate(rows) / pixels,
            exact(first.start) + approximate(cols) / (2.0 * pixels),
        ];
        let sides = [exact(bounds[1] - bounds[0] + 1), exact(columns[1] - columns[0])];
        let class_id = if has_appeared { event.to } else { event.from };
        Some(Self { number, has_appeared, class_id, center, sides, pixels, first: (first.row, first.start) })
    }

    /// The squared distance to an object that may be the same; `None` if it cannot be.
    fn distance2(&self, other: &Self, limit_px: f64) -> Option<f64> {
        if self.has_appeared == other.has_appeared || self.class_id != other.class_id {
            return None;
        }
        let alike = |a: f64, b: f64| a.min(b) >= ALIKE * a.max(b);
        let is_alike = alike(self.pixels, other.pixels)
            && alike(self.sides[0], other.sides[0])
            && alike(self.sides[1], other.sides[1]);
        let [dy, dx] = [self.center[0] - other.center[0], self.center[1] - other.center[1]];
        let distance2 = dx * dx + dy * dy;
        (is_alike && distance2 <= limit_px * limit_px).then_some(distance2)
    }
}

impl Displaced {
    /// For displacements of up to so many pixels; 0 for none.
    pub fn new(limit_px: f64) -> Self {
        Self { limit_px, waiting: Vec::new(), decided: Vec::new(), next: 0 }
    }

    /// Takes an outcome; what cannot be half of a pair goes on to `sink` at once.
    pub fn push(&mut self, outcome: Outcome, sink: &mut impl FnMut(Outcome)) {
        let place = match &outcome {
            Outcome::Event(event) if self.limit_px > 0.0 => Place::new(event, self.next),
            _ => None,
        };
        match (place, outcome) {
            (Some(place), Outcome::Event(event)) => {
                self.next += 1;
                self.waiting.push(Candidate { place, event, nearest: Nearest::Unknown });
            }
            (_, outcome) => sink(outcome),
        }
    }

    /// Decides what can be: all events with a pixel above `first_open_row` have been given
    /// ([`super::Objects::first_open_row`]).
    pub fn advance(&mut self, first_open_row: i64, sink: &mut impl FnMut(Outcome)) {
        let frontier = arpent_base::number::exact(first_open_row);
        let Self { limit_px, waiting, decided, .. } = self;
        let places: Vec<Place> = waiting.iter().map(|c| c.place).chain(decided.iter().copied()).collect();
        for candidate in waiting.iter_mut().filter(|c| c.nearest == Nearest::Unknown) {
            if candidate.place.center[0] + *limit_px >= frontier {
                continue;
            }
            let near = places.iter().filter_map(|other| {
                let distance2 = candidate.place.distance2(other, *limit_px)?;
                Some((distance2, other.first, other.number))
            });
            let nearest = near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            candidate.nearest = nearest.map_or(Nearest::Nobody, |(_, _, number)| Nearest::Is(number));
        }
        // Decided: those without a nearest one, and those whose nearest one is known to prefer another.
        let nearest_of: std::collections::BTreeMap<u64, Nearest> =
            waiting.iter().map(|c| (c.place.number, c.nearest)).collect();
        let mut halves = std::collections::BTreeMap::<u64, Event>::new();
        for candidate in std::mem::take(waiting) {
            let number = candidate.place.number;
            let verdict = match candidate.nearest {
                Nearest::Unknown => Verdict::Wait,
                Nearest::Nobody => Verdict::Alone,
                Nearest::Is(other) => match nearest_of.get(&other) {
                    Some(Nearest::Unknown) => Verdict::Wait,
                    Some(Nearest::Is(of_other)) if *of_other == number => Verdict::Pair(other),
                    // Decided before, or with another one.
                    _ => Verdict::Alone,
                },
            };
            match verdict {
                Verdict::Wait => waiting.push(candidate),
                Verdict::Alone => {
                    decided.push(candidate.place);
                    sink(Outcome::Event(candidate.event));
                }
                Verdict::Pair(other) => {
                    decided.push(candidate.place);
                    match halves.remove(&other) {
                        None => {
                            halves.insert(number, candidate.event);
                        }
                        Some(half) => sink(Outcome::Event(joined(candidate.event, half))),
                    }
                }
            }
        }
        debug_assert!(halves.is_empty(), "both halves are decided at once");
        decided.retain(|place| place.center[0] + 2.0 * *limit_px >= frontier);
    }

    /// Decides the rest: all events have been given.
    pub fn finish(mut self, sink: &mut impl FnMut(Outcome)) {
        self.advance(i64::from(i32::MAX) << 20, sink);
        debug_assert!(self.waiting.is_empty(), "nothing can come any more");
    }
}

enum Verdict {
    Wait,
    Alone,
    Pair(u64),
}

/// One event of both halves.
fn joined(one: Event, other: Event) -> Event {
    let (lost, gained) = if one.kind == EventKind::Disappeared { (one, other) } else { (other, one) };
    let mut flows = std::collections::BTreeMap::new();
    for flow in lost.flows.iter().chain(&gained.flows) {
        let sum = flows.entry((flow.from, flow.to)).or_insert(super::event::Flow {
            pixels: 0,
            area_m2: 0.0,
            ..*flow
        });
        sum.pixels += flow.pixels;
        sum.area_m2 += flow.area_m2;
    }
    let mean = |of: &dyn Fn(&Event) -> Option<f64>| {
        let weighed = |event: &Event| Some((of(event)?, arpent_base::number::exact(event.pixels())));
        match (weighed(&lost), weighed(&gained)) {
            (Some((a, m)), Some((b, n))) => Some((a * m + b * n) / (m + n)),
            (a, b) => a.or(b).map(|(value, _)| value),
        }
    };
    let (image_score, returned) = (mean(&|event| event.image_score), mean(&|event| event.returned));
    let confidence = [0, 1].map(|date: usize| mean(&|event| event.confidence[date]));
    Event {
        kind: EventKind::Moved,
        from: lost.from,
        to: gained.to,
        links: vec![Link { from: 0, to: 0, overlap_m2: 0.0 }],
        gained_m2: gained.gained_m2,
        lost_m2: lost.lost_m2,
        flows: flows.into_values().collect(),
        width_px: lost.width_px.max(gained.width_px),
        image_score,
        confidence,
        returned,
        runs: super::event::joined(lost.runs.iter().chain(&gained.runs).copied().collect()),
        before: lost.before,
        after: gained.after,
    }
}
