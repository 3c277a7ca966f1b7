//! Reading windows of a mosaic.

use std::path::PathBuf;
use std::sync::Arc;

use arpent_raster::{Chip, Window};

use super::block::Block;
use super::collar;
use super::layers::Layer;
use super::mosaic::Mosaic;
use super::raster::{BandSelection, Opened, RasterSource, no_such_band};
use super::resample::{Weighed, distance};
use super::shared_blocks::{Cells, SharedBlocks};
use crate::GdalError;

/// Datasets that a reader keeps open at most.
const MAX_OPEN: usize = 32;

/// Reads windows of a mosaic. It belongs to one thread; each thread has its own.
///
/// A pixel does not depend on the window in which it is read: the first scene in the mosaic's order for
/// which it is valid gives all its bands. A pixel of a scene is *invalid* when
/// - the data set does not have it in at least one selected band: no source of a VRT, a block that was never written,
///   the outside of a warped image; or
/// - the scene's alpha band, unless it is selected, or a mask band is 0 there; or
/// - it has the nodata value in all selected bands that declare one (at least one does): if alpha or a mask applies,
///   only values that the job's configuration declares count; or
/// - any selected band is not finite (NaN); or
/// - it lies in the scene's collar, if collars are left out.
///
/// Invalid pixels are 0. If a scale and offset are to be applied, that happens here, once, after the comparison with
/// nodata.
///
/// Scenes that are resampled ([`resampled`](crate::resampled)) form one mosaic for each native grid, read at full
/// resolution, whose pixels are then weighted. A new pixel is valid if the mosaic's pixel that contains its center is.
#[derive(Debug)]
pub struct MosaicReader {
    scenes: Vec<RasterSource>,
    /// Path of the mask of each scene's collar.
    collars: Vec<Option<PathBuf>>,
    /// The scenes, grouped by their native grid.
    layers: Arc<[Layer]>,
    /// Open datasets, the one used last at the end.
    open: Vec<(usize, Opened)>,
    bands: usize,
    max_open: usize,
    shared: Option<SharedBlocks>,
    /// The cells of each scene whose blocks may be shared.
    cells: Vec<Option<Cells>>,
    /// Scenes of which only one is open at a time, since an open decoder needs much memory.
    alone: Vec<bool>,
}

impl MosaicReader {
    /// A reader of the given bands of each scene (`bands[i]` belongs to `mosaic.scenes[i]`; the last entry serves
    /// for all that follow). Nothing is opened yet.
    ///
    /// # Errors
    /// [`GdalError::NoSuchBand`] when a scene lacks a band or a selection has another length than the first.
    pub fn new(mosaic: &Mosaic, bands: &[BandSelection]) -> Result<Self, GdalError> {
        let count = bands.first().map_or(0, Vec::len);
        let mut scenes = Vec::with_capacity(mosaic.scenes.len());
        let mut cells = Vec::with_capacity(mosaic.scenes.len());
        for (i, info) in mosaic.scenes.iter().enumerate() {
            let selection = bands.get(i).or(bands.last()).cloned().unwrap_or_default();
            if selection.len() != count {
                return Err(no_such_band(&info.uri, selection.len(), info.bands.len()));
            }
            let window = info.native.as_ref().map_or(info.window, |native| native.window);
            let source = RasterSource::new(&info.id, &info.uri, window, &info.bands, selection)?;
            let of_blocks = || {
                Cells::new(&info.uri, source.bands(), source.sample_bytes(), window, info.block, info.coding)
            };
            cells.push(SharedBlocks::takes(info).then(of_blocks).flatten());
            scenes.push(source.with(&info.validity));
        }
        let (open, layers) = (Vec::new(), Layer::of(mosaic).into());
        let alone = mosaic.scenes.iter().map(|info| info.decoders.kept_bytes > 0).collect();
        let collars = mosaic.scenes.iter().map(|info| info.validity.collar.clone()).collect();
        let (bands, max_open, shared) = (count, MAX_OPEN, None);
        Ok(Self { scenes, collars, layers, open, bands, max_open, shared, cells, alone })
    }

    /// A reader that only determines which scene gives each pixel ([`MosaicReader::givers`]). Values are read only if
    /// validity depends on them.
    ///
    /// # Errors
    /// As [`MosaicReader::new`].
    pub fn of_givers(mosaic: &Mosaic, bands: &[BandSelection]) -> Result<Self, GdalError> {
        let mut reader = Self::new(mosaic, bands)?;
        reader.bands = 0;
        reader.scenes = reader.scenes.into_iter().map(RasterSource::with_validity_alone).collect();
        Ok(reader)
    }

    /// The same reader with a cache of blocks that is shared with other readers, for scenes that
    /// [`SharedBlocks::takes`]. The result is the same.
    #[must_use]
    pub fn sharing(mut self, blocks: &SharedBlocks) -> Self {
        self.shared = Some(blocks.clone());
        self
    }

    /// The same reader keeping at most so many datasets open.
    #[must_use]
    pub fn with_max_open(mut self, max_open: usize) -> Self {
        self.max_open = max_open.max(1);
        self
    }

    /// Reads a window of the mosaic's grid, also beyond the scenes, where pixels are invalid.
    ///
    /// # Errors
    /// [`GdalError::ReadWindow`], which names the scene, when a file cannot be opened or read.
    pub fn read(&mut self, window: Window) -> Result<Chip, GdalError> {
        let layers = Arc::clone(&self.layers);
        match &*layers {
            [layer] => self.read_layer(layer, window, None),
            layers => Ok(self.read_layers(layers, window)?.0),
        }
    }

    /// The value of [`MosaicReader::givers`] for a pixel without a scene.
    pub const NOBODY: u32 = NOBODY;

    /// The index of the scene that gives each pixel of a window, row by row; [`MosaicReader::NOBODY`] if none does.
    ///
    /// # Errors
    /// As [`MosaicReader::read`].
    pub fn givers(&mut self, window: Window) -> Result<Vec<u32>, GdalError> {
        let layers = Arc::clone(&self.layers);
        Ok(self.read_layers(&layers, window)?.1)
    }

    /// Also for several grids, the first valid scene in order gives a pixel.
    fn read_layers(&mut self, layers: &[Layer], window: Window) -> Result<(Chip, Vec<u32>), GdalError> {
        let mut all = Chip::empty(window, self.bands);
        let mut first = vec![NOBODY; all.valid.len()];
        // There may be as many layers as scenes: those outside of the window are skipped.
        for layer in layers.iter().filter(|layer| layer.meets(&window)) {
            let mut givers = vec![NOBODY; all.valid.len()];
            let chip = self.read_layer(layer, window, Some(&mut givers))?;
            take_earlier(&mut all, &mut first, &chip, &givers);
        }
        Ok((all, first))
    }

    /// Reads a window of the mosaic's grid from the scenes of one layer, and which of them gave each pixel.
    fn read_layer(
        &mut self,
        layer: &Layer,
        window: Window,
        givers: Option<&mut [u32]>,
    ) -> Result<Chip, GdalError> {
        match &layer.weighed {
            None => self.read_scenes(&layer.members, window, givers),
            Some(weighed) => self.weigh(&layer.members, weighed, window, givers),
        }
    }

    fn weigh(
        &mut self,
        members: &[usize],
        weighed: &Weighed,
        window: Window,
        mut givers: Option<&mut [u32]>,
    ) -> Result<Chip, GdalError> {
        let mut chip = Chip::empty(window, self.bands);
        let sums = weighed.sums(&window);
        if let (Some(width), false) = (sums.too_wide(), window.is_empty()) {
            // Even one row of new pixels is too large: it is read in halves. Each sum is independent.
            let east = window.col.saturating_add_unsigned(width as u64);
            let halves =
                [Window { width, ..window }, Window { col: east, width: window.width - width, ..window }];
            for half in halves {
                let mut own = givers.as_ref().map(|_| vec![NOBODY; half.width * half.height]);
                chip.paste(&self.weigh(members, weighed, half, own.as_deref_mut())?);
                if let (Some(givers), Some(own)) = (&mut givers, &own) {
                    let from = distance(window.col, half.col);
                    for (to, own) in givers.chunks_exact_mut(window.width).zip(own.chunks_exact(half.width)) {
                        to[from..from + half.width].copy_from_slice(own);
                    }
                }
            }
            return Ok(chip);
        }
        let mut begin = 0;
        while begin < window.height {
            let wanted = begin..sums.strip_end(begin);
            begin = wanted.end;
            let old = sums.old_window(wanted.clone());
            let mut old_givers = givers.as_ref().map(|_| vec![NOBODY; old.width * old.height]);
            let part = self.read_scenes(members, old, old_givers.as_deref_mut())?;
            if !part.valid.contains(&true) {
                continue;
            }
            sums.fill(&mut chip, wanted.clone(), &part);
            if let (Some(givers), Some(old_givers)) = (&mut givers, &old_givers) {
                sums.copy_centers(wanted, &old, old_givers, givers);
            }
        }
        Ok(chip)
    }

    /// Reads a window of some of the scenes on their own grid, and which of them gave each pixel.
    fn read_scenes(
        &mut self,
        members: &[usize],
        window: Window,
        mut givers: Option<&mut [u32]>,
    ) -> Result<Chip, GdalError> {
        let mut chip = Chip::empty(window, self.bands);
        for &index in members {
            let Some(common) = self.scenes[index].window().intersect(&window) else { continue };
            if is_filled(&chip, &common) {
                continue;
            }
            let opened = self.dataset(index);
            let mut opened = opened.map_err(|e| self.scenes[index].unreadable(common, e.to_string()))?;
            // The most recently used dataset goes to the end of the list.
            let part = self.part(index, &mut opened, common);
            self.open.push((index, opened));
            let part = part?;
            if let Some(givers) = &mut givers {
                give(givers, &window, &part, index);
            }
            chip = merged(chip, part);
        }
        Ok(chip)
    }

    fn part(&self, index: usize, opened: &mut Opened, window: Window) -> Result<Chip, GdalError> {
        let source = &self.scenes[index];
        let mut block = |window: Window| {
            let inside = match &self.collars[index] {
                Some(mask) => collar::outside(source, opened, mask, window)
                    .map_err(|message| source.unreadable(window, message))?,
                None => None,
            };
            source.read_block(opened, window, inside)
        };
        match (&self.shared, self.cells.get(index)) {
            (Some(shared), Some(Some(cells))) => shared.read(cells, window, block),
            _ => block(window).map(Block::into_chip),
        }
    }

    fn dataset(&mut self, index: usize) -> Result<Opened, GdalError> {
        if let Some(at) = self.open.iter().position(|(i, _)| *i == index) {
            return Ok(self.open.remove(at).1);
        }
        if self.alone[index] {
            self.open.retain(|(i, _)| !self.alone[*i]);
        }
        if self.open.len() >= self.max_open {
            self.open.remove(0);
        }
        Opened::new(self.scenes[index].uri())
    }
}

/// No scene gave the pixel.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Records the scene of pixels that no earlier scene gave.
fn give(givers: &mut [u32], window: &Window, part: &Chip, scene: usize) {
    let Some((col, row)) = window.offset_of(&part.window) else { return };
    let scene = u32::try_from(scene).unwrap_or(NOBODY);
    for (r, valid) in part.valid.chunks_exact(part.window.width.max(1)).enumerate() {
        let start = (row + r) * window.width + col;
        let row = givers[start..start + valid.len()].iter_mut().zip(valid);
        row.filter(|(giver, valid)| **valid && **giver == NOBODY).for_each(|(giver, _)| *giver = scene);
    }
}

/// Copies the pixels of a chip whose scene comes before that in `all`.
fn take_earlier(all: &mut Chip, first: &mut [u32], chip: &Chip, givers: &[u32]) {
    let pixels = first.len();
    for i in (0..pixels).filter(|i| chip.valid[*i]) {
        if givers[i] < first[i] {
            first[i] = givers[i];
            all.valid[i] = true;
            for b in 0..all.bands {
                all.data[b * pixels + i] = chip.data[b * pixels + i];
            }
        }
    }
}

fn is_filled(chip: &Chip, window: &Window) -> bool {
    let Some((col, row)) = chip.window.offset_of(window) else { return false };
    (row..row + window.height).all(|r| {
        let start = r * chip.window.width + col;
        chip.valid[start..start + window.width].iter().all(|v| *v)
    })
}

/// The chip with its missing pixels filled from `part`; mostly a window lies in one scene, and nothing is copied.
fn merged(mut chip: Chip, part: Chip) -> Chip {
    if part.window == chip.window && !chip.valid.contains(&true) {
        return part;
    }
    merge(&mut chip, &part);
    chip
}

/// Copies the valid pixels of `part` to where `chip` has none yet.
fn merge(chip: &mut Chip, part: &Chip) {
    let Some((col, row)) = chip.window.offset_of(&part.window) else { return };
    let (pixels, part_pixels) = (chip.valid.len(), part.valid.len());
    for r in 0..part.window.height {
        let to = (row + r) * chip.window.width + col;
        let from = r * part.window.width;
        for c in 0..part.window.width {
            if part.valid[from + c] && !chip.valid[to + c] {
                chip.valid[to + c] = true;
                for b in 0..chip.bands {
                    chip.data[b * pixels + to + c] = part.data[b * part_pixels + from + c];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arpent_raster::SceneInfo;
    use gdal::DriverManager;
    use gdal::raster::{Buffer, RasterCreationOptions};

    use super::*;
    use crate::{SceneSource, open_scene};

    /// A picture of 1100 columns that begins at one, as GeoTIFF and as JPEG 2000 that is a single tile.
    fn pictures(folder: &Path, name: &str, col: u16) -> [SceneInfo; 2] {
        const SIZE: (usize, usize) = (1100, 40);
        let [tif, jp2] = ["tif", "jp2"].map(|extension| folder.join(format!("{name}.{extension}")));
        let driver = |name: &str| DriverManager::get_driver_by_name(name).unwrap();
        let mut dataset = driver("GTiff").create_with_band_type::<u8, _>(&tif, SIZE.0, SIZE.1, 1).unwrap();
        dataset.set_geo_transform(&[650_000.0 + f64::from(col), 1.0, 0.0, 6_860_000.0, 0.0, -1.0]).unwrap();
        dataset.set_spatial_ref(&gdal::spatial_ref::SpatialRef::from_epsg(2154).unwrap()).unwrap();
        let values = (0..SIZE.0 * SIZE.1).map(|i| u8::try_from(i % 241 + usize::from(col) % 9).unwrap());
        let mut buffer = Buffer::new(SIZE, values.collect());
        dataset.rasterband(1).unwrap().write((0, 0), SIZE, &mut buffer).unwrap();
        let options = ["QUALITY=100", "REVERSIBLE=YES", "BLOCKXSIZE=1100", "BLOCKYSIZE=40"];
        let options: RasterCreationOptions = options.into_iter().collect();
        dataset.create_copy(&driver("JP2OpenJPEG"), &jp2, &options).unwrap().close().unwrap();
        dataset.close().unwrap();
        [tif, jp2].map(|path| open_scene(&SceneSource::new(&path.to_string_lossy())).unwrap())
    }

    #[test]
    fn of_pictures_that_are_a_single_tile_one_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let scenes = [0, 1000, 2000].map(|col| pictures(folder.path(), &format!("s{col}"), col));
        let [tifs, jp2s] = [0, 1].map(|format| {
            let infos = scenes.iter().map(|scene| scene[format].clone()).collect();
            let mosaic = crate::mosaic_in_order(infos).unwrap();
            let reader = MosaicReader::new(&mosaic, &[vec![1]]).unwrap();
            (mosaic.window, reader.sharing(&SharedBlocks::new(8)))
        });
        let (window, (mut tifs, mut jp2s)) = (tifs.0, (tifs.1, jp2s.1));
        for col in [0, 950, 1990, 900, 0] {
            let window = Window { col: window.col + col, width: 1111, ..window };
            assert_eq!(tifs.read(window).unwrap(), jp2s.read(window).unwrap(), "{window}");
            assert_eq!(jp2s.open.len(), 1);
        }
        assert_eq!(tifs.open.len(), 3);
    }
}
