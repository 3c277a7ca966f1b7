//! Who looks at what: samples of a map's features, as tasks of reviewers.
//!
//! A sample depends on the seed, the options and the features only, not on the order in which they are read: every choice
//! is made by hashes of the seed and the id. Features are read twice ([`Tally`], then [`Drawing`]); memory grows with the
//! sample and the number of strata, not with the map.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::{approximate, exact, fitted, index, round, wide};
use arpent_sampling::{Draw, allocate, allocate_by};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::ReviewError;

/// Share of features that two reviewers get by default.
pub const DOUBLED: f64 = 0.05;
/// Bands of scores, by their upper ends: fixed, so that two samples of a map have the same strata.
const BANDS: [(f64, &str); 4] = [
    (0.5, "score below 0.5"),
    (0.7, "score 0.5 to 0.7"),
    (0.9, "score 0.7 to 0.9"),
    (f64::INFINITY, "score above 0.9"),
];
/// The smallest standard deviation that Neyman's allocation expects in a stratum: that of 1 in 100. A stratum whose scores
/// are all near 0 or 1 is still looked at.
const LEAST_SHARE: f64 = 0.01;

/// A feature that may be reviewed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its class or kind.
    pub class: &'a str,
    /// Its zone, such as a commune; empty if there are none.
    pub zone: &'a str,
    /// Its score, 0 to 1.
    pub score: Option<f64>,
}

/// Which features are reviewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Design {
    /// Every feature.
    All,
    /// The features of highest score in each zone: a review budget.
    Top {
        /// How many in each zone.
        per_zone: usize,
    },
    /// A stratified random sample: the only one whose result can be projected to the whole map.
    Random {
        /// How many features.
        size: u64,
        /// How many in each stratum at least, or all it has.
        minimum: u64,
        /// What strata are made of; empty for a simple random sample.
        by: Vec<Split>,
        /// How the sample is distributed over them.
        allocation: Allocation,
    },
    /// The features whose score is nearest to a value.
    LeastCertain {
        /// How many.
        count: usize,
        /// The score of even odds.
        at: f64,
        /// Whether each class gets the same share of the count, as far as it has features: what is learned of decisions is then
        /// learned of rare classes too.
        #[serde(default)]
        balanced: bool,
    },
}

/// What strata are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The class or kind.
    Class,
    /// The zone.
    Zone,
    /// Bands of the score.
    Score,
}

/// How a sample is distributed over strata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// In proportion to their features.
    Proportional,
    /// In proportion to their features times the standard deviation that their mean score lets expect (Neyman).
    Neyman,
}

/// What is asked of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleOptions {
    /// Seed of all draws.
    pub seed: u64,
    /// Which features.
    pub design: Design,
    /// Names of reviewers, in the order that tasks are dealt in.
    pub reviewers: Vec<String>,
    /// Share of the features that a second reviewer gets, too, without a mark.
    pub doubled: f64,
    /// Features whose answer is known, which every reviewer gets, without a mark.
    pub known: Vec<String>,
}

impl SampleOptions {
    /// Checks that they can be met.
    ///
    /// # Errors
    /// [`ReviewError::Field`].
    pub fn check(&self) -> Result<(), ReviewError> {
        let distinct: BTreeSet<&String> = self.reviewers.iter().collect();
        if distinct.is_empty() || distinct.len() != self.reviewers.len() {
            return Err(ReviewError::field("reviewers", self.reviewers.join(", "), "one or more, each once"));
        }
        if !(0.0..=1.0).contains(&self.doubled) || (self.doubled > 0.0 && self.reviewers.len() < 2) {
            let expected = "a share from 0 to 1, and 0 for a single reviewer";
            return Err(ReviewError::field("doubled", self.doubled.to_string(), expected));
        }
        match self.design {
            Design::Top { per_zone: 0 }
            | Design::LeastCertain { count: 0, .. }
            | Design::Random { size: 0, .. } => Err(ReviewError::field("size", "0", "1 or more features")),
            Design::LeastCertain { at, .. } if !(0.0..=1.0).contains(&at) => {
                Err(ReviewError::field("at", at.to_string(), "a score from 0 to 1"))
            }
            _ => Ok(()),
        }
    }

    /// Name of a candidate's stratum.
    fn stratum(&self, candidate: &Candidate<'_>) -> String {
        let band = || match candidate.score {
            None => "no score",
            Some(score) => BANDS.iter().find(|(end, _)| score < *end).map_or(BANDS[3].1, |(_, name)| name),
        };
        let zone = if candidate.zone.is_empty() { "no zone" } else { candidate.zone };
        match &self.design {
            Design::All => "all".to_owned(),
            Design::Top { per_zone } => format!("the {per_zone} highest scores of {zone}"),
            Design::LeastCertain { balanced: false, .. } => "least certain".to_owned(),
            Design::LeastCertain { balanced: true, .. } => format!("least certain of {}", candidate.class),
            Design::Random { by, .. } if by.is_empty() => "random".to_owned(),
            Design::Random { by, .. } => {
                let part = |split: &Split| match split {
                    Split::Class => candidate.class,
                    Split::Zone => zone,
                    Split::Score => band(),
                };
                by.iter().map(part).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// Counts of a stratum. Scores are added as whole numbers, so that their sum does not depend on the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    features: u64,
    scored: u64,
    billionths: u64,
}

/// The first pass: how many features each stratum has.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    options: SampleOptions,
    strata: BTreeMap<String, Counts>,
}

impl Tally {
    /// Of no features.
    ///
    /// # Errors
    /// As [`SampleOptions::check`].
    pub fn new(options: SampleOptions) -> Result<Self, ReviewError> {
        options.check()?;
        Ok(Self { options, strata: BTreeMap::new() })
    }

    /// Counts a feature; each one once.
    ///
    /// # Errors
    /// [`ReviewError::Field`] for a score outside of 0 to 1, or none where the design needs one.
    pub fn count(&mut self, candidate: &Candidate<'_>) -> Result<(), ReviewError> {
        check_score(&self.options.design, candidate)?;
        let counts = self.strata.entry(self.options.stratum(candidate)).or_default();
        counts.features += 1;
        if let Some(score) = candidate.score {
            counts.scored += 1;
            counts.billionths += round::<u64>(score * 1e9);
        }
        Ok(())
    }

    /// Begins the second pass.
    ///
    /// # Errors
    /// [`ReviewError::Sample`] for a map without features, and a size below the minima of the strata.
    pub fn draw(self) -> Result<Drawing, ReviewError> {
        let counts: Vec<Counts> = self.strata.values().copied().collect();
        if counts.is_empty() {
            return Err(arpent_sampling::AreaError::NoStrata.into());
        }
        let features: Vec<f64> = counts.iter().map(|counts| approximate(counts.features)).collect();
        let sizes = match &self.options.design {
            Design::All => counts.iter().map(|counts| counts.features).collect(),
            Design::Top { per_zone } => vec![wide(*per_zone); counts.len()],
            Design::LeastCertain { count, .. } => {
                allocate_by(wide(*count), &features, &vec![1.0; features.len()], 0)?
            }
            Design::Random { size, minimum, allocation: Allocation::Proportional, .. } => {
                allocate(*size, &features, *minimum)?
            }
            Design::Random { size, minimum, allocation: Allocation::Neyman, .. } => {
                let weights: Vec<f64> = counts.iter().map(neyman).collect();
                allocate_by(*size, &features, &weights, *minimum)?
            }
        };
        let places = self.strata.keys().cloned().zip(0..).collect();
        let random = Draw::new(self.options.seed, &sizes);
        let best = vec![BTreeSet::new(); sizes.len()];
        Ok(Drawing { options: self.options, counts, sizes, places, random, best })
    }
}

/// The weight of a stratum in Neyman's allocation.
fn neyman(counts: &Counts) -> f64 {
    let mean = if counts.scored == 0 {
        0.5
    } else {
        approximate(counts.billionths) / 1e9 / approximate(counts.scored)
    };
    let share = mean.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
    approximate(counts.features) * (share * (1.0 - share)).sqrt()
}

fn check_score(design: &Design, candidate: &Candidate<'_>) -> Result<(), ReviewError> {
    let needed = matches!(design, Design::Top { .. } | Design::LeastCertain { .. });
    match candidate.score {
        Some(score) if (0.0..=1.0).contains(&score) => Ok(()),
        None if !needed => Ok(()),
        score => {
            let found = score.map_or_else(|| "missing".to_owned(), |score| score.to_string());
            Err(ReviewError::field(
                "score",
                format!("{found} (feature {})", candidate.id),
                "a number from 0 to 1",
            ))
        }
    }
}

/// A hash of the seed and texts: the rank of a thing among others.
fn rank(seed: u64, texts: &[&str]) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    for text in texts {
        hasher.update(wide(text.len()).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let digest = hasher.finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(first)
}

/// The second pass: which features are drawn.
#[derive(Debug)]
pub struct Drawing {
    options: SampleOptions,
    counts: Vec<Counts>,
    sizes: Vec<u64>,
    places: BTreeMap<String, usize>,
    random: Draw,
    /// The best of each stratum, for designs by score: distance from the best score, rank among equals, id.
    best: Vec<BTreeSet<(u64, u128, String)>>,
}

impl Drawing {
    /// Considers a feature; the same ones as in the first pass.
    ///
    /// # Errors
    /// As [`Tally::count`]; [`ReviewError::Field`] for a feature of a stratum that the first pass has not seen.
    pub fn offer(&mut self, candidate: &Candidate<'_>) -> Result<(), ReviewError> {
        check_score(&self.options.design, candidate)?;
        let name = self.options.stratum(candidate);
        let changed = || ReviewError::field("feature", candidate.id, "the same features in both passes");
        let place = *self.places.get(&name).ok_or_else(changed)?;
        // Of numbers from 0 on, a smaller one has smaller bits.
        let distance = match self.options.design {
            Design::Top { .. } => 1.0 - candidate.score.unwrap_or_default(),
            Design::LeastCertain { at, .. } => (candidate.score.unwrap_or_default() - at).abs(),
            Design::All | Design::Random { .. } => return Ok(self.random.offer(place, candidate.id)?),
        };
        let best = &mut self.best[place];
        best.insert((
            distance.to_bits(),
            rank(self.options.seed, &["tie", candidate.id]),
            candidate.id.to_owned(),
        ));
        if wide(best.len()) > self.sizes[place] {
            best.pop_last();
        }
        Ok(())
    }

    /// The sample.
    pub fn finish(self) -> Sample {
        let by_score = matches!(self.options.design, Design::Top { .. } | Design::LeastCertain { .. });
        let ids: Vec<Vec<String>> = if by_score {
            self.best.into_iter().map(|best| best.into_iter().map(|(_, _, id)| id).collect()).collect()
        } else {
            self.random.finish().into_iter().map(|drawn| drawn.ids).collect()
        };
        let mut strata = Vec::new();
        let mut drawn = Vec::new();
        for (((name, _), counts), ids) in self.places.iter().zip(&self.counts).zip(ids) {
            let number = wide(ids.len());
            strata.push(SampleStratum { name: name.clone(), features: counts.features, drawn: number });
            let probability = if by_score { 1.0 } else { exact(number) / exact(counts.features) };
            let of = |feature: String| DrawnFeature {
                feature,
                stratum: name.clone(),
                probability,
                doubled: false,
            };
            drawn.extend(ids.into_iter().map(of));
        }
        deal(&self.options, strata, drawn)
    }
}

/// A stratum of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleStratum {
    /// Its name.
    pub name: String,
    /// Features in it.
    pub features: u64,
    /// Features drawn.
    pub drawn: u64,
}

/// A feature that was drawn: for the person who evaluates the sample, not for reviewers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawnFeature {
    /// Its id.
    pub feature: String,
    /// Its stratum.
    pub stratum: String,
    /// The probability that it was drawn.
    pub probability: f64,
    /// Whether two reviewers get it.
    pub doubled: bool,
}

/// A task of a reviewer. Nothing in it says whether another one has the same feature, or its answer is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The reviewer.
    pub reviewer: String,
    /// Its position in the reviewer's queue, from 1. The order is random: a reviewer who stops early has seen a random part.
    pub order: u64,
    /// Id of the feature.
    pub feature: String,
    /// Why it was chosen: its stratum.
    pub why: String,
    /// The probability of that choice.
    pub probability: f64,
}

/// A sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its strata, by name.
    pub strata: Vec<SampleStratum>,
    /// Features drawn, by id.
    pub drawn: Vec<DrawnFeature>,
    /// Tasks, reviewer by reviewer.
    pub tasks: Vec<Task>,
}

/// Deals the features to reviewers.
fn deal(options: &SampleOptions, strata: Vec<SampleStratum>, mut drawn: Vec<DrawnFeature>) -> Sample {
    let seed = options.seed;
    drawn.sort_by_cached_key(|drawn| (rank(seed, &["deal", &drawn.feature]), drawn.feature.clone()));
    let doubled: usize = round(options.doubled * exact(drawn.len()));
    let mut by_double: Vec<usize> = (0..drawn.len()).collect();
    by_double.sort_by_cached_key(|at| rank(seed, &["double", &drawn[*at].feature]));
    by_double.iter().take(doubled).for_each(|at| drawn[*at].doubled = true);
    let reviewers = options.reviewers.len();
    let mut queues: Vec<BTreeMap<String, (String, f64)>> = vec![BTreeMap::new(); reviewers];
    for (at, feature) in drawn.iter().enumerate() {
        let first = at % reviewers;
        let mut of = |reviewer: usize| {
            queues[reviewer].insert(feature.feature.clone(), (feature.stratum.clone(), feature.probability));
        };
        of(first);
        if feature.doubled && reviewers > 1 {
            let others = u128::from(wide(reviewers - 1));
            let step: u64 = fitted(rank(seed, &["second", &feature.feature]) % others);
            of((first + 1 + index(step)) % reviewers);
        }
    }
    for (reviewer, queue) in options.reviewers.iter().zip(&mut queues) {
        for known in options.known.iter().filter(|_| !drawn.is_empty()) {
            // A known one looks like any other that was drawn.
            let like: u64 = fitted(rank(seed, &["known", reviewer, known]) % u128::from(wide(drawn.len())));
            let like = &drawn[index(like)];
            queue.entry(known.clone()).or_insert_with(|| (like.stratum.clone(), like.probability));
        }
    }
    let mut tasks = Vec::new();
    for (reviewer, queue) in options.reviewers.iter().zip(queues) {
        let mut queue: Vec<(String, (String, f64))> = queue.into_iter().collect();
        queue.sort_by_cached_key(|(feature, _)| rank(seed, &["order", reviewer, feature]));
        let task = |((feature, (why, probability)), order)| Task {
            reviewer: reviewer.clone(),
            order,
            feature,
            why,
            probability,
        };
        tasks.extend(queue.into_iter().zip(1..).map(task));
    }
    drawn.sort_by(|a, b| a.feature.cmp(&b.feature));
    Sample { strata, drawn, tasks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(design: Design) -> SampleOptions {
        let reviewers = ["ana", "ben", "cyr"].map(str::to_owned).to_vec();
        SampleOptions {
            seed: 7,
            design,
            reviewers,
            doubled: DOUBLED,
            known: vec!["known-1".into(), "f10".into()],
        }
    }

    /// Features `f0` to `f999` of two classes and three zones; scores are multiples of 0.001.
    fn features() -> Vec<(String, &'static str, &'static str, f64)> {
        let zones = ["Arles", "Fos", "Istres"];
        (0..1000usize)
            .map(|i| {
                (
                    format!("f{i}"),
                    if i % 4 == 0 { "pool" } else { "shed" },
                    zones[i % 3],
                    exact(i * 7 % 1000) / 1000.0,
                )
            })
            .collect()
    }

    fn draw(options: &SampleOptions, features: &[(String, &str, &str, f64)]) -> Sample {
        let candidate = |(id, class, zone, score): &'_ (String, &str, &str, f64)| {
            (id.clone(), (*class).to_owned(), (*zone).to_owned(), *score)
        };
        let owned: Vec<_> = features.iter().map(candidate).collect();
        let all = || {
            owned.iter().map(|(id, class, zone, score)| Candidate { id, class, zone, score: Some(*score) })
        };
        let mut tally = Tally::new(options.clone()).unwrap();
        all().for_each(|candidate| tally.count(&candidate).unwrap());
        let mut drawing = tally.draw().unwrap();
        all().for_each(|candidate| drawing.offer(&candidate).unwrap());
        drawing.finish()
    }

    #[test]
    fn samples_do_not_depend_on_the_order_of_features() {
        let random = Design::Random {
            size: 120,
            minimum: 10,
            by: vec![Split::Class, Split::Score],
            allocation: Allocation::Neyman,
        };
        for design in [
            Design::All,
            Design::Top { per_zone: 20 },
            random,
            Design::LeastCertain { count: 30, at: 0.5, balanced: true },
        ] {
            let options = options(design);
            let mut features = features();
            let first = draw(&options, &features);
            features.reverse();
            features.rotate_left(317);
            assert_eq!(draw(&options, &features), first);
            let other = draw(&SampleOptions { seed: 8, ..options.clone() }, &features);
            assert_ne!(other.tasks, first.tasks);
            let n = first.drawn.len();
            // 5 % of the features twice, known ones three times unless a reviewer has them by the draw.
            let doubled = first.drawn.iter().filter(|drawn| drawn.doubled).count();
            assert_eq!(doubled, round::<usize>(0.05 * exact(n)));
            let known = |task: &&Task| task.feature == "known-1";
            assert_eq!(first.tasks.iter().filter(known).count(), 3);
            let f10 = first.tasks.iter().filter(|task| task.feature == "f10").count();
            assert_eq!(f10, 3);
            let drawn_f10 = first
                .drawn
                .iter()
                .filter(|drawn| drawn.feature == "f10")
                .map(|drawn| 1 + usize::from(drawn.doubled))
                .sum::<usize>();
            assert_eq!(first.tasks.len(), n + doubled + 3 + 3 - drawn_f10);
        }
    }

    #[test]
    fn tasks_do_not_show_what_is_doubled_or_known() {
        let sample = draw(&options(Design::Top { per_zone: 50 }), &features());
        assert_eq!(sample.drawn.len(), 150);
        let whys: BTreeSet<&str> = sample.strata.iter().map(|stratum| stratum.name.as_str()).collect();
        for task in &sample.tasks {
            assert!(whys.contains(task.why.as_str()) && (task.probability - 1.0).abs() < 1e-12, "{task:?}");
        }
        let keys: BTreeSet<String> =
            serde_json::to_value(&sample.tasks[0]).unwrap().as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            keys.into_iter().collect::<Vec<_>>(),
            ["feature", "order", "probability", "reviewer", "why"]
        );
        // Two tasks of a doubled feature are of two reviewers.
        for drawn in sample.drawn.iter().filter(|drawn| drawn.doubled) {
            let of: Vec<&str> = sample
                .tasks
                .iter()
                .filter(|task| task.feature == drawn.feature)
                .map(|task| task.reviewer.as_str())
                .collect();
            assert!(of.len() >= 2 && of.iter().collect::<BTreeSet<_>>().len() == of.len(), "{of:?}");
        }
        for reviewer in ["ana", "ben", "cyr"] {
            let orders: Vec<u64> =
                sample.tasks.iter().filter(|task| task.reviewer == reviewer).map(|task| task.order).collect();
            assert!(orders.len() >= 50 && orders.iter().zip(1..).all(|(found, wanted)| *found == wanted));
        }
    }

    #[test]
    fn the_highest_and_the_least_certain_are_chosen() {
        let features = features();
        let top = draw(&options(Design::Top { per_zone: 20 }), &features);
        for zone in ["Arles", "Fos", "Istres"] {
            let mut scores: Vec<f64> = features.iter().filter(|f| f.2 == zone).map(|f| f.3).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            let chosen = |f: &&(String, &str, &str, f64)| top.drawn.iter().any(|drawn| drawn.feature == f.0);
            let lowest =
                features.iter().filter(|f| f.2 == zone).filter(chosen).map(|f| f.3).fold(1.0, f64::min);
            assert!((lowest - scores[19]).abs() < 1e-12, "{zone}: {lowest}");
        }
        let near = draw(&options(Design::LeastCertain { count: 30, at: 0.5, balanced: false }), &features);
        let score = |id: &str| features.iter().find(|f| f.0 == id).unwrap().3;
        assert_eq!(near.drawn.len(), 30);
        assert!(near.drawn.iter().all(|drawn| (score(&drawn.feature) - 0.5).abs() < 0.0151));
        // One pool for three sheds, and as many tasks of either.
        let design = |count| Design::LeastCertain { count, at: 0.5, balanced: true };
        let balanced = draw(&options(design(30)), &features);
        let strata: Vec<(&str, u64)> = balanced.strata.iter().map(|s| (s.name.as_str(), s.drawn)).collect();
        assert_eq!(strata, [("least certain of pool", 15), ("least certain of shed", 15)]);
        assert!(balanced.drawn.iter().all(|drawn| (score(&drawn.feature) - 0.5).abs() < 0.0311));
        // A class with too few features leaves its share to the others.
        let most = draw(&options(design(700)), &features);
        assert_eq!(most.strata.iter().map(|s| s.drawn).collect::<Vec<_>>(), [250, 450]);
    }

    #[test]
    fn strata_are_sampled_as_allocated() {
        let design =
            |allocation| Design::Random { size: 100, minimum: 5, by: vec![Split::Score], allocation };
        let proportional = draw(&options(design(Allocation::Proportional)), &features());
        let sizes: Vec<(u64, u64)> = proportional.strata.iter().map(|s| (s.features, s.drawn)).collect();
        // By name: 0.5 to 0.7, 0.7 to 0.9, above 0.9, below 0.5.
        assert_eq!(sizes, [(200, 20), (200, 20), (100, 10), (500, 50)]);
        let neyman = draw(&options(design(Allocation::Neyman)), &features());
        let sizes: Vec<u64> = neyman.strata.iter().map(|s| s.drawn).collect();
        assert_eq!(sizes.iter().sum::<u64>(), 100);
        assert!(sizes[2] < 10 && sizes[0] > 20, "{sizes:?}");
        let all: f64 = neyman.drawn.iter().map(|drawn| 1.0 / drawn.probability).sum();
        assert!((all - 1000.0).abs() < 1e-6, "inverse probabilities add up to the features: {all}");
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let alone = SampleOptions { reviewers: vec!["ana".into()], ..options(Design::All) };
        assert!(alone.check().is_err() && SampleOptions { doubled: 0.0, ..alone }.check().is_ok());
        assert!(
            SampleOptions { reviewers: vec!["a".into(), "a".into()], ..options(Design::All) }
                .check()
                .is_err()
        );
        assert!(options(Design::Top { per_zone: 0 }).check().is_err());
        let mut tally = Tally::new(options(Design::Top { per_zone: 3 })).unwrap();
        let candidate = |score| Candidate { id: "a", class: "", zone: "", score };
        for score in [None, Some(1.5), Some(f64::NAN)] {
            assert!(tally.count(&candidate(score)).is_err(), "{score:?}");
        }
        assert!(tally.draw().is_err(), "no features");
        let random = Design::Random { size: 3, minimum: 5, by: vec![], allocation: Allocation::Proportional };
        let mut tally = Tally::new(options(random)).unwrap();
        (0..9).for_each(|_| tally.count(&candidate(None)).unwrap());
        assert!(matches!(tally.draw(), Err(ReviewError::Sample(_))));
    }
}
