//! The images of both dates on one grid.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Failure, Result, listed_of, redacted};
use arpent_gdal::{
    Fingerprint, Mosaic, MosaicReader, SceneSource, mosaic_in_order, open_scene, resampled, resolve_scenes,
};
use arpent_publish::{Acquired, Input, Warning};
use arpent_raster::{Chip, Grid, Resampling, SceneInfo, Window};
use arpent_viewer::Date;

use super::error::ChangeJobError;
use crate::config::{ChangeConfig, ChangeInput, DateInputs, InputOptions};
use crate::job::{declare, validity_warnings};
use crate::present::{Imagery, Scenes, bands_of};
use crate::shards::ShardError;

/// The images of both dates, with the bands that are compared.
pub(crate) struct Images {
    pub(crate) dates: [DateImages; 2],
    /// Names of the bands, in the order of the chips.
    pub(crate) bands: Vec<String>,
    readers: [MosaicReader; 2],
}

/// Scenes of a date that are looked at, spread evenly over the list.
const LOOKED_AT: usize = 32;
/// The band that is read as data where it does not matter which.
const FIRST_BAND: &[usize] = &[1];

/// How files are identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prints {
    /// By a hash of their bytes: all are read.
    Hashes,
    /// By size and time.
    Stamps,
}

/// What identifies a file.
pub(crate) fn identity(print: &Fingerprint) -> serde_json::Value {
    serde_json::json!([print.size, print.content(), print.etag, print.modified])
}

/// The images of one date.
pub(crate) struct DateImages {
    pub(crate) mosaic: Mosaic,
    fingerprints: Vec<Fingerprint>,
}

impl DateImages {
    fn open(
        inputs: &DateInputs,
        read: &ChangeInput,
        prints: Prints,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self> {
        let sources = resolve_scenes(&inputs.scenes)?;
        let mut scenes = sources.iter().map(open_scene).collect::<Result<Vec<SceneInfo>, _>>()?;
        let options =
            InputOptions { alpha: read.alpha, nodata: read.nodata.clone(), ..InputOptions::default() };
        let most = scenes.len().div_ceil(LOOKED_AT).max(1);
        for (index, scene) in scenes.iter_mut().enumerate() {
            // No collar is left out, so there is no file for its mask.
            declare(scene, &[], &options, Path::new(""))?;
            if index % most == 0 {
                let found = arpent_gdal::look(scene, FIRST_BAND, false)?;
                warnings.extend(validity_warnings(scene, FIRST_BAND, &found, &options));
            }
        }
        arpent_gdal::unite_grids(&mut scenes);
        scenes.sort_by(|a, b| (&a.id, &a.uri).cmp(&(&b.id, &b.uri)));
        if let Some(other) = scenes.iter().find(|scene| scene.grid.key() != scenes[0].grid.key()) {
            return Err(grids_differ((&scenes[0].uri, &scenes[0].grid), (&other.uri, &other.grid)).into());
        }
        let fingerprints = scenes
            .iter()
            .map(|scene| match prints {
                Prints::Hashes => arpent_gdal::fingerprint(&SceneSource::new(&scene.uri)),
                Prints::Stamps => arpent_gdal::stamp(&SceneSource::new(&scene.uri)),
            })
            .collect::<Result<_, _>>()?;
        let mosaic = mosaic_in_order(scenes).context("no image")?;
        Ok(Self { mosaic, fingerprints })
    }

    /// Moved by so many pixels to the east and the south. All scenes stay on one grid.
    fn moved(mut self, [dx, dy]: [f64; 2]) -> Result<Self> {
        let first = self.mosaic.scenes.first().context("no image")?.clone();
        let (grid, window) = (&first.grid, first.window);
        let (x, y) = grid.ground(exact(window.col) + dx, exact(window.row) + dy);
        let corner = [x, grid.gsd_x, 0.0, y, 0.0, -grid.gsd_y];
        let placed = Grid::place(Arc::clone(&grid.crs), corner, window.width, window.height)
            .map_err(Failure::foreign)?;
        let [cols, rows] = [placed.window.col - window.col, placed.window.row - window.row];
        let moved = |scene: SceneInfo| SceneInfo {
            grid: placed.grid.clone(),
            window: Window { col: scene.window.col + cols, row: scene.window.row + rows, ..scene.window },
            ..scene
        };
        let scenes = self.mosaic.scenes.into_iter().map(moved).collect();
        self.mosaic = mosaic_in_order(scenes).context("no image")?;
        Ok(self)
    }

    /// On another grid of the same CRS.
    fn on(self, grid: &Grid) -> Result<Self> {
        if self.mosaic.grid.key() == grid.key() {
            return Ok(self);
        }
        let first = self.mosaic.scenes.first().context("no image")?;
        if first.grid.crs.name != grid.crs.name {
            return Err(grids_differ((&first.uri, &first.grid), ("the comparison", grid)).into());
        }
        let scenes = self.mosaic.scenes.iter().map(|scene| resampled(scene, grid, Resampling::Bilinear));
        let mosaic = mosaic_in_order(scenes.collect()).context("no image")?;
        Ok(Self { mosaic, ..self })
    }

    /// Its date, RFC 3339, if it is known.
    pub(crate) fn acquired(&self) -> Option<String> {
        Acquired::of(self.mosaic.scenes.iter().filter_map(|scene| scene.acquired.as_deref())).text()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.mosaic.scenes.iter().map(|scene| scene.id.as_str())
    }

    /// What identifies its content, by what it was opened with.
    pub(crate) fn content(&self) -> serde_json::Value {
        self.fingerprints.iter().map(identity).collect()
    }

    /// What identifies its content without reading it: size and time or `ETag` of its files.
    pub(crate) fn stamps(&self) -> Result<serde_json::Value> {
        let stamp = |scene: &SceneInfo| Ok(identity(&arpent_gdal::stamp(&SceneSource::new(&scene.uri))?));
        self.mosaic.scenes.iter().map(stamp).collect()
    }

    /// The records of its scenes in the manifest.
    pub(crate) fn inputs(&self, date: &str) -> Vec<Input> {
        let input = |(scene, print): (&SceneInfo, &Fingerprint)| Input {
            id: scene.id.clone(),
            uri: redacted(&scene.uri),
            size: print.size,
            sha256: print.content(),
            etag: print.etag.clone(),
            acquired: scene.acquired.clone(),
            date: Some(date.to_owned()),
            ..Input::default()
        };
        self.mosaic.scenes.iter().zip(&self.fingerprints).map(input).collect()
    }

    /// Numbers of the bands of each scene.
    fn select(&self, names: &[String], config: &ChangeConfig) -> Option<Vec<Vec<usize>>> {
        let of_scene = |scene: &SceneInfo| names.iter().map(|name| band(scene, name, config)).collect();
        self.mosaic.scenes.iter().map(of_scene).collect()
    }

    /// Its images, with the bands of their pictures out of those that are compared.
    fn imagery(&self, date: Date, names: &[String], config: &ChangeConfig) -> Imagery<'_> {
        // The bands were found when the images were opened.
        let chosen = self.select(names, config).unwrap_or_default();
        let scenes = self.mosaic.scenes.iter().zip(&chosen).map(|(scene, bands)| (scene, &**bands));
        Imagery { date: Some(date), mosaic: &self.mosaic, bands: bands_of(scenes, names) }
    }

    /// Names of the bands of its first scene.
    fn names(&self) -> Vec<String> {
        let Some(scene) = self.mosaic.scenes.first() else { return Vec::new() };
        let bands = scene.bands.iter().filter(|band| !band.is_alpha);
        bands.map(|band| scene.name_of_band(band.index, |_| true)).collect()
    }
}

/// The number of a band: as configured, else by its name.
fn band(scene: &SceneInfo, name: &str, config: &ChangeConfig) -> Option<usize> {
    let number = config.images.bands.get(name).map(|number| number.get());
    number.or_else(|| scene.band_named(name))
}

/// Refuses the number of a band that a file does not have: another band would be compared, or none.
fn check_numbers(
    config: &ChangeConfig,
    wanted: &[String],
    dates: &[DateImages; 2],
) -> Result<(), ChangeJobError> {
    for name in wanted {
        let Some(number) = config.images.bands.get(name).map(|number| number.get()) else { continue };
        let has = |scene: &&SceneInfo| scene.bands.iter().any(|band| band.index == number);
        let scenes = || dates.iter().flat_map(|date| &date.mosaic.scenes);
        if let Some(scene) = scenes().find(|scene| !has(scene)) {
            return Err(ChangeJobError::NoSuchBand {
                name: name.clone(),
                number,
                image: redacted(&scene.uri),
                bands: scene.bands.len(),
                files: scenes().filter(|scene| !has(scene)).count(),
            });
        }
    }
    Ok(())
}

impl Images {
    /// Opens the images of both dates; `None` if a date has none. They are brought to `grid`, or, without one, to that
    /// of the earlier date. The later images lie `shifted` pixels to the east and the south of where they should.
    pub(crate) fn open(
        config: &ChangeConfig,
        grid: Option<&Grid>,
        prints: Prints,
        shifted: Option<[f64; 2]>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Self>> {
        if config.before.scenes.is_empty() || config.after.scenes.is_empty() {
            return Ok(None);
        }
        let before = DateImages::open(&config.before, &config.input, prints, warnings)?;
        let grid = grid.unwrap_or(&before.mosaic.grid).clone();
        let mut after = DateImages::open(&config.after, &config.input, prints, warnings)?;
        if let Some(shifted) = shifted {
            // Pixels of the comparison, which those of the later images may differ from.
            let own = &after.mosaic.grid;
            let [x, y] = [grid.gsd_x / own.gsd_x, grid.gsd_y / own.gsd_y];
            after = after.moved([-shifted[0] * x, -shifted[1] * y])?;
        }
        let dates = [before.on(&grid)?, after.on(&grid)?];
        let bands = common_bands(config, &dates)?;
        let reader = |date: &DateImages| -> Result<MosaicReader> {
            let selection = date.select(&bands, config).context("a band is gone")?;
            Ok(MosaicReader::new(&date.mosaic, &selection)?)
        };
        let readers = [reader(&dates[0])?, reader(&dates[1])?];
        Ok(Some(Self { dates, bands, readers }))
    }

    /// Names of the first image of both dates.
    pub(crate) fn names(&self) -> [String; 2] {
        self.dates.each_ref().map(|date| date.mosaic.scenes[0].uri.clone())
    }

    pub(crate) fn grid(&self) -> &Grid {
        &self.dates[0].mosaic.grid
    }

    /// The images of both dates for their pictures; drawing them ends when `interrupt` is set.
    pub(crate) fn scenes<'a>(&'a self, config: &ChangeConfig, interrupt: &'a AtomicBool) -> Scenes<'a> {
        let dates = self.dates.iter().zip([Date::Before, Date::After]);
        Scenes {
            dates: dates.map(|(images, date)| images.imagery(date, &self.bands, config)).collect(),
            threads: rayon::current_num_threads(),
            shared: None,
            interrupt,
            interrupted: || ShardError::Interrupted.into(),
        }
    }

    /// The pixels that both dates may have.
    pub(crate) fn window(&self) -> Option<Window> {
        self.dates[0].mosaic.window.intersect(&self.dates[1].mosaic.window)
    }

    /// The values of a window at both dates.
    pub(crate) fn read(&mut self, window: Window) -> Result<[Chip; 2]> {
        let [before, after] = &mut self.readers;
        Ok([before.read(window)?, after.read(window)?])
    }
}

/// The bands that are configured, else all that both dates have.
fn common_bands(config: &ChangeConfig, dates: &[DateImages; 2]) -> Result<Vec<String>> {
    let all = [0, 1].map(|i: usize| dates[i].names());
    let wanted: Vec<String> = if config.images.compare.is_empty() {
        let named = config.images.bands.keys().cloned();
        let shared = all[0].iter().filter(|name| all[1].contains(name)).cloned();
        if config.images.bands.is_empty() { shared.collect() } else { named.collect() }
    } else {
        config.images.compare.clone()
    };
    check_numbers(config, &wanted, dates)?;
    let has = |name: &String| {
        dates.iter().all(|date| date.mosaic.scenes.iter().all(|s| band(s, name, config).is_some()))
    };
    let found = wanted.iter().filter(|name| has(name)).count();
    if found == 0 || found < wanted.len() && !config.images.compare.is_empty() {
        let [before, after] = all.map(|names| listed_of(&names, "bands"));
        return Err(ChangeJobError::NoCommonBand { before, after }.into());
    }
    Ok(wanted.into_iter().filter(has).collect())
}

/// The error of pixels that do not coincide.
pub(crate) fn grids_differ(before: (&str, &Grid), after: (&str, &Grid)) -> ChangeJobError {
    let words = |grid: &Grid| {
        let (x, y) = (grid.gsd_x, grid.gsd_y);
        format!(
            "{} with pixels of {x} x {y}, phase {:.3}, {:.3}",
            grid.crs.name, grid.origin_x, grid.origin_y
        )
    };
    ChangeJobError::GridsDiffer {
        before: redacted(before.0),
        after: redacted(after.0),
        before_grid: words(before.1),
        after_grid: words(after.1),
    }
}
