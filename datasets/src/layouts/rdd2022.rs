//! RDD2022 as published: `<Country>/train/images/<item>.jpg`, `<Country>/train/annotations/xmls/<item>.xml` with the
//! damage codes of the Japanese road administration. The test pictures of the challenge come without labels and are
//! not read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_mask::Pictures;
use super::layout::{Layout, Listed};
use super::names::Names;
use super::pascal_voc::read_voc;
use crate::files::{Index, unreadable};
use crate::folders::ImageFolder;
use crate::set::Set;
use crate::{Asked, Card, DatasetError, Example, Split};

/// Names of the card by the four codes of the challenge.
const CODES: [(&str, &str); 4] = [
    ("D00", "longitudinal crack"),
    ("D10", "transverse crack"),
    ("D20", "alligator crack"),
    ("D40", "pothole"),
];

/// Further codes of some countries, which the challenge leaves out.
const OTHERS: [&str; 9] = ["D01", "D0w0", "D11", "D21", "D43", "D44", "D50", "Repair", "Block crack"];

/// Options of the layout `rdd2022`. A country is a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rdd2022 {
    /// Folders of countries; without them all that have a `train` folder.
    pub countries: Vec<String>,
    /// Names of the card by damage codes.
    pub names: BTreeMap<String, String>,
    /// Codes to leave out.
    pub skip: Vec<String>,
}

impl Default for Rdd2022 {
    fn default() -> Self {
        Self {
            countries: Vec::new(),
            names: CODES.map(|(code, name)| (code.into(), name.into())).into(),
            skip: OTHERS.map(str::to_owned).into(),
        }
    }
}

#[derive(Debug)]
pub(super) struct RddLayout {
    root: PathBuf,
    items: Vec<Listed>,
    /// For each item its country's number and its id there.
    places: Vec<(usize, String)>,
    countries: Vec<(Pictures, Index)>,
    names: Names,
    /// Whether the names are the published ones, of which a country need not have all.
    is_of_makers: bool,
}

pub(super) fn find(options: &Rdd2022, root: &Path, card: &Card) -> Result<RddLayout, DatasetError> {
    let names = if options.countries.is_empty() { countries(root, card)? } else { options.countries.clone() };
    let (mut items, mut places, mut countries) = (Vec::new(), Vec::new(), Vec::new());
    for country in names {
        let folder = root.join(&country).join("train");
        let pictures = Pictures::find(card, &folder, &[ImageFolder::new("images")])?;
        let annotations = Index::new(&card.name, &folder.join("annotations/xmls"), "", &["xml"])?;
        for id in pictures.ids() {
            items.push(Listed { item: format!("{country}/{id}"), group: country.clone(), split: None });
            places.push((countries.len(), id.to_owned()));
        }
        countries.push((pictures, annotations));
    }
    let names = Names::new(card, &options.names, &options.skip);
    let makers = Rdd2022::default();
    let is_of_makers = (&options.names, &options.skip) == (&makers.names, &makers.skip);
    Ok(RddLayout { root: root.to_owned(), items, places, countries, names, is_of_makers })
}

/// Folders with labels, sorted.
fn countries(root: &Path, card: &Card) -> Result<Vec<String>, DatasetError> {
    let entries = std::fs::read_dir(root).map_err(|e| unreadable(&card.name, root, e))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(&card.name, root, e))?;
        if entry.path().join("train/images").is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(DatasetError::Missing {
            dataset: card.name.clone(),
            path: root.join("<country>/train/images"),
        });
    }
    Ok(names)
}

impl Layout for RddLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        let (country, id) = item.split_once('/').unwrap_or(("", item));
        self.root.join(country).join("train/images").join(format!("{id}.jpg"))
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        let (country, id) = &self.places[position];
        self.countries[*country].1.get(&card.name, id).map(|_| ())
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (country, id) = &self.places[position];
        let (pictures, annotations) = &self.countries[*country];
        let annotation = annotations.get(&set.card().name, id)?;
        read_voc(set, (&self.items[position].item, id), pictures, annotation, &self.names)
    }

    fn asked(&self) -> Vec<Asked> {
        if self.is_of_makers { Vec::new() } else { self.names.asked() }
    }
}
