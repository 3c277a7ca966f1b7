//! The sections of the report of a comparison.
//!
//! All figures are those of the manifest and of the tables beside it, so that the report can be made again of a published
//! output.

mod data;
mod figures;
mod head;
mod page;
mod parts;
mod reading;
mod shown;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use page::of_change;
pub(crate) use tables::TABLES;
