//! `arpent change`, `arpent change sample` and `arpent change estimate`.

use std::path::Path;

use arpent_base::Result;
use arpent_job::{
    AreaReport, ChangeConfig, ChangePlaces, ChangeReport, EstimateOptions, EstimateReport, SampleOptions,
    SampleReport,
};
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};

use crate::cli::{ChangeArgs, ChangeCommand, EstimateArgs, SampleArgs};
use crate::report::add_warnings;

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
        previous: args.previous.clone(),
        output: args.output.clone(),
    };
    let config = ChangeConfig::load(config, given)?;
    let report = arpent_job::change(&config, args.overwrite)?;
    print(&report, human(&report).text(), format)?;
    Ok(0)
}

fn human(report: &ChangeReport) -> Lines {
    let manifest = &report.manifest;
    let mut lines = Lines::default();
    add_warnings(&mut lines, &manifest.warnings);
    lines.add("published", &report.output).add("run", &manifest.run_id);
    if let Some(facts) = &manifest.counts.change {
        let date = |i: usize| facts["dates"][i].as_str().unwrap_or_default().to_owned();
        lines.add("dates", format!("{} and {}", date(0), date(1)));
        if let Some(summary) = facts.pointer("/registration/summary") {
            let number = |key: &str| summary[key].as_f64().unwrap_or_default();
            lines.add(
                "shift",
                format!(
                    "{:.2} px (spread {:.2}), {} good cells",
                    number("median_length"),
                    number("residual_mad"),
                    summary["good"]
                ),
            );
        }
        for (kind, of_kind) in facts["events"].as_object().into_iter().flatten() {
            let events = of_kind["events"].as_u64().unwrap_or_default();
            let area = of_kind["changed_m2"].as_f64().unwrap_or_default();
            if events > 0 {
                lines.add(kind, format!("{} events, {area:.0} m2", count(events)));
            }
        }
        lines.add("changed", format!("{:.0} m2", facts["changed_m2"].as_f64().unwrap_or_default()));
        if let Some(share) =
            facts.pointer("/control/of_pixels/changed_share").and_then(serde_json::Value::as_f64)
        {
            let kept = facts["control"]["kept_m2_per_km2"].as_f64().unwrap_or_default();
            let text = format!(
                "{:.2} % of pixels would differ if nothing had changed; the rules keep {kept:.0} m2 per km2",
                100.0 * share
            );
            lines.add("control", text);
        }
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    for artifact in &manifest.artifacts {
        lines.add("file", format!("{}/{}", report.output.trim_end_matches('/'), artifact.href));
    }
    lines
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
    print(&report, human_sample(&report).text(), format)?;
    Ok(0)
}

fn human_sample(report: &SampleReport) -> Lines {
    let mut lines = Lines::default();
    add_warnings(&mut lines, &report.warnings);
    lines.add("written", &report.output).add("run", &report.run_id);
    lines.add("seed", report.seed.to_string());
    lines.add("units", format!("{}, for {:.0} m2", count(report.units), report.total_m2));
    for stratum in &report.strata {
        let (drawn, all) = (count(stratum.drawn), count(stratum.units));
        lines.add("stratum", format!("{}: {drawn} of {all}, {:.0} m2", stratum.name, stratum.area_m2));
    }
    for name in ["sample.gpkg", "sample.csv", "sample.json"] {
        lines.add("file", format!("{}/{name}", report.output.trim_end_matches('/')));
    }
    lines.add("next", "fill `verdict` and `person` of every row, then `arpent change estimate`");
    lines
}

fn estimate(args: &EstimateArgs, format: Format) -> Result<u8> {
    let options = EstimateOptions {
        samples: args.samples.clone(),
        change: args.change.clone(),
        output: args.output.clone(),
        overwrite: args.overwrite,
    };
    let report = arpent_job::estimate(&options)?;
    print(&report, human_estimate(&report).text(), format)?;
    Ok(0)
}

fn human_estimate(report: &EstimateReport) -> Lines {
    let mut lines = Lines::default();
    add_warnings(&mut lines, &report.warnings);
    lines.add("run", &report.run_id).add("dates", report.dates.join(" and "));
    lines.add("persons", format!("{}: {}", report.persons.len(), report.persons.join(", ")));
    let (units, drawn) = (count(report.units), count(report.drawn));
    let left_out = format!("{} not sure, {} empty", count(report.not_sure), count(report.empty));
    lines.add("units", format!("{units} of {drawn} with a verdict; {left_out}"));
    lines.add("mapped", format!("{:.0} m2 changed, of {:.0} m2", report.mapped_m2, report.total_m2));
    lines.add(
        "overall",
        format!("{} of the ground is as mapped", percent(report.overall.value, report.overall.margin())),
    );
    for stratum in &report.strata {
        let (right, checked) = (count(stratum.right), count(stratum.checked));
        lines.add("stratum", format!("{}: {right} of {checked} right", stratum.name));
    }
    for row in &report.areas {
        lines.add(row.of, of_row(row));
        lines.more(format!(
            "from {} units of {} persons; {} mapped so, {} so in truth",
            count(row.units),
            count(row.persons),
            count(row.mapped_units),
            count(row.reference_units)
        ));
    }
    if let Some(output) = &report.output {
        for name in ["estimate.csv", "estimate.json"] {
            lines.add("file", format!("{}/{name}", output.trim_end_matches('/')));
        }
    }
    lines
}

/// The figures of a row, with their 95 % intervals.
fn of_row(row: &AreaReport) -> String {
    let mut parts = Vec::new();
    if let Some(area) = &row.area_m2 {
        parts.push(match area.interval {
            Some(_) => format!("{:.0} +- {:.0} m2", area.value, area.margin()),
            None => format!("{:.0} m2", area.value),
        });
    }
    for (name, accuracy) in [("user's", &row.users), ("producer's", &row.producers)] {
        if let Some(accuracy) = accuracy {
            parts.push(format!("{name} accuracy {}", percent(accuracy.value, accuracy.margin())));
        }
    }
    parts.extend(row.note.clone());
    format!("{}: {}", row.name, parts.join(", "))
}

fn percent(share: f64, margin: f64) -> String {
    if margin > 0.0 {
        format!("{:.1} +- {:.1} %", 100.0 * share, 100.0 * margin)
    } else {
        format!("{:.1} %", 100.0 * share)
    }
}
