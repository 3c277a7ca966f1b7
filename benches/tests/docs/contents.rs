//! Tables of contents: of the site, and of the folders that pages link to.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::markdown::{Page, files, title};
use crate::{check, read, root};

/// The site's own table of contents, in the form that mdBook reads.
const SUMMARY: &str = "docs/SUMMARY.md";

/// The pages of folders.
pub(crate) fn indexes() -> Vec<(String, String)> {
    vec![
        (
            "docs/adr/README.md".into(),
            index(
                "Decisions",
                "Architecture decision records: constraints, decision, alternatives.",
                "docs/adr",
            ),
        ),
        ("models/README.md".into(), index("Model cards", "The model packages that are shipped.", "models")),
        (
            "benches/runs/README.md".into(),
            index(
                "Run files",
                "Every figure of the documentation has its run here: command, machine, result.",
                "benches/runs",
            ),
        ),
    ]
}

/// The page of a folder: its pages by their titles.
fn index(name: &str, about: &str, folder: &str) -> String {
    let mut text = format!("# {name}\n\n{about}\n\n");
    for page in below(folder) {
        let link = page.strip_prefix(folder).expect("below the folder");
        let _ = writeln!(text, "- [{}]({})", title(&page), link.display());
    }
    text
}

/// The pages below a folder by name, without its index.
fn below(folder: &str) -> Vec<PathBuf> {
    files()
        .into_iter()
        .filter(|path| path.starts_with(folder) && *path != Path::new(folder).join("README.md"))
        .collect()
}

/// The guides in the order in which the README links to them; then others by name.
fn guides() -> Vec<PathBuf> {
    let links = Page::parse(&read(&root().join("README.md"))).links;
    let place =
        |path: &Path| links.iter().position(|(_, link)| Path::new(link) == path).unwrap_or(usize::MAX);
    let mut guides = below("docs/guides");
    guides.sort_by_key(|path| (place(path), path.clone()));
    guides
}

/// The site's table of contents; it takes the titles of all other pages.
pub(crate) fn summary() -> (String, String) {
    let docs = below("docs").into_iter().filter(|path| path.parent() == Some(Path::new("docs")));
    let (project, docs): (Vec<PathBuf>, Vec<PathBuf>) =
        docs.filter(|path| path != Path::new(SUMMARY)).partition(|path| path.ends_with("style.md"));
    let mut text = "# Summary\n\n<!-- Generated: `just schema-write`. Guides come in the order of the README's links. -->\n\n\
                    [Arpent](../README.md)\n"
        .to_owned();
    let mut part = |name: &str, pages: Vec<(usize, PathBuf)>| {
        let _ = write!(text, "\n# {name}\n\n");
        for (depth, page) in pages {
            let link =
                page.strip_prefix("docs").map_or_else(|_| Path::new("..").join(&page), Path::to_path_buf);
            let _ =
                writeln!(text, "{:indent$}- [{}]({})", "", title(&page), link.display(), indent = 2 * depth);
        }
    };
    let flat = |pages: Vec<PathBuf>| pages.into_iter().map(|page| (0, page)).collect::<Vec<_>>();
    let folder = |name: &str| {
        let pages = below(name).into_iter().map(|page| (1, page));
        std::iter::once((0, Path::new(name).join("README.md"))).chain(pages).collect::<Vec<_>>()
    };
    part("Guides", flat(guides()));
    part("Reference", flat(below("docs/reference").into_iter().chain(docs).collect()));
    part("Models", folder("models"));
    let of_project = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from);
    let of_project = flat(of_project.into_iter().chain(project).collect());
    part("Project", of_project.into_iter().chain(folder("docs/adr")).chain(folder("benches/runs")).collect());
    (SUMMARY.into(), text)
}

#[test]
fn every_page_of_the_documentation_is_in_the_table_of_contents() {
    let listed: Vec<PathBuf> =
        Page::parse(&read(&root().join(SUMMARY))).links.into_iter().map(|(_, link)| link.into()).collect();
    let missing = below("docs").into_iter().filter(|path| path != Path::new(SUMMARY)).filter(|path| {
        let link = path.strip_prefix("docs").expect("below docs");
        !listed.iter().any(|listed| listed == link)
    });
    let missing: Vec<String> = missing.map(|path| path.display().to_string()).collect();
    check::none(&missing, "pages in no table of contents; hint: `just schema-write`");
}
