//! Positions of the sources of a VRT, from its XML.

use std::collections::HashMap;

use arpent_base::number::{exact, truncate};
use roxmltree::Node;

use crate::ffi;
use crate::guard::{MAX_VRT_BYTES, content, is_relative, location, parse_vrt};

/// GDAL's tolerance for source pixels at the border of a rectangle (`VRTSimpleSource::GetSrcDstWindow`).
const TOLERANCE_PX: f64 = 0.001;

/// The layout of a VRT, as needed for its coverage.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Bands composed of sources.
    Sourced {
        /// Its bands, in order.
        bands: Vec<Band>,
        /// The files of the sources, each once.
        files: Vec<String>,
    },
    /// A warped image with a fill value outside of its source; the content is the same document with another fill
    /// value.
    Warped(String),
    /// Missing pixels cannot be determined, or are marked by alpha or nodata.
    Whole,
}

/// Files by number.
#[derive(Debug, Default)]
struct Files {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Files {
    /// The number of a file, a new one for a new name.
    fn number(&mut self, name: String) -> usize {
        *self.numbers.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            self.names.len() - 1
        })
    }
}

/// A band of a VRT.
#[derive(Debug, Default)]
pub(crate) struct Band {
    /// `None` if it is more than a mosaic of sources.
    pub(crate) sources: Option<Vec<Place>>,
    /// Whether the fill value is declared as nodata, so that the values show missing pixels.
    pub(crate) shows_nodata: bool,
}

/// A source in a band.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Number of its file.
    pub(crate) file: usize,
    /// Its band there, from 1; `None` for the mask of one.
    pub(crate) band: Option<usize>,
    /// Offset and size of the source and destination rectangles: (columns, rows).
    from: [Option<[f64; 2]>; 2],
    to: [Option<[f64; 2]>; 2],
    /// The value that is skipped.
    pub(crate) nodata: Option<f64>,
    /// Whether its mask selects the pixels used.
    pub(crate) masked: bool,
}

impl Layout {
    /// Of the VRT at a GDAL path.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let xml = ffi::vsi_read(path, MAX_VRT_BYTES)?;
        Self::of(path, &xml)
    }

    fn of(path: &str, xml: &[u8]) -> Result<Self, String> {
        let document = parse_vrt(xml)?;
        let root = document.root_element();
        let bands = || children(root, "VRTRasterBand");
        match text(root, "subClass").unwrap_or_default().to_ascii_lowercase().as_str() {
            "vrtwarpeddataset" => {
                let is_marked = find(root, "DstAlphaBand").is_some() || bands().any(|b| shows_nodata(b));
                if is_marked { Ok(Self::Whole) } else { refilled(path, document.input_text(), root) }
            }
            "" | "vrtdataset" => {
                let mut files = Files::default();
                let bands = bands().map(|b| band(path, b, &mut files)).collect::<Result<_, String>>()?;
                Ok(Self::Sourced { bands, files: files.names })
            }
            _ => Ok(Self::Whole),
        }
    }
}

impl Place {
    /// Columns (or rows) of the VRT that the source fills, for `axis` 0 (or 1) and sizes of source and VRT.
    pub(crate) fn filled(&self, axis: usize, source: usize, whole: usize) -> std::ops::Range<usize> {
        let (begin, scale) = self.mapping(axis);
        let (source, limit) = (exact(source), exact(whole));
        let (mut from, mut to) = (begin.1 - begin.0 * scale, begin.1 + (source - begin.0) * scale);
        if let Some([offset, size]) = self.to[axis] {
            (from, to) = (from.max(offset), to.min(offset + size));
        }
        let (from, to) = ((from + TOLERANCE_PX).floor(), (to - TOLERANCE_PX).ceil());
        let pixel = |v: f64| truncate::<usize>(v.clamp(0.0, limit));
        pixel(from)..pixel(to).max(pixel(from))
    }

    /// The column (or row) of the source at the center of one of the VRT.
    pub(crate) fn source_of(&self, axis: usize, at: usize, source: usize) -> usize {
        let (begin, scale) = self.mapping(axis);
        let there = (exact(at) + 0.5 - begin.1) / scale + begin.0;
        let there = truncate::<usize>(there.max(0.0));
        there.min(source.saturating_sub(1))
    }

    /// Corresponding positions in source and VRT, and pixels of the VRT per pixel of the source.
    fn mapping(&self, axis: usize) -> ((f64, f64), f64) {
        let begin = |rect: &Option<[f64; 2]>| rect.map_or(0.0, |r| r[0]);
        let scale = match (self.from[axis], self.to[axis]) {
            (Some(from), Some(to)) if from[1] > 0.0 && to[1] > 0.0 => to[1] / from[1],
            _ => 1.0,
        };
        ((begin(&self.from[axis]), begin(&self.to[axis])), scale)
    }
}

fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name().eq_ignore_ascii_case(name)
}

fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.is_element() && is_named(*child, name))
}

fn find<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.descendants().find(|child| child.is_element() && is_named(*child, name))
}

/// The value of an attribute or child: GDAL treats them alike.
fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let attribute = node.attributes().find(|a| a.name().eq_ignore_ascii_case(name));
    let value = attribute.map(|a| a.value().to_owned());
    value.or_else(|| children(node, name).next().map(content)).map(|v| v.trim().to_owned())
}

fn number(node: Node<'_, '_>, name: &str) -> Option<f64> {
    let value = text(node, name)?.to_ascii_lowercase();
    value.parse().ok()
}

/// Whether a band declares its fill value as nodata.
fn shows_nodata(band: Node<'_, '_>) -> bool {
    let hidden = text(band, "HideNoDataValue")
        .is_some_and(|v| ["1", "yes", "true", "on"].contains(&&*v.to_ascii_lowercase()));
    text(band, "NoDataValue").is_some() && !hidden
}

fn band(path: &str, node: Node<'_, '_>, files: &mut Files) -> Result<Band, String> {
    let class = text(node, "subClass").unwrap_or_default().to_ascii_lowercase();
    let mut sources = Vec::new();
    let mut plain = ["", "vrtsourcedrasterband", "vrtderivedrasterband"].contains(&class.as_str());
    for element in node.children().filter(Node::is_element) {
        let name = element.tag_name().name().to_ascii_lowercase();
        match name.as_str() {
            "simplesource" | "complexsource" | "averagedsource" | "kernelfilteredsource" => {
                sources.push(place(path, element, files)?);
            }
            other => plain &= !other.ends_with("source"),
        }
    }
    // A pixel function may compute values without sources.
    plain &= class != "vrtderivedrasterband" || !sources.is_empty();
    Ok(Band { sources: plain.then_some(sources), shows_nodata: shows_nodata(node) })
}

fn place(path: &str, element: Node<'_, '_>, files: &mut Files) -> Result<Place, String> {
    let named = children(element, "SourceFilename").next();
    let name = named.map(content).or_else(|| text(element, "SourceFilename")).unwrap_or_default();
    let relative = named.map_or(Ok(false), is_relative)?;
    let file = location(path, name.trim_start(), relative);
    let file = files.number(file);
    let rect = |name: &str| {
        let rect = children(element, name).next();
        let axis = |offset: &str, size: &str| {
            rect.and_then(|rect| Some([number(rect, offset)?, number(rect, size)?]))
        };
        [axis("xOff", "xSize"), axis("yOff", "ySize")]
    };
    let band = text(element, "SourceBand").unwrap_or_else(|| "1".to_owned());
    let yes = |name: &str| {
        text(element, name).is_some_and(|v| ["1", "yes", "true", "on"].contains(&&*v.to_ascii_lowercase()))
    };
    Ok(Place {
        file,
        band: band.parse().ok(),
        from: rect("SrcRect"),
        to: rect("DstRect"),
        nodata: number(element, "NODATA"),
        masked: yes("UseMaskBand"),
    })
}

/// The document of a warped VRT with another fill value.
fn refilled(path: &str, xml: &str, root: Node<'_, '_>) -> Result<Layout, String> {
    let Some(options) = find(root, "GDALWarpOptions") else { return Ok(Layout::Whole) };
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    let init = children(options, "Option")
        .find(|option| text(*option, "name").is_some_and(|name| name.eq_ignore_ascii_case("INIT_DEST")));
    let other = |was: &str| if was.trim().parse() == Ok(255.0) { "0" } else { "255" };
    let element = |value: &str| format!("<Option name=\"INIT_DEST\">{value}</Option>");
    if let Some(init) = init {
        edits.push((init.range(), element(other(&content(init)))));
    } else {
        let first = options.children().find(Node::is_element);
        let first = first.map_or(options.range().end, |child| child.range().start);
        edits.push((first..first, element("255")));
    }
    // The document is not a file, so relative names cannot be resolved.
    for tag in ["SourceDataset", "SourceFilename"] {
        for source in root.descendants().filter(|n| n.is_element() && is_named(*n, tag)) {
            let name = location(path, content(source).trim_start(), is_relative(source)?);
            let name = name.replace('&', "&amp;").replace('<', "&lt;");
            edits.push((source.range(), format!("<{tag} relativeToVRT=\"0\">{name}</{tag}>")));
        }
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut document = xml.to_owned();
    for (range, new) in edits {
        document.replace_range(range, &new);
    }
    let begin = document.find("<VRTDataset").ok_or("it is no VRT")?;
    Ok(Layout::Warped(document.split_off(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(xml: &str) -> Layout {
        Layout::of("/d/a.vrt", xml.as_bytes()).unwrap()
    }

    fn source(rects: &str) -> Place {
        let xml = format!(
            "<VRTDataset rasterXSize=\"40\" rasterYSize=\"10\"><VRTRasterBand><SimpleSource>\
             <SourceFilename relativeToVRT=\"1\">s.tif</SourceFilename>{rects}</SimpleSource></VRTRasterBand></VRTDataset>"
        );
        let Layout::Sourced { bands, files } = layout(&xml) else { panic!("{xml}") };
        assert_eq!(files, ["/d/s.tif"]);
        bands[0].sources.as_ref().unwrap()[0].clone()
    }

    /// What GDAL 3.6 writes of a source of 10 columns, measured.
    #[test]
    fn columns_are_those_that_gdal_writes() {
        for (from, to, expected) in [
            ((0.0, 10.0), (12.0, 10.0), 12..22),
            ((0.0, 10.0), (12.0005, 10.0), 12..22),
            ((0.0, 10.0), (12.3, 10.0), 12..23),
            ((0.0, 10.0), (12.9985, 10.0), 12..23),
            ((0.0, 10.0), (12.9995, 10.0), 13..23),
            ((0.0, 10.0), (12.0, 9.3), 12..22),
            ((0.0, 10.0), (12.0, 10.7), 12..23),
            ((0.0, 10.0), (12.0, 20.0), 12..32),
            ((-3.0, 10.0), (12.3, 10.0), 15..23),
            ((5.0, 10.0), (12.0, 10.0), 12..17),
            ((-2.0, 14.0), (12.0, 20.0), 14..30),
            ((0.0, 10.0), (35.0, 10.0), 35..40),
        ] {
            let rects = format!(
                "<SrcRect xOff=\"{}\" yOff=\"0\" xSize=\"{}\" ySize=\"10\"/><DstRect xOff=\"{}\" yOff=\"0\" xSize=\"{}\" ySize=\"10\"/>",
                from.0, from.1, to.0, to.1
            );
            let place = source(&rects);
            // The third from last is cut by the end of the source in GDAL's own rounding: 14.857 begins at 14.
            assert_eq!(place.filled(0, 10, 40), expected, "{rects}");
        }
        let place = source("");
        assert_eq!((place.filled(0, 10, 40), place.source_of(0, 7, 10)), (0..10, 7));
    }

    #[test]
    fn warped_documents_get_another_fill() {
        let xml = r#"<VRTDataset rasterXSize="4" rasterYSize="4" subClass="VRTWarpedDataset"><VRTRasterBand subClass="VRTWarpedRasterBand"/>
            <GDALWarpOptions><Option name="INIT_DEST">0</Option><SourceDataset relativeToVRT="1">a&amp;b.tif</SourceDataset></GDALWarpOptions></VRTDataset>"#;
        let Layout::Warped(twin) = layout(xml) else { panic!() };
        assert!(twin.contains("<Option name=\"INIT_DEST\">255</Option>"), "{twin}");
        assert!(twin.contains("<SourceDataset relativeToVRT=\"0\">/d/a&amp;b.tif</SourceDataset>"), "{twin}");
        let is_marked = xml.replace("<GDALWarpOptions>", "<GDALWarpOptions><DstAlphaBand>2</DstAlphaBand>");
        assert!(matches!(layout(&is_marked), Layout::Whole));
    }
}
