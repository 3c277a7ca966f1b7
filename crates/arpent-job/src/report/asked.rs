//! What was asked of a run: model, dates, area, options in words.

use arpent_gdal::file_name;
use arpent_publish::Manifest;
use maud::{Markup, html};
use serde_json::Value;

use super::material::Material;
use super::overview::Overview;
use super::parts::{Section, facts, without_folders};
use super::words::{NONE, Words};

/// Scenes of the table at most.
const SCENES: usize = 60;

/// "What was asked".
pub(super) fn section(material: &Material<'_>, overview: Option<&Overview>, words: Words) -> Section {
    let manifest = material.manifest;
    let mut all = vec![
        (words.say("Model", "Modèle"), html! { (model(material)) }),
        (words.say("Date of the imagery", "Date des images"), html! { (dates(manifest, words)) }),
    ];
    if let Some(overview) = overview {
        all.push((words.say("Extent", "Emprise"), html! { (overview.extent(words)) }));
        all.push((words.say("Grid", "Grille"), html! { (overview.grid(words)) }));
    }
    if let Some(area) = material.configured(&["aoi"]).and_then(Value::as_str) {
        let name = file_name(area).to_owned();
        all.push((
            words.say("Limited to", "Limité à"),
            html! { (words.say("the area of interest in ", "la zone d'intérêt de ")) code { (name) } },
        ));
    }
    let mut options: Vec<String> = Vec::new();
    options.extend(classes(material, words));
    options.extend(sizes(material, words));
    options.extend(layers(material, words));
    let body = html! {
        (facts(&all))
        h3 { (words.say("In words", "En clair")) }
        ul.prose { @for option in options { li { (option) } } }
        (scenes(manifest, words))
        @if !manifest.failed_inputs.is_empty() {
            p { strong { (words.say(
                "These scenes could not be read and are missing in the result:",
                "Ces images n'ont pas pu être lues et manquent dans le résultat :",
            )) } }
            ul { @for failed in &manifest.failed_inputs { li {
                code { (file_name(&failed.uri)) } ": " span lang="en" { (without_folders(&failed.reason)) }
            } } }
        }
    };
    Section { id: "asked", heading: words.say("What was asked", "Ce qui a été demandé"), body }
}

/// Title, id and version of the model.
pub(crate) fn model(material: &Material<'_>) -> Markup {
    let (manifest, record) = (material.manifest, &material.manifest.model);
    let title = manifest.package.as_ref().and_then(|package| package["title"].as_str());
    html! { @if let Some(title) = title { span lang="en" { (title) } " · " } code { (record.id) } " " (record.version) }
}

/// The dates of the scenes, from the earliest to the latest.
pub(crate) fn dates(manifest: &Manifest, words: Words) -> String {
    let known = || manifest.inputs.iter().filter_map(|input| input.acquired.as_deref());
    let unknown = manifest.inputs.len() - known().count();
    let text = match (known().min(), known().max()) {
        (Some(first), Some(last)) if first == last => words.date(first),
        (Some(first), Some(last)) => {
            format!("{} {} {}", words.date(first), words.say("to", "au"), words.date(last))
        }
        _ => return words.say("not known", "inconnue"),
    };
    if unknown == 0 {
        return text;
    }
    let scenes = words.counted(unknown as u64, ["scene", "scenes"], ["image", "images"]);
    words.say(
        &format!("{text}; {scenes} without a known date"),
        &format!("{text} ; {scenes} sans date connue"),
    )
}

fn classes(material: &Material<'_>, words: Words) -> Option<String> {
    let counted = &material.manifest.counts.features_per_class;
    let names: Vec<String> = match &material.classes {
        Some(classes) => {
            let asked = classes.classes().iter().filter(|class| counted.contains_key(&class.name));
            asked.map(|class| words.class(classes, class.id)).collect()
        }
        None => counted.keys().cloned().collect(),
    };
    let names = names.join(", ");
    let text =
        words.say(&format!("Features of the classes: {names}."), &format!("Objets des classes : {names}."));
    (!counted.is_empty()).then_some(text)
}

fn sizes(material: &Material<'_>, words: Words) -> Vec<String> {
    let number =
        |keys: &[&str]| material.configured(keys).and_then(Value::as_f64).filter(|value| *value > 0.0);
    let mut texts = Vec::new();
    if let Some(m2) = number(&["features", "min_area_m2"]) {
        let m2 = words.area(m2);
        texts.push(words.say(
            &format!("Features smaller than {m2}\u{202f}m² are left out; rasters keep all pixels."),
            &format!(
                "Les objets de moins de {m2}\u{202f}m² sont écartés ; les rasters gardent tous les pixels."
            ),
        ));
    }
    if let Some(px) = number(&["features", "simplify_px"]) {
        let px = words.number(px, 2);
        texts.push(words.say(
            &format!("Outlines are simplified within {px} pixels."),
            &format!("Les contours sont simplifiés à {px} pixel près."),
        ));
    }
    if let Some(coverage) = material.configured(&["coverage"]) {
        let least = coverage["mmu_m2"].as_f64().map(|m2| words.area(m2));
        texts.push(match least {
            Some(m2) => words.say(
                &format!("A coverage without gaps and overlaps: what is smaller than {m2}\u{202f}m² became part of a neighbor."),
                &format!("Une couverture sans trous ni recouvrements : ce qui fait moins de {m2}\u{202f}m² a rejoint un voisin."),
            ),
            None => words.say(
                "A coverage without gaps and overlaps, with a smallest area for each class.",
                "Une couverture sans trous ni recouvrements, avec une surface minimale par classe.",
            ),
        });
    }
    if material.configured(&["input", "resample"]).and_then(Value::as_bool) == Some(true) {
        texts.push(words.say(
            "Scenes were resampled where their pixels do not have the size that the model was made for.",
            "Les images ont été rééchantillonnées là où leurs pixels n'ont pas la taille prévue par le modèle.",
        ));
    }
    texts
}

fn layers(material: &Material<'_>, words: Words) -> Vec<String> {
    let counts = &material.manifest.counts;
    let role = |rule: &str| match rule {
        "override" | "impose" => {
            words.say("its classes replace those of the model", "ses classes remplacent celles du modèle")
        }
        "enrich" => words.say("gives attributes to features", "donne des attributs aux objets"),
        "compare" => words.say("is compared with the map", "est comparée à la carte"),
        "snap" => words.say("features are attached to it", "les objets y sont rattachés"),
        other => other.to_owned(),
    };
    let mut texts: Vec<String> = counts
        .references
        .iter()
        .map(|layer| {
            let (name, role) = (&layer.name, role(&layer.rule));
            words.say(
                &format!("Reference layer {name}: {role}."),
                &format!("Couche de référence {name} : {role}."),
            )
        })
        .collect();
    if let Some(masked) = &counts.masked {
        let masks = words.counted(masked.layers.len() as u64, ["mask", "masks"], ["masque", "masques"]);
        texts.push(words.say(
            &format!("{masks} of what was not observed, such as clouds and shadows: no answer there."),
            &format!("{masks} de ce qui n'a pas été observé, comme les nuages et les ombres : aucune réponse à ces endroits."),
        ));
    }
    texts
}

fn scenes(manifest: &Manifest, words: Words) -> Markup {
    let caption = words.say("Scenes", "Images sources");
    let two_dates = manifest.inputs.iter().any(|input| input.date.is_some());
    html! {
        div.wide role="region" tabindex="0" aria-label=(caption) { table {
            caption { (caption) ": " (words.integer(manifest.inputs.len() as u64)) }
            thead { tr {
                th scope="col" { (words.say("Name", "Nom")) }
                @if two_dates { th scope="col" { (words.say("Date", "Date")) } }
                th scope="col" { (words.say("Acquired", "Prise de vue")) }
                th scope="col" { (words.say("What decides which pixels are valid", "Ce qui dit quels pixels sont valides")) }
            } }
            tbody { @for input in manifest.inputs.iter().take(SCENES) { tr {
                th scope="row" { (input.id) }
                @if two_dates { td { (match input.date.as_deref() {
                    Some("before") => words.say("earlier", "première"),
                    Some("after") => words.say("later", "seconde"),
                    _ => NONE.to_owned(),
                }) } }
                td { (input.acquired.as_deref().map_or_else(|| NONE.to_owned(), |date| words.date(date))) }
                td.source lang="en" { (input.valid.as_deref().map_or_else(|| NONE.to_owned(), without_folders)) }
            } } }
        } }
        @if manifest.inputs.len() > SCENES { p.note { (words.say(
            &format!("The first {} scenes; all are in manifest.json.", words.integer(SCENES as u64)),
            &format!("Les {} premières images ; toutes sont dans manifest.json.", words.integer(SCENES as u64)),
        )) } }
    }
}
