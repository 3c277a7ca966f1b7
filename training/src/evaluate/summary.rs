//! Scores of pictures, and their section of the card.

use std::collections::BTreeMap;
use std::fmt::Write;

use arpent_base::Result;
use arpent_metrics::{Interval, RiskPoint, RiskScores};
use arpent_model::Score;
use arpent_raster::Class;

use super::detail::{ClassDetail, Detail, GroupClass, detail};
use super::judge::Published;
use super::numbers::{range, score, value_text};
use super::pictures::{Counted, Found};
use super::rare::{self, RareDetail};
use super::shown::shown;
use super::thin;
use crate::config::TOLERANCE_F1;

/// Everything that is published.
pub(super) fn publish(
    counted: &Counted,
    rare: Option<RareDetail>,
    classes: &[Class],
    split: &str,
) -> Result<Published> {
    let detail = Detail { rare, ..detail(counted, classes, split)? };
    Ok(Published {
        scores: scores(&detail, split),
        territories: counted.parts.groups().groups().map(|(name, _)| name.to_owned()).collect(),
        card: card(&detail),
        confidence: confidence(&detail),
        detail: serde_json::to_value(&detail)?,
        shown: shown(&detail, counted),
    })
}

fn scores(detail: &Detail<'_>, split: &str) -> BTreeMap<String, Score> {
    let unit = detail.unit;
    let measures = [
        ("mean_iou", format!("mean over classes with truth of intersection over union, {unit}")),
        ("mean_f1", format!("mean over classes with truth of F1, {unit}")),
        ("overall_accuracy", format!("share that is right, {unit}")),
        ("balanced_accuracy", format!("mean over classes with truth of recall, {unit}")),
    ];
    let mut scores: BTreeMap<String, Score> = measures
        .iter()
        .filter_map(|(name, measure)| {
            let value = *detail.scores.get(*name)?;
            Some(((*name).to_owned(), score(value, split, &with_interval(detail, name, measure))))
        })
        .collect();
    if let (Some(thin), Some(value)) = (&detail.thin, detail.scores.get(TOLERANCE_F1)) {
        let measure = format!(
            "mean over the classes that become features of F1 with a tolerance of {} px, pixels of whole pictures",
            thin.tolerance_px
        );
        let measure = with_interval(detail, TOLERANCE_F1, &measure);
        scores.insert(TOLERANCE_F1.into(), score(*value, split, &measure));
    }
    if let Some(found) = all_found(detail) {
        let measure = format!(
            "share of {} objects, also of unknown class, that are mapped as a class that becomes features",
            found.objects
        );
        scores.insert("objects_found".into(), score(found.share(), split, &measure));
    }
    let error = detail.expected_calibration_error;
    let measure = "expected calibration error of the confidence, 15 bins; lower is better";
    scores.insert("expected_calibration_error".into(), score(error, split, measure));
    if let Some(augrc) = detail.risk.augrc {
        let measure = format!(
            "area under the generalized risk by coverage, {unit}, the least certain left out first; lower is better"
        );
        let measure = match &detail.augrc_interval {
            Some(Interval { low, high, .. }) => {
                format!("{measure}; 95 % interval {low:.4} to {high:.4} (bootstrap over groups)")
            }
            None => measure,
        };
        scores.insert("augrc".into(), score(augrc, split, &measure));
    }
    scores
}

fn with_interval(detail: &Detail<'_>, name: &str, measure: &str) -> String {
    match detail.intervals.get(name) {
        Some(Interval { low, high, .. }) => {
            format!("{measure}; 95 % interval {low:.4} to {high:.4} (bootstrap over {})", detail.resampled)
        }
        None => measure.to_owned(),
    }
}

/// Tables by class and by group.
fn card(detail: &Detail<'_>) -> String {
    let mut card = format!(
        "Whole pictures of the split `{}`, predicted as `arpent run` predicts them. Intervals: 95 %, {} resamples of the {}.\n\n",
        detail.split, detail.rounds, detail.resampled
    );
    // Of the value in model.json: rounding twice may give another digit. Writing to a string cannot fail.
    for (name, value) in &detail.scores {
        let value = super::numbers::rounded(*value);
        let _ = writeln!(card, "- {name}: {value:.3} (interval {})", range(detail.intervals.get(name)));
    }
    // Writing to a string cannot fail.
    let counted = detail.counted;
    let _ = writeln!(
        card,
        "\n| class | IoU | interval | precision | recall | {counted} |\n|---|---|---|---|---|---|"
    );
    for c in &detail.classes {
        let iou = if c.truth_pixels == 0 { "no truth".to_owned() } else { value_text(c.iou) };
        let interval = range(c.iou_interval.as_ref());
        let (precision, recall) = (value_text(c.precision), value_text(c.recall));
        let _ = writeln!(
            card,
            "| {} | {iou} | {interval} | {precision} | {recall} | {} |",
            c.name, c.truth_pixels
        );
    }
    card += &without_truth(detail);
    card += &detail.thin.as_ref().map(thin::card).unwrap_or_default();
    card += &detail.rare.as_ref().map(rare::card).unwrap_or_default();
    card += &confidence(detail);
    card += &prevalences(detail);
    let _ = writeln!(
        card,
        "\n| group | mean IoU | accuracy | balanced | recall by class | {counted} |\n|---|---|---|---|---|---|"
    );
    for (name, g) in &detail.groups {
        let [iou, overall, balanced] = [g.mean_iou, g.overall_accuracy, g.balanced_accuracy].map(value_text);
        let recall = |(class, of): (&GroupClass, &ClassDetail<'_>)| {
            class.recall.map(|recall| format!("{} {recall:.3}", of.name))
        };
        let recalls: Vec<String> = g.classes.iter().zip(&detail.classes).filter_map(recall).collect();
        let recalls = recalls.join(", ");
        let _ = writeln!(card, "| {name} | {iou} | {overall} | {balanced} | {recalls} | {} |", g.pixels);
    }
    if all_found(detail).is_some() {
        card += "\nObjects, also those of unknown class, that are mapped as a class that becomes features:\n\n\
                 | set | objects | found | share |\n|---|---|---|---|\n";
    }
    for (set, found) in &detail.found {
        let _ = writeln!(card, "| {set} | {} | {} | {:.3} |", found.objects, found.found, found.share());
    }
    card
}

/// Objects of all sets, where objects count.
fn all_found(detail: &Detail<'_>) -> Option<Found> {
    let sum = |of: fn(&Found) -> u64| detail.found.values().map(of).sum();
    (!detail.found.is_empty()).then(|| Found { objects: sum(|f| f.objects), found: sum(|f| f.found) })
}

/// Heading of the section on confidences; it is rewritten by `calibrate`.
pub(crate) const CONFIDENCE: &str = "### Confidence";

/// Calibration of the confidences, over all and of each class by itself: a rare class hardly counts in the whole
/// (Gupta, Ramdas: *Top-label calibration and multiclass-to-binary reductions*, 2022).
fn confidence(detail: &Detail<'_>) -> String {
    let mut text = format!(
        "\n{CONFIDENCE}\n\nExpected calibration error: {:.3}. Of the answers of each class by themselves:\n\n\
         | answer | calibration error | answers | AUGRC | kept at 5 % risk |\n|---|---|---|---|---|\n",
        detail.expected_calibration_error
    );
    for c in &detail.classes {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            c.name,
            value_text(c.calibration_error),
            c.calibration_answers,
            value_text(c.augrc),
            value_text(c.coverage_at_5_percent)
        );
    }
    text + &risk(&detail.risk, detail.augrc_interval.as_ref())
}

/// How much of the answers can be kept at a risk, and the risk of what is kept.
pub(super) fn risk(risk: &RiskScores, interval: Option<&Interval>) -> String {
    let augrc = risk.augrc.map_or("-".to_owned(), |augrc| format!("{augrc:.4}"));
    let mut text = format!(
        "\nWhere the least certain answers are left out first: AUGRC {augrc} (interval {}; area under the generalized risk by \
         coverage, 0 is best).\n\n| asked for | answers kept | wrong among them | lowest confidence |\n|---|---|---|---|\n",
        range(interval)
    );
    let mut line = |asked: String, point: Option<RiskPoint>| {
        // Writing to a string cannot fail.
        let _ = match point {
            Some(p) => {
                writeln!(
                    text,
                    "| {asked} | {:.3} | {:.4} | {:.3} |",
                    p.coverage, p.selective_risk, p.threshold
                )
            }
            None => writeln!(text, "| {asked} | none | - | - |"),
        };
    };
    let percent = |share: f64| (share * 1e4).round() / 1e2;
    risk.at_risk.iter().for_each(|at| line(format!("at most {} % wrong", percent(at.risk)), at.point));
    risk.at_coverage
        .iter()
        .for_each(|at| line(format!("at least {} % kept", percent(at.coverage)), at.point));
    text
}

/// Expected precision of classes where they are rare.
fn prevalences(detail: &Detail<'_>) -> String {
    let shown: Vec<&ClassDetail<'_>> =
        detail.classes.iter().filter(|c| !c.at_prevalence.is_empty()).collect();
    if shown.is_empty() {
        return String::new();
    }
    let mut text = "\n### Where it is rare\n\nHow much of what is called a class is of it, where 1 in 10, 100, 1000 of the ground \
                    is: r p / (r p + f (1 - p)) of recall r and false positive rate f (Altman, Bland 1994).\n\n\
                    | class | recall | false positive rate | 1 in 10 | 1 in 100 | 1 in 1000 |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for c in shown {
        let cells = c
            .at_prevalence
            .iter()
            .map(|at| format!("{}{:.3}", if at.is_lower_bound { "at least " } else { "" }, at.precision));
        let rate = c.false_positive_rate.map_or("-".to_owned(), |v| format!("{v:.5}"));
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let _ = writeln!(text, "| {} | {} | {rate} | {cells} |", c.name, value_text(c.recall));
    }
    text
}

/// Classes without a label in the split.
fn without_truth(detail: &Detail<'_>) -> String {
    let none = detail.classes.iter().filter(|c| c.truth_pixels == 0);
    let none: Vec<String> =
        none.map(|c| format!("{} (predicted {} times)", c.name, c.predicted_pixels)).collect();
    if none.is_empty() {
        return String::new();
    }
    format!("\nNo truth in `{}`, so no score and not in any mean: {}.\n", detail.split, none.join(", "))
}
