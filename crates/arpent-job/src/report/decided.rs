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
pub(super) fn notice(of: &Decided, words: Words) -> Markup {
    let [decided, all] = numbers(of).map(|number| words.integer(number));
    html! { p.notice { strong { (words.say(
        &format!("Named persons decided about {decided} of {all} features. The others are proposals of a model, or not settled."),
        &format!("Des personnes nommées ont décidé de {decided} objets sur {all}. Les autres sont des propositions d'un modèle, ou ne sont pas tranchés."),
    )) } } }
}

/// "What was decided".
pub(super) fn section(of: &Decided, words: Words) -> Section {
    let caption = words.say("Features by state of review", "Objets selon leur état de validation");
    let head = html! { tr {
        th scope="col" { (words.say("State", "État")) }
        th scope="col" { (words.say("Features", "Objets")) }
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
        (words.say("Classes corrected", "Classes corrigées"), number(of.classes_corrected)),
        (words.say("Outlines corrected", "Contours corrigés"), number(of.outlines_corrected)),
        (words.say("Who decided", "Qui a décidé"), html! { (names) }),
        (words.say("Map that was proposed", "Carte proposée"), code(&of.map)),
        (words.say("SHA-256 of its manifest", "SHA-256 de son manifeste"), code(&of.manifest_sha256)),
        (words.say("Digest of the review", "Empreinte de la relecture"), code(&of.root)),
        (words.say("Newest seals", "Derniers sceaux"), seals),
    ];
    let body = html! {
        (table(&caption, &head, &rows))
        p.note { (words.say(
            "A feature is disputed while decisions contradict each other, and contested until a contest is answered: both keep what was proposed. \
             Invalidated features, and what corrections replaced, are in the file superseded.",
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
