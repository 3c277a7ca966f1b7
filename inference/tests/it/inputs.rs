//! The ways in which scenes are named, and what they may hold.

use arpent_base::number::exact;
use arpent_model::{HandSet, hand_set_linear};
use arpent_raster::{SampleType, Window};
use arpent_testing::{GeoTiff, Picture, Samples};

use crate::common::{EPSG, GSD, Map, Place, gdal};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);

fn interleaved(picture: &Picture, window: Window) -> Vec<u8> {
    (window.row..window.row_end())
        .flat_map(|r| (window.col..window.col_end()).flat_map(move |c| picture.color(c, r)))
        .collect()
}

#[test]
fn files_globs_folders_and_vrts_are_the_same_scenes() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    std::fs::create_dir(place.path("dalles")).unwrap();
    let east = Window::new(SCENE.col + 80, SCENE.row, 80, 70);
    let (a, b) = (place.draw("dalles/a.tif", &picture, SCENE), place.draw("dalles/b.tif", &picture, east));
    gdal("gdalbuildvrt", &["-q", &place.text("both.vrt"), &a, &b]);
    let files = place.run(&[&a, &b], "files", &[]);
    for (i, scene) in ["dalles/*.tif", "dalles", "both.vrt"].iter().enumerate() {
        let other = place.run(&[scene], &format!("other{i}"), &[]);
        assert_eq!(files.labels(), other.labels(), "{scene}");
        assert_eq!(files.features(), other.features(), "{scene}");
    }
    let both = files.manifest["inputs"].as_array().unwrap();
    assert_eq!(both.iter().map(|i| i["id"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_stac_item_gives_its_id_date_and_bands() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    // Bands in another order, which only the item declares.
    let mut bgr = interleaved(&picture, SCENE);
    bgr.chunks_exact_mut(3).for_each(|p| p.swap(0, 2));
    let tiff =
        GeoTiff { epsg: Some(EPSG), gsd: GSD, window: SCENE, nodata: None, samples: Samples::Rgb8(bgr) };
    tiff.write(&place.path("bgr.tif")).unwrap();
    place.write(
        "item.json",
        r#"{"type":"Feature","stac_version":"1.1.0","id":"dalle-0650","geometry":null,"links":[],
        "properties":{"datetime":"2023-06-14T10:30:00Z"},
        "assets":{"image":{"href":"./bgr.tif","type":"image/tiff; application=geotiff","roles":["data"],
        "bands":[{"name":"B","eo:common_name":"blue"},{"name":"G","eo:common_name":"green"},{"name":"R","eo:common_name":"red"}]}}}"#,
    );
    let plain = place.run(&[&place.draw("rgb.tif", &picture, SCENE)], "plain", &[]);
    let stac = place.run(&["item.json"], "stac", &[]);
    assert_eq!(plain.labels(), stac.labels());
    // The file declares red, green and blue: that has a warning.
    let told = &stac.manifest["warnings"][0];
    assert_eq!(told["code"], "band-names-differ", "{}", stac.manifest["warnings"]);
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("band 1 is `blue` in the item and `red` in the file"), "{message}");
    assert!(message.contains("band 3 is") && !message.contains("band 2"), "{message}");
    let input = &stac.manifest["inputs"][0];
    assert_eq!(
        (input["id"].as_str(), input["acquired"].as_str()),
        (Some("dalle-0650"), Some("2023-06-14T10:30:00Z"))
    );
    let shown = gdal("ogrinfo", &["-ro", "-al", stac.file("features.gpkg").to_str().unwrap()]);
    assert!(
        shown.contains("acquired (String) = 2023-06-14T10:30:00Z")
            && shown.contains("scene_ids (String) = dalle-0650")
    );
}

#[test]
fn items_of_one_raster_that_contradict_each_other_have_a_warning_with_both_ids() {
    let place = Place::new();
    place.draw("o.tif", &Picture::new(2, 12), SCENE);
    for (id, date) in [("a", "2023-06-14T10:30:00Z"), ("b", "2024-06-14T10:30:00Z")] {
        let item = serde_json::json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "properties": {"datetime": date},
            "assets": {"image": {"href": "./o.tif", "type": "image/tiff"}}});
        place.write(&format!("{id}.json"), &item.to_string());
    }
    let map = place.run(&["b.json", "a.json", "o.tif"], "out", &[]);
    assert_eq!(map.manifest["inputs"].as_array().unwrap().len(), 1);
    assert_eq!(map.manifest["inputs"][0]["acquired"], "2023-06-14T10:30:00Z");
    let told = map.manifest["warnings"].as_array().unwrap().iter().find(|w| w["code"] == "items-differ");
    let message = told.unwrap()["message"].as_str().unwrap();
    for part in ["`a`", "`b`", "2023-06-14T10:30:00Z", "2024-06-14T10:30:00Z"] {
        assert!(message.contains(part), "{message}");
    }
    // An item and its file alone say one thing.
    let one = place.run(&["a.json", "o.tif"], "one", &[]);
    assert!(!one.manifest["warnings"].to_string().contains("items-differ"));
}

#[test]
fn where_item_and_file_differ_in_nodata_the_configuration_decides() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    let mut bands = picture.bands(SCENE);
    bands.iter_mut().enumerate().filter(|(i, _)| i % SCENE.width < 30).for_each(|(_, value)| *value = 7);
    let tiff = GeoTiff { nodata: Some(0.0), ..GeoTiff::rgb(EPSG, GSD, SCENE, &bands) };
    tiff.write(&place.path("a.tif")).unwrap();
    place.write(
        "item.json",
        r#"{"type":"Feature","stac_version":"1.0.0","id":"item","geometry":null,"links":[],"properties":{"datetime":null},
        "assets":{"image":{"href":"./a.tif","type":"image/tiff; application=geotiff","roles":["data"],
        "raster:bands":[{"nodata":255},{"nodata":255},{"nodata":255}]}}}"#,
    );
    let refused = place.try_run(&["item.json"], "refused", &[]).expect(2);
    assert!(
        refused.err.contains("255 by the item, 0 by the file") && refused.err.contains("nodata = VALUE"),
        "{}",
        refused.err
    );
    place.config("[input]\nnodata = 7\n");
    let of_file = place.run(&["a.tif"], "file", &[]);
    let ended = place.try_run(&["item.json"], "item", &[]).expect(0);
    assert!(ended.err.contains("`input.nodata` decides, and both are ignored"), "{}", ended.err);
    let of_item = Map::at(&place.path("item"));
    assert_eq!(of_item.labels(), of_file.labels());
    assert!(of_item.manifest["warnings"].to_string().contains("nodata-replaced"), "{}", of_item.manifest);
    assert!(!of_file.manifest["warnings"].to_string().contains("nodata-replaced"));
}

#[test]
fn bands_can_be_named_in_the_configuration() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    let plain = place.run(&[&place.draw("rgb.tif", &picture, SCENE)], "plain", &[]);
    let mut gbr = interleaved(&picture, SCENE);
    gbr.chunks_exact_mut(3).for_each(|p| p.rotate_left(1));
    let tiff =
        GeoTiff { epsg: Some(EPSG), gsd: GSD, window: SCENE, nodata: None, samples: Samples::Rgb8(gbr) };
    tiff.write(&place.path("gbr.tif")).unwrap();
    place.config("[input]\nbands = { red = 3, green = 1, blue = 2 }\n");
    assert_eq!(place.run(&["gbr.tif"], "named", &[]).labels(), plain.labels());
}

/// A package that splits one band at `limit` into class 0 and class 1.
fn threshold(place: &Place, limit: f32, samples: SampleType) {
    let mut settings = HandSet::segmentation(&["pan"], 2);
    settings.sample_types = vec![samples];
    settings.value_range = if samples == SampleType::Float32 { [0.0, 1.0] } else { [0.0, 10_000.0] };
    hand_set_linear(&settings, &[vec![0.0], vec![1.0]], &[0.0, -limit], &place.path("model")).unwrap();
    place.config("[input]\nbands = { pan = 1 }\n");
}

#[test]
fn sixteen_bits_and_floats_keep_their_values() {
    let place = Place::new();
    let pixels = SCENE.width * SCENE.height;
    let expected: Vec<u8> = (0..pixels).map(|i| u8::from(i % 7 > 3)).collect();
    threshold(&place, 3500.0, SampleType::Uint16);
    let values = (0..pixels).map(|i| u16::try_from(i % 7).unwrap() * 1000).collect();
    GeoTiff { epsg: Some(EPSG), gsd: GSD, window: SCENE, nodata: None, samples: Samples::Gray16(values) }
        .write(&place.path("wide.tif"))
        .unwrap();
    assert_eq!(place.run(&["wide.tif"], "wide", &[]).labels(), expected);
    threshold(&place, 0.35, SampleType::Float32);
    let values =
        (0..pixels).map(|i| if i == 9 { f32::NAN } else { f32::from(u8::try_from(i % 7).unwrap()) / 10.0 });
    GeoTiff {
        epsg: Some(EPSG),
        gsd: GSD,
        window: SCENE,
        nodata: None,
        samples: Samples::Gray32(values.collect()),
    }
    .write(&place.path("float.tif"))
    .unwrap();
    let labels = place.run(&["float.tif"], "float", &[]).labels();
    assert_eq!(labels[9], 255, "not a number is nodata");
    assert_eq!((&labels[..9], &labels[10..]), (&expected[..9], &expected[10..]));
}

#[test]
fn nodata_and_alpha_are_carried_and_empty_windows_skipped() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    let window = Window::new(SCENE.col, SCENE.row, 200, 70);
    // A drone outline: the eastern part has no data.
    let is_void = |i: usize| i % 200 >= 90;
    let mut pixels = interleaved(&picture, window);
    for (i, p) in pixels.chunks_exact_mut(3).enumerate() {
        // A dark red alone is no nodata: all bands must hold the value.
        p[0] = if i % 11 == 0 { 0 } else { p[0] };
        if is_void(i) {
            p.fill(0);
        }
    }
    let nodata = GeoTiff {
        epsg: Some(EPSG),
        gsd: GSD,
        window,
        nodata: Some(0.0),
        samples: Samples::Rgb8(pixels.clone()),
    };
    nodata.write(&place.path("nodata.tif")).unwrap();
    let rgba =
        pixels.chunks_exact(3).enumerate().flat_map(|(i, p)| [p[0], p[1], p[2], u8::from(!is_void(i)) * 255]);
    let alpha =
        GeoTiff { epsg: Some(EPSG), gsd: GSD, window, nodata: None, samples: Samples::Rgba8(rgba.collect()) };
    alpha.write(&place.path("alpha.tif")).unwrap();
    let a = place.run(&["nodata.tif"], "a", &["--window", "32"]);
    let b = place.run(&["alpha.tif"], "b", &["--window", "32"]);
    assert!(a.labels().iter().enumerate().all(|(i, label)| (*label == 255) == is_void(i)));
    assert_eq!((a.labels(), a.features()), (b.labels(), b.features()));
    assert!(a.manifest["counts"]["windows_skipped"].as_u64().unwrap() > 0);
    assert_eq!(a.manifest["counts"]["pixels_valid"], 90 * 70);
}

#[test]
fn resampling_is_done_only_on_request_and_on_the_lattice() {
    let place = Place::new();
    let json = place.path("model/model.json");
    let text = std::fs::read_to_string(&json).unwrap();
    std::fs::write(
        &json,
        text.replace("\"nominal\": 0.1", "\"nominal\": 0.4").replace("\"min\": 0.01", "\"min\": 0.35"),
    )
    .unwrap();
    let picture = Picture::new(2, 24);
    let scene = place.draw("a.tif", &picture, Window::new(3_260_000, -34_310_000, 200, 160));
    let refused = place.try_run(&[&scene], "no", &[]).expect(2);
    assert!(refused.err.contains("resample = true"), "{}", refused.err);
    place.config("[input]\nresample = true\nresampling = \"average\"\n");
    let whole = place.run(&[&scene], "whole", &[]);
    let small = place.run(&[&scene], "small", &["--window", "32", "--threads", "1"]);
    assert_eq!(whole.labels().len(), 100 * 80);
    assert_eq!((whole.labels(), whole.features()), (small.labels(), small.features()));
}

#[test]
fn degrees_give_ground_areas() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    // About 0.22 x 0.16 m at 45 degrees north.
    let window = Window::new(1_000_000, -22_500_000, 60, 50);
    let tiff = GeoTiff { gsd: 2e-6, ..GeoTiff::rgb(4326, 2e-6, window, &picture.bands(window)) };
    tiff.write(&place.path("degrees.tif")).unwrap();
    let map = place.run(&["degrees.tif"], "out", &[]);
    let plan = place.arpent(&["inspect", "degrees.tif", "--format", "json"]).expect(0);
    let scene: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    assert!((scene["scenes"][0]["gsd_m"].as_f64().unwrap() - 0.187).abs() < 0.002);
    let total: f64 = map.features().iter().map(|f| f.area.parse::<f64>().unwrap()).sum();
    let pixels = map.labels().iter().filter(|l| **l > 0).count();
    let mean = total / exact(pixels);
    // 2e-6 degrees: 0.222297 m of meridian and 0.157686 m of parallel on WGS 84 at 45 degrees.
    assert!((mean / (0.222_297 * 0.157_686) - 1.0).abs() < 1e-3, "{mean}");
}
