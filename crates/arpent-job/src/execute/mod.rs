//! Execution of jobs: a run in one process; or a plan, workers that each compute a shard of it, and a merge that
//! publishes.

mod cost_lines;
mod forecast;
mod kind;
mod masked;
mod merge;
mod plan;
mod plan_report;
mod probing;
mod published;
mod report;
mod resolved;
mod run;
mod shared;
mod spent;
mod status;
mod worker;

pub use cost_lines::{forecast_lines, ledger_lines, took_line};
pub use forecast::{Forecast, ForecastOptions, Quantity, forecast as forecast_of};
pub use masked::run;
pub(crate) use masked::run_published;
pub(crate) use merge::{merge, published_once};
pub(crate) use plan::new_place;
pub use plan::write_plan;
pub use plan_report::{ExpectedClass, ExpectedUndecided, MapReport, PlanReport, SceneReport, plan_report};
pub use report::RunReport;
pub(crate) use report::Unpublished;
pub use run::RunOptions;
pub use shared::pool;
pub(crate) use shared::pool_of;
pub(crate) use spent::judged;
pub use status::{JobStatus, ShardState, ShardStatus, StatusReport, status};
pub use worker::WorkerReport;
pub(crate) use worker::{on_shard, work};
