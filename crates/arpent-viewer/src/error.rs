//! Facts that no page can be made of.

use arpent_base::Diagnostic;
use thiserror::Error;

/// Facts that no page can be made of.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum FactsError {
    /// The name of a file that is not one beside the page.
    #[error(
        "the page cannot link to {href:?}: the name of a file beside it is expected, of letters, digits, `.`, `_` and `-`"
    )]
    Href {
        /// The name.
        href: String,
    },
    /// An extent that is not on the globe.
    #[error("the extent of the page is {extent:?}: west, south, east and north in degrees are expected")]
    Extent {
        /// The extent.
        extent: [f64; 4],
    },
    /// A lattice whose nodes are not all there.
    #[error(
        "the lattice of the page has {points} nodes for {columns} columns and {rows} rows, at least 2 of each"
    )]
    Lattice {
        /// Nodes that are finite.
        points: usize,
        /// Columns.
        columns: usize,
        /// Rows.
        rows: usize,
    },
}

impl Diagnostic for FactsError {}
