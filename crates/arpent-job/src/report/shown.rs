//! The most and the least certain features, with the imagery around them.

use maud::{Markup, html};

use super::features::{Found, Notable};
use super::material::Material;
use super::parts::{Section, area, class};
use super::scenes::Thumbnails;
use super::words::Words;

/// "Features to look at".
pub(super) fn section(
    material: &Material<'_>,
    found: Option<&Found>,
    thumbnails: &Thumbnails,
    words: Words,
) -> Section {
    let body = html! {
        @match found {
            None => p.absent { (words.say(
                "Not listed: the output has no GeoParquet file.",
                "Non listés : la sortie n'a pas de fichier GeoParquet.",
            )) },
            Some(found) if found.most.is_empty() => p.absent { (words.say("No feature has a score.", "Aucun objet n'a de score.")) },
            Some(found) => {
                (problems(thumbnails, words))
                h3 { (words.say("Most certain", "Les plus sûrs")) }
                (gallery(material, &found.most, thumbnails, words))
                h3 { (words.say("Least certain", "Les moins sûrs")) }
                (gallery(material, &found.least, thumbnails, words))
                @if !thumbnails.drawn.is_empty() { p.note { (words.say(
                    "The outline is that of the feature, over the imagery of the scenes; each picture has its own stretch of contrast; gray: no value.",
                    "Le contour est celui de l'objet, sur les images sources ; chaque image a son propre étirement de contraste ; gris : aucune valeur.",
                )) } }
            },
        }
    };
    Section { id: "shown", heading: words.say("Features to look at", "Objets à regarder"), body }
}

/// Why there are no pictures.
pub(crate) fn problems(thumbnails: &Thumbnails, words: Words) -> Markup {
    html! { @if !thumbnails.problems.is_empty() { p.notice { (words.say(
        "Some features have no picture, because their imagery could not be read: ",
        "Certains objets n'ont pas d'image, car leur image source n'a pas pu être lue : ",
    )) span lang="en" { @for (number, problem) in thumbnails.problems.iter().enumerate() {
        @if number > 0 { "; " } (problem)
    } } "." } } }
}

fn gallery(material: &Material<'_>, features: &[Notable], thumbnails: &Thumbnails, words: Words) -> Markup {
    html! { ol.gallery { @for feature in features { li { (card(material, feature, thumbnails, words)) } } } }
}

fn card(material: &Material<'_>, feature: &Notable, thumbnails: &Thumbnails, words: Words) -> Markup {
    let classes = material.classes.as_deref();
    let name =
        classes.map_or_else(|| feature.class.clone(), |classes| words.class(classes, feature.class_id));
    let short: String = feature.id.chars().take(12).collect();
    let label = format!("{} {short}, {name}", words.say("Feature", "Objet"));
    html! {
        figure.event data-feature=(feature.id) data-score=(feature.score) data-area=(feature.area_m2) {
            @match thumbnails.drawn.get(&feature.row) {
                Some((picture, is_whole)) => {
                    (picture.shown(&label))
                    @if !is_whole { span.note { (words.say("A part of its outline. ", "Une partie de son contour. ")) } }
                },
                None => p.absent { (words.say("No picture.", "Pas d'image.")) },
            }
            figcaption {
                @match classes { Some(classes) => (class(words, classes, feature.class_id)), None => (name) }
                br;
                (words.say("score ", "score ")) (words.score(Some(feature.score))) " · " (area(words, feature.area_m2)) br;
                code { (feature.id) }
            }
        }
    }
}
