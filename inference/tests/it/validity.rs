//! Which pixels are mapped: missing blocks, alpha, masks and nodata, and warnings where they are doubtful.

use std::process::Command;

use arpent_model::{HandSet, hand_set_linear};
use arpent_raster::{SampleType, Window};
use arpent_testing::{GeoTiff, Picture, Samples};
use serde_json::Value;

use crate::common::{EPSG, Ended, GSD, Map, Place, gdal};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);

fn pixels(picture: &Picture, window: Window) -> Vec<[u8; 3]> {
    (window.row..window.row_end())
        .flat_map(|r| (window.col..window.col_end()).map(move |c| picture.color(c, r)))
        .collect()
}

fn write(place: &Place, name: &str, window: Window, nodata: Option<f64>, samples: Samples) -> String {
    GeoTiff { epsg: Some(EPSG), gsd: GSD, window, nodata, samples }.write(&place.path(name)).unwrap();
    place.text(name)
}

/// A package that splits one band at `limit` into class 0 and class 1.
fn threshold(place: &Place, limit: f32, samples: SampleType) {
    let mut settings = HandSet::segmentation(&["nir"], 2);
    settings.sample_types = vec![samples];
    if samples == SampleType::Float32 {
        settings.value_range = [0.0, 1.0];
    }
    hand_set_linear(&settings, &[vec![0.0], vec![1.0]], &[0.0, -limit], &place.path("model")).unwrap();
}

/// Bytes of a value.
fn count(bytes: &[u8], value: u8) -> usize {
    bytes.iter().map(|byte| usize::from(*byte == value)).sum()
}

fn codes(map: &Map) -> Vec<String> {
    let warnings = map.manifest["warnings"].as_array().cloned().unwrap_or_default();
    warnings.iter().map(|w| w["code"].as_str().unwrap().to_owned()).collect()
}

fn plan(place: &Place, scenes: &[&str]) -> Value {
    let mut words = vec!["plan", "run.toml", "--format", "json"];
    for scene in scenes {
        words.extend(["--scene", scene]);
    }
    serde_json::from_str(&place.arpent(&words).expect(0).out).unwrap()
}

#[test]
fn a_plain_vrt_is_the_map_of_its_dalles() {
    let place = Place::new();
    let picture = Picture::new(5, 12);
    let dalles: Vec<String> = (0..4)
        .map(|i| {
            let window = Window::new(SCENE.col + i * 80, SCENE.row + i * 70, 80, 70);
            place.draw(&format!("d{i}.tif"), &picture, window)
        })
        .collect();
    let dalles: Vec<&str> = dalles.iter().map(String::as_str).collect();
    let vrt = place.text("all.vrt");
    gdal("gdalbuildvrt", &[&["-q", vrt.as_str()][..], &dalles].concat());
    let files = place.run(&dalles, "files", &[]);
    for (name, more) in [("whole", &[][..]), ("small", &["--window", "64"])] {
        let map = place.run(&[&vrt], name, more);
        assert_eq!(map.labels(), files.labels());
        assert_eq!(map.raster("confidence.tif"), files.raster("confidence.tif"));
        assert_eq!(map.features(), files.features());
        assert_eq!(map.manifest["counts"]["pixels_valid"], 4 * 80 * 70);
    }
}

#[test]
fn a_vrt_that_lacks_a_file_is_known_at_plan() {
    let place = Place::new();
    let picture = Picture::new(5, 12);
    let east = Window::new(SCENE.col + 80, SCENE.row, 80, 70);
    let (a, b) = (place.draw("a.tif", &picture, SCENE), place.draw("b.tif", &picture, east));
    gdal("gdalbuildvrt", &["-q", &place.text("both.vrt"), &a, &b]);
    std::fs::remove_file(&b).unwrap();
    let refused = place.arpent(&["plan", "run.toml", "--scene", "both.vrt"]).expect(2);
    assert!(
        refused.err.contains("b.tif`, which does not exist") && refused.err.contains("hint:"),
        "{}",
        refused.err
    );
    let partial = place.arpent(&["plan", "run.toml", "--scene", "both.vrt", "--scene", "a.tif"]).expect(1);
    assert!(partial.out.contains("cannot be used") && partial.out.contains("b.tif"), "{}", partial.out);
}

/// Red, green and blue of a picture, and near infrared that is 0 in every seventh column, which the file flags as alpha.
fn infrared(place: &Place, picture: &Picture) -> (String, Vec<u8>) {
    let nir = |i: usize| u8::try_from(i % 80 % 7 * 40).unwrap();
    let rgba = pixels(picture, SCENE).into_iter().enumerate().flat_map(|(i, [r, g, b])| [r, g, b, nir(i)]);
    let path = write(place, "rgbn.tif", SCENE, None, Samples::Rgba8(rgba.collect()));
    (path, (0..SCENE.width * SCENE.height).map(nir).collect())
}

#[test]
fn a_requested_band_flagged_as_alpha_is_data() {
    let place = Place::new();
    threshold(&place, 100.0, SampleType::Uint8);
    let (scene, nir) = infrared(&place, &Picture::new(5, 12));
    place.config("[input]\nbands = { nir = 4 }\n");
    let map = place.run(&[&scene], "out", &[]);
    let expected: Vec<u8> = nir.iter().map(|v| u8::from(*v > 100)).collect();
    assert_eq!(map.labels(), expected);
    assert_eq!(codes(&map), Vec::<String>::new());
    assert_eq!(map.manifest["inputs"][0]["valid"], "every pixel");

    // STAC has the same.
    place.config("");
    place.write(
        "item.json",
        r#"{"type":"Feature","stac_version":"1.1.0","id":"dalle","geometry":null,"links":[],"properties":{"datetime":"2023-06-14T10:30:00Z"},
        "assets":{"image":{"href":"./rgbn.tif","type":"image/tiff; application=geotiff","roles":["data"],
        "bands":[{"eo:common_name":"red"},{"eo:common_name":"green"},{"eo:common_name":"blue"},{"eo:common_name":"nir"}]}}}"#,
    );
    assert_eq!(place.run(&["item.json"], "stac", &[]).labels(), expected);
    // A description of the band, too.
    let names = gdal("gdal_translate", &["-q", "-of", "VRT", &scene, "/vsistdout/"]);
    let alpha = "<ColorInterp>Alpha</ColorInterp>";
    let described = names.replace(alpha, &format!("<Description>Near Infrared</Description>{alpha}"));
    assert_ne!(names, described);
    place.write("named.vrt", &described);
    assert_eq!(place.run(&["named.vrt"], "description", &[]).labels(), expected);
}

#[test]
fn an_alpha_band_of_many_values_has_a_warning_and_an_option_decides() {
    let place = Place::new();
    let picture = Picture::new(5, 12);
    let (scene, nir) = infrared(&place, &picture);
    let wide: Vec<u8> = nir
        .iter()
        .enumerate()
        .map(|(i, v)| if *v == 0 { 0 } else { u8::try_from(i % 200 + 1).unwrap() })
        .collect();
    let rgba = pixels(&picture, SCENE).into_iter().zip(&wide).flat_map(|([r, g, b], a)| [r, g, b, *a]);
    write(&place, "rgbn.tif", SCENE, None, Samples::Rgba8(rgba.collect()));
    let plain = place.run(&[&place.draw("rgb.tif", &picture, SCENE)], "plain", &[]);
    assert_eq!(codes(&plain), Vec::<String>::new());

    let told = plan(&place, &[&scene]);
    let warning = &told["maps"][0]["warnings"][0];
    assert_eq!(
        (warning["code"].as_str(), warning["subject"].as_str()),
        (Some("alpha-of-many-values"), Some("rgbn"))
    );
    assert_eq!(told["maps"][0]["scenes"][0]["valid"], "alpha (band 4)");
    let hint = warning["hint"].as_str().unwrap();
    assert!(hint.contains("alpha = \"data\""), "{hint}");
    let ended = place.try_run(&[&scene], "told", &[]).expect(0);
    assert!(ended.err.contains("flagged as alpha"), "{}", ended.err);
    let map = Map::at(&place.path("told"));
    assert_eq!(codes(&map), ["alpha-of-many-values"]);
    assert_eq!(count(&map.labels(), 255), count(&wide, 0));

    // As in the hint.
    place.config("[input]\nalpha = \"data\"\n");
    let map = place.run(&[&scene], "data", &[]);
    assert_eq!((map.labels(), codes(&map)), (plain.labels(), vec![]));
    place.config("[input]\nalpha = \"mask\"\n");
    let map = place.run(&[&scene], "mask", &[]);
    assert_eq!(codes(&map), Vec::<String>::new());
    assert!(map.labels().contains(&255));
    place.config("[input]\nalpha = 4\n");
    assert_eq!(place.run(&[&scene], "number", &[]).labels(), map.labels());
    for (config, expected) in [
        ("alpha = 5", "band 5 (`alpha` under [input]) cannot be alpha"),
        ("alpha = 1", "band 1 (`alpha` under [input]) cannot be alpha"),
        ("alpha = \"maybe\"", "expected \"mask\", \"data\" or the number of a band"),
        ("bands = { red = 9 }", "has no band `red`"),
    ] {
        place.config(&format!("[input]\n{config}\n"));
        let refused = place.arpent(&["plan", "run.toml", "--scene", &scene]).expect(2);
        assert!(refused.err.contains(expected), "{}", refused.err);
        assert!(refused.err.contains("run.toml, line 3") && refused.err.contains(config), "{}", refused.err);
    }
}

#[test]
fn alpha_decides_before_nodata_with_a_warning() {
    let place = Place::new();
    let picture = Picture::new(5, 12);
    let black = |i: usize| i % 80 < 20;
    let void = |i: usize| i % 80 >= 60;
    let rgba = |i: usize, p: [u8; 3]| match (black(i), void(i)) {
        (true, _) => [0, 0, 0, 255],
        (_, true) => [p[0], p[1], p[2], 0],
        _ => [p[0], p[1], p[2], 255],
    };
    let samples = pixels(&picture, SCENE).into_iter().enumerate().flat_map(|(i, p)| rgba(i, p)).collect();
    let scene = write(&place, "rgba.tif", SCENE, Some(0.0), Samples::Rgba8(samples));
    let map = place.run(&[&scene], "out", &[]);
    assert!(map.labels().iter().enumerate().all(|(i, l)| (*l == 255) == void(i)));
    assert!(codes(&map).contains(&"nodata-ignored".to_owned()), "{:?}", codes(&map));
    place.config("[input]\nnodata = 0\n");
    let map = place.run(&[&scene], "declared", &[]);
    assert!(map.labels().iter().enumerate().all(|(i, l)| (*l == 255) == (void(i) || black(i))));
    assert_eq!(map.manifest["inputs"][0]["valid"], "alpha (band 4), nodata 0 (configuration)");
    assert!(!codes(&map).contains(&"nodata-ignored".to_owned()), "{:?}", codes(&map));
}

#[test]
fn absurd_nodata_takes_nothing_out_of_a_mosaic() {
    let place = Place::new();
    threshold(&place, 0.35, SampleType::Float32);
    place.config("[input]\nbands = { nir = 1 }\n");
    let float = |i: usize| f32::from(u8::try_from(i % 7).unwrap()) / 10.0;
    let values: Vec<f32> = (0..SCENE.width * SCENE.height).map(float).collect();
    let expected: Vec<u8> = values.iter().map(|v| u8::from(*v > 0.35)).collect();
    let plain = write(&place, "plain.tif", SCENE, None, Samples::Gray32(values));
    for (i, text) in
        ["inf", "-inf", "-1.79769313486232e+308", "nan", "-3.4028234663852886e+38"].iter().enumerate()
    {
        let name = place.text(&format!("n{i}.tif"));
        gdal("gdal_translate", &["-q", "-a_nodata", text, &plain, &name]);
        assert_eq!(place.run(&[&name], &format!("n{i}"), &[]).labels(), expected, "{text}");
    }
}

#[test]
fn nodata_can_be_declared() {
    let place = Place::new();
    let picture = Picture::new(5, 12);
    let void = |i: usize| i % 80 >= 50;
    let rgb = |values: [u8; 3]| {
        let of = move |(i, p): (usize, [u8; 3])| if void(i) { values } else { p };
        Samples::Rgb8(pixels(&picture, SCENE).into_iter().enumerate().flat_map(of).collect())
    };
    let scene = write(&place, "a.tif", SCENE, None, rgb([7, 8, 9]));
    place.config("[input]\nnodata = [7, 8, 9.0]\n");
    let map = place.run(&[&scene], "bands", &[]);
    assert!(map.labels().iter().enumerate().all(|(i, l)| (*l == 255) == void(i)));
    // A file that declares what is data.
    let scene = write(&place, "b.tif", SCENE, Some(0.0), rgb([0, 0, 0]));
    place.config("");
    assert_eq!(count(&place.run(&[&scene], "file", &[]).labels(), 255), 30 * 70);
    place.config("[input]\nnodata = \"none\"\n");
    assert!(!place.run(&[&scene], "none", &[]).labels().contains(&255));
    for (config, expected) in [
        ("nodata = [0, 0]", "has 2 values, expected one for each of its 3 bands"),
        ("nodata = nan", "written in quotes"),
        ("nodata = \"black\"", "expected a number, \"none\""),
        ("resample = true\npixel_size = [200.0, 200.0]", "input.pixel_size gives"),
    ] {
        place.config(&format!("[input]\n{config}\n"));
        let refused = place.arpent(&["plan", "run.toml", "--scene", &scene]).expect(2);
        assert!(refused.err.contains(expected), "{}", refused.err);
        let line = 2 + config.lines().count();
        assert!(refused.err.contains(&format!("run.toml, line {line}")), "{}", refused.err);
    }
    place.config("[input]\nnodata = [\"nan\", \"inf\", \"none\"]\n");
    assert!(!place.run(&[&scene], "words", &[]).labels().contains(&255));
}

/// Dalles in JPEG 2000, which has no nodata value: the second has a slanted collar.
fn jpeg_2000(place: &Place) -> (Vec<String>, impl Fn(usize) -> bool) {
    let picture = Picture::new(5, 12);
    let is_void = |i: usize| i % 160 >= 80 && i % 160 - 80 + i / 160 >= 60;
    let east = Window::new(SCENE.col + 80, SCENE.row, 80, 70);
    let mut rgb: Vec<[u8; 3]> = pixels(&picture, east);
    for (i, p) in rgb.iter_mut().enumerate() {
        if is_void(i / 80 * 160 + 80 + i % 80) {
            *p = [0; 3];
        }
    }
    let a = place.draw("a.tif", &picture, SCENE);
    let b = write(place, "b.tif", east, None, Samples::Rgb8(rgb.concat()));
    let name = |name: &str| place.text(&format!("jp2/{name}.jp2"));
    std::fs::create_dir(place.path("jp2")).unwrap();
    let options = ["-q", "-of", "JP2OpenJPEG", "-co", "QUALITY=100", "-co", "REVERSIBLE=YES"];
    for (from, to) in [(&a, name("a")), (&b, name("b"))] {
        gdal("gdal_translate", &[&options[..], &[from.as_str(), to.as_str()]].concat());
    }
    (vec![name("a"), name("b")], is_void)
}

#[test]
fn collars_have_a_warning_and_are_left_out_on_request() {
    let place = Place::new();
    let (dalles, is_void) = jpeg_2000(&place);
    let dalles: Vec<&str> = dalles.iter().map(String::as_str).collect();
    let told = plan(&place, &dalles);
    let warnings = told["maps"][0]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((warnings[0]["code"].as_str(), warnings[0]["subject"].as_str()), (Some("collar"), Some("b")));
    let map = place.run(&dalles, "told", &[]);
    assert!(codes(&map) == ["collar"] && !map.labels().contains(&255));

    // The three things that the hint names.
    place.config("[input]\ncollar = \"leave-out\"\n");
    let whole = place.run(&dalles, "out", &[]);
    assert_eq!(codes(&whole), ["collar-left-out"]);
    // Dark pixels of the picture beside the collar may be in its halo: they are few.
    let labels = whole.labels();
    let wrong = labels.iter().enumerate().filter(|(i, l)| (**l == 255) != is_void(*i));
    assert_eq!(wrong.clone().filter(|(i, _)| is_void(*i)).count(), 0, "of the collar nothing is mapped");
    assert!(wrong.count() < 40);
    let small = place.run(&dalles, "small", &["--window", "32", "--threads", "1"]);
    assert_eq!((small.labels(), small.features()), (whole.labels(), whole.features()));
    let shards = place.plan(&dalles, "shards", 2, &["--window", "32"]);
    (0..2).for_each(|i| drop(place.worker(&shards, i).expect(0)));
    place.arpent(&["merge", "--plan", &shards]).expect(0);
    let merged = Map::at(&place.path("shards"));
    assert_eq!((merged.labels(), merged.features()), (whole.labels(), whole.features()));

    place.config("[input]\nnodata = 0\n");
    let declared = place.run(&dalles, "nodata", &[]);
    assert!(declared.labels().iter().enumerate().all(|(i, l)| (*l == 255) == is_void(i)));
    assert_eq!(codes(&declared), Vec::<String>::new(), "what is taken out is no collar any more");
    place.config("[input]\ncollar = \"keep\"\n");
    let kept = place.run(&dalles, "keep", &[]);
    assert_eq!((kept.labels(), codes(&kept)), (map.labels(), vec![]));
}

fn follow(place: &Place, ended: &Ended) {
    let hint = ended.err.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
    let status = Command::new("sh").arg("-c").arg(hint).current_dir(place.path("")).status().unwrap();
    assert!(status.success(), "{hint}");
}

#[test]
fn the_hint_for_a_turned_scene_leads_to_a_right_map() {
    let place = Place::new();
    let picture = Picture::new(5, 12);
    let flat = place.draw("flat.tif", &picture, Window::new(SCENE.col, SCENE.row, 150, 120));
    gdal("gdal_translate", &["-q", "-of", "VRT", &flat, &place.text("turned.vrt")]);
    let xml = std::fs::read_to_string(place.path("turned.vrt")).unwrap();
    let (before, rest) = xml.split_once("<GeoTransform>").unwrap();
    let (_, after) = rest.split_once("</GeoTransform>").unwrap();
    let (sin, cos) = (0.5f64.sin() * GSD, 0.5f64.cos() * GSD);
    let turned =
        format!("{before}<GeoTransform>650000,{cos},{sin},6860000,{sin},-{cos}</GeoTransform>{after}");
    place.write("turned.vrt", &turned);
    let refused = place.try_run(&["turned.vrt"], "no", &[]).expect(2);
    follow(&place, &refused);
    let map = place.run(&["turned_north_up.tif"], "out", &[]);
    let alpha = gdal(
        "gdal_translate",
        &["-q", "-b", "4", "-of", "ENVI", &place.text("turned_north_up.tif"), &place.text("alpha.img")],
    );
    assert_eq!(alpha, "");
    let alpha = std::fs::read(place.path("alpha.img")).unwrap();
    let labels = map.labels();
    assert!(labels.iter().zip(&alpha).all(|(label, alpha)| (*label == 255) == (*alpha == 0)));
    let outside = count(&labels, 255);
    assert!(outside * 5 > labels.len(), "{outside} of {}", labels.len());
    assert_eq!(codes(&map), Vec::<String>::new());
}

#[test]
fn what_decides_is_shown() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(5, 12), SCENE);
    gdal("gdal_edit.py", &["-a_nodata", "3", &scene]);
    gdal(
        "gdal_translate",
        &[
            "-q",
            "--config",
            "GDAL_TIFF_INTERNAL_MASK",
            "NO",
            "-mask",
            "1",
            "-b",
            "1",
            "-b",
            "2",
            "-b",
            "3",
            &scene,
            &place.text("m.tif"),
        ],
    );
    let shown = place.arpent(&["inspect", "m.tif"]).expect(0);
    assert!(shown.out.contains("the mask") && shown.out.contains("m.tif.msk"), "{}", shown.out);
    let told = place.arpent(&["plan", "run.toml", "--scene", "m.tif"]).expect(0);
    assert!(told.out.contains("valid: the mask") && told.out.contains("read with m.tif.msk"), "{}", told.out);
    let shown = place.arpent(&["inspect", "a.tif"]).expect(0);
    assert!(shown.out.contains("nodata 3 (file)"), "{}", shown.out);
}

/// Writes an item of `a.tif`.
fn write_item(place: &Place, name: &str, properties: &Value, asset: &Value) {
    let mut image = serde_json::json!({"href": "a.tif", "type": "image/tiff", "roles": ["data"]});
    image.as_object_mut().unwrap().extend(asset.as_object().unwrap().clone());
    let item = serde_json::json!({"type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": null, "links": [],
        "properties": properties, "assets": {"image": image}});
    place.write(&format!("{name}.json"), &item.to_string());
}

#[test]
fn values_of_an_item_are_marked_as_the_item_s() {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 12), SCENE);
    let properties = serde_json::json!({"datetime": "2022-05-01T10:00:00Z"});
    write_item(
        &place,
        "dalle",
        &properties,
        &serde_json::json!({"raster:bands": [{"nodata": 9}, {"nodata": 9}, {"nodata": 9}]}),
    );
    let map = place.run(&["dalle.json"], "out", &[]);
    assert_eq!(map.manifest["inputs"][0]["valid"], "nodata 9 (item)");
    assert_eq!(plan(&place, &["dalle.json"])["maps"][0]["scenes"][0]["valid"], "nodata 9 (item)");
    for (href, says) in [("ftp://h/a.tif", "`ftp://h/a.tif`"), ("", "is empty")] {
        write_item(&place, "elsewhere", &properties, &serde_json::json!({"href": href}));
        let refused = place.try_run(&["elsewhere.json"], "no", &[]).expect(2).err;
        assert!(refused.contains("item `elsewhere`, asset `image`") && refused.contains(says), "{refused}");
        assert!(refused.contains("hint: an href is") && !refused.contains("vrt_allowed"), "{refused}");
    }
}

#[test]
fn invalid_dates_have_a_warning_and_are_unknown() {
    let place = Place::new();
    place.draw("a.tif", &Picture::new(5, 12), SCENE);
    for (number, properties) in [
        serde_json::json!({"datetime": "2022-13-01T00:00:00Z"}),
        serde_json::json!({"datetime": "01/05/2022"}),
        serde_json::json!({"datetime": "2022-05-01T10:00:00"}),
        serde_json::json!({"datetime": null, "start_datetime": "2020-12-01T00:00:00Z", "end_datetime": "2020-01-31T23:59:59Z"}),
    ]
    .iter()
    .enumerate()
    {
        write_item(&place, "dalle", properties, &serde_json::json!({}));
        let map = place.run(&["dalle.json"], &format!("out{number}"), &[]);
        let told = &map.manifest["warnings"][0];
        assert_eq!((&told["code"], &told["subject"]), (&"date-not-readable".into(), &"dalle".into()), "{properties}");
        let said = properties["datetime"].as_str().unwrap_or("2020-12-01T00:00:00Z/2020-01-31T23:59:59Z");
        assert!(told["message"].as_str().unwrap().contains(said), "{told}");
        assert_eq!(map.manifest["inputs"][0]["acquired"], Value::Null);
        let item: Value = serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap();
        assert_eq!(item["properties"]["arpent:acquired"], "unknown");
        assert!(map.features().iter().all(|row| !format!("{row:?}").contains(said)), "{said}");
        let shown = place.arpent(&["inspect", "dalle.json"]).expect(0);
        assert!(shown.out.contains("unknown") && shown.err.contains(said), "{} {}", shown.out, shown.err);
        // The user's value is in the outputs.
        let stated = place.run(&["dalle.json"], &format!("stated{number}"), &["--acquired", "2022-05-01"]);
        assert_eq!((codes(&stated), &stated.manifest["inputs"][0]["acquired"]), (vec![], &"2022-05-01".into()));
    }
}

#[test]
fn the_transparent_color_of_a_png_is_its_nodata() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(5, 12), SCENE);
    gdal("gdal_translate", &["-q", "-of", "PNG", "-a_nodata", "0", &scene, &place.text("a.png")]);
    let map = place.run(&["a.png"], "out", &[]);
    assert_eq!(codes(&map), Vec::<String>::new());
    assert_eq!(map.manifest["inputs"][0]["valid"], "nodata 0 (file)");
}
