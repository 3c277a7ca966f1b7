//! Scenes named by STAC items and item collections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::scaling::ItemScaling;
use crate::setup::quiet;
use crate::source::SceneSource;
use crate::uri::{extension, gdal_path, is_local, is_remote};
use crate::{GdalError, ffi, scene};

/// No item collection page is that large.
const MAX_BYTES: usize = 64 << 20;
/// Pages of a collection that are followed.
const MAX_PAGES: usize = 1000;
/// Items of a collection, all pages together: each is held in memory.
const MAX_ITEMS: usize = 1_000_000;
/// Asset keys that are taken when several assets would do.
const PREFERRED_KEYS: &[&str] = &["visual", "image", "data"];
const NOT_DATA_ROLES: &[&str] = &["thumbnail", "overview", "metadata", "cloud", "mask", "labels"];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    features: Vec<Item>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Item {
    id: Option<String>,
    #[serde(default)]
    properties: Properties,
    assets: Option<BTreeMap<String, Asset>>,
}

#[derive(Deserialize, Default)]
struct Properties {
    datetime: Option<String>,
    start_datetime: Option<String>,
    #[serde(rename = "s2:processing_baseline")]
    baseline: Option<serde_json::Value>,
    #[serde(rename = "earthsearch:boa_offset_applied")]
    offset_applied: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Asset {
    href: String,
    #[serde(rename = "type")]
    media_type: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default, rename = "eo:bands")]
    eo_bands: Vec<Band>,
    #[serde(default)]
    bands: Vec<Band>,
    #[serde(default, rename = "raster:bands")]
    raster_bands: Vec<RasterBand>,
}

/// What the raster extension says of a band, version 1: STAC 1.1 has it in `bands`.
#[derive(Deserialize)]
struct RasterBand {
    scale: Option<f64>,
    offset: Option<f64>,
}

#[derive(Deserialize)]
struct Band {
    name: Option<String>,
    common_name: Option<String>,
    #[serde(rename = "eo:common_name")]
    eo_common_name: Option<String>,
    #[serde(rename = "raster:scale")]
    scale: Option<f64>,
    #[serde(rename = "raster:offset")]
    offset: Option<f64>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
    method: Option<String>,
}

/// The scenes of an item or item collection; further pages of a collection are followed.
pub(crate) fn read(uri: &str) -> Result<Vec<SceneSource>, GdalError> {
    let mut scenes = Vec::new();
    let mut next = Some(uri.to_owned());
    let mut seen = BTreeSet::new();
    while let Some(page) = next.take() {
        if seen.len() == MAX_PAGES {
            return Err(bad(uri, format!("more than {MAX_PAGES} pages")));
        }
        if !seen.insert(page.clone()) {
            return Err(bad(uri, format!("its pages lead back to {page}")));
        }
        let (found, further) = parse(&page, &fetch(&page)?)?;
        scenes.extend(found);
        next = further;
        if scenes.len() > MAX_ITEMS {
            let (path, what) = (uri.to_owned(), "items in the collection".to_owned());
            return Err(GdalError::TooLarge {
                path,
                what,
                found: scenes.len() as u64,
                most: MAX_ITEMS as u64,
            });
        }
    }
    Ok(scenes)
}

/// The scenes of one document, and the next page of the collection that it belongs to.
///
/// # Errors
/// [`GdalError::BadStac`], [`GdalError::StacAssets`], [`GdalError::Reference`].
pub fn parse(uri: &str, bytes: &[u8]) -> Result<(Vec<SceneSource>, Option<String>), GdalError> {
    let json = |e: serde_json::Error| bad(uri, e.to_string());
    let document: Document = serde_json::from_slice(bytes).map_err(json)?;
    match document.kind.as_deref() {
        Some("Feature") => {
            let item: Item = serde_json::from_slice(bytes).map_err(json)?;
            Ok((vec![scene_of(uri, &item)?], None))
        }
        Some("FeatureCollection") => {
            let scenes =
                document.features.iter().map(|item| scene_of(uri, item)).collect::<Result<_, _>>()?;
            let next = document.links.iter().find(|l| l.rel == "next");
            let next = match next {
                Some(l) if l.method.as_deref().is_some_and(|m| m != "GET") => {
                    Err(bad(uri, "it has further pages that only a POST request would bring".into()))
                }
                Some(l) => resolve(uri, &l.href).map(Some),
                None => Ok(None),
            };
            Ok((scenes, next?))
        }
        other => Err(bad(uri, format!("its type is `{}`", other.unwrap_or("missing")))),
    }
}

fn bad(uri: &str, message: String) -> GdalError {
    GdalError::BadStac { path: uri.to_owned(), message }
}

fn fetch(uri: &str) -> Result<Vec<u8>, GdalError> {
    quiet();
    let path = gdal_path(uri);
    ffi::reset_error();
    // Reading tells no reason when a remote file cannot be opened; opening it as a raster does.
    ffi::vsi_read(&path, MAX_BYTES).map_err(|message| match scene::open_raster(uri, &path) {
        Err(why) if message.is_empty() => why,
        _ => scene::cannot_open(uri, &path, message),
    })
}

fn scene_of(uri: &str, item: &Item) -> Result<SceneSource, GdalError> {
    let (Some(id), Some(assets)) = (&item.id, &item.assets) else {
        return Err(bad(uri, "a feature has no `id` or no `assets`".into()));
    };
    let asset = choose(uri, id, assets)?;
    let href = resolve(uri, &asset.href)?;
    let bands = if asset.eo_bands.is_empty() { &asset.bands } else { &asset.eo_bands };
    let names: Vec<String> = bands
        .iter()
        .map(|b| b.common_name.as_ref().or(b.eo_common_name.as_ref()).or(b.name.as_ref()))
        .map(|name| name.cloned().unwrap_or_default())
        .collect();
    Ok(SceneSource {
        id: id.clone(),
        gdal_path: gdal_path(&href),
        uri: href,
        acquired: item.properties.datetime.clone().or_else(|| item.properties.start_datetime.clone()),
        band_names: (!names.is_empty()).then_some(names),
        scaling: scaling_of(item, asset),
    })
}

fn scaling_of(item: &Item, asset: &Asset) -> ItemScaling {
    let first = asset.raster_bands.iter().map(|b| (b.scale, b.offset));
    let later = asset.bands.iter().map(|b| (b.scale, b.offset));
    let pairs: Vec<_> = if asset.raster_bands.is_empty() { later.collect() } else { first.collect() };
    let declared = |(scale, offset): (Option<f64>, Option<f64>)| {
        (scale.is_some() || offset.is_some()).then(|| [scale.unwrap_or(1.0), offset.unwrap_or(0.0)])
    };
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let properties = &item.properties;
    ItemScaling {
        bands: pairs.into_iter().map(declared).collect(),
        baseline: properties.baseline.as_ref().map(text),
        offset_applied: properties.offset_applied.as_ref().is_some_and(|v| text(v) == "true"),
    }
}

fn is_raster(asset: &Asset) -> bool {
    let by_type = match asset.media_type.as_deref() {
        Some(t) => t.starts_with("image/tiff") || t.starts_with("image/jp2") || t.contains("geotiff"),
        None => ["tif", "tiff", "jp2", "vrt"].contains(&extension(&asset.href).as_str()),
    };
    by_type && !asset.roles.iter().any(|r| NOT_DATA_ROLES.contains(&r.as_str()))
}

/// The only raster asset; of several, the one with a usual name, or the only one with several bands.
fn choose<'a>(uri: &str, item: &str, assets: &'a BTreeMap<String, Asset>) -> Result<&'a Asset, GdalError> {
    let mut candidates: Vec<_> = assets.iter().filter(|(_, a)| is_raster(a)).collect();
    if candidates.iter().any(|(_, a)| a.roles.iter().any(|r| r == "data" || r == "visual")) {
        candidates.retain(|(_, a)| a.roles.iter().any(|r| r == "data" || r == "visual"));
    }
    if let [(_, only)] = candidates[..] {
        return Ok(only);
    }
    let preferred = PREFERRED_KEYS.iter().find_map(|key| candidates.iter().find(|(k, _)| k == key));
    if let Some((_, asset)) = preferred {
        return Ok(asset);
    }
    let mut several = candidates.iter().filter(|(_, a)| a.eo_bands.len().max(a.bands.len()) > 1);
    if let (Some((_, asset)), None) = (several.next(), several.next()) {
        return Ok(asset);
    }
    let keys = candidates.iter().map(|(k, _)| (*k).clone()).collect();
    Err(GdalError::StacAssets { path: uri.to_owned(), item: item.to_owned(), assets: keys })
}

/// An href as a path or URL of its own, relative ones seen from the document that holds it.
fn resolve(base: &str, href: &str) -> Result<String, GdalError> {
    if is_remote(&gdal_path(base)) {
        let url = url::Url::parse(base)
            .and_then(|b| b.join(href))
            .map_err(|e| bad(base, format!("{href}: {e}")))?;
        // A document from elsewhere must not name files of this machine: `s3:/x` is no address, but a path.
        let is_known = ["http", "https", "s3", "gs", "az"].contains(&url.scheme());
        let url = String::from(url);
        let is_address = is_known && is_remote(&gdal_path(&url));
        return if is_address {
            Ok(url)
        } else {
            Err(bad(base, format!("{href}: a remote document may only name remote files")))
        };
    }
    let scheme = href.split_once("://").map(|(scheme, _)| scheme);
    let path = gdal_path(href);
    let is_named = match scheme {
        Some("http" | "https" | "s3" | "gs" | "az") => is_remote(&path),
        Some("file") => is_local(&path) && Path::new(&path).is_absolute(),
        Some(_) => false,
        None => is_local(&path),
    };
    if !is_named || path.contains('<') {
        let (path, reference) = (base.to_owned(), href.to_owned());
        return Err(GdalError::Reference {
            path,
            reference,
            reason: "is neither a file nor an address of one",
        });
    }
    if scheme.is_some() || Path::new(href).is_absolute() {
        return Ok(href.to_owned());
    }
    let folder = Path::new(base).parent().unwrap_or_else(|| Path::new(""));
    Ok(folder.join(href.trim_start_matches("./")).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn write(document: &Value) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("item.json");
        std::fs::write(&path, document.to_string()).unwrap();
        let path = path.to_string_lossy().into_owned();
        (dir, path)
    }

    fn item(id: &str, assets: &Value) -> Value {
        json!({"type": "Feature", "stac_version": "1.0.0", "id": id, "geometry": null, "links": [],
               "properties": {"datetime": "2023-06-01T10:00:00Z"}, "assets": assets})
    }

    #[test]
    fn an_item_gives_its_data_asset() {
        let (dir, path) = write(&item(
            "S1",
            &json!({
                "thumb": {"href": "./t.tif", "type": "image/tiff", "roles": ["thumbnail"]},
                "ortho": {"href": "./o.tif", "type": "image/tiff; application=geotiff", "roles": ["data"],
                          "eo:bands": [{"name": "B1", "common_name": "red"}, {"name": "B04"}]}
            }),
        ));
        let scenes = read(&path).unwrap();
        assert_eq!(scenes.len(), 1);
        assert_eq!(scenes[0].id, "S1");
        assert_eq!(scenes[0].uri, dir.path().join("o.tif").to_string_lossy());
        assert_eq!(scenes[0].acquired.as_deref(), Some("2023-06-01T10:00:00Z"));
        assert_eq!(scenes[0].band_names.as_deref(), Some(&["red".to_owned(), "B04".to_owned()][..]));
    }

    #[test]
    fn several_single_band_assets_are_refused_with_their_names() {
        let asset =
            |h: &str| json!({"href": h, "type": "image/tiff; application=geotiff", "roles": ["data"]});
        let (_dir, path) = write(&item("S", &json!({"B02": asset("b2.tif"), "B03": asset("b3.tif")})));
        let e = read(&path).unwrap_err();
        assert!(matches!(&e, GdalError::StacAssets { assets, .. } if assets.len() == 2), "{e:?}");
        assert!(e.hint().unwrap().contains("gdalbuildvrt -separate"));
        let (_dir, path) = write(&item("S", &json!({"B02": asset("b2.tif"), "visual": asset("v.tif")})));
        assert!(read(&path).unwrap()[0].uri.ends_with("v.tif"));
    }

    #[test]
    fn collections_and_their_pages_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let page = |id: &str, next: Value| {
            json!({"type": "FeatureCollection", "links": next,
                   "features": [item(id, &json!({"image": {"href": format!("{id}.tif")}}))]})
        };
        let first = page("a", json!([{"rel": "next", "href": "p2.json"}]));
        std::fs::write(dir.path().join("p1.json"), first.to_string()).unwrap();
        std::fs::write(dir.path().join("p2.json"), page("b", json!([])).to_string()).unwrap();
        let scenes = read(&dir.path().join("p1.json").to_string_lossy()).unwrap();
        assert_eq!(scenes.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn pages_in_a_circle_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let page = |next: &str| {
            let links = json!([{"rel": "next", "href": next}]);
            json!({"type": "FeatureCollection", "features": [], "links": links}).to_string()
        };
        std::fs::write(dir.path().join("p1.json"), page("p2.json")).unwrap();
        std::fs::write(dir.path().join("p2.json"), page("p1.json")).unwrap();
        let e = read(&dir.path().join("p1.json").to_string_lossy()).unwrap_err();
        assert!(matches!(&e, GdalError::BadStac { message, .. } if message.contains("lead back")), "{e:?}");
    }

    #[test]
    fn other_json_is_refused() {
        for document in [json!({"a": 1}), json!([1, 2]), json!({"type": "Feature", "properties": {}})] {
            let (_dir, path) = write(&document);
            assert!(matches!(read(&path), Err(GdalError::BadStac { .. })), "{document}");
        }
        assert!(matches!(read("no/such/item.json"), Err(GdalError::Missing { .. })));
    }

    #[test]
    fn hrefs_are_seen_from_their_document() {
        assert_eq!(resolve("s3://b/c/item.json", "./x.tif").unwrap(), "s3://b/c/x.tif");
        assert_eq!(resolve("https://h/c/items/1", "../x.tif").unwrap(), "https://h/c/x.tif");
        assert_eq!(resolve("d/item.json", "https://h/x.tif").unwrap(), "https://h/x.tif");
        for href in
            ["file:///etc/passwd", "file:///vsis3/b/x.tif", "s3:/d/x.tif", "gs:x.tif", "vrt:///d/x.tif"]
        {
            assert!(resolve("https://h/item.json", href).is_err(), "{href}");
        }
        for href in [
            "vrt:///d/x.tif",
            "/vsizip/x.zip",
            "/vsicurl/http://h/x.tif",
            "zarr:\"x\"://",
            "file://vrt://d/x.tif",
            "file:///vsizip/x.zip",
            "file://x.tif",
            "<VRTDataset/>",
            "SENTINEL2_L1C:/d/x",
        ] {
            let refused = resolve("d/item.json", href);
            assert!(matches!(refused, Err(GdalError::Reference { .. })), "{href}: {refused:?}");
        }
    }
}
