//! What is compared: maps or images, on one grid, with their dates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::{Result, redacted};
use arpent_gdal::{Aoi, Fingerprint, PublishedRaster};
use arpent_publish::{MANIFEST_NAME, Target, Warning};
use arpent_raster::{CONFIDENCE_NODATA, Grid, LABEL_NODATA, Raster, Window};

use super::classes::{Classes, Values};
use super::dated::DatedMap;
use super::error::ChangeJobError;
use super::hidden::Hidden;
pub(crate) use super::images::Prints;
use super::images::{Images, identity};
use super::opened::{OpenedMaps, without_columns, without_confidence};
use super::shift;
use crate::address::{has_a_layer, is_layer};
use crate::config::{ChangeConfig, DateInputs, RegistrationMode, normalized_date};
use crate::shards::Correction;

/// Names of the dates in the manifest.
pub(crate) const NAMES: [&str; 2] = ["before", "after"];

/// The inputs of a comparison, checked.
pub(crate) struct Inputs {
    /// The maps; `None` for images alone.
    pub(crate) maps: Option<[DatedMap; 2]>,
    pub(crate) images: Option<Images>,
    pub(crate) classes: Classes,
    pub(crate) grid: Grid,
    /// What both dates have.
    pub(crate) extent: Window,
    /// RFC 3339.
    pub(crate) dates: [String; 2],
    /// Areas that were not observed.
    pub(crate) not_observed: [Option<(Hidden, Fingerprint)>; 2],
    /// Ground that is known not to have changed.
    pub(crate) stable: Option<Aoi>,
    /// Pixels by which the later map, and what was not observed then, lies to the east and the south of where it should: a
    /// shift that is corrected.
    moved: [i64; 2],
    /// The shift that images and map are corrected by.
    pub(crate) correction: Option<Correction>,
    pub(crate) warnings: Vec<Warning>,
}

/// What the maps of both dates say in a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapPixels {
    /// Classes of the comparison; 255 where a date was not observed.
    pub(crate) classes: [Raster<u8>; 2],
    /// Confidences in steps of `CONFIDENCE_SCALE`, 255 for none; `None` for a map without any.
    pub(crate) confidences: [Option<Raster<u8>>; 2],
}

impl MapPixels {
    /// Of another window, not observed, with confidences where these maps have any.
    pub(crate) fn blank(&self, window: Window) -> Self {
        let none = |of: &Option<Raster<u8>>| of.as_ref().map(|_| Raster::filled(window, CONFIDENCE_NODATA));
        Self {
            classes: [(); 2].map(|()| Raster::filled(window, LABEL_NODATA)),
            confidences: self.confidences.each_ref().map(none),
        }
    }

    /// Takes over the pixels of a part.
    pub(crate) fn paste(&mut self, part: &Self) {
        let confidences = self.confidences.iter_mut().zip(&part.confidences);
        let confidences = confidences.filter_map(|(all, part)| all.as_mut().zip(part.as_ref()));
        self.classes.iter_mut().zip(&part.classes).chain(confidences).for_each(|(all, part)| all.paste(part));
    }

    /// All its rasters, in the order of the dates: classes, then confidences.
    pub(crate) fn planes(&self) -> impl Iterator<Item = &Raster<u8>> {
        self.classes.iter().chain(self.confidences.iter().flatten())
    }
}

/// A shift that is corrected.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shifted {
    /// It is measured, if the configuration asks for it and both dates have images.
    Asked,
    /// It was measured before, for a plan.
    Known(Option<Correction>),
}

impl Inputs {
    /// Opens and checks the inputs of a configuration, which is returned with what they turned out to be. Errors name the
    /// place in its file. Only headers of rasters are read; vector layers are burnt into files in the folder `scratch`.
    pub(crate) fn located(
        config: &ChangeConfig,
        prints: Prints,
        shifted: Shifted,
        scratch: &Path,
    ) -> Result<(ChangeConfig, Self)> {
        let mut given = config.clone();
        let inputs = Self::open(&mut given, prints, shifted, scratch);
        Ok((given, inputs.map_err(|error| config.located(error))?))
    }

    fn open(config: &mut ChangeConfig, prints: Prints, shifted: Shifted, scratch: &Path) -> Result<Self> {
        take_maps(config, config.classes.is_some())?;
        for (name, date) in [("earlier", &config.before), ("later", &config.after)] {
            if date.map.is_none() && date.scenes.is_empty() {
                return Err(ChangeJobError::NoInput { date: name }.into());
            }
        }
        let opened = match (&config.before.map, &config.after.map) {
            (Some(before), Some(after)) => Some(OpenedMaps::open(config, before, after)?),
            (None, None) => None,
            (Some(_), None) => {
                return Err(ChangeJobError::MapAndImages { map: "earlier", images: "later" }.into());
            }
            (None, Some(_)) => {
                return Err(ChangeJobError::MapAndImages { map: "later", images: "earlier" }.into());
            }
        };
        let grid = opened.as_ref().map(|maps| maps.grid(config)).transpose()?.flatten();
        let mut warnings = Vec::new();
        let is_asked =
            matches!(shifted, Shifted::Asked) && config.registration.mode == RegistrationMode::Shift;
        let known = if let Shifted::Known(correction) = shifted { correction } else { None };
        let by = known.map(|correction| correction.shift_px);
        // To measure a shift, images are opened as they are; they are opened again to be moved by it.
        let as_they_are = if is_asked { Prints::Stamps } else { prints };
        let mut images = Images::open(config, grid.as_ref(), as_they_are, by, &mut warnings)?;
        config.publish.check_drivers()?;
        if config.publish.imagery && images.is_none() {
            return Err(ChangeJobError::ImageryOfMaps.into());
        }
        let (maps, classes) = if let Some(opened) = opened {
            let grid = grid.as_ref().or_else(|| images.as_ref().map(Images::grid));
            let grid = grid.ok_or(ChangeJobError::NoGrid)?;
            let classes = opened.classes(config)?;
            let (maps, of_layers) = opened.burnt(config, &classes, grid, scratch)?;
            warnings.extend(of_layers);
            (Some(maps), classes)
        } else {
            refuse_keys_of_maps(config)?;
            (None, Classes::of_images())
        };
        warnings.extend(undecided(maps.as_ref(), &classes));
        check_confidence(config, maps.as_ref())?;
        let dates = dates_of(config, maps.as_ref(), images.as_ref())?;
        let mut correction = known;
        if let Some(images) = images.as_mut().filter(|_| is_asked) {
            let extent = Compared::of(maps.as_ref(), Some(images), None)?.extent;
            let extent = common_of(images, extent)?;
            let found = shift::correction(images, extent, config.registration.cell.get())?;
            // The doubts about them are known.
            let moved = Images::open(config, grid.as_ref(), prints, Some(found.shift_px), &mut Vec::new())?;
            *images = moved.expect("both dates have images");
            correction = Some(found);
        }
        let Compared { grid, names: [first, second], windows: [before, after], extent, moved } =
            Compared::of(maps.as_ref(), images.as_ref(), correction)?;
        let not_observed = [&config.before, &config.after].map(|date| Hidden::open(date, &grid, &extent));
        let [mask_before, mask_after] = not_observed;
        let not_observed = [mask_before?, mask_after?];
        let doubts = not_observed.iter().flatten().filter_map(|(hidden, _)| hidden.warning());
        warnings.extend(doubts.cloned());
        let stable = config.stable.as_ref().map(|layer| arpent_gdal::read_aoi(layer, &grid, &extent));
        let stable = stable.transpose()?;
        warnings.extend(partial(&first, before, extent));
        warnings.extend(partial(&second, after, extent));
        warnings.extend(mixed_orthos(config));
        Ok(Self {
            maps,
            images,
            classes,
            grid,
            extent,
            dates,
            not_observed,
            stable,
            moved,
            correction,
            warnings,
        })
    }

    /// What both maps say in a window, without what was not observed; `None` where images alone are compared.
    ///
    /// # Errors
    /// Maps that cannot be read.
    pub(crate) fn maps_in(&self, window: Window) -> Result<Option<MapPixels>> {
        let Some([before, after]) = &self.maps else { return Ok(None) };
        let later = self.in_later(window);
        // The later map's own pixels, where they belong.
        let placed = |raster: Raster<u8>| Raster::from_array(window, raster.into_array());
        let mut classes = [
            before.read(window, &self.classes.values[0])?,
            placed(after.read(later, &self.classes.values[1])?)?,
        ];
        self.hide(&mut classes)?;
        let confidences =
            [before.read_confidence(window)?, after.read_confidence(later)?.map(placed).transpose()?];
        Ok(Some(MapPixels { classes, confidences }))
    }

    /// Where a window lies in the later map.
    fn in_later(&self, window: Window) -> Window {
        Window { col: window.col + self.moved[0], row: window.row + self.moved[1], ..window }
    }

    /// The pixels that the images of both dates may have; `None` without images.
    ///
    /// # Errors
    /// [`ChangeJobError::Apart`].
    pub(crate) fn images_extent(&self) -> Result<Option<Window>, ChangeJobError> {
        self.images.as_ref().map(|images| common_of(images, self.extent)).transpose()
    }

    /// Sets what was not observed at either date.
    ///
    /// # Errors
    /// A raster of it that cannot be read.
    pub(crate) fn hide(&self, pair: &mut [Raster<u8>; 2]) -> Result<()> {
        let window = pair[0].window();
        let windows = [window, self.in_later(window)];
        for ((classes, hidden), window) in pair.iter_mut().zip(&self.not_observed).zip(windows) {
            let Some((hidden, _)) = hidden else { continue };
            let inside = hidden.mask(&self.grid, &window)?;
            for (class, _) in classes.data_mut().iter_mut().zip(&inside).filter(|(_, inside)| **inside) {
                *class = LABEL_NODATA;
            }
        }
        Ok(())
    }

    /// What identifies the content of every input, by its name. Images are not read for it; `previous` is the run of the
    /// previous comparison.
    ///
    /// # Errors
    /// Files that cannot be read any more.
    pub(crate) fn contents(
        &self,
        config: &ChangeConfig,
        previous: Option<&str>,
    ) -> Result<BTreeMap<String, serde_json::Value>> {
        let mut all = BTreeMap::new();
        for (date, name) in NAMES.into_iter().enumerate() {
            if let Some(maps) = &self.maps {
                all.insert(format!("{name}.map"), maps[date].content());
                let confidence = maps[date].confidence_content();
                all.extend(confidence.map(|content| (format!("{name}.confidence"), content)));
            }
            if let Some(images) = &self.images {
                all.insert(format!("{name}.scenes"), images.dates[date].stamps()?);
            }
            if let Some((_, print)) = &self.not_observed[date] {
                let date = if date == 0 { &config.before } else { &config.after };
                let content = match &*date.not_observed_classes {
                    [] => identity(print),
                    classes => serde_json::json!([identity(print), classes]),
                };
                all.insert(format!("{name}.not_observed"), content);
            }
        }
        let exempt = config.artificialisation.iter().filter_map(|rules| rules.exempt.as_ref());
        let zones = config.zones.iter().map(|zones| &zones.source);
        for layer in zones.chain(exempt).chain(&config.stable) {
            all.insert(redacted(layer), identity(&arpent_gdal::fingerprint_layer(layer)?));
        }
        if let Some(previous) = previous {
            all.insert("previous".to_owned(), previous.into());
        }
        Ok(all)
    }

    /// Whether both dates have a land use.
    pub(crate) fn has_uses(&self) -> bool {
        self.maps.as_ref().is_some_and(|maps| maps.iter().all(|map| map.uses().is_some()))
    }

    /// The land use of a date in a window, if both dates have one. `kept` are the classes without the changes that were
    /// left out: where the later class is one of these, the use is that of the earlier date, too.
    pub(crate) fn uses(&self, date: usize, kept: &Raster<u8>) -> Result<Option<Raster<u8>>> {
        let Some(maps) = self.maps.as_ref().filter(|_| self.has_uses()) else { return Ok(None) };
        let window = kept.window();
        let read = |date: usize| maps[date].uses().map(|uses| uses.read(window)).transpose();
        let Some(mut uses) = read(date)? else { return Ok(None) };
        if date == 1
            && let Some(earlier) = read(0)?
        {
            let found = maps[1].read(window, &self.classes.values[1])?;
            let classes = kept.data().iter().zip(found.data());
            for ((usage, earlier), (kept, found)) in
                uses.data_mut().iter_mut().zip(earlier.data()).zip(classes)
            {
                if kept != found {
                    *usage = *earlier;
                }
            }
        }
        Ok(Some(uses))
    }

    /// What was read of the layers, for the manifest.
    pub(crate) fn layers(&self) -> serde_json::Value {
        let records = self.maps.iter().flatten().map(|map| map.layer().map(|layer| &layer.record));
        serde_json::json!(records.collect::<Vec<_>>())
    }

    /// The rasters of vintages of both dates and the years of their numbers, if a date has several.
    pub(crate) fn vintages(&self) -> Result<Option<Vintages>> {
        let Some(maps) = &self.maps else { return Ok(None) };
        let paths = maps.each_ref().map(|map| map.layer().and_then(|layer| layer.vintages.clone()));
        let Some(any) = paths.iter().flatten().next().cloned() else { return Ok(None) };
        // A date with one vintage, or without a layer, has its year wherever the other date has one.
        let years = maps.each_ref().map(|map| {
            let layer = map.layer().filter(|layer| layer.vintages.is_some());
            layer.map(|layer| layer.record.years.clone()).unwrap_or_default()
        });
        let open = |path: Option<PathBuf>| {
            PublishedRaster::open(&path.unwrap_or_else(|| any.clone()).to_string_lossy())
        };
        let [before, after] = paths;
        Ok(Some(Vintages { rasters: [open(before)?, open(after)?], years }))
    }
}

/// The pixels of an extent that the images of both dates may have.
fn common_of(images: &Images, extent: Window) -> Result<Window, ChangeJobError> {
    images.window().and_then(|window| window.intersect(&extent)).ok_or_else(|| {
        let [before, after] = images.names().map(|name| redacted(&name));
        ChangeJobError::Apart { before, after }
    })
}

/// What is compared: the pixels of both dates on one grid.
struct Compared {
    grid: Grid,
    /// Names of both dates, without secrets.
    names: [String; 2],
    /// Pixels of both dates, where they belong.
    windows: [Window; 2],
    /// What both have.
    extent: Window,
    /// Pixels by which the later map lies to the east and the south of where it should.
    moved: [i64; 2],
}

impl Compared {
    /// Of maps, or else of images, which are moved already.
    fn of(
        maps: Option<&[DatedMap; 2]>,
        images: Option<&Images>,
        correction: Option<Correction>,
    ) -> Result<Self, ChangeJobError> {
        let (grid, names, windows) = match (maps, images) {
            (Some([before, after]), _) => {
                let names = [before.uri().to_owned(), after.uri().to_owned()];
                (before.grid().clone(), names, [before.window(), after.window()])
            }
            (None, Some(images)) => {
                let windows = images.dates.each_ref().map(|date| date.mosaic.window);
                (images.grid().clone(), images.names(), windows)
            }
            (None, None) => return Err(ChangeJobError::NoInput { date: "later" }),
        };
        let shift_px = correction.filter(|_| maps.is_some()).map(|correction| correction.shift_px);
        let moved = shift_px.unwrap_or_default().map(|px| {
            let whole: i64 = arpent_base::number::round(px);
            whole
        });
        let [before, mut after] = windows;
        [after.col, after.row] = [after.col - moved[0], after.row - moved[1]];
        let names = names.map(|name| redacted(&name));
        let extent = before.intersect(&after).ok_or_else(|| {
            let [before, after] = names.clone();
            ChangeJobError::Apart { before, after }
        })?;
        Ok(Self { grid, names, windows: [before, after], extent, moved })
    }
}

/// The vintages of both dates, where a date has several.
pub(crate) struct Vintages {
    /// Numbers of vintages.
    pub(crate) rasters: [PublishedRaster; 2],
    /// The year of each number; empty for a date with one year.
    pub(crate) years: [Vec<i32>; 2],
}

/// Moves what was named without saying what it is, if it is a map: the output of a run, or a raster of classes.
///
/// # Errors
/// [`ChangeJobError::ScenesReplaced`].
pub(super) fn take_maps(config: &mut ChangeConfig, has_classes: bool) -> Result<(), ChangeJobError> {
    let ChangeConfig { before, after, replaced_scenes: [of_before, of_after], .. } = config;
    let dates = [(before, &*of_before, "--before", "before"), (after, &*of_after, "--after", "after")];
    for (date, replaced, option, table) in dates {
        let [only] = &*date.scenes else { continue };
        if date.map.is_some() || !is_map(only, has_classes) {
            continue;
        }
        if let Some(first) = replaced.first() {
            let more = if replaced.len() > 1 { ", ..." } else { "" };
            let scenes = format!("{}{more}", redacted(first));
            return Err(ChangeJobError::ScenesReplaced { option, map: redacted(only), scenes, table });
        }
        date.map = date.scenes.pop();
    }
    Ok(())
}

fn is_map(uri: &str, has_classes: bool) -> bool {
    if is_layer(uri) && has_a_layer(uri) {
        return true;
    }
    let path = Path::new(uri);
    if path.is_dir() {
        return path.join(MANIFEST_NAME).is_file();
    }
    if path.is_file() || uri.starts_with("/vsi") {
        // An image of one band is no map: a map names its classes, or the configuration does.
        let raster = arpent_gdal::PublishedRaster::open(uri);
        return raster.is_ok_and(|raster| has_classes || !raster.classes().is_empty());
    }
    Target::parse(uri).is_ok_and(|target| target.read_manifest().is_ok())
}

/// Warnings about answers that maps leave undecided: an undecided answer at one date is no change, unless the configuration gives
/// it a class.
fn undecided(maps: Option<&[DatedMap; 2]>, classes: &Classes) -> Vec<Warning> {
    let of = |((map, values), name): ((&DatedMap, &Values), &str)| {
        let (value, pixels) = map.undecided().filter(|(_, pixels)| *pixels > 0)?;
        if values[usize::from(value)] != Some(LABEL_NODATA) {
            return None;
        }
        let message = format!(
            "{pixels} undecided pixels of the {name} map are taken as not observed: they are no class and no change"
        );
        Some(Warning::new("undecided-not-observed", name, message))
    };
    let dated = maps.into_iter().flat_map(|maps| maps.iter().zip(&classes.values).zip(["earlier", "later"]));
    dated.filter_map(of).collect()
}

/// Refuses a threshold for confidences that a map does not have.
fn check_confidence(config: &ChangeConfig, maps: Option<&[DatedMap; 2]>) -> Result<(), ChangeJobError> {
    if config.events.confidence.is_none() {
        return Ok(());
    }
    let has = |date: usize| maps.is_some_and(|maps| maps[date].has_confidence());
    match ["earlier", "later"].into_iter().enumerate().find(|(date, _)| !has(*date)) {
        Some((_, date)) => Err(ChangeJobError::NoConfidence { date }),
        None => Ok(()),
    }
}

/// Refuses keys of maps for images, which would have no effect.
fn refuse_keys_of_maps(config: &ChangeConfig) -> Result<(), ChangeJobError> {
    let name = |date: &DateInputs| date.scenes.first().map_or_else(String::new, |scene| redacted(scene));
    for (date, later) in [(&config.before, false), (&config.after, true)] {
        without_columns(&name(date), date, later)?;
        without_confidence(&name(date), date, later)?;
    }
    match &config.grid {
        Some(_) => Err(ChangeJobError::GridOfMap { map: name(&config.before) }),
        None => Ok(()),
    }
}

/// The dates: as configured, else those of the maps, else those of the images.
fn dates_of(
    config: &ChangeConfig,
    maps: Option<&[DatedMap; 2]>,
    images: Option<&Images>,
) -> Result<[String; 2]> {
    let date = |i: usize, inputs: &DateInputs, name: &'static str| -> Result<String, ChangeJobError> {
        let configured = inputs.date.as_deref().and_then(normalized_date);
        let of_map = || maps.and_then(|maps| maps[i].acquired());
        let of_images = || images.and_then(|images| images.dates[i].acquired());
        configured.or_else(of_map).or_else(of_images).ok_or(ChangeJobError::NoDate { date: name })
    };
    let dates = [date(0, &config.before, "earlier")?, date(1, &config.after, "later")?];
    // Both begin with a day, or a time: texts in the order of time.
    let start = |date: &String| date.split('/').next().unwrap_or_default().to_owned();
    if start(&dates[0]) >= start(&dates[1]) {
        let [before, after] = dates;
        return Err(ChangeJobError::DatesSwapped { before, after }.into());
    }
    Ok(dates)
}

/// A warning about an input of which a part is not compared.
fn partial(name: &str, window: Window, extent: Window) -> Option<Warning> {
    use arpent_base::number::exact;
    let share = 1.0 - exact(extent.pixels()) / exact(window.pixels().max(1));
    (share > 0.0).then(|| {
        let message =
            format!("{:.1} % of {name} lies outside of the other date and is not compared", 100.0 * share);
        Warning::new("partial-overlap", name, message)
    })
}

/// A warning about a true orthoimage beside another one.
fn mixed_orthos(config: &ChangeConfig) -> Option<Warning> {
    let (before, after) = (config.before.true_ortho?, config.after.true_ortho?);
    (before != after).then(|| {
        let message = "one date is a true orthoimage and the other is not: every roof stands at another place in them";
        let hint = "set `lean_m` under [events] to the largest lean of a roof: displaced pairs become one object that moved";
        Warning::new("mixed-orthos", "images", message).with_hint(hint)
    })
}
