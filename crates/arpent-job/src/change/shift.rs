//! The shift between the images of two dates.

use std::path::Path;

use arpent_base::Result;
use arpent_base::number::{exact, signed, wide};
use arpent_change::register::{
    Cell, DateWindow, FieldSummary, RegisterOptions, Registrar, ShiftField, best_band,
};
use arpent_raster::{Grid, Window};
use arpent_shell::progress::Stage;
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::error::table_error;
use super::images::Images;

/// Cells that should fit into an extent, so that enough are good.
const CELLS: usize = 64;
/// Smallest side of a cell, pixels.
const LEAST_CELL: usize = 64;

/// The shift between the images, in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShiftFacts {
    /// Side of a cell, pixels.
    pub(crate) cell_px: usize,
    /// The band that registers best.
    pub(crate) band: String,
    /// Number of cells, good cells, median and spread.
    pub(crate) summary: FieldSummary,
}

/// The field of shifts, and what it says; `None` with fewer than 20 good cells.
pub(crate) struct Shift {
    pub(crate) field: ShiftField,
    pub(crate) facts: Option<ShiftFacts>,
    pub(crate) cell_px: usize,
}

impl Shift {
    /// The shift of every cell, at the center of the cell in the CRS.
    pub(crate) fn write(&self, grid: &Grid, path: &Path) -> Result<()> {
        let failed = |error: csv::Error| table_error(path, error);
        let mut table = csv::Writer::from_path(path).map_err(failed)?;
        table
            .write_record(["x", "y", "dx_px", "dy_px", "error_px", "reliability", "valid", "state"])
            .map_err(failed)?;
        let side = exact(self.cell_px);
        for cell in self.field.cells() {
            let (x, y) = grid.ground((exact(cell.col) + 0.5) * side, (exact(cell.row) + 0.5) * side);
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.4}"));
            let state = serde_json::to_value(cell.state)?;
            let record = [
                format!("{x}"),
                format!("{y}"),
                number(cell.shift.map(|[dx, _]| dx)),
                number(cell.shift.map(|[_, dy]| dy)),
                number(cell.error),
                format!("{:.4}", cell.reliability),
                format!("{:.4}", cell.valid),
                state.as_str().unwrap_or_default().to_owned(),
            ];
            table.write_record(&record).map_err(failed)?;
        }
        table.flush().map_err(|error| failed(error.into()))?;
        Ok(())
    }
}

/// Measures the shift in all cells of an extent, on every band.
pub(crate) fn measure(images: &mut Images, extent: Window, cell_px: usize) -> Result<Shift> {
    let stage = Stage::begin("registration", 0);
    let cell = fitting(extent, cell_px);
    let registrar = Registrar::new(RegisterOptions {
        cell,
        max_shift: 10.0_f64.min(0.25 * f64::from(u32::try_from(cell)?)),
        ..RegisterOptions::default()
    })?;
    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); images.bands.len()];
    let side = signed(cell);
    let first = extent.row.div_euclid(side) + i64::from(extent.row.rem_euclid(side) > 0);
    for row in first..extent.row_end().div_euclid(side) {
        let window = Window::between(extent.col, row * side, extent.col_end(), (row + 1) * side);
        let [before, after] = images.read(window)?;
        let (valid_before, valid_after) = (before.valid_view(), after.valid_view());
        for (band, cells) in cells.iter_mut().enumerate() {
            let date = |values, valid| DateWindow { values, valid };
            let (a, b) = (before.view(), after.view());
            let found = registrar.cells(
                [window.col, window.row],
                date(a.index_axis(Axis(0), band), valid_before),
                date(b.index_axis(Axis(0), band), valid_after),
            )?;
            cells.extend(found);
        }
    }
    let fields = cells.into_iter().map(ShiftField::new).collect::<Result<Vec<_>, _>>()?;
    let best = best_band(&fields);
    let field = fields.into_iter().nth(best.unwrap_or(0)).unwrap_or(ShiftField::new(Vec::new())?);
    let facts = best.map(|band| -> Result<ShiftFacts> {
        Ok(ShiftFacts { cell_px: cell, band: images.bands[band].clone(), summary: field.summary()? })
    });
    let facts = facts.transpose()?;
    match &facts {
        Some(facts) => stage.end(&format!(
            "{:.2} px, {} of {} cells",
            facts.summary.median_length, facts.summary.good, facts.summary.cells
        )),
        None => stage.end("not measurable"),
    }
    Ok(Shift { field, facts, cell_px: cell })
}

/// The side of cells: as configured, smaller where too few would fit.
fn fitting(extent: Window, cell_px: usize) -> usize {
    let mut cell = cell_px - cell_px % 2;
    while cell / 2 >= LEAST_CELL && wide(CELLS) * wide(cell).pow(2) > extent.pixels() {
        cell = cell / 4 * 2;
    }
    cell
}
