//! `arpent review serve`: who may ask, what is written, two servers at once, and servers that are killed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use arpent_base::SplitMix64;
use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::{Value, json};

use crate::common::{Ended, Place};

const ANA: [&str; 6] = ["--person", "Ana Roux", "--function", "SIG officer", "--organization", "DDTM 13"];
const BEN: [&str; 6] = ["--person", "Ben Malik", "--function", "instructeur", "--organization", "DDTM 13"];

/// A published map with a review, and the ids of its features.
fn reviewed() -> (Place, Vec<String>) {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 24), Window::new(3_260_000, -34_310_000, 90, 70));
    let map = place.run(&["a.tif"], "out", &[]);
    let mut ids: Vec<String> = map.features().into_iter().map(|row| row.id).collect();
    ids.sort();
    assert!(ids.len() > 11, "{} features", ids.len());
    place.arpent(&["review", "new", "out", "--name", "first"]).expect(0);
    (place, ids)
}

#[track_caller]
fn report(place: &Place, words: &[&str], code: i32) -> Value {
    let ended = place.arpent(&[&["review"], words, &["--format", "json"]].concat()).expect(code);
    serde_json::from_str(&ended.out).unwrap()
}

/// A process that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server.
struct Serving {
    child: Ending,
    /// `127.0.0.1:PORT`.
    address: String,
    token: String,
    printed: Value,
}

/// An answer: its status, its head, its body.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Serving {
    fn start(place: &Place, more: &[&str]) -> Self {
        let words = [&["review", "serve", "out", "--format", "json"], more].concat();
        let mut child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut printed = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !printed.trim_end().ends_with('}') {
            assert!(out.read_line(&mut printed).unwrap() > 0, "{printed}");
        }
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let url = printed["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let (address, token) = url.split_once("/#review=").unwrap_or((url.trim_end_matches('/'), ""));
        Self { child: Ending(child), address: address.to_owned(), token: token.to_owned(), printed }
    }

    /// Sends a request as it is; none if the server is gone.
    fn send(&self, text: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(text.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head, body: bytes[end + 4..].to_vec() })
    }

    fn request(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let has = |name: &str| fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
        for (name, value) in [("Host", &self.address), ("X-Arpent-Token", &self.token)] {
            if !has(name) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        for (name, value) in fields.iter().filter(|(_, value)| *value != "-") {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if method == "POST" && !has("Content-Length") {
            let _ = write!(text, "Content-Length: {}\r\n", body.len());
        }
        if method == "POST" && !has("Content-Type") {
            text += "Content-Type: application/json\r\n";
        }
        self.send(&format!("{text}\r\n{body}"))
    }

    fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").unwrap()
    }

    fn try_decide(&self, wish: &Value) -> Option<Answer> {
        self.request("POST", "/review/decisions", &[], &wish.to_string())
    }

    fn decide(&self, wish: &Value) -> Answer {
        self.try_decide(wish).unwrap()
    }

    /// What is shown of a feature.
    fn feature(&self, id: &str) -> Value {
        let answer = self.get(&format!("/review/feature?id={id}"));
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }
}

fn wish(feature: &str, verdict: &str, seen: &Value) -> Value {
    json!({ "feature": feature, "verdict": verdict, "seen": seen })
}

/// Everything that was decided, as `arpent review export` writes it.
fn exported(place: &Place, file: &str) -> Vec<BTreeMap<String, String>> {
    place.arpent(&["review", "export", "out", "--to", file]).expect(0);
    csv::Reader::from_path(place.path(file)).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_request_that_is_not_of_the_page_is_refused() {
    let (place, ids) = reviewed();
    let serving = Serving::start(&place, &ANA);
    assert_eq!((&serving.printed["review"], serving.token.len()), (&"first".into(), 64));
    let host = &serving.address;
    let body = wish(&ids[0], "confirmed", &json!([])).to_string();
    let own = format!("http://{host}");
    let other = serving.token.replace(|c: char| c.is_ascii_digit(), "a");
    for (status, method, path, fields) in [
        (403, "POST", "/review/decisions", &[("Host", "example.org")][..]),
        (403, "POST", "/review/decisions", &[("Host", "-")]),
        (403, "POST", "/review/decisions", &[("Origin", "http://example.org")]),
        (403, "POST", "/review/decisions", &[("Origin", "null")]),
        (403, "POST", "/review/decisions", &[("Sec-Fetch-Site", "cross-site")]),
        (403, "POST", "/review/decisions", &[("Origin", &own), ("X-Arpent-Token", "-")]),
        (403, "POST", "/review/decisions", &[("X-Arpent-Token", &other)]),
        (403, "GET", "/review/session", &[("X-Arpent-Token", "-")]),
        (403, "GET", "/review/session", &[("Sec-Fetch-Site", "same-site")]),
        (415, "POST", "/review/decisions", &[("Content-Type", "text/plain")]),
        (405, "GET", "/review/decisions", &[]),
        (405, "POST", "/review/session", &[]),
        (405, "DELETE", "/review/decisions", &[]),
        (405, "POST", "/manifest.json", &[]),
        (405, "PUT", "/", &[]),
        (404, "GET", "/review/../manifest.json", &[]),
        (404, "GET", "/review/nothing", &[]),
        (404, "GET", "/reviews/first/review.json", &[]),
        (404, "GET", "/../run.toml", &[]),
        (404, "GET", "/%2e%2e/run.toml", &[]),
        (404, "GET", "/..%2frun.toml", &[]),
    ] {
        let answer =
            serving.request(method, path, fields, if method == "POST" { &body } else { "" }).unwrap();
        assert_eq!(answer.status, status, "{method} {path} {fields:?}");
    }
    let large = " ".repeat((256 << 10) + 1);
    assert_eq!(serving.request("POST", "/review/decisions", &[], &large).unwrap().status, 413);
    for bad in ["", "{", "[]", "{\"feature\": 1}", &body.replace("seen", "scene"), &"[".repeat(5000)] {
        let answer = serving.request("POST", "/review/decisions", &[], bad).unwrap();
        assert_eq!(answer.status, 400, "{bad}");
    }
    for (bad, status) in [
        (wish("nobody", "confirmed", &json!([])), 404),
        (json!({ "feature": ids[0], "seen": [] }), 400),
        (json!({ "feature": ids[0], "seen": [], "kind": "contest" }), 400),
        (json!({ "feature": ids[0], "seen": [], "verdict": "confirmed", "reason": "because" }), 400),
        (json!({ "feature": ids[0], "seen": [], "verdict": "confirmed", "class": "castle" }), 400),
        (json!({ "feature": ids[0], "seen": [], "verdict": "confirmed", "scenes": [99] }), 400),
        (json!({ "feature": ids[0], "seen": [], "verdict": "confirmed", "comment": "a\u{202e}b" }), 400),
        (json!({ "feature": ids[0], "seen": [], "verdict": "confirmed", "person": "Eva" }), 400),
        (json!({ "feature": ids[0], "seen": [], "verdict": "confirmed", "undo": "0".repeat(64) }), 400),
        (json!({ "feature": ids[0], "seen": ["0".repeat(64)], "verdict": "confirmed" }), 409),
    ] {
        let answer = serving.decide(&bad);
        assert_eq!(answer.status, status, "{bad}: {}", answer.json());
        assert!(answer.json()["error"]["message"].is_string(), "{bad}");
    }
    // Nothing of all that was written; the page itself is served, and is not shown inside of another.
    assert_eq!(report(&place, &["state", "out"], 0)["decisions"], 0);
    let page = serving.get("/");
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("<meta name=\"arpent-review\" content=\"1\">") && !text.contains(&serving.token));
    for field in ["Content-Security-Policy: frame-ancestors 'none'", "Cache-Control: no-store", "nosniff"] {
        assert!(page.head.contains(field), "{field}: {}", page.head);
    }
    let fields = [("Origin", &*own), ("Sec-Fetch-Site", "same-origin")];
    let accepted = serving.request("POST", "/review/decisions", &fields, &body).unwrap();
    assert_eq!(accepted.status, 201, "{}", accepted.json());
    assert!(accepted.head.contains("Cache-Control: no-store"));
}

#[test]
fn decisions_are_written_by_the_named_person_and_follow_what_they_saw() {
    let (place, ids) = reviewed();
    let ana = Serving::start(&place, &ANA);
    let session = ana.get("/review/session").json();
    assert_eq!((&session["person"]["name"], &session["blind"]), (&"Ana Roux".into(), &false.into()));
    assert_eq!((&session["progress"]["all"], session.get("token")), (&json!(ids.len()), None));
    let first = ana.get("/review/next?from=0").json();
    assert_eq!(first["place"], 0);
    let feature = first["feature"].as_str().unwrap().to_owned();
    let comment = "<script>alert(1)</script> 🌳 = \"quoted\"";
    let said = json!({
        "feature": feature, "verdict": "suspect", "reason": "visible", "comment": comment, "seen": [],
        "scenes": [0], "duration_ms": 1234,
    });
    let one = ana.decide(&said);
    assert_eq!(one.status, 201, "{}", one.json());
    let one = one.json();
    assert_eq!((&one["state"]["status"], &one["progress"]["decided"]), (&"decided".into(), &1.into()));
    assert_eq!(one["state"]["decisions"][0]["comment"], comment);
    assert_ne!(ana.get("/review/next?from=0").json()["place"], 0, "it is done");
    // A second server sees it, and decides; the first one sees that before it writes.
    let ben = Serving::start(&place, &BEN);
    assert_eq!(ben.decide(&wish(&feature, "illegal", &json!([]))).status, 409);
    let seen = &ben.feature(&feature)["state"]["heads"];
    assert_eq!(seen, &json!([one["id"]]));
    assert_eq!(ben.decide(&wish(&feature, "illegal", seen)).status, 201);
    let late = ana.decide(&wish(&feature, "legitimate", &json!([one["id"]])));
    let (status, late) = (late.status, late.json());
    assert_eq!((status, &late["state"]["status"]), (409, &"decided".into()), "{late}");
    assert_eq!(late["state"]["decisions"][1]["person"]["name"], "Ben Malik");
    assert_eq!(late["state"]["decisions"][1]["verdict"], "illegal");
    // Now Ana has seen it: contest, answer, and undo.
    let heads = late["state"]["heads"].clone();
    let contest =
        json!({ "feature": feature, "kind": "contest", "comment": "A permit is on file.", "seen": heads });
    let contest = ana.decide(&contest).json();
    assert_eq!(contest["state"]["status"], "contested");
    let heads = contest["state"]["heads"].clone();
    let answer = json!({
        "feature": feature, "kind": "answer", "verdict": "legitimate", "comment": "Right.", "seen": heads,
        "answers": [contest["id"]],
    });
    let answer = ben.decide(&answer).json();
    assert_eq!(answer["state"]["status"], "decided", "{answer}");
    let mut undo = wish(&feature, "not_verified", &answer["state"]["heads"]);
    undo["undo"] = answer["id"].clone();
    assert_eq!(ana.decide(&undo).status, 400, "it is a decision of Ben");
    let undone = ben.decide(&undo).json();
    assert_eq!(undone["state"]["status"], "open", "{undone}");
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!((&verified["findings"], &verified["decisions"]), (&json!([]), &5.into()));
    let rows = exported(&place, "all.csv");
    let row = rows.iter().find(|row| row["id"] == one["id"].as_str().unwrap()).unwrap();
    assert_eq!((&*row["person_name"], &*row["comment"], &*row["duration_ms"]), ("Ana Roux", comment, "1234"));
    assert!(row["scenes"].ends_with("a.tif") && row["sample"].is_empty());
    assert!(rows.iter().any(|row| row["comment"].starts_with("Undo of decision ")));
    // The map is replaced: no more decisions.
    place.run(&["a.tif"], "out", &["--overwrite"]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(ana.decide(&wish(&ids[3], "confirmed", &json!([]))).status, 410);
}

/// A corrected outline is checked by the server, whatever the page has checked: its rings, its size, and where it is.
#[test]
fn an_outline_is_drawn_where_the_map_is_and_shown_afterwards() {
    let (place, ids) = reviewed();
    let ana = Serving::start(&place, &ANA);
    let limits = ana.get("/review/session").json()["outlines"].clone();
    assert_eq!((&limits["positions"], &limits["area_m2"]), (&5_000.into(), &json!(1e6)));
    let proposed = ana.get(&format!("/review/outline?id={}", ids[0])).json()["geometry"].clone();
    let number = |value: &Value| value.as_f64().unwrap();
    let ring = proposed["coordinates"][0].as_array().unwrap().clone();
    let inside = |position: &Value| {
        let within = [0, 1].map(|at| {
            let (low, high) = (number(&limits["box"][at]), number(&limits["box"][at + 2]));
            (low..=high).contains(&number(&position[at]))
        });
        within == [true, true]
    };
    assert!(ring.len() > 3 && ring.first() == ring.last() && ring.iter().all(inside), "{proposed}");
    assert_eq!(ana.get("/review/outline?id=nobody").status, 404);

    let (west, south) = (number(&ring[0][0]), number(&ring[0][1]));
    let triangle = |side: f64| json!({ "type": "Polygon", "coordinates": [[[west, south], [west + side, south], [west, south + side], [west, south]]] });
    let with = |geometry: &Value, verdict: &str| {
        let mut said = wish(&ids[0], verdict, &json!([]));
        said["geometry"] = geometry.clone();
        said
    };
    let bow = json!({ "type": "Polygon", "coordinates": [[
        [west, south], [west + 1e-5, south + 1e-5], [west + 1e-5, south], [west, south + 1e-5], [west, south]
    ]] });
    let far = json!({ "type": "Polygon", "coordinates": [[
        [west + 1.0, south], [west + 1.0001, south], [west + 1.0, south + 1e-4], [west + 1.0, south]
    ]] });
    for (bad, verdict, message) in [
        (&bow, "confirmed", "valid geometry"),
        (&triangle(0.1), "confirmed", "far outside of"),
        (&far, "confirmed", "far outside of"),
        (&triangle(1e-5), "invalidated", "geometry"),
        (&json!({ "type": "Polygon", "coordinates": [] }), "confirmed", "positions"),
    ] {
        let answer = ana.decide(&with(bad, verdict));
        let (status, answer) = (answer.status, answer.json());
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(message), "{answer}");
        assert!(answer["error"]["hint"].is_string(), "{answer}");
    }
    let good = triangle(1e-5);
    let accepted = ana.decide(&with(&good, "confirmed"));
    assert_eq!(accepted.status, 201, "{}", accepted.json());
    let shown = &ana.feature(&ids[0])["state"]["decisions"][0];
    assert_eq!((&shown["outline"], &shown["geometry"]), (&true.into(), &good));
    // What another person decided before is shown without its outline.
    let ben = Serving::start(&place, &BEN);
    let heads = ben.feature(&ids[0])["state"]["heads"].clone();
    let after = ben.decide(&wish(&ids[0], "suspect", &heads)).json();
    assert_eq!(
        (&after["state"]["decisions"][0]["outline"], after["state"]["decisions"][0].get("geometry")),
        (&true.into(), None)
    );
    // The same holds for every other way.
    let text = far.to_string();
    let words = [
        &["review", "add", "out", "--feature", &ids[1], "--verdict", "confirmed", "--geometry", &text][..],
        &ANA,
    ]
    .concat();
    let ended = place.arpent(&words).expect(2);
    assert!(ended.err.contains("far outside of") && ended.err.contains("hint: "), "{}", ended.err);
    assert_eq!(report(&place, &["state", "out"], 0)["decisions"], 2);
}

/// A doubled task looks as any other one until its reviewer has decided; the decisions are a dispute then, not a correction.
#[test]
fn a_task_is_decided_without_the_opinions_of_others() {
    let (place, _) = reviewed();
    let sample = [
        "sample",
        "out",
        "--folder",
        "sample",
        "--reviewers",
        "Ana Roux,Ben Malik",
        "--all",
        "--doubled",
        "1",
    ];
    report(&place, &sample, 0);
    let tasks = [&ANA[..], &["--tasks", "sample/tasks.csv"]].concat();
    let ana = Serving::start(&place, &tasks);
    let ben = Serving::start(&place, &[&BEN[..], &["--tasks", "sample/tasks.csv"]].concat());
    assert_eq!(ana.get("/review/session").json()["blind"], true);
    let feature = ana.get("/review/next?from=0").json()["feature"].as_str().unwrap().to_owned();
    let untouched = ben.feature(&feature)["state"].clone();
    assert_eq!(ana.decide(&wish(&feature, "confirmed", &json!([]))).status, 201);
    assert_eq!(ben.feature(&feature)["state"], untouched, "it says nothing of Ana's decision");
    assert_eq!(untouched["hidden"], true);
    let own = ben.decide(&wish(&feature, "invalidated", &json!([])));
    let (status, own) = (own.status, own.json());
    assert_eq!((status, &own["state"]["status"]), (201, &"disputed".into()), "{own}");
    assert_eq!(own["state"]["decisions"].as_array().unwrap().len(), 2);
    // Decided again after that: no more as in a task, and both are settled.
    assert_eq!(
        ben.decide(&wish(&feature, "suspect", &own["state"]["heads"])).json()["state"]["status"],
        "decided"
    );
    let tasked = exported(&place, "tasks.csv").iter().filter(|row| row["sample"] == "sample").count();
    assert_eq!(tasked, 2);
    assert_eq!(report(&place, &["state", "out"], 0)["agreement"]["features"], 1);
    // Another one's tasks are named; a file of another map is refused.
    let refused = |words: &[&str], message: &str| {
        let ended = place.arpent(&[&["review", "serve", "out"], words].concat()).expect(2);
        assert!(ended.err.contains(message) && ended.err.contains("hint: "), "{}", ended.err);
    };
    let eva = ["--person", "Eva", "--function", "x", "--organization", "y", "--tasks", "sample/tasks.csv"];
    refused(&eva, "no tasks of `Eva`");
    place.write("other.csv", "reviewer,sample,order,feature\nAna Roux,s,1,nobody\n");
    refused(&[&ANA[..], &["--tasks", "other.csv"]].concat(), "other.csv, line 2: `nobody`");
}

#[test]
fn nobody_decides_without_a_name() {
    let (place, ids) = reviewed();
    let refused = |words: &[&str], message: &str| {
        let ended: Ended = place.arpent(&[&["review", "serve", "out"], words].concat()).expect(2);
        assert!(ended.err.contains(message) && ended.err.contains("hint: "), "{}", ended.err);
    };
    refused(&[], "person.name");
    refused(&ANA[..4], "person.organization");
    refused(&["--trust-proxy-headers", "http://example.org"], "no public address");
    refused(&[&ANA[..], &["--review", "second"]].concat(), "no review `second`");
    // Behind a proxy, each request has its person.
    let serving = Serving::start(&place, &["--trust-proxy-headers", "https://review.example.org"]);
    let host = ("Host", "review.example.org");
    let named = [
        ("X-Arpent-Name", "Zo%C3%A9%20Roux"),
        ("X-Arpent-Function", "juriste"),
        ("X-Arpent-Organization", "DDTM%2013"),
    ];
    let session = |fields: &[(&str, &str)]| {
        serving
            .request("GET", "/review/session", &[&[host, ("X-Arpent-Token", "-")], fields].concat(), "")
            .unwrap()
    };
    assert_eq!(serving.get("/review/session").status, 403, "not by the name of the machine");
    assert_eq!(session(&[]).status, 403);
    assert_eq!(session(&named[..2]).status, 403);
    assert_eq!(session(&[&named[..], &[("x-arpent-name", "Ben")]].concat()).status, 400);
    let token = session(&named).json()["token"].as_str().unwrap().to_owned();
    let body = wish(&ids[0], "confirmed", &json!([])).to_string();
    let post = |fields: &[(&str, &str)]| {
        serving.request("POST", "/review/decisions", &[&[host], fields].concat(), &body).unwrap()
    };
    assert_eq!(post(&named).status, 403, "without the token");
    let with_token = |more: &[(&'static str, &'static str)]| {
        let token = [("X-Arpent-Token", &*token)];
        post(&[&token[..], more].concat()).status
    };
    assert_eq!(with_token(&[]), 403);
    let elsewhere = [&named[..], &[("Origin", "https://example.org")]].concat();
    assert_eq!(with_token(&elsewhere), 403);
    assert_eq!(with_token(&[&named[..], &[("Origin", "https://review.example.org")]].concat()), 201);
    assert_eq!(exported(&place, "d.csv")[0]["person_name"], "Zoé Roux");
}

/// A store that replaces objects is refused before anything is served.
#[test]
fn a_store_that_replaces_objects_is_refused() {
    let (place, _) = reviewed();
    let store = ReplacingStore::start(&place);
    let output = place
        .command(&[&["review", "serve", "s3://bucket/out", "--review", "first"][..], &ANA].concat())
        .envs([
            ("AWS_ENDPOINT_URL", &*store.url),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_REGION", "x"),
            ("AWS_ALLOW_HTTP", "true"),
        ])
        .output()
        .unwrap();
    let ended = Ended::from(output).expect(2);
    assert!(ended.err.contains("does not create objects conditionally"), "{}", ended.err);
}

/// A list without objects.
const NOTHING: &[u8] =
    b"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>\
<KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>";

/// As a store of objects answers that knows nothing of `If-None-Match`: every write replaces.
struct ReplacingStore {
    url: String,
}

impl ReplacingStore {
    fn start(place: &Place) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let root = place.path("");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, root) = (stream.unwrap(), root.clone());
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    let first = lines.next().and_then(Result::ok).unwrap_or_default();
                    let mut length = 0;
                    for line in lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                            length = value.parse().unwrap();
                        }
                    }
                    let _ = length;
                    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches("/bucket/");
                    let file = root.join(path.split('?').next().unwrap());
                    let (status, body) = match (first.split(' ').next(), std::fs::read(&file)) {
                        _ if path.contains("list-type=2") => ("200 OK", NOTHING.to_vec()),
                        (Some("PUT"), _) => ("200 OK", Vec::new()),
                        (_, Ok(bytes)) => ("200 OK", bytes),
                        _ => ("404 Not Found", Vec::new()),
                    };
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"x\"\r\nLast-Modified: Sun, 29 Nov 2026 12:00:00 GMT\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(head.as_bytes());
                    let _ = stream.write_all(&body);
                });
            }
        });
        Self { url }
    }
}

/// 1,000 decisions by a script while the server is killed again and again: each that was confirmed is there once.
#[test]
fn no_confirmed_decision_is_lost_when_the_server_is_killed() {
    const DECISIONS: usize = 1_000;
    const PER_LIFE: usize = 60;
    let (place, ids) = reviewed();
    let mut random = SplitMix64::new(11);
    let mut serving = Serving::start(&place, &ANA);
    let (mut kills, mut confirmed, mut found_written) = (0, BTreeMap::new(), 0);
    let mut heads: BTreeMap<String, Value> = BTreeMap::new();
    let mut until = random.below(PER_LIFE) + 10;
    for number in 0..DECISIONS {
        let feature = &ids[number % ids.len()];
        let comment = format!("decision {number}");
        loop {
            let mut said = wish(feature, "suspect", heads.get(feature).unwrap_or(&json!([])));
            said["comment"] = comment.clone().into();
            until = until.saturating_sub(1);
            // The kill comes at some moment of the request: before it, within it, or after its answer.
            let killer = (until == 0).then(|| {
                let (id, wait) =
                    (serving.child.0.id().to_string(), Duration::from_millis(15).mul_f64(random.unit()));
                std::thread::spawn(move || {
                    std::thread::sleep(wait);
                    Command::new("kill").args(["-KILL", &id]).status().unwrap()
                })
            });
            let answer = serving.try_decide(&said);
            if let Some(killer) = killer {
                killer.join().unwrap();
                serving.child.0.wait().unwrap();
                kills += 1;
                until = random.below(PER_LIFE) + 10;
                serving = Serving::start(&place, &ANA);
            }
            match answer.map(|answer| (answer.status, answer.json())) {
                Some((201, body)) => {
                    confirmed.insert(comment, body["id"].as_str().unwrap().to_owned());
                    heads.insert(feature.clone(), body["state"]["heads"].clone());
                    break;
                }
                Some((409, body)) => {
                    // It was written, but the answer was lost: the page shows it.
                    let shown = &body["state"]["decisions"];
                    assert!(
                        shown.as_array().unwrap().iter().any(|one| one["comment"] == comment.as_str()),
                        "{body}"
                    );
                    heads.insert(feature.clone(), body["state"]["heads"].clone());
                    found_written += 1;
                    break;
                }
                // Killed before it answered: asked again.
                None => {}
                Some((status, body)) => panic!("{status}: {body}"),
            }
        }
    }
    drop(serving);
    eprintln!(
        "{kills} kills, {} decisions confirmed, {found_written} written without an answer",
        confirmed.len()
    );
    assert!(kills >= 20, "{kills} kills");
    assert_eq!(confirmed.len() + found_written, DECISIONS);
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!((&verified["intact"], &verified["decisions"]), (&true.into(), &DECISIONS.into()));
    assert!(verified["findings"].as_array().unwrap().iter().all(|finding| finding["kind"] == "unsealed"));
    let rows = exported(&place, "all.csv");
    let mut comments: Vec<&String> = rows.iter().map(|row| &row["comment"]).collect();
    comments.sort();
    comments.dedup();
    assert_eq!(comments.len(), DECISIONS, "each is there once");
    for row in &rows {
        assert!(confirmed.get(&row["comment"]).is_none_or(|id| *id == row["id"]));
    }
}

/// Two servers and several clients at once: nothing is lost, and the log is whole.
#[test]
fn two_servers_write_at_once() {
    let (place, ids) = reviewed();
    let servers = [Serving::start(&place, &ANA), Serving::start(&place, &BEN)];
    let written: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (serving, ids) = (&servers[client % 2], &ids);
                scope.spawn(move || {
                    let mut written = 0;
                    for round in 0..12 {
                        let feature = &ids[(client + round) % ids.len()];
                        for _ in 0..50 {
                            let seen = serving.feature(feature)["state"]["heads"].clone();
                            let mut said = wish(feature, "confirmed", &seen);
                            said["comment"] = format!("client {client}, round {round}").into();
                            let status = serving.decide(&said).status;
                            assert!([201, 409].contains(&status), "{status}");
                            if status == 201 {
                                written += 1;
                                break;
                            }
                        }
                    }
                    written
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(written, 6 * 12);
    let verified = report(&place, &["verify", "out"], 0);
    assert_eq!((&verified["findings"], &verified["decisions"]), (&json!([]), &written.into()));
    // Interrupted, a server ends by itself.
    for mut serving in servers {
        let id = serving.child.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert_eq!(serving.child.0.wait().unwrap().code(), Some(0));
    }
}

/// The commands of the guide's part about the browser: each serves.
#[test]
fn the_commands_of_the_guide_serve() {
    const GUIDE: &str = include_str!("../../../docs/guides/review.md");
    let (place, _) = reviewed();
    report(&place, &["sample", "out", "--folder", "sample", "--reviewers", "Ana,Ben", "--all"], 0);
    let part = GUIDE.split("## In the browser").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let blocks = part.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let commands: Vec<&str> = blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in commands {
        let script = command.replace("arpent ", &format!("exec \"{}\" ", env!("CARGO_BIN_EXE_arpent")));
        let child = Command::new("bash")
            .args(["-c", &script.replace("8090", "0")])
            .current_dir(place.path(""))
            .envs([("ARPENT_PERSON", "Ana"), ("ARPENT_FUNCTION", "x"), ("ARPENT_ORGANIZATION", "y")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut child, mut printed) = (Ending(child), String::new());
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut printed).unwrap();
        assert!(printed.starts_with("http://127.0.0.1:"), "{command}: {printed}");
        assert_eq!(printed.contains("#review="), !command.contains("proxy"));
    }
}
