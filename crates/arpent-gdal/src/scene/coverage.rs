//! The pixels that a data set has at all, determined without their values.
//!
//! GDAL returns a fill value (0, if nothing is declared) for pixels without a source in a VRT, in blocks of a sparse
//! GeoTIFF that were never written, and around a warped image. Such pixels are never valid, whatever their value.

use std::fmt;
use std::ops::Range;

use arpent_raster::SampleType;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags, Metadata as _};

use super::nodata::Nodata;
use super::open::open_alone;
use super::vrt_layout::{Band, Layout, Place};
use crate::error::is_transient;
use crate::ffi::{self, failure};

/// Nesting of VRTs, the same as in [`crate::guard`].
const MAX_DEPTH: usize = 9;
/// Sources of a VRT that are kept open at most.
pub(crate) const MAX_OPEN: usize = 32;

/// Pixels of a source that are read at a time: a VRT may subsample its source, so that a window of it covers any number
/// of source pixels.
const STRIP_PX: usize = 1 << 18;

/// Coverage of one data set. Its kind is determined at the first call; for a GeoTIFF, only offsets of blocks are looked
/// up that are read anyway.
pub(crate) struct Coverage {
    path: String,
    depth: usize,
    kind: Option<CoverageKind>,
    strip_px: usize,
}

enum CoverageKind {
    /// All pixels.
    Whole,
    /// Blocks of a file may be missing, for all bands together or for each.
    Blocks { together: bool },
    /// GDAL reports it for any rectangle.
    Rectangles,
    /// Sources of a VRT.
    Sources(VrtSources),
    /// The same VRT with another fill value: pixels that differ were not written.
    Twin(Dataset),
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coverage").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Coverage {
    /// Memory in addition to masks of a window, bytes: for a strip one number in double precision, or two for a warped
    /// image, and masks; for nested VRTs those of each level.
    pub(crate) const BYTES: usize = 32 * STRIP_PX;

    /// For a data set opened with a GDAL path.
    pub(crate) fn of(path: &str) -> Self {
        Self::at(path, 0, STRIP_PX)
    }

    fn at(path: &str, depth: usize, strip_px: usize) -> Self {
        Self { path: path.to_owned(), depth, kind: None, strip_px }
    }

    /// Whether all of these bands (from 1) have the pixel, row by row; `None` if they have all pixels.
    pub(crate) fn covered(
        &mut self,
        dataset: &Dataset,
        bands: &[usize],
        offset: (usize, usize),
        size: (usize, usize),
    ) -> Result<Option<Vec<bool>>, String> {
        let strip_px = self.strip_px;
        let kind = match &mut self.kind {
            Some(kind) => kind,
            none => none.insert(kind_of(dataset, &self.path, self.depth, strip_px)?),
        };
        let window = Rect { col: offset.0, row: offset.1, width: size.0, height: size.1 };
        let mut all: Option<Vec<bool>> = None;
        if let CoverageKind::Twin(twin) = kind {
            return unwritten(dataset, twin, bands, window, strip_px);
        }
        for band in bands {
            let one = match kind {
                CoverageKind::Whole | CoverageKind::Twin(_) => None,
                // With pixel interleaving, all bands are in one block.
                CoverageKind::Blocks { together } if *together && *band != bands[0] => None,
                CoverageKind::Blocks { .. } => blocks(dataset, *band, window)?,
                CoverageKind::Rectangles => {
                    let mut there = vec![true; size.0 * size.1];
                    rectangles(dataset, *band, window, window, &mut there)?;
                    there.contains(&false).then_some(there)
                }
                CoverageKind::Sources(sources) => sources.covered(dataset, *band, window)?,
            };
            all = both(all, one);
        }
        Ok(all)
    }
}

/// Intersection of two masks; `None` stands for all pixels.
pub(crate) fn both(a: Option<Vec<bool>>, b: Option<Vec<bool>>) -> Option<Vec<bool>> {
    match (a, b) {
        (Some(mut a), Some(b)) => {
            a.iter_mut().zip(b).for_each(|(a, b)| *a &= b);
            Some(a)
        }
        (one, None) | (None, one) => one,
    }
}

fn kind_of(dataset: &Dataset, path: &str, depth: usize, strip_px: usize) -> Result<CoverageKind, String> {
    if depth > MAX_DEPTH {
        return Ok(CoverageKind::Whole);
    }
    match dataset.driver().short_name().as_str() {
        "GTiff" => {
            let interleave = dataset.metadata_item("INTERLEAVE", "IMAGE_STRUCTURE");
            Ok(CoverageKind::Blocks { together: interleave.as_deref() == Some("PIXEL") })
        }
        "VRT" => Ok(match Layout::read(path)? {
            Layout::Sourced { bands, files } => {
                let mask = masks(dataset);
                CoverageKind::Sources(VrtSources { bands, files, open: Vec::new(), depth, mask, strip_px })
            }
            Layout::Warped(twin) => CoverageKind::Twin(twin_of(&twin)?),
            Layout::Whole => CoverageKind::Whole,
        }),
        _ => {
            let whole = dataset.raster_size();
            let statuses = (1..=dataset.raster_count())
                .map(|band| ffi::coverage(dataset, band, (0, 0), whole))
                .collect::<Result<Vec<_>, _>>()?;
            let may_lack = |(status, _): &(i32, _)| status & ffi::COVERAGE_EMPTY != 0;
            Ok(if statuses.iter().any(may_lack) { CoverageKind::Rectangles } else { CoverageKind::Whole })
        }
    }
}

/// Whether each value of a band differs from the nodata value of a source.
fn not_held(dataset: &Dataset, band: usize, values: &[f64], nodata: f64) -> Vec<bool> {
    let sample = match ffi::type_name(dataset, band).as_str() {
        "Float32" => SampleType::Float32,
        "Float64" => SampleType::Float64,
        _ => SampleType::Int32,
    };
    let Some(known) = Nodata::of(sample, nodata) else {
        return values.iter().map(|v| !v.is_nan()).collect();
    };
    let mut held = vec![true; values.len()];
    known.and_held(values, &mut held);
    held.into_iter().map(|held| !held).collect()
}

/// Whether a VRT has its own mask.
fn masks(dataset: &Dataset) -> bool {
    let flags = dataset.rasterband(1).and_then(|band| band.mask_flags());
    flags.is_ok_and(|f| f.is_per_dataset() && !f.is_nodata())
}

fn twin_of(document: &str) -> Result<Dataset, String> {
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_RASTER,
        allowed_drivers: Some(&["VRT"]),
        ..DatasetOptions::default()
    };
    Dataset::open_ex(document, options).map_err(|e| failure(&e))
}

/// A rectangle of pixels, from the north-western corner of a raster.
#[derive(Debug, Clone, Copy)]
struct Rect {
    col: usize,
    row: usize,
    width: usize,
    height: usize,
}

impl Rect {
    fn cols(&self) -> Range<usize> {
        self.col..self.col + self.width
    }

    fn rows(&self) -> Range<usize> {
        self.row..self.row + self.height
    }

    fn status(&self, dataset: &Dataset, band: usize) -> Result<(i32, Option<f64>), String> {
        ffi::coverage(dataset, band, (self.col, self.row), (self.width, self.height))
    }

    /// Sets the pixels of a window that lie in this rectangle.
    fn fill(&self, window: &Self, pixels: &mut [bool], value: bool) {
        let cols = common(&self.cols(), &window.cols());
        for row in common(&self.rows(), &window.rows()) {
            let first = (row - window.row) * window.width;
            pixels[first + cols.start - window.col..first + cols.end - window.col].fill(value);
        }
    }
}

fn common(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// Blocks that were never written. GDAL's own status would also report holes of the file system in which zeros were
/// written: the result would differ for a copy of the file.
fn blocks(dataset: &Dataset, band: usize, window: Rect) -> Result<Option<Vec<bool>>, String> {
    let band = dataset.rasterband(band).map_err(|e| failure(&e))?;
    let (width, height) = band.block_size();
    let (width, height) = (width.max(1), height.max(1));
    let mut there: Option<Vec<bool>> = None;
    for row in window.row / height..(window.row + window.height).div_ceil(height) {
        for col in window.col / width..(window.col + window.width).div_ceil(width) {
            // Blocks that are not in the file have no such item.
            if band.metadata_item(&format!("BLOCK_OFFSET_{col}_{row}"), "TIFF").is_none() {
                let block = Rect { col: col * width, row: row * height, width, height };
                let there = there.get_or_insert_with(|| vec![true; window.width * window.height]);
                block.fill(&window, there, false);
            }
        }
    }
    Ok(there)
}

/// Halves a rectangle until each part is entirely covered or entirely empty.
fn rectangles(
    dataset: &Dataset,
    band: usize,
    part: Rect,
    window: Rect,
    there: &mut [bool],
) -> Result<(), String> {
    let (status, percent) = part.status(dataset, band)?;
    let whole = percent.is_some_and(|p| p >= 100.0);
    if status & ffi::COVERAGE_DATA == 0 {
        part.fill(&window, there, false);
    } else if status & ffi::COVERAGE_EMPTY != 0 || !whole {
        let Rect { col, row, width, height } = part;
        let halves = if width > 1 && width >= height {
            [
                Rect { width: width / 2, ..part },
                Rect { col: col + width / 2, width: width - width / 2, ..part },
            ]
        } else if height > 1 {
            [
                Rect { height: height / 2, ..part },
                Rect { row: row + height / 2, height: height - height / 2, ..part },
            ]
        } else {
            return Ok(());
        };
        for half in halves {
            rectangles(dataset, band, half, window, there)?;
        }
    }
    Ok(())
}

/// Indices of ascending numbers, in runs that each span less than `most` numbers, or are a single index.
fn runs(numbers: &[usize], most: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if number - numbers[run.start] < most => run.end = place + 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// Pixels that are equal in two rasters that differ only in their fill value.
fn unwritten(
    dataset: &Dataset,
    twin: &Dataset,
    bands: &[usize],
    window: Rect,
    strip_px: usize,
) -> Result<Option<Vec<bool>>, String> {
    let mut there = vec![true; window.width * window.height];
    let rows = (strip_px / window.width.max(1)).max(1);
    for (strip, there) in there.chunks_mut((rows * window.width).max(1)).enumerate() {
        let offset = (window.col, window.row + strip * rows);
        let size = (window.width, there.len() / window.width);
        // Band by band, to limit the memory for numbers in double precision.
        for band in bands {
            let read = |dataset| ffi::read_bands::<f64>(dataset, offset, size, &[*band]);
            let (a, b) = (read(dataset)?, read(twin)?);
            let same = a.iter().zip(&b).map(|(a, b)| a.to_bits() == b.to_bits());
            there.iter_mut().zip(same).for_each(|(there, same)| *there &= same);
        }
    }
    Ok(there.contains(&false).then_some(there))
}

/// The sources of a VRT; the most recently used ones are open.
struct VrtSources {
    bands: Vec<Band>,
    files: Vec<String>,
    open: Vec<(usize, Option<VrtSource>)>,
    depth: usize,
    /// Whether the VRT has a mask, which then includes the masks of the sources.
    mask: bool,
    strip_px: usize,
}

struct VrtSource {
    dataset: Dataset,
    coverage: Coverage,
    strip_px: usize,
}

impl VrtSources {
    fn covered(&mut self, dataset: &Dataset, band: usize, window: Rect) -> Result<Option<Vec<bool>>, String> {
        let Some(Band { sources: Some(places), shows_nodata }) = self.bands.get(band - 1) else {
            return Ok(None);
        };
        let (whole, shown, mask) = (dataset.raster_size(), *shows_nodata, self.mask);
        let mut there = vec![false; window.width * window.height];
        for index in 0..places.len() {
            // Cloned, since opening a source needs `self` mutably.
            let Some(place) = self.bands[band - 1].sources.as_ref().map(|places| places[index].clone())
            else {
                break;
            };
            // Upper bound of the rectangle, for any size of the source.
            let most = [0, 1].map(|axis| place.filled(axis, usize::MAX >> 12, [whole.0, whole.1][axis]));
            if common(&most[0], &window.cols()).is_empty() || common(&most[1], &window.rows()).is_empty() {
                continue;
            }
            let source = self.source(place.file)?;
            let Some(source) = source else {
                // GDAL opens sources that this crate does not: they cover their rectangle.
                filled_of(&most).fill(&window, &mut there, true);
                continue;
            };
            let size = source.dataset.raster_size();
            let filled = [place.filled(0, size.0, whole.0), place.filled(1, size.1, whole.1)];
            let part = [common(&filled[0], &window.cols()), common(&filled[1], &window.rows())];
            if part[0].is_empty() || part[1].is_empty() {
                continue;
            }
            let part = filled_of(&part);
            match source.taken(&place, part, shown, mask)? {
                None => part.fill(&window, &mut there, true),
                Some(taken) => {
                    for (i, row) in part.rows().enumerate() {
                        let first = (row - window.row) * window.width + part.col - window.col;
                        let taken = &taken[i * part.width..(i + 1) * part.width];
                        there[first..first + part.width].iter_mut().zip(taken).for_each(|(t, s)| *t |= s);
                    }
                }
            }
        }
        Ok(there.contains(&false).then_some(there))
    }

    /// An open source; `None` if this crate does not open it.
    fn source(&mut self, file: usize) -> Result<Option<&mut VrtSource>, String> {
        if let Some(at) = self.open.iter().position(|(known, _)| *known == file) {
            let last = self.open.remove(at);
            self.open.push(last);
        } else {
            if self.open.len() >= MAX_OPEN {
                self.open.remove(0);
            }
            let path = &self.files[file];
            let opened = match open_alone(path, path) {
                Ok(dataset) => {
                    let coverage = Coverage::at(path, self.depth + 1, self.strip_px);
                    Some(VrtSource { dataset, coverage, strip_px: self.strip_px })
                }
                Err(error) if is_transient(&error) => return Err(error.to_string()),
                Err(_) => None,
            };
            self.open.push((file, opened));
        }
        Ok(self.open.last_mut().and_then(|(_, source)| source.as_mut()))
    }
}

fn filled_of([cols, rows]: &[Range<usize>; 2]) -> Rect {
    Rect { col: cols.start, row: rows.start, width: cols.len(), height: rows.len() }
}

/// The conditions for pixels of a source's band to be used in a VRT.
struct Asked {
    band: usize,
    nodata: Option<f64>,
    masked: bool,
}

impl VrtSource {
    /// Which pixels of a part of the VRT come from the source; `None` for all. The source is read in strips, for any
    /// ratio of pixel sizes.
    fn taken(
        &mut self,
        place: &Place,
        part: Rect,
        shown: bool,
        mask: bool,
    ) -> Result<Option<Vec<bool>>, String> {
        let Some(band) = place.band.filter(|b| (1..=self.dataset.raster_count()).contains(b)) else {
            return Ok(None);
        };
        let asked = Asked { band, nodata: place.nodata.filter(|_| !shown), masked: place.masked && !mask };
        let size = self.dataset.raster_size();
        let cols: Vec<usize> = part.cols().map(|c| place.source_of(0, c, size.0)).collect();
        let rows: Vec<usize> = part.rows().map(|r| place.source_of(1, r, size.1)).collect();
        let mut taken: Option<Vec<bool>> = None;
        for across in runs(&cols, self.strip_px) {
            let cols = &cols[across.clone()];
            let (Some(left), Some(right)) = (cols.first(), cols.last()) else { continue };
            let width = right + 1 - left;
            for down in runs(&rows, (self.strip_px / width).max(1)) {
                let rows = &rows[down.clone()];
                let (Some(top), Some(bottom)) = (rows.first(), rows.last()) else { continue };
                let read = Rect { col: *left, row: *top, width, height: bottom + 1 - top };
                let Some(there) = self.held(&asked, read)? else { continue };
                let taken = taken.get_or_insert_with(|| vec![true; part.width * part.height]);
                for (row, to) in rows.iter().zip(taken.chunks_exact_mut(part.width).skip(down.start)) {
                    let there = &there[(row - top) * width..][..width];
                    to[across.clone()].iter_mut().zip(cols).for_each(|(to, col)| *to = there[col - left]);
                }
            }
        }
        Ok(taken)
    }

    /// Which pixels of a rectangle of the source a VRT may use; `None` for all.
    fn held(&mut self, asked: &Asked, read: Rect) -> Result<Option<Vec<bool>>, String> {
        let (band, offset, size) = (asked.band, (read.col, read.row), (read.width, read.height));
        let mut there = self.coverage.covered(&self.dataset, &[band], offset, size)?;
        if let Some(nodata) = asked.nodata {
            let values = ffi::read_bands::<f64>(&self.dataset, offset, size, &[band])?;
            there = both(there, Some(not_held(&self.dataset, band, &values, nodata)));
        }
        if asked.masked {
            let values = ffi::read_mask(&self.dataset, band, offset, size)?;
            there = both(there, Some(values.iter().map(|v| *v != 0).collect()));
        }
        Ok(there)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use gdal::DriverManager;
    use gdal::raster::{Buffer, RasterCreationOptions};

    use super::*;

    const SIDE: usize = 210;

    fn run(program: &str, folder: &Path, words: &[&str]) {
        let output = Command::new(program).args(words).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A picture of bands that are 0 in places of their own, and with `mask` has a mask that is 0 in others.
    fn picture(path: &Path, mask: bool) {
        let options: RasterCreationOptions =
            ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16"].into_iter().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut dataset =
            driver.create_with_band_type_with_options::<u8, _>(path, SIDE, SIDE, 2, &options).unwrap();
        dataset.set_geo_transform(&[650_000.0, 0.1, 0.0, 6_860_000.0, 0.0, -0.1]).unwrap();
        let srs = gdal::spatial_ref::SpatialRef::from_epsg(2154).unwrap();
        dataset.set_spatial_ref(&srs).unwrap();
        let hash = |i: usize, b: usize| (i.wrapping_mul(2_654_435_761) >> 7).wrapping_add(b * 77) % 251;
        for b in 1..=2 {
            let value = |i: usize| if hash(i, b) < 60 { 0 } else { u8::try_from(hash(i, b)).unwrap() };
            let values = (0..SIDE * SIDE).map(value).collect();
            let mut buffer = Buffer::new((SIDE, SIDE), values);
            dataset.rasterband(b).unwrap().write((0, 0), (SIDE, SIDE), &mut buffer).unwrap();
        }
        if mask {
            let mut band = dataset.rasterband(1).unwrap();
            band.create_mask_band(true).unwrap();
            let values = (0..SIDE * SIDE).map(|i| if hash(i, 5) < 40 { 0 } else { 255 }).collect();
            let mut mask = band.open_mask_band().unwrap();
            mask.write((0, 0), (SIDE, SIDE), &mut Buffer::new((SIDE, SIDE), values)).unwrap();
        }
    }

    /// VRTs of pictures that are coarser than these, or as fine, or finer.
    fn coarsened(folder: &Path) -> Vec<PathBuf> {
        picture(&folder.join("a.tif"), false);
        picture(&folder.join("b.tif"), true);
        let hidden = ["-srcnodata", "0", "-hidenodata"];
        let mut vrts = Vec::new();
        for gsd in ["1", "0.37", "0.1", "0.04"] {
            let tr = ["-q", "-tr", gsd, gsd];
            let plain = format!("plain-{gsd}.vrt");
            run("gdalbuildvrt", folder, &[&tr[..], &hidden, &[&plain, "a.tif"]].concat());
            let nested = format!("nested-{gsd}.vrt");
            run("gdalbuildvrt", folder, &[&tr[..], &["-hidenodata", &nested, "plain-1.vrt"]].concat());
            let masked = format!("masked-{gsd}.vrt");
            run("gdal_translate", folder, &["-q", "-of", "VRT", "-tr", gsd, gsd, "b.tif", &masked]);
            let xml = std::fs::read_to_string(folder.join(&masked)).unwrap();
            let xml = xml.replace("SimpleSource", "ComplexSource");
            let xml = xml.replace("</SourceBand>", "</SourceBand><UseMaskBand>true</UseMaskBand>");
            std::fs::write(folder.join(&masked), without_mask(&xml)).unwrap();
            let warped = format!("warped-{gsd}.vrt");
            let turned = ["-q", "-of", "VRT", "-t_srs", "EPSG:32633", "-tr", gsd, gsd, "a.tif", &warped];
            run("gdalwarp", folder, &turned);
            vrts.extend([plain, nested, masked, warped].map(|name| folder.join(name)));
        }
        vrts
    }

    /// Takes the VRT's own mask out, so that those of its sources count.
    fn without_mask(xml: &str) -> String {
        let (begin, end) = (xml.find("<MaskBand>").unwrap(), xml.find("</MaskBand>").unwrap());
        format!("{}{}", &xml[..begin], &xml[end + "</MaskBand>".len()..])
    }

    /// Where both bands hold something, of a window, looked at in strips of so many pixels.
    fn covered(vrt: &Path, window: Rect, strip_px: usize) -> Option<Vec<bool>> {
        let path = vrt.to_string_lossy();
        let dataset = open_alone(&path, &path).unwrap();
        let mut coverage = Coverage::at(&path, 0, strip_px);
        let (offset, size) = ((window.col, window.row), (window.width, window.height));
        coverage.covered(&dataset, &[1, 2], offset, size).unwrap()
    }

    #[test]
    fn strips_give_the_coverage_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        for vrt in coarsened(folder.path()) {
            let (width, height) = Dataset::open(&vrt).unwrap().raster_size();
            let whole = Rect { col: 0, row: 0, width, height };
            let (col, row) = (width / 3, height / 4);
            let part = Rect { col, row, width: width / 2, height: height / 2 };
            for window in [whole, part] {
                let expected = covered(&vrt, window, usize::MAX);
                let holds = |value| expected.as_ref().is_some_and(|there| there.contains(&value));
                assert!(window.col > 0 || (holds(true) && holds(false)), "{vrt:?} tells nothing");
                for strip_px in [1, 2, 100, 999, 5000] {
                    assert!(
                        covered(&vrt, window, strip_px) == expected,
                        "{vrt:?} in strips of {strip_px} px"
                    );
                }
            }
        }
    }

    #[test]
    fn what_a_coarser_vrt_shows_is_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        for vrt in coarsened(folder.path()).iter().filter(|vrt| vrt.to_string_lossy().contains("plain-")) {
            let dataset = Dataset::open(vrt).unwrap();
            let (width, height) = dataset.raster_size();
            let bands =
                [1, 2].map(|b| ffi::read_bands::<u8>(&dataset, (0, 0), (width, height), &[b]).unwrap());
            let shown: Vec<bool> = bands[0].iter().zip(&bands[1]).map(|(a, b)| *a != 0 && *b != 0).collect();
            let whole = Rect { col: 0, row: 0, width, height };
            assert!(covered(vrt, whole, 300) == Some(shown), "{vrt:?}");
        }
    }

    #[test]
    fn runs_hold_every_place_and_span_no_more_than_they_may() {
        let numbers = [0, 0, 3, 4, 4, 9, 30, 31, 32, 33];
        for most in [1, 2, 5, 10, 1000] {
            let runs = runs(&numbers, most);
            assert!(runs.iter().cloned().flatten().eq(0..numbers.len()), "{runs:?}");
            let spans = |run: &Range<usize>| numbers[run.end - 1] + 1 - numbers[run.start];
            assert!(runs.iter().all(|run| spans(run) <= most), "{runs:?} of {most}");
        }
        assert_eq!(runs(&numbers, 10), [0..6, 6..10]);
        assert_eq!(runs(&[], 10), []);
    }
}
