//! Fits a detection network on generated boxes, from a data set made by the test to scores by the predictor.

use std::collections::BTreeMap;

use arpent_base::number::exact;
use arpent_datasets::{
    AnnotatedBox, Card, CardClass, Dataset, DatasetError, Example, Split, SplitItem, Truth,
};
use arpent_model::{DeviceChoice, Predictor};
use arpent_raster::{Chip, OrientedBox, Window};
use arpent_shell::energy::Meter;

use crate::data::Sets;
use crate::evaluate::Published;
use crate::evaluate::figures::ChipAnswer;
use crate::fit::{Place, Start, TrainingSetup, train};
use crate::job::{TrainingData, first_weights};
use crate::package;
use crate::toy::Toy;

const TOY: Toy<'_> = Toy {
    task: "object-detection",
    model: r#"architecture = { kind = "unet", widths = [8, 12, 16], encoder_convs = [1, 1, 1] }
detection = { threshold = 0.3, iou = 0.5 }"#,
    classes: &[(4, "red", "#ff0000"), (9, "blue", "#0000ff")],
    rest: r#"[fit]
seed = 1
epochs = 5
steps_per_epoch = 40
batch = 2
chip_px = 64
learning_rate = 1e-2
[evaluate]
precision_at_k = [4, 100]
[loss]
terms = [{ kind = "heat" }, { kind = "size", weight = 0.5 }]
"#,
};

/// The same for a detector without anchors, of which the shallow part of an encoder is enough.
const LOCATED: Toy<'_> = Toy {
    model: r#"architecture = { kind = "fcos", encoder = "efficientnet-lite0", strides = [4, 8], width = 32, convs = 1 }
detection = { threshold = 0.05, iou = 0.5 }"#,
    rest: r"[fit]
seed = 1
epochs = 4
steps_per_epoch = 60
batch = 4
chip_px = 64
learning_rate = 4e-3
[evaluate]
precision_at_k = [4, 100]
",
    ..TOY
};

/// The same of boxes with a direction.
const ORIENTED: Toy<'_> = Toy {
    model: r#"architecture = { kind = "fcos", encoder = "efficientnet-lite0", strides = [4, 8], width = 32, convs = 1, oriented = true }
detection = { threshold = 0.05, iou = 0.5 }"#,
    ..LOCATED
};

/// Pictures with two rectangles each, red or blue, of different sizes.
#[derive(Debug)]
struct Rectangles {
    /// Whether they lie in different directions, rather than along rows and columns.
    turned: bool,
    card: Card,
    items: Vec<SplitItem>,
    /// Number of different pictures: later items repeat the first.
    pictures: usize,
}

impl Rectangles {
    /// `train` items to train on, `held_out` others.
    fn new(train: usize, held_out: usize, pictures: usize) -> Self {
        let class = |(id, name): (u8, &str)| CardClass { id, name: name.into() };
        let card = Card {
            name: "rectangles".into(),
            title: "Rectangles".into(),
            license: "CC0-1.0".into(),
            source: "a test".into(),
            weights_may_ship: true,
            bands: ["red", "green", "blue"].map(String::from).to_vec(),
            gsd_m: None,
            classes: [(1, "red"), (2, "blue")].map(class).to_vec(),
            splits: "by number".into(),
            sha256: None,
            notes: String::new(),
        };
        let item = |i: usize| SplitItem {
            item: format!("item{i}"),
            group: format!("group{i}"),
            split: if i < train { Split::Train } else { Split::Validation },
        };
        Self { turned: false, card, items: (0..train + held_out).map(item).collect(), pictures }
    }
}

impl Rectangles {
    /// Rectangle `k` of a picture.
    fn rectangle(&self, index: usize, k: usize) -> OrientedBox {
        if self.turned {
            let center =
                [20 + (index * 11 + k * 31) % 24, 15 + (index * 17 + 29 * k) % 8 + 26 * k].map(exact);
            let (sine, cosine) = exact((index * 37 + k * 53) % 180).to_radians().sin_cos();
            let [along, across] = [8 + (index * 3 + k * 5) % 4, 3 + (index + k) % 3].map(exact);
            return OrientedBox::new(center, [along * cosine, along * sine], across);
        }
        let (width, height) = (8 + (index * 3 + k * 5) % 9, 8 + (index * 5 + k * 7) % 9);
        let (x0, y0) = ((index * 11 + k * 31) % 46, (index * 17 + 29 * k) % 20 + 26 * k);
        OrientedBox::upright([x0, y0, x0 + width, y0 + height].map(exact))
    }
}

impl Dataset for Rectangles {
    fn card(&self) -> &Card {
        &self.card
    }

    fn items(&self) -> &[SplitItem] {
        &self.items
    }

    fn read(&self, index: usize) -> Result<Example, DatasetError> {
        const SIDE: usize = 64;
        let index = index % self.pictures;
        let mut chip = Chip::empty(Window::new(0, 0, SIDE, SIDE), 3);
        chip.valid.fill(true);
        chip.data.fill(90.0);
        let mut boxes = Vec::new();
        for k in 0..2 {
            let rectangle = self.rectangle(index, k);
            let plane = if k == 0 { 0 } else { 2 };
            for i in 0..SIDE * SIDE {
                let local = rectangle.local([exact(i % SIDE) + 0.5, exact(i / SIDE) + 0.5]);
                if local.iter().zip(rectangle.halves()).all(|(place, half)| place.abs() < half) {
                    chip.data[plane * SIDE * SIDE + i] = 220.0;
                }
            }
            let oriented = self.turned.then_some(rectangle);
            boxes.push(AnnotatedBox {
                class_id: if k == 0 { 1 } else { 2 },
                bbox: rectangle.bbox(),
                oriented,
            });
        }
        Ok(Example { chips: vec![chip], truth: Truth::Boxes(boxes) })
    }
}

/// What a training on such pictures publishes, and the terms of its losses by epoch.
fn learned(toy: &Toy<'_>, set: Rectangles) -> (Published, Vec<BTreeMap<String, f64>>) {
    let folder = tempfile::tempdir().unwrap();
    let config = toy.config(folder.path());
    let opened: Vec<(_, Box<dyn Dataset>)> = vec![(&config.sets[0], Box::new(set))];
    let source = TrainingData::sets(&config, Sets::new(&config, opened).unwrap()).unwrap();
    let architecture = package::architecture(&config, source.bands.len()).unwrap();
    let draft = package::draft(&config, &architecture, &source.bands, source.provenance()).unwrap();
    assert_eq!(draft.overlap_px % draft.stride_px, 0);
    let judge = source.judge(&config);
    let meter = Meter::start(config.energy.core_w);
    let setup = TrainingSetup {
        config: &config,
        architecture: &architecture,
        bands: &source.bands,
        draw: source.draw(),
        class_weights: vec![1.0; 2],
        data: source.fingerprint(),
        place: Place::of(folder.path()),
        meter: &meter,
        judge: &|weights| judge.scores(&Predictor::load(&draft, weights, DeviceChoice::Cpu)?),
        score: judge.names()[0],
    };
    let mut losses = Vec::new();
    let start = Start::Fresh(first_weights(&config, &architecture).unwrap());
    let trained = train(&setup, start, |epoch| {
        losses.push(epoch.terms.clone());
        Ok(())
    });
    let weights = trained.unwrap().weights;
    let published = judge.publish(&Predictor::load(&draft, &weights, DeviceChoice::Cpu).unwrap()).unwrap();
    (published, losses)
}

#[test]
fn boxes_are_learned_and_found() {
    let (published, losses) = learned(&TOY, Rectangles::new(8, 4, 12));
    let fell = |term: &str| losses[4][term] < losses[0][term];
    assert!(fell("heat") && fell("size"), "{losses:?}");
    assert!(published.scores["average_precision_50"].value > 0.8, "{:?} {losses:?}", published.scores);
    assert!(published.card.contains("| red |") && published.territories.len() == 4);
    assert_report(&published);
}

/// Ten pictures are learned by heart: a detector that cannot do that learns nothing else.
#[test]
fn ten_pictures_are_learned_by_heart() {
    let (published, losses) = learned(&LOCATED, Rectangles::new(10, 10, 10));
    let fell = |term: &str| losses[3][term] < losses[0][term];
    assert!(fell("focal") && fell("giou") && fell("centerness"), "{losses:?}");
    assert!(published.scores["average_precision_50"].value >= 0.9, "{:?} {losses:?}", published.scores);
}

/// So are ten of rectangles in different directions, which count as found by the overlap of the rectangles.
#[test]
fn ten_pictures_of_turned_rectangles_are_learned_by_heart() {
    let pictures = Rectangles { turned: true, ..Rectangles::new(10, 10, 10) };
    let (published, losses) = learned(&ORIENTED, pictures);
    let fell = |term: &str| losses[3][term] < losses[0][term];
    assert!(fell("focal") && fell("probiou") && fell("centerness"), "{losses:?}");
    assert!(published.scores["average_precision_50"].value >= 0.9, "{:?} {losses:?}", published.scores);
    let shown = &published.shown.gallery.as_ref().unwrap().best[0].answer;
    let ChipAnswer::Boxes { truth, prediction } = shown else { panic!("boxes") };
    assert!(truth.iter().chain(prediction).all(|shown| shown.corners.is_some()));
}

/// Four pictures of two boxes each were held out.
fn assert_report(published: &Published) {
    let detection = published.shown.detection.as_ref().unwrap();
    assert_eq!(detection.classes.iter().map(|c| (c.class, c.objects)).collect::<Vec<_>>(), [(4, 4), (9, 4)]);
    for (class, told) in detection.classes.iter().zip(published.detail["classes"].as_array().unwrap()) {
        let steps = class.curve.iter().zip([[0.0; 2]].iter().chain(&class.curve));
        let area: f64 = steps.map(|(point, last)| (point[0] - last[0]) * point[1]).sum();
        assert!((area - told["average_precision_50"].as_f64().unwrap()).abs() < 0.01, "{class:?}");
        assert!(class.average_precision.interval.unwrap()[0] <= area + 1e-9);
    }
    let scores = published.shown.scores.as_ref().unwrap();
    let groups = scores.groups.as_ref().unwrap();
    assert_eq!((groups.rows.len(), groups.rows[0].items), (4, 1));
    assert_eq!(scores.classes[1].truth_share, Some(0.5));
    let gallery = published.shown.gallery.as_ref().unwrap();
    assert_eq!((gallery.worst.len(), gallery.best.len()), (2, 2));
    assert!(gallery.worst[0].score <= gallery.best[0].score);
    let ChipAnswer::Boxes { truth, prediction } = &gallery.best[0].answer else { panic!("boxes") };
    assert!(truth.len() == 2 && prediction.len() >= 2);
    let best = &published.detail["rare"]["classes"][0]["best"];
    assert!(best[0]["precision"]["value"].as_f64().unwrap() > 0.7, "{best}");
    // With fewer than 100 boxes, all of them count.
    assert_eq!(best[1]["recall"], published.detail["classes"][0]["recall"]);
}
