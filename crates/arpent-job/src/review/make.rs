//! `arpent review new`.

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_review::{MOST_M2, MapRef, Person, REVIEW_FORMAT, Reason, Review, Reviewer};
use serde::{Deserialize, Serialize};

use super::error::ReviewJobError;
use super::history::history;
use super::store::{OpenReview, ReviewedMap, now};

/// A file with the rules of a review.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// Reason codes.
    reasons: Option<Vec<Reason>>,
    /// Classes of corrections; by default those of the map.
    classes: Option<Vec<String>>,
    /// Who may decide.
    #[serde(default)]
    people: Vec<Listed>,
    /// Largest corrected geometry, square meters.
    max_area_m2: Option<f64>,
}

/// A person who may decide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    function: String,
    organization: String,
    key: Option<String>,
}

/// Result of `arpent review new`, as printed.
#[derive(Debug, Serialize)]
pub struct NewReport {
    /// Address of the review.
    pub review: String,
    /// SHA-256 of `review.json`, which every decision names.
    pub id: String,
    /// Run id of the map.
    pub run_id: String,
    /// Reason codes.
    pub reasons: Vec<String>,
    /// Classes of corrections.
    pub classes: Vec<String>,
    /// Persons who may decide; 0 for every named person.
    pub people: usize,
    /// Features with decisions about their object in an earlier map.
    pub with_history: usize,
}

/// A review of an earlier map, whose decisions are history of a new review.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// The earlier map.
    pub output: &'a str,
    /// Name of its review; none for the only one.
    pub review: Option<&'a str>,
}

/// Creates a review of a map; `rules` is a TOML file with `reasons`, `classes`, `people` and `max_area_m2`.
///
/// # Errors
/// When the map or the rules cannot be read, the name is taken, or the store does not create conditionally.
pub fn review_new(output: &str, name: &str, rules: Option<&Path>) -> Result<NewReport> {
    review_new_after(output, name, rules, None)
}

/// The same with the decisions of an earlier map as history: they are shown beside features of the same object, and never count.
///
/// # Errors
/// As [`review_new`], and when the earlier map or its review cannot be read or was changed.
pub fn review_new_after(
    output: &str,
    name: &str,
    rules: Option<&Path>,
    after: Option<After<'_>>,
) -> Result<NewReport> {
    let rules = match rules {
        None => Rules::default(),
        Some(file) => {
            let failed = |reason: String| ReviewJobError::File { file: file.display().to_string(), reason };
            let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
            toml::from_str(&text).map_err(|error| failed(error.to_string().trim().to_owned()))?
        }
    };
    let map = ReviewedMap::open(output)?;
    let history = match after {
        None => None,
        Some(After { output, review }) => {
            let history = history(&map, output, review)?;
            let features = history.features.len();
            let (bytes, id) = history.to_bytes()?;
            Some((bytes, id, features))
        }
    };
    let of_map = || map.manifest.counts.features_per_class.keys().cloned().collect();
    let listed = |listed: Listed| Reviewer {
        person: Person { name: listed.name, function: listed.function, organization: listed.organization },
        key: listed.key,
    };
    let review = Review {
        format: REVIEW_FORMAT.to_owned(),
        name: name.to_owned(),
        map: MapRef { run_id: map.manifest.run_id.clone(), manifest_sha256: map.manifest_sha256 },
        created: now()?,
        reasons: rules.reasons.unwrap_or_else(Review::default_reasons),
        classes: rules.classes.unwrap_or_else(of_map),
        people: rules.people.into_iter().map(listed).collect(),
        max_area_m2: rules.max_area_m2.unwrap_or(MOST_M2),
        history: history.as_ref().map(|(_, id, _)| *id),
    };
    let with_history = history.as_ref().map_or(0, |(.., features)| *features);
    let bytes = history.map(|(bytes, ..)| bytes);
    let opened = OpenReview::create(map, review, bytes).context("cannot create the review")?;
    Ok(NewReport {
        review: opened.url().to_owned(),
        id: opened.id.to_string(),
        run_id: opened.review.map.run_id.clone(),
        reasons: opened.review.reasons.iter().map(|reason| reason.code.clone()).collect(),
        classes: opened.review.classes.clone(),
        people: opened.review.people.len(),
        with_history,
    })
}
