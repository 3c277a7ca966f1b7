//! Maps of both dates that are made first, of their scenes.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use arpent_base::Result;
use arpent_shell::message::notice;

use super::error::ChangeJobError;
use super::inputs::{NAMES, take_maps};
use crate::config::{ChangeConfig, Config};
use crate::execute::{RunOptions, run, run_published};
use crate::map::PublishedMap;

/// Makes the maps of dates that have scenes only, if the configuration names a run; returns the configuration with the
/// maps named. They are published below the output, and found there again by the next try.
///
/// # Errors
/// [`ChangeJobError::NoOutput`]; when a map cannot be made.
pub(super) fn with_maps(
    config: &ChangeConfig,
    overwrite: bool,
    interrupt: &AtomicBool,
) -> Result<ChangeConfig> {
    let mut made = config.clone();
    let Some(of_run) = &config.run else { return Ok(made) };
    // Maps that are there are not made; what a raster of unnamed classes is, the run decides.
    take_maps(&mut made, false).map_err(|error| config.located(error.into()))?;
    let output = config.output.as_deref().ok_or(ChangeJobError::NoOutput)?;
    for (date, name) in [&mut made.before, &mut made.after].into_iter().zip(NAMES) {
        if date.map.is_some() || date.scenes.is_empty() {
            continue;
        }
        let place = format!("{}/maps/{name}", output.trim_end_matches('/'));
        let mut run_config = Config::load(Path::new(of_run))?;
        run_config.scenes.clone_from(&date.scenes);
        run_config.before.clear();
        run_config.output = Some(place.clone());
        date.map = Some(one_map(run_config, overwrite, interrupt)?);
    }
    Ok(made)
}

/// Makes a map, unless it is there; its address.
fn one_map(config: Config, overwrite: bool, interrupt: &AtomicBool) -> Result<String> {
    let maps = if let Some(maps) = run_published(&config)? {
        notice(&format!("{} is already made", config.output.as_deref().unwrap_or_default()));
        maps
    } else {
        let options = RunOptions { overwrite, ..RunOptions::default() };
        let report = run(config, &options, interrupt)?;
        if let Some(failed) = report.failed_scenes.first() {
            let (uri, reason) = (failed.uri.clone(), failed.reason.clone());
            return Err(ChangeJobError::SceneFailed { uri, reason }.into());
        }
        report.maps
    };
    let [PublishedMap { output, .. }] = &*maps else { return Err(ChangeJobError::SeveralMaps.into()) };
    Ok(output.clone())
}

/// Refuses maps that are to be made, for a plan.
///
/// # Errors
/// [`ChangeJobError::MapsInShards`].
pub(super) fn check_made(config: &ChangeConfig) -> Result<(), ChangeJobError> {
    let mut config = config.clone();
    if config.run.is_some() {
        take_maps(&mut config, false)?;
    }
    let is_to_make = |date: &crate::config::DateInputs| date.map.is_none() && !date.scenes.is_empty();
    match &config.run {
        Some(run) if is_to_make(&config.before) || is_to_make(&config.after) => {
            Err(ChangeJobError::MapsInShards { run: run.clone() })
        }
        _ => Ok(()),
    }
}
