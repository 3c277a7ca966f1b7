//! GeoTIFF files, written without GDAL.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arpent_base::number::{exact, fitted};
use arpent_raster::Window;
use tiff::TiffResult;
use tiff::encoder::colortype::{ColorType, Gray8, Gray16, Gray32Float, RGB8, RGB16, RGB32Float, RGBA8};
use tiff::encoder::{TiffEncoder, TiffValue};
use tiff::tags::{PhotometricInterpretation, SampleFormat, Tag};

/// Sample values, interleaved by pixel.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// One 8-bit band.
    Gray8(Vec<u8>),
    /// Three 8-bit bands.
    Rgb8(Vec<u8>),
    /// Four 8-bit bands, the last of which is alpha.
    Rgba8(Vec<u8>),
    /// One 16-bit band.
    Gray16(Vec<u16>),
    /// Three 16-bit bands.
    Rgb16(Vec<u16>),
    /// One band of floats.
    Gray32(Vec<f32>),
    /// Three bands of floats.
    Rgb32(Vec<f32>),
    /// 64 signed 8-bit bands whose descriptions are `A00` to `A63`, as annual embeddings of satellite imagery.
    Embedding(Vec<i8>),
}

/// Bands of [`Samples::Embedding`].
pub(crate) const EMBEDDING_BANDS: usize = 64;

/// 64 signed bytes a pixel.
struct Signed64;

impl ColorType for Signed64 {
    type Inner = i8;
    const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::BlackIsZero;
    const BITS_PER_SAMPLE: &'static [u16] = &[8; EMBEDDING_BANDS];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::Int; EMBEDDING_BANDS];

    fn horizontal_predict(row: &[i8], result: &mut Vec<i8>) {
        let before = std::iter::repeat_n(&0, EMBEDDING_BANDS).chain(row);
        result.extend(row.iter().zip(before).map(|(value, before)| value.wrapping_sub(*before)));
    }
}

/// GDAL's metadata (in XML) with the descriptions of the bands.
fn names_of_bands() -> String {
    let item =
        |i: usize| format!("<Item name=\"DESCRIPTION\" sample=\"{i}\" role=\"description\">A{i:02}</Item>");
    format!("<GDALMetadata>{}</GDALMetadata>", (0..EMBEDDING_BANDS).map(item).collect::<String>())
}

/// The tag of [`names_of_bands`].
const GDAL_METADATA: Tag = Tag::Unknown(42112);

/// A GeoTIFF to write.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoTiff {
    /// EPSG code of the CRS; `None` writes no CRS.
    pub epsg: Option<u16>,
    /// Pixel size, CRS units.
    pub gsd: f64,
    /// Its window, in pixels from the CRS origin.
    pub window: Window,
    /// Nodata value.
    pub nodata: Option<f64>,
    /// The sample values.
    pub samples: Samples,
}

impl GeoTiff {
    /// Three 8-bit bands, passed band by band.
    pub fn rgb(epsg: u16, gsd: f64, window: Window, bands: &[u8]) -> Self {
        let samples = Samples::Rgb8(interleave(bands, 3));
        Self { epsg: Some(epsg), gsd, window, nodata: None, samples }
    }

    /// The same with a nodata value.
    #[must_use]
    pub fn with_nodata(mut self, nodata: f64) -> Self {
        self.nodata = Some(nodata);
        self
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the file cannot be written, or the number of samples does not match the window.
    pub fn write(&self, path: &Path) -> TiffResult<()> {
        match &self.samples {
            Samples::Gray8(data) => self.encode::<Gray8>(path, data),
            Samples::Rgb8(data) => self.encode::<RGB8>(path, data),
            Samples::Rgba8(data) => self.encode::<RGBA8>(path, data),
            Samples::Gray16(data) => self.encode::<Gray16>(path, data),
            Samples::Rgb16(data) => self.encode::<RGB16>(path, data),
            Samples::Gray32(data) => self.encode::<Gray32Float>(path, data),
            Samples::Rgb32(data) => self.encode::<RGB32Float>(path, data),
            Samples::Embedding(data) => self.encode::<Signed64>(path, data),
        }
    }

    fn encode<C: ColorType>(&self, path: &Path, data: &[C::Inner]) -> TiffResult<()>
    where
        [C::Inner]: TiffValue,
    {
        let mut file = TiffEncoder::new(BufWriter::new(File::create(path)?))?;
        let mut image = file.new_image::<C>(fitted(self.window.width), fitted(self.window.height))?;
        let tags = image.encoder();
        let corner = (exact(self.window.col) * self.gsd, -exact(self.window.row) * self.gsd);
        tags.write_tag(Tag::ModelPixelScaleTag, &[self.gsd, self.gsd, 0.0][..])?;
        tags.write_tag(Tag::ModelTiepointTag, &[0.0, 0.0, 0.0, corner.0, corner.1, 0.0][..])?;
        if let Some(epsg) = self.epsg {
            tags.write_tag(Tag::GeoKeyDirectoryTag, &geo_keys(epsg)[..])?;
        }
        if matches!(self.samples, Samples::Rgba8(_)) {
            // 2: alpha that is not multiplied into the colors.
            tags.write_tag(Tag::ExtraSamples, &[2u16][..])?;
        }
        if matches!(self.samples, Samples::Embedding(_)) {
            // 0: no data of a color.
            tags.write_tag(Tag::ExtraSamples, &[0u16; EMBEDDING_BANDS - 1][..])?;
            tags.write_tag(GDAL_METADATA, names_of_bands().as_str())?;
        }
        if let Some(nodata) = self.nodata {
            tags.write_tag(Tag::GdalNodata, nodata.to_string().as_str())?;
        }
        image.write_data(data)
    }
}

/// GeoTIFF 1.1 keys: GTModelType (1 projected, 2 geographic), GTRasterType 1 (pixel is area), the CRS code.
fn geo_keys(epsg: u16) -> [u16; 16] {
    let is_geographic = (4000..5000).contains(&epsg);
    let (model, key) = if is_geographic { (2, 2048) } else { (1, 3072) };
    [1, 1, 1, 3, 1024, 0, 1, model, 1025, 0, 1, 1, key, 0, 1, epsg]
}

fn interleave(bands: &[u8], count: usize) -> Vec<u8> {
    let pixels = bands.len() / count;
    (0..pixels).flat_map(|i| (0..count).map(move |b| bands[b * pixels + i])).collect()
}
