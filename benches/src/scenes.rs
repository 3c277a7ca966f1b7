//! Large scenes that need no disk space: real imagery, repeated by a VRT.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use arpent_base::number::index;
use serde_json::Value;

/// Size and position of a raster, from `gdalinfo -json`.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its absolute path.
    pub path: String,
    /// Columns and rows.
    pub size: (usize, usize),
    geotransform: Vec<f64>,
    wkt: String,
}

/// Describes a raster.
///
/// # Errors
/// If gdalinfo is missing or cannot read the file.
pub fn describe(path: &Path) -> Result<Base> {
    let out = Command::new("gdalinfo").arg("-json").arg(path).output().context("cannot start gdalinfo")?;
    ensure!(out.status.success(), "gdalinfo cannot read {}", path.display());
    let info: Value = serde_json::from_slice(&out.stdout)?;
    let number = |i: usize| info["size"][i].as_u64().map(index).context("gdalinfo gives no size");
    Ok(Base {
        path: std::fs::canonicalize(path)?.to_string_lossy().into_owned(),
        size: (number(0)?, number(1)?),
        geotransform: info["geoTransform"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_f64)
            .collect(),
        wkt: info["coordinateSystem"]["wkt"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Writes a VRT of `width` x `height` pixels that repeats the first three bands of `base`.
///
/// # Errors
/// If the file cannot be written.
pub fn repeat(base: &Base, width: usize, height: usize, vrt: &Path) -> Result<()> {
    let escaped = base.wkt.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let geotransform: Vec<String> = base.geotransform.iter().map(|v| format!("{v:.16e}")).collect();
    let mut xml = format!(
        "<VRTDataset rasterXSize=\"{width}\" rasterYSize=\"{height}\"><SRS>{escaped}</SRS><GeoTransform>{}</GeoTransform>",
        geotransform.join(", ")
    );
    for (band, color) in [(1, "Red"), (2, "Green"), (3, "Blue")] {
        write!(xml, "<VRTRasterBand dataType=\"Byte\" band=\"{band}\"><ColorInterp>{color}</ColorInterp>")?;
        for top in (0..height).step_by(base.size.1) {
            for left in (0..width).step_by(base.size.0) {
                write!(xml, "{}", source(base, band, (left, top), (width, height)))?;
            }
        }
        xml.push_str("</VRTRasterBand>");
    }
    xml.push_str("</VRTDataset>");
    std::fs::write(vrt, xml).with_context(|| format!("cannot write {}", vrt.display()))
}

fn source(base: &Base, band: usize, at: (usize, usize), size: (usize, usize)) -> String {
    let (w, h) = (base.size.0.min(size.0 - at.0), base.size.1.min(size.1 - at.1));
    format!(
        "<SimpleSource><SourceFilename>{}</SourceFilename><SourceBand>{band}</SourceBand>\
         <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"{w}\" ySize=\"{h}\"/>\
         <DstRect xOff=\"{}\" yOff=\"{}\" xSize=\"{w}\" ySize=\"{h}\"/></SimpleSource>",
        base.path, at.0, at.1
    )
}
