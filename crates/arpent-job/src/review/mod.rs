//! Reviews of a published map: what named persons decide about its features (`arpent review`). The objects, their
//! rules and their proof are those of `arpent-review`; here they meet the output and its features.

mod add;
mod aigle;
mod decided;
mod error;
mod events;
mod exchange;
mod extent;
mod features;
mod gpkg;
mod hard_examples;
mod history;
mod history_text;
mod learn;
mod learned;
mod lessons;
mod make;
mod places;
mod proposal;
mod publish;
mod read;
mod sample;
mod serve;
mod store;
mod version;

pub use add::{AddReport, ReviewPerson, review_add, statement_of_line};
pub use aigle::{
    AigleError, AigleExport, AigleImport, AigleOptions, AiglePerson, Consequence, RuleCount,
    review_export_aigle, review_import_aigle,
};
pub use decided::{ReviewNames, columns as decided_columns};
pub use error::ReviewJobError;
pub use exchange::{ExportReport, ImportReport, review_export, review_import};
pub use gpkg::{
    GeoPackageError, GeoPackageExport, GeoPackageImport, GeoPackageOptions, review_export_geopackage,
    review_import_geopackages,
};
pub use hard_examples::ExampleCounts;
pub use learn::{ReviewLearnOptions, review_learn};
pub use learned::{EnergyOfLearning, ReviewLearnReport, learned_text};
pub use lessons::{Bought, Errors, GroupLesson, LearnOptions, Lessons, Recalibrated, Replay, Threshold};
pub use make::{After, NewReport, review_new, review_new_after};
pub use places::{Gain, PlaceKind, Places};
pub use publish::{ReviewPublishOptions, ReviewPublishReport, review_publish, states_in_order};
pub use read::{AgreementReport, StateReport, StatusCount, VerifyReport, review_state, review_verify};
pub use sample::{ReviewSampleOptions, ReviewSampleReport, review_sample};
pub use serve::{ReviewCall, ReviewDesk, ReviewServeOptions, asking};
