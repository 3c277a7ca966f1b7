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
        assert_eq!(parts_to_wkb(&[p.clone(), p]), both);
    }
}
