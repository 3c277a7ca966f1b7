//! What the report is made of: the facts of the manifest, the tables beside it, the pictures of events.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{exact, round};
use arpent_base::{DoingWhat as _, Failure, Result};
use arpent_change::events::{Doubt, EventKind};
use arpent_change::register::{Cell, CellState};
use arpent_raster::{Grid, Nomenclature};
use serde::Deserialize;

use crate::change::balance::SoilFacts;
use crate::change::chips::ShownFact;
use crate::change::compare::KindCount;
use crate::change::control::{ControlFacts, StableFacts};
use crate::change::evidence::ImageFacts;
use crate::change::seen::SHIFT_TABLE;
use crate::change::shift::ShiftFacts;
use crate::report::{Material, Overview, Picture, Pictures, Stored};

/// Largest side of the picture of an event, pixels: of a larger one, every so many are shown.
const SIDE: u32 = 192;

/// The facts of a comparison, in its manifest.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) dates: [String; 2],
    pub(super) classes: Nomenclature,
    pub(super) registration: Option<ShiftFacts>,
    pub(super) images: Option<ImageFacts>,
    pub(super) rules: RuleFacts,
    pub(super) events: BTreeMap<EventKind, KindCount>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) kept: Option<Areas>,
    pub(super) pixels_that_differ_m2: f64,
    pub(super) control: Option<ControlFacts>,
    pub(super) stable: Option<StableFacts>,
    pub(super) observed: Option<Observed>,
    pub(super) flickers: Option<u64>,
    pub(super) artificialisation: Option<SoilFacts>,
    #[serde(default)]
    chips: Vec<Chip>,
    /// `None` in outputs of earlier versions.
    pub(super) notable: Option<Lists>,
    /// Whether maps were compared, and not images alone.
    #[serde(default = "yes")]
    pub(super) maps: bool,
}

const fn yes() -> bool {
    true
}

/// The rules of what is kept.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct RuleFacts {
    pub(super) width_px: f64,
    pub(super) min_area_m2: f64,
}

/// Areas that were left out for a reason.
#[derive(Debug, Deserialize)]
pub(super) struct LeftOut {
    reason: String,
    #[serde(flatten)]
    pub(super) areas: Areas,
}

impl LeftOut {
    /// The reason; `None` for one of another version.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        let all = [Doubt::Narrow, Doubt::Small, Doubt::ImagesAgree, Doubt::LowConfidence];
        all.into_iter().find(|doubt| doubt.name() == self.reason)
    }

    /// The reason as the manifest has it.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

/// Areas, and their sum in square meters.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Areas {
    pub(super) areas: u64,
    pub(super) area_m2: f64,
}

/// What was observed.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Observed {
    /// At both dates, square meters.
    pub(super) both_m2: f64,
    /// At both dates, the first only, the second only, none.
    pub(super) shares: Option<[f64; 4]>,
}

#[derive(Debug, Deserialize)]
struct Chip {
    id: String,
    before: String,
    after: String,
}

/// The events that are shown.
#[derive(Debug, Deserialize)]
pub(super) struct Lists {
    pub(super) largest: Vec<ShownFact>,
    pub(super) least_certain: Vec<ShownFact>,
}

/// What the report of a comparison is made of.
pub(super) struct Report<'a> {
    pub(super) material: &'a Material<'a>,
    pub(super) facts: Facts,
    /// The cells of the field of shifts; none where the shift was not measured.
    pub(super) cells: Vec<Cell>,
    pub(super) overview: Option<Overview>,
    /// Pictures before and after, by the id of the event.
    pub(super) drawn: BTreeMap<String, [Stored; 2]>,
}

impl<'a> Report<'a> {
    /// Whether it is that of a decided version.
    pub(super) fn is_decided(&self) -> bool {
        self.material.manifest.counts.decided.is_some()
    }

    /// Reads what the manifest and the files have.
    pub(super) fn read(material: &'a Material<'a>, pictures: &mut Pictures) -> Result<Self> {
        let facts =
            material.manifest.counts.change.as_ref().context("the manifest is not that of a comparison")?;
        let facts =
            Facts::deserialize(facts).context("the facts of the comparison are of another version")?;
        let raster = material.raster()?;
        let cells = match (&facts.registration, &raster, material.path(SHIFT_TABLE)) {
            (Some(shift), Some(raster), Some(path)) => read_cells(path, raster.grid(), shift.cell_px)?,
            _ => Vec::new(),
        };
        let overview = match (&raster, material.table()?) {
            (Some(raster), Some(table)) => Some(Overview::with_dots(raster, &table, pictures)?),
            (Some(raster), None) => Some(Overview::of_raster(raster, pictures)?),
            // A decided version has no rasters.
            (None, Some(table)) => match &material.place {
                Some((grid, window)) => Some(Overview::of_dots((grid, *window), &table, pictures)?),
                None => None,
            },
            (None, None) => None,
        };
        let drawn = drawn(material, &facts, pictures)?;
        Ok(Self { material, facts, cells, overview, drawn })
    }

    /// Area of all events, square meters.
    pub(super) fn changed_m2(&self) -> f64 {
        self.facts.events.values().map(|kind| kind.changed_m2).sum()
    }

    /// Number of all events.
    pub(super) fn events(&self) -> u64 {
        self.facts.events.values().map(|kind| kind.events).sum()
    }

    /// The control, if it can show anything: the earlier map was shifted, and compared with itself somewhere.
    pub(super) fn control(&self) -> Option<&ControlFacts> {
        let is_control = |control: &&ControlFacts| control.shift_px != [0, 0] && control.of_pixels.is_some();
        self.facts.control.as_ref().filter(is_control)
    }

    /// Shares that were observed.
    pub(super) fn shares(&self) -> Option<[f64; 4]> {
        self.facts.observed.and_then(|observed| observed.shares)
    }

    /// Shift that is assumed where none is measured, pixels.
    pub(super) fn assumed_px(&self) -> f64 {
        let assumed = self.material.configured(&["registration", "assumed"]);
        assumed.and_then(serde_json::Value::as_f64).unwrap_or(0.0)
    }
}

/// A row of the table of shifts.
#[derive(Debug, Deserialize)]
struct CellRow {
    x: f64,
    y: f64,
    dx_px: Option<f64>,
    dy_px: Option<f64>,
    error_px: Option<f64>,
    reliability: f64,
    valid: f64,
    state: CellState,
}

/// The cells of the table of shifts.
fn read_cells(path: &Path, grid: &Grid, cell_px: usize) -> Result<Vec<Cell>> {
    let doing = || format!("cannot read {}", path.display());
    let mut table = csv::Reader::from_path(path).map_err(Failure::foreign).with_context(doing)?;
    let mut cells = Vec::new();
    for row in table.deserialize::<CellRow>() {
        let row = row.map_err(Failure::foreign).with_context(doing)?;
        let (col, line) = grid.pixel(row.x, row.y);
        let number = |px: f64| round::<i64>(px / exact(cell_px) - 0.5);
        cells.push(Cell {
            col: number(col),
            row: number(line),
            shift: row.dx_px.zip(row.dy_px).map(<[f64; 2]>::from),
            error: row.error_px,
            reliability: row.reliability,
            coherence: 0.0,
            valid: row.valid,
            state: row.state,
        });
    }
    Ok(cells)
}

/// The pictures of the events that are shown, as far as the output has them.
fn drawn(
    material: &Material<'_>,
    facts: &Facts,
    pictures: &mut Pictures,
) -> Result<BTreeMap<String, [Stored; 2]>> {
    let mut drawn = BTreeMap::new();
    let lists = facts.notable.iter().flat_map(|notable| notable.largest.iter().chain(&notable.least_certain));
    for shown in lists {
        let chip = facts.chips.iter().find(|chip| chip.id == shown.id);
        let Some(chip) = chip.filter(|_| !drawn.contains_key(&shown.id)) else { continue };
        let [Some(before), Some(after)] = [&chip.before, &chip.after].map(|name| material.path(name)) else {
            continue;
        };
        let both = [small(before)?, small(after)?];
        drawn.insert(shown.id.clone(), [pictures.push(&both[0])?, pictures.push(&both[1])?]);
    }
    Ok(drawn)
}

/// A picture of an event, with fewer pixels if it is large.
fn small(path: &Path) -> Result<Picture> {
    let doing = || format!("cannot read {}", path.display());
    let image = image::open(path).map_err(Failure::foreign).with_context(doing)?.to_rgb8();
    let step = image.width().max(image.height()).div_ceil(SIDE).max(1);
    let [width, height] = [image.width(), image.height()].map(|side| side.div_ceil(step));
    let pixel = |row: u32, col: u32| image.get_pixel(col * step, row * step).0;
    let rgb = (0..height).flat_map(|row| (0..width).flat_map(move |col| pixel(row, col))).collect();
    Ok(Picture { width: usize::try_from(width)?, height: usize::try_from(height)?, rgb })
}
