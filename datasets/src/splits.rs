//! The table of splits: which item of which data set is for training, which for validation.

use std::collections::BTreeMap;
use std::path::Path;

use crate::DatasetError;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing and for the scores that are published.
    Validation,
}

impl Split {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitItem {
    /// Path of the item in its data set, without an extension.
    pub item: String,
    /// What never straddles splits: a site, a tile.
    pub group: String,
    /// Its part.
    pub split: Split,
}

/// Reads the items of one data set (CSV with the columns task, dataset, split, item, group).
///
/// # Errors
/// [`DatasetError`]: missing table, malformed line, a group in two splits, a split without items.
pub fn read_splits(path: &Path, dataset: &str) -> Result<Vec<SplitItem>, DatasetError> {
    if !path.exists() {
        return Err(DatasetError::Missing { dataset: dataset.to_owned(), path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| DatasetError::Read {
        dataset: dataset.to_owned(),
        path: path.to_owned(),
        source,
    })?;
    let mut items = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let bad = |problem: &str| {
            Err(DatasetError::Malformed { path: path.to_owned(), line: number + 1, problem: problem.into() })
        };
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let &[_, name, split, item, group] = fields.as_slice() else {
            return bad("want 5 columns: task, dataset, split, item, group");
        };
        if name != dataset {
            continue;
        }
        let split = match split {
            "train" => Split::Train,
            "val" => Split::Validation,
            _ => return bad("split is neither `train` nor `val`"),
        };
        items.push(SplitItem { item: item.into(), group: group.into(), split });
    }
    check(path, dataset, &items)?;
    Ok(items)
}

fn check(path: &Path, dataset: &str, items: &[SplitItem]) -> Result<(), DatasetError> {
    let mut seen: BTreeMap<&str, Split> = BTreeMap::new();
    for item in items {
        let first = *seen.entry(&item.group).or_insert(item.split);
        if first != item.split {
            return Err(DatasetError::Leak {
                path: path.to_owned(),
                dataset: dataset.into(),
                group: item.group.clone(),
                first: first.name(),
                second: item.split.name(),
            });
        }
    }
    for split in [Split::Train, Split::Validation] {
        if !items.iter().any(|i| i.split == split) {
            return Err(DatasetError::Empty {
                path: path.to_owned(),
                dataset: dataset.to_owned(),
                split: split.name(),
            });
        }
    }
    Ok(())
}
