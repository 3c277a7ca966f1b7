//! Areas of interest: polygons of any vector file, rasterized on a grid.

use arpent_base::Value;
use arpent_base::number::{ceil, exact, floor, signed};
use arpent_raster::{Grid, Raster, Window};
use gdal::vector::Geometry;

use super::geometry::{LayerGeometry, Rings, taken_apart};
use super::name::layer_file;
use super::read::{LayerCounts, layer_name, read_features};
use super::source::{LayerShapes, LayerSource};
use crate::setup::quiet;
use crate::uri::gdal_path;
use crate::{GdalError, guard};

/// Largest pixel number of polygons: positions on Earth are far below it, and loss of precision begins far above.
const FARTHEST_PX: f64 = 1e15;

/// Rows along which areas are measured.
const SAMPLED_ROWS: usize = 256;

/// Polygons on a grid: a pixel is inside if its center is.
#[derive(Debug, Clone, PartialEq)]
pub struct Aoi {
    polygons: Vec<Polygon>,
    window: Window,
    counts: LayerCounts,
}

/// The part of an area of interest that lies outside of some windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outside {
    /// Polygons that lie entirely outside.
    pub polygons: usize,
    /// Number of polygons.
    pub of: usize,
    /// Share of the area that lies outside, 0 to 1: exact along each of 256 evenly spaced rows; along all rows if there
    /// are fewer.
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Polygon {
    edges: Vec<Edge>,
    window: Window,
}

/// An edge of a polygon in grid pixels, upper end first; horizontal edges are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    top: [f64; 2],
    bottom: [f64; 2],
}

/// Reads the polygons of a layer of a vector file or URL, as [`read_features`] does, and converts them to grid pixels.
/// The file name may have the suffixes of [`LayerSource::uri`]. `near` is the region of use, as for
/// [`LayerSource::within`].
///
/// # Errors
/// As [`read_features`]; [`GdalError::AoiNoPolygon`] (also for an empty file), [`GdalError::FeatureKind`] for lines,
/// [`GdalError::FeaturePlace`], [`GdalError::TooLarge`].
pub fn read_aoi(uri: &str, grid: &Grid, near: &Window) -> Result<Aoi, GdalError> {
    let file = layer_file(uri);
    guard::check_file(file, &gdal_path(file), guard::MAX_AOI_BYTES)?;
    let (shapes, within) = (LayerShapes::Areas, Some(grid.bbox(near)));
    let source = LayerSource { shapes, within, ..LayerSource::new(uri, &grid.crs) };
    let mut polygons = Vec::new();
    let mut edges = 0u64;
    let counts = read_areas(&source, grid, &mut |_, found, _| {
        edges += found.iter().map(|p| p.edges.len() as u64).sum::<u64>();
        polygons.extend(found);
        guard::check_vertices(file, "vertices", edges)
    })?;
    let mut aoi = Aoi::new(polygons).ok_or_else(|| {
        let found = if counts.read == 0 { "no feature" } else { "features without geometry" };
        GdalError::AoiNoPolygon { path: file.to_owned(), found: found.to_owned() }
    })?;
    aoi.counts = counts;
    Ok(aoi)
}

/// Reads the polygons of a layer and converts those of each feature to grid pixels; lines are refused. Features without
/// geometry are counted and skipped.
pub(crate) fn read_areas(
    source: &LayerSource<'_>,
    grid: &Grid,
    each: &mut dyn FnMut(u64, Vec<Polygon>, Vec<Option<Value>>) -> Result<(), GdalError>,
) -> Result<LayerCounts, GdalError> {
    let path = layer_file(source.uri);
    read_features(source, &mut |feature| {
        let polygons = match &feature.geometry {
            LayerGeometry::Empty => return Ok(()),
            LayerGeometry::Polygons(polygons) => polygons,
            LayerGeometry::Lines(_) => {
                return Err(GdalError::FeatureKind {
                    path: path.to_owned(),
                    layer: layer_name(source)?,
                    feature: feature.number,
                    found: "line".to_owned(),
                    expected: "polygons",
                });
            }
        };
        let far = |[x, y]: &&[f64; 2]| {
            let (column, row) = grid.pixel(*x, *y);
            !(column.abs() <= FARTHEST_PX && row.abs() <= FARTHEST_PX)
        };
        if let Some([x, y]) = polygons.iter().flatten().flatten().find(far) {
            return Err(GdalError::FeaturePlace {
                path: path.to_owned(),
                layer: layer_name(source)?,
                feature: feature.number,
                x: *x,
                y: *y,
                expected: "place on Earth",
            });
        }
        let found = polygons.iter().filter_map(|rings| Polygon::new(rings, grid)).collect();
        each(feature.number, found, feature.values)
    })
}

/// The position of a point in grid pixels, clamped to the largest pixel number.
fn place(grid: &Grid, x: f64, y: f64) -> [f64; 2] {
    let (x, y) = grid.pixel(x, y);
    [x, y].map(|v| v.clamp(-FARTHEST_PX, FARTHEST_PX))
}

impl Polygon {
    fn new(rings: &Rings, grid: &Grid) -> Option<Self> {
        let mut edges = Vec::new();
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for ring in rings {
            let mut ring: Vec<[f64; 2]> = ring.iter().map(|[x, y]| place(grid, *x, *y)).collect();
            if ring.iter().flatten().any(|v| v.is_nan()) {
                return None;
            }
            // With an odd number of crossings, inside and outside are undefined.
            ring.extend(ring.first().copied());
            for point in &ring {
                for axis in 0..2 {
                    low[axis] = low[axis].min(point[axis]);
                    high[axis] = high[axis].max(point[axis]);
                }
            }
            edges.extend(ring.windows(2).filter_map(|ends| Edge::new(ends[0], ends[1])));
        }
        if edges.is_empty() {
            return None;
        }
        let window = Window::between(
            floor::<i64>(low[0]),
            floor::<i64>(low[1]),
            ceil::<i64>(high[0]),
            ceil::<i64>(high[1]),
        );
        Some(Self { edges, window })
    }
}

impl Edge {
    /// Ends are ordered, so that the same edge of a neighbor gives bit-identical crossings.
    fn new(a: [f64; 2], b: [f64; 2]) -> Option<Self> {
        if a[1] < b[1] {
            Some(Self { top: a, bottom: b })
        } else if b[1] < a[1] {
            Some(Self { top: b, bottom: a })
        } else {
            None
        }
    }

    /// Rows whose center lines the edge crosses.
    fn rows(&self) -> std::ops::Range<i64> {
        ceil::<i64>(self.top[1] - 0.5)..ceil::<i64>(self.bottom[1] - 0.5)
    }

    /// First column whose center lies at or right of the crossing with a row's center line.
    fn column(&self, row: i64) -> i64 {
        let along = (exact(row) + 0.5 - self.top[1]) / (self.bottom[1] - self.top[1]);
        ceil::<i64>(self.top[0] + along * (self.bottom[0] - self.top[0]) - 0.5)
    }

    /// Whether the edge may cross a window.
    fn touches(&self, window: &Window) -> bool {
        let columns = (self.top[0].min(self.bottom[0]), self.top[0].max(self.bottom[0]));
        let rows = self.rows();
        let within = columns.1 >= exact(window.col) && columns.0 <= exact(window.col_end());
        within && rows.start < window.row_end() && rows.end > window.row
    }
}

/// Sorted spans, merged where they touch or overlap, without empty ones.
fn joined(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in spans.into_iter().filter(|(from, to)| from < to) {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// The area of a geometry in well-known binary, in the CRS of the grid; `None` without polygons.
pub fn area_of_wkb(wkb: &[u8], grid: &Grid) -> Option<Aoi> {
    quiet();
    Aoi::of_geometry(&Geometry::from_wkb(wkb).ok()?, grid)
}

impl Aoi {
    pub(crate) fn new(polygons: Vec<Polygon>) -> Option<Self> {
        let first = polygons.first()?;
        let window = polygons.iter().fold(first.window, |all, p| all.union(&p.window));
        Some(Self { polygons, window, counts: LayerCounts::default() })
    }

    /// The polygons of a geometry in the CRS of the grid; `None` if it has none.
    pub(crate) fn of_geometry(geometry: &Geometry, grid: &Grid) -> Option<Self> {
        let LayerGeometry::Polygons(polygons) = taken_apart(geometry) else { return None };
        Self::new(polygons.iter().filter_map(|rings| Polygon::new(rings, grid)).collect())
    }

    /// Counts of the layer.
    pub fn counts(&self) -> LayerCounts {
        self.counts
    }

    /// Whether the bounding box of any polygon touches a window: with [`Aoi::intersects`], this finds polygons that are
    /// too thin to contain the center of a pixel.
    pub fn is_near(&self, window: &Window) -> bool {
        self.polygons.iter().any(|polygon| polygon.window.intersect(window).is_some())
    }

    /// The smallest window that contains the polygons.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Whether the center of each pixel of a window is inside. The same for a pixel in every window.
    pub fn mask(&self, window: Window) -> Raster<bool> {
        let mut mask = Raster::filled(window, false);
        for polygon in &self.polygons {
            if let Some(common) = polygon.window.intersect(&window) {
                polygon.fill(mask.data_mut(), &window, &common);
            }
        }
        mask
    }

    /// The part of the polygons that lies outside of all `windows`.
    pub fn outside_of(&self, windows: &[Window]) -> Outside {
        let mut by_row: Vec<&Window> = windows.iter().collect();
        by_row.sort_by_key(|window| window.row);
        let tallest = windows.iter().map(|window| window.height).max().unwrap_or(0);
        let tallest = signed(tallest);
        // Sorted by row, only a range of windows can share a row with a polygon.
        let near = |polygon: &&Polygon| {
            let rows = &polygon.window;
            let from = by_row.partition_point(|window| window.row.saturating_add(tallest) <= rows.row);
            let mut some = by_row[from..].iter().take_while(|window| window.row < rows.row_end());
            some.any(|window| window.intersect(rows).is_some())
        };
        let polygons = self.polygons.len() - self.polygons.iter().filter(near).count();
        let (mut all, mut inside) = (0, 0);
        for (row, spans) in self.sampled_rows() {
            let covered = windows.iter().filter(|w| (w.row..w.row_end()).contains(&row));
            let covered = joined(covered.map(|w| (w.col, w.col_end())).collect());
            for (from, to) in joined(spans) {
                all += to - from;
                let first = covered.partition_point(|c| c.1 <= from);
                let common = covered[first..].iter().take_while(|c| c.0 < to);
                inside += common.map(|c| c.1.min(to) - c.0.max(from)).sum::<i64>();
            }
        }
        let share = if all == 0 { 0.0 } else { exact(all - inside) / exact(all) };
        Outside { polygons, of: self.polygons.len(), share }
    }

    /// Columns (from, to) of pixels whose centers are inside, for evenly spaced rows from north to south; for all rows
    /// if there are few.
    fn sampled_rows(&self) -> Vec<(i64, Vec<(i64, i64)>)> {
        let height = self.window.height;
        let count = height.min(SAMPLED_ROWS);
        let number = |i: usize| signed((2 * i + 1) * height / (2 * count));
        let mut rows: Vec<(i64, Vec<(i64, i64)>)> =
            (0..count).map(|i| (self.window.row + number(i), Vec::new())).collect();
        for polygon in &self.polygons {
            let mut crossings = Vec::new();
            for edge in &polygon.edges {
                let wanted = edge.rows();
                let from = rows.partition_point(|(row, _)| *row < wanted.start);
                let among = rows[from..].iter().enumerate().take_while(|(_, (row, _))| *row < wanted.end);
                crossings.extend(among.map(|(i, (row, _))| (from + i, edge.column(*row))));
            }
            crossings.sort_unstable();
            // Rings are closed, so each row is crossed an even number of times.
            for pair in crossings.chunks_exact(2) {
                rows[pair[0].0].1.push((pair[0].1, pair[1].1));
            }
        }
        rows
    }

    /// Whether any pixel of a window has its center inside.
    pub fn intersects(&self, window: &Window) -> bool {
        self.polygons.iter().any(|polygon| {
            let Some(common) = polygon.window.intersect(window) else { return false };
            if polygon.edges.iter().any(|e| e.touches(&common)) {
                let mut mask = vec![false; common.width * common.height];
                polygon.fill(&mut mask, &common, &common);
                return mask.contains(&true);
            }
            // No edge near: all pixels are on one side.
            let one = Window { width: 1, height: 1, ..common };
            let mut mask = [false];
            polygon.fill(&mut mask, &one, &one);
            mask[0]
        })
    }
}

impl Polygon {
    /// Sets the pixels of `part` (inside `window`) whose centers are in the polygon, by the even-odd rule: those with
    /// an odd number of crossings at or left of them. Crossings are not listed, for a polygon may have millions in a
    /// row.
    fn fill(&self, mask: &mut [bool], window: &Window, part: &Window) {
        let Some((column, row)) = window.offset_of(part) else { return };
        let mut odd = vec![false; part.width * part.height];
        for edge in &self.edges {
            let rows = edge.rows();
            for row in rows.start.max(part.row)..rows.end.min(part.row_end()) {
                let at = edge.column(row).max(part.col);
                if at < part.col_end()
                    && let Some((c, r)) = part.offset_of(&Window::new(at, row, 1, 1))
                {
                    odd[r * part.width + c] ^= true;
                }
            }
        }
        for (r, odd) in odd.chunks_exact(part.width).enumerate() {
            let start = (row + r) * window.width + column;
            let mut inside = false;
            for (pixel, odd) in mask[start..start + part.width].iter_mut().zip(odd) {
                inside ^= odd;
                *pixel |= inside;
            }
        }
    }
}
