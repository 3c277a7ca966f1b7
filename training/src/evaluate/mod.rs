//! Scores, computed with the package as in runs.

mod answers;
mod boxes;
mod cells;
mod detail;
mod detection;
pub(crate) mod figures;
mod gallery;
mod judge;
mod judges;
mod numbers;
mod parts;
mod pictures;
mod rare;
pub(crate) mod scene;
mod shown;
mod summary;
mod territories;
mod thin;
mod unit;
mod verb;
mod whole;

pub(crate) use answers::Answers;
pub(crate) use judge::{Judge, Published, Shown};
pub(crate) use judges::judge_of;
pub(crate) use numbers::rounded;
pub(crate) use pictures::Pictures;
pub(crate) use summary::CONFIDENCE;
pub(crate) use territories::{TerritoryScore, TerritoryScores};
pub(crate) use unit::Unit;
pub(crate) use verb::{EvaluateArgs, run};
pub(crate) use whole::{ranges_of, scores_of};
