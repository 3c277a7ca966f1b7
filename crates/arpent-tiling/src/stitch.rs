//! Putting predictions back together, strip by strip.

use std::collections::BTreeMap;

use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, Raster, Window};

use crate::{PlannedWindow, TilingError, WindowPlan};

/// Full-width rows of answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Number, from the north.
    pub index: usize,
    /// Class ids; [`LABEL_NODATA`] where there is no answer.
    pub labels: Raster<u8>,
    /// Confidence; [`CONFIDENCE_NODATA`] where there is no answer.
    pub confidence: Raster<u8>,
}

/// Collects the answers of a plan's windows in any order and hands out complete strips from north to south.
///
/// Memory: two bytes per pixel of each strip that has begun and is not complete. Readers take windows in plan
/// order, so that is one strip, or two around a strip's end.
#[derive(Debug)]
pub struct Stitcher {
    strips: Vec<Window>,
    missing: Vec<usize>,
    open: BTreeMap<usize, Strip>,
    next: usize,
}

impl Stitcher {
    /// For the windows of a plan.
    pub fn new(plan: &WindowPlan) -> Self {
        let mut missing = vec![0; plan.strips().len()];
        for w in plan.windows() {
            missing[w.strip] += 1;
        }
        Self { strips: plan.strips().to_vec(), missing, open: BTreeMap::new(), next: 0 }
    }

    /// Takes the answer of one window: `None` for a window that was skipped, having no valid pixel.
    ///
    /// # Errors
    /// [`TilingError::Unexpected`] for a window that is not of the plan or was already given.
    pub fn push(
        &mut self,
        window: &PlannedWindow,
        answer: Option<(&Raster<u8>, &Raster<u8>)>,
    ) -> Result<(), TilingError> {
        let missing = self.missing.get_mut(window.strip).filter(|m| **m > 0);
        let missing = missing.ok_or_else(|| TilingError::Unexpected { core: window.core.to_string() })?;
        *missing -= 1;
        if let Some((labels, confidence)) = answer {
            let rows = self.strips[window.strip];
            let strip = self.open.entry(window.strip).or_insert_with(|| Strip::empty(window.strip, rows));
            strip.labels.paste(labels);
            strip.confidence.paste(confidence);
        }
        Ok(())
    }

    /// The next strip from the north, once all its windows were pushed.
    pub fn pop(&mut self) -> Option<Strip> {
        let rows = *self.strips.get(self.next)?;
        if self.missing[self.next] > 0 {
            return None;
        }
        let index = self.next;
        self.next += 1;
        Some(self.open.remove(&index).unwrap_or_else(|| Strip::empty(index, rows)))
    }
}

impl Strip {
    fn empty(index: usize, rows: Window) -> Self {
        Self {
            index,
            labels: Raster::filled(rows, LABEL_NODATA),
            confidence: Raster::filled(rows, CONFIDENCE_NODATA),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Needs, TilingOptions};
    use proptest::prelude::*;

    fn value(col: i64, row: i64) -> u8 {
        u8::try_from((col * 7 + row * 13).rem_euclid(200)).unwrap()
    }

    fn picture(window: Window) -> Raster<u8> {
        let data = (window.row..window.row_end())
            .flat_map(|r| (window.col..window.col_end()).map(move |c| value(c, r)));
        Raster::new(window, data.collect()).unwrap()
    }

    proptest! {
        #[test]
        fn stitching_what_was_cut_gives_it_back(
            col in -500i64..500, row in -500i64..500, width in 1usize..400, height in 1usize..400, side in 32usize..200,
            order in any::<prop::sample::Index>(),
        ) {
            let extent = Window { col, row, width, height };
            let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions { window_px: side }, Needs { overlap_cols: 3, overlap_rows: 4, stride_px: 2, window_px: 64 }).unwrap();
            let mut windows = plan.windows().to_vec();
            let turn = order.index(windows.len());
            windows.rotate_left(turn);
            let mut stitcher = Stitcher::new(&plan);
            let mut seen = Vec::new();
            for w in &windows {
                let whole = picture(w.read);
                let core = whole.crop(w.core).unwrap();
                stitcher.push(w, Some((&core, &core))).unwrap();
                while let Some(strip) = stitcher.pop() {
                    seen.push(strip);
                }
            }
            prop_assert!(seen.iter().enumerate().all(|(i, s)| s.index == i));
            let labels: Vec<u8> = seen.iter().flat_map(|s| s.labels.data().to_vec()).collect();
            let expected = picture(extent);
            prop_assert_eq!(labels.as_slice(), expected.data());
            prop_assert!(stitcher.push(&windows[0], None).is_err());
        }
    }

    #[test]
    fn rows_without_a_window_are_nodata() {
        let extent = Window::new(0, 0, 10, 96);
        let scenes = [Window::new(0, 64, 10, 32)];
        let plan = WindowPlan::new(
            extent,
            &scenes,
            |_| true,
            TilingOptions { window_px: 32 },
            Needs { overlap_cols: 0, overlap_rows: 0, stride_px: 1, window_px: 64 },
        )
        .unwrap();
        let mut stitcher = Stitcher::new(&plan);
        let first = stitcher.pop().unwrap();
        assert!(first.labels.data().iter().all(|v| *v == LABEL_NODATA));
        assert!(stitcher.pop().is_some() && stitcher.pop().is_none());
        stitcher.push(&plan.windows()[0], None).unwrap();
        assert!(stitcher.pop().is_some() && stitcher.pop().is_none());
    }
}
