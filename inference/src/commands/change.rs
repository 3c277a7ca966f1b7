//! `arpent change`, `arpent change sample` and `arpent change estimate`.

use std::path::Path;

use arpent_base::Result;
use arpent_job::{ChangeConfig, ChangePlaces, EstimateOptions, SampleOptions};
use arpent_shell::interrupt;
use arpent_shell::print::{Format, print};

use crate::report;
use arpent_cli::{ChangeArgs, ChangeCommand, EstimateArgs, SampleArgs};

/// Runs the command.
///
/// # Errors
/// When the dates cannot be compared or the results not written; nothing was published then.
pub(crate) fn main(args: &ChangeArgs, format: Format) -> Result<u8> {
    match (&args.command, &args.config) {
        (Some(ChangeCommand::Sample(args)), _) => sample(args, format),
        (Some(ChangeCommand::Estimate(args)), _) => estimate(args, format),
        (None, Some(config)) => compare(args, config, format),
        (None, None) => unreachable!("clap requires a configuration without a command"),
    }
}

fn compare(args: &ChangeArgs, config: &Path, format: Format) -> Result<u8> {
    let given = ChangePlaces {
        before: args.before.clone(),
        after: args.after.clone(),
        masks: [args.mask_before.clone(), args.mask_after.clone()],
        mask_classes: args.mask_classes.clone(),
        previous: args.previous.clone(),
        output: args.output.clone(),
    };
    let mut config = ChangeConfig::load(config, given)?;
    if let Some(shards) = args.shards {
        // Workers may run on other machines, with another working directory.
        config.make_absolute()?;
        let report = arpent_job::write_change_plan(&config, shards.number(), args.overwrite)?;
        print(&report, report::of_change_plan(&report).text(), format)?;
        return Ok(0);
    }
    let interrupt = interrupt::flag()?;
    let report = arpent_job::change(&config, args.overwrite, &interrupt)?;
    print(&report, report::of_change(&report).text(), format)?;
    Ok(0)
}

fn sample(args: &SampleArgs, format: Format) -> Result<u8> {
    let options = SampleOptions {
        change: args.change.clone(),
        output: args.output.clone(),
        size: args.size,
        minimum: args.minimum,
        seed: args.seed,
        cell_m: args.cell_m,
        zones: args.zones.clone().map(|layer| (layer, args.zone_id.clone())),
        overwrite: args.overwrite,
    };
    let report = arpent_job::sample(&options)?;
    print(&report, report::of_change_sample(&report).text(), format)?;
    Ok(0)
}

fn estimate(args: &EstimateArgs, format: Format) -> Result<u8> {
    let options = EstimateOptions {
        samples: args.samples.clone(),
        change: args.change.clone(),
        output: args.output.clone(),
        overwrite: args.overwrite,
    };
    let report = arpent_job::estimate(&options)?;
    print(&report, report::of_estimate(&report).text(), format)?;
    Ok(0)
}
