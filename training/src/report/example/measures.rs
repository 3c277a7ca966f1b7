//! Scores of made-up predictions, as a trainer would compute them.

use std::collections::BTreeMap;

use arpent_base::number::{exact, fitted};
use arpent_raster::Nomenclature;

use super::chips::Scene;
use crate::data::Rng;
use crate::evaluate::figures::*;

type Matrix = Vec<Vec<u64>>;

fn count(scenes: &[&Scene], classes: usize) -> Matrix {
    let mut counts = vec![vec![0; classes]; classes];
    for (truth, prediction) in scenes.iter().flat_map(|s| s.truth.iter().zip(&s.prediction)) {
        if *truth != 255 {
            counts[usize::from(*truth)][usize::from(*prediction)] += 1;
        }
    }
    counts
}

/// The confusion matrix of all scenes.
pub(super) fn confusion(scenes: &[Scene], classes: &Nomenclature) -> Confusion {
    let counts = count(&scenes.iter().collect::<Vec<_>>(), classes.classes().len());
    Confusion {
        unit: "pixels".into(),
        labels: classes.classes().iter().map(|c| c.name.clone()).collect(),
        counts,
    }
}

/// Row, column and diagonal sums of a class.
fn sums(m: &Matrix, class: usize) -> [f64; 3] {
    [
        exact(m[class].iter().sum::<u64>()),
        exact(m.iter().map(|row| row[class]).sum::<u64>()),
        exact(m[class][class]),
    ]
}

fn part(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// IoU, F1, precision and recall of a class.
fn of_class(m: &Matrix, class: usize) -> [Option<f64>; 4] {
    let [truth, predicted, right] = sums(m, class);
    [
        part(right, truth + predicted - right),
        part(2.0 * right, truth + predicted),
        part(right, predicted),
        part(right, truth),
    ]
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.flatten().fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    part(sum, count)
}

/// mIoU, overall accuracy, balanced accuracy, Cohen's kappa.
fn overall(m: &Matrix) -> [Option<f64>; 4] {
    let each = || (0..m.len()).map(|class| sums(m, class));
    let all: f64 = each().map(|[truth, ..]| truth).sum();
    let right = part(each().map(|[_, _, right]| right).sum(), all);
    let chance = part(each().map(|[truth, predicted, _]| truth * predicted).sum(), all * all);
    let kappa = right.zip(chance).and_then(|(right, chance)| part(right - chance, 1.0 - chance));
    [
        mean((0..m.len()).map(|c| of_class(m, c)[0])),
        right,
        mean((0..m.len()).map(|c| of_class(m, c)[3])),
        kappa,
    ]
}

/// All scores of a matrix in one row.
fn all(m: &Matrix) -> Vec<Option<f64>> {
    overall(m).into_iter().chain((0..m.len()).flat_map(|class| of_class(m, class))).collect()
}

/// All scores with intervals over resamples of whole sites.
fn estimates(sites: &[Matrix], total: &Matrix) -> Vec<Estimate> {
    let mut rng = Rng::new(&[23]);
    let mut resample = || {
        let mut m = vec![vec![0; total.len()]; total.len()];
        for _ in sites {
            let site = &sites[rng.below(sites.len())];
            m.iter_mut().flatten().zip(site.iter().flatten()).for_each(|(sum, count)| *sum += count);
        }
        all(&m)
    };
    let resamples: Vec<Vec<Option<f64>>> = (0..200).map(|_| resample()).collect();
    let interval = |i: usize| {
        let mut values: Vec<f64> = resamples.iter().filter_map(|r| r[i]).collect();
        values.sort_by(f64::total_cmp);
        Some([*values.get(5)?, *values.get(194)?])
    };
    all(total).into_iter().enumerate().map(|(i, value)| Estimate { value, interval: interval(i) }).collect()
}

/// All scores of the report.
pub(super) fn scores(scenes: &[Scene], classes: &Nomenclature) -> Scores {
    let mut sites: BTreeMap<usize, Vec<&Scene>> = BTreeMap::new();
    for scene in scenes {
        sites.entry(scene.site).or_default().push(scene);
    }
    let size = classes.classes().len();
    let matrices: Vec<Matrix> = sites.values().map(|scenes| count(scenes, size)).collect();
    let total = confusion(scenes, classes).counts;
    let estimates = estimates(&matrices, &total);
    let meanings = [
        ("mIoU", "mean intersection over union of the classes"),
        ("overall accuracy", "share of pixels that are right"),
        ("balanced accuracy", "mean recall of the classes"),
        ("kappa", "agreement beyond chance"),
    ];
    let told = |((name, meaning), estimate): ((&str, &str), &Estimate)| OverallScore {
        name: name.into(),
        estimate: *estimate,
        meaning: Some(meaning.into()),
    };
    let all: f64 = (0..size).map(|class| sums(&total, class)[0]).sum();
    let of_class = |(class, e): (usize, &[Estimate])| ClassScore {
        class: fitted(class),
        iou: e[0],
        f1: e[1],
        precision: e[2],
        recall: e[3],
        truth_share: part(sums(&total, class)[0], all),
    };
    let row = |(scenes, matrix): (&Vec<&Scene>, &Matrix)| GroupRow {
        group: scenes[0].group(),
        items: scenes.len() as u64,
        pixels: Some(matrix.iter().flatten().sum()),
        scores: overall(matrix)[..2].to_vec(),
    };
    Scores {
        split: "test".into(),
        intervals: Intervals::Bootstrap { resamples: 200, unit: "county".into(), units: sites.len() as u64 },
        overall: meanings.into_iter().zip(&estimates[..4]).map(told).collect(),
        classes: estimates[4..].chunks_exact(4).enumerate().map(of_class).collect(),
        groups: Some(GroupScores {
            names: vec!["mIoU".into(), "overall accuracy".into()],
            rows: sites.values().zip(&matrices).map(row).collect(),
        }),
        thin: Some(thin()),
        rare: Some(rare()),
    }
}

/// A class whose outlines are known to two pixels.
fn thin() -> ThinScores {
    let plain = |value| Estimate { value: Some(value), interval: None };
    let f1 = Estimate { value: Some(0.8), interval: Some([0.71, 0.86]) };
    let class = ThinClass { class: 1, f1, precision: plain(0.75), recall: plain(6.0 / 7.0) };
    ThinScores { tolerance_px: 2.0, classes: vec![class] }
}

/// Cells of which one in twelve holds a class.
fn rare() -> RareScores {
    let with = |value: f64, interval| Estimate { value: Some(value), interval: Some(interval) };
    let best = |(k, precision, recall, is_optimistic): (u64, f64, f64, bool)| RareBest {
        k,
        precision: with(precision, [precision - 0.1, (precision + 0.1).min(1.0)]),
        recall: Some(recall),
        at_prevalence: with(precision * 0.3, [precision * 0.1, precision * 0.5]),
        is_optimistic,
    };
    let class = RareClass {
        class: 2,
        candidates: 1440,
        real: 120,
        average_precision: with(0.66, [0.58, 0.73]),
        at_prevalence: with(0.21, [0.09, 0.34]),
        best: [(10, 1.0, 10.0 / 120.0, true), (50, 0.84, 42.0 / 120.0, false)].map(best).to_vec(),
    };
    RareScores { candidates: "cells of 64 px".into(), prevalence: Some(0.01), classes: vec![class] }
}

/// Ten bins of a network that is right this often at a confidence.
pub(super) fn reliability(accuracy: impl Fn(f64) -> f64) -> Reliability {
    let bin = |i: u32| {
        let low = f64::from(i) / 10.0;
        let confidence = low + 0.055;
        ReliabilityBin {
            range: [low, low + 0.1],
            confidence,
            accuracy: accuracy(confidence),
            count: u64::from((i + 1).pow(4)) * 37,
        }
    };
    let bins: Vec<ReliabilityBin> = (2..10).map(bin).collect();
    let total = bins.iter().map(|b| exact(b.count)).sum::<f64>();
    let mean = |of: &dyn Fn(&ReliabilityBin) -> f64| {
        Some(bins.iter().map(|b| exact(b.count) * of(b)).sum::<f64>() / total)
    };
    let ece = mean(&|b| (b.confidence - b.accuracy).abs());
    let brier =
        mean(&|b| b.accuracy * (1.0 - b.confidence).powi(2) + (1.0 - b.accuracy) * b.confidence.powi(2));
    Reliability { bins, ece, brier }
}

/// The curve of a detector whose highest-scored detections are right this often.
pub(super) fn precision_recall((class, objects, skill): (u8, u64, f64)) -> PrecisionRecall {
    let mut rng = Rng::new(&[u64::from(class)]);
    let (mut right, mut curve) = (0.0, vec![[0.0, 1.0]]);
    let mut area = 0.0;
    for drawn in 1..=objects {
        let sureness = 1.0 - exact(drawn) / exact(objects);
        if rng.chance((skill + 0.3 * (sureness - 0.4)).min(1.0)) {
            right += 1.0;
            area += right / exact(drawn) / exact(objects);
        }
        curve.push([right / exact(objects), right / exact(drawn)]);
    }
    let average_precision = Estimate { value: Some(area), interval: Some([area - 0.03, area + 0.03]) };
    PrecisionRecall { class, average_precision, objects, curve }
}
