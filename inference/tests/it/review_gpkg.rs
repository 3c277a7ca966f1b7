//! Decisions in a GeoPackage: entered with SQLite, GDAL and QGIS, imported from any number of copies, and kept as they are.

use std::path::Path;
use std::process::Command;

use arpent_testing::{Asked, qgis, with_qgis};
use serde_json::{Value, json};

use crate::common::{Map, Place, gdal};
use crate::review::{PERSON, add, copy, report, review, reviewed, reviewed_of, status};

/// Lines of a configuration.
const IMAGERY: &str =
    "[publish]\nimagery = true\nlicense = \"Licence Ouverte 2.0\"\nattribution = \"Imagery: nobody\"\n";
const PROGRAM: &str = include_str!("review_gpkg.py");
/// Texts that would be markup or code elsewhere.
const HOSTILE: &str = "<b>'; DROP TABLE decisions; --\n=1+1 \"%]\\ 🌳 Ç";

/// A row as a person enters it.
fn row(feature: &str, verdict: &str, name: &str, comment: &str) -> Value {
    json!({
        "feature": feature, "verdict": verdict, "comment": comment,
        "person_name": name, "person_function": "SIG officer", "person_organization": "DDTM 13",
    })
}

/// Enters rows with a program (`sqlite`, `ogr`, `qgis`), and tries what must fail; `None` without QGIS.
fn entered(with: &str, file: &Path, rows: &[Value], picture: Option<&Path>) -> Option<Value> {
    let question = json!({ "with": with, "file": file, "rows": rows, "picture": picture });
    with_qgis(PROGRAM, &question)
}

/// Runs SQL as a person would who has SQLite alone.
#[track_caller]
fn sql(file: &Path, script: &str) {
    let program = "import sqlite3, sys; file = sqlite3.connect(sys.argv[1]); file.executescript(sys.argv[2]); file.commit()";
    let done = Command::new("python3").args(["-c", program]).arg(file).arg(script).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Runs a statement behind a trigger, which is there again afterwards.
#[track_caller]
fn behind(file: &Path, trigger: &str, statement: &str) {
    let program = "import sqlite3, sys\nfile = sqlite3.connect(sys.argv[1])\n\
                   (sql,) = file.execute('SELECT sql FROM sqlite_master WHERE name = ?', sys.argv[2:3]).fetchone()\n\
                   file.execute(f'DROP TRIGGER {sys.argv[2]}')\nfile.execute(sys.argv[3])\nfile.execute(sql)\nfile.commit()";
    let done =
        Command::new("python3").args(["-c", program]).arg(file).args([trigger, statement]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A statement that adds a row.
fn insert(feature: &str, verdict: &str, more: &str) -> String {
    format!(
        "INSERT INTO decisions (feature, verdict, person_name, person_function, person_organization, comment) \
         VALUES ('{feature}', '{verdict}', 'Ana Roux', 'SIG officer', 'DDTM 13', '{more}');"
    )
}

#[track_caller]
fn export(place: &Place, file: &str, more: &[&str]) -> Value {
    report(place, &[&["export", "out", "--to", file], more].concat(), 0)
}

/// Number of new decisions of an import.
#[track_caller]
fn import(place: &Place, files: &[&str]) -> usize {
    let report = report(place, &[&["import", "out"], files].concat(), 0);
    report["decisions"].as_array().unwrap().len()
}

#[track_caller]
fn refused(place: &Place, file: &str, message: &str) {
    let ended = review(place, &["import", "out", file]).expect(2);
    assert!(ended.err.contains(message) && ended.err.contains("hint: "), "{}", ended.err);
}

#[test]
fn rows_are_added_and_nothing_is_changed_with_any_program() {
    let (place, ids) = reviewed_of(IMAGERY);
    add(&place, "out", &["--feature", &ids[0], "--verdict", "suspect", "--comment", HOSTILE]);
    let made = export(
        &place,
        "review.gpkg",
        &[
            "--language",
            "fr",
            "--person",
            "Ana Roux",
            "--function",
            "SIG officer",
            "--organization",
            "DDTM 13",
            "--imagery",
        ],
    );
    assert_eq!(made["decisions"], 1, "{made}");
    // All of this small scene: a tile of each zoom at least.
    assert!(made["tiles"].as_u64().unwrap() >= 18, "{made}");
    review(&place, &["export", "out", "--to", "review.gpkg"]).expect(2);
    let file = place.path("review.gpkg");
    // Of several programs, rows of all are new, once.
    for (at, with) in ["sqlite", "ogr"].into_iter().enumerate() {
        let rows = [row(&ids[at + 1], "illegal", "Ana Roux", HOSTILE)];
        let Some(told) = entered(with, &file, &rows, None) else { return };
        for (attempt, failed) in told.as_object().unwrap() {
            assert!(failed.is_string(), "{with} did {attempt}");
        }
        // SQLite alone lacks functions of the spatial index, and refuses to change features for that.
        for attempt in ["update", "delete", "replace", "replace_uuid", "list_insert"] {
            let failed = told[attempt].as_str().unwrap();
            let words = ["decisions are not", "this row is there already", "only rows of `decisions`"];
            assert!(words.iter().any(|part| failed.contains(part)), "{with}, {attempt}: {failed}");
        }
    }
    let picture = place.path("feature.png");
    let rows =
        [json!({ "feature": ids[0], "verdict": "confirmed", "reason": "visible", "comment": HOSTILE })];
    let told = entered("qgis", &file, &rows, Some(&picture)).unwrap();
    in_qgis(&told);
    let address = format!("geopackage:{}?projectName=review", file.display());
    let drawn = place.path("map.png").to_str().unwrap().to_owned();
    let shown = qgis(&Asked { projects: vec![[address, drawn]], ..Asked::default() }).unwrap();
    // Features that are to be decided, and one that is decided, in colors of their own.
    let colors = shown["projects"][0]["drawn"]["colors"].as_object().unwrap();
    assert!(colors.contains_key("#e69f00") && colors.contains_key("#0072b2"), "{colors:?}");
    if let Some(folder) = std::env::var_os("ARPENT_PICTURES") {
        for name in ["feature.png", "feature-form.png", "map.png"] {
            std::fs::copy(place.path(name), Path::new(&folder).join(name)).unwrap();
        }
    }
    let came = report(&place, &["import", "out", "review.gpkg"], 0);
    assert_eq!(came["rows"], 3, "{came}");
    // QGIS was ended while it had the file open.
    let is_open = |warning: &Value| warning.as_str().unwrap().contains("while a program had it open");
    assert!(came["warnings"].as_array().unwrap().iter().all(is_open), "{came}");
    assert_eq!(came["decisions"].as_array().unwrap().len(), 3);
    assert_eq!(import(&place, &["review.gpkg"]), 0, "a second time, nothing is new");
    // The second opinion has seen the first.
    assert_eq!(status(&place, "out", &ids[0]), "decided");
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!((&verified["findings"], &verified["decisions"]), (&json!([]), &4.into()), "{verified}");
    // What was written comes back, in the table of all decisions.
    review(&place, &["export", "out", "--to", "d.csv"]).expect(0);
    let mut table = csv::Reader::from_path(place.path("d.csv")).unwrap();
    let column = table.headers().unwrap().iter().position(|name| name == "comment").unwrap();
    assert!(table.records().all(|row| &row.unwrap()[column] == HOSTILE));
}

/// Corrected outlines are drawn in a layer of their own, by QGIS and by GDAL; a row of it is a decision as every other.
#[test]
fn outlines_are_drawn_in_a_layer_and_come_back_as_decisions() {
    let (place, ids) = reviewed();
    let map = Map::at(&place.path("out"));
    let person = ["--person", "Ana Roux", "--function", "SIG officer", "--organization", "DDTM 13"];
    export(&place, "review.gpkg", &[&["--language", "fr"], &person[..]].concat());
    let file = place.path("review.gpkg");
    let drawn = |id: &str, verdict: &str, wkt: Option<&str>| {
        let mut row = row(id, verdict, "Ana Roux", "");
        row["wkt"] = wkt.unwrap_or("box").into();
        row
    };
    let rows = [
        drawn(&ids[0], "confirmed", None),
        drawn(&ids[1], "invalidated", None),
        drawn("nobody", "confirmed", Some("POLYGON ((0 0, 1 0, 0 1, 0 0))")),
    ];
    let Some(told) = entered("outlines-ogr", &file, &rows, None) else { return };
    assert_eq!((&told["added"][0], &told["type"]), (&Value::Null, &"Multi Polygon".into()), "{told}");
    assert_eq!(told["crs"][0], told["crs"][1], "{told}");
    assert!(
        told["added"][1].as_str().unwrap().contains("CHECK")
            && told["added"][2].as_str().unwrap().contains("no feature has this id")
    );
    for attempt in ["set_feature", "delete_feature"] {
        assert!(told[attempt].as_str().is_some_and(|text| text.contains("decisions are not")), "{told}");
    }
    let told = entered("outlines-qgis", &file, &[json!({ "feature": ids[2] })], None).unwrap();
    assert_eq!(
        (&told["read"], &told["valid"], &told["editing"], &told["added"]),
        (&true.into(), &true.into(), &true.into(), &true.into()),
        "{told}"
    );
    assert_eq!(
        (&told["name"], &told["invalid"], &told["verdict"]),
        (&"Contours corrigés".into(), &json!({}), &"confirmed".into()),
        "{told}"
    );
    // A decision about the same feature in the other table, later: it follows the outline.
    sql(&file, &insert(&ids[0], "suspect", "later"));
    let came = report(&place, &["import", "out", "review.gpkg"], 0);
    assert_eq!((&came["rows"], came["decisions"].as_array().unwrap().len()), (&3.into(), 3), "{came}");
    assert_eq!(import(&place, &["review.gpkg"]), 0, "a second time, nothing is new");
    assert_eq!(status(&place, "out", &ids[0]), "decided");
    review(&place, &["export", "out", "--to", "d.csv"]).expect(0);
    let all: Vec<std::collections::BTreeMap<String, String>> =
        csv::Reader::from_path(place.path("d.csv")).unwrap().deserialize().map(Result::unwrap).collect();
    let numbers = |text: &str| -> Vec<f64> {
        text.split(|c: char| !"0123456789.-".contains(c)).filter_map(|word| word.parse().ok()).collect()
    };
    for id in [&ids[0], &ids[2]] {
        let of = all.iter().find(|row| row["feature"] == *id && !row["geometry"].is_empty()).unwrap();
        assert_eq!((&*of["verdict"], &*of["person_name"]), ("confirmed", "Ana Roux"));
        let (found, expected) = (numbers(&of["geometry"]), numbers(&crate::decided::drawn(&map, id)));
        // The corners are the same, in whatever order; GDAL writes six decimals.
        let sorted = |numbers: &[f64], axis: usize| {
            let mut of: Vec<f64> = numbers.iter().skip(axis).step_by(2).copied().collect();
            of.sort_by(f64::total_cmp);
            of
        };
        assert_eq!(found.len(), expected.len(), "{of:?}");
        for axis in [0, 1] {
            let pairs = sorted(&found, axis).into_iter().zip(sorted(&expected, axis));
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
        }
    }
    // The dispute of both opinions is none: the later one has seen the outline.
    let later = all.iter().find(|row| row["comment"] == "later").unwrap();
    assert_eq!(
        later["previous"],
        all.iter().find(|row| row["feature"] == ids[0] && row["comment"].is_empty()).unwrap()["id"]
    );
    // What crosses itself is refused with its row, and left out on request.
    export(&place, "second.gpkg", &person);
    let bow =
        "MULTIPOLYGON (((652000 6862000, 652001 6862001, 652001 6862000, 652000 6862001, 652000 6862000)))";
    let second = place.path("second.gpkg");
    entered("outlines-ogr", &second, &[drawn(&ids[3], "confirmed", Some(bow))], None).unwrap();
    let ended = review(&place, &["import", "out", "second.gpkg"]).expect(2);
    assert!(ended.err.contains("table outlines, row 1 ("), "{}", ended.err);
    assert!(ended.err.contains("its outline is not valid"), "{}", ended.err);
    let (_, hint) = ended.err.split_once("hint: ").unwrap();
    let (_, uuid) = hint.split_once("--without ").unwrap();
    // The other rows of the file come in, outlines among them.
    entered("outlines-ogr", &second, &[drawn(&ids[4], "confirmed", None)], None).unwrap();
    sql(&second, &insert(&ids[5], "suspect", ""));
    let came = report(&place, &["import", "out", "second.gpkg", "--without", uuid.trim()], 0);
    assert_eq!((&came["rows"], came["decisions"].as_array().unwrap().len()), (&3.into(), 2), "{came}");
    // The row that was left out is no decision: two came in, of the two others.
    assert_eq!([4, 5].map(|at| status(&place, "out", &ids[at])), ["decided", "decided"]);
}

/// A file that an earlier version exported comes back, without the layer of outlines.
#[test]
fn a_file_of_the_former_format_comes_back() {
    let (place, ids) = reviewed();
    export(&place, "review.gpkg", &[]);
    let file = place.path("review.gpkg");
    let program = "import sqlite3, sys\nfile = sqlite3.connect(sys.argv[1])\n\
                   made = file.execute(\"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%only rows of%'\").fetchall()\n\
                   for name, sql in made: file.execute(f'DROP TRIGGER \"{name}\"')\n\
                   file.execute('DROP TABLE outlines')\n\
                   for table in ('gpkg_contents', 'gpkg_geometry_columns'): file.execute(f\"DELETE FROM {table} WHERE table_name = 'outlines'\")\n\
                   file.execute(\"UPDATE review SET format = 'arpent-review-gpkg/1'\")\n\
                   for name, sql in made: file.execute(sql.replace(' and `outlines`', ''))\n\
                   file.commit()";
    let done = Command::new("python3").args(["-c", program]).arg(&file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    sql(&file, &insert(&ids[0], "confirmed", ""));
    assert_eq!(import(&place, &["review.gpkg"]), 1);
    // A file that says it is of the new format, and has no layer, was changed.
    behind(&file, "review_no_update", "UPDATE review SET format = 'arpent-review-gpkg/2'");
    refused(&place, "review.gpkg", "outlines lacks the column");
}

fn in_qgis(told: &Value) {
    assert_eq!((&told["read"], &told["added"]), (&true.into(), &true.into()), "{told}");
    assert_eq!(told["invalid"], json!({}), "{told}");
    for name in ["Objets", "Décisions"] {
        assert_eq!(told["layers"][name]["valid"], true, "{told}");
    }
    let imagery = json!([{ "name": "Imagerie", "valid": true, "crs": "EPSG:3857", "bands": 4 }]);
    assert_eq!(told["imagery"], imagery, "{told}");
    assert_eq!(told["layers"]["Objets"]["read_only"], true);
    assert_eq!(
        (&told["layers"]["Décisions"]["read_only"], &told["features_editable"]),
        (&false.into(), &false.into())
    );
    let mut relations = told["relations"].as_array().unwrap().clone();
    relations.sort_by_key(|relation| relation[1].to_string());
    let expected = json!([
        [true, "Contours corrigés", "Objets", { "feature": "id" }],
        [true, "Décisions", "Objets", { "feature": "id" }],
    ]);
    assert_eq!(json!(relations), expected);
    for attempt in ["update", "delete"] {
        assert!(told[attempt].as_str().is_some_and(|text| text.contains("decisions are not")), "{told}");
    }
    let lists = &told["lists"];
    assert_eq!(lists["verdict"].as_array().unwrap().len(), 6, "{lists}");
    assert!(lists["verdict"].as_array().unwrap().contains(&json!(["illégal (infraction)", "illegal"])));
    assert!(
        lists["reason"].as_array().unwrap().contains(&json!(["Nettement visible sur l'image", "visible"]))
    );
    assert!(lists["class"].as_array().unwrap().len() > 1, "{lists}");
    assert_eq!(told["widgets"]["feature"], "RelationReference");
    for column in ["person_name", "person_function", "person_organization"] {
        assert!(told["required"].as_array().unwrap().contains(&column.into()), "{}", told["required"]);
    }
    assert_eq!(told["defaults"]["person_name"], "Ana Roux");
    let time = told["defaults"]["time"].as_str().unwrap();
    let time: arpent_review::Time = time.parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!(time.millis().abs_diff(i64::try_from(now).unwrap()) < 600_000, "{time}");
    assert_eq!((&told["related"], &told["picture"]), (&2.into(), &true.into()), "{told}");
}

#[test]
fn imagery_is_only_that_of_the_surroundings_of_features() {
    let (place, ids) = reviewed_of(IMAGERY);
    let all = export(&place, "all.gpkg", &["--imagery"])["tiles"].as_u64().unwrap();
    place.write("tasks.csv", &format!("reviewer,sample,order,feature\nana,s,1,{}\n", ids[0]));
    let some = export(&place, "one.gpkg", &["--imagery", "--tasks", "tasks.csv"]);
    assert!((1..=all).contains(&some["tiles"].as_u64().unwrap()), "{some} of {all}");
    // Readers of GeoPackages draw it: as large as the world, with pixels of the deepest zoom.
    let told = gdal("gdalinfo", &[&format!("GPKG:{}:imagery", place.text("one.gpkg"))]);
    assert!(told.contains("Pseudo-Mercator") && told.contains("Band 4"), "{told}");
    let count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(\"SELECT count(*) FROM imagery WHERE CAST(substr(tile_data, 1, 4) AS TEXT) <> 'RIFF'\").fetchone()[0])";
    let other = Command::new("python3").args(["-c", count]).arg(place.path("one.gpkg")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&other.stdout).trim(), "0", "all are WebP");
    assert_eq!(import(&place, &["one.gpkg"]), 0);
    let (plain, _) = reviewed();
    let ended = review(&plain, &["export", "out", "--to", "x.gpkg", "--imagery"]).expect(2);
    assert!(ended.err.contains("without imagery") && !plain.path("x.gpkg").exists(), "{}", ended.err);
}

#[test]
fn copies_that_were_edited_apart_lose_nothing_and_contradictions_are_disputes() {
    let (place, ids) = reviewed();
    add(&place, "out", &["--feature", &ids[3], "--verdict", "suspect"]);
    export(&place, "gpkg", &["a/review.gpkg"]);
    sql(&place.path("a/review.gpkg"), &insert(&ids[0], "confirmed", "both have it"));
    copy(&place.path("a"), &place.path("b"));
    let (a, b) = ("a/review.gpkg", "b/review.gpkg");
    // Apart: they agree, contradict each other, contradict what they saw; one row follows another in one file.
    let ana = [("1", "illegal"), ("2", "legitimate"), ("3", "illegal"), ("4", "suspect"), ("4", "illegal")];
    let ben = [("1", "illegal"), ("2", "illegal"), ("3", "legitimate")];
    let rows = |rows: &[(&str, &str)]| {
        rows.iter()
            .map(|(at, verdict)| insert(&ids[at.parse::<usize>().unwrap()], verdict, ""))
            .collect::<String>()
    };
    sql(&place.path(a), &rows(&ana));
    sql(&place.path(b), &rows(&ben));
    assert_eq!(import(&place, &[a, b]), 1 + ana.len() + ben.len());
    assert_eq!(import(&place, &[b, a, a]), 0);
    let states = |place: &Place| ids[..5].iter().map(|id| status(place, "out", id)).collect::<Vec<_>>();
    let expected = ["decided", "decided", "disputed", "disputed", "decided"];
    assert_eq!(states(&place), expected);
    // What one file has afterwards follows what it had, also if that was imported before.
    sql(&place.path(a), &rows(&[("4", "confirmed")]));
    assert_eq!(import(&place, &[a]), 1);
    assert_eq!(states(&place), expected);
    // A new export shows the dispute; whoever decides there settles it.
    export(&place, "c/review.gpkg", &[]);
    sql(&place.path("c/review.gpkg"), &rows(&[("2", "illegal"), ("3", "illegal")]));
    assert_eq!(import(&place, &["c/review.gpkg"]), 2);
    assert_eq!(states(&place), ["decided"; 5]);
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!((&verified["findings"], &verified["decisions"]), (&json!([]), &13.into()), "{verified}");
}

#[test]
fn files_that_were_altered_are_refused_whole() {
    let (place, ids) = reviewed();
    export(&place, "whole.gpkg", &[]);
    let with = |name: &str, script: &str| {
        std::fs::copy(place.path("whole.gpkg"), place.path(name)).unwrap();
        sql(&place.path(name), script);
    };
    let good = insert(&ids[0], "illegal", "");
    let drop = "DROP TRIGGER decisions_no_update; DROP TRIGGER decisions_no_replacing;";
    let unchecked = "PRAGMA ignore_check_constraints = ON;";
    for (script, message) in [
        (drop.to_owned(), "the trigger decisions_no_update is missing"),
        ("ALTER TABLE decisions ADD COLUMN color TEXT;".to_owned(), "a further column `color`"),
        ("ALTER TABLE decisions RENAME COLUMN verdict TO decision;".to_owned(), "lacks the column `verdict`"),
        ("DROP TRIGGER review_no_update; UPDATE review SET review = 'x';".to_owned(), "of another review"),
        (
            "DROP TRIGGER review_no_update; UPDATE review SET manifest_sha256 = 'x';".to_owned(),
            "of another map",
        ),
        (
            "DROP TRIGGER review_no_update; UPDATE review SET format = 'x/2';".to_owned(),
            "its format is `x/2`",
        ),
        ("DROP TABLE review;".to_owned(), "no table `review`"),
        (unchecked.to_owned() + &insert(&ids[1], "maybe", ""), "row 2"),
        (unchecked.to_owned() + &insert(&ids[1], "illegal", "").replace("Ana Roux", " "), "person.name"),
        (unchecked.to_owned() + &insert(&ids[1], "illegal", "a' || char(0) || 'b"), "`comment`"),
        (
            "PRAGMA recursive_triggers = OFF; DROP TRIGGER decisions_no_other_feature;".to_owned()
                + &insert("none", "illegal", "")
                + "CREATE TRIGGER \"decisions_no_other_feature\" BEFORE INSERT ON \"decisions\" BEGIN SELECT 1; END;",
            "the trigger decisions_no_other_feature was changed",
        ),
    ] {
        with("changed.gpkg", &(good.clone() + &script));
        refused(&place, "changed.gpkg", message);
    }
    assert_eq!(report(&place, &["state", "out"], 0)["decisions"], 0, "nothing of a refused file was written");
    refused(&place, "none.gpkg", "none.gpkg");
    std::fs::write(place.path("text.gpkg"), "no database").unwrap();
    refused(&place, "text.gpkg", "no GeoPackage of a review");
    // A bad row does not hold the others back for ever: it is left out by its id.
    let bad = unchecked.to_owned() + &insert(&ids[1], "illegal", "").replace("Ana Roux", " ");
    with("bad.gpkg", &(good.clone() + &bad));
    let ended = review(&place, &["import", "out", "bad.gpkg"]).expect(2);
    let uuid = ended.err.split("--without ").nth(1).unwrap().split_whitespace().next().unwrap();
    let came = report(&place, &["import", "out", "bad.gpkg", "--without", uuid], 0);
    assert_eq!((&came["left_out"], came["decisions"].as_array().unwrap().len()), (&1.into(), 1));
    // A row that says something else than before: by the review, and by another copy.
    with("good.gpkg", &good);
    assert_eq!(import(&place, &["good.gpkg"]), 1);
    std::fs::copy(place.path("good.gpkg"), place.path("edited.gpkg")).unwrap();
    behind(
        &place.path("edited.gpkg"),
        "decisions_no_update",
        "UPDATE decisions SET verdict = 'legitimate' WHERE fid = 1",
    );
    refused(&place, "edited.gpkg", "was altered: it was imported before");
    let (other, _) = reviewed();
    let ended = review(&other, &["import", "out", place.path("good.gpkg").to_str().unwrap()]).expect(2);
    assert!(ended.err.contains("of another review"), "{}", ended.err);
    // Rows that were removed, and clocks, are warnings.
    let late = insert(&ids[2], "illegal", "")
        .replace("comment) VALUES", "comment, time) VALUES")
        .replace("'');", "'', '2099-01-01T00:00:00Z');");
    with("late.gpkg", &(good + &late));
    behind(&place.path("late.gpkg"), "decisions_no_delete", "DELETE FROM decisions WHERE fid = 1");
    let came = report(&place, &["import", "out", "late.gpkg"], 0);
    let warnings = came["warnings"].to_string();
    assert!(warnings.contains("rows were removed") && warnings.contains("in the future"), "{warnings}");
}

#[test]
fn a_reviewer_gets_their_tasks_without_the_opinions_of_others() {
    let (place, ids) = reviewed();
    add(&place, "out", &["--feature", &ids[0], "--verdict", "illegal"]);
    let words = ["sample", "out", "--folder", "sample", "--reviewers", "Ana,Ben", "--all", "--doubled", "1"];
    report(&place, &words, 0);
    let ended = review(&place, &["export", "out", "--to", "x.gpkg", "--tasks", "sample/tasks.csv"]).expect(2);
    assert!(ended.err.contains("Ana") && ended.err.contains("--reviewer"), "{}", ended.err);
    for reviewer in ["Ana", "Ben"] {
        let words = ["--tasks", "sample/tasks.csv", "--reviewer", reviewer];
        let made = export(&place, &format!("{reviewer}.gpkg"), &words);
        assert_eq!((&made["features"], &made["decisions"]), (&ids.len().into(), &0.into()));
        let verdict = if reviewer == "Ana" { "illegal" } else { "legitimate" };
        let row = insert(&ids[1], verdict, "").replace("Ana Roux", reviewer);
        sql(&place.path(&format!("{reviewer}.gpkg")), &row);
    }
    assert_eq!(import(&place, &["Ana.gpkg", "Ben.gpkg"]), 2);
    assert_eq!(status(&place, "out", &ids[1]), "disputed");
    let state = report(&place, &["state", "out"], 0);
    assert_eq!(state["agreement"]["features"], 1, "{state}");
    let bytes = std::fs::read(place.path("Ben.gpkg")).unwrap();
    let (ana, word) = (PERSON[1].as_bytes(), b"disputed");
    assert!(!bytes.windows(ana.len()).any(|part| part == ana), "no name of another person");
    assert!(bytes.windows(word.len()).any(|part| part == word), "the legend has every status");
}

/// The commands of the guide's sections about other programs, in their order.
#[test]
fn the_commands_of_the_guide_about_other_programs_run() {
    const GUIDE: &str = include_str!("../../../docs/guides/review.md");
    let (place, ids) = reviewed();
    add(&place, "out", &["--feature", &ids[0], "--verdict", "confirmed"]);
    for (section, said) in [("## In QGIS and QField", "0 new decisions"), ("## With AIGLE", "detections.sql")]
    {
        let text = GUIDE.split(section).nth(1).unwrap().split("\n## ").next().unwrap();
        let block = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let script = block.replace("arpent review", &format!("\"{}\" review", env!("CARGO_BIN_EXE_arpent")));
        let done = Command::new("bash").args(["-ec", &script]).current_dir(place.path("")).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success() && out.contains(said), "{section}: {out}{err}");
    }
}
