//! The confusion matrix.

use arpent_raster::{Class, Nomenclature};
use maud::{Markup, html};

use super::data::TrainingReport;
use super::number;
use super::page::{Section, absent, swatch, wide};
use crate::evaluate::figures::Confusion;

/// Classes from which cells get small type.
const MANY: usize = 9;

/// "Confusion".
pub(super) fn section(report: &TrainingReport) -> Section {
    let body = match &report.confusion {
        Some(confusion) if is_square(confusion) && !confusion.labels.is_empty() => html! {
            p { "Rows are the truth, columns the prediction. A cell gives the share of its row, and below it the number of "
                (confusion.unit) "; the darker, the greater the share. The diagonal is correct." }
            (wide(&matrix(confusion, &report.classes)))
            (largest(confusion))
        },
        Some(_) => absent("The confusion matrix that was recorded is not square."),
        None => absent("No confusion matrix was computed."),
    };
    Section { id: "confusion", heading: "Confusion", body }
}

/// Whether there are as many rows and columns as labels.
pub(super) fn is_square(confusion: &Confusion) -> bool {
    let size = confusion.labels.len();
    confusion.counts.len() == size && confusion.counts.iter().all(|row| row.len() == size)
}

fn matrix(confusion: &Confusion, classes: &Nomenclature) -> Markup {
    let rows = confusion.labels.iter().zip(&confusion.counts).enumerate();
    let predicted = |column: usize| confusion.counts.iter().map(|row| row[column]).sum::<u64>();
    let total = confusion.counts.iter().flatten().sum();
    html! { table.heat.many[confusion.labels.len() >= MANY] {
        thead { tr {
            td.corner { span.down { "truth" } span.right { "prediction" } }
            @for label in &confusion.labels { th.column scope="col" { span { (label) } } }
            th.column.total scope="col" { span { "all of the truth" } }
        } }
        tbody {
            @for (i, (label, row)) in rows {
                @let all = row.iter().sum();
                tr {
                    th scope="row" { (class_swatch(label, classes)) (label) }
                    @for (j, count) in row.iter().enumerate() { (cell(*count, all, i == j, &confusion.unit)) }
                    (sum(all, total, &confusion.unit))
                }
            }
            tr.total {
                th scope="row" { "all of the prediction" }
                @for j in 0..confusion.labels.len() { (sum(predicted(j), total, &confusion.unit)) }
                td.total title=(format!("{} {}", number::integer(total), confusion.unit)) { span.count { (number::compact(total)) } }
            }
        }
    } }
}

fn class_swatch(label: &str, classes: &Nomenclature) -> Markup {
    let class: Option<&Class> = classes.classes().iter().find(|class| class.name == label);
    html! { @if let Some(class) = class { (swatch(class.color)) } }
}

fn cell(count: u64, all: u64, diagonal: bool, unit: &str) -> Markup {
    let share = number::ratio(count, all);
    let style = share.filter(|_| count > 0).map(shade);
    html! {
        td.diagonal[diagonal] style=[style] title=(format!("{} {unit}", number::integer(count))) {
            @if all == 0 { (number::NONE) }
            @else if count == 0 { span.count { "0" } }
            @else { span.share { (percent(share)) } span.count { (number::compact(count)) } }
        }
    }
}

/// Whole percent: there is no room for more.
fn percent(share: Option<f64>) -> String {
    match share {
        Some(v) if v < 0.005 => "<1".into(),
        // 99.5 % and more are not rounded up to 100 %.
        Some(v) if v < 1.0 => format!("{:.0}", (100.0 * v).round().min(99.0)),
        Some(_) => "100".into(),
        None => number::NONE.into(),
    }
}

fn sum(count: u64, total: u64, unit: &str) -> Markup {
    html! { td.total title=(format!("{} {unit}", number::integer(count))) {
    @if count > 0 { span.share { (percent(number::ratio(count, total))) } } span.count { (number::compact(count)) }
        } }
}

/// White to dark blue, with the ink that can be read on it.
fn shade(share: f64) -> String {
    const DARK: [f64; 3] = [12.0, 60.0, 120.0];
    // The root shows small shares, which are many.
    let amount = share.clamp(0.0, 1.0).sqrt();
    let [r, g, b] = DARK.map(|dark| (255.0 + (dark - 255.0) * amount).round());
    // Here both inks have a contrast of 4.5, which the test below holds.
    let ink = if amount > 0.6925 { "#fff" } else { "#000" };
    format!("background:rgb({r},{g},{b});color:{ink}")
}

/// The most frequent errors in words.
fn largest(confusion: &Confusion) -> Markup {
    const TOLD: usize = 5;
    let mut errors: Vec<(u64, f64, usize, usize)> = Vec::new();
    for (i, row) in confusion.counts.iter().enumerate() {
        let all = row.iter().sum();
        let wrong = row.iter().enumerate().filter(|(j, count)| *j != i && **count > 0);
        errors.extend(wrong.map(|(j, count)| (*count, number::ratio(*count, all).unwrap_or(0.0), i, j)));
    }
    errors.sort_by(|a, b| b.0.cmp(&a.0).then((a.2, a.3).cmp(&(b.2, b.3))));
    let all: u64 = errors.iter().map(|(count, ..)| count).sum();
    html! { @if all > 0 {
        p { "The most frequent errors:" }
        ol.errors { @for (count, share, i, j) in errors.iter().take(TOLD) { li {
            (number::percent(Some(*share))) " of " em { (confusion.labels[*i]) } " taken for " em { (confusion.labels[*j]) } ": "
            (number::integer(*count)) " " (confusion.unit) ", " (number::percent(number::ratio(*count, all))) " of all errors"
        } } }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_everything_is_shown_as_everything() {
        let told = [0.001, 0.005, 0.5, 0.9999, 1.0].map(|share| percent(Some(share)));
        assert_eq!(told, ["<1", "1", "50", "99", "100"]);
    }

    #[test]
    fn the_ink_can_be_read_on_every_shade() {
        // Contrast after WCAG 2: (lighter + 0.05) / (darker + 0.05) of relative luminances.
        let linear = |v: f64| if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        for share in (0..=100).map(|i| f64::from(i) / 100.0) {
            let style = shade(share);
            let inside = style.strip_prefix("background:rgb(").unwrap().split(')').next().unwrap();
            let rgb: Vec<f64> = inside.split(',').map(|v| v.parse::<f64>().unwrap() / 255.0).collect();
            let ground = luminance([rgb[0], rgb[1], rgb[2]]);
            let ink = if style.ends_with("#fff") { 1.0 } else { 0.0 };
            let contrast = (ground.max(ink) + 0.05) / (ground.min(ink) + 0.05);
            assert!(contrast >= 4.5, "{style}: {contrast}");
        }
    }

    #[test]
    fn the_most_frequent_errors_come_first() {
        let labels = ["a", "b"].map(ToOwned::to_owned).to_vec();
        let confusion = Confusion { unit: "items".into(), labels, counts: vec![vec![9, 1], vec![3, 0]] };
        let told = largest(&confusion).into_string();
        let at = |text: &str| told.find(text).unwrap();
        assert!(at("<em>b</em> taken for <em>a</em>") < at("<em>a</em> taken for <em>b</em>"));
        assert!(told.contains("3 items, 75.0") && told.contains("100.0\u{202f}%"));
    }
}
