//! The best and the worst chips.

use arpent_raster::Nomenclature;
use image::RgbImage;
use maud::{Markup, html};

use super::data::TrainingReport;
use super::page::{Section, absent, class_label, swatch};
use super::{number, pixels};
use crate::evaluate::figures::{ChipAnswer, ChipBox, ChipView, Gallery};

/// A picture and what it is.
type Shown = (String, Option<RgbImage>);

/// "Chips".
pub(super) fn section(report: &TrainingReport) -> Section {
    let body = match report.gallery.as_ref().filter(|g| !g.worst.is_empty() || !g.best.is_empty()) {
        None => absent("No chips were kept."),
        Some(gallery) => html! {
            (legend(report, gallery))
            h3 { "The worst" } (row(report, gallery, &gallery.worst))
            h3 { "The best" } (row(report, gallery, &gallery.best))
        },
    };
    Section { id: "chips", heading: "Chips", body }
}

fn legend(report: &TrainingReport, gallery: &Gallery) -> Markup {
    let chips = || gallery.worst.iter().chain(&gallery.best);
    let labels = chips().any(|chip| matches!(chip.answer, ChipAnswer::Labels { .. }));
    html! {
        ul.legend aria-label="Colors" {
            @for class in report.classes.classes() { li { (swatch(class.color)) (class.name) } }
            @if labels {
                li { (swatch(pixels::UNLABELED)) "not labeled" }
                li.apart { (swatch(pixels::WRONG)) "wrong" } li { (swatch(pixels::RIGHT)) "right" }
            }
        }
    }
}

fn row(report: &TrainingReport, gallery: &Gallery, chips: &[ChipView]) -> Markup {
    html! {
        @if chips.is_empty() { (absent("None were kept.")) }
        div.gallery { @for chip in chips { (figure(report, &gallery.score_name, chip)) } }
    }
}

fn figure(report: &TrainingReport, score_name: &str, chip: &ChipView) -> Markup {
    html! {
        figure.chip {
            figcaption {
                strong { (score_name) " " (number::score(chip.score)) }
                span { (report.data.group_kind.as_deref().unwrap_or("group")) " " b { (chip.group) } }
                span { "item " code { (chip.item) } }
            }
            div.panels { @for (caption, picture) in panels(chip, &report.classes) { div.panel {
                @match picture.as_ref().and_then(pixels::data_uri) {
                    Some(uri) => img src=(uri) alt=(format!("{caption} of item {}", chip.item)) width=(chip.width) height=(chip.height);,
                    None => p.absent { "The picture does not fit its size." },
                }
                p { (caption) }
            } } (words(chip, &report.classes)) }
        }
    }
}

/// Pictures first, then the drawn prediction.
fn panels(chip: &ChipView, classes: &Nomenclature) -> Vec<Shown> {
    let (w, h) = (chip.width, chip.height);
    let picture = |rgb: &[u8]| pixels::picture(w, h, rgb);
    let mut panels: Vec<Shown> = chip.pictures.iter().map(|p| (p.caption.clone(), picture(&p.rgb))).collect();
    match &chip.answer {
        ChipAnswer::Item { .. } => {}
        ChipAnswer::Labels { truth, prediction } => panels.extend([
            ("truth".into(), pixels::labels(w, h, truth, classes)),
            ("prediction".into(), pixels::labels(w, h, prediction, classes)),
            ("errors".into(), pixels::errors(w, h, (truth, prediction), classes)),
        ]),
        ChipAnswer::Boxes { truth, prediction } => {
            let under = chip.pictures.last().and_then(|p| picture(&p.rgb));
            let drawn = |boxes: &[ChipBox]| {
                under.clone().map(|mut under| {
                    pixels::draw_boxes(&mut under, boxes, classes);
                    under
                })
            };
            let caption = |name: &str, boxes: &[ChipBox]| format!("{name} ({} boxes)", boxes.len());
            panels.push((caption("truth", truth), drawn(truth)));
            panels.push((caption("prediction", prediction), drawn(prediction)));
        }
    }
    panels
}

/// The prediction where it is not a picture.
fn words(chip: &ChipView, classes: &Nomenclature) -> Markup {
    let ChipAnswer::Item { truth, prediction, confidence } = &chip.answer else { return html! {} };
    html! { dl.answer {
        dt { "truth" } dd { (class_label(*truth, classes)) }
        dt { "prediction" } dd { (class_label(*prediction, classes))
            @if confidence.is_some() { " (confidence " (number::percent(*confidence)) ")" } }
        @if truth != prediction { dt { "verdict" } dd { strong { "wrong" } } }
    } }
}
