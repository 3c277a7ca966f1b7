//! `arpent submit` without a cluster: what would be submitted, and processes of this machine.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arpent_job::{PLAN_FORMAT, Plan};
use serde_json::{Value, json};

use crate::common::{Ended, Place};

/// Where the plan of a folder lies.
pub const PLAN: &str = "jobs/5e9f0a3c7b21d486/plan.json";

/// A plan without maps.
pub fn plan(shards: usize) -> Plan {
    let mut plan = Plan {
        format: PLAN_FORMAT.to_owned(),
        id: String::new(),
        software: BTreeMap::new(),
        config: toml::from_str("model = \"m\"").unwrap(),
        group_by_crs: false,
        overwrite: false,
        model_sha256: String::new(),
        model_files: BTreeMap::new(),
        maps: Vec::new(),
        failed_scenes: Vec::new(),
        shards,
    };
    plan.id = arpent_base::hash_of_json(serde_json::to_value(&plan).unwrap());
    plan
}

/// The same as it is stored.
pub fn plan_text(shards: usize) -> String {
    String::from_utf8(plan(shards).to_json().unwrap()).unwrap()
}

/// A folder with a plan of some shards and a program that stands in for arpent.
fn place(shards: usize, program: &str) -> Place {
    let place = Place::empty();
    std::fs::create_dir_all(place.path(PLAN).parent().unwrap()).unwrap();
    place.write(PLAN, &plan_text(shards));
    place.write("fake", &format!("#!/bin/bash\n{program}"));
    std::fs::set_permissions(place.path("fake"), std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

/// Submits with a program that stands in for arpent.
fn submit(place: &Place, executor: &str, more: &[&str]) -> Ended {
    command(place, executor, more).output().unwrap().into()
}

fn command(place: &Place, executor: &str, more: &[&str]) -> Command {
    let words = ["submit", "--plan", PLAN, "--executor", executor, "--program", "./fake"];
    let mut command = place.command(&words);
    command.args(more);
    command
}

/// Checks a script's syntax as bash does.
#[track_caller]
fn assert_bash(script: &str) {
    let mut bash =
        Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
}

/// With this machine's folder, and the plan's id, left out.
fn anonymous(place: &Place, text: &str) -> String {
    with_one_id(&text.replace(place.path("").to_str().unwrap(), "/place/"))
}

/// With one id for plans of any number of shards: it is a hash of all that a plan holds.
fn with_one_id(text: &str) -> String {
    [5, 64].iter().fold(text.to_owned(), |text, shards| text.replace(&plan(*shards).id, "5e9f0a3c7b21d486"))
}

#[test]
fn scripts_for_slurm() {
    let place = place(64, "");
    let few = submit(&place, "slurm", &["--dry-run"]).expect(0).out;
    insta::assert_snapshot!(anonymous(&place, &few));
    #[rustfmt::skip]
    let more = [
        "--dry-run", "--parallel", "8", "--retries", "3", "--threads", "4", "--device", "cpu",
        "--cpu", "4", "--memory", "8G", "--gpu", "1", "--time", "4:00:00", "--partition", "batch", "--account", "maps",
        "--logs", "logs of 100 %", "--export", "PATH,AWS_REGION", "--env-file", "it's secret.env",
        "--sbatch=--qos=low", "--sbatch=--exclude=n1", "--merge-sbatch", "--mem=64G",
    ];
    let all = submit(&place, "slurm", &more).expect(0).out;
    insta::assert_snapshot!(anonymous(&place, &all));
    for script in [&few, &all] {
        assert_bash(script);
    }
    let report = submit(&place, "slurm", &[&more[..], &["--format", "json"]].concat()).expect(0).out;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["shards"], &report["dry_run"]), (&json!(64), &json!(true)));
    for script in ["shards", "merge"] {
        let script = report["scripts"][script].as_str().unwrap();
        assert!(all.contains(script));
        assert_bash(script);
    }
}

#[test]
fn a_folder_of_logs_adds_no_line_to_a_script() {
    let place = place(2, "");
    for logs in ["logs\n#SBATCH --wrap=touch", "logs\r", "a\u{7}b"] {
        let refused = submit(&place, "slurm", &["--dry-run", "--logs", logs]).expect(2);
        assert!(
            refused.err.contains("--logs") && refused.err.contains("without control characters"),
            "{}",
            refused.err
        );
        assert_eq!(refused.out, "");
    }
}

#[test]
fn secrets_get_into_no_script_and_no_manifest() {
    let place = place(2, "");
    std::fs::write(place.path("secret.env"), "AWS_SECRET_ACCESS_KEY=s3cr3t\n").unwrap();
    let printed = |executor: &str, plan: &str, more: &[&str]| {
        let words = ["submit", "--plan", plan, "--executor", executor, "--dry-run", "--format", "json"];
        let mut command = place.command(&words);
        command.args(more).env("AWS_SECRET_ACCESS_KEY", "s3cr3t").env("AWS_ACCESS_KEY_ID", "k3y");
        let ended: Ended = command.output().unwrap().into();
        ended.expect(0).out
    };
    let slurm = printed("slurm", PLAN, &["--env-file", "secret.env", "--export", "AWS_SECRET_ACCESS_KEY"]);
    assert!(!slurm.contains("s3cr3t") && !slurm.contains("k3y"), "{slurm}");
    let ended = submit(&place, "slurm", &["--export", "AWS_SECRET_ACCESS_KEY=s3cr3t", "--dry-run"]).expect(2);
    assert!(ended.err.contains("without values"), "{}", ended.err);
}

#[test]
fn the_former_name_of_the_executor_is_still_read() {
    let place = place(2, "");
    let printed = |option: &str| {
        let words = ["submit", "--plan", PLAN, option, "slurm", "--dry-run", "--format", "json"];
        Ended::from(place.command(&words).output().unwrap()).expect(0).out
    };
    let report = printed("--engine");
    assert_eq!(report, printed("--executor"));
    assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["engine"], "slurm", "keys stay");
}

/// An object store of one object, whatever the request.
struct Store {
    address: String,
}

impl Store {
    fn start(object: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        // Ends with the test's process.
        std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap(), &object)));
        Self { address }
    }

    /// Lets a command use it.
    fn serves<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let settings =
            [("ENDPOINT", self.address.as_str()), ("ALLOW_HTTP", "true"), ("SKIP_SIGNATURE", "true")];
        command
            .envs(settings.map(|(name, value)| (format!("AWS_{name}"), value)))
            .env("AWS_REGION", "us-east-1")
    }
}

/// Answers one request and closes.
fn answer(mut stream: TcpStream, object: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{object}", object.len()).unwrap();
}

const STORED_PLAN: &str = "s3://maps/oak/jobs/5e9f0a3c7b21d486/plan.json";

/// `arpent submit --executor kubernetes` for a plan of 64 shards on an object store.
fn on_kubernetes(place: &Place, more: &[&str]) -> Ended {
    let store = Store::start(plan_text(64));
    let mut command = place.command(&["submit", "--plan", STORED_PLAN, "--executor", "kubernetes"]);
    store.serves(command.args(more)).output().unwrap().into()
}

#[rustfmt::skip]
const ALL_OF_KUBERNETES: &[&str] = &[
    "--image", "registry.example/arpent:0.1", "--namespace", "maps", "--secret", "arpent-s3",
    "--service-account", "mapper", "--parallel", "8", "--cpu", "4", "--memory", "8G", "--gpu", "1", "--scratch", "20G",
    "--max-failed", "3", "--merge-wait-hours", "12", "--retries", "4", "--threads", "3", "--device", "cpu",
];

fn manifests(more: &[&str]) -> Value {
    let printed = on_kubernetes(&Place::empty(), &[more, &["--dry-run"]].concat()).expect(0).out;
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn manifests_for_kubernetes() {
    let of = |more: &[&str]| -> Value {
        serde_json::from_str(&with_one_id(&manifests(more).to_string())).unwrap()
    };
    insta::assert_json_snapshot!(of(&["--image", "registry.example/arpent:0.1"]));
    insta::assert_json_snapshot!(of(ALL_OF_KUBERNETES));
}

/// Schemas know names and types; the words below are checked by the API server alone.
#[test]
fn manifests_use_fields_of_kubernetes() {
    for manifests in [manifests(&["--image", "a"]), manifests(ALL_OF_KUBERNETES)] {
        let jobs = manifests["items"].as_array().unwrap();
        assert_eq!(jobs.len(), 2);
        for job in jobs {
            assert_eq!((&job["apiVersion"], &job["kind"]), (&json!("batch/v1"), &json!("Job")));
            let name = job["metadata"]["name"].as_str().unwrap();
            // A pod's host name has the index behind it.
            assert!(name.len() <= 63 - "-99999".len(), "{name}");
            let (spec, pod) = (&job["spec"], &job["spec"]["template"]["spec"]);
            assert_eq!(spec["podReplacementPolicy"], "Failed");
            // A policy on failures needs it.
            assert_eq!(pod["restartPolicy"], "Never");
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            let container = pod["containers"][0]["name"].as_str().unwrap();
            for rule in spec["podFailurePolicy"]["rules"].as_array().unwrap() {
                let action = rule["action"].as_str().unwrap();
                assert!(["FailJob", "FailIndex", "Ignore", "Count"].contains(&action), "{action}");
                // Only Jobs with a limit per index know FailIndex.
                assert!(action != "FailIndex" || spec["backoffLimitPerIndex"].is_u64());
                let codes = &rule["onExitCodes"];
                assert!(codes.is_null() != rule["onPodConditions"].is_null(), "{rule}");
                if let Some(values) = codes["values"].as_array() {
                    assert_eq!(
                        (&codes["operator"], &codes["containerName"]),
                        (&json!("In"), &json!(container))
                    );
                    let values: Vec<u64> = values.iter().map(|v| v.as_u64().unwrap()).collect();
                    assert!(values.is_sorted_by(|a, b| a < b) && !values.contains(&0), "{values:?}");
                } else {
                    assert_eq!(
                        rule["onPodConditions"],
                        json!([{ "type": "DisruptionTarget", "status": "True" }])
                    );
                }
            }
        }
        let shards = &jobs[0]["spec"];
        assert_eq!((&shards["completionMode"], &shards["completions"]), (&json!("Indexed"), &json!(64)));
        // The limit per index needs an Indexed Job and takes 100,000 indexes at most.
        assert!(shards["maxFailedIndexes"].as_u64() < shards["completions"].as_u64());
        let arguments = &shards["template"]["spec"]["containers"][0]["args"];
        assert!(arguments.as_array().unwrap().contains(&json!("$(JOB_COMPLETION_INDEX)")), "{arguments}");
    }
}

#[test]
fn manifests_fit_the_schemas_of_kubernetes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = root.join(".venv/bin/python");
    let python = if own.exists() { own } else { PathBuf::from("python3") };
    let dir = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = [&["--image", "a"][..], ALL_OF_KUBERNETES]
        .iter()
        .enumerate()
        .map(|(number, more)| {
            let path = dir.path().join(format!("{number}.json"));
            std::fs::write(&path, manifests(more).to_string()).unwrap();
            path
        })
        .collect();
    let script = root.join("scripts/validate_manifests.py");
    let ended: Ended = Command::new(&python).arg(&script).args(&files).output().unwrap().into();
    if ended.code == 3 {
        arpent_testing::skip("kubernetes-schemas", ended.err.trim());
        return;
    }
    let ended = ended.expect(0);
    assert_eq!(ended.out.matches("ok").count(), 2 * 2 * 9, "{}", ended.out);

    // A name that is not in the schema, and a word where a number is wanted, are seen.
    for (from, to) in
        [("\"completionMode\"", "\"completeMode\""), ("\"completions\":64", "\"completions\":\"64\"")]
    {
        let broken = std::fs::read_to_string(&files[0]).unwrap();
        assert!(broken.contains(from), "{broken}");
        let path = dir.path().join("broken.json");
        std::fs::write(&path, broken.replace(from, to)).unwrap();
        let ended: Ended = Command::new(&python).arg(&script).arg(&path).output().unwrap().into();
        ended.expect(1);
    }
}

#[test]
fn manifests_are_given_to_kubectl() {
    let place = Place::empty();
    place
        .write("kubectl", "#!/bin/bash\necho \"$*\" > words; cat > applied.json; echo job.batch/x created\n");
    std::fs::set_permissions(place.path("kubectl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", place.text(""), std::env::var("PATH").unwrap());
    let store = Store::start(plan_text(64));
    let submit = |path: &str| -> Ended {
        let words =
            ["submit", "--plan", STORED_PLAN, "--executor", "kubernetes", "--image", "a", "--format", "json"];
        let mut command = place.command(&words);
        store.serves(&mut command).env("PATH", path).output().unwrap().into()
    };
    let report: Value = serde_json::from_str(&submit(&path).expect(0).out).unwrap();
    assert_eq!(
        report["jobs"],
        json!({
            "shards": format!("arpent-{}-shards", plan(64).id),
            "merge": format!("arpent-{}-merge", plan(64).id),
        })
    );
    assert_eq!(std::fs::read_to_string(place.path("words")).unwrap(), "apply --filename=-\n");
    let applied: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("applied.json")).unwrap()).unwrap();
    assert_eq!(applied, manifests(&["--image", "a"]));

    place.write("kubectl", "#!/bin/bash\necho 'jobs are forbidden' >&2; exit 1\n");
    let ended = submit(&path).expect(2);
    assert!(ended.err.contains("jobs are forbidden"), "{}", ended.err);
    let ended = submit("/nowhere").expect(2);
    assert!(ended.err.contains("cannot run kubectl") && ended.err.contains("\"hint\":"), "{}", ended.err);
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let place = place(2, "");
    let refused = |executor: &str, more: &[&str], said: &str| {
        let ended = submit(&place, executor, &[more, &["--dry-run"]].concat()).expect(2);
        assert!(ended.err.contains(said) && ended.err.contains("hint: "), "{}", ended.err);
    };
    refused("local", &["--cpu", "2"], "options for Slurm and Kubernetes");
    refused("local", &["--partition", "p"], "options for Slurm");
    refused("slurm", &["--image", "a"], "options for Kubernetes");
    refused("kubernetes", &["--time", "1:00:00", "--image", "a"], "options for Slurm");
    refused("kubernetes", &["--image", "a"], "in a folder of this machine");
    refused("kubernetes", &[], "needs an image");
    std::fs::remove_file(place.path(PLAN)).unwrap();
    refused("local", &[], "there is no plan");
}

/// A plan is read with the checks of those who work on it.
#[test]
fn plans_that_no_worker_would_take_are_refused() {
    let place = place(2, "");
    let good = plan_text(2);
    let refused = |text: &str, said: &str| {
        place.write(PLAN, text);
        let ended = submit(&place, "local", &["--dry-run"]).expect(2);
        assert!(ended.err.contains(said) && ended.err.contains("hint: "), "{}", ended.err);
    };
    refused("{", "cannot be read as a plan");
    refused(
        r#"{"format": "arpent-plan/1", "id": "5e9f0a3c7b21d486", "shards": 3}"#,
        "cannot be read as a plan",
    );
    refused(&good.replace("arpent-plan/1", "arpent-plan/2"), "arpent-plan/2");
    refused(&good.replace("\"shards\": 2", "\"shards\": 3"), "was changed after it was written");
    refused(&plan_text(0), "it has 0 shards");
    refused(&plan_text(10_001), "it has 10001 shards");
    refused(&good.replace("\"software\": {}", "\"software\": { \"gdal\": \"0.1\" }"), "gdal 0.1");
    let file = std::fs::File::create(place.path(PLAN)).unwrap();
    file.set_len(3 << 30).unwrap();
    let ended = submit(&place, "local", &["--dry-run"]).expect(2);
    assert!(ended.err.contains("is larger than") && ended.err.contains("hint: "), "{}", ended.err);
    for address in ["plan.json", "s3://bucket/"] {
        let ended = Ended::from(
            place.command(&["submit", "--plan", address, "--executor", "local"]).output().unwrap(),
        )
        .expect(2);
        assert!(ended.err.contains("is not the address of a plan"), "{}", ended.err);
    }
}

/// What the jobs of a cluster get: the bytes that stand in the file, and nothing that it would do.
#[test]
fn variables_of_a_file_reach_a_worker_as_they_are() {
    let place = place(1, r#"printf '%s' "$KEY" > found; [[ $1 == worker ]] || exit 3"#);
    let key = r#"ab&c;d$HOME`touch never`"x"'y' z==#"#;
    place.write("secret.env", &format!("# a comment\nKEY={key}\n"));
    let told =
        submit(&place, "slurm", &["--dry-run", "--format", "json", "--env-file", "secret.env"]).expect(0);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-c", told["scripts"]["shards"].as_str().unwrap()]).current_dir(place.path(""));
    let ended: Ended = bash.env("SLURM_ARRAY_TASK_ID", "0").output().unwrap().into();
    ended.expect(0);
    assert_eq!(std::fs::read_to_string(place.path("found")).unwrap(), key);
    assert!(!place.path("never").exists());

    place.write("secret.env", "KEY=a\ntouch never s3cr3t\n");
    let ended = submit(&place, "slurm", &["--dry-run", "--env-file", "secret.env"]).expect(2);
    assert!(
        ended.err.contains("secret.env, line 2: NAME=VALUE") && !ended.err.contains("s3cr3t"),
        "{}",
        ended.err
    );
}

/// Stands in for arpent: `ends-INDEX` holds the exit codes of a shard's tries.
const FAKE: &str = r#"
echo "$*" >> calls
while (($#)) && [[ $1 != --index ]]; do shift; done
index=${2:-merge}
trap '[[ -z $! ]] || kill $!; echo "$index" >> told; exit 75' TERM
echo x >> "tries-$index"
ends=($(cat "ends-$index" 2>/dev/null))
end=${ends[$(($(wc -l < "tries-$index") - 1))]:-0}
if [[ $end == wait ]]; then sleep 600 & touch "ready-$index"; wait $!; fi
exit "$end"
"#;

fn lines(place: &Place, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(place.path(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn this_machine_runs_all_shards_and_the_merge() {
    let place = place(5, FAKE);
    place.write("ends-3", "75 0");
    let told = submit(&place, "local", &["--parallel", "2", "--threads", "1", "--dry-run"]).expect(0).out;
    insta::assert_snapshot!(anonymous(&place, &told));
    assert!(lines(&place, "calls").is_empty());

    let ended = submit(&place, "local", &["--parallel", "2", "--threads", "1", "--format", "json"]).expect(0);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&report["done"], &report["merged"]), (&json!(5), &json!(true)));
    let calls = lines(&place, "calls");
    // What was printed is what is run: each command, and one of them twice.
    let mut distinct: Vec<String> = calls.iter().map(|call| format!("./fake {call}")).collect();
    distinct.sort();
    distinct.dedup();
    let mut expected: Vec<&str> = told.lines().filter(|line| !line.starts_with('#')).collect();
    expected.sort_unstable();
    assert_eq!(distinct, expected);
    assert_eq!(calls.len(), 7);
    assert!(calls.last().unwrap().starts_with("merge"));
    assert!(ended.err.contains("shard 3: exit code 75, try 1 of 6"), "{}", ended.err);
}

#[test]
fn a_shard_that_fails_for_good_stops_this_machine() {
    let place = place(9, FAKE);
    place.write("ends-1", "2");
    let ended = submit(&place, "local", &["--format", "json"]).expect(2);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["failed"], json!([{ "index": 1, "exit_code": 2 }]));
    assert_eq!((&report["done"], &report["merged"]), (&json!(1), &json!(false)));
    assert_eq!(lines(&place, "calls").len(), 2);
}

#[test]
fn tries_end() {
    let place = place(1, FAKE);
    place.write("ends-0", "75 75");
    submit(&place, "local", &["--retries", "1"]).expect(75);
    assert_eq!(lines(&place, "calls").len(), 2);
    place.write("ends-merge", "2");
    submit(&place, "local", &["--retries", "1"]).expect(2);
}

#[test]
fn a_killed_worker_is_run_again() {
    let place = place(1, "[[ $1 == merge || -e once ]] && exit 0; touch once; kill -9 $$");
    let ended = submit(&place, "local", &[]).expect(0);
    assert!(ended.err.contains("exit code 137"), "{}", ended.err);
}

#[test]
fn signals_are_passed_on() {
    for signal in ["TERM", "INT", "HUP"] {
        let place = place(4, FAKE);
        place.write("ends-0", "wait");
        place.write("ends-1", "wait");
        let mut child = command(&place, "local", &["--parallel", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !(place.path("ready-0").exists() && place.path("ready-1").exists()) {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(20));
        }
        let sent =
            Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let ended: Ended = child.wait_with_output().unwrap().into();
        ended.expect(75);
        let mut told = lines(&place, "told");
        told.sort();
        assert_eq!(told, ["0", "1"]);
        assert_eq!(lines(&place, "calls").len(), 2);
    }
}

/// The blocks of the guide that hold a command of ours, by the word after `sh`.
pub fn guide() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/guides/many-machines.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh ").skip(1).map(|block| block.split("```").next().unwrap());
    let blocks = blocks.map(|block| block.split_once('\n').unwrap());
    blocks.map(|(name, lines)| (name.trim().to_owned(), lines.replace("\\\n", " "))).collect()
}

#[test]
fn the_guide_submits_with_options_that_there_are() {
    let place = place(64, "");
    let store = Store::start(plan_text(64));
    let folder = Path::new(env!("CARGO_BIN_EXE_arpent")).parent().unwrap().to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut executors = Vec::new();
    for (name, lines) in guide() {
        for line in lines.lines().filter(|line| line.starts_with("arpent submit")) {
            assert!(line.contains(STORED_PLAN), "{line}");
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("{line} --dry-run")]).current_dir(place.path("")).env("PATH", &path);
            let ended: Ended = store.serves(&mut shell).output().unwrap().into();
            assert!(ended.expect(0).out.contains(STORED_PLAN));
            executors.push(name.clone());
        }
    }
    assert_eq!(executors, ["laptop", "slurm", "kubernetes"]);
}
