//! Measures a process.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use arpent_base::number::exact;
use wait4::Wait4;

/// Measurements of one run of a process.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Wall time, seconds.
    pub wall_s: f64,
    /// CPU time of all threads, user and system, seconds.
    pub cpu_s: f64,
    /// Largest resident set, MB (10^6 bytes).
    pub peak_mb: f64,
}

/// Runs a program to its end; its output is discarded.
///
/// # Errors
/// If it cannot be started, or fails.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<Sample> {
    let began = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let end = child.wait4()?;
    let wall_s = began.elapsed().as_secs_f64();
    let shown: Vec<_> = arguments.iter().map(|a| a.as_ref().to_string_lossy()).collect();
    ensure!(end.status.success(), "{program} {} ended with {}", shown.join(" "), end.status);
    Ok(Sample {
        wall_s,
        cpu_s: end.rusage.utime.as_secs_f64() + end.rusage.stime.as_secs_f64(),
        peak_mb: exact(end.rusage.maxrss) / 1e6,
    })
}

/// The median of some numbers; 0 for none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => 0.0,
        n if n % 2 == 1 => figures[n / 2],
        n => f64::midpoint(figures[n / 2 - 1], figures[n / 2]),
    }
}

/// The medians of several runs, separately for each measurement.
pub fn medians(samples: &[Sample]) -> Sample {
    let of = |get: fn(&Sample) -> f64| median(samples.iter().map(get).collect());
    Sample { wall_s: of(|s| s.wall_s), cpu_s: of(|s| s.cpu_s), peak_mb: of(|s| s.peak_mb) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
    }

    #[test]
    fn a_process_is_measured_and_a_failure_is_an_error() {
        let s = run("true", &[] as &[&str]).unwrap();
        assert!(s.wall_s > 0.0 && s.peak_mb > 0.1);
        assert!(run("false", &[] as &[&str]).is_err());
    }
}
