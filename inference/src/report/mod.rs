//! Text reports of results.

mod change;
mod estimate;
mod exchange;
mod file;
mod import;
mod margins;
mod model;
mod plan;
mod preset;
mod review;
mod run;
mod scene;
mod scenes;

pub(crate) use change::of_change;
pub(crate) use estimate::{of_change_plan, of_change_sample, of_estimate};
pub(crate) use exchange::{
    of_aigle_export, of_aigle_import, of_csv_export, of_csv_import, of_geopackage_export,
    of_geopackage_import,
};
pub(crate) use file::of_file;
pub(crate) use import::{ImportReport, of_import};
pub(crate) use margins::{MARGINS_SECTION, margins_section, of_margins};
pub(crate) use model::{Speed, of_model};
pub(crate) use plan::of_plan;
pub(crate) use preset::{ListReport, PresetReport, of_preset};
pub(crate) use review::{of_decisions, of_review, of_state, of_tasks, of_verification};
pub(crate) use run::{of_manifest, of_run};
pub(crate) use scene::{of_scene, of_scenes};
pub(crate) use scenes::{SCENES_IN_FULL, add_warnings};
