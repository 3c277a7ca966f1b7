//! Pictures as chips, masks as label rasters.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::fitted;
use arpent_gdal::{count_bands, label_facts, misplaced, read_labels, read_picture};
use arpent_raster::{Chip, Raster, ReadAs, Window};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder};

use crate::files::require;
use crate::remarks::{Met, Seen};
use crate::set::Set;
use crate::{Asked, Card, DatasetError, IGNORE, RemarkKind, orientation};

/// Which bands of a file are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bands<'a> {
    /// These, from 1.
    Given(&'a [usize]),
    /// All of so many; one more may be an alpha band, the picture's validity mask.
    Count(usize),
    /// All but an alpha band.
    All,
}

/// Reads a picture in the units that the set is read in: JPEG and PNG, and GeoTIFF, whose nodata pixels are invalid and whose
/// scale and offset count as in runs.
///
/// The EXIF orientation of JPEG and PNG is applied, as in viewers and annotation tools; a TIFF with an orientation
/// is refused, because GDAL and runs read its pixels as they are stored.
pub(crate) fn read_chip(
    set: &Set,
    path: &Path,
    bands: Bands<'_>,
    seen: &mut Seen,
) -> Result<Chip, DatasetError> {
    let dataset = set.card().name.as_str();
    require(dataset, path)?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    if ["jpg", "jpeg", "png"].contains(&extension.as_str()) {
        let chip = decoded(dataset, path, bands, seen)?;
        seen.declare(std::iter::repeat_n(None, chip.bands));
        Ok(chip)
    } else {
        raster(path, bands, set.values(), seen)
    }
}

/// Refuses a picture with other bands than the card has.
pub(crate) fn check_bands(card: &Card, path: &Path, chip: &Chip) -> Result<(), DatasetError> {
    let (expected, got) = (card.bands.len(), chip.bands);
    if got == expected {
        return Ok(());
    }
    Err(DatasetError::BandCount { path: path.to_owned(), expected, got })
}

fn raster(path: &Path, bands: Bands<'_>, values: ReadAs, seen: &mut Seen) -> Result<Chip, DatasetError> {
    refuse_turned(path, orientation::of_tiff(path))?;
    let uri = path.to_string_lossy();
    let raster = |source| DatasetError::Raster { source };
    let (chip, declared) = match bands {
        Bands::Given(given) => read_picture(&uri, Some(given), values).map_err(raster)?,
        Bands::All => read_picture(&uri, None, values).map_err(raster)?,
        Bands::Count(count) if count_bands(&uri).map_err(raster)? == count => {
            let all: Vec<usize> = (1..=count).collect();
            read_picture(&uri, Some(&all), values).map_err(raster)?
        }
        Bands::Count(expected) => {
            let (chip, declared) = read_picture(&uri, None, values).map_err(raster)?;
            if chip.bands != expected {
                return Err(DatasetError::BandCount { path: path.to_owned(), expected, got: chip.bands });
            }
            (chip, declared)
        }
    };
    seen.declare(declared);
    Ok(chip)
}

/// A JPEG or PNG file as viewers show it, and whether it was turned for that.
pub(crate) fn shown(dataset: &str, path: &Path) -> Result<(DynamicImage, bool), DatasetError> {
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let reader = reader.map_err(|e| crate::files::unreadable(dataset, path, e))?;
    let decoded = || {
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut image = DynamicImage::from_decoder(decoder)?;
        image.apply_orientation(orientation);
        Ok((image, orientation != Orientation::NoTransforms))
    };
    decoded().map_err(|source| DatasetError::Decode {
        dataset: dataset.to_owned(),
        path: path.to_owned(),
        source,
    })
}

/// The EXIF orientation of a JPEG or PNG file, 1 where it is absent or cannot be read.
fn orientation_of(path: &Path) -> u8 {
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let decoder = reader.ok().and_then(|reader| reader.into_decoder().ok());
    decoder.and_then(|mut decoder| decoder.orientation().ok()).map_or(1, Orientation::to_exif)
}

/// Refuses a file with an orientation whose pixels are read as they are stored.
fn refuse_turned(path: &Path, orientation: u8) -> Result<(), DatasetError> {
    if orientation == 1 {
        return Ok(());
    }
    Err(DatasetError::Turned {
        path: path.to_owned(),
        orientation,
        meaning: orientation::describe(orientation),
    })
}

fn decoded(dataset: &str, path: &Path, bands: Bands<'_>, seen: &mut Seen) -> Result<Chip, DatasetError> {
    let (image, is_turned) = shown(dataset, path)?;
    seen.add(RemarkKind::Turned, usize::from(is_turned));
    let window = Window::new(0, 0, fitted(image.width()), fitted(image.height()));
    let (channels, has_alpha) = (usize::from(image.color().channel_count()), image.color().has_alpha());
    let colors = channels - usize::from(has_alpha);
    let selected: Vec<usize> = match bands {
        Bands::Given(given) => given.to_vec(),
        Bands::Count(count) if count == channels => (1..=channels).collect(),
        _ => (1..=colors).collect(),
    };
    let too_many = |got| DatasetError::BandCount { path: path.to_owned(), expected: got, got: channels };
    if let Some(band) = selected.iter().find(|b| **b == 0 || **b > channels) {
        return Err(too_many(*band));
    }
    if let Bands::Count(expected) = bands
        && expected != selected.len()
    {
        return Err(DatasetError::BandCount { path: path.to_owned(), expected, got: selected.len() });
    }
    let samples = samples(image);
    let alpha = (has_alpha && !selected.contains(&channels)).then_some(channels);
    Ok(planar(window, &samples, channels, &selected, alpha))
}

/// Samples pixel by pixel, in the units of the file.
fn samples(image: DynamicImage) -> Vec<f32> {
    let bytes = |raw: Vec<u8>| raw.into_iter().map(f32::from).collect();
    let words = |raw: Vec<u16>| raw.into_iter().map(f32::from).collect();
    match image {
        DynamicImage::ImageLuma8(i) => bytes(i.into_raw()),
        DynamicImage::ImageLumaA8(i) => bytes(i.into_raw()),
        DynamicImage::ImageRgb8(i) => bytes(i.into_raw()),
        DynamicImage::ImageRgba8(i) => bytes(i.into_raw()),
        DynamicImage::ImageLuma16(i) => words(i.into_raw()),
        DynamicImage::ImageLumaA16(i) => words(i.into_raw()),
        DynamicImage::ImageRgb16(i) => words(i.into_raw()),
        DynamicImage::ImageRgba16(i) => words(i.into_raw()),
        other => other.into_rgb32f().into_raw(),
    }
}

/// Band by band from pixel by pixel; pixels of alpha 0 are invalid and hold 0.
fn planar(window: Window, samples: &[f32], channels: usize, bands: &[usize], alpha: Option<usize>) -> Chip {
    let channel = |band: usize| samples.iter().skip(band - 1).step_by(channels);
    let valid: Vec<bool> = match alpha {
        Some(alpha) => channel(alpha).map(|v| *v > 0.0).collect(),
        None => vec![true; window.width * window.height],
    };
    let band = |band: &usize| channel(*band).zip(&valid).map(|(v, ok)| if *ok { *v } else { 0.0 });
    let data = bands.iter().flat_map(band).collect();
    Chip { window, bands: bands.len(), data, valid }
}

/// Puts pictures of one size on top of each other.
pub(crate) fn stack(chips: Vec<(&Path, Chip)>) -> Result<Chip, DatasetError> {
    let mut chips = chips.into_iter();
    let Some((first, mut all)) = chips.next() else {
        return Ok(Chip::empty(Window::new(0, 0, 0, 0), 0));
    };
    for (path, chip) in chips {
        check_size(path, chip.window, first, all.window)?;
        check_place(path, first)?;
        all.bands += chip.bands;
        all.data.extend(chip.data);
        all.valid.iter_mut().zip(chip.valid).for_each(|(a, b)| *a &= b);
    }
    Ok(all)
}

/// Refuses a file of another size than the one it belongs to.
pub(crate) fn check_size(
    path: &Path,
    got: Window,
    than: &Path,
    expected: Window,
) -> Result<(), DatasetError> {
    if (got.width, got.height) == (expected.width, expected.height) {
        return Ok(());
    }
    Err(DatasetError::Size {
        path: path.to_owned(),
        got: [got.width, got.height],
        than: than.to_owned(),
        expected: [expected.width, expected.height],
    })
}

/// Refuses annotations that state another size of a picture than it has.
pub(crate) fn check_stated_size(
    path: &Path,
    stated: Window,
    picture: &Path,
    found: Window,
) -> Result<(), DatasetError> {
    if (stated.width, stated.height) == (found.width, found.height) {
        return Ok(());
    }
    Err(DatasetError::StatedSize {
        path: path.to_owned(),
        stated: [stated.width, stated.height],
        picture: picture.to_owned(),
        found: [found.width, found.height],
    })
}

/// Refuses a file at another location than the one it belongs to, where both are georeferenced.
pub(crate) fn check_place(path: &Path, than: &Path) -> Result<(), DatasetError> {
    let [uri, other] = [path, than].map(Path::to_string_lossy);
    match misplaced(&uri, &other).map_err(|source| DatasetError::Raster { source })? {
        None => Ok(()),
        Some(found) => Err(DatasetError::Misplaced {
            path: path.to_owned(),
            than: than.to_owned(),
            problem: found.problem,
            command: found.command,
        }),
    }
}

/// How values of a mask become class ids.
#[derive(Debug, Default)]
pub(crate) struct MaskRule {
    /// From value to class id; other values stay.
    pub(crate) values: BTreeMap<u8, u8>,
    /// From this value on a pixel is class 1, below it is class 0.
    pub(crate) threshold: Option<u8>,
    /// Values that occur.
    met: Met,
}

impl MaskRule {
    pub(crate) fn new(values: BTreeMap<u8, u8>, threshold: Option<u8>) -> Self {
        Self { values, threshold, met: Met::default() }
    }

    /// The values that are mapped to a class, and whether they occur.
    pub(crate) fn asked(&self) -> impl Iterator<Item = Asked> {
        let one = |value: &u8| Asked {
            option: "values".into(),
            value: value.to_string(),
            is_found: self.met.has(*value),
        };
        self.values.keys().map(one)
    }

    fn class(&self, value: u8) -> u8 {
        match (self.values.get(&value), self.threshold) {
            (Some(class), _) => *class,
            (None, Some(threshold)) => u8::from(value >= threshold),
            (None, None) => value,
        }
    }
}

/// Reads a mask by a rule; classes are not checked yet.
pub(crate) fn read_mask(
    card: &Card,
    path: &Path,
    rule: &MaskRule,
    seen: &mut Seen,
) -> Result<Raster<u8>, DatasetError> {
    let dataset = card.name.as_str();
    require(dataset, path)?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let is_tiff = ["tif", "tiff"].contains(&extension.as_str());
    refuse_turned(path, if is_tiff { orientation::of_tiff(path) } else { orientation_of(path) })?;
    let mut labels =
        read_labels(&path.to_string_lossy()).map_err(|source| DatasetError::Raster { source })?;
    let facts = label_facts(&path.to_string_lossy()).map_err(|source| DatasetError::Raster { source })?;
    if facts.is_lossy && rule.threshold.is_none() {
        return Err(DatasetError::LossyLabels { path: path.to_owned() });
    }
    let is_nodata = |value: u8| facts.nodata == Some(f64::from(value));
    let is_class = |value: u8| card.classes.iter().any(|c| c.id == rule.class(value));
    let hides_a_class = (0..IGNORE).any(|value| is_nodata(value) && is_class(value));
    seen.add(RemarkKind::ClassAsNodata, usize::from(hides_a_class));
    rule.met.take(labels.data());
    labels.data_mut().iter_mut().for_each(|value| *value = rule.class(*value));
    Ok(labels)
}

/// Refuses labels that are neither a class of the card nor [`IGNORE`].
pub(crate) fn check_labels(card: &Card, path: &Path, labels: &Raster<u8>) -> Result<(), DatasetError> {
    let mut known = [false; 256];
    known[usize::from(IGNORE)] = true;
    card.classes.iter().for_each(|c| known[usize::from(c.id)] = true);
    let Some(at) = labels.data().iter().position(|v| !known[usize::from(*v)]) else { return Ok(()) };
    let width = labels.window().width.max(1);
    Err(DatasetError::UnknownLabel {
        path: path.to_owned(),
        value: labels.data()[at],
        column: at % width,
        row: at / width,
        known: card.classes.iter().map(|c| c.id).collect(),
    })
}
