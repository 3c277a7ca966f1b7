//! Values of one raster, and which of them are valid.

use arpent_raster::{BandInfo, Chip, Declared, SampleType, Scaling, Validity, Window};
use gdal::Dataset;

use super::block::{Block, Values, turn};
use super::coverage::{Coverage, both};
use super::mask::{Mask, mask_of};
use super::nodata::{Nodata, Sample, invalidate};
use super::open::open_raster;
use super::placement::is_bottom_up;
use crate::uri::gdal_path;
use crate::{GdalError, ffi};

/// Bands of a scene, from 1, in the order of the result.
pub(crate) type BandSelection = Vec<usize>;

/// How a raster is read.
#[derive(Debug, Clone)]
pub(crate) struct RasterSource {
    id: String,
    uri: String,
    window: Window,
    bands: BandSelection,
    nodata: Vec<Option<Nodata>>,
    /// Whether nodata values apply in addition to alpha and masks.
    nodata_counts: bool,
    alpha: Option<usize>,
    kind: ReadType,
    /// Which bands have signed bytes.
    signed_bytes: Vec<bool>,
    /// The factor and the summand applied to each band's values.
    scalings: Vec<Option<(f64, f64)>>,
    /// The largest stored value of the type of all bands, if they have one integer type.
    white: Option<f32>,
    /// Whether only validity is read, not the values.
    validity_alone: bool,
}

/// A raster, open to be read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) dataset: Dataset,
    pub(crate) coverage: Coverage,
    /// Whether its rows go northward, those of the grid southward.
    bottom_up: bool,
    /// The mask of its collar, opened when needed.
    pub(super) collar: Option<Dataset>,
}

impl Opened {
    /// Opens a file or URL.
    pub(crate) fn new(uri: &str) -> Result<Self, GdalError> {
        let path = gdal_path(uri);
        let opened = Self::of(open_raster(uri, &path)?, &path);
        let bottom_up = opened.dataset.geo_transform().is_ok_and(|of_file| is_bottom_up(&of_file));
        Ok(Self { bottom_up, ..opened })
    }

    /// From a data set opened with a GDAL path, whose rows are read as they are stored.
    pub(crate) fn of(dataset: Dataset, path: &str) -> Self {
        Self { dataset, coverage: Coverage::of(path), bottom_up: false, collar: None }
    }
}

/// The type in which values are read without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReadType {
    Bytes,
    Words,
    Floats,
    /// Single precision cannot represent values that are compared with nodata.
    Doubles,
}

impl ReadType {
    pub(super) fn of(sample: SampleType) -> Self {
        match sample {
            SampleType::Uint8 => Self::Bytes,
            SampleType::Uint16 => Self::Words,
            SampleType::Int8 | SampleType::Int16 | SampleType::Float32 => Self::Floats,
            SampleType::Uint32 | SampleType::Int32 | SampleType::Float64 => Self::Doubles,
        }
    }

    /// The largest value, for integers.
    fn white(self) -> Option<f32> {
        match self {
            Self::Bytes => Some(255.0),
            Self::Words => Some(65_535.0),
            Self::Floats | Self::Doubles => None,
        }
    }

    /// Bytes of a stored value.
    fn bytes(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Words => 2,
            Self::Floats | Self::Doubles => 4,
        }
    }
}

/// The error for a missing band, or for a selection of another length.
pub(super) fn no_such_band(path: &str, band: usize, bands: usize) -> GdalError {
    GdalError::NoSuchBand { path: path.to_owned(), band, bands }
}

impl RasterSource {
    /// For bands of a raster that fills a window.
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
        let (mut kind, mut signed_bytes) = (ReadType::Bytes, Vec::with_capacity(bands.len()));
        let mut scalings = Vec::with_capacity(bands.len());
        for index in &bands {
            let band = infos.iter().find(|b| b.index == *index);
            let band = band.ok_or_else(|| no_such_band(uri, *index, infos.len()))?;
            nodata.push(band.nodata.and_then(|value| Nodata::of(band.sample_type, value)));
            signed_bytes.push(band.sample_type == SampleType::Int8);
            kind = kind.max(ReadType::of(band.sample_type));
            scalings.push(band.scaling.as_ref().and_then(Scaling::applied));
        }
        let white = kind.white();
        if scalings.iter().any(Option::is_some) {
            // Scaled values are not integers.
            kind = kind.max(ReadType::Floats);
        }
        let alpha = BandInfo::alpha_of(infos, &bands);
        let (id, uri) = (id.to_owned(), uri.to_owned());
        Ok(Self {
            id,
            uri,
            window,
            bands,
            nodata,
            nodata_counts: false,
            alpha,
            kind,
            signed_bytes,
            scalings,
            white,
            validity_alone: false,
        })
    }

    /// The same with a scene's sources of validity, except its collar.
    pub(crate) fn with(self, validity: &Validity) -> Self {
        Self { nodata_counts: validity.nodata_by == Declared::Configuration, ..self }
    }

    /// The same without values, unless validity depends on them.
    pub(super) fn with_validity_alone(self) -> Self {
        Self { validity_alone: true, ..self }
    }

    /// File or URL.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// Bytes of a stored value of one band.
    pub(super) fn sample_bytes(&self) -> usize {
        self.kind.bytes()
    }

    /// The bands that are read, in order.
    pub(super) fn bands(&self) -> &[usize] {
        &self.bands
    }

    /// Stored values of all bands, band by band, and which pixels are valid.
    pub(crate) fn raw(&self, opened: &mut Opened, window: Window) -> Result<(Vec<f32>, Vec<bool>), String> {
        let valid = self.read(opened, window).map_err(|e| e.to_string())?.valid;
        let offset = self.offset_in(opened, &window).ok_or("outside the scene")?;
        let size = (window.width, window.height);
        let mut values = ffi::read_bands::<f32>(&opened.dataset, offset, size, &self.bands)?;
        if opened.bottom_up {
            turn(&mut values, size);
        }
        Ok((values, valid))
    }

    /// Column and row of a file at which a window begins; the last rows of the grid are its first if it is bottom-up.
    fn offset_in(&self, opened: &Opened, window: &Window) -> Option<(usize, usize)> {
        let (col, row) = self.window.offset_of(window)?;
        let below = self.window.height.checked_sub(row + window.height)?;
        Some((col, if opened.bottom_up { below } else { row }))
    }

    /// The largest value of the type of all bands, if they have one integer type.
    pub(crate) fn white(&self) -> Option<f32> {
        self.white
    }

    /// Whether values of its bands may be nodata.
    pub(crate) fn has_nodata(&self) -> bool {
        self.nodata.iter().any(Option::is_some)
    }

    /// The pixels of a window that lies inside the raster.
    pub(crate) fn read(&self, opened: &mut Opened, window: Window) -> Result<Chip, GdalError> {
        self.read_block(opened, window, None).map(Block::into_chip)
    }

    /// The same in the stored type: for bytes, GDAL copies whole rows. If `inside` is given, pixels are invalid where
    /// it is false.
    pub(super) fn read_block(
        &self,
        opened: &mut Opened,
        window: Window,
        inside: Option<Vec<bool>>,
    ) -> Result<Block, GdalError> {
        let error = |message: String| self.unreadable(window, message);
        let offset = self.offset_in(opened, &window).ok_or_else(|| error("outside the scene".into()))?;
        let size = (window.width, window.height);
        let bottom_up = opened.bottom_up;
        let turned = |mut pixels: Vec<bool>| {
            turn(&mut pixels, size);
            pixels
        };
        let inside = if bottom_up { inside.map(turned) } else { inside };
        let decided = self.mask(&opened.dataset, offset, size).map_err(error)?;
        let nodata = if decided.is_none() || self.nodata_counts { &self.nodata[..] } else { &[] };
        let of_all: Vec<usize> = self.bands.iter().copied().chain(self.alpha).collect();
        let covered = opened.coverage.covered(&opened.dataset, &of_all, offset, size).map_err(error)?;
        let mut valid = both(both(decided, covered), inside);
        let dataset = &opened.dataset;
        let decides = self.kind >= ReadType::Floats || nodata.iter().any(Option::is_some);
        if self.validity_alone && !decides {
            let valid = if bottom_up { valid.map(turned) } else { valid };
            return Ok(Block { window, bands: 0, values: Values::Bytes(Vec::new()), valid });
        }
        let values = match self.kind {
            ReadType::Bytes => {
                self.samples::<u8>(dataset, offset, size, nodata, &mut valid).map(Values::Bytes)
            }
            ReadType::Words => {
                self.samples::<u16>(dataset, offset, size, nodata, &mut valid).map(Values::Words)
            }
            ReadType::Floats => {
                self.samples::<f32>(dataset, offset, size, nodata, &mut valid).map(Values::Floats)
            }
            ReadType::Doubles => self
                .samples::<f64>(dataset, offset, size, nodata, &mut valid)
                .map(|values| Values::Floats(values.into_iter().map(Sample::narrow).collect())),
        };
        let mut values = values.map_err(error)?;
        let mut valid = valid.filter(|v| v.contains(&false));
        if bottom_up {
            values.turn(size);
            valid = valid.map(turned);
        }
        if self.validity_alone {
            return Ok(Block { window, bands: 0, values: Values::Bytes(Vec::new()), valid });
        }
        Ok(Block { window, bands: self.bands.len(), values, valid })
    }

    /// Values of all bands, 0 for invalid pixels.
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
            // GDAL before 3.7 has no signed bytes: it returns them as unsigned.
            if *signed && ffi::type_name(dataset, *band) == "Byte" {
                for value in values {
                    *value = value.signed_byte();
                }
            }
        }
        if T::MAY_BE_INVALID || nodata.iter().any(Option::is_some) {
            invalidate(valid.get_or_insert_with(|| vec![true; size.0 * size.1]), &values, nodata);
        }
        // Nodata is a stored value: the comparison comes before scaling.
        let bands = values.chunks_exact_mut((size.0 * size.1).max(1)).zip(&self.scalings);
        for (values, scaling) in bands {
            if let Some((scale, offset)) = *scaling {
                for value in values.iter_mut() {
                    *value = value.scaled(scale, offset);
                }
            }
        }
        if T::MAY_BE_INVALID && self.scalings.iter().any(Option::is_some) {
            // Values that become infinite by scaling are as invalid as stored ones.
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

    /// Validity by alpha and mask bands; `None` if there is no such band.
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
