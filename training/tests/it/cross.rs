//! Labels that a cross-validated network contradicts.

use image::{GrayImage, Luma};

use crate::place::{Place, run};

/// Exchanges ground and buildings in the mask of an item.
fn exchange(place: &Place, item: &str) {
    let path = place.path(&format!("data/roofs/masks/{item}.png"));
    let mut mask: GrayImage = image::open(&path).unwrap().into_luma8();
    for pixel in mask.pixels_mut() {
        *pixel = match pixel.0[0] {
            0 => Luma([7]),
            7 | 8 => Luma([0]),
            other => Luma([other]),
        };
    }
    mask.save(path).unwrap();
}

#[test]
fn the_item_with_wrong_labels_ranks_first() {
    let place = Place::new();
    exchange(&place, "item3");
    let config = place.config();
    let words = ["audit", config.to_str().unwrap(), "--epochs", "3", "--worst", "2", "--cross-validate", "3"];
    let allowed = ["--allow", "missing-in-group", "--allow", "duplicate", "--allow", "shift"];
    let words = [&words[..], &allowed].concat();
    let audited = run(&words).done();
    let lines = audited.lines();
    assert_eq!(lines.len(), 2, "one set, and the cross-validation");
    let found = &lines[1]["cross_validation"];
    let worst = found["worst"].as_array().unwrap();
    assert_eq!((&found["folds"], &found["items"], worst.len()), (&3.into(), &6.into(), 2));
    assert_eq!((&worst[0]["item"], &worst[0]["group"]), (&"roofs/item3".into(), &"roofs/town1".into()));
    let disagreement = |i: usize| worst[i]["disagreement"].as_f64().unwrap();
    assert!(disagreement(0) > 0.5 && disagreement(0) > disagreement(1) + 0.2, "{}", audited.err);
    // Most of the picture is ground, which its mask calls roof.
    let confused = &worst[0]["confused"];
    assert_eq!((&confused["labeled"], &confused["predicted"]), (&"roof".into(), &"ground".into()));
    assert!(audited.err.contains("roofs/item3 (of roofs/town1): disagreement"), "{}", audited.err);
    assert!(!place.path("package").exists());
    assert_eq!(run(&words).done().out, audited.out, "the same seed gives the same ranking");
}

#[test]
fn folds_without_groups_and_trainings_of_boxes_are_refused() {
    let place = Place::new();
    let config = place.config();
    let refused = run(&["audit", config.to_str().unwrap(), "--cross-validate", "4"]);
    assert!(refused.code == 2 && refused.err.contains("4 folds of 3 groups"), "{}", refused.err);
    let alone = run(&["audit", config.to_str().unwrap(), "--worst", "3"]);
    assert!(alone.code == 2 && alone.err.contains("--cross-validate"), "{}", alone.err);
}
