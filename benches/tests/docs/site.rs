//! The site as mdBook builds it.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use arpent_testing::skip;

use crate::markdown::below;
use crate::{check, read, root};

/// All values of an attribute of a page.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    let found = html.split(&start).skip(1).filter_map(|rest| rest.split_once('"'));
    found.map(|(value, _)| value.replace("&amp;", "&").replace("%20", " ")).collect()
}

/// Whether a browser fetches it from elsewhere.
fn is_elsewhere(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://") || address.starts_with("//")
}

/// Why a link of a page of the site leads nowhere, if it does.
fn broken(site: &Path, page: &Path, link: &str) -> Option<String> {
    if is_elsewhere(link)
        || link.starts_with("mailto:")
        || link.starts_with("javascript:")
        || link.starts_with("data:")
    {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut target = if path.is_empty() { page.to_path_buf() } else { page.parent()?.to_path_buf() };
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => target.pop().then_some(())?,
            Component::Normal(name) => target.push(name),
            _ => {}
        }
    }
    if !target.starts_with(site) {
        return Some("leaves the site".into());
    }
    // A server answers a folder with its index.
    if target.is_dir() {
        target.push("index.html");
    }
    if !target.is_file() {
        return Some(format!("{} is not there", target.display()));
    }
    let is_page = target.extension().is_some_and(|e| e == "html");
    let has = anchor.is_empty() || !is_page || attributes(&read(&target), "id").iter().any(|id| id == anchor);
    (!has).then(|| format!("{} has no #{anchor}", target.display()))
}

#[test]
fn the_site_is_built_and_loads_nothing_from_other_hosts() {
    let has_mdbook = Command::new("mdbook").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !has_mdbook {
        return skip("mdbook", "mdbook is not on PATH");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let site = folder.path().join("site");
    let ran = Command::new(root().join("scripts/site.sh")).arg(&site).output().expect("site.sh starts");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() && !said.contains("ERROR") && !said.contains("WARN"), "{said}");
    let mut files = Vec::new();
    below(&site, &mut files);
    let pages: Vec<PathBuf> =
        files.iter().filter(|p| p.extension().is_some_and(|e| e == "html")).cloned().collect();
    assert!(pages.len() > 40 && site.join("docs/reference/run-toml.html").is_file(), "{} pages", pages.len());
    let mut offenders = Vec::new();
    for page in &pages {
        let html = read(page);
        let name = page.strip_prefix(&site).expect("below the site").display();
        for link in attributes(&html, "href").into_iter().chain(attributes(&html, "src")) {
            if let Some(why) = broken(&site, page, &link) {
                offenders.push(format!("{name}: {link}: {why}"));
            }
        }
        // What is loaded with the page; links that a reader clicks may lead elsewhere.
        let loaded = html.split("<link ").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
        let loaded =
            loaded.flat_map(|tag| attributes(&format!(" {tag}"), "href")).chain(attributes(&html, "src"));
        offenders.extend(loaded.filter(|l| is_elsewhere(l)).map(|l| format!("{name}: loads {l}")));
    }
    for style in files.iter().filter(|p| p.extension().is_some_and(|e| e == "css")) {
        let text = read(style);
        if text.contains("url(http")
            || text.contains("url(\"http")
            || text.contains("url('http")
            || text.contains("@import")
        {
            offenders.push(format!("{}: loads from elsewhere", style.display()));
        }
    }
    offenders.sort();
    offenders.dedup();
    check::none(&offenders, "links of the site that lead nowhere, and what it loads from other hosts");
    assert!(fs::read_dir(&site).expect("the site").count() > 5);
}

#[test]
fn a_link_of_the_site_that_leads_nowhere_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = folder.path();
    fs::create_dir(site.join("a")).expect("a folder");
    fs::write(site.join("a/index.html"), "<h1 id=\"x\">").expect("a file");
    let page = site.join("b.html");
    for fine in ["a", "a/index.html#x", "https://example.com/"] {
        assert_eq!(broken(site, &page, fine), None, "{fine}");
    }
    for bad in ["c.html", "a/index.html#y", "../x"] {
        assert!(broken(site, &page, bad).is_some(), "{bad}");
    }
    assert_eq!(attributes("<a href=\"b&amp;c\" data-href=\"d\">", "href"), ["b&c"]);
}
