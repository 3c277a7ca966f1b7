//! Events against a plain computation on whole rasters, and against scenes whose events are known.

#![allow(
    clippy::too_many_lines,
    clippy::cast_precision_loss,
    reason = "the plain computation is one text to read"
)]

use std::collections::{BTreeMap, BTreeSet};

use arpent_raster::{LABEL_NODATA, Window};
use proptest::prelude::*;

use super::EventKind::{Appeared, Disappeared, Moved};
use super::*;

/// Class of ground; others are objects.
const GROUND: u8 = 0;

fn rules() -> Rules {
    let groups = std::array::from_fn(|id| (id != usize::from(GROUND)).then(|| u8::try_from(id).unwrap()));
    Rules {
        groups,
        width_px: 0.0,
        min_area_m2: 0.0,
        image: None,
        min_confidence: None,
        min_overlap: Rules::MIN_OVERLAP,
    }
}

#[derive(Clone)]
struct Map {
    window: Window,
    labels: Vec<u8>,
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for row in self.labels.chunks(self.window.width) {
            let line = row.iter().map(|class| match class {
                0 => '.',
                255 => '?',
                class => char::from(b'0' + class),
            });
            write!(f, "\n{}", line.collect::<String>())?;
        }
        Ok(())
    }
}

impl Map {
    fn new(window: Window, class: u8) -> Self {
        Self { window, labels: vec![class; window.width * window.height] }
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.labels[row * self.window.width..][..self.window.width]
    }

    fn fill(&mut self, [left, top, right, bottom]: [usize; 4], class: u8) {
        for row in top..bottom {
            self.labels[row * self.window.width..][left..right].fill(class);
        }
    }
}

fn outcomes_cut(before: &Map, after: &Map, rules: &Rules, cut: u64) -> Vec<Outcome> {
    let mut objects = Objects::new(before.window, rules.clone()).unwrap().cut_beyond(cut);
    let mut found = Vec::new();
    for row in 0..before.window.height {
        objects
            .push_row(before.row(row), after.row(row), Evidence::default(), 1.0, &mut |o| found.push(o))
            .unwrap();
    }
    objects.finish(&mut |o| found.push(o));
    found
}

fn events(before: &Map, after: &Map, rules: &Rules) -> Vec<Event> {
    let events =
        outcomes_cut(before, after, rules, u64::MAX).into_iter().filter_map(|outcome| match outcome {
            Outcome::Event(event) => Some(event),
            Outcome::Same(..) => None,
        });
    let mut events: Vec<Event> = events.collect();
    events.sort_by(|a, b| a.runs.cmp(&b.runs).then(a.kind.cmp(&b.kind)).then(a.from.cmp(&b.from)));
    events
}

/// Regions of pixels that `is_same` joins, by their first pixel.
fn regions(
    map: &Map,
    is_in: impl Fn(usize) -> bool,
    is_same: impl Fn(usize, usize) -> bool,
) -> Vec<Option<usize>> {
    let (width, count) = (map.window.width, map.labels.len());
    let mut of = vec![None; count];
    for start in 0..count {
        if of[start].is_some() || !is_in(start) {
            continue;
        }
        let mut open = vec![start];
        of[start] = Some(start);
        while let Some(at) = open.pop() {
            let (col, row) = (at % width, at / width);
            let west = (col > 0).then(|| at - 1);
            let east = (col + 1 < width).then(|| at + 1);
            let north = (row > 0).then(|| at - width);
            let south = (at + width < count).then(|| at + width);
            for next in [west, east, north, south].into_iter().flatten() {
                if of[next].is_none() && is_in(next) && is_same(at, next) {
                    of[next] = Some(start);
                    open.push(next);
                }
            }
        }
    }
    of
}

/// One group or area of the plain computation.
#[derive(Default, Debug, Clone)]
struct Plain {
    before: BTreeSet<usize>,
    after: BTreeSet<usize>,
    own: BTreeSet<usize>,
    others: BTreeSet<usize>,
}

/// The events of a pair: kind, objects, own pixels.
type Facts = (EventKind, Vec<(u8, usize)>, Vec<(u8, usize)>, BTreeSet<usize>, bool);

fn plain(before: &Map, after: &Map) -> Vec<Facts> {
    let (b, a) = (&before.labels, &after.labels);
    let object = |labels: &[u8], at: usize| labels[at] != GROUND && labels[at] != LABEL_NODATA;
    let of_b = regions(before, |at| object(b, at), |x, y| b[x] == b[y]);
    let of_a = regions(after, |at| object(a, at), |x, y| a[x] == a[y]);
    let seen = |at: usize| b[at] != LABEL_NODATA && a[at] != LABEL_NODATA;
    let is_changed = |at: usize| b[at] != a[at] && seen(at);
    let areas = regions(before, is_changed, |x, y| (b[x], a[x]) == (b[y], a[y]));
    let pixels = 0..b.len();
    let (mut size_b, mut size_a, mut overlaps) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for at in pixels.clone() {
        if let Some(n) = of_b[at] {
            *size_b.entry(n).or_insert(0usize) += usize::from(seen(at));
        }
        if let Some(n) = of_a[at] {
            *size_a.entry(n).or_insert(0usize) += usize::from(seen(at));
        }
        if let (Some(x), Some(y)) = (of_b[at], of_a[at])
            && b[at] == a[at]
        {
            *overlaps.entry((x, y)).or_insert(0usize) += 1;
        }
    }
    // Groups, by uniting until nothing changes.
    let mut groups: Vec<Plain> =
        size_b.keys().map(|n| Plain { before: [*n].into(), ..Plain::default() }).collect();
    groups.extend(size_a.keys().map(|n| Plain { after: [*n].into(), ..Plain::default() }));
    let counts = |x: usize, y: usize, n: usize| n as f64 > 0.1 * size_b[&x].min(size_a[&y]) as f64;
    let mut linked: Vec<(usize, usize)> =
        overlaps.iter().filter(|((x, y), n)| counts(*x, *y, **n)).map(|(pair, _)| *pair).collect();
    for (is_after, sizes) in [(false, &size_b), (true, &size_a)] {
        for (n, size) in sizes {
            let of = |pair: &(usize, usize)| if is_after { pair.1 == *n } else { pair.0 == *n };
            let mine: Vec<_> = overlaps.iter().filter(|(pair, _)| of(pair)).collect();
            let all: usize = mine.iter().map(|(_, n)| **n).sum();
            let any = mine.iter().any(|((x, y), n)| counts(*x, *y, **n));
            if !any && 2 * all > *size {
                let other = |pair: &(usize, usize)| if is_after { pair.0 } else { pair.1 };
                let largest = mine.iter().max_by_key(|(pair, n)| (**n, std::cmp::Reverse(other(pair))));
                linked.extend(largest.map(|(pair, _)| **pair));
            }
        }
    }
    for (x, y) in linked {
        let i = groups.iter().position(|g| g.before.contains(&x)).unwrap();
        let j = groups.iter().position(|g| g.after.contains(&y)).unwrap();
        if i != j {
            let other = groups[j].clone();
            groups[i].before.extend(other.before);
            groups[i].after.extend(other.after);
            groups.remove(j);
        }
    }
    let total = |g: &Plain| -> usize {
        g.before.iter().map(|n| size_b[n]).sum::<usize>() + g.after.iter().map(|n| size_a[n]).sum::<usize>()
    };
    let first = |g: &Plain| {
        let keys = g.before.iter().map(|n| (*n, b[*n])).chain(g.after.iter().map(|n| (*n, a[*n])));
        keys.min().unwrap()
    };
    let mut facts = Vec::new();
    let mut members = BTreeMap::<usize, BTreeSet<usize>>::new();
    for at in pixels {
        if let Some(n) = areas[at] {
            members.entry(n).or_default().insert(at);
        }
    }
    let (mut gained, mut lost) = (vec![0usize; groups.len()], vec![0usize; groups.len()]);
    let mut exchanged = BTreeMap::<(usize, usize), usize>::new();
    for (n, area) in &members {
        let x = of_b[*n].map(|n| groups.iter().position(|g| g.before.contains(&n)).unwrap());
        let y = of_a[*n].map(|n| groups.iter().position(|g| g.after.contains(&n)).unwrap());
        let rank = |i: usize| (total(&groups[i]), first(&groups[i]), groups[i].before.is_empty());
        let owner = match (x, y) {
            (None, None) => {
                facts.push((EventKind::Reclassified, vec![], vec![], area.clone(), true));
                continue;
            }
            (Some(x), Some(y)) => {
                *exchanged.entry((x, y)).or_default() += area.len();
                if rank(y) < rank(x) { y } else { x }
            }
            (x, y) => x.or(y).unwrap(),
        };
        // The kind of one object follows from what is counted in its event.
        lost[owner] += if x == Some(owner) { area.len() } else { 0 };
        gained[owner] += if y == Some(owner) { area.len() } else { 0 };
        for i in [x, y].into_iter().flatten() {
            if i == owner { &mut groups[i].own } else { &mut groups[i].others }.extend(area);
        }
    }
    let mut joined = BTreeSet::new();
    for (&(x, y), n) in &exchanged {
        let single = |g: &Plain| g.before.len() + g.after.len() == 1;
        if x != y
            && single(&groups[x])
            && single(&groups[y])
            && 2 * n > total(&groups[x])
            && 2 * n > total(&groups[y])
        {
            joined.extend([x, y]);
            let own = groups[x].own.union(&groups[y].own).copied().collect();
            let shown = |n: &usize, labels: &[u8]| (labels[*n], *n);
            let from = groups[x].before.iter().map(|n| shown(n, b)).collect();
            let to = groups[y].after.iter().map(|n| shown(n, a)).collect();
            facts.push((EventKind::Reclassified, from, to, own, true));
        }
    }
    for (i, group) in groups.iter().enumerate().filter(|(i, _)| !joined.contains(i)) {
        let kind = match (group.before.len(), group.after.len()) {
            (0, 1) => EventKind::Appeared,
            (1, 0) => EventKind::Disappeared,
            (1, 1) if gained[i] >= 2 * lost[i] => EventKind::Grown,
            (1, 1) if lost[i] >= 2 * gained[i] => EventKind::Shrunk,
            (1, 1) => EventKind::Moved,
            (1, _) => EventKind::Split,
            (_, 1) => EventKind::Merged,
            _ => EventKind::Reorganized,
        };
        let is_one = group.before.len() == 1 && group.after.len() == 1;
        let pixels = if group.own.is_empty() && !is_one { &group.others } else { &group.own };
        if pixels.is_empty() {
            continue;
        }
        let from = group.before.iter().map(|n| (b[*n], *n)).collect();
        let to = group.after.iter().map(|n| (a[*n], *n)).collect();
        facts.push((kind, from, to, pixels.clone(), !group.own.is_empty()));
    }
    facts.sort();
    facts
}

fn facts(map: &Map, events: &[Event]) -> Vec<Facts> {
    let at = |row: i64, col: i64| {
        usize::try_from(row - map.window.row).unwrap() * map.window.width
            + usize::try_from(col - map.window.col).unwrap()
    };
    let shown = |objects: &[EventObject]| {
        let mut all: Vec<_> = objects.iter().map(|o| (o.key.class_id, at(o.key.row, o.key.col))).collect();
        all.sort_by_key(|(_, n)| *n);
        all
    };
    let mut found: Vec<Facts> = events
        .iter()
        .map(|event| {
            let pixels = event.runs.iter().flat_map(|run| (run.start..run.end).map(|col| at(run.row, col)));
            (event.kind, shown(&event.before), shown(&event.after), pixels.collect(), !event.flows.is_empty())
        })
        .collect();
    found.sort();
    found
}

/// Two maps that are mostly equal.
fn pairs_of_maps() -> impl Strategy<Value = (Map, Map)> {
    let class = prop_oneof![3 => 0u8..4, 1 => Just(LABEL_NODATA)];
    let patch = ([0usize..20, 0usize..20, 1usize..9, 1usize..9], 0u8..4);
    (
        prop::collection::vec(patch.clone(), 0..14),
        prop::collection::vec((patch, any::<bool>()), 0..8),
        prop::collection::vec((0usize..400, class), 0..12),
    )
        .prop_map(|(common, changes, noise)| {
            let mut before = Map::new(Window::new(-7, 505, 20, 20), 0);
            let place = |[col, row, width, height]: [usize; 4]| {
                [col, row, (col + width).min(20), (row + height).min(20)]
            };
            for (at, class) in &common {
                before.fill(place(*at), *class);
            }
            let mut after = before.clone();
            for ((at, class), is_before) in changes {
                if is_before { &mut before } else { &mut after }.fill(place(at), class);
            }
            for (at, class) in &noise {
                after.labels[*at] = *class;
            }
            (before, after)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn events_are_those_of_a_plain_computation((before, after) in pairs_of_maps()) {
        prop_assert_eq!(facts(&before, &events(&before, &after, &rules())), plain(&before, &after));
    }

    #[test]
    fn every_changed_pixel_is_counted_once((before, after) in pairs_of_maps(), cut in prop_oneof![Just(u64::MAX), 0u64..40]) {
        let mut counted = vec![0; before.labels.len()];
        let mut flows = BTreeMap::<(u8, u8), u64>::new();
        for outcome in outcomes_cut(&before, &after, &rules(), cut) {
            let Outcome::Event(event) = outcome else { continue };
            event.flows.iter().for_each(|flow| *flows.entry((flow.from, flow.to)).or_default() += flow.pixels);
            if event.flows.is_empty() {
                continue;
            }
            for run in &event.runs {
                let row = usize::try_from(run.row - 505).unwrap() * 20;
                (run.start..run.end).for_each(|col| counted[row + usize::try_from(col + 7).unwrap()] += 1);
            }
        }
        let mut expected = BTreeMap::<(u8, u8), u64>::new();
        for (at, (b, a)) in before.labels.iter().zip(&after.labels).enumerate() {
            let is_changed = b != a && *b != LABEL_NODATA && *a != LABEL_NODATA;
            prop_assert_eq!(counted[at], usize::from(is_changed), "pixel {}", at);
            if is_changed {
                *expected.entry((*b, *a)).or_default() += 1;
            }
        }
        prop_assert_eq!(flows, expected);
    }

    #[test]
    fn swapped_dates_mirror_the_events((before, after) in pairs_of_maps()) {
        let mirrored = |event: &Event| {
            (event.kind.mirrored(), event.to, event.from, event.runs.clone(), event.lost_m2.to_bits(), event.gained_m2.to_bits())
        };
        let there: BTreeSet<_> = events(&before, &after, &rules()).iter().map(|e| (e.kind, e.from, e.to, e.runs.clone(), e.gained_m2.to_bits(), e.lost_m2.to_bits())).collect();
        let back: BTreeSet<_> = events(&after, &before, &rules()).iter().map(mirrored).collect();
        prop_assert_eq!(there, back);
    }

    /// What the sieve drops does not depend on the extent around it, and only whole areas are dropped.
    #[test]
    fn a_sieve_keeps_whole_areas((before, after) in pairs_of_maps(), width_px in 0.0f64..4.0, min_area_m2 in 0.0f64..20.0) {
        let rules = Rules { width_px, min_area_m2, ..rules() };
        let sieved = sieved(&before, &after, &rules);
        let (b, a) = (&before.labels, &after.labels);
        let is_changed = |at: usize| b[at] != a[at] && b[at] != LABEL_NODATA && a[at] != LABEL_NODATA;
        // The window crosses row 512, but no area is higher than 512 rows.
        let areas = regions(&before, is_changed, |x, y| (b[x], a[x]) == (b[y], a[y]));
        let mut members = BTreeMap::<usize, Vec<usize>>::new();
        for (at, area) in areas.iter().enumerate() {
            if let Some(area) = area {
                members.entry(*area).or_default().push(at);
            } else {
                prop_assert_eq!(sieved.labels[at], a[at]);
            }
        }
        for pixels in members.values() {
            let is_in = |at: usize| pixels.contains(&at);
            let fits = |side: usize| pixels.iter().any(|at| {
                (0..side).all(|row| at % 20 + side <= 20 && (0..side).all(|col| is_in(at + row * 20 + col)))
            });
            let side = (1..=20).filter(|side| fits(*side)).max().unwrap();
            let is_kept = side as f64 > width_px && pixels.len() as f64 >= min_area_m2;
            for at in pixels {
                prop_assert_eq!(sieved.labels[*at], if is_kept { a[*at] } else { b[*at] });
            }
        }
    }
}

fn sieved(before: &Map, after: &Map, rules: &Rules) -> Map {
    let mut sieve = Sieve::new(before.window, rules.clone()).unwrap();
    let mut result = Map::new(before.window, 0);
    result.labels.clear();
    let mut take = |row: SievedRow<'_>| {
        result.labels.extend_from_slice(row.after);
        Ok::<_, EventError>(())
    };
    for row in 0..before.window.height {
        sieve.push_row(before.row(row), after.row(row), Evidence::default(), 1.0, &mut take).unwrap();
    }
    sieve.finish(&mut take).unwrap();
    result
}

#[test]
fn tall_areas_are_cut_and_do_not_wait() {
    // A change 3 pixels wide and 3,000 rows high, a sliver along it, and a wide part that ends just below a cut.
    let window = Window::new(0, 100, 12, 3000);
    let (before, mut after) = (Map::new(window, 1), Map::new(window, 1));
    after.fill([2, 0, 5, 3000], 2);
    after.fill([8, 0, 9, 3000], 3);
    let rules = Rules { width_px: 1.5, ..rules() };
    let mut sieve = Sieve::new(window, rules.clone()).unwrap();
    let mut most = 0;
    let mut take = |row: SievedRow<'_>| {
        assert_eq!(row.after, [1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
        Ok::<_, EventError>(())
    };
    for row in 0..3000 {
        sieve.push_row(before.row(row), after.row(row), Evidence::default(), 1.0, &mut take).unwrap();
        most = most.max(sieve.waiting());
    }
    let counts = sieve.finish(&mut take).unwrap();
    assert!(most <= 1025, "{most} rows waited");
    assert_eq!(counts.kept.pixels, 9000);
    assert_eq!(counts.dropped[0].1.pixels, 3000);
    // Objects without end are cut, too.
    let sieved = sieved(&before, &after, &rules);
    let found = outcomes_cut(&before, &sieved, &rules, 500);
    let heights: Vec<usize> = found
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Event(event) if event.to == 2 => Some(event.runs.len()),
            _ => None,
        })
        .collect();
    assert!(heights.len() > 2 && heights.iter().sum::<usize>() == 3000, "{heights:?}");
}

#[test]
fn images_have_a_vote() {
    let window = Window::new(0, 0, 20, 10);
    let (before, mut after) = (Map::new(window, 0), Map::new(window, 0));
    after.fill([1, 1, 6, 6], 1);
    after.fill([8, 1, 13, 6], 1);
    after.fill([15, 1, 19, 6], 1);
    let rules = Rules { image: Some(ImageVote { score: 125, share: 0.5 }), ..rules() };
    let mut sieve = Sieve::new(window, rules.clone()).unwrap();
    let mut objects = Objects::new(window, rules).unwrap();
    let mut found = Vec::new();
    // The images differ in the first, agree in the second, and do not exist at the third.
    let image: Vec<u8> = (0..20)
        .map(|col| {
            if col < 7 {
                200
            } else if col < 14 {
                20
            } else {
                255
            }
        })
        .collect();
    let mut push = |row: SievedRow<'_>| -> Result<(), EventError> {
        objects.push_row(row.before, row.after, row.evidence, row.pixel_area_m2, &mut |o| found.push(o))
    };
    for row in 0..10 {
        sieve
            .push_row(
                before.row(row),
                after.row(row),
                Evidence { image: Some(&image), ..Evidence::default() },
                0.25,
                &mut push,
            )
            .unwrap();
    }
    let counts = sieve.finish(&mut push).unwrap();
    objects.finish(&mut |o| found.push(o));
    assert_eq!((counts.kept.areas, counts.kept.area_m2), (2, 11.25));
    assert_eq!(counts.dropped[2], (Doubt::ImagesAgree, SieveCount { areas: 1, pixels: 25, area_m2: 6.25 }));
    let scores: Vec<Option<f64>> = found
        .iter()
        .map(|outcome| match outcome {
            Outcome::Event(event) => event.image_score,
            Outcome::Same(..) => panic!("nothing stayed"),
        })
        .collect();
    assert_eq!(scores, [Some(0.8), None]);
}

#[test]
fn areas_of_low_confidence_are_left_out_and_swapped_dates_mirror_them() {
    let window = Window::new(0, 0, 20, 10);
    let (first, mut second) = (Map::new(window, 0), Map::new(window, 0));
    second.fill([1, 1, 6, 6], 1);
    second.fill([8, 1, 13, 6], 1);
    second.fill([15, 1, 19, 6], 1);
    // Both maps are confident of the first area, the second map is not of the second one, and the third has no confidence.
    let values = |parts: [u8; 3]| -> Vec<u8> {
        (0..20usize).map(|col| if col < 7 { parts[0] } else { parts[usize::from(col >= 14) + 1] }).collect()
    };
    let confidences = [values([150, 250, 255]), values([200, 100, 255])];
    let compared = |swap: bool, min_confidence: Option<f64>| {
        let rules = Rules { min_confidence, ..rules() };
        let mut sieve = Sieve::new(window, rules.clone()).unwrap();
        let mut objects = Objects::new(window, rules).unwrap();
        let mut found = Vec::new();
        let mut push = |row: SievedRow<'_>| -> Result<(), EventError> {
            objects.push_row(row.before, row.after, row.evidence, row.pixel_area_m2, &mut |o| found.push(o))
        };
        let [before, after] = if swap { [&second, &first] } else { [&first, &second] };
        let mut confidence = confidences.each_ref().map(|values| Some(&values[..]));
        if swap {
            confidence.reverse();
        }
        for row in 0..10 {
            let evidence = Evidence { confidence, ..Evidence::default() };
            sieve.push_row(before.row(row), after.row(row), evidence, 0.25, &mut push).unwrap();
        }
        let counts = sieve.finish(&mut push).unwrap();
        objects.finish(&mut |o| found.push(o));
        let means = found.into_iter().map(|outcome| match outcome {
            Outcome::Event(event) => event.confidence,
            Outcome::Same(..) => panic!("nothing stayed"),
        });
        (counts, means.collect::<Vec<_>>())
    };
    let all = [[Some(0.6), Some(0.8)], [Some(1.0), Some(0.4)], [None, None]];
    for swap in [false, true] {
        let expected = |means: &[[Option<f64>; 2]]| -> Vec<[Option<f64>; 2]> {
            means.iter().map(|[a, b]| if swap { [*b, *a] } else { [*a, *b] }).collect()
        };
        let (counts, means) = compared(swap, None);
        assert_eq!((counts.kept.areas, means), (3, expected(&all)));
        // Half a step of the scale above what the second map has.
        let (counts, means) = compared(swap, Some(0.402));
        assert_eq!((counts.kept.areas, means), (2, expected(&[all[0], all[2]])));
        let unsure = SieveCount { areas: 1, pixels: 25, area_m2: 6.25 };
        assert_eq!(counts.dropped[3], (Doubt::LowConfidence, unsure));
        assert_eq!(compared(swap, Some(0.4)).0.kept.areas, 3, "at the threshold");
    }
}

/// A pair of made-up maps: what is before and after in cells of 40 x 40 pixels, and the kinds of their events.
fn made_up(seed: u64) -> (Map, Map, BTreeMap<[usize; 2], EventKind>) {
    let mut random = arpent_base::SplitMix64::new(seed);
    let window = Window::new(1000, -900, 240, 200);
    let (mut before, mut after) = (Map::new(window, 0), Map::new(window, 0));
    // Land cover below the objects of which none is made.
    let mut known = BTreeMap::new();
    for cell_row in 0..5 {
        for cell_col in 0..6 {
            let (x, y) = (cell_col * 40, cell_row * 40);
            let mut pick = |n: usize| random.below(n);
            let class = 1 + u8::try_from(pick(4)).unwrap();
            let (dx, dy) = (2 + pick(6), 2 + pick(6));
            let at = |left: usize, top: usize, right: usize, bottom: usize| {
                [x + dx + left, y + dy + top, x + dx + right, y + dy + bottom]
            };
            let whole = at(0, 0, 16, 14);
            let halves = [at(0, 0, 6, 14), at(10, 0, 16, 14)];
            let kind = match pick(10) {
                0 => {
                    after.fill(whole, class);
                    EventKind::Appeared
                }
                1 => {
                    before.fill(whole, class);
                    EventKind::Disappeared
                }
                2 => {
                    before.fill(whole, class);
                    after.fill(at(0, 0, 24, 14), class);
                    EventKind::Grown
                }
                3 => {
                    before.fill(at(0, 0, 24, 14), class);
                    after.fill(whole, class);
                    EventKind::Shrunk
                }
                4 => {
                    before.fill(whole, class);
                    after.fill(at(6, 4, 22, 18), class);
                    EventKind::Moved
                }
                5 => {
                    before.fill(whole, class);
                    for half in &halves {
                        after.fill(*half, class);
                    }
                    EventKind::Split
                }
                6 => {
                    for half in &halves {
                        before.fill(*half, class);
                    }
                    after.fill(whole, class);
                    EventKind::Merged
                }
                7 => {
                    for half in &halves {
                        before.fill(*half, class);
                    }
                    after.fill(at(0, 0, 16, 5), class);
                    after.fill(at(0, 9, 16, 14), class);
                    EventKind::Reorganized
                }
                8 => {
                    before.fill(whole, class);
                    after.fill(whole, 1 + class % 4);
                    EventKind::Reclassified
                }
                _ => {
                    before.fill(whole, class);
                    after.fill(whole, class);
                    continue;
                }
            };
            known.insert([cell_col, cell_row], kind);
        }
    }
    (before, after, known)
}

fn cells(events: &[Event]) -> BTreeMap<[usize; 2], EventKind> {
    let cell = |event: &Event| {
        let run = event.runs[0];
        [usize::try_from((run.start - 1000) / 40).unwrap(), usize::try_from((run.row + 900) / 40).unwrap()]
    };
    let found: BTreeMap<_, _> = events.iter().map(|event| (cell(event), event.kind)).collect();
    assert_eq!(found.len(), events.len(), "two events in one cell");
    found
}

#[test]
fn events_of_500_made_up_pairs_are_found_exactly() {
    for seed in 0..500 {
        let (before, after, known) = made_up(seed);
        assert_eq!(cells(&events(&before, &after, &rules())), known, "pair {seed}");
    }
}

#[test]
fn a_displaced_object_is_one() {
    let window = Window::new(50, 500, 300, 120);
    let (mut before, mut after) = (Map::new(window, 0), Map::new(window, 0));
    // A roof that leans by 14 pixels; two that might be one of three; one that is too far; one of another shape.
    before.fill([10, 10, 20, 22], 1);
    after.fill([24, 10, 34, 22], 1);
    before.fill([60, 60, 70, 70], 2);
    after.fill([75, 60, 85, 70], 2);
    after.fill([60, 72, 70, 82], 2);
    before.fill([150, 20, 160, 30], 1);
    after.fill([180, 20, 190, 30], 1);
    before.fill([230, 80, 240, 90], 1);
    after.fill([245, 80, 250, 100], 1);
    let found = |step: usize| {
        let mut objects = Objects::new(window, rules()).unwrap();
        let mut displaced = Displaced::new(16.0);
        let mut found = Vec::new();
        let mut keep = |outcome| match outcome {
            Outcome::Event(event) => found.push(event),
            Outcome::Same(..) => panic!("nothing stayed"),
        };
        for row in 0..window.height {
            objects
                .push_row(before.row(row), after.row(row), Evidence::default(), 1.0, &mut |o| {
                    displaced.push(o, &mut keep);
                })
                .unwrap();
            if row % step == 0 {
                displaced.advance(objects.first_open_row(), &mut keep);
            }
        }
        objects.finish(&mut |o| displaced.push(o, &mut keep));
        displaced.finish(&mut keep);
        found.sort_by(|a, b| a.runs.cmp(&b.runs));
        found
    };
    let events = found(1);
    let kinds: Vec<_> = events.iter().map(|e| (e.kind, e.runs[0].start - 50)).collect();
    let expected = [
        (Moved, 10),
        (Disappeared, 150),
        (Appeared, 180),
        (Moved, 60),
        (Appeared, 75),
        (Disappeared, 230),
        (Appeared, 245),
    ];
    assert_eq!(kinds, expected);
    assert_eq!((events[0].gained_m2, events[0].lost_m2, events[0].pixels()), (120.0, 120.0, 240));
    assert_eq!(events, found(7));
    assert_eq!(events, found(1000));
}

#[test]
fn ids_stay_with_the_largest_part() {
    let window = Window::new(0, 0, 30, 12);
    let (mut before, mut after) = (Map::new(window, 0), Map::new(window, 0));
    before.fill([1, 1, 11, 6], 1);
    after.fill([1, 1, 4, 6], 1);
    after.fill([6, 1, 11, 6], 1);
    before.fill([15, 1, 20, 6], 1);
    after.fill([15, 1, 20, 9], 1);
    after.fill([24, 1, 28, 5], 1);
    let mut ids: Vec<(EventKind, ObjectIds)> = outcomes_cut(&before, &after, &rules(), u64::MAX)
        .iter()
        .map(|outcome| {
            let Outcome::Event(event) = outcome else { panic!("all have events") };
            let mut known = |key: &ObjectKey| format!("old {}", key.col);
            (event.kind, identify(outcome, &mut known, &mut |key| format!("new {}", key.col)))
        })
        .collect();
    ids.sort_by_key(|(kind, _)| *kind);
    let texts = |ids: &[String]| ids.join(", ");
    let shown: Vec<_> =
        ids.iter().map(|(kind, ids)| (*kind, texts(&ids.before), texts(&ids.after))).collect();
    let text = |text: &str| text.to_owned();
    assert_eq!(shown[0], (EventKind::Appeared, text(""), text("new 24")));
    assert_eq!(shown[1], (EventKind::Grown, text("old 15"), text("old 15")));
    assert_eq!(shown[2], (EventKind::Split, text("old 1"), text("new 1, old 1")));
    let lineage = &ids[2].1.lineage;
    let shares: Vec<_> = lineage.iter().map(|l| (l.overlap_m2, l.share_from, l.share_to)).collect();
    assert_eq!(shares, [(15.0, 0.3, 1.0), (25.0, 0.5, 1.0)]);
    let key = ObjectKey { row: 4, col: 7, class_id: 1 };
    let id = object_id("EPSG:2154", &key, "2021-01-01");
    assert_eq!(id.len(), 32);
    assert_ne!(id, object_id("EPSG:2154", &key, "2024-01-01"));
}
