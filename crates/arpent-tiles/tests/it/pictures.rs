//! Raster tiles of pictures.

use std::sync::atomic::{AtomicUsize, Ordering};

use arpent_base::{Failure, Result};
use arpent_tiles::{PICTURE_SIDE, PictureOptions, PictureSource, PictureSummary, TileId, write_pictures};

use crate::reader::{contents, metadata};

/// The zoom that is drawn: two below that of a block.
const DEEPEST: u8 = 12;

/// Tiles in one color each, by their place; those of even columns and rows of 4 are empty.
struct Colors<'a>(&'a AtomicUsize);

fn color(tile: TileId) -> [u8; 3] {
    [tile.x, tile.y, 7 * tile.x + 3 * tile.y].map(|v| u8::try_from(v % 251).unwrap())
}

fn is_empty(tile: TileId) -> bool {
    tile.x.is_multiple_of(4) && tile.y.is_multiple_of(4)
}

impl PictureSource for Colors<'_> {
    fn draw(&mut self, tile: TileId) -> Result<Option<Vec<u8>>> {
        assert_eq!(tile.z, DEEPEST);
        self.0.fetch_add(1, Ordering::Relaxed);
        let [r, g, b] = color(tile);
        Ok((!is_empty(tile)).then(|| [r, g, b, 255].repeat(PICTURE_SIDE * PICTURE_SIDE)))
    }
}

/// The four corners of a picture and its middle.
#[expect(clippy::unnecessary_wraps, reason = "an encoder may fail")]
fn encode(rgba: &[u8]) -> Result<Vec<u8>> {
    let (side, last) = (PICTURE_SIDE, PICTURE_SIDE - 1);
    let places = [(0, 0), (0, last), (last, 0), (last, last), (side / 2, side / 2)];
    Ok(places.into_iter().flat_map(|(row, col)| rgba[4 * (row * side + col)..][..4].to_vec()).collect())
}

/// West, south, east and north of a tile.
fn bounds(tile: TileId) -> [f64; 4] {
    let ([west, north], [east, south]) = (tile.place_of([0.0, 0.0]), tile.place_of([1.0, 1.0]));
    [west, south, east, north]
}

fn write(boxes: Vec<[f64; 4]>, threads: usize) -> (Vec<u8>, PictureSummary, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pictures.pmtiles");
    let drawn = AtomicUsize::new(0);
    let options = PictureOptions {
        name: "pictures".into(),
        description: String::new(),
        attribution: "<b>nobody</b> & others".into(),
        boxes,
        max_zoom: DEEPEST,
        threads,
    };
    let made = write_pictures(&path, folder.path(), &options, &|| Ok(Colors(&drawn)), &encode).unwrap();
    (std::fs::read(path).unwrap(), made, drawn.into_inner())
}

#[test]
fn pictures_of_all_zooms_are_means_of_those_below_for_any_number_of_threads() {
    let corner = TileId { z: DEEPEST, x: 2074, y: 1409 };
    let other = TileId { x: corner.x + 9, y: corner.y + 6, ..corner };
    let ([west, _, _, north], [_, south, east, _]) = (bounds(corner), bounds(other));
    // A little inside, so that no other tile is touched.
    let boxes = vec![[west + 1e-6, south + 1e-6, east - 1e-6, north - 1e-6]];
    let (bytes, made, drawn) = write(boxes.clone(), 1);
    assert_eq!(drawn, 70, "each tile that a box touches once");
    assert!(write(boxes, 3).0 == bytes);
    let found = contents(&bytes);
    assert_eq!((found.len() as u64, made.largest), (made.tiles, 20));
    let mut shown = 0;
    for x in corner.x..=other.x {
        for y in corner.y..=other.y {
            let tile = TileId { x, y, ..corner };
            let [r, g, b] = color(tile);
            let expected = (!is_empty(tile)).then(|| [r, g, b, 255].repeat(5));
            assert_eq!(found.get(&(DEEPEST, x, y)).map(|bytes| bytes.to_vec()), expected, "{tile:?}");
            shown += usize::from(expected.is_some());
        }
    }
    assert_eq!(found.keys().filter(|(z, ..)| *z == DEEPEST).count(), shown);
    // A quarter of a tile above has the color of the one below; of an empty one nothing.
    for ((_, x, y), corners) in found.iter().filter(|((z, ..), _)| *z == DEEPEST - 1) {
        for (i, (dx, dy)) in [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().enumerate() {
            let below = TileId { z: DEEPEST, x: 2 * x + dx, y: 2 * y + dy };
            let inside = (corner.x..=other.x).contains(&below.x) && (corner.y..=other.y).contains(&below.y);
            let [r, g, b] = color(below);
            let expected = if inside && !is_empty(below) { [r, g, b, 255] } else { [0; 4] };
            assert_eq!(corners[4 * i..4 * i + 4], expected, "{below:?}");
        }
    }
    assert!((0..DEEPEST).all(|z| found.keys().any(|tile| tile.0 == z)), "every zoom has a tile");
    let told = metadata(&bytes);
    assert_eq!(told["attribution"], "&lt;b&gt;nobody&lt;/b&gt; &amp; others", "readers take it for HTML");
    assert_eq!((&told["format"], &told["maxzoom"]), (&"webp".into(), &DEEPEST.into()));
}

/// Scenes that cannot be read.
struct Broken;

impl PictureSource for Broken {
    fn draw(&mut self, _: TileId) -> Result<Option<Vec<u8>>> {
        Err(Failure::text("broken"))
    }
}

#[test]
fn pictures_without_a_place_are_one_empty_tile_and_errors_end_the_work() {
    let (bytes, made, drawn) = write(Vec::new(), 2);
    assert_eq!((made.tiles, drawn), (1, 0));
    assert_eq!(contents(&bytes)[&(0, 0, 0)], [0; 20]);
    let folder = tempfile::tempdir().unwrap();
    let options = PictureOptions {
        name: String::new(),
        description: String::new(),
        attribution: String::new(),
        boxes: vec![[-170.0, -80.0, 170.0, 80.0]],
        max_zoom: 9,
        threads: 2,
    };
    let path = folder.path().join("x");
    let failed = write_pictures(&path, folder.path(), &options, &|| Ok(Broken), &encode).unwrap_err();
    assert_eq!(failed.message(), "broken");
    for (boxes, max_zoom) in [(vec![[0.0, 0.0, 200.0, 1.0]], 9), (Vec::new(), 30)] {
        let options = PictureOptions { boxes, max_zoom, ..options.clone() };
        assert!(write_pictures(&path, folder.path(), &options, &|| Ok(Broken), &encode).is_err());
    }
}
