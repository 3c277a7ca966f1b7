//! The committed cards, and bad ones.

use std::fs;

use arpent_datasets::{Card, DatasetError, fingerprint};

use crate::fixtures::{Fixture, cards};

#[test]
fn every_card_can_be_read_and_names_its_license() {
    let mut count = 0;
    for path in fs::read_dir(cards()).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(path.extension().unwrap(), "toml", "{}", path.display());
        let card = Card::read(&path).unwrap_or_else(|e| panic!("{e}"));
        assert!(!card.license.trim().is_empty() && !card.source.trim().is_empty(), "{}", card.name);
        assert!(!card.splits.is_empty() && !card.title.is_empty(), "{}", card.name);
        assert_eq!(path.file_stem().unwrap().to_str(), Some(card.name.as_str()));
        let hash = card.sha256.as_deref().unwrap_or("0").to_owned();
        assert!(
            hash == "0" || (hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit())),
            "{}",
            card.name
        );
        assert!(card.gsd_m.is_none_or(|[fine, coarse]| 0.0 < fine && fine <= coarse), "{}", card.name);
        count += 1;
    }
    assert!(count >= 25, "{count}");
}

#[test]
fn weights_of_sets_without_license_stay() {
    for name in [
        "standing_dead_trees_usa",
        "landfills_mexico_s2",
        "whu_cd_samples",
        "landsat_taizhou_nanjing",
        "buildings_small",
        "s2_flanders_fields",
    ] {
        let card = Card::read(&cards().join(format!("{name}.toml"))).unwrap();
        assert!(!card.weights_may_ship, "{name}");
    }
}

#[test]
fn bad_cards_are_refused() {
    let good = fs::read_to_string(cards().join("uav_crack_cc0.toml")).unwrap();
    let fixture = Fixture::rgb(&[]);
    let read = |text: &str| {
        fixture.text("x.toml", text);
        Card::read(&fixture.path("x.toml"))
    };
    assert!(read(&good).is_ok());
    let line = |start: &str| good.lines().find(|l| l.starts_with(start)).unwrap().to_owned();
    for (from, to) in [
        (line("license"), String::new()),
        (line("license"), "license = \" \"".into()),
        (line("source"), "source = \"\"".into()),
        (line("bands"), "bands = []".into()),
        (line("name"), "name = \"x\"\nlicense = \"MIT\"".into()),
        ("id = 1".into(), "id = 0".into()),
        ("id = 1".into(), "id = 255".into()),
        ("\"crack\"".into(), "\"sound\"".into()),
    ] {
        assert!(good.contains(&from), "{from}");
        let error = read(&good.replace(&from, &to)).unwrap_err();
        assert!(matches!(&error, DatasetError::BadCard { path, .. } if path.ends_with("x.toml")), "{error}");
    }
}

#[test]
fn a_card_verifies_its_files() {
    let fixture = Fixture::rgb(&[(0, "tree")]);
    fixture.text("set/a.txt", "a");
    let folder = fixture.root.path().join("set");
    let mut card = Card::read(&fixture.path("card.toml")).unwrap();
    card.verify(&folder).unwrap();
    card.sha256 = Some(fingerprint(&folder).unwrap());
    card.verify(&folder).unwrap();
    fixture.text("set/a.txt", "b");
    let error = card.verify(&folder).unwrap_err();
    assert!(matches!(&error, DatasetError::Changed { dataset, .. } if dataset == "tiny"), "{error}");
}

#[test]
fn a_fingerprint_changes_with_names_and_contents() {
    let fixture = Fixture::rgb(&[]);
    let of = |files: &[(&str, &str)]| {
        let folder = tempfile::TempDir::new_in(fixture.root.path()).unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fingerprint(folder.path()).unwrap()
    };
    // printf of the two lines `<sha256>  a\n<sha256>  b/c\n` through sha256sum.
    let first = of(&[("a", "x"), ("b/c", "y")]);
    assert_eq!(first, "4fee141d00d6e8d53a68f8aefe86aa45ff1297afffa0709f5d3a3136392e731d");
    assert_eq!(first, of(&[("b/c", "y"), ("a", "x"), (".hidden", "z")]));
    assert_ne!(first, of(&[("a", "x"), ("b/d", "y")]));
    assert_ne!(first, of(&[("a", "x"), ("b/c", "z")]));
    assert!(matches!(fingerprint(&fixture.root.path().join("none")), Err(DatasetError::Missing { .. })));
}
