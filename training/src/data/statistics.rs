//! One pass over the training items: means and deviations of the bands, pixels of the classes.

use std::hash::{Hash, Hasher};

use arpent_base::Result;
use arpent_base::number::{exact, narrow};
use arpent_datasets::IGNORE;
use arpent_model::Dequantize;
use arpent_raster::Chip;
use rayon::prelude::*;

use super::{Item, ItemId, ItemTruth, Sets};
use crate::config::Config;

/// Count, mean and sum of squared distances to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Moments of some values, in two passes.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (count, sum) = values.clone().fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
        if count == 0.0 {
            return Self::default();
        }
        let mean = sum / count;
        Self { count, mean, squares: values.map(|v| (v - mean).powi(2)).sum() }
    }

    /// The combination of two (Chan, Golub, LeVeque: *Updating formulae*, 1979).
    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * other.count / count,
            squares: self.squares + other.squares + apart * apart * self.count * other.count / count,
        }
    }

    /// The mean; 0 without values.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation; 1 where all values are equal, so that it can be divided by.
    pub(crate) fn std(&self) -> f64 {
        let variance = if self.count > 0.0 { self.squares / self.count } else { 0.0 };
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    }
}

/// Statistics of an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ItemStatistics {
    pub(crate) id: ItemId,
    /// Pixels of the picture.
    pub(crate) pixels: u64,
    /// Pixels (or boxes) of each class.
    pub(crate) classes: Vec<u64>,
    /// Hash of its pixels, by which a duplicate picture is found in this process; none of a flat one.
    pub(crate) content: Option<u64>,
}

/// Statistics of the training split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statistics {
    /// One per band of the network's input.
    pub(crate) bands: Vec<Moments>,
    /// Pixels (or boxes) of each class.
    pub(crate) classes: Vec<u64>,
    /// Each item of the split.
    pub(crate) items: Vec<ItemStatistics>,
}

impl Statistics {
    /// Reads every item to train on once; no more than one per thread is held. Bands are those of dequantized values.
    pub(crate) fn gather(config: &Config, sets: &Sets, ids: &[ItemId]) -> Result<Self> {
        let (classes, quantized) = (config.classes.len(), config.model.dequantize);
        let one = |id: &ItemId| Ok(of_item(*id, &sets.read(*id)?, classes, quantized));
        let all: Vec<(Vec<Moments>, ItemStatistics)> = ids.par_iter().map(one).collect::<Result<_>>()?;
        // Added up in the order of the items: the same numbers for any number of threads.
        let mut bands = vec![Moments::default(); sets.input_bands().len()];
        let mut total = vec![0; classes];
        let mut items = Vec::with_capacity(all.len());
        for (moments, item) in all {
            bands.iter_mut().zip(moments).for_each(|(sum, one)| *sum = sum.merge(one));
            total.iter_mut().zip(&item.classes).for_each(|(sum, one)| *sum += one);
            items.push(item);
        }
        Ok(Self { bands, classes: total, items })
    }

    /// Weights inverse to the classes' shares, 1 where all are equal: `n / (classes x n_class)`; absent classes 1.
    pub(crate) fn balanced_weights(&self) -> Vec<f32> {
        let present = exact(self.classes.iter().filter(|n| **n > 0).count().max(1));
        let total = exact(self.classes.iter().sum::<u64>());
        let weight = |n: &u64| if *n == 0 { 1.0 } else { narrow(total / (present * exact(*n))) };
        self.classes.iter().map(weight).collect()
    }
}

fn of_item(
    id: ItemId,
    item: &Item,
    classes: usize,
    quantized: Option<Dequantize>,
) -> (Vec<Moments>, ItemStatistics) {
    let chip = &item.chip;
    let moments = |band: usize| {
        let valid = chip.band(band).iter().zip(&chip.valid).filter(|(_, valid)| **valid);
        let meant = |stored: f32| quantized.map_or(stored, |of| of.value(stored));
        Moments::of(valid.map(|(value, _)| f64::from(meant(*value))))
    };
    let mut counts = vec![0u64; classes];
    let mut count = |class: u8| {
        if class != IGNORE {
            counts[usize::from(class)] += 1;
        }
    };
    match &item.truth {
        ItemTruth::Labels(labels) => labels.iter().for_each(|l| count(*l)),
        ItemTruth::Boxes(boxes) => boxes.iter().for_each(|b| count(b.class)),
    }
    let pixels = (chip.window.width * chip.window.height) as u64;
    let content = content(chip);
    ((0..chip.bands).map(moments).collect(), ItemStatistics { id, pixels, classes: counts, content })
}

fn content(chip: &Chip) -> Option<u64> {
    let first = chip.data.first()?;
    if chip.data.iter().all(|value| value.to_bits() == first.to_bits()) {
        return None;
    }
    let mut hash = std::hash::DefaultHasher::new();
    (chip.window.width, chip.window.height, chip.bands).hash(&mut hash);
    chip.data.iter().for_each(|value| value.to_bits().hash(&mut hash));
    Some(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_parts_are_those_of_the_whole() {
        let values: Vec<f64> = (0..100).map(|i| 1e6 + f64::from(i * i % 37)).collect();
        let whole = Moments::of(values.iter().copied());
        let parts = values
            .chunks(7)
            .fold(Moments::default(), |sum, part| sum.merge(Moments::of(part.iter().copied())));
        assert!((whole.mean() - parts.mean()).abs() < 1e-6 && (whole.std() - parts.std()).abs() < 1e-9);
        assert!((Moments::of([5.0, 5.0].into_iter()).std() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn balanced_weights_are_inverse_to_the_shares() {
        let statistics = Statistics { bands: vec![], classes: vec![300, 100, 0], items: vec![] };
        let weights = statistics.balanced_weights();
        // 400 / (2 x 300), 400 / (2 x 100); an absent class does not matter.
        assert!((weights[0] - 2.0 / 3.0).abs() < 1e-6 && (weights[1] - 2.0).abs() < 1e-6, "{weights:?}");
        assert!((weights[2] - 1.0).abs() < 1e-6);
    }
}
