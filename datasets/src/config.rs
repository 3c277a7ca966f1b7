//! The `[[sets]]` of a `train.toml`: where a data set lies, how it is laid out, how it is split.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layouts::LayoutConfig;
use crate::{Split, SplitRule};

/// A data set to train with. Exactly one of `splits`, `split` and `part` sets how it is split, except for layouts that
/// come with lists of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetConfig {
    /// Folder of the set.
    pub path: PathBuf,
    /// Its card, a TOML file.
    pub card: PathBuf,
    /// A table of splits: CSV with the columns task, dataset, split, item, group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub splits: Option<PathBuf>,
    /// A rule that splits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRule>,
    /// The split that all of it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Split>,
    /// Whether it may lack items for training or for validation.
    #[serde(default)]
    pub partial: bool,
    /// How it is laid out, with the layout's options.
    #[serde(flatten)]
    pub layout: LayoutConfig,
}
