//! One CRS and one grid, however they are spelled; metadata of an item besides its file.

use arpent_base::Diagnostic as _;
use arpent_gdal::{GdalError, MosaicReader, SceneProjection, describe_crs, group_scenes, open_scene};
use arpent_raster::Window;
use gdal::raster::Buffer;
use gdal::spatial_ref::SpatialRef;

use crate::common::{GEOTRANSFORM, Picture, folder, mosaic, open, picture, source, value};

/// WKT of version 1 without the codes of registries.
fn without_codes(definition: &str) -> String {
    let mut wkt = SpatialRef::from_definition(definition).unwrap().to_wkt().unwrap();
    while let Some(at) = wkt.find(",AUTHORITY[") {
        let end = at + wkt[at..].find(']').unwrap();
        wkt.replace_range(at..=end, "");
    }
    wkt
}

fn renamed(wkt: &str) -> String {
    let (from, to) = (wkt.find('"').unwrap(), wkt.match_indices('"').nth(1).unwrap().0);
    format!("{}\"my own{}", &wkt[..from], &wkt[to..])
}

const ESRI_LAMBERT_93: &str = r#"PROJCS["RGF_1993_Lambert_93",GEOGCS["GCS_RGF_1993",DATUM["D_RGF_1993",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic"],PARAMETER["False_Easting",700000.0],PARAMETER["False_Northing",6600000.0],PARAMETER["Central_Meridian",3.0],PARAMETER["Standard_Parallel_1",49.0],PARAMETER["Standard_Parallel_2",44.0],PARAMETER["Latitude_Of_Origin",46.5],UNIT["Meter",1.0]]"#;

#[test]
fn spellings_of_one_system_are_one() {
    folder();
    for (code, more) in [
        (2154, vec!["IGNF:LAMB93".to_owned(), "ESRI:102110".into(), ESRI_LAMBERT_93.into()]),
        (25831, vec!["IGNF:UTM31ETRS89".into()]),
        (32631, vec!["+proj=utm +zone=31 +datum=WGS84".into()]),
        (2975, vec!["IGNF:RGR92UTM40S".into()]),
        (27572, vec!["IGNF:LAMBE".into()]),
        (3857, vec!["ESRI:102100".into()]),
        (31370, vec![]),
        (4326, vec![]),
        (4171, vec!["IGNF:RGF93G".into()]),
    ] {
        let official = describe_crs(&format!("EPSG:{code}")).unwrap();
        let bare = without_codes(&official.wkt);
        for spelling in more.into_iter().chain([renamed(&bare), bare]) {
            assert_eq!(describe_crs(&spelling).unwrap(), official, "{spelling}");
        }
    }
}

#[test]
fn systems_that_differ_stay_apart() {
    folder();
    let lambert = without_codes("EPSG:2154");
    let other = [
        // Another realization of the datum, another datum on the same ellipsoid, one without a name.
        ("EPSG:9794".to_owned(), Some(9794)),
        (renamed(&without_codes("EPSG:9794")), Some(9794)),
        (lambert.replace("Reseau_Geodesique_Francais_1993", "My_own_datum"), None),
        (
            "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80".into(),
            None,
        ),
        ("+proj=utm +zone=31 +ellps=GRS80".into(), None),
        // A meter of false easting, and another meridian.
        (lambert.replace("700000", "700001"), None),
        (lambert.replace("\"central_meridian\",3", "\"central_meridian\",4"), None),
    ];
    for (definition, epsg) in other {
        assert_eq!(describe_crs(&definition).unwrap().epsg, epsg, "{definition}");
    }
    let names =
        ["EPSG:23031", "EPSG:25831", "EPSG:32631"].map(|d| describe_crs(&without_codes(d)).unwrap().name);
    assert_eq!(names, ["EPSG:23031", "EPSG:25831", "EPSG:32631"]);
}

#[test]
fn files_of_one_survey_are_one_mosaic_however_they_are_written() {
    let dir = folder();
    let write = |name: &str, x: f64, gsd: f64, crs: &str| {
        let mut geotransform = GEOTRANSFORM;
        (geotransform[0], geotransform[1], geotransform[5]) = (x, gsd, -gsd);
        let picture = Picture { geotransform: Some(geotransform), epsg: None, ..picture(40, 30, 3) };
        let crs = SpatialRef::from_definition(crs).unwrap();
        open(&picture.write_with(&dir.path().join(name), |ds| ds.set_spatial_ref(&crs).unwrap()))
    };
    let noise = 0.199_999_999_999_63;
    let scenes = vec![
        write("d.tif", 650_024.0, noise, ESRI_LAMBERT_93),
        write("c.tif", 650_016.000_8, 0.2, "IGNF:LAMB93"),
        write("b.tif", 650_008.0, 0.2, &without_codes("EPSG:2154")),
        write("a.tif", 650_000.0, 0.2, "EPSG:2154"),
    ];
    let mut backwards = scenes.clone();
    backwards.reverse();
    let mosaics = group_scenes(scenes);
    assert_eq!(mosaics.len(), 1, "{:?}", mosaics.iter().map(|m| m.grid.key()).collect::<Vec<_>>());
    assert_eq!(mosaics, group_scenes(backwards));
    let cols: Vec<i64> = mosaics[0].scenes.iter().map(|s| s.window.col - mosaics[0].window.col).collect();
    assert_eq!((cols, mosaics[0].window.width), (vec![0, 40, 80, 120], 160));
    assert_eq!(mosaics[0].grid, open(&dir.path().join("a.tif")).grid);
}

#[test]
fn an_item_fills_the_gaps_of_its_file_and_does_not_contradict_it() {
    let dir = folder();
    let bare =
        Picture { geotransform: None, epsg: None, ..picture(40, 30, 3) }.write(&dir.path().join("bare.tif"));
    assert!(open_scene(&source(&bare)).is_err());
    let transform = SceneProjection {
        crs: Some("EPSG:2154".into()),
        geotransform: Some(GEOTRANSFORM),
        shape: Some([30, 40]),
        bbox: None,
    };
    let bbox = SceneProjection {
        geotransform: None,
        bbox: Some([650_000.0, 6_859_994.0, 650_008.0, 6_860_000.0]),
        ..transform.clone()
    };
    let whole = open(&picture(40, 30, 3).write(&dir.path().join("whole.tif")));
    for projection in [transform.clone(), bbox.clone()] {
        let mut item = source(&bare);
        item.projection = projection.clone();
        item.nodata = Some(vec![Some(7.0)]);
        let scene = open_scene(&item).unwrap();
        assert_eq!((&scene.grid, scene.window), (&whole.grid, whole.window));
        assert!(scene.bands.iter().all(|b| b.nodata == Some(7.0)));
        let mut item = source(&dir.path().join("whole.tif"));
        item.projection = projection;
        assert_eq!(open_scene(&item).unwrap(), whole);
    }
    let nodata = Picture { nodata: Some(3.0), ..picture(8, 8, 2) }.write(&dir.path().join("nodata.tif"));
    let mut item = source(&nodata);
    item.nodata = Some(vec![Some(3.0), Some(0.0)]);
    let e = open_scene(&item).unwrap_err();
    assert_eq!(
        e.to_string(),
        format!(
            "{}: the STAC item and the file differ in nodata of band 2: 0 by the item, 3 by the file",
            nodata.display()
        )
    );
    assert!(e.hint().unwrap().contains("nodata = VALUE"));
    let mut moved = GEOTRANSFORM;
    moved[3] += 0.2;
    for wrong in [
        SceneProjection { crs: Some("EPSG:3857".into()), ..transform.clone() },
        SceneProjection { geotransform: Some(moved), ..transform.clone() },
        SceneProjection { shape: Some([40, 30]), ..transform.clone() },
        SceneProjection { bbox: Some([650_000.0, 6_859_990.0, 650_008.0, 6_860_000.0]), ..bbox },
    ] {
        let mut item = source(&dir.path().join("whole.tif"));
        item.projection = wrong.clone();
        let e = open_scene(&item);
        assert!(matches!(e, Err(GdalError::ItemDiffers { .. })), "{wrong:?}: {e:?}");
    }
}

/// A file that is stored bottom-up (its rows go northward) has the pixels of its twin that is not: values, nodata, masks and
/// collars, in any window.
#[test]
fn rows_that_go_northward_are_turned() {
    const SIZE: (usize, usize) = (37, 23);
    let dir = folder();
    let [x0, gsd, _, y0, ..] = GEOTRANSFORM;
    let below = y0 - 23.0 * gsd;
    let write = |name: &str, geotransform: [f64; 6], is_turned: bool, has_mask: bool| {
        let row = |i: usize| if is_turned { SIZE.1 - 1 - i / SIZE.0 } else { i / SIZE.0 };
        let pixels = || (0..SIZE.0 * SIZE.1).map(|i| (i % SIZE.0, row(i)));
        // A black wedge in the northwest, and black pixels elsewhere.
        let is_black = |col: usize, row: usize| col + 2 * row < 16 || (col * row) % 17 == 5;
        let of = |band: usize| {
            pixels().map(|(col, row)| if is_black(col, row) { 0 } else { value(col, row, band) }).collect()
        };
        let nodata = (!has_mask).then_some(0.0);
        let geotransform = Some(geotransform);
        let picture = Picture { geotransform, nodata, ..Picture::new(SIZE, vec![of(0), of(1)]) };
        open(&picture.write_with(&dir.path().join(name), |ds| {
            if has_mask {
                let mask = pixels().map(|(col, row)| u8::from(col * 3 + row < 90) * 255).collect();
                let mut band = ds.rasterband(1).unwrap();
                band.create_mask_band(true).unwrap();
                band.open_mask_band().unwrap().write((0, 0), SIZE, &mut Buffer::new(SIZE, mask)).unwrap();
            }
        }))
    };
    for has_mask in [false, true] {
        let scenes = [
            write(&format!("down{has_mask}.tif"), GEOTRANSFORM, false, has_mask),
            write(&format!("up{has_mask}.tif"), [x0, gsd, 0.0, below, 0.0, gsd], true, has_mask),
        ];
        assert_eq!(scenes[0].window, scenes[1].window);
        assert_eq!(scenes[0].grid.key(), scenes[1].grid.key());
        for with_collar in [false, true] {
            let chips = [0, 1].map(|i| {
                let mut scene = scenes[i].clone();
                let collar = dir.path().join(format!("collar{i}{has_mask}.tif"));
                scene.validity.collar = with_collar.then_some(collar);
                let mosaic = mosaic(vec![scene]);
                let Window { col, row, .. } = mosaic.window;
                let mut reader = MosaicReader::new(&mosaic, &[vec![2, 1]]).unwrap();
                let parts = [(0, 0, 37, 23), (3, 1, 20, 9), (30, 20, 40, 8), (0, 22, 37, 1), (5, 0, 1, 23)];
                parts.map(|(x, y, w, h)| reader.read(Window::new(col + x, row + y, w, h)).unwrap())
            });
            assert_eq!(chips[0], chips[1], "{has_mask} {with_collar}");
            assert!([true, false].iter().all(|valid| chips[0][0].valid.contains(valid)));
        }
    }
}

#[test]
fn the_default_geotransform_of_files_without_a_place_is_no_place() {
    let dir = folder();
    let geotransform = Some([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let path = Picture { geotransform, ..picture(8, 8, 1) }.write(&dir.path().join("a.tif"));
    assert!(open_scene(&source(&path)).is_err());
}
