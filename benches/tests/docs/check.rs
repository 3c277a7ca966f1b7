//! Failures that name every offender.

/// Fails with all offenders, each on a line.
#[track_caller]
pub(crate) fn none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}
