//! What others read of a result: no secrets, the bytes that were published, nothing that passes for something else.

use std::fs::{copy, read, read_dir, read_to_string, write};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::{Value, json};

use crate::common::{Map, Place, gdal};
use crate::reference::{SCENE, layer, place, rectangle};
use crate::zonal::rows;

/// A web server of a folder.
struct Web {
    address: String,
}

impl Web {
    fn of(place: &Place) -> Self {
        Self::start(place, true)
    }

    /// One that sends whole files only.
    fn without_ranges(place: &Place) -> Self {
        Self::start(place, false)
    }

    fn start(place: &Place, ranges: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, folder) = (listener.local_addr().unwrap().to_string(), place.path(""));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let folder = folder.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &folder, ranges));
            }
        });
        Self { address }
    }
}

/// Answers one request, also one for a range of bytes, and closes.
fn answer(mut stream: TcpStream, folder: &Path, ranges: bool) {
    let lines: Vec<String> = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(|line| line.ok().filter(|line| !line.is_empty()))
        .collect();
    let mut words = lines.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or("/"));
    let name = path.split('?').next().unwrap().trim_start_matches('/');
    let Ok(bytes) = read(folder.join(name)) else {
        let _ = write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let range = lines.iter().find_map(|line| {
        let (start, end) =
            line.to_lowercase().strip_prefix("range: bytes=")?.split_once('-').map(|(a, b)| {
                (a.parse::<usize>().unwrap_or(0), b.parse::<usize>().map_or(bytes.len(), |end| end + 1))
            })?;
        Some((start, end.min(bytes.len()))).filter(|(start, end)| start < end)
    });
    let range = range.filter(|_| ranges);
    let (start, end) = range.unwrap_or((0, bytes.len()));
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nAccept-Ranges: {}\r\nETag: \"1\"\r\nConnection: close\r\n\
         Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {}\r\n",
        if ranges { "bytes" } else { "none" },
        end - start
    );
    if range.is_some() {
        let _ = write!(stream, "Content-Range: bytes {start}-{}/{}\r\n", end - 1, bytes.len());
    }
    let _ = write!(stream, "\r\n");
    if method != "HEAD" {
        let _ = stream.write_all(&bytes[start..end]);
    }
}

const ZONAL: &str = "id = \"n\"\n";

#[test]
fn a_web_server_without_ranges_is_named_as_the_reason() {
    let (place, _) = place();
    zones(&place);
    // Noise: its map is larger than what GDAL reads of a file at first.
    let noise = place.draw("noise.tif", &Picture::new(11, 1), Window { width: 600, height: 500, ..SCENE });
    place.run(&[&noise], "out", &[]);
    let base = format!("http://{}", Web::without_ranges(&place).address);
    let url = |name: &str| format!("{base}/{name}");
    let words = ["zonal", "zonal.toml", "--zones", "zones.geojson", "--output", "z", "--map", &url("out")];
    for ended in [place.try_run(&[&url("noise.tif")], "none", &[]), place.arpent(&words)] {
        let ended = ended.expect(2);
        assert!(ended.err.contains("does not support range requests"), "{}", ended.err);
        assert!(ended.err.contains("hint: download the file"), "{}", ended.err);
    }
    // As the hint says.
    place.try_run(&[&noise], "copy", &[]).expect(0);
}

fn zones(place: &Place) {
    let shapes = [[0.0, 0.0, 100.0, 90.0], [100.0, 0.0, 230.0, 190.0]];
    let shapes: Vec<_> = (0..).zip(shapes).map(|(i, shape)| (json!({ "n": i }), rectangle(shape))).collect();
    layer(place, "zones.geojson", &shapes);
    place.write("zonal.toml", ZONAL);
}

fn zonal(place: &Place, zones: &str, output: &str) -> crate::common::Ended {
    place.arpent(&["zonal", "zonal.toml", "--map", "out", "--zones", zones, "--output", output])
}

/// Every text file below a folder.
fn texts(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(texts(&entry.path()));
        } else {
            found.push((entry.path(), String::from_utf8_lossy(&read(entry.path()).unwrap()).into_owned()));
        }
    }
    found
}

const SECRETS: [&str; 3] = ["hunter2", "deadbeefcafe", "tok123"];

#[track_caller]
fn has_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn no_secret_of_an_address_is_printed_or_written() {
    let (place, scene) = place();
    zones(&place);
    place.config("[coverage]\nmmu_m2 = 0.4\n");
    place.run(&[&scene], "out", &[]);
    let base = format!("http://bob:hunter2@{}", Web::of(&place).address);
    let url = |name: &str| format!("{base}/{name}?X-Amz-Signature=deadbeefcafe&token=tok123");

    let ended = zonal(&place, &url("zones.geojson"), "of-zones").expect(0);
    has_no_secret(&(ended.out + &ended.err));
    let manifest = Map::at(&place.path("of-zones")).manifest;
    let shown = url("zones.geojson").replace("bob:hunter2@", "").replace("deadbeefcafe", "REDACTED");
    let shown = shown.replace("tok123", "REDACTED");
    assert_eq!((&manifest["inputs"][1]["uri"], &manifest["config"]["zones"]), (&json!(shown), &json!(shown)));
    has_no_secret(&place.arpent(&["inspect", "of-zones"]).expect(0).out);

    // What cannot be read is named without them, in words and in JSON.
    for format in ["human", "json"] {
        let missing = url("none.geojson");
        let run = ["run", "run.toml", "--output", "none", "--scene", &scene, "--format", format];
        place.write("zonal-none.toml", ZONAL);
        for words in [
            vec!["inspect", &missing, "--format", format],
            [&run[..], &["--aoi", &missing]].concat(),
            vec![
                "zonal",
                "zonal-none.toml",
                "--map",
                "out",
                "--zones",
                &missing,
                "--output",
                "none",
                "--format",
                format,
            ],
        ] {
            let ended = place.arpent(&words).expect(2);
            has_no_secret(&(ended.out + &ended.err));
            assert!(ended.err.contains("REDACTED") && ended.err.contains("none.geojson"), "{}", ended.err);
        }
    }
    for (more, ending) in [("", 0), ("x", 2)] {
        let source = url("zones.geojson");
        place.config(&format!(
            "[coverage]\nmmu_m2 = 0.4\n[[reference.override]]\nname = \"b\"\nclass = \"class 1\"\n\
             layer = {{ source = \"{source}\", id = \"n{more}\" }}\n"
        ));
        let ended = place.try_run(&[&scene], "overridden", &[]).expect(ending);
        has_no_secret(&(ended.out + &ended.err));
    }
    for output in ["of-zones", "overridden", "none"] {
        for (path, text) in texts(&place.path(output)) {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} in {}", path.display());
            }
        }
    }
}

#[test]
fn a_map_that_was_changed_is_not_added_up() {
    let (place, scene) = place();
    zones(&place);
    place.config("[coverage]\nmmu_m2 = 0.4\n");
    let map = place.run(&[&scene], "out", &[]);
    zonal(&place, "zones.geojson", "before").expect(0);
    let features = if map.file("features.gpkg").exists() { "features.gpkg" } else { panic!("no GeoPackage") };
    for name in ["map.tif", "labels.tif", "confidence.tif", features] {
        let (file, whole) = (map.file(name), read(map.file(name)).unwrap());
        // Another size; and another byte at the same size, at the end, which no reader needs.
        let mut other = whole.clone();
        *other.last_mut().unwrap() ^= 1;
        for changed in [[&whole[..], b"x"].concat(), other] {
            write(&file, changed).unwrap();
            let ended = zonal(&place, "zones.geojson", "changed").expect(2);
            let said = format!("{name} is not what was published");
            assert!(ended.err.contains(&said) && ended.err.contains("arpent check"), "{name}: {}", ended.err);
            assert!(place.is_clean("changed"));
        }
        write(&file, whole).unwrap();
    }
    zonal(&place, "zones.geojson", "again").expect(0);
    let of = |name: &str| read(Map::at(&place.path(name)).file("zones.csv")).unwrap();
    assert_eq!(of("before"), of("again"));
}

#[test]
fn a_full_scratch_folder_is_an_error_and_no_result_without_columns() {
    let (place, scene) = place();
    zones(&place);
    place.config("");
    place.run(&[&scene], "out", &[]);
    std::fs::create_dir(place.path("small")).unwrap();
    let mount = |options: &str| {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs", &place.text("small")])
            .output();
        mounted.is_ok_and(|o| o.status.success())
    };
    let mut codes = Vec::new();
    for kilobytes in [64, 150, 300, 8000] {
        if !mount(&format!("size={kilobytes}k")) {
            arpent_testing::skip("tmpfs", "no right to mount a small tmpfs");
            return;
        }
        let output = format!("of-{kilobytes}");
        let words = ["zonal", "zonal.toml", "--map", "out", "--zones", "zones.geojson", "--output", &output];
        let ended: crate::common::Ended =
            place.command(&words).env("TMPDIR", place.path("small")).output().unwrap().into();
        assert!(Command::new("umount").arg(place.path("small")).status().is_ok_and(|s| s.success()));
        codes.push(ended.code);
        if ended.code == 0 {
            let rows = rows(&Map::at(&place.path(&output)));
            assert!(rows[0].keys().any(|name| name.ends_with("_objects")), "{:?}", rows[0]);
        } else {
            assert!(ended.err.contains("hint: ") && place.is_clean(&output), "{}", ended.err);
        }
    }
    assert_eq!((codes[0], codes[1], codes[3]), (75, 75, 0), "{codes:?}");
}

#[test]
fn dates_are_iso_8601_whatever_the_format() {
    let (place, scene) = place();
    place.config("");
    place.run(&[&scene], "out", &[]);
    let (day, when, utc, local) =
        ("2021-03-04", "2021-03-04T05:06:07.123+01:00", "2021-03-04T05:06:07Z", "2021-03-04T05:06:07");
    let properties = json!({ "n": 1, "day": day, "when": when, "utc": utc, "local": local });
    layer(&place, "zones.geojson", &[(properties, rectangle([10.0, 10.0, 90.0, 90.0]))]);
    place.write("zonal.toml", "id = \"n\"\nkeep = [\"day\", \"when\", \"utc\", \"local\"]\n");
    for (name, driver) in [("zones.gpkg", "GPKG"), ("zones.fgb", "FlatGeobuf"), ("zones.gml", "GML")] {
        gdal("ogr2ogr", &["-f", driver, &place.text(name), &place.text("zones.geojson")]);
    }
    for name in ["zones.geojson", "zones.gpkg", "zones.fgb", "zones.gml"] {
        zonal(&place, name, &format!("of-{name}")).expect(0);
        let row = &rows(&Map::at(&place.path(&format!("of-{name}"))))[0];
        let kept = ["day", "when", "utc", "local"].map(|field| row[field].as_str());
        // FlatGeobuf has no type for a day without a time.
        let day = if name == "zones.fgb" { "2021-03-04T00:00:00" } else { day };
        assert_eq!(kept, [day, when, utc, local], "{name}");
    }
    // A rule names a date as it is written there.
    place.config(
        "[coverage]\nmmu_m2 = 0.4\n[[reference.override]]\nname = \"b\"\n\
         layer = { source = \"zones.gpkg\", id = \"n\" }\n\
         class = { field = \"day\", values = { \"2021-03-04\" = \"class 1\" } }\n\
         [[reference.enrich]]\nname = \"d\"\nlayer = { source = \"zones.gpkg\", id = \"n\" }\nfields = [\"when\"]\n",
    );
    let map = place.run(&[&scene], "ruled", &[]);
    let told = read_to_string(map.file("features.geojson")).unwrap();
    assert!(told.contains(when) && !told.contains("2021/03/04"), "{}", &told[..2000.min(told.len())]);
}

#[test]
fn objects_of_zones_are_those_of_every_format() {
    let (place, scene) = place();
    // Many small zones: wherever a point lies, its neighbors are others.
    let cells =
        (0..19).flat_map(|row| (0..23).map(move |col| (f64::from(col) * 10.0, f64::from(row) * 10.0)));
    let shapes: Vec<_> = (0..)
        .zip(cells)
        .map(|(i, (col, row))| (json!({ "n": i }), rectangle([col, row, col + 10.0, row + 10.0])))
        .collect();
    layer(&place, "zones.geojson", &shapes);
    place.write("zonal.toml", ZONAL);
    let mut counted = Vec::new();
    for format in ["geopackage", "flatgeobuf", "geojson"] {
        place.config(&format!("[features]\nformats = [\"{format}\"]\n"));
        place.run(&[&scene], "out", &["--overwrite"]);
        zonal(&place, "zones.geojson", format).expect(0);
        let objects: Vec<Vec<(String, String)>> = rows(&Map::at(&place.path(format)))
            .into_iter()
            .map(|row| row.into_iter().filter(|(name, _)| name.ends_with("_objects")).collect())
            .collect();
        assert!(objects.iter().flatten().any(|(_, number)| number == "1"), "nothing was counted of {format}");
        counted.push(objects);
    }
    assert_eq!(counted[0], counted[1], "GeoPackage and FlatGeobuf");
    assert_eq!(counted[0], counted[2], "GeoPackage and GeoJSON");
}

#[test]
fn what_is_no_map_is_named_for_what_it_is() {
    let (place, scene) = place();
    zones(&place);
    place.config("[rasters]\nlabels = false\nmap = false\n[coverage]\nmmu_m2 = 0.4\n");
    place.run(&[&scene], "out", &[]);
    let refused = zonal(&place, "zones.geojson", "none").expect(2);
    assert!(
        refused.err.contains("hint: run it again") && !refused.err.contains("measure ="),
        "{}",
        refused.err
    );
    place.config("");
    let map = place.run(&[&scene], "out", &["--overwrite"]);
    zonal(&place, "zones.geojson", "of-zones").expect(0);

    let words = ["zonal", "zonal.toml", "--map", "of-zones", "--zones", "zones.geojson", "--output", "none"];
    let refused = place.arpent(&words).expect(2);
    assert!(
        refused.err.contains("of-zones contains zonal statistics") && refused.err.contains("--map out"),
        "{}",
        refused.err
    );

    // Maps in folders of their own, as `--group-by-crs` publishes them.
    for folder in ["a", "b"] {
        let to = place.path("several").join(folder);
        std::fs::create_dir_all(to.join(map.manifest["attempt"].as_str().unwrap())).unwrap();
        for file in ["manifest.json"].into_iter().map(PathBuf::from).chain(
            map.manifest["artifacts"].as_array().unwrap().iter().map(|a| a["href"].as_str().unwrap().into()),
        ) {
            copy(place.path("out").join(&file), to.join(&file)).unwrap();
        }
    }
    for verb in ["check", "inspect"] {
        let refused = place.arpent(&[verb, "several"]).expect(2);
        if verb == "check" {
            assert!(
                refused.err.contains("several holds several maps, each in a folder: a, b"),
                "{}",
                refused.err
            );
            assert!(refused.err.contains("hint: name one of them: several/a"), "{}", refused.err);
        }
    }
    place.arpent(&["check", "several/a"]).expect(0);

    gdal("ogr2ogr", &["-f", "GPKG", &place.text("foreign.gpkg"), &place.text("zones.geojson")]);
    let foreign = place.arpent(&["inspect", "foreign.gpkg"]).expect(2);
    assert!(foreign.err.contains("does not contain the features of a run"), "{}", foreign.err);
}

#[test]
fn a_manifest_cannot_control_a_terminal_and_names_files() {
    let (place, scene) = place();
    place.config("");
    place.run(&[&scene], "out", &[]);
    let web = Web::of(&place);
    // A map on a web server is described as one in a folder.
    let url = format!("http://{}/out", web.address);
    place.arpent(&["check", &url]).expect(0);
    let (here, there) =
        (place.arpent(&["inspect", "out"]).expect(0).out, place.arpent(&["inspect", &url]).expect(0).out);
    assert_eq!(there.replace(&url, "out"), here);
    let told = place.arpent(&["inspect", &format!("http://{}/a.tif", web.address)]).expect(0).out;
    assert!(told.starts_with("scene "), "{told}");

    let path = place.path("out/manifest.json");
    let whole: Value = serde_json::from_str(&read_to_string(&path).unwrap()).unwrap();
    let mut hostile = whole.clone();
    hostile["model"]["id"] = "m\u{1b}[2J\u{9b}31m\nstate            verified".into();
    write(&path, hostile.to_string()).unwrap();
    let told = place.arpent(&["inspect", "out"]).expect(0).out;
    assert!(!told.contains(['\u{1b}', '\u{9b}']) && told.contains(r"m\u{1b}[2J\u{9b}31m\nstate"), "{told}");
    assert!(!told.lines().any(|line| line.starts_with("state            verified")), "{told}");

    let mut empty = whole;
    empty["artifacts"] = json!([]);
    write(&path, empty.to_string()).unwrap();
    let refused = place.arpent(&["check", "out"]).expect(2);
    assert!(refused.err.contains("names no file") && refused.err.contains("hint: "), "{}", refused.err);
    assert!(!refused.out.contains("intact"));
}
