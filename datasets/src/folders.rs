//! Folders of a set as a `train.toml` names them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A folder of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// Folder below the set's.
    pub folder: String,
    /// Suffix of file names between the item's id and the extension.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// Bands to take, from 1; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Vec<usize>>,
}

impl ImageFolder {
    /// All bands of a folder.
    pub fn new(folder: &str) -> Self {
        Self { folder: folder.into(), suffix: String::new(), bands: None }
    }
}

/// A folder of label rasters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskFolder {
    /// Folder below the set's.
    pub folder: String,
    /// Suffix of file names between the item's id and the extension.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// Class ids by the values of the mask; other values stay what they are. 255 is `not known`.
    #[serde(default, skip_serializing_if = "ValueMap::is_empty")]
    pub values: ValueMap,
    /// From this value on a pixel is class 1, below it is class 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u8>,
    /// The mask is of one class: pixels that are not 0 (after `values`) are of it, the others are not. Masks further
    /// down the list cover those above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u8>,
}

impl MaskFolder {
    /// Class ids as they stand in the masks of a folder.
    pub fn new(folder: &str) -> Self {
        let (folder, suffix) = (folder.into(), String::new());
        Self { folder, suffix, values: ValueMap::default(), threshold: None, class: None }
    }
}

/// Class ids by values of a mask; keys are numbers from 0 to 255, which TOML writes as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, u8>", into = "BTreeMap<String, u8>")]
#[schemars(with = "BTreeMap<String, u8>")]
pub struct ValueMap(pub BTreeMap<u8, u8>);

impl ValueMap {
    /// Whether no value is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<String, u8>> for ValueMap {
    type Error = String;

    fn try_from(map: BTreeMap<String, u8>) -> Result<Self, String> {
        let number = |(key, class): (String, u8)| {
            let value = key.parse().map_err(|_| format!("`{key}` is not a number from 0 to 255"))?;
            Ok((value, class))
        };
        map.into_iter().map(number).collect::<Result<_, _>>().map(Self)
    }
}

impl From<ValueMap> for BTreeMap<String, u8> {
    fn from(map: ValueMap) -> Self {
        map.0.into_iter().map(|(value, class)| (value.to_string(), class)).collect()
    }
}
