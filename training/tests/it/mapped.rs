//! The last step of a smoke: `arpent run` with the task's `run.toml` and the package that was just trained.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_raster::Window;
use arpent_testing::{GeoTiff, Samples};
use serde_json::Value;

use crate::place::repository;

/// North-west corner of scenes, pixels from the origin of the CRS (EPSG:32631).
const CORNER: (i64, i64) = (3_000, -40_000);

/// Writes a scene of three 8-bit bands.
pub(crate) fn rgb_scene(path: &Path, gsd: f64, side: usize, color: impl Fn(u32, u32) -> [u8; 3]) {
    let colors: Vec<[u8; 3]> = places(side).map(|(x, y)| color(x, y)).collect();
    let bands: Vec<u8> = (0..3).flat_map(|b| colors.iter().map(move |c| c[b])).collect();
    GeoTiff::rgb(32631, gsd, window(side), &bands).write(path).unwrap();
}

/// Writes a scene of 16-bit bands (name, value at column and row): a file for each, and a VRT that names them.
pub(crate) fn banded_scene<F: Fn(u32, u32) -> u16>(vrt: &Path, gsd: f64, side: usize, bands: &[(&str, F)]) {
    let (west, north) = (CORNER.0 as f64 * gsd, -CORNER.1 as f64 * gsd);
    let mut text = String::new();
    for (i, (name, value)) in bands.iter().enumerate() {
        let samples = Samples::Gray16(places(side).map(|(x, y)| value(x, y)).collect());
        let file = GeoTiff { epsg: Some(32631), gsd, window: window(side), nodata: None, samples };
        file.write(&vrt.with_file_name(format!("{name}.tif"))).unwrap();
        write!(
            text,
            "<VRTRasterBand dataType=\"UInt16\" band=\"{}\"><Description>{name}</Description><SimpleSource>\
             <SourceFilename relativeToVRT=\"1\">{name}.tif</SourceFilename><SourceBand>1</SourceBand>\
             </SimpleSource></VRTRasterBand>",
            i + 1
        )
        .unwrap();
    }
    let vrt_of = format!(
        "<VRTDataset rasterXSize=\"{side}\" rasterYSize=\"{side}\"><SRS>EPSG:32631</SRS>\
         <GeoTransform>{west}, {gsd}, 0, {north}, 0, -{gsd}</GeoTransform>{text}</VRTDataset>"
    );
    fs::write(vrt, vrt_of).unwrap();
}

fn places(side: usize) -> impl Iterator<Item = (u32, u32)> {
    let side = u32::try_from(side).unwrap();
    (0..side).flat_map(move |y| (0..side).map(move |x| (x, y)))
}

fn window(side: usize) -> Window {
    Window::new(CORNER.0, CORNER.1, side, side)
}

/// The manifest of a run with `configs/<task>/run.toml`, verified; `None`, and a message, where `arpent` was not built.
pub(crate) fn mapped(task: &str, package: &Path, more: &[&str], output: &Path) -> Option<Value> {
    let arpent = PathBuf::from(env!("CARGO_BIN_EXE_arpent-train")).with_file_name("arpent");
    if !arpent.exists() {
        arpent_testing::skip("arpent", &format!("{} is not built (cargo build -p arpent)", arpent.display()));
        return None;
    }
    let config = repository().join("configs").join(task).join("run.toml");
    let [config, package, output] = [&config, package, output].map(|p| p.to_str().unwrap());
    let run = |arguments: &[&str]| {
        let ran = Command::new(&arpent).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    run(&[&["run", config, "--model", package, "--output", output], more].concat());
    run(&["check", output]);
    Some(serde_json::from_slice(&fs::read(Path::new(output).join("manifest.json")).unwrap()).unwrap())
}
