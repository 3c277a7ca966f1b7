//! Opens and describes scenes, with every reason to refuse one.

use std::path::Path;

use arpent_raster::{Coding, Declared, PixelArea, SceneInfo, Validity};
use gdal::{Dataset, Metadata};

use super::bands::bands;
use super::mask::{Mask, mask_of};
use super::open::{check_complete, open_alone, open_with_side_files};
use super::source::SceneSource;
use super::{decoders, item, scaling, side_files};
use crate::GdalError;
use crate::error::cannot_open;
use crate::uri::{is_local, is_remote};

/// Pixels of a block that is slow to decode, as those of JPEG 2000 are, and that may contain several windows.
pub(crate) const LARGE_BLOCK_PX: usize = 1 << 20;

/// Opens a scene and describes it. Only the header is read, so a huge VRT opens at once.
///
/// # Errors
/// One variant of [`GdalError`] per reason to refuse a scene, each with a hint.
pub fn open_scene(source: &SceneSource) -> Result<SceneInfo, GdalError> {
    let path = source.uri.as_str();
    let (dataset, side_files) = open_with_side_files(path, &source.gdal_path)?;
    side_files::check_mask(path, &source.gdal_path, &dataset, &side_files)?;
    let (width, height) = dataset.raster_size();
    if width == 0 || height == 0 {
        return Err(GdalError::ZeroSize { path: path.into(), message: String::new() });
    }
    let mut bands = bands(path, &dataset, source.band_names.as_deref().unwrap_or_default())?;
    scaling::declare(&mut bands, source, &dataset);
    let of_file: Vec<_> = bands.iter().map(|band| band.nodata).collect();
    item::add_nodata(source, &mut bands)?;
    let of_item = bands.iter().zip(&of_file).any(|(band, file)| file.is_none() && band.nodata.is_some());
    let placement = item::place(source, &dataset)?;
    if is_local(&source.gdal_path) {
        check_complete(path, Path::new(&source.gdal_path), &dataset)?;
    }
    let window = placement.window;
    let center = window.row.saturating_add_unsigned(window.height as u64 / 2);
    let block = dataset.rasterband(1).map_or((width, 1), |b| b.block_size());
    Ok(SceneInfo {
        id: source.id.clone(),
        uri: source.uri.clone(),
        gsd_m: PixelArea::new(&placement.grid).gsd_of_row(center),
        grid: placement.grid,
        window,
        native: None,
        block,
        coding: coding(&dataset, block, is_remote(&source.gdal_path)),
        decoders: decoders::decoders(&dataset, &source.gdal_path)
            .map_err(|message| cannot_open(path, &source.gdal_path, message))?,
        bands,
        acquired: match &source.acquired {
            // For a remote file with side files, GDAL would request a dozen metadata files of suppliers.
            None if is_remote(&source.gdal_path) && !side_files.is_empty() => {
                acquired(&open_alone(path, &source.gdal_path)?)
            }
            None => acquired(&dataset),
            known => known.clone(),
        },
        validity: Validity {
            has_mask: (1..=dataset.raster_count()).any(|band| mask_of(&dataset, band) != Mask::None),
            nodata_by: if of_item { Declared::Item } else { Declared::File },
            side_files,
            ..Validity::default()
        },
    })
}

/// Decoding cost of the blocks of a raster. Remote blocks of a GeoTIFF come in few requests if several are requested
/// together, which saves more time than decoding one takes.
fn coding(dataset: &Dataset, block: (usize, usize), is_remote: bool) -> Coding {
    let driver = dataset.driver().short_name();
    let of_band = dataset.rasterband(1).ok().and_then(|b| b.metadata_item("COMPRESSION", "IMAGE_STRUCTURE"));
    let compression = of_band.or_else(|| dataset.metadata_item("COMPRESSION", "IMAGE_STRUCTURE"));
    let is_jpeg_2000 = compression.as_deref().is_some_and(|c| c.eq_ignore_ascii_case("JPEG2000"));
    let is_large = block.0.saturating_mul(block.1) >= LARGE_BLOCK_PX && compression.is_some();
    match driver.as_str() {
        name if name.starts_with("JP2") => Coding::CostlyBlocks,
        "GTiff" | "NITF" if is_jpeg_2000 => Coding::CostlyBlocks,
        "GTiff" if is_large && !is_remote => Coding::CostlyBlocks,
        "GTiff" => Coding::Blocks,
        _ => Coding::Other,
    }
}

/// Acquisition date of the file's own metadata, RFC 3339. `TIFFTAG_DATETIME` is not used: it is the time of the file's
/// creation.
fn acquired(dataset: &Dataset) -> Option<String> {
    let domains = ["IMAGERY", ""];
    domains.into_iter().find_map(|d| {
        let text = dataset.metadata_item("ACQUISITIONDATETIME", d)?;
        // Zeros and blanks stand for "unknown"; other texts are passed on unchanged, so that the job can report them.
        let has_content = text.contains(|c: char| c.is_alphanumeric() && c != '0');
        date(&text).or_else(|| has_content.then_some(text))
    })
}

/// `2018:05:03 10:11:12` or `2018-05-03T10:11:12` as RFC 3339, UTC.
fn date(text: &str) -> Option<String> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if year < 1850 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (number(11, 13), number(14, 16), number(17, 19)) {
        (Some(h), Some(m), Some(s)) if h < 24 && m < 60 && s < 61 => {
            Some(format!("{date}T{h:02}:{m:02}:{s:02}Z"))
        }
        _ => Some(date),
    }
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_normalized() {
        assert_eq!(date("2018:05:03").as_deref(), Some("2018-05-03"));
        assert_eq!(date("2018-05-03 10:11:12").as_deref(), Some("2018-05-03T10:11:12Z"));
        assert_eq!(date("2018-05-03").as_deref(), Some("2018-05-03"));
        for bad in ["", "0000:00:00 00:00:00", "yesterday", "2018:13:03", "été 2018 ..."] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }
}
