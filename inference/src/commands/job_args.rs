//! The configuration of a job from its command line.

use arpent_base::Result;
use arpent_job::{Config, JobError, MaskLayer};

use arpent_cli::JobArgs;

/// The effective configuration: that of the file, with the changes of the command line.
///
/// # Errors
/// As [`Config::load`].
pub(super) fn effective(args: &JobArgs) -> Result<Config> {
    let args = &with_config(args.clone())?;
    let mut config = match (&args.config, &args.model) {
        (Some(path), _) => Config::load(path)?,
        (None, Some(model)) => Config::of_model(model)?,
        (None, None) => return Err(JobError::NoConfig.into()),
    };
    if !args.scene.is_empty() {
        config.scenes.clone_from(&args.scene);
    }
    if !args.before.is_empty() {
        config.before.clone_from(&args.before);
    }
    config.input.acquired = args.acquired.clone().or(config.input.acquired);
    config.model = args.model.clone().unwrap_or(config.model);
    config.aoi = args.aoi.clone().or(config.aoi);
    if !args.mask.is_empty() {
        config.mask.layers = args.mask.iter().cloned().map(MaskLayer::Source).collect();
    }
    if !args.mask_classes.is_empty() {
        config.mask.classes.clone_from(&args.mask_classes);
    }
    config.output = args.output.clone().or(config.output);
    config.tiling.window_px = args.window.unwrap_or(config.tiling.window_px);
    config.compute.threads = args.threads.unwrap_or(config.compute.threads);
    config.compute.device = args.device.map_or(config.compute.device, Into::into);
    Ok(config)
}

/// The same arguments with a configuration that follows the scenes: `--scene` and `--before` take every word after
/// them, and no name of a raster ends in `.toml`.
fn with_config(mut args: JobArgs) -> Result<JobArgs> {
    if args.config.is_some() {
        return Ok(args);
    }
    let is_config = |word: &String| word.to_ascii_lowercase().ends_with(".toml") && !word.starts_with('@');
    let named: Vec<String> =
        args.scene.iter().chain(&args.before).filter(|w| is_config(w)).cloned().collect();
    match named.as_slice() {
        [] => {}
        [one] => {
            args.config = Some(one.into());
            args.scene.retain(|word| word != one);
            args.before.retain(|word| word != one);
        }
        _ => return Err(JobError::SeveralConfigs { named }.into()),
    }
    Ok(args)
}
