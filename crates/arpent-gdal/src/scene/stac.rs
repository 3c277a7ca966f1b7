//! Scenes of STAC items and item collections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::open::open_raster;
use super::source::{ItemScaling, SceneProjection, SceneSource};
use crate::error::cannot_open;
use crate::guard::without_blanks;
use crate::setup::quiet;
use crate::uri::{decoded, extension, gdal_path, is_local, is_remote};
use crate::{GdalError, ffi};

/// Bytes of a page of an item collection at most.
const MAX_BYTES: usize = 64 << 20;
/// Pages of a collection at most.
const MAX_PAGES: usize = 1000;
/// Items of a collection at most, over all pages: each is held in memory.
const MAX_ITEMS: usize = 1_000_000;
/// Asset keys that are preferred if several assets are suitable.
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
    end_datetime: Option<String>,
    #[serde(rename = "s2:processing_baseline")]
    baseline: Option<serde_json::Value>,
    #[serde(rename = "earthsearch:boa_offset_applied")]
    offset_applied: Option<serde_json::Value>,
    #[serde(flatten)]
    projection: Projection,
}

/// Version 1 of the extension has `proj:epsg`, version 2 `proj:code`.
#[derive(Deserialize, Default)]
struct Projection {
    #[serde(rename = "proj:code")]
    code: Option<String>,
    #[serde(rename = "proj:epsg")]
    epsg: Option<u32>,
    #[serde(rename = "proj:wkt2")]
    wkt2: Option<String>,
    #[serde(rename = "proj:projjson")]
    projjson: Option<serde_json::Value>,
    #[serde(rename = "proj:transform")]
    transform: Option<Vec<f64>>,
    #[serde(rename = "proj:shape")]
    shape: Option<[usize; 2]>,
    #[serde(rename = "proj:bbox")]
    bbox: Option<Vec<f64>>,
}

impl Projection {
    fn crs(&self) -> Option<String> {
        let epsg = self.epsg.map(|code| format!("EPSG:{code}"));
        let json = self.projjson.as_ref().filter(|v| v.is_object()).map(ToString::to_string);
        self.code.clone().or(epsg).or_else(|| self.wkt2.clone()).or(json)
    }

    /// `proj:transform` is an affine matrix, row by row; two rows or three.
    fn geotransform(&self) -> Option<[f64; 6]> {
        let [gsd_x, shear_x, x, shear_y, gsd_y, y] = *self.transform.as_ref()?.first_chunk::<6>()?;
        Some([x, gsd_x, shear_x, y, shear_y, gsd_y])
    }

    fn bbox(&self) -> Option<[f64; 4]> {
        match self.bbox.as_deref()? {
            [west, south, east, north] | [west, south, _, east, north, _] => {
                Some([*west, *south, *east, *north])
            }
            _ => None,
        }
    }
}

/// The fields of the asset, else those of the item. The size of an item may be that of another asset, so position and
/// size are never taken from both.
fn projection(item: &Projection, asset: &Projection) -> SceneProjection {
    let own = asset.geotransform().is_some() || asset.shape.is_some() || asset.bbox().is_some();
    let of = if own { asset } else { item };
    SceneProjection {
        crs: asset.crs().or_else(|| item.crs()),
        geotransform: of.geotransform(),
        shape: of.shape,
        bbox: of.bbox(),
    }
}

/// The time of acquisition, or an interval `start/end`, as written in the item: the job checks dates of every origin.
/// `None` for a time before photography, which stands for "unknown".
fn acquired(properties: &Properties) -> Option<String> {
    let known = |text: &Option<String>| {
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        let year = text.split_once('-').and_then(|(year, _)| year.parse::<u32>().ok());
        year.is_none_or(|year| (FIRST_YEAR..9999).contains(&year)).then(|| text.to_owned())
    };
    known(&properties.datetime).or_else(|| {
        match (known(&properties.start_datetime), known(&properties.end_datetime)) {
            (Some(start), Some(end)) if start != end => Some(format!("{start}/{end}")),
            (start, end) => start.or(end),
        }
    })
}

/// Year of the first aerial photographs (Nadar).
const FIRST_YEAR: u32 = 1858;

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
    raster_bands: Vec<Values>,
    #[serde(flatten)]
    values: Values,
    #[serde(flatten)]
    projection: Projection,
}

/// Declarations about the values of a band, or of all bands of an asset: in `raster:bands` (version 1), or in `bands`
/// (STAC 1.1).
#[derive(Deserialize, Default)]
struct Values {
    nodata: Option<Nodata>,
    #[serde(alias = "raster:scale")]
    scale: Option<f64>,
    #[serde(alias = "raster:offset")]
    offset: Option<f64>,
}

/// A number, or one of the words for numbers that JSON lacks.
#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected a number, or \"nan\", \"inf\" or \"-inf\" for nodata")]
enum Nodata {
    Number(f64),
    Word(String),
}

impl Nodata {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            // `nan`, `inf` and `-inf` by the raster extension; Rust reads them in any case.
            Self::Word(word) => word.trim().parse().ok(),
        }
    }
}

impl Asset {
    /// Declarations about the values of a band (from 0), the most specific first.
    fn of_band(&self, i: usize) -> impl Iterator<Item = &Values> {
        let sources = [self.raster_bands.get(i), self.bands.get(i).map(|b| &b.values), Some(&self.values)];
        sources.into_iter().flatten()
    }

    /// Number of bands with a declaration.
    fn described(&self) -> usize {
        self.raster_bands.len().max(self.bands.len()).max(self.eo_bands.len()).max(1)
    }

    /// Nodata values by band.
    fn nodata(&self) -> Option<Vec<Option<f64>>> {
        let value = |i: usize| self.of_band(i).find_map(|v| v.nodata.as_ref()?.value());
        let all: Vec<_> = (0..self.described()).map(value).collect();
        all.iter().any(Option::is_some).then_some(all)
    }
}

#[derive(Deserialize)]
struct Band {
    name: Option<String>,
    common_name: Option<String>,
    #[serde(rename = "eo:common_name")]
    eo_common_name: Option<String>,
    #[serde(flatten)]
    values: Values,
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
/// [`GdalError::BadStac`], [`GdalError::StacAssets`], [`GdalError::StacHref`].
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
                    Err(bad(uri, "its next page needs a POST request, which is not supported".into()))
                }
                Some(l) => {
                    let found = resolve(uri, &l.href).map(Some);
                    found.map_err(|reason| {
                        bad(uri, format!("the link to its next page, `{}`, {reason}", l.href))
                    })
                }
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
    without_blanks(uri)?;
    let path = gdal_path(uri);
    ffi::reset_error();
    // Reading gives no reason if a remote file cannot be opened; opening it as a raster does.
    ffi::vsi_read(&path, MAX_BYTES).map_err(|message| match open_raster(uri, &path) {
        Err(why) if message.is_empty() => why,
        _ => cannot_open(uri, &path, message),
    })
}

fn scene_of(uri: &str, item: &Item) -> Result<SceneSource, GdalError> {
    let (Some(id), Some(assets)) = (&item.id, &item.assets) else {
        return Err(bad(uri, "a feature has no `id` or no `assets`".into()));
    };
    let (key, asset) = choose(uri, id, assets)?;
    let href = resolve(uri, &asset.href).map_err(|reason| GdalError::StacHref {
        path: uri.to_owned(),
        item: id.clone(),
        asset: key.clone(),
        href: asset.href.clone(),
        reason,
    })?;
    let bands = if asset.eo_bands.is_empty() { &asset.bands } else { &asset.eo_bands };
    let names: Vec<String> = bands
        .iter()
        .map(|b| b.common_name.as_ref().or(b.eo_common_name.as_ref()).or(b.name.as_ref()))
        .map(|name| name.cloned().unwrap_or_default())
        .collect();
    let named = names.iter().any(|name| !name.is_empty());
    Ok(SceneSource {
        id: id.clone(),
        acquired: acquired(&item.properties),
        band_names: named.then_some(names),
        scaling: scaling_of(item, asset),
        nodata: asset.nodata(),
        projection: projection(&item.properties.projection, &asset.projection),
        ..SceneSource::new(&href)
    })
}

fn scaling_of(item: &Item, asset: &Asset) -> ItemScaling {
    let find = |i: usize, get: fn(&Values) -> Option<f64>| asset.of_band(i).find_map(get);
    let pairs = (0..asset.described()).map(|i| (find(i, |v| v.scale), find(i, |v| v.offset)));
    let declared = |(scale, offset): (Option<f64>, Option<f64>)| {
        (scale.is_some() || offset.is_some()).then(|| [scale.unwrap_or(1.0), offset.unwrap_or(0.0)])
    };
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let properties = &item.properties;
    ItemScaling {
        bands: pairs.map(declared).collect(),
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
fn choose<'a>(
    uri: &str,
    item: &str,
    assets: &'a BTreeMap<String, Asset>,
) -> Result<(&'a String, &'a Asset), GdalError> {
    let mut candidates: Vec<_> = assets.iter().filter(|(_, a)| is_raster(a)).collect();
    if candidates.iter().any(|(_, a)| a.roles.iter().any(|r| r == "data" || r == "visual")) {
        candidates.retain(|(_, a)| a.roles.iter().any(|r| r == "data" || r == "visual"));
    }
    if let [only] = candidates[..] {
        return Ok(only);
    }
    let preferred = PREFERRED_KEYS.iter().find_map(|key| candidates.iter().find(|(k, _)| k == key));
    if let Some(asset) = preferred {
        return Ok(*asset);
    }
    let mut several = candidates.iter().filter(|(_, a)| a.eo_bands.len().max(a.bands.len()) > 1);
    if let (Some(asset), None) = (several.next(), several.next()) {
        return Ok(*asset);
    }
    let keys = candidates.iter().map(|(k, _)| (*k).clone()).collect();
    Err(GdalError::StacAssets { path: uri.to_owned(), item: item.to_owned(), assets: keys })
}

/// An href as an absolute path or URL; relative ones are resolved against their document. The error is the reason for
/// refusing it, a text that follows the href.
fn resolve(base: &str, href: &str) -> Result<String, String> {
    if href.trim().is_empty() {
        return Err("is empty".into());
    }
    if is_remote(&gdal_path(base)) {
        let url = url::Url::parse(base).and_then(|b| b.join(href));
        let url = url.map_err(|e| format!("is not an address: {e}"))?;
        // A remote document must not name local files: `s3:/x` is a path, not an address.
        let is_known = ["http", "https", "s3", "gs", "az"].contains(&url.scheme());
        // Servers decode their addresses themselves; the keys of a bucket are plain text.
        let in_bucket = ["s3", "gs", "az"].contains(&url.scheme());
        let url = if in_bucket { decoded(url.as_str()) } else { String::from(url) };
        let is_address = is_known && is_remote(&gdal_path(&url));
        return if is_address {
            Ok(url)
        } else {
            Err("is not the address of a remote file, and a remote document may name only remote files"
                .into())
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
        return Err("is neither a file nor a supported address".into());
    }
    match scheme {
        Some("s3" | "gs" | "az") => return Ok(decoded(href)),
        Some(_) => return Ok(href.to_owned()),
        None => {}
    }
    let base = base.strip_prefix("file://").map_or_else(|| base.to_owned(), decoded);
    let folder = Path::new(&base).parent().unwrap_or_else(|| Path::new(""));
    let written = folder.join(href.trim_start_matches("./"));
    // An href is a URI reference, hence percent-encoded; many writers store a plain path, in which a `%` is literal.
    let plain = decoded(href.trim_start_matches("./"));
    let is_path = is_local(&plain) && !plain.contains("://") && !plain.contains('<');
    let meant = folder.join(plain);
    let taken = if is_path && (meant.exists() || !written.exists()) { meant } else { written };
    Ok(taken.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::Diagnostic as _;
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
    fn an_item_has_nodata_scale_and_place() {
        let (_dir, path) = write(&json!({"type": "Feature", "id": "S1",
            "properties": {"datetime": null, "start_datetime": "2023-06-01T10:00:00Z",
                           "end_datetime": "2023-06-02T10:00:00Z", "proj:epsg": 2154, "proj:shape": [1, 1]},
            "assets": {"image": {"href": "o.tif", "proj:transform": [0.2, 0, 652_000, 0, -0.2, 6_862_000, 0, 0, 1],
                "raster:bands": [{"nodata": "nan", "scale": 0.1}, {"nodata": -9999, "offset": -0.1}, {}]}}}));
        let scene = &read(&path).unwrap()[0];
        assert_eq!(scene.acquired.as_deref(), Some("2023-06-01T10:00:00Z/2023-06-02T10:00:00Z"));
        let nodata = scene.nodata.as_ref().unwrap();
        assert!(nodata[0].unwrap().is_nan() && nodata[1..] == [Some(-9999.0), None]);
        assert_eq!(scene.scaling.bands, [Some([0.1, 0.0]), Some([1.0, -0.1]), None]);
        assert_eq!(scene.band_names, None);
        let place = &scene.projection;
        assert_eq!((place.crs.as_deref(), place.shape), (Some("EPSG:2154"), None));
        assert_eq!(place.geotransform, Some([652_000.0, 0.2, 0.0, 6_862_000.0, 0.0, -0.2]));
        // STAC 1.1 has it in `bands`, or for the whole asset; the years that stand for "unknown" are not dates.
        let (_dir, path) = write(&json!({"type": "Feature", "id": "S2",
            "properties": {"datetime": null, "start_datetime": "0001-01-01T00:00:00Z",
                           "end_datetime": "9999-12-31T23:59:59Z", "proj:code": "EPSG:32631"},
            "assets": {"image": {"href": "o.tif", "nodata": 0,
                "bands": [{"name": "a", "nodata": "-inf", "raster:scale": 2.0}, {"name": "b"}]}}}));
        let scene = &read(&path).unwrap()[0];
        assert_eq!(scene.nodata, Some(vec![Some(f64::NEG_INFINITY), Some(0.0)]));
        assert_eq!(scene.scaling.bands, [Some([2.0, 0.0]), None]);
        assert_eq!((scene.acquired.as_deref(), scene.projection.crs.as_deref()), (None, Some("EPSG:32631")));
    }

    #[test]
    fn a_refused_href_names_item_and_asset() {
        for href in ["ftp://h/a.tif", "/vsicurl/http://h/a.tif", "", "  "] {
            let (_dir, path) = write(&item("S9", &json!({"ortho": {"href": href, "type": "image/tiff"}})));
            let refused = read(&path).unwrap_err();
            let text = refused.to_string();
            assert!(text.contains("`S9`") && text.contains("`ortho`") && text.contains(href), "{text}");
            assert!(refused.hint().unwrap().contains("s3://"), "{href}");
        }
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
        // A server decodes its addresses; a key of a bucket and a path are plain text.
        assert_eq!(
            resolve("https://h/c/i.json", "été 1%2B.tif").unwrap(),
            "https://h/c/%C3%A9t%C3%A9%201%2B.tif"
        );
        for base in ["s3://b/c/item.json", "gs://b/c/item.json", "az://b/c/item.json"] {
            let key = resolve(base, "%C3%A9t%C3%A9%201%2B%25.tif").unwrap();
            assert_eq!(key, base.replace("item.json", "été 1+%.tif"));
        }
        assert_eq!(resolve("d/item.json", "s3://b/a%20b.tif").unwrap(), "s3://b/a b.tif");
        assert_eq!(resolve("d/item.json", "./a%20b%2Bc.tif").unwrap(), "d/a b+c.tif");
        assert_eq!(resolve("d/item.json", "/abs/100%.tif").unwrap(), "/abs/100%.tif");
        assert_eq!(resolve("file:///d%20e/item.json", "x.tif").unwrap(), "/d e/x.tif");
        // What is encoded opens no other door.
        for href in ["vrt%3A//d/x.tif", "%2Fvsizip%2Fx.zip", "%3CVRTDataset/%3E"] {
            assert_eq!(resolve("item.json", href).unwrap(), href);
        }
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
            "file:///%76sizip/x.zip",
            "file://x.tif",
            "<VRTDataset/>",
            "SENTINEL2_L1C:/d/x",
        ] {
            let refused = resolve("d/item.json", href);
            assert!(refused.is_err(), "{href}: {refused:?}");
        }
    }
}
