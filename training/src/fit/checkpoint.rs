//! One file with the whole state of a training.
//!
//! A safetensors file: the network's state as f32 tensors `network.<name>`, the optimizer's as bytes in the tensor
//! `optimizer`, and the rest as JSON in the metadata. It is written beside its place, flushed to the disk and moved, so
//! that the old or the new file exists at any time, complete.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use arpent_base::{DoingWhat as _, Failure, Result};
use arpent_model::Weights;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Format of checkpoints: bumped when older ones can no longer be read.
const FORMAT: &str = "arpent-checkpoint/1";

/// Progress of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Epochs done.
    pub(crate) epoch: usize,
    /// Epoch with the best score, and that score.
    pub(crate) best: Option<(usize, f64)>,
    /// Epoch that is kept: of those with the best score the one with the lowest validation loss, and that loss.
    #[serde(default)]
    pub(crate) kept: Option<(usize, Option<f64>)>,
    /// Loss of the last epoch.
    pub(crate) loss: f64,
    /// Bytes of the log up to here.
    pub(crate) log_bytes: u64,
    /// Seconds so far.
    pub(crate) seconds: f64,
    /// Watt-hours so far.
    pub(crate) energy_wh: f64,
    /// The identity of the training.
    pub(crate) identity: String,
    /// Hash over what the data sets list.
    pub(crate) data: String,
}

impl Progress {
    /// The epoch whose weights are kept.
    pub(crate) fn kept_epoch(&self) -> Option<usize> {
        self.kept.map(|(epoch, _)| epoch).or(self.best.map(|(epoch, _)| epoch))
    }

    /// Takes the scores of an epoch; whether it is the one to keep: its score is higher than any before, or as high as
    /// the best and its validation loss is lower. Early stopping depends on scores alone.
    pub(crate) fn take(&mut self, epoch: usize, score: Option<f64>, loss: Option<f64>) -> bool {
        let Some(score) = score else { return false };
        let (is_higher, is_equal) =
            self.best.map_or((true, false), |(_, best)| (score > best, score.total_cmp(&best).is_eq()));
        let before = self.kept.and_then(|(_, loss)| loss);
        let is_lower = loss.is_some_and(|loss| before.is_some_and(|before| loss < before));
        if is_higher {
            self.best = Some((epoch, score));
        }
        let is_kept = is_higher || is_equal && is_lower;
        if is_kept {
            self.kept = Some((epoch, loss));
        }
        is_kept
    }
}

/// The state of a training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) progress: Progress,
    pub(crate) network: Weights,
    /// The optimizer's own bytes.
    pub(crate) optimizer: Vec<u8>,
}

impl Checkpoint {
    /// Writes the file at once.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        write_at_once(path, &bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a file; `None` where there is none.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let whole = Self::from_bytes(&bytes);
        whole.map(Some).with_context(|| format!("{} is not a whole checkpoint", path.display()))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let raw: Vec<(String, &[usize], Vec<u8>)> = self
            .network
            .iter()
            .map(|(name, t)| {
                let bytes = t.data.iter().flat_map(|v| v.to_le_bytes()).collect();
                (format!("network.{name}"), t.shape.as_slice(), bytes)
            })
            .collect();
        let mut views = vec![(
            "optimizer".to_owned(),
            TensorView::new(Dtype::U8, vec![self.optimizer.len()], &self.optimizer)
                .map_err(Failure::foreign)?,
        )];
        for (name, shape, bytes) in &raw {
            views.push((
                name.clone(),
                TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(Failure::foreign)?,
            ));
        }
        let metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("progress".to_owned(), serde_json::to_string(&self.progress)?),
        ]);
        safetensors::serialize(views, Some(metadata)).map_err(Failure::foreign)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(Failure::foreign)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let said = |key: &str| metadata.get(key).map_or("", String::as_str);
        if said("format") != FORMAT {
            let problem =
                format!("the checkpoint's format is `{}`, this version reads `{FORMAT}`", said("format"));
            return Err(TrainError::refused(problem, "start again with --restart").into());
        }
        let progress = serde_json::from_str(said("progress"))?;
        let file = SafeTensors::deserialize(bytes).map_err(Failure::foreign)?;
        let mut network = Weights::default();
        for (name, view) in file.tensors() {
            if let Some(name) = name.strip_prefix("network.") {
                let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                network.insert(name, view.shape(), values);
            }
        }
        Ok(Self {
            progress,
            network,
            optimizer: file.tensor("optimizer").map_err(Failure::foreign)?.data().to_vec(),
        })
    }
}

/// Writes beside the place, flushes, moves, and flushes the folder.
pub(crate) fn write_at_once(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Temporary files are private by default; outputs of a training are readable by other users.
    let public = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut staged = tempfile::Builder::new().permissions(public).tempfile_in(folder)?;
    staged.write_all(bytes)?;
    staged.as_file().sync_all()?;
    staged.persist(path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_scores_the_lower_validation_loss_is_kept() {
        let mut progress = Progress {
            epoch: 0,
            best: None,
            kept: None,
            loss: 0.0,
            log_bytes: 0,
            seconds: 0.0,
            energy_wh: 0.0,
            identity: String::new(),
            data: String::new(),
        };
        let epochs = [(0.8, 0.5), (1.0, 0.4), (1.0, 0.2), (1.0, 0.3), (0.9, 0.1)];
        let kept: Vec<bool> =
            (1..).zip(epochs).map(|(i, (score, loss))| progress.take(i, Some(score), Some(loss))).collect();
        assert_eq!(kept, [true, true, true, false, false]);
        assert_eq!((progress.best, progress.kept), (Some((2, 1.0)), Some((3, Some(0.2)))));
        assert!(!progress.take(6, None, Some(0.0)) && progress.kept_epoch() == Some(3));
    }

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit_and_half_of_one_is_refused() {
        let mut network = Weights::default();
        network.insert("a.weight", &[2], vec![f32::MIN_POSITIVE, -0.0]);
        let progress = Progress {
            epoch: 3,
            best: Some((2, 0.1 + 0.2)),
            kept: Some((3, Some(0.3))),
            loss: 1.0 / 3.0,
            log_bytes: 77,
            seconds: 0.7,
            energy_wh: 0.1,
            identity: "a = 1\n".into(),
            data: "x".into(),
        };
        let checkpoint = Checkpoint { progress, network, optimizer: vec![1, 2, 3, 255] };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/last.ckpt");
        assert_eq!(Checkpoint::load(&path).unwrap(), None);
        checkpoint.save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap().unwrap(), checkpoint);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(format!("{:#}", Checkpoint::load(&path).unwrap_err()).contains("not a whole checkpoint"));
    }
}
