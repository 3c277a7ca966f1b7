//! XML of elements, attributes and texts.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesStart, BytesText, Event};

/// An element.
#[derive(Debug, Clone)]
pub(super) struct Node {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Nodes(Vec<Node>),
    Text(String),
}

impl Node {
    /// An element with elements in it.
    pub(super) fn of(name: &'static str, nodes: impl IntoIterator<Item = Self>) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Nodes(nodes.into_iter().collect()) }
    }

    /// An element with a text. Characters that XML cannot have become spaces.
    pub(super) fn text(name: &'static str, text: &str) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Text(allowed(text)) }
    }

    /// The element with an attribute.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.push((name, allowed(value)));
        self
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, value.as_str()));
        }
        match &self.content {
            Content::Nodes(nodes) if nodes.is_empty() => return writer.write_event(Event::Empty(start)),
            Content::Nodes(nodes) => {
                writer.write_event(Event::Start(start.borrow()))?;
                nodes.iter().try_for_each(|node| node.write(writer))?;
            }
            Content::Text(text) => {
                writer.write_event(Event::Start(start.borrow()))?;
                writer.write_event(Event::Text(BytesText::new(text)))?;
            }
        }
        writer.write_event(Event::End(start.to_end()))
    }
}

/// A document with this root.
pub(super) fn document(root: &Node) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 1);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    root.write(&mut writer)?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

/// A text of characters that XML 1.0 may have.
fn allowed(text: &str) -> String {
    let is_allowed =
        |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_hold_nothing_that_xml_forbids() {
        let hostile = "</a><b x=\"1\">&'\u{1}\u{fffe}🌳";
        let root = Node::of("a", [Node::text("t", hostile), Node::of("e", [])]).with("k", hostile);
        let text = String::from_utf8(document(&root).unwrap()).unwrap();
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a k=\""));
        assert!(text.contains("<e/>") && text.contains("🌳") && !text.contains('\u{1}'));
        assert_eq!((text.matches("<b").count(), text.matches("</a>").count()), (0, 1));
        assert_eq!(text.matches("&lt;/a&gt;&lt;b x=").count(), 2);
    }
}
