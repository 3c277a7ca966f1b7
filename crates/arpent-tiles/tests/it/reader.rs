//! Reads archives: PMTiles 3 and MVT 2.1, as their specifications have them, without the crate's own code.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;

/// A decoded feature.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) id: u64,
    pub(crate) kind: u64,
    /// Rings of a polygon, or one place.
    pub(crate) parts: Vec<Vec<[i64; 2]>>,
    pub(crate) tags: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(f64),
}

impl Feature {
    pub(crate) fn number(&self, name: &str) -> f64 {
        match self.tags.get(name) {
            Some(Value::Number(n)) => *n,
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A decoded layer.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) extent: i64,
    pub(crate) features: Vec<Feature>,
}

/// A decoded tile: its layers by name.
pub(crate) type Tile = BTreeMap<String, Layer>;

/// All tiles of an archive by zoom, column and row, and their bytes.
pub(crate) fn tiles(bytes: &[u8]) -> BTreeMap<(u8, u32, u32), (Tile, usize)> {
    let decoded = |(place, tile): ((u8, u32, u32), &[u8])| (place, (layers(&inflated(tile)), tile.len()));
    contents(bytes).into_iter().map(decoded).collect()
}

/// The tiles of an archive as they are stored.
pub(crate) fn contents(bytes: &[u8]) -> BTreeMap<(u8, u32, u32), &[u8]> {
    assert_eq!(&bytes[..8], b"PMTiles\x03");
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (leaves, data) = (number(40), number(56));
    let mut found = BTreeMap::new();
    let mut waiting = vec![&bytes[number(8)..number(8) + number(16)]];
    while let Some(directory) = waiting.pop() {
        for [id, run, length, offset] in entries(&inflated(directory)) {
            if run == 0 {
                waiting.push(&bytes[leaves + offset as usize..][..length as usize]);
            }
            for i in 0..run {
                let tile = &bytes[data + offset as usize..][..length as usize];
                assert!(found.insert(place(id + i), tile).is_none());
            }
        }
    }
    assert_eq!(found.len(), number(72));
    found
}

/// The metadata.
pub(crate) fn metadata(bytes: &[u8]) -> serde_json::Value {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    serde_json::from_slice(&inflated(&bytes[number(24)..number(24) + number(32)])).unwrap()
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut n = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    n
}

fn entries(mut bytes: &[u8]) -> Vec<[u64; 4]> {
    let count = varint(&mut bytes) as usize;
    let mut all = vec![[0; 4]; count];
    let mut id = 0;
    for entry in &mut all {
        id += varint(&mut bytes);
        entry[0] = id;
    }
    for part in [1, 2] {
        for entry in &mut all {
            entry[part] = varint(&mut bytes);
        }
    }
    for i in 0..count {
        let offset = varint(&mut bytes);
        all[i][3] = if offset == 0 { all[i - 1][3] + all[i - 1][2] } else { offset - 1 };
    }
    assert!(bytes.is_empty());
    all
}

/// Zoom, column and row of a tile's number, by the specification's curve.
fn place(mut id: u64) -> (u8, u32, u32) {
    let mut z = 0u8;
    while id >= 1 << (2 * z) {
        id -= 1 << (2 * z);
        z += 1;
    }
    let (mut x, mut y) = (0u64, 0u64);
    for s in 0..z {
        let side = 1u64 << s;
        let rx = 1 & (id / 2);
        let ry = 1 & (id ^ rx);
        if ry == 0 {
            if rx == 1 {
                (x, y) = (side - 1 - x, side - 1 - y);
            }
            (x, y) = (y, x);
        }
        x += side * rx;
        y += side * ry;
        id /= 4;
    }
    (z, x as u32, y as u32)
}

/// Fields of a message: number, then a number or bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        match key & 7 {
            0 => all.push((key >> 3, varint(&mut bytes), &[][..])),
            1 => {
                all.push((key >> 3, u64::from_le_bytes(bytes[..8].try_into().unwrap()), &[][..]));
                bytes = &bytes[8..];
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                all.push((key >> 3, 0, &bytes[..length]));
                bytes = &bytes[length..];
            }
            other => panic!("wire type {other}"),
        }
    }
    all
}

fn layers(bytes: &[u8]) -> Tile {
    let mut tile = Tile::new();
    for (_, _, layer) in fields(bytes) {
        let all = fields(layer);
        let texts = |n| all.iter().filter(move |f| f.0 == n).map(|f| f.2);
        let name = String::from_utf8(texts(1).next().unwrap().to_vec()).unwrap();
        assert_eq!(all.iter().find(|f| f.0 == 15).unwrap().1, 2);
        let extent = all.iter().find(|f| f.0 == 5).unwrap().1 as i64;
        let keys: Vec<_> = texts(3).map(|t| String::from_utf8(t.to_vec()).unwrap()).collect();
        let values: Vec<_> = texts(4).map(value).collect();
        let features = texts(2).map(|f| feature(f, &keys, &values)).collect();
        assert!(tile.insert(name, Layer { extent, features }).is_none());
    }
    tile
}

fn value(bytes: &[u8]) -> Value {
    let (field, number, text) = fields(bytes)[0];
    match field {
        1 => Value::Text(String::from_utf8(text.to_vec()).unwrap()),
        3 => Value::Number(f64::from_bits(number)),
        5 => Value::Number(number as f64),
        6 => Value::Number(unzigzag(number) as f64),
        other => panic!("value of field {other}"),
    }
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn feature(bytes: &[u8], keys: &[String], values: &[Value]) -> Feature {
    let all = fields(bytes);
    let get = |n| all.iter().find(|f| f.0 == n).copied().unwrap_or((n, 0, &[]));
    let packed = |mut bytes: &[u8]| {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            all.push(varint(&mut bytes));
        }
        all
    };
    let pairs = packed(get(2).2);
    let tags = pairs.chunks(2).map(|kv| (keys[kv[0] as usize].clone(), values[kv[1] as usize].clone()));
    let (mut parts, mut at) = (Vec::<Vec<[i64; 2]>>::new(), [0, 0]);
    let commands = packed(get(4).2);
    let mut rest = commands.iter();
    while let Some(command) = rest.next() {
        match command & 7 {
            1 => parts.push(Vec::new()),
            2 => {}
            7 => continue,
            other => panic!("command {other}"),
        }
        for _ in 0..command >> 3 {
            at = at.map(|v| v + unzigzag(*rest.next().unwrap()));
            parts.last_mut().unwrap().push(at);
        }
    }
    Feature { id: get(1).1, kind: get(3).1, parts, tags: tags.collect() }
}
