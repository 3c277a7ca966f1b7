//! A static STAC catalog of the outputs below an address: `catalog.json`, a collection for each task, and links to the items
//! where they were published.
//!
//! Items have no links to their collection: they are part of an output, which a catalog does not change.

mod collection;
mod outputs;

use std::collections::BTreeMap;

use arpent_base::{json_document, sha256_hex};
use serde::Serialize;
use serde_json::Value;

use crate::error::{PublishError, Result};
use crate::limits::ObjectKind;
use crate::manifest::{Artifact, Manifest};
use crate::media::ITEM_NAME;
use crate::names::is_plain;
use crate::target::Target;
pub use collection::CollectionReport;
use collection::{CATALOG_FORMAT, CATALOG_NAME, Collection, catalog, path_of};

/// Title of a catalog that was given none.
const TITLE: &str = "Maps";
/// Collection of comparisons.
const CHANGE: &str = "change";
/// Collection of maps whose model has no name that could be one.
const OTHER: &str = "other";
const JSON: &str = "application/json";

/// A catalog that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CatalogReport {
    /// The address of the catalog.
    pub catalog: String,
    /// Its collections, by their ids.
    pub collections: Vec<CollectionReport>,
    /// Items in total.
    pub items: usize,
    /// Outputs that are not complete, and are left out: folders with files of a run and without a manifest.
    pub begun: Vec<String>,
    /// Outputs without a STAC item, which are left out: zonal statistics.
    pub without_item: Vec<String>,
    /// Outputs of a run that another output holds, too, and which is in the catalog.
    pub repeated: Vec<String>,
    /// Folders whose names cannot be part of a link; nothing in them is in the catalog.
    pub unnamed: Vec<String>,
    /// Documents that were written; those with the right bytes stay.
    pub written: usize,
    /// Documents of collections that are no more, which were deleted.
    pub deleted: usize,
}

impl Target {
    /// Writes the catalog of all outputs below this address: each document whole, collections first, `catalog.json` last. The
    /// same outputs give the same bytes. Outputs without a manifest are left out and reported. Without a title, a catalog that is
    /// there keeps its own.
    ///
    /// # Errors
    /// [`PublishError::NoManifest`] without any complete output, [`PublishError::ForeignCatalog`], the errors of
    /// [`Target::read_manifest`] for an output whose manifest cannot be read, [`PublishError::NotAsPublished`] when its item
    /// was changed, [`PublishError::TooDeep`], [`PublishError::ReadOnly`], [`PublishError::Store`]. Nothing is written then,
    /// but after an error of the store.
    pub fn catalog(&self, title: Option<&str>) -> Result<CatalogReport> {
        let missing = || PublishError::NoManifest { url: self.url().to_owned() };
        if self.session()?.is_none() {
            return Err(missing());
        }
        let session = self.writable()?;
        let former = self.former()?;
        let outputs = self.block_on(session.outputs())?;
        if outputs.complete.is_empty() && former.is_none() {
            return Err(missing());
        }
        let mut report = CatalogReport {
            catalog: format!("{}/{CATALOG_NAME}", self.url()),
            collections: Vec::new(),
            items: 0,
            begun: outputs.begun,
            without_item: Vec::new(),
            repeated: Vec::new(),
            unnamed: outputs.unnamed,
            written: 0,
            deleted: 0,
        };
        let mut collections = BTreeMap::<String, Collection>::new();
        for folder in outputs.complete {
            let output = if folder.is_empty() { self.clone() } else { self.below(&folder)? };
            let Some(found) = output.item()? else {
                report.without_item.push(folder);
                continue;
            };
            let href = if folder.is_empty() { found.href } else { format!("{folder}/{}", found.href) };
            if !collections.entry(found.collection).or_default().add(&found.item, &href) {
                report.repeated.push(folder);
            }
        }
        for (id, collection) in &collections {
            report.written += self.put(&path_of(id), &collection.document(id))?;
            report.collections.push(collection.report(id));
            report.items += collection.items();
        }
        let (kept, former) = former.unwrap_or_default();
        let title = title.or(kept.as_deref()).unwrap_or(TITLE);
        report.written += self.put(CATALOG_NAME, &catalog(title, &collections))?;
        // No reader of the new catalog looks for them.
        for id in former.into_iter().filter(|id| !collections.contains_key(id)) {
            self.block_on(session.delete(&path_of(&id)))?;
            self.forget_folder(&format!("collections/{id}"));
            report.deleted += 1;
        }
        Ok(report)
    }

    /// Title, and ids of the collections, of a catalog that is there; `None` without one.
    fn former(&self) -> Result<Option<(Option<String>, Vec<String>)>> {
        let Some(bytes) = self.read(CATALOG_NAME, ObjectKind::Document)? else { return Ok(None) };
        let found: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if found["arpent:format"] != CATALOG_FORMAT {
            return Err(PublishError::ForeignCatalog { place: format!("{}/{CATALOG_NAME}", self.url()) });
        }
        let links = found["links"].as_array().into_iter().flatten();
        let hrefs = links.filter(|link| link["rel"] == "child").filter_map(|link| link["href"].as_str());
        let id = |href: &str| {
            let id = href.strip_prefix("./collections/")?.strip_suffix("/collection.json")?;
            is_plain(id).then(|| id.to_owned())
        };
        Ok(Some((found["title"].as_str().map(str::to_owned), hrefs.filter_map(id).collect())))
    }

    /// Writes a document, unless it is there already; the number of documents written.
    fn put(&self, href: &str, document: &Value) -> Result<usize> {
        let bytes =
            json_document(document).map_err(|source| PublishError::Json { what: "the catalog", source })?;
        if self.read(href, ObjectKind::Document)?.is_some_and(|found| found == bytes) {
            return Ok(0);
        }
        self.replace(href, bytes, JSON)?;
        Ok(1)
    }

    /// The item of this output; `None` if its run has none.
    fn item(&self) -> Result<Option<FoundItem>> {
        let mut manifest = self.read_manifest()?;
        loop {
            let Some(artifact) = item_of(&manifest) else { return Ok(None) };
            let found = self.read(&artifact.href, ObjectKind::Document)?;
            if found.is_none() {
                // The output may have been replaced since its manifest was read.
                let now = self.read_manifest()?;
                if now.attempt != manifest.attempt {
                    manifest = now;
                    continue;
                }
            }
            let item = self.as_item(artifact, found.as_deref())?;
            let (href, collection) = (artifact.href.clone(), collection_of(&manifest));
            return Ok(Some(FoundItem { item, href, collection }));
        }
    }

    /// An item that is the published one.
    fn as_item(&self, artifact: &Artifact, found: Option<&[u8]>) -> Result<Value> {
        let not = |what: &str| PublishError::NotAsPublished {
            url: self.url().to_owned(),
            href: artifact.href.clone(),
            what: what.to_owned(),
        };
        let bytes = found.ok_or_else(|| not("missing"))?;
        if sha256_hex(bytes) != artifact.sha256 {
            return Err(not("its bytes differ"));
        }
        let item: Value = serde_json::from_slice(bytes).map_err(|_| not("it is not JSON"))?;
        if item["type"] == "Feature" && item["id"].is_string() {
            Ok(item)
        } else {
            Err(not("it is not a STAC item"))
        }
    }
}

/// The item of an output.
struct FoundItem {
    item: Value,
    /// Relative to the output.
    href: String,
    /// Id of the collection that it belongs to.
    collection: String,
}

fn item_of(manifest: &Manifest) -> Option<&Artifact> {
    manifest.artifacts.iter().find(|artifact| artifact.href.ends_with(&format!("/{ITEM_NAME}")))
}

/// The collection of an output: that of its configuration, or one for its task.
fn collection_of(manifest: &Manifest) -> String {
    let configured = manifest.config["publish"]["collection"].as_str().filter(|name| is_plain(name));
    if let Some(name) = configured {
        return name.to_owned();
    }
    if manifest.counts.change.is_some() {
        return CHANGE.to_owned();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    let name: String = manifest.model.id.chars().map(plain).collect();
    if is_plain(&name) { name } else { OTHER.to_owned() }
}

#[cfg(test)]
mod tests;
