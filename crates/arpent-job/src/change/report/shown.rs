//! The largest and the least certain events, with their pictures.

use maud::{Markup, html};

use super::data::Report;
use crate::change::chips::ShownFact;
use crate::report::{LISTED, Section, Words, area, class};

/// The ten largest and the ten least certain events.
pub(super) fn section(report: &Report<'_>, words: Words) -> Section {
    let heading = words.say("Events to look at", "Événements à regarder");
    let Some(notable) = &report.facts.notable else {
        let body = html! { p.absent { (words.say(
            "Not listed: the output was published by an earlier version.",
            "Non listés : la sortie a été publiée par une version antérieure.",
        )) } };
        return Section { id: "shown", heading, body };
    };
    let is_decided = report.is_decided();
    let body = html! {
        @if is_decided { p.note { (words.say(
            "Those that the proposal lists, without events that a decision invalidated or corrected.",
            "Ceux que liste la proposition, sans les événements qu'une décision a invalidés ou corrigés.",
        )) } }
        h3 { (words.say("Largest", "Les plus grands")) }
        (gallery(report, words, &notable.largest))
        h3 { (words.say("Least certain", "Les moins sûrs")) }
        // A decided version may have lost all that were listed.
        @if notable.least_certain.is_empty() && (!is_decided || report.facts.images.is_none()) {
            p.absent { (words.say(
                "Events have no score: there are no images of both dates.",
                "Les événements n'ont pas de score : il n'y a pas d'images des deux dates.",
            )) }
        } @else {
            p.note { (words.say(
                "The lowest scores first: how much the images differ on average, 0 to 1; 0.5 is the threshold of a pixel.",
                "Les scores les plus bas d'abord : de combien les images diffèrent en moyenne, de 0 à 1 ; 0,5 est le seuil d'un pixel.",
            )) }
            (gallery(report, words, &notable.least_certain))
        }
        @if !report.drawn.is_empty() { p.note { (words.say(
            "The outline lies around the pixels of the event. Both pictures of an event have one stretch of contrast; gray: no value.",
            "Le contour entoure les pixels de l'événement. Les deux images d'un événement ont le même étirement de contraste ; gris : aucune valeur.",
        )) } }
    };
    Section { id: "shown", heading, body }
}

fn gallery(report: &Report<'_>, words: Words, events: &[ShownFact]) -> Markup {
    html! {
        @if events.is_empty() { p.absent { @if report.is_decided() {
            (words.say("None of them is left.", "Il n'en reste aucun."))
        } @else { (words.say("No event.", "Aucun événement.")) } } }
        ol.gallery { @for event in events.iter().take(LISTED) { li { (card(report, words, event)) } } }
    }
}

fn card(report: &Report<'_>, words: Words, event: &ShownFact) -> Markup {
    let classes = &report.facts.classes;
    let short: String = event.id.chars().take(12).collect();
    let names = [words.class(classes, event.from), words.class(classes, event.to)];
    let when = [words.say("before", "avant"), words.say("after", "après")];
    html! {
        figure.event data-event=(event.id) {
            @if let Some(drawn) = report.drawn.get(&event.id) {
                div.pair { @for date in 0..2usize {
                    div {
                        (drawn[date].shown(&format!(
                            "{} {short}, {} ({}), {}", words.say("Event", "Événement"), when[date], words.date(&report.facts.dates[date]), names[date]
                        )))
                        span.note { (when[date]) ", " (words.date(&report.facts.dates[date])) }
                    }
                } }
            } @else { p.absent { (words.say("No pictures.", "Pas d'images.")) } }
            figcaption {
                strong { (words.kind(event.kind)) } " · " (class(words, classes, event.from)) " → " (class(words, classes, event.to)) br;
                (area(words, event.changed_m2)) " · " (words.say("score ", "score "))
                (words.score(event.score)) br;
                code { (event.id) }
            }
        }
    }
}
