//! Reading windows of a mosaic.

use arpent_raster::{BandInfo, Chip, SampleType, Window};
use gdal::Dataset;
use gdal::raster::GdalType;

use crate::block::{Block, Values};
use crate::shared::Cells;
use crate::uri::{gdal_path, is_remote_uri};
use crate::{GdalError, Mosaic, SharedBlocks, ffi, scene};

/// Bands of a scene, from 1, in the order wanted.
pub type BandSelection = Vec<usize>;

/// Datasets that a reader keeps open.
const MAX_OPEN: usize = 32;

/// Reads windows of a mosaic. It belongs to one thread; each thread has its own.
///
/// What a pixel is does not depend on the window through which it is read: the first scene in the mosaic's order for
/// which it is valid gives all its bands. A pixel of a scene is *invalid* when
/// - the scene's alpha or mask band is 0 there, or
/// - all selected bands that declare a nodata value hold it (and at least one does), or
/// - any selected band is not finite (NaN).
///
/// Invalid pixels hold 0.
#[derive(Debug)]
pub struct MosaicReader {
    scenes: Vec<Source>,
    /// Open datasets, the one used last at the end.
    open: Vec<(usize, Dataset)>,
    bands: usize,
    max_open: usize,
    shared: Option<SharedBlocks>,
    /// How each scene that is shared is cut; empty when nothing is.
    cells: Vec<Option<Cells>>,
    blocks: Vec<(usize, usize)>,
}

/// What is read of a raster.
#[derive(Debug)]
pub(crate) struct Source {
    id: String,
    uri: String,
    window: Window,
    bands: BandSelection,
    nodata: Vec<Option<f64>>,
    alpha: Option<usize>,
    kind: Kind,
    signed_bytes: bool,
}

/// In what values are read, so that none changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Bytes,
    Words,
    Floats,
    /// Single precision would not hold what is compared with nodata.
    Doubles,
}

impl Kind {
    fn of(sample: SampleType) -> Self {
        match sample {
            SampleType::Uint8 => Self::Bytes,
            SampleType::Uint16 => Self::Words,
            SampleType::Int8 | SampleType::Int16 | SampleType::Float32 => Self::Floats,
            SampleType::Uint32 | SampleType::Int32 | SampleType::Float64 => Self::Doubles,
        }
    }

    /// Bytes of a value as it is kept.
    fn bytes(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Words => 2,
            Self::Floats | Self::Doubles => 4,
        }
    }
}

impl MosaicReader {
    /// A reader of the given bands of each scene (`bands[i]` belongs to `mosaic.scenes[i]`; the last entry serves
    /// for all that follow). Nothing is opened yet.
    ///
    /// # Errors
    /// [`GdalError::NoSuchBand`] when a scene lacks a band or a selection has another length than the first.
    pub fn new(mosaic: &Mosaic, bands: &[BandSelection]) -> Result<Self, GdalError> {
        let count = bands.first().map_or(0, Vec::len);
        let mut scenes = Vec::with_capacity(mosaic.scenes.len());
        for (i, info) in mosaic.scenes.iter().enumerate() {
            let selection = bands.get(i).or(bands.last()).cloned().unwrap_or_default();
            if selection.len() != count {
                return Err(no_such_band(&info.uri, selection.len(), info.bands.len()));
            }
            scenes.push(Source::new(&info.id, &info.uri, info.window, &info.bands, selection)?);
        }
        let blocks = mosaic.scenes.iter().map(|s| s.block).collect();
        let (open, cells) = (Vec::new(), Vec::new());
        Ok(Self { scenes, open, bands: count, max_open: MAX_OPEN, shared: None, cells, blocks })
    }

    /// The same reader taking the blocks of remote GeoTIFFs from those that other readers have fetched, and giving them its
    /// own. What it reads is the same.
    #[must_use]
    pub fn sharing(mut self, blocks: &SharedBlocks) -> Self {
        let cells = |(source, block): (&Source, &(usize, usize))| {
            let remote = is_remote_uri(&source.uri);
            remote
                .then(|| Cells::new(&source.uri, &source.bands, source.kind.bytes(), source.window, *block))
                .flatten()
        };
        self.cells = self.scenes.iter().zip(&self.blocks).map(cells).collect();
        self.shared = Some(blocks.clone());
        self
    }

    /// The same reader keeping at most so many datasets open.
    #[must_use]
    pub fn with_max_open(mut self, max_open: usize) -> Self {
        self.max_open = max_open.max(1);
        self
    }

    /// Reads a window of the mosaic's grid, also beyond the scenes, where pixels are invalid.
    ///
    /// # Errors
    /// [`GdalError::ReadWindow`], which names the scene, when a file cannot be opened or read.
    pub fn read(&mut self, window: Window) -> Result<Chip, GdalError> {
        let mut chip = Chip::empty(window, self.bands);
        for index in 0..self.scenes.len() {
            let Some(common) = self.scenes[index].window.intersect(&window) else { continue };
            if is_filled(&chip, &common) {
                continue;
            }
            let opened = self.dataset(index);
            let dataset = opened.map_err(|e| self.scenes[index].unreadable(common, e.to_string()))?;
            // The dataset goes back to the end of the list: it was used last.
            let part = self.part(index, &dataset, common);
            self.open.push((index, dataset));
            chip = merged(chip, part?);
        }
        Ok(chip)
    }

    fn part(&self, index: usize, dataset: &Dataset, window: Window) -> Result<Chip, GdalError> {
        let source = &self.scenes[index];
        match (&self.shared, self.cells.get(index)) {
            // Blocks of other formats are no unit of what is fetched.
            (Some(shared), Some(Some(cells))) if dataset.driver().short_name() == "GTiff" => {
                shared.read(cells, window, |piece| source.read_block(dataset, piece))
            }
            _ => source.read(dataset, window),
        }
    }

    fn dataset(&mut self, index: usize) -> Result<Dataset, GdalError> {
        if let Some(at) = self.open.iter().position(|(i, _)| *i == index) {
            return Ok(self.open.remove(at).1);
        }
        if self.open.len() >= self.max_open {
            self.open.remove(0);
        }
        let uri = &self.scenes[index].uri;
        scene::open_raster(uri, &gdal_path(uri))
    }
}

fn is_filled(chip: &Chip, window: &Window) -> bool {
    let Some((col, row)) = chip.window.offset_of(window) else { return false };
    (row..row + window.height).all(|r| {
        let start = r * chip.window.width + col;
        chip.valid[start..start + window.width].iter().all(|v| *v)
    })
}

/// The chip with what it lacks taken from `part`; mostly a window lies in one scene, and nothing needs copying.
fn merged(mut chip: Chip, part: Chip) -> Chip {
    if part.window == chip.window && !chip.valid.contains(&true) {
        return part;
    }
    merge(&mut chip, &part);
    chip
}

/// Copies the valid pixels of `part` to where `chip` has none yet.
fn merge(chip: &mut Chip, part: &Chip) {
    let Some((col, row)) = chip.window.offset_of(&part.window) else { return };
    let (pixels, part_pixels) = (chip.valid.len(), part.valid.len());
    for r in 0..part.window.height {
        let to = (row + r) * chip.window.width + col;
        let from = r * part.window.width;
        for c in 0..part.window.width {
            if part.valid[from + c] && !chip.valid[to + c] {
                chip.valid[to + c] = true;
                for b in 0..chip.bands {
                    chip.data[b * pixels + to + c] = part.data[b * part_pixels + from + c];
                }
            }
        }
    }
}

fn no_such_band(path: &str, band: usize, bands: usize) -> GdalError {
    GdalError::NoSuchBand { path: path.to_owned(), band, bands }
}

impl Source {
    /// Bands of a raster that fills a window.
    pub(crate) fn new(
        id: &str,
        uri: &str,
        window: Window,
        infos: &[BandInfo],
        bands: BandSelection,
    ) -> Result<Self, GdalError> {
        if bands.is_empty() {
            return Err(no_such_band(uri, 0, infos.len()));
        }
        let mut nodata = Vec::with_capacity(bands.len());
        let (mut kind, mut signed_bytes) = (Kind::Bytes, false);
        for index in &bands {
            let band = infos.iter().find(|b| b.index == *index);
            let band = band.ok_or_else(|| no_such_band(uri, *index, infos.len()))?;
            nodata.push(band.nodata);
            signed_bytes |= band.sample_type == SampleType::Int8;
            kind = kind.max(Kind::of(band.sample_type));
        }
        let alpha = infos.iter().find(|b| b.is_alpha).map(|b| b.index);
        let (id, uri) = (id.to_owned(), uri.to_owned());
        Ok(Self { id, uri, window, bands, nodata, alpha, kind, signed_bytes })
    }

    /// The pixels of a window that lies inside the raster.
    pub(crate) fn read(&self, dataset: &Dataset, window: Window) -> Result<Chip, GdalError> {
        self.read_block(dataset, window).map(Block::into_chip)
    }

    /// The same in the type in which they are stored: of bytes, GDAL copies whole rows.
    fn read_block(&self, dataset: &Dataset, window: Window) -> Result<Block, GdalError> {
        let error = |message: String| self.unreadable(window, message);
        let offset = self.window.offset_of(&window).ok_or_else(|| error("outside the scene".into()))?;
        let size = (window.width, window.height);
        let mut valid = self.mask(dataset, offset, size).map_err(error)?;
        let values = match self.kind {
            Kind::Bytes => self.samples::<u8>(dataset, offset, size, &mut valid).map(Values::Bytes),
            Kind::Words => self.samples::<u16>(dataset, offset, size, &mut valid).map(Values::Words),
            Kind::Floats => self.samples::<f32>(dataset, offset, size, &mut valid).map(Values::Floats),
            Kind::Doubles => self
                .samples::<f64>(dataset, offset, size, &mut valid)
                .map(|values| Values::Floats(values.into_iter().map(Sample::narrow).collect())),
        };
        let values = values.map_err(error)?;
        let valid = valid.filter(|v| v.contains(&false));
        Ok(Block { window, bands: self.bands.len(), values, valid })
    }

    /// Values of all bands, 0 where they are invalid.
    fn samples<T: Sample>(
        &self,
        dataset: &Dataset,
        offset: (usize, usize),
        size: (usize, usize),
        valid: &mut Option<Vec<bool>>,
    ) -> Result<Vec<T>, String> {
        let mut values = ffi::read_bands::<T>(dataset, offset, size, &self.bands)?;
        if self.signed_bytes && ffi::type_name(dataset, self.bands[0]) == "Byte" {
            // GDAL before 3.7 has no signed bytes: it hands them over as unsigned ones.
            for value in &mut values {
                *value = value.signed_byte();
            }
        }
        if T::MAY_BE_INVALID || self.nodata.iter().any(Option::is_some) {
            invalidate(valid.get_or_insert_with(|| vec![true; size.0 * size.1]), &values, &self.nodata);
        }
        if let Some(valid) = valid {
            for band in values.chunks_exact_mut(valid.len().max(1)) {
                band.iter_mut()
                    .zip(&*valid)
                    .filter(|(_, valid)| !**valid)
                    .for_each(|(v, _)| *v = T::default());
            }
        }
        Ok(values)
    }

    fn unreadable(&self, window: Window, message: String) -> GdalError {
        GdalError::ReadWindow {
            scene_id: self.id.clone(),
            path: self.uri.clone(),
            bands: self.bands.clone(),
            window: Box::new(window),
            message,
        }
    }

    /// Where the alpha or mask band says that there is data; `None` where there is no such band.
    fn mask(
        &self,
        dataset: &Dataset,
        offset: (usize, usize),
        size: (usize, usize),
    ) -> Result<Option<Vec<bool>>, String> {
        if let Some(alpha) = self.alpha {
            let values = ffi::read_bands::<f32>(dataset, offset, size, &[alpha])?;
            return Ok(Some(values.iter().map(|v| *v > 0.0).collect()));
        }
        if has_mask(dataset, self.bands[0]) {
            return ffi::read_mask(dataset, self.bands[0], offset, size)
                .map(|values| Some(values.iter().map(|v| *v != 0).collect()));
        }
        Ok(None)
    }
}

/// Whether a band has a mask of its own: not one that GDAL makes from nodata values, which is ours to decide, nor from
/// an alpha band, which may have been asked for as data.
fn has_mask(dataset: &Dataset, band: usize) -> bool {
    let flags = dataset.rasterband(band).and_then(|b| b.mask_flags());
    flags.is_ok_and(|f| !f.is_all_valid() && !f.is_alpha() && (!f.is_nodata() || f.is_per_dataset()))
}

/// What values are read and compared with nodata in.
trait Sample: GdalType + Copy + Default {
    /// Whether a value may be no number, or none that single precision holds.
    const MAY_BE_INVALID: bool;
    fn is_nodata(self, nodata: f64) -> bool;
    fn narrow(self) -> f32;

    /// The value of a signed byte that was read as an unsigned one.
    fn signed_byte(self) -> Self {
        self
    }
}

impl Sample for u8 {
    const MAY_BE_INVALID: bool = false;

    fn is_nodata(self, nodata: f64) -> bool {
        f32::from(self).is_nodata(nodata)
    }

    fn narrow(self) -> f32 {
        self.into()
    }
}

impl Sample for u16 {
    const MAY_BE_INVALID: bool = false;

    fn is_nodata(self, nodata: f64) -> bool {
        f32::from(self).is_nodata(nodata)
    }

    fn narrow(self) -> f32 {
        self.into()
    }
}

#[allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "GDAL stores nodata as f64 whatever the sample type"
)]
impl Sample for f32 {
    const MAY_BE_INVALID: bool = true;

    fn is_nodata(self, nodata: f64) -> bool {
        let nodata = nodata as f32;
        // Nodata values are often written with too few digits: GDAL too forgives the last bits.
        self == nodata || (self - nodata).abs() <= 2.0 * f32::EPSILON * nodata.abs()
    }

    fn narrow(self) -> f32 {
        self
    }

    fn signed_byte(self) -> Self {
        if self > 127.0 { self - 256.0 } else { self }
    }
}

#[allow(clippy::float_cmp, clippy::cast_possible_truncation, reason = "networks compute in f32")]
impl Sample for f64 {
    const MAY_BE_INVALID: bool = true;

    fn is_nodata(self, nodata: f64) -> bool {
        self == nodata || (self - nodata).abs() <= 2.0 * f64::EPSILON * nodata.abs()
    }

    fn narrow(self) -> f32 {
        self as f32
    }
}

fn invalidate<T: Sample>(valid: &mut [bool], values: &[T], nodata: &[Option<f64>]) {
    let pixels = valid.len();
    let declared: Vec<_> =
        nodata.iter().enumerate().filter_map(|(b, v)| v.filter(|v| !v.is_nan()).map(|v| (b, v))).collect();
    for (i, valid) in valid.iter_mut().enumerate() {
        let nothing =
            !declared.is_empty() && declared.iter().all(|(b, v)| values[b * pixels + i].is_nodata(*v));
        let finite = (0..nodata.len()).all(|b| values[b * pixels + i].narrow().is_finite());
        *valid = *valid && !nothing && finite;
    }
}
