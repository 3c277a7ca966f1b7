//! Styles and projects that cannot be made.

use arpent_base::Diagnostic;
use thiserror::Error;

/// A project that cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QgisError {
    /// A layer's style that is not XML.
    #[error("the style of a layer is not well-formed XML: {message}")]
    Style {
        /// What the parser says.
        message: String,
    },
    /// The archive of a project cannot be written.
    #[error("the project for QGIS cannot be compressed")]
    Archive(#[from] zip::result::ZipError),
}

impl Diagnostic for QgisError {}
