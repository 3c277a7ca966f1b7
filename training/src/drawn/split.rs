//! Which polygons are held out: by the rule of the configuration, with a seed that holds out some of every class.

use arpent_base::number::exact;
use arpent_datasets::{Group, Split, SplitRule};

use super::classes::Classes;
use crate::error::TrainError;

/// Share of the polygons that are held out.
pub(super) const VALIDATION: f64 = 0.3;

/// Hashes to spend on the search, and seeds to try at least and at most.
const HASHES: usize = 400_000;
const SEEDS: (usize, usize) = (50, 4000);

/// The rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen(SplitRule);

impl Chosen {
    pub(super) fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Whether the polygon of an item is held out.
    pub(super) fn is_held_out(&self, item: &str) -> bool {
        self.0.split_of(item) == Split::Validation
    }
}

/// Of the seeds from 1 on, the one with which each class is on both sides and the classes miss their share by the least
/// sum of squares; the first of equals.
pub(super) fn choose(classes: &Classes) -> Result<Chosen, TrainError> {
    let polygons: usize = classes.found.iter().map(|c| c.items.len()).sum();
    let seeds = (HASHES / polygons.max(1)).clamp(SEEDS.0, SEEDS.1) as u64;
    let rule = |seed| Chosen(SplitRule { validation: VALIDATION, test: 0.0, seed, by: Group::Layout });
    let rated = (1..=seeds).filter_map(|seed| Some((missed(classes, &rule(seed))?, seed)));
    let best = rated.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, seed)| rule(seed)).ok_or_else(|| {
        let problem =
            format!("none of {seeds} seeds puts polygons of every class on both sides of the split");
        TrainError::refused(problem, "draw more polygons of the rarest classes, or learn fewer: --classes")
    })
}

/// Squares of what the classes miss their shares by, summed; `None` when one lacks a side.
fn missed(classes: &Classes, rule: &Chosen) -> Option<f64> {
    let miss = |items: &[String]| {
        let held = items.iter().filter(|i| rule.is_held_out(i)).count();
        (held > 0 && held < items.len()).then(|| exact(held) / exact(items.len()) - VALIDATION)
    };
    // Pixels outside of the polygons are on both sides.
    let mut drawn = classes.found.iter().filter(|c| !(c.is_background && c.items.len() < 2));
    drawn.try_fold(0.0, |sum: f64, class| Some(sum + miss(&class.items)?.powi(2)))
}

#[cfg(test)]
mod tests {
    use super::super::classes::Found;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Every class is on both sides, or there is an error; the order of the polygons does not matter.
        #[test]
        fn a_split_has_every_class_on_both_sides_in_any_order(counts in prop::collection::vec(1usize..9, 1..4), turn in 0usize..9) {
            let classes = classes(&counts);
            let mut other = Classes { found: Vec::new(), skipped: vec![] };
            for class in &classes.found {
                let mut items = class.items.clone();
                items.rotate_left(turn % class.items.len());
                other.found.push(Found { name: class.name.clone(), items, color: None, is_background: false });
            }
            let Ok(chosen) = choose(&classes) else {
                prop_assert!(choose(&other).is_err() && counts.contains(&1), "{counts:?} has a split");
                return Ok(());
            };
            prop_assert_eq!(&choose(&other).unwrap(), &chosen);
            for class in &classes.found {
                let held = class.items.iter().filter(|i| chosen.is_held_out(i)).count();
                prop_assert!(held > 0 && held < class.items.len());
            }
        }
    }

    fn classes(counts: &[usize]) -> Classes {
        let mut number = 0;
        let mut found = |(i, count): (usize, &usize)| {
            let items = (0..*count).map(|_| {
                number += 1;
                format!("{number:06}")
            });
            Found { name: i.to_string(), items: items.collect(), color: None, is_background: false }
        };
        Classes { found: counts.iter().enumerate().map(&mut found).collect(), skipped: vec![] }
    }

    #[test]
    fn each_class_is_on_both_sides_near_its_share() {
        let classes = classes(&[10, 2, 3, 20]);
        let chosen = choose(&classes).unwrap();
        for class in &classes.found {
            let held = class.items.iter().filter(|i| chosen.is_held_out(i)).count();
            let wanted = match class.items.len() {
                2 | 3 => 1..=1,
                n => n / 5..=n * 2 / 5,
            };
            assert!(wanted.contains(&held), "{held} of {}", class.items.len());
        }
        assert_eq!(choose(&classes).unwrap(), chosen);
    }

    #[test]
    fn a_class_with_one_polygon_has_no_split() {
        let refused = choose(&classes(&[5, 1])).unwrap_err();
        assert!(refused.to_string().contains("every class on both sides"), "{refused}");
    }
}
