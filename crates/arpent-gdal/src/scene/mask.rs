//! Mask bands.

use gdal::{Dataset, Metadata as _};

/// The kind of mask of a band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    None,
    /// One for all bands.
    OfAll,
    /// One for this band.
    OfBand,
}

/// The mask of a band, except masks that GDAL derives from nodata values, which this crate handles itself, or from an
/// alpha band, which may be read as data.
pub(crate) fn mask_of(dataset: &Dataset, band: usize) -> Mask {
    let Ok(flags) = dataset.rasterband(band).and_then(|b| b.mask_flags()) else { return Mask::None };
    match (flags.is_all_valid() || flags.is_alpha(), flags.is_nodata(), flags.is_per_dataset()) {
        (true, ..) | (_, true, false) => Mask::None,
        (_, true, true) if repeats_nodata(dataset) => Mask::None,
        (_, _, true) => Mask::OfAll,
        (_, false, false) => Mask::OfBand,
    }
}

/// Whether the values of a data set's nodata mask (`NODATA_VALUES`) equal those declared by its bands, as in a PNG.
fn repeats_nodata(dataset: &Dataset) -> bool {
    let Some(text) = dataset.metadata_item("NODATA_VALUES", "") else { return false };
    let of_bands = (1..=dataset.raster_count()).map(|b| dataset.rasterband(b).ok()?.no_data_value());
    text.split_whitespace().map(|value| value.parse().ok()).eq(of_bands)
}
