//! The page of an output, and `arpent view`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::Value;

use crate::common::{Map, Place};

fn published(more: &str) -> (Place, Map) {
    let place = Place::new();
    place.config(more);
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    let map = place.run(&["a.tif"], "out", &[]);
    (place, map)
}

/// The facts in a page.
fn facts(map: &Map) -> Value {
    let page = std::fs::read_to_string(map.file("index.html")).unwrap();
    let (_, rest) = page.split_once("type=\"application/json\">").unwrap();
    serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn a_page_has_the_facts_of_its_manifest() {
    let (_place, map) = published("[features]\ntitles = \"fr\"\n");
    let (facts, manifest) = (facts(&map), &map.manifest);
    assert_eq!((&facts["kind"], &facts["language"]), (&"map".into(), &"fr".into()));
    assert_eq!(facts["run_id"], manifest["run_id"]);
    assert_eq!(facts["model"]["sha256"], manifest["model"]["sha256"]);
    assert_eq!(facts["columns"], manifest["columns"]["fields"]);
    assert_eq!(facts["scenes"][0]["id"], "a");
    assert_eq!(facts["features"], manifest["counts"]["features"]);
    for class in facts["classes"].as_array().unwrap() {
        let counted = &manifest["counts"]["features_per_class"][class["name"]["en"].as_str().unwrap()];
        assert_eq!((&class["features"], &class["legend"]), (counted, &(!counted.is_null()).into()));
    }
    // Every file is one of the manifest, with its size.
    let artifacts = manifest["artifacts"].as_array().unwrap();
    let size = |href: &Value| {
        let named = |artifact: &&Value| {
            artifact["href"].as_str().unwrap().ends_with(&format!("/{}", href.as_str().unwrap()))
        };
        artifacts.iter().find(named).unwrap()["size"].clone()
    };
    let files = facts["files"].as_array().unwrap();
    assert_eq!(files.len(), artifacts.len() - 2, "all but the page and the STAC item");
    assert!(files.iter().all(|file| file["size"] == size(&file["href"])));
    assert_eq!(facts["table"]["href"], "features.parquet");
    // The place of a corner of the map, by the lattice, is that of the footprint.
    let lattice = &facts["places"];
    let side = lattice["columns"].as_u64().unwrap();
    let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
    let corner = &item["geometry"]["coordinates"][0][0];
    for axis in 0..2 {
        let (node, expected) = (&lattice["points"][0][axis], &corner[axis]);
        assert!((node.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-6, "{node} {expected}");
    }
    assert_eq!(u64::try_from(lattice["points"].as_array().unwrap().len()).unwrap(), side * side);
}

#[test]
fn a_page_can_be_left_out_and_is_the_same_for_equal_maps() {
    let (place, map) = published("");
    let again = place.run(&["a.tif"], "again", &["--window", "64", "--threads", "1"]);
    let page = |map: &Map| map.hashes().into_iter().find(|(name, _)| name == "index.html").unwrap();
    assert_eq!(page(&map), page(&again));
    place.config("[publish]\nviewer = false\n");
    let without = place.run(&["a.tif"], "without", &[]);
    assert!(without.hashes().iter().all(|(name, _)| name != "index.html"));
    assert_eq!(without.manifest["run_id"], map.manifest["run_id"], "it is no other result");
    let refused = place.arpent(&["view", "without"]).expect(2);
    assert!(refused.err.contains("it has no index.html") && refused.err.contains("hint:"), "{}", refused.err);
    place.arpent(&["view", "nowhere"]).expect(2);
}

/// A process that is ended with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn view_serves_the_files_of_the_manifest_until_it_is_interrupted() {
    let (place, map) = published("");
    let mut serving = Serving(
        place
            .command(&["view", "out", "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut printed = String::new();
    let mut out = BufReader::new(serving.0.stdout.take().unwrap());
    while !printed.trim_end().ends_with('}') {
        assert!(out.read_line(&mut printed).unwrap() > 0, "{printed}");
    }
    let viewed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(viewed["run_id"], map.manifest["run_id"]);
    let address =
        viewed["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let ask = |path: &str, more: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    };
    let page = std::fs::read(map.file("index.html")).unwrap();
    assert!(ask("/", "").1 == page);
    let table = std::fs::read(map.file("features.parquet")).unwrap();
    let (head, part) = ask("/features.parquet", "Range: bytes=-4\r\n");
    assert!(head.starts_with("HTTP/1.1 206") && part == b"PAR1" && table.ends_with(b"PAR1"), "{head}");
    // Neither what lies in the output and is not published, nor what lies outside of it.
    std::fs::write(map.root.join("notes.txt"), "mine").unwrap();
    let attempt = map.manifest["attempt"].as_str().unwrap();
    for path in ["/notes.txt", "/../run.toml", "/%2e%2e/run.toml", &format!("/{attempt}/../../run.toml")] {
        assert!(ask(path, "").0.starts_with("HTTP/1.1 404"), "{path}");
    }
    // As on any host: the page at the address of the output reads the manifest, and leads to that of the attempt.
    assert!(ask("/index.html", "").1 == std::fs::read(map.root.join("index.html")).unwrap());
    assert!(ask("/manifest.json", "").1 == std::fs::read(map.root.join("manifest.json")).unwrap());
    assert!(ask(&format!("/{attempt}/index.html"), "").1 == page);
    let id = serving.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(serving.0.wait().unwrap().code(), Some(0));
}
