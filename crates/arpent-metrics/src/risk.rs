//! Risk and coverage: how wrong the answers are that remain when the least certain ones are left out.

use std::collections::BTreeMap;

use arpent_base::number::exact;
use serde::{Deserialize, Serialize};

use crate::error::check_option;
use crate::{Merge, MetricsError};

/// Right and wrong answers by their confidence.
///
/// Answers are left out from the least certain one upward; those of equal confidence leave together. *Coverage* is the
/// share of the answers that remain, *selective risk* the share of these that is wrong, *generalized risk* the share of
/// all answers that remains and is wrong. Curves and areas are those of Traub, Bungert, Lüth, Baumgartner, Maier-Hein,
/// Maier-Hein, Jaeger: *Overcoming common flaws in the evaluation of selective classification systems*, 2024 (arXiv
/// 2407.01032), as their package fd-shifts computes them (`RiskCoverageStats`, without its factor of 1000).
///
/// Memory grows with the number of different confidences: at most 251 for stored ones of rasters.
///
/// ```
/// use arpent_metrics::RiskCoverage;
///
/// let mut risk = RiskCoverage::new();
/// for (confidence, is_right) in [(0.9, true), (0.8, true), (0.7, false), (0.6, true)] {
///     risk.add(confidence, is_right)?;
/// }
/// // Without the two least certain answers, none is wrong.
/// assert_eq!(risk.coverage_at_risk(0.0)?.map(|point| point.coverage), Some(0.5));
/// assert_eq!(risk.risk_at_coverage(0.75)?.map(|point| point.selective_risk), Some(0.25));
/// # Ok::<(), arpent_metrics::MetricsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RiskCoverage {
    /// By the confidence as an integer of the same order.
    answers: BTreeMap<u64, Answers>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Answers {
    right: u64,
    wrong: u64,
}

/// A point of the curve: what remains at and above a confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskPoint {
    /// Lowest confidence that remains.
    pub threshold: f64,
    /// Share of all answers that remains.
    pub coverage: f64,
    /// Share of the remaining answers that is wrong.
    pub selective_risk: f64,
    /// Share of all answers that remains and is wrong.
    pub generalized_risk: f64,
}

/// The scores of a [`RiskCoverage`], for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskScores {
    /// Number of answers.
    pub answers: u64,
    /// Share of them that is wrong.
    pub risk: Option<f64>,
    /// See [`RiskCoverage::augrc`].
    pub augrc: Option<f64>,
    /// See [`RiskCoverage::aurc`].
    pub aurc: Option<f64>,
    /// See [`RiskCoverage::risk_at_coverage`], for [`RiskScores::COVERAGES`].
    pub at_coverage: Vec<AtCoverage>,
    /// See [`RiskCoverage::coverage_at_risk`], for [`RiskScores::RISKS`].
    pub at_risk: Vec<AtRisk>,
}

/// The least risk at a coverage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtCoverage {
    /// The coverage asked for.
    pub coverage: f64,
    /// The point, if there are answers.
    pub point: Option<RiskPoint>,
}

/// The largest coverage at a risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtRisk {
    /// The selective risk asked for.
    pub risk: f64,
    /// The point; none if no choice of answers is as good.
    pub point: Option<RiskPoint>,
}

impl RiskScores {
    /// Coverages whose risk is reported.
    pub const COVERAGES: [f64; 4] = [0.95, 0.9, 0.8, 0.5];
    /// Risks whose coverage is reported.
    pub const RISKS: [f64; 4] = [0.01, 0.02, 0.05, 0.1];
}

/// A number as an integer of the same order.
fn key(score: f64) -> u64 {
    // -0 and 0 are one confidence.
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The number of a [`key`].
fn score_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

impl RiskCoverage {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one answer.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if the confidence is not a finite number.
    pub fn add(&mut self, confidence: f64, is_right: bool) -> Result<(), MetricsError> {
        self.add_counts(confidence, u64::from(is_right), u64::from(!is_right))
    }

    /// Adds right and wrong answers of one confidence.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if the confidence is not a finite number.
    pub fn add_counts(&mut self, confidence: f64, right: u64, wrong: u64) -> Result<(), MetricsError> {
        if !confidence.is_finite() {
            return Err(MetricsError::BadScore { position: 0, score: confidence, expected: "a number" });
        }
        self.count(confidence, right, wrong);
        Ok(())
    }

    /// The same of a confidence that is known to be a finite number.
    pub(crate) fn count(&mut self, confidence: f64, right: u64, wrong: u64) {
        if right + wrong > 0 {
            let answers = self.answers.entry(key(confidence)).or_default();
            answers.right += right;
            answers.wrong += wrong;
        }
    }

    /// Number of answers.
    pub fn answers(&self) -> u64 {
        self.answers.values().map(|a| a.right + a.wrong).sum()
    }

    /// Number of wrong answers.
    pub fn wrong(&self) -> u64 {
        self.answers.values().map(|a| a.wrong).sum()
    }

    /// The curve, one point for each confidence that occurs, from all answers down to those of the highest confidence.
    pub fn curve(&self) -> Vec<RiskPoint> {
        let all = exact(self.answers());
        let (mut left, mut wrong) = (self.answers(), self.wrong());
        let point = |(key, answers): (&u64, &Answers)| {
            let point = RiskPoint {
                threshold: score_of(*key),
                coverage: exact(left) / all,
                selective_risk: exact(wrong) / exact(left),
                generalized_risk: exact(wrong) / all,
            };
            left -= answers.right + answers.wrong;
            wrong -= answers.wrong;
            point
        };
        self.answers.iter().map(point).collect()
    }

    /// Area under the generalized risk by coverage: 0 for answers without error, 0.5 if all are wrong, half of the
    /// squared error rate at best for a given number of errors. It is the expected generalized risk of a coverage drawn
    /// at random. `None` without answers.
    pub fn augrc(&self) -> Option<f64> {
        // Where nothing remains, nothing is wrong.
        area(&self.curve(), |point| point.generalized_risk, |_| 0.0)
    }

    /// Area under the selective risk by coverage; where nothing remains, the risk is that of the highest confidence.
    /// `None` without answers.
    pub fn aurc(&self) -> Option<f64> {
        area(&self.curve(), |point| point.selective_risk, |last| last)
    }

    /// The point of least selective risk among those of at least a coverage; of equal ones that of the largest coverage.
    /// `None` without answers.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if the coverage is not between 0 and 1.
    pub fn risk_at_coverage(&self, coverage: f64) -> Result<Option<RiskPoint>, MetricsError> {
        check_option((0.0..=1.0).contains(&coverage), "coverage", coverage, "a number from 0 to 1")?;
        let enough = self.curve().into_iter().filter(|point| point.coverage >= coverage);
        Ok(enough.reduce(|best, point| if point.selective_risk < best.selective_risk { point } else { best }))
    }

    /// The point of largest coverage among those of at most a selective risk; `None` if there is none.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if the risk is not between 0 and 1.
    pub fn coverage_at_risk(&self, risk: f64) -> Result<Option<RiskPoint>, MetricsError> {
        check_option((0.0..=1.0).contains(&risk), "risk", risk, "a number from 0 to 1")?;
        Ok(self.curve().into_iter().find(|point| point.selective_risk <= risk))
    }

    /// All scores at once.
    pub fn scores(&self) -> RiskScores {
        // The constants are valid.
        let at_coverage = |coverage| {
            let point = self.risk_at_coverage(coverage).ok().flatten();
            AtCoverage { coverage, point }
        };
        let at_risk = |risk| AtRisk { risk, point: self.coverage_at_risk(risk).ok().flatten() };
        RiskScores {
            answers: self.answers(),
            risk: self.curve().first().map(|point| point.selective_risk),
            augrc: self.augrc(),
            aurc: self.aurc(),
            at_coverage: RiskScores::COVERAGES.map(at_coverage).to_vec(),
            at_risk: RiskScores::RISKS.map(at_risk).to_vec(),
        }
    }
}

/// Area under a curve by trapezoids; `end` gives the value at a coverage of 0 from that of the last point.
fn area(curve: &[RiskPoint], value: impl Fn(&RiskPoint) -> f64, end: impl Fn(f64) -> f64) -> Option<f64> {
    let last = curve.last()?;
    let steps = curve
        .windows(2)
        .map(|pair| (pair[0].coverage - pair[1].coverage) * f64::midpoint(value(&pair[0]), value(&pair[1])));
    let first = last.coverage * f64::midpoint(value(last), end(value(last)));
    Some(steps.sum::<f64>() + first)
}

impl Merge for RiskCoverage {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        for (key, more) in &other.answers {
            let answers = self.answers.entry(*key).or_default();
            answers.right += more.right;
            answers.wrong += more.wrong;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::number::wide;
    use proptest::prelude::*;
    use serde_json::Value;

    fn of(items: &[(f64, bool)]) -> RiskCoverage {
        let mut risk = RiskCoverage::new();
        for (score, right) in items {
            risk.add(*score, *right).unwrap();
        }
        risk
    }

    /// Written by benches/peers/risk_coverage.py.
    #[test]
    fn curves_and_areas_are_those_of_fd_shifts() {
        let fixture: Value = serde_json::from_str(include_str!("../tests/risk-coverage.json")).unwrap();
        let cases = fixture["cases"].as_array().unwrap();
        assert!(cases.len() >= 8);
        let near = |name: &str, got: f64, wanted: &Value| {
            assert!((got - wanted.as_f64().unwrap()).abs() < 1e-9, "{name}: {got}, not {wanted}");
        };
        for case in cases {
            let list = |key: &str| -> Vec<f64> { serde_json::from_value(case[key].clone()).unwrap() };
            let items: Vec<(f64, bool)> =
                list("confidences").into_iter().zip(list("wrong")).map(|(c, w)| (c, w < 0.5)).collect();
            let risk = of(&items);
            near("augrc", risk.augrc().unwrap(), &case["augrc"]);
            near("aurc", risk.aurc().unwrap(), &case["aurc"]);
            let curve = risk.curve();
            assert_eq!(curve.len(), case["coverages"].as_array().unwrap().len());
            for (i, point) in curve.iter().enumerate() {
                near("threshold", point.threshold, &case["thresholds"][i]);
                near("coverage", point.coverage, &case["coverages"][i]);
                near("selective risk", point.selective_risk, &case["selective_risks"][i]);
                near("generalized risk", point.generalized_risk, &case["generalized_risks"][i]);
            }
            for asked in case["at_coverage"].as_array().unwrap() {
                let point = risk.risk_at_coverage(asked["coverage"].as_f64().unwrap()).unwrap().unwrap();
                near("risk at coverage", point.selective_risk, &asked["risk"]);
                near("its coverage", point.coverage, &asked["found_coverage"]);
            }
            for asked in case["at_risk"].as_array().unwrap() {
                let point = risk.coverage_at_risk(asked["risk"].as_f64().unwrap()).unwrap();
                assert_eq!(point.is_some(), !asked["coverage"].is_null(), "{asked}");
                if let Some(point) = point {
                    near("coverage at risk", point.coverage, &asked["coverage"]);
                    near("its threshold", point.threshold, &asked["threshold"]);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_and_nothing_has_no_score() {
        let mut risk = RiskCoverage::new();
        assert!(risk.add(f64::NAN, true).is_err() && risk.add(f64::INFINITY, true).is_err());
        assert_eq!((risk.augrc(), risk.aurc(), risk.curve().len()), (None, None, 0));
        assert_eq!((risk.risk_at_coverage(0.5).unwrap(), risk.coverage_at_risk(0.5).unwrap()), (None, None));
        assert!(risk.risk_at_coverage(1.5).is_err() && risk.coverage_at_risk(-0.1).is_err());
        risk.add(-0.0, true).unwrap();
        risk.add(0.0, false).unwrap();
        risk.add(-3.5, false).unwrap();
        let thresholds: Vec<f64> = risk.curve().iter().map(|point| point.threshold).collect();
        assert_eq!(thresholds, [-3.5, 0.0]);
    }

    fn items() -> impl Strategy<Value = Vec<(f64, bool)>> {
        proptest::collection::vec(((0u8..20).prop_map(|c| f64::from(c) / 20.0), any::<bool>()), 1..80)
    }

    proptest! {
        /// Each wrong answer is among the remaining ones at the coverages above the share of more certain answers; answers of
        /// equal confidence are half in, on average. This shares nothing with the way the area is computed.
        #[test]
        fn the_area_is_the_mean_coverage_that_wrong_answers_survive(items in items()) {
            let count = |test: &dyn Fn(f64) -> bool| exact(wide(items.iter().filter(|(c, _)| test(*c)).count()));
            let all = count(&|_| true);
            let one = |(confidence, right): &(f64, bool)| {
                let (less, tied) = (count(&|c| c < *confidence), count(&|c| (c - confidence).abs() < 1e-12));
                if *right { 0.0 } else { (less + tied / 2.0) / all }
            };
            let expected = items.iter().map(one).sum::<f64>() / all;
            prop_assert!((of(&items).augrc().unwrap() - expected).abs() < 1e-12);
        }

        #[test]
        fn coverage_and_generalized_risk_only_fall_and_bounds_hold(items in items(), wanted in 0.0f64..=1.0) {
            let risk = of(&items);
            let curve = risk.curve();
            prop_assert!((curve[0].coverage - 1.0).abs() < 1e-12);
            for pair in curve.windows(2) {
                prop_assert!(pair[1].coverage < pair[0].coverage);
                prop_assert!(pair[1].generalized_risk <= pair[0].generalized_risk);
                prop_assert!(pair[1].threshold > pair[0].threshold);
            }
            let (augrc, error) = (risk.augrc().unwrap(), curve[0].selective_risk);
            prop_assert!(augrc <= error * (1.0 - error / 2.0) + 1e-12 && augrc >= error * error / 2.0 - 1e-12);
            // More risk allowed covers more; more coverage wanted has more risk.
            if let Some(point) = risk.coverage_at_risk(wanted).unwrap() {
                prop_assert!(point.selective_risk <= wanted);
                let more = risk.coverage_at_risk((wanted + 0.1).min(1.0)).unwrap().unwrap();
                prop_assert!(more.coverage >= point.coverage);
            }
            let point = risk.risk_at_coverage(wanted).unwrap().unwrap();
            prop_assert!(point.coverage >= wanted);
            let less = risk.risk_at_coverage((wanted - 0.1).max(0.0)).unwrap().unwrap();
            prop_assert!(less.selective_risk <= point.selective_risk);
        }

        #[test]
        fn parts_are_merged_to_the_whole(items in items(), cut in 0usize..80) {
            let (head, tail) = items.split_at(cut.min(items.len()));
            let mut merged = of(tail);
            merged.merge(&of(head)).unwrap();
            prop_assert_eq!(merged, of(&items));
        }
    }
}
