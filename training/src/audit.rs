//! `arpent-train audit`: checks data sets before training.

mod cross;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arpent_base::{Count, Result, Threads};
use arpent_datasets::{AuditReport, Card, DatasetError, Finding, FindingKind, audit};
use arpent_shell::message::notice;
use serde::Serialize;

use crate::config::{Config, Overrides};
use crate::error::TrainError;
use crate::progress::{command, next, print_json};
use crate::threads::use_threads;

/// The data sets to check.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// The training's TOML file, for its data sets.
    config: PathBuf,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Train K times without one part of the training split, and rank its items by how much their labels disagree with
    /// the network that was trained without them.
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "3")]
    #[arg(value_parser = clap::value_parser!(u8).range(2..))]
    cross_validate: Option<u8>,
    /// Number of items to list, largest disagreement first.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "cross_validate")]
    worst: usize,
    /// Seed of folds and trainings, instead of `fit.seed`.
    #[arg(long, requires = "cross_validate")]
    seed: Option<u64>,
    /// Number of epochs of each training, instead of `fit.epochs`.
    #[arg(long, requires = "cross_validate")]
    epochs: Option<Count>,
    /// Number of threads, instead of `fit.threads`.
    #[arg(long, requires = "cross_validate")]
    threads: Option<Threads>,
    /// Kind of finding to accept, repeatable: it is reported, but the exit code stays 0.
    #[arg(long, value_name = "KIND")]
    allow: Vec<AllowedKind>,
}

/// Kinds of findings, as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AllowedKind {
    /// An item cannot be used.
    Fault,
    /// One picture is in two splits.
    Duplicate,
    /// A split has no item with a class.
    MissingInSplit,
    /// A group has no item with a class.
    MissingInGroup,
    /// Labels are displaced from their objects.
    Shift,
    /// The files are not those of the card's sha256.
    Changed,
}

impl AllowedKind {
    fn is(self, found: FindingKind) -> bool {
        matches!(
            (self, found),
            (Self::Fault, FindingKind::Fault)
                | (Self::Duplicate, FindingKind::Duplicate)
                | (Self::MissingInSplit, FindingKind::MissingInSplit)
                | (Self::MissingInGroup, FindingKind::MissingInGroup)
                | (Self::Shift, FindingKind::Shift)
                | (Self::Changed, FindingKind::Changed)
        )
    }
}

/// A kind as it is written.
fn name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Fault => "fault",
        FindingKind::Duplicate => "duplicate",
        FindingKind::MissingInSplit => "missing-in-split",
        FindingKind::MissingInGroup => "missing-in-group",
        FindingKind::Shift => "shift",
        FindingKind::Changed => "changed",
    }
}

/// What was found in a set; one line of JSON each.
#[derive(Debug, Serialize)]
struct Found<'a> {
    set: &'a str,
    findings: Vec<Told<'a>>,
    report: &'a AuditReport,
}

/// A finding, and whether it is accepted.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    allowed: bool,
}

/// What was found by training; one line of JSON.
#[derive(Debug, Serialize)]
struct Crossed {
    cross_validation: cross::Suspects,
}

/// Findings in full on stdout (JSON lines), as text on stderr. Fails if any finding is not accepted.
pub(crate) fn run(args: &AuditArgs) -> Result<()> {
    let overrides = Overrides {
        data: args.data.clone(),
        seed: args.seed,
        epochs: args.epochs,
        threads: args.threads,
        ..Overrides::default()
    };
    let config = Config::read(&args.config, &overrides)?;
    use_threads(config.fit.threads)?;
    if config.sets.is_empty() {
        return Err(TrainError::refused("the configuration names no data set", "add a table [[sets]]").into());
    }
    if args.cross_validate.is_some() && config.is_detection() {
        return Err(cross::not_of_pixels().into());
    }
    let (mut left, mut kinds) = (0, BTreeSet::new());
    for entry in &config.sets {
        let dataset = entry.config.open(&config.data, config.model.values())?;
        let report = audit(dataset.as_ref())?;
        let set = &dataset.card().name;
        let mut findings = report.findings();
        findings.extend(changed(dataset.card(), &config.data.join(&entry.config.path))?);
        notice(&format!("{set}: {}", if findings.is_empty() { "nothing found" } else { "" }));
        let is_allowed = |finding: &Finding| args.allow.iter().any(|kind| kind.is(finding.kind));
        for finding in &findings {
            let allowed = if is_allowed(finding) { ", allowed" } else { "" };
            notice(&format!("  {} [{}{allowed}]", finding.message, name(finding.kind)));
        }
        report.remarks.iter().for_each(|remark| notice(&format!("  remark: {}", remark.describe())));
        for asked in &report.unmatched {
            notice(&format!(
                "  remark: `{}` names `{}`, which does not occur in the data",
                asked.option, asked.value
            ));
        }
        let open = findings.iter().filter(|f| !is_allowed(f));
        left += open.clone().count();
        kinds.extend(open.map(|f| name(f.kind)));
        let findings = findings.iter().map(|finding| Told { finding, allowed: is_allowed(finding) });
        print_json(&Found { set, findings: findings.collect(), report: &report })?;
    }
    if let Some(folds) = args.cross_validate {
        cross_validate(&config, folds.into(), args.worst)?;
    }
    if left > 0 {
        let config = args.config.display().to_string();
        let mut words = vec!["audit", config.as_str()];
        for kind in kinds {
            words.extend(["--allow", kind]);
        }
        return Err(TrainError::Findings { count: left, command: command(&words) }.into());
    }
    next(&["fit", &args.config.display().to_string()]);
    Ok(())
}

/// The finding that the files are not those of the card.
fn changed(card: &Card, folder: &Path) -> Result<Option<Finding>> {
    match card.verify(folder) {
        Ok(()) => Ok(None),
        Err(error @ DatasetError::Changed { .. }) => {
            Ok(Some(Finding { kind: FindingKind::Changed, message: error.to_string() }))
        }
        Err(error) => Err(error.into()),
    }
}

fn cross_validate(config: &Config, folds: usize, worst: usize) -> Result<()> {
    let suspects = cross::suspects(config, folds, worst)?;
    notice("labels to review, largest disagreement first:");
    for suspect in &suspects.worst {
        notice(&format!("  {}", suspect.describe()));
    }
    print_json(&Crossed { cross_validation: suspects })
}
