//! Many machines and a store between them: the guide as written, on an S3 server, on a Slurm cluster, on a network that fails.

use std::process::Command;
use std::time::Duration;

use arpent_model::Architecture;
use arpent_publish::Target;
use arpent_raster::Window;
use arpent_testing::faults::{Fault, FaultProxy, Faults};
use arpent_testing::servers::SeaweedFs;
use arpent_testing::{Picture, Slurm};
use serde_json::Value;

use crate::common::{Ended, Map, Place, named_hash};
use crate::invariance::random_net;
use crate::submit::guide;

const SCENE: Window = Window::new(3_260_007, -34_310_013, 130, 360);

/// What the guide calls its output.
const OUTPUT_OF_GUIDE: &str = "s3://maps/oak";

/// A place with a scene and a network of random weights; the address of the scene.
fn place(scene: Window, widths: &[usize]) -> (Place, String) {
    let place = Place::empty();
    let net = Architecture::Unet {
        in_channels: 3,
        out_channels: 4,
        widths: widths.to_vec(),
        encoder_convs: vec![1; widths.len()],
        dates: 1,
    };
    random_net(&place, 5, net, &["red", "green", "blue"], None);
    place.config("");
    let scene = place.draw("scene.tif", &Picture::new(3, 9), scene);
    (place, scene)
}

/// Runs `arpent` with the variables of a store.
fn with_store(place: &Place, env: &[(String, String)], words: &[&str]) -> Ended {
    place.command(words).envs(env.iter().cloned()).output().unwrap().into()
}

fn json(ended: Ended) -> Value {
    serde_json::from_str(&ended.expect(0).out).unwrap()
}

/// SHA-256 of every artifact of an output in a store, by file name; each was read and hashed again.
fn hashes(place: &Place, env: &[(String, String)], url: &str) -> Vec<(String, String)> {
    with_store(place, env, &["check", url]).expect(0);
    let run = json(with_store(place, env, &["inspect", url, "--format", "json"]))["run"].clone();
    run["artifacts"].as_array().unwrap().iter().map(named_hash).collect()
}

fn plan(place: &Place, env: &[(String, String)], scene: &str, url: &str, shards: &str) -> String {
    let words = [
        "plan", "run.toml", "--scene", scene, "--output", url, "--shards", shards, "--window", "32",
        "--format", "json",
    ];
    json(with_store(place, env, &words))["plan"].as_str().unwrap().to_owned()
}

fn worker<'a>(plan: &'a str, index: &'a str) -> [&'a str; 7] {
    ["worker", "--plan", plan, "--index", index, "--threads", "1"]
}

/// A place in a store.
pub(crate) fn open(server: &SeaweedFs, url: &str) -> Target {
    let env = server.env();
    let look_up = |name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Target::parse_with(url, &look_up).unwrap()
}

/// Puts a scene into a store as `scenes/scene.tif`; gives its folder.
fn store_scene(server: &SeaweedFs, scene: &str) -> Target {
    let folder = open(server, &server.url("scenes"));
    assert!(folder.create("scene.tif", std::fs::read(scene).unwrap(), "image/tiff").unwrap());
    folder
}

#[test]
fn scene_and_map_in_one_store_give_the_pixels_of_local_files() {
    let Some(server) = SeaweedFs::start() else { return };
    let (place, scene) = place(SCENE, &[6, 8]);
    let local = place.run(&[&scene], "local", &["--window", "32"]);
    let env = server.env();
    let folder = store_scene(&server, &scene);
    let (remote, url) = (server.url("scenes/scene.tif"), server.url("map"));
    let address = plan(&place, &env, &remote, &url, "2");
    for index in ["0", "1"] {
        with_store(&place, &env, &worker(&address, index)).expect(0);
    }
    let status = json(with_store(&place, &env, &["status", &url, "--format", "json"]));
    assert_eq!(status["jobs"][0]["states"]["done"], 2, "{status}");
    with_store(&place, &env, &["merge", "--plan", &address]).expect(0);
    let rasters = |hashes: Vec<(String, String)>| -> Vec<(String, String)> {
        hashes.into_iter().filter(|(name, _)| name.contains(".tif")).collect()
    };
    // Features record their scene, which has an ETag here and a hash there.
    assert_eq!(rasters(hashes(&place, &env, &url)), rasters(local.hashes()));
    let input = &json(with_store(&place, &env, &["inspect", &url, "--format", "json"]))["run"]["inputs"][0];
    assert!(input["etag"].as_str().is_some_and(|tag| tag.len() > 8), "{input}");
    let leftovers = json(with_store(&place, &env, &["gc", &url, "--older-than", "0s", "--format", "json"]));
    assert!(leftovers["leftovers"].as_array().unwrap().len() == 1, "the job's records: {leftovers}");
    with_store(&place, &env, &["check", &url]).expect(0);

    // Another object under the same name.
    let changed = place.draw("other.tif", &Picture::new(4, 9), SCENE);
    let again = plan(&place, &env, &remote, &server.url("again"), "1");
    folder.replace("scene.tif", std::fs::read(&changed).unwrap(), "image/tiff").unwrap();
    let ended = with_store(&place, &env, &worker(&again, "0")).expect(2);
    assert!(ended.err.contains("scene.tif changed since the plan was made"), "{}", ended.err);
}

#[test]
fn a_network_that_fails_delays_a_job_and_changes_nothing() {
    let Some(server) = SeaweedFs::start() else { return };
    let (place, scene) = place(SCENE, &[6, 8]);
    let local = place.run(&[&scene], "local", &["--window", "32"]);
    let url = server.url("map");
    let address = plan(&place, &server.env(), &scene, &url, "3");
    let kinds: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| *fault != Fault::OldList).collect();
    let faults =
        Faults { seed: 11, per_mille: 150, kinds, stall: Duration::from_millis(700), ..Faults::none() };
    let proxy = FaultProxy::start(server.address(), faults);
    let mut env = server.env_by_way_of(proxy.address());
    env.extend([
        ("ARPENT_STORE_TIMEOUT_S".to_owned(), "0.5".to_owned()),
        ("ARPENT_STORE_RETRIES".to_owned(), "3".to_owned()),
    ]);
    let mut codes = Vec::new();
    let mut until_done = |words: &[&str]| {
        for _ in 0..40 {
            let ended = with_store(&place, &env, words);
            codes.push(ended.code);
            if ended.code == 0 {
                return;
            }
            assert_eq!(ended.code, 75, "{words:?}: {}", ended.err);
            assert!(ended.err.contains("error: ") && !ended.err.contains("panicked"), "{}", ended.err);
            // Nothing half-visible: an output is whole, or not there.
            let seen = with_store(&place, &server.env(), &["check", &url]);
            assert!(seen.code == 0 || seen.err.contains("no complete run") || seen.code == 2, "{}", seen.err);
        }
        panic!("{words:?} never came to an end: {codes:?}");
    };
    for index in ["0", "1", "2"] {
        until_done(&worker(&address, index));
    }
    until_done(&["merge", "--plan", &address]);
    assert!(proxy.injected().values().sum::<u64>() >= 10, "{:?}", proxy.injected());
    assert_eq!(hashes(&place, &server.env(), &url), local.hashes());
    eprintln!("{:?}, exit codes {codes:?}", proxy.injected());
}

#[test]
fn wrong_credentials_are_reported_and_not_printed() {
    let Some(server) = SeaweedFs::start() else { return };
    let (place, scene) = place(SCENE, &[6, 8]);
    let url = server.url("map");
    let address = plan(&place, &server.env(), &scene, &url, "1");
    let mut env = server.env();
    for (name, value) in &mut env {
        if name == "AWS_SECRET_ACCESS_KEY" {
            "recognizable-secret-of-somebody".clone_into(value);
        }
    }
    for words in [&worker(&address, "0")[..], &["merge", "--plan", &address], &["status", &url]] {
        let ended = with_store(&place, &env, words);
        assert_ne!(ended.code, 0);
        assert!(!ended.err.contains("recognizable") && !ended.out.contains("recognizable"), "{}", ended.err);
        assert!(ended.err.contains("hint: "), "{}", ended.err);
    }
}

#[test]
fn a_signed_address_is_in_no_plan_and_in_no_manifest() {
    let Some(server) = SeaweedFs::start() else { return };
    let (place, scene) = place(SCENE, &[6, 8]);
    store_scene(&server, &scene);
    let signed = format!("{}?X-Amz-Signature=recognizable-secret", server.web_url("scenes/scene.tif"));
    let words = ["plan", "run.toml", "--scene", &signed, "--output", "out", "--shards", "2"];
    let ended = place.arpent(&words).expect(2);
    assert!(ended.err.contains("credentials to the workers in their environment"), "{}", ended.err);
    let map = place.run(&[&signed], "out", &[]);
    let everything = crate::shards::files_below(&place.path("out"));
    assert!(!everything.is_empty());
    for file in everything {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(12).any(|part| part == b"recognizable");
        assert!(!found, "{}", file.display());
    }
    assert!(map.manifest["inputs"][0]["uri"].as_str().unwrap().contains("REDACTED"));
}

/// The commands of a block of the guide.
fn command_of(name: &str) -> String {
    guide().into_iter().find(|(block, _)| block == name).unwrap().1.trim().to_owned()
}

/// The address of a plan as the guide writes it.
fn plan_of_guide() -> String {
    format!("{OUTPUT_OF_GUIDE}/jobs/5e9f0a3c7b21d486/plan.json")
}

/// `PATH` with `arpent` on it.
fn path_to_arpent() -> String {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_arpent")).parent().unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// A command of the guide for a cluster that has no accounts and small nodes.
fn for_small_nodes(line: &str, env_file: &str) -> String {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    words.retain(|word| !word.starts_with("--sbatch=") && !word.starts_with("--merge-sbatch="));
    for (option, value) in [
        ("--account", None),
        ("--cpu", Some("1")),
        ("--memory", Some("900M")),
        ("--env-file", Some(env_file)),
    ] {
        let at = words.iter().position(|word| word == option).unwrap_or_else(|| panic!("{line}: {option}"));
        match value {
            Some(value) => value.clone_into(&mut words[at + 1]),
            None => drop(words.drain(at..at + 2)),
        }
    }
    words.join(" ")
}

/// The guide's commands: a plan of seven shards, a Slurm cluster of three nodes, an S3 server; one node is killed half-way.
#[test]
fn the_guide_on_three_nodes_of_which_one_dies_gives_the_bytes_of_one_run() {
    let Some(server) = SeaweedFs::start() else { return };
    let Some(mut cluster) = Slurm::start(3, "").unwrap() else {
        arpent_testing::skip("slurm", "Slurm is not installed (scripts/setup.sh --test installs it)");
        return;
    };
    // Seconds of work for each shard.
    let (place, _) = place(Window { width: 700, height: 10_000, ..SCENE }, &[64, 96]);
    place.config("[tiling]\nwindow_px = 64\n");
    let scene = place.text("scene.tif");
    let local = place.run(&[&scene], "local", &[]);
    let url = server.url("oak");
    let variables: Vec<String> = server.env().iter().map(|(name, value)| format!("{name}={value}")).collect();
    place.write("arpent.env", &variables.join("\n"));
    let path = path_to_arpent();
    let run = |line: &str| -> Ended {
        let mut shell = cluster_command(&cluster, &place, &path, &server);
        shell.args(["-c", line]);
        shell.output().unwrap().into()
    };
    let planned = command_of("plan").replace(OUTPUT_OF_GUIDE, &url);
    let report = json(run(&format!("{planned} --format json")));
    let address = report["plan"].as_str().unwrap().to_owned();
    assert_eq!(report["shards"], 7);
    let in_guide = plan_of_guide();
    let submit =
        for_small_nodes(&command_of("slurm"), &place.text("arpent.env")).replace(&in_guide, &address);
    std::fs::create_dir_all(place.path("logs")).unwrap();
    let jobs = json(run(&format!("{submit} --format json")))["jobs"].clone();
    let merge = jobs["merge"].as_str().unwrap().to_owned();

    // A node dies when the first shard is done and others are under way.
    let status_of_guide = command_of("status").replace(&in_guide, &address);
    let status = |cluster: &Slurm| {
        let mut shell = cluster_command(cluster, &place, &path, &server);
        shell.args(["-c", &format!("{status_of_guide} --format json")]);
        json(shell.output().unwrap().into())["jobs"][0].clone()
    };
    let is_running = |shard: &&Value| shard["state"] == "running";
    // How far the job is: what time says nothing of, and a machine that is busy otherwise takes longer for.
    let progress = |job: &Value| format!("{} {} pieces", job["states"], job["pieces_done"]);
    let mut node = String::new();
    let half_way = |cluster: &Slurm| {
        let job = status(cluster);
        let shards = job["attention"].as_array().unwrap();
        // The worker that began last is farthest from its end.
        let last = shards.iter().filter(is_running).min_by_key(|shard| shard["silent_s"].as_i64());
        if let Some(last) = last.filter(|_| job["states"]["done"].as_u64().unwrap_or(0) >= 1) {
            let host = last["host"].as_str().unwrap().to_owned();
            // Held, it cannot end between this look at it and its death.
            cluster.hold_node(&host, true);
            std::thread::sleep(Duration::from_millis(300));
            let again = status(cluster)["attention"].clone();
            let is_held = |shard: &Value| shard["shard"] == last["shard"] && is_running(&shard);
            if again.as_array().unwrap().iter().any(is_held) {
                node = host;
                return Ok(None);
            }
            cluster.hold_node(&host, false);
        }
        assert!(job["states"]["done"] != 7, "all shards were done before a node could die");
        Ok(Some(progress(&job)))
    };
    cluster.wait_while_it_changes("the first shard", half_way).unwrap();
    cluster.kill_node(&node).unwrap();
    let cluster = cluster;
    // A task of a dead node is found dead, requeued, and waits.
    let merged = |cluster: &Slurm| {
        let state = cluster.state(&merge)?;
        Ok((state != "COMPLETED").then(|| format!("{state}, {}", progress(&status(cluster)))))
    };
    if let Err(error) = cluster.wait_while_it_changes("the merge", merged) {
        panic!("{error}\n{}", logs(&place));
    }
    assert_eq!(cluster.state(&merge).unwrap(), "COMPLETED", "{}", logs(&place));
    assert_eq!(hashes(&place, &server.env(), &url), local.hashes());
    let objects = open(&server, &url).list("jobs").unwrap();
    let of_tries = |href: &str| href.contains("/shards/") && !href.ends_with("done.json");
    let tries = objects.iter().filter(|object| of_tries(&object.href)).count();
    assert!(tries > 7, "the dead node's shard was begun again: {tries} tries");
    let mut shell = cluster_command(&cluster, &place, &path, &server);
    let said: Ended = shell.args(["-c", &status_of_guide]).output().unwrap().into();
    assert!(said.expect(0).out.contains("published"));

    // One shard by hand is done already, and so is the merge.
    for line in command_of("one-shard").replace(&in_guide, &address).lines() {
        let mut shell = cluster_command(&cluster, &place, &path, &server);
        Ended::from(shell.args(["-c", line]).output().unwrap()).expect(0);
    }
}

fn cluster_command(cluster: &Slurm, place: &Place, path: &str, server: &SeaweedFs) -> Command {
    let mut shell = cluster.command("bash");
    shell.current_dir(place.path("")).env("PATH", path).env("TMPDIR", place.path("")).envs(server.env());
    shell
}

fn logs(place: &Place) -> String {
    let entries = std::fs::read_dir(place.path("logs")).unwrap();
    let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
    texts.collect::<Vec<_>>().join("\n---\n")
}

/// The guide's commands for one machine.
#[test]
fn the_guide_on_one_machine_gives_the_bytes_of_one_run() {
    let (place, scene) = place(SCENE, &[6, 8]);
    place.config("[tiling]\nwindow_px = 32\n");
    let local = place.run(&[&scene], "local", &[]);
    let output = place.text("oak");
    let path = path_to_arpent();
    let run = |line: &str| -> Ended {
        let mut shell = Command::new("bash");
        shell.args(["-c", line]).current_dir(place.path("")).env("PATH", &path).env("TMPDIR", place.path(""));
        shell.output().unwrap().into()
    };
    let planned = command_of("plan").replace(OUTPUT_OF_GUIDE, &output);
    let address = json(run(&format!("{planned} --format json")))["plan"].as_str().unwrap().to_owned();
    let in_guide = plan_of_guide();
    run(&command_of("laptop").replace(&in_guide, &address)).expect(0);
    assert_eq!(Map::at(&place.path("oak")).hashes(), local.hashes());
}
