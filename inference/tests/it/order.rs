//! Several scenes over the same pixels; when scenes were taken; how many scenes are named at a time.

use arpent_publish::Target;
use arpent_raster::Window;
use arpent_testing::servers::{Azurite, SeaweedFs};
use arpent_testing::{GeoTiff, Picture, Samples};
use serde_json::Value;

use crate::common::{EPSG, GSD, Map, Place, gdal};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);

/// The scenes of each feature: ids, date, and number of such features.
fn origins(map: &Map) -> Vec<(String, String)> {
    let shown = gdal("ogrinfo", &["-ro", "-al", "-q", map.file("features.gpkg").to_str().unwrap()]);
    let of = |key: &str| -> Vec<String> {
        let lines = shown.lines().filter_map(|l| l.trim().strip_prefix(key)?.split_once(" = "));
        lines.map(|(_, value)| value.to_owned()).collect()
    };
    of("scene_ids (String)").into_iter().zip(of("acquired (String)")).collect()
}

fn warnings<'a>(report: &'a Value, code: &str) -> Vec<&'a Value> {
    let all = report["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|w| w["code"] == code).collect()
}

/// Two years of one dalle; the older is the first by name.
fn two_years(place: &Place) -> (Picture, Picture) {
    let (old, new) = (Picture::new(2, 12), Picture::new(9, 12));
    std::fs::create_dir(place.path("dalles")).unwrap();
    place.draw("dalles/d_20190701_a.tif", &old, SCENE);
    place.draw("dalles/d_20220801_a.tif", &new, SCENE);
    (old, new)
}

#[test]
fn two_years_of_one_dalle_need_an_order_and_features_name_the_one_that_was_seen() {
    let place = Place::new();
    two_years(&place);
    let alone = |name: &str| place.run(&[&format!("dalles/{name}.tif")], name, &[]).labels();
    let (old, new) = (alone("d_20190701_a"), alone("d_20220801_a"));
    assert_ne!(old, new);
    let from = "[input]\nacquired_from = \"*_{yyyy}{mm}{dd}_*\"\n";
    place.config(from);
    let refused = place.try_run(&["dalles"], "out", &[]).expect(2);
    assert!(
        refused
            .err
            .contains("`d_20190701_a` (2019-07-01) and `d_20220801_a` (2022-08-01) overlap by 100.0 %")
            && refused.err.contains("order = \"newest\""),
        "{}",
        refused.err
    );
    for (order, scenes, labels, id, date) in [
        ("newest", &["dalles"][..], &new, "d_20220801_a", "2022-08-01"),
        ("given", &["dalles"], &old, "d_20190701_a", "2019-07-01"),
        ("given", &["dalles/d_2022*.tif", "dalles"], &new, "d_20220801_a", "2022-08-01"),
    ] {
        place.config(&format!("{from}order = \"{order}\"\n"));
        let map = place.run(scenes, "out", &["--overwrite", "--window", "32"]);
        assert_eq!(&map.labels(), labels, "{order}");
        let origins = origins(&map);
        assert!(!origins.is_empty());
        assert!(origins.iter().all(|o| *o == (id.to_owned(), date.to_owned())), "{origins:?}");
        assert_eq!(warnings(&map.manifest, "scenes-overlap").len(), 1);
    }
    // Unknown dates: the first by id, with a warning.
    place.config("");
    let map = place.run(&["dalles"], "unknown", &[]);
    assert_eq!(map.labels(), old);
    let plan = place.arpent(&["plan", "run.toml", "--scene", "dalles", "--format", "json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    let report = &plan["maps"][0];
    assert_eq!(report["overlaps"][0]["share"], 1.0, "{report}");
    assert_eq!(warnings(report, "scenes-overlap").len(), 1);
    // With one date alone there is no newest.
    place.config("[input]\nacquired_from = \"*_{yyyy}08{dd}_*\"\n");
    assert!(place.try_run(&["dalles"], "bad", &[]).expect(2).err.contains("{dd} without {mm}"));
    place.config("[input]\nacquired_from = \"*_2022{mm}{dd}_*\"\norder = \"newest\"\n");
    assert!(place.try_run(&["dalles"], "bad", &[]).expect(2).err.contains("must contain {yyyy}"));
    place.config("[input]\nacquired_from = \"d_20{dd}{mm}{yyyy}x*\"\norder = \"newest\"\n");
    let refused = place.try_run(&["dalles"], "bad", &[]).expect(2);
    assert!(refused.err.contains("date unknown") && refused.err.contains("acquired_from"), "{}", refused.err);
}

#[test]
fn a_hole_of_the_newest_is_filled_and_named_from_the_older() {
    let place = Place::new();
    let (old, new) = two_years(&place);
    // The newest holds nothing in its eastern half.
    let mut bands = new.bands(SCENE);
    for (i, value) in bands.iter_mut().enumerate() {
        *value = if i % SCENE.width >= 40 { 0 } else { (*value).max(1) };
    }
    GeoTiff { nodata: Some(0.0), ..GeoTiff::rgb(EPSG, GSD, SCENE, &bands) }
        .write(&place.path("dalles/d_20220801_a.tif"))
        .unwrap();
    // A neighbor of the west that shares no pixel with the others, and one that is covered.
    place.draw("dalles/e_20220801_a.tif", &new, Window::new(SCENE.col - 80, SCENE.row, 80, 70));
    place.draw("dalles/a_20180801_a.tif", &old, Window::new(SCENE.col + 5, SCENE.row + 5, 20, 20));
    place.config("[input]\nacquired_from = \"*_{yyyy}{mm}{dd}_*\"\norder = \"newest\"\n");
    let map = place.run(&["dalles"], "out", &["--window", "32"]);
    let shown = origins(&map);
    assert!(shown.iter().all(|(ids, _)| !ids.contains("a_20180801_a")), "{shown:?}");
    for (ids, date) in [
        ("d_20190701_a", "2019-07-01"),
        ("d_20220801_a", "2022-08-01"),
        ("d_20190701_a,d_20220801_a", "2019-07-01"),
        ("e_20220801_a", "2022-08-01"),
    ] {
        assert!(shown.contains(&(ids.to_owned(), date.to_owned())), "{ids}: {shown:?}");
    }
    // Neither windows nor threads nor the number of processes change it.
    let other = place.run(&["dalles"], "other", &["--window", "64", "--threads", "1"]);
    assert_eq!(shown, origins(&other));
}

#[test]
fn many_scenes_are_named_by_their_place_among_the_inputs() {
    let place = Place::new();
    // One color: a single feature over eleven dalles.
    for i in 0..11 {
        let window = Window::new(SCENE.col + 20 * i, SCENE.row, 20, 20);
        let samples = Samples::Rgb8([215, 205, 195].repeat(400));
        let tiff = GeoTiff { epsg: Some(EPSG), gsd: GSD, window, nodata: None, samples };
        tiff.write(&place.path(&format!("long-name-of-a-dalle-{i:02}.tif"))).unwrap();
    }
    let map = place.run(&["*.tif"], "out", &["--acquired", "2021"]);
    assert_eq!(origins(&map), [("#0-10".to_owned(), "2021-01-01/2021-12-31".to_owned())]);
    assert_eq!(map.manifest["inputs"][10]["id"], "long-name-of-a-dalle-10");
    let few = place.run(&["long-name-of-a-dalle-0[0-3].tif"], "few", &[]);
    assert_eq!(origins(&few)[0].0.matches(',').count(), 3);
    // A comma in a name would be read as two names.
    for (name, copy) in [("long-name-of-a-dalle-00.tif", "x,y.tif"), ("long-name-of-a-dalle-01.tif", "z.tif")]
    {
        std::fs::copy(place.path(name), place.path(copy)).unwrap();
    }
    assert_eq!(origins(&place.run(&["x,y.tif", "z.tif"], "comma", &[]))[0].0, "#0-1");
}

#[test]
fn unknown_dates_stay_unknown() {
    let place = Place::new();
    let drawn = place.draw("drawn.tif", &Picture::new(2, 12), SCENE);
    let tagged = |item: &str| gdal("gdal_translate", &["-q", "-mo", item, &drawn, &place.text("a.tif")]);
    tagged("TIFFTAG_DATETIME=2021:07:14 12:00:00");
    let item = |map: &Map| -> Value {
        serde_json::from_slice(&std::fs::read(map.file("item.json")).unwrap()).unwrap()
    };
    let map = place.run(&["a.tif"], "unknown", &[]);
    assert_eq!(map.manifest["inputs"][0]["acquired"], Value::Null);
    assert!(origins(&map).iter().all(|(_, date)| date == "(null)"));
    let properties = &item(&map)["properties"];
    assert_eq!(properties["arpent:acquired"], "unknown");
    assert!(!properties.to_string().contains("0001-"), "{properties}");
    let map = place.run(&["a.tif"], "stated", &["--acquired", "2021-07-14"]);
    assert_eq!(map.manifest["inputs"][0]["acquired"], "2021-07-14");
    assert_eq!(item(&map)["properties"]["start_datetime"], "2021-07-14T00:00:00Z");
    let bad = place.try_run(&["a.tif"], "bad", &["--acquired", "14/07/2021"]).expect(2);
    assert!(bad.err.contains("2021-07-14"), "{}", bad.err);
    tagged("ACQUISITIONDATETIME=2020-05-06 10:00:00");
    let map = place.run(&["a.tif"], "file", &[]);
    assert_eq!(map.manifest["inputs"][0]["acquired"], "2020-05-06T10:00:00Z");
}

#[test]
fn lists_and_globs_that_the_shell_expanded_name_the_same_scenes() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    let east = Window::new(SCENE.col + 80, SCENE.row, 80, 70);
    std::fs::create_dir(place.path("dalles")).unwrap();
    place.draw("dalles/a.tif", &picture, SCENE);
    place.draw("dalles/b 1.tif", &picture, east);
    let expected = place.run(&["dalles"], "folder", &[]);
    place.write("dalles/list.txt", "# two dalles\na.tif\n\nb 1.tif\n");
    let ids = |map: &Map| {
        map.manifest["inputs"].as_array().unwrap().iter().map(|i| i["id"].clone()).collect::<Vec<_>>()
    };
    place.write("listed.toml", "model = \"model\"\nscenes = [\"@dalles/list.txt\"]\n");
    for (i, words) in [
        &["run", "run.toml", "--scene", "@dalles/list.txt"][..],
        &["run", "run.toml", "--scene", "dalles/a.tif", "dalles/b 1.tif"],
        &["run", "--scene", "dalles/a.tif", "dalles/b 1.tif", "--threads", "1", "run.toml"],
        &["run", "--scene", "dalles/a.tif", "dalles/b 1.tif", "run.toml"],
        &["run", "listed.toml"],
    ]
    .into_iter()
    .enumerate()
    {
        let output = format!("out{i}");
        place.arpent(&[words, &["--output", &output]].concat()).expect(0);
        let map = Map::at(&place.path(&output));
        assert_eq!(map.labels(), expected.labels(), "{words:?}");
        assert_eq!(ids(&map), ids(&expected));
    }
    let plan = place.arpent(&["plan", "--scene", "dalles", "run.toml", "--format", "json"]).expect(0);
    assert!(plan.out.contains("dalles/b 1.tif"), "{}", plan.out);
    let several = place.arpent(&["plan", "--scene", "dalles", "run.toml", "listed.toml"]).expect(2);
    assert!(
        several.err.contains("run.toml, listed.toml") && several.err.contains("hint:"),
        "{}",
        several.err
    );
    // With a configuration before it, it is a scene, and none that can be opened.
    let twice = place.try_run(&["dalles/a.tif", "listed.toml"], "twice", &[]).expect(1);
    assert!(twice.err.contains("listed.toml"), "{}", twice.err);
}

#[test]
fn folders_and_globs_of_an_s3_bucket_are_listed() {
    let Some(server) = SeaweedFs::start() else { return };
    listed(|prefix| server.url(prefix), &server.env());
}

#[test]
fn folders_and_globs_of_an_azure_container_are_listed() {
    let Some(server) = Azurite::start() else { return };
    listed(|prefix| server.url(prefix), &server.env());
    // Without an account, the error names its variable.
    let place = Place::new();
    for scene in ["scenes/dalles/", "scenes/dalles/*.tif", "scenes/dalles/a.tif"] {
        let refused = place.try_run(&[&server.url(scene)], "out", &[]).expect(2);
        assert!(refused.err.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{}", refused.err);
    }
}

/// Lists a folder of a store, whose URLs `url` makes of a prefix, in every way that there is.
fn listed(url: impl Fn(&str) -> String, env: &[(String, String)]) {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    let east = Window::new(SCENE.col + 80, SCENE.row, 80, 70);
    let (a, b) = (place.draw("a.tif", &picture, SCENE), place.draw("b 1.tif", &picture, east));
    let expected = place.run(&[&a, &b], "local", &[]);
    let look_up = |name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let folder = Target::parse_with(&url("scenes/dalles"), &look_up).unwrap();
    for (name, path) in [("a.tif", &a), ("b 1.tif", &b)] {
        folder.replace(name, std::fs::read(path).unwrap(), "image/tiff").unwrap();
    }
    folder.replace("notes.txt", b"no raster".to_vec(), "text/plain").unwrap();
    let run = |scene: &str, output: &str| {
        let mut command = place.command(&["run", "run.toml", "--scene", scene, "--output", output]);
        command.envs(env.iter().cloned());
        crate::common::Ended::from(command.output().unwrap())
    };
    for (i, scene) in ["scenes/dalles/", "scenes/dalles/*.tif", "scenes/*/*.tif", "scenes/dalles/[ab]*.tif"]
        .iter()
        .enumerate()
    {
        let output = format!("remote{i}");
        run(&url(scene), &output).expect(0);
        assert_eq!(Map::at(&place.path(&output)).labels(), expected.labels(), "{scene}");
    }
    let none = run(&url("scenes/dalles/*.jp2"), "none").expect(2);
    assert!(none.err.contains("*.jp2"), "{}", none.err);
    for gone in ["scenes/dalles/gone.tif", "scenes/gone/a.tif"] {
        let gone = run(&url(gone), "gone").expect(2);
        assert!(gone.err.contains("no such object"), "{}", gone.err);
    }
}
