//! Real scenes, where they are at hand.

use std::path::{Path, PathBuf};

use arpent_gdal::{
    MosaicReader, SceneSource, Transformer, fingerprint, group_scenes, look, open_scene, resolve_scenes,
};

use crate::common::folder;

fn scenes() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/scenes");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no real scenes at {}", path.display());
    None
}

#[test]
fn every_real_scene_opens_and_reads() {
    let Some(root) = scenes() else { return };
    let _dir = folder();
    let sources = resolve_scenes(&[format!("{}/**/*.tif", root.display())]).unwrap();
    assert!(sources.len() >= 5, "{}", sources.len());
    let mut opened = 0;
    for source in &sources {
        let scene = match open_scene(source) {
            Ok(scene) => scene,
            Err(e) => {
                assert!(e.hint().is_some(), "{e}");
                continue;
            }
        };
        opened += 1;
        assert!(scene.gsd_m > 0.01 && scene.gsd_m < 100.0, "{}: {} m", source.uri, scene.gsd_m);
        let bands: Vec<usize> = scene.bands.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
        let mosaic = group_scenes(vec![scene]).remove(0);
        let chip = MosaicReader::new(&mosaic, &[bands]).unwrap().read(mosaic.window).unwrap();
        assert!(chip.valid.contains(&true), "{}", source.uri);
        let to_degrees = Transformer::new(&mosaic.grid.crs).unwrap();
        let [west, south, east, north] = to_degrees.bbox(mosaic.grid.bbox(&mosaic.window)).unwrap();
        assert!(
            west < east
                && south < north
                && (-180.0..=180.0).contains(&west)
                && (-90.0..=90.0).contains(&south)
        );
        assert!(fingerprint(source).unwrap().sha256.is_some());
    }
    assert!(opened * 2 > sources.len(), "{opened} of {}", sources.len());
}

/// What looks find in real scenes: near infrared that is flagged as alpha, and no collar where there is none.
#[test]
fn looks_at_real_scenes_find_what_is_there() {
    let Some(root) = scenes() else { return };
    let _dir = folder();
    let open = |name: &str| {
        let path = root.join(name);
        path.exists().then(|| open_scene(&SceneSource::new(&path.to_string_lossy())).unwrap())
    };
    if let Some(scene) = open("ign_ortho_20cm_lamb93/ign_rgbn_20cm.tif") {
        let (band, values) = look(&scene, &[1, 2, 3], true).unwrap().alpha.expect("an alpha band");
        assert!(band == 4 && values > 50, "{band} {values}");
        let found = look(&scene, &[1, 2, 3, 4], true).unwrap();
        assert_eq!((found.alpha, found.collar), (None, None));
        let mosaic = group_scenes(vec![scene]).remove(0);
        let chip = MosaicReader::new(&mosaic, &[vec![1, 2, 3, 4]]).unwrap().read(mosaic.window).unwrap();
        assert!(!chip.valid.contains(&false), "near infrared of 0 takes nothing out");
    }
    for source in resolve_scenes(&[format!("{}/**/*.tif", root.display())]).unwrap() {
        let Ok(scene) = open_scene(&source) else { continue };
        let bands: Vec<usize> = scene.bands.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
        let found = look(&scene, &bands, true).unwrap();
        // A drone's mosaic that ends in black, without a word in the file; of the others none has a collar.
        let share = found.collar.map_or(0.0, |collar| collar.share);
        let expected =
            if source.uri.contains("5b90f92da0d7280005fab355_4310") { 0.1..0.3 } else { 0.0..0.001 };
        assert!(expected.contains(&share), "{}: {found:?}", source.uri);
    }
}
