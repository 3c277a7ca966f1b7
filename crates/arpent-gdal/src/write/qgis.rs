//! What QGIS looks for in a GeoPackage: styles of its layers, and projects.

use std::path::Path;

use arpent_base::hex;
use gdal::vector::sql::Dialect;
use gdal::vector::{Defn, Feature, FieldValue, LayerAccess, LayerOptions as OgrLayerOptions};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use gdal_sys::{OGRFieldType, OGRwkbGeometryType};

use super::file::{close, settle, text};
use super::settings::Settings;
use crate::GdalError;
use crate::ffi::{self, failure};
use crate::setup::quiet;

/// The table in which QGIS looks for styles.
const STYLES: &str = "layer_styles";

/// Its columns.
const STYLE_FIELDS: &[(&str, OGRFieldType::Type)] = &[
    ("f_table_catalog", OGRFieldType::OFTString),
    ("f_table_schema", OGRFieldType::OFTString),
    ("f_table_name", OGRFieldType::OFTString),
    ("f_geometry_column", OGRFieldType::OFTString),
    ("styleName", OGRFieldType::OFTString),
    ("styleQML", OGRFieldType::OFTString),
    ("styleSLD", OGRFieldType::OFTString),
    ("useAsDefault", OGRFieldType::OFTInteger),
    ("description", OGRFieldType::OFTString),
    ("owner", OGRFieldType::OFTString),
    ("ui", OGRFieldType::OFTString),
    ("update_time", OGRFieldType::OFTDateTime),
];

/// The style of a layer, as a GeoPackage stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStyle {
    /// Name of the layer.
    pub layer: String,
    /// Whether the layer has geometries.
    pub has_geometry: bool,
    /// Its default style, QML.
    pub qml: String,
}

/// Stores the default style of a layer, which is named with its geometry column (empty for none).
pub(super) fn store_style(
    dataset: &mut Dataset,
    (layer, geometry): (&str, &str),
    qml: &str,
    time: &str,
) -> gdal::errors::Result<()> {
    let is_there = dataset.layers().any(|layer| layer.name() == STYLES);
    let styles = if is_there {
        dataset.layer_by_name(STYLES)?
    } else {
        let table = OgrLayerOptions {
            name: STYLES,
            srs: None,
            ty: OGRwkbGeometryType::wkbNone,
            options: Some(&["FID=id"]),
        };
        let styles = dataset.create_layer(table)?;
        styles.create_defn_fields(STYLE_FIELDS)?;
        styles
    };
    let defn = Defn::from_layer(&styles);
    let mut row = Feature::new(&defn)?;
    let values = ["", "", layer, geometry, layer, qml, "", "1", "Written by Arpent", "", "", time];
    for (i, value) in values.iter().enumerate() {
        row.set_field_string(i, value)?;
    }
    row.create(&styles)
}

/// Adds a project (`.qgz`) to a GeoPackage that [`LayerWriter`](crate::LayerWriter) completed. QGIS lists it by its name when it
/// opens projects from a GeoPackage.
///
/// # Errors
/// [`GdalError::Write`] when it cannot be added, also if the file has projects already.
pub fn store_project(path: &Path, name: &str, project: &[u8], timestamp: &str) -> Result<(), GdalError> {
    quiet();
    let error = |e: gdal::errors::GdalError| GdalError::Write { path: text(path), message: failure(&e) };
    let _dated = Settings::new(timestamp);
    ffi::reset_error();
    let dataset = open(path, GdalOpenFlags::GDAL_OF_UPDATE).map_err(error)?;
    // The table and the form of its values are those of QGIS: the archive in hexadecimal.
    let time = timestamp.get(..19).unwrap_or(timestamp);
    let statements = [
        "CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)".to_owned(),
        format!(
            "INSERT INTO qgis_projects VALUES ('{}', '{{\"last_modified_time\": \"{time}\", \"last_modified_user\": \"\"}}', '{}')",
            name.replace('\'', "''"),
            hex(project)
        ),
    ];
    statements
        .iter()
        .try_for_each(|sql| dataset.execute_sql(sql, None, Dialect::DEFAULT).map(drop))
        .map_err(error)?;
    close(dataset, path)?;
    settle(path)
}

/// The default styles of a GeoPackage's layers, in the order in which they were stored.
///
/// # Errors
/// [`GdalError::NotAVector`] when it cannot be read.
pub fn stored_styles(path: &Path) -> Result<Vec<StoredStyle>, GdalError> {
    quiet();
    let error = |e: gdal::errors::GdalError| GdalError::NotAVector { path: text(path), message: failure(&e) };
    ffi::reset_error();
    let dataset = open(path, GdalOpenFlags::GDAL_OF_READONLY).map_err(error)?;
    if !dataset.layers().any(|layer| layer.name() == STYLES) {
        return Ok(Vec::new());
    }
    let mut styles = dataset.layer_by_name(STYLES).map_err(error)?;
    let stored = |feature: Feature<'_>| -> gdal::errors::Result<StoredStyle> {
        let value = |name: &str| -> gdal::errors::Result<String> {
            let at = feature.field_index(name)?;
            Ok(match feature.field(at)? {
                Some(FieldValue::StringValue(text)) => text,
                _ => String::new(),
            })
        };
        Ok(StoredStyle {
            layer: value("f_table_name")?,
            has_geometry: !value("f_geometry_column")?.is_empty(),
            qml: value("styleQML")?,
        })
    };
    styles.features().map(stored).collect::<gdal::errors::Result<_>>().map_err(error)
}

fn open(path: &Path, mode: GdalOpenFlags) -> gdal::errors::Result<Dataset> {
    let opening = DatasetOptions {
        open_flags: mode | GdalOpenFlags::GDAL_OF_VECTOR,
        allowed_drivers: Some(&["GPKG"]),
        ..DatasetOptions::default()
    };
    Dataset::open_ex(path, opening)
}
