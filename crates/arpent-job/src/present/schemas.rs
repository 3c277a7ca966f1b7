//! A Table Schema (<https://specs.frictionlessdata.io/table-schema/>) of each table of an output, as a file beside it.

use std::path::Path;

use arpent_base::{DoingWhat as _, Result, json_document};
use arpent_change::events::EventKind;
use arpent_publish::{
    ROLE_EVENTS, ROLE_FEATURES, ROLE_SCHEMA, ROLE_ZONES, STATE_NOT_VERIFIED, StagedArtifact,
};
use arpent_raster::Nomenclature;
use serde_json::{Map, Value, json};

use super::output::{Output, Table};
use crate::report::states;

/// Writes the schema of a table to a folder.
fn write_schema(table: &Table, output: &Output<'_>, folder: &Path) -> Result<StagedArtifact> {
    let [en, fr] = table.title;
    let mut document = Map::new();
    document.insert("name".to_owned(), json!(table.name));
    document.insert("title".to_owned(), json!(en));
    document.insert("title:fr".to_owned(), json!(fr));
    document.insert("missingValues".to_owned(), json!([""]));
    for (key, value) in table.schema.as_object().into_iter().flatten() {
        // A key of another table means something only where both are one package of data.
        if key != "foreignKeys" {
            document.insert(key.clone(), value.clone());
        }
    }
    for field in document.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(values) = values_of(field, output.classes, output.manifest.counts.decided.is_some()) {
            field["constraints"]["enum"] = values;
        }
        if let Some([least, most]) = range_of(field) {
            field["constraints"]["minimum"] = least.into();
            field["constraints"]["maximum"] = most.into();
        }
    }
    let path = folder.join(format!("{}.schema.json", table.name));
    std::fs::write(&path, json_document(&document)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(StagedArtifact::new(&path, ROLE_SCHEMA)?)
}

/// The values that a field may have, where they are a list.
fn values_of(field: &Value, classes: &Nomenclature, is_decided: bool) -> Option<Value> {
    let name = field["name"].as_str()?;
    let is_integer = field["type"] == "integer";
    let classes = classes.classes();
    Some(match name {
        "class_id" if is_integer => classes.iter().map(|class| class.id).collect(),
        "class_name" | "from_class" | "to_class" => classes.iter().map(|class| &*class.name).collect(),
        "kind" => EventKind::ALL.into_iter().map(EventKind::name).collect(),
        "state" if field["description"].as_str().is_some_and(|text| text.contains(STATE_NOT_VERIFIED)) => {
            if is_decided {
                states().collect()
            } else {
                json!([STATE_NOT_VERIFIED])
            }
        }
        _ => return None,
    })
}

/// The range of a field that is a score or a share.
fn range_of(field: &Value) -> Option<[u8; 2]> {
    let is_share = field["name"] == "score" && field["type"] == "number";
    is_share.then_some([0, 1])
}

/// Writes the schemas of the tables of an output that has these files to a folder.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(
    output: &Output<'_>,
    staged: &[StagedArtifact],
    folder: &Path,
) -> Result<Vec<StagedArtifact>> {
    let has = |role: &str| staged.iter().any(|artifact| artifact.role == role);
    let schema = || output.manifest.columns.clone().unwrap_or_default();
    let mut all = Vec::new();
    if has(ROLE_FEATURES) {
        let table = Table::new("features", "features", ["Features", "Entités"], schema());
        all.push(write_schema(&table, output, folder)?);
    }
    if has(ROLE_EVENTS) {
        let mut schema = schema();
        for field in schema["fields"].as_array_mut().into_iter().flatten() {
            // Columns of every map, which a comparison leaves empty: no model made its events.
            if ["model_id", "model_sha256"].iter().any(|name| field["name"] == *name) {
                field.as_object_mut().map(|keys| keys.remove("constraints"));
            }
        }
        let table = Table::new("events", "events", ["Events", "Événements"], schema);
        all.push(write_schema(&table, output, folder)?);
    }
    if has(ROLE_ZONES) {
        let mut schema = schema();
        // Several zones may have one id, which the manifest counts.
        schema.as_object_mut().map(|fields| fields.remove("primaryKey"));
        let table = Table::new("zones", "zones", ["Zonal statistics", "Statistiques par zone"], schema);
        all.push(write_schema(&table, output, folder)?);
    }
    for table in &output.tables {
        if staged.iter().any(|artifact| artifact.name == table.file) {
            all.push(write_schema(table, output, folder)?);
        }
    }
    Ok(all)
}
