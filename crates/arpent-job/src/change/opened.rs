//! The maps of both dates before they are read: rasters, and layers that have to be burnt.

use std::path::Path;
use std::sync::Arc;

use arpent_base::{Result, redacted};
use arpent_gdal::describe_crs;
use arpent_publish::Warning;
use arpent_raster::{Grid, Window};
use arpent_shell::lines::count;

use super::burn::{CoverLayer, IndexedCover, Place};
use super::classes::{Classes, NamedMap};
use super::dated::DatedMap;
use super::error::ChangeJobError;
use super::images::grids_differ;
use crate::address::is_layer;
use crate::config::{ChangeConfig, DateInputs};

/// The map of a date.
enum OpenedMap {
    Raster(DatedMap),
    Layer(Box<CoverLayer>),
}

/// The maps of both dates.
pub(crate) struct OpenedMaps([OpenedMap; 2]);

/// Refuses columns of a raster.
pub(crate) fn without_columns(uri: &str, date: &DateInputs, later: bool) -> Result<(), ChangeJobError> {
    let key = match (date.column.is_some(), date.use_column.is_some(), later) {
        (true, _, false) => "before.column",
        (true, _, true) => "after.column",
        (false, true, false) => "before.use_column",
        (false, true, true) => "after.use_column",
        (false, false, _) => return Ok(()),
    };
    Err(ChangeJobError::ColumnOfRaster { key, map: redacted(uri) })
}

/// Refuses confidences of what is no label raster.
pub(crate) fn without_confidence(uri: &str, date: &DateInputs, later: bool) -> Result<(), ChangeJobError> {
    let key = if later { "after.confidence" } else { "before.confidence" };
    match &date.confidence {
        Some(_) => Err(ChangeJobError::ConfidenceOfOther { key, map: redacted(uri) }),
        None => Ok(()),
    }
}

/// Longest side of what is compared on a grid of its own, pixels: memory holds 512 rows of each of its rasters, then 4 GiB.
const MOST_SIDE: f64 = 8_388_608.0;
/// Most pixels of it: mainland France at half a meter, days of work for the process that merges.
const MOST_PIXELS: f64 = 4e12;

/// Refuses a size of pixels that makes more of them than can be compared in the area that all bounding boxes have.
fn check_pixels(pixel_size: f64, areas: impl Iterator<Item = [f64; 4]>) -> Result<(), ChangeJobError> {
    let common = |a: [f64; 4], b: [f64; 4]| [a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])];
    let Some([west, south, east, north]) = areas.reduce(common) else { return Ok(()) };
    let (width, height) = ((east - west).max(0.0), (north - south).max(0.0));
    let (columns, rows) = ((width / pixel_size).ceil(), (height / pixel_size).ceil());
    if columns <= MOST_SIDE && rows <= MOST_SIDE && columns * rows <= MOST_PIXELS {
        return Ok(());
    }
    let least = (width / MOST_SIDE).max(height / MOST_SIDE).max((width * height / MOST_PIXELS).sqrt());
    Err(ChangeJobError::GridTooFine {
        pixel_size,
        size: format!("{} x {}", in_words(columns), in_words(rows)),
        most: format!("{} on a side and {} in all", in_words(MOST_SIDE), in_words(MOST_PIXELS)),
        least: above(least),
    })
}

/// A whole number with separators; a very large one by its magnitude.
fn in_words(number: f64) -> String {
    if number < 1e15 { count(arpent_base::number::round::<u64>(number)) } else { format!("{number:.1e}") }
}

/// A number of two digits that is at least as large.
fn above(number: f64) -> String {
    let digits = 1 - arpent_base::number::floor::<i64>(number.log10());
    let scale = 10f64.powf(arpent_base::number::exact(digits));
    format!("{:.*}", usize::try_from(digits).unwrap_or(0), (number * scale).ceil() / scale)
}

impl OpenedMap {
    fn open(uri: &str, date: &DateInputs, later: bool) -> Result<Self> {
        if is_layer(uri) {
            without_confidence(uri, date, later)?;
            return Ok(Self::Layer(Box::new(CoverLayer::open(uri, date, later)?)));
        }
        without_columns(uri, date, later)?;
        let map = DatedMap::open(uri, date.confidence.as_deref())?;
        if !matches!(map, DatedMap::Raster { .. }) {
            without_confidence(uri, date, later)?;
        }
        Ok(Self::Raster(map))
    }

    fn raster(&self) -> Option<&DatedMap> {
        if let Self::Raster(map) = self { Some(map) } else { None }
    }

    fn layer(&self) -> Option<&CoverLayer> {
        if let Self::Layer(layer) = self { Some(layer) } else { None }
    }

    fn uri(&self) -> &str {
        match self {
            Self::Raster(map) => map.uri(),
            Self::Layer(layer) => &layer.uri,
        }
    }
}

impl OpenedMaps {
    /// Opens both maps; only headers are read.
    pub(crate) fn open(config: &ChangeConfig, before: &str, after: &str) -> Result<Self> {
        let maps =
            [OpenedMap::open(before, &config.before, false)?, OpenedMap::open(after, &config.after, true)?];
        if let [Some(before), Some(after)] = maps.each_ref().map(OpenedMap::raster)
            && before.grid().key() != after.grid().key()
        {
            return Err(grids_differ((before.uri(), before.grid()), (after.uri(), after.grid())).into());
        }
        if maps.iter().all(|map| map.layer().is_some_and(CoverLayer::is_differential)) {
            return Err(ChangeJobError::DifferentialAlone { layer: redacted(after) }.into());
        }
        Ok(Self(maps))
    }

    fn rasters(&self) -> impl Iterator<Item = &DatedMap> {
        self.0.iter().filter_map(OpenedMap::raster)
    }

    /// The grid of a raster, else the configured one; `None` for that of the images.
    pub(crate) fn grid(&self, config: &ChangeConfig) -> Result<Option<Grid>> {
        match (self.rasters().next(), &config.grid) {
            (Some(map), Some(_)) => Err(ChangeJobError::GridOfMap { map: redacted(map.uri()) }.into()),
            (Some(map), None) => Ok(Some(map.grid().clone())),
            (None, None) => Ok(None),
            (None, Some(options)) => {
                let of_layer = self.0.iter().find_map(OpenedMap::layer).map(|layer| layer.facts.crs.clone());
                let crs = match (&options.crs, of_layer) {
                    (None, Some(crs)) => crs,
                    (given, _) => describe_crs(given.as_deref().unwrap_or_default())?,
                };
                let (gsd_x, gsd_y) = (options.pixel_size, options.pixel_size);
                Ok(Some(Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x, gsd_y }))
            }
        }
    }

    /// The classes of the comparison.
    pub(crate) fn classes(&self, config: &ChangeConfig) -> Result<Classes, ChangeJobError> {
        let featured = self.0.each_ref().map(|map| map.raster().and_then(DatedMap::featured));
        let named = |at: usize| {
            let map = &self.0[at];
            let date = [&config.before, &config.after][at];
            NamedMap {
                name: map.uri(),
                raster: map.raster().map(DatedMap::raster),
                featured: featured[at].as_deref(),
                undecided: map.raster().and_then(DatedMap::undecided).map(|(value, _)| value),
                is_ocs_ge: map.layer().is_some() && date.column.is_none(),
            }
        };
        let compared = self.0[0].raster().and_then(DatedMap::compared_classes);
        Classes::of_maps(config, compared.as_ref(), [named(0), named(1)])
    }

    /// Reads the polygons of the layers and burns them on a grid, into files in a folder.
    pub(crate) fn burnt(
        self,
        config: &ChangeConfig,
        classes: &Classes,
        grid: &Grid,
        folder: &Path,
    ) -> Result<([DatedMap; 2], Vec<Warning>)> {
        let names = self.0.each_ref().map(|map| redacted(map.uri()));
        let apart = || {
            let [before, after] = names.clone();
            ChangeJobError::Apart { before, after }
        };
        let of_raster = self.rasters().next().map(DatedMap::window);
        let within = of_raster.map(|window| grid.bbox(&window));
        let dates = [&config.before, &config.after];
        let mut made: [Option<DatedMap>; 2] = [None, None];
        let mut layers: [Option<IndexedCover>; 2] = [None, None];
        for (at, map) in self.0.into_iter().enumerate() {
            match map {
                OpenedMap::Raster(map) => made[at] = Some(map),
                OpenedMap::Layer(layer) => {
                    let read = (dates[at], &classes.nomenclature);
                    layers[at] = Some(layer.index(&grid.crs, within, read, folder)?);
                }
            }
        }
        if let Some(options) = &config.grid {
            let areas = layers.iter().flatten().filter(|layer| !layer.is_differential());
            check_pixels(options.pixel_size, areas.filter_map(IndexedCover::bbox))?;
        }
        // A differential lies on the map of the other date, wherever its own polygons are.
        let mut window = of_raster;
        for layer in layers.iter().flatten().filter(|layer| !layer.is_differential()) {
            let own: Window = layer.window(grid).ok_or_else(apart)?;
            window = Some(window.map_or(Some(own), |window| window.intersect(&own)).ok_or_else(apart)?);
        }
        let place = Place::new(grid, window.ok_or_else(apart)?);
        let mut warnings = Vec::new();
        let is_last =
            |layer: &Option<IndexedCover>| layer.as_ref().is_some_and(IndexedCover::is_differential);
        let order = if is_last(&layers[0]) { [1, 0] } else { [0, 1] };
        for at in order {
            let Some(layer) = layers[at].take() else { continue };
            let other = made[1 - at].as_ref().map(|map| (map, &classes.values[1 - at]));
            let (burnt, doubts) = layer.burn(&place, &classes.nomenclature, other, folder)?;
            warnings.extend(doubts);
            made[at] = Some(DatedMap::Layer(Box::new(burnt)));
        }
        let [before, after] = made;
        let (before, after) = before.zip(after).ok_or_else(apart)?;
        Ok(([before, after], warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_are_too_many_are_refused_with_the_smallest_size() {
        let town = [650_000.0, 6_860_000.0, 660_000.0, 6_865_000.0];
        let beside = [655_000.0, 6_850_000.0, 680_000.0, 6_862_000.0];
        let check = |size: f64, areas: &[[f64; 4]]| check_pixels(size, areas.iter().copied());
        for fine in [0.1, 0.0036] {
            check(fine, &[town]).unwrap();
        }
        let Err(ChangeJobError::GridTooFine { size, least, .. }) = check(1e-4, &[town]) else {
            panic!("refused")
        };
        assert_eq!((&*size, &*least), ("100,000,000 x 50,000,000", "0.0036"));
        check(least.parse().unwrap(), &[town]).unwrap();
        // What both have is 5 by 2 km.
        check(1.6e-3, &[town, beside]).unwrap();
        check(1e-300, &[town]).unwrap_err();
        check(1e-9, &[]).unwrap();
        check(1e-9, &[town, [0.0, 0.0, 1.0, 1.0]]).unwrap();
        assert_eq!([0.0101, 3.0, 123.0].map(above), ["0.011", "3.0", "130"]);
    }
}
