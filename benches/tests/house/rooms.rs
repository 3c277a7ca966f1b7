//! The order of the modules inside each crate: a module uses only modules of lower levels, and files do not use each
//! other in a cycle.
//!
//! A name counts for the file that *defines* it, through any `pub use`, and a re-export is a use, too. Of methods,
//! `Type::method` and `self.method()` count for the file of their `impl`; others are ignored, because the type of a
//! value is not visible in the syntax. Tests do not count.

mod reader;
mod syntax;
mod tree;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{assert_none, files, members, read, root, text};
use tree::{Sources, Tree};
use uses::{Edges, edges};

/// The top-level modules of every crate from the highest level down. A module uses only modules of lower levels,
/// which come later; `>` separates levels. The definitions of `lib.rs` and `main.rs` are above all levels.
const ROOMS: &[(&str, &str)] = &[
    (
        "arpent-base",
        "checked failure hash host random redact shell_words sqlite table > config number > listed",
    ),
    (
        "arpent-shell",
        "energy install interrupt progress > print > exit lines log memory used > message > usage",
    ),
    ("arpent-submit", "kubernetes local slurm > common env_file > error options > words"),
    ("arpent-viewer", "serve > api page > entry facts > error"),
    ("arpent-qgis", "project raster style > form tip > expression words xml > error key"),
    (
        "arpent-raster",
        "oriented ramp > fill nomenclature scene target > area raster resample values > grid > crs window",
    ),
    (
        "arpent-engine",
        "engine training winners > compute ranges > tasks > schedule > lower memory > forms rewrite > shapes > fusions kernels > extent > numbers spec",
    ),
    ("arpent-sampling", "draw estimate plan > error share"),
    (
        "arpent-review",
        "agreement live sample table verify > known state > log > seal > decision history > header > geometry signature time > canonical finding > error intern verdict",
    ),
    ("arpent-change", "control > balance events evidence register"),
    (
        "arpent-tiles",
        "read tiler > pictures pyramid > archive cut ordered > draw > mvt tile > overlap settle simplify > eliminate graph rings round scale spool > error mesh > grid",
    ),
    ("arpent-tiling", "stitch > plan > area options"),
    (
        "arpent-model",
        "fold hand_set import predictor > checkpoint dense_boxes > anchors locations > adopt gpu onnx onnx_engine peaks pt2 > network > tensor_device > device lowered native planes \
         > package > applicability field weights > architecture band onnx_graph > detectors error pyramids stored unets > encoders > graph onnx_output protobuf storage",
    ),
    (
        "arpent-vector",
        "coverage snap vectorize zonal > eliminate feature generalize ground objects simplify \
         > detections polygonize triangle wkb > bits bytes drawing square > remaining > error forest region",
    ),
    (
        "arpent-metrics",
        "applicability calibration change detection isotonic ranking scores tolerance > confusion risk roc > grouped > count error",
    ),
    (
        "arpent-testing",
        "embedding > faults geotiff installed polygonize postgis qgis servers shapes slurm > needs picture",
    ),
    (
        "arpent-gdal",
        "fingerprint > vector > write > scene > crs guard text > setup > error network > ffi uri",
    ),
    (
        "arpent-publish",
        "catalog feature_table gc pmtiles spool stac summary verify > about geojson geoparquet hilbert objects publish > dateline features media parquet_table target > manifest run session \
         > connect hash ledger limits measured undecided > credentials > error > applicability failure names > secrets",
    ),
    (
        "arpent-datasets",
        "annotated audit fingerprint open > config > layouts > dataset ellipse folders pixels \
         > orientation set > card splits > files > error remarks > labels",
    ),
    (
        "arpent-train",
        "audit calibrate quantize simulate > answer_tables job > applicability drawn network package report > gate > evaluate fit \
         > data progress threads > config > error",
    ),
    (
        "arpent-job",
        "doctor explain margins planned review > reports > change > zonal > execute > map > shards > pipeline > job > mask measured > reference > present > report > address cost scratch sorted stores warnings \
         > config > hint > error > wanted",
    ),
    ("arpent-cli", "args > review submit change > device examples"),
    ("arpent", "commands > report"),
    ("arpent-benches", "blocks published network step suites vectors > measure models scenes"),
];

/// A crate's sources, without tests.
fn sources(folder: &Path) -> Sources {
    let all = files(folder).into_iter();
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.strip_prefix(folder).expect("below the folder").to_path_buf(), read(&path)))
        .collect()
}

/// The name and the edges of every crate, and its top-level modules.
fn crates() -> Vec<Crate> {
    let of = |member: serde_json::Value| {
        let folder = Path::new(text(&member, "manifest_path")).with_file_name("src");
        Crate::new(text(&member, "name"), &folder, &sources(&folder))
    };
    members().into_iter().map(of).collect()
}

struct Crate {
    name: String,
    /// Path of its `src`, from the root of the workspace.
    folder: PathBuf,
    modules: BTreeSet<String>,
    edges: Edges,
}

impl Crate {
    fn new(name: &str, folder: &Path, sources: &Sources) -> Self {
        let tree = Tree::new(name, sources);
        let folder = folder.strip_prefix(root()).unwrap_or(folder).to_path_buf();
        let modules = tree.files().into_iter().filter_map(module).collect();
        Self { name: name.to_owned(), folder, modules, edges: edges(&tree) }
    }

    /// One edge, as a line.
    fn line(&self, (from, to): (&Path, &Path)) -> String {
        let names: Vec<&str> =
            self.edges[&(from.to_path_buf(), to.to_path_buf())].iter().map(String::as_str).collect();
        let from = self.folder.join(from);
        format!("{} -> {}: {}", from.display(), to.display(), names.join(", "))
    }

    /// The cycles of files, each as its shortest path and all edges in it.
    fn loops(&self) -> Vec<String> {
        let graph = graph(self.edges.keys().map(|(from, to)| (from.as_path(), to.as_path())));
        let describe = |files: BTreeSet<&Path>| {
            let mut text = format!("{}, {} files, ", self.name, files.len());
            let way: Vec<String> =
                shortest_loop(&graph, &files).iter().map(|f| f.display().to_string()).collect();
            let _ = write!(text, "the shortest way round: {}", way.join(" -> "));
            let inside = self.edges.keys().map(|(from, to)| (from.as_path(), to.as_path()));
            for edge in inside.filter(|(from, to)| files.contains(from) && files.contains(to)) {
                let _ = write!(text, "\n    {}", self.line(edge));
            }
            text
        };
        circles(&graph).into_iter().map(describe).collect()
    }

    /// Edges between top-level modules, without those from the roots of the crate.
    fn between_modules(&self) -> BTreeMap<(String, String), Vec<(&Path, &Path)>> {
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for (from, to) in self.edges.keys() {
            if let Some((above, below)) = module(from).zip(module(to)).filter(|(above, below)| above != below)
            {
                found.entry((above, below)).or_default().push((from.as_path(), to.as_path()));
            }
        }
        found
    }

    /// Errors in the table's line of this crate.
    fn misplaced(&self, line: &str) -> Vec<String> {
        let floors: Vec<Vec<&str>> =
            line.split('>').map(|floor| floor.split_whitespace().collect()).collect();
        let place = |name: &str| floors.iter().position(|floor| floor.contains(&name));
        let listed = floors.iter().flatten();
        let mut twice = BTreeSet::new();
        let mut wrong: Vec<String> = listed
            .clone()
            .filter(|name| !twice.insert(**name))
            .map(|name| format!("{}: {name} stands in the table twice", self.name))
            .collect();
        let gone = listed.filter(|name| !self.modules.contains(**name));
        wrong.extend(gone.map(|name| format!("{}: {name} is gone", self.name)));
        let unknown = self.modules.iter().filter(|name| place(name).is_none());
        wrong.extend(unknown.map(|name| format!("{}: {name} has no place in the table", self.name)));
        for ((above, below), edges) in self.between_modules() {
            let upwards = place(&above).zip(place(&below)).is_some_and(|(above, below)| above >= below);
            if upwards {
                let lines = edges.into_iter().map(|edge| format!("\n    {}", self.line(edge)));
                wrong.push(format!("{}: {above} uses {below}{}", self.name, lines.collect::<String>()));
            }
        }
        wrong
    }

    /// A line of the table that would be valid, if there is one.
    fn floors(&self) -> Result<String, String> {
        let edges = self.between_modules();
        let graph = graph(edges.keys().map(|(above, below)| (above.as_str(), below.as_str())));
        let circles = circles(&graph);
        if !circles.is_empty() {
            return Err(circles
                .iter()
                .map(|c| c.iter().copied().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
                .join("; "));
        }
        let mut left: BTreeSet<&str> = self.modules.iter().map(String::as_str).collect();
        let mut floors = Vec::new();
        while !left.is_empty() {
            let used =
                |name: &&str| left.iter().any(|other| graph.get(other).is_some_and(|to| to.contains(name)));
            let floor: Vec<&str> = left.iter().copied().filter(|name| !used(name)).collect();
            left.retain(|name| !floor.contains(name));
            floors.push(floor.join(" "));
        }
        Ok(floors.join(" > "))
    }
}

/// The top-level module of a file; `None` for the roots of a crate.
fn module(file: &Path) -> Option<String> {
    let first = file.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&name)).then(|| name.to_owned())
}

type Graph<T> = BTreeMap<T, BTreeSet<T>>;

fn graph<T: Ord + Copy>(edges: impl Iterator<Item = (T, T)>) -> Graph<T> {
    let mut graph = Graph::new();
    for (from, to) in edges {
        graph.entry(from).or_default().insert(to);
    }
    graph
}

/// All nodes that can be reached from a node by at least one edge.
fn reached<T: Ord + Copy>(graph: &Graph<T>, from: T) -> BTreeSet<T> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(node) = open.pop() {
        let next = graph.get(&node).into_iter().flatten();
        open.extend(next.copied().filter(|node| found.insert(*node)));
    }
    found
}

/// Strongly connected components of more than one node or with a loop.
fn circles<T: Ord + Copy>(graph: &Graph<T>) -> BTreeSet<BTreeSet<T>> {
    let reach: BTreeMap<T, BTreeSet<T>> = graph.keys().map(|node| (*node, reached(graph, *node))).collect();
    let in_loop = reach.iter().filter(|(node, reached)| reached.contains(node));
    let back = |node: &T, other: &T| reach.get(other).is_some_and(|reached| reached.contains(node));
    in_loop.map(|(node, all)| all.iter().copied().filter(|other| back(node, other)).collect()).collect()
}

/// The shortest cycle in a set of nodes; its first node is repeated at the end.
fn shortest_loop<T: Ord + Copy>(graph: &Graph<T>, nodes: &BTreeSet<T>) -> Vec<T> {
    let from = |start: T| {
        let (mut ways, mut seen) = (vec![vec![start]], BTreeSet::new());
        loop {
            let mut longer = Vec::new();
            for way in &ways {
                for next in graph.get(&way[way.len() - 1]).into_iter().flatten().filter(|n| nodes.contains(n))
                {
                    let on = [way.as_slice(), &[*next]].concat();
                    if *next == start {
                        return on;
                    }
                    if seen.insert(*next) {
                        longer.push(on);
                    }
                }
            }
            assert!(!longer.is_empty(), "every node of a loop leads back to itself");
            ways = longer;
        }
    };
    nodes.iter().map(|start| from(*start)).min_by_key(Vec::len).unwrap_or_default()
}

#[test]
fn no_files_use_each_other_in_a_loop() {
    let crates = crates();
    assert_none(
        &crates.iter().flat_map(Crate::loops).collect::<Vec<_>>(),
        "files that use each other in a loop",
    );
}

#[test]
fn modules_use_what_stands_below_them() {
    let mut wrong = Vec::new();
    let crates = crates();
    for of in &crates {
        let floors = of.floors();
        let place = || floors.clone().unwrap_or_else(|circles| format!("loops of modules: {circles}"));
        match ROOMS.iter().find(|(name, _)| *name == of.name) {
            Some((_, line)) => {
                let offenders = of.misplaced(line);
                let hint = (!offenders.is_empty()).then(|| format!("{}: would hold: {}", of.name, place()));
                wrong.extend(offenders.into_iter().chain(hint));
            }
            None => wrong.push(format!("(\"{}\", \"{}\") has no line in the table", of.name, place())),
        }
    }
    let names = ROOMS.iter().map(|(name, _)| name);
    let gone = names.filter(|name| !crates.iter().any(|of| of.name == **name));
    wrong.extend(gone.map(|name| format!("{name} is gone")));
    assert_none(&wrong, "modules that do not stand as the table says");
}

fn made_up(files: &[(&str, &str)]) -> Crate {
    let sources = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
    Crate::new("made-up", Path::new("src"), &sources)
}

/// A crate whose module `porch` uses a type that is defined in `shed`; `shed` is additional code of that module.
fn with_shed(shed: &str) -> Crate {
    made_up(&[
        ("lib.rs", "mod porch; mod shed; pub use shed::*;"),
        ("porch.rs", "use crate::Tool; pub struct Door; pub fn open() { drop(Tool); }"),
        ("shed/mod.rs", "mod rack; pub use rack::Tool;"),
        ("shed/rack.rs", &format!("pub struct Tool; {shed}")),
    ])
}

#[test]
fn a_loop_is_seen_through_re_exports() {
    let house = with_shed("use crate::porch::open;");
    let wanted = "made-up, 2 files, the shortest way round: porch.rs -> shed/rack.rs -> porch.rs\n    \
                  src/porch.rs -> shed/rack.rs: Tool\n    src/shed/rack.rs -> porch.rs: open";
    assert_eq!(house.loops(), [wanted]);
    assert_eq!(house.floors(), Err("porch shed".to_owned()));
}

#[test]
fn every_way_to_name_a_thing_is_seen() {
    for shed in [
        "fn hang() { crate::porch::open(); }",
        "fn hang() { super::super::porch::open() }",
        "use super::super::porch as front; fn hang() { front::open() }",
        "use crate::porch::*; fn hang() { open() }",
        "fn hang() { use crate::porch; porch::open() }",
        "fn hang() { println!(\"{:?}\", crate::porch::open()); }",
        "struct Rack { door: crate::porch::Door }",
        "impl Tool { fn at(&self, door: Option<&crate::porch::Door>) {} }",
        "#[serde(with = \"crate::porch::open\")] struct Rack;",
        "mod inside { fn hang() { crate::porch::open() } }",
        "pub use crate::porch::Door;",
        "fn hang() { match () { _ if crate::porch::open() == () => {} _ => {} } }",
    ] {
        assert_eq!(with_shed(shed).loops().len(), 1, "{shed}");
    }
}

#[test]
fn what_is_no_use_makes_no_loop() {
    for shed in [
        "",
        "#[cfg(test)] mod tests { use crate::porch::open; }",
        "#[cfg(test)] use crate::porch::open;",
        "#[cfg(all(test, unix))] fn hang() { crate::porch::open() }",
        "/// See [`crate::porch::open`].\nfn hang() {}",
        "use other::porch::open;",
        "fn open() {} fn hang(porch: fn()) { open(); porch() }",
        "pub(in crate::shed) fn hang() {}",
    ] {
        let house = with_shed(shed);
        assert_eq!(house.loops(), Vec::<String>::new(), "{shed}");
        assert_eq!(house.floors(), Ok("porch > shed".to_owned()), "{shed}");
    }
}

#[test]
fn a_parent_and_a_child_that_use_each_other_are_a_loop() {
    let house =
        |parent: &str, child: &str| made_up(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/b.rs", child)]);
    assert_eq!(
        house("mod b; pub struct A; fn f() { b::g() }", "use super::A; pub fn g() {}").loops().len(),
        1
    );
    assert_eq!(house("mod b; pub use b::g; pub struct A;", "use super::A; pub fn g() {}").loops().len(), 1);
    // A method that the child gives to the parent's type.
    let parent = "mod b; pub struct A; impl A { fn f(&self) { self.g() } }";
    assert_eq!(house(parent, "use super::A; impl A { pub fn g(&self) {} }").loops().len(), 1);
    assert!(house("mod b; pub struct A;", "use super::A; impl A { pub fn g(&self) {} }").loops().is_empty());
    // A file that only declares and re-exports is not counted as a use.
    assert!(house("mod b; pub use b::g;", "pub fn g() { super::g() }").loops().is_empty());
    assert!(house("mod b; fn f() { b::g() }", "pub fn g() {}").loops().is_empty());
}

#[test]
fn a_name_counts_for_the_file_that_defines_it() {
    // `b` takes `C` by way of `a`, which uses `b`: `a` defines nothing that `b` uses.
    let house = made_up(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub use crate::c::C; use crate::b::B;"),
        ("b.rs", "use crate::a::C; pub struct B;"),
        ("c.rs", "pub struct C;"),
    ]);
    assert!(house.loops().is_empty(), "{:?}", house.loops());
    assert_eq!(house.floors(), Ok("a > b > c".to_owned()));
}

#[test]
fn a_table_that_does_not_match_is_reported() {
    let house = with_shed("");
    assert!(house.misplaced("porch > shed").is_empty());
    let problems = |line: &str| house.misplaced(line).join("; ");
    let used = "made-up: porch uses shed\n    src/porch.rs -> shed/rack.rs: Tool";
    assert_eq!(problems("shed > porch"), used);
    assert_eq!(problems("shed porch"), used);
    assert_eq!(problems("porch"), "made-up: shed has no place in the table");
    assert_eq!(problems("porch > shed attic"), "made-up: attic is gone");
    assert_eq!(problems("porch shed > shed"), format!("made-up: shed stands in the table twice; {used}"));
}
