//! Data set cards: what a set is, under which license, with which bands and classes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// A data set's card, `<name>.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Short name, as in `splits.csv`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// License of imagery and labels (SPDX where there is one). Never empty.
    #[serde(alias = "licence")]
    pub license: String,
    /// Origin, with its version.
    pub source: String,
    /// Whether weights trained on it may be redistributed.
    pub weights_may_ship: bool,
    /// STAC common names of the bands, in file order.
    pub bands: Vec<String>,
    /// Finest and coarsest GSD of the pictures, meters; absent where it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gsd_m: Option<[f64; 2]>,
    /// Classes of the labels.
    pub classes: Vec<CardClass>,
    /// How it is split, in words.
    pub splits: String,
    /// [`fingerprint`](crate::fingerprint) of its folder; absent for sets that users download themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Known faults and other remarks for users.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// A class of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardClass {
    /// Value in the labels.
    pub id: u8,
    /// Name in English, lower case.
    pub name: String,
}

impl Card {
    /// Reads and checks a card.
    ///
    /// # Errors
    /// [`DatasetError::Missing`], [`DatasetError::Read`] and [`DatasetError::BadCard`]: no license, no source, a
    /// class twice, not TOML.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                DatasetError::Missing { dataset: "card".into(), path: path.to_owned() }
            }
            _ => DatasetError::Read { dataset: "card".into(), path: path.to_owned(), source },
        })?;
        let bad = |problem: String| DatasetError::BadCard { path: path.to_owned(), problem };
        let card: Self = toml::from_str(&text).map_err(|e| bad(e.to_string()))?;
        card.check().map_err(bad)?;
        Ok(card)
    }

    /// Refuses a folder whose files differ from the card's fingerprint; a card without one accepts any folder.
    ///
    /// # Errors
    /// [`DatasetError::Changed`], [`DatasetError::Missing`], [`DatasetError::Read`].
    pub fn verify(&self, folder: &Path) -> Result<(), DatasetError> {
        let Some(expected) = self.sha256.clone() else { return Ok(()) };
        let got = crate::fingerprint(folder)?;
        if got == expected {
            return Ok(());
        }
        Err(DatasetError::Changed { path: folder.to_owned(), dataset: self.name.clone(), expected, got })
    }

    fn check(&self) -> Result<(), String> {
        let said = [("name", &self.name), ("license", &self.license), ("source", &self.source)];
        if let Some((key, _)) = said.iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(format!("`{key}` is empty"));
        }
        if self.bands.is_empty() {
            return Err("`bands` is empty".into());
        }
        for (i, class) in self.classes.iter().enumerate() {
            if class.id == crate::IGNORE {
                return Err(format!("class `{}` has id 255, which means `not known`", class.name));
            }
            if self.classes[..i].iter().any(|c| c.id == class.id || c.name == class.name) {
                return Err(format!("class {} `{}` is listed twice", class.id, class.name));
            }
        }
        Ok(())
    }
}
