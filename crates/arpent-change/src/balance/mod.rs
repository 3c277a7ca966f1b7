//! The balance of an area: flows between classes, artificial soils by the rule of the decree, and figures per zone.
//!
//! None of these figures is the consumption of natural, agricultural and forest land that French law counts until
//! 2031: that comes from cadastre data.

mod amount;
mod cell;
mod codes;
mod columns;
mod enclaves;
mod error;
mod flows;
mod matrix;
#[cfg(test)]
mod tests;
mod thresholds;
mod zone;

pub use amount::Amount;
pub use codes::{Basis, Cover, Outcome, RULE, UnknownCode, Use, decide, decide_codes};
pub use columns::{
    balance_cells, balance_columns, class_cells_of_zone, class_columns_of_zone, coverage_cells,
    coverage_columns, flow_cells, flow_columns, stock_cells, stock_columns,
};
pub use error::BalanceError;
pub use flows::{Coverage, CoverageState, Flow, FlowMatrix, Stock};
pub use matrix::{AnswerRow, ArtificialMatrix, RemarkCounts, UnknownClass};
pub use thresholds::{
    Criterion, MatrixRow, RegionCount, ThresholdCounts, ThresholdFilter, ThresholdRow, Thresholds,
};
pub use zone::{ArtificialFlows, CriterionAreas, Layers, SealedStocks, Zone, ZoneBalance, ZoneFlows};
