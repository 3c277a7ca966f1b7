//! Calibration of confidences.

use arpent_metrics::{RiskPoint, RiskScores};
use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Look};
use super::number;
use super::page::{Section, absent, wide};
use super::scale::Scale;
use crate::evaluate::figures::{Calibration, Reliability};

/// "Calibration".
pub(super) fn section(calibration: Option<&Calibration>) -> Section {
    let body = match calibration {
        None => {
            absent("Calibration was not measured: confidences order predictions, but are not probabilities.")
        }
        Some(calibration) => html! {
            p { "Of the predictions with a confidence of 80 %, 80 % should be right. Points below the diagonal: the network is overconfident." }
            @if let Some(method) = &calibration.method { p { "Correction: " (method) "." } }
            div.charts { (diagram(calibration)) (histogram(calibration)) (table(calibration)) }
            @if let Some(risk) = &calibration.risk { (risk_table(risk, "answers")) }
        },
    };
    Section { id: "calibration", heading: "Calibration", body }
}

fn shown(calibration: &Calibration) -> &Reliability {
    calibration.after.as_ref().unwrap_or(&calibration.before)
}

fn points(reliability: &Reliability) -> Vec<(f64, f64)> {
    reliability.bins.iter().map(|bin| (bin.confidence, bin.accuracy)).collect()
}

fn line<'a>(name: &'a str, look: Look, reliability: &Reliability) -> Line<'a> {
    Line { name: Some(name), look, points: points(reliability) }
}

fn describe(name: &str, reliability: &Reliability) -> String {
    let pair =
        |(x, y): (f64, f64)| format!("{} right at {}", number::percent(Some(y)), number::percent(Some(x)));
    let pairs: Vec<String> = points(reliability).into_iter().map(pair).collect();
    format!("{name}: {}. ", pairs.join(", "))
}

fn diagram(calibration: &Calibration) -> Markup {
    let mut description = describe("Before the correction", &calibration.before);
    let guide = Line { name: None, look: Look::Guide, points: vec![(0.0, 0.0), (1.0, 1.0)] };
    let mut lines = vec![guide, line("before", Look::Second, &calibration.before)];
    if let Some(after) = &calibration.after {
        description += &describe("After it", after);
        lines.push(line("after correction", Look::First, after));
    }
    let chart = Chart {
        id: "reliability",
        title: "Reliability diagram",
        description,
        x: Axis { label: "confidence", scale: Scale::unit() },
        y: Axis { label: "share of right answers", scale: Scale::unit() },
        lines,
        bars: Vec::new(),
        mark: None,
    };
    html! { figure { (chart.draw()) figcaption { "Reliability diagram" } } }
}

fn histogram(calibration: &Calibration) -> Markup {
    let bins = &shown(calibration).bins;
    let total: u64 = bins.iter().map(|bin| bin.count).sum();
    let share = |count| number::ratio(count, total).unwrap_or(0.0);
    let chart = Chart {
        id: "confidences",
        title: "How often each confidence occurs",
        description: format!("{} answers in {} bins.", number::integer(total), bins.len()),
        x: Axis { label: "confidence", scale: Scale::unit() },
        y: Axis {
            label: "share of all answers",
            scale: Scale::from_zero(bins.iter().map(|bin| share(bin.count))),
        },
        lines: Vec::new(),
        bars: bins.iter().map(|bin| [bin.range[0], bin.range[1], share(bin.count)]).collect(),
        mark: None,
    };
    let when = if calibration.after.is_some() { "after the correction" } else { "before any correction" };
    html! { figure { (chart.draw()) figcaption { "How often each confidence occurs, " (when) } } }
}

fn table(calibration: &Calibration) -> Markup {
    let rows = [("before", Some(&calibration.before)), ("after correction", calibration.after.as_ref())];
    html! { div {
        table.numbers {
            thead { tr { th scope="col" { "" } th scope="col" { "ECE" } th scope="col" { "Brier score" } } }
            tbody { @for (name, reliability) in rows { @if let Some(reliability) = reliability { tr {
                th scope="row" { (name) } td { (small(reliability.ece)) } td { (small(reliability.brier)) }
            } } } }
        }
        p.note { "ECE: expected calibration error, the mean distance to the diagonal. Both scores: 0 is best." }
        @if calibration.after.is_none() { p.note { "No correction was fitted." } }
    } }
}

/// What is wrong of what remains when the least certain is left out.
pub(super) fn risk_table(risk: &RiskScores, what: &str) -> Markup {
    let line = |asked: String, point: Option<RiskPoint>| {
        html! { tr { th scope="row" { (asked) } @match point {
            Some(point) => {
                td { (number::percent(Some(point.coverage))) } td { (small(Some(point.selective_risk))) }
                td { (number::score(Some(point.threshold))) }
            },
            None => { td { "none" } td { (number::NONE) } td { (number::NONE) } },
        } } }
    };
    html! {
        h3 { "Risk and coverage" }
        p { "What is wrong of the " (what) " that remain when the least certain ones are left out. AUGRC (area under the generalized risk by coverage): "
            (small(risk.augrc)) "; 0 is best." }
        (wide(&html! { table.numbers {
            thead { tr {
                th scope="col" { "Asked for" } th scope="col" { "Kept" } th scope="col" { "Share of errors" } th scope="col" { "Lowest confidence" }
            } }
            tbody {
                @for at in &risk.at_risk { (line(format!("at most {} wrong", number::percent(Some(at.risk))), at.point)) }
                @for at in &risk.at_coverage { (line(format!("at least {} kept", number::percent(Some(at.coverage))), at.point)) }
            }
        } }))
    }
}

/// Four digits: good values are below 0.1.
fn small(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| number::NONE.into(), |v| format!("{v:.4}"))
}
