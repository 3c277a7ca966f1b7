//! DOTA's text files: `images/<item>.png`, `labelTxt/<item>.txt` with one object to a line: columns and rows of the four corners, pixels of
//! the picture, the name of the class, and whether the object is difficult (0 or 1; may be missing). Lines such as `imagesource:GoogleEarth`
//! and `gsd:0.146` may stand before. Four corners become the smallest rectangle around them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::{along, fitted};
use super::image_mask::Pictures;
use super::layout::{Layout, Listed, without_picture};
use super::names::Names;
use crate::files::{Index, below, read_text};
use crate::folders::ImageFolder;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{AnnotatedBox, Asked, Card, DatasetError, Example, RemarkKind, Split, Truth};

/// Options of the layout `dota`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dota {
    /// Folder of pictures.
    pub images: String,
    /// Folder of text files: one for each picture, none or an empty one where it shows no object.
    pub labels: String,
    /// Names of the card by those of the files, where they differ.
    pub names: BTreeMap<String, String>,
    /// Names of the files to leave out.
    pub skip: Vec<String>,
    /// Whether objects that are marked as difficult are left out.
    pub skip_difficult: bool,
}

impl Default for Dota {
    fn default() -> Self {
        Self {
            images: "images".into(),
            labels: "labelTxt".into(),
            names: BTreeMap::new(),
            skip: Vec::new(),
            skip_difficult: false,
        }
    }
}

/// Columns and rows of corners are nearer than this to the origin: products of theirs are finite.
const FARTHEST: f64 = 1e9;

#[derive(Debug)]
pub(super) struct DotaLayout {
    items: Vec<Listed>,
    pictures: Pictures,
    labels: Index,
    names: Names,
    skip_difficult: bool,
}

pub(super) fn find(options: &Dota, root: &Path, card: &Card) -> Result<DotaLayout, DatasetError> {
    let pictures = Pictures::find(card, root, &[ImageFolder::new(&options.images)])?;
    let labels = Index::new(&card.name, &below(root, &options.labels), "", &["txt"])?;
    let names = Names::new(card, &options.names, &options.skip);
    let items: Vec<Listed> = pictures.ids().map(Listed::alone).collect();
    // Not one file for any picture: the folder is another one.
    if !items.is_empty() && !items.iter().any(|listed| labels.find(&listed.item).is_some()) {
        let path = labels.place(&items[0].item);
        return Err(DatasetError::Missing { dataset: card.name.clone(), path });
    }
    Ok(DotaLayout { items, pictures, labels, names, skip_difficult: options.skip_difficult })
}

impl Layout for DotaLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.pictures.place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        let id = &self.items[position].item;
        self.pictures.check(card, id)
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, id) = (set.card(), &self.items[position].item);
        let mut seen = Seen::default();
        let (_, chip) = self.pictures.read(set, id, &mut seen)?;
        let mut boxes = Vec::new();
        if let Some(path) = self.labels.find(id) {
            let text = read_text(&card.name, path)?;
            for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !is_header(line)) {
                boxes.extend(self.parse(path, number, line, &mut seen)?);
            }
            boxes = fitted(path, id, &chip, boxes, &mut seen)?;
        } else {
            seen.add(RemarkKind::NoLabelFile, 1);
        }
        set.remark(id, &seen);
        Ok(Example { chips: vec![chip], truth: Truth::Boxes(boxes) })
    }

    fn found(&self) -> Option<(String, Seen)> {
        without_picture(&self.items, [&self.labels])
    }

    fn asked(&self) -> Vec<Asked> {
        self.names.asked()
    }
}

/// Whether a line is empty, or one of those before the objects.
fn is_header(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with("imagesource") || line.starts_with("gsd")
}

impl DotaLayout {
    /// The object of a line; `None` if it is left out.
    fn parse(
        &self,
        path: &Path,
        line: usize,
        text: &str,
        seen: &mut Seen,
    ) -> Result<Option<AnnotatedBox>, DatasetError> {
        let bad = || {
            let problem = format!("`{text}` is not `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`");
            DatasetError::Malformed { path: path.to_owned(), line, problem }
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (name, is_difficult) = match words.get(8..) {
            Some([name]) => (*name, false),
            Some([name, difficult]) => (*name, difficult.parse::<u8>().map_err(|_| bad())? != 0),
            _ => return Err(bad()),
        };
        let numbers: Option<Vec<f64>> = words[..8].iter().map(|word| word.parse().ok()).collect();
        let numbers = numbers.filter(|all| all.iter().all(|v: &f64| v.abs() < FARTHEST)).ok_or_else(bad)?;
        let Some(class_id) = self.names.id(path, Some(line), name)? else { return Ok(None) };
        if is_difficult && self.skip_difficult {
            return Ok(None);
        }
        Ok(along(class_id, &numbers, seen))
    }
}
