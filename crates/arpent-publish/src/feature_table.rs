//! Reads the features of a `GeoParquet` file back: some columns of all rows, or all columns of one row.

use std::fs::File;
use std::path::{Path, PathBuf};

use arpent_base::number::fitted;
use arpent_base::{Cell, Value};
use arpent_vector::polygons_of_wkb;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt8Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use geo_types::Polygon;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::errors::ParquetError;

use crate::error::{PublishError, Result};
use crate::features::GEOMETRY_COLUMNS;

/// A file of features or events that Arpent wrote. Memory holds one batch of rows, never the file.
///
/// ```
/// # use arpent_base::{Cell, Column, ColumnKind};
/// # use arpent_publish::{FeatureTable, ParquetTable};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("features.parquet");
/// # let mut table = ParquetTable::create(&path, &[Column::new("id", ColumnKind::Text), Column::new("area_m2", ColumnKind::Real)])?;
/// # table.push(&[Cell::Text("a1"), Cell::Real(12.5)])?;
/// # table.push(&[Cell::Text("b2"), Cell::Real(30.0)])?;
/// # table.finish()?;
/// let table = FeatureTable::open(&path)?;
/// let mut area_m2 = 0.0;
/// table.each(&["area_m2"], &mut |_, cells| {
///     if let [Cell::Real(m2)] = cells {
///         area_m2 += m2;
///     }
///     true
/// })?;
/// assert_eq!((table.rows(), area_m2), (2, 42.5));
/// assert_eq!((table.find("b2")?, table.find("c3")?), (Some(1), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FeatureTable {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

/// A row with all its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// Names and values, in the order of the file, without the geometry.
    pub values: Vec<(String, Option<Value>)>,
    /// The polygons of its geometry, in units of the CRS of the file.
    pub polygons: Vec<Polygon<f64>>,
}

impl TableRow {
    /// A value by the name of its column; `None` for a column that is not there, or without a value.
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| name == column).and_then(|(_, value)| value.as_ref())
    }
}

impl FeatureTable {
    /// Opens a file; only its metadata are read.
    ///
    /// # Errors
    /// [`PublishError::Io`], and [`PublishError::ReadParquet`] for another file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(PublishError::io("read", path))?;
        let metadata =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).map_err(reading(path))?;
        Ok(Self { path: path.to_owned(), metadata })
    }

    /// Number of its rows.
    pub fn rows(&self) -> u64 {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// Whether it has a column.
    pub fn has(&self, column: &str) -> bool {
        self.metadata.schema().column_with_name(column).is_some()
    }

    /// Passes the number of each row and a cell for each of the columns to `take`, until it returns false. `bbox` is four
    /// cells: smallest x and y, largest x and y.
    ///
    /// # Errors
    /// [`PublishError::Io`] and [`PublishError::ReadParquet`] when it cannot be read, or lacks one of the columns.
    pub fn each(&self, columns: &[&str], take: &mut dyn FnMut(u64, &[Cell<'_>]) -> bool) -> Result<()> {
        let mut row = 0;
        for batch in self.reader(Some(columns), None)? {
            let batch = batch.map_err(|error| reading(&self.path)(error.into()))?;
            let arrays =
                columns.iter().map(|name| self.arrays(&batch, name)).collect::<Result<Vec<_>>>()?.concat();
            let mut cells = Vec::with_capacity(arrays.len());
            for at in 0..batch.num_rows() {
                cells.clear();
                cells.extend(arrays.iter().map(|array| cell(array, at)));
                if !take(row, &cells) {
                    return Ok(());
                }
                row += 1;
            }
        }
        Ok(())
    }

    /// Passes a cell for each of the columns and the geometry of each row, as well-known binary, to `take`. The geometry is
    /// empty where there is none.
    ///
    /// # Errors
    /// As [`FeatureTable::each`].
    pub fn each_shape(&self, columns: &[&str], take: &mut dyn FnMut(&[Cell<'_>], &[u8])) -> Result<()> {
        let geometry = GEOMETRY_COLUMNS[0];
        let names = [columns, &[geometry]].concat();
        for batch in self.reader(Some(&names), None)? {
            let batch = batch.map_err(|error| reading(&self.path)(error.into()))?;
            let arrays =
                columns.iter().map(|name| self.arrays(&batch, name)).collect::<Result<Vec<_>>>()?.concat();
            let shapes = self.column(&batch, geometry)?;
            let shapes = shapes.as_binary_opt::<i32>().ok_or_else(|| self.other("it has no geometries"))?;
            for (at, shape) in shapes.iter().enumerate() {
                let cells: Vec<Cell<'_>> = arrays.iter().map(|array| cell(array, at)).collect();
                take(&cells, shape.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The number of the row with an id. Only the column of ids is read.
    ///
    /// # Errors
    /// As [`FeatureTable::each`].
    pub fn find(&self, id: &str) -> Result<Option<u64>> {
        let mut found = None;
        self.each(&["id"], &mut |row, cells| {
            found = (cells == [Cell::Text(id)]).then_some(row);
            found.is_none()
        })?;
        Ok(found)
    }

    /// Passes every row with all its columns to `take`.
    ///
    /// # Errors
    /// Those of `take`, which end it, and as [`FeatureTable::each`].
    pub fn each_row<E: From<PublishError>>(
        &self,
        take: &mut dyn FnMut(TableRow) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let names = self.names();
        for batch in self.reader(Some(&names), None)? {
            let batch = batch.map_err(|error| reading(&self.path)(error.into()))?;
            for at in 0..batch.num_rows() {
                take(self.row_of(&batch, &names, at)?)?;
            }
        }
        Ok(())
    }

    /// Its columns without the bounding box.
    fn names(&self) -> Vec<&str> {
        let fields = self.metadata.schema().fields();
        fields.iter().map(|f| f.name().as_str()).filter(|name| *name != GEOMETRY_COLUMNS[1]).collect()
    }

    fn row_of(&self, batch: &RecordBatch, names: &[&str], at: usize) -> Result<TableRow> {
        let (mut values, mut polygons) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            let array = self.column(batch, name)?;
            if *name == GEOMETRY_COLUMNS[0] {
                let wkb = array.as_binary_opt::<i32>().map(|bytes| bytes.value(at));
                let read = wkb.and_then(polygons_of_wkb);
                polygons = read.ok_or_else(|| self.other("a geometry is no polygon"))?;
            } else {
                values.push(((*name).to_owned(), value(cell(array, at))));
            }
        }
        Ok(TableRow { values, polygons })
    }

    /// A row with all its columns, by its number; `None` beyond the last one.
    ///
    /// # Errors
    /// As [`FeatureTable::each`].
    pub fn row(&self, row: u64) -> Result<Option<TableRow>> {
        if row >= self.rows() {
            return Ok(None);
        }
        let names = self.names();
        for batch in self.reader(Some(&names), Some(row))? {
            let batch = batch.map_err(|error| reading(&self.path)(error.into()))?;
            if batch.num_rows() == 0 {
                continue;
            }
            return Ok(Some(self.row_of(&batch, &names, 0)?));
        }
        Ok(None)
    }

    /// Reads columns of all rows, or of one.
    fn reader(&self, columns: Option<&[&str]>, row: Option<u64>) -> Result<ParquetRecordBatchReader> {
        let file = File::open(&self.path).map_err(PublishError::io("read", &self.path))?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        if let Some(columns) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        if let Some(row) = row {
            // Row groups before it are not read at all.
            let (mut first, mut group) = (0, None);
            for (number, of) in builder.metadata().row_groups().iter().enumerate() {
                let rows = u64::try_from(of.num_rows()).unwrap_or(0);
                if row < first + rows {
                    group = Some((number, rows));
                    break;
                }
                first += rows;
            }
            let (number, rows) = group.ok_or_else(|| self.other("it ends before a row"))?;
            let at: usize = fitted(row - first);
            let only = RowSelection::from_consecutive_ranges(std::iter::once(at..at + 1), fitted(rows));
            builder = builder.with_row_groups(vec![number]).with_row_selection(only);
        }
        builder.build().map_err(reading(&self.path))
    }

    fn column<'b>(&self, batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef> {
        batch.column_by_name(name).ok_or_else(|| self.other(&format!("it has no column {name}")))
    }

    /// The column, or the parts of a column that has parts.
    fn arrays(&self, batch: &RecordBatch, name: &str) -> Result<Vec<ArrayRef>> {
        let array = self.column(batch, name)?;
        Ok(match array.as_struct_opt() {
            Some(parts) => parts.columns().to_vec(),
            None => vec![array.clone()],
        })
    }

    fn other(&self, what: &str) -> PublishError {
        reading(&self.path)(ParquetError::General(what.to_owned()))
    }
}

/// A value of a column; null for types that no column of features has.
fn cell(array: &ArrayRef, at: usize) -> Cell<'_> {
    if array.is_null(at) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(at)),
        DataType::UInt8 => Cell::Integer(i64::from(array.as_primitive::<UInt8Type>().value(at))),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(at)),
        DataType::Float64 => Cell::Real(array.as_primitive::<Float64Type>().value(at)),
        _ => Cell::Null,
    }
}

fn value(cell: Cell<'_>) -> Option<Value> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(Value::Text(text.to_owned())),
        Cell::Integer(number) => Some(Value::Integer(number)),
        Cell::Real(number) => Some(Value::Real(number)),
    }
}

/// For `map_err`: the file.
pub(crate) fn reading(path: &Path) -> impl FnOnce(ParquetError) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError::ReadParquet { path, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geoparquet::write_geoparquet;
    use crate::testing::{feature, run};

    #[test]
    fn rows_are_found_again_in_any_row_group() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("features.parquet");
        let count: u32 = 140_000;
        let all = (0..count).map(|i| Ok(feature(u64::from(i), u8::from(i % 2 == 0), f64::from(i), 0.0, 1.0)));
        write_geoparquet(&path, all, &crate::testing::crs(), &run()).unwrap();
        let table = FeatureTable::open(&path).unwrap();
        assert_eq!(table.rows(), u64::from(count));
        assert!(table.metadata.metadata().num_row_groups() > 1);
        let mut ids = Vec::new();
        let mut wests = Vec::new();
        table
            .each(&["id", "bbox"], &mut |row, cells| {
                let [Cell::Text(id), Cell::Real(west), ..] = cells else { panic!("{cells:?}") };
                assert_eq!(cells.len(), 5);
                if row % 69_999 == 1 {
                    ids.push((row, (*id).to_owned()));
                    wests.push(*west);
                }
                true
            })
            .unwrap();
        assert_eq!(ids.len(), 3);
        for ((row, id), west) in ids.iter().zip(wests) {
            assert_eq!(table.find(id).unwrap(), Some(*row));
            let found = table.row(*row).unwrap().unwrap();
            assert_eq!(found.value("id"), Some(&Value::Text(id.clone())));
            assert!((found.polygons[0].exterior().0[0].x - west).abs() <= 1.0, "{found:?}");
        }
        assert_eq!((table.find("nothing").unwrap(), table.row(u64::from(count)).unwrap()), (None, None));
        let mut all = 0;
        let each = |row: TableRow| {
            all += u32::from(row.polygons.len() == 1 && row.value("id").is_some());
            Ok::<_, PublishError>(())
        };
        table.each_row(&mut { each }).unwrap();
        assert_eq!(all, count);
        let mut shapes = 0;
        table
            .each_shape(&["class_id"], &mut |cells, wkb| {
                let is_class = matches!(cells, [Cell::Integer(0 | 1)]);
                shapes += u32::from(is_class && polygons_of_wkb(wkb).is_some_and(|found| found.len() == 1));
            })
            .unwrap();
        assert_eq!(shapes, count);
        assert!(table.each_shape(&["nothing"], &mut |_, _| ()).is_err());
        // It ends when it is told to.
        let mut seen = 0;
        table
            .each(&["area_m2"], &mut |_, _| {
                seen += 1;
                seen < 3
            })
            .unwrap();
        assert_eq!(seen, 3);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("features.parquet");
        std::fs::write(&path, "text").unwrap();
        let error = FeatureTable::open(&path).unwrap_err();
        assert!(error.to_string().contains("features.parquet"), "{error}");
        assert!(FeatureTable::open(&dir.path().join("none")).is_err());
    }
}
