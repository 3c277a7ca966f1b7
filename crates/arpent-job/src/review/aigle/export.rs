//! `arpent review export --to aigle`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result, Value, listed};
use arpent_gdal::describe_crs;
use arpent_raster::Crs;
use arpent_review::Verdict;
use serde::Serialize;

use super::delivery::{Batch, Inference, normalized, parts, status, tile};
use super::error::AigleError;
use super::geopackage::PackageWriter;
use super::rules::{Check, Consequence, RuleCount};
use super::sql::SqlWriter;
use super::tiles;
use crate::job::UNDECIDED;
use crate::review::error::ReviewJobError;
use crate::review::features::MapFeatures;
use crate::review::store::OpenReview;

/// Files of a delivery; the last says which row is of which feature.
pub(super) const FILES: [&str; 3] = ["detections.sql", "detections.gpkg", "features.csv"];

/// What is asked of a delivery.
#[derive(Debug, Clone, Default)]
pub struct AigleOptions {
    /// The published map.
    pub output: String,
    /// Name of the review; none for the only one.
    pub review: Option<String>,
    /// Folder of the files, which are not there yet; none to check alone.
    pub folder: Option<PathBuf>,
    /// Address of the imagery tiles, with `{z}`, `{x}` and `{y}`.
    pub tiles_url: Option<String>,
    /// Name of the batch; by default the title of the map.
    pub batch_name: Option<String>,
    /// Id of the run and the batch; by default a number that follows from the map.
    pub batch_id: Option<i32>,
    /// Year of the imagery; by default that of the scenes.
    pub year: Option<i64>,
    /// Id of the geozone.
    pub geozone: Option<i64>,
    /// Object types of classes, as `CLASS=TYPE`.
    pub object_types: Vec<String>,
    /// File with the object types that AIGLE has, one a line.
    pub known_types: Option<PathBuf>,
    /// Whether verdicts are delivered. Without them AIGLE inherits those of an earlier year.
    pub with_verdicts: bool,
    /// Whether imagery tiles are written, of the imagery that the map was published with.
    pub tiles: bool,
}

/// Result of `arpent review export --to aigle`, as printed.
#[derive(Debug, Serialize)]
pub struct AigleExport {
    /// The files; none of a check.
    pub files: Vec<String>,
    /// Id of the run and of the batch.
    pub batch_id: i64,
    /// Features of the map.
    pub features: u64,
    /// Features of several polygons, each of which is a row.
    pub split: u64,
    /// Features that the map leaves undecided: they are not delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<u64>,
    /// Rows of the table `inference`.
    pub rows: u64,
    /// Rows that AIGLE would import.
    pub imported: u64,
    /// Imagery tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiles: Option<u64>,
    /// Rules that are broken, the worst first.
    pub broken: Vec<RuleCount>,
}

/// Writes the three tables that AIGLE reads, as SQL and as GeoPackage, or only checks them. Features are read one by one.
///
/// # Errors
/// When the map cannot be read, AIGLE would take nothing of it, or a file is there or cannot be written.
pub fn review_export_aigle(options: &AigleOptions) -> Result<AigleExport> {
    let opened = OpenReview::open(&options.output, options.review.as_deref())?;
    opened.check_map()?;
    let (batch, crs) = (batch(&opened, options)?, describe_crs("EPSG:4326")?);
    let known = options.known_types.as_deref().map(known_types).transpose()?;
    let source = Source { opened: &opened, types: object_types(&options.object_types)?, crs: &crs };
    let statuses = if options.with_verdicts { statuses(&opened)? } else { BTreeMap::new() };
    let mut report = AigleExport {
        files: Vec::new(),
        batch_id: batch.id,
        features: 0,
        split: 0,
        undecided: None,
        rows: 0,
        imported: 0,
        tiles: None,
        broken: Vec::new(),
    };
    let mut check = Check::new(known.as_ref());
    let undecided = source.each(&statuses, &mut |row, is_split| {
        report.features += u64::from(row.part == 1);
        report.split += u64::from(row.part == 1 && is_split);
        report.rows += 1;
        check.row(&row);
        Ok(())
    })?;
    report.undecided = (undecided > 0).then_some(undecided);
    (report.broken, report.imported) = check.finish(&batch);
    let Some(folder) = &options.folder else { return Ok(report) };
    let refused: Vec<&str> = report
        .broken
        .iter()
        .filter(|count| count.consequence < Consequence::RowSkipped)
        .map(|count| count.rule.as_str())
        .collect();
    if !refused.is_empty() {
        return Err(
            AigleError::Refused { rules: format!("it requires that {}", refused.join("; that ")) }.into()
        );
    }
    (report.files, report.tiles) = write(folder, &batch, &source, &statuses, options.tiles)?;
    Ok(report)
}

/// Writes the files beside their places, and moves them there once all are complete.
fn write(
    folder: &Path,
    batch: &Batch,
    source: &Source<'_>,
    statuses: &BTreeMap<String, &'static str>,
    with_tiles: bool,
) -> Result<(Vec<String>, Option<u64>)> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for name in FILES.into_iter().chain(with_tiles.then_some(tiles::TILES)) {
        if folder.join(name).exists() {
            let file = folder.join(name).display().to_string();
            return Err(ReviewJobError::FileExists { file }.into());
        }
    }
    let scratch = tempfile::Builder::new().prefix(".arpent-").tempdir_in(folder);
    let scratch = scratch.with_context(|| folder.display().to_string())?;
    let [sql, package, features] = FILES.map(|name| scratch.path().join(name));
    let mut sql = SqlWriter::create(&sql, batch)?;
    let mut package = PackageWriter::create(&package, batch, source.crs)?;
    let shown = features.display().to_string();
    let failed = |error: csv::Error| ReviewJobError::File { file: shown.clone(), reason: error.to_string() };
    let mut table = csv::Writer::from_path(&features).map_err(failed)?;
    table.write_record(["inference_id", "batch_id", "feature", "part"]).map_err(failed)?;
    source.each(statuses, &mut |row, _| {
        sql.row(&row)?;
        package.row(&row)?;
        let numbers = [row.id.to_string(), batch.id.to_string(), row.part.to_string()];
        table.write_record([&numbers[0], &numbers[1], &row.feature, &numbers[2]]).map_err(failed)?;
        Ok(())
    })?;
    sql.finish()?;
    package.finish()?;
    table.flush().map_err(|error| failed(error.into()))?;
    drop(table);
    let pictures = scratch.path().join(tiles::TILES);
    let count = with_tiles.then(|| tiles::write(source.opened, &pictures)).transpose()?;
    let mut files = Vec::new();
    for name in FILES {
        let (from, to) = (scratch.path().join(name), folder.join(name));
        let shown = to.display().to_string();
        let made = tempfile::TempPath::try_from_path(from).with_context(|| shown.clone())?;
        made.persist_noclobber(&to).map_err(|error| error.error).with_context(|| shown.clone())?;
        files.push(shown);
    }
    if with_tiles {
        // A folder that has come meanwhile, with something in it, is kept, and this is an error.
        let place = folder.join(tiles::TILES);
        std::fs::rename(&pictures, &place).with_context(|| place.display().to_string())?;
        files.push(place.display().to_string());
    }
    Ok((files, count))
}

/// The features of a map as rows.
struct Source<'a> {
    opened: &'a OpenReview,
    types: BTreeMap<String, String>,
    crs: &'a Crs,
}

impl Source<'_> {
    /// Passes every row, and whether its feature has several; gives the number of features that are left out, because the
    /// map leaves them undecided.
    fn each(
        &self,
        statuses: &BTreeMap<String, &'static str>,
        each: &mut dyn FnMut(Inference, bool) -> Result<()>,
    ) -> Result<u64> {
        let features = MapFeatures::open(&self.opened.map.target, &self.opened.map.manifest)?;
        let fields = ["id", features.class_column(), "score"];
        let (mut id, mut undecided) = (0, 0);
        let has_undecided = self.opened.map.manifest.counts.undecided.is_some();
        features.read(&fields, self.crs, &mut |feature| {
            let value = |at: usize| feature.values.get(at).and_then(Option::as_ref);
            let name = value(0).map(Value::to_string).unwrap_or_default();
            let class = value(1).map(Value::to_string).unwrap_or_default();
            if has_undecided && class == UNDECIDED {
                undecided += 1;
                return Ok(());
            }
            let class = self.types.get(&class).cloned().unwrap_or(class);
            let polygons = parts(&feature.geometry);
            let is_split = polygons.len() > 1;
            for (polygon, part) in polygons.into_iter().zip(1..) {
                id += 1;
                let row = Inference {
                    id,
                    feature: name.clone(),
                    part,
                    score: value(2).and_then(Value::as_number),
                    object_type: normalized(&class),
                    status: statuses.get(&name).copied(),
                    tile: polygon.as_ref().and_then(tile),
                    polygon,
                };
                each(row, is_split)?;
            }
            Ok(())
        })?;
        Ok(undecided)
    }
}

/// Verdicts of decided features, as AIGLE has them.
fn statuses(opened: &OpenReview) -> Result<BTreeMap<String, &'static str>> {
    let mut statuses = BTreeMap::new();
    opened.log()?.each_state(&mut |state| -> Result<()> {
        if let Some(status) = state.verdict().and_then(|verdict: Verdict| status(verdict)) {
            statuses.insert(state.feature, status);
        }
        Ok(())
    })?;
    Ok(statuses)
}

fn batch(opened: &OpenReview, options: &AigleOptions) -> Result<Batch> {
    let manifest = &opened.map.manifest;
    let title = manifest.config["publish"]["title"].as_str().unwrap_or(&opened.review.name);
    let review = &opened.review;
    // A number of 31 bits that follows from the map: the same map is the same batch.
    let number = review
        .map
        .manifest_sha256
        .bytes()
        .iter()
        .take(4)
        .fold(0i64, |number, byte| number << 8 | i64::from(*byte));
    let own = (number & 0x7fff_ffff).max(1);
    Ok(Batch {
        id: options.batch_id.map_or(own, i64::from),
        name: options.batch_name.clone().unwrap_or_else(|| title.to_owned()),
        created: manifest.created.clone(),
        model: format!("{} {}", manifest.model.id, manifest.model.version).trim().to_owned(),
        tiles_url: options.tiles_url.clone(),
        description: format!("Arpent, run {}, review {}", review.map.run_id, review.name),
        geozone: options.geozone,
        year: Some(match options.year {
            Some(year) => year,
            None => year(opened)?,
        }),
    })
}

/// The year of all scenes; of a comparison, of the later date.
fn year(opened: &OpenReview) -> Result<i64> {
    let inputs = &opened.map.manifest.inputs;
    let is_later = |input: &&arpent_publish::Input| input.date.as_deref() != Some("before");
    let year = |input: &arpent_publish::Input| input.acquired.as_deref()?.get(..4)?.parse().ok();
    let years: BTreeSet<Option<i64>> = inputs.iter().filter(is_later).map(year).collect();
    if let [Some(year)] = years.iter().collect::<Vec<_>>()[..] {
        return Ok(*year);
    }
    let words = years.iter().map(|year| year.map_or("none".to_owned(), |year| year.to_string()));
    let found = listed(&words.collect::<Vec<_>>());
    Err(AigleError::Year { found }.into())
}

fn object_types(pairs: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |pair: &String| -> Result<(String, String)> {
        let bad = || AigleError::Argument { argument: pair.clone(), expected: "CLASS=TYPE" };
        let (class, kind) = pair.split_once('=').ok_or_else(bad)?;
        Ok((class.trim().to_owned(), kind.trim().to_owned()))
    };
    pairs.iter().map(pair).collect()
}

/// The object types of a file, one a line, as AIGLE compares them.
fn known_types(file: &Path) -> Result<BTreeSet<String>> {
    let shown = file.display().to_string();
    let failed = |reason: String| AigleError::File { file: shown.clone(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let types: BTreeSet<String> = text.lines().map(normalized).filter(|name| !name.is_empty()).collect();
    if types.is_empty() { Err(failed("it has no object type".to_owned()).into()) } else { Ok(types) }
}
