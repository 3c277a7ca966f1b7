//! The scenes that the pixels of a feature were taken from.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use arpent_base::number::{ceil, exact, signed};
use arpent_base::{DoingWhat as _, Result};
use arpent_gdal::MosaicReader;
use arpent_publish::Acquired;
use arpent_raster::{Grid, Window};
use arpent_vector::Feature;

use crate::job::{MapJob, Survey, TILES_BYTES};

/// Up to this number, the scenes of a feature are listed by id; more, and ids that would be ambiguous, are listed by
/// position in the manifest's `inputs`.
const MOST_NAMED: usize = 8;

/// Side of the tiles in which the scenes of pixels are looked up.
const SIDE: usize = 256;

/// The same, as a number of columns or rows.
const STEP: i64 = signed(SIDE);

/// Scenes that are kept open, where scenes overlap.
const MAX_OPEN: usize = 8;

const NOBODY: u32 = MosaicReader::NOBODY;

/// Finds the scenes that the pixels of features were taken from. A pixel is taken from the first scene in the mosaic's
/// order that is valid there; where scenes overlap, their validity is read once more, tile by tile, and kept for the
/// features that follow.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// A reader for each date that needed one.
    readers: HashMap<usize, MosaicReader>,
    tiles: Tiles,
}

impl Origins {
    /// Fills in the scenes of a feature, and the earliest of their dates; where two dates are compared, the scenes of
    /// both, and the dates of the later ones: the feature shows their state.
    ///
    /// # Errors
    /// When a scene cannot be read again.
    pub(super) fn add_scenes(&mut self, map: &MapJob, feature: &mut Feature) -> Result<()> {
        let window = map.grid().window_of(feature.bbox());
        let (mut positions, mut named, mut first) = (Vec::new(), Vec::new(), 0);
        let several = map.dates.len() > 1;
        for (number, date) in map.dates.iter().enumerate() {
            let gave = self.of_date(map.grid(), (number, date), &window, feature)?;
            let mut ids: Vec<_> = gave.iter().map(|i| date.scenes[*i].info.id.clone()).collect();
            ids.sort();
            named.extend(ids);
            positions.extend(gave.iter().map(|i| first + i));
            first += date.scenes.len();
            if several && number == 0 {
                continue;
            }
            let dates = gave.iter().filter_map(|i| date.scenes[*i].info.acquired.as_ref());
            feature.acquired = dates.min_by_key(|text| (begun(text), *text)).cloned();
        }
        // Ids are separated by commas, and `#` begins positions: ids that contain these would be ambiguous.
        let is_unclear = |id: &String| id.contains(',') || id.starts_with('#');
        let by_position = named.len() > MOST_NAMED || named.iter().any(is_unclear);
        feature.scene_ids = if by_position { vec![ranges(&positions)] } else { named };
        Ok(())
    }

    /// Numbers of the scenes of one date, ascending.
    fn of_date(
        &mut self,
        grid: &Grid,
        (number, date): (usize, &Survey),
        window: &Window,
        feature: &Feature,
    ) -> Result<BTreeSet<usize>> {
        let touched: Vec<(usize, Window)> = date
            .scenes
            .iter()
            .enumerate()
            .filter_map(|(i, scene)| Some((i, scene.info.window.intersect(window)?)))
            .collect();
        if touched.len() < 2 {
            return Ok(touched.iter().map(|(i, _)| *i).collect());
        }
        let mut gave = BTreeSet::new();
        let inside = Inside::new(grid, window, feature);
        for row in window.row..window.row_end() {
            for [mut col, end] in inside.runs(row) {
                while col < end && gave.len() < touched.len() {
                    let (at, top) = (col.div_euclid(STEP), row.div_euclid(STEP));
                    let next = end.min((at + 1) * STEP);
                    let place = |col: i64| usize::try_from((row - top * STEP) * STEP + col - at * STEP);
                    self.tile(date, (number, at, top))?.gave(place(col)?..place(next)?, &mut gave);
                    col = next;
                }
            }
        }
        if gave.is_empty() {
            // An outline that was moved off its pixels: only the scenes that it touches are known.
            gave.extend(touched.iter().map(|(i, _)| *i));
        }
        Ok(gave)
    }

    /// The scenes of the pixels of a tile.
    fn tile(&mut self, date: &Survey, key: Key) -> Result<&Tile> {
        if !self.tiles.holds(&key) {
            let tile = self.read(date, key)?;
            self.tiles.insert(key, tile);
        }
        self.tiles.recent.get(&key).context("a tile that is not there")
    }

    fn read(&mut self, date: &Survey, (number, col, row): Key) -> Result<Tile> {
        let tile = Window::new(col * STEP, row * STEP, SIDE, SIDE);
        let scenes = date.scenes.iter().enumerate();
        let inside: Vec<(u32, Window)> = scenes
            .filter_map(|(i, scene)| Some((u32::try_from(i).ok()?, scene.info.window.intersect(&tile)?)))
            .collect();
        // A pixel of a feature is valid: where one scene alone can have given it, it has. Of several of which none is valid, as below an
        // outline that was moved, the last.
        let mut givers = vec![NOBODY; SIDE * SIDE];
        for (scene, part) in &inside {
            rows_of(&mut givers, &tile, part).for_each(|row| row.fill(*scene));
        }
        let pairs = inside
            .iter()
            .enumerate()
            .flat_map(|(n, (_, a))| inside[n + 1..].iter().filter_map(|(_, b)| a.intersect(b)));
        if let Some(contested) = pairs.reduce(|all, pair| all.union(&pair)) {
            let valid = self.reader(date, number)?.givers(contested)?;
            let rows = rows_of(&mut givers, &tile, &contested).zip(valid.chunks_exact(contested.width));
            for (to, from) in rows.flat_map(|(row, valid)| row.iter_mut().zip(valid)) {
                if *from != NOBODY {
                    *to = *from;
                }
            }
        }
        Ok(Tile::of(&givers))
    }

    fn reader(&mut self, date: &Survey, number: usize) -> Result<&mut MosaicReader> {
        Ok(match self.readers.entry(number) {
            Entry::Occupied(reader) => reader.into_mut(),
            Entry::Vacant(place) => {
                let bands: Vec<_> = date.scenes.iter().map(|scene| scene.bands.clone()).collect();
                place.insert(MosaicReader::of_givers(&date.mosaic, &bands)?.with_max_open(MAX_OPEN))
            }
        })
    }
}

/// The rows of a tile that a part fills, in order.
fn rows_of<'a>(givers: &'a mut [u32], tile: &Window, part: &Window) -> impl Iterator<Item = &'a mut [u32]> {
    let ((col, row), width) = (tile.offset_of(part).expect("a part lies in its tile"), part.width);
    givers.chunks_exact_mut(tile.width).skip(row).take(part.height).map(move |r| &mut r[col..col + width])
}

/// Date, and column and row among tiles.
type Key = (usize, i64, i64);

/// The scenes of the pixels of a tile: for each run of pixels, row by row, where it ends, and the scene.
#[derive(Debug)]
struct Tile {
    runs: Vec<(u32, u32)>,
}

impl Tile {
    fn of(givers: &[u32]) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (end, giver) in (1..).zip(givers) {
            match runs.last_mut() {
                Some(last) if last.1 == *giver => last.0 = end,
                _ => runs.push((end, *giver)),
            }
        }
        runs.shrink_to_fit();
        Self { runs }
    }

    /// Adds the scenes of some pixels.
    fn gave(&self, pixels: Range<usize>, gave: &mut BTreeSet<usize>) {
        let first = self.runs.partition_point(|(end, _)| *end as usize <= pixels.start);
        let mut start = pixels.start;
        for (end, giver) in &self.runs[first..] {
            if start >= pixels.end {
                break;
            }
            if *giver != NOBODY {
                gave.insert(*giver as usize);
            }
            start = *end as usize;
        }
    }

    fn bytes(&self) -> usize {
        // With its place in the table.
        size_of_val(self.runs.as_slice()) + 128
    }
}

/// Tiles that were used of late.
#[derive(Debug, Default)]
struct Tiles {
    /// Those used since the last time that half of the room was full, and those of the time before.
    recent: HashMap<Key, Tile>,
    older: HashMap<Key, Tile>,
    /// Bytes of the recent ones.
    bytes: usize,
}

impl Tiles {
    /// Whether a tile is cached; it is then among the recent ones.
    fn holds(&mut self, key: &Key) -> bool {
        if self.recent.contains_key(key) {
            return true;
        }
        let older = self.older.remove(key);
        older.is_some_and(|tile| {
            self.insert(*key, tile);
            true
        })
    }

    fn insert(&mut self, key: Key, tile: Tile) {
        if self.bytes + tile.bytes() > TILES_BYTES / 2 {
            self.older = std::mem::take(&mut self.recent);
            self.bytes = 0;
        }
        self.bytes += tile.bytes();
        self.recent.insert(key, tile);
    }
}

/// The pixels inside a feature's outline: those whose centers are. Memory grows with the number of rows that the
/// outline crosses.
pub(super) struct Inside {
    /// Where the outline crosses the middle of a row: row, and column of the first pixel center beyond.
    crossings: Vec<(i64, i64)>,
    /// Marks an outline that contains no center of a pixel.
    whole: Option<Window>,
}

impl Inside {
    /// Of a feature, whose outline lies in a window.
    pub(super) fn new(grid: &Grid, window: &Window, feature: &Feature) -> Self {
        let mut crossings = Vec::new();
        for ring in feature.rings() {
            for line in ring.lines() {
                let (from, to) = (grid.pixel(line.start.x, line.start.y), grid.pixel(line.end.x, line.end.y));
                cross(from, to, &mut crossings);
            }
        }
        crossings.sort_unstable();
        let holds = |pair: &[(i64, i64)]| matches!(pair, [(r, a), (s, b)] if r == s && a < b);
        let whole = (!crossings.chunks(2).any(holds)).then_some(*window);
        Self { crossings, whole }
    }

    /// Runs of columns in a row, from and to.
    pub(super) fn runs(&self, row: i64) -> Vec<[i64; 2]> {
        if let Some(window) = &self.whole {
            return vec![[window.col, window.col_end()]];
        }
        let from = self.crossings.partition_point(|(r, _)| *r < row);
        let to = self.crossings.partition_point(|(r, _)| *r <= row);
        let pairs = self.crossings[from..to].chunks_exact(2);
        pairs.map(|pair| [pair[0].1, pair[1].1]).filter(|[a, b]| a < b).collect()
    }
}

/// Notes where a line crosses the middles of rows.
fn cross(from: (f64, f64), to: (f64, f64), crossings: &mut Vec<(i64, i64)>) {
    let ((x0, y0), (x1, y1)) = if from.1 <= to.1 { (from, to) } else { (to, from) };
    // Rows whose middle r + 0.5 lies in [y0, y1).
    let (first, end) = (ceil::<i64>(y0 - 0.5), ceil::<i64>(y1 - 0.5));
    for row in first..end {
        let x = x0 + (exact(row) + 0.5 - y0) / (y1 - y0) * (x1 - x0);
        crossings.push((row, ceil::<i64>(x - 0.5)));
    }
}

/// Positions, ascending, as `#0-12,15`.
fn ranges(positions: &[usize]) -> String {
    let mut text = String::from("#");
    let mut rest = positions;
    while let Some(first) = rest.first() {
        let count = rest.iter().zip(*first..).take_while(|(a, b)| **a == *b).count();
        let last = first + count - 1;
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(comma);
        text.push_str(&first.to_string());
        if last > *first {
            text.push('-');
            text.push_str(&last.to_string());
        }
        rest = &rest[count..];
    }
    text
}

/// When a date begins, in UTC: texts of other zones do not sort by time.
fn begun(date: &str) -> Option<String> {
    Acquired::of([date]).span().map(|[start, _]| start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "#0-2,5,7-8");
        assert_eq!(ranges(&(0..374).collect::<Vec<_>>()), "#0-373");
    }

    #[test]
    fn runs_record_the_source_of_a_pixel() {
        let tile = Tile::of(&[NOBODY, 4, 4, 4, 7, 7, 4]);
        assert_eq!(tile.runs, [(1, NOBODY), (4, 4), (6, 7), (7, 4)]);
        let gave = |from: usize, to: usize| {
            let mut gave = BTreeSet::new();
            tile.gave(from..to, &mut gave);
            gave.into_iter().collect::<Vec<_>>()
        };
        assert_eq!((gave(0, 1), gave(0, 2), gave(3, 5)), (vec![], vec![4], vec![4, 7]));
        assert_eq!((gave(1, 4), gave(4, 6), gave(5, 7)), (vec![4], vec![7], vec![4, 7]));
    }

    #[test]
    fn tiles_are_forgotten_when_they_are_too_many_and_not_before() {
        let mut tiles = Tiles::default();
        let one = || Tile { runs: vec![(1, 0); TILES_BYTES / 40] };
        (0..4).for_each(|i| tiles.insert((0, i, 0), one()));
        // What is used stays, what was not used longest goes.
        assert!(tiles.holds(&(0, 0, 0)));
        (4..40).for_each(|i| {
            tiles.insert((0, i, 0), one());
            assert!(tiles.holds(&(0, 0, 0)) && tiles.holds(&(0, i, 0)), "{i}");
            let held: usize = tiles.recent.values().chain(tiles.older.values()).map(Tile::bytes).sum();
            assert!(held <= TILES_BYTES, "{held}");
        });
        assert!(!tiles.holds(&(0, 1, 0)));
    }

    #[test]
    fn pixels_inside_are_those_whose_centers_are() {
        let mut crossings = Vec::new();
        for (from, to) in [
            ((0.0, 0.0), (4.0, 0.0)),
            ((4.0, 0.0), (4.0, 2.0)),
            ((4.0, 2.0), (0.0, 2.0)),
            ((0.0, 2.0), (0.0, 0.0)),
        ] {
            cross(from, to, &mut crossings);
        }
        crossings.sort_unstable();
        let inside = Inside { crossings, whole: None };
        assert_eq!((inside.runs(0), inside.runs(1), inside.runs(2)), (vec![[0, 4]], vec![[0, 4]], vec![]));
    }
}
