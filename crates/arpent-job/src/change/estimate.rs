//! `arpent change estimate`: areas of change with an interval, from a sample that persons have checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arpent_base::number::{exact, fitted};
use arpent_base::{DoingWhat as _, Result, json_document};
use arpent_change::areas::{ClassEstimate, Correction, Estimate, MapEstimate, Samples, Stratum};
use arpent_publish::Warning;
use arpent_shell::lines::count;
use serde::Serialize;

use super::answers::{Judged, Verdict, Verdicts, find, gather};
use super::population::{ChangeResults, number_of};
use super::sample::{check_folder, write_folder};
use super::sample_error::SampleError;
use super::sample_file::{SampleFile, SampleUnit, UnitKind};
use crate::error::JobError;
use crate::stores::set_up_gdal;
use crate::warnings::warn;

#[cfg(test)]
mod tests;

/// Units that a zone needs for an estimate of its own.
const UNITS_OF_ZONE: u64 = 30;
/// Kinds of change that are estimated one by one: class ids have one byte, 0 is no change, and 255 is kept.
const MOST_KINDS: usize = 253;
/// Name of the row for all changes.
const ALL: &str = "changed";
/// Files of an estimate.
const FILES: [&str; 2] = ["estimate.csv", "estimate.json"];

/// What is to be estimated.
#[derive(Debug, Clone)]
pub struct EstimateOptions {
    /// Folders of samples, or filled tables.
    pub samples: Vec<PathBuf>,
    /// The comparison, to check that the sample is of it.
    pub change: Option<String>,
    /// Folder of the results.
    pub output: Option<PathBuf>,
    /// Whether to replace earlier results.
    pub overwrite: bool,
}

/// Result of `arpent change estimate`, as printed and written.
#[derive(Debug, Clone, Serialize)]
pub struct EstimateReport {
    /// The folder, if the results are written.
    pub output: Option<String>,
    /// Run id of the comparison.
    pub run_id: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Its dates.
    pub dates: Vec<String>,
    /// Area of what was sampled, square meters.
    pub total_m2: f64,
    /// Changed ground as mapped, square meters.
    pub mapped_m2: f64,
    /// Units drawn.
    pub drawn: u64,
    /// Units with a verdict, right or wrong: what every figure rests on.
    pub units: u64,
    /// Units that persons were not sure of; left out.
    pub not_sure: u64,
    /// Units without a verdict; left out.
    pub empty: u64,
    /// The persons who gave the verdicts.
    pub persons: Vec<String>,
    /// Overall accuracy: the share of the ground that is as mapped.
    pub overall: Estimate,
    /// The strata.
    pub strata: Vec<StratumReport>,
    /// Areas: of all changes, of each kind of change, of the changes in each zone.
    pub areas: Vec<AreaReport>,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
}

/// The verdicts on a stratum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StratumReport {
    /// Its name.
    pub name: String,
    /// Kind of its units.
    pub what: UnitKind,
    /// Units in it.
    pub units: u64,
    /// Their area, square meters.
    pub area_m2: f64,
    /// Units drawn.
    pub drawn: u64,
    /// Units with a verdict, right or wrong.
    pub checked: u64,
    /// Units that are right.
    pub right: u64,
}

/// An area with its interval.
#[derive(Debug, Clone, Serialize)]
pub struct AreaReport {
    /// `total`, `change` (a kind of change) or `zone`.
    pub of: &'static str,
    /// `changed`, `CLASS > CLASS`, or the id of a zone.
    pub name: String,
    /// Units with a verdict that the figures rest on; of a zone, those in it.
    pub units: u64,
    /// Of these, units that are mapped so.
    pub mapped_units: u64,
    /// Of these, units that are so in truth, at least in part.
    pub reference_units: u64,
    /// Persons who gave the verdicts.
    pub persons: u64,
    /// Area in truth, square meters.
    pub area_m2: Option<Estimate>,
    /// User's accuracy: the share of what is mapped so that is so.
    pub users: Option<Estimate>,
    /// Producer's accuracy: the share of what is so that is mapped so.
    pub producers: Option<Estimate>,
    /// Why there is no figure, or no interval.
    pub note: Option<String>,
}

/// Estimates areas from filled samples.
///
/// # Errors
/// When the tables cannot be read, contradict each other or do not belong to the sample, or when a stratum has too few
/// verdicts.
pub fn estimate(options: &EstimateOptions) -> Result<EstimateReport> {
    set_up_gdal(None)?;
    if let Some(output) = &options.output {
        check_folder(output, options.overwrite)?;
    }
    let (sample, tables) = find(&options.samples)?;
    if let Some(change) = &options.change {
        check_change(&sample, change)?;
    }
    let verdicts = gather(&sample, &tables)?;
    let mut report = of_verdicts(&sample, &verdicts)?;
    report.warnings.iter().for_each(warn);
    if let Some(output) = &options.output {
        report.output = Some(output.display().to_string());
        write(output, &report)?;
    }
    Ok(report)
}

fn check_change(sample: &SampleFile, change: &str) -> Result<()> {
    let results = ChangeResults::open(change)?;
    let found = if results.manifest.run_id != sample.change.run_id {
        results.manifest.run_id
    } else if results.manifest_sha256 != sample.change.manifest_sha256 {
        format!("{}, made again", results.manifest.run_id)
    } else {
        return Ok(());
    };
    let sampled = sample.change.run_id.clone();
    Err(SampleError::OtherChange { sampled, change: results.url, found }.into())
}

/// A unit with a verdict.
struct Checked<'a> {
    unit: &'a SampleUnit,
    stratum: usize,
    judged: &'a Judged,
    /// The change as mapped; `None` for a cell.
    mapped: Option<(&'a str, &'a str)>,
    /// The change in truth, and the share of the unit that changed.
    truth: Option<((&'a str, &'a str), f64)>,
}

impl<'a> Checked<'a> {
    fn new(sample: &SampleFile, unit: &'a SampleUnit, judged: &'a Judged) -> Self {
        let mapped = unit.from_class.as_deref().zip(unit.to_class.as_deref());
        let share = |m2: &Option<f64>| m2.map_or(1.0, |m2| (m2 / unit.area_m2).min(1.0));
        let truth = match &judged.verdict {
            Verdict::Right { changed_m2 } => mapped.map(|change| (change, share(changed_m2))),
            Verdict::Wrong { change: Some((from, to)), changed_m2 } => {
                Some(((from.as_str(), to.as_str()), share(changed_m2)))
            }
            Verdict::Wrong { change: None, .. } | Verdict::NotSure => None,
        };
        let stratum = sample.stratum(&unit.stratum).expect("checked when the sample was read");
        Self { unit, stratum, judged, mapped, truth }
    }

    /// Adds the unit with the class of a change, and that of no change.
    fn add(
        &self,
        samples: &mut Samples,
        of: &dyn Fn((&str, &str)) -> u8,
        none: u8,
    ) -> Result<(), SampleError> {
        let mapped = self.mapped.map_or(none, of);
        let references = match self.truth {
            None => vec![(none, 1.0)],
            Some((change, share)) => vec![(of(change), share), (none, 1.0 - share)],
        };
        Ok(samples.add_unit(self.stratum, mapped, &references, self.unit.area_m2)?)
    }
}

/// The units with a verdict, and how to estimate from them.
struct Estimator<'a> {
    strata: Vec<Stratum>,
    total_m2: f64,
    checked: Vec<Checked<'a>>,
}

impl Estimator<'_> {
    fn estimate(&self, samples: &Samples) -> Result<MapEstimate, SampleError> {
        Ok(samples.estimate(&self.strata, self.total_m2, Correction::FinitePopulation)?)
    }

    fn samples(&self) -> Samples {
        Samples::new(self.strata.len())
    }

    /// All changes.
    fn all(&self) -> Result<MapEstimate, SampleError> {
        let mut samples = self.samples();
        for unit in &self.checked {
            unit.add(&mut samples, &|_| 1, 0)?;
        }
        self.estimate(&samples)
    }

    /// Each kind of change, by its name; those beyond the most frequent 253 together.
    fn kinds(&self) -> Result<Vec<(String, ClassEstimate)>, SampleError> {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for unit in &self.checked {
            let changes = unit.mapped.into_iter().chain(unit.truth.map(|(change, _)| change));
            changes.for_each(|change| *counts.entry(change).or_default() += 1);
        }
        let mut kinds: Vec<((&str, &str), u64)> = counts.into_iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        kinds.truncate(MOST_KINDS);
        let mut names: Vec<(&str, &str)> = kinds.into_iter().map(|(change, _)| change).collect();
        names.sort_unstable();
        let id = |change: (&str, &str)| fitted::<u8>(names.binary_search(&change).unwrap_or(MOST_KINDS) + 1);
        let mut samples = self.samples();
        for unit in &self.checked {
            unit.add(&mut samples, &id, 0)?;
        }
        let name = |id: u8| match names.get(usize::from(id) - 1) {
            Some((from, to)) => format!("{from} > {to}"),
            None => "other changes".to_owned(),
        };
        let estimate = self.estimate(&samples)?;
        let changes = estimate.classes.into_iter().filter(|class| class.class_id > 0);
        Ok(changes.map(|class| (name(class.class_id), class)).collect())
    }

    /// The changes in a zone: a domain of the population, whose units are found in all strata.
    fn zone(&self, zone: &str) -> Result<Option<ClassEstimate>, SampleError> {
        let mut samples = self.samples();
        for unit in &self.checked {
            if unit.unit.zone.as_deref() == Some(zone) {
                unit.add(&mut samples, &|_| 1, 2)?;
            } else {
                samples.add_unit(unit.stratum, 0, &[(0, 1.0)], unit.unit.area_m2)?;
            }
        }
        let estimate = self.estimate(&samples)?;
        Ok(estimate.classes.into_iter().find(|class| class.class_id == 1))
    }
}

/// Number of the persons who gave the verdicts on units.
fn persons<'a>(checked: impl Iterator<Item = &'a Checked<'a>>) -> u64 {
    let all: BTreeSet<&String> = checked.flat_map(|unit| &unit.judged.persons).collect();
    arpent_base::number::wide(all.len())
}

fn area(
    of: &'static str,
    name: String,
    units: u64,
    persons: u64,
    class: Option<ClassEstimate>,
) -> AreaReport {
    let note = match &class {
        None => Some("no change among these units, neither mapped nor in truth".to_owned()),
        Some(class) if class.area.interval.is_none() => Some(
            if class.reference_samples == 0 {
                "not found in the sample, which does not mean that there is none"
            } else {
                "the units do not vary: no interval"
            }
            .to_owned(),
        ),
        Some(_) => None,
    };
    AreaReport {
        of,
        name,
        units,
        mapped_units: class.map_or(0, |class| class.mapped_samples),
        reference_units: class.map_or(0, |class| class.reference_samples),
        persons,
        area_m2: class.map(|class| class.area),
        users: class.and_then(|class| class.users),
        producers: class.and_then(|class| class.producers),
        note,
    }
}

/// The estimates that verdicts on a sample give.
pub(crate) fn of_verdicts(sample: &SampleFile, verdicts: &Verdicts) -> Result<EstimateReport, SampleError> {
    let checked = sample.units.iter().filter_map(|unit| {
        let judged = verdicts.judged.get(&unit.id)?;
        Some(Checked::new(sample, unit, judged))
    });
    let checked: Vec<Checked<'_>> = checked.collect();
    let stratum = |stratum: &super::sample_file::SampleStratum| Stratum {
        name: stratum.name.clone(),
        units: stratum.area_m2,
        population: Some(stratum.units),
    };
    let strata = sample.strata.iter().map(stratum).collect();
    let estimator = Estimator { strata, total_m2: sample.total_m2, checked };
    let (units, of_all) = (number_of(&estimator.checked), persons(estimator.checked.iter()));
    let all = estimator.all()?;
    let changed = all.classes.iter().find(|class| class.class_id == 1).copied();
    let mut areas = vec![area("total", ALL.to_owned(), units, of_all, changed)];
    for (name, class) in estimator.kinds()? {
        areas.push(area("change", name, units, of_all, Some(class)));
    }
    let zones: BTreeSet<&str> = sample.units.iter().filter_map(|unit| unit.zone.as_deref()).collect();
    for zone in zones {
        let inside = || estimator.checked.iter().filter(|unit| unit.unit.zone.as_deref() == Some(zone));
        let units = arpent_base::number::wide(inside().count());
        let class = if units < UNITS_OF_ZONE { None } else { estimator.zone(zone)? };
        let mut row = area("zone", zone.to_owned(), units, persons(inside()), class);
        if units < UNITS_OF_ZONE {
            row.note = Some(format!("{units} units with a verdict, {UNITS_OF_ZONE} are needed"));
        }
        areas.push(row);
    }
    let strata = sample.strata.iter().enumerate().map(|(number, stratum)| {
        let of = || estimator.checked.iter().filter(|unit| unit.stratum == number);
        let right = |unit: &&Checked<'_>| matches!(unit.judged.verdict, Verdict::Right { .. });
        StratumReport {
            name: stratum.name.clone(),
            what: stratum.what,
            units: stratum.units,
            area_m2: stratum.area_m2,
            drawn: stratum.drawn,
            checked: arpent_base::number::wide(of().count()),
            right: arpent_base::number::wide(of().filter(right).count()),
        }
    });
    let strata: Vec<StratumReport> = strata.collect();
    let named = verdicts.judged.values().flat_map(|judged| &judged.persons);
    let is_event = |stratum: &&StratumReport| stratum.what == UnitKind::Event;
    Ok(EstimateReport {
        output: None,
        run_id: sample.change.run_id.clone(),
        manifest_sha256: sample.change.manifest_sha256.clone(),
        dates: sample.change.dates.clone(),
        total_m2: sample.total_m2,
        mapped_m2: strata.iter().filter(is_event).map(|stratum| stratum.area_m2).sum(),
        drawn: number_of(&sample.units),
        units,
        not_sure: verdicts.not_sure,
        empty: verdicts.empty,
        persons: named.collect::<BTreeSet<_>>().into_iter().cloned().collect(),
        overall: all.overall,
        warnings: doubts(sample, verdicts, &strata),
        strata,
        areas,
    })
}

/// What is doubtful about the verdicts.
fn doubts(sample: &SampleFile, verdicts: &Verdicts, strata: &[StratumReport]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let all = count(number_of(&sample.units));
    if verdicts.empty > 0 {
        let message = format!("{} of {all} units have no verdict, and are left out", count(verdicts.empty));
        let hint =
            "check all units: if those that are left out differ from the others, the figures are biased";
        warnings.push(Warning::new("units-empty", "sample", message).with_hint(hint));
    }
    if verdicts.not_sure > 0 {
        let message = format!("{} of {all} units are `not sure`, and are left out", count(verdicts.not_sure));
        let hint = "if those that are left out differ from the others, the figures are biased";
        warnings.push(Warning::new("units-not-sure", "sample", message).with_hint(hint));
    }
    for stratum in strata {
        let is_even = stratum.right == stratum.checked && stratum.checked < stratum.units;
        if stratum.what == UnitKind::Cell && is_even && stratum.checked > 0 {
            // The share p of wrong units for which n right ones have a probability of 5 %: (1 - p)^n = 0.05.
            let share = 1.0 - 0.05f64.powf(1.0 / exact(stratum.checked));
            let message = format!(
                "all {} cells of `{}` are right, so it adds nothing to the interval; with 95 % confidence, up to {:.1} % of its cells may have changes",
                count(stratum.checked),
                stratum.name,
                100.0 * share
            );
            let hint = "check more cells of it to narrow this down: a larger --size of the same --seed contains this sample";
            warnings.push(Warning::new("no-variance", "sample", message).with_hint(hint));
        }
    }
    warnings
}

fn write(folder: &Path, report: &EstimateReport) -> Result<()> {
    write_folder(folder, &FILES, |part| {
        let path = part.join(FILES[0]);
        let failed = |source: csv::Error| JobError::WriteTable { path: path.clone(), source };
        let mut table = csv::Writer::from_path(&path).map_err(failed)?;
        let header = [
            "of",
            "name",
            "area_m2",
            "area_se_m2",
            "area_low_m2",
            "area_high_m2",
            "users",
            "users_low",
            "users_high",
            "producers",
            "producers_low",
            "producers_high",
            "units",
            "mapped_units",
            "reference_units",
            "persons",
            "note",
        ];
        table.write_record(header).map_err(failed)?;
        for row in &report.areas {
            let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            let value = |estimate: Option<Estimate>| number(estimate.map(|e| e.value));
            let end = |estimate: Option<Estimate>, at: usize| {
                number(estimate.and_then(|e| e.interval).map(|interval| interval[at]))
            };
            let (area, users, producers) = (row.area_m2, row.users, row.producers);
            let record = [
                row.of.to_owned(),
                row.name.clone(),
                value(area),
                number(area.map(|area| area.standard_error)),
                end(area, 0),
                end(area, 1),
                value(users),
                end(users, 0),
                end(users, 1),
                value(producers),
                end(producers, 0),
                end(producers, 1),
                row.units.to_string(),
                row.mapped_units.to_string(),
                row.reference_units.to_string(),
                row.persons.to_string(),
                row.note.clone().unwrap_or_default(),
            ];
            table.write_record(&record).map_err(failed)?;
        }
        table.flush().map_err(|error| failed(error.into()))?;
        std::fs::write(part.join(FILES[1]), json_document(report)?).context("cannot write estimate.json")
    })
}
