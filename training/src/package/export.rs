//! `arpent-train export`: a copy of a package for redistribution, where data and license allow it.

use std::path::PathBuf;

use arpent_base::{DoingWhat as _, Result};
use arpent_model::ModelPackage;
use arpent_shell::message::notice;

use crate::error::TrainError;
use crate::progress::command_of;

/// The package to export, and the target.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Folder of the model package.
    package: PathBuf,
    /// Folder of the copy.
    #[arg(long)]
    output: PathBuf,
    /// Why the copy may be made although the training data forbid it; written into the copy.
    #[arg(long, value_name = "REASON")]
    despite_license: Option<String>,
}

/// Copies `model.json`, the weights and the card, and nothing of the run.
pub(crate) fn run(args: &ExportArgs) -> Result<()> {
    let (mut package, weights) = ModelPackage::load(&args.package)?;
    let mut remark = String::new();
    if let Some(restriction) = &package.restriction {
        let Some(reason) = args.despite_license.as_deref().map(str::trim).filter(|r| !r.is_empty()) else {
            let problem = format!("package `{}` is not exported: {restriction}", package.id);
            let hint = "ask the owners of the data; if they permit it: --despite-license \"REASON\"";
            return Err(TrainError::refused(problem, hint).into());
        };
        remark = format!("exported despite this restriction: {reason}");
        package.restriction = Some(format!("{restriction}; {remark}"));
    }
    package.save(&weights, &args.output)?;
    let card = args.package.join("card.md");
    if card.exists() {
        let mut text =
            std::fs::read_to_string(&card).with_context(|| format!("cannot read {}", card.display()))?;
        if !remark.is_empty() {
            text = format!("{text}\nThis copy was {remark}.\n");
        }
        let to = args.output.join("card.md");
        std::fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
    }
    notice(&format!("exported to {}", args.output.display()));
    notice(&format!("next: {}", command_of("arpent", &["inspect", &args.output.display().to_string()])));
    Ok(())
}
