//! Errors of costs and budgets.

use arpent_base::Diagnostic;

/// Exit code of a command that stopped at its budget.
pub const BUDGET_SPENT: u8 = 3;

/// An error of costs and budgets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A budget in money without a price.
    #[error("a budget of {budget} needs prices, and there are none")]
    NoPrice {
        /// The budget.
        budget: String,
    },
    /// A budget in money with prices of requests or bytes alone, which are not watched.
    #[error(
        "a budget of {budget} needs a price above 0 of an hour or of energy: requests and bytes are not watched"
    )]
    OnlyTraffic {
        /// The budget.
        budget: String,
    },
    /// A budget in another currency than that of the prices.
    #[error("the budget is in {wanted}, and the prices are in {currency}")]
    OtherCurrency {
        /// Of the budget.
        wanted: String,
        /// Of the prices.
        currency: String,
    },
    /// The command stopped at its budget.
    #[error("stopped at the budget of {budget}: {done}; this command took {taken}; {left}")]
    Spent {
        /// The budget.
        budget: String,
        /// What is done, of how much.
        done: String,
        /// What the command took.
        taken: String,
        /// What is left, and what it takes.
        left: String,
    },
    /// An output or a file without rates.
    #[error("there are no rates in {place}: {reason}")]
    NoRates {
        /// Where they were looked for.
        place: String,
        /// Why there are none.
        reason: &'static str,
    },
    /// A probe that found nothing to predict.
    #[error("the probe found no pixel to predict in {places} places of the area")]
    EmptyProbe {
        /// Places that were tried.
        places: usize,
    },
    /// An output without a record of what its computation took.
    #[error("{output} does not say what its computation took")]
    NoLedger {
        /// The output.
        output: String,
    },
}

impl Diagnostic for CostError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoPrice { .. } => {
                "name a file with prices with --cost FILE (each with value, source and year; docs/guides/cost.md), or give a budget in hours or Wh"
            }
            Self::OnlyTraffic { .. } => {
                "set machine_hour or energy_kwh in the file of --cost, or give a budget in hours or Wh"
            }
            Self::OtherCurrency { .. } => "give the budget in the currency of the file of --cost",
            Self::Spent { .. } => {
                "run the same command again, with a budget or without one, to go on where it stopped: computed pieces are kept"
            }
            Self::NoRates { .. } => {
                "name the output of a map of this version, or a file of rates, or use --probe"
            }
            Self::EmptyProbe { .. } => "leave out --probe, or name an area with valid pixels with --aoi",
            Self::NoLedger { .. } => {
                "only maps have it, those that this version or a newer one publishes: publish the map again"
            }
        };
        Some(text.to_owned())
    }

    fn is_transient(&self) -> Option<bool> {
        Some(false)
    }

    fn exit_code(&self) -> Option<u8> {
        matches!(self, Self::Spent { .. }).then_some(BUDGET_SPENT)
    }
}
