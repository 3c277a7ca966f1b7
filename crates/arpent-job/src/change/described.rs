//! The tables of a comparison, as their Table Schemas describe them.

use arpent_base::{Column, table_schema};
use arpent_change::balance::{
    balance_columns, class_columns_of_zone, coverage_columns, flow_columns, stock_columns,
};
use serde_json::Value;

use super::differential::{self, OCS_GE};
use super::identities::{self, OBJECTS};
use super::inputs::Inputs;
use super::lineage::{self, LINEAGE};
use super::{products, shift};
use crate::config::{ChangeConfig, OcsGeLayer};
use crate::present::Table;

/// Every table beside the events; those that the output does not have are left out when schemas are written.
pub(super) fn tables(config: &ChangeConfig, inputs: &Inputs) -> Vec<Table> {
    let mut all = vec![
        Table::new(LINEAGE, "lineage.csv", ["Lineage of objects", "Filiation des objets"], lineage::schema()),
        Table::new(
            "objects",
            OBJECTS,
            ["Identifiers of objects", "Identifiants des objets"],
            by(&["row", "col", "class_id"], &identities::columns()),
        ),
        Table::new(
            "shift",
            "shift.csv",
            ["Shift between the images", "Décalage entre les images"],
            by(&["x", "y"], &shift::columns()),
        ),
        Table::new(
            "flows",
            "flows.csv",
            ["Flows between classes", "Flux entre classes"],
            keyless(&flow_columns()),
        ),
        Table::new(
            "stocks",
            "stocks.csv",
            ["Stocks of classes", "Stocks des classes"],
            keyless(&stock_columns()),
        ),
        Table::new(
            "artificialisation",
            "artificialisation.csv",
            ["Balance of artificial soils", "Bilan des sols artificialisés"],
            keyless(&balance_columns()),
        ),
    ];
    let soils = config.artificialisation.as_ref();
    let mut columns = if soils.is_some() { balance_columns() } else { coverage_columns() };
    columns.extend(class_columns_of_zone(&inputs.classes.nomenclature));
    all.push(Table::new(
        "balance",
        "balance.gpkg",
        ["Balance of zones", "Bilan par zone"],
        keyless(&columns),
    ));
    let Some(soils) = soils else { return all };
    all.push(Table::new(
        "differentiel",
        OCS_GE,
        ["Changes in the columns of OCS GE", "Différentiel au format OCS GE"],
        table_schema(&differential::columns()),
    ));
    for (layer, date) in soils.layers() {
        let (name, title) = match (layer, date) {
            (OcsGeLayer::Occupation, _) => ("occupation", ["Land cover", "Occupation du sol"]),
            (OcsGeLayer::Artificialisation, 0) => {
                ("artificialisation_avant", ["Artificial soils before", "Sols artificialisés avant"])
            }
            (OcsGeLayer::Artificialisation, _) => {
                ("artificialisation_apres", ["Artificial soils after", "Sols artificialisés après"])
            }
        };
        let columns = products::columns(layer == OcsGeLayer::Artificialisation);
        all.push(Table::new(name, OCS_GE, title, table_schema(&columns)));
    }
    all
}

/// The schema of a table whose rows are told apart by several columns.
fn by(key: &[&str], columns: &[Column]) -> Value {
    let mut schema = table_schema(columns);
    schema["primaryKey"] = key.into();
    schema
}

/// The schema of a table without a column of its own that tells its rows apart.
fn keyless(columns: &[Column]) -> Value {
    let mut schema = table_schema(columns);
    schema.as_object_mut().map(|fields| fields.remove("primaryKey"));
    schema
}
