//! `arpent review learn`: probabilities, thresholds, hard examples, and what the decisions were worth.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result, json_document};
use arpent_review::{FindingKind, Log, Status, Verdict};
use arpent_shell::energy::{Meter, WATTS_PER_CORE};

use super::decided::{Decider, Decisions, ReviewNames};
use super::error::ReviewJobError;
use super::features::MapFeatures;
use super::hard_examples::{ExampleCounts, Examples};
use super::learned::{EnergyOfLearning, ReviewLearnReport, learned_text};
use super::lessons::{Case, LearnOptions, ScoreCounts, learn};
use super::proposal::Proposal;
use super::store::{OpenReview, now};
use crate::reports::material;
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;

/// What is asked of a review.
#[derive(Debug, Clone)]
pub struct ReviewLearnOptions {
    /// The published map.
    pub output: String,
    /// Name of the review; none for the only one.
    pub review: Option<String>,
    /// New folder.
    pub folder: PathBuf,
    /// Column of the features with the id of their zone.
    pub zones: Option<String>,
    /// What is learned.
    pub learn: LearnOptions,
}

/// What is decided about a feature.
struct Outcome {
    there: bool,
    class: Option<String>,
    millis: i64,
    from_sample: bool,
}

/// The features that are decided; also counts those that are not settled.
fn outcomes(opened: &OpenReview, log: &mut Log) -> Result<(HashMap<String, Outcome>, u64)> {
    let mut from_samples = std::collections::HashSet::new();
    opened.each_decision(&mut |id, decision| {
        if decision.statement.task.is_some() {
            from_samples.insert(id);
        }
        Ok(())
    })?;
    let (mut decided, mut not_settled) = (HashMap::new(), 0);
    for state in log.all_states() {
        let there = state.verdict().and_then(Verdict::is_there);
        let (Status::Decided, Some(there)) = (state.status, there) else {
            not_settled += 1;
            continue;
        };
        let millis =
            state.deciding.iter().filter_map(|id| log.author(id).map(|(_, time)| time.millis())).max();
        let from_sample = state.deciding.iter().any(|id| from_samples.contains(id));
        let class = state.opinions.into_iter().next().and_then(|opinion| opinion.class);
        decided
            .insert(state.feature, Outcome { there, class, millis: millis.unwrap_or_default(), from_sample });
    }
    Ok((decided, not_settled))
}

/// What of a map is learned from.
#[derive(Default)]
struct Seen {
    cases: Vec<Case>,
    counts: ScoreCounts,
    features: u64,
    from_samples: u64,
    without_score: u64,
    /// Highest score of a wrong feature, by class.
    wrong_up_to: BTreeMap<String, f64>,
}

fn seen(opened: &OpenReview, decided: &HashMap<String, Outcome>, zones: Option<&str>) -> Result<Seen> {
    let mut seen = Seen::default();
    MapFeatures::open(&opened.map.target, &opened.map.manifest)?.each(zones, &mut |feature| {
        seen.features += 1;
        if let Some(score) = feature.score {
            seen.counts.add(&feature.class, score);
        }
        let Some(outcome) = decided.get(&feature.id) else { return Ok(()) };
        let Some(score) = feature.score else {
            seen.without_score += 1;
            return Ok(());
        };
        let right = outcome.there && outcome.class.as_ref().is_none_or(|class| *class == feature.class);
        if !right {
            let highest = seen.wrong_up_to.entry(feature.class.clone()).or_insert(score);
            *highest = highest.max(score);
        }
        seen.from_samples += u64::from(outcome.from_sample);
        let (id, class, zone, millis) = (feature.id, feature.class, feature.zone, outcome.millis);
        let at = feature.at.unwrap_or_default();
        seen.cases.push(Case { id, class, zone, score, at, right, millis });
        Ok(())
    })?;
    // Independent of the format that was read.
    seen.cases.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(seen)
}

/// Learns from the decisions of a review, and writes a folder: `learn.json`, `report.txt`, `examples.gpkg`, `card.toml`, `sets.toml`.
/// The folder is complete when it is there. Memory grows with the decisions, not with the features.
///
/// # Errors
/// When the review is of another map, does not verify or has no decisions, or the folder is there or cannot be written.
pub fn review_learn(options: &ReviewLearnOptions) -> Result<ReviewLearnReport> {
    let meter = Meter::start(WATTS_PER_CORE);
    set_up_gdal(None)?;
    let opened = OpenReview::open(&options.output, options.review.as_deref())?;
    opened.check_map()?;
    if opened.map.manifest.counts.change.is_some() {
        return Err(ReviewJobError::OfEvents { output: opened.map.target.url().to_owned() }.into());
    }
    if options.folder.exists() {
        return Err(ReviewJobError::FileExists { file: options.folder.display().to_string() }.into());
    }
    let mut log = opened.log()?;
    let output = opened.map.target.url().to_owned();
    let name = opened.review.name.clone();
    if log.decisions() == 0 {
        return Err(ReviewJobError::NoDecisions { output, name }.into());
    }
    let findings = log.verify(now()?, &|_| true).into_iter().map(|finding| finding.kind);
    let findings = findings.filter(|kind| !FindingKind::is_warning(*kind)).count();
    if findings > 0 {
        return Err(ReviewJobError::Changed { output, name, findings }.into());
    }
    let (decided, not_settled) = outcomes(&opened, &mut log)?;
    let Seen { cases, counts, features, from_samples, without_score, wrong_up_to } =
        seen(&opened, &decided, options.zones.as_deref())?;
    let lessons = learn(&cases, &counts, &options.learn)?;
    let parent =
        options.folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let made = tempfile::Builder::new().prefix(".arpent-learn-").tempdir_in(parent);
    let made = made.with_context(|| format!("cannot write to {}", parent.display()))?;
    let place = std::path::absolute(&options.folder)?;
    let examples = examples(&opened, &mut log, wrong_up_to, (made.path(), &place))?;
    let report = ReviewLearnReport {
        format: "arpent-review-learn/1",
        folder: options.folder.display().to_string(),
        map: opened.map.manifest.run_id.clone(),
        manifest_sha256: opened.map.manifest_sha256.to_string(),
        review: name,
        root: log.root().to_string(),
        options: options.learn,
        zones: options.zones.clone(),
        decisions: log.decisions(),
        features,
        learned_from: arpent_base::number::wide(cases.len()),
        from_samples,
        without_score,
        not_settled,
        lessons,
        examples,
        energy: EnergyOfLearning::of(meter.read(), opened.map.manifest.energy.as_ref()),
    };
    std::fs::write(made.path().join("learn.json"), json_document(&report)?)?;
    std::fs::write(made.path().join("report.txt"), learned_text(&report))?;
    let made = made.keep();
    if let Err(error) = std::fs::rename(&made, &options.folder) {
        std::fs::remove_dir_all(&made).ok();
        return Err(ReviewJobError::File {
            file: options.folder.display().to_string(),
            reason: error.to_string(),
        }
        .into());
    }
    Ok(report)
}

/// Writes the hard examples to a folder that becomes `place`.
fn examples(
    opened: &OpenReview,
    log: &mut Log,
    wrong_up_to: BTreeMap<String, f64>,
    (folder, place): (&Path, &Path),
) -> Result<ExampleCounts> {
    let scratch = Scratch::new(None)?;
    let copies = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    let manifest = &opened.map.manifest;
    let material = material(&opened.map.target, manifest, copies.path())?;
    let proposal = Proposal::open(&opened.map, &material)?;
    let decisions = Decisions::of(log, ReviewNames::None, BTreeMap::new());
    let (classes, _) = decisions.classes(&proposal.classes, false)?;
    let mut decider = Decider::new(opened, (decisions, classes), &proposal)?;
    let lineage = format!(
        "From decisions of named persons about the map {} (SHA-256 of its manifest: {}), review {}, digest {}.",
        manifest.run_id,
        opened.map.manifest_sha256,
        opened.review.name,
        log.root()
    );
    let mut examples = Examples::new(&proposal, wrong_up_to);
    examples.write(&mut decider, &lineage, folder)?;
    examples.describe(manifest, (material.imprint.license.as_deref(), &lineage), (folder, place))
}
