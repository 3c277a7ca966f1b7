//! Collars: black or white areas without data at the border of a scene.
//!
//! JPEG 2000 and JPEG cannot declare nodata pixels, so areas that a survey did not cover are black or white in them. A
//! pixel is in the collar when
//! - all bands that are read are 0 there, or all are the largest value of their type, give or take [`PLAIN_VALUES`],
//!   and such pixels (or pixels that are invalid for another reason) connect it to the border of the scene by their
//!   sides; or
//! - it is almost as dark or as bright, and at most [`HALO_PX`] such pixels connect it to one of those: the effect of
//!   lossy compression on the edge of a collar.
//!
//! The rule depends only on the position in the scene. It needs the whole scene, so it is computed once, when the scene
//! is first read: the classes of all pixels go to a file; sweeps from north to south and back propagate connectivity,
//! one row at a time, until a sweep changes nothing. Memory is bounded by the width.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arpent_raster::Window;
use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::{Dataset, DriverManager};

use super::raster::{Opened, RasterSource};
use crate::ffi::{self, failure};

/// Reach of the halo, pixels: a block of JPEG with colors at half resolution.
const HALO_PX: usize = 16;
/// Largest difference between the values of a halo and of its collar. GDAL's `nearblack` tolerates 15; colors at half
/// resolution vary more.
const HALO_VALUES: f32 = 24.0;
/// Variation of integer values of a collar after lossy compression: JPEG 2000 at a tenth of its size turns 0 into 1.
const PLAIN_VALUES: f32 = 2.0;
/// Pixels that are held in memory at a time.
const CHUNK_PX: usize = 1 << 20;
/// Rows of a block of the temporary files.
const BLOCK_ROWS: usize = 64;

/// Classes of pixels. This one is data.
const PICTURE: u8 = 0;
/// A value in the range of a halo.
const NEAR: u8 = 1;
/// The value of a collar.
const PLAIN: u8 = 2;
/// In the collar.
const REACHED: u8 = 3;
/// Invalid for another reason.
const OUTSIDE: u8 = 4;

/// One scene at a time: the other readers wait.
static MAKING: Mutex<()> = Mutex::new(());

/// Whether each pixel of a window lies outside of the scene's collar, row by row; `None` if all do. `mask` is the file
/// with the collar; it is created if missing.
pub(crate) fn outside(
    source: &RasterSource,
    opened: &mut Opened,
    mask: &Path,
    window: Window,
) -> Result<Option<Vec<bool>>, String> {
    let offset = source.window().offset_of(&window).ok_or("outside the scene")?;
    if opened.collar.is_none() {
        let making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if !mask.exists() {
            make(source, opened, mask)?;
        }
        drop(making);
        opened.collar = Some(Dataset::open(mask).map_err(|e| failure(&e))?);
    }
    let Some(dataset) = &opened.collar else { return Ok(None) };
    let values = ffi::read_bands::<u8>(dataset, offset, (window.width, window.height), &[1])?;
    Ok(values.contains(&1).then(|| values.iter().map(|v| *v == 0).collect()))
}

/// Whether the values of a pixel are those of a collar: all 0, or all the largest of their type.
pub(crate) fn is_plain(mut values: impl Iterator<Item = f32> + Clone, white: Option<f32>) -> bool {
    let off = if white.is_some() { PLAIN_VALUES } else { 0.0 };
    values.clone().all(|v| v.abs() <= off)
        || white.is_some_and(|white| values.all(|v| v >= white - PLAIN_VALUES))
}

fn is_near(mut values: impl Iterator<Item = f32> + Clone, white: Option<f32>) -> bool {
    // Float rasters are not compressed with loss, so their collars have no halo.
    white.is_some_and(|white| {
        values.clone().all(|v| v <= HALO_VALUES) || values.all(|v| v >= white - HALO_VALUES)
    })
}

/// Rounds of sweeps at most. Collars need two or three; a corridor that winds through the whole picture would need one
/// for each of its turns.
const MOST_ROUNDS: usize = 200;

fn make(source: &RasterSource, opened: &mut Opened, mask: &Path) -> Result<(), String> {
    let whole = source.window();
    let size = (whole.width, whole.height);
    let place = |name: &str| mask.with_extension(name);
    let mut classes = classified(source, opened, place("0.tif"), size)?;
    for round in 1.. {
        if round > MOST_ROUNDS {
            return Err(format!(
                "its collar winds through the picture: {MOST_ROUNDS} sweeps did not reach its end"
            ));
        }
        let (down, downwards) = swept(&classes, place(&format!("{round}-down.tif")), size, true)?;
        let (up, upwards) = swept(&down, place(&format!("{round}-up.tif")), size, false)?;
        classes = up;
        if downwards + upwards == 0 {
            break;
        }
    }
    let part = place("part.tif");
    with_halo(&classes, &part, size, source.has_nodata())?;
    std::fs::rename(&part, mask).map_err(|e| e.to_string())
}

/// A file with the classes of pixels, deleted on drop.
struct Classes {
    path: PathBuf,
    dataset: Dataset,
}

impl Drop for Classes {
    fn drop(&mut self) {
        // The temporary folder is deleted anyway.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn created(path: &Path, size: (usize, usize)) -> Result<Dataset, String> {
    let rows = format!("BLOCKYSIZE={BLOCK_ROWS}");
    let options = ["COMPRESS=LZW", "BIGTIFF=IF_SAFER", &rows];
    let options: RasterCreationOptions = options.into_iter().collect();
    let driver = DriverManager::get_driver_by_name("GTiff").map_err(|e| failure(&e))?;
    driver
        .create_with_band_type_with_options::<u8, _>(path, size.0, size.1, 1, &options)
        .map_err(|e| failure(&e))
}

fn written(dataset: &Dataset, width: usize, row: usize, values: Vec<u8>) -> Result<(), String> {
    let height = values.len() / width.max(1);
    let mut band = dataset.rasterband(1).map_err(|e| failure(&e))?;
    let at = isize::try_from(row).map_err(|e| e.to_string())?;
    let mut buffer = Buffer::new((width, height), values);
    band.write((0, at), (width, height), &mut buffer).map_err(|e| failure(&e))
}

/// First row and number of rows of each part that is held in memory, from the north.
fn chunks((width, height): (usize, usize)) -> impl DoubleEndedIterator<Item = (usize, usize)> {
    let rows = (CHUNK_PX / width.max(1)).clamp(1, 512);
    let rows = if rows > BLOCK_ROWS { rows / BLOCK_ROWS * BLOCK_ROWS } else { rows };
    (0..height.div_ceil(rows)).map(move |i| (i * rows, rows.min(height - i * rows)))
}

fn classified(
    source: &RasterSource,
    opened: &mut Opened,
    path: PathBuf,
    size: (usize, usize),
) -> Result<Classes, String> {
    let (whole, white) = (source.window(), source.white());
    let dataset = created(&path, size)?;
    for (row, rows) in chunks(size) {
        let window = Window { row: whole.row.saturating_add_unsigned(row as u64), height: rows, ..whole };
        let (values, valid) = source.raw(opened, window)?;
        let pixels = valid.len().max(1);
        let class = |i: usize| {
            let bands = values.iter().skip(i).step_by(pixels).copied();
            match () {
                () if !valid[i] => OUTSIDE,
                () if is_plain(bands.clone(), white) => PLAIN,
                () if is_near(bands, white) => NEAR,
                () => PICTURE,
            }
        };
        written(&dataset, size.0, row, (0..valid.len()).map(class).collect())?;
    }
    flushed(path, dataset)
}

fn flushed(path: PathBuf, dataset: Dataset) -> Result<Classes, String> {
    dataset.close().map_err(|e| failure(&e))?;
    let dataset = Dataset::open(&path).map_err(|e| failure(&e))?;
    Ok(Classes { path, dataset })
}

/// Propagates the collar row by row to the south or to the north; also gives the number of pixels added.
fn swept(
    classes: &Classes,
    path: PathBuf,
    size: (usize, usize),
    down: bool,
) -> Result<(Classes, u64), String> {
    let dataset = created(&path, size)?;
    let (mut changed, mut before) = (0, vec![true; size.0]);
    let order: Vec<(usize, usize)> = if down { chunks(size).collect() } else { chunks(size).rev().collect() };
    for (row, rows) in order {
        let mut values = ffi::read_bands::<u8>(&classes.dataset, (0, row), (size.0, rows), &[1])?;
        let mut carry = |line: &mut [u8]| {
            changed += carried(line, &before);
            before.iter_mut().zip(line).for_each(|(before, v)| *before = *v >= REACHED);
        };
        let lines = values.chunks_exact_mut(size.0.max(1));
        if down {
            lines.for_each(&mut carry);
        } else {
            lines.rev().for_each(&mut carry);
        }
        written(&dataset, size.0, row, values)?;
    }
    Ok((flushed(path, dataset)?, changed))
}

/// Adds the pixels of a row with collar values that touch the collar in the row before, the border, or each other;
/// gives their number.
fn carried(line: &mut [u8], before: &[bool]) -> u64 {
    let mut changed = 0;
    let mut spread = |v: &mut u8, reached: bool| {
        if *v == PLAIN && reached {
            *v = REACHED;
            changed += 1;
        }
        *v >= REACHED
    };
    let mut touches = true;
    for (v, before) in line.iter_mut().zip(before) {
        touches = spread(v, touches || *before);
    }
    touches = true;
    for v in line.iter_mut().rev() {
        touches = spread(v, touches);
    }
    changed
}

/// The mask: the collar and its halo.
fn with_halo(
    classes: &Classes,
    path: &Path,
    size: (usize, usize),
    around_nodata: bool,
) -> Result<(), String> {
    let dataset = created(path, size)?;
    for (row, rows) in chunks(size) {
        // Rows farther away than the reach of a halo have no influence.
        let (top, bottom) = (row.saturating_sub(HALO_PX), (row + rows + HALO_PX).min(size.1));
        let values = ffi::read_bands::<u8>(&classes.dataset, (0, top), (size.0, bottom - top), &[1])?;
        let reach = halo(&values, size.0, around_nodata);
        let own = (row - top) * size.0..(row - top + rows) * size.0;
        let mask = own.map(|i| u8::from(values[i] == REACHED || reach[i])).collect();
        written(&dataset, size.0, row, mask)?;
    }
    dataset.close().map_err(|e| failure(&e))
}

/// Pixels in the halo of a collar: close to it in value and position.
fn halo(values: &[u8], width: usize, around_nodata: bool) -> Vec<bool> {
    let is_start = |v: u8| v == REACHED || (around_nodata && v == OUTSIDE);
    let mut reach = vec![false; values.len()];
    let mut queue: VecDeque<(usize, usize)> = VecDeque::new();
    let neighbors = |i: usize| {
        let (col, row) = (i % width, i / width);
        let rows = row.saturating_sub(1)..(row + 2).min(values.len() / width);
        rows.flat_map(move |r| (col.saturating_sub(1)..(col + 2).min(width)).map(move |c| r * width + c))
    };
    let passable = |i: usize| values[i] == NEAR || values[i] == PLAIN;
    for i in (0..values.len()).filter(|i| passable(*i)) {
        if neighbors(i).any(|n| is_start(values[n])) {
            reach[i] = true;
            queue.push_back((i, 1));
        }
    }
    while let Some((i, steps)) = queue.pop_front() {
        if steps == HALO_PX {
            continue;
        }
        for n in neighbors(i) {
            if passable(n) && !reach[n] {
                reach[n] = true;
                queue.push_back((n, steps + 1));
            }
        }
    }
    reach
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_reached_from_the_border_and_from_the_row_before() {
        let mut line = [2, 2, 0, 2, 2, 0, 2, 4, 2, 0, 2];
        let mut before = [false; 11];
        before[4] = true;
        assert_eq!(carried(&mut line, &before), 7);
        assert_eq!(line, [3, 3, 0, 3, 3, 0, 3, 4, 3, 0, 3]);
        assert_eq!(carried(&mut line, &before), 0);
    }

    #[test]
    fn a_halo_ends() {
        let mut values = vec![NEAR; 40];
        values[0] = REACHED;
        let reach = halo(&values, 40, false);
        assert_eq!(reach.iter().filter(|r| **r).count(), HALO_PX);
        assert!(reach[HALO_PX] && !reach[HALO_PX + 1] && !reach[0]);
        values[0] = OUTSIDE;
        assert!(!halo(&values, 40, false).contains(&true));
        assert!(halo(&values, 40, true).contains(&true));
    }

    #[test]
    fn what_a_collar_looks_like() {
        let plain = |values: &[f32]| is_plain(values.iter().copied(), Some(255.0));
        assert!(plain(&[0.0, 0.0]) && plain(&[255.0, 255.0]) && !plain(&[0.0, 255.0]) && !plain(&[3.0, 0.0]));
        assert!(is_plain([0.0].into_iter(), None) && !is_plain([255.0].into_iter(), None));
        assert!(plain(&[2.0, 1.0]) && plain(&[253.0, 255.0]) && !is_plain([1e-9].into_iter(), None));
        let near = |values: &[f32]| is_near(values.iter().copied(), Some(255.0));
        assert!(near(&[24.0, 0.0]) && near(&[231.0, 255.0]) && !near(&[25.0, 0.0]) && !near(&[250.0, 3.0]));
    }

    #[test]
    fn chunks_fill_the_rows() {
        for size in [(1, 1), (10, 5000), (300_000, 70), (CHUNK_PX * 2, 3)] {
            let mut next = 0;
            for (row, rows) in chunks(size) {
                assert_eq!(row, next);
                assert!(rows >= 1 && (rows == 1 || rows * size.0 <= CHUNK_PX), "{size:?} {rows}");
                next += rows;
            }
            assert_eq!(next, size.1);
        }
    }
}
