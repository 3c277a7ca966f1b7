//! Opening a data set through its layout: items with their splits, read one by one.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use arpent_raster::ReadAs;

use crate::config::SetConfig;
use crate::layouts::{Layout, Listed};
use crate::remarks::{Remarks, Seen};
use crate::set::Set;
use crate::splits::{check_filled, check_leaks};
use crate::{
    Asked, Card, Dataset, DatasetError, Declared, Example, Remark, RemarkKind, Split, SplitItem, files,
    read_table,
};

/// An opened set.
#[derive(Debug)]
struct Opened {
    set: Set,
    items: Vec<SplitItem>,
    /// For each item its position in the layout.
    positions: Vec<usize>,
    layout: Box<dyn Layout>,
}

impl SetConfig {
    /// Opens the set; relative paths start at `base`, and pixels of pictures are interpreted by `values`: as they are stored, or
    /// with the scale and offset that files declare, as runs of a package of the same unit read them.
    ///
    /// # Errors
    /// [`DatasetError`], naming the file: something is missing, malformed or contradicts the card; a group lies in two
    /// splits; a split is empty.
    pub fn open(&self, base: &Path, values: ReadAs) -> Result<Box<dyn Dataset>, DatasetError> {
        Ok(Box::new(Opened::open(self, base, values)?))
    }
}

impl Dataset for Opened {
    fn card(&self) -> &Card {
        self.set.card()
    }

    fn items(&self) -> &[SplitItem] {
        &self.items
    }

    fn read(&self, index: usize) -> Result<Example, DatasetError> {
        self.layout.read(&self.set, self.positions[index], self.items[index].split)
    }

    fn remarks(&self) -> Vec<Remark> {
        self.set.remarks()
    }

    fn declared(&self) -> Vec<Declared> {
        self.set.declared()
    }

    fn asked(&self) -> Vec<Asked> {
        self.layout.asked()
    }
}

impl Opened {
    /// Opens a set: finds its items, assigns them to splits, checks that their files are there.
    fn open(config: &SetConfig, base: &Path, values: ReadAs) -> Result<Self, DatasetError> {
        let card = Card::read(&base.join(&config.card))?;
        // Normalizes the path: components without `.`.
        let path: PathBuf = base.join(&config.path).components().collect();
        if !path.exists() {
            return Err(DatasetError::Missing { dataset: card.name, path });
        }
        let layout = config.layout.find(&path, &card, values)?;
        let mut items = assigned(config, base, &path, &card, layout.as_ref())?;
        items.sort_by(|(a, _), (b, _)| a.item.cmp(&b.item));
        if let Some(pair) = items.windows(2).find(|pair| pair[0].0.item == pair[1].0.item) {
            let problem = "it is listed twice".into();
            return Err(DatasetError::BadItem { path, item: pair[0].0.item.clone(), problem });
        }
        let (items, positions): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        for position in &positions {
            layout.check(&card, *position)?;
        }
        let splits = positions.iter().copied().zip(items.iter().map(|i| i.split)).collect();
        let remarks = Remarks::default();
        if let Some((file, seen)) = layout.found() {
            remarks.take(&file, &seen);
        }
        if config.splits.is_some() {
            let listed: BTreeSet<usize> = positions.iter().copied().collect();
            let mut unlisted = (0..layout.items().len()).filter(|at| !listed.contains(at)).peekable();
            let first = unlisted.peek().map(|at| layout.items()[*at].item.clone());
            let mut seen = Seen::default();
            seen.add(RemarkKind::Unlisted, unlisted.count());
            remarks.take(&first.unwrap_or_default(), &seen);
        }
        Ok(Self { set: Set::new(card, splits, values, remarks), items, positions, layout })
    }
}

/// Items with their positions in the layout.
fn assigned(
    config: &SetConfig,
    base: &Path,
    path: &Path,
    card: &Card,
    layout: &dyn Layout,
) -> Result<Vec<(SplitItem, usize)>, DatasetError> {
    let given = [config.splits.is_some(), config.split.is_some(), config.part.is_some()];
    let table = config.splits.as_ref().map(|t| base.join(t));
    let (place, items) = match (given.iter().filter(|g| **g).count(), &table, &config.split, config.part) {
        (1, Some(table), ..) => (table.clone(), from_table(table, card, layout)?),
        (1, _, Some(rule), _) => {
            let listed = layout.items().iter().map(|l| (l.item.clone(), l.group.clone()));
            (path.to_owned(), numbered(rule.assign(path, &card.name, listed)?))
        }
        (1, _, _, Some(part)) => (path.to_owned(), whole(layout, |_| Some(part))),
        (0, ..) if layout.items().iter().any(|l| l.split.is_some()) => {
            (path.to_owned(), whole(layout, |l| l.split))
        }
        _ => {
            let problem = "set one of `splits` (a table), `split` (a rule), `part`".into();
            return Err(DatasetError::BadConfig { path: path.to_owned(), problem });
        }
    };
    let plain: Vec<SplitItem> = items.iter().map(|(i, _)| i.clone()).collect();
    check_leaks(&place, &card.name, &plain)?;
    let wanted: &[Split] = match (config.part, config.partial) {
        (Some(Split::Train), _) => &[Split::Train],
        (Some(Split::Validation), _) => &[Split::Validation],
        (Some(Split::Test), _) => &[Split::Test],
        (None, true) => &[],
        (None, false) => &[Split::Train, Split::Validation],
    };
    check_filled(&place, &card.name, &plain, wanted.iter().copied())?;
    if items.is_empty() {
        let problem = format!("it has no item of {}", card.name);
        return Err(DatasetError::BadConfig { path: place, problem });
    }
    Ok(items)
}

fn numbered(items: Vec<SplitItem>) -> Vec<(SplitItem, usize)> {
    items.into_iter().enumerate().map(|(position, item)| (item, position)).collect()
}

/// The layout's items to which `split` assigns a split.
fn whole(layout: &dyn Layout, split: impl Fn(&Listed) -> Option<Split>) -> Vec<(SplitItem, usize)> {
    let item = |(position, listed): (usize, &Listed)| {
        let (item, group) = (listed.item.clone(), listed.group.clone());
        Some((SplitItem { item, group, split: split(listed)? }, position))
    };
    layout.items().iter().enumerate().filter_map(item).collect()
}

/// The items of a table, found in the layout.
fn from_table(
    table: &Path,
    card: &Card,
    layout: &dyn Layout,
) -> Result<Vec<(SplitItem, usize)>, DatasetError> {
    let places: HashMap<&str, usize> =
        layout.items().iter().enumerate().map(|(position, l)| (l.item.as_str(), position)).collect();
    let mut items = Vec::new();
    for mut item in read_table(table, &card.name)? {
        let mut id = files::without_extension(&item.item).to_owned();
        if id.contains('\\') && !places.contains_key(id.as_str()) {
            id = id.replace('\\', "/");
        }
        let position = *places
            .get(id.as_str())
            .ok_or_else(|| DatasetError::Missing { dataset: card.name.clone(), path: layout.place(&id) })?;
        item.item = id;
        items.push((item, position));
    }
    Ok(items)
}
