//! Memory that GDAL needs for a block of a warped VRT: all source pixels under the block, however coarse the VRT
//! is (`VRTWarpedDataset::ProcessBlock` in GDAL's sources).

use arpent_base::number::{exact, truncate};
use gdal::Dataset;
use gdal::raster::GdalDataType;
use gdal::spatial_ref::CoordTransform;
use roxmltree::Node;

use super::open::open_alone;
use crate::guard::{content, is_relative, location, parse_vrt};

/// Default block of a warped VRT, pixels (`VRTWarpedDataset`).
const BLOCK: [f64; 2] = [512.0, 128.0];
/// Factor for the margin of resampling kernels, and for the block itself.
const MARGIN: f64 = 1.2;
/// Blocks that are sampled in each direction.
const LOOKS: u32 = 5;
/// Bytes of a pixel's density, where the source has alpha.
const DENSITY_BYTES: f64 = 4.0;
/// Bytes of a pixel's validity in a band, or in all.
const VALID_BYTES: f64 = 0.125;

/// Bytes that GDAL needs for a block of the VRT at a path; 0 if it is not a warped VRT.
pub(super) fn block_bytes(path: &str, xml: &[u8]) -> Result<u64, String> {
    let document = parse_vrt(xml)?;
    let root = document.root_element();
    let subclass = root.attributes().find(|a| a.name().eq_ignore_ascii_case("subClass")).map(|a| a.value());
    let Some(options) = named(root, "GDALWarpOptions")
        .filter(|_| subclass.is_some_and(|subclass| subclass.eq_ignore_ascii_case("VRTWarpedDataset")))
    else {
        return Ok(0);
    };
    let Some(source) = named(options, "SourceDataset") else { return Ok(0) };
    let source = location(path, content(source).trim_start(), is_relative(source)?);
    // Errors are reported when the file is opened.
    let (Ok(vrt), Ok(source)) = (open_alone(path, path), open_alone(&source, &source)) else { return Ok(0) };
    let bands = options.descendants().filter(|n| is(*n, "BandMapping")).count().max(1);
    let size = |tag: &str, default: f64| {
        named(root, tag).and_then(|n| content(n).trim().parse().ok()).unwrap_or(default)
    };
    let block = [size("BlockXSize", BLOCK[0]), size("BlockYSize", BLOCK[1])];
    let kind = source.rasterband(1).map_err(|e| e.to_string())?.band_type();
    let working =
        named(options, "WorkingDataType").and_then(|n| GdalDataType::from_name(content(n).trim()).ok());
    let bytes = |kind: GdalDataType| f64::from(kind.bytes());
    let value = working.map_or(0.0, bytes).max(bytes(kind));
    let has_alpha = named(options, "SrcAlphaBand").is_some();
    let pixel =
        exact(bands) * (value + VALID_BYTES) + VALID_BYTES + if has_alpha { DENSITY_BYTES } else { 0.0 };
    Ok(truncate(pixels_under_a_block(&vrt, &source, block) * MARGIN * pixel))
}

/// The largest number of source pixels under a block of the VRT: from the corners and midpoints of sampled blocks. All
/// pixels if they cannot be transformed.
fn pixels_under_a_block(vrt: &Dataset, source: &Dataset, block: [f64; 2]) -> f64 {
    let size = |dataset: &Dataset| {
        let (width, height) = dataset.raster_size();
        [exact(width), exact(height)]
    };
    let (whole, of) = (size(vrt), size(source));
    let all = of[0] * of[1];
    let Some(to_source) = Places::between(vrt, source) else { return all };
    let (mut most, mut looked) = (0.0f64, false);
    for (across, down) in (0..LOOKS).flat_map(|across| (0..LOOKS).map(move |down| (across, down))) {
        let begin = [across, down].map(|n| f64::from(n) / f64::from(LOOKS - 1));
        let begin = [0, 1].map(|axis| (whole[axis] - block[axis]).max(0.0) * begin[axis]);
        let end = [0, 1].map(|axis| (begin[axis] + block[axis]).min(whole[axis]));
        let middle = [0, 1].map(|axis| begin[axis].midpoint(end[axis]));
        let corners = [begin[0], middle[0], end[0]]
            .into_iter()
            .flat_map(|x| [begin[1], middle[1], end[1]].map(|y| [x, y]));
        let mut range = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        for at in corners.filter_map(|at| to_source.of(at)) {
            for (range, at) in range.iter_mut().zip(at) {
                *range = [range[0].min(at), range[1].max(at)];
            }
        }
        let sides = [0, 1].map(|axis| range[axis][1].min(of[axis]) - range[axis][0].max(0.0));
        looked |= sides.iter().all(|side| side.is_finite());
        if sides.iter().all(|side| *side > 0.0) {
            most = most.max(sides[0] * sides[1]);
        }
    }
    if looked { most.min(all) } else { all }
}

/// Transforms pixels of a raster to those of another.
struct Places {
    from: [f64; 6],
    between: Option<CoordTransform>,
    back: [f64; 6],
}

impl Places {
    fn between(vrt: &Dataset, source: &Dataset) -> Option<Self> {
        let (from, to) = (vrt.geo_transform().ok()?, source.geo_transform().ok()?);
        let between = match (vrt.spatial_ref(), source.spatial_ref()) {
            (Ok(a), Ok(b)) => Some(CoordTransform::new(&a, &b).ok()?),
            _ => None,
        };
        let determinant = to[1] * to[5] - to[2] * to[4];
        let back = [
            (to[2] * to[3] - to[0] * to[5]) / determinant,
            to[5] / determinant,
            -to[2] / determinant,
            (to[0] * to[4] - to[1] * to[3]) / determinant,
            -to[4] / determinant,
            to[1] / determinant,
        ];
        back.iter().all(|v| v.is_finite()).then_some(Self { from, between, back })
    }

    fn of(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let apply = |t: &[f64; 6], x: f64, y: f64| [t[0] + x * t[1] + y * t[2], t[3] + x * t[4] + y * t[5]];
        let [x, y] = apply(&self.from, x, y);
        let (mut xs, mut ys) = ([x], [y]);
        if let Some(between) = &self.between {
            between.transform_coords(&mut xs, &mut ys, &mut []).ok()?;
        }
        let at = apply(&self.back, xs[0], ys[0]);
        at.iter().all(|v| v.is_finite()).then_some(at)
    }
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name)
}

fn named<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.descendants().find(|child| is(*child, name))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A picture of 20,000 by 10,000 pixels of 1 m, sparse, and a VRT of it.
    fn warped(folder: &std::path::Path, arguments: &[&str]) -> u64 {
        let picture = folder.join("a.tif");
        if !picture.exists() {
            let size = ["-outsize", "20000", "10000", "-bands", "3", "-ot", "Byte", "-co", "SPARSE_OK=TRUE"];
            let place = ["-a_srs", "EPSG:32632", "-a_ullr", "500000", "5010000", "520000", "5000000"];
            let made = Command::new("gdal_create").args(size).args(place).arg(&picture).status().unwrap();
            assert!(made.success());
        }
        let vrt = folder.join("a.vrt");
        let _ = std::fs::remove_file(&vrt);
        let made = Command::new("gdalwarp")
            .args(["-q", "-of", "VRT"])
            .args(arguments)
            .args([&picture, &vrt])
            .status();
        assert!(made.unwrap().success());
        block_bytes(&vrt.to_string_lossy(), &std::fs::read(&vrt).unwrap()).unwrap()
    }

    #[test]
    fn the_source_under_a_block_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let pixel = 3.0 * 1.125 + VALID_BYTES;
        let pixels = |bytes: u64| exact(bytes) / pixel / MARGIN;
        let near =
            |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
        near(pixels(warped(folder.path(), &[])), 512.0 * 128.0);
        near(pixels(warped(folder.path(), &["-tr", "10", "10"])), 5120.0 * 1280.0);
        near(pixels(warped(folder.path(), &["-tr", "100", "100"])), 20_000.0 * 10_000.0);
        // Turned a little by another projection.
        let turned = pixels(warped(folder.path(), &["-t_srs", "EPSG:2154", "-tr", "10", "10"]));
        assert!((5120.0 * 1280.0..2.0 * 5120.0 * 1280.0).contains(&turned), "{turned}");
    }

    #[test]
    fn other_vrts_hold_nothing() {
        assert_eq!(block_bytes("a.vrt", b"<VRTDataset rasterXSize=\"1\" rasterYSize=\"1\"/>"), Ok(0));
    }
}
