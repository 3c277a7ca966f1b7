//! Mapbox Vector Tile 2.1: layers with polygons and points, as protocol buffers.

use std::collections::HashMap;

use arpent_base::Value;
use arpent_base::number::{fitted, wide};

use crate::mesh::{Pt, number};
use crate::rings::Polygon;

/// A layer being written.
#[derive(Debug)]
pub(crate) struct Layer<'n> {
    name: &'n str,
    extent: u32,
    features: Vec<u8>,
    count: u64,
    keys: HashMap<&'n str, u32>,
    key_bytes: Vec<u8>,
    values: HashMap<Vec<u8>, u32>,
    value_bytes: Vec<u8>,
}

/// A property: its name and value.
pub(crate) type Property<'a, 'n> = (&'n str, &'a Value);

impl<'n> Layer<'n> {
    pub(crate) fn new(name: &'n str, extent: u32) -> Self {
        Self {
            name,
            extent,
            features: Vec::new(),
            count: 0,
            keys: HashMap::new(),
            key_bytes: Vec::new(),
            values: HashMap::new(),
            value_bytes: Vec::new(),
        }
    }

    /// Adds polygons as one feature.
    pub(crate) fn add_polygons<'a>(
        &mut self,
        id: u64,
        polygons: &[Polygon],
        properties: impl Iterator<Item = Property<'a, 'n>>,
    ) {
        let mut geometry = Vec::new();
        let mut cursor = Pt::new(0, 0);
        for ring in polygons.iter().flatten() {
            for (i, p) in ring.iter().enumerate() {
                match i {
                    0 => varint(command(1, 1), &mut geometry),
                    1 => varint(command(2, ring.len() - 1), &mut geometry),
                    _ => {}
                }
                step(&mut cursor, *p, &mut geometry);
            }
            varint(command(7, 1), &mut geometry);
        }
        self.add(id, 3, &geometry, properties);
    }

    /// Adds a point.
    pub(crate) fn add_point<'a>(
        &mut self,
        id: u64,
        p: Pt,
        properties: impl Iterator<Item = Property<'a, 'n>>,
    ) {
        let mut geometry = Vec::new();
        varint(command(1, 1), &mut geometry);
        step(&mut Pt::new(0, 0), p, &mut geometry);
        self.add(id, 1, &geometry, properties);
    }

    fn add<'a>(
        &mut self,
        id: u64,
        kind: u64,
        geometry: &[u8],
        properties: impl Iterator<Item = Property<'a, 'n>>,
    ) {
        let mut tags = Vec::new();
        for (key, value) in properties {
            let next = number(self.keys.len());
            let key = *self.keys.entry(key).or_insert_with(|| {
                bytes(3, key.as_bytes(), &mut self.key_bytes);
                next
            });
            varint(u64::from(key), &mut tags);
            let next = number(self.values.len());
            let value = *self.values.entry(encoded(value)).or_insert_with_key(|value| {
                bytes(4, value, &mut self.value_bytes);
                next
            });
            varint(u64::from(value), &mut tags);
        }
        let mut feature = Vec::with_capacity(geometry.len() + tags.len() + 16);
        field(1, 0, &mut feature);
        varint(id, &mut feature);
        bytes(2, &tags, &mut feature);
        field(3, 0, &mut feature);
        varint(kind, &mut feature);
        bytes(4, geometry, &mut feature);
        bytes(2, &feature, &mut self.features);
        self.count += 1;
    }

    /// Writes it, unless it has no features.
    pub(crate) fn finish(self, tile: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        let mut layer = Vec::with_capacity(self.features.len() + self.value_bytes.len() + 64);
        field(15, 0, &mut layer);
        varint(2, &mut layer);
        bytes(1, self.name.as_bytes(), &mut layer);
        layer.extend_from_slice(&self.features);
        layer.extend_from_slice(&self.key_bytes);
        layer.extend_from_slice(&self.value_bytes);
        field(5, 0, &mut layer);
        varint(u64::from(self.extent), &mut layer);
        bytes(3, &layer, tile);
    }
}

/// A command of a geometry and how often it comes.
fn command(id: u64, count: usize) -> u64 {
    (wide(count) << 3) | id
}

fn step(cursor: &mut Pt, to: Pt, out: &mut Vec<u8>) {
    varint(zigzag(i64::from(to.x) - i64::from(cursor.x)), out);
    varint(zigzag(i64::from(to.y) - i64::from(cursor.y)), out);
    *cursor = to;
}

/// A signed number as an unsigned one, small ones as small ones.
pub(crate) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

/// The number that became an unsigned one.
#[cfg(test)]
pub(crate) fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

/// Writes a number in as many bytes as it needs.
pub(crate) fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(fitted::<u8>(n & 0x7f) | 0x80);
        n >>= 7;
    }
    out.push(fitted(n));
}

fn field(number: u64, wire: u64, out: &mut Vec<u8>) {
    varint((number << 3) | wire, out);
}

fn bytes(number: u64, content: &[u8], out: &mut Vec<u8>) {
    field(number, 2, out);
    varint(wide(content.len()), out);
    out.extend_from_slice(content);
}

/// A `Value` message.
fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Text(text) => bytes(1, text.as_bytes(), &mut out),
        Value::Real(real) => {
            field(3, 1, &mut out);
            out.extend_from_slice(&real.to_le_bytes());
        }
        Value::Integer(n) if *n >= 0 => {
            field(5, 0, &mut out);
            varint(n.cast_unsigned(), &mut out);
        }
        Value::Integer(n) => {
            field(6, 0, &mut out);
            varint(zigzag(*n), &mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_bytes_as_they_need() {
        let of = |n| {
            let mut out = Vec::new();
            varint(n, &mut out);
            out
        };
        assert_eq!((of(0), of(127), of(128), of(300)), (vec![0], vec![127], vec![128, 1], vec![172, 2]));
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
        for n in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(n)), n);
        }
    }

    #[test]
    fn a_tile_is_that_of_the_specification() {
        // The point and the polygon of the specification's examples (4.3.5.1 and 4.3.5.4).
        let mut layer = Layer::new("l", 4096);
        layer.add_point(1, Pt::new(25, 17), std::iter::empty());
        let square = vec![Pt::new(3, 6), Pt::new(8, 12), Pt::new(20, 34)];
        let text = Value::Text("v".into());
        layer.add_polygons(2, &[vec![square]], [("k", &text)].into_iter());
        let mut tile = Vec::new();
        layer.finish(&mut tile);
        let find = |part: &[u8]| tile.windows(part.len()).any(|w| w == part);
        assert!(find(&[0x22, 3, 9, 50, 34]));
        assert!(find(&[0x22, 9, 9, 6, 12, 18, 10, 12, 24, 44, 15]));
        assert!(find(&[0x1a, 1, b'k']) && find(&[0x22, 3, 0x0a, 1, b'v']) && find(&[0x28, 0x80, 0x20]));
        let mut none = Vec::new();
        Layer::new("l", 4096).finish(&mut none);
        assert!(none.is_empty());
    }
}
