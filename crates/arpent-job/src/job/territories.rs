//! Territories in which a model was validated, compared with the scenes of a map and with its features.

use arpent_base::{Column, ColumnKind, Value};
use arpent_gdal::Transformer;
use arpent_model::{ModelPackage, Territory, TerritoryIndex};
use arpent_publish::{OUTSIDE_TERRITORY, Warning};
use arpent_raster::{Crs, SceneInfo};

/// Largest number of territories named in a message.
const MOST_NAMED: usize = 3;

/// A warning about the location of a map: no territory of the model covers a scene, or none has a location.
pub(super) fn warning<'a>(
    model: &ModelPackage,
    crs: &Crs,
    all: impl Iterator<Item = &'a SceneInfo>,
) -> Option<Warning> {
    // A package without a territory has no validation: its card and `arpent inspect` show that.
    let named = names(model.territories.iter())?;
    let hint =
        "check a sample of the map by eye, or train on labels of this area: docs/guides/train-your-own.md";
    if model.territories.iter().all(|territory| territory.bbox().is_none()) {
        let message = format!(
            "it was validated on {named} only, and the package gives no location of these: its accuracy here is unknown"
        );
        return Some(Warning::new("territory-unknown", &model.id, message).with_hint(hint));
    }
    let transformer = Transformer::new(crs).ok()?;
    let index = TerritoryIndex::new(&model.territories);
    let (mut scenes, mut outside) = (0, Vec::new());
    for scene in all {
        let [west, south, east, north] = scene.grid.bbox(&scene.window);
        let Ok(center) = transformer.point(f64::midpoint(west, east), f64::midpoint(south, north)) else {
            continue;
        };
        scenes += 1;
        if index.contains(center.0, center.1) != Some(true) {
            outside.push(scene.id.as_str());
        }
    }
    let first = outside.first()?;
    let whose = if outside.len() == 1 {
        (*first).to_owned()
    } else {
        format!("{first} and {} more", outside.len() - 1)
    };
    let of = |located: bool| names(model.territories.iter().filter(move |t| t.bbox().is_some() == located));
    if let (Some(without), Some(located)) = (of(false), of(true)) {
        let message = format!(
            "{} of {scenes} scenes ({whose}) lie outside of the territories on which it was validated ({located}) as far as their \
             location is known; the package gives none of {without}: its accuracy here is unknown",
            outside.len()
        );
        return Some(Warning::new("territory-unknown", &model.id, message).with_hint(hint));
    }
    let message = format!(
        "{} of {scenes} scenes ({whose}) lie outside of the territories on which it was validated ({named})",
        outside.len()
    );
    Some(Warning::new("outside-of-territories", &model.id, message).with_hint(hint))
}

/// The first names; `None` if there is none.
fn names<'a>(territories: impl Iterator<Item = &'a Territory>) -> Option<String> {
    let all: Vec<&str> = territories.map(Territory::name).collect();
    let (first, more) = all.split_at(all.len().min(MOST_NAMED));
    let first = (!first.is_empty()).then(|| first.join(", "))?;
    Some(if more.is_empty() { first } else { format!("{first} and {} more", more.len()) })
}

/// The territories of a model as polygons, for the features of a map. Names and bounding boxes alone give no column: a
/// feature near the corner of a box is said to be nowhere.
#[derive(Debug)]
pub(crate) struct Territories<'a> {
    all: TerritoryIndex<'a>,
    transformer: Transformer,
}

impl<'a> Territories<'a> {
    /// Whether a model has them, by its territories.
    pub(crate) fn are_known(territories: &[Territory]) -> bool {
        territories.iter().any(|territory| matches!(territory, Territory::Area(_)))
    }

    /// Those of a model, for places of a CRS; `None` without polygons.
    ///
    /// # Errors
    /// When the CRS has no transformation to degrees.
    pub(crate) fn of(
        territories: &'a [Territory],
        crs: &Crs,
    ) -> Result<Option<Self>, arpent_gdal::GdalError> {
        if !Self::are_known(territories) {
            return Ok(None);
        }
        Ok(Some(Self { all: TerritoryIndex::new(territories), transformer: Transformer::new(crs)? }))
    }

    /// Whether the middle of a rectangle in the CRS, [min x, min y, max x, max y], is outside of all of them; `None` for a
    /// place that has no longitude and latitude, and where a territory without a location may be.
    pub(crate) fn is_outside(&self, [west, south, east, north]: [f64; 4]) -> Option<bool> {
        let center = self.transformer.point(f64::midpoint(west, east), f64::midpoint(south, north));
        let (lon, lat) = center.ok()?;
        self.all.contains(lon, lat).map(|inside| !inside)
    }

    /// The value of its column.
    pub(crate) fn value(outside: bool) -> Value {
        Value::Integer(i64::from(outside))
    }

    /// The column of features.
    pub(crate) fn column() -> Column {
        let column = Column::new(OUTSIDE_TERRITORY, ColumnKind::Integer)
            .titled("Outside of the model's territories", "Hors des territoires du modèle");
        column.described(
            "1 if the middle of the feature's bounding box lies outside of every territory on which the model was validated, else 0; empty if it lies in none, and one has no location.",
        )
    }
}
