//! Pictures and label rasters of the same name in folders: `images/<item>.jpg`, `masks/<item>.png`.

use std::path::{Path, PathBuf};

use arpent_raster::{Chip, Raster};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Listed, without_picture};
use crate::files::{Index, PICTURES, below};
use crate::folders::{ImageFolder, MaskFolder};
use crate::pixels::{
    Bands, MaskRule, check_bands, check_labels, check_place, check_size, read_chip, read_mask, stack,
};
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Asked, Card, DatasetError, Example, Split, Truth};

/// Options of the layout `image-mask`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageMask {
    /// Folders of pictures; the bands of all are stacked.
    pub images: Vec<ImageFolder>,
    /// Folders of label rasters of one band; later ones cover earlier ones where they name a `class`.
    pub masks: Vec<MaskFolder>,
}

impl Default for ImageMask {
    fn default() -> Self {
        Self { images: vec![ImageFolder::new("images")], masks: vec![MaskFolder::new("masks")] }
    }
}

/// Folders of pictures whose bands are stacked.
#[derive(Debug)]
pub(super) struct Pictures(Vec<(Index, Option<Vec<usize>>)>);

impl Pictures {
    pub(super) fn find(card: &Card, root: &Path, folders: &[ImageFolder]) -> Result<Self, DatasetError> {
        let index = |f: &ImageFolder| {
            let index = Index::new(&card.name, &below(root, &f.folder), &f.suffix, PICTURES)?;
            Ok((index, f.bands.clone()))
        };
        folders.iter().map(index).collect::<Result<_, _>>().map(Self)
    }

    /// Ids in the first folder.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.first().into_iter().flat_map(|(index, _)| index.ids())
    }

    pub(super) fn place(&self, id: &str) -> PathBuf {
        self.0.first().map(|(index, _)| index.place(id)).unwrap_or_default()
    }

    pub(super) fn check(&self, card: &Card, id: &str) -> Result<(), DatasetError> {
        self.0.iter().try_for_each(|(index, _)| index.get(&card.name, id).map(|_| ()))
    }

    /// The chip of an id, with the file that it comes from first.
    pub(super) fn read(&self, set: &Set, id: &str, seen: &mut Seen) -> Result<(&Path, Chip), DatasetError> {
        let card = set.card();
        let alone = self.0.len() == 1;
        let mut parts = Vec::with_capacity(self.0.len());
        for (index, bands) in &self.0 {
            let path = index.get(&card.name, id)?;
            let bands = match bands {
                Some(bands) => Bands::Given(bands),
                None if alone => Bands::Count(card.bands.len()),
                None => Bands::All,
            };
            parts.push((path, read_chip(set, path, bands, seen)?));
        }
        let first = parts.first().map_or(Path::new(""), |(path, _)| *path);
        let chip = stack(parts)?;
        check_bands(card, first, &chip)?;
        Ok((first, chip))
    }
}

/// Folders of label rasters put on top of each other.
#[derive(Debug)]
pub(super) struct Masks(Vec<(Index, MaskRule, Option<u8>)>);

impl Masks {
    pub(super) fn find(card: &Card, root: &Path, folders: &[MaskFolder]) -> Result<Self, DatasetError> {
        let index = |f: &MaskFolder| {
            let index = Index::new(&card.name, &below(root, &f.folder), &f.suffix, PICTURES)?;
            Ok((index, MaskRule::new(f.values.0.clone(), f.threshold), f.class))
        };
        folders.iter().map(index).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn check(&self, card: &Card, id: &str) -> Result<(), DatasetError> {
        self.0.iter().try_for_each(|(index, ..)| index.get(&card.name, id).map(|_| ()))
    }

    pub(super) fn indices(&self) -> impl Iterator<Item = &Index> {
        self.0.iter().map(|(index, ..)| index)
    }

    /// The values that are mapped to a class, and whether they occur in one of the folders that map them.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.iter().flat_map(|(_, rule, _)| rule.asked()).collect()
    }

    /// The labels of an id, of the size of `chip`.
    pub(super) fn read(
        &self,
        card: &Card,
        id: &str,
        (picture, chip): (&Path, &Chip),
        seen: &mut Seen,
    ) -> Result<Raster<u8>, DatasetError> {
        let mut all = Raster::filled(chip.window, 0);
        for (index, rule, class) in &self.0 {
            let path = index.get(&card.name, id)?;
            let labels = read_mask(card, path, rule, seen)?;
            check_size(path, labels.window(), picture, chip.window)?;
            check_place(path, picture)?;
            match class {
                Some(class) => cover(&mut all, &labels, *class),
                None => all = labels,
            }
            check_labels(card, path, &all)?;
        }
        Ok(all)
    }
}

fn cover(all: &mut Raster<u8>, labels: &Raster<u8>, class: u8) {
    let set = all.data_mut().iter_mut().zip(labels.data()).filter(|(_, label)| **label != 0);
    set.for_each(|(all, _)| *all = class);
}

#[derive(Debug)]
pub(super) struct ImageMaskLayout {
    items: Vec<Listed>,
    pictures: Pictures,
    masks: Masks,
}

pub(super) fn find(options: &ImageMask, root: &Path, card: &Card) -> Result<ImageMaskLayout, DatasetError> {
    if options.images.is_empty() || options.masks.is_empty() {
        let problem = "`images` and `masks` need a folder each".into();
        return Err(DatasetError::BadConfig { path: root.to_owned(), problem });
    }
    let pictures = Pictures::find(card, root, &options.images)?;
    let masks = Masks::find(card, root, &options.masks)?;
    let items = pictures.ids().map(Listed::alone).collect();
    Ok(ImageMaskLayout { items, pictures, masks })
}

impl Layout for ImageMaskLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.pictures.place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        let id = &self.items[position].item;
        self.pictures.check(card, id).and_then(|()| self.masks.check(card, id))
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let id = &self.items[position].item;
        let mut seen = Seen::default();
        let (path, chip) = self.pictures.read(set, id, &mut seen)?;
        let labels = self.masks.read(set.card(), id, (path, &chip), &mut seen)?;
        set.remark(id, &seen);
        Ok(Example { chips: vec![chip], truth: Truth::Labels(labels) })
    }

    fn asked(&self) -> Vec<Asked> {
        self.masks.asked()
    }

    fn found(&self) -> Option<(String, Seen)> {
        without_picture(&self.items, self.masks.indices())
    }
}
