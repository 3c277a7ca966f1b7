//! How to read the report: limits, how to contest an event, provenance.

use arpent_publish::{ITEM_NAME, MANIFEST_NAME};
use maud::html;

use super::data::Report;
use crate::report::{Section, Words, facts, hashes, license, software, whom};

/// What the method cannot see.
pub(super) fn limits(report: &Report<'_>, words: Words) -> Section {
    let rules = report.facts.rules;
    let (width, least) = (words.number(rules.width_px, 2), words.area(rules.min_area_m2));
    let body = html! { ul.prose {
        li { (words.say(
            &format!("Changes that are not wider than {width}\u{202f}px, or smaller than {least}\u{202f}m²."),
            &format!("Les changements qui ne sont pas plus larges que {width}\u{202f}px, ou plus petits que {least}\u{202f}m²."),
        )) }
        li { (words.say(
            "What changed between the dates and changed back, and on which day between them something changed.",
            "Ce qui a changé entre les dates puis est revenu, et le jour du changement entre les deux.",
        )) }
        li { (words.say(
            "What cannot be seen from above: heights, what lies under trees or roofs, uses of the ground.",
            "Ce qui ne se voit pas d'en haut : les hauteurs, ce qui est sous les arbres ou les toits, les usages du sol.",
        )) }
        @if report.facts.maps { li { (words.say(
            "Errors of the maps: an error of one date is a change here. The control does not contain them; a checked sample of the events would.",
            "Les erreurs des cartes : une erreur à une date est ici un changement. Le contrôle ne les contient pas ; un échantillon vérifié des \
             événements les montrerait.",
        )) } }
        @if report.facts.images.is_some() { li { (words.say(
            "Images differ for other reasons, too: seasons, harvests, shadows, another sensor, roofs that lean.",
            "Les images diffèrent aussi pour d'autres raisons : saisons, récoltes, ombres, autre capteur, toits qui penchent.",
        )) } }
        li { (words.say(
            "What was not observed at both dates is not unchanged: it is in no figure.",
            "Ce qui n'a pas été observé aux deux dates n'est pas inchangé : ce n'est dans aucun chiffre.",
        )) }
    } };
    Section {
        id: "limits",
        heading: words.say("What the method cannot see", "Ce que la méthode ne voit pas"),
        body,
    }
}

/// How to contest an event.
pub(super) fn contest(report: &Report<'_>, words: Words) -> Section {
    let body = html! { p.prose {
        (words.say("Every event has an id: column ", "Chaque événement a un identifiant : colonne "))
        code { "id" } (words.say(" of the files ", " des fichiers ")) code { "events.*" }
        (words.say(
            ", under the pictures above. To contest one, give its id, the run below, and what there is at the place, with a date. ",
            ", sous les images ci-dessus. Pour en contester un, donnez son identifiant, le traitement ci-dessous, et ce qui se trouve à cet endroit, avec une date. ",
        ))
        (whom(&report.material.imprint, words))
    } };
    Section {
        id: "contest",
        heading: words.say("How to contest an event", "Comment contester un événement"),
        body,
    }
}

/// License, run, software, hashes of the inputs.
pub(super) fn provenance(report: &Report<'_>, words: Words) -> Section {
    let manifest = report.material.manifest;
    let mut all = license(&report.material.imprint, words);
    all.extend([
        (words.say("Run", "Traitement"), html! { code { (manifest.run_id) } }),
        (words.say("Software", "Logiciel"), html! { (software(manifest)) }),
        (
            words.say("Records", "Enregistrements"),
            html! { code { (MANIFEST_NAME) } ", " code { (ITEM_NAME) } },
        ),
    ]);
    let body = html! { (facts(&all)) (hashes(manifest, words)) };
    Section { id: "provenance", heading: words.say("License and provenance", "Licence et provenance"), body }
}
