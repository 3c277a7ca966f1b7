//! Hints that name a command: each is followed, and the run after it gives the right map. The last test finds hints that nobody
//! follows here.

use std::path::Path;
use std::process::Command;

use arpent_base::number::exact;
use arpent_model::{HandSet, hand_set_linear};
use arpent_raster::{SampleType, Window};
use arpent_testing::{GeoTiff, Picture, Samples};

use crate::common::{EPSG, Ended, GSD, Place, gdal, nearest_color};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);

/// A place with a good scene `a.tif`, and its labels. The package looks at single pixels.
fn place() -> (Place, Vec<u8>) {
    let place = Place::new();
    nearest_color(&place.path("model"), 1);
    place.draw("a.tif", &Picture::new(1, 12), SCENE);
    let labels = place.run(&["a.tif"], "good", &[]).labels();
    assert!((0..4).all(|class| labels.contains(&class)));
    (place, labels)
}

/// The hint of a run that is refused.
#[track_caller]
fn hint(place: &Place, scene: &str, more: &[&str]) -> String {
    let ended = place.try_run(&[scene], "refused", more).expect(2);
    let hint = ended.err.lines().find_map(|line| line.strip_prefix("hint: "));
    hint.unwrap_or_else(|| panic!("no hint: {}", ended.err)).to_owned()
}

/// Runs the command that a hint names, with what stands for its placeholders.
#[track_caller]
fn follow(place: &Place, hint: &str, program: &str, with: &[(&str, &str)]) {
    let start = hint.find(program).unwrap_or_else(|| panic!("no {program} in: {hint}"));
    let command = &hint[start..];
    let end = [" (", ", ", "; ", " in place)", "`"]
        .iter()
        .filter_map(|end| command.find(end))
        .min()
        .unwrap_or(command.len());
    let filled = with.iter().fold(command[..end].to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "no {from} in: {text}");
        text.replace(from, to)
    });
    let output = Command::new("bash").args(["-c", &filled]).current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{filled}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The labels of a run that goes well.
#[track_caller]
fn labels(place: &Place, scene: &str, output: &str) -> Vec<u8> {
    place.run(&[scene], output, &[]).labels()
}

fn rgb() -> GeoTiff {
    GeoTiff::rgb(EPSG, GSD, SCENE, &Picture::new(1, 12).bands(SCENE))
}

fn write(place: &Place, name: &str, tiff: &GeoTiff) {
    tiff.write(&place.path(name)).unwrap();
}

#[test]
fn a_scene_without_a_crs_or_a_place_gets_them() {
    let (place, good) = place();
    write(&place, "b.tif", &GeoTiff { epsg: None, ..rgb() });
    let told = hint(&place, "b.tif", &[]);
    follow(&place, &told, "gdal_translate", &[("xxxx", "2154")]);
    assert_eq!(labels(&place, "b_georeferenced.tif", "crs"), good);
    follow(&place, &told, "gdal_edit.py", &[("xxxx", "2154")]);
    assert_eq!(labels(&place, "b.tif", "in-place"), good);
    // A local system that stands for a known one: the numbers are right, the name is not.
    let local = "LOCAL_CS[\"site\",UNIT[\"meter\",1]]";
    gdal("gdal_translate", &["-q", "-a_srs", local, &place.text("a.tif"), &place.text("l.tif")]);
    follow(&place, &hint(&place, "l.tif", &[]), "gdal_translate", &[("xxxx", "2154")]);
    assert_eq!(labels(&place, "l_georeferenced.tif", "local"), good);
    // Degrees that are none: the map of the place again, but for what pixels that were turned lose.
    gdal(
        "gdalwarp",
        &["-q", "-dstalpha", "-t_srs", "EPSG:4807", &place.text("a.tif"), &place.text("gon.tif")],
    );
    follow(&place, &hint(&place, "gon.tif", &[]), "gdalwarp", &[("xxxx", "2154")]);
    let warped = labels(&place, "gon_warped.tif", "warped");
    let share = |labels: &[u8], class: u8| {
        let count = |wanted: &dyn Fn(u8) -> bool| labels.iter().filter(|l| wanted(**l)).count();
        exact(count(&|l| l == class)) / exact(count(&|l| l != 255))
    };
    for class in 0..4 {
        let (found, expected) = (share(&warped, class), share(&good, class));
        assert!((found - expected).abs() < 0.05, "class {class}: {found}, expected {expected}");
    }

    gdal("gdal_translate", &["-q", "-of", "PNG", &place.text("a.tif"), &place.text("c.png")]);
    std::fs::remove_file(place.path("c.png.aux.xml")).unwrap();
    let [w, n] = [652_001.4, 6_862_002.6];
    let (e, s) = (w + 0.2 * 80.0, n - 0.2 * 70.0);
    let corners = [("<min x>", w), ("<max y>", n), ("<max x>", e), ("<min y>", s)];
    let corners: Vec<(&str, String)> = corners.iter().map(|(name, v)| (*name, format!("{v:.1}"))).collect();
    let mut with: Vec<(&str, &str)> = corners.iter().map(|(name, v)| (*name, v.as_str())).collect();
    with.push(("xxxx", "2154"));
    follow(&place, &hint(&place, "c.png", &[]), "gdal_translate", &with);
    let map = place.run(&["c_georeferenced.tif"], "place", &[]);
    assert_eq!(map.labels(), good);
    assert_eq!(map.features(), place.run(&["a.tif"], "again", &[]).features());
}

#[test]
fn colors_and_single_bits_become_bytes() {
    let (place, good) = place();
    // A color table with the colors of the package, over the labels of the good scene.
    std::fs::copy(crate::common::Map::at(&place.path("good")).file("labels.tif"), place.path("labels.tif"))
        .unwrap();
    let entry = |[r, g, b]: [u8; 3]| format!(r#"<Entry c1="{r}" c2="{g}" c3="{b}"/>"#);
    let colors: String = [[55, 105, 55], [215, 205, 195], [135, 165, 75], [35, 45, 85]].map(entry).concat();
    place.write(
        "palette.vrt",
        &format!(
            r#"<VRTDataset rasterXSize="80" rasterYSize="70"><SRS>EPSG:2154</SRS><GeoTransform>652001.4, 0.2, 0, 6862002.6, 0, -0.2</GeoTransform>
            <VRTRasterBand dataType="Byte" band="1"><ColorInterp>Palette</ColorInterp><ColorTable>{colors}</ColorTable>
            <SimpleSource><SourceFilename relativeToVRT="1">labels.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"#
        ),
    );
    gdal("gdal_translate", &["-q", &place.text("palette.vrt"), &place.text("palette.tif")]);
    follow(&place, &hint(&place, "palette.tif", &[]), "gdal_translate", &[]);
    assert_eq!(labels(&place, "palette_rgb.tif", "palette"), good);

    place.config("[input]\nbands = { red = 1, green = 1, blue = 1 }\n");
    let gray: Vec<u8> = (0..80 * 70).map(|i| u8::from(i % 7 < 3)).collect();
    write(
        &place,
        "gray.tif",
        &GeoTiff { samples: Samples::Gray8(gray.iter().map(|v| v * 255).collect()), ..rgb() },
    );
    write(&place, "small.tif", &GeoTiff { samples: Samples::Gray8(gray), ..rgb() });
    gdal("gdal_translate", &["-q", "-co", "NBITS=1", &place.text("small.tif"), &place.text("bits.tif")]);
    follow(&place, &hint(&place, "bits.tif", &[]), "gdal_translate", &[]);
    let (found, expected) = (labels(&place, "bits_rgb.tif", "bits"), labels(&place, "gray.tif", "gray"));
    assert!(expected.contains(&1) && expected.contains(&3));
    assert_eq!(found, expected);
    // Without a color table: GDAL makes one for GeoTIFF, not for every format.
    place.write(
        "single.vrt",
        r#"<VRTDataset rasterXSize="80" rasterYSize="70"><SRS>EPSG:2154</SRS><GeoTransform>652001.4, 0.2, 0, 6862002.6, 0, -0.2</GeoTransform>
        <VRTRasterBand dataType="Byte" band="1"><Metadata domain="IMAGE_STRUCTURE"><MDI key="NBITS">1</MDI></Metadata>
        <SimpleSource><SourceFilename relativeToVRT="1">small.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"#,
    );
    follow(&place, &hint(&place, "single.vrt", &[]), "gdal_translate", &[]);
    assert_eq!(labels(&place, "single_8bit.tif", "single"), expected);
}

#[test]
fn complex_numbers_become_real_and_words_become_bytes() {
    let (place, good) = place();
    gdal("gdal_translate", &["-q", "-ot", "CFloat32", &place.text("a.tif"), &place.text("complex.tif")]);
    follow(&place, &hint(&place, "complex.tif", &[]), "gdal_translate", &[]);
    // Another package: its answer is whether red is above 100.
    let settings = HandSet {
        sample_types: vec![SampleType::Uint8, SampleType::Float32],
        ..HandSet::segmentation(&["red"], 2)
    };
    hand_set_linear(&settings, &[vec![0.0], vec![1.0]], &[0.0, -100.0], &place.path("model")).unwrap();
    assert_eq!(labels(&place, "complex_float32.tif", "float"), labels(&place, "a.tif", "byte"));

    nearest_color(&place.path("model"), 1);
    let words = Picture::new(1, 12).bands(SCENE).iter().map(|v| u16::from(*v) * 10).collect::<Vec<u16>>();
    let pixels = words.len() / 3;
    let mixed = (0..pixels).flat_map(|i| [words[i], words[pixels + i], words[2 * pixels + i]]).collect();
    write(&place, "wide.tif", &GeoTiff { samples: Samples::Rgb16(mixed), ..rgb() });
    let with = [("LOW", "0"), ("HIGH", "2550"), ("IN.tif", "wide.tif"), ("OUT.tif", "narrow.tif")];
    follow(&place, &hint(&place, "wide.tif", &[]), "gdal_translate", &with);
    assert_eq!(labels(&place, "narrow.tif", "narrow"), good);
}

#[test]
fn bands_in_files_of_their_own_are_put_together() {
    let (place, good) = place();
    for (band, name) in [("1", "r.tif"), ("2", "g.tif"), ("3", "b.tif")] {
        gdal("gdal_translate", &["-q", "-b", band, &place.text("a.tif"), &place.text(name)]);
    }
    let asset = |name: &str| {
        format!(
            r#""{name}": {{ "href": "./{name}.tif", "roles": ["data"], "type": "image/tiff; application=geotiff" }}"#
        )
    };
    let assets = ["r", "g", "b"].map(asset).join(",");
    place.write(
        "item.json",
        &format!(
            r#"{{ "type": "Feature", "stac_version": "1.0.0", "id": "S", "geometry": null, "properties": {{ "datetime": null }},
            "links": [], "assets": {{ {assets} }} }}"#
        ),
    );
    let with = [("<band files in order>", "r.tif g.tif b.tif")];
    follow(&place, &hint(&place, "item.json", &[]), "gdalbuildvrt", &with);
    let told = hint(&place, "scene.vrt", &[]);
    let table = told.split_once("[input] ").unwrap().1;
    place.config(&format!("[input]\n{table}\n"));
    assert_eq!(labels(&place, "scene.vrt", "bands"), good);
}

#[test]
fn a_vrt_that_is_refused_can_be_made_a_plain_raster() {
    let (place, good) = place();
    let raw = place.text("raw.img");
    gdal("gdal_translate", &["-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ", &place.text("a.tif"), &raw]);
    let band = |number: usize, name: &str| {
        format!(
            r#"<VRTRasterBand dataType="Byte" band="{number}" subClass="VRTRawRasterBand"><ColorInterp>{name}</ColorInterp>
            <SourceFilename relativeToVRT="1">raw.img</SourceFilename><ImageOffset>{}</ImageOffset><PixelOffset>1</PixelOffset>
            <LineOffset>80</LineOffset></VRTRasterBand>"#,
            (number - 1) * 80 * 70
        )
    };
    let bands = [band(1, "Red"), band(2, "Green"), band(3, "Blue")].concat();
    place.write(
        "IN.vrt",
        &format!(
            r#"<VRTDataset rasterXSize="80" rasterYSize="70"><SRS>EPSG:2154</SRS><GeoTransform>652001.4, 0.2, 0, 6862002.6, 0, -0.2</GeoTransform>{bands}</VRTDataset>"#
        ),
    );
    follow(&place, &hint(&place, "IN.vrt", &[]), "gdal_translate", &[]);
    assert_eq!(labels(&place, "OUT.tif", "plain"), good);
}

/// Nothing here makes a block of 512 MiB: the command alone is tried.
#[test]
fn a_scene_can_be_written_in_smaller_blocks() {
    let (place, good) = place();
    follow(&place, "gdal_translate -co TILED=YES a.tif OUT.tif", "gdal_translate", &[]);
    assert_eq!(labels(&place, "OUT.tif", "tiled"), good);
}

#[test]
fn what_lies_beside_a_scene_becomes_its_mask() {
    let (place, good) = place();
    let masked: Vec<u8> = good.iter().enumerate().map(|(i, l)| if i % 80 < 30 { 255 } else { *l }).collect();
    let valid = |width: usize, height: usize| -> Vec<u8> {
        (0..width * height).map(|i| u8::from(i % width * 80 / width >= 30) * 255).collect()
    };
    // As gdal_rasterize writes it.
    std::fs::copy(place.path("a.tif"), place.path("m.tif")).unwrap();
    write(&place, "m.tif.msk", &GeoTiff { samples: Samples::Gray8(valid(80, 70)), ..rgb() });
    follow(&place, &hint(&place, "m.tif", &[]), "gdal_edit.py", &[]);
    assert_eq!(labels(&place, "m.tif", "edited"), masked);
    std::fs::copy(place.path("a.tif"), place.path("s.tif")).unwrap();
    let half = Window { width: 40, height: 35, ..SCENE };
    write(&place, "s.tif.msk", &GeoTiff { samples: Samples::Gray8(valid(40, 35)), window: half, ..rgb() });
    follow(&place, &hint(&place, "s.tif", &[]), "gdal_translate", &[]);
    assert_eq!(labels(&place, "s.tif", "scaled"), masked);
}

#[test]
fn two_dates_are_brought_to_one_grid() {
    let place = Place::empty();
    let settings = HandSet::segmentation(&["red_before", "red_after"], 2);
    hand_set_linear(&settings, &[vec![0.0, 0.0], vec![-1.0, 1.0]], &[0.0, -50.0], &place.path("model"))
        .unwrap();
    place.config("");
    place.draw("after.tif", &Picture::new(1, 12), SCENE);
    place.draw("same.tif", &Picture::new(2, 12), Window::new(SCENE.col + 20, SCENE.row + 10, 80, 70));
    gdal(
        "gdalwarp",
        &[
            "-q",
            "-t_srs",
            "EPSG:32631",
            "-tr",
            "0.2",
            "0.2",
            "-dstalpha",
            &place.text("same.tif"),
            &place.text("before.tif"),
        ],
    );
    let with = [("IN.tif", "before.tif"), ("OUT.tif", "both.tif")];
    follow(&place, &hint(&place, "after.tif", &["--before", "before.tif"]), "gdalwarp", &with);
    let map = place.run(&["after.tif"], "out", &["--before", "both.tif"]);
    // What the other date does not cover has no answer, and nothing is made up at its edges: 60 x 60 px less those.
    let (labels, valid) = (map.labels(), map.manifest["counts"]["pixels_valid"].as_u64().unwrap());
    assert!(labels.contains(&0) && labels.contains(&1));
    assert!((3400..=3600).contains(&valid), "{valid}");
}

/// Commands of our own that hints name, each as a user would type it.
#[test]
fn commands_of_our_own_run() {
    let (place, _) = place();
    for words in [
        &["inspect", "a.tif"][..],
        &["inspect", "model"],
        &["check", "good"],
        &["submit", "--help"],
        &["gc", "good", "--older-than", "7d", "--dry-run"],
        &["plan", "run.toml", "--scene", "a.tif", "--shards", "auto", "--output", "shared"],
    ] {
        place.arpent(words).expect(0);
    }
    let ended: Ended =
        Command::new("gdalinfo").args(["-stats", &place.text("a.tif")]).output().unwrap().into();
    ended.expect(0);
    let plan = place.plan(&["a.tif"], "two", 2, &[]);
    place.arpent(&["status", &plan]).expect(0);
    place.arpent(&["merge", "--plan", &plan]).expect(75);
    for index in 0..2 {
        place.worker(&plan, index).expect(0);
    }
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    place.arpent(&["check", "two"]).expect(0);
    // Where an output is taken, and where grids differ.
    place.try_run(&["a.tif"], "good", &[]).expect(2);
    place.try_run(&["a.tif"], "good", &["--overwrite"]).expect(0);
    write(&place, "coarse.tif", &GeoTiff { gsd: 0.4, ..rgb() });
    let mut words = vec!["run", "run.toml", "--output", "both", "--scene", "a.tif", "--scene", "coarse.tif"];
    place.arpent(&words).expect(2);
    words.push("--group-by-crs");
    place.arpent(&words).expect(0);
}

/// Nothing here makes a text of gigabytes: the command alone is tried. `ogrinfo` is for reading: it must find the layer.
#[test]
fn reference_layers_are_converted_and_shown() {
    let (place, _) = place();
    let [w, n] = [652_001.4, 6_862_002.6];
    let ring = [[w, n], [w + 6.0, n], [w + 6.0, n - 8.0], [w, n - 8.0], [w, n]];
    let crs = serde_json::json!({ "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::2154" } });
    let geometry = serde_json::json!({ "type": "Polygon", "coordinates": [ring] });
    let feature = serde_json::json!({ "type": "Feature", "properties": { "n": 1 }, "geometry": geometry });
    let all = serde_json::json!({ "type": "FeatureCollection", "crs": crs, "features": [feature] });
    place.write("area.geojson", &all.to_string());
    let expected = place.run(&["a.tif"], "text", &["--aoi", "area.geojson"]).labels();
    assert_eq!(expected.iter().filter(|label| **label != 255).count(), 30 * 40);
    follow(&place, "ogr2ogr OUT.gpkg IN", "ogr2ogr", &[("IN", "area.geojson")]);
    assert_eq!(place.run(&["a.tif"], "converted", &["--aoi", "OUT.gpkg"]).labels(), expected);
    for (program, file) in [
        ("ogrinfo -so -al FILE", "area.geojson"),
        ("gdalinfo FILE", "a.tif"),
        ("gdalinfo -stats FILE", "a.tif"),
    ] {
        follow(&place, program, program, &[("FILE", file)]);
    }
    // The hint of a layer that has no geometry names the command in full.
    place.write("table.csv", "name,n\na,1\n");
    let refused = place.try_run(&["a.tif"], "table", &["--aoi", "table.csv"]).expect(2);
    follow(&place, &refused.err, "ogrinfo", &[("FILE", "table.csv")]);
}

/// Commands in the texts of errors: how each begins, the file of the test that follows it, and the test.
const FOLLOWED: &[(&str, &str, &str)] = &[
    (
        "arpent model import",
        "inference/tests/it/import.rs",
        "a_listed_network_is_one_line_away_from_a_package",
    ),
    (
        "arpent merge",
        "inference/tests/it/change_shards.rs",
        "any_number_of_shards_gives_the_bytes_of_one_comparison",
    ),
    (
        "arpent submit --plan PLAN",
        "inference/tests/it/change_shards.rs",
        "a_killed_worker_loses_no_piece_and_a_merge_waits_for_all",
    ),
    ("gdal_translate {options} {from} {to}", HERE, "a_scene_without_a_crs_or_a_place_gets_them"),
    ("gdal_edit.py {options} {from} in place", HERE, "a_scene_without_a_crs_or_a_place_gets_them"),
    ("gdalwarp -t_srs EPSG:xxxx -dstalpha", HERE, "a_scene_without_a_crs_or_a_place_gets_them"),
    (
        "gdalwarp -r bilinear -dstalpha",
        "inference/tests/it/validity.rs",
        "the_hint_for_a_turned_scene_leads_to_a_right_map",
    ),
    (
        "gdalwarp -r near -dstnodata 255",
        "datasets/tests/it/taken.rs",
        "labels_that_lie_elsewhere_than_their_picture_are_refused",
    ),
    ("gdal_translate -expand rgba", HERE, "colors_and_single_bits_become_bytes"),
    ("gdal_translate -ot Byte -co NBITS=8", HERE, "colors_and_single_bits_become_bytes"),
    ("gdal_translate -ot Float32", HERE, "complex_numbers_become_real_and_words_become_bytes"),
    (
        "gdal_translate -ot {written_as} -scale LOW HIGH {low} {high} IN.tif OUT.tif",
        HERE,
        "complex_numbers_become_real_and_words_become_bytes",
    ),
    (
        "gdalbuildvrt -separate scene.vrt <band files in order>",
        HERE,
        "bands_in_files_of_their_own_are_put_together",
    ),
    ("gdal_translate IN.vrt OUT.tif", HERE, "a_vrt_that_is_refused_can_be_made_a_plain_raster"),
    ("gdal_translate -co TILED=YES IN OUT.tif", HERE, "a_scene_can_be_written_in_smaller_blocks"),
    (
        "gdalwarp -t_srs EPSG:2154 -tr 0.2 0.2 -tap -dstalpha IN.tif OUT.tif",
        HERE,
        "two_dates_are_brought_to_one_grid",
    ),
    (
        "gdal_translate -ot Byte IN.tif OUT.tif",
        MASKS,
        "masks_become_bytes_of_one_band_in_the_crs_of_the_scenes",
    ),
    (
        "gdal_translate -b BAND IN.tif OUT.tif",
        MASKS,
        "masks_become_bytes_of_one_band_in_the_crs_of_the_scenes",
    ),
    ("gdalwarp -r near -t_srs {scenes}", MASKS, "masks_become_bytes_of_one_band_in_the_crs_of_the_scenes"),
    ("gdal_edit.py {flags} {from}", HERE, "what_lies_beside_a_scene_becomes_its_mask"),
    (
        "gdal_translate -r nearest -outsize {width} {height} {flags}",
        HERE,
        "what_lies_beside_a_scene_becomes_its_mask",
    ),
    ("gdalinfo FILE`", HERE, "reference_layers_are_converted_and_shown"),
    ("gdalinfo -stats FILE`", HERE, "reference_layers_are_converted_and_shown"),
    ("ogrinfo -so -al FILE", HERE, "reference_layers_are_converted_and_shown"),
    ("ogr2ogr OUT.gpkg IN", HERE, "reference_layers_are_converted_and_shown"),
    (
        "ogr2ogr -simplify TOLERANCE OUT.gpkg IN",
        "crates/arpent-gdal/tests/it/hostile.rs",
        "absurd_areas_and_layers_are_refused",
    ),
    ("ogr2ogr -makevalid valid.gpkg {path}", LAYERS, "commands_in_hints_lead_to_success"),
    ("ogr2ogr -a_srs EPSG:xxxx{columns} layer.gpkg {path}", LAYERS, "commands_in_hints_lead_to_success"),
    ("ogr2ogr -a_srs EPSG:xxxx layer.gpkg {}", LAYERS, "commands_in_hints_lead_to_success"),
    ("ogr2ogr -nlt MULTILINESTRING lines.gpkg {path}", LAYERS, "commands_in_hints_lead_to_success"),
    ("ogr2ogr -nlt PROMOTE_TO_MULTI -dialect OGRSQL", LAYERS, "commands_in_hints_lead_to_success"),
    ("arpent inspect", HERE, "commands_of_our_own_run"),
    ("arpent check", HERE, "commands_of_our_own_run"),
    ("arpent run` needs none", HERE, "commands_of_our_own_run"),
    (
        "arpent run` takes them by their number",
        "training/tests/it/bands.rs",
        "bands_of_any_name_type_and_number_are_found_again",
    ),
    ("arpent plan CONFIG --shards N --output URL", OUTPUTS, "commands_of_hints_lead_to_success"),
    ("arpent status PLAN", OUTPUTS, "commands_of_hints_lead_to_success"),
    ("arpent gc OUTPUT --older-than 0s", OUTPUTS, "commands_of_hints_lead_to_success"),
    ("arpent gc URL --older-than 7d", OUTPUTS, "commands_of_hints_lead_to_success"),
    ("arpent gc` deletes", HERE, "commands_of_our_own_run"),
    ("arpent review new {output} --name NAME", REVIEW, "hints_of_reviews_lead_to_success"),
    (
        "arpent review add {output} --feature",
        REVIEW,
        "decisions_are_added_disputed_settled_contested_and_answered",
    ),
    ("arpent review verify", REVIEW, "hints_of_reviews_lead_to_success"),
    ("arpent review export`", REVIEW, "hints_of_reviews_lead_to_success"),
    (
        "arpent review export OUTPUT --to decisions.csv",
        "inference/tests/it/decided.rs",
        "a_comparison_teaches_nothing_and_its_decisions_are_exported",
    ),
    (
        "arpent review sample`",
        "inference/tests/it/review_gpkg.rs",
        "a_reviewer_gets_their_tasks_without_the_opinions_of_others",
    ),
    ("arpent submit --help", HERE, "commands_of_our_own_run"),
    (
        "arpent-train calibrate PACKAGE train.toml --by-class",
        "training/tests/it/gated.rs",
        "the_guide_on_confidence_works_as_written",
    ),
    ("arpent-train fit {0}", "training/tests/it/drawn.rs", "what_was_edited_is_not_overwritten"),
    ("arpent-train fit {}{resume}", "training/tests/it/drawn.rs", "what_was_edited_is_not_overwritten"),
    (
        "arpent-train fit train.toml --from PACKAGE",
        "training/tests/it/image_mask.rs",
        "a_training_starts_from_given_weights",
    ),
    (
        "arpent-train fit train.toml --restart",
        "training/tests/it/drawn.rs",
        "what_was_edited_is_not_overwritten",
    ),
    (
        "gdal_translate -a_scale SCALE -a_offset OFFSET IN.tif OUT.tif",
        "inference/tests/it/values.rs",
        "undeclared_values_have_a_warning_and_can_be_declared",
    ),
    (
        "arpent report {output} --output FILE.html",
        "inference/tests/it/explain.rs",
        "an_unknown_id_is_refused_with_a_way_to_find_ids",
    ),
    (
        "arpent view FOLDER",
        "inference/tests/it/view.rs",
        "view_serves_the_files_of_the_manifest_until_it_is_interrupted",
    ),
    (
        "arpent view DOSSIER",
        "inference/tests/it/view.rs",
        "view_serves_the_files_of_the_manifest_until_it_is_interrupted",
    ),
    (
        "arpent view {output}",
        "inference/tests/it/view.rs",
        "view_serves_the_files_of_the_manifest_until_it_is_interrupted",
    ),
    ("arpent report", "inference/tests/it/report.rs", "arpent_report_makes_it_again_with_time_and_energy"),
    ("arpent explain", "inference/tests/it/explain.rs", "a_feature_is_explained_with_the_values_of_its_row"),
    // Not commands to type, but words about one.
    ("arpent run` predicts them", HERE, "commands_of_our_own_run"),
    ("arpent run` ", HERE, "commands_of_our_own_run"),
    ("arpent zonal`: scratch)", HERE, "commands_of_our_own_run"),
    (
        "arpent-train audit",
        "training/tests/it/silent.rs",
        "an_audit_that_finds_something_ends_with_1_unless_it_is_allowed",
    ),
    ("arpent-train simulate of {}", HERE, "commands_of_our_own_run"),
];

const HERE: &str = "inference/tests/it/hints.rs";
const LAYERS: &str = "crates/arpent-gdal/tests/it/vectors.rs";
const MASKS: &str = "inference/tests/it/mask.rs";
const OUTPUTS: &str = "inference/tests/it/published.rs";
const REVIEW: &str = "inference/tests/it/review.rs";

/// Programs that a hint may name: those of GDAL, our own, and those of other tools.
const PROGRAMS: &[&str] = &[
    "gdalinfo",
    "gdal_translate",
    "gdaladdo",
    "gdalwarp",
    "gdaltindex",
    "gdalbuildvrt",
    "gdal_contour",
    "gdaldem",
    "gdal_merge",
    "gdal2tiles",
    "gdal_rasterize",
    "gdaltransform",
    "gdal_retile",
    "gdal_grid",
    "gdal_proximity",
    "gdal_polygonize",
    "gdal_sieve",
    "gdal_fillnodata",
    "gdallocationinfo",
    "gdalsrsinfo",
    "gdal_edit",
    "gdal_calc",
    "gdalmanage",
    "gdalcompare",
    "nearblack",
    "ogrinfo",
    "ogr2ogr",
    "ogrtindex",
    "ogrlineref",
    "ogrmerge",
    "qgis_process",
    "arpent plan",
    "arpent run",
    "arpent worker",
    "arpent merge",
    "arpent status",
    "arpent submit",
    "arpent gc",
    "arpent zonal",
    "arpent inspect",
    "arpent check",
    "arpent review",
    "arpent schema",
    "arpent report",
    "arpent explain",
    "arpent view",
    "arpent model",
    "arpent train",
    "arpent-train fit",
    "arpent-train audit",
    "arpent-train evaluate",
    "arpent-train calibrate",
    "arpent-train export",
    "arpent-train report",
    "arpent-train quantize",
    "arpent-train simulate",
    "cargo ",
    "rustup ",
    "curl ",
    "unzip ",
    "pip install",
];

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Built things, tests, and what `--help` shows as examples.
        let is_other = ["target", "tests", "tests.rs", "examples.rs", "build.rs"].contains(&name.as_str());
        if path.is_dir() && !is_other {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !is_other {
            found.push(path);
        }
    }
}

/// Where commands begin in a line: a program's name that is no part of a longer word.
fn commands(line: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_begun = |at: usize| !line[..at].ends_with(|c: char| is_word(c) || "-/.:".contains(c));
    let is_ended = |at: usize, program: &str| {
        let rest = &line[at + program.len()..];
        program.ends_with(' ') || !rest.starts_with(|c: char| is_word(c) || ":(".contains(c))
    };
    let mut found = Vec::new();
    for program in PROGRAMS {
        let all = line.match_indices(*program).map(|(at, _)| at);
        found.extend(all.filter(|at| is_begun(*at) && is_ended(*at, program)).map(|at| &line[at..]));
    }
    found
}

/// A command in a text of the sources that no line of [`FOLLOWED`] begins like is one that nobody has tried; and each test that is
/// named there is there.
#[test]
fn no_hint_names_a_command_that_no_test_follows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for folder in ["crates", "inference", "datasets", "training"] {
        sources(&root.join(folder), &mut files);
    }
    let (mut unknown, mut known) = (Vec::new(), vec![0; FOLLOWED.len()]);
    for path in files.iter().filter(|path| !path.components().any(|c| c.as_os_str() == "arpent-testing")) {
        let text = std::fs::read_to_string(path).unwrap();
        // Texts, not documentation, nor the unit tests at a file's end.
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for command in commands(line) {
                match FOLLOWED.iter().position(|(begin, ..)| command.starts_with(begin)) {
                    Some(at) => known[at] += 1,
                    None => unknown.push(format!("{}: {command}", path.display())),
                }
            }
        }
    }
    assert!(unknown.is_empty(), "commands that no test follows:\n{}", unknown.join("\n"));
    for ((begin, file, test), number) in FOLLOWED.iter().zip(known) {
        assert!(number > 0, "no text has the command `{begin}` any more: take its line out");
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(
            source.contains(&format!("fn {test}(")),
            "{file} has no test {test}, which follows `{begin}`"
        );
    }
}
