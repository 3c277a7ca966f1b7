//! Pictures as WebP, by GDAL's driver: libwebp is a part of every GDAL of Debian, and the lossless encoder of the crate
//! `image` makes files of several times the size.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use gdal::DriverManager;
use gdal::cpl::CslStringList;
use gdal::raster::Buffer;
use gdal::vsi::{get_vsi_mem_file_bytes_owned, unlink_mem_file};

use super::file::text;
use crate::GdalError;
use crate::ffi::failure;
use crate::setup::quiet;

/// Name of the driver.
const DRIVER: &str = "WEBP";

/// Number of the next file in memory: each thread has its own.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Whether the GDAL in use writes WebP.
pub fn writes_webp() -> bool {
    DriverManager::get_driver_by_name(DRIVER).is_ok()
}

/// A picture as WebP, lossy but for its alpha, which is left out where all pixels are opaque. Equal pictures have equal
/// bytes.
///
/// `rgba`: red, green, blue and alpha of `width` pixels a row. `quality`: 1 to 100, of libwebp.
///
/// # Errors
/// [`GdalError::Create`] when GDAL lacks the driver, or the number of values is not that of whole rows.
pub fn encode_webp(rgba: &[u8], width: usize, quality: u8) -> Result<Vec<u8>, GdalError> {
    quiet();
    let path = PathBuf::from(format!("/vsimem/arpent-{}.webp", NEXT.fetch_add(1, Ordering::Relaxed)));
    let encoded = encode(rgba, width, quality, &path);
    // Nothing is there after an error.
    let _ = unlink_mem_file(&path);
    encoded
}

fn encode(rgba: &[u8], width: usize, quality: u8, path: &PathBuf) -> Result<Vec<u8>, GdalError> {
    let refused = |message: String| GdalError::Create { path: text(path), message };
    let error = |e: gdal::errors::GdalError| refused(failure(&e));
    let height = rgba.len() / (4 * width).max(1);
    if height == 0 || rgba.len() != 4 * width * height {
        return Err(refused(format!("{} values are no rows of {width} pixels", rgba.len())));
    }
    let bands = if rgba.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) { 3 } else { 4 };
    let memory = DriverManager::get_driver_by_name("MEM").map_err(error)?;
    let picture = memory.create_with_band_type::<u8, _>("", width, height, bands).map_err(error)?;
    for band in 0..bands {
        let values = rgba.iter().skip(band).step_by(4).copied().collect();
        let mut values = Buffer::new((width, height), values);
        picture
            .rasterband(band + 1)
            .and_then(|mut band| band.write((0, 0), (width, height), &mut values))
            .map_err(error)?;
    }
    let mut options = CslStringList::new();
    options.set_name_value("QUALITY", &quality.to_string()).map_err(error)?;
    let driver = DriverManager::get_driver_by_name(DRIVER).map_err(error)?;
    drop(picture.create_copy(&driver, path, &options).map_err(error)?);
    get_vsi_mem_file_bytes_owned(path).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gradient whose west is transparent, if asked for.
    fn picture(with_alpha: bool) -> Vec<u8> {
        let pixel = |at: usize| {
            let [row, col] = [at / 64, at % 64].map(|v| u8::try_from(v).unwrap());
            let alpha = if with_alpha && col < 20 { 0 } else { 255 };
            [4 * row, 4 * col, 90, alpha]
        };
        (0..64 * 64).flat_map(pixel).collect()
    }

    fn decoded(bytes: &[u8]) -> image::RgbaImage {
        image::load_from_memory_with_format(bytes, image::ImageFormat::WebP).unwrap().to_rgba8()
    }

    #[test]
    fn a_picture_comes_back_nearly_and_its_alpha_exactly() {
        for with_alpha in [false, true] {
            let given = picture(with_alpha);
            let bytes = encode_webp(&given, 64, 75).unwrap();
            assert_eq!(bytes, encode_webp(&given, 64, 75).unwrap());
            let decoded = decoded(&bytes);
            assert_eq!(decoded.dimensions(), (64, 64));
            let off = |i: usize, found: &[u8], given: &[u8]| found[i].abs_diff(given[i]);
            for (found, given) in decoded.pixels().zip(given.chunks_exact(4)) {
                assert_eq!(found.0[3], given[3]);
                assert!(given[3] == 0 || (0..3).all(|i| off(i, &found.0, given) < 24), "{found:?} {given:?}");
            }
        }
        assert!(encode_webp(&[0; 7], 2, 75).is_err() && encode_webp(&[], 0, 75).is_err());
    }
}
