//! Raster tiles of pictures, in one PMTiles archive.
//!
//! Pictures of the deepest zoom are drawn by a [`PictureSource`]; each of another zoom is the mean of the four below it.
//! Memory holds a path through the pyramid, and a block (a tile with three zooms below it) for each thread.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use arpent_base::Result;
use arpent_base::number::{fitted, wide};
use serde_json::json;

use crate::archive::{About, Archive, Encoding};
use crate::error::TilesError;
use crate::grid::{DEEPEST, TileId, world};
use crate::ordered::in_order;

/// Side of a picture, pixels.
pub const PICTURE_SIDE: usize = 512;

/// Zooms below that of a block.
const BELOW: u8 = 3;

/// Draws pictures of the deepest zoom. It belongs to one thread; each thread makes its own.
pub trait PictureSource {
    /// The picture of a tile: red, green, blue and alpha of [`PICTURE_SIDE`] rows of as many pixels, from the north; `None`
    /// where there is nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    fn draw(&mut self, tile: TileId) -> Result<Option<Vec<u8>>>;
}

/// Encodes a picture as WebP.
pub type Encode<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>> + Sync + 'a;

/// What an archive is made of.
#[derive(Debug, Clone)]
pub struct PictureOptions {
    /// Title of the archive.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// Whom to name beside the map: plain text, which is escaped, since readers take it for HTML.
    pub attribution: String,
    /// Where there may be pictures: west, south, east and north in degrees, each with `west <= east`.
    pub boxes: Vec<[f64; 4]>,
    /// The deepest zoom, at most [`DEEPEST`].
    pub max_zoom: u8,
    /// Threads that draw; bytes do not depend on them.
    pub threads: usize,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSummary {
    /// Tiles of all zooms.
    pub tiles: u64,
    /// Bytes of the largest tile.
    pub largest: u64,
}

/// A part of the world: west, north, east, south in its steps.
type Part = [i64; 4];

/// Writes pictures of all zooms to an archive. `source` makes what a thread draws with.
///
/// # Errors
/// [`TilesError::Zoom`], [`TilesError::NotOnGlobe`], [`TilesError::Io`], and those of `source`, of what it makes, and of
/// `encode`.
pub fn write_pictures<S: PictureSource>(
    path: &Path,
    scratch: &Path,
    options: &PictureOptions,
    source: &(impl Fn() -> Result<S> + Sync),
    encode: &Encode<'_>,
) -> Result<PictureSummary> {
    let deepest = options.max_zoom;
    if deepest > DEEPEST {
        return Err(TilesError::Zoom { zoom: deepest }.into());
    }
    let folder = tempfile::Builder::new().prefix("arpent-pictures-").tempdir_in(scratch);
    let folder = folder.map_err(TilesError::io("create a scratch folder in", scratch))?;
    let parts = options.boxes.iter().map(steps).collect::<Result<Vec<_>, _>>()?;
    let bbox =
        parts.iter().copied().reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]);
    let mut archive = Archive::create(folder.path(), deepest)?;
    let mut blocks = Blocks::new(parts.into(), deepest.saturating_sub(BELOW));
    let mut upper = Upper { archive: &mut archive, encode, pending: BTreeMap::new(), largest: 0 };
    let worker = || {
        let mut source = source()?;
        Ok(move |(id, parts): (TileId, Arc<[Part]>)| {
            let mut below = Below { source: &mut source, encode, deepest, drawn: Vec::new() };
            let top = below.tile(id, &parts)?;
            Ok((below.drawn, top.map(|picture| (id, picture))))
        })
    };
    in_order(options.threads, &worker, &mut || Ok(blocks.next()), &mut |(drawn, top)| {
        upper.write(&drawn)?;
        top.map_or(Ok(()), |(id, picture)| upper.place(id, picture))
    })?;
    let mut largest = upper.finish(deepest.saturating_sub(BELOW))?;
    if largest == 0 {
        // A directory has at least one entry.
        let nothing = encode(&vec![0; PICTURE_SIDE * PICTURE_SIDE * 4])?;
        largest = wide(nothing.len());
        archive.add(TileId { z: 0, x: 0, y: 0 }, &nothing)?;
    }
    let file = File::create(path).map_err(TilesError::io("create", path))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let tiles = archive.finish(&mut out, path, &about(options, bbox))?;
    Ok(PictureSummary { tiles, largest })
}

/// A box as steps of the world, at least one wide.
fn steps([west, south, east, north]: &[f64; 4]) -> Result<Part, TilesError> {
    let place = |longitude, latitude| {
        world(longitude, latitude).ok_or_else(|| TilesError::NotOnGlobe {
            id: "imagery".into(),
            longitude,
            latitude,
        })
    };
    let ([w, n], [e, s]) = (place(*west, *north)?, place(*east, *south)?);
    Ok([w, n, e.max(w + 1), s.max(n + 1)])
}

fn about(options: &PictureOptions, bbox: Option<Part>) -> About {
    let (bounds, (center, zoom)) = About::place(bbox, options.max_zoom);
    let escaped = options.attribution.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let metadata = json!({
        "name": options.name,
        "description": options.description,
        "attribution": escaped,
        "type": "baselayer",
        "version": "1",
        "generator": concat!("arpent ", env!("CARGO_PKG_VERSION")),
        "format": "webp",
        "tile_size": PICTURE_SIDE,
        "minzoom": 0,
        "maxzoom": options.max_zoom,
        "bounds": bounds,
        "center": [center[0], center[1], f64::from(zoom)],
    });
    About {
        encoding: Encoding::Pictures,
        bounds,
        center: (center, zoom),
        metadata: metadata.to_string().into_bytes(),
    }
}

/// The parts that touch a tile.
fn touching(id: TileId, parts: &[Part]) -> Arc<[Part]> {
    let [west, north, east, south] = id.bounds();
    let touches = |p: &&Part| p[0] < east && p[2] > west && p[1] < south && p[3] > north;
    parts.iter().filter(touches).copied().collect()
}

/// Blocks in their order, found when they are needed.
struct Blocks {
    stack: Vec<(TileId, Arc<[Part]>)>,
    zoom: u8,
}

impl Blocks {
    fn new(parts: Arc<[Part]>, zoom: u8) -> Self {
        let world = TileId { z: 0, x: 0, y: 0 };
        Self { stack: if parts.is_empty() { Vec::new() } else { vec![(world, parts)] }, zoom }
    }
}

impl Iterator for Blocks {
    type Item = (TileId, Arc<[Part]>);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((id, parts)) = self.stack.pop() {
            if id.z == self.zoom {
                return Some((id, parts));
            }
            // The last is popped first.
            for child in id.children().into_iter().rev() {
                let own = touching(child, &parts);
                if !own.is_empty() {
                    self.stack.push((child, own));
                }
            }
        }
        None
    }
}

/// Draws a block.
struct Below<'a, S> {
    source: &'a mut S,
    encode: &'a Encode<'a>,
    deepest: u8,
    drawn: Vec<(TileId, Vec<u8>)>,
}

impl<S: PictureSource> Below<'_, S> {
    /// A tile with all below it; `None` if there is nothing.
    fn tile(&mut self, id: TileId, parts: &[Part]) -> Result<Option<Vec<u8>>> {
        let picture = if id.z == self.deepest {
            self.source.draw(id)?.filter(|picture| picture.chunks_exact(4).any(|pixel| pixel[3] > 0))
        } else {
            let mut children = Vec::with_capacity(4);
            for child in id.children() {
                let own = touching(child, parts);
                if let Some(picture) = if own.is_empty() { None } else { self.tile(child, &own)? } {
                    children.push((child, picture));
                }
            }
            joined(&children)
        };
        if let Some(picture) = &picture {
            self.drawn.push((id, (self.encode)(picture)?));
        }
        Ok(picture)
    }
}

/// The zooms above blocks.
struct Upper<'a> {
    archive: &'a mut Archive,
    encode: &'a Encode<'a>,
    /// Pictures whose parent is not complete yet, by zoom.
    pending: BTreeMap<u8, Vec<(TileId, Vec<u8>)>>,
    largest: u64,
}

impl Upper<'_> {
    fn write(&mut self, drawn: &[(TileId, Vec<u8>)]) -> Result<()> {
        for (id, bytes) in drawn {
            self.largest = self.largest.max(wide(bytes.len()));
            self.archive.add(*id, bytes)?;
        }
        Ok(())
    }

    /// A picture waits for those beside it; one of another parent means that theirs is complete.
    fn place(&mut self, id: TileId, picture: Vec<u8>) -> Result<()> {
        if id.z == 0 {
            return Ok(());
        }
        let waiting = self.pending.get(&id.z).and_then(|tiles| tiles.first()).map(|first| first.0.parent());
        if waiting.is_some_and(|parent| parent != id.parent()) {
            self.complete(id.z)?;
        }
        self.pending.entry(id.z).or_default().push((id, picture));
        Ok(())
    }

    fn complete(&mut self, z: u8) -> Result<()> {
        let children = self.pending.remove(&z).unwrap_or_default();
        let Some(parent) = children.first().map(|child| child.0.parent()) else { return Ok(()) };
        let Some(picture) = joined(&children) else { return Ok(()) };
        let bytes = (self.encode)(&picture)?;
        self.write(&[(parent, bytes)])?;
        self.place(parent, picture)
    }

    fn finish(mut self, block: u8) -> Result<u64> {
        for z in (1..=block).rev() {
            self.complete(z)?;
        }
        Ok(self.largest)
    }
}

/// The picture of a tile from those below it: each pixel is the mean of four, weighted by their alpha. `None` without any.
fn joined(children: &[(TileId, Vec<u8>)]) -> Option<Vec<u8>> {
    if children.is_empty() {
        return None;
    }
    let (side, half) = (PICTURE_SIDE, PICTURE_SIDE / 2);
    let mut picture = vec![0; side * side * 4];
    for (id, child) in children {
        let (east, south) = id.quadrant();
        let (east, south) = (half * fitted::<usize>(east), half * fitted::<usize>(south));
        for row in 0..half {
            for col in 0..half {
                let pixel = |down: usize, right: usize| {
                    let at = 4 * ((2 * row + down) * side + 2 * col + right);
                    &child[at..at + 4]
                };
                let mean = mean([pixel(0, 0), pixel(0, 1), pixel(1, 0), pixel(1, 1)]);
                let at = 4 * ((south + row) * side + east + col);
                picture[at..at + 4].copy_from_slice(&mean);
            }
        }
    }
    Some(picture)
}

/// The mean of four pixels, weighted by their alpha; rounded half up.
fn mean(pixels: [&[u8]; 4]) -> [u8; 4] {
    let alpha: u32 = pixels.iter().map(|pixel| u32::from(pixel[3])).sum();
    let color = |i: usize| {
        let sum: u32 = pixels.iter().map(|pixel| u32::from(pixel[i]) * u32::from(pixel[3])).sum();
        (sum + alpha / 2).checked_div(alpha).map_or(0, fitted)
    };
    [color(0), color(1), color(2), fitted((alpha + 2) / 4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_pixels_ignores_what_is_transparent() {
        let (red, nothing) = ([200u8, 0, 0, 255], [0u8, 255, 255, 0]);
        assert_eq!(mean([&red, &nothing, &nothing, &nothing]), [200, 0, 0, 64]);
        assert_eq!(mean([&red, &red, &[100, 3, 0, 255], &[101, 0, 0, 255]]), [150, 1, 0, 255]);
        assert_eq!(mean([&nothing; 4]), [0; 4]);
    }

    #[test]
    fn blocks_are_those_that_a_part_touches_in_the_order_of_the_archive() {
        let part = steps(&[-0.1, -0.1, 0.1, 0.1]).unwrap();
        let parts: Arc<[Part]> = vec![part, steps(&[100.0, 50.0, 100.0, 50.0]).unwrap()].into();
        let blocks: Vec<TileId> = Blocks::new(parts, 4).map(|(id, _)| id).collect();
        assert_eq!(blocks.len(), 5);
        assert!(blocks.is_sorted_by_key(|id| id.place()));
        assert!(Blocks::new(Vec::new().into(), 4).next().is_none());
    }
}
