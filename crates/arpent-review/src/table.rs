//! Decisions as rows of a table: one table of columns for writing and reading.

use arpent_base::{Column, ColumnKind};

use crate::canonical::ObjectId;
use crate::decision::{Decision, Statement, TaskRef};
use crate::error::ReviewError;
use crate::header::Person;
use crate::time::Time;
use crate::verdict::{Kind, Verdict};

/// A column with the text of a decision.
type TextOf = fn(&ObjectId, &Decision) -> Option<String>;

fn text(name: &str, en: &'static str, fr: &'static str, description: &'static str) -> Column {
    Column::new(name, ColumnKind::Text).titled(en, fr).described(description)
}

fn listed(ids: &[ObjectId]) -> Option<String> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

fn table() -> Vec<(Column, TextOf)> {
    vec![
        (
            text("id", "Decision", "Décision", "SHA-256 of the decision; empty in rows to be imported.")
                .required(),
            |id, _| Some(id.to_string()),
        ),
        (text("feature", "Feature", "Objet", "Id of the feature or event.").required(), |_, d| {
            Some(d.statement.feature.clone())
        }),
        (
            text("kind", "Kind", "Nature", "`verdict`, `contest` or `answer`; empty for `verdict`.")
                .required(),
            |_, d| Some(d.statement.kind.name().to_owned()),
        ),
        (
            text(
                "verdict",
                "Verdict",
                "Verdict",
                "`not_verified`, `suspect`, `illegal`, `legitimate`, `invalidated` or `confirmed`, or a state of AIGLE in upper case; empty for a contest.",
            ),
            |_, d| d.statement.verdict.map(|verdict| verdict.name().to_owned()),
        ),
        (text("reason", "Reason", "Motif", "A reason code of the review."), |_, d| {
            d.statement.reason.clone()
        }),
        (
            text("comment", "Comment", "Commentaire", "Free text; required for contests and answers."),
            |_, d| d.statement.comment.clone(),
        ),
        (text("class", "Corrected class", "Classe corrigée", "A class of the review."), |_, d| {
            d.statement.class.clone()
        }),
        (text("geometry", "Corrected geometry", "Géométrie corrigée", "GeoJSON in EPSG:4326."), |_, d| {
            d.statement.geometry.as_ref().and_then(|geometry| serde_json::to_string(geometry).ok())
        }),
        (text("person_name", "Name", "Nom", "First and last name of the person.").required(), |_, d| {
            Some(d.statement.person.name.clone())
        }),
        (text("person_function", "Function", "Fonction", "Function of the person.").required(), |_, d| {
            Some(d.statement.person.function.clone())
        }),
        (
            text("person_organization", "Organization", "Organisme", "Organization of the person.")
                .required(),
            |_, d| Some(d.statement.person.organization.clone()),
        ),
        (
            text("time", "Time", "Date et heure", "RFC 3339 in UTC, such as `2026-11-29T18:09:18Z`.")
                .required(),
            |_, d| Some(d.statement.time.to_string()),
        ),
        (
            Column::new("duration_ms", ColumnKind::Integer)
                .titled("Time taken", "Durée")
                .in_unit("ms")
                .described("How long the person looked."),
            |_, d| d.statement.duration_ms.map(|ms| ms.to_string()),
        ),
        (text("scenes", "Scenes", "Images", "Scenes that the person saw, separated by spaces."), |_, d| {
            (!d.statement.scenes.is_empty()).then(|| d.statement.scenes.join(" "))
        }),
        (text("sample", "Sample", "Échantillon", "Name of the sample that the task is of."), |_, d| {
            d.statement.task.as_ref().map(|task| task.sample.clone())
        }),
        (
            Column::new("order", ColumnKind::Integer)
                .titled("Order", "Ordre")
                .described("Position of the task in its queue."),
            |_, d| d.statement.task.as_ref().map(|task| task.order.to_string()),
        ),
        (
            text(
                "uuid",
                "Id of the row",
                "Identifiant de la ligne",
                "UUID of the row of a GeoPackage in which it was entered; empty for others.",
            ),
            |_, d| d.statement.uuid.clone(),
        ),
        (
            text(
                "previous",
                "Previous",
                "Précédentes",
                "Decisions that the person saw, separated by spaces; empty in an imported row for those known when it is imported.",
            ),
            |_, d| listed(&d.statement.previous),
        ),
        (
            text("answers", "Answers", "Réponses", "Contests that it answers, separated by spaces."),
            |_, d| listed(&d.statement.answers),
        ),
    ]
}

/// The columns of decisions.
pub fn columns() -> Vec<Column> {
    table().into_iter().map(|(column, _)| column).collect()
}

/// The row of a decision, a text or nothing for each of [`columns`].
pub fn row(id: &ObjectId, decision: &Decision) -> Vec<Option<String>> {
    table().into_iter().map(|(_, text)| text(id, decision)).collect()
}

/// Reads a row: `cell` gives the text of a column by its name, `None` where the table lacks it or the cell is empty.
/// `person` and `time` are for rows without them.
///
/// # Errors
/// [`ReviewError`] of the first field that is wrong; what the review allows is not checked.
pub fn statement(
    cell: &dyn Fn(&str) -> Option<String>,
    person: Option<&Person>,
    time: Time,
) -> Result<Statement, ReviewError> {
    let kind = match cell("kind") {
        None => Kind::Verdict,
        Some(name) => Kind::of_name(&name)
            .ok_or_else(|| ReviewError::field("kind", name, "`verdict`, `contest` or `answer`"))?,
    };
    let verdict = cell("verdict").map(|name| {
        let names: Vec<&str> = Verdict::ALL.into_iter().map(Verdict::name).collect();
        let verdict = Verdict::of_name(&name).or_else(|| Verdict::of_aigle(&name));
        verdict.ok_or_else(|| ReviewError::field("verdict", name, arpent_base::listed(&names)))
    });
    let named = ["person_name", "person_function", "person_organization"].map(cell);
    let person = match named {
        [None, None, None] => person.cloned().ok_or(ReviewError::Missing { field: "person.name" })?,
        [name, function, organization] => {
            let [name, function, organization] =
                [name, function, organization].map(Option::unwrap_or_default);
            Person { name, function, organization }
        }
    };
    let whole = |field: &'static str| {
        let read = |text: String| text.parse().map_err(|_| ReviewError::field(field, text, "a whole number"));
        cell(field).map(read).transpose()
    };
    let ids = |field: &'static str| -> Result<Vec<ObjectId>, ReviewError> {
        let mut ids = cell(field)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<ObjectId>, _>>()?;
        ids.sort_unstable();
        Ok(ids)
    };
    let geometry = cell("geometry").map(|text| {
        serde_json::from_str(&text).map_err(|_| ReviewError::field("geometry", text, "a GeoJSON geometry"))
    });
    let task = match (cell("sample"), whole("order")?) {
        (Some(sample), Some(order)) => Some(TaskRef { sample, order }),
        (None, None) => None,
        _ => return Err(ReviewError::Missing { field: "sample and order" }),
    };
    Ok(Statement {
        feature: cell("feature").ok_or(ReviewError::Missing { field: "feature" })?,
        kind,
        verdict: verdict.transpose()?,
        reason: cell("reason"),
        comment: cell("comment"),
        class: cell("class"),
        geometry: geometry.transpose()?,
        person,
        time: cell("time").map(|text| text.parse()).transpose()?.unwrap_or(time),
        duration_ms: whole("duration_ms")?,
        scenes: cell("scenes").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        task,
        uuid: cell("uuid").map(|uuid| uuid.replace(['-', '{', '}'], "").to_lowercase()),
        previous: ids("previous")?,
        answers: ids("answers")?,
    })
}
