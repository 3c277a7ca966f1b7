//! Objects made into labels: boxes with marks, and crops.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_datasets::{AnnotatedBox, Dataset, Example, IGNORE, SetConfig, Truth};
use arpent_raster::ReadAs;

use crate::fixtures::{Fixture, cards, data};

const CSV: &str =
    "image,ymin,xmin,xmax,ymax,label\na,2,2,12,12,Tree\na,2,20,30,12,Tree\na,14,30,36,19,Tree\n";

/// A picture of 40 x 20 pixels with three boxes in both formats.
fn fixture() -> Fixture {
    let fixture = Fixture::rgb(&[(0, "ground"), (1, "live tree"), (2, "dead tree")]);
    fixture.picture("a.png", (40, 20), 7);
    fixture.text("a.csv", CSV);
    let object = |[x0, y0, x1, y1]: [u32; 4]| {
        format!(
            "<object><name>Tree</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        )
    };
    let boxes = [[2, 2, 12, 12], [20, 2, 30, 12], [30, 14, 36, 19]].map(object).concat();
    fixture.text("a.xml", &format!("<annotation>{boxes}</annotation>"));
    fixture.text(
        "marks.toml",
        "[boxes]\n\"dead tree\" = [1]\n[doubtful]\nboxes = [2]\nareas = [[0, 18, 40, 20]]\n[ellipses]\n\
         \"dead tree\" = [[4.5, 15.5, 1, 1]]\n[areas]\nground = [[[0, 0], [39, 0], [39, 20], [0, 20]]]\n",
    );
    fixture
}

fn options(boxes: &str, more: &str) -> String {
    format!(
        "part = \"train\"\nlayout = \"boxes-to-labels\"\nraster = \"a.png\"\nboxes = \"{boxes}\"\nnames = {{ tree = \"live tree\" }}\n{more}"
    )
}

fn objects(example: &Example) -> (&[u8], &[AnnotatedBox]) {
    let Truth::Objects { labels, boxes } = &example.truth else { panic!("objects expected") };
    assert_eq!(labels.window(), example.chips[0].window);
    (labels.data(), boxes)
}

#[test]
fn what_is_surer_covers_what_is_less_sure() {
    let fixture = fixture();
    let example = fixture.open(&options("a.xml", "marks = \"marks.toml\"")).unwrap().read(0).unwrap();
    let (labels, boxes) = objects(&example);
    let at = |x: usize, y: usize| labels[y * 40 + x];
    // A box, one that is called dead, an object without a box, a doubtful box, an area, unmarked pixels.
    assert_eq!([at(7, 7), at(25, 7), at(4, 15), at(33, 16)], [1, 2, 2, IGNORE]);
    assert_eq!(
        [at(10, 17), at(39, 5), at(3, 3), at(16, 19), at(14, 10)],
        [0, IGNORE, IGNORE, IGNORE, IGNORE]
    );
    assert_eq!(labels.iter().filter(|l| **l == 1).count(), 32);
    let classes: Vec<u8> = boxes.iter().map(|b| b.class_id).collect();
    assert_eq!((classes, boxes[0].bbox), (vec![1, 2, 2], [2.0, 2.0, 12.0, 12.0]));
    assert!((boxes[2].bbox[0] - (4.5 - 1.0 / 0.65)).abs() < 1e-9);
    let table = fixture.open(&options("a.csv", "marks = \"marks.toml\"")).unwrap().read(0).unwrap();
    assert_eq!(table, example);
}

#[test]
fn a_part_of_the_columns_holds_its_own_objects_alone() {
    let fixture = fixture();
    let whole = fixture.open(&options("a.csv", "background = \"ground\"")).unwrap();
    assert_eq!(whole.items()[0].item, "a");
    let whole = whole.read(0).unwrap();
    let part = options("a.csv", "background = \"ground\"\ncolumns = [16, 40]\napart = 4");
    let part = fixture.open(&part).unwrap().read(0).unwrap();
    let ((all, boxes), (labels, own)) = (objects(&whole), objects(&part));
    assert_eq!((boxes.len(), part.chips[0].window.width), (3, 24));
    for (i, label) in labels.iter().enumerate() {
        let from = i / 24 * 40 + 16 + i % 24;
        assert_eq!(*label, all[from]);
        assert!((part.chips[0].band(0)[i] - whole.chips[0].band(0)[from]).abs() < 1e-6);
    }
    assert_eq!(own.iter().map(|b| b.bbox[0]).collect::<Vec<_>>(), [4.0, 14.0]);
    // Box 1 begins 4 columns from the cut: it is not an object with a margin of 5.
    let nearer = options("a.csv", "background = \"ground\"\ncolumns = [16, 40]\napart = 5");
    let nearer = fixture.open(&nearer).unwrap().read(0).unwrap();
    assert_eq!(objects(&nearer).1.len(), 1);
    assert_eq!(objects(&nearer).0, labels);
}

#[test]
fn what_does_not_fit_is_refused() {
    let fixture = fixture();
    let told = |boxes: &str, more: &str, expected: &str| {
        let set = fixture.open(&options(boxes, more));
        let error = set.and_then(|set| set.read(0)).expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error} {:?}", error.hint());
    };
    told("b.xml", "", "b.xml is missing");
    told("a.csv", "columns = [30, 41]", "the picture has 40 columns");
    told("a.csv", "columns = [30, 30]", "`columns` must name two columns");
    told("a.csv", "ellipse = 1.5", "`ellipse` must lie above 0");
    told("a.csv", "background = \"pond\"", "pond");
    for (marks, expected) in [
        ("[boxes]\n\"dead tree\" = [3]", "boxes 0 to 2"),
        ("[boxes]\n\"dead tree\" = [1]\n[doubtful]\nboxes = [1]", "a box is named twice"),
        ("[boxes]\npond = [1]", "pond"),
        ("[ponds]\nx = 1", "unknown field `ponds`"),
        ("[areas]\nground = [[[1, 2], [3, 4]]]", "fewer than three corners"),
    ] {
        fixture.text("marks.toml", marks);
        told("a.csv", "marks = \"marks.toml\"", expected);
    }
    for (table, expected) in [
        ("xmin,ymin,xmax,ymax\n1,1,2,2\n", "want the columns"),
        ("xmin,ymin,xmax,ymax,label\n3,2,1,4,Tree\n", "inside out"),
        ("xmin,ymin,xmax,ymax,label\n3,2,1,x,Tree\n", "want the columns"),
        ("xmin,ymin,xmax,ymax,label\n3,2,4,40,Tree\n", "beyond the picture"),
        ("xmin,ymin,xmax,ymax,label\n1,1,2,2,Pond\n", "Pond"),
    ] {
        fixture.text("a.csv", table);
        told("a.csv", "", expected);
    }
}

#[test]
fn a_crop_is_of_its_class_in_the_middle() {
    let fixture = Fixture::rgb(&[(1, "live tree"), (2, "dead")]);
    fixture.picture("dead/b_1.png", (10, 6), 0);
    let set = |ellipse: &str| {
        fixture.open(&format!("part = \"train\"\nlayout = \"class-folders\"\nellipse = {ellipse}"))
    };
    let example = set("0.5").unwrap().read(0).unwrap();
    let (labels, boxes) = objects(&example);
    assert_eq!(boxes, [AnnotatedBox { class_id: 2, bbox: [0.0, 0.0, 10.0, 6.0], oriented: None }]);
    let row = |y: usize| labels[y * 10..][..10].iter().map(|l| u8::from(*l == 2)).collect::<Vec<_>>();
    assert_eq!([row(0), row(1)], [vec![0; 10], vec![0; 10]]);
    assert_eq!(row(2), [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
    assert!(set("0").is_err() && set("1.1").is_err());
}

/// Pixels of each class of the tiles that `tree-health-10cm` was trained on.
#[test]
fn the_real_tiles_are_as_they_were() {
    let Some(root) = data() else { return };
    let tile = |path: &Path, name: &str, more: &str| {
        let card = cards().join(format!("{name}.toml"));
        let marks = cards().with_file_name("annotations");
        let text = format!(
            "path = '{}'\ncard = '{}'\npart = \"train\"\nlayout = \"boxes-to-labels\"\n{}",
            path.display(),
            card.display(),
            more.replace("MARKS", &marks.display().to_string())
        );
        let set: SetConfig = toml::from_str(&text).unwrap();
        let set: Box<dyn Dataset> = set.open(&root, ReadAs::Raw).unwrap();
        let example = set.read(0).unwrap();
        let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
        objects(&example).0.iter().for_each(|l| *counts.entry(*l).or_default() += 1);
        (counts.into_iter().collect::<Vec<_>>(), objects(&example).1.len())
    };
    let stem = "2018_SJER_3_252000_4107000_image_477";
    let sjer = format!(
        "raster = '{stem}.tif'\nboxes = '{stem}.csv'\nmarks = 'MARKS/sjer_image_477.toml'\nnames = {{ 0 = 'live tree' }}"
    );
    let sjer = tile(&root.join("scenes/neon_sjer"), "neon_sjer", &sjer);
    assert_eq!(sjer, (vec![(0, 29_026), (1, 14_418), (IGNORE, 116_556)], 7));
    let osbs = "raster = 'OSBS_029.tif'\nboxes = 'OSBS_029.csv'\nbackground = 'ground'\nnames = { Tree = 'live tree' }";
    let osbs = tile(&root.join("scenes/neon_osbs_029"), "neon_osbs_029", osbs);
    assert_eq!(osbs, (vec![(0, 49_199), (1, 29_308), (IGNORE, 81_493)], 61));
}
