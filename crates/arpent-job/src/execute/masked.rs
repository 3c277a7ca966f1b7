//! Runs whose masks are models: the map of each is made first, of the same scenes, below the output.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use arpent_base::{Failure, Result, redacted};
use arpent_model::{Band, ModelPackage};
use arpent_publish::Target;
use arpent_shell::message::notice;

use super::report::RunReport;
use super::run::{RunOptions, run_published_as_is, run_unmasked};
use crate::config::{Config, MaskLayer};
use crate::cost::Guard;
use crate::error::JobError;
use crate::job::{AFTER, BEFORE, Hashing, Job};
use crate::map::PublishedMap;
use crate::mask::{MadeOf, MaskError, model_of};
use crate::shards::jobs_of;

/// Folder of the maps of masks, below the output.
const MASKS: &str = "masks";

/// Makes and publishes the maps of a configuration: a plan of one shard, its worker and its merge in one process. The maps of
/// masks that are models are made before. Ends where nothing is lost when `interrupt` is set.
///
/// # Errors
/// When the job cannot be run or finished; nothing was published then, but for the maps of masks.
pub fn run(config: Config, options: &RunOptions, interrupt: &AtomicBool) -> Result<RunReport> {
    Guard::watch(&options.limits, interrupt, |guard| {
        let made = if to_make(&config).is_empty() {
            config
        } else {
            check(&config, options)?;
            let make = |mask: Config| one_map(mask, options.overwrite, guard).map(Some);
            // Every map is made, or ends with an error.
            with_maps(&config, &make)?.ok_or_else(|| not_made(&config))?
        };
        run_unmasked(made, options, guard, Hashing::Bytes)
    })
}

/// The maps of a configuration, if a run of it has published all of them.
///
/// # Errors
/// When the job cannot be run, or the store cannot be read.
pub(crate) fn run_published(config: &Config) -> Result<Option<Vec<PublishedMap>>> {
    if to_make(config).is_empty() {
        return run_published_as_is(config);
    }
    let made = with_maps(config, &|mask| {
        let maps = run_published_as_is(&mask)?;
        Ok(maps.and_then(|maps| maps.first().map(|map| map.output.clone())))
    })?;
    made.as_ref().map_or(Ok(None), run_published_as_is)
}

/// The masks whose maps are to be made, by position.
fn to_make(config: &Config) -> Vec<(usize, MadeOf)> {
    let layers = config.mask.layers.iter().enumerate();
    layers.filter_map(|(at, layer)| Some((at, model_of(layer.source())?))).collect()
}

/// Refuses a job that would fail after its masks are made.
fn check(config: &Config, options: &RunOptions) -> Result<()> {
    let job = Job::resolve(config.clone(), options.group_by_crs)?;
    let mask = job.maps.iter().find_map(|map| map.masks.to_make());
    if let (Some(mask), [_, _, ..]) = (mask, &*job.maps) {
        let (mask, grids) = (mask.to_owned(), job.maps.len());
        return Err(config.located(MaskError::SeveralGrids { mask, grids }.into()));
    }
    let output = Target::parse(job.output.as_deref().ok_or(JobError::NoOutput)?)?;
    output.check_writable()?;
    // A job that was interrupted after it had published has its folder there: it is found again by its id.
    if !options.overwrite && output.exists()? && jobs_of(&output)?.is_empty() {
        return Err(JobError::OutputExists { output: output.url().to_owned() }.into());
    }
    Ok(())
}

/// A configuration with the maps of its masks instead of their models; `make` gives the address of a map. `None` if it gives
/// none.
fn with_maps(config: &Config, make: &dyn Fn(Config) -> Result<Option<String>>) -> Result<Option<Config>> {
    let mut made = config.clone();
    let mut layers: Vec<MaskLayer> = Vec::new();
    let mut names = BTreeSet::new();
    let mut to_make = to_make(config);
    to_make.reverse();
    for (at, layer) in config.mask.layers.iter().enumerate() {
        let Some((_, made_of)) = to_make.pop_if(|(next, _)| *next == at) else {
            layers.push(layer.clone());
            continue;
        };
        let name = name_of(layer.source(), &mut names);
        for (date, scenes) in dates_of(config) {
            let folder = date.map_or_else(|| name.clone(), |date| format!("{name}-{date}"));
            let mask = config_of(config, &made_of, scenes, &folder)?;
            let Some(address) = make(mask)? else { return Ok(None) };
            let mut of_map = layer.clone();
            *of_map.source_mut() = address;
            layers.push(of_map);
        }
    }
    made.mask.layers = layers;
    Ok(Some(made))
}

/// The scenes of each date, with its name where there are two.
fn dates_of(config: &Config) -> Vec<(Option<&'static str>, &[String])> {
    if config.before.is_empty() {
        return vec![(None, &config.scenes)];
    }
    vec![(Some(BEFORE), &config.before), (Some(AFTER), &config.scenes)]
}

/// A folder for the map of a mask that no other has.
fn name_of(source: &str, taken: &mut BTreeSet<String>) -> String {
    let path = Path::new(source.trim_end_matches('/'));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect();
    let plain = if plain.trim_matches('-').is_empty() { "mask".to_owned() } else { plain };
    let mut name = plain.clone();
    let mut number = 1;
    while !taken.insert(name.clone()) {
        number += 1;
        name = format!("{plain}-{number}");
    }
    name
}

/// The configuration that makes the map of a mask: scenes, area and machine are those of the job; the rest is that of the
/// configuration of the mask, or for a model package alone, `[input]` of the job.
fn config_of(config: &Config, made_of: &MadeOf, scenes: &[String], folder: &str) -> Result<Config> {
    let mut mask = match made_of {
        MadeOf::Run(path) => {
            let mask = Config::load(path)?;
            if !mask.mask.layers.is_empty() {
                return Err(MaskError::MaskOfMask { mask: redacted(&path.to_string_lossy()) }.into());
            }
            mask
        }
        MadeOf::Model(path) => {
            let mut mask = Config::of_model(path)?;
            let (model, _) = ModelPackage::load(path)?;
            mask.input = config.input.clone();
            mask.input.pixel_size = None;
            // Numbers of bands that only the model of the job has.
            let has = |name: &str| {
                model.bands.iter().any(|band: &Band| band.name == name || band.common_name() == name)
            };
            mask.input.bands.retain(|name, _| has(name));
            mask
        }
        other => unreachable!("a mask of {other:?} is there"),
    };
    mask.scenes = scenes.to_vec();
    mask.before = Vec::new();
    mask.aoi.clone_from(&config.aoi);
    mask.compute.clone_from(&config.compute);
    let output = config.output.as_deref().ok_or(JobError::NoOutput)?;
    mask.output = Some(format!("{}/{MASKS}/{folder}", output.trim_end_matches('/')));
    Ok(mask)
}

/// Makes the map of a mask, unless it is there; its address.
fn one_map(config: Config, overwrite: bool, guard: &Guard<'_>) -> Result<String> {
    let output = config.output.clone().unwrap_or_default();
    let of_mask = |error: Failure| error.context(format!("the mask {output}"));
    if run_published_as_is(&config).map_err(of_mask)?.is_some() {
        notice(&format!("the mask {output} is already made"));
        return Ok(output);
    }
    notice(&format!("making the mask {output}"));
    let options = RunOptions { overwrite, ..RunOptions::default() };
    run_unmasked(config, &options, guard, Hashing::Bytes).map_err(of_mask)?;
    Ok(output)
}

fn not_made(config: &Config) -> Failure {
    let masks: Vec<&str> = config.mask.layers.iter().map(MaskLayer::source).collect();
    MaskError::NotMade { mask: redacted(&masks.join(", ")) }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_folders_of_their_own() {
        let mut taken = BTreeSet::new();
        let sources = ["models/clouds", "a/clouds/", "b/clouds.toml", "b/nuages v2.toml", "/", "run.toml"];
        let names = sources.map(|source| name_of(source, &mut taken));
        assert_eq!(names, ["clouds", "clouds-2", "clouds-3", "nuages-v2", "mask", "run"]);
    }
}
