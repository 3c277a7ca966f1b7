//! Reads windows of a scene like a job, for `s3_reading.py`, `jp2_reading.py` and `resampling.py` of `benches/peers`.
//!
//! `read_windows SCENE WINDOWS READERS [SHARED_MB [GSD METHOD]]`: WINDOWS is a file with a window a line (column, row,
//! width, height, from the scene's corner), in pixels of GSD units of the CRS if given. Prints JSON: seconds from
//! before the first opening to the last window, the sum of all values, shared cells that were fetched.

use std::error::Error;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arpent_base::number::truncate;
use arpent_gdal::{
    InitOptions, Mosaic, MosaicReader, SharedBlocks, group_scenes, open_scene, resampled, resolve_scenes,
};
use arpent_raster::{Window, lattice};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scene, windows, readers, rest @ ..] = arguments.as_slice() else {
        return Err("usage: read_windows SCENE WINDOWS READERS [SHARED_MB [GSD METHOD]]".into());
    };
    let shared_mb = rest.first().map_or(Ok(256), |text| text.parse())?;
    let blocks = (shared_mb > 0).then(|| SharedBlocks::new(shared_mb));
    let (readers, places) = (readers.parse()?, places(&std::fs::read_to_string(windows)?)?);
    arpent_gdal::init(InitOptions { cache_mb: 16, ..InitOptions::default() })?;
    let began = Instant::now();
    let scenes = resolve_scenes(std::slice::from_ref(scene))?;
    let info = scenes.first().map(open_scene).ok_or("no scene")??;
    // As in a job: with shared blocks, GDAL needs cache for the blocks that are being decoded.
    let decoded = readers as u64 * SharedBlocks::cache_of_a_reader(&info);
    let cache_mb = if shared_mb > 0 { 16 + u32::try_from(decoded.div_ceil(1 << 20))? } else { 256 };
    arpent_gdal::init(InitOptions { cache_mb, ..InitOptions::default() })?;
    let info = match rest.get(1..) {
        Some([gsd, method]) => {
            let target = lattice(&info.grid.crs, [gsd.parse()?; 2]);
            resampled(&info, &target, serde_json::from_value(method.as_str().into())?)
        }
        _ => info,
    };
    let mosaic = group_scenes(vec![info]).pop().ok_or("no mosaic")?;
    let sum = read(&mosaic, blocks.as_ref(), &places, readers)?;
    let seconds = began.elapsed().as_secs_f64();
    let (version, fetched) = (arpent_gdal::version(), blocks.map_or(0, |blocks| blocks.fetched()));
    writeln!(
        std::io::stdout(),
        "{{\"seconds\": {seconds}, \"sum\": {sum}, \"fetched\": {fetched}, \"reader\": \"arpent, GDAL {version}\"}}"
    )?;
    Ok(())
}

fn places(text: &str) -> Outcome<Vec<[i64; 4]>> {
    let numbers = |line: &str| line.split_whitespace().map(str::parse).collect::<Result<Vec<i64>, _>>();
    text.lines()
        .map(|line| numbers(line)?.try_into().map_err(|_| format!("no window: {line}").into()))
        .collect()
}

/// Reads the windows in order, each with the next free reader; returns the sum of their values.
fn read(mosaic: &Mosaic, blocks: Option<&SharedBlocks>, places: &[[i64; 4]], readers: usize) -> Outcome<u64> {
    let next = AtomicUsize::new(0);
    let bands = mosaic.scenes.first().map_or_else(Vec::new, |s| s.bands.iter().map(|b| b.index).collect());
    let work = || -> Outcome<u64> {
        let mut reader = MosaicReader::new(mosaic, std::slice::from_ref(&bands))?;
        if let Some(blocks) = blocks {
            reader = reader.sharing(blocks);
        }
        let mut sum = 0;
        while let Some([col, row, width, height]) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (col, row) = (mosaic.window.col + col, mosaic.window.row + row);
            let chip =
                reader.read(Window::new(col, row, usize::try_from(*width)?, usize::try_from(*height)?))?;
            sum += total(&chip.data);
        }
        Ok(sum)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..readers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join().map_err(|_| "a reader panicked")?).sum()
    })
}

fn total(values: &[f32]) -> u64 {
    values.iter().map(|v| u64::from(truncate::<u32>(f64::from(*v)))).sum()
}
