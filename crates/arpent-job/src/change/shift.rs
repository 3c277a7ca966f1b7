//! The shift between the images of two dates.

use std::path::Path;

use arpent_base::number::{exact, signed, wide};
use arpent_base::{Column, ColumnKind, Result};
use arpent_change::register::{
    Cell, CellState, DateWindow, FieldSummary, MIN_GOOD_CELLS, RegisterOptions, Registrar, ShiftField,
    best_band,
};
use arpent_raster::{Grid, Window};
use arpent_shell::progress::Stage;
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::error::{ChangeJobError, table_error};
use super::evidence::{VALUES_AT_A_TIME, blocks};
use super::images::Images;
use crate::shards::Correction;

/// Cells that should fit into an extent, so that enough are good.
const CELLS: usize = 64;
/// Cells that a correction is measured in at most: the median of as many is known to 0.01 pixels where they spread by a
/// quarter of a pixel.
const CORRECTING_CELLS: usize = 1024;
/// Smallest side of a cell, pixels.
const LEAST_CELL: usize = 64;

/// The shift between the images, in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShiftFacts {
    /// Side of a cell, pixels.
    pub(crate) cell_px: usize,
    /// The band that registers best.
    pub(crate) band: String,
    /// Number of cells, good cells, median and spread; of what is left after a correction.
    pub(crate) summary: FieldSummary,
    /// What was corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correction: Option<Correction>,
}

/// The field of shifts, and what it says; `None` with fewer than 20 good cells.
pub(crate) struct Shift {
    pub(crate) field: ShiftField,
    pub(crate) facts: Option<ShiftFacts>,
    pub(crate) cell_px: usize,
}

/// The columns of the table of cells.
pub(super) fn columns() -> Vec<Column> {
    let real = |name: &str| Column::new(name, ColumnKind::Real);
    vec![
        real("x").required().titled("X", "X").described("Easting or longitude of the cell's center, in the CRS of the maps."),
        real("y").required().titled("Y", "Y").described("Northing or latitude of the cell's center, in the CRS of the maps."),
        real("dx_px").titled("Shift eastward", "Décalage vers l'est").in_unit("px").described("Empty where nothing was measured."),
        real("dy_px").titled("Shift southward", "Décalage vers le sud").in_unit("px").described("Empty where nothing was measured."),
        real("error_px").titled("Error of the shift", "Erreur du décalage").in_unit("px").described("Empty where it is unknown."),
        real("reliability")
            .required()
            .titled("Reliability", "Fiabilité")
            .described("How distinct the maximum of the correlation is, 0 to 1."),
        real("valid").required().titled("Valid share", "Part valide").described("Share of pixels that are valid at both dates, 0 to 1."),
        Column::new("state", ColumnKind::Text)
            .required()
            .titled("State", "État")
            .described("`good`, `unreliable`, `outlier`, `too_few_valid` or `beyond_max`; only shifts of good cells are used."),
    ]
}

impl Shift {
    /// The shift of every cell, at the center of the cell in the CRS.
    pub(crate) fn write(&self, grid: &Grid, path: &Path) -> Result<()> {
        let failed = |error: csv::Error| table_error(path, error);
        let mut table = csv::Writer::from_path(path).map_err(failed)?;
        table.write_record(columns().iter().map(|column| &column.name)).map_err(failed)?;
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

/// Measures the shift that is to be corrected, in at most [`CORRECTING_CELLS`] cells, which are drawn by their places on
/// the lattice.
///
/// # Errors
/// [`ChangeJobError::NotCorrectable`], and images that cannot be read.
pub(crate) fn correction(images: &mut Images, extent: Window, cell_px: usize) -> Result<Correction> {
    let stage = Stage::begin("registration", 0);
    let cell_px = fitting(extent, cell_px);
    let side = signed(cell_px);
    let whole = |block: &Window| (block.width, block.height) == (cell_px, cell_px);
    let drawn = blocks(extent, side).into_iter().filter(whole).take(CORRECTING_CELLS);
    let mut all: Vec<Vec<Cell>> = vec![Vec::new(); images.bands.len()];
    for block in drawn {
        let found = cells(images, block, block, cell_px)?;
        all.iter_mut().zip(found).for_each(|(all, found)| all.extend(found));
    }
    let shift = Shift::of(all, &images.bands, cell_px)?;
    stage.end(&shift.words());
    let good = shift.field.cells().iter().filter(|cell| cell.state == CellState::Good).count();
    let Some(ShiftFacts { summary, .. }) = shift.facts else {
        return Err(ChangeJobError::NotCorrectable { good, least: MIN_GOOD_CELLS }.into());
    };
    let shift_px = [summary.median_dx, summary.median_dy];
    Ok(Correction { shift_px, cells: summary.good, spread_px: summary.residual_mad })
}

/// The cells of every band whose first row is one of a window's, in an extent. `cell_px` is that of [`fitting`].
///
/// # Errors
/// Images that cannot be read.
pub(crate) fn cells(
    images: &mut Images,
    extent: Window,
    window: Window,
    cell_px: usize,
) -> Result<Vec<Vec<Cell>>> {
    let registrar = Registrar::new(RegisterOptions {
        cell: cell_px,
        max_shift: 10.0_f64.min(0.25 * f64::from(u32::try_from(cell_px)?)),
        ..RegisterOptions::default()
    })?;
    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); images.bands.len()];
    let side = signed(cell_px);
    let from = |row: i64| row.div_euclid(side) + i64::from(row.rem_euclid(side) > 0);
    let rows =
        from(extent.row.max(window.row))..from(window.row_end()).min(extent.row_end().div_euclid(side));
    // Parts of whole cells: images may be wide.
    let at_a_time = (VALUES_AT_A_TIME / (2 * images.bands.len() * cell_px * cell_px).max(1)).max(1);
    for row in rows {
        let whole = Window::between(extent.col, row * side, extent.col_end(), (row + 1) * side);
        for window in whole.split_columns(side * signed(at_a_time)) {
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
    }
    Ok(cells)
}

impl Shift {
    /// The shift that the cells of every band say, on the band that registers best.
    ///
    /// # Errors
    /// Cells that occur twice.
    pub(crate) fn of(cells: Vec<Vec<Cell>>, bands: &[String], cell_px: usize) -> Result<Self> {
        let fields = cells.into_iter().map(ShiftField::new).collect::<Result<Vec<_>, _>>()?;
        let best = best_band(&fields);
        let field = fields.into_iter().nth(best.unwrap_or(0)).unwrap_or(ShiftField::new(Vec::new())?);
        let facts = best.map(|band| -> Result<ShiftFacts> {
            Ok(ShiftFacts { cell_px, band: bands[band].clone(), summary: field.summary()?, correction: None })
        });
        Ok(Self { field, facts: facts.transpose()?, cell_px })
    }

    /// What was found, in a few words.
    pub(crate) fn words(&self) -> String {
        self.facts.as_ref().map_or_else(
            || "not measurable".to_owned(),
            |ShiftFacts { summary, .. }| {
                format!("{:.2} px, {} of {} cells", summary.median_length, summary.good, summary.cells)
            },
        )
    }
}

/// The side of cells: as configured, smaller where too few would fit.
pub(crate) fn fitting(extent: Window, cell_px: usize) -> usize {
    let mut cell = cell_px - cell_px % 2;
    while cell / 2 >= LEAST_CELL && wide(CELLS) * wide(cell).pow(2) > extent.pixels() {
        cell = cell / 4 * 2;
    }
    cell
}
