//! The flow matrix: what became of what, in pixels and on the ground.

use std::collections::BTreeMap;

use arpent_raster::LABEL_NODATA;
use serde::{Deserialize, Serialize};

use super::BalanceError;
use super::amount::Amount;
use super::error::{check_area, check_length};

/// Amounts of each pair of classes (before, after) over pixels that both dates observed, and of pixels that were
/// observed at one date only or at none.
///
/// Stocks and flows are sums of the same integers: the difference of the stocks of a class is exactly what flows in
/// less what flows out. Sums do not depend on the order of rows and [`merge`](Self::merge) is commutative and
/// associative, so any cut of the pixels gives the same bytes. Memory grows with the number of pairs that occur.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowMatrix {
    /// By (before, after); none is empty.
    #[serde(with = "as_list")]
    flows: BTreeMap<(u8, u8), Amount>,
    before_only: Amount,
    after_only: Amount,
    neither: Amount,
}

/// A flow between two classes; of a class to itself, the part that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Class id at the first date.
    pub before: u8,
    /// Class id at the second date.
    pub after: u8,
    /// Pixels and ground area.
    pub amount: Amount,
}

/// The stocks of a class and what it gained and lost, over pixels that both dates observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Class id.
    pub class_id: u8,
    /// At the first date.
    pub before: Amount,
    /// At the second date.
    pub after: Amount,
    /// From other classes.
    pub gained: Amount,
    /// To other classes.
    pub lost: Amount,
}

impl Stock {
    /// Gained less lost, which is the stock after less the stock before, square meters.
    pub fn net_m2(&self) -> f64 {
        self.gained.net_m2(&self.lost)
    }
}

/// Where a zone was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// Every pixel at both dates.
    Complete,
    /// Some pixels at both dates.
    Partial,
    /// No pixel at both dates; some at the first only: the second vintage is missing.
    BeforeOnly,
    /// No pixel at both dates; some at the second only: the first vintage is missing.
    AfterOnly,
    /// No pixel at both dates, but each date observed some.
    Disjoint,
    /// No pixel at either date.
    NotObserved,
}

impl CoverageState {
    /// The word of files: `complete`, `partial`, `before_only`, `after_only`, `disjoint`, `not_observed`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::BeforeOnly => "before_only",
            Self::AfterOnly => "after_only",
            Self::Disjoint => "disjoint",
            Self::NotObserved => "not_observed",
        }
    }
}

/// What the two dates observed of an area.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Observed at both dates: the only pixels of stocks and flows.
    pub both: Amount,
    /// Observed at the first date only.
    pub before_only: Amount,
    /// Observed at the second date only.
    pub after_only: Amount,
    /// Observed at no date, including what lies outside of the rasters.
    pub neither: Amount,
}

impl Coverage {
    /// The whole area.
    pub fn total(&self) -> Amount {
        [self.both, self.before_only, self.after_only, self.neither].iter().sum()
    }

    /// The state as one word.
    pub fn state(&self) -> CoverageState {
        let whole = self.before_only.is_empty() && self.after_only.is_empty() && self.neither.is_empty();
        match (self.both.is_empty(), self.before_only.is_empty(), self.after_only.is_empty()) {
            (false, ..) if whole => CoverageState::Complete,
            (false, ..) => CoverageState::Partial,
            (true, false, true) => CoverageState::BeforeOnly,
            (true, true, false) => CoverageState::AfterOnly,
            (true, false, false) => CoverageState::Disjoint,
            (true, true, true) => CoverageState::NotObserved,
        }
    }

    /// Shares of the area, 0 to 1: both, before only, after only, neither; `None` of an empty area.
    pub fn shares(&self) -> Option<[f64; 4]> {
        let total = self.total();
        let share = |part: &Amount| part.share_of(&total);
        Some([share(&self.both)?, share(&self.before_only)?, share(&self.after_only)?, share(&self.neither)?])
    }
}

impl FlowMatrix {
    /// Adds a row of pixels: classes at both dates (255 where a date has no observation) and the ground area of a
    /// pixel of the row, square meters. `row` is for messages.
    ///
    /// # Errors
    /// [`BalanceError::RowLength`] and [`BalanceError::PixelArea`]; nothing is added then.
    pub fn add_row(
        &mut self,
        row: u64,
        before: &[u8],
        after: &[u8],
        pixel_area_m2: f64,
    ) -> Result<(), BalanceError> {
        check_length(row, "after", after.len(), before.len())?;
        check_area(row, pixel_area_m2)?;
        let mut from = 0;
        while from < before.len() {
            let pair = (before[from], after[from]);
            let rest = before[from..].iter().zip(&after[from..]);
            let length = rest.take_while(|(b, a)| (**b, **a) == pair).count();
            self.slot(pair).add(Amount::of_pixels(length as u64, pixel_area_m2));
            from += length;
        }
        Ok(())
    }

    /// Adds a row of a zone: as [`add_row`](Self::add_row), each pixel by its part inside the zone (0 to 1), such as
    /// [`arpent_vector::ZoneRow::parts`].
    ///
    /// # Errors
    /// [`BalanceError::RowLength`], [`BalanceError::PixelArea`] and [`BalanceError::Weight`]; nothing is added then.
    pub fn add_zone_row(
        &mut self,
        row: u64,
        (before, after): (&[u8], &[u8]),
        parts: &[f64],
        pixel_area_m2: f64,
    ) -> Result<(), BalanceError> {
        check_length(row, "after", after.len(), before.len())?;
        check_length(row, "parts", parts.len(), before.len())?;
        check_area(row, pixel_area_m2)?;
        if let Some(col) = parts.iter().position(|part| !(0.0..=1.0).contains(part)) {
            return Err(BalanceError::Weight { row, col, weight: parts[col] });
        }
        let mut from = 0;
        while from < before.len() {
            let pair = (before[from], after[from]);
            let mut sum = Amount::default();
            while from < before.len() && (before[from], after[from]) == pair {
                sum.add(Amount::of_part(parts[from], pixel_area_m2));
                from += 1;
            }
            if !sum.is_empty() {
                self.slot(pair).add(sum);
            }
        }
        Ok(())
    }

    /// Adds pixels of a zone that lie outside of the rasters: observed at no date.
    ///
    /// # Errors
    /// [`BalanceError::PixelArea`], and [`BalanceError::Weight`] of a negative number of pixels.
    pub fn add_outside(&mut self, row: u64, pixels: f64, pixel_area_m2: f64) -> Result<(), BalanceError> {
        check_area(row, pixel_area_m2)?;
        if !(pixels.is_finite() && pixels >= 0.0) {
            return Err(BalanceError::Weight { row, col: 0, weight: pixels });
        }
        self.neither.add(Amount::of_part(pixels, pixel_area_m2));
        Ok(())
    }

    /// Adds the amounts of another matrix: of other rows or parts of the same area.
    pub fn merge(&mut self, other: &Self) {
        for (pair, amount) in &other.flows {
            self.flows.entry(*pair).or_default().add(*amount);
        }
        self.before_only.add(other.before_only);
        self.after_only.add(other.after_only);
        self.neither.add(other.neither);
    }

    fn slot(&mut self, (before, after): (u8, u8)) -> &mut Amount {
        match (before == LABEL_NODATA, after == LABEL_NODATA) {
            (false, false) => self.flows.entry((before, after)).or_default(),
            (false, true) => &mut self.before_only,
            (true, false) => &mut self.after_only,
            (true, true) => &mut self.neither,
        }
    }

    /// The flows that occur, by ascending (before, after); what stays in its class included.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.flows.iter().map(|((before, after), amount)| Flow {
            before: *before,
            after: *after,
            amount: *amount,
        })
    }

    /// The flow between two classes; empty if it does not occur.
    pub fn flow(&self, before: u8, after: u8) -> Amount {
        self.flows.get(&(before, after)).copied().unwrap_or_default()
    }

    /// What changed its class.
    pub fn changed(&self) -> Amount {
        self.flows().filter(|flow| flow.before != flow.after).map(|flow| flow.amount).sum()
    }

    /// What the dates observed.
    pub fn coverage(&self) -> Coverage {
        Coverage {
            both: self.flows.values().sum(),
            before_only: self.before_only,
            after_only: self.after_only,
            neither: self.neither,
        }
    }

    /// The stocks of the classes that occur at either date, by ascending id; `None` where no pixel was observed at
    /// both dates, which is not a stock of 0.
    pub fn stocks(&self) -> Option<Vec<Stock>> {
        if self.flows.is_empty() {
            return None;
        }
        let mut stocks: BTreeMap<u8, Stock> = BTreeMap::new();
        for Flow { before, after, amount } in self.flows() {
            for class_id in [before, after] {
                stocks.entry(class_id).or_insert_with(|| Stock { class_id, ..Stock::default() });
            }
            let at = |stocks: &mut BTreeMap<u8, Stock>, id: u8, add: fn(&mut Stock) -> &mut Amount| {
                if let Some(stock) = stocks.get_mut(&id) {
                    add(stock).add(amount);
                }
            };
            at(&mut stocks, before, |stock| &mut stock.before);
            at(&mut stocks, after, |stock| &mut stock.after);
            if before != after {
                at(&mut stocks, before, |stock| &mut stock.lost);
                at(&mut stocks, after, |stock| &mut stock.gained);
            }
        }
        Some(stocks.into_values().collect())
    }

    /// The stock of a class, also where it does not occur; `None` where no pixel was observed at both dates.
    pub fn stock_of(&self, class_id: u8) -> Option<Stock> {
        let stocks = self.stocks()?;
        let none = Stock { class_id, ..Stock::default() };
        Some(stocks.into_iter().find(|stock| stock.class_id == class_id).unwrap_or(none))
    }
}

/// Maps with pairs for keys as lists, which JSON can hold.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Amount;

    pub(super) fn serialize<S: Serializer>(
        flows: &BTreeMap<(u8, u8), Amount>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        flows.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<(u8, u8), Amount>, D::Error> {
        Ok(Vec::<((u8, u8), Amount)>::deserialize(deserializer)?.into_iter().collect())
    }
}
