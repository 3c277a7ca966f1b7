//! Scores of each territory with intervals over its pictures.

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_metrics::{Grouped, Merge};
use serde::{Deserialize, Serialize};

use super::numbers::ROUNDS;

/// Scores of a territory (a group of pictures).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TerritoryScores {
    /// Number of pictures.
    pub(crate) pictures: u64,
    /// Number of samples with truth: pixels, pictures or objects.
    pub(crate) samples: u64,
    /// By name; scores that are not defined are left out.
    pub(crate) scores: BTreeMap<String, TerritoryScore>,
}

/// A score of a territory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct TerritoryScore {
    /// The score of all its pictures together.
    pub(crate) value: f64,
    /// Its 95 % interval for other pictures of the territory; none of a single picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<[f64; 2]>,
}

/// A picture: its territory, its name, and what was counted on it.
pub(super) type Picture<'a, M> = (&'a str, &'a str, &'a M);

/// A score by its name.
pub(super) type Measure<M> = (&'static str, fn(&M) -> Option<f64>);

/// The scores of each territory.
pub(super) fn territories<'a, M: Merge + 'a>(
    pictures: impl Iterator<Item = Picture<'a, M>>,
    empty: &M,
    samples: impl Fn(&M) -> u64,
    measures: &[Measure<M>],
) -> Result<BTreeMap<String, TerritoryScores>> {
    let mut parts: BTreeMap<&str, Grouped<M>> = BTreeMap::new();
    for (territory, name, one) in pictures {
        parts.entry(territory).or_insert_with(|| Grouped::new(empty.clone())).group(name).merge(one)?;
    }
    let mut all = BTreeMap::new();
    for (territory, pictures) in parts {
        let pooled = pictures.pooled()?;
        let mut scores = BTreeMap::new();
        for (name, measure) in measures {
            let Some(value) = measure(&pooled) else { continue };
            let interval = pictures.interval(measure, 0.95, ROUNDS, 0)?.map(|i| [i.low, i.high]);
            scores.insert((*name).to_owned(), TerritoryScore { value, interval });
        }
        let count = pictures.groups().len() as u64;
        all.insert(
            territory.to_owned(),
            TerritoryScores { pictures: count, samples: samples(&pooled), scores },
        );
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_metrics::Confusion;

    #[test]
    fn each_territory_has_its_scores_and_intervals() {
        let one = |right: u8| {
            let mut one = Confusion::new(2).unwrap();
            (0..10).for_each(|i| one.add(0, u8::from(i >= right)).unwrap());
            one
        };
        let items = [("north", "a", one(10)), ("north", "b", one(6)), ("south", "c", one(5))];
        let pictures = items.iter().map(|(territory, name, one)| (*territory, *name, one));
        let empty = Confusion::new(2).unwrap();
        let measure: fn(&Confusion) -> Option<f64> = Confusion::overall_accuracy;
        let all = territories(pictures, &empty, Confusion::pixels, &[("overall_accuracy", measure)]).unwrap();
        let north = &all["north"];
        assert_eq!((north.pictures, north.samples, all["south"].samples), (2, 20, 10));
        let score = north.scores["overall_accuracy"];
        assert!((score.value - 0.8).abs() < 1e-12 && score.interval == Some([0.6, 1.0]), "{score:?}");
        assert_eq!(all["south"].scores["overall_accuracy"].interval, None);
    }
}
