//! `arpent review`: the walk of the guide, refusals, copies that are merged, and processes that are killed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use arpent_base::SplitMix64;
use arpent_base::number::wide;
use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::{Value, json};

use crate::common::{Ended, Map, Place};
use crate::shards::files_below;

pub const PERSON: [&str; 6] =
    ["--person", "Ana Roux", "--function", "SIG officer", "--organization", "DDTM 13"];

/// A published map with a review, and the ids of its features.
pub fn reviewed() -> (Place, Vec<String>) {
    reviewed_of("")
}

/// The same with more lines in the configuration of the run.
pub fn reviewed_of(config: &str) -> (Place, Vec<String>) {
    let place = Place::new();
    if !config.is_empty() {
        place.config(config);
    }
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    let map = place.run(&["a.tif"], "out", &[]);
    let mut ids: Vec<String> = map.features().into_iter().map(|row| row.id).collect();
    ids.sort();
    assert!(ids.len() > 5, "{} features", ids.len());
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    (place, ids)
}

pub fn review(place: &Place, words: &[&str]) -> Ended {
    place.arpent(&[&["review"], words].concat())
}

/// A command whose result is printed as JSON.
#[track_caller]
pub fn report(place: &Place, words: &[&str], code: i32) -> Value {
    let ended = review(place, &[words, &["--format", "json"]].concat()).expect(code);
    serde_json::from_str(&ended.out).unwrap()
}

#[track_caller]
pub fn add(place: &Place, output: &str, words: &[&str]) -> String {
    let report = report(place, &[&["add", output], words, &PERSON].concat(), 0);
    report["decisions"][0].as_str().unwrap().to_owned()
}

#[track_caller]
pub fn status(place: &Place, output: &str, feature: &str) -> String {
    report(place, &["state", output, feature], 0)["features"][0]["status"].as_str().unwrap().to_owned()
}

/// Adds decisions as JSON lines.
pub fn add_lines(place: &Place, output: &str, lines: &[Value], more: &[&str]) -> Ended {
    let words = [&["review", "add", output, "--stdin", "--format", "json"], more].concat();
    let mut child = place
        .command(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

pub fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, &target).unwrap();
    }
}

#[test]
fn decisions_are_added_disputed_settled_contested_and_answered() {
    let (place, ids) = reviewed();
    add(&place, "out", &["--feature", &ids[0], "--verdict", "suspect", "--reason", "visible"]);
    assert_eq!(status(&place, "out", &ids[0]), "decided");
    // Two copies go on apart, and are merged by copying.
    copy(&place.path("out"), &place.path("offline"));
    add(&place, "out", &["--feature", &ids[0], "--verdict", "illegal"]);
    add(&place, "offline", &["--feature", &ids[0], "--verdict", "legitimate", "--reason", "permitted"]);
    copy(&place.path("offline"), &place.path("out"));
    assert_eq!(status(&place, "out", &ids[0]), "disputed");
    let listed = report(&place, &["state", "out", "--status", "disputed"], 0);
    assert_eq!(listed["features"][0]["feature"], ids[0].as_str());
    assert_eq!(listed["features"][0]["heads"].as_array().unwrap().len(), 2);
    add(&place, "out", &["--feature", &ids[0], "--verdict", "illegal", "--comment", "Seen in the field."]);
    assert_eq!(status(&place, "out", &ids[0]), "decided");
    let contest = add(&place, "out", &["--feature", &ids[0], "--contest", "--comment", "I have a permit."]);
    assert_eq!(status(&place, "out", &ids[0]), "contested");
    add(&place, "out", &["--feature", &ids[0], "--verdict", "illegal"]);
    assert_eq!(status(&place, "out", &ids[0]), "contested");
    add(
        &place,
        "out",
        &["--feature", &ids[0], "--verdict", "legitimate", "--answers", &contest, "--comment", "Right."],
    );
    assert_eq!(status(&place, "out", &ids[0]), "decided");
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!((&verified["intact"], &verified["decisions"]), (&true.into(), &7.into()), "{verified}");
    assert_eq!(verified["findings"], json!([]));

    // A table goes out and comes back: nothing is new. A row without id and time is new once.
    review(&place, &["export", "out", "--to", "decisions.csv"]).expect(0);
    review(&place, &["export", "out", "--to", "decisions.csv"]).expect(2);
    let back = report(&place, &["import", "out", "decisions.csv"], 0);
    assert_eq!((&back["rows"], &back["known"], &back["decisions"]), (&7.into(), &7.into(), &json!([])));
    place
        .write("more.csv", &format!("feature,verdict,comment\n{},INVALIDATED,'=1+1\n{},,\n", ids[1], ids[2]));
    for new in [1, 0] {
        let back = report(&place, &[&["import", "out", "more.csv"], &PERSON[..]].concat(), 0);
        assert_eq!((back["decisions"].as_array().unwrap().len(), &back["empty"]), (new, &1.into()));
    }
    let text = files_below(&place.path("out/reviews"))
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap_or_default())
        .collect::<String>();
    assert!(text.contains("\"comment\":\"=1+1\""));

    // What was noted is found; an edit, a removal and a foreign file are found.
    let verified = report(&place, &["verify", "out"], 0);
    let newest = verified["newest"][0].as_str().unwrap().to_owned();
    report(&place, &["verify", "out", "--seal", &newest], 0);
    let missing = report(&place, &["verify", "offline", "--seal", &newest], 1);
    assert_eq!(missing["missing"], json!([newest]));
    let decision = place.path(&format!("out/reviews/first/decisions/{contest}.json"));
    let whole = std::fs::read_to_string(&decision).unwrap();
    std::fs::write(&decision, whole.replace("Ana", "Eva")).unwrap();
    assert_eq!(report(&place, &["verify", "out"], 1)["findings"][0]["kind"], "edited");
    std::fs::remove_file(&decision).unwrap();
    assert_eq!(report(&place, &["verify", "out"], 1)["intact"], false);
    std::fs::write(&decision, &whole).unwrap();
    report(&place, &["verify", "out"], 0);

    // The map is as published, and nothing of the review is a leftover.
    place.arpent(&["check", "out"]).expect(0);
    let gc = place.arpent(&["gc", "out", "--older-than", "0s", "--dry-run", "--format", "json"]).expect(0);
    assert_eq!(serde_json::from_str::<Value>(&gc.out).unwrap()["leftovers"], json!([]));
}

#[test]
fn what_is_no_decision_of_a_named_person_is_refused() {
    let (place, ids) = reviewed();
    let refused = |words: &[&str], message: &str| {
        let ended = review(&place, words).expect(2);
        assert!(ended.err.contains(message) && ended.err.contains("hint: "), "{}", ended.err);
    };
    let verdict = ["add", "out", "--feature", &ids[0], "--verdict", "confirmed"];
    refused(&verdict, "person.name");
    refused(&[&verdict[..], &PERSON[..2]].concat(), "person.function");
    refused(&[&verdict[..], &["--reason", "because"], &PERSON].concat(), "`reason` is `because`");
    refused(&[&verdict[..], &["--class", "castle"], &PERSON].concat(), "`class` is `castle`");
    refused(
        &[&["add", "out", "--feature", "nobody", "--verdict", "confirmed"], &PERSON[..]].concat(),
        "is not a feature of",
    );
    refused(&["new", "out", "--name", "first"], "already");
    refused(&["new", "out", "--name", "../x"], "`name` is");
    refused(&["state", "out", "--review", "second"], "no review `second`");
    refused(&["state", "out", "nobody"], "is not a feature of");
    // One bad line of many: nothing is written.
    let line = |feature: &str, verdict: &str| json!({ "feature": feature, "verdict": verdict });
    let ended =
        add_lines(&place, "out", &[line(&ids[0], "confirmed"), line(&ids[1], "maybe")], &PERSON).expect(2);
    assert!(ended.err.contains("line 2"), "{}", ended.err);
    let ended = add_lines(
        &place,
        "out",
        &[json!({ "feature": ids[0], "verdict": "confirmed", "color": 1 })],
        &PERSON,
    )
    .expect(2);
    assert!(ended.err.contains("`color`"), "{}", ended.err);
    assert_eq!(report(&place, &["state", "out"], 0)["decisions"], 0);
    // Another version of the map.
    let Map { .. } = place.run(&["a.tif"], "out", &["--overwrite"]);
    refused(&[&verdict[..], &PERSON].concat(), "another version of the map");
    assert_eq!(report(&place, &["verify", "out"], 1)["findings"][0]["kind"], "foreign");
}

#[test]
fn a_listed_person_signs_with_a_key_of_openssl() {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    let feature = place.run(&["a.tif"], "out", &[]).features().remove(0).id;
    let make = "openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -outform DER | tail -c 32 | base64";
    let made = Command::new("bash").args(["-c", make]).current_dir(place.path("")).output();
    let Some(made) = made.ok().filter(|made| made.status.success()) else {
        eprintln!("skipped: openssl is not installed");
        return;
    };
    let public = String::from_utf8(made.stdout).unwrap();
    let person = format!(
        "[[people]]\nname = \"Ana Roux\"\nfunction = \"SIG officer\"\norganization = \"DDTM 13\"\nkey = \"{}\"\n",
        public.trim()
    );
    place.write("review.toml", &person);
    review(&place, &["new", "out", "--name", "signed", "--rules", "review.toml"]).expect(0);
    let words = ["add", "out", "--feature", &feature, "--verdict", "confirmed"];
    let ended = review(&place, &[&words[..], &PERSON].concat()).expect(2);
    assert!(ended.err.contains("key of Ana Roux"), "{}", ended.err);
    review(&place, &[&words[..], &PERSON, &["--key", "key.pem"]].concat()).expect(0);
    assert_eq!(report(&place, &["verify", "out"], 0)["decisions"], 1);
    assert_eq!(report(&place, &["state", "out"], 0)["counts"][0]["verdict"], "confirmed");
}

#[test]
fn a_sample_is_dealt_decided_and_measured() {
    let (place, ids) = reviewed();
    let words =
        ["sample", "out", "--folder", "sample", "--reviewers", "Ana,Ben", "--all", "--doubled", "0.5"];
    let drawn = report(&place, &words, 0);
    assert_eq!(drawn["drawn"].as_u64().unwrap(), wide(ids.len()));
    review(&place, &words).expect(2);
    let mut table = csv::Reader::from_path(place.path("sample/tasks.csv")).unwrap();
    let mut lines = Vec::new();
    for (row, number) in table.records().map(Result::unwrap).zip(0u64..) {
        let (reviewer, order, feature) = (&row[0], row[2].parse::<u64>().unwrap(), &row[3]);
        lines.push(json!({
            "feature": feature, "verdict": if number % 5 == 4 { "invalidated" } else { "confirmed" },
            "sample": &row[1], "order": order, "duration_ms": 1000 * (number % 7 + 1),
            "person_name": reviewer, "person_function": "reviewer", "person_organization": "DDTM 13",
        }));
    }
    let doubled = drawn["doubled"].as_u64().unwrap();
    assert_eq!(wide(lines.len()), wide(ids.len()) + doubled);
    add_lines(&place, "out", &lines, &[]).expect(0);
    let state = report(&place, &["state", "out"], 0);
    assert_eq!(state["decisions"].as_u64().unwrap(), wide(lines.len()));
    assert_eq!(state["agreement"]["features"].as_u64().unwrap(), doubled);
    assert!(state["agreement"]["seconds"]["median"].as_f64().unwrap() >= 1.0);
    // The same features at random, as strata; a sample of the same seed is the same.
    for folder in ["s1", "s2"] {
        let words = [
            "sample",
            "out",
            "--folder",
            folder,
            "--reviewers",
            "Ana",
            "--random",
            "5",
            "--by",
            "class,score",
            "--minimum",
            "0",
            "--seed",
            "3",
            "--neyman",
        ];
        assert_eq!(report(&place, &words, 0)["drawn"], 5);
    }
    let tasks = |folder: &str| {
        std::fs::read_to_string(place.path(folder).join("tasks.csv")).unwrap().replace(",s2,", ",s1,")
    };
    assert_eq!(tasks("s1"), tasks("s2"));
}

/// 200 processes that add decisions are killed at random moments: nothing that was acknowledged is lost, nothing is doubled,
/// and the next writer seals what a killed one left.
#[test]
fn no_acknowledged_decision_is_lost_when_processes_are_killed() {
    const KILLS: usize = 200;
    let (place, ids) = reviewed();
    let mut random = SplitMix64::new(3);
    let (mut acknowledged, mut killed, mut unsealed) = (BTreeSet::new(), 0, 0);
    let mut longest = Duration::from_millis(60);
    for round in 0..KILLS {
        let line = |i: usize| {
            let comment = format!("round {round}, line {i}");
            json!({ "feature": ids[(round + i) % ids.len()], "verdict": "suspect", "comment": comment })
                .to_string()
        };
        let lines = (0..4).map(line).collect::<Vec<_>>().join("\n");
        let words = [&["review", "add", "out", "--stdin", "--format", "json"], &PERSON[..]].concat();
        let mut child = place
            .command(&words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = std::time::Instant::now();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        // Every tenth one ends by itself, so that the moments of the kills follow the speed of the machine.
        if round % 10 > 0 {
            std::thread::sleep(longest.mul_f64(0.2 + random.unit()));
            let _ = child.kill();
        }
        let output = child.wait_with_output().unwrap();
        if round % 10 == 0 {
            longest = started.elapsed();
        }
        if output.status.success() {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let ids =
                report["decisions"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
            acknowledged.extend(ids);
        } else {
            killed += 1;
        }
        if round % 20 == 19 {
            let verified = report(&place, &["verify", "out"], 0);
            let findings = verified["findings"].as_array().unwrap();
            assert!(findings.iter().all(|finding| finding["kind"] == "unsealed"), "{verified}");
            unsealed += findings.len();
        }
    }
    eprintln!(
        "{killed} of {KILLS} processes were killed, {} decisions acknowledged, {unsealed} tails without a seal",
        acknowledged.len()
    );
    assert!(
        killed > KILLS / 5 && acknowledged.len() >= 80,
        "{killed} killed, {} acknowledged",
        acknowledged.len()
    );
    add(&place, "out", &["--feature", &ids[0], "--verdict", "confirmed"]);
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!(verified["findings"], json!([]), "the last writer has sealed what the killed ones left");
    let decisions = place.path("out/reviews/first/decisions");
    let mut comments = BTreeSet::new();
    for file in std::fs::read_dir(&decisions).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(id) = name.strip_suffix(".json") else { continue };
        let decision: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        acknowledged.remove(id);
        if let Some(comment) = decision["statement"]["comment"].as_str() {
            assert!(comments.insert(comment.to_owned()), "{comment} is there twice");
        }
    }
    assert!(acknowledged.is_empty(), "lost: {acknowledged:?}");
}

/// Clocks of devices are wrong by years: what was decided after what is said by `previous`, never by the time. Such times are
/// reported, and nothing is refused or lost for them.
#[test]
fn wrong_clocks_are_reported_and_decide_nothing() {
    let (place, ids) = reviewed();
    let line =
        |id: &str, verdict: &str, time: &str| json!({ "feature": id, "verdict": verdict, "time": time });
    let lines =
        [line(&ids[0], "suspect", "2090-01-01T00:00:00Z"), line(&ids[1], "illegal", "1990-06-01T12:00:00Z")];
    add_lines(&place, "out", &lines, &PERSON).expect(0);
    // Each follows what is there, with a clock that is right, and with one that is behind it.
    add(&place, "out", &["--feature", &ids[0], "--verdict", "legitimate"]);
    add_lines(&place, "out", &[line(&ids[1], "invalidated", "1980-01-01T00:00:00Z")], &PERSON).expect(0);
    for (id, verdict) in [(&ids[0], "legitimate"), (&ids[1], "invalidated")] {
        let state = report(&place, &["state", "out", id], 0)["features"][0].clone();
        assert_eq!((&state["status"], &state["verdict"]), (&"decided".into(), &verdict.into()), "{state}");
    }
    let verified = report(&place, &["verify", "out"], 0);
    let findings = verified["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &verified["intact"]), (3, &true.into()), "{verified}");
    assert!(findings.iter().all(|finding| finding["kind"] == "clock"), "{verified}");
    // What a decided map says is the same whatever the clocks say.
    report(&place, &["publish", "out", "--to", "decided"], 0);
    let text = std::fs::read_to_string(Map::at(&place.path("decided")).file("features.geojson")).unwrap();
    let collection: Value = serde_json::from_str(&text).unwrap();
    let features = collection["features"].as_array().unwrap();
    let state = |id: &str| {
        let found = features.iter().find(|feature| feature["properties"]["id"] == id);
        found.map(|feature| feature["properties"]["state"].as_str().unwrap().to_owned())
    };
    assert_eq!((state(&ids[0]).as_deref(), state(&ids[1])), (Some("legitimate"), None));
}

#[test]
fn hints_of_reviews_lead_to_success() {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    place.run(&["a.tif"], "out", &[]);
    let ended = review(&place, &["verify", "out"]).expect(2);
    let hint = ended.err.lines().find(|line| line.starts_with("hint: ")).unwrap().to_owned();
    let command = hint.split('`').nth(1).unwrap().replace("NAME", "first");
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    place.arpent(&words).expect(0);
    review(&place, &["verify", "out"]).expect(0);
    review(&place, &["new", "out", "--name", "second"]).expect(0);
    let ended = review(&place, &["state", "out"]).expect(2);
    assert!(ended.err.contains("first, second") && ended.err.contains("--review"), "{}", ended.err);
    review(&place, &["state", "out", "--review", "second"]).expect(0);
    review(&place, &["export", "out", "--review", "first", "--to", "d.csv"]).expect(0);
}

/// The first commands of the guide, in its order; `ID` is a feature.
#[test]
fn the_commands_of_the_guide_run() {
    const GUIDE: &str = include_str!("../../../docs/guides/review.md");
    const COLUMNS: &str = include_str!("../../../docs/json.md");
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    let feature = place.run(&["a.tif"], "out", &[]).features().remove(0).id;
    let block = GUIDE.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let script = block
        .replace("arpent ", &format!("\"{}\" ", env!("CARGO_BIN_EXE_arpent")))
        .replace(" ID ", &format!(" {feature} "));
    let output = Command::new("bash").args(["-ec", &script]).current_dir(place.path("")).output().unwrap();
    let ended = Ended::from(output).expect(0);
    assert!(ended.out.contains("intact") && ended.out.contains("1 features, confirmed"), "{}", ended.out);
    // The columns are those of the table.
    let documented = COLUMNS.split("Columns of `arpent review export`").nth(1).unwrap();
    for column in arpent_review::table::columns() {
        assert!(documented.contains(&format!("`{}`", column.name)), "{}", column.name);
    }
}
