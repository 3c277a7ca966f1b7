//! `arpent-train audit`: what is wrong with data sets, before anything is trained on them.

mod cross;

use std::path::PathBuf;

use anyhow::Result;
use arpent_datasets::{AuditReport, audit};
use serde::Serialize;

use crate::config::{Config, Overrides};
use crate::error::TrainError;
use crate::job;
use crate::progress::note;

/// What to look through.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// The training's TOML file, for its data sets.
    config: PathBuf,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Train K times without one part of the training split, and rank its items by how much their labels disagree with
    /// the network that did not see them.
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "3")]
    #[arg(value_parser = clap::value_parser!(u8).range(2..))]
    cross_validate: Option<u8>,
    /// Items to name, those that disagree most.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "cross_validate")]
    worst: usize,
    /// Seed of folds and trainings, instead of `fit.seed`.
    #[arg(long, requires = "cross_validate")]
    seed: Option<u64>,
    /// Number of epochs of each training, instead of `fit.epochs`.
    #[arg(long, requires = "cross_validate")]
    epochs: Option<usize>,
    /// Number of threads, instead of `fit.threads`.
    #[arg(long, requires = "cross_validate")]
    threads: Option<usize>,
}

/// What was found in a set; one line of JSON each.
#[derive(Debug, Serialize)]
struct Found<'a> {
    set: &'a str,
    findings: Vec<String>,
    report: &'a AuditReport,
}

/// What was found by training; one line of JSON.
#[derive(Debug, Serialize)]
struct Crossed {
    cross_validation: cross::Suspects,
}

/// Findings in full on stdout (JSON lines), in words on stderr.
pub(crate) fn run(args: &AuditArgs) -> Result<()> {
    let overrides = Overrides {
        data: args.data.clone(),
        seed: args.seed,
        epochs: args.epochs,
        threads: args.threads,
        ..Overrides::default()
    };
    let config = Config::read(&args.config, &overrides)?;
    job::use_threads(config.fit.threads)?;
    if config.sets.is_empty() {
        return Err(TrainError::refused("the configuration names no data set", "add a table [[sets]]").into());
    }
    if args.cross_validate.is_some() && config.is_detection() {
        return Err(not_of_pixels().into());
    }
    for entry in &config.sets {
        let dataset = entry.config.open(&config.data)?;
        let report = audit(dataset.as_ref())?;
        let (set, findings) = (&dataset.card().name, report.findings());
        note(&format!("{set}: {}", if findings.is_empty() { "nothing found" } else { "" }));
        for finding in &findings {
            note(&format!("  {finding}"));
        }
        job::tell(&Found { set, findings, report: &report })?;
    }
    args.cross_validate.map_or(Ok(()), |folds| cross_validate(&config, folds.into(), args.worst))
}

fn cross_validate(config: &Config, folds: usize, worst: usize) -> Result<()> {
    let suspects = cross::suspects(config, folds, worst)?;
    note("labels to look at, those that disagree most first:");
    for suspect in &suspects.worst {
        note(&format!("  {}", suspect.describe()));
    }
    job::tell(&Crossed { cross_validation: suspects })
}

fn not_of_pixels() -> TrainError {
    let problem = "--cross-validate is for labels of pixels; this training has others";
    TrainError::refused(problem, "audit without it")
}
