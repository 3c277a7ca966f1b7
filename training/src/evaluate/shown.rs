//! Scores of whole pictures as the report shows them.

use arpent_base::number::exact;
use arpent_metrics::Interval;

use super::detail::{ClassDetail, Detail, GroupDetail};
use super::figures::{self, ClassScore, Estimate, GroupRow, GroupScores, OverallScore};
use super::judge::Shown;
use super::pictures::Counted;
use super::rare;
use super::thin::{ThinClass, ThinDetail};
use crate::config::TOLERANCE_F1;

/// The parts of a report that scores alone fill.
pub(super) fn shown(detail: &Detail<'_>, counted: &Counted) -> Shown {
    Shown {
        scores: Some(scores(detail, counted)),
        confusion: Some(figures::Confusion {
            unit: counted.unit.name().into(),
            labels: detail.classes.iter().map(|c| c.name.to_owned()).collect(),
            counts: detail.confusion.iter().map(|row| row.to_vec()).collect(),
        }),
        calibration: Some(figures::Calibration {
            before: counted.reliability(),
            after: None,
            method: None,
            risk: Some(detail.risk.clone()),
        }),
        detection: None,
        gallery: None,
    }
}

fn scores(detail: &Detail<'_>, counted: &Counted) -> figures::Scores {
    let all = &counted.all;
    let intervals = counted.parts.intervals(!detail.intervals.is_empty());
    let overall = [
        (
            "mean IoU",
            all.mean_iou_with_truth(),
            "mean_iou",
            "mean over classes with truth of intersection over union",
        ),
        ("overall accuracy", all.overall_accuracy(), "overall_accuracy", "share that is right"),
        (
            "balanced accuracy",
            all.balanced_accuracy(),
            "balanced_accuracy",
            "mean over classes with truth of recall",
        ),
        ("kappa", all.kappa(), "", "agreement beyond chance (Cohen)"),
    ];
    let thin = detail.thin.as_ref().map(|thin| {
        let meaning = format!(
            "mean over the classes that become features of F1 with a tolerance of {} px",
            thin.tolerance_px
        );
        OverallScore {
            name: "tolerance F1".into(),
            estimate: estimate(detail.scores.get(TOLERANCE_F1).copied(), detail.intervals.get(TOLERANCE_F1)),
            meaning: Some(meaning),
        }
    });
    let overall = overall.map(|(name, value, key, meaning)| OverallScore {
        name: name.into(),
        estimate: estimate(value, detail.intervals.get(key)),
        meaning: Some(meaning.into()),
    });
    figures::Scores {
        split: detail.split.into(),
        intervals,
        overall: overall.into_iter().chain(thin).collect(),
        classes: detail.classes.iter().map(|c| class(c, all.pixels())).collect(),
        groups: Some(groups(detail, counted)),
        thin: detail.thin.as_ref().map(thin_scores),
        rare: detail.rare.as_ref().map(rare::shown),
    }
}

fn estimate(value: Option<f64>, interval: Option<&Interval>) -> Estimate {
    Estimate { value, interval: interval.map(|i| [i.low, i.high]) }
}

fn thin_scores(thin: &ThinDetail<'_>) -> figures::ThinScores {
    let plain = |value| Estimate { value, interval: None };
    let class = |class: &ThinClass<'_>| figures::ThinClass {
        class: class.id,
        f1: estimate(class.scores.f1, class.f1_interval.as_ref()),
        precision: plain(class.scores.precision),
        recall: plain(class.scores.recall),
    };
    figures::ThinScores { tolerance_px: thin.tolerance_px, classes: thin.classes.iter().map(class).collect() }
}

fn class(class: &ClassDetail<'_>, pixels: u64) -> ClassScore {
    let plain = |value| Estimate { value, interval: None };
    ClassScore {
        class: class.id,
        iou: estimate(class.iou, class.iou_interval.as_ref()),
        precision: plain(class.precision),
        recall: plain(class.recall),
        f1: plain(class.f1),
        truth_share: (pixels > 0).then(|| exact(class.truth_pixels) / exact(pixels)),
    }
}

fn groups(detail: &Detail<'_>, counted: &Counted) -> GroupScores {
    let items = |group: &str| counted.items.iter().filter(|i| i.group == group).count() as u64;
    let tolerance = |group: &str| Some(detail.thin.as_ref()?.groups.get(group)?.mean_f1);
    let row = |(group, scores): (&&str, &GroupDetail)| {
        let values = [scores.mean_iou, scores.overall_accuracy, scores.balanced_accuracy].into_iter();
        GroupRow {
            group: (*group).to_owned(),
            items: items(group),
            pixels: Some(scores.pixels),
            scores: values.chain(tolerance(group)).collect(),
        }
    };
    let names = ["mean IoU", "overall accuracy", "balanced accuracy"].into_iter();
    let names = names.chain(detail.thin.as_ref().map(|_| "tolerance F1"));
    GroupScores {
        names: names.map(ToOwned::to_owned).collect(),
        rows: detail.groups.iter().map(row).collect(),
    }
}
