//! Consistency of a report.

use arpent_base::{DoingWhat as _, Result, bail};

use super::confusion::is_square;
use super::data::{FORMAT, TrainingReport};
use crate::evaluate::figures::{ChipAnswer, ChipView, GroupScores};

impl TrainingReport {
    /// Checks what the types do not: the format, and that sizes fit.
    ///
    /// # Errors
    /// Names the field that does not fit, and why.
    pub(crate) fn check(&self) -> Result<()> {
        if self.format != FORMAT {
            bail!("format is `{}`, want `{FORMAT}`", self.format);
        }
        if let Some(confusion) = self.confusion.as_ref().filter(|confusion| !is_square(confusion)) {
            bail!("confusion.counts is not a square of {0} x {0}", confusion.labels.len());
        }
        if let Some(groups) = self.scores.as_ref().and_then(|scores| scores.groups.as_ref()) {
            check_groups(groups)?;
        }
        let gallery = self.gallery.iter();
        for (i, chip) in gallery.flat_map(|gallery| gallery.worst.iter().chain(&gallery.best)).enumerate() {
            check_chip(chip).with_context(|| format!("gallery: chip {i}, item `{}`", chip.item))?;
        }
        for scene in &self.scenes {
            let pixels = u64::from(scene.width) * u64::from(scene.height);
            let sizes = [scene.picture.rgb.len() as u64, 3 * scene.prediction.len() as u64];
            if sizes.iter().any(|bytes| *bytes != 3 * pixels) {
                bail!("scenes: `{}` has pictures that differ from its size", scene.name);
            }
        }
        Ok(())
    }
}

fn check_groups(groups: &GroupScores) -> Result<()> {
    let want = groups.names.len();
    match groups.rows.iter().find(|row| row.scores.len() != want) {
        Some(row) => bail!("scores.groups: `{}` has {} scores, want {want}", row.group, row.scores.len()),
        None => Ok(()),
    }
}

fn check_chip(chip: &ChipView) -> Result<()> {
    let pixels = u64::from(chip.width) * u64::from(chip.height);
    let fits = |name: &str, bytes: &[u8], per_pixel: u64| {
        let (got, want) = (bytes.len() as u64, pixels.saturating_mul(per_pixel));
        if got == want { Ok(()) } else { bail!("{name} has {got} bytes, want {want}") }
    };
    for picture in &chip.pictures {
        fits(&picture.caption, &picture.rgb, 3)?;
    }
    if let ChipAnswer::Labels { truth, prediction } = &chip.answer {
        fits("truth", truth, 1)?;
        fits("prediction", prediction, 1)?;
    }
    Ok(())
}
