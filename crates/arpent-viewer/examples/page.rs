//! Makes a page of facts: `page < FACTS.json > index.html`, or the page at the address of an output: `page entry`. The tests
//! of the programs of the pages make theirs with it.

use std::io::{Write as _, stdin, stdout};

use arpent_base::Failure;
use arpent_viewer::{Facts, entry, page};

fn main() -> Result<(), Failure> {
    let html = if std::env::args().nth(1).as_deref() == Some("entry") {
        entry()
    } else {
        let facts: Facts = serde_json::from_reader(stdin().lock()).map_err(Failure::foreign)?;
        page(&facts)?
    };
    Ok(stdout().lock().write_all(html.as_bytes())?)
}
