//! `arpent review import` and `arpent review export`: decisions as CSV.

use std::collections::BTreeSet;
use std::path::Path;

use arpent_base::{Diagnostic as _, Result};
use arpent_review::{Log, Statement, table};
use serde::Serialize;

use super::add::{ReviewPerson, check_features};
use super::error::ReviewJobError;
use super::sample::create;
use super::store::{OpenReview, now};

/// Characters at the start of a cell that spreadsheets take for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Result of `arpent review import`, as printed.
#[derive(Debug, Serialize)]
pub struct ImportReport {
    /// Address of the review.
    pub review: String,
    /// Rows of the file.
    pub rows: u64,
    /// Rows whose decision was there already.
    pub known: u64,
    /// Rows without a verdict: nobody has decided yet.
    pub empty: u64,
    /// Ids of the new decisions.
    pub decisions: Vec<String>,
}

/// Result of `arpent review export`, as printed.
#[derive(Debug, Serialize)]
pub struct ExportReport {
    /// The file.
    pub file: String,
    /// Decisions in it.
    pub decisions: u64,
}

/// Imports the rows of a CSV file as decisions. Rows that state what the log has already are left out, so that a file can
/// be imported again.
///
/// # Errors
/// When a row cannot be used, which it names; nothing was written then.
pub fn review_import(
    output: &str,
    review: Option<&str>,
    file: &Path,
    person: &ReviewPerson,
) -> Result<ImportReport> {
    let opened = OpenReview::open(output, review)?;
    opened.check_map()?;
    let name = file.display().to_string();
    let failed = |reason: String| ReviewJobError::File { file: name.clone(), reason };
    let mut reader = csv::Reader::from_path(file).map_err(|error| failed(error.to_string()))?;
    let columns: Vec<String> =
        reader.headers().map_err(|error| failed(error.to_string()))?.iter().map(str::to_owned).collect();
    let place = |column: &str| columns.iter().position(|name| name.trim_start_matches('\u{feff}') == column);
    for column in ["feature", "verdict"] {
        place(column)
            .ok_or_else(|| ReviewJobError::NoColumn { file: name.clone(), column: column.to_owned() })?;
    }
    let mut log = opened.log()?;
    let (time, mut statements) = (now()?, Vec::new());
    let mut report =
        ImportReport { review: opened.url().to_owned(), rows: 0, known: 0, empty: 0, decisions: Vec::new() };
    for record in reader.records() {
        let line = record.as_ref().ok().and_then(csv::StringRecord::position).map_or(0, csv::Position::line);
        let bad = |reason: String, hint: Option<String>| ReviewJobError::Line {
            source_name: name.clone(),
            line,
            reason,
            hint: hint.unwrap_or_else(|| "save the table as CSV in UTF-8, with commas".to_owned()),
        };
        let record = record.map_err(|error| bad(error.to_string(), None))?;
        let cell = |column: &str| {
            let text = place(column).and_then(|at| record.get(at)).filter(|text| !text.is_empty());
            text.map(|text| plain(text).to_owned())
        };
        report.rows += 1;
        let known = cell("id").and_then(|id| id.parse().ok()).is_some_and(|id| log.has_decision(&id));
        if known {
            report.known += 1;
            continue;
        }
        if cell("verdict").is_none() && cell("kind").is_none_or(|kind| kind == "verdict") {
            report.empty += 1;
            continue;
        }
        let statement = table::statement(&cell, person.person.as_ref(), time);
        let statement = statement.map_err(|error| bad(error.to_string(), error.hint()))?;
        statement.check(&opened.review).map_err(|error| bad(error.to_string(), error.hint()))?;
        statements.push((statement, cell("time").is_some()));
    }
    let statements = new_ones(&opened, &mut log, statements, &mut report)?;
    check_features(&opened, &statements)?;
    let ids = opened.append(&mut log, statements, person.key.as_ref())?;
    report.decisions = ids.iter().map(ToString::to_string).collect();
    Ok(report)
}

/// The statements that say something new: the log has none of them, and of those without a time of their own, the newest
/// decision of the person about the feature says something else.
fn new_ones(
    opened: &OpenReview,
    log: &mut Log,
    rows: Vec<(Statement, bool)>,
    report: &mut ImportReport,
) -> Result<Vec<Statement>> {
    let features: BTreeSet<&str> = rows.iter().map(|(statement, _)| statement.feature.as_str()).collect();
    let known = log.known(&features);
    let mut unlike = Vec::with_capacity(rows.len());
    for (statement, is_timed) in rows {
        if !is_timed && known.repeats(&statement, &opened.review)? {
            report.known += 1;
        } else {
            unlike.push(statement);
        }
    }
    let mut stated = log.stated(&unlike)?.into_iter();
    let before = unlike.len();
    unlike.retain(|_| !stated.next().unwrap_or_default());
    report.known += arpent_base::number::wide(before - unlike.len());
    Ok(unlike)
}

/// Exports all decisions as CSV, in the order of their ids.
///
/// # Errors
/// When the review cannot be read, or the file is there or cannot be written.
pub fn review_export(output: &str, review: Option<&str>, file: &Path) -> Result<ExportReport> {
    let opened = OpenReview::open(output, review)?;
    let failed = |reason: String| ReviewJobError::File { file: file.display().to_string(), reason };
    create(file, b"")?;
    let written =
        std::fs::File::options().write(true).open(file).map_err(|error| failed(error.to_string()))?;
    let mut writer = csv::Writer::from_writer(std::io::BufWriter::new(written));
    let names: Vec<String> = table::columns().into_iter().map(|column| column.name).collect();
    writer.write_record(&names).map_err(|error| failed(error.to_string()))?;
    let mut decisions = 0;
    opened.each_decision(&mut |id, decision| {
        let row = table::row(&id, &decision);
        let cells = row.into_iter().map(|cell| escaped(cell.unwrap_or_default()));
        writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
        decisions += 1;
        Ok(())
    })?;
    writer.flush().map_err(|error| failed(error.to_string()))?;
    Ok(ExportReport { file: file.display().to_string(), decisions })
}

/// A cell that no spreadsheet takes for a formula: with an apostrophe before it, as before a text that begins with one.
fn escaped(text: String) -> String {
    if text.starts_with(FORMULA) || text.starts_with('\'') { format!("'{text}") } else { text }
}

/// The text of an escaped cell.
fn plain(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) || rest.starts_with('\'') => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_and_are_no_formulas() {
        for text in ["", "a", "=1+1", "'=1", "''", "-2", "'a", "@x", "\tx"] {
            let cell = escaped(text.to_owned());
            assert_eq!(plain(&cell), text);
            assert!(!cell.starts_with(FORMULA), "{cell}");
        }
        // As a spreadsheet saves it that has dropped the apostrophe.
        assert_eq!(plain("=1+1"), "=1+1");
    }
}
