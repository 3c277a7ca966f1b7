//! A scene and polygons drawn over it, each with a class: `<scene>.tif`, `<polygons>.gpkg`. Pixels outside of the
//! polygons are unknown, or of a class of their own. An item is the window of one polygon with some surroundings; in it,
//! polygons of another split are not known either. Or items are square tiles of the scene, where all that has no polygon
//! is known.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use arpent_base::number::signed;
use arpent_gdal::{
    Aoi, FieldPolygon, FieldPolygons, GdalError, InvalidGeometries, MosaicReader, PolygonSource, SceneSource,
    group_scenes, open_scene, read_polygons,
};
use arpent_raster::{Chip, Raster, ReadAs, SceneInfo, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Listed};
use super::names::Names;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{Asked, Card, DatasetError, Example, IGNORE, Split, Truth};

/// Options of the layout `raster-polygons`. A polygon is a group, or a tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RasterPolygons {
    /// The scene, below the set's folder.
    pub raster: PathBuf,
    /// The vector file, below the set's folder; may be followed by `|option:ENCODING=NAME` and `|crs=EPSG:CODE`.
    pub polygons: PathBuf,
    /// Its layer; the only one with polygons without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The field with the class; `class` stands for it where all polygons are of one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Class of the card of all polygons, instead of `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Bands of the scene in the order of the card, from 1; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Vec<usize>>,
    /// What to do with geometries that are not valid: `repair` them, and count them, or `refuse` the layer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub invalid: InvalidGeometries,
    /// Surroundings of a polygon's window, pixels.
    #[serde(default = "default_margin")]
    pub margin: usize,
    /// Names of the card by values of the field, where they differ.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// Values to leave out.
    #[serde(default)]
    pub skip: Vec<String>,
    /// Class of the card for pixels outside of the polygons; unknown by default. Polygons that are left out
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// Side of square tiles of the scene, pixels, which are the items instead of the polygons; `background` is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile_px: Option<NonZeroUsize>,
}

const fn default_margin() -> usize {
    16
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_default(invalid: &InvalidGeometries) -> bool {
    *invalid == InvalidGeometries::default()
}

impl RasterPolygons {
    /// Refuses options that contradict each other.
    fn check(&self, vector: &Path) -> Result<(), DatasetError> {
        let problem = match (&self.field, &self.class) {
            (None, None) => {
                "give `field`, which has each polygon's class, or `class`, the class of all polygons"
            }
            (Some(_), Some(_)) => "`field` and `class` exclude each other",
            _ if self.tile_px.is_some() && self.background.is_none() => {
                "`tile_px` needs `background`, the class of what lies in no polygon"
            }
            _ => return Ok(()),
        };
        Err(DatasetError::BadConfig { path: vector.to_owned(), problem: problem.to_owned() })
    }

    /// The polygons over a scene.
    fn polygons_over(&self, vector: &Path, scene: &SceneInfo) -> Result<FieldPolygons, DatasetError> {
        let (uri, layer, invalid) = (vector.to_string_lossy(), self.layer.as_deref(), self.invalid);
        let source =
            PolygonSource { layer, invalid, field: self.field.as_deref(), ..PolygonSource::new(&uri, "") };
        read_polygons(&source, &scene.grid, &scene.window).map_err(|source| DatasetError::Raster { source })
    }

    /// The scene of a set whose folder is `root`, in the units that are wanted.
    fn scene(&self, root: &Path, values: ReadAs) -> Result<SceneInfo, DatasetError> {
        scene_in(&root.join(&self.raster), values).map_err(|source| DatasetError::Raster { source })
    }
}

/// A scene whose stored values are read as they are, or with the scale and offset that it declares.
pub(crate) fn scene_in(path: &Path, values: ReadAs) -> Result<SceneInfo, GdalError> {
    let mut scene = open_scene(&SceneSource::new(&path.to_string_lossy()))?;
    scene.bands.iter_mut().filter_map(|b| b.scaling.as_mut()).for_each(|s| s.read_as = values);
    Ok(scene)
}

#[derive(Debug)]
pub(super) struct RasterPolygonsLayout {
    scene: SceneInfo,
    bands: Vec<usize>,
    margin: usize,
    items: Vec<Listed>,
    /// Windows of the items, where they are tiles.
    tiles: Vec<Window>,
    /// Classes and areas; of the items, where those are polygons.
    polygons: Vec<(u8, Aoi)>,
    /// Polygons whose class is left out.
    left_out: Vec<Aoi>,
    background: Option<u8>,
    vector: PathBuf,
    names: Names,
    /// Of the whole layer.
    seen: Seen,
}

pub(super) fn find(
    options: &RasterPolygons,
    root: &Path,
    card: &Card,
    values: ReadAs,
) -> Result<RasterPolygonsLayout, DatasetError> {
    let (picture, vector) = (root.join(&options.raster), root.join(&options.polygons));
    options.check(&vector)?;
    let mut scene = options.scene(root, values)?;
    let bands = bands(options, &scene, card, &picture)?;
    // A band that is named as data is not an alpha band, even where the file flags it as alpha.
    scene.bands.iter_mut().filter(|b| bands.contains(&b.index)).for_each(|b| b.is_alpha = false);
    let drawn = options.polygons_over(&vector, &scene)?;
    let seen = Seen::of_layer(drawn.counts);
    let names = Names::new(card, &options.names, &options.skip);
    let (mut items, mut polygons, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let background = options.background.as_deref().map(|name| names.id(&vector, None, name)).transpose()?;
    for FieldPolygon { number, value, area } in drawn.polygons {
        let Some(class) = class_of(options, &names, &vector, number, value)? else {
            left_out.push(area);
            continue;
        };
        items.push(Listed::alone(&polygon_item(number)));
        polygons.push((class, area));
    }
    let background = background.flatten();
    let margin = options.margin;
    let tiles = options.tile_px.map_or_else(Vec::new, |side| tiles(&scene.window, side.get()));
    if options.tile_px.is_some() {
        let (west, north) = (scene.window.col, scene.window.row);
        // With the scene's name: the tiles of two scenes of a data set are places of their own.
        let stem = options.raster.file_stem().unwrap_or_default().to_string_lossy();
        let item = |t: &Window| Listed::alone(&format!("{stem}_y{:06}x{:06}", t.row - north, t.col - west));
        items = tiles.iter().map(item).collect();
    }
    Ok(RasterPolygonsLayout {
        scene,
        bands,
        margin,
        items,
        tiles,
        polygons,
        left_out,
        background,
        vector,
        names,
        seen,
    })
}

/// Squares of this side that fill a scene, row by row; the last ones of a row and of a column may be smaller.
fn tiles(scene: &Window, side: usize) -> Vec<Window> {
    let (columns, rows) = (scene.width.div_ceil(side), scene.height.div_ceil(side));
    let place = |i: usize| (scene.col + signed(i % columns * side), scene.row + signed(i / columns * side));
    let tile = |(col, row)| Window::new(col, row, side, side).intersect(scene);
    (0..columns * rows).map(place).filter_map(tile).collect()
}

/// A scene that polygons were drawn over, read part by part.
#[derive(Debug)]
pub struct SceneReader {
    scene: SceneInfo,
    bands: Vec<usize>,
}

impl SceneReader {
    /// The scene of a set whose folder is `root`, with the bands of these numbers, from 1, interpreted by `values`.
    ///
    /// # Errors
    /// [`DatasetError::Raster`] when it cannot be opened.
    pub fn open(
        options: &RasterPolygons,
        root: &Path,
        bands: Vec<usize>,
        values: ReadAs,
    ) -> Result<Self, DatasetError> {
        let mut scene = options.scene(root, values)?;
        scene.bands.iter_mut().filter(|b| bands.contains(&b.index)).for_each(|b| b.is_alpha = false);
        Ok(Self { scene, bands })
    }

    /// Pixels in polygons of each class, by its id in the card; those of polygons that overlap count for each.
    ///
    /// # Errors
    /// [`DatasetError`] when the polygons cannot be read, or one is of no class of the card.
    pub fn labeled(
        &self,
        options: &RasterPolygons,
        root: &Path,
        card: &Card,
    ) -> Result<BTreeMap<u8, u64>, DatasetError> {
        let vector = root.join(&options.polygons);
        let drawn = options.polygons_over(&vector, &self.scene)?;
        let names = Names::new(card, &options.names, &options.skip);
        let mut counts = BTreeMap::new();
        for FieldPolygon { number, value, area } in drawn.polygons {
            let Some(class) = class_of(options, &names, &vector, number, value)? else { continue };
            let inside = area.window().intersect(&self.scene.window);
            let pixels =
                inside.map_or(0, |w| area.mask(w).data().iter().filter(|is_inside| **is_inside).count());
            *counts.entry(class).or_default() += pixels as u64;
        }
        Ok(counts)
    }

    /// All of it: columns and rows from (0, 0).
    pub fn window(&self) -> Window {
        Window { col: 0, row: 0, ..self.scene.window }
    }

    /// A part of [`Self::window`]; the chip's own window starts at (0, 0).
    ///
    /// # Errors
    /// [`DatasetError::Raster`] when it cannot be read.
    pub fn read(&self, part: Window) -> Result<Chip, DatasetError> {
        let raster = |source| DatasetError::Raster { source };
        let (col, row) = (self.scene.window.col + part.col, self.scene.window.row + part.row);
        let mosaic = group_scenes(vec![self.scene.clone()]).remove(0);
        let mut reader = MosaicReader::new(&mosaic, std::slice::from_ref(&self.bands)).map_err(raster)?;
        let mut chip = reader.read(Window { col, row, ..part }).map_err(raster)?;
        chip.window = Window { col: 0, row: 0, ..part };
        Ok(chip)
    }
}

/// Id of the item of a feature.
pub(crate) fn polygon_item(number: u64) -> String {
    format!("{number:06}")
}

/// The class of a feature, `None` when it is to be left out; an empty field counts as empty text.
fn class_of(
    options: &RasterPolygons,
    names: &Names,
    path: &Path,
    number: u64,
    value: Option<String>,
) -> Result<Option<u8>, DatasetError> {
    if let Some(class) = &options.class {
        return names.id(path, None, class);
    }
    let empty =
        value.is_none() && !options.skip.iter().any(String::is_empty) && !options.names.contains_key("");
    if empty {
        let problem = format!(
            "its field `{}` is empty (to leave such features out: skip = [\"\"])",
            options.field.as_deref().unwrap_or_default()
        );
        return Err(DatasetError::BadItem {
            path: path.to_owned(),
            item: format!("feature {number}"),
            problem,
        });
    }
    names.id(path, None, &value.unwrap_or_default())
}

fn bands(
    options: &RasterPolygons,
    scene: &SceneInfo,
    card: &Card,
    path: &Path,
) -> Result<Vec<usize>, DatasetError> {
    let all = || scene.bands.iter().map(|b| b.index).collect();
    let bands: Vec<usize> = options.bands.clone().unwrap_or_else(all);
    if bands.len() == card.bands.len() {
        return Ok(bands);
    }
    let (expected, got) = (card.bands.len(), bands.len());
    Err(DatasetError::BandCount { path: path.to_owned(), expected, got })
}

impl Layout for RasterPolygonsLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, _: &str) -> PathBuf {
        self.vector.clone()
    }

    fn check(&self, _: &Card, _: usize) -> Result<(), DatasetError> {
        Ok(())
    }

    fn read(&self, set: &Set, position: usize, split: Split) -> Result<Example, DatasetError> {
        let raster = |source| DatasetError::Raster { source };
        let window = self.window(position);
        let mosaic = group_scenes(vec![self.scene.clone()]).remove(0);
        let mut reader = MosaicReader::new(&mosaic, std::slice::from_ref(&self.bands)).map_err(raster)?;
        let mut chip = reader.read(window).map_err(raster)?;
        let labels = self.labels(set, window, split);
        let declared = |index: &usize| self.scene.bands.iter().find(|b| b.index == *index)?.scaling.clone();
        let mut seen = Seen::default();
        seen.declare(self.bands.iter().map(declared));
        set.remark(&self.items[position].item, &seen);
        chip.window = Window { col: 0, row: 0, ..window };
        let labels = Raster::new(chip.window, labels).map_err(|e| DatasetError::BadItem {
            path: self.vector.clone(),
            item: set.card().name.clone(),
            problem: e.to_string(),
        })?;
        Ok(Example { chips: vec![chip], truth: Truth::Labels(labels) })
    }

    fn asked(&self) -> Vec<Asked> {
        self.names.asked()
    }

    fn found(&self) -> Option<(String, Seen)> {
        Some((self.vector.file_name()?.to_string_lossy().into_owned(), self.seen.clone()))
    }
}

impl RasterPolygonsLayout {
    fn window(&self, position: usize) -> Window {
        if let Some(tile) = self.tiles.get(position) {
            return *tile;
        }
        let window = self.polygons[position].1.window();
        window.grow(self.margin).intersect(&self.scene.window).unwrap_or(window)
    }

    /// Classes of a window: of the polygons of this split (in a tile, of all). Where a polygon of another split or of another class
    /// lies as well, the class is unknown.
    fn labels(&self, set: &Set, window: Window, split: Split) -> Vec<u8> {
        let are_tiles = !self.tiles.is_empty();
        let mut labels: Vec<Option<u8>> = vec![None; window.width * window.height];
        for (position, (class, area)) in self.polygons.iter().enumerate() {
            if !area.intersects(&window) {
                continue;
            }
            let known = are_tiles || set.split_at(position) == Some(split);
            let class = if known { *class } else { IGNORE };
            for (label, inside) in labels.iter_mut().zip(area.mask(window).data()) {
                if *inside {
                    *label = Some(if label.is_none_or(|other| other == class) { class } else { IGNORE });
                }
            }
        }
        let Some(background) = self.background else {
            return labels.into_iter().map(|l| l.unwrap_or(IGNORE)).collect();
        };
        for area in self.left_out.iter().filter(|a| a.intersects(&window)) {
            labels
                .iter_mut()
                .zip(area.mask(window).data())
                .filter(|(_, i)| **i)
                .for_each(|(l, _)| *l = Some(IGNORE));
        }
        // Tiles share no pixel.
        if !are_tiles {
            self.keep_apart(set, window, split, &mut labels);
        }
        labels.into_iter().map(|l| l.unwrap_or(background)).collect()
    }

    /// Pixels outside of the polygons are of one split: in windows of the test split of that, in other windows of the
    /// validation split of that, and only elsewhere they are for training.
    fn keep_apart(&self, set: &Set, window: Window, split: Split, labels: &mut [Option<u8>]) {
        let held = (0..self.polygons.len()).filter(|p| set.split_at(*p).is_some_and(|s| s > split));
        for other in held.filter_map(|p| self.window(p).intersect(&window)) {
            let (col, row) = window.offset_of(&other).expect("what is common lies in the window");
            for y in row..row + other.height {
                let line = y * window.width + col;
                labels[line..line + other.width].iter_mut().for_each(|l| _ = l.get_or_insert(IGNORE));
            }
        }
    }
}
