//! The table of which object became which: written as CSV while events are made, then copied row by row into the other
//! formats.

use std::path::{Path, PathBuf};

use arpent_base::number::rounded;
use arpent_base::{Cell, Column, ColumnKind, Language, Result, table_schema};
use arpent_change::events::Lineage;
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape, LayerWriter};
use arpent_publish::ParquetTable;
use arpent_raster::Crs;
use serde_json::json;

use super::csv_table::CsvTable;
use crate::error::JobError;
use crate::map::TIMESTAMP;
use crate::present::table_style;

/// Name of the table: of its files, of its layer in a `GeoPackage`, and in the manifest.
pub(crate) const LINEAGE: &str = "lineage";

/// The columns of the table of lineage of a comparison, in every format.
pub fn columns() -> Vec<Column> {
    let text = |name: &str| Column::new(name, ColumnKind::Text).required();
    let real = |name: &str| Column::new(name, ColumnKind::Real).required();
    vec![
        text("event").titled("Event", "Événement").described("Id of the event, `id` of the events."),
        text("from_id")
            .titled("Object before", "Objet avant")
            .described("Id of the object at the earlier date, one of `objects_before` of the event."),
        text("to_id").titled("Object after", "Objet après").described(
            "Id of the object at the later date, one of `objects_after` of the event; equal to `from_id` where the object is the same.",
        ),
        real("overlap_m2")
            .titled("Common ground (m²)", "Surface commune (m²)")
            .in_unit("m2")
            .described("Ground that both objects have in common; 0 for a displaced object."),
        real("share_from")
            .titled("Share of the object before", "Part de l'objet avant")
            .described("Its share of the object at the earlier date, 0 to 1."),
        real("share_to")
            .titled("Share of the object after", "Part de l'objet après")
            .described("Its share of the object at the later date, 0 to 1."),
    ]
}

/// The Table Schema of the table: an event has a pair of objects once.
pub(crate) fn schema() -> serde_json::Value {
    let mut schema = table_schema(&columns());
    schema["primaryKey"] = json!(["event", "from_id", "to_id"]);
    schema["foreignKeys"] =
        json!([{ "fields": "event", "reference": { "resource": "events", "fields": "id" } }]);
    schema
}

/// The table while events are made.
pub(crate) struct LineageTable {
    table: CsvTable,
}

impl LineageTable {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        Ok(Self { table: CsvTable::new(folder, &format!("{LINEAGE}.csv"), &columns())? })
    }

    /// Adds a row of an event. Numbers have 6 decimals, in every format.
    pub(crate) fn push(&mut self, event: &str, row: &Lineage) -> Result<()> {
        let [overlap, from, to] =
            [row.overlap_m2, row.share_from, row.share_to].map(|number| Cell::Real(rounded(number, 6)));
        let ids = [event, &row.from_id, &row.to_id].map(Cell::Text);
        Ok(self.table.push(ids.into_iter().chain([overlap, from, to]))?)
    }

    pub(crate) fn finish(self) -> Result<LineageFile> {
        Ok(LineageFile { csv: self.table.finish()? })
    }
}

/// The complete table, as CSV.
pub(crate) struct LineageFile {
    csv: PathBuf,
}

impl LineageFile {
    /// Moves the CSV file to a folder; its path.
    pub(crate) fn moved(&mut self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("{LINEAGE}.csv"));
        std::fs::rename(&self.csv, &path).map_err(self.failed("move"))?;
        self.csv = path;
        Ok(self.csv.clone())
    }

    /// Adds the table to a `GeoPackage`, as a layer without geometry.
    pub(crate) fn append(&self, geopackage: &Path, crs: &Crs, titles: Language) -> Result<()> {
        let fields = columns();
        let style = table_style(&fields, titles);
        let options = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: LINEAGE,
            shape: LayerShape::None,
            crs,
            fields: &fields,
            titles,
            spatial_index: false,
            style_qml: Some(&style),
            description: "",
            timestamp: TIMESTAMP,
        };
        let mut layer = LayerWriter::append(geopackage, &options)?;
        self.each(&mut |cells| Ok(layer.write(&[], cells)?))?;
        Ok(layer.finish()?)
    }

    /// Writes the table to a folder as Parquet; its path.
    pub(crate) fn write_parquet(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("{LINEAGE}.parquet"));
        let mut table = ParquetTable::create(&path, &columns())?;
        self.each(&mut |cells| Ok(table.push(cells)?))?;
        table.finish()?;
        Ok(path)
    }

    /// Passes every row, as it stands in the CSV file: memory holds one.
    fn each(&self, take: &mut dyn FnMut(&[Cell<'_>]) -> Result<()>) -> Result<()> {
        let failed = |error: csv::Error| self.failed("read")(error.into());
        let mut table = csv::Reader::from_path(&self.csv).map_err(failed)?;
        let mut record = csv::StringRecord::new();
        while table.read_record(&mut record).map_err(failed)? {
            let row: (&str, &str, &str, f64, f64, f64) = record.deserialize(None).map_err(failed)?;
            let (event, from, to, overlap, share_from, share_to) = row;
            let ids = [event, from, to].map(Cell::Text);
            let numbers = [overlap, share_from, share_to].map(Cell::Real);
            take(&[ids, numbers].concat())?;
        }
        Ok(())
    }

    fn failed(&self, doing: &'static str) -> impl Fn(std::io::Error) -> JobError {
        let path = self.csv.clone();
        move |source| JobError::ScratchFile { doing, path: path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Float64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    #[test]
    fn every_format_has_the_rows_of_the_csv_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = LineageTable::new(folder.path()).unwrap();
        let row = |at: u32| Lineage {
            from_id: format!("from-{at}"),
            to_id: format!("to-{at}"),
            overlap_m2: f64::from(at) / 3.0,
            share_from: 1.0 / f64::from(at + 1),
            share_to: 1.0,
        };
        (0..5000).for_each(|at| table.push(&format!("event-{}", at / 2), &row(at)).unwrap());
        let file = table.finish().unwrap();
        let text = std::fs::read_to_string(folder.path().join("lineage.csv")).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("event,from_id,to_id,overlap_m2,share_from,share_to"));
        assert_eq!(lines.next(), Some("event-0,from-0,to-0,0,1,1"));
        assert_eq!(lines.next(), Some("event-0,from-1,to-1,0.333333,0.5,1"));
        let mut rows = Vec::new();
        file.each(&mut |cells| {
            assert_eq!(cells.len(), columns().len());
            rows.push(cells.iter().map(crate::zonal::csv_cell).collect::<Vec<_>>().join(","));
            Ok(())
        })
        .unwrap();
        assert_eq!(rows, text.lines().skip(1).collect::<Vec<_>>());
        let parquet = std::fs::File::open(file.write_parquet(folder.path()).unwrap()).unwrap();
        let batches = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
        let mut found = Vec::new();
        for batch in batches {
            let batch = batch.unwrap();
            let texts = [0, 1, 2].map(|at: usize| batch.column(at).as_string::<i32>().clone());
            let numbers = [3, 4, 5].map(|at: usize| batch.column(at).as_primitive::<Float64Type>().clone());
            found.extend((0..batch.num_rows()).map(|row| {
                let texts = texts.iter().map(|column| column.value(row).to_owned());
                let numbers = numbers.iter().map(|column| column.value(row).to_string());
                texts.chain(numbers).collect::<Vec<_>>().join(",")
            }));
        }
        assert_eq!(found, rows);
    }

    #[test]
    fn the_schema_names_its_keys() {
        let schema = schema();
        assert_eq!(schema["primaryKey"], json!(["event", "from_id", "to_id"]));
        let names: Vec<&str> =
            schema["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["event", "from_id", "to_id", "overlap_m2", "share_from", "share_to"]);
        for column in columns() {
            assert!(column.required && column.description.ends_with('.'), "{}", column.name);
            assert!(column.title.en != column.name && column.title.fr != column.name, "{}", column.name);
        }
    }
}
