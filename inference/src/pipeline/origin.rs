//! Which scenes gave the pixels of a feature.

use std::collections::BTreeSet;

use anyhow::Context;
use arpent_gdal::MosaicReader;
use arpent_raster::{Chip, Grid, Window};
use arpent_vector::Feature;

use crate::job::{MapJob, Survey};

/// Up to so many scenes of a feature are named by their ids; of more, and of ids that could not be told apart, the positions in the
/// manifest's `inputs` are told.
const MOST_NAMED: usize = 8;

/// Rows that are looked at a time, where scenes overlap.
const ROWS: i64 = 64;

/// Scenes that are kept open, where scenes overlap.
const MAX_OPEN: usize = 8;

/// Finds the scenes that gave the pixels of features. A scene gave a pixel when it is the first of the mosaic's order that is valid
/// there; where scenes overlap, their validity is read once more.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Readers of single scenes, by date and number; the one used last at the end.
    open: Vec<((usize, usize), MosaicReader)>,
}

impl Origins {
    /// Fills in the scenes of a feature, and the earliest of their dates; where two dates are compared, the scenes of
    /// both, and when the later ones were taken: the feature is what was seen then.
    ///
    /// # Errors
    /// When a scene cannot be read again.
    pub(super) fn say(&mut self, map: &MapJob, feature: &mut Feature) -> anyhow::Result<()> {
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
            feature.acquired = dates.min().cloned();
        }
        // Ids stand with commas between them, and `#` begins positions: of such ids, which they are could not be told.
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
    ) -> anyhow::Result<BTreeSet<usize>> {
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
        let mut row = window.row;
        while row < window.row_end() && gave.len() < touched.len() {
            let rows = row..window.row_end().min(row + ROWS);
            // What no scene has given yet, as runs of columns of each row.
            let mut left: Vec<Vec<[i64; 2]>> = rows.clone().map(|row| inside.runs(row)).collect();
            for (at, (i, own)) in touched.iter().enumerate() {
                let Some(part) = bounds(&left, row).and_then(|b| b.intersect(own)) else { continue };
                let contested = touched[at + 1..].iter().any(|(_, later)| later.intersect(&part).is_some());
                // A pixel of the feature is valid: where one scene alone can have given it, it has.
                let chip = contested.then(|| self.read(date, (number, *i), part)).transpose()?;
                for (runs, row) in left.iter_mut().zip(rows.clone()) {
                    if (part.row..part.row_end()).contains(&row) && take(runs, &part, row, chip.as_ref()) {
                        gave.insert(*i);
                    }
                }
            }
            row = rows.end;
        }
        if gave.is_empty() {
            // An outline that was moved off its pixels: what it touches is all that can be told.
            gave.extend(touched.iter().map(|(i, _)| *i));
        }
        Ok(gave)
    }

    fn read(&mut self, date: &Survey, key: (usize, usize), window: Window) -> anyhow::Result<Chip> {
        let mut reader = if let Some(at) = self.open.iter().position(|(open, _)| *open == key) {
            self.open.remove(at).1
        } else {
            let scene = date.scenes.get(key.1).context("a scene that is not there")?;
            let mosaic = arpent_gdal::mosaic_in_order(vec![scene.info.clone()]);
            MosaicReader::new(
                &mosaic.context("a mosaic without a scene")?,
                std::slice::from_ref(&scene.bands),
            )?
        };
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        let chip = reader.read(window);
        self.open.push((key, reader));
        Ok(chip?)
    }
}

/// The pixels inside a feature's outline: those whose centers are. Holds as many numbers as the outline crosses rows.
struct Inside {
    /// Where the outline crosses the middle of a row: row, and column of the first pixel center beyond.
    crossings: Vec<(i64, i64)>,
    /// Stands for an outline that holds no center of a pixel.
    whole: Option<Window>,
}

impl Inside {
    fn new(grid: &Grid, window: &Window, feature: &Feature) -> Self {
        let polygon = &feature.polygon;
        let mut crossings = Vec::new();
        for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
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

    fn runs(&self, row: i64) -> Vec<[i64; 2]> {
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
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "pixel numbers stay far below 2^52"
)]
fn cross(from: (f64, f64), to: (f64, f64), crossings: &mut Vec<(i64, i64)>) {
    let ((x0, y0), (x1, y1)) = if from.1 <= to.1 { (from, to) } else { (to, from) };
    // Rows whose middle r + 0.5 lies in [y0, y1).
    let (first, end) = ((y0 - 0.5).ceil() as i64, (y1 - 0.5).ceil() as i64);
    for row in first..end {
        let x = x0 + (row as f64 + 0.5 - y0) / (y1 - y0) * (x1 - x0);
        crossings.push((row, (x - 0.5).ceil() as i64));
    }
}

/// The smallest window around what is left of rows.
fn bounds(left: &[Vec<[i64; 2]>], first_row: i64) -> Option<Window> {
    let rows = (first_row..).zip(left).filter(|(_, runs)| !runs.is_empty());
    rows.filter_map(|(row, runs)| {
        Some((row, runs.iter().map(|r| r[0]).min()?, runs.iter().map(|r| r[1]).max()?))
    })
    .map(|(row, from, to)| Window::between(from, row, to, row + 1))
    .reduce(|all, window| all.union(&window))
}

/// Takes what a scene gave out of the runs of a row: what lies in its window and is valid there. Whether it gave anything.
fn take(runs: &mut Vec<[i64; 2]>, own: &Window, row: i64, chip: Option<&Chip>) -> bool {
    let mut given = false;
    let mut kept = Vec::with_capacity(runs.len());
    let mut keep = |from: i64, to: i64| {
        if from < to {
            kept.push([from, to]);
        }
    };
    for [from, to] in runs.drain(..) {
        let (inner, end) = (from.max(own.col), to.min(own.col_end()));
        if inner >= end {
            keep(from, to);
            continue;
        }
        keep(from, inner);
        let mut since = inner;
        for col in inner..end {
            if chip.is_none_or(|chip| is_valid(chip, col, row)) {
                given = true;
                keep(since, col);
                since = col + 1;
            }
        }
        keep(since, end);
        keep(end, to);
    }
    *runs = kept;
    given
}

fn is_valid(chip: &Chip, col: i64, row: i64) -> bool {
    let offset = chip.window.offset_of(&Window::new(col, row, 1, 1));
    offset.is_some_and(|(col, row)| chip.valid[row * chip.window.width + col])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_told_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "#0-2,5,7-8");
        assert_eq!(ranges(&(0..374).collect::<Vec<_>>()), "#0-373");
    }

    #[test]
    fn what_a_scene_gave_is_taken_out() {
        let own = Window::new(2, 0, 4, 1);
        let mut chip = Chip::empty(own, 1);
        chip.valid = vec![true, false, false, true];
        let mut runs = vec![[0, 10]];
        assert!(take(&mut runs, &own, 0, Some(&chip)));
        assert_eq!(runs, [[0, 2], [3, 5], [6, 10]]);
        assert!(take(&mut runs, &own, 0, None));
        assert_eq!(runs, [[0, 2], [6, 10]]);
        assert!(!take(&mut runs, &own, 0, None));
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
