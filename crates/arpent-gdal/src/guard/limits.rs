//! Limits on sizes that files declare, far above any survey and far below the memory of a machine.

use std::io::Read as _;

use arpent_base::number::truncate;
use gdal::vector::{Geometry, GeometryRef};
use gdal::{Dataset, Metadata as _};

use crate::uri::is_local;
use crate::{GdalError, ffi};

/// Pixels on a side: three times the whole Earth at 2 m, Europe at 10 cm. Rows of this width still fit into memory.
const MAX_SIDE: usize = 1 << 26;
/// Pixels: ten times France at 20 cm.
const MAX_PIXELS: u64 = 1 << 48;
/// Bands: each is described in memory.
const MAX_BANDS: usize = 10_000;
/// Bytes of a decoded block. GDAL holds at least one.
const MAX_BLOCK_BYTES: u64 = 512 << 20;
/// Values of a raster that is read as a whole.
const MAX_SAMPLES: u64 = 1 << 31;
/// Bytes of a JSON or XML document: most drivers hold it as a whole, some as objects that are ten times larger.
const MAX_TEXT_BYTES: u64 = 1 << 30;
/// Bytes of an area of interest: with 16 bytes a vertex, a few times [`MAX_VERTICES`].
pub(crate) const MAX_AOI_BYTES: u64 = 1 << 30;
/// Vertices of one feature, or of an area of interest.
const MAX_VERTICES: u64 = 10_000_000;
/// Points added to the edges of one feature for reprojection: with one every 250 m, once around the Earth. Repairing
/// more takes minutes.
const MAX_ADDED: u64 = 200_000;

/// Largest factor on the edge length: at 2 km, an arc is 8 cm off its chord.
const COARSER: f64 = 8.0;

fn at_most(path: &str, what: impl Into<String>, found: u64, most: u64) -> Result<(), GdalError> {
    if found <= most {
        return Ok(());
    }
    Err(GdalError::TooLarge { path: path.to_owned(), what: what.into(), found, most })
}

/// Refuses rasters, bands and blocks above the limits.
pub(crate) fn check_raster(uri: &str, dataset: &Dataset) -> Result<(), GdalError> {
    let ((width, height), bands) = (dataset.raster_size(), dataset.raster_count());
    at_most(uri, "pixels on a side", width.max(height) as u64, MAX_SIDE as u64)?;
    at_most(uri, "pixels", width as u64 * height as u64, MAX_PIXELS)?;
    at_most(uri, "bands", bands as u64, MAX_BANDS as u64)?;
    // Blocks of interleaved bands are decoded together.
    let interleave = dataset.metadata_item("INTERLEAVE", "IMAGE_STRUCTURE");
    let together = if interleave.as_deref() == Some("PIXEL") { bands as u64 } else { 1 };
    for number in 1..=bands {
        let Ok(band) = dataset.rasterband(number) else { continue };
        let (block_width, block_height) = band.block_size();
        let samples = (block_width as u64).saturating_mul(block_height as u64).saturating_mul(together);
        let bytes = samples.saturating_mul(ffi::sample_bytes(dataset, number));
        at_most(uri, format!("bytes in a block of band {number}"), bytes, MAX_BLOCK_BYTES)?;
    }
    Ok(())
}

/// Refuses rasters that are too large to be read as a whole.
pub(crate) fn check_samples(uri: &str, size: (usize, usize), bands: usize) -> Result<(), GdalError> {
    let samples = (size.0 as u64).saturating_mul(size.1 as u64).saturating_mul(bands as u64);
    at_most(uri, "values in a raster that is read as a whole", samples, MAX_SAMPLES)
}

/// Refuses a file or object above a number of bytes.
pub(crate) fn check_file(uri: &str, gdal_path: &str, most: u64) -> Result<(), GdalError> {
    // A file without a size cannot be opened: the error is reported there.
    at_most(uri, "bytes", size(gdal_path).unwrap_or(0), most)
}

/// Refuses a JSON or XML document that is too large for memory.
pub(crate) fn check_document(uri: &str, gdal_path: &str) -> Result<(), GdalError> {
    let bytes = size(gdal_path).unwrap_or(0);
    if bytes <= MAX_TEXT_BYTES || !starts_like_text(gdal_path) {
        return Ok(());
    }
    at_most(uri, "bytes of text", bytes, MAX_TEXT_BYTES)
}

fn size(gdal_path: &str) -> Option<u64> {
    if is_local(gdal_path) {
        return std::fs::metadata(gdal_path).ok().map(|meta| meta.len());
    }
    ffi::vsi_size(gdal_path)
}

fn starts_like_text(gdal_path: &str) -> bool {
    let start = head(gdal_path, 256).unwrap_or_default();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    start.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"{[<".contains(byte))
}

/// The first bytes of a file or object; fewer if it is shorter, none for a local file that cannot be read.
///
/// # Errors
/// The store's message for a remote object that cannot be opened.
pub(crate) fn head(gdal_path: &str, length: usize) -> Result<Vec<u8>, String> {
    if !is_local(gdal_path) {
        return ffi::vsi_head(gdal_path, length);
    }
    let mut bytes = Vec::new();
    // Opening a pipe would block until another process writes.
    let file = std::fs::metadata(gdal_path).ok().filter(std::fs::Metadata::is_file);
    if let Some(file) = file.and_then(|_| std::fs::File::open(gdal_path).ok()) {
        let _ = file.take(length as u64).read_to_end(&mut bytes);
    }
    Ok(bytes)
}

/// The smallest edge length from `longest` up, at most [`COARSER`] times it, at which reprojection does not add too
/// many points to the edges of a feature: the coast of a continent gets fewer points per length than a parcel.
pub(crate) fn longest_for(geometry: &Geometry, longest: f64) -> f64 {
    let steps = std::iter::successors(Some(1.0), |factor| Some(factor * 2.0)).take_while(|f| *f <= COARSER);
    let fits = |longest: &f64| added(geometry, *longest) <= MAX_ADDED;
    steps.map(|factor| longest * factor).find(fits).unwrap_or(longest)
}

/// Refuses a feature with too many vertices, or that would have too many after edges longer than `longest`, if given,
/// are cut into equal pieces no longer than it.
pub(crate) fn check_feature(
    uri: &str,
    feature: u64,
    geometry: &Geometry,
    longest: Option<f64>,
) -> Result<(), GdalError> {
    at_most(uri, format!("vertices in feature {feature}"), vertices(geometry), MAX_VERTICES)?;
    let added = longest.map_or(0, |longest| added(geometry, longest));
    at_most(
        uri,
        format!("vertices that reprojection puts on the edges of feature {feature}"),
        added,
        MAX_ADDED,
    )
}

fn parts(geometry: &Geometry) -> impl Iterator<Item = GeometryRef<'_>> {
    (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i))
}

fn vertices(geometry: &Geometry) -> u64 {
    let own = if geometry.geometry_count() == 0 { geometry.point_count() as u64 } else { 0 };
    parts(geometry).map(|part| vertices(&part)).fold(own, u64::saturating_add)
}

/// Number of points to add so that no edge is longer than `longest`.
fn added(geometry: &Geometry, longest: f64) -> u64 {
    let mut points = Vec::new();
    if geometry.geometry_count() == 0 {
        geometry.get_points(&mut points);
    }
    let own = points.windows(2).map(|ends| {
        let edge = (ends[1].0 - ends[0].0).hypot(ends[1].1 - ends[0].1);
        truncate::<u64>((edge / longest).max(0.0))
    });
    let own = own.fold(0, u64::saturating_add);
    parts(geometry).map(|part| added(&part, longest)).fold(own, u64::saturating_add)
}

/// Refuses a number of vertices above the limit.
pub(crate) fn check_vertices(uri: &str, what: impl Into<String>, found: u64) -> Result<(), GdalError> {
    at_most(uri, what, found, MAX_VERTICES)
}
