//! Archives of pictures, read again: <https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md>.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_base::number::{index, wide};
use flate2::read::GzDecoder;

use crate::error::TilesError;
use crate::grid::{DEEPEST, TileId};

/// Bytes of the header.
const HEADER: usize = 127;
/// Most bytes of a directory, and of a tile, that are read: a hundred times what is written.
const LIMIT: u64 = 1 << 28;

/// An archive of pictures of this machine.
#[derive(Debug)]
pub struct PictureArchive {
    path: PathBuf,
    file: File,
    root: (u64, u64),
    leaves: u64,
    tiles: u64,
    max_zoom: u8,
}

/// A run of tiles with the same bytes, or (run 0) a leaf directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    number: u64,
    offset: u64,
    length: u64,
    run: u64,
}

impl PictureArchive {
    /// Opens an archive.
    ///
    /// # Errors
    /// [`TilesError::Io`]; [`TilesError::Archive`] for a file that is no PMTiles archive of WebP pictures.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(TilesError::io("open", path))?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(TilesError::io("read", path))?;
        let bad = |problem| TilesError::Archive { path: path.to_owned(), problem };
        if header[..8] != *b"PMTiles\x03" {
            return Err(bad("it is no PMTiles file of version 3").into());
        }
        // Directories are gzip (2), tiles as they are (1), of WebP (4).
        if header[97..100] != [2, 1, 4] {
            return Err(bad("its tiles are not WebP").into());
        }
        let max_zoom = header[101];
        if max_zoom > DEEPEST {
            return Err(bad("its deepest zoom is too deep").into());
        }
        let number = |at: usize| {
            let bytes = header[at..at + 8].iter().rev();
            bytes.fold(0u64, |number, byte| (number << 8) | u64::from(*byte))
        };
        let path = path.to_owned();
        Ok(Self {
            path,
            file,
            root: (number(8), number(16)),
            leaves: number(40),
            tiles: number(56),
            max_zoom,
        })
    }

    /// The deepest zoom that it has.
    pub const fn max_zoom(&self) -> u8 {
        self.max_zoom
    }

    /// Passes every tile of some zooms, in their order. Memory holds two directories and a tile.
    ///
    /// # Errors
    /// [`TilesError::Io`]; [`TilesError::Archive`] for an archive that is damaged; those of `each`.
    pub fn each(
        &mut self,
        zooms: RangeInclusive<u8>,
        each: &mut dyn FnMut(TileId, &[u8]) -> Result<()>,
    ) -> Result<()> {
        for entry in self.directory(self.root)? {
            if entry.run > 0 {
                self.tiles_of(entry, &zooms, each)?;
                continue;
            }
            for entry in self.directory((self.leaves.saturating_add(entry.offset), entry.length))? {
                if entry.run == 0 {
                    return Err(self.damaged("a leaf directory has leaves").into());
                }
                self.tiles_of(entry, &zooms, each)?;
            }
        }
        Ok(())
    }

    fn tiles_of(
        &mut self,
        entry: Entry,
        zooms: &RangeInclusive<u8>,
        each: &mut dyn FnMut(TileId, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = None;
        for number in entry.number..entry.number.saturating_add(entry.run) {
            let id = TileId::of_number(number).filter(|id| id.z <= self.max_zoom);
            let id = id.ok_or_else(|| self.damaged("a tile lies outside of its zooms"))?;
            if !zooms.contains(&id.z) {
                continue;
            }
            let bytes = match &mut bytes {
                Some(bytes) => bytes,
                none => none.insert(self.bytes((self.tiles.saturating_add(entry.offset), entry.length))?),
            };
            each(id, bytes)?;
        }
        Ok(())
    }

    fn damaged(&self, problem: &'static str) -> TilesError {
        TilesError::Archive { path: self.path.clone(), problem }
    }

    fn bytes(&mut self, (offset, length): (u64, u64)) -> Result<Vec<u8>> {
        if length > LIMIT {
            return Err(self.damaged("a part of it is too large").into());
        }
        let reading = || TilesError::io("read", &self.path);
        self.file.seek(SeekFrom::Start(offset)).map_err(reading())?;
        let mut bytes = Vec::new();
        (&self.file).take(length).read_to_end(&mut bytes).map_err(reading())?;
        if wide(bytes.len()) == length { Ok(bytes) } else { Err(self.damaged("its end is missing").into()) }
    }

    fn directory(&mut self, place: (u64, u64)) -> Result<Vec<Entry>> {
        let packed = self.bytes(place)?;
        let mut bytes = Vec::new();
        GzDecoder::new(&packed[..])
            .take(LIMIT)
            .read_to_end(&mut bytes)
            .map_err(TilesError::io("read a directory of", &self.path))?;
        Ok(entries(&bytes).ok_or_else(|| self.damaged("a directory cannot be decoded"))?)
    }
}

/// The entries of a directory; `None` if it is damaged.
fn entries(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let input = &mut bytes;
    let count = index(varint(input)?);
    // Each has four numbers of a byte at least.
    if count > input.len() / 4 {
        return None;
    }
    let column = |input: &mut &[u8]| (0..count).map(|_| varint(input)).collect::<Option<Vec<u64>>>();
    let (numbers, runs, lengths, offsets) = (column(input)?, column(input)?, column(input)?, column(input)?);
    let (mut number, mut end) = (0u64, 0u64);
    let mut entries = Vec::with_capacity(count);
    for i in 0..count {
        number = number.checked_add(numbers[i])?;
        // 0: right after the one before.
        let offset = if offsets[i] == 0 && i > 0 { end } else { offsets[i].checked_sub(1)? };
        end = offset.checked_add(lengths[i])?;
        entries.push(Entry { number, offset, length: lengths[i], run: runs[i] });
    }
    Some(entries)
}

/// The next number of seven bits a byte, the lowest first.
fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::pictures::{PICTURE_SIDE, PictureOptions, PictureSource, write_pictures};

    /// Plain pictures, whose color is the tile's column.
    struct Plain;

    impl PictureSource for Plain {
        fn draw(&mut self, tile: TileId) -> Result<Option<Vec<u8>>> {
            let color = u8::try_from(tile.x % 251).unwrap();
            let pixel = [color, 0, 0, u8::MAX];
            Ok(Some(pixel.repeat(PICTURE_SIDE * PICTURE_SIDE)))
        }
    }

    /// Writes an archive of plain pictures; the number of its tiles.
    fn written(path: &Path, bbox: [f64; 4], max_zoom: u8) -> u64 {
        let options = PictureOptions {
            name: "a".to_owned(),
            description: String::new(),
            attribution: String::new(),
            boxes: vec![bbox],
            max_zoom,
            threads: 1,
        };
        // Not WebP, but the archive does not look inside.
        let encode = |rgba: &[u8]| Ok(rgba[..4].to_vec());
        write_pictures(path, path.parent().unwrap(), &options, &|| Ok(Plain), &encode).unwrap().tiles
    }

    #[test]
    fn tiles_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pmtiles");
        let tiles = written(&path, [2.0, 48.0, 2.02, 48.01], 16);
        let mut archive = PictureArchive::open(&path).unwrap();
        assert_eq!(archive.max_zoom(), 16);
        let mut found = BTreeMap::new();
        archive
            .each(0..=22, &mut |id, bytes| {
                assert!(found.insert(id, bytes.to_vec()).is_none(), "{id:?} twice");
                Ok(())
            })
            .unwrap();
        assert_eq!(wide(found.len()), tiles);
        let deepest: Vec<_> = found.iter().filter(|(id, _)| id.z == 16).collect();
        assert!(deepest.len() > 10);
        for (id, bytes) in deepest {
            assert_eq!(bytes[..], [u8::try_from(id.x % 251).unwrap(), 0, 0, 255]);
        }
        let mut some = 0;
        archive
            .each(15..=15, &mut |id, _| {
                some += u32::from(id.z == 15);
                Ok(())
            })
            .unwrap();
        assert_eq!(usize::try_from(some).unwrap(), found.keys().filter(|id| id.z == 15).count());
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pmtiles");
        written(&path, [2.0, 48.0, 2.1, 48.1], 14);
        let whole = std::fs::read(&path).unwrap();
        let read = |bytes: &[u8]| -> Result<()> {
            std::fs::write(&path, bytes).unwrap();
            PictureArchive::open(&path)?.each(0..=22, &mut |_, _| Ok(()))
        };
        read(&whole).unwrap();
        for length in [0, 7, 126, 127, 140, whole.len() - 1] {
            read(&whole[..length]).unwrap_err();
        }
        let mut other = whole.clone();
        other[99] = 2;
        assert!(read(&other).unwrap_err().to_string().contains("not WebP"));
        // No change of a byte may panic or take memory without end.
        for at in 0..whole.len().min(400) {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            let _ = read(&changed);
        }
    }

    #[test]
    fn directories_that_lie_are_refused() {
        assert_eq!(entries(&[0]), Some(Vec::new()));
        assert_eq!(entries(&[]), None);
        assert_eq!(entries(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1]), None);
        // The first has no predecessor that it could follow.
        assert_eq!(entries(&[1, 5, 1, 9, 0]), None);
        let one = Entry { number: 5, offset: 0, length: 9, run: 1 };
        assert_eq!(entries(&[1, 5, 1, 9, 1]), Some(vec![one]));
    }
}
