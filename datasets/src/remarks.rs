//! What was taken although files differ from what their format says: counted, so that nobody is surprised.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A way in which files differ, and what is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// A picture without a file of labels: it shows no object.
    NoLabelFile,
    /// Polygons where boxes are wanted: each became the box around it.
    PolygonAsBox,
    /// Lines with a confidence, which plays no part.
    Confidence,
    /// Boxes without area, left out.
    EmptyBox,
    /// Annotations with neither a box nor a polygon, left out.
    NoBox,
    /// Regions of many objects (`iscrowd`), left out.
    Crowd,
    /// Names of files with `\`, read as `/`.
    WindowsPath,
    /// Text in ISO-8859-1 or windows-1252, as it says of itself.
    Latin1,
    /// Pictures that were turned as their EXIF orientation says, as annotation tools and viewers show them.
    Turned,
}

impl RemarkKind {
    /// What it says, after a count.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoLabelFile => "picture(s) without a file of labels: taken as background",
            Self::PolygonAsBox => "polygon(s) taken as the box around them",
            Self::Confidence => "line(s) with a confidence, which plays no part",
            Self::EmptyBox => "box(es) without area, left out",
            Self::NoBox => "annotation(s) with neither a box nor a polygon, left out",
            Self::Crowd => "region(s) of many objects (iscrowd), left out",
            Self::WindowsPath => "name(s) of files with `\\`, read as `/`",
            Self::Latin1 => "text file(s) in ISO-8859-1 or windows-1252, as they say",
            Self::Turned => "picture(s) turned as their EXIF orientation says",
        }
    }
}

/// How often files differed in a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The way.
    pub kind: RemarkKind,
    /// How often, in the items that were read by now.
    pub count: u64,
    /// Items in which.
    pub items: usize,
    /// The first of them.
    pub first: String,
}

impl Remark {
    /// In words.
    pub fn describe(&self) -> String {
        format!("{} {} (first in `{}`)", self.count, self.kind.describe(), self.first)
    }
}

/// Counts by kind and item: an item that is read again is counted once.
#[derive(Debug, Default)]
pub(crate) struct Remarks(Mutex<BTreeMap<RemarkKind, BTreeMap<String, u64>>>);

impl Remarks {
    /// Takes what was seen of an item.
    pub(crate) fn take(&self, item: &str, seen: &Seen) {
        if seen.0.is_empty() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, count) in &seen.0 {
            all.entry(*kind).or_default().insert(item.to_owned(), *count);
        }
    }

    /// All that was seen by now.
    pub(crate) fn list(&self) -> Vec<Remark> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let remark = |(kind, items): (&RemarkKind, &BTreeMap<String, u64>)| Remark {
            kind: *kind,
            count: items.values().sum(),
            items: items.len(),
            first: items.keys().next().cloned().unwrap_or_default(),
        };
        all.iter().map(remark).collect()
    }
}

/// What is seen of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen(BTreeMap<RemarkKind, u64>);

impl Seen {
    pub(crate) fn add(&mut self, kind: RemarkKind, count: usize) {
        if count > 0 {
            *self.0.entry(kind).or_default() += count as u64;
        }
    }
}
