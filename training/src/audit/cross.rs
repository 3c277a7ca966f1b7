//! Labels that contradict a network which was trained without their group: found by cross-validation (Northcutt, Jiang,
//! Chuang: *Confident learning*, 2021, rank labels by the predictions of a model that was not fitted on them).

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_datasets::Split;
use arpent_model::Predictor;
use arpent_shell::energy::Meter;
use arpent_shell::message::notice;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::config::{Config, Keep};
use crate::data::{ItemId, ItemTruth, Sets};
use crate::error::TrainError;
use crate::evaluate::{rounded, scores_of};
use crate::fit::{Place, Start, TrainingSetup, train};
use crate::job::{self, TrainingData};
use crate::package;

/// The items whose labels disagree most with the networks.
#[derive(Debug, Serialize)]
pub(super) struct Suspects {
    folds: usize,
    epochs: usize,
    seed: u64,
    /// Items that were checked.
    items: usize,
    pub(super) worst: Vec<Suspect>,
}

/// How well the labels of an item agree with the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Suspect {
    item: String,
    group: String,
    /// Mean over the known pixels of 1 - the probability of the given class.
    disagreement: f64,
    /// Known pixels.
    pixels: u64,
    /// The most frequent confusion.
    confused: Option<Confused>,
}

/// Pixels labeled as one class and predicted as another.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Confused {
    labeled: String,
    predicted: String,
    /// Share of the known pixels.
    share: f64,
}

impl Suspect {
    /// In words.
    pub(super) fn describe(&self) -> String {
        let confused = self.confused.as_ref().map_or_else(String::new, |c| {
            format!(", {:.0} % labeled {} and predicted as {}", 100.0 * c.share, c.labeled, c.predicted)
        });
        format!("{} (of {}): disagreement {:.3}{confused}", self.item, self.group, self.disagreement)
    }
}

/// Trains once without each fold of the training split, and ranks all its items by the network trained without them.
pub(super) fn suspects(config: &Config, folds: usize, worst: usize) -> Result<Suspects> {
    let config = short(config);
    let mut sets = Sets::open(&config)?;
    let folds = folds_of(&sets, folds, config.fit.seed)?;
    let meter = Meter::start(config.energy.core_w);
    let mut all = Vec::new();
    for (i, held) in folds.iter().enumerate() {
        let others = folds.iter().enumerate().filter(|(j, _)| *j != i).flat_map(|(_, ids)| ids);
        let train: Vec<ItemId> = others.copied().collect();
        notice(&format!("fold {} of {}: {} items, {} held out", i + 1, folds.len(), train.len(), held.len()));
        let source = TrainingData::on(&config, sets, &train)?;
        let predictor = fitted(&config, &source, &meter)?;
        sets = source.into_sets();
        for id in held {
            all.extend(suspect(&config, &sets, *id, &predictor)?);
        }
    }
    all.sort_by(|a, b| b.disagreement.total_cmp(&a.disagreement).then_with(|| a.item.cmp(&b.item)));
    let items = all.len();
    all.truncate(worst);
    Ok(Suspects {
        folds: folds.len(),
        epochs: config.fit.epochs.get(),
        seed: config.fit.seed,
        items,
        worst: all,
    })
}

/// The configuration without what needs a validation split.
fn short(config: &Config) -> Config {
    let mut config = config.clone();
    config.fit.keep = Keep::Last;
    config.fit.early_stopping = 0;
    config.fit.validate_every = config.fit.epochs;
    config
}

/// The items of the training split in folds of whole groups: groups in an order of the seed, each to the fold that has the
/// fewest items.
fn folds_of(sets: &Sets, count: usize, seed: u64) -> Result<Vec<Vec<ItemId>>, TrainError> {
    let mut groups: BTreeMap<String, Vec<ItemId>> = BTreeMap::new();
    for id in sets.items(Split::Train) {
        groups.entry(sets.group(id)).or_default().push(id);
    }
    if groups.len() < count {
        let problem = format!("{count} folds of {} groups: each fold needs a group", groups.len());
        return Err(TrainError::refused(problem, "use fewer folds (at least two), or smaller groups"));
    }
    Ok(shared_out(groups, count, seed))
}

fn shared_out(groups: BTreeMap<String, Vec<ItemId>>, count: usize, seed: u64) -> Vec<Vec<ItemId>> {
    let mut ordered: Vec<_> = groups.into_iter().collect();
    ordered.sort_by_cached_key(|(group, _)| Sha256::digest(format!("{seed}\n{group}")).to_vec());
    let mut folds: Vec<Vec<ItemId>> = vec![Vec::new(); count];
    for (_, ids) in ordered {
        if let Some(fold) = folds.iter_mut().min_by_key(|f| f.len()) {
            fold.extend(ids);
        }
    }
    for fold in &mut folds {
        fold.sort_unstable();
    }
    folds
}

/// A network fitted on a source; its checkpoints are not kept.
fn fitted(config: &Config, source: &TrainingData, meter: &Meter) -> Result<Predictor> {
    let architecture = package::architecture(config, source.bands.len())?;
    let draft = package::draft(config, &architecture, &source.bands, source.provenance())?;
    let folder = tempfile::tempdir()?;
    let setup = TrainingSetup {
        config,
        architecture: &architecture,
        bands: &source.bands,
        draw: source.draw(),
        class_weights: job::class_weights(config, source),
        data: source.fingerprint(),
        place: Place::of(folder.path()),
        meter,
        judge: &|_| Ok(BTreeMap::new()),
        score: "",
    };
    let start = Start::Fresh(job::first_weights(config, &architecture)?);
    let trained = train(&setup, start, |_| Ok(()))?;
    job::predictor(&draft, &trained.weights)
}

/// The agreement of a network with an item; `None` where no pixel is labeled.
fn suspect(config: &Config, sets: &Sets, id: ItemId, predictor: &Predictor) -> Result<Option<Suspect>> {
    let item = sets.read(id)?;
    let ItemTruth::Labels(truth) = &item.truth else { return Err(not_of_pixels().into()) };
    let mut seen = Seen::new(config.classes.len());
    scores_of(predictor, &item.chip, |i, scores| seen.add(usize::from(truth[i]), scores))?;
    if seen.pixels == 0 {
        return Ok(None);
    }
    let name = |class: usize| config.classes[class].name.clone();
    let confused = seen.worst_pair().map(|(labeled, predicted, count)| Confused {
        labeled: name(labeled),
        predicted: name(predicted),
        share: rounded(exact(count) / exact(seen.pixels)),
    });
    let (item, group) = (sets.name(id), sets.group(id));
    let disagreement = rounded(seen.disagreement / exact(seen.pixels));
    Ok(Some(Suspect { item, group, disagreement, pixels: seen.pixels, confused }))
}

pub(super) fn not_of_pixels() -> TrainError {
    let problem = "--cross-validate is for pixel labels; this training has others";
    TrainError::refused(problem, "run the audit without it")
}

/// Counts over the pixels of an item.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    classes: usize,
    disagreement: f64,
    pixels: u64,
    /// Pixels by labeled class (rows) and predicted class.
    pairs: Vec<u64>,
}

impl Seen {
    fn new(classes: usize) -> Self {
        Self { classes, disagreement: 0.0, pixels: 0, pairs: vec![0; classes * classes] }
    }

    /// Counts a pixel by its label (not known: beyond the classes) and its scores before the softmax.
    fn add(&mut self, label: usize, scores: &[f32]) {
        if label >= self.classes {
            return;
        }
        let best = (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
        let power = |score: &f32| f64::from(score - scores[best]).exp();
        self.disagreement += 1.0 - power(&scores[label]) / scores.iter().map(power).sum::<f64>();
        self.pixels += 1;
        self.pairs[label * self.classes + best] += 1;
    }

    /// The pair of different classes with the most pixels, the first of equals.
    fn worst_pair(&self) -> Option<(usize, usize, u64)> {
        let pairs = self.pairs.iter().enumerate().map(|(i, n)| (i / self.classes, i % self.classes, *n));
        let wrong = pairs.filter(|(labeled, seen, n)| labeled != seen && *n > 0);
        wrong.reduce(|best, pair| if pair.2 > best.2 { pair } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disagreement_is_what_is_missing_to_a_probability_of_one() {
        let mut seen = Seen::new(3);
        let logs = [0.5f32, 0.3, 0.2].map(f32::ln);
        seen.add(0, &logs);
        seen.add(1, &logs);
        seen.add(2, &logs);
        seen.add(2, &logs);
        seen.add(255, &logs);
        assert_eq!((seen.pixels, seen.worst_pair()), (4, Some((2, 0, 2))));
        assert!((seen.disagreement - (0.5 + 0.7 + 0.8 + 0.8)).abs() < 1e-6, "{seen:?}");
        assert_eq!(Seen::new(2).worst_pair(), None);
    }

    #[test]
    fn folds_hold_whole_groups_and_about_as_many_items() {
        let id = |item| ItemId { set: 0, item };
        let groups: BTreeMap<String, Vec<ItemId>> =
            (0..9).map(|g| (g.to_string(), vec![id(2 * g), id(2 * g + 1)])).collect();
        let folds = shared_out(groups.clone(), 3, 1);
        assert!(
            folds.iter().all(|f| f.len() == 6 && f.chunks(2).all(|p| p[0].item + 1 == p[1].item)),
            "{folds:?}"
        );
        assert_eq!(folds, shared_out(groups.clone(), 3, 1));
        assert_ne!(folds, shared_out(groups, 3, 2));
    }
}
