//! Text report of a plan.

use std::fmt::Write as _;

use arpent_base::listed_of;
use arpent_job::{BEFORE, ExpectedUndecided, MapReport, PlanReport};
use arpent_publish::{BandValues, InputValues};
use arpent_shell::lines::{Lines, count, duration};

use super::scenes::{SCENES_IN_FULL, add_warnings, scenes_together};

/// A plan.
pub(crate) fn of_plan(report: &PlanReport) -> String {
    let mut text = String::new();
    for map in &report.maps {
        text.push_str(human_map(report, map).text());
    }
    for failed in &report.failed_scenes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "cannot be used   {}: {}", failed.uri, failed.reason);
        if let Some(hint) = &failed.hint {
            let _ = writeln!(text, "                 hint: {hint}");
        }
    }
    text.push_str(arpent_job::forecast_lines(&report.cost).text());
    if let (Some(plan), Some(shards)) = (&report.plan, report.shards) {
        let mut lines = Lines::default();
        lines.add("shards", shards.to_string()).add("plan", plan);
        text.push_str(lines.text());
    }
    text
}

/// A line for the scenes of each date, and one for those that are resampled.
fn add_many_scenes(lines: &mut Lines, map: &MapReport) {
    let mut dates: Vec<Option<&'static str>> = map.scenes.iter().map(|scene| scene.date).collect();
    dates.sort_unstable_by(|a, b| b.cmp(a));
    dates.dedup();
    for date in dates {
        let scenes = map.scenes.iter().filter(|scene| scene.date == date);
        let all = scenes.clone().map(|scene| {
            let [width, height] = scene.size;
            ((width * height) as u64, Some(scene.gsd_m), scene.acquired.as_deref())
        });
        let name = date.map_or_else(|| "scenes".to_owned(), |date| format!("scenes {date}"));
        lines.add(&name, scenes_together(all));
        let resampled = scenes.filter(|scene| scene.resampled).count();
        if resampled > 0 {
            lines.more(format!("{resampled} of them resampled"));
        }
    }
    lines.more("`--format json` lists them");
}

/// `values: red 36 to 234 (mean 127), ...; as in training`
fn describe_values(values: &InputValues) -> String {
    let band = |b: &BandValues| format!("{} {} to {} (mean {})", b.name, b.p1, b.p99, b.mean);
    let bands: Vec<String> = values.bands.iter().map(band).collect();
    let read_as = if values.read_as == "raw" { String::new() } else { format!(" ({})", values.read_as) };
    format!("values{read_as}: {}; {}", listed_of(&bands, "bands"), values.verdict)
}

/// What is expected to be left undecided, class by class.
fn add_undecided(lines: &mut Lines, of: &ExpectedUndecided) {
    let territory = of.territory.as_deref().unwrap_or("all territories");
    lines.add(
        "undecided",
        format!("at most {} of the given answers wrong, by {territory}", percent(of.max_risk)),
    );
    for class in &of.classes {
        let risk = class.risk.map_or_else(|| "-".to_owned(), percent);
        let coverage = percent(class.coverage);
        lines.more(format!("{}: {coverage} of the answers given, {risk} of them wrong", class.class));
    }
}

/// A share in percent, with one digit.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn human_map(report: &PlanReport, map: &MapReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("model", &report.model);
    lines.add("output", map.output.as_deref().unwrap_or("not set (--output)"));
    lines.add("grid", &map.grid);
    let [w, s, e, n] = map.bbox;
    lines.add("extent", format!("{} x {} px, {w} {s} {e} {n}", map.extent.width, map.extent.height));
    let is_many = map.scenes.len() > SCENES_IN_FULL;
    if is_many {
        add_many_scenes(&mut lines, map);
    }
    for scene in map.scenes.iter().filter(|_| !is_many) {
        let resampled =
            scene.native_gsd_m.map_or(String::new(), |gsd| format!(", resampled from {gsd:.3} m"));
        let [width, height] = scene.size;
        let text = format!(
            "{}: {width} x {height} px, {}, GSD {:.3} m{resampled}",
            scene.id, scene.bands, scene.gsd_m
        );
        lines.add(
            scene.date.map_or("scene", |date| if date == BEFORE { "scene before" } else { "scene after" }),
            text,
        );
        lines.more(format!("valid: {}", scene.valid));
        if let Some(values) = &scene.values {
            lines.more(describe_values(values));
        }
        if !scene.side_files.is_empty() {
            lines.more(format!("read with {}", scene.side_files.join(", ")));
        }
    }
    for mask in &map.masks {
        let made = if mask.kind == "model" { "; its map is made first" } else { "" };
        let reasons =
            if mask.reasons.is_empty() { String::new() } else { format!(": {}", mask.reasons.join(", ")) };
        lines.add("mask", format!("{} ({}){reasons}{made}", mask.source, mask.kind));
    }
    if let Some(undecided) = &map.undecided {
        add_undecided(&mut lines, undecided);
    }
    let (cols, rows) = (map.overlap_px, map.overlap_rows_px);
    let windows = match map.model_window {
        Some(window) => format!(
            "{} of {} px with a margin of {} px: part of the model, on the lattice of {} px",
            map.windows, window.side_px, window.margin_px, map.window_px
        ),
        None => format!(
            "{} of {} px, read with {cols} columns and {rows} rows of overlap",
            map.windows, map.window_px
        ),
    };
    lines.add("windows", windows);
    let (read, wanted) = (count(map.pixels_computed), count(map.pixels_wanted));
    lines.add("pixels", format!("{read} read for {wanted} mapped; computed {:.2} times", map.compute_cost));
    lines.add("memory", format!("at most {} MB", map.memory_bound_mb));
    let rate = report.probe_mpx_per_s;
    lines.add(
        "time",
        format!("about {} of prediction ({rate:.2} Mpx/s in a probe)", duration(map.predicted_s)),
    );
    lines.add("files", map.artifacts.join(", "));
    add_warnings(&mut lines, &map.warnings);
    lines
}
