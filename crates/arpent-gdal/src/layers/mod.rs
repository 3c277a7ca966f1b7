//! Layers of others, opened: whatever the format, one way to choose the layer, to read its text and to walk through it.

mod dateline;
mod hint;
mod open;
mod parquet;
mod place;
mod table;
mod text;
mod time;

pub(crate) use dateline::{middle_of, unwrapped};
pub(crate) use hint::hint;
pub(crate) use open::{DRIVERS, is_csv_geometry, open_vector};
pub(crate) use parquet::is_parquet;
pub use place::layer_file;
pub(crate) use table::{Raw, Table, folder_files, value_of};
pub(crate) use text::normalized;
pub use text::same_text;
pub(crate) use time::Moment;
