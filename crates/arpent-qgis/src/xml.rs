//! XML as QGIS reads it.

use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use crate::error::QgisError;

/// Version that the documents state: the oldest that must read them. Later ones read what an earlier one wrote.
const VERSION: &str = "3.22.0";

/// Attributes of an element.
pub(crate) type Attributes<'a> = [(&'a str, &'a str)];

/// A document that is being written to memory.
pub(crate) struct Xml {
    writer: Writer<Vec<u8>>,
}

impl Xml {
    /// A document of QGIS with these attributes of its root, each element on a line of its own.
    pub(crate) fn document(attributes: &Attributes<'_>, content: impl FnOnce(&mut Self)) -> String {
        Self::finish(Writer::new_with_indent(Vec::new(), b' ', 1), attributes, content)
    }

    /// The same without line breaks: parts of other documents are copied into it as they are.
    pub(crate) fn compact_document(attributes: &Attributes<'_>, content: impl FnOnce(&mut Self)) -> String {
        Self::finish(Writer::new(Vec::new()), attributes, content)
    }

    fn finish(
        writer: Writer<Vec<u8>>,
        attributes: &Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) -> String {
        let mut xml = Self { writer };
        let doctype = "qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'";
        xml.put(Event::DocType(BytesText::from_escaped(doctype)));
        let attributes = [&[("version", VERSION)], attributes].concat();
        xml.within("qgis", &attributes, content);
        let text = String::from_utf8(xml.writer.into_inner()).expect("what was text is text");
        text + "\n"
    }

    /// An element with others inside.
    pub(crate) fn within(
        &mut self,
        name: &str,
        attributes: &Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.put(Event::Start(start(name, attributes)));
        content(self);
        self.put(Event::End(BytesEnd::new(name)));
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, name: &str, attributes: &Attributes<'_>) {
        self.put(Event::Empty(start(name, attributes)));
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element with attributes and text.
    pub(crate) fn text_with(&mut self, name: &str, attributes: &Attributes<'_>, text: &str) {
        self.within(name, attributes, |xml| xml.put(Event::Text(BytesText::new(&plain(text)))));
    }

    /// The element `Option` of a map with texts, as QGIS stores settings.
    pub(crate) fn options(&mut self, pairs: &[(&str, &str)]) {
        self.within("Option", &[("type", "Map")], |xml| {
            for (name, value) in pairs {
                xml.empty("Option", &[("name", name), ("value", value), ("type", "QString")]);
            }
        });
    }

    /// Copies what the root element of a document holds.
    ///
    /// # Errors
    /// [`QgisError::Style`] when the document is not well-formed.
    pub(crate) fn copy_content(&mut self, document: &str) -> Result<(), QgisError> {
        let bad = |e: quick_xml::Error| QgisError::Style { message: e.to_string() };
        let mut reader = Reader::from_str(document);
        let mut depth = 0usize;
        loop {
            let event = reader.read_event().map_err(bad)?;
            match &event {
                Event::Eof => return Ok(()),
                Event::Start(_) => depth += 1,
                Event::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            // The root itself has depth 1 at its start and 0 at its end.
            let is_inside = match &event {
                Event::Start(_) => depth > 1,
                _ => depth > 0,
            };
            if is_inside {
                self.put(event);
            }
        }
    }

    fn put(&mut self, event: Event<'_>) {
        self.writer.write_event(event).expect("memory takes every byte");
    }
}

/// The value of an attribute of a document's root.
pub(crate) fn root_attribute(document: &str, name: &str) -> Option<String> {
    let mut reader = Reader::from_str(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(root) => {
                let value = root.try_get_attribute(name).ok()??;
                return Some(String::from_utf8_lossy(&value.value).into_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn start<'a>(name: &'a str, attributes: &Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (key, value) in attributes {
        start.push_attribute((*key, &*plain(value)));
    }
    start
}

/// Text without the control characters that XML 1.0 forbids even as references.
fn plain(text: &str) -> String {
    let is_allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let is_character = |c: char| !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_allowed(c) && is_character(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_come_back() {
        let hostile = "a <b> & \"c\" 'd' ]]> \u{1f333}\u{0}\u{8} é\n";
        let made = Xml::document(&[("title", hostile)], |xml| {
            xml.text("name", hostile);
            xml.options(&[("key", hostile)]);
        });
        let copied = Xml::compact_document(&[], |xml| xml.copy_content(&made).unwrap());
        let expected = hostile.replace(['\u{0}', '\u{8}'], "\u{fffd}");
        for text in [&made, &copied] {
            let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
            let document = roxmltree::Document::parse_with_options(text, options).unwrap();
            let root = document.root_element();
            assert_eq!(root.attribute("version"), Some(VERSION));
            let name = root.children().find(|node| node.has_tag_name("name")).unwrap();
            assert_eq!(name.text(), Some(&*expected));
            let option = root.descendants().find(|node| node.attribute("name") == Some("key")).unwrap();
            assert_eq!(option.attribute("value").map(str::trim), Some(expected.trim()));
        }
        assert_eq!(root_attribute(&made, "version").as_deref(), Some(VERSION));
        assert_eq!(root_attribute(&made, "none"), None);
    }

    #[test]
    fn a_document_that_is_not_well_formed_is_refused() {
        let copy = |document: &str| {
            let mut copied = Ok(());
            Xml::compact_document(&[], |xml| copied = xml.copy_content(document));
            copied
        };
        assert!(copy("<qgis><a></b></qgis>").is_err());
        assert!(copy("<qgis><a/></qgis>").is_ok());
    }
}
