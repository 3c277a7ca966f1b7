//! The report of a run.

use arpent_base::Result;
use arpent_publish::FeatureTable;
use maud::html;

use super::features::Found;
use super::material::Material;
use super::overview::Overview;
use super::page::{Article, page};
use super::parts::proposal;
use super::pictures::Pictures;
use super::scenes::Thumbnails;
use super::words::Words;
use super::{asked, card, decided, found, observed, reading, shown};

/// The report of a run as HTML.
///
/// # Errors
/// When a file of the output cannot be read. Scenes that cannot be read are reported in it.
pub(crate) fn of_map(material: &Material<'_>) -> Result<String> {
    let mut pictures = Pictures::default();
    let table = material.table()?;
    let overview = match (material.raster()?, &table) {
        (Some(raster), _) => Some(Overview::of_raster(&raster, &mut pictures)?),
        (None, Some(table)) => of_table(material, table, &mut pictures)?,
        (None, None) => match (material.values_raster(), &material.manifest.counts.values[..]) {
            (Some(place), [first, ..]) => {
                // Where all values are equal, there is one color.
                let shown = first.shown.or(first.min.map(|value| [value, value + 1.0])).unwrap_or([0.0, 1.0]);
                Some(Overview::of_values(place, shown, &mut pictures)?)
            }
            _ => None,
        },
    };
    let found = table.as_ref().map(Found::read).transpose()?;
    let thumbnails = match (&table, &found) {
        (Some(table), Some(found)) => {
            Thumbnails::draw(material, table, found.most.iter().chain(&found.least), &mut pictures)?
        }
        _ => Thumbnails::default(),
    };
    let counts = &material.manifest.counts;
    // A map of measured values may have none, and nothing of them to look at.
    let has_features = counts.values.is_empty() || counts.features > 0;
    let article = |words: Words| {
        Ok(Article {
            kind: if material.manifest.counts.decided.is_some() {
                words.say("Report of a decided map", "Rapport de carte décidée")
            } else {
                words.say("Report of a map", "Rapport de carte")
            },
            title: material.title.clone(),
            subtitle: html! { (words.say("Date of the imagery: ", "Date des images : ")) (asked::dates(material.manifest, words)) " · " code { (material.manifest.run_id) } },
            summary: html! {
                @match &material.manifest.counts.decided {
                    Some(of) => (decided::notice(of, false, words)),
                    None => (proposal(words, [
                        "This is a proposal of a model. No person has verified it.",
                        "Ceci est une proposition d'un modèle. Aucune personne ne l'a vérifiée.",
                    ])),
                }
                (found::tiles(material, found.as_ref(), words))
            },
            sections: [
                Some(asked::section(material, overview.as_ref(), words)),
                material.manifest.counts.decided.as_ref().map(|of| decided::section(of, false, words)),
                Some(found::section(material, found.as_ref(), overview.as_ref(), words)),
                has_features.then(|| shown::section(material, found.as_ref(), &thumbnails, words)),
                Some(observed::section(material, words)),
                Some(card::section(material, words)),
                Some(reading::limits(material, words)),
                Some(reading::contest(material, words)),
                Some(reading::provenance(material, words)),
                Some(reading::computation(material, words)),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    };
    page(material.language, &pictures, &article)
}

/// The picture of a map without a raster of its classes: its features; boxes of detections as dots.
fn of_table(
    material: &Material<'_>,
    table: &FeatureTable,
    pictures: &mut Pictures,
) -> Result<Option<Overview>> {
    let Some((grid, window)) = &material.place else { return Ok(None) };
    let place = (grid, *window);
    let task = material.manifest.package.as_ref().and_then(|package| package["task"].as_str());
    let overview = match &material.classes {
        Some(classes) if task != Some("object-detection") => {
            Overview::of_features(place, table, classes, pictures)?
        }
        _ => Overview::of_dots(place, table, pictures)?,
    };
    Ok(Some(overview))
}
