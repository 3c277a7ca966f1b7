//! `arpent review sample`.

use std::path::{Path, PathBuf};

use arpent_base::{Result, json_document};
use arpent_review::sample::{Candidate, Design, SampleOptions, SampleStratum, Tally, Task};
use serde::Serialize;
use serde_json::json;

use super::error::ReviewJobError;
use super::features::{MapFeature, MapFeatures};
use super::store::OpenReview;
use crate::job::UNDECIDED;

/// Tasks of all reviewers.
const TASKS: &str = "tasks.csv";
/// What was drawn and why, for the person who evaluates it.
const SAMPLE: &str = "sample.json";

/// What is asked of a sample of a review.
#[derive(Debug, Clone)]
pub struct ReviewSampleOptions {
    /// The published map.
    pub output: String,
    /// Name of the review; none for the only one.
    pub review: Option<String>,
    /// Folder of the sample.
    pub folder: PathBuf,
    /// Column of the features with the id of their zone.
    pub zones: Option<String>,
    /// What is drawn.
    pub sample: SampleOptions,
}

/// Result of `arpent review sample`, as printed.
#[derive(Debug, Serialize)]
pub struct ReviewSampleReport {
    /// The folder.
    pub folder: String,
    /// Its name in the tasks.
    pub name: String,
    /// Address of the review.
    pub review: String,
    /// Features in the map.
    pub features: u64,
    /// Features that the map leaves undecided, which have no score: designs by score pass over them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<u64>,
    /// Features drawn.
    pub drawn: usize,
    /// Features that two reviewers get.
    pub doubled: usize,
    /// Tasks of each reviewer.
    pub tasks: Vec<(String, usize)>,
    /// The strata.
    pub strata: Vec<SampleStratum>,
}

fn failed(file: &Path) -> impl Fn(&dyn std::fmt::Display) -> ReviewJobError + use<> {
    let file = file.display().to_string();
    move |reason| ReviewJobError::File { file: file.clone(), reason: reason.to_string() }
}

fn candidate(feature: &MapFeature) -> Candidate<'_> {
    Candidate { id: &feature.id, class: &feature.class, zone: &feature.zone, score: feature.score }
}

/// Draws a sample of the features of a map, and writes tasks for reviewers and a key for the person who evaluates them. The
/// features are read twice; memory grows with the sample.
///
/// # Errors
/// When the map cannot be read, the sample not be drawn, or the files not be written (or are there already).
pub fn review_sample(options: &ReviewSampleOptions) -> Result<ReviewSampleReport> {
    let opened = OpenReview::open(&options.output, options.review.as_deref())?;
    opened.check_map()?;
    let name = options.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let features = MapFeatures::open(&opened.map.target, &opened.map.manifest)?;
    let zones = options.zones.as_deref();
    let mut tally = Tally::new(options.sample.clone())?;
    let (mut number, mut undecided) = (0u64, 0u64);
    let by_score = matches!(options.sample.design, Design::Top { .. } | Design::LeastCertain { .. });
    let is_passed_over =
        |feature: &MapFeature| by_score && feature.class == UNDECIDED && feature.score.is_none();
    features.each(zones, &mut |feature| {
        number += 1;
        if is_passed_over(&feature) {
            undecided += 1;
            return Ok(());
        }
        Ok(tally.count(&candidate(&feature))?)
    })?;
    let mut drawing = tally.draw()?;
    features.each(zones, &mut |feature| {
        if is_passed_over(&feature) {
            return Ok(());
        }
        Ok(drawing.offer(&candidate(&feature))?)
    })?;
    let sample = drawing.finish();
    write_tasks(&options.folder.join(TASKS), &name, &sample.tasks)?;
    let key = json!({
        "format": "arpent-review-sample/1",
        "name": name,
        "review": opened.id,
        "map": opened.review.map,
        "options": options.sample,
        "zones": options.zones,
        "features": number,
        "strata": sample.strata,
        "drawn": sample.drawn,
    });
    create(&options.folder.join(SAMPLE), &json_document(&key)?)?;
    let of = |reviewer: &String| {
        (reviewer.clone(), sample.tasks.iter().filter(|task| task.reviewer == *reviewer).count())
    };
    Ok(ReviewSampleReport {
        folder: options.folder.display().to_string(),
        name,
        review: opened.url().to_owned(),
        features: number,
        undecided: (undecided > 0).then_some(undecided),
        drawn: sample.drawn.len(),
        doubled: sample.drawn.iter().filter(|drawn| drawn.doubled).count(),
        tasks: options.sample.reviewers.iter().map(of).collect(),
        strata: sample.strata,
    })
}

/// Writes a file that is not there yet.
pub(super) fn create(file: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder)(&error))?;
    }
    let mut opened = match std::fs::File::create_new(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(ReviewJobError::FileExists { file: file.display().to_string() }.into());
        }
        opened => opened.map_err(|error| failed(file)(&error))?,
    };
    opened.write_all(bytes).map_err(|error| failed(file)(&error))?;
    Ok(())
}

fn write_tasks(file: &Path, sample: &str, tasks: &[Task]) -> Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let error = |error: csv::Error| failed(file)(&error);
    table.write_record(["reviewer", "sample", "order", "feature", "why", "probability"]).map_err(error)?;
    for task in tasks {
        let (order, probability) = (task.order.to_string(), task.probability.to_string());
        let row = [&task.reviewer, sample, &order, &task.feature, &task.why, &probability];
        table.write_record(row).map_err(error)?;
    }
    let bytes = table.into_inner().map_err(|error| failed(file)(&error))?;
    create(file, &bytes)
}
