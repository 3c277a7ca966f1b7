//! Items that chips are drawn from, by the weights of their sets and by what they hold.

use super::cut::pixels;
use super::statistics::ItemStatistics;
use super::{Item, ItemTruth, Rng};

/// Items to draw from.
#[derive(Debug)]
pub(super) struct Stock {
    items: Vec<ItemStatistics>,
    /// Of each set.
    weights: Vec<f64>,
    /// Classes that the items hold.
    present: Vec<usize>,
}

impl Stock {
    /// These items of sets with these weights, and `classes` classes.
    pub(super) fn new(items: Vec<ItemStatistics>, weights: Vec<f64>, classes: usize) -> Self {
        let is_there = |class: &usize| items.iter().any(|item| item.classes[*class] > 0);
        let present = (0..classes).filter(is_there).collect();
        Self { items, weights, present }
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A class that is there, each as likely as the others.
    pub(super) fn class(&self, rng: &mut Rng) -> Option<usize> {
        self.present.get(rng.below(self.present.len())).copied()
    }

    /// An item: a set by its weight, then an item of it by its pixels (of the class).
    pub(super) fn choose(&self, class: Option<usize>, rng: &mut Rng) -> &ItemStatistics {
        self.choose_by(|item| class.map_or(item.pixels, |c| item.classes[c]), rng)
    }

    /// An item (that holds the class): a set by its weight, then an item of it, each as likely as the others.
    pub(super) fn one(&self, class: Option<usize>, rng: &mut Rng) -> &ItemStatistics {
        self.choose_by(|item| u64::from(class.is_none_or(|c| item.classes[c] > 0)), rng)
    }

    fn choose_by(&self, measure: impl Fn(&ItemStatistics) -> u64, rng: &mut Rng) -> &ItemStatistics {
        let mut totals = vec![0u64; self.weights.len()];
        self.items.iter().for_each(|item| totals[item.id.set] += measure(item));
        let shares: Vec<f64> =
            self.weights.iter().zip(&totals).map(|(w, total)| if *total > 0 { *w } else { 0.0 }).collect();
        let set = pick(&shares, rng);
        let measures: Vec<f64> =
            self.items.iter().map(|i| if i.id.set == set { whole(measure(i)) } else { 0.0 }).collect();
        &self.items[pick(&measures, rng)]
    }
}

/// The index drawn by weights; the first with any weight when rounding runs out of them.
fn pick(weights: &[f64], rng: &mut Rng) -> usize {
    let mut left = rng.unit() * weights.iter().sum::<f64>();
    let mut last = 0;
    for (i, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        last = i;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// A pixel (or the center of a box) of a class of which there are `count`.
pub(super) fn find(item: &Item, class: usize, count: u64, rng: &mut Rng) -> Option<(f64, f64)> {
    let nth = rng.below(usize::try_from(count).ok()?);
    match &item.truth {
        ItemTruth::Labels(labels) => {
            let mut places = labels.iter().enumerate().filter(|(_, l)| usize::from(**l) == class);
            let (at, _) = places.nth(nth)?;
            let width = item.chip.window.width;
            Some((pixels(at % width), pixels(at / width)))
        }
        ItemTruth::Boxes(boxes) => {
            let object = boxes.iter().filter(|b| usize::from(b.class) == class).nth(nth)?;
            let [x0, y0, x1, y1] = object.sides;
            Some((f64::midpoint(x0, x1), f64::midpoint(y0, y1)))
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "pixel counts are far smaller than 2^52")]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_raster::{Chip, Window};

    #[test]
    fn items_and_pixels_are_drawn_by_their_weights() {
        let mut rng = Rng::new(&[1]);
        let labels = (0..24).map(|i| u8::from(i == 10)).collect();
        let item = Item {
            chip: Chip::empty(Window::new(0, 0, 6, 4), 2),
            truth: ItemTruth::Labels(labels),
            objects: vec![],
        };
        let drawn: Vec<usize> = (0..4000).map(|_| pick(&[0.0, 1.0, 3.0, 0.0], &mut rng)).collect();
        let third = drawn.iter().filter(|i| **i == 2).count();
        assert!(drawn.iter().all(|i| *i == 1 || *i == 2) && (2850..3150).contains(&third), "{third}");
        assert_eq!(find(&item, 1, 1, &mut rng), Some((4.0, 1.0)));
    }
}
