//! The tables of a comparison, read back.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use arpent_base::{DoingWhat as _, Failure, Result};

/// Names of the tables of areas that the report shows.
pub(crate) const TABLES: [&str; 3] = [FLOWS, STOCKS, SOILS];
/// Of flows between classes.
pub(super) const FLOWS: &str = "flows.csv";
/// Of areas of classes.
pub(super) const STOCKS: &str = "stocks.csv";
/// Of artificial and sealed soils.
pub(super) const SOILS: &str = "artificialisation.csv";

/// Zones of a table of the report at most.
pub(super) const ZONES: usize = 200;

/// A row of `flows.csv`. Figures are texts, as the file has them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FlowRow {
    pub(super) zone_id: String,
    pub(super) zone_type: String,
    pub(super) class_id_old: u8,
    pub(super) class_id_new: u8,
    pub(super) area_m2: String,
}

/// A row of `stocks.csv`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StockRow {
    pub(super) zone_id: String,
    pub(super) zone_type: String,
    pub(super) class_id: u8,
    pub(super) old_m2: String,
    pub(super) new_m2: String,
    pub(super) gained_m2: String,
    pub(super) lost_m2: String,
    pub(super) net_m2: String,
}

/// A row of `artificialisation.csv`, by column.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct SoilRow(BTreeMap<String, String>);

impl SoilRow {
    /// A cell; an empty one for a column that is not there.
    pub(super) fn cell(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }
}

/// A row with a zone.
pub(super) trait OfZone {
    /// Id and level.
    fn zone(&self) -> (&str, &str);
}

macro_rules! of_zone {
    ($($row:ty)*) => {$(
        impl OfZone for $row {
            fn zone(&self) -> (&str, &str) {
                (&self.zone_id, &self.zone_type)
            }
        }
    )*};
}

of_zone!(FlowRow StockRow);

impl OfZone for SoilRow {
    fn zone(&self) -> (&str, &str) {
        (self.cell("zone_id"), self.cell("zone_type"))
    }
}

/// The rows of a table: those of the whole, and those of its first zones.
#[derive(Debug)]
pub(super) struct Rows<R> {
    /// Of all that was compared.
    pub(super) whole: Vec<R>,
    /// Of the first zones.
    pub(super) zones: Vec<R>,
    /// Number of zones with rows.
    pub(super) count: usize,
}

/// Reads a table; none has no rows. The first zone is the whole; memory does not grow with the number of the others.
pub(super) fn read<R: OfZone + DeserializeOwned>(path: Option<&Path>) -> Result<Rows<R>> {
    let mut rows = Rows { whole: Vec::new(), zones: Vec::new(), count: 0 };
    let Some(path) = path else { return Ok(rows) };
    let doing = || format!("cannot read {}", path.display());
    let mut table = csv::Reader::from_path(path).map_err(Failure::foreign).with_context(doing)?;
    let mut current: Option<(String, String)> = None;
    let mut before = 0;
    for row in table.deserialize::<R>() {
        let row = row.map_err(Failure::foreign).with_context(doing)?;
        let (id, level) = row.zone();
        if current.as_ref().is_none_or(|(i, l)| (i.as_str(), l.as_str()) != (id, level)) {
            current = Some((id.to_owned(), level.to_owned()));
            before += 1;
        }
        rows.count = before - 1;
        match rows.count {
            0 => rows.whole.push(row),
            1..=ZONES => rows.zones.push(row),
            _ => {}
        }
    }
    Ok(rows)
}
