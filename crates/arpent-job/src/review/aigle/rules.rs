//! The rules of AIGLE's import, and what breaks them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::delivery::{Batch, Inference};

/// What AIGLE does where a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consequence {
    /// The import stops with an error.
    ImportStops,
    /// The whole batch is left out.
    BatchRefused,
    /// The row is left out, without an error.
    RowSkipped,
    /// It is imported, and less useful.
    Note,
}

/// A rule that is broken, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    /// The rule, in words.
    pub rule: String,
    /// What AIGLE does.
    pub consequence: Consequence,
    /// Rows that break it; 1 for the batch.
    pub rows: u64,
    /// The first feature that does; none for the batch.
    pub feature: Option<String>,
}

/// What a row is for AIGLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Geometry,
    Type,
    Number,
    Score,
    Tile,
}

/// Largest id of an inference: a 32-bit integer.
const LAST_ID: i64 = 2_147_483_647;

/// Counts what breaks the rules, row by row.
pub(super) struct Check<'a> {
    /// Types that AIGLE knows, as it compares them; none if they are not given.
    known: Option<&'a BTreeSet<String>>,
    counts: Vec<(Rule, RuleCount)>,
    rows: u64,
    skipped: u64,
}

impl<'a> Check<'a> {
    pub(super) const fn new(known: Option<&'a BTreeSet<String>>) -> Self {
        Self { known, counts: Vec::new(), rows: 0, skipped: 0 }
    }

    /// Takes note of a row.
    pub(super) fn row(&mut self, row: &Inference) {
        self.rows += 1;
        let is_known =
            !row.object_type.is_empty() && self.known.is_none_or(|known| known.contains(&row.object_type));
        let broken = [
            (row.polygon.is_none(), Rule::Geometry, "a row has a geometry", Consequence::ImportStops),
            (!is_known, Rule::Type, "AIGLE knows the object type", Consequence::BatchRefused),
            (row.id > LAST_ID, Rule::Number, "ids are 32-bit integers", Consequence::ImportStops),
            (
                !row.score.is_some_and(|score| (0.0..=1.0).contains(&score)),
                Rule::Score,
                "a score is between 0 and 1",
                Consequence::RowSkipped,
            ),
            // A column or row 0 counts as absent.
            (
                row.tile.is_none_or(|tile| tile.contains(&0)),
                Rule::Tile,
                "a row lies in a tile of zoom 19",
                Consequence::RowSkipped,
            ),
        ];
        let mut is_skipped = false;
        for (is_broken, rule, words, consequence) in broken {
            if !is_broken {
                continue;
            }
            is_skipped |= consequence == Consequence::RowSkipped;
            let words = match rule {
                Rule::Type => format!("{words}: `{}`", row.object_type),
                _ => words.to_owned(),
            };
            let known = self.counts.iter_mut().find(|(of, count)| *of == rule && count.rule == words);
            if let Some((_, count)) = known {
                count.rows += 1;
            } else {
                let feature = Some(row.feature.clone());
                self.counts.push((rule, RuleCount { rule: words, consequence, rows: 1, feature }));
            }
        }
        self.skipped += u64::from(is_skipped);
    }

    /// What is broken, the worst first, and how many rows AIGLE would import.
    pub(super) fn finish(self, batch: &Batch) -> (Vec<RuleCount>, u64) {
        let mut all: Vec<RuleCount> = self.counts.into_iter().map(|(_, count)| count).collect();
        let mut of_batch = |is_broken: bool, rule: &str, consequence| {
            if is_broken {
                all.push(RuleCount { rule: rule.to_owned(), consequence, rows: 1, feature: None });
            }
        };
        of_batch(
            !batch.year.is_some_and(|year| (1900..=2100).contains(&year)),
            "the year of the imagery is between 1900 and 2100",
            Consequence::BatchRefused,
        );
        of_batch(
            batch.tiles_url.is_none(),
            "the batch has the address of its tiles",
            Consequence::BatchRefused,
        );
        of_batch(
            batch.geozone.is_none(),
            "the run has a geozone: without one it is listed and cannot be deployed",
            Consequence::Note,
        );
        of_batch(
            self.known.is_none(),
            "the object types of AIGLE are given with --known-types: they were not compared",
            Consequence::Note,
        );
        all.sort_by(|a, b| (a.consequence, &a.rule).cmp(&(b.consequence, &b.rule)));
        let is_refused = all.iter().any(|count| count.consequence < Consequence::RowSkipped);
        (all, if is_refused { 0 } else { self.rows - self.skipped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64) -> Inference {
        let ring = vec![[5.0, 43.0], [5.1, 43.0], [5.0, 43.1], [5.0, 43.0]];
        Inference {
            id,
            feature: format!("f{id}"),
            part: 1,
            score: Some(0.5),
            object_type: "piscine".to_owned(),
            status: None,
            tile: Some([1, 1]),
            polygon: Some(vec![ring]),
        }
    }

    #[test]
    fn every_rule_is_counted() {
        let batch = Batch {
            id: 1,
            name: "b".to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            model: "m".to_owned(),
            tiles_url: Some("https://example.org/{z}/{x}/{y}.webp".to_owned()),
            description: String::new(),
            geozone: Some(1),
            year: Some(2024),
        };
        let known = BTreeSet::from(["piscine".to_owned()]);
        let counted = |rows: &[Inference], batch: &Batch| {
            let mut check = Check::new(Some(&known));
            for row in rows {
                check.row(row);
            }
            let (counts, imported) = check.finish(batch);
            (counts.into_iter().map(|count| (count.consequence, count.rows)).collect::<Vec<_>>(), imported)
        };
        assert_eq!(counted(&[row(1), row(2)], &batch), (vec![], 2));
        let bad = [
            row(1),
            Inference { score: None, tile: Some([0, 5]), ..row(2) },
            Inference { score: Some(1.5), ..row(3) },
        ];
        assert_eq!(
            counted(&bad, &batch),
            (vec![(Consequence::RowSkipped, 1), (Consequence::RowSkipped, 2)], 1)
        );
        for (rows, batch) in [
            (vec![Inference { object_type: "yacht".to_owned(), ..row(1) }], batch.clone()),
            (vec![Inference { polygon: None, ..row(1) }], batch.clone()),
            (vec![row(LAST_ID + 1)], batch.clone()),
            (vec![row(1)], Batch { year: Some(1850), ..batch.clone() }),
            (vec![row(1)], Batch { tiles_url: None, ..batch.clone() }),
        ] {
            let (counts, imported) = counted(&rows, &batch);
            assert!(imported == 0 && counts[0].0 < Consequence::RowSkipped, "{counts:?}");
        }
    }
}
