//! Precision and recall of detections.

use maud::{Markup, html};

use super::calibration::risk_table;
use super::chart::{Axis, Chart, Line, Look};
use super::data::TrainingReport;
use super::number;
use super::page::{Section, absent, class_label, class_name, estimate};
use super::scale::Scale;
use crate::evaluate::figures::{DetectionScores, PrecisionRecall};

/// "Detection". Each class has a chart of its own: lines of many classes in one are not distinguishable.
pub(super) fn section(report: &TrainingReport) -> Section {
    let body = match report.detection.as_ref().filter(|detection| !detection.classes.is_empty()) {
        None => absent("No precision-recall curves were computed."),
        Some(detection) => html! {
            p { "A detection counts as found from an intersection over union of "
                (number::significant(detection.iou_threshold, 2)) "." }
            (table(report, detection))
            @if let Some(risk) = &detection.risk { (risk_table(risk, "detections")) }
            div.charts { @for (i, class) in detection.classes.iter().enumerate() { (chart(report, i, class)) } }
        },
    };
    Section { id: "detection", heading: "Precision and recall", body }
}

fn table(report: &TrainingReport, detection: &DetectionScores) -> Markup {
    html! { table.numbers {
        thead { tr { th scope="col" { "Class" } th scope="col" { "True objects" } th scope="col" { "Average precision" } } }
        tbody { @for class in &detection.classes { tr {
            th scope="row" { (class_label(class.class, &report.classes)) }
            td { (number::integer(class.objects)) }
            td { (estimate(&class.average_precision)) }
        } } }
    } }
}

fn chart(report: &TrainingReport, index: usize, class: &PrecisionRecall) -> Markup {
    let name = class_name(class.class, &report.classes);
    if class.curve.is_empty() {
        return absent(&format!("{name}: nothing was detected."));
    }
    let id = format!("precision-recall-{index}");
    let average = number::score(class.average_precision.value);
    let chart = Chart {
        id: &id,
        title: &format!("Precision-recall curve of {name}"),
        description: format!("Average precision {average}."),
        x: Axis { label: "recall", scale: Scale::unit() },
        y: Axis { label: "precision", scale: Scale::unit() },
        lines: vec![Line {
            name: None,
            look: Look::First,
            points: class.curve.iter().map(|[x, y]| (*x, *y)).collect(),
        }],
        bars: Vec::new(),
        mark: None,
    };
    html! { figure { (chart.draw()) figcaption { (class_label(class.class, &report.classes)) ": AP " (average) } } }
}
