//! Makes a page of facts: `page < FACTS.json > index.html`. The tests of the page's program make theirs with it.

use std::io::{Write as _, stdin, stdout};

use arpent_base::Failure;
use arpent_viewer::{Facts, page};

fn main() -> Result<(), Failure> {
    let facts: Facts = serde_json::from_reader(stdin().lock()).map_err(Failure::foreign)?;
    Ok(stdout().lock().write_all(page(&facts)?.as_bytes())?)
}
