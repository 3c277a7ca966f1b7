//! Overlapping scenes of one date: their order, and warnings.

use arpent_base::number::{exact, rounded};
use arpent_publish::{Acquired, Warning};
use serde::Serialize;

use super::scene::UsableScene;
use crate::config::Order;
use crate::error::JobError;

/// Pairs of scenes that are listed.
const PAIRS_TOLD: usize = 20;

/// Two overlapping scenes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// Ids of the scenes, in the mosaic's order: if both are valid at a pixel, the first is used.
    pub scenes: [String; 2],
    /// Pixels in both, as a share of the smaller scene.
    pub share: f64,
}

/// Overlapping scenes.
#[derive(Debug, Clone, Default)]
pub struct Overlaps {
    /// Number of pairs.
    pub pairs: u64,
    /// The pairs with the largest shares, 20 at most.
    pub largest: Vec<Overlap>,
    /// The largest share of a pair of which the dates differ.
    differ: Option<Pair>,
    /// The first pair with a scene of unknown date.
    unknown: Option<Pair>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    first: usize,
    second: usize,
    share: f64,
}

/// Sorts the scenes of one date by priority.
pub(super) fn sort(scenes: &mut [UsableScene], order: Option<Order>) {
    scenes.sort_by(|a, b| (&a.info.id, &a.info.uri).cmp(&(&b.info.id, &b.info.uri)));
    match order {
        None => {}
        Some(Order::Given) => scenes.sort_by_key(|scene| scene.source.position),
        // Of an interval, the end counts; unknown dates come last.
        Some(Order::Newest) => {
            scenes
                .sort_by_cached_key(|scene| std::cmp::Reverse(span(scene).map(|[start, end]| [end, start])));
        }
    }
}

/// The first and the last second of a scene's date, UTC.
fn span(scene: &UsableScene) -> Option<[String; 2]> {
    Acquired::of(scene.info.acquired.as_deref()).span()
}

/// The days of a scene's date.
pub(super) fn days(scene: &UsableScene) -> Option<[String; 2]> {
    span(scene).map(|span| span.map(|time| time.chars().take(10).collect()))
}

impl Overlaps {
    /// Finds the overlaps of scenes in the mosaic's order.
    pub(super) fn of(scenes: &[UsableScene]) -> Self {
        let days: Vec<_> = scenes.iter().map(days).collect();
        let mut by_row: Vec<usize> = (0..scenes.len()).collect();
        by_row.sort_by_key(|i| scenes[*i].info.window.row);
        let (mut found, mut active, mut largest) = (Self::default(), Vec::<usize>::new(), Vec::new());
        for i in by_row {
            let window = scenes[i].info.window;
            active.retain(|other| scenes[*other].info.window.row_end() > window.row);
            for other in &active {
                let Some(common) = scenes[*other].info.window.intersect(&window) else { continue };
                let smaller = window.pixels().min(scenes[*other].info.window.pixels());
                let share = exact(common.pixels()) / exact(smaller);
                let pair = Pair { first: i.min(*other), second: i.max(*other), share };
                found.add(pair, &days);
                largest.push(pair);
            }
            active.push(i);
            if largest.len() > 64 * PAIRS_TOLD {
                keep_largest(&mut largest);
            }
        }
        keep_largest(&mut largest);
        let listed = |pair: &Pair| Overlap {
            scenes: [pair.first, pair.second].map(|i| scenes[i].info.id.clone()),
            share: rounded(pair.share, 4),
        };
        found.largest = largest.iter().map(listed).collect();
        found
    }

    fn add(&mut self, pair: Pair, days: &[Option<[String; 2]>]) {
        self.pairs += 1;
        let before = |known: &Option<Pair>| known.is_none_or(|known| rank(&pair) < rank(&known));
        match (&days[pair.first], &days[pair.second]) {
            (Some(a), Some(b)) if a == b => {}
            (Some(_), Some(_)) if before(&self.differ) => self.differ = Some(pair),
            (None, _) | (_, None) if before(&self.unknown) => self.unknown = Some(pair),
            _ => {}
        }
    }

    /// Refuses overlapping scenes of different dates without an order, and an order by unknown dates.
    pub(super) fn check(&self, scenes: &[UsableScene], order: Option<Order>) -> Result<(), JobError> {
        let shown = |pair: &Pair| {
            let scene = |i: usize| {
                let info = &scenes[i].info;
                format!("`{}` ({})", info.id, info.acquired.as_deref().unwrap_or("date unknown"))
            };
            let (first, second) = (scene(pair.first), scene(pair.second));
            format!("{first} and {second} overlap by {} of the smaller one", percent(pair.share))
        };
        match (order, &self.differ, &self.unknown) {
            (None, Some(pair), _) => Err(JobError::OrderMissing { example: shown(pair), pairs: self.pairs }),
            (Some(Order::Newest), _, Some(pair)) => Err(JobError::OrderUnknown { example: shown(pair) }),
            _ => Ok(()),
        }
    }

    /// The warning about overlaps.
    pub(super) fn warning(&self, order: Option<Order>) -> Option<Warning> {
        let largest = self.largest.first()?;
        let [first, second] = &largest.scenes;
        let rule = match order {
            None => "the first by id",
            Some(Order::Given) => "the first as they were given",
            Some(Order::Newest) => "the newest",
        };
        let pairs = if self.pairs == 1 {
            "1 pair of scenes overlaps".into()
        } else {
            format!("{} pairs of scenes overlap", self.pairs)
        };
        let message = format!(
            "{pairs}, by at most {} of the smaller one (`{first}` and `{second}`): each pixel is taken from {rule} that is valid there",
            percent(largest.share)
        );
        let mut warning = Warning::new("scenes-overlap", first, message);
        if order.is_none() {
            warning.hint =
                Some("`order = \"newest\"` or `order = \"given\"` under [input] sets the order".into());
        }
        Some(warning)
    }
}

/// The largest share first, then the mosaic's order.
fn rank(pair: &Pair) -> (u64, usize, usize) {
    // Shares are positive: their bits are in their order.
    (u64::MAX - pair.share.to_bits(), pair.first, pair.second)
}

fn keep_largest(pairs: &mut Vec<Pair>) {
    pairs.sort_by_key(rank);
    pairs.truncate(PAIRS_TOLD);
}

fn percent(share: f64) -> String {
    if share < 0.001 { "less than 0.1 %".into() } else { format!("{:.1} %", share * 100.0) }
}
