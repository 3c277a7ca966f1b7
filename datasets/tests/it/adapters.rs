//! The adapters, on fixtures in the data sets' exact layout and on the real data where they are at hand.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_datasets::{
    DEAD, DatasetError, GROUND, Health, IGNORE, LIVE, Split, neon_crowns, neon_osbs_029, neon_sjer,
    read_splits,
};
use tempfile::TempDir;

const HEADER: &str = "task,dataset,split,item,group\n";

fn fixture(rows: &[(&str, &str, &str)]) -> TempDir {
    let root = TempDir::new().unwrap();
    let mut table = HEADER.to_owned();
    for (split, item, group) in rows {
        writeln!(table, "tree_health,neon_dead_alive_crops,{split},{item},{group}").unwrap();
        let path = root.path().join("tree_health/neon_dead_alive_crops").join(format!("{item}.jpg"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(30, 20, image::Rgb([90, 120, 60])).save(path).unwrap();
    }
    table += "landcover,other,holdout,x,y\n";
    fs::write(root.path().join("splits.csv"), table).unwrap();
    root
}

#[test]
fn crowns_come_with_their_site_and_health() {
    let root = fixture(&[("train", "alive/a_1", "A"), ("train", "dead/a_2", "A"), ("val", "dead/b_1", "B")]);
    let crowns = neon_crowns(root.path()).unwrap();
    let seen: Vec<_> = crowns.iter().map(|c| (c.health, c.site.as_str(), c.split)).collect();
    let expected = [
        (Health::Live, "A", Split::Train),
        (Health::Dead, "A", Split::Train),
        (Health::Dead, "B", Split::Validation),
    ];
    assert_eq!(seen, expected);
    assert_eq!((crowns[0].picture.width, crowns[0].picture.height), (30, 20));
}

#[test]
fn a_site_in_two_splits_is_refused() {
    let root = fixture(&[("train", "alive/a_1", "A"), ("val", "dead/a_2", "A")]);
    let error = neon_crowns(root.path()).unwrap_err();
    assert!(matches!(&error, DatasetError::Leak { group, .. } if group == "A"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn missing_files_are_named() {
    let root = fixture(&[("train", "alive/a_1", "A"), ("val", "dead/b_1", "B")]);
    fs::remove_file(root.path().join("tree_health/neon_dead_alive_crops/dead/b_1.jpg")).unwrap();
    let error = neon_crowns(root.path()).unwrap_err();
    assert!(matches!(&error, DatasetError::Missing { path, .. } if path.ends_with("b_1.jpg")), "{error}");
    let error = neon_crowns(Path::new("nowhere")).unwrap_err();
    assert!(matches!(&error, DatasetError::Missing { path, .. } if path.ends_with("splits.csv")), "{error}");
}

#[test]
fn damaged_tables_are_refused_with_their_line() {
    let root = fixture(&[("train", "alive/a_1", "A"), ("val", "dead/b_1", "B")]);
    let table = root.path().join("splits.csv");
    for (row, line) in [("a,b\n", 2), ("t,neon_dead_alive_crops,holdout,dead/x,C\n", 2)] {
        fs::write(&table, format!("{HEADER}{row}")).unwrap();
        let error = read_splits(&table, "neon_dead_alive_crops").unwrap_err();
        assert!(matches!(error, DatasetError::Malformed { line: l, .. } if l == line), "{error}");
    }
    fs::write(&table, format!("{HEADER}t,neon_dead_alive_crops,train,dead/x,C\n")).unwrap();
    let error = read_splits(&table, "neon_dead_alive_crops").unwrap_err();
    assert!(matches!(error, DatasetError::Empty { split: "validation", .. }), "{error}");
}

#[test]
fn a_picture_that_is_none_is_refused() {
    let root = fixture(&[("train", "alive/a_1", "A"), ("val", "dead/b_1", "B")]);
    fs::write(root.path().join("tree_health/neon_dead_alive_crops/dead/b_1.jpg"), "no picture").unwrap();
    let error = neon_crowns(root.path()).unwrap_err();
    assert!(matches!(error, DatasetError::Decode { .. }), "{error}");
}

#[test]
fn the_real_data_are_as_their_cards_say() {
    let Some(root) = crate::fixtures::data() else { return };
    let crowns = neon_crowns(&root).unwrap();
    let count = |split, health| crowns.iter().filter(|c| c.split == split && c.health == health).count();
    assert_eq!(crowns.len(), 1887);
    assert_eq!(count(Split::Validation, Health::Live) + count(Split::Validation, Health::Dead), 368);
    for tile in [neon_osbs_029(&root).unwrap(), neon_sjer(&root).unwrap()] {
        assert_eq!((tile.picture.width, tile.picture.height), (400, 400));
        for class in [GROUND, LIVE, IGNORE] {
            assert!(tile.labels.iter().filter(|l| **l == class).count() > 1000, "{}", tile.source.name);
        }
        assert!(!tile.labels.contains(&DEAD));
    }
}
