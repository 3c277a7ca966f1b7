//! The guard of VRTs: no file that GDAL finds in a VRT has escaped it.
#![no_main]
#![allow(unsafe_code, reason = "the list of files of a dataset has no safe call")]

use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_gdal::inside::{Reference, references};
use gdal::{Dataset, DatasetOptions};
use libfuzzer_sys::fuzz_target;

/// A folder with the files that seeds name, so that GDAL lists them.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    arpent_gdal::init(arpent_gdal::InitOptions::default()).expect("GDAL starts");
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    for name in ["a.tif", "b.tif", "a"] {
        std::fs::write(folder.join(name), b"not a raster, but there").expect("a writable folder");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(found) = references(bytes) else { return };
    // What is refused by its name is not opened: GDAL would go there.
    let is_plain = |r: &Reference| !r.name.contains([':', '<', '{', '?', '*']) && !r.name.contains("/vsi");
    if !found.iter().all(is_plain) || found.iter().any(|r| r.name.starts_with('/')) {
        return;
    }
    let path = FOLDER.join("x.vrt");
    std::fs::write(&path, bytes).expect("a writable folder");
    let options = DatasetOptions { allowed_drivers: Some(&["VRT"]), ..DatasetOptions::default() };
    let Ok(dataset) = Dataset::open_ex(&path, options) else { return };
    for file in files(&dataset) {
        let is_known = |r: &Reference| file.ends_with(r.name.as_str());
        assert!(
            file.ends_with("x.vrt") || found.iter().any(is_known),
            "GDAL finds {file}, the guard {found:?}"
        );
    }
});

fn files(dataset: &Dataset) -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the list ends with a null pointer, and is ours to destroy.
    unsafe {
        let list = gdal_sys::GDALGetFileList(dataset.c_dataset());
        let mut item = list;
        while !item.is_null() && !(*item).is_null() {
            names.push(CStr::from_ptr(*item).to_string_lossy().into_owned());
            item = item.add(1);
        }
        gdal_sys::CSLDestroy(list);
    }
    names
}
