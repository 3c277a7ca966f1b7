//! `arpent zonal`.

use arpent_base::Result;
use arpent_job::{ZonalConfig, ZonalPlaces, ZonalReport};
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};

use crate::report::add_warnings;
use arpent_cli::ZonalArgs;

/// Runs the command.
///
/// # Errors
/// When the statistics cannot be computed or written; nothing was published then.
pub(crate) fn main(args: &ZonalArgs, format: Format) -> Result<u8> {
    let given = ZonalPlaces { map: args.map.clone(), zones: args.zones.clone(), output: args.output.clone() };
    let config = ZonalConfig::load(&args.config, given)?;
    let report = arpent_job::zonal(&config, args.overwrite)?;
    print(&report, human(&report).text(), format)?;
    Ok(0)
}

fn human(report: &ZonalReport) -> Lines {
    let manifest = &report.manifest;
    let mut lines = Lines::default();
    add_warnings(&mut lines, &manifest.warnings);
    lines.add("published", &report.output).add("run", &manifest.run_id);
    if let Some(counts) = &manifest.counts.zones {
        lines.add("zones", count(counts.zones));
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    for artifact in &manifest.artifacts {
        lines.add("file", format!("{}/{}", report.output.trim_end_matches('/'), artifact.href));
    }
    lines
}
