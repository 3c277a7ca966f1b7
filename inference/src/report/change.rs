//! A comparison of two dates, in words.

use arpent_job::ChangeReport;
use arpent_shell::lines::{Lines, count};

use super::add_warnings;

/// What was published.
pub(crate) fn of_change(report: &ChangeReport) -> Lines {
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
        if let Some(correction) = facts.pointer("/registration/correction").filter(|c| c.is_object()) {
            let px = |axis: usize| correction["shift_px"][axis].as_f64().unwrap_or_default();
            lines.add("corrected", format!("{:.2} px east, {:.2} px south, before", px(0), px(1)));
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
        if let Some(observed) = facts.pointer("/stable/observed_m2").and_then(serde_json::Value::as_f64) {
            let kept = facts["stable"]["kept_m2"].as_f64().unwrap_or_default();
            lines.add(
                "stable",
                format!("{kept:.0} m2 in events, of {observed:.0} m2 known not to have changed"),
            );
        }
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    for artifact in &manifest.artifacts {
        lines.add("file", format!("{}/{}", report.output.trim_end_matches('/'), artifact.href));
    }
    lines
}
