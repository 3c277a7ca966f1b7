//! Where a data set lies: pictures and masks in folders of equal names. Stands in for the data sets' own table of
//! layouts until that is there.

use std::path::{Path, PathBuf};

use arpent_datasets::{Card, Dataset, DatasetError, Example, Picture, SplitItem, Truth, read_splits};
use arpent_raster::{Chip, Raster, Window};
use serde::Deserialize;

/// A data set, as written in `train.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetConfig {
    layout: Layout,
    path: PathBuf,
    card: PathBuf,
    splits: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Layout {
    ImageMask,
    ChangePairs,
}

impl SetConfig {
    /// Opens the data set; relative paths start at `base`.
    pub(crate) fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DatasetError> {
        let card = Card::read(&base.join(&self.card))?;
        let items = read_splits(&base.join(&self.splits), &card.name)?;
        let folders = match self.layout {
            Layout::ImageMask => vec!["images"],
            Layout::ChangePairs => vec!["before", "after"],
        };
        Ok(Box::new(Folders { card, items, root: base.join(&self.path), dates: folders }))
    }
}

#[derive(Debug)]
struct Folders {
    card: Card,
    items: Vec<SplitItem>,
    root: PathBuf,
    /// Folder of each date's pictures.
    dates: Vec<&'static str>,
}

impl Dataset for Folders {
    fn card(&self) -> &Card {
        &self.card
    }

    fn items(&self) -> &[SplitItem] {
        &self.items
    }

    fn read(&self, index: usize) -> Result<Example, DatasetError> {
        let name = format!("{}.png", self.items[index].item);
        let read = |folder: &str| Picture::read(&self.card.name, &self.root.join(folder).join(&name));
        let chips = self.dates.iter().map(|f| Ok(chip(&read(f)?))).collect::<Result<Vec<_>, _>>()?;
        let mask = read("masks")?;
        let labels = mask.pixels.iter().map(|p| p[0]).collect();
        let labels = Raster::new(Window::new(0, 0, mask.width, mask.height), labels).map_err(|e| {
            DatasetError::Malformed {
                path: self.root.join("masks").join(&name),
                line: 0,
                problem: e.to_string(),
            }
        })?;
        Ok(Example { chips, truth: Truth::Labels(labels) })
    }
}

fn chip(picture: &Picture) -> Chip {
    let mut chip = Chip::empty(Window::new(0, 0, picture.width, picture.height), 3);
    chip.valid.fill(true);
    chip.data = (0..3).flat_map(|c| picture.pixels.iter().map(move |p| f32::from(p[c]))).collect();
    chip
}
