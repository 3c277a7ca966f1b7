//! Stitches predictions: windows in any order become rows in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use arpent_base::number::{offset, signed, wide};
use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, Raster, Window};
use thiserror::Error;

use crate::{PlannedWindow, TilingError, WindowPlan};

/// Bytes of the predictions of a strip that are returned at a time.
const MOST_BYTES: usize = 32 << 20;

/// Bytes of a label and its confidence.
const LABEL_BYTES: usize = 2;

/// Full-width rows of predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Number of the strip of windows, from the north. Of a wide strip, several in a row have the same.
    pub index: usize,
    /// Class ids; [`LABEL_NODATA`] without a prediction.
    pub labels: Raster<u8>,
    /// Confidence; [`CONFIDENCE_NODATA`] without a prediction.
    pub confidence: Raster<u8>,
    /// Measured values, one raster for each; NaN without a prediction. Empty for classes.
    pub values: Vec<Raster<f32>>,
}

/// Errors of stitching.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StitchError {
    /// A prediction that is not expected.
    #[error(transparent)]
    Unexpected(#[from] TilingError),
    /// The temporary file of a strip cannot be written or read.
    #[error("cannot {doing} the temporary file of a strip in {}", folder.display())]
    Scratch {
        /// Create, write or read.
        doing: &'static str,
        /// Folder of the file.
        folder: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
}

impl arpent_base::Diagnostic for StitchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unexpected(error) => error.hint(),
            Self::Scratch { .. } => {
                Some("check permissions and free space of the folder for temporary files".to_owned())
            }
        }
    }
}

/// Collects the predictions of a plan's windows in any order and returns complete strips from north to south, a wide one in
/// several parts.
///
/// Memory: 32 MB of rows, or one row if that is more, whatever the width of the extent. Predictions of strips that are not complete wait in
/// a temporary file for each: two bytes per pixel, and four for each measured value. Readers process windows in plan order, so that is one
/// strip, or two at the end of a strip. The files have no name, and are gone with the stitcher, however the process ends.
///
/// ```
/// use arpent_raster::{Raster, Window};
/// use arpent_tiling::{Needs, Stitcher, TilingOptions, WindowPlan};
///
/// let extent = Window::new(0, 0, 128, 100);
/// let needs = Needs { overlap_cols: 8, overlap_rows: 8, stride_px: 4, window_px: 64, fixed: false };
/// let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::default(), needs)?;
///
/// let mut stitcher = Stitcher::new(&plan, &std::env::temp_dir());
/// let mut rows = 0;
/// for window in plan.windows().iter().rev() {
///     let labels = Raster::filled(window.core, 1u8);
///     let confidence = Raster::filled(window.core, 250u8);
///     stitcher.push(window, Some((&labels, &confidence)))?;
///     // Strips are returned from north to south, each once it is complete.
///     while let Some(strip) = stitcher.pop()? {
///         rows += strip.labels.window().height;
///     }
/// }
/// assert_eq!(rows, extent.height);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stitcher {
    folder: PathBuf,
    strips: Vec<Window>,
    /// First columns of the pending cores of each strip.
    missing: Vec<BTreeSet<i64>>,
    open: BTreeMap<usize, Stored>,
    /// The strip that is returned next, and the number of its rows that were returned.
    next: (usize, usize),
    /// Number of measured values.
    values: usize,
    most_bytes: usize,
}

/// The predictions of a strip: one core after the other, each as a raster of bytes after the other.
#[derive(Debug)]
struct Stored {
    file: File,
    /// The cores, and where each begins in the file.
    cores: Vec<(Window, u64)>,
    end: u64,
}

impl Stitcher {
    /// A stitcher for the windows of a plan; temporary files go to `folder`.
    pub fn new(plan: &WindowPlan, folder: &Path) -> Self {
        Self::of_values(plan, 0, folder)
    }

    /// The same for predictions of a number of measured values.
    pub fn of_values(plan: &WindowPlan, values: usize, folder: &Path) -> Self {
        let mut missing = vec![BTreeSet::new(); plan.strips().len()];
        for w in plan.windows() {
            missing[w.strip].insert(w.core.col);
        }
        Self {
            folder: folder.to_owned(),
            strips: plan.strips().to_vec(),
            missing,
            open: BTreeMap::new(),
            next: (0, 0),
            values,
            most_bytes: MOST_BYTES,
        }
    }

    /// Rows of an extent that are in memory at a time, at most: a strip, or as many as take 32 MB, and at least one.
    pub fn rows_at_a_time(plan: &WindowPlan, values: usize) -> usize {
        rows_of_bytes(MOST_BYTES, plan.extent().width, values).min(plan.strip_height())
    }

    /// Adds the prediction of one window: `None` for a window without a valid pixel, which was skipped.
    ///
    /// # Errors
    /// [`TilingError::Unexpected`] for a window that is not in the plan or was already added, and for a prediction that
    /// does not have the pixels of the window's core. The strip is then unchanged. [`StitchError::Scratch`].
    pub fn push(
        &mut self,
        window: &PlannedWindow,
        answer: Option<(&Raster<u8>, &Raster<u8>)>,
    ) -> Result<(), StitchError> {
        let is_whole = answer.is_none_or(|(labels, confidence)| {
            labels.window() == window.core && confidence.window() == window.core
        });
        self.expect(window, is_whole && (answer.is_none() || self.values == 0))?;
        match answer {
            Some((labels, confidence)) => self.store(window, &[labels.data(), confidence.data()]),
            None => Ok(()),
        }
    }

    /// Adds the measured values of one window, a raster for each.
    ///
    /// # Errors
    /// As [`Stitcher::push`], and for another number of values.
    pub fn push_values(&mut self, window: &PlannedWindow, values: &[Raster<f32>]) -> Result<(), StitchError> {
        let is_whole =
            values.len() == self.values && values.iter().all(|value| value.window() == window.core);
        self.expect(window, is_whole)?;
        let bytes =
            |raster: &Raster<f32>| raster.data().iter().flat_map(|value| value.to_le_bytes()).collect();
        let rasters: Vec<Vec<u8>> = values.iter().map(bytes).collect();
        self.store(window, &rasters)
    }

    /// Refuses a prediction that is not the next of its window.
    fn expect(&mut self, window: &PlannedWindow, is_whole: bool) -> Result<(), TilingError> {
        let missing = self.missing.get_mut(window.strip);
        if is_whole && missing.is_some_and(|missing| missing.remove(&window.core.col)) {
            return Ok(());
        }
        Err(TilingError::Unexpected { core: window.core.to_string() })
    }

    fn store(&mut self, window: &PlannedWindow, rasters: &[impl AsRef<[u8]>]) -> Result<(), StitchError> {
        let failed = |doing| {
            let folder = self.folder.clone();
            move |source| StitchError::Scratch { doing, folder, source }
        };
        if !self.open.contains_key(&window.strip) {
            let file = tempfile::tempfile_in(&self.folder).map_err(failed("create"))?;
            self.open.insert(window.strip, Stored { file, cores: Vec::new(), end: 0 });
        }
        let failed = failed("write");
        let Some(stored) = self.open.get_mut(&window.strip) else { return Ok(()) };
        stored.cores.push((window.core, stored.end));
        rasters
            .iter()
            .map(AsRef::as_ref)
            .try_for_each(|raster| {
                stored.file.write_all_at(raster, stored.end)?;
                stored.end += wide(raster.len());
                Ok(())
            })
            .map_err(failed)
    }

    /// The next rows from the north, once all windows of their strip have been pushed.
    ///
    /// # Errors
    /// [`StitchError::Scratch`].
    pub fn pop(&mut self) -> Result<Option<Strip>, StitchError> {
        let (index, done) = self.next;
        let Some(strip) = self.strips.get(index).copied() else { return Ok(None) };
        if !self.missing[index].is_empty() {
            return Ok(None);
        }
        let height = rows_of_bytes(self.most_bytes, strip.width, self.values).min(strip.height - done);
        let rows = Window { row: strip.row + signed(done), height, ..strip };
        let mut part = Strip::empty(index, rows, self.values);
        if let Some(stored) = self.open.get(&index) {
            let folder = &self.folder;
            let failed = |source| StitchError::Scratch { doing: "read", folder: folder.clone(), source };
            stored.fill(&mut part).map_err(failed)?;
        }
        self.next = (index, done + height);
        if done + height == strip.height {
            self.open.remove(&index);
            self.next = (index + 1, 0);
        }
        Ok(Some(part))
    }
}

/// Rows of so many bytes at most; one at least.
fn rows_of_bytes(bytes: usize, width: usize, values: usize) -> usize {
    (bytes / (width * (LABEL_BYTES + 4 * values)).max(1)).max(1)
}

impl Stored {
    /// Fills rows with the predictions of the cores.
    fn fill(&self, part: &mut Strip) -> io::Result<()> {
        let rows = part.labels.window();
        for (core, start) in &self.cores {
            let Some(common) = core.intersect(&rows) else { continue };
            // Cores are as wide as their part of the rows, which follow each other in the file.
            let skipped = wide(offset(common.row - core.row) * core.width);
            let pixels = wide(core.width * core.height);
            let read = |number: u64, size: u64| -> io::Result<Vec<u8>> {
                let mut bytes = vec![0; core.width * common.height * offset(size.cast_signed())];
                self.file.read_exact_at(&mut bytes, start + (number * pixels + skipped) * size)?;
                Ok(bytes)
            };
            if part.values.is_empty() {
                paste(&mut part.labels, common, &read(0, 1)?);
                paste(&mut part.confidence, common, &read(1, 1)?);
            }
            for (number, raster) in (0..).zip(&mut part.values) {
                let bytes = read(number, 4)?;
                let value = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
                let values: Vec<f32> = bytes.as_chunks().0.iter().map(value).collect();
                paste(raster, common, &values);
            }
        }
        Ok(())
    }
}

/// Copies the pixels of a part of full rows.
fn paste<T: Copy>(rows: &mut Raster<T>, part: Window, pixels: &[T]) {
    let whole = rows.window();
    let Some((left, top)) = whole.offset_of(&part) else { return };
    let to = rows.data_mut().chunks_exact_mut(whole.width).skip(top);
    for (to, from) in to.zip(pixels.chunks_exact(part.width)) {
        to[left..left + part.width].copy_from_slice(from);
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
            most_bytes in 1usize..40_000, col in -500i64..500, row in -500i64..500, width in 1usize..400, height in 1usize..400, side in 32usize..200,
            order in any::<prop::sample::Index>(),
        ) {
            let extent = Window { col, row, width, height };
            let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(side).unwrap(), Needs { overlap_cols: 3, overlap_rows: 4, stride_px: 2, window_px: 64, fixed: false }).unwrap();
            let mut windows = plan.windows().to_vec();
            let turn = order.index(windows.len());
            windows.rotate_left(turn);
            let mut stitcher = Stitcher::new(&plan, &std::env::temp_dir());
            stitcher.most_bytes = most_bytes;
            let mut seen: Vec<Strip> = Vec::new();
            for w in &windows {
                let whole = picture(w.read);
                let core = whole.crop(w.core).unwrap();
                stitcher.push(w, Some((&core, &core))).unwrap();
                while let Some(strip) = stitcher.pop().unwrap() {
                    seen.push(strip);
                }
            }
            let mut row = extent.row;
            for strip in &seen {
                let rows = strip.labels.window();
                prop_assert_eq!((rows.row, rows.col, rows.width), (row, extent.col, extent.width));
                prop_assert!(plan.strips()[strip.index].contains(&rows));
                prop_assert!(rows.height == 1 || 2 * rows.width * rows.height <= most_bytes);
                row = rows.row_end();
            }
            prop_assert!(stitcher.open.is_empty());
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
            let mut stitcher = Stitcher::new(&plan, &std::env::temp_dir());
            let mut labels = Vec::new();
            for w in &windows {
                let core = whole.crop(w.core).unwrap();
                stitcher.push(w, Some((&core, &core))).unwrap();
                prop_assert!(stitcher.push(w, None).is_err(), "twice");
                while let Some(strip) = stitcher.pop().unwrap() {
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
        let mut stitcher = Stitcher::new(&plan, &std::env::temp_dir());
        stitcher.push(&west, Some((&of(west), &of(west)))).unwrap();
        // The same window again, the answer of another window, a window that is not of the plan.
        let twice = stitcher.push(&west, Some((&of(west), &of(west)))).unwrap_err();
        assert!(twice.to_string().contains("32x32 px at column 0"), "{twice}");
        assert!(stitcher.push(&east, Some((&of(west), &of(west)))).is_err());
        assert!(stitcher.push(&PlannedWindow { strip: 1, ..east }, None).is_err());
        assert!(stitcher.pop().unwrap().is_none(), "the east is missing");
        stitcher.push(&east, Some((&of(east), &of(east)))).unwrap();
        assert!(stitcher.pop().unwrap().unwrap().labels.data().iter().all(|label| *label == 7));
    }

    #[test]
    fn measured_values_are_put_together_and_are_nan_without_a_window() {
        let extent = Window::new(0, 0, 64, 64);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let mut stitcher = Stitcher::of_values(&plan, 2, &std::env::temp_dir());
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
        let strips = [stitcher.pop().unwrap().unwrap(), stitcher.pop().unwrap().unwrap()];
        let at = |strip: usize, value: usize, x: usize| strips[strip].values[value].row(0)[x].to_bits();
        assert_eq!([at(0, 0, 0), at(0, 0, 63), at(1, 1, 0)], [0.5f32, 1.5, -2.5].map(f32::to_bits));
        assert!(strips[1].values.iter().all(|value| value.row(31)[63].is_nan()));
        assert!(strips.iter().all(|strip| strip.labels.data().iter().all(|label| *label == LABEL_NODATA)));
    }

    #[test]
    fn measured_values_of_a_wide_strip_come_in_parts() {
        let extent = Window::new(-7, 5, 61, 64);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let of = |w: &PlannedWindow, sign: f32| {
            let place = |col: i64, row: i64| sign * f32::from(value(col, row));
            let rows = w.core.row..w.core.row_end();
            let data = rows.flat_map(|r| (w.core.col..w.core.col_end()).map(move |c| place(c, r)));
            Raster::new(w.core, data.collect()).unwrap()
        };
        let all = |most_bytes: usize| {
            let mut stitcher = Stitcher::of_values(&plan, 2, &std::env::temp_dir());
            stitcher.most_bytes = most_bytes;
            for w in plan.windows().iter().rev() {
                stitcher.push_values(w, &[of(w, 1.0), of(w, -1.0)]).unwrap();
            }
            let (mut data, mut parts) = ([Vec::new(), Vec::new()], 0);
            while let Some(strip) = stitcher.pop().unwrap() {
                data.iter_mut().zip(&strip.values).for_each(|(all, rows)| all.extend_from_slice(rows.data()));
                parts += 1;
            }
            (data, parts)
        };
        let (whole, strips) = all(MOST_BYTES);
        assert_eq!((strips, whole[0].len()), (plan.strips().len(), 61 * 64));
        assert!((whole[0][0] - f32::from(value(-7, 5))).abs() < f32::EPSILON);
        for most_bytes in [1, 61 * 10, 61 * 10 * 7, 61 * 10 * 31] {
            let (parts, count) = all(most_bytes);
            assert!(parts == whole && count > strips, "{most_bytes}");
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_named() {
        let extent = Window::new(0, 0, 64, 32);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let mut stitcher = Stitcher::new(&plan, Path::new("/nonexistent/scratch"));
        let window = &plan.windows()[0];
        let labels = Raster::filled(window.core, 7u8);
        let error = stitcher.push(window, Some((&labels, &labels))).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/scratch"), "{error}");
        assert!(arpent_base::Diagnostic::hint(&error).is_some());
    }

    #[test]
    fn an_extent_without_columns_is_rows_without_pixels() {
        let extent = Window::new(0, 0, 0, 40);
        let plan =
            WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), NEEDS).unwrap();
        let mut stitcher = Stitcher::new(&plan, &std::env::temp_dir());
        let strips: Vec<Strip> = std::iter::from_fn(|| stitcher.pop().unwrap()).collect();
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
        let mut stitcher = Stitcher::new(&plan, &std::env::temp_dir());
        let first = stitcher.pop().unwrap().unwrap();
        assert!(first.labels.data().iter().all(|v| *v == LABEL_NODATA));
        assert!(stitcher.pop().unwrap().is_some() && stitcher.pop().unwrap().is_none());
        stitcher.push(&plan.windows()[0], None).unwrap();
        assert!(stitcher.pop().unwrap().is_some() && stitcher.pop().unwrap().is_none());
    }
}
