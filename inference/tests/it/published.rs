//! What is published agrees with itself: rasters, features, zonal results, and what commands say of them.

use arpent_base::number::{exact, truncate};
use arpent_raster::{Grid, PixelArea, Window};
use arpent_testing::Picture;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{Ended, GSD, Map, Place, gdal};
use crate::reference::{OVERRIDE, SCENE, layer, place, properties, rectangle};
use crate::zonal::rows;

const CLASSES: [&str; 4] = ["background", "class 1", "class 2", "class 3"];

/// Where a scene lies: its CRS, pixel and window.
struct Ground {
    epsg: u16,
    gsd: f64,
    window: Window,
}

/// The scene of other tests, and one of the same pixels in degrees, across the antimeridian.
const LAMBERT: Ground = Ground { epsg: 2154, gsd: GSD, window: SCENE };
const ACROSS: Ground = Ground {
    epsg: 4326,
    gsd: 0.0005,
    window: Window::new(360_000 - 90, 32_000 - 80, SCENE.width, SCENE.height),
};

impl Ground {
    /// Corner of a pixel of the scene, counted from its upper left one.
    fn at(&self, col: f64, row: f64) -> [f64; 2] {
        [(exact(self.window.col) + col) * self.gsd, -(exact(self.window.row) + row) * self.gsd]
    }

    /// A rectangle of pixels; in degrees, what is east of the antimeridian is written in degrees west.
    fn rectangle(&self, [c0, r0, c1, r1]: [f64; 4]) -> Value {
        let west = |[x, y]: [f64; 2]| if self.epsg == 4326 && x > 180.0 { [x - 360.0, y] } else { [x, y] };
        let ring = [(c0, r0), (c0, r1), (c1, r1), (c1, r0), (c0, r0)].map(|(c, r)| west(self.at(c, r)));
        json!({ "type": "Polygon", "coordinates": [ring] })
    }

    fn layer(&self, place: &Place, name: &str, objects: &[(Value, Value)]) {
        let feature = |(p, g): &(Value, Value)| json!({ "type": "Feature", "properties": p, "geometry": g });
        let crs = json!({ "type": "name", "properties": { "name": format!("urn:ogc:def:crs:EPSG::{}", self.epsg) } });
        let features: Vec<Value> = objects.iter().map(feature).collect();
        let mut all = json!({ "type": "FeatureCollection", "features": features });
        if self.epsg != 4326 {
            all["crs"] = crs;
        }
        place.write(name, &all.to_string());
    }

    /// Ground area of a pixel of each row, square meters.
    fn areas(&self) -> Vec<f64> {
        let crs = std::sync::Arc::new(arpent_gdal::describe_crs(&format!("EPSG:{}", self.epsg)).unwrap());
        let grid = Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: self.gsd, gsd_y: self.gsd };
        let area = PixelArea::new(&grid);
        (self.window.row..self.window.row_end()).map(|row| area.of_row(row)).collect()
    }

    /// A column of the features drawn on the pixels of the scene by GDAL, -1 where there is none.
    fn drawn(&self, map: &Map, place: &Place, column: &str) -> Vec<i32> {
        let ([west, north], [east, south]) =
            (self.at(0.0, 0.0), self.at(exact(self.window.width), exact(self.window.height)));
        let (out, gsd) = (place.text("drawn.img"), self.gsd.to_string());
        let extent = [west, south, east, north].map(|v| v.to_string());
        let sql = format!("SELECT {column} + 0 AS n, geom FROM features");
        let mut words = vec!["-q", "-a", "n", "-sql", &sql, "-init", "-1", "-ot", "Int32", "-of", "ENVI"];
        words.extend(["-tr", &gsd, &gsd, "-te"]);
        words.extend(extent.iter().map(String::as_str));
        let mut features = map.file("features.gpkg");
        if self.epsg == 4326 {
            // Features are cut at 180 degrees; the scene goes on beyond.
            let whole = place.path("whole.gpkg");
            let _ = std::fs::remove_file(&whole);
            let wrapped = "+proj=longlat +datum=WGS84 +lon_wrap=180";
            let places = [&whole, &features].map(|path| path.to_str().unwrap());
            gdal("ogr2ogr", &["-f", "GPKG", "-t_srs", wrapped, places[0], places[1], "features"]);
            features = whole;
        }
        words.extend([features.to_str().unwrap(), &out]);
        gdal("gdal_rasterize", &words);
        let bytes = std::fs::read(out).unwrap();
        bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }
}

/// Asserts that the score of each feature is the mean confidence of those of its pixels that the network gave its class.
fn assert_scores(ground: &Ground, map: &Map, place: &Place) {
    let (drawn, predicted) = (ground.drawn(map, place, "fid"), map.labels());
    let confidence = map.raster("confidence.tif");
    let sql = "SELECT fid + 0 AS n, class_id, score FROM features";
    let features = map.file("features.gpkg");
    let csv = gdal("ogr2ogr", &["-f", "CSV", "-sql", sql, "/vsistdout/", features.to_str().unwrap()]);
    let mut seen = 0;
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').map(|c| c.trim_matches('"')).collect();
        let (n, class): (i32, u8) = (cells[0].parse().unwrap(), cells[1].parse().unwrap());
        let own = drawn.iter().zip(&predicted).zip(&confidence);
        let said: Vec<f64> = own
            .filter(|((d, p), _)| **d == n && **p == class)
            .map(|(_, c)| f64::from(*c) * arpent_raster::CONFIDENCE_SCALE)
            .collect();
        let score: Option<f64> = cells[2].parse().ok();
        assert_eq!(score.is_none(), said.is_empty(), "{line}");
        let mean = said.iter().sum::<f64>() / f64::from(u32::try_from(said.len().max(1)).unwrap());
        assert!((score.unwrap_or(0.0) - mean).abs() < 6e-5, "{line}: expected {mean}");
        seen += 1;
    }
    assert!(seen > 3, "{csv}");
}

/// Bands of pixels that the network calls background.
fn green(pixels: usize) -> Vec<u8> {
    [55u8, 105, 55].into_iter().flat_map(|value| std::iter::repeat_n(value, pixels)).collect()
}

/// Zones that are whole pixels: the scene in four parts, by a column and a row.
fn zones(ground: &Ground, place: &Place, name: &str, col: f64, row: f64) -> [[usize; 4]; 4] {
    let (c, r) = (truncate::<usize>(col), truncate::<usize>(row));
    let parts = [[0, 0, c, r], [c, 0, 230, r], [0, r, c, 190], [c, r, 230, 190]];
    let shapes: Vec<_> =
        (0..).zip(parts).map(|(i, part)| (json!({ "n": i }), ground.rectangle(part.map(exact)))).collect();
    ground.layer(place, name, &shapes);
    parts
}

/// Pixels of a class in a part of the scene.
fn pixels(raster: &[u8], [c0, r0, c1, r1]: [usize; 4], class: u8) -> u32 {
    let rows = (r0..r1).flat_map(|row| &raster[row * SCENE.width + c0..row * SCENE.width + c1]);
    u32::try_from(rows.filter(|label| **label == class).count()).unwrap()
}

fn zonal(place: &Place, map: &str, more: &str, output: &str) -> Ended {
    place.write("zonal.toml", &format!("map = \"{map}\"\nzones = \"zones.geojson\"\nid = \"n\"\n{more}"));
    place.arpent(&["zonal", "zonal.toml", "--output", output])
}

fn number(row: &std::collections::BTreeMap<String, String>, name: &str) -> f64 {
    row.get(name).unwrap_or_else(|| panic!("{name} in {row:?}")).parse().unwrap_or(f64::NAN)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn raster_features_and_zones_of_a_map_are_one(
        mmu in 0u32..6, size in 32usize..200, threads in 1usize..4, seed in 0u32..1000, is_coverage: bool, is_across: bool,
    ) {
        let (place, mut scene) = place();
        let ground = if is_across { ACROSS } else { LAMBERT };
        let areas = ground.areas();
        if is_across {
            scene = place.text("across.tif");
            let bands = Picture::new(11, 7).bands(SCENE);
            arpent_testing::GeoTiff::rgb(ground.epsg, ground.gsd, ground.window, &bands).write(&place.path("across.tif")).unwrap();
        }
        // Large objects, and some below the minimum mapping unit.
        let objects: Vec<_> = (0..24u32).map(|i| {
            let at = |n: u32| f64::from((seed + i) * n % 199) + f64::from(seed % 7) / 7.0;
            let [width, height] = if i < 9 { [25.5, 17.25] } else { [3.5, 4.25] };
            (json!({ "cleabs": i }), ground.rectangle([at(37), at(101), at(37) + width, at(101) + height]))
        }).collect();
        ground.layer(&place, "topo.geojson", &objects);
        let coverage = format!("[coverage]\nmmu_m2 = {}\n", f64::from(mmu) * areas[0] / 0.04);
        place.config(&format!("{}{OVERRIDE}", if is_coverage { &coverage } else { "" }));
        let map = place.run(&[&scene], "out", &["--threads", "1"]);
        let words = ["--threads", &threads.to_string(), "--window", &size.to_string()].map(str::to_owned);
        let other = place.run(&[&scene], "other", &words.each_ref().map(String::as_str));
        let hash = |map: &Map| map.hashes().into_iter().find(|(name, _)| name == "map.tif").unwrap().1;
        prop_assert_eq!(hash(&map), hash(&other), "the same bytes, whatever the windows");
        // The raster is what the features are made of, pixel by pixel; without a coverage, the background has no features.
        let (raster, predicted) = (map.raster("map.tif"), map.labels());
        prop_assert!(raster != predicted);
        let drawn = ground.drawn(&map, &place, "class_id");
        let has_feature = |class: u8| is_coverage || class != 0;
        let expected: Vec<i32> = raster.iter().map(|class| if has_feature(*class) { i32::from(*class) } else { -1 }).collect();
        prop_assert!(drawn == expected, "{} pixels differ", drawn.iter().zip(&expected).filter(|(a, b)| a != b).count());
        assert_scores(&ground, &map, &place);
        // Zones measure that raster, and the features of all zones together are those of the map.
        let parts = zones(&ground, &place, "zones.geojson", f64::from(seed % 200 + 10), f64::from(seed % 150 + 10));
        zonal(&place, "out", "", "per-zone").expect(0);
        let found = rows(&Map::at(&place.path("per-zone")));
        let features = map.features();
        for (id, name) in (0u8..).zip(CLASSES) {
            let stem = name.replace(' ', "_");
            let (mut area, mut objects) = (0.0, 0.0);
            for (row, part) in found.iter().zip(parts) {
                let expected = f64::from(pixels(&raster, part, id));
                let counted = number(row, &format!("{stem}_pixels"));
                prop_assert!((counted - expected).abs() < 1e-6, "{name} {row:?}");
                let measured = number(row, &format!("{stem}_area_m2"));
                let row_by_row = |r: usize| f64::from(pixels(&raster, [part[0], r, part[2], r + 1], id)) * areas[r];
                let expected: f64 = (part[1]..part[3]).map(row_by_row).sum();
                prop_assert!((measured - expected).abs() < 1e-5 + 1e-9 * expected, "{name}: {measured} {expected}");
                area += measured;
                objects += if has_feature(id) { number(row, &format!("{stem}_objects")) } else { 0.0 };
                let is_empty = row[&format!("{stem}_objects")].is_empty();
                prop_assert_eq!(is_empty, !has_feature(id));
            }
            let of_class: Vec<_> = features.iter().filter(|f| f.class == name).collect();
            let number = |text: &str| text.parse::<f64>().unwrap();
            let sum: f64 = of_class.iter().map(|f| number(&f.area)).sum();
            prop_assert!(!has_feature(id) || (area - sum).abs() < 1e-4 + 1e-7 * sum, "{name}: {area} m2 in zones, {sum} m2 of features");
            prop_assert!(!has_feature(id) || (objects - f64::from(u32::try_from(of_class.len()).unwrap())).abs() < 0.5, "{name}: {objects}");
            let is_drawn = |f: &&crate::common::Row| (number(&f.area) - number(&f.pixels)).abs() <= 1e-7 * number(&f.area);
            prop_assert!(of_class.iter().all(is_drawn), "nothing is drawn otherwise");
        }
    }
}

#[test]
fn what_was_overridden_and_eliminated_again_leaves_the_score() {
    let (place, scene) = place();
    place.config("[coverage]\nmmu_m2 = 1.0\n");
    let plain = place.run(&[&scene], "plain", &[]);
    // One pixel in the middle of what the network called something else.
    let (at, class) = plain
        .labels()
        .iter()
        .copied()
        .enumerate()
        .skip(40 * SCENE.width + 40)
        .find(|(_, l)| *l != 3)
        .unwrap();
    let [col, row] = [exact(at % SCENE.width), exact(at / SCENE.width)];
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "B" }), rectangle([col, row, col + 1.0, row + 1.0]))]);
    place.config(&format!("[coverage]\nmmu_m2 = 1.0\n{OVERRIDE}"));
    let map = place.run(&[&scene], "out", &[]);
    assert_eq!(map.manifest["counts"]["references"][0]["pixels_overridden"], json!(1));
    assert_eq!(map.raster("map.tif")[at], plain.raster("map.tif")[at], "class {class}");
    assert_scores(&LAMBERT, &map, &place);
    let scores = |map: &Map| map.features().into_iter().map(|f| (f.id, f.score)).collect::<Vec<_>>();
    assert_eq!(scores(&map), scores(&plain));
}

#[test]
fn objects_are_counted_from_each_format_alone() {
    let (place, scene) = place();
    arpent_testing::GeoTiff::rgb(ACROSS.epsg, ACROSS.gsd, ACROSS.window, &Picture::new(11, 7).bands(SCENE))
        .write(&place.path("across.tif"))
        .unwrap();
    for (ground, scene) in [(LAMBERT, scene.as_str()), (ACROSS, "across.tif")] {
        zones(&ground, &place, "zones.geojson", 95.0, 90.0);
        let mut seen: Vec<Vec<f64>> = Vec::new();
        for format in ["geopackage", "flatgeobuf", "geojson", "geoparquet"] {
            place.config(&format!("[features]\nformats = [\"{format}\"]\n"));
            let output = format!("{format}-{}", ground.epsg);
            let map = place.run(&[scene], &output, &[]);
            let ended = zonal(&place, &output, "", &format!("zones-{output}")).expect(0);
            assert!(!ended.err.contains("warning"), "{}", ended.err);
            let of_zones = Map::at(&place.path(&format!("zones-{output}")));
            assert!(of_zones.manifest.get("warnings").is_none(), "{}", of_zones.manifest);
            let found = rows(&of_zones);
            let names = ["class_1_objects", "class_2_objects", "class_3_objects"];
            let counts: Vec<f64> = found.iter().flat_map(|row| names.map(|name| number(row, name))).collect();
            let features = map.manifest["counts"]["features"].as_f64().unwrap();
            assert!(
                (counts.iter().sum::<f64>() - features).abs() < 0.5 && features > 20.0,
                "{output}: {counts:?}"
            );
            seen.push(counts);
        }
        assert!(seen.iter().all(|counts| *counts == seen[0]), "{}: {seen:?}", ground.epsg);
    }
}

#[test]
fn the_map_is_among_the_files_where_it_is_not_the_prediction() {
    let (place, scene) = place();
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "B" }), rectangle([20.0, 20.0, 60.0, 50.0]))]);
    let names = |config: &str, output: &str| {
        place.config(config);
        let plan = place.arpent(&["plan", "run.toml", "--scene", &scene, "--format", "json"]).expect(0);
        let plan: Value = serde_json::from_str(&plan.out).unwrap();
        let map = place.run(&[&scene], output, &[]);
        let mut published: Vec<String> = map.hashes().into_iter().map(|(name, _)| name).collect();
        published.push("manifest.json".into());
        assert_eq!(plan["maps"][0]["artifacts"], json!(published), "{config}");
        place.arpent(&["check", output]).expect(0);
        (published.contains(&"map.tif".to_owned()), map)
    };
    assert!(!names("", "plain").0, "labels.tif is the map");
    assert!(!names(&format!("{OVERRIDE}[rasters]\nmap = false\n"), "without").0);
    assert!(names("[coverage]\nmmu_m2 = 2.0\n", "coverage").0);
    let (has_map, map) = names(OVERRIDE, "overridden");
    assert!(has_map);
    let item: Value = serde_json::from_str(&std::fs::read_to_string(map.file("item.json")).unwrap()).unwrap();
    assert_eq!(item["assets"]["map.tif"]["roles"], json!(["data", "map"]));
    let info = gdal("gdalinfo", &["-json", map.file("map.tif").to_str().unwrap()]);
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"], "COG");
    let told = place.arpent(&["inspect", "overridden"]).expect(0).out;
    assert!(told.lines().any(|line| line.starts_with("map ") && line.contains("map.tif")), "{told}");
}

#[test]
fn zones_measure_the_map_and_on_request_the_prediction() {
    let (place, scene) = place();
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "B" }), rectangle([-5.0, -5.0, 300.0, 300.0]))]);
    let parts = zones(&LAMBERT, &place, "zones.geojson", 115.0, 95.0);
    place.config(OVERRIDE);
    let map = place.run(&[&scene], "out", &[]);
    let predicted = map.labels();
    assert!(map.raster("map.tif").iter().all(|class| *class == 3));
    zonal(&place, "out", "", "published").expect(0);
    let told = zonal(&place, "out", "measure = \"prediction\"\n", "predicted").expect(0);
    assert!(
        told.err.contains("warning: ") && told.err.contains("not those of the published features"),
        "{}",
        told.err
    );
    let predicted_map = Map::at(&place.path("predicted"));
    assert_eq!(predicted_map.manifest["warnings"][0]["code"], "prediction-measured");
    let published_map = Map::at(&place.path("published"));
    assert_ne!(published_map.manifest["run_id"], predicted_map.manifest["run_id"]);
    for ((published, said), part) in rows(&published_map).iter().zip(rows(&predicted_map)).zip(parts) {
        let all: u32 = (0..4).map(|class| pixels(&predicted, part, class)).sum();
        assert!((number(published, "class_3_area_m2") - f64::from(all) * 0.04).abs() < 1e-6);
        assert!((number(&said, "class_3_pixels") - f64::from(pixels(&predicted, part, 3))).abs() < 1e-6);
        // What was overridden on another class has no score; the score is that of pixels which the network called so too.
        assert!(published["background_score"].is_empty() && !said["background_score"].is_empty());
        assert_eq!(published["class_3_score"], said["class_3_score"]);
        assert!(!said.contains_key("class_3_objects"), "features are of the map, not of the prediction");
    }
    // The one feature: its score is that of the pixels that the network called so too, of all others it has none.
    let features = properties(&map);
    assert_eq!((features.len(), &features[0]["class_name"]), (1, &json!("class 3")));
    assert!(features[0]["score"].as_f64().unwrap() > 0.3, "{features:?}");
    // Without the label raster the classes of the confidences are unknown.
    place.config(&format!("{OVERRIDE}[rasters]\nlabels = false\n"));
    place.run(&[&scene], "unlabeled", &[]);
    zonal(&place, "unlabeled", "", "scoreless").expect(0);
    let row = &rows(&Map::at(&place.path("scoreless")))[0];
    assert!(row.contains_key("class_3_area_m2") && !row.contains_key("class_3_score"), "{row:?}");
    // Without its own raster, the map cannot be added up: never the prediction instead, without a word.
    place.config(&format!("{OVERRIDE}[rasters]\nmap = false\n"));
    place.run(&[&scene], "bare", &[]);
    let refused = zonal(&place, "bare", "", "none").expect(2);
    assert!(refused.err.contains("has no raster of the published classes"), "{}", refused.err);
    assert!(refused.err.contains("measure = \"prediction\""), "{}", refused.err);
    zonal(&place, "bare", "measure = \"prediction\"\n", "bare-predicted").expect(0);
}

#[test]
fn a_feature_that_was_overridden_has_no_score_in_any_format() {
    let (place, scene) = place();
    // The picture has no pixel of one class where the network is sure: classes are given by place, in a scene of one color.
    let column = rectangle([-5.0, -5.0, 300.0, 300.0]);
    layer(&place, "all.geojson", &[(json!({ "id": 1 }), column)]);
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "B" }), rectangle([20.0, 20.0, 60.0, 50.0]))]);
    let all = "[[reference.override]]\nname = \"all\"\nclass = \"class 2\"\nlayer = { source = \"all.geojson\", id = \"id\" }\n";
    place.config(&format!("{all}{OVERRIDE}"));
    let map = place.run(&[&scene], "out", &[]);
    // Nothing of what lies under the object was seen as its class.
    let predicted = map.labels();
    let under = (20..50).flat_map(|row| &predicted[row * SCENE.width + 20..row * SCENE.width + 60]);
    let seen = under.filter(|class| **class == 3).count();
    let found = properties(&map);
    let building = found.iter().find(|f| f["class_name"] == "class 3").unwrap();
    assert_eq!((building["score"].is_null(), &building["topo_id"]), (seen == 0, &json!("B")));
    // Whatever the picture, a scene of one class under objects of another has none.
    let flat = Window::new(SCENE.col, SCENE.row, 64, 64);
    arpent_testing::GeoTiff::rgb(2154, GSD, flat, &green(4096)).write(&place.path("flat.tif")).unwrap();
    let map = place.run(&["flat.tif"], "flat", &[]);
    let found = properties(&map);
    assert!(
        found.len() == 2 && found.iter().all(|f| f["score"].is_null() && f["area_m2"].as_f64() > Some(0.0))
    );
    for name in ["features.gpkg", "features.fgb"] {
        let told = gdal("ogrinfo", &["-ro", "-al", "-geom=NO", map.file(name).to_str().unwrap()]);
        assert_eq!(
            told.matches("score (Real) =").count(),
            told.matches("score (Real) = (null)").count(),
            "{name}: {told}"
        );
    }
}

#[test]
fn touching_buildings_are_counted_together() {
    let (place, scene) = place();
    // 395 buildings of 4 x 4 pixels wall to wall, and one of a reference layer that covers less of them.
    let buildings: Vec<_> = (0..395u32)
        .map(|i| {
            let (col, row) = (f64::from(i % 50) * 4.0, f64::from(i / 50) * 4.0);
            let shape = rectangle([col, row, col + 4.0, row + 4.0 + f64::from(u8::from(i == 350)) * 3.0]);
            (json!({ "cleabs": format!("BAT{i:07}") }), shape)
        })
        .collect();
    layer(&place, "topo.geojson", &buildings);
    arpent_testing::GeoTiff::rgb(2154, GSD, SCENE, &green(SCENE.width * SCENE.height))
        .write(std::path::Path::new(&scene))
        .unwrap();
    let line = |name: &str| {
        format!("[[class]]\nid = 0\nname = \"{name}\"\ncode_cs = \"CS1\"\nreason = \"a test\"\n")
    };
    let codes = format!("from = \"a\"\nto = \"b\"\n{}", CLASSES.map(line).concat());
    place.write("codes.toml", &codes);
    place.config(&format!("[ocs_ge]\nnomenclature = \"codes.toml\"\n[coverage]\nmmu_m2 = 1.0\n{OVERRIDE}"));
    let map = place.run(&[&scene], "out", &[]);
    let found = properties(&map);
    let block = found.iter().find(|f| f["class_name"] == "class 3").unwrap();
    // The largest first, then in the order of the layer.
    for (key, value) in [
        ("topo_id", json!("BAT0000350")),
        ("topo_share", json!(1.0)),
        ("topo_count", json!(395)),
        ("source", json!("topo")),
        ("id_origine", json!("BAT0000350")),
        ("ossature", json!(1)),
        ("score", Value::Null),
    ] {
        assert_eq!(block[key], value, "{key} of {block:#}");
    }
    let ids = block["topo_ids"].as_str().unwrap();
    assert!(ids.starts_with("BAT0000350,BAT0000000,BAT0000001,") && ids.len() < 260, "{ids}");
    let listed = ids.split(',').count() - 1;
    assert!(ids.ends_with(&format!(",+{}", 395 - listed)), "{ids}");
    let ground = found.iter().find(|f| f["class_name"] == "background").unwrap();
    assert!(["topo_id", "topo_share", "topo_count", "topo_ids"].iter().all(|key| ground[*key].is_null()));
    assert_eq!((&ground["source"], &ground["score"].is_null()), (&json!("hand-set"), &false));
}

#[test]
fn areas_of_features_are_those_of_their_polygons() {
    let (place, scene) = place();
    for (config, output) in [
        ("[features]\nsimplify_px = 2.0\n", "simplified"),
        (
            "[coverage]\nmmu_m2 = 2.0\ntolerance_px = 2.0\nsmooth = { cut_px = 2.0 }\nsquare = [\"class 1\"]\n",
            "drawn",
        ),
    ] {
        place.config(config);
        let map = place.run(&[&scene], output, &[]);
        let sql = "SELECT id, area_m2, pixels_area_m2, OGR_GEOM_AREA AS drawn FROM features";
        let csv = gdal(
            "ogr2ogr",
            &[
                "-f",
                "CSV",
                "-dialect",
                "OGRSQL",
                "-sql",
                sql,
                "/vsistdout/",
                map.file("features.gpkg").to_str().unwrap(),
            ],
        );
        let (mut differ, mut all) = (0, 0);
        for line in csv.lines().skip(1) {
            let cells: Vec<f64> =
                line.split(',').skip(1).map(|c| c.trim_matches('"').parse().unwrap()).collect();
            assert!((cells[0] - cells[2]).abs() < 1e-4, "{output}: {line}");
            differ += i32::from((cells[0] - cells[1]).abs() > 1e-3);
            all += 1;
        }
        assert!(differ > 10 && all > differ, "{output}: {differ} of {all}");
    }
}

#[test]
fn ratios_are_columns() {
    let (place, scene) = place();
    let parts = zones(&LAMBERT, &place, "zones.geojson", 100.0, 90.0);
    let map = place.run(&[&scene], "out", &[]);
    let raster = map.labels();
    let ratio = "[[ratios]]\nname = \"Dead share\"\nnumerator = [\"class 1\"]\ndenominator = [\"class 1\", \"class 2\"]\n";
    zonal(&place, "out", ratio, "r").expect(0);
    for (row, part) in rows(&Map::at(&place.path("r"))).iter().zip(parts) {
        let [dead, live] = [1, 2].map(|class| f64::from(pixels(&raster, part, class)));
        assert!((number(row, "dead_share") - dead / (dead + live)).abs() < 1e-8, "{row:?}");
    }
    let refused = zonal(&place, "out", &ratio.replace("\"class 1\"]\nd", "\"sea\"]\nd"), "none").expect(2);
    assert!(refused.err.contains("ratios: the map has no class `sea`"), "{}", refused.err);
    // Nothing below the line.
    layer(&place, "topo.geojson", &[(json!({ "cleabs": "B" }), rectangle([-5.0, -5.0, 300.0, 300.0]))]);
    place.config(OVERRIDE);
    place.run(&[&scene], "one", &[]);
    zonal(&place, "one", ratio, "one-ratio").expect(0);
    assert_eq!(rows(&Map::at(&place.path("one-ratio")))[0]["dead_share"], "");
}

#[test]
fn a_file_of_a_run_is_refused_by_name_where_a_run_is_expected() {
    let (place, scene) = place();
    place.config("");
    let map = place.run(&[&scene], "out", &[]);
    zones(&LAMBERT, &place, "zones.geojson", 100.0, 90.0);
    let (run_id, count) =
        (map.manifest["run_id"].as_str().unwrap(), map.manifest["counts"]["features"].to_string());
    for name in ["features.gpkg", "features.parquet", "features.fgb", "features.geojson"] {
        let file = map.file(name);
        let told = place.arpent(&["inspect", file.to_str().unwrap()]).expect(0).out;
        let class = map.features().iter().filter(|f| f.class == "class 1").count();
        for words in
            [run_id, &format!("{count} features"), &format!("class 1 ({class})"), "not_verified", "out"]
        {
            assert!(told.contains(words), "{words} in {told}");
        }
        // A copy elsewhere describes itself.
        std::fs::copy(&file, place.path(name)).unwrap();
        let told = place.arpent(&["inspect", name, "--format", "json"]).expect(0).out;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["artifact"]["holds"]["features"].to_string(), count, "{name}");
        assert_eq!((&told["artifact"]["run"], &told["artifact"]["output"]), (&Value::Null, &Value::Null));
        assert_eq!(told["artifact"]["holds"]["runs"][run_id].to_string(), count);
    }
    for name in ["labels.tif", "confidence.tif"] {
        let told = place.arpent(&["inspect", map.file(name).to_str().unwrap()]).expect(0).out;
        assert!(told.contains(run_id) && told.starts_with(name.trim_end_matches(".tif")), "{told}");
    }
    let foreign = place.arpent(&["inspect", "zones.geojson"]).expect(2);
    assert!(foreign.err.contains("does not contain the features of a run"), "{}", foreign.err);
    // Every file of the map leads to the folder that is wanted.
    for name in ["labels.tif", "features.gpkg", "item.json"] {
        let file = map.file(name);
        let refused = zonal(&place, file.to_str().unwrap(), "", "none").expect(2);
        assert!(refused.err.contains("is a file; --map takes the output of a run"), "{}", refused.err);
        let output = refused.err.split("--map ").last().unwrap().trim();
        place.arpent(&["zonal", "zonal.toml", "--map", output, "--output", &format!("of-{name}")]).expect(0);
    }
    let zones = Map::at(&place.path("of-labels.tif"));
    let told = place.arpent(&["inspect", zones.file("zones.gpkg").to_str().unwrap()]).expect(0).out;
    assert!(told.contains(zones.manifest["run_id"].as_str().unwrap()) && told.contains('4'), "{told}");
}

#[test]
fn errors_are_documents_with_format_json() {
    let place = Place::new();
    place.write("zonal.toml", "");
    for words in [
        &["plan", "run.toml"][..],
        &["run", "run.toml", "--scene", "none.tif", "--output", "o"],
        &["run", "--scene", "none.tif"],
        &["worker", "--plan", "x", "--index", "0"],
        &["merge", "--plan", "x"],
        &["status", "nowhere"],
        &["submit", "--plan", "x", "--executor", "local"],
        &["zonal", "zonal.toml"],
        &["inspect", "none.tif"],
        &["check", "nowhere"],
        &["model", "import", "none.pt", "--architecture", "unet-resnet34", "--classes", "2", "--output", "p"],
        &["plan", "run.toml", "--no-such-option"],
        &["no-such-verb"],
    ] {
        let ended = place.arpent(&[words, &["--format", "json"]].concat());
        let last = ended.err.trim_end().lines().last().unwrap_or_default();
        let error: Value =
            serde_json::from_str(last).unwrap_or_else(|e| panic!("{words:?}: {e}: {}", ended.err));
        assert!(!error["error"]["message"].as_str().unwrap().is_empty(), "{words:?}");
        assert_eq!(error["error"]["code"], ended.code, "{words:?}: {}", ended.err);
        assert!(error["error"].get("hint").is_some() && ended.code != 0 && ended.out.is_empty(), "{words:?}");
        assert!(!ended.err.contains("error: "), "{words:?}: told once: {}", ended.err);
        let human = place.arpent(words);
        assert!(human.err.contains("error: ") && human.code == ended.code, "{words:?}: {}", human.err);
    }
}

#[test]
fn a_status_of_nothing_is_an_error_and_of_a_map_is_not() {
    let (place, scene) = place();
    place.config("");
    for url in ["nowhere", "model", "nowhere/jobs/0123456789abcdef/plan.json"] {
        let ended = place.arpent(&["status", url]).expect(2);
        assert!(ended.err.contains("hint: ") && ended.out.is_empty(), "{url}: {}", ended.err);
    }
    place.run(&[&scene], "out", &[]);
    let told = place.arpent(&["status", "out"]).expect(0).out;
    assert!(told.contains("its map is published"), "{told}");
}

#[test]
fn a_run_needs_no_configuration() {
    let (place, scene) = place();
    place.config("");
    let with = place.run(&[&scene], "with", &[]);
    let job = ["--model", "model", "--scene", scene.as_str()];
    place.arpent(&[&["plan"][..], &job].concat()).expect(0);
    place.arpent(&[&["run"][..], &job, &["--output", "without"]].concat()).expect(0);
    assert_eq!(with.hashes(), Map::at(&place.path("without")).hashes());
    for verb in ["plan", "run"] {
        let refused = place.arpent(&[verb, "--scene", &scene]).expect(2);
        assert!(refused.err.contains("neither a configuration nor a model"), "{}", refused.err);
        assert!(refused.err.contains("hint: ") && refused.err.contains("--model DIR"), "{}", refused.err);
    }
    // Workers elsewhere understand the same job.
    let words = [&["plan"][..], &job, &["--output", "shared", "--shards", "1", "--format", "json"]].concat();
    let plan: Value = serde_json::from_str(&place.arpent(&words).expect(0).out).unwrap();
    let plan = plan["plan"].as_str().unwrap().to_owned();
    place.worker(&plan, 0).expect(0);
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    let features =
        |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
    assert_eq!(features(&with), features(&Map::at(&place.path("shared"))));
}

#[test]
fn many_scenes_are_summarized_in_one_line() {
    let place = Place::new();
    std::fs::create_dir(place.path("tiles")).unwrap();
    let picture = Picture::new(3, 9);
    for i in 0..22i64 {
        let window = Window::new(SCENE.col + i % 6 * 32, SCENE.row + i / 6 * 32, 32, 32);
        place.draw(&format!("tiles/t{i:02}.tif"), &picture, window);
    }
    let plan = place.arpent(&["plan", "run.toml", "--scene", "tiles", "--output", "out"]).expect(0).out;
    let inspected = place.arpent(&["inspect", "tiles/*.tif"]).expect(0).out;
    let run = place.arpent(&["run", "run.toml", "--scene", "tiles", "--output", "out"]).expect(0).out;
    let map = place.arpent(&["inspect", "out"]).expect(0).out;
    for told in [&plan, &inspected, &run, &map] {
        assert!(
            told.lines().any(|l| l.starts_with("scenes") && l.contains("22, 0.0 Mpx in total")),
            "{told}"
        );
        assert!(!told.contains("t07:"), "{told}");
    }
    let few = place.arpent(&["plan", "run.toml", "--scene", "tiles/t0*.tif"]).expect(0).out;
    assert_eq!(few.matches("scene ").count(), 10, "{few}");
    let json = place.arpent(&["plan", "run.toml", "--scene", "tiles", "--format", "json"]).expect(0).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["maps"][0]["scenes"].as_array().unwrap().len(), 22);
}

/// Commands that a hint names, between backticks, with places filled in.
fn commands(hint: &str, places: &[(&str, &str)]) -> Vec<Vec<String>> {
    let quoted = hint.split('`').skip(1).step_by(2).filter(|words| words.starts_with("arpent "));
    let filled = |word: &str| {
        places
            .iter()
            .find(|(name, _)| *name == word)
            .map_or_else(|| word.to_owned(), |(_, to)| (*to).to_owned())
    };
    quoted.map(|words| words.split_whitespace().skip(1).map(filled).collect()).collect()
}

#[test]
fn commands_of_hints_lead_to_success() {
    let (place, scene) = place();
    place.config("");
    place.run(&[&scene], "map", &[]);
    let plan = place.plan(&[&scene], "planned", 1, &[]);
    let dark = Window::new(SCENE.col, SCENE.row, 40, 40);
    let black = arpent_testing::GeoTiff::rgb(2154, GSD, dark, &[0; 4800]).with_nodata(0.0);
    black.write(&place.path("black.tif")).unwrap();
    place.write("far.geojson", r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#);
    place.write("sea.toml", "model = \"model\"\n[features]\nclasses = [\"sea\"]\n");
    let places = [
        ("SCENE", scene.as_str()),
        ("MODEL", "model"),
        ("PLAN", plan.as_str()),
        ("CONFIG", "run.toml"),
        ("N", "1"),
        ("URL", "planned2"),
        ("OUTPUT", "planned"),
    ];
    let run =
        |config: &'static str, scene: &'static str| vec!["run", config, "--scene", scene, "--output", "none"];
    let mut aoi = run("run.toml", "a.tif");
    aoi.extend(["--aoi", "far.geojson"]);
    let other_job = vec![
        "plan", "run.toml", "--scene", "a.tif", "--output", "planned", "--shards", "1", "--window", "64",
    ];
    let mut executed = 0;
    for (words, expected) in [
        (aoi, 1),
        (run("sea.toml", "a.tif"), 1),
        (run("run.toml", "black.tif"), 1),
        (vec!["merge", "--plan", "map"], 1),
        (vec!["worker", "--plan", "gone/jobs/0123456789abcdef/plan.json", "--index", "0"], 1),
        (vec!["worker", "--plan", &plan, "--index", "7"], 1),
        (vec!["merge", "--plan", &plan], 1),
        (vec!["status", "gone"], 1),
        (vec!["submit", "--plan", "gone", "--executor", "local"], 1),
        (other_job, 1),
    ] {
        let ended = place.arpent(&words);
        assert_ne!(ended.code, 0, "{words:?}");
        let hint = ended.err.split("hint: ").nth(1).unwrap_or_else(|| panic!("{words:?}: {}", ended.err));
        let named = commands(hint, &places);
        assert!(named.len() >= expected, "{words:?}: {hint}");
        for mut command in named {
            // What makes a job is completed by what the job is of; what needs one more word says so itself.
            if command[0] == "plan" {
                command.extend(["--scene".to_owned(), scene.clone()]);
                let _ = std::fs::remove_dir_all(place.path("planned2"));
            }
            if command.len() == 1 {
                continue; // A verb by itself, not a command to type.
            }
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            place.arpent(&command).expect(0);
            executed += 1;
        }
    }
    assert!(executed >= 9, "{executed}");
}
