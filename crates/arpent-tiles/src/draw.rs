//! A tile as bytes: a layer of polygons, a layer of points.

use std::collections::BTreeMap;
use std::io::Write;

use arpent_base::number::{fitted, rounded, signed};
use arpent_base::{Column, Value};
use flate2::{Compression, GzBuilder};

use crate::error::{Result, TilesError};
use crate::mesh::at;
use crate::mvt::Layer;
use crate::rings::{Inverted, Polygon, buffered, polygons};
use crate::scale::Scale;
use crate::tile::{Content, Dot, Feat, Tile};

/// Name of the layer of polygons.
pub const FEATURES: &str = "features";

/// Name of the layer of points.
pub const POINTS: &str = "points";

/// Property of a point: how many features it stands for.
pub(crate) const COUNT: &str = "count";

/// Property of a point: the sum of their areas.
pub(crate) const AREA: &str = "area_m2";

/// What is the same for all tiles.
#[derive(Debug)]
pub(crate) struct Legend {
    pub(crate) columns: Vec<Column>,
    /// Positions of columns that depend on the class alone: points that stand for several features have them, too.
    pub(crate) of_class: Vec<usize>,
    /// A property without a column: the number of the class.
    pub(crate) classes: Vec<u32>,
}

/// The compressed tile; empty if it holds nothing.
///
/// # Errors
/// If an outline crosses itself.
pub(crate) fn draw(tile: &Tile, scale: &Scale, legend: &Legend) -> Result<Vec<u8>> {
    let extent = fitted(tile.side);
    let mut bytes = Vec::new();
    let mut layer = Layer::new(FEATURES, extent);
    let buffer = (tile.side / 64).max(1);
    let inverted = |feat: &Feat| TilesError::Crossing { id: feat.name.clone() };
    let mut add = |feat: &Feat, own: &[Polygon]| {
        let moved =
            own.iter().map(|polygon| polygon.iter().map(|ring| buffered(ring, tile.side, buffer)).collect());
        layer.add_polygons(feat.id, &moved.collect::<Vec<Polygon>>(), properties(feat, legend));
    };
    match &tile.content {
        Content::Coverage { edges, feats, .. } => {
            let all = polygons(edges, feats.len() + 1)
                .map_err(|Inverted(label)| inverted(&feats[at(label).max(1) - 1]))?;
            for (feat, own) in feats.iter().zip(&all[1..]).filter(|(_, own)| !own.is_empty()) {
                add(feat, own);
            }
        }
        Content::Objects(objects) => {
            for (feat, edges) in objects {
                let all = polygons(edges, 2).map_err(|_| inverted(feat))?;
                add(feat, &all[1]);
            }
        }
    }
    layer.finish(&mut bytes);
    let mut layer = Layer::new(POINTS, extent);
    for dot in tile.dots.iter().filter(|dot| dot.is_drawn(scale)) {
        let own = dot_properties(dot, legend);
        layer.add_point(dot.feat.id, dot.at, own.iter().map(|(key, value)| (*key, value)));
    }
    layer.finish(&mut bytes);
    Ok(if bytes.is_empty() { bytes } else { compressed(&bytes) })
}

fn properties<'a, 'n>(feat: &'a Feat, legend: &'n Legend) -> impl Iterator<Item = (&'n str, &'a Value)> {
    let cells = legend.columns.iter().zip(&feat.values);
    cells.filter_map(|(column, value)| Some((column.name.as_str(), value.as_ref()?)))
}

/// A point's properties: all of a single feature's, those of the class of several.
fn dot_properties<'n>(dot: &Dot, legend: &'n Legend) -> BTreeMap<&'n str, Value> {
    let cells = legend.columns.iter().zip(&dot.feat.values).enumerate();
    let kept = cells.filter(|(i, _)| dot.count == 1 || legend.of_class.contains(i));
    let mut own: BTreeMap<&str, Value> =
        kept.filter_map(|(_, (column, value))| Some((column.name.as_str(), value.clone()?))).collect();
    own.insert("class_id", Value::Integer(i64::from(legend.classes[dot.feat.class])));
    own.insert(COUNT, Value::Integer(signed(arpent_base::number::index(dot.count))));
    own.insert(AREA, Value::Real(rounded(dot.area_m2, 6)));
    own
}

/// Bytes as gzip, always the same for the same bytes.
pub(crate) fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(8));
    let done = out.write_all(bytes).and_then(|()| out.finish());
    done.expect("memory takes all bytes")
}
