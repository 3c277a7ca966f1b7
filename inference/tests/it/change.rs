//! Comparisons of two dates by the binary: maps and images, events, ids over three vintages, balances, bad input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arpent_gdal::{RasterKind, StripWriter, describe_crs};
use arpent_raster::{Class, Color, Grid, Nomenclature, Window};
use arpent_testing::{GeoTiff, Picture};
use serde_json::Value;

use crate::common::{EPSG, Ended, GSD, Map, Place, named_hash};

const WIDTH: usize = 200;
const HEIGHT: usize = 160;

/// Classes by id: ground, buildings, forest, water.
const CLASSES: [(&str, &str); 4] =
    [("meadow", "CS2.2.1"), ("building", "CS1.1.1.1"), ("forest", "CS2.1.1.1"), ("water", "CS1.2.2")];

fn classes(with_codes: bool) -> Nomenclature {
    let class = |(id, (name, code)): (u8, &(&str, &str))| Class {
        id,
        name: (*name).to_owned(),
        name_fr: None,
        code: with_codes.then(|| (*code).to_owned()),
        color: Color([40 * id, 100, 30]),
        features: id > 0,
    };
    Nomenclature::new((0..).zip(&CLASSES).map(class).collect()).unwrap()
}

#[derive(Clone)]
pub(crate) struct Labels(Vec<u8>);

impl Labels {
    fn new() -> Self {
        Self(vec![0; WIDTH * HEIGHT])
    }

    /// Fills columns `left` to `right` of rows `top` to `bottom`.
    pub(crate) fn fill(mut self, [left, top, right, bottom]: [usize; 4], class: u8) -> Self {
        for row in top..bottom {
            self.0[row * WIDTH..][left..right].fill(class);
        }
        self
    }

    /// Writes a raster that names its classes.
    pub(crate) fn write(&self, place: &Place, name: &str) -> String {
        self.write_at(place, name, [652_000.0, 6_862_000.0], 0.5)
    }

    fn write_at(&self, place: &Place, name: &str, corner: [f64; 2], gsd: f64) -> String {
        let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
        let placed = Grid::place(crs, [corner[0], gsd, 0.0, corner[1], 0.0, -gsd], WIDTH, HEIGHT).unwrap();
        let (names, part) = (classes(false), place.path("part.tif"));
        let mut raster =
            StripWriter::create(&part, placed.window, &placed.grid, RasterKind::Labels(&names)).unwrap();
        raster.write_rows(placed.window.row, &self.0).unwrap();
        raster.finish_cog(&place.path(name), 1).unwrap();
        place.text(name)
    }
}

/// What a configuration says beside its dates.
pub(crate) const MAPS: &str = "[events]\nground = [\"meadow\"]\n[registration]\nassumed = 0.0\n";

pub(crate) fn dated(before: &str, after: &str, more: &str) -> String {
    format!("{more}[before]\ndate = \"{before}\"\n[after]\ndate = \"{after}\"\n")
}

pub(crate) fn change(
    place: &Place,
    config: &str,
    before: &str,
    after: &str,
    output: &str,
    more: &[&str],
) -> Ended {
    place.write("change.toml", config);
    let words = ["change", "change.toml", "--before", before, "--after", after, "--output", output];
    place.arpent(&[&words[..], more].concat())
}

/// Events of an output, as GeoJSON properties, by kind.
pub(crate) fn events(place: &Place, output: &str) -> Vec<Value> {
    let map = Map::at(&place.path(output));
    let text = std::fs::read_to_string(map.file("events.geojson")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut found: Vec<Value> =
        all["features"].as_array().unwrap().iter().map(|f| f["properties"].clone()).collect();
    found.sort_by_key(|event| (event["kind"].to_string(), event["to_class"].to_string()));
    found
}

fn kinds(events: &[Value]) -> Vec<(&str, &str, &str, f64)> {
    events
        .iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap();
            (text("kind"), text("from_class"), text("to_class"), event["changed_m2"].as_f64().unwrap())
        })
        .collect()
}

fn table(map: &Map, name: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(map.file(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

/// Two dates with one event of most kinds.
pub(crate) fn pair() -> [Labels; 2] {
    let common = Labels::new().fill([0, 100, 200, 160], 2).fill([150, 10, 160, 20], 1);
    let before = common
        .clone()
        .fill([10, 10, 20, 20], 1)
        .fill([40, 10, 50, 20], 1)
        .fill([70, 10, 90, 20], 1)
        .fill([110, 10, 120, 20], 3)
        .fill([100, 120, 110, 130], 0);
    let after = common
        .fill([40, 10, 56, 20], 1)
        .fill([70, 10, 78, 20], 1)
        .fill([82, 10, 90, 20], 1)
        .fill([110, 10, 120, 20], 1)
        .fill([20, 50, 32, 60], 3)
        .fill([60, 130, 70, 140], 1);
    [before, after]
}

#[test]
fn events_of_two_maps_are_published() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let config = dated("2018-06-01", "2021-06-01", MAPS);
    let ended = change(&place, &config, &b, &a, "out", &[]).expect(0);
    assert!(ended.err.contains("the shift between them is not measured"), "{}", ended.err);
    assert!(ended.out.contains("not verified"), "{}", ended.out);
    let found = events(&place, "out");
    let expected = [
        ("appeared", "forest", "building", 25.0),
        ("appeared", "meadow", "water", 30.0),
        ("disappeared", "building", "meadow", 25.0),
        ("grown", "meadow", "building", 15.0),
        ("grown", "meadow", "forest", 25.0),
        ("reclassified", "water", "building", 25.0),
        ("split", "building", "meadow", 10.0),
    ];
    let shown = kinds(&found);
    let mut sorted = expected.to_vec();
    sorted.sort_by(|a, b| (a.0, a.2).cmp(&(b.0, b.2)));
    // A split has the class of its objects on both sides.
    let sorted: Vec<_> = sorted
        .into_iter()
        .map(|e| if e.0 == "split" { ("split", "building", "building", 10.0) } else { e })
        .collect();
    assert_eq!(shown, sorted);
    assert!(found.iter().all(|e| e["state"] == "not_verified" && e["date_before"] == "2018-06-01"));
    let map = Map::at(&place.path("out"));
    let facts = &map.manifest["counts"]["change"];
    assert_eq!(facts["changed_m2"], 155.0);
    assert_eq!(facts["events"]["grown"]["events"], 2);
    // The forest lost ground to a building, and gained more: both are counted once, lineage has who became whom.
    let lineage = table(&map, "lineage.csv");
    let split = found.iter().find(|e| e["kind"] == "split").unwrap();
    let of_split: Vec<_> =
        lineage.iter().filter(|row| row["event"] == split["id"].as_str().unwrap()).collect();
    assert_eq!(of_split.len(), 2);
    assert!(of_split.iter().all(|row| row["from_id"] == split["objects_before"].as_str().unwrap()));
    assert_eq!(
        of_split.iter().filter(|row| row["from_id"] == row["to_id"]).count(),
        1,
        "one part keeps the id"
    );
    lineage_in_every_format(&map, &lineage);
    // Stocks and flows agree to the last bit.
    balance(&map);
    place.arpent(&["check", "out"]).expect(0);
    // Formats that are named twice are written once; without a format for tables, lineage is CSV alone.
    let some = format!("formats = [\"geojson\", \"pmtiles\", \"geojson\"]\n{config}");
    change(&place, &some, &b, &a, "some", &[]).expect(0);
    let names: Vec<String> = hashes(&place, "some").into_keys().collect();
    let of_events = names.iter().filter(|name| name.starts_with("events") || name.starts_with("lineage"));
    assert_eq!(
        of_events.collect::<Vec<_>>(),
        [
            "events.geojson",
            "events.pmtiles",
            "events.qml",
            "events.schema.json",
            "lineage.csv",
            "lineage.schema.json"
        ]
    );
    let inspected = place.arpent(&["inspect", "out"]).expect(0);
    assert!(inspected.out.contains("change-"), "{}", inspected.out);
    // Every format has every event, and the STAC item both dates.
    for name in ["events.gpkg", "events.parquet", "events.fgb", "map.tif", "objects.csv"] {
        assert!(map.file(name).is_file(), "{name}");
    }
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    assert_eq!(item["properties"]["start_datetime"], "2018-06-01T00:00:00Z");
    assert!(item["properties"]["end_datetime"].as_str().unwrap().starts_with("2021-06-01"));
    // The same again: the same bytes, under the same id.
    change(&place, &config, &b, &a, "again", &[]).expect(0);
    assert_eq!(hashes(&place, "out"), hashes(&place, "again"));
    let refused = change(&place, &config, &b, &a, "out", &[]).expect(2);
    assert!(refused.err.contains("--overwrite"), "{}", refused.err);
}

/// The table of lineage as a layer without geometry, as Parquet, and its Table Schema.
fn lineage_in_every_format(map: &Map, expected: &[BTreeMap<String, String>]) {
    assert!(!expected.is_empty());
    let names = ["event", "from_id", "to_id", "overlap_m2", "share_from", "share_to"];
    let fields = map.manifest["tables"]["lineage"]["fields"].as_array().unwrap();
    assert_eq!(fields.iter().map(|field| field["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
    let path = map.file("events.gpkg");
    let path = path.to_str().unwrap();
    let csv = crate::common::gdal("ogr2ogr", &["-f", "CSV", "/vsistdout/", path, "lineage"]);
    let found: Vec<BTreeMap<String, String>> =
        csv::Reader::from_reader(csv.as_bytes()).deserialize().map(Result::unwrap).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for (at, name) in names.into_iter().enumerate() {
            let number = |row: &BTreeMap<String, String>| row[name].parse::<f64>().unwrap();
            let same = if at < 3 {
                found[name] == expected[name]
            } else {
                (number(found) - number(expected)).abs() < 1e-9
            };
            assert!(same, "{name}: {found:?} and {expected:?}");
        }
    }
    let layers = crate::common::gdal("ogrinfo", &["-so", path, "lineage"]);
    assert!(layers.contains("Geometry: None"), "{layers}");
    assert!(map.file("lineage.parquet").is_file());
    // Its rows are of events that are there.
    assert!(found.iter().all(|row| row["from_id"].len() == 32 && row["to_id"].len() == 32));
}

pub(crate) fn hashes(place: &Place, output: &str) -> BTreeMap<String, String> {
    let manifest = Map::at(&place.path(output)).manifest;
    manifest["artifacts"].as_array().unwrap().iter().map(named_hash).collect()
}

/// For every zone and class: stock after - stock before = what came - what went, by the table of flows.
fn balance(map: &Map) {
    let (flows, stocks) = (table(map, "flows.csv"), table(map, "stocks.csv"));
    let number = |row: &BTreeMap<String, String>, key: &str| row[key].parse::<f64>().unwrap();
    assert!(!stocks.is_empty());
    for stock in &stocks {
        let of_zone = || {
            flows
                .iter()
                .filter(|flow| flow["zone_id"] == stock["zone_id"] && flow["zone_type"] == stock["zone_type"])
        };
        let sum = |column: &str| -> f64 {
            let flows = of_zone().filter(|flow| flow[column] == stock["class_id"]);
            flows.map(|flow| number(flow, "area_m2")).sum()
        };
        let (old, new) = (sum("class_id_old"), sum("class_id_new"));
        assert!((old - number(stock, "old_m2")).abs() < 1e-6 && (new - number(stock, "new_m2")).abs() < 1e-6);
        assert!((new - old - number(stock, "net_m2")).abs() < 1e-6, "{stock:?}");
    }
}

#[test]
fn swapped_dates_mirror_the_events() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let config = dated("2018", "2021", MAPS);
    change(&place, &config, &b, &a, "there", &[]).expect(0);
    change(&place, &config, &a, &b, "back", &[]).expect(0);
    let mirror = |kind: &str| {
        match kind {
            "appeared" => "disappeared",
            "disappeared" => "appeared",
            "grown" => "shrunk",
            "shrunk" => "grown",
            "split" => "merged",
            "merged" => "split",
            other => other,
        }
        .to_owned()
    };
    let facts = |output: &str, swap: bool| -> BTreeSet<(String, String, String, String)> {
        let events = events(&place, output);
        let one = |event: &Value| {
            let text = |key: &str| event[key].as_str().unwrap().to_owned();
            let (kind, from, to) = (text("kind"), text("from_class"), text("to_class"));
            let area = event["changed_m2"].to_string();
            if swap { (mirror(&kind), to, from, area) } else { (kind, from, to, area) }
        };
        events.iter().map(one).collect()
    };
    assert_eq!(facts("there", false), facts("back", true));
}

/// Maps of three dates. At the third, the parts of the split house go and grow; the new pond goes again: a change back.
pub(crate) fn three_vintages(place: &Place) -> [String; 3] {
    let [first, second] = pair();
    let third = second.clone().fill([70, 10, 78, 20], 0).fill([82, 10, 96, 20], 1).fill([20, 50, 32, 60], 0);
    let names = [("one.tif", &first), ("two.tif", &second), ("three.tif", &third)];
    names.map(|(name, labels)| labels.write(place, name))
}

#[test]
fn a_third_vintage_changes_no_id() {
    let place = Place::empty();
    let [one, two, three] = three_vintages(&place);
    change(&place, &dated("2015", "2018", MAPS), &one, &two, "a", &[]).expect(0);
    let kept = hashes(&place, "a");
    let config = dated("2018", "2021", MAPS);
    change(&place, &config, "a", &three, "b", &["--previous", "a"]).expect(0);
    assert_eq!(hashes(&place, "a"), kept);
    let (before, after) = (events(&place, "a"), events(&place, "b"));
    let id = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
    let split = before.iter().find(|e| e["kind"] == "split").unwrap();
    let parts: BTreeSet<String> = id(split, "objects_after").split(',').map(str::to_owned).collect();
    let gone = after.iter().find(|e| e["kind"] == "disappeared" && e["from_class"] == "building").unwrap();
    let grown = after.iter().find(|e| e["kind"] == "grown").unwrap();
    let later: BTreeSet<String> = [id(gone, "objects_before"), id(grown, "objects_before")].into();
    assert_eq!(later, parts);
    assert_eq!(id(grown, "objects_before"), id(grown, "objects_after"));
    let pond = after.iter().find(|e| e["from_class"] == "water").unwrap();
    let appeared = before.iter().find(|e| e["to_class"] == "water").unwrap();
    assert_eq!(id(pond, "objects_before"), id(appeared, "objects_after"));
    assert_eq!(
        (&pond["flicker"], &grown["flicker"], &appeared["flicker"]),
        (&1.into(), &0.into(), &Value::Null)
    );
    assert_eq!(Map::at(&place.path("b")).manifest["counts"]["change"]["first"], "2015-01-01/2015-12-31");
    // A comparison that does not lead there.
    let refused =
        change(&place, &dated("2019", "2021", MAPS), "a", &three, "c", &["--previous", "a"]).expect(2);
    assert!(refused.err.contains("its later date is"), "{}", refused.err);
    let refused = change(&place, &config, &two, &three, "c", &["--previous", "a"]).expect(2);
    assert!(refused.err.contains("is not its `map.tif`"), "{}", refused.err);
}

/// Writes a raster of confidences, on the pixels of label rasters.
fn write_confidence(place: &Place, name: &str, values: &Labels) -> String {
    let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
    let placed = Grid::place(crs, [652_000.0, 0.5, 0.0, 6_862_000.0, 0.0, -0.5], WIDTH, HEIGHT).unwrap();
    let part = place.path("part.tif");
    let mut raster = StripWriter::create(&part, placed.window, &placed.grid, RasterKind::Confidence).unwrap();
    raster.write_rows(placed.window.row, &values.0).unwrap();
    raster.finish_cog(&place.path(name), 1).unwrap();
    place.text(name)
}

#[test]
fn events_have_the_confidences_of_both_maps_and_swapped_dates_mirror_them() {
    let place = Place::empty();
    let [before, after] = pair();
    let maps = [before.write(&place, "before.tif"), after.write(&place, "after.tif")];
    // High confidences, but for the pond at the later date; none at the earlier date where a house appears.
    let sure = Labels::new().fill([0, 0, WIDTH, HEIGHT], 240);
    let confidences = [
        write_confidence(&place, "sure-before.tif", &sure.clone().fill([60, 130, 70, 140], 255)),
        write_confidence(&place, "sure-after.tif", &sure.clone().fill([20, 50, 32, 60], 100)),
    ];
    let config = |swap: bool, more: &str| {
        let [first, second] = if swap { [1, 0] } else { [0, 1] };
        let date = |name: &str, year: &str, of: usize| {
            let (map, confidence) = (&maps[of], &confidences[of]);
            format!("[{name}]\ndate = \"{year}\"\nmap = \"{map}\"\nconfidence = \"{confidence}\"\n")
        };
        let maps = MAPS.replace("[events]\n", &format!("[events]\n{more}"));
        format!("{maps}{}{}", date("before", "2018", first), date("after", "2021", second))
    };
    let run = |config: &str, output: &str| {
        place.write("change.toml", config);
        place.arpent(&["change", "change.toml", "--output", output]).expect(0);
        events(&place, output)
    };
    let said = |event: &Value, swap: bool| {
        let mut means = [event["confidence_before"].clone(), event["confidence_after"].clone()];
        if swap {
            means.reverse();
        }
        (means, event["vote_confidence"].clone())
    };
    for (swap, output) in [(false, "there"), (true, "back")] {
        let found = run(&config(swap, ""), output);
        assert_eq!(found.len(), 7);
        let [ours, theirs] = if swap { ["from_class", "to_class"] } else { ["to_class", "from_class"] };
        for event in &found {
            let expected = if event[ours] == "water" {
                ([0.96.into(), 0.4.into()], 0.into())
            } else if event[ours] == "building" && event[theirs] == "forest" {
                ([Value::Null, 0.96.into()], Value::Null)
            } else {
                ([0.96.into(), 0.96.into()], 1.into())
            };
            assert_eq!(said(event, swap), expected, "{event}");
        }
        // With a threshold, the pond is left out.
        let kept = run(&config(swap, "confidence = 0.5\n"), &format!("{output}-sure"));
        assert_eq!(kept.len(), 6);
        assert!(kept.iter().all(|event| event[ours] != "water"), "{kept:?}");
        let facts = Map::at(&place.path(&format!("{output}-sure"))).manifest["counts"]["change"].clone();
        let unsure = serde_json::json!({ "reason": "low_confidence", "areas": 1, "area_m2": 30.0 });
        assert_eq!(facts["left_out"][3], unsure);
        assert_eq!(facts["rules"]["min_confidence"], 0.5);
    }
    let inputs = Map::at(&place.path("there")).manifest["inputs"].clone();
    assert_eq!(inputs.as_array().unwrap().len(), 4, "two maps and their confidences");
    // In shards: the same bytes.
    let output = place.text("shards");
    let config = config(false, "confidence = 0.5\n");
    place.write("change.toml", &config);
    let planned = place.arpent(&["change", "change.toml", "--output", &output, "--shards", "3"]).expect(0);
    let plan = planned.out.split_whitespace().find(|word| word.ends_with("plan.json")).unwrap();
    (0..3).for_each(|index| drop(place.worker(plan, index).expect(0)));
    place.arpent(&["merge", "--plan", plan]).expect(0);
    assert_eq!(hashes(&place, "shards"), hashes(&place, "there-sure"));
    // What cannot be confidences of these maps.
    let refused = |config: &str, words: &str, hint: &str| {
        place.write("change.toml", config);
        let ended = place.arpent(&["change", "change.toml", "--output", "out"]).expect(2);
        assert!(ended.err.contains(words) && ended.err.contains(hint), "{}", ended.err);
        assert!(place.shows_nothing("out"));
    };
    let [of_before, of_after] = &confidences;
    refused(&config.replace(of_after, &maps[1]), "declares no scale of 0.004", "250 is certain");
    let wrong = write_confidence(&place, "wrong.tif", &sure.clone().fill([3, 3, 4, 4], 251));
    refused(&config.replace(of_after, &wrong), "has the value 251", "250 is certain");
    let part = place.text("part.tif");
    crate::common::gdal("gdal_translate", &["-q", "-srcwin", "0", "0", "100", "100", of_after, &part]);
    refused(&config.replace(of_after, &part), "does not have the pixels of", "on the grid of the map");
    let line = format!("confidence = \"{of_before}\"\n");
    refused(&config.replace(&line, ""), "the map of the earlier date has no confidences", "change.toml");
}

#[test]
fn what_is_narrower_than_the_shift_is_left_out() {
    let place = Place::empty();
    // One house that seems to move by a pixel, and a real one.
    let before = Labels::new().fill([10, 10, 30, 30], 1);
    let after = Labels::new().fill([11, 10, 31, 30], 1).fill([100, 40, 112, 52], 1);
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let config = dated("2018", "2021", "[events]\nground = [\"meadow\"]\n[registration]\nassumed = 0.5\n");
    change(&place, &config, &b, &a, "out", &[]).expect(0);
    assert_eq!(kinds(&events(&place, "out")), [("appeared", "meadow", "building", 36.0)]);
    let facts = Map::at(&place.path("out")).manifest["counts"]["change"].clone();
    assert_eq!(facts["left_out"][0]["areas"], 2);
    assert!(facts["control"]["of_pixels"]["changed_share"].as_f64().unwrap() > 0.0);
    assert_eq!(facts["control"]["kept_areas_per_km2"], 0.0);
    // What was not observed is no change, at whichever date.
    place.write(
        "clouds.geojson",
        r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},
        "features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[652040,6861990],[652070,6861990],[652070,6861960],[652040,6861960],[652040,6861990]]]}}]}"#,
    );
    for date in ["before", "after"] {
        let masked =
            config.replace(&format!("[{date}]\n"), &format!("[{date}]\nnot_observed = \"clouds.geojson\"\n"));
        change(&place, &masked, &b, &a, "out", &["--overwrite"]).expect(0);
        assert!(events(&place, "out").is_empty(), "{date}");
    }
    // The same as a raster of classes: of the part that it covers, and of both dates' places alone.
    let hidden = Labels::new().fill([80, 20, 140, 80], 3).write(&place, "hidden.tif");
    for date in ["before", "after"] {
        let classes = "not_observed = \"hidden.tif\"\nnot_observed_classes = [\"water\"]\n";
        let masked = config.replace(&format!("[{date}]\n"), &format!("[{date}]\n{classes}"));
        change(&place, &masked, &b, &a, "out", &["--overwrite"]).expect(0);
        assert!(events(&place, "out").is_empty(), "{date}");
        let option = format!("--mask-{date}");
        let by_option = ["--overwrite", &option, &hidden, "--mask-classes", "3"];
        change(&place, &config, &b, &a, "out", &by_option).expect(0);
        assert!(events(&place, "out").is_empty(), "{date}");
        let other = ["--overwrite", &option, &hidden, "--mask-classes", "forest"];
        change(&place, &config, &b, &a, "out", &other).expect(0);
        assert_eq!(events(&place, "out").len(), 1, "{date}");
    }
    let refused = change(&place, &config, &b, &a, "out", &["--overwrite", "--mask-after", &hidden]).expect(2);
    assert!(refused.err.contains("is one of clouds or shadows by its name"), "{}", refused.err);
}

/// Writes two communes; a configuration with classes of OCS GE, artificial soils and their balance by commune.
pub(crate) fn soils_and_zones(place: &Place) -> String {
    let square = |left: f64, right: f64, code: &str| {
        format!(
            r#"{{"type":"Feature","properties":{{"insee":"{code}"}},"geometry":{{"type":"Polygon","coordinates":[[[{left},6862010],[{right},6862010],[{right},6861900],[{left},6861900],[{left},6862010]]]}}}}"#
        )
    };
    let zones = [square(651_990.0, 652_030.0, "01001"), square(652_030.0, 652_120.0, "01002")].join(",");
    place.write(
        "communes.geojson",
        &format!(
            r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::2154"}}}},"features":[{zones}]}}"#
        ),
    );
    let mut listed = String::new();
    for class in classes(true).classes() {
        let (id, name, code) = (class.id, &class.name, class.code.as_deref().unwrap());
        let _ = write!(
            listed,
            "[[classes]]\nid = {id}\nname = \"{name}\"\ncode = \"{code}\"\ncolor = \"#102030\"\nfeatures = {}\n",
            id > 0
        );
    }
    format!(
        "{listed}{}[artificialisation]\n[[zones]]\nlevel = \"commune\"\nsource = \"communes.geojson\"\nid = \"insee\"\n",
        dated("2018-06", "2021-06", "[registration]\nassumed = 0.0\n")
    )
}

#[test]
fn zones_have_a_balance() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let config = soils_and_zones(&place);
    change(&place, &config, &b, &a, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    balance(&map);
    let soils = table(&map, "artificialisation.csv");
    let of =
        |id: &str| soils.iter().find(|row| row["zone_id"] == id).unwrap_or_else(|| panic!("{id}: {soils:?}"));
    let number = |id: &str, key: &str| of(id)[key].parse::<f64>().unwrap();
    // The communes cover all that was compared: their flows add up to the total.
    for key in ["flux_artif", "flux_desartif", "flux_artif_net", "sealed_net_m2"] {
        let sum = number("01001", key) + number("01002", key);
        assert!((sum - number("total", key)).abs() < 1e-6, "{key}: {sum}");
    }
    assert_eq!(of("01001")["year_old"], "2018");
    let net = number("total", "flux_artif") - number("total", "flux_desartif");
    assert!((net - number("total", "flux_artif_net")).abs() < 1e-6);
    let event = events(&place, "out").into_iter().find(|e| e["to_class"] == "water").unwrap();
    assert_eq!((&event["from_code"], &event["to_code"]), (&"CS2.2.1".into(), &"CS1.2.2".into()));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let good = dated("2018", "2021", MAPS);
    let refused = |config: &str, before: &str, after: &str, words: &str, hint: &str| {
        let ended = change(&place, config, before, after, "out", &[]).expect(2);
        assert!(ended.err.contains(words) && ended.err.contains(hint), "{}", ended.err);
        assert!(place.shows_nothing("out"));
    };
    refused(&dated("2021", "2018", MAPS), &b, &a, "is not before the later one", "swap --before and --after");
    refused(&dated("2021", "2021", MAPS), &b, &a, "is not before the later one", "swap --before and --after");
    refused(MAPS, &b, &a, "the earlier date is not known", "date = \"2018-07\"");
    refused(&dated("soon", "2021", MAPS), &b, &a, "must be a year", "change.toml");
    let far = after.write_at(&place, "far.tif", [700_000.0, 6_862_000.0], 0.5);
    refused(&good, &b, &far, "have no pixel in common", "arpent inspect");
    let coarse = after.write_at(&place, "coarse.tif", [652_000.0, 6_862_000.0], 1.0);
    refused(&good, &b, &coarse, "do not coincide", "pixel_size");
    let empty = Labels(vec![255; WIDTH * HEIGHT]).write(&place, "empty.tif");
    refused(&good, &b, &empty, "was observed at both dates", "check nodata");
    let odd = after.clone().fill([5, 5, 6, 6], 9).write(&place, "odd.tif");
    refused(&good, &b, &odd, "has the value 9 at column 5, row 5", "[before.values]");
    let typo = good.replace("meadow", "medow");
    refused(&typo, &b, &a, "`medow`, which is not one of the classes", "one of these names");
    // Values that a table names.
    let named = format!(
        "{good}[after.values]\n\"meadow\" = \"meadow\"\n\"building\" = \"building\"\n\"forest\" = \"forest\"\n\"water\" = \"water\"\n\"9\" = \"water\"\n"
    );
    let named = named.replace("[after]\n", "").replace("date = \"2021\"\n", "");
    let named = format!("{named}\n").replace("[after.values]", "[after]\ndate = \"2021\"\n[after.values]");
    change(&place, &named, &b, &odd, "named", &[]).expect(0);
    let scene = place.draw("scene.tif", &Picture::new(1, 20), Window::new(3_260_000, -34_310_000, 64, 64));
    refused(&good, &b, &scene, "only images", "make the missing map first");
}

/// Two dates of one picture; on the later one, squares of another color.
pub(crate) fn images(place: &Place, shift: i64, squares: &[[usize; 4]]) -> [String; 2] {
    let window = Window::new(3_260_000, -34_310_000, 640, 512);
    let picture = Picture::new(5, 9);
    let write = |name: &str, moved: i64, squares: &[[usize; 4]], gain: f64| {
        let mut bands = picture.bands(Window { col: window.col - moved, ..window });
        let pixels = window.width * window.height;
        for (place, value) in bands.iter_mut().enumerate() {
            let at = place % pixels;
            let (row, col) = (at / window.width, at % window.width);
            let inside = |s: &[usize; 4]| (s[0]..s[2]).contains(&col) && (s[1]..s[3]).contains(&row);
            // Light that differs between the dates, and noise.
            let noise = f64::from(u32::try_from((place * 2_654_435_761) >> 7 & 3).unwrap());
            let as_before = f64::from(*value);
            let base = if squares.iter().any(inside) { 250.0 - as_before } else { as_before };
            *value = arpent_base::number::round((base * gain + noise).clamp(1.0, 254.0));
        }
        GeoTiff::rgb(EPSG, GSD, window, &bands).write(&place.path(name)).unwrap();
        place.text(name)
    };
    [write("old.tif", 0, &[], 1.0), write("new.tif", shift, squares, 0.9)]
}

#[test]
fn images_are_compared_without_a_model() {
    let place = Place::empty();
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130], [400, 300, 430, 340]]);
    let config = dated("2018-06-01", "2021-06-01", "[events]\nmin_area_m2 = 4.0\n");
    change(&place, &config, &old, &new, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let facts = &map.manifest["counts"]["change"];
    let summary = &facts["registration"]["summary"];
    assert!(summary["good"].as_u64().unwrap() >= 20, "{facts}");
    assert!(summary["median_length"].as_f64().unwrap() < 0.1, "{summary}");
    let found = events(&place, "out");
    let areas: Vec<f64> = found.iter().map(|e| e["changed_m2"].as_f64().unwrap()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    // 40 x 30 and 30 x 40 pixels of 0.04 m2.
    assert!(areas.iter().all(|area| (area - 48.0).abs() < 4.0), "{areas:?}");
    assert!(found.iter().all(|e| e["kind"] == "reclassified" && e["to_class"] == "changed"));
    assert!(map.file("evidence.tif").is_file() && map.file("shift.csv").is_file());
    // Another method; and the same bytes with one thread.
    change(&place, &format!("{config}[images]\nmethod = \"cva\"\n"), &old, &new, "cva", &[]).expect(0);
    assert_eq!(events(&place, "cva").len(), 2);
    place.write("change.toml", &config);
    let words = ["change", "change.toml", "--before", &old, "--after", &new, "--output", "one"];
    Ended::from(place.command(&words).env("RAYON_NUM_THREADS", "1").output().unwrap()).expect(0);
    assert_eq!(hashes(&place, "out"), hashes(&place, "one"));
}

#[test]
fn images_that_differ_by_noise_alone_have_a_warning_and_irmad_finds_hardly_any_change() {
    let place = Place::empty();
    let [old, new] = images(&place, 0, &[]);
    for method in ["irmad", "cva"] {
        let config = dated("2018-06-01", "2021-06-01", &format!("[images]\nmethod = \"{method}\"\n"));
        let ended = change(&place, &config, &old, &new, method, &[]).expect(0);
        assert!(ended.err.contains("no group of changed pixels stands apart"), "{method}: {}", ended.err);
        let facts = Map::at(&place.path(method)).manifest["counts"]["change"].clone();
        let share = facts["images"]["share_above"].as_f64().unwrap();
        // Change vectors have no distribution that a threshold could be taken from: the warning has to do.
        assert!(share < 0.01 || method == "cva", "{method}: {}", facts["images"]);
    }
}

#[test]
fn a_measured_band_that_is_flagged_as_alpha_is_doubtful_until_declared() {
    let place = Place::empty();
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130]]);
    let flagged = |from: &str, name: &str| {
        let to = place.text(name);
        let bands = ["-b", "1", "-b", "2", "-b", "3", "-b", "1", "-colorinterp_4", "alpha"];
        crate::common::gdal("gdal_translate", &[&["-q"][..], &bands, &[from, &to]].concat());
        to
    };
    let (a, b) = (flagged(&old, "a.tif"), flagged(&new, "b.tif"));
    let config = dated("2018-06-01", "2021-06-01", "[events]\nmin_area_m2 = 4.0\n");
    let ended = change(&place, &config, &a, &b, "doubtful", &[]).expect(0);
    assert!(ended.err.contains("is flagged as alpha and holds"), "{}", ended.err);
    let declared = format!("{config}[input]\nalpha = \"data\"\n[images]\nmethod = \"cva\"\n");
    let ended = change(&place, &declared, &a, &b, "declared", &[]).expect(0);
    assert!(!ended.err.contains("flagged as alpha"), "{}", ended.err);
    let bands = |output: &str| {
        let facts = Map::at(&place.path(output)).manifest["counts"]["change"].clone();
        facts["images"]["bands"].as_array().unwrap().len()
    };
    assert_eq!((bands("doubtful"), bands("declared")), (3, 4));
}

#[test]
fn a_band_number_that_a_file_lacks_is_refused() {
    let place = Place::empty();
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130]]);
    let config = dated("2018", "2021", "[images]\nbands = { red = 1, nir = 7 }\n");
    let refused = change(&place, &config, &old, &new, "out", &[]).expect(2);
    for words in [
        "names band 7 as `nir`",
        "old.tif has 3 bands (2 of the images",
        "change.toml",
        "hint: count bands from 1",
    ] {
        assert!(refused.err.contains(words), "{words}: {}", refused.err);
    }
    assert!(place.shows_nothing("out"));
    // The name of a band that the files have is no way around the number.
    let named = config.replace("red = 1, nir = 7", "red = 9");
    let refused = change(&place, &named, &old, &new, "out", &[]).expect(2);
    assert!(refused.err.contains("names band 9 as `red`"), "{}", refused.err);
    // A number that is not compared does no harm.
    let some = config.replace("[images]\n", "[images]\ncompare = [\"red\"]\n");
    change(&place, &some, &old, &new, "some", &[]).expect(0);
    let facts = Map::at(&place.path("some")).manifest["counts"]["change"].clone();
    assert_eq!(facts["images"]["bands"], serde_json::json!(["red"]));
}

#[test]
fn a_map_on_the_command_line_does_not_drop_the_images_of_its_date() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130]]);
    let config = dated("2018", "2021", "[events]\nmin_area_m2 = 4.0\n")
        .replace("[after]\n", "[after]\nscenes = [\"new.tif\"]\n");
    for more in [&[][..], &["--shards", "2"]] {
        let out = place.text("out");
        let refused = change(&place, &config, &b, &a, &out, more).expect(2);
        for words in
            ["--after names a map", "after.tif", "new.tif of [after]", "change.toml", "beside its `scenes`"]
        {
            assert!(refused.err.contains(words), "{words}: {}", refused.err);
        }
        assert!(place.shows_nothing("out"));
    }
    // Images replace images, as the options say.
    change(&place, &config, &old, &new, "images", &[]).expect(0);
}

#[test]
fn a_shift_beyond_the_limit_is_refused() {
    let place = Place::empty();
    let [old, new] = images(&place, 3, &[]);
    let config = dated("2018", "2021", "");
    let refused = change(&place, &config, &old, &new, "out", &[]).expect(2);
    assert!(
        refused.err.contains("shifted by 3.0") && refused.err.contains("register the images"),
        "{}",
        refused.err
    );
    let wide = format!("{config}[registration]\nlimit = 4.0\n");
    change(&place, &wide, &old, &new, "out", &[]).expect(0);
    let facts = Map::at(&place.path("out")).manifest["counts"]["change"].clone();
    assert!((facts["rules"]["width_px"].as_f64().unwrap() - 6.0).abs() < 0.3, "{facts}");
}

#[test]
fn a_shift_is_corrected_when_asked() {
    let place = Place::empty();
    let squares = [[100, 100, 140, 130], [400, 300, 430, 340]];
    let [old, new] = images(&place, 3, &squares);
    // The maps of both dates are shifted as their images are.
    let draw = |name: &str, moved: usize, squares: &[[usize; 4]]| {
        let mut labels = vec![0; 640 * 512];
        for [left, top, right, bottom] in squares {
            (*top..*bottom).for_each(|row| labels[row * 640..][left + moved..right + moved].fill(1));
        }
        let grid = Grid::place(
            Arc::new(describe_crs("EPSG:2154").unwrap()),
            [652_000.0, GSD, 0.0, 6_862_000.0, 0.0, -GSD],
            640,
            512,
        );
        let (placed, part) = (grid.unwrap(), place.path("part.tif"));
        let names = classes(false);
        let kind = RasterKind::Labels(&names);
        let mut raster = StripWriter::create(&part, placed.window, &placed.grid, kind).unwrap();
        raster.write_rows(placed.window.row, &labels).unwrap();
        raster.finish_cog(&place.path(name), 1).unwrap();
        place.text(name)
    };
    let stays = [200, 200, 260, 240];
    let before = draw("before.tif", 0, &[stays]);
    let after = draw("after.tif", 3, &[stays, [100, 100, 140, 130], [400, 300, 430, 340]]);
    let config = dated(
        "2018-06-01",
        "2021-06-01",
        "[registration]\nmode = \"shift\"\n[events]\nground = [\"meadow\"]\n",
    );
    let of_images = config.replace("ground = [\"meadow\"]", "min_area_m2 = 4.0");
    let with_scenes = config
        .replace("[before]\n", &format!("[before]\nscenes = [\"{old}\"]\nmap = \"{before}\"\n"))
        .replace("[after]\n", &format!("[after]\nscenes = [\"{new}\"]\nmap = \"{after}\"\n"));
    change(&place, &of_images, &old, &new, "images", &[]).expect(0);
    place.write("maps.toml", &with_scenes);
    place.arpent(&["change", "maps.toml", "--output", "maps"]).expect(0);
    for output in ["images", "maps"] {
        let facts = Map::at(&place.path(output)).manifest["counts"]["change"].clone();
        let registration = &facts["registration"];
        let corrected = registration["correction"]["shift_px"][0].as_f64().unwrap();
        assert!((corrected - 3.0).abs() < 0.05, "{registration}");
        assert!(registration["summary"]["median_length"].as_f64().unwrap() < 0.1, "{registration}");
        let found = events(&place, output);
        let areas: Vec<f64> = found.iter().map(|e| e["changed_m2"].as_f64().unwrap()).collect();
        assert_eq!(areas.len(), 2, "{output}: {found:?}");
        assert!(areas.iter().all(|area| (area - 48.0).abs() < 4.0), "{output}: {areas:?}");
    }
    // In shards: the same bytes.
    let output = place.text("shards");
    let planned = change(&place, &of_images, &old, &new, &output, &["--shards", "2"]).expect(0);
    let plan = planned.out.split_whitespace().find(|word| word.ends_with("plan.json")).unwrap();
    (0..2).for_each(|index| drop(place.worker(plan, index).expect(0)));
    place.arpent(&["merge", "--plan", plan]).expect(0);
    assert_eq!(hashes(&place, "shards"), hashes(&place, "images"));
    // Nothing shows the shift of images without texture.
    let flat = |name: &str| {
        let window = Window::new(3_260_000, -34_310_000, 640, 512);
        GeoTiff::rgb(EPSG, GSD, window, &vec![90; 3 * 640 * 512]).write(&place.path(name)).unwrap();
        place.text(name)
    };
    let refused = change(&place, &of_images, &flat("a.tif"), &flat("b.tif"), "no", &[]).expect(2);
    assert!(refused.err.contains("cannot be corrected: 0 cells show it"), "{}", refused.err);
}

#[test]
fn maps_are_made_first_of_scenes() {
    let place = Place::new();
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130], [400, 300, 430, 340]]);
    place.config("");
    let config = dated("2018-06-01", "2021-06-01", "run = \"run.toml\"\n[events]\nmin_area_m2 = 4.0\n");
    let out = place.text("out");
    change(&place, &config, &old, &new, &out, &[]).expect(0);
    let [map, before, after] =
        ["out", "out/maps/before", "out/maps/after"].map(|at| Map::at(&place.path(at)));
    assert_eq!(map.manifest["inputs"].as_array().unwrap().len(), 4, "two maps and two images");
    // Runs have confidences of their own.
    let sure = |event: &Value| event["confidence_before"].as_f64().zip(event["confidence_after"].as_f64());
    assert!(events(&place, "out").iter().all(|event| sure(event).is_some()));
    assert_eq!(before.manifest["inputs"][0]["id"], "old");
    assert_eq!(after.manifest["inputs"][0]["id"], "new");
    assert!(!events(&place, "out").is_empty());
    // A try that ended between the maps and the comparison: the maps are found.
    let kept = hashes(&place, "out");
    std::fs::remove_file(place.path("out/manifest.json")).unwrap();
    let again = change(&place, &config, &old, &new, &out, &[]).expect(0);
    assert!(again.err.contains("maps/before is already made"), "{}", again.err);
    assert_eq!(hashes(&place, "out"), kept);
    assert_eq!(Map::at(&place.path("out/maps/before")).manifest, before.manifest);
    // A plan compares maps that are there.
    let refused = change(&place, &config, &old, &new, "plan", &["--shards", "2"]).expect(2);
    assert!(refused.err.contains("make both maps first"), "{}", refused.err);
}

#[test]
fn ground_that_is_known_to_be_stable_shows_false_change() {
    let place = Place::empty();
    // A house that was mapped by mistake in the stable west, and a real one in the east.
    let before = Labels::new();
    let after = Labels::new().fill([20, 40, 32, 52], 1).fill([120, 40, 132, 52], 1).fill([40, 80, 41, 81], 1);
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    place.write(
        "stable.geojson",
        r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},
        "features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[652000,6862000],[652050,6862000],[652050,6861920],[652000,6861920],[652000,6862000]]]}}]}"#,
    );
    let config = dated(
        "2018",
        "2021",
        "stable = \"stable.geojson\"\n[events]\nground = [\"meadow\"]\n[registration]\nassumed = 0.5\n",
    );
    let ended = change(&place, &config, &b, &a, "out", &[]).expect(0);
    assert!(ended.out.contains("36 m2 in events, of 4000 m2 known not to have changed"), "{}", ended.out);
    let stable = Map::at(&place.path("out")).manifest["counts"]["change"]["stable"].clone();
    // 12 x 12 pixels of 0.25 m2 are kept; a single pixel is not.
    assert_eq!(stable, serde_json::json!({ "observed_m2": 4000.0, "differ_m2": 36.25, "kept_m2": 36.0 }));
    let report = std::fs::read_to_string(Map::at(&place.path("out")).file("report.html")).unwrap();
    assert!(report.contains("ground known not to have changed"), "the report says so");
}

#[test]
fn configurations_of_the_repository_are_valid() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/change");
    for name in ["images.toml", "maps.toml", "ocs-ge.toml"] {
        arpent_job::ChangeConfig::load(&configs.join(name), arpent_job::ChangePlaces::default()).unwrap();
    }
}

#[test]
fn areas_have_an_interval_from_a_sample_that_persons_have_checked() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    change(&place, &dated("2018", "2021", MAPS), &b, &a, "out", &[]).expect(0);
    let words = ["change", "sample", "out", "--output", "sample", "--cell-m", "5", "--size", "150"];
    let drawn = place.arpent(&words).expect(0);
    assert!(drawn.out.contains("stable ground") && drawn.out.contains("sample.gpkg"), "{}", drawn.out);
    assert!(place.arpent(&words).expect(2).err.contains("is not empty"));
    // All is right, but for one cell.
    let path = place.path("sample/sample.csv");
    let mut table = csv::Reader::from_path(&path).unwrap();
    let header = table.headers().unwrap().clone();
    let mut rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 150);
    let mut set = |at: usize, values: &[(&str, &str)]| {
        for (key, value) in values {
            rows[at].insert((*key).to_owned(), (*value).to_owned());
        }
    };
    (0..150).for_each(|at| set(at, &[("verdict", "right"), ("person", "Ada")]));
    let change_of = [("reference_from", "meadow"), ("reference_to", "water"), ("reference_m2", "4")];
    set(149, &[&[("verdict", "wrong")], &change_of[..]].concat());
    assert_eq!(rows[149]["what"], "cell");
    let mut filled = csv::Writer::from_path(&path).unwrap();
    filled.write_record(&header).unwrap();
    for row in &rows {
        filled.write_record(header.iter().map(|name| &row[name])).unwrap();
    }
    filled.flush().unwrap();
    let words = ["change", "estimate", "sample", "--change", "out", "--output", "areas", "--format", "json"];
    let estimated: Value = serde_json::from_str(&place.arpent(&words).expect(0).out).unwrap();
    assert_eq!((&estimated["units"], &estimated["persons"][0]), (&150.into(), &"Ada".into()));
    // 155 m2 are mapped, and the omission stands for more than itself.
    let total = &estimated["areas"][0];
    assert_eq!(estimated["mapped_m2"], 155.0);
    assert!(total["area_m2"]["value"].as_f64().unwrap() > 159.0, "{total}");
    assert!(total["area_m2"]["interval"].is_array() && total["users"]["value"] == 1.0, "{total}");
    let human = place.arpent(&["change", "estimate", "sample"]).expect(0);
    assert!(human.out.contains("150 of 150 with a verdict") && human.out.contains("+-"), "{}", human.out);
    for name in ["estimate.csv", "estimate.json"] {
        assert!(place.path("areas").join(name).is_file(), "{name}");
    }
    // Without a command, the configuration is required.
    assert!(place.arpent(&["change"]).expect(2).err.contains("CONFIG"));
    assert!(place.arpent(&["change", "change.toml", "sample", "out"]).expect(2).err.contains("sample"));
    place.write("sample.toml", &dated("2018", "2021", MAPS));
    std::fs::rename(place.path("sample"), place.path("checked")).unwrap();
    std::fs::rename(place.path("sample.toml"), place.path("sample")).unwrap();
    let words = ["change", "./sample", "--before", &b, "--after", &a, "--output", "again"];
    place.arpent(&words).expect(0);
    assert_eq!(hashes(&place, "out"), hashes(&place, "again"));
}
