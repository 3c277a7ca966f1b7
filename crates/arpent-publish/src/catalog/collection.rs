//! Documents of a static STAC 1.1 catalog: a collection of items, and the catalog of collections.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::dateline::{Extent, Rings};

/// Version of STAC, also that of the items.
const STAC: &str = "1.1.0";
/// Extension of the codes of CRS in summaries.
const PROJECTION: &str = "https://stac-extensions.github.io/projection/v2.0.0/schema.json";
/// Start of the interval of scenes without a date, as the items have it: the first aerial photograph.
const FIRST_PHOTOGRAPH: &str = "1858-01-01T00:00:00Z";
/// Roles of assets of which every item has its own, such as pictures of events.
const OF_ONE_ITEM: [&str; 1] = ["chip"];

/// Format of the catalogs that this version writes, in `arpent:format`: other catalogs are not touched.
pub(super) const CATALOG_FORMAT: &str = "arpent-catalog/1";
/// Name of the catalog.
pub(super) const CATALOG_NAME: &str = "catalog.json";

/// Path of a collection.
pub(super) fn path_of(id: &str) -> String {
    format!("collections/{id}/collection.json")
}

/// A collection that grows item by item.
#[derive(Debug, Default)]
pub(super) struct Collection {
    /// Titles of its items.
    titles: BTreeSet<String>,
    extent: Extent,
    /// Earliest start and latest end of items with a date.
    interval: Option<[String; 2]>,
    licenses: BTreeSet<String>,
    /// By their texts, so that each is there once.
    providers: BTreeMap<String, Value>,
    license_links: BTreeMap<String, Value>,
    crs: BTreeSet<String>,
    /// Smallest and largest size of a pixel, meters.
    gsd: Option<[f64; 2]>,
    assets: BTreeMap<String, Value>,
    /// Start and place of each item, and the link to it.
    links: BTreeMap<(String, String), Value>,
    ids: BTreeSet<String>,
}

impl Collection {
    /// Number of items.
    pub(super) fn items(&self) -> usize {
        self.links.len()
    }

    /// Adds an item, at a path relative to the catalog; `false` if an item with its id is there.
    pub(super) fn add(&mut self, item: &Value, href: &str) -> bool {
        let id = item["id"].as_str().unwrap_or_default();
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        let properties = &item["properties"];
        let text = |name: &str| properties[name].as_str().map(str::to_owned);
        for rings in polygons(&item["geometry"]) {
            self.extent.add(&rings);
        }
        let start = self.add_time(properties);
        self.licenses.insert(text("license").unwrap_or_else(|| "other".to_owned()));
        for provider in properties["providers"].as_array().into_iter().flatten() {
            self.providers.insert(provider.to_string(), provider.clone());
        }
        for link in item["links"].as_array().into_iter().flatten().filter(|link| link["rel"] == "license") {
            self.license_links.insert(link.to_string(), link.clone());
        }
        self.crs.extend(text("proj:code"));
        if let Some(gsd) = properties["gsd"].as_f64() {
            let [least, most] = self.gsd.unwrap_or([gsd, gsd]);
            self.gsd = Some([least.min(gsd), most.max(gsd)]);
        }
        self.add_assets(&item["assets"]);
        let title = text("title");
        let named = match (&title, &start) {
            (Some(title), Some(start)) => format!("{title}, {}", start.get(..10).unwrap_or(start)),
            (Some(title), None) => title.clone(),
            (None, _) => id.to_owned(),
        };
        self.titles.insert(title.unwrap_or_default());
        let link = json!({
            "rel": "item", "href": format!("../../{href}"), "type": "application/geo+json", "title": named,
        });
        self.links.insert((start.unwrap_or_default(), href.to_owned()), link);
        true
    }

    /// Widens the interval by an item's; its start, if it has a date.
    fn add_time(&mut self, properties: &Value) -> Option<String> {
        if properties["arpent:acquired"] == "unknown" {
            return None;
        }
        let time =
            |name: &str| properties[name].as_str().or(properties["datetime"].as_str()).map(str::to_owned);
        let (start, end) = (time("start_datetime")?, time("end_datetime")?);
        // Times are all UTC, in one form.
        self.interval = Some(match self.interval.take() {
            Some([first, last]) => [first.min(start.clone()), last.max(end)],
            None => [start.clone(), end],
        });
        Some(start)
    }

    /// Describes assets; of those that differ between items, what is equal.
    fn add_assets(&mut self, assets: &Value) {
        for (name, asset) in assets.as_object().into_iter().flatten() {
            let roles = asset["roles"].as_array().into_iter().flatten();
            if roles.clone().any(|role| OF_ONE_ITEM.iter().any(|one| role == one)) {
                continue;
            }
            let mut described = json!({});
            for key in ["type", "roles"] {
                if !asset[key].is_null() {
                    described[key] = asset[key].clone();
                }
            }
            let known = self.assets.entry(name.clone()).or_insert_with(|| described.clone());
            if let Some(fields) = known.as_object_mut() {
                fields.retain(|key, value| described[key] == *value);
            }
        }
    }

    /// Its title: that of all its items, or its id.
    fn title<'a>(&'a self, id: &'a str) -> &'a str {
        let mut titles = self.titles.iter();
        match (titles.next(), titles.next()) {
            (Some(only), None) if !only.is_empty() => only,
            _ => id,
        }
    }

    /// The document.
    pub(super) fn document(&self, id: &str) -> Value {
        let interval = match &self.interval {
            Some([start, end]) => json!([start, end]),
            None => json!([FIRST_PHOTOGRAPH, null]),
        };
        let bbox = self.extent.bbox().unwrap_or([-180.0, -90.0, 180.0, 90.0]);
        let license = match (self.licenses.first(), self.licenses.len()) {
            (Some(license), 1) => license,
            _ => "other",
        };
        let mut summaries = json!({});
        if !self.crs.is_empty() {
            summaries["proj:code"] = json!(self.crs);
        }
        if let Some([least, most]) = self.gsd {
            summaries["gsd"] = json!({ "minimum": least, "maximum": most });
        }
        let to_catalog = |rel: &str| json!({ "rel": rel, "href": format!("../../{CATALOG_NAME}"), "type": "application/json" });
        let links = [to_catalog("root"), to_catalog("parent")].into_iter();
        let mut document = json!({
            "type": "Collection",
            "stac_version": STAC,
            "stac_extensions": if self.crs.is_empty() { vec![] } else { vec![PROJECTION] },
            "id": id,
            "title": self.title(id),
            "description": format!(
                "{}: maps and vintages. What is in them are proposals of a model, which no person has verified.",
                self.title(id)
            ),
            "license": license,
            "extent": { "spatial": { "bbox": [bbox] }, "temporal": { "interval": [interval] } },
            "summaries": summaries,
            "item_assets": self.assets,
            "links": links.chain(self.license_links.values().cloned()).chain(self.links.values().cloned()).collect::<Value>(),
        });
        if !self.providers.is_empty() {
            document["providers"] = self.providers.values().cloned().collect();
        }
        document
    }

    /// What the report says of it.
    pub(super) fn report(&self, id: &str) -> CollectionReport {
        CollectionReport {
            id: id.to_owned(),
            title: self.title(id).to_owned(),
            items: self.items(),
            place: path_of(id),
        }
    }
}

/// A collection of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CollectionReport {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Number of its items.
    pub items: usize,
    /// Its document, relative to the catalog.
    pub place: String,
}

/// The catalog of some collections.
pub(super) fn catalog(title: &str, collections: &BTreeMap<String, Collection>) -> Value {
    let own = json!({ "rel": "root", "href": format!("./{CATALOG_NAME}"), "type": "application/json" });
    let child = |(id, collection): (&String, &Collection)| {
        json!({
            "rel": "child", "href": format!("./{}", path_of(id)), "type": "application/json", "title": collection.title(id),
        })
    };
    json!({
        "type": "Catalog",
        "stac_version": STAC,
        "arpent:format": CATALOG_FORMAT,
        "id": "arpent",
        "title": title,
        "description": "Vector maps made of aerial and satellite imagery. What is in them are proposals, which no person has verified.",
        "links": std::iter::once(own).chain(collections.iter().map(child)).collect::<Value>(),
    })
}

/// The polygons of a geometry.
fn polygons(geometry: &Value) -> Vec<Rings> {
    let coordinates = &geometry["coordinates"];
    let parsed = match geometry["type"].as_str() {
        Some("Polygon") => serde_json::from_value(coordinates.clone()).map(|rings| vec![rings]),
        _ => serde_json::from_value(coordinates.clone()),
    };
    parsed.unwrap_or_default()
}
