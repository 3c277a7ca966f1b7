//! A training, epoch by epoch.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Look};
use super::data::{Curves, EpochFacts};
use super::number;
use super::page::{Section, absent, wide};
use super::scale::Scale;

/// A column of the epochs: its name, and what it takes of an epoch.
type Column<'a> = (&'a str, fn(&EpochFacts) -> Option<f64>);

/// "Training".
pub(super) fn section(curves: Option<&Curves>) -> Section {
    let body = match curves.filter(|curves| !curves.epochs.is_empty()) {
        Some(curves) => html! {
            (summary(curves))
            div.charts { (losses(curves)) (score(curves)) (rate(curves)) }
            (table(curves))
        },
        None => absent("The epochs were not recorded."),
    };
    Section { id: "training", heading: "Training", body }
}

fn score_name(curves: &Curves) -> &str {
    curves.score_name.as_deref().unwrap_or("score")
}

fn summary(curves: &Curves) -> Markup {
    let epochs = curves.epochs.len() as u64;
    let best = curves.best_epoch.and_then(|best| curves.epochs.iter().find(|epoch| epoch.number == best));
    html! {
        p { (number::counted(epochs, "epoch")) ". "
            @match (best, curves.best_epoch) {
                (Some(best), _) => {
                    "The weights are those of epoch " strong { (best.number) }
                    @if best.score.is_some() { ", with " (score_name(curves)) " " (number::score(best.score)) " on the validation split" }
                    "."
                },
                (None, Some(best)) => { "The weights are those of epoch " strong { (best) } "." },
                (None, None) => "No epoch was chosen by a score: the weights are those of the last one.",
            }
        }
    }
}

fn points(curves: &Curves, of: fn(&EpochFacts) -> Option<f64>) -> Vec<(f64, f64)> {
    let finite = |e: &EpochFacts| of(e).filter(|v| v.is_finite()).map(|v| (f64::from(e.number), v));
    curves.epochs.iter().filter_map(finite).collect()
}

fn epochs(curves: &Curves) -> Axis<'static> {
    Axis { label: "epoch", scale: Scale::whole(curves.epochs.iter().map(|e| f64::from(e.number))) }
}

fn mark(curves: &Curves) -> Option<(f64, String)> {
    let best = curves.best_epoch.filter(|best| curves.epochs.iter().any(|epoch| epoch.number == *best));
    best.map(|best| (f64::from(best), format!("best: {best}")))
}

/// First and last point of a line in words.
fn from_to(name: &str, points: &[(f64, f64)]) -> String {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => format!(
            "{name} goes from {} in epoch {} to {} in epoch {}. ",
            number::significant(first.1, 3),
            first.0,
            number::significant(last.1, 3),
            last.0
        ),
        _ => format!("{name} was not recorded. "),
    }
}

fn losses(curves: &Curves) -> Markup {
    let (train, validation) = (points(curves, |e| e.training_loss), points(curves, |e| e.validation_loss));
    if train.is_empty() && validation.is_empty() {
        return absent("Losses were not recorded.");
    }
    let description = from_to("Training loss", &train) + &from_to("Validation loss", &validation);
    let scale = Scale::fitted(train.iter().chain(&validation).map(|(_, y)| *y));
    let has_validation = !validation.is_empty();
    let lines = [("training", Look::First, train), ("validation", Look::Second, validation)];
    let lines = lines.into_iter().filter(|(_, _, points)| !points.is_empty());
    let chart = Chart {
        id: "loss",
        title: "Loss by epoch",
        description,
        x: epochs(curves),
        y: Axis { label: "loss", scale },
        lines: lines.map(|(name, look, points)| Line { name: Some(name), look, points }).collect(),
        bars: Vec::new(),
        mark: mark(curves),
    };
    html! { figure { (chart.draw()) figcaption { "Loss"
        @if has_validation { ". Validation: of the same chips at every epoch, cut at random from the validation split and not varied" }
    } } }
}

fn score(curves: &Curves) -> Markup {
    let name = score_name(curves);
    let points = points(curves, |e| e.score);
    if points.is_empty() {
        return absent("No score was computed during training.");
    }
    let chart = Chart {
        id: "score",
        title: "Score by epoch",
        description: from_to(name, &points),
        x: epochs(curves),
        y: Axis { label: name, scale: Scale::fitted(points.iter().map(|(_, y)| *y)) },
        lines: vec![Line { name: None, look: Look::First, points }],
        bars: Vec::new(),
        mark: mark(curves),
    };
    html! { figure { (chart.draw()) figcaption { (name) " on the validation split" } } }
}

fn rate(curves: &Curves) -> Markup {
    let points = points(curves, |e| e.learning_rate);
    if points.is_empty() {
        return absent("Learning rates were not recorded.");
    }
    let chart = Chart {
        id: "rate",
        title: "Learning rate by epoch",
        description: from_to("Learning rate", &points),
        x: epochs(curves),
        y: Axis { label: "learning rate", scale: Scale::from_zero(points.iter().map(|(_, y)| *y)) },
        lines: vec![Line { name: None, look: Look::First, points }],
        bars: Vec::new(),
        mark: None,
    };
    html! { figure { (chart.draw()) figcaption { "Learning rate" } } }
}

fn table(curves: &Curves) -> Markup {
    let columns: [Column; 4] = [
        ("Training loss", |e| e.training_loss),
        ("Validation loss", |e| e.validation_loss),
        (score_name(curves), |e| e.score),
        ("Learning rate", |e| e.learning_rate),
    ];
    let known = |column: &&Column| curves.epochs.iter().any(|e| column.1(e).is_some());
    let columns: Vec<&Column> = columns.iter().filter(known).collect();
    html! {
        details.screen {
            summary { "The epochs as a table" }
            (wide(&html! { table.numbers {
                thead { tr { th scope="col" { "Epoch" } @for (name, _) in &columns { th scope="col" { (name) } } } }
                tbody { @for epoch in &curves.epochs { tr.best[curves.best_epoch == Some(epoch.number)] {
                    th scope="row" { (epoch.number) }
                    @for (_, of) in &columns { td {
                        (of(epoch).map_or_else(|| number::NONE.into(), |v| number::significant(v, 4)))
                    } }
                } } }
            } }))
        }
    }
}
