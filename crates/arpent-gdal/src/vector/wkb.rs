//! Encodes geometries of layers in well-known binary (OGC 06-103r4, 8.2), little-endian.

use arpent_base::number::fitted;

use super::geometry::{LayerGeometry, Line};

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
                    wkb.head(POLYGON, rings.len());
                    for ring in rings {
                        wkb.points(ring);
                    }
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
