//! Answers that are left undecided by a stated risk: exact on every pixel, the same however they are computed, and no class
//! in anything that is made of the map.

use std::collections::BTreeMap;

use arpent_base::number::exact;
use arpent_model::{AnswerLevel, AnswerTables, Calibration, ClassAnswers, ModelPackage};
use arpent_raster::Window;
use arpent_testing::Picture;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::change::{MAPS, change, dated, events};
use crate::common::{Ended, GSD, Map, Place, nearest_color};
use crate::review::{report, review};

/// A scene that crosses the lattice of 512 pixels in both directions.
const SCENE: Window = Window::new(6375 * 512 - 90, -67013 * 512 - 80, 230, 190);
/// The highest value that the model leaves free.
const UNDECIDED: u8 = 254;

/// Half of the answers below 0.6 are right, 90 % from there to 0.8, 99 % above; those of class 3 are never better than 80 %.
fn tables() -> AnswerTables {
    let level = |from, to, right| AnswerLevel { from, to, right, answers: 100 };
    let good = vec![level(0, 150, 50), level(151, 200, 90), level(201, 250, 99)];
    let poor = vec![level(0, 250, 80)];
    let class = |class, levels: &Vec<AnswerLevel>| ClassAnswers { class, levels: levels.clone() };
    AnswerTables {
        least_answers: 100,
        least_pictures: 3,
        ece_held_out: None,
        all: vec![class(0, &good), class(1, &good), class(2, &good), class(3, &poor)],
        territories: BTreeMap::from([("towns/north".into(), vec![class(3, &good)])]),
        left_out: Vec::new(),
    }
}

/// Changes the package of a place.
fn package(place: &Place, change: impl FnOnce(&mut ModelPackage)) {
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    change(&mut package);
    package.save(&weights, &place.path("model")).unwrap();
}

/// A place whose model is uncertain about many pixels, with a scene.
fn place(kernel: usize, answers: Option<AnswerTables>) -> (Place, String) {
    let place = Place::new();
    nearest_color(&place.path("model"), kernel);
    let taps = if kernel == 3 { 9.0 } else { 1.0 };
    package(&place, |package| {
        let temperature = 6000.0 * taps;
        let split = "validation".into();
        package.calibration =
            Some(Calibration { temperature, ece_before: 0.2, ece_after: 0.1, split, answers });
    });
    let scene = place.draw("a.tif", &Picture::new(11, 7), SCENE);
    (place, scene)
}

/// What a map must be: the predicted class where the confidence is high enough, else undecided.
fn expected(labels: &[u8], confidence: &[u8], lowest: [u16; 4]) -> Vec<u8> {
    let one = |(label, confidence): (&u8, &u8)| {
        if *label == 255 || u16::from(*confidence) >= lowest[usize::from(*label)] {
            *label
        } else {
            UNDECIDED
        }
    };
    labels.iter().zip(confidence).map(one).collect()
}

fn count(labels: &[u8], class: u8) -> usize {
    labels.iter().map(|label| usize::from(*label == class)).sum()
}

#[test]
fn every_pixel_is_given_or_undecided_by_its_confidence() {
    let (place, scene) = place(1, None);
    let plain = place.run(&[&scene], "plain", &[]);
    let (labels, confidence) = (plain.labels(), plain.raster("confidence.tif"));
    assert!((0..4).all(|class| count(&labels, class) > 500));

    package(&place, |package| package.calibration.as_mut().unwrap().answers = Some(tables()));
    place.config("[abstain]\nmax_risk = 0.06\n");
    let map = place.run(&[&scene], "out", &[]);
    // 11 of 200 above 0.6 are wrong, and class 3 is never good enough.
    let wanted = expected(&labels, &confidence, [151, 151, 151, 999]);
    let undecided = count(&wanted, UNDECIDED);
    assert!(undecided > count(&labels, 3) + 200, "{undecided}");
    assert!(map.raster("map.tif") == wanted);
    // The label raster keeps the prediction, and the confidences are corrected: 0.5, 0.9, 0.99, and 0.8 of class 3.
    assert!(map.labels() == labels);
    let corrected = map.raster("confidence.tif");
    for ((label, before), after) in labels.iter().zip(&confidence).zip(&corrected) {
        let share = match (label, before) {
            (3, _) => 200,
            (_, 0..=150) => 125,
            (_, 151..=200) => 225,
            _ => 248,
        };
        assert_eq!(*after, share, "{label} {before}");
    }
    let counts = &map.manifest["counts"]["undecided"];
    assert_eq!((&counts["class"], &counts["value"]), (&json!("undecided"), &json!(UNDECIDED)));
    assert_eq!(counts["pixels"], undecided);
    assert_eq!(counts["pixels_published"], undecided);
    let share = exact(undecided) / exact(labels.len());
    assert!((counts["share"].as_f64().unwrap() - share).abs() < 1e-12);
    assert!((counts["published_m2"].as_f64().unwrap() - exact(undecided) * 0.04).abs() < 1e-6);
    let class = &counts["classes"][3];
    assert_eq!((&class["table"], &class["pixels"]), (&json!("all"), &json!(count(&labels, 3))));
    assert_eq!(class["pixels"], class["pixels_undecided"]);
    assert!((counts["classes"][1]["expected_risk"].as_f64().unwrap() - 0.055).abs() < 1e-12);
    let warnings = map.manifest["warnings"].to_string();
    assert!(warnings.contains("always-undecided") && warnings.contains("class 3"), "{warnings}");

    // Features of the class have no score, and its name is part of the nomenclature in every language.
    let features = map.features();
    let of_class: Vec<_> = features.iter().filter(|f| f.class == "undecided").collect();
    assert!(!of_class.is_empty() && of_class.iter().all(|f| f.score.is_empty()), "{of_class:?}");
    let pixels: f64 = of_class.iter().map(|f| f.pixels.parse::<f64>().unwrap()).sum();
    assert!((pixels - exact(undecided) * 0.04).abs() < 1e-6);
    let classes = map.manifest["package"]["classes"].to_string();
    assert!(classes.contains("\"undecided\"") && classes.contains("\"indéterminé\""), "{classes}");
    let report = std::fs::read_to_string(map.file("report.html")).unwrap();
    assert!(report.contains("Answers left undecided, by class") && report.contains("Indéterminés"));

    // Without [abstain], confidences are corrected and nothing is undecided.
    place.config("");
    let corrected_only = place.run(&[&scene], "corrected", &[]);
    assert!(corrected_only.raster("confidence.tif") == corrected && corrected_only.labels() == labels);
    assert!(corrected_only.manifest["counts"].get("undecided").is_none());
    assert_ne!(corrected_only.manifest["run_id"], map.manifest["run_id"]);
}

/// Undecided features have no score, and are nothing that a model proposes.
#[test]
fn reviews_by_score_and_deliveries_pass_over_what_is_undecided() {
    let (place, scene) = place(3, Some(tables()));
    place.config("[abstain]\nmax_risk = 0.06\n");
    let map = place.run(&[&scene], "out", &[]);
    let undecided = map.manifest["counts"]["features_per_class"]["undecided"].as_u64().unwrap();
    let features = map.manifest["counts"]["features"].as_u64().unwrap();
    assert!(undecided > 0 && features > undecided, "{undecided} of {features}");
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    let sample = report(
        &place,
        &["sample", "out", "--least-certain", "6", "--folder", "s", "--reviewers", "ana", "--doubled", "0"],
        0,
    );
    assert_eq!(
        (&sample["features"], &sample["undecided"]),
        (&features.into(), &undecided.into()),
        "{sample}"
    );
    let strata = sample["strata"].as_array().unwrap();
    assert!(
        strata.iter().all(|stratum| !stratum["name"].as_str().unwrap().contains("undecided")),
        "{sample}"
    );
    let whole = report(
        &place,
        &["sample", "out", "--all", "--folder", "a", "--reviewers", "ana", "--doubled", "0"],
        0,
    );
    assert_eq!((&whole["drawn"], &whole["undecided"]), (&features.into(), &Value::Null), "{whole}");
    let url = "https://tiles.example.org/{z}/{x}/{y}.webp";
    let told = report(
        &place,
        &["export", "out", "--to", "aigle", "--check", "--year", "2024", "--batch-tiles-url", url],
        0,
    );
    assert_eq!(
        (&told["features"], &told["undecided"]),
        (&(features - undecided).into(), &undecided.into()),
        "{told}"
    );
    assert_eq!(told["imported"], told["rows"]);
    // The model's classes are its own in the item; the published map has one more.
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    let classes = |asset: &str| {
        let all = item["assets"][asset]["bands"][0]["classification:classes"].as_array().unwrap();
        all.iter().any(|class| class["value"] == UNDECIDED)
    };
    assert!(classes("map.tif") && !classes("labels.tif"));
    let output = item["properties"]["mlm:output"][0]["classification:classes"].as_array().unwrap();
    assert_eq!(output.len(), 4, "{output:?}");
}

#[test]
fn a_territory_has_its_own_tables() {
    let (place, scene) = place(1, Some(tables()));
    place.config("[abstain]\nmax_risk = 0.06\n[confidence]\nterritory = \"towns/north\"\n");
    let map = place.run(&[&scene], "out", &[]);
    let counts = &map.manifest["counts"]["undecided"];
    assert_eq!(counts["territory"], "towns/north");
    assert_eq!(
        (&counts["classes"][3]["table"], &counts["classes"][1]["table"]),
        (&json!("towns/north"), &json!("all"))
    );
    assert!(counts["classes"][3]["pixels_undecided"].as_u64() < counts["classes"][3]["pixels"].as_u64());
    assert!(!map.manifest["warnings"].to_string().contains("always-undecided"));
    // A plan says before what is to be expected.
    let words = ["plan", "run.toml", "--scene", &scene, "--format", "json"];
    let plan: Value = serde_json::from_str(&place.arpent(&words).expect(0).out).unwrap();
    let expected = &plan["maps"][0]["undecided"];
    assert!((expected["max_risk"].as_f64().unwrap() - 0.06).abs() < 1e-12);
    let of_class = &expected["classes"][3];
    assert!((of_class["coverage"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-12, "{expected}");
    assert!((of_class["lowest"].as_f64().unwrap() - 151.0 * 0.004).abs() < 1e-12, "{expected}");
}

/// More risk leaves fewer answers undecided, and none at a risk of 1.
#[test]
fn more_risk_decides_more() {
    let (place, scene) = place(1, Some(tables()));
    let undecided = |risk: &str| {
        place.config(&format!("[abstain]\nmax_risk = {risk}\n"));
        let map = place.run(&[&scene], "out", &["--overwrite"]);
        map.manifest["counts"]["undecided"]["pixels"].as_u64().unwrap()
    };
    let found = ["0.0", "0.01", "0.06", "0.3", "1.0"].map(undecided);
    assert!(found.windows(2).all(|pair| pair[0] >= pair[1]), "{found:?}");
    assert_eq!((found[0], found[4]), (230 * 190, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn any_window_size_threads_and_shards_give_the_same_map(size in 32usize..200, threads in 1usize..5, shards in 1usize..4) {
        let (place, scene) = place(3, Some(tables()));
        place.config("[abstain]\nmax_risk = 0.06\n");
        let one = place.run(&[&scene], "one", &["--threads", "1"]);
        let window = size.to_string();
        let other = place.run(&[&scene], "other", &["--threads", &threads.to_string(), "--window", &window]);
        let plan = place.plan(&[&scene], "shards", shards, &["--window", &window]);
        (0..shards).for_each(|index| drop(place.worker(&plan, index).expect(0)));
        place.arpent(&["merge", "--plan", &plan]).expect(0);
        let merged = Map::at(&place.path("shards"));
        let of = |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
        prop_assert_eq!(of(&one), of(&other));
        prop_assert_eq!(of(&one), of(&merged));
        prop_assert_eq!(&one.manifest["counts"]["undecided"], &merged.manifest["counts"]["undecided"]);
        prop_assert!(one.manifest["counts"]["undecided"]["pixels"].as_u64().unwrap() > 0);
    }
}

#[test]
fn the_minimum_mapping_unit_eats_nothing_that_is_undecided() {
    let (place, scene) = place(1, Some(tables()));
    let coverage = "[abstain]\nmax_risk = 0.06\n[coverage]\nmmu_m2 = 6.0\n";
    place.config("[abstain]\nmax_risk = 0.06\n");
    let plain = place.run(&[&scene], "plain", &[]).raster("map.tif");
    place.config(coverage);
    let kept = place.run(&[&scene], "kept", &[]);
    let stayed = kept.raster("map.tif");
    assert!(plain.iter().zip(&stayed).all(|(before, after)| *before != UNDECIDED || *after == UNDECIDED));
    assert!(kept.manifest["counts"]["coverage"]["regions_eliminated"].as_u64().unwrap() > 0);
    let counts = &kept.manifest["counts"]["undecided"];
    assert_eq!(
        (&counts["pixels_published"], &counts["pixels_given"]),
        (&json!(count(&stayed, UNDECIDED)), &json!(0))
    );
    // A unit of its own is a decision of the user, and is told.
    place.config(&format!("{coverage}[coverage.classes.undecided]\nmmu_m2 = 6.0\n"));
    let eaten = place.run(&[&scene], "eaten", &[]);
    let after = eaten.raster("map.tif");
    let given =
        plain.iter().zip(&after).filter(|(before, after)| **before == UNDECIDED && before != after).count();
    assert!(given > 0);
    let counts = &eaten.manifest["counts"]["undecided"];
    assert_eq!(
        (&counts["pixels_published"], &counts["pixels_given"]),
        (&json!(count(&after, UNDECIDED)), &json!(given))
    );
    assert!(eaten.manifest["warnings"].to_string().contains("undecided-given-a-class"));
}

#[test]
fn undecided_is_no_class_of_zones_and_no_change() {
    let (place, scene) = place(1, Some(tables()));
    place.config("");
    place.run(&[&scene], "plain", &[]);
    place.config("[abstain]\nmax_risk = 0.06\n");
    let map = place.run(&[&scene], "out", &[]);
    let labels = map.raster("map.tif");
    let share = exact(count(&labels, UNDECIDED)) / exact(labels.len());

    // Zones: a share of its own, and the shares of the classes are those of what was given.
    let [west, south, east, north] =
        [SCENE.col, -SCENE.row_end(), SCENE.col_end(), -SCENE.row].map(|pixels| exact(pixels) * GSD);
    let ring =
        format!("[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]");
    place.write(
        "zones.geojson",
        &format!(
            "{{\"type\":\"FeatureCollection\",\"crs\":{{\"type\":\"name\",\"properties\":{{\"name\":\"urn:ogc:def:crs:EPSG::2154\"}}}},\
             \"features\":[{{\"type\":\"Feature\",\"properties\":{{\"id\":1}},\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[{ring}]}}}}]}}"
        ),
    );
    place.write("zonal.toml", "map = \"out\"\nzones = \"zones.geojson\"\nid = \"id\"\n");
    place.arpent(&["zonal", "zonal.toml", "--output", "zones"]).expect(0);
    let zones = Map::at(&place.path("zones"));
    let mut reader = csv::Reader::from_path(zones.file("zones.csv")).unwrap();
    let row: BTreeMap<String, String> = reader.deserialize().next().unwrap().unwrap();
    let number = |column: &str| row[column].parse::<f64>().unwrap();
    assert!((number("undecided_share") - share).abs() < 1e-6, "{row:?}");
    let sum: f64 = (1..4).map(|class| number(&format!("class_{class}_share"))).sum();
    assert!((sum + number("background_share") + share - 1.0).abs() < 1e-6, "{row:?}");

    // The same place at two dates, certain at one and uncertain at the other: nothing has changed.
    let config = dated("2018", "2021", &MAPS.replace("meadow", "background"));
    for (before, after, output) in [("plain", "out", "a"), ("out", "plain", "b"), ("out", "out", "c")] {
        let told = change(&place, &config, before, after, output, &[]).expect(0);
        assert_eq!(events(&place, output), Vec::<Value>::new(), "{before} {after}");
        let changed = Map::at(&place.path(output));
        let warnings = changed.manifest["warnings"].to_string();
        assert!(warnings.contains("undecided-not-observed"), "{} {warnings}", told.err);
        assert!(!changed.manifest["counts"]["change"]["classes"].to_string().contains("undecided"));
    }

    // A table that says what they are is followed: nothing else is not observed, and no warning says so.
    let named = |undecided: &str| {
        let of_classes: String = ["background", "class 1", "class 2", "class 3"]
            .map(|name| format!("\"{name}\" = \"{name}\", "))
            .concat();
        config.replace(
            "[before]\n",
            &format!("[before]\nvalues = {{ {of_classes}undecided = \"{undecided}\" }}\n"),
        )
    };
    for (undecided, output, is_told) in [("class 1", "named", false), ("nodata", "hidden", true)] {
        change(&place, &named(undecided), "out", "plain", output, &[]).expect(0);
        let changed = Map::at(&place.path(output));
        let warnings = changed.manifest["warnings"].to_string();
        assert_eq!(warnings.contains("undecided-not-observed"), is_told, "{undecided}: {warnings}");
    }
    let facts = |output: &str| Map::at(&place.path(output)).manifest["counts"]["change"].to_string();
    assert_eq!(facts("hidden"), facts("b"));
    assert_ne!(facts("named"), facts("b"), "undecided pixels are compared");
}

/// What the sheet and the page of a feature say about its class.
#[test]
fn sheets_have_the_threshold_of_each_class() {
    let (place, scene) = place(1, Some(tables()));
    place.config("[abstain]\nmax_risk = 0.06\n");
    let map = place.run(&[&scene], "out", &[]);
    let features = map.features();
    let sheet = |class: &str| {
        let id = &features.iter().find(|row| row.class == class).unwrap().id;
        place.arpent(&["explain", "out", id, "--format", "json"]).expect(0).out
    };
    let given = sheet("class 1");
    assert!(given.contains("Answers of the class class 1 are given from a confidence of"), "{given}");
    assert!(given.contains("sont données à partir d'une confiance de") && !given.contains("no threshold"));
    let undecided = sheet("undecided");
    for text in [
        "its class is left undecided",
        "The map gives no class here",
        "La carte ne donne pas de classe ici",
        "Answers of the class class 3 are never given",
        "left undecided",
    ] {
        assert!(undecided.contains(text), "{text}: {undecided}");
    }
    for text in ["There is no threshold", "a reference layer gave", "The class that it gives"] {
        assert!(!undecided.contains(text), "{text}: {undecided}");
    }
    let page = std::fs::read_to_string(map.file("index.html")).unwrap();
    let facts =
        r#""unscored":{"overrides":false,"ranges":false,"undecided":{"class":"undecided","max_risk":0.06}}"#;
    assert!(page.contains(facts), "{page}");
}

/// The hint of a run that is refused.
#[track_caller]
fn refused(place: &Place, scene: &str, config: &str) -> Ended {
    place.config(config);
    let ended = place.try_run(&[scene], "refused", &[]).expect(2);
    assert!(ended.err.contains("hint: ") && place.shows_nothing("refused"), "{}", ended.err);
    ended
}

#[test]
fn what_a_model_cannot_promise_is_refused() {
    let (place, scene) = place(1, None);
    let abstain = "[abstain]\nmax_risk = 0.05\n";
    let none = refused(&place, &scene, abstain);
    assert!(none.err.contains("its risk is not known") && none.err.contains("--by-class"), "{}", none.err);
    assert!(none.err.contains("line 3"), "{}", none.err);
    let territory = "[confidence]\nterritory = \"towns/nroth\"\n";
    assert!(refused(&place, &scene, territory).err.contains("no tables of right answers"));
    package(&place, |package| package.calibration.as_mut().unwrap().answers = Some(tables()));
    let unknown = refused(&place, &scene, territory);
    assert!(unknown.err.contains("did you mean `towns/north`?"), "{}", unknown.err);
    for risk in ["-0.1", "1.5", "nan"] {
        place.config(&format!("[abstain]\nmax_risk = {risk}\n"));
        let ended = place.try_run(&[&scene], "refused", &[]).expect(2);
        assert!(ended.err.contains("abstain.max_risk") && ended.err.contains("from 0 to 1"), "{}", ended.err);
    }
    package(&place, |package| {
        let mut classes = package.classes.classes().to_vec();
        classes[2].name = "undecided".into();
        package.classes = arpent_raster::Nomenclature::new(classes).unwrap();
    });
    let taken = refused(&place, &scene, abstain);
    assert!(taken.err.contains("class `undecided` of its own"), "{}", taken.err);
    let (boxes, scene) = crate::detection::place_of_dots();
    assert!(refused(&boxes, &scene, abstain).err.contains("finds boxes"));
}
