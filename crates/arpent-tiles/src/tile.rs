//! One tile: made from pieces of features or from the four tiles below it, then generalized.

use std::sync::Arc;

use arpent_base::Value;
use arpent_base::number::{approximate, exact, fitted};
use serde::{Deserialize, Serialize};

use crate::eliminate::{Sizes, eliminate};
use crate::error::{Result, TilesError};
use crate::graph::{Graph, is_consistent};
use crate::grid::TileId;
use crate::mesh::{Bit, Clash, Edge, Label, NONE, Pt, areas2, at, net, number, relabel};
use crate::overlap::resolve;
use crate::round::{snap, weld};
use crate::scale::{CUT_BITS, Scale};
use crate::settle::settle;
use crate::simplify::simplify;

/// Classes are brought to within this share of their true area in a tile.
const GOAL: f64 = 0.001;

/// An end this near to an edge is a part of it, cut steps: coordinates that were transformed lie beside straight lines.
const WELD: i32 = 3;

/// What a feature carries through all zooms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Feat {
    /// Position in the input.
    pub(crate) ordinal: u64,
    /// The feature's own id.
    pub(crate) name: String,
    /// Id in tiles.
    pub(crate) id: u64,
    /// Position of its class.
    pub(crate) class: usize,
    /// Area on the ground.
    pub(crate) area_m2: f64,
    /// Area as a share of the world's.
    pub(crate) share: f64,
    pub(crate) values: Vec<Option<Value>>,
}

/// An object that may be too small to be drawn, or several.
#[derive(Debug, Clone)]
pub(crate) struct Dot {
    /// The largest of them.
    pub(crate) feat: Arc<Feat>,
    pub(crate) count: u64,
    pub(crate) area_m2: f64,
    pub(crate) at: Pt,
}

/// A feature's part in a tile, as rings in cut steps.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) feat: Arc<Feat>,
    pub(crate) rings: Vec<Vec<Pt>>,
    /// The place that stands for the feature, if it is in this tile, cut steps.
    pub(crate) dot: Option<Pt>,
}

/// What a tile holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Regions side by side. The label of a region is its position, from 1.
    Coverage { edges: Vec<Edge>, feats: Vec<Arc<Feat>>, truth: Vec<f64> },
    /// Objects, each for itself; its label is 1.
    Objects(Vec<(Arc<Feat>, Vec<Edge>)>),
}

/// A tile in the grid of its zoom; after [`join`], in that of the zoom below.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(crate) id: TileId,
    pub(crate) side: i32,
    pub(crate) content: Content,
    pub(crate) dots: Vec<Dot>,
}

/// A tile of the deepest zoom from pieces of features. `side`: steps of its side, 2^`CUT_BITS` cut steps each.
///
/// # Errors
/// If the regions of a coverage overlap, or an outline crosses itself.
pub(crate) fn leaf(id: TileId, pieces: Vec<Piece>, side: i32, coverage: Option<usize>) -> Result<Tile> {
    let scale = 1 << CUT_BITS;
    let near = |p: &Pt| Pt::new((p.x / scale).min(side - 1), (p.y / scale).min(side - 1));
    let dots = pieces.iter().filter_map(|piece| {
        let at = near(piece.dot.as_ref()?);
        Some(Dot { feat: Arc::clone(&piece.feat), count: 1, area_m2: piece.feat.area_m2, at })
    });
    let dots = dots.collect();
    let content = if let Some(classes) = coverage {
        regions(pieces, side, classes)?
    } else {
        let drawn = pieces.into_iter().filter(|piece| !piece.rings.is_empty());
        let objects = drawn.map(|piece| {
            let edges = object(&piece, side)?;
            Ok((piece.feat, edges))
        });
        Content::Objects(objects.collect::<Result<_>>()?)
    };
    Ok(Tile { id, side, content, dots })
}

/// The edges of an object's part in a tile.
fn object(piece: &Piece, side: i32) -> Result<Vec<Edge>> {
    let scale = 1 << CUT_BITS;
    let crossing = |_: Clash| TilesError::Crossing { id: piece.feat.name.clone() };
    let edges = net(bits(&piece.rings, 1)).map_err(crossing)?;
    // What is left of a part without area, at the side of a tile.
    let Some(first) = edges.first().map(|edge| edge.a) else { return Ok(edges) };
    let edges = net(snap(&edges, scale, side, true)).map_err(crossing)?;
    if !is_consistent(&edges, side) {
        return Err(crossing(Clash(1, 1)));
    }
    Ok(whole(edges, Pt::new((first.x / scale).min(side - 1), (first.y / scale).min(side - 1))))
}

/// The regions of a tile of a coverage.
fn regions(mut pieces: Vec<Piece>, side: i32, classes: usize) -> Result<Content> {
    pieces.retain(|piece| !piece.rings.is_empty());
    pieces.sort_by_key(|piece| piece.feat.ordinal);
    let mut feats: Vec<Arc<Feat>> = Vec::with_capacity(pieces.len());
    let mut truth = vec![0.0; classes];
    let mut all = Vec::new();
    for piece in pieces {
        let own: i64 = piece.rings.iter().map(|ring| crate::rings::twice(ring)).sum();
        truth[piece.feat.class] += approximate(own) / 4f64.powi(i32::from(CUT_BITS));
        if feats.last().is_none_or(|last| last.ordinal != piece.feat.ordinal) {
            feats.push(piece.feat);
        }
        all.extend(bits(&piece.rings, number(feats.len())));
    }
    let scale = 1 << CUT_BITS;
    let welded = weld(&apart(&all), side * scale, WELD);
    let rounded = snap(&apart(&welded), scale, side, true);
    let edges = match net(rounded.clone()) {
        Ok(edges) if is_consistent(&edges, side) => edges,
        wrong => {
            let (edges, twice) = resolve(rounded, side);
            // Where outlines are cut at the side of a tile, they may differ by a step.
            if twice > 8 * i64::from(side) {
                let Clash(one, other) = wrong.err().unwrap_or(Clash(1, number(feats.len())));
                let name = |label: Label| feats[at(label).max(1) - 1].name.clone();
                return Err(TilesError::Overlap { one: name(one), other: name(other) });
            }
            edges
        }
    };
    Ok(Content::Coverage { edges, feats, truth })
}

/// Outlines as edges. Those of regions that overlap stay apart.
fn apart(bits: &[Bit]) -> Vec<Edge> {
    net(bits.to_vec()).unwrap_or_else(|_| bits.iter().map(Bit::edge).collect())
}

/// Rings as parts of an outline.
fn bits(rings: &[Vec<Pt>], label: Label) -> Vec<Bit> {
    let of = |ring: &Vec<Pt>| -> Vec<Bit> {
        let next = ring.iter().cycle().skip(1);
        ring.iter().zip(next).filter(|(a, b)| a != b).map(|(a, b)| Bit::new(*a, *b, label)).collect()
    };
    rings.iter().flat_map(of).collect()
}

/// An object's edges, or a square of one step where it was, if rounding left nothing: objects never vanish.
fn whole(edges: Vec<Edge>, near: Pt) -> Vec<Edge> {
    if !edges.is_empty() {
        return edges;
    }
    let p = |dx, dy| Pt::new(near.x + dx, near.y + dy);
    let ring = vec![p(0, 0), p(1, 0), p(1, 1), p(0, 1)];
    net(bits(&[ring], 1)).unwrap_or_default()
}

/// A tile from those below it, which have `side` steps each.
pub(crate) fn join(id: TileId, children: Vec<Tile>, side: i32) -> Tile {
    let mut dots = Vec::new();
    let mut contents = Vec::with_capacity(4);
    for child in children {
        let (col, row) = child.id.quadrant();
        let by = |n: u32| side * fitted::<i32>(n);
        let shift = Pt::new(by(col), by(row));
        let moved = child.dots.into_iter();
        dots.extend(moved.map(|dot| Dot { at: Pt::new(dot.at.x + shift.x, dot.at.y + shift.y), ..dot }));
        contents.push((shift, child.content));
    }
    let content = if contents.iter().any(|(_, c)| matches!(c, Content::Coverage { .. })) {
        join_regions(contents, side)
    } else {
        join_objects(contents, side)
    };
    Tile { id, side: side * 2, content, dots }
}

fn join_regions(contents: Vec<(Pt, Content)>, side: i32) -> Content {
    let parts: Vec<_> = contents
        .into_iter()
        .filter_map(|(shift, content)| match content {
            Content::Coverage { edges, feats, truth } => Some((shift, edges, feats, truth)),
            Content::Objects(_) => None,
        })
        .collect();
    let mut feats: Vec<Arc<Feat>> = parts.iter().flat_map(|part| part.2.iter().cloned()).collect();
    feats.sort_by_key(|feat| feat.ordinal);
    feats.dedup_by_key(|feat| feat.ordinal);
    let mut truth = vec![0.0; parts.first().map_or(0, |part| part.3.len())];
    let mut edges = Vec::new();
    for (shift, own, own_feats, own_truth) in parts {
        for (sum, one) in truth.iter_mut().zip(own_truth) {
            *sum += one;
        }
        let place = |feat: &Arc<Feat>| number(feats.partition_point(|f| f.ordinal < feat.ordinal) + 1);
        let labels: Vec<Label> = std::iter::once(NONE).chain(own_feats.iter().map(place)).collect();
        edges.extend(own.iter().map(|edge| {
            let moved = shifted(edge, shift);
            Edge { left: labels[at(edge.left)], right: labels[at(edge.right)], ..moved }
        }));
    }
    Content::Coverage { edges: seamless(edges, side), feats, truth }
}

fn join_objects(contents: Vec<(Pt, Content)>, side: i32) -> Content {
    let mut all: Vec<(Arc<Feat>, Vec<Edge>)> = Vec::new();
    for (shift, content) in contents {
        if let Content::Objects(objects) = content {
            let moved = |edges: Vec<Edge>| edges.iter().map(|edge| shifted(edge, shift)).collect();
            all.extend(objects.into_iter().map(|(feat, edges)| (feat, moved(edges))));
        }
    }
    all.sort_by_key(|(feat, _)| feat.ordinal);
    let mut objects: Vec<(Arc<Feat>, Vec<Edge>)> = Vec::with_capacity(all.len());
    let mut parts = 0;
    for (feat, edges) in all {
        if let Some(last) = objects.last_mut().filter(|last| last.0.ordinal == feat.ordinal) {
            last.1.extend(edges);
            parts += 1;
            continue;
        }
        if parts > 0 {
            close(&mut objects, side);
        }
        parts = 0;
        objects.push((feat, edges));
    }
    if parts > 0 {
        close(&mut objects, side);
    }
    Content::Objects(objects)
}

/// The last object, whose parts are all there, in one piece.
fn close(objects: &mut [(Arc<Feat>, Vec<Edge>)], side: i32) {
    if let Some((_, edges)) = objects.last_mut() {
        *edges = seamless(std::mem::take(edges), side);
    }
}

fn shifted(edge: &Edge, by: Pt) -> Edge {
    let moved = |p: Pt| Pt::new(p.x + by.x, p.y + by.y);
    Edge { a: moved(edge.a), b: moved(edge.b), ..*edge }
}

/// Edges of four tiles without those along the lines between them that have one region on both sides.
fn seamless(edges: Vec<Edge>, side: i32) -> Vec<Edge> {
    let mut stops: [Vec<i32>; 2] = [Vec::new(), Vec::new()];
    for p in edges.iter().flat_map(|e| [e.a, e.b]) {
        if p.x == side {
            stops[0].push(p.y);
        }
        if p.y == side {
            stops[1].push(p.x);
        }
    }
    for stops in &mut stops {
        stops.sort_unstable();
        stops.dedup();
    }
    let mut on_line = Vec::new();
    let mut rest = Vec::with_capacity(edges.len());
    for edge in edges {
        let (along, vertical) =
            match (edge.a.x == side && edge.b.x == side, edge.a.y == side && edge.b.y == side) {
                (true, _) => (edge.a.y..edge.b.y, true),
                (_, true) => (edge.a.x..edge.b.x, false),
                _ => {
                    rest.push(edge);
                    continue;
                }
            };
        let stops = &stops[usize::from(!vertical)];
        let from = stops.partition_point(|s| *s <= along.start);
        let to = stops.partition_point(|s| *s < along.end);
        let mut last = edge.a;
        for stop in &stops[from..to] {
            let next = if vertical { Pt::new(side, *stop) } else { Pt::new(*stop, side) };
            edge.bits(last, next, &mut on_line);
            last = next;
        }
        edge.bits(last, edge.b, &mut on_line);
    }
    // Each of the two tiles has its regions on its own side, so nothing can overlap here.
    rest.extend(net(on_line).unwrap_or_default());
    rest
}

/// A tile as it is drawn at its zoom.
pub(crate) fn generalize(tile: Tile, scale: &Scale) -> Tile {
    let ratio = tile.side / scale.side;
    let content = match tile.content {
        Content::Coverage { edges, feats, truth } => {
            generalize_regions(edges, &feats, truth, (tile.side, ratio), scale)
        }
        Content::Objects(objects) => {
            let drawn = objects.into_iter().filter(|(feat, _)| feat.share >= scale.visible_share);
            let smaller = drawn.map(|(feat, edges)| {
                let edges = generalize_object(edges, (tile.side, ratio), scale);
                (feat, edges)
            });
            Content::Objects(smaller.collect())
        }
    };
    let dots = tile.dots.into_iter();
    let dots = dots.map(|dot| Dot { at: Pt::new(dot.at.x / ratio, dot.at.y / ratio), ..dot }).collect();
    Tile { id: tile.id, side: scale.side, content, dots: clustered(dots, scale) }
}

fn generalize_regions(
    mut edges: Vec<Edge>,
    feats: &[Arc<Feat>],
    truth: Vec<f64>,
    (side, ratio): (i32, i32),
    scale: &Scale,
) -> Content {
    let area = i64::from(ratio) * i64::from(ratio);
    let classes: Vec<usize> = std::iter::once(0).chain(feats.iter().map(|feat| feat.class)).collect();
    let sizes = Sizes {
        classes: &classes,
        truth: &truth,
        least2: scale.least2 * area,
        side,
        contact: scale.contact * i64::from(ratio),
    };
    let drawn = eliminate(&edges, &sizes);
    relabel(&mut edges, &drawn);
    let mut graph = Graph::new(&edges, side);
    simplify(&mut graph, scale.flat2.map(|flat2| flat2 * area));
    edges = graph.edges();
    if ratio > 1 {
        edges = net(snap(&edges, ratio, scale.side, false)).unwrap_or(edges);
    }
    let truth: Vec<f64> = truth.into_iter().map(|t| t / exact(area)).collect();
    let mut graph = Graph::new(&edges, scale.side);
    simplify(&mut graph, [1, 1]);
    let slack = exact(scale.least2) / 64.0;
    let edges = settle(graph.edges(), scale.side, &classes, &truth, (GOAL, slack), scale.reach);
    let mut graph = Graph::new(&edges, scale.side);
    simplify(&mut graph, [1, 1]);
    used(graph.edges(), feats, truth)
}

/// A coverage without the features that are not there.
fn used(mut edges: Vec<Edge>, feats: &[Arc<Feat>], truth: Vec<f64>) -> Content {
    let mut there = vec![false; feats.len() + 1];
    for edge in &edges {
        there[at(edge.left)] = true;
        there[at(edge.right)] = true;
    }
    there[0] = false;
    let mut labels = vec![NONE; feats.len() + 1];
    let mut kept = Vec::new();
    for (i, feat) in feats.iter().enumerate() {
        if there[i + 1] {
            kept.push(Arc::clone(feat));
            labels[i + 1] = number(kept.len());
        }
    }
    relabel(&mut edges, &labels);
    Content::Coverage { edges, feats: kept, truth }
}

fn generalize_object(edges: Vec<Edge>, (side, ratio): (i32, i32), scale: &Scale) -> Vec<Edge> {
    let area = i64::from(ratio) * i64::from(ratio);
    let Some(first) = edges.first().map(|edge| edge.a) else { return edges };
    let own = areas2(&edges, 2)[1];
    let mut graph = Graph::new(&edges, side);
    let flat2 = (scale.flat2[0] * area).min(own / 16).max(1);
    simplify(&mut graph, [flat2, flat2]);
    let mut edges = graph.edges();
    if ratio > 1 {
        edges = net(snap(&edges, ratio, scale.side, false)).unwrap_or_default();
    }
    let last = scale.side - 1;
    whole(edges, Pt::new((first.x / ratio).min(last), (first.y / ratio).min(last)))
}

/// Dots of one class in one cell of a tile as one dot, if they are too small to be drawn.
fn clustered(dots: Vec<Dot>, scale: &Scale) -> Vec<Dot> {
    let cell = (scale.side / 64).max(1);
    let (mut small, mut others): (Vec<Dot>, Vec<Dot>) = dots.into_iter().partition(|dot| dot.is_drawn(scale));
    small.sort_by_key(|dot| (dot.feat.class, dot.at.y / cell, dot.at.x / cell, dot.feat.ordinal));
    let key = |dot: &Dot| (dot.feat.class, dot.at.y / cell, dot.at.x / cell);
    for group in small.chunk_by(|one, other| key(one) == key(other)) {
        let largest =
            group.iter().reduce(|best, dot| if dot.feat.share > best.feat.share { dot } else { best });
        others.extend(largest.map(|largest| Dot {
            feat: Arc::clone(&largest.feat),
            count: group.iter().map(|dot| dot.count).sum(),
            area_m2: group.iter().map(|dot| dot.area_m2).sum(),
            at: largest.at,
        }));
    }
    others.sort_by_key(|dot| dot.feat.ordinal);
    others
}

impl Dot {
    /// Whether it is drawn: what it stands for is too small.
    pub(crate) fn is_drawn(&self, scale: &Scale) -> bool {
        self.count > 1 || self.feat.share < scale.visible_share
    }
}
