//! The command line of `arpent`: commands, arguments and their help. What a command does is not decided here.

mod args;
mod change;
mod device;
mod examples;
mod review;
mod submit;

pub use args::*;
pub use change::*;
pub use device::Device;
pub use review::*;
pub use submit::*;
