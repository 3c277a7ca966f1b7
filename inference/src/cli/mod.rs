//! The command line.

mod args;
mod device;
mod examples;
mod submit;

pub use args::*;
pub use submit::*;
