//! `arpent review publish`: a version of a map with what persons decided, and what is refused.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use arpent_base::SplitMix64;
use arpent_base::number::wide;
use serde_json::{Value, json};

use arpent_datasets::{Card, SetConfig, Truth};
use arpent_raster::{ReadAs, Window};
use arpent_testing::Picture;
use serde::Deserialize;

use crate::change::{MAPS, change, dated, events, pair};
use crate::common::{Ended, Map, Place, Row, gdal};
use crate::review::{PERSON, add, add_lines, copy, report, review, reviewed};

/// The rows of a layer by id, as GDAL reads them.
fn rows(map: &Map, file: &str, layer: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let path = map.file(file);
    let csv = gdal(
        "ogr2ogr",
        &["-f", "CSV", "-lco", "GEOMETRY=AS_WKT", "/vsistdout/", path.to_str().unwrap(), layer],
    );
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| {
        let row: BTreeMap<String, String> =
            names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        (row["id"].clone(), row)
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// The content of a file.
fn written(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap()
}

/// A square around a feature, in degrees, as a corrected outline.
pub(crate) fn drawn(map: &Map, id: &str) -> String {
    drawn_in(map, "features", id)
}

/// The same of a layer.
fn drawn_in(map: &Map, layer: &str, id: &str) -> String {
    let sql = format!(
        "SELECT ST_AsText(ST_Transform(ST_Envelope(geom), 4326)) AS box FROM {layer} WHERE id = '{id}'"
    );
    let path = map.file(&format!("{layer}.gpkg"));
    let found = gdal("ogrinfo", &["-q", "-dialect", "SQLITE", "-sql", &sql, path.to_str().unwrap()]);
    let inside = found.split("((").nth(1).unwrap().split("))").next().unwrap();
    let numbers: Vec<f64> =
        inside.split([',', ' ']).filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect();
    let ring: Vec<[f64; 2]> = numbers.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
    json!({ "type": "Polygon", "coordinates": [ring] }).to_string()
}

/// A map about which persons decided: ids of features that are confirmed, invalidated, of another class, of another outline,
/// disputed, contested, answered; the others have no decision.
fn decided() -> (Place, Map, Vec<String>) {
    let (place, ids) = reviewed();
    let map = Map::at(&place.path("out"));
    add(&place, "out", &["--feature", &ids[0], "--verdict", "confirmed"]);
    add(&place, "out", &["--feature", &ids[1], "--verdict", "invalidated", "--reason", "absent"]);
    let class = map.features().iter().find(|row| row.id == ids[2]).unwrap().class.clone();
    let other = map.features().iter().find(|row| row.class != class).unwrap().class.clone();
    add(&place, "out", &["--feature", &ids[2], "--verdict", "confirmed", "--class", &other]);
    let outline = drawn(&map, &ids[3]);
    add(&place, "out", &["--feature", &ids[3], "--verdict", "legitimate", "--geometry", &outline]);
    copy(&place.path("out"), &place.path("offline"));
    add(&place, "out", &["--feature", &ids[4], "--verdict", "illegal"]);
    add(&place, "offline", &["--feature", &ids[4], "--verdict", "invalidated"]);
    copy(&place.path("offline"), &place.path("out"));
    add(&place, "out", &["--feature", &ids[5], "--verdict", "invalidated"]);
    add(&place, "out", &["--feature", &ids[5], "--contest", "--comment", "Seen by me: <script>."]);
    (place, map, ids)
}

#[track_caller]
fn published(place: &Place, to: &str, more: &[&str]) -> Value {
    report(place, &[&["publish", "out", "--to", to], more].concat(), 0)
}

#[test]
fn a_decided_map_has_states_corrections_and_all_that_was_proposed() {
    let (place, proposed, ids) = decided();
    let before = proposed.hashes();
    let report = published(&place, "decided", &[]);
    let map = Map::at(&place.path("decided"));
    let facts = &map.manifest["counts"]["decided"];
    assert_eq!(report["manifest"], map.manifest);
    assert_eq!(facts["map"], proposed.manifest["run_id"]);
    assert_eq!(
        (&facts["decisions"], &facts["names"], &facts["address"]),
        (&8.into(), &"function".into(), &"../out".into())
    );
    let open = wide(ids.len()) - 6;
    assert_eq!(
        facts["states"],
        json!({ "confirmed": 2, "invalidated": 1, "legitimate": 1, "disputed": 1, "contested": 1, "not_verified": open })
    );
    let verified = crate::review::report(&place, &["verify", "out"], 0);
    assert_eq!((&facts["root"], &facts["seals"]), (&verified["root"], &verified["newest"]));

    // The decided layer: all but the invalidated one, each as decided or as proposed.
    let (old, new) = (rows(&proposed, "features.gpkg", "features"), rows(&map, "features.gpkg", "features"));
    assert_eq!(new.len() + 1, old.len());
    assert!(!new.contains_key(&ids[1]));
    let states = ["confirmed", "", "confirmed", "legitimate", "disputed", "contested"];
    for (id, row) in &new {
        let at = ids.iter().position(|other| other == id).unwrap();
        assert_eq!(row["state"], states.get(at).copied().unwrap_or("not_verified"), "{at}");
        assert_eq!(row["run_id"], map.manifest["run_id"]);
        assert_eq!(row["decisions"].is_empty(), at > 5);
        assert_eq!(row["decided_by"], if at > 5 { "" } else { "SIG officer, DDTM 13" });
        let same = |column: &str| row[column] == old[id][column];
        assert_eq!((same("class_name"), same("WKT")), (at != 2, at != 3), "{at}");
        assert_eq!(
            (&*row["outline"], same("area_m2")),
            if at == 3 { ("decided", false) } else { ("proposed", true) }
        );
        assert_eq!(row["proposed_class"], if at == 2 { &*old[id]["class_name"] } else { "" });
    }
    assert_eq!(new[&ids[4]]["verdicts"], "illegal invalidated");
    // The outline is that of the box around the feature.
    let area = |row: &BTreeMap<String, String>| row["area_m2"].parse::<f64>().unwrap();
    let width = |rows: &BTreeMap<String, BTreeMap<String, String>>| area(&rows[&ids[3]]);
    assert!(width(&new) > width(&old) && new[&ids[3]]["pixels_area_m2"].is_empty());

    // Nothing is lost: what was replaced is there as it was proposed.
    let gone = rows(&map, "superseded.gpkg", "superseded");
    assert_eq!(gone.keys().collect::<Vec<_>>(), [&ids[1], &ids[2], &ids[3]]);
    for (id, row) in &gone {
        for column in ["class_name", "WKT", "area_m2", "score", "pixels_area_m2"] {
            assert_eq!(row[column], old[id][column], "{column}");
        }
    }
    assert_eq!(gone[&ids[1]]["state"], "invalidated");
    assert_eq!(proposed.hashes(), before, "the proposal stays as it is");

    checked_by_its_readers(&place, &map, &ids);
}

/// What the files for persons and programs say of a decided map.
fn checked_by_its_readers(place: &Place, map: &Map, ids: &[String]) {
    place.arpent(&["check", "decided"]).expect(0);
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    let link = |rel: &str| {
        let links = item["links"].as_array().unwrap().iter();
        links
            .filter(|link| link["rel"] == rel)
            .map(|link| link["href"].as_str().unwrap().to_owned())
            .next()
            .unwrap()
    };
    let predecessor = map.file("item.json").parent().unwrap().join(link("predecessor-version"));
    let proposal: Value = serde_json::from_slice(&std::fs::read(predecessor).unwrap()).unwrap();
    assert_eq!(proposal["id"], map.manifest["counts"]["decided"]["map"]);
    assert_eq!(
        (&*link("latest-version"), &item["properties"]["version"]),
        ("./item.json", &map.manifest["run_id"])
    );
    let html = std::fs::read_to_string(map.file("report.html")).unwrap();
    assert!(html.contains("Named persons decided about 4 of") && html.contains("data-state=\"disputed\""));
    assert!(!html.contains("No person has verified it.") && !html.contains("Ana Roux"));
    is_drawn_from_its_features(place, map, &html);
    let page = std::fs::read_to_string(map.file("index.html")).unwrap();
    assert!(page.contains("\"states\":[{\"name\":\"not_verified\""));
    let schema: Value =
        serde_json::from_slice(&std::fs::read(map.file("features.schema.json")).unwrap()).unwrap();
    let field =
        |name: &str| schema["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone();
    assert_eq!(field("state")["constraints"]["enum"].as_array().unwrap().len(), 8);
    let style = std::fs::read_to_string(map.file("features.qml")).unwrap();
    assert!(style.contains("attr=\"state\"") && style.contains("value=\"contested\""), "{style}");
    for (at, text) in [
        (0, "A person decided: confirmed."),
        (1, "invalidated"),
        (4, "contradict each other"),
        (5, "no answer yet"),
    ] {
        let sheet = place.arpent(&["explain", "decided", &ids[at], "--format", "json"]).expect(0).out;
        assert!(sheet.contains(text) && sheet.contains("SIG officer, DDTM 13"), "{at}: {sheet}");
    }
    let everything: String = map.manifest["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            String::from_utf8_lossy(
                &std::fs::read(map.root.join(artifact["href"].as_str().unwrap())).unwrap(),
            )
            .into_owned()
        })
        .collect();
    assert!(
        !everything.contains("Ana Roux") && !everything.contains("Seen by me"),
        "personal data that nobody asked for"
    );
}

/// The picture of the map in a report, by its pixels.
fn picture_of(html: &str) -> image::RgbImage {
    let used = html.split("<svg class=\"map\"").nth(1).expect("a map").split("href=\"#").nth(1).unwrap();
    let id = used.split('"').next().unwrap();
    let stored = html.split(&*format!("<image id=\"{id}\"")).nth(1).unwrap();
    let data = stored.split("base64,").nth(1).unwrap().split('"').next().unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    image::load_from_memory(&bytes).unwrap().to_rgb8()
}

/// The report's picture has the classes of the decided features; `arpent report` draws the same, also without the scenes.
fn is_drawn_from_its_features(place: &Place, map: &Map, html: &str) {
    assert!(html.contains("Drawn from the features"), "it says so");
    let picture = picture_of(html);
    assert_eq!(picture.dimensions(), (90, 70));
    let colors: BTreeMap<[u8; 3], usize> = picture.pixels().fold(BTreeMap::new(), |mut colors, pixel| {
        *colors.entry(pixel.0).or_default() += 1;
        colors
    });
    let package: Value =
        serde_json::from_str(&written(place, "model/model.json")).expect("the package of the place");
    let features = rows(map, "features.gpkg", "features").into_values();
    let areas = features.fold(BTreeMap::<String, f64>::new(), |mut areas, row| {
        *areas.entry(row["class_name"].clone()).or_default() += row["area_m2"].parse::<f64>().unwrap();
        areas
    });
    let mut drawn = 0;
    for class in package["classes"].as_array().unwrap() {
        let text = class["color"].as_str().unwrap().trim_start_matches('#');
        let part = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let pixels = colors.get(&[part(0), part(2), part(4)]).copied().unwrap_or(0);
        drawn += pixels;
        let area = areas.get(class["name"].as_str().unwrap()).copied().unwrap_or(0.0);
        let share = arpent_base::number::exact(pixels) * 0.04;
        // The outline that a person drew covers others, and is the box of a feature.
        assert!((share - area).abs() <= 0.1 * area + 12.0, "{class}: {share} of {area} m2");
    }
    assert!(drawn > picture.pixels().len() / 2, "{colors:?}");
    std::fs::rename(place.path("a.tif"), place.path("b.tif")).unwrap();
    let again = place.arpent(&["report", "decided"]).expect(0).out;
    std::fs::rename(place.path("b.tif"), place.path("a.tif")).unwrap();
    assert_eq!(picture_of(&again), picture);
}

#[test]
fn names_are_published_only_where_they_are_asked_for_and_files_are_the_same_again() {
    let (place, _, ids) = decided();
    let first = published(&place, "function", &[]);
    let again = published(&place, "function", &[]);
    assert_eq!((&first["already"], &again["already"]), (&false.into(), &true.into()));
    assert_eq!(first["manifest"], again["manifest"]);
    published(&place, "second", &[]);
    let hashes = |name: &str| Map::at(&place.path(name)).hashes();
    assert_eq!(hashes("function"), hashes("second"));
    for (names, by) in [("name", "Ana Roux, SIG officer, DDTM 13"), ("none", "")] {
        published(&place, names, &["--names", names]);
        let map = Map::at(&place.path(names));
        assert_eq!(rows(&map, "features.gpkg", "features")[&ids[0]]["decided_by"], by);
    }
    // Another decision is another version, which replaces one only if that is asked for.
    let contest = crate::review::report(&place, &["state", "out", &ids[5]], 0)["features"][0]["contests"][0]
        .as_str()
        .unwrap()
        .to_owned();
    add(
        &place,
        "out",
        &["--feature", &ids[5], "--verdict", "confirmed", "--answers", &contest, "--comment", "Right."],
    );
    review(&place, &["publish", "out", "--to", "function"]).expect(2);
    let next = published(&place, "function", &["--overwrite"]);
    assert_ne!(next["manifest"]["run_id"], first["manifest"]["run_id"]);
    let map = Map::at(&place.path("function"));
    let row = rows(&map, "features.gpkg", "features").remove(&ids[5]).unwrap();
    assert_eq!((&*row["state"], &*row["verdicts"]), ("confirmed", "confirmed"));

    // A decided map is reviewed again: what was decided before stays.
    review(&place, &["new", "function", "--name", "second"]).expect(0);
    add(&place, "function", &["--feature", &ids[6], "--verdict", "suspect"]);
    report(&place, &["publish", "function", "--to", "third"], 0);
    let rows = rows(&Map::at(&place.path("third")), "features.gpkg", "features");
    let state = |at: usize| rows[&ids[at]]["state"].as_str();
    assert_eq!([state(0), state(3), state(4), state(6)], ["confirmed", "legitimate", "disputed", "suspect"]);
    assert_eq!(
        (&*rows[&ids[3]]["outline"], &*rows[&ids[0]]["decided_by"]),
        ("decided", "SIG officer, DDTM 13")
    );
}

#[test]
fn what_is_no_decided_map_is_refused() {
    let (place, ids) = reviewed();
    let refused = |words: &[&str], message: &str| {
        let ended = review(&place, words).expect(2);
        assert!(ended.err.contains(message) && ended.err.contains("hint: "), "{}", ended.err);
    };
    refused(&["publish", "out", "--to", "decided"], "has no decisions");
    let decision = add(&place, "out", &["--feature", &ids[0], "--verdict", "confirmed"]);
    refused(&["publish", "out", "--to", "out"], "is the map that was proposed");
    refused(&["publish", "out", "--to", "./out/decided"], "is the map that was proposed");
    let file = place.path(&format!("out/reviews/first/decisions/{decision}.json"));
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replace("confirmed", "suspect")).unwrap();
    refused(&["publish", "out", "--to", "decided"], "no decisions");
    std::fs::write(&file, &whole).unwrap();
    add(&place, "out", &["--feature", &ids[1], "--verdict", "confirmed"]);
    std::fs::write(&file, whole.replace("confirmed", "suspect")).unwrap();
    refused(&["publish", "out", "--to", "decided"], "was changed");
    std::fs::write(&file, &whole).unwrap();
    let Row { .. } = Map::at(&place.path("out")).features().remove(0);
    // Another version of the map.
    place.run(&["a.tif"], "out", &["--overwrite"]);
    refused(&["publish", "out", "--to", "decided"], "another version of the map");
    assert!(place.shows_nothing("decided"));
}

/// Decisions about an earlier map are shown beside the same objects of a later one, and count for nothing.
#[test]
fn decisions_carry_over_to_the_next_map_as_history_and_never_as_verdicts() {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 16), Window::new(3_260_000, -34_310_000, 160, 90));
    let earlier = place.run(&["a.tif"], "out", &[]);
    let ids: Vec<String> = earlier.features().into_iter().map(|row| row.id).collect();
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    let lines: Vec<Value> = ids.iter().map(|id| json!({ "feature": id, "verdict": "illegal" })).collect();
    add_lines(&place, "out", &lines, &PERSON).expect(0);
    // 60 columns further east: features at the edges are cut, and have other ids; others are new.
    place.draw("b.tif", &Picture::new(5, 16), Window::new(3_260_060, -34_310_000, 160, 90));
    let later = place.run(&["b.tif"], "later", &[]);
    let new = report(&place, &["new", "later", "--name", "second", "--after", "out"], 0);
    let history: Value = serde_json::from_str(&written(&place, "later/reviews/second/history.json")).unwrap();
    let features = history["features"].as_object().unwrap();
    assert_eq!(new["with_history"], features.len());
    let other = |id: &String| {
        features[id].as_array().unwrap().iter().any(|earlier| earlier["feature"] != id.as_str())
    };
    let (same, cut): (Vec<&String>, Vec<&String>) = features.keys().partition(|id| ids.contains(id));
    assert!(!same.is_empty() && cut.iter().any(|id| other(id)), "{features:#?}");
    let known: Vec<String> = later.features().into_iter().map(|row| row.id).collect();
    assert!(features.len() < known.len(), "what is new has no history");
    assert!(features.keys().all(|id| known.contains(id)) && !history.to_string().contains("Ana Roux"));

    let state = report(&place, &["state", "later", same[0]], 0);
    assert_eq!((&state["decisions"], &state["features"][0]["status"]), (&0.into(), &"open".into()));
    assert_eq!(state["features"][0]["history"][0]["verdict"], "illegal");
    add(&place, "later", &["--feature", same[0], "--verdict", "legitimate"]);
    report(&place, &["publish", "later", "--to", "decided"], 0);
    let map = Map::at(&place.path("decided"));
    let published = rows(&map, "features.gpkg", "features");
    assert_eq!(published[same[0]]["state"], "legitimate");
    assert_eq!(published[cut[0]]["state"], "not_verified");
    assert!(
        published[cut[0]]["history"].starts_with("illegal 20")
            && published[same[0]]["history"].starts_with("illegal 20")
    );
    let sheet = place.arpent(&["explain", "decided", cut[0], "--format", "json"]).expect(0).out;
    assert!(sheet.contains("it does not count here"), "{sheet}");

    // An edited and a removed history are found.
    report(&place, &["verify", "later"], 0);
    let file = place.path("later/reviews/second/history.json");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replace("illegal", "suspect")).unwrap();
    assert_eq!(report(&place, &["verify", "later"], 1)["findings"][0]["kind"], "edited");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(report(&place, &["verify", "later"], 1)["findings"][0]["kind"], "missing-history");
}

/// A comparison about which persons decided. Events by their kind and later class: `[confirmed, invalidated, another kind,
/// another class, another outline, disputed, not decided]`.
fn decided_events() -> (Place, Map, Vec<String>) {
    let place = Place::empty();
    let [before, after] = pair();
    let (before, after) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    change(&place, &dated("2018", "2021", MAPS), &before, &after, "out", &[]).expect(0);
    place.write("rules.toml", "classes = [\"grown\", \"moved\", \"water\", \"shed\"]\n");
    review(&place, &["new", "out", "--name", "first", "--rules", "rules.toml"]).expect(0);
    let ids: Vec<String> =
        events(&place, "out").iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    let map = Map::at(&place.path("out"));
    add(&place, "out", &["--feature", &ids[0], "--verdict", "confirmed"]);
    add(&place, "out", &["--feature", &ids[1], "--verdict", "invalidated", "--reason", "absent"]);
    add(&place, "out", &["--feature", &ids[2], "--verdict", "suspect", "--class", "moved"]);
    add(&place, "out", &["--feature", &ids[3], "--verdict", "confirmed", "--class", "shed"]);
    let outline = drawn_in(&map, "events", &ids[4]);
    add(&place, "out", &["--feature", &ids[4], "--verdict", "legitimate", "--geometry", &outline]);
    copy(&place.path("out"), &place.path("offline"));
    add(&place, "out", &["--feature", &ids[5], "--verdict", "illegal"]);
    add(&place, "offline", &["--feature", &ids[5], "--verdict", "confirmed", "--class", "water"]);
    copy(&place.path("offline"), &place.path("out"));
    (place, map, ids)
}

/// The decided version of a comparison: events with states, kinds, classes and outlines as decided; numbers that follow; all that
/// was proposed beside it.
#[test]
fn a_decided_comparison_has_states_corrections_and_all_that_was_proposed() {
    let (place, proposed, ids) = decided_events();
    let before = proposed.hashes();
    published(&place, "decided", &[]);
    let map = Map::at(&place.path("decided"));
    let (old, new) = (rows(&proposed, "events.gpkg", "events"), rows(&map, "events.gpkg", "events"));
    assert_eq!((old.len(), new.len(), new.contains_key(&ids[1])), (7, 6, false));
    let states = ["confirmed", "", "suspect", "confirmed", "legitimate", "disputed", "not_verified"];
    for (id, row) in &new {
        let at = ids.iter().position(|other| other == id).unwrap();
        let same = |column: &str| row[column] == old[id][column];
        assert_eq!(row["state"], states[at], "{at}");
        assert_eq!((same("kind"), same("WKT"), same("area_m2")), (at != 2, at != 4, at != 4), "{at}");
        assert_eq!(
            (same("to_class"), same("class_name"), same("class_id")),
            (at != 3, at != 3, at != 3),
            "{at}"
        );
        for column in
            ["from_class", "changed_m2", "gained_m2", "lost_m2", "width_px", "vote_class", "objects_before"]
        {
            assert!(same(column), "{at}: {column} is of the pixels");
        }
    }
    let of = |at: usize, column: &str| new[&ids[at]][column].clone();
    assert_eq!((of(2, "kind"), of(2, "proposed_class")), ("moved".to_owned(), "disappeared".to_owned()));
    assert_eq!((of(3, "to_class"), of(3, "proposed_class")), ("shed".to_owned(), "building".to_owned()));
    assert_eq!((of(4, "outline"), of(5, "verdicts")), ("decided".to_owned(), "confirmed illegal".to_owned()));
    let gone = rows(&map, "superseded.gpkg", "superseded");
    let mut expected = vec![&ids[1], &ids[2], &ids[3], &ids[4]];
    expected.sort();
    assert_eq!(gone.keys().collect::<Vec<_>>(), expected);
    for (id, row) in &gone {
        for column in ["kind", "to_class", "WKT", "changed_m2"] {
            assert_eq!(row[column], old[id][column], "{column}");
        }
    }
    assert_eq!(proposed.hashes(), before, "the proposal stays as it is");

    // The numbers: of kinds as decided, without what is invalidated.
    let (counts, facts) = (&map.manifest["counts"], &map.manifest["counts"]["change"]);
    let number = |row: &BTreeMap<String, String>| row["changed_m2"].parse::<f64>().unwrap();
    let sum: f64 = new.values().map(number).sum();
    assert!((facts["changed_m2"].as_f64().unwrap() - sum).abs() < 1e-9 && sum < 155.0, "{facts}");
    assert_eq!(
        (&facts["events"]["moved"]["events"], &facts["events"]["disappeared"]["events"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        (&counts["features_per_class"]["moved"], &counts["features_per_class"]["disappeared"]),
        (&1.into(), &0.into())
    );
    assert_eq!(counts["features"], 6);
    assert_eq!(
        facts["left_out"], proposed.manifest["counts"]["change"]["left_out"],
        "what was computed stays"
    );
    let decided = &counts["decided"];
    assert_eq!(
        (&decided["classes_corrected"], &decided["outlines_corrected"], &decided["superseded"]),
        (&2.into(), &1.into(), &4.into())
    );
    assert_eq!(decided["classes_added"], json!(["shed"]));
    is_read_as_a_decided_comparison(&place, &map, &ids);

    // The same again has the same files; a decided comparison is reviewed and published again.
    published(&place, "again", &[]);
    assert_eq!(Map::at(&place.path("again")).hashes(), map.hashes());
    review(&place, &["new", "decided", "--name", "second", "--rules", "rules.toml"]).expect(0);
    add(&place, "decided", &["--feature", &ids[6], "--verdict", "illegal"]);
    // Decided once more, corrections stay; a class that was proposed can be given again.
    add(&place, "decided", &["--feature", &ids[2], "--verdict", "confirmed"]);
    add(&place, "decided", &["--feature", &ids[3], "--verdict", "confirmed", "--class", "water"]);
    add(&place, "decided", &["--feature", &ids[4], "--verdict", "illegal"]);
    report(&place, &["publish", "decided", "--to", "third"], 0);
    let third = rows(&Map::at(&place.path("third")), "events.gpkg", "events");
    let state = |at: usize| third[&ids[at]]["state"].as_str();
    assert_eq!([state(0), state(2), state(5), state(6)], ["confirmed", "confirmed", "disputed", "illegal"]);
    let columns = ["kind", "to_class", "proposed_class", "outline", "WKT"];
    let of = |rows: &BTreeMap<String, BTreeMap<String, String>>, at: usize| {
        columns.map(|column| rows[&ids[at]][column].clone())
    };
    for at in [2, 4] {
        assert_eq!(of(&third, at), of(&new, at), "{at}");
    }
    assert_eq!(of(&third, 2)[2], "disappeared");
    assert_eq!(of(&third, 3)[1..4], ["water", "building", "proposed"], "what the algorithm proposed");
    let sheet = place.arpent(&["explain", "third", &ids[2], "--format", "json"]).expect(0).out;
    assert!(sheet.contains("It proposed this event: disappeared"), "{sheet}");
}

/// What the files for persons and programs say of a decided comparison.
fn is_read_as_a_decided_comparison(place: &Place, map: &Map, ids: &[String]) {
    place.arpent(&["check", "decided"]).expect(0);
    let names: Vec<String> = map.hashes().into_iter().map(|(name, _)| name).collect();
    for name in [
        "events.geojson",
        "events.parquet",
        "events.fgb",
        "events.pmtiles",
        "events.qml",
        "superseded.parquet",
        "events.schema.json",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    // Pixels, and what follows from them, are those of the proposal, which the item links to.
    assert!(
        ["before.tif", "map.tif", "flows.csv", "stocks.csv", "lineage.csv", "objects.csv"]
            .iter()
            .all(|gone| !names.iter().any(|name| name == gone)),
        "{names:?}"
    );
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    let links = item["links"].as_array().unwrap();
    let link =
        links.iter().find(|link| link["rel"] == "predecessor-version").unwrap()["href"].as_str().unwrap();
    let predecessor = map.file("item.json").parent().unwrap().join(link);
    let proposal: Value = serde_json::from_slice(&std::fs::read(predecessor).unwrap()).unwrap();
    assert_eq!(proposal["id"], map.manifest["counts"]["decided"]["map"]);
    assert_eq!(item["properties"]["start_datetime"], proposal["properties"]["start_datetime"]);
    let html = std::fs::read_to_string(map.file("report.html")).unwrap();
    for text in [
        "Named persons decided about 5 of 7 events",
        "data-state=\"disputed\"",
        "A dot for each event; the rasters",
        "Flows and balances follow from the pixels",
        "Those that the proposal lists, without events",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(
        !html.contains("no person has verified")
            && !html.contains("id=\"flows\"")
            && !html.contains("Ana Roux")
    );
    let again = place.arpent(&["report", "decided"]).expect(0).out;
    assert!(again.contains("Named persons decided about 5 of 7 events"));
    let page = std::fs::read_to_string(map.file("index.html")).unwrap();
    assert!(page.contains("\"states\":[{\"name\":\"not_verified\"") && page.contains("\"kind\":\"change\""));
    let style = std::fs::read_to_string(map.file("events.qml")).unwrap();
    assert!(style.contains("attr=\"state\"") && style.contains("value=\"contested\""), "{style}");
    let schema: Value =
        serde_json::from_slice(&std::fs::read(map.file("events.schema.json")).unwrap()).unwrap();
    let field =
        |name: &str| schema["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone();
    assert_eq!(field("state")["constraints"]["enum"].as_array().unwrap().len(), 8);
    assert!(field("to_class")["constraints"]["enum"].as_array().unwrap().contains(&"shed".into()));
    for (at, text) in [
        (0, "A person decided: confirmed."),
        (1, "invalidated"),
        (2, "It proposed this event: disappeared"),
        (2, "The class or kind that was proposed: disappeared."),
        (4, "A person corrected its outline"),
        (5, "contradict each other"),
        (6, "No person has verified it"),
    ] {
        let sheet = place.arpent(&["explain", "decided", &ids[at], "--format", "json"]).expect(0).out;
        assert!(sheet.contains(text), "{at}: {text}: {sheet}");
    }
}

/// Scores of events are those of images, not of a model: nothing is learned from them, and the hint leads on.
#[test]
fn a_comparison_teaches_nothing_and_its_decisions_are_exported() {
    let (place, _, ids) = decided_events();
    let ended = review(&place, &["learn", "out", "--to", "learned"]).expect(2);
    assert!(ended.err.contains("only maps of a model can be learned from"), "{}", ended.err);
    let hint = ended.err.lines().find(|line| line.starts_with("hint: ")).unwrap();
    let command = hint.split('`').nth(1).unwrap().replace("OUTPUT", "out");
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    place.arpent(&words).expect(0);
    assert!(written(&place, "decisions.csv").contains(&ids[0]));
}

/// Processes that publish are killed at random moments: there is the whole version or none, and the next one makes the same.
#[test]
fn a_publication_that_is_killed_leaves_the_whole_version_or_none() {
    const KILLS: usize = 25;
    let (place, ids) = reviewed();
    let lines: Vec<Value> = ids.iter().map(|id| json!({ "feature": id, "verdict": "confirmed" })).collect();
    add_lines(&place, "out", &lines, &PERSON).expect(0);
    let started = std::time::Instant::now();
    published(&place, "whole", &[]);
    let longest = started.elapsed();
    let expected = Map::at(&place.path("whole")).hashes();
    let mut random = SplitMix64::new(11);
    let (mut killed, mut complete) = (0, 0);
    for round in 0..KILLS {
        let to = format!("to-{}", round % 5);
        let words = ["review", "publish", "out", "--to", &to];
        let mut child = place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(longest.mul_f64(1.1 * random.unit()) + Duration::from_millis(1));
        let _ = child.kill();
        killed += u32::from(!child.wait().unwrap().success());
        if place.path(&to).join("manifest.json").exists() {
            complete += 1;
            assert_eq!(Map::at(&place.path(&to)).hashes(), expected);
        }
    }
    eprintln!("{killed} of {KILLS} processes were killed, {complete} found a whole version");
    assert!(killed > 5, "{killed} killed");
    for to in 0..5 {
        let to = format!("to-{to}");
        published(&place, &to, &[]);
        assert_eq!(Map::at(&place.path(&to)).hashes(), expected);
        place.arpent(&["check", &to]).expect(0);
    }
}

#[derive(Deserialize)]
struct Sets {
    sets: Vec<SetConfig>,
}

/// A map of many features, each decided: right with a probability of half its score.
fn learned_from() -> (Place, Vec<String>) {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(9, 14), Window::new(3_260_000, -34_310_000, 420, 420));
    let map = place.run(&["a.tif"], "out", &[]);
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    let mut random = SplitMix64::new(4);
    let rows = map.features();
    let line = |row: &Row| {
        let score: f64 = row.score.parse().unwrap_or(1.0);
        let verdict = if random.unit() < 0.5 * score { "confirmed" } else { "invalidated" };
        json!({ "feature": row.id, "verdict": verdict })
    };
    let lines: Vec<Value> = rows.iter().map(line).collect();
    add_lines(&place, "out", &lines, &PERSON).expect(0);
    (place, rows.into_iter().map(|row| row.id).collect())
}

#[test]
fn verdicts_give_probabilities_thresholds_and_examples_that_a_training_reads() {
    let (place, ids) = learned_from();
    assert!(ids.len() > 200, "{} features", ids.len());
    let words =
        ["learn", "out", "--to", "learned", "--precision", "0.4", "--budget", "50", "--minimum", "40"];
    let learned = report(&place, &words, 0);
    let stored: Value = serde_json::from_str(&written(&place, "learned/learn.json")).unwrap();
    assert_eq!(learned, stored);
    assert_eq!(learned["learned_from"], ids.len());
    let groups = learned["groups"].as_array().unwrap();
    let improved = groups.iter().filter(|group| group["recalibrated"]["improves"] == true).count();
    assert!(improved > 0, "scores are twice the share that is right: {groups:#?}");
    for group in groups {
        assert_ne!(group["recalibrated"].is_null(), group["left_out"].is_null(), "{group}");
    }
    let budget = learned["thresholds"].as_array().unwrap().iter().find(|t| t["wanted"] == "budget").unwrap();
    assert!(budget["features"].as_u64().is_none_or(|features| features <= 50), "{budget}");
    let replay = &learned["replay"];
    assert!(replay["conclusion"].as_str().unwrap().starts_with("the probabilities are better"), "{replay}");
    let text = written(&place, "learned/report.txt");
    assert!(text.contains("in random order") && text.contains("\nEnergy: learning "), "{text}");
    // What the intervals mean is said, and for what they say nothing.
    assert!(
        text.contains(learned["meaning"].as_str().unwrap())
            && text.contains("Other places, dates and sensors: not known"),
        "{text}"
    );
    assert!(
        learned["places"]["count"].as_u64().unwrap() >= 20 && learned["places"]["kind"] == "blocks",
        "{learned}"
    );
    let manifest: Value = serde_json::from_str(&written(&place, "out/manifest.json")).unwrap();
    assert_eq!(learned["energy"]["map"], manifest["energy"]);
    assert!(learned["energy"]["learning"]["cpu_s"].as_f64().unwrap() > 0.0, "{learned}");

    // The same again is the same; a folder that is there stays as it is.
    let again = report(&place, &[&["learn", "out", "--to", "again"], &words[4..]].concat(), 0);
    for part in ["groups", "thresholds", "replay", "examples"] {
        assert_eq!(learned[part], again[part]);
    }
    let ended = review(&place, &words).expect(2);
    assert!(ended.err.contains("is there already") && ended.err.contains("hint: "), "{}", ended.err);

    // The card and the set are read by what reads those of every training.
    Card::read(&place.path("learned/card.toml")).unwrap();
    let examples: u64 =
        learned["examples"]["examples"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    let Sets { sets } = toml::from_str(&written(&place, "learned/sets.toml")).unwrap();
    let set = sets[0].open(&place.path(""), ReadAs::Raw).unwrap();
    // A polygon without the center of a pixel is no item.
    let items = wide(set.items().len());
    assert!(items > 0 && items <= examples, "{items} of {examples}");
    let Truth::Labels(labels) = set.read(0).unwrap().truth else { panic!("labels") };
    assert!(labels.data().iter().any(|label| *label != arpent_datasets::IGNORE));
}

/// The commands of the sections about publishing and learning, in the order of the guide.
#[test]
fn the_commands_about_decided_maps_run() {
    const GUIDE: &str = include_str!("../../../docs/guides/review.md");
    let (place, ids) = learned_from();
    for heading in ["## Publish what was decided", "## Learn from decisions"] {
        let section = GUIDE.split(heading).nth(1).unwrap();
        let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
        let script = block.replace("arpent ", &format!("\"{}\" ", env!("CARGO_BIN_EXE_arpent")));
        let script = script.replace(" ID\n", &format!(" {}\n", ids[0]));
        let output =
            std::process::Command::new("bash").args(["-ec", &script]).current_dir(place.path("")).output();
        Ended::from(output.unwrap()).expect(0);
    }
    assert!(written(&place, "report.html").contains("What was decided"));
}

/// The shipped package on a tile where every tree has a box: verdicts are simulated from the boxes. What few verdicts do not
/// teach is said.
#[test]
fn learning_on_a_shipped_task_improves_or_says_that_it_does_not() {
    let Some(scene) = crate::real::real("scenes/neon_osbs_029/OSBS_029.tif") else { return };
    let place = Place::empty();
    crate::real::shipped(&place, "[features]\nmin_area_m2 = 1.0\n");
    let map = place.run(&[scene.to_str().unwrap()], "out", &[]);
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    let boxes: Vec<[f64; 4]> = csv::Reader::from_path(scene.with_extension("csv"))
        .unwrap()
        .deserialize::<BTreeMap<String, String>>()
        .map(|row| {
            let row = row.unwrap();
            ["xmin", "ymin", "xmax", "ymax"].map(|name| row[name].parse().unwrap())
        })
        .collect();
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    let transform: Vec<f64> = serde_json::from_value(item["properties"]["proj:transform"].clone()).unwrap();
    let lines: Vec<Value> = rows(&map, "features.gpkg", "features")
        .values()
        .map(|row| {
            let numbers: Vec<f64> = row["WKT"]
                .split(|c: char| c.is_alphabetic() || "(), ".contains(c))
                .filter_map(|word| word.parse().ok())
                .collect();
            let mean = |axis: usize| {
                let of: Vec<f64> = numbers.iter().skip(axis).step_by(2).copied().collect();
                of.iter().sum::<f64>() / arpent_base::number::exact(of.len())
            };
            let (col, row_px) =
                ((mean(0) - transform[2]) / transform[0], (mean(1) - transform[5]) / transform[4]);
            let is_in = |b: &&[f64; 4]| b[0] <= col && col <= b[2] && b[1] <= row_px && row_px <= b[3];
            let verdict = if boxes.iter().any(|b| is_in(&b)) { "confirmed" } else { "invalidated" };
            json!({ "feature": row["id"], "verdict": verdict })
        })
        .collect();
    add_lines(&place, "out", &lines, &PERSON).expect(0);
    let learned =
        report(&place, &["learn", "out", "--to", "learned", "--minimum", "20", "--precision", "0.9"], 0);
    eprintln!("{}", written(&place, "learned/report.txt"));
    assert_eq!(learned["learned_from"], lines.len());
    for group in learned["groups"].as_array().unwrap() {
        match (&group["recalibrated"], group["left_out"].as_str()) {
            (Value::Null, Some(why)) => assert!(why.contains("fewer than"), "{why}"),
            (of, None) => assert_eq!(of["improves"], of["gain"]["low"].as_f64().is_some_and(|low| low > 0.0)),
            other => panic!("{other:?}"),
        }
    }
    let replay = &learned["replay"];
    let improves = replay["gain"]["low"].as_f64().is_some_and(|low| low > 0.0);
    let conclusion = replay["conclusion"].as_str().unwrap();
    assert_eq!(conclusion.starts_with("the probabilities are better"), improves, "{replay}");
}
