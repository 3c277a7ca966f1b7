//! Right and wrong answers by predicted class and stored confidence: what risk, coverage and corrections are computed from.

use arpent_metrics::{Merge, MetricsError, RiskCoverage};
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE};

/// Right and wrong answers by predicted class and stored confidence; memory does not grow with their number.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    /// By the position of the class; empty where it was not answered.
    classes: Vec<Vec<[u64; 2]>>,
    /// Pictures with an answer of the class.
    pictures: Vec<u64>,
}

impl Answers {
    /// None, of `classes` classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self { classes: vec![Vec::new(); classes], pictures: vec![0; classes] }
    }

    /// Adds the answers of one picture: position of the class, stored confidence, and whether it is right. Those without a
    /// confidence are left out.
    pub(crate) fn add_picture(&mut self, answers: impl Iterator<Item = (u8, u8, bool)>) {
        let mut seen = vec![false; self.classes.len()];
        for (class, confidence, is_right) in answers.filter(|(_, c, _)| *c != CONFIDENCE_NODATA) {
            let class = usize::from(class);
            let Some(tally) = self.classes.get_mut(class) else { continue };
            if tally.is_empty() {
                *tally = vec![[0; 2]; 256];
            }
            tally[usize::from(confidence)][usize::from(!is_right)] += 1;
            seen[class] = true;
        }
        self.pictures.iter_mut().zip(seen).for_each(|(pictures, seen)| *pictures += u64::from(seen));
    }

    /// Number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Right and wrong answers of a class by the step of their confidence.
    pub(crate) fn steps(&self, class: usize) -> impl Iterator<Item = (u8, [u64; 2])> {
        (0u8..=255)
            .zip(&self.classes[class])
            .filter(|(_, [right, wrong])| right + wrong > 0)
            .map(|(s, n)| (s, *n))
    }

    /// Number of answers of a class.
    pub(crate) fn count(&self, class: usize) -> u64 {
        self.classes[class].iter().flatten().sum()
    }

    /// Number of pictures with an answer of a class.
    pub(crate) fn pictures(&self, class: usize) -> u64 {
        self.pictures[class]
    }

    /// Risk and coverage of all answers.
    pub(crate) fn risk(&self) -> Result<RiskCoverage, MetricsError> {
        let mut all = RiskCoverage::new();
        (0..self.classes()).try_for_each(|class| all.merge(&self.risk_of(class)?))?;
        Ok(all)
    }

    /// Risk and coverage of the answers of a class.
    pub(crate) fn risk_of(&self, class: usize) -> Result<RiskCoverage, MetricsError> {
        let mut risk = RiskCoverage::new();
        for (step, [right, wrong]) in self.steps(class) {
            risk.add_counts(f64::from(step) * CONFIDENCE_SCALE, right, wrong)?;
        }
        Ok(risk)
    }
}

impl Merge for Answers {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.classes.len() != other.classes.len() {
            return Err(MetricsError::Merge { what: "their number of classes" });
        }
        for (tally, more) in self.classes.iter_mut().zip(&other.classes) {
            if tally.is_empty() {
                tally.clone_from(more);
            } else {
                tally.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(n, more)| *n += more);
            }
        }
        self.pictures.iter_mut().zip(&other.pictures).for_each(|(n, more)| *n += more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_step() {
        let mut answers = Answers::new(2);
        answers.add_picture(
            [(0, 250, true), (0, 250, false), (1, 100, true), (1, CONFIDENCE_NODATA, true)].into_iter(),
        );
        answers.add_picture([(1, 100, false), (9, 10, true)].into_iter());
        assert_eq!((answers.count(0), answers.count(1)), (2, 2));
        assert_eq!((answers.pictures(0), answers.pictures(1)), (1, 2));
        assert_eq!(answers.steps(1).collect::<Vec<_>>(), [(100, [1, 1])]);
        let risk = answers.risk().unwrap();
        assert_eq!((risk.answers(), risk.wrong(), risk.curve().len()), (4, 2, 2));
        let mut twice = Answers::new(2);
        twice.merge(&answers).unwrap();
        twice.merge(&answers).unwrap();
        assert_eq!(twice.steps(0).collect::<Vec<_>>(), [(250, [2, 2])]);
        assert!(twice.merge(&Answers::new(3)).is_err());
    }
}
