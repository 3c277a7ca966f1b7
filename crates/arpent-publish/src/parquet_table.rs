//! Tables without geometry as Parquet files, and what GeoParquet files have in common with them: types of columns, sizes of
//! batches and row groups, compression.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arpent_base::{Cell, Column, ColumnKind};
use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder, UInt8Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use crate::error::{PublishError, Result};

/// Rows passed to the encoder at a time.
pub(crate) const BATCH_ROWS: usize = 4096;
/// Rows, and encoded bytes, after which a row group ends. Memory holds one row group.
const GROUP_ROWS: usize = 65_536;
const GROUP_BYTES: usize = 32 << 20;
/// Written into the file; constant, so that equal rows give equal bytes.
const CREATED_BY: &str = concat!("arpent ", env!("CARGO_PKG_VERSION"));

/// Writes rows without geometry to a Parquet file, in their order. Equal rows give equal bytes; memory holds one row group.
///
/// The file is complete only after [`ParquetTable::finish`].
#[derive(Debug)]
pub struct ParquetTable {
    rows: RowGroups,
    columns: Vec<Column>,
    batch: Vec<Values>,
    /// Rows of the batch, and of the table.
    waiting: usize,
    count: u64,
}

impl ParquetTable {
    /// Creates the file. Columns become those of Parquet in their order; one that is not required may be null.
    ///
    /// # Errors
    /// [`PublishError::Io`] when it cannot be created, [`PublishError::Parquet`].
    pub fn create(path: &Path, columns: &[Column]) -> Result<Self> {
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        Ok(Self {
            rows: RowGroups::create(path, schema, properties()?.build())?,
            columns: columns.to_vec(),
            batch: empty(columns),
            waiting: 0,
            count: 0,
        })
    }

    /// Adds a row with a cell for each column; a cell of another type counts as missing.
    ///
    /// # Errors
    /// [`PublishError::Columns`] for another number of cells, and where a required one is missing (when its batch is
    /// written); [`PublishError::Parquet`] when the file cannot be written.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        if cells.len() != self.columns.len() {
            let (found, expected) = (cells.len(), self.columns.len());
            let source = ArrowError::InvalidArgumentError(format!("{found} cells for {expected} columns"));
            return Err(self.rows.mismatch(source));
        }
        self.batch.iter_mut().zip(cells).for_each(|(values, cell)| values.push(*cell));
        self.waiting += 1;
        self.count += 1;
        if self.waiting >= BATCH_ROWS { self.write_batch() } else { Ok(()) }
    }

    /// Writes the remaining rows; returns the number of all.
    ///
    /// # Errors
    /// As [`ParquetTable::push`].
    pub fn finish(mut self) -> Result<u64> {
        self.write_batch()?;
        self.rows.close()?;
        Ok(self.count)
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.waiting == 0 {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, empty(&self.columns));
        self.waiting = 0;
        self.rows.write(batch.into_iter().map(Values::finish).collect())
    }
}

fn empty(columns: &[Column]) -> Vec<Values> {
    columns.iter().map(|column| Values::new(column.kind)).collect()
}

/// A Parquet file to which batches are written; it decides where row groups end.
#[derive(Debug)]
pub(crate) struct RowGroups {
    path: PathBuf,
    pub(crate) inner: ArrowWriter<File>,
    schema: Arc<Schema>,
}

impl RowGroups {
    pub(crate) fn create(path: &Path, schema: Schema, properties: WriterProperties) -> Result<Self> {
        let file = File::create(path).map_err(PublishError::io("create", path))?;
        let schema = Arc::new(schema);
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let inner =
            ArrowWriter::try_new_with_options(file, schema.clone(), options).map_err(encoding(path))?;
        Ok(Self { path: path.to_owned(), inner, schema })
    }

    /// Writes a batch, one array for each column.
    pub(crate) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| self.mismatch(e))?;
        self.inner.write(&batch).map_err(encoding(&self.path))?;
        if self.inner.in_progress_rows() >= GROUP_ROWS || self.inner.in_progress_size() >= GROUP_BYTES {
            self.inner.flush().map_err(encoding(&self.path))?;
        }
        Ok(())
    }

    pub(crate) fn close(self) -> Result<()> {
        self.inner.close().map(drop).map_err(encoding(&self.path))
    }

    fn mismatch(&self, source: ArrowError) -> PublishError {
        PublishError::Columns { path: self.path.clone(), source: Box::new(source) }
    }
}

/// Values of a column under construction.
#[derive(Debug)]
pub(crate) enum Values {
    Text(StringBuilder),
    Byte(UInt8Builder),
    Integer(Int64Builder),
    Real(Float64Builder),
}

impl Values {
    pub(crate) fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Self::Text(StringBuilder::new()),
            ColumnKind::Byte => Self::Byte(UInt8Builder::new()),
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Real => Self::Real(Float64Builder::new()),
        }
    }

    /// Adds a cell; a value of another type counts as missing.
    pub(crate) fn push(&mut self, cell: Cell<'_>) {
        match self {
            Self::Text(values) => {
                values.append_option(if let Cell::Text(text) = cell { Some(text) } else { None });
            }
            Self::Byte(values) => values.append_option(whole(cell).and_then(|number| number.try_into().ok())),
            Self::Integer(values) => values.append_option(whole(cell)),
            Self::Real(values) => {
                values.append_option(if let Cell::Real(number) = cell { Some(number) } else { None });
            }
        }
    }

    pub(crate) fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut values) => Arc::new(values.finish()),
            Self::Byte(mut values) => Arc::new(values.finish()),
            Self::Integer(mut values) => Arc::new(values.finish()),
            Self::Real(mut values) => Arc::new(values.finish()),
        }
    }
}

const fn whole(cell: Cell<'_>) -> Option<i64> {
    if let Cell::Integer(number) = cell { Some(number) } else { None }
}

/// A column as a field of Arrow.
pub(crate) fn field(column: &Column) -> Field {
    let data_type = match column.kind {
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Byte => DataType::UInt8,
        ColumnKind::Integer => DataType::Int64,
        ColumnKind::Real => DataType::Float64,
    };
    Field::new(&column.name, data_type, !column.required)
}

/// The properties of all files.
pub(crate) fn properties() -> Result<WriterPropertiesBuilder> {
    let level = ZstdLevel::try_new(3).map_err(encoding(Path::new("")))?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(CREATED_BY.to_owned())
        // `RowGroups` ends row groups.
        .set_max_row_group_row_count(None))
}

pub(crate) fn encoding(path: &Path) -> impl FnOnce(ParquetError) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError::Parquet { path, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    fn columns() -> Vec<Column> {
        vec![
            Column::new("event", ColumnKind::Text).required(),
            Column::new("share", ColumnKind::Real),
            Column::new("year", ColumnKind::Integer),
        ]
    }

    fn write(path: &Path, rows: i64) {
        let mut table = ParquetTable::create(path, &columns()).unwrap();
        for row in 0..rows {
            let (event, share) = (format!("e{}", row / 3), arpent_base::number::exact(row) / 8.0);
            let year = if row % 2 == 0 { Cell::Integer(row) } else { Cell::Null };
            table.push(&[Cell::Text(&event), Cell::Real(share), year]).unwrap();
        }
        assert_eq!(table.finish().unwrap(), rows.unsigned_abs());
    }

    #[test]
    fn rows_come_back_in_their_order_and_in_groups() {
        let dir = tempfile::tempdir().unwrap();
        let rows: i64 = 150_000;
        let (path, again) = (dir.path().join("a.parquet"), dir.path().join("b.parquet"));
        write(&path, rows);
        write(&again, rows);
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let groups = reader.metadata().row_groups();
        assert!(
            groups.len() > 1 && groups.iter().all(|group| group.num_rows() <= 70_000),
            "{}",
            groups.len()
        );
        let fields: Vec<(String, bool)> =
            reader.schema().fields().iter().map(|f| (f.name().clone(), f.is_nullable())).collect();
        assert_eq!(
            fields,
            [("event".to_owned(), false), ("share".to_owned(), true), ("year".to_owned(), true)]
        );
        let mut at: i64 = 0;
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let events = batch.column(0).as_string::<i32>();
            let shares = batch.column(1).as_primitive::<Float64Type>();
            let years = batch.column(2).as_primitive::<Int64Type>();
            for i in 0..batch.num_rows() {
                assert_eq!(events.value(i), format!("e{}", at / 3));
                assert!((shares.value(i) * 8.0 - arpent_base::number::exact(at)).abs() < 1e-9);
                assert_eq!(years.is_null(i), at % 2 == 1);
                at += 1;
            }
        }
        assert_eq!(at, rows);
    }

    #[test]
    fn a_table_without_rows_is_a_file_and_wrong_rows_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        write(&path, 0);
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.schema().fields().len(), 3);
        let mut table = ParquetTable::create(&path, &columns()).unwrap();
        let refused = table.push(&[Cell::Text("a")]).unwrap_err();
        assert!(matches!(refused, PublishError::Columns { .. }), "{refused}");
        // A required cell of another type is missing.
        table.push(&[Cell::Integer(1), Cell::Null, Cell::Null]).unwrap();
        let refused = table.finish().unwrap_err();
        assert!(matches!(refused, PublishError::Columns { .. }), "{refused}");
    }
}
