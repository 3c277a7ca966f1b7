//! Counts of the features of a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;

use crate::error::{PublishError, Result};

/// Numbers of features by their attributes. Memory grows with the number of distinct values, not of features.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FeatureSummary {
    /// Features in total.
    pub features: u64,
    /// Features by class name.
    pub classes: BTreeMap<String, u64>,
    /// Features by run id.
    pub runs: BTreeMap<String, u64>,
    /// Features by model id.
    pub models: BTreeMap<String, u64>,
    /// Features by review state.
    pub states: BTreeMap<String, u64>,
}

impl FeatureSummary {
    /// The columns that are counted, in the order of [`FeatureSummary::add`].
    pub const COLUMNS: [&str; 4] = ["class_name", "run_id", "model_id", "state"];

    /// Adds a feature with its values of [`FeatureSummary::COLUMNS`].
    pub fn add(&mut self, values: [&str; 4]) {
        self.features += 1;
        let counts = [&mut self.classes, &mut self.runs, &mut self.models, &mut self.states];
        for (counts, value) in counts.into_iter().zip(values) {
            match counts.get_mut(value) {
                Some(count) => *count += 1,
                None => drop(counts.insert(value.to_owned(), 1)),
            }
        }
    }

    /// Counts the features of a GeoParquet file that Arpent wrote. Geometries are not read.
    ///
    /// # Errors
    /// [`PublishError::Io`] and [`PublishError::ReadParquet`] when it cannot be read, or lacks one of the columns.
    pub fn of_geoparquet(path: &Path) -> Result<Self> {
        let bad = |source| PublishError::ReadParquet { path: path.to_owned(), source: Box::new(source) };
        let missing = || bad(parquet::errors::ParquetError::General("not the features of a run".to_owned()));
        let file = File::open(path).map_err(PublishError::io("read", path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(bad)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), Self::COLUMNS);
        let mut summary = Self::default();
        for batch in builder.with_projection(mask).build().map_err(bad)? {
            let batch = batch.map_err(|e| bad(e.into()))?;
            let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
            let columns = Self::COLUMNS.map(column);
            let [Some(class), Some(run), Some(model), Some(state)] = columns else { return Err(missing()) };
            for row in 0..batch.num_rows() {
                summary.add([class.value(row), run.value(row), model.value(row), state.value(row)]);
            }
        }
        Ok(summary)
    }
}
