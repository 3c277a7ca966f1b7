//! Tables and rules of splits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_datasets::{DatasetError, Group, SetConfig, Split, SplitItem, SplitRule};
use proptest::prelude::*;

use crate::fixtures::{Fixture, image_mask};

fn rule(validation: f64, seed: u64) -> SplitRule {
    SplitRule { validation, test: 0.0, seed, by: Group::Layout }
}

fn assign(rule: &SplitRule, items: &[(&str, &str)]) -> Result<Vec<(String, Split)>, DatasetError> {
    let items = items.iter().map(|(item, group)| ((*item).to_owned(), (*group).to_owned()));
    let assigned = rule.assign(Path::new("set"), "tiny", items)?;
    Ok(assigned.into_iter().map(|i| (i.group, i.split)).collect())
}

#[test]
fn a_rule_splits_groups_whole_and_by_the_share() {
    let rule = SplitRule { test: 0.1, ..rule(0.2, 7) };
    let groups: Vec<Split> = (0..5000).map(|i| rule.split_of(&format!("group {i}"))).collect();
    let share = |split| groups.iter().filter(|s| **s == split).count();
    assert!((900..1100).contains(&share(Split::Validation)), "{}", share(Split::Validation));
    assert!((430..570).contains(&share(Split::Test)), "{}", share(Split::Test));
    let items: Vec<(String, String)> = (0..300).map(|i| (format!("{i}"), format!("g{}", i % 30))).collect();
    for item in rule.assign(Path::new("set"), "tiny", items).unwrap() {
        assert_eq!(item.split, rule.split_of(&item.group));
    }
}

#[test]
fn a_rule_is_the_same_everywhere() {
    // First 64 bits of SHA-256 of "1\nD004" over 2^64, computed with sha256sum: a change would move published splits.
    let at = 0.799_648;
    assert_eq!(rule(at - 1e-3, 1).split_of("D004"), Split::Train);
    assert_eq!(rule(at + 1e-3, 1).split_of("D004"), Split::Validation);
}

proptest! {
    #[test]
    fn a_rule_does_not_care_for_order_or_company(seed in 0u64..1000, cut in 4usize..40, validation in 0.3f64..0.6) {
        let rule = rule(validation, seed);
        let items: Vec<(String, String)> = (0..80).map(|i| (format!("{i:02}"), format!("g{}", i % 40))).collect();
        let place = Path::new("set");
        let all = rule.assign(place, "tiny", items.clone()).unwrap();
        let splits: BTreeMap<String, Split> = all.iter().map(|i| (i.group.clone(), i.split)).collect();
        prop_assert!(all.iter().all(|i| splits[&i.group] == i.split));
        let fewer = items.into_iter().rev().take(cut);
        for item in rule.assign(place, "tiny", fewer).into_iter().flatten() {
            prop_assert_eq!(item.split, splits[&item.group]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A table is taken with each group in one split, whatever the order of its rows; any other is refused.
    #[test]
    fn a_table_has_no_group_in_two_splits(rows in prop::collection::vec((0usize..4, 0u8..6), 1..9), turn in 0usize..9) {
        let names = ["train", "val", "test", "unlabelled"];
        let fixture = Fixture::rgb(&[(0, "ground")]);
        let rows: Vec<(&str, String, String)> =
            rows.iter().enumerate().map(|(i, (split, group))| (names[*split], format!("item{i}"), format!("g{group}"))).collect();
        let read = |rows: &[(&str, String, String)]| {
            let rows: Vec<(&str, &str, &str)> = rows.iter().map(|(s, i, g)| (*s, i.as_str(), g.as_str())).collect();
            fixture.table(&rows);
            arpent_datasets::read_table(&fixture.root.path().join("splits.csv"), "tiny")
        };
        let of = |name: &str| rows.iter().filter(|r| r.0 == name).map(|r| r.2.clone()).collect::<BTreeSet<_>>();
        let [train, val, test] = [of("train"), of("val"), of("test")];
        let leaks = !train.is_disjoint(&val) || !train.is_disjoint(&test) || !val.is_disjoint(&test);
        let found = read(&rows);
        match &found {
            Ok(items) => {
                prop_assert!(!leaks);
                prop_assert_eq!(items.len(), rows.iter().filter(|r| r.0 != "unlabelled").count());
            }
            Err(DatasetError::Leak { .. }) => prop_assert!(leaks),
            Err(other) => prop_assert!(false, "{other}"),
        }
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len());
        let sorted = |mut items: Vec<SplitItem>| {
            items.sort_by(|a, b| a.item.cmp(&b.item));
            items
        };
        prop_assert_eq!(found.ok().map(sorted), read(&turned).ok().map(sorted));
    }
}

#[test]
fn groups_come_from_folders_and_patterns() {
    let items = [("h1/photo_1_0", "?"), ("h1/photo_1_9", "?"), ("k1/photo_2_0", "?")];
    let by = |by: Group| {
        let rule = SplitRule { by, validation: 0.5, test: 0.0, seed: 0 };
        let assigned = (0..100).find_map(|seed| assign(&SplitRule { seed, ..rule.clone() }, &items).ok());
        assigned.unwrap().into_iter().map(|(group, _)| group).collect::<Vec<_>>()
    };
    assert_eq!(by(Group::Folder), ["h1", "h1", "k1"]);
    assert_eq!(by(Group::Pattern("photo_([0-9]+)".into())), ["1", "1", "2"]);
    assert_eq!(by(Group::Pattern("photo_[0-9]+".into())), ["photo_1", "photo_1", "photo_2"]);
    assert_eq!(by(Group::Item)[0], "h1/photo_1_0");
    let rule = |text: &str| SplitRule { by: Group::Pattern(text.into()), ..rule(0.5, 1) };
    assert!(matches!(assign(&rule("x(y"), &items), Err(DatasetError::BadConfig { .. })));
    assert!(matches!(assign(&rule("z"), &items), Err(DatasetError::BadItem { .. })));
}

#[test]
fn a_rule_that_leaves_a_split_empty_is_refused() {
    let error = assign(&rule(0.5, 1), &[("a", "g"), ("b", "g")]).unwrap_err();
    assert!(matches!(&error, DatasetError::Empty { .. }), "{error}");
    assert!(error.hint().unwrap().contains("seed"));
    for shares in [(1.0, 0.0), (-0.1, 0.0), (0.6, 0.4), (f64::NAN, 0.0)] {
        let bad = SplitRule { test: shares.1, ..rule(shares.0, 1) };
        assert!(matches!(assign(&bad, &[("a", "g")]), Err(DatasetError::BadConfig { .. })), "{shares:?}");
    }
}

#[test]
fn a_table_may_name_all_three_splits() {
    let fixture = image_mask();
    fixture.picture("images/c.png", (6, 4), 0);
    fixture.mask("masks/c.png", (6, 4), |_, _| 0);
    fixture.table(&[
        ("train", "a", "A"),
        ("validation", "b", "B"),
        ("test", "c", "C"),
        ("unlabelled", "d", ""),
    ]);
    let set = fixture.open("layout = \"image-mask\"").unwrap();
    assert_eq!(set.items().iter().map(|i| i.split).collect::<Vec<_>>(), Split::ALL);
}

#[test]
fn sets_without_a_split_are_refused() {
    let fixture = image_mask();
    fixture.table(&[("train", "a", ""), ("train", "b", "")]);
    let error = fixture.open("layout = \"image-mask\"").unwrap_err();
    assert!(matches!(&error, DatasetError::Empty { split: "validation", .. }), "{error}");
    assert_eq!(fixture.open("partial = true\nlayout = \"image-mask\"").unwrap().items().len(), 2);
    let part = fixture.open("part = \"test\"\nlayout = \"image-mask\"").unwrap();
    assert!(part.items().iter().all(|i| i.split == Split::Test));
    fixture.table(&[("unlabelled", "a", "")]);
    let error = fixture.open("partial = true\nlayout = \"image-mask\"").unwrap_err();
    assert!(error.to_string().contains("no item"), "{error}");
}

#[test]
fn exactly_one_way_to_split_is_wanted() {
    let fixture = image_mask();
    for options in
        ["part = \"train\"\nsplits = \"splits.csv\"\n", "split = { validation = 0.2 }\npart = \"test\"\n"]
    {
        let error = fixture.open(&format!("{options}layout = \"image-mask\"")).unwrap_err();
        assert!(matches!(&error, DatasetError::BadConfig { .. }), "{error}");
    }
    let fixture = Fixture::rgb(&[(0, "ground")]);
    fixture.picture("images/a.png", (1, 1), 0);
    fixture.mask("masks/a.png", (1, 1), |_, _| 0);
    let error = fixture.open("layout = \"image-mask\"").unwrap_err();
    assert!(error.to_string().contains("`splits` (a table)"), "{error}");
}

#[test]
fn unknown_keys_are_refused() {
    let parse = |text: &str| toml::from_str::<SetConfig>(&format!("path = \"x\"\ncard = \"c.toml\"\n{text}"));
    assert!(parse("layout = \"image-mask\"\nmasks = [{ folder = \"m\" }]").is_ok());
    let bad = [
        "layout = \"image-mask\"\nmaks = []",
        "layout = \"image-mask\"\nmasks = [{ folder = \"m\", clas = 1 }]",
        "layout = \"image-mask\"\nfirst = { folder = \"A\" }",
        "layout = \"picture-mask\"",
        "layout = \"coco\"\nsplit = { validation = 0.1, sed = 1 }",
        "layout = \"coco\"\nspilt = { validation = 0.1 }",
        "layout = \"coco\"\nsplit = { validation = 0.1, by = \"site\" }",
        "layout = \"raster-polygons\"\nraster = \"a\"\npolygons = \"b\"\ntile_px = 0",
        "layout = \"image-mask\"\nmasks = [{ folder = \"m\", values = { x = 1 } }]",
        "splits = \"splits.csv\"",
    ];
    for text in bad {
        assert!(parse(text).is_err(), "{text}");
    }
    let words = parse(bad[0]).unwrap_err().to_string();
    assert!(words.contains("unknown field `maks`") && words.contains("`masks`"), "{words}");
    let words = parse(bad[9]).unwrap_err().to_string();
    assert!(words.contains("`layout`"), "{words}");
}

#[test]
fn configurations_come_back_and_have_a_schema() {
    let text = "path = \"x\"\ncard = \"c.toml\"\nlayout = \"image-mask\"\n[split]\nvalidation = 0.2\nby = { pattern = \"a\" }
[[masks]]\nfolder = \"m\"\nvalues = { 255 = 1 }";
    let config: SetConfig = toml::from_str(text).unwrap();
    let again: SetConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(config, again);
    let schema = serde_json::to_string(&schemars::schema_for!(SetConfig)).unwrap();
    assert!(schema.contains("raster-polygons") && schema.contains("validation"));
}
