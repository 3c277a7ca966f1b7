//! `arpent-train audit`: what is wrong with data sets, before anything is trained on them.

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
}

/// What was found in a set; one line of JSON each.
#[derive(Debug, Serialize)]
struct Found<'a> {
    set: &'a str,
    findings: Vec<String>,
    report: &'a AuditReport,
}

/// Findings in full on stdout (JSON lines), in words on stderr.
pub(crate) fn run(args: &AuditArgs) -> Result<()> {
    let overrides = Overrides { data: args.data.clone(), ..Overrides::default() };
    let config = Config::read(&args.config, &overrides)?;
    if config.sets.is_empty() {
        return Err(TrainError::refused("the configuration names no data set", "add a table [[sets]]").into());
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
    Ok(())
}
