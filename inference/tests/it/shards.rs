//! Plans, workers, merges: the same bytes however a job is shared out, whoever was killed, however often.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arpent_model::Architecture;
use arpent_raster::Window;
use arpent_testing::{Picture, SplitMix};
use serde_json::Value;

use crate::common::{Ended, Map, Place, SmallDisk};
use crate::invariance::random_net;

/// A scene that crosses the lattice in both directions, away from the CRS origin: twelve strips of windows of 32 pixels.
const SCENE: Window = Window::new(3_260_007, -34_310_013, 130, 360);

const SMALL: &[&str] = &["--window", "32"];

const COVERAGE: &str = "[coverage]\nmmu_m2 = 6.0\ntolerance_px = 1.5\nsmooth = { cut_px = 1.0 }\n";

/// A place with a scene and a network of random weights; the address of the scene.
fn place(more: &str) -> (Place, String) {
    let place = Place::empty();
    let net = Architecture::Unet {
        in_channels: 3,
        out_channels: 4,
        widths: vec![6, 8],
        encoder_convs: vec![1, 2],
        dates: 1,
    };
    random_net(&place, 5, net, &["red", "green", "blue"], None);
    place.config(more);
    let scene = place.draw("a.tif", &Picture::new(3, 9), SCENE);
    (place, scene)
}

#[track_caller]
fn merge(place: &Place, plan: &str) -> Ended {
    place.arpent(&["merge", "--plan", plan])
}

#[track_caller]
fn status(place: &Place, url: &str) -> Value {
    let report: Value =
        serde_json::from_str(&place.arpent(&["status", url, "--format", "json"]).expect(0).out).unwrap();
    report["jobs"][0].clone()
}

/// Starts an `arpent` without output.
fn start(place: &Place, words: &[&str]) -> Child {
    place.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Sends a signal by its name.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Waits until something holds, a minute at most.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::yield_now();
    }
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn pieces_of(plan: &str) -> Vec<PathBuf> {
    let is_piece = |path: &PathBuf| path.extension().is_some_and(|e| e == "piece");
    files_below(Path::new(plan).parent().unwrap()).into_iter().filter(is_piece).collect()
}

#[test]
fn any_number_of_shards_gives_the_bytes_of_one_run() {
    for more in ["", COVERAGE] {
        let (place, scene) = place(more);
        let whole = place.run(&[&scene], "whole", &[]);
        assert!(!place.path("whole/jobs").exists(), "a run leaves no state behind");
        for shards in [1, 3, 7, 16] {
            let output = place.text(&format!("of-{shards}"));
            let plan = place.plan(&[&scene], &output, shards, SMALL);
            // The last first: no order is needed.
            for index in (0..shards).rev() {
                place.worker(&plan, index).expect(0);
            }
            assert!(place.shows_nothing(&output));
            merge(&place, &plan).expect(0);
            let map = Map::at(Path::new(&output));
            let of_window = |(name, _): &(String, String)| name != "item.json";
            let bytes = |map: &Map| map.hashes().into_iter().filter(of_window).collect::<Vec<_>>();
            assert_eq!(bytes(&map), bytes(&whole), "{shards} shards");
            assert_eq!(map.manifest["run_id"], whole.manifest["run_id"]);
            place.arpent(&["check", &output]).expect(0);
            assert!(pieces_of(&plan).is_empty(), "pieces are of no use once the map is there");
            merge(&place, &plan).expect(0);
            assert_eq!(Map::at(Path::new(&output)).manifest, map.manifest, "merging again changes nothing");
        }
        let same_windows = place.run(&[&scene], "small", SMALL);
        assert_eq!(Map::at(&place.path("of-7")).hashes(), same_windows.hashes());
    }
}

#[test]
fn detections_are_shared_out_too() {
    let (place, scene) = crate::detection::place_of_dots();
    shared_out(&place, &scene);
}

#[test]
fn boxes_of_a_detector_without_anchors_are_shared_out_too() {
    let (place, scene) = crate::detection::place_of_locations(true);
    shared_out(&place, &scene);
}

/// Three shards have the bytes of one process.
fn shared_out(place: &Place, scene: &str) {
    let whole = place.run(&[scene], "whole", SMALL);
    let plan = place.plan(&[scene], &place.text("out"), 3, SMALL);
    (0..3).for_each(|index| drop(place.worker(&plan, index).expect(0)));
    merge(place, &plan).expect(0);
    assert_eq!(Map::at(&place.path("out")).hashes(), whole.hashes());
}

#[test]
fn the_same_job_planned_again_is_the_same_plan() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 3, SMALL);
    let bytes = std::fs::read(&plan).unwrap();
    assert_eq!(place.plan(&[&scene], &place.text("out"), 3, SMALL), plan);
    assert_eq!(std::fs::read(&plan).unwrap(), bytes);
    let mut other = vec!["plan", "run.toml", "--scene", &scene, "--output", "out", "--shards", "auto"];
    let refused = place.arpent(&other).expect(2);
    assert!(refused.err.contains("another job") && refused.err.contains("hint: "), "{}", refused.err);
    other.push("--overwrite");
    place.arpent(&other).expect(0);
}

#[test]
fn a_merge_waits_for_every_shard_and_status_lists_them() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 3, SMALL);
    assert_eq!(status(&place, &plan)["states"]["waiting"], 3);
    place.worker(&plan, 1).expect(0);
    let ended = merge(&place, &plan).expect(75);
    assert!(ended.err.contains("2 of 3 shards are not done: 0, 2"), "{}", ended.err);
    assert!(place.shows_nothing("out"));
    let half = status(&place, &place.text("out"));
    assert_eq!((&half["states"]["done"], &half["published"]), (&Value::from(1), &Value::from(false)));
    assert!(half["pixels_done"].as_u64().unwrap() > 0 && half["energy"]["watt_hours"].is_number());
    place.worker(&plan, 7).expect(2);
    place.worker(&plan, 0).expect(0);
    place.worker(&plan, 2).expect(0);
    merge(&place, &plan).expect(0);
    assert_eq!(status(&place, &plan)["published"], true);
    let said = place.arpent(&["status", &plan]).expect(0).out;
    assert!(said.contains("3 done") && said.contains("published"), "{said}");
}

#[test]
fn what_changed_after_the_plan_is_named() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 2, SMALL);
    place.worker(&plan, 0).expect(0);
    let kept = std::fs::read(place.path("a.tif")).unwrap();
    place.draw("a.tif", &Picture::new(4, 9), SCENE);
    let ended = place.worker(&plan, 1).expect(2);
    assert!(ended.err.contains("a.tif changed since the plan was made"), "{}", ended.err);
    assert!(ended.err.contains("hint: plan again"), "{}", ended.err);
    std::fs::remove_file(place.path("a.tif")).unwrap();
    let ended = place.worker(&plan, 1).expect(2);
    assert!(ended.err.contains("a.tif"), "{}", ended.err);
    let said = place.arpent(&["status", &plan]).expect(0).out;
    assert!(said.contains("1 failed") && said.contains("a.tif"), "{said}");
    let ended = merge(&place, &plan).expect(2);
    assert!(ended.err.contains("shard 1 failed"), "{}", ended.err);
    // The same bytes under the same name, written later, are not known to be the same.
    std::fs::write(place.path("a.tif"), kept).unwrap();
    place.worker(&plan, 1).expect(2);
    let again = place.plan(&[&scene], &place.text("out"), 2, &["--window", "32", "--overwrite"]);
    (0..2).for_each(|index| drop(place.worker(&again, index).expect(0)));
    merge(&place, &again).expect(0);
}

#[test]
fn a_plan_that_was_changed_or_is_of_another_version_is_refused() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 2, SMALL);
    let text = std::fs::read_to_string(&plan).unwrap();
    let version = format!("\"arpent\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let changes = [
        (text.replace("\"shards\": 2", "\"shards\": 1"), "was changed after it was written"),
        (text.replace(&version, "\"arpent\": \"9.9.9\""), "9.9.9"),
        (text[..text.len() / 2].to_owned(), "cannot be read as a plan"),
    ];
    for (changed, said) in changes {
        assert_ne!(changed, text);
        std::fs::write(&plan, changed).unwrap();
        for ended in [place.worker(&plan, 0), merge(&place, &plan)] {
            let ended = ended.expect(2);
            assert!(ended.err.contains(said) && ended.err.contains("hint: "), "{}", ended.err);
        }
    }
    let ended = place.worker(&place.text("out"), 0).expect(2);
    assert!(ended.err.contains("not the address of a plan"), "{}", ended.err);
}

#[test]
fn a_damaged_piece_is_never_part_of_a_map() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 1, SMALL);
    place.worker(&plan, 0).expect(0);
    let piece = pieces_of(&plan).into_iter().nth(3).unwrap();
    let mut bytes = std::fs::read(&piece).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&piece, bytes).unwrap();
    let ended = merge(&place, &plan).expect(2);
    assert!(ended.err.contains(piece.file_name().unwrap().to_str().unwrap()), "{}", ended.err);
    assert!(place.shows_nothing("out"));
    std::fs::remove_file(&piece).unwrap();
    let ended = merge(&place, &plan).expect(2);
    assert!(ended.err.contains("is missing") && ended.err.contains("done.json"), "{}", ended.err);
    // As in the hint.
    for done in files_below(&place.path("out/jobs")).iter().filter(|path| path.ends_with("done.json")) {
        std::fs::remove_file(done).unwrap();
    }
    place.worker(&plan, 0).expect(0);
    merge(&place, &plan).expect(0);
    assert_eq!(Map::at(&place.path("out")).hashes(), place.run(&[&scene], "whole", SMALL).hashes());
}

#[test]
fn two_workers_on_one_shard_and_two_merges_give_one_map() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 1, SMALL);
    let words = ["worker", "--plan", &plan, "--index", "0", "--threads", "1"];
    let twins: Vec<Child> = (0..3).map(|_| start(&place, &words)).collect();
    for mut twin in twins {
        assert!(twin.wait().unwrap().success());
    }
    let merges: Vec<Child> = (0..2).map(|_| start(&place, &["merge", "--plan", &plan])).collect();
    let codes: Vec<_> = merges.into_iter().map(|mut merge| merge.wait().unwrap().code()).collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    // One that found pieces gone, since the other had published, is right the next time.
    merge(&place, &plan).expect(0);
    let map = Map::at(&place.path("out"));
    assert_eq!(map.hashes(), place.run(&[&scene], "whole", SMALL).hashes());
    place.arpent(&["check", "out"]).expect(0);
}

#[test]
fn of_two_jobs_on_one_output_one_wins_and_the_other_loses_nothing() {
    let (place, scene) = place("");
    place.config("[rasters]\nconfidence = false\n");
    let first = place.plan(&[&scene], &place.text("out"), 1, SMALL);
    place.config("");
    // Planned at the same moment, neither sees the other; here the second skips the check.
    let second = place.plan(&[&scene], &place.text("out"), 1, &["--window", "32", "--overwrite"]);
    place.worker(&first, 0).expect(0);
    place.worker(&second, 0).expect(0);
    merge(&place, &second).expect(0);
    let ended = merge(&place, &first).expect(2);
    assert!(ended.err.contains("already "), "{}", ended.err);
    assert_eq!(Map::at(&place.path("out")).hashes(), place.run(&[&scene], "whole", SMALL).hashes());
    assert!(!pieces_of(&first).is_empty(), "the work of the other is kept");
}

#[test]
fn an_interrupted_worker_keeps_its_pieces_and_ends_with_a_temporary_error() {
    let (place, scene) = place("");
    let whole = place.run(&[&scene], "whole", SMALL);
    for name in ["TERM", "INT"] {
        let output = place.text(&format!("out-{name}"));
        let plan = place.plan(&[&scene], &output, 1, SMALL);
        let mut worker = start(&place, &["worker", "--plan", &plan, "--index", "0", "--threads", "1"]);
        until("the first piece", || !pieces_of(&plan).is_empty());
        signal(&worker, name);
        // Where all was done before the signal came, the worker ends well.
        let code = worker.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 75)), "{code:?}");
        assert!(!pieces_of(&plan).is_empty());
        if code == Some(75) {
            let seen = status(&place, &plan);
            assert_eq!(seen["states"]["waiting"], 1, "{seen}");
        }
        place.worker(&plan, 0).expect(0);
        merge(&place, &plan).expect(0);
        assert_eq!(Map::at(Path::new(&output)).hashes(), whole.hashes());
    }
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let (place, scene) = place("");
    let whole = place.run(&[&scene], "whole", SMALL);
    let words = ["run", "run.toml", "--scene", &scene, "--output", "out", "--window", "32", "--threads", "1"];
    let mut run = start(&place, &words);
    until("the first piece", || {
        !files_below(&place.path("out/jobs")).iter().all(|f| f.extension().unwrap() != "piece")
    });
    signal(&run, "TERM");
    let code = run.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 75)), "{code:?}");
    if code == Some(75) {
        assert!(place.shows_nothing("out"));
        let ended = place.arpent(&words).expect(0);
        assert!(ended.err.contains("resuming: "), "{}", ended.err);
    }
    assert_eq!(Map::at(&place.path("out")).hashes(), whole.hashes());
    assert!(!place.path("out/jobs").exists());
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let (place, _) = place("");
    // A scene too large to wait for.
    let large = Window { width: 3000, height: 3000, ..SCENE };
    let scene = place.draw("large.tif", &Picture::new(3, 9), large);
    let plan = place.plan(&[&scene], &place.text("out"), 1, &["--window", "1024"]);
    let mut worker = start(&place, &["worker", "--plan", &plan, "--index", "0", "--threads", "1"]);
    let records =
        || files_below(&place.path("out/jobs")).iter().any(|f| f.to_str().unwrap().contains("/shards/"));
    until("the worker", records);
    signal(&worker, "INT");
    // Both must not be one: the second counts when the first was seen.
    until("the end", || {
        signal_if_alive(&worker);
        worker.try_wait().unwrap().is_some()
    });
    assert_eq!(worker.wait().unwrap().code(), Some(130));
    assert!(place.shows_nothing("out"));
}

fn signal_if_alive(child: &Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
}

#[test]
fn failures_of_a_machine_are_temporary_errors_and_lose_nothing() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 1, SMALL);
    // No file handle left.
    let binary = env!("CARGO_BIN_EXE_arpent");
    let few = format!("ulimit -n 8; exec '{binary}' worker --plan '{plan}' --index 0");
    let ended: Ended = Command::new("sh").args(["-c", &few]).output().unwrap().into();
    let ended = ended.expect(75);
    assert!(ended.err.contains("error: "), "{}", ended.err);
    // No place for temporary files.
    let words = ["worker", "--plan", &plan, "--index", "0"];
    let nowhere = place.command(&words).env("TMPDIR", "/proc/1/nothing").output().unwrap();
    let ended = Ended::from(nowhere);
    assert!(matches!(ended.code, 2 | 75) && ended.err.contains("TMPDIR"), "{}: {}", ended.code, ended.err);
    place.worker(&plan, 0).expect(0);
    merge(&place, &plan).expect(0);
    assert_eq!(Map::at(&place.path("out")).hashes(), place.run(&[&scene], "whole", SMALL).hashes());
}

#[test]
fn full_or_read_only_scratch_is_a_temporary_error() {
    let (place, scene) = place("");
    let plan = place.plan(&[&scene], &place.text("out"), 1, SMALL);
    let words = [["worker", "--plan", &plan, "--index", "0"].to_vec(), ["merge", "--plan", &plan].to_vec()];
    let Some(full) = SmallDisk::mount(place.path("full"), "size=4k") else { return };
    let Some(fixed) = SmallDisk::mount(place.path("fixed"), "size=1m,ro") else { return };
    for words in words {
        for disk in [&full, &fixed] {
            let output = place.command(&words).env("TMPDIR", &disk.0).output().unwrap();
            let ended = Ended::from(output).expect(75);
            let said = ["No space left", "Read-only file system"].iter().any(|text| ended.err.contains(text));
            assert!(said && ended.err.contains("hint: "), "{}", ended.err);
            assert!(place.shows_nothing("out"));
        }
        // With room it goes well, and on.
        place.arpent(&words).expect(0);
    }
    assert_eq!(Map::at(&place.path("out")).hashes(), place.run(&[&scene], "whole", SMALL).hashes());
}

/// Kills plans, workers and merges at random moments, `ARPENT_KILLS` times (24 by default), goes on until the map is
/// there, and compares it.
#[test]
fn killed_at_any_instant_and_run_again_a_job_gives_the_same_bytes() {
    let kills: usize = std::env::var("ARPENT_KILLS").ok().map_or(24, |n| n.parse().unwrap());
    let (place, scene) = place("");
    let whole = place.run(&[&scene], "whole", SMALL);
    let mut killer = Killer { place: &place, random: SplitMix::new(17), killed: BTreeMap::new() };
    let mut round = 0;
    while killer.killed.values().sum::<usize>() < kills {
        round += 1;
        let output = place.text(&format!("round-{round}"));
        killer.kill_until_done(&[
            "plan", "run.toml", "--scene", &scene, "--output", &output, "--shards", "3", "--window", "32",
        ]);
        let plan = place.plan(&[&scene], &output, 3, SMALL);
        for index in ["2", "0", "1"] {
            killer.kill_until_done(&["worker", "--plan", &plan, "--index", index, "--threads", "1"]);
        }
        killer.kill_until_done(&["merge", "--plan", &plan]);
        assert_eq!(
            Map::at(Path::new(&output)).hashes(),
            whole.hashes(),
            "round {round}: {:?}",
            killer.killed
        );
        place.arpent(&["check", &output]).expect(0);
        std::fs::remove_dir_all(&output).unwrap();
    }
    eprintln!("{round} rounds, killed {:?}", killer.killed);
}

struct Killer<'a> {
    place: &'a Place,
    random: SplitMix,
    /// How often, by verb.
    killed: BTreeMap<String, usize>,
}

impl Killer<'_> {
    /// Starts a command and kills it after a random time, again and again until it ends well. Most moments lie within the time that it
    /// takes, some before its first word; they come later each time, so that it gets to its end on any machine.
    fn kill_until_done(&mut self, words: &[&str]) {
        let mut latest_us = 60_000;
        loop {
            let moment = Duration::from_micros(self.random.below(latest_us));
            let mut child = start(self.place, words);
            let began = Instant::now();
            while began.elapsed() < moment && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let _ = child.kill();
            match child.wait().unwrap().code() {
                Some(code) => return assert_eq!(code, 0, "{words:?}"),
                None => *self.killed.entry(words[0].to_owned()).or_insert(0) += 1,
            }
            latest_us += latest_us / 3;
        }
    }
}
