//! The documentation: pages that are generated from the code are current, links lead somewhere, commands that are quoted can be parsed,
//! and the site can be built.

mod check;
mod cli;
mod columns;
mod commands;
mod contents;
mod links;
mod markdown;
mod models;
mod schema;
mod site;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

/// Writes the generated pages instead of comparing them.
const WRITE: &str = "ARPENT_WRITE_PAGES";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("benches/ has a parent").to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The programs' command lines.
fn programs() -> [clap::Command; 2] {
    [arpent_cli::Cli::command(), arpent_train::command()].map(|mut command| {
        command.build();
        command
    })
}

/// The references: the path of each from the root, and its text.
fn references() -> Vec<(String, String)> {
    let page = |name: &str| format!("docs/reference/{name}.md");
    let of_schema = |name: &str, file: &str, schema: &str, about: &str| {
        let read: serde_json::Value =
            serde_json::from_str(&read(&root().join("configs").join(schema))).expect("a schema is JSON");
        (page(name), schema::page(file, schema, about, &read))
    };
    let [arpent, train] = programs();
    vec![
        (page("columns"), columns::page()),
        (page("models"), models::page()),
        (page("arpent"), cli::page(&arpent)),
        (page("arpent-train"), cli::page(&train)),
        of_schema(
            "run-toml",
            "run.toml",
            "schema.json",
            "The configuration of `arpent plan` and `arpent run`; `arpent schema` prints its JSON schema.",
        ),
        of_schema(
            "zonal-toml",
            "zonal.toml",
            "zonal.schema.json",
            "The configuration of `arpent zonal`; `arpent schema zonal` prints its JSON schema.",
        ),
        of_schema(
            "change-toml",
            "change.toml",
            "change.schema.json",
            "The configuration of `arpent change`; `arpent schema change` prints its JSON schema.",
        ),
        of_schema(
            "train-toml",
            "train.toml",
            "train.schema.json",
            "The configuration of `arpent-train`; `arpent-train schema` prints its JSON schema.",
        ),
    ]
}

/// Compares a page with what is generated, or writes it.
fn compare(pages: &[(String, String)]) -> Vec<String> {
    let write = std::env::var_os(WRITE).is_some();
    let mut old = Vec::new();
    for (path, text) in pages {
        let file = root().join(path);
        if write {
            fs::create_dir_all(file.parent().expect("a folder")).expect("the folder of a page");
            fs::write(&file, text).expect("a page can be written");
        } else if fs::read_to_string(&file).ok().as_ref() != Some(text) {
            old.push(path.clone());
        }
    }
    old
}

#[test]
fn generated_pages_are_current() {
    let mut old = compare(&references());
    // Tables of contents take their titles from the pages before.
    old.extend(compare(&contents::indexes()));
    old.extend(compare(&[contents::summary()]));
    check::none(&old, "pages that are not what is generated today; hint: `just schema-write`");
}
