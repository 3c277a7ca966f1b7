//! Titles and descriptions of a GeoPackage's columns: the schema extension (OGC 12-128r18, annex F.9), which QGIS shows
//! as aliases. GDAL writes them from version 3.7 on; this module gives the same result with any version.

use arpent_base::{Column, Language};
use gdal::Dataset;
use gdal::vector::sql::Dialect;

/// The extension's tables and its registration, from the standard.
const EXTENSION: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, \
     mime_type TEXT, constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), \
     CONSTRAINT gdc_tn UNIQUE (table_name, name))",
    "CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, \
     min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT, \
     CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value))",
    "CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, \
     definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))",
    // Once a file, whatever the number of its layers.
    "INSERT INTO gpkg_extensions SELECT * FROM (SELECT 'gpkg_data_columns', NULL, 'gpkg_schema', \
     'http://www.geopackage.org/spec121/#extension_schema', 'read-write' UNION ALL SELECT 'gpkg_data_column_constraints', NULL, \
     'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema', 'read-write') \
     WHERE NOT EXISTS (SELECT 1 FROM gpkg_extensions WHERE extension_name = 'gpkg_schema')",
];

/// Stores the titles and descriptions of the columns that have any.
pub(super) fn store(
    dataset: &Dataset,
    layer: &str,
    columns: &[Column],
    language: Language,
) -> gdal::errors::Result<()> {
    let mut described =
        columns.iter().filter(|c| c.title.of(language) != c.name || !c.description.is_empty()).peekable();
    if described.peek().is_none() {
        return Ok(());
    }
    let run = |sql: &str| dataset.execute_sql(sql, None, Dialect::DEFAULT).map(drop);
    EXTENSION.iter().try_for_each(|sql| run(sql))?;
    described.try_for_each(|column| {
        let texts = [layer, &column.name, column.title.of(language), &column.description].map(quoted);
        let [layer, name, title, description] = texts;
        run(&format!(
            "INSERT INTO gpkg_data_columns (table_name, column_name, title, description) VALUES ({layer}, {name}, {title}, {description})"
        ))
    })
}

/// Text in SQL; NULL for empty text.
fn quoted(text: &str) -> String {
    if text.is_empty() { "NULL".to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
