//! YOLO's text files: `images/<item>.jpg`, `labels/<item>.txt` with one box to a line: class, center column, center
//! row, width and height, all but the class as shares of the picture. A confidence may follow. Lines of polygons (class,
//! then columns and rows of three or more points) become the boxes around them. With the option `oriented`, all lines are those of
//! YOLO-OBB: the columns and rows of four corners. A picture without a file shows no object.

use std::path::{Path, PathBuf};

use arpent_base::number::exact;
use arpent_raster::Chip;
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
use crate::{AnnotatedBox, Card, DatasetError, Example, RemarkKind, Split, Truth};

/// Options of the layout `yolo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Yolo {
    /// Folder of pictures.
    pub images: String,
    /// Folder of text files: one for each picture, none or an empty one where it shows no object.
    pub labels: String,
    /// Names of the card in the order of YOLO's class numbers; without them the numbers are ids of the card.
    pub names: Vec<String>,
    /// Whether lines are those of YOLO-OBB: the class, then columns and rows of four corners, as shares of the picture. They
    /// become boxes with a direction: the smallest rectangles around the corners.
    pub oriented: bool,
}

impl Default for Yolo {
    fn default() -> Self {
        Self { images: "images".into(), labels: "labels".into(), names: Vec::new(), oriented: false }
    }
}

#[derive(Debug)]
pub(super) struct YoloLayout {
    items: Vec<Listed>,
    pictures: Pictures,
    labels: Index,
    /// Class ids by YOLO's numbers.
    ids: Vec<Option<u8>>,
    oriented: bool,
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
    let items: Vec<Listed> = pictures.ids().map(Listed::alone).collect();
    // Not one file for any picture: the folder is another one.
    if !items.is_empty() && !items.iter().any(|listed| labels.find(&listed.item).is_some()) {
        let path = labels.place(&items[0].item);
        return Err(DatasetError::Missing { dataset: card.name.clone(), path });
    }
    Ok(YoloLayout { items, pictures, labels, ids, oriented: options.oriented })
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
        self.pictures.check(card, id)
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, id) = (set.card(), &self.items[position].item);
        let mut seen = Seen::default();
        let (_, chip) = self.pictures.read(set, id, &mut seen)?;
        let mut boxes = Vec::new();
        if let Some(path) = self.labels.find(id) {
            let text = read_text(&card.name, path)?;
            let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
            let found = lines.map(|(number, line)| self.parse(path, number, line, &chip, &mut seen));
            let found = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            boxes = fitted(path, id, &chip, found, &mut seen)?;
        } else {
            seen.add(RemarkKind::NoLabelFile, 1);
        }
        set.remark(id, &seen);
        Ok(Example { chips: vec![chip], truth: Truth::Boxes(boxes) })
    }

    fn found(&self) -> Option<(String, Seen)> {
        without_picture(&self.items, [&self.labels])
    }
}

/// How far beyond 0 and 1 a share may lie: tools round differently.
const SLACK: f64 = 1e-4;

impl YoloLayout {
    fn parse(
        &self,
        path: &Path,
        line: usize,
        text: &str,
        chip: &Chip,
        seen: &mut Seen,
    ) -> Result<Option<AnnotatedBox>, DatasetError> {
        let wanted = if self.oriented { "class x1 y1 x2 y2 x3 y3 x4 y4" } else { "class x y width height" };
        let bad = |problem: String| DatasetError::Malformed { path: path.to_owned(), line, problem };
        let mut words = text.split_whitespace();
        let number = words.next().and_then(class_number);
        let shares: Option<Vec<f64>> = words.map(|w| w.parse().ok()).collect();
        let (Some(number), Some(shares)) = (number, shares) else {
            return Err(bad(format!("`{text}` is not `{wanted}`")));
        };
        // Corners may lie beyond the picture.
        let slack = if self.oriented { 1.0 } else { SLACK };
        if shares.iter().any(|v| !(-slack..=1.0 + slack).contains(v)) {
            return Err(bad(format!("`{text}`: places and sizes are shares of the picture, from 0 to 1")));
        }
        let class_id = self.ids.get(number).copied().flatten();
        let class_id = class_id.ok_or_else(|| bad(format!("there is no class number {number}")))?;
        let (width, height) = (exact(chip.window.width), exact(chip.window.height));
        if self.oriented {
            let corners: Vec<f64> =
                shares.iter().zip([width, height].into_iter().cycle()).map(|(s, of)| s * of).collect();
            seen.add(RemarkKind::Confidence, shares.len() % 2);
            return match shares.len() {
                8 | 9 => Ok(along(class_id, &corners, seen)),
                _ => Err(bad(format!("`{text}` is not `{wanted}`"))),
            };
        }
        let (x0, y0, x1, y1) = match shares.len() {
            4 | 5 => {
                let [x, y, w, h] = [shares[0], shares[1], shares[2], shares[3]];
                (x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0)
            }
            6.. => {
                seen.add(RemarkKind::PolygonAsBox, 1);
                around(&shares)
            }
            _ => return Err(bad(format!("`{text}` is not `{wanted}`"))),
        };
        // A number more than boxes and points have is a confidence.
        seen.add(RemarkKind::Confidence, shares.len() % 2);
        let bbox = [x0 * width, y0 * height, x1 * width, y1 * height];
        Ok(Some(AnnotatedBox { class_id, bbox, oriented: None }))
    }
}

/// A class's number, also as `3.0`.
fn class_number(word: &str) -> Option<usize> {
    word.parse().ok().or_else(|| word.strip_suffix(".0")?.parse().ok())
}

/// The box around points.
fn around(points: &[f64]) -> (f64, f64, f64, f64) {
    let start = (f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
    points
        .as_chunks::<2>()
        .0
        .iter()
        .fold(start, |(x0, y0, x1, y1), [x, y]| (x0.min(*x), y0.min(*y), x1.max(*x), y1.max(*y)))
}
