//! Comparing, and publishing the results.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arpent_base::{DoingWhat as _, Result, hash_of_json, table_schema};
use arpent_change::balance::{balance_columns, flow_columns};
use arpent_change::events::{EventKind, ImageVote, Rules};
use arpent_gdal::{PublishedRaster, StripWriter};
use arpent_publish::{
    About, Counts, MANIFEST_FORMAT, Manifest, ModelRecord, ROLE_MAP, ROLE_OBJECTS, StagedArtifact, Target,
    Warning, feature_columns, utc_now,
};
use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, PixelArea, Raster, Window};
use arpent_shell::energy::{Energy, Meter, WATTS_PER_CORE};
use arpent_shell::lines::count;
use arpent_shell::message::notice;
use arpent_shell::progress::Stage;
use arpent_viewer::{Kind, ZoneMap};
use serde::Serialize;
use serde_json::json;

use super::balance::Pair;
use super::balances::Balances;
use super::columns::{Dates, VOTE_FROM, columns};
use super::compare::{Block, Compared, Comparison, KindCount};
use super::control::{Control, ControlFacts, StableFacts};
use super::described;
use super::error::ChangeJobError;
use super::evidence::as_score;
use super::files::EventFiles;
use super::identities::{Identities, OBJECTS};
use super::inputs::{Inputs, MapPixels, NAMES, Prints, Shifted};
use super::item::write_item;
use super::lineage::{self, LINEAGE};
use super::made::with_maps;
use super::pixels::Pixels;
use super::previous::Previous;
use super::report::of_change;
use super::seen::{Look, Seen};
use crate::address::is_same_place;
use crate::config::ChangeConfig;
use crate::execute::Unpublished;
use crate::job::software;
use crate::map::check_output;
use crate::pipeline::seconds;
use crate::present::{self, present};
use crate::scratch::Scratch;
use crate::shards::ShardError;
use crate::stores::set_up_gdal;
use crate::warnings::warn;

/// Pixels of one date that are read at a time.
pub(super) const PIXELS_AT_A_TIME: usize = 4_000_000;
/// Score from which the images of a pixel differ by default: above the threshold.
const DIFFERS: u8 = 126;
/// Block cache of GDAL, MiB.
pub(super) const CACHE_MB: u32 = 256;

/// Result of `arpent change`, as printed.
#[derive(Debug, Serialize)]
pub struct ChangeReport {
    /// The output.
    pub output: String,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Compares two dates and publishes the events, in this process.
///
/// # Errors
/// When the inputs cannot be compared, or the results not written; nothing was published then.
pub fn change(config: &ChangeConfig, overwrite: bool, interrupt: &AtomicBool) -> Result<ChangeReport> {
    let output = config.output.as_deref().ok_or(ChangeJobError::NoOutput)?;
    check_output_of(config, output, overwrite)?;
    // Maps and images are told apart with it, before maps are made.
    set_up_gdal(Some(CACHE_MB))?;
    let config = with_maps(config, overwrite, interrupt)?;
    set_up_gdal(Some(CACHE_MB))?;
    let scratch = scratch_of(&config)?;
    let folder = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    let (config, inputs) = Inputs::located(&config, Prints::Hashes, Shifted::Asked, folder.path())
        .map_err(|error| scratch.judged(error))?;
    check_output_of(&config, output, overwrite)?;
    let execution = Execution { comparison: None, check: &|_, _| Ok(()), others: &[], interrupt };
    ChangeJob::execute(&config, inputs, overwrite, Pixels::Computed, (&scratch, folder.path()), execution)
}

/// The folder for temporary files.
pub(super) fn scratch_of(config: &ChangeConfig) -> Result<Scratch> {
    let scratch = Scratch::new(config.scratch.as_deref().map(|path| (path, "scratch")));
    scratch.map_err(|error| config.located(error.into()))
}

/// Refuses an output that is an input, exists, or cannot be written.
pub(super) fn check_output_of(config: &ChangeConfig, output: &str, overwrite: bool) -> Result<()> {
    let inputs = [&config.before.map, &config.after.map, &config.previous];
    if inputs.into_iter().flatten().any(|input| is_same_place(input, output).unwrap_or(false)) {
        return Err(ChangeJobError::OutputIsInput { output: output.to_owned() }.into());
    }
    check_output(output, overwrite)
}

/// How a comparison is executed.
#[derive(Clone, Copy)]
pub(super) struct Execution<'a> {
    /// Id of the comparison in its plan, if it has one.
    pub(super) comparison: Option<&'a str>,
    /// Refuses inputs, and contents of them, that are not those of the plan.
    pub(super) check: &'a dyn Fn(&Inputs, &Contents) -> Result<(), ShardError>,
    /// Energy that workers used.
    pub(super) others: &'a [Energy],
    /// Set to stop.
    pub(super) interrupt: &'a AtomicBool,
}

/// What identifies the content of every input, by name.
type Contents = BTreeMap<String, serde_json::Value>;

/// A comparison that is published.
pub(super) struct ChangeJob<'a> {
    config: &'a ChangeConfig,
    output: &'a str,
    folder: &'a Path,
    overwrite: bool,
    meter: &'a Meter,
    execution: Execution<'a>,
}

impl ChangeJob<'_> {
    /// Makes events of the pixels, and publishes them.
    ///
    /// # Errors
    /// When they cannot be compared, or the results not written; nothing was published then.
    pub(super) fn execute(
        config: &ChangeConfig,
        inputs: Inputs,
        overwrite: bool,
        pixels: Pixels<'_>,
        (scratch, folder): (&Scratch, &Path),
        execution: Execution<'_>,
    ) -> Result<ChangeReport> {
        let meter = Meter::start(WATTS_PER_CORE);
        let output = config.output.as_deref().ok_or(ChangeJobError::NoOutput)?;
        let job = ChangeJob { config, output, folder, overwrite, meter: &meter, execution };
        job.make(inputs, pixels).map_err(|error| Unpublished::of("comparison", scratch.judged(error)))
    }

    fn make(&self, mut inputs: Inputs, mut pixels: Pixels<'_>) -> Result<ChangeReport> {
        let mut timings = BTreeMap::new();
        let mut warnings = std::mem::take(&mut inputs.warnings);
        warnings.iter().for_each(warn);
        let printed = warnings.len();
        let previous = self.config.previous.as_deref();
        let previous = previous.map(|url| Previous::open(url, &inputs, self.folder)).transpose()?;
        let contents = inputs.contents(self.config, previous.as_ref().map(|previous| &*previous.run_id))?;
        (self.execution.check)(&inputs, &contents)?;
        let began = Instant::now();
        let look = Look {
            config: self.config,
            correction: inputs.correction,
            folder: self.folder,
            check_interrupt: &|| self.check_interrupt(),
        };
        let seen = look.look(&mut inputs, &mut pixels, &mut warnings)?;
        timings.insert("images".to_owned(), seconds(began.elapsed()));
        let rules = self.rules(&inputs, &seen)?;
        let began = Instant::now();
        let (compared, control) = self.compare(&inputs, &mut pixels, &seen, &rules, previous.as_ref())?;
        timings.insert("compare".to_owned(), seconds(began.elapsed()));
        if compared.flows.flows().next().is_none() {
            return Err(ChangeJobError::NothingObserved.into());
        }
        let run_id = self.run_id(&inputs, &contents)?;
        let began = Instant::now();
        let written = self.write(&mut inputs, &seen, compared, &run_id, &mut warnings)?;
        timings.insert("write".to_owned(), seconds(began.elapsed()));
        warnings[printed..].iter().for_each(warn);
        let facts = json!({
            "dates": inputs.dates,
            "classes": inputs.classes.nomenclature,
            "layers": inputs.layers(),
            "registration": seen.shift.as_ref().map(|shift| &shift.facts),
            "images": seen.evidence.as_ref().map(|(_, facts)| facts),
            "rules": {
                "width_px": rules.width_px,
                "min_area_m2": rules.min_area_m2,
                "min_confidence": rules.min_confidence,
            },
            "events": written.kinds,
            "left_out": written.left_out,
            "pixels_that_differ_m2": written.raw_changed_m2,
            "control": control,
            "stable": written.stable,
            "observed_share": written.observed_share,
            "changed_m2": written.changed_m2,
            "flickers": previous.as_ref().map(|_| written.flickers),
            "first": previous.as_ref().map_or(&inputs.dates[0], |previous| &previous.first),
            "previous": previous.as_ref().map(|previous| &previous.run_id),
            "artificialisation": written.soils,
            "chips": written.chips,
            "notable": written.notable,
            "kept": written.kept,
            "observed": written.observed,
            "maps": inputs.maps.is_some(),
        });
        let manifest = Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            run_id: run_id.clone(),
            created: utc_now(),
            attempt: String::new(),
            plan: self.execution.comparison.map(str::to_owned),
            software: software(false),
            engines: Vec::new(),
            inputs: Self::records(&inputs),
            failed_inputs: Vec::new(),
            warnings,
            model: ModelRecord::default(),
            package: None,
            config: serde_json::to_value(self.config.redacted())?,
            counts: Counts {
                features: written.events,
                features_per_class: written.per_kind,
                change: Some(facts),
                ..Counts::default()
            },
            timings_s: timings,
            energy: Some(serde_json::to_value(
                self.execution.others.iter().fold(self.meter.read(), Energy::and),
            )?),
            ledger: None,
            columns: Some(table_schema(&feature_columns(&columns()))),
            tables: [(LINEAGE.to_owned(), lineage::schema())].into(),
            artifacts: Vec::new(),
        };
        let stage = Stage::begin("publish", 0);
        let mut staged = written.staged;
        let about = self.about(&inputs);
        present(&self.presented(&inputs, &about, &manifest, written.zone_map), &mut staged, self.folder)?;
        staged.push(write_item(&inputs, &about, &manifest, &staged, self.folder)?);
        let target = Target::parse(self.output)?;
        let published = target.publish(&staged, manifest, self.overwrite)?;
        for leftover in &published.leftovers {
            notice(&format!("could not delete {leftover} of the earlier results; it is not part of these"));
        }
        present::write_entry(&target, &published.manifest);
        stage.end(self.output);
        Ok(ChangeReport { output: self.output.to_owned(), manifest: published.manifest })
    }

    fn check_interrupt(&self) -> Result<(), ShardError> {
        if self.execution.interrupt.load(Ordering::Relaxed) { Err(ShardError::Interrupted) } else { Ok(()) }
    }

    /// Score from which the images of a pixel differ.
    fn differs_from(&self) -> u8 {
        self.config.images.score.map_or(DIFFERS, |share| as_score(share.get()))
    }

    fn rules(&self, inputs: &Inputs, seen: &Seen) -> Result<Rules> {
        let options = &self.config.events;
        let explained = seen.explained_px().unwrap_or(self.config.registration.assumed.get());
        let vote = ImageVote { score: self.differs_from(), share: self.config.images.share.0.get() };
        Ok(Rules {
            groups: inputs.classes.groups(options)?,
            width_px: 2.0 * explained,
            min_area_m2: options.min_area_m2.get(),
            min_confidence: options.confidence.map(arpent_base::Share::get),
            // Of images alone the classes are what the images say.
            image: seen.evidence.as_ref().filter(|_| inputs.maps.is_some()).map(|_| vote),
            min_overlap: options.min_overlap.get(),
        })
    }

    fn compare(
        &self,
        inputs: &Inputs,
        pixels: &mut Pixels<'_>,
        seen: &Seen,
        rules: &Rules,
        previous: Option<&Previous>,
    ) -> Result<(Compared, Option<ControlFacts>)> {
        let stage = Stage::begin("compare", inputs.extent.pixels());
        let scores = seen.evidence.as_ref().map(|(path, _)| PublishedRaster::open(&path.to_string_lossy()));
        let scores = scores.transpose()?;
        let [before, after] = inputs.dates.clone();
        let first = previous.map_or(&before, |previous| &previous.first).clone();
        let identities = Identities::new(
            inputs.grid.key(),
            first,
            after.clone(),
            previous.map(|previous| &*previous.objects),
            self.folder,
        )?;
        let area = PixelArea::new(&inputs.grid);
        let middle = inputs.extent.row.midpoint(inputs.extent.row_end());
        let scene_ids: Vec<String> = match &inputs.images {
            Some(images) => images.dates.iter().flat_map(|date| date.ids().map(str::to_owned)).collect(),
            None => Vec::new(),
        };
        let comparison = Comparison {
            grid: &inputs.grid,
            extent: inputs.extent,
            classes: &inputs.classes,
            rules,
            dates: &Dates {
                before: Some(before),
                after: Some(after),
                vote_from: rules.min_confidence.unwrap_or(VOTE_FROM),
            },
            lean_px: self.config.events.lean_m.get() / area.gsd_of_row(middle),
            scene_ids: &scene_ids,
            scratch: self.folder,
            chips: self.config.chips.get(),
            stable: inputs.stable.as_ref(),
            images_alone: inputs.maps.is_none(),
        };
        let shift = seen.shift.as_ref().and_then(|shift| shift.facts.as_ref());
        let assumed = self.config.registration.assumed.get();
        let shift =
            shift.map_or([assumed, assumed], |facts| [facts.summary.median_dx, facts.summary.median_dy]);
        // Images alone have no classes that could be compared with themselves.
        let control = inputs.maps.as_ref().map(|_| Control::new(inputs.extent, rules, shift));
        let mut control = control.transpose()?;
        let threshold = self.differs_from();
        let mut read = |window: Window| -> Result<Block> {
            self.check_interrupt()?;
            let image =
                scores.as_ref().map(|raster| read_part(raster, window, CONFIDENCE_NODATA)).transpose()?;
            let MapPixels { classes, confidences } = match (pixels.maps(inputs, window)?, &image) {
                (Some(maps), _) => maps,
                (None, Some(image)) => {
                    let mut classes = of_scores(image, threshold);
                    inputs.hide(&mut classes)?;
                    MapPixels { classes, confidences: [None, None] }
                }
                (None, None) => return Err(ChangeJobError::NothingObserved.into()),
            };
            let earlier = previous.and_then(|previous| previous.earlier.as_ref());
            let earlier = earlier.map(|raster| read_part(raster, window, LABEL_NODATA)).transpose()?;
            for (i, row) in (window.row..window.row_end()).enumerate() {
                if let Some(control) = &mut control {
                    control.push_row(classes[0].row(i), area.of_row(row))?;
                }
            }
            Ok(Block { classes, image, earlier, confidences })
        };
        let advance = &mut |pixels| stage.advance(pixels);
        let compared = comparison.pass(identities, PIXELS_AT_A_TIME, &mut read, advance)?;
        stage.end(&format!("{} events", count(compared.events.count())));
        Ok((compared, control.map(Control::finish).transpose()?))
    }

    fn write(
        &self,
        inputs: &mut Inputs,
        seen: &Seen,
        compared: Compared,
        run_id: &str,
        warnings: &mut Vec<Warning>,
    ) -> Result<Written> {
        let stage = Stage::begin("write", 0);
        let folder = self.folder.join("out");
        std::fs::create_dir_all(&folder).context("cannot make a temporary folder")?;
        let Compared {
            events,
            counts,
            sieve,
            raw,
            flows,
            rasters,
            lineage,
            identities,
            flickers,
            stable,
            mut notable,
        } = compared;
        let [before, after] = rasters;
        let mut staged = rasters_of([before, after], &folder)?;
        let files = EventFiles {
            formats: &self.config.formats,
            titles: self.config.titles,
            grid: &inputs.grid,
            extent: inputs.extent,
            classes: &inputs.classes.nomenclature,
            about: &self.about(inputs),
            run_id,
            publish: &self.config.publish,
        };
        staged.extend(files.write(&events, lineage, &folder)?);
        staged.push(StagedArtifact::new(&identities.write(&folder)?, ROLE_OBJECTS)?);
        debug_assert!(folder.join(OBJECTS).is_file(), "the table of objects is there");
        staged.extend(seen.stage(&inputs.grid, &folder)?);
        let pair = Pair::open([&folder.join("before.tif"), &folder.join("map.tif")])?;
        let balances = Balances {
            config: self.config,
            inputs,
            pair: &pair,
            flows: &flows,
            events: &events,
            run_id,
            scratch: self.folder,
        };
        let (soils, tables) = balances.write(&folder)?;
        staged.extend(tables.files);
        warnings.extend(tables.warnings);
        staged.extend(notable.draw(self.config.chips.get(), inputs.images.as_mut(), &folder)?);
        stage.end(&format!("{} files", staged.len()));
        // The sum of nothing is minus zero.
        let changed_m2 = counts.values().map(|kind| kind.changed_m2).sum::<f64>() + 0.0;
        Ok(Written {
            events: events.count(),
            per_kind: counts.iter().map(|(kind, count)| (kind.name().to_owned(), count.events)).collect(),
            kinds: kinds(&counts),
            left_out: sieve
                .dropped
                .iter()
                .map(|(doubt, count)| json!({ "reason": doubt.name(), "areas": count.areas, "area_m2": count.area_m2 }))
                .collect(),
            observed_share: flows.coverage().shares().map(|[both, ..]| both),
            changed_m2,
            raw_changed_m2: raw.changed().area_m2(),
            flickers,
            stable,
            chips: notable.facts(),
            notable: notable.lists(),
            kept: json!({ "areas": sieve.kept.areas, "area_m2": sieve.kept.area_m2 }),
            observed: json!({ "both_m2": flows.coverage().both.area_m2(), "shares": flows.coverage().shares() }),
            soils: soils.map(|soils| soils.facts),
            zone_map: tables.zone_map,
            staged,
        })
    }

    fn records(inputs: &Inputs) -> Vec<arpent_publish::Input> {
        let mut all = Vec::new();
        for (date, name) in NAMES.into_iter().enumerate() {
            if let Some(maps) = &inputs.maps {
                all.push(maps[date].input(name, Some(&inputs.dates[date])));
                all.extend(maps[date].confidence_input(name));
            }
            if let Some(images) = &inputs.images {
                all.extend(images.dates[date].inputs(name));
            }
        }
        all
    }

    /// What is said of the comparison.
    fn about(&self, inputs: &Inputs) -> About {
        self.config.about(&present::title_of_dates(&inputs.dates))
    }

    /// What is shown of the comparison.
    fn presented<'m>(
        &'m self,
        inputs: &'m Inputs,
        about: &'m About,
        manifest: &'m Manifest,
        zone_map: Option<ZoneMap>,
    ) -> present::Output<'m> {
        let zones = [
            (
                "artificialisation.csv",
                ["Balance of artificial soils", "Bilan des sols artificialisés"],
                balance_columns(),
            ),
            ("flows.csv", ["Flows between classes", "Flux entre classes"], flow_columns()),
        ];
        present::Output {
            kind: Kind::Change,
            about,
            language: self.config.titles,
            classes: &inputs.classes.nomenclature,
            grid: &inputs.grid,
            window: inputs.extent,
            manifest,
            options: &self.config.publish,
            tables: described::tables(self.config, inputs),
            scenes: BTreeMap::new(),
            report: Some(of_change),
            zones: zones.map(|(file, title, columns)| present::ZoneTable { file, title, columns }).into(),
            zone_map,
            imagery: inputs
                .images
                .as_ref()
                .map(|images| images.scenes(self.config, self.execution.interrupt)),
        }
    }

    /// `change-` and 16 hex digits: a hash of all inputs that can change the result.
    fn run_id(&self, inputs: &Inputs, contents: &Contents) -> Result<String> {
        let mut options = serde_json::to_value(self.config)?;
        // Images are identified by their hashes instead of their stamps, which other copies of a file do not share.
        let is_stamped = |name: &str| NAMES.iter().any(|date| name == format!("{date}.scenes"));
        let contents: Contents = contents.clone().into_iter().filter(|(name, _)| !is_stamped(name)).collect();
        for key in ["output", "scratch", "run", "previous", "before", "after", "publish"] {
            options.as_object_mut().and_then(|options| options.remove(key));
        }
        let described = json!({
            "arpent": env!("CARGO_PKG_VERSION"),
            "contents": contents,
            "images": inputs.images.as_ref().map(|images| [images.dates[0].content(), images.dates[1].content()]),
            "dates": inputs.dates,
            "values": [&self.config.before.values, &self.config.after.values],
            "options": options,
        });
        Ok(format!("change-{}", hash_of_json(described)))
    }
}

/// The classes of both dates as COGs.
fn rasters_of([before, after]: [StripWriter; 2], folder: &Path) -> Result<Vec<StagedArtifact>> {
    let mut staged = Vec::new();
    for (raster, name, role) in [(before, "before.tif", "before"), (after, "map.tif", ROLE_MAP)] {
        let path = folder.join(name);
        StripWriter::finish_cog(raster, &path, rayon::current_num_threads())?;
        staged.push(StagedArtifact::new(&path, role)?);
    }
    Ok(staged)
}

/// What was written.
struct Written {
    staged: Vec<StagedArtifact>,
    events: u64,
    per_kind: BTreeMap<String, u64>,
    kinds: serde_json::Value,
    left_out: serde_json::Value,
    observed_share: Option<f64>,
    changed_m2: f64,
    raw_changed_m2: f64,
    flickers: u64,
    stable: Option<StableFacts>,
    chips: serde_json::Value,
    notable: serde_json::Value,
    kept: serde_json::Value,
    observed: serde_json::Value,
    soils: Option<super::balance::SoilFacts>,
    zone_map: Option<ZoneMap>,
}

fn kinds(counts: &BTreeMap<EventKind, KindCount>) -> serde_json::Value {
    let of = |kind: EventKind| {
        let count = counts.get(&kind).copied().unwrap_or_default();
        (kind.name().to_owned(), json!({ "events": count.events, "changed_m2": count.changed_m2 }))
    };
    EventKind::ALL.into_iter().map(of).collect::<serde_json::Map<_, _>>().into()
}

/// A part of a raster; pixels outside of it have `beyond`.
fn read_part(raster: &PublishedRaster, window: Window, beyond: u8) -> Result<Raster<u8>> {
    let mut values = Raster::filled(window, beyond);
    if let Some(common) = window.intersect(&raster.window()) {
        values.paste(&raster.read(common)?);
    }
    Ok(values)
}

/// The classes of images alone: 0 before; after, 1 where they differ.
fn of_scores(scores: &Raster<u8>, threshold: u8) -> [Raster<u8>; 2] {
    let of = |value: &dyn Fn(u8) -> u8| {
        let mut classes = scores.clone();
        for class in classes.data_mut().iter_mut().filter(|score| **score != CONFIDENCE_NODATA) {
            *class = value(*class);
        }
        classes
    };
    [of(&|_| 0), of(&|score| u8::from(score >= threshold))]
}
