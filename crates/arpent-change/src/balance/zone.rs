//! The balance of a zone.

use serde::{Deserialize, Serialize};

use super::codes::RULE;
use super::flows::{CoverageState, FlowMatrix};
use super::thresholds::Criterion;

/// A zone and the vintages that are compared in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its identifier, such as the code of a commune.
    pub id: String,
    /// Its type, such as `commune`; any word.
    pub kind: String,
    /// Year of the first vintage; `None` if the zone has none.
    pub year_old: Option<i32>,
    /// Year of the second vintage; `None` if the zone has none.
    pub year_new: Option<i32>,
    /// The years of all its parts, such as `2018-2021` or `2018-2021, 2019-2022`.
    pub years: String,
}

/// Which layers the answers rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layers {
    /// Land cover and land use.
    CoverAndUse,
    /// Land cover only: the cover-only part of the rule, which leaves out herbaceous soils of artificial uses.
    CoverOnly,
}

impl Layers {
    /// The word of files: `cover_and_use` or `cover_only`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CoverAndUse => "cover_and_use",
            Self::CoverOnly => "cover_only",
        }
    }
}

/// Artificial soils, over pixels that both dates observed; square meters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ArtificialFlows {
    /// Artificial at the first date.
    pub before_m2: f64,
    /// Artificial at the second date.
    pub after_m2: f64,
    /// Became artificial.
    pub flux_artif_m2: f64,
    /// Became non-artificial.
    pub flux_desartif_m2: f64,
    /// The first less the second: exactly the stock after less the stock before, before rounding to doubles.
    pub flux_artif_net_m2: f64,
}

/// Sealed soils, over pixels that both dates observed; square meters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SealedStocks {
    /// Sealed at the first date.
    pub before_m2: f64,
    /// Sealed at the second date.
    pub after_m2: f64,
    /// Became sealed.
    pub gained_m2: f64,
    /// Became unsealed.
    pub lost_m2: f64,
    /// After less before.
    pub net_m2: f64,
}

/// What exemptions and undecided regions have a part in, over pixels that both dates observed; square meters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CriterionAreas {
    /// Exempt at the first date: artificial without the exemptions.
    pub exempt_before_m2: f64,
    /// Exempt at the second date.
    pub exempt_after_m2: f64,
    /// In undecided regions at the first date: by the matrix, without the thresholds.
    pub undecided_before_m2: f64,
    /// In undecided regions at the second date.
    pub undecided_after_m2: f64,
}

/// The flows that a balance is made of, of the same pixels.
#[derive(Debug, Clone, Copy)]
pub struct ZoneFlows<'a> {
    /// Of artificial soils: 0: not; 1: artificial; 255: not observed or of an unknown class.
    pub artificial: &'a FlowMatrix,
    /// Of sealed soils, the same values.
    pub sealed: &'a FlowMatrix,
    /// Of the numbers of [`Criterion`], if the thresholds were applied.
    pub criteria: Option<&'a FlowMatrix>,
}

/// The balance of a zone. Figures are `None`, not 0, where no pixel was observed at both dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZoneBalance {
    /// The zone and its vintages.
    pub zone: Zone,
    /// Where it was observed.
    pub state: CoverageState,
    /// Ground area, square meters; what lies outside of the rasters included.
    pub area_m2: f64,
    /// Ground area observed at both dates, square meters.
    pub observed_m2: f64,
    /// Shares of the area, 0 to 1: both dates, first only, second only, none; `None` of a zone without area, and where
    /// the vintages of the zone contradict the pixels.
    pub shares: Option<[f64; 4]>,
    /// Artificial soils.
    pub artificial: Option<ArtificialFlows>,
    /// Sealed soils.
    pub sealed: Option<SealedStocks>,
    /// Exempt and undecided soils; `None` if the thresholds were not applied, too.
    pub criteria: Option<CriterionAreas>,
    /// What the answers rest on.
    pub layers: Layers,
    /// The rule, always [`RULE`].
    pub rule: String,
}

impl ZoneBalance {
    /// The balance of a zone from its flows.
    ///
    /// Coverage is that of the artificial soils, and of the zone's vintages: without a year, nothing was observed at
    /// that date, whatever the pixels are, and there is no figure.
    pub fn new(zone: Zone, flows: ZoneFlows<'_>, layers: Layers) -> Self {
        let ZoneFlows { artificial, sealed, criteria } = flows;
        let (observed, has_figures) = Self::observed(zone, artificial, layers);
        Self {
            artificial: artificial.stock_of(1).filter(|_| has_figures).map(|one| ArtificialFlows {
                before_m2: one.before.area_m2(),
                after_m2: one.after.area_m2(),
                flux_artif_m2: one.gained.area_m2(),
                flux_desartif_m2: one.lost.area_m2(),
                flux_artif_net_m2: one.net_m2(),
            }),
            sealed: sealed.stock_of(1).filter(|_| has_figures).map(|one| SealedStocks {
                before_m2: one.before.area_m2(),
                after_m2: one.after.area_m2(),
                gained_m2: one.gained.area_m2(),
                lost_m2: one.lost.area_m2(),
                net_m2: one.net_m2(),
            }),
            criteria: criteria.filter(|_| has_figures).and_then(|criteria| {
                let exempt = criteria.stock_of(Criterion::Exempt as u8)?;
                let undecided = criteria.stock_of(Criterion::Undecided as u8)?;
                Some(CriterionAreas {
                    exempt_before_m2: exempt.before.area_m2(),
                    exempt_after_m2: exempt.after.area_m2(),
                    undecided_before_m2: undecided.before.area_m2(),
                    undecided_after_m2: undecided.after.area_m2(),
                })
            }),
            ..observed
        }
    }

    /// What was observed of a zone by the flows of its classes, without figures of soils.
    pub fn without_soils(zone: Zone, flows: &FlowMatrix) -> Self {
        Self::observed(zone, flows, Layers::CoverOnly).0
    }

    /// Without figures, and whether there are any.
    fn observed(zone: Zone, flows: &FlowMatrix, layers: Layers) -> (Self, bool) {
        let coverage = flows.coverage();
        let state = match (zone.year_old, zone.year_new) {
            (Some(_), Some(_)) => coverage.state(),
            (Some(_), None) => CoverageState::BeforeOnly,
            (None, Some(_)) => CoverageState::AfterOnly,
            (None, None) => CoverageState::NotObserved,
        };
        let has_figures = matches!(state, CoverageState::Complete | CoverageState::Partial);
        let observed = Self {
            zone,
            state,
            area_m2: coverage.total().area_m2(),
            observed_m2: if has_figures { coverage.both.area_m2() } else { 0.0 },
            shares: coverage.shares().filter(|_| has_figures || coverage.both.is_empty()),
            artificial: None,
            sealed: None,
            criteria: None,
            layers,
            rule: RULE.to_owned(),
        };
        (observed, has_figures)
    }
}
