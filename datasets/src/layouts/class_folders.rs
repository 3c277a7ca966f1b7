//! One folder per class: `<class>/<item>.jpg`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_mask::Pictures;
use super::layout::{Layout, Listed};
use super::names::Names;
use crate::folders::ImageFolder;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Card, DatasetError, Example, Split, Truth};

/// Options of the layout `class-folders`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassFolders {
    /// Names of the card by names of folders, where they differ.
    pub names: BTreeMap<String, String>,
    /// Folders to leave out.
    pub skip: Vec<String>,
}

#[derive(Debug)]
pub(super) struct ClassFoldersLayout {
    items: Vec<Listed>,
    classes: Vec<u8>,
    pictures: Pictures,
}

pub(super) fn find(
    options: &ClassFolders,
    root: &Path,
    card: &Card,
) -> Result<ClassFoldersLayout, DatasetError> {
    let names = Names::new(card, &options.names, &options.skip);
    let pictures = Pictures::find(card, root, &[ImageFolder::new(".")])?;
    let (mut items, mut classes) = (Vec::new(), Vec::new());
    for id in pictures.ids() {
        let Some((folder, _)) = id.split_once('/') else { continue };
        if let Some(class) = names.id(&root.join(folder), None, folder)? {
            items.push(Listed::alone(id));
            classes.push(class);
        }
    }
    Ok(ClassFoldersLayout { items, classes, pictures })
}

impl Layout for ClassFoldersLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.pictures.place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        self.pictures.check(card, &self.items[position].item)
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (item, mut seen) = (&self.items[position].item, Seen::default());
        let (_, chip) = self.pictures.read(set, item, &mut seen)?;
        set.remark(item, &seen);
        Ok(Example { chips: vec![chip], truth: Truth::Classes(vec![self.classes[position]]) })
    }
}
