//! What verdicts teach about scores: probabilities, thresholds, and what the decisions were worth. No files, no clocks.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::{exact, floor, wide};
use arpent_base::{Result, SplitMix64};
use arpent_metrics::{Isotonic, Reliability};
use arpent_sampling::{ShareEstimate, least_share};
use serde::Serialize;

use super::places::{Gain, LEAST_PLACES, Places, divide, effective, gain, half, share};

/// Fewest verdicts of each outcome in each half of a group: fewer make steps of a single feature.
const LEAST_OUTCOMES: usize = 5;
/// Scores that are tried as thresholds of a precision: those that keep a tenth, two tenths, ... of the verdicts. They follow from
/// the scores alone, not from the outcomes.
const LEVELS: usize = 10;
/// Risk that a threshold does not have the precision, by chance of the verdicts. It holds for all levels together, because they
/// are tried in an order that was known before, up to the first that fails (fixed sequence testing: Angelopoulos et al., Learn
/// then Test, 2021, arXiv 2110.01052).
const RISK: f64 = 0.05;
/// The first level keeps at least so many times the verdicts that show the precision if all of them are right.
const FIRST: f64 = 2.0;
/// Random orders that the log is compared with.
const ORDERS: usize = 100;
/// Lengths of the log that are compared.
const LENGTHS: usize = 8;
/// Seed of all draws: equal logs have equal reports.
const SEED: u64 = 1;

/// A feature that persons decided about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) class: String,
    /// Its zone; empty without one.
    pub(super) zone: String,
    pub(super) score: f64,
    /// Its middle, CRS of the map.
    pub(super) at: [f64; 2],
    /// Whether it is there, and of the class that was proposed.
    pub(super) right: bool,
    /// Time of the newest decision that counts, milliseconds.
    pub(super) millis: i64,
}

/// What is asked of the verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LearnOptions {
    /// Precision that thresholds shall reach, 0 to 1.
    pub precision: Option<f64>,
    /// Features that persons can look at.
    pub budget: Option<u64>,
    /// Fewest verdicts of a class or of a class in a zone.
    pub minimum: usize,
}

/// Errors of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// Expected calibration error, 15 bins.
    pub calibration: Option<f64>,
    /// Brier score: mean squared difference between probability and outcome.
    pub brier: Option<f64>,
}

/// A recalibrated group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recalibrated {
    /// Errors of the scores as they are.
    pub before: Errors,
    /// Errors of probabilities, each from the verdicts of the other half of the places.
    pub after: Errors,
    /// What the Brier score lost, with an interval over places.
    pub gain: Gain,
    /// Whether the interval of the gain is above 0.
    pub improves: bool,
    /// Score and probability at the ends of levels, from all verdicts; linear between them.
    pub points: Vec<(f64, f64)>,
}

/// A class, or a class in a zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupLesson {
    /// The class.
    pub class: String,
    /// The zone; none for the whole class.
    pub zone: Option<String>,
    /// Verdicts with a score.
    pub verdicts: u64,
    /// Share that is right, with its 95 % interval over places.
    pub precision: Option<ShareEstimate>,
    /// The probabilities; none if there are too few verdicts.
    pub recalibrated: Option<Recalibrated>,
    /// Why there are none.
    pub left_out: Option<String>,
}

/// A threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Threshold {
    /// The class; none for all together.
    pub class: Option<String>,
    /// What it is for: `precision` or `budget`.
    pub wanted: &'static str,
    /// Lowest score that is kept, from all verdicts; none if it cannot be said that any score reaches what is wanted.
    pub score: Option<f64>,
    /// Features of the map that reach it.
    pub features: Option<u64>,
    /// Of a precision: it is at least this on the map, but for a risk of 5 % by chance of the verdicts.
    pub at_least: Option<f64>,
    /// Share of right features among those kept, of verdicts at places that did not choose the threshold; interval over places.
    pub precision: Option<ShareEstimate>,
    /// Share of right features that are kept, of the same verdicts. Of what the map shows: omissions are not in it.
    pub recall: Option<ShareEstimate>,
    /// Why there is none.
    pub left_out: Option<String>,
}

/// What the first decisions of the log were worth, beside as many in random order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bought {
    /// Decisions that were learned from.
    pub decisions: u64,
    /// Brier score on the half held out, in the order of the log.
    pub brier: f64,
    /// Mean of the same in random orders.
    pub random: f64,
    /// 2.5 % quantile of random orders.
    pub random_low: f64,
    /// 97.5 % quantile of random orders.
    pub random_high: f64,
}

/// What the log was worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// Verdicts of the half that was held out.
    pub held_out: u64,
    /// Brier score on them of the scores as they are.
    pub brier_before: f64,
    /// By number of decisions.
    pub bought: Vec<Bought>,
    /// What all decisions of the other half gained, with an interval over the places held out.
    pub gain: Gain,
    /// What follows, in one sentence.
    pub conclusion: String,
}

/// What verdicts teach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lessons {
    /// The places that intervals are over.
    pub places: Places,
    /// What the intervals mean.
    pub meaning: String,
    /// Classes, and classes in zones.
    pub groups: Vec<GroupLesson>,
    /// Thresholds that were asked for.
    pub thresholds: Vec<Threshold>,
    /// The log replayed; none with too few verdicts.
    pub replay: Option<Replay>,
}

/// Number of features of each class by score, in steps of 1/10,000: the precision of published scores.
#[derive(Debug, Clone, Default)]
pub(super) struct ScoreCounts {
    by_class: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl ScoreCounts {
    pub(super) fn add(&mut self, class: &str, score: f64) {
        let step = step_of(score);
        match self.by_class.get_mut(class) {
            Some(counts) => *counts.entry(step).or_default() += 1,
            None => drop(self.by_class.insert(class.to_owned(), BTreeMap::from([(step, 1)]))),
        }
    }

    /// Features of a class, or of all, with at least a score.
    fn at_least(&self, class: Option<&str>, score: f64) -> u64 {
        let is_of = |name: &str| class.is_none_or(|class| class == name);
        let of = self.by_class.iter().filter(|(name, _)| is_of(name));
        of.flat_map(|(_, counts)| counts.range(step_of(score)..)).map(|(_, count)| count).sum()
    }

    /// The lowest score so that at most so many features of all classes have it or a higher one; none if even the highest score
    /// has more.
    fn score_of_budget(&self, budget: u64) -> Option<f64> {
        let mut all: BTreeMap<u16, u64> = BTreeMap::new();
        for (step, count) in self.by_class.values().flatten() {
            *all.entry(*step).or_default() += count;
        }
        let (mut seen, mut found) = (0, None);
        for (step, count) in all.iter().rev() {
            seen += count;
            if seen > budget {
                break;
            }
            found = Some(f64::from(*step) / 1e4);
        }
        found
    }
}

fn step_of(score: f64) -> u16 {
    floor::<u16>((score.clamp(0.0, 1.0) * 1e4 + 0.5).min(1e4))
}

/// A case and its place. Halves are of places: what is learned is measured on places that it was not learned from.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    case: &'a Case,
    place: &'a str,
}

impl std::ops::Deref for Placed<'_> {
    type Target = Case;

    fn deref(&self) -> &Case {
        self.case
    }
}

impl Placed<'_> {
    fn half(&self) -> bool {
        half(self.place)
    }
}

/// The share of right cases, with an interval over places.
fn share_right<'a>(cases: impl Iterator<Item = &'a Placed<'a>>) -> Option<ShareEstimate> {
    share(&mut cases.map(|case| (case.place, case.right)))
}

/// Errors of probabilities, in the order of the cases.
fn errors(cases: &[Placed<'_>], probabilities: &[f64]) -> Result<Errors> {
    let mut reliability = Reliability::default();
    for (case, probability) in cases.iter().zip(probabilities) {
        reliability.add(probability.clamp(0.0, 1.0), case.right)?;
    }
    Ok(Errors { calibration: reliability.expected_calibration_error(), brier: reliability.brier() })
}

fn square(case: &Case, probability: f64) -> f64 {
    (probability - f64::from(u8::from(case.right))).powi(2)
}

/// 2.5 % and 97.5 % quantiles of sorted values, one or more.
fn tails(sorted: &[f64]) -> [f64; 2] {
    let last = sorted.len() - 1;
    [0.025, 0.975].map(|share| sorted[floor::<usize>(share * exact(last) + 0.5).min(last)])
}

/// Why a group cannot be learned from.
fn too_few(cases: &[Placed<'_>], minimum: usize) -> Option<String> {
    if let Some(why) = too_few_verdicts(cases, minimum) {
        return Some(why);
    }
    for in_first in [true, false] {
        for right in [true, false] {
            let count = cases.iter().filter(|case| case.half() == in_first && case.right == right).count();
            if count < LEAST_OUTCOMES {
                let what = if right { "right" } else { "wrong" };
                return Some(format!(
                    "{count} {what} features in a half of the places, fewer than {LEAST_OUTCOMES}"
                ));
            }
        }
    }
    None
}

fn too_few_verdicts(cases: &[Placed<'_>], minimum: usize) -> Option<String> {
    (cases.len() < minimum).then(|| format!("{} verdicts, fewer than {minimum}", cases.len()))
}

fn fit(cases: &mut dyn Iterator<Item = Placed<'_>>) -> Result<Option<Isotonic>> {
    let items: Vec<(f64, bool)> = cases.map(|case| (case.score, case.right)).collect();
    Ok(Isotonic::fit(&items)?)
}

fn recalibrated(cases: &[Placed<'_>]) -> Result<Option<Recalibrated>> {
    let of_half = |first: bool| fit(&mut cases.iter().copied().filter(|case| case.half() == first));
    let (Some(first), Some(second)) = (of_half(true)?, of_half(false)?) else { return Ok(None) };
    let other = |case: &Placed<'_>| if case.half() { &second } else { &first };
    let raw: Vec<f64> = cases.iter().map(|case| case.score).collect();
    let learned: Vec<f64> = cases.iter().map(|case| other(case).of(case.score)).collect();
    let difference = |(case, p): (&Placed<'_>, &f64)| square(case, case.score) - square(case, *p);
    let gain = gain(&mut cases.iter().zip(&learned).map(|pair| (pair.0.place, difference(pair))));
    let all = fit(&mut cases.iter().copied())?;
    Ok(Some(Recalibrated {
        before: errors(cases, &raw)?,
        after: errors(cases, &learned)?,
        gain,
        improves: gain.is_better(),
        points: all.map(|all| all.points().to_vec()).unwrap_or_default(),
    }))
}

fn lesson(class: &str, zone: Option<&str>, cases: &[Placed<'_>], minimum: usize) -> Result<GroupLesson> {
    let left_out = too_few(cases, minimum);
    let recalibrated = if left_out.is_none() { recalibrated(cases)? } else { None };
    Ok(GroupLesson {
        class: class.to_owned(),
        zone: zone.map(str::to_owned),
        verdicts: wide(cases.len()),
        precision: share_right(cases.iter()),
        recalibrated,
        left_out,
    })
}

/// The lowest score whose features, and all with higher ones, are right at least as often as wanted: not by the share that was
/// found, which is too high where it chooses the score, but by its lower bound (Clopper and Pearson, for as many independent
/// features as the places say). With the bound. Levels are tried from the highest scores down.
fn score_of_precision(cases: &mut dyn Iterator<Item = Placed<'_>>, wanted: f64) -> Option<(f64, f64)> {
    let mut sorted: Vec<Placed<'_>> = cases.collect();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut found = None;
    for level in 1..=LEVELS {
        let Some(last) = (sorted.len() * level / LEVELS).checked_sub(1) else { continue };
        let score = sorted[last].score;
        // All with the same score are kept or left out together.
        let kept = sorted.partition_point(|case| case.score >= score);
        if level < LEVELS && exact(kept) < FIRST * needed(wanted) {
            continue;
        }
        // Nor could right ones alone show it in so few places. It follows from the scores and places alone, as the levels do.
        if exact(places_of(&sorted[..kept])) < needed(wanted) {
            continue;
        }
        let at_least = bound(&sorted[..kept]);
        if at_least < wanted {
            break;
        }
        found = Some((score, at_least));
    }
    found
}

/// Right ones, and none else, that show a precision: the lower bound of n among n is the n-th root of the risk.
fn needed(wanted: f64) -> f64 {
    (RISK.ln() / wanted.ln()).ceil()
}

/// The number of places of cases.
fn places_of(cases: &[Placed<'_>]) -> usize {
    cases.iter().map(|case| case.place).collect::<BTreeSet<_>>().len()
}

/// The lower bound of the share of right cases.
fn bound(kept: &[Placed<'_>]) -> f64 {
    let independent = effective(&mut kept.iter().map(|case| (case.place, case.right)));
    let right = kept.iter().filter(|case| case.right).count();
    let share = exact(right) / exact(kept.len().max(1));
    least_share(share * independent, independent, RISK)
}

/// Why a precision cannot be shown, if not even right features alone could: those of each place count once.
fn never_shown(cases: &[Placed<'_>], wanted: f64) -> Option<String> {
    let places = effective(&mut cases.iter().map(|case| (case.place, true)));
    let needed = needed(wanted);
    (places < needed).then(|| {
        format!(
            "nothing can be said: {} verdicts in {places:.0} places; {needed:.0} places with right ones alone would be needed",
            cases.len()
        )
    })
}

/// The share of right ones among the kept, and the share of right ones that are kept.
fn kept_and_right(cases: &[(Placed<'_>, bool)]) -> [Option<ShareEstimate>; 2] {
    let precision = share_right(cases.iter().filter(|(_, kept)| *kept).map(|(case, _)| case));
    let right = cases.iter().filter(|(case, _)| case.right);
    [precision, share(&mut right.map(|(case, kept)| (case.place, *kept)))]
}

fn of_precision(
    class: &str,
    cases: &[Placed<'_>],
    counts: &ScoreCounts,
    (wanted, minimum): (f64, usize),
) -> Threshold {
    let mut threshold = Threshold {
        class: Some(class.to_owned()),
        wanted: "precision",
        score: None,
        features: None,
        at_least: None,
        precision: None,
        recall: None,
        left_out: too_few_verdicts(cases, minimum).or_else(|| never_shown(cases, wanted)),
    };
    if threshold.left_out.is_some() {
        return threshold;
    }
    let of_half = |first: bool| cases.iter().copied().filter(move |case| case.half() == first);
    let mut held_out: Vec<(Placed<'_>, bool)> = Vec::with_capacity(cases.len());
    for first in [true, false] {
        let Some((score, _)) = score_of_precision(&mut of_half(first), wanted) else { continue };
        held_out.extend(of_half(!first).map(|case| (case, case.score >= score)));
    }
    match score_of_precision(&mut cases.iter().copied(), wanted) {
        Some((score, at_least)) => {
            (threshold.score, threshold.at_least) = (Some(score), Some(at_least));
            threshold.features = Some(counts.at_least(Some(class), score));
            // Half of the verdicts may not show what all of them show.
            [threshold.precision, threshold.recall] = kept_and_right(&held_out);
        }
        None => {
            threshold.left_out =
                Some(format!("the verdicts do not show a precision of {wanted} for any score"));
        }
    }
    threshold
}

/// The threshold of a budget follows from the scores of the map alone: every verdict is held out.
fn of_budget(cases: &[Placed<'_>], counts: &ScoreCounts, budget: u64) -> Threshold {
    let score = counts.score_of_budget(budget);
    let held_out =
        score.map(|score| cases.iter().map(|case| (*case, case.score >= score)).collect::<Vec<_>>());
    let [precision, recall] = held_out.map_or([None, None], |held_out| kept_and_right(&held_out));
    Threshold {
        class: None,
        wanted: "budget",
        score,
        features: score.map(|score| counts.at_least(None, score)),
        at_least: None,
        precision,
        recall,
        left_out: score.is_none().then(|| format!("more than {budget} features have the highest score")),
    }
}

/// Squared errors on the cases held out after learning from some others, class by class; as they are where a class has too few.
fn squares_after(learned: &[Placed<'_>], held_out: &[Placed<'_>]) -> Result<Vec<f64>> {
    let mut fitted: BTreeMap<&str, Option<Isotonic>> = BTreeMap::new();
    for class in held_out.iter().map(|case| case.class.as_str()) {
        if fitted.contains_key(class) {
            continue;
        }
        let of_class = || learned.iter().copied().filter(|case| case.class == class);
        let counts = [true, false].map(|right| of_class().filter(|case| case.right == right).count());
        let is_enough = counts.iter().all(|count| *count >= LEAST_OUTCOMES);
        fitted.insert(class, if is_enough { fit(&mut of_class())? } else { None });
    }
    let square_of = |case: &Placed<'_>| {
        let learned = fitted.get(case.class.as_str()).and_then(Option::as_ref);
        square(case, learned.map_or(case.score, |learned| learned.of(case.score)))
    };
    Ok(held_out.iter().map(square_of).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / exact(values.len().max(1))
}

/// Learns from the first decisions of the log and from as many in random order, and measures both on the half held out.
fn replay(cases: &[Placed<'_>], minimum: usize) -> Result<Option<Replay>> {
    let mut log: Vec<Placed<'_>> = cases.iter().copied().filter(Placed::half).collect();
    let held_out: Vec<Placed<'_>> = cases.iter().copied().filter(|case| !case.half()).collect();
    if cases.len() < minimum || log.is_empty() || held_out.is_empty() {
        return Ok(None);
    }
    log.sort_by(|a, b| a.millis.cmp(&b.millis).then_with(|| a.id.cmp(&b.id)));
    let before: Vec<f64> = held_out.iter().map(|case| square(case, case.score)).collect();
    let mut lengths: Vec<usize> = (1..=LENGTHS).map(|i| log.len() * i / LENGTHS).filter(|n| *n > 0).collect();
    lengths.dedup();
    let mut random = SplitMix64::new(SEED);
    let mut by_order: Vec<Vec<f64>> = vec![Vec::with_capacity(ORDERS); lengths.len()];
    for _ in 0..ORDERS {
        let mut order = log.clone();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for (length, found) in lengths.iter().zip(&mut by_order) {
            found.push(mean(&squares_after(&order[..*length], &held_out)?));
        }
    }
    let curves = curves(&by_order);
    let mut bought = Vec::with_capacity(lengths.len());
    for (length, mut random) in lengths.iter().zip(by_order) {
        random.sort_by(f64::total_cmp);
        let [random_low, random_high] = tails(&random);
        bought.push(Bought {
            decisions: wide(*length),
            brier: mean(&squares_after(&log[..*length], &held_out)?),
            random: mean(&random),
            random_low,
            random_high,
        });
    }
    let after = squares_after(&log, &held_out)?;
    let differences = before.iter().zip(&after).map(|(before, after)| before - after);
    let gain = gain(&mut held_out.iter().map(|case| case.place).zip(differences));
    Ok(Some(Replay {
        held_out: wide(held_out.len()),
        brier_before: mean(&before),
        conclusion: conclusion(gain, &bought, &curves),
        bought,
        gain,
    }))
}

/// Means over the lengths, of each random order, sorted. With all decisions every order is the same: the last length is left
/// out.
fn curves(by_order: &[Vec<f64>]) -> Vec<f64> {
    let partial = &by_order[..by_order.len().saturating_sub(1)];
    let of = |order: usize| mean(&partial.iter().map(|found| found[order]).collect::<Vec<_>>());
    let mut means: Vec<f64> = (0..ORDERS).map(of).collect();
    means.sort_by(f64::total_cmp);
    means
}

/// One comparison for all lengths: of many, one in twenty is outside of its interval by chance.
fn conclusion(gain: Gain, bought: &[Bought], curves: &[f64]) -> String {
    let worth = if gain.is_better() {
        "the probabilities are better than the scores"
    } else if gain.is_worse() {
        "nothing improves: the probabilities are worse than the scores"
    } else if gain.low.is_none() {
        "whether anything improves is not known: there are too few places"
    } else {
        "nothing improves: the difference is within its interval"
    };
    let partial = &bought[..bought.len().saturating_sub(1)];
    let of_log = mean(&partial.iter().map(|at| at.brier).collect::<Vec<_>>());
    let [low, high] = tails(curves);
    let order = if partial.is_empty() || (low..=high).contains(&of_log) {
        "made no difference to random orders"
    } else if of_log < low {
        "was better than random orders"
    } else {
        "was worse than random orders"
    };
    format!("{worth}; the order of the log {order}")
}

/// Learns from verdicts. `counts` are the scores of all features of the map.
pub(super) fn learn(cases: &[Case], counts: &ScoreCounts, options: &LearnOptions) -> Result<Lessons> {
    let located: Vec<(&str, [f64; 2])> = cases.iter().map(|case| (case.zone.as_str(), case.at)).collect();
    let (names, places) = divide(&located);
    let all: Vec<Placed<'_>> = cases.iter().zip(&names).map(|(case, place)| Placed { case, place }).collect();
    let mut by_class: BTreeMap<&str, Vec<Placed<'_>>> = BTreeMap::new();
    let mut by_zone: BTreeMap<(&str, &str), Vec<Placed<'_>>> = BTreeMap::new();
    for placed in &all {
        by_class.entry(&placed.case.class).or_default().push(*placed);
        if !placed.zone.is_empty() {
            by_zone.entry((&placed.case.class, &placed.case.zone)).or_default().push(*placed);
        }
    }
    let mut groups = Vec::with_capacity(by_class.len() + by_zone.len());
    for (class, cases) in &by_class {
        groups.push(lesson(class, None, cases, options.minimum)?);
        for ((of, zone), cases) in by_zone.range((*class, "")..) {
            if of != class {
                break;
            }
            groups.push(lesson(class, Some(zone), cases, options.minimum)?);
        }
    }
    let mut thresholds = Vec::new();
    if let Some(wanted) = options.precision {
        let of = |(class, cases): (&&str, &Vec<Placed<'_>>)| {
            of_precision(class, cases, counts, (wanted, options.minimum))
        };
        thresholds.extend(by_class.iter().map(of));
    }
    if let Some(budget) = options.budget {
        thresholds.push(of_budget(&all, counts, budget));
    }
    let replay = replay(&all, options.minimum)?;
    Ok(Lessons { meaning: meaning(&places), places, groups, thresholds, replay })
}

/// What an interval over places says, and what it does not.
fn meaning(places: &Places) -> String {
    let what = match places.side {
        None => format!("{} zones", places.count),
        // GeoJSON is in degrees, of which a block has a small part.
        Some(side) if side < 1.0 => {
            format!("{} blocks of ground ({side:.1e} units of the CRS a side)", places.count)
        }
        Some(side) => format!("{} blocks of ground ({side} units of the CRS a side)", places.count),
    };
    let few = if places.count < LEAST_PLACES {
        format!(
            " Fewer than {LEAST_PLACES} places: how far they differ is not known, and gains have no interval."
        )
    } else {
        String::new()
    };
    format!(
        "Intervals (95 %) are over {what} with decided features: they hold for this map, its date and its sensor, as if its places were \
         drawn at random from ground of the same kind.{few} Other places, dates and sensors: not known, unless a sample of them is reviewed."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::number::fitted;
    use arpent_base::sha256_hex;

    /// Features whose true probability is `truth(score)`, in the order of the log.
    fn cases(count: usize, class: &str, seed: u64, truth: &dyn Fn(f64) -> f64) -> Vec<Case> {
        let mut random = SplitMix64::new(seed);
        let case = |i: usize| {
            let score = (random.unit() * 1e4).round() / 1e4;
            let right = random.unit() < truth(score);
            let id = sha256_hex(format!("{class} {i}").as_bytes());
            let zone = if i.is_multiple_of(4) { "13001" } else { "13002" }.to_owned();
            // 30 places, each in a block of its own, with features of all scores.
            let place: f64 = exact(i % 30);
            let at = [1_024.0 * place.rem_euclid(6.0) + 512.0, 1_024.0 * (place / 6.0).floor() + 512.0];
            Case { id, class: class.to_owned(), zone, score, at, right, millis: fitted(i) }
        };
        (0..count).map(case).collect()
    }

    fn counts(cases: &[Case]) -> ScoreCounts {
        let mut counts = ScoreCounts::default();
        for case in cases {
            counts.add(&case.class, case.score);
        }
        counts
    }

    const OPTIONS: LearnOptions = LearnOptions { precision: Some(0.9), budget: Some(300), minimum: 50 };

    #[test]
    fn overconfident_scores_are_recalibrated_and_right_ones_are_left_alone() {
        let mut all = cases(2_000, "pool", 1, &|score| 0.5 * score);
        all.extend(cases(2_000, "shed", 2, &|score| score));
        all.extend(cases(30, "tent", 3, &|score| score));
        let lessons = learn(&all, &counts(&all), &OPTIONS).unwrap();
        let group = |class: &str, zone: Option<&str>| {
            lessons.groups.iter().find(|g| g.class == class && g.zone.as_deref() == zone).unwrap()
        };
        let pool = group("pool", None).recalibrated.as_ref().unwrap();
        assert!(
            pool.improves && pool.after.calibration.unwrap() < 0.5 * pool.before.calibration.unwrap(),
            "{pool:?}"
        );
        // The truth, a line of half the score, is found.
        let fitted = Isotonic::fit(&all[..2_000].iter().map(|c| (c.score, c.right)).collect::<Vec<_>>())
            .unwrap()
            .unwrap();
        for score in [0.2, 0.5, 0.8] {
            assert!((fitted.of(score) - 0.5 * score).abs() < 0.1, "{score}: {}", fitted.of(score));
        }
        let shed = group("shed", None).recalibrated.as_ref().unwrap();
        assert!(!shed.improves, "scores that are probabilities cannot be improved: {shed:?}");
        let tent = group("tent", None);
        assert_eq!(
            (tent.recalibrated.is_none(), tent.left_out.as_deref()),
            (true, Some("30 verdicts, fewer than 50"))
        );
        let zones: Vec<u64> = ["13001", "13002"].map(|zone| group("pool", Some(zone)).verdicts).to_vec();
        assert_eq!(zones, [500, 1_500]);
        let replay = lessons.replay.unwrap();
        assert!(
            replay.gain.low.unwrap() > 0.0 && replay.conclusion.starts_with("the probabilities are better"),
            "{replay:?}"
        );
        assert!(replay.bought.last().unwrap().brier < replay.brier_before);
    }

    /// The truth is known: of scores that are probabilities, those above a score have the mean of it and 1.
    #[test]
    fn a_precision_that_is_asked_for_is_reached_and_not_only_on_average() {
        const SEEDS: u64 = 200;
        let (mut reached, mut scores) = (0, Vec::new());
        for seed in 0..SEEDS {
            let all = cases(600, "pool", seed, &|score| score);
            let lessons =
                learn(&all, &counts(&all), &LearnOptions { precision: Some(0.8), ..OPTIONS }).unwrap();
            let of = |wanted: &str| lessons.thresholds.iter().find(|t| t.wanted == wanted).unwrap();
            let precision = of("precision");
            if let Some(score) = precision.score {
                scores.push(score);
                reached += usize::from(score.midpoint(1.0) >= 0.8);
                assert!(precision.at_least.unwrap() >= 0.8);
            }
            let budget = of("budget");
            let kept = all.iter().filter(|case| case.score >= budget.score.unwrap()).count();
            assert_eq!(budget.features, Some(wide(kept)));
            assert!((290..=300).contains(&budget.features.unwrap()));
        }
        // A risk of 5 %; most seeds have an answer.
        assert!(scores.len() >= 170, "{} of {SEEDS} have a threshold", scores.len());
        assert!(scores.len() - reached <= 10, "{reached} of {} have the precision", scores.len());
        scores.sort_by(f64::total_cmp);
        assert!(scores[0] > 0.5 && scores[scores.len() - 1] < 0.95, "a stable score: {scores:?}");
    }

    /// Verdicts that are all right show at least as much as those of which one is wrong: the highest scores lie in too few places,
    /// which says nothing of the lower ones.
    #[test]
    fn right_verdicts_alone_have_a_threshold_as_those_with_one_wrong() {
        let precision = |all: &[Case]| {
            let options = LearnOptions { precision: Some(0.9), ..OPTIONS };
            learn(all, &counts(all), &options).unwrap().thresholds.remove(0)
        };
        for seed in 0..20 {
            let mut all = cases(600, "pool", seed, &|_| 1.0);
            let right = precision(&all);
            assert_eq!(right.features, Some(600), "{right:?}");
            assert!((right.at_least.unwrap() - 0.05_f64.powf(1.0 / 30.0)).abs() < 1e-6, "{right:?}");
            all[300].right = false;
            assert!(precision(&all).features.is_some());
        }
    }

    /// A class with few verdicts has no threshold, however right they are; the reason says how many are needed.
    #[test]
    fn of_few_verdicts_nothing_is_said() {
        let all = cases(60, "pool", 3, &|_| 1.0);
        let lessons = learn(&all, &counts(&all), &LearnOptions { precision: Some(0.95), ..OPTIONS }).unwrap();
        let threshold = &lessons.thresholds[0];
        assert_eq!(threshold.score, None);
        assert!(
            threshold
                .left_out
                .as_deref()
                .unwrap()
                .contains("30 places; 59 places with right ones alone would be needed"),
            "{threshold:?}"
        );
        // Where everything is right, the lowest score will do.
        let all = cases(600, "pool", 4, &|_| 1.0);
        let lessons = learn(&all, &counts(&all), &LearnOptions { precision: Some(0.8), ..OPTIONS }).unwrap();
        assert_eq!(lessons.thresholds[0].features, Some(600));
        assert!(
            lessons.meaning.contains("30 blocks") && lessons.meaning.contains("not known"),
            "{}",
            lessons.meaning
        );
    }

    /// A class whose features are right in some places and wrong in others: what was learned in some does not hold in others, and
    /// neither is said to.
    #[test]
    fn what_differs_from_place_to_place_is_not_called_better() {
        let mut better = 0;
        for seed in 0..40 {
            let mut random = SplitMix64::new(seed);
            let place_right: Vec<bool> = (0..30).map(|_| random.unit() < 0.5).collect();
            let mut all = cases(900, "pool", 100 + seed, &|_| 0.5);
            for (i, case) in all.iter_mut().enumerate() {
                case.right = place_right[i % 30];
                case.score = 0.4 + 0.2 * case.score;
            }
            let lessons = learn(&all, &counts(&all), &OPTIONS).unwrap();
            better += lessons.groups[0].recalibrated.as_ref().map_or(0, |of| u32::from(of.improves));
        }
        assert!(better <= 3, "{better} of 40 say better, and none is");
    }

    #[test]
    fn an_order_by_chance_is_no_better_than_a_random_one_and_a_bad_one_is_found() {
        let of = |all: &[Case]| learn(all, &counts(all), &OPTIONS).unwrap().replay.unwrap();
        let none = (0..8).filter(|seed| {
            let all = cases(400, "pool", 40 + seed, &|score| 0.3 + 0.2 * score);
            of(&all).conclusion.contains("no difference")
        });
        assert!(none.count() >= 6, "one of twenty is outside of its interval by chance");
        let all = cases(1_200, "pool", 7, &|score| 0.3 + 0.2 * score);
        // All right features first: nothing can be learned until the wrong ones come.
        let mut sorted = all;
        sorted.sort_by_key(|case| !case.right);
        for (case, millis) in sorted.iter_mut().zip(0..) {
            case.millis = millis;
        }
        assert!(of(&sorted).conclusion.contains("worse than random"), "{}", of(&sorted).conclusion);
    }

    #[test]
    fn what_cannot_be_learned_is_said() {
        let none = learn(&[], &ScoreCounts::default(), &OPTIONS).unwrap();
        assert_eq!((none.groups.len(), none.replay), (0, None));
        assert!(none.thresholds[0].left_out.is_some() && none.meaning.contains("Fewer than 10 places"));
        let one_sided = cases(200, "pool", 5, &|_| 1.0);
        let lessons = learn(&one_sided, &counts(&one_sided), &OPTIONS).unwrap();
        assert!(
            lessons.groups[0].left_out.as_deref().unwrap().contains("wrong features"),
            "{:?}",
            lessons.groups[0]
        );
        let bad = cases(400, "pool", 6, &|_| 0.3);
        let lessons = learn(&bad, &counts(&bad), &LearnOptions { precision: Some(0.99), ..OPTIONS }).unwrap();
        let threshold = &lessons.thresholds[0];
        assert!(threshold.left_out.is_some() || threshold.features.unwrap() < 30, "{threshold:?}");
    }
}
