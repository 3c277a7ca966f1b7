//! Chips cut from the pictures of data sets, at random or around rare classes, optionally with pasted pieces.

use arpent_base::Result;
use arpent_datasets::Split;
use rayon::prelude::*;

use super::cache::Cache;
use super::cut::{Square, cut, pixels};
use super::paste::Pastes;
use super::statistics::{ItemStatistics, Statistics};
use super::stock::{Stock, find};
use super::{Draw, Item, ItemId, Purpose, Rng, Sample, Sets, Target, augment};
use crate::config::{Augment, Config, nearest};
use crate::error::TrainError;

/// Maximum number of cuts until a chip has a known label.
const TRIES: usize = 8;

/// Chips of the training split of data sets.
#[derive(Debug)]
pub(crate) struct Crops {
    sets: Sets,
    scenes: Stock,
    pastes: Option<Pastes>,
    cache: Cache,
    class_aware: f64,
    augment: Augment,
    range: [f32; 2],
    dates: usize,
}

impl Crops {
    /// Chips of these sets, whose statistics were gathered.
    pub(crate) fn new(config: &Config, sets: Sets, statistics: &Statistics) -> Result<Self> {
        let pasted: Vec<String> = config.sampling.paste.iter().flat_map(|p| p.sets.clone()).collect();
        let names: Vec<&str> = sets.cards().map(|card| card.name.as_str()).collect();
        if let Some(stranger) = pasted.iter().find(|name| !names.contains(&name.as_str())) {
            let problem =
                format!("sampling.paste.sets names `{stranger}`, which is not a data set of this training");
            return Err(TrainError::refused(problem, nearest(stranger, &names)).into());
        }
        let is_pasted = |item: &&ItemStatistics| pasted.iter().any(|name| name == names[item.id.set]);
        let (pieces, scenes): (Vec<_>, Vec<_>) = statistics.items.iter().partition(is_pasted);
        let stock = |items: Vec<&ItemStatistics>| {
            Stock::new(items.into_iter().cloned().collect(), sets.weights(), config.classes.len())
        };
        let (pieces, scenes) = (stock(pieces), stock(scenes));
        if scenes.is_empty() {
            let problem =
                "no chips can be drawn: all sets of the training split are named in sampling.paste.sets";
            return Err(TrainError::refused(problem, "name a data set of scenes to paste into").into());
        }
        Ok(Self {
            scenes,
            pastes: config.sampling.paste.clone().map(|settings| Pastes::new(pieces, settings)),
            cache: Cache::new(config.sampling.cache_mb),
            class_aware: config.sampling.class_aware.get(),
            augment: config.augment.clone(),
            range: config.model.value_range,
            dates: config.dates(),
            sets,
        })
    }

    /// The data sets.
    pub(crate) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// The data sets alone.
    pub(crate) fn into_sets(self) -> Sets {
        self.sets
    }

    /// The item and the square of a stream.
    fn place(&self, side: f64, rng: &mut Rng) -> Result<(std::sync::Arc<Item>, Square)> {
        let class = rng.chance(self.class_aware).then(|| self.scenes.class(rng)).flatten();
        let chosen = self.scenes.choose(class, rng);
        let item = self.cache.get(&self.sets, chosen.id)?;
        let center = class.and_then(|class| find(&item, class, chosen.classes[class], rng));
        let square = Square::within(&item, side, center, rng);
        Ok((item, square))
    }

    /// One chip of these items, each as likely as the others.
    fn held_out_chip(&self, items: &[ItemId], side: usize, rng: &mut Rng) -> Result<Sample> {
        let mut tries = 0;
        loop {
            let item = self.cache.get(&self.sets, items[rng.below(items.len())])?;
            let sample = cut(&item, Square::within(&item, pixels(side), None, rng), side);
            tries += 1;
            if sample.has_truth() || tries == TRIES {
                return Ok(sample);
            }
        }
    }
}

impl Draw for Crops {
    fn draw(&self, side: usize, rng: &mut Rng) -> Result<Sample> {
        let scale = self.augment.scale.get();
        let scale = if scale > 0.0 { rng.range(-scale, scale).exp() } else { 1.0 };
        // A chip without a known label contributes nothing to the loss; a few more are tried before one is taken.
        let mut sample = None;
        for _ in 0..TRIES {
            let (item, square) = self.place((pixels(side) * scale).round(), rng)?;
            let cut = cut(&item, square, side);
            let known = cut.has_truth();
            sample = Some(cut);
            if known {
                break;
            }
        }
        let mut sample =
            sample.unwrap_or(Sample { side, data: vec![], valid: vec![], target: Target::Boxes(vec![]) });
        if let Some(pastes) = &self.pastes {
            let read = |item: &ItemStatistics| self.cache.get(&self.sets, item.id);
            let light = |piece: &mut Sample, rng: &mut Rng| {
                augment::light(piece, &self.augment, self.range, self.dates, rng);
            };
            pastes.on(&mut sample, &self.scenes, &read, &light, rng)?;
        }
        Ok(augment::vary(sample, &self.augment, self.range, self.dates, rng))
    }

    fn held_out(&self, side: usize, count: usize, seed: u64) -> Result<Vec<Sample>> {
        let items = self.sets.items(Split::Validation);
        let count = if items.is_empty() { 0 } else { count };
        let chip = |i| self.held_out_chip(&items, side, &mut Rng::of(seed, Purpose::HeldOut, 0, i));
        (0..count).into_par_iter().map(chip).collect()
    }
}
