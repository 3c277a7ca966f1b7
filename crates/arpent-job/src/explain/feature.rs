//! What is said of a feature of a map.

use arpent_base::Value;
use arpent_publish::{Input, Manifest, TableRow};
use serde_json::Value as Json;

use super::basis::{Basis, class_named, origin, score};
use super::row::{number, text};
use super::sheet::{Statement, Topic, attribution, json, rights, state};
use crate::report::{Material, Words, class_names, task};

/// The five topics.
pub(super) fn topics(material: &Material<'_>, row: &TableRow) -> Vec<Topic> {
    let id = text(row, "id");
    super::sheet::topics([
        contribution(material, row),
        data(material, row),
        parameters(material, row),
        operations(material),
        rights(material, &id),
    ])
}

fn contribution(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let manifest = material.manifest;
    let package = manifest.package.as_ref();
    let (id, version) = (&manifest.model.id, &manifest.model.version);
    let basis = Basis::of(material, row);
    let mut all = vec![
        Statement::of("purpose", |words| {
            let classes = package.map_or_else(
                || manifest.counts.features_per_class.keys().cloned().collect::<Vec<_>>().join(", "),
                |package| class_names(package, words).join(", "),
            );
            if let Some(values) = package.filter(|package| package["task"] == "regression") {
                let values = value_names(values, words).join(", ");
                return words.say(
                    &format!("An algorithm took part. Its purpose is to estimate, from imagery of the ground seen from above: {values}; and to propose where it lies between given limits."),
                    &format!("Un traitement algorithmique est intervenu. Sa finalité est d'estimer, à partir d'images du sol vues d'en haut : {values} ; et de proposer où la valeur se trouve entre des limites données."),
                );
            }
            words.say(
                &format!("An algorithm took part. Its purpose is to propose, from imagery of the ground seen from above, where there are features of these classes: {classes}."),
                &format!("Un traitement algorithmique est intervenu. Sa finalité est de proposer, à partir d'images du sol vues d'en haut, où se trouvent des objets de ces classes : {classes}."),
            )
        }),
        Statement::of("model", |words| {
            let does = package.map_or_else(String::new, |package| format!(", {}", does(package, words)));
            match basis {
                Basis::Undecided(_) => words.say(
                    &format!("The answers of the model {id} {version}{does} made this outline; its class is left undecided."),
                    &format!("Les réponses du modèle {id} {version}{does} ont donné ce contour ; sa classe reste indéterminée."),
                ),
                Basis::Breaks => words.say(
                    &format!("The values of the model {id} {version}{does} gave this outline and its class."),
                    &format!("Les valeurs du modèle {id} {version}{does} ont donné ce contour et sa classe."),
                ),
                _ => words.say(
                    &format!("The model {id} {version}{does} proposed this outline and its class."),
                    &format!("Le modèle {id} {version}{does} a proposé ce contour et sa classe."),
                ),
            }
        })
        .with(manifest.model.id.as_str()),
        Statement::of("class_name", |words| {
            let class = class_named(material, &text(row, "class_name"), words);
            match basis {
                Basis::Undecided(_) => words.say(
                    &format!("It has no class of the model; in the map it is: {class}."),
                    &format!("Il n'a pas de classe du modèle ; dans la carte il est : {class}."),
                ),
                Basis::Breaks => {
                    words.say(&format!("Its class is: {class}."), &format!("Sa classe est : {class}."))
                }
                _ => words.say(
                    &format!("The class that it gives is: {class}."),
                    &format!("La classe qu'il donne est : {class}."),
                ),
            }
        })
        .with(text(row, "class_name")),
        origin(material, basis),
    ];
    all.extend(state(row));
    all
}

/// The names of the values of a regression model.
fn value_names(package: &Json, words: Words) -> Vec<String> {
    let name = |value: &Json| {
        let [en, fr] = ["name", "name_fr"].map(|key| value[key].as_str());
        en.map(|en| words.say(en, fr.unwrap_or(en)))
    };
    package["values"].as_array().into_iter().flatten().filter_map(name).collect()
}

fn does(package: &Json, words: Words) -> String {
    let task = task(package, words);
    words.say(&format!("which {task},"), &format!("qui {task},"))
}

/// The scenes of a feature, each as a statement.
pub(super) fn scenes(manifest: &Manifest, ids: &str) -> Vec<Statement> {
    let named: Vec<&Input> =
        ids.split(',').filter_map(|id| manifest.inputs.iter().find(|input| input.id == id)).collect();
    if named.is_empty() {
        return vec![
            Statement::of("scene_ids", |words| {
                let count =
                    words.counted(manifest.inputs.len() as u64, ["scene", "scenes"], ["image", "images"]);
                words.say(
                    &format!("Imagery: {ids}, of the {count} that the manifest lists."),
                    &format!("Images : {ids}, parmi les {count} que liste le manifeste."),
                )
            })
            .with(ids),
        ];
    }
    let one = |input: &&Input| {
        Statement::of("scene_ids", |words| {
            let date = input.acquired.as_deref().map_or_else(
                || words.say("on a date that is not known", "à une date inconnue"),
                |date| {
                    let date = words.date(date);
                    words.say(&format!("on {date}"), &format!("le {date}"))
                },
            );
            let print = input.sha256.as_ref().or(input.etag.as_ref()).map_or_else(String::new, |print| {
                words.say(
                    &format!(" Hash of its file: {print}."),
                    &format!(" Empreinte de son fichier : {print}."),
                )
            });
            let id = &input.id;
            words.say(
                &format!("Imagery {id}, acquired {date}.{print}"),
                &format!("Image {id}, prise {date}.{print}"),
            )
        })
        .with(input.id.as_str())
    };
    named.iter().map(one).collect()
}

fn data(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let manifest = material.manifest;
    let mut all = scenes(manifest, &text(row, "scene_ids"));
    all.extend(attribution(&material.imprint));
    for layer in &manifest.counts.references {
        let name = &layer.name;
        all.push(
            Statement::of("reference", |words| {
                words.say(&format!("Reference layer {name}."), &format!("Couche de référence {name}."))
            })
            .with(name.as_str()),
        );
    }
    let sources =
        manifest.package.iter().flat_map(|package| package["training_data"].as_array().into_iter().flatten());
    for source in sources {
        let part = |key: &str| source[key].as_str().unwrap_or_default().to_owned();
        let (name, license, from) = (part("name"), part("license"), part("source"));
        all.push(
            Statement::of("training_data", |words| {
                words.say(
                    &format!("The model was trained before, on: {name} ({license}; {from})."),
                    &format!("Le modèle a été entraîné auparavant sur : {name} ({license} ; {from})."),
                )
            })
            .with(name.as_str()),
        );
    }
    let layers = !manifest.counts.references.is_empty();
    all.push(Statement::of("personal_data", |words| {
        if layers {
            words.say(
                "The model itself used no data about persons; what reference layers gave to the feature is said below.",
                "Le modèle lui-même n'a utilisé aucune donnée sur des personnes ; ce que des couches de référence ont donné à l'objet est dit plus bas.",
            )
        } else {
            words.say(
                "No name, address or other data about persons was processed.",
                "Aucun nom, aucune adresse ni autre donnée sur des personnes n'a été traité.",
            )
        }
    }));
    all
}

fn parameters(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let manifest = material.manifest;
    let mut all = vec![
        Statement::of("weights", |words| {
            let sha256 = &manifest.model.sha256;
            words.say(
                &format!("The weights of the network were fixed by its training, and are the same for every place and every person. The package that holds them has the SHA-256 {sha256}."),
                &format!("Les poids du réseau de neurones ont été fixés par son apprentissage, et sont les mêmes pour tout lieu et toute personne. Le paquet qui les contient a pour SHA-256 {sha256}."),
            )
        })
        .with(manifest.model.sha256.as_str()),
    ];
    all.extend(score(material, row));
    all.extend(likeness(material, row));
    all.extend(areas(material, row));
    all.extend(references(material, row));
    all
}

/// Whether the imagery is like that of the training, and whether the place is one of the model's territories.
fn likeness(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let counts = &material.manifest.counts;
    let mut all = Vec::new();
    if counts.applicability.is_some() {
        let share = number(row, "outside_training");
        let is_corrected = text(row, "outline") == "decided";
        all.push(Statement::of("outside_training", |words| match share {
            None if is_corrected => words.say(
                "Whether the imagery here is like that of the model's training is known of the proposed outline only: a person corrected it.",
                "On ne sait que pour le contour proposé si les images ressemblent à celles de l'apprentissage du modèle : une personne l'a corrigé.",
            ),
            None => words.say(
                "Whether the imagery here is like that of the model's training is not known: too few of its pixels are valid.",
                "On ne sait pas si les images à cet endroit ressemblent à celles de l'apprentissage du modèle : trop peu de leurs pixels sont valides.",
            ),
            Some(share) if share > 0.0 => {
                let shown = words.percent(share);
                words.say(
                    &format!("{shown} of it lies where the imagery is unlike everything that the model was trained on: how often it is right there is not known."),
                    &format!("{shown} de l'objet se trouve là où les images ne ressemblent à rien de ce sur quoi le modèle a été entraîné : on ne sait pas à quelle fréquence il y a raison."),
                )
            }
            Some(_) => words.say(
                "The imagery here is like that of the model's training: no part of it lies outside of the model's area of applicability.",
                "Les images à cet endroit ressemblent à celles de l'apprentissage du modèle : aucune partie de l'objet n'est hors de son domaine d'applicabilité.",
            ),
        })
        .with(json(row.value("outside_training"))));
    }
    if let Some(outside) = number(row, "outside_territory") {
        all.push(
            Statement::of("outside_territory", |words| {
                if outside > 0.0 {
                    words.say(
                        "It lies outside of every territory on which the model was validated.",
                        "L'objet se trouve hors de tous les territoires où le modèle a été validé.",
                    )
                } else {
                    words.say(
                        "It lies in a territory on which the model was validated.",
                        "L'objet se trouve dans un territoire où le modèle a été validé.",
                    )
                }
            })
            .with(json(row.value("outside_territory"))),
        );
    }
    all
}

fn areas(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let mut all = Vec::new();
    if let Some(m2) = number(row, "area_m2") {
        all.push(
            Statement::of("area_m2", |words| {
                let shown = words.area(m2);
                words.say(
                    &format!("Its outline covers {shown}\u{202f}m² of the ground."),
                    &format!("Son contour couvre {shown}\u{202f}m² au sol."),
                )
            })
            .with(m2),
        );
    }
    let configured =
        |keys: &[&str]| material.configured(keys).and_then(Json::as_f64).filter(|value| *value > 0.0);
    let measured = number(row, "pixels_area_m2").or_else(|| number(row, "area_m2"));
    for keys in [["features", "min_area_m2"], ["coverage", "mmu_m2"]] {
        let Some((least, measured)) = configured(&keys).zip(measured) else { continue };
        all.push(Statement::of(&keys.join("."), |words| {
            let (least, measured) = (words.area(least), words.area(measured));
            words.say(
                &format!("The smallest area asked for is {least}\u{202f}m²; the one that is compared with it is {measured}\u{202f}m²."),
                &format!("La surface minimale demandée est de {least}\u{202f}m² ; celle qui y est comparée est de {measured}\u{202f}m²."),
            )
        })
        .with(configured(&keys)));
    }
    if let Some(px) = configured(&["features", "simplify_px"]) {
        all.push(
            Statement::of("features.simplify_px", |words| {
                let shown = words.number(px, 2);
                words.say(
                    &format!("Its outline was simplified within {shown} pixels."),
                    &format!("Son contour a été simplifié à {shown} pixel près."),
                )
            })
            .with(px),
        );
    }
    all
}

/// What reference layers gave to the feature.
fn references(material: &Material<'_>, row: &TableRow) -> Vec<Statement> {
    let is_of_layer = |name: &str| {
        let layers = &material.manifest.counts.references;
        layers.iter().any(|layer| name.strip_prefix(&*layer.name).is_some_and(|rest| rest.starts_with('_')))
    };
    let given = row.values.iter().filter(|(name, value)| value.is_some() && is_of_layer(name));
    given
        .map(|(name, value)| {
            Statement::of(name, |words| {
                let shown = value.as_ref().map_or_else(String::new, Value::to_string);
                words.say(
                    &format!("A reference layer gave {name}: {shown}."),
                    &format!("Une couche de référence a donné {name} : {shown}."),
                )
            })
            .with(json(value.as_ref()))
        })
        .collect()
}

fn operations(material: &Material<'_>) -> Vec<Statement> {
    let manifest = material.manifest;
    let is_of = |task: &str| manifest.package.as_ref().is_some_and(|package| package["task"] == task);
    let (is_detection, is_regression) = (is_of("object-detection"), is_of("regression"));
    let mut all = vec![
        Statement::of("read", |words| {
            words.say(
            "The imagery was read in windows; pixels without a valid value, such as nodata, gave no answer.",
            "Les images ont été lues par fenêtres ; les pixels sans valeur valide (nodata) n'ont donné aucune réponse.",
        )
        }),
        Statement::of("predict", |words| {
            if is_detection {
                words.say(
                "The network looked at the pixels around each place and gave boxes, each with a class and a score.",
                "Le réseau de neurones a regardé les pixels autour de chaque endroit et donné des cadres, chacun avec une classe et un score.",
            )
            } else if is_regression {
                words.say(
                    "The network looked at the pixels around each pixel and estimated a value for it; its class is the range in which the value lies.",
                    "Le réseau de neurones a regardé les pixels autour de chaque pixel et en a estimé une valeur ; sa classe est l'intervalle où se trouve cette valeur.",
                )
            } else {
                words.say(
                "The network looked at the pixels around each pixel and gave it a class and a confidence.",
                "Le réseau de neurones a regardé les pixels autour de chaque pixel et lui a donné une classe et une confiance.",
            )
            }
        }),
    ];
    if manifest.counts.masked.is_some() {
        all.push(Statement::of("mask", |words| {
            words.say(
                "What masks of clouds and shadows hide lost its answer.",
                "Ce que cachent les masques de nuages et d'ombres a perdu sa réponse.",
            )
        }));
    }
    if manifest.counts.undecided.is_some() {
        all.push(Statement::of("abstain", |words| {
            words.say(
                "Pixels whose confidence is below the threshold of their class were left undecided.",
                "Les pixels dont la confiance est inférieure au seuil de leur classe sont restés indéterminés.",
            )
        }));
    }
    if manifest.counts.overrides() {
        all.push(Statement::of("reference.override", |words| {
            words.say(
                "Where reference layers lie, their class replaced that of the model.",
                "Là où se trouvent des couches de référence, leur classe a remplacé celle du modèle.",
            )
        }));
    }
    all.push(Statement::of("vectorize", |words| match (is_detection, material.configured(&["coverage"]).is_some()) {
        (true, _) => words.say(
            "Boxes of one object in several windows became one.",
            "Les cadres d'un même objet dans plusieurs fenêtres n'en ont fait qu'un.",
        ),
        (false, true) => words.say(
            "Adjacent pixels of one class became a region, regions below the smallest area became part of a neighbor, and borders were generalized.",
            "Les pixels voisins d'une même classe ont formé une région, les régions sous la surface minimale ont rejoint un voisin, et les limites ont été généralisées.",
        ),
        (false, false) => words.say(
            "Adjacent pixels of one class became one region, and its edge this outline.",
            "Les pixels voisins d'une même classe ont formé une région, et son bord ce contour.",
        ),
    }));
    all.push(Statement::of("publish", |words| words.say(
        "The result was published with hashes of the inputs, so that the computation can be repeated and checked.",
        "Le résultat a été publié avec les empreintes des entrées : le calcul peut être refait et vérifié.",
    )));
    all
}
