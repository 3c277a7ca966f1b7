//! Training straight from polygons over a scene, without a configuration.

use std::fs;
use std::path::{Path, PathBuf};

use arpent_base::{Cell, Column, ColumnKind, Language};
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape, LayerWriter, SceneSource, open_scene};
use arpent_model::ModelPackage;
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Samples};
use tempfile::TempDir;

use crate::place::{Ran, run};

/// Side of a field and of the scene, pixels.
const FIELD: usize = 24;
pub(crate) const SIDE: usize = 5 * FIELD;

/// Meters per pixel, and the scene's north-west corner in pixels from the origin of the CRS.
pub(crate) const GSD: f64 = 10.0;
pub(crate) const CORNER: (i64, i64) = (45_000, -520_000);

const COVERS: [(&str, [u8; 3]); 3] =
    [("forest", [30, 90, 40]), ("water", [40, 70, 160]), ("meadow", [140, 190, 90])];

fn cover(x: usize, y: usize) -> usize {
    (x / FIELD + 2 * (y / FIELD)) % 3
}

/// A chessboard of three covers, `scene.tif`.
fn scene(folder: &Path) {
    let noise = |x: usize, y: usize| u8::try_from((x * 7 + y * 13 + x * y) % 21).unwrap();
    let pixels = || (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
    let band = |b: usize| pixels().map(move |(x, y)| COVERS[cover(x, y)].1[b] + noise(x, y));
    let bands: Vec<u8> = (0..3).flat_map(band).collect();
    let window = Window::new(CORNER.0, CORNER.1, SIDE, SIDE);
    GeoTiff::rgb(32631, GSD, window, &bands).write(&folder.join("scene.tif")).unwrap();
}

/// The same with near infrared as a fourth band, which the file flags as alpha: over water it is 0.
fn infrared_scene(folder: &Path) {
    let noise = |x: usize, y: usize| u8::try_from((x * 7 + y * 13 + x * y) % 21).unwrap();
    let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
    let samples = pixels.flat_map(|(x, y)| {
        let (name, rgb) = COVERS[cover(x, y)];
        let nir = if name == "water" { 0 } else { 100 + noise(x, y) };
        rgb.map(|v| v + noise(x, y)).into_iter().chain([nir])
    });
    let window = Window::new(CORNER.0, CORNER.1, SIDE, SIDE);
    let samples = Samples::Rgba8(samples.collect());
    let tiff = GeoTiff { epsg: Some(32631), gsd: GSD, window, nodata: None, samples };
    tiff.write(&folder.join("scene.tif")).unwrap();
}

/// A ring around a part of each field, meters, and the field's cover.
fn fields() -> Vec<([[f64; 2]; 5], &'static str)> {
    let all = (0..5).flat_map(|y| (0..5).map(move |x| (x * FIELD, y * FIELD)));
    all.map(|(x, y)| {
        let (x0, x1, y0, y1) = (x + 4, x + FIELD - 4, y + 4, y + FIELD - 4);
        let ring = [(x0, y0), (x0, y1), (x1, y1), (x1, y0), (x0, y0)];
        let ground = |(x, y): (usize, usize)| {
            [(CORNER.0 as f64 + x as f64) * GSD, -(CORNER.1 as f64 + y as f64) * GSD]
        };
        (ring.map(ground), COVERS[cover(x, y)].0)
    })
    .collect()
}

/// The fields in a GeoPackage, as QGIS would save them.
fn geopackage(folder: &Path) {
    let path = folder.join("fields.gpkg");
    let scene = open_scene(&SceneSource::new(folder.join("scene.tif").to_str().unwrap())).unwrap();
    let mut columns = vec![Column::new("cover", ColumnKind::Text)];
    columns.push(Column::new("note", ColumnKind::Text));
    let options = LayerOptions {
        format: LayerFormat::GeoPackage,
        name: "drawn",
        shape: LayerShape::Polygon,
        crs: &scene.grid.crs,
        fields: &columns,
        titles: Language::En,
        spatial_index: true,
        style_qml: None,
        description: "",
        timestamp: "2026-01-01T00:00:00.000Z",
    };
    let mut layer = LayerWriter::create(&path, &options).unwrap();
    for (ring, cover) in fields() {
        // Little-endian, a polygon (3) of one ring of five points.
        let mut wkb = vec![1, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0];
        wkb.extend(ring.iter().flatten().flat_map(|v| v.to_le_bytes()));
        layer.write(&wkb, &[Cell::Text(cover), Cell::Null]).unwrap();
    }
    layer.finish().unwrap();
}

/// Squares in degrees around a place, as GeoJSON has them without a CRS.
fn geojson(path: &Path, squares: &[(f64, f64, &str)]) {
    let feature = |(x, y, cover): &(f64, f64, &str)| {
        let (a, b) = (0.001, 0.0007);
        let ring = [(-a, -b), (a, -b), (a, b), (-a, b), (-a, -b)].map(|(dx, dy)| [x + dx, y + dy]);
        serde_json::json!({
            "type": "Feature",
            "properties": { "cover": cover },
            "geometry": { "type": "Polygon", "coordinates": [ring] },
        })
    };
    let features: Vec<serde_json::Value> = squares.iter().map(feature).collect();
    let layer = serde_json::json!({ "type": "FeatureCollection", "features": features });
    fs::write(path, layer.to_string()).unwrap();
}

/// A folder with a scene, `scene.tif`, and polygons over it, `fields.gpkg`.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        scene(desk.0.path());
        geopackage(desk.0.path());
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn fit(&self, labels: &str, more: &[&str]) -> Ran {
        self.fit_on(labels, &["scene.tif"], more)
    }

    pub(crate) fn fit_on(&self, labels: &str, scenes: &[&str], more: &[&str]) -> Ran {
        let place = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let (labels, output) = (place(labels), place("map"));
        let mut words =
            vec!["fit".to_owned(), "--labels".into(), labels, "--class-field".into(), "cover".into()];
        words.extend(["--output".to_owned(), output]);
        for scene in scenes {
            words.extend(["--scene".to_owned(), place(scene)]);
        }
        words.extend(more.iter().map(|word| (*word).to_owned()));
        run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn refused(&self, labels: &str, more: &[&str], told: &[&str]) {
        let ran = self.fit(labels, more);
        assert_eq!(ran.code, 2, "{}", ran.err);
        for part in told {
            assert!(ran.err.contains(part), "`{part}` is not in: {}", ran.err);
        }
    }
}

#[test]
fn a_band_flagged_as_alpha_that_is_named_is_data() {
    let desk = Desk::new();
    infrared_scene(desk.path("").as_path());
    let fitted = desk.fit("fields.gpkg", &["--epochs", "1", "--bands", "red,green,blue,nir"]).done();
    assert!(!fitted.err.contains("flagged as alpha"), "{}", fitted.err);
    let config = desk.text("map/run/train.toml");
    assert!(config.contains("bands = [1, 2, 3, 4]"), "{config}");
    let package: ModelPackage = serde_json::from_str(&desk.text("map/model.json")).unwrap();
    let names: Vec<&str> = package.bands.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["red", "green", "blue", "nir"]);
    // Where it is 0 the scene is valid, so water is learned and evaluated.
    let nir = package.bands[3].mean;
    assert!(nir < 95.0, "water, of which it is 0, counts: {nir}");

    // Without a name, it is the validity mask, with a warning.
    let desk = Desk::new();
    infrared_scene(desk.path("").as_path());
    let fitted = desk.fit("fields.gpkg", &["--epochs", "1"]);
    assert!(
        fitted.err.contains("band 4 is flagged as alpha") && fitted.err.contains("with --bands"),
        "{}",
        fitted.err
    );
    // The hint for a wrong number of names is the option used above.
    let desk = Desk::new();
    infrared_scene(desk.path("").as_path());
    desk.refused("fields.gpkg", &["--bands", "red,green"], &["--bands red,green,blue,nir"]);
}

#[test]
fn polygons_of_a_geopackage_become_a_package() {
    let desk = Desk::new();
    let fitted = desk.fit("fields.gpkg", &["--epochs", "2"]).done();
    assert!(fitted.err.contains("classes: forest 9 polygons (3 held out)"), "{}", fitted.err);
    assert!(fitted.err.contains("configuration: ") && fitted.err.contains("train.toml"), "{}", fitted.err);
    let outcome = fitted.lines().pop().unwrap();
    assert!(outcome["scores"]["overall_accuracy"].as_f64().unwrap() > 0.9, "{}", fitted.err);

    let (package, _) = ModelPackage::load(&desk.path("map")).unwrap();
    let names: Vec<&str> = package.classes.classes().iter().map(|c| c.name.as_str()).collect();
    let bands: Vec<&str> = package.bands.iter().map(|b| b.name.as_str()).collect();
    assert_eq!((names, bands), (vec!["forest", "meadow", "water"], vec!["red", "green", "blue"]));
    assert_eq!((package.id.as_str(), package.value_range), ("map", [0.0, 255.0]));
    let gsd = [package.gsd_m.min, package.gsd_m.nominal, package.gsd_m.max];
    assert!(gsd.iter().zip([7.5, 10.0, 12.5]).all(|(a, b)| (a - b).abs() < 1e-9), "{gsd:?}");
    assert!(package.restriction.unwrap().contains("LicenseRef-not-stated"));

    // The report shows the scene as it is mapped, with shares beside those of the labels.
    let report: serde_json::Value = serde_json::from_str(&desk.text("map/run/report.json")).unwrap();
    let scene = &report["scenes"][0];
    assert_eq!((scene["width"].as_u64(), scene["pixels_counted"].as_u64()), (Some(120), Some(120 * 120)));
    let sum = |key: &str| {
        scene["classes"].as_array().unwrap().iter().map(|c| c[key].as_f64().unwrap()).sum::<f64>()
    };
    assert!(
        (sum("predicted") - 1.0).abs() < 1e-9 && (sum("labeled") - 1.0).abs() < 1e-9,
        "{}",
        scene["classes"]
    );
    // 9 of 25 polygons of one size are forest.
    assert!((scene["classes"][0]["labeled"].as_f64().unwrap() - 0.36).abs() < 1e-9, "{}", scene["classes"]);
    assert!(desk.text("map/run/report.html").contains("The scene, mapped"));

    // The written configuration is one like any other.
    let (config, map) = (desk.path("map/run/train.toml"), desk.path("map"));
    let (config, map) = (config.to_str().unwrap(), map.to_str().unwrap());
    run(&["evaluate", map, config]).done();
    run(&["calibrate", map, config]).done();
    let weights = fs::read(desk.path("map/weights.safetensors")).unwrap();
    let again = desk.path("again");
    run(&["fit", config, "--output", again.to_str().unwrap()]).done();
    assert!(weights == fs::read(again.join("weights.safetensors")).unwrap());
    let copy = desk.path("copy");
    let refused = run(&["export", map, "--output", copy.to_str().unwrap()]);
    assert!(refused.code == 2 && refused.err.contains("is not exported"), "{}", refused.err);
}

#[test]
fn what_was_edited_is_not_overwritten() {
    let desk = Desk::new();
    let options = ["--epochs", "1", "--classes", "water,forest", "--license", "CC0-1.0"];
    desk.fit("fields.gpkg", &options).done();
    let config = desk.text("map/run/train.toml");
    assert!(config.contains("skip = [\"meadow\"]") && config.contains("license = \"CC0-1.0\""), "{config}");
    let (package, _) = ModelPackage::load(&desk.path("map")).unwrap();
    assert_eq!((package.classes.classes()[0].name.as_str(), package.restriction), ("water", None));

    // Another seed is another training: not one to go on with, but one that may take its place.
    desk.refused(
        "fields.gpkg",
        &[&options[..], &["--resume", "--seed", "2"]].concat(),
        &["train.toml", "--restart"],
    );
    desk.fit("fields.gpkg", &[&options[..], &["--resume"]].concat()).done();
    desk.fit("fields.gpkg", &[&options[..], &["--seed", "2"]].concat()).done();
    assert!(desk.text("map/run/train.toml").contains("seed = 2\nepochs = 1"));
    let edited = desk.text("map/run/train.toml").replace("batch = 8", "batch = 2");
    fs::write(desk.path("map/run/train.toml"), &edited).unwrap();
    desk.refused(
        "fields.gpkg",
        &options,
        &["train.toml says something else", "hint: train what is written there"],
    );
    assert_eq!(desk.text("map/run/train.toml"), edited);
    desk.fit("fields.gpkg", &[&options[..], &["--restart"]].concat()).done();
    assert!(desk.text("map/run/train.toml").contains("batch = 8"));
}

#[test]
fn polygons_in_another_crs_are_brought_to_the_scene() {
    let desk = Desk::new();
    // Around the scene's center, at 450 600 m east and 5 199 400 m north of zone 31.
    let (x, y) = (2.350_8, 46.945_9);
    let places = [(-0.002, 0.0), (0.0, 0.002), (0.002, 0.0), (0.0, -0.002)];
    let square = |(i, (dx, dy)): (usize, &(f64, f64))| (x + dx, y + dy, COVERS[i % 2].0);
    geojson(&desk.path("degrees.geojson"), &places.iter().enumerate().map(square).collect::<Vec<_>>());
    let fitted = desk.fit("degrees.geojson", &["--epochs", "1"]).done();
    assert!(fitted.err.contains("forest 2 polygons (1 held out), water 2 polygons"), "{}", fitted.err);
}

#[test]
fn of_several_layers_one_is_named() {
    let desk = Desk::new();
    let (fields, two) = (desk.path("fields.gpkg"), desk.path("two.gpkg"));
    for (name, update) in [("drawn", &[][..]), ("drawn before", &["-update"])] {
        let mut words = update.to_vec();
        words.extend(["-nln", name, two.to_str().unwrap(), fields.to_str().unwrap()]);
        assert!(std::process::Command::new("ogr2ogr").args(&words).status().unwrap().success());
    }
    desk.refused("two.gpkg", &[], &["it has 2 layers, and none is named", "two.gpkg|layername=drawn'"]);
    let fitted = desk.fit("two.gpkg|layername=drawn", &["--epochs", "1"]).done();
    assert!(fitted.err.contains("classes: forest 9 polygons"), "{}", fitted.err);
    // What was written is read again.
    let config = desk.path("map/run/train.toml");
    run(&["evaluate", desk.path("map").to_str().unwrap(), config.to_str().unwrap()]).done();
}

#[test]
fn impossible_trainings_are_refused_with_the_reason() {
    let desk = Desk::new();
    desk.refused("fields.gpkg", &["--class-field", "kind"], &["cannot be used multiple times"]);
    desk.refused("fields.gpkg", &["--layer", "other"], &["no layer `other`", "drawn"]);
    desk.refused("fields.gpkg", &["--classes", "forest,watter"], &["`watter`", "did you mean `water`?"]);
    desk.refused("fields.gpkg", &["--bands", "red,green"], &["--bands has 2 names", "has 3 bands"]);
    desk.refused("fields.gpkg", &["--data", "x"], &["cannot be used with"]);
    desk.refused("none.gpkg", &[], &["none.gpkg"]);
    geojson(&desk.path("away.geojson"), &[(10.0, 50.0, "forest"), (11.0, 50.0, "water")]);
    let told = ["no polygon of", "away.geojson lies on", "scene.tif", "hint: the scene fills 450000"];
    desk.refused("away.geojson", &[], &told);
    geojson(&desk.path("one.geojson"), &[(2.35, 46.945, "forest"), (2.351, 46.946, "water")]);
    desk.refused("one.geojson", &[], &["fewer than two polygons on the scene for: forest, water", "hint: "]);
    let (config, labels) = (desk.path("any.toml"), desk.path("fields.gpkg"));
    let both = run(&["fit", config.to_str().unwrap(), "--labels", labels.to_str().unwrap()]);
    assert!(both.code == 2 && both.err.contains("cannot be used with"), "{}", both.err);
    assert!(!desk.path("map").exists(), "something was written before the checks");

    let labels = labels.to_str().unwrap();
    let (scene, map) = (desk.path("scene.tif"), desk.path("map"));
    let words = ["fit", "--labels", labels, "--scene", scene.to_str().unwrap(), "--class-field", "kind"];
    let ran = run(&[&words[..], &["--output", map.to_str().unwrap()]].concat());
    assert!(ran.code == 2 && ran.err.contains("no field `kind`") && ran.err.contains("cover"), "{}", ran.err);
}

#[test]
fn sixteen_bits_without_names_get_a_range_and_numbers() {
    let desk = Desk::new();
    // The covers differ in the one band; values reach from 1030 to 1160 in steps of the noise.
    let value = |i: usize| 1000 + u16::from(COVERS[cover(i % SIDE, i / SIDE)].1[2]);
    let window = Window::new(CORNER.0, CORNER.1, SIDE, SIDE);
    let samples = Samples::Gray16((0..SIDE * SIDE).map(value).collect());
    let tiff = GeoTiff { epsg: Some(32631), gsd: GSD, window, nodata: None, samples };
    tiff.write(&desk.path("scene.tif")).unwrap();
    let fitted = desk.fit("fields.gpkg", &["--epochs", "1", "--bands", "height"]).done();
    assert!(fitted.err.contains("bands: height; GSD 10.0000 m"), "{}", fitted.err);
    let config = desk.text("map/run/train.toml");
    assert!(config.contains("value_range = [0.0, 1200.0]"), "{config}");
    assert!(config.contains("sample_types = [\"uint16\"]"), "{config}");
}

#[test]
fn pixels_outside_of_polygons_may_be_a_class() {
    let desk = Desk::new();
    let options = ["--epochs", "1", "--classes", "forest", "--background", "other"];
    let colors = ["--colors", "forest=#102030,Other=#405060"];
    let fitted = desk.fit("fields.gpkg", &[&options[..], &colors].concat()).done();
    assert!(
        fitted.err.contains("pixels outside of the polygons, in their surroundings, are `other`"),
        "{}",
        fitted.err
    );
    let (package, _) = ModelPackage::load(&desk.path("map")).unwrap();
    let classes: Vec<(&str, String, bool)> = package
        .classes
        .classes()
        .iter()
        .map(|c| (c.name.as_str(), c.color.to_string(), c.features))
        .collect();
    assert_eq!(classes, [("forest", "#102030".into(), true), ("other", "#405060".into(), false)]);
    // Of the validation windows, the polygons of forest and of nothing that is left out (water, meadow).
    let validation: serde_json::Value = serde_json::from_str(&desk.text("map/run/validation.json")).unwrap();
    let truth = |i: usize| validation["classes"][i]["truth_pixels"].as_u64().unwrap();
    assert!(truth(0) > 0 && truth(1) > 0, "{validation}");
    assert_eq!(truth(0) % 256, 0, "whole polygons of 16 x 16 pixels");
    let config = desk.text("map/run/train.toml");
    assert!(
        config.contains("background = \"other\"") && config.contains("skip = [\"meadow\", \"water\"]"),
        "{config}"
    );
    desk.refused("fields.gpkg", &["--restart", "--classes", "forest"], &["--background other"]);
    desk.refused(
        "fields.gpkg",
        &["--restart", "--colors", "wood=#102030"],
        &["`wood`, which is not a class"],
    );
    desk.refused("fields.gpkg", &["--restart", "--colors", "forest=10"], &["`10` is not a color"]);
}

#[test]
fn polygons_that_are_not_valid_are_repaired_and_counted_or_refused() {
    let desk = Desk::new();
    let (x, y) = (2.350_8, 46.945_9);
    let places = [(-0.002, 0.0), (0.0, 0.002), (0.002, 0.0), (0.0, -0.002)];
    let square = |(i, (dx, dy)): (usize, &(f64, f64))| (x + dx, y + dy, COVERS[i % 2].0);
    geojson(&desk.path("bad.geojson"), &places.iter().enumerate().map(square).collect::<Vec<_>>());
    // The second one crosses itself: two of its corners are exchanged.
    let mut layer: serde_json::Value = serde_json::from_str(&desk.text("bad.geojson")).unwrap();
    layer["features"][1]["geometry"]["coordinates"][0].as_array_mut().unwrap().swap(1, 2);
    fs::write(desk.path("bad.geojson"), layer.to_string()).unwrap();
    let told = "bad: 1 feature(s) with a geometry that is not valid: repaired (first in `bad.geojson`)";
    let fitted = desk.fit("bad.geojson", &["--epochs", "1"]).done();
    assert!(fitted.err.contains(told), "{}", fitted.err);
    assert!(desk.text("map/card.md").contains(told) && desk.text("map/run/report.html").contains(told));
    let refused = ["feature 2", "not valid", "hint: "];
    desk.refused("bad.geojson", &["--epochs", "1", "--restart", "--invalid", "refuse"], &refused);
    // The same of the layout's key.
    let config = desk.path("map/run/train.toml");
    let text = desk.text("map/run/train.toml").replace("margin =", "invalid = \"refuse\"\nmargin =");
    fs::write(&config, text).unwrap();
    let ran = run(&["fit", config.to_str().unwrap(), "--restart"]);
    assert!(ran.code == 2 && refused.iter().all(|part| ran.err.contains(part)), "{}", ran.err);
    // And where all is valid, it is written down and changes nothing.
    desk.fit("fields.gpkg", &["--epochs", "1", "--restart", "--invalid", "refuse"]).done();
    assert!(desk.text("map/run/train.toml").contains("invalid = \"refuse\""));
}

#[test]
fn names_and_values_to_leave_out_that_no_polygon_has_are_reported() {
    let desk = Desk::new();
    desk.fit("fields.gpkg", &["--epochs", "1", "--classes", "water,forest"]).done();
    let config = desk.path("map/run/train.toml");
    let options = "skip = [\"meadow\", \"medow\"]\nnames = { wood = \"forest\", Water = \"water\" }";
    let text = desk.text("map/run/train.toml");
    assert!(text.contains("skip = [\"meadow\"]"), "{text}");
    fs::write(&config, text.replace("skip = [\"meadow\"]", options)).unwrap();
    let fitted = run(&["fit", config.to_str().unwrap(), "--restart"]).done();
    let told = |option: &str, value: &str| {
        format!("fields: `{option}` names `{value}`, which does not occur in training and validation")
    };
    let page = desk.text("map/run/report.html");
    for text in [&fitted.err, &desk.text("map/card.md"), &page] {
        assert!(text.contains(&told("skip", "medow")) && text.contains(&told("names", "wood")), "{text}");
        assert!(!text.contains(&told("skip", "meadow")) && !text.contains(&told("names", "Water")), "{text}");
    }
}

#[test]
fn several_scenes_are_one_training() {
    let desk = Desk::new();
    // The west and the east of the scene, which share the middle fields, and a scene beside the polygons.
    let cut = |name: &str, window: [usize; 4]| {
        let [x, y, width, height] = window.map(|v| v.to_string());
        let (from, to) = (desk.path("scene.tif"), desk.path(name));
        let words = ["-q", "-srcwin", &x, &y, &width, &height, from.to_str().unwrap(), to.to_str().unwrap()];
        assert!(std::process::Command::new("gdal_translate").args(words).status().unwrap().success());
    };
    cut("west.tif", [0, 0, 3 * FIELD, SIDE]);
    cut("east.tif", [2 * FIELD, 0, 3 * FIELD, SIDE]);
    cut("bare.tif", [0, 0, 3, 3]);
    let fitted = desk.fit_on("fields.gpkg", &["west.tif", "east.tif", "bare.tif"], &["--epochs", "1"]).done();
    assert!(fitted.err.contains("bare.tif, on which no polygon lies"), "{}", fitted.err);
    // 25 polygons, each counted once; 15 on each side.
    assert!(fitted.err.contains("classes: forest 9 polygons"), "{}", fitted.err);
    let items = |line: &str| -> usize {
        line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok()).sum()
    };
    let line = fitted.err.lines().find(|l| l.contains("items to train on")).unwrap();
    assert_eq!(items(line), 30, "{line}");
    let config = desk.text("map/run/train.toml");
    assert_eq!(config.matches("[[sets]]").count(), 2, "{config}");
    let again = run(&["fit", desk.path("map/run/train.toml").to_str().unwrap(), "--restart"]).done();
    assert!(again.err.contains("package written"), "{}", again.err);
    let twice = desk.fit_on("fields.gpkg", &["west.tif", "west.tif"], &["--restart"]);
    assert!(twice.code == 2 && twice.err.contains("twice"), "{}", twice.err);
    // Another GSD, and other bands.
    let (from, to) = (desk.path("scene.tif"), desk.path("coarse.tif"));
    let paths = [from.to_str().unwrap(), to.to_str().unwrap()];
    let coarse = ["-q", "-tr", "20", "20"];
    assert!(
        std::process::Command::new("gdal_translate").args(coarse).args(paths).status().unwrap().success()
    );
    let other = desk.fit_on("fields.gpkg", &["west.tif", "coarse.tif"], &["--restart"]);
    assert!(other.code == 2 && other.err.contains("has a GSD of 10.0000 m"), "{}", other.err);
    let one = desk.path("gray.tif");
    let gray = ["-q", "-b", "1", paths[0], one.to_str().unwrap()];
    assert!(std::process::Command::new("gdal_translate").args(gray).status().unwrap().success());
    let other = desk.fit_on("fields.gpkg", &["west.tif", "gray.tif"], &["--restart"]);
    assert!(other.code == 2 && other.err.contains("gray.tif has no band `green`"), "{}", other.err);
}

#[test]
fn a_real_scene_with_real_polygons() {
    let Some(folder) = arpent_testing::real_data("landcover/landsat7_chiapas_polygons") else { return };
    let (labels, scene) = (folder.join("training_data.shp"), folder.join("LE70220491999322EDC01_stack.gtif"));
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("chiapas");
    let paths = [labels.as_path(), &scene, &output].map(|p| p.to_str().unwrap());
    let words = ["fit", "--labels", paths[0], "--scene", paths[1], "--output", paths[2]];
    let fitted = run(&[&words[..], &["--class-field", "class", "--epochs", "2"]].concat()).done();
    assert!(fitted.err.contains("urban 2 polygons (1 held out)"), "{}", fitted.err);
    assert!(fitted.err.contains("1 band(s) without a name in the file"), "{}", fitted.err);
    let outcome = fitted.lines().pop().unwrap();
    assert!(outcome["scores"]["overall_accuracy"].as_f64().unwrap() > 0.5, "{}", fitted.err);
}
