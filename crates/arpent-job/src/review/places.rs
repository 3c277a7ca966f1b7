//! Intervals over places. Features of one place are alike: the same roof, the same light, the same error. An interval that counts
//! each feature as new evidence is too narrow. Here places are drawn, not features.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::{exact, floor};
use arpent_base::sha256_hex;
use arpent_sampling::{ShareEstimate, Z95, share_of_effective, student_t};
use serde::Serialize;

/// Blocks that places are cut into at least, if the features lie in as many: with fewer, an interval says little.
const WANTED: usize = 20;
/// Fewest places of an interval. With fewer, the spread between them is not known well enough.
pub(super) const LEAST_PLACES: usize = 10;
/// Halvings of a block at most.
const HALVINGS: i32 = 40;

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// A zone of the column of zones.
    Zones,
    /// A square of ground.
    Blocks,
}

/// The places that the decided features lie in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Places {
    /// What they are.
    pub kind: PlaceKind,
    /// How many.
    pub count: usize,
    /// Side of a block, units of the map's CRS; none for zones.
    pub side: Option<f64>,
}

/// The mean of a difference with its 95 % interval over places.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gain {
    /// The difference; positive if the error falls.
    pub value: f64,
    /// Lower end; none in fewer than 10 places.
    pub low: Option<f64>,
    /// Upper end; none in fewer than 10 places.
    pub high: Option<f64>,
    /// Places that it is measured in.
    pub places: usize,
}

impl Gain {
    /// Whether the interval is above 0.
    pub(super) fn is_better(&self) -> bool {
        self.low.is_some_and(|low| low > 0.0)
    }

    /// Whether the interval is below 0.
    pub(super) fn is_worse(&self) -> bool {
        self.high.is_some_and(|high| high < 0.0)
    }
}

/// Numbers the places of features, by their zones if there are 20 zones or more, else by blocks of ground: the largest squares
/// of a side of a power of two, on a lattice anchored to the CRS, of which 20 have features. So they do not depend on the order
/// of the features, and near features are in one block.
pub(super) fn divide(features: &[(&str, [f64; 2])]) -> (Vec<String>, Places) {
    let zones: BTreeSet<&str> =
        features.iter().map(|(zone, _)| *zone).filter(|zone| !zone.is_empty()).collect();
    if zones.len() >= WANTED {
        // Features outside of all zones are one place.
        let of = features.iter().map(|(zone, _)| (*zone).to_owned()).collect::<Vec<_>>();
        let count = of.iter().collect::<BTreeSet<_>>().len();
        return (of, Places { kind: PlaceKind::Zones, count, side: None });
    }
    let span = (0..2).map(|axis| {
        let along = || features.iter().map(|(_, at)| at[axis]);
        along().fold(f64::NEG_INFINITY, f64::max) - along().fold(f64::INFINITY, f64::min)
    });
    let span = span.fold(0.0, f64::max);
    let largest = if span > 0.0 && span.is_finite() { span.log2().ceil() } else { 0.0 };
    let of_side = |side: f64| -> Vec<String> {
        let block = |value: f64| floor::<i64>(value / side);
        features.iter().map(|(_, [x, y])| format!("{} {}", block(*x), block(*y))).collect()
    };
    let count_of = |blocks: &[String]| blocks.iter().collect::<BTreeSet<_>>().len();
    let (mut best, mut best_side) = (of_side(largest.exp2()), largest.exp2());
    for halving in 1..=HALVINGS {
        if count_of(&best) >= WANTED || span <= 0.0 {
            break;
        }
        let side = (largest - f64::from(halving)).exp2();
        let blocks = of_side(side);
        if count_of(&blocks) > count_of(&best) {
            (best, best_side) = (blocks, side);
        }
    }
    let count = count_of(&best);
    (best, Places { kind: PlaceKind::Blocks, count, side: Some(best_side) })
}

/// The half of a place: by its name alone, so that it does not depend on the others.
pub(super) fn half(place: &str) -> bool {
    sha256_hex(place.as_bytes()).bytes().next().is_some_and(|digit| digit.is_ascii_digit() && digit < b'8')
}

/// Sums over places: number of values, and their sum.
fn sums(values: &mut dyn Iterator<Item = (&str, f64)>) -> Vec<[f64; 2]> {
    let mut by_place: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for (place, value) in values {
        let [count, sum] = by_place.entry(place).or_default();
        *count += 1.0;
        *sum += value;
    }
    by_place.into_values().collect()
}

/// The mean of all values, and the variance of that mean if places were drawn: the ratio estimator (Cochran, Sampling
/// Techniques, 1977, section 6.4).
fn mean_and_variance(places: &[[f64; 2]]) -> (f64, f64) {
    let all: f64 = places.iter().map(|[count, _]| count).sum();
    let mean = places.iter().map(|[_, sum]| sum).sum::<f64>() / all.max(1.0);
    let squares: f64 = places.iter().map(|[count, sum]| (sum - mean * count).powi(2)).sum();
    let groups = exact(places.len());
    let correction = if groups > 1.0 { groups / (groups - 1.0) } else { 1.0 };
    (mean, correction * squares / all.max(1.0).powi(2))
}

/// The mean of differences with an interval over places: Student's t with one degree of freedom less than there are places,
/// which holds the truth better than draws with replacement where places are few (Cameron, Gelbach and Miller, 2008).
pub(super) fn gain(differences: &mut dyn Iterator<Item = (&str, f64)>) -> Gain {
    let by_place = sums(differences);
    let (value, variance) = mean_and_variance(&by_place);
    let places = by_place.len();
    let width = (places >= LEAST_PLACES)
        .then(|| student_t(exact(places - 1)))
        .flatten()
        .map(|quantile| quantile * variance.sqrt());
    Gain { value, low: width.map(|width| value - width), high: width.map(|width| value + width), places }
}

/// The number of independent features that say as much about a share as these: fewer than there are where those of a place are
/// alike, and where the spread between few places is not known well (Korn and Graubard, 1998). Where all are right or all
/// wrong, no place differs from another, and each place counts once. With few places of the rarer outcome their spread is hardly
/// known either: so many times more, and once more, each place counts at most. That limit is no theorem: it only makes intervals
/// wider, and without it a single wrong one would make them far narrower.
pub(super) fn effective(right: &mut dyn Iterator<Item = (&str, bool)>) -> f64 {
    let by_place = sums(&mut right.map(|(place, right)| (place, f64::from(u8::from(right)))));
    let all: f64 = by_place.iter().map(|[count, _]| count).sum();
    let (share, variance) = mean_and_variance(&by_place);
    let independent = share * (1.0 - share);
    let places = exact(by_place.len());
    if independent <= 0.0 || variance <= 0.0 {
        return places.min(all);
    }
    let few = student_t(places - 1.0).map_or(0.0, |quantile| (Z95 / quantile).powi(2));
    let with = |is: &dyn Fn(&&[f64; 2]) -> bool| exact(by_place.iter().filter(is).count());
    let rarer = with(&|[_, sum]| *sum > 0.0).min(with(&|[count, sum]| sum < count));
    let most = all.min(places * (1.0 + rarer)).max(1.0);
    (few * independent / variance).clamp(1.0, most)
}

/// The share that is right with an interval over places; none without features.
pub(super) fn share(right: &mut dyn Iterator<Item = (&str, bool)>) -> Option<ShareEstimate> {
    let all: Vec<(&str, bool)> = right.collect();
    if all.is_empty() {
        return None;
    }
    let hits = exact(all.iter().filter(|(_, right)| *right).count());
    let value = hits / exact(all.len());
    Some(share_of_effective(value, effective(&mut all.into_iter())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::SplitMix64;

    #[test]
    fn places_are_the_largest_blocks_of_which_twenty_have_features() {
        // 40 x 40 points, 10 m apart: 5 x 5 blocks of 128 m, anchored at zero, have some; of 256 m, 2 x 2 to 3 x 3.
        let features: Vec<(&str, [f64; 2])> = (0..1_600)
            .map(|i| ("", [f64::from(i % 40) * 10.0, f64::from(i / 40) * 10.0 + 1_000.0]))
            .collect();
        let (of, places) = divide(&features);
        assert_eq!((places.kind, places.side), (PlaceKind::Blocks, Some(64.0)));
        assert_eq!(places.count, of.iter().collect::<BTreeSet<_>>().len());
        assert!(places.count >= WANTED, "{places:?}");
        // The same in any order.
        let mut turned = features.clone();
        turned.reverse();
        let (mut again, other) = divide(&turned);
        again.reverse();
        assert_eq!((again, other), (of, places));
        // Zones, where there are enough of them.
        let names: Vec<String> = (0..25).map(|i| format!("{}", 13_001 + i)).collect();
        let zoned: Vec<(&str, [f64; 2])> =
            features.iter().enumerate().map(|(i, (_, at))| (names[i % 25].as_str(), *at)).collect();
        assert_eq!(divide(&zoned).1, Places { kind: PlaceKind::Zones, count: 25, side: None });
        // All at one place, and none.
        assert_eq!(divide(&[("", [5.0, 5.0]); 30]).1.count, 1);
        assert_eq!(divide(&[]).1.count, 0);
    }

    /// Of features that are alike within their place, an interval over places holds the truth; one over features does not.
    #[test]
    fn intervals_over_places_hold_the_truth_where_features_of_a_place_are_alike() {
        const SEEDS: u64 = 400;
        let (mut over_places, mut over_features, mut shares) = (0, 0, 0);
        for seed in 0..SEEDS {
            let mut random = SplitMix64::new(seed);
            let mut values: Vec<(String, f64, bool)> = Vec::new();
            for place in 0..25 {
                let (shift, chance) = (random.unit() - 0.5, random.unit());
                for _ in 0..10 + random.below(20) {
                    let name = format!("{place}");
                    values.push((name, 0.1 + shift + 0.2 * (random.unit() - 0.5), random.unit() < chance));
                }
            }
            let found = gain(&mut values.iter().map(|(place, value, _)| (place.as_str(), *value)));
            over_places += u64::from(found.low.unwrap() <= 0.1 && 0.1 <= found.high.unwrap());
            let names: Vec<String> = (0..values.len()).map(|i| i.to_string()).collect();
            let alone =
                gain(&mut names.iter().zip(&values).map(|(name, (_, value, _))| (name.as_str(), *value)));
            over_features += u64::from(alone.low.unwrap() <= 0.1 && 0.1 <= alone.high.unwrap());
            let of = share(&mut values.iter().map(|(place, _, right)| (place.as_str(), *right))).unwrap();
            shares += u64::from(of.low <= 0.5 && 0.5 <= of.high);
        }
        let least = SEEDS * 93 / 100;
        assert!(over_places >= least && shares >= least, "{over_places}, {shares} of {SEEDS}");
        assert!(over_features < SEEDS * 60 / 100, "{over_features} of {SEEDS}: features alone are too sure");
    }

    #[test]
    fn few_places_have_no_interval_and_all_right_is_as_sure_as_there_are_places() {
        let nine: Vec<String> = (0..9).map(|i| i.to_string()).collect();
        let found = gain(&mut nine.iter().map(|place| (place.as_str(), 0.5)));
        assert_eq!((found.value, found.low, found.places), (0.5, None, 9));
        assert!(!found.is_better() && !found.is_worse());
        let all_right = (0..1_000).map(|i| (nine[i % 9].as_str(), true));
        assert!((effective(&mut all_right.clone()) - 9.0).abs() < 1e-9);
        let share = share(&mut all_right.into_iter()).unwrap();
        assert!(share.value > 0.99 && share.low < 0.7, "{share:?}");
        // One wrong one does not make it surer by much.
        let one_wrong = (0..1_000).map(|i| (nine[i % 9].as_str(), i != 500));
        assert!((effective(&mut one_wrong.clone()) - 18.0).abs() < 1e-9);
        let other = super::share(&mut one_wrong.into_iter()).unwrap();
        assert!(share.low < other.low && other.low < 0.85, "{other:?}");
    }
}
