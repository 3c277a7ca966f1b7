//! What both programs share and neither owns: the [`energy`] meter, places in configuration files ([`config`]), errors as JSON
//! ([`said`]), and texts without secrets ([`redact`]).

pub mod config;
pub mod energy;
pub mod redact;
pub mod said;

/// The most threads that a program may be asked for: more than any one machine has, and few enough that a typing error does not stop
/// the machine.
pub const MAX_THREADS: usize = 1024;
