//! The interface of layouts.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;

use crate::files::Index;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Asked, Card, DatasetError, Example, RemarkKind, Split};

/// An item that a layout found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) item: String,
    /// Group by the layout (zone, country, polygon); the item itself where the layout has no groups.
    pub(crate) group: String,
    /// The split in the set's own lists.
    pub(crate) split: Option<Split>,
}

impl Listed {
    /// An item that is a group of its own.
    pub(crate) fn alone(item: &str) -> Self {
        Self { item: item.to_owned(), group: item.to_owned(), split: None }
    }
}

/// Remarks on label files without an item.
pub(super) fn without_picture<'a>(
    items: &[Listed],
    indices: impl IntoIterator<Item = &'a Index>,
) -> Option<(String, Seen)> {
    let known: BTreeSet<&str> = items.iter().map(|i| i.item.as_str()).collect();
    let mut all: Option<(String, Seen)> = None;
    for index in indices {
        let (count, first) = index.beside(&known);
        let Some(first) = first else { continue };
        let (_, seen) = all.get_or_insert_with(|| (first.to_owned(), Seen::default()));
        seen.add(RemarkKind::NoPicture, count);
    }
    all
}

/// A layout with the items that were found.
pub(crate) trait Layout: Debug + Send + Sync {
    /// All items there are.
    fn items(&self) -> &[Listed];

    /// Where the picture of an item should be.
    fn place(&self, item: &str) -> PathBuf;

    /// Whether all files of the item at a position are there.
    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError>;

    /// Reads the item at a position, for a split.
    fn read(&self, set: &Set, position: usize, split: Split) -> Result<Example, DatasetError>;

    /// The values in the options, and whether the items read so far contain them.
    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    /// What was seen while items were looked for, with the file that it was seen in.
    fn found(&self) -> Option<(String, Seen)> {
        None
    }
}
