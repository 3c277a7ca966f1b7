//! Limits of what a command may take.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::amounts::Amounts;
use super::table::CostTable;

/// A limit of what a command may take: time, energy or money.
#[derive(Debug, Clone, PartialEq)]
pub enum Budget {
    /// Elapsed time, seconds.
    Time(f64),
    /// Energy, watt-hours.
    Energy(f64),
    /// Money: amount, currency.
    Money(f64, String),
}

/// A text that is no budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoBudget;

impl fmt::Display for NoBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a time (90s, 30min, 2h), an energy (500Wh, 1.5kWh) or an amount of money with its currency (10EUR), above 0 and at most 10^12")
    }
}

impl std::error::Error for NoBudget {}

/// The largest number of a budget, in any unit.
const MOST: f64 = 1e12;

/// Seconds of a unit of time.
fn unit_s(unit: &str) -> Option<f64> {
    Some(match unit {
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

impl FromStr for Budget {
    type Err = NoBudget;

    fn from_str(text: &str) -> Result<Self, NoBudget> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(NoBudget)?;
        let (number, unit) = text.split_at(end);
        let unit = unit.trim();
        let number: f64 = number.parse().map_err(|_| NoBudget)?;
        // Beyond it, sums are no longer finite.
        if !(number > 0.0 && number <= MOST) {
            return Err(NoBudget);
        }
        if let Some(seconds) = unit_s(unit) {
            // Beyond what durations hold, and what anyone waits for.
            return Duration::try_from_secs_f64(number * seconds)
                .map(|time| Self::Time(time.as_secs_f64()))
                .map_err(|_| NoBudget);
        }
        match unit {
            "Wh" => Ok(Self::Energy(number)),
            "kWh" => Ok(Self::Energy(number * 1000.0)),
            "MWh" => Ok(Self::Energy(number * 1e6)),
            code if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) => {
                Ok(Self::Money(number, code.to_owned()))
            }
            _ => Err(NoBudget),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(seconds) => f.write_str(&arpent_shell::lines::duration(*seconds)),
            Self::Energy(watt_hours) => write!(f, "{watt_hours} Wh"),
            Self::Money(amount, currency) => write!(f, "{amount} {currency}"),
        }
    }
}

impl Budget {
    /// The share of the budget that amounts take; `None` if it cannot be computed: no price, or one in another currency.
    pub(super) fn share(&self, of: &Amounts, table: &CostTable) -> Option<f64> {
        match self {
            Self::Time(seconds) => Some(of.seconds / seconds),
            Self::Energy(watt_hours) => Some(of.watt_hours / watt_hours),
            Self::Money(amount, currency) => {
                let money = table.money(of).filter(|money| money.currency == *currency)?;
                Some(money.amount / amount)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_times_energies_and_money() {
        let of = |text: &str| text.parse::<Budget>();
        assert_eq!(of("2h"), Ok(Budget::Time(7200.0)));
        assert_eq!(of("1.5 min"), Ok(Budget::Time(90.0)));
        assert_eq!(of("500Wh"), Ok(Budget::Energy(500.0)));
        assert_eq!(of("1.5kWh"), Ok(Budget::Energy(1500.0)));
        assert_eq!(of("10EUR"), Ok(Budget::Money(10.0, "EUR".into())));
        for bad in [
            "",
            "2",
            "h",
            "-1h",
            "0h",
            "2 weeks",
            "10eur",
            "10EURO",
            "1e9h",
            "1.2.3h",
            "NaNh",
            "99999999999999999999999h",
            "9999999999999EUR",
        ] {
            assert_eq!(of(bad), Err(NoBudget), "{bad}");
        }
        assert_eq!(of(&format!("{}Wh", "9".repeat(400))), Err(NoBudget));
        assert_eq!(of("90min").unwrap().to_string(), "1 h 30 min");
    }

    #[test]
    fn money_needs_a_price_in_its_currency() {
        let of = Amounts { seconds: 3600.0, watt_hours: 10.0, ..Amounts::default() };
        let table = CostTable::default();
        assert_eq!(Budget::Time(7200.0).share(&of, &table), Some(0.5));
        assert_eq!(Budget::Energy(5.0).share(&of, &table), Some(2.0));
        assert_eq!(Budget::Money(1.0, "EUR".into()).share(&of, &table), None);
        let hour = arpent_publish::Quoted { value: 0.5, source: "list".into(), year: 2026 };
        let table =
            CostTable { currency: Some("EUR".into()), machine_hour: Some(hour), ..CostTable::default() };
        assert_eq!(Budget::Money(1.0, "EUR".into()).share(&of, &table), Some(0.5));
        assert_eq!(Budget::Money(1.0, "USD".into()).share(&of, &table), None);
    }
}
