//! What tests need of the machine: a test that lacks it is skipped, told and counted, or fails where it must be there.

use std::path::{Path, PathBuf};

/// Names, separated by commas, of what must be there: a test that would be skipped for lack of it fails.
const REQUIRED: &str = "ARPENT_TESTS_REQUIRE";

/// A folder that gets an empty file for each test that is skipped.
const SKIPPED: &str = "ARPENT_TESTS_SKIPPED";

/// Tells that the test is skipped for lack of `what` (a short name: `slurm`, `real-data`), and counts it.
///
/// # Panics
/// Where the environment names it in `ARPENT_TESTS_REQUIRE`.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
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

/// A file or folder of the real imagery that stands beside the checkout; skips where it is not there.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("ARPENT_DATA").map_or(beside, PathBuf::from).join(name);
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    skip("real-data", &format!("{} is not there", path.display()));
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
