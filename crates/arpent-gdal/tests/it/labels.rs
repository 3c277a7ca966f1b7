//! What training reads: pictures and label rasters of any place, polygons with a class.

use std::path::Path;
use std::sync::Arc;

use arpent_base::Diagnostic as _;
use arpent_gdal::{
    GdalError, InvalidGeometries, PolygonSource, count_bands, describe_crs, read_aoi, read_labels,
    read_picture, read_polygons,
};
use arpent_raster::{Grid, LABEL_NODATA, ReadAs, Window};
use gdal::raster::{ColorEntry, ColorInterpretation, ColorTable, PaletteInterpretation};

use crate::common::{HERE, Picture, folder};

const WIDTH: usize = 4;

/// One band of 8 pixels.
fn band(start: u8) -> Vec<u8> {
    (start..start + 8).collect()
}

fn without_place(bands: Vec<Vec<u8>>) -> Picture<u8> {
    Picture { geotransform: None, epsg: None, ..Picture::new((WIDTH, 2), bands) }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn pictures_need_no_place() {
    let dir = folder();
    let path = text(&without_place(vec![band(0), band(10), band(20)]).write(&dir.path().join("p.tif")));
    let chip = read_picture(&path, None, ReadAs::Raw).unwrap().0;
    assert_eq!((chip.window, chip.bands), (Window::new(0, 0, 4, 2), 3));
    assert_eq!((chip.band(2)[0], chip.band(0)[7]), (20.0, 7.0));
    assert!(chip.valid.iter().all(|v| *v));
    let swapped = read_picture(&path, Some(&[3, 1]), ReadAs::Raw).unwrap().0;
    assert_eq!((swapped.band(0)[0], swapped.band(1)[0]), (20.0, 0.0));
    assert_eq!(count_bands(&path).unwrap(), 3);
    assert!(matches!(
        read_picture(&path, Some(&[4]), ReadAs::Raw),
        Err(GdalError::NoSuchBand { band: 4, .. })
    ));
    assert!(matches!(read_picture(&path, Some(&[]), ReadAs::Raw), Err(GdalError::NoSuchBand { .. })));
}

#[test]
fn nodata_and_alpha_make_pixels_invalid() {
    let dir = folder();
    let picture = Picture { nodata: Some(3.0), ..without_place(vec![band(0), band(0)]) };
    let chip = read_picture(&text(&picture.write(&dir.path().join("n.tif"))), None, ReadAs::Raw).unwrap().0;
    assert_eq!(chip.valid.iter().position(|v| !*v), Some(3));
    let alpha = without_place(vec![band(0), band(0)]).write_with(&dir.path().join("a.tif"), |ds| {
        ds.rasterband(2).unwrap().set_color_interpretation(ColorInterpretation::AlphaBand).unwrap();
    });
    let chip = read_picture(&text(&alpha), None, ReadAs::Raw).unwrap().0;
    assert_eq!((chip.bands, chip.valid[0], chip.valid[1]), (1, false, true));
    let both = read_picture(&text(&alpha), Some(&[1, 2]), ReadAs::Raw).unwrap().0;
    assert!(both.bands == 2 && both.valid[0], "a band that is asked for is data");
}

#[test]
fn label_rasters_are_whole_numbers() {
    let dir = folder();
    let labels =
        |name: &str, picture: Picture<u8>| read_labels(&text(&picture.write(&dir.path().join(name))));
    let plain = labels("l.tif", Picture { nodata: Some(2.0), ..without_place(vec![band(0)]) }).unwrap();
    assert_eq!(plain.data(), [0, 1, LABEL_NODATA, 3, 4, 5, 6, 7]);
    let bits = Picture { options: vec!["NBITS=1"], ..without_place(vec![vec![0, 1, 1, 0, 0, 0, 1, 1]]) };
    assert_eq!(labels("b.tif", bits).unwrap().data(), [0, 1, 1, 0, 0, 0, 1, 1]);
    let indices = without_place(vec![band(0)]).write_with(&dir.path().join("c.tif"), |ds| {
        let mut colors = ColorTable::new(PaletteInterpretation::Rgba);
        colors.set_color_entry(7, &ColorEntry::rgba(255, 0, 0, 255));
        ds.rasterband(1).unwrap().set_color_table(&colors);
    });
    assert_eq!(read_labels(&text(&indices)).unwrap().data()[7], 7);
    let two = labels("2.tif", without_place(vec![band(0), band(0)]));
    assert!(matches!(two, Err(GdalError::BandCount { expected: 1, bands: 2, .. })));
    for (value, name) in [(300.0f32, "f.tif"), (1.5, "g.tif"), (-1.0, "h.tif")] {
        let bands = vec![vec![0.0, 1.0, 2.0, 3.0, 4.0, value, 6.0, 7.0]];
        let scores = Picture { geotransform: None, epsg: None, ..Picture::new((WIDTH, 2), bands) };
        let error = read_labels(&text(&scores.write(&dir.path().join(name)))).unwrap_err();
        assert!(matches!(error, GdalError::NotALabel { column: 1, row: 1, .. }), "{error}");
        assert!(error.to_string().contains(name) && error.hint().is_some());
    }
}

#[test]
fn what_is_no_raster_is_named() {
    let dir = folder();
    let path = dir.path().join("x.tif");
    assert!(matches!(read_labels(&text(&path)), Err(GdalError::Missing { .. })));
    std::fs::write(&path, "no raster").unwrap();
    for error in
        [read_labels(&text(&path)).unwrap_err(), read_picture(&text(&path), None, ReadAs::Raw).unwrap_err()]
    {
        assert!(error.to_string().contains("x.tif"), "{error}");
    }
}

fn grid() -> Grid {
    let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
    Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 1.0, gsd_y: 1.0 }
}

fn square(x: i32, y: i32) -> String {
    let (x1, y1) = (x + 3, y - 3);
    format!(r#"{{"type":"Polygon","coordinates":[[[{x},{y}],[{x1},{y}],[{x1},{y1}],[{x},{y1}],[{x},{y}]]]}}"#)
}

/// A GeoJSON file of (properties, geometry).
fn features(dir: &Path, features: &[(&str, String)]) -> String {
    let feature = |(properties, geometry): &(&str, String)| {
        format!(r#"{{"type":"Feature","properties":{properties},"geometry":{geometry}}}"#)
    };
    let all: Vec<String> = features.iter().map(feature).collect();
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    let path = dir.join("labels.geojson");
    std::fs::write(&path, format!(r#"{{"type":"FeatureCollection",{crs},"features":[{}]}}"#, all.join(",")))
        .unwrap();
    text(&path)
}

const EVERYWHERE: Window = Window::new(0, 0, 100, 100);

#[test]
fn polygons_come_with_a_field() {
    let dir = folder();
    let path = features(
        dir.path(),
        &[
            (r#"{"kind":"wood","code":7}"#, square(10, -10)),
            (r#"{"kind":null,"code":8}"#, square(20, -10)),
            (r#"{"kind":"far","code":9}"#, square(500, -10)),
            (r#"{"kind":"nothing","code":9}"#, "null".into()),
            (r#"{"kind":"late","code":9}"#, square(30, -10)),
        ],
    );
    let read = |field: &str| {
        read_polygons(&PolygonSource::new(&path, field), &grid(), &EVERYWHERE).unwrap().polygons
    };
    let kinds: Vec<_> = read("kind").into_iter().map(|p| (p.number, p.value)).collect();
    assert_eq!(kinds, [(1, Some("wood".into())), (2, None), (5, Some("late".into()))]);
    assert_eq!(read("code")[0].value.as_deref(), Some("7"));
    let area = &read("kind")[0].area;
    assert_eq!(area.window(), Window::new(10, 10, 3, 3));
    assert_eq!(area.mask(EVERYWHERE).data().iter().filter(|inside| **inside).count(), 9);
    // A feature without geometry is no fault of an area of interest either.
    assert_eq!(read_aoi(&path, &grid(), &HERE).unwrap().window(), Window::new(10, 10, 493, 3));
}

#[test]
fn layers_fields_and_geometries_are_checked() {
    let dir = folder();
    let bowtie = r#"{"type":"Polygon","coordinates":[[[X,-10],[Y,-13],[X,-13],[Y,-10],[X,-10]]]}"#;
    let at = |x: i32| bowtie.replace('X', &x.to_string()).replace('Y', &(x + 3).to_string());
    let path = features(dir.path(), &[("{\"kind\":\"a\"}", square(10, -10)), ("{\"kind\":\"a\"}", at(500))]);
    let read = |layer: Option<&str>, field: &str| {
        read_polygons(&PolygonSource { layer, ..PolygonSource::new(&path, field) }, &grid(), &EVERYWHERE)
    };
    assert_eq!(read(Some("labels"), "kind").unwrap().polygons.len(), 1);
    let error = read(Some("wood"), "kind").unwrap_err();
    assert!(matches!(&error, GdalError::NoSuchLayer { layers, .. } if layers == &["labels"]), "{error}");
    let error = read(None, "species").unwrap_err();
    assert!(matches!(&error, GdalError::NoSuchField { fields, .. } if fields == &["kind"]), "{error}");
    let words = format!("{error} {}", error.hint().unwrap());
    assert!(
        ["labels.geojson", "`labels`", "`species`", "fields kind"].iter().all(|w| words.contains(w)),
        "{words}"
    );
    let path = features(dir.path(), &[("{\"kind\":\"a\"}", at(20))]);
    let drawn = read_polygons(&PolygonSource::new(&path, "kind"), &grid(), &EVERYWHERE).unwrap();
    assert_eq!((drawn.polygons.len(), drawn.counts.repaired), (1, 1));
    let strict = PolygonSource { invalid: InvalidGeometries::Refuse, ..PolygonSource::new(&path, "kind") };
    let error = read_polygons(&strict, &grid(), &EVERYWHERE).unwrap_err();
    assert!(matches!(&error, GdalError::FeatureInvalid { feature: 1, .. }), "{error}");
    let point = r#"{"type":"Point","coordinates":[5,-5]}"#.to_owned();
    let path = features(dir.path(), &[("{\"kind\":\"a\"}", point)]);
    let error = read_polygons(&PolygonSource::new(&path, "kind"), &grid(), &EVERYWHERE).unwrap_err();
    assert!(matches!(&error, GdalError::FeatureKind { found, .. } if found == "Point"), "{error}");
}
