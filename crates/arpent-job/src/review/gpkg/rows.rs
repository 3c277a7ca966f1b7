//! The rows of a GeoPackage that came back, after a check that it is what was exported.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use arpent_base::{Failure, Result};
use arpent_gdal::{
    GdalError, GeoPackage, InvalidGeometries, LayerGeometry, LayerSource, describe_crs, read_features,
};
use arpent_review::{Geometry, ObjectId, Statement, TaskRef, Time, table};

use super::error::GeoPackageError;
use super::schema::{self, Entered, FORMAT, FORMER, OUTLINES};
use crate::review::error::ReviewJobError;
use crate::review::features::outline_of;
use crate::review::store::OpenReview;

/// Milliseconds by which clocks may differ without a warning.
const SKEW_MS: i64 = 5 * 60 * 1000;
/// Warnings of one kind that are listed; further ones are counted.
const LISTED: usize = 5;

/// A row in which a person decided.
#[derive(Debug)]
pub(super) struct Row {
    /// The table that it is in.
    pub(super) table: &'static str,
    /// Its `fid`.
    pub(super) fid: String,
    /// Its id, as statements have it.
    pub(super) uuid: String,
    pub(super) statement: Statement,
    /// Newest decisions about the feature that the file showed, ascending; none where it showed none.
    pub(super) seen: Vec<ObjectId>,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) file: String,
    pub(super) rows: Vec<Row>,
    /// Rows that were left out on request.
    pub(super) left_out: u64,
    pub(super) warnings: Vec<String>,
}

/// Reads the rows that were added to a file since its export.
///
/// # Errors
/// When it is no file of this review, was changed otherwise, or a row cannot be used.
pub(super) fn read(
    path: &Path,
    opened: &OpenReview,
    now: Time,
    without: &BTreeSet<String>,
) -> Result<Returned> {
    let file = path.display().to_string();
    if let Err(error) = std::fs::metadata(path) {
        return Err(ReviewJobError::File { file, reason: error.to_string() }.into());
    }
    let unlike = |error: GdalError| GeoPackageError::NotAReview {
        file: file.clone(),
        reason: match error {
            GdalError::NotAVector { message, .. } => message,
            other => other.to_string(),
        },
    };
    let mut warnings = Vec::new();
    if GeoPackage::lacks_log(path)? {
        warnings.push(format!(
            "{file} was copied while a program had it open: rows that were added last may be missing. Close the project there and copy it again"
        ));
    }
    let package = GeoPackage::open(path).map_err(unlike)?;
    let reader = Reader { package, file, opened };
    let exported = reader.head()?;
    reader.check_schema(exported.has_outlines)?;
    reader.check_exported(exported.decisions)?;
    let (mut rows, mut left_out) = (Vec::new(), 0);
    for entered in Entered::of_format(exported.has_outlines) {
        warnings.extend(reader.check_numbers(entered.name())?);
        let (added, without) = reader.rows(*entered, without, now)?;
        rows = merged(rows, added);
        left_out += without;
    }
    warnings.extend(reader.clocks(&rows, exported.time, now));
    Ok(Returned { file: reader.file, rows, left_out, warnings })
}

struct Head {
    time: Time,
    decisions: u64,
    /// Whether the file has a layer of outlines.
    has_outlines: bool,
}

/// The rows of two tables in the order in which they were entered: that of each table, which is certain, and between the tables
/// that of their times.
fn merged(one: Vec<Row>, other: Vec<Row>) -> Vec<Row> {
    let mut all = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while let (Some(first), Some(second)) = (one.peek(), other.peek()) {
        let is_first = first.statement.time <= second.statement.time;
        all.extend(if is_first { one.next() } else { other.next() });
    }
    all.extend(one);
    all.extend(other);
    all
}

struct Reader<'a> {
    package: GeoPackage,
    file: String,
    opened: &'a OpenReview,
}

/// The text of a cell: empty text is no value.
fn text(cell: Option<&[u8]>) -> Result<Option<String>, String> {
    let Some(bytes) = cell else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8".to_owned())?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

impl Reader<'_> {
    fn select(&self, expressions: &[&str], from: &str) -> Result<Vec<Vec<Option<String>>>> {
        let mut all = Vec::new();
        let unlike = |reason: String| GeoPackageError::NotAReview { file: self.file.clone(), reason };
        self.package.rows(expressions, from, &mut |cells| -> Result<()> {
            let cells = cells
                .iter()
                .map(|cell| text(cell.as_deref()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(unlike)?;
            all.push(cells);
            Ok(())
        })?;
        Ok(all)
    }

    fn changed(&self, what: impl Into<String>) -> GeoPackageError {
        GeoPackageError::Changed { file: self.file.clone(), what: what.into() }
    }

    /// Checks which review and map the file is of.
    fn head(&self) -> Result<Head> {
        let unlike =
            |reason: &str| GeoPackageError::NotAReview { file: self.file.clone(), reason: reason.to_owned() };
        if self.select(&["name"], "sqlite_master WHERE type = 'table' AND name = 'review'")?.is_empty() {
            return Err(unlike("it has no table `review`").into());
        }
        let columns = ["format", "review", "run_id", "manifest_sha256", "exported", "decisions"];
        let rows = self.select(
            &columns.map(|name| format!("\"{name}\"")).each_ref().map(String::as_str),
            "\"review\"",
        )?;
        let [row] = &rows[..] else {
            return Err(unlike("its table `review` does not have one row").into());
        };
        let value = |at: usize| row[at].clone().unwrap_or_default();
        if ![FORMAT, FORMER].contains(&&*value(0)) {
            return Err(
                unlike(&format!("its format is `{}`, expected {FORMAT} or {FORMER}", value(0))).into()
            );
        }
        let (review, map) = (self.opened.id.to_string(), &self.opened.review.map);
        let expected = [
            ("review", 1, review),
            ("map", 2, map.run_id.clone()),
            ("map", 3, map.manifest_sha256.to_string()),
        ];
        for (what, at, expected) in expected {
            if value(at) != expected {
                let (file, found) = (self.file.clone(), value(at));
                return Err(GeoPackageError::Foreign { file, what, found, expected }.into());
            }
        }
        let time =
            value(4).parse().map_err(|_| self.changed("its table `review` was changed: `exported`"))?;
        let decisions =
            value(5).parse().map_err(|_| self.changed("its table `review` was changed: `decisions`"))?;
        Ok(Head { time, decisions, has_outlines: value(0) == FORMAT })
    }

    /// Compares tables and triggers with those of an export.
    fn check_schema(&self, has_outlines: bool) -> Result<()> {
        for entered in Entered::of_format(has_outlines) {
            let table = entered.name();
            let from = format!("pragma_table_info('{table}') WHERE name NOT IN ('fid', 'geom') ORDER BY cid");
            let names: Vec<String> =
                self.select(&["name"], &from)?.into_iter().filter_map(|mut row| row.remove(0)).collect();
            let expected: Vec<String> = entered.columns().into_iter().map(|column| column.name).collect();
            if let Some(name) = expected.iter().find(|name| !names.contains(name)) {
                return Err(self.changed(format!("the table {table} lacks the column `{name}`")).into());
            }
            if let Some(name) = names.iter().find(|name| !expected.contains(name)) {
                return Err(self.changed(format!("the table {table} has a further column `{name}`")).into());
            }
        }
        let stored =
            self.select(&["type", "name", "sql"], "sqlite_master WHERE type IN ('table', 'trigger')")?;
        let sql = |kind: &str, name: &str| {
            let mut rows = stored.iter();
            let of = |row: &&Vec<Option<String>>| {
                row[0].as_deref() == Some(kind) && row[1].as_deref() == Some(name)
            };
            rows.find(of).map(|row| row[2].clone().unwrap_or_default())
        };
        let review = &self.opened.review;
        let triggers = schema::triggers(review, has_outlines).into_iter().map(|made| ("trigger", made));
        let all = schema::tables(review, has_outlines).into_iter().map(|made| ("table", made));
        for (kind, made) in all.chain(triggers) {
            match sql(kind, &made.name) {
                Some(sql) if sql == made.sql => {}
                Some(_) => return Err(self.changed(format!("the {kind} {} was changed", made.name)).into()),
                None => return Err(self.changed(format!("the {kind} {} is missing", made.name)).into()),
            }
        }
        Ok(())
    }

    /// Checks that the decisions of the export are there.
    fn check_exported(&self, exported: u64) -> Result<()> {
        let old = self.select(&["count(*)"], "\"decisions\" WHERE \"id\" IS NOT NULL")?;
        if old[0][0] != Some(exported.to_string()) {
            return Err(self.changed("decisions of the export were added or removed").into());
        }
        Ok(())
    }

    /// Whether rows of a table were removed: SQLite keeps the highest number that a row had.
    fn check_numbers(&self, table: &str) -> Result<Option<String>> {
        let numbers = self.select(
            &["count(*)", "coalesce(max(seq), 0)"],
            &format!("\"{table}\", (SELECT seq FROM sqlite_sequence WHERE name = '{table}')"),
        )?;
        let number = |at: usize| {
            numbers[0][at].as_deref().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
        };
        let missing = number(1).saturating_sub(number(0));
        Ok((missing > 0).then(|| {
            format!("{}, table {table}: {missing} of the {} numbers of rows are not there: rows were removed, or numbered by another program", self.file, number(1))
        }))
    }

    /// The outlines that were drawn, by the ids of their rows, in longitude and latitude: all, or only that of the row with an id,
    /// as it is written there.
    fn outlines(&self, only: Option<&str>) -> Result<HashMap<String, Geometry>> {
        let crs = describe_crs("EPSG:4326")?;
        let source = LayerSource {
            layer: Some(OUTLINES),
            fields: &["uuid"],
            only: only.map(|uuid| ("uuid", uuid)),
            // What a person drew is not repaired unseen.
            invalid: InvalidGeometries::Refuse,
            ..LayerSource::new(&self.file, &crs)
        };
        let mut outlines = HashMap::new();
        read_features(&source, &mut |feature| -> Result<()> {
            let uuid = feature.values[0].as_ref().map(ToString::to_string).unwrap_or_default();
            if let LayerGeometry::Polygons(parts) = &feature.geometry {
                outlines.insert(plain_uuid(&uuid), outline_of(parts));
            }
            Ok(())
        })?;
        Ok(outlines)
    }

    fn rows(&self, entered: Entered, without: &BTreeSet<String>, now: Time) -> Result<(Vec<Row>, u64)> {
        let table = entered.name();
        let names: Vec<String> = entered.columns().into_iter().map(|column| column.name).collect();
        // Where one of them cannot be read, each is read with its row, which can be left out.
        let mut outlines = if entered == Entered::Outlines { self.outlines(None).ok() } else { None };
        let mut expressions = vec!["d.\"fid\"".to_owned()];
        expressions.extend(names.iter().map(|name| format!("d.\"{name}\"")));
        let joined = ["id", "review_heads", "review_sample", "review_order"];
        expressions.extend(joined.map(|name| format!("f.\"{name}\"")));
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        // Decisions of the export have ids.
        let added = if entered == Entered::Decisions { "WHERE d.\"id\" IS NULL " } else { "" };
        let from = &format!(
            "\"{table}\" d LEFT JOIN \"features\" f ON f.\"id\" = d.\"feature\" {added}ORDER BY d.\"fid\""
        );
        let (mut rows, mut left_out) = (Vec::new(), 0);
        self.package.rows(&expressions, from, &mut |cells| -> Result<()> {
            let shown =
                |at: usize| cells[at].as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let fid = shown(0).unwrap_or_default();
            let place = |name: &str| names.iter().position(|known| known == name).map(|at| at + 1);
            let written = place("uuid").and_then(shown).unwrap_or_default();
            let uuid = plain_uuid(&written);
            if without.contains(&uuid) {
                left_out += 1;
                return Ok(());
            }
            let bad = |reason: String| GeoPackageError::Row {
                file: self.file.clone(),
                table,
                row: fid.clone(),
                uuid: uuid.clone(),
                reason,
            };
            let texts =
                cells.iter().map(|cell| text(cell.as_deref())).collect::<Result<Vec<_>, _>>().map_err(bad)?;
            let joined = &texts[names.len() + 1..];
            if joined[0].is_none() {
                let feature = place("feature").and_then(|at| texts[at].clone()).unwrap_or_default();
                return Err(bad(format!("the file has no feature `{feature}`")).into());
            }
            let cell = |name: &str| {
                let text = texts[place(name)?].clone()?;
                let text = if name.starts_with("person_") { text.trim().to_owned() } else { text };
                Some(text).filter(|text| !text.is_empty())
            };
            let mut statement = table::statement(&cell, None, now).map_err(|error| bad(error.to_string()))?;
            if let (None, Some(sample), Some(order)) = (&statement.task, &joined[2], &joined[3]) {
                let order = order.parse().map_err(|_| bad("`review_order` is no number".to_owned()))?;
                statement.task = Some(TaskRef { sample: sample.clone(), order });
            }
            if statement.uuid.is_none() {
                return Err(bad("`uuid` is missing".to_owned()).into());
            }
            if entered == Entered::Outlines {
                let outline = match &mut outlines {
                    Some(all) => all.remove(&uuid),
                    None => self
                        .outlines(Some(&written))
                        .map_err(|error| bad(outline_reason(&error)))?
                        .remove(&uuid),
                };
                statement.geometry = Some(outline.ok_or_else(|| bad("it has no polygon".to_owned()))?);
            }
            statement.check(&self.opened.review).map_err(|error| bad(error.to_string()))?;
            let heads = joined[1].as_deref().unwrap_or_default().split_whitespace();
            let mut seen: Vec<ObjectId> = heads
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|error: arpent_review::ReviewError| bad(error.to_string()))?;
            seen.sort_unstable();
            rows.push(Row { table, fid, uuid, statement, seen });
            Ok(())
        })?;
        Ok((rows, left_out))
    }

    /// Warnings of times that cannot be: clocks of devices are often wrong. Times have no part in the state of a review.
    fn clocks(&self, rows: &[Row], exported: Time, now: Time) -> Vec<String> {
        let skewed = |row: &&Row| {
            let time = row.statement.time.millis();
            time + SKEW_MS < exported.millis() || time > now.millis() + SKEW_MS
        };
        let skewed: Vec<&Row> = rows.iter().filter(skewed).collect();
        let mut warnings: Vec<String> = skewed
            .iter()
            .take(LISTED)
            .map(|row| {
                let when =
                    if row.statement.time > now { "in the future" } else { "before the export of the file" };
                format!(
                    "{}, table {}, row {}: its time {} is {when}: the clock of the device was wrong",
                    self.file, row.table, row.fid, row.statement.time
                )
            })
            .collect();
        if skewed.len() > LISTED {
            warnings.push(format!("{}: {} further rows have such times", self.file, skewed.len() - LISTED));
        }
        warnings
    }
}

/// Why the outline of a row cannot be read.
fn outline_reason(error: &Failure) -> String {
    match error.downcast_ref::<GdalError>() {
        // It is the only feature that was read: its number says nothing.
        Some(GdalError::FeatureInvalid { message, .. }) => format!("its outline is not valid: {message}"),
        _ => error.to_string(),
    }
}

/// The id of a row as statements have it.
pub(super) fn plain_uuid(uuid: &str) -> String {
    uuid.replace(['-', '{', '}'], "").to_lowercase()
}
