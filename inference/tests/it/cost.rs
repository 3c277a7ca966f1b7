//! What a job will take, may take, and took.

use std::path::Path;

use arpent_base::number::exact;
use arpent_publish::Target;
use arpent_raster::Window;
use arpent_testing::Picture;
use arpent_testing::faults::{FaultProxy, Faults};
use arpent_testing::servers::SeaweedFs;
use serde_json::Value;

use crate::common::{Ended, Map, Place};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 420, 380);

const COST: &str = r#"
currency = "EUR"
machine_hour = { value = 36.0, source = "contract", year = 2026 }
energy_kwh = { value = 0.2, source = "bill", year = 2025 }
carbon_intensity = { value = 50.0, source = "RTE", year = 2024 }
embodied_g_per_hour = { value = 3600.0, source = "Boavizta", year = 2025 }
"#;

fn place() -> (Place, String) {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(3, 5), SCENE);
    place.write("cost.toml", COST);
    (place, scene)
}

fn plan(place: &Place, scene: &str, more: &[&str]) -> Value {
    let words =
        ["plan", "run.toml", "--scene", scene, "--window", "64", "--output", "out", "--format", "json"];
    let ended = place.arpent(&[&words[..], more].concat()).expect(0);
    serde_json::from_str(&ended.out).unwrap()
}

fn run(place: &Place, scene: &str, output: &str, more: &[&str]) -> Ended {
    let words = ["run", "run.toml", "--scene", scene, "--window", "64", "--output", output];
    place.arpent(&[&words[..], more].concat())
}

#[track_caller]
fn is_near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= 1e-4 * expected.abs() + 1e-9, "{found}, expected {expected}");
}

#[test]
fn a_plan_without_observations_gives_bounds_and_says_so() {
    let (place, scene) = place();
    let cost = &plan(&place, &scene, &["--cost", "cost.toml"])["cost"];
    assert_eq!((&cost["basis"], &cost["pixels"]), (&"network".into(), &(420 * 380).into()));
    // 0.2 m pixels.
    is_near(&cost["km2"], 420.0 * 380.0 * 0.04 / 1e6);
    let of = |name: &str| &cost["quantities"][name];
    for name in ["hours", "cpu_hours", "money"] {
        assert!(of(name)["expected"].is_null() && of(name)["low"].as_f64().unwrap() >= 0.0, "{name}: {cost}");
    }
    // An assumed power is no lower bound.
    for name in ["kwh", "gco2e"] {
        assert!(of(name)["expected"].is_null() && of(name)["low"].is_null(), "{name}: {cost}");
    }
    assert!(of("kwh")["from"].as_str().unwrap().contains("10 W per busy core"), "{cost}");
    assert!(cost.get("carbon").is_none(), "{cost}");
    assert!(of("memory_mb")["high"].as_f64().unwrap() > 100.0);
    // Read to be predicted, and to be hashed.
    let size = std::fs::metadata(&scene).unwrap().len();
    is_near(&of("bytes_read_local")["expected"], 2.0 * exact(size));
    assert!(of("bytes_written")["expected"].is_null());
    assert!(cost["money"]["prices"]["machine_hour"]["source"] == "contract", "{cost}");
    let text = place.arpent(&["plan", "run.toml", "--scene", &scene]).expect(0).out;
    assert!(text.contains("at least") && text.contains("the network alone"), "{text}");
}

#[test]
fn a_job_is_recorded_and_the_next_plan_of_its_kind_rests_on_it() {
    let (place, scene) = place();
    run(&place, &scene, "first", &[]).expect(0);
    let rates = std::fs::read_to_string(place.path("rates.jsonl")).unwrap();
    let recorded: Value = serde_json::from_str(rates.trim()).unwrap();
    let amounts = &recorded["amounts"];
    // The same scene: the same amounts.
    let cost = &plan(&place, &scene, &[])["cost"];
    assert_eq!(cost["basis"], "recorded");
    let of = |name: &str| &cost["quantities"][name]["expected"];
    is_near(of("hours"), amounts["seconds"].as_f64().unwrap() / 3600.0);
    is_near(of("kwh"), amounts["watt_hours"].as_f64().unwrap() / 1000.0);
    is_near(of("bytes_written"), amounts["bytes_published"].as_f64().unwrap());
    // Half the pixels: half of it.
    let half = place.draw("half.tif", &Picture::new(3, 5), Window::new(SCENE.col, SCENE.row, 420, 190));
    let of_half = &plan(&place, &half, &[])["cost"];
    is_near(&of_half["quantities"]["hours"]["expected"], of("hours").as_f64().unwrap() / 2.0);
    // Other settings are another kind, unless an output is named.
    place.config("[features]\nformats = [\"geojson\"]\n");
    assert_eq!(plan(&place, &scene, &[])["cost"]["basis"], "network");
    let named = plan(&place, &scene, &["--rates", "first"]);
    assert!(named["cost"]["basis_text"].as_str().unwrap().contains("other settings"), "{named}");
    let words = ["plan", "run.toml", "--scene", &scene, "--rates", "rates.jsonl"];
    let refused = place.arpent(&words).expect(2);
    assert!(
        refused.err.contains("no job with this model") && refused.err.contains("hint: "),
        "{}",
        refused.err
    );
}

#[test]
fn a_probe_runs_the_job_in_places_and_leaves_nothing() {
    let (place, scene) = place();
    let report = plan(&place, &scene, &["--probe=1s", "--cost", "cost.toml"]);
    let cost = &report["cost"];
    assert_eq!(cost["basis"], "probe");
    let observed = cost["observed_pixels"].as_array().unwrap();
    assert!(!observed.is_empty() && observed.iter().all(|px| px.as_u64().unwrap() > 0), "{cost}");
    for name in [
        "hours",
        "cpu_hours",
        "kwh",
        "gco2e",
        "money",
        "bytes_written",
        "bytes_of_pieces",
        "bytes_read_local",
    ] {
        assert!(cost["quantities"][name]["expected"].as_f64().unwrap() > 0.0, "{name}: {cost}");
    }
    assert!(place.is_clean("out") && !place.path("rates.jsonl").exists());
}

/// The files of a map, but for the manifest.
fn files(place: &Place, output: &str) -> Vec<(String, String)> {
    Map::at(&place.path(output)).hashes()
}

#[test]
fn a_budget_ends_a_run_which_goes_on_to_the_same_map() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(3, 5), Window::new(SCENE.col, SCENE.row, 1500, 1400));
    run(&place, &scene, "whole", &["--threads", "1"]).expect(0);
    std::fs::remove_file(place.path("rates.jsonl")).unwrap();
    let (mut stops, mut done) = (0, Vec::new());
    for step in 0u32..40 {
        let budget = format!("{}s", 0.001 + 0.05 * f64::from(step * step));
        let ended = run(&place, &scene, "out", &["--threads", "1", "--budget", &budget, "--format", "json"]);
        if ended.code == 0 {
            break;
        }
        let ended = ended.expect(3);
        let error: Value = serde_json::from_str(ended.err.lines().last().unwrap()).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("stopped at the budget of") && message.contains("pieces ("), "{message}");
        assert_eq!(error["error"]["code"], 3);
        assert!(place.shows_nothing("out"));
        let number =
            message.split(": ").nth(1).and_then(|text| text.split(' ').next()).unwrap().parse::<usize>();
        done.push(number.unwrap());
        assert!(
            done.iter().rev().nth(1).is_none_or(|before| before < &done[done.len() - 1]),
            "no progress: {done:?}"
        );
        stops += 1;
    }
    assert!(stops > 0 && done[0] > 0, "{done:?}");
    let map = Map::at(&place.path("out"));
    assert_eq!(files(&place, "out"), files(&place, "whole"));
    // What the stopped commands took is in the ledger of the map.
    let ledger = &map.manifest["ledger"];
    assert_eq!(ledger["others"], stops);
    // An interrupted job is no measure of others, but for its end.
    let rates = std::fs::read_to_string(place.path("rates.jsonl")).unwrap();
    let recorded: Value = serde_json::from_str(rates.trim()).unwrap();
    assert!(recorded["resumed"] == true && recorded["closing_s"].as_f64().unwrap() > 0.0, "{recorded}");
    assert_eq!(self::plan(&place, &scene, &["--threads", "1"])["cost"]["basis"], "network");
    // The end is known to take longer than the budget: once all pieces are there, it is done nevertheless.
    let mut codes = Vec::new();
    for _ in 0..60 {
        codes.push(run(&place, &scene, "again", &["--threads", "1", "--budget", "0.001s"]).code);
        if codes.last() != Some(&3) {
            break;
        }
    }
    assert_eq!(codes.last(), Some(&0), "{codes:?}");
    assert_eq!(files(&place, "again"), files(&place, "whole"));
}

#[test]
fn a_budget_ends_a_worker_and_its_shard_waits_for_the_next() {
    let place = Place::new();
    place.write("cost.toml", COST);
    let scene = place.draw("a.tif", &Picture::new(3, 5), Window::new(SCENE.col, SCENE.row, 1500, 1400));
    run(&place, &scene, "whole", &[]).expect(0);
    let plan = place.plan(&[&scene], "out", 1, &["--window", "64"]);
    let words = ["worker", "--plan", &plan, "--index", "0", "--budget", "0.001s"];
    let stopped = place.arpent(&words).expect(3);
    assert!(
        stopped.err.contains("stopped at the budget") && stopped.err.contains("hint: "),
        "{}",
        stopped.err
    );
    let status = place.arpent(&["status", &plan, "--format", "json"]).expect(0);
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["jobs"][0]["states"]["waiting"], 1);
    place.worker(&plan, 0).expect(0);
    place.arpent(&["merge", "--plan", &plan, "--cost", "cost.toml"]).expect(0);
    assert_eq!(files(&place, "out"), files(&place, "whole"));
    let ledger = Map::at(&place.path("out")).manifest["ledger"].clone();
    assert_eq!(ledger["others"], 2);
    assert!(ledger["stages"]["predict"]["cpu_s"].as_f64().unwrap() > 0.0, "of the worker: {ledger}");
    assert!(ledger["money"]["amount"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_budget_in_money_needs_prices() {
    let (place, scene) = place();
    let refused = run(&place, &scene, "out", &["--budget", "10EUR"]).expect(2);
    assert!(refused.err.contains("needs prices") && refused.err.contains("--cost FILE"), "{}", refused.err);
    let refused = run(&place, &scene, "out", &["--budget", "10USD", "--cost", "cost.toml"]).expect(2);
    assert!(refused.err.contains("the prices are in EUR"), "{}", refused.err);
    run(&place, &scene, "out", &["--budget", "10 parsecs"]).expect(2);
    place.write(
        "traffic.toml",
        "currency = \"EUR\"\nreceived_gb = { value = 0.1, source = \"list\", year = 2026 }\n",
    );
    let refused = run(&place, &scene, "out", &["--budget", "10EUR", "--cost", "traffic.toml"]).expect(2);
    assert!(refused.err.contains("not watched") && refused.err.contains("machine_hour"), "{}", refused.err);
    assert!(place.is_clean("out"));
    run(&place, &scene, "out", &["--budget", "10EUR", "--cost", "cost.toml"]).expect(0);
}

#[test]
fn the_ledger_adds_up_and_changes_no_file() {
    let (place, scene) = place();
    run(&place, &scene, "out", &["--cost", "cost.toml"]).expect(0);
    run(&place, &scene, "again", &[]).expect(0);
    assert_eq!(files(&place, "out"), files(&place, "again"));
    let map = Map::at(&place.path("out"));
    let ledger = &map.manifest["ledger"];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} in {ledger}"));
    let stages = ledger["stages"].as_object().unwrap();
    let sum = |key: &str| stages.values().map(|stage| number(&stage[key])).sum::<f64>();
    let watt_hours = number(&ledger["watt_hours"]);
    assert!((sum("watt_hours") - watt_hours).abs() <= 1e-5 + 0.01 * watt_hours, "{ledger}");
    assert!(sum("cpu_s") >= number(&ledger["cpu_s"]) - 0.02, "{ledger}");
    let phases = ledger["phases_s"].as_object().unwrap();
    let elapsed: f64 = phases.values().map(&number).sum();
    assert!((elapsed - number(&ledger["seconds"])).abs() < 0.05 + 0.1 * elapsed, "{ledger}");
    // The scene was read, and read whole for its hash.
    let size = exact(std::fs::metadata(&scene).unwrap().len());
    assert!(
        number(&stages["open"]["bytes_read"]) >= size && number(&stages["read"]["bytes_read"]) >= 0.5 * size,
        "{ledger}"
    );
    let sizes = map.manifest["artifacts"].as_array().unwrap().iter().map(|a| number(&a["size"]));
    is_near(&stages["publish"]["bytes_written"], sizes.sum());
    assert!(number(&stages["keep"]["bytes_written"]) > 0.0);
    assert_eq!(ledger["traffic"]["output_requests"], 0);
    // 36 EUR and 3600 g an hour are a cent and a gram a second.
    let seconds = number(&ledger["seconds"]);
    assert!((number(&ledger["money"]["amount"]) - 0.01 * seconds).abs() < 1e-3 + 1e-3 * seconds, "{ledger}");
    let carbon = &ledger["carbon"];
    is_near(&carbon["total_g"], watt_hours / 1000.0 * 50.0 + seconds);
    is_near(&carbon["sci_g_per_km2"], number(&carbon["total_g"]) / number(&ledger["km2"]));
    let shown = place.arpent(&["inspect", "out"]).expect(0).out;
    for words in ["per km2", "per feature", "(SCI)", "predict:", "EUR"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn a_boamps_record_is_written_of_a_map_and_refused_of_others() {
    let (place, scene) = place();
    run(&place, &scene, "out", &["--cost", "cost.toml"]).expect(0);
    let words = ["report", "out", "--boamps", "--country", "France"];
    let record: Value = serde_json::from_str(&place.arpent(&words).expect(0).out).unwrap();
    assert_eq!(record["environment"]["powerSourceCarbonIntensity"], 50.0);
    let ledger = Map::at(&place.path("out")).manifest["ledger"].clone();
    is_near(&record["measures"][0]["powerConsumption"], ledger["watt_hours"].as_f64().unwrap() / 1000.0);
    place.arpent(&[&words[..], &["--output", "record.json"]].concat()).expect(0);
    let written: Value = serde_json::from_slice(&std::fs::read(place.path("record.json")).unwrap()).unwrap();
    assert_eq!(written, record);
    without_ledger(&place.path("out/manifest.json"));
    let refused = place.arpent(&words).expect(2);
    assert!(refused.err.contains("does not say what its computation took"), "{}", refused.err);
}

/// A manifest as earlier versions wrote it.
fn without_ledger(manifest: &Path) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("ledger");
    std::fs::write(manifest, value.to_string()).unwrap();
}

#[test]
fn a_table_without_a_source_is_refused_with_its_line() {
    let (place, scene) = place();
    place.write("cost.toml", "\ncarbon_intensity = { value = 21.7, year = 2024 }\n");
    let refused = run(&place, &scene, "out", &["--cost", "cost.toml"]).expect(2);
    assert!(refused.err.contains("cost.toml") && refused.err.contains("line 2"), "{}", refused.err);
    assert!(refused.err.contains("source"), "{}", refused.err);
}

#[test]
fn requests_are_those_that_a_proxy_counts() {
    let Some(server) = SeaweedFs::start() else { return };
    let (place, scene) = place();
    let variables = server.env();
    let lookup = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let target = Target::parse_with(&server.url("scenes"), &lookup).unwrap();
    target.replace("a.tif", std::fs::read(&scene).unwrap(), "image/tiff").unwrap();
    let proxy = FaultProxy::start(server.address(), Faults::none());
    let (remote, output) = (server.url("scenes/a.tif"), server.url("out"));
    let words =
        ["run", "run.toml", "--scene", &remote, "--window", "64", "--output", &output, "--format", "json"];
    let ended = place.command(&words).envs(server.env_by_way_of(proxy.address())).output().unwrap();
    let report: Value = serde_json::from_str(&Ended::from(ended).expect(0).out).unwrap();
    let traffic = &report["maps"][0]["ledger"]["traffic"];
    let number = |key: &str| traffic[key].as_u64().unwrap();
    let (counted, seen) = (number("scene_requests") + number("output_requests"), proxy.requests());
    // The first and the last looks at the output come before and after the ledger.
    assert!(counted <= seen && seen <= counted + counted / 4 + 16, "{seen} requests, {traffic}");
    let size = std::fs::metadata(&scene).unwrap().len();
    assert!(number("scene_requests") > 0 && number("scene_bytes") >= size / 2, "{traffic}");
    let published = report["maps"][0]["ledger"]["stages"]["publish"]["bytes_written"].as_u64().unwrap();
    assert!(number("output_bytes") >= published, "{traffic}");
    // A plan of the same job names requests.
    let words =
        ["plan", "run.toml", "--scene", &remote, "--window", "64", "--output", &output, "--format", "json"];
    let ended = place.command(&words).envs(server.env()).output().unwrap();
    let plan: Value = serde_json::from_str(&Ended::from(ended).expect(0).out).unwrap();
    let expected = plan["cost"]["quantities"]["requests"]["expected"].as_f64().unwrap();
    assert!((expected - exact(counted)).abs() <= 0.25 * exact(counted), "{expected}, {traffic}");
}
