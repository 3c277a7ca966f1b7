//! Scale and offset of a scene's stored values, by origin of the declaration.
//!
//! A STAC item takes precedence over the file: it may correct it. Without either, the processing baseline of Sentinel-2
//! products determines them: from 04.00 on, 1000 is added to every number, so that `reflectance = (stored - 1000) /
//! 10000` (ESA, *Sentinel-2 Products Specification Document*, 14.9: `BOA_ADD_OFFSET` and `RADIO_ADD_OFFSET` of -1000,
//! quantification value 10000).

use arpent_raster::{BandInfo, ReadAs, SampleType, Scaling};
use gdal::{Dataset, Metadata};

use super::source::SceneSource;

/// First processing baseline of Sentinel-2 with an offset, times 100.
const FIRST_WITH_OFFSET: u32 = 400;
/// Reflectance for each stored unit of Sentinel-2.
const SENTINEL_2_SCALE: f64 = 0.0001;
/// Reflectance of a stored 0 from that baseline on.
const SENTINEL_2_OFFSET: f64 = -0.1;

/// A declared scale and offset; `None` for 1 and 0.
#[allow(clippy::float_cmp, reason = "the values that stand for none")]
fn scaling(scale: f64, offset: f64, by: String) -> Option<Scaling> {
    let says_something =
        scale.is_finite() && offset.is_finite() && scale != 0.0 && (scale, offset) != (1.0, 0.0);
    says_something.then_some(Scaling { scale, offset, by, read_as: ReadAs::Raw })
}

/// The declaration of a file for a band.
pub(crate) fn of_file(scale: Option<f64>, offset: Option<f64>) -> Option<Scaling> {
    scaling(scale.unwrap_or(1.0), offset.unwrap_or(0.0), "the file".to_owned())
}

/// Applies the declaration of an item, or of a product's baseline, to bands with the declarations of their file.
pub(crate) fn declare(bands: &mut [BandInfo], source: &SceneSource, dataset: &Dataset) {
    let item = &source.scaling;
    for (band, declared) in bands.iter_mut().zip(&item.bands) {
        if let Some([scale, offset]) = *declared {
            // Items of Earth Search keep the offset in `raster:bands` although they declare it as already applied.
            let offset = if item.offset_applied { 0.0 } else { offset };
            let by = by_item(band.scaling.as_ref(), scale, offset);
            band.scaling = scaling(scale, offset, by);
        }
    }
    if item.offset_applied
        || bands.iter().any(|b| b.scaling.is_some())
        || item.bands.iter().any(Option::is_some)
    {
        return;
    }
    let of_product =
        || dataset.metadata_item("PROCESSING_BASELINE", "").or_else(|| baseline_of_name(&source.uri));
    let Some(baseline) = item.baseline.clone().or_else(of_product) else { return };
    if number(&baseline).is_some_and(|n| n >= FIRST_WITH_OFFSET) {
        let by = format!("Sentinel-2 processing baseline {baseline}");
        // Derived products in bytes or floats have other numbers.
        for band in bands.iter_mut().filter(|b| b.sample_type == SampleType::Uint16 && !b.is_alpha) {
            band.scaling = scaling(SENTINEL_2_SCALE, SENTINEL_2_OFFSET, by.clone());
        }
    }
}

/// The item as origin, with the replaced declaration of the file.
#[allow(clippy::float_cmp, reason = "both are declared, none is computed")]
fn by_item(file: Option<&Scaling>, scale: f64, offset: f64) -> String {
    match file {
        Some(file) if (file.scale, file.offset) != (scale, offset) => {
            format!("the STAC item (the file: scale {}, offset {})", file.scale, file.offset)
        }
        _ => "the STAC item".to_owned(),
    }
}

/// `04.00` or `4.0` as 400.
fn number(baseline: &str) -> Option<u32> {
    let (major, minor) = baseline.trim().split_once('.').unwrap_or((baseline.trim(), "0"));
    let minor = if minor.len() == 1 { minor.parse::<u32>().ok()? * 10 } else { minor.parse().ok()? };
    major.parse::<u32>().ok()?.checked_mul(100)?.checked_add(minor)
}

/// The baseline in a product name, `S2A_MSIL2A_20230501T104621_N0509_R051_T31UES_20230501T153259`, of the file or one
/// of its folders.
fn baseline_of_name(uri: &str) -> Option<String> {
    let of = |name: &str| {
        let parts: Vec<&str> = name.split('_').collect();
        let [mission, level, _, baseline, ..] = parts[..] else { return None };
        let is_product = mission.len() == 3 && mission.starts_with("S2") && level.starts_with("MSIL");
        let digits =
            baseline.strip_prefix('N').filter(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()))?;
        is_product.then(|| format!("{}.{}", &digits[..2], &digits[2..]))
    };
    uri.split(['/', '\\']).rev().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_are_read_from_text_and_names() {
        assert_eq!((number("04.00"), number("5.1"), number("02.14")), (Some(400), Some(510), Some(214)));
        assert_eq!((number("x"), number("")), (None, None));
        let product = "S2A_MSIL2A_20230501T104621_N0509_R051_T31UES_20230501T153259";
        let inside = format!("s3://b/{product}.SAFE/GRANULE/L2A/IMG_DATA/R10m/T31UES_B04_10m.jp2");
        assert_eq!(baseline_of_name(&inside).as_deref(), Some("05.09"));
        assert_eq!(baseline_of_name(&format!("{product}.tif")).as_deref(), Some("05.09"));
        assert_eq!(baseline_of_name("/data/S2A_crop_2023_N0509.tif"), None);
        assert_eq!(baseline_of_name("LC08_L2SP_N0400_a.tif"), None);
    }

    #[test]
    fn values_that_mean_themselves_have_no_scaling() {
        assert_eq!(of_file(None, None), None);
        assert_eq!(of_file(Some(1.0), Some(0.0)), None);
        assert_eq!(of_file(Some(0.0), None), None);
        assert_eq!(of_file(Some(f64::NAN), None), None);
        let scaling = of_file(Some(0.5), Some(-1.0)).unwrap();
        assert_eq!((scaling.scale, scaling.offset, scaling.applied()), (0.5, -1.0, None));
        let physical = Scaling { read_as: ReadAs::Physical, ..scaling.clone() };
        let harmonized = Scaling { read_as: ReadAs::Harmonized, ..scaling };
        assert_eq!((physical.applied(), harmonized.applied()), (Some((0.5, -1.0)), Some((1.0, -2.0))));
    }
}
