//! Readers that share blocks: of remote scenes, and those that take long to decode.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use arpent_gdal::{DatesReader, Mosaic, MosaicReader, SharedBlocks, open_scene, resolve_scenes};
use arpent_raster::{Chip, Decoders, Window};
use gdal::raster::{GdalType, RasterCreationOptions};
use gdal::{Dataset, DriverManager};

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

/// A picture in another format, beside it; its mosaic.
fn copied(path: &Path, driver: &str, extension: &str, options: &[&str]) -> Mosaic {
    let to = path.with_extension(extension);
    let driver = DriverManager::get_driver_by_name(driver).unwrap();
    let options: RasterCreationOptions = options.iter().copied().collect();
    Dataset::open(path).unwrap().create_copy(&driver, &to, &options).unwrap().close().unwrap();
    mosaic(vec![crate::common::open(&to)])
}

#[test]
fn local_blocks_that_are_costly_are_decoded_once_for_all_readers() {
    let dir = folder();
    let size = (2600, 1500);
    let band = |b: usize| (0..size.0 * size.1).map(|i| value(i % size.0 / 9, i / size.0 / 7, b)).collect();
    let path = dir.path().join("a.tif");
    tiled((0..3).map(band).collect(), size).write(&path);
    let tiles = ["BLOCKXSIZE=1024", "BLOCKYSIZE=1024", "QUALITY=20"];
    let whole = ["BLOCKXSIZE=2600", "BLOCKYSIZE=1500", "QUALITY=20"];
    let small = ["BLOCKXSIZE=256", "BLOCKYSIZE=256", "REVERSIBLE=YES", "QUALITY=100"];
    let strip = ["COMPRESS=DEFLATE", "BLOCKYSIZE=1500"];
    let plain = ["COMPRESS=DEFLATE", "TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"];
    for (driver, extension, options, cells) in [
        ("JP2OpenJPEG", "tiles.jp2", &tiles[..], 6),
        ("JP2OpenJPEG", "whole.jp2", &whole, 6),
        ("JP2OpenJPEG", "small.jp2", &small, 6),
        ("GTiff", "strip.tif", &strip, 1),
        // GDAL's own to cache.
        ("GTiff", "plain.tif", &plain, 0),
    ] {
        let mosaic = copied(&path, driver, extension, options);
        assert_eq!(SharedBlocks::takes(&mosaic.scenes[0]), cells > 0, "{extension}");
        let bands = [vec![3, 1]];
        let mut alone = MosaicReader::new(&mosaic, &bands).unwrap();
        let place = |i: i64| (mosaic.window.col + i % 6 * 460 - 40, mosaic.window.row + i / 6 * 460 - 40);
        let windows: Vec<Window> =
            (0..24).map(place).map(|(col, row)| Window::new(col, row, 540, 540)).collect();
        let expected: Vec<Chip> = windows.iter().map(|window| alone.read(*window).unwrap()).collect();
        for readers in [1, 2, 4] {
            let (blocks, next) = (SharedBlocks::new(64), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..readers {
                    scope.spawn(|| {
                        let mut reader = MosaicReader::new(&mosaic, &bands).unwrap().sharing(&blocks);
                        loop {
                            let at = next.fetch_add(1, Ordering::SeqCst);
                            let Some(window) = windows.get(at) else { break };
                            assert_eq!(reader.read(*window).unwrap(), expected[at], "{extension} {window}");
                        }
                    });
                }
            });
            assert_eq!(blocks.fetched(), cells, "{extension}, {readers} readers");
        }
    }
}

#[test]
fn decoders_that_keep_a_picture_are_counted() {
    let dir = folder();
    let band = |b: usize| (0..1300 * 700).map(|i| value(i % 1300 / 9, i / 1300 / 7, b)).collect();
    let path = dir.path().join("a.tif");
    tiled((0..3).map(band).collect(), (1300, 700)).write(&path);
    let whole = ["BLOCKXSIZE=1300", "BLOCKYSIZE=700", "QUALITY=20"];
    let whole = copied(&path, "JP2OpenJPEG", "whole.jp2", &whole);
    let tiles =
        copied(&path, "JP2OpenJPEG", "tiles.jp2", &["BLOCKXSIZE=512", "BLOCKYSIZE=512", "QUALITY=20"]);
    let (values, part) = (1300 * 700 * 3, 1024 * 700 * 3);
    let decoders = |files, block_values: u64, kept_values: u64| Decoders {
        files,
        block_bytes: block_values * 16,
        kept_bytes: kept_values * 2,
    };
    assert_eq!(whole.scenes[0].decoders, decoders(1, part, values));
    assert_eq!(tiles.scenes[0].decoders, decoders(1, 512 * 512 * 3, 0));
    assert_eq!(crate::common::open(&path).decoders, Decoders::default());
    // A VRT of both, one of that, and a warped one.
    let run = |program: &str, words: &[&str]| {
        let done = Command::new(program).args(words).current_dir(dir.path()).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run("gdalbuildvrt", &["-q", "both.vrt", "a.whole.jp2", "a.tiles.jp2", "a.tif"]);
    run("gdal_translate", &["-q", "-of", "VRT", "both.vrt", "outer.vrt"]);
    run("gdalwarp", &["-q", "-of", "VRT", "-t_srs", "EPSG:3857", "a.whole.jp2", "warped.vrt"]);
    for (name, files) in [("both.vrt", 2), ("outer.vrt", 2), ("warped.vrt", 1)] {
        let scene = crate::common::open(&dir.path().join(name));
        // Warping holds the source under a block besides.
        let warped = scene.decoders.block_bytes - part * 16;
        let most = if name == "warped.vrt" { 512 * 128 * 16 } else { 0 };
        assert!(warped <= most && (warped > 0) == (most > 0), "{name}: {warped}");
        let counted = Decoders { block_bytes: part * 16, ..scene.decoders };
        assert_eq!(counted, decoders(files, part, values), "{name}");
        assert_eq!(MosaicReader::kept_by_decoders(&scene, 2), 4 * files as u64 * values * 2, "{name}");
    }
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
