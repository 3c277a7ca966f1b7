//! Audit of a data set: pictures on both sides of a split, labels that the card does not list, classes
//! missing in a split or a group, labels displaced from their objects.

mod print;
mod shift;

use std::collections::{BTreeMap, BTreeSet};

use arpent_raster::Raster;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Asked, Dataset, DatasetError, Example, IGNORE, Remark, Split, SplitItem, Truth};
use print::{Lookup, Print};
use shift::Fit;

/// Items read at a time; of each only a few numbers are kept.
const BATCH: usize = 64;

/// From this gain on, labels that fit better elsewhere are reported. Below it, one object that casts a shadow is
/// enough.
const SHIFT_GAIN: f64 = 0.05;

/// Minimum number of label border pixels for reporting a shift.
const SHIFT_BORDERS: usize = 200;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Name of the data set.
    pub dataset: String,
    /// Number of items by split.
    pub items: BTreeMap<Split, usize>,
    /// Items that cannot be used.
    pub faults: Vec<Fault>,
    /// Items of validation and test whose picture occurs in another split, too: each with its most similar item.
    pub duplicates: Vec<Duplicate>,
    /// The classes of the card.
    pub classes: Vec<ClassAudit>,
    /// How the labels lie on the pictures (on the later ones of two); `None` where label borders are too few.
    pub shift: Option<LabelShift>,
    /// Deviations from the file formats that were tolerated.
    #[serde(default)]
    pub remarks: Vec<Remark>,
    /// Values in the set's options without a match in the data.
    #[serde(default)]
    pub unmatched: Vec<Asked>,
}

/// A kind of finding; `--allow` accepts findings by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// An item cannot be used.
    Fault,
    /// One picture is in two splits.
    Duplicate,
    /// A split has no item with a class.
    MissingInSplit,
    /// A group has no item with a class.
    MissingInGroup,
    /// Labels are displaced from their objects.
    Shift,
    /// The files are not those of the card's fingerprint.
    Changed,
}

/// A finding to review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// A sentence.
    pub message: String,
}

/// An item that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The item.
    pub item: String,
    /// What is wrong with it.
    pub problem: String,
}

/// One picture in two splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The item.
    pub item: String,
    /// Its split.
    pub split: Split,
    /// The item that it is like.
    pub like: String,
    /// That one's split.
    pub like_split: Split,
    /// Bits of 64 in which their perceptual hashes differ, 0 to 3; `None` when all pixels are equal.
    pub distance: Option<u32>,
}

/// Where a class of the card occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassAudit {
    /// Id in the card.
    pub id: u8,
    /// Name in the card.
    pub name: String,
    /// Pixels, boxes or pictures of the class.
    pub count: u64,
    /// Items in which it occurs, by split.
    pub items: BTreeMap<Split, usize>,
    /// Splits that have items, but none with it.
    pub missing_in_splits: Vec<Split>,
    /// Groups of two or more items, but none with it.
    pub missing_in_groups: Vec<String>,
}

/// How labels lie on pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelShift {
    /// Columns by which the labels fit best when moved eastward, -8 to 8.
    pub columns: i64,
    /// Rows by which they fit best when moved southward, -8 to 8.
    pub rows: i64,
    /// By what share the picture changes more under the borders of the labels there than where they are.
    pub gain: f64,
    /// Examined borders between labels, pixels.
    pub borders: usize,
}

impl LabelShift {
    /// Whether the labels are probably displaced from their objects.
    pub fn is_suspicious(&self) -> bool {
        (self.columns, self.rows) != (0, 0) && self.gain >= SHIFT_GAIN && self.borders >= SHIFT_BORDERS
    }
}

impl AuditReport {
    /// Findings to review; empty when there are none.
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |kind| move |message| Finding { kind, message };
        let faults = self.faults.iter().map(|f| format!("item {}: {}", f.item, f.problem));
        let mut found: Vec<Finding> = faults.map(finding(FindingKind::Fault)).collect();
        for d in &self.duplicates {
            let how = d
                .distance
                .map_or("equals".into(), |bits| format!("nearly equals ({bits} of 64 bits differ)"));
            found.push(finding(FindingKind::Duplicate)(format!(
                "{} ({}) {how} {} ({})",
                d.item,
                d.split.name(),
                d.like,
                d.like_split.name()
            )));
        }
        for class in &self.classes {
            let (id, name) = (class.id, &class.name);
            let splits = class.missing_in_splits.iter().map(|s| s.name());
            let missing = splits.map(|split| format!("class {id} `{name}` does not occur in {split}"));
            found.extend(missing.map(finding(FindingKind::MissingInSplit)));
            if !class.missing_in_groups.is_empty() {
                let groups = class.missing_in_groups.join(", ");
                let message = format!("class {id} `{name}` does not occur in the groups {groups}");
                found.push(finding(FindingKind::MissingInGroup)(message));
            }
        }
        if let Some(shift) = self.shift.as_ref().filter(|s| s.is_suspicious()) {
            found.push(finding(FindingKind::Shift)(format!(
                "labels fit the pictures better by {:.0} % when moved by {} columns and {} rows",
                100.0 * shift.gain,
                shift.columns,
                shift.rows
            )));
        }
        found
    }
}

/// What is kept of an item.
struct Facts {
    print: Print,
    counts: BTreeMap<u8, u64>,
    fit: Fit,
}

/// Reads and audits all items. The report lists items that cannot be read.
///
/// # Errors
/// The first [`DatasetError`] when no item can be read at all.
pub fn audit(dataset: &dyn Dataset) -> Result<AuditReport, DatasetError> {
    let items = dataset.items();
    let known: BTreeSet<u8> = dataset.card().classes.iter().map(|c| c.id).collect();
    let mut tally = Tally::default();
    let order: Vec<usize> = by_split(items);
    for batch in order.chunks(BATCH) {
        let read: Vec<_> = batch.par_iter().map(|i| dataset.read(*i).map(|e| Facts::of(&e))).collect();
        for (index, facts) in batch.iter().zip(read) {
            tally.take(items, *index, facts, &known);
        }
    }
    match tally.error {
        Some(error) if tally.counts.is_empty() => Err(error),
        _ => Ok(tally.report(dataset)),
    }
}

/// Positions of items, those for training first.
fn by_split(items: &[SplitItem]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|i| items[*i].split);
    order
}

impl Facts {
    fn of(example: &Example) -> Self {
        let (mut counts, mut fit) = (BTreeMap::new(), Fit::default());
        match &example.truth {
            Truth::Labels(labels) | Truth::Objects { labels, .. } => {
                counts = pixels(labels);
                if let Some(chip) = example.chips.last() {
                    fit = Fit::of(chip, labels);
                }
            }
            Truth::Boxes(boxes) => boxes.iter().for_each(|b| *counts.entry(b.class_id).or_default() += 1),
            Truth::Classes(classes) => classes.iter().for_each(|c| *counts.entry(*c).or_default() += 1),
        }
        Self { print: Print::new(&example.chips), counts, fit }
    }
}

fn pixels(labels: &Raster<u8>) -> BTreeMap<u8, u64> {
    let mut counts = [0u64; 256];
    labels.data().iter().filter(|l| **l != IGNORE).for_each(|l| counts[usize::from(*l)] += 1);
    (0u8..=255).zip(counts).filter(|(_, count)| *count > 0).collect()
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    lookups: BTreeMap<Split, Lookup>,
    duplicates: Vec<Duplicate>,
    faults: Vec<Fault>,
    /// For each item that was read, how often each class occurs.
    counts: BTreeMap<usize, BTreeMap<u8, u64>>,
    fit: Fit,
    error: Option<DatasetError>,
}

impl Tally {
    fn take(
        &mut self,
        items: &[SplitItem],
        index: usize,
        facts: Result<Facts, DatasetError>,
        known: &BTreeSet<u8>,
    ) {
        let item = &items[index];
        match facts {
            Err(error) => {
                self.faults.push(Fault { item: item.item.clone(), problem: error.to_string() });
                self.error.get_or_insert(error);
            }
            Ok(facts) => {
                for (id, count) in facts.counts.iter().filter(|(id, _)| !known.contains(id)) {
                    let problem = format!("class {id} occurs {count} times and is not in the card");
                    self.faults.push(Fault { item: item.item.clone(), problem });
                }
                self.fit.merge(&facts.fit);
                self.compare(items, index, &facts.print);
                self.lookups.entry(item.split).or_default().insert(index, facts.print);
                self.counts.insert(index, facts.counts);
            }
        }
    }

    fn compare(&mut self, items: &[SplitItem], index: usize, print: &Print) {
        let item = &items[index];
        let others = self.lookups.iter().filter(|(split, _)| **split != item.split);
        let found = others.filter_map(|(_, lookup)| lookup.find(print));
        let Some((like, distance)) = found.min_by_key(|(_, distance)| *distance) else { return };
        self.duplicates.push(Duplicate {
            item: item.item.clone(),
            split: item.split,
            like: items[like].item.clone(),
            like_split: items[like].split,
            distance,
        });
    }

    fn report(self, dataset: &dyn Dataset) -> AuditReport {
        let (card, items) = (dataset.card(), dataset.items());
        let mut splits = BTreeMap::new();
        for item in items {
            *splits.entry(item.split).or_default() += 1;
        }
        let classes = card.classes.iter().map(|c| self.class(c.id, &c.name, items)).collect();
        let borders = self.fit.borders();
        let shift = (borders >= SHIFT_BORDERS).then(|| {
            let ([columns, rows], gain) = self.fit.best();
            LabelShift { columns, rows, gain, borders }
        });
        let (faults, duplicates) = (self.faults, self.duplicates);
        let remarks = dataset.remarks();
        let unmatched = dataset.asked().into_iter().filter(|asked| !asked.is_found).collect();
        AuditReport {
            dataset: card.name.clone(),
            items: splits,
            faults,
            duplicates,
            classes,
            shift,
            remarks,
            unmatched,
        }
    }

    fn class(&self, id: u8, name: &str, items: &[SplitItem]) -> ClassAudit {
        let mut splits: BTreeMap<Split, usize> = BTreeMap::new();
        let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let mut count = 0;
        for (index, counts) in &self.counts {
            let item = &items[*index];
            let here = counts.get(&id).copied().unwrap_or(0);
            count += here;
            let occurs = usize::from(here > 0);
            *splits.entry(item.split).or_default() += occurs;
            let group = groups.entry(&item.group).or_default();
            *group = (group.0 + 1, group.1 + occurs);
        }
        let without = groups.iter().filter(|(_, (all, with))| *all > 1 && *with == 0);
        ClassAudit {
            id,
            name: name.to_owned(),
            count,
            missing_in_splits: splits.iter().filter(|(_, n)| **n == 0).map(|(split, _)| *split).collect(),
            missing_in_groups: without.map(|(group, _)| (*group).to_owned()).collect(),
            items: splits,
        }
    }
}
