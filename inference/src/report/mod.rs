//! Text reports of results.

mod change;
mod file;
mod model;
mod plan;
mod run;
mod scene;
mod scenes;

pub(crate) use change::of_change;
pub(crate) use file::of_file;
pub(crate) use model::{Speed, of_model};
pub(crate) use plan::of_plan;
pub(crate) use run::{of_manifest, of_run};
pub(crate) use scene::{of_scene, of_scenes};
pub(crate) use scenes::{SCENES_IN_FULL, add_warnings};
