//! Exit codes of what may go well another time, and what is kept of work until then.

use std::path::Path;
use std::time::{Duration, Instant};

use arpent_raster::Window;
use arpent_testing::Picture;

use crate::common::{Ended, Map, Place, SmallDisk};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 420, 380);

fn place() -> (Place, String) {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(3, 5), SCENE);
    (place, scene)
}

/// Temporary folders of runs in a folder.
fn temporary(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with("arpent-")).count()
}

#[test]
fn a_full_scratch_disk_of_any_size_is_a_temporary_error_and_loses_nothing() {
    let (place, scene) = place();
    let run = ["run", "run.toml", "--scene", &scene, "--window", "64", "--threads", "1", "--output"];
    let whole = place.arpent(&[&run[..], &["whole"]].concat()).expect(0);
    assert!(whole.err.contains("predict"), "{}", whole.err);
    let (mut refused, mut kept) = (0, 0);
    for step in 0..60 {
        let size = format!("size={}k", 8 + 24 * step + 8 * step * step);
        let Some(disk) = SmallDisk::mount(place.path(&format!("disk-{step}")), &size) else { return };
        let output = place.command(&[&run[..], &["out"]].concat()).env("TMPDIR", &disk.0).output().unwrap();
        let ended = Ended::from(output);
        assert_eq!(temporary(&disk.0), 0);
        if ended.code == 0 {
            // What earlier attempts computed was not computed again.
            assert!(kept == 0 || ended.err.contains("resuming: "), "{}", ended.err);
            break;
        }
        let ended = ended.expect(75);
        assert!(
            ended.err.contains("the scratch folder") && ended.err.contains("hint: "),
            "{size}: {}",
            ended.err
        );
        assert!(
            ended.err.contains(disk.0.to_str().unwrap()) && ended.err.contains("compute.scratch"),
            "{}",
            ended.err
        );
        assert!(place.shows_nothing("out"));
        refused += 1;
        let has_pieces = place.path("out").exists();
        assert!(kept == 0 || has_pieces, "{size}: the pieces are gone");
        kept += usize::from(has_pieces);
    }
    assert!(refused > 4 && kept > 2, "{refused} {kept}");
    assert_eq!(Map::at(&place.path("out")).hashes(), Map::at(&place.path("whole")).hashes());
}

#[test]
fn the_next_run_deletes_what_a_killed_one_left() {
    let (place, scene) = place();
    let run = ["run", "run.toml", "--scene", &scene, "--window", "32", "--threads", "1", "--output", "out"];
    let folder = place.path("tmp");
    std::fs::create_dir(&folder).unwrap();
    // Neither has the name or the lock of a run's.
    std::fs::create_dir_all(folder.join("arpent-zzzzzz")).unwrap();
    std::fs::create_dir_all(folder.join("others")).unwrap();
    let mut killed = false;
    for _ in 0..20 {
        let mut child = place
            .command(&run)
            .env("TMPDIR", &folder)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while temporary(&folder) < 2 && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(5));
        child.kill().unwrap();
        child.wait().unwrap();
        killed = temporary(&folder) == 2;
        if killed {
            break;
        }
        let _ = std::fs::remove_dir_all(place.path("out"));
    }
    assert!(killed, "no run was killed in time");
    let output = place.command(&run).env("TMPDIR", &folder).output().unwrap();
    let ended = Ended::from(output).expect(0);
    assert!(ended.err.contains("deleted 1 temporary folder(s) of killed runs"), "{}", ended.err);
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|e| e.file_name()).collect();
    names.sort();
    assert_eq!(names, ["arpent-zzzzzz", "others"]);
}

#[test]
fn a_store_that_does_not_answer_is_tried_again_by_every_verb() {
    let (place, scene) = place();
    let plan = "s3://maps/oak/jobs/5e9f0a3c7b21d486/plan.json";
    place.run(&[&scene], "map", &[]);
    place.write("zones.geojson", r#"{"type":"FeatureCollection","features":[]}"#);
    place.write("zonal.toml", "");
    let run = ["run", "run.toml", "--output", "out", "--scene"];
    let aoi = |aoi| [&run[..], &[scene.as_str(), "--aoi", aoi]].concat();
    let verbs = [
        vec!["run", "run.toml", "--scene", &scene, "--output", "s3://maps/oak"],
        vec!["worker", "--plan", plan, "--index", "0"],
        vec!["merge", "--plan", plan],
        vec!["submit", "--plan", plan, "--executor", "local"],
        vec!["status", "s3://maps/oak"],
        vec!["check", "s3://maps/oak"],
        vec!["inspect", "s3://maps/oak"],
        vec!["gc", "s3://maps/oak", "--older-than", "1d"],
        vec!["zonal", "zonal.toml", "--map", "s3://maps/oak", "--zones", "zones.geojson", "--output", "z"],
        [&run[..], &["http://127.0.0.1:1/a.tif"]].concat(),
        [&run[..], &["s3://maps/a.tif"]].concat(),
        aoi("s3://maps/a.gpkg"),
        aoi("http://127.0.0.1:1/a.gpkg"),
        aoi("http://127.0.0.1:1/a.geojson"),
        aoi("http://127.0.0.1:1/a.parquet"),
    ];
    for words in verbs {
        let mut command = place.command(&words);
        // Nothing listens there.
        command.env("AWS_ENDPOINT", "http://127.0.0.1:1").env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "word").env("AWS_REGION", "x");
        command.env("ARPENT_STORE_RETRIES", "0").env("ARPENT_STORE_TIMEOUT_S", "2");
        let ended = Ended::from(command.output().unwrap());
        assert_eq!(ended.code, 75, "{words:?}: {}", ended.err);
        assert!(ended.err.contains("hint: "), "{words:?}: {}", ended.err);
        if words.contains(&"--aoi") {
            assert!(ended.err.contains("cannot be reached"), "{words:?}: {}", ended.err);
        }
    }
}

#[test]
fn a_store_that_cannot_be_used_has_a_hint_that_fits() {
    let (place, _) = place();
    let check = |variables: &[(&str, &str)]| {
        let mut command = place.command(&["check", "s3://maps/oak"]);
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "word").env("AWS_REGION", "x");
        command.env("ARPENT_STORE_RETRIES", "0").env("ARPENT_STORE_TIMEOUT_S", "2");
        command.envs(variables.iter().copied());
        Ended::from(command.output().unwrap())
    };
    // Nothing listens there.
    let endpoint = ("AWS_ENDPOINT", "http://127.0.0.1:1");
    let refused = check(&[endpoint]).expect(2);
    assert!(
        refused.err.contains("AWS_ENDPOINT cannot be used")
            && refused.err.contains("hint: use an https address"),
        "{}",
        refused.err
    );
    // The variable that the hint names leads to the request.
    let (name, value) =
        refused.err.split_once(", or set ").unwrap().1.split(' ').next().unwrap().split_once('=').unwrap();
    let asked = check(&[endpoint, (name, value)]).expect(75);
    assert!(
        asked.err.contains("refused") && asked.err.contains("hint: check that the store runs"),
        "{}",
        asked.err
    );
    let unknown = check(&[("AWS_ENDPOINT", "ftp://127.0.0.1:1")]).expect(2);
    assert!(unknown.err.contains("hint: correct or unset AWS_ENDPOINT"), "{}", unknown.err);
}

#[test]
fn a_scratch_folder_that_does_not_exist_is_named_with_its_line() {
    let (place, scene) = place();
    place.run(&[&scene], "map", &[]);
    place.config("[compute]\nscratch = \"gone\"\n");
    let ended = place.try_run(&[&scene], "out", &[]).expect(2);
    for part in
        ["run.toml, line 3, in [compute]", "gone", "hint: create the folder, or set compute.scratch to one"]
    {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    std::fs::create_dir(place.path("gone")).unwrap();
    place.try_run(&[&scene], "out", &[]).expect(0);
    let zone = crate::reference::rectangle([0.0, 0.0, 50.0, 50.0]);
    crate::reference::layer(&place, "zones.geojson", &[(serde_json::json!({ "n": 1 }), zone)]);
    place.write("zonal.toml", "scratch = \"absent\"\n");
    let words = ["zonal", "zonal.toml", "--map", "map", "--zones", "zones.geojson", "--output", "z"];
    let ended = place.arpent(&words).expect(2);
    for part in ["zonal.toml, line 1", "hint: create the folder, or set scratch to one"] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    let mut command = place.command(&["run", "run.toml", "--scene", &scene, "--output", "out2"]);
    place.config("");
    let ended = Ended::from(command.env("TMPDIR", place.path("absent")).output().unwrap()).expect(2);
    assert!(ended.err.contains("hint: create the folder, or set TMPDIR to one"), "{}", ended.err);
}

#[test]
fn what_a_user_may_not_read_is_not_tried_again() {
    let (place, _) = place();
    let ended = place.arpent(&["gc", "nothing-here", "--older-than", "1d"]).expect(2);
    assert!(
        ended.err.contains("nothing-here does not exist or is empty") && ended.err.contains("hint: "),
        "{}",
        ended.err
    );
    let import =
        ["model", "import", "none.pt", "--architecture", "unet-resnet34", "--classes", "3", "--output", "m"];
    let ended = place.arpent(&import).expect(2);
    assert!(ended.err.contains("none.pt: No such file") || ended.err.contains("none.pt"), "{}", ended.err);
    assert!(ended.err.contains("hint: check the path: there is no `none.pt`"), "{}", ended.err);
    // A disk that is read-only stays so for this machine.
    let Some(disk) = SmallDisk::mount(place.path("fixed"), "size=1m,ro") else { return };
    let words = ["run", "run.toml", "--scene", "a.tif", "--output", "out"];
    let output = place.command(&words).env("TMPDIR", &disk.0).output().unwrap();
    let ended = Ended::from(output).expect(2);
    assert!(ended.err.contains("Read-only") && ended.err.contains("TMPDIR"), "{}", ended.err);
}

#[test]
fn values_that_do_not_fit_name_their_file_table_and_line() {
    let (place, _) = place();
    let rule = "[[reference.enrich]]\nname = \"a\"\nlayer = { source = \"none.gpkg\", id = \"a\" }\nmin_share = 2.0\n";
    for (text, expected) in [
        (
            "[coverage]\nmmu_m2 = -1.0\n",
            "line 3, in [coverage]: `coverage.mmu_m2` is -1, expected 0 or more square meters",
        ),
        (
            "[coverage]\nmmu_m2 = 5.0\ntolerance_px = -2.0\n",
            "line 4, in [coverage]: `coverage.tolerance_px` is -2, expected 0 or more pixels",
        ),
        (
            "[coverage]\nmmu_m2 = 5.0\nsmooth = { cut_px = 1.0, max_share = 0.9 }\n",
            "line 4, in [coverage]: coverage.smooth.max_share is 0.9",
        ),
        (
            "[coverage]\nmmu_m2 = 5.0\nsquare = [\"x\"]\n",
            "line 4, in [coverage]: coverage.square: the model has no class `x`",
        ),
        (
            "[coverage]\nmmu_m2 = 5.0\n[coverage.classes.x]\nmmu_m2 = 3.0\n",
            "line 4, in [coverage.classes.x]: ",
        ),
        (
            "[coverage]\nmmu_m2 = 5.0\n[coverage.built_up]\nmmu_m2 = 2.0\n",
            "line 4, in [coverage.built_up]: coverage.built_up: neither",
        ),
        (
            "[features]\nclasses = [\"x\"]\n",
            "line 3, in [features]: features.classes: the model has no class `x`",
        ),
        ("[objects]\ngap_m = 1.0\n", "line 2, in [objects]: [objects]: the model `"),
        ("[compute]\nmemory_limit_mb = 1\n", "line 3, in [compute]: the job needs about"),
        (rule, "line 5, in [[reference.enrich]] 1: `reference.enrich.min_share` is 2, expected a share"),
    ] {
        place.config(text);
        let ended = place.arpent(&["plan", "run.toml", "--scene", "a.tif"]).expect(2);
        assert!(ended.err.contains("run.toml, ") && ended.err.contains(expected), "{text}: {}", ended.err);
        assert!(ended.err.contains("hint: "), "{text}: {}", ended.err);
    }
    std::fs::write(place.path("run.toml"), b"model = \"model\"\n# for\xeat\n").unwrap();
    let ended = place.arpent(&["plan", "run.toml", "--scene", "a.tif"]).expect(2);
    assert!(ended.err.contains("run.toml, line 2: the byte 0xEA at column 6 is not UTF-8"), "{}", ended.err);
    assert!(ended.err.contains("hint: save the file as UTF-8"), "{}", ended.err);
}

#[test]
fn a_command_line_that_is_refused_shows_no_signature() {
    let place = Place::new();
    let url = "https://user:word@h/a.tif?sv=1&sig=leak";
    for words in [&["plan", "run.toml", url][..], &["plan", "run.toml", url, "--format", "json"]] {
        let refused = place.arpent(words).expect(2);
        let shown = refused.err.contains("https://h/a.tif?sv=1&sig=REDACTED");
        assert!(shown && refused.out.is_empty(), "{}", refused.err);
        assert!(!refused.err.contains("leak") && !refused.err.contains("word@"), "{}", refused.err);
    }
    assert!(place.arpent(&["plan", "--help"]).expect(0).out.contains("Usage: arpent plan"));
}
