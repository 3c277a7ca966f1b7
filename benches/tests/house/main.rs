//! Automatic checks of the repository's rules: allowed dependencies, size limits, forbidden files. Each failure lists
//! all violations, so that one run shows everything to fix.

mod rooms;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Layer of every workspace member and the members that it may have as normal dependencies, all of lower layers.
/// `arpent-testing` is outside of the layers: only dev-dependencies may refer to it.
const HOUSE: &[(&str, u8, &[&str])] = &[
    ("arpent-base", 0, &[]),
    ("arpent-raster", 1, &["arpent-base"]),
    ("arpent-engine", 0, &[]),
    ("arpent-shell", 1, &["arpent-base"]),
    ("arpent-submit", 2, &["arpent-base", "arpent-shell"]),
    ("arpent-viewer", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-qgis", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-tiling", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-gdal", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-model", 2, &["arpent-base", "arpent-raster", "arpent-engine"]),
    ("arpent-vector", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-metrics", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-testing", 2, &["arpent-base", "arpent-raster"]),
    ("arpent-datasets", 3, &["arpent-base", "arpent-raster", "arpent-gdal"]),
    ("arpent-tiles", 2, &["arpent-base"]),
    ("arpent-sampling", 1, &["arpent-base"]),
    ("arpent-review", 2, &["arpent-base", "arpent-sampling"]),
    ("arpent-change", 3, &["arpent-base", "arpent-raster", "arpent-sampling", "arpent-vector"]),
    ("arpent-publish", 3, &["arpent-base", "arpent-raster", "arpent-tiles", "arpent-vector"]),
    (
        "arpent-job",
        4,
        &[
            "arpent-base",
            "arpent-shell",
            "arpent-raster",
            "arpent-tiling",
            "arpent-gdal",
            "arpent-model",
            "arpent-vector",
            "arpent-change",
            "arpent-publish",
            "arpent-review",
            "arpent-sampling",
            "arpent-metrics",
            "arpent-datasets",
            "arpent-viewer",
            "arpent-qgis",
        ],
    ),
    (
        "arpent-train",
        4,
        &[
            "arpent-base",
            "arpent-shell",
            "arpent-raster",
            "arpent-model",
            "arpent-metrics",
            "arpent-datasets",
        ],
    ),
    ("arpent-cli", 5, &["arpent-base", "arpent-shell", "arpent-submit", "arpent-model", "arpent-job"]),
    (
        "arpent",
        6,
        &[
            "arpent-base",
            "arpent-shell",
            "arpent-cli",
            "arpent-raster",
            "arpent-gdal",
            "arpent-model",
            "arpent-publish",
            "arpent-review",
            "arpent-submit",
            "arpent-viewer",
            "arpent-job",
        ],
    ),
    (
        "arpent-benches",
        7,
        &[
            "arpent-base",
            "arpent-shell",
            "arpent-raster",
            "arpent-engine",
            "arpent-tiling",
            "arpent-gdal",
            "arpent-model",
            "arpent-vector",
            "arpent-metrics",
            "arpent-datasets",
            "arpent-publish",
            "arpent-job",
            "arpent-train",
            "arpent-cli",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("benches/ has a parent").to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs cargo in the workspace and returns what it printed.
fn cargo(args: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(args).current_dir(root()).output().expect("cargo starts");
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The workspace's packages in `cargo metadata`.
fn members() -> Vec<Value> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Every file below `folder`, except build outputs.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a readable folder entry").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|p| !p.ends_with("target"))
        .flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] })
        .collect();
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    let folders = ["crates", "datasets", "inference", "training", "benches"];
    let all = folders.iter().flat_map(|folder| files(&root().join(folder)));
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn in_tests(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Number of lines before the unit tests at the end of a file.
fn lines_without_tests(source: &str) -> usize {
    let lines: Vec<&str> = source.lines().collect();
    let is_tail =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(is_tail).unwrap_or(lines.len())
}

#[track_caller]
fn assert_none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

/// The reason why `dependency` is not allowed in `member`'s manifest, if it is not.
fn broken_edge(member: &str, dependency: &Value) -> Option<String> {
    let layers: BTreeMap<&str, u8> = HOUSE.iter().map(|(name, layer, _)| (*name, *layer)).collect();
    let target = text(dependency, "name");
    let target_layer = layers.get(target)?;
    let allowed = HOUSE.iter().find(|(name, ..)| *name == member)?.2;
    let fine = match dependency["kind"].as_str() {
        Some("dev") => target == "arpent-testing" || *target_layer <= layers[member],
        _ => allowed.contains(&target),
    };
    (!fine).then(|| format!("{member} -> {target} ({})", dependency["kind"].as_str().unwrap_or("normal")))
}

#[test]
fn dependencies_point_downwards() {
    let members = members();
    let edges = members.iter().flat_map(|member| {
        let dependencies = member["dependencies"].as_array().expect("dependencies");
        dependencies.iter().filter_map(|dependency| broken_edge(text(member, "name"), dependency))
    });
    assert_none(&edges.collect::<Vec<_>>(), "dependencies that the table does not allow");
}

#[test]
fn the_table_allows_only_lower_layers() {
    let layers: BTreeMap<&str, u8> = HOUSE.iter().map(|(name, layer, _)| (*name, *layer)).collect();
    let upward =
        HOUSE.iter().filter(|(name, ..)| *name != "arpent-testing").flat_map(|(name, layer, allowed)| {
            let wrong = allowed.iter().filter(|target| layers[*target] >= *layer);
            wrong.map(move |target| format!("{name} -> {target}"))
        });
    assert_none(&upward.collect::<Vec<_>>(), "dependencies in the table that are not on a lower layer");
}

#[test]
fn an_upward_edge_is_found() {
    let upward = serde_json::json!({ "name": "arpent-publish", "kind": null });
    assert!(broken_edge("arpent-raster", &upward).is_some());
    let testing = serde_json::json!({ "name": "arpent-testing", "kind": null });
    assert!(broken_edge("arpent", &testing).is_some());
    let dev = serde_json::json!({ "name": "arpent-testing", "kind": "dev" });
    assert!(broken_edge("arpent", &dev).is_none());
}

#[test]
fn every_member_is_in_the_table() {
    let members = members();
    let unknown = members.iter().map(|member| text(member, "name").to_owned());
    let unknown = unknown.filter(|name| !HOUSE.iter().any(|(known, ..)| known == name));
    assert_none(&unknown.collect::<Vec<_>>(), "members without a layer");
    let gone = HOUSE.iter().filter(|(name, ..)| !members.iter().any(|member| text(member, "name") == *name));
    assert_none(
        &gone.map(|(name, ..)| (*name).to_owned()).collect::<Vec<_>>(),
        "layers of crates that do not exist",
    );
}

#[test]
fn every_member_uses_the_workspace_lints() {
    let members = members();
    let manifests = members.iter().map(|member| PathBuf::from(text(member, "manifest_path")));
    let bare = manifests.filter(|manifest| !read(manifest).contains("[lints]\nworkspace = true"));
    assert_none(
        &bare.map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "no `lints.workspace = true`",
    );
}

#[test]
fn source_files_stay_short() {
    let long = rust_files().into_iter().filter(|path| !in_tests(path)).filter_map(|path| {
        let lines = lines_without_tests(&read(&path));
        (lines > 600).then(|| format!("{}: {lines} lines", path.display()))
    });
    assert_none(&long.collect::<Vec<_>>(), "more than 600 lines without tests");
}

/// The program only connects: what may be written is `arpent-cli`'s, what a command does is `arpent-job`'s.
#[test]
fn the_program_stays_thin() {
    let source = root().join("inference/src");
    let lines = |path: &PathBuf| read(path).lines().count();
    let all = files(&source);
    let sum: usize = all.iter().map(lines).sum();
    assert!((1..3000).contains(&sum), "{}: {sum} lines, limit 3000", source.display());
    let commands = all.iter().filter(|path| path.starts_with(source.join("commands")));
    let long = commands.filter_map(|path| {
        let lines = lines_without_tests(&read(path));
        (lines > 120).then(|| format!("{}: {lines} lines", path.display()))
    });
    assert_none(&long.collect::<Vec<_>>(), "commands of more than 120 lines without tests");
}

#[test]
fn unit_tests_are_not_counted() {
    assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
    assert_eq!(lines_without_tests("a\n#[cfg(test)]\nuse b;\nc\n"), 4);
}

#[test]
fn the_architecture_page_and_the_scripts_stay_short() {
    let mut pages: Vec<(PathBuf, usize)> =
        files(&root().join("scripts")).into_iter().map(|path| (path, 60)).collect();
    pages.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "sh"));
    assert!(!pages.is_empty(), "no scripts found");
    pages.push((root().join(".ci/run"), 60));
    pages.push((root().join("ARCHITECTURE.md"), 150));
    let long = pages.into_iter().filter_map(|(path, limit)| {
        let lines = read(&path).lines().count();
        (lines > limit).then(|| format!("{}: {lines} lines, limit {limit}", path.display()))
    });
    assert_none(&long.collect::<Vec<_>>(), "too long");
}

#[test]
fn the_justfile_stays_short() {
    let justfile = read(&root().join("justfile"));
    let is_recipe = |line: &&str| {
        line.starts_with(|c: char| c.is_ascii_lowercase())
            && line.split_once(':').is_some_and(|(_, rest)| !rest.starts_with('='))
    };
    let recipes: Vec<&str> = justfile.lines().filter(is_recipe).filter(|l| !l.starts_with("set ")).collect();
    assert!((1..=23).contains(&recipes.len()), "{} recipes: {recipes:#?}", recipes.len());
}

#[test]
fn every_task_has_its_configurations() {
    let tasks: Vec<PathBuf> = fs::read_dir(root().join("configs"))
        .map(|entries| entries.map(|entry| entry.expect("a readable folder entry").path()).collect())
        .unwrap_or_default();
    let wanting = tasks.iter().filter(|path| path.is_dir()).filter_map(|task| {
        let has = |name: &str| task.join(name).is_file();
        let complete = has("smoke.toml") && (has("run.toml") || has("train.toml"));
        (!complete).then(|| task.display().to_string())
    });
    assert_none(&wanting.collect::<Vec<_>>(), "without smoke.toml, or with neither run.toml nor train.toml");
}

#[test]
fn the_default_build_of_arpent_has_no_burn() {
    let tree = |package: &str| {
        cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none", "--offline", "--locked"])
    };
    let is_burn = |line: &&str| line.starts_with("burn") || line.starts_with("cubecl");
    let arpent = tree("arpent");
    assert!(arpent.starts_with("arpent v"), "not a tree of arpent: {arpent}");
    let found: Vec<String> = arpent.lines().filter(is_burn).map(ToOwned::to_owned).collect();
    assert_none(&found, "crates of Burn in the tree of arpent (see `cargo tree -p arpent -i NAME`)");
    assert!(
        tree("arpent-train").lines().any(|line| is_burn(&line)),
        "this test looks for a name that does not exist"
    );
}

/// Packages that are built together share the features of their dependencies.
#[test]
fn the_container_builds_each_program_separately() {
    let recipe = read(&root().join("Containerfile"));
    let builds = |stage: &str| -> Vec<String> {
        let commands = stage.lines().flat_map(|line| line.split("&&"));
        commands.filter_map(|command| Some(command.split_once("cargo build")?.1.trim().to_owned())).collect()
    };
    let stages: Vec<Vec<String>> =
        recipe.split("\nFROM ").map(builds).filter(|stage| !stage.is_empty()).collect();
    let built = |package: &str| format!("--release --locked -p {package} --features {package}/wgpu");
    assert_eq!(stages, [[built("arpent")], [built("arpent-train")]]);
    let last = recipe.rsplit("\nFROM ").next().unwrap_or_default();
    assert!(
        last.contains("AS arpent\n") && !last.contains("arpent-train"),
        "not the image of arpent: {last}"
    );
    // `cargo build -p arpent` builds the packages of this tree, including features.
    let tree = |package: &str| {
        let features = format!("{package}/wgpu");
        let of = ["-p", package, "--features", &features, "-e", "normal,features", "--prefix", "none"];
        cargo(&[&["tree"], &of[..], &["--offline", "--locked"]].concat())
    };
    assert!(!tree("arpent").contains("autodiff"), "autodiff in the tree of arpent");
    assert!(tree("arpent-train").contains("autodiff"), "this test looks for a name that does not exist");
}

/// Quoted scores in the README: the package, the score, the words before the number.
const QUOTED: &[(&str, &str, &str)] = &[
    ("tree-health-10cm", "balanced_accuracy", "balanced accuracy "),
    ("tree-health-10cm", "balanced_accuracy", "balanced accuracy live/dead **"),
    ("tree-health-10cm", "live_recall", "live recall "),
    ("tree-health-10cm", "dead_recall", "dead recall "),
    ("tree-health-10cm", "dead_precision", "dead precision "),
    ("land-cover-50cm", "mean_iou", "mean IoU "),
    ("road-cracks", "tolerance_f1", "F1 of cracks "),
    ("tree-health-10cm-lite0", "balanced_accuracy", "`tree-health-10cm-lite0` reaches "),
    ("land-cover-50cm-lite0", "mean_iou", "`land-cover-50cm-lite0` reaches "),
    ("road-cracks-lite0", "tolerance_f1", "`road-cracks-lite0` reaches "),
];

/// The package in a directory of `models`, as JSON.
fn shipped(name: &str) -> Value {
    serde_json::from_str(&read(&root().join("models").join(name).join("model.json")))
        .expect("a package's JSON")
}

/// The number at the start of a text.
fn number_at(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some(text[..end].trim_end_matches('.')).filter(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn the_readme_quotes_the_scores_of_the_packages() {
    let readme = read(&root().join("README.md")).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wrong = Vec::new();
    for (package, score, words) in QUOTED {
        let score = &shipped(package)["scores"][score];
        let wanted = format!("{:.2}", score["value"].as_f64().expect("a score"));
        let measure = score["measure"].as_str().unwrap_or_default();
        let interval = measure.split_once("95 % interval ").and_then(|(_, rest)| {
            let (low, high) = rest.split_once(" to ")?;
            let of = |text: &str| Some(format!("{:.2}", number_at(text)?.parse::<f64>().ok()?));
            Some(format!(" ({} to {})", of(low)?, of(high)?))
        });
        let quotes: Vec<&str> =
            readme.split(words).skip(1).filter(|rest| number_at(rest).is_some()).collect();
        if quotes.is_empty() {
            wrong.push(format!("the README does not quote `{words}` and a number of {package}"));
        }
        for rest in quotes {
            let number = number_at(rest).unwrap_or_default();
            let has_interval = rest[number.len()..].starts_with(" (0");
            let other_interval =
                interval.as_ref().filter(|i| has_interval && !rest[number.len()..].starts_with(*i));
            if number != wanted || other_interval.is_some() {
                let interval = interval.as_deref().unwrap_or_default();
                wrong.push(format!("{package}: `{words}{number}`, its model.json has {wanted}{interval}"));
            }
        }
    }
    assert_none(&wrong, "scores in the README that differ from the packages");
}

#[test]
fn cards_have_the_scores_of_their_packages() {
    let mut wrong = Vec::new();
    let entries = fs::read_dir(root().join("models")).expect("models").map(|e| e.expect("a folder entry"));
    for entry in entries.filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (package, card) = (shipped(&name), read(&entry.path().join("card.md")));
        let scores = package["scores"].as_object().expect("scores");
        for line in card.lines().filter_map(|line| line.strip_prefix("- ")) {
            let Some((score, quoted)) = line.split_once(": ") else { continue };
            let Some(value) = scores.get(score).and_then(|s| s["value"].as_f64()) else { continue };
            if number_at(quoted) != Some(&format!("{value:.3}")) {
                wrong.push(format!("{name}: `{line}`, its model.json has {value}"));
            }
        }
        let error = scores.get("expected_calibration_error").and_then(|s| s["value"].as_f64());
        let of_card = card.split("Expected calibration error: ").nth(1).and_then(number_at);
        if let Some(error) = error.filter(|e| of_card != Some(&format!("{e:.3}"))) {
            wrong.push(format!("{name}: calibration error {of_card:?}, its model.json has {error}"));
        }
    }
    assert_none(&wrong, "scores in cards that differ from their packages");
}
