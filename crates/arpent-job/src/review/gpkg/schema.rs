//! The tables of a GeoPackage for decisions: SQL that follows from the review alone, so that a file that comes back can be
//! compared with what it was.
//!
//! Rows cannot be edited afterwards. So what the import would refuse is refused when a row is entered: by constraints of the
//! table, and by triggers where other tables are asked.

use arpent_base::{Column, ColumnKind};
use arpent_gdal::sql_text;
use arpent_review::{Kind, Review, Verdict, table};

/// Format of the file, in its table `review`.
pub(super) const FORMAT: &str = "arpent-review-gpkg/2";
/// The format before it, without the layer of outlines: files of it still come back.
pub(super) const FORMER: &str = "arpent-review-gpkg/1";
/// The layer of the features.
pub(super) const FEATURES: &str = "features";
/// The table of the decisions.
pub(super) const DECISIONS: &str = "decisions";
/// The layer of decisions that correct an outline, which is drawn: of a table of decisions with a geometry, forms would ask for
/// one with every decision.
pub(super) const OUTLINES: &str = "outlines";

/// The columns that a person fills in, in the order of the form.
pub(super) const FILLED_IN: [&str; 8] = [
    "feature",
    "verdict",
    "reason",
    "class",
    "comment",
    "person_name",
    "person_function",
    "person_organization",
];

/// A table that persons add rows to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// Of decisions.
    Decisions,
    /// Of decisions with an outline.
    Outlines,
}

impl Entered {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Decisions => DECISIONS,
            Self::Outlines => OUTLINES,
        }
    }

    /// Its columns, but for `fid` and the geometry.
    pub(super) fn columns(self) -> Vec<Column> {
        let of_outlines = |column: &Column| {
            let name = column.name.as_str();
            FILLED_IN.contains(&name) || matches!(name, "time" | "uuid")
        };
        let all = table::columns();
        match self {
            Self::Decisions => all,
            Self::Outlines => all.into_iter().filter(of_outlines).collect(),
        }
    }

    /// The tables of a file of this format.
    pub(super) const fn of_format(has_outlines: bool) -> &'static [Self] {
        if has_outlines { &[Self::Decisions, Self::Outlines] } else { &[Self::Decisions] }
    }
}

/// A table or trigger: its name, and the statement that creates it, as `sqlite_master` keeps it.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) sql: String,
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn list<'t>(values: impl Iterator<Item = &'t str>) -> String {
    values.map(|value| sql_text(Some(value))).collect::<Vec<_>>().join(", ")
}

/// Names of the columns of decisions, in order; `fid` is before them.
pub(super) fn columns() -> Vec<String> {
    table::columns().into_iter().map(|column| column.name).collect()
}

/// The constraint of a column: what a row of a person must satisfy. Empty text is no value, as in every table of decisions.
fn constraint(name: &str, review: &Review) -> String {
    let one_of = |values: String| {
        let values = if values.is_empty() { "''".to_owned() } else { format!("'', {values}") };
        format!(" CHECK (coalesce(\"{name}\", '') IN ({values}))")
    };
    match name {
        "feature" => " NOT NULL".to_owned(),
        "person_name" | "person_function" | "person_organization" => {
            format!(" NOT NULL CHECK (trim(\"{name}\") <> '' AND length(\"{name}\") <= 200)")
        }
        "kind" => {
            let kinds = [Kind::Verdict, Kind::Contest, Kind::Answer];
            format!(
                " NOT NULL DEFAULT 'verdict' CHECK (\"kind\" IN ({}))",
                list(kinds.into_iter().map(Kind::name))
            )
        }
        "verdict" => one_of(list(Verdict::ALL.into_iter().map(Verdict::name))),
        "reason" => one_of(list(review.reasons.iter().map(|reason| reason.code.as_str()))),
        "class" => one_of(list(review.classes.iter().map(String::as_str))),
        "comment" => " CHECK (length(\"comment\") <= 4000)".to_owned(),
        // Not NOT NULL: into such a column, GDAL before 3.7 writes the expression itself where a row has no value.
        "time" => " DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) \
                   CHECK (\"time\" IS NOT NULL AND julianday(\"time\") IS NOT NULL AND \"time\" GLOB '????-??-??T??:??:??*Z')"
            .to_owned(),
        "duration_ms" | "order" => {
            format!(" CHECK (\"{name}\" IS NULL OR typeof(\"{name}\") = 'integer' AND \"{name}\" >= 0)")
        }
        "uuid" => {
            " UNIQUE DEFAULT (lower(hex(randomblob(16)))) CHECK (\"uuid\" NOT GLOB '*[^-{}0-9a-fA-F]*' \
                   AND length(replace(replace(replace(\"uuid\", '-', ''), '{', ''), '}', '')) = 32)"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// What the columns of a row must satisfy together.
const TOGETHER: [&str; 6] = [
    // Rows of the review as it was at export have the id of their decision; rows of persons have an id of their own.
    "\"id\" IS NOT NULL OR \"uuid\" IS NOT NULL",
    "(\"kind\" = 'contest') = (coalesce(\"verdict\", '') = '')",
    "\"kind\" = 'verdict' OR trim(coalesce(\"comment\", '')) <> ''",
    "(\"kind\" = 'answer') = (coalesce(\"answers\", '') <> '')",
    "\"kind\" <> 'contest' OR coalesce(\"reason\", '') || coalesce(\"class\", '') || coalesce(\"geometry\", '') = ''",
    "coalesce(\"class\", '') || coalesce(\"geometry\", '') = '' \
     OR \"verdict\" IN ('suspect', 'illegal', 'legitimate', 'confirmed')",
];

/// What the columns of a row with an outline must satisfy together.
const OUTLINED: [&str; 3] = [
    "\"geom\" IS NOT NULL",
    "\"uuid\" IS NOT NULL",
    "coalesce(\"verdict\", '') IN ('suspect', 'illegal', 'legitimate', 'confirmed')",
];

/// The tables: decisions, those with an outline, what they are about, and lists of values.
pub(super) fn tables(review: &Review, has_outlines: bool) -> Vec<Made> {
    let made = |name: &str, columns: &str| Made {
        name: name.to_owned(),
        sql: format!(
            "CREATE TABLE \"{name}\" (\"fid\" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, {columns})"
        ),
    };
    let of = |column: Column| {
        let kind = match column.kind {
            ColumnKind::Byte | ColumnKind::Integer => "INTEGER",
            ColumnKind::Real => "REAL",
            ColumnKind::Text => "TEXT",
        };
        format!("{} {kind}{}", quoted(&column.name), constraint(&column.name, review))
    };
    let entered = |table: Entered, together: &[&str]| {
        let checks = together.iter().map(|check| format!("CHECK ({check})"));
        table.columns().into_iter().map(of).chain(checks).collect::<Vec<_>>().join(", ")
    };
    let outlines = entered(Entered::Outlines, &OUTLINED);
    let outlines = has_outlines.then(|| made(OUTLINES, &format!("\"geom\" MULTIPOLYGON, {outlines}")));
    let others = [
        made(
            "review",
            "\"format\" TEXT NOT NULL, \"review\" TEXT NOT NULL, \"name\" TEXT NOT NULL, \"run_id\" TEXT NOT NULL, \
             \"manifest_sha256\" TEXT NOT NULL, \"exported\" TEXT NOT NULL, \"decisions\" INTEGER NOT NULL",
        ),
        made("people", "\"name\" TEXT NOT NULL, \"function\" TEXT NOT NULL, \"organization\" TEXT NOT NULL"),
        made("reasons", "\"code\" TEXT NOT NULL, \"en\" TEXT NOT NULL, \"fr\" TEXT NOT NULL"),
        made(
            "verdicts",
            "\"code\" TEXT NOT NULL, \"en\" TEXT NOT NULL, \"fr\" TEXT NOT NULL, \"aigle\" TEXT",
        ),
    ];
    let decisions = made(DECISIONS, &entered(Entered::Decisions, &TOGETHER));
    std::iter::once(decisions).chain(outlines).chain(others).collect()
}

/// The triggers, to be created after the rows of the export: nothing is changed or removed afterwards, and only decisions are
/// added. `REPLACE` removes rows without asking triggers of removal, so it is refused when a row is added.
pub(super) fn triggers(review: &Review, has_outlines: bool) -> Vec<Made> {
    let made = |table: &str, event: &str, what: &str, when: &str, message: &str| {
        let name = format!("{table}_no_{what}");
        let when = if when.is_empty() { String::new() } else { format!(" WHEN {when}") };
        let sql = format!(
            "CREATE TRIGGER \"{name}\" BEFORE {} ON \"{table}\"{when} BEGIN SELECT RAISE(ABORT, {}); END",
            event.to_uppercase(),
            sql_text(Some(message))
        );
        Made { name, sql }
    };
    let mut all = Vec::new();
    for entered in Entered::of_format(has_outlines) {
        let table = entered.name();
        all.extend([
            made(table, "update", "update", "", "decisions are not changed: add a row that says otherwise"),
            made(table, "delete", "delete", "", "decisions are not removed: add a row that says otherwise"),
            made(
                table,
                "insert",
                "replacing",
                &format!(
                    "EXISTS (SELECT 1 FROM \"{table}\" WHERE \"fid\" = NEW.\"fid\" OR \"uuid\" = NEW.\"uuid\")"
                ),
                "this row is there already: decisions are not replaced",
            ),
            made(
                table,
                "insert",
                "other_feature",
                "NOT EXISTS (SELECT 1 FROM \"features\" WHERE \"id\" = NEW.\"feature\")",
                "no feature has this id",
            ),
        ]);
        if *entered == Entered::Decisions {
            let message = "`id` is given when the row is imported";
            all.push(made(table, "insert", "given_id", "NEW.\"id\" IS NOT NULL", message));
        }
        if !review.people.is_empty() {
            all.push(made(
                table,
                "insert",
                "other_person",
                "NOT EXISTS (SELECT 1 FROM \"people\" WHERE \"name\" = trim(NEW.\"person_name\") \
                 AND \"function\" = trim(NEW.\"person_function\") AND \"organization\" = trim(NEW.\"person_organization\"))",
                "the review does not list this person with this function and organization",
            ));
        }
    }
    let closed = if has_outlines {
        "only rows of `decisions` and `outlines` are added to this file"
    } else {
        "only rows of `decisions` are added to this file"
    };
    for table in [FEATURES, "review", "people", "reasons", "verdicts"] {
        for what in ["insert", "update", "delete"] {
            all.push(made(table, what, what, "", closed));
        }
    }
    all
}

/// Titles of a verdict in English and French, with what it means.
pub(super) const fn verdict_titles(verdict: Verdict) -> [&'static str; 2] {
    match verdict {
        Verdict::NotVerified => ["not verified (withdraws a verdict)", "non vérifié (retire un verdict)"],
        Verdict::Suspect => ["suspect (may break a rule)", "suspect (infraction possible)"],
        Verdict::Illegal => ["illegal (breaks a rule)", "illégal (infraction)"],
        Verdict::Legitimate => ["legitimate (breaks no rule)", "légitime (conforme aux règles)"],
        Verdict::Invalidated => ["invalidated (false detection)", "invalidé (fausse détection)"],
        Verdict::Confirmed => ["confirmed (it is there)", "confirmé (l'objet est bien là)"],
    }
}
