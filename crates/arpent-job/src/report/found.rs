//! What a run found: figures by class, scores, reference layers, the picture of the map.

use arpent_base::number::{approximate, exact};
use maud::{Markup, html};

use super::chart::{Bar, bars};
use super::features::{BARS, Found, Totals};
use super::material::Material;
use super::measured;
use super::overview::{Drawn, Overview};
use super::parts::{Section, area, cell, class, table};
use super::words::{NONE, Words};

/// The figures at the top.
pub(super) fn tiles(material: &Material<'_>, found: Option<&Found>, words: Words) -> Markup {
    let tile = |name: String, value: Markup| html! { li { span.name { (name) } span.value { (value) } } };
    let counts = &material.manifest.counts;
    html! { ul.tiles {
        @if counts.values.is_empty() || counts.features > 0 {
            (tile(words.say("Features", "Objets"), html! { data value=(counts.features) { (words.integer(counts.features)) } }))
        }
        @if let Some(found) = found {
            (tile(words.say("Their area", "Leur surface"), area(words, found.all.area_m2)))
            (tile(words.say("Mean score", "Score moyen"), html! { (words.score(found.all.mean_score())) }))
        }
        (tile(words.say("Observed", "Observé"), html! { (observed(material, words)) }))
    } }
}

/// The share of the wanted pixels that have an answer.
fn observed(material: &Material<'_>, words: Words) -> String {
    let counts = &material.manifest.counts;
    if counts.pixels_wanted == 0 {
        return NONE.to_owned();
    }
    words.percent(approximate(counts.pixels_valid) / approximate(counts.pixels_wanted))
}

/// "What was found".
pub(super) fn section(
    material: &Material<'_>,
    found: Option<&Found>,
    overview: Option<&Overview>,
    words: Words,
) -> Section {
    let counts = &material.manifest.counts;
    let label = words.say("Map of the result", "Carte du résultat");
    let body = html! {
        @match overview {
            Some(overview) => { (picture(material, overview, words, &label)) },
            None => p.absent { (words.say(
                "There is no picture of the map: the output has no raster of classes and no GeoParquet file.",
                "Il n'y a pas d'image de la carte : la sortie n'a ni raster des classes ni fichier GeoParquet.",
            )) },
        }
        (measured::statistics(material, words))
        @match found {
            None if !counts.values.is_empty() && counts.features == 0 => {}
            Some(found) => { (by_class(material, found, words)) (scores(found, words)) },
            None => {
                p { (words.counted(counts.features, ["feature", "features"], ["objet", "objets"])) "." }
                p.absent { (words.say(
                    "Areas and scores are not listed: the output has no GeoParquet file (formats of its configuration).",
                    "Surfaces et scores ne sont pas donnés : la sortie n'a pas de fichier GeoParquet (formats de sa configuration).",
                )) }
            },
        }
        (references(material, words))
    };
    Section { id: "found", heading: words.say("What was found", "Ce qui a été trouvé"), body }
}

fn picture(material: &Material<'_>, overview: &Overview, words: Words, label: &str) -> Markup {
    html! {
        figure {
            (overview.shown(words, label))
            figcaption { (label) ". " (words.say("North is up. ", "Le nord est en haut. ")) (overview.extent(words)) "." }
            @match overview.drawn {
                Drawn::Dots => p.note { (words.say(
                    "A dot for each feature, larger than the feature is. The output has no raster of the published classes.",
                    "Un point par objet, plus grand que l'objet. La sortie n'a pas de raster des classes publiées.",
                )) },
                Drawn::Values => {
                    (measured::ramp(material, words))
                    p.note { (words.say("Light gray: no value.", "Gris clair : aucune valeur.")) }
                },
                Drawn::Classes | Drawn::Features => {
                    (legend(material, words))
                    p.note {
                        @if overview.drawn == Drawn::Features { (words.say(
                            "Drawn from the features: the output has no raster of the published classes. Light gray: no feature. ",
                            "Image faite à partir des objets : la sortie n'a pas de raster des classes publiées. Gris clair : aucun objet. ",
                        )) } @else { (words.say("Light gray: no answer. ", "Gris clair : aucune réponse. ")) }
                        (words.say(
                            "The table below has the same information without colors.",
                            "Le tableau ci-dessous donne la même information sans couleurs.",
                        ))
                    }
                },
            }
        }
    }
}

/// The classes with their colors.
fn legend(material: &Material<'_>, words: Words) -> Markup {
    let counted = &material.manifest.counts.features_per_class;
    html! { @if let Some(classes) = &material.classes {
        ul.legend { @for of in classes.classes() {
            li { (class(words, classes, of.id))
                @if !counted.contains_key(&of.name) { " " span.note { (words.say("(no features)", "(sans objets)")) } } }
        } }
    } }
}

fn by_class(material: &Material<'_>, found: &Found, words: Words) -> Markup {
    let counted = &material.manifest.counts.features_per_class;
    let none = Totals::default();
    // In the order of the nomenclature, then what it does not have.
    let mut names: Vec<&str> = Vec::new();
    if let Some(classes) = &material.classes {
        let listed = classes.classes().iter().map(|class| class.name.as_str());
        names.extend(listed.filter(|name| counted.contains_key(*name) || found.classes.contains_key(*name)));
    }
    let others = counted.keys().chain(found.classes.keys()).map(String::as_str);
    for other in others {
        if !names.contains(&other) {
            names.push(other);
        }
    }
    let of = |name: &str| found.classes.get(name).unwrap_or(&none);
    // A class of the nomenclature by its name.
    let known = |name: &str| {
        let classes = material.classes.as_deref()?;
        let id = classes.classes().iter().find(|class| class.name == name)?.id;
        Some((classes, id))
    };
    let shown =
        |name: &str| known(name).map_or_else(|| html! { (name) }, |(classes, id)| class(words, classes, id));
    let text =
        |name: &str| known(name).map_or_else(|| name.to_owned(), |(classes, id)| words.class(classes, id));
    let share = |m2: f64| {
        if found.all.area_m2 > 0.0 { words.percent(m2 / found.all.area_m2) } else { NONE.to_owned() }
    };
    let head = html! { tr {
        th scope="col" { (words.say("Class", "Classe")) }
        th scope="col" { (words.say("Features", "Objets")) }
        th scope="col" { (words.say("Area (m²)", "Surface (m²)")) }
        th scope="col" { (words.say("Share of the area", "Part de la surface")) }
        th scope="col" { (words.say("Mean score", "Score moyen")) }
    } };
    let row = |totals: &Totals| {
        html! {
            td { data value=(totals.features) { (words.integer(totals.features)) } }
            td { (cell(words, &totals.area_m2.to_string())) }
            td { (share(totals.area_m2)) }
            td { @match totals.mean_score() {
                Some(score) => data value=(score) { (words.score(Some(score))) },
                None => (NONE),
            } }
        }
    };
    let rows = html! {
        @for name in &names { tr data-class=(name) { th scope="row" { (shown(name)) } (row(of(name))) } }
        tr.sum data-all="1" { th scope="row" { (words.say("All", "Toutes")) } (row(&found.all)) }
    };
    let caption = words.say("Features by class", "Objets par classe");
    let chart: Vec<Bar> = names
        .iter()
        .filter(|name| of(name).features > 0)
        .map(|name| Bar {
            name: text(name),
            value: of(name).area_m2,
            text: format!("{}\u{202f}m²", words.area(of(name).area_m2)),
        })
        .collect();
    let label = words.say("Area by class", "Surface par classe");
    html! {
        (table(&caption, &head, &rows))
        @if !chart.is_empty() { figure { (bars(&label, &chart)) figcaption { (label) } } }
        p.note { (words.say(
            "Areas are those of the delivered outlines on the ground, as in column area_m2 of the features. The score is the model's own confidence, from 0 to 1: \
             it is no probability that a feature is right, unless the model card says that it was calibrated.",
            "Les surfaces sont celles des contours livrés, au sol, comme dans la colonne area_m2 des objets. Le score est la confiance du modèle en lui-même, de 0 à 1 : \
             ce n'est pas la probabilité qu'un objet soit juste, sauf si la fiche du modèle dit qu'il a été calibré.",
        )) }
    }
}

fn scores(found: &Found, words: Words) -> Markup {
    let step = 1.0 / exact(BARS);
    let chart: Vec<Bar> = found
        .scores
        .iter()
        .enumerate()
        .map(|(at, count)| Bar {
            name: format!(
                "{} – {}",
                words.number(exact(at) * step, 1),
                words.number(exact(at + 1) * step, 1)
            ),
            value: approximate(*count),
            text: words.integer(*count),
        })
        .collect();
    let label = words.say("Number of features by score", "Nombre d'objets selon leur score");
    let without = found.all.features - found.all.scored;
    html! {
        @if found.all.scored > 0 { figure { (bars(&label, &chart)) figcaption { (label) } } }
        @if without > 0 { p.note { (words.say(
            &format!("{} without a score: a reference layer gave all of their pixels.", words.counted(without, ["feature", "features"], ["", ""])),
            &format!("{} sans score : une couche de référence a donné tous leurs pixels.", words.counted(without, ["", ""], ["objet", "objets"])),
        )) } }
    }
}

fn references(material: &Material<'_>, words: Words) -> Markup {
    let layers = &material.manifest.counts.references;
    let caption = words.say("Reference layers", "Couches de référence");
    let head = html! { tr {
        th scope="col" { (words.say("Layer", "Couche")) }
        th scope="col" { (words.say("Its features near the map", "Ses objets près de la carte")) }
        th scope="col" { (words.say("Features matched", "Objets appariés")) }
        th scope="col" { (words.say("Pixels overridden", "Pixels remplacés")) }
        th scope="col" { (words.say("Agrees (m²)", "D'accord (m²)")) }
        th scope="col" { (words.say("Disagrees (m²)", "En désaccord (m²)")) }
    } };
    let rows = html! { @for layer in layers { tr {
        th scope="row" { (layer.name) }
        td { (words.integer(layer.near)) }
        td { (words.integer(layer.features_matched)) }
        td { (words.integer(layer.pixels_overridden)) }
        @let compared = layer.rule == "compare";
        td { @if compared { (cell(words, &layer.agreement_m2.to_string())) } @else { (NONE) } }
        td { @if compared { (cell(words, &layer.disagreement_m2.to_string())) } @else { (NONE) } }
    } } };
    html! { @if !layers.is_empty() { (table(&caption, &head, &rows)) } }
}
