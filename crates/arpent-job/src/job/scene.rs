//! A scene of a job: one that the model can use, or one that it cannot.

use arpent_base::config::Key;
use arpent_base::{Failure, listed, redacted, redacted_text};
use arpent_gdal::SceneSource;
use arpent_publish::{InputValues, Warning};
use arpent_raster::SceneInfo;

/// A scene that the model can use.
#[derive(Debug, Clone)]
pub struct UsableScene {
    /// URI as given.
    pub source: SceneSource,
    /// Its properties; after resampling if it is resampled.
    pub info: SceneInfo,
    /// Number (from 1) of each band of the model, in the model's order.
    pub bands: Vec<usize>,
    /// Whether it is resampled while it is read.
    pub resampled: bool,
    /// Warnings about it.
    pub warnings: Vec<Warning>,
    /// A sample of its values; `None` if there are too many scenes to sample each.
    pub values: Option<InputValues>,
}

/// A scene that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedScene {
    /// URI as given.
    pub uri: String,
    /// Why it cannot be used.
    pub reason: String,
    /// The hint.
    pub hint: Option<String>,
    /// The key of the configuration that causes it, if any.
    #[serde(skip)]
    pub(crate) key: Option<Key>,
}

impl FailedScene {
    /// From an error of opening it.
    pub fn new(uri: &str, error: &Failure) -> Self {
        let hint = error.hint().as_deref().map(redacted_text);
        Self { uri: redacted(uri), reason: redacted_text(&error.message()), hint, key: error.key() }
    }
}

/// `3 bands: 1 red, 2 green, 3 blue`; `64 bands: 1 "A00", 2 "A01", ... 64 "A63"`
pub fn describe_bands(info: &SceneInfo) -> String {
    let name = |b: &arpent_raster::BandInfo| match (&b.common_name, b.is_alpha) {
        (_, true) => "alpha".to_owned(),
        (Some(name), _) => name.clone(),
        (None, _) if b.description.is_empty() => "unnamed".to_owned(),
        (None, _) => format!("\"{}\"", b.description),
    };
    let names: Vec<String> = info.bands.iter().map(|b| format!("{} {}", b.index, name(b))).collect();
    format!("{} band{}: {}", names.len(), if names.len() == 1 { "" } else { "s" }, listed(&names))
}
