//! Which item is for training, which for validation, which for the test: a table, or a rule.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{approximate, index};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::DatasetError;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing, and for the scores that are published where there is no test.
    Validation,
    /// For the final score alone.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// An item of a data set and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitItem {
    /// Path of the item in its data set, without an extension.
    pub item: String,
    /// What is never divided between splits: a site, a tile; the item itself where there are no groups.
    pub group: String,
    /// Its part.
    pub split: Split,
}

/// What groups are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Group {
    /// The layout's groups: zones, countries, polygons; each item by itself where the layout has none.
    #[default]
    Layout,
    /// Each item by itself: only where neighbors do not look alike.
    Item,
    /// The item's folder.
    Folder,
    /// What a regular expression finds in the item's id: its first group, or else all that it matches.
    Pattern(String),
}

/// Assigns whole groups to splits. A group goes where the first 64 bits of SHA-256 of `<seed>\n<group>` fall in
/// [0, 1): below `validation`, below `validation + test`, or beyond. It neither depends on the other groups nor on
/// the order of files, so that a set may grow without an item changing sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitRule {
    /// Share of the groups for validation, 0 to 1.
    pub validation: f64,
    /// Share of the groups for the test, 0 to 1.
    #[serde(default)]
    pub test: f64,
    /// Another seed gives other splits.
    #[serde(default)]
    pub seed: u64,
    /// What groups are made of.
    #[serde(default)]
    pub by: Group,
}

impl SplitRule {
    /// The split of a group.
    pub fn split_of(&self, group: &str) -> Split {
        let hash = Sha256::digest(format!("{}\n{group}", self.seed));
        let number = hash.iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        let at = approximate(number) / 2f64.powi(64);
        if at < self.validation {
            Split::Validation
        } else if at < self.validation + self.test {
            Split::Test
        } else {
            Split::Train
        }
    }

    /// Assigns items, each with the group of its layout. Errors name `path`.
    ///
    /// # Errors
    /// [`DatasetError::BadConfig`] for shares that leave nothing and for a bad pattern, [`DatasetError::BadItem`] when
    /// a pattern does not match, [`DatasetError::Empty`] when a requested split has no group.
    pub fn assign(
        &self,
        path: &Path,
        dataset: &str,
        items: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Vec<SplitItem>, DatasetError> {
        let bad = |problem: String| DatasetError::BadConfig { path: path.to_owned(), problem };
        let shares = [self.validation, self.test];
        if shares.iter().any(|s| !(0.0..1.0).contains(s)) || self.validation + self.test >= 1.0 {
            let [v, t] = shares;
            return Err(bad(format!("split: validation = {v} and test = {t} leave nothing for training")));
        }
        let pattern = match &self.by {
            Group::Pattern(text) => {
                Some(regex_lite::Regex::new(text).map_err(|e| bad(format!("split.by.pattern: {e}")))?)
            }
            _ => None,
        };
        let mut assigned = Vec::new();
        for (item, known) in items {
            let group = self.group(path, &item, known, pattern.as_ref())?;
            let split = self.split_of(&group);
            assigned.push(SplitItem { item, group, split });
        }
        let wanted = [(Split::Train, 1.0), (Split::Validation, self.validation), (Split::Test, self.test)];
        let wanted = wanted.into_iter().filter(|(_, share)| *share > 0.0).map(|(split, _)| split);
        check_filled(path, dataset, &assigned, wanted)?;
        Ok(assigned)
    }

    fn group(
        &self,
        path: &Path,
        item: &str,
        known: String,
        pattern: Option<&regex_lite::Regex>,
    ) -> Result<String, DatasetError> {
        Ok(match (&self.by, pattern) {
            (Group::Item, _) => item.to_owned(),
            (Group::Folder, _) => {
                item.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
            }
            (Group::Pattern(text), Some(pattern)) => {
                let found = pattern.captures(item).and_then(|c| c.get(1).or(c.get(0)));
                let found = found.ok_or_else(|| DatasetError::BadItem {
                    path: path.to_owned(),
                    item: item.to_owned(),
                    problem: format!("the pattern `{text}` of its split finds no group in it"),
                })?;
                found.as_str().to_owned()
            }
            _ => known,
        })
    }
}

/// A row of a table of splits.
#[derive(Debug, Deserialize)]
struct Row {
    dataset: String,
    split: String,
    item: String,
    group: String,
}

/// Reads the items of one data set (CSV with the columns task, dataset, split, item, group). Rows whose split is `unlabelled` are
/// left out. An item without a group is a group of its own.
///
/// # Errors
/// [`DatasetError`]: missing table, malformed line, a group in two splits.
pub fn read_table(path: &Path, dataset: &str) -> Result<Vec<SplitItem>, DatasetError> {
    let mut items = Vec::new();
    for (line, row) in rows(path, dataset)? {
        let split = match row.split.as_str() {
            "train" => Split::Train,
            "val" | "validation" => Split::Validation,
            "test" => Split::Test,
            "unlabelled" => continue,
            other => {
                let problem = format!("split `{other}` is none of `train`, `val`, `test`, `unlabelled`");
                return Err(DatasetError::Malformed { path: path.to_owned(), line, problem });
            }
        };
        let group = if row.group.is_empty() { row.item.clone() } else { row.group };
        items.push(SplitItem { item: row.item, group, split });
    }
    check_leaks(path, dataset, &items)?;
    Ok(items)
}

/// Items of a table that have no labels.
///
/// # Errors
/// [`DatasetError`]: missing table, malformed line.
pub fn read_unlabelled(path: &Path, dataset: &str) -> Result<Vec<String>, DatasetError> {
    let rows = rows(path, dataset)?.into_iter().filter(|(_, row)| row.split == "unlabelled");
    Ok(rows.map(|(_, row)| row.item).collect())
}

/// The rows of one data set with their line numbers.
fn rows(path: &Path, dataset: &str) -> Result<Vec<(usize, Row)>, DatasetError> {
    let text = crate::files::read_text(dataset, path)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let bad = |e: &csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        let line = index(line);
        let problem = format!("want 5 columns: task, dataset, split, item, group ({e})");
        DatasetError::Malformed { path: path.to_owned(), line, problem }
    };
    let header = reader.headers().map_err(|e| bad(&e))?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(&e))?;
        let row: Row = record.deserialize(Some(&header)).map_err(|e| bad(&e))?;
        if row.dataset == dataset {
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((index(line), row));
        }
    }
    Ok(rows)
}

/// Refuses a group that lies in two splits.
pub(crate) fn check_leaks(path: &Path, dataset: &str, items: &[SplitItem]) -> Result<(), DatasetError> {
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
    Ok(())
}

/// Refuses a requested split without items.
pub(crate) fn check_filled(
    path: &Path,
    dataset: &str,
    items: &[SplitItem],
    wanted: impl IntoIterator<Item = Split>,
) -> Result<(), DatasetError> {
    for split in wanted {
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
