//! Two dates and the change between them, as in LEVIR-CD: `A/<item>.png`, `B/<item>.png`, `label/<item>.png`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_mask::{Masks, Pictures};
use super::layout::{Layout, Listed, without_picture};
use crate::folders::{ImageFolder, MaskFolder};
use crate::pixels::{check_place, check_size};
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Asked, Card, DatasetError, Example, Split, Truth};

/// Options of the layout `change-pairs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangePairs {
    /// Pictures of the earlier date.
    pub first: ImageFolder,
    /// Pictures of the later date.
    pub second: ImageFolder,
    /// Label rasters of the change.
    pub labels: MaskFolder,
}

impl Default for ChangePairs {
    fn default() -> Self {
        let (first, second) = (ImageFolder::new("A"), ImageFolder::new("B"));
        Self { first, second, labels: MaskFolder::new("label") }
    }
}

#[derive(Debug)]
pub(super) struct ChangePairsLayout {
    items: Vec<Listed>,
    dates: [Pictures; 2],
    masks: Masks,
}

pub(super) fn find(
    options: &ChangePairs,
    root: &Path,
    card: &Card,
) -> Result<ChangePairsLayout, DatasetError> {
    let date = |folder: &ImageFolder| Pictures::find(card, root, std::slice::from_ref(folder));
    let dates = [date(&options.first)?, date(&options.second)?];
    let masks = Masks::find(card, root, std::slice::from_ref(&options.labels))?;
    let items = dates[0].ids().map(Listed::alone).collect();
    Ok(ChangePairsLayout { items, dates, masks })
}

impl Layout for ChangePairsLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.dates[0].place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        let id = &self.items[position].item;
        self.dates.iter().try_for_each(|date| date.check(card, id))?;
        self.masks.check(card, id)
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let id = &self.items[position].item;
        let mut seen = Seen::default();
        let (path, first) = self.dates[0].read(set, id, &mut seen)?;
        let (later, second) = self.dates[1].read(set, id, &mut seen)?;
        check_size(later, second.window, path, first.window)?;
        check_place(later, path)?;
        let labels = self.masks.read(set.card(), id, (path, &first), &mut seen)?;
        set.remark(id, &seen);
        Ok(Example { chips: vec![first, second], truth: Truth::Labels(labels) })
    }

    fn asked(&self) -> Vec<Asked> {
        self.masks.asked()
    }

    fn found(&self) -> Option<(String, Seen)> {
        without_picture(&self.items, self.masks.indices())
    }
}
