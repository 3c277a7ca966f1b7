//! Rasters as plain pixel arrays, georeferenced or not.

use arpent_base::number::{exact, truncate};
use arpent_raster::{Chip, LABEL_NODATA, Raster, ReadAs, Scaling, Window};

use gdal::Metadata;

use super::bands::bands as describe_bands;
use super::coverage::both;
use super::mask::{Mask, mask_of};
use super::open::{check_complete, open_raster};
use super::raster::{BandSelection, Opened, RasterSource};
use super::scaling;
use super::source::SceneSource;
use crate::uri::{gdal_path, is_local, quoted, stem};
use crate::{GdalError, ffi, guard};

/// Reads a whole raster; the chip's window starts at (0, 0). `bands` are numbers from 1 in the order of the result; by
/// default all bands except an alpha band are read. An alpha band that is not read as data, mask bands and nodata
/// values make pixels invalid as in [`MosaicReader`](crate::MosaicReader), and `values` selects whether a declared
/// scale and offset are applied. The second result has the declaration of each band that was read.
///
/// # Errors
/// Those of [`open_scene`](crate::open_scene), except for georeferencing; [`GdalError::NoSuchBand`],
/// [`GdalError::ReadWindow`].
pub fn read_picture(
    uri: &str,
    bands: Option<&[usize]>,
    values: ReadAs,
) -> Result<(Chip, Vec<Option<Scaling>>), GdalError> {
    let (mut opened, window) = open(uri)?;
    let mut infos = describe_bands(uri, &opened.dataset, &[])?;
    scaling::declare(&mut infos, &SceneSource::new(uri), &opened.dataset);
    infos.iter_mut().filter_map(|b| b.scaling.as_mut()).for_each(|s| s.read_as = values);
    let all: BandSelection = infos.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
    let selection = bands.map_or(all, <[usize]>::to_vec);
    guard::check_samples(uri, (window.width, window.height), selection.len())?;
    let declared = |index: &usize| infos.iter().find(|b| b.index == *index)?.scaling.clone();
    let declared = selection.iter().map(declared).collect();
    Ok((RasterSource::new(stem(uri), uri, window, &infos, selection)?.read(&mut opened, window)?, declared))
}

/// Number of bands of a raster, including alpha.
///
/// # Errors
/// Those of opening a raster: [`GdalError::Missing`], [`GdalError::NotARaster`], [`GdalError::Corrupt`], ...
pub fn count_bands(uri: &str) -> Result<usize, GdalError> {
    Ok(open(uri)?.0.dataset.raster_count())
}

/// Reads a label raster of one band of whole numbers from 0 to 255, also one bit per sample or palette indices; its
/// window starts at (0, 0). Pixels with a declared nodata value, masked pixels, and pixels that the data set does not
/// have, are [`LABEL_NODATA`].
///
/// # Errors
/// Those of opening a raster, [`GdalError::BandCount`] unless there is one band, [`GdalError::NotALabel`] for
/// other values, [`GdalError::ReadWindow`].
pub fn read_labels(uri: &str) -> Result<Raster<u8>, GdalError> {
    let (mut opened, window) = open(uri)?;
    let bands = opened.dataset.raster_count();
    if bands != 1 {
        return Err(GdalError::BandCount { path: uri.into(), expected: 1, bands });
    }
    guard::check_samples(uri, (window.width, window.height), 1)?;
    let unreadable = |message: String| GdalError::ReadWindow {
        scene_id: stem(uri).to_owned(),
        path: uri.to_owned(),
        bands: vec![1],
        window: Box::new(window),
        message,
    };
    let size = (window.width, window.height);
    let values = ffi::read_bands::<f64>(&opened.dataset, (0, 0), size, &[1]).map_err(unreadable)?;
    let covered = opened.coverage.covered(&opened.dataset, &[1], (0, 0), size).map_err(unreadable)?;
    let masked = match mask_of(&opened.dataset, 1) {
        Mask::None => None,
        _ => Some(ffi::read_mask(&opened.dataset, 1, (0, 0), size).map_err(unreadable)?),
    };
    let known = both(covered, masked.map(|mask| mask.iter().map(|v| *v != 0).collect()));
    let nodata = opened.dataset.rasterband(1).ok().and_then(|b| b.no_data_value());
    let labels = values.iter().enumerate().map(|(i, value)| {
        let unknown = known.as_ref().is_some_and(|known| !known[i]);
        #[allow(clippy::float_cmp, reason = "labels are whole numbers")]
        if unknown || nodata == Some(*value) { Some(LABEL_NODATA) } else { whole(*value) }.ok_or_else(|| {
            let (column, row) = (i % window.width.max(1), i / window.width.max(1));
            GdalError::NotALabel { path: uri.to_owned(), value: *value, column, row }
        })
    });
    let labels = labels.collect::<Result<Vec<u8>, _>>()?;
    Raster::new(window, labels).map_err(|e| unreadable(e.to_string()))
}

/// Properties of the values of a label raster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelFacts {
    /// Its nodata value.
    pub nodata: Option<f64>,
    /// Whether its compression is lossy (JPEG, and WebP and JPEG 2000 if they declare it).
    pub is_lossy: bool,
}

/// Properties of the values of a label raster, from its header.
///
/// # Errors
/// Those of opening a raster.
pub fn label_facts(uri: &str) -> Result<LabelFacts, GdalError> {
    let (opened, _) = open(uri)?;
    let structure = |key: &str| opened.dataset.metadata_item(key, "IMAGE_STRUCTURE").unwrap_or_default();
    let compression = structure("COMPRESSION").to_uppercase();
    let reversibility = structure("COMPRESSION_REVERSIBILITY").to_uppercase();
    let is_jpeg = opened.dataset.driver().short_name() == "JPEG"
        || compression.contains("JPEG") && !compression.contains("JPEG2000");
    let nodata = opened.dataset.rasterband(1).ok().and_then(|b| b.no_data_value());
    Ok(LabelFacts { nodata, is_lossy: is_jpeg || reversibility.starts_with("LOSSY") })
}

/// The difference in position of a raster from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    /// The difference, a text that the name of the other raster follows: `it is in EPSG:2154, other than`.
    pub problem: String,
    /// The GDAL command that aligns it with the pixels of the other one, if any.
    pub command: Option<String>,
}

/// Part of a pixel by which the corners of two aligned rasters may differ: tools round differently.
const SAME_PLACE: f64 = 0.1;

/// The difference in position of a raster from another one of the same number of columns and rows: another CRS, another
/// pixel size, or a shift. `None` if there is none, or if one of them is not georeferenced.
///
/// # Errors
/// Those of opening a raster.
pub fn misplaced(uri: &str, than: &str) -> Result<Option<Misplaced>, GdalError> {
    let (dataset, window) = open(uri)?;
    let Ok(place) = dataset.dataset.geo_transform() else { return Ok(None) };
    let (other, _) = open(than)?;
    let Ok(wanted) = other.dataset.geo_transform() else { return Ok(None) };
    let crs = dataset.dataset.spatial_ref().ok().zip(other.dataset.spatial_ref().ok());
    let described = |srs: &gdal::spatial_ref::SpatialRef| {
        let code = srs.auth_name().zip(srs.auth_code().ok()).map(|(name, code)| format!("{name}:{code}"));
        code.or_else(|| srs.name()).unwrap_or_else(|| "another CRS".to_owned())
    };
    let problem = match &crs {
        Some((a, b)) if a != b && described(a) != described(b) => {
            Some(format!("it is in {}, and {} is the CRS of", described(a), described(b)))
        }
        _ => apart(&place, &wanted, window),
    };
    let command = || {
        let code = crs.as_ref().map(|(_, b)| described(b));
        if code.as_ref().is_some_and(|code| !code.starts_with("EPSG:")) {
            return None;
        }
        let crs = code.map_or(String::new(), |code| format!("-t_srs {code} "));
        let (width, height) = (exact(window.width), exact(window.height));
        let (x, y) = (wanted[0] + wanted[1] * width, wanted[3] + wanted[5] * height);
        let (x0, x1, y0, y1) = (wanted[0].min(x), wanted[0].max(x), wanted[3].min(y), wanted[3].max(y));
        let output = std::path::Path::new(uri).with_extension("placed.tif");
        Some(format!(
            "gdalwarp -r near -dstnodata 255 {crs}-te {x0} {y0} {x1} {y1} -ts {} {} {} {}",
            window.width,
            window.height,
            quoted(uri),
            quoted(&output.to_string_lossy())
        ))
    };
    Ok(problem.map(|problem| Misplaced { problem, command: command() }))
}

/// The difference in position of two rasters of one size.
fn apart(place: &[f64; 6], wanted: &[f64; 6], window: Window) -> Option<String> {
    let (width, height) = (exact(window.width), exact(window.height));
    let ground = |t: &[f64; 6], x: f64, y: f64| (t[0] + x * t[1] + y * t[2], t[3] + x * t[4] + y * t[5]);
    let sides = |t: &[f64; 6]| (t[1].hypot(t[4]), t[2].hypot(t[5]));
    let (side, wanted_side) = (sides(place), sides(wanted));
    let grown = |a: f64, b: f64, count: f64| (a / b - 1.0).abs() * count > SAME_PLACE;
    if grown(side.0, wanted_side.0, width) || grown(side.1, wanted_side.1, height) {
        let ((a, b), (c, d)) = (side, wanted_side);
        return Some(format!("its pixels are {a} x {b} CRS units, and {c} x {d} are those of"));
    }
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
    let distance = |(x, y): (f64, f64)| {
        let ((ax, ay), (bx, by)) = (ground(place, x, y), ground(wanted, x, y));
        ((ax - bx) / wanted_side.0, (ay - by) / wanted_side.1)
    };
    let far = corners.map(distance).into_iter().max_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1)))?;
    let is_far = far.0.hypot(far.1) > SAME_PLACE;
    is_far.then(|| format!("it lies {:+.2} pixels east and {:+.2} pixels north of", far.0, far.1))
}

fn whole(value: f64) -> Option<u8> {
    (value.fract() == 0.0 && (0.0..=255.0).contains(&value)).then_some(truncate::<u8>(value))
}

fn open(uri: &str) -> Result<(Opened, Window), GdalError> {
    let path = gdal_path(uri);
    let dataset = open_raster(uri, &path)?;
    let (width, height) = dataset.raster_size();
    if width == 0 || height == 0 {
        return Err(GdalError::ZeroSize { path: uri.into(), message: String::new() });
    }
    if is_local(&path) {
        check_complete(uri, std::path::Path::new(&path), &dataset)?;
    }
    Ok((Opened::of(dataset, &path), Window::new(0, 0, width, height)))
}
