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
    /// A page whose facts cannot be read: it is of another version, or no page of an output.
    #[error("the page of the output has no facts that this version can read: {message}")]
    Unreadable {
        /// Why.
        message: String,
    },
}

impl Diagnostic for FactsError {
    fn hint(&self) -> Option<String> {
        let Self::Unreadable { .. } = self else { return None };
        Some("use the version of arpent that published the map, which its manifest names".to_owned())
    }
}

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
    /// An address that no reverse proxy with TLS can have.
    #[error(
        "{address:?} is no public address: `https://`, a host in lower case, and a path at most are expected"
    )]
    Public {
        /// The address.
        address: String,
    },
    /// The operating system gives no random bits.
    #[error("the operating system gives no random bits: {message}")]
    Random {
        /// Why.
        message: String,
    },
}

impl Diagnostic for ServeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { port: 0, .. } | Self::Random { .. } => None,
            Self::Listen { .. } => Some("leave out --port: any free port is taken then".to_owned()),
            Self::Public { .. } => {
                Some("give the address that persons open, such as https://review.example.org".to_owned())
            }
        }
    }
}
