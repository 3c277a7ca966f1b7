//! Regions below visibility become part of a neighbor; areas of classes stay true.
//!
//! The smallest region joins the neighbor with which it has the longest border. Two small ones are a cluster, which takes
//! the class among its members' that the map owes most area, once it is visible. Before a class would lose more than one
//! visible region's worth of area to large neighbors, a small region stays, as a seed that [`crate::settle`] lets grow.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use arpent_base::number::{fitted, floor, truncate};

use crate::mesh::{Edge, Label, NONE, areas2, at, on_side};

/// What of a tile's regions matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes<'a> {
    /// Class of each label, by position in `truth`.
    pub(crate) classes: &'a [usize],
    /// Twice the true area of each class in the tile, square steps.
    pub(crate) truth: &'a [f64],
    /// Twice the least visible area, square steps.
    pub(crate) least2: i64,
    /// Steps of the tile's side.
    pub(crate) side: i32,
    /// Regions that touch the tile's side on a longer line stay, because the neighboring tile draws them too.
    pub(crate) contact: i64,
}

/// A region, or several that became one.
#[derive(Debug, Clone, Default)]
struct Cluster {
    area2: i64,
    contact: i64,
    /// Length of the border with each neighbor, 1/16 steps.
    borders: BTreeMap<Label, u64>,
    /// By class: twice the area, and the largest region with its area.
    members: BTreeMap<usize, (i64, i64, Label)>,
    /// The label that it is drawn as, once it is visible.
    settled: bool,
    gone: bool,
}

/// The label that each label is drawn as.
pub(crate) fn eliminate(edges: &[Edge], sizes: &Sizes<'_>) -> Vec<Label> {
    let mut work = Work::new(edges, sizes);
    let mut queue: BinaryHeap<_> = (1..work.clusters.len())
        .filter(|i| work.clusters[*i].area2 < sizes.least2)
        .map(|i| Reverse((work.clusters[i].area2, fitted::<Label>(i))))
        .collect();
    while let Some(Reverse((area2, label))) = queue.pop() {
        let cluster = &work.clusters[at(label)];
        if cluster.gone || cluster.settled || cluster.area2 != area2 {
            continue;
        }
        if let Some(grown) = work.step(label, sizes) {
            queue.push(Reverse((work.clusters[at(grown)].area2, grown)));
        }
    }
    work.drawn(sizes)
}

struct Work {
    clusters: Vec<Cluster>,
    /// What a cluster became a part of.
    parent: Vec<Label>,
    /// Twice the area that each class has lost.
    owed: Vec<f64>,
}

impl Work {
    fn new(edges: &[Edge], sizes: &Sizes<'_>) -> Self {
        let count = sizes.classes.len();
        let areas = areas2(edges, count);
        let mut clusters = vec![Cluster::default(); count];
        let mut owed = sizes.truth.to_vec();
        for (i, cluster) in clusters.iter_mut().enumerate().skip(1) {
            cluster.area2 = areas[i];
            cluster.members.insert(sizes.classes[i], (areas[i], areas[i], fitted(i)));
            owed[sizes.classes[i]] -= double(areas[i]);
        }
        for edge in edges {
            if on_side(edge.a, edge.b, sizes.side) {
                let steps = i64::from((edge.b.x - edge.a.x).abs() + (edge.b.y - edge.a.y).abs());
                clusters[at(edge.left)].contact += steps;
                clusters[at(edge.right)].contact += steps;
            }
            if edge.left != NONE && edge.right != NONE {
                let (dx, dy) = (f64::from(edge.b.x - edge.a.x), f64::from(edge.b.y - edge.a.y));
                let length: u64 = floor(16.0 * (dx * dx + dy * dy).sqrt());
                *clusters[at(edge.left)].borders.entry(edge.right).or_default() += length;
                *clusters[at(edge.right)].borders.entry(edge.left).or_default() += length;
            }
        }
        for (i, cluster) in clusters.iter_mut().enumerate() {
            cluster.settled = i == 0 || cluster.area2 >= sizes.least2 || cluster.contact > sizes.contact;
        }
        Self { clusters, parent: (0..fitted(count)).collect(), owed }
    }

    /// Handles the smallest cluster; returns what must be looked at again.
    fn step(&mut self, label: Label, sizes: &Sizes<'_>) -> Option<Label> {
        let cluster = &self.clusters[at(label)];
        let longest = cluster.borders.iter().max_by_key(|(other, length)| (**length, Reverse(**other)));
        let Some((&neighbor, _)) = longest else {
            // Nothing is beside it: it stays.
            self.settle(label);
            return None;
        };
        if !self.clusters[at(neighbor)].settled {
            self.unite(neighbor, label);
            let cluster = &self.clusters[at(neighbor)];
            if cluster.area2 >= sizes.least2 || cluster.contact > sizes.contact {
                self.settle(neighbor);
                return None;
            }
            return Some(neighbor);
        }
        let class = sizes.classes[at(self.identity(neighbor))];
        let (dearest, owed) = self.dearest(label);
        let limit = double(sizes.least2).min(sizes.truth[dearest] / 2.0);
        if class != dearest && owed > limit {
            // It will be drawn larger, at the cost of the class around it.
            let growth = (double(sizes.least2).min(owed) - double(self.clusters[at(label)].area2)).max(0.0);
            self.settle(label);
            self.owed[dearest] -= growth;
            self.owed[class] += growth;
            return None;
        }
        let members = &self.clusters[at(label)].members;
        for (member, (area2, ..)) in members {
            self.owed[*member] += double(*area2);
            self.owed[class] -= double(*area2);
        }
        self.unite(neighbor, label);
        None
    }

    /// The class of a cluster's members that is owed most, the cluster included, and how much.
    fn dearest(&self, label: Label) -> (usize, f64) {
        let members = self.clusters[at(label)].members.iter();
        let owed = members.map(|(class, (area2, ..))| (*class, self.owed[*class] + double(*area2)));
        owed.fold((0, f64::NEG_INFINITY), |best, one| if one.1 > best.1 { one } else { best })
    }

    /// A cluster becomes visible, as its dearest class.
    fn settle(&mut self, label: Label) {
        let (class, _) = self.dearest(label);
        let cluster = &mut self.clusters[at(label)];
        cluster.settled = true;
        for (member, (area2, ..)) in &cluster.members {
            self.owed[*member] += double(*area2);
            self.owed[class] -= double(*area2);
        }
        cluster.members.retain(|member, _| *member == class);
    }

    /// The label that a settled cluster is drawn as.
    fn identity(&self, label: Label) -> Label {
        self.clusters[at(label)].members.values().next().map_or(label, |member| member.2)
    }

    /// One cluster becomes part of another. A settled one keeps what it is.
    fn unite(&mut self, into: Label, label: Label) {
        let lost = std::mem::take(&mut self.clusters[at(label)]);
        self.clusters[at(label)].gone = true;
        self.parent[at(label)] = into;
        for (other, length) in lost.borders {
            self.clusters[at(other)].borders.remove(&label);
            if other != into {
                *self.clusters[at(into)].borders.entry(other).or_default() += length;
                *self.clusters[at(other)].borders.entry(into).or_default() += length;
            }
        }
        let target = &mut self.clusters[at(into)];
        target.area2 += lost.area2;
        target.contact += lost.contact;
        if target.settled {
            return;
        }
        for (class, (area2, largest, of)) in lost.members {
            let member = target.members.entry(class).or_insert((0, 0, of));
            member.0 += area2;
            if (largest, Reverse(of)) > (member.1, Reverse(member.2)) {
                (member.1, member.2) = (largest, of);
            }
        }
    }

    /// What each label is drawn as. Clusters that never became visible are their dearest class.
    fn drawn(mut self, sizes: &Sizes<'_>) -> Vec<Label> {
        for i in 1..self.clusters.len() {
            if !self.clusters[i].gone && !self.clusters[i].settled {
                self.settle(fitted(i));
            }
        }
        let labels = 0..fitted(sizes.classes.len());
        labels
            .map(|label: Label| {
                let mut root = label;
                while self.parent[at(root)] != root {
                    root = self.parent[at(root)];
                }
                if root == NONE { NONE } else { self.identity(root) }
            })
            .collect()
    }
}

/// An area as a double: at most 2^49 square steps in a tile.
fn double(area2: i64) -> f64 {
    debug_assert_eq!(truncate::<i64>(arpent_base::number::exact(area2)), area2);
    arpent_base::number::exact(area2)
}
