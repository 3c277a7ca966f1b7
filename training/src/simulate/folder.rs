//! A data set as files: pictures, label rasters, a card and the table of splits.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arpent_base::number::truncate;
use arpent_base::{DoingWhat as _, Failure, Result, listed_of};
use arpent_datasets::{Card, CardClass, IGNORE, Split};
use arpent_raster::ReadAs;
use image::{ExtendedColorType, ImageFormat};
use serde::Serialize;
use tempfile::TempDir;

use super::square::SimulatedPicture;
use crate::config::Config;
use crate::data::Sets;
use crate::error::TrainError;

/// How the data set is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderLayout {
    /// `A/`, `B/`, `label/`.
    Pairs,
    /// A folder for each band, and `masks/`.
    Spots,
}

/// A data set that is being written, in a temporary folder beside its place: no partial one is visible.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    staged: TempDir,
    kind: FolderLayout,
    bands: Vec<String>,
    /// Highest value is 255, or 65535.
    eight_bits: bool,
    card: Card,
    rows: String,
    counts: [usize; 2],
}

/// What was written.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    folder: PathBuf,
    card: PathBuf,
    training: usize,
    validation: usize,
}

impl Folder {
    /// An empty data set, for pictures of these sets.
    pub(super) fn create(
        root: &Path,
        kind: FolderLayout,
        config: &Config,
        sets: &Sets,
        class: &str,
    ) -> Result<Self> {
        let refused = |problem: String, hint: &str| Err(TrainError::refused(problem, hint).into());
        if sets.dates() != 1 {
            return refused(
                "pictures of one date are needed".into(),
                "use a configuration of a segmentation",
            );
        }
        if config.model.values() == ReadAs::Physical
            || !config.model.sample_types.iter().all(|t| t.is_whole())
        {
            let unit = config.model.unit();
            return refused(
                format!("pictures are written as whole numbers, and values in the unit `{unit}` are not"),
                "use a configuration of stored whole numbers: without model.unit, and without floats in model.sample_types",
            );
        }
        let [low, high] = config.model.value_range;
        if low < 0.0 || high > 65535.0 {
            let problem = format!("values of {low} to {high} cannot be written as pictures of 8 or 16 bits");
            return refused(problem, "rescale the pictures to 0 to 65535 first");
        }
        if root.exists() {
            return refused(format!("{} exists", root.display()), "name a new folder, or remove it");
        }
        let bands = sets.bands().to_vec();
        if kind == FolderLayout::Pairs && bands.len() != 3 {
            let problem = format!(
                "pairs are written as RGB pictures, the sets have the bands {}",
                listed_of(&bands, "bands")
            );
            return refused(problem, "name three bands in model.bands");
        }
        let eight_bits = high <= 255.0;
        if kind == FolderLayout::Pairs && !eight_bits {
            return refused(
                "pairs are written as pictures of 8 bits".into(),
                "rescale the pictures to 0 to 255",
            );
        }
        let name = root.file_name().map_or_else(|| "simulated".into(), |n| n.to_string_lossy().into_owned());
        let parent = root.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let make =
            |path: &Path| fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()));
        make(parent)?;
        let mut staged = tempfile::Builder::new();
        staged.prefix(".simulate-").permissions(Permissions::from_mode(0o755));
        let folder = Self {
            staged: staged
                .tempdir_in(parent)
                .with_context(|| format!("cannot write into {}", parent.display()))?,
            card: card(&name, kind, sets, class),
            root: root.to_owned(),
            kind,
            bands,
            eight_bits,
            rows: "task,dataset,split,item,group\n".into(),
            counts: [0, 0],
        };
        for each in folder.folders() {
            make(&folder.staged.path().join(each))?;
        }
        Ok(folder)
    }

    fn folders(&self) -> Vec<String> {
        match self.kind {
            FolderLayout::Pairs => ["A", "B", "label"].map(String::from).to_vec(),
            FolderLayout::Spots => self.bands.iter().cloned().chain(["masks".into()]).collect(),
        }
    }

    /// Writes an item.
    pub(super) fn add(
        &mut self,
        split: Split,
        index: usize,
        group: &str,
        side: usize,
        made: &SimulatedPicture,
    ) -> Result<()> {
        let item = format!("{}-{index:05}", split.name());
        let (name, group) = (&self.card.name, group.replace(',', " "));
        // Writing to a string cannot fail.
        let _ = writeln!(self.rows, "simulation,{name},{},{item},{group}", split.name());
        self.counts[usize::from(split != Split::Train)] += 1;
        let place = |folder: &str| self.staged.path().join(folder).join(format!("{item}.png"));
        match self.kind {
            FolderLayout::Pairs => {
                for (folder, data) in ["A", "B"].iter().zip(&made.dates) {
                    Self::write(&place(folder), &interleaved(data, side), ExtendedColorType::Rgb8, side)?;
                }
                Self::write(&place("label"), &labels(made), ExtendedColorType::L8, side)
            }
            FolderLayout::Spots => {
                let gray = if self.eight_bits { ExtendedColorType::L8 } else { ExtendedColorType::L16 };
                for (band, data) in self.bands.iter().zip(made.dates[0].chunks_exact(side * side)) {
                    Self::write(&place(band), data, gray, side)?;
                }
                Self::write(&place("masks"), &labels(made), ExtendedColorType::L8, side)
            }
        }
    }

    fn write(path: &Path, values: &[f32], color: ExtendedColorType, side: usize) -> Result<()> {
        let bytes: Vec<u8> = match color {
            ExtendedColorType::L16 => values
                .iter()
                .flat_map(|v| truncate::<u16>(f64::from(v.round().clamp(0.0, 65535.0))).to_ne_bytes())
                .collect(),
            _ => values.iter().map(|v| truncate::<u8>(f64::from(v.round().clamp(0.0, 255.0)))).collect(),
        };
        let side = u32::try_from(side)?;
        image::save_buffer_with_format(path, &bytes, side, side, color, ImageFormat::Png)
            .map_err(Failure::foreign)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the table and the card, and moves everything to its place.
    pub(super) fn finish(self) -> Result<Outcome> {
        let write = |name: &str, text: &str| {
            let path = self.staged.path().join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("splits.csv", &self.rows)?;
        write("card.toml", &toml::to_string(&self.card).map_err(Failure::foreign)?)?;
        let staged = self.staged.keep();
        fs::rename(&staged, &self.root).with_context(|| format!("cannot make {}", self.root.display()))?;
        let [training, validation] = self.counts;
        Ok(Outcome { card: self.root.join("card.toml"), folder: self.root, training, validation })
    }
}

/// The card names the source pictures, and has their restrictions.
fn card(name: &str, kind: FolderLayout, sets: &Sets, class: &str) -> Card {
    let cards: Vec<&Card> = sets.cards().collect();
    let list = |of: &dyn Fn(&Card) -> String| {
        let parts: std::collections::BTreeSet<String> = cards.iter().map(|c| of(c)).collect();
        parts.into_iter().collect::<Vec<_>>().join("; ")
    };
    let (title, classes, notes) = match kind {
        FolderLayout::Pairs => (
            format!("Simulated change of `{class}`"),
            ["unchanged".to_owned(), format!("changed {class}")],
            "Layout change-pairs: A/, B/, label/. These changes are simulated from pictures of one date.",
        ),
        FolderLayout::Spots => (
            format!("Simulated stress on `{class}`"),
            ["healthy".into(), "stressed".into()],
            "Layout image-mask, one folder for each band, and masks/. This stress is simulated on healthy fields.",
        ),
    };
    let gsd = cards.iter().filter_map(|c| c.gsd_m).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
    let classes = (0u8..).zip(classes).map(|(id, name)| CardClass { id, name }).collect();
    Card {
        name: name.to_owned(),
        title,
        license: list(&|c| format!("{}: {}", c.name, c.license)),
        source: format!(
            "made by arpent-train simulate of {}",
            list(&|c| format!("{} ({})", c.name, c.source))
        ),
        weights_may_ship: cards.iter().all(|c| c.weights_may_ship),
        bands: sets.bands().to_vec(),
        gsd_m: gsd,
        classes,
        splits: "As the pictures that they were made of, in splits.csv.".into(),
        sha256: None,
        notes: notes.into(),
    }
}

fn interleaved(data: &[f32], side: usize) -> Vec<f32> {
    let area = side * side;
    (0..area).flat_map(|i| data.iter().skip(i).step_by(area).copied().collect::<Vec<_>>()).collect()
}

/// Labels as values of a picture.
fn labels(made: &SimulatedPicture) -> Vec<f32> {
    made.labels.iter().map(|l| f32::from(if *l == IGNORE { u8::MAX } else { *l })).collect()
}
