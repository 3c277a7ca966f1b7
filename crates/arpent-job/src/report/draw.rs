//! Imagery as pictures: views around features, stretched values, outlines.

use arpent_base::number::{ceil, exact, floor, round, signed};
use arpent_raster::{Chip, Grid, Window};
use geo_types::Polygon;

use super::pictures::Picture;

/// Color of pixels without a value.
const NO_VALUE: [u8; 3] = [160; 3];
/// Color of outlines: rare in images of the ground.
pub(crate) const OUTLINE: [u8; 3] = [255, 0, 220];
/// Shares of the values that become black and white.
const STRETCH: [f64; 2] = [0.02, 0.98];

/// Numbers of the bands of a picture: red, green and blue, else the first three, else the first.
pub(crate) fn colors(names: &[String]) -> Vec<usize> {
    let named = |name: &str| names.iter().position(|band| band.eq_ignore_ascii_case(name));
    let rgb: Option<Vec<usize>> = ["red", "green", "blue"].into_iter().map(named).collect();
    rgb.unwrap_or_else(|| if names.len() < 3 { vec![0] } else { vec![0, 1, 2] })
}

/// The values of a band that become black and white: the percentiles 2 and 98; `None` without values.
pub(crate) fn limits_of(mut values: Vec<f32>) -> Option<[f32; 2]> {
    let last = values.len().checked_sub(1)?;
    values.sort_by(f32::total_cmp);
    Some(STRETCH.map(|share| values[round::<usize>(share * exact(last))]))
}

/// The values of a picture.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Band by band, each row by row.
    bands: Vec<Vec<f32>>,
    valid: Vec<bool>,
}

impl Values {
    /// Adds every `step`-th pixel of a row of a chip.
    pub(crate) fn add_row(&mut self, chip: &Chip, row: usize, step: usize, bands: &[usize]) {
        let pixels = chip.valid.len();
        let first = row * chip.window.width;
        let columns = (step / 2..chip.window.width).step_by(step).map(|col| first + col);
        self.bands.resize(bands.len(), Vec::new());
        for at in columns {
            let mut valid = chip.valid[at];
            for (values, band) in self.bands.iter_mut().zip(bands) {
                let value = chip.data[band * pixels + at];
                valid &= value.is_finite();
                values.push(value);
            }
            self.valid.push(valid);
        }
    }

    /// Whether a pixel has a value.
    pub(crate) fn has_any(&self) -> bool {
        self.valid.contains(&true)
    }

    /// The values of a band that become black and white, of all these together.
    fn limits(all: &[&Self], band: usize) -> [f32; 2] {
        let values = |of: &&Self| -> Vec<f32> {
            of.bands[band].iter().zip(&of.valid).filter(|(_, valid)| **valid).map(|(v, _)| *v).collect()
        };
        limits_of(all.iter().flat_map(values).collect()).unwrap_or_default()
    }

    /// Limits of each band, of all these together: their pictures can be compared.
    pub(crate) fn stretch(all: &[&Self]) -> Vec<[f32; 2]> {
        let bands = all.first().map_or(0, |first| first.bands.len());
        (0..bands).map(|band| Self::limits(all, band)).collect()
    }

    /// The picture of a width.
    pub(crate) fn picture(&self, width: usize, limits: &[[f32; 2]]) -> Picture {
        let level = |at: usize, band: usize| {
            let [low, high] = limits[band];
            let share = f64::from(self.bands[band][at] - low) / f64::from(high - low);
            if high > low { round(255.0 * share.clamp(0.0, 1.0)) } else { 128 }
        };
        let pixel = |at: usize| {
            if self.valid[at] {
                [0, 1, 2].map(|color: usize| level(at, color.min(limits.len() - 1)))
            } else {
                NO_VALUE
            }
        };
        let rgb = (0..self.valid.len()).flat_map(pixel).collect();
        Picture { width, height: self.valid.len() / width.max(1), rgb }
    }
}

/// Pixels beside those of a mask, which hide none of its own, in the color of outlines.
pub(crate) fn outline(picture: &mut Picture, mask: &[bool]) {
    let (width, height) = (picture.width, picture.height);
    for at in 0..mask.len() {
        let (row, col) = (at / width, at % width);
        let beside = [
            (row > 0).then(|| at - width),
            (row + 1 < height).then(|| at + width),
            (col > 0).then(|| at - 1),
            (col + 1 < width).then(|| at + 1),
        ];
        if !mask[at] && beside.into_iter().flatten().any(|at| mask[at]) {
            picture.set(signed(col), signed(row), OUTLINE);
        }
    }
}

/// The part of a grid that a picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    pub(crate) window: Window,
    /// Every so many pixels one is read.
    pub(crate) step: usize,
    /// Whether it shows all of what it was made for.
    pub(crate) is_whole: bool,
}

impl View {
    /// Smallest and largest side that is read, and largest side of the picture, pixels.
    const SIDES: [usize; 3] = [64, 1024, 192];
    /// Side of the view, in lengths of what it shows.
    const MARGIN: f64 = 1.5;

    /// A square around polygons in units of the CRS. Of one that is too large to be read for a picture, a part of its
    /// outline. `None` without a point.
    pub(crate) fn of(polygons: &[Polygon<f64>], grid: &Grid) -> Option<Self> {
        let points = || {
            let exteriors = polygons.iter().flat_map(|polygon| polygon.exterior().0.iter());
            exteriors
                .map(|point| grid.pixel(point.x, point.y))
                .filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        let mut bbox: Option<[f64; 4]> = None;
        for (x, y) in points() {
            let [west, north, east, south] = bbox.unwrap_or([x, y, x, y]);
            bbox = Some([west.min(x), north.min(y), east.max(x), south.max(y)]);
        }
        let [west, north, east, south] = bbox?;
        let [least, most, shown] = Self::SIDES;
        let wanted = ceil::<usize>(Self::MARGIN * (east - west).max(south - north)).max(least);
        let middle = (west.midpoint(east), north.midpoint(south));
        let is_whole = wanted <= most;
        let center = if is_whole {
            middle
        } else {
            let distance = |(x, y): (f64, f64)| (x - middle.0).hypot(y - middle.1);
            points().min_by(|a, b| distance(*a).total_cmp(&distance(*b)))?
        };
        let step = wanted.min(most).div_ceil(shown);
        let side = wanted.min(most).div_ceil(step) * step;
        let first = |center: f64| floor::<i64>(center) - signed(side / 2);
        let (col, row) = (first(center.0), first(center.1));
        let window = Window::between(col, row, col + signed(side), row + signed(side));
        Some(Self { window, step, is_whole })
    }

    /// Side of the picture, pixels.
    pub(crate) fn side(&self) -> usize {
        self.window.width / self.step
    }

    /// Draws the outlines of polygons over a picture of the view.
    pub(crate) fn outline(&self, picture: &mut Picture, polygons: &[Polygon<f64>], grid: &Grid) {
        let at = |x: f64, y: f64| {
            let (col, row) = grid.pixel(x, y);
            let step = exact(self.step);
            ((col - exact(self.window.col)) / step, (row - exact(self.window.row)) / step)
        };
        for polygon in polygons {
            for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                for line in ring.lines() {
                    let (from, to) = (at(line.start.x, line.start.y), at(line.end.x, line.end.y));
                    draw_line(picture, from, to);
                }
            }
        }
    }
}

/// Draws a line between two places of a picture; the part outside of it is left out.
fn draw_line(picture: &mut Picture, from: (f64, f64), to: (f64, f64)) {
    // The part inside, with a pixel around, as shares of the line: lines of features may be far longer than a picture.
    let (mut begin, mut end) = (0.0_f64, 1.0_f64);
    for (from, to, side) in [(from.0, to.0, picture.width), (from.1, to.1, picture.height)] {
        let (low, high) = (-1.0, exact(side) + 1.0);
        let along = to - from;
        if along.abs() < f64::EPSILON {
            if from < low || from > high {
                return;
            }
            continue;
        }
        let ends = [(low - from) / along, (high - from) / along];
        begin = begin.max(ends[0].min(ends[1]));
        end = end.min(ends[0].max(ends[1]));
    }
    if begin > end {
        return;
    }
    let place = |share: f64| (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
    let (first, last) = (place(begin), place(end));
    let steps = ceil::<usize>((last.0 - first.0).abs().max((last.1 - first.1).abs())).max(1);
    for step in 0..=steps {
        let share = exact(step) / exact(steps);
        let (x, y) = (first.0 + share * (last.0 - first.0), first.1 + share * (last.1 - first.1));
        picture.set(floor(x), floor(y), OUTLINE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::polygon;

    fn grid() -> Grid {
        let crs = std::sync::Arc::new(arpent_gdal::describe_crs("EPSG:2154").unwrap());
        Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 0.5, gsd_y: 0.5 }
    }

    fn square(x: f64, y: f64, side: f64) -> Polygon<f64> {
        polygon![(x: x, y: y), (x: x + side, y: y), (x: x + side, y: y - side), (x: x, y: y - side)]
    }

    #[test]
    fn a_view_holds_the_feature_or_a_part_of_its_outline() {
        let grid = grid();
        // 40 pixels: the smallest view.
        let small = [square(100.0, -100.0, 20.0)];
        let view = View::of(&small, &grid).unwrap();
        assert_eq!((view.side(), view.step, view.is_whole), (64, 1, true));
        let mut picture = Picture::filled(view.side(), view.side(), [0; 3]);
        view.outline(&mut picture, &small, &grid);
        let drawn = picture.rgb.chunks(3).filter(|pixel| *pixel == OUTLINE).count();
        assert_eq!(drawn, 4 * 40, "a frame of 40 pixels and the corner");
        // A whole département: part of the outline, and no more is read than 1024 pixels.
        let large = [square(0.0, 0.0, 90_000.0)];
        let view = View::of(&large, &grid).unwrap();
        assert!(view.window.width <= 1100 && view.side() <= 192 && !view.is_whole, "{view:?}");
        let mut picture = Picture::filled(view.side(), view.side(), [0; 3]);
        view.outline(&mut picture, &large, &grid);
        assert!(picture.rgb.chunks(3).any(|pixel| pixel == OUTLINE));
        assert!(View::of(&[], &grid).is_none());
    }

    #[test]
    fn the_outline_of_a_mask_is_one_pixel_wide_and_outside() {
        let mut mask = vec![false; 25];
        mask[12] = true;
        let mut picture = Picture::filled(5, 5, [0; 3]);
        outline(&mut picture, &mask);
        let drawn: Vec<usize> = (0..25).filter(|at| picture.rgb[3 * at..][..3] == OUTLINE).collect();
        assert_eq!(drawn, [7, 11, 13, 17]);
    }

    #[test]
    fn pictures_of_several_dates_have_one_stretch() {
        let of =
            |values: [f32; 4], valid: [bool; 4]| Values { bands: vec![values.to_vec()], valid: valid.into() };
        let dates = [
            of([10.0, 10.0, 30.0, 99.0], [true, true, true, false]),
            of([30.0, 30.0, 60.0, 60.0], [true; 4]),
        ];
        let limits = Values::stretch(&[&dates[0], &dates[1]]);
        assert_eq!(limits[0].map(f32::to_bits), [10.0, 60.0].map(f32::to_bits));
        assert_eq!(dates[0].picture(4, &limits).rgb, [[0; 3], [0; 3], [102; 3], NO_VALUE].concat());
        assert_eq!(dates[1].picture(4, &limits).rgb[..3], [102; 3], "one value, one gray");
    }

    #[test]
    fn bands_of_pictures_are_found_by_name() {
        let of = |names: &[&str]| colors(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["nir", "Red", "green", "blue"]), [1, 2, 3]);
        assert_eq!(of(&["B1", "B2", "B3", "B4"]), [0, 1, 2]);
        assert_eq!(of(&["pan", "nir"]), [0]);
    }

    #[test]
    fn values_are_stretched_together() {
        let mut chip = Chip::empty(Window::new(0, 0, 4, 1), 1);
        chip.data = vec![0.0, 50.0, 100.0, 7.0];
        chip.valid = vec![true, true, true, false];
        let mut values = Values::default();
        values.add_row(&chip, 0, 1, &[0]);
        assert!(values.has_any());
        let picture = values.picture(4, &Values::stretch(&[&values]));
        assert_eq!(picture.rgb, [0, 0, 0, 128, 128, 128, 255, 255, 255, 160, 160, 160]);
        // Nothing valid, and nothing that differs.
        chip.valid.fill(false);
        let mut none = Values::default();
        none.add_row(&chip, 0, 1, &[0]);
        assert!(!none.has_any());
        assert_eq!(none.picture(4, &Values::stretch(&[&none])).rgb, [160; 12]);
    }
}
