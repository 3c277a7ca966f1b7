//! From the names that annotations use to the classes of the card.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::{Asked, Card, DatasetError};

/// Class ids by name, whatever its case.
#[derive(Debug)]
pub(crate) struct Names {
    ids: BTreeMap<String, u8>,
    /// Another name, as it is written, and the card's.
    aliases: BTreeMap<String, (String, String)>,
    /// As it is written.
    skip: BTreeMap<String, String>,
    known: Vec<String>,
    any: bool,
    /// Names that occur in the data.
    met: Mutex<BTreeSet<String>>,
}

/// The key by which names are compared: independent of case and of the Unicode form of accents.
fn key(name: &str) -> String {
    arpent_gdal::same_text(name).to_lowercase()
}

impl Names {
    /// The card's names, others for them, and those to leave out.
    pub(crate) fn new(card: &Card, aliases: &BTreeMap<String, String>, skip: &[String]) -> Self {
        let alias = |(k, v): (&String, &String)| (key(k), (k.clone(), key(v)));
        Self {
            ids: card.classes.iter().map(|c| (key(&c.name), c.id)).collect(),
            aliases: aliases.iter().map(alias).collect(),
            skip: skip.iter().map(|s| (key(s), s.clone())).collect(),
            known: card.classes.iter().map(|c| c.name.clone()).collect(),
            any: false,
            met: Mutex::default(),
        }
    }

    /// An empty list of names: every name is accepted.
    pub(crate) fn anything() -> Self {
        Self {
            ids: BTreeMap::new(),
            aliases: BTreeMap::new(),
            skip: BTreeMap::new(),
            known: Vec::new(),
            any: true,
            met: Mutex::default(),
        }
    }

    /// The id of a class, `None` when it is to be left out.
    pub(crate) fn id(
        &self,
        path: &Path,
        line: Option<usize>,
        name: &str,
    ) -> Result<Option<u8>, DatasetError> {
        let lower = key(name);
        if self.any {
            return Ok(None);
        }
        let is_skipped = self.skip.contains_key(&lower);
        if is_skipped || self.aliases.contains_key(&lower) {
            self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(lower.clone());
        }
        if is_skipped {
            return Ok(None);
        }
        let target = self.aliases.get(&lower).map_or(&lower, |(_, target)| target);
        self.ids.get(target).map(|id| Some(*id)).ok_or_else(|| DatasetError::UnknownClass {
            path: path.to_owned(),
            line,
            name: name.trim().to_owned(),
            known: self.known.clone(),
        })
    }

    /// The names in the options, and whether they occur in the data.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |option: &str, lower: &String, value: &String| Asked {
            option: option.to_owned(),
            value: value.clone(),
            is_found: met.contains(lower),
        };
        let aliases = self.aliases.iter().map(|(lower, (name, _))| one("names", lower, name));
        aliases.chain(self.skip.iter().map(|(lower, name)| one("skip", lower, name))).collect()
    }
}
