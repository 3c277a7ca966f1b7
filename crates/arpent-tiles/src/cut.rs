//! Outlines cut into the tiles of one zoom.
//!
//! Every line between tiles cuts an edge at a place that depends on the edge alone, not on its direction, and lines of
//! higher zooms cut first, so the two features on either side of an edge are cut alike.

use arpent_base::number::fitted;

use crate::grid::{TileId, WORLD_BITS};
use crate::mesh::Pt;
use crate::scale::CUT_BITS;

/// A place in cut steps of the world.
type Place = [i64; 2];

/// The tiles of zoom `z` that rings touch, with the rings' parts there. Coordinates are steps of the world; those of
/// parts are cut steps from the tile's north-west corner. `bits`: bits of a tile's side.
pub(crate) fn cut(rings: &[Vec<Place>], z: u8, bits: u8, mut emit: impl FnMut(TileId, Vec<Vec<Pt>>)) {
    let tile_bits = bits + CUT_BITS;
    let coarse = |p: &Place| p.map(|v| rounded(v, WORLD_BITS - z - tile_bits));
    let mut own: Vec<Vec<Place>> = rings.iter().map(|ring| ring.iter().map(coarse).collect()).collect();
    own.iter_mut().for_each(Vec::dedup);
    let world = TileId { z: 0, x: 0, y: 0 };
    split(own, world, z, tile_bits, &mut emit);
}

/// A dot's tile and place there.
pub(crate) fn locate(p: Place, z: u8, bits: u8) -> (TileId, Pt) {
    let tile_bits = bits + CUT_BITS;
    let last = (1i64 << (z + tile_bits)) - 1;
    let p = p.map(|v| rounded(v, WORLD_BITS - z - tile_bits).min(last));
    let id = TileId { z, x: fitted(p[0] >> tile_bits), y: fitted(p[1] >> tile_bits) };
    (id, local(p, id, tile_bits))
}

fn rounded(v: i64, by: u8) -> i64 {
    if by == 0 { v } else { (v + (1 << (by - 1))) >> by }
}

fn local(p: Place, id: TileId, tile_bits: u8) -> Pt {
    let from = |v: i64, n: u32| fitted(v - (i64::from(n) << tile_bits));
    Pt::new(from(p[0], id.x), from(p[1], id.y))
}

fn split(
    mut rings: Vec<Vec<Place>>,
    mut id: TileId,
    z: u8,
    tile_bits: u8,
    emit: &mut impl FnMut(TileId, Vec<Vec<Pt>>),
) {
    rings.retain(|ring| ring.len() > 2);
    loop {
        let Some([west, north, east, south]) = bounds(&rings) else { return };
        if id.z == z {
            let own = rings.iter().map(|ring| ring.iter().map(|p| local(*p, id, tile_bits)).collect());
            emit(id, own.collect());
            return;
        }
        let half = z - id.z - 1 + tile_bits;
        let (x, y) = ((2 * i64::from(id.x) + 1) << half, (2 * i64::from(id.y) + 1) << half);
        let child = |col: u32, row: u32| TileId { z: id.z + 1, x: 2 * id.x + col, y: 2 * id.y + row };
        // The usual case: all on one side, nothing to cut.
        let col = if east <= x {
            Some(0)
        } else if west >= x {
            Some(1)
        } else {
            None
        };
        let row = if south <= y {
            Some(0)
        } else if north >= y {
            Some(1)
        } else {
            None
        };
        if let (Some(col), Some(row)) = (col, row) {
            id = child(col, row);
            continue;
        }
        for (col, part) in halves(rings, 0, x) {
            for (row, part) in halves(part, 1, y) {
                split(part, child(col, row), z, tile_bits, emit);
            }
        }
        return;
    }
}

fn bounds(rings: &[Vec<Place>]) -> Option<[i64; 4]> {
    let mut places = rings.iter().flatten();
    let [x, y] = *places.next()?;
    Some(places.fold([x, y, x, y], |b, p| [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]))
}

/// Rings on both sides of a line across an axis (Sutherland and Hodgman 1974).
fn halves(rings: Vec<Vec<Place>>, axis: usize, line: i64) -> [(u32, Vec<Vec<Place>>); 2] {
    let mut sides = [(0, Vec::new()), (1, Vec::new())];
    for ring in rings {
        let mut parts = [Vec::new(), Vec::new()];
        for (i, p) in ring.iter().enumerate() {
            let q = ring[(i + 1) % ring.len()];
            if p[axis] <= line {
                parts[0].push(*p);
            }
            if p[axis] >= line {
                parts[1].push(*p);
            }
            if (p[axis] < line && q[axis] > line) || (p[axis] > line && q[axis] < line) {
                let at = crossing(*p, q, axis, line);
                parts[0].push(at);
                parts[1].push(at);
            }
        }
        for (side, mut part) in sides.iter_mut().zip(parts) {
            part.dedup();
            // What only touches the line is no part.
            if part.len() > 2 && part.iter().any(|p| p[axis] != line) {
                side.1.push(part);
            }
        }
    }
    sides
}

/// Where an edge crosses a line: the same for both directions.
fn crossing(p: Place, q: Place, axis: usize, line: i64) -> Place {
    let (a, b) = if p < q { (p, q) } else { (q, p) };
    let other = 1 - axis;
    let (part, whole) = (i128::from(line - a[axis]), i128::from(b[axis] - a[axis]));
    let (part, whole) = if whole < 0 { (-part, -whole) } else { (part, whole) };
    let away = (i128::from(b[other] - a[other]) * part * 2 + whole).div_euclid(2 * whole);
    let mut at = [line; 2];
    at[other] = a[other] + fitted::<i64>(away);
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rings::twice;

    #[test]
    fn parts_make_up_the_whole() {
        let ring: Vec<Place> = [(10, 10), (900, 130), (700, 1000), (300, 400)]
            .map(|(x, y)| [x, y].map(|v: i64| (v << WORLD_BITS) / 1024))
            .to_vec();
        let whole: i64 = {
            let mut sum = 0;
            cut(std::slice::from_ref(&ring), 0, 12, |_, rings| {
                sum += rings.iter().map(|r| twice(r)).sum::<i64>();
            });
            sum
        };
        let mut tiles = std::collections::BTreeSet::new();
        let mut sum = 0;
        cut(&[ring], 3, 9, |id, rings| {
            assert!(tiles.insert(id));
            let side = 1 << (9 + CUT_BITS);
            assert!(rings.iter().flatten().all(|p| (0..=side).contains(&p.x) && (0..=side).contains(&p.y)));
            sum += rings.iter().map(|r| twice(r)).sum::<i64>();
        });
        assert!(tiles.len() > 20);
        // Cuts are rounded to a step of 2^16.
        assert!((whole - sum).abs() * 2000 < whole, "{whole} {sum}");
    }

    #[test]
    fn an_edge_is_cut_alike_in_both_directions() {
        for (p, q) in [([0, 0], [7, 3]), ([0, 5], [9, 0]), ([-3, 1], [4, 2])] {
            assert_eq!(crossing(p, q, 0, 3), crossing(q, p, 0, 3));
        }
        assert_eq!(crossing([0, 0], [4, 2], 0, 1), [1, 1]);
    }

    #[test]
    fn a_place_at_the_end_of_the_world_is_in_the_last_tile() {
        let (id, p) = locate([1 << WORLD_BITS, 0], 2, 12);
        assert_eq!((id, p), (TileId { z: 2, x: 3, y: 0 }, Pt::new((1 << 16) - 1, 0)));
    }
}
