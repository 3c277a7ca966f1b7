//! Imagery tiles of a delivery, one file each: those of the map's page, and enlarged ones where AIGLE wants deeper zooms.

use std::path::Path;

use arpent_base::number::fitted;
use arpent_base::{DoingWhat as _, Failure, Result};
use arpent_gdal::encode_webp;
use arpent_publish::{PICTURE_SIDE, PictureArchive, TileId};
use arpent_viewer::Date;
use image::imageops::{FilterType, crop_imm, resize};

use super::error::AigleError;
use crate::present::IMAGERY_QUALITY;
use crate::review::store::OpenReview;

/// Zooms that AIGLE shows.
const FIRST: u8 = 15;
const LAST: u8 = 19;
/// Folder of the tiles in a delivery.
pub(super) const TILES: &str = "tiles";

/// Writes `Z/X/Y.webp` of zooms 15 to 19 below a folder; the number of files. Memory holds a tile and the one it is cut of.
pub(super) fn write(opened: &OpenReview, folder: &Path) -> Result<u64> {
    // Of a comparison, features were found on the later date.
    let artifact = opened.map.imagery(None).or_else(|| opened.map.imagery(Some(Date::After)));
    let artifact = artifact.ok_or(AigleError::NoImagery)?;
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("imagery.pmtiles");
    opened.map.target.fetch_artifact(artifact, &file)?;
    let mut archive = PictureArchive::open(&file)?;
    let deepest = archive.max_zoom();
    if deepest < FIRST {
        return Err(AigleError::CoarseImagery { zoom: deepest, first: FIRST }.into());
    }
    let mut files = 0;
    archive.each(FIRST..=LAST, &mut |id, bytes| {
        files += 1;
        put(folder, id, bytes)?;
        if id.z < deepest || id.z == LAST {
            return Ok(());
        }
        // The scenes have no smaller pixels: deeper tiles are parts of this one.
        let picture = image::load_from_memory(bytes).map_err(Failure::foreign)?.to_rgba8();
        files += enlarged(&picture, id, folder)?;
        Ok(())
    })?;
    Ok(files)
}

/// Writes all tiles below one, down to the last zoom.
fn enlarged(picture: &image::RgbaImage, id: TileId, folder: &Path) -> Result<u64> {
    let mut files = 0;
    for z in id.z + 1..=LAST {
        let parts = 1u32 << (z - id.z);
        let (width, height) = (picture.width() / parts, picture.height() / parts);
        let side = fitted::<u32>(PICTURE_SIDE);
        for (row, col) in (0..parts).flat_map(|row| (0..parts).map(move |col| (row, col))) {
            let part = crop_imm(picture, col * width, row * height, width, height).to_image();
            if part.pixels().all(|pixel| pixel[3] == 0) {
                continue;
            }
            let part = resize(&part, side, side, FilterType::Triangle);
            let tile = TileId { z, x: id.x * parts + col, y: id.y * parts + row };
            put(folder, tile, &encode_webp(part.as_raw(), PICTURE_SIDE, IMAGERY_QUALITY)?)?;
            files += 1;
        }
    }
    Ok(files)
}

fn put(folder: &Path, id: TileId, bytes: &[u8]) -> Result<()> {
    let column = folder.join(id.z.to_string()).join(id.x.to_string());
    std::fs::create_dir_all(&column).with_context(|| column.display().to_string())?;
    let file = column.join(format!("{}.webp", id.y));
    std::fs::write(&file, bytes).with_context(|| file.display().to_string())
}
