//! The bands of a raster.

use arpent_raster::{BandInfo, SampleType};
use gdal::{Dataset, Metadata};

use super::band_names::{common_name, of_interpretation};
use super::scaling;
use crate::GdalError;
use crate::error::LOST_SIGN;
use crate::ffi::{self, failure};

const GRAY: u32 = 1;
const PALETTE: u32 = 2;
const ALPHA: u32 = 6;

/// The lowest signed byte; no unsigned one can be it.
const LEAST_BYTE: f64 = -128.0;

/// Describes the bands; refuses those without measured values.
pub(crate) fn bands(path: &str, dataset: &Dataset, names: &[String]) -> Result<Vec<BandInfo>, GdalError> {
    let count = dataset.raster_count();
    if count == 0 {
        return Err(GdalError::NoBands { path: path.into(), subdatasets: subdatasets(dataset) });
    }
    let mut bands = (1..=count)
        .map(|index| band(path, dataset, index, names.get(index - 1)))
        .collect::<Result<Vec<_>, _>>()?;
    name_single_gray(dataset, &mut bands);
    Ok(bands)
}

fn subdatasets(dataset: &Dataset) -> Vec<String> {
    let entries = dataset.metadata_domain("SUBDATASETS").unwrap_or_default();
    let names = entries.iter().filter_map(|e| e.split_once('=')).filter(|(k, _)| k.ends_with("_NAME"));
    names.map(|(_, v)| v.to_owned()).collect()
}

#[allow(clippy::float_cmp, reason = "a whole number")]
fn band(path: &str, dataset: &Dataset, index: usize, name: Option<&String>) -> Result<BandInfo, GdalError> {
    let band = dataset
        .rasterband(index)
        .map_err(|e| GdalError::Corrupt { path: path.into(), message: failure(&e) })?;
    if band.metadata_item("NBITS", "IMAGE_STRUCTURE").as_deref() == Some("1") {
        let has_colors = ffi::has_color_table(dataset, index);
        return Err(GdalError::OneBit { path: path.into(), band: index, has_colors });
    }
    let interpretation = ffi::color_interpretation(dataset, index);
    if interpretation == PALETTE || ffi::has_color_table(dataset, index) {
        return Err(GdalError::Palette { path: path.into(), band: index });
    }
    let signed = band.metadata_item("PIXELTYPE", "IMAGE_STRUCTURE").as_deref() == Some("SIGNEDBYTE");
    let type_name = ffi::type_name(dataset, index);
    let sample_type = sample_type(&type_name, signed).ok_or_else(|| GdalError::UnsupportedType {
        path: path.into(),
        band: index,
        type_name: type_name.clone(),
    })?;
    if sample_type == SampleType::Uint8 && band.no_data_value().is_some_and(|nodata| nodata == LEAST_BYTE) {
        let type_name = LOST_SIGN.to_owned();
        return Err(GdalError::UnsupportedType { path: path.into(), band: index, type_name });
    }
    let description = band.description().unwrap_or_default();
    let named = name.filter(|n| !n.is_empty()).map(|n| {
        let known = common_name(n).map(str::to_owned);
        known.unwrap_or_else(|| n.to_lowercase())
    });
    let of_file = common_name(&description).or_else(|| of_interpretation(interpretation)).map(str::to_owned);
    Ok(BandInfo {
        index,
        name_in_file: of_file.clone().filter(|own| named.as_ref().is_some_and(|named| named != own)),
        common_name: named.or(of_file),
        description,
        sample_type,
        nodata: band.no_data_value(),
        is_alpha: interpretation == ALPHA,
        scaling: scaling::of_file(band.scale(), band.offset()),
    })
}

/// A single gray band of integers is panchromatic imagery; a single band of floats may be anything.
fn name_single_gray(dataset: &Dataset, bands: &mut [BandInfo]) {
    let mut data = bands.iter_mut().filter(|b| !b.is_alpha);
    let (Some(band), None) = (data.next(), data.next()) else { return };
    let float = !band.sample_type.is_whole();
    let gray = ffi::color_interpretation(dataset, band.index) == GRAY;
    if band.common_name.is_none() && band.description.is_empty() && gray && !float {
        band.common_name = Some("pan".into());
    }
}

fn sample_type(name: &str, signed_byte: bool) -> Option<SampleType> {
    Some(match name {
        "Byte" if signed_byte => SampleType::Int8,
        "Byte" | "UInt8" => SampleType::Uint8,
        "Int8" => SampleType::Int8,
        "UInt16" => SampleType::Uint16,
        "Int16" => SampleType::Int16,
        "UInt32" => SampleType::Uint32,
        "Int32" => SampleType::Int32,
        "Float32" => SampleType::Float32,
        "Float64" => SampleType::Float64,
        _ => return None,
    })
}
