//! The scenes under a map, as raster tiles of Web Mercator.
//!
//! A pixel of a tile of the deepest zoom is interpolated between the four nearest pixels of the mosaic; what is not valid
//! there is transparent. It depends on these pixels alone, not on tiles or threads. Tiles of other zooms are means
//! (`arpent-tiles`). Memory: the pixels below a tile for each thread.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::Ordering;

use arpent_base::Result;
use arpent_base::number::{approximate, ceil, exact, floor, offset, round, truncate};
use arpent_gdal::{MosaicReader, Transformer, encode_webp};
use arpent_publish::{
    DEEPEST, PICTURE_SIDE, PictureOptions, PictureSource, ROLE_IMAGERY, StagedArtifact, TileId,
    write_pictures, zoom_of_pixels,
};
use arpent_raster::{Chip, CrsKind, Grid, SampleType, SceneInfo, Window};
use arpent_shell::progress::Stage;
use arpent_viewer::Date;

use super::output::{Imagery, Output, Scenes};
use crate::report::{colors, limits_of};

/// Quality of libwebp, 1 to 100: `benches/runs/2026-11-29-imagery.md`.
pub(crate) const QUALITY: u8 = 80;
/// Share of a zoom by which pixels of tiles may be wider than those of scenes: a seventh.
const COARSER: f64 = 0.2;
/// Pixels of a tile between places that are transformed exactly; between these, positions are interpolated.
const CELL: usize = 16;
/// Places on a side of a tile.
const NODES: usize = PICTURE_SIDE / CELL + 1;
/// Pixels of the mosaic that are read for a tile at a time, at most about.
const READ_AT_A_TIME: u64 = 16_000_000;
/// Windows that are read to find the darkest and the brightest values, their side, and the scenes that they lie in.
const SPOTS: usize = 256;
const SPOT_SIDE: usize = 32;
const SCENES_LOOKED_AT: usize = 64;

/// The dates of the files of pictures of an output.
pub(crate) const fn dates_of(dates: usize) -> &'static [Option<Date>] {
    if dates > 1 { &[Some(Date::Before), Some(Date::After)] } else { &[None] }
}

/// The name of a file of pictures.
pub(crate) const fn name_of(date: Option<Date>) -> &'static str {
    match date {
        None => "imagery.pmtiles",
        Some(Date::Before) => "imagery-before.pmtiles",
        Some(Date::After) => "imagery-after.pmtiles",
    }
}

/// The date of a file of pictures.
pub(super) fn date_of(name: &str) -> Option<Date> {
    [Date::Before, Date::After].into_iter().find(|date| name_of(Some(*date)) == name)
}

/// Numbers of the bands of a picture of each scene of a date: those named red, green and blue of `bands` (the names of the
/// numbers in `chosen`) or, if these lack one, of the scenes; else the first three of `bands`, or the first.
pub(crate) fn bands_of<'s>(
    scenes: impl Iterator<Item = (&'s SceneInfo, &'s [usize])> + Clone,
    bands: &[String],
) -> Vec<Vec<usize>> {
    let colors = colors(bands);
    let of_scene = |scene: &SceneInfo| -> Option<Vec<usize>> {
        ["red", "green", "blue"].into_iter().map(|name| scene.band_named(name)).collect()
    };
    let is_named =
        colors.iter().zip(["red", "green", "blue"]).all(|(i, name)| bands[*i].eq_ignore_ascii_case(name));
    let own =
        (!is_named || colors.len() < 3).then(|| scenes.clone().map(|(scene, _)| of_scene(scene)).collect());
    let own: Option<Vec<Vec<usize>>> = own.flatten();
    own.unwrap_or_else(|| scenes.map(|(_, chosen)| colors.iter().map(|i| chosen[*i]).collect()).collect())
}

/// Writes the pictures of all dates to a folder: with one stretch, so that they can be compared.
///
/// # Errors
/// When a scene cannot be read, or a file cannot be written.
pub(super) fn write(output: &Output<'_>, scenes: &Scenes<'_>, folder: &Path) -> Result<Vec<StagedArtifact>> {
    let limits = Stretch::of(&scenes.dates, output.window)?;
    let mut staged = Vec::new();
    for imagery in &scenes.dates {
        let path = folder.join(name_of(imagery.date));
        let ground = Ground { imagery, grid: output.grid, window: output.window, stretch: &limits };
        let (boxes, max_zoom) = ground.place()?;
        let title = &output.about.title;
        let options = PictureOptions {
            name: imagery.date.map_or_else(|| title.clone(), |date| format!("{title} ({})", named(date))),
            description: format!("Scenes of the run {}", output.manifest.run_id),
            attribution: output.about.attribution.clone().unwrap_or_default(),
            boxes,
            max_zoom,
            threads: scenes.threads,
        };
        let stage = Stage::begin("imagery", output.window.pixels());
        let source = || ground.source(scenes, &stage);
        let encode = |rgba: &[u8]| Ok(encode_webp(rgba, PICTURE_SIDE, QUALITY)?);
        let done = write_pictures(&path, folder, &options, &source, &encode)?;
        stage.end(&format!("{} tiles", done.tiles));
        staged.push(StagedArtifact::new(&path, ROLE_IMAGERY)?);
    }
    Ok(staged)
}

fn named(date: Date) -> &'static str {
    match date {
        Date::Before => "before",
        Date::After => "after",
    }
}

/// The values that become black and white, for each band: those of 8-bit images are shown as they are; of others, the
/// percentiles 2 and 98 of a sample of all dates.
#[derive(Debug)]
struct Stretch(Vec<[f32; 2]>);

impl Stretch {
    fn of(dates: &[Imagery<'_>], window: Window) -> Result<Self> {
        let bands = dates.first().and_then(|date| date.bands.first()).map_or(0, Vec::len);
        let is_byte = |scene: &SceneInfo, band: usize| {
            let band = scene.bands.iter().find(|info| info.index == band);
            band.is_some_and(|band| {
                let scaled = band.scaling.as_ref().is_some_and(|scaling| scaling.applied().is_some());
                band.sample_type == SampleType::Uint8 && !scaled
            })
        };
        let bytes = |date: &Imagery<'_>| {
            let mut scenes = date.mosaic.scenes.iter().zip(&date.bands);
            scenes.all(|(scene, bands)| bands.iter().all(|band| is_byte(scene, *band)))
        };
        if dates.iter().all(bytes) {
            return Ok(Self(vec![[0.0, 255.0]; bands]));
        }
        let mut values = vec![Vec::new(); bands];
        for date in dates {
            date.sample(window, &mut values)?;
        }
        Ok(Self(values.into_iter().map(|values| limits_of(values).unwrap_or([0.0, 1.0])).collect()))
    }

    fn level(&self, band: usize, value: f64) -> u8 {
        let [low, high] = self.0[band].map(f64::from);
        if high > low { round(255.0 * ((value - low) / (high - low)).clamp(0.0, 1.0)) } else { 128 }
    }
}

impl Imagery<'_> {
    fn reader(&self) -> Result<MosaicReader> {
        Ok(MosaicReader::new(self.mosaic, &self.bands)?)
    }

    /// Adds values of some small windows, spread evenly over at most 64 scenes.
    fn sample(&self, window: Window, values: &mut [Vec<f32>]) -> Result<()> {
        let parts: Vec<Window> =
            self.mosaic.scenes.iter().filter_map(|scene| scene.window.intersect(&window)).collect();
        let every = parts.len().div_ceil(SCENES_LOOKED_AT).max(1);
        let looked_at = parts.iter().step_by(every);
        let spots = SPOTS.div_ceil(looked_at.len().max(1));
        let side = ceil::<usize>(exact(spots).sqrt());
        let mut reader = self.reader()?;
        for part in looked_at {
            // In the middle of each of `side` x `side` cells.
            let at = |first: i64, length: usize, i: usize| {
                let middle = length.saturating_mul(2 * i + 1) / (2 * side);
                first.saturating_add_unsigned(middle.saturating_sub(SPOT_SIDE / 2) as u64)
            };
            for i in 0..side * side {
                let (col, row) = (at(part.col, part.width, i % side), at(part.row, part.height, i / side));
                let spot = Window::new(col, row, SPOT_SIDE, SPOT_SIDE).intersect(part);
                let Some(chip) = spot.map(|spot| reader.read(spot)).transpose()? else { continue };
                for (band, values) in values.iter_mut().enumerate() {
                    let valid = chip.band(band).iter().zip(&chip.valid).filter(|(_, valid)| **valid);
                    values.extend(valid.map(|(value, _)| *value).filter(|value| value.is_finite()));
                }
            }
        }
        Ok(())
    }
}

/// The ground that a file shows.
#[derive(Debug)]
struct Ground<'a> {
    imagery: &'a Imagery<'a>,
    grid: &'a Grid,
    window: Window,
    stretch: &'a Stretch,
}

impl<'a> Ground<'a> {
    /// The boxes of the scenes in degrees, and the zoom with pixels as small as theirs.
    fn place(&self) -> Result<(Vec<[f64; 4]>, u8)> {
        let transformer = Transformer::new(&self.grid.crs)?;
        let mut boxes = Vec::new();
        for scene in &self.imagery.mosaic.scenes {
            let Some(part) = scene.window.intersect(&self.window) else { continue };
            let [west, south, east, north] = transformer.bbox(self.grid.bbox(&part))?;
            if west <= east {
                boxes.extend(within_180([west, south, east, north]));
            } else {
                boxes.extend([[west, south, 180.0, north], [-180.0, south, east, north]]);
            }
        }
        let [west, south, east, north] = self.grid.bbox(&self.window);
        let to_lon_lat = |x, y| transformer.point(x, y);
        let mut zoom = 0f64;
        // Where pixels are smallest on the map: the scale of Web Mercator grows with the latitude.
        for (x, y) in [(0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
            let place = (west + (east - west) * x, south + (north - south) * y);
            zoom = zoom.max(zoom_of_pixels(place, self.grid.gsd_x, &to_lon_lat)?);
        }
        Ok((boxes, truncate((zoom - COARSER).ceil().clamp(0.0, f64::from(DEEPEST)))))
    }

    fn source(&'a self, scenes: &'a Scenes<'a>, stage: &'a Stage) -> Result<Source<'a>> {
        let reader = self.imagery.reader()?;
        Ok(Source {
            ground: self,
            reader: match scenes.shared {
                Some(blocks) => reader.sharing(blocks),
                None => reader,
            },
            to_grid: Transformer::back(&self.grid.crs)?,
            scenes,
            stage,
        })
    }
}

/// A box whose degrees may go beyond 180, as those of a grid in degrees may, as boxes whose degrees do not.
fn within_180([west, south, east, north]: [f64; 4]) -> Vec<[f64; 4]> {
    let turns = ((west + 180.0) / 360.0).floor() * 360.0;
    let (west, east) = (west - turns, east - turns);
    if east <= 180.0 {
        return vec![[west, south, east, north]];
    }
    vec![[west, south, 180.0, north], [-180.0, south, (east - 360.0).min(180.0), north]]
}

/// Draws tiles of the deepest zoom.
struct Source<'a> {
    ground: &'a Ground<'a>,
    reader: MosaicReader,
    to_grid: Transformer,
    scenes: &'a Scenes<'a>,
    stage: &'a Stage,
}

impl PictureSource for Source<'_> {
    fn draw(&mut self, tile: TileId) -> Result<Option<Vec<u8>>> {
        if self.scenes.interrupt.load(Ordering::Relaxed) {
            return Err((self.scenes.interrupted)());
        }
        let lattice = self.lattice(tile);
        let mut picture = vec![0; PICTURE_SIDE * PICTURE_SIDE * 4];
        let cells = 0..NODES - 1;
        let drawn = self.fill(&lattice, cells.clone(), cells, &mut picture)?;
        Ok(drawn.then_some(picture))
    }
}

/// Positions in pixels of the grid, row by row from the north; NaN where the CRS has no place.
struct LatticePx(Vec<[f64; 2]>);

impl LatticePx {
    fn node(&self, col: usize, row: usize) -> [f64; 2] {
        self.0[row * NODES + col]
    }

    /// The smallest window with the pixels that these cells are interpolated from; `None` if a place is unknown.
    fn window(&self, cols: &Range<usize>, rows: &Range<usize>) -> Option<Window> {
        let nodes =
            (rows.start..=rows.end).flat_map(|row| (cols.start..=cols.end).map(move |col| (col, row)));
        let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for [x, y] in nodes.map(|(col, row)| self.node(col, row)) {
            if !(x.is_finite() && y.is_finite()) {
                return None;
            }
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        }
        let [west, north, east, south] = bounds;
        // The neighbor of a pixel on the other side of its center.
        Some(Window::between(
            floor::<i64>(west) - 1,
            floor::<i64>(north) - 1,
            ceil::<i64>(east) + 1,
            ceil::<i64>(south) + 1,
        ))
    }

    /// Pixels of the mosaic for one of the tile, in a cell.
    fn pixels_of_one(&self, col: usize, row: usize) -> f64 {
        let [origin, east, south] = [self.node(col, row), self.node(col + 1, row), self.node(col, row + 1)];
        let along = |to: [f64; 2]| [to[0] - origin[0], to[1] - origin[1]];
        let (u, v) = (along(east), along(south));
        (u[0] * v[1] - u[1] * v[0]).abs() / exact(CELL * CELL)
    }

    /// Where the center of a pixel of the tile is.
    fn at(&self, col: usize, row: usize) -> [f64; 2] {
        let part = |at: usize| (at / CELL, (exact(at % CELL) + 0.5) / exact(CELL));
        let ((i, u), (j, v)) = (part(col), part(row));
        [0, 1].map(|axis: usize| {
            let upper = self.node(i, j)[axis] * (1.0 - u) + self.node(i + 1, j)[axis] * u;
            let lower = self.node(i, j + 1)[axis] * (1.0 - u) + self.node(i + 1, j + 1)[axis] * u;
            upper * (1.0 - v) + lower * v
        })
    }
}

impl Source<'_> {
    fn lattice(&self, tile: TileId) -> LatticePx {
        let (mut xs, mut ys) = (Vec::with_capacity(NODES * NODES), Vec::with_capacity(NODES * NODES));
        for row in 0..NODES {
            for col in 0..NODES {
                let [x, y] = tile.place_of([col, row].map(|node| exact(node) / exact(NODES - 1)));
                xs.push(x);
                ys.push(y);
            }
        }
        self.to_grid.known_points(&mut xs, &mut ys);
        let grid = self.ground.grid;
        if grid.crs.kind == CrsKind::Geographic {
            // Longitudes of the grid may lie on another turn.
            let [west, _, east, _] = grid.bbox(&self.ground.window);
            let middle = f64::midpoint(west, east);
            let turn = |x: &f64| ((middle - x) / 360.0).round() * 360.0;
            let by = xs.get(xs.len() / 2).map_or(0.0, turn);
            for x in &mut xs {
                *x += by;
            }
        }
        let pixel = |(x, y): (&f64, &f64)| {
            let (col, row) = grid.pixel(*x, *y);
            [col, row]
        };
        LatticePx(xs.iter().zip(&ys).map(pixel).collect())
    }

    /// Draws cells of a tile; whether any of their pixels has something. Where they lie over many pixels, a quarter at a time.
    fn fill(
        &mut self,
        lattice: &LatticePx,
        cols: Range<usize>,
        rows: Range<usize>,
        picture: &mut [u8],
    ) -> Result<bool> {
        let halves = |range: &Range<usize>| {
            let middle = range.start.midpoint(range.end);
            [range.start..middle, middle..range.end]
        };
        let whole = lattice.window(&cols, &rows);
        let wanted = whole.and_then(|whole| whole.intersect(&self.ground.window.grow(1)));
        let is_one = cols.len() == 1 && rows.len() == 1;
        match (whole, wanted) {
            (None, _) if is_one => return Ok(false),
            (Some(_), None) => return Ok(false),
            (Some(_), Some(wanted)) if is_one || wanted.pixels() <= READ_AT_A_TIME => {
                let chip = self.reader.read(wanted)?;
                if !chip.valid.contains(&true) {
                    return Ok(false);
                }
                return Ok(self.paint(lattice, (cols, rows), &chip, picture));
            }
            _ => {}
        }
        let mut drawn = false;
        for rows in halves(&rows).into_iter().filter(|rows| !rows.is_empty()) {
            for cols in halves(&cols).into_iter().filter(|cols| !cols.is_empty()) {
                drawn |= self.fill(lattice, cols, rows.clone(), picture)?;
            }
        }
        Ok(drawn)
    }

    fn paint(
        &self,
        lattice: &LatticePx,
        (cols, rows): (Range<usize>, Range<usize>),
        chip: &Chip,
        picture: &mut [u8],
    ) -> bool {
        let (extent, stretch) = (self.ground.window, self.ground.stretch);
        let mut painted = 0u64;
        for row in rows.start * CELL..rows.end * CELL {
            for col in cols.start * CELL..cols.end * CELL {
                let [x, y] = lattice.at(col, row);
                let Some(near) = Near::of(chip, &extent, x, y) else { continue };
                let level = |band: usize| stretch.level(band, near.value(chip.band(band)));
                let rgb = if chip.bands < 3 { [level(0); 3] } else { [level(0), level(1), level(2)] };
                let at = 4 * (row * PICTURE_SIDE + col);
                picture[at..at + 4].copy_from_slice(&[rgb[0], rgb[1], rgb[2], u8::MAX]);
                painted += 1;
            }
        }
        self.stage.advance(round(approximate(painted) * lattice.pixels_of_one(cols.start, rows.start)));
        painted > 0
    }
}

/// The four pixels around a place, with their weights.
struct Near([(usize, f64); 4]);

impl Near {
    /// `None` if the pixel that contains the place is not valid, or not in the extent.
    fn of(chip: &Chip, extent: &Window, x: f64, y: f64) -> Option<Self> {
        let index = |col: i64, row: i64| -> Option<usize> {
            let window = &chip.window;
            let inside = (window.col..window.col_end()).contains(&col)
                && (window.row..window.row_end()).contains(&row);
            let at = || offset(row - window.row) * window.width + offset(col - window.col);
            inside.then(at).filter(|at| chip.valid[*at])
        };
        let (col, row) = (floor::<i64>(x), floor::<i64>(y));
        let own =
            (extent.col..extent.col_end()).contains(&col) && (extent.row..extent.row_end()).contains(&row);
        let own = own.then(|| index(col, row)).flatten()?;
        let (west, north) = (floor::<i64>(x - 0.5), floor::<i64>(y - 0.5));
        let (u, v) = (x - 0.5 - exact(west), y - 0.5 - exact(north));
        let corners = [
            (west, north, (1.0 - u) * (1.0 - v)),
            (west + 1, north, u * (1.0 - v)),
            (west, north + 1, (1.0 - u) * v),
            (west + 1, north + 1, u * v),
        ];
        // What is not valid has no weight.
        Some(Self(corners.map(|(col, row, weight)| index(col, row).map_or((own, 0.0), |at| (at, weight)))))
    }

    fn value(&self, band: &[f32]) -> f64 {
        let weights: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        self.0.iter().map(|(at, weight)| f64::from(band[*at]) * weight).sum::<f64>() / weights
    }
}
