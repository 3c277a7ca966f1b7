//! Deliveries to AIGLE (`MTES-MCT/aigle-api`), and statuses that come back.
//!
//! AIGLE reads the PostGIS schema `detections`: an imagery run, a batch of it and its inferences. It drops rows that do not fit without
//! failing, so every rule is checked here first ([`rules`]).

mod delivery;
mod error;
mod export;
mod geopackage;
mod import;
mod rules;
mod sql;
mod tiles;

pub use error::AigleError;
pub use export::{AigleExport, AigleOptions, review_export_aigle};
pub use import::{AigleImport, AiglePerson, review_import_aigle};
pub use rules::{Consequence, RuleCount};
