//! Zonal statistics of measured values, against exactextract (`tests/oracle/zonal_values.json`, made by `make_zonal_values.py`).

use std::sync::Arc;

use arpent_base::number::narrow;
use arpent_gdal::{RasterKind, StripWriter, ValueBand, describe_crs};
use arpent_publish::{Counts, Manifest, MeasuredCounts, StagedArtifact, Target};
use arpent_raster::{Class, Color, Grid, Nomenclature};
use serde_json::{Value, json};

use crate::common::{Map, Place, gdal};
use crate::zonal::{manifest, rows, zonal};

const ORACLE: &str = include_str!("../oracle/zonal_values.json");
const ZONES: &str = "map = \"map\"\nzones = \"zones.geojson\"\nid = \"zone\"\n";
const NAMES: [&str; 2] = ["height", "wood volume"];

fn oracle() -> Value {
    serde_json::from_str(ORACLE).unwrap()
}

/// Publishes the values of the oracle at `map`, with classes beside them on request, and its zones beside it.
fn place(with_classes: bool) -> Place {
    let (place, oracle) = (Place::empty(), oracle());
    let number = |key: &str, i: usize| oracle[key][i].as_f64().unwrap();
    let side = |i: usize| usize::try_from(oracle["size"][i].as_u64().unwrap()).unwrap();
    let gsd = oracle["gsd"].as_f64().unwrap();
    let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
    let corner = [number("corner", 0), gsd, 0.0, number("corner", 1), 0.0, -gsd];
    let placed = Grid::place(crs, corner, side(0), side(1)).unwrap();
    let (window, grid, temporary) = (placed.window, placed.grid, place.path("raster.tmp"));
    let band =
        |(name, unit): (&str, Option<&str>)| ValueBand { name: name.into(), unit: unit.map(str::to_owned) };
    let bands = [(NAMES[0], Some("m")), (NAMES[1], None)].map(band);
    let value = |value: &Value| value.as_f64().map_or(f32::NAN, narrow);
    let values: Vec<Vec<f32>> = (oracle["bands"].as_array().unwrap().iter())
        .map(|band| band.as_array().unwrap().iter().map(value).collect())
        .collect();
    let mut writer = StripWriter::create_values(&temporary, window, &grid, &bands).unwrap();
    writer.write_bands(window.row, &[&values[0], &values[1]]).unwrap();
    writer.finish_cog(&place.path("values.tif"), 1).unwrap();
    let mut staged = vec![StagedArtifact::new(&place.path("values.tif"), "values").unwrap()];
    if with_classes {
        let class = |(id, name): (u8, &str)| Class {
            id,
            name: name.into(),
            name_fr: None,
            code: None,
            color: Color([id, 0, 0]),
            features: false,
        };
        let classes = Nomenclature::new([(1, "low"), (2, "high")].map(class).to_vec()).unwrap();
        let labels: Vec<u8> = values[0]
            .iter()
            .map(|value| if value.is_nan() { 255 } else { 1 + u8::from(*value > 40.0) })
            .collect();
        let mut writer =
            StripWriter::create(&temporary, window, &grid, RasterKind::Labels(&classes)).unwrap();
        writer.write_rows(window.row, &labels).unwrap();
        writer.finish_cog(&place.path("labels.tif"), 1).unwrap();
        staged.push(StagedArtifact::new(&place.path("labels.tif"), "labels").unwrap());
    }
    let counts = |band: ValueBand| MeasuredCounts {
        name_fr: band.unit.as_ref().map(|_| "hauteur".into()),
        name: band.name,
        unit: band.unit,
        ..MeasuredCounts::default()
    };
    let counts = Counts { values: bands.map(counts).to_vec(), ..Counts::default() };
    let manifest = Manifest { counts, ..manifest() };
    Target::parse(&place.text("map")).unwrap().publish(&staged, manifest, true).unwrap();
    let zone = |zone: &Value| json!({ "type": "Feature", "properties": { "zone": zone["zone"] }, "geometry": zone["geometry"] });
    let zones: Vec<Value> = oracle["zones"].as_array().unwrap().iter().map(zone).collect();
    let crs = json!({ "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::2154" } });
    let layer = json!({ "type": "FeatureCollection", "crs": crs, "features": zones });
    place.write("zones.geojson", &layer.to_string());
    place
}

/// Compares all statistics with the oracle's, whose parts of pixels are of single precision.
#[track_caller]
fn assert_as_oracle(map: &Map) {
    let (oracle, gsd) = (oracle(), 0.5);
    let (rows, expected) = (rows(map), oracle["zones"].as_array().unwrap());
    assert_eq!(rows.len(), expected.len());
    let mut compared = 0;
    for (row, zone) in rows.iter().zip(expected) {
        assert_eq!(row["id"], zone["zone"].as_str().unwrap());
        for (stem, of) in ["height", "wood_volume"].iter().zip(zone["values"].as_array().unwrap()) {
            let got = |what: &str| row[&format!("{stem}_{what}")].parse::<f64>().ok();
            let area = of["pixels"].as_f64().unwrap_or(0.0) * gsd * gsd;
            assert!((got("area_m2").unwrap() - area).abs() < 2e-6 * area.max(1.0), "{row:?}");
            for statistic in ["mean", "std", "min", "max"] {
                let (got, expected) = (got(statistic), of[statistic].as_f64());
                assert_eq!(got.is_some(), expected.is_some(), "{stem} {statistic}: {row:?}");
                let apart = got.unwrap_or_default() - expected.unwrap_or_default();
                assert!(apart.abs() < 1e-5, "{stem} {statistic}: {got:?}, expected {expected:?}");
                compared += usize::from(expected.is_some());
            }
        }
    }
    assert!(compared >= 48, "{compared}");
}

#[test]
fn values_of_zones_are_those_of_exactextract() {
    let place = place(false);
    zonal(&place, ZONES, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    assert_as_oracle(&map);
    // Valid is where any value is: of most zones the first one has more.
    let rows = rows(&map);
    let number = |row: usize, name: &str| rows[row][name].parse::<f64>().unwrap();
    assert!(number(1, "valid_area_m2") >= number(1, "height_area_m2"));
    assert!((number(0, "valid_area_m2") - 17.5).abs() < 1e-6 && (number(0, "area_m2") - 17.5).abs() < 1e-6);
    let counts = &map.manifest["counts"]["zones"];
    let count = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(
        (count("zones"), count("outside"), count("without_data"), count("partly_outside")),
        (8, 1, 1, 1)
    );
    // The same in the GeoPackage, with French titles on request.
    let french = ZONES.to_owned() + "titles = \"fr\"\nvalues = [\"mean\"]\n";
    zonal(&place, &french, "fr", &[]).expect(0);
    let map = Map::at(&place.path("fr"));
    let told = gdal("ogrinfo", &["-ro", "-so", map.file("zones.gpkg").to_str().unwrap(), "zones"]);
    assert!(told.contains("height_mean"), "{told}");
    let style = std::fs::read_to_string(map.file("zones.qml")).unwrap();
    assert!(style.contains("hauteur : moyenne (m)"), "{style}");
    assert!(!told.contains("height_max") && told.contains("wood_volume_mean"), "{told}");
    assert!(place.arpent(&["check", "out"]).expect(0).out.contains("intact"));
}

#[test]
fn values_stand_beside_classes() {
    let place = place(true);
    zonal(&place, &format!("{ZONES}rank_by = \"high\"\n"), "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    assert_as_oracle(&map);
    let with_values = rows(&map);
    assert!(
        with_values[0]["high_share"].parse::<f64>().unwrap() > 0.2 && with_values[0].contains_key("rank")
    );
    // Without them everything else is the same.
    zonal(&place, &format!("{ZONES}rank_by = \"high\"\nvalues = []\n"), "few", &[]).expect(0);
    let few = Map::at(&place.path("few"));
    assert_ne!(few.manifest["run_id"], map.manifest["run_id"]);
    for (few, all) in rows(&few).iter().zip(&with_values) {
        assert!(!few.contains_key("height_mean"), "{few:?}");
        assert!(few.iter().all(|(name, value)| name == "run_id" || all[name] == *value), "{few:?} {all:?}");
    }
}

#[test]
fn classes_of_a_map_without_any_are_refused() {
    let place = place(false);
    for (more, line) in [
        ("rank_by = \"high\"\n", 4),
        ("[[ratios]]\nname = \"a\"\nnumerator = [\"b\"]\ndenominator = [\"c\"]\n", 4),
    ] {
        let refused = zonal(&place, &format!("{ZONES}{more}"), "out", &[]).expect(2);
        let told = &refused.err;
        assert!(
            told.contains("has measured values and no classes") && told.contains("`breaks` under [values]"),
            "{told}"
        );
        assert!(told.contains(&format!("line {line}")), "{told}");
    }
    let refused = zonal(&place, &format!("{ZONES}values = []\n"), "out", &[]).expect(2);
    assert!(refused.err.contains("has no label raster"), "{}", refused.err);
    let refused = zonal(&place, &format!("{ZONES}values = [\"median\"]\n"), "out", &[]).expect(2);
    assert!(
        refused.err.contains("line 4") && refused.err.contains("did you mean `mean`?"),
        "{}",
        refused.err
    );
}
