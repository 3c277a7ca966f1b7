//! What the margin around a core is worth: the labels of a network that change with it, measured on scenes.
//!
//! A network with a bounded receptive field gives the same labels from any window that surrounds a core by that field. Far
//! fewer pixels often do: [`margins`] predicts sampled cores with several overlaps and counts the labels that differ from
//! those with the full one. Where the window is part of the model (ADR 0022), there is no full one; what is counted is how
//! many labels differ where the lattice of windows is moved by half a core, for several margins.

use arpent_base::number::{exact, signed};
use arpent_base::{Result, Share};
use arpent_gdal::DatesReader;
use arpent_model::{DeviceChoice, ModelPackage, ModelWindow, Prediction, Predictor, Weights};
use arpent_raster::{Chip, LABEL_NODATA, Window};
use serde::Serialize;

use crate::error::JobError;
use crate::job::{Job, MapJob, needs};
use crate::measured::MeasuredError;

/// Overlaps that are tried below the full one, in strides of the network.
const STRIDES: [usize; 11] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// Margins that are tried of a window, in parts of 16 of its side.
const SIXTEENTHS: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct MarginOptions {
    /// Pixels of cores to predict for each margin, about.
    pub pixels: u64,
    /// Accepted share of labels that differ.
    pub disagreement: Share,
}

/// The disagreement of a network's labels by margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MarginReport {
    /// Id of the model.
    pub model: String,
    /// Scenes.
    pub scenes: Vec<String>,
    /// What the labels are compared with: `full-overlap`, or `moved-lattice` where the window is part of the model.
    pub compared_with: &'static str,
    /// One row for each margin, ascending.
    pub margins: Vec<MarginRow>,
    /// Accepted share of labels that differ.
    pub disagreement: f64,
    /// The smallest margin from which on no larger one differs by more than that; none if all differ by more.
    pub chosen_px: Option<usize>,
}

/// One margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MarginRow {
    /// Pixels around the core.
    pub margin_px: usize,
    /// Side of the core, pixels.
    pub core_px: usize,
    /// Computation as a multiple of that for an unbounded picture.
    pub compute_cost: f64,
    /// Valid pixels compared.
    pub pixels: u64,
    /// Pixels whose labels differ.
    pub differing: u64,
}

impl MarginRow {
    /// Share of the labels that differ.
    pub fn share(&self) -> f64 {
        exact(self.differing) / exact(self.pixels.max(1))
    }
}

/// Measures how many labels change with the margin, on the scenes of a job.
///
/// # Errors
/// A detection network, scenes without a valid pixel in the sample, and what reading and prediction may fail with.
pub fn margins(job: &Job, options: MarginOptions) -> Result<MarginReport> {
    if job.model.is_regression() {
        let (model, what) = (job.model.id.clone(), "the measure of a margin");
        return Err(MeasuredError::NoLabels { model, what }.into());
    }
    if job.model.is_detection() {
        return Err(JobError::MarginsOfBoxes { model: job.model.id.clone() }.into());
    }
    let mut rows = Vec::new();
    let full = arpent_model::overlap(&job.model.architecture, false);
    let reference = full.map(|px| load(&of_margin(&job.model, px), &job.weights)).transpose()?;
    for package in variants(&job.model) {
        let predictor = load(&package, &job.weights)?;
        let mut row = MarginRow {
            margin_px: package.overlap_px,
            core_px: predictor.window_px(),
            compute_cost: 0.0,
            pixels: 0,
            differing: 0,
        };
        let core = Window::new(0, 0, row.core_px, row.core_px);
        row.compute_cost = predictor.overlap_cost(&predictor.chip_of(&core), &core);
        for map in &job.maps {
            measure(map, [&predictor, reference.as_ref().unwrap_or(&predictor)], options.pixels, &mut row)?;
        }
        if row.pixels == 0 {
            return Err(JobError::NothingToProbe.into());
        }
        rows.push(row);
    }
    Ok(MarginReport {
        model: job.model.id.clone(),
        scenes: job.maps.iter().flat_map(MapJob::scenes).map(|(_, scene)| scene.info.id.clone()).collect(),
        compared_with: if job.model.window.is_some() { "moved-lattice" } else { "full-overlap" },
        chosen_px: chosen(&rows, options.disagreement.get()),
        margins: rows,
        disagreement: options.disagreement.get(),
    })
}

/// The package with the chosen margin: that of its window, or an overlap with the measured disagreement.
///
/// # Errors
/// [`JobError::NoMarginFits`] if none was chosen.
pub fn with_margin(package: &ModelPackage, report: &MarginReport) -> Result<ModelPackage> {
    let row = report.chosen_px.and_then(|px| report.margins.iter().find(|row| row.margin_px == px));
    let Some(row) = row else {
        return Err(JobError::NoMarginFits { model: package.id.clone(), share: report.disagreement }.into());
    };
    let mut package = of_margin(package, row.margin_px);
    if package.window.is_none() {
        let why = || {
            format!(
                "{:.4} % of {} labels differ from those with the full overlap, on {}",
                100.0 * row.share(),
                row.pixels,
                report.scenes.join(", ")
            )
        };
        package.overlap_tolerance =
            (package.overlap_px < report.margins.last().map_or(0, |last| last.margin_px)).then(why);
    }
    Ok(package)
}

/// The package with every margin that is tried, ascending.
fn variants(package: &ModelPackage) -> Vec<ModelPackage> {
    let full = arpent_model::overlap(&package.architecture, false).unwrap_or(package.overlap_px);
    let stride = package.stride_px;
    let mut margins: Vec<usize> = match package.window {
        None => STRIDES.iter().map(|n| n * stride).filter(|px| *px < full).chain([full]).collect(),
        Some(ModelWindow { side_px, margin_px }) => {
            let fits = |px: &usize| side_px > 2 * px && (side_px - 2 * px).is_multiple_of(stride);
            SIXTEENTHS.iter().map(|n| side_px * n / 16).chain([margin_px]).filter(fits).collect()
        }
    };
    margins.sort_unstable();
    margins.dedup();
    margins.into_iter().map(|px| of_margin(package, px)).collect()
}

fn of_margin(package: &ModelPackage, margin_px: usize) -> ModelPackage {
    match package.window {
        Some(window) => package.clone().with_window(ModelWindow { margin_px, ..window }),
        None => ModelPackage {
            overlap_px: margin_px,
            overlap_tolerance: Some("measured".to_owned()),
            ..package.clone()
        },
    }
}

fn load(package: &ModelPackage, weights: &Weights) -> Result<Predictor> {
    Ok(Predictor::load(package, weights, DeviceChoice::Cpu)?)
}

/// The smallest margin from which on all differ by at most a share.
fn chosen(rows: &[MarginRow], most: f64) -> Option<usize> {
    let fitting = rows.iter().rev().take_while(|row| row.share() <= most);
    fitting.last().map(|row| row.margin_px)
}

/// Compares the labels of sampled cores of a map: those of a network and of a reference, or with the lattice moved.
fn measure(
    map: &MapJob,
    [predictor, reference]: [&Predictor; 2],
    pixels: u64,
    row: &mut MarginRow,
) -> Result<()> {
    let dates = map.dates.iter().map(|d| (&d.mosaic, d.scenes.iter().map(|s| s.bands.clone()).collect()));
    let mut reader = DatesReader::new(dates)?;
    let side = row.core_px;
    let extent = map.plan.extent();
    let options = arpent_tiling::TilingOptions::default();
    let plan = arpent_tiling::WindowPlan::new(extent, &[extent], |_| true, options, needs(predictor))?;
    // Evenly spread, whole cores first: those that the extent cuts say less.
    let whole: Vec<Window> =
        plan.windows().iter().map(|w| w.core).filter(|c| c.width == side && c.height == side).collect();
    let cores = if whole.is_empty() { plan.windows().iter().map(|w| w.core).collect() } else { whole };
    let wanted = usize::try_from(pixels / (side * side).max(1) as u64).unwrap_or(usize::MAX).max(1);
    let step = cores.len().div_ceil(wanted).max(1);
    for core in cores.iter().skip(step / 2).step_by(step) {
        let ours = labels(&mut reader, predictor, core, 0)?;
        let theirs = if predictor.window().is_some() {
            moved(&mut reader, predictor, core)?
        } else {
            labels(&mut reader, reference, core, 0)?
        };
        for (a, b) in ours.iter().zip(&theirs).filter(|(a, _)| **a != LABEL_NODATA) {
            row.pixels += 1;
            row.differing += u64::from(a != b);
        }
    }
    Ok(())
}

/// Labels of a core where the lattice is moved by half a core: those of the parts of four windows.
fn moved(reader: &mut DatesReader, predictor: &Predictor, core: &Window) -> Result<Vec<u8>> {
    let half = predictor.window_px() / 2;
    let by = signed(half);
    let mut all = vec![LABEL_NODATA; core.width * core.height];
    let placed = Window { col: core.col - by, row: core.row - by, ..*core };
    let cell = placed.cell(predictor.window_px());
    let side = signed(predictor.window_px());
    for (right, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let cell = Window { col: cell.col + right * side, row: cell.row + down * side, ..cell };
        let Some(part) = placed.intersect(&cell) else { continue };
        let found = labels(reader, predictor, &part, by)?;
        let (col, row) = placed.offset_of(&part).expect("a part lies in its core");
        for (y, line) in found.chunks_exact(part.width).enumerate() {
            all[(row + y) * core.width + col..][..part.width].copy_from_slice(line);
        }
    }
    Ok(all)
}

/// Labels of a core, whose pixels are those that lie `by` columns to the east and rows to the south of it.
fn labels(reader: &mut DatesReader, predictor: &Predictor, core: &Window, by: i64) -> Result<Vec<u8>> {
    let seen = predictor.filled_chip_of(core);
    let read = reader.read(Window { col: seen.col + by, row: seen.row + by, ..seen })?;
    let chip = Chip { window: seen, ..read };
    if !chip.any_valid_in(core) {
        return Ok(vec![LABEL_NODATA; core.width * core.height]);
    }
    match predictor.predict(&chip, core)? {
        Prediction::Labels { labels, .. } => Ok(labels.data().to_vec()),
        _ => unreachable!("networks without labels are refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_the_smallest_from_which_on_all_fit() {
        let row = |margin_px, differing| MarginRow {
            margin_px,
            core_px: 64,
            compute_cost: 1.0,
            pixels: 1000,
            differing,
        };
        let rows = [row(0, 90), row(8, 1), row(16, 5), row(32, 1), row(64, 0)];
        assert_eq!(chosen(&rows, 0.001), Some(32));
        assert_eq!(chosen(&rows, 0.01), Some(8));
        assert_eq!(chosen(&rows, 0.0), Some(64));
        assert_eq!(chosen(&rows[..4], 0.0), None);
    }
}
