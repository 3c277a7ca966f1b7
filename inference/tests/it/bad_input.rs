//! Bad input: the message, the exit code, and that nothing is left behind.

use std::path::Path;

use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture, Samples};

use crate::common::{EPSG, Ended, GSD, Place, gdal, nearest_color};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);

/// A place with a good scene `a.tif`.
fn place() -> Place {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(1, 12), SCENE);
    place
}

/// The messages, without the parts that differ from run to run.
fn said(place: &Place, ended: &Ended) -> String {
    let folder = place.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    ended.err.replace(&folder, "[folder]")
}

/// Runs on one scene, which cannot start, and checks the messages.
macro_rules! refused {
    ($place:expr, $scene:expr, $more:expr) => {{
        let place = &$place;
        let scene: String = $scene;
        let ended = place.try_run(&[&scene], "out", $more).expect(2);
        assert!(place.is_clean("out"), "something was left behind");
        assert!(ended.err.contains("hint: "), "{}", ended.err);
        insta::assert_snapshot!(said(place, &ended));
    }};
}

fn write(path: &Path, tiff: &GeoTiff) {
    tiff.write(path).unwrap();
}

fn rgb() -> GeoTiff {
    GeoTiff::rgb(EPSG, GSD, SCENE, &Picture::new(1, 12).bands(SCENE))
}

#[test]
fn missing_file() {
    let p = place();
    refused!(p, p.text("nowhere.tif"), &[]);
}

#[test]
fn not_a_raster() {
    let p = place();
    p.write("a.txt", "hello");
    refused!(p, p.text("a.txt"), &[]);
}

#[test]
fn header_of_a_tiff_and_nothing_more() {
    let p = place();
    let bytes = std::fs::read(p.path("a.tif")).unwrap();
    std::fs::write(p.path("cut.tif"), &bytes[..6]).unwrap();
    refused!(p, p.text("cut.tif"), &[]);
}

#[test]
fn empty_file() {
    let p = place();
    p.write("empty.tif", "");
    refused!(p, p.text("empty.tif"), &[]);
}

#[test]
fn no_crs() {
    let p = place();
    let mut tiff = rgb();
    tiff.epsg = None;
    write(&p.path("b.tif"), &tiff);
    refused!(p, p.text("b.tif"), &[]);
}

#[test]
fn rotated() {
    let p = place();
    p.write(
        "rotated.vrt",
        r#"<VRTDataset rasterXSize="80" rasterYSize="70"><SRS>EPSG:2154</SRS><GeoTransform>652000, 0.2, 0.05, 6862000, 0.05, -0.2</GeoTransform>
        <VRTRasterBand dataType="Byte" band="1"><ColorInterp>Red</ColorInterp><SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"#,
    );
    refused!(p, p.text("rotated.vrt"), &[]);
}

#[test]
fn wrong_bands() {
    let p = place();
    let gray = GeoTiff { samples: Samples::Gray8(vec![7; 80 * 70]), ..rgb() };
    write(&p.path("gray.tif"), &gray);
    refused!(p, p.text("gray.tif"), &[]);
}

#[test]
fn samples_of_another_type() {
    let p = place();
    let wide = GeoTiff { samples: Samples::Rgb16(vec![700; 3 * 80 * 70]), ..rgb() };
    write(&p.path("wide.tif"), &wide);
    refused!(p, p.text("wide.tif"), &[]);
}

#[test]
fn gsd_outside_the_range() {
    let p = place();
    let mut tiff = rgb();
    tiff.gsd = 250.0;
    write(&p.path("coarse.tif"), &tiff);
    refused!(p, p.text("coarse.tif"), &[]);
}

#[test]
fn palette_one_bit_and_complex() {
    let p = place();
    let (a, b) = (p.text("a.tif"), p.text("palette.tif"));
    gdal(
        "gdal_translate",
        &["-q", "-b", "1", "-of", "GTiff", "-co", "PHOTOMETRIC=MINISBLACK", &a, &p.text("one.tif")],
    );
    p.write(
        "palette.vrt",
        r#"<VRTDataset rasterXSize="80" rasterYSize="70"><SRS>EPSG:2154</SRS><GeoTransform>652000, 0.2, 0, 6862000, 0, -0.2</GeoTransform>
        <VRTRasterBand dataType="Byte" band="1"><ColorInterp>Palette</ColorInterp><ColorTable><Entry c1="0" c2="0" c3="0"/><Entry c1="9" c2="9" c3="9"/></ColorTable>
        <SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"#,
    );
    gdal("gdal_translate", &["-q", &p.text("palette.vrt"), &b]);
    refused!(p, b, &[]);
    let bits = p.text("bits.tif");
    gdal("gdal_translate", &["-q", "-b", "1", "-scale", "0", "255", "0", "1", "-co", "NBITS=1", &a, &bits]);
    refused!(p, bits, &[]);
    let complex = p.text("complex.tif");
    gdal("gdal_translate", &["-q", "-ot", "CFloat32", &a, &complex]);
    refused!(p, complex, &[]);
}

#[test]
fn different_grids() {
    let p = place();
    let mut tiff = rgb();
    tiff.gsd = 0.5;
    write(&p.path("b.tif"), &tiff);
    let (a, b) = (p.text("a.tif"), p.text("b.tif"));
    let ended = p.try_run(&[&a, &b], "out", &[]).expect(2);
    assert!(p.is_clean("out"));
    insta::assert_snapshot!(said(&p, &ended));
    // One map for each grid when asked for.
    p.try_run(&[&a, &b], "out", &["--group-by-crs"]).expect(0);
    let maps = std::fs::read_dir(p.path("out")).unwrap().count();
    assert_eq!(maps, 2);
}

fn aoi(place: &Place, name: &str, ring: &str) -> String {
    place.write(
        name,
        &format!(
            r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::2154"}}}},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}"#
        ),
    );
    place.text(name)
}

#[test]
fn aoi_outside() {
    let p = place();
    let path = aoi(&p, "far.geojson", "[[0,0],[10,0],[10,10],[0,10],[0,0]]");
    refused!(p, p.text("a.tif"), &["--aoi", &path]);
}

#[test]
fn configuration() {
    let p = place();
    p.config("[tiling]\nwindw_px = 512\n");
    refused!(p, p.text("a.tif"), &[]);
    p.config("[features]\nmin_area_m2 = \"large\"\n");
    let ended = p.try_run(&[&p.text("a.tif")], "out", &[]).expect(2);
    insta::assert_snapshot!(said(&p, &ended));
    p.config("[features]\nformats = [\"shapefile\"]\n");
    refused!(p, p.text("a.tif"), &[]);
    p.config("[features]\nclasses = [\"forest\"]\n");
    refused!(p, p.text("a.tif"), &[]);
}

#[test]
fn more_threads_than_a_machine_can_have() {
    let p = place();
    p.config("[compute]\nthreads = 100000\n");
    let plan = ["plan", "run.toml", "--scene", "a.tif"];
    let refused = p.arpent(&plan).expect(2).err;
    assert!(
        refused.contains("`compute.threads` is 100000, expected 1 to 1024") && refused.contains("line"),
        "{refused}"
    );
    p.config("");
    let refused = p.arpent(&[&plan[..], &["--threads", "1025"]].concat()).expect(2).err;
    assert!(refused.contains("expected 1 to 1024 threads"), "{refused}");
}

#[test]
fn model_packages() {
    let p = place();
    let (scene, json) = (p.text("a.tif"), p.path("model/model.json"));
    let good = std::fs::read_to_string(&json).unwrap();
    let hash = good.split("\"sha256\": \"").nth(1).unwrap()[..64].to_owned();
    std::fs::write(&json, good.replace(&hash, &"0".repeat(64))).unwrap();
    let ended = p.try_run(&[&scene], "out", &[]).expect(2);
    assert!(ended.err.contains(&hash) && ended.err.contains("hint: "), "{}", ended.err);
    std::fs::write(&json, good.replace("arpent-model/1", "arpent-model/9")).unwrap();
    refused!(p, scene.clone(), &[]);
    std::fs::write(&json, &good).unwrap();
    std::fs::remove_file(p.path("model/weights.safetensors")).unwrap();
    refused!(p, scene.clone(), &[]);
    std::fs::remove_dir_all(p.path("model")).unwrap();
    refused!(p, scene, &[]);
}

#[test]
fn weights_that_are_not_numbers() {
    let p = place();
    let weights = p.path("model/weights.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&weights, &bytes).unwrap();
    // The hash is of the new bytes: only the value is wrong.
    let json = p.path("model/model.json");
    let text = std::fs::read_to_string(&json).unwrap();
    let found = p.try_run(&[&p.text("a.tif")], "out", &[]).expect(2).err;
    let digests: Vec<&str> =
        found.split(|c: char| !c.is_ascii_hexdigit()).filter(|w| w.len() == 64).collect();
    let old = text.split("\"sha256\": \"").nth(1).unwrap()[..64].to_owned();
    let new = digests.iter().find(|d| **d != old).unwrap();
    std::fs::write(&json, text.replace(&old, new)).unwrap();
    refused!(p, p.text("a.tif"), &[]);
}

#[test]
fn an_output_that_exists() {
    let p = place();
    let scene = p.text("a.tif");
    let map = p.run(&[&scene], "out", &[]);
    let ended = p.try_run(&[&scene], "out", &[]).expect(2);
    insta::assert_snapshot!(said(&p, &ended));
    let again = p.run(&[&scene], "out", &["--overwrite"]);
    assert_eq!(map.hashes(), again.hashes());
    assert!(!map.file("labels.tif").exists(), "the former files are gone");
}

#[test]
fn an_output_that_cannot_be_written() {
    let p = place();
    p.write("file", "not a folder");
    let ended = p.try_run(&[&p.text("a.tif")], "file/out", &[]).expect(2);
    assert!(ended.err.contains("hint: "), "{}", ended.err);
    insta::assert_snapshot!(said(&p, &ended));
}

#[test]
fn a_disk_that_is_full() {
    let p = place();
    std::fs::create_dir(p.path("small")).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs", &p.text("small")])
        .output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        arpent_testing::skip("tmpfs", "no right to mount a small tmpfs");
        return;
    }
    let ended = p.try_run(&[&p.text("a.tif")], "small/out", &[]);
    let left: Vec<_> = std::fs::read_dir(p.path("small")).unwrap().flatten().map(|e| e.path()).collect();
    let unmounted = std::process::Command::new("umount").arg(p.path("small")).status();
    assert!(unmounted.is_ok_and(|s| s.success()));
    let ended = ended.expect(75);
    assert!(ended.err.contains("No space left") && ended.err.contains("hint: "), "{}", ended.err);
    assert!(!left.iter().any(|l| l.join("manifest.json").exists()));
}

#[test]
fn all_nodata() {
    let p = place();
    let tiff = GeoTiff { samples: Samples::Rgb8(vec![0; 3 * 80 * 70]), ..rgb() }.with_nodata(0.0);
    write(&p.path("void.tif"), &tiff);
    let ended = p.try_run(&[&p.text("void.tif")], "out", &[]).expect(1);
    assert!(p.is_clean("out"));
    let last: Vec<&str> =
        ended.err.lines().filter(|l| l.starts_with("error") || l.starts_with("hint")).collect();
    insta::assert_snapshot!(last.join("\n"));
}

#[test]
fn a_truncated_scene_among_three() {
    let p = Place::new();
    let picture = Picture::new(4, 12);
    let next = |i: i64| Window::new(SCENE.col + 80 * i, SCENE.row, 80, 70);
    let files: Vec<String> = (0..3).map(|i| p.draw(&format!("{i}.tif"), &picture, next(i))).collect();
    // Compressed, so that the header is whole and pixels are missing.
    gdal(
        "gdal_translate",
        &[
            "-q",
            "-co",
            "COMPRESS=DEFLATE",
            "-co",
            "TILED=YES",
            "-co",
            "BLOCKXSIZE=16",
            "-co",
            "BLOCKYSIZE=16",
            "-co",
            "COPY_SRC_OVERVIEWS=NO",
            &files[1],
            &p.text("cut.tif"),
        ],
    );
    let bytes = std::fs::read(p.path("cut.tif")).unwrap();
    std::fs::write(p.path("cut.tif"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    let good = p.run(&[&files[0], &files[2]], "good", &[]);
    let ended = p.try_run(&[&files[0], &p.text("cut.tif"), &files[2]], "out", &[]).expect(1);
    assert!(ended.err.contains("cut.tif"), "{}", ended.err);
    let map = crate::common::Map::at(&p.path("out"));
    assert_eq!(map.features(), good.features());
    assert_eq!(map.labels(), good.labels());
    assert!(map.manifest["failed_inputs"][0]["uri"].as_str().unwrap().ends_with("cut.tif"));
    assert_eq!(map.manifest["inputs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_missing_scene_among_three() {
    let p = Place::new();
    let picture = Picture::new(4, 12);
    let next = |i: i64| Window::new(SCENE.col + 80 * i, SCENE.row, 80, 70);
    let files: Vec<String> = (0..2).map(|i| p.draw(&format!("{i}.tif"), &picture, next(i))).collect();
    let ended = p.try_run(&[&files[0], &p.text("gone.tif"), &files[1]], "out", &[]).expect(1);
    assert!(ended.err.contains("gone.tif"), "{}", ended.err);
    assert_eq!(crate::common::Map::at(&p.path("out")).manifest["inputs"].as_array().unwrap().len(), 2);
}

/// A folder with a scene `huge.vrt` of 200,000 x 200,000 px.
fn huge_scene(compute: &str) -> Place {
    let p = Place::empty();
    nearest_color(&p.path("model"), 1);
    p.config(compute);
    p.draw("a.tif", &Picture::new(1, 12), SCENE);
    let band = |i: u8, color: &str| {
        format!(
            r#"<VRTRasterBand dataType="Byte" band="{i}"><ColorInterp>{color}</ColorInterp><SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>{i}</SourceBand></SimpleSource></VRTRasterBand>"#
        )
    };
    p.write(
        "huge.vrt",
        &format!(
            r#"<VRTDataset rasterXSize="200000" rasterYSize="200000"><SRS>EPSG:2154</SRS><GeoTransform>652000, 0.2, 0, 6862000, 0, -0.2</GeoTransform>{}{}{}</VRTDataset>"#,
            band(1, "Red"),
            band(2, "Green"),
            band(3, "Blue")
        ),
    );
    p
}

fn planned_mb(p: &Place, threads: &str) -> u64 {
    let words = ["plan", "run.toml", "--scene", "huge.vrt", "--threads", threads, "--format", "json"];
    let plan: serde_json::Value = serde_json::from_str(&p.arpent(&words).expect(0).out).unwrap();
    plan["maps"][0]["memory_bound_mb"].as_u64().unwrap()
}

#[test]
fn a_memory_limit_leaves_fewer_windows_side_by_side() {
    let free = huge_scene("");
    let (one, four) = (planned_mb(&free, "1"), planned_mb(&free, "4"));
    assert!(one + 50 < four, "{one} MB and {four} MB");
    let limited = |mb: u64| huge_scene(&format!("[compute]\nmemory_limit_mb = {mb}\n"));
    assert_eq!(planned_mb(&limited(one), "4"), one);
    assert!((one + 1..four).contains(&planned_mb(&limited(four - 1), "4")));
    let ended =
        limited(one - 1).arpent(&["plan", "run.toml", "--scene", "huge.vrt", "--threads", "4"]).expect(2);
    assert!(ended.err.contains(&format!("about {one} MB of memory")), "{}", ended.err);
}

/// Of a memory limit, the number of windows side by side is the largest that fits, and it is found soon; threads beyond those that
/// the machine has work for are not started.
#[test]
fn a_thousand_threads_are_planned_like_a_few() {
    let free = huge_scene("");
    let many = planned_mb(&free, "1024");
    assert!(many >= planned_mb(&free, "4"));
    let limited = huge_scene(&format!("[compute]\nmemory_limit_mb = {}\n", many - 1));
    assert!(planned_mb(&limited, "1024") < many);
}

#[test]
fn a_scene_of_forty_billion_pixels_starts_within_its_bound() {
    let p = huge_scene("");
    let bound_mb = planned_mb(&p, "2");
    assert!(bound_mb < 3_500, "{bound_mb} MB");
    // It starts, and stays within the bound while it goes over its first windows.
    let mut child = p
        .command(&["run", "run.toml", "--scene", "huge.vrt", "--threads", "2", "--output", "out"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The end of its standard output is the end of the process; a run that lives has six seconds.
    let (ended, end) = std::sync::mpsc::channel();
    let mut output = child.stdout.take().unwrap();
    std::thread::spawn(move || ended.send(std::io::copy(&mut output, &mut std::io::sink())));
    assert!(end.recv_timeout(std::time::Duration::from_secs(6)).is_err(), "the run ended early");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    let peak_mb = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1000;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(peak_mb > 10 && peak_mb <= bound_mb, "{peak_mb} MB of {bound_mb}");
    assert!(p.shows_nothing("out"));
}
