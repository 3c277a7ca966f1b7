//! Shared by all crates: errors with hints ([`Failure`], [`Diagnostic`]), texts without credentials ([`redacted`]),
//! hashes, shell quoting, lists of names ([`listed`]), reproducible random numbers, columns of tables ([`Column`]),
//! positions in configuration files ([`config`]), checked numbers of configurations, headers of SQLite files
//! ([`settle_sqlite_header`]), and number conversions ([`number`]).

mod checked;
pub mod config;
mod failure;
mod hash;
mod host;
mod listed;
pub mod number;
mod random;
mod redact;
mod shell_words;
mod sqlite;
mod table;

pub use checked::{
    BandNumber, CacheMb, CellSide, ChipSide, Count, Factor, Meters, OutOfRange, Pictured, Pixels,
    PositiveShare, Readers, Share, SquareMeters, Threads, Width, WindowSide,
};
pub use failure::{Diagnostic, DoingWhat, Failure, Result};
pub use hash::{hash_of_json, hex, sha256_hex, sha256_of, short_hash};
pub use host::host;
pub use listed::{listed, listed_numbers, listed_of};
pub use random::SplitMix64;
pub use redact::{REDACTED, json_document, redacted, redacted_text};
pub use shell_words::{command_line, quoted};
pub use sqlite::{SQLITE_HEADER, settle_sqlite_header};
pub use table::{Cell, Column, ColumnKind, Language, Title, Value, table_schema};
