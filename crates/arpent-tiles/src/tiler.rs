//! From features to an archive.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arpent_base::number::{approximate, fitted, wide};
use arpent_base::{Column, ColumnKind, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::archive::{About, Archive, Encoding};
use crate::cut::{cut, locate};
use crate::draw::{AREA, COUNT, FEATURES, Legend, POINTS, compressed};
use crate::error::{Result, TilesError};
use crate::grid::{DEEPEST, TileId, WORLD_BITS, world};
use crate::pyramid::{Part, Plan, build, deltas};
use crate::scale::Scales;
use crate::spool::{RecordFile, Sorter, decode, encode};
use crate::tile::Feat;

/// Vertices of a tile that features are cut into, at most about.
const LEAF_VERTICES: u64 = 40_000;

/// Vertices of a block, at most about.
const BLOCK_VERTICES: u64 = 500_000;

/// Cells of the map of densities at most.
const CELLS: usize = 1 << 16;

/// Zoom of the finest map of densities.
const FINEST_CELLS: u8 = 18;

/// How features lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Side by side, without overlaps. Small ones become part of a neighbor.
    Coverage,
    /// Each for itself; they may overlap. Small ones become points.
    Objects,
}

/// What an archive is made of.
#[derive(Debug, Clone)]
pub struct TileOptions {
    /// How features lie.
    pub kind: Kind,
    /// Title of the archive.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// Whom to name beside the map; HTML, may be empty.
    pub attribution: String,
    /// Columns of features.
    pub columns: Vec<Column>,
    /// Names of the columns that depend on the class alone: points that stand for several features have them, too.
    pub of_class: Vec<String>,
    /// The deepest zoom, at most [`DEEPEST`].
    pub max_zoom: u8,
    /// Bytes of a compressed tile at most; where there would be more, the tile is more generalized.
    pub largest_tile: usize,
    /// Threads that build tiles.
    pub threads: usize,
}

/// A feature.
#[derive(Debug, Clone)]
pub struct TileFeature<'a> {
    /// Its id; numbers in tiles are made from it.
    pub id: &'a str,
    /// Number of its class.
    pub class_id: u32,
    /// Area on the ground, square meters.
    pub area_m2: f64,
    /// A value for each column.
    pub values: Vec<Option<Value>>,
    /// Polygons: an exterior, then holes, each of longitude and latitude in degrees, closed or not.
    pub polygons: &'a [Vec<Vec<[f64; 2]>>],
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileSummary {
    /// Features that came.
    pub features: u64,
    /// Features beyond the latitudes of Web Mercator, which are not in the archive.
    pub beyond: u64,
    /// Tiles.
    pub tiles: u64,
    /// Tiles that are more generalized than usual, because they would have had too many bytes.
    pub coarser: u64,
    /// Bytes of the largest tile.
    pub largest: u64,
}

/// A feature in the first scratch file. Coordinates are steps of the world, as differences, x and y in turn; exteriors
/// have a positive area.
#[derive(Debug, Serialize, Deserialize)]
struct Shape {
    name: String,
    class_id: u32,
    area_m2: f64,
    values: Vec<Option<Value>>,
    rings: Vec<Vec<i64>>,
    dot: Option<[i64; 2]>,
}

/// Takes features, in any order, and writes an archive. Memory does not depend on their number.
#[derive(Debug)]
pub struct Tiler {
    folder: TempDir,
    options: TileOptions,
    shapes: RecordFile,
    bytes: Vec<u8>,
    count: u64,
    beyond: u64,
    classes: BTreeSet<u32>,
    bbox: Option<[i64; 4]>,
    covered: f64,
    density: Density,
}

impl Tiler {
    /// A tiler with its scratch files in a new folder in `scratch`.
    ///
    /// # Errors
    /// [`TilesError::Zoom`], and [`TilesError::Io`] when scratch files cannot be created.
    pub fn create(options: TileOptions, scratch: &Path) -> Result<Self> {
        if options.max_zoom > DEEPEST {
            return Err(TilesError::Zoom { zoom: options.max_zoom });
        }
        let folder = tempfile::Builder::new().prefix("arpent-tiles-").tempdir_in(scratch);
        let folder = folder.map_err(TilesError::io("create a scratch folder in", scratch))?;
        let shapes = RecordFile::create(folder.path().join("shapes"))?;
        Ok(Self {
            folder,
            options,
            shapes,
            bytes: Vec::new(),
            count: 0,
            beyond: 0,
            classes: BTreeSet::new(),
            bbox: None,
            covered: 0.0,
            density: Density { z: FINEST_CELLS, cells: HashMap::new() },
        })
    }

    /// Adds a feature.
    ///
    /// # Errors
    /// [`TilesError::NotOnGlobe`], [`TilesError::ShortRing`], [`TilesError::Columns`], and [`TilesError::Io`] when a
    /// scratch file cannot be written.
    pub fn push(&mut self, feature: &TileFeature<'_>) -> Result<()> {
        let (id, columns) = (feature.id, self.options.columns.len());
        if feature.values.len() != columns {
            return Err(TilesError::Columns { id: id.to_owned(), values: feature.values.len(), columns });
        }
        self.count += 1;
        let mut rings = Vec::new();
        for polygon in feature.polygons {
            for (i, ring) in polygon.iter().enumerate() {
                rings.extend(steps(id, ring, i == 0)?);
            }
        }
        let Some(bbox) = bounds(&rings) else {
            self.beyond += 1;
            return Ok(());
        };
        let old = self.bbox.unwrap_or(bbox);
        self.bbox =
            Some([old[0].min(bbox[0]), old[1].min(bbox[1]), old[2].max(bbox[2]), old[3].max(bbox[3])]);
        self.covered += rings.iter().map(|ring| area(ring)).sum::<f64>();
        self.classes.insert(feature.class_id);
        self.density.add(rings[0][0], rings.iter().map(|ring| wide(ring.len())).sum());
        let dot = (self.options.kind == Kind::Objects).then(|| inside(&rings));
        let shape = Shape {
            name: id.to_owned(),
            class_id: feature.class_id,
            area_m2: feature.area_m2,
            values: feature.values.clone(),
            rings: rings.iter().map(|ring| differences(ring)).collect(),
            dot,
        };
        self.bytes.clear();
        encode(&shape, &mut self.bytes, &self.shapes.path)?;
        self.shapes.add(self.count, &self.bytes)
    }

    /// Writes the archive to a file.
    ///
    /// # Errors
    /// [`TilesError::Overlap`] and [`TilesError::Crossing`] of features, [`TilesError::Io`] when the file or a scratch
    /// file cannot be written.
    pub fn finish(mut self, path: &Path) -> Result<TileSummary> {
        let scales = Scales::new(self.bbox.unwrap_or([0, 0, 1, 1]), self.covered);
        let plan = self.plan(scales);
        let sorted = self.cut(&plan)?;
        let mut archive = Archive::create(self.folder.path(), plan.deepest)?;
        let mut built = build(&plan, sorted, &mut archive)?;
        if self.bbox.is_none() {
            // A directory has at least one entry.
            let nothing = compressed(&[]);
            built.largest = wide(nothing.len());
            archive.add(TileId { z: 0, x: 0, y: 0 }, &nothing)?;
        }
        let file = File::create(path).map_err(TilesError::io("create", path))?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        let tiles = archive.finish(&mut out, path, &self.about())?;
        Ok(TileSummary {
            features: self.count,
            beyond: self.beyond,
            tiles,
            coarser: built.coarser,
            largest: built.largest,
        })
    }

    fn plan(&self, scales: Scales) -> Plan {
        let options = &self.options;
        let mut leaf = options.max_zoom;
        while leaf < DEEPEST && self.density.most(leaf) > LEAF_VERTICES {
            leaf += 1;
        }
        let block = (0..leaf).find(|z| self.density.most(*z) <= BLOCK_VERTICES).unwrap_or(leaf);
        let named = |column: &Column| options.of_class.contains(&column.name);
        let of_class = options.columns.iter().enumerate().filter(|(_, c)| named(c)).map(|(i, _)| i);
        let legend = Legend {
            of_class: of_class.collect(),
            columns: options.columns.clone(),
            classes: self.classes.iter().copied().collect(),
        };
        Plan {
            scales,
            legend,
            coverage: options.kind == Kind::Coverage,
            leaf,
            block,
            deepest: options.max_zoom,
            largest: options.largest_tile,
            threads: options.threads,
        }
    }

    /// Cuts features into the parts of tiles.
    fn cut(&mut self, plan: &Plan) -> Result<crate::spool::Merged> {
        let mut shapes = self.shapes.read()?;
        let mut sorter = Sorter::new(self.folder.path());
        let mut bytes = Vec::new();
        let bits = plan.scales.bits(plan.leaf);
        while let Some(number) = shapes.next(&mut bytes)? {
            let shape: Shape = decode(&bytes, &self.shapes.path)?;
            let rings: Vec<Vec<[i64; 2]>> = shape.rings.iter().map(|ring| sums(ring)).collect();
            let world = 2f64.powi(i32::from(WORLD_BITS));
            let share = rings.iter().map(|ring| area(ring)).sum::<f64>() / world / world;
            let class = plan.legend.classes.partition_point(|class| *class < shape.class_id);
            let feat = Feat {
                ordinal: number,
                id: numeric(&shape.name),
                name: shape.name,
                class,
                area_m2: shape.area_m2,
                share,
                values: shape.values,
            };
            let mut place = shape.dot.map(|dot| locate(dot, plan.leaf, bits));
            let mut parts: Vec<(TileId, Part)> = Vec::new();
            cut(&rings, plan.leaf, bits, |id, rings| {
                let dot = place.take_if(|(tile, _)| *tile == id).map(|(_, p)| [p.x, p.y]);
                let rings = rings.iter().map(|ring| deltas(ring)).collect();
                parts.push((id, Part { tile: [id.x, id.y], feat: feat.clone(), rings, dot }));
            });
            if let Some((id, p)) = place {
                let dot = Some([p.x, p.y]);
                parts.push((id, Part { tile: [id.x, id.y], feat, rings: Vec::new(), dot }));
            }
            for (id, part) in parts {
                sorter.add(id.place(), &part)?;
            }
        }
        std::fs::remove_file(&self.shapes.path).map_err(TilesError::io("remove", &self.shapes.path))?;
        sorter.finish()
    }

    fn about(&self) -> About {
        let options = &self.options;
        let (bounds, (center, zoom)) = About::place(self.bbox, options.max_zoom);
        let field = |column: &Column| match column.kind {
            ColumnKind::Text => "String",
            ColumnKind::Byte | ColumnKind::Integer | ColumnKind::Real => "Number",
        };
        let fields: Map<_, _> = options.columns.iter().map(|c| (c.name.clone(), json!(field(c)))).collect();
        let mut of_points = fields.clone();
        for name in ["class_id", COUNT, AREA] {
            of_points.insert(name.into(), json!("Number"));
        }
        let layer = |id: &str, description: &str, fields: Map<_, _>| json!({ "id": id, "description": description, "minzoom": 0, "maxzoom": options.max_zoom, "fields": fields });
        let mut layers = vec![layer(FEATURES, "Features as polygons", fields)];
        if options.kind == Kind::Objects {
            layers.push(layer(POINTS, "Features that are too small to be drawn, counted", of_points));
        }
        let metadata = json!({
            "name": options.name,
            "description": options.description,
            "attribution": options.attribution,
            "type": "overlay",
            "version": "1",
            "generator": concat!("arpent ", env!("CARGO_PKG_VERSION")),
            "minzoom": 0,
            "maxzoom": options.max_zoom,
            "bounds": bounds,
            "center": [center[0], center[1], f64::from(zoom)],
            "vector_layers": layers,
        });
        About {
            encoding: Encoding::Vectors,
            bounds,
            center: (center, zoom),
            metadata: metadata.to_string().into_bytes(),
        }
    }
}

/// A number of 52 bits, which JavaScript keeps, from an id: itself if it is one.
fn numeric(id: &str) -> u64 {
    if let Some(number) = id.parse().ok().filter(|n: &u64| n >> 52 == 0) {
        return number;
    }
    let hash = Sha256::digest(id.as_bytes());
    hash[..8].iter().fold(0u64, |n, b| (n << 8) | u64::from(*b)) >> 12
}

/// A ring as steps of the world, not closed; exteriors with a positive area, holes with a negative one. `None` if nothing
/// of it is left.
fn steps(id: &str, ring: &[[f64; 2]], exterior: bool) -> Result<Option<Vec<[i64; 2]>>> {
    let place = |p: &[f64; 2]| {
        world(p[0], p[1]).ok_or_else(|| TilesError::NotOnGlobe {
            id: id.to_owned(),
            longitude: p[0],
            latitude: p[1],
        })
    };
    let mut places = ring.iter().map(place).collect::<Result<Vec<_>>>()?;
    let distinct = distinct(ring);
    if distinct < 3 {
        return Err(TilesError::ShortRing { id: id.to_owned(), places: distinct });
    }
    places.dedup();
    if places.first() == places.last() {
        places.pop();
    }
    let area = area(&places);
    if places.len() < 3 || area == 0.0 {
        return Ok(None);
    }
    if (area > 0.0) != exterior {
        places.reverse();
    }
    Ok(Some(places))
}

/// The number of different places of a ring, counted up to 3.
fn distinct(ring: &[[f64; 2]]) -> usize {
    let mut found: Vec<[u64; 2]> = Vec::with_capacity(3);
    for place in ring.iter().map(|p| p.map(f64::to_bits)) {
        if !found.contains(&place) {
            found.push(place);
        }
        if found.len() == 3 {
            break;
        }
    }
    found.len()
}

/// Signed area, square steps.
fn area(ring: &[[i64; 2]]) -> f64 {
    let Some(origin) = ring.first() else { return 0.0 };
    let place = |p: &[i64; 2]| [approximate(p[0] - origin[0]), approximate(p[1] - origin[1])];
    let next = ring.iter().cycle().skip(1);
    let twice: f64 = ring
        .iter()
        .zip(next)
        .map(|(p, q)| {
            let (p, q) = (place(p), place(q));
            p[0] * q[1] - p[1] * q[0]
        })
        .sum();
    twice / 2.0
}

fn bounds(rings: &[Vec<[i64; 2]>]) -> Option<[i64; 4]> {
    let mut places = rings.iter().flatten();
    let [x, y] = *places.next()?;
    Some(places.fold([x, y, x, y], |b, p| [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]))
}

/// A place inside of rings: the middle of the widest part of a line through the middle of the first.
fn inside(rings: &[Vec<[i64; 2]>]) -> [i64; 2] {
    let Some([west, north, east, south]) =
        rings.first().and_then(|first| bounds(std::slice::from_ref(first)))
    else {
        return [0, 0];
    };
    let y = north.midpoint(south);
    let mut cuts = Vec::new();
    for ring in rings {
        for (p, q) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            if (p[1] > y) != (q[1] > y) {
                let part = i128::from(q[0] - p[0]) * i128::from(y - p[1]) / i128::from(q[1] - p[1]);
                cuts.push(p[0] + fitted::<i64>(part));
            }
        }
    }
    cuts.sort_unstable();
    let widest = cuts.chunks_exact(2).max_by_key(|pair| pair[1] - pair[0]);
    [widest.map_or(west.midpoint(east), |pair| pair[0].midpoint(pair[1])), y]
}

fn differences(ring: &[[i64; 2]]) -> Vec<i64> {
    let mut last = [0, 0];
    let step = |p: &[i64; 2]| {
        let by = [p[0] - last[0], p[1] - last[1]];
        last = *p;
        by
    };
    ring.iter().flat_map(step).collect()
}

fn sums(differences: &[i64]) -> Vec<[i64; 2]> {
    let mut last = [0, 0];
    let step = |by: &[i64]| {
        last = [last[0] + by[0], last[1] + by[1]];
        last
    };
    differences.chunks_exact(2).map(step).collect()
}

/// Where vertices are: their number by cells of a zoom, coarser when there are many cells.
#[derive(Debug)]
struct Density {
    z: u8,
    cells: HashMap<[i64; 2], u64>,
}

impl Density {
    fn add(&mut self, place: [i64; 2], vertices: u64) {
        *self.cells.entry(place.map(|v| v >> (WORLD_BITS - self.z))).or_default() += vertices;
        if self.cells.len() > CELLS {
            let old = std::mem::take(&mut self.cells);
            self.z -= 1;
            for (cell, count) in old {
                *self.cells.entry(cell.map(|v| v >> 1)).or_default() += count;
            }
        }
    }

    /// About the most vertices of a tile of a zoom.
    fn most(&self, z: u8) -> u64 {
        if z >= self.z {
            return self.cells.values().max().copied().unwrap_or(0) >> (2 * u32::from(z - self.z)).min(63);
        }
        let mut tiles: HashMap<[i64; 2], u64> = HashMap::new();
        for (cell, count) in &self.cells {
            *tiles.entry(cell.map(|v| v >> (self.z - z))).or_default() += count;
        }
        tiles.values().max().copied().unwrap_or(0)
    }
}
