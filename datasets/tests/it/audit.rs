//! The audit, on sets with one planted fault each.

use arpent_datasets::{
    AnnotatedBox, AuditReport, Card, Dataset, DatasetError, Example, FindingKind, IGNORE, Split, SplitItem,
    Truth, audit,
};
use arpent_raster::{Chip, Raster, Window};
use proptest::prelude::*;

use crate::fixtures::image_mask;

/// A set held in memory.
#[derive(Debug)]
struct Memory {
    card: Card,
    items: Vec<SplitItem>,
    examples: Vec<Example>,
}

impl Dataset for Memory {
    fn card(&self) -> &Card {
        &self.card
    }

    fn items(&self) -> &[SplitItem] {
        &self.items
    }

    fn read(&self, index: usize) -> Result<Example, DatasetError> {
        Ok(self.examples[index].clone())
    }
}

const SIDE: usize = 64;

/// Noise that is the same each time.
fn noise(seed: usize, at: usize) -> f32 {
    let mixed = (seed * 7919 + at + 1).wrapping_mul(2_654_435_761) % 65_536;
    f32::from(u16::try_from(mixed).unwrap()) / 65_536.0
}

/// A bright square of 24 pixels at a place, with noise around it.
fn picture(seed: usize, corner: (usize, usize)) -> Chip {
    let window = Window::new(0, 0, SIDE, SIDE);
    let value = |at: usize| {
        let bright = in_square(at % SIDE, at / SIDE, corner);
        20.0 * noise(seed, at) + if bright { 150.0 } else { 30.0 }
    };
    let data = (0..SIDE * SIDE).map(value).collect();
    Chip { window, bands: 1, data, valid: vec![true; SIDE * SIDE] }
}

fn in_square(x: usize, y: usize, (col, row): (usize, usize)) -> bool {
    (col..col + 24).contains(&x) && (row..row + 24).contains(&y)
}

fn labels(corner: (usize, usize)) -> Truth {
    let value = |at: usize| u8::from(in_square(at % SIDE, at / SIDE, corner));
    let data = (0..SIDE * SIDE).map(value).collect();
    Truth::Labels(Raster::new(Window::new(0, 0, SIDE, SIDE), data).unwrap())
}

/// Items of four groups; the last two groups are for validation.
fn memory(examples: Vec<Example>) -> Memory {
    let text = "name = \"m\"\ntitle = \"M\"\nlicence = \"CC0-1.0\"\nsource = \"made\"\nweights_may_ship = true\nbands = [\"pan\"]
splits = \"none\"\nclasses = [{ id = 0, name = \"ground\" }, { id = 1, name = \"tree\" }]";
    let items = (0..examples.len()).map(|i| SplitItem {
        item: format!("{i}"),
        group: format!("g{}", 4 * i / examples.len()),
        split: if i < examples.len() / 2 { Split::Train } else { Split::Validation },
    });
    Memory { card: toml::from_str(text).unwrap(), items: items.collect(), examples }
}

fn examples(count: usize, moved: (usize, usize)) -> Vec<Example> {
    let example = |i: usize| {
        let (col, row) = (12 + 3 * (i % 4), 12 + 4 * (i / 4));
        let truth = labels((col + moved.0 - 8, row + moved.1 - 8));
        Example { chips: vec![picture(i, (col, row))], truth }
    };
    (0..count).map(example).collect()
}

fn of(set: &Memory) -> AuditReport {
    audit(set).unwrap()
}

#[test]
fn nothing_is_found_in_a_good_set() {
    let report = of(&memory(examples(8, (8, 8))));
    assert_eq!(report.findings(), []);
    assert_eq!((report.items[&Split::Train], report.items[&Split::Validation]), (4, 4));
    assert_eq!((report.classes[1].count, report.classes[1].items[&Split::Train]), (8 * 24 * 24, 4));
    let shift = report.shift.clone().unwrap();
    assert_eq!((shift.columns, shift.rows, shift.is_suspicious()), (0, 0, false));
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<AuditReport>(&json).unwrap(), report);
}

#[test]
fn equal_pictures_in_two_splits_are_found() {
    let mut all = examples(8, (8, 8));
    all[6] = all[1].clone();
    // In one split, a picture may be there twice.
    all[2] = all[3].clone();
    let report = of(&memory(all));
    assert_eq!(report.duplicates.len(), 1);
    let found = &report.duplicates[0];
    assert_eq!((found.item.as_str(), found.like.as_str(), found.distance), ("6", "1", None));
    let [found] = &report.findings()[..] else { panic!("one finding: {:?}", report.findings()) };
    assert_eq!(
        (found.kind, found.message.as_str()),
        (FindingKind::Duplicate, "6 (validation) equals 1 (train)")
    );
}

#[test]
fn nearly_equal_pictures_are_found() {
    let mut all = examples(8, (8, 8));
    // The same place with other noise, as after compressing it again.
    all[5] = Example { chips: vec![picture(99, (12, 12))], truth: all[0].truth.clone() };
    let first = all[0].chips[0].data.clone();
    all[5].chips[0].data.iter_mut().zip(first).for_each(|(a, b)| *a = b + (*a - b) / 50.0);
    let report = of(&memory(all));
    assert_eq!(report.duplicates.len(), 1, "{:?}", report.duplicates);
    assert_eq!((report.duplicates[0].item.as_str(), report.duplicates[0].like.as_str()), ("5", "0"));
    assert!(report.duplicates[0].distance.is_some_and(|bits| bits <= 3));
}

#[test]
fn flat_pictures_of_other_brightness_are_no_duplicates() {
    let mut all = examples(8, (8, 8));
    for (index, value) in [(0, 10.0), (7, 90.0)] {
        all[index].chips[0].data.fill(value);
    }
    assert!(of(&memory(all)).duplicates.is_empty());
}

#[test]
fn classes_that_a_split_or_a_group_lacks_are_found() {
    let mut all = examples(8, (8, 8));
    for example in &mut all[4..] {
        example.truth = labels((SIDE, SIDE));
    }
    let report = of(&memory(all));
    assert_eq!(report.classes[1].missing_in_splits, [Split::Validation]);
    assert_eq!(report.classes[1].missing_in_groups, ["g2", "g3"]);
    assert!(report.findings().iter().any(|f| {
        f.kind == FindingKind::MissingInSplit && f.message.contains("`tree` does not occur in validation")
    }));
}

#[test]
fn classes_outside_the_card_and_unreadable_items_are_reported() {
    let mut all = examples(8, (8, 8));
    all[3].truth =
        Truth::Boxes(vec![AnnotatedBox { class_id: 9, bbox: [0.0, 0.0, 1.0, 1.0], oriented: None }; 2]);
    let report = of(&memory(all));
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].problem, "class 9 occurs 2 times and is not in the card");
    let fixture = image_mask();
    fixture.mask("masks/b.png", (6, 4), |_, _| 9);
    let set = fixture.open("layout = \"image-mask\"").unwrap();
    let report = audit(set.as_ref()).unwrap();
    assert_eq!(report.faults[0].item, "b");
    assert!(report.faults[0].problem.contains("masks/b.png"));
    fixture.text("images/a.png", "none");
    assert!(matches!(audit(set.as_ref()), Err(DatasetError::Decode { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn shifted_labels_are_reported_with_the_correction(columns in 0usize..=14, rows in 0usize..=14) {
        let report = of(&memory(examples(4, (columns + 1, rows + 1))));
        let back = |moved: usize| 7 - i64::try_from(moved).unwrap();
        let shift = report.shift.unwrap();
        prop_assert_eq!((shift.columns, shift.rows), (back(columns), back(rows)));
        prop_assert_eq!(shift.is_suspicious(), (columns, rows) != (7, 7));
    }
}

#[test]
fn too_few_borders_give_no_shift() {
    let mut all = examples(4, (8, 8));
    for example in &mut all {
        let Truth::Labels(labels) = &mut example.truth else { continue };
        labels.data_mut().iter_mut().filter(|l| **l == 0).for_each(|l| *l = IGNORE);
    }
    assert_eq!(of(&memory(all)).shift, None);
}
