//! The files that a VRT names, read from its XML without GDAL.

use roxmltree::{Document, Node, ParsingOptions};

/// Nodes of a document at most: as many as a VRT of 128 MiB has.
const MAX_NODES: u32 = 1 << 23;

/// Elements and attributes with a file name. GDAL's look-ups treat attributes like elements, and ignore case.
const FILE_KEYS: &[&str] = &["sourcefilename", "sourcedataset", "filename", "dempath", "demfilename"];
/// Metadata items with a file name: overviews and coordinate arrays.
const FILE_ITEMS: &[&str] = &["overview_file", "x_dataset", "y_dataset"];
/// Elements whose text is never a file name, and may contain addresses.
const PROSE: &[&str] = &[
    "metadata",
    "srs",
    "gcplist",
    "geolocationsrs",
    "sourcesrs",
    "targetsrs",
    "description",
    "categorynames",
    "histograms",
    "gdalrasterattributetable",
];

/// A file that a VRT names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// As written, with entities resolved.
    pub name: String,
    /// Whether it is relative to the folder of the VRT, not to the working directory.
    pub relative: bool,
    /// Whether it provides pixels, so that the VRT cannot be read without it; false for overviews.
    pub needed: bool,
}

/// All files that a VRT names, sorted.
///
/// # Errors
/// The reason for refusing it: it is not XML, contains code, reads raw bytes, or is of an unsupported kind.
pub fn references(xml: &[u8]) -> Result<Vec<Reference>, String> {
    let document = parse(xml)?;
    let mut found = Vec::new();
    for element in document.descendants().filter(Node::is_element) {
        judge(element)?;
        collect(element, &mut found)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The XML of a VRT.
///
/// # Errors
/// The reason for refusing it.
pub(crate) fn parse(xml: &[u8]) -> Result<Document<'_>, String> {
    let text = std::str::from_utf8(xml).map_err(|e| format!("it is not UTF-8: {e}"))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text.trim_start_matches('\u{feff}').trim_start(), options)
        .map_err(|e| format!("its XML cannot be read: {e}"))
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Refuses elements that are not part of a mosaic of other rasters.
fn judge(element: Node<'_, '_>) -> Result<(), String> {
    let named = element.attributes().map(|a| (lower(a.name()), a.value().trim().to_owned()));
    let own = (lower(element.tag_name().name()), content(element).trim().to_owned());
    for (key, value) in named.chain([own]) {
        match (key.as_str(), lower(&value).as_str()) {
            ("pixelfunctionlanguage", "c" | "builtin") => {}
            ("pixelfunctionlanguage" | "pixelfunctioncode", _) => {
                return Err("it contains code (a pixel function of its own)".into());
            }
            ("subclass", "vrtrawrasterband") => {
                return Err("it reads raw bytes of another file (VRTRawRasterBand)".into());
            }
            ("subclass", "vrtprocesseddataset") => {
                return Err("it is a chain of algorithms (VRTProcessedDataset)".into());
            }
            ("processingsteps" | "group", _) => {
                return Err(format!("its element `{key}` is not supported"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The text of an element, without that of its children.
pub(crate) fn content(element: Node<'_, '_>) -> String {
    element.children().filter(Node::is_text).filter_map(|text| text.text()).collect()
}

fn collect(element: Node<'_, '_>, found: &mut Vec<Reference>) -> Result<(), String> {
    let key = lower(element.tag_name().name());
    let text = content(element);
    let text = text.trim_start();
    if is_item(element, FILE_ITEMS) || FILE_KEYS.contains(&key.as_str()) {
        if element.children().filter(Node::is_text).count() > 1 {
            // GDAL would use the first piece, or none.
            return Err(format!("the text of an element `{key}` is split by other nodes"));
        }
        if !text.is_empty() {
            let needed = is_needed(element, &key);
            found.push(Reference { name: text.to_owned(), relative: is_relative(element)?, needed });
        }
    } else if leads_elsewhere(text) && !in_prose(element) {
        found.push(Reference { name: text.to_owned(), relative: false, needed: false });
    }
    for attribute in element.attributes() {
        let key = lower(attribute.name());
        let is_file = FILE_KEYS.contains(&key.as_str());
        if is_file || (leads_elsewhere(attribute.value()) && !in_prose(element)) {
            found.push(Reference {
                name: attribute.value().trim_start().to_owned(),
                relative: is_relative(element)?,
                needed: is_needed(element, &key),
            });
        }
    }
    Ok(())
}

/// Whether an element or attribute with this name names a source of pixels.
fn is_needed(element: Node<'_, '_>, key: &str) -> bool {
    ["sourcefilename", "sourcedataset"].contains(&key)
        && !element
            .ancestors()
            .any(|a| ["overview", "overviewlist"].contains(&lower(a.tag_name().name()).as_str()))
}

fn is_item(element: Node<'_, '_>, keys: &[&str]) -> bool {
    let mut attributes = element.attributes().filter(|a| a.name().eq_ignore_ascii_case("key"));
    attributes.any(|a| keys.contains(&lower(a.value().trim()).as_str()))
}

fn in_prose(element: Node<'_, '_>) -> bool {
    element.ancestors().any(|a| PROSE.contains(&lower(a.tag_name().name()).as_str()))
}

fn leads_elsewhere(text: &str) -> bool {
    text.contains("/vsi") || text.contains("://")
}

/// The flag `relativeToVRT` of an element, which may be a child too.
pub(crate) fn is_relative(element: Node<'_, '_>) -> Result<bool, String> {
    const FLAG: &str = "relativetovrt";
    let attributes = element.attributes().filter(|a| lower(a.name()) == FLAG).map(|a| a.value().to_owned());
    let children = element.children().filter(|c| lower(c.tag_name().name()) == FLAG).map(content);
    let mut flags = attributes.chain(children).map(|flag| match flag.as_str() {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(format!("relativeToVRT is `{other}`, expected 0 or 1")),
    });
    let flag = flags.next().transpose()?.unwrap_or(false);
    if flags.next().is_some() { Err("an element has two relativeToVRT flags".into()) } else { Ok(flag) }
}
