//! The model in plain words, and how the scenes compare with what it was trained on.

use maud::{Markup, html};
use serde_json::Value;

use super::asked;
use super::material::Material;
use super::parts::{Section, facts, table};
use super::words::{NONE, Words};

/// Scenes of the comparison at most.
const SCENES: usize = 60;

/// "The model".
pub(super) fn section(material: &Material<'_>, words: Words) -> Section {
    let record = &material.manifest.model;
    let body = html! {
        @match &material.manifest.package {
            None => {
                p { (asked::model(material)) }
                p.absent { (words.say(
                    "The output does not describe its model: it was published by an earlier version.",
                    "La sortie ne décrit pas son modèle : elle a été publiée par une version antérieure.",
                )) }
            },
            Some(package) => {
                (facts(&described(material, package, words)))
                (sources(package, words))
                (scores(package, words))
                (tried(package, words))
            },
        }
        p.note { (words.say("SHA-256 of the package: ", "SHA-256 du paquet : ")) code { (record.sha256) } }
        h3 { (words.say("How unlike its training the scenes are", "En quoi les images diffèrent de l'apprentissage")) }
        (outside(material, words))
        (unlike(material, words))
    };
    Section { id: "model", heading: words.say("The model", "Le modèle"), body }
}

/// What a model does, in words.
pub(crate) fn task(package: &Value, words: Words) -> String {
    match package["task"].as_str() {
        Some("semantic-segmentation") => words
            .say("gives a class to every pixel of the imagery", "donne une classe à chaque pixel de l'image"),
        Some("object-detection") => words.say(
            "finds objects, and draws a box around each",
            "trouve des objets, et trace un cadre autour de chacun",
        ),
        Some("scene-classification") => words.say(
            "gives a class to every cell of a lattice of the imagery",
            "donne une classe à chaque case d'un carroyage de l'image",
        ),
        Some("regression") => words.say(
            "estimates a value for every pixel of the imagery",
            "estime une valeur pour chaque pixel de l'image",
        ),
        other => other.unwrap_or(NONE).to_owned(),
    }
}

/// The names of the classes of a model.
pub(crate) fn class_names(package: &Value, words: Words) -> Vec<String> {
    let key = match words.0 {
        arpent_base::Language::Fr => "name_fr",
        arpent_base::Language::En => "name",
    };
    let classes = package["classes"].as_array().into_iter().flatten();
    let name = |class: &Value| class[key].as_str().or_else(|| class["name"].as_str()).map(str::to_owned);
    classes.filter_map(name).collect()
}

fn described(material: &Material<'_>, package: &Value, words: Words) -> Vec<(String, Markup)> {
    let text = |value: &Value| value.as_str().unwrap_or(NONE).to_owned();
    let bands: Vec<String> =
        package["bands"].as_array().into_iter().flatten().map(|band| text(&band["name"])).collect();
    let gsd =
        |key: &str| package["gsd_m"][key].as_f64().map_or_else(|| NONE.to_owned(), |m| words.number(m, 3));
    let mut all = vec![
        (words.say("Model", "Modèle"), asked::model(material)),
        (words.say("What it does", "Ce qu'il fait"), html! { (task(package, words)) }),
        (words.say("Classes", "Classes"), html! { (class_names(package, words).join(", ")) }),
        (
            words.say("What it looks at", "Ce qu'il regarde"),
            html! {
                (words.say("bands ", "bandes ")) span lang="en" { (bands.join(", ")) } "; "
                (words.say(
                    &format!("pixels of {}\u{202f}m, {} to {}\u{202f}m accepted", gsd("nominal"), gsd("min"), gsd("max")),
                    &format!("pixels de {}\u{202f}m, de {} à {}\u{202f}m acceptés", gsd("nominal"), gsd("min"), gsd("max")),
                ))
            },
        ),
        (words.say("License of the weights", "Licence des poids"), html! { (text(&package["license"])) }),
    ];
    all.push((words.say("Confidence", "Confiance"), html! { @match package["calibration"]["ece_after"].as_f64() {
        Some(error) => (words.say(
            &format!("calibrated: on held-out data the confidence is off by {} on average", words.percent(error)),
            &format!("calibrée : sur des données à part, la confiance s'écarte de {} en moyenne", words.percent(error)),
        )),
        None => (words.say("not calibrated: a score is no probability", "non calibrée : un score n'est pas une probabilité")),
    } }));
    let places: Vec<String> = package["territories"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|place| place.as_str().or_else(|| place["name"].as_str()).map(str::to_owned))
        .collect();
    all.push((
        words.say("Validated in", "Validé à"),
        html! { @if places.is_empty() {
            (words.say("no place is recorded", "aucun lieu n'est enregistré"))
        } @else { span lang="en" { (places.join("; ")) } } },
    ));
    if let Some(wh) = package["energy"]["training_wh"].as_f64() {
        all.push((
            words.say("Energy of its training", "Énergie de son apprentissage"),
            html! { (words.energy(wh)) },
        ));
    }
    if let Some(restriction) = package["restriction"].as_str() {
        all.push((words.say("Restriction", "Restriction"), html! { span lang="en" { (restriction) } }));
    }
    all
}

fn sources(package: &Value, words: Words) -> Markup {
    let all: Vec<&Value> = package["training_data"].as_array().into_iter().flatten().collect();
    let caption = words.say("Training data", "Données d'apprentissage");
    html! {
        @if all.is_empty() {
            p { (words.say("Its training data are not recorded.", "Ses données d'apprentissage ne sont pas enregistrées.")) }
        } @else {
            div.wide role="region" tabindex="0" aria-label=(caption) { table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { (words.say("Name", "Nom")) }
                    th scope="col" { (words.say("License", "Licence")) }
                    th scope="col" { (words.say("Source", "Source")) }
                } }
                tbody lang="en" { @for source in all { tr {
                    th scope="row" { (source["name"].as_str().unwrap_or(NONE)) }
                    td { (source["license"].as_str().unwrap_or(NONE)) }
                    td.source { (source["source"].as_str().unwrap_or(NONE)) }
                } } }
            } }
        }
    }
}

fn scores(package: &Value, words: Words) -> Markup {
    let caption = words.say("How it was measured", "Comment il a été mesuré");
    let scores = package["scores"].as_object();
    html! { @match scores.filter(|scores| !scores.is_empty()) {
        None => p { (words.say(
            "No score of the model is recorded: how often it is right is not known.",
            "Aucun score du modèle n'est enregistré : on ne sait pas à quelle fréquence il a raison.",
        )) },
        Some(scores) => div.wide role="region" tabindex="0" aria-label=(caption) { table {
            caption { (caption) }
            thead { tr {
                th scope="col" { (words.say("Measure", "Mesure")) }
                th scope="col" { (words.say("Value", "Valeur")) }
                th scope="col" { (words.say("On", "Sur")) }
                th scope="col" { (words.say("How", "Comment")) }
            } }
            tbody { @for (name, score) in scores { tr {
                th scope="row" { code { (name) } }
                td { (words.score(score["value"].as_f64())) }
                td lang="en" { (score["split"].as_str().unwrap_or(NONE)) }
                td.source lang="en" { (score["measure"].as_str().unwrap_or(NONE)) }
            } } }
        } },
    } }
}

fn tried(package: &Value, words: Words) -> Markup {
    let lines = |key: &str| -> Vec<String> {
        let all = package[key].as_array().into_iter().flatten();
        all.filter_map(|line| line.as_str().map(str::to_owned)).collect()
    };
    let (tried, failed) = (lines("tried_on"), lines("failed_on"));
    html! {
        @if !tried.is_empty() {
            p { (words.say("It was also tried on:", "Il a aussi été essayé sur :")) }
            ul lang="en" { @for line in tried { li { (line) } } }
        }
        @if !failed.is_empty() {
            p { strong { (words.say("It is known to fail on:", "On sait qu'il échoue sur :")) } }
            ul lang="en" { @for line in failed { li { (line) } } }
        }
    }
}

/// How much of the map is unlike the training, and outside of the territories of the model.
fn outside(material: &Material<'_>, words: Words) -> Markup {
    let counts = &material.manifest.counts;
    html! {
        @if let Some(of) = &counts.applicability {
            p { strong { (words.percent(of.share_outside)) } (words.say(
                " of the map's pixels look unlike everything that the model was trained on (outside of its area of applicability): how often it is right there is not known. ",
                " des pixels de la carte ne ressemblent à rien de ce sur quoi le modèle a été entraîné (hors de son domaine d'applicabilité) : on ne sait pas à quelle fréquence il y a raison. ",
            )) (words.say(
                &format!("{} features have more than half of their pixels there.", words.integer(of.features_outside)),
                &format!("Objets qui y ont plus de la moitié de leurs pixels : {}.", words.integer(of.features_outside)),
            )) }
            @if let (Some(median), Some(p95)) = (of.median, of.p95) {
                p.note { (words.say(
                    &format!(
                        "Dissimilarity index of blocks of 64 pixels (Meyer, Pebesma, 2021), as a multiple of the model's threshold: at most {} for half of the pixels, at most {} for 95\u{202f}%.",
                        words.number(median, 2), words.number(p95, 2),
                    ),
                    &format!(
                        "Indice de dissimilarité de blocs de 64 pixels (Meyer, Pebesma, 2021), en multiple du seuil du modèle : au plus {} pour la moitié des pixels, au plus {} pour 95\u{202f}%.",
                        words.number(median, 2), words.number(p95, 2),
                    ),
                )) }
            }
        }
        @if let Some(features) = counts.outside_territory {
            p { (words.say(
                &format!("Features outside of every territory on which the model was validated: {}.", words.integer(features)),
                &format!("Objets hors de tous les territoires où le modèle a été validé : {}.", words.integer(features)),
            )) }
        }
    }
}

/// How the values of each scene compare with those of the training.
fn unlike(material: &Material<'_>, words: Words) -> Markup {
    let inputs = &material.manifest.inputs;
    let sampled = || inputs.iter().filter_map(|input| Some((input, input.values.as_ref()?)));
    let compared = sampled().filter(|(_, values)| values.verdict != "not compared").count();
    if compared == 0 {
        return html! { p.absent { (words.say(
            "Not known: the values of the scenes were not compared with those of the training.",
            "Inconnu : les valeurs des images n'ont pas été comparées à celles de l'apprentissage.",
        )) } };
    }
    let verdict = |text: &str| match text {
        "as in training" => words.say("as in the training", "comme à l'apprentissage"),
        "unlike training" => words.say("unlike the training", "différentes de l'apprentissage"),
        "outside of the model's range" => {
            words.say("outside of the model's range", "hors de la plage du modèle")
        }
        "not compared" => words.say("not compared", "non comparées"),
        other => other.to_owned(),
    };
    let caption = words.say("Values of the scenes", "Valeurs des images");
    let head = html! { tr {
        th scope="col" { (words.say("Scene", "Image")) }
        th.words scope="col" { (words.say("Its values are", "Ses valeurs sont")) }
        th scope="col" { (words.say("Band", "Bande")) }
        th scope="col" { (words.say("1 %, median, 99 %", "1\u{202f}%, médiane, 99\u{202f}%")) }
        th scope="col" { (words.say("Mean in the training", "Moyenne à l'apprentissage")) }
    } };
    let trained = |name: &str| {
        let bands = material.manifest.package.as_ref()?["bands"].as_array()?;
        let band = bands.iter().find(|band| band["name"].as_str() == Some(name))?;
        Some((band["mean"].as_f64()?, band["std"].as_f64()?))
    };
    let rows = html! { @for (input, values) in sampled().take(SCENES) { @for (number, band) in values.bands.iter().enumerate() { tr {
        th scope="row" { (input.id) }
        td.words { @if number == 0 { (verdict(&values.verdict)) } }
        td lang="en" { (band.name) }
        td { (words.number(band.p1, 1)) ", " (words.number(band.p50, 1)) ", " (words.number(band.p99, 1)) }
        td { @match trained(&band.name) {
            Some((mean, std)) => { (words.number(mean, 1)) " ± " (words.number(std, 1)) },
            None => (NONE),
        } }
    } } } };
    html! {
        (table(&caption, &head, &rows))
        p.note { (words.say(
            "Of a sample of the pixels. Values as in the training do not show that places, seasons and sensors are alike; only a check by persons does.",
            "Sur un échantillon des pixels. Des valeurs comme à l'apprentissage ne montrent pas que lieux, saisons et capteurs se ressemblent ; seule une vérification \
             par des personnes le montre.",
        )) }
    }
}
