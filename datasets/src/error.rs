//! What can go wrong with data sets.

use std::path::PathBuf;

use arpent_base::Diagnostic;
use arpent_gdal::GdalError;
use thiserror::Error;

/// A data set that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder is not there.
    #[error("data set {dataset}: {} is missing", path.display())]
    Missing {
        /// The data set.
        dataset: String,
        /// What was looked for.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("data set {dataset}: cannot read {}", path.display())]
    Read {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A picture could not be decoded.
    #[error("data set {dataset}: cannot decode {}", path.display())]
    Decode {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A table or an annotation is not as expected.
    #[error("{}:{line}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A group lies on both sides of a split, so that scores would be too high.
    #[error("{}: group `{group}` of {dataset} is in {first} and in {second}", path.display())]
    Leak {
        /// The table of splits.
        path: PathBuf,
        /// The data set.
        dataset: String,
        /// The group.
        group: String,
        /// One split.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A card that cannot be used.
    #[error("{}: {problem}", path.display())]
    BadCard {
        /// The card.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A picture, mask or scene that GDAL cannot read.
    #[error(transparent)]
    Raster {
        /// Why, with the file.
        source: GdalError,
    },
    /// A picture with other bands than the card lists.
    #[error("{}: {got} bands, expected {expected}", path.display())]
    BandCount {
        /// The picture.
        path: PathBuf,
        /// Number of bands expected.
        expected: usize,
        /// Number of bands it has.
        got: usize,
    },
    /// A file of another size than the one it belongs to.
    #[error(
        "{}: {} x {} pixels, but {} has {} x {}",
        path.display(), got[0], got[1], than.display(), expected[0], expected[1]
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// Its columns and rows.
        got: [usize; 2],
        /// The file it belongs to.
        than: PathBuf,
        /// That one's columns and rows.
        expected: [usize; 2],
    },
    /// Annotations that state another size of a picture than it has.
    #[error(
        "{}: `width` and `height` of {} are {} x {} pixels, but the picture has {} x {}",
        path.display(), picture.display(), stated[0], stated[1], found[0], found[1]
    )]
    StatedSize {
        /// The annotations.
        path: PathBuf,
        /// Columns and rows that they state.
        stated: [usize; 2],
        /// The picture.
        picture: PathBuf,
        /// Its columns and rows.
        found: [usize; 2],
    },
    /// A file that lies elsewhere than the one it belongs to.
    #[error("{}: {problem} {}", path.display(), than.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The file it belongs to.
        than: PathBuf,
        /// How they differ, up to the other's name.
        problem: String,
        /// The command that brings it to its place, where there is one.
        command: Option<String>,
    },
    /// A file with an orientation that is not applied: its pixels are read as they are stored.
    #[error("{}: its orientation is {orientation} ({meaning}), and its pixels are read as they are stored", path.display())]
    Turned {
        /// The file.
        path: PathBuf,
        /// Tag 274 of TIFF and EXIF, 2 to 8.
        orientation: u8,
        /// What that means.
        meaning: &'static str,
    },
    /// A label raster whose compression changed its values.
    #[error("{}: its compression changes values, so labels differ from those that were drawn", path.display())]
    LossyLabels {
        /// The mask.
        path: PathBuf,
    },
    /// A label that is no class of the card.
    #[error("{}: the label at column {column}, row {row} is {value}, which the card does not list", path.display())]
    UnknownLabel {
        /// The mask.
        path: PathBuf,
        /// The label.
        value: u8,
        /// Column, from 0.
        column: usize,
        /// Row, from 0.
        row: usize,
        /// Ids of the card.
        known: Vec<u8>,
    },
    /// The name of a class that the card does not have.
    #[error("{}{}: class `{name}` is not in the card", path.display(), at(*line))]
    UnknownClass {
        /// The file or folder.
        path: PathBuf,
        /// Line, from 1, where there is one.
        line: Option<usize>,
        /// The name.
        name: String,
        /// Names of the card.
        known: Vec<String>,
    },
    /// An item that contradicts itself.
    #[error("{}: `{item}`: {problem}", path.display())]
    BadItem {
        /// The file that it stands in.
        path: PathBuf,
        /// The item.
        item: String,
        /// What is wrong.
        problem: String,
    },
    /// A folder whose files differ from the card's fingerprint.
    #[error("{}: the fingerprint is {got}, the card of {dataset} has {expected}", path.display())]
    Changed {
        /// The folder.
        path: PathBuf,
        /// The data set.
        dataset: String,
        /// Fingerprint of the card.
        expected: String,
        /// Fingerprint of the folder.
        got: String,
    },
    /// Contradicting options of a set.
    #[error("set {}: {problem}", path.display())]
    BadConfig {
        /// The set's folder or file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No item was found.
    #[error("{}: no item of {dataset} in {split}", path.display())]
    Empty {
        /// The table of splits.
        path: PathBuf,
        /// The data set.
        dataset: String,
        /// The split.
        split: &'static str,
    },
}

fn at(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!(":{line}"))
}

impl Diagnostic for DatasetError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => {
                "check the folder that holds the data set (`path`, or --data and --packages), and that the set is \
                 complete"
                    .into()
            }
            Self::Decode { .. } | Self::Raster { source: GdalError::ReadWindow { .. } } => {
                "the file is damaged, or not in the format of its extension: download it again, or take its item \
                 out of the splits"
                    .into()
            }
            Self::Changed { .. } => "download the set again, or write a card for the present files".into(),
            Self::Leak { .. } => "put every item of the group into one split".into(),
            Self::Raster { source } => return source.hint(),
            Self::BandCount { .. } => {
                "list the bands that the files have in the card, or name those to read with `bands`".into()
            }
            Self::Size { .. } => "label rasters must have the size of their pictures: cut them again".into(),
            Self::StatedSize { .. } => {
                "boxes are in pixels of the size that is stated: put the picture that was labeled in its place, or label this one \
                 again; if only the numbers are wrong, correct them"
                    .into()
            }
            Self::Misplaced { command: Some(command), .. } => {
                format!("bring it onto the pixels of its picture and put the result in its place: {command}")
            }
            Self::Misplaced { .. } => "label rasters must lie on the pixels of their pictures: cut them again".into(),
            Self::Turned { .. } => {
                "apply the orientation and remove the tag (image programs call it auto-orient); or remove the tag \
                 alone, where the labels lie on the pixels as they are stored"
                    .into()
            }
            Self::LossyLabels { .. } => {
                "write the mask anew as PNG, or as a GeoTIFF with DEFLATE, from what it was made of; where two classes are black and \
                 white, say threshold = 128"
                    .into()
            }
            Self::UnknownLabel { value, known, .. } => format!(
                "the card has {known:?} (and {} for `not known`); map it in the set: values = {{ {value} = ... }}",
                crate::IGNORE
            ),
            Self::UnknownClass { name, known, .. } => format!(
                "the card has {}; map it in the set: names = {{ \"{name}\" = \"...\" }}, or leave it out: \
                 skip = [\"{name}\"]",
                known.join(", ")
            ),
            Self::Empty { .. } => {
                "another seed or share may fill it; for a set without this split set `partial = true` or `part`"
                    .into()
            }
            _ => return None,
        })
    }
}
