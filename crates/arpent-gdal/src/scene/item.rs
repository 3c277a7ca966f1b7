//! Metadata of a STAC item in addition to that of its file: it fills gaps, and must not contradict the file.

use std::sync::Arc;

use arpent_base::number::exact;
use arpent_raster::{BandInfo, Placement};
use gdal::Dataset;

use super::placement;
use super::source::SceneSource;
use crate::{GdalError, crs};

/// Nodata values of the item, if the file declares none.
///
/// # Errors
/// [`GdalError::ItemNodata`] where both declare one and they differ.
pub(crate) fn add_nodata(source: &SceneSource, bands: &mut [BandInfo]) -> Result<(), GdalError> {
    let Some(declared) = &source.nodata else { return Ok(()) };
    // A single value applies to all bands.
    let of = |i: usize| if declared.len() == 1 { declared.first() } else { declared.get(i) };
    for (i, band) in bands.iter_mut().enumerate().filter(|(_, band)| !band.is_alpha) {
        match (of(i).copied().flatten(), band.nodata) {
            (Some(value), None) => band.nodata = Some(value),
            (Some(item), Some(file)) if !same(item, file) => {
                return Err(GdalError::ItemNodata { path: source.uri.clone(), band: band.index, item, file });
            }
            _ => {}
        }
    }
    Ok(())
}

#[allow(clippy::float_cmp, reason = "both are declared, none is computed")]
fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 2.0 * f64::from(f32::EPSILON) * b.abs()
}

fn differs(source: &SceneSource, what: String, item: String, file: String) -> GdalError {
    GdalError::ItemDiffers { path: source.uri.clone(), what, item, file }
}

/// The position of a scene: from its file, else from its item.
///
/// # Errors
/// [`GdalError::ItemDiffers`] if both declare it and a corner differs by more than half a pixel, or the CRS differs; as
/// [`placement::place_scene`].
pub(crate) fn place(source: &SceneSource, dataset: &Dataset) -> Result<Placement, GdalError> {
    let (declared, path) = (&source.projection, source.uri.as_str());
    let size = dataset.raster_size();
    if declared.is_empty() {
        return placement::place_scene(path, dataset);
    }
    if let Some([rows, columns]) = declared.shape.filter(|s| *s != [size.1, size.0]) {
        let (item, file) = (format!("{columns} x {rows} px"), format!("{} x {} px", size.0, size.1));
        return Err(differs(source, "size".into(), item, file));
    }
    let from_item = declared.crs.as_deref().map(crs::describe_crs).transpose()?;
    let from_file = dataset.spatial_ref().ok().map(|srs| crs::describe(&srs, path)).transpose()?;
    let crs = match (from_file, from_item) {
        (Some(file), Some(item)) if file.name != item.name => {
            return Err(differs(source, "CRS".into(), item.name, file.name));
        }
        (Some(crs), _) | (None, Some(crs)) => crs,
        (None, None) => return placement::place_scene(path, dataset),
    };
    let of_item = declared.geotransform.or_else(|| of_bbox(declared.bbox?, size));
    let geotransform = match (dataset.geo_transform().ok(), of_item) {
        (Some(file), Some(item)) => {
            let apart = furthest(&file, &item, size);
            // Items are often rounded, but never by half a pixel.
            if apart.is_nan() || apart > 0.5 {
                let what = "place (its geotransform)".to_owned();
                return Err(differs(source, what, format!("{item:?}"), format!("{file:?}")));
            }
            placement::north_up(file, size.1)
        }
        (Some(file), None) => placement::north_up(file, size.1),
        (None, Some(item)) => item,
        (None, None) => return placement::place_scene(path, dataset),
    };
    placement::place_in(path, Arc::new(crs), geotransform, size)
}

fn of_bbox([west, south, east, north]: [f64; 4], (width, height): (usize, usize)) -> Option<[f64; 6]> {
    let (gsd_x, gsd_y) = ((east - west) / exact(width), (north - south) / exact(height));
    (gsd_x > 0.0 && gsd_y > 0.0).then_some([west, gsd_x, 0.0, north, 0.0, -gsd_y])
}

/// The largest distance between the corners of a raster by two geotransforms, pixels of the first.
fn furthest(a: &[f64; 6], b: &[f64; 6], (width, height): (usize, usize)) -> f64 {
    let (w, h) = (exact(width), exact(height));
    let corner = |t: &[f64; 6], c: f64, r: f64| (t[0] + c * t[1] + r * t[2], t[3] + c * t[4] + r * t[5]);
    let apart = |(c, r): (f64, f64)| {
        let ((x0, y0), (x1, y1)) = (corner(a, c, r), corner(b, c, r));
        ((x0 - x1) / a[1]).hypot((y0 - y1) / a[5])
    };
    [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)]
        .into_iter()
        .map(apart)
        .fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most })
}
