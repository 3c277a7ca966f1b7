//! `zones.pmtiles`: zones with their figures, for the map of a page.

use std::path::Path;

use arpent_base::number::{exact, round};
use arpent_base::{Cell, Column, ColumnKind, Result, table_schema};
use arpent_gdal::{Rings, Transformer};
use arpent_publish::{ROLE_ZONES, StagedArtifact, ZoneOf, ZoneTiles as Tiles, ZonesOf, deepest_zoom};
use arpent_raster::{Grid, PixelArea, Window};
use arpent_viewer::{Figure, ZoneMap};

use super::page::{fields, file};

/// Name of the file.
const ZONE_TILES: &str = "zones.pmtiles";
/// The deepest zoom: a step of a tile is 40 cm on the ground in France, and maps enlarge tiles further.
const DEEPEST: u8 = 14;
/// Values of a column that are kept to find its groups.
const MOST: usize = 8192;
/// Groups of a column.
const GROUPS: usize = 5;

/// What zones are.
#[derive(Debug)]
pub(crate) struct ZoneSpec<'a> {
    /// Id of the run that measured them.
    pub(crate) run_id: &'a str,
    /// Their columns.
    pub(crate) columns: &'a [Column],
    /// The column with the id of a zone within its level.
    pub(crate) id: &'a str,
    /// The column with its level, and the levels.
    pub(crate) level: Option<&'a str>,
    pub(crate) levels: Vec<String>,
    /// The column that zones are colored by at first.
    pub(crate) color: Option<String>,
}

/// Takes zones, and writes their tiles. Memory does not depend on their number.
pub(crate) struct ZoneTiles {
    tiles: Tiles,
    transformer: Transformer,
    m2_per_unit: f64,
    samples: Vec<Sample>,
    map: ZoneMap,
}

impl ZoneTiles {
    /// # Errors
    /// When the place of the zones is unknown, or scratch files cannot be created.
    pub(crate) fn create(
        spec: ZoneSpec<'_>,
        (grid, window): (&Grid, Window),
        scratch: &Path,
    ) -> Result<Self> {
        let transformer = Transformer::new(&grid.crs)?;
        let [west, south, east, north] = grid.bbox(&window);
        let middle = (west.midpoint(east), south.midpoint(north));
        let zoom = deepest_zoom(middle, grid.gsd_x, &|x, y| transformer.point(x, y))?;
        let of_level = spec.level.map(str::to_owned);
        let tiles = Tiles::create(
            &ZonesOf {
                name: format!("zones {}", spec.run_id),
                description: format!("Zones of the run {} of arpent", spec.run_id),
                columns: spec.columns,
                of_level: of_level.iter().cloned().collect(),
                max_zoom: zoom.min(DEEPEST),
                threads: rayon::current_num_threads(),
            },
            scratch,
        )?;
        let row = window.row.midpoint(window.row_end());
        let m2_per_unit = PixelArea::new(grid).of_row(row) / (grid.gsd_x * grid.gsd_y);
        let samples = spec.columns.iter().enumerate().filter(|(_, column)| is_figure(column, spec.id));
        let samples = samples.map(|(at, column)| Sample::new(at, &column.name)).collect();
        let map = ZoneMap {
            file: arpent_viewer::File {
                href: String::new(),
                role: String::new(),
                media_type: String::new(),
                size: 0,
            },
            columns: fields(Some(&table_schema(spec.columns))),
            id: spec.id.to_owned(),
            level: of_level,
            levels: spec.levels,
            figures: Vec::new(),
            color: spec.color,
        };
        Ok(Self { tiles, transformer, m2_per_unit, samples, map })
    }

    /// Adds a zone of a level (its number); one without polygons is not on the map.
    ///
    /// # Errors
    /// When it cannot be transformed to WGS 84, or a scratch file cannot be written.
    pub(crate) fn push(
        &mut self,
        level: usize,
        id: &str,
        cells: &[Cell<'_>],
        polygons: &[Rings],
    ) -> Result<()> {
        for sample in &mut self.samples {
            sample.add(cells[sample.column]);
        }
        if polygons.is_empty() {
            return Ok(());
        }
        // Ids of zones are theirs within a level.
        let id = if self.map.levels.len() > 1 { format!("{level} {id}") } else { id.to_owned() };
        let area_m2 = self.m2_per_unit * polygons.iter().map(area).sum::<f64>();
        let zone = ZoneOf { id: &id, level: u32::try_from(level)?, area_m2, cells, polygons };
        self.tiles.push(&zone, &|x, y| self.transformer.point(x, y))
    }

    /// Writes the file to a folder; also what the page says of it.
    ///
    /// # Errors
    /// When outlines cross themselves, or a file cannot be written.
    pub(crate) fn finish(self, folder: &Path) -> Result<(StagedArtifact, ZoneMap)> {
        let path = folder.join(ZONE_TILES);
        self.tiles.finish(&path)?;
        let staged = StagedArtifact::new(&path, ROLE_ZONES)?;
        let figures: Vec<Figure> = self.samples.into_iter().filter_map(Sample::figure).collect();
        let color = self.map.color.filter(|name| figures.iter().any(|figure| figure.column == *name));
        Ok((staged.clone(), ZoneMap { file: file(&staged), figures, color, ..self.map }))
    }
}

/// Whether zones can be colored by a column.
fn is_figure(column: &Column, id: &str) -> bool {
    matches!(column.kind, ColumnKind::Integer | ColumnKind::Real) && column.name != id
}

/// Area inside the exterior ring, without the holes, square units of the CRS.
fn area(polygon: &Rings) -> f64 {
    let ring = |ring: &Vec<[f64; 2]>| {
        let Some(origin) = ring.first() else { return 0.0 };
        let place = |p: &[f64; 2]| [p[0] - origin[0], p[1] - origin[1]];
        let sides = ring.iter().map(place).zip(ring.iter().skip(1).map(place));
        0.5 * sides.map(|(p, q)| p[0] * q[1] - p[1] * q[0]).sum::<f64>().abs()
    };
    let mut rings = polygon.iter().map(ring);
    let exterior = rings.next().unwrap_or(0.0);
    exterior - rings.sum::<f64>()
}

/// Values of a column: every one, or every second, every fourth, ... in the order of the zones.
#[derive(Debug)]
struct Sample {
    column: usize,
    name: String,
    every: u64,
    seen: u64,
    values: Vec<f64>,
}

impl Sample {
    fn new(column: usize, name: &str) -> Self {
        Self { column, name: name.to_owned(), every: 1, seen: 0, values: Vec::new() }
    }

    fn add(&mut self, cell: Cell<'_>) {
        let value = match cell {
            Cell::Integer(number) => arpent_base::number::approximate(number),
            Cell::Real(number) if number.is_finite() => number,
            _ => return,
        };
        if self.seen.is_multiple_of(self.every) {
            self.values.push(value);
        }
        self.seen += 1;
        if self.values.len() > MOST {
            let mut at = 0;
            self.values.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.every *= 2;
        }
    }

    /// `None` for a column without two different values.
    fn figure(mut self) -> Option<Figure> {
        self.values.sort_by(f64::total_cmp);
        let (first, last) = (*self.values.first()?, self.values.len() - 1);
        if first.total_cmp(&self.values[last]).is_eq() {
            return None;
        }
        let quantile = |i: usize| self.values[round::<usize>(exact(last) * exact(i) / exact(GROUPS))];
        let mut breaks: Vec<f64> =
            (1..GROUPS).map(quantile).map(three_digits).filter(|v| *v > three_digits(first)).collect();
        breaks.dedup_by(|a, b| a.total_cmp(b).is_eq());
        (!breaks.is_empty()).then_some(Figure { column: self.name, breaks })
    }
}

/// A number with three digits, as legends write it.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_about_as_many_zones() {
        let mut sample = Sample::new(0, "share");
        for value in (0..100_000).map(|n| f64::from(n * 7919 % 100_000)) {
            sample.add(Cell::Real(value));
        }
        sample.add(Cell::Null);
        assert!(sample.values.len() <= MOST);
        let figure = sample.figure().unwrap();
        for (found, expected) in figure.breaks.iter().zip([20e3, 40e3, 60e3, 80e3]) {
            assert!((found - expected).abs() < 1.5e3, "{figure:?}");
        }
    }

    #[test]
    fn columns_of_one_value_have_no_groups_and_equal_quantiles_are_one_break() {
        let figure = |values: &[f64]| {
            let mut sample = Sample::new(0, "share");
            for value in values {
                sample.add(Cell::Real(*value));
            }
            sample.figure().map(|figure| figure.breaks)
        };
        assert_eq!((figure(&[]), figure(&[2.0, 2.0]), figure(&[f64::NAN])), (None, None, None));
        assert_eq!(
            figure(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]),
            None,
            "a single zone differs: most are equal"
        );
        assert_eq!(figure(&[0.0, 0.0, 5.0, 5.0, 5.0]), Some(vec![5.0]));
        assert_eq!(figure(&[0.999_96, 1.0, 1.0]), None, "nobody sees the difference");
    }

    #[test]
    fn the_area_of_a_polygon_is_without_its_holes() {
        let square = |side: f64| vec![[0.0, 0.0], [side, 0.0], [side, side], [0.0, side], [0.0, 0.0]];
        assert!((area(&vec![square(4.0), square(1.0)]) - 15.0).abs() < 1e-12);
    }
}
