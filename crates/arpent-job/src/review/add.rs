//! `arpent review add`.

use std::collections::BTreeSet;
use std::io::BufRead;

use arpent_base::{Diagnostic as _, Result};
use arpent_review::{Key, Person, Statement, Time, table};
use serde::Serialize;
use serde_json::Value;

use super::error::ReviewJobError;
use super::extent::Extent;
use super::features::MapFeatures;
use super::store::{OpenReview, now};

/// Who decides, as given on the command line; a line of the input may name another person.
#[derive(Debug, Clone, Default)]
pub struct ReviewPerson {
    /// Name, function and organization; none where no part was given.
    pub person: Option<Person>,
    /// Private key, if the review lists a key of the person.
    pub key: Option<Key>,
}

/// Result of `arpent review add`, as printed.
#[derive(Debug, Serialize)]
pub struct AddReport {
    /// Address of the review.
    pub review: String,
    /// Ids of the decisions, in the order of the input.
    pub decisions: Vec<String>,
}

/// Adds decisions from JSON lines: an object a line, whose keys are the columns of `arpent review export`. All lines are
/// checked before the first decision is written. `from` names the input in messages.
///
/// # Errors
/// When a line cannot be used, which it names, or a feature is not in the map; nothing was written then. When the store
/// fails; decisions that were written before count.
pub fn review_add(
    output: &str,
    review: Option<&str>,
    person: &ReviewPerson,
    lines: &mut dyn BufRead,
    from: &str,
) -> Result<AddReport> {
    let opened = OpenReview::open(output, review)?;
    opened.check_map()?;
    let (time, mut statements) = (now()?, Vec::new());
    for (line, number) in lines.lines().zip(1..) {
        let bad = |reason: String, hint: Option<String>| ReviewJobError::Line {
            source_name: from.to_owned(),
            line: number,
            reason,
            hint: hint.unwrap_or_else(|| {
                "one JSON object a line, with the columns of `arpent review export`".to_owned()
            }),
        };
        let line = line.map_err(|error| bad(error.to_string(), None))?;
        if line.trim().is_empty() {
            continue;
        }
        let statement = statement_of_line(&line, person.person.as_ref(), time);
        let statement = statement.map_err(|error| bad(error.message(), error.hint()))?;
        statement.check(&opened.review).map_err(|error| bad(error.to_string(), error.hint()))?;
        statements.push(statement);
    }
    check_features(&opened, &statements)?;
    let mut log = opened.log()?;
    let ids = opened.append(&mut log, statements, person.key.as_ref())?;
    let decisions = ids.iter().map(ToString::to_string).collect();
    Ok(AddReport { review: opened.url().to_owned(), decisions })
}

/// A statement from a JSON object with the columns of the table of decisions.
///
/// # Errors
/// When it is no object, has an unknown key, or a value that is not allowed.
pub fn statement_of_line(line: &str, person: Option<&Person>, time: Time) -> Result<Statement> {
    let object: serde_json::Map<String, Value> = serde_json::from_str(line)?;
    let names: Vec<String> = table::columns().into_iter().map(|column| column.name).collect();
    if let Some(unknown) = object.keys().find(|key| !names.contains(key)) {
        let reason = format!("`{unknown}` is no column of decisions: {}", arpent_base::listed(&names));
        return Err(ReviewJobError::File { file: "the object".to_owned(), reason }.into());
    }
    let cell = |name: &str| match object.get(name)? {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            Some(items.iter().map(text).collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty())
        }
        other => Some(other.to_string()),
    };
    Ok(table::statement(&cell, person, time)?)
}

/// Checks that the features of statements are in the map, and corrected outlines where it is; memory grows with the statements.
pub(super) fn check_features(opened: &OpenReview, statements: &[Statement]) -> Result<()> {
    let mut wanted: BTreeSet<&str> = statements.iter().map(|statement| statement.feature.as_str()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut extent = Extent::default();
    for statement in statements {
        extent.check(&opened.map, statement)?;
    }
    MapFeatures::open(&opened.map.target, &opened.map.manifest)?.each(None, &mut |feature| {
        wanted.remove(feature.id.as_str());
        Ok(())
    })?;
    match wanted.into_iter().next() {
        None => Ok(()),
        Some(feature) => {
            let (feature, output) = (feature.to_owned(), opened.map.target.url().to_owned());
            Err(ReviewJobError::NoSuchFeature { feature, output }.into())
        }
    }
}
