//! IGN's FLAIR sets as published.
//!
//! FLAIR-1: `.../<domain>/<zone>/img/IMG_<number>.tif` (five bands) and `.../<domain>/<zone>/msk/MSK_<number>.tif`
//! (values 1 to 19), pictures and masks below any folders of the set's (`flair_aerial_train`, `flair_labels_train`,
//! ...). Its lists are CSV files without a header, a picture and a mask to a line.
//!
//! FLAIR-HUB: `<domain>_AERIAL_RGBI/<zone>/AERIAL_RGBI_<chip>.tif` (four bands) and
//! `<domain>_AERIAL_LABEL-COSIA/<zone>/AERIAL_LABEL-COSIA_<chip>.tif` (values 0 to 18). Its lists are CSV files with a
//! header, of which the column AERIAL_RGBI is read.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Listed};
use crate::files::{read_text, relative, walk};
use crate::pixels::{Bands, MaskRule, check_labels, check_place, check_size, read_chip, read_mask};
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Card, DatasetError, Example, IGNORE, Split, Truth};

/// Which of IGN's sets it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FlairEdition {
    /// FLAIR-1.
    #[default]
    #[serde(rename = "flair-1")]
    One,
    /// FLAIR-HUB, of which the aerial pictures are read.
    #[serde(rename = "flair-hub")]
    Hub,
}

/// What is a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlairGroup {
    /// A département in one year: what IGN splits by.
    #[default]
    Domain,
    /// A zone of a few square kilometers.
    Zone,
}

/// IGN's own lists, CSV files below the set's folder. Pictures in none of them are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlairLists {
    /// Items for training.
    pub train: Option<PathBuf>,
    /// Items for validation.
    pub validation: Option<PathBuf>,
    /// Items for the test.
    pub test: Option<PathBuf>,
}

/// Options of the layout `flair`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flair {
    /// Which set it is.
    pub edition: FlairEdition,
    /// What is a group.
    pub group: FlairGroup,
    /// IGN's baseline: classes 13 to 19 of FLAIR-1 become 13 `other`; classes 15 to 18 of FLAIR-HUB are not known.
    pub baseline: bool,
    /// FLAIR-1's `flair-1_metadata_aerial.json`, for sets whose folders do not name domain and zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PathBuf>,
    /// IGN's own lists.
    pub lists: FlairLists,
}

impl Flair {
    /// What file names of pictures and of masks begin with.
    const fn prefixes(&self) -> [&'static str; 2] {
        match self.edition {
            FlairEdition::One => ["IMG_", "MSK_"],
            FlairEdition::Hub => ["AERIAL_RGBI_", "AERIAL_LABEL-COSIA_"],
        }
    }

    fn rule(&self) -> MaskRule {
        let values = match (self.baseline, self.edition) {
            (false, _) => BTreeMap::new(),
            (true, FlairEdition::One) => (13..=19).map(|v| (v, 13)).collect(),
            (true, FlairEdition::Hub) => (15..=18).map(|v| (v, IGNORE)).collect(),
        };
        MaskRule::new(values, None)
    }
}

/// A picture of FLAIR-1 in its metadata.
#[derive(Debug, Deserialize)]
struct Place {
    domain: String,
    zone: String,
}

#[derive(Debug)]
pub(super) struct FlairLayout {
    root: PathBuf,
    prefix: &'static str,
    rule: MaskRule,
    items: Vec<Listed>,
    /// Picture and mask of each item.
    files: Vec<(PathBuf, Result<PathBuf, PathBuf>)>,
}

pub(super) fn find(options: &Flair, root: &Path, card: &Card) -> Result<FlairLayout, DatasetError> {
    let [prefix, mask_prefix] = options.prefixes();
    let (mut pictures, mut masks) = (BTreeMap::new(), HashMap::new());
    for path in walk(&card.name, root)? {
        let name = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".tif"));
        let name = name.unwrap_or_default().to_owned();
        if let Some(id) = name.strip_prefix(prefix) {
            pictures.insert(id.to_owned(), path);
        } else if let Some(id) = name.strip_prefix(mask_prefix) {
            masks.insert(id.to_owned(), path);
        }
    }
    let places = metadata(options, root, card)?;
    let lists = lists(options, root, card, prefix)?;
    let (mut items, mut files) = (Vec::new(), Vec::new());
    for (id, path) in pictures {
        let (domain, zone) = place(options, places.as_ref(), (root, &path), &id)?;
        let group = match options.group {
            FlairGroup::Domain => domain.clone(),
            FlairGroup::Zone => format!("{domain}/{zone}"),
        };
        let item = format!("{domain}/{zone}/{id}");
        items.push(Listed { item, group, split: lists.get(&id).copied() });
        let mask = masks.remove(&id).ok_or_else(|| {
            let folder = path.parent().and_then(Path::parent).unwrap_or(root);
            folder.join("msk").join(format!("{mask_prefix}{id}.tif"))
        });
        files.push((path, mask));
    }
    if items.is_empty() {
        let path = root.join(format!("**/{prefix}*.tif"));
        return Err(DatasetError::Missing { dataset: card.name.clone(), path });
    }
    check_lists(&items, &lists, root, card, prefix)?;
    Ok(FlairLayout { root: root.to_owned(), prefix, rule: options.rule(), items, files })
}

/// Refuses lists of which a picture is not there.
fn check_lists(
    items: &[Listed],
    lists: &HashMap<String, Split>,
    root: &Path,
    card: &Card,
    prefix: &str,
) -> Result<(), DatasetError> {
    if items.iter().filter(|i| i.split.is_some()).count() == lists.len() {
        return Ok(());
    }
    let there = |id: &&String| items.iter().any(|i| i.item.rsplit('/').next() == Some(id.as_str()));
    let missing = lists.keys().filter(|id| !there(id)).min().cloned().expect("one of the list is not there");
    let path = root.join(format!("**/{prefix}{missing}.tif"));
    Err(DatasetError::Missing { dataset: card.name.clone(), path })
}

fn metadata(
    options: &Flair,
    root: &Path,
    card: &Card,
) -> Result<Option<HashMap<String, Place>>, DatasetError> {
    let Some(path) = &options.metadata else { return Ok(None) };
    let path = root.join(path);
    let text = read_text(&card.name, &path)?;
    let places = serde_json::from_str(&text);
    places.map(Some).map_err(|e| super::coco::bad_json(&path, &e))
}

/// Domain and zone: from the metadata, or from the folders.
fn place(
    options: &Flair,
    places: Option<&HashMap<String, Place>>,
    (root, path): (&Path, &Path),
    id: &str,
) -> Result<(String, String), DatasetError> {
    let bad = |problem: &str| DatasetError::BadItem {
        path: path.to_owned(),
        item: id.to_owned(),
        problem: problem.into(),
    };
    if let Some(places) = places {
        let place = places.get(&format!("IMG_{id}"));
        let place = place.ok_or_else(|| bad("the metadata do not list it"))?;
        return Ok((place.domain.clone(), place.zone.clone()));
    }
    let below = relative(root, path);
    // The file's own name first, then its folders upward, none above the set's.
    let mut folders = below.rsplit('/').skip(1);
    let (zone, domain) = match options.edition {
        FlairEdition::One => (folders.nth(1), folders.next()),
        FlairEdition::Hub => (folders.next(), folders.next().and_then(|d| d.strip_suffix("_AERIAL_RGBI"))),
    };
    match (domain, zone) {
        (Some(domain), Some(zone)) => Ok((domain.to_owned(), zone.to_owned())),
        _ => Err(bad("its folders do not name domain and zone, and `metadata` is not set")),
    }
}

/// The splits of IGN's lists by id.
fn lists(
    options: &Flair,
    root: &Path,
    card: &Card,
    prefix: &str,
) -> Result<HashMap<String, Split>, DatasetError> {
    let lists = &options.lists;
    let files =
        [(Split::Train, &lists.train), (Split::Validation, &lists.validation), (Split::Test, &lists.test)];
    let mut splits = HashMap::new();
    for (split, list) in files {
        let Some(list) = list else { continue };
        let path = root.join(list);
        for id in ids(&card.name, &path, prefix)? {
            if let Some(first) = splits.insert(id.clone(), split).filter(|first| *first != split) {
                return Err(DatasetError::Leak {
                    path,
                    dataset: card.name.clone(),
                    group: id,
                    first: first.name(),
                    second: split.name(),
                });
            }
        }
    }
    Ok(splits)
}

/// Ids of the pictures of a list. Only file names are compared: the folders are those of the publisher.
fn ids(dataset: &str, path: &Path, prefix: &str) -> Result<Vec<String>, DatasetError> {
    let text = read_text(dataset, path)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let (mut column, mut ids) = (0, Vec::new());
    for (line, record) in (1..).zip(reader.records()) {
        let bad = |problem: String| DatasetError::Malformed { path: path.to_owned(), line, problem };
        let record = record.map_err(|e| bad(e.to_string()))?;
        if line == 1
            && let Some(named) = record.iter().position(|name| name == "AERIAL_RGBI")
        {
            column = named;
            continue;
        }
        let cell = record.get(column).unwrap_or_default();
        let name = cell.rsplit(['/', '\\']).next().unwrap_or_default();
        let id = name.strip_suffix(".tif").and_then(|n| n.strip_prefix(prefix));
        ids.push(id.ok_or_else(|| bad(format!("`{cell}` is no picture {prefix}*.tif")))?.to_owned());
    }
    Ok(ids)
}

impl Layout for FlairLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        let id = item.rsplit('/').next().unwrap_or(item);
        self.root.join(format!("**/{}{id}.tif", self.prefix))
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        self.mask(card, position).map(|_| ())
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let card = set.card();
        let picture = &self.files[position].0;
        let mut seen = Seen::default();
        let chip = read_chip(set, picture, Bands::Count(card.bands.len()), &mut seen)?;
        let path = self.mask(card, position)?;
        let labels = read_mask(card, path, &self.rule, &mut seen)?;
        set.remark(&self.items[position].item, &seen);
        check_size(path, labels.window(), picture, chip.window)?;
        check_place(path, picture)?;
        check_labels(card, path, &labels)?;
        Ok(Example { chips: vec![chip], truth: Truth::Labels(labels) })
    }
}

impl FlairLayout {
    fn mask(&self, card: &Card, position: usize) -> Result<&Path, DatasetError> {
        let mask = self.files[position].1.as_ref();
        mask.map(PathBuf::as_path)
            .map_err(|place| DatasetError::Missing { dataset: card.name.clone(), path: place.clone() })
    }
}
