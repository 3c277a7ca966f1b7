//! Well-known binary of polygons (OGC 06-103r4, clause 8).

use arpent_base::number::fitted;
use geo_types::{LineString, Polygon};

const LITTLE_ENDIAN: u8 = 1;
const POLYGON: u32 = 3;
const MULTI_POLYGON: u32 = 6;

/// Little-endian ISO WKB of a polygon, two dimensions.
pub fn to_wkb(polygon: &Polygon<f64>) -> Vec<u8> {
    let rings = || std::iter::once(polygon.exterior()).chain(polygon.interiors());
    let size = rings().map(|ring| 4 + 16 * ring.0.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(9 + size);
    bytes.push(LITTLE_ENDIAN);
    bytes.extend_from_slice(&POLYGON.to_le_bytes());
    bytes.extend_from_slice(&count(1 + polygon.interiors().len()));
    rings().for_each(|ring| write_ring(ring, &mut bytes));
    bytes
}

/// Little-endian ISO WKB of a multipolygon, two dimensions.
pub fn parts_to_wkb(parts: &[Polygon<f64>]) -> Vec<u8> {
    let mut bytes = vec![LITTLE_ENDIAN];
    bytes.extend_from_slice(&MULTI_POLYGON.to_le_bytes());
    bytes.extend_from_slice(&count(parts.len()));
    for part in parts {
        bytes.extend(to_wkb(part));
    }
    bytes
}

fn write_ring(ring: &LineString<f64>, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&count(ring.0.len()));
    for c in ring.coords() {
        bytes.extend_from_slice(&c.x.to_le_bytes());
        bytes.extend_from_slice(&c.y.to_le_bytes());
    }
}

/// The polygons of little-endian ISO WKB of a polygon or multipolygon in two dimensions; `None` for anything else.
pub fn polygons_of_wkb(bytes: &[u8]) -> Option<Vec<Polygon<f64>>> {
    let mut rest = bytes;
    let polygons = match head(&mut rest)? {
        POLYGON => vec![polygon(&mut rest)?],
        MULTI_POLYGON => {
            let parts = number(&mut rest)?;
            let part = |_| (head(&mut rest)? == POLYGON).then(|| polygon(&mut rest)).flatten();
            (0..parts).map(part).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    rest.is_empty().then_some(polygons)
}

/// The kind of a geometry.
fn head(rest: &mut &[u8]) -> Option<u32> {
    let (order, after) = rest.split_first()?;
    *rest = after;
    if *order == LITTLE_ENDIAN { number(rest) } else { None }
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*bytes))
}

fn polygon(rest: &mut &[u8]) -> Option<Polygon<f64>> {
    let rings = number(rest)?;
    let mut rings = (0..rings).map(|_| ring(rest)).collect::<Option<Vec<_>>>()?.into_iter();
    let exterior = rings.next()?;
    Some(Polygon::new(exterior, rings.collect()))
}

fn ring(rest: &mut &[u8]) -> Option<LineString<f64>> {
    let points = number(rest)?;
    let mut coordinate = || {
        let (bytes, after) = rest.split_first_chunk()?;
        *rest = after;
        Some(f64::from_le_bytes(*bytes))
    };
    let point = |_| Some((coordinate()?, coordinate()?));
    (0..points).map(point).collect::<Option<Vec<_>>>().map(LineString::from)
}

/// WKB counts are 32 bits; a ring of more vertices would take 64 GiB.
fn count(n: usize) -> [u8; 4] {
    fitted::<u32>(n).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::polygon;

    #[test]
    fn a_triangle_with_a_hole_is_spelled_out() {
        let p = polygon!(
            exterior: [(x: 0.0, y: 0.0), (x: 9.0, y: 0.0), (x: 0.0, y: 9.0)],
            interiors: [[(x: 1.0, y: 1.0), (x: 1.0, y: 2.0), (x: 2.0, y: 1.0)]],
        );
        let mut expected = vec![1, 3, 0, 0, 0, 2, 0, 0, 0];
        for ring in [[0.0, 0.0, 9.0, 0.0, 0.0, 9.0, 0.0, 0.0], [1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0]] {
            expected.extend([4, 0, 0, 0]);
            expected.extend(ring.iter().flat_map(|v: &f64| v.to_le_bytes()));
        }
        assert_eq!(to_wkb(&p), expected);
        let both = [&[1, 6, 0, 0, 0, 2, 0, 0, 0][..], &expected, &expected].concat();
        assert_eq!(parts_to_wkb(&[p.clone(), p.clone()]), both);
        assert_eq!(polygons_of_wkb(&expected), Some(vec![p.clone()]));
        assert_eq!(polygons_of_wkb(&both), Some(vec![p.clone(), p]));
        for end in 0..both.len() {
            assert_eq!(polygons_of_wkb(&both[..end]), None, "{end}");
        }
        let mut huge = expected.clone();
        huge[5..9].fill(255);
        assert_eq!(polygons_of_wkb(&huge), None, "a count is no promise");
    }
}
