//! What the class of a feature rests on: confidences of a model, their thresholds, values, or a reference layer.

use arpent_publish::{Manifest, TableRow, UndecidedCounts};
use serde_json::Value as Json;

use super::row::{number, text};
use super::sheet::Statement;
use crate::report::{Material, Words};

/// What the class of a feature rests on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Basis<'a> {
    /// The model has no class for it that is certain enough.
    Undecided(&'a UndecidedCounts),
    /// Limits between values that a model estimates.
    Breaks,
    /// Confidences or scores of the model.
    Model,
    /// A reference layer alone.
    Reference,
    /// Something else: there is no score, and no layer that gave the class.
    Other,
}

impl<'a> Basis<'a> {
    pub(super) fn of(material: &Material<'a>, row: &TableRow) -> Self {
        let manifest = material.manifest;
        let class = proposed_class(row);
        if let Some(undecided) = manifest.counts.undecided.as_ref().filter(|of| of.class == class) {
            return Self::Undecided(undecided);
        }
        if is_of_task(manifest, "regression") {
            return Self::Breaks;
        }
        match number(row, "score") {
            Some(_) => Self::Model,
            None if manifest.counts.overrides() => Self::Reference,
            None => Self::Other,
        }
    }
}

fn is_of_task(manifest: &Manifest, task: &str) -> bool {
    manifest.package.as_ref().is_some_and(|package| package["task"] == task)
}

/// The class that was proposed: where a decision changed it, what the model gave is explained.
fn proposed_class(row: &TableRow) -> String {
    let proposed = text(row, "proposed_class");
    if proposed.is_empty() { text(row, "class_name") } else { proposed }
}

/// The name of a class in the language of the words.
pub(super) fn class_named(material: &Material<'_>, name: &str, words: Words) -> String {
    let known = material.classes.as_ref().and_then(|classes| {
        let class = classes.classes().iter().find(|class| class.name == *name)?;
        Some(words.class(classes, class.id))
    });
    known.unwrap_or_else(|| name.to_owned())
}

/// Who gave the class.
pub(super) fn origin(material: &Material<'_>, basis: Basis<'_>) -> Statement {
    let overrides = material.manifest.counts.overrides();
    Statement::of("score", |words| {
        match basis {
        Basis::Undecided(counts) => {
            let risk = words.percent(counts.max_risk);
            words.say(
                &format!("The map gives no class here, because the model is not certain enough. Answers are given only where at most {risk} of those of their class are expected to be wrong."),
                &format!("La carte ne donne pas de classe ici, car le modèle n'est pas assez sûr. Une réponse n'est donnée que là où la part d'erreurs attendue parmi celles de sa classe ne dépasse pas {risk}."),
            )
        }
        Basis::Breaks if overrides => words.say(
            "Its class is the range of the value that the model estimated from the imagery, or that of a reference layer; it has no score.",
            "Sa classe est l'intervalle de la valeur que le modèle a estimée à partir des images, ou celle d'une couche de référence ; il n'a pas de score.",
        ),
        Basis::Breaks => words.say(
            "Its class is the range of the value that the model estimated from the imagery alone; it has no score.",
            "Sa classe est l'intervalle de la valeur que le modèle a estimée à partir des seules images ; il n'a pas de score.",
        ),
        Basis::Model => words.say(
            "Its class was computed by the model from the imagery alone, at least for a part of its pixels.",
            "Sa classe a été calculée par le modèle à partir des seules images, au moins pour une partie de ses pixels.",
        ),
        Basis::Reference => words.say(
            "Its class does not come from the model: a reference layer gave all of its pixels.",
            "Sa classe ne vient pas du modèle : une couche de référence a donné tous ses pixels.",
        ),
        Basis::Other => {
            words.say("It has no score of the model.", "Il n'a pas de score du modèle.")
        }
    }
    })
}

/// The confidences below which answers are left undecided: that of the feature's class, or those of all classes where it is
/// undecided itself.
fn thresholds(material: &Material<'_>, counts: &UndecidedCounts, class: &str) -> Vec<Statement> {
    let is_undecided = class == counts.class;
    let of = counts.classes.iter().filter(|of| is_undecided || of.class == class);
    let mut all: Vec<Statement> = of
        .map(|of| {
            Statement::of("threshold", |words| {
                let name = class_named(material, &of.class, words);
                let Some(lowest) = of.lowest else {
                    return words.say(
                        &format!("Answers of the class {name} are never given: for none of their confidences are few enough expected to be wrong."),
                        &format!("Les réponses de la classe {name} ne sont jamais données : à aucune confiance la part d'erreurs attendue n'est assez faible."),
                    );
                };
                let lowest = words.number(lowest, 3);
                words.say(
                    &format!("Answers of the class {name} are given from a confidence of {lowest} on, as the network gives it, before it is corrected; below, a pixel is left undecided."),
                    &format!("Les réponses de la classe {name} sont données à partir d'une confiance de {lowest}, telle que la donne le réseau, avant correction ; en dessous, un pixel reste indéterminé."),
                )
            })
            .with(of.lowest)
        })
        .collect();
    all.push(
        Statement::of("max_risk", |words| {
            let risk = words.percent(counts.max_risk);
            words.say(
                &format!("These thresholds come from validation data: among the answers of a class that are given, at most {risk} are expected to be wrong."),
                &format!("Ces seuils viennent de données de validation : parmi les réponses données d'une classe, la part d'erreurs attendue est de {risk} au plus."),
            )
        })
        .with(counts.max_risk),
    );
    all
}

/// The limits between the classes of a value.
fn limits(material: &Material<'_>) -> Option<Statement> {
    let breaks = material.configured(&["values", "breaks"])?;
    let limits: Vec<f64> = breaks.as_array()?.iter().filter_map(Json::as_f64).collect();
    let name = material.configured(&["values", "of"]).and_then(Json::as_str);
    let values = &material.manifest.counts.values;
    let value = values.iter().find(|value| name.is_none_or(|name| value.name == name));
    let statement = Statement::of("threshold", |words| {
        let listed = limits.iter().map(|limit| words.significant(*limit)).collect::<Vec<_>>().join(" ; ");
        let listed = words.say(&listed.replace(" ; ", "; "), &listed);
        let unit = value.and_then(|value| value.unit.as_deref()).filter(|unit| *unit != "1");
        let unit = unit.map_or_else(String::new, |unit| format!("\u{202f}{unit}"));
        let of = value.map_or_else(String::new, |value| {
            words.say(&value.name, value.name_fr.as_ref().unwrap_or(&value.name))
        });
        words.say(
            &format!("There is no threshold of a score: the limits between the classes are values ({of}) that were chosen: {listed}{unit}."),
            &format!("Il n'y a pas de seuil de score : les limites entre les classes sont des valeurs ({of}) qui ont été choisies : {listed}{unit}."),
        )
    });
    Some(statement.with(breaks.clone()))
}

/// The threshold that a score or a confidence had to reach.
fn threshold(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let manifest = material.manifest;
    if is_of_task(manifest, "regression") {
        return limits(material).into_iter().collect();
    }
    if let Some(counts) = &manifest.counts.undecided {
        return thresholds(material, counts, &proposed_class(row));
    }
    let of_package = manifest.package.as_ref().and_then(|package| {
        package["detection"]["threshold"].as_f64().or_else(|| package["threshold"].as_f64())
    });
    let statement = match of_package {
        Some(threshold) => Statement::of("threshold", |words| {
            let shown = words.number(threshold, 3);
            words.say(
                &format!("It had to be at least {shown} to be proposed."),
                &format!("Il devait être d'au moins {shown} pour être proposé."),
            )
        })
        .with(threshold),
        None if !is_of_task(manifest, "object-detection") => Statement::of("threshold", |words| {
            words.say(
                "There is no threshold: each pixel has the class in which the model is most confident.",
                "Il n'y a pas de seuil : chaque pixel a la classe dans laquelle le modèle est le plus confiant.",
            )
        }),
        None => return Vec::new(),
    };
    vec![statement]
}

/// The score, and the thresholds.
pub(super) fn score(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let package = material.manifest.package.as_ref();
    let mut all = Vec::new();
    let is_detection = is_of_task(material.manifest, "object-detection");
    if let Some(score) = number(row, "score") {
        all.push(Statement::of("score", |words| {
            let shown = words.number(score, 3);
            if is_detection {
                words.say(
                    &format!("Its score is {shown}, from 0 to 1: the highest score of the detections that it is made of."),
                    &format!("Son score est {shown}, de 0 à 1 : le score le plus élevé des détections dont il est fait."),
                )
            } else {
                words.say(
                    &format!("Its score is {shown}, from 0 to 1: the mean confidence of the model in the class, over its pixels."),
                    &format!("Son score est {shown}, de 0 à 1 : la confiance moyenne du modèle dans la classe, sur ses pixels."),
                )
            }
        })
        .with(score));
    }
    all.extend(threshold(material, row));
    if let Some(iou) = package.and_then(|package| package["detection"]["iou"].as_f64()) {
        all.push(
            Statement::of("iou", |words| {
                let shown = words.percent(iou);
                words.say(
                    &format!("Boxes that share more than {shown} of their common area are one object."),
                    &format!(
                        "Des cadres qui partagent plus de {shown} de leur surface commune sont un seul objet."
                    ),
                )
            })
            .with(iou),
        );
    }
    if is_of_task(material.manifest, "regression") {
        return all;
    }
    all.push(match package.and_then(|package| package["calibration"]["ece_after"].as_f64()) {
        Some(error) => Statement::of("calibration", |words| {
            let shown = words.percent(error);
            words.say(
                &format!("Its confidences were calibrated: on data held apart they are off by {shown} on average."),
                &format!("Ses confiances ont été calibrées : sur des données à part, elles s'écartent de {shown} en moyenne."),
            )
        })
        .with(error),
        None => Statement::of("calibration", |words| words.say(
            "A score is no probability that the proposal is right: the confidences were not calibrated.",
            "Un score n'est pas la probabilité que la proposition soit juste : les confiances n'ont pas été calibrées.",
        )),
    });
    all
}
