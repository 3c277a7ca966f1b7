//! Cells of whole pictures, ranked by the probability that they contain a class.

use arpent_base::number::exact;
use arpent_base::{Result, bail};
use arpent_datasets::IGNORE;
use arpent_metrics::{BudgetPoint, Merge, MetricsError, Population, Ranking};
use arpent_model::Predictor;
use arpent_raster::Class;

use super::parts::Parts;
use super::pictures::Pictures;
use super::rare::{Best, RareClass, RareDetail, measured};
use super::whole;
use crate::data::ItemTruth;

/// One ranking for each class that becomes features: its position, and its cells.
#[derive(Debug, Clone)]
struct Rankings(Vec<(u8, Ranking)>);

impl Merge for Rankings {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        self.0.iter_mut().zip(&other.0).try_for_each(|((_, ranking), (_, more))| ranking.merge(more))
    }
}

/// Ranks the cells of all pictures of a split.
pub(super) fn detail(pictures: &Pictures<'_>, predictor: &Predictor) -> Result<RareDetail> {
    let side = pictures.cell_px;
    let of_features = (0u8..).zip(pictures.classes).filter(|(_, class)| class.features);
    let empty = Rankings(of_features.map(|(position, _)| (position, Ranking::new())).collect());
    let mut parts = Parts::new(&empty);
    for id in pictures.sets.items(pictures.split) {
        let item = pictures.sets.read(id)?;
        let ItemTruth::Labels(truth) = &item.truth else { bail!("labels were expected") };
        let mut cells = Cells::new(item.chip.window.width, side, truth, &empty);
        whole::scores_of(predictor, &item.chip, |pixel, scores| cells.take(pixel, scores))?;
        parts.add(&pictures.sets.group(id), &pictures.sets.name(id), &cells.ranked()?)?;
    }
    summarize(
        &parts,
        pictures.classes,
        (side, &pictures.evaluate.precision_at_k(), pictures.evaluate.prevalence),
    )
}

/// The cells of a picture, from its north-west corner on; those at its south and east may be smaller.
struct Cells<'a> {
    width: usize,
    side: usize,
    truth: &'a [u8],
    empty: &'a Rankings,
    /// Cell by cell, class by class: the highest log-odds, and whether the class is there; `None` where nothing is labeled.
    seen: Vec<Option<Vec<(f32, bool)>>>,
}

impl<'a> Cells<'a> {
    fn new(width: usize, side: usize, truth: &'a [u8], empty: &'a Rankings) -> Self {
        let rows = truth.len().checked_div(width).unwrap_or(0).div_ceil(side);
        Self { width, side, truth, empty, seen: vec![None; width.div_ceil(side) * rows] }
    }

    /// Adds the scores of a pixel; unlabeled pixels are skipped, for they may be of the class.
    fn take(&mut self, pixel: usize, scores: &[f32]) {
        let truth = self.truth[pixel];
        if truth == IGNORE {
            return;
        }
        let (x, y) = (pixel % self.width / self.side, pixel / self.width / self.side);
        let classes = &self.empty.0;
        let cell = &mut self.seen[y * self.width.div_ceil(self.side) + x];
        let cell = cell.get_or_insert_with(|| vec![(f32::MIN, false); classes.len()]);
        for ((highest, is_there), (position, _)) in cell.iter_mut().zip(classes) {
            *highest = highest.max(log_odds(scores, usize::from(*position)));
            *is_there |= truth == *position;
        }
    }

    fn ranked(self) -> Result<Rankings> {
        let mut rankings = self.empty.clone();
        for cell in self.seen.into_iter().flatten() {
            for ((_, ranking), (score, is_there)) in rankings.0.iter_mut().zip(cell) {
                ranking.add(score, is_there)?;
            }
        }
        Ok(rankings)
    }
}

/// Logarithm of p / (1 - p) for the share p of a class after softmax: the same order as p, also where p is rounded to 1.
fn log_odds(scores: &[f32], class: usize) -> f32 {
    let others = || scores.iter().enumerate().filter(|(i, _)| *i != class).map(|(_, s)| *s);
    let highest = others().fold(f32::MIN, f32::max);
    let sum: f32 = others().map(|s| (s - highest).exp()).sum();
    (scores[class] - highest - sum.ln()).clamp(f32::MIN, f32::MAX)
}

fn summarize(
    parts: &Parts<Rankings>,
    classes: &[Class],
    (side, ks, prevalence): (usize, &[u64], Option<f64>),
) -> Result<RareDetail> {
    let all = parts.pooled()?;
    let class = |(i, (position, ranking)): (usize, &(u8, Ranking))| {
        let measure = |of: &dyn Fn(&Ranking) -> Option<f64>| measured(parts, &all, |r| of(&r.0[i].1));
        let best = |k: &u64| {
            let expected = |r: &Ranking| Some(at(r, *k, prevalence?)?.precision);
            Ok(Best {
                k: *k,
                precision: measure(&|r| precision(r, *k))?,
                recall: recall(ranking, *k),
                precision_at_prevalence: prevalence.map(|_| measure(&expected)).transpose()?,
                at_prevalence_is_optimistic: prevalence
                    .and_then(|p| Some(is_optimistic(ranking, &at(ranking, *k, p)?))),
            })
        };
        let Class { id, name, .. } = &classes[usize::from(*position)];
        Ok(RareClass {
            id: *id,
            name: name.clone(),
            candidates: ranking.positives() + ranking.negatives(),
            real: ranking.positives(),
            average_precision: measure(&|r| average(r, r.prevalence()?))?,
            average_precision_at_prevalence: prevalence.map(|p| measure(&|r| average(r, p))).transpose()?,
            best: ks.iter().map(best).collect::<Result<_>>()?,
        })
    };
    Ok(RareDetail {
        candidates: format!("cells of {side} px"),
        prevalence,
        classes: all.0.iter().enumerate().map(class).collect::<Result<_>>()?,
    })
}

/// Scores of the best `k` of the held-out cells if this share of them were real.
fn at(ranking: &Ranking, k: u64, prevalence: f64) -> Option<BudgetPoint> {
    let items = ranking.positives() + ranking.negatives();
    ranking.roc()?.at_budget(k, Population { items, prevalence }).ok()?
}

/// Share of the best `k` that is real; all or none where all or none of the cells are.
fn precision(ranking: &Ranking, k: u64) -> Option<f64> {
    match (ranking.positives(), ranking.negatives()) {
        (0, 0) => None,
        (0, _) => Some(0.0),
        (_, 0) => Some(1.0),
        _ => Some(at(ranking, k, ranking.prevalence()?)?.precision),
    }
}

fn recall(ranking: &Ranking, k: u64) -> Option<f64> {
    let share = |real: u64| exact(k.min(real)) / exact(real);
    match (ranking.positives(), ranking.negatives()) {
        (0, _) => None,
        (real, 0) => Some(share(real)),
        _ => Some(at(ranking, k, ranking.prevalence()?)?.recall),
    }
}

/// Average precision at a prevalence; `None` without real cells.
fn average(ranking: &Ranking, prevalence: f64) -> Option<f64> {
    match (ranking.positives(), ranking.negatives()) {
        (0, _) => None,
        (_, 0) => Some(1.0),
        _ => ranking.roc()?.average_precision(prevalence).ok(),
    }
}

/// Whether the point lies where the held-out cells hold no wrong one.
fn is_optimistic(ranking: &Ranking, point: &BudgetPoint) -> bool {
    let wrong = exact(ranking.negatives());
    point.false_positive_rate * wrong < 1.0 - 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> [Class; 2] {
        [(0, false), (4, true)].map(|(id, features)| {
            let color = arpent_raster::Color([0; 3]);
            Class { id, name: format!("class{id}"), name_fr: None, code: None, color, features }
        })
    }

    #[test]
    fn a_cell_is_ranked_by_its_likeliest_pixel() {
        // 5 x 2 pixels in cells of 2: three cells, the last of one column. Log-odds are the difference of two scores.
        let truth = [0, 0, 0, 1, IGNORE, 0, 0, 0, 0, 0];
        let odds = [-3.0, 1.0, -2.0, 2.0, 9.0, -4.0, -5.0, -1.0, -1.5, -6.0];
        let empty = Rankings(vec![(1, Ranking::new())]);
        let mut cells = Cells::new(5, 2, &truth, &empty);
        odds.iter().enumerate().for_each(|(pixel, odds)| cells.take(pixel, &[0.5, 0.5 + odds]));
        assert_eq!(cells.seen, [(1.0, false), (2.0, true), (-6.0, false)].map(|cell| Some(vec![cell])));
        let unknown = [IGNORE; 4];
        let mut cells = Cells::new(2, 2, &unknown, &empty);
        cells.take(0, &[0.0, 1.0]);
        assert_eq!(cells.seen, [None]);
    }

    #[test]
    fn odds_are_those_of_the_softmax() {
        let share = |scores: &[f32]| scores[1].exp() / scores.iter().map(|s| s.exp()).sum::<f32>();
        let scores = [0.3, -0.2, 1.1];
        let p = share(&scores);
        assert!((log_odds(&scores, 1) - (p / (1.0 - p)).ln()).abs() < 1e-5);
        assert!(log_odds(&[0.0, 60.0], 1) > log_odds(&[0.0, 50.0], 1), "both shares are 1");
        assert!(log_odds(&[1.0], 0).is_finite());
    }

    #[test]
    fn the_best_cells_are_counted_and_weighted() {
        // Best first: real, wrong, real, wrong, wrong, wrong.
        let mut ranking = Ranking::new();
        for (score, is_real) in
            [(6.0, true), (5.0, false), (4.0, true), (3.0, false), (2.0, false), (1.0, false)]
        {
            ranking.add(score, is_real).unwrap();
        }
        let mut parts = Parts::new(&Rankings(vec![(1, Ranking::new())]));
        parts.add("town", "item", &Rankings(vec![(1, ranking)])).unwrap();
        let detail = summarize(&parts, &classes(), (2, &[1, 2, 3, 50], Some(0.1))).unwrap();
        let class = &detail.classes[0];
        assert_eq!((class.id, class.candidates, class.real), (4, 6, 2));
        let near = |value: Option<f64>, expected: f64| {
            assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?} {expected}");
        };
        for (best, precision) in class.best.iter().zip([1.0, 0.5, 2.0 / 3.0, 1.0 / 3.0]) {
            near(best.precision.value, precision);
        }
        near(class.best[0].recall, 0.5);
        near(class.average_precision.value, f64::midpoint(1.0, 2.0 / 3.0));
        // Were 0.1 of 6 cells real: 0.05 of all are flagged at the first score (all of them real), then 0.9 / 4 more
        // (all wrong). A sixth is taken: 0.05 of 1 / 6.
        let expected = class.best[0].precision_at_prevalence.unwrap();
        near(expected.value, 0.3);
        assert_eq!(class.best[0].at_prevalence_is_optimistic, Some(true));
        assert_eq!(class.best[3].at_prevalence_is_optimistic, Some(false));
        // Half of the real at precision 1, the other half at 0.1 / (0.1 + 0.9 / 4).
        let second = 0.1 / (0.1 + 0.9 / 4.0);
        near(class.average_precision_at_prevalence.unwrap().value, f64::midpoint(1.0, second));
        assert!(expected.interval.is_none(), "one item cannot be resampled");
    }

    #[test]
    fn without_real_or_wrong_cells_it_is_none_or_all() {
        let one = |is_real| {
            let mut ranking = Ranking::new();
            ranking.add(1.0, is_real).unwrap();
            ranking
        };
        assert_eq!((precision(&one(false), 5), average(&one(false), 0.5)), (Some(0.0), None));
        assert_eq!((precision(&one(true), 5), recall(&one(true), 5)), (Some(1.0), Some(1.0)));
        assert_eq!((precision(&Ranking::new(), 5), recall(&one(false), 5)), (None, None));
    }
}
