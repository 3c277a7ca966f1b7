//! Facts that no page can be made of, and a host that does not start.

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

/// A host that does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A port that cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {message}")]
    Listen {
        /// The port; 0 for any.
        port: u16,
        /// Why.
        message: String,
    },
}

impl Diagnostic for ServeError {
    fn hint(&self) -> Option<String> {
        let Self::Listen { port, .. } = self;
        (*port != 0).then(|| "leave out --port: any free port is taken then".to_owned())
    }
}
