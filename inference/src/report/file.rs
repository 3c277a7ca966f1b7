//! Text report of a file of a run.

use arpent_job::PublishedFile;
use arpent_shell::lines::{Lines, count};

use super::scenes::add_warnings;

/// A file of a run.
pub(crate) fn of_file(found: &PublishedFile) -> Lines {
    let mut lines = Lines::default();
    lines.add(&found.role, &found.file);
    match &found.output {
        Some(output) => lines.add("published at", output),
        None => lines.add("published at", "unknown: no manifest above the file"),
    };
    if found.as_published == Some(false) {
        lines.add("changed", "differs from the published file; `arpent check` on its output reports details");
    }
    if let Some(holds) = &found.holds {
        lines.add("count", format!("{} features", count(holds.features)));
        for (name, counts) in [
            ("class", &holds.classes),
            ("run", &holds.runs),
            ("model", &holds.models),
            ("state", &holds.states),
        ] {
            for (value, number) in counts {
                lines.add(name, format!("{value} ({})", count(*number)));
            }
        }
    }
    if let Some(run) = &found.run {
        add_warnings(&mut lines, &run.warnings);
        if let Some(zones) = &run.counts.zones {
            lines.add("zones", count(zones.zones));
        }
        if found.holds.is_none() {
            lines.add("run", &run.run_id).add("model", &run.model.id);
        }
        lines.add("created", &run.created);
    }
    lines
}
