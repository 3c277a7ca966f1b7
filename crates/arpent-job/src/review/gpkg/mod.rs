//! `review.gpkg`: a review in a file for QGIS and QField, and its way back.

mod error;
mod export;
mod imagery;
mod import;
mod project;
mod rows;
mod schema;

pub use error::GeoPackageError;
pub use export::{GeoPackageExport, GeoPackageOptions, review_export_geopackage};
pub use import::{GeoPackageImport, review_import_geopackages};
