//! What every crate stands on: errors that tell what to do ([`Failure`], [`Diagnostic`]), texts without credentials ([`redacted`]),
//! hashes, words of a shell, random numbers that repeat, and places in configuration files ([`config`]).

pub mod config;
mod failure;
mod hash;
mod host;
mod random;
mod redact;
mod shell_words;

pub use failure::{Diagnostic, DoingWhat, Failure, Result};
pub use hash::{hex, sha256_hex, sha256_of, short_hash};
pub use host::host;
pub use random::SplitMix64;
pub use redact::{REDACTED, json_document, redacted, redacted_text};
pub use shell_words::{command_line, quoted};

/// The most threads that a program may be asked for: more than any one machine has, and few enough that a typing error does not stop
/// the machine.
pub const MAX_THREADS: usize = 1024;
