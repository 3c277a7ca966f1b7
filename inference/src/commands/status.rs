//! `arpent status`.

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_job::{JobStatus, StatusReport};
use arpent_shell::lines::{Lines, count, duration};
use arpent_shell::print::{Format, print};

/// Runs the command.
///
/// # Errors
/// When there is no plan, or the store cannot be read.
pub(crate) fn main(url: &str, format: Format) -> Result<u8> {
    let report = arpent_job::status(url)?;
    print(&report, &human(&report, url), format)?;
    Ok(0)
}

fn human(report: &StatusReport, url: &str) -> String {
    if report.jobs.is_empty() {
        // A job that has published its maps leaves no files.
        return format!("no job at {url}: its map is published; `arpent inspect {url}` describes it\n");
    }
    report.jobs.iter().map(|job| human_job(job).text().to_owned()).collect::<Vec<_>>().join("\n")
}

fn human_job(job: &JobStatus) -> Lines {
    let mut lines = Lines::default();
    lines.add("plan", &job.plan);
    let states: Vec<String> =
        job.states.iter().map(|(state, number)| format!("{number} {}", state.name())).collect();
    lines.add("shards", format!("{}: {}", job.shards, states.join(", ")));
    lines.add("pieces", format!("{} of {}", job.pieces_done, job.pieces));
    lines.add("pixels", format!("{} of {}", count(job.pixels_done), count(job.pixels)));
    if let (Some(rate), Some(left)) = (job.mpx_per_s, job.seconds_left) {
        lines.add("rate", format!("{rate:.2} Mpx/s, about {} left", duration(left)));
    }
    let energy = job.energy.as_ref();
    let energy = energy.map(|energy| format!(", {:.1} Wh ({})", energy.watt_hours, energy.quality.name()));
    lines.add("cost so far", format!("{:.2} worker hours{}", job.worker_hours, energy.unwrap_or_default()));
    for shard in &job.attention {
        let (name, host) = (shard.state.name(), &shard.host);
        let tries = if shard.tries > 1 { format!(", {} tries", shard.tries) } else { String::new() };
        lines.add(
            &format!("shard {}", shard.shard),
            format!("{name} on {host}{tries}, last update {} ago", duration_of(shard.silent_s)),
        );
        for line in shard.error.iter().flat_map(|error| error.lines()) {
            lines.more(line);
        }
        if let Some(hint) = &shard.hint {
            lines.more(format!("hint: {hint}"));
        }
    }
    lines.add("state", if job.published { "published" } else { "not published" });
    lines
}

fn duration_of(seconds: i64) -> String {
    duration(exact(seconds))
}
