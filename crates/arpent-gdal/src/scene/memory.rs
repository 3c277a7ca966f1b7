//! Memory for reading a scene, computed beforehand.

use arpent_raster::{Coding, SceneInfo};

use super::coverage::{self, Coverage};
use super::raster::ReadType;
use super::reader::MosaicReader;
use super::resample::STRIP_PIXELS;
use super::shared_blocks::SharedBlocks;

/// Default number of files that GDAL keeps open for all VRTs together (`GDAL_MAX_DATASET_POOL_SIZE`).
const POOL: usize = 100;

/// Files that GDAL keeps open for all VRTs together.
fn pool() -> usize {
    let asked = gdal::config::get_config_option("GDAL_MAX_DATASET_POOL_SIZE", "").unwrap_or_default();
    asked.trim().parse().ok().filter(|size| *size > 0).unwrap_or(POOL)
}

impl MosaicReader {
    /// Additional memory for one band of a window if scenes are resampled, bytes: a strip as read, as floats, and as
    /// sums.
    pub const BYTES_OF_A_STRIP: u64 = 24 * STRIP_PIXELS as u64;

    /// Memory for one band of a pixel during reading, in addition to the chip, bytes: as in [`arpent_raster::Chip`], or
    /// in double precision if single precision cannot represent values that are compared with nodata.
    pub fn bytes_of_a_value(scene: &SceneInfo) -> u64 {
        let doubles = scene.bands.iter().any(|band| ReadType::of(band.sample_type) == ReadType::Doubles);
        if doubles { 8 } else { 4 }
    }

    /// Memory of each reader of a scene in addition to its window, the cache of shared blocks, and GDAL's cache, bytes:
    /// the fetched piece, the strip for the coverage check, and the buffers of a decoder.
    pub fn bytes_of(scene: &SceneInfo) -> u64 {
        if SharedBlocks::takes(scene) {
            return SharedBlocks::bytes_of_a_reader(scene);
        }
        // For a GeoTIFF, offsets of blocks are looked up, and no strip is read.
        let strip = if scene.coding == Coding::Other { Coverage::BYTES as u64 } else { 0 };
        strip.saturating_add(scene.decoders.block_bytes)
    }

    /// Memory that the open decoders of so many readers keep for a scene, bytes. A reader has one scene open whose
    /// decoder keeps memory; of the sources of a VRT, GDAL keeps a number open for all readers, and each reader those
    /// that it checks for coverage.
    pub fn kept_by_decoders(scene: &SceneInfo, readers: usize) -> u64 {
        let files = scene.decoders.files;
        let open = match scene.coding {
            Coding::Other => {
                let looked_at = files.min(coverage::MAX_OPEN).saturating_mul(readers);
                files.saturating_mul(readers).min(pool()).saturating_add(looked_at)
            }
            Coding::Blocks | Coding::CostlyBlocks => readers,
        };
        scene.decoders.kept_bytes.saturating_mul(open as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SceneSource, open_scene};

    /// A scene of one pixel, of so many files whose decoders keep a MiB each.
    fn scene(coding: Coding, files: usize) -> SceneInfo {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tif");
        let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut dataset = driver.create_with_band_type::<u8, _>(&path, 1, 1, 1).unwrap();
        dataset.set_geo_transform(&[0.0, 1.0, 0.0, 0.0, 0.0, -1.0]).unwrap();
        dataset.set_spatial_ref(&gdal::spatial_ref::SpatialRef::from_epsg(2154).unwrap()).unwrap();
        dataset.close().unwrap();
        let mut scene = open_scene(&SceneSource::new(&path.to_string_lossy())).unwrap();
        scene.coding = coding;
        scene.decoders = arpent_raster::Decoders { files, block_bytes: 5, kept_bytes: 1 << 20 };
        scene
    }

    #[test]
    fn every_decoder_that_may_be_open_is_counted() {
        let kept =
            |coding, files, readers| MosaicReader::kept_by_decoders(&scene(coding, files), readers) >> 20;
        assert_eq!(kept(Coding::CostlyBlocks, 1, 4), 4);
        assert_eq!(kept(Coding::Other, 0, 4), 0);
        assert_eq!(kept(Coding::Other, 3, 4), 12 + 12);
        assert_eq!(kept(Coding::Other, 1000, 4), 100 + 4 * 32);
        assert_eq!(MosaicReader::bytes_of(&scene(Coding::Other, 3)), Coverage::BYTES as u64 + 5);
        assert_eq!(MosaicReader::bytes_of(&scene(Coding::Blocks, 0)), 5);
    }
}
