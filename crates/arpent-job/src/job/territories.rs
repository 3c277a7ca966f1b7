//! Territories in which a model was validated, compared with the scenes of a map.

use arpent_gdal::Transformer;
use arpent_model::{ModelPackage, Territory};
use arpent_publish::Warning;
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
    let named = named(&model.territories)?;
    let boxes: Vec<[f64; 4]> = model.territories.iter().filter_map(Territory::bbox).collect();
    let hint =
        "check a sample of the map by eye, or train on labels of this area: docs/guides/train-your-own.md";
    if boxes.is_empty() {
        let message = format!(
            "it was validated on {named} only, and the package gives no location of these: its accuracy here is unknown"
        );
        return Some(Warning::new("territory-unknown", &model.id, message).with_hint(hint));
    }
    let transformer = Transformer::new(crs).ok()?;
    let (mut scenes, mut outside) = (0, Vec::new());
    for scene in all {
        let [west, south, east, north] = scene.grid.bbox(&scene.window);
        let Ok(center) = transformer.point(f64::midpoint(west, east), f64::midpoint(south, north)) else {
            continue;
        };
        scenes += 1;
        if !boxes.iter().any(|bbox| holds(*bbox, center)) {
            outside.push(scene.id.as_str());
        }
    }
    let first = outside.first()?;
    let whose = if outside.len() == 1 {
        (*first).to_owned()
    } else {
        format!("{first} and {} more", outside.len() - 1)
    };
    let message = format!(
        "{} of {scenes} scenes ({whose}) lie outside of the territories on which it was validated ({named})",
        outside.len()
    );
    Some(Warning::new("outside-of-territories", &model.id, message).with_hint(hint))
}

/// The first names; `None` if there is none.
fn named(territories: &[Territory]) -> Option<String> {
    let names: Vec<&str> = territories.iter().take(MOST_NAMED).map(Territory::name).collect();
    let more = territories.len() - names.len();
    let names = (!names.is_empty()).then(|| names.join(", "))?;
    Some(if more == 0 { names } else { format!("{names} and {more} more") })
}

/// Whether a box contains a point of longitude and latitude.
fn holds([west, south, east, north]: [f64; 4], (lon, lat): (f64, f64)) -> bool {
    let in_columns = if west <= east { (west..=east).contains(&lon) } else { lon >= west || lon <= east };
    in_columns && (south..=north).contains(&lat)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn boxes_may_cross_the_antimeridian() {
        let fiji = [176.0, -20.0, -178.0, -15.0];
        assert!(holds(fiji, (179.0, -17.0)) && holds(fiji, (-179.0, -17.0)) && !holds(fiji, (0.0, -17.0)));
        assert!(holds([2.0, 48.0, 3.0, 49.0], (2.5, 48.5)) && !holds([2.0, 48.0, 3.0, 49.0], (2.5, 50.0)));
    }
}
