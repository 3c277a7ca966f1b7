//! The sheet that explains one feature or event to a person: what the French duty to explain asks for (code CRPA, articles
//! R. 311-3-1-1 and R. 311-3-1-2), from the manifest, the description of the model in it, and the row of the feature.

mod basis;
mod event;
mod feature;
mod row;
mod sheet;

pub use sheet::{Attribute, Explained, Explanation, Statement, Topic};

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_publish::Target;

use crate::error::JobError;
use crate::report::{Material, Notable, Pictures, Thumbnails};
use crate::reports::material;
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;

/// Explains a feature or an event of a published output by its id.
///
/// Its row is found in the `GeoParquet` file by reading the column of ids, and one row: memory does not depend on the size
/// of the file.
///
/// # Errors
/// When there is no complete run or comparison, no feature has the id, or a file is not as published or cannot be read.
pub fn explain(url: &str, id: &str) -> Result<Explained> {
    set_up_gdal(None)?;
    let scratch = Scratch::new(None)?;
    let folder = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    explained(url, id, folder.path()).map_err(|error| scratch.judged(error))
}

fn explained(url: &str, id: &str, folder: &Path) -> Result<Explained> {
    let target = Target::parse(url)?;
    let manifest = target.read_manifest()?;
    if manifest.counts.zones.is_some() {
        return Err(JobError::NoReport { output: url.to_owned() }.into());
    }
    let material = material(&target, &manifest, folder)?;
    let mut table = material.table()?.ok_or_else(|| JobError::NoTable { output: url.to_owned() })?;
    let missing =
        || JobError::NoSuchFeature { output: url.to_owned(), id: id.to_owned(), file: file(&material) };
    let mut number = table.find(id)?;
    if let (None, Some(superseded)) = (number, material.superseded()?) {
        // A feature that persons invalidated can still be explained.
        (number, table) = (superseded.find(id)?, superseded);
    }
    let number = number.ok_or_else(missing)?;
    let row = table.row(number)?.ok_or_else(missing)?;
    let is_event = manifest.counts.change.is_some();
    let topics = if is_event { event::topics(&material, &row)? } else { feature::topics(&material, &row) };
    let sheet = Explanation {
        output: url.to_owned(),
        run_id: manifest.run_id.clone(),
        id: id.to_owned(),
        kind: if is_event { "event" } else { "feature" },
        state: row::text(&row, "state"),
        attributes: sheet::attributes(&material, &row),
        topics,
        contact: material.imprint.contact.clone(),
    };
    let mut pictures = Pictures::default();
    let thumbnails = if is_event {
        Thumbnails::default()
    } else {
        Thumbnails::draw(&material, &table, [&Notable::of_row(number, id)], &mut pictures)?
    };
    let html = sheet::html(&material, &sheet, (number, &thumbnails), &pictures)?;
    Ok(Explained { sheet, html })
}

/// The file of the features that a person can search.
fn file(material: &Material<'_>) -> String {
    let found = |ending: &str| {
        let names = material.files.iter().filter(|(_, file)| matches!(&*file.role, "features" | "events"));
        names.map(|(name, _)| name).find(|name| name.ends_with(ending)).cloned()
    };
    [".gpkg", ".geojson", ".parquet"].into_iter().find_map(found).unwrap_or_else(|| "the features".to_owned())
}
