//! Model packages: `model.json` and its weights.
//!
//! The corresponding properties of STAC's Machine Learning Model extension (MLM 1.4 and 1.5); `arpent inspect` prints
//! them:
//!
//! | `model.json` | MLM |
//! |---|---|
//! | `id` (`version` has no counterpart) | `mlm:name` |
//! | `architecture` | `mlm:architecture` (its name), `mlm:hyperparameters` (its numbers) |
//! | `task` | `mlm:tasks` |
//! | `bands[].name` | `mlm:input[].bands[].name` |
//! | `bands[].mean`, `.std` | `mlm:input[].value_scaling[]`, `z-score`: `mean`, `stddev` |
//! | `bands[].dequantize` | `mlm:input[].value_scaling[]`, `processing`: `expression`, in place of `z-score` |
//! | `window.side_px` | sides of `mlm:input[].input.shape`; without a window they are free (-1) |
//! | `stride_px`, `overlap_px` | none |
//! | `classes` | `mlm:output[].classification:classes` |
//! | `values` | the bands of `mlm:output[]`, by their names |
//! | `weights` | `mlm:total_parameters`, counted; the asset with the role `mlm:model` |
//! | `training_data` | `mlm:pretrained_source` (names) |
//! | engine, CPU only | `mlm:framework`, `mlm:framework_version`, `mlm:accelerator` (null) |

use std::fs;
use std::io::{Error, ErrorKind, Read as _, Write};
use std::path::Path;

use arpent_base::sha256_hex;
use serde::Deserialize;

use crate::onnx_graph::OnnxGraph;
use crate::{ModelError, Weights};

mod answers;
mod checks;
mod description;
mod gate;
mod measured;
mod territory;
mod window;

pub use answers::{AnswerLevel, AnswerTables, ClassAnswers, KeptAnswers};
pub use description::{
    Calibration, Detection, Energy, FORMAT, GsdRange, ModelPackage, Quantization, SamplesFile, Score, Task,
    TrainingSource, WeightsFile,
};
pub use gate::{GateResult, GateScore};
pub use measured::{MOST_MEASURED, MeasuredValue, NOT_FINITE};
pub use territory::{Area, Outline, Place, Territory, TerritoryIndex};
pub use window::ModelWindow;

use description::DESCRIPTION;

/// Size limits of the description and of the weights: two thousand million parameters in single precision.
const MOST_DESCRIPTION_BYTES: u64 = 16 << 20;
const MOST_WEIGHTS_BYTES: u64 = 8 << 30;

/// Only the key that determines how the rest is read.
#[derive(Deserialize)]
struct FormatKey {
    format: String,
}

impl ModelPackage {
    /// Reads and checks a package.
    ///
    /// # Errors
    /// [`ModelError`]: a missing file, another format version, a wrong hash, weights of another architecture or not
    /// finite, contradictory statements.
    pub fn load(dir: &Path) -> Result<(Self, Weights), ModelError> {
        let path = dir.join(DESCRIPTION);
        let text = read(dir, DESCRIPTION, MOST_DESCRIPTION_BYTES)?;
        let parse = |source| ModelError::Parse { path: path.clone(), source };
        let key: FormatKey = serde_json::from_slice(&text).map_err(parse)?;
        if key.format != FORMAT {
            return Err(ModelError::UnknownFormat { path, found: key.format, expected: FORMAT });
        }
        let mut package: Self = serde_json::from_slice(&text).map_err(parse)?;
        package.check()?;
        package.read_samples(dir)?;
        let bytes = read(dir, &package.weights.file, MOST_WEIGHTS_BYTES)?;
        let found = sha256_hex(&bytes);
        if found != package.weights.sha256 {
            let path = dir.join(&package.weights.file);
            return Err(ModelError::WrongHash { path, expected: package.weights.sha256, found });
        }
        let weights = if package.architecture.is_onnx() {
            let bad = |problem| ModelError::Onnx {
                path: dir.join(&package.weights.file),
                problem: Box::new(problem),
            };
            Weights::of_graph(OnnxGraph::parse(bytes.into()).map_err(bad)?)
        } else {
            Weights::from_bytes(&bytes)?
        };
        weights.check(&package.architecture.tensors())?;
        Ok((package, weights))
    }

    /// Writes the package: weights first, `model.json` last, each renamed into place when complete. Sets the hash of
    /// the weights.
    ///
    /// # Errors
    /// As [`ModelPackage::load`], which accepts what this writes; [`ModelError::Write`].
    pub fn save(&mut self, weights: &Weights, dir: &Path) -> Result<(), ModelError> {
        weights.check(&self.architecture.tensors())?;
        let bytes = weights.to_bytes()?;
        self.weights.sha256 = sha256_hex(&bytes);
        let samples = self.applicability.as_mut().map(|of| {
            let bytes = of.samples.to_json();
            of.sha256 = sha256_hex(&bytes);
            (of.file.clone(), bytes)
        });
        self.check()?;
        self.check_samples()?;
        fs::create_dir_all(dir).map_err(|source| ModelError::Write { path: dir.to_owned(), source })?;
        write(dir, &self.weights.file, &bytes)?;
        if let Some((file, bytes)) = samples {
            write(dir, &file, &bytes)?;
        }
        write(dir, DESCRIPTION, &self.to_json())
    }

    /// Reads the file of samples, if there is one.
    fn read_samples(&mut self, dir: &Path) -> Result<(), ModelError> {
        let Some(of) = &mut self.applicability else { return Ok(()) };
        let (path, bytes) = (dir.join(&of.file), read(dir, &of.file, MOST_DESCRIPTION_BYTES)?);
        let found = sha256_hex(&bytes);
        if found != of.sha256 {
            return Err(ModelError::WrongHash { path, expected: of.sha256.clone(), found });
        }
        of.samples = serde_json::from_slice(&bytes).map_err(|source| ModelError::Parse { path, source })?;
        self.check_samples()
    }

    /// SHA-256 of `model.json` as [`ModelPackage::save`] writes it, which contains the hashes of the other files:
    /// identifies the model in outputs.
    pub fn sha256(&self) -> String {
        sha256_hex(&self.to_json())
    }

    fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("plain data with string keys is JSON");
        json.push(b'\n');
        json
    }
}

/// Reads a file of an untrusted package, up to a size limit.
fn read(dir: &Path, file: &str, most: u64) -> Result<Vec<u8>, ModelError> {
    let path = dir.join(file);
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(&path)?.take(most + 1).read_to_end(&mut bytes)?;
        let too_large = || Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
        if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
    };
    read().map_err(|source| match source.kind() {
        ErrorKind::NotFound => ModelError::MissingFile { dir: dir.to_owned(), file: file.to_owned() },
        _ => ModelError::Read { path: path.clone(), source },
    })
}

/// Writes a temporary file in the same directory and renames it: readers never see a partial file.
fn write(dir: &Path, file: &str, bytes: &[u8]) -> Result<(), ModelError> {
    let path = dir.join(file);
    let written = || -> std::io::Result<()> {
        let mut staged = tempfile::Builder::new().permissions(public()).tempfile_in(dir)?;
        staged.write_all(bytes)?;
        staged.as_file().sync_all()?;
        staged.persist(&path)?;
        Ok(())
    };
    written().map_err(|source| ModelError::Write { path: path.clone(), source })
}

/// Temporary files are private by default; packages are public.
fn public() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}
