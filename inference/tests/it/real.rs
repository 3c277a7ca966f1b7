//! The shipped package on real imagery, where it stands beside the checkout.

use std::path::{Path, PathBuf};

use crate::common::{Map, Place};

/// A file of the real imagery; `None`, with a message, when it is not there.
pub fn real(name: &str) -> Option<PathBuf> {
    arpent_testing::real_data(name)
}

pub fn shipped(place: &Place, more: &str) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tree-health-10cm");
    place.write("run.toml", &format!("model = \"{}\"\n{more}", model.canonicalize().unwrap().display()));
}

#[test]
fn a_neon_tile_of_live_trees() {
    let Some(scene) = real("scenes/neon_osbs_029/OSBS_029.tif") else { return };
    let place = Place::empty();
    shipped(&place, "[features]\nmin_area_m2 = 1.0\n");
    let map = place.run(&[scene.to_str().unwrap()], "out", &[]);
    let small = place.run(&[scene.to_str().unwrap()], "small", &["--window", "128", "--threads", "1"]);
    assert_eq!(map.labels(), small.labels());
    let live = map.features().iter().filter(|f| f.class == "live tree").count();
    assert!(live > 5, "{live} live trees in a forest");
}

#[test]
fn a_mosaic_with_another_gsd_is_refused_or_resampled() {
    let Some(scene) = real("scenes/ign_ortho_20cm_lamb93/test_data_rgb.tif") else { return };
    let place = Place::empty();
    shipped(&place, "");
    let refused = place.try_run(&[scene.to_str().unwrap()], "out", &[]).expect(2);
    assert!(refused.err.contains("GSD") && refused.err.contains("resample = true"), "{}", refused.err);
    shipped(&place, "[input]\nresample = true\n");
    let map: Map = place.run(&[scene.to_str().unwrap()], "out", &[]);
    assert!(map.manifest["counts"]["pixels_valid"].as_u64().unwrap() > 200_000);
}
