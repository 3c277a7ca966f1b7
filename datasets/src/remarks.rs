//! Remarks on data sets, counted: tolerated deviations from file formats, declared scales and offsets, and options without a
//! match.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use arpent_gdal::LayerCounts;
use arpent_raster::Scaling;
use serde::{Deserialize, Serialize};

/// A tolerated deviation, and how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// A picture without a file of labels: it shows no object.
    NoLabelFile,
    /// Polygons where boxes are wanted: each became the box around it.
    PolygonAsBox,
    /// Lines with a confidence, which is ignored.
    Confidence,
    /// Boxes without area, left out.
    EmptyBox,
    /// Annotations with neither a box nor a polygon, left out.
    NoBox,
    /// Regions of many objects (`iscrowd`), left out.
    Crowd,
    /// Names of files with `\`, read as `/`.
    WindowsPath,
    /// Text in ISO-8859-1 or windows-1252, as declared.
    Latin1,
    /// Pictures to which their EXIF orientation was applied, as in annotation tools and viewers.
    Turned,
    /// Files of labels without a picture, left out.
    NoPicture,
    /// Items that the table of splits does not list, left out.
    Unlisted,
    /// Label rasters whose nodata value is a class of the card: its pixels are not known.
    ClassAsNodata,
    /// Features of a layer whose geometry is not valid, repaired.
    Repaired,
    /// Features of a layer without geometry, left out.
    NoGeometry,
    /// Features of a layer with points or lines beside polygons, which were left out.
    PartsLeftOut,
}

impl RemarkKind {
    /// The message after a count.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoLabelFile => "picture(s) without a file of labels: taken as background",
            Self::PolygonAsBox => "polygon(s) taken as the box around them",
            Self::Confidence => "line(s) with a confidence, which is ignored",
            Self::EmptyBox => "box(es) without area, left out",
            Self::NoBox => "annotation(s) with neither a box nor a polygon, left out",
            Self::Crowd => "region(s) of many objects (iscrowd), left out",
            Self::WindowsPath => "name(s) of files with `\\`, read as `/`",
            Self::Latin1 => "text file(s) in ISO-8859-1 or windows-1252, as declared",
            Self::Turned => "picture(s) turned by their EXIF orientation",
            Self::NoPicture => "file(s) of labels without a picture: left out",
            Self::Unlisted => "item(s) that the table of splits does not list: left out",
            Self::ClassAsNodata => {
                "label raster(s) whose nodata value is a class of the card: its pixels count as not known"
            }
            Self::Repaired => "feature(s) with a geometry that is not valid: repaired",
            Self::NoGeometry => "feature(s) without geometry: left out",
            Self::PartsLeftOut => "feature(s) with points or lines beside polygons: those were left out",
        }
    }
}

/// How often files differed in a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The way.
    pub kind: RemarkKind,
    /// Count in the items read so far.
    pub count: u64,
    /// Items in which.
    pub items: usize,
    /// The first of them, or the file.
    pub first: String,
}

impl Remark {
    /// In words.
    pub fn describe(&self) -> String {
        format!("{} {} (first in `{}`)", self.count, self.kind.describe(), self.first)
    }
}

/// Scales and offsets that pictures declare.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Of each band of the card, of all dates one after the other.
    pub bands: Vec<Option<Scaling>>,
    /// Items with this declaration, of those read so far.
    pub items: usize,
    /// The first of them.
    pub first: String,
}

/// A value that a set's options name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// The option: `names`, `skip`, `values`.
    pub option: String,
    /// The value.
    pub value: String,
    /// Whether the items read so far contain it.
    pub is_found: bool,
}

/// Counts by kind and item: an item that is read again is counted once. And the declared scales and offsets.
#[derive(Debug, Default)]
pub(crate) struct Remarks(Mutex<Taken>);

/// Key of a declaration: scale and offset of each band.
type Declaration = Vec<Option<[u64; 2]>>;

#[derive(Debug, Default)]
struct Taken {
    counts: BTreeMap<RemarkKind, BTreeMap<String, u64>>,
    /// By key: the declaration, and its items.
    declared: BTreeMap<Declaration, (Vec<Option<Scaling>>, BTreeSet<String>)>,
}

impl Remarks {
    /// Adds the remarks of an item.
    pub(crate) fn take(&self, item: &str, seen: &Seen) {
        if seen.counts.is_empty() && seen.declared.is_empty() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, count) in &seen.counts {
            all.counts.entry(*kind).or_default().insert(item.to_owned(), *count);
        }
        if !seen.declared.is_empty() {
            let key = seen.declared.iter().map(|s| s.as_ref().map(Scaling::bits)).collect();
            let (_, items) =
                all.declared.entry(key).or_insert_with(|| (seen.declared.clone(), BTreeSet::new()));
            items.insert(item.to_owned());
        }
    }

    /// All remarks so far.
    pub(crate) fn list(&self) -> Vec<Remark> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let remark = |(kind, items): (&RemarkKind, &BTreeMap<String, u64>)| Remark {
            kind: *kind,
            count: items.values().sum(),
            items: items.len(),
            first: items.keys().next().cloned().unwrap_or_default(),
        };
        all.counts.iter().map(remark).collect()
    }

    /// The declared scales and offsets, each declaration once.
    pub(crate) fn declared(&self) -> Vec<Declared> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |(bands, items): &(Vec<Option<Scaling>>, BTreeSet<String>)| Declared {
            bands: bands.clone(),
            items: items.len(),
            first: items.first().cloned().unwrap_or_default(),
        };
        all.declared.values().map(one).collect()
    }
}

/// Remarks on one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    counts: BTreeMap<RemarkKind, u64>,
    declared: Vec<Option<Scaling>>,
}

impl Seen {
    pub(crate) fn add(&mut self, kind: RemarkKind, count: usize) {
        if count > 0 {
            *self.counts.entry(kind).or_default() += count as u64;
        }
    }

    /// Adds the declarations of another picture of the item.
    pub(crate) fn declare(&mut self, bands: impl IntoIterator<Item = Option<Scaling>>) {
        self.declared.extend(bands);
    }

    /// Remarks on a layer.
    pub(crate) fn of_layer(counts: LayerCounts) -> Self {
        let kinds = [
            (RemarkKind::Repaired, counts.repaired),
            (RemarkKind::NoGeometry, counts.empty),
            (RemarkKind::PartsLeftOut, counts.parts_left_out),
        ];
        let counts = kinds.into_iter().filter(|(_, count)| *count > 0).collect();
        Self { counts, ..Self::default() }
    }
}

/// The set of byte values that occur.
#[derive(Debug)]
pub(crate) struct Met(Mutex<[bool; 256]>);

impl Default for Met {
    fn default() -> Self {
        Self(Mutex::new([false; 256]))
    }
}

impl Met {
    pub(crate) fn take(&self, values: &[u8]) {
        let mut met = [false; 256];
        for value in values {
            met[usize::from(*value)] = true;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().zip(met).for_each(|(all, met)| *all |= met);
    }

    pub(crate) fn has(&self, value: u8) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(value)]
    }
}
