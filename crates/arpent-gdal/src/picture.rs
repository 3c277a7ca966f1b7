//! Rasters read as mere arrays of pixels: whether they are georeferenced does not matter.

use arpent_raster::{Chip, LABEL_NODATA, Raster, Window};

use crate::coverage::both;
use crate::reader::{Mask, Opened, Source, mask_of};
use crate::uri::{gdal_path, is_local, stem};
use crate::{BandSelection, GdalError, ffi, guard, scene};

/// Reads a whole raster; the chip's window starts at (0, 0). `bands` are numbers from 1 in the order wanted;
/// without them the chip has all that are not an alpha band. An alpha band that is not asked for, mask bands and
/// nodata values make pixels invalid as in [`MosaicReader`](crate::MosaicReader).
///
/// # Errors
/// What [`open_scene`](crate::open_scene) gives, save for what concerns its place; [`GdalError::NoSuchBand`],
/// [`GdalError::ReadWindow`].
pub fn read_picture(uri: &str, bands: Option<&[usize]>) -> Result<Chip, GdalError> {
    let (mut opened, window) = open(uri)?;
    let infos = scene::bands(uri, &opened.dataset, &[])?;
    let all: BandSelection = infos.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
    let selection = bands.map_or(all, <[usize]>::to_vec);
    guard::check_samples(uri, (window.width, window.height), selection.len())?;
    Source::new(stem(uri), uri, window, &infos, selection)?.read(&mut opened, window)
}

/// Number of bands of a raster, alpha included.
///
/// # Errors
/// What opening a raster gives: [`GdalError::Missing`], [`GdalError::NotARaster`], [`GdalError::Corrupt`], ...
pub fn count_bands(uri: &str) -> Result<usize, GdalError> {
    Ok(open(uri)?.0.dataset.raster_count())
}

/// Reads a label raster of one band of whole numbers from 0 to 255, also one bit per sample or palette indices;
/// its window starts at (0, 0). Pixels that hold a declared nodata value, that a mask takes out, or for which the data set holds
/// nothing, are [`LABEL_NODATA`].
///
/// # Errors
/// What opening a raster gives, [`GdalError::BandCount`] unless there is one band, [`GdalError::NotALabel`] for
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

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole u8")]
fn whole(value: f64) -> Option<u8> {
    (value.fract() == 0.0 && (0.0..=255.0).contains(&value)).then_some(value as u8)
}

fn open(uri: &str) -> Result<(Opened, Window), GdalError> {
    let path = gdal_path(uri);
    let dataset = scene::open_raster(uri, &path)?;
    let (width, height) = dataset.raster_size();
    if width == 0 || height == 0 {
        return Err(GdalError::ZeroSize { path: uri.into(), message: String::new() });
    }
    if is_local(&path) {
        scene::check_complete(uri, std::path::Path::new(&path), &dataset)?;
    }
    Ok((Opened::of(dataset, &path), Window::new(0, 0, width, height)))
}
