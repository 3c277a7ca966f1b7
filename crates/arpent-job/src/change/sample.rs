//! `arpent change sample`: draws events and ground for persons to check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arpent_base::number::{approximate, rounded};
use arpent_base::{DoingWhat as _, Language, Result, json_document, redacted};
use arpent_change::areas::{Draw, allocate};
use arpent_gdal::{LayerFormat, LayerGeometry, LayerOptions, LayerShape, LayerWriter, Transformer};
use arpent_publish::Warning;
use arpent_shell::lines::count;
use arpent_shell::progress::Stage;
use serde::Serialize;

use super::answers::filled;
use super::population::{
    CellUnit, ChangeResults, EventUnit, Population, number_of, point_inside, polygon_of, zones_of,
};
use super::sample_error::SampleError;
use super::sample_file::{
    FORMAT, SAMPLE_CSV, SAMPLE_GPKG, SAMPLE_JSON, SampleFile, SampleStratum, SampleUnit, SampledChange,
    SampledZones, UnitKind, cells, columns,
};
use crate::error::JobError;
use crate::map::TIMESTAMP;
use crate::stores::set_up_gdal;
use crate::warnings::warn;
use crate::zonal::csv_cell;

/// Block cache of GDAL, MiB.
const CACHE_MB: u32 = 256;
/// Units of a sample by default.
const SIZE: u64 = 500;
/// Strata with fewer units are joined with others.
const SMALL: u64 = 10;
/// Bands of the score of an event: fixed, so that two comparisons have the same strata.
const BANDS: [&str; 4] = ["score below 0.6", "score 0.6 to 0.8", "score above 0.8", "no score"];

/// What is asked of a sample.
#[derive(Debug, Clone)]
pub struct SampleOptions {
    /// The comparison: the output of `arpent change`.
    pub change: String,
    /// Folder of the sample.
    pub output: PathBuf,
    /// Units to draw; 500 by default, or more where the minima of the strata need it.
    pub size: Option<u64>,
    /// Smallest number of units of a stratum, or all it has.
    pub minimum: u64,
    /// Seed of the draw.
    pub seed: u64,
    /// Side of the cells of ground, meters.
    pub cell_m: f64,
    /// Layer of zones, and the field with their ids.
    pub zones: Option<(String, Option<String>)>,
    /// Whether to replace files of an earlier sample.
    pub overwrite: bool,
}

/// Result of `arpent change sample`, as printed.
#[derive(Debug, Serialize)]
pub struct SampleReport {
    /// The folder.
    pub output: String,
    /// Run id of the comparison.
    pub run_id: String,
    /// Seed of the draw.
    pub seed: u64,
    /// Units drawn.
    pub units: u64,
    /// Observed ground, square meters.
    pub total_m2: f64,
    /// The strata.
    pub strata: Vec<SampleStratum>,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
}

/// Draws a sample of a comparison, and writes it to a folder.
///
/// # Errors
/// When the comparison cannot be read, or the sample not written; the folder then has no `sample.json`.
pub fn sample(options: &SampleOptions) -> Result<SampleReport> {
    set_up_gdal(Some(CACHE_MB))?;
    check_folder(&options.output, options.overwrite)?;
    if options.output.is_dir() {
        let verdicts = filled(&options.output)?;
        if verdicts > 0 {
            return Err(SampleError::Filled { folder: options.output.clone(), verdicts }.into());
        }
    }
    let results = ChangeResults::open(&options.change)?;
    let population = results.population(options.cell_m)?;
    let drawn = draw(&population, options)?;
    let (units, mut warnings) = drawn.units(&population, options)?;
    let total_m2 = drawn.strata.iter().map(|stratum| stratum.area_m2).sum();
    if drawn.not_sampled_m2.abs() > 1e-6 * total_m2 {
        let message = format!(
            "{:.1} m2 that changed as mapped belong to no event (ground that became other ground, say), and are not sampled",
            drawn.not_sampled_m2
        );
        let hint = "remove classes from `ground` under [events] of the comparison if their changes matter";
        warnings.push(Warning::new("not-sampled", "sample", message).with_hint(hint));
    }
    warnings.iter().for_each(warn);
    let dates = results.facts().get("dates").and_then(serde_json::Value::as_array);
    let date = |date: &serde_json::Value| date.as_str().map(str::to_owned);
    let description = SampleFile {
        format: FORMAT.to_owned(),
        change: SampledChange {
            url: redacted(&results.url),
            run_id: results.manifest.run_id.clone(),
            manifest_sha256: results.manifest_sha256.clone(),
            dates: dates.into_iter().flatten().filter_map(date).collect(),
            classes: results.classes(),
        },
        seed: options.seed,
        cell_m: options.cell_m,
        cell_px: population.cell_px,
        minimum: options.minimum,
        zones: options
            .zones
            .as_ref()
            .map(|(source, id)| SampledZones { source: redacted(source), id: id.clone() }),
        total_m2,
        not_sampled_m2: drawn.not_sampled_m2.max(0.0),
        strata: drawn.strata.clone(),
        crs: (*population.grid().crs).clone(),
        units: units.iter().map(|(unit, _)| unit.clone()).collect(),
    };
    write(&options.output, &description, &units)?;
    Ok(SampleReport {
        output: options.output.display().to_string(),
        run_id: results.manifest.run_id,
        seed: options.seed,
        units: number_of(&units),
        total_m2,
        strata: drawn.strata,
        warnings,
    })
}

/// A sample that was drawn: the strata, and the ids of the units of each.
#[derive(Debug, PartialEq)]
pub(super) struct DrawnSample {
    strata: Vec<SampleStratum>,
    ids: Vec<Vec<String>>,
    /// Strata of events come first.
    event_strata: usize,
    not_sampled_m2: f64,
}

/// The class and the band of an event.
fn key(event: &EventUnit) -> (String, usize) {
    let band = match event.score {
        None => 3,
        Some(score) if score > 0.8 => 2,
        Some(score) if score >= 0.6 => 1,
        Some(_) => 0,
    };
    (event.to.clone(), band)
}

/// Number and area of units.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    units: u64,
    area_m2: f64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.units += other.units;
        self.area_m2 += other.area_m2;
    }
}

/// The name of the stratum of each class and band: small ones are joined over the bands of their class, then over all
/// classes.
fn joined(tallies: &BTreeMap<(String, usize), Tally>) -> BTreeMap<(String, usize), String> {
    let mut of_class: BTreeMap<&str, u64> = BTreeMap::new();
    for ((class, _), tally) in tallies.iter().filter(|(_, tally)| tally.units < SMALL) {
        *of_class.entry(class).or_default() += tally.units;
    }
    let name = |(class, band): &(String, usize), tally: &Tally| {
        if tally.units >= SMALL {
            format!("events to {class}, {}", BANDS[*band])
        } else if of_class[class.as_str()] >= SMALL {
            format!("events to {class}, rare scores")
        } else {
            "events of rare kinds".to_owned()
        }
    };
    tallies.iter().map(|(key, tally)| (key.clone(), name(key, tally))).collect()
}

/// Draws the units; does not depend on the order of the events.
pub(super) fn draw(population: &Population, options: &SampleOptions) -> Result<DrawnSample> {
    let stage = Stage::begin("strata", 0);
    let mut tallies: BTreeMap<(String, usize), Tally> = BTreeMap::new();
    population.each_event(&mut |event, _| {
        tallies.entry(key(&event)).or_default().add(Tally { units: 1, area_m2: event.area_m2 });
        Ok(())
    })?;
    let names = joined(&tallies);
    let mut of_strata: BTreeMap<&str, Tally> = BTreeMap::new();
    for (key, tally) in &tallies {
        of_strata.entry(&names[key]).or_default().add(*tally);
    }
    let event_strata = of_strata.len();
    let places: BTreeMap<&str, usize> = of_strata.keys().copied().zip(0..).collect();
    let most =
        SIZE.max(options.minimum.saturating_mul(3 * (arpent_base::number::wide(event_strata) + 2) / 2));
    let most = options.size.unwrap_or(most);
    let mut ground = [Tally::default(); 2];
    let mut of_cells = Draw::new(options.seed, &[most, most]);
    let changed_m2 = population.each_cell(&mut |cell: CellUnit| {
        let stratum = usize::from(!cell.beside);
        ground[stratum].add(Tally { units: 1, area_m2: cell.area_m2 });
        Ok(of_cells.offer(stratum, &cell.id())?)
    })?;
    let of_events: f64 = tallies.values().map(|tally| tally.area_m2).sum();
    // Areas of a file are rounded: sums to the square millimeter do not depend on the order.
    let stratum = |name: &str, what, tally: &Tally| SampleStratum {
        name: name.to_owned(),
        what,
        units: tally.units,
        area_m2: rounded(tally.area_m2, 6),
        drawn: 0,
    };
    let mut strata: Vec<SampleStratum> =
        of_strata.iter().map(|(name, tally)| stratum(name, UnitKind::Event, tally)).collect();
    let mut cell_ids = of_cells.finish().into_iter().map(|drawn| drawn.ids);
    let mut ids: Vec<Vec<String>> = vec![Vec::new(); event_strata];
    for (name, tally) in ["ground beside events", "stable ground"].iter().zip(&ground) {
        let drawn = cell_ids.next().unwrap_or_default();
        if tally.units > 0 {
            strata.push(stratum(name, UnitKind::Cell, tally));
            ids.push(drawn);
        }
    }
    if strata.is_empty() {
        return Err(SampleError::Nothing { change: options.change.clone() }.into());
    }
    let minima: u64 = strata.iter().map(|stratum| stratum.units.min(options.minimum)).sum();
    let size =
        options.size.unwrap_or_else(|| SIZE.max(minima.saturating_add(minima / 2)).min(most.max(minima)));
    let units: Vec<f64> = strata.iter().map(|stratum| approximate(stratum.units)).collect();
    let sizes = allocate(size, &units, options.minimum).map_err(SampleError::from)?;
    let mut of_events_draw = Draw::new(options.seed, &sizes[..event_strata]);
    population.each_event(&mut |event, _| {
        Ok(of_events_draw.offer(places[names[&key(&event)].as_str()], &event.id)?)
    })?;
    for (ids, drawn) in ids.iter_mut().zip(of_events_draw.finish()) {
        *ids = drawn.ids;
    }
    for ((stratum, ids), size) in strata.iter_mut().zip(&mut ids).zip(&sizes) {
        ids.truncate(usize::try_from(*size).unwrap_or(usize::MAX));
        stratum.drawn = number_of(ids);
    }
    stage.end(&format!("{} strata", count(number_of(&strata))));
    Ok(DrawnSample { strata, ids, event_strata, not_sampled_m2: rounded(changed_m2 - of_events, 6) })
}

/// A unit with its geometry.
type Placed = (SampleUnit, LayerGeometry);

impl DrawnSample {
    /// The units, stratum by stratum, with their geometries and zones.
    fn units(&self, population: &Population, options: &SampleOptions) -> Result<(Vec<Placed>, Vec<Warning>)> {
        let stage = Stage::begin("units", 0);
        let grid = population.grid();
        let wanted: BTreeSet<&str> =
            self.ids[..self.event_strata].iter().flatten().map(String::as_str).collect();
        let mut events: BTreeMap<String, (EventUnit, LayerGeometry)> = BTreeMap::new();
        population.each_event(&mut |event, geometry| {
            if wanted.contains(event.id.as_str()) {
                events.insert(event.id.clone(), (event, geometry));
            }
            Ok(())
        })?;
        let to_degrees = Transformer::new(&grid.crs)?;
        let mut placed: Vec<Placed> = Vec::new();
        for (stratum, ids) in self.strata.iter().zip(&self.ids) {
            let first = placed.len();
            for id in ids {
                let (event, area_m2, geometry) = match stratum.what {
                    UnitKind::Event => {
                        let (event, geometry) =
                            events.remove(id).expect("an event that was drawn is in the file");
                        (Some((event.from, event.to)), event.area_m2, geometry)
                    }
                    UnitKind::Cell => {
                        let [col, row] = place_of(id.trim_start_matches("cell-"));
                        let (window, area_m2) = population.cell(col, row)?;
                        (None, area_m2, polygon_of(grid, &window))
                    }
                };
                let [x, y] = match &geometry {
                    LayerGeometry::Polygons(polygons) => point_inside(polygons),
                    _ => [f64::NAN; 2],
                };
                let (lon, lat) = to_degrees.point(x, y)?;
                let (from_class, to_class) = event.unzip();
                let unit = SampleUnit {
                    id: id.clone(),
                    stratum: stratum.name.clone(),
                    what: stratum.what,
                    event: (stratum.what == UnitKind::Event).then(|| id.clone()),
                    from_class,
                    to_class,
                    zone: None,
                    area_m2,
                    weight: area_m2,
                    x,
                    y,
                    lon: rounded(lon, 8),
                    lat: rounded(lat, 8),
                };
                placed.push((unit, geometry));
            }
            let sampled: f64 = placed[first..].iter().map(|(unit, _)| unit.area_m2).sum();
            for (unit, _) in &mut placed[first..] {
                unit.weight = stratum.area_m2 * unit.area_m2 / sampled;
            }
        }
        let mut warnings = Vec::new();
        if let Some((source, id)) = &options.zones {
            let points: Vec<[f64; 2]> = placed.iter().map(|(unit, _)| [unit.x, unit.y]).collect();
            let found = zones_of(population, source, id.as_deref(), &points)?;
            if found.zones.is_empty() {
                return Err(SampleError::NoZones { zones: redacted(source) }.into());
            }
            let outside = number_of(&placed) - arpent_base::number::wide(found.zones.len());
            let of = |number: u64, what: &str| {
                format!("{} of {} units {what}", count(number), count(number_of(&placed)))
            };
            if outside > 0 {
                warnings.push(Warning::new("outside-zones", "zones", of(outside, "are in no zone")));
            }
            if found.doubled > 0 {
                let what = "are in several zones, and count for the first one only";
                warnings.push(Warning::new("zones-overlap", "zones", of(found.doubled, what)));
            }
            for (number, zone) in found.zones {
                placed[number].0.zone = Some(zone);
            }
        }
        stage.end(&format!("{} units", count(number_of(&placed))));
        Ok((placed, warnings))
    }
}

/// Column and row of a cell in its id, `COL-ROW`; both may be negative.
fn place_of(text: &str) -> [i64; 2] {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '-').map_or(text.len(), |(at, _)| at);
    let (col, row) = text.split_at(at);
    [col, row.strip_prefix('-').unwrap_or(row)]
        .map(|number| number.parse().expect("a cell's id has its place"))
}

/// Refuses a folder that contains something.
pub(super) fn check_folder(folder: &Path, overwrite: bool) -> Result<()> {
    let is_empty = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            return Err(error).context(format!("cannot use the folder {}", folder.display()));
        }
    };
    if !is_empty && !overwrite {
        return Err(SampleError::NotEmpty { folder: folder.to_owned() }.into());
    }
    Ok(())
}

/// Writes files to a folder: all are complete in a temporary folder first, and the last one makes the others valid.
pub(super) fn write_folder(
    folder: &Path,
    names: &[&str],
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let doing = || format!("cannot write to {}", folder.display());
    std::fs::create_dir_all(folder).context(doing())?;
    let part = tempfile::Builder::new().prefix(".arpent-").tempdir_in(folder).context(doing())?;
    make(part.path())?;
    if let Some(last) = names.last().map(|name| folder.join(name)).filter(|last| last.exists()) {
        std::fs::remove_file(last).context(doing())?;
    }
    for name in names {
        std::fs::rename(part.path().join(name), folder.join(name)).context(doing())?;
    }
    Ok(())
}

fn write(folder: &Path, description: &SampleFile, units: &[Placed]) -> Result<()> {
    write_folder(folder, &[SAMPLE_GPKG, SAMPLE_CSV, SAMPLE_JSON], |part| {
        let columns = columns();
        let options = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: "sample",
            shape: LayerShape::MultiPolygon,
            crs: &description.crs,
            fields: &columns,
            titles: Language::En,
            spatial_index: true,
            style_qml: None,
            description: "",
            timestamp: TIMESTAMP,
        };
        let mut layer = LayerWriter::create(&part.join(SAMPLE_GPKG), &options)?;
        let path = part.join(SAMPLE_CSV);
        let failed = |source: csv::Error| JobError::WriteTable { path: path.clone(), source };
        let mut table = csv::Writer::from_path(&path).map_err(failed)?;
        table.write_record(columns.iter().map(|column| column.name.as_str())).map_err(failed)?;
        for (unit, geometry) in units {
            let cells = cells(unit);
            layer.write(&geometry.to_wkb().unwrap_or_default(), &cells)?;
            table.write_record(cells.iter().map(csv_cell)).map_err(failed)?;
        }
        layer.finish()?;
        table.flush().map_err(|error| failed(error.into()))?;
        let json = json_document(description)?;
        std::fs::write(part.join(SAMPLE_JSON), json).context("cannot write sample.json")
    })
}
