//! The command line.

mod args;
mod change;
mod device;
mod examples;
mod review;
mod submit;

pub use args::*;
pub use change::*;
pub use review::*;
pub use submit::*;
