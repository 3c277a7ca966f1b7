//! SQL on a GeoPackage: tables with constraints and triggers, which no layer writer makes, and rows as they are stored.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use gdal::vector::LayerAccess as _;
use gdal::vector::sql::Dialect;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::file::{close, settle, text};
use super::settings::Settings;
use crate::GdalError;
use crate::ffi::{self, failure};
use crate::setup::quiet;

/// A GeoPackage that SQL is run on.
#[derive(Debug)]
pub struct GeoPackage {
    path: PathBuf,
    dataset: Dataset,
    timestamp: String,
}

/// The bytes of a cell, as text; `None` for NULL.
pub type StoredCell = Option<Vec<u8>>;

impl GeoPackage {
    /// Opens a file to read it.
    ///
    /// # Errors
    /// [`GdalError::NotAVector`] when it is no GeoPackage, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, GdalError> {
        Self::with(path, GdalOpenFlags::GDAL_OF_READONLY, "")
    }

    /// Opens a file that [`LayerWriter`](crate::LayerWriter) completed, to add tables. `timestamp` as in
    /// [`LayerOptions`](crate::LayerOptions).
    ///
    /// # Errors
    /// As [`GeoPackage::open`].
    pub fn update(path: &Path, timestamp: &str) -> Result<Self, GdalError> {
        Self::with(path, GdalOpenFlags::GDAL_OF_UPDATE, timestamp)
    }

    fn with(path: &Path, mode: GdalOpenFlags, timestamp: &str) -> Result<Self, GdalError> {
        quiet();
        ffi::reset_error();
        let opening = DatasetOptions {
            open_flags: mode | GdalOpenFlags::GDAL_OF_VECTOR,
            allowed_drivers: Some(&["GPKG"]),
            ..DatasetOptions::default()
        };
        let dataset = Dataset::open_ex(path, opening)
            .map_err(|e| GdalError::NotAVector { path: text(path), message: failure(&e) })?;
        Ok(Self { path: path.to_owned(), dataset, timestamp: timestamp.to_owned() })
    }

    /// Runs a statement without result.
    ///
    /// # Errors
    /// [`GdalError::Write`].
    pub fn run(&self, sql: &str) -> Result<(), GdalError> {
        let _dated = Settings::new(&self.timestamp);
        ffi::reset_error();
        let done = self.dataset.execute_sql(sql, None, Dialect::DEFAULT).map(drop);
        let failed = done.err().map(|e| failure(&e)).or_else(ffi::last_failure);
        failed.map_or(Ok(()), |message| Err(GdalError::Write { path: text(&self.path), message }))
    }

    /// Begins a transaction: many rows are written fast. [`GeoPackage::commit`] ends it.
    ///
    /// # Errors
    /// [`GdalError::Write`].
    pub fn begin(&self) -> Result<(), GdalError> {
        ffi::start_transaction(&self.dataset)
            .map_err(|message| GdalError::Write { path: text(&self.path), message })
    }

    /// Ends a transaction.
    ///
    /// # Errors
    /// [`GdalError::Write`].
    pub fn commit(&self) -> Result<(), GdalError> {
        let _dated = Settings::new(&self.timestamp);
        ffi::commit_transaction(&self.dataset)
            .map_err(|message| GdalError::Write { path: text(&self.path), message })
    }

    /// Passes the rows of `SELECT` with these expressions `from` tables, one in memory at a time. Bytes are those that are
    /// stored: also text with NUL, and text that is not UTF-8.
    ///
    /// # Errors
    /// Those of `each`; [`GdalError::NotAVector`] when a table or column is missing, or the file is damaged.
    pub fn rows<E: From<GdalError>>(
        &self,
        expressions: &[&str],
        from: &str,
        each: &mut dyn FnMut(Vec<StoredCell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let bad = |message: String| GdalError::NotAVector { path: text(&self.path), message };
        // In hexadecimal, after a letter that no value lacks: GDAL ends text at a NUL, and takes the type of the first row.
        let of = |(at, expression): (usize, &&str)| {
            format!(
                "CASE WHEN {expression} IS NOT NULL THEN 'x' || hex(CAST({expression} AS BLOB)) END AS c{at}"
            )
        };
        let cells: Vec<String> = expressions.iter().enumerate().map(of).collect();
        let sql = format!("SELECT {} FROM {from}", cells.join(", "));
        ffi::reset_error();
        let result = self.dataset.execute_sql(&sql, None, Dialect::DEFAULT).map_err(|e| bad(failure(&e)))?;
        if let Some(mut result) = result {
            for feature in result.features() {
                let cell = |at: usize| -> Result<StoredCell, GdalError> {
                    let stored = feature.field_as_string(at).map_err(|e| bad(failure(&e)))?;
                    Ok(stored.filter(|_| ffi::has_value(&feature, at)).map(|hex| bytes_of(&hex)))
                };
                each((0..expressions.len()).map(cell).collect::<Result<_, GdalError>>()?)?;
                ffi::reset_error();
            }
        }
        ffi::last_failure().map_or(Ok(()), |message| Err(bad(message).into()))
    }

    /// Completes a file that was opened for update.
    ///
    /// # Errors
    /// [`GdalError::Write`], [`GdalError::Io`].
    pub fn finish(self) -> Result<(), GdalError> {
        close(self.dataset, &self.path)?;
        settle(&self.path)
    }

    /// Whether a file was copied while a program had it open for writing: its header names a log of writes (`-wal`), which is
    /// not beside it. What was written last is missing then.
    ///
    /// # Errors
    /// [`GdalError::Io`].
    pub fn lacks_log(path: &Path) -> Result<bool, GdalError> {
        let failed = |source| GdalError::Io { doing: "read", path: text(path), source };
        // Bytes 18 and 19 of the header of SQLite: 2 for write-ahead logging.
        let mut header = [0; 20];
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let is_logged = file.read_exact(&mut header).is_ok() && header[18..] == [2, 2];
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(is_logged && !Path::new(&log).exists())
    }
}

/// Text in SQL; NULL for none.
pub fn sql_text(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
}

/// The bytes of `x` and hexadecimal digits.
fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or_default();
    let digits = hex.as_bytes().get(1..).unwrap_or_default();
    digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
