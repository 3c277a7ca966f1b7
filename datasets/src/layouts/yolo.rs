//! YOLO's text files: `images/<item>.jpg`, `labels/<item>.txt` with one box to a line: class, center column, center
//! row, width and height, all but the class as shares of the picture.

use std::path::{Path, PathBuf};

use arpent_raster::Chip;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::fitted;
use super::image_mask::Pictures;
use super::names::Names;
use super::{Layout, Listed};
use crate::config::ImageFolder;
use crate::files::{Index, read_text};
use crate::set::{Set, below};
use crate::{Card, Dataset, DatasetError, Example, Split, Truth, TruthBox};

/// Options of the layout `yolo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Yolo {
    /// Folder of pictures.
    pub images: String,
    /// Folder of text files: one for each picture, empty where it shows no object.
    pub labels: String,
    /// Names of the card in the order of YOLO's class numbers; without them the numbers are ids of the card.
    pub names: Vec<String>,
}

impl Default for Yolo {
    fn default() -> Self {
        Self { images: "images".into(), labels: "labels".into(), names: Vec::new() }
    }
}

#[derive(Debug)]
pub(super) struct YoloLayout {
    items: Vec<Listed>,
    pictures: Pictures,
    labels: Index,
    /// Class ids by YOLO's numbers.
    ids: Vec<Option<u8>>,
}

pub(super) fn find(options: &Yolo, root: &Path, card: &Card) -> Result<YoloLayout, DatasetError> {
    let pictures = Pictures::find(card, root, &[ImageFolder::new(&options.images)])?;
    let labels = Index::new(&card.name, &below(root, &options.labels), "", &["txt"])?;
    let names = Names::new(card, &std::collections::BTreeMap::new(), &[]);
    let ids = if options.names.is_empty() {
        let mut ids = vec![None; 256];
        card.classes.iter().for_each(|c| ids[usize::from(c.id)] = Some(c.id));
        ids
    } else {
        options.names.iter().map(|n| names.id(root, None, n)).collect::<Result<_, _>>()?
    };
    let items = pictures.ids().map(Listed::alone).collect();
    Ok(YoloLayout { items, pictures, labels, ids })
}

impl Layout for YoloLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.pictures.place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        let id = &self.items[position].item;
        self.pictures.check(card, id)?;
        self.labels.get(&card.name, id).map(|_| ())
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, id) = (set.card(), &self.items[position].item);
        let (_, chip) = self.pictures.read(card, id)?;
        let path = self.labels.get(&card.name, id)?;
        let text = read_text(&card.name, path)?;
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let boxes = lines.map(|(number, line)| self.parse(path, number, line, &chip));
        let boxes = fitted(path, id, &chip, boxes.collect::<Result<_, _>>()?)?;
        Ok(Example { chips: vec![chip], truth: Truth::Boxes(boxes) })
    }
}

impl YoloLayout {
    fn parse(&self, path: &Path, line: usize, text: &str, chip: &Chip) -> Result<TruthBox, DatasetError> {
        let bad = |problem: String| DatasetError::Malformed { path: path.to_owned(), line, problem };
        let mut words = text.split_whitespace();
        let number = words.next().and_then(|w| w.parse::<usize>().ok());
        let shares: Option<Vec<f64>> = words.map(|w| w.parse().ok()).collect();
        let (Some(number), Some([x, y, w, h])) = (number, shares.as_deref()) else {
            return Err(bad(format!("`{text}` is not `class x y width height`")));
        };
        if shares.iter().flatten().any(|v| !(0.0..=1.0).contains(v)) {
            return Err(bad(format!("`{text}`: places and sizes are shares of the picture, from 0 to 1")));
        }
        let class_id = self.ids.get(number).copied().flatten();
        let class_id = class_id.ok_or_else(|| bad(format!("there is no class number {number}")))?;
        #[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
        let (width, height) = (chip.window.width as f64, chip.window.height as f64);
        let (left, top) = ((x - w / 2.0) * width, (y - h / 2.0) * height);
        Ok(TruthBox { class_id, bbox: [left, top, left + w * width, top + h * height] })
    }
}
