//! Reading windows of a mosaic.

use std::path::PathBuf;
use std::sync::Arc;

use arpent_raster::{BandInfo, Chip, Declared, SampleType, Scaling, Validity, Window};
use gdal::{Dataset, Metadata as _};

use crate::block::{Block, Values};
use crate::coverage::{Coverage, both};
use crate::nodata::{Nodata, Sample, invalidate};
use crate::resample::Layer;
use crate::shared::Cells;
use crate::uri::gdal_path;
use crate::{GdalError, Mosaic, SharedBlocks, collar, ffi, scene};

/// Bands of a scene, from 1, in the order wanted.
pub type BandSelection = Vec<usize>;

/// Datasets that a reader keeps open.
const MAX_OPEN: usize = 32;

/// Reads windows of a mosaic. It belongs to one thread; each thread has its own.
///
/// What a pixel is does not depend on the window through which it is read: the first scene in the mosaic's order for
/// which it is valid gives all its bands. A pixel of a scene is *invalid* when
/// - the data set holds nothing there in any selected band: no source of a VRT, a block that was never written, the outside
///   of a warped picture; or
/// - the scene's alpha band, unless it is selected, or a mask band is 0 there; or
/// - all selected bands that declare a nodata value hold it (and at least one does): where alpha or a mask decides, only
///   values that the job's configuration declares; or
/// - any selected band is not finite (NaN); or
/// - it lies in the scene's collar, where that is left out.
///
/// Invalid pixels hold 0. Values of bands that are to be read by their scale and offset are scaled here, once, after they were
/// compared with nodata.
///
/// Scenes that are resampled ([`resampled`](crate::resampled)) are first one mosaic for each grid of their own, read at full
/// resolution; its pixels are then weighed. A new pixel is valid where the mosaic's pixel that holds its center is.
#[derive(Debug)]
pub struct MosaicReader {
    scenes: Vec<Source>,
    /// The scenes by the grid that they are read on.
    layers: Arc<[Layer]>,
    /// Open datasets, the one used last at the end.
    open: Vec<(usize, Opened)>,
    pub(crate) bands: usize,
    max_open: usize,
    shared: Option<SharedBlocks>,
    /// How each scene is cut whose blocks may be shared.
    cells: Vec<Option<Cells>>,
    /// Of which scenes one alone is open: an open decoder keeps much of them.
    alone: Vec<bool>,
}

/// What is read of a raster.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    id: String,
    uri: String,
    window: Window,
    bands: BandSelection,
    nodata: Vec<Option<Nodata>>,
    /// Whether nodata counts beside alpha and masks.
    nodata_counts: bool,
    alpha: Option<usize>,
    kind: Kind,
    /// Which bands hold signed bytes.
    signed_bytes: Vec<bool>,
    /// Where the mask of the collar lies, or will.
    collar: Option<PathBuf>,
    /// The factor and the summand that each band's values are read with.
    scalings: Vec<Option<(f64, f64)>>,
    /// The largest value that all bands may have as they are stored, where they are whole numbers of one type.
    white: Option<f32>,
    /// Whether only what is valid is asked for, not the values.
    validity_alone: bool,
}

/// A raster, open to be read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) dataset: Dataset,
    pub(crate) coverage: Coverage,
    pub(crate) collar: Option<Dataset>,
}

impl Opened {
    /// Opens a file or URL.
    pub(crate) fn new(uri: &str) -> Result<Self, GdalError> {
        let path = gdal_path(uri);
        Ok(Self::of(scene::open_raster(uri, &path)?, &path))
    }

    /// Of a data set that was opened by a path of GDAL's.
    pub(crate) fn of(dataset: Dataset, path: &str) -> Self {
        Self { dataset, coverage: Coverage::of(path), collar: None }
    }
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

    /// The largest value, of whole numbers.
    fn white(self) -> Option<f32> {
        match self {
            Self::Bytes => Some(255.0),
            Self::Words => Some(65_535.0),
            Self::Floats | Self::Doubles => None,
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
        let mut cells = Vec::with_capacity(mosaic.scenes.len());
        for (i, info) in mosaic.scenes.iter().enumerate() {
            let selection = bands.get(i).or(bands.last()).cloned().unwrap_or_default();
            if selection.len() != count {
                return Err(no_such_band(&info.uri, selection.len(), info.bands.len()));
            }
            let window = info.native.as_ref().map_or(info.window, |native| native.window);
            let source = Source::new(&info.id, &info.uri, window, &info.bands, selection)?;
            let of_blocks =
                || Cells::new(&info.uri, &source.bands, source.kind.bytes(), window, info.block, info.coding);
            cells.push(SharedBlocks::takes(info).then(of_blocks).flatten());
            scenes.push(source.with(&info.validity));
        }
        let (open, layers) = (Vec::new(), Layer::of(mosaic).into());
        let alone = mosaic.scenes.iter().map(|info| info.decoders.kept_bytes > 0).collect();
        Ok(Self { scenes, layers, open, bands: count, max_open: MAX_OPEN, shared: None, cells, alone })
    }

    /// A reader that tells of pixels only which scene gives them ([`MosaicReader::givers`]). Values are read where they decide about
    /// that, and nowhere else.
    ///
    /// # Errors
    /// As [`MosaicReader::new`].
    pub fn of_givers(mosaic: &Mosaic, bands: &[BandSelection]) -> Result<Self, GdalError> {
        let mut reader = Self::new(mosaic, bands)?;
        reader.bands = 0;
        reader.scenes.iter_mut().for_each(|source| source.validity_alone = true);
        Ok(reader)
    }

    /// The same reader taking blocks from those that other readers have fetched and decoded, and giving them its own, of the
    /// scenes that [`SharedBlocks::takes`]. What it reads is the same.
    #[must_use]
    pub fn sharing(mut self, blocks: &SharedBlocks) -> Self {
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
        let layers = Arc::clone(&self.layers);
        match &*layers {
            [layer] => self.read_layer(layer, window, None),
            layers => Ok(self.read_layers(layers, window)?.0),
        }
    }

    /// What [`MosaicReader::givers`] says where no scene gives a pixel.
    pub const NOBODY: u32 = NOBODY;

    /// Which scene gives each pixel of a window, row by row, by its place in the mosaic; [`MosaicReader::NOBODY`] where none does.
    ///
    /// # Errors
    /// As [`MosaicReader::read`].
    pub fn givers(&mut self, window: Window) -> Result<Vec<u32>, GdalError> {
        let layers = Arc::clone(&self.layers);
        Ok(self.read_layers(&layers, window)?.1)
    }

    /// Of several grids, too, the first scene in order that is valid gives a pixel.
    fn read_layers(&mut self, layers: &[Layer], window: Window) -> Result<(Chip, Vec<u32>), GdalError> {
        let mut all = Chip::empty(window, self.bands);
        let mut first = vec![NOBODY; all.valid.len()];
        // There may be as many layers as scenes: those that lie elsewhere cost nothing.
        for layer in layers.iter().filter(|layer| layer.meets(&window)) {
            let mut givers = vec![NOBODY; all.valid.len()];
            let chip = self.read_layer(layer, window, Some(&mut givers))?;
            take_earlier(&mut all, &mut first, &chip, &givers);
        }
        Ok((all, first))
    }

    /// Reads a window of some of the scenes on their own grid, and which of them gave each pixel.
    pub(crate) fn read_scenes(
        &mut self,
        members: &[usize],
        window: Window,
        mut givers: Option<&mut [u32]>,
    ) -> Result<Chip, GdalError> {
        let mut chip = Chip::empty(window, self.bands);
        for &index in members {
            let Some(common) = self.scenes[index].window.intersect(&window) else { continue };
            if is_filled(&chip, &common) {
                continue;
            }
            let opened = self.dataset(index);
            let mut opened = opened.map_err(|e| self.scenes[index].unreadable(common, e.to_string()))?;
            // The dataset goes back to the end of the list: it was used last.
            let part = self.part(index, &mut opened, common);
            self.open.push((index, opened));
            let part = part?;
            if let Some(givers) = &mut givers {
                give(givers, &window, &part, index);
            }
            chip = merged(chip, part);
        }
        Ok(chip)
    }

    fn part(&self, index: usize, opened: &mut Opened, window: Window) -> Result<Chip, GdalError> {
        let source = &self.scenes[index];
        match (&self.shared, self.cells.get(index)) {
            (Some(shared), Some(Some(cells))) => {
                shared.read(cells, window, |piece| source.read_block(opened, piece))
            }
            _ => source.read(opened, window),
        }
    }

    fn dataset(&mut self, index: usize) -> Result<Opened, GdalError> {
        if let Some(at) = self.open.iter().position(|(i, _)| *i == index) {
            return Ok(self.open.remove(at).1);
        }
        if self.alone[index] {
            self.open.retain(|(i, _)| !self.alone[*i]);
        }
        if self.open.len() >= self.max_open {
            self.open.remove(0);
        }
        Opened::new(&self.scenes[index].uri)
    }
}

/// No scene gave the pixel.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Notes which scene gives the pixels that nobody gave yet.
fn give(givers: &mut [u32], window: &Window, part: &Chip, scene: usize) {
    let Some((col, row)) = window.offset_of(&part.window) else { return };
    let scene = u32::try_from(scene).unwrap_or(NOBODY);
    for (r, valid) in part.valid.chunks_exact(part.window.width.max(1)).enumerate() {
        let start = (row + r) * window.width + col;
        let row = givers[start..start + valid.len()].iter_mut().zip(valid);
        row.filter(|(giver, valid)| **valid && **giver == NOBODY).for_each(|(giver, _)| *giver = scene);
    }
}

/// Takes the pixels of a chip that an earlier scene gave than those of `all`.
fn take_earlier(all: &mut Chip, first: &mut [u32], chip: &Chip, givers: &[u32]) {
    let pixels = first.len();
    for i in (0..pixels).filter(|i| chip.valid[*i]) {
        if givers[i] < first[i] {
            first[i] = givers[i];
            all.valid[i] = true;
            for b in 0..all.bands {
                all.data[b * pixels + i] = chip.data[b * pixels + i];
            }
        }
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
        let (mut kind, mut signed_bytes) = (Kind::Bytes, Vec::with_capacity(bands.len()));
        let mut scalings = Vec::with_capacity(bands.len());
        for index in &bands {
            let band = infos.iter().find(|b| b.index == *index);
            let band = band.ok_or_else(|| no_such_band(uri, *index, infos.len()))?;
            nodata.push(band.nodata.and_then(|value| Nodata::of(band.sample_type, value)));
            signed_bytes.push(band.sample_type == SampleType::Int8);
            kind = kind.max(Kind::of(band.sample_type));
            scalings.push(band.scaling.as_ref().and_then(Scaling::applied));
        }
        let white = kind.white();
        if scalings.iter().any(Option::is_some) {
            // What is scaled is no whole number.
            kind = kind.max(Kind::Floats);
        }
        let alpha = BandInfo::alpha_of(infos, &bands);
        let (id, uri) = (id.to_owned(), uri.to_owned());
        let (nodata_counts, collar) = (false, None);
        Ok(Self {
            id,
            uri,
            window,
            bands,
            nodata,
            nodata_counts,
            alpha,
            kind,
            signed_bytes,
            collar,
            scalings,
            white,
            validity_alone: false,
        })
    }

    /// The same with what decides about a scene's pixels.
    pub(crate) fn with(self, validity: &Validity) -> Self {
        let nodata_counts = validity.nodata_by == Declared::Configuration;
        Self { nodata_counts, collar: validity.collar.clone(), ..self }
    }

    /// The same with the collar as part of the picture.
    pub(crate) fn with_collar(&self) -> Self {
        Self { collar: None, ..self.clone() }
    }

    /// Values of all bands as they are stored, band by band, and which pixels are valid.
    pub(crate) fn raw(&self, opened: &mut Opened, window: Window) -> Result<(Vec<f32>, Vec<bool>), String> {
        let valid = self.read(opened, window).map_err(|e| e.to_string())?.valid;
        let offset = self.window.offset_of(&window).ok_or("outside the scene")?;
        let size = (window.width, window.height);
        Ok((ffi::read_bands::<f32>(&opened.dataset, offset, size, &self.bands)?, valid))
    }

    /// The largest value that all bands may have, where they are whole numbers of one type.
    pub(crate) fn white(&self) -> Option<f32> {
        self.white
    }

    /// Whether values of its bands may be nodata.
    pub(crate) fn has_nodata(&self) -> bool {
        self.nodata.iter().any(Option::is_some)
    }

    /// The pixels of a window that lies inside the raster.
    pub(crate) fn read(&self, opened: &mut Opened, window: Window) -> Result<Chip, GdalError> {
        self.read_block(opened, window).map(Block::into_chip)
    }

    /// The same in the type in which they are stored: of bytes, GDAL copies whole rows.
    fn read_block(&self, opened: &mut Opened, window: Window) -> Result<Block, GdalError> {
        let error = |message: String| self.unreadable(window, message);
        let offset = self.window.offset_of(&window).ok_or_else(|| error("outside the scene".into()))?;
        let size = (window.width, window.height);
        let decided = self.mask(&opened.dataset, offset, size).map_err(error)?;
        let nodata = if decided.is_none() || self.nodata_counts { &self.nodata[..] } else { &[] };
        let of_all: Vec<usize> = self.bands.iter().copied().chain(self.alpha).collect();
        let covered = opened.coverage.covered(&opened.dataset, &of_all, offset, size).map_err(error)?;
        let mut valid = both(decided, covered);
        if let Some(mask) = &self.collar {
            valid = both(valid, collar::outside(self, opened, mask, offset, size).map_err(error)?);
        }
        let dataset = &opened.dataset;
        let decides = self.kind >= Kind::Floats || nodata.iter().any(Option::is_some);
        if self.validity_alone && !decides {
            return Ok(Block { window, bands: 0, values: Values::Bytes(Vec::new()), valid });
        }
        let values = match self.kind {
            Kind::Bytes => self.samples::<u8>(dataset, offset, size, nodata, &mut valid).map(Values::Bytes),
            Kind::Words => self.samples::<u16>(dataset, offset, size, nodata, &mut valid).map(Values::Words),
            Kind::Floats => {
                self.samples::<f32>(dataset, offset, size, nodata, &mut valid).map(Values::Floats)
            }
            Kind::Doubles => self
                .samples::<f64>(dataset, offset, size, nodata, &mut valid)
                .map(|values| Values::Floats(values.into_iter().map(Sample::narrow).collect())),
        };
        let values = values.map_err(error)?;
        let valid = valid.filter(|v| v.contains(&false));
        if self.validity_alone {
            return Ok(Block { window, bands: 0, values: Values::Bytes(Vec::new()), valid });
        }
        Ok(Block { window, bands: self.bands.len(), values, valid })
    }

    /// Values of all bands, 0 where they are invalid.
    fn samples<T: Sample>(
        &self,
        dataset: &Dataset,
        offset: (usize, usize),
        size: (usize, usize),
        nodata: &[Option<Nodata>],
        valid: &mut Option<Vec<bool>>,
    ) -> Result<Vec<T>, String> {
        let mut values = ffi::read_bands::<T>(dataset, offset, size, &self.bands)?;
        let bands = values.chunks_exact_mut((size.0 * size.1).max(1)).zip(&self.bands);
        for ((values, band), signed) in bands.zip(&self.signed_bytes) {
            // GDAL before 3.7 has no signed bytes: it hands them over as unsigned ones.
            if *signed && ffi::type_name(dataset, *band) == "Byte" {
                for value in values {
                    *value = value.signed_byte();
                }
            }
        }
        if T::MAY_BE_INVALID || nodata.iter().any(Option::is_some) {
            invalidate(valid.get_or_insert_with(|| vec![true; size.0 * size.1]), &values, nodata);
        }
        // Nodata is a value as it is stored: it was compared before anything is scaled.
        let bands = values.chunks_exact_mut((size.0 * size.1).max(1)).zip(&self.scalings);
        for (values, scaling) in bands {
            if let Some((scale, offset)) = *scaling {
                for value in values.iter_mut() {
                    *value = value.scaled(scale, offset);
                }
            }
        }
        if T::MAY_BE_INVALID && self.scalings.iter().any(Option::is_some) {
            // What a scale makes infinite is as invalid as what was stored so.
            let none = vec![None; nodata.len()];
            invalidate(valid.get_or_insert_with(|| vec![true; size.0 * size.1]), &values, &none);
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

    pub(crate) fn unreadable(&self, window: Window, message: String) -> GdalError {
        GdalError::ReadWindow {
            scene_id: self.id.clone(),
            path: self.uri.clone(),
            bands: self.bands.clone(),
            window: Box::new(window),
            message,
        }
    }

    /// Where alpha and mask bands say that there is data; `None` where there is no such band.
    fn mask(
        &self,
        dataset: &Dataset,
        offset: (usize, usize),
        size: (usize, usize),
    ) -> Result<Option<Vec<bool>>, String> {
        let mut valid = None;
        if let Some(alpha) = self.alpha {
            let values = ffi::read_bands::<f32>(dataset, offset, size, &[alpha])?;
            valid = Some(values.iter().map(|v| *v > 0.0).collect());
        }
        for band in &self.bands {
            let mask = mask_of(dataset, *band);
            if mask != Mask::None {
                let values = ffi::read_mask(dataset, *band, offset, size)?;
                valid = both(valid, Some(values.iter().map(|v| *v != 0).collect()));
            }
            if mask != Mask::OfBand {
                break;
            }
        }
        Ok(valid)
    }

    /// Its pixels, on the grid.
    pub(crate) fn window(&self) -> Window {
        self.window
    }
}

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arpent_raster::SceneInfo;
    use gdal::DriverManager;
    use gdal::raster::{Buffer, RasterCreationOptions};

    use super::*;
    use crate::{SceneSource, open_scene};

    /// A picture of 1100 columns that begins at one, as GeoTIFF and as JPEG 2000 that is a single tile.
    fn pictures(folder: &Path, name: &str, col: u16) -> [SceneInfo; 2] {
        const SIZE: (usize, usize) = (1100, 40);
        let [tif, jp2] = ["tif", "jp2"].map(|extension| folder.join(format!("{name}.{extension}")));
        let driver = |name: &str| DriverManager::get_driver_by_name(name).unwrap();
        let mut dataset = driver("GTiff").create_with_band_type::<u8, _>(&tif, SIZE.0, SIZE.1, 1).unwrap();
        dataset.set_geo_transform(&[650_000.0 + f64::from(col), 1.0, 0.0, 6_860_000.0, 0.0, -1.0]).unwrap();
        dataset.set_spatial_ref(&gdal::spatial_ref::SpatialRef::from_epsg(2154).unwrap()).unwrap();
        let values = (0..SIZE.0 * SIZE.1).map(|i| u8::try_from(i % 241 + usize::from(col) % 9).unwrap());
        let mut buffer = Buffer::new(SIZE, values.collect());
        dataset.rasterband(1).unwrap().write((0, 0), SIZE, &mut buffer).unwrap();
        let options = ["QUALITY=100", "REVERSIBLE=YES", "BLOCKXSIZE=1100", "BLOCKYSIZE=40"];
        let options: RasterCreationOptions = options.into_iter().collect();
        dataset.create_copy(&driver("JP2OpenJPEG"), &jp2, &options).unwrap().close().unwrap();
        dataset.close().unwrap();
        [tif, jp2].map(|path| open_scene(&SceneSource::new(&path.to_string_lossy())).unwrap())
    }

    #[test]
    fn of_pictures_that_are_a_single_tile_one_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let scenes = [0, 1000, 2000].map(|col| pictures(folder.path(), &format!("s{col}"), col));
        let [tifs, jp2s] = [0, 1].map(|format| {
            let infos = scenes.iter().map(|scene| scene[format].clone()).collect();
            let mosaic = crate::mosaic_in_order(infos).unwrap();
            let reader = MosaicReader::new(&mosaic, &[vec![1]]).unwrap();
            (mosaic.window, reader.sharing(&SharedBlocks::new(8)))
        });
        let (window, (mut tifs, mut jp2s)) = (tifs.0, (tifs.1, jp2s.1));
        for col in [0, 950, 1990, 900, 0] {
            let window = Window { col: window.col + col, width: 1111, ..window };
            assert_eq!(tifs.read(window).unwrap(), jp2s.read(window).unwrap(), "{window}");
            assert_eq!(jp2s.open.len(), 1);
        }
        assert_eq!(tifs.open.len(), 3);
    }
}
