//! Every set of the shared data through its layout and its card. Skipped where the data are not at hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_datasets::{
    Card, Dataset, DatasetError, Example, IGNORE, SetConfig, Split, Truth, audit, read_table, read_unlabelled,
};
use arpent_gdal::{PolygonSource, SceneSource, open_scene, read_labels, read_polygons};
use arpent_raster::ReadAs;

use crate::fixtures::{cards, data};

/// A set of a task's folder with its card, more options after it.
fn config(root: &Path, task: &str, name: &str, more: &str) -> SetConfig {
    let (path, card) = (root.join(task).join(name), cards().join(format!("{name}.toml")));
    let text = format!("path = '{}'\ncard = '{}'\n{more}", path.display(), card.display());
    toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn open(root: &Path, task: &str, name: &str, more: &str) -> Box<dyn Dataset> {
    let set = config(root, task, name, more)
        .open(root, ReadAs::Raw)
        .unwrap_or_else(|e| panic!("{name}: {e} {:?}", e.hint()));
    check(set.as_ref());
    set
}

fn counts(items: impl Iterator<Item = Split>) -> BTreeMap<Split, usize> {
    items.fold(BTreeMap::new(), |mut all, split| {
        *all.entry(split).or_default() += 1;
        all
    })
}

/// Opens a set split by the table and compares it with the table.
fn by_table(root: &Path, task: &str, name: &str, more: &str) -> Box<dyn Dataset> {
    let set = open(root, task, name, &format!("splits = \"splits.csv\"\n{more}"));
    let table = read_table(&root.join("splits.csv"), name).unwrap();
    assert_eq!(counts(set.items().iter().map(|i| i.split)), counts(table.iter().map(|i| i.split)), "{name}");
    set
}

/// Reads some items and holds them against the card.
fn check(set: &dyn Dataset) {
    let (card, count) = (set.card(), set.items().len());
    assert!(set.items().windows(2).all(|pair| pair[0].item < pair[1].item), "{}", card.name);
    for index in [0, count / 3, count / 2, count - 1] {
        let example = set.read(index).unwrap_or_else(|e| panic!("{} {index}: {e}", card.name));
        check_example(card, &example);
    }
}

fn check_example(card: &Card, example: &Example) {
    let first = example.chips[0].window;
    for chip in &example.chips {
        assert_eq!((chip.window, chip.bands), (first, card.bands.len()), "{}", card.name);
        assert_eq!((first.col, first.row), (0, 0));
        assert!(chip.valid.contains(&true) && chip.data.iter().any(|v| *v > 0.0), "{}", card.name);
    }
    let known = |id: u8| card.classes.iter().any(|c| c.id == id);
    match &example.truth {
        Truth::Labels(labels) | Truth::Objects { labels, .. } => {
            assert_eq!(labels.window(), first);
            assert!(labels.data().iter().all(|l| *l == IGNORE || known(*l)), "{}", card.name);
        }
        Truth::Boxes(boxes) => assert!(boxes.iter().all(|b| known(b.class_id)), "{}", card.name),
        Truth::Classes(classes) => assert!(classes.iter().all(|c| known(*c)), "{}", card.name),
    }
}

/// Pixels by class in some items.
fn histogram(set: &dyn Dataset, step: usize) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for index in (0..set.items().len()).step_by(step) {
        let Truth::Labels(labels) = set.read(index).unwrap().truth else { panic!("labels expected") };
        labels.data().iter().for_each(|l| *counts.entry(*l).or_default() += 1);
    }
    counts
}

const DEAD_TREES: &str = "layout = \"image-mask\"
images = [{ folder = \"rgb\" }, { folder = \"nir\" }]
masks = [{ folder = \"masks\", threshold = 128 }]";

const BRAZIL: &str = "layout = \"image-mask\"
masks = [
  { folder = \"masks_lane\", class = 3 },
  { folder = \"masks_crack\", class = 1 },
  { folder = \"masks_pothole\", class = 2 },
]";

#[test]
fn pictures_with_masks() {
    let Some(root) = data() else { return };
    let dubai = by_table(&root, "landcover", "dubai_mbrsc", "layout = \"image-mask\"");
    assert_eq!(histogram(dubai.as_ref(), 9).keys().filter(|k| **k < 6).count(), 6);
    let threshold = "layout = \"image-mask\"\nmasks = [{ folder = \"masks\", threshold = 128 }]";
    let cracks = by_table(&root, "road_damage", "uav_crack_cc0", threshold);
    assert_eq!(histogram(cracks.as_ref(), 40).into_keys().collect::<Vec<_>>(), [0, 1]);
    let trees = by_table(&root, "tree_health", "standing_dead_trees_usa", DEAD_TREES);
    assert_eq!(histogram(trees.as_ref(), 60).into_keys().collect::<Vec<_>>(), [0, 1]);
    let dumps = by_table(&root, "dumping", "landfills_mexico_s2", threshold);
    assert_eq!(histogram(dumps.as_ref(), 10).into_keys().collect::<Vec<_>>(), [0, 1]);
    let brazil = by_table(&root, "road_damage", "cracks_potholes_brazil", BRAZIL);
    assert_eq!(histogram(brazil.as_ref(), 10).into_keys().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn boxes() {
    let Some(root) = data() else { return };
    let yolo = "layout = \"yolo\"\nlabels = \"labels_yolo\"\nnames = [\"crack\"]";
    let leaking =
        config(&root, "road_damage", "omu_drone_cracks", &format!("splits = \"splits.csv\"\n{yolo}"));
    let error = leaking.open(&root, ReadAs::Raw).unwrap_err();
    assert!(matches!(&error, DatasetError::Leak { group, .. } if group == "h1" || group == "k1"), "{error}");
    let rule = "split = { validation = 0.2, seed = 1, by = { pattern = '^[a-z0-9]+_MAX_[0-9]+' } }";
    let cracks = open(&root, "road_damage", "omu_drone_cracks", &format!("{rule}\n{yolo}"));
    assert_eq!(cracks.items().len(), 222);
    let voc =
        "partial = true\nlayout = \"pascal-voc\"\nimages = \"images\"\nannotations = \"annotations_voc\"
suffix = \"_annotation\"";
    let damage = by_table(&root, "road_damage", "uav_pdd2023_samples", voc);
    let Truth::Boxes(boxes) = damage.read(3).unwrap().truth else { panic!("boxes expected") };
    assert_eq!((boxes.len(), boxes[0].class_id, boxes[0].bbox), (1, 3, [609.0, 599.0, 753.0, 663.0]));
    let coco = "part = \"train\"\nlayout = \"coco\"\nannotations = \"coco_sample_file.json\"\nimages = \".\"";
    let trees = open(&root, "scenes", "oam_tcd_10cm", coco);
    let count = |i| if let Truth::Boxes(boxes) = trees.read(i).unwrap().truth { boxes.len() } else { 0 };
    assert_eq!(count(0) + count(1), 6);
}

#[test]
fn classes() {
    let Some(root) = data() else { return };
    let folders = "layout = \"class-folders\"\n[names]\nalive = \"live tree\"\ndead = \"standing dead tree\"";
    let crowns = by_table(&root, "tree_health", "neon_dead_alive_crops", folders);
    assert_eq!(crowns.read(0).unwrap().truth, Truth::Classes(vec![1]));
    assert_eq!(crowns.read(1886).unwrap().truth, Truth::Classes(vec![2]));
    let waste = by_table(&root, "dumping", "aerialwaste_samples", "partial = true\nlayout = \"aerialwaste\"");
    assert_eq!(waste.read(0).unwrap().truth, Truth::Classes(vec![17, 20]));
}

#[test]
fn changes() {
    let Some(root) = data() else { return };
    let pairs = "partial = true\nlayout = \"change-pairs\"\nlabels = { folder = \"label\", threshold = 128 }";
    let whu = by_table(&root, "change", "whu_cd_samples", pairs);
    assert_eq!(whu.read(0).unwrap().chips.len(), 2);
    assert_eq!(histogram(whu.as_ref(), 1).into_keys().collect::<Vec<_>>(), [0, 1]);
    let sparse = "partial = true
layout = \"change-pairs\"
first = { folder = \".\", suffix = \"_t1\" }
second = { folder = \".\", suffix = \"_t2\" }
[labels]
folder = \".\"
suffix = \"_label_0none_1unchanged_2changed\"
values = { 0 = 255, 1 = 0, 2 = 1 }";
    let taizhou = by_table(&root, "change", "landsat_taizhou_nanjing", sparse);
    let pixels = histogram(taizhou.as_ref(), 1);
    assert_eq!((pixels[&0], pixels[&1]), (17_163, 4227));
}

#[test]
fn polygons() {
    let Some(root) = data() else { return };
    let reserve = "split = { validation = 0.3, seed = 109 }
layout = \"raster-polygons\"
raster = \"S2B_L1C_20181013_B02030408_uint8.tif\"
polygons = \"rcr_landcover.shp\"
field = \"Classname\"
bands = [1, 2, 3, 4]
names = { WetSand = \"wet sand\" }";
    let reserve = open(&root, "landcover", "sentinel2_rcr_polygons", reserve);
    assert_eq!(reserve.items().len(), 23);
    // Subtidal haline is one polygon, the other classes are on both sides, as in the card.
    let lacking = |set: &dyn Dataset| -> Vec<u8> {
        let classes = audit(set).unwrap().classes;
        classes.iter().filter(|c| !c.missing_in_splits.is_empty()).map(|c| c.id).collect()
    };
    assert_eq!(lacking(reserve.as_ref()), [3]);
    let chiapas = "split = { validation = 0.3, seed = 13 }
layout = \"raster-polygons\"
raster = \"LE70220491999322EDC01_stack.gtif\"
polygons = \"training_data.shp\"
field = \"class\"";
    let chiapas = open(&root, "landcover", "landsat7_chiapas_polygons", chiapas);
    assert_eq!((chiapas.items().len(), lacking(chiapas.as_ref())), (30, vec![]));
    // Each item shows its own polygon, so that a class of the card is known in each.
    for index in 0..30 {
        let Truth::Labels(labels) = chiapas.read(index).unwrap().truth else { panic!("labels expected") };
        assert!(labels.data().iter().any(|l| *l != IGNORE), "{:?}", chiapas.items()[index]);
    }
    let tanzania = "part = \"train\"
layout = \"raster-polygons\"
raster = \"tanzania_sample.tif\"
polygons = \"tanzania_sample.geojson\"
field = \"condition\"
skip = [\"\"]
names = { Complete = \"complete building\", Incomplete = \"incomplete building\", Foundation = \"foundation\" }";
    open(&root, "landcover", "buildings_small", tanzania);
}

#[test]
fn tables_of_boxes() {
    let Some(root) = data() else { return };
    let tables = ["SJER", "TEAK", "HARV", "OSBS"].map(|site| format!("\"{site}_boxes.csv\"")).join(", ");
    // Some labels are empty.
    let options = format!(
        "part = \"train\"\nlayout = \"boxes-csv\"\ntables = [{tables}]\nnames = {{ \"\" = \"tree\" }}"
    );
    let set = open(&root, "detection", "neon_tree_boxes", &options);
    assert_eq!(set.items().len(), 68);
    let (mut boxes, mut refused) = (0, Vec::new());
    for (i, item) in set.items().iter().enumerate() {
        match set.read(i) {
            Ok(Example { truth: Truth::Boxes(found), .. }) => boxes += found.len(),
            Ok(other) => panic!("boxes expected: {:?}", other.truth),
            Err(error) => refused.push((item.item.as_str(), error.to_string())),
        }
    }
    // Its tile is 212 rows high, and three of its four boxes lie below.
    let [(item, problem)] = refused.as_slice() else { panic!("{refused:?}") };
    assert!(*item == "SJER_061" && problem.contains("400 x 212 pixels"), "{item}: {problem}");
    assert_eq!(boxes, 1033 - 4);
}

#[test]
fn unlabeled_items_are_listed_by_themselves() {
    let Some(root) = data() else { return };
    let table = root.join("splits.csv");
    assert_eq!(read_unlabelled(&table, "naip_nd_2009_2020").unwrap().len(), 5);
    assert!(read_table(&table, "naip_nd_2009_2020").unwrap().is_empty());
}

#[test]
fn fingerprints_are_those_of_the_cards() {
    let Some(root) = data() else { return };
    let mut compared = 0;
    for task in fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
        for folder in fs::read_dir(task).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
            let card = cards().join(folder.file_name().unwrap()).with_extension("toml");
            let Ok(card) = Card::read(&card) else { continue };
            assert!(card.sha256.is_some(), "{}", card.name);
            card.verify(&folder).unwrap_or_else(|e| panic!("{e}"));
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn audits_find_what_is_known() {
    let Some(root) = data() else { return };
    let threshold =
        "splits = \"splits.csv\"\nlayout = \"image-mask\"\nmasks = [{ folder = \"masks\", threshold = 128 }]";
    let dumps = config(&root, "dumping", "landfills_mexico_s2", threshold).open(&root, ReadAs::Raw).unwrap();
    let report = audit(dumps.as_ref()).unwrap();
    assert_eq!(report.findings(), []);
    assert_eq!(report.shift.map(|s| (s.columns, s.rows)), Some((0, 0)));
    let folders = "splits = \"splits.csv\"\nlayout = \"class-folders\"
[names]\nalive = \"live tree\"\ndead = \"standing dead tree\"";
    let crowns =
        config(&root, "tree_health", "neon_dead_alive_crops", folders).open(&root, ReadAs::Raw).unwrap();
    let report = audit(crowns.as_ref()).unwrap();
    assert_eq!((report.classes[0].count, report.classes[1].count), (1100, 787));
    assert_eq!(report.classes[0].missing_in_groups, ["PUUM"]);
    assert_eq!(report.classes[1].missing_in_groups, ["GUAN"]);
    assert!(report.faults.is_empty() && report.duplicates.is_empty() && report.shift.is_none());
}

#[test]
fn polygons_cover_the_pixels_that_gdal_burned() {
    let Some(root) = data() else { return };
    let folder = root.join("landcover/landsat7_chiapas_polygons");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let scene = open_scene(&SceneSource::new(&path("LE70220491999322EDC01_stack.gtif"))).unwrap();
    let labels = path("training_data.shp");
    let drawn =
        read_polygons(&PolygonSource::new(&labels, "id"), &scene.grid, &scene.window).unwrap().polygons;
    let mut ids = vec![IGNORE; scene.window.width * scene.window.height];
    for polygon in drawn {
        let id: u8 = polygon.value.unwrap().parse().unwrap();
        let inside = polygon.area.mask(scene.window);
        ids.iter_mut().zip(inside.data()).filter(|(_, inside)| **inside).for_each(|(value, _)| *value = id);
    }
    let burned = read_labels(&path("training_data.gtif")).unwrap();
    assert!(ids.iter().filter(|id| **id != IGNORE).count() > 500);
    let differ = ids.iter().zip(burned.data()).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 0);
}
