//! What describes outputs for others: the catalog, sheets and schemas, and the page at the address of an output.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::Value;

use crate::common::{Place, gdal};

const SCENE: Window = Window::new(3_260_000, -34_310_000, 90, 70);

fn place(more: &str) -> Place {
    let place = Place::new();
    place.config(more);
    place.draw("a.tif", &Picture::new(5, 24), SCENE);
    place
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every file below a folder with its bytes, but for those of attempts.
fn catalog_files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    files.insert("catalog.json".to_owned(), std::fs::read(root.join("catalog.json")).unwrap());
    for entry in std::fs::read_dir(root.join("collections")).unwrap().flatten() {
        let path = entry.path().join("collection.json");
        files.insert(path.display().to_string(), std::fs::read(path).unwrap());
    }
    files
}

#[test]
fn a_catalog_leads_to_every_map_and_is_written_once() {
    let place = place(
        "[publish]\ntitle = \"Arbres\"\nlicense = \"Licence Ouverte 2.0\"\norganization = \"Commune\"\n",
    );
    let maps = [("2021", "maps/town/2021"), ("2024", "maps/town/2024")]
        .map(|(year, output)| place.run(&["a.tif"], output, &["--acquired", year]));
    place.write("zones.geojson", ZONES);
    let zonal = "zones = \"zones.geojson\"\nformats = [\"csv\"]\n";
    place.write("zonal.toml", zonal);
    let words = ["zonal", "zonal.toml", "--map", "maps/town/2021", "--output", "maps/per-zone"];
    place.arpent(&words).expect(0);
    // A run that was killed: files of an attempt, and no manifest.
    let half = place.path("maps/half/20260102T030405Z-0123456789abcdef");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("labels.tif"), "x").unwrap();
    let first = place.arpent(&["catalog", "maps", "--format", "json"]).expect(0);
    let report: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!((&report["items"], &report["written"]), (&2.into(), &2.into()), "{report}");
    assert_eq!((&report["begun"][0], &report["without_item"][0]), (&"half".into(), &"per-zone".into()));
    assert!(first.err.contains("half") && first.err.contains("per-zone"), "{}", first.err);

    let root = place.path("maps");
    let collection = json(&root.join("collections/hand-set/collection.json"));
    assert_eq!(collection["extent"]["temporal"]["interval"][0][0], "2021-01-01T00:00:00Z");
    assert!(collection["extent"]["temporal"]["interval"][0][1].as_str().unwrap().starts_with("2024-12-31"));
    assert_eq!((&collection["title"], &collection["license"]), (&"Arbres".into(), &"etalab-2.0".into()));
    assert_eq!(collection["providers"][0]["name"], "Commune");
    let links = collection["links"].as_array().unwrap().iter();
    let items: Vec<_> =
        links.filter(|link| link["rel"] == "item").map(|link| link["href"].as_str().unwrap()).collect();
    for (href, map) in items.iter().zip(&maps) {
        let found = root.join("collections/hand-set").join(href);
        assert_eq!(json(&found), json(&map.file("item.json")), "{href}");
    }
    assert_eq!(items.len(), 2);
    // The same outputs, the same bytes; also where they were written in another order.
    let files = catalog_files(&root);
    let again: Value =
        serde_json::from_str(&place.arpent(&["catalog", "maps", "--format", "json"]).expect(0).out).unwrap();
    assert_eq!((&again["written"], &again["deleted"]), (&0.into(), &0.into()));
    assert_eq!(catalog_files(&root), files);
    // Neither of them is a leftover, and every output is intact.
    let cleaned = place.arpent(&["gc", "maps", "--older-than", "0s", "--format", "json"]).expect(0);
    assert_eq!(serde_json::from_str::<Value>(&cleaned.out).unwrap()["leftovers"], Value::Array(Vec::new()));
    assert_eq!(catalog_files(&root), files);
    place.arpent(&["check", "maps/town/2021"]).expect(0);
}

const ZONES: &str = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},
"features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[652000,6861990],[652010,6861990],[652010,6862000],[652000,6862000],[652000,6861990]]]}}]}"#;

#[test]
fn what_a_catalog_cannot_hold_is_refused_by_its_name() {
    let place = place("");
    place.arpent(&["catalog", "nowhere"]).expect(2);
    let map = place.run(&["a.tif"], "maps/good", &[]);
    std::fs::create_dir_all(place.path("maps/new")).unwrap();
    place.write("maps/new/manifest.json", "{\"format\": \"arpent-run/2\"}");
    let refused = place.arpent(&["catalog", "maps"]).expect(2);
    assert!(refused.err.contains("maps/new") && refused.err.contains("arpent-run/2"), "{}", refused.err);
    assert!(!place.path("maps/catalog.json").exists());
    std::fs::remove_dir_all(place.path("maps/new")).unwrap();
    // An item that someone changed.
    std::fs::write(map.file("item.json"), "{}").unwrap();
    let refused = place.arpent(&["catalog", "maps"]).expect(2);
    assert!(refused.err.contains("maps/good") && refused.err.contains("hint: "), "{}", refused.err);
    // A catalog of another program.
    place.write("maps/catalog.json", "{\"type\": \"Catalog\"}");
    let refused = place.arpent(&["catalog", "maps"]).expect(2);
    assert!(refused.err.contains("maps/catalog.json"), "{}", refused.err);
}

#[test]
fn sheets_say_in_french_what_the_manifest_has() {
    const HOSTILE: &str = "Toits & <b>arbres</b> \\\"2024\\\"";
    let place = place(&format!(
        "[publish]\ntitle = \"{HOSTILE}\"\nlicense = \"lov2\"\norganization = \"Ville d'Été\"\ncontact = \"carto@example.org\"\n\
         attribution = \"IGN, BD ORTHO\"\n"
    ));
    let map = place.run(&["a.tif"], "out", &["--acquired", "2024-07-14"]);
    let xml = std::fs::read_to_string(map.file("metadata.xml")).unwrap();
    let created = &map.manifest["created"].as_str().unwrap()[..10];
    for expected in [
        "<gmd:title>\n      <gco:CharacterString>Toits &amp; &lt;b&gt;arbres&lt;/b&gt; ",
        "<gco:CharacterString>Ville d&apos;Été</gco:CharacterString>",
        "<gco:CharacterString>carto@example.org</gco:CharacterString>",
        "<gco:CharacterString>lov2 (https://spdx.org/licenses/etalab-2.0.html)</gco:CharacterString>",
        "<gco:CharacterString>http://www.opengis.net/def/crs/EPSG/0/2154</gco:CharacterString>",
        "<gml:beginPosition>2024-07-14</gml:beginPosition>",
        "<gco:Distance uom=\"m\">0.2</gco:Distance>",
        &format!("<gco:Date>{created}</gco:Date>"),
        map.manifest["run_id"].as_str().unwrap(),
        map.manifest["model"]["sha256"].as_str().unwrap(),
    ] {
        assert!(collapsed(&xml).contains(&collapsed(expected)), "{expected} in {xml}");
    }
    assert!(!xml.contains("Occupation des terres"), "these classes are no land cover");
    let text = std::fs::read_to_string(map.file("data-gouv.fr.md")).unwrap();
    for expected in [
        "Toits & \\<b\\>arbres",
        "lov2 (etalab-2.0)",
        "Du 14/07/2024 au 14/07/2024",
        "carto@example.org",
        "features.gpkg",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    // What persons are told is in the item, the tiles and the layer, too.
    let item = json(&map.file("item.json"));
    assert_eq!(item["properties"]["license"], "etalab-2.0");
    assert_eq!(item["properties"]["providers"][0]["description"], "Contact: carto@example.org");
    assert_eq!(item["assets"]["metadata.xml"]["roles"][0], "metadata");
    assert!(tile_metadata(&map.file("features.pmtiles")).contains("\"attribution\":\"IGN, BD ORTHO\""));
    let package = map.file("features.gpkg");
    let described =
        gdal("ogrinfo", &["-q", "-sql", "SELECT description FROM gpkg_contents", package.to_str().unwrap()]);
    assert!(described.contains("License: lov2. Attribution: IGN, BD ORTHO"), "{described}");
    // None of it is another result, and all of it can be left out.
    place.config("[publish]\nmetadata = false\n");
    let without = place.run(&["a.tif"], "without", &["--acquired", "2024-07-14"]);
    assert_eq!(without.manifest["run_id"], map.manifest["run_id"]);
    let names: Vec<String> = without.hashes().into_iter().map(|(name, _)| name).collect();
    let described = ["features.schema.json", "metadata.xml", "data-gouv.fr.md"];
    assert!(!names.iter().any(|name| described.contains(&name.as_str())));
    place.config("[publish]\ncollection = \"../x\"\n");
    let refused = place.try_run(&["a.tif"], "refused", &[]).expect(2);
    assert!(refused.err.contains("line 3") && refused.err.contains("collection"), "{}", refused.err);
}

/// The metadata of an archive of tiles: bytes 24 to 40 of its header have their place and length.
fn tile_metadata(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let number =
        |at: usize| usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap();
    let compressed = path.with_extension("metadata.gz");
    std::fs::write(&compressed, &bytes[number(24)..number(24) + number(32)]).unwrap();
    gdal("gzip", &["-dc", compressed.to_str().unwrap()])
}

/// A text without the white space of its lines.
fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><")
}

#[test]
fn a_schema_has_the_columns_of_its_table_and_the_classes_of_the_model() {
    let place = place("");
    let map = place.run(&["a.tif"], "out", &[]);
    let schema = json(&map.file("features.schema.json"));
    let names = |fields: &Value| -> Vec<Value> {
        fields.as_array().unwrap().iter().map(|field| field["name"].clone()).collect()
    };
    assert_eq!(names(&schema["fields"]), names(&map.manifest["columns"]["fields"]));
    let field = |name: &str| {
        schema["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone()
    };
    let counted = map.manifest["counts"]["features_per_class"].as_object().unwrap();
    let classes = field("class_name")["constraints"]["enum"].clone();
    assert!(counted.keys().all(|name| classes.as_array().unwrap().contains(&name.as_str().into())));
    assert_eq!(field("state")["constraints"]["enum"][0], "not_verified");
    assert_eq!((&schema["title"], &schema["title:fr"]), (&"Features".into(), &"Entités".into()));
    assert_eq!(field("score")["constraints"]["maximum"], 1);
}

#[test]
fn the_page_of_an_address_is_the_same_everywhere_and_leaves_others_alone() {
    let place = place("");
    let map = place.run(&["a.tif"], "out", &[]);
    let entry = |output: &str| std::fs::read(place.path(output).join("index.html")).unwrap();
    let page = entry("out");
    assert!(String::from_utf8_lossy(&page).contains("arpent-entry/1"));
    // It names no attempt, so it cannot name a wrong one.
    assert!(!String::from_utf8_lossy(&page).contains(map.manifest["attempt"].as_str().unwrap()));
    place.run(&["a.tif"], "out", &["--overwrite"]);
    assert_eq!(entry("out"), page);
    let plan = place.plan(&["a.tif"], "merged", 1, &[]);
    place.worker(&plan, 0).expect(0);
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    assert_eq!(entry("merged"), page);
    // A merge that was killed before it wrote the page: the next one finds the map, and writes it.
    std::fs::remove_file(place.path("merged/index.html")).unwrap();
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    assert_eq!(entry("merged"), page);
    place.arpent(&["gc", "out", "--older-than", "0s"]).expect(0);
    assert_eq!(entry("out"), page);
    place.arpent(&["check", "out"]).expect(0);
    // A page of an older version is replaced; one of someone else stays, and the run says so.
    place.write("out/index.html", "<meta name=\"generator\" content=\"arpent-entry/1\">");
    place.run(&["a.tif"], "out", &["--overwrite"]);
    assert_eq!(entry("out"), page);
    place.write("out/index.html", "<h1>Mairie</h1>");
    let said = place.try_run(&["a.tif"], "out", &["--overwrite"]).expect(0).err;
    assert!(said.contains("index.html is a page of someone else"), "{said}");
    assert_eq!(entry("out"), b"<h1>Mairie</h1>");
    place.config("[publish]\nviewer = false\n");
    place.run(&["a.tif"], "none", &[]);
    assert!(!place.path("none/index.html").exists());
}
