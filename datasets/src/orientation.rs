//! The orientation of pictures for display: tag 274 of TIFF 6.0 (page 36) and of EXIF 2.3.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Tag `Orientation`.
const TAG: u16 = 274;

/// Maximum number of tags of a directory that are read: a damaged count must not make the read long.
const MAX_TAGS: u64 = 4096;

/// The orientation of a TIFF file, 1 (as it is stored) to 8; 1 where the tag is absent.
pub(crate) fn of_tiff(path: &Path) -> u8 {
    File::open(path).ok().and_then(|mut file| read(&mut file)).filter(|o| (1..=8).contains(o)).unwrap_or(1)
}

/// What an orientation does, for messages.
pub(crate) fn describe(orientation: u8) -> &'static str {
    match orientation {
        2 => "mirrored left to right",
        3 => "turned by 180 degrees",
        4 => "mirrored top to bottom",
        5 => "mirrored along the main diagonal",
        6 => "turned by 90 degrees to the right",
        7 => "mirrored along the other diagonal",
        8 => "turned by 90 degrees to the left",
        _ => "as stored",
    }
}

/// Bytes in the order of the file.
struct Order {
    is_little: bool,
}

impl Order {
    fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.is_little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
    }
}

fn bytes<const N: usize>(file: &mut (impl Read + Seek)) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn read(file: &mut (impl Read + Seek)) -> Option<u8> {
    let head: [u8; 4] = bytes(file)?;
    let order = Order { is_little: head[..2] == *b"II" };
    if !order.is_little && head[..2] != *b"MM" {
        return None;
    }
    let is_big = match order.number(&head[2..]) {
        42 => false,
        43 => true,
        _ => return None,
    };
    let start = if is_big {
        let rest: [u8; 12] = bytes(file)?;
        order.number(&rest[4..])
    } else {
        order.number(&bytes::<4>(file)?)
    };
    file.seek(SeekFrom::Start(start)).ok()?;
    let count = if is_big { order.number(&bytes::<8>(file)?) } else { order.number(&bytes::<2>(file)?) };
    for _ in 0..count.min(MAX_TAGS) {
        // Tag, type, count, value: a short stands at the value's begin.
        let (tag, value) = if is_big {
            let entry: [u8; 20] = bytes(file)?;
            (order.number(&entry[..2]), order.number(&entry[12..14]))
        } else {
            let entry: [u8; 12] = bytes(file)?;
            (order.number(&entry[..2]), order.number(&entry[8..10]))
        };
        if tag == u64::from(TAG) {
            return u8::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A TIFF of one tag, as far as it is read.
    fn tiff(is_little: bool, is_big: bool, tag: u16, value: u16) -> Vec<u8> {
        let write = |value: u64, size: usize| {
            let bytes = value.to_be_bytes()[8 - size..].to_vec();
            if is_little { bytes.into_iter().rev().collect() } else { bytes }
        };
        let mut file: Vec<u8> = if is_little { b"II".to_vec() } else { b"MM".to_vec() };
        let fields: &[(u64, usize)] = if is_big {
            &[
                (43, 2),
                (8, 2),
                (0, 2),
                (16, 8),
                (1, 8),
                (u64::from(tag), 2),
                (3, 2),
                (1, 8),
                (u64::from(value), 2),
                (0, 6),
            ]
        } else {
            &[(42, 2), (8, 4), (1, 2), (u64::from(tag), 2), (3, 2), (1, 4), (u64::from(value), 2), (0, 2)]
        };
        for (value, size) in fields {
            file.extend(write(*value, *size));
        }
        file
    }

    #[test]
    fn the_tag_is_found_in_any_order_and_size() {
        for (is_little, is_big) in [(true, false), (false, false), (true, true), (false, true)] {
            assert_eq!(read(&mut Cursor::new(tiff(is_little, is_big, TAG, 6))), Some(6));
            assert_eq!(read(&mut Cursor::new(tiff(is_little, is_big, 256, 6))), None);
        }
        assert_eq!(read(&mut Cursor::new(b"\x89PNG....".to_vec())), None);
        assert_eq!(read(&mut Cursor::new(b"II".to_vec())), None);
    }
}
