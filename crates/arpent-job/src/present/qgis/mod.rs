//! What QGIS shows of an output: a style beside every raster and layer, and a project that opens them.

mod styles;

use std::path::Path;

use arpent_base::{Column, DoingWhat as _, Language, Result};
use arpent_gdal::{LayerFormat, PublishedRaster, store_project, stored_styles};
use arpent_publish::{
    About, ROLE_CONFIDENCE, ROLE_EVENTS, ROLE_EVIDENCE, ROLE_FEATURES, ROLE_LABELS, ROLE_MAP, ROLE_MASK,
    ROLE_PROJECT, ROLE_STYLE, ROLE_SUPERSEDED, ROLE_VALUES, StagedArtifact,
};
use arpent_qgis::{Content, Entry, Group, Project, ProjectLayer, classes_qml};
use arpent_raster::Crs;
use arpent_viewer::Kind;

use self::styles::{class_raster, say, share_raster, style_beside_zones, values_raster};
use super::output::Output;

pub(crate) use self::styles::{
    areas_style, decided_style, events_style, features_style, roads_style, table_style, zones_style,
};

/// Name of the project.
const PROJECT: &str = "map.qgz";
/// Role of the classes at the earlier date, in a comparison.
const ROLE_BEFORE: &str = "before";

/// Roles of rasters, in the order of the project and of the styles.
const RASTERS: [&str; 7] =
    [ROLE_MASK, ROLE_MAP, ROLE_BEFORE, ROLE_LABELS, ROLE_VALUES, ROLE_CONFIDENCE, ROLE_EVIDENCE];

/// Names of what [`write`] writes for a map with these files.
pub(crate) fn names_for_qgis(files: &[String]) -> Vec<String> {
    let has = |name: &str| files.iter().any(|file| file == name);
    let rasters = RASTERS.into_iter().filter(|role| has(&format!("{role}.tif")));
    let mut names: Vec<String> = rasters.map(|role| format!("{role}.qml")).collect();
    let opens = ["fgb", "gpkg", "geojson"].iter().any(|ending| has(&format!("features.{ending}")));
    let has_project = !names.is_empty() || opens;
    if opens || has("features.parquet") {
        names.push("features.qml".to_owned());
    }
    if has_project {
        names.push(PROJECT.to_owned());
    }
    names
}

/// Writes the styles and the project of an output with these files to a folder.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn write(
    output: &Output<'_>,
    staged: &[StagedArtifact],
    folder: &Path,
) -> Result<Vec<StagedArtifact>> {
    let styled = Styled { output, staged, language: output.language };
    let mut written = Vec::new();
    let mut put = |name: &str, bytes: &[u8], role: &str| -> Result<()> {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(StagedArtifact::new(&path, role)?);
        Ok(())
    };
    let (rasters, areas) = (styled.rasters()?, styled.areas());
    for layer in rasters.iter().chain(&areas).filter(|layer| !layer.style.is_empty()) {
        let (stem, _) = layer.file.rsplit_once('.').unwrap_or((&layer.file, ""));
        put(&format!("{stem}.qml"), layer.style.as_bytes(), ROLE_STYLE)?;
    }
    for (stem, style) in styled.beside() {
        put(&format!("{stem}.qml"), style.as_bytes(), ROLE_STYLE)?;
    }
    let project = styled.project(rasters, areas)?;
    if !project.groups.iter().all(|group| group.layers.is_empty()) {
        put(PROJECT, &project.to_qgz("map")?, ROLE_PROJECT)?;
    }
    Ok(written)
}

/// A project that a GeoPackage holds, with its own layers and no others: a copy of the file is complete, and may be edited.
pub(crate) struct OwnProject<'a> {
    /// Whether files for QGIS are wanted.
    pub(crate) is_wanted: bool,
    /// Title of the output, its license and attribution.
    pub(crate) about: &'a About,
    /// Language of its texts.
    pub(crate) language: Language,
    /// CRS of its layers.
    pub(crate) crs: &'a Crs,
    /// What the map shows at first, in units of the CRS.
    pub(crate) extent: [f64; 4],
    /// Time that the file states.
    pub(crate) timestamp: &'a str,
    /// Whether persons decided about its features.
    pub(crate) is_decided: bool,
}

impl OwnProject<'_> {
    /// Adds the project to a complete GeoPackage, unless files for QGIS are not wanted.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn store(&self, path: &Path) -> Result<()> {
        if !self.is_wanted {
            return Ok(());
        }
        let language = self.language;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.strip_suffix(".gpkg").unwrap_or(&name);
        let layer = |stored: arpent_gdal::StoredStyle| ProjectLayer {
            title: layer_title(&stored.layer, language).to_owned(),
            file: name.clone(),
            content: if stored.has_geometry { Content::Areas } else { Content::Table },
            layer: Some(stored.layer),
            other_epsg: None,
            style: stored.qml,
            is_shown: true,
            is_read_only: false,
        };
        let layers = stored_styles(path)?.into_iter().map(layer).collect();
        let title = &self.about.title;
        let purpose =
            say(language, "to edit, in a copy of this file", "à modifier, dans une copie de ce fichier");
        let proposals = say(
            language,
            "Proposals of a model, not verified by a person. Copy this file before you edit it: the published one stays as it is.",
            "Propositions d'un modèle, non vérifiées par une personne. Copiez ce fichier avant de le modifier : le fichier publié reste tel quel.",
        );
        let decided = say(
            language,
            "What named persons decided, and proposals of a model: the column state says which. Copy this file before you edit it: the published one stays as it is.",
            "Ce que des personnes nommées ont décidé, et des propositions d'un modèle : la colonne state les distingue. Copiez ce fichier avant de le modifier : le fichier publié reste tel quel.",
        );
        let description = if self.is_decided { decided } else { proposals };
        let project = Project {
            title: &format!("{title} ({purpose})"),
            description,
            language,
            crs: self.crs,
            extent: self.extent,
            license: self.about.license.as_deref(),
            attribution: self.about.attribution.as_deref(),
            groups: vec![Group { title: title.clone(), layers }],
            relations: Vec::new(),
            variables: Vec::new(),
        };
        Ok(store_project(path, stem, &project.to_qgz(stem)?, self.timestamp)?)
    }
}

/// An output and its files, without those for QGIS.
struct Styled<'a> {
    output: &'a Output<'a>,
    staged: &'a [StagedArtifact],
    language: Language,
}

impl<'a> Styled<'a> {
    fn say(&self, en: &'a str, fr: &'a str) -> &'a str {
        say(self.language, en, fr)
    }

    fn has(&self, role: &str) -> bool {
        self.staged.iter().any(|artifact| artifact.role == role)
    }

    /// The rasters, those of classes first.
    fn rasters(&self) -> Result<Vec<ProjectLayer>> {
        let mut layers = Vec::new();
        for role in RASTERS {
            let of_role = |artifact: &&StagedArtifact| artifact.role == role && ends(&artifact.name, "tif");
            for artifact in self.staged.iter().filter(of_role) {
                layers.push(self.raster(artifact)?);
            }
        }
        Ok(layers)
    }

    fn raster(&self, artifact: &StagedArtifact) -> Result<ProjectLayer> {
        let is_map = self.output.kind == Kind::Map;
        let title = match &*artifact.role {
            ROLE_MASK => self.say("Not observed", "Non observé"),
            ROLE_MAP if is_map => self.say("Map", "Carte"),
            ROLE_MAP => self.say("Classes after", "Classes après"),
            ROLE_BEFORE => self.say("Classes before", "Classes avant"),
            ROLE_LABELS if self.has(ROLE_MAP) => self.say("Prediction", "Prédiction"),
            ROLE_LABELS => self.say("Map", "Carte"),
            ROLE_CONFIDENCE => self.say("Confidence", "Confiance"),
            ROLE_VALUES => self.say("Measured values", "Valeurs mesurées"),
            _ => self.say("Difference between the images", "Différence entre les images"),
        };
        let style = match &*artifact.role {
            ROLE_MASK => reasons(&artifact.path)?,
            ROLE_CONFIDENCE | ROLE_EVIDENCE => share_raster(),
            ROLE_VALUES => values_raster(&self.output.manifest.counts.values, self.language),
            _ => class_raster(self.output.classes, self.language),
        };
        let is_shown = match &*artifact.role {
            ROLE_MASK | ROLE_MAP => true,
            ROLE_LABELS => !self.has(ROLE_MAP),
            ROLE_VALUES => !self.has(ROLE_LABELS),
            _ => false,
        };
        Ok(ProjectLayer { is_shown, ..layer(&artifact.name, title.to_owned(), Content::Raster, style) })
    }

    /// The features or events, in the file that QGIS opens best; their style is that of every format.
    fn areas(&self) -> Vec<ProjectLayer> {
        let file = |ending: &str| {
            let is_of = |artifact: &&StagedArtifact| {
                matches!(&*artifact.role, ROLE_FEATURES | ROLE_EVENTS) && ends(&artifact.name, ending)
            };
            self.staged.iter().find(is_of)
        };
        // A FlatGeobuf is not written to by opening it, but a large one has no index.
        let is_indexed = self.output.manifest.counts.features <= LayerFormat::MOST_INDEXED;
        let order = if is_indexed { ["fgb", "gpkg", "geojson"] } else { ["gpkg", "fgb", "geojson"] };
        // Not every GDAL reads Parquet: the style is there, a project would lack its layer.
        let Some(artifact) = order.into_iter().chain(["parquet"]).find_map(file) else { return Vec::new() };
        let (output, language) = (self.output, self.language);
        let columns = columns_of(output.manifest.columns.as_ref());
        let (style, name) = match output.kind {
            Kind::Map if output.manifest.counts.decided.is_some() => {
                (decided_style(output.classes, &columns, language), "features")
            }
            Kind::Map => {
                let counted = &output.manifest.counts.features_per_class;
                let is_kept = |class: &arpent_raster::Class| counted.contains_key(&class.name);
                (features_style(output.classes, &is_kept, &columns, language), "features")
            }
            Kind::Change if output.manifest.counts.decided.is_some() => {
                (decided_style(output.classes, &columns, language), "events")
            }
            Kind::Change => (events_style(output.classes, &columns, language), "events"),
            // Zones are no features.
            Kind::Zonal => return Vec::new(),
        };
        let title = layer_title(name, language).to_owned();
        let mut layer = layer(&artifact.name, title, Content::Areas, style);
        layer.layer = ends(&artifact.name, "gpkg").then(|| name.to_owned());
        // GeoJSON is in degrees.
        layer.other_epsg = ends(&artifact.name, "geojson").then_some(4326);
        vec![layer]
    }

    /// Styles of files that are not those of the features, by the name of the files without their ending: of the zones of
    /// zonal statistics, and of proposals that a decided map has another version of.
    fn beside(&self) -> Vec<(&'static str, String)> {
        let (output, language) = (self.output, self.language);
        let columns = columns_of(output.manifest.columns.as_ref());
        let mut styles = Vec::new();
        if output.kind == Kind::Zonal {
            let are_roads = output.manifest.config["roads"].is_object();
            styles.push(("zones", style_beside_zones(&columns, language, are_roads)));
        }
        if self.has(ROLE_SUPERSEDED) {
            styles.push(("superseded", decided_style(output.classes, &columns, language)));
        }
        styles
    }

    /// Proposals that a decided map has another version of, where no GeoPackage has them.
    fn superseded(&self) -> Option<ProjectLayer> {
        let file = |ending: &str| {
            let of =
                |artifact: &&StagedArtifact| artifact.role == ROLE_SUPERSEDED && ends(&artifact.name, ending);
            self.staged.iter().find(of)
        };
        if file("gpkg").is_some() {
            return None;
        }
        let artifact = ["fgb", "geojson"].into_iter().find_map(file)?;
        let columns = columns_of(self.output.manifest.columns.as_ref());
        let style = decided_style(self.output.classes, &columns, self.language);
        let title = layer_title("superseded", self.language).to_owned();
        let other_epsg = ends(&artifact.name, "geojson").then_some(4326);
        let of = layer(&artifact.name, title, Content::Areas, style);
        Some(ProjectLayer { is_shown: false, other_epsg, ..of })
    }

    /// The layers of the other GeoPackages, with the styles inside them.
    fn others(&self) -> Result<Vec<ProjectLayer>> {
        let is_other = |artifact: &&StagedArtifact| {
            ends(&artifact.name, "gpkg") && !matches!(&*artifact.role, ROLE_FEATURES | ROLE_EVENTS)
        };
        let mut layers: Vec<_> = self.superseded().into_iter().collect();
        for artifact in self.staged.iter().filter(is_other) {
            for stored in stored_styles(&artifact.path)?.into_iter().filter(|stored| stored.has_geometry) {
                let title = layer_title(&stored.layer, self.language).to_owned();
                let mut layer = layer(&artifact.name, title, Content::Areas, stored.qml);
                // Zones are few and have no fill; what covers the ground would hide the rest.
                layer.is_shown = artifact.name == "balance.gpkg" || self.output.kind == Kind::Zonal;
                layer.layer = Some(stored.layer);
                layers.push(layer);
            }
        }
        Ok(layers)
    }

    fn project(&self, rasters: Vec<ProjectLayer>, areas: Vec<ProjectLayer>) -> Result<ProjectOf<'a>> {
        let output = self.output;
        let opens = |layer: &ProjectLayer| !ends(&layer.file, "parquet");
        let others = match output.manifest.counts.decided {
            Some(_) => self.say("Superseded proposals", "Propositions remplacées"),
            None => self.say("Zones and balances", "Zones et bilans"),
        };
        let groups = [
            (self.say("Results", "Résultats"), areas.into_iter().filter(opens).collect()),
            (others, self.others()?),
            (self.say("Rasters", "Rasters"), rasters),
        ];
        let groups = groups.into_iter().map(|(title, layers)| Group { title: title.to_owned(), layers });
        let run = &output.manifest.run_id;
        let model = &output.manifest.model.id;
        let is_decided = output.manifest.counts.decided.is_some();
        let description = match (output.kind, self.language) {
            (Kind::Map, Language::En) if is_decided => {
                format!(
                    "What named persons decided, and proposals of the model {model} that are not verified: by state. Run {run}."
                )
            }
            (Kind::Map, Language::Fr) if is_decided => {
                format!(
                    "Ce que des personnes nommées ont décidé, et propositions non vérifiées du modèle {model} : selon l'état. Traitement {run}."
                )
            }
            (Kind::Map, Language::En) => {
                format!("Proposals of the model {model}, not verified by a person. Run {run}.")
            }
            (Kind::Map, Language::Fr) => {
                format!("Propositions du modèle {model}, non vérifiées par une personne. Traitement {run}.")
            }
            (Kind::Change, Language::En) if is_decided => format!(
                "What named persons decided about changes between two dates, and proposals that are not verified: by state. Run {run}."
            ),
            (Kind::Change, Language::Fr) if is_decided => format!(
                "Ce que des personnes nommées ont décidé de changements entre deux dates, et propositions non vérifiées : selon l'état. Traitement {run}."
            ),
            (Kind::Change, Language::En) => {
                format!("Changes between two dates, not verified by a person. Run {run}.")
            }
            (Kind::Change, Language::Fr) => {
                format!("Changements entre deux dates, non vérifiés par une personne. Traitement {run}.")
            }
            (Kind::Zonal, Language::En) => {
                format!(
                    "Statistics of zones on a map of the model {model}, not verified by a person. Run {run}."
                )
            }
            (Kind::Zonal, Language::Fr) => {
                format!(
                    "Statistiques par zone d'une carte du modèle {model}, non vérifiée par une personne. Traitement {run}."
                )
            }
        };
        Ok(ProjectOf { output, language: self.language, description, groups: groups.collect() })
    }
}

/// A project with its texts.
struct ProjectOf<'a> {
    output: &'a Output<'a>,
    language: Language,
    description: String,
    groups: Vec<Group>,
}

impl ProjectOf<'_> {
    fn to_qgz(&self, name: &str) -> Result<Vec<u8>> {
        let output = self.output;
        let project = Project {
            title: &output.about.title,
            description: &self.description,
            language: self.language,
            crs: &output.grid.crs,
            extent: output.grid.bbox(&output.window),
            license: output.about.license.as_deref(),
            attribution: output.about.attribution.as_deref(),
            groups: self.groups.clone(),
            relations: Vec::new(),
            variables: Vec::new(),
        };
        Ok(project.to_qgz(name)?)
    }
}

/// A layer of the project of an output: shown, and never edited.
fn layer(file: &str, title: String, content: Content, style: String) -> ProjectLayer {
    ProjectLayer {
        title,
        file: file.to_owned(),
        layer: None,
        content,
        other_epsg: None,
        style,
        is_shown: true,
        is_read_only: true,
    }
}

/// Whether a file has an ending.
fn ends(name: &str, ending: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == ending)
}

/// The title of a layer by its name in files; zones have the name of their level.
fn layer_title(name: &str, language: Language) -> &str {
    match name {
        "features" => say(language, "Features", "Objets"),
        "superseded" => say(language, "Superseded proposals", "Propositions remplacées"),
        "events" => say(language, "Changes", "Changements"),
        "zones" => "Zones",
        "lineage" => say(language, "Lineage", "Filiation"),
        "differentiel" => say(language, "Differential", "Différentiel"),
        "occupation" => say(language, "Land cover after", "Couverture du sol après"),
        "artificialisation_avant" => say(language, "Artificial soils before", "Artificialisation avant"),
        "artificialisation_apres" => say(language, "Artificial soils after", "Artificialisation après"),
        name => name,
    }
}

/// The reasons of a mask, as the raster names and colors them; what was observed is not drawn.
fn reasons(path: &Path) -> Result<String> {
    let raster = PublishedRaster::open(&path.to_string_lossy())?;
    let entry = |(value, label): (&u8, &String)| {
        let color = *raster.colors().get(value)?;
        (*value > 0).then(|| Entry { value: *value, label: label.clone(), color })
    };
    Ok(classes_qml(&raster.classes().iter().filter_map(entry).collect::<Vec<_>>()))
}

/// The columns of a Table Schema.
pub(crate) fn columns_of(schema: Option<&serde_json::Value>) -> Vec<Column> {
    let fields = schema.and_then(|schema| schema["fields"].as_array()).into_iter().flatten();
    fields.filter_map(Column::of_table_schema_field).collect()
}
