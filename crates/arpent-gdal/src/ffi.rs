//! The GDAL calls for which the `gdal` crate has no safe wrapper. Nothing outside this file is `unsafe`.
#![allow(unsafe_code, reason = "calls into GDAL's C interface that the `gdal` crate does not wrap")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use gdal::Dataset;
use gdal::cpl::CslStringList;
use gdal::raster::GdalType;
use gdal::spatial_ref::SpatialRef;
use gdal::vector::{Feature, Geometry, Layer, LayerAccess};
use gdal_sys::{CPLErr, GDALRWFlag};

// In GDAL's headers since 2.1 (`cpl_vsi_error.h`), not in the bindings.
unsafe extern "C" {
    fn VSIErrorReset();
    fn VSIGetLastErrorMsg() -> *const c_char;
}

/// Stops GDAL from printing on stderr; messages stay available through [`last_message`], per thread.
pub(crate) fn silence() {
    // SAFETY: the handler is a function of GDAL itself and lives as long as the library.
    unsafe { gdal_sys::CPLSetErrorHandler(Some(gdal_sys::CPLQuietErrorHandler)) };
}

/// Lets PROJ look for its database and grids in this folder alone, where the path holds no NUL.
pub(crate) fn set_proj_folder(folder: &str) {
    let Ok(folder) = CString::new(folder) else { return };
    let paths = [folder.as_ptr(), ptr::null()];
    // SAFETY: a list of NUL-terminated strings that ends with a null pointer; GDAL copies it.
    unsafe { gdal_sys::OSRSetPROJSearchPaths(paths.as_ptr()) };
}

/// Limits the block cache of the process.
pub(crate) fn set_cache_bytes(bytes: i64) {
    // SAFETY: plain value; GDAL locks its cache.
    unsafe { gdal_sys::GDALSetCacheMax64(bytes) };
}

/// Clears this thread's last error.
pub(crate) fn reset_error() {
    // SAFETY: touches only thread-local state of GDAL.
    unsafe { gdal_sys::CPLErrorReset() };
}

/// This thread's last message of any class; empty if there is none.
pub(crate) fn last_message() -> String {
    // SAFETY: returns a pointer to a NUL-terminated buffer of this thread, copied at once.
    unsafe { text(gdal_sys::CPLGetLastErrorMsg()) }
}

/// GDAL's message of a failed call.
pub(crate) fn failure(error: &gdal::errors::GdalError) -> String {
    use gdal::errors::GdalError as E;
    match error {
        E::CplError { msg, .. } | E::NullPointer { msg, .. } if !msg.is_empty() => msg.clone(),
        E::InvalidCoordinateRange { msg, .. } => msg.clone().unwrap_or_default(),
        other => {
            let message = last_message();
            if message.is_empty() { other.to_string() } else { message }
        }
    }
}

/// This thread's last error, if its class was a failure since [`reset_error`].
pub(crate) fn last_failure() -> Option<String> {
    // SAFETY: reads thread-local state of GDAL.
    let class = unsafe { gdal_sys::CPLGetLastErrorType() };
    (class == CPLErr::CE_Failure || class == CPLErr::CE_Fatal).then(last_message)
}

/// SAFETY: `pointer` is null or points to a NUL-terminated string that outlives the call.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Copies and frees a string list of GDAL.
///
/// SAFETY: `list` is null or a list that the caller owns.
unsafe fn take_list(list: *mut *mut c_char) -> Vec<String> {
    let mut out = Vec::new();
    if !list.is_null() {
        let mut item = list;
        // SAFETY: GDAL's lists end with a null pointer and are ours to destroy.
        unsafe {
            while !(*item).is_null() {
                out.push(text(*item));
                item = item.add(1);
            }
            gdal_sys::CSLDestroy(list);
        }
    }
    out
}

/// The files of a dataset, itself first.
pub(crate) fn file_list(dataset: &Dataset) -> Vec<String> {
    // SAFETY: the handle is valid while `dataset` lives; the list is owned here.
    unsafe { take_list(gdal_sys::GDALGetFileList(dataset.c_dataset())) }
}

/// HTTP headers of a remote object, as `Key=value`.
pub(crate) fn remote_headers(gdal_path: &str) -> Vec<String> {
    let Ok(path) = CString::new(gdal_path) else { return Vec::new() };
    // SAFETY: both strings are NUL-terminated; the list is owned here.
    unsafe {
        take_list(gdal_sys::VSIGetFileMetadata(path.as_ptr(), c"HEADERS".as_ptr(), ptr::null_mut()).cast())
    }
}

/// What GDAL has counted of its network requests, as JSON; empty if it counts none.
pub(crate) fn network_stats() -> String {
    // SAFETY: the options may be null; the string is NUL-terminated, copied at once and freed by its owner, this function.
    unsafe {
        let stats = gdal_sys::VSINetworkStatsGetAsSerializedJSON(ptr::null_mut());
        let copied = text(stats);
        gdal_sys::VSIFree(stats.cast());
        copied
    }
}

/// Size in bytes of a file or object in GDAL's virtual file system, `None` if it does not exist.
pub(crate) fn vsi_size(gdal_path: &str) -> Option<u64> {
    const SEEK_END: c_int = 2;
    let path = CString::new(gdal_path).ok()?;
    // SAFETY: the handle is checked, used only here and closed once.
    unsafe {
        let file = gdal_sys::VSIFOpenL(path.as_ptr(), c"rb".as_ptr());
        if file.is_null() {
            return None;
        }
        let found = gdal_sys::VSIFSeekL(file, 0, SEEK_END) == 0;
        let size = gdal_sys::VSIFTellL(file);
        gdal_sys::VSIFCloseL(file);
        found.then_some(size)
    }
}

/// Whether a file, folder or object exists in GDAL's virtual file system.
pub(crate) fn vsi_exists(gdal_path: &str) -> bool {
    let Ok(path) = CString::new(gdal_path) else { return false };
    // The bindings lack the fields of `struct stat64`, which has 144 bytes on Linux.
    let mut stat = [0u64; 64];
    // SAFETY: the buffer is larger and as aligned as the structure that GDAL fills; the path is NUL-terminated.
    unsafe { gdal_sys::VSIStatL(path.as_ptr(), stat.as_mut_ptr().cast()) == 0 }
}

/// Reads a whole file or object through GDAL's virtual file system; an error past `limit` bytes.
pub(crate) fn vsi_read(gdal_path: &str, limit: usize) -> Result<Vec<u8>, String> {
    let path = CString::new(gdal_path).map_err(|e| e.to_string())?;
    // SAFETY: the handle is checked, used only here and closed once; reads stay inside `chunk`.
    unsafe {
        let file = gdal_sys::VSIFOpenL(path.as_ptr(), c"rb".as_ptr());
        if file.is_null() {
            return Err(last_message());
        }
        let (mut out, mut chunk) = (Vec::new(), vec![0u8; 1 << 16]);
        loop {
            let n = gdal_sys::VSIFReadL(chunk.as_mut_ptr().cast(), 1, chunk.len(), file);
            out.extend_from_slice(&chunk[..n.min(chunk.len())]);
            if n < chunk.len() || out.len() > limit {
                break;
            }
        }
        gdal_sys::VSIFCloseL(file);
        if out.len() > limit { Err(format!("more than {limit} bytes")) } else { Ok(out) }
    }
}

/// Clears GDAL's cache for a remote file: GDAL caches "not found" even if the store did not answer.
pub(crate) fn forget_remote(gdal_path: &str) {
    let Ok(path) = CString::new(gdal_path) else { return };
    // SAFETY: the path is a NUL-terminated text that lives until the call is over; the function locks what it changes.
    unsafe { gdal_sys::VSICurlPartialClearCache(path.as_ptr()) };
}

/// The first bytes of a file or object in GDAL's virtual file system; the error is the store's message.
pub(crate) fn vsi_head(gdal_path: &str, length: usize) -> Result<Vec<u8>, String> {
    let path = CString::new(gdal_path).map_err(|e| e.to_string())?;
    let mut bytes = vec![0u8; length];
    // SAFETY: the handle is checked, used only here and closed once; the read stays inside `bytes`; the message is a
    // NUL-terminated buffer of this thread, copied at once.
    let read = unsafe {
        VSIErrorReset();
        let file = gdal_sys::VSIFOpenExL(path.as_ptr(), c"rb".as_ptr(), 1);
        if file.is_null() {
            return Err(text(VSIGetLastErrorMsg()));
        }
        let read = gdal_sys::VSIFReadL(bytes.as_mut_ptr().cast(), 1, length, file);
        gdal_sys::VSIFCloseL(file);
        read
    };
    bytes.truncate(read);
    Ok(bytes)
}

/// Bytes of a file or object from an offset on; fewer at its end.
pub(crate) fn vsi_range(gdal_path: &str, start: u64, length: usize) -> Result<Vec<u8>, String> {
    const SEEK_SET: c_int = 0;
    let path = CString::new(gdal_path).map_err(|e| e.to_string())?;
    let mut bytes = vec![0u8; length];
    // SAFETY: the handle is checked, used only here and closed once; the read stays inside `bytes`.
    let read = unsafe {
        let file = gdal_sys::VSIFOpenL(path.as_ptr(), c"rb".as_ptr());
        if file.is_null() {
            return Err(last_message());
        }
        let found = gdal_sys::VSIFSeekL(file, start, SEEK_SET) == 0;
        let read = if found { gdal_sys::VSIFReadL(bytes.as_mut_ptr().cast(), 1, length, file) } else { 0 };
        gdal_sys::VSIFCloseL(file);
        read
    };
    bytes.truncate(read);
    Ok(bytes)
}

/// Bytes of a sample of a band (from 1) in memory.
pub(crate) fn sample_bytes(dataset: &Dataset, band: usize) -> u64 {
    let Ok(band) = c_int::try_from(band) else { return 0 };
    // SAFETY: a null band is tested for; the type is a plain number.
    let bytes = unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), band);
        if band.is_null() {
            0
        } else {
            gdal_sys::GDALGetDataTypeSizeBytes(gdal_sys::GDALGetRasterDataType(band))
        }
    };
    // 0 for a type unknown to GDAL, which no scene has.
    u64::try_from(bytes).unwrap_or(0)
}

/// Number of ground control points.
pub(crate) fn gcp_count(dataset: &Dataset) -> usize {
    // SAFETY: the handle is valid while `dataset` lives.
    let count = unsafe { gdal_sys::GDALGetGCPCount(dataset.c_dataset()) };
    usize::try_from(count).unwrap_or(0)
}

/// Color interpretation of a band (from 1) as GDAL's number: unlike the safe call, values of newer
/// versions do not panic.
pub(crate) fn color_interpretation(dataset: &Dataset, band: usize) -> u32 {
    let Ok(band) = c_int::try_from(band) else { return 0 };
    // SAFETY: a null band is tested for; the handle is valid while `dataset` lives.
    unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), band);
        if band.is_null() { 0 } else { gdal_sys::GDALGetRasterColorInterpretation(band) }
    }
}

/// Name of a band's data type (from 1), for instance `Byte`.
pub(crate) fn type_name(dataset: &Dataset, band: usize) -> String {
    let Ok(band) = c_int::try_from(band) else { return String::new() };
    // SAFETY: a null band is tested for; the name is a static string of GDAL.
    unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), band);
        if band.is_null() {
            return String::new();
        }
        text(gdal_sys::GDALGetDataTypeName(gdal_sys::GDALGetRasterDataType(band)))
    }
}

/// Whether band values (from 1) are indices into a color table.
pub(crate) fn has_color_table(dataset: &Dataset, band: usize) -> bool {
    let Ok(band) = c_int::try_from(band) else { return false };
    // SAFETY: a null band is tested for; the table is only compared with null.
    unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), band);
        !band.is_null() && !gdal_sys::GDALGetRasterColorTable(band).is_null()
    }
}

/// Reads several bands (from 1) of a rectangle of the file, band by band, each row by row.
pub(crate) fn read_bands<T: GdalType + Copy + Default>(
    dataset: &Dataset,
    offset: (usize, usize),
    size: (usize, usize),
    bands: &[usize],
) -> Result<Vec<T>, String> {
    let int = |v: usize| c_int::try_from(v).map_err(|e| e.to_string());
    let (x, y, width, height) = (int(offset.0)?, int(offset.1)?, int(size.0)?, int(size.1)?);
    let mut numbers = bands.iter().map(|b| int(*b)).collect::<Result<Vec<_>, _>>()?;
    let mut data = vec![T::default(); size.0 * size.1 * bands.len()];
    // SAFETY: `data` holds exactly bands * width * height values of `T`, whose GDAL type is passed along; zero
    // spacings mean packed.
    let status = unsafe {
        gdal_sys::GDALDatasetRasterIO(
            dataset.c_dataset(),
            GDALRWFlag::GF_Read,
            x,
            y,
            width,
            height,
            data.as_mut_ptr().cast(),
            width,
            height,
            T::gdal_ordinal(),
            int(bands.len())?,
            numbers.as_mut_ptr(),
            0,
            0,
            0,
        )
    };
    if status == CPLErr::CE_None { Ok(data) } else { Err(last_message()) }
}

/// Inverse flattening of the ellipsoid, 0 for a sphere.
pub(crate) fn inverse_flattening(srs: &SpatialRef) -> Option<f64> {
    let mut error = gdal_sys::OGRErr::OGRERR_NONE;
    // SAFETY: the handle is valid while `srs` lives.
    let value = unsafe { gdal_sys::OSRGetInvFlattening(srs.to_c_hsrs(), &raw mut error) };
    (error == gdal_sys::OGRErr::OGRERR_NONE).then_some(value)
}

/// Authority name and code of a node of a CRS (`PROJCS`, `GEOGCS`), or of the CRS itself.
pub(crate) fn authority(srs: &SpatialRef, node: Option<&CStr>) -> Option<(String, String)> {
    let key = node.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the handle is valid while `srs` lives; the strings are copied at once.
    let (name, code) = unsafe {
        (
            text(gdal_sys::OSRGetAuthorityName(srs.to_c_hsrs(), key)),
            text(gdal_sys::OSRGetAuthorityCode(srs.to_c_hsrs(), key)),
        )
    };
    (!name.is_empty() && !code.is_empty()).then_some((name, code))
}

/// Entries of PROJ's database that match a system, each with PROJ's confidence (percent) and whether its numbers and
/// datum equal those of the system, ignoring the mapping of axes.
pub(crate) fn matches(srs: &SpatialRef) -> Vec<(SpatialRef, i32, bool)> {
    let (mut count, mut confidence) = (0, ptr::null_mut());
    let mut found = Vec::new();
    let mut options = CslStringList::new();
    if options.add_string("IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES").is_err() {
        return found;
    }
    // SAFETY: the handles are valid while `srs` and the list live; each is cloned, which takes a reference of its own;
    // list and numbers are owned here and freed once.
    unsafe {
        let list =
            gdal_sys::OSRFindMatches(srs.to_c_hsrs(), ptr::null_mut(), &raw mut count, &raw mut confidence);
        if list.is_null() {
            return found;
        }
        for i in 0..usize::try_from(count).unwrap_or(0) {
            let candidate = *list.add(i);
            let same =
                gdal_sys::OSRIsSameEx(srs.to_c_hsrs(), candidate, options.as_ptr().cast_const().cast()) != 0;
            if let Ok(copy) = SpatialRef::from_c_obj(candidate) {
                found.push((copy, *confidence.add(i), same));
            }
        }
        gdal_sys::OSRFreeSRSArray(list);
        gdal_sys::VSIFree(confidence.cast());
    }
    found
}

/// Reads a band's mask (0 where there is no data), row by row.
pub(crate) fn read_mask(
    dataset: &Dataset,
    band: usize,
    offset: (usize, usize),
    size: (usize, usize),
) -> Result<Vec<u8>, String> {
    let mut data = vec![0u8; size.0 * size.1];
    let at = |v: usize| isize::try_from(v).map_err(|e| e.to_string());
    let at = (at(offset.0)?, at(offset.1)?);
    let words = |e: gdal::errors::GdalError| failure(&e);
    let band = dataset.rasterband(band).map_err(words)?;
    let mask = band.open_mask_band().map_err(words)?;
    mask.read_into_slice(at, size, size, &mut data, None).map_err(words)?;
    Ok(data)
}

/// A rectangle has data, in whole or in part (`GDAL_DATA_COVERAGE_STATUS_DATA`).
pub(crate) const COVERAGE_DATA: c_int = 2;
/// A rectangle has no data, in whole or in part (`GDAL_DATA_COVERAGE_STATUS_EMPTY`).
pub(crate) const COVERAGE_EMPTY: c_int = 4;

/// Coverage status of a rectangle of a band (from 1) without reading it: flags, and the share with data in percent,
/// if known.
pub(crate) fn coverage(
    dataset: &Dataset,
    band: usize,
    offset: (usize, usize),
    size: (usize, usize),
) -> Result<(c_int, Option<f64>), String> {
    let int = |v: usize| c_int::try_from(v).map_err(|e| e.to_string());
    let (band, x, y, width, height) =
        (int(band)?, int(offset.0)?, int(offset.1)?, int(size.0)?, int(size.1)?);
    let mut percent = -1.0;
    // SAFETY: a null band is tested for; the handle is valid while `dataset` lives; GDAL writes one number.
    let status = unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), band);
        if band.is_null() {
            return Err(last_message());
        }
        gdal_sys::GDALGetDataCoverageStatus(band, x, y, width, height, 0, &raw mut percent)
    };
    Ok((status, Some(percent).filter(|p| *p >= 0.0)))
}

/// Writes the cached blocks of a band (from 1) to its file, without rewriting the file's directory.
pub(crate) fn flush_band(dataset: &Dataset, band: usize) -> Result<(), String> {
    let number = c_int::try_from(band).map_err(|e| e.to_string())?;
    // SAFETY: a null band is tested for; the handle is valid while `dataset` lives.
    let status = unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), number);
        if band.is_null() { CPLErr::CE_Failure } else { gdal_sys::GDALFlushRasterCache(band) }
    };
    match (status, last_failure()) {
        (CPLErr::CE_None, None) => Ok(()),
        (_, message) => Err(message.unwrap_or_else(last_message)),
    }
}

/// Sets the unit of a band's values.
pub(crate) fn set_unit(dataset: &Dataset, band: usize, unit: &str) -> Result<(), String> {
    let number = c_int::try_from(band).map_err(|e| e.to_string())?;
    let unit = CString::new(unit).map_err(|e| e.to_string())?;
    // SAFETY: a null band is tested for; GDAL copies the text.
    let status = unsafe {
        let band = gdal_sys::GDALGetRasterBand(dataset.c_dataset(), number);
        if band.is_null() { CPLErr::CE_Failure } else { gdal_sys::GDALSetRasterUnitType(band, unit.as_ptr()) }
    };
    if status == CPLErr::CE_None { Ok(()) } else { Err(last_message()) }
}

/// Begins a transaction; the safe wrapper would borrow the dataset for its whole duration.
pub(crate) fn start_transaction(dataset: &Dataset) -> Result<(), String> {
    // SAFETY: the handle is valid while `dataset` lives.
    let status = unsafe { gdal_sys::GDALDatasetStartTransaction(dataset.c_dataset(), 0) };
    if status == gdal_sys::OGRErr::OGRERR_NONE { Ok(()) } else { Err(last_message()) }
}

/// Ends a transaction.
pub(crate) fn commit_transaction(dataset: &Dataset) -> Result<(), String> {
    // SAFETY: the handle is valid while `dataset` lives.
    let status = unsafe { gdal_sys::GDALDatasetCommitTransaction(dataset.c_dataset()) };
    if status == gdal_sys::OGRErr::OGRERR_NONE { Ok(()) } else { Err(last_message()) }
}

/// Whether a feature has a geometry; the safe calls would pass a null pointer to GDAL.
pub(crate) fn has_geometry(feature: &Feature<'_>) -> bool {
    // SAFETY: the handle is valid while `feature` lives; the pointer is only compared with null.
    unsafe { !gdal_sys::OGR_F_GetGeometryRef(feature.c_feature()).is_null() }
}

/// Whether a field of a feature (from 0) is set and not null.
pub(crate) fn has_value(feature: &Feature<'_>, field: usize) -> bool {
    let Ok(field) = c_int::try_from(field) else { return false };
    // SAFETY: the handle is valid while `feature` lives; GDAL tests the number of the field.
    unsafe { gdal_sys::OGR_F_IsFieldSetAndNotNull(feature.c_feature(), field) != 0 }
}

/// The raw bytes of a text field of a feature (from 0), in any encoding.
pub(crate) fn field_bytes(feature: &Feature<'_>, field: usize) -> Option<Vec<u8>> {
    let field = c_int::try_from(field).ok()?;
    // SAFETY: the handle is valid while `feature` lives; GDAL tests the number of the field; the NUL-terminated string
    // is copied at once.
    unsafe {
        let text = gdal_sys::OGR_F_GetFieldAsString(feature.c_feature(), field);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec())
    }
}

/// The parts of a date and time, as returned by GDAL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) year: i32,
    pub(crate) month: i32,
    pub(crate) day: i32,
    pub(crate) hour: i32,
    pub(crate) minute: i32,
    pub(crate) second: f32,
    /// 0 if unknown, 1 for local time, 100 for UTC, and one more or less for each quarter of an hour.
    pub(crate) zone: i32,
}

/// The date and time of a field of a feature (from 0); `None` if it has neither.
pub(crate) fn field_moment(feature: &Feature<'_>, field: usize) -> Option<Moment> {
    let field = c_int::try_from(field).ok()?;
    let mut at = Moment { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0.0, zone: 0 };
    // SAFETY: the handle is valid while `feature` lives; GDAL tests the number of the field; the places to write to
    // live on.
    let found = unsafe {
        gdal_sys::OGR_F_GetFieldAsDateTimeEx(
            feature.c_feature(),
            field,
            &raw mut at.year,
            &raw mut at.month,
            &raw mut at.day,
            &raw mut at.hour,
            &raw mut at.minute,
            &raw mut at.second,
            &raw mut at.zone,
        )
    };
    (found != 0).then_some(at)
}

/// The raw bytes of the field names of a layer, in any encoding.
pub(crate) fn field_names(layer: &Layer<'_>) -> Vec<Vec<u8>> {
    // SAFETY: the handles are valid while `layer` lives; numbers of fields are below their count; each NUL-terminated
    // name is copied at once.
    unsafe {
        let definition = gdal_sys::OGR_L_GetLayerDefn(layer.c_layer());
        let name = |i| {
            let field = gdal_sys::OGR_FD_GetFieldDefn(definition, i);
            CStr::from_ptr(gdal_sys::OGR_Fld_GetNameRef(field)).to_bytes().to_vec()
        };
        (0..gdal_sys::OGR_FD_GetFieldCount(definition)).map(name).collect()
    }
}

/// Converts text from one encoding to another, by iconv names; `None` on failure.
pub(crate) fn recode(bytes: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let (text, from, to) = (CString::new(bytes).ok()?, CString::new(from).ok()?, CString::new(to).ok()?);
    reset_error();
    // SAFETY: all three are NUL-terminated; the new string is copied and freed once.
    let out = unsafe {
        let made = gdal_sys::CPLRecode(text.as_ptr(), from.as_ptr(), to.as_ptr());
        if made.is_null() {
            return None;
        }
        let out = CStr::from_ptr(made).to_bytes().to_vec();
        gdal_sys::VSIFree(made.cast());
        out
    };
    let message = last_message();
    reset_error();
    message.is_empty().then_some(out)
}

/// A new geometry of GDAL in well-known binary; `None` if it is null or cannot be exported. The geometry is destroyed.
///
/// # Safety
/// `made` is null or a valid geometry that the caller owns and does not use again.
unsafe fn taken_as_wkb(made: gdal_sys::OGRGeometryH) -> Option<Vec<u8>> {
    if made.is_null() {
        return None;
    }
    // SAFETY: `made` is valid and owned here; it is destroyed once; the buffer holds as many bytes as GDAL says that it
    // writes.
    unsafe {
        let mut bytes = vec![0u8; usize::try_from(gdal_sys::OGR_G_WkbSize(made)).unwrap_or(0)];
        let order = gdal_sys::OGRwkbByteOrder::wkbNDR;
        let status = gdal_sys::OGR_G_ExportToIsoWkb(made, order, bytes.as_mut_ptr());
        gdal_sys::OGR_G_DestroyGeometry(made);
        (status == gdal_sys::OGRErr::OGRERR_NONE).then_some(bytes)
    }
}

/// A geometry of a curve type, with or without arcs, as short straight lines, in well-known binary; `None` for other
/// types.
pub(crate) fn linear_wkb(geometry: &Geometry) -> Option<Vec<u8>> {
    // SAFETY: the handle is valid while `geometry` lives; the new geometry is given away at once and not used again.
    unsafe {
        if gdal_sys::OGR_G_HasCurveGeometry(geometry.c_geometry(), 0) == 0 {
            return None;
        }
        let made = gdal_sys::OGR_G_GetLinearGeometry(geometry.c_geometry(), 0.0, ptr::null_mut());
        taken_as_wkb(made)
    }
}

/// Closes every open ring with its first point.
pub(crate) fn close_rings(geometry: &Geometry) {
    // SAFETY: the handle is valid while `geometry` lives; only this geometry is changed.
    unsafe { gdal_sys::OGR_G_CloseRings(geometry.c_geometry()) };
}

/// The union of all parts of a multipolygon, which may overlap, in well-known binary.
pub(crate) fn union_wkb(geometry: &Geometry) -> Option<Vec<u8>> {
    // SAFETY: the handle is valid while `geometry` lives; the new geometry is given away at once and not used again.
    unsafe {
        let made = gdal_sys::OGR_G_UnionCascaded(geometry.c_geometry());
        taken_as_wkb(made)
    }
}

/// Adds points to edges longer than `max_length`.
pub(crate) fn segmentize(geometry: &Geometry, max_length: f64) {
    // SAFETY: the handle is valid while `geometry` lives; only this geometry is changed.
    unsafe { gdal_sys::OGR_G_Segmentize(geometry.c_geometry(), max_length) };
}
