//! How to read the report: limits, how to contest an event, provenance.

use arpent_publish::{ITEM_NAME, MANIFEST_NAME};
use maud::html;

use super::data::Report;
use super::parts::{Section, facts};
use super::words::{NONE, Words};
use crate::job::software;

/// What the method cannot see.
pub(super) fn limits(report: &Report<'_>, words: Words) -> Section {
    let (rules, _) = report.judged;
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
        @if report.inputs.maps.is_some() { li { (words.say(
            "Errors of the maps: an error of one date is a change here. The control does not contain them; a checked sample of the events would.",
            "Les erreurs des cartes : une erreur à une date est ici un changement. Le contrôle ne les contient pas ; un échantillon vérifié des \
             événements les montrerait.",
        )) } }
        @if report.images.is_some() { li { (words.say(
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
        @match &report.config.contact {
            Some(contact) => { (words.say("Write to: ", "Écrire à : ")) strong { (contact) } "." },
            None => (words.say(
                "Write to whoever gave you this report.",
                "Écrivez à l'organisme qui vous a remis ce rapport.",
            )),
        }
    } };
    Section {
        id: "contest",
        heading: words.say("How to contest an event", "Comment contester un événement"),
        body,
    }
}

/// Run, software, hashes of the inputs.
pub(super) fn provenance(report: &Report<'_>, words: Words) -> Section {
    let versions: Vec<String> =
        software(false).iter().map(|(name, version)| format!("{name} {version}")).collect();
    let body = html! {
        (facts(&[
            (words.say("Run", "Traitement"), html! { code { (report.run_id) } }),
            (words.say("Software", "Logiciels"), html! { (versions.join(", ")) }),
            (words.say("Records", "Enregistrements"), html! { a href={ "../" (MANIFEST_NAME) } { (MANIFEST_NAME) } ", " a href=(ITEM_NAME) { (ITEM_NAME) } }),
        ]))
        div.wide role="region" tabindex="0" aria-label=(words.say("Hashes of the inputs", "Empreintes des entrées")) { table {
            caption { (words.say("Hashes of the inputs", "Empreintes des entrées")) }
            thead { tr { th scope="col" { (words.say("Name", "Nom")) } th scope="col" { "SHA-256 / ETag" } } }
            tbody { @for input in &report.records { tr {
                th scope="row" { (input.id) }
                td { code { (input.sha256.as_ref().or(input.etag.as_ref()).map_or(NONE, String::as_str)) } }
            } } }
        } }
    };
    Section { id: "provenance", heading: words.say("Provenance", "Provenance"), body }
}
