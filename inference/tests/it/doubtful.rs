//! Doubtful places, areas and names, which are refused or have a warning.

use arpent_base::number::exact;
use arpent_model::ModelPackage;
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};
use serde_json::Value;

use crate::common::{EPSG, GSD, Map, Place};

/// At the origin of no CRS, and in the middle of a UTM zone.
const SCENE: Window = Window::new(2_500_000, -27_000_000, 120, 100);

fn rgb(window: Window) -> Vec<u8> {
    Picture::new(2, 12).bands(window)
}

/// The warning of a kind that a map has.
fn warning(manifest: &Value, code: &str) -> Option<String> {
    let all = manifest["warnings"].as_array().into_iter().flatten();
    let of_code: Vec<&Value> = all.filter(|warning| warning["code"] == code).collect();
    assert!(of_code.len() < 2, "{of_code:?}");
    of_code.first().map(|warning| warning["message"].as_str().unwrap().to_owned())
}

#[test]
fn a_number_for_a_band_that_the_model_does_not_have_is_refused() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(2, 12), SCENE);
    for (band, hint) in [("Red", "did you mean `red`?"), ("nir", "choose one of blue, green, red")] {
        place.config(&format!("[input]\nbands = {{ {band} = 3, green = 2, blue = 1 }}\n"));
        let refused = place.try_run(&[&scene], "out", &[]).expect(2).err;
        assert!(
            refused.contains(&format!("the model has no band `{band}`; it has blue, green, red")),
            "{refused}"
        );
        assert!(refused.contains(hint), "{refused}");
    }
}

#[test]
fn areas_that_a_projection_changes_have_a_warning() {
    let place = Place::new();
    let told = |epsg: u16, x: i64, y: i64, name: &str| {
        let window = Window::new(x * 5, -y * 5, 60, 50);
        GeoTiff::rgb(epsg, GSD, window, &rgb(window)).write(&place.path(name)).unwrap();
        let map = place.run(&[&place.text(name)], "out", &["--overwrite"]);
        warning(&map.manifest, "areas-off-the-ground")
    };
    // Geodesic areas there are 7.7 % smaller.
    let greenland = told(3413, 50_000, -3_280_000, "greenland.tif").unwrap();
    assert!(greenland.contains("EPSG:3413") && greenland.contains("+7.7 to +7.7 %"), "{greenland}");
    for (epsg, x, y) in
        [(2154, 1_200_000, 6_150_000), (32631, 700_000, 5_400_000), (3035, 2_800_000, 2_000_000)]
    {
        assert_eq!(told(epsg, x, y, &format!("{epsg}.tif")), None);
    }
}

#[test]
fn parts_of_an_aoi_without_scenes_have_a_warning() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(2, 12), SCENE);
    let polygon = |w: Window| {
        let at = |col: i64, row: i64| format!("[{},{}]", exact(col) * GSD, -exact(row) * GSD);
        let [a, b, c, d] =
            [(w.col, w.row), (w.col, w.row_end()), (w.col_end(), w.row_end()), (w.col_end(), w.row)]
                .map(|(col, row)| at(col, row));
        format!(
            r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{a},{b},{c},{d},{a}]]}}}}"#
        )
    };
    let told = |name: &str, windows: &[Window]| {
        let polygons: Vec<String> = windows.iter().map(|window| polygon(*window)).collect();
        let crs =
            format!(r#""crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::{EPSG}"}}}}"#);
        let text = format!(r#"{{"type":"FeatureCollection",{crs},"features":[{}]}}"#, polygons.join(","));
        place.write(name, &text);
        let map = place.run(&[&scene], "out", &["--overwrite", "--aoi", name]);
        warning(&map.manifest, "aoi-without-scene")
    };
    let inside = Window { width: 60, height: 50, ..SCENE };
    let beside = Window { col: SCENE.col_end(), ..inside };
    let across = Window { row: SCENE.row_end() - 10, height: 40, ..inside };
    assert_eq!(told("inside.geojson", &[inside]), None);
    let half = told("half.geojson", &[inside, beside]).unwrap();
    assert!(half.contains("about 50.0 % of half.geojson") && half.contains("1 of its 2 polygons"), "{half}");
    let part = told("part.geojson", &[across]).unwrap();
    assert!(part.contains("about 75.0 %") && part.contains("0 of its 1 polygons"), "{part}");
    // Polygons that overlap count once.
    let twice = told("twice.geojson", &[inside, inside, beside]).unwrap();
    assert!(twice.contains("about 50.0 %") && twice.contains("1 of its 3 polygons"), "{twice}");
}

#[test]
fn pixels_of_millimetres_have_areas_and_limits_of_gsd_are_not_missed_by_a_digit() {
    let place = Place::new();
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    package.gsd_m.min = 0.002;
    package.save(&weights, &place.path("model")).unwrap();
    // As a division of an extent gives it: below the limit in the ninth digit.
    let window = Window::new(250_000_000, -2_700_000_000, 120, 100);
    GeoTiff::rgb(EPSG, 0.001_999_999_999, window, &rgb(window)).write(&place.path("a.tif")).unwrap();
    let map: Map = place.run(&[&place.text("a.tif")], "out", &[]);
    let areas: Vec<f64> = map.features().iter().map(|row| row.pixels.parse().unwrap()).collect();
    assert!(areas.iter().all(|area| *area >= 0.000_004), "{areas:?}");
    let sum: f64 = areas.iter().sum();
    // Whole pixels of 4 mm2, none lost to rounding.
    let pixels = sum / (0.001_999_999_999 * 0.001_999_999_999);
    assert!(pixels > 8000.0 && (pixels - pixels.round()).abs() < 0.01, "{pixels}");
    let outlines: f64 = map.features().iter().map(|row| row.area.parse::<f64>().unwrap()).sum();
    assert!((outlines / sum - 1.0).abs() < 1e-6, "{outlines}");
}
