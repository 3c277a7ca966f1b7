//! Each layout on a tiny set whose pixels and truths are known.

use std::collections::BTreeMap;
use std::fs;

use arpent_base::Diagnostic as _;
use arpent_datasets::{AnnotatedBox, Dataset, DatasetError, Example, IGNORE, RemarkKind, Split, Truth};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Samples};
use proptest::prelude::*;

use crate::fixtures::{Fixture, five_bands, flair_1, image_mask, voc};

fn labels(example: &Example) -> &[u8] {
    let Truth::Labels(labels) = &example.truth else { panic!("labels expected") };
    labels.data()
}

fn ids(set: &dyn Dataset) -> Vec<(&str, &str, Split)> {
    set.items().iter().map(|i| (i.item.as_str(), i.group.as_str(), i.split)).collect()
}

#[test]
fn image_mask_pairs_pictures_and_masks() {
    let fixture = image_mask();
    let set = fixture.open("layout = \"image-mask\"").unwrap();
    assert_eq!(ids(set.as_ref()), [("a", "A", Split::Train), ("b", "B", Split::Validation)]);
    let example = set.read(1).unwrap();
    let chip = &example.chips[0];
    assert_eq!((chip.window, chip.bands), (Window::new(0, 0, 6, 4), 3));
    assert_eq!(chip.band(0)[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(chip.band(2), [20.0; 24]);
    assert!(chip.valid.iter().all(|v| *v));
    assert_eq!(labels(&example)[..6], [0, 0, 0, 1, 1, 1]);
}

#[test]
fn image_mask_stacks_bands_and_translates_values() {
    let fixture = Fixture::new(&["red", "green", "blue", "nir"], &[(0, "ground"), (1, "dead tree")]);
    for item in ["x/a", "x/b"] {
        fixture.picture(&format!("rgb/{item}.png"), (3, 2), 5);
        fixture.picture(&format!("nrg/{item}_nrg.png"), (3, 2), 9);
        fixture.mask(&format!("masks/{item}.png"), (3, 2), |x, _| [0, 200, 77][usize::try_from(x).unwrap()]);
    }
    let options = "part = \"train\"
layout = \"image-mask\"
images = [{ folder = \"rgb\" }, { folder = \"nrg\", suffix = \"_nrg\", bands = [3] }]
masks = [{ folder = \"masks\", threshold = 128, values = { 77 = 255 } }]";
    let set = fixture.open(options).unwrap();
    let example = set.read(0).unwrap();
    assert_eq!(set.items()[0].item, "x/a");
    assert_eq!(example.chips[0].band(3), [9.0; 6]);
    assert_eq!(labels(&example)[..3], [0, 1, IGNORE]);
}

#[test]
fn later_masks_cover_earlier_ones() {
    let fixture = Fixture::rgb(&[(0, "other"), (1, "crack"), (2, "pothole")]);
    fixture.picture("images/a.png", (4, 1), 0);
    fixture.mask("crack/a.png", (4, 1), |x, _| u8::from(x < 2));
    fixture.mask("pothole/a.png", (4, 1), |x, _| u8::from(x == 1 || x == 2));
    let options = "part = \"train\"\nlayout = \"image-mask\"
masks = [{ folder = \"crack\", class = 1 }, { folder = \"pothole\", class = 2 }]";
    let example = fixture.open(options).unwrap().read(0).unwrap();
    assert_eq!(labels(&example), [1, 2, 2, 0]);
}

#[test]
fn masks_of_palette_indices_and_geotiffs_are_read_as_they_are() {
    let fixture = Fixture::rgb(&[(0, "ground"), (7, "tree")]);
    let window = Window::new(10, -20, 3, 2);
    let bands: Vec<u8> = (0..18).collect();
    GeoTiff::rgb(32631, 1.0, window, &bands).with_nodata(0.0).write(&fixture.path("images/a.tif")).unwrap();
    let samples = Samples::Gray8(vec![0, 7, 7, 0, 0, 7]);
    let mask = GeoTiff { epsg: None, gsd: 1.0, window, nodata: Some(0.0), samples };
    mask.write(&fixture.path("masks/a.tif")).unwrap();
    let example = fixture.open("part = \"train\"\nlayout = \"image-mask\"").unwrap().read(0).unwrap();
    assert_eq!(example.chips[0].window, Window::new(0, 0, 3, 2));
    assert_eq!(example.chips[0].data[6..9], [6.0, 7.0, 8.0]);
    assert_eq!(labels(&example), [IGNORE, 7, 7, IGNORE, IGNORE, 7]);
}

#[test]
fn transparent_pixels_are_invalid_unless_they_are_a_band() {
    let rgba = |bands: &[&str]| {
        let fixture = Fixture::new(bands, &[(0, "ground")]);
        let pixel = |x, _| image::Rgba([9, 8, 7, if x == 0 { 0 } else { 100 }]);
        image::RgbaImage::from_fn(2, 1, pixel).save(fixture.path("images/a.png")).unwrap();
        fixture.mask("masks/a.png", (2, 1), |_, _| 0);
        fixture.open("part = \"test\"\nlayout = \"image-mask\"").unwrap().read(0).unwrap()
    };
    let three = &rgba(&["red", "green", "blue"]).chips[0];
    assert_eq!((three.valid.as_slice(), three.band(0)), (&[false, true][..], &[0.0, 9.0][..]));
    let four = &rgba(&["red", "green", "blue", "nir"]).chips[0];
    assert_eq!((four.valid.as_slice(), four.band(3)), (&[true, true][..], &[0.0, 100.0][..]));
}

#[test]
fn change_pairs_have_two_chips() {
    let fixture = Fixture::rgb(&[(0, "unchanged"), (1, "changed")]);
    for item in ["a", "b"] {
        fixture.picture(&format!("A/{item}.png"), (4, 2), 1);
        fixture.picture(&format!("B/{item}.png"), (4, 2), 2);
        fixture.mask(&format!("label/{item}.png"), (4, 2), |x, _| if x == 3 { 255 } else { 0 });
    }
    fixture.table(&[("train", "a", ""), ("val", "b", "")]);
    let set =
        fixture.open("layout = \"change-pairs\"\nlabels = { folder = \"label\", threshold = 128 }").unwrap();
    let example = set.read(0).unwrap();
    assert_eq!(example.chips.iter().map(|c| c.band(2)[0]).collect::<Vec<_>>(), [1.0, 2.0]);
    assert_eq!(labels(&example)[..4], [0, 0, 0, 1]);
}

#[test]
fn flair_1_is_split_by_domain() {
    let fixture = flair_1();
    let rule = "split = { validation = 0.5, seed = 7 }\nlayout = \"flair\"";
    let set = fixture.open(rule).unwrap();
    let seen = ids(set.as_ref());
    assert_eq!(seen[0].0, "D004_2021/Z10_AU/000001");
    assert_eq!((seen[0].1, seen[3].1), ("D004_2021", "D014_2020"));
    assert!(seen[0].2 == seen[1].2 && seen[2].2 == seen[3].2 && seen[0].2 != seen[2].2, "{seen:?}");
    let example = set.read(0).unwrap();
    assert_eq!(
        (example.chips[0].bands, example.chips[0].band(4)[..4].to_vec()),
        (5, vec![40.0, 41.0, 42.0, 43.0])
    );
    assert!(example.chips[0].valid.iter().all(|v| *v));
    assert_eq!(labels(&example)[..4], [1, 12, 13, 19]);
    let merged = fixture.open(&format!("{rule}\nbaseline = true")).unwrap().read(0).unwrap();
    assert_eq!(labels(&merged)[..4], [1, 12, 13, 13]);
}

#[test]
fn flair_1_follows_igns_lists() {
    let fixture = flair_1();
    let line = |zone: &str, number: u32| {
        format!("../data/x/{zone}/img/IMG_{number:06}.tif,../data/y/{zone}/msk/MSK_{number:06}.tif\n")
    };
    fixture.text("train.csv", &(line("D004_2021/Z10_AU", 1) + &line("D004_2021/Z12_UU", 2)));
    fixture.text("val.csv", &line("D014_2020/Z1_NF", 3));
    let options =
        "layout = \"flair\"\ngroup = \"zone\"\nlists = { train = \"train.csv\", validation = \"val.csv\" }";
    let set = fixture.open(options).unwrap();
    let splits: Vec<Split> = set.items().iter().map(|i| i.split).collect();
    assert_eq!(splits, [Split::Train, Split::Train, Split::Validation]);
    assert_eq!(set.items()[2].group, "D014_2020/Z1_NF");
    fixture.text("val.csv", &line("D014_2020/Z9_NF", 9));
    let error = fixture.open(options).unwrap_err();
    assert!(error.to_string().contains("IMG_000009.tif"), "{error}");
}

#[test]
fn flair_1_takes_domains_from_its_metadata() {
    let fixture = Fixture::new(&["red", "green", "blue", "nir", "height"], &[(1, "building")]);
    for number in 1..=2 {
        five_bands(&fixture.path(&format!("img/IMG_{number:06}.tif")), 2);
        fixture.mask(&format!("msk/MSK_{number:06}.tif"), (2, 2), |_, _| 1);
    }
    let metadata = r#"{"IMG_000001": {"domain": "D004_2021", "zone": "Z8_NF", "camera": "UCE-M3-f120-s07"},
"IMG_000002": {"domain": "D012_2019", "zone": "Z1_UU", "patch_centroid_x": 924009.6}}"#;
    fixture.text("flair-1_metadata_aerial.json", metadata);
    let options = "part = \"train\"\nlayout = \"flair\"\nmetadata = \"flair-1_metadata_aerial.json\"";
    let set = fixture.open(options).unwrap();
    assert_eq!(set.items()[1].item, "D012_2019/Z1_UU/000002");
    fixture.text("flair-1_metadata_aerial.json", "{\n\"IMG_000001\": {\n\"domain\": 4}}");
    let error = fixture.open(options).unwrap_err().to_string();
    assert!(error.contains("flair-1_metadata_aerial.json:3"), "{error}");
}

#[test]
fn flair_hub_pairs_pictures_and_cosia() {
    let classes: Vec<(u8, String)> = (0..19).map(|id| (id, format!("class {id}"))).collect();
    let classes: Vec<(u8, &str)> = classes.iter().map(|(id, name)| (*id, name.as_str())).collect();
    let fixture = Fixture::new(&["red", "green", "blue", "nir"], &classes);
    let chips = [("D004-2021", "AA-S1-28", "0-0"), ("D006-2020", "FF-S2-1", "3-7")];
    for (domain, zone, chip) in chips {
        let name = format!("{domain}_{zone}_{chip}.tif");
        let samples = Samples::Rgba8((0..16).collect());
        let window = Window::new(0, 0, 2, 2);
        let picture = GeoTiff { epsg: Some(2154), gsd: 0.2, window, nodata: None, samples };
        picture.write(&fixture.path(&format!("{domain}_AERIAL_RGBI/{zone}/AERIAL_RGBI_{name}"))).unwrap();
        let label = format!("{domain}_AERIAL_LABEL-COSIA/{zone}/AERIAL_LABEL-COSIA_{name}");
        fixture.mask(&label, (2, 2), |x, _| if x == 0 { 14 } else { 18 });
    }
    fixture.text(
        "t.csv",
        "AERIAL_LABEL-COSIA,AERIAL_RGBI\nb.tif,/their/AERIAL_RGBI_D004-2021_AA-S1-28_0-0.tif\n",
    );
    fixture.text(
        "v.csv",
        "AERIAL_LABEL-COSIA,AERIAL_RGBI\nb.tif,/their/AERIAL_RGBI_D006-2020_FF-S2-1_3-7.tif\n",
    );
    let options = "layout = \"flair\"\nedition = \"flair-hub\"\nbaseline = true
lists = { train = \"t.csv\", validation = \"v.csv\" }";
    let set = fixture.open(options).unwrap();
    assert_eq!((set.items()[0].group.as_str(), set.items()[1].split), ("D004-2021", Split::Validation));
    let example = set.read(0).unwrap();
    // The fourth band is flagged as alpha and holds near infrared.
    assert_eq!((example.chips[0].band(3), example.chips[0].valid[0]), (&[3.0, 7.0, 11.0, 15.0][..], true));
    assert_eq!(labels(&example), [14, IGNORE, 14, IGNORE]);
}

const COCO: &str = r#"{"images": [{"id": 5, "file_name": "b.png", "width": 8, "height": 6}, {"id": 9, "file_name": "a.png"}],
"annotations": [
{"id": 1, "image_id": 5, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": 0},
{"id": 2, "image_id": 5, "category_id": 2, "segmentation": [[0, 0, 2, 0, 2, 1.5]]},
{"id": 3, "image_id": 5, "category_id": 2, "bbox": [0, 0, 8, 6], "segmentation": {"counts": [1], "size": [6, 8]}, "iscrowd": 1}],
"categories": [{"id": 1, "name": "nobody"}, {"id": 2, "name": "Tree"}]}"#;

#[test]
fn coco_gives_boxes() {
    let fixture = Fixture::rgb(&[(3, "tree")]);
    fixture.picture("images/a.png", (8, 6), 0);
    fixture.picture("images/b.png", (8, 6), 0);
    fixture.text("annotations.json", COCO);
    fixture.table(&[("train", "a.png", ""), ("val", "b.png", "")]);
    let set = fixture.open("layout = \"coco\"").unwrap();
    assert_eq!(set.read(0).unwrap().truth, Truth::Boxes(vec![]));
    let tree = |bbox| AnnotatedBox { class_id: 3, bbox, oriented: None };
    let expected = vec![tree([1.0, 2.0, 4.0, 6.0]), tree([0.0, 0.0, 2.0, 1.5])];
    assert_eq!(set.read(1).unwrap().truth, Truth::Boxes(expected));
}

#[test]
fn aerialwaste_gives_classes_of_pictures() {
    let json = r#"{"images": [
{"id": 1, "file_name": "1.png", "is_candidate_location": 1, "categories": [17, 2]},
{"id": 2, "file_name": "2.png", "is_candidate_location": 0},
{"id": 3, "file_name": "3.png", "is_candidate_location": 1, "categories": []}],
"annotations": [], "categories": [{"id": 2, "name": "Bulky items"}, {"id": 17, "name": "Full container"}]}"#;
    let fixture = Fixture::rgb(&[(0, "bulky items"), (1, "full container")]);
    (1..=3).for_each(|i| fixture.picture(&format!("images/{i}.png"), (4, 4), 0));
    fixture.text("training.json", json);
    let options = "part = \"train\"\nlayout = \"aerialwaste\"\nannotations = \"training.json\"";
    let truths = |options: &str| {
        let set = fixture.open(options).unwrap();
        (0..set.items().len()).map(|i| set.read(i).unwrap().truth).collect::<Vec<_>>()
    };
    assert_eq!(truths(options), [Truth::Classes(vec![0, 1]), Truth::Classes(vec![])]);
    let candidate = truths(&format!("{options}\ntarget = \"candidate\""));
    assert_eq!(candidate, [vec![1], vec![0], vec![1]].map(Truth::Classes));
}

#[test]
fn yolo_gives_boxes() {
    let fixture = Fixture::rgb(&[(4, "crack")]);
    fixture.picture("images/a.png", (10, 20), 0);
    fixture.text("labels/a.txt", "0 0.5 0.5 0.2 0.5\n\n");
    let options = "part = \"train\"\nlayout = \"yolo\"\nnames = [\"crack\"]";
    let example = fixture.open(options).unwrap().read(0).unwrap();
    assert_eq!(
        example.truth,
        Truth::Boxes(vec![AnnotatedBox { class_id: 4, bbox: [4.0, 5.0, 6.0, 15.0], oriented: None }])
    );
}

/// A rectangle of 10 x 4 pixels around (10, 9), whose longer side points to (4, 3).
fn assert_slanted(truth: Truth, class_id: u8) {
    let Truth::Boxes(boxes) = truth else { panic!("boxes expected") };
    let [AnnotatedBox { class_id: found, bbox, oriented: Some(oriented) }] = boxes.as_slice() else {
        panic!("{boxes:?}")
    };
    let near = |found: &[f64], expected: &[f64]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {expected:?}");
    };
    near(&oriented.numbers(), &[10.0, 9.0, 4.0, 3.0, 2.0]);
    near(bbox, &[4.8, 4.4, 15.2, 13.6]);
    assert_eq!(*found, class_id);
}

/// Its corners, as shares of a picture of this size.
fn slanted([width, height]: [f64; 2]) -> String {
    let corners = [[7.2, 4.4], [15.2, 10.4], [12.8, 13.6], [4.8, 7.6]];
    corners.iter().map(|[x, y]| format!("{} {} ", x / width, y / height)).collect::<Vec<_>>().concat()
}

#[test]
fn yolo_gives_boxes_with_a_direction() {
    let fixture = Fixture::rgb(&[(4, "ship")]);
    fixture.picture("images/a.png", (20, 16), 0);
    let options = "part = \"train\"\nlayout = \"yolo\"\nnames = [\"ship\"]\noriented = true";
    let read = |text: &str| {
        fixture.text("labels/a.txt", text);
        let set = fixture.open(options).unwrap();
        set.read(0).map(|example| (example.truth, set.remarks()))
    };
    let corners = slanted([20.0, 16.0]);
    // A line of four equal points has no area; a confidence may follow.
    let (truth, remarks) = read(&format!("0 {corners} 0.9\n0 {}\n", "0.5 ".repeat(8))).unwrap();
    assert_slanted(truth, 4);
    let kinds: Vec<_> = remarks.iter().map(|remark| remark.kind).collect();
    assert_eq!(kinds, [RemarkKind::Confidence, RemarkKind::EmptyBox]);
    let problem = |text: &str| read(text).unwrap_err().to_string();
    let of_four = problem("0 0.5 0.5 0.2 0.5");
    assert!(of_four.contains("is not `class x1 y1 x2 y2 x3 y3 x4 y4`"), "{of_four}");
    let outside = problem("0 1.5 1.5 1.6 1.5 1.6 1.6 1.5 1.6");
    assert!(outside.contains("outside of the picture of 20 x 16"), "{outside}");
}

#[test]
fn dota_gives_boxes_with_a_direction() {
    let fixture = Fixture::rgb(&[(4, "ship"), (5, "large vehicle")]);
    fixture.picture("images/a.png", (20, 16), 0);
    let options = "part = \"train\"\nlayout = \"dota\"\nnames = { large-vehicle = \"large vehicle\" }\nskip = [\"plane\"]";
    let read = |options: &str, text: &str| {
        fixture.text("labelTxt/a.txt", text);
        fixture.open(options).unwrap().read(0).map(|example| example.truth)
    };
    let corners = slanted([1.0, 1.0]);
    let header = "imagesource:GoogleEarth\ngsd:0.146343590398\n";
    let of_plane = "1 1 2 1 2 2 1 2 plane 0\n";
    assert_slanted(read(options, &format!("{header}{corners}large-vehicle 0\n{of_plane}")).unwrap(), 5);
    let two = format!("{corners}ship 1\n{corners}ship\n");
    let Truth::Boxes(both) = read(options, &two).unwrap() else { panic!("boxes expected") };
    assert_eq!(both.len(), 2);
    assert_slanted(read(&format!("{options}\nskip_difficult = true"), &two).unwrap(), 4);
    let problem = |text: &str| read(options, text).unwrap_err().to_string();
    for text in [
        "1 1 2 1 2 2 1 ship 0",
        "1 1 2 1 2 2 1 x ship 0",
        "1 1 2 1 2 2 1 inf ship 0",
        "1 1 2 1 2 2 1 1e200 ship 0",
        "1 1 2 1 2 2 1 2 ship maybe",
    ] {
        let told = problem(text);
        assert!(told.contains("is not `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`"), "{told}");
    }
    let unknown = problem(&format!("{corners}boat 0"));
    assert!(unknown.contains("boat"), "{unknown}");
}

#[test]
fn pascal_voc_gives_boxes() {
    let fixture = Fixture::rgb(&[(0, "pothole"), (1, "repair")]);
    fixture.picture("JPEGImages/a.jpg", (20, 10), 0);
    let objects = [("Pothole", [1, 2, 11, 10]), ("Manhole", [0, 0, 3, 3])];
    fixture.text("Annotations/a.xml", &voc((20, 10), &objects));
    let options = "part = \"train\"\nlayout = \"pascal-voc\"\nskip = [\"manhole\"]";
    let example = fixture.open(options).unwrap().read(0).unwrap();
    assert_eq!(
        example.truth,
        Truth::Boxes(vec![AnnotatedBox { class_id: 0, bbox: [1.0, 2.0, 11.0, 10.0], oriented: None }])
    );
}

#[test]
fn tables_of_boxes_give_boxes() {
    let fixture = Fixture::rgb(&[(3, "tree")]);
    for name in ["a.png", "b.png", "c.png"] {
        fixture.picture(name, (8, 6), 0);
    }
    // As DeepForest writes them: a picture without objects has a line of zeros. One box reaches a little beyond the picture.
    fixture.text("one.csv", "image_path,xmin,ymin,xmax,ymax,label\nb.png,1,2,4,6,Tree\na.png,0,0,0,0,nothing\nb.png,0,0,8.5,1.5,Shrub\n");
    fixture.text("two.csv", "file,xmin,ymin,xmax,ymax,label\nc.png,0,0,2,1.5,tree\n");
    let options =
        "part = \"train\"\nlayout = \"boxes-csv\"\ntables = [\"one.csv\", \"two.csv\"]\nskip = [\"shrub\"]";
    let set = fixture.open(options).unwrap();
    let items: Vec<_> = set.items().iter().map(|i| (i.item.as_str(), i.group.as_str())).collect();
    assert_eq!(items, [("a", "one"), ("b", "one"), ("c", "two")]);
    let tree = |bbox| AnnotatedBox { class_id: 3, bbox, oriented: None };
    let truths = (0..3).map(|i| set.read(i).unwrap().truth).collect::<Vec<_>>();
    let expected = [vec![], vec![tree([1.0, 2.0, 4.0, 6.0])], vec![tree([0.0, 0.0, 2.0, 1.5])]];
    assert_eq!(truths, expected.map(Truth::Boxes));
    let all = fixture.open(&options.replace("skip = [\"shrub\"]", "names = { shrub = \"tree\" }")).unwrap();
    let Truth::Boxes(boxes) = all.read(1).unwrap().truth else { panic!("boxes expected") };
    assert_eq!(boxes[1], tree([0.0, 0.0, 8.0, 1.5]));
    let fewer = fixture.open(&format!("{options}\nskip_pictures = [\"b.png\"]")).unwrap();
    assert_eq!(fewer.items().iter().map(|i| i.item.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let none = fixture.open(&format!("{options}\nskip_pictures = [\"d.png\"]")).unwrap_err().to_string();
    assert!(none.contains("no picture d.png, which `skip_pictures`"), "{none}");

    let problem = |text: &str| {
        fixture.text("one.csv", text);
        fixture.open(options).unwrap_err().to_string()
    };
    let header = "image_path,xmin,ymin,xmax,ymax,label\n";
    assert!(
        problem("xmin,ymin,xmax,ymax,label\n1,2,4,6,tree\n")
            .contains("one.csv:2: want the column image_path")
    );
    assert!(
        problem("image_path,xmin,ymin,xmax,label\nb.png,1,2,4,tree\n")
            .contains("one.csv:2: want the columns xmin")
    );
    assert!(problem(&format!("{header}../b.png,1,2,4,6,tree\n")).contains("must lie in the folder"));
    assert!(problem(&format!("{header}b.png,1,2,4,6,bush\n")).contains("one.csv:2: class `bush`"));
    let windows = format!("{header}b.png,1,2,4,6,tree\nb.png,1,2,4,6,bush\n").replace('\n', "\r\n");
    assert!(problem(&windows).contains("one.csv:3: class `bush`"));
    assert!(
        problem(&format!("{header}b.png,1,2,4,6,tree\nc.png,1,2,4,6,tree\n"))
            .contains("two.csv:2: the picture c.png is in")
    );
}

#[test]
fn rdd2022_is_split_by_country() {
    let fixture = Fixture::rgb(&[
        (0, "longitudinal crack"),
        (1, "transverse crack"),
        (2, "alligator crack"),
        (3, "pothole"),
    ]);
    let countries = ["Czech", "India", "Japan", "Norway"];
    for country in countries {
        for number in 0..2 {
            let id = format!("{country}_{number:06}");
            fixture.picture(&format!("{country}/train/images/{id}.jpg"), (20, 10), 0);
            let objects = [("D40", [1, 2, 11, 10]), ("D44", [0, 0, 3, 3]), ("D00", [4, 4, 6, 6])];
            fixture.text(&format!("{country}/train/annotations/xmls/{id}.xml"), &voc((20, 10), &objects));
        }
        fixture.picture(&format!("{country}/test/images/{country}_9.jpg"), (20, 10), 0);
    }
    let set = fixture.open("split = { validation = 0.5, seed = 2 }\nlayout = \"rdd2022\"").unwrap();
    assert_eq!(set.items().len(), 8);
    let mut groups: Vec<(&str, Split)> = set.items().iter().map(|i| (i.group.as_str(), i.split)).collect();
    groups.dedup();
    assert_eq!(groups.iter().map(|g| g.0).collect::<Vec<_>>(), countries);
    let Truth::Boxes(boxes) = set.read(0).unwrap().truth else { panic!("boxes expected") };
    assert_eq!(boxes.iter().map(|b| b.class_id).collect::<Vec<_>>(), [3, 0]);
}

#[test]
fn class_folders_name_the_class() {
    let fixture = Fixture::rgb(&[(1, "live tree"), (2, "dead")]);
    fixture.picture("alive/a_1.png", (3, 3), 0);
    fixture.picture("dead/b_1.png", (5, 4), 0);
    fixture.text("README.md", "a set");
    let options = "split = { validation = 0.5, by = \"folder\", seed = 2 }\nlayout = \"class-folders\"
names = { alive = \"live tree\" }";
    let set = fixture.open(options).unwrap();
    let truth = |i: usize| set.read(i).unwrap().truth;
    assert_eq!((truth(0), truth(1)), (Truth::Classes(vec![1]), Truth::Classes(vec![2])));
    assert_eq!(set.items()[1].item, "dead/b_1");
}

/// A scene of 30 x 10 pixels of 2 m and three squares: two of `water`, one of `forest`, in the scene's CRS.
fn scene_with_polygons(squares: &[(&str, [i32; 4])]) -> Fixture {
    let fixture = Fixture::rgb(&[(1, "forest"), (2, "water")]);
    let window = Window::new(250_000, -2_500_000, 30, 10);
    let bands: Vec<u8> = (0..900u32).map(|i| u8::try_from(i % 250 + 1).unwrap()).collect();
    GeoTiff::rgb(32631, 2.0, window, &bands).write(&fixture.path("scene.tif")).unwrap();
    let features: Vec<String> = squares
        .iter()
        .map(|(class, [x0, y0, x1, y1])| {
            let at = |x: &i32, y: &i32| format!("[{}, {}]", 500_000 + 2 * x, 5_000_000 - 2 * y);
            let ring = [at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)].join(", ");
            format!(
                "{{\"type\": \"Feature\", \"properties\": {{\"kind\": {class}, \"n\": 1}}, \
                 \"geometry\": {{\"type\": \"Polygon\", \"coordinates\": [[{ring}]]}}}}"
            )
        })
        .collect();
    let crs = r#""crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}"#;
    let text =
        format!("{{\"type\": \"FeatureCollection\", {crs}, \"features\": [{}]}}", features.join(",\n"));
    fs::write(fixture.path("polygons.geojson"), text).unwrap();
    fixture
}

const POLYGONS: &str =
    "layout = \"raster-polygons\"\nraster = \"scene.tif\"\npolygons = \"polygons.geojson\"\nmargin = 2";

#[test]
fn raster_polygons_are_windows_of_polygons() {
    let squares = [
        ("\"Water\"", [1, 1, 4, 4]),
        ("\"forest\"", [5, 1, 8, 4]),
        ("\"water\"", [20, 2, 24, 6]),
        ("\"water\"", [100, 2, 104, 6]),
    ];
    let fixture = scene_with_polygons(&squares);
    // The rule must put the first and the second square on different sides.
    let open = |seed: u64| {
        fixture.open(&format!("split = {{ validation = 0.5, seed = {seed} }}\n{POLYGONS}\nfield = \"kind\""))
    };
    let set = (0..100)
        .filter_map(|seed| open(seed).ok())
        .find(|s| s.items()[0].split != s.items()[1].split)
        .unwrap();
    assert_eq!(set.items().len(), 3, "the last one lies beyond the scene");
    let example = set.read(0).unwrap();
    // Columns 1 to 4 and rows 1 to 4, grown by 2 and cut to the scene.
    assert_eq!(example.chips[0].window, Window::new(0, 0, 6, 6));
    assert_eq!(example.chips[0].band(0)[..3], [1.0, 2.0, 3.0]);
    let water = |i: usize| (1..4).contains(&(i % 6)) && (1..4).contains(&(i / 6));
    let expected: Vec<u8> = (0..36).map(|i| if water(i) { 2 } else { IGNORE }).collect();
    assert_eq!(labels(&example), expected, "the forest beside it is for the other split");
    let whole = fixture.open(&format!("part = \"train\"\n{POLYGONS}\nfield = \"kind\"")).unwrap();
    let example = whole.read(0).unwrap();
    assert_eq!(labels(&example)[6..12], [IGNORE, 2, 2, 2, IGNORE, 1], "of one split, both are known");
}

/// Rectangles of classes on the scene of [`scene_with_polygons`], which overlap and touch.
fn squares() -> impl Strategy<Value = Vec<(&'static str, [i32; 4])>> {
    let class = prop::sample::select(vec!["\"forest\"", "\"water\""]);
    let one = (class, 0i32..28, 0i32..9, 1i32..9, 1i32..5)
        .prop_map(|(class, x, y, width, height)| (class, [x, y, (x + width).min(30), (y + height).min(10)]));
    prop::collection::vec(one, 3..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// No pixel is known in two splits, and splits are the same whatever the order of the polygons in the layer.
    #[test]
    fn polygons_of_two_splits_have_no_pixel_in_common(squares in squares(), seed in 0u64..1000, background: bool, margin in 0usize..6) {
        let fixture = scene_with_polygons(&squares);
        let ground = if background { "\nbackground = \"forest\"" } else { "" };
        let options = POLYGONS.replace("margin = 2", &format!("margin = {margin}"));
        let opened = fixture.open(&format!(
            "split = {{ validation = 0.3, test = 0.3, seed = {seed} }}\n{options}\nfield = \"kind\"{ground}"
        ));
        let set = match opened {
            Ok(set) => set,
            // A split without a polygon is refused, and nothing else.
            Err(error) => {
                prop_assert!(matches!(error, DatasetError::Empty { .. }), "{error}");
                return Ok(());
            }
        };
        let mut splits: BTreeMap<(i32, i32), Split> = BTreeMap::new();
        for (position, item) in set.items().iter().enumerate() {
            let number: usize = item.item.parse().unwrap();
            let [x0, y0, ..] = squares[number - 1].1;
            let example = set.read(position).unwrap();
            let window = example.chips[0].window;
            let grow = i32::try_from(margin).unwrap();
            let (west, north) = ((x0 - grow).max(0), (y0 - grow).max(0));
            for (i, label) in labels(&example).iter().enumerate().filter(|(_, label)| **label != IGNORE) {
                let at = |n: usize| i32::try_from(n).unwrap();
                let pixel = (west + at(i % window.width), north + at(i / window.width));
                let first = *splits.entry(pixel).or_insert(item.split);
                prop_assert_eq!(first, item.split, "pixel {:?}, label {}", pixel, label);
            }
        }
    }
}

#[test]
fn tiles_of_a_scene_have_all_polygons_and_what_lies_in_none() {
    // The first square lies on the border of two tiles.
    let fixture = scene_with_polygons(&[("\"a\"", [6, 1, 10, 4]), ("\"b\"", [20, 8, 24, 10])]);
    let open = |text: &str| fixture.open(&format!("part = \"train\"\n{POLYGONS}\n{text}"));
    let set = open("class = \"water\"\nbackground = \"forest\"\ntile_px = 8").unwrap();
    let ids: Vec<&str> = set.items().iter().map(|i| i.item.as_str()).collect();
    assert_eq!((ids.len(), ids[1], ids[7]), (8, "scene_y000000x000008", "scene_y000008x000024"));
    let scene: Vec<f32> = (0..8)
        .flat_map(|i| {
            let example = set.read(i).unwrap();
            let window = example.chips[0].window;
            assert_eq!(
                (window.width, window.height),
                (if i % 4 == 3 { 6 } else { 8 }, if i < 4 { 8 } else { 2 })
            );
            let (col, row) = (i % 4 * 8, i / 4 * 8);
            for (at, label) in labels(&example).iter().enumerate() {
                let (x, y) = (col + at % window.width, row + at / window.width);
                let is_water =
                    ((6..10).contains(&x) && (1..4).contains(&y)) || ((20..24).contains(&x) && y >= 8);
                assert_eq!(*label, if is_water { 2 } else { 1 }, "column {x}, row {y}");
            }
            example.chips[0].band(0).to_vec()
        })
        .collect();
    assert_eq!(scene.len(), 300, "tiles fill the scene and share no pixel");
    let problem = |text: &str| open(text).unwrap_err().to_string();
    assert!(problem("class = \"water\"\ntile_px = 8").contains("`tile_px` needs `background`"));
    assert!(
        problem("").contains("give `field`")
            && problem("field = \"kind\"\nclass = \"water\"").contains("exclude")
    );
    assert!(problem("class = \"lake\"").contains("class `lake` is not in the card"));
}

#[test]
fn fields_and_classes_of_polygons_are_checked() {
    let fixture = scene_with_polygons(&[("\"water\"", [1, 1, 4, 4]), ("null", [5, 1, 8, 4])]);
    let error = |field: &str, more: &str| {
        let set = fixture.open(&format!("part = \"train\"\n{POLYGONS}\nfield = \"{field}\"\n{more}"));
        let error = set.unwrap_err();
        format!("{error} {}", error.hint().unwrap_or_default())
    };
    let unknown = error("class", "");
    assert!(unknown.contains("polygons.geojson") && unknown.contains("fields kind, n"), "{unknown}");
    let empty = error("kind", "");
    assert!(empty.contains("feature 2") && empty.contains("skip"), "{empty}");
    let layer = error("kind", "layer = \"other\"");
    assert!(layer.contains("no layer `other`") && layer.contains("polygons"), "{layer}");
    let class = error("n", "");
    assert!(class.contains("class `1`") && class.contains("forest, water"), "{class}");
    let skipped =
        fixture.open(&format!("part = \"train\"\n{POLYGONS}\nfield = \"kind\"\nskip = [\"\"]")).unwrap();
    assert_eq!(skipped.items().len(), 1);
}
