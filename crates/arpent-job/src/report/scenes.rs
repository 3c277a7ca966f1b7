//! Thumbnails of features: the imagery around them, as far as the scenes can still be read.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::number::{exact, wide};
use arpent_base::{Result, Value};
use arpent_gdal::{MosaicReader, SceneSource, mosaic_in_order, open_scene, resampled, stamp, unite_grids};
use arpent_publish::{FeatureTable, Input, TableRow};
use arpent_raster::{CrsKind, Grid, Resampling, SceneInfo, Window};
use geo_types::Polygon;

use super::draw::{Values, View, colors};
use super::features::Notable;
use super::material::Material;
use super::parts::without_folders;
use super::pictures::{Pictures, Stored};

/// Scenes that one feature names at most; of more, its row has their positions, and the first ones are enough.
const SCENES_OF_ONE: usize = 8;

/// The thumbnails of features.
#[derive(Debug, Default)]
pub(crate) struct Thumbnails {
    /// By row: the picture, and whether it shows the whole feature.
    pub(crate) drawn: BTreeMap<u64, (Stored, bool)>,
    /// Why there are none, or not all, as messages.
    pub(crate) problems: BTreeSet<String>,
}

impl Thumbnails {
    /// Draws features with their outlines. Scenes that cannot be read, or are no longer those of the run, are left out.
    ///
    /// # Errors
    /// When the table cannot be read, or a picture not be encoded.
    pub(crate) fn draw<'n>(
        material: &Material<'_>,
        table: &FeatureTable,
        features: impl IntoIterator<Item = &'n Notable>,
        pictures: &mut Pictures,
    ) -> Result<Self> {
        let mut thumbnails = Self::default();
        let rows: BTreeSet<u64> = features.into_iter().map(|feature| feature.row).collect();
        let mut found = Vec::new();
        for row in rows {
            found.extend(table.row(row)?.map(|of| (row, of)));
        }
        let mut scenes = Opened::default();
        for (row, feature) in found {
            match scenes.picture(material, &feature) {
                Ok(Some((picture, is_whole))) => {
                    thumbnails.drawn.insert(row, (pictures.push(&picture)?, is_whole));
                }
                Ok(None) => {}
                Err(problem) => {
                    thumbnails.problems.insert(problem);
                }
            }
        }
        Ok(thumbnails)
    }
}

/// Scenes that were opened, or why they could not be.
#[derive(Default)]
struct Opened(BTreeMap<String, Result<SceneInfo, String>>);

impl Opened {
    /// The picture of a feature, and whether it shows all of it; `None` where no pixel around it has a value.
    fn picture(
        &mut self,
        material: &Material<'_>,
        feature: &TableRow,
    ) -> Result<Option<(super::pictures::Picture, bool)>, String> {
        let mut scenes = Vec::new();
        for input in inputs_of(material, feature) {
            scenes.push(self.scene(material, input)?);
        }
        unite_grids(&mut scenes);
        let Some(grid) = scenes.first().map(|scene| scene.grid.clone()) else { return Ok(None) };
        let on_grid = scenes.into_iter().filter(|scene| scene.grid.crs.name == grid.crs.name).map(|scene| {
            if scene.grid.key() == grid.key() {
                scene
            } else {
                resampled(&scene, &grid, Resampling::Bilinear)
            }
        });
        let message = |error: &dyn std::error::Error| without_folders(&error.to_string());
        let Some(mosaic) = mosaic_in_order(on_grid.collect()) else { return Ok(None) };
        let bands = bands(material, &mosaic.scenes);
        let mut reader = MosaicReader::new(&mosaic, &bands).map_err(|error| message(&error))?;
        let polygons = on_side_of(&mosaic.grid, mosaic.window, &feature.polygons);
        let Some(view) = View::of(&polygons, &mosaic.grid) else { return Ok(None) };
        let chip = reader.read(view.window).map_err(|error| message(&error))?;
        let mut values = Values::default();
        let all: Vec<usize> = (0..chip.bands).collect();
        for row in (view.step / 2..view.window.height).step_by(view.step) {
            values.add_row(&chip, row, view.step, &all);
        }
        if !values.has_any() {
            return Ok(None);
        }
        let mut picture = values.picture(view.side(), &Values::stretch(&[&values]));
        view.outline(&mut picture, &polygons, &mosaic.grid);
        Ok(Some((picture, view.is_whole)))
    }

    fn scene(&mut self, material: &Material<'_>, input: &Input) -> Result<SceneInfo, String> {
        let opened = self.0.entry(input.id.clone()).or_insert_with(|| open(material, input));
        opened.clone()
    }
}

/// Opens a scene, if it is still that of the run: by its size, or the tag of its store.
fn open(material: &Material<'_>, input: &Input) -> Result<SceneInfo, String> {
    let message = |error: &dyn std::error::Error| without_folders(&error.to_string());
    let place = material.scenes.get(&input.id).unwrap_or(&input.uri);
    let source = SceneSource::new(place);
    let now = stamp(&source).map_err(|error| message(&error))?;
    let differs = input.size.is_some() && now.size.is_some() && input.size != now.size
        || input.etag.is_some() && now.etag.is_some() && input.etag != now.etag;
    if differs {
        return Err(format!("the file of scene {} changed since the run", input.id));
    }
    open_scene(&source).map_err(|error| message(&error))
}

/// The inputs that gave a feature's pixels; of two dates, those of the later one.
fn inputs_of<'m>(material: &'m Material<'_>, feature: &TableRow) -> Vec<&'m Input> {
    let inputs = &material.manifest.inputs;
    let Some(Value::Text(ids)) = feature.value("scene_ids") else { return Vec::new() };
    let named: Vec<&Input> = match ids.strip_prefix('#') {
        Some(positions) => positions_of(positions).filter_map(|at| inputs.get(at)).collect(),
        None => ids.split(',').filter_map(|id| inputs.iter().find(|input| input.id == id)).collect(),
    };
    named.into_iter().filter(|input| input.date.as_deref() != Some("before")).take(SCENES_OF_ONE).collect()
}

/// `0-2,15` as numbers.
fn positions_of(text: &str) -> impl Iterator<Item = usize> {
    text.split(',').flat_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let ends = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        ends.map_or(0..0, |(first, last)| first..last.saturating_add(1))
    })
}

/// The bands of a picture: red, green and blue as configured or named, else the first three, else the first.
fn bands(material: &Material<'_>, scenes: &[SceneInfo]) -> Vec<Vec<usize>> {
    let configured = |name: &str| {
        let number = material.configured(&["input", "bands", name])?.as_u64()?;
        usize::try_from(number).ok()
    };
    let named = |scene: &SceneInfo| -> Option<Vec<usize>> {
        let band = |name: &&str| configured(name).or_else(|| scene.band_named(name));
        let found: Vec<usize> = ["red", "green", "blue"].iter().filter_map(band).collect();
        let has = |number: &usize| scene.bands.iter().any(|band| band.index == *number);
        (found.len() == 3 && found.iter().all(has)).then_some(found)
    };
    let first = |scene: &SceneInfo| -> Vec<usize> {
        scene.bands.iter().filter(|band| !band.is_alpha).map(|band| band.index).collect()
    };
    let all: Option<Vec<Vec<usize>>> = scenes.iter().map(named).collect();
    all.unwrap_or_else(|| {
        let bands: Vec<Vec<usize>> = scenes.iter().map(first).collect();
        let least = bands.iter().map(Vec::len).min().unwrap_or(0);
        let names: Vec<String> = (0..least).map(|number| number.to_string()).collect();
        let shown = colors(&names);
        bands.iter().map(|of| shown.iter().filter_map(|at| of.get(*at).copied()).collect()).collect()
    })
}

/// Polygons of a map in degrees on the side of the antimeridian where a scene lies: published ones end there.
fn on_side_of(grid: &Grid, window: Window, polygons: &[Polygon<f64>]) -> Vec<Polygon<f64>> {
    let [west, _, east, _] = grid.bbox(&window);
    if grid.crs.kind != CrsKind::Geographic {
        return polygons.to_vec();
    }
    let turned = |polygon: &Polygon<f64>| {
        let xs = || polygon.exterior().0.iter().map(|point| point.x);
        let middle = xs().sum::<f64>() / exact(wide(polygon.exterior().0.len()).max(1));
        let turn = if east > 180.0 && middle < west - 1e-9 {
            360.0
        } else if west < -180.0 && middle > east + 1e-9 {
            -360.0
        } else {
            0.0
        };
        let moved = |ring: &geo_types::LineString<f64>| {
            ring.0.iter().map(|point| (point.x + turn, point.y)).collect::<Vec<_>>().into()
        };
        Polygon::new(moved(polygon.exterior()), polygon.interiors().iter().map(moved).collect())
    };
    polygons.iter().map(turned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::polygon;

    #[test]
    fn positions_of_scenes_are_read() {
        assert_eq!(positions_of("0-2,15,x,7-").collect::<Vec<_>>(), [0, 1, 2, 15]);
    }

    #[test]
    fn features_beyond_the_antimeridian_lie_where_their_scene_lies() {
        let crs = std::sync::Arc::new(arpent_gdal::describe_crs("EPSG:4326").unwrap());
        let grid = Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 0.01, gsd_y: 0.01 };
        let window = Window::new(17_900, 0, 200, 100);
        let at = |x: f64| polygon![(x: x, y: 0.0), (x: x + 0.1, y: 0.0), (x: x, y: -0.1)];
        let moved = on_side_of(&grid, window, &[at(179.5), at(-179.9)]);
        let wests: Vec<f64> = moved.iter().map(|polygon| polygon.exterior().0[0].x).collect();
        assert!((wests[0] - 179.5).abs() < 1e-9 && (wests[1] - 180.1).abs() < 1e-9, "{wests:?}");
    }
}
