//! Resampling scenes to another GSD.

use std::path::{Path, PathBuf};

use arpent_raster::{Grid, SceneInfo, Window};

use crate::uri::{gdal_path, is_local};
use crate::{GdalError, SceneSource, ffi, guard, open_scene, scene};

/// How pixels of another size are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Nearest neighbor.
    Nearest,
    /// Bilinear: for finer pixels, or up to about twice coarser ones (GDAL widens the kernel to avoid aliasing).
    Bilinear,
    /// Mean of the covered pixels: for coarser pixels.
    Average,
}

impl Resampling {
    const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "near",
            Self::Bilinear => "bilinear",
            Self::Average => "average",
        }
    }
}

/// Shift of the sampled places, source pixels: far above rounding noise, far below what an 8-bit value shows.
/// Without it, a place that falls exactly between two pixels would be decided by the noise, differently for each file.
const OFF_TIES: [f64; 2] = [1.0 / 65_536.0, 3.0 / 262_144.0];

/// Describes a scene resampled to square pixels of `gsd` CRS units, computed by GDAL while it is read: a VRT is
/// written in `scratch`, no pixel. The new pixels lie on the lattice of the CRS origin (phase 0). Nodata values stay;
/// a scene with a mask, or without any, gets an alpha band, so that border pixels outside the old ones are invalid.
///
/// Each scene is resampled by itself: a pixel within one kernel of a file's border sees nothing of the next file.
/// Elsewhere integer samples do not depend on how a survey is cut into files.
///
/// # Errors
/// [`GdalError::Resample`], and whatever opening the scene gives.
pub fn resample_source(
    scene: &SceneInfo,
    gsd: f64,
    method: Resampling,
    scratch: &Path,
) -> Result<SceneInfo, GdalError> {
    let error = |message: String| GdalError::Resample { path: scene.uri.clone(), gsd, message };
    let source_path = absolute(&gdal_path(&scene.uri)).map_err(|e| error(e.to_string()))?;
    let dataset = scene::open_raster(&scene.uri, &source_path)?;
    let destination = destination(scene, scratch);
    let (lattice, window) = target(scene, gsd);
    let mut arguments: Vec<String> =
        ["-of", "VRT", "-et", "0", "-r", method.name(), "-tr"].map(str::to_owned).into();
    arguments.extend([format!("{gsd:?}"), format!("{gsd:?}"), "-te".into()]);
    arguments.extend(lattice.bbox(&window).map(|v| format!("{v:?}")));
    // GDAL would measure the scale anew for each block, from windows rounded to whole pixels.
    for (key, old) in [("XSCALE", scene.grid.gsd_x), ("YSCALE", scene.grid.gsd_y)] {
        arguments.extend(["-wo".into(), format!("{key}={:?}", old / gsd)]);
    }
    let has_nodata = scene.bands.iter().all(|b| b.nodata.is_some());
    if !scene.bands.iter().any(|b| b.is_alpha) {
        // A band that is asked for as data takes nothing out, whatever the file calls it.
        arguments.push("-nosrcalpha".into());
    }
    if !has_nodata && !scene.bands.iter().any(|b| b.is_alpha) {
        arguments.push("-dstalpha".into());
    }
    ffi::warp(&dataset, &destination.to_string_lossy(), &arguments).map_err(error)?;
    drop(dataset);
    anchor(&destination, scene, gsd, &window, method)?;
    guard::trust(&destination.to_string_lossy());
    let names = scene.bands.iter().map(|b| b.common_name.clone().unwrap_or_default()).collect();
    let resampled = SceneSource {
        id: scene.id.clone(),
        acquired: scene.acquired.clone(),
        band_names: Some(names),
        ..SceneSource::new(&destination.to_string_lossy())
    };
    let mut info = open_scene(&resampled)?;
    // What stored values mean is what it was, whatever GDAL's warper says of it.
    info.bands.iter_mut().for_each(|band| {
        band.scaling = scene.bands.iter().find(|b| b.index == band.index).and_then(|b| b.scaling.clone());
    });
    Ok(info)
}

/// The lattice of the new pixels and the window that covers the scene. GDAL's own `-tap` knows no rounding noise and
/// adds rows.
fn target(scene: &SceneInfo, gsd: f64) -> (Grid, Window) {
    let lattice = Grid { crs: scene.grid.crs.clone(), origin_x: 0.0, origin_y: 0.0, gsd_x: gsd, gsd_y: gsd };
    let window = lattice.window_of(scene.grid.bbox(&scene.window));
    (lattice, window)
}

/// Replaces the VRT's transformation from new to old pixels, which GDAL takes from the noisy coordinates of the file,
/// by that between the two grids.
fn anchor(
    vrt: &Path,
    scene: &SceneInfo,
    gsd: f64,
    window: &Window,
    method: Resampling,
) -> Result<(), GdalError> {
    let io = |doing| move |source| GdalError::Io { doing, path: vrt.to_string_lossy().into_owned(), source };
    let grid = &scene.grid;
    let (step_x, from_x) = axis(gsd, grid.gsd_x, -grid.origin_x, window.col, scene.window.col);
    let (step_y, from_y) = axis(gsd, grid.gsd_y, grid.origin_y, window.row, scene.window.row);
    let exact = [step_x, from_x, step_y, from_y].iter().all(|v| (v * 1024.0).fract() == 0.0);
    // A mean over whole pixels has no ties, and must not take a sliver of the next pixel.
    let [off_x, off_y] = if method == Resampling::Average && exact { [0.0; 2] } else { OFF_TIES };
    let (from_x, from_y) = (from_x + off_x, from_y + off_y);
    let mut xml = std::fs::read_to_string(vrt).map_err(io("read"))?;
    let numbers = |v: [f64; 6]| v.map(|v| format!("{v:?}")).join(",");
    for (tag, value) in [
        ("SrcGeoTransform", numbers([0.0, 1.0, 0.0, 0.0, 0.0, 1.0])),
        ("SrcInvGeoTransform", numbers([0.0, 1.0, 0.0, 0.0, 0.0, 1.0])),
        ("DstGeoTransform", numbers([from_x, step_x, 0.0, from_y, 0.0, step_y])),
        (
            "DstInvGeoTransform",
            numbers([-from_x / step_x, 1.0 / step_x, 0.0, -from_y / step_y, 0.0, 1.0 / step_y]),
        ),
    ] {
        xml = replaced(&xml, tag, &value).ok_or_else(|| GdalError::Resample {
            path: scene.uri.clone(),
            gsd,
            message: format!("GDAL wrote a warped VRT without {tag}"),
        })?;
    }
    std::fs::write(vrt, xml).map_err(io("write"))
}

/// Size of a new pixel in old pixels, and where the first new pixel begins in the old file, along one axis.
#[allow(clippy::cast_precision_loss, reason = "pixel numbers stay far below 2^52")]
fn axis(new: f64, old: f64, origin: f64, new_first: i64, old_first: i64) -> (f64, f64) {
    // Rounded as grids are, so that 0.3 / 0.2 is 1.5.
    let rounded = |v: f64, steps: f64| (v * steps).round() / steps;
    let step = rounded(new / old, 1e12);
    let phase = rounded(origin / old, 1e4);
    (step, new_first as f64 * step + phase - old_first as f64)
}

/// The document with the content of the only element `tag` replaced.
fn replaced(xml: &str, tag: &str, content: &str) -> Option<String> {
    let (before, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (_, after) = rest.split_once(&format!("</{tag}>"))?;
    Some(format!("{before}<{tag}>{content}</{tag}>{after}"))
}

/// The VRT is elsewhere: what it points to must not be relative.
fn absolute(path: &str) -> std::io::Result<String> {
    if is_local(path) {
        Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
    } else {
        Ok(path.to_owned())
    }
}

fn destination(scene: &SceneInfo, scratch: &Path) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = scene.id.chars().map(plain).collect();
    let free =
        |n: usize| scratch.join(if n == 0 { format!("{name}.vrt") } else { format!("{name}-{n}.vrt") });
    (0..100_000).map(free).find(|p| !p.exists()).unwrap_or_else(|| free(0))
}
