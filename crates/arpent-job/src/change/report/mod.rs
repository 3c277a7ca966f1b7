//! The report of a comparison for readers: one page in English, one in French, of the same figures.
//!
//! Each page is one file with its style and charts; only the pictures of events are files beside it. Figures are those of
//! the manifest's records and of the tables, which are read back.

mod chart;
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
mod words;

pub(crate) use data::Report;
