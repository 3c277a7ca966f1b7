//! Groups of linked objects, until all areas that they lost or gained are known.

use arpent_vector::square_meters;
use std::collections::BTreeMap;

use super::event::{
    Event, EventKind, EventObject, Link, ObjectKey, Outcome, Patch, PixelRun, flows, joined, most,
};
use super::measure::Measured;
use super::slab::Slab;

/// Who had or has a changed area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A class that makes no objects.
    Ground,
    /// An object that is open.
    Node(u32),
    /// A group of objects.
    Group(u64),
}

/// Common ground of two objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Overlap {
    pub(super) pixels: u64,
    pub(super) area_q64: u128,
}

impl Overlap {
    pub(super) fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.area_q64 += other.area_q64;
    }
}

/// A complete object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    pub(super) key: ObjectKey,
    pub(super) is_after: bool,
    /// Pixels and ground where both dates were observed.
    pub(super) pixels: u64,
    pub(super) area_q64: u128,
    /// First row, relative to the extent.
    pub(super) first_row: u32,
}

impl Object {
    fn shown(&self) -> EventObject {
        EventObject { key: self.key, area_m2: square_meters(self.area_q64) }
    }
}

/// Linked objects of both dates.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The numbers of its objects, for the caller.
    nodes: Vec<u32>,
    before: Vec<Object>,
    after: Vec<Object>,
    links: Vec<(ObjectKey, ObjectKey, Overlap)>,
    gained_q64: u128,
    lost_q64: u128,
    /// What it gained and lost by areas that are counted here.
    own_q64: [u128; 2],
    /// Areas that are counted here.
    own: Vec<Patch>,
    /// Areas that are counted in other groups, where this group has an event without areas of its own.
    others: Vec<Patch>,
    /// Ground that passed to or from other groups.
    exchanged: BTreeMap<u64, u128>,
    waiting: usize,
    is_complete: bool,
    is_ready: bool,
}

impl Group {
    /// The groups of the objects of a cluster, given their overlaps.
    pub(super) fn of(
        objects: &BTreeMap<u32, Object>,
        overlaps: &BTreeMap<(u32, u32), Overlap>,
        min_overlap: f64,
    ) -> Vec<Self> {
        let mut links = Slab::<()>::default();
        let numbers: BTreeMap<u32, u32> = objects.keys().map(|node| (*node, links.add(()))).collect();
        let mut link = |a: u32, b: u32| {
            let (a, b) = (links.find(numbers[&a]), links.find(numbers[&b]));
            if a != b {
                links.unite(a, b);
            }
        };
        let mut linked = BTreeMap::<u32, (bool, Overlap, Option<(Overlap, u32)>)>::new();
        for (&(from, to), overlap) in overlaps {
            let smaller = objects[&from].area_q64.min(objects[&to].area_q64);
            let counts = super::event::share(overlap.area_q64, smaller) > min_overlap;
            if counts {
                link(from, to);
            }
            for (node, other) in [(from, to), (to, from)] {
                let entry = linked.entry(node).or_default();
                entry.0 |= counts;
                entry.1.add(overlap);
                let key = |node: u32| std::cmp::Reverse(objects[&node].key);
                let is_larger = entry
                    .2
                    .is_none_or(|(most, of)| (overlap.area_q64, key(other)) > (most.area_q64, key(of)));
                if is_larger {
                    entry.2 = Some((*overlap, other));
                }
            }
        }
        // An object that lies mostly in several larger ones is linked with that of which it has most.
        for (node, (is_linked, all, largest)) in &linked {
            if let Some((_, other)) =
                largest.filter(|_| !is_linked && 2 * all.area_q64 > objects[node].area_q64)
            {
                link(*node, other);
            }
        }
        let mut groups = BTreeMap::<u32, Self>::new();
        for (node, object) in objects {
            let group = groups.entry(links.find(numbers[node])).or_default();
            group.nodes.push(*node);
            if object.is_after { &mut group.after } else { &mut group.before }.push(*object);
        }
        for (&(from, to), overlap) in overlaps {
            let root = links.find(numbers[&from]);
            if root == links.find(numbers[&to]) {
                let group = groups.entry(root).or_default();
                group.links.push((objects[&from].key, objects[&to].key, *overlap));
            }
        }
        for group in groups.values_mut() {
            group.before.sort_unstable_by_key(|object| object.key);
            group.after.sort_unstable_by_key(|object| object.key);
            group.links.sort_unstable_by_key(|(from, to, _)| (*from, *to));
        }
        groups.into_values().collect()
    }

    /// Whether nothing changed.
    fn is_unchanged(&self) -> bool {
        match (&*self.before, &*self.after, &*self.links) {
            ([before], [after], [(_, _, overlap)]) => {
                before.key == after.key && before.pixels == overlap.pixels && after.pixels == overlap.pixels
            }
            _ => false,
        }
    }

    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.before.iter().chain(&self.after)
    }

    /// Groups are compared by their ground at both dates, then by their first object.
    fn size(&self) -> (u128, Option<ObjectKey>, bool) {
        let total = self.objects().map(|object| object.area_q64).sum();
        (total, self.objects().map(|object| object.key).min(), self.before.is_empty())
    }

    /// Whether it is one object of one date.
    fn is_single(&self) -> bool {
        self.before.len() + self.after.len() == 1
    }

    fn ground(&self) -> u128 {
        self.objects().map(|object| object.area_q64).sum()
    }

    /// Whether it has an event even if all its areas are counted elsewhere.
    fn is_event_anyway(&self) -> bool {
        self.before.len() != 1
            || self.after.len() != 1
            || self.before[0].key.class_id != self.after[0].key.class_id
    }

    fn kind(&self) -> EventKind {
        let class = |objects: &[Object]| objects[0].key.class_id;
        match (self.before.len(), self.after.len()) {
            (0, _) => EventKind::Appeared,
            (_, 0) => EventKind::Disappeared,
            (1, 1) if class(&self.before) != class(&self.after) => EventKind::Reclassified,
            (1, 1) if self.own_q64[0] >= 2 * self.own_q64[1] => EventKind::Grown,
            (1, 1) if self.own_q64[1] >= 2 * self.own_q64[0] => EventKind::Shrunk,
            (1, 1) => EventKind::Moved,
            (1, _) => EventKind::Split,
            (_, 1) => EventKind::Merged,
            _ => EventKind::Reorganized,
        }
    }

    fn outcome(mut self) -> Option<Outcome> {
        if self.objects().all(|object| object.pixels == 0) {
            // Not observed at the other date.
            return None;
        }
        let patches = if self.own.is_empty() { std::mem::take(&mut self.others) } else { Vec::new() };
        if self.own.is_empty() && patches.is_empty() {
            return match (&*self.before, &*self.after) {
                ([before], [after]) => Some(Outcome::Same(before.shown(), after.shown())),
                _ => None,
            };
        }
        let kind = self.kind();
        let position = |objects: &[Object], key: ObjectKey| objects.iter().position(|o| o.key == key);
        let links = self.links.iter().filter_map(|(from, to, overlap)| {
            let (from, to) = (position(&self.before, *from)?, position(&self.after, *to)?);
            Some(Link { from, to, overlap_m2: square_meters(overlap.area_q64) })
        });
        let all = self.own.iter().chain(&patches);
        let [from, to] = classes(kind, &self.before, &self.after, &all);
        let mut measured = Measured::default();
        all.clone().for_each(|patch| measured.add(&patch.measured));
        let event = Event {
            kind,
            from,
            to,
            before: self.before.iter().map(Object::shown).collect(),
            after: self.after.iter().map(Object::shown).collect(),
            links: links.collect(),
            gained_m2: square_meters(self.gained_q64),
            lost_m2: square_meters(self.lost_q64),
            flows: flows(&self.own),
            width_px: measured.width_px,
            image_score: measured.image_score(),
            confidence: measured.confidence(),
            returned: measured.returned(),
            runs: joined(all.flat_map(|patch| patch.runs.iter().copied()).collect()),
        };
        Some(Outcome::Event(event))
    }
}

/// The classes before and after of an event.
fn classes<'a>(
    kind: EventKind,
    before: &[Object],
    after: &[Object],
    patches: &(impl Iterator<Item = &'a Patch> + Clone),
) -> [u8; 2] {
    let of = |objects: &[Object]| most(objects.iter().map(|o| (o.key.class_id, o.pixels.max(1))));
    let was = || most(patches.clone().map(|p| (p.from, p.measured.pixels)));
    let is = || most(patches.clone().map(|p| (p.to, p.measured.pixels)));
    let (from, to) = match kind {
        EventKind::Appeared => (was(), of(after)),
        EventKind::Disappeared => (of(before), is()),
        EventKind::Grown => {
            let own = of(after);
            let gained = patches.clone().filter(|p| Some(p.to) == own);
            (most(gained.map(|p| (p.from, p.measured.pixels))).or_else(was), own)
        }
        EventKind::Shrunk => {
            let own = of(before);
            let lost = patches.clone().filter(|p| Some(p.from) == own);
            (own, most(lost.map(|p| (p.to, p.measured.pixels))).or_else(is))
        }
        _ => (of(before), of(after)),
    };
    [from.unwrap_or_default(), to.unwrap_or_default()]
}

/// The event of a changed area of which no side makes objects.
pub(super) fn ground(from: u8, to: u8, measured: Measured, runs: Vec<PixelRun>) -> Event {
    let patch = Patch { from, to, measured, runs };
    Event {
        kind: EventKind::Reclassified,
        from,
        to,
        before: Vec::new(),
        after: Vec::new(),
        links: Vec::new(),
        gained_m2: 0.0,
        lost_m2: 0.0,
        width_px: measured.width_px,
        image_score: measured.image_score(),
        confidence: measured.confidence(),
        returned: measured.returned(),
        flows: flows(std::slice::from_ref(&patch)),
        runs: joined(patch.runs),
    }
}

/// Groups that wait for areas whose other side is open.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    /// By their numbers, which are never used again: groups refer to others that may be gone.
    groups: BTreeMap<u64, Group>,
    next: u64,
    ready: Vec<u64>,
}

impl Settlement {
    /// Adds groups; returns the number of the group of every object that may have changed areas.
    pub(super) fn add(&mut self, groups: Vec<Group>) -> BTreeMap<u32, u64> {
        let mut numbers = BTreeMap::new();
        for mut group in groups.into_iter().filter(|group| !group.is_unchanged()) {
            let nodes = std::mem::take(&mut group.nodes);
            let number = self.next;
            self.next += 1;
            self.groups.insert(number, group);
            numbers.extend(nodes.into_iter().map(|node| (node, number)));
        }
        numbers
    }

    pub(super) fn live(&self) -> usize {
        self.groups.len()
    }

    /// First row of a group that waits, relative to the extent.
    pub(super) fn first_row(&self) -> Option<u32> {
        let groups = self.groups.values();
        groups.flat_map(Group::objects).map(|object| object.first_row).min()
    }

    fn group(&mut self, number: u64) -> &mut Group {
        self.groups.get_mut(&number).expect("a group in use")
    }

    /// One more side of an area belongs to a group.
    pub(super) fn expect(&mut self, number: u64) {
        self.group(number).waiting += 1;
    }

    /// All areas of a group are expected.
    pub(super) fn complete(&mut self, number: u64) {
        let group = self.group(number);
        if !std::mem::replace(&mut group.is_complete, true) && group.waiting == 0 {
            self.ready.push(number);
        }
    }

    /// Counts an area, whose sides are all known, in one of the groups.
    pub(super) fn take(&mut self, sides: [Side; 2], patch: Patch) {
        let [lost, gained] = sides.map(|side| match side {
            Side::Group(number) => Some(number),
            _ => None,
        });
        let area = patch.measured.area_q64;
        if let (Some(a), Some(b)) = (lost, gained)
            && a != b
        {
            *self.group(a).exchanged.entry(b).or_default() += area;
            *self.group(b).exchanged.entry(a).or_default() += area;
        }
        let owner = match (lost, gained) {
            (Some(a), Some(b)) if self.group(b).size() < self.group(a).size() => Some(b),
            (Some(a), _) => Some(a),
            (None, other) => other,
        };
        for (number, is_gain) in [(lost, false), (gained, true)] {
            let Some(number) = number else { continue };
            let group = self.group(number);
            *if is_gain { &mut group.gained_q64 } else { &mut group.lost_q64 } += area;
            if Some(number) == owner {
                group.own_q64[usize::from(!is_gain)] += area;
            }
            group.waiting -= 1;
            if Some(number) != owner && group.is_event_anyway() {
                group.others.push(patch.clone());
            }
            if group.waiting == 0 && group.is_complete {
                self.ready.push(number);
            }
        }
        if let Some(owner) = owner {
            self.group(owner).own.push(patch);
        }
    }

    /// Emits the groups that are settled.
    pub(super) fn emit(&mut self, sink: &mut impl FnMut(Outcome)) {
        for number in std::mem::take(&mut self.ready) {
            self.group(number).is_ready = true;
            let outcome = match self.partner(number) {
                None => self.remove(number).outcome(),
                Some(partner) if self.group(partner).is_ready => {
                    let (one, other) = (self.remove(number), self.remove(partner));
                    Some(Outcome::Event(reclassified(one, other)))
                }
                // Emitted with the partner.
                Some(_) => None,
            };
            outcome.into_iter().for_each(&mut *sink);
        }
    }

    fn remove(&mut self, number: u64) -> Group {
        self.groups.remove(&number).expect("a group in use")
    }

    /// The group of the object of the other date that replaced one that disappeared, or that one that appeared
    /// replaced: each has at least half of its ground in common with the other, so there is at most one but for ties.
    fn partner(&mut self, number: u64) -> Option<u64> {
        let group = self.group(number);
        if !group.is_single() {
            return None;
        }
        let (is_before, ground) = (group.after.is_empty(), group.ground());
        let most = group.exchanged.iter().filter(|(_, common)| 2 * **common > ground);
        let candidates: Vec<(u64, u128)> = most.map(|(other, common)| (*other, *common)).collect();
        candidates.into_iter().find_map(|(other, common)| {
            let group = self.groups.get(&other)?;
            let fits = group.is_single() && group.after.is_empty() != is_before;
            (fits && 2 * common > group.ground()).then_some(other)
        })
    }
}

/// The event of an object that was replaced by one of another class in the same place.
fn reclassified(one: Group, other: Group) -> Event {
    let (lost, gained) = if one.after.is_empty() { (one, other) } else { (other, one) };
    let (before, after) = (lost.before[0], gained.after[0]);
    // What is counted in either.
    let own: Vec<Patch> = lost.own.into_iter().chain(gained.own).collect();
    let common =
        own.iter().filter(|patch| patch.from == before.key.class_id && patch.to == after.key.class_id);
    let common: u128 = common.map(|patch| patch.measured.area_q64).sum();
    let mut measured = Measured::default();
    for patch in &own {
        measured.add(&patch.measured);
    }
    Event {
        kind: EventKind::Reclassified,
        from: before.key.class_id,
        to: after.key.class_id,
        before: vec![before.shown()],
        after: vec![after.shown()],
        links: vec![Link { from: 0, to: 0, overlap_m2: square_meters(common) }],
        gained_m2: square_meters(gained.gained_q64.saturating_sub(common)),
        lost_m2: square_meters(lost.lost_q64.saturating_sub(common)),
        flows: flows(&own),
        width_px: measured.width_px,
        image_score: measured.image_score(),
        confidence: measured.confidence(),
        returned: measured.returned(),
        runs: joined(own.into_iter().flat_map(|patch| patch.runs).collect()),
    }
}
