//! Reports of made-up trainings, computed from made-up chips, to test the page and to look at it.

mod chips;
mod measures;

use arpent_metrics::RiskCoverage;
use arpent_model::{Energy, TrainingSource};
use arpent_raster::{Class, Color, Nomenclature};

use self::chips::Scene;
use super::*;
use crate::data::Rng;
use crate::evaluate::figures::*;

const LAND_COVER: [(&str, u32); 19] = [
    ("building", 0x00db_0e9a),
    ("pervious surface", 0x0093_8e7b),
    ("impervious surface", 0x00f8_0c00),
    ("bare soil", 0x00a9_7101),
    ("water", 0x0015_53ae),
    ("coniferous", 0x0019_4a26),
    ("deciduous", 0x0046_e483),
    ("brushwood", 0x00f3_a60d),
    ("vineyard", 0x0066_0082),
    ("herbaceous vegetation", 0x0055_ff00),
    ("agricultural land", 0x00ff_f30d),
    ("plowed land", 0x00e4_df7c),
    ("swimming pool", 0x003d_e6eb),
    ("snow", 0x00ff_ffff),
    ("clear cut", 0x008a_b3a0),
    ("mixed", 0x006b_714f),
    ("ligneous", 0x00c5_dc42),
    ("greenhouse", 0x0099_99ff),
    ("other", 0x0000_0000),
];

/// The first land-cover classes.
pub(super) fn classes(count: usize) -> Nomenclature {
    let class = |(id, (name, color)): (u8, (&str, u32))| {
        let [_, red, green, blue] = color.to_be_bytes();
        Class {
            id,
            name: name.into(),
            name_fr: None,
            code: None,
            color: Color([red, green, blue]),
            features: true,
        }
    };
    Nomenclature::new((0..).zip(LAND_COVER).take(count).map(class).collect()).unwrap()
}

/// A training of land cover, with this many classes and sites.
pub(super) fn segmentation(count: usize, sites: usize) -> TrainingReport {
    let classes = classes(count);
    let scenes: Vec<Scene> = (0..sites * 5).map(|i| Scene::draw(i / 5, i % 5, count)).collect();
    let facts = ModelFacts {
        title: "Land cover of aerial images at 20 cm".into(),
        id: "land-cover-20cm".into(),
        version: "0.3.0".into(),
        task: "semantic-segmentation".into(),
        parameters: Some(1_942_659),
        gflop_per_mpx: Some(48.37),
        sharing: Some(Sharing {
            allowed: true,
            because: "all data sets are under licenses that allow redistribution of models trained on them"
                .into(),
        }),
    };
    TrainingReport {
        run: run(),
        data: data(sites),
        curves: Some(curves(60)),
        scores: Some(measures::scores(&scenes, &classes)),
        confusion: Some(measures::confusion(&scenes, &classes)),
        calibration: Some(calibration()),
        gallery: Some(chips::gallery(&scenes)),
        scenes: Vec::new(),
        limits: vec![
            "Only leaf-on images of one sensor were seen. Winter images, other ground sample distances and other countries are untested.".into(),
            "The truth was drawn for another purpose: paths under trees are labeled as trees, and small buildings are missing. Scores of small objects are lower bounds.".into(),
        ],
        config_toml: Some("[fit]\nseed = 7\nepochs = 60\nbatch = 16\nlearning_rate = 1e-3\n\n[model]\nid = \"land-cover-20cm\"\nwidths = [16, 32, 64, 128]\n".into()),
        ..bare(facts, classes)
    }
}

/// A training of tree detection.
pub(super) fn detection() -> TrainingReport {
    let classes = classes(7);
    let found: Vec<PrecisionRecall> =
        [(5, 412, 0.86), (6, 1290, 0.71)].map(measures::precision_recall).into();
    let mean = found.iter().filter_map(|c| c.average_precision.value).sum::<f64>() / 2.0;
    let facts = ModelFacts {
        title: "Trees".into(),
        id: "trees".into(),
        task: "object-detection".into(),
        version: "1.0.0".into(),
        ..ModelFacts::default()
    };
    TrainingReport {
        scores: Some(Scores {
            split: "test".into(),
            intervals: Intervals::None { reason: "Only 3 sites: too few to resample.".into() },
            overall: vec![OverallScore {
                name: "mAP".into(),
                estimate: Estimate { value: Some(mean), interval: None },
                meaning: None,
            }],
            classes: Vec::new(),
            groups: None,
            thin: None,
            rare: None,
        }),
        detection: Some(DetectionScores { iou_threshold: 0.5, classes: found, risk: None }),
        gallery: Some(chips::boxes()),
        scenes: Vec::new(),
        ..bare(facts, classes)
    }
}

/// A training of whole chips' changes: two pictures and one answer per chip.
pub(super) fn change() -> TrainingReport {
    let facts = ModelFacts {
        title: "Clear cuts".into(),
        id: "clear-cuts".into(),
        task: "change-detection".into(),
        version: "0.1.0".into(),
        ..ModelFacts::default()
    };
    let mut report = bare(facts, classes(3));
    report.gallery = Some(chips::pairs());
    report
}

/// A report with the description of the model only.
pub(super) fn minimal() -> TrainingReport {
    let facts = ModelFacts {
        title: "Untold".into(),
        id: "untold".into(),
        task: "semantic-segmentation".into(),
        version: "0.1.0".into(),
        ..ModelFacts::default()
    };
    bare(facts, classes(2))
}

/// A report with the description of the model only.
fn bare(model: ModelFacts, classes: Nomenclature) -> TrainingReport {
    TrainingReport {
        format: FORMAT.into(),
        model,
        classes,
        run: RunFacts::default(),
        data: DataFacts::default(),
        curves: None,
        scores: None,
        confusion: None,
        calibration: None,
        detection: None,
        gallery: None,
        scenes: Vec::new(),
        limits: Vec::new(),
        config_toml: None,
    }
}

fn run() -> RunFacts {
    RunFacts {
        date: Some("2026-11-24".into()),
        seed: Some(7),
        device: Some("16 CPU cores".into()),
        duration_s: Some(11_541.0),
        energy: Some(Energy {
            training_wh: 212.4,
            method: "estimated: 41547 CPU seconds x 18.4 W per busy core; counters not readable".into(),
        }),
        software: Some("arpent-train 0.1.0".into()),
    }
}

fn data(sites: usize) -> DataFacts {
    let split = |name: &str, items, groups, pixels| SplitFacts {
        name: name.into(),
        items,
        groups,
        pixels: Some(pixels),
    };
    let source = |name: &str, license: &str, source: &str| TrainingSource {
        name: name.into(),
        license: license.into(),
        source: source.into(),
    };
    let sites = sites as u64;
    DataFacts {
        sources: vec![
            source("made-up parcels, north", "CC0-1.0", "drawn by this test"),
            source("made-up parcels, south", "etalab-2.0", "drawn by this test, with other colors"),
        ],
        splits: vec![
            split("train", 61_712, 32, 16_177_430_528),
            split("validation", 1240, 8, 325_058_560),
            split("test", sites * 5, sites, sites * 5 * 96 * 96),
        ],
        group_kind: Some("county".into()),
        told: vec!["made-up parcels, north: 2 feature(s) with a geometry that is not valid: repaired".into()],
    }
}

/// Falling losses, validation every second epoch; the best score is not in the last epoch.
pub(super) fn curves(count: u32) -> Curves {
    let mut rng = Rng::new(&[3]);
    let mut epoch = |number: u32| {
        let at = f64::from(number) / f64::from(count);
        let training = 0.32 + 1.9 * (-6.0 * at).exp() + 0.02 * rng.normal();
        let validation = 0.47 + 1.7 * (-5.0 * at).exp() + 0.25 * (at - 0.6).max(0.0) + 0.02 * rng.normal();
        let judged = number.is_multiple_of(2);
        EpochFacts {
            number,
            training_loss: Some(training),
            validation_loss: judged.then_some(validation),
            learning_rate: Some(5e-4 * (1.0 + (std::f64::consts::PI * at).cos())),
            score: judged.then_some(0.95 - 0.62 * validation.min(1.4)),
        }
    };
    let epochs: Vec<EpochFacts> = (1..=count).map(&mut epoch).collect();
    let score = |e: &&EpochFacts| e.score.unwrap_or(0.0);
    let best = epochs.iter().max_by(|a, b| score(a).total_cmp(&score(b))).map(|e| e.number);
    Curves { epochs, score_name: Some("mIoU".into()), best_epoch: best }
}

fn calibration() -> Calibration {
    Calibration {
        before: measures::reliability(|confidence| confidence - 0.45 * confidence * (1.0 - confidence)),
        after: Some(measures::reliability(|confidence| confidence - 0.06 * (1.0 - confidence))),
        method: Some("temperature 1.42, fitted on the validation split".into()),
        risk: Some(risk().scores()),
    }
}

/// Answers that are as often right as their confidence says.
fn risk() -> RiskCoverage {
    let mut risk = RiskCoverage::new();
    for step in 0..=20u8 {
        let right = u64::from(step) * 10;
        risk.add_counts(f64::from(step) / 20.0, right, 200 - right).expect("these are numbers");
    }
    risk
}
