//! What was observed, what is masked, what was not observed.

use arpent_base::number::approximate;
use arpent_publish::UndecidedClass;
use maud::{Markup, html};

use super::material::Material;
use super::parts::{Section, area, table, warnings};
use super::words::{NONE, Words};

/// "What was observed".
pub(super) fn section(material: &Material<'_>, words: Words) -> Section {
    let counts = &material.manifest.counts;
    let (wanted, valid) = (counts.pixels_wanted, counts.pixels_valid);
    let masked = counts.masked.as_ref().map_or(0, |masked| masked.pixels_masked);
    let rest = wanted.saturating_sub(valid).saturating_sub(masked);
    let share = |pixels: u64| {
        if wanted > 0 { words.percent(approximate(pixels) / approximate(wanted)) } else { NONE.to_owned() }
    };
    let row = |name: String, pixels: u64, meaning: String| {
        html! { tr {
            th scope="row" { (name) }
            td { data value=(pixels) { (words.integer(pixels)) } }
            td { (share(pixels)) }
            td.words { (meaning) }
        } }
    };
    let head = html! { tr {
        th scope="col" { (words.say("Pixels", "Pixels")) }
        th scope="col" { (words.say("Number", "Nombre")) }
        th scope="col" { (words.say("Share", "Part")) }
        th.words scope="col" { (words.say("Meaning", "Sens")) }
    } };
    let rows = html! {
        (row(
            words.say("Asked for", "Demandés"),
            wanted,
            words.say("the area of the map", "la surface de la carte"),
        ))
        (row(
            words.say("Observed", "Observés"),
            valid,
            words.say("with an answer of the model", "avec une réponse du modèle"),
        ))
        @if counts.masked.is_some() { (row(
            words.say("Masked", "Masqués"),
            masked,
            words.say("hidden by a mask, such as clouds", "cachés par un masque, comme les nuages"),
        )) }
        @if let Some(undecided) = &counts.undecided { (row(
            words.say("Undecided", "Indéterminés"),
            undecided.pixels_published,
            words.say(
                "of the observed ones: the model's answer is too uncertain to be given, and they count as no class",
                "parmi les observés : la réponse du modèle est trop incertaine pour être donnée, et ils ne comptent pour aucune classe",
            ),
        )) }
        (row(
            words.say("Not observed", "Non observés"),
            rest,
            words.say("no scene has a valid value there", "aucune image n'y a de valeur valide"),
        ))
    };
    let caption = words.say("Pixels of the map", "Pixels de la carte");
    let body = html! {
        (table(&caption, &head, &rows))
        (reasons(material, words))
        (undecided(material, words))
        @if counts.decided.is_some() { p.prose.pixels-of-proposal { (words.say(
            "These are pixels of the proposal: persons decide about features, and what they decided is not in them.",
            "Ce sont les pixels de la proposition : les décisions des personnes portent sur les objets et n'y figurent pas.",
        )) } }
        p.prose { (words.say(
            "Where nothing was observed, there is no answer: the absence of a feature there does not say that there is nothing.",
            "Là où rien n'a été observé, il n'y a pas de réponse : l'absence d'objet n'y dit pas qu'il n'y a rien.",
        )) }
        h3 { (words.say("Warnings", "Avertissements")) }
        (warnings(words, &material.manifest.warnings))
    };
    Section { id: "observed", heading: words.say("What was observed", "Ce qui a été observé"), body }
}

/// What is left undecided, by the class that the model answered.
fn undecided(material: &Material<'_>, words: Words) -> Markup {
    let Some(of) = &material.manifest.counts.undecided else { return html! {} };
    let caption =
        words.say("Answers left undecided, by class", "Réponses laissées indéterminées, par classe");
    let head = html! { tr {
        th scope="col" { (words.say("Class", "Classe")) }
        th scope="col" { (words.say("Answers, pixels", "Réponses, en pixels")) }
        th scope="col" { (words.say("Left undecided", "Laissées indéterminées")) }
        th scope="col" { (words.say("Errors expected among the given", "Erreurs attendues parmi les données")) }
    } };
    let share = |class: &UndecidedClass| approximate(class.pixels_undecided) / approximate(class.pixels);
    let rows = html! { @for class in &of.classes { tr {
        th scope="row" { (name_of(material, &class.class, words)) }
        td { (words.integer(class.pixels)) }
        td { @if class.pixels > 0 { (words.percent(share(class))) } @else { (NONE) } }
        td { (class.expected_risk.map_or_else(|| NONE.to_owned(), |risk| words.percent(risk))) }
    } } };
    let risk = words.percent(of.max_risk);
    let place = |en: &str, fr: &str| of.territory.as_ref().map_or_else(|| words.say(en, fr), Clone::clone);
    html! {
        (table(&caption, &head, &rows))
        p.prose { (words.say(
            &format!("Of the answers of a class that are given, at most {risk} are expected to be wrong, by the model's validation data: "),
            &format!("Parmi les réponses données d'une classe, au plus {risk} d'erreurs sont attendues, selon les données de validation du modèle : "),
        )) (place("all territories together", "tous les territoires ensemble")) "." }
    }
}

/// The name of a class in the language of the report.
fn name_of(material: &Material<'_>, name: &str, words: Words) -> String {
    let class =
        material.classes.as_ref().and_then(|classes| classes.classes().iter().find(|c| c.name == name));
    class.map_or_else(|| name.to_owned(), |class| class.name_in(words.0).to_owned())
}

fn reasons(material: &Material<'_>, words: Words) -> Markup {
    let Some(masked) = &material.manifest.counts.masked else { return html! {} };
    let caption = words.say("What the masks hide, by reason", "Ce que les masques cachent, par raison");
    let head = html! { tr {
        th scope="col" { (words.say("Reason", "Raison")) }
        th scope="col" { (words.say("Pixels", "Pixels")) }
        th scope="col" { (words.say("Area", "Surface")) }
        th scope="col" { (words.say("Share", "Part")) }
    } };
    let rows = html! { @for reason in &masked.reasons { tr {
        th scope="row" { (reason.reason) }
        td { (words.integer(reason.pixels)) }
        td { (area(words, reason.area_m2)) }
        td { (words.percent(reason.share)) }
    } } };
    table(&caption, &head, &rows)
}
