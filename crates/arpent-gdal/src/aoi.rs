//! Areas of interest: polygons of any vector file, laid over a grid.

use std::collections::BTreeSet;

use arpent_raster::{Crs, Grid, Window};
use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::vector::{Feature, Geometry, LayerAccess, geometry_type_flatten, geometry_type_to_name};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use gdal_sys::OGRwkbGeometryType::{wkbGeometryCollection, wkbMultiPolygon, wkbPolygon};

use crate::setup::quiet;
use crate::uri::{gdal_path, is_local, is_remote};
use crate::{GdalError, crs, failure, ffi, guard, scene};

/// Formats in which areas of interest come.
pub(crate) const DRIVERS: &[&str] = &[
    "GeoJSON",
    "GeoJSONSeq",
    "TopoJSON",
    "ESRIJSON",
    "GPKG",
    "ESRI Shapefile",
    "FlatGeobuf",
    "LIBKML",
    "KML",
    "GML",
    "MapInfo File",
    "Parquet",
];

/// Points put on the longer side of a polygon's bounding box before it is reprojected: straight lines of one CRS
/// are curves of another.
const DENSIFY: f64 = 256.0;

/// Largest pixel number that polygons are looked at for: a place on Earth is far below, and rounding begins far above.
const FARTHEST_PX: f64 = 1e15;

/// Polygons laid over a grid: a pixel is inside when its center is.
#[derive(Debug, Clone, PartialEq)]
pub struct Aoi {
    polygons: Vec<Polygon>,
    window: Window,
}

#[derive(Debug, Clone, PartialEq)]
struct Polygon {
    edges: Vec<Edge>,
    window: Window,
}

/// An edge of a polygon in grid pixels, upper end first; horizontal ones are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    top: [f64; 2],
    bottom: [f64; 2],
}

/// Reads the polygons of all layers of a vector file or URL and lays them over a grid, reprojected when they are in
/// another CRS.
///
/// # Errors
/// [`GdalError::Missing`], [`GdalError::Unreachable`], [`GdalError::NotAVector`], [`GdalError::AoiNoPolygon`] (also for
/// an empty file), [`GdalError::AoiInvalid`], [`GdalError::AoiNoCrs`], [`GdalError::Transform`], [`GdalError::TooLarge`].
pub fn read_aoi(uri: &str, grid: &Grid) -> Result<Aoi, GdalError> {
    guard::check_file(uri, &gdal_path(uri), guard::MAX_AOI_BYTES)?;
    let dataset = open_vector(uri)?;
    let mut polygons = Vec::new();
    let mut others = BTreeSet::new();
    let (mut edges, mut known) = (0u64, 0);
    for mut layer in dataset.layers() {
        let to_grid = if layer.feature_count() > 0 { Some(to_grid(uri, &layer, grid)?) } else { None };
        ffi::reset_error();
        for (number, feature) in (1u64..).zip(layer.features()) {
            let way = to_grid.as_ref().and_then(Option::as_ref);
            let source = FeatureSource { uri, number, grid, way };
            source.collect(&feature, &mut polygons, &mut others)?;
            edges += polygons[known..].iter().map(|p| p.edges.len() as u64).sum::<u64>();
            known = polygons.len();
            guard::check_vertices(uri, "vertices", edges)?;
        }
        // A file that ends too early ends the iteration like a whole one.
        if let Some(message) = ffi::last_failure() {
            return Err(GdalError::NotAVector { path: uri.to_owned(), message });
        }
    }
    Aoi::new(polygons).ok_or_else(|| {
        let found: Vec<_> = others.into_iter().collect();
        let found = if found.is_empty() { "no geometry".into() } else { found.join(", ") };
        GdalError::AoiNoPolygon { path: uri.to_owned(), found }
    })
}

/// Opens a vector file of one of the known formats.
pub(crate) fn open_vector(uri: &str) -> Result<Dataset, GdalError> {
    quiet();
    guard::harden();
    let path = gdal_path(uri);
    if is_local(&path) && !std::path::Path::new(&path).exists() {
        return Err(GdalError::Missing { path: uri.to_owned(), message: String::new() });
    }
    guard::check_document(uri, &path)?;
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY
            | GdalOpenFlags::GDAL_OF_VECTOR
            | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
        allowed_drivers: Some(DRIVERS),
        ..DatasetOptions::default()
    };
    ffi::reset_error();
    Dataset::open_ex(&path, options).map_err(|e| match scene::cannot_open(uri, &path, failure(&e)) {
        GdalError::NotARaster { path, message } | GdalError::Corrupt { path, message }
            if !is_remote(&path) =>
        {
            GdalError::NotAVector { path, message }
        }
        other => other,
    })
}

/// The transformation from a layer's CRS to the grid's; `None` when they are the same.
pub(crate) fn to_grid(
    uri: &str,
    layer: &impl LayerAccess,
    grid: &Grid,
) -> Result<Option<CoordTransform>, GdalError> {
    let from = layer.spatial_ref().ok_or_else(|| GdalError::AoiNoCrs { path: uri.to_owned() })?;
    to_crs(uri, &from, &grid.crs)
}

/// The transformation from the CRS of a layer to another; `None` when they are the same.
pub(crate) fn to_crs(uri: &str, from: &SpatialRef, to: &Crs) -> Result<Option<CoordTransform>, GdalError> {
    if crs::describe(from, uri).is_ok_and(|c| c.is_same(to)) {
        return Ok(None);
    }
    let way = CoordTransform::new(from, &crs::spatial_ref_of(to)?);
    way.map(Some)
        .map_err(|e| GdalError::BadCrs { definition: from.name().unwrap_or_default(), message: failure(&e) })
}

/// One feature of the file and how to bring it to the grid.
pub(crate) struct FeatureSource<'a> {
    pub(crate) uri: &'a str,
    pub(crate) number: u64,
    pub(crate) grid: &'a Grid,
    pub(crate) way: Option<&'a CoordTransform>,
}

impl FeatureSource<'_> {
    /// The polygons of the feature alone, `None` when they lie beyond `within`; what it is instead when it has none.
    pub(crate) fn area(
        &self,
        feature: &Feature<'_>,
        within: &Window,
    ) -> Result<Result<Option<Aoi>, String>, GdalError> {
        let (mut polygons, mut others) = (Vec::new(), BTreeSet::new());
        let geometry = polygonal(feature, &mut others);
        if let Some(geometry) = &geometry {
            self.project(geometry, &mut polygons, &mut others)?;
        }
        let Some(area) = Aoi::new(polygons) else {
            // Nothing drawn is nothing wrong; something else drawn is.
            return Ok(others.pop_first().map_or(Ok(None), Err));
        };
        // What is not valid is only of interest where it is looked at.
        if area.window.intersect(within).is_none() {
            return Ok(Ok(None));
        }
        geometry.map_or(Ok(()), |g| self.check(&g))?;
        Ok(Ok(Some(area)))
    }

    fn collect(
        &self,
        feature: &Feature<'_>,
        polygons: &mut Vec<Polygon>,
        others: &mut BTreeSet<String>,
    ) -> Result<(), GdalError> {
        let Some(geometry) = polygonal(feature, others) else { return Ok(()) };
        self.check(&geometry)?;
        self.project(&geometry, polygons, others)
    }

    fn check(&self, geometry: &Geometry) -> Result<(), GdalError> {
        ffi::reset_error();
        if geometry.is_valid() {
            return Ok(());
        }
        let (path, message) = (self.uri.to_owned(), ffi::last_message());
        Err(GdalError::AoiInvalid { path, feature: self.number, message })
    }

    /// Brings a geometry to the grid and takes it apart.
    fn project(
        &self,
        geometry: &Geometry,
        polygons: &mut Vec<Polygon>,
        others: &mut BTreeSet<String>,
    ) -> Result<(), GdalError> {
        let box_ = geometry.envelope();
        let longest = (box_.MaxX - box_.MinX).max(box_.MaxY - box_.MinY) / DENSIFY;
        guard::check_feature(self.uri, self.number, geometry, self.way.map(|_| longest))?;
        let mut geometry = geometry.clone();
        geometry.flatten_to_2d();
        if let Some(way) = self.way {
            ffi::segmentize(&geometry, longest);
            geometry.transform_inplace(way).map_err(|e| GdalError::Transform {
                from: format!("the CRS of {}", self.uri),
                to: self.grid.crs.name.clone(),
                x: box_.MinX,
                y: box_.MinY,
                message: failure(&e),
            })?;
        }
        let box_ = geometry.envelope();
        let corners = [self.grid.pixel(box_.MinX, box_.MinY), self.grid.pixel(box_.MaxX, box_.MaxY)];
        if corners.iter().any(|(x, y)| !x.is_finite() || x.abs().max(y.abs()) > FARTHEST_PX || y.is_nan()) {
            let message = "its coordinates are nowhere on Earth".to_owned();
            return Err(GdalError::AoiInvalid { path: self.uri.to_owned(), feature: self.number, message });
        }
        push(&geometry, self.grid, polygons, others);
        Ok(())
    }
}

/// Takes a geometry in the CRS of the grid apart.
fn push(geometry: &Geometry, grid: &Grid, polygons: &mut Vec<Polygon>, others: &mut BTreeSet<String>) {
    let kind = geometry_type_flatten(geometry.geometry_type());
    if kind == wkbPolygon {
        polygons.extend(Polygon::new(geometry, grid));
    } else if kind == wkbMultiPolygon || kind == wkbGeometryCollection {
        for i in 0..geometry.geometry_count() {
            push(&geometry.get_geometry(i), grid, polygons, others);
        }
    } else {
        others.insert(geometry_type_to_name(kind));
    }
}

/// The geometry of a feature if it is made of polygons.
fn polygonal(feature: &Feature<'_>, others: &mut BTreeSet<String>) -> Option<Geometry> {
    if !ffi::has_geometry(feature) {
        return None;
    }
    let geometry = feature.geometry().filter(|g| !g.is_empty())?;
    let kind = geometry_type_flatten(geometry.geometry_type());
    if [wkbPolygon, wkbMultiPolygon, wkbGeometryCollection].contains(&kind) {
        return Some(geometry.clone());
    }
    others.insert(geometry_type_to_name(kind));
    None
}

/// Where a point lies on a grid, not farther than numbers of pixels reach.
fn place(grid: &Grid, x: f64, y: f64) -> [f64; 2] {
    let (x, y) = grid.pixel(x, y);
    [x, y].map(|v| v.clamp(-FARTHEST_PX, FARTHEST_PX))
}

impl Polygon {
    #[allow(clippy::cast_possible_truncation, reason = "f64 to i64 casts saturate")]
    fn new(geometry: &Geometry, grid: &Grid) -> Option<Self> {
        let mut edges = Vec::new();
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for i in 0..geometry.geometry_count() {
            let mut points = Vec::new();
            geometry.get_geometry(i).get_points(&mut points);
            let mut ring: Vec<[f64; 2]> = points.iter().map(|(x, y, _)| place(grid, *x, *y)).collect();
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

/// The area of a geometry in well-known binary, in the CRS of the grid; none for what has no polygon.
pub fn area_of_wkb(wkb: &[u8], grid: &Grid) -> Option<Aoi> {
    quiet();
    Aoi::of_geometry(&Geometry::from_wkb(wkb).ok()?, grid)
}

impl Aoi {
    fn new(polygons: Vec<Polygon>) -> Option<Self> {
        let first = polygons.first()?;
        let window = polygons.iter().fold(first.window, |all, p| all.union(&p.window));
        Some(Self { polygons, window })
    }

    /// The polygons of a geometry in the CRS of the grid; none when it has none.
    pub(crate) fn of_geometry(geometry: &Geometry, grid: &Grid) -> Option<Self> {
        let mut polygons = Vec::new();
        push(geometry, grid, &mut polygons, &mut BTreeSet::new());
        Self::new(polygons)
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
