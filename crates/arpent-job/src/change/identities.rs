//! Ids of the objects of both dates, and the table by which a later comparison knows them.

use std::path::{Path, PathBuf};

use arpent_base::{Column, ColumnKind, Result, hex};
use arpent_change::events::{ObjectIds, ObjectKey, Outcome, identify, object_id};

use super::error::ChangeJobError;
use crate::error::JobError;
use crate::sorted::{Sorted, Sorter};

/// Bytes of a key: row, column, class; so that they sort as rows and columns do.
const KEY: usize = 17;
/// Bytes of a record: key, mark, id.
const RECORD: usize = KEY + 1 + 16;
/// Mark of an object that is not on the later map any more.
const GONE: u8 = 0;
/// Mark of an object of the later map; sorts after [`GONE`].
const HERE: u8 = 1;

/// File name of the table.
pub(crate) const OBJECTS: &str = "objects.csv";

/// The columns of the table.
pub(crate) fn columns() -> Vec<Column> {
    let whole = |name: &str| Column::new(name, ColumnKind::Integer).required();
    vec![
        whole("row")
            .titled("Row", "Ligne")
            .described("Row of the first pixel of the object, counted from the origin of the CRS."),
        whole("col")
            .titled("Column", "Colonne")
            .described("Column of that pixel, counted from the origin of the CRS."),
        Column::new("class_id", ColumnKind::Byte)
            .required()
            .titled("Class number", "Numéro de classe")
            .described("Class of the object in the later map."),
        Column::new("id", ColumnKind::Text)
            .required()
            .titled("Identifier", "Identifiant")
            .described("Id of the object, one of `objects_after` of the events."),
    ]
}

/// The ids of objects. An object that the table does not have began with the first map: its id follows from its first
/// pixel and that map's date.
pub(crate) struct Identities {
    grid_key: String,
    /// Date of the first map of the series.
    first: String,
    after: String,
    /// From the previous comparison.
    known: Option<Sorted<RECORD>>,
    changed: Sorter<RECORD>,
}

impl Identities {
    /// Of a comparison: `first` is the date of the first map of the series, `after` that of its later map. `previous`
    /// is the table of the previous comparison.
    pub(crate) fn new(
        grid_key: String,
        first: String,
        after: String,
        previous: Option<&Path>,
        scratch: &Path,
    ) -> Result<Self> {
        let known = previous.map(|path| read(path, scratch)).transpose()?;
        Ok(Self { grid_key, first, after, known, changed: Sorter::new(scratch, "objects") })
    }

    /// The ids of the objects of an outcome; remembers those of the later map.
    pub(crate) fn identify(&mut self, outcome: &Outcome) -> Result<ObjectIds> {
        let mut error = Ok(());
        let mut known = |key: &ObjectKey| match self.known(key) {
            Ok(id) => id,
            Err(failed) => {
                error = Err(failed);
                String::new()
            }
        };
        let mut new = |key: &ObjectKey| object_id(&self.grid_key, key, &self.after);
        let ids = identify(outcome, &mut known, &mut new);
        error?;
        let (before, after): (Vec<ObjectKey>, Vec<ObjectKey>) = match outcome {
            Outcome::Event(event) => {
                (event.before.iter().map(|o| o.key).collect(), event.after.iter().map(|o| o.key).collect())
            }
            Outcome::Same(before, after) => (vec![before.key], vec![after.key]),
        };
        for key in &before {
            self.changed.push(record(key, GONE, "")?)?;
        }
        for (key, id) in after.iter().zip(&ids.after) {
            self.changed.push(record(key, HERE, id)?)?;
        }
        Ok(ids)
    }

    /// The id of an object of the earlier map.
    fn known(&self, key: &ObjectKey) -> Result<String> {
        if let Some(known) = &self.known {
            let found = known.first_above(&record(key, GONE, "")?)?;
            if let Some(found) = found.filter(|found| found[..KEY] == key_bytes(key)) {
                return Ok(hex(&found[KEY + 1..]));
            }
        }
        Ok(object_id(&self.grid_key, key, &self.first))
    }

    /// Writes the table of the later map: the objects whose ids do not follow from the first map.
    pub(crate) fn write(self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(OBJECTS);
        let failed = |source: csv::Error| JobError::WriteTable { path: path.clone(), source };
        let mut table = csv::Writer::from_path(&path).map_err(failed)?;
        table.write_record(columns().iter().map(|column| &column.name)).map_err(failed)?;
        let changed = self.changed.finish()?;
        let known = self.known.as_ref().map(Sorted::records).transpose()?;
        let mut known = known.into_iter().flatten().peekable();
        let mut changed = changed.records()?.peekable();
        // Of every key the last record of this comparison, else that of the previous one.
        let mut last: Option<[u8; RECORD]> = None;
        loop {
            let is_known = match (known.peek(), changed.peek()) {
                (Some(Ok(a)), Some(Ok(b))) => a[..KEY] <= b[..KEY],
                (Some(Err(_)), _) | (_, None) => true,
                (None, Some(_)) | (_, Some(Err(_))) => false,
            };
            let next = if is_known { known.next() } else { changed.next() };
            let next = next.transpose()?;
            if let Some(done) = last.filter(|last| next.is_none_or(|next| next[..KEY] != last[..KEY]))
                && done[KEY] == HERE
            {
                table.write_record(fields(&done)).map_err(failed)?;
            }
            if next.is_none() {
                break;
            }
            last = next;
        }
        table.flush().map_err(|error| failed(error.into()))?;
        Ok(path)
    }
}

fn key_bytes(key: &ObjectKey) -> [u8; KEY] {
    let mut bytes = [0; KEY];
    // Negative numbers sort before others.
    let sortable = |n: i64| (n.cast_unsigned() ^ (1 << 63)).to_be_bytes();
    bytes[..8].copy_from_slice(&sortable(key.row));
    bytes[8..16].copy_from_slice(&sortable(key.col));
    bytes[16] = key.class_id;
    bytes
}

fn record(key: &ObjectKey, mark: u8, id: &str) -> Result<[u8; RECORD], ChangeJobError> {
    let mut bytes = [0; RECORD];
    bytes[..KEY].copy_from_slice(&key_bytes(key));
    bytes[KEY] = mark;
    for (i, byte) in bytes[KEY + 1..].iter_mut().enumerate().filter(|_| !id.is_empty()) {
        let digits = id.get(2 * i..2 * i + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        *byte = digits.ok_or_else(|| ChangeJobError::BadObjects {
            problem: format!("`{id}` is not an id of 32 hexadecimal digits"),
        })?;
    }
    Ok(bytes)
}

fn fields(record: &[u8; RECORD]) -> [String; 4] {
    let number = |at: usize| {
        let bytes: [u8; 8] = record[at..at + 8].try_into().expect("eight bytes");
        (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed().to_string()
    };
    [number(0), number(8), record[16].to_string(), hex(&record[KEY + 1..])]
}

/// The table of a previous comparison.
fn read(path: &Path, scratch: &Path) -> Result<Sorted<RECORD>> {
    let bad = |problem: String| ChangeJobError::BadObjects { problem };
    let mut records = Sorter::new(scratch, "known");
    let mut table = csv::Reader::from_path(path).map_err(|error| bad(error.to_string()))?;
    for row in table.deserialize::<(i64, i64, u8, String)>() {
        let (row, col, class_id, id) = row.map_err(|error| bad(error.to_string()))?;
        records.push(record(&ObjectKey { row, col, class_id }, HERE, &id)?)?;
    }
    Ok(records.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_change::events::EventObject;

    fn key(row: i64, col: i64) -> ObjectKey {
        ObjectKey { row, col, class_id: 1 }
    }

    fn same(before: ObjectKey, after: ObjectKey) -> Outcome {
        let object = |key| EventObject { key, area_m2: 1.0 };
        Outcome::Same(object(before), object(after))
    }

    #[test]
    fn ids_stay_over_three_vintages() {
        let dir = tempfile::tempdir().unwrap();
        let make = |first: &str, after: &str, previous: Option<&Path>| {
            Identities::new("grid".into(), first.into(), after.into(), previous, dir.path()).unwrap()
        };
        let mut one = make("2015", "2018", None);
        // An object whose first pixel moves, to and fro; another one that is not touched.
        let id = one.identify(&same(key(-5, 7), key(-6, 7))).unwrap().after.remove(0);
        assert_eq!(id, object_id("grid", &key(-5, 7), "2015"));
        let table = one.write(dir.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&table).unwrap(), format!("row,col,class_id,id\n-6,7,1,{id}\n"));
        let previous = dir.path().join("previous.csv");
        std::fs::rename(&table, &previous).unwrap();
        let mut two = make("2015", "2021", Some(&previous));
        let ids = two.identify(&same(key(-6, 7), key(3, 2))).unwrap();
        assert_eq!(ids.before[..], [&*id]);
        let other = two.identify(&same(key(9, 9), key(9, 8))).unwrap();
        assert_eq!(other.before, [object_id("grid", &key(9, 9), "2015")]);
        let text = std::fs::read_to_string(two.write(dir.path()).unwrap()).unwrap();
        assert_eq!(text, format!("row,col,class_id,id\n3,2,1,{id}\n9,8,1,{}\n", other.after[0]));
    }
}
