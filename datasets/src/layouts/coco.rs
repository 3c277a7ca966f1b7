//! COCO's JSON: boxes of objects, or, as AerialWaste writes it, classes of whole pictures.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::fitted;
use super::names::Names;
use super::{Layout, Listed};
use crate::files::{read_text, without_extension};
use crate::pixels::{Bands, check_size, read_chip};
use crate::set::{Set, below};
use crate::{Card, Dataset, DatasetError, Example, Split, Truth, TruthBox};

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

/// What is asked of a picture of AerialWaste.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WasteTarget {
    /// Which kinds of waste and of storage it shows. Pictures with waste of which nobody told the kind are left out.
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
    /// What is asked.
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

#[derive(Debug, Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
    /// AerialWaste's; absent or null where nobody told.
    categories: Option<Vec<u64>>,
    #[serde(default)]
    is_candidate_location: u8,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: u64,
    /// West, north, width, height.
    bbox: Option<[f64; 4]>,
    /// Rings of a polygon, x and y in turn; the run-length masks that crowds have are not read.
    #[serde(default)]
    segmentation: serde_json::Value,
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Debug, Deserialize)]
struct Category {
    id: u64,
    name: String,
}

impl Annotation {
    /// The box, from the polygon where it is not written.
    fn corners(&self) -> Option<[f64; 4]> {
        if let Some([x, y, w, h]) = self.bbox {
            return Some([x, y, x + w, y + h]);
        }
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
    /// Size as the file tells it; 0 where it does not.
    sizes: Vec<[usize; 2]>,
    truths: Vec<Truth>,
}

/// The document with its categories as class ids.
fn document(
    path: &Path,
    card: &Card,
    names: &Names,
) -> Result<(Document, HashMap<u64, Option<u8>>), DatasetError> {
    let text = read_text(&card.name, path)?;
    let document: Document = serde_json::from_str(&text).map_err(|e| bad_json(path, &e))?;
    let used: BTreeSet<u64> = document.annotations.iter().map(|a| a.category_id).collect();
    let of_images: BTreeSet<u64> =
        document.images.iter().flat_map(|i| i.categories.iter().flatten().copied()).collect();
    let mut ids = HashMap::new();
    // A category that nothing is of need not be in the card.
    for category in document.categories.iter().filter(|c| used.contains(&c.id) || of_images.contains(&c.id)) {
        ids.insert(category.id, names.id(path, None, &category.name)?);
    }
    Ok((document, ids))
}

fn class_of(
    path: &Path,
    item: &str,
    ids: &HashMap<u64, Option<u8>>,
    category: u64,
) -> Result<Option<u8>, DatasetError> {
    ids.get(&category).copied().ok_or_else(|| DatasetError::BadItem {
        path: path.to_owned(),
        item: item.to_owned(),
        problem: format!("the file has no category {category}"),
    })
}

pub(super) fn find(options: &Coco, root: &Path, card: &Card) -> Result<CocoLayout, DatasetError> {
    let path = root.join(&options.annotations);
    let names = Names::new(card, &options.names, &options.skip);
    let (document, ids) = document(&path, card, &names)?;
    let mut boxes: HashMap<u64, Vec<TruthBox>> =
        document.images.iter().map(|image| (image.id, Vec::new())).collect();
    for annotation in document.annotations.iter().filter(|a| a.iscrowd == 0) {
        let item = format!("annotation {}", annotation.id);
        let bad = |problem: String| DatasetError::BadItem { path: path.clone(), item: item.clone(), problem };
        let of_image = boxes.get_mut(&annotation.image_id);
        let of_image =
            of_image.ok_or_else(|| bad(format!("the file has no picture {}", annotation.image_id)))?;
        let bbox = annotation.corners().ok_or_else(|| bad("neither a bbox nor a polygon".into()))?;
        if let Some(class_id) = class_of(&path, &item, &ids, annotation.category_id)? {
            of_image.push(TruthBox { class_id, bbox });
        }
    }
    let truth = |image: &Image| Ok(Some(Truth::Boxes(boxes.remove(&image.id).unwrap_or_default())));
    layout(path.clone(), below(root, &options.images), &document.images, truth)
}

pub(super) fn find_waste(
    options: &AerialWaste,
    root: &Path,
    card: &Card,
) -> Result<CocoLayout, DatasetError> {
    let path = root.join(&options.annotations);
    let names = Names::new(card, &options.names, &options.skip);
    let ids = match options.target {
        WasteTarget::Categories => names,
        // The card then has the two answers, not the categories.
        WasteTarget::Candidate => Names::anything(),
    };
    let (document, ids) = document(&path, card, &ids)?;
    let truth = |image: &Image| {
        if options.target == WasteTarget::Candidate {
            return Ok(Some(Truth::Classes(vec![u8::from(image.is_candidate_location == 1)])));
        }
        let categories = image.categories.as_deref().unwrap_or_default();
        if categories.is_empty() && image.is_candidate_location == 1 {
            return Ok(None);
        }
        let classes = categories.iter().map(|c| class_of(&path, &image.file_name, &ids, *c));
        let classes: BTreeSet<Option<u8>> = classes.collect::<Result<_, _>>()?;
        Ok(Some(Truth::Classes(classes.into_iter().flatten().collect())))
    };
    layout(path.clone(), below(root, &options.images), &document.images, truth)
}

fn layout(
    annotations: PathBuf,
    folder: PathBuf,
    images: &[Image],
    mut truth: impl FnMut(&Image) -> Result<Option<Truth>, DatasetError>,
) -> Result<CocoLayout, DatasetError> {
    let mut layout = CocoLayout {
        annotations,
        folder,
        items: Vec::new(),
        files: Vec::new(),
        sizes: Vec::new(),
        truths: Vec::new(),
    };
    for image in images {
        let Some(truth) = truth(image)? else { continue };
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(&image.file_name).components().all(plain) {
            let (path, item) = (layout.annotations, image.file_name.clone());
            let problem = "the picture must lie in the folder of pictures".into();
            return Err(DatasetError::BadItem { path, item, problem });
        }
        layout.items.push(Listed::alone(without_extension(&image.file_name)));
        layout.files.push(layout.folder.join(&image.file_name));
        layout.sizes.push([image.width, image.height]);
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
        let path = self.files[position].clone();
        if path.exists() { Ok(()) } else { Err(DatasetError::Missing { dataset: card.name.clone(), path }) }
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, path) = (set.card(), &self.files[position]);
        let chip = read_chip(&card.name, path, Bands::Count(card.bands.len()))?;
        let [width, height] = self.sizes[position];
        if width > 0 && height > 0 {
            let told = arpent_raster::Window::new(0, 0, width, height);
            check_size(&self.annotations, told, path, chip.window)?;
        }
        let truth = match &self.truths[position] {
            Truth::Boxes(boxes) => {
                let item = &self.items[position].item;
                Truth::Boxes(fitted(&self.annotations, item, &chip, boxes.clone())?)
            }
            other => other.clone(),
        };
        Ok(Example { chips: vec![chip], truth })
    }
}
