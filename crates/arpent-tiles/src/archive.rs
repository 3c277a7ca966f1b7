//! PMTiles version 3, written as a stream: <https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md>.
//!
//! Tiles come in the order of each zoom, zooms in any order. They wait in a scratch file for each zoom, with a list of
//! their numbers and lengths; the archive is put together at the end, so memory does not depend on the number of tiles.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arpent_base::number::{approximate, fitted, index, round, truncate, wide};

use crate::draw::compressed;
use crate::error::{Result, TilesError};
use crate::grid::{LAST_LATITUDE, TileId, WORLD_BITS, lon_lat};
use crate::mvt::varint;

/// Bytes of the header.
const HEADER: u64 = 127;

/// The header and the root directory lie in the first bytes, so that one request reads both.
const FIRST_READ: u64 = 16_384;

/// Entries of a leaf directory at least.
const LEAF: usize = 4096;

/// The tiles of one zoom.
#[derive(Debug)]
struct Zoom {
    tiles: BufWriter<File>,
    lengths: BufWriter<File>,
    last: Vec<u8>,
    paths: [PathBuf; 2],
}

/// Tiles that wait for their archive.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    zooms: Vec<Zoom>,
    addressed: u64,
}

/// What tiles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Vector tiles (MVT), as gzip.
    Vectors,
    /// Pictures (WebP), as they are.
    Pictures,
}

impl Encoding {
    /// Compression and type of tiles, as the specification numbers them.
    const fn numbers(self) -> [u8; 2] {
        match self {
            Self::Vectors => [2, 1],
            Self::Pictures => [1, 4],
        }
    }
}

/// What is told about an archive.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) encoding: Encoding,
    /// West, south, east, north, degrees.
    pub(crate) bounds: [f64; 4],
    /// Longitude, latitude, zoom.
    pub(crate) center: ([f64; 2], u8),
    /// A JSON object.
    pub(crate) metadata: Vec<u8>,
}

impl About {
    /// Bounds and center of a part of the world (west, north, east, south in its steps), the whole without one. The zoom is
    /// the deepest at which all of it is in a tile, up to `deepest`.
    pub(crate) fn place(bbox: Option<[i64; 4]>, deepest: u8) -> ([f64; 4], ([f64; 2], u8)) {
        let Some([west, north, east, south]) = bbox else {
            return ([-180.0, -LAST_LATITUDE, 180.0, LAST_LATITUDE], ([0.0, 0.0], 0));
        };
        let ([w, n], [e, s]) = (lon_lat([west, north]), lon_lat([east, south]));
        let middle = lon_lat([west.midpoint(east), north.midpoint(south)]);
        let share = approximate((east - west).max(south - north).max(1)) / 2f64.powi(i32::from(WORLD_BITS));
        let zoom = truncate((-share.log2()).floor().clamp(0.0, f64::from(deepest)));
        ([w, s, e, n], (middle, zoom))
    }
}

impl Archive {
    /// An archive of zooms 0 to `deepest`, with scratch files in a folder.
    ///
    /// # Errors
    /// When they cannot be created.
    pub(crate) fn create(folder: &Path, deepest: u8) -> Result<Self> {
        let open = |path: &Path| -> Result<BufWriter<File>> {
            let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
            Ok(BufWriter::with_capacity(1 << 16, file.map_err(TilesError::io("create", path))?))
        };
        let zooms = (0..=deepest).map(|z| {
            let paths = ["tiles", "lengths"].map(|name| folder.join(format!("{z:02}.{name}")));
            Ok(Zoom { tiles: open(&paths[0])?, lengths: open(&paths[1])?, last: Vec::new(), paths })
        });
        Ok(Self { folder: folder.to_owned(), zooms: zooms.collect::<Result<_>>()?, addressed: 0 })
    }

    /// Adds a tile, later in the order of its zoom than all before.
    ///
    /// # Errors
    /// When the scratch file cannot be written.
    pub(crate) fn add(&mut self, id: TileId, bytes: &[u8]) -> Result<()> {
        let zoom = &mut self.zooms[usize::from(id.z)];
        self.addressed += 1;
        // The same bytes as those of the tile before: length 0.
        let same = zoom.last == bytes;
        let length = if same { 0 } else { wide(bytes.len()) };
        let entry = [id.number().to_le_bytes(), length.to_le_bytes()].concat();
        zoom.lengths.write_all(&entry).map_err(TilesError::io("write", &zoom.paths[1]))?;
        if !same {
            zoom.tiles.write_all(bytes).map_err(TilesError::io("write", &zoom.paths[0]))?;
            zoom.last = bytes.to_vec();
        }
        Ok(())
    }

    /// Writes the archive; the number of its tiles.
    ///
    /// # Errors
    /// When it cannot be written, or scratch files cannot be read.
    pub(crate) fn finish(mut self, out: &mut (impl Write + Seek), path: &Path, about: &About) -> Result<u64> {
        let leaves_path = self.folder.join("leaves");
        let scratch = || TilesError::io("write", &leaves_path);
        let mut directories = Directories::create(&leaves_path, self.addressed).map_err(scratch())?;
        let (mut contents, mut offset, mut previous) = (0u64, 0u64, (0u64, 0u64));
        for zoom in &mut self.zooms {
            let path = zoom.paths[1].clone();
            let mut lengths = zoom.rewound(1)?;
            let reading = || TilesError::io("read", &path);
            while let Some([number, length]) = read_entry(&mut lengths).map_err(reading())? {
                if length > 0 {
                    previous = (offset, length);
                    contents += 1;
                    offset += length;
                }
                directories.add(number, previous, length == 0).map_err(scratch())?;
            }
        }
        let counts = [self.addressed, directories.entries, contents];
        let (root, mut leaves, leaf_bytes) = directories.finish().map_err(scratch())?;
        let metadata = compressed(&about.metadata);
        let parts = [wide(root.len()), wide(metadata.len()), leaf_bytes, offset];
        let header = header(parts, counts, fitted(self.zooms.len() - 1), about);
        let writing = || TilesError::io("write", path);
        for part in [&header, &root, &metadata] {
            out.write_all(part).map_err(writing())?;
        }
        io::copy(&mut leaves, out).map_err(writing())?;
        for zoom in &mut self.zooms {
            io::copy(&mut zoom.rewound(0)?, out).map_err(writing())?;
        }
        out.flush().map_err(writing())?;
        Ok(self.addressed)
    }
}

impl Zoom {
    /// One of its two files from the start: 0 the tiles, 1 the lengths.
    fn rewound(&mut self, which: usize) -> Result<BufReader<&File>> {
        let path = &self.paths[which];
        let file = if which == 0 { &mut self.tiles } else { &mut self.lengths };
        file.flush().map_err(TilesError::io("write", path))?;
        let mut file = file.get_ref();
        file.seek(SeekFrom::Start(0)).map_err(TilesError::io("read", path))?;
        Ok(BufReader::with_capacity(1 << 18, file))
    }
}

/// An entry of a directory: a run of tiles with the same bytes, or (run 0) a leaf directory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u64,
    offset: u64,
    length: u64,
    run: u64,
}

/// Directories being written.
struct Directories {
    leaf: Vec<Entry>,
    root: Vec<Entry>,
    leaves: BufWriter<File>,
    bytes: u64,
    per_leaf: usize,
    entries: u64,
}

impl Directories {
    fn create(path: &Path, tiles: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        // Leaves grow with the number of tiles, so that the root stays small.
        let per_leaf = LEAF.max(index(tiles / 1024));
        let leaves = BufWriter::new(file);
        Ok(Self { leaf: Vec::new(), root: Vec::new(), leaves, bytes: 0, per_leaf, entries: 0 })
    }

    /// Adds a tile. `same`: it has the bytes of the one before.
    fn add(&mut self, number: u64, (offset, length): (u64, u64), same: bool) -> io::Result<()> {
        if let Some(last) = self.leaf.last_mut().filter(|last| same && last.number + last.run == number) {
            last.run += 1;
            return Ok(());
        }
        if self.leaf.len() >= self.per_leaf {
            self.flush()?;
        }
        self.leaf.push(Entry { number, offset, length, run: 1 });
        self.entries += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(first) = self.leaf.first() else { return Ok(()) };
        let bytes = directory(&self.leaf);
        let length = wide(bytes.len());
        self.root.push(Entry { number: first.number, offset: self.bytes, length, run: 0 });
        self.leaves.write_all(&bytes)?;
        self.bytes += length;
        self.leaf.clear();
        Ok(())
    }

    /// The root, the leaves, and their number of bytes.
    fn finish(mut self) -> io::Result<(Vec<u8>, File, u64)> {
        let alone = directory(&self.leaf);
        if self.root.is_empty() && HEADER + wide(alone.len()) <= FIRST_READ {
            self.root = std::mem::take(&mut self.leaf);
        }
        self.flush()?;
        let mut leaves = self.leaves.into_inner().map_err(io::IntoInnerError::into_error)?;
        leaves.seek(SeekFrom::Start(0))?;
        Ok((directory(&self.root), leaves, self.bytes))
    }
}

/// A directory, compressed: numbers as differences, then runs, lengths and offsets (0: right after the one before).
fn directory(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(wide(entries.len()), &mut bytes);
    let mut last = 0;
    for entry in entries {
        varint(entry.number - last, &mut bytes);
        last = entry.number;
    }
    for entry in entries {
        varint(entry.run, &mut bytes);
    }
    for entry in entries {
        varint(entry.length, &mut bytes);
    }
    let mut end = None;
    for entry in entries {
        let follows = end == Some(entry.offset);
        varint(if follows { 0 } else { entry.offset + 1 }, &mut bytes);
        end = Some(entry.offset + entry.length);
    }
    compressed(&bytes)
}

/// The next two numbers of a list.
fn read_entry(input: &mut impl Read) -> io::Result<Option<[u64; 2]>> {
    let mut bytes = [0; 16];
    if input.read(&mut bytes[..1])? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut bytes[1..])?;
    let number = |at: usize| bytes[at..at + 8].iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    Ok(Some([number(0), number(8)]))
}

/// The header. `parts`: bytes of root, metadata, leaves and tiles, in their order; `counts`: tiles, entries, contents.
fn header(parts: [u64; 4], counts: [u64; 3], deepest: u8, about: &About) -> Vec<u8> {
    let mut bytes = b"PMTiles\x03".to_vec();
    let mut offset = HEADER;
    for length in parts {
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        offset += length;
    }
    for count in counts {
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    // Clustered; directories are gzip (2).
    let [compression, kind] = about.encoding.numbers();
    bytes.extend_from_slice(&[1, 2, compression, kind, 0, deepest]);
    let degrees =
        |v: f64| fitted::<i32>(round::<i64>(v * 1e7).clamp(i64::from(i32::MIN), i64::from(i32::MAX)));
    let (center, zoom) = about.center;
    for v in about.bounds {
        bytes.extend_from_slice(&degrees(v).to_le_bytes());
    }
    bytes.push(zoom);
    for v in center {
        bytes.extend_from_slice(&degrees(v).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            encoding: Encoding::Vectors,
            bounds: [-180.0, -85.0, 180.0, 85.0],
            center: ([1.0, 2.0], 3),
            metadata: b"{}".to_vec(),
        }
    }

    fn archive(tiles: &[(TileId, &[u8])], deepest: u8) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = Archive::create(folder.path(), deepest).unwrap();
        for (id, bytes) in tiles {
            archive.add(*id, bytes).unwrap();
        }
        let mut out = io::Cursor::new(Vec::new());
        archive.finish(&mut out, Path::new("x"), &about()).unwrap();
        out.into_inner()
    }

    #[test]
    fn the_header_says_where_everything_is() {
        let id = |z, x, y| TileId { z, x, y };
        let all = [
            (id(1, 0, 0), &b"same"[..]),
            (id(0, 0, 0), b"top"),
            (id(1, 0, 1), b"same"),
            (id(1, 1, 0), b"same"),
        ];
        let bytes = archive(&all, 1);
        let number = |at: usize| read_entry(&mut &bytes[at..at + 16]).unwrap().unwrap();
        assert_eq!(&bytes[..8], b"PMTiles\x03");
        let [root, metadata, leaves, tiles] = [8, 24, 40, 56].map(number);
        assert_eq!((root[0], metadata[0], leaves[0]), (127, 127 + root[1], metadata[0] + metadata[1]));
        assert_eq!((leaves[1], tiles), (0, [leaves[0], 7]));
        assert_eq!(&bytes[index(tiles[0])..], b"topsame");
        // 4 tiles; the second of zoom 1 is in the run of the first, the fourth is not next to it: 3 entries.
        assert_eq!([72, 80, 88].map(|at| number(at)[0]), [4, 3, 2]);
        assert_eq!(bytes[96..102], [1, 2, 2, 1, 0, 1]);
    }

    #[test]
    fn large_directories_have_leaves() {
        let bytes: Vec<Vec<u8>> = (0u32..16_384)
            .map(|i| i.to_le_bytes().repeat(1 + arpent_base::number::index(u64::from(i % 7))))
            .collect();
        let mut ids: Vec<TileId> =
            (0..128).flat_map(|x| (0..128).map(move |y| TileId { z: 7, x, y })).collect();
        ids.sort_by_key(|id| id.number());
        let tiles: Vec<_> = ids.iter().zip(&bytes).map(|(id, b)| (*id, &b[..])).collect();
        let bytes = archive(&tiles, 7);
        let number = |at: usize| read_entry(&mut &bytes[at..at + 16]).unwrap().unwrap();
        assert!(number(8)[0] + number(8)[1] <= FIRST_READ && number(40)[1] > 0);
    }
}
