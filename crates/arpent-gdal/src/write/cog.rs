//! Writes rasters of classes, of confidences and of measured values as Cloud-Optimized GeoTIFF.

use std::path::{Path, PathBuf};

use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Grid, LABEL_NODATA, Nomenclature, Window};
use gdal::cpl::CslStringList;
use gdal::raster::{Buffer, ColorEntry, ColorTable, GdalType, RasterBand};
use gdal::{Dataset, DriverManager, Metadata};

use super::file::{close, text};
use crate::ffi::{self, failure};
use crate::scene::{check_complete, open_raster};
use crate::setup::quiet;
use crate::{GdalError, crs};

/// Side of the blocks of the temporary file and of the COG.
const BLOCK: usize = 512;

/// Meaning of the values of a raster.
#[derive(Debug, Clone, Copy)]
pub enum RasterKind<'a> {
    /// Class ids, with the nomenclature's colors and names; 255 is nodata.
    Labels(&'a Nomenclature),
    /// `round(score / 0.004)`: 0 to 250; 255 is nodata.
    Confidence,
}

/// A band of measured values; NaN is nodata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueBand {
    /// Its name.
    pub name: String,
    /// Unit of its values.
    pub unit: Option<String>,
}

/// Statistics of the values of a band, without nodata; GDAL and QGIS read them from the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandStatistics {
    /// Lowest value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Share of the pixels that have a value, percent.
    pub valid_percent: f64,
}

/// Options of the COG driver.
#[derive(Debug, Clone, Copy)]
struct CogOptions {
    overview_resampling: &'static str,
    /// Compression level of DEFLATE.
    level: &'static str,
    predictor: &'static str,
}

/// Writes a raster from whole rows, passed from north to south: of one band of bytes, or of bands of floats.
///
/// Rows go to a temporary tiled GeoTIFF, one row of blocks at a time, so that each block is compressed once and
/// memory stays at 512 rows of each band. [`StripWriter::finish_cog`] creates the COG; its bytes depend neither on the number of
/// rows passed at a time nor on threads.
#[derive(Debug)]
pub struct StripWriter<T = u8> {
    temporary: PathBuf,
    dataset: Dataset,
    window: Window,
    cog: CogOptions,
    /// Rows of each band not yet written, at most the height of a block.
    buffers: Vec<Vec<T>>,
    /// Rows written to the file.
    rows_done: usize,
}

impl StripWriter {
    /// Creates the temporary GeoTIFF at `temporary` for the pixels of `window`.
    ///
    /// # Errors
    /// [`GdalError::Create`] when the file cannot be created; [`GdalError::BadCrs`].
    pub fn create(
        temporary: &Path,
        window: Window,
        grid: &Grid,
        kind: RasterKind<'_>,
    ) -> Result<Self, GdalError> {
        let cog = match kind {
            RasterKind::Labels(_) => CogOptions { overview_resampling: "MODE", level: "6", predictor: "NO" },
            // Confidences are close to noise: a higher level makes the file 3 % smaller, in twice the time.
            RasterKind::Confidence => {
                CogOptions { overview_resampling: "AVERAGE", level: "1", predictor: "NO" }
            }
        };
        let writer = Self::of_bands(temporary, (window, grid), 1, cog)?;
        let described = writer.dataset.rasterband(1).and_then(|mut band| describe(&mut band, kind));
        described.map_err(|e| writer.not_created(&e))?;
        Ok(writer)
    }

    /// Adds further rows, the first of which is row `row` of the grid. Any number of rows at a time.
    ///
    /// # Errors
    /// [`GdalError::RowOrder`] when they do not follow the rows before or are not whole; [`GdalError::Write`].
    pub fn write_rows(&mut self, row: i64, rows: &[u8]) -> Result<(), GdalError> {
        self.write_bands(row, &[rows])
    }
}

impl StripWriter<f32> {
    /// Creates the temporary GeoTIFF at `temporary` for the pixels of `window`, with a band for each of `bands`.
    ///
    /// # Errors
    /// As [`StripWriter::create`].
    pub fn create_values(
        temporary: &Path,
        window: Window,
        grid: &Grid,
        bands: &[ValueBand],
    ) -> Result<Self, GdalError> {
        // Values are close to noise in their last bits: higher levels gain little.
        let cog = CogOptions { overview_resampling: "AVERAGE", level: "1", predictor: "FLOATING_POINT" };
        let writer = Self::of_bands(temporary, (window, grid), bands.len(), cog)?;
        let described = (1..).zip(bands).try_for_each(|(number, of)| {
            let mut band = writer.dataset.rasterband(number)?;
            band.set_no_data_value(Some(f64::NAN))?;
            band.set_description(&of.name)?;
            Ok(())
        });
        described.map_err(|e: gdal::errors::GdalError| writer.not_created(&e))?;
        for (number, unit) in (1..).zip(bands).filter_map(|(n, of)| Some((n, of.unit.as_ref()?))) {
            let set = ffi::set_unit(&writer.dataset, number, unit);
            set.map_err(|message| GdalError::Create { path: text(temporary), message })?;
        }
        Ok(writer)
    }

    /// Sets what the file states of its bands, before it is finished; bands without a value have none.
    ///
    /// # Errors
    /// [`GdalError::Write`].
    pub fn set_statistics(&mut self, of_bands: &[Option<BandStatistics>]) -> Result<(), GdalError> {
        let set = |number: usize, of: &BandStatistics| -> gdal::errors::Result<()> {
            let mut band = self.dataset.rasterband(number)?;
            for (key, value) in [
                ("STATISTICS_MINIMUM", of.min),
                ("STATISTICS_MAXIMUM", of.max),
                ("STATISTICS_MEAN", of.mean),
                ("STATISTICS_STDDEV", of.std),
                ("STATISTICS_VALID_PERCENT", of.valid_percent),
            ] {
                band.set_metadata_item(key, &value.to_string(), "")?;
            }
            Ok(())
        };
        let numbered = (1..).zip(of_bands);
        let set = numbered.filter_map(|(n, of)| Some((n, of.as_ref()?))).try_for_each(|(n, of)| set(n, of));
        set.map_err(|e| GdalError::Write { path: text(&self.temporary), message: failure(&e) })
    }
}

impl<T: GdalType + Copy> StripWriter<T> {
    fn of_bands(
        temporary: &Path,
        (window, grid): (Window, &Grid),
        bands: usize,
        cog: CogOptions,
    ) -> Result<Self, GdalError> {
        quiet();
        let error =
            |e: gdal::errors::GdalError| GdalError::Create { path: text(temporary), message: failure(&e) };
        let srs = crs::spatial_ref_of(&grid.crs)?;
        let block = BLOCK.to_string();
        let driver = DriverManager::get_driver_by_name("GTiff").map_err(error)?;
        // Read back once, by the same GDAL: Zstandard, if available, halves the time.
        let known = driver.metadata_item("DMD_CREATIONOPTIONLIST", "").unwrap_or_default();
        let compression = if known.contains("ZSTD") { "ZSTD" } else { "DEFLATE" };
        let options = options(&[
            ("TILED", "YES"),
            ("BLOCKXSIZE", &block),
            ("BLOCKYSIZE", &block),
            ("COMPRESS", compression),
            ("ZLEVEL", "1"),
            ("ZSTD_LEVEL", "1"),
            ("INTERLEAVE", "BAND"),
            ("BIGTIFF", "IF_SAFER"),
            ("SPARSE_OK", "TRUE"),
        ])
        .map_err(error)?;
        ffi::reset_error();
        let (width, height) = (window.width, window.height);
        let mut dataset = driver
            .create_with_band_type_with_options::<T, _>(temporary, width, height, bands, &options)
            .map_err(error)?;
        dataset.set_geo_transform(&grid.geotransform(&window)).map_err(error)?;
        dataset.set_spatial_ref(&srs).map_err(error)?;
        let (temporary, buffers) = (temporary.to_owned(), (0..bands).map(|_| Vec::new()).collect());
        Ok(Self { temporary, dataset, window, cog, buffers, rows_done: 0 })
    }

    fn not_created(&self, error: &gdal::errors::GdalError) -> GdalError {
        GdalError::Create { path: text(&self.temporary), message: failure(error) }
    }

    /// Rows that wait to be written.
    fn buffered(&self) -> usize {
        self.buffers.first().map_or(0, Vec::len) / self.window.width.max(1)
    }

    /// Adds further rows of every band, the first of which is row `row` of the grid. Any number of rows at a time.
    ///
    /// # Errors
    /// [`GdalError::RowOrder`] when they do not follow the rows before, are not whole, or not as many in each band;
    /// [`GdalError::Write`].
    pub fn write_bands(&mut self, row: i64, bands: &[&[T]]) -> Result<(), GdalError> {
        let width = self.window.width;
        let taken = self.rows_done + self.buffered();
        let expected = self.window.row.saturating_add_unsigned(taken as u64);
        let values = bands.first().map_or(0, |rows| rows.len());
        let same = bands.len() == self.buffers.len() && bands.iter().all(|rows| rows.len() == values);
        let whole = width > 0 && values.is_multiple_of(width) && same;
        if row != expected || !whole || taken + values / width > self.window.height {
            let path = text(&self.temporary);
            return Err(GdalError::RowOrder { path, expected, got: row, width, values });
        }
        let mut from = 0;
        while from < values {
            let room = (BLOCK - self.buffered()) * width;
            let to = values.min(from + room);
            for (buffer, rows) in self.buffers.iter_mut().zip(bands) {
                buffer.extend_from_slice(&rows[from..to]);
            }
            from = to;
            if self.buffered() == BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the buffered rows: a row of blocks, or the last rows of the raster.
    fn flush(&mut self) -> Result<(), GdalError> {
        let (width, rows) = (self.window.width, self.buffered());
        if rows == 0 {
            return Ok(());
        }
        let at = self.rows_done.cast_signed();
        for (number, values) in (1..).zip(&mut self.buffers) {
            let mut buffer = Buffer::new((width, rows), std::mem::take(values));
            ffi::reset_error();
            // Flushed immediately: a full disk is noticed here, and dirty blocks do not displace the readers' blocks in
            // the cache.
            let written = self
                .dataset
                .rasterband(number)
                .and_then(|mut band| band.write((0, at), (width, rows), &mut buffer))
                .map_err(|e| failure(&e))
                .and_then(|()| ffi::flush_band(&self.dataset, number));
            written.map_err(|message| GdalError::Write { path: text(&self.temporary), message })?;
            *values = buffer.into_shape_and_vec().1;
            values.clear();
        }
        self.rows_done += rows;
        Ok(())
    }

    /// Completes the temporary GeoTIFF, for rasters that only this job reads; its path.
    ///
    /// # Errors
    /// [`GdalError::RowOrder`] when rows are missing; [`GdalError::Write`] when the file cannot be completed.
    pub fn finish(mut self) -> Result<PathBuf, GdalError> {
        self.flush()?;
        if self.rows_done != self.window.height {
            let expected = self.window.row.saturating_add_unsigned(self.rows_done as u64);
            let (path, width) = (text(&self.temporary), self.window.width);
            return Err(GdalError::RowOrder { path, expected, got: self.window.row_end(), width, values: 0 });
        }
        let Self { temporary, dataset, .. } = self;
        close(dataset, &temporary)?;
        Ok(temporary)
    }

    /// Completes the raster, copies it to a COG (DEFLATE, blocks of 512, overviews by majority for labels and mean
    /// for confidence and values) at `out` with at most `threads` threads, and removes the temporary file.
    ///
    /// # Errors
    /// [`GdalError::RowOrder`] when rows are missing; [`GdalError::Write`] when a file cannot be completed; `out` is
    /// then removed.
    pub fn finish_cog(self, out: &Path, threads: usize) -> Result<(), GdalError> {
        let cog = self.cog;
        let temporary = self.finish()?;
        let copied = copy_to_cog(&temporary, out, cog, threads);
        let removed = std::fs::remove_file(&temporary);
        if let Err(e) = copied {
            // An incomplete COG must not be mistaken for a complete one.
            let _ = std::fs::remove_file(out);
            return Err(e);
        }
        removed.map_err(|source| GdalError::Io { doing: "remove", path: text(&temporary), source })
    }
}

fn copy_to_cog(from: &Path, out: &Path, cog: CogOptions, threads: usize) -> Result<(), GdalError> {
    let error = |e: gdal::errors::GdalError| GdalError::Write { path: text(out), message: failure(&e) };
    let source = open_raster(&text(from), &text(from))?;
    let (block, threads) = (BLOCK.to_string(), threads.max(1).to_string());
    let options = options(&[
        ("COMPRESS", "DEFLATE"),
        ("LEVEL", cog.level),
        ("PREDICTOR", cog.predictor),
        ("BLOCKSIZE", &block),
        ("OVERVIEWS", "IGNORE_EXISTING"),
        ("OVERVIEW_RESAMPLING", cog.overview_resampling),
        ("BIGTIFF", "IF_SAFER"),
        ("NUM_THREADS", &threads),
    ])
    .map_err(error)?;
    ffi::reset_error();
    let driver = DriverManager::get_driver_by_name("COG").map_err(error)?;
    let cog = source.create_copy(&driver, out, &options).map_err(error)?;
    close(cog, out)?;
    // GDAL before 3.7 does not report errors on closing: check that every block exists.
    let check = open_raster(&text(out), &text(out))?;
    check_complete(&text(out), out, &check)
}

fn describe(band: &mut RasterBand<'_>, kind: RasterKind<'_>) -> gdal::errors::Result<()> {
    match kind {
        RasterKind::Labels(nomenclature) => {
            band.set_no_data_value(Some(f64::from(LABEL_NODATA)))?;
            band.set_description("class id")?;
            let mut table = ColorTable::default();
            for class in nomenclature.classes() {
                let [r, g, b] = class.color.0.map(i16::from);
                table.set_color_entry(u16::from(class.id), &ColorEntry::rgba(r, g, b, 255));
                // TIFF does not support category names: they go to the band's metadata.
                band.set_metadata_item(&format!("CLASS_{}", class.id), &class.name, "")?;
            }
            table.set_color_entry(u16::from(LABEL_NODATA), &ColorEntry::rgba(0, 0, 0, 0));
            band.set_color_table(&table);
        }
        RasterKind::Confidence => {
            band.set_no_data_value(Some(f64::from(CONFIDENCE_NODATA)))?;
            band.set_description("confidence")?;
            band.set_scale(CONFIDENCE_SCALE)?;
            band.set_offset(0.0)?;
        }
    }
    Ok(())
}

fn options(pairs: &[(&str, &str)]) -> gdal::errors::Result<CslStringList> {
    let mut list = CslStringList::new();
    for (key, value) in pairs {
        list.set_name_value(key, value)?;
    }
    Ok(list)
}
