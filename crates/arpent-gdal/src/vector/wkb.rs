//! Encodes geometries of layers in well-known binary (OGC 06-103r4, 8.2), little-endian.

use arpent_base::number::fitted;

use super::geometry::{LayerGeometry, Line, Rings};

const LINE: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_LINE: u32 = 5;
const MULTI_POLYGON: u32 = 6;

impl LayerGeometry {
    /// A multipolygon or multiline in well-known binary; `None` for an empty geometry.
    pub fn to_wkb(&self) -> Option<Vec<u8>> {
        let mut wkb = Wkb::default();
        match self {
            Self::Empty => return None,
            Self::Polygons(polygons) => {
                wkb.head(MULTI_POLYGON, polygons.len());
                for rings in polygons {
                    wkb.polygon(rings);
                }
            }
            Self::Lines(lines) => {
                wkb.head(MULTI_LINE, lines.len());
                for line in lines {
                    wkb.bytes.push(1);
                    wkb.number(LINE);
                    wkb.points(line);
                }
            }
        }
        Some(wkb.bytes)
    }
}

/// One polygon in well-known binary.
pub fn polygon_wkb(rings: &Rings) -> Vec<u8> {
    let mut wkb = Wkb::default();
    wkb.polygon(rings);
    wkb.bytes
}

impl LayerGeometry {
    /// A geometry from the bytes of [`LayerGeometry::to_wkb`]; `None` if they are others.
    pub fn from_wkb(bytes: &[u8]) -> Option<Self> {
        let mut rest = Reader(bytes);
        let (kind, parts) = rest.head()?;
        let geometry = match kind {
            MULTI_POLYGON => Self::Polygons(rest.each(parts, |rest| {
                let (kind, rings) = rest.head()?;
                if kind == POLYGON { rest.each(rings, Reader::points) } else { None }
            })?),
            MULTI_LINE => Self::Lines(rest.each(parts, |rest| {
                let is_line = rest.byte()? == 1 && rest.number()? == LINE;
                if is_line { rest.points() } else { None }
            })?),
            _ => return None,
        };
        rest.0.is_empty().then_some(geometry)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// Type and number of parts.
    fn head(&mut self) -> Option<(u32, u32)> {
        if self.byte()? == 1 { Some((self.number()?, self.number()?)) } else { None }
    }

    fn each<T>(&mut self, count: u32, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..count).map(|_| one(self)).collect()
    }

    fn points(&mut self) -> Option<Line> {
        let count = self.number()?;
        let coordinate = |rest: &mut Self| rest.take().map(f64::from_le_bytes);
        self.each(count, |rest| Some([coordinate(rest)?, coordinate(rest)?]))
    }
}

#[derive(Default)]
struct Wkb {
    bytes: Vec<u8>,
}

impl Wkb {
    fn head(&mut self, kind: u32, parts: usize) {
        self.bytes.push(1);
        self.number(kind);
        self.number(fitted(parts));
    }

    fn polygon(&mut self, rings: &Rings) {
        self.head(POLYGON, rings.len());
        for ring in rings {
            self.points(ring);
        }
    }

    fn number(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn points(&mut self, points: &Line) {
        self.number(fitted(points.len()));
        for coordinate in points.iter().flatten() {
            self.bytes.extend_from_slice(&coordinate.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometries_come_back_and_other_bytes_do_not() {
        let ring = vec![[0.0, 0.5], [2.0, 0.5], [2.0, 3.0], [0.0, 0.5]];
        let geometries = [
            LayerGeometry::Polygons(vec![vec![ring.clone(), ring.clone()], vec![ring.clone()]]),
            LayerGeometry::Lines(vec![ring[..2].to_vec(), ring]),
        ];
        for geometry in geometries {
            let bytes = geometry.to_wkb().unwrap();
            assert_eq!(LayerGeometry::from_wkb(&bytes), Some(geometry));
            for length in 0..bytes.len() {
                assert_eq!(LayerGeometry::from_wkb(&bytes[..length]), None);
            }
            assert_eq!(LayerGeometry::from_wkb(&[&*bytes, &[0]].concat()), None);
        }
        // A number of parts that is not there takes no memory.
        let many = [&[1][..], &MULTI_POLYGON.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
        assert_eq!(LayerGeometry::from_wkb(&many), None);
    }
}
