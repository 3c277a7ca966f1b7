//! The mask that a band has of its own.

use gdal::{Dataset, Metadata as _};

/// What mask a band has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    None,
    /// One for all bands.
    OfAll,
    /// One for this band.
    OfBand,
}

/// The mask of a band: not one that GDAL makes from nodata values of bands, which is ours to decide, nor from an alpha band, which
/// may have been asked for as data.
pub(crate) fn mask_of(dataset: &Dataset, band: usize) -> Mask {
    let Ok(flags) = dataset.rasterband(band).and_then(|b| b.mask_flags()) else { return Mask::None };
    match (flags.is_all_valid() || flags.is_alpha(), flags.is_nodata(), flags.is_per_dataset()) {
        (true, ..) | (_, true, false) => Mask::None,
        (_, true, true) if repeats_nodata(dataset) => Mask::None,
        (_, _, true) => Mask::OfAll,
        (_, false, false) => Mask::OfBand,
    }
}

/// Whether the values of a data set's mask of nodata (`NODATA_VALUES`) are those that its bands declare, as those of a PNG are.
fn repeats_nodata(dataset: &Dataset) -> bool {
    let Some(text) = dataset.metadata_item("NODATA_VALUES", "") else { return false };
    let of_bands = (1..=dataset.raster_count()).map(|b| dataset.rasterband(b).ok()?.no_data_value());
    text.split_whitespace().map(|value| value.parse().ok()).eq(of_bands)
}
