//! Memory that GDAL needs in addition to its cache for decoding a scene, computed from headers.

use std::collections::BTreeSet;

use arpent_raster::Decoders;
use gdal::Dataset;

use super::{jpeg2000, warped};
use crate::ffi;
use crate::guard::{MAX_VRT_BYTES, first_bytes, location, looks_like_vrt, references};
use crate::uri::{extension, is_local};

/// Nesting of VRTs: as many levels as are opened.
const MAX_DEPTH: usize = 9;

/// Memory of decoders for a raster that may be JPEG 2000, assembled from JPEG 2000 files, or warped during reading.
pub(super) fn decoders(dataset: &Dataset, gdal_path: &str) -> Result<Decoders, String> {
    let driver = dataset.driver().short_name();
    let mut all = Decoders::default();
    if driver == "VRT" || driver == "NITF" || driver.starts_with("JP2") {
        let warped = add(gdal_path, &mut BTreeSet::new(), &mut all, 0)?;
        // A block is warped from unpacked data.
        all.block_bytes = all.block_bytes.saturating_add(warped);
    }
    Ok(all)
}

/// Adds a file, or those that a VRT names; returns the memory for warping a block of it, bytes.
fn add(path: &str, seen: &mut BTreeSet<String>, all: &mut Decoders, depth: usize) -> Result<u64, String> {
    if depth > MAX_DEPTH || !seen.insert(path.to_owned()) {
        return Ok(0);
    }
    // Errors are reported when the file is opened.
    let Ok(head) = first_bytes(path, jpeg2000::HEADS[0]) else { return Ok(0) };
    if !looks_like_vrt(&head) {
        if let Some(one) = jpeg2000::of_file(path, &head)? {
            all.files += one.files;
            all.block_bytes = all.block_bytes.max(one.block_bytes);
            all.kept_bytes = all.kept_bytes.max(one.kept_bytes);
        }
        return Ok(0);
    }
    let xml = ffi::vsi_read(path, MAX_VRT_BYTES)?;
    let mut inside = 0;
    for named in references(&xml)?.iter().filter(|named| named.needed) {
        let name = location(path, &named.name, named.relative);
        if is_local(&name) || jpeg2000::EXTENSIONS.contains(&extension(&name).as_str()) {
            inside = add(&name, seen, all, depth + 1)?.max(inside);
        }
    }
    Ok(warped::block_bytes(path, &xml)?.saturating_add(inside))
}
