//! Reads PT2 archives of `torch.export.save` (PyTorch 2.8 and later): a zip with a graph as JSON and the weights as raw numbers,
//! little-endian, under the names of the state dict. Nothing in it is a program; the graph is lowered to steps of our own.

mod kernel;
mod lower;
mod norms;
mod pools;
mod program;
mod scores;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use crate::Weights;
use crate::storage::NumberType;
use lower::lower;
use program::Program;

pub(crate) use lower::LoweredGraph;

/// Limits of a document, of the tensors, and of their values.
const MOST_JSON_BYTES: u64 = 256 << 20;
const MOST_TENSORS: usize = 1 << 16;
const MOST_ORDER_BYTES: u64 = 16;
const MOST_VALUES: usize = 1 << 30;

/// What says where the weights are.
#[derive(Deserialize)]
struct Stored {
    config: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path_name: String,
    #[serde(default)]
    use_pickle: bool,
    tensor_meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    /// `ScalarType` of `torch/_export/serde/schema.py`.
    dtype: u64,
    sizes: Vec<Value>,
    strides: Vec<Value>,
    storage_offset: Value,
}

/// The floating-point type of a `ScalarType`; `None` for whole numbers.
const fn kind(code: u64) -> Option<NumberType> {
    match code {
        6 => Some(NumberType::F16),
        7 => Some(NumberType::F32),
        8 => Some(NumberType::F64),
        13 => Some(NumberType::Bf16),
        _ => None,
    }
}

/// An archive.
struct Archive {
    zip: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl Archive {
    fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        // The archive holds others, which look like its end: its begin is that of the file.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(config, BufReader::new(file)).map_err(|error| error.to_string())?;
        let names = zip.file_names().map(|name| name.map(std::borrow::Cow::into_owned));
        let names = names.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let is_code = |name: &String| {
            let end = Path::new(name).extension();
            name.contains("/aotinductor/") || end.is_some_and(|end| end.eq_ignore_ascii_case("so"))
        };
        if names.iter().any(is_code) {
            return Err("an archive of AOTInductor: compiled code, which is never run".into());
        }
        Ok(Self { zip, names })
    }

    /// The bytes of a file of the archive, `most` at most.
    fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, String> {
        let file = self.zip.by_name(name).map_err(|error| format!("{name}: {error}"))?;
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        if bytes.len() as u64 > most {
            return Err(format!("{name}: it has more than {most} bytes"));
        }
        Ok(bytes)
    }

    /// What the archive computes.
    fn program(&mut self) -> Result<Program, String> {
        let name = self.only("models/model.json")?;
        Program::parse(&self.read(&name, MOST_JSON_BYTES)?)
    }

    /// The only file with this end.
    fn only(&self, end: &str) -> Result<String, String> {
        let mut found = self.names.iter().filter(|name| name.ends_with(end));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => Err(format!(
                "it has no `...{end}`: an archive of torch.export.save (PyTorch 2.8 and later) was expected"
            )),
            (Some(_), Some(_)) => Err("it holds several models, expected one".into()),
        }
    }
}

/// The floating-point weights of an archive, in single precision.
///
/// # Errors
/// What is wrong with the archive, or missing in it; compiled code; a pickle.
pub(crate) fn read(path: &Path) -> Result<Weights, String> {
    weights(path).map_err(|problem| printable(&problem))
}

/// A message without the control characters that names of an archive may have.
fn printable(problem: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    problem.chars().map(plain).collect()
}

fn weights(path: &Path) -> Result<Weights, String> {
    let mut archive = Archive::open(path)?;
    let list = archive.only("_weights_config.json")?;
    if let Ok(name) = archive.only("/byteorder") {
        let order = archive.read(&name, MOST_ORDER_BYTES)?;
        if order != b"little" {
            return Err("its numbers are not little-endian".into());
        }
    }
    let folder = list.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let text = archive.read(&list, MOST_JSON_BYTES)?;
    let stored: Stored = serde_json::from_slice(&text).map_err(|error| format!("{list}: {error}"))?;
    if stored.config.len() > MOST_TENSORS {
        return Err(format!("more than {MOST_TENSORS} tensors"));
    }
    let (mut weights, mut all) = (Weights::default(), 0usize);
    for (name, entry) in stored.config {
        if name.is_empty() || name.len() > 1024 || name.chars().any(char::is_control) {
            return Err(format!("a tensor with the name {name:?}"));
        }
        let Some(kind) = kind(entry.tensor_meta.dtype) else { continue };
        if entry.use_pickle {
            return Err(format!("`{name}` is a pickle"));
        }
        let shape = entry.tensor_meta.contiguous(&name)?;
        let values = shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size));
        all = values
            .and_then(|values| all.checked_add(values))
            .filter(|all| *all <= MOST_VALUES)
            .ok_or_else(|| format!("more than {MOST_VALUES} values"))?;
        let wanted = shape.iter().product::<usize>() * kind.size();
        let bytes = archive.read(&format!("{folder}/{}", entry.path_name), wanted as u64)?;
        if bytes.len() != wanted {
            return Err(format!(
                "`{name}` has {} bytes of {kind:?}, its shape {shape:?} has {wanted}",
                bytes.len()
            ));
        }
        weights.insert(name, &shape, kind.values(&bytes));
    }
    Ok(weights)
}

impl Meta {
    /// The shape, if the values lie in its order.
    fn contiguous(&self, name: &str) -> Result<Vec<usize>, String> {
        let number = |value: &Value| value["as_int"].as_u64().and_then(|size| usize::try_from(size).ok());
        let numbers = |all: &[Value]| all.iter().map(number).collect::<Option<Vec<_>>>();
        let (Some(shape), Some(strides), Some(0)) =
            (numbers(&self.sizes), numbers(&self.strides), number(&self.storage_offset))
        else {
            return Err(format!("`{name}` has sizes that are not numbers, or is a part of another tensor"));
        };
        let mut expected = 1usize;
        let pairs = shape.iter().zip(&strides).rev();
        let is_contiguous = shape.len() == strides.len()
            && pairs.into_iter().all(|(size, stride)| {
                let fits = *size == 1 || *stride == expected;
                expected = expected.saturating_mul((*size).max(1));
                fits
            });
        if is_contiguous {
            Ok(shape)
        } else {
            Err(format!("`{name}` is not stored row by row (strides {strides:?})"))
        }
    }
}

/// The graph of an archive, lowered to steps of our own; `is_measured` if its outputs are measured values.
///
/// # Errors
/// Those of [`read`], and what of the graph is not run.
pub(crate) fn read_graph(path: &Path, is_measured: bool) -> Result<LoweredGraph, String> {
    let weights = read(path)?;
    let program = Archive::open(path).and_then(|mut archive| archive.program());
    let graph = program.and_then(|program| lower(&program, &weights, is_measured));
    graph.map_err(|problem| printable(&problem))
}

/// The operators of an archive's graph with their counts, as text; `None` if it cannot be read.
pub(crate) fn operators(path: &Path) -> Option<String> {
    Archive::open(path).ok()?.program().ok()?.operators(|_| true)
}
