//! `arpent change`: what became what between two dates.
//!
//! Two maps, with or without images, or images of two dates are compared on one grid. Steps, each one pass over the rows:
//! the shift between the images is measured (`shift`); the images are compared pixel by pixel (`evidence`, some
//! passes); the classes of both dates, the evidence and the shift decide which changes are kept, and those become
//! events of objects with ids that stay (`compare`); what one date shows against itself is the control (`control`);
//! flows are added up for the whole and for zones (`balance`). The results are published as a run's, the manifest last.
//! Memory grows with the width, not with the height or the number of events.
//!
//! The pixels of a comparison (`pixels`) are read and scored here, or by workers that store them in pieces (`piece`, `shards`);
//! all else is the same.
//!
//! Afterwards a sample of the events and of the ground (`population`, `sample`, `sample_file`) is checked by persons, whose
//! verdicts (`answers`) give areas with an interval (`estimate`).

mod answers;
mod balance;
mod balances;
mod burn;
mod burnt;
mod chips;
mod classes;
mod columns;
mod compare;
mod control;
mod cover;
mod csv_table;
mod dated;
mod described;
mod differential;
mod error;
mod estimate;
mod evidence;
mod files;
mod hidden;
mod identities;
mod images;
mod inputs;
mod item;
mod lineage;
mod made;
mod make;
mod ocs_ge;
mod opened;
mod piece;
mod pixels;
mod population;
mod previous;
mod products;
mod report;
mod sample;
mod sample_error;
mod sample_file;
mod seen;
mod shards;
mod shift;
mod tables;
mod traced;
mod zones;

pub use arpent_change::balance::balance_columns;
pub use differential::columns as differential_columns;
pub use error::ChangeJobError;
pub use estimate::{AreaReport, EstimateOptions, EstimateReport, StratumReport, estimate};
pub use lineage::columns as lineage_columns;
pub use make::{ChangeReport, change};
pub use products::columns as ocs_ge_columns;
pub(crate) use report::{TABLES, of_change};
pub use sample::{SampleOptions, SampleReport, sample};
pub use sample_error::SampleError;
pub use sample_file::{SampleFile, SampleStratum, SampleUnit, SampledChange, SampledZones, UnitKind};
pub use shards::{ChangePlanReport, write_change_plan};
pub(crate) use shards::{merge, work};
