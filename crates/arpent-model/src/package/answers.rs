//! How often a network was right on validation data, by class, confidence and territory.

use std::collections::BTreeMap;

use arpent_base::number::{exact, round};
use arpent_raster::CONFIDENCE_SCALE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Confidence 1 in steps of [`CONFIDENCE_SCALE`].
const MOST: u8 = 250;

/// Right answers on validation data by class and confidence, of all territories together and of each: a run gives the
/// share of right ones as confidence, and a stated risk makes answers *undecided* by them (ADR 0032).
///
/// Confidences are those after the temperature, in steps of 0.004.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerTables {
    /// Fewest answers of a class that make a table.
    pub least_answers: u64,
    /// Fewest pictures that these come from.
    pub least_pictures: u64,
    /// Expected calibration error where the answers of each territory are corrected by the tables of the others; none of a
    /// single territory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece_held_out: Option<f64>,
    /// Tables of all territories together.
    pub all: Vec<ClassAnswers>,
    /// Tables of single territories, by name; classes that are not there have the table of all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub territories: BTreeMap<String, Vec<ClassAnswers>>,
    /// What has too few answers for a table, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The table of a class: levels of confidence whose share of right answers rises from one to the next (isotonic regression).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassAnswers {
    /// Id of the class that was answered.
    pub class: u8,
    /// The levels, lowest confidence first.
    pub levels: Vec<AnswerLevel>,
}

/// Answers of a level of confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerLevel {
    /// Lowest confidence, in steps of 0.004.
    pub from: u8,
    /// Highest confidence, in steps of 0.004.
    pub to: u8,
    /// Number of right answers.
    pub right: u64,
    /// Number of answers.
    pub answers: u64,
}

impl AnswerLevel {
    /// Share of right answers.
    fn share(&self) -> f64 {
        exact(self.right) / exact(self.answers)
    }
}

/// What remains of the validation answers of a class at a risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeptAnswers {
    /// Lowest confidence that remains, in steps of 0.004.
    pub from: u8,
    /// Share of the answers that remains.
    pub coverage: f64,
    /// Share of the remaining ones that is wrong.
    pub risk: f64,
}

impl AnswerTables {
    /// The table of each class in a territory, or in all of them together: its own where it has one, else that of all.
    pub fn of(&self, territory: Option<&str>) -> BTreeMap<u8, &ClassAnswers> {
        let own = territory.and_then(|name| self.territories.get(name)).into_iter().flatten();
        self.all.iter().chain(own).map(|table| (table.class, table)).collect()
    }

    /// What is wrong with the tables, if anything; `is_class` says whether an id is one of the model's classes.
    pub(super) fn problem(&self, is_class: impl Fn(u8) -> bool) -> Option<String> {
        let each = std::iter::once(&self.all).chain(self.territories.values());
        for tables in each {
            for (i, table) in tables.iter().enumerate() {
                let class = table.class;
                if !is_class(class) || tables[..i].iter().any(|other| other.class == class) {
                    return Some(format!("has a table of the class {class}, which is unknown or has two"));
                }
                let fits = |level: &AnswerLevel| {
                    level.from <= level.to
                        && level.to <= MOST
                        && level.answers > 0
                        && level.right <= level.answers
                };
                let rises =
                    |pair: &[AnswerLevel]| pair[0].to < pair[1].from && pair[0].share() < pair[1].share();
                if table.levels.is_empty()
                    || !table.levels.iter().all(fits)
                    || !table.levels.windows(2).all(rises)
                {
                    return Some(format!(
                        "needs levels of rising confidence and share for the class {class}"
                    ));
                }
            }
        }
        None
    }
}

impl ClassAnswers {
    /// The share of right answers at a confidence: linear between the ends of levels, constant beyond the first and the last.
    fn share(&self, step: u8) -> f64 {
        let after = self.levels.partition_point(|level| level.to < step);
        let below = after.checked_sub(1).and_then(|before| self.levels.get(before));
        match (below, self.levels.get(after)) {
            (_, Some(level)) if level.from <= step => level.share(),
            (Some(low), Some(high)) => {
                let part = f64::from(step - low.to) / f64::from(high.from - low.to);
                low.share() + (high.share() - low.share()) * part
            }
            (Some(level), None) | (None, Some(level)) => level.share(),
            (None, None) => f64::from(step) * CONFIDENCE_SCALE,
        }
    }

    /// The corrected confidence for each stored one, in steps of 0.004; what is above 250 (no data) stays.
    pub fn corrected(&self) -> [u8; 256] {
        std::array::from_fn(|step| match u8::try_from(step) {
            Ok(step) if step <= MOST => round::<u8>(self.share(step) / CONFIDENCE_SCALE),
            _ => u8::MAX,
        })
    }

    /// The most answers, from the highest confidence down, of which at most the share `max_risk` is wrong; none if even
    /// those of the highest level are not as good. More risk never keeps fewer.
    pub fn kept(&self, max_risk: f64) -> Option<KeptAnswers> {
        let all: u64 = self.levels.iter().map(|level| level.answers).sum();
        let (mut answers, mut wrong, mut kept) = (0, 0, None);
        for level in self.levels.iter().rev() {
            answers += level.answers;
            wrong += level.answers - level.right;
            let risk = exact(wrong) / exact(answers);
            if risk > max_risk {
                break;
            }
            kept = Some(KeptAnswers { from: level.from, coverage: exact(answers) / exact(all), risk });
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> ClassAnswers {
        let level = |from, to, right, answers| AnswerLevel { from, to, right, answers };
        ClassAnswers {
            class: 3,
            levels: vec![level(50, 100, 50, 100), level(150, 200, 90, 100), level(240, 250, 198, 200)],
        }
    }

    #[test]
    fn confidences_become_shares_of_right_answers() {
        let corrected = table().corrected();
        // 0.5 below and in the first level, 0.7 half-way to the second, 0.99 at the end.
        assert_eq!((corrected[0], corrected[75], corrected[125], corrected[200]), (125, 125, 175, 225));
        assert_eq!((corrected[250], corrected[251], corrected[255]), (248, 255, 255));
    }

    #[test]
    fn the_most_answers_within_the_risk_are_kept() {
        let kept = |risk| table().kept(risk).map(|kept| (kept.from, kept.coverage));
        assert_eq!(kept(0.009), None);
        assert_eq!(kept(0.01), Some((240, 0.5)));
        // 12 of 300 wrong, then 62 of 400.
        assert_eq!(kept(0.04), Some((150, 0.75)));
        assert_eq!((kept(0.15), kept(0.155)), (Some((150, 0.75)), Some((50, 1.0))));
    }

    #[test]
    fn a_territory_has_its_own_tables_and_those_of_all() {
        let of = |class, right| ClassAnswers {
            class,
            levels: vec![AnswerLevel { from: 0, to: 250, right, answers: 10 }],
        };
        let tables = AnswerTables {
            least_answers: 1,
            least_pictures: 1,
            ece_held_out: None,
            all: vec![of(1, 5), of(2, 6)],
            territories: BTreeMap::from([("north".into(), vec![of(2, 9)])]),
            left_out: Vec::new(),
        };
        let right = |territory| tables.of(territory).values().map(|t| t.levels[0].right).collect::<Vec<_>>();
        assert_eq!(
            (right(None), right(Some("north")), right(Some("south"))),
            (vec![5, 6], vec![5, 9], vec![5, 6])
        );
        assert_eq!(tables.problem(|class| class < 3), None);
        assert!(tables.problem(|class| class < 2).unwrap().contains("class 2"));
        let mut falling = tables.clone();
        falling.all[0].levels = vec![table().levels[1], table().levels[0]];
        assert!(falling.problem(|_| true).is_some());
    }

    proptest! {
        /// More risk keeps at least as much, what is kept is within the risk, and corrected confidences never fall.
        #[test]
        fn risk_and_coverage_are_monotone(counts in proptest::collection::vec((1u64..50, 0u64..50), 1..12), risk in 0.0f64..1.0, more in 0.0f64..0.5) {
            let mut shares: Vec<(u64, u64)> = counts.iter().map(|(n, right)| (n + right, *right)).collect();
            shares.sort_by(|a, b| (a.1 * b.0).cmp(&(b.1 * a.0)));
            shares.dedup_by(|a, b| a.1 * b.0 == b.1 * a.0);
            let level = |(i, (answers, right)): (u8, &(u64, u64))| AnswerLevel { from: i * 20, to: i * 20 + 7, right: *right, answers: *answers };
            let table = ClassAnswers { class: 0, levels: (0u8..).zip(&shares).map(level).collect() };
            let (less, kept) = (table.kept(risk), table.kept(risk + more));
            prop_assert!(less.is_none_or(|less| less.risk <= risk && kept.is_some_and(|kept| kept.coverage >= less.coverage)));
            prop_assert!(table.corrected()[..251].windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}
