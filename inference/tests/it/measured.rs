//! Regression models: a raster of measured values, and the classes that breaks make of one.

use arpent_base::number::exact;
use arpent_model::{HandSet, MeasuredValue, hand_set_linear};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture, Samples};
use serde_json::{Value, json};

use crate::common::{EPSG, GSD, Map, Place, gdal};

/// A scene that crosses windows of 64 px in both directions.
const SCENE: Window = Window::new(3_260_007, -34_310_013, 150, 130);

/// A file of the tests of `arpent-model`, with the metadata of Deepness (`benches/peers/parity_graphs.py`).
const REGRESSOR: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/arpent-model/tests/parity/graph-regressor.onnx");

/// A package of two values that are exact sums of bands: `height` = (red + green) / 4 - 8 m, `share` = blue / 256.
fn package(place: &Place) {
    let mut settings = HandSet::regression(&["red", "green", "blue"], &["height", "share"]);
    let height = MeasuredValue { offset: -8.0, unit: Some("m".into()), ..MeasuredValue::named("height") };
    settings.values[0] = MeasuredValue { name_fr: Some("hauteur".into()), ..height };
    settings.values[1].scale = 1.0 / 256.0;
    let weights = [vec![0.25, 0.25, 0.0], vec![0.0, 0.0, 1.0]];
    hand_set_linear(&settings, &weights, &[0.0, 0.0], &place.path("model")).unwrap();
    place.config("");
}

/// The values that the package gives for a picture.
fn expected(picture: &Picture, window: Window) -> [Vec<f32>; 2] {
    let bands = picture.bands(window);
    let area = window.width * window.height;
    let value = |band: usize, at: usize| f32::from(bands[band * area + at]);
    let pixels = 0..area;
    [
        pixels.clone().map(|at| (value(0, at) + value(1, at)) * 0.25 - 8.0).collect(),
        pixels.map(|at| value(2, at) / 256.0).collect(),
    ]
}

/// The bands of `values.tif`.
fn values(map: &Map) -> Vec<Vec<f32>> {
    let window = &map.manifest["counts"];
    assert!(window.is_object());
    let raw = map.raster("values.tif");
    let all: Vec<f32> =
        raw.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let info = info(map);
    let bands = info["bands"].as_array().unwrap().len();
    // Pixel by pixel.
    (0..bands).map(|band| all.iter().skip(band).step_by(bands).copied().collect()).collect()
}

fn info(map: &Map) -> Value {
    serde_json::from_str(&gdal("gdalinfo", &["-json", map.file("values.tif").to_str().unwrap()])).unwrap()
}

/// Everything but the item, which has the size of windows.
fn hashes(map: &Map) -> Vec<(String, String)> {
    map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn values_are_published_with_names_units_and_statistics() {
    let place = Place::empty();
    package(&place);
    let picture = Picture::new(5, 12);
    let scene = place.draw("a.tif", &picture, SCENE);
    let words = ["plan", "run.toml", "--scene", &scene, "--output", "out", "--format", "json"];
    let plan: Value = serde_json::from_str(&place.arpent(&words).expect(0).out).unwrap();
    let map = place.run(&[&scene], "out", &[]);
    let found = values(&map);
    for (found, expected) in found.iter().zip(expected(&picture, SCENE)) {
        assert_eq!(bits(found), bits(&expected));
    }
    // No classes, and no features of them; the plan names what is there.
    let mut files: Vec<String> = map.hashes().into_iter().map(|(name, _)| name).collect();
    files.push("manifest.json".into());
    files.sort();
    let mut planned: Vec<String> =
        plan["maps"][0]["artifacts"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().into()).collect();
    planned.sort();
    assert_eq!(files, planned);
    for name in ["values.tif", "values.qml", "map.qgz", "report.html", "index.html"] {
        assert!(files.iter().any(|file| file == name), "{name}: {files:?}");
    }
    assert!(!files.iter().any(|file| file.contains("features") || file.contains("labels")), "{files:?}");

    let info = info(&map);
    let first = &info["bands"][0];
    assert_eq!(
        (&first["type"], &first["description"], &first["unit"]),
        (&json!("Float32"), &json!("height"), &json!("m"))
    );
    assert_eq!(first["noDataValue"].to_string().to_lowercase().trim_matches('"'), "nan");
    let counts = &map.manifest["counts"]["values"];
    assert_eq!(counts.as_array().unwrap().len(), 2);
    let of = |key: &str| counts[0][key].as_f64().unwrap();
    let all: Vec<f64> = found[0].iter().map(|value| f64::from(*value)).collect();
    let mean = all.iter().sum::<f64>() / exact(all.len());
    assert!((of("mean") - mean).abs() < 1e-9);
    assert_eq!(
        (counts[0]["pixels"].as_u64(), counts[0]["not_finite"].as_u64()),
        (Some(all.len() as u64), Some(0))
    );
    let (low, high) = all.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    assert!((of("min") - low).abs() < 1e-12 && (of("max") - high).abs() < 1e-12 && low < high);
    let stated = |key: &str| first["metadata"][""][key].as_str().unwrap().parse::<f64>().unwrap();
    assert!(
        (stated("STATISTICS_MEAN") - mean).abs() < 1e-6 && (stated("STATISTICS_MAXIMUM") - high).abs() < 1e-9
    );

    let item: Value = serde_json::from_str(&std::fs::read_to_string(map.file("item.json")).unwrap()).unwrap();
    let bands = &item["assets"]["values.tif"]["bands"];
    assert_eq!(
        (&bands[0]["name"], &bands[0]["unit"], &bands[0]["nodata"]),
        (&json!("height"), &json!("m"), &json!("nan"))
    );
    assert_eq!(item["properties"]["mlm:tasks"], json!(["regression"]));
    let report = std::fs::read_to_string(map.file("report.html")).unwrap();
    assert!(report.contains("height (m)") && report.contains("hauteur (m)") && report.contains("Écart type"));
    assert!(!report.contains("Objets"), "a report of values has no features");
    // The report can be made again.
    let again = place.arpent(&["report", "out", "--output", "again.html"]);
    again.expect(0);
}

#[test]
fn files_windows_threads_and_shards_change_no_bytes() {
    let place = Place::empty();
    package(&place);
    let picture = Picture::new(11, 12);
    let scene = place.draw("whole.tif", &picture, SCENE);
    let whole = place.run(&[&scene], "whole", &["--threads", "1"]);
    for (output, more) in
        [("small", ["--window", "32"]), ("large", ["--window", "512"]), ("threads", ["--threads", "3"])]
    {
        assert_eq!(hashes(&place.run(&[&scene], output, &more)), hashes(&whole), "{output}");
    }
    let plan = place.plan(&[&scene], &place.text("shards"), 3, &["--window", "32"]);
    for index in (0..3).rev() {
        place.worker(&plan, index).expect(0);
    }
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    assert_eq!(hashes(&Map::at(&place.path("shards"))), hashes(&whole));
    let (c, r) = (SCENE.col + 61, SCENE.row + 50);
    let parts = [
        ("b.tif", Window::between(SCENE.col, SCENE.row, c + 9, SCENE.row_end())),
        ("a.tif", Window::between(c, SCENE.row, SCENE.col_end(), r)),
        ("c.tif", Window::between(c, r - 3, SCENE.col_end(), SCENE.row_end())),
    ];
    let files = parts.map(|(name, window)| place.draw(name, &picture, window));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let split = place.run(&files, "split", &[]);
    let of = |map: &Map| map.hashes().into_iter().find(|(name, _)| name == "values.tif").unwrap();
    assert_eq!(of(&split), of(&whole));
}

#[test]
fn a_regressor_of_deepness_is_one_line_away_from_a_map() {
    let place = Place::empty();
    let words = ["model", "import", REGRESSOR, "--output", "model", "--license", "CC0-1.0"];
    place.arpent(&words).expect(0);
    place.config("");
    let inspected = place.arpent(&["inspect", "model"]).expect(0).out;
    assert!(inspected.contains("canopy height") && inspected.contains("biomass"), "{inspected}");
    let scene = place.draw("a.tif", &Picture::new(3, 12), SCENE);
    let whole = place.run(&[&scene], "out", &["--threads", "1"]);
    assert_eq!(hashes(&place.run(&[&scene], "threads", &["--threads", "3"])), hashes(&whole));
    let found = values(&whole);
    assert!(
        found.iter().all(|band| band.iter().all(|v| v.is_finite())
            && band.iter().any(|v| v.to_bits() != band[0].to_bits()))
    );
    // Windows of a graph and shards.
    let plan = place.plan(&[&scene], &place.text("shards"), 2, &[]);
    (0..2).for_each(|index| drop(place.worker(&plan, index).expect(0)));
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    assert_eq!(hashes(&Map::at(&place.path("shards"))), hashes(&whole));
    let probed = place.arpent(&["model", "probe", "model", "--scene", &scene]).expect(2).err;
    assert!(probed.contains("gives measured values") && probed.contains("hint:"), "{probed}");
    let item: Value = serde_json::from_str(&place.arpent(&["model", "item", "model"]).expect(0).out).unwrap();
    let output = &item["properties"]["mlm:output"][0];
    assert_eq!(
        (&output["tasks"], &output["result"]["shape"]),
        (&json!(["regression"]), &json!([-1, 2, 16, 16]))
    );
}

#[test]
fn breaks_make_classes_features_and_a_coverage() {
    let place = Place::empty();
    package(&place);
    let picture = Picture::new(5, 12);
    let scene = place.draw("a.tif", &picture, SCENE);
    place.config("[values]\nof = \"height\"\nbreaks = [30.0, 60.5]\n");
    let map = place.run(&[&scene], "out", &[]);
    let [height, _] = expected(&picture, SCENE);
    let class = |value: &f32| u8::from(*value >= 30.0) + u8::from(*value >= 60.5);
    let labels: Vec<u8> = height.iter().map(class).collect();
    assert_eq!(map.labels(), labels);
    assert!((0..3).all(|class| labels.contains(&class)), "a class is missing");
    assert_eq!(bits(&values(&map)[0]), bits(&height));
    let rows = map.features();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.score.is_empty()), "values have no score");
    let names: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.class.as_str()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["30 to 60.5 m", "60.5 m and more", "below 30 m"]);
    assert!(!map.hashes().iter().any(|(name, _)| name == "confidence.tif"));
    assert_eq!(hashes(&place.run(&[&scene], "small", &["--window", "32"])), hashes(&map));
    // Neither the sheet nor the page of a feature speaks of confidences or of reference layers.
    let sheet = place.arpent(&["explain", "out", &rows[0].id, "--format", "json"]).expect(0).out;
    for text in [
        "estimates a value for every pixel",
        "the range of the value that the model estimated",
        "les limites entre les classes sont des valeurs (hauteur)",
        "estimated a value for it",
    ] {
        assert!(sheet.contains(text), "{text}: {sheet}");
    }
    for text in ["each pixel has the class in which", "a confidence", "confidences", "reference layer"] {
        assert!(!sheet.contains(text), "{text}: {sheet}");
    }
    let page = std::fs::read_to_string(map.file("index.html")).unwrap();
    assert!(page.contains(r#""unscored":{"overrides":false,"ranges":true,"undecided":null}"#), "{page}");

    place.config(
        "[values]\nof = \"height\"\nbreaks = [30.0, 60.5]\n[coverage]\nmmu_m2 = 1.0\ntolerance_px = 1.0\n",
    );
    let coverage = place.run(&[&scene], "coverage", &[]);
    assert_eq!(coverage.labels(), labels);
    assert!(coverage.hashes().iter().any(|(name, _)| name == "map.tif"));
    // Zonal statistics are those of the classes.
    assert!(coverage.manifest["counts"]["features"].as_u64().unwrap() > 0);
}

#[test]
fn invalid_masked_and_outside_pixels_have_no_value() {
    let place = Place::empty();
    package(&place);
    let picture = Picture::new(5, 12);
    // A corner of the scene is nodata.
    let mut bands = picture.bands(SCENE);
    let is_void = |at: usize| at % SCENE.width < 20 && at / SCENE.width < 10;
    for (at, value) in bands.iter_mut().enumerate() {
        *value = if is_void(at % (SCENE.width * SCENE.height)) { 0 } else { (*value).max(1) };
    }
    let tiff = GeoTiff { nodata: Some(0.0), ..GeoTiff::rgb(EPSG, GSD, SCENE, &bands) };
    tiff.write(&place.path("a.tif")).unwrap();
    // A mask of the columns 60 to 89, and an area without the last 30 rows.
    let hidden: Vec<u8> =
        (0..SCENE.width * SCENE.height).map(|at| u8::from((60..90).contains(&(at % SCENE.width)))).collect();
    let mask = GeoTiff {
        epsg: Some(EPSG),
        gsd: GSD,
        window: SCENE,
        nodata: Some(0.0),
        samples: Samples::Gray8(hidden),
    };
    mask.write(&place.path("mask.tif")).unwrap();
    let (x, y) = (|c: i64| exact(c) * GSD, |r: i64| -exact(r) * GSD);
    let [w, e, n, s] = [x(SCENE.col), x(SCENE.col_end()), y(SCENE.row), y(SCENE.row_end() - 30)];
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    let ring = format!("[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]");
    place.write("aoi.geojson", &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}"#));
    place.config("aoi = \"aoi.geojson\"\n[mask]\nlayers = [{ source = \"mask.tif\", classes = [1], reason = \"cloud\" }]\n");
    let map = place.run(&[&place.text("a.tif")], "out", &[]);
    let expected = |at: usize| {
        let value = |band: usize| f32::from(bands[band * SCENE.width * SCENE.height + at]);
        let void = is_void(at) || (60..90).contains(&(at % SCENE.width));
        if void { f32::NAN } else { (value(0) + value(1)) * 0.25 - 8.0 }
    };
    let found = values(&map);
    let height = SCENE.height - 30;
    assert_eq!(found[0].len(), SCENE.width * height);
    for (at, value) in found[0].iter().enumerate() {
        let expected = expected(at);
        assert!(
            value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(),
            "{at}: {value} {expected}"
        );
    }
    let counts = &map.manifest["counts"];
    let valid = found[0].iter().filter(|value| value.is_finite()).count() as u64;
    assert_eq!(
        (counts["pixels_valid"].as_u64(), counts["values"][0]["pixels"].as_u64()),
        (Some(valid), Some(valid))
    );
    assert!(counts["masked"]["pixels_masked"].as_u64().unwrap() > 0);
}

/// What a network computes beyond the range of floats is no value: counted, and in the warnings.
#[test]
fn outputs_that_are_no_numbers_are_counted() {
    let place = Place::empty();
    let settings = HandSet::regression(&["red", "green", "blue"], &["height"]);
    // Beyond the greatest float where red is above 170.
    let weights = [vec![2e36, 0.0, 0.0]];
    hand_set_linear(&settings, &weights, &[0.0], &place.path("model")).unwrap();
    place.config("");
    let picture = Picture::new(5, 12);
    let scene = place.draw("a.tif", &picture, SCENE);
    let ended = place.try_run(&[&scene], "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let red = &picture.bands(SCENE)[..SCENE.width * SCENE.height];
    let beyond = red.iter().filter(|value| !(f32::from(**value) * 2e36).is_finite()).count();
    assert!(beyond > 0 && beyond < red.len());
    let found = &values(&map)[0];
    assert_eq!(found.iter().filter(|value| value.is_nan()).count(), beyond);
    assert_eq!(map.manifest["counts"]["values"][0]["not_finite"].as_u64(), Some(beyond as u64));
    assert!(
        ended.err.contains(&format!("{beyond} of")) && ended.err.contains("no finite numbers"),
        "{}",
        ended.err
    );
    let codes = map.manifest["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap());
    assert!(codes.into_iter().any(|code| code == "not-finite"));
    // A network whose outputs are all beyond it: a map of nothing, and it says why.
    hand_set_linear(&settings, &[vec![3e38, 0.0, 0.0]], &[0.0], &place.path("model")).unwrap();
    let ended = place.try_run(&[&scene], "nothing", &[]).expect(0);
    assert!(ended.err.contains("no finite numbers"), "{}", ended.err);
    let map = Map::at(&place.path("nothing"));
    assert!(values(&map)[0].iter().all(|value| value.is_nan()));
    assert_eq!(map.manifest["counts"]["values"][0]["pixels"].as_u64(), Some(0));
}

#[test]
fn what_is_about_classes_is_refused() {
    let place = Place::empty();
    package(&place);
    let scene = place.draw("a.tif", &Picture::new(5, 12), SCENE);
    let refused = |config: &str, expected: &str| {
        place.config(config);
        let err = place.try_run(&[&scene], "out", &[]).expect(2).err;
        // What is wrong in itself is refused with an example.
        let helps = err.contains("hint:") || err.contains(": [2.0, 5.0]");
        assert!(err.contains(expected) && helps, "{config}: {err}");
        assert!(place.shows_nothing("out"));
    };
    refused(
        "[coverage]\nmmu_m2 = 1.0\n",
        "gives measured values (`height`, `share`), and `coverage` is about classes",
    );
    refused("[features]\nclasses = [\"height\"]\n", "`features.classes` is about classes");
    refused(
        "[[reference.override]]\nname = \"a\"\nlayer = { source = \"a.gpkg\", id = \"id\" }\nclass = \"x\"\n",
        "`reference` is about classes",
    );
    refused("[abstain]\nmax_risk = 0.05\n", "measures values, which have no confidence");
    refused("[confidence]\nterritory = \"a\"\n", "measures values, which have no confidence");
    refused("[values]\nbreaks = [1.0]\n", "breaks are for one of several measured values");
    refused("[values]\nof = \"depth\"\nbreaks = [1.0]\n", "there is no measured value `depth`");
    refused("[values]\nof = \"height\"\nbreaks = [2.0, 1.0]\n", "each above the one before");
    refused("[values]\nof = \"height\"\nbreaks = []\n", "1 to 253 finite numbers");
    place.config("[mask]\nlayers = [\"model\"]\n");
    let err = place.try_run(&[&scene], "out", &[]).expect(2).err;
    assert!(err.contains("gives measured values, and a mask is made of classes"), "{err}");
    // What is done with maps of classes.
    place.config("");
    place.run(&[&scene], "map", &[]);
    // The first 10 m of the scene.
    let corner = |col: i64, row: i64| {
        [(SCENE.col + col, 1.0), (SCENE.row + row, -1.0)].map(|(at, side)| exact(at) * GSD * side)
    };
    let ring = [(0, 0), (0, 50), (50, 50), (50, 0), (0, 0)].map(|(col, row)| corner(col, row));
    let zone = json!({ "type": "Polygon", "coordinates": [ring] });
    crate::reference::layer(&place, "zones.geojson", &[(json!({ "n": 1 }), zone)]);
    place.write("zonal.toml", "values = []\n");
    place.write("change.toml", "");
    let zonal = ["zonal", "zonal.toml", "--map", "map", "--zones", "zones.geojson", "--output", "z"];
    for words in
        [&zonal[..], &["change", "change.toml", "--before", "map", "--after", "map", "--output", "change"]]
    {
        let err = place.arpent(words).expect(2).err;
        assert!(
            err.contains("has no label raster") && err.contains("`breaks` under [values]"),
            "{words:?}: {err}"
        );
    }
    // With its statistics it has zones.
    place.write("zonal.toml", "");
    place.arpent(&zonal).expect(0);
    let zones = std::fs::read_to_string(Map::at(&place.path("z")).file("zones.csv")).unwrap();
    let names: Vec<&str> = zones.lines().next().unwrap().split(',').collect();
    for name in ["height_area_m2", "height_mean", "height_std", "share_min", "share_max"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // A map that has classes is not taken for one that has none.
    place.config("[values]\nof = \"height\"\nbreaks = [1.0]\n[rasters]\nlabels = false\n");
    place.run(&[&scene], "map", &["--overwrite"]);
    let err = place.arpent(&[&zonal[..], &["--overwrite"]].concat()).expect(2).err;
    assert!(err.contains("has no label raster") && err.contains("labels = true"), "{err}");
    let other = Place::new();
    let scene = other.draw("a.tif", &Picture::new(5, 12), SCENE);
    other.config("[values]\nbreaks = [1.0]\n");
    let err = other.try_run(&[&scene], "out", &[]).expect(2).err;
    assert!(
        err.contains("[values] makes classes of measured values") && err.contains("gives classes"),
        "{err}"
    );
}
