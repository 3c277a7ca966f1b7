//! Text report of a run.

use std::fmt::Write as _;

use arpent_job::{PublishedMap, RunReport};
use arpent_publish::{Manifest, energy_text};
use arpent_shell::lines::{Lines, count, duration};

use super::scenes::{SCENES_IN_FULL, add_warnings, scenes_together};

/// A run or a merge.
pub(crate) fn of_run(report: &RunReport) -> String {
    let mut text = String::new();
    for map in &report.maps {
        text.push_str(human_map(map).text());
    }
    if !report.failed_scenes.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} scene(s) failed; see above", report.failed_scenes.len());
    }
    text
}

fn human_map(map: &PublishedMap) -> Lines {
    let manifest = &map.manifest;
    let mut lines = Lines::default();
    lines.add("published", &map.output).add("run", &manifest.run_id);
    add_inputs(&mut lines, manifest, false);
    add_masked(&mut lines, manifest);
    for (class, number) in &manifest.counts.features_per_class {
        lines.add("features", format!("{} {class}", count(*number)));
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    if let Some(ledger) = &map.ledger {
        arpent_job::took_line(&mut lines, ledger);
    }
    for artifact in &manifest.artifacts {
        lines.add("file", format!("{}/{}", map.output.trim_end_matches('/'), artifact.href));
    }
    lines
}

/// The output of a run, by its manifest.
pub(crate) fn of_manifest(target: &str, manifest: &Manifest) -> Lines {
    let mut lines = Lines::default();
    lines.add("run", format!("{}, {}", manifest.run_id, manifest.created));
    lines.add(
        "model",
        format!("{} {} ({})", manifest.model.id, manifest.model.version, manifest.model.license),
    );
    add_inputs(&mut lines, manifest, true);
    for failed in &manifest.failed_inputs {
        lines.add("failed scene", format!("{}: {}", failed.uri, failed.reason));
    }
    add_warnings(&mut lines, &manifest.warnings);
    let counts = &manifest.counts;
    if let Some(zones) = &counts.zones {
        lines.add("zones", count(zones.zones));
    } else {
        lines.add(
            "windows",
            format!("{} run, {} skipped as nodata", count(counts.windows_run), count(counts.windows_skipped)),
        );
        lines.add("valid pixels", count(counts.pixels_valid));
    }
    add_masked(&mut lines, manifest);
    for (class, number) in &counts.features_per_class {
        lines.add("features", format!("{} {class}", count(*number)));
    }
    let busy = manifest.timings_s.iter().map(|(stage, s)| format!("{stage} {}", duration(*s)));
    lines.add("busy time", busy.collect::<Vec<_>>().join(", "));
    if let Some(energy) = &manifest.energy {
        lines.add(
            "energy",
            format!(
                "{:.3} Wh, {} ({})",
                energy["watt_hours"].as_f64().unwrap_or(0.0),
                energy_text(Some(energy), "quality"),
                energy_text(Some(energy), "method")
            ),
        );
    }
    if let Some(ledger) = &manifest.ledger {
        arpent_job::ledger_lines(&mut lines, ledger);
    }
    for artifact in &manifest.artifacts {
        let (size, root) = (count(artifact.size), target.trim_end_matches('/'));
        lines.add(&artifact.role, format!("{root}/{} ({size} bytes)", artifact.href));
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    lines
}

/// What masks took out, by reason.
fn add_masked(lines: &mut Lines, manifest: &Manifest) {
    let Some(masked) = &manifest.counts.masked else { return };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let reasons = masked.reasons.iter().filter(|reason| reason.pixels > 0 || reason.boxes > 0);
    let reasons: Vec<String> =
        reasons.map(|reason| format!("{} {}", reason.reason, percent(reason.share))).collect();
    let boxes = match masked.boxes_masked {
        0 => String::new(),
        boxes => format!("; {} boxes left out", count(boxes)),
    };
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    lines
        .add("masked", format!("{} of the area, not observed{reasons}{boxes}", percent(masked.masked_share)));
}

/// The inputs of a run: one line each if they are few and `each` is set, a summary if they are many.
fn add_inputs(lines: &mut Lines, manifest: &Manifest, each: bool) {
    let is_map = manifest.counts.zones.is_none();
    if is_map && manifest.inputs.len() > SCENES_IN_FULL {
        let all = manifest.inputs.iter().map(|input| {
            let pixels = input.grid.as_ref().map_or(0, |grid| grid.width * grid.height);
            (pixels, None, input.acquired.as_deref())
        });
        lines.add("scenes", scenes_together(all));
        return;
    }
    for input in manifest.inputs.iter().filter(|_| each) {
        let date = input.acquired.as_deref().unwrap_or("date unknown");
        let when = input.date.as_deref().map(|d| format!(" ({d})")).unwrap_or_default();
        if is_map {
            lines.add("scene", format!("{}{when}: {}, {date}", input.id, input.uri));
        } else {
            lines.add("input", format!("{}: {}", input.id, input.uri));
        }
    }
}
