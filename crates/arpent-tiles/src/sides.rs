//! What is drawn along the sides of a tile: the same as the neighboring tile draws there.
//!
//! Tiles are generalized each for itself, but both tiles beside a line see the same regions along it. So what is decided of
//! the line alone, both decide alike: stretches of a class that are too short become part of a longer one beside them.
//! Without that, each of the two would give small regions to other classes, and the line would be seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::mesh::{Edge, Label, NONE, Pt, at, on_side};

/// What becomes of a region that touches a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays, also if it is small.
    Stays,
    /// It becomes part of another.
    Joins(Label),
}

/// A stretch of a side with regions of one class.
#[derive(Debug, Clone)]
struct Stretch {
    class: usize,
    length: i64,
    /// The regions, each with its length.
    labels: Vec<(Label, i64)>,
}

/// The fate of each region that touches a side of a tile. `classes`: class of each label; stretches that are not longer than
/// `shortest` become part of their neighbors.
pub(crate) fn fates(edges: &[Edge], classes: &[usize], side: i32, shortest: i64) -> BTreeMap<Label, Fate> {
    let mut fates = BTreeMap::new();
    let mut joined: Vec<(Label, Label)> = Vec::new();
    for stretches in along_sides(edges, classes, side) {
        for (whole, parts) in united(stretches, shortest) {
            for label in &whole {
                fates.insert(*label, Fate::Stays);
            }
            let Some(first) = whole.first() else { continue };
            joined.extend(parts.iter().map(|label| (*label, *first)));
        }
    }
    // A region that stays at one place stays.
    for (label, into) in joined {
        fates.entry(label).or_insert(Fate::Joins(into));
    }
    fates
}

/// The stretches of all sides, from one outside of the regions to the next, in the order of the side's axis: the same for the
/// tiles on both sides of a line.
fn along_sides(edges: &[Edge], classes: &[usize], side: i32) -> Vec<Vec<Stretch>> {
    // By side: where a part of it begins and ends, and the region inside.
    let mut parts: [Vec<(i32, i32, Label)>; 4] = Default::default();
    for edge in edges.iter().filter(|edge| on_side(edge.a, edge.b, side)) {
        let label = if edge.left == NONE { edge.right } else { edge.left };
        let along = |of: fn(Pt) -> i32| (of(edge.a).min(of(edge.b)), of(edge.a).max(of(edge.b)), label);
        let (which, part) = match (edge.a, edge.b) {
            (a, b) if a.x == b.x && a.x == 0 => (0, along(|p| p.y)),
            (a, b) if a.x == b.x => (1, along(|p| p.y)),
            (a, _) if a.y == 0 => (2, along(|p| p.x)),
            _ => (3, along(|p| p.x)),
        };
        parts[which].push(part);
    }
    let mut all = Vec::new();
    for mut parts in parts {
        parts.sort_unstable();
        let mut end = None;
        for (from, to, label) in parts {
            let (class, length) = (classes[at(label)], i64::from(to - from));
            if end != Some(from) {
                all.push(Vec::new());
            }
            end = Some(to);
            let Some(stretches) = all.last_mut() else { continue };
            match stretches.last_mut().filter(|last: &&mut Stretch| last.class == class) {
                Some(last) => last.add(label, length),
                None => stretches.push(Stretch { class, length, labels: vec![(label, length)] }),
            }
        }
    }
    all
}

impl Stretch {
    fn add(&mut self, label: Label, length: i64) {
        self.length += length;
        match self.labels.last_mut().filter(|last| last.0 == label) {
            Some(last) => last.1 += length,
            None => self.labels.push((label, length)),
        }
    }

    /// Its regions, that with the longest part first.
    fn regions(&self) -> Vec<Label> {
        let mut labels: Vec<_> = self.labels.iter().map(|(label, length)| (-length, *label)).collect();
        labels.sort_unstable();
        labels.into_iter().map(|(_, label)| label).collect()
    }
}

/// Stretches that are long enough: their regions, and those that become a part of them. The shortest goes first, to the longer
/// of its two neighbors; neighbors of one class become one stretch.
fn united(stretches: Vec<Stretch>, shortest: i64) -> Vec<(Vec<Label>, Vec<Label>)> {
    let count = stretches.len();
    let mut lengths: Vec<i64> = stretches.iter().map(|stretch| stretch.length).collect();
    let mut before: Vec<Option<usize>> = (0..count).map(|i| i.checked_sub(1)).collect();
    let mut after: Vec<Option<usize>> =
        (0..count).map(|i| Some(i + 1).filter(|next| *next < count)).collect();
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut queue: BTreeSet<(i64, usize)> = lengths.iter().copied().zip(0..).collect();
    let mut gone = vec![false; count];
    while let Some(&(length, i)) = queue.first() {
        if length > shortest {
            break;
        }
        queue.pop_first();
        let (west, east) = (before[i], after[i]);
        let longer = match (west, east) {
            (Some(w), Some(e)) => {
                if lengths[e] > lengths[w] {
                    e
                } else {
                    w
                }
            }
            (Some(one), None) | (None, Some(one)) => one,
            // All there is.
            (None, None) => break,
        };
        let mut take = |into: usize, from: usize| {
            queue.remove(&(lengths[into], into));
            queue.remove(&(lengths[from], from));
            lengths[into] += lengths[from];
            queue.insert((lengths[into], into));
            let taken = std::mem::take(&mut parts[from]);
            parts[into].extend(taken);
            parts[into].push(from);
            gone[from] = true;
            let (w, e) = (before[from], after[from]);
            if let Some(w) = w {
                after[w] = e;
            }
            if let Some(e) = e {
                before[e] = w;
            }
        };
        take(longer, i);
        if let (Some(w), Some(e)) = (west, east)
            && stretches[w].class == stretches[e].class
        {
            take(w, e);
        }
    }
    let regions = |i: &usize| stretches[*i].regions();
    let kept = (0..count).filter(|i| !gone[*i]);
    kept.map(|i| {
        let (own, others): (Vec<usize>, Vec<usize>) =
            parts[i].iter().copied().partition(|part| stretches[*part].class == stretches[i].class);
        let mut whole: Vec<Label> = regions(&i);
        whole.extend(own.iter().flat_map(regions));
        (whole, others.iter().flat_map(regions).collect())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(of: &[(usize, i64)]) -> Vec<Stretch> {
        let stretch = |(i, (class, length)): (usize, &(usize, i64))| {
            let label = Label::try_from(i + 1).unwrap();
            Stretch { class: *class, length: *length, labels: vec![(label, *length)] }
        };
        of.iter().enumerate().map(stretch).collect()
    }

    #[test]
    fn short_stretches_join_the_longer_neighbor_and_neighbors_of_one_class_are_one() {
        let found = united(stretches(&[(1, 40), (2, 9), (1, 30), (3, 20), (2, 17)]), 16);
        assert_eq!(found, [(vec![1, 3], vec![2]), (vec![4], vec![]), (vec![5], vec![])]);
        // Confetti: the shortest first, until all are long enough.
        let found = united(stretches(&[(1, 5), (2, 6), (3, 7), (2, 8), (1, 9)]), 16);
        assert_eq!(found.iter().map(|(whole, parts)| whole.len() + parts.len()).sum::<usize>(), 5);
        assert!(found.iter().all(|(whole, _)| !whole.is_empty()));
        // What is all there is stays, however short.
        assert_eq!(united(stretches(&[(1, 5)]), 16), [(vec![1], vec![])]);
        assert!(united(Vec::new(), 16).is_empty());
    }

    #[test]
    fn the_fate_of_classes_along_a_line_is_the_same_on_both_sides_of_it() {
        // Two tiles, whose regions have the same classes along the line between them, and other labels.
        let line = [(3, 1), (5, 2), (9, 1), (40, 3), (44, 2), (60, 1), (64, 2)];
        let edges = |x: i32, first: Label| -> (Vec<Edge>, Vec<usize>) {
            let (mut from, mut edges, mut classes) =
                (0, Vec::new(), vec![0; usize::try_from(first).unwrap()]);
            for (to, class) in line {
                let label = Label::try_from(classes.len()).unwrap();
                let (left, right) = if x == 0 { (label, NONE) } else { (NONE, label) };
                edges.push(Edge { a: Pt::new(x, from), b: Pt::new(x, to), left, right });
                classes.push(class);
                from = to;
            }
            (edges, classes)
        };
        let drawn = |x: i32, first: Label| -> Vec<usize> {
            let (edges, classes) = edges(x, first);
            let fates = fates(&edges, &classes, 64, 5);
            let class = |edge: &Edge| {
                let label = edge.left.max(edge.right);
                match fates[&label] {
                    Fate::Stays => classes[at(label)],
                    Fate::Joins(into) => classes[at(into)],
                }
            };
            edges.iter().map(class).collect()
        };
        assert_eq!(drawn(64, 1), drawn(0, 5));
        assert_eq!(drawn(0, 1), [1, 1, 1, 3, 3, 1, 1]);
    }
}
