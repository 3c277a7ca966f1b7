//! Hints for files that are refused because of the files that they name, the sizes that they declare, or their side
//! files.

use super::GdalError;
use crate::uri::{derived_name, quoted};

/// The hint for a refused file.
pub(super) fn refused(error: &GdalError) -> Option<String> {
    Some(match error {
        GdalError::Reference { .. } => {
            "a local VRT may name local files, a remote one files of its own host or bucket: allow more in \
             input.vrt_allowed, or name those files as scenes"
                .into()
        }
        GdalError::MissingSource { .. } => {
            "put the file back where the VRT names it, or build the VRT again from the files that exist"
                .into()
        }
        GdalError::BadVrt { .. } => {
            "if you trust it, convert it to a plain raster: gdal_translate IN.vrt OUT.tif".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("vertices") => {
            "simplify it, for example: ogr2ogr -simplify TOLERANCE OUT.gpkg IN".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("bytes of text") => {
            "convert it to a format that is read feature by feature: ogr2ogr OUT.gpkg IN".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("block") => {
            "write it in smaller blocks: gdal_translate -co TILED=YES IN OUT.tif".into()
        }
        GdalError::TooLarge { .. } => {
            "check the file; if it is really that large, split it into smaller files".into()
        }
        _ => return None,
    })
}

/// The hint for a `.msk` file that is not a usable mask.
pub(super) fn mask(error: &GdalError) -> Option<String> {
    let GdalError::UnusableMask { file, bands, size, of_all, .. } = error else { return None };
    let Some(of_all) = of_all else {
        return Some("create the mask again, or move the file to another folder".into());
    };
    // 2: one mask for all bands (GMF_PER_DATASET).
    let flag = if *of_all { 2 } else { 0 };
    let flags: Vec<String> =
        (1..=*bands).map(|band| format!("-mo INTERNAL_MASK_FLAGS_{band}={flag}")).collect();
    let (flags, from) = (flags.join(" "), quoted(file));
    Some(match size {
        Some((width, height)) => {
            let to = quoted(&derived_name(file, "mask"));
            format!(
                "resize it to the raster: gdal_translate -r nearest -outsize {width} {height} {flags} {from} {to} && mv {to} {from}, \
                 or move it to another folder if it belongs to another raster"
            )
        }
        None => format!(
            "declare it as a mask: gdal_edit.py {flags} {from}; if it is not a mask, move it to another folder"
        ),
    })
}
