//! Pascal VOC's XML files: `JPEGImages/<item>.jpg`, `Annotations/<item>.xml`. Corners are taken as they stand: some
//! tools count pixels from 1, most from 0, and the files do not state which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::number;
use arpent_raster::Window;
use roxmltree::{Document, Node};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::fitted;
use super::image_mask::Pictures;
use super::layout::{Layout, Listed, without_picture};
use super::names::Names;
use crate::files::{Index, below, read_xml};
use crate::folders::ImageFolder;
use crate::pixels::check_stated_size;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{AnnotatedBox, Asked, Card, DatasetError, Example, Split, Truth};

/// Options of the layout `pascal-voc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PascalVoc {
    /// Folder of pictures.
    pub images: String,
    /// Folder of XML files.
    pub annotations: String,
    /// What names of XML files have after the item's id.
    pub suffix: String,
    /// Names of the card by names of the files, where they differ.
    pub names: BTreeMap<String, String>,
    /// Names to leave out.
    pub skip: Vec<String>,
}

impl Default for PascalVoc {
    fn default() -> Self {
        Self {
            images: "JPEGImages".into(),
            annotations: "Annotations".into(),
            suffix: String::new(),
            names: BTreeMap::new(),
            skip: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub(super) struct PascalVocLayout {
    items: Vec<Listed>,
    pictures: Pictures,
    annotations: Index,
    names: Names,
}

pub(super) fn find(options: &PascalVoc, root: &Path, card: &Card) -> Result<PascalVocLayout, DatasetError> {
    let pictures = Pictures::find(card, root, &[ImageFolder::new(&options.images)])?;
    let folder = below(root, &options.annotations);
    let annotations = Index::new(&card.name, &folder, &options.suffix, &["xml"])?;
    let names = Names::new(card, &options.names, &options.skip);
    let items = pictures.ids().map(Listed::alone).collect();
    Ok(PascalVocLayout { items, pictures, annotations, names })
}

impl Layout for PascalVocLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.pictures.place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        let id = &self.items[position].item;
        self.pictures.check(card, id)?;
        self.annotations.get(&card.name, id).map(|_| ())
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, id) = (set.card(), &self.items[position].item);
        let annotation = self.annotations.get(&card.name, id)?;
        read_voc(set, (id, id), &self.pictures, annotation, &self.names)
    }

    fn asked(&self) -> Vec<Asked> {
        self.names.asked()
    }

    fn found(&self) -> Option<(String, Seen)> {
        without_picture(&self.items, [&self.annotations])
    }
}

/// Reads a picture and its XML file; `item` is its id in the set.
pub(super) fn read_voc(
    set: &Set,
    (item, id): (&str, &str),
    pictures: &Pictures,
    annotation: &Path,
    names: &Names,
) -> Result<Example, DatasetError> {
    let (card, mut seen) = (set.card(), Seen::default());
    let (picture, chip) = pictures.read(set, id, &mut seen)?;
    let text = read_xml(&card.name, annotation, &mut seen)?;
    let (size, boxes) = parse_boxes(annotation, &text, names)?;
    if let Some(size) = size {
        check_stated_size(annotation, size, picture, chip.window)?;
    }
    let boxes = fitted(annotation, id, &chip, boxes, &mut seen)?;
    set.remark(item, &seen);
    Ok(Example { chips: vec![chip], truth: Truth::Boxes(boxes) })
}

/// The size in the file (left out or 0 by some tools) and its boxes.
pub(super) fn parse_boxes(
    path: &Path,
    text: &str,
    names: &Names,
) -> Result<(Option<Window>, Vec<AnnotatedBox>), DatasetError> {
    let bad = |line: usize, problem: String| DatasetError::Malformed { path: path.to_owned(), line, problem };
    let line = |pos: roxmltree::TextPos| number::fitted(pos.row);
    let document = Document::parse(text).map_err(|e| bad(line(e.pos()), e.to_string()))?;
    let mut boxes = Vec::new();
    for object in document.root_element().children().filter(|n| n.has_tag_name("object")) {
        let line = line(document.text_pos_at(object.range().start));
        let name = child(object, "name").and_then(|n| n.text());
        let name = name.ok_or_else(|| bad(line, "the object has no name".into()))?;
        let corner = child(object, "bndbox");
        let side = |tag| corner.and_then(|b| number(b, tag));
        let sides = [side("xmin"), side("ymin"), side("xmax"), side("ymax")];
        let [Some(x0), Some(y0), Some(x1), Some(y1)] = sides else {
            return Err(bad(line, format!("the object `{name}` has no whole <bndbox>")));
        };
        if let Some(class_id) = names.id(path, Some(line), name)? {
            boxes.push(AnnotatedBox { class_id, bbox: [x0, y0, x1, y1], oriented: None });
        }
    }
    Ok((size(document.root_element()), boxes))
}

fn child<'a, 'i>(node: Node<'a, 'i>, tag: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name(tag))
}

fn number(node: Node<'_, '_>, tag: &str) -> Option<f64> {
    let value: f64 = child(node, tag)?.text()?.trim().parse().ok()?;
    value.is_finite().then_some(value)
}

/// A whole number, also as `640.0`.
fn whole(text: &str) -> Option<usize> {
    let value: f64 = text.trim().parse().ok()?;
    (value.fract() == 0.0 && (0.0..1e9).contains(&value)).then_some(number::truncate::<usize>(value))
}

fn size(root: Node<'_, '_>) -> Option<Window> {
    let size = child(root, "size")?;
    let side = |tag| child(size, tag)?.text().and_then(whole).filter(|v| *v > 0);
    Some(Window::new(0, 0, side("width")?, side("height")?))
}
