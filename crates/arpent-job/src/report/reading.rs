//! How to read the report of a run: limits, how to contest, license, provenance, and what the computation took.

use arpent_publish::{
    Ledger, MANIFEST_NAME, Manifest, ROLE_METADATA, ROLE_REPORT, ROLE_SCHEMA, ROLE_SHEET, ROLE_VIEWER,
};
use maud::{Markup, html};
use serde_json::Value;

use super::material::{Imprint, Material};
use super::parts::{Section, facts};
use super::words::{NONE, Words};

/// Scenes of the table of hashes at most.
const SCENES: usize = 60;

/// "What the method cannot see".
pub(super) fn limits(material: &Material<'_>, words: Words) -> Section {
    let is_coverage = material.configured(&["coverage"]).is_some();
    let body = html! { ul.prose {
        li { (words.say(
            "The model knows no more than its imagery: what lies under trees, roofs and clouds, heights and uses of the ground cannot be seen from above.",
            "Le modèle ne dispose que de ses images : ce qui est sous les arbres, les toits et les nuages, les hauteurs et les usages du sol ne se voient pas d'en haut.",
        )) }
        li { (words.say(
            "It shows the day of the imagery, not the day on which this report is read.",
            "Il montre le jour de la prise de vue, et non le jour où ce rapport est lu.",
        )) }
        li { (words.say(
            "Outlines follow pixels: they are no surveyed limits, and no limits of property.",
            "Les contours suivent les pixels : ce ne sont ni des limites levées sur le terrain, ni des limites de propriété.",
        )) }
        li { (words.say(
            "In other places, seasons and imagery than those of its training the model errs more often.",
            "En d'autres lieux, saisons et images que ceux de son apprentissage, le modèle se trompe plus souvent.",
        )) }
        li { (words.say(
            "Figures by class contain its errors. How large they are here is only known from a checked sample.",
            "Les chiffres par classe contiennent ses erreurs. Leur ampleur ici ne se connaît que par un échantillon vérifié.",
        )) }
        @if is_coverage { li { (words.say(
            "Small regions became part of a neighbor: what is smaller than the smallest area is not in the map.",
            "Les petites régions ont rejoint un voisin : ce qui est plus petit que la surface minimale n'est pas dans la carte.",
        )) } }
    } };
    Section {
        id: "limits",
        heading: words.say("What the method cannot see", "Ce que la méthode ne voit pas"),
        body,
    }
}

/// "How to contest a feature".
pub(super) fn contest(material: &Material<'_>, words: Words) -> Section {
    let body = html! {
        p.prose { (words.say(
            "Every feature has an identifier: column id of the files, and under the pictures above. To contest one, give its identifier, the run below, and what there is at \
             the place, with a date. ",
            "Chaque objet a un identifiant : colonne id des fichiers, et sous les images ci-dessus. Pour en contester un, donnez son identifiant, le traitement ci-dessous, et \
             ce qui se trouve à cet endroit, avec une date. ",
        )) (whom(&material.imprint, words)) }
        p.prose { (words.say(
            "Any person concerned by a decision that rests on this map may ask which rules were applied and how (French code CRPA, articles L. 311-3-1, R. 311-3-1-1 and \
             R. 311-3-1-2); ",
            "Toute personne concernée par une décision qui s'appuie sur cette carte peut demander les règles appliquées et la façon dont elles l'ont été (code des relations entre \
             le public et l'administration, articles L. 311-3-1, R. 311-3-1-1 et R. 311-3-1-2) ; ",
        )) code { "arpent explain" } (words.say(" writes that sheet for one feature.", " écrit cette fiche pour un objet.")) }
    };
    Section {
        id: "contest",
        heading: words.say("How to contest a feature", "Comment contester un objet"),
        body,
    }
}

/// Whom to write to.
pub(crate) fn whom(imprint: &Imprint, words: Words) -> Markup {
    html! { @match &imprint.contact {
        Some(contact) => { (words.say("Write to: ", "Écrire à : ")) strong { (contact) } "." },
        None => (words.say(
            "Write to whoever gave you this document.",
            "Écrivez à l'organisme qui vous a remis ce document.",
        )),
    } }
}

/// "License and provenance".
pub(super) fn provenance(material: &Material<'_>, words: Words) -> Section {
    let manifest = material.manifest;
    let mut all = license(&material.imprint, words);
    all.extend([
        (words.say("Run", "Traitement"), html! { code { (manifest.run_id) } }),
        (words.say("Software", "Logiciel"), html! { (software(manifest)) }),
        (words.say("Records", "Enregistrements"), html! { code { (MANIFEST_NAME) } }),
    ]);
    // Sheets, page and STAC item are written after the report, and list it.
    let is_before =
        |role: &str| ![ROLE_REPORT, ROLE_SCHEMA, ROLE_SHEET, ROLE_VIEWER, ROLE_METADATA].contains(&role);
    let files: Vec<&String> =
        material.files.iter().filter(|(_, file)| is_before(&file.role)).map(|(name, _)| name).collect();
    let body = html! {
        (facts(&all))
        (hashes(manifest, words))
        p { (words.say("Files of the output: ", "Fichiers de la sortie : "))
            @for (number, name) in files.iter().enumerate() { @if number > 0 { ", " } code { (name) } } "." }
    };
    Section { id: "provenance", heading: words.say("License and provenance", "Licence et provenance"), body }
}

/// License and attribution, as configured.
pub(crate) fn license(imprint: &Imprint, words: Words) -> Vec<(String, Markup)> {
    let of = |text: &Option<String>| {
        let unknown = words.say("not stated", "non indiquée");
        html! { (text.clone().unwrap_or(unknown)) }
    };
    vec![
        (words.say("License of this map", "Licence de cette carte"), of(&imprint.license)),
        (words.say("Attribution", "Mention de source"), of(&imprint.attribution)),
    ]
}

/// Name and version of the program.
pub(crate) fn software(manifest: &Manifest) -> String {
    format!("arpent {}", manifest.software.get("arpent").map_or(NONE, String::as_str))
}

/// Names and versions of all software, which differ between machines.
fn all_software(manifest: &Manifest) -> String {
    let versions: Vec<String> =
        manifest.software.iter().map(|(name, version)| format!("{name} {version}")).collect();
    versions.join(", ")
}

/// What identifies the content of each input.
pub(crate) fn hashes(manifest: &Manifest, words: Words) -> Markup {
    let caption = words.say("Hashes of the inputs", "Empreintes des entrées");
    html! {
        div.wide role="region" tabindex="0" aria-label=(caption) { table {
            caption { (caption) }
            thead { tr { th scope="col" { (words.say("Name", "Nom")) } th scope="col" { "SHA-256 / ETag" } } }
            tbody { @for input in manifest.inputs.iter().take(SCENES) { tr {
                th scope="row" { (input.id) }
                td { code { (input.sha256.as_ref().or(input.etag.as_ref()).map_or(NONE, String::as_str)) } }
            } } }
        } }
        @if manifest.inputs.len() > SCENES { p.note { (words.say(
            "The others are in manifest.json.",
            "Les autres sont dans manifest.json.",
        )) } }
    }
}

/// "The computation": time, energy, machine.
pub(crate) fn computation(material: &Material<'_>, words: Words) -> Section {
    let heading = words.say("The computation", "Le calcul");
    if !material.with_computation {
        let body = html! { p { (words.say(
            "Time and energy differ from one computation of the same map to the next. They are in manifest.json, and in the report that ",
            "Durée et énergie diffèrent d'un calcul de la même carte à l'autre. Elles sont dans manifest.json, et dans le rapport que ",
        )) code { "arpent report" } (words.say(" makes of this output.", " fait de cette sortie.")) } };
        return Section { id: "computation", heading, body };
    }
    let (manifest, counts) = (material.manifest, &material.manifest.counts);
    let mut all = vec![
        (words.say("Published", "Publié"), html! { (manifest.created) }),
        (words.say("Software", "Logiciels"), html! { (all_software(manifest)) }),
        (words.say("Energy", "Énergie"), html! { (energy(manifest.energy.as_ref(), words)) }),
    ];
    if let Some(ledger) = &manifest.ledger {
        all.extend(of_ledger(ledger, words));
    }
    if !manifest.engines.is_empty() {
        all.push((
            words.say("Computed on", "Calculé sur"),
            html! { span lang="en" { (manifest.engines.join("; ")) } },
        ));
    }
    if counts.windows_planned > 0 {
        all.push((words.say("Windows", "Fenêtres"), html! { (words.say(
            &format!("{} planned, {} computed, {} without a valid pixel",
                words.integer(counts.windows_planned), words.integer(counts.windows_run), words.integer(counts.windows_skipped)),
            &format!("{} prévues, {} calculées, {} sans pixel valide",
                words.integer(counts.windows_planned), words.integer(counts.windows_run), words.integer(counts.windows_skipped)),
        )) }));
        all.push((
            words.say("Pixels computed", "Pixels calculés"),
            html! { (words.integer(counts.pixels_computed)) },
        ));
    }
    let caption = words.say("Time of each stage", "Durée de chaque étape");
    let body = html! {
        (facts(&all))
        div.wide role="region" tabindex="0" aria-label=(caption) { table.numbers {
            caption { (caption) }
            thead { tr { th scope="col" { (words.say("Stage", "Étape")) } th scope="col" { (words.say("Time", "Durée")) } } }
            tbody { @for (stage, seconds) in &manifest.timings_s { tr {
                th scope="row" { (stage_name(stage, words)) } td { data value=(seconds) { (words.duration(*seconds)) } }
            } } }
        } }
        p.note { (words.say(
            "Time that each stage was busy; stages run side by side.",
            "Temps pendant lequel chaque étape était occupée ; les étapes se déroulent en parallèle.",
        )) }
    };
    Section { id: "computation", heading, body }
}

/// What the computation took in all, per square kilometer, and what that cost.
fn of_ledger(ledger: &Ledger, words: Words) -> Vec<(String, Markup)> {
    let mut all = vec![(
        words.say("Time", "Durée"),
        html! {
            (words.duration(ledger.seconds))
            (words.say(
                &format!(" of machines, {} of their processors", words.duration(ledger.cpu_s)),
                &format!(" de machine, {} de processeur", words.duration(ledger.cpu_s)),
            ))
        },
    )];
    if let Some(unit) = &ledger.per_km2 {
        all.push((
            words.say("Per square kilometer", "Par kilomètre carré"),
            html! { (words.duration(unit.seconds)) ", " (words.energy(unit.watt_hours)) },
        ));
    }
    if let Some(carbon) = &ledger.carbon {
        let stated = format!("{}, {}", carbon.intensity.source, carbon.intensity.year);
        let (total, sci) = (words.number(carbon.total_g, 2), words.number(carbon.sci_g_per_km2, 2));
        let intensity = words.number(carbon.intensity.value, 1);
        all.push((
            words.say("Greenhouse gases", "Gaz à effet de serre"),
            html! { (words.say(
                &format!("{total} gCO2e; {sci} gCO2e per square kilometer (Software Carbon Intensity, ISO/IEC 21031), at {intensity} gCO2e per kWh ({stated})"),
                &format!("{total} gCO2e ; {sci} gCO2e par kilomètre carré (Software Carbon Intensity, ISO/IEC 21031), pour {intensity} gCO2e par kWh ({stated})"),
            )) },
        ));
    }
    if let Some(money) = &ledger.money {
        let sum = format!("{} {}", words.number(money.amount, 2), money.currency);
        all.push((words.say("Cost", "Coût"), html! { (sum) }));
    }
    all
}

/// The energy, and whether it was measured.
fn energy(energy: Option<&Value>, words: Words) -> String {
    let Some((energy, wh)) = energy.and_then(|energy| Some((energy, energy["watt_hours"].as_f64()?))) else {
        return words.say("not recorded", "non enregistrée");
    };
    let wh = words.energy(wh);
    match energy["quality"].as_str() {
        Some("measured") => words.say(
            &format!("{wh}, measured by the counters of the processors"),
            &format!("{wh}, mesurés par les compteurs des processeurs"),
        ),
        Some("shared") => words.say(
            &format!("{wh}, measured by the counters of the processors, by the share of this work in all of their load"),
            &format!("{wh}, mesurés par les compteurs des processeurs, au prorata de la charge"),
        ),
        _ => words.say(
            &format!("{wh}, estimated from CPU time and an assumed power"),
            &format!("{wh}, estimés d'après le temps de calcul et une puissance supposée"),
        ),
    }
}

fn stage_name(stage: &str, words: Words) -> String {
    match stage {
        "open" => words.say("open the inputs", "ouverture des entrées"),
        "read" => words.say("read the imagery", "lecture des images"),
        "predict" => words.say("the network", "réseau de neurones"),
        "keep" => words.say("keep computed pieces", "conservation des morceaux calculés"),
        "stitch" => words.say("put windows together", "assemblage des fenêtres"),
        "vectorize" => words.say("outlines", "vectorisation"),
        "write" => words.say("write the files", "écriture des fichiers"),
        "publish" => words.say("publish", "publication"),
        "images" => words.say("compare the images", "comparaison des images"),
        "compare" => words.say("compare the maps", "comparaison des cartes"),
        other => other.to_owned(),
    }
}
