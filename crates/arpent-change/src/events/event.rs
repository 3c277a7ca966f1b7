//! What changed: the record of an event.

use std::borrow::Cow;

use arpent_base::Title;
use arpent_base::number::exact;
use arpent_vector::square_meters;
use serde::{Deserialize, Serialize};

use super::measure::Measured;

/// What became of the objects of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// An object that was not there before.
    Appeared,
    /// An object that is not there any more.
    Disappeared,
    /// One object that gained at least twice as much as it lost, of what is counted in this event.
    Grown,
    /// One object that lost at least twice as much as it gained, of what is counted in this event.
    Shrunk,
    /// One object that gained and lost; or that is displaced without an overlap.
    Moved,
    /// One object that became several.
    Split,
    /// Several objects that became one.
    Merged,
    /// Several objects that became several others.
    Reorganized,
    /// An object of another class in the same place, or ground of another class.
    Reclassified,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Appeared,
        Self::Disappeared,
        Self::Grown,
        Self::Shrunk,
        Self::Moved,
        Self::Split,
        Self::Merged,
        Self::Reorganized,
        Self::Reclassified,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Disappeared => "disappeared",
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::Moved => "moved",
            Self::Split => "split",
            Self::Merged => "merged",
            Self::Reorganized => "reorganized",
            Self::Reclassified => "reclassified",
        }
    }

    /// Its name for readers.
    pub const fn title(self) -> Title {
        let french = match self {
            Self::Appeared => "apparu",
            Self::Disappeared => "disparu",
            Self::Grown => "agrandi",
            Self::Shrunk => "réduit",
            Self::Moved => "déplacé",
            Self::Split => "divisé",
            Self::Merged => "fusionné",
            Self::Reorganized => "réorganisé",
            Self::Reclassified => "changé de classe",
        };
        Title { en: Cow::Borrowed(self.name()), fr: Cow::Borrowed(french) }
    }

    /// The kind of the same event with the dates swapped.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Appeared => Self::Disappeared,
            Self::Disappeared => Self::Appeared,
            Self::Grown => Self::Shrunk,
            Self::Shrunk => Self::Grown,
            Self::Split => Self::Merged,
            Self::Merged => Self::Split,
            same @ (Self::Moved | Self::Reorganized | Self::Reclassified) => same,
        }
    }
}

/// What identifies an object on the map of one date: its class and its first pixel, from north to south and west to
/// east. No two objects of a map have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Row of its first pixel, counted from the origin of the CRS.
    pub row: i64,
    /// Column of its first pixel, counted from the origin of the CRS.
    pub col: i64,
    /// Its class.
    pub class_id: u8,
}

/// An object of one date: a 4-connected region of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventObject {
    /// What identifies it.
    pub key: ObjectKey,
    /// Its ground area where both dates were observed, square meters.
    pub area_m2: f64,
}

/// The common ground of two objects of one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Index in `before`.
    pub from: usize,
    /// Index in `after`.
    pub to: usize,
    /// Common ground, square meters.
    pub overlap_m2: f64,
}

/// Adjacent pixels of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PixelRun {
    /// Row, counted from the origin of the CRS.
    pub row: i64,
    /// First column.
    pub start: i64,
    /// One past the last column.
    pub end: i64,
}

/// What became what, in an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Class before.
    pub from: u8,
    /// Class after.
    pub to: u8,
    /// Pixels.
    pub pixels: u64,
    /// Ground area, square meters.
    pub area_m2: f64,
}

/// A change of objects, or of ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What became of the objects.
    pub kind: EventKind,
    /// Class before: of the objects, or of most of the ground that an appeared or grown object took.
    pub from: u8,
    /// Class after: of the objects, or of most of the ground that a disappeared or shrunk object left.
    pub to: u8,
    /// Objects before, by their keys.
    pub before: Vec<EventObject>,
    /// Objects after, by their keys.
    pub after: Vec<EventObject>,
    /// Their common ground.
    pub links: Vec<Link>,
    /// Ground that the objects gained, square meters: also where it is counted in another event.
    pub gained_m2: f64,
    /// Ground that the objects lost, square meters: also where it is counted in another event.
    pub lost_m2: f64,
    /// The changed pixels that are counted in this event and in no other, by classes. A pixel that one object lost
    /// to another is counted in the event of the smaller one. Empty for an event whose pixels are all counted in
    /// others.
    pub flows: Vec<Flow>,
    /// Side of the largest square in one area of its changed pixels, pixels.
    pub width_px: u32,
    /// Mean image score of its changed pixels, 0 to 1; `None` without images.
    pub image_score: Option<f64>,
    /// Mean confidence of the maps of both dates at its changed pixels, 0 to 1; `None` where a map has none.
    pub confidence: [Option<f64>; 2],
    /// Share of its changed pixels that had their later class before the earlier date, 0 to 1; `None` if that is not
    /// known.
    pub returned: Option<f64>,
    /// Its changed pixels, from north to south and west to east; those counted in other events, if it has no others.
    pub runs: Vec<PixelRun>,
}

impl Event {
    /// Ground area of the changed pixels that are counted in this event, square meters.
    pub fn area_m2(&self) -> f64 {
        self.flows.iter().map(|flow| flow.area_m2).sum()
    }

    /// Number of the changed pixels that are counted in this event.
    pub fn pixels(&self) -> u64 {
        self.flows.iter().map(|flow| flow.pixels).sum()
    }
}

/// What became of a group of objects.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// An event.
    Event(Event),
    /// One object whose changes are all counted in other events, or that has none but another first pixel.
    Same(EventObject, EventObject),
}

/// A changed area with its classes.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) measured: Measured,
    pub(super) runs: Vec<PixelRun>,
}

/// The sums of patches by classes, in the order of the classes.
pub(super) fn flows(patches: &[Patch]) -> Vec<Flow> {
    let mut sums = std::collections::BTreeMap::<(u8, u8), Measured>::new();
    for patch in patches {
        sums.entry((patch.from, patch.to)).or_default().add(&patch.measured);
    }
    let flow = |((from, to), sum): ((u8, u8), Measured)| Flow {
        from,
        to,
        pixels: sum.pixels,
        area_m2: square_meters(sum.area_q64),
    };
    sums.into_iter().map(flow).collect()
}

/// The class with most pixels, the lowest of equal ones.
pub(super) fn most(classes: impl Iterator<Item = (u8, u64)>) -> Option<u8> {
    let mut sums = std::collections::BTreeMap::<u8, u64>::new();
    classes.for_each(|(class, pixels)| *sums.entry(class).or_default() += pixels);
    sums.into_iter()
        .max_by_key(|(class, pixels)| (*pixels, std::cmp::Reverse(*class)))
        .map(|(class, _)| class)
}

/// Runs in their order, adjacent ones joined.
pub(super) fn joined(mut runs: Vec<PixelRun>) -> Vec<PixelRun> {
    runs.sort_unstable();
    runs.dedup_by(|next, run| {
        let adjacent = next.row == run.row && next.start <= run.end;
        if adjacent {
            run.end = run.end.max(next.end);
        }
        adjacent
    });
    runs
}

/// Share of a whole, 0 without one.
pub(super) fn share(part_q64: u128, whole_q64: u128) -> f64 {
    let whole = square_meters(whole_q64);
    if whole > 0.0 { square_meters(part_q64) / whole } else { exact(0u64) }
}
