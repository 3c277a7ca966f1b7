//! Deliveries to AIGLE: loaded into PostgreSQL with PostGIS, read by its rules, and statuses that come back.

use std::collections::BTreeSet;

use arpent_testing::postgis::Postgis;
use serde_json::{Value, json};

use crate::change::{change, pair, soils_and_zones};
use crate::common::{Map, Place};
use crate::review::{add, report, review, reviewed, status};

const URL: &str = "https://tiles.example.org/{z}/{x}/{y}.webp";

/// What AIGLE imports, by the rules of its command, each stated again here. `known` are its object types.
fn imported(server: &Postgis, known: &BTreeSet<String>) -> u64 {
    let known: Vec<String> = known.iter().map(|name| format!("'{name}'")).collect();
    let sql = format!(
        "WITH batches AS (SELECT b.id FROM detections.batch b JOIN detections.run r ON r.id = b.run_id \
           WHERE r.src_image_year BETWEEN 1900 AND 2100 AND b.batch_tiles_url IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM detections.inference i WHERE i.batch_id = b.id AND coalesce(i.object_type NOT IN ({}), true))) \
         SELECT count(DISTINCT (i.id, i.batch_id)) FROM detections.inference i JOIN batches b ON b.id = i.batch_id \
           WHERE i.score BETWEEN 0 AND 1 AND coalesce(i.tile_x, 0) <> 0 AND coalesce(i.tile_y, 0) <> 0 \
             AND ST_GeometryType(i.geometry) = 'ST_Polygon' AND ST_SRID(i.geometry) = 4326 AND ST_IsValid(i.geometry) \
             AND coalesce(i.detection_validation_status, 'SUSPECT') IN ('DETECTED_NOT_VERIFIED', 'SUSPECT', 'ILLEGAL', 'LEGITIMATE', 'INVALIDATED') \
             AND coalesce(i.detection_source, 'ANALYSIS') IN ('INTERFACE_DRAWN', 'INTERFACE_FORCED_VISIBLE', 'ANALYSIS')",
        if known.is_empty() { "''".to_owned() } else { known.join(", ") }
    );
    server.ask(&sql).parse().unwrap()
}

/// Checks and writes a delivery; gives the report of the check.
fn delivered(place: &Place, folder: &str, more: &[&str]) -> Value {
    let words = [&["export", "out", "--to", "aigle", "--format", "json"], more].concat();
    let checked = review(place, &[&words[..], &["--check"]].concat());
    let written = review(place, &[&words[..], &[folder]].concat()).expect(checked.code);
    let (mut checked, written): (Value, Value) =
        (serde_json::from_str(&checked.out).unwrap(), serde_json::from_str(&written.out).unwrap());
    assert_eq!(written["files"].as_array().unwrap().len(), 3);
    checked["files"] = written["files"].clone();
    assert_eq!(checked, written, "what is written is what was checked");
    written
}

#[test]
fn a_delivery_is_imported_as_the_check_says_and_statuses_come_back() {
    let Some(server) = Postgis::start() else { return };
    let (place, ids) = reviewed();
    add(&place, "out", &["--feature", &ids[0], "--verdict", "illegal"]);
    let manifest = Map::at(&place.path("out")).manifest;
    let classes = manifest["counts"]["features_per_class"].as_object().unwrap();
    // One class has another name in AIGLE, with accents.
    let first = classes.keys().next().unwrap();
    let renamed = format!("{first}=Dépôt / Matériaux");
    let mut known: BTreeSet<String> = classes.keys().skip(1).cloned().collect();
    known.insert("DEPOT MATERIAUX".to_owned());
    place.write("types.txt", &known.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
    let known: BTreeSet<String> = known.into_iter().map(|name| name.to_lowercase()).collect();
    let whole = [
        "--batch-tiles-url",
        URL,
        "--year",
        "2024",
        "--geozone",
        "7",
        "--known-types",
        "types.txt",
        "--object-type",
        &renamed,
    ];
    let told = delivered(&place, "aigle", &whole);
    assert_eq!((&told["broken"], &told["features"]), (&json!([]), &ids.len().into()), "{told}");
    let sql = place.path("aigle/detections.sql");
    server.run(&sql).unwrap();
    assert_eq!(imported(&server, &known), told["imported"].as_u64().unwrap());
    assert_eq!(told["imported"], told["rows"]);
    // Replay changes nothing; other rows under the same number are an error.
    server.run(&sql).unwrap();
    assert_eq!(server.ask("SELECT count(*) FROM detections.inference"), told["rows"].to_string());
    assert_eq!(
        server.ask("SELECT count(*) FROM detections.inference WHERE detection_validation_status IS NOT NULL"),
        "0"
    );
    let text = std::fs::read_to_string(&sql).unwrap();
    place.write("other.sql", &text.replace("depot materiaux", "piscine"));
    assert!(server.run(&place.path("other.sql")).unwrap_err().contains("is there with other content"));
    place.write("other.sql", &text.replace("tiles.example.org", "other.example.org"));
    assert!(server.run(&place.path("other.sql")).unwrap_err().contains("is there with other content"));
    // Tiles are those of the middle of each polygon.
    let tiles = "SELECT count(*) FROM (SELECT *, ST_Centroid(ST_Envelope(geometry)) c FROM detections.inference) i WHERE \
                 tile_x <> floor((ST_X(c) + 180) / 360 * 524288) OR tile_y <> floor((1 - asinh(tan(radians(ST_Y(c)))) / pi()) / 2 * 524288)";
    assert_eq!(server.ask(tiles), "0");
    // The GeoPackage has the same rows.
    let info = crate::common::gdal(
        "ogrinfo",
        &["-so", "-al", place.path("aigle/detections.gpkg").to_str().unwrap()],
    );
    for part in [
        "Layer name: inference",
        "Layer name: run",
        "Layer name: batch",
        "Geometry: Polygon",
        &format!("Feature Count: {}", told["rows"]),
    ] {
        assert!(info.contains(part), "{part}: {info}");
    }
    // With verdicts, the status of decided features, in a batch of its own.
    let told = delivered(&place, "decided", &[&whole[..], &["--with-verdicts", "--batch-id", "5"]].concat());
    server.run(&place.path("decided/detections.sql")).unwrap();
    assert_eq!(server.ask("SELECT detection_validation_status FROM detections.inference WHERE batch_id = 5 AND detection_validation_status IS NOT NULL"), "ILLEGAL");
    assert_eq!(told["batch_id"], 5);
    statuses_come_back(&place, &server, &ids);
}

fn statuses_come_back(place: &Place, server: &Postgis, ids: &[String]) {
    let table = std::fs::read_to_string(place.path("aigle/features.csv")).unwrap();
    let row = |id: &String| {
        let line = table.lines().find(|line| line.split(',').nth(2) == Some(id)).unwrap();
        line.split(',').take(2).map(str::to_owned).collect::<Vec<_>>().join(",")
    };
    // As psql writes a table of `core_detectiondata`.
    let time = server.ask("SELECT '2026-11-29 20:15:00.5+01'::timestamptz");
    let statuses = format!(
        "inference_id,batch_id,detection_validation_status,user_email,updated_at\n{},INVALIDATED,eva@example.org,{time}\n{},SUSPECT,Eva@example.org,{time}\n{},DETECTED_NOT_VERIFIED,,{time}\n1,77,ILLEGAL,eva@example.org,{time}\n",
        row(&ids[0]),
        row(&ids[1]),
        row(&ids[2]),
    );
    place.write("statuses.csv", &statuses);
    let words = ["import", "out", "statuses.csv", "--from", "aigle", "--delivery", "aigle"];
    let ended = review(place, &words).expect(2);
    assert!(
        ended.err.contains("line 2: the user eva@example.org has no name")
            && ended.err.contains("--person-of"),
        "{}",
        ended.err
    );
    let named = [&words[..], &["--person-of", "eva@example.org=Eva Blanc;Instructrice;DDTM 34"]].concat();
    for new in [2, 0] {
        let told = report(place, &named, 0);
        assert_eq!(told["decisions"].as_array().unwrap().len(), new, "{told}");
        assert_eq!((&told["empty"], &told["other_batches"]), (&1.into(), &1.into()));
    }
    // AIGLE's users have not seen what was decided here.
    assert_eq!(status(place, "out", &ids[0]), "disputed");
    assert_eq!(status(place, "out", &ids[1]), "decided");
    // Another user of AIGLE has.
    place.write("later.csv", &format!("inference_id,batch_id,detection_validation_status,user_email,updated_at\n{},LEGITIMATE,ben@example.org,2026-12-01T00:00:00Z\n", row(&ids[1])));
    place.write("users.csv", "email,name,function,organization\neva@example.org,Eva Blanc,Instructrice,DDTM 34\nben@example.org,Ben Noir,Chef de pôle,DDTM 34\n");
    let later =
        ["import", "out", "later.csv", "--from", "aigle", "--delivery", "aigle", "--people", "users.csv"];
    assert_eq!(report(place, &later, 0)["decisions"].as_array().unwrap().len(), 1);
    assert_eq!(status(place, "out", &ids[1]), "decided");
    // The times of this test are not those of its decisions, which is a warning.
    assert_eq!(report(place, &["verify", "out"], 0)["intact"], true);
    for (rows, message) in [
        ("9999999,BATCH,ILLEGAL,eva@example.org,2026-12-01T00:00:00Z", "`inference_id` of the delivery"),
        ("1,BATCH,MAYBE,eva@example.org,2026-12-01T00:00:00Z", "`MAYBE`"),
        ("1,BATCH,ILLEGAL,eva@example.org,yesterday", "a time with its offset"),
    ] {
        let batch = row(&ids[0]).split(',').nth(1).unwrap().to_owned();
        place.write(
            "statuses.csv",
            &format!(
                "inference_id,batch_id,detection_validation_status,user_email,updated_at\n{}\n",
                rows.replace("BATCH", &batch)
            ),
        );
        let ended = review(place, &named).expect(2);
        assert!(ended.err.contains(message) && ended.err.contains("hint: "), "{}", ended.err);
    }
}

#[test]
fn what_aigle_would_drop_is_reported_before() {
    let (place, _) = reviewed();
    let check = |more: &[&str], code: i32| {
        report(&place, &[&["export", "out", "--to", "aigle", "--check"], more].concat(), code)
    };
    let rules = |told: &Value, consequence: &str| {
        let of =
            told["broken"].as_array().unwrap().iter().filter(|broken| broken["consequence"] == consequence);
        of.map(|broken| broken["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ended = review(&place, &["export", "out", "--to", "aigle", "--check"]).expect(2);
    assert!(ended.err.contains("--year"), "{}", ended.err);
    let told = check(&["--year", "1850"], 1);
    assert_eq!((&told["imported"], rules(&told, "batch-refused").len()), (&0.into(), 2), "{told}");
    assert_eq!(rules(&told, "note").len(), 2);
    place.write("types.txt", "yacht\n");
    let told = check(&["--year", "2024", "--batch-tiles-url", URL, "--known-types", "types.txt"], 1);
    assert!(rules(&told, "batch-refused")[0].starts_with("AIGLE knows the object type: `class"), "{told}");
    let ended = review(&place, &["export", "out", "--to", "aigle", "x", "--year", "2024"]).expect(2);
    assert!(ended.err.contains("the address of its tiles") && ended.err.contains("--check"), "{}", ended.err);
    assert!(!place.path("x").exists());
    let told = check(&["--year", "2024", "--batch-tiles-url", URL], 0);
    assert_eq!(told["imported"], told["rows"]);
}

/// Changes without images have no score: AIGLE leaves every row out, and says nothing.
#[test]
fn rows_without_a_score_are_counted_as_aigle_counts_them() {
    let Some(server) = Postgis::start() else { return };
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    change(&place, &soils_and_zones(&place), &b, &a, "out", &[]).expect(0);
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    let told = delivered(&place, "aigle", &["--year", "2024", "--batch-tiles-url", URL]);
    server.run(&place.path("aigle/detections.sql")).unwrap();
    let types = server.ask("SELECT DISTINCT object_type FROM detections.inference");
    assert_eq!(
        imported(&server, &types.lines().map(str::to_owned).collect()),
        told["imported"].as_u64().unwrap()
    );
    let rows = told["rows"].as_u64().unwrap();
    assert!(
        rows > 0 && told["broken"][0]["rows"] == rows && told["broken"][0]["consequence"] == "row-skipped",
        "{told}"
    );
}
