//! Errors of a set name the file, and have a hint.

use arpent_base::Diagnostic as _;
use arpent_datasets::DatasetError;
use arpent_raster::ReadAs;

use crate::fixtures::{Fixture, flair_1, image_mask, voc};

/// The error of opening and then reading all items.
fn error(fixture: &Fixture, options: &str) -> DatasetError {
    let set = match fixture.open(options) {
        Ok(set) => set,
        Err(error) => return error,
    };
    (0..set.items().len()).find_map(|i| set.read(i).err()).expect("an error")
}

#[track_caller]
fn names(error: &DatasetError, file: &str) {
    assert!(error.to_string().contains(file), "{error} does not name {file}");
}

const MASKS: &str = "layout = \"image-mask\"";

#[test]
fn a_missing_mask_is_found_when_the_set_is_opened() {
    let fixture = image_mask();
    std::fs::remove_file(fixture.path("masks/b.png")).unwrap();
    let error = fixture.open(MASKS).unwrap_err();
    assert!(matches!(error, DatasetError::Missing { .. }), "{error}");
    names(&error, "masks/b");
}

#[test]
fn an_item_of_the_table_that_is_not_there_is_named() {
    let fixture = image_mask();
    fixture.table(&[("train", "a", "A"), ("val", "zebra", "B")]);
    let error = fixture.open(MASKS).unwrap_err();
    names(&error, "images/zebra");
    assert!(error.hint().is_some());
}

#[test]
fn missing_folders_cards_and_tables_are_named() {
    let fixture = image_mask();
    names(&error(&fixture, "layout = \"image-mask\"\nmasks = [{ folder = \"labels\" }]"), "labels");
    names(&error(&fixture, "splits = \"none.csv\"\nlayout = \"image-mask\""), "none.csv");
    let mut config = fixture.config(MASKS);
    config.card = "no.toml".into();
    names(&config.open(fixture.root.path(), ReadAs::Raw).unwrap_err(), "no.toml");
    let mut config = fixture.config(MASKS);
    config.path = "nowhere".into();
    names(&config.open(fixture.root.path(), ReadAs::Raw).unwrap_err(), "nowhere");
}

#[test]
fn a_mask_of_another_size_is_refused() {
    let fixture = image_mask();
    fixture.mask("masks/a.png", (5, 4), |_, _| 0);
    let error = error(&fixture, MASKS);
    assert!(matches!(error, DatasetError::Size { got: [5, 4], expected: [6, 4], .. }), "{error}");
    names(&error, "masks/a.png");
    assert!(error.hint().is_some());
}

#[test]
fn stacked_pictures_of_other_sizes_are_refused() {
    let fixture = image_mask();
    fixture.mask("nir/a.png", (6, 5), |_, _| 0);
    fixture.mask("nir/b.png", (6, 4), |_, _| 0);
    let options = "layout = \"image-mask\"\nimages = [{ folder = \"images\" }, { folder = \"nir\" }]";
    names(&error(&fixture, options), "nir/a.png");
}

#[test]
fn a_label_outside_the_card_is_refused() {
    let fixture = image_mask();
    fixture.mask("masks/b.png", (6, 4), |x, y| if (x, y) == (2, 3) { 9 } else { 0 });
    let error = error(&fixture, MASKS);
    assert!(matches!(error, DatasetError::UnknownLabel { value: 9, column: 2, row: 3, .. }), "{error}");
    names(&error, "masks/b.png");
    assert!(error.hint().unwrap().contains("values = { 9"), "{:?}", error.hint());
}

#[test]
fn labels_in_colors_are_refused() {
    let fixture = image_mask();
    fixture.picture("masks/a.png", (6, 4), 0);
    let error = error(&fixture, MASKS);
    names(&error, "masks/a.png");
    assert!(error.to_string().contains("3 bands"), "{error}");
}

#[test]
fn a_group_on_both_sides_is_refused() {
    let fixture = image_mask();
    fixture.table(&[("train", "a", "A"), ("val", "b", "A")]);
    let error = fixture.open(MASKS).unwrap_err();
    assert!(matches!(&error, DatasetError::Leak { group, .. } if group == "A"), "{error}");
    names(&error, "splits.csv");
}

#[test]
fn corrupt_pictures_and_masks_are_named() {
    let fixture = image_mask();
    fixture.text("images/a.png", "no picture");
    names(&error(&fixture, MASKS), "images/a.png");
    let fixture = image_mask();
    fixture.text("masks/a.png", "no picture");
    names(&error(&fixture, MASKS), "masks/a.png");
    let fixture = image_mask();
    let whole = std::fs::read(fixture.path("images/b.png")).unwrap();
    std::fs::write(fixture.path("images/b.png"), &whole[..whole.len() / 2]).unwrap();
    names(&error(&fixture, MASKS), "images/b.png");
}

#[test]
fn pictures_with_other_bands_are_refused() {
    let fixture = image_mask();
    fixture.mask("images/b.png", (6, 4), |_, _| 0);
    let error = error(&fixture, MASKS);
    assert!(matches!(error, DatasetError::BandCount { expected: 3, got: 1, .. }), "{error}");
    names(&error, "images/b.png");
    let options = "layout = \"image-mask\"\nimages = [{ folder = \"images\", bands = [1, 2, 7] }]";
    assert!(matches!(super::errors::error(&image_mask(), options), DatasetError::BandCount { .. }));
}

#[test]
fn a_picture_that_is_there_twice_is_refused() {
    let fixture = image_mask();
    fixture.picture("images/a.jpg", (6, 4), 0);
    let error = fixture.open(MASKS).unwrap_err();
    assert!(matches!(error, DatasetError::BadItem { .. }), "{error}");
}

#[test]
fn an_item_that_is_listed_twice_is_refused() {
    let fixture = image_mask();
    fixture.table(&[("train", "a", "A"), ("val", "b", "B"), ("train", "a.png", "A")]);
    let error = fixture.open(MASKS).unwrap_err();
    assert!(matches!(&error, DatasetError::BadItem { item, .. } if item == "a"), "{error}");
}

#[test]
fn folders_that_do_not_name_the_domain_are_refused() {
    let fixture = Fixture::new(&["red"], &[(1, "building")]);
    fixture.mask("img/IMG_000001.tif", (2, 2), |_, _| 1);
    fixture.mask("msk/MSK_000001.tif", (2, 2), |_, _| 1);
    let error = fixture.open("part = \"train\"\nlayout = \"flair\"").unwrap_err();
    assert!(error.to_string().contains("metadata"), "{error}");
    names(&error, "IMG_000001.tif");
    names(
        &fixture_without_mask().open("part = \"train\"\nlayout = \"flair\"").unwrap_err(),
        "MSK_000003.tif",
    );
}

fn fixture_without_mask() -> Fixture {
    let fixture = flair_1();
    std::fs::remove_file(fixture.path("flair_labels_train/D014_2020/Z1_NF/msk/MSK_000003.tif")).unwrap();
    fixture
}

#[test]
fn broken_json_is_reported_with_its_line() {
    let fixture = Fixture::rgb(&[(0, "tree")]);
    let options = "part = \"train\"\nlayout = \"coco\"";
    let told = |text: &str| {
        fixture.text("annotations.json", text);
        error(&fixture, options).to_string()
    };
    let broken = told("{\n\"images\": [\n");
    assert!(broken.contains("annotations.json:3") || broken.contains("annotations.json:2"), "{broken}");
    let outside = told("{\"images\": [{\"id\": 1, \"file_name\": \"../a.png\"}]}");
    assert!(outside.contains("must lie in the folder"), "{outside}");
    fixture.picture("images/a.png", (4, 4), 0);
    let with = |annotation: &str| {
        told(&format!(
            "{{\"images\": [{{\"id\": 1, \"file_name\": \"a.png\"}}], \"annotations\": [{annotation}], \
             \"categories\": [{{\"id\": 1, \"name\": \"tree\"}}, {{\"id\": 2, \"name\": \"bush\"}}]}}"
        ))
    };
    for (annotation, problem) in [
        (r#"{"id": 7, "image_id": 4, "category_id": 1, "bbox": [0, 0, 1, 1]}"#, "no picture 4"),
        (r#"{"id": 7, "image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}"#, "no category 3"),
        (r#"{"id": 7, "image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1]}"#, "class `bush`"),
        (r#"{"id": 7, "image_id": 1, "category_id": 1, "bbox": [2, 2]}"#, "its bbox has 2 numbers, not 4"),
        (r#"{"id": 7, "image_id": 1, "category_id": 1, "bbox": [2, 2, 5, 1]}"#, "beyond the picture"),
        (r#"{"id": 7, "image_id": 1, "category_id": 1, "bbox": [2, 2, -1, 1]}"#, "inside out"),
    ] {
        let told = with(annotation);
        assert!(told.contains("annotations.json") && told.contains(problem), "{told}");
    }
}

#[test]
fn broken_xml_is_reported_with_its_line() {
    let fixture = Fixture::rgb(&[(0, "pothole")]);
    fixture.picture("JPEGImages/a.jpg", (20, 10), 0);
    let told = |text: &str| {
        fixture.text("Annotations/a.xml", text);
        error(&fixture, "part = \"train\"\nlayout = \"pascal-voc\"").to_string()
    };
    let broken = told("<annotation>\n<object>\n</annotation>\n");
    assert!(broken.contains("a.xml:3"), "{broken}");
    let class = told(&voc((20, 10), &[("Pothole", [1, 1, 3, 3]), ("Ravelling", [1, 1, 3, 3])]));
    assert!(class.contains("a.xml:18") && class.contains("`Ravelling`"), "{class}");
    let half = told(
        "<annotation>\n\n<object><name>pothole</name><bndbox><xmin>1</xmin></bndbox></object></annotation>",
    );
    assert!(half.contains("a.xml:3") && half.contains("bndbox"), "{half}");
    let size = told(&voc((21, 10), &[]));
    assert!(
        size.contains("a.xml: `width` and `height` of ")
            && size.contains("are 21 x 10 pixels, but the picture has 20 x 10"),
        "{size}"
    );
}

#[test]
fn broken_text_files_are_reported_with_their_line() {
    let fixture = Fixture::rgb(&[(0, "crack")]);
    fixture.picture("images/a.png", (10, 10), 0);
    for (text, problem) in [
        ("0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1\n", "a.txt:2"),
        ("0 0.5 0.5 0.1 5\n", "shares"),
        ("3 0.5 0.5 0.1 0.1\n", "class number 3"),
        ("0 0.0 0.5 0.9 0.1\n", "beyond the picture"),
    ] {
        fixture.text("labels/a.txt", text);
        let told = error(&fixture, "part = \"train\"\nlayout = \"yolo\"").to_string();
        assert!(told.contains("a.txt") && told.contains(problem), "{told}");
    }
    std::fs::remove_file(fixture.path("labels/a.txt")).unwrap();
    names(&error(&fixture, "part = \"train\"\nlayout = \"yolo\""), "labels/a.txt");
}

#[test]
fn a_folder_that_is_no_class_of_the_card_is_refused() {
    let fixture = Fixture::rgb(&[(0, "alive")]);
    fixture.picture("alive/a.png", (2, 2), 0);
    fixture.picture("dying/b.png", (2, 2), 0);
    let options = "part = \"train\"\nlayout = \"class-folders\"";
    let error = error(&fixture, options);
    assert!(matches!(&error, DatasetError::UnknownClass { name, .. } if name == "dying"), "{error}");
    names(&error, "dying");
    assert!(error.hint().unwrap().contains("skip = [\"dying\"]"));
    assert_eq!(fixture.open(&format!("{options}\nskip = [\"dying\"]")).unwrap().items().len(), 1);
}
