//! NEON crown crops: one tree per picture, live or dead, 10 cm.

use std::path::Path;

use crate::{DatasetError, Picture, Source, Split, read_splits};

/// What the annotator saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// A live tree.
    Live,
    /// A standing dead tree.
    Dead,
}

/// One crown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crown {
    /// The crop: the crown's bounding box with some surroundings.
    pub picture: Picture,
    /// Live or dead.
    pub health: Health,
    /// NEON site.
    pub site: String,
    /// Part of the data set; sites do not straddle.
    pub split: Split,
}

/// Reads all crowns, in the order of the table: `<root>/splits.csv` and
/// `<root>/tree_health/neon_dead_alive_crops/{alive,dead}/*.jpg`.
///
/// # Errors
/// [`DatasetError`] when a file is missing or damaged, or when the split leaks.
pub fn neon_crowns(root: &Path) -> Result<Vec<Crown>, DatasetError> {
    let dataset = Source::NEON_CROWNS.name;
    let table = root.join("splits.csv");
    let folder = root.join("tree_health").join(dataset);
    let mut crowns = Vec::new();
    for item in read_splits(&table, dataset)? {
        let health = match item.item.split('/').next() {
            Some("alive") => Health::Live,
            Some("dead") => Health::Dead,
            _ => {
                let problem = format!("item `{}` is neither in alive/ nor in dead/", item.item);
                return Err(DatasetError::Malformed { path: table, line: 0, problem });
            }
        };
        let picture = Picture::read(dataset, &folder.join(format!("{}.jpg", item.item)))?;
        crowns.push(Crown { picture, health, site: item.group, split: item.split });
    }
    Ok(crowns)
}
