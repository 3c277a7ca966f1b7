//! Real scenes, where they are at hand.

use std::path::PathBuf;

use arpent_base::Diagnostic as _;
use arpent_gdal::{
    GdalError, LayerGeometry, LayerSource, MosaicReader, SceneSource, Transformer, describe_crs, fingerprint,
    group_scenes, look, open_scene, read_features, resolve_scenes,
};
use arpent_testing::{real_data, skip};

use crate::common::folder;

fn scenes() -> Option<PathBuf> {
    real_data("scenes")
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
        // Drones' mosaics that end in black and in white, without a word in the file; of the others none has a collar.
        let expected = match &source.uri {
            uri if uri.contains("5b90f92da0d7280005fab355_4310") => Some(0.1..0.3),
            uri if uri.contains("banepa_predict_rgb_z19") => Some(0.06..0.1),
            _ => None,
        };
        let share = found.collar.map(|collar| collar.share);
        match (&expected, share) {
            (Some(expected), Some(share)) => assert!(expected.contains(&share), "{}: {found:?}", source.uri),
            _ => assert!(expected.is_none() && share.is_none(), "{}: {found:?}", source.uri),
        }
    }
}

#[test]
fn real_layers_are_the_same_in_every_format() {
    let Some(root) = scenes() else { return };
    let dir = folder();
    let equal_area = describe_crs("EPSG:6933").unwrap();
    let read = |uri: &str| {
        let mut area = 0.0;
        let counts = read_features(&LayerSource::new(uri, &equal_area), &mut |feature| {
            let LayerGeometry::Polygons(polygons) = &feature.geometry else { return Ok(()) };
            for (i, ring) in polygons.iter().flat_map(|rings| rings.iter().enumerate()) {
                let [x, y] = ring[0];
                let cross = |p: &[[f64; 2]]| (p[0][0] - x) * (p[1][1] - y) - (p[1][0] - x) * (p[0][1] - y);
                let twice = ring.windows(2).map(cross).sum::<f64>().abs();
                area += if i == 0 { twice } else { -twice } / 2.0;
            }
            Ok::<_, GdalError>(())
        })
        .unwrap();
        (counts, area)
    };
    let layers = [
        "s2_flanders_fields/fields_BEFL-s2-fields-2023_polygons.gpkg",
        "../landcover/sentinel2_rcr_polygons/rcr_landcover.shp",
        "../landcover/landsat7_chiapas_polygons/training_data.shp",
        "../landcover/oam_drone_buildings/zanzibar_buildings.geojson",
    ];
    for (number, layer) in layers.iter().enumerate() {
        let from = root.join(layer);
        if !from.exists() {
            skip("real-data", &format!("{} is not there", from.display()));
            continue;
        }
        let from = from.to_string_lossy().into_owned();
        let (counts, area) = read(&from);
        assert!(counts.read > 10 && area > 100.0, "{layer}: {counts:?} {area}");
        for (extension, driver) in [
            ("gpkg", "GPKG"),
            ("sqlite", "SQLite"),
            ("gdb", "OpenFileGDB"),
            ("fgb", "FlatGeobuf"),
            ("gml", "GML"),
        ] {
            let to = dir.path().join(format!("{number}.{extension}")).to_string_lossy().into_owned();
            let mut words = vec!["-f", driver, "-nlt", "PROMOTE_TO_MULTI", "-nln", "layer", &to, &from];
            // The styles beside it are no layer.
            words.extend(layer.ends_with("polygons.gpkg").then_some("polygons"));
            assert!(std::process::Command::new("ogr2ogr").args(words).status().unwrap().success());
            let (again, same) = read(&to);
            // A FlatGeobuf with an index, as GDAL writes it, has no features without geometry.
            let empty = if driver == "FlatGeobuf" { 0 } else { counts.empty };
            let all = counts.read - counts.empty + empty;
            assert_eq!((again.read, again.empty), (all, empty), "{layer} as {driver}");
            assert!((same / area - 1.0).abs() < 1e-5, "{layer} as {driver}: {same} and {area}");
        }
    }
}
