//! Boxes in tables, as DeepForest writes them: CSV with the columns `image_path,xmin,ymin,xmax,ymax,label`, one line for each box, in pixels
//! of the picture. A picture without objects has one line whose box is empty (zeros, as DeepForest's own).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::fitted;
use super::layout::{Layout, Listed};
use super::names::Names;
use crate::files::{below, read_text, require, without_extension};
use crate::pixels::{Bands, check_bands, read_chip};
use crate::remarks::Seen;
use crate::set::Set;
use crate::{AnnotatedBox, Asked, Card, DatasetError, Example, Split, Truth};

/// Options of the layout `boxes-csv`. A table is a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BoxesCsv {
    /// The tables, below the set's folder.
    pub tables: Vec<PathBuf>,
    /// Folder of pictures, which `image_path` starts at.
    pub images: String,
    /// Names of the card by labels of the tables, where they differ.
    pub names: BTreeMap<String, String>,
    /// Labels to leave out.
    pub skip: Vec<String>,
    /// Pictures to leave out, as the tables name them.
    pub skip_pictures: Vec<String>,
}

impl Default for BoxesCsv {
    fn default() -> Self {
        let (tables, images) = (vec!["annotations.csv".into()], ".".into());
        Self { tables, images, names: BTreeMap::new(), skip: Vec::new(), skip_pictures: Vec::new() }
    }
}

/// A box in a line of a table.
#[derive(Deserialize)]
struct Row {
    #[serde(default, alias = "file", alias = "filename")]
    image_path: Option<String>,
    xmin: f64,
    ymin: f64,
    xmax: f64,
    ymax: f64,
    label: String,
}

/// A line of a table: its number, its picture, where the table has that column, and its box, `None` where its label is left out.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) picture: Option<String>,
    pub(super) found: Option<AnnotatedBox>,
}

/// The lines of a table. The label of an empty box (four zeros) is not looked at.
pub(super) fn lines(path: &Path, text: &str, names: &Names) -> Result<Vec<Line>, DatasetError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().cloned();
    let bad = |e: &csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        let problem = format!("want the columns xmin, ymin, xmax, ymax and label ({e})");
        DatasetError::Malformed { path: path.to_owned(), line: usize::try_from(line).unwrap_or(1), problem }
    };
    let header = header.map_err(|e| bad(&e))?;
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(&e))?;
        let row: Row = record.deserialize(Some(&header)).map_err(|e| bad(&e))?;
        let number = record.position().map_or(1, csv::Position::line);
        let number = usize::try_from(number).unwrap_or(1);
        let bbox = [row.xmin, row.ymin, row.xmax, row.ymax];
        let is_empty = bbox.iter().all(|side| side.abs() < f64::MIN_POSITIVE);
        let class = if is_empty { None } else { names.id(path, Some(number), &row.label)? };
        let found = class.map(|class_id| AnnotatedBox { class_id, bbox, oriented: None });
        lines.push(Line { number, picture: row.image_path, found });
    }
    Ok(lines)
}

#[derive(Debug)]
struct Picture {
    file: PathBuf,
    table: PathBuf,
    boxes: Vec<AnnotatedBox>,
}

#[derive(Debug)]
pub(super) struct BoxesCsvLayout {
    folder: PathBuf,
    items: Vec<Listed>,
    pictures: Vec<Picture>,
    names: Names,
}

pub(super) fn find(options: &BoxesCsv, root: &Path, card: &Card) -> Result<BoxesCsvLayout, DatasetError> {
    let names = Names::new(card, &options.names, &options.skip);
    let folder = below(root, &options.images);
    let mut skipped = BTreeSet::new();
    // By name: the group, and the picture.
    let mut all: BTreeMap<String, (String, Picture)> = BTreeMap::new();
    for table in &options.tables {
        let path = root.join(table);
        let group = table.with_extension("").to_string_lossy().into_owned();
        for Line { number, picture, found } in lines(&path, &read_text(&card.name, &path)?, &names)? {
            let bad = |problem: String| DatasetError::Malformed { path: path.clone(), line: number, problem };
            let name = picture.filter(|name| !name.is_empty());
            let name =
                name.ok_or_else(|| bad("want the column image_path, with the picture of the box".into()))?;
            if options.skip_pictures.contains(&name) {
                skipped.insert(name);
                continue;
            }
            let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            if !Path::new(&name).components().all(is_below) {
                return Err(bad(format!("the picture {name} must lie in the folder of pictures")));
            }
            let new = || Picture { file: folder.join(&name), table: path.clone(), boxes: Vec::new() };
            let (_, picture) = all.entry(name.clone()).or_insert_with(|| (group.clone(), new()));
            if picture.table != path {
                let other = picture.table.display();
                return Err(bad(format!("the picture {name} is in {other}, too: list it in one table")));
            }
            picture.boxes.extend(found);
        }
    }
    if let Some(missing) = options.skip_pictures.iter().find(|name| !skipped.contains(*name)) {
        let problem = format!("has no picture {missing}, which `skip_pictures` of the set names");
        return Err(DatasetError::Malformed {
            path: options.tables.first().map_or_else(|| root.to_owned(), |table| root.join(table)),
            line: 1,
            problem,
        });
    }
    let listed = |(name, (group, _)): (&String, &(String, Picture))| Listed {
        item: without_extension(name).to_owned(),
        group: group.clone(),
        split: None,
    };
    let items = all.iter().map(listed).collect();
    let pictures = all.into_values().map(|(_, picture)| picture).collect();
    Ok(BoxesCsvLayout { folder, items, pictures, names })
}

impl Layout for BoxesCsvLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.folder.join(format!("{item}.*"))
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        require(&card.name, &self.pictures[position].file)
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, mut seen) = (set.card(), Seen::default());
        let (item, picture) = (&self.items[position].item, &self.pictures[position]);
        let chip = read_chip(set, &picture.file, Bands::Count(card.bands.len()), &mut seen)?;
        check_bands(card, &picture.file, &chip)?;
        let boxes = fitted(&picture.table, item, &chip, picture.boxes.clone(), &mut seen)?;
        set.remark(item, &seen);
        Ok(Example { chips: vec![chip], truth: Truth::Boxes(boxes) })
    }

    fn asked(&self) -> Vec<Asked> {
        self.names.asked()
    }
}
