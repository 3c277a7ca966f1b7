//! Well-known binary (OGC 06-103r4, clause 8).

use geo_types::{LineString, Polygon};

const LITTLE_ENDIAN: u8 = 1;
const LINE: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_LINE: u32 = 5;
const MULTI_POLYGON: u32 = 6;

/// Little-endian ISO WKB of a polygon, two dimensions.
pub fn to_wkb(polygon: &Polygon<f64>) -> Vec<u8> {
    let rings = || std::iter::once(polygon.exterior()).chain(polygon.interiors());
    let size = rings().map(|ring| 4 + 16 * ring.0.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(9 + size);
    bytes.extend(start(POLYGON, 1 + polygon.interiors().len()));
    rings().for_each(|ring| write_ring(ring, &mut bytes));
    bytes
}

/// Little-endian ISO WKB of a multipolygon, two dimensions: for each polygon its exterior ring and its holes, closed.
pub fn multi_polygon_wkb(polygons: &[Vec<Vec<[f64; 2]>>]) -> Vec<u8> {
    let mut bytes = start(MULTI_POLYGON, polygons.len());
    for rings in polygons {
        bytes.extend(start(POLYGON, rings.len()));
        for ring in rings {
            write_points(ring, &mut bytes);
        }
    }
    bytes
}

/// Little-endian ISO WKB of a multiline, two dimensions.
pub fn multi_line_wkb(lines: &[Vec<[f64; 2]>]) -> Vec<u8> {
    let mut bytes = start(MULTI_LINE, lines.len());
    for line in lines {
        bytes.push(LITTLE_ENDIAN);
        bytes.extend_from_slice(&LINE.to_le_bytes());
        write_points(line, &mut bytes);
    }
    bytes
}

/// Byte order, type and number of parts.
fn start(kind: u32, parts: usize) -> Vec<u8> {
    let mut bytes = vec![LITTLE_ENDIAN];
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&count(parts));
    bytes
}

fn write_points(points: &[[f64; 2]], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&count(points.len()));
    bytes.extend(points.iter().flatten().flat_map(|v| v.to_le_bytes()));
}

fn write_ring(ring: &LineString<f64>, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&count(ring.0.len()));
    for c in ring.coords() {
        bytes.extend_from_slice(&c.x.to_le_bytes());
        bytes.extend_from_slice(&c.y.to_le_bytes());
    }
}

/// WKB counts with 32 bits; a ring of more vertices would take 64 GiB.
fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
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
    }

    #[test]
    fn shapes_of_several_parts_are_spelled_out() {
        let ring = vec![[0.0f64, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 0.0]];
        let points: Vec<u8> = ring.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        let head = |kind: u8, parts: u8| vec![1, kind, 0, 0, 0, parts, 0, 0, 0];
        let polygon = [head(3, 1), vec![4, 0, 0, 0], points.clone()].concat();
        let both = [head(6, 2), polygon.clone(), polygon].concat();
        assert_eq!(multi_polygon_wkb(&[vec![ring.clone()], vec![ring.clone()]]), both);
        let line = [head(5, 1), vec![1, 2, 0, 0, 0, 4, 0, 0, 0], points].concat();
        assert_eq!(multi_line_wkb(&[ring]), line);
        assert_eq!(multi_polygon_wkb(&[]), head(6, 0));
    }
}
