//! What both programs share and neither owns: the [`energy`] meter, and places in configuration files ([`config`]).

pub mod config;
pub mod energy;

/// The most threads that a program may be asked for: more than any one machine has, and few enough that a typing error does not stop
/// the machine.
pub const MAX_THREADS: usize = 1024;
