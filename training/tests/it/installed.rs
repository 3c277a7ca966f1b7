//! What packages hold beside the program: completions and manual pages.

use std::path::Path;

use arpent_testing::installed::{check_completions, check_manual};

const PROGRAM: &str = env!("CARGO_BIN_EXE_arpent-train");

#[test]
fn completions_have_every_command() {
    check_completions(Path::new(PROGRAM));
}

#[test]
fn manual_pages_are_accepted_by_groff() {
    check_manual(Path::new(PROGRAM), &[]);
}
