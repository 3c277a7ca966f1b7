//! What QGIS shows of outputs, and what is left of them after it opened them.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_raster::Window;
use arpent_testing::{Asked, Picture, qgis};
use serde_json::{Value, json};

use crate::change::{change, dated, images, pair, soils_and_zones};
use crate::common::{Map, Place};
use crate::detection::place_of_dots;
use crate::review::{add, review};
use crate::zonal::{ROADS, ZONES, zonal};

/// A name that would be markup in XML, HTML, SQL and expressions.
const HOSTILE: &str = "toits <b> & \"d'eau\" %] \\ 🌳";
const PUBLISHED: &str = "[publish]\ntitle = \"Pays d'Aix <2024>\"\nlicense = \"Licence Ouverte 2.0\"\nattribution = \"Prises de vues : IGN\"\n";

/// A map in French whose classes have French names.
fn french_map() -> (Place, Map) {
    let place = Place::new();
    let path = place.path("model/model.json");
    let mut package: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for class in package["classes"].as_array_mut().unwrap() {
        let id = class["id"].as_u64().unwrap();
        class["name_fr"] = if id == 1 { HOSTILE.into() } else { format!("classe {id} (fr)").into() };
    }
    std::fs::write(&path, package.to_string()).unwrap();
    place.config(&format!("[features]\ntitles = \"fr\"\n{PUBLISHED}"));
    place.draw("a.tif", &Picture::new(9, 12), Window::new(3_260_007, -34_310_013, 180, 170));
    let map = place.run(&["a.tif"], "out", &[]);
    (place, map)
}

/// The address of a project in a GeoPackage.
fn inside(map: &Map, file: &str) -> String {
    let name = file.strip_suffix(".gpkg").unwrap();
    format!("geopackage:{}?projectName={name}", map.file(file).display())
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A layer of a project by its title.
#[track_caller]
fn layer<'v>(project: &'v Value, name: &str) -> &'v Value {
    let layers = project["layers"].as_array().unwrap();
    layers.iter().find(|layer| layer["name"] == name).unwrap_or_else(|| panic!("{name}: {project}"))
}

/// A project in which nothing is missing, and that draws something.
#[track_caller]
fn is_whole(project: &Value) {
    assert_eq!(project["read"], true, "{project}");
    let layers = project["layers"].as_array().unwrap();
    assert!(!layers.is_empty());
    for layer in layers {
        assert_eq!(layer["valid"], true, "{layer}");
        assert!(layer["drawn"]["errors"].as_array().is_none_or(Vec::is_empty), "{layer}");
        assert!(layer["name"].as_str().is_some_and(|name| !name.is_empty()));
    }
    assert!(project["drawn"]["colors"].as_object().unwrap().len() > 2, "{}", project["drawn"]);
}

/// Pairs of label and color of a legend.
fn legend(layer: &Value) -> Vec<(String, String)> {
    let of = |row: &Value| (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned());
    layer["legend"].as_array().unwrap().iter().map(of).collect()
}

/// What a legend of a map's classes must be: names in French, colors.
fn classes(map: &Map) -> Vec<(String, String)> {
    let model = map.root.join("../model/model.json");
    let package: Value = serde_json::from_slice(&std::fs::read(model).unwrap()).unwrap();
    let of = |class: &Value| {
        (class["name_fr"].as_str().unwrap().to_owned(), class["color"].as_str().unwrap().to_owned())
    };
    package["classes"].as_array().unwrap().iter().map(of).collect()
}

/// The pixels of each color are those of the class in the raster.
#[track_caller]
fn is_drawn_as(layer: &Value, raster: &[u8], classes: &[(String, String)]) {
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for value in raster {
        let color = classes.get(usize::from(*value)).map_or("#ff00ff", |(_, color)| color);
        *expected.entry(color).or_default() += 1;
    }
    let drawn: BTreeMap<&str, u64> = layer["drawn"]["colors"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(color, count)| (color.as_str(), count.as_u64().unwrap()))
        .collect();
    assert_eq!(drawn, expected, "{}", layer["name"]);
}

fn map_is_shown(map: &Map, project: &Value, own: &Value) {
    is_whole(project);
    assert_eq!((&project["title"], &project["crs"]), (&"Pays d'Aix <2024>".into(), &"EPSG:2154".into()));
    let place = |side: i64| json!(f64::from(i32::try_from(side).unwrap()) * 0.2);
    let extent = [3_260_007, 34_309_843, 3_260_187, 34_310_013].map(place);
    for (found, expected) in project["extent"].as_array().unwrap().iter().zip(&extent) {
        assert!((found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-6, "{}", project["extent"]);
    }
    assert!(project["abstract"].as_str().unwrap().contains("Licence : Licence Ouverte 2.0"), "{project}");
    let groups =
        json!([["Résultats", [["Objets", true]]], ["Rasters", [["Carte", true], ["Confiance", false]]]]);
    assert_eq!(project["groups"], groups);
    let classes = classes(map);
    let (raster, features) = (layer(project, "Carte"), layer(project, "Objets"));
    assert_eq!(legend(raster), classes, "exactly the classes, with their colors and names");
    is_drawn_as(raster, &map.labels(), &classes);
    assert_eq!(layer(project, "Confiance")["legend"][2][0], "50 %");
    let kept = map.manifest["counts"]["features_per_class"].as_object().unwrap().len();
    assert_eq!(legend(features).len(), kept);
    assert!(legend(features).iter().all(|row| classes.contains(row)), "{:?}", legend(features));
    assert_eq!(features["features"], map.manifest["counts"]["features"]);
    assert!(features["source"].as_str().unwrap().ends_with("features.fgb"), "{}", features["source"]);
    assert_eq!((&features["read_only"], &features["editable"]), (&true.into(), &false.into()));
    assert_eq!(features["rights"], json!(["Prises de vues : IGN"]));
    assert_eq!(features["licenses"], json!(["Licence Ouverte 2.0"]));
    are_french(features);
    // The project inside the GeoPackage has the same layer, to be edited in a copy.
    is_whole(own);
    let own_features = layer(own, "Objets");
    assert_eq!(legend(own_features), legend(features));
    assert_eq!((&own_features["read_only"], &own_features["editable"]), (&false.into(), &true.into()));
    assert!(own["title"].as_str().unwrap().contains("à modifier, dans une copie"), "{}", own["title"]);
    are_french(own_features);
}

fn are_french(features: &Value) {
    let alias = |column: &str| features["aliases"][column].clone();
    assert_eq!(
        (alias("state"), alias("acquired")),
        ("État de validation".into(), "Date de prise de vue".into())
    );
    assert_eq!(features["value_maps"]["state"], json!([["proposition, non vérifiée", "not_verified"]]));
    let named = &features["value_maps"]["class_name"];
    assert!(named.as_array().unwrap().contains(&json!([HOSTILE, "class 1"])), "{named}");
    // A map tip says what it is, with what certainty, and that nobody has verified it.
    let tips: Vec<&str> =
        features["tips"].as_array().unwrap().iter().map(|tip| tip.as_str().unwrap()).collect();
    assert!(tips.iter().all(|tip| tip.contains("proposition, non vérifiée") && tip.contains("Surface (m²)")));
    let hostile = HOSTILE.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert!(tips.iter().any(|tip| tip.starts_with(&format!("<b>{hostile}</b>"))), "{tips:?}");
}

fn change_is_shown(project: &Value, own: &Value) {
    is_whole(project);
    is_whole(own);
    let groups = project["groups"].as_array().unwrap();
    let names: Vec<&str> = groups.iter().map(|group| group[0].as_str().unwrap()).collect();
    assert_eq!(names, ["Résultats", "Zones et bilans", "Rasters"]);
    let zones = &groups[1][1];
    assert!(zones.as_array().unwrap().contains(&json!(["commune", true])), "{zones}");
    assert!(zones.as_array().unwrap().contains(&json!(["Différentiel", false])), "{zones}");
    let events = layer(project, "Changements");
    assert_eq!(events["attribute"], "kind");
    let kinds = [
        "apparu",
        "disparu",
        "agrandi",
        "réduit",
        "déplacé",
        "divisé",
        "fusionné",
        "réorganisé",
        "changé de classe",
    ];
    let labels: Vec<String> = legend(events).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, kinds);
    assert_eq!(events["value_maps"]["vote_class"], json!([["oui", "1"], ["non", "0"]]));
    let tips = events["tips"].as_array().unwrap();
    // Without images there is no score, and the tip says so.
    assert!(tips.iter().all(|tip| tip.as_str().unwrap().contains("<td>aucun</td>")), "{tips:?}");
    assert!(tips.iter().any(|tip| tip.as_str().unwrap().contains("<b>agrandi</b>")), "{tips:?}");
    assert_eq!(layer(project, "commune")["labels"], true);
    assert_eq!(layer(project, "Différentiel")["attribute"], "artificialisation");
    let soils = legend(layer(project, "Différentiel"));
    assert_eq!(soils[0].0, "artificialisation");
    assert_eq!(layer(own, "Filiation")["aliases"]["from_id"], "Objet avant");
}

#[test]
fn qgis_shows_outputs_right_and_leaves_them_intact() {
    let (map_place, map) = french_map();
    let change_place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&change_place, "before.tif"), after.write(&change_place, "after.tif"));
    let config = format!("titles = \"fr\"\n{}", soils_and_zones(&change_place));
    change(&change_place, &config, &b, &a, "out", &[]).expect(0);
    let compared = Map::at(&change_place.path("out"));
    let image_place = Place::empty();
    let [old, new] = images(&image_place, 0, &[[100, 100, 140, 130]]);
    let config = dated("2018-06-01", "2021-06-01", "[events]\nmin_area_m2 = 4.0\n");
    change(&image_place, &config, &old, &new, "out", &[]).expect(0);
    let of_images = Map::at(&image_place.path("out"));
    let (dots_place, scene) = place_of_dots();
    let dots = dots_place.run(&[&scene], "out", &[]);

    let picture = |place: &Place, name: &str| text(&place.path(name));
    let geopackage = text(&map.file("features.gpkg"));
    let asked = Asked {
        projects: vec![
            [text(&map.file("map.qgz")), picture(&map_place, "map.png")],
            [inside(&map, "features.gpkg"), picture(&map_place, "own.png")],
            [text(&compared.file("map.qgz")), picture(&change_place, "map.png")],
            [inside(&compared, "events.gpkg"), picture(&change_place, "own.png")],
            [text(&of_images.file("map.qgz")), picture(&image_place, "map.png")],
            [text(&dots.file("map.qgz")), picture(&dots_place, "map.png")],
        ],
        files: vec![
            text(&map.file("labels.tif")),
            text(&map.file("confidence.tif")),
            text(&map.file("features.fgb")),
            text(&map.file("features.geojson")),
            format!("{geopackage}|layername=features"),
            text(&compared.file("map.tif")),
        ],
        edits: vec![
            format!("{geopackage}|layername=features"),
            format!("{}|layername=events", compared.file("events.gpkg").display()),
            format!("{}|layername=commune", compared.file("balance.gpkg").display()),
            text(&map.file("features.fgb")),
            text(&map.file("features.geojson")),
        ],
    };
    let bytes = std::fs::read(&geopackage).unwrap();
    let Some(shown) = qgis(&asked) else { return };
    let projects = shown["projects"].as_array().unwrap();
    map_is_shown(&map, &projects[0], &projects[1]);
    change_is_shown(&projects[2], &projects[3]);
    is_whole(&projects[4]);
    assert_eq!(layer(&projects[4], "Difference between the images")["renderer"], "singlebandpseudocolor");
    is_whole(&projects[5]);
    assert_eq!(legend(layer(&projects[5], "Features")).len(), 1, "the class of the detections");
    // A file that is opened by itself has the style beside it, or inside it.
    let files = shown["files"].as_array().unwrap();
    let classes = classes(&map);
    assert_eq!(legend(&files[0]), classes);
    assert_eq!(files[1]["renderer"], "singlebandpseudocolor");
    for file in &files[2..5] {
        assert_eq!(file["renderer"], "categorizedSymbol", "{file}");
        assert_eq!(legend(file), legend(layer(&projects[0], "Objets")));
        assert!(file["tips"][0].as_str().unwrap().contains("non vérifiée"));
    }
    // Editing that is canceled changes the header of a GeoPackage, and nothing that it holds.
    let edits = shown["edits"].as_array().unwrap();
    assert!(edits[..3].iter().all(|edit| edit["began"] == true && edit["canceled"] == true), "{edits:?}");
    assert!(bytes != std::fs::read(&geopackage).unwrap(), "this test edits nothing");
    for place in [&map_place, &change_place, &image_place, &dots_place] {
        place.arpent(&["check", "out"]).expect(0);
    }
    // What is saved is damage.
    crate::common::gdal("ogrinfo", &["-sql", "UPDATE features SET state = 'x'", &geopackage]);
    let damaged = map_place.arpent(&["check", "out"]).expect(1);
    assert!(damaged.out.contains("features.gpkg"), "{}", damaged.out);
}

/// A map without rasters, and what persons decided about it.
fn decided_without_rasters() -> (Place, Map, Map) {
    let (place, _) = french_map();
    place.config("[features]\ntitles = \"fr\"\nformats = [\"geoparquet\", \"flatgeobuf\"]\n[rasters]\nlabels = false\nconfidence = false\n");
    let bare = place.run(&["a.tif"], "bare", &[]);
    let files = std::fs::read_dir(bare.file("map.qgz").parent().unwrap()).unwrap();
    assert!(files.flatten().all(|file| file.path().extension().is_none_or(|ending| ending != "tif")));
    review(&place, &["new", "bare", "--name", "first"]).expect(0);
    let layer = bare.file("features.fgb");
    let csv = crate::common::gdal(
        "ogr2ogr",
        &["-f", "CSV", "-select", "id", "/vsistdout/", layer.to_str().unwrap()],
    );
    let ids: Vec<&str> = csv.lines().skip(1).map(|id| id.trim_matches('"')).collect();
    add(&place, "bare", &["--feature", ids[0], "--verdict", "invalidated", "--reason", "absent"]);
    add(&place, "bare", &["--feature", ids[1], "--verdict", "confirmed"]);
    review(&place, &["publish", "bare", "--to", "decided"]).expect(0);
    let decided = Map::at(&place.path("decided"));
    (place, bare, decided)
}

#[test]
fn outputs_without_rasters_and_zones_are_shown() {
    let (place, bare, decided) = decided_without_rasters();
    let measured = crate::zonal::place();
    zonal(&measured, &format!("titles = \"fr\"\n{ZONES}"), "zones", &[]).expect(0);
    zonal(&measured, &format!("titles = \"fr\"\n{ROADS}"), "roads", &[]).expect(0);
    let [zones, roads] = ["zones", "roads"].map(|name| Map::at(&measured.path(name)));
    let picture = |place: &Place, name: &str| text(&place.path(name));
    let asked = Asked {
        projects: vec![
            [text(&bare.file("map.qgz")), picture(&place, "bare.png")],
            [text(&decided.file("map.qgz")), picture(&place, "decided.png")],
            [text(&zones.file("map.qgz")), picture(&measured, "zones.png")],
            [text(&roads.file("map.qgz")), picture(&measured, "roads.png")],
        ],
        files: vec![
            text(&zones.file("zones.gpkg")),
            text(&zones.file("zones.csv")),
            text(&roads.file("zones.gpkg")),
            text(&roads.file("zones.csv")),
            text(&decided.file("superseded.fgb")),
        ],
        edits: Vec::new(),
    };
    let Some(shown) = qgis(&asked) else { return };
    let projects = shown["projects"].as_array().unwrap();
    for project in projects {
        is_whole(project);
    }
    assert_eq!(projects[0]["groups"], json!([["Résultats", [["Objets", true]]]]));
    let groups = json!([
        ["Résultats", [["Objets", true]]],
        ["Propositions remplacées", [["Propositions remplacées", false]]]
    ]);
    assert_eq!(projects[1]["groups"], groups);
    assert_eq!(layer(&projects[1], "Objets")["attribute"], "state");
    assert_eq!(layer(&projects[1], "Propositions remplacées")["features"], 1);
    for project in &projects[2..] {
        let zones = layer(project, "Zones");
        assert_eq!(
            (&zones["labels"], &zones["aliases"]["state"]),
            (&true.into(), &"État de validation".into())
        );
    }
    // Each file by itself: with the style inside it or beside it, the table with its titles.
    let files = shown["files"].as_array().unwrap();
    let renderers: Vec<&Value> = files.iter().map(|file| &file["renderer"]).collect();
    assert_eq!(json!(renderers), json!(["singleSymbol", null, "singleSymbol", null, "categorizedSymbol"]));
    for (file, titles) in files.iter().zip([["Surface (m²)", "non vérifiée"]; 4]) {
        let tip = file["tips"][0].as_str().unwrap();
        assert!(titles.iter().all(|title| tip.contains(title)), "{tip}");
    }
    assert_eq!(legend(&files[0])[0].1, legend(layer(&projects[2], "Zones"))[0].1);
    place.arpent(&["check", "decided"]).expect(0);
    measured.arpent(&["check", "roads"]).expect(0);
}

#[test]
fn files_for_qgis_are_left_out_on_request_and_do_not_change_the_run() {
    let (place, map) = french_map();
    place.config("[features]\ntitles = \"fr\"\n[publish]\nqgis = false\n");
    let without = place.run(&["a.tif"], "without", &[]);
    assert_eq!(map.manifest["run_id"], without.manifest["run_id"]);
    let names = |map: &Map| map.hashes().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let files = ["labels.qml", "confidence.qml", "features.qml", "map.qgz"];
    assert!(files.iter().all(|file| names(&map).iter().any(|name| name == file)), "{:?}", names(&map));
    assert!(names(&without).iter().all(|name| !name.contains(".qml") && !name.contains(".qgz")));
    // GDAL lists no such table, which is QGIS's own.
    let has_project = |map: &Map| {
        let bytes = std::fs::read(map.file("features.gpkg")).unwrap();
        let name = b"qgis_projects";
        bytes.windows(name.len()).any(|part| part == name)
    };
    assert!(has_project(&map) && !has_project(&without));
    // The layer itself reads as ever: the only one with geometries.
    let inspected = place.arpent(&["inspect", map.file("features.gpkg").to_str().unwrap()]).expect(0);
    assert!(inspected.out.contains("class 1"), "{}", inspected.out);
    // Another size of windows gives the same files.
    place.config(&format!("[features]\ntitles = \"fr\"\n{PUBLISHED}"));
    let small = place.run(&["a.tif"], "small", &["--window", "32", "--threads", "1"]);
    let files =
        |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
    assert_eq!(files(&map), files(&small));
}
