//! A scene and the polygons drawn over it, examined before a card is written.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::signed;
use arpent_gdal::{InvalidGeometries, MosaicReader, PolygonSource, group_scenes, look, read_polygons};
use arpent_raster::{ReadAs, SampleType, Scaling, SceneInfo, Window};

use crate::DatasetError;
use crate::layouts::{polygon_item, scene_in};

/// Side of the windows in which values are sampled, pixels.
const WINDOW: usize = 256;

/// Maximum number of sampled windows; of larger scenes they are spread evenly.
const MAX_WINDOWS: usize = 400;

/// A scene with polygons over it, as the layout `raster-polygons` will find them.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotatedScene {
    /// The scene.
    pub scene: SceneInfo,
    /// Numbers of its data bands, from 1: all but alpha bands, and those, too, where so many bands are requested.
    pub bands: Vec<usize>,
    /// The alpha band that masks the scene, and how many different values it holds in a sample.
    pub alpha: Option<(usize, usize)>,
    /// Lowest and highest valid value of the data bands, in the requested units: of the sample type for 8-bit integers (all with a
    /// sign, or all without) as they are stored, else as found (in large scenes: on windows that are spread over it). `None` where no pixel is valid.
    pub range: Option<[f32; 2]>,
    /// Polygons that touch the scene, in the order of the file.
    pub polygons: Vec<AnnotationPolygon>,
}

/// A polygon over a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationPolygon {
    /// Id of its item, which is also its group.
    pub item: String,
    /// Value of the field, none where it is empty.
    pub value: Option<String>,
    /// Value of the field of colors, none where it is empty or not requested.
    pub color: Option<String>,
    /// Pixels of the scene whose centers it holds.
    pub pixels: usize,
    /// Columns and rows of its window.
    pub size: [usize; 2],
}

/// The polygons to examine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drawn<'a> {
    /// Layer of the polygons; the only one with polygons without a name.
    pub layer: Option<&'a str>,
    /// Field of the class.
    pub field: &'a str,
    /// Field of the class's color.
    pub color_field: Option<&'a str>,
    /// Number of requested bands; 0 by default. If it is the scene's number of bands, an alpha band is data, too.
    pub bands: usize,
    /// What to do with geometries that are not valid.
    pub invalid: InvalidGeometries,
    /// Interpretation of stored values.
    pub values: ReadAs,
}

/// Examines a scene and the polygons of a layer by a field.
///
/// # Errors
/// [`DatasetError::Raster`]: a file cannot be read, a layer or field is not there, a feature is no polygon.
pub fn look_at_scene(
    scene: &Path,
    polygons: &Path,
    drawn: &Drawn<'_>,
) -> Result<AnnotatedScene, DatasetError> {
    let raster = |source| DatasetError::Raster { source };
    let mut scene = scene_in(scene, drawn.values).map_err(raster)?;
    if drawn.bands == scene.bands.len() {
        scene.bands.iter_mut().for_each(|b| b.is_alpha = false);
    }
    let uri = polygons.to_string_lossy();
    let Drawn { layer, invalid, .. } = *drawn;
    let read = |field: &str| {
        let source = PolygonSource { layer, invalid, ..PolygonSource::new(&uri, field) };
        read_polygons(&source, &scene.grid, &scene.window).map_err(raster)
    };
    let mut colors: BTreeMap<u64, String> = BTreeMap::new();
    if let Some(field) = drawn.color_field {
        colors.extend(read(field)?.polygons.into_iter().filter_map(|p| Some((p.number, p.value?))));
    }
    let polygons = read(drawn.field)?;
    let polygon = |drawn: arpent_gdal::FieldPolygon| {
        let window = drawn.area.window();
        let inside = window.intersect(&scene.window);
        let pixels = inside.map_or(0, |w| drawn.area.mask(w).data().iter().filter(|p| **p).count());
        let (item, size) = (polygon_item(drawn.number), [window.width, window.height]);
        let color = colors.get(&drawn.number).cloned();
        AnnotationPolygon { item, value: drawn.value, color, pixels, size }
    };
    let polygons = polygons.polygons.into_iter().map(polygon).collect();
    let bands: Vec<usize> = scene.bands.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
    let is_scaled = |s: &Scaling| s.applied().is_some();
    let all_are = |sample: SampleType| {
        let is = |b: &arpent_raster::BandInfo| {
            b.sample_type == sample && !b.scaling.as_ref().is_some_and(is_scaled)
        };
        scene.bands.iter().all(|b| b.is_alpha || is(b))
    };
    let range = if all_are(SampleType::Uint8) {
        Some([0.0, 255.0])
    } else if all_are(SampleType::Int8) {
        Some([-128.0, 127.0])
    } else {
        range(&scene, &bands).map_err(raster)?
    };
    let alpha = look(&scene, &bands, false).map_err(raster)?.alpha;
    Ok(AnnotatedScene { scene, bands, alpha, range, polygons })
}

/// Lowest and highest valid value.
fn range(scene: &SceneInfo, bands: &[usize]) -> Result<Option<[f32; 2]>, arpent_gdal::GdalError> {
    let mosaic = group_scenes(vec![scene.clone()]).remove(0);
    let mut reader = MosaicReader::new(&mosaic, &[bands.to_vec()])?;
    let mut range: Option<[f32; 2]> = None;
    for window in windows(&scene.window) {
        let chip = reader.read(window)?;
        let values = (0..chip.bands).flat_map(|b| chip.band(b).iter().zip(&chip.valid));
        for (value, _) in values.filter(|(_, valid)| **valid) {
            let [low, high] = range.unwrap_or([*value; 2]);
            range = Some([low.min(*value), high.max(*value)]);
        }
    }
    Ok(range)
}

/// Windows that fill the scene, or are spread evenly over a large one.
fn windows(scene: &Window) -> impl Iterator<Item = Window> {
    let (columns, rows) = (scene.width.div_ceil(WINDOW), scene.height.div_ceil(WINDOW));
    let every = (columns * rows).div_ceil(MAX_WINDOWS).max(1);
    let scene = *scene;
    (0..columns * rows).step_by(every).filter_map(move |i| {
        let start = |at: usize| signed(at * WINDOW);
        let (col, row) = (scene.col + start(i % columns), scene.row + start(i / columns));
        Window::new(col, row, WINDOW, WINDOW).intersect(&scene)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fill_a_small_scene_and_are_spread_over_a_large_one() {
        let small = Window::new(-7, 5, 300, 257);
        assert_eq!(windows(&small).map(|w| w.width * w.height).sum::<usize>(), 300 * 257);
        let large = Window::new(0, 0, 30_000, 30_000);
        let spread: Vec<Window> = windows(&large).collect();
        assert!(spread.len() <= MAX_WINDOWS && spread.len() > MAX_WINDOWS / 2, "{}", spread.len());
        assert!(spread.iter().any(|w| w.row > 28_000) && spread.iter().any(|w| w.col > 28_000));
    }
}
