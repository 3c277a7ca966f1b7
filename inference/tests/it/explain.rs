//! `arpent explain`: the sheet of one feature or event.

use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::Value;

use crate::change::{MAPS, change, dated, events, pair};
use crate::common::{Map, Place};

fn published(more: &str) -> (Place, Map) {
    let place = Place::new();
    place.config(more);
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    let map = place.run(&["a.tif"], "out", &[]);
    (place, map)
}

fn sheet(place: &Place, id: &str) -> Value {
    serde_json::from_str(&place.arpent(&["explain", "out", id, "--format", "json"]).expect(0).out).unwrap()
}

/// The statement about something.
fn statement<'s>(sheet: &'s Value, topic: &str, about: &str) -> &'s Value {
    let topic = sheet["topics"].as_array().unwrap().iter().find(|t| t["key"] == topic).unwrap();
    let found = topic["statements"].as_array().unwrap().iter().find(|s| s["about"] == about);
    found.unwrap_or_else(|| panic!("nothing about {about}: {topic:#}"))
}

/// What holds for every sheet.
fn check(place: &Place, sheet: &Value, id: &str) {
    let topics: Vec<&str> =
        sheet["topics"].as_array().unwrap().iter().map(|t| t["key"].as_str().unwrap()).collect();
    assert_eq!(topics, ["contribution", "data", "parameters", "operations", "rights"]);
    assert_eq!((&sheet["id"], &sheet["state"]), (&id.into(), &"not_verified".into()));
    let html = place.arpent(&["explain", "out", id]).expect(0).out;
    assert_eq!(html, place.arpent(&["explain", "out", id, "--format", "html"]).expect(0).out);
    let plain = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    for topic in sheet["topics"].as_array().unwrap() {
        assert!(topic["article"].as_str().unwrap().contains("311-3-1"));
        assert!(!topic["statements"].as_array().unwrap().is_empty());
        for language in ["en", "fr"] {
            assert!(html.contains(&plain(topic["heading"][language].as_str().unwrap())));
            for statement in topic["statements"].as_array().unwrap() {
                let text = statement["text"][language].as_str().unwrap();
                assert!(text.ends_with('.') && html.contains(&plain(text)), "{text}");
            }
        }
    }
    assert!(!html.contains("<script") && !html.contains("src="));
}

#[test]
fn a_feature_is_explained_with_the_values_of_its_row() {
    let more = "[features]\nmin_area_m2 = 0.2\n[publish]\ncontact = \"cartes@example.org\"\nattribution = \"IGN, BD ORTHO 2024\"\n";
    let (place, map) = published(more);
    for row in [&map.features()[0], map.features().last().unwrap()] {
        let sheet = sheet(&place, &row.id);
        check(&place, &sheet, &row.id);
        let value = |topic, about| &statement(&sheet, topic, about)["value"];
        assert_eq!(value("contribution", "class_name"), row.class.as_str());
        let near = |value: &Value, text: &str| {
            let (value, text) = (value.as_f64().unwrap(), text.parse::<f64>().unwrap());
            assert!((value - text).abs() <= 1e-9 * text.max(1.0), "{value} {text}");
        };
        near(value("parameters", "score"), &row.score);
        near(value("parameters", "area_m2"), &row.area);
        near(value("parameters", "features.min_area_m2"), "0.2");
        let compared = statement(&sheet, "parameters", "features.min_area_m2");
        let shown = format!("{:.2}", row.pixels.parse::<f64>().unwrap());
        assert!(compared["text"]["en"].as_str().unwrap().contains(&shown), "{compared} {shown}");
        assert_eq!(value("data", "scene_ids"), "a");
        assert_eq!(value("parameters", "weights"), &map.manifest["model"]["sha256"]);
        let attribution = statement(&sheet, "data", "attribution")["text"]["fr"].as_str().unwrap().to_owned();
        assert!(attribution.contains("IGN, BD ORTHO 2024"));
        assert_eq!(value("rights", "contact"), "cartes@example.org");
        // All columns, with their titles.
        let fields = map.manifest["columns"]["fields"].as_array().unwrap();
        let attributes = sheet["attributes"].as_array().unwrap();
        assert_eq!(fields.len(), attributes.len());
        for (field, attribute) in fields.iter().zip(attributes) {
            assert_eq!((&field["name"], &field["title:fr"]), (&attribute["name"], &attribute["title"]["fr"]));
        }
        let html = place.arpent(&["explain", "out", &row.id]).expect(0).out;
        assert!(html.contains("class=\"picture\""), "the imagery with its outline");
    }
    let ended = place.arpent(&["explain", "out", &map.features()[0].id, "--output", "sheet.html"]).expect(0);
    assert_eq!(ended.out, "sheet.html\n");
    assert!(std::fs::read_to_string(place.path("sheet.html")).unwrap().contains(&map.features()[0].id));
}

#[test]
fn an_unknown_id_is_refused_with_a_way_to_find_ids() {
    let (place, map) = published("");
    for id in ["0123456789abcdef0123456789abcdef", "", "<b>", &map.features()[0].id[..12]] {
        let refused = place.arpent(&["explain", "out", id]).expect(2);
        assert!(refused.err.contains("has no feature with the id"), "{}", refused.err);
        assert!(refused.err.contains("`arpent report out --output FILE.html`"), "{}", refused.err);
        assert!(refused.err.contains("features.gpkg") && refused.out.is_empty(), "{}", refused.err);
    }
    // What the hint names leads to an id.
    place.arpent(&["report", "out", "--output", "FILE.html"]).expect(0);
    let report = std::fs::read_to_string(place.path("FILE.html")).unwrap();
    let id = report.split("data-feature=\"").nth(1).unwrap().split('"').next().unwrap();
    place.arpent(&["explain", "out", id]).expect(0);
    place.arpent(&["view", "--help"]).expect(0);
}

#[test]
fn an_event_is_explained_with_the_gates_that_applied() {
    let place = Place::empty();
    let [before, after] = pair();
    let (before, after) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let config = format!("contact = \"maps@example.org\"\n{}", dated("2018", "2021", MAPS));
    change(&place, &config, &before, &after, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let rules = &map.manifest["counts"]["change"]["rules"];
    for event in events(&place, "out") {
        let id = event["id"].as_str().unwrap();
        let sheet = sheet(&place, id);
        check(&place, &sheet, id);
        assert_eq!(sheet["kind"], "event");
        let value = |topic, about| &statement(&sheet, topic, about)["value"];
        assert_eq!(value("contribution", "kind"), &event["kind"]);
        let near = |value: &Value, expected: &Value| {
            assert!(
                (value.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-9,
                "{value} {expected}"
            );
        };
        near(value("parameters", "width_px"), &event["width_px"]);
        near(value("parameters", "changed_m2"), &event["changed_m2"]);
        near(value("parameters", "vote_class"), &1.into());
        let width = statement(&sheet, "parameters", "width_px")["text"]["en"].as_str().unwrap().to_owned();
        assert!(width.contains(&format!("{:.2}", rules["width_px"].as_f64().unwrap())), "{width}");
        let images = statement(&sheet, "parameters", "vote_image")["text"]["en"].as_str().unwrap().to_owned();
        assert!(images.contains("no images of both dates"), "{images}");
        assert_eq!(value("rights", "contact"), "maps@example.org");
    }
}
