//! The columns of features, from the table that every format is written from.

use arpent_base::{Column, ColumnKind};
use arpent_publish::{GEOMETRY_COLUMNS, feature_columns};

use super::table::{cell, table};

/// The page.
pub(crate) fn page() -> String {
    let [geometry, bbox] = GEOMETRY_COLUMNS;
    format!(
        "# Columns of features\n\n\
         The same in GeoParquet, GeoPackage, FlatGeobuf and GeoJSON, in this order; `columns` of `manifest.json` holds them as a [Table \
         Schema](https://specs.frictionlessdata.io/table-schema/). Titles are aliases in a GeoPackage: English, or French with \
         `features.titles = \"fr\"`.\n\n\
         ## Every map\n\n{}\n\
         Then come the columns below, where they are configured, and those of `[[reference]]` rules ([the manifest and the columns \
         of rules](../json.md#features)); last the geometry. GeoParquet has it as `{geometry}` (WKB), with its box in `{bbox}`.\n\n\
         ## With `[objects]`\n\n{}\n\
         ## With `[ocs_ge]`\n\n{}\n\
         ## Decided maps\n\n\
         After all others, in the output of `arpent review publish`: `features` and `superseded`.\n\n{}\n\
         ## Lineage of a comparison\n\n\
         `lineage.csv`, the layer `lineage` of `events.gpkg` (a table without geometry) and `lineage.parquet`; `tables.lineage` of \
         `manifest.json` holds them as a Table Schema. A row for each pair of objects that an event links: an object that appeared or \
         disappeared has none.\n\n{}\n\
         ## Balances of zones\n\n\
         `artificialisation.csv` and the layers of `balance.gpkg`, a row for each zone. The first five are also in `flows.csv` and `stocks.csv`. \
         Layers of `balance.gpkg` also have `class_ID_old_m2`, `class_ID_new_m2` and `class_ID_net_m2` for each class; without \
         `[artificialisation]`, only these and the columns up to `share_neither`.\n\n{}\n\
         ## Differential of a comparison\n\n\
         The layer `differentiel` of `ocsge.gpkg`.\n\n{}\n\
         ## Land cover and soils of a comparison\n\n\
         The layers `occupation`, `artificialisation_avant` and `artificialisation_apres` of `ocsge.gpkg`; `artif` and `crit_seuil` are not \
         in `occupation`.\n\n{}",
        of(&feature_columns(&[])),
        of(&arpent_job::ObjectOptions::columns()),
        of(&arpent_job::OcsGe::columns()),
        of(&arpent_job::decided_columns()),
        of(&arpent_job::lineage_columns()),
        of(&arpent_job::balance_columns()),
        of(&arpent_job::differential_columns()),
        of(&arpent_job::ocs_ge_columns(true)),
    )
}

fn of(columns: &[Column]) -> String {
    let row = |column: &Column| {
        let kind = match column.kind {
            ColumnKind::Text => "text",
            ColumnKind::Byte => "integer, 0 to 255",
            ColumnKind::Integer => "integer",
            ColumnKind::Real => "number",
        };
        let optional = if column.required { "" } else { "may be null" };
        vec![
            format!("`{}`", column.name),
            kind.to_owned(),
            cell(&column.unit),
            optional.to_owned(),
            cell(&column.title.en),
            cell(&column.title.fr),
            cell(&column.description),
        ]
    };
    let head = ["column", "type", "unit", "null", "title", "French title", "content"];
    table(&head, &columns.iter().map(row).collect::<Vec<_>>())
}
