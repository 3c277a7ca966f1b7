//! The guides "Train your own" and "Train from polygons", run as written.

use std::fs;

use arpent_model::ModelPackage;

use crate::drawn::Desk;
use crate::place::{Place, repository, run};

/// The lines of the code blocks of a `kind`.
fn blocks(text: &str, kind: &str) -> String {
    let fence = format!("```{kind}\n");
    let found = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    found.collect()
}

#[test]
fn the_guide_works_as_written() {
    let guide = fs::read_to_string(repository().join("docs/guides/train-your-own.md")).unwrap();
    let place = Place::new();
    fs::write(place.path("data/roofs/card.toml"), blocks(&guide, "toml card")).unwrap();
    fs::write(place.path("train.toml"), blocks(&guide, "toml train")).unwrap();
    let commands = blocks(&guide, "sh");
    assert!(commands.lines().count() >= 5);
    for line in commands.lines() {
        let words = line.strip_prefix("arpent-train ").unwrap().split(' ');
        // Names of files and folders are those of the place.
        let is_name = |w: &str| ["train.toml", "package", "to-give-away"].contains(&w);
        let words: Vec<String> = words
            .map(|w| if is_name(w) { place.path(w).to_str().unwrap().to_owned() } else { w.to_owned() })
            .collect();
        run(&words.iter().map(String::as_str).collect::<Vec<_>>()).done();
    }
    let (package, _) = ModelPackage::load(&place.path("to-give-away")).unwrap();
    assert!(package.scores["mean_iou"].value > 0.7, "{:?}", package.scores);
    assert!(package.calibration.is_some());
}

#[test]
fn the_quickest_way_works_as_written() {
    let guide = fs::read_to_string(repository().join("docs/guides/train-from-polygons.md")).unwrap();
    let desk = Desk::new();
    let commands = blocks(&guide, "sh quick");
    assert!(commands.lines().count() >= 4);
    for line in commands.lines() {
        let words = line.strip_prefix("arpent-train ").unwrap().split(' ');
        // Names of files and folders are those of the desk; an epoch is enough to see that it works.
        let is_name = |w: &str| ["fields.gpkg", "scene.tif", "map", "map/run/train.toml"].contains(&w);
        let place =
            |w: &str| if is_name(w) { desk.path(w).to_str().unwrap().to_owned() } else { w.to_owned() };
        let mut words: Vec<String> = words.map(place).collect();
        if words.contains(&"--labels".to_owned()) {
            words.extend(["--epochs".to_owned(), "1".to_owned()]);
        }
        run(&words.iter().map(String::as_str).collect::<Vec<_>>()).done();
    }
    let (package, _) = ModelPackage::load(&desk.path("map")).unwrap();
    assert!(package.scores["mean_iou"].value > 0.7, "{:?}", package.scores);
}
