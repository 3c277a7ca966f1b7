//! Errors of measured values, with hints.

use arpent_base::Diagnostic;
use arpent_base::config::Key;
use thiserror::Error;

/// A configuration that does not fit a model of measured values, or another model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MeasuredError {
    /// A part of the configuration that is about classes.
    #[error("the model `{model}` gives measured values ({values}), and `{key}` is about classes")]
    NeedsClasses {
        /// Id of the model.
        model: String,
        /// Names of its values.
        values: String,
        /// The key.
        key: &'static str,
    },
    /// Breaks for a model of classes or boxes.
    #[error("[values] makes classes of measured values, and the model `{model}` gives {gives}")]
    OfClasses {
        /// Id of the model.
        model: String,
        /// What it gives: `classes` or `boxes`.
        gives: &'static str,
    },
    /// Breaks of a value that the model does not give, or of one of several.
    #[error("{}; the model `{model}` gives {values}", match name {
        Some(name) => format!("there is no measured value `{name}`"),
        None => "breaks are for one of several measured values".to_owned(),
    })]
    Unknown {
        /// Id of the model.
        model: String,
        /// The name, if one is given.
        name: Option<String>,
        /// Names of its values.
        values: String,
    },
    /// Something that is done with labels.
    #[error("{what} is made of labels, and the model `{model}` gives measured values")]
    NoLabels {
        /// Id of the model.
        model: String,
        /// What is wanted.
        what: &'static str,
    },
}

impl Diagnostic for MeasuredError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NeedsClasses { key, .. } => {
                format!("set `breaks` under [values] to make classes of a value, or remove {key}")
            }
            Self::OfClasses { .. } => {
                "remove [values], or choose a model that gives measured values".to_owned()
            }
            Self::Unknown { .. } => "set `of` under [values] to one of these names".to_owned(),
            Self::NoLabels { .. } => "choose a model that labels every pixel".to_owned(),
        })
    }

    fn key(&self) -> Option<Key> {
        match self {
            Self::NeedsClasses { key, .. } => Some((*key).into()),
            Self::OfClasses { .. } => Some("values".into()),
            Self::Unknown { .. } => Some("values.of".into()),
            Self::NoLabels { .. } => None,
        }
    }
}
