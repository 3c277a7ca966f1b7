//! What is said of an event of a comparison: the rules that applied, with the values of this event.

use arpent_base::{DoingWhat as _, Result};
use arpent_change::events::EventKind;
use arpent_publish::TableRow;
use serde_json::Value as Json;

use super::feature::scenes;
use super::row::{number, text};
use super::sheet::{Statement, Topic, attribution, rights, state};
use crate::report::{Material, Words};

/// The five topics.
pub(super) fn topics(material: &Material<'_>, row: &TableRow) -> Result<Vec<Topic>> {
    let facts =
        material.manifest.counts.change.as_ref().context("the manifest is not that of a comparison")?;
    let event = EventRow { material, row, facts };
    let id = text(row, "id");
    Ok(super::sheet::topics([
        event.contribution(),
        event.data(),
        event.parameters(),
        event.operations(),
        rights(material, &id),
    ]))
}

/// An event, and the comparison that it is of.
struct EventRow<'a> {
    material: &'a Material<'a>,
    row: &'a TableRow,
    facts: &'a Json,
}

impl EventRow<'_> {
    fn dates(&self, words: Words) -> [String; 2] {
        [0, 1].map(|at: usize| words.date(self.facts["dates"][at].as_str().unwrap_or_default()))
    }

    /// The kind and the later class as they were proposed: a decision may have changed one of them.
    fn proposed(&self) -> [String; 2] {
        let [kind, class] = ["kind", "to_class"].map(|column| text(self.row, column));
        let before = text(self.row, "proposed_class");
        if before.is_empty() {
            [kind, class]
        } else if EventKind::ALL.into_iter().any(|kind| kind.name() == before) {
            [before, class]
        } else {
            [kind, before]
        }
    }

    /// A class of the row, in the language of the words.
    fn class(&self, column: &str, words: Words) -> String {
        let name = match column {
            "to_class" => self.proposed()[1].clone(),
            _ => text(self.row, column),
        };
        let known = self.material.classes.as_ref().and_then(|classes| {
            let class = classes.classes().iter().find(|class| class.name == name)?;
            Some(words.class(classes, class.id))
        });
        known.unwrap_or(name)
    }

    fn kind(&self, words: Words) -> String {
        let name = self.proposed()[0].clone();
        let kind = EventKind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.map_or(name, |kind| format!("{} ({})", words.kind(kind), words.meaning(kind)))
    }

    fn contribution(&self) -> Vec<Statement> {
        let mut all = vec![
            Statement::of("purpose", |words| {
                let [before, after] = self.dates(words);
                words.say(
                    &format!("An algorithm took part. Its purpose is to propose what became what on the ground between {before} and {after}."),
                    &format!("Un traitement algorithmique est intervenu. Sa finalité est de proposer ce qui a changé au sol entre {before} et {after}, et en quoi."),
                )
            }),
            Statement::of("kind", |words| {
                let (kind, from, to) =
                    (self.kind(words), self.class("from_class", words), self.class("to_class", words));
                words.say(
                    &format!("It proposed this event: {kind}, from {from} to {to}."),
                    &format!("Il a proposé cet événement : {kind}, de {from} à {to}."),
                )
            })
            .with(self.proposed()[0].clone()),
        ];
        all.extend(state(self.row));
        all
    }

    fn data(&self) -> Vec<Statement> {
        let manifest = self.material.manifest;
        let ids = text(self.row, "scene_ids");
        let mut all = if ids.is_empty() { Vec::new() } else { scenes(manifest, &ids) };
        let others = manifest.inputs.iter().filter(|input| !ids.split(',').any(|id| id == input.id));
        for input in others.take(20) {
            let id = &input.id;
            all.push(
                Statement::of("inputs", |words| {
                    let date = match input.date.as_deref() {
                        Some("before") => words.say("the earlier date", "la première date"),
                        _ => words.say("the later date", "la seconde date"),
                    };
                    let print =
                        input.sha256.as_ref().or(input.etag.as_ref()).map_or_else(String::new, |print| {
                            words.say(
                                &format!(" Hash of its file: {print}."),
                                &format!(" Empreinte de son fichier : {print}."),
                            )
                        });
                    words.say(&format!("{id}, of {date}.{print}"), &format!("{id}, pour {date}.{print}"))
                })
                .with(id.as_str()),
            );
        }
        all.extend(attribution(&self.material.imprint));
        all.push(Statement::of("personal_data", |words| {
            words.say(
                "Only classes and images were compared: no name, address or other data about persons.",
                "Seules des classes et des images ont été comparées : aucun nom, aucune adresse ni autre donnée sur des personnes.",
            )
        }));
        all
    }

    /// The gates that the event passed, each with its value and what was asked for.
    fn parameters(&self) -> Vec<Statement> {
        let rules = &self.facts["rules"];
        let mut all = vec![
            Statement::of("vote_class", |words| {
                let (from, to) = (self.class("from_class", words), self.class("to_class", words));
                words.say(
                    &format!("Classes: the classes of both dates differ, {from} before and {to} after."),
                    &format!("Classes : les classes des deux dates diffèrent, {from} avant et {to} après."),
                )
            })
            .with(number(self.row, "vote_class")),
        ];
        if let Some((width, least)) = number(self.row, "width_px").zip(rules["width_px"].as_f64()) {
            all.push(Statement::of("width_px", |words| {
                let (width, least) = (words.number(width, 0), words.number(least, 2));
                words.say(
                    &format!("Width: the largest square inside the change is {width} pixels wide; it had to be wider than {least}, twice what the shift between the dates explains."),
                    &format!("Largeur : le plus grand carré à l'intérieur du changement fait {width} pixels de côté ; il devait dépasser {least}, le double de ce que le décalage entre les dates explique."),
                )
            })
            .with(width));
        }
        if let Some(changed) = number(self.row, "changed_m2") {
            let least = rules["min_area_m2"].as_f64().unwrap_or(0.0);
            all.push(Statement::of("changed_m2", |words| {
                let (changed, least) = (words.area(changed), words.area(least));
                words.say(
                    &format!("Area: {changed}\u{202f}m² of ground changed in it and are counted in no other event; each changed area had to have at least {least}\u{202f}m²."),
                    &format!("Surface : {changed}\u{202f}m² de sol y ont changé et ne sont comptés dans aucun autre événement ; chaque zone changée devait faire au moins {least}\u{202f}m²."),
                )
            })
            .with(changed));
        }
        all.extend(self.images());
        all.push(self.confidences());
        if let Some(flicker) = number(self.row, "flicker") {
            all.push(Statement::of("flicker", |words| if flicker > 0.5 {
                words.say(
                    "Earlier dates: most of it had its later class already before the earlier date, so that one of three dates is probably wrong there.",
                    "Dates antérieures : l'essentiel avait déjà sa classe finale avant la première date : l'une des trois dates y est sans doute fausse.",
                )
            } else {
                words.say(
                    "Earlier dates: it does not change back to what was there before.",
                    "Dates antérieures : ce n'est pas un retour à ce qui était là avant.",
                )
            })
            .with(flicker));
        }
        all
    }

    fn images(&self) -> Vec<Statement> {
        let Some(score) = number(self.row, "score") else {
            return vec![Statement::of("vote_image", |words| {
                words.say(
                "Images: there were no images of both dates, so that nothing but the classes says that something changed.",
                "Images : il n'y avait pas d'images des deux dates ; seules les classes disent que quelque chose a changé.",
            )
            })];
        };
        let voted = number(self.row, "vote_image").is_some_and(|vote| vote > 0.5);
        vec![Statement::of("score", |words| {
            let shown = words.number(score, 3);
            let vote = if voted {
                words.say("the images of both dates differ there", "les images des deux dates y diffèrent")
            } else {
                words.say("the images had no vote", "les images n'ont pas eu de voix")
            };
            words.say(
                &format!("Images: {vote}. The score is {shown}, from 0 to 1: how much the images differ on average; 0.5 is the threshold of a pixel."),
                &format!("Images : {vote}. Le score est {shown}, de 0 à 1 : de combien les images diffèrent en moyenne ; 0,5 est le seuil d'un pixel."),
            )
        })
        .with(score)]
    }

    fn confidences(&self) -> Statement {
        let of = ["confidence_before", "confidence_after"].map(|column| number(self.row, column));
        let [Some(before), Some(after)] = of else {
            return Statement::of("vote_confidence", |words| {
                words.say(
                    "Confidences: at least one of the maps has none, so that they had no vote.",
                    "Confiances : l'une des cartes au moins n'en a pas, elles n'ont donc pas eu de voix.",
                )
            });
        };
        let least = self.facts["rules"]["min_confidence"].as_f64();
        Statement::of("vote_confidence", |words| {
            let (before, after) = (words.number(before, 3), words.number(after, 3));
            let asked = match least {
                Some(least) => {
                    let least = words.number(least, 2);
                    words.say(&format!("both had to be at least {least}"), &format!("chacune devait être d'au moins {least}"))
                }
                None => words.say("none was asked for", "aucun minimum n'était demandé"),
            };
            words.say(
                &format!("Confidences of the maps at the changed pixels: {before} before and {after} after; {asked}."),
                &format!("Confiances des cartes aux pixels changés : {before} avant et {after} après ; {asked}."),
            )
        })
        .with(vec![before, after])
    }

    fn operations(&self) -> Vec<Statement> {
        let mut all = Vec::new();
        if let Some(median) = self.facts["registration"]["summary"]["median_length"].as_f64() {
            all.push(Statement::of("registration", |words| {
                let px = words.number(median, 2);
                words.say(
                    &format!("The shift between the images of both dates was measured: {px} pixels (median)."),
                    &format!("Le décalage entre les images des deux dates a été mesuré : {px} pixels (médiane)."),
                )
            })
            .with(median));
        }
        all.push(Statement::of("compare", |words| words.say(
            "The classes of both dates were compared pixel by pixel, where both dates were observed.",
            "Les classes des deux dates ont été comparées pixel par pixel, là où les deux dates ont été observées.",
        )));
        all.push(Statement::of("sieve", |words| {
            words.say(
                "Areas that did not pass the rules above were left out.",
                "Les zones qui ne remplissaient pas les règles ci-dessus ont été écartées.",
            )
        }));
        all.push(Statement::of("events", |words| {
            words.say(
                "What was left became events of objects, each changed square meter in one event.",
                "Le reste a formé des événements d'objets, chaque mètre carré changé dans un seul événement.",
            )
        }));
        if let Some(kept) = self.facts["control"]["kept_m2_per_km2"].as_f64() {
            all.push(Statement::of("control", |words| {
                let kept = words.area(kept);
                words.say(
                    &format!("As a control the earlier map was compared with itself, shifted: the same rules keep {kept}\u{202f}m² of false change per km²."),
                    &format!("Comme contrôle, la première carte a été comparée à elle-même, décalée : les mêmes règles retiennent {kept}\u{202f}m² de faux changement par km²."),
                )
            })
            .with(kept));
        }
        all
    }
}
