//! What persons decided: of a decided version of a map.

use arpent_publish::{Decided, STATE_NOT_VERIFIED};
use maud::{Markup, html};

use super::parts::{Section, facts, table};
use super::states::{state_color, state_title, states};
use super::words::Words;

/// The numbers of features that persons decided, and of all.
fn numbers(of: &Decided) -> [u64; 2] {
    let count = |state: &str| of.states.get(state).copied().unwrap_or(0);
    let all: u64 = of.states.values().sum();
    let open: u64 = [STATE_NOT_VERIFIED, super::DISPUTED, super::CONTESTED].into_iter().map(count).sum();
    [all - open, all]
}

/// The first sentence: what is decided, and what is still a proposal.
pub(crate) fn notice(of: &Decided, is_change: bool, words: Words) -> Markup {
    let [decided, all] = numbers(of).map(|number| words.integer(number));
    let (en, fr) = if is_change {
        (
            format!(
                "Named persons decided about {decided} of {all} events. The others are proposals of an algorithm, or not settled."
            ),
            format!(
                "Des personnes nommées ont décidé de {decided} événements sur {all}. Les autres sont des propositions d'un traitement algorithmique, ou ne sont pas tranchés."
            ),
        )
    } else {
        (
            format!(
                "Named persons decided about {decided} of {all} features. The others are proposals of a model, or not settled."
            ),
            format!(
                "Des personnes nommées ont décidé de {decided} objets sur {all}. Les autres sont des propositions d'un modèle, ou ne sont pas tranchés."
            ),
        )
    };
    html! { p.notice { strong { (words.say(&en, &fr)) } } }
}

/// "What was decided".
pub(crate) fn section(of: &Decided, is_change: bool, words: Words) -> Section {
    let say = |map: [&str; 2], change: [&str; 2]| {
        let [en, fr] = if is_change { change } else { map };
        words.say(en, fr)
    };
    let caption = say(
        ["Features by state of review", "Objets selon leur état de validation"],
        ["Events by state of review", "Événements selon leur état de validation"],
    );
    let head = html! { tr {
        th scope="col" { (words.say("State", "État")) }
        th scope="col" { (say(["Features", "Objets"], ["Events", "Événements"])) }
    } };
    let rows = html! { @for state in states() {
        @if let Some(features) = of.states.get(state) { tr data-state=(state) {
            th scope="row" {
                span.swatch style={ "background:" (state_color(state)) } aria-hidden="true" {}
                (state_title(state, words.0))
            }
            td { data value=(features) { (words.integer(*features)) } }
        } }
    } };
    let code = |text: &str| html! { code { (text) } };
    let seals = html! { @for seal in &of.seals { (code(seal)) " " } };
    let names = match of.names.as_str() {
        "name" => words.say("name, function and organization", "nom, fonction et organisme"),
        "function" => words.say("function and organization", "fonction et organisme"),
        _ => words.say("not published", "non publié"),
    };
    let number = |number: u64| html! { data value=(number) { (words.integer(number)) } };
    let all = [
        (words.say("Review", "Relecture"), html! { (of.review) }),
        (words.say("Decisions", "Décisions"), number(of.decisions)),
        (
            say(
                ["Classes corrected", "Classes corrigées"],
                ["Classes or kinds corrected", "Classes ou natures corrigées"],
            ),
            number(of.classes_corrected),
        ),
        (words.say("Outlines corrected", "Contours corrigés"), number(of.outlines_corrected)),
        (words.say("Who decided", "Qui a décidé"), html! { (names) }),
        (
            say(
                ["Map that was proposed", "Carte proposée"],
                ["Comparison that was proposed", "Comparaison proposée"],
            ),
            code(&of.map),
        ),
        (words.say("SHA-256 of its manifest", "SHA-256 de son manifeste"), code(&of.manifest_sha256)),
        (words.say("Digest of the review", "Empreinte de la relecture"), code(&of.root)),
        (words.say("Newest seals", "Derniers sceaux"), seals),
    ];
    let body = html! {
        (table(&caption, &head, &rows))
        @if is_change { p.note { (words.say(
            "Flows and balances follow from the pixels of both dates: they are those of the proposal, and stand there. So do the changed, gained and lost \
             area of an event, also where a person corrected its outline; its area (area_m2) is then that of the corrected outline.",
            "Les flux et les bilans résultent des pixels des deux dates : ce sont ceux de la proposition, et ils y figurent. Il en va de même des surfaces \
             changée, gagnée et perdue d'un événement, même là où une personne a corrigé son contour ; sa superficie (area_m2) est alors celle du contour corrigé.",
        )) } }
        p.note { (words.say(
            "What is disputed (decisions contradict each other) or contested (until the contest is answered) keeps what was proposed. \
             What is invalidated, and what corrections replaced, is in the file superseded.",
            "Un objet reste « avis divergents » tant que des décisions se contredisent, et contesté tant qu'une contestation est sans réponse : tous deux gardent \
             ce qui était proposé. Les objets invalidés, et ce que des corrections ont remplacé, sont dans le fichier superseded.",
        )) }
        (facts(&all))
        p.note { (words.say(
            "The digest and the seals prove that no decision was changed or removed later: ",
            "L'empreinte et les sceaux prouvent qu'aucune décision n'a été changée ou retirée depuis : ",
        )) code { "arpent review verify --seal" } "." }
    };
    Section { id: "decided", heading: words.say("What was decided", "Ce qui a été décidé"), body }
}
