//! The verdicts of persons, from the filled tables of a sample.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arpent_base::{Result, Value};
use arpent_gdal::{LayerSource, read_features};

use super::sample_error::SampleError;
use super::sample_file::{SAMPLE_CSV, SAMPLE_GPKG, SAMPLE_JSON, SampleFile, SampleUnit, UnitKind};

/// The columns that are read of a filled table.
const COLUMNS: [&str; 6] = ["id", "verdict", "reference_from", "reference_to", "reference_m2", "person"];

/// What became of the ground of a unit in truth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// As mapped; `changed_m2` if only a part of an event changed.
    Right {
        changed_m2: Option<f64>,
    },
    /// Not as mapped: the classes before and after if it changed, and the ground that did.
    Wrong {
        change: Option<(String, String)>,
        changed_m2: Option<f64>,
    },
    NotSure,
}

impl Verdict {
    fn shown(&self) -> String {
        let area = |m2: &Option<f64>| m2.map_or_else(String::new, |m2| format!(", {m2} m2"));
        match self {
            Self::Right { changed_m2 } => format!("right{}", area(changed_m2)),
            Self::Wrong { change: None, .. } => "wrong (no change)".to_owned(),
            Self::Wrong { change: Some((from, to)), changed_m2 } => {
                format!("wrong ({from} > {to}{})", area(changed_m2))
            }
            Self::NotSure => "not sure".to_owned(),
        }
    }
}

/// A filled row.
#[derive(Debug, Clone)]
struct Answer {
    verdict: Verdict,
    person: String,
    file: PathBuf,
    row: u64,
}

impl Answer {
    fn shown(&self) -> String {
        let Self { verdict, person, file, row } = self;
        format!("{} by {person} ({}, row {row})", verdict.shown(), file.display())
    }
}

/// The verdict on a unit, and the persons who gave it.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) persons: BTreeSet<String>,
}

/// The verdicts on a sample, of all persons.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdicts {
    /// By the id of the unit; right or wrong.
    pub(crate) judged: BTreeMap<String, Judged>,
    /// Units that persons were not sure of.
    pub(crate) not_sure: u64,
    /// Units without a verdict.
    pub(crate) empty: u64,
}

/// A row of a filled table.
struct Row {
    number: u64,
    /// Texts of the [`COLUMNS`], without spaces around them.
    texts: [String; 6],
}

/// The sample that files or folders belong to, and the tables to read.
pub(crate) fn find(named: &[PathBuf]) -> Result<(SampleFile, Vec<PathBuf>), SampleError> {
    let (mut tables, mut described) = (Vec::new(), BTreeSet::new());
    for path in named {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        if path.is_dir() {
            let all = [SAMPLE_CSV, SAMPLE_GPKG].map(|name| path.join(name));
            tables.extend(all.into_iter().filter(|table| table.is_file()));
        } else {
            tables.push(path.clone());
        }
        let file = folder.join(SAMPLE_JSON);
        if file.is_file() {
            described.insert(file);
        }
    }
    let mut described = described.into_iter();
    let missing = || SampleError::NoSampleFile { file: named.first().cloned().unwrap_or_default() };
    let first = described.next().ok_or_else(missing)?;
    let sample = SampleFile::read(&first)?;
    for other in described {
        if SampleFile::read(&other)? != sample {
            return Err(SampleError::OtherSample { one: first, other });
        }
    }
    Ok((sample, tables))
}

/// Reads the verdicts of all tables, and checks them against the sample.
pub(crate) fn gather(sample: &SampleFile, tables: &[PathBuf]) -> Result<Verdicts> {
    let units: BTreeMap<&str, &SampleUnit> =
        sample.units.iter().map(|unit| (unit.id.as_str(), unit)).collect();
    let mut answers: BTreeMap<String, (Answer, BTreeSet<String>)> = BTreeMap::new();
    for table in tables {
        for row in read(table, sample)? {
            let id = row.texts[0].clone();
            let Some(answer) = judge(sample, &units, table, row)? else { continue };
            let person = answer.person.clone();
            match answers.get_mut(&id) {
                None => {
                    answers.insert(id, (answer, BTreeSet::from([person])));
                }
                Some((first, persons)) if first.verdict == answer.verdict => {
                    persons.insert(person);
                }
                // A verdict replaces a doubt.
                Some((_, _)) if answer.verdict == Verdict::NotSure => {}
                Some((first, persons)) if first.verdict == Verdict::NotSure => {
                    (*first, *persons) = (answer, BTreeSet::from([person]));
                }
                Some((first, _)) => {
                    let (one, other) = (first.shown(), answer.shown());
                    return Err(SampleError::Contradiction { id, one, other }.into());
                }
            }
        }
    }
    let mut verdicts = Verdicts::default();
    for unit in &sample.units {
        match answers.remove(&unit.id) {
            None => verdicts.empty += 1,
            Some((answer, _)) if answer.verdict == Verdict::NotSure => verdicts.not_sure += 1,
            Some((answer, persons)) => {
                let judged = Judged { verdict: answer.verdict, persons };
                verdicts.judged.insert(unit.id.clone(), judged);
            }
        }
    }
    Ok(verdicts)
}

/// The rows with a verdict in the tables of a folder that a sample was written to. Without its description, only the CSV
/// file is read.
pub(crate) fn filled(folder: &Path) -> Result<u64> {
    let sample = SampleFile::read(&folder.join(SAMPLE_JSON)).ok();
    let [csv, layer] = [SAMPLE_CSV, SAMPLE_GPKG].map(|name| folder.join(name));
    let mut rows = Vec::new();
    if csv.is_file() {
        rows.extend(read_csv(&csv)?);
    }
    if let Some(sample) = sample.filter(|_| layer.is_file()) {
        rows.extend(read_layer(&layer, &sample)?);
    }
    Ok(arpent_base::number::wide(rows.iter().filter(|row| !row.texts[1].is_empty()).count()))
}

fn read(table: &Path, sample: &SampleFile) -> Result<Vec<Row>> {
    let is_csv =
        table.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("txt"));
    if is_csv { Ok(read_csv(table)?) } else { read_layer(table, sample) }
}

fn read_layer(table: &Path, sample: &SampleFile) -> Result<Vec<Row>> {
    let uri = table.to_string_lossy();
    let source = LayerSource { fields: &COLUMNS, ..LayerSource::new(&uri, &sample.crs) };
    let mut rows = Vec::new();
    read_features(&source, &mut |feature| -> Result<()> {
        let text = |at: usize| {
            let value = feature.values[at].as_ref().map(Value::to_string).unwrap_or_default();
            value.trim().to_owned()
        };
        rows.push(Row { number: feature.number, texts: std::array::from_fn(text) });
        Ok(())
    })?;
    Ok(rows)
}

/// Reads a table as spreadsheet programs write it: with a byte order mark or without, with commas, semicolons or tabs.
fn read_csv(table: &Path) -> Result<Vec<Row>, SampleError> {
    let unreadable = |problem: String| SampleError::Unreadable { file: table.to_owned(), problem };
    let bytes = std::fs::read(table).map_err(|error| unreadable(error.to_string()))?;
    let text =
        std::str::from_utf8(&bytes).map_err(|error| unreadable(format!("it is not UTF-8: {error}")))?;
    let text = text.trim_start_matches('\u{feff}');
    let header = text.lines().next().unwrap_or_default();
    let occurrences = |delimiter: &u8| header.bytes().filter(|byte| byte == delimiter).count();
    let delimiter = *b",;\t".iter().max_by_key(|delimiter| occurrences(delimiter)).unwrap_or(&b',');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let failed = |error: csv::Error| unreadable(error.to_string());
    let names: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    let mut places = [0; 6];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let at = names.iter().position(|name| name.eq_ignore_ascii_case(column));
        *place = at.ok_or_else(|| SampleError::NoColumn {
            file: table.to_owned(),
            column,
            available: names.join(", "),
        })?;
    }
    let mut rows = Vec::new();
    for (number, record) in (1..).zip(reader.records()) {
        let record = record.map_err(failed)?;
        let texts = places.map(|place| record.get(place).unwrap_or_default().to_owned());
        rows.push(Row { number, texts });
    }
    Ok(rows)
}

const VERDICT_HINT: &str = "write right, wrong or not sure into `verdict`, or leave the row empty";
const CLASSES_HINT: &str = "write the true classes into `reference_from` and `reference_to`; an event that is wrong and has none did not change";
const AREA_HINT: &str = "write the square meters of the unit that truly changed into `reference_m2`";

/// The verdict of a row; `None` for one that is empty.
fn judge(
    sample: &SampleFile,
    units: &BTreeMap<&str, &SampleUnit>,
    table: &Path,
    row: Row,
) -> Result<Option<Answer>, SampleError> {
    let Row { number, texts: [id, verdict, from, to, m2, person] } = row;
    let refused = |problem: &str, hint: &'static str| SampleError::Row {
        file: table.to_owned(),
        row: number,
        id: id.clone(),
        problem: problem.to_owned(),
        hint,
    };
    let unit = units.get(id.as_str()).ok_or_else(|| {
        refused("is not in the sample", "keep the column `id` as it is, and add no rows to the sample")
    })?;
    let has_reference = !from.is_empty() || !to.is_empty() || !m2.is_empty();
    if verdict.is_empty() {
        return if has_reference {
            Err(refused("has a reference, but no verdict", VERDICT_HINT))
        } else {
            Ok(None)
        };
    }
    if person.is_empty() {
        let hint = "write the name of the person who decided into `person`";
        return Err(refused("has a verdict, but no person", hint));
    }
    for class in [&from, &to].into_iter().filter(|class| !class.is_empty()) {
        if !sample.change.classes.contains(class) {
            let classes = sample.change.classes.join(", ");
            return Err(refused(&format!("`{class}` is not a class; the classes: {classes}"), CLASSES_HINT));
        }
    }
    let changed_m2 = match m2.as_str() {
        "" => None,
        text => {
            let value = text.replace(',', ".").parse::<f64>().ok();
            let most = unit.area_m2 * (1.0 + 1e-6);
            let value = value.filter(|value| *value >= 0.0 && *value <= most).ok_or_else(|| {
                refused(&format!("`reference_m2` is {text}, expected 0 to {}", unit.area_m2), AREA_HINT)
            })?;
            Some(value.min(unit.area_m2))
        }
    };
    let classes = match (from.is_empty(), to.is_empty()) {
        (true, true) => None,
        (false, false) => Some((from, to)),
        _ => return Err(refused("has one true class, expected both or none", CLASSES_HINT)),
    };
    let mapped = unit.from_class.clone().zip(unit.to_class.clone());
    let verdict = match (verdict.to_lowercase().replace('_', " ").as_str(), unit.what) {
        ("not sure", _) => Verdict::NotSure,
        ("right", UnitKind::Cell) if has_reference => {
            return Err(refused("is a right cell with a reference, which is for wrong ones", CLASSES_HINT));
        }
        ("right", UnitKind::Cell) => Verdict::Right { changed_m2: None },
        ("right", UnitKind::Event) if classes.is_some() && classes != mapped => {
            return Err(refused("is right, but its true classes are not those mapped", CLASSES_HINT));
        }
        ("right", UnitKind::Event) if changed_m2 == Some(0.0) => {
            return Err(refused("is right, but nothing of it changed", AREA_HINT));
        }
        ("right", UnitKind::Event) => Verdict::Right { changed_m2 },
        ("wrong", UnitKind::Cell) => {
            let change = classes.filter(|(from, to)| from != to);
            let change = change.ok_or_else(|| {
                refused("is a wrong cell, which needs the true classes before and after", CLASSES_HINT)
            })?;
            let changed_m2 = changed_m2.filter(|m2| *m2 > 0.0);
            let changed_m2 = changed_m2
                .ok_or_else(|| refused("is a wrong cell, which needs the ground that changed", AREA_HINT))?;
            Verdict::Wrong { change: Some(change), changed_m2: Some(changed_m2) }
        }
        ("wrong", UnitKind::Event) => {
            let change = classes.filter(|(from, to)| from != to);
            match &change {
                Some(_) if change == mapped => {
                    return Err(refused("is wrong, but its true classes are those mapped", CLASSES_HINT));
                }
                Some(_) if changed_m2 == Some(0.0) => {
                    return Err(refused("has other true classes, but nothing of it changed", AREA_HINT));
                }
                None if changed_m2.is_some_and(|m2| m2 > 0.0) => {
                    return Err(refused("changed, but has no true classes", CLASSES_HINT));
                }
                _ => {}
            }
            let changed_m2 = changed_m2.filter(|_| change.is_some());
            Verdict::Wrong { change, changed_m2 }
        }
        _ => {
            let problem = format!("the verdict is `{verdict}`, expected right, wrong or not sure");
            return Err(refused(&problem, VERDICT_HINT));
        }
    };
    Ok(Some(Answer { verdict, person, file: table.to_owned(), row: number }))
}
