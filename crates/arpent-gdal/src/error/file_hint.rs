//! What to do about files that are refused for what they name, declare, or have beside them.

use super::GdalError;
use crate::uri::{beside, quoted};

/// What the user can do about a refusal.
pub(super) fn refused(error: &GdalError) -> Option<String> {
    Some(match error {
        GdalError::Reference { .. } => {
            "a local VRT may name local files, a remote one files of its own host or bucket: allow more in \
             input.vrt_allowed, or name those files as scenes"
                .into()
        }
        GdalError::MissingSource { .. } => {
            "put the file back where the VRT names it, or make the VRT anew of the files that are there"
                .into()
        }
        GdalError::BadVrt { .. } => {
            "make a plain raster of it, if you trust it: gdal_translate IN.vrt OUT.tif".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("vertices") => {
            "simplify it, for example: ogr2ogr -simplify TOLERANCE OUT.gpkg IN".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("bytes of text") => {
            "convert it to a format that is read piece by piece: ogr2ogr OUT.gpkg IN".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("block") => {
            "write it in smaller blocks: gdal_translate -co TILED=YES IN OUT.tif".into()
        }
        GdalError::TooLarge { .. } => {
            "check the file; cut it into smaller ones if it is really that large".into()
        }
        _ => return None,
    })
}

/// What to do about a `.msk` that is no mask.
pub(super) fn mask(error: &GdalError) -> Option<String> {
    let GdalError::UnusableMask { file, bands, size, of_all, .. } = error else { return None };
    let Some(of_all) = of_all else {
        return Some("make the mask anew, or move the file away".into());
    };
    // 2: one mask for all bands (GMF_PER_DATASET).
    let flag = if *of_all { 2 } else { 0 };
    let says: Vec<String> =
        (1..=*bands).map(|band| format!("-mo INTERNAL_MASK_FLAGS_{band}={flag}")).collect();
    let (says, from) = (says.join(" "), quoted(file));
    Some(match size {
        Some((width, height)) => {
            let to = quoted(&beside(file, "mask"));
            format!(
                "bring it to the raster's size: gdal_translate -r nearest -outsize {width} {height} {says} {from} {to} && mv {to} {from}, \
                 or move it away if it belongs to another raster"
            )
        }
        None => format!("make it a mask: gdal_edit.py {says} {from}, or move it away if it is none"),
    })
}
