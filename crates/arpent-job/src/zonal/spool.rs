//! Results of zones on disk: a rank needs those of all zones.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_base::Value;
use arpent_vector::ZoneResult;
use serde::{Deserialize, Serialize};

use crate::error::JobError;

/// A zone with its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The id, then the fields that are kept.
    pub(crate) values: Vec<Option<Value>>,
    /// Geometry in the map's CRS, well-known binary.
    pub(crate) wkb: Vec<u8>,
    /// Width of a section of road, meters.
    pub(crate) width_m: Option<f64>,
    pub(crate) result: ZoneResult,
    /// Features of the map by class id, if they are counted.
    pub(crate) objects: Vec<(u8, u64)>,
}

/// A file that takes records.
pub(crate) struct Spool {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Spool {
    pub(crate) fn create(folder: &Path) -> Result<Self, JobError> {
        let path = folder.join("zones.spool");
        let file = File::create(&path).map_err(failed("create", &path))?;
        Ok(Self { path, out: BufWriter::new(file) })
    }

    /// Adds a record: its length in four bytes, then itself.
    pub(crate) fn push(&mut self, record: &Record) -> Result<(), JobError> {
        let written = encoded(record).and_then(|(length, bytes)| {
            self.out.write_all(&length)?;
            self.out.write_all(&bytes)
        });
        written.map_err(failed("write", &self.path))
    }

    /// All records in their order; may be read several times.
    pub(crate) fn finish(mut self) -> Result<Spooled, JobError> {
        self.out.flush().map_err(failed("write", &self.path))?;
        Ok(Spooled { path: self.path })
    }
}

fn encoded(record: &Record) -> std::io::Result<([u8; 4], Vec<u8>)> {
    let bytes = postcard::to_stdvec(record).map_err(std::io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    Ok((length.to_le_bytes(), bytes))
}

/// A file of records.
pub(crate) struct Spooled {
    path: PathBuf,
}

impl Spooled {
    /// Calls `each` with every record.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Record) -> Result<()>) -> Result<()> {
        let mut file = BufReader::new(File::open(&self.path).map_err(failed("read", &self.path))?);
        let mut bytes = Vec::new();
        while next(&mut file, &mut bytes).map_err(failed("read", &self.path))? {
            let record = postcard::from_bytes(&bytes).map_err(std::io::Error::other);
            each(&record.map_err(failed("read", &self.path))?)?;
        }
        Ok(())
    }
}

/// Reads the bytes of the next record; whether there was one.
fn next(file: &mut impl Read, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut length = [0; 4];
    let first = file.read(&mut length)?;
    if first == 0 {
        return Ok(false);
    }
    file.read_exact(&mut length[first..])?;
    bytes.resize(u32::from_le_bytes(length) as usize, 0);
    file.read_exact(bytes)?;
    Ok(true)
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> JobError {
    let path = path.to_owned();
    move |source| JobError::ScratchFile { doing, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(dir.path()).unwrap();
        let record = |number: f64| Record {
            values: vec![Some(Value::Real(number)), None, Some(Value::Text("é".into()))],
            wkb: vec![1, 2, 3],
            width_m: None,
            objects: vec![(1, 2)],
            result: ZoneResult {
                area_m2: number / 3.0,
                inside_m2: 0.1,
                valid_area_m2: 0.0,
                classes: vec![],
                values: vec![],
            },
        };
        let all: Vec<Record> = (0..100).map(|i| record(f64::from(i))).collect();
        for record in &all {
            spool.push(record).unwrap();
        }
        let spooled = spool.finish().unwrap();
        for _ in 0..2 {
            let mut read = Vec::new();
            let kept = spooled.for_each(|r| {
                read.push(r.clone());
                Ok(())
            });
            kept.unwrap();
            assert!(read == all);
        }
        let whole = std::fs::read(&spooled.path).unwrap();
        std::fs::write(&spooled.path, &whole[..whole.len() - 1]).unwrap();
        assert!(spooled.for_each(|_| Ok(())).is_err());
    }
}
