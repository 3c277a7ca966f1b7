//! What checks need of a Markdown page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::{read, root};

/// A page.
#[derive(Default)]
pub(crate) struct Page {
    /// Its first heading, without markup.
    pub(crate) title: String,
    /// Where its links and images lead, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    /// The anchors of its headings.
    pub(crate) anchors: BTreeSet<String>,
    /// Its fenced blocks.
    pub(crate) blocks: Vec<Block>,
    /// Its code spans, with their lines.
    pub(crate) spans: Vec<(usize, String)>,
}

/// A fenced block.
pub(crate) struct Block {
    /// Line of its first line of text.
    pub(crate) line: usize,
    /// The words after the fence.
    pub(crate) info: String,
    /// Its text.
    pub(crate) text: String,
}

impl Page {
    /// Parses a page.
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let (mut heading, mut block) = (None::<String>, None::<Block>);
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((line, dest_url.into_string()));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.end_heading(&heading.take().unwrap_or_default()),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    block = Some(Block { line: line + 1, info: info.into_string(), text: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(words) => {
                    let into = block.as_mut().map(|b| &mut b.text).or(heading.as_mut());
                    if let Some(text) = into {
                        text.push_str(&words);
                    }
                }
                Event::Code(words) => {
                    if let Some(text) = &mut heading {
                        text.push_str(&words);
                    }
                    page.spans.push((line, words.into_string()));
                }
                _ => {}
            }
        }
        page
    }

    fn end_heading(&mut self, text: &str) {
        if self.title.is_empty() {
            text.clone_into(&mut self.title);
        }
        let plain = anchor(text);
        let mut name = plain.clone();
        let mut number = 0;
        while !self.anchors.insert(name) {
            number += 1;
            name = format!("{plain}-{number}");
        }
    }
}

/// The anchor of a heading, as forges and mdBook make it.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        c if c.is_whitespace() => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect::<String>().to_lowercase()
}

/// Every page of the repository, as paths from its root.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root())
        .expect("the root")
        .map(|entry| entry.expect("a readable folder entry").path())
        .filter(|path| path.is_file())
        .collect();
    for folder in ["docs", "models", "benches", "datasets", "crates", "inference", "training"] {
        below(&root().join(folder), &mut found);
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut found: Vec<PathBuf> =
        found.iter().map(|path| path.strip_prefix(root()).expect("below the root").to_path_buf()).collect();
    found.sort();
    assert!(found.len() > 50, "only {} pages", found.len());
    found
}

/// Every file below a folder.
pub(crate) fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a readable folder entry").path()) {
        if path.is_dir() {
            below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The title of a page of the repository; of one without a heading (tables of a run), its name and folder.
pub(crate) fn title(path: &Path) -> String {
    let title = Page::parse(&read(&root().join(path))).title;
    let folder = path.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    let named = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    if title.is_empty() { named.display().to_string() } else { title }
}

#[test]
fn anchors_are_those_of_forges() {
    assert_eq!(anchor("Scale, and offset (`x_y`)"), "scale-and-offset-x_y");
    let page = Page::parse("# A b\n\n## `--c`\n\n# A b\n");
    assert_eq!(page.anchors, ["a-b", "--c", "a-b-1"].map(str::to_owned).into());
    assert_eq!(page.title, "A b");
}

#[test]
fn links_and_blocks_have_their_lines() {
    let page = Page::parse("a\n[b](c.md#d) `e`\n\n```sh quick\nf \\\n g\n```\n");
    assert_eq!(page.links, [(2, "c.md#d".to_owned())]);
    assert_eq!(page.spans, [(2, "e".to_owned())]);
    let [block] = &page.blocks[..] else { panic!("{} blocks", page.blocks.len()) };
    assert_eq!((block.line, &*block.info, &*block.text), (5, "sh quick", "f \\\n g\n"));
}
