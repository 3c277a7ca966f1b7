//! What the images of both dates say: their shift, and how much each pixel differs.

use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result};
use arpent_change::register::MIN_GOOD_CELLS;
use arpent_gdal::{RasterKind, StripWriter};
use arpent_publish::{ROLE_EVIDENCE, ROLE_SHIFT, StagedArtifact, Warning};
use arpent_raster::Grid;
use arpent_shell::progress::Stage;

use super::error::ChangeJobError;
use super::evidence::ImageFacts;
use super::inputs::Inputs;
use super::pixels::{ImageWork, Pixels};
use super::shift::{self, Shift};
use crate::config::{ChangeConfig, RegistrationMode};
use crate::shards::{Correction, ShardError};

/// Name of the table of shifts.
pub(super) const SHIFT_TABLE: &str = "shift.csv";

/// What the images say.
pub(super) struct Seen {
    pub(super) shift: Option<Shift>,
    pub(super) evidence: Option<(PathBuf, ImageFacts)>,
}

impl Seen {
    /// Files of what was seen, in a folder: the raster of scores, the cells of the shift.
    pub(super) fn stage(&self, grid: &Grid, folder: &Path) -> Result<Vec<StagedArtifact>> {
        let mut staged = Vec::new();
        if let Some((path, _)) = &self.evidence {
            let evidence = folder.join("evidence.tif");
            std::fs::rename(path, &evidence).context("cannot move the raster of evidence")?;
            staged.push(StagedArtifact::new(&evidence, ROLE_EVIDENCE)?);
        }
        if let Some(shift) = &self.shift {
            let path = folder.join(SHIFT_TABLE);
            shift.write(grid, &path)?;
            staged.push(StagedArtifact::new(&path, ROLE_SHIFT)?);
        }
        Ok(staged)
    }

    /// What the measured shift explains, pixels: its median and the spread around it.
    pub(super) fn explained_px(&self) -> Option<f64> {
        let summary = self.shift.as_ref()?.facts.as_ref()?.summary;
        Some(summary.median_length + summary.residual_mad)
    }
}

/// Looks at the images.
pub(super) struct Look<'a> {
    pub(super) config: &'a ChangeConfig,
    /// The shift that the inputs are corrected by.
    pub(super) correction: Option<Correction>,
    /// Folder for the raster of scores.
    pub(super) folder: &'a Path,
    pub(super) check_interrupt: &'a dyn Fn() -> Result<(), ShardError>,
}

impl Look<'_> {
    /// Measures the shift, and compares the images.
    pub(super) fn look(
        &self,
        inputs: &mut Inputs,
        pixels: &mut Pixels<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Seen> {
        let options = &self.config.registration;
        let (Some(images), Some(extent)) = (&inputs.images, inputs.images_extent()?) else {
            let message = format!(
                "without images of both dates the shift between them is not measured: {} px are assumed, and no image has a vote",
                options.assumed.get()
            );
            let hint = "name the images as `scenes` under [before] and [after], or set `assumed` under [registration]";
            warnings.push(Warning::new("shift-assumed", "registration", message).with_hint(hint));
            return Ok(Seen { shift: None, evidence: None });
        };
        let bands = images.bands.clone();
        let is_measured = options.mode != RegistrationMode::Off;
        let cell_px = is_measured.then(|| shift::fitting(extent, options.cell.get()));
        let (part, path) = (self.folder.join("evidence.part.tif"), self.folder.join("evidence.tif"));
        let mut raster = StripWriter::create(&part, extent, &inputs.grid, RasterKind::Confidence)?;
        let stage = Stage::begin("images", 0);
        let mut shift = None;
        let mut work = ImageWork {
            extent,
            method: self.config.images.method,
            cell_px,
            judge: &mut |cells| {
                let mut found = Shift::of(cells, &bands, cell_px.expect("cells are measured"))?;
                self.judge(&found)?;
                if let Some(facts) = &mut found.facts {
                    facts.correction = self.correction;
                }
                shift = Some(found);
                Ok(())
            },
            write: &mut |window, scores| {
                (self.check_interrupt)()?;
                Ok(raster.write_rows(window.row, scores)?)
            },
        };
        let (scoring, count) = pixels.images(inputs, &mut work)?;
        raster.finish_cog(&path, rayon::current_num_threads())?;
        let measured = shift.as_ref().map_or_else(|| "not measured".to_owned(), Shift::words);
        stage.end(&format!("shift {measured}"));
        if shift.as_ref().is_none_or(|shift| shift.facts.is_none()) {
            let cells = shift.as_ref().map_or(0, |shift| shift.field.cells().len());
            let why = if !is_measured {
                "it is not measured"
            } else if cells < MIN_GOOD_CELLS {
                "fewer than 20 cells fit into the images"
            } else {
                "fewer than 20 cells show one"
            };
            let message = format!(
                "the shift between the images is not known ({why}): {} px are assumed",
                options.assumed.get()
            );
            let hint = "compare a larger area, or set `assumed` under [registration]";
            warnings.push(Warning::new("shift-assumed", "registration", message).with_hint(hint));
        }
        let facts = ImageFacts::new(&scoring, &bands, count);
        warnings.extend(facts.warnings());
        Ok(Seen { shift, evidence: Some((path, facts)) })
    }

    /// Refuses a shift above the limit.
    fn judge(&self, shift: &Shift) -> Result<(), ChangeJobError> {
        let limit_px = self.config.registration.limit.get();
        match shift.facts.as_ref().map(|facts| facts.summary) {
            Some(summary) if summary.median_length > limit_px => Err(ChangeJobError::Shifted {
                shift_px: summary.median_length,
                cells: summary.good,
                spread_px: summary.residual_mad,
                limit_px,
            }),
            _ => Ok(()),
        }
    }
}
