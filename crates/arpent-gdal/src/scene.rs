//! Opening scenes: what a file says of itself, and every reason to refuse it.

use std::path::Path;
use std::sync::Arc;

use arpent_raster::{
    BandInfo, Coding, Crs, Declared, Decoders, Grid, GridError, PixelArea, Placement, SampleType, SceneInfo,
    Validity,
};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags, Metadata};

use crate::bands::{common_name, of_interpretation};
use crate::reader::{Mask, mask_of};
use crate::setup::quiet;
use crate::side_files::is_trouble;
use crate::source::SceneSource;
use crate::uri::{file_name, is_local, is_remote};
use crate::{GdalError, crs, failure, ffi, guard, item, jpeg2000, scaling, side_files};

/// Formats that imagery comes in. The rest of GDAL's two hundred drivers is attack surface, not service.
pub(crate) const DRIVERS: &[&str] = &[
    "GTiff",
    "COG",
    "VRT",
    "JP2OpenJPEG",
    "JP2KAK",
    "JP2ECW",
    "PNG",
    "JPEG",
    "WEBP",
    "ENVI",
    "HFA",
    "EHdr",
    "NITF",
    "SENTINEL2",
    "SAFE",
    "AAIGrid",
];

/// Blocks of a GeoTIFF whose place in the file is checked when it is opened.
const MAX_BLOCKS_CHECKED: usize = 1 << 16;

/// Pixels of a block that takes a while to decode, as those of JPEG 2000 do, and in which several windows may lie.
pub(crate) const LARGE_BLOCK_PX: usize = 1 << 20;

const GRAY: u32 = 1;
const PALETTE: u32 = 2;
const ALPHA: u32 = 6;

/// Opens a scene and describes it. Only the header is read, so a huge VRT opens at once.
///
/// # Errors
/// One variant of [`GdalError`] per reason to refuse a scene, each with a [`GdalError::hint`].
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
        decoders: decoders(path, &source.gdal_path, &dataset)?,
        bands,
        acquired: match &source.acquired {
            // GDAL would look for a dozen metadata files of suppliers beside a remote file that has others beside it.
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

/// What the blocks of a raster are to whoever decodes them. Far away, those of a GeoTIFF come in few requests where several are
/// asked for at once: that saves more than it takes to decode one.
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

/// What decoders of a raster take that is of JPEG 2000, or put together of such.
fn decoders(path: &str, gdal_path: &str, dataset: &Dataset) -> Result<Decoders, GdalError> {
    let driver = dataset.driver().short_name();
    if driver != "VRT" && driver != "NITF" && !driver.starts_with("JP2") {
        return Ok(Decoders::default());
    }
    jpeg2000::decoders(gdal_path).map_err(|message| cannot_open(path, gdal_path, message))
}

/// Where a raster lies; refuses those that lie nowhere.
pub(crate) fn place(path: &str, dataset: &Dataset) -> Result<Placement, GdalError> {
    let (width, height) = dataset.raster_size();
    let geotransform = dataset.geo_transform().map_err(|_| GdalError::NoGeotransform {
        path: path.into(),
        has_gcps: ffi::gcp_count(dataset) > 0,
    })?;
    let srs = dataset.spatial_ref().map_err(|_| GdalError::NoCrs { path: path.into() })?;
    let crs = Arc::new(crs::describe(&srs, path)?);
    place_in(path, crs, geotransform, (width, height))
}

/// Where a raster of a CRS, a geotransform and so many columns and rows lies.
pub(crate) fn place_in(
    path: &str,
    crs: Arc<Crs>,
    geotransform: [f64; 6],
    (width, height): (usize, usize),
) -> Result<Placement, GdalError> {
    Grid::place(crs, geotransform, width, height).map_err(|e| match e {
        GridError::Rotated { geotransform } => GdalError::Rotated { path: path.into(), geotransform },
        _ => GdalError::DegenerateGeotransform { path: path.into(), geotransform },
    })
}

/// Opens a raster of one of the known formats, unless it names or declares what it must not, with the files beside it that
/// GDAL reads with it, wherever they lie.
pub(crate) fn open_raster(uri: &str, gdal_path: &str) -> Result<Dataset, GdalError> {
    open_with_side_files(uri, gdal_path).map(|(dataset, _)| dataset)
}

/// The same with the names of those files, overviews left out.
pub(crate) fn open_with_side_files(uri: &str, gdal_path: &str) -> Result<(Dataset, Vec<String>), GdalError> {
    if !is_remote(gdal_path) {
        let dataset = open_with(uri, gdal_path, &[])?;
        let names = side_files::of(&dataset, gdal_path);
        return Ok((dataset, names));
    }
    prepare();
    // What is not there at all is told before anything is looked for beside it.
    guard::named_files(uri, gdal_path)?;
    let mut names = side_files::beside(uri, gdal_path)?;
    let mut dataset = open_with(uri, gdal_path, &names)?;
    if dataset.geo_transform().is_err() && ffi::gcp_count(&dataset) == 0 {
        let world = side_files::world(uri, gdal_path)?;
        if !world.is_empty() {
            names.extend(world);
            dataset = open_with(uri, gdal_path, &names)?;
        }
    }
    names.sort();
    Ok((dataset, names))
}

/// The same without the files beside it, where it lies behind a network.
pub(crate) fn open_alone(uri: &str, gdal_path: &str) -> Result<Dataset, GdalError> {
    open_with(uri, gdal_path, &[])
}

fn prepare() {
    quiet();
    guard::harden();
}

/// Opens a raster; of a remote one with these files beside it and no others.
fn open_with(uri: &str, gdal_path: &str, beside: &[String]) -> Result<Dataset, GdalError> {
    prepare();
    if is_local(gdal_path) {
        match std::fs::metadata(gdal_path) {
            Ok(meta) if meta.is_file() && meta.len() == 0 => {
                return Err(GdalError::EmptyFile { path: uri.into() });
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(GdalError::Missing { path: uri.into(), message: String::new() });
            }
            Err(source) => return Err(GdalError::Io { doing: "open", path: uri.into(), source }),
            Ok(meta) if !meta.is_file() && !meta.is_dir() => {
                let message = "it is a device or a pipe".to_owned();
                return Err(GdalError::NotARaster { path: uri.into(), message });
            }
            Ok(_) => {}
        }
    }
    guard::named_files(uri, gdal_path)?;
    // Behind a network every probe for a side file is a request: those that count were asked for, there are no others.
    let siblings: Vec<&str> =
        std::iter::once(file_name(uri)).chain(beside.iter().map(String::as_str)).collect();
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY
            | GdalOpenFlags::GDAL_OF_RASTER
            | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
        allowed_drivers: Some(DRIVERS),
        open_options: None,
        sibling_files: is_remote(gdal_path).then_some(&siblings[..]),
    };
    ffi::reset_error();
    let dataset =
        Dataset::open_ex(gdal_path, options).map_err(|e| cannot_open(uri, gdal_path, failure(&e)))?;
    guard::declared(uri, gdal_path, &dataset)?;
    Ok(dataset)
}

/// Why something could not be opened, told from GDAL's words.
pub(crate) fn cannot_open(uri: &str, gdal_path: &str, message: String) -> GdalError {
    let path = uri.to_owned();
    let says = |text: &str| message.contains(text);
    let absent = [
        "does not exist in the file system",
        "No such file",
        "response code: 404",
        // The words of S3, of Azure and of Google for a key or a bucket that is not there.
        "specified key does not exist",
        "specified blob does not exist",
        "specified bucket does not exist",
        "specified container does not exist",
        "No such object",
        "NoSuchKey",
        "NoSuchBucket",
    ]
    .into_iter()
    .any(says);
    if absent || (is_local(gdal_path) && !Path::new(gdal_path).exists()) {
        return not_found(uri, gdal_path, message);
    }
    if ["Invalid dataset dimensions", "Invalid image dimensions", "Cannot handle zero"].into_iter().any(says)
    {
        return GdalError::ZeroSize { path, message };
    }
    if is_local(gdal_path) && starts_like_tiff(gdal_path) {
        return GdalError::Corrupt { path, message };
    }
    if says("not recognized as") || (is_local(gdal_path) && message.is_empty()) {
        return GdalError::NotARaster { path, message };
    }
    if is_remote(gdal_path)
        && (says("HTTP") || says("CURL") || says("AWS") || says("AZURE") || says("GS_") || message.is_empty())
    {
        return GdalError::Unreachable { path, message };
    }
    GdalError::Corrupt { path, message }
}

/// What GDAL does not find: it says so of a store that does not answer, too. Then the store is asked again, by itself.
pub(crate) fn not_found(uri: &str, gdal_path: &str, message: String) -> GdalError {
    let path = uri.to_owned();
    let asked = is_remote(gdal_path).then(|| {
        ffi::forget_remote(gdal_path);
        ffi::vsi_head(gdal_path, 1)
    });
    match asked {
        Some(Err(message)) if is_trouble(&message) => GdalError::Unreachable { path, message },
        _ => GdalError::Missing { path, message },
    }
}

fn starts_like_tiff(path: &str) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic));
    read.is_ok() && [*b"II*\0", *b"MM\0*", *b"II+\0", *b"MM\0+"].contains(&magic)
}

/// What the bands are; refuses those that hold no measured values.
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

/// A lone gray band of integers is panchromatic imagery; a lone band of floats may be anything.
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

/// Acquisition date of the file's own metadata, RFC 3339. `TIFFTAG_DATETIME` is none: it says when the file was made.
fn acquired(dataset: &Dataset) -> Option<String> {
    let domains = ["IMAGERY", ""];
    domains.into_iter().find_map(|d| {
        let text = dataset.metadata_item("ACQUISITIONDATETIME", d)?;
        // Zeros and blanks stand for "unknown"; what is no date is handed on as it is, for the job to tell.
        let says = text.contains(|c: char| c.is_alphanumeric() && c != '0');
        date(&text).or_else(|| says.then_some(text))
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

/// Finds a GeoTIFF that was not copied to its end before hours are spent on its first half.
pub(crate) fn check_complete(uri: &str, path: &Path, dataset: &Dataset) -> Result<(), GdalError> {
    if dataset.driver().short_name() != "GTiff" {
        return Ok(());
    }
    let (Ok(meta), Ok(band)) = (std::fs::metadata(path), dataset.rasterband(dataset.raster_count())) else {
        return Ok(());
    };
    let ((width, height), (block_width, block_height)) = (dataset.raster_size(), band.block_size());
    let across = width.div_ceil(block_width.max(1));
    let blocks = across * height.div_ceil(block_height.max(1));
    let needed = (blocks.saturating_sub(MAX_BLOCKS_CHECKED)..blocks)
        .filter_map(|i| {
            let item = |what: &str| -> Option<u64> {
                let key = format!("BLOCK_{what}_{}_{}", i % across, i / across);
                band.metadata_item(&key, "TIFF")?.parse().ok()
            };
            item("OFFSET")?.checked_add(item("SIZE")?)
        })
        .max()
        .unwrap_or(0);
    if needed > meta.len() {
        return Err(GdalError::Truncated { path: uri.into(), needed, size: meta.len() });
    }
    Ok(())
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
