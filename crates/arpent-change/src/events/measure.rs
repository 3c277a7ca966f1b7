//! What is measured of an area of change: its pixels, its width, what the images show there.

use super::runs::Run;

/// Statistics of an area of change: exact sums, so their order does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) pixels: u64,
    /// Ground area in units of 2^-64 square meters.
    pub(super) area_q64: u128,
    /// Side of the largest square of pixels inside, pixels.
    pub(super) width_px: u32,
    /// Sum of the image scores, in steps of `CONFIDENCE_SCALE`, and number of pixels that have one.
    pub(super) image: (u64, u64),
    /// Of those, how many have at least the score from which the images differ.
    pub(super) image_differs: u64,
    /// Of the maps of both dates: sum of their confidences, in steps of `CONFIDENCE_SCALE`, and number of pixels that have
    /// one.
    pub(super) confidence: [(u64, u64); 2],
    /// Number of pixels whose class before the earlier date is known, and of those that had their later class then.
    pub(super) earlier: (u64, u64),
}

impl Measured {
    pub(super) fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.area_q64 += other.area_q64;
        self.width_px = self.width_px.max(other.width_px);
        self.image.0 += other.image.0;
        self.image.1 += other.image.1;
        self.image_differs += other.image_differs;
        for (sum, other) in self.confidence.iter_mut().zip(other.confidence) {
            sum.0 += other.0;
            sum.1 += other.1;
        }
        self.earlier.0 += other.earlier.0;
        self.earlier.1 += other.earlier.1;
    }

    /// Mean image score, 0 to 1; `None` if no pixel has one.
    pub(super) fn image_score(&self) -> Option<f64> {
        mean(self.image)
    }

    /// Mean confidence of the maps of both dates, 0 to 1; `None` if no pixel has one.
    pub(super) fn confidence(&self) -> [Option<f64>; 2] {
        self.confidence.map(mean)
    }

    /// Share of the pixels that had their later class before the earlier date, 0 to 1; `None` if that is not known of
    /// any.
    pub(super) fn returned(&self) -> Option<f64> {
        use arpent_base::number::exact;
        (self.earlier.0 > 0).then(|| exact(self.earlier.1) / exact(self.earlier.0))
    }
}

/// The mean of a sum, in steps of `CONFIDENCE_SCALE`, and a number.
fn mean((sum, number): (u64, u64)) -> Option<f64> {
    use arpent_base::number::exact;
    (number > 0).then(|| exact(sum) / exact(number) * arpent_raster::CONFIDENCE_SCALE)
}

/// Sides of the largest squares of pixels of one area that end at each pixel of the last row: the square at a pixel is
/// one larger than the smallest of those at its neighbors to the west, north and north-west.
#[derive(Debug)]
pub(super) struct Squares {
    above: Vec<u32>,
    below: Vec<u32>,
    runs_above: Vec<Run>,
}

impl Squares {
    pub(super) fn new(width: usize) -> Self {
        Self { above: vec![0; width], below: vec![0; width], runs_above: Vec::new() }
    }

    /// Takes the runs of the next row; `is_open(above, below)` says whether a run above continues in the one below.
    /// Returns the largest square that ends in each run.
    pub(super) fn push(&mut self, runs: &[Run], mut is_open: impl FnMut(&Run, &Run) -> bool) -> Vec<u32> {
        let mut largest = Vec::with_capacity(runs.len());
        let mut first = 0;
        for run in runs {
            self.below[run.columns()].fill(1);
            while self.runs_above.get(first).is_some_and(|above| above.end <= run.start) {
                first += 1;
            }
            let mut widest = 1;
            for above in self.runs_above[first..].iter().take_while(|above| above.start < run.end) {
                if !is_open(above, run) {
                    continue;
                }
                for col in above.start.max(run.start) as usize..above.end.min(run.end) as usize {
                    let is_first = col == run.start as usize || col == above.start as usize;
                    let side = if is_first {
                        1
                    } else {
                        1 + self.above[col].min(self.above[col - 1]).min(self.below[col - 1])
                    };
                    self.below[col] = side;
                    widest = widest.max(side);
                }
            }
            largest.push(widest);
        }
        std::mem::swap(&mut self.above, &mut self.below);
        self.runs_above.clear();
        self.runs_above.extend_from_slice(runs);
        largest
    }

    /// Renames the areas of the runs above.
    pub(super) fn rename(&mut self, mut name: impl FnMut(u32) -> u32) {
        self.runs_above.iter_mut().for_each(|run| run.id = name(run.id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::runs::changed_runs;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn squares_are_the_largest_ones(rows in prop::collection::vec(prop::collection::vec(1u8..4, 12), 1..12)) {
            let mut squares = Squares::new(12);
            let mut found = vec![0; 256];
            for row in &rows {
                let mut runs = Vec::new();
                changed_runs(&[1; 12], row, &mut runs);
                let widths = squares.push(&runs, Run::is_same_pair);
                for (run, width) in runs.iter().zip(widths) {
                    let class = usize::from(run.after);
                    found[class] = found[class].max(width);
                }
            }
            let is_square = |class: u8, top: usize, left: usize, side: usize| {
                (top..top + side).all(|row| (left..left + side).all(|col| rows.get(row).and_then(|r| r.get(col)) == Some(&class)))
            };
            for class in [2u8, 3] {
                let fits = |side: &usize| (0..rows.len()).any(|top| (0..12).any(|left| is_square(class, top, left, *side)));
                let largest = (1..=12usize).filter(fits).max().unwrap_or(0);
                prop_assert_eq!(found[usize::from(class)] as usize, largest);
            }
        }
    }
}
