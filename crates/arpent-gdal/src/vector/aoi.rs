//! Areas of interest: polygons of any vector file, laid over a grid.

use arpent_raster::{Grid, Window};
use gdal::vector::Geometry;

use super::geometry::{LayerGeometry, Rings, taken_apart};
use super::name::layer_file;
use super::read::{LayerCounts, layer_name, read_features};
use super::source::{LayerShapes, LayerSource};
use crate::fields::Value;
use crate::setup::quiet;
use crate::uri::gdal_path;
use crate::{GdalError, guard};

/// Largest pixel number that polygons are looked at for: a place on Earth is far below, and rounding begins far above.
const FARTHEST_PX: f64 = 1e15;

/// Rows along which areas are measured.
const SAMPLED_ROWS: usize = 256;

/// Polygons laid over a grid: a pixel is inside when its center is.
#[derive(Debug, Clone, PartialEq)]
pub struct Aoi {
    polygons: Vec<Polygon>,
    window: Window,
    counts: LayerCounts,
}

/// How much of an area of interest lies outside of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outside {
    /// Polygons that lie outside as a whole.
    pub polygons: usize,
    /// Polygons there are.
    pub of: usize,
    /// Share of the area that lies outside, 0 to 1: exact along each of 256 rows, spread evenly; along all where there are fewer.
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Polygon {
    edges: Vec<Edge>,
    window: Window,
}

/// An edge of a polygon in grid pixels, upper end first; horizontal ones are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    top: [f64; 2],
    bottom: [f64; 2],
}

/// Reads the polygons of a layer of a vector file or URL, as [`read_features`] does, and lays them over a grid. After the file
/// may stand what [`LayerSource::uri`] takes. `near` is what it is wanted for, as for [`LayerSource::within`].
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

/// Reads the polygons of a layer and lays those of each feature over a grid; lines are refused. Features without geometry are
/// counted, and not handed on.
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

/// Where a point lies on a grid, not farther than numbers of pixels reach.
fn place(grid: &Grid, x: f64, y: f64) -> [f64; 2] {
    let (x, y) = grid.pixel(x, y);
    [x, y].map(|v| v.clamp(-FARTHEST_PX, FARTHEST_PX))
}

impl Polygon {
    #[allow(clippy::cast_possible_truncation, reason = "f64 to i64 casts saturate")]
    fn new(rings: &Rings, grid: &Grid) -> Option<Self> {
        let mut edges = Vec::new();
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for ring in rings {
            let mut ring: Vec<[f64; 2]> = ring.iter().map(|[x, y]| place(grid, *x, *y)).collect();
            if ring.iter().flatten().any(|v| v.is_nan()) {
                return None;
            }
            // An odd number of crossings has no inside.
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
            low[0].floor() as i64,
            low[1].floor() as i64,
            high[0].ceil() as i64,
            high[1].ceil() as i64,
        );
        Some(Self { edges, window })
    }
}

impl Edge {
    /// Ends are ordered, so that the same edge of a neighbor gives the same crossings to the last bit.
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
    #[allow(clippy::cast_possible_truncation, reason = "f64 to i64 casts saturate")]
    fn rows(&self) -> std::ops::Range<i64> {
        (self.top[1] - 0.5).ceil() as i64..(self.bottom[1] - 0.5).ceil() as i64
    }

    /// First column whose center lies at or right of the crossing with a row's center line.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "pixel numbers stay below 2^52"
    )]
    fn column(&self, row: i64) -> i64 {
        let along = (row as f64 + 0.5 - self.top[1]) / (self.bottom[1] - self.top[1]);
        (self.top[0] + along * (self.bottom[0] - self.top[0]) - 0.5).ceil() as i64
    }

    /// Whether it may cross a window.
    fn touches(&self, window: &Window) -> bool {
        let columns = (self.top[0].min(self.bottom[0]), self.top[0].max(self.bottom[0]));
        let rows = self.rows();
        #[allow(clippy::cast_precision_loss, reason = "pixel numbers stay below 2^52")]
        let within = columns.1 >= window.col as f64 && columns.0 <= window.col_end() as f64;
        within && rows.start < window.row_end() && rows.end > window.row
    }
}

/// Spans in order, those that touch or overlap as one; empty ones are left out.
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

/// The area of a geometry in well-known binary, in the CRS of the grid; none for what has no polygon.
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

    /// The polygons of a geometry in the CRS of the grid; none when it has none.
    pub(crate) fn of_geometry(geometry: &Geometry, grid: &Grid) -> Option<Self> {
        let LayerGeometry::Polygons(polygons) = taken_apart(geometry) else { return None };
        Self::new(polygons.iter().filter_map(|rings| Polygon::new(rings, grid)).collect())
    }

    /// What was read of the layer.
    pub fn counts(&self) -> LayerCounts {
        self.counts
    }

    /// Whether the bounding box of any polygon touches a window: with [`Aoi::intersects`], whether polygons are there that are
    /// too thin to hold the center of a pixel.
    pub fn is_near(&self, window: &Window) -> bool {
        self.polygons.iter().any(|polygon| polygon.window.intersect(window).is_some())
    }

    /// The smallest window that holds the polygons.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Which pixels of a window have their center inside, row by row. The same for a pixel in every window.
    pub fn mask(&self, window: Window) -> Vec<bool> {
        let mut mask = vec![false; window.width * window.height];
        for polygon in &self.polygons {
            if let Some(common) = polygon.window.intersect(&window) {
                polygon.fill(&mut mask, &window, &common);
            }
        }
        mask
    }

    /// How much of the polygons lies outside of all `windows`.
    pub fn outside_of(&self, windows: &[Window]) -> Outside {
        let mut by_row: Vec<&Window> = windows.iter().collect();
        by_row.sort_by_key(|window| window.row);
        let tallest = windows.iter().map(|window| window.height).max().unwrap_or(0);
        let tallest = i64::try_from(tallest).unwrap_or(i64::MAX);
        // Of windows in the order of their rows, only some can share a row with a polygon.
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
        #[allow(clippy::cast_precision_loss, reason = "a share to be told")]
        let share = if all == 0 { 0.0 } else { (all - inside) as f64 / all as f64 };
        Outside { polygons, of: self.polygons.len(), share }
    }

    /// Columns (from, to) of pixels whose centers are inside, of some rows, evenly from north to south; all where they are few.
    fn sampled_rows(&self) -> Vec<(i64, Vec<(i64, i64)>)> {
        let height = self.window.height;
        let count = height.min(SAMPLED_ROWS);
        let number = |i: usize| i64::try_from((2 * i + 1) * height / (2 * count)).unwrap_or(i64::MAX);
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
            // Rings are closed: each row is crossed an even number of times.
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
    /// Sets the pixels of `part` (inside `window`) whose centers are in the polygon, by the even-odd rule: those with an odd
    /// number of crossings at or left of them. Crossings are not listed, for a polygon may have millions in a row.
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
