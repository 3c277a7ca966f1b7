//! Where links lead.

use std::path::{Component, Path, PathBuf};

use crate::markdown::{self, Page, below};
use crate::{check, read, root};

/// Why a link of a page leads nowhere, if it does.
fn broken(from: &Path, page: &Page, link: &str) -> Option<String> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    if path.is_empty() {
        let anchor = anchor.unwrap_or_default();
        return (!page.anchors.contains(anchor)).then(|| format!("the page has no heading #{anchor}"));
    }
    let Some(target) = joined(from.parent().unwrap_or(Path::new("")), path) else {
        return Some("leaves the repository".into());
    };
    let file = root().join(&target);
    if !file.exists() {
        return Some(format!("{} is not there", target.display()));
    }
    let anchor = anchor?;
    if target.extension().is_none_or(|extension| extension != "md") {
        return Some(format!("{} is not Markdown and has no anchors", target.display()));
    }
    let has = Page::parse(&read(&file)).anchors.contains(anchor);
    (!has).then(|| format!("{} has no heading #{anchor}", target.display()))
}

/// A relative link as a path from the root.
fn joined(folder: &Path, link: &str) -> Option<PathBuf> {
    let mut path = folder.to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut offenders = Vec::new();
    let mut seen = 0;
    for file in markdown::files() {
        let page = Page::parse(&read(&root().join(&file)));
        seen += page.links.len();
        for (line, link) in &page.links {
            if let Some(why) = broken(&file, &page, link) {
                offenders.push(format!("{}:{line}: {link}: {why}", file.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} links");
    check::none(&offenders, "links that lead nowhere");
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let page = Page::parse("# There\n");
    let of = |link: &str| broken(Path::new("docs/json.md"), &page, link);
    for fine in
        ["https://example.com", "#there", "glossary.md", "../README.md", "../models", "../LICENSE-MIT"]
    {
        assert_eq!(of(fine), None, "{fine}");
    }
    for bad in ["#here", "nothing.md", "../../x", "/README.md", "glossary.md#nothing", "../LICENSE-MIT#x"] {
        assert!(of(bad).is_some(), "{bad}");
    }
}

/// Pages that code, configurations and scripts name in messages and comments.
#[test]
fn pages_that_are_named_outside_of_the_documentation_are_there() {
    let mut files = Vec::new();
    for folder in ["crates", "datasets", "inference", "training", "benches", "configs", "scripts"] {
        below(&root().join(folder), &mut files);
    }
    let is_text =
        |path: &PathBuf| path.extension().is_some_and(|e| e == "rs" || e == "toml" || e == "py" || e == "sh");
    let (mut offenders, mut seen) = (Vec::new(), 0);
    for file in
        files.into_iter().filter(is_text).filter(|path| !path.starts_with(root().join("benches/tests/docs")))
    {
        for name in named(&read(&file)) {
            seen += 1;
            if !root().join(&name).exists() {
                offenders.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(seen > 5, "only {seen} names of pages");
    check::none(&offenders, "pages that are named and not there");
}

/// The names `docs/*.md` in a text.
fn named(text: &str) -> Vec<String> {
    let names = text.split("docs/").skip(1).filter_map(|rest| {
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c)).unwrap_or(rest.len());
        rest[..end].find(".md").map(|end| format!("docs/{}.md", &rest[..end]))
    });
    names.collect()
}

#[test]
fn names_of_pages_are_found_in_texts() {
    assert_eq!(
        named("see docs/a-b.md, docs/adr and `docs/guides/c.md`."),
        ["docs/a-b.md", "docs/guides/c.md"]
    );
}
