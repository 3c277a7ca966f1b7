//! Archives of pictures (PMTiles): they are refused, or every tile lies in its zooms and is read the same again.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_publish::{DEEPEST, PictureArchive, PublishError, TileId};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("a.pmtiles"));

/// Tiles that are looked at: the run of one entry may be all tiles of the earth.
const MOST: usize = 1000;

/// The first tiles, with their sizes, and whether the archive was whole so far.
fn tiles(archive: &mut PictureArchive) -> (Vec<(TileId, usize)>, bool) {
    let mut all = Vec::new();
    let read = archive.each(0..=DEEPEST, &mut |id, bytes| {
        all.push((id, bytes.len()));
        let source = std::io::Error::other("enough");
        let enough = PublishError::Io { action: "read", path: FILE.clone(), source };
        if all.len() < MOST { Ok(()) } else { Err(enough.into()) }
    });
    let is_whole = read.is_ok() || all.len() == MOST;
    (all, is_whole)
}

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a writable folder");
    let Ok(mut archive) = PictureArchive::open(&FILE) else { return };
    let deepest = archive.max_zoom();
    assert!(deepest <= DEEPEST);
    let (all, is_whole) = tiles(&mut archive);
    let in_grid = |id: &TileId| id.z <= deepest && id.x < 1 << id.z && id.y < 1 << id.z;
    assert!(all.iter().all(|(id, length)| in_grid(id) && *length <= bytes.len()));
    assert_eq!(tiles(&mut archive), (all, is_whole));
});
