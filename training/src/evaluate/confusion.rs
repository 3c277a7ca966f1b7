//! Confusion matrices. Stands in for those of the metrics library until that is there.

use arpent_datasets::IGNORE;

use super::ratio;

/// Pixels by true class (rows) and predicted class (columns).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// No pixels yet.
    pub(crate) fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts pixels whose truth and prediction are both known.
    pub(crate) fn add(&mut self, truth: &[u8], predicted: &[u8]) {
        for (truth, predicted) in truth.iter().zip(predicted).filter(|(t, p)| **t != IGNORE && **p != IGNORE)
        {
            self.counts[usize::from(*truth) * self.classes + usize::from(*predicted)] += 1;
        }
    }

    /// Adds another matrix.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> Vec<&[u64]> {
        self.counts.chunks_exact(self.classes).collect()
    }

    /// All pixels.
    pub(crate) fn pixels(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Pixels of a class by truth.
    pub(crate) fn truth(&self, class: usize) -> u64 {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    /// Pixels of a class by prediction.
    pub(crate) fn predicted(&self, class: usize) -> u64 {
        (0..self.classes).map(|t| self.counts[t * self.classes + class]).sum()
    }

    fn hits(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    /// Intersection over union; `None` where neither truth nor prediction has the class.
    pub(crate) fn iou(&self, class: usize) -> Option<f64> {
        ratio(self.hits(class), self.truth(class) + self.predicted(class) - self.hits(class))
    }

    /// Share of the predicted pixels that are right.
    pub(crate) fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.hits(class), self.predicted(class))
    }

    /// Share of the true pixels that are found.
    pub(crate) fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.hits(class), self.truth(class))
    }

    /// Harmonic mean of precision and recall.
    pub(crate) fn f1(&self, class: usize) -> Option<f64> {
        ratio(2 * self.hits(class), self.truth(class) + self.predicted(class))
    }

    /// Mean of the classes' [`Confusion::iou`], of those that have one.
    pub(crate) fn mean_iou(&self) -> Option<f64> {
        mean((0..self.classes).filter_map(|c| self.iou(c)))
    }

    /// Mean of the classes' [`Confusion::f1`], of those that have one.
    pub(crate) fn mean_f1(&self) -> Option<f64> {
        mean((0..self.classes).filter_map(|c| self.f1(c)))
    }

    /// Share of the pixels that are right.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        ratio((0..self.classes).map(|c| self.hits(c)).sum(), self.pixels())
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let mut confusion = Confusion::new(3);
        // Class 0: three, of which one is seen as 1; class 1: one, seen; one unknown; class 2 nowhere.
        confusion.add(&[0, 0, 0, 1, IGNORE], &[0, 0, 1, 1, 0]);
        let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
        assert!(close(confusion.iou(0), 2.0 / 3.0) && close(confusion.iou(1), 0.5));
        assert_eq!(confusion.iou(2), None);
        assert!(close(confusion.mean_iou(), f64::midpoint(2.0 / 3.0, 0.5)));
        assert!(close(confusion.accuracy(), 0.75) && close(confusion.precision(1), 0.5));
        assert!(close(confusion.recall(0), 2.0 / 3.0) && close(confusion.f1(1), 2.0 / 3.0));
        let mut twice = confusion.clone();
        twice.merge(&confusion);
        assert_eq!((twice.pixels(), twice.iou(0)), (8, confusion.iou(0)));
    }
}
