//! COCO's JSON: boxes of objects, or, as AerialWaste writes it, classes of whole pictures.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use arpent_base::number::truncate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::fitted;
use super::layout::{Layout, Listed};
use super::names::Names;
use crate::files::{below, read_text, require, without_extension};
use crate::pixels::{Bands, check_stated_size, read_chip};
use crate::remarks::Seen;
use crate::set::Set;
use crate::{AnnotatedBox, Asked, Card, DatasetError, Example, RemarkKind, Split, Truth};

/// Options of the layout `coco`. Crowd regions are left out: they are no single object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Coco {
    /// The JSON file.
    pub annotations: PathBuf,
    /// Folder of pictures.
    pub images: String,
    /// Names of the card by names of categories, where they differ.
    pub names: BTreeMap<String, String>,
    /// Categories to leave out.
    pub skip: Vec<String>,
}

impl Default for Coco {
    fn default() -> Self {
        let (annotations, images) = ("annotations.json".into(), "images".into());
        Self { annotations, images, names: BTreeMap::new(), skip: Vec::new() }
    }
}

/// The labels that are read from AerialWaste.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WasteTarget {
    /// The kinds of waste and of storage in the picture. Pictures with waste of unrecorded kind are left out.
    #[default]
    Categories,
    /// Whether it shows a waste site: classes 0 and 1.
    Candidate,
}

/// Options of the layout `aerialwaste`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AerialWaste {
    /// The JSON file (`training.json`, `testing.json`).
    pub annotations: PathBuf,
    /// Folder of pictures.
    pub images: String,
    /// The labels to read.
    pub target: WasteTarget,
    /// Names of the card by names of categories, where they differ.
    pub names: BTreeMap<String, String>,
    /// Categories to leave out.
    pub skip: Vec<String>,
}

impl Default for AerialWaste {
    fn default() -> Self {
        let Coco { annotations, images, names, skip } = Coco::default();
        Self { annotations, images, target: WasteTarget::default(), names, skip }
    }
}

#[derive(Debug, Deserialize)]
struct Document {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

/// An id: tools write numbers and text, and sometimes one here and the other there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Id(String);

impl TryFrom<serde_json::Value> for Id {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        match &value {
            serde_json::Value::String(text) => Ok(Self(text.trim().to_owned())),
            serde_json::Value::Number(number) => {
                let whole = number.as_f64().filter(|v| number.is_f64() && v.fract() == 0.0);
                Ok(Self(whole.map_or_else(|| number.to_string(), |v| format!("{v:.0}"))))
            }
            _ => Err(format!("an id is a number or a text, not {value}")),
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number of pixels, also as `640.0`; 0 where it is null.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "Option<f64>")]
struct Pixels(usize);

impl TryFrom<Option<f64>> for Pixels {
    type Error = String;

    fn try_from(value: Option<f64>) -> Result<Self, String> {
        let value = value.unwrap_or(0.0);
        if value.fract() != 0.0 || !(0.0..1e9).contains(&value) {
            return Err(format!("{value} is no number of pixels"));
        }
        Ok(Self(truncate::<usize>(value)))
    }
}

/// `true`, 1, `false`, 0 or null.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Flag(bool);

impl TryFrom<serde_json::Value> for Flag {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        match &value {
            serde_json::Value::Null => Ok(Self(false)),
            serde_json::Value::Bool(flag) => Ok(Self(*flag)),
            serde_json::Value::Number(number) => Ok(Self(number.as_f64() != Some(0.0))),
            _ => Err(format!("{value} is neither true nor false")),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Image {
    id: Id,
    file_name: String,
    #[serde(default)]
    width: Pixels,
    #[serde(default)]
    height: Pixels,
    /// AerialWaste's; absent or null where it was not recorded.
    categories: Option<Vec<Id>>,
    #[serde(default)]
    is_candidate_location: Flag,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    #[serde(default = "no_id")]
    id: Id,
    image_id: Id,
    category_id: Id,
    /// West, north, width, height; empty where only a polygon is there.
    bbox: Option<Vec<f64>>,
    /// Rings of a polygon, x and y in turn; the run-length masks that crowds have are not read.
    #[serde(default)]
    segmentation: serde_json::Value,
    #[serde(default)]
    iscrowd: Flag,
}

fn no_id() -> Id {
    Id("without an id".into())
}

#[derive(Debug, Deserialize)]
struct Category {
    id: Id,
    name: String,
}

impl Annotation {
    /// The box, from the polygon where it is not written, and whether it was.
    fn corners(&self) -> Result<Option<([f64; 4], bool)>, String> {
        match self.bbox.as_deref() {
            Some([x, y, w, h]) => Ok(Some(([*x, *y, x + w, y + h], false))),
            None | Some([]) => Ok(self.around_polygon().map(|corners| (corners, true))),
            Some(other) => Err(format!("its bbox has {} numbers, not 4", other.len())),
        }
    }

    fn around_polygon(&self) -> Option<[f64; 4]> {
        let rings: Vec<Vec<f64>> = serde_json::from_value(self.segmentation.clone()).ok()?;
        let mut corners = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for [x, y] in rings.iter().flat_map(|ring| ring.as_chunks::<2>().0) {
            corners = [corners[0].min(*x), corners[1].min(*y), corners[2].max(*x), corners[3].max(*y)];
        }
        corners.iter().all(|c| c.is_finite()).then_some(corners)
    }
}

/// A file that is not the JSON it should be.
pub(super) fn bad_json(path: &Path, error: &serde_json::Error) -> DatasetError {
    DatasetError::Malformed { path: path.to_owned(), line: error.line(), problem: error.to_string() }
}

#[derive(Debug)]
pub(super) struct CocoLayout {
    annotations: PathBuf,
    folder: PathBuf,
    items: Vec<Listed>,
    files: Vec<PathBuf>,
    /// Size in the JSON file; 0 where it is absent.
    sizes: Vec<[usize; 2]>,
    truths: Vec<Truth>,
    /// What was seen of each in the file.
    seen: Vec<Seen>,
    /// Categories that the options name, and whether any picture has them.
    asked: Vec<Asked>,
}

/// The document with its categories as class ids.
fn document(
    path: &Path,
    card: &Card,
    names: &Names,
) -> Result<(Document, HashMap<Id, Option<u8>>), DatasetError> {
    let text = read_text(&card.name, path)?;
    let document: Document = serde_json::from_str(&text).map_err(|e| bad_json(path, &e))?;
    let used: BTreeSet<&Id> = document.annotations.iter().map(|a| &a.category_id).collect();
    let of_images: BTreeSet<&Id> =
        document.images.iter().flat_map(|i| i.categories.iter().flatten()).collect();
    let mut ids = HashMap::new();
    // A category without annotations need not be in the card.
    for category in document.categories.iter().filter(|c| used.contains(&c.id) || of_images.contains(&c.id)) {
        ids.insert(category.id.clone(), names.id(path, None, &category.name)?);
    }
    Ok((document, ids))
}

fn class_of(
    path: &Path,
    item: &str,
    ids: &HashMap<Id, Option<u8>>,
    category: &Id,
) -> Result<Option<u8>, DatasetError> {
    ids.get(category).copied().ok_or_else(|| DatasetError::BadItem {
        path: path.to_owned(),
        item: item.to_owned(),
        problem: format!("the file has no category {category}"),
    })
}

pub(super) fn find(options: &Coco, root: &Path, card: &Card) -> Result<CocoLayout, DatasetError> {
    let path = root.join(&options.annotations);
    let names = Names::new(card, &options.names, &options.skip);
    let (document, ids) = document(&path, card, &names)?;
    let asked = names.asked();
    let empty = |image: &Image| (image.id.clone(), (Vec::new(), Seen::default()));
    let mut boxes: HashMap<Id, (Vec<AnnotatedBox>, Seen)> = document.images.iter().map(empty).collect();
    for annotation in &document.annotations {
        let item = format!("annotation {}", annotation.id);
        let bad = |problem: String| DatasetError::BadItem { path: path.clone(), item: item.clone(), problem };
        let of_image = boxes.get_mut(&annotation.image_id);
        let (of_image, seen) =
            of_image.ok_or_else(|| bad(format!("the file has no picture {}", annotation.image_id)))?;
        if annotation.iscrowd.0 {
            seen.add(RemarkKind::Crowd, 1);
            continue;
        }
        let Some(class_id) = class_of(&path, &item, &ids, &annotation.category_id)? else { continue };
        let Some((bbox, is_polygon)) = annotation.corners().map_err(bad)? else {
            seen.add(RemarkKind::NoBox, 1);
            continue;
        };
        seen.add(RemarkKind::PolygonAsBox, usize::from(is_polygon));
        of_image.push(AnnotatedBox { class_id, bbox, oriented: None });
    }
    let truth = |image: &Image| {
        let (boxes, seen) = boxes.remove(&image.id).unwrap_or_default();
        Ok(Some((Truth::Boxes(boxes), seen)))
    };
    let layout = layout(path.clone(), below(root, &options.images), &document.images, truth)?;
    Ok(CocoLayout { asked, ..layout })
}

pub(super) fn find_waste(
    options: &AerialWaste,
    root: &Path,
    card: &Card,
) -> Result<CocoLayout, DatasetError> {
    let path = root.join(&options.annotations);
    let names = Names::new(card, &options.names, &options.skip);
    let names = match options.target {
        WasteTarget::Categories => names,
        // The card then has the two answers, not the categories.
        WasteTarget::Candidate => Names::anything(),
    };
    let (document, ids) = document(&path, card, &names)?;
    let truth = |image: &Image| {
        if options.target == WasteTarget::Candidate {
            let class = u8::from(image.is_candidate_location.0);
            return Ok(Some((Truth::Classes(vec![class]), Seen::default())));
        }
        let categories = image.categories.as_deref().unwrap_or_default();
        if categories.is_empty() && image.is_candidate_location.0 {
            return Ok(None);
        }
        let classes = categories.iter().map(|c| class_of(&path, &image.file_name, &ids, c));
        let classes: BTreeSet<Option<u8>> = classes.collect::<Result<_, _>>()?;
        Ok(Some((Truth::Classes(classes.into_iter().flatten().collect()), Seen::default())))
    };
    let layout = layout(path.clone(), below(root, &options.images), &document.images, truth)?;
    Ok(CocoLayout { asked: names.asked(), ..layout })
}

fn layout(
    annotations: PathBuf,
    folder: PathBuf,
    images: &[Image],
    mut truth: impl FnMut(&Image) -> Result<Option<(Truth, Seen)>, DatasetError>,
) -> Result<CocoLayout, DatasetError> {
    let mut layout = CocoLayout {
        annotations,
        folder,
        items: Vec::new(),
        files: Vec::new(),
        sizes: Vec::new(),
        truths: Vec::new(),
        seen: Vec::new(),
        asked: Vec::new(),
    };
    for image in images {
        let Some((truth, mut seen)) = truth(image)? else { continue };
        let mut name = image.file_name.clone();
        if name.contains('\\') && !layout.folder.join(&name).exists() {
            name = name.replace('\\', "/");
            seen.add(RemarkKind::WindowsPath, 1);
        }
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(&name).components().all(plain) {
            let (path, item) = (layout.annotations, image.file_name.clone());
            let problem = "the picture must lie in the folder of pictures".into();
            return Err(DatasetError::BadItem { path, item, problem });
        }
        layout.items.push(Listed::alone(without_extension(&name)));
        layout.files.push(layout.folder.join(&name));
        layout.sizes.push([image.width.0, image.height.0]);
        layout.seen.push(seen);
        layout.truths.push(truth);
    }
    Ok(layout)
}

impl Layout for CocoLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.folder.join(format!("{item}.*"))
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        require(&card.name, &self.files[position])
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, path) = (set.card(), &self.files[position]);
        let mut seen = self.seen[position].clone();
        let chip = read_chip(set, path, Bands::Count(card.bands.len()), &mut seen)?;
        let [width, height] = self.sizes[position];
        if width > 0 && height > 0 {
            let told = arpent_raster::Window::new(0, 0, width, height);
            check_stated_size(&self.annotations, told, path, chip.window)?;
        }
        let truth = match &self.truths[position] {
            Truth::Boxes(boxes) => {
                let item = &self.items[position].item;
                Truth::Boxes(fitted(&self.annotations, item, &chip, boxes.clone(), &mut seen)?)
            }
            other => other.clone(),
        };
        set.remark(&self.items[position].item, &seen);
        Ok(Example { chips: vec![chip], truth })
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.clone()
    }
}
