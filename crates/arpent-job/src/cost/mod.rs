//! What computations cost: prices and assumptions, rates of earlier jobs, estimates, and budgets.
//!
//! A [`CostTable`] turns [`Amounts`] (hours, energy, bytes, requests) into money and greenhouse gases. What earlier jobs took is
//! kept as [`Observation`]s; a straight line through those of one kind is the estimate of a job. A [`Guard`] watches what a
//! command takes, and stops it before a [`Budget`] is passed.

mod amounts;
mod boamps;
mod budget;
mod error;
mod estimate;
mod guard;
mod observed;
mod pace;
mod table;

pub use amounts::Amounts;
pub use boamps::{BoampsOptions, boamps_record};
pub use budget::{Budget, NoBudget};
pub use error::{BUDGET_SPENT, CostError};
pub(crate) use estimate::{Estimate, closing, estimate};
pub(crate) use guard::Guard;
pub use guard::Limits;
pub use observed::{JobKind, Observation, rates_file, read_rates, record_rates};
pub use table::CostTable;
