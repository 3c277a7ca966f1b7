//! Readers that share the blocks of remote scenes.

use std::path::Path;
use std::sync::Mutex;

use arpent_gdal::{DatesReader, Mosaic, MosaicReader, SharedBlocks, open_scene, resolve_scenes};
use arpent_raster::{Chip, Window};
use gdal::raster::GdalType;

use crate::common::{Picture, folder, mosaic, value};
use crate::remote::{Sent, serve_counted};

const SIDE: usize = 2560;
const BLOCK: usize = 128;

fn tiled<T: GdalType + Copy>(bands: Vec<Vec<T>>, size: (usize, usize)) -> Picture<T> {
    let mut picture = Picture::new(size, bands);
    picture.options = vec!["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128", "PHOTOMETRIC=MINISBLACK"];
    picture
}

/// A scene behind HTTP that is the same as a file.
struct Served {
    _dir: tempfile::TempDir,
    local: Mosaic,
    remote: Mosaic,
    sent: Sent,
}

impl Served {
    fn new(write: impl FnOnce(&Path)) -> Self {
        let dir = folder();
        let path = dir.path().join("a.tif");
        write(&path);
        let (base, sent) = serve_counted(vec![("/a.tif", std::fs::read(&path).unwrap())]);
        let opened = |uri: String| mosaic(vec![open_scene(&resolve_scenes(&[uri]).unwrap()[0]).unwrap()]);
        let (local, remote) = (opened(path.to_string_lossy().into_owned()), opened(format!("{base}/a.tif")));
        Self { _dir: dir, local, remote, sent }
    }

    fn bytes_of(size: (usize, usize)) -> Self {
        let band = |b: usize| (0..size.0 * size.1).map(|i| value(i % size.0, i / size.0, b)).collect();
        Self::new(|path| drop(tiled((0..2).map(band).collect(), size).write(path)))
    }

    fn window(&self, col: i64, row: i64, width: usize, height: usize) -> Window {
        Window::new(self.local.window.col + col, self.local.window.row + row, width, height)
    }

    /// What lies in the file.
    fn expected(&self, window: Window) -> Chip {
        MosaicReader::new(&self.local, &[vec![1, 2]]).unwrap().read(window).unwrap()
    }

    fn reader(&self) -> MosaicReader {
        MosaicReader::new(&self.remote, &[vec![1, 2]]).unwrap()
    }

    /// Requests since the last call, their bytes, and bytes that were sent more than once.
    fn taken(&self) -> (usize, usize, usize) {
        let mut sent = std::mem::take(&mut *self.sent.lock().unwrap());
        sent.sort_unstable();
        let (mut end, mut again) = (0, 0);
        for (from, to) in &sent {
            again += end.min(*to).saturating_sub(*from);
            end = end.max(*to);
        }
        (sent.len(), sent.iter().map(|(from, to)| to - from).sum(), again)
    }
}

#[test]
fn a_window_of_many_blocks_takes_few_requests() {
    let scene = Served::bytes_of((SIDE, SIDE));
    let window = scene.window(70, 70, 900, 900);
    let blocks = 970_usize.div_ceil(BLOCK).pow(2);
    scene.taken();
    let chip = scene.reader().sharing(&SharedBlocks::new(64)).read(window).unwrap();
    assert_eq!(chip, scene.expected(window));
    let (requests, bytes, _) = scene.taken();
    assert!(requests * 5 <= blocks, "{requests} requests for {blocks} blocks");
    assert!(bytes >= blocks * BLOCK * BLOCK * 2, "{bytes} bytes are too few: nothing was counted");
}

/// Reads neighboring windows with four readers, each the next that is free.
fn by_four(scene: &Served, blocks: Option<&SharedBlocks>) {
    let windows = (0..5).flat_map(|row| (0..5).map(move |col| (col * 512, row * 512)));
    let windows = Mutex::new(windows);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut reader = scene.reader();
                if let Some(blocks) = blocks {
                    reader = reader.sharing(blocks);
                }
                loop {
                    let Some((col, row)) = windows.lock().unwrap().next() else { break };
                    let window = scene.window(col - 40, row - 40, 592, 592);
                    assert_eq!(reader.read(window).unwrap(), scene.expected(window), "{window}");
                }
            });
        }
    });
}

#[test]
fn four_readers_fetch_nothing_twice() {
    let scene = Served::bytes_of((SIDE, SIDE));
    let all = SIDE * SIDE * 2;
    scene.taken();
    by_four(&scene, None);
    let (alone, _, again) = scene.taken();
    assert!(again > all / 4, "readers that share nothing fetched only {again} bytes twice");

    by_four(&scene, Some(&SharedBlocks::new(64)));
    let (requests, bytes, again) = scene.taken();
    // What is read beside the multiple ranges of a window, the header among it, comes in chunks of 16 KiB.
    assert!(again < all / 50, "{again} of {bytes} bytes were sent again");
    assert!(bytes < all + all / 50, "{bytes} bytes of {all}");
    assert!(requests < alone, "{requests} requests, {alone} of readers that share nothing");
}

#[test]
fn too_little_room_costs_requests_and_nothing_else() {
    let scene = Served::bytes_of((SIDE, SIDE));
    by_four(&scene, Some(&SharedBlocks::new(0)));
    by_four(&scene, Some(&SharedBlocks::new(3)));
}

#[test]
fn shared_blocks_change_no_pixel() {
    let size = (1500, 1100);
    let words =
        |b: usize| (0..size.0 * size.1).map(|i| u16::try_from((i * 31 + b) % 65_000).unwrap()).collect();
    let floats = |b: usize| {
        let of = |i: usize| if i.is_multiple_of(7) { f32::NAN } else { f32::from(value(i, b, 1)) - 90.5 };
        (0..size.0 * size.1).map(of).collect()
    };
    let bytes = |b: usize| (0..size.0 * size.1).map(|i| value(i / 9 % 5, i / 4000, b)).collect();
    let with_nodata = || {
        let mut picture = tiled((0..2).map(bytes).collect(), size);
        picture.nodata = Some(f64::from(value(2, 0, 0)));
        picture
    };
    let scenes = [
        Served::bytes_of(size),
        Served::new(|path| drop(with_nodata().write(path))),
        Served::new(|path| drop(tiled((0..2).map(words).collect(), size).write(path))),
        Served::new(|path| drop(tiled((0..2).map(floats).collect(), size).write(path))),
    ];
    let blocks = SharedBlocks::new(16);
    for scene in &scenes {
        let dates = [(&scene.remote, vec![vec![1, 2]]), (&scene.remote, vec![vec![2, 1]])];
        let mut reader = DatesReader::new(dates).unwrap().sharing(&blocks);
        let local = [(&scene.local, vec![vec![1, 2]]), (&scene.local, vec![vec![2, 1]])];
        let mut plain = DatesReader::new(local).unwrap();
        let places = [
            (0, 0, 300, 300),
            (-50, -20, 400, 100),
            (1400, 1000, 300, 300),
            (255, 511, 700, 3),
            (5000, 0, 9, 9),
        ];
        for (col, row, width, height) in places {
            let window = scene.window(col, row, width, height);
            assert_eq!(reader.read(window).unwrap(), plain.read(window).unwrap(), "{window}");
        }
    }
    // The pixels of the second scene that are nodata in both bands are invalid, so that there was something to keep.
    let chip = scenes[1].expected(scenes[1].local.window);
    assert!(chip.valid.contains(&true));
}
