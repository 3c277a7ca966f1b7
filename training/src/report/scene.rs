//! The scene that the labels were drawn over, mapped.

use maud::{Markup, html};

use super::data::TrainingReport;
use super::page::{Section, class_label};
use super::{number, pixels};
use crate::evaluate::figures::SceneShown;

/// "The scene", where there is one.
pub(super) fn section(report: &TrainingReport) -> Option<Section> {
    if report.scenes.is_empty() {
        return None;
    }
    let body = html! { @for scene in &report.scenes { (one(report, scene)) } };
    Some(Section { id: "scene", heading: "The scene, mapped", body })
}

fn one(report: &TrainingReport, scene: &SceneShown) -> Markup {
    let (w, h) = (scene.width, scene.height);
    let panels = [
        ("image", pixels::picture(w, h, &scene.picture.rgb)),
        ("map", pixels::labels(w, h, &scene.prediction, &report.classes)),
    ];
    html! {
        h3 { (scene.name) }
        p.note { "The middle of the scene, " (w) " × " (h) " pixels. This map is not verified." }
        div.gallery { figure { div.panels { @for (caption, picture) in &panels { div.panel {
            @if let Some(uri) = picture.as_ref().and_then(pixels::data_uri) { img src=(uri) alt=(caption) width=(w) height=(h); }
            p { (caption) }
        } } } } }
        table.numbers {
            thead { tr { th scope="col" { "Class" } th scope="col" { "Share of the scene" } th scope="col" { "Share of the labels" } } }
            tbody { @for share in &scene.classes { tr {
                th scope="row" { (class_label(share.class, &report.classes)) }
                td { (number::percent(share.predicted)) }
                td { (number::percent(share.labeled)) }
            } } }
        }
        p.note { "Counted on " (number::integer(scene.pixels_counted)) " of " (number::integer(scene.pixels_of_scene))
            " pixels of the scene. Labels are drawn at clear places: their shares need not be those of the scene, but a class "
            "that is many times as frequent in one of them should be checked." }
    }
}
