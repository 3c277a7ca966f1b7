//! One file per layout: where pictures and truth lie, and how they are written.

mod boxes;
mod change_pairs;
mod class_folders;
mod coco;
mod flair;
mod image_mask;
mod names;
mod pascal_voc;
mod raster_polygons;
mod rdd2022;
mod yolo;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use arpent_raster::ReadAs;

use crate::config::LayoutConfig;
use crate::files::Index;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Asked, Card, DatasetError, Example, RemarkKind, Split};

pub use change_pairs::ChangePairs;
pub use class_folders::ClassFolders;
pub use coco::{AerialWaste, Coco, WasteTarget};
pub use flair::{Flair, FlairEdition, FlairGroup, FlairLists};
pub use image_mask::ImageMask;
pub use pascal_voc::PascalVoc;
pub use raster_polygons::{RasterPolygons, SceneReader};
pub(crate) use raster_polygons::{polygon_item, scene_in};
pub use rdd2022::Rdd2022;
pub use yolo::Yolo;

/// An item that a layout found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) item: String,
    /// What the layout knows to belong together; the item itself where it knows nothing.
    pub(crate) group: String,
    /// The split that the set's own lists say.
    pub(crate) split: Option<Split>,
}

impl Listed {
    /// An item that is a group of its own.
    pub(crate) fn alone(item: &str) -> Self {
        Self { item: item.to_owned(), group: item.to_owned(), split: None }
    }
}

/// What is seen of files of labels that no item has.
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

    /// The values that the options name, and whether they were met by now.
    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    /// What was seen while items were looked for, with the file that it was seen in.
    fn found(&self) -> Option<(String, Seen)> {
        None
    }
}

impl LayoutConfig {
    /// Looks for the items.
    pub(crate) fn find(
        &self,
        root: &Path,
        card: &Card,
        values: ReadAs,
    ) -> Result<Box<dyn Layout>, DatasetError> {
        Ok(match self {
            Self::ImageMask(options) => Box::new(image_mask::find(options, root, card)?),
            Self::Flair(options) => Box::new(flair::find(options, root, card)?),
            Self::Coco(options) => Box::new(coco::find(options, root, card)?),
            Self::Aerialwaste(options) => Box::new(coco::find_waste(options, root, card)?),
            Self::Yolo(options) => Box::new(yolo::find(options, root, card)?),
            Self::PascalVoc(options) => Box::new(pascal_voc::find(options, root, card)?),
            Self::Rdd2022(options) => Box::new(rdd2022::find(options, root, card)?),
            Self::ChangePairs(options) => Box::new(change_pairs::find(options, root, card)?),
            Self::RasterPolygons(options) => Box::new(raster_polygons::find(options, root, card, values)?),
            Self::ClassFolders(options) => Box::new(class_folders::find(options, root, card)?),
        })
    }
}
