//! `arpent review state` and `arpent review verify`.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::approximate;
use arpent_base::{DoingWhat as _, Result};
use arpent_review::agreement::{Quartiles, krippendorff_alpha, quartiles};
use arpent_review::{Earlier, FeatureState, Finding, ObjectId, Status};
use serde::Serialize;

use super::error::ReviewJobError;
use super::features::MapFeatures;
use super::store::{OpenReview, now};

/// Features of one status.
#[derive(Debug, Clone, Serialize)]
pub struct StatusCount {
    /// The status.
    pub status: Status,
    /// The verdict of decided ones.
    pub verdict: Option<String>,
    /// How many.
    pub features: u64,
}

/// The state of a feature, as printed.
#[derive(Debug, Clone, Serialize)]
pub struct StateRow {
    /// Its id.
    pub feature: String,
    /// Its status.
    pub status: Status,
    /// The verdict, if decided.
    pub verdict: Option<String>,
    /// Opinions at its heads: verdict and corrected class.
    pub opinions: Vec<String>,
    /// Heads: what a decision that settles it has to list as `previous`.
    pub heads: Vec<String>,
    /// Contests without an answer.
    pub contests: Vec<String>,
    /// Number of its decisions.
    pub decisions: u64,
    /// What was decided about its object in an earlier map, of a feature that was asked for; it does not count.
    pub history: Vec<Earlier>,
}

/// How the persons of a review agree.
#[derive(Debug, Clone, Serialize)]
pub struct AgreementReport {
    /// Features about which two or more persons decided independently.
    pub features: usize,
    /// Krippendorff's alpha of their verdicts; null where it is not defined.
    pub alpha: Option<f64>,
    /// Time per decision, seconds, where it was noted.
    pub seconds: Option<Quartiles>,
}

/// Result of `arpent review state`, as printed.
#[derive(Debug, Serialize)]
pub struct StateReport {
    /// Address of the review.
    pub review: String,
    /// Decisions that count.
    pub decisions: u64,
    /// Features with decisions by status and verdict.
    pub counts: Vec<StatusCount>,
    /// Features asked for.
    pub features: Vec<StateRow>,
    /// Agreement and time.
    pub agreement: AgreementReport,
    /// Findings of the log that are not only warnings (of its objects alone); `arpent review verify` lists them.
    pub findings: usize,
}

fn state_row(state: &FeatureState) -> StateRow {
    let ids = |ids: &[ObjectId]| ids.iter().map(ToString::to_string).collect();
    let opinion = |opinion: &arpent_review::Opinion| {
        let class = opinion.class.as_ref().map_or(String::new(), |class| format!(" ({class})"));
        let drawn = if opinion.geometry.is_some() { ", outline corrected" } else { "" };
        format!("{}{class}{drawn}", opinion.verdict.name())
    };
    StateRow {
        feature: state.feature.clone(),
        status: state.status,
        verdict: state.verdict().map(|verdict| verdict.name().to_owned()),
        opinions: state.opinions.iter().map(opinion).collect(),
        heads: ids(&state.heads),
        contests: ids(&state.contests),
        decisions: state.decisions,
        history: Vec::new(),
    }
}

/// A feature without decisions of its own.
fn undecided(feature: &str) -> StateRow {
    StateRow {
        feature: feature.to_owned(),
        status: Status::Open,
        verdict: None,
        opinions: Vec::new(),
        heads: Vec::new(),
        contests: Vec::new(),
        decisions: 0,
        history: Vec::new(),
    }
}

/// The state of a review: counts, and the features that are named or have a status.
///
/// # Errors
/// When the review cannot be read; [`ReviewJobError::NoSuchFeature`] for a feature that is not in the map.
pub fn review_state(
    output: &str,
    review: Option<&str>,
    feature: Option<&str>,
    status: Option<Status>,
) -> Result<StateReport> {
    let opened = OpenReview::open(output, review)?;
    let mut log = opened.log()?;
    let mut counts: BTreeMap<(Status, Option<&'static str>), u64> = BTreeMap::new();
    let mut features = Vec::new();
    log.each_state(&mut |state| -> Result<()> {
        *counts.entry((state.status, state.verdict().map(arpent_review::Verdict::name))).or_default() += 1;
        let named = feature.is_some_and(|feature| feature == state.feature);
        if named || (feature.is_none() && status == Some(state.status)) {
            features.push(state_row(&state));
        }
        Ok(())
    })?;
    if let Some(feature) = feature.filter(|_| features.is_empty()) {
        let known = BTreeSet::from([feature.to_owned()]);
        if !unknown_features(&opened, known)?.is_empty() {
            let (feature, output) = (feature.to_owned(), opened.map.target.url().to_owned());
            return Err(ReviewJobError::NoSuchFeature { feature, output }.into());
        }
    }
    if let Some(feature) = feature
        && let Some(history) = opened.history()?.remove(feature)
    {
        if features.is_empty() {
            features.push(undecided(feature));
        }
        features[0].history = history;
    }
    let units = log.independent();
    let seconds = log.durations_ms().into_iter().map(|ms| approximate(ms) / 1000.0).collect();
    let agreement = AgreementReport {
        features: units.len(),
        alpha: krippendorff_alpha(&units),
        seconds: quartiles(seconds),
    };
    let findings = log.verify(now()?, &|_| true);
    let count = |((status, verdict), features): ((Status, Option<&str>), u64)| StatusCount {
        status,
        verdict: verdict.map(str::to_owned),
        features,
    };
    Ok(StateReport {
        review: opened.url().to_owned(),
        decisions: log.decisions(),
        counts: counts.into_iter().map(count).collect(),
        features,
        agreement,
        findings: findings.iter().filter(|finding| !finding.kind.is_warning()).count(),
    })
}

/// Those of some features that are not in the map.
fn unknown_features(opened: &OpenReview, mut wanted: BTreeSet<String>) -> Result<BTreeSet<String>> {
    MapFeatures::open(&opened.map.target, &opened.map.manifest)?.each(None, &mut |feature| {
        wanted.remove(&feature.id);
        Ok(())
    })?;
    Ok(wanted)
}

/// Result of `arpent review verify`, as printed.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// Address of the review.
    pub review: String,
    /// Decisions that count.
    pub decisions: u64,
    /// Whether nothing was changed: there are only warnings, or nothing.
    pub intact: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The digest of the review: of its decisions and seals.
    pub root: String,
    /// Seals that no other one has seen. Noted elsewhere, they hold everything before them.
    pub newest: Vec<String>,
    /// Of the seals that were to be there, those that are missing.
    pub missing: Vec<String>,
}

/// Verifies a review: every object, every link, every feature.
///
/// `noted` are seals (`newest` of an earlier verification) that must be there.
///
/// # Errors
/// When the review cannot be read, or `noted` has something that is no id.
pub fn review_verify(output: &str, review: Option<&str>, noted: &[String]) -> Result<VerifyReport> {
    let noted: Vec<ObjectId> =
        noted.iter().map(|id| id.parse()).collect::<Result<_, _>>().context("--seal")?;
    let opened = OpenReview::open(output, review)?;
    let mut log = opened.log()?;
    let with_decisions: BTreeSet<String> = log.features().map(str::to_owned).collect();
    // Features of another version of the map say nothing about this one.
    let unknown = match opened.check_map() {
        Ok(()) if !with_decisions.is_empty() => unknown_features(&opened, with_decisions)?,
        _ => BTreeSet::new(),
    };
    let mut findings = log.verify(now()?, &|feature| !unknown.contains(feature));
    if let Err(error) = opened.check_map() {
        let kind = arpent_review::FindingKind::Foreign;
        findings.insert(0, Finding { kind, object: "review.json".to_owned(), message: error.message() });
    }
    let missing: Vec<String> = noted.iter().filter(|id| !log.has_seal(id)).map(ToString::to_string).collect();
    Ok(VerifyReport {
        review: opened.url().to_owned(),
        decisions: log.decisions(),
        intact: missing.is_empty() && findings.iter().all(|finding| finding.kind.is_warning()),
        findings,
        root: log.root().to_string(),
        newest: log.frontier().iter().map(ToString::to_string).collect(),
        missing,
    })
}
