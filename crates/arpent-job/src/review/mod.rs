//! Reviews of a published map: what named persons decide about its features (`arpent review`). The objects, their
//! rules and their proof are those of `arpent-review`; here they meet the output and its features.

mod add;
mod error;
mod exchange;
mod features;
mod make;
mod read;
mod sample;
mod serve;
mod store;

pub use add::{AddReport, ReviewPerson, review_add, statement_of_line};
pub use error::ReviewJobError;
pub use exchange::{ExportReport, ImportReport, review_export, review_import};
pub use make::{NewReport, review_new};
pub use read::{AgreementReport, StateReport, StatusCount, VerifyReport, review_state, review_verify};
pub use sample::{ReviewSampleOptions, ReviewSampleReport, review_sample};
pub use serve::{ReviewCall, ReviewDesk, ReviewServeOptions, asking};
