//! Reviews of a published map: what named persons decide about its features (`arpent review`). The objects, their
//! rules and their proof are those of `arpent-review`; here they meet the output and its features.

mod add;
mod aigle;
mod error;
mod exchange;
mod features;
mod gpkg;
mod make;
mod read;
mod sample;
mod store;

pub use add::{AddReport, ReviewPerson, review_add, statement_of_line};
pub use aigle::{
    AigleError, AigleExport, AigleImport, AigleOptions, AiglePerson, Consequence, RuleCount,
    review_export_aigle, review_import_aigle,
};
pub use error::ReviewJobError;
pub use exchange::{ExportReport, ImportReport, review_export, review_import};
pub use gpkg::{
    GeoPackageError, GeoPackageExport, GeoPackageImport, GeoPackageOptions, review_export_geopackage,
    review_import_geopackages,
};
pub use make::{NewReport, review_new};
pub use read::{AgreementReport, StateReport, StatusCount, VerifyReport, review_state, review_verify};
pub use sample::{ReviewSampleOptions, ReviewSampleReport, review_sample};
