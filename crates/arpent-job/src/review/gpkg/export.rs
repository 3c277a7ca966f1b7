//! `arpent review export --to gpkg`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::{Cell, Column, ColumnKind, DoingWhat as _, Language, Result, Value};
use arpent_gdal::{
    GeoPackage, LayerFeature, LayerFormat, LayerOptions, LayerShape, LayerWriter, sql_text, store_project,
};
use arpent_publish::utc_now;
use arpent_raster::Crs;
use arpent_review::{FeatureState, Person, Status, Verdict, table};
use serde::{Deserialize as _, Serialize};

use super::error::GeoPackageError;
use super::imagery::{self, Around};
use super::project::{Shown, status_label};
use super::schema::{self, DECISIONS, FEATURES, FORMAT, OUTLINES};
use crate::review::error::ReviewJobError;
use crate::review::features::MapFeatures;
use crate::review::store::OpenReview;

/// Name of the project inside.
const PROJECT: &str = "review";

/// What is asked of a GeoPackage for decisions.
#[derive(Debug, Clone)]
pub struct GeoPackageOptions {
    /// The published map.
    pub output: String,
    /// Name of the review; none for the only one.
    pub review: Option<String>,
    /// The file, which is not there yet.
    pub file: PathBuf,
    /// Tasks of a sample (`tasks.csv`): only their features, without the decisions of others.
    pub tasks: Option<PathBuf>,
    /// The reviewer whose tasks are taken.
    pub reviewer: Option<String>,
    /// Who decides: the form proposes this person.
    pub person: Option<Person>,
    /// Whether the imagery around the features is in the file, if the map was published with it.
    pub imagery: bool,
    /// Language of the form; none for that of the output's columns.
    pub language: Option<Language>,
}

/// Result of `arpent review export --to gpkg`, as printed.
#[derive(Debug, Serialize)]
pub struct GeoPackageExport {
    /// The file.
    pub file: String,
    /// Address of the review.
    pub review: String,
    /// Features in it.
    pub features: u64,
    /// Decisions in it that were there before.
    pub decisions: u64,
    /// Tiles of imagery in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiles: Option<u64>,
}

/// A task: the name of its sample and its order.
type Task = (String, i64);

/// Writes a file in which decisions are entered. Features are read and written one by one; memory grows with the decisions
/// and the tasks.
///
/// # Errors
/// When the review or the map cannot be read, or the file is there or cannot be written.
pub fn review_export_geopackage(options: &GeoPackageOptions) -> Result<GeoPackageExport> {
    let opened = OpenReview::open(&options.output, options.review.as_deref())?;
    opened.check_map()?;
    let shown = options.file.display().to_string();
    if options.file.exists() {
        return Err(ReviewJobError::FileExists { file: shown }.into());
    }
    let failed =
        |error: std::io::Error| ReviewJobError::File { file: shown.clone(), reason: error.to_string() };
    let folder = options.file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let name = options.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Beside its place, so that it appears at once, and complete.
    let scratch = tempfile::Builder::new().prefix(".arpent-").tempdir_in(folder).map_err(failed)?;
    let path = scratch.path().join(&name);
    let export = Export::new(&opened, options, &path, &name)?;
    let report = export.write(&shown)?;
    let made = tempfile::TempPath::try_from_path(&path).map_err(failed)?;
    made.persist_noclobber(&options.file).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => ReviewJobError::FileExists { file: shown.clone() },
        _ => failed(error.error),
    })?;
    Ok(report)
}

/// An export that is being written.
struct Export<'a> {
    opened: &'a OpenReview,
    options: &'a GeoPackageOptions,
    path: &'a Path,
    name: &'a str,
    language: Language,
    /// The time of the export.
    now: String,
    tasks: Option<BTreeMap<String, Task>>,
    states: BTreeMap<String, FeatureState>,
}

impl<'a> Export<'a> {
    fn new(
        opened: &'a OpenReview,
        options: &'a GeoPackageOptions,
        path: &'a Path,
        name: &'a str,
    ) -> Result<Self> {
        let config = &opened.map.manifest.config;
        let titles = if opened.map.manifest.counts.change.is_some() {
            &config["titles"]
        } else {
            &config["features"]["titles"]
        };
        let language = options.language.unwrap_or_else(|| Language::deserialize(titles).unwrap_or_default());
        let tasks = match &options.tasks {
            Some(file) => Some(read_tasks(file, options.reviewer.as_deref())?),
            None => None,
        };
        let mut states = BTreeMap::new();
        // Who decides about a task does so without the opinions of others.
        if tasks.is_none() {
            opened.log()?.each_state(&mut |state| -> Result<()> {
                states.insert(state.feature.clone(), state);
                Ok(())
            })?;
        }
        Ok(Self { opened, options, path, name, language, now: utc_now(), tasks, states })
    }

    /// The time as a GeoPackage has it.
    fn timestamp(&self) -> String {
        format!("{}.000Z", self.now.trim_end_matches('Z'))
    }

    fn write(&self, file: &str) -> Result<GeoPackageExport> {
        let map = &self.opened.map;
        let source = MapFeatures::open(&map.target, &map.manifest)?;
        let facts = source.facts()?;
        let own = own_columns();
        let titled = crate::present::columns_of(map.manifest.columns.as_ref());
        let is_free = |column: &&Column| {
            !own.iter().any(|of| of.name.eq_ignore_ascii_case(&column.name))
                && !["fid", "geom"].contains(&column.name.to_lowercase().as_str())
        };
        // Titles and units are those of the manifest; types are those of the file.
        let titled = |column: &Column| {
            let known = titled.iter().find(|known| known.name == column.name);
            known.map_or_else(|| column.clone(), |known| Column { kind: column.kind, ..known.clone() })
        };
        let mut columns: Vec<Column> = facts.columns.iter().filter(is_free).map(titled).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let fields: Vec<&str> = names.iter().map(String::as_str).collect();
        columns.extend(own);
        let mut shown = Shown {
            review: &self.opened.review,
            columns: &columns,
            class: source.class_column(),
            language: self.language,
            crs: &facts.crs,
            extent: [0.0; 4],
            title: &self.title(),
            file: self.name,
            person: self.options.person.as_ref(),
            below: Vec::new(),
        };
        let style = shown.features_style();
        let timestamp = self.timestamp();
        let layer = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: FEATURES,
            shape: LayerShape::MultiPolygon,
            crs: &facts.crs,
            fields: &columns,
            titles: self.language,
            spatial_index: true,
            style_qml: Some(&style),
            description: "",
            timestamp: &timestamp,
        };
        let mut around = self.options.imagery.then(|| Around::new(&facts.crs)).transpose()?;
        let (features, extent) = self.features(&source, &fields, &facts.crs, (&layer, around.as_mut()))?;
        shown.extent = extent;
        let decisions = self.tables()?;
        let mut tiles = None;
        if let Some(around) = &around {
            let places = (self.path, self.name);
            let written = imagery::write(self.opened, (around, self.language), places, &timestamp)?;
            (shown.below, tiles) = (written.0, Some(written.1));
        }
        store_project(self.path, PROJECT, &shown.to_qgz(PROJECT)?, &timestamp)?;
        Ok(GeoPackageExport {
            file: file.to_owned(),
            review: self.opened.url().to_owned(),
            features,
            decisions,
            tiles,
        })
    }

    fn title(&self) -> String {
        let title = self.opened.map.manifest.config["publish"]["title"].as_str();
        title.map_or_else(|| self.opened.review.name.clone(), str::to_owned)
    }

    /// Writes the layer of the features; gives their number and their extent.
    fn features(
        &self,
        source: &MapFeatures,
        fields: &[&str],
        crs: &Crs,
        (layer, mut around): (&LayerOptions<'_>, Option<&mut Around>),
    ) -> Result<(u64, [f64; 4])> {
        let id = fields.iter().position(|field| *field == "id").context("the features have no `id`")?;
        let mut writer = LayerWriter::create(self.path, layer)?;
        let (mut written, mut unknown) = (0, self.tasks.as_ref().map_or(0, BTreeMap::len));
        let mut extent: Option<[f64; 4]> = None;
        source.read(fields, crs, &mut |feature| {
            let name = feature.values[id].as_ref().map(Value::to_string).unwrap_or_default();
            let task = self.tasks.as_ref().map(|tasks| tasks.get(&name));
            if task == Some(None) {
                return Ok(());
            }
            unknown = unknown.saturating_sub(usize::from(task.is_some()));
            let mut cells: Vec<Cell<'_>> = feature.values.iter().map(|value| cell(value.as_ref())).collect();
            let state = self.states.get(&name);
            let (status, _) = status_label(state.map_or(Status::Open, |s| s.status), self.language);
            let heads = state.map(|state| joined(&state.heads));
            let opinions = state.map(opinions);
            cells.extend([
                Cell::Text(status),
                text(state.and_then(FeatureState::verdict).map(Verdict::name)),
                text(opinions.as_deref()),
                state.map_or(Cell::Null, |state| integer(state.decisions)),
                text(heads.as_deref()),
            ]);
            let task = task.flatten();
            cells.push(text(task.map(|(sample, _)| sample.as_str())));
            cells.push(task.map_or(Cell::Null, |(_, order)| Cell::Integer(*order)));
            extent = united(extent, &feature);
            if let (Some(around), Some(bbox)) = (around.as_deref_mut(), feature.geometry.bbox()) {
                around.add(bbox)?;
            }
            writer.write(&feature.geometry.to_wkb().unwrap_or_default(), &cells)?;
            written += 1;
            Ok(())
        })?;
        writer.finish()?;
        if let (1.., Some(file)) = (unknown, &self.options.tasks) {
            let reason = format!("{unknown} of its features are not in the map");
            return Err(GeoPackageError::Tasks { file: file.display().to_string(), reason }.into());
        }
        Ok((written, extent.unwrap_or_default()))
    }

    /// Creates the tables and fills them; after that, triggers close them. Gives the number of decisions.
    fn tables(&self) -> Result<u64> {
        let review = &self.opened.review;
        let package = GeoPackage::update(self.path, &self.timestamp())?;
        package.begin()?;
        for table in schema::tables(review, true) {
            package.run(&table.sql)?;
            if table.name == OUTLINES {
                self.register_outlines(&package)?;
                continue;
            }
            package.run(&format!(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) \
                 VALUES ({name}, 'attributes', {name}, '', {time}, 0)",
                name = sql_text(Some(&table.name)),
                time = sql_text(Some(&self.timestamp())),
            ))?;
        }
        package.run("CREATE UNIQUE INDEX \"features_id\" ON \"features\" (\"id\")")?;
        package.run("CREATE INDEX \"decisions_feature\" ON \"decisions\" (\"feature\")")?;
        let insert = |table: &str, columns: &str, values: &[Option<&str>]| {
            let values: Vec<String> = values.iter().map(|value| sql_text(*value)).collect();
            package.run(&format!("INSERT INTO \"{table}\" ({columns}) VALUES ({})", values.join(", ")))
        };
        for verdict in Verdict::ALL {
            let [en, fr] = schema::verdict_titles(verdict);
            let values = [Some(verdict.name()), Some(en), Some(fr), verdict.aigle()];
            insert("verdicts", "code, en, fr, aigle", &values)?;
        }
        for reason in &review.reasons {
            insert(
                "reasons",
                "code, en, fr",
                &[&reason.code, &reason.en, &reason.fr].map(|t| Some(t.as_str())),
            )?;
        }
        for person in review.people.iter().map(|reviewer| &reviewer.person) {
            let values = [&person.name, &person.function, &person.organization].map(|t| Some(t.as_str()));
            insert("people", "name, \"function\", organization", &values)?;
        }
        let names: Vec<String> = schema::columns().iter().map(|name| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        let mut decisions = 0u64;
        if self.tasks.is_none() {
            self.opened.each_decision(&mut |id, decision| {
                let row = table::row(&id, &decision);
                insert(DECISIONS, &names, &row.iter().map(Option::as_deref).collect::<Vec<_>>())?;
                decisions += 1;
                Ok(())
            })?;
        }
        let (id, manifest) = (self.opened.id.to_string(), review.map.manifest_sha256.to_string());
        let number = decisions.to_string();
        let values = [FORMAT, &id, &review.name, &review.map.run_id, &manifest, &self.now, &number].map(Some);
        insert("review", "format, review, name, run_id, manifest_sha256, exported, decisions", &values)?;
        for trigger in schema::triggers(review, true) {
            package.run(&trigger.sql)?;
        }
        package.commit()?;
        package.finish()?;
        Ok(decisions)
    }

    /// Lists the layer of outlines as one of polygons in the CRS of the features.
    fn register_outlines(&self, package: &GeoPackage) -> Result<()> {
        let of_features = "FROM gpkg_geometry_columns WHERE table_name = 'features'";
        package.run(&format!(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) \
             SELECT '{OUTLINES}', 'features', '{OUTLINES}', '', {time}, srs_id {of_features}",
            time = sql_text(Some(&self.timestamp())),
        ))?;
        package.run(&format!(
            "INSERT INTO gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m) \
             SELECT '{OUTLINES}', 'geom', 'MULTIPOLYGON', srs_id, 0, 0 {of_features}"
        ))?;
        Ok(())
    }
}

/// The columns that a review adds to features.
fn own_columns() -> Vec<Column> {
    let text =
        |name: &str, en: &'static str, fr: &'static str| Column::new(name, ColumnKind::Text).titled(en, fr);
    let number = |name: &str, en: &'static str, fr: &'static str| {
        Column::new(name, ColumnKind::Integer).titled(en, fr)
    };
    vec![
        text("review_status", "Status at export", "Statut à l'export"),
        text("review_verdict", "Verdict at export", "Verdict à l'export"),
        text("review_opinions", "Opinions at export", "Verdicts exprimés à l'export"),
        number("review_decisions", "Decisions at export", "Décisions à l'export"),
        text("review_heads", "Newest decisions at export", "Dernières décisions à l'export"),
        text("review_sample", "Sample", "Échantillon"),
        number("review_order", "Order", "Ordre"),
    ]
}

fn cell(value: Option<&Value>) -> Cell<'_> {
    match value {
        None => Cell::Null,
        Some(Value::Text(text)) => Cell::Text(text),
        Some(Value::Integer(number)) => Cell::Integer(*number),
        Some(Value::Real(number)) => Cell::Real(*number),
    }
}

fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, Cell::Text)
}

fn integer(number: u64) -> Cell<'static> {
    i64::try_from(number).map_or(Cell::Null, Cell::Integer)
}

fn joined(ids: &[arpent_review::ObjectId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Opinions at the heads of a feature: verdict and corrected class.
fn opinions(state: &FeatureState) -> String {
    let opinion = |opinion: &arpent_review::Opinion| match &opinion.class {
        Some(class) => format!("{} ({class})", opinion.verdict.name()),
        None => opinion.verdict.name().to_owned(),
    };
    state.opinions.iter().map(opinion).collect::<Vec<_>>().join("; ")
}

fn united(extent: Option<[f64; 4]>, feature: &LayerFeature) -> Option<[f64; 4]> {
    match (extent, feature.geometry.bbox()) {
        (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]),
        (a, b) => a.or(b),
    }
}

/// The tasks of one reviewer, by their features.
fn read_tasks(file: &Path, reviewer: Option<&str>) -> Result<BTreeMap<String, Task>> {
    let shown = file.display().to_string();
    let bad = |reason: String| GeoPackageError::Tasks { file: shown.clone(), reason };
    let mut reader = csv::Reader::from_path(file).map_err(|error| bad(error.to_string()))?;
    let header = reader.headers().map_err(|error| bad(error.to_string()))?.clone();
    let place = |column: &'static str| {
        let found = header.iter().position(|name| name.trim_start_matches('\u{feff}') == column);
        found.ok_or_else(|| ReviewJobError::NoColumn { file: shown.clone(), column: column.to_owned() })
    };
    let [who, sample, order, feature] =
        [place("reviewer")?, place("sample")?, place("order")?, place("feature")?];
    let (mut tasks, mut reviewers) = (BTreeMap::new(), std::collections::BTreeSet::new());
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.to_string()))?;
        let cell = |at: usize| record.get(at).unwrap_or_default();
        if reviewer.is_some_and(|reviewer| reviewer != cell(who)) {
            continue;
        }
        reviewers.insert(cell(who).to_owned());
        let number = cell(order)
            .parse()
            .map_err(|_| bad(format!("`order` is `{}`, expected a whole number", cell(order))))?;
        let task = (cell(sample).to_owned(), number);
        if tasks.insert(cell(feature).to_owned(), task).is_some() && reviewers.len() == 1 {
            return Err(bad(format!("two tasks about the feature {}", cell(feature))).into());
        }
    }
    if reviewers.len() > 1 {
        let reviewers = arpent_base::listed(&reviewers.into_iter().collect::<Vec<_>>());
        return Err(GeoPackageError::Reviewers { file: shown, reviewers }.into());
    }
    if tasks.is_empty() {
        let of = reviewer.map_or(String::new(), |reviewer| format!(" of {reviewer}"));
        return Err(bad(format!("no tasks{of}")).into());
    }
    Ok(tasks)
}
