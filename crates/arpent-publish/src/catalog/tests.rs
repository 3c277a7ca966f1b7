use serde_json::json;

use super::*;
use crate::hash::Digest;
use crate::media::ROLE_METADATA;
use crate::publish::StagedArtifact;

/// An item as runs publish it, as far as a catalog reads it.
fn item(id: &str, bbox: [f64; 4], year: Option<u16>) -> Value {
    let [west, south, east, north] = bbox;
    let ring = json!([[west, south], [east, south], [east, north], [west, north], [west, south]]);
    let mut item = json!({
        "type": "Feature", "stac_version": "1.1.0", "id": id, "bbox": bbox,
        "geometry": { "type": "Polygon", "coordinates": [ring] },
        "properties": { "title": "Roofs", "proj:code": "EPSG:2154", "gsd": 0.2, "arpent:acquired": "unknown" },
        "links": [],
        "assets": {
            "labels.tif": { "href": "./labels.tif", "type": "image/tiff", "roles": ["data", "labels"] },
            "chip-1.webp": { "href": "./chip-1.webp", "type": "image/webp", "roles": ["chip"] },
        },
    });
    if let Some(year) = year {
        item["properties"]["arpent:acquired"] = Value::Null;
        item["properties"]["datetime"] = format!("{year}-07-01T00:00:00Z").into();
    }
    item
}

/// Publishes a run with an item, and whatever `change` makes of both.
fn publish(target: &Target, mut item: Value, change: impl FnOnce(&mut Manifest, &mut Value)) -> Manifest {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(ITEM_NAME);
    let mut manifest = crate::publish::tests::manifest(item["id"].as_str().unwrap());
    manifest.model.id = "roofs".into();
    change(&mut manifest, &mut item);
    let bytes = json_document(&item).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let staged = StagedArtifact {
        path,
        name: ITEM_NAME.into(),
        role: ROLE_METADATA.into(),
        media_type: "application/geo+json".into(),
        digest: Digest { size: bytes.len() as u64, sha256: sha256_hex(&bytes) },
    };
    target.publish(&[staged], manifest, true).unwrap().manifest
}

fn document(target: &Target, href: &str) -> Value {
    serde_json::from_slice(&target.read(href, ObjectKind::Document).unwrap().unwrap()).unwrap()
}

#[test]
fn a_collection_covers_its_items_and_links_to_them_in_the_order_of_their_dates() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap().to_owned();
    for root in [Target::parse(&folder).unwrap(), Target::parse("memory:///maps").unwrap()] {
        let below = |name: &str| root.below(name).unwrap();
        let later = publish(&below("a/2024"), item("run-b", [3.0, 46.0, 4.0, 47.0], Some(2024)), |_, _| ());
        let former = publish(&below("z"), item("run-a", [2.0, 47.0, 2.5, 47.5], Some(2021)), |_, item| {
            item["properties"]["license"] = "etalab-2.0".into();
            item["properties"]["gsd"] = 0.5.into();
        });
        let report = root.catalog(Some("Town")).unwrap();
        assert_eq!((report.items, report.collections.len(), report.written), (2, 1, 2));
        let collection = document(&root, "collections/roofs/collection.json");
        assert_eq!(collection["extent"]["spatial"]["bbox"], json!([[2.0, 46.0, 4.0, 47.5]]));
        assert_eq!(
            collection["extent"]["temporal"]["interval"],
            json!([["2021-07-01T00:00:00Z", "2024-07-01T00:00:00Z"]])
        );
        assert_eq!(collection["summaries"]["gsd"], json!({ "minimum": 0.2, "maximum": 0.5 }));
        assert_eq!((&collection["title"], &collection["license"]), (&json!("Roofs"), &json!("other")));
        assert_eq!(
            collection["item_assets"],
            json!({ "labels.tif": { "type": "image/tiff", "roles": ["data", "labels"] } })
        );
        let links = collection["links"].as_array().unwrap();
        let items: Vec<&str> =
            links.iter().filter(|link| link["rel"] == "item").map(|l| l["href"].as_str().unwrap()).collect();
        let expected = [
            format!("../../z/{}/item.json", former.attempt),
            format!("../../a/2024/{}/item.json", later.attempt),
        ];
        assert_eq!(items, expected);
        let top = document(&root, "catalog.json");
        assert_eq!((&top["title"], &top["links"][1]["rel"]), (&json!("Town"), &json!("child")));
        assert_eq!(top["links"][1]["href"], "./collections/roofs/collection.json");
        // Nothing changes, and nothing is written.
        assert_eq!(root.catalog(Some("Town")).unwrap().written, 0);
        assert_eq!(root.catalog(None).unwrap().written, 0, "it keeps its title");
        assert_eq!(root.catalog(Some("City")).unwrap().written, 1);
    }
}

#[test]
fn what_is_not_complete_or_has_no_item_is_left_out_and_named() {
    let root = Target::parse("memory:///several").unwrap();
    let below = |name: &str| root.below(name).unwrap();
    publish(&root, item("run-1", [2.0, 47.0, 2.5, 47.5], None), |_, _| ());
    publish(&below("other"), item("run-1", [2.0, 47.0, 2.5, 47.5], None), |_, _| ());
    let attempt = crate::names::unique_key();
    below("half").replace(&format!("{attempt}/labels.tif"), vec![1], "x").unwrap();
    below("planned").replace("jobs/0123456789abcdef/plan.json", vec![1], "x").unwrap();
    // The job of several maps, each in a folder beside its state.
    below("grouped").replace("jobs/0123456789abcdef/plan.json", vec![1], "x").unwrap();
    publish(&below("grouped/utm31"), item("run-2", [2.0, 47.0, 2.5, 47.5], None), |_, _| ());
    let zonal = crate::publish::tests::manifest("zonal-1");
    below("zonal").publish(&[], zonal, false).unwrap();
    let report = root.catalog(None).unwrap();
    assert_eq!(report.begun, ["half", "planned"]);
    assert_eq!((report.without_item, report.repeated), (vec!["zonal".to_owned()], vec!["other".to_owned()]));
    assert_eq!(report.items, 2);
    let collection = document(&root, "collections/roofs/collection.json");
    assert_eq!(collection["extent"]["temporal"]["interval"], json!([["1858-01-01T00:00:00Z", null]]));
}

#[test]
fn collections_follow_the_configuration_and_those_that_are_no_more_go() {
    let root = Target::parse("memory:///follow").unwrap();
    let at = root.below("map").unwrap();
    let bbox = [2.0, 47.0, 2.5, 47.5];
    publish(&at, item("run-1", bbox, None), |manifest, _| manifest.model.id = "été/v1".into());
    assert_eq!(root.catalog(None).unwrap().collections[0].id, "-t--v1");
    publish(&at, item("run-1", bbox, None), |manifest, _| {
        manifest.counts.change = Some(json!({ "dates": [] }));
    });
    let report = root.catalog(None).unwrap();
    assert_eq!((report.collections[0].id.as_str(), report.deleted), ("change", 1));
    assert_eq!(root.read("collections/-t--v1/collection.json", ObjectKind::Document).unwrap(), None);
    publish(&at, item("run-1", bbox, None), |manifest, _| {
        manifest.config = json!({ "publish": { "collection": "land-cover" } });
    });
    assert_eq!(root.catalog(None).unwrap().collections[0].id, "land-cover");
    // Without outputs, an older catalog becomes empty.
    root.delete_below("map").unwrap();
    let report = root.catalog(None).unwrap();
    assert_eq!((report.items, report.deleted), (0, 1));
}

#[test]
fn a_catalog_across_the_antimeridian_is_narrow() {
    let root = Target::parse("memory:///dateline").unwrap();
    publish(&root.below("west").unwrap(), item("r1", [178.0, -18.0, 179.0, -17.0], None), |_, _| ());
    publish(&root.below("east").unwrap(), item("r2", [-179.5, -18.0, -179.0, -17.0], None), |_, _| ());
    publish(&root.below("both").unwrap(), item("r3", [179.5, -17.0, -179.5, -16.0], None), |_, item| {
        let square = |west: f64, east: f64| {
            json!([[[west, -17.0], [east, -17.0], [east, -16.0], [west, -16.0], [west, -17.0]]])
        };
        item["geometry"] =
            json!({ "type": "MultiPolygon", "coordinates": [square(179.5, 180.0), square(-180.0, -179.5)] });
    });
    root.catalog(None).unwrap();
    let collection = document(&root, "collections/roofs/collection.json");
    assert_eq!(collection["extent"]["spatial"]["bbox"], json!([[178.0, -18.0, -179.0, -16.0]]));
}

#[test]
fn what_cannot_be_read_or_is_of_another_is_refused_by_its_name() {
    use arpent_base::Diagnostic as _;

    let root = Target::parse("memory:///refused").unwrap();
    let refused = |name: &str| {
        let error = root.catalog(None).unwrap_err();
        assert!(error.to_string().contains(name) && error.hint().is_some(), "{error}");
        error
    };
    assert!(matches!(refused("refused"), PublishError::NoManifest { .. }));
    root.replace("catalog.json", b"{\"type\": \"Catalog\"}".to_vec(), JSON).unwrap();
    assert!(matches!(refused("refused/catalog.json"), PublishError::ForeignCatalog { .. }));
    root.block_on(root.writable().unwrap().delete("catalog.json")).unwrap();
    let good = publish(&root.below("good").unwrap(), item("r1", [2.0, 47.0, 2.5, 47.5], None), |_, _| ());
    root.below("new")
        .unwrap()
        .replace("manifest.json", b"{\"format\": \"arpent-run/2\"}".to_vec(), JSON)
        .unwrap();
    assert!(matches!(refused("refused/new"), PublishError::ManifestFormat { .. }));
    assert_eq!(root.read("catalog.json", ObjectKind::Document).unwrap(), None, "nothing was written");
    root.delete_below("new").unwrap();
    root.replace(&format!("good/{}/item.json", good.attempt), b"{}".to_vec(), JSON).unwrap();
    assert!(matches!(refused("refused/good"), PublishError::NotAsPublished { .. }));
    let mut deep = root.clone();
    for _ in 0..20 {
        deep = deep.below("a").unwrap();
    }
    deep.replace("x", vec![1], "x").unwrap();
    assert!(matches!(refused("refused"), PublishError::TooDeep { .. }));
}

#[test]
fn names_that_no_link_can_have_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let root = Target::parse(dir.path().to_str().unwrap()).unwrap();
    std::fs::create_dir(dir.path().join("a#b")).unwrap();
    std::fs::create_dir_all(dir.path().join("communauté 1/c")).unwrap();
    std::fs::write(dir.path().join("a#b/x"), "x").unwrap();
    publish(&root.below("communauté 1/c").unwrap(), item("r1", [2.0, 47.0, 2.5, 47.5], None), |_, _| ());
    let report = root.catalog(None).unwrap();
    assert_eq!((report.items, report.unnamed.len()), (1, 1));
    let collection = document(&root, "collections/roofs/collection.json");
    assert!(collection["links"][2]["href"].as_str().unwrap().starts_with("../../communauté 1/c/"));
}
