//! A check of a few pixels of a scene for problems of validity.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::exact;
use arpent_raster::{SceneInfo, Window};

use super::collar;
use super::describe::LARGE_BLOCK_PX;
use super::raster::{Opened, RasterSource};
use crate::uri::is_remote_uri;
use crate::{GdalError, ffi};

/// Side of the windows that are read for the values of an alpha band, and at a corner, pixels.
const SIDE: usize = 32;
/// Side of the windows that are read for a share, pixels.
const SMALL: usize = 8;
/// Depth in which a border must have one color, pixels. The outermost pixels of warped images are often mixtures.
const DEPTH: usize = 2;
/// The border of a collar has one color for at least so many consecutive pixels,
const RUN: usize = 32;
/// and for this part of the pixels read. Roofs, snow and shadows that are cut off at a border are shorter.
const RUN_PART: usize = 20;
/// A side is read in pieces of at least so many pixels, if blocks are smaller.
const PIECE: usize = 64;

/// The result of [`look`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// The alpha band in use, and the number of different values in the sample.
    pub alpha: Option<(usize, usize)>,
    /// The collar at the scene's border.
    pub collar: Option<CollarFound>,
}

/// A collar, from a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CollarFound {
    /// Its color.
    pub color: CollarColor,
    /// Share of the scene's valid pixels that have this color in a sample that is spread evenly, 0 to 1.
    pub share: f64,
}

/// Color of a collar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollarColor {
    /// All bands are 0.
    Black,
    /// All bands are the largest value of their type.
    White,
}

impl CollarColor {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::White => "white",
        }
    }
}

/// Number of windows to read.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// Along each side of the border, each as long as a block.
    along: usize,
    /// Across the scene, in each direction, for a share.
    across: usize,
}

impl Places {
    const MANY: Self = Self { along: 16, across: 16 };
    const FEW: Self = Self { along: 4, across: 8 };

    /// Few if each is slow: a request, or a large block to decode.
    fn of(uri: &str, block: (usize, usize)) -> Self {
        let is_large = block.0.max(SIDE).saturating_mul(block.1.max(SIDE)) >= LARGE_BLOCK_PX;
        if is_large || is_remote_uri(uri) { Self::FEW } else { Self::MANY }
    }
}

/// Reads windows of a scene, the same for every job: nine for the values of an alpha band; for a collar (if `collar` is
/// set) up to 16 blocks along each side and the corners, and, if there is one, 256 small windows for its share. If each
/// window is a request, or a block of a million pixels, 4 blocks along each side, and 64 windows.
///
/// # Errors
/// Those of opening and reading the scene.
pub fn look(info: &SceneInfo, bands: &[usize], collar: bool) -> Result<Look, GdalError> {
    let source = RasterSource::new(&info.id, &info.uri, info.window, &info.bands, bands.to_vec())?;
    let source = source.with(&info.validity);
    let alpha = info.alpha(bands);
    if alpha.is_none() && !collar {
        return Ok(Look::default());
    }
    let mut opened = Opened::new(&info.uri)?;
    let mut found = Look::default();
    if let Some(alpha) = alpha {
        let mut values = BTreeSet::new();
        for window in spread(&info.window, 3) {
            let offset = info.window.offset_of(&window).expect("the windows lie in the scene");
            let size = (window.width, window.height);
            let read = ffi::read_bands::<f32>(&opened.dataset, offset, size, &[alpha]);
            let read = read.map_err(|message| source.unreadable(window, message))?;
            values.extend(read.into_iter().map(f32::to_bits));
        }
        found.alpha = Some((alpha, values.len()));
    }
    if collar {
        let places = Places::of(&info.uri, info.block);
        found.collar = collar_of(&source, &mut opened, info.block, places)?;
    }
    Ok(found)
}

fn collar_of(
    source: &RasterSource,
    opened: &mut Opened,
    block: (usize, usize),
    places: Places,
) -> Result<Option<CollarFound>, GdalError> {
    let whole = source.window();
    let ring = border(source, opened, block, places.along)?;
    let least = RUN.max(ring.len() / RUN_PART);
    let runs = [CollarColor::Black, CollarColor::White].map(|color| (longest(&ring, color), color));
    let run = runs.into_iter().filter(|(run, _)| *run >= least).max_by_key(|(run, _)| *run);
    let color = match run {
        Some((_, color)) => Some(color),
        None => in_a_corner(source, opened)?,
    };
    let Some(color) = color else { return Ok(None) };
    let (mut plain, mut all) = (0, 0);
    for window in sample(&whole, places.across) {
        let seen = seen(source, opened, window)?;
        plain += seen.colors.iter().filter(|c| **c == Some(color)).count();
        all += seen.valid;
    }
    let share = exact(plain) / f64::max(exact(all), 1.0);
    Ok(Some(CollarFound { color, share }))
}

/// The color of a corner that is inside a collar.
fn in_a_corner(source: &RasterSource, opened: &mut Opened) -> Result<Option<CollarColor>, GdalError> {
    for window in spread(&source.window(), 2) {
        let seen = seen(source, opened, window)?;
        for color in [CollarColor::Black, CollarColor::White] {
            let plain = seen.colors.iter().filter(|c| **c == Some(color)).count();
            // Compression blurs the edge of a collar that the window touches.
            if plain * 20 >= seen.colors.len() * 19 {
                return Ok(Some(color));
            }
        }
    }
    Ok(None)
}

/// The colors of the border windows, clockwise: for each border pixel the common color of the pixels down to [`DEPTH`].
fn border(
    source: &RasterSource,
    opened: &mut Opened,
    block: (usize, usize),
    along: usize,
) -> Result<Vec<Option<CollarColor>>, GdalError> {
    let whole = source.window();
    let mut strips: Vec<(Side, Window)> = strips(&whole, block, along).collect();
    // Some formats can only be read from north to south.
    strips.sort_by_key(|(_, window)| (window.row, window.col));
    let mut found = BTreeMap::new();
    for (side, window) in strips {
        let seen = seen(source, opened, window)?.colors;
        let flat = matches!(side, Side::North | Side::South);
        let length = if flat { window.width } else { window.height };
        let deep = |at: usize| {
            let pixel = |d: usize| if flat { d * window.width + at } else { at * window.width + d };
            let depth = if flat { window.height } else { window.width };
            seen[pixel(0)].filter(|color| (1..depth).all(|d| seen[pixel(d)] == Some(*color)))
        };
        let mut colors: Vec<_> = (0..length).map(deep).collect();
        let place = if flat { window.col } else { window.row };
        let clockwise = matches!(side, Side::North | Side::East);
        if !clockwise {
            colors.reverse();
        }
        found.insert((side, if clockwise { place } else { -place }), colors);
    }
    Ok(found.into_values().flatten().collect())
}

/// The sides of a scene, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    North,
    East,
    South,
    West,
}

/// The windows along the border, from corner to corner: whole blocks, since a part of a block costs the same.
fn strips(
    whole: &Window,
    block: (usize, usize),
    along: usize,
) -> impl Iterator<Item = (Side, Window)> + use<> {
    let whole = *whole;
    let (width, height) = (DEPTH.min(whole.width), DEPTH.min(whole.height));
    let (east, south) = ((whole.width - width) as u64, (whole.height - height) as u64);
    let cols = spans(whole.width, block.0, along).flat_map(move |(from, width)| {
        let col = whole.col.saturating_add_unsigned(from as u64);
        let north = Window { col, width, height, ..whole };
        let row = whole.row.saturating_add_unsigned(south);
        [(Side::North, north), (Side::South, Window { row, ..north })]
    });
    let rows = spans(whole.height, block.1, along).flat_map(move |(from, height)| {
        let row = whole.row.saturating_add_unsigned(from as u64);
        let west = Window { row, width, height, ..whole };
        let col = whole.col.saturating_add_unsigned(east);
        [(Side::West, west), (Side::East, Window { col, ..west })]
    });
    cols.chain(rows)
}

/// Start and length of at most so many blocks of a side, including the first and the last.
fn spans(length: usize, block: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let step = block.max(PIECE);
    let count = length.div_ceil(step);
    let taken = count.min(most);
    (0..taken).map(move |i| {
        let begin = i * (count - 1) / (taken - 1).max(1) * step;
        (begin, step.min(length - begin))
    })
}

/// The longest run of a color in a ring.
fn longest(ring: &[Option<CollarColor>], color: CollarColor) -> usize {
    let (mut run, mut most) = (0, 0);
    for one in ring.iter().chain(ring) {
        run = if *one == Some(color) { run + 1 } else { 0 };
        most = most.max(run);
    }
    most.min(ring.len())
}

/// Colors of a window.
struct Seen {
    /// The color of each valid pixel with a collar color.
    colors: Vec<Option<CollarColor>>,
    /// Number of valid pixels.
    valid: usize,
}

fn seen(source: &RasterSource, opened: &mut Opened, window: Window) -> Result<Seen, GdalError> {
    let read = source.raw(opened, window).map_err(|message| source.unreadable(window, message))?;
    let (values, valid) = read;
    let pixels = valid.len().max(1);
    let color = |i: usize| {
        let bands = values.iter().skip(i).step_by(pixels).copied();
        let plain = valid[i] && collar::is_plain(bands.clone(), source.white());
        let is_black = || bands.clone().all(|v| v < 128.0);
        plain.then(|| if is_black() { CollarColor::Black } else { CollarColor::White })
    };
    let colors = (0..valid.len()).map(color).collect();
    Ok(Seen { colors, valid: valid.iter().filter(|v| **v).count() })
}

/// Evenly spaced windows, `across` in each direction, from border to border.
fn spread(whole: &Window, across: usize) -> impl Iterator<Item = Window> + use<> {
    let whole = *whole;
    let (width, height) = (SIDE.min(whole.width), SIDE.min(whole.height));
    let at = move |i: usize, room: usize| (room * (i % across) / (across - 1).max(1)) as u64;
    (0..across * across).map(move |i| Window {
        col: whole.col.saturating_add_unsigned(at(i, whole.width - width)),
        row: whole.row.saturating_add_unsigned(at(i / across, whole.height - height)),
        width,
        height,
    })
}

/// A small window in each cell of a lattice over the scene, for shares of its area. Its position in the cell varies so
/// that each row and each column of cells samples all parts of a cell equally: the border is weighted by its area.
fn sample(whole: &Window, across: usize) -> impl Iterator<Item = Window> + use<> {
    let whole = *whole;
    let within = move |cell: usize, other: usize, length: usize| {
        let (begin, end) = (length * cell / across, length * (cell + 1) / across);
        let (size, parts) = (end - begin, (end - begin).div_ceil(SMALL).max(1));
        // 5 and 3 have no factor in common with a power of two.
        let turn = (5 * other + 3 * cell) % across;
        let part = (2 * turn + 1) * parts / (2 * across);
        let from = size * part / parts;
        (begin + from, size * (part + 1) / parts - from)
    };
    let windows = (0..across * across).map(move |i| {
        let (x, y) = (i % across, i / across);
        let ((col, width), (row, height)) = (within(x, y, whole.width), within(y, x, whole.height));
        Window {
            col: whole.col.saturating_add_unsigned(col as u64),
            row: whole.row.saturating_add_unsigned(row as u64),
            width,
            height,
        }
    });
    windows.filter(|window| window.width > 0 && window.height > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_looked_at_from_corner_to_corner() {
        let found = |length, block, most| spans(length, block, most).collect::<Vec<_>>();
        assert_eq!(found(100, 16, 16), [(0, 64), (64, 36)]);
        assert_eq!(found(10_000, 512, 4), [(0, 512), (3072, 512), (6144, 512), (9728, 272)]);
        assert_eq!(found(700, 700, 4), [(0, 700)]);
        let whole = Window::new(-7, 9, 1, 3);
        let all: Vec<_> = strips(&whole, (16, 16), 4).collect();
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|(_, w)| whole.intersect(w) == Some(*w)), "{all:?}");
    }

    #[test]
    fn runs_go_around_the_ring() {
        let (b, w) = (Some(CollarColor::Black), Some(CollarColor::White));
        let ring = [b, b, None, w, w, w, None, b];
        assert_eq!(longest(&ring, CollarColor::Black), 3);
        assert_eq!(longest(&ring, CollarColor::White), 3);
        assert_eq!(longest(&[b; 5], CollarColor::Black), 5);
    }

    #[test]
    fn samples_cover_what_there_is() {
        for (width, height) in [(1, 1), (5, 300), (127, 129), (128, 128), (4000, 77)] {
            let whole = Window::new(3, -4, width, height);
            for across in [8, 16] {
                let all: Vec<_> = sample(&whole, across).collect();
                assert!(!all.is_empty() && all.len() <= across * across);
                assert!(all.iter().all(|w| whole.intersect(w) == Some(*w)));
                assert!(all.iter().all(|w| w.width <= SMALL && w.height <= SMALL));
            }
        }
    }
}
