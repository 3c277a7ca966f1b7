//! One file for each command: from its arguments to its result on standard output.

pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod gc;
pub(crate) mod inspect;
mod job_args;
mod limits;
pub(crate) mod merge;
pub(crate) mod model;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod train;
pub(crate) mod view;
pub(crate) mod worker;
mod write;
pub(crate) mod zonal;
