//! `arpent review import --from aigle`: statuses as decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arpent_base::number::wide;
use arpent_base::{Result, sha256_hex};
use arpent_review::{Person, Statement, Time, Verdict};
use serde::Serialize;

use super::error::AigleError;
use super::export::FILES;
use crate::review::add::{ReviewPerson, check_features};
use crate::review::store::OpenReview;

/// Verdicts in the order in which AIGLE merges those of one object, the strongest first.
const PRIORITY: [Verdict; 4] =
    [Verdict::Illegal, Verdict::Invalidated, Verdict::Legitimate, Verdict::Suspect];

/// Who the users of AIGLE are: they have an address and no name there.
#[derive(Debug, Clone, Default)]
pub struct AiglePerson {
    /// CSV with the columns `email`, `name`, `function` and `organization`.
    pub people: Option<PathBuf>,
    /// `EMAIL=NAME;FUNCTION;ORGANIZATION`.
    pub person_of: Vec<String>,
}

/// Result of `arpent review import --from aigle`, as printed.
#[derive(Debug, Serialize)]
pub struct AigleImport {
    /// Address of the review.
    pub review: String,
    /// Rows of the file.
    pub rows: u64,
    /// Rows of other batches.
    pub other_batches: u64,
    /// Rows that nobody has verified.
    pub empty: u64,
    /// Features whose decision was there already.
    pub known: u64,
    /// Ids of the new decisions.
    pub decisions: Vec<String>,
}

/// A status in AIGLE.
struct Status {
    verdict: Verdict,
    person: Person,
    time: Time,
}

/// Imports the statuses of a delivery: CSV with the columns `inference_id`, `batch_id`, `detection_validation_status`,
/// `user_email` and `updated_at`. `delivery` is the folder that [`review_export_aigle`](super::review_export_aigle) wrote.
///
/// Where the polygons of a feature have different statuses, its verdict is the one that AIGLE's order puts first, and the
/// comment lists all of them. A decision has seen what the same persons decided before, and nothing else: a contradiction
/// with others is a dispute.
///
/// # Errors
/// When a row cannot be used, which it names, or a user has no name: nothing was written then.
pub fn review_import_aigle(
    output: &str,
    review: Option<&str>,
    file: &Path,
    delivery: &Path,
    of: &AiglePerson,
    person: &ReviewPerson,
) -> Result<AigleImport> {
    let opened = OpenReview::open(output, review)?;
    opened.check_map()?;
    let people = people(of)?;
    let features = delivered(&delivery.join(FILES[2]))?;
    let mut report = AigleImport {
        review: opened.url().to_owned(),
        rows: 0,
        other_batches: 0,
        empty: 0,
        known: 0,
        decisions: Vec::new(),
    };
    let statuses = statuses(file, &features, &people, &mut report)?;
    let statements: Vec<Statement> =
        statuses.into_iter().map(|(feature, statuses)| statement(feature, statuses)).collect();
    for statement in &statements {
        statement.check(&opened.review)?;
    }
    check_features(&opened, &statements)?;
    let mut log = opened.log()?;
    let entered = log.entered(&statements.iter().collect::<Vec<_>>())?;
    let all = statements.len();
    let new = statements.into_iter().zip(entered).filter(|(_, entered)| entered.is_none());
    let new: Vec<Statement> = new.map(|(statement, _)| statement).collect();
    report.known = wide(all - new.len());
    let users: Vec<&Person> = people.values().collect();
    let ids = opened.append_with(&mut log, new, person.key.as_ref(), &mut |known, _, statement| {
        statement.previous = known.previous_of(&statement.feature, &users);
    })?;
    report.decisions = ids.iter().map(ToString::to_string).collect();
    Ok(report)
}

/// Feature by number of a row and of a batch.
type Delivered = BTreeMap<(i64, i64), String>;

fn table(file: &Path, columns: &[&str]) -> Result<(csv::Reader<std::fs::File>, Vec<usize>)> {
    let shown = file.display().to_string();
    let failed = |reason: String| AigleError::File { file: shown.clone(), reason };
    let mut reader = csv::Reader::from_path(file).map_err(|error| failed(error.to_string()))?;
    let header = reader.headers().map_err(|error| failed(error.to_string()))?.clone();
    let place = |column: &&str| {
        let found = header.iter().position(|name| name.trim_start_matches('\u{feff}') == *column);
        found.ok_or_else(|| failed(format!("no column `{column}`")))
    };
    let places = columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    Ok((reader, places))
}

/// Passes the cells of each row, with its line.
fn rows(file: &Path, columns: &[&str], each: &mut dyn FnMut(u64, &[&str]) -> Result<()>) -> Result<()> {
    let shown = file.display().to_string();
    let (mut reader, places) = table(file, columns)?;
    for record in reader.records() {
        let failed = |error: csv::Error| AigleError::File { file: shown.clone(), reason: error.to_string() };
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<&str> = places.iter().map(|at| record.get(*at).unwrap_or_default().trim()).collect();
        each(line, &cells)?;
    }
    Ok(())
}

fn delivered(file: &Path) -> Result<Delivered> {
    let mut features = BTreeMap::new();
    rows(file, &["inference_id", "batch_id", "feature"], &mut |line, cells| {
        let number =
            |at: usize| cells[at].parse::<i64>().map_err(|_| bad(file, line, cells[at], "a whole number"));
        features.insert((number(1)?, number(0)?), cells[2].to_owned());
        Ok(())
    })?;
    Ok(features)
}

fn bad(file: &Path, line: u64, found: &str, expected: &str) -> AigleError {
    let reason =
        format!("line {line}: `{}`, expected {expected}", found.chars().take(60).collect::<String>());
    AigleError::File { file: file.display().to_string(), reason }
}

/// The persons by the address of their account, in lower case.
fn people(of: &AiglePerson) -> Result<BTreeMap<String, Person>> {
    let mut people = BTreeMap::new();
    let person = |name: &str, function: &str, organization: &str| Person {
        name: name.trim().to_owned(),
        function: function.trim().to_owned(),
        organization: organization.trim().to_owned(),
    };
    if let Some(file) = &of.people {
        rows(file, &["email", "name", "function", "organization"], &mut |_, cells| {
            people.insert(cells[0].to_lowercase(), person(cells[1], cells[2], cells[3]));
            Ok(())
        })?;
    }
    for argument in &of.person_of {
        let expected = "EMAIL=NAME;FUNCTION;ORGANIZATION";
        let bad = || AigleError::Argument { argument: argument.clone(), expected };
        let (email, rest) = argument.split_once('=').ok_or_else(bad)?;
        let [name, function, organization] = rest.split(';').collect::<Vec<_>>()[..] else {
            return Err(bad().into());
        };
        people.insert(email.trim().to_lowercase(), person(name, function, organization));
    }
    people.values().try_for_each(Person::check)?;
    Ok(people)
}

/// The statuses of each feature.
fn statuses(
    file: &Path,
    features: &Delivered,
    people: &BTreeMap<String, Person>,
    report: &mut AigleImport,
) -> Result<BTreeMap<String, Vec<Status>>> {
    let batches: BTreeSet<i64> = features.keys().map(|(batch, _)| *batch).collect();
    let columns = ["inference_id", "batch_id", "detection_validation_status", "user_email", "updated_at"];
    let mut statuses: BTreeMap<String, Vec<Status>> = BTreeMap::new();
    rows(file, &columns, &mut |line, cells| {
        let number =
            |at: usize| cells[at].parse::<i64>().map_err(|_| bad(file, line, cells[at], "a whole number"));
        report.rows += 1;
        let (id, batch) = (number(0)?, number(1)?);
        if !batches.contains(&batch) {
            report.other_batches += 1;
            return Ok(());
        }
        let feature = features.get(&(batch, id));
        let feature =
            feature.ok_or_else(|| bad(file, line, cells[0], "an `inference_id` of the delivery"))?;
        let expected = "DETECTED_NOT_VERIFIED, SUSPECT, ILLEGAL, LEGITIMATE or INVALIDATED";
        let verdict = match cells[2] {
            "" => Verdict::NotVerified,
            state => Verdict::of_aigle(state).ok_or_else(|| bad(file, line, state, expected))?,
        };
        if verdict == Verdict::NotVerified {
            report.empty += 1;
            return Ok(());
        }
        let person = people.get(&cells[3].to_lowercase()).cloned().ok_or_else(|| AigleError::NoName {
            file: file.display().to_string(),
            line,
            email: cells[3].to_owned(),
        })?;
        // PostgreSQL writes a space between date and time, and hours alone as the offset.
        let time = cells[4].replacen(' ', "T", 1);
        let time = if time.get(time.len().saturating_sub(3)..).is_some_and(|end| end.starts_with(['+', '-']))
        {
            format!("{time}:00")
        } else {
            time
        };
        let time =
            time.parse().map_err(|_| bad(file, line, cells[4], "a time with its offset (RFC 3339)"))?;
        statuses.entry(feature.clone()).or_default().push(Status { verdict, person, time });
        Ok(())
    })?;
    Ok(statuses)
}

/// The decision of a feature: of several statuses, the one that AIGLE puts first.
fn statement(feature: String, mut statuses: Vec<Status>) -> Statement {
    let rank = |status: &Status| PRIORITY.iter().position(|verdict| *verdict == status.verdict);
    statuses.sort_by_key(|status| (rank(status), status.time));
    let all: BTreeSet<&str> = statuses.iter().filter_map(|status| status.verdict.aigle()).collect();
    let comment =
        (all.len() > 1).then(|| format!("AIGLE: {}", all.into_iter().collect::<Vec<_>>().join(", ")));
    let Status { verdict, person, time } = statuses.swap_remove(0);
    let row = format!("aigle\n{feature}\n{}\n{time}\n{}\n{comment:?}", verdict.name(), person.name);
    let uuid = sha256_hex(row.as_bytes()).get(..32).map(str::to_owned);
    Statement { comment, uuid, ..Statement::new(feature, verdict, person, time) }
}
