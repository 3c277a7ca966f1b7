//! What a command may take, from its command line.

use std::path::Path;

use arpent_base::Result;
use arpent_cli::LimitArgs;
use arpent_job::{CostTable, Limits};

/// The table of a file; without a file an empty one.
///
/// # Errors
/// As [`CostTable::load`].
pub(super) fn table(file: Option<&Path>) -> Result<CostTable> {
    Ok(file.map(CostTable::load).transpose()?.unwrap_or_default())
}

/// Budgets and prices.
///
/// # Errors
/// As [`table`].
pub(super) fn limits(args: &LimitArgs) -> Result<Limits> {
    Ok(Limits { budgets: args.budget.clone(), table: table(args.cost.as_deref())? })
}
