//! The windows of a job.

use arpent_base::WindowSide;
use arpent_base::number::exact;
use arpent_raster::Window;

use crate::area::union_area;
use crate::{Needs, TilingError, TilingOptions};

/// Pixels of a side at most: the limit of raster files.
const LONGEST_PX: usize = i32::MAX as usize;

/// One window to read and predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedWindow {
    /// Number of the strip (row of windows) that it belongs to, from the north.
    pub strip: usize,
    /// The pixels whose prediction is kept.
    pub core: Window,
    /// The pixels to read: the core and the overlap, aligned to the network's stride.
    pub read: Window,
}

/// All windows of a job, strip by strip from the north, west to east within a strip.
///
/// ```
/// use arpent_raster::Window;
/// use arpent_tiling::{Needs, TilingOptions, WindowPlan};
///
/// let extent = Window::new(-10, 40, 100, 70);
/// let needs = Needs { overlap_cols: 8, overlap_rows: 8, stride_px: 4, window_px: 64, fixed: false };
/// let plan = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::default(), needs)?;
///
/// // Cores lie between multiples of 64 px, wherever the extent begins.
/// assert_eq!(plan.windows().len(), 6);
/// let first = plan.windows()[0];
/// assert_eq!(first.core, Window::new(-10, 40, 10, 24));
/// // The window to read has the overlap on each side, and its corners are multiples of the stride.
/// assert_eq!(first.read, Window::new(-20, 32, 28, 40));
/// assert_eq!(plan.pixels_wanted(), extent.pixels());
/// # Ok::<(), arpent_tiling::TilingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPlan {
    extent: Window,
    side: usize,
    windows: Vec<PlannedWindow>,
    strips: Vec<Window>,
    wanted: u64,
}

impl WindowPlan {
    /// Plans the windows of an extent.
    ///
    /// Only windows whose core touches one of the `footprints` (the scenes' windows) and for which `is_wanted`
    /// returns true (the AOI) are planned. Strips without windows stay in the plan: their rows are nodata.
    ///
    /// # Errors
    /// [`TilingError::Stride`]; [`TilingError::Fixed`]; [`TilingError::ExtentTooLarge`] when a side of the extent has 2^31 pixels or more,
    /// or the extent is not [on the Earth](Window::is_on_earth).
    pub fn new(
        extent: Window,
        footprints: &[Window],
        is_wanted: impl Fn(&Window) -> bool,
        options: TilingOptions,
        needs: Needs,
    ) -> Result<Self, TilingError> {
        let side = core_side(options, needs)?;
        if extent.width.max(extent.height) > LONGEST_PX || !extent.is_on_earth() {
            return Err(TilingError::ExtentTooLarge { extent });
        }
        let mut plan = Self { extent, side, windows: Vec::new(), strips: strips_of(extent, side), wanted: 0 };
        for (strip, rows) in plan.strips.iter().enumerate() {
            let near: Vec<Window> = footprints.iter().filter_map(|f| f.intersect(rows)).collect();
            for core in cells(*rows, side) {
                let covered = union_area(&core, &near);
                if covered > 0 && is_wanted(&core) {
                    plan.wanted += covered;
                    plan.windows.push(PlannedWindow { strip, core, read: read_window(core, needs) });
                }
            }
        }
        Ok(plan)
    }

    /// Side of a window's core, pixels.
    pub fn window_px(&self) -> usize {
        self.side
    }

    /// The pixels of the output rasters.
    pub fn extent(&self) -> Window {
        self.extent
    }

    /// The windows, in order.
    pub fn windows(&self) -> &[PlannedWindow] {
        &self.windows
    }

    /// The full-width rows that each strip covers.
    pub fn strips(&self) -> &[Window] {
        &self.strips
    }

    /// Pixels that are read, overlaps included.
    pub fn pixels_read(&self) -> u64 {
        self.windows.iter().map(|w| w.read.pixels()).sum()
    }

    /// Pixels of the planned cores that a scene covers.
    pub fn pixels_wanted(&self) -> u64 {
        self.wanted
    }

    /// Ratio of pixels read to pixels wanted.
    pub fn read_cost(&self) -> f64 {
        exact(self.pixels_read()) / exact(self.wanted.max(1))
    }

    /// The window with the most pixels to read.
    pub fn largest(&self) -> Option<&PlannedWindow> {
        self.windows.iter().max_by_key(|w| w.read.pixels())
    }

    /// Pixels of the largest window read.
    pub fn largest_read(&self) -> Window {
        self.largest().map_or(Window::new(0, 0, 0, 0), |w| w.read)
    }

    /// Height of the highest strip, pixels.
    pub fn strip_height(&self) -> usize {
        self.strips.iter().map(|s| s.height).max().unwrap_or(0)
    }
}

/// Side of a window's core: the option, or the default of the network.
fn core_side(options: TilingOptions, needs: Needs) -> Result<usize, TilingError> {
    if needs.fixed {
        return match options.window_px {
            asked if asked != WindowSide::AUTO && asked.get() != needs.window_px => {
                Err(TilingError::Fixed { asked: asked.get(), core_px: needs.window_px })
            }
            _ => Ok(needs.window_px.max(1)),
        };
    }
    let stride = needs.stride_px.max(1);
    let side = match options.window_px {
        WindowSide::AUTO => needs.window_px.max(1),
        side => side.get(),
    };
    side.checked_next_multiple_of(stride).ok_or(TilingError::Stride { stride_px: stride })
}

/// The core with its overlap.
fn read_window(core: Window, needs: Needs) -> Window {
    if needs.fixed {
        return core.cell(needs.window_px).grow_by(needs.overlap_cols, needs.overlap_rows);
    }
    core.grow_by(needs.overlap_cols, needs.overlap_rows).align_out(needs.stride_px.max(1))
}

/// The rows of the lattice that cross an extent, clipped to it.
fn strips_of(extent: Window, side: usize) -> Vec<Window> {
    lattice(extent.row, extent.row_end(), side)
        .map(|(start, end)| Window::between(extent.col, start, extent.col_end(), end))
        .collect()
}

/// The cells of the lattice that cross a strip, clipped to it.
fn cells(rows: Window, side: usize) -> impl Iterator<Item = Window> {
    lattice(rows.col, rows.col_end(), side)
        .map(move |(start, end)| Window::between(start, rows.row, end, rows.row_end()))
}

/// The intervals between multiples of `side`, counted from zero, that cross `start..end`, clipped to it.
fn lattice(start: i64, end: i64, side: usize) -> impl Iterator<Item = (i64, i64)> {
    let side = i64::try_from(side).unwrap_or(i64::MAX);
    let first = start.div_euclid(side);
    let cells = if end > start { (end - 1).div_euclid(side).abs_diff(first) + 1 } else { 0 };
    // Saturating arithmetic is enough: an interval is clipped to `start..end` in any case.
    let multiple = move |i: u64| first.saturating_add_unsigned(i).saturating_mul(side);
    (0..cells).map(move |i| (multiple(i).max(start), multiple(i + 1).min(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDS: Needs =
        Needs { overlap_cols: 40, overlap_rows: 56, stride_px: 8, window_px: 1536, fixed: false };

    fn plan(extent: Window, window_px: usize) -> WindowPlan {
        WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(window_px).unwrap(), NEEDS)
            .unwrap()
    }

    proptest! {
        #[test]
        fn cores_cover_the_extent_exactly_once(col in -3000i64..3000, row in -3000i64..3000, width in 1usize..2000, height in 1usize..2000, side in 64usize..700) {
            let extent = Window { col, row, width, height };
            let p = plan(extent, side);
            prop_assert_eq!(p.windows().iter().map(|w| w.core.pixels()).sum::<u64>(), extent.pixels());
            for (i, a) in p.windows().iter().enumerate() {
                prop_assert!(extent.contains(&a.core));
                prop_assert!(p.strips()[a.strip].contains(&a.core));
                prop_assert!(a.read.contains(&a.core.grow_by(NEEDS.overlap_cols, NEEDS.overlap_rows)));
                prop_assert!(a.read.width % 8 == 0 && a.read.col.rem_euclid(8) == 0 && a.read.row.rem_euclid(8) == 0);
                prop_assert!(p.windows()[i + 1..].iter().all(|b| a.core.intersect(&b.core).is_none()));
            }
            prop_assert_eq!(p.pixels_wanted(), extent.pixels());
        }

        #[test]
        fn a_window_that_is_part_of_the_model_is_whole_wherever_its_core_is_cut(
            col in -3000i64..3000, row in -3000i64..3000, width in 1usize..900, height in 1usize..900, margin in 0usize..90,
        ) {
            let needs = Needs { overlap_cols: margin, overlap_rows: margin, stride_px: 32, window_px: 96, fixed: true };
            let extent = Window { col, row, width, height };
            let p = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::default(), needs).unwrap();
            let side = 96 + 2 * margin;
            for w in p.windows() {
                prop_assert_eq!((w.read.width, w.read.height), (side, side));
                prop_assert!(w.read.contains(&w.core.grow(margin)));
                let inner = |start: i64| (start + i64::try_from(margin).unwrap()).rem_euclid(96);
                prop_assert_eq!((inner(w.read.col), inner(w.read.row)), (0, 0));
            }
            prop_assert_eq!(p.windows().iter().map(|w| w.core.pixels()).sum::<u64>(), extent.pixels());
            for asked in [64, 128] {
                let options = TilingOptions::of_side(asked).unwrap();
                let other = WindowPlan::new(extent, &[extent], |_| true, options, needs);
                prop_assert_eq!(other, Err(TilingError::Fixed { asked, core_px: 96 }));
            }
        }

        #[test]
        fn a_crop_uses_the_same_lattice(col in -3000i64..3000, row in -3000i64..3000, dx in 0i64..900, dy in 0i64..900) {
            let whole = plan(Window { col, row, width: 2000, height: 1500 }, 512);
            let crop = plan(Window { col: col + dx, row: row + dy, width: 600, height: 400 }, 512);
            for w in crop.windows() {
                // Every core of the crop is a part of one core of the whole.
                prop_assert!(whole.windows().iter().any(|v| v.core.contains(&w.core)));
            }
        }
    }

    /// Starts of intervals, up to the limits of the numbers.
    fn starts() -> impl Strategy<Value = i64> {
        let centers = [0, 1_000_000_000_000_000, -1_000_000_000_000_000, i64::MIN, i64::MAX];
        (prop::sample::select(centers.to_vec()), -3000i64..3000)
            .prop_map(|(center, off)| center.saturating_add(off))
    }

    proptest! {
        #[test]
        fn the_lattice_covers_every_interval_once(start in starts(), length in 0i64..4000, side in prop_oneof![1usize..700, Just(usize::MAX)]) {
            let end = start.saturating_add(length);
            let cells: Vec<(i64, i64)> = lattice(start, end, side).collect();
            prop_assert_eq!(cells.is_empty(), start == end);
            let mut at = start;
            for (from, to) in &cells {
                prop_assert_eq!(*from, at);
                prop_assert!(from < to);
                at = *to;
                let side = i64::try_from(side).unwrap_or(i64::MAX);
                prop_assert!(*from == start || from.rem_euclid(side) == 0);
                prop_assert!(*to == end || to.rem_euclid(side) == 0);
                prop_assert!(to.abs_diff(*from) <= side.unsigned_abs());
            }
            prop_assert_eq!(at, end);
        }

        #[test]
        fn a_plan_far_away_is_the_plan_nearby_moved(col in -900i64..900, row in -900i64..900, width in 1usize..900, height in 1usize..900) {
            // A multiple of the side and the stride away, near the limit of what a plan takes.
            let far = 96_000_000_000;
            let (near, away) = (Window { col, row, width, height }, Window { col: col + far, row: row - far, width, height });
            let moved = |w: Window| Window { col: w.col + far, row: w.row - far, ..w };
            let near: Vec<_> = plan(near, 512).windows().iter().map(|w| (w.strip, moved(w.core), moved(w.read))).collect();
            let away: Vec<_> = plan(away, 512).windows().iter().map(|w| (w.strip, w.core, w.read)).collect();
            prop_assert_eq!(near, away);
        }
    }

    #[test]
    fn extents_that_no_file_holds_are_refused() {
        let new = |e: Window| WindowPlan::new(e, &[e], |_| true, TilingOptions::of_side(512).unwrap(), NEEDS);
        for extent in [
            Window::new(0, 0, 1 << 31, 5),
            Window::new(0, 0, 5, usize::MAX),
            Window::new(1_000_000_000_000_000, 0, 5, 5),
            Window::new(0, i64::MAX - 2, 5, 5),
            Window::new(i64::MIN, 0, 5, 5),
        ] {
            assert_eq!(new(extent), Err(TilingError::ExtentTooLarge { extent }));
        }
        assert!(
            arpent_base::Diagnostic::hint(&TilingError::ExtentTooLarge { extent: Window::new(0, 0, 1, 1) })
                .is_some()
        );
        let needs = Needs { stride_px: usize::MAX / 2 + 7, window_px: usize::MAX / 2 + 8, ..NEEDS };
        let extent = Window::new(0, 0, 10, 10);
        let huge = WindowPlan::new(extent, &[extent], |_| true, TilingOptions::default(), needs);
        assert_eq!(huge, Err(TilingError::Stride { stride_px: needs.stride_px }));
    }

    #[test]
    fn an_extent_without_pixels_has_no_windows() {
        for (width, height) in [(0, 0), (0, 700), (700, 0)] {
            let p = plan(Window::new(-3, 5, width, height), 64);
            assert!(p.windows().is_empty() && p.pixels_wanted() == 0 && p.largest_read().is_empty());
            assert_eq!(p.strips().iter().map(|s| s.height).sum::<usize>(), height);
        }
    }

    #[test]
    fn without_a_size_the_network_has_its_own() {
        let p = plan(Window::new(3, 5, 10_000, 10_000), 0);
        assert_eq!(p.window_px(), 1536);
        assert!(p.read_cost() <= 1.15, "{}", p.read_cost());
    }

    #[test]
    fn windows_outside_the_scenes_and_the_aoi_are_not_planned() {
        let extent = Window::new(0, 0, 1000, 100);
        let scenes = [Window::new(0, 0, 100, 100), Window::new(900, 0, 100, 100)];
        let options = TilingOptions::of_side(100).unwrap();
        let p = WindowPlan::new(
            extent,
            &scenes,
            |w| w.col > 0,
            options,
            Needs { overlap_cols: 0, overlap_rows: 0, stride_px: 1, window_px: 64, fixed: false },
        )
        .unwrap();
        assert_eq!(p.windows().len(), 1);
        assert_eq!(p.windows()[0].core, scenes[1]);
        assert_eq!(p.pixels_wanted(), 10_000);
    }
}
