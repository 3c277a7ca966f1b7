//! What a sample is: `sample.json`, and the columns of its tables.

use std::path::Path;

use arpent_base::{Cell, Column, ColumnKind};
use arpent_raster::Crs;
use serde::{Deserialize, Serialize};

use super::sample_error::SampleError;

/// Name of the description of a sample.
pub(crate) const SAMPLE_JSON: &str = "sample.json";
/// Name of its layer.
pub(crate) const SAMPLE_GPKG: &str = "sample.gpkg";
/// Name of its table.
pub(crate) const SAMPLE_CSV: &str = "sample.csv";
/// Format of the description.
pub(crate) const FORMAT: &str = "arpent-sample/1";

/// A sample of a comparison: the strata, and the units that were drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleFile {
    /// Format of this file.
    pub format: String,
    /// The comparison.
    pub change: SampledChange,
    /// Seed of the draw.
    pub seed: u64,
    /// Side of the cells that was asked for, meters.
    pub cell_m: f64,
    /// Side of the cells, pixels.
    pub cell_px: i64,
    /// Smallest number of units of a stratum.
    pub minimum: u64,
    /// The layer of zones, if there is one.
    pub zones: Option<SampledZones>,
    /// Area of all strata: the observed ground, square meters.
    pub total_m2: f64,
    /// Ground that changed as mapped, but belongs to no event, square meters; it is not sampled.
    pub not_sampled_m2: f64,
    /// The strata.
    pub strata: Vec<SampleStratum>,
    /// The CRS of the layer and of x and y.
    pub crs: Crs,
    /// The units, stratum by stratum in the order of the draw.
    pub units: Vec<SampleUnit>,
}

/// The comparison that a sample is drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledChange {
    /// Its address.
    pub url: String,
    /// Its run id.
    pub run_id: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// The dates compared.
    pub dates: Vec<String>,
    /// Its classes.
    pub classes: Vec<String>,
}

/// The layer of zones of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledZones {
    /// The layer.
    pub source: String,
    /// The field with their ids; their number in the layer without it.
    pub id: Option<String>,
}

/// A stratum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleStratum {
    /// Its name.
    pub name: String,
    /// Kind of its units.
    pub what: UnitKind,
    /// Units in it.
    pub units: u64,
    /// Their area, square meters.
    pub area_m2: f64,
    /// Units drawn.
    pub drawn: u64,
}

/// Kind of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitKind {
    /// An event, with the changed ground that is counted in it.
    Event,
    /// A cell, with its observed ground that did not change as mapped.
    Cell,
}

impl UnitKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Cell => "cell",
        }
    }
}

/// A unit of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleUnit {
    /// Its id.
    pub id: String,
    /// Its stratum.
    pub stratum: String,
    /// Its kind.
    pub what: UnitKind,
    /// Id of the event.
    pub event: Option<String>,
    /// Class before, as mapped.
    pub from_class: Option<String>,
    /// Class after, as mapped.
    pub to_class: Option<String>,
    /// Id of the zone that contains its point.
    pub zone: Option<String>,
    /// Its ground, square meters: changed in an event, unchanged in a cell.
    pub area_m2: f64,
    /// Ground that it stands for, square meters: the weights of a stratum add up to its area.
    pub weight: f64,
    /// A point inside of the event, or in the middle of the cell, in the CRS.
    pub x: f64,
    /// See `x`.
    pub y: f64,
    /// Longitude of that point, degrees.
    pub lon: f64,
    /// Latitude of that point, degrees.
    pub lat: f64,
}

impl SampleFile {
    /// Reads a description.
    pub(crate) fn read(path: &Path) -> Result<Self, SampleError> {
        let bad = |problem: String| SampleError::BadSampleFile { path: path.to_owned(), problem };
        let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let sample: Self = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if sample.format != FORMAT {
            return Err(bad(format!("its format is `{}`, expected `{FORMAT}`", sample.format)));
        }
        let has_stratum = |unit: &SampleUnit| sample.stratum(&unit.stratum).is_some();
        match sample.units.iter().find(|unit| !has_stratum(unit)) {
            Some(unit) => {
                Err(bad(format!("`{}` has the stratum `{}`, which is not listed", unit.id, unit.stratum)))
            }
            None => Ok(sample),
        }
    }

    /// Position of a stratum.
    pub(crate) fn stratum(&self, name: &str) -> Option<usize> {
        self.strata.iter().position(|stratum| stratum.name == name)
    }
}

/// The columns of the tables; the last seven are empty, for the persons who check.
pub(crate) fn columns() -> Vec<Column> {
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let real = |name: &str| Column::new(name, ColumnKind::Real);
    vec![
        text("id").titled("Identifier", "Identifiant").described("Id of the unit.").required(),
        text("stratum").titled("Stratum", "Strate").described("Stratum that the unit was drawn from.").required(),
        text("what")
            .titled("Kind of unit", "Nature de l'unité")
            .described("event, or cell: a square of ground outside of the events.")
            .required(),
        text("event").titled("Event", "Événement").described("Id of the event."),
        text("from_class").titled("Class before", "Classe avant").described("Class before, as mapped; empty for cells."),
        text("to_class").titled("Class after", "Classe après").described("Class after, as mapped; empty for cells."),
        text("zone").titled("Zone", "Zone").described("Zone that contains the point of the unit."),
        real("area_m2")
            .titled("Area (m²)", "Surface (m²)")
            .in_unit("m2")
            .described("Changed ground of the event; observed ground of the cell that did not change as mapped.")
            .required(),
        real("weight")
            .titled("Weight (m²)", "Poids (m²)")
            .in_unit("m2")
            .described("Ground that the unit stands for: the weights of a stratum add up to its area.")
            .required(),
        real("x").titled("x", "x").described("A point in the unit, in the CRS of the comparison.").required(),
        real("y").titled("y", "y").described("See x.").required(),
        real("lon").titled("Longitude", "Longitude").in_unit("deg").described("Of that point, WGS 84.").required(),
        real("lat").titled("Latitude", "Latitude").in_unit("deg").described("Of that point, WGS 84.").required(),
        text("verdict").titled("Verdict", "Verdict").described(
            "right, wrong or not sure. Of an event: right if the ground changed from the class before to the class after. Of a cell: right \
             if nothing changed in it outside of the events.",
        ),
        text("reference_from").titled("True class before", "Vraie classe avant").described(
            "Of a wrong unit: the true class before. An event that is wrong and has no true classes did not change.",
        ),
        text("reference_to")
            .titled("True class after", "Vraie classe après")
            .described("Of a wrong unit: the true class after."),
        real("reference_m2").titled("Truly changed (m²)", "Vraiment changé (m²)").in_unit("m2").described(
            "Ground of the unit that truly changed. Required for a wrong cell; all of an event by default.",
        ),
        text("comment").titled("Comment", "Remarque").described("Any text."),
        text("person").titled("Person", "Personne").described("Name of the person who decided."),
        text("date").titled("Date", "Date").described("Date of the verdict."),
    ]
}

/// A cell for each of the [`columns`].
pub(crate) fn cells(unit: &SampleUnit) -> Vec<Cell<'_>> {
    fn text(value: Option<&String>) -> Cell<'_> {
        value.map_or(Cell::Null, |value| Cell::Text(value))
    }
    let mut cells = vec![
        Cell::Text(&unit.id),
        Cell::Text(&unit.stratum),
        Cell::Text(unit.what.name()),
        text(unit.event.as_ref()),
        text(unit.from_class.as_ref()),
        text(unit.to_class.as_ref()),
        text(unit.zone.as_ref()),
        Cell::Real(unit.area_m2),
        Cell::Real(unit.weight),
        Cell::Real(unit.x),
        Cell::Real(unit.y),
        Cell::Real(unit.lon),
        Cell::Real(unit.lat),
    ];
    cells.resize(20, Cell::Null);
    cells
}
