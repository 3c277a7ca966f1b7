//! `arpent-train evaluate`: the scores of a package on a split.

use std::path::PathBuf;

use arpent_base::{Result, Threads};
use arpent_datasets::Split;
use arpent_model::{DeviceChoice, ModelPackage, Predictor};
use arpent_shell::message::notice;

use super::judges::judge_of;
use crate::config::{Config, Overrides, same_model};
use crate::data::Sets;
use crate::error::TrainError;
use crate::progress::{command_of, next, print_json};
use crate::threads::use_threads;

/// What to evaluate, and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    /// Folder of the model package.
    package: PathBuf,
    /// The training's TOML file, for its data sets.
    config: PathBuf,
    /// Split to score on: train, validation, ...
    #[arg(long, default_value = "validation")]
    split: String,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Threads; 0 for one per core.
    #[arg(long)]
    threads: Option<Threads>,
}

/// Scores in full on stdout (JSON), tables on stderr.
pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    let overrides = Overrides { data: args.data.clone(), threads: args.threads, ..Overrides::default() };
    let config = Config::read(&args.config, &overrides)?;
    use_threads(config.fit.threads)?;
    let (package, weights) = ModelPackage::load(&args.package)?;
    same_model(&package, &config)?;
    let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu)?;
    let sets = Sets::open_for(&config, &package)?;
    let split = split_named(&sets, &args.split)?;
    let tables = package.calibration.as_ref().and_then(|calibration| calibration.answers.as_ref());
    let published = judge_of(&config, &sets, split, tables).publish(&predictor)?;
    notice(&published.card);
    print_json(&published.detail)?;
    let folder = args.package.display().to_string();
    if package.restriction.is_none() {
        let copy = format!("{}-to-share", folder.trim_end_matches('/'));
        next(&["export", &folder, "--output", &copy]);
    } else {
        notice(&format!("next: {}", command_of("arpent", &["inspect", &folder])));
    }
    Ok(())
}

/// The split of this name, of those that the sets have.
fn split_named(sets: &Sets, name: &str) -> Result<Split> {
    let splits = sets.splits();
    let found = splits.iter().find(|s| s.name() == name).copied();
    let names: Vec<&str> = splits.iter().map(|s| s.name()).collect();
    let refused = || {
        TrainError::refused(format!("no item is in the split `{name}`"), crate::config::nearest(name, &names))
    };
    Ok(found.ok_or_else(refused)?)
}
