//! The delivery as SQL for PostgreSQL with PostGIS, in one transaction.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use arpent_base::{DoingWhat as _, Result, hex};
use arpent_gdal::sql_text;

use super::delivery::{Batch, Inference, ewkb};

/// The tables as AIGLE reads them; where they are there already, they stay as they are.
const TABLES: &str = "\
CREATE SCHEMA IF NOT EXISTS detections;
CREATE TABLE IF NOT EXISTS detections.run (
  id bigint PRIMARY KEY, geozone_id bigint, created_at timestamptz NOT NULL, src_image_year bigint);
CREATE TABLE IF NOT EXISTS detections.batch (
  id integer PRIMARY KEY, batch_name text NOT NULL, created_at timestamptz NOT NULL, model_id text, batch_tiles_url text,
  description text, run_id bigint NOT NULL REFERENCES detections.run (id));
CREATE TABLE IF NOT EXISTS detections.inference (
  id integer NOT NULL, batch_id integer NOT NULL REFERENCES detections.batch (id), score double precision, object_type text,
  address text, detection_validation_status text, detection_control_status text, detection_prescription_status text,
  detection_source text, user_reviewed boolean, tile_x integer, tile_y integer, geometry geometry(Polygon, 4326),
  PRIMARY KEY (id, batch_id));
";

/// Columns of the rows that are copied.
const COLUMNS: &str = "id, batch_id, score, object_type, detection_validation_status, detection_source, tile_x, tile_y, geometry";

/// Writes the file, row by row.
pub(super) struct SqlWriter {
    file: BufWriter<File>,
    batch: i64,
    shown: String,
}

/// A cell of `COPY`: without the characters that end it.
fn cell(text: Option<&str>) -> String {
    let Some(text) = text else { return "\\N".to_owned() };
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}

impl SqlWriter {
    /// Begins a file.
    pub(super) fn create(path: &Path, batch: &Batch) -> Result<Self> {
        let shown = path.display().to_string();
        let file = File::create(path).with_context(|| shown.clone())?;
        let mut writer = Self { file: BufWriter::new(file), batch: batch.id, shown };
        let id = batch.id;
        let text = |text: &str| sql_text(Some(text));
        let run = format!(
            "INSERT INTO detections.run (id, geozone_id, created_at, src_image_year)\n  VALUES ({id}, {}, {}, {}) ON CONFLICT DO NOTHING;\n",
            number(batch.geozone),
            text(&batch.created),
            number(batch.year),
        );
        let of_batch = format!(
            "INSERT INTO detections.batch (id, batch_name, created_at, model_id, batch_tiles_url, description, run_id)\n  \
             VALUES ({id}, {}, {}, {}, {}, {}, {id}) ON CONFLICT DO NOTHING;\n",
            text(&batch.name),
            text(&batch.created),
            text(&batch.model),
            sql_text(batch.tiles_url.as_deref()),
            text(&batch.description),
        );
        writer.put(&format!(
            "-- Detections for AIGLE, written by Arpent. Apply with: psql --set ON_ERROR_STOP=1 --file FILE\n\
             -- Applying it again changes nothing; a batch of this number with other rows is an error.\n\
             BEGIN;\nSET LOCAL standard_conforming_strings = on;\nSET LOCAL client_encoding = 'UTF8';\nSET LOCAL client_min_messages = warning;\n{TABLES}{run}{of_batch}\
             CREATE TEMPORARY TABLE arpent_batch ON COMMIT DROP AS\n  \
             SELECT {id} AS id, {}::text AS batch_name, {}::text AS batch_tiles_url, {}::bigint AS year;\n\
             CREATE TEMPORARY TABLE arpent_inference (LIKE detections.inference) ON COMMIT DROP;\n\
             COPY arpent_inference ({COLUMNS}) FROM STDIN;\n",
            text(&batch.name),
            sql_text(batch.tiles_url.as_deref()),
            number(batch.year),
        ))?;
        Ok(writer)
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).with_context(|| self.shown.clone())
    }

    /// Adds a row.
    pub(super) fn row(&mut self, row: &Inference) -> Result<()> {
        let [x, y] = row.tile.map_or([None, None], |tile| tile.map(Some));
        let value = |value: Option<String>| value.unwrap_or_else(|| "\\N".to_owned());
        let cells = [
            row.id.to_string(),
            self.batch.to_string(),
            value(row.score.map(|score| score.to_string())),
            cell(Some(&row.object_type)),
            cell(row.status),
            "ANALYSIS".to_owned(),
            value(x.map(|x| x.to_string())),
            value(y.map(|y| y.to_string())),
            value(row.polygon.as_ref().map(|rings| hex(&ewkb(rings)))),
        ];
        self.put(&format!("{}\n", cells.join("\t")))
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<()> {
        let batch = self.batch;
        self.put(&format!(
            "\\.\n\
             DO $$ BEGIN\n  IF EXISTS (SELECT 1 FROM detections.inference old LEFT JOIN arpent_inference new USING (id, batch_id)\n    \
             WHERE old.batch_id = {batch} AND (new.id IS NULL OR new.score IS DISTINCT FROM old.score OR new.object_type IS DISTINCT FROM old.object_type\n      \
             OR new.detection_validation_status IS DISTINCT FROM old.detection_validation_status\n      \
             OR ST_AsBinary(new.geometry) IS DISTINCT FROM ST_AsBinary(old.geometry)))\n    \
             OR EXISTS (SELECT 1 FROM detections.batch old JOIN detections.run ON run.id = old.run_id JOIN arpent_batch new ON new.id = old.id\n    \
             WHERE old.batch_name IS DISTINCT FROM new.batch_name OR old.batch_tiles_url IS DISTINCT FROM new.batch_tiles_url\n      \
             OR run.src_image_year IS DISTINCT FROM new.year) THEN\n    \
             RAISE EXCEPTION 'batch {batch} is there with other content';\n  END IF;\nEND $$;\n\
             INSERT INTO detections.inference ({COLUMNS}) SELECT {COLUMNS} FROM arpent_inference new\n  \
             WHERE NOT EXISTS (SELECT 1 FROM detections.inference old WHERE old.id = new.id AND old.batch_id = new.batch_id);\nCOMMIT;\n"
        ))?;
        self.file.flush().with_context(|| self.shown.clone())
    }
}
