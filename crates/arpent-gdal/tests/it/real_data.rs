//! Real scenes, where they are at hand.

use std::path::{Path, PathBuf};

use arpent_gdal::{MosaicReader, Transformer, fingerprint, group_scenes, open_scene, resolve_scenes};

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
