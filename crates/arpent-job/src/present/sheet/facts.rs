//! What sheets say of an output, in French.

use arpent_base::Result;
use arpent_base::number::rounded;
use arpent_gdal::Transformer;
use arpent_publish::{Acquired, Decided, License, Manifest, ROLE_CHIP, StagedArtifact};
use arpent_raster::PixelArea;
use arpent_viewer::Kind;
use serde_json::Value;

use crate::present::output::Output;

/// Scenes that are named; of more, their number is.
const MOST_SCENES: usize = 50;

/// Theme of INSPIRE that land cover belongs to, as GEMET calls it in French.
pub(super) const LAND_COVER: &str = "Occupation des terres";

/// What is said of an output.
pub(super) struct Sheet {
    /// Id of its run.
    pub(super) id: String,
    pub(super) title: String,
    /// Paragraphs.
    pub(super) summary: Vec<String>,
    /// How it was made.
    pub(super) lineage: String,
    /// Day of the publication.
    pub(super) created: String,
    /// First and last day of what the images show.
    pub(super) period: Option<[String; 2]>,
    /// West, south, east, north in degrees; west is greater than east across the antimeridian.
    pub(super) bbox: [f64; 4],
    /// EPSG code of its CRS.
    pub(super) epsg: Option<u32>,
    /// Name of its CRS.
    pub(super) crs: String,
    /// Side of a pixel, meters.
    pub(super) gsd_m: f64,
    /// The theme of INSPIRE, where one fits.
    pub(super) theme: Option<&'static str>,
    pub(super) keywords: Vec<String>,
    pub(super) license: Option<License>,
    pub(super) attribution: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) contact: Option<String>,
    pub(super) files: Vec<Distributed>,
}

/// A file of the output.
pub(super) struct Distributed {
    pub(super) name: String,
    /// Its format and the format's version, where it has one.
    pub(super) format: (&'static str, Option<&'static str>),
    pub(super) what: &'static str,
}

impl Sheet {
    /// The sheet of an output with these files.
    ///
    /// # Errors
    /// When its extent cannot be transformed to WGS 84.
    pub(super) fn of(output: &Output<'_>, staged: &[StagedArtifact]) -> Result<Self> {
        let Output { manifest, about, grid, window, .. } = *output;
        let bbox = Transformer::new(&grid.crs)?.bbox(grid.bbox(&window))?;
        let middle = window.row.midpoint(window.row_end());
        let gsd_m = rounded(PixelArea::new(grid).gsd_of_row(middle), 3);
        let period = period(output);
        let is_land_cover = is_land_cover(output);
        let files = staged.iter().filter(|artifact| artifact.role != ROLE_CHIP).map(distributed);
        Ok(Self {
            id: manifest.run_id.clone(),
            title: about.title.clone(),
            summary: summary(output, period.as_ref()),
            lineage: lineage(output),
            created: manifest.created.get(..10).unwrap_or_default().to_owned(),
            period,
            bbox,
            epsg: grid.crs.epsg,
            crs: grid.crs.name.clone(),
            gsd_m,
            theme: is_land_cover.then_some(LAND_COVER),
            keywords: keywords(output, is_land_cover),
            license: about.terms(),
            attribution: about.attribution.clone(),
            organization: about.organization.clone(),
            contact: about.contact.clone(),
            files: files.collect(),
        })
    }
}

/// The names of the classes that the output shows.
fn classes(output: &Output<'_>) -> Vec<String> {
    let counted = &output.manifest.counts.features_per_class;
    let shown = output.classes.classes().iter().filter(|class| match output.kind {
        Kind::Map => counted.contains_key(&class.name),
        Kind::Change | Kind::Zonal => class.features,
    });
    shown.map(|class| class.name_fr.as_ref().unwrap_or(&class.name).clone()).collect()
}

/// Days of the images, or of both dates of a comparison.
fn period(output: &Output<'_>) -> Option<[String; 2]> {
    let manifest = output.manifest;
    let dates = manifest.counts.change.as_ref().map(dates);
    let acquired = match &dates {
        Some(dates) => Acquired::of(dates.iter().map(String::as_str)),
        None => Acquired::of(manifest.inputs.iter().filter_map(|input| input.acquired.as_deref())),
    };
    Some(acquired.span()?.map(|time| time.get(..10).unwrap_or_default().to_owned()))
}

/// The dates of a comparison.
fn dates(facts: &Value) -> Vec<String> {
    let all = facts["dates"].as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether the output is land cover: columns of OCS GE, a balance of artificial soils, or classes with codes of OCS GE.
fn is_land_cover(output: &Output<'_>) -> bool {
    let config = &output.manifest.config;
    let is_set = |key: &str| config.get(key).is_some_and(|value| !value.is_null());
    let has_code =
        |class: &arpent_raster::Class| class.code.as_deref().is_some_and(|code| code.starts_with("CS"));
    ["ocs_ge", "artificialisation"].into_iter().any(is_set) || output.classes.classes().iter().any(has_code)
}

fn summary(output: &Output<'_>, period: Option<&[String; 2]>) -> Vec<String> {
    let (manifest, about) = (output.manifest, output.about);
    let mut paragraphs = vec![match output.kind {
        Kind::Map => what_is_mapped(output, period),
        Kind::Change => what_is_compared(output),
        Kind::Zonal => what_is_measured(output, period),
    }];
    let failed = manifest.failed_inputs.len();
    if failed > 0 {
        paragraphs.push(format!(
            "{}\u{a0}: elles manquent dans le résultat.",
            many(failed, "image illisible", "images illisibles")
        ));
    }
    let contest = about.contact.as_ref().map_or_else(String::new, |contact| {
        format!(" Pour contester une entité ou poser une question\u{a0}: {contact}.")
    });
    paragraphs.push(match &manifest.counts.decided {
        Some(of) => what_is_decided(of) + &contest,
        None => format!(
        "Proposition automatique, non vérifiée\u{a0}: aucune entité n'a été validée par une personne (état «\u{a0}not_verified\u{a0}»). Une personne \
         nommée décide\u{a0}; toute entité peut être contestée.{contest}"
        ),
    });
    paragraphs
        .extend(about.attribution.as_ref().map(|attribution| format!("Mentions\u{a0}: {attribution}.")));
    paragraphs
}

fn what_is_decided(of: &Decided) -> String {
    let all: u64 = of.states.values().sum();
    let open = of.states.get(arpent_publish::STATE_NOT_VERIFIED).copied().unwrap_or(0);
    format!(
        "Carte relue\u{a0}: des personnes nommées se sont prononcées sur {} entités parmi {all}\u{a0}; les autres sont des propositions \
         automatiques, non vérifiées (état «\u{a0}not_verified\u{a0}»). La colonne state donne l'état de chaque entité\u{a0}; les propositions \
         invalidées ou corrigées sont dans le fichier superseded. Toute entité peut être contestée.",
        all - open
    )
}

fn what_is_mapped(output: &Output<'_>, period: Option<&[String; 2]>) -> String {
    let manifest = output.manifest;
    let classes = classes(output);
    let acquired = match period {
        Some([first, last]) if first == last => format!(" du {}", day(first)),
        Some([first, last]) => format!(", prises du {} au {}", day(first), day(last)),
        None => ", de date inconnue".to_owned(),
    };
    format!(
        "Carte de {} en {} ({}), établie automatiquement par le modèle {} {} à partir de {}{acquired}.",
        many(manifest.counts.features, "entité", "entités"),
        many(classes.len(), "classe", "classes"),
        classes.join(", "),
        manifest.model.id,
        manifest.model.version,
        many(manifest.inputs.len(), "image", "images"),
    )
}

fn what_is_measured(output: &Output<'_>, period: Option<&[String; 2]>) -> String {
    let manifest = output.manifest;
    let zones = manifest.counts.zones.as_ref().map_or(0, |counts| counts.zones);
    let acquired = match period {
        Some([first, last]) if first == last => format!(", d'après des images du {}", day(first)),
        Some([first, last]) => format!(", d'après des images prises du {} au {}", day(first), day(last)),
        None => String::new(),
    };
    format!(
        "Statistiques de {} d'une carte établie automatiquement par le modèle {} {}{acquired}. Classes\u{a0}: {}.",
        many(zones, "zone", "zones"),
        manifest.model.id,
        manifest.model.version,
        classes(output).join(", "),
    )
}

fn what_is_compared(output: &Output<'_>) -> String {
    let manifest = output.manifest;
    let dates = manifest.counts.change.as_ref().map(dates).unwrap_or_default();
    let config = &manifest.config;
    let of_maps = ["before", "after"].iter().all(|date| !config[date]["map"].is_null());
    format!(
        "Carte de {} entre deux dates ({}), trouvés automatiquement par comparaison {} des deux dates. Classes\u{a0}: {}.",
        many(manifest.counts.features, "événement de changement", "événements de changement"),
        dates.iter().map(|date| dated(date)).collect::<Vec<_>>().join(" et "),
        if of_maps { "des cartes" } else { "des images" },
        classes(output).join(", "),
    )
}

fn lineage(output: &Output<'_>) -> String {
    let manifest = output.manifest;
    let mut sentences = vec![format!("Traitement {} par {}.", manifest.run_id, software(manifest))];
    let model = &manifest.model;
    if !model.id.is_empty() {
        sentences.push(format!(
            "Modèle {} {} (SHA-256 {}, licence {}).",
            model.id, model.version, model.sha256, model.license
        ));
    }
    sentences.push(sources(manifest));
    let steps = match output.kind {
        Kind::Map => {
            "Prédiction de chaque pixel ou objet par le modèle, assemblage des fenêtres, puis vectorisation."
        }
        Kind::Change => {
            "Comparaison pixel à pixel des deux dates, mesure du décalage entre les images lorsqu'elles sont fournies, puis \
             vectorisation des événements."
        }
        Kind::Zonal => {
            "Mesure, dans chaque zone, des surfaces des classes de la carte\u{a0}: un pixel compte pour sa part à l'intérieur de la zone."
        }
    };
    sentences.push(steps.to_owned());
    if let Some(least) = manifest.config["coverage"]["mmu_m2"].as_f64() {
        sentences.push(format!("Unité minimale de collecte\u{a0}: {least} m², limites généralisées."));
    }
    let references: Vec<&str> = manifest.counts.references.iter().map(|layer| layer.name.as_str()).collect();
    if !references.is_empty() {
        sentences.push(format!("Couches de référence\u{a0}: {}.", references.join(", ")));
    }
    if !manifest.warnings.is_empty() {
        let warnings = many(manifest.warnings.len(), "avertissement", "avertissements");
        sentences.push(format!("{warnings}\u{a0}: voir manifest.json."));
    }
    sentences.push("Résultat non vérifié par une personne.".to_owned());
    sentences.join(" ")
}

/// The program, and the libraries that read and transform.
fn software(manifest: &Manifest) -> String {
    let version = |(name, title): (&str, &str)| Some(format!("{title} {}", manifest.software.get(name)?));
    let libraries: Vec<String> =
        [("gdal", "GDAL"), ("proj", "PROJ")].into_iter().filter_map(version).collect();
    let arpent = version(("arpent", "Arpent")).unwrap_or_else(|| "Arpent".to_owned());
    if libraries.is_empty() { arpent } else { format!("{arpent} ({})", libraries.join(", ")) }
}

fn sources(manifest: &Manifest) -> String {
    let named = manifest.inputs.iter().take(MOST_SCENES).map(|input| match &input.acquired {
        Some(acquired) => format!("{} ({})", input.id, dated(acquired)),
        None => input.id.clone(),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = manifest.inputs.len().saturating_sub(MOST_SCENES);
    let more = if more > 0 { format!(", et {}", many(more, "autre", "autres")) } else { String::new() };
    format!("Données sources\u{a0}: {named}{more}.")
}

fn keywords(output: &Output<'_>, is_land_cover: bool) -> Vec<String> {
    let mut all = vec!["télédétection", "apprentissage automatique", "proposition non vérifiée"];
    if is_land_cover {
        all.push("occupation du sol");
    }
    if output.kind == Kind::Change {
        all.push("détection de changements");
    }
    all.into_iter().map(str::to_owned).collect()
}

fn distributed(artifact: &StagedArtifact) -> Distributed {
    Distributed {
        name: artifact.name.clone(),
        format: format_of(&artifact.name),
        what: what_it_is(&artifact.role),
    }
}

/// Format of a file by its name, and its version.
fn format_of(name: &str) -> (&'static str, Option<&'static str>) {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "tif" => ("GeoTIFF (COG)", None),
        "parquet" if name.starts_with("features") || name.starts_with("events") => {
            ("GeoParquet", Some("1.1.0"))
        }
        "parquet" => ("Parquet", None),
        "gpkg" => ("GeoPackage", None),
        "fgb" => ("FlatGeobuf", None),
        "geojson" => ("GeoJSON", Some("RFC 7946")),
        "pmtiles" => ("PMTiles", Some("3")),
        "csv" => ("CSV", None),
        "html" => ("HTML", None),
        "json" => ("JSON", None),
        "jsonl" => ("JSON Lines", None),
        "qml" | "qgz" => ("QGIS", None),
        _ => ("Autre", None),
    }
}

/// What a file is, by its role.
fn what_it_is(role: &str) -> &'static str {
    use arpent_publish as publish;
    match role {
        publish::ROLE_LABELS => "Classe donnée par le modèle à chaque pixel",
        publish::ROLE_MAP => "Classe publiée de chaque pixel",
        publish::ROLE_VALUES => "Valeurs mesurées par le modèle à chaque pixel, une bande par grandeur",
        publish::ROLE_CONFIDENCE => "Confiance de la classe de chaque pixel",
        publish::ROLE_MASK => "Lieux non observés, et pourquoi",
        publish::ROLE_FEATURES => "Entités vectorielles",
        publish::ROLE_EVENTS => "Événements de changement",
        publish::ROLE_LINEAGE => "Filiation des objets entre les deux dates",
        publish::ROLE_OBJECTS => "Identifiants des objets",
        publish::ROLE_EVIDENCE => "Écart entre les images des deux dates",
        publish::ROLE_BALANCE => "Bilans\u{a0}: stocks et flux",
        publish::ROLE_SHIFT => "Décalage entre les images des deux dates",
        publish::ROLE_REPORT => "Rapport",
        publish::ROLE_ZONES => "Statistiques par zone",
        publish::ROLE_IMAGERY => "Images sous la carte",
        publish::ROLE_STYLE => "Style pour QGIS",
        publish::ROLE_PROJECT => "Projet QGIS",
        publish::ROLE_SCHEMA => "Description des colonnes (Table Schema)",
        "before" => "Classe de chaque pixel à la première date",
        _ => "Fichier du résultat",
    }
}

/// A day as French texts write it, of `2021-07-01`.
pub(super) fn day(text: &str) -> String {
    let mut parts = text.split('-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(year), Some(month), Some(day)) => format!("{day}/{month}/{year}"),
        _ => text.to_owned(),
    }
}

/// A date, time or interval as French texts write it: a year where it is a whole one.
fn dated(text: &str) -> String {
    let Some(ends) = Acquired::of([text]).span() else { return text.to_owned() };
    let [first, last] = ends.each_ref().map(|time| time.get(..10).unwrap_or_default());
    match (first.strip_suffix("-01-01"), last.strip_suffix("-12-31")) {
        (Some(year), Some(other)) if year == other => year.to_owned(),
        _ if first == last => day(first),
        _ => format!("du {} au {}", day(first), day(last)),
    }
}

/// A number with its noun: none and one are singular in French.
fn many(number: impl TryInto<u64>, one: &str, several: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number < 2 { one } else { several })
}

/// A resolution as French texts write it, such as `0,2 m`.
pub(super) fn meters(gsd_m: f64) -> String {
    format!("{} m", rounded(gsd_m, 3)).replace('.', ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_are_french() {
        assert_eq!(many(0_u64, "entité", "entités"), "0 entité");
        assert_eq!(many(1_usize, "entité", "entités"), "1 entité");
        assert_eq!(many(2_u64, "entité", "entités"), "2 entités");
        assert_eq!((day("2021-07-01"), day("2021")), ("01/07/2021".to_owned(), "2021".to_owned()));
        assert_eq!(dated("2021"), "2021", "no date of RFC 3339 is left as it is");
        assert_eq!(dated("2021-01-01/2021-12-31"), "2021");
        assert_eq!(dated("2019-07-10T00:00:00Z/2019-07-10T23:59:59Z"), "10/07/2019");
        assert_eq!(dated("2019-07-10/2019-07-12"), "du 10/07/2019 au 12/07/2019");
        assert_eq!((meters(0.2), meters(10.0)), ("0,2 m".to_owned(), "10 m".to_owned()));
    }
}
