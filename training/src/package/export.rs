//! `arpent-train export`: a copy of a package for redistribution, where data and license allow it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result};
use arpent_model::ModelPackage;
use arpent_shell::message::notice;

use crate::error::TrainError;
use crate::evaluate::{TerritoryScores, rounded};
use crate::fit::Place;
use crate::gate::{Gate, GateArgs, territories_of, with_section};
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
    #[command(flatten)]
    gate: GateArgs,
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
    let judged = Gate::read(&args.gate)?;
    if let Some(gate) = &judged {
        let territories = territories(&args.package, &package)?;
        gate.apply(&mut package, &territories)?;
    }
    package.save(&weights, &args.output)?;
    let card = args.package.join("card.md");
    if card.exists() {
        let mut text =
            std::fs::read_to_string(&card).with_context(|| format!("cannot read {}", card.display()))?;
        if !remark.is_empty() {
            text = format!("{text}\nThis copy was {remark}.\n");
        }
        if let Some(result) = package.gate.as_ref().filter(|_| judged.is_some()) {
            text = with_section(&text, result);
        }
        let to = args.output.join("card.md");
        std::fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
    }
    notice(&format!("exported to {}", args.output.display()));
    notice(&format!("next: {}", command_of("arpent", &["inspect", &args.output.display().to_string()])));
    Ok(())
}

/// The scores by territory that the training measured.
fn territories(folder: &Path, package: &ModelPackage) -> Result<BTreeMap<String, TerritoryScores>> {
    let path = Place::of(folder).validation();
    let refused = |problem: String| {
        let hint = "give the folder that the training wrote, with its folder `run`; an earlier training is scored again by \
                    repeating `fit` with --resume";
        TrainError::refused(problem, hint)
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let problem =
                format!("the gate needs the scores by territory, and there is no {}", path.display());
            return Err(refused(problem).into());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let detail: serde_json::Value =
        serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))?;
    let Some(territories) = territories_of(&detail) else {
        return Err(refused(format!("{} has no scores by territory", path.display())).into());
    };
    // The scores of labels are those of the weights, whatever was calibrated since.
    for name in ["mean_iou", "average_precision_50"] {
        let measured = detail["scores"][name].as_f64().map(rounded);
        let stated = package.scores.get(name).map(|score| score.value);
        if let (Some(measured), Some(stated)) = (measured, stated)
            && (measured - stated).abs() > 1e-9
        {
            let problem = format!(
                "{} is not of this package: its {name} is {measured}, that of model.json {stated}",
                path.display()
            );
            return Err(refused(problem).into());
        }
    }
    Ok(territories)
}
