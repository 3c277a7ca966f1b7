//! The picture of a map: its classes in their colors, its features, or dots where they are, with a scale bar.

use arpent_base::number::{exact, floor, round};
use arpent_base::{Cell, Result};
use arpent_gdal::{PublishedRaster, Transformer, ValueOverview, area_of_wkb};
use arpent_publish::FeatureTable;
use arpent_raster::{CrsKind, Grid, LABEL_NODATA, Nomenclature, PixelArea, Window, viridis};
use maud::{Markup, html};

use super::pictures::{Picture, Pictures, Stored};
use super::words::Words;

/// Longest side of the picture, pixels.
const LONGEST: usize = 900;
/// Color of what has no class, or was not observed.
const NOTHING: [u8; 3] = [236; 3];
/// Colors of a dot, from its middle outwards.
const DOT: [[u8; 3]; 2] = [[200, 0, 160], [255, 255, 255]];

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// A raster of classes.
    Classes,
    /// Features in the colors of their classes.
    Features,
    /// A dot for each feature.
    Dots,
    /// Measured values.
    Values,
}

/// The picture of a map.
#[derive(Debug)]
pub(crate) struct Overview {
    picture: Stored,
    /// Meters on the ground of a pixel of the picture, at its middle.
    meters_per_px: f64,
    /// West, south, east, north in degrees.
    degrees: [f64; 4],
    crs: String,
    /// Columns, rows, and sides of a pixel in units of the CRS.
    grid: ([usize; 2], [f64; 2]),
    /// What it shows.
    pub(crate) drawn: Drawn,
}

impl Overview {
    /// Draws a raster of classes by its color table.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of_raster(raster: &PublishedRaster, pictures: &mut Pictures) -> Result<Self> {
        let picture = colored(raster, |color| color)?;
        Self::new(&picture, raster.grid(), raster.window(), pictures)
    }

    /// Draws the first band of a raster of measured values, from the lowest to the greatest value of a ramp.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of_values(uri: &str, [low, high]: [f64; 2], pictures: &mut Pictures) -> Result<Self> {
        let ValueOverview { grid, window, width, height, values } = ValueOverview::read(uri, LONGEST)?;
        let color = |value: f32| {
            let share = (f64::from(value) - low) / (high - low);
            if value.is_finite() { viridis(share).0 } else { NOTHING }
        };
        let picture = Picture { width, height, rgb: values.into_iter().flat_map(color).collect() };
        Ok(Self { drawn: Drawn::Values, ..Self::new(&picture, &grid, window, pictures)? })
    }

    /// Draws a raster of classes in pale colors, and a dot where each feature of a table is.
    ///
    /// # Errors
    /// When one of both cannot be read.
    pub(crate) fn with_dots(
        raster: &PublishedRaster,
        table: &FeatureTable,
        pictures: &mut Pictures,
    ) -> Result<Self> {
        let pale = |color: [u8; 3]| color.map(|part| 255 - (255 - part) / 4);
        let mut picture = colored(raster, pale)?;
        add_dots(&mut picture, raster.grid(), raster.window(), table)?;
        Self::new(&picture, raster.grid(), raster.window(), pictures)
    }

    /// Draws a dot where each feature of a table is, on the pixels of a map: boxes are too small to be seen.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) fn of_dots(
        (grid, window): (&Grid, Window),
        table: &FeatureTable,
        pictures: &mut Pictures,
    ) -> Result<Self> {
        let mut picture = blank(window);
        add_dots(&mut picture, grid, window, table)?;
        Ok(Self { drawn: Drawn::Dots, ..Self::new(&picture, grid, window, pictures)? })
    }

    /// Draws the features of a table in the colors of their classes, on the pixels of a map that has no raster.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) fn of_features(
        (grid, window): (&Grid, Window),
        table: &FeatureTable,
        classes: &Nomenclature,
        pictures: &mut Pictures,
    ) -> Result<Self> {
        let mut picture = blank(window);
        add_areas(&mut picture, (grid, window), table, classes)?;
        Ok(Self { drawn: Drawn::Features, ..Self::new(&picture, grid, window, pictures)? })
    }

    fn new(picture: &Picture, grid: &Grid, window: Window, pictures: &mut Pictures) -> Result<Self> {
        let middle = window.row.midpoint(window.row_end());
        let gsd = PixelArea::new(grid).gsd_of_row(middle);
        let degrees = Transformer::new(&grid.crs)?.bbox(grid.bbox(&window))?;
        Ok(Self {
            picture: pictures.push(picture)?,
            meters_per_px: gsd * exact(window.width) / exact(picture.width.max(1)),
            degrees,
            crs: grid.crs.name.clone(),
            grid: ([window.width, window.height], [grid.gsd_x, grid.gsd_y]),
            drawn: Drawn::Classes,
        })
    }

    /// CRS and size of the pixels, in words.
    pub(crate) fn grid(&self, words: Words) -> String {
        let ([width, height], [x, y]) = self.grid;
        let [width, height] = [width, height].map(|side| words.integer(side as u64));
        format!("{}, {width} × {height} px, {x} × {y}", self.crs)
    }

    /// The extent in degrees, in words.
    pub(crate) fn extent(&self, words: Words) -> String {
        let [west, south, east, north] = self.degrees.map(|degrees| words.number(degrees, 5));
        words.say(
            &format!("longitude {west} to {east}, latitude {south} to {north} (WGS 84, degrees)"),
            &format!("longitude de {west} à {east}, latitude de {south} à {north} (WGS 84, degrés)"),
        )
    }

    /// The picture with a scale bar.
    pub(crate) fn shown(&self, words: Words, label: &str) -> Markup {
        let Stored { width, height, .. } = self.picture;
        let meters = nice(self.meters_per_px * exact(width) / 4.0);
        let long = (meters / self.meters_per_px * 10.0).round() / 10.0;
        let text = if meters >= 1000.0 {
            format!("{}\u{202f}km", words.number(meters / 1000.0, 0))
        } else {
            format!("{}\u{202f}m", words.number(meters, if meters < 1.0 { 2 } else { 0 }))
        };
        let (bar, under) = (exact(height) + 12.0, exact(height) + 28.0);
        // A small map is shown larger, its pixels as they are.
        let scale = if width.max(height) < 450 {
            round::<u64>(450.0 / exact(width.max(height).max(1))).max(1)
        } else {
            1
        };
        html! {
            svg.map role="img" aria-label=(label) viewBox={ "0 0 " (width) " " (exact(height) + 34.0) }
                width={ (u64::try_from(width).unwrap_or(0) * scale) } {
                (self.picture.used())
                rect x="0" y="0" width=(width) height=(height) fill="none" stroke="#767676" stroke-width="0.6" {}
                line x1="1" y1=(bar) x2=(long + 1.0) y2=(bar) stroke="#1b1b1b" stroke-width="3" {}
                text x="1" y=(under) font-size="14" fill="#1b1b1b" { (text) }
            }
        }
    }
}

/// The largest of 1, 2 and 5 times a power of ten that is not above a length.
fn nice(length: f64) -> f64 {
    if !(length.is_finite() && length > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(length.log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step <= length * (1.0 + 1e-9))
        .unwrap_or(power)
}

fn colored(raster: &PublishedRaster, of: impl Fn([u8; 3]) -> [u8; 3]) -> Result<Picture> {
    let (width, height, values) = raster.overview(LONGEST)?;
    let colors = raster.colors();
    let mut table = [NOTHING; 256];
    for (value, color) in colors.iter().filter(|(value, _)| **value != LABEL_NODATA) {
        table[usize::from(*value)] = of(color.0);
    }
    table[usize::from(raster.nodata().unwrap_or(LABEL_NODATA))] = NOTHING;
    let rgb = values.iter().flat_map(|value| table[usize::from(*value)]).collect();
    Ok(Picture { width, height, rgb })
}

/// A dot at the middle of the box of each feature. Memory does not grow with their number.
fn add_dots(picture: &mut Picture, grid: &Grid, window: Window, table: &FeatureTable) -> Result<()> {
    let [west, _, east, _] = grid.bbox(&window);
    let is_geographic = grid.crs.kind == CrsKind::Geographic;
    let scale = [exact(picture.width) / exact(window.width), exact(picture.height) / exact(window.height)];
    let mut places = Vec::new();
    let mut seen = vec![false; picture.width * picture.height];
    table.each(&["bbox"], &mut |_, cells| {
        if let [Cell::Real(xmin), Cell::Real(ymin), Cell::Real(xmax), Cell::Real(ymax)] = cells {
            let mut x = xmin.midpoint(*xmax);
            if is_geographic && east > 180.0 && x < west {
                x += 360.0;
            } else if is_geographic && west < -180.0 && x > east {
                x -= 360.0;
            }
            let (col, row) = grid.pixel(x, ymin.midpoint(*ymax));
            let (col, row) = ((col - exact(window.col)) * scale[0], (row - exact(window.row)) * scale[1]);
            let (col, row) = (floor::<i64>(col), floor::<i64>(row));
            if let Some(at) = number(picture, col, row)
                && !std::mem::replace(&mut seen[at], true)
            {
                places.push([col, row]);
            }
        }
        true
    })?;
    for (ring, reach) in [(1usize, 3i64), (0, 2)] {
        for [col, row] in &places {
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    if dx * dx + dy * dy <= reach * reach {
                        picture.set(col + dx, row + dy, DOT[ring]);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Fills the pixels whose centers lie in a feature. One without such a pixel is drawn as the pixel at its middle, where no
/// other is drawn. Of features that overlap, the later one in the file is seen. Memory does not grow with their number.
fn add_areas(
    picture: &mut Picture,
    (grid, window): (&Grid, Window),
    table: &FeatureTable,
    classes: &Nomenclature,
) -> Result<()> {
    let mut colors = [NOTHING; 256];
    for class in classes.classes() {
        colors[usize::from(class.id)] = class.color.0;
    }
    let grids = grids_of(picture, grid, window);
    let all = Window::new(0, 0, picture.width, picture.height);
    let mut filled = vec![false; picture.width * picture.height];
    let mut small = vec![None; filled.len()];
    table.each_shape(&["class_id"], &mut |cells, wkb| {
        let [Cell::Integer(class)] = cells else { return };
        let color = u8::try_from(*class).map_or(NOTHING, |class| colors[usize::from(class)]);
        let (mut is_seen, mut middle) = (false, None);
        for area in grids.iter().filter_map(|grid| area_of_wkb(wkb, grid)) {
            let of = area.window();
            let Some(common) = of.intersect(&all) else { continue };
            let mask = area.mask(common);
            for (row, inside) in (common.row..).zip(mask.data().chunks(common.width)) {
                for (col, _) in (common.col..).zip(inside).filter(|(_, inside)| **inside) {
                    picture.set(col, row, color);
                    if let Some(at) = number(picture, col, row) {
                        filled[at] = true;
                    }
                    is_seen = true;
                }
            }
            let (col, row) = (of.col.midpoint(of.col_end() - 1), of.row.midpoint(of.row_end() - 1));
            middle = middle.or(number(picture, col, row));
        }
        if !is_seen && let Some(at) = middle {
            small[at].get_or_insert(color);
        }
    })?;
    for (at, color) in small.into_iter().enumerate().filter(|(at, _)| !filled[*at]) {
        if let Some(color) = color {
            picture.rgb[3 * at..][..3].copy_from_slice(&color);
        }
    }
    Ok(())
}

/// The grid of the pixels of a picture; a second one where the map goes on beyond 180 degrees, and features do not.
fn grids_of(picture: &Picture, grid: &Grid, window: Window) -> Vec<Grid> {
    let [west, _, east, _] = grid.bbox(&window);
    let (origin_x, origin_y) = grid.corner(window.col, window.row);
    let gsd_x = grid.gsd_x * exact(window.width) / exact(picture.width.max(1));
    let gsd_y = grid.gsd_y * exact(window.height) / exact(picture.height.max(1));
    let shifted = |by: f64| Grid { crs: grid.crs.clone(), origin_x: origin_x + by, origin_y, gsd_x, gsd_y };
    let mut grids = vec![shifted(0.0)];
    if grid.crs.kind == CrsKind::Geographic && east > 180.0 {
        grids.push(shifted(-360.0));
    } else if grid.crs.kind == CrsKind::Geographic && west < -180.0 {
        grids.push(shifted(360.0));
    }
    grids
}

/// The number of a pixel of a picture, if it has it.
fn number(picture: &Picture, col: i64, row: i64) -> Option<usize> {
    let (col, row) = (usize::try_from(col).ok()?, usize::try_from(row).ok()?);
    (col < picture.width && row < picture.height).then(|| row * picture.width + col)
}

/// A picture of the pixels of a map on which nothing is drawn.
fn blank(window: Window) -> Picture {
    let every = window.width.max(window.height).div_ceil(LONGEST).max(1);
    Picture::filled(window.width.div_ceil(every), window.height.div_ceil(every), NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_gdal::describe_crs;
    use arpent_publish::{RunInfo, write_geoparquet};
    use arpent_raster::{Class, Color};
    use arpent_vector::Feature;
    use geo_types::{MultiPolygon, Rect, coord};
    use std::sync::Arc;

    const COLORS: [[u8; 3]; 2] = [[10, 20, 30], [200, 100, 50]];

    /// Draws boxes (west, south, east, north) of classes.
    fn drawn(place: (&Grid, Window), boxes: &[(u8, &[[f64; 4]])]) -> Picture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.parquet");
        let feature = |(number, (class_id, parts)): (usize, &(u8, &[[f64; 4]]))| Feature {
            id: format!("{number:032x}"),
            class_id: *class_id,
            class_name: format!("class {class_id}"),
            score: None,
            area_m2: 1.0,
            pixels_area_m2: None,
            scene_ids: Vec::new(),
            acquired: None,
            attributes: Vec::new(),
            polygons: MultiPolygon(
                parts
                    .iter()
                    .map(|[w, s, e, n]| {
                        Rect::new(coord! { x: *w, y: *s }, coord! { x: *e, y: *n }).to_polygon()
                    })
                    .collect(),
            ),
        };
        let run = RunInfo::new("run-1", "model", "ab".repeat(32));
        write_geoparquet(&path, boxes.iter().enumerate().map(|of| Ok(feature(of))), &place.0.crs, &run)
            .unwrap();
        let class = |(id, color): (u8, [u8; 3])| Class {
            id,
            name: format!("class {id}"),
            name_fr: None,
            code: None,
            color: Color(color),
            features: true,
        };
        let classes = Nomenclature::new((0..).zip(COLORS).map(class).collect()).unwrap();
        let mut picture = blank(place.1);
        add_areas(&mut picture, place, &FeatureTable::open(&path).unwrap(), &classes).unwrap();
        picture
    }

    fn pixels_of(picture: &Picture, color: [u8; 3]) -> Vec<usize> {
        (0..picture.width * picture.height).filter(|at| picture.rgb[3 * at..][..3] == color).collect()
    }

    #[test]
    fn features_fill_the_pixels_of_a_smaller_picture_and_small_ones_are_seen() {
        let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
        let grid = Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 0.5, gsd_y: 0.5 };
        // 3600 x 1800 pixels of 0.5 m become 900 x 450 of 2 m.
        let window = Window::new(100, 200, 3600, 1800);
        let (west, north) = grid.corner(100, 200);
        let at = |col: f64, row: f64, width: f64, height: f64| {
            let (x, y) = (west + 2.0 * col, north - 2.0 * row);
            [x, y - 2.0 * height, x + 2.0 * width, y]
        };
        let boxes = [
            at(10.0, 5.0, 3.0, 2.0),
            // Without the center of a pixel: alone, beside another, and on one that is filled.
            at(700.1, 300.1, 0.2, 0.2),
            at(700.7, 300.7, 0.2, 0.2),
            at(11.1, 6.1, 0.2, 0.2),
            // Outside, and partly.
            at(-50.0, -50.0, 10.0, 10.0),
            at(899.0, 449.0, 30.0, 30.0),
        ];
        let boxes = boxes.each_ref().map(std::slice::from_ref);
        let of: Vec<_> = [0, 1, 0, 1, 0, 0].into_iter().zip(boxes).collect();
        let picture = drawn((&grid, window), &of);
        assert_eq!((picture.width, picture.height), (900, 450));
        let number = |col: usize, row: usize| row * 900 + col;
        let filled: Vec<usize> =
            [5, 6].into_iter().flat_map(|row| (10..13).map(move |col| number(col, row))).collect();
        assert_eq!(pixels_of(&picture, COLORS[0]), [filled, vec![number(899, 449)]].concat());
        assert_eq!(pixels_of(&picture, COLORS[1]), [number(700, 300)]);
    }

    #[test]
    fn features_across_the_antimeridian_are_drawn_on_both_sides() {
        let crs = Arc::new(describe_crs("EPSG:4326").unwrap());
        let grid = Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 0.5, gsd_y: 0.5 };
        // 178 to 182 degrees.
        let window = Window::new(356, -20, 8, 4);
        let picture = drawn((&grid, window), &[(1, &[[179.5, 8.5, 180.0, 9.5], [-180.0, 8.5, -179.0, 9.5]])]);
        assert_eq!(pixels_of(&picture, COLORS[1]), [11, 12, 13, 19, 20, 21]);
    }

    #[test]
    fn scale_bars_have_round_lengths() {
        let of = [0.7, 1.0, 4.9, 5.0, 199.0, 1234.0].map(nice);
        for (found, wanted) in of.into_iter().zip([0.5, 1.0, 2.0, 5.0, 100.0, 1000.0]) {
            assert!((found - wanted).abs() < 1e-9 * wanted, "{of:?}");
        }
        assert!((nice(f64::NAN) - 1.0).abs() < 1e-9);
    }
}
