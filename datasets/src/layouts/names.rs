//! From the names that annotations use to the classes of the card.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{Card, DatasetError};

/// Class ids by name, whatever its case.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    ids: BTreeMap<String, u8>,
    aliases: BTreeMap<String, String>,
    skip: BTreeSet<String>,
    known: Vec<String>,
    any: bool,
}

/// By what names are compared: not by case, nor by how an accent is stored.
fn key(name: &str) -> String {
    arpent_gdal::same_text(name).to_lowercase()
}

impl Names {
    /// The card's names, others for them, and those to leave out.
    pub(crate) fn new(card: &Card, aliases: &BTreeMap<String, String>, skip: &[String]) -> Self {
        let lower = |(k, v): (&String, &String)| (key(k), key(v));
        Self {
            ids: card.classes.iter().map(|c| (key(&c.name), c.id)).collect(),
            aliases: aliases.iter().map(lower).collect(),
            skip: skip.iter().map(|s| key(s)).collect(),
            known: card.classes.iter().map(|c| c.name.clone()).collect(),
            any: false,
        }
    }

    /// Names that nobody asks for.
    pub(crate) fn anything() -> Self {
        let (ids, aliases) = (BTreeMap::new(), BTreeMap::new());
        Self { ids, aliases, skip: BTreeSet::new(), known: Vec::new(), any: true }
    }

    /// The id of a class, `None` when it is to be left out.
    pub(crate) fn id(
        &self,
        path: &Path,
        line: Option<usize>,
        name: &str,
    ) -> Result<Option<u8>, DatasetError> {
        let lower = key(name);
        if self.any || self.skip.contains(&lower) {
            return Ok(None);
        }
        let target = self.aliases.get(&lower).unwrap_or(&lower);
        self.ids.get(target).map(|id| Some(*id)).ok_or_else(|| DatasetError::UnknownClass {
            path: path.to_owned(),
            line,
            name: name.trim().to_owned(),
            known: self.known.clone(),
        })
    }
}
