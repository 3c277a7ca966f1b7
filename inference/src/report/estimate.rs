//! Areas of change with an interval, from a sample that persons have checked.

use arpent_job::{AreaReport, ChangePlanReport, EstimateReport, SampleReport};
use arpent_shell::lines::{Lines, count};

use super::add_warnings;

/// A comparison that was divided into shards.
pub(crate) fn of_change_plan(report: &ChangePlanReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("dates", report.dates.join(" and "));
    lines.add("pixels", format!("{} in {} pieces", count(report.pixels), report.pieces));
    if let Some(pixels) = report.scored_on_px {
        lines.add("images", format!("compared; the threshold is measured on {} px", count(pixels)));
    }
    lines.add("shards", report.shards.to_string()).add("plan", &report.plan);
    lines.add("next", "`arpent submit --plan PLAN`, or a worker for each shard and then `arpent merge`");
    lines
}

/// A sample that persons are to check.
pub(crate) fn of_change_sample(report: &SampleReport) -> Lines {
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

/// Areas, accuracies and their intervals.
pub(crate) fn of_estimate(report: &EstimateReport) -> Lines {
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
