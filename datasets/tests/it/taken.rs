//! Deviations from file formats: tolerated and counted, or refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use arpent_base::Diagnostic as _;
use arpent_datasets::{AnnotatedBox, Dataset, DatasetError, RemarkKind, Truth};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Samples};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, Rgb, RgbImage};

use crate::fixtures::{Fixture, voc};

fn counts(set: &dyn Dataset) -> Vec<(RemarkKind, u64)> {
    set.remarks().iter().map(|r| (r.kind, r.count)).collect()
}

fn boxes(set: &dyn Dataset, index: usize) -> Vec<[f64; 4]> {
    let Truth::Boxes(boxes) = set.read(index).unwrap().truth else { panic!("boxes expected") };
    boxes.into_iter().map(|AnnotatedBox { bbox, .. }| bbox).collect()
}

const YOLO: &str = "part = \"train\"\nlayout = \"yolo\"\nnames = [\"crack\", \"pothole\"]";

#[test]
fn yolo_lines_of_any_tool_are_taken_and_counted() {
    let fixture = Fixture::rgb(&[(4, "crack"), (5, "pothole")]);
    for item in ["a", "b", "c"] {
        fixture.picture(&format!("images/{item}.png"), (10, 20), 0);
    }
    // A box, one with a confidence, a polygon, one with a confidence, a class as 1.0, two without area.
    let lines = "0 0.5 0.5 0.2 0.5\n1 0.5 0.5 0.2 0.5 0.87\n0 0.1 0.2 0.5 0.2 0.5 0.6\n0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6 0.9\n\
                 1.0 0.5 0.5 1 1\n0 0.5 0.5 0 0.5\n0 0.3 0.3 0 0\n";
    fixture.text("labels/a.txt", lines);
    fixture.text("labels/b.txt", "");
    let set = fixture.open(YOLO).unwrap();
    assert!(set.remarks().is_empty());
    for _ in 0..2 {
        let found = boxes(set.as_ref(), 0);
        let wanted = [
            [4.0, 5.0, 6.0, 15.0],
            [4.0, 5.0, 6.0, 15.0],
            [1.0, 4.0, 5.0, 12.0],
            [1.0, 4.0, 5.0, 12.0],
            [0.0, 0.0, 10.0, 20.0],
        ];
        assert_eq!(found.len(), wanted.len());
        let near = |a: &[f64; 4], b: &[f64; 4]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(found.iter().zip(&wanted).all(|(a, b)| near(a, b)), "{found:?}");
        assert!(boxes(set.as_ref(), 1).is_empty() && boxes(set.as_ref(), 2).is_empty());
    }
    // Read twice, counted once.
    let wanted = [
        (RemarkKind::NoLabelFile, 1),
        (RemarkKind::PolygonAsBox, 2),
        (RemarkKind::Confidence, 2),
        (RemarkKind::EmptyBox, 2),
    ];
    assert_eq!(counts(set.as_ref()), wanted);
    assert_eq!(set.remarks()[0].first, "c");
    let report = arpent_datasets::audit(set.as_ref()).unwrap();
    assert_eq!(report.remarks, set.remarks());
}

#[test]
fn names_that_no_annotation_has_are_known() {
    let fixture = Fixture::rgb(&[(4, "crack"), (5, "pothole")]);
    fixture.picture("JPEGImages/a.png", (10, 20), 0);
    fixture.text("Annotations/a.xml", &voc((10, 20), &[("Fissure", [1, 1, 4, 4]), ("Car", [5, 5, 8, 8])]));
    let options = "part = \"train\"\nlayout = \"pascal-voc\"\nnames = { fissure = \"crack\", hole = \"pothole\" }\n\
                   skip = [\"car\", \"bus\"]";
    let set = fixture.open(options).unwrap();
    let found = |set: &dyn Dataset| -> Vec<(String, String, bool)> {
        set.asked().into_iter().map(|a| (a.option, a.value, a.is_found)).collect()
    };
    let wanted = |read: bool| {
        [("names", "fissure", read), ("names", "hole", false), ("skip", "bus", false), ("skip", "car", read)]
            .map(|(option, value, is_found)| (option.to_owned(), value.to_owned(), is_found))
    };
    assert_eq!(found(set.as_ref()), wanted(false), "nothing is read yet");
    set.read(0).unwrap();
    assert_eq!(found(set.as_ref()), wanted(true));
    let report = arpent_datasets::audit(set.as_ref()).unwrap();
    assert_eq!(report.unmatched.iter().map(|a| a.value.as_str()).collect::<Vec<_>>(), ["hole", "bus"]);
    // Of COCO, categories of which there is any annotation.
    let categories = r#"{"id": 1, "name": "Fissure"}, {"id": 2, "name": "car"}, {"id": 3, "name": "bus"}"#;
    let annotation = |category: u8| {
        format!(r#"{{"id": {category}, "image_id": 1, "category_id": {category}, "bbox": [1, 1, 3, 3]}}"#)
    };
    let document = format!(
        r#"{{"images": [{{"id": 1, "file_name": "a.png"}}], "categories": [{categories}], "annotations": [{}, {}]}}"#,
        annotation(1),
        annotation(2)
    );
    fixture.text("annotations.json", &document);
    let options = options.replace("pascal-voc", "coco") + "\nimages = \"JPEGImages\"";
    assert_eq!(found(fixture.open(&options).unwrap().as_ref()), wanted(true));
}

#[test]
fn yolo_without_any_file_or_with_nonsense_is_refused() {
    let fixture = Fixture::rgb(&[(4, "crack"), (5, "pothole")]);
    fixture.picture("images/a.png", (10, 20), 0);
    fixture.text("labels/other.txt", "");
    let error = fixture.open(YOLO).unwrap_err();
    assert!(
        matches!(error, DatasetError::Missing { .. }) && error.to_string().contains("labels/a.txt"),
        "{error}"
    );
    for (line, told) in [
        ("0 0.5 0.5 0.2", "is not `class x y width height`"),
        ("0 0.5 0.5 0.2 1.2", "shares of the picture"),
        ("2 0.5 0.5 0.2 0.2", "no class number 2"),
        ("0 0.5 x 0.2 0.2", "a.txt:2"),
    ] {
        fixture.text("labels/a.txt", &format!("0 0.5 0.5 0.1 0.1\n{line}\n"));
        let error = fixture.open(YOLO).unwrap().read(0).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("a.txt:2"), "{error}");
    }
}

#[test]
fn coco_of_any_tool_is_taken_and_counted() {
    let json = r#"{"images": [
{"id": "p1", "file_name": "site\\a.png", "width": 8.0, "height": 6.0},
{"id": 7, "file_name": "b.png", "width": null}],
"annotations": [
{"id": "x", "image_id": "p1", "category_id": "2", "bbox": [1.5, 2, 3, 4], "iscrowd": false},
{"id": 2.0, "image_id": "p1", "category_id": 2, "bbox": [], "segmentation": [[0, 0, 2, 0, 2, 1.5]], "iscrowd": null},
{"image_id": "7", "category_id": 2, "bbox": [], "segmentation": []},
{"id": 4, "image_id": 7.0, "category_id": 2, "bbox": [1, 1, 0, 3]},
{"id": 5, "image_id": 7, "category_id": 2, "bbox": [0, 0, 8, 6], "iscrowd": true}],
"categories": [{"id": 2, "name": "Tree"}]}"#;
    let fixture = Fixture::rgb(&[(3, "tree")]);
    fixture.picture("images/site/a.png", (8, 6), 0);
    fixture.picture("images/b.png", (8, 6), 0);
    fixture.text("annotations.json", json);
    let options = "layout = \"coco\"";
    fixture.table(&[("train", "site\\a.png", ""), ("val", "b.png", "")]);
    let set = fixture.open(options).unwrap();
    let items: Vec<&str> = set.items().iter().map(|i| i.item.as_str()).collect();
    assert_eq!(items, ["b", "site/a"]);
    assert_eq!(boxes(set.as_ref(), 1), [[1.5, 2.0, 4.5, 6.0], [0.0, 0.0, 2.0, 1.5]]);
    assert_eq!(boxes(set.as_ref(), 0), [[0.0; 4]; 0]);
    let wanted = [
        (RemarkKind::PolygonAsBox, 1),
        (RemarkKind::EmptyBox, 1),
        (RemarkKind::NoBox, 1),
        (RemarkKind::Crowd, 1),
        (RemarkKind::WindowsPath, 1),
    ];
    assert_eq!(counts(set.as_ref()), wanted);
    for (from, to, told) in [
        ("[1.5, 2, 3, 4]", "[1.5, 2, 3]", "annotation x"),
        ("\"width\": 8.0", "\"width\": 8.5", "8.5 is no number of pixels"),
        ("\"iscrowd\": false", "\"iscrowd\": \"no\"", "neither true nor false"),
        ("[1.5, 2, 3, 4]", "[1.5, 2, -3, 4]", "is inside out"),
    ] {
        fixture.text("annotations.json", &json.replace(from, to));
        let read = fixture.open(options).and_then(|set| set.read(1).map(drop));
        let error = read.unwrap_err().to_string();
        assert!(error.contains("annotations.json") && error.contains(told), "{error}");
    }
}

#[test]
fn voc_in_latin_1_is_read_as_it_says() {
    let fixture = Fixture::rgb(&[(0, "nid de poule é"), (1, "œuvre")]);
    fixture.picture("JPEGImages/a.jpg", (20, 10), 0);
    let text = voc((20, 10), &[("nid de poule é", [1, 2, 11, 10]), ("œuvre", [1, 1, 1, 5])]);
    let text = text.replace("<width>20<", "<width>20.0<");
    // é is 0xe9 in both, œ is 0x9c in windows-1252 alone.
    let bytes: Vec<u8> =
        text.chars().map(|c| if c == 'œ' { 0x9c } else { u8::try_from(u32::from(c)).unwrap() }).collect();
    let write = |head: &str| {
        fs::write(fixture.path("Annotations/a.xml"), [head.as_bytes(), &bytes].concat()).unwrap();
    };
    let options = "part = \"train\"\nlayout = \"pascal-voc\"";
    for said in ["ISO-8859-1", "windows-1252"] {
        write(&format!("<?xml version=\"1.0\" encoding=\"{said}\"?>\n"));
        let set = fixture.open(options).unwrap();
        assert_eq!(boxes(set.as_ref(), 0), [[1.0, 2.0, 11.0, 10.0]]);
        assert_eq!(counts(set.as_ref()), [(RemarkKind::EmptyBox, 1), (RemarkKind::Latin1, 1)]);
    }
    for (head, line) in
        [("<?xml version=\"1.0\"?>\n", "a.xml:10"), ("<?xml version='1.0' encoding='utf-8'?>\n", "a.xml:10")]
    {
        write(head);
        let error = fixture.open(options).unwrap().read(0).unwrap_err().to_string();
        assert!(error.contains(line) && error.contains("save it as UTF-8"), "{error}");
    }
}

/// A JPEG of 16 x 8 pixels, left half red, with an EXIF orientation.
fn jpeg(path: &Path, orientation: u8) {
    let picture = RgbImage::from_fn(16, 8, |x, _| Rgb(if x < 8 { [250, 0, 0] } else { [0, 0, 250] }));
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut encoder = JpegEncoder::new_with_quality(fs::File::create(path).unwrap(), 95);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.encode_image(&picture).unwrap();
}

#[test]
fn pictures_are_read_as_viewers_show_them() {
    let fixture = Fixture::rgb(&[(4, "crack"), (5, "pothole")]);
    fixture.picture("images/b.png", (3, 3), 0);
    fixture.text("labels/a.txt", "0 0.5 0.25 1 0.5\n");
    // 6: what is stored left is shown on top.
    jpeg(&fixture.path("images/a.jpg"), 6);
    let set = fixture.open(YOLO).unwrap();
    let example = set.read(0).unwrap();
    let chip = &example.chips[0];
    assert_eq!((chip.window.width, chip.window.height), (8, 16));
    assert!(chip.band(0)[0] > 200.0 && chip.band(0)[15 * 8] < 50.0, "the upper half is red");
    assert_eq!(boxes(set.as_ref(), 0), [[0.0, 0.0, 8.0, 8.0]], "the box is the upper half of what is shown");
    assert_eq!(counts(set.as_ref()), [(RemarkKind::Turned, 1)]);
    jpeg(&fixture.path("images/a.jpg"), 1);
    let set = fixture.open(YOLO).unwrap();
    assert_eq!(set.read(0).unwrap().chips[0].window, Window::new(0, 0, 16, 8));
    assert_eq!(counts(set.as_ref()), []);
}

#[test]
fn a_mask_that_lies_on_stored_pixels_does_not_fit_a_turned_picture() {
    let fixture = Fixture::rgb(&[(0, "ground"), (1, "tree")]);
    jpeg(&fixture.path("images/a.jpg"), 8);
    fixture.mask("masks/a.png", (16, 8), |_, _| 1);
    let options = "part = \"train\"\nlayout = \"image-mask\"";
    let error = fixture.open(options).unwrap().read(0).unwrap_err();
    assert!(matches!(error, DatasetError::Size { .. }), "{error}");
    fixture.mask("masks/a.png", (8, 16), |_, _| 1);
    assert!(fixture.open(options).unwrap().read(0).is_ok());
    // A TIFF, whose pixels GDAL reads as they are stored.
    fs::remove_file(fixture.path("images/a.jpg")).unwrap();
    let window = Window::new(0, 0, 8, 16);
    let tiff =
        |epsg| GeoTiff { epsg, gsd: 1.0, window, nodata: None, samples: Samples::Rgb8(vec![7; 8 * 16 * 3]) };
    let path = fixture.path("images/a.tif");
    tiff(Some(2154)).write(&path).unwrap();
    assert!(fixture.open(options).unwrap().read(0).is_ok());
    let turned = fixture.path("turned.tif");
    oriented_tiff(&turned, 3);
    fs::copy(&turned, &path).unwrap();
    let error = fixture.open(options).unwrap().read(0).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("a.tif: its orientation is 3 (turned by 180 degrees)"), "{told}");
    assert!(error.hint().unwrap().contains("auto-orient"));
}

/// A TIFF of 8 x 16 pixels with the tag `Orientation`.
fn oriented_tiff(path: &Path, orientation: u16) {
    let mut file = tiff::encoder::TiffEncoder::new(fs::File::create(path).unwrap()).unwrap();
    let mut image = file.new_image::<tiff::encoder::colortype::RGB8>(8, 16).unwrap();
    image.encoder().write_tag(tiff::tags::Tag::Orientation, orientation).unwrap();
    image.write_data(&[7; 8 * 16 * 3]).unwrap();
}

/// A picture and a mask of 8 x 6 pixels each, the mask with this place.
fn placed(epsg: u16, gsd: f64, shift: (i64, i64)) -> Fixture {
    let fixture = Fixture::rgb(&[(0, "ground"), (1, "tree")]);
    let window = Window::new(350_000, -3_300_000, 8, 6);
    let picture = GeoTiff {
        epsg: Some(2154),
        gsd: 2.0,
        window,
        nodata: None,
        samples: Samples::Rgb8(vec![7; 8 * 6 * 3]),
    };
    picture.write(&fixture.path("images/a.tif")).unwrap();
    let window = Window::new(window.col + shift.0, window.row + shift.1, 8, 6);
    let mask =
        GeoTiff { epsg: Some(epsg), gsd, window, nodata: None, samples: Samples::Gray8(vec![1; 8 * 6]) };
    mask.write(&fixture.path("masks/a.tif")).unwrap();
    fixture
}

#[test]
fn labels_that_lie_elsewhere_than_their_picture_are_refused() {
    let options = "part = \"train\"\nlayout = \"image-mask\"";
    assert!(placed(2154, 2.0, (0, 0)).open(options).unwrap().read(0).is_ok());
    for (fixture, told) in [
        (placed(32631, 2.0, (0, 0)), "it is in EPSG:32631, and EPSG:2154 is the CRS of"),
        (placed(2154, 2.5, (0, 0)), "its pixels are 2.5 x 2.5 CRS units, and 2 x 2 are those of"),
        (placed(2154, 2.0, (1, 0)), "it lies +1.00 pixels east and +0.00 pixels north of"),
        (placed(2154, 2.0, (0, 3)), "it lies +0.00 pixels east and -3.00 pixels north of"),
    ] {
        let error = fixture.open(options).unwrap().read(0).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(told) && message.contains("masks/a.tif") && message.contains("images/a.tif"),
            "{message}"
        );
        // The hint's command, run, leads to a mask that is taken.
        let hint = error.hint().unwrap();
        let command = hint.split(": ").last().unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        let done = Command::new(words[0]).args(&words[1..]).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        fs::rename(words[words.len() - 1], fixture.path("masks/a.tif")).unwrap();
        assert!(fixture.open(options).unwrap().read(0).is_ok(), "{command}");
    }
    // A PNG does not say where it lies: its size counts.
    let fixture = placed(2154, 2.0, (0, 0));
    fs::remove_file(fixture.path("masks/a.tif")).unwrap();
    fixture.mask("masks/a.png", (8, 6), |_, _| 1);
    assert!(fixture.open(options).unwrap().read(0).is_ok());
    // With a world file it does.
    fixture.text("masks/a.pgw", "2\n0\n0\n-2\n700005\n6599999\n");
    let error = fixture.open(options).unwrap().read(0).unwrap_err().to_string();
    assert!(error.contains("it lies +2.00 pixels east"), "{error}");
}

#[test]
fn dates_of_other_places_are_no_pair() {
    let fixture = Fixture::rgb(&[(0, "same"), (1, "other")]);
    for (folder, col) in [("A", 350_000), ("B", 350_002)] {
        let window = Window::new(col, -3_300_000, 4, 4);
        let picture =
            GeoTiff { epsg: Some(2154), gsd: 2.0, window, nodata: None, samples: Samples::Rgb8(vec![7; 48]) };
        picture.write(&fixture.path(&format!("{folder}/a.tif"))).unwrap();
    }
    fixture.mask("label/a.png", (4, 4), |_, _| 0);
    let error =
        fixture.open("part = \"train\"\nlayout = \"change-pairs\"").unwrap().read(0).unwrap_err().to_string();
    assert!(error.contains("B/a.tif: it lies +2.00 pixels east"), "{error}");
}
