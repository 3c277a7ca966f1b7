//! `arpent-train`: from labels to a model package.

use std::process::ExitCode;

fn main() -> ExitCode {
    arpent_train::main()
}
