//! `arpent review import` of GeoPackages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use arpent_base::Result;
use arpent_base::number::wide;
use arpent_review::{Log, ObjectId, Person, Statement};
use serde::Serialize;

use super::error::GeoPackageError;
use super::rows::{Returned, plain_uuid, read};
use crate::review::add::{ReviewPerson, check_features};
use crate::review::store::{OpenReview, now};

/// Result of `arpent review import` of GeoPackages, as printed.
#[derive(Debug, Serialize)]
pub struct GeoPackageImport {
    /// Address of the review.
    pub review: String,
    /// Rows of persons in the files.
    pub rows: u64,
    /// Rows whose decision was there already.
    pub known: u64,
    /// Rows that were left out on request.
    pub left_out: u64,
    /// Ids of the new decisions.
    pub decisions: Vec<String>,
    /// What looks wrong and was imported all the same.
    pub warnings: Vec<String>,
}

/// What a row follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// What the file showed of the feature at its export.
    Export,
    /// An earlier row of the file, by its place.
    Row(usize),
}

/// Adds the rows of copies of files that [`review_export_geopackage`](super::review_export_geopackage) wrote. A row is one
/// decision, however often and in how many copies it comes. All files are checked before the first decision is written; then
/// one after the other is imported. `without` are ids of rows to leave out.
///
/// # Errors
/// When a file is not of this review, was changed, or a row cannot be used: nothing was written then. When the store fails;
/// decisions that were written before count, and the same import continues.
pub fn review_import_geopackages(
    output: &str,
    review: Option<&str>,
    files: &[PathBuf],
    person: &ReviewPerson,
    without: &[String],
) -> Result<GeoPackageImport> {
    let opened = OpenReview::open(output, review)?;
    opened.check_map()?;
    let (without, now): (BTreeSet<String>, _) = (without.iter().map(|id| plain_uuid(id)).collect(), now()?);
    let returned = files.iter().map(|file| read(file, &opened, now, &without)).collect::<Result<Vec<_>>>()?;
    check_copies(&returned)?;
    let mut log = opened.log()?;
    for file in &returned {
        check_log(file, &mut log)?;
        let statements: Vec<Statement> = file.rows.iter().map(|row| row.statement.clone()).collect();
        check_features(&opened, &statements)?;
    }
    let mut report = GeoPackageImport {
        review: opened.url().to_owned(),
        rows: 0,
        known: 0,
        left_out: 0,
        decisions: Vec::new(),
        warnings: Vec::new(),
    };
    for file in returned {
        let all = file.rows.len();
        report.rows += wide(all) + file.left_out;
        report.left_out += file.left_out;
        report.warnings.extend(file.warnings.iter().cloned());
        let ids = import(&opened, &mut log, &file, person)?;
        report.known += wide(all - ids.len());
        report.decisions.extend(ids.iter().map(ToString::to_string));
    }
    Ok(report)
}

/// Checks that rows with one id say one thing in all copies.
fn check_copies(files: &[Returned]) -> Result<()> {
    let mut known: BTreeMap<&str, (&Returned, &Statement)> = BTreeMap::new();
    for file in files {
        for row in &file.rows {
            match known.get(row.uuid.as_str()) {
                None => drop(known.insert(&row.uuid, (file, &row.statement))),
                Some((_, same)) if **same == row.statement => {}
                Some((other, _)) => {
                    return Err(GeoPackageError::Altered {
                        file: file.file.clone(),
                        table: row.table,
                        row: row.fid.clone(),
                        uuid: row.uuid.clone(),
                        reason: format!("it says something else in {}", other.file),
                    }
                    .into());
                }
            }
        }
    }
    Ok(())
}

/// Checks rows against the decisions that are there: those that the file showed, and those that were made of its rows.
fn check_log(file: &Returned, log: &mut Log) -> Result<()> {
    for row in &file.rows {
        let missing = row.seen.iter().chain(&row.statement.previous).find(|id| !log.has_decision(id));
        if let Some(id) = missing {
            let (file, decision) = (file.file.clone(), id.to_string());
            return Err(GeoPackageError::Behind { file, decision }.into());
        }
    }
    let statements: Vec<&Statement> = file.rows.iter().map(|row| &row.statement).collect();
    for (row, entered) in file.rows.iter().zip(log.entered(&statements)?) {
        if let Some((id, false)) = entered {
            return Err(GeoPackageError::Altered {
                file: file.file.clone(),
                table: row.table,
                row: row.fid.clone(),
                uuid: row.uuid.clone(),
                reason: format!("it was imported before as the decision {id}, which says something else"),
            }
            .into());
        }
    }
    Ok(())
}

/// Writes the rows of a file that are new, each after what its author had seen: the rows of the file before it about the
/// feature, or what the file showed at its export. Of a task, only the author's own rows.
fn import(
    opened: &OpenReview,
    log: &mut Log,
    file: &Returned,
    person: &ReviewPerson,
) -> Result<Vec<ObjectId>> {
    let statements: Vec<&Statement> = file.rows.iter().map(|row| &row.statement).collect();
    let entered = log.entered(&statements)?;
    let mut last: BTreeMap<(&str, Option<&Person>), usize> = BTreeMap::new();
    let mut befores = Vec::with_capacity(file.rows.len());
    for (at, row) in file.rows.iter().enumerate() {
        let own = row.statement.task.is_some().then_some(&row.statement.person);
        let before = last.insert((row.statement.feature.as_str(), own), at);
        befores.push(before.map_or(Before::Export, Before::Row));
    }
    let new: Vec<usize> = (0..file.rows.len()).filter(|at| entered[*at].is_none()).collect();
    let statements = new.iter().map(|at| file.rows[*at].statement.clone()).collect();
    opened.append_with(log, statements, person.key.as_ref(), &mut |_, made, statement| {
        // What a row says itself that its author had seen is taken as it is.
        if !statement.previous.is_empty() {
            return;
        }
        let at = new[made.len()];
        statement.previous = match befores[at] {
            Before::Export => file.rows[at].seen.clone(),
            Before::Row(before) => {
                let known = entered[before].map(|(id, _)| id);
                let id = known.or_else(|| made.get(new.partition_point(|row| *row < before)).copied());
                id.into_iter().collect()
            }
        };
    })
}
