//! Resampling scenes to another GSD.

use std::path::{Path, PathBuf};

use arpent_raster::SceneInfo;

use crate::uri::{gdal_path, is_local};
use crate::{GdalError, SceneSource, ffi, open_scene, scene};

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

/// Describes a scene resampled to square pixels of `gsd` CRS units, computed by GDAL while it is read: a VRT is
/// written in `scratch`, no pixel. The new pixels lie on the lattice of the CRS origin (phase 0). Nodata values stay;
/// a scene with a mask, or without any, gets an alpha band, so that border pixels outside the old ones are invalid.
///
/// Each scene is resampled by itself: a pixel within one kernel of a file's border sees nothing of the next file.
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
    let has_nodata = scene.bands.iter().all(|b| b.nodata.is_some());
    let has_alpha = scene.bands.iter().any(|b| b.is_alpha);
    let size = format!("{gsd:?}");
    let mut arguments = vec!["-of", "VRT", "-tr", &size, &size, "-tap", "-et", "0", "-r", method.name()];
    if !has_nodata && !has_alpha {
        arguments.push("-dstalpha");
    }
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    ffi::warp(&dataset, &destination.to_string_lossy(), &arguments).map_err(error)?;
    let names = scene.bands.iter().map(|b| b.common_name.clone().unwrap_or_default()).collect();
    let resampled = SceneSource {
        id: scene.id.clone(),
        acquired: scene.acquired.clone(),
        band_names: Some(names),
        ..SceneSource::new(&destination.to_string_lossy())
    };
    open_scene(&resampled)
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
