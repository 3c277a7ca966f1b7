//! Errors of samples and of the estimates that rest on them.

use std::path::PathBuf;

use arpent_base::Diagnostic;
use arpent_change::areas::AreaError;
use thiserror::Error;

/// A sample that cannot be drawn, or answers that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The events were published in no format that is read.
    #[error("{change} has neither events.gpkg nor events.fgb nor events.geojson")]
    NoEvents {
        /// The comparison.
        change: String,
    },
    /// The output folder contains something.
    #[error("{} is not empty", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A sample that persons have begun to check would be replaced.
    #[error("{} contains a sample with {verdicts} verdicts, which would be lost", folder.display())]
    Filled {
        /// The folder.
        folder: PathBuf,
        /// Number of verdicts.
        verdicts: u64,
    },
    /// The comparison has no unit.
    #[error("{change} has no observed ground to sample")]
    Nothing {
        /// The comparison.
        change: String,
    },
    /// Cells smaller than a pixel.
    #[error("cells of {cell_m} m are too small: a pixel has {gsd_m:.3} m")]
    CellSize {
        /// Side of the cells, meters.
        cell_m: f64,
        /// Side of a pixel, meters.
        gsd_m: f64,
    },
    /// A layer of zones that contains no unit of the sample.
    #[error("no unit of the sample is inside a zone of {zones}")]
    NoZones {
        /// The layer.
        zones: String,
    },
    /// A sample without the file that describes it.
    #[error("sample.json, which describes the sample, is not beside {}", file.display())]
    NoSampleFile {
        /// The file or folder that was named.
        file: PathBuf,
    },
    /// A file that does not describe a sample.
    #[error("{} does not describe a sample: {problem}", path.display())]
    BadSampleFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Answers to two samples.
    #[error("{} and {} describe different samples", one.display(), other.display())]
    OtherSample {
        /// The first.
        one: PathBuf,
        /// Another.
        other: PathBuf,
    },
    /// The comparison named is not that of the sample.
    #[error("the sample is of the comparison {sampled}, and {change} is {found}")]
    OtherChange {
        /// Run id of the sample.
        sampled: String,
        /// The comparison named.
        change: String,
        /// What it is.
        found: String,
    },
    /// A table that lacks a column.
    #[error("{} has no column `{column}`; it has {available}", file.display())]
    NoColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns of the file.
        available: String,
    },
    /// A table that cannot be read.
    #[error("cannot read {}: {problem}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// A row that cannot be used.
    #[error("{}, row {row} (id `{id}`): {problem}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// The row, from 1; the header of a CSV file is not counted.
        row: u64,
        /// Its id.
        id: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// Two persons contradict each other.
    #[error("`{id}` is {one} and {other}")]
    Contradiction {
        /// The unit.
        id: String,
        /// A verdict, its person and its file.
        one: String,
        /// The other.
        other: String,
    },
    /// An estimate that is not possible.
    #[error(transparent)]
    Area(#[from] AreaError),
}

impl Diagnostic for SampleError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoEvents { .. } => {
                "add \"gpkg\" to `formats` in the configuration of the comparison, and make it again"
            }
            Self::NotEmpty { .. } => "name another --output, or add --overwrite",
            Self::Filled { .. } => "name another --output, or move the folder away",
            Self::Nothing { .. } => "check the comparison: `arpent inspect CHANGE`",
            Self::CellSize { .. } => "set a larger --cell-m; 50 by default",
            Self::NoZones { .. } => "check the CRS and the extent of the layer (`ogrinfo -so -al FILE`)",
            Self::NoSampleFile { .. } => {
                "keep the filled tables in the folder that `arpent change sample` wrote, or name that folder as well"
            }
            Self::BadSampleFile { .. } => "use the sample.json that `arpent change sample` wrote, unchanged",
            Self::OtherSample { .. } => "estimate each sample by itself",
            Self::OtherChange { .. } => "name the comparison that the sample was drawn from",
            Self::NoColumn { .. } => "keep the columns of the sample, and fill the empty ones",
            Self::Unreadable { .. } => "use sample.gpkg, or sample.csv saved as CSV in UTF-8",
            Self::Row { hint, .. } => hint,
            Self::Contradiction { .. } => {
                "let these persons agree on one verdict, and write it in both files (or empty one of the rows)"
            }
            Self::Area(error) => return error.hint(),
        };
        Some(text.to_owned())
    }
}
