//! CSV files whose header and cells are those of columns.

use std::path::{Path, PathBuf};

use arpent_base::{Cell, Column};

use crate::error::JobError;
use crate::zonal::csv_cell;

/// A CSV file that is written row by row.
pub(crate) struct CsvTable {
    path: PathBuf,
    file: csv::Writer<std::fs::File>,
}

impl CsvTable {
    /// Creates a file in a folder, and writes the names of the columns.
    pub(crate) fn new(folder: &Path, name: &str, columns: &[Column]) -> Result<Self, JobError> {
        let path = folder.join(name);
        let failed = |source: csv::Error| JobError::WriteTable { path: path.clone(), source };
        let mut file = csv::Writer::from_path(&path).map_err(failed)?;
        file.write_record(columns.iter().map(|column| column.name.as_str())).map_err(failed)?;
        Ok(Self { path, file })
    }

    /// Adds a row.
    pub(crate) fn push<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<(), JobError> {
        let failed = |source: csv::Error| JobError::WriteTable { path: self.path.clone(), source };
        self.file.write_record(cells.into_iter().map(|cell| csv_cell(&cell))).map_err(failed)
    }

    /// Completes the file; its path.
    pub(crate) fn finish(self) -> Result<PathBuf, JobError> {
        let Self { path, mut file } = self;
        match file.flush() {
            Ok(()) => Ok(path),
            Err(error) => Err(JobError::WriteTable { path, source: error.into() }),
        }
    }
}
