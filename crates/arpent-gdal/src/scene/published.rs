//! Reads label and confidence rasters of a published map.

use std::collections::BTreeMap;

use arpent_raster::{Color, Grid, Raster, Window};
use gdal::raster::ResampleAlg;
use gdal::{Dataset, Metadata};

use super::open::{check_complete, open_raster};
use super::placement;
use crate::uri::{gdal_path, is_local, stem};
use crate::{GdalError, ffi};

/// A raster that [`StripWriter`](crate::StripWriter) wrote: one band of bytes, class ids or confidences.
#[derive(Debug)]
pub struct PublishedRaster {
    uri: String,
    dataset: Dataset,
    grid: Grid,
    window: Window,
    classes: BTreeMap<u8, String>,
    colors: BTreeMap<u8, Color>,
    nodata: Option<u8>,
    scale: Option<f64>,
}

impl PublishedRaster {
    /// Opens a file or URL. Only its header is read.
    ///
    /// # Errors
    /// Those of [`open_scene`](crate::open_scene) for a file that cannot be read or is not georeferenced,
    /// [`GdalError::BandCount`] and [`GdalError::UnsupportedType`] unless it has one band of bytes.
    pub fn open(uri: &str) -> Result<Self, GdalError> {
        let path = gdal_path(uri);
        let dataset = open_raster(uri, &path)?;
        let placement = placement::place(uri, &dataset)?;
        let bands = dataset.raster_count();
        if bands != 1 {
            return Err(GdalError::BandCount { path: uri.to_owned(), expected: 1, bands });
        }
        let type_name = ffi::type_name(&dataset, 1);
        if type_name != "Byte" && type_name != "UInt8" {
            return Err(GdalError::UnsupportedType { path: uri.to_owned(), band: 1, type_name });
        }
        if is_local(&path) {
            check_complete(uri, std::path::Path::new(&path), &dataset)?;
        }
        let classes = classes(&dataset);
        let (colors, nodata, scale) = (colors(&dataset), nodata(&dataset), scale(&dataset));
        let (grid, window) = (placement.grid, placement.window);
        Ok(Self { uri: uri.to_owned(), dataset, grid, window, classes, colors, nodata, scale })
    }

    /// Its grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The pixels it fills.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Names of the classes of a label raster, by id; empty for confidences.
    pub fn classes(&self) -> &BTreeMap<u8, String> {
        &self.classes
    }

    /// Colors of its color table, by value.
    pub fn colors(&self) -> &BTreeMap<u8, Color> {
        &self.colors
    }

    /// The value that stands for pixels without data, if it is declared.
    pub fn nodata(&self) -> Option<u8> {
        self.nodata
    }

    /// The scale of its values, if it is declared without an offset.
    pub fn scale(&self) -> Option<f64> {
        self.scale
    }

    /// The pixels of a window that lies inside the raster.
    ///
    /// # Errors
    /// [`GdalError::ReadWindow`] when they cannot be read, or lie outside.
    pub fn read(&self, window: Window) -> Result<Raster<u8>, GdalError> {
        let unreadable = |message: String| GdalError::ReadWindow {
            scene_id: stem(&self.uri).to_owned(),
            path: self.uri.clone(),
            bands: vec![1],
            window: Box::new(window),
            message,
        };
        let offset = self.window.offset_of(&window).filter(|_| self.window.contains(&window));
        let offset = offset.ok_or_else(|| unreadable("outside of the raster".into()))?;
        let values = ffi::read_bands::<u8>(&self.dataset, offset, (window.width, window.height), &[1]);
        Raster::new(window, values.map_err(unreadable)?).map_err(|e| unreadable(e.to_string()))
    }

    /// The whole raster with at most `longest` pixels a side, of its overviews where it has them: columns, rows and the
    /// values, row by row. A raster of so many pixels or fewer is read as it is.
    ///
    /// # Errors
    /// [`GdalError::ReadWindow`] when it cannot be read.
    pub fn overview(&self, longest: usize) -> Result<(usize, usize, Vec<u8>), GdalError> {
        let unreadable = |message: String| GdalError::ReadWindow {
            scene_id: stem(&self.uri).to_owned(),
            path: self.uri.clone(),
            bands: vec![1],
            window: Box::new(self.window),
            message,
        };
        let (width, height) = (self.window.width, self.window.height);
        let every = width.max(height).div_ceil(longest.max(1)).max(1);
        let size = (width.div_ceil(every), height.div_ceil(every));
        let band = self.dataset.rasterband(1).map_err(|error| unreadable(ffi::failure(&error)))?;
        let read = band.read_as::<u8>((0, 0), (width, height), size, Some(ResampleAlg::NearestNeighbour));
        let values = read.map_err(|error| unreadable(ffi::failure(&error)))?;
        Ok((size.0, size.1, values.data().to_vec()))
    }
}

fn colors(dataset: &Dataset) -> BTreeMap<u8, Color> {
    let Ok(band) = dataset.rasterband(1) else { return BTreeMap::new() };
    let Some(table) = band.color_table() else { return BTreeMap::new() };
    let color = |value: u8| {
        let entry = table.entry_as_rgb(usize::from(value))?;
        let part = |part: i16| u8::try_from(part).ok();
        Some((value, Color([part(entry.r)?, part(entry.g)?, part(entry.b)?])))
    };
    (0..=u8::MAX).filter_map(color).collect()
}

fn nodata(dataset: &Dataset) -> Option<u8> {
    let declared = dataset.rasterband(1).ok()?.no_data_value()?;
    let value = arpent_base::number::round::<u8>(declared);
    (f64::from(value).to_bits() == declared.to_bits()).then_some(value)
}

fn scale(dataset: &Dataset) -> Option<f64> {
    let band = dataset.rasterband(1).ok()?;
    let offset = band.offset().unwrap_or_default();
    band.scale().filter(|_| offset.abs() <= 0.0)
}

/// The items `CLASS_<id>=<name>` of a label raster's band.
fn classes(dataset: &Dataset) -> BTreeMap<u8, String> {
    let items = dataset.rasterband(1).ok().and_then(|band| band.metadata_domain("")).unwrap_or_default();
    let named = items.iter().filter_map(|item| {
        let (key, name) = item.split_once('=')?;
        Some((key.strip_prefix("CLASS_")?.parse().ok()?, name.to_owned()))
    });
    named.collect()
}
