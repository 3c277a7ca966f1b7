//! Requirements of tests: a test without its requirement is skipped, reported and counted, or fails if the
//! requirement is mandatory.

use std::path::{Path, PathBuf};

/// Comma-separated names of mandatory requirements: a test that would be skipped for lack of one fails.
const REQUIRED: &str = "ARPENT_TESTS_REQUIRE";

/// A directory that gets an empty file for each skipped test.
const SKIPPED: &str = "ARPENT_TESTS_SKIPPED";

/// Reports and counts that the test is skipped for lack of `what` (a short name: `slurm`, `real-data`).
///
/// # Panics
/// If the environment variable `ARPENT_TESTS_REQUIRE` contains the name.
#[allow(clippy::print_stderr, reason = "skipped tests are reported")]
pub fn skip(what: &str, why: &str) {
    let required = std::env::var(REQUIRED).unwrap_or_default();
    assert!(!is_required(&required, what), "{why}; {REQUIRED} names {what}");
    eprintln!("skipped for lack of {what}: {why}");
    if let Some(folder) = std::env::var_os(SKIPPED) {
        let test = std::thread::current().name().unwrap_or("unknown").replace([':', '/'], "_");
        std::fs::write(Path::new(&folder).join(format!("{what}.{test}")), "")
            .expect("a folder that can be written");
    }
}

fn is_required(required: &str, what: &str) -> bool {
    required.split(',').any(|name| name.trim() == what)
}

/// A file or directory of the real imagery next to the checkout; skips the test if it does not exist.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("ARPENT_DATA").map_or(beside, PathBuf::from).join(name);
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    skip("real-data", &format!("{} does not exist", path.display()));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_words() {
        assert!(is_required("slurm, azurite", "azurite") && is_required("slurm", "slurm"));
        assert!(!is_required("slurm,azurite", "azur") && !is_required("", "slurm"));
    }
}
