//! The command line.

mod args;
mod device;
mod examples;
mod review;
mod submit;

pub use args::*;
pub use review::*;
pub use submit::*;
