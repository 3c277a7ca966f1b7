//! Small GeoTIFFs with known contents.

use std::path::{Path, PathBuf};

use arpent_gdal::{Mosaic, SceneSource, group_scenes, open_scene};
use arpent_raster::{SceneInfo, Window};
use gdal::raster::{Buffer, GdalType, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager};
use tempfile::TempDir;

/// A place to read layers for, where nothing depends on it.
pub(crate) const HERE: Window = Window::new(0, 0, 1, 1);

/// Lambert-93, 20 cm pixels, a corner that is a multiple of the pixel.
pub(crate) const GEOTRANSFORM: [f64; 6] = [650_000.0, 0.2, 0.0, 6_860_000.0, 0.0, -0.2];

pub(crate) struct Picture<T> {
    pub(crate) size: (usize, usize),
    pub(crate) bands: Vec<Vec<T>>,
    pub(crate) geotransform: Option<[f64; 6]>,
    pub(crate) epsg: Option<u32>,
    pub(crate) nodata: Option<f64>,
    pub(crate) options: Vec<&'static str>,
}

impl<T: GdalType + Copy> Picture<T> {
    pub(crate) fn new(size: (usize, usize), bands: Vec<Vec<T>>) -> Self {
        let options = vec!["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "PHOTOMETRIC=MINISBLACK"];
        Self { size, bands, geotransform: Some(GEOTRANSFORM), epsg: Some(2154), nodata: None, options }
    }

    /// Writes the file and hands it to `finish` before it is closed.
    pub(crate) fn write_with(self, path: &Path, finish: impl FnOnce(&mut Dataset)) -> PathBuf {
        let (w, h) = self.size;
        let options: RasterCreationOptions = self.options.iter().copied().collect();
        let mut ds = DriverManager::get_driver_by_name("GTiff")
            .unwrap()
            .create_with_band_type_with_options::<T, _>(path, w, h, self.bands.len(), &options)
            .unwrap();
        if let Some(gt) = self.geotransform {
            ds.set_geo_transform(&gt).unwrap();
        }
        if let Some(code) = self.epsg {
            ds.set_spatial_ref(&SpatialRef::from_epsg(code).unwrap()).unwrap();
        }
        for i in 1..=self.bands.len() {
            ds.rasterband(i).unwrap().set_no_data_value(self.nodata).unwrap();
        }
        finish(&mut ds);
        for (i, data) in self.bands.into_iter().enumerate() {
            let mut band = ds.rasterband(i + 1).unwrap();
            band.write((0, 0), (w, h), &mut Buffer::new((w, h), data)).unwrap();
        }
        ds.close().unwrap();
        path.to_owned()
    }

    pub(crate) fn write(self, path: &Path) -> PathBuf {
        self.write_with(path, |_| {})
    }
}

pub(crate) fn folder() -> TempDir {
    arpent_gdal::init(arpent_gdal::InitOptions::default()).unwrap();
    tempfile::tempdir().unwrap()
}

pub(crate) fn source(path: &Path) -> SceneSource {
    SceneSource::new(&path.to_string_lossy())
}

pub(crate) fn open(path: &Path) -> SceneInfo {
    open_scene(&source(path)).unwrap()
}

/// The one mosaic that the scenes make.
pub(crate) fn mosaic(scenes: Vec<SceneInfo>) -> Mosaic {
    let mut groups = group_scenes(scenes);
    assert_eq!(groups.len(), 1, "{:?}", groups.iter().map(|g| g.grid.key()).collect::<Vec<_>>());
    groups.remove(0)
}

/// A value that encodes the position of a pixel, never 0.
pub(crate) fn value(col: usize, row: usize, band: usize) -> u8 {
    u8::try_from((col * 7 + row * 13 + band * 101) % 251 + 1).unwrap()
}

pub(crate) fn picture(width: usize, height: usize, bands: usize) -> Picture<u8> {
    let band = |b: usize| (0..width * height).map(|i| value(i % width, i / width, b)).collect();
    Picture::new((width, height), (0..bands).map(band).collect())
}
