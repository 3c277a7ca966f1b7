//! `arpent`: from a scene to published features.

use std::process::ExitCode;

fn main() -> ExitCode {
    arpent::main()
}
