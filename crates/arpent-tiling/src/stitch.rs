//! Stitches predictions, strip by strip.

use std::collections::{BTreeMap, BTreeSet};

use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, Raster, Window};

use crate::{PlannedWindow, TilingError, WindowPlan};

/// Full-width rows of predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Number, from the north.
    pub index: usize,
    /// Class ids; [`LABEL_NODATA`] without a prediction.
    pub labels: Raster<u8>,
    /// Confidence; [`CONFIDENCE_NODATA`] without a prediction.
    pub confidence: Raster<u8>,
    /// Measured values, one raster for each; NaN without a prediction. Empty for classes.
    pub values: Vec<Raster<f32>>,
}

/// Collects the predictions of a plan's windows in any order and returns complete strips from north to south.
///
/// Memory: two bytes per pixel, and four for each measured value, of each strip that has begun and is not complete. Readers process windows in plan
/// order, so that is one strip, or two at the end of a strip.
///
/// ```
/// use arpent_raster::{Raster, Window};
/// use arpent_tiling::{Needs, Stitcher, TilingOptions, WindowPlan};
///
/// let extent = Window::new(0, 0, 128, 100);
/// let needs = Needs { overlap_cols: 8, overlap_rows: 8, stride_px: 4, window_px: 64, fixed: false };
/// let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::default(), needs)?;
///
/// let mut stitcher = Stitcher::new(&plan);
/// let mut rows = 0;
/// for window in plan.windows().iter().rev() {
///     let labels = Raster::filled(window.core, 1u8);
///     let confidence = Raster::filled(window.core, 250u8);
///     stitcher.push(window, Some((&labels, &confidence)))?;
///     // Strips are returned from north to south, each once it is complete.
///     while let Some(strip) = stitcher.pop() {
///         rows += strip.labels.window().height;
///     }
/// }
/// assert_eq!(rows, extent.height);
/// # Ok::<(), arpent_tiling::TilingError>(())
/// ```
#[derive(Debug)]
pub struct Stitcher {
    strips: Vec<Window>,
    /// First columns of the pending cores of each strip.
    missing: Vec<BTreeSet<i64>>,
    open: BTreeMap<usize, Strip>,
    next: usize,
    /// Number of measured values.
    values: usize,
}

impl Stitcher {
    /// A stitcher for the windows of a plan.
    pub fn new(plan: &WindowPlan) -> Self {
        Self::of_values(plan, 0)
    }

    /// The same for predictions of a number of measured values.
    pub fn of_values(plan: &WindowPlan, values: usize) -> Self {
        let mut missing = vec![BTreeSet::new(); plan.strips().len()];
        for w in plan.windows() {
            missing[w.strip].insert(w.core.col);
        }
        Self { strips: plan.strips().to_vec(), missing, open: BTreeMap::new(), next: 0, values }
    }

    /// Adds the prediction of one window: `None` for a window without a valid pixel, which was skipped.
    ///
    /// # Errors
    /// [`TilingError::Unexpected`] for a window that is not in the plan or was already added, and for a prediction that
    /// does not have the pixels of the window's core. The strip is then unchanged.
    pub fn push(
        &mut self,
        window: &PlannedWindow,
        answer: Option<(&Raster<u8>, &Raster<u8>)>,
    ) -> Result<(), TilingError> {
        let is_whole = answer.is_none_or(|(labels, confidence)| {
            labels.window() == window.core && confidence.window() == window.core
        });
        self.expect(window, is_whole)?;
        if let Some((labels, confidence)) = answer {
            let strip = self.open_strip(window);
            strip.labels.paste(labels);
            strip.confidence.paste(confidence);
        }
        Ok(())
    }

    /// Adds the measured values of one window, a raster for each.
    ///
    /// # Errors
    /// As [`Stitcher::push`], and for another number of values.
    pub fn push_values(&mut self, window: &PlannedWindow, values: &[Raster<f32>]) -> Result<(), TilingError> {
        let is_whole =
            values.len() == self.values && values.iter().all(|value| value.window() == window.core);
        self.expect(window, is_whole)?;
        for (raster, value) in self.open_strip(window).values.iter_mut().zip(values) {
            raster.paste(value);
        }
        Ok(())
    }

    /// Refuses a prediction that is not the next of its window.
    fn expect(&mut self, window: &PlannedWindow, is_whole: bool) -> Result<(), TilingError> {
        let missing = self.missing.get_mut(window.strip);
        if is_whole && missing.is_some_and(|missing| missing.remove(&window.core.col)) {
            return Ok(());
        }
        Err(TilingError::Unexpected { core: window.core.to_string() })
    }

    fn open_strip(&mut self, window: &PlannedWindow) -> &mut Strip {
        let (rows, values) = (self.strips[window.strip], self.values);
        self.open.entry(window.strip).or_insert_with(|| Strip::empty(window.strip, rows, values))
    }

    /// The next strip from the north, once all its windows have been pushed.
    pub fn pop(&mut self) -> Option<Strip> {
        let rows = *self.strips.get(self.next)?;
        if !self.missing[self.next].is_empty() {
            return None;
        }
        let index = self.next;
        self.next += 1;
        Some(self.open.remove(&index).unwrap_or_else(|| Strip::empty(index, rows, self.values)))
    }
}

impl Strip {
    fn empty(index: usize, rows: Window, values: usize) -> Self {
        Self {
            index,
            labels: Raster::filled(rows, LABEL_NODATA),
            confidence: Raster::filled(rows, CONFIDENCE_NODATA),
            values: (0..values).map(|_| Raster::filled(rows, f32::NAN)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Needs, TilingOptions};
    use arpent_testing::SplitMix;
    use arpent_testing::shapes::label_maps;
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
            let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(side).unwrap(), Needs { overlap_cols: 3, overlap_rows: 4, stride_px: 2, window_px: 64, fixed: false }).unwrap();
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

    const NEEDS: Needs =
        Needs { overlap_cols: 3, overlap_rows: 4, stride_px: 2, window_px: 64, fixed: false };

    proptest! {
        #[test]
        fn shapes_are_put_together_in_any_order(map in label_maps(90), side in 32usize..70, order in any::<u64>()) {
            let extent = map.window;
            let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(side).unwrap(), NEEDS).unwrap();
            let whole = Raster::new(extent, map.labels.clone()).unwrap();
            let mut windows = plan.windows().to_vec();
            let key = |w: &PlannedWindow| order ^ w.core.col.cast_unsigned().rotate_left(32) ^ w.core.row.cast_unsigned();
            windows.sort_by_key(|w| SplitMix::new(key(w)).draw());
            let mut stitcher = Stitcher::new(&plan);
            let mut labels = Vec::new();
            for w in &windows {
                let core = whole.crop(w.core).unwrap();
                stitcher.push(w, Some((&core, &core))).unwrap();
                prop_assert!(stitcher.push(w, None).is_err(), "twice");
                while let Some(strip) = stitcher.pop() {
                    labels.extend_from_slice(strip.labels.data());
                }
            }
            prop_assert_eq!(&labels, &map.labels);
        }
    }

    #[test]
    fn an_answer_of_another_window_is_refused_and_nothing_is_lost() {
        let extent = Window::new(0, 0, 64, 32);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let [west, east] = [plan.windows()[0], plan.windows()[1]];
        let of = |w: PlannedWindow| Raster::filled(w.core, 7u8);
        let mut stitcher = Stitcher::new(&plan);
        stitcher.push(&west, Some((&of(west), &of(west)))).unwrap();
        // The same window again, the answer of another window, a window that is not of the plan.
        let twice = stitcher.push(&west, Some((&of(west), &of(west)))).unwrap_err();
        assert!(twice.to_string().contains("32x32 px at column 0"), "{twice}");
        assert!(stitcher.push(&east, Some((&of(west), &of(west)))).is_err());
        assert!(stitcher.push(&PlannedWindow { strip: 1, ..east }, None).is_err());
        assert!(stitcher.pop().is_none(), "the east is missing");
        stitcher.push(&east, Some((&of(east), &of(east)))).unwrap();
        assert!(stitcher.pop().unwrap().labels.data().iter().all(|label| *label == 7));
    }

    #[test]
    fn measured_values_are_put_together_and_are_nan_without_a_window() {
        let extent = Window::new(0, 0, 64, 64);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let mut stitcher = Stitcher::of_values(&plan, 2);
        let of = |w: &PlannedWindow, value: f32| Raster::filled(w.core, value);
        let first = &plan.windows()[0];
        assert!(stitcher.push_values(first, &[of(first, 1.0)]).is_err(), "one value of two");
        for (index, w) in (0u8..).zip(plan.windows()) {
            let value = f32::from(index) + 0.5;
            if index == 3 {
                stitcher.push(w, None).unwrap();
            } else {
                stitcher.push_values(w, &[of(w, value), of(w, -value)]).unwrap();
            }
        }
        let strips = [stitcher.pop().unwrap(), stitcher.pop().unwrap()];
        let at = |strip: usize, value: usize, x: usize| strips[strip].values[value].row(0)[x].to_bits();
        assert_eq!([at(0, 0, 0), at(0, 0, 63), at(1, 1, 0)], [0.5f32, 1.5, -2.5].map(f32::to_bits));
        assert!(strips[1].values.iter().all(|value| value.row(31)[63].is_nan()));
        assert!(strips.iter().all(|strip| strip.labels.data().iter().all(|label| *label == LABEL_NODATA)));
    }

    #[test]
    fn an_extent_without_columns_is_rows_without_pixels() {
        let extent = Window::new(0, 0, 0, 40);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let mut stitcher = Stitcher::new(&plan);
        let strips: Vec<Strip> = std::iter::from_fn(|| stitcher.pop()).collect();
        assert_eq!(strips.iter().map(|s| s.labels.window().height).sum::<usize>(), 40);
        assert!(strips.iter().all(|s| s.labels.data().is_empty()));
    }

    #[test]
    fn rows_without_a_window_are_nodata() {
        let extent = Window::new(0, 0, 10, 96);
        let scenes = [Window::new(0, 64, 10, 32)];
        let plan = WindowPlan::new(
            extent,
            &scenes,
            |_| true,
            TilingOptions::of_side(32).unwrap(),
            Needs { overlap_cols: 0, overlap_rows: 0, stride_px: 1, window_px: 64, fixed: false },
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
