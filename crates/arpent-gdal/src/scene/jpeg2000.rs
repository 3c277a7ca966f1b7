//! Memory of JPEG 2000 decoders, computed from the headers of code streams.

use arpent_raster::Decoders;

use super::open::open_alone;
use super::shared_blocks::DECODER_BYTES;
use crate::guard::first_bytes;

/// Bytes within which the code stream of a file usually begins, and those that are read if boxes of GML or profiles
/// come before it.
pub(super) const HEADS: [usize; 2] = [16 << 10, 4 << 20];

/// Beginning of a file of boxes.
const SIGNATURE: &[u8] = b"\x00\x00\x00\x0cjP  ";

/// Beginning of a code stream: its start, and the marker of its sizes.
const START: &[u8] = b"\xff\x4f\xff\x51";

/// Side of the parts in which GDAL decodes a single-tile image, pixels. Smaller images are decoded as a whole.
const PART_SIDE: u64 = 1024;

/// Memory of an open decoder for each value of a single tile, in addition to the compressed bytes, which are no more
/// than the decoded ones: the positions of its code blocks. Measured: 0.8 for code blocks of 64 px, 1.0 for 32 px.
const KEPT_OF_A_VALUE: u64 = 1;

/// Extensions of remote files whose headers are read: each is a request.
pub(super) const EXTENSIONS: &[&str] = &["jp2", "j2k", "j2c", "jpc", "jpx", "jpf", "jp2k", "vrt"];

/// Size of an image in its code stream.
#[derive(Debug, PartialEq, Eq)]
struct Sizes {
    picture: [u64; 2],
    tile: [u64; 2],
    components: u64,
    sample_bytes: u64,
}

impl Sizes {
    /// From the beginning of a file; `None` if no code stream begins in it.
    fn of(head: &[u8]) -> Option<Self> {
        let mut rest = head;
        while let Some(at) = rest.windows(START.len()).position(|bytes| bytes == START) {
            rest = &rest[at + START.len()..];
            if let Some(sizes) = Self::read(rest) {
                return Some(sizes);
            }
        }
        None
    }

    /// From the bytes after the marker.
    fn read(bytes: &[u8]) -> Option<Self> {
        let short = |at: usize| Some(u64::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
        let long = |at: usize| Some(u64::from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
        let pair = |at: usize| Some([long(at)?, long(at + 4)?]);
        let (end, begin, tile) = (pair(4)?, pair(12)?, pair(20)?);
        let components = short(36)?;
        let picture = [end[0].checked_sub(begin[0])?, end[1].checked_sub(begin[1])?];
        let bits = u64::from(bytes.get(38)? & 0x7f) + 1;
        // Each component has three bytes after the common 38.
        let is_whole = components > 0 && short(0)? == 38 + 3 * components;
        let is_whole = is_whole && !picture.contains(&0) && !tile.contains(&0);
        is_whole.then_some(Self { picture, tile, components, sample_bytes: bits.div_ceil(8) })
    }

    fn decoders(&self) -> Decoders {
        let is_single = self.picture == self.tile && self.picture.iter().any(|side| *side > PART_SIDE);
        let values = |[width, height]: [u64; 2]| width.saturating_mul(height).saturating_mul(self.components);
        let most = if is_single { [PART_SIDE; 2] } else { self.tile };
        let block = [0, 1].map(|axis: usize| self.picture[axis].min(most[axis]));
        let kept = values(self.picture).saturating_mul(self.sample_bytes + KEPT_OF_A_VALUE);
        Decoders {
            files: 1,
            block_bytes: values(block).saturating_mul(DECODER_BYTES as u64),
            kept_bytes: if is_single { kept } else { 0 },
        }
    }
}

/// From the beginning of a file; `None` if it is not JPEG 2000.
pub(super) fn of_file(path: &str, head: &[u8]) -> Result<Option<Decoders>, String> {
    if let Some(sizes) = Sizes::of(head) {
        return Ok(Some(sizes.decoders()));
    }
    if !head.starts_with(SIGNATURE) {
        return Ok(None);
    }
    if let Some(sizes) = Sizes::of(&first_bytes(path, HEADS[1])?) {
        return Ok(Some(sizes.decoders()));
    }
    // The boxes before the code stream are very long: assume that the image is one tile.
    let dataset = open_alone(path, path).map_err(|e| e.to_string())?;
    let (width, height) = dataset.raster_size();
    let size = [width as u64, height as u64];
    let components = dataset.raster_count() as u64;
    Ok(Some(Sizes { picture: size, tile: size, components, sample_bytes: 4 }.decoders()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code stream's beginning.
    fn head(picture: [u32; 2], begin: [u32; 2], tile: [u32; 2], components: u16, bits: u8) -> Vec<u8> {
        let mut bytes = START.to_vec();
        bytes.extend((38 + 3 * components).to_be_bytes());
        bytes.extend([0, 0]);
        let numbers =
            [picture[0] + begin[0], picture[1] + begin[1], begin[0], begin[1], tile[0], tile[1], 0, 0];
        bytes.extend(numbers.iter().flat_map(|n| n.to_be_bytes()));
        bytes.extend(components.to_be_bytes());
        bytes.extend((0..components).flat_map(|_| [bits - 1, 1, 1]));
        bytes
    }

    fn decoders_of(bytes: &[u8]) -> Option<Decoders> {
        Sizes::of(bytes).map(|sizes| sizes.decoders())
    }

    #[test]
    fn a_single_tile_is_kept_and_tiles_are_not() {
        let whole = decoders_of(&head([5000, 4000], [0, 0], [5000, 4000], 3, 8)).unwrap();
        let (kept, block) = (5000 * 4000 * 3 * 2, 1024 * 1024 * 3 * DECODER_BYTES as u64);
        assert_eq!(whole, Decoders { files: 1, kept_bytes: kept, block_bytes: block });
        let words = decoders_of(&head([5000, 4000], [7, 3], [5000, 4000], 1, 12)).unwrap();
        assert_eq!(words.kept_bytes, 5000 * 4000 * 3);
        let tiles = decoders_of(&head([5000, 4000], [0, 0], [2048, 2048], 3, 8)).unwrap();
        assert_eq!((tiles.kept_bytes, tiles.block_bytes), (0, 2048 * 2048 * 3 * DECODER_BYTES as u64));
        // GDAL decodes the whole of a small picture.
        let small = decoders_of(&head([900, 800], [0, 0], [900, 800], 3, 8)).unwrap();
        assert_eq!((small.kept_bytes, small.block_bytes), (0, 900 * 800 * 3 * DECODER_BYTES as u64));
    }

    #[test]
    fn a_header_is_found_behind_what_only_begins_like_one() {
        let mut bytes =
            [SIGNATURE, b"xml ", START, b"\x00\x11 no sizes are here, only text that is long enough "]
                .concat();
        assert_eq!(decoders_of(&bytes), None);
        bytes.extend(head([3000, 10], [0, 0], [3000, 10], 1, 8));
        assert_eq!(decoders_of(&bytes).unwrap().kept_bytes, 3000 * 10 * 2);
        assert_eq!(decoders_of(&bytes[..bytes.len() - 4]), None, "a header that is cut off");
        assert_eq!(decoders_of(&[]), None);
    }
}
