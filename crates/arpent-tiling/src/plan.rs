//! The windows of a job.

use arpent_raster::Window;

use crate::area::union_area;
use crate::options::AUTO;
use crate::{Needs, TilingError, TilingOptions};

/// One window to read and predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedWindow {
    /// Number of the strip (row of windows) that it belongs to, from the north.
    pub strip: usize,
    /// The pixels it answers for.
    pub core: Window,
    /// The pixels it reads: the core and the overlap, aligned to the network's stride.
    pub read: Window,
}

/// All windows of a job, strip by strip from the north, west to east within a strip.
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
    /// holds (the AOI) are planned. Strips without any window stay in the plan: their rows are nodata.
    ///
    /// # Errors
    /// [`TilingError::WindowSize`].
    pub fn new(
        extent: Window,
        footprints: &[Window],
        is_wanted: impl Fn(&Window) -> bool,
        options: TilingOptions,
        needs: Needs,
    ) -> Result<Self, TilingError> {
        let side = core_side(options, needs)?;
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

    /// Pixels that are wanted: those of the planned cores that a scene covers.
    pub fn pixels_wanted(&self) -> u64 {
        self.wanted
    }

    /// Pixels read for each pixel wanted.
    #[allow(clippy::cast_precision_loss, reason = "a ratio to show")]
    pub fn read_cost(&self) -> f64 {
        self.pixels_read() as f64 / self.wanted.max(1) as f64
    }

    /// The window that reads most pixels.
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

/// Side of a window's core: as asked for, or as suits the network.
fn core_side(options: TilingOptions, needs: Needs) -> Result<usize, TilingError> {
    let stride = needs.stride_px.max(1);
    match options.window_px {
        AUTO => Ok(needs.window_px.max(1).next_multiple_of(stride)),
        window_px @ 32..=16384 => Ok(window_px.next_multiple_of(stride)),
        window_px => Err(TilingError::WindowSize { window_px }),
    }
}

/// The core with its overlap.
fn read_window(core: Window, needs: Needs) -> Window {
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
    let last = if end > start { (end - 1).div_euclid(side) } else { start.div_euclid(side) - 1 };
    (start.div_euclid(side)..=last).map(move |i| ((i * side).max(start), ((i + 1) * side).min(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDS: Needs = Needs { overlap_cols: 40, overlap_rows: 56, stride_px: 8, window_px: 1536 };

    fn plan(extent: Window, window_px: usize) -> WindowPlan {
        WindowPlan::new(extent, &[extent], |_| true, TilingOptions { window_px }, NEEDS).unwrap()
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
        fn a_crop_uses_the_same_lattice(col in -3000i64..3000, row in -3000i64..3000, dx in 0i64..900, dy in 0i64..900) {
            let whole = plan(Window { col, row, width: 2000, height: 1500 }, 512);
            let crop = plan(Window { col: col + dx, row: row + dy, width: 600, height: 400 }, 512);
            for w in crop.windows() {
                // Every core of the crop is a part of one core of the whole.
                prop_assert!(whole.windows().iter().any(|v| v.core.contains(&w.core)));
            }
        }
    }

    #[test]
    fn without_a_size_the_network_has_its_own() {
        let p = plan(Window::new(3, 5, 10_000, 10_000), TilingOptions::default().window_px);
        assert_eq!(p.window_px(), 1536);
        assert!(p.read_cost() <= 1.15, "{}", p.read_cost());
    }

    #[test]
    fn windows_outside_the_scenes_and_the_aoi_are_not_planned() {
        let extent = Window::new(0, 0, 1000, 100);
        let scenes = [Window::new(0, 0, 100, 100), Window::new(900, 0, 100, 100)];
        let options = TilingOptions { window_px: 100 };
        let p = WindowPlan::new(
            extent,
            &scenes,
            |w| w.col > 0,
            options,
            Needs { overlap_cols: 0, overlap_rows: 0, stride_px: 1, window_px: 64 },
        )
        .unwrap();
        assert_eq!(p.windows().len(), 1);
        assert_eq!(p.windows()[0].core, scenes[1]);
        assert_eq!(p.pixels_wanted(), 10_000);
    }

    #[test]
    fn window_sizes_are_checked() {
        let e = Window::new(0, 0, 10, 10);
        let r = WindowPlan::new(e, &[e], |_| true, TilingOptions { window_px: 31 }, NEEDS);
        assert_eq!(r, Err(TilingError::WindowSize { window_px: 31 }));
    }
}
