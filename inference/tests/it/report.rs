//! The report of a run and of a comparison, and `arpent report`.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::change::{MAPS, change, dated, pair};
use crate::common::{Map, Place};
use crate::detection::place_of_dots;

const SCENE: Window = Window::new(3_260_000, -34_310_000, 90, 70);

fn published(more: &str) -> (Place, Map) {
    let place = Place::new();
    place.config(more);
    place.draw("a.tif", &Picture::new(5, 24), SCENE);
    let map = place.run(&["a.tif"], "out", &[]);
    (place, map)
}

fn report(map: &Map) -> String {
    std::fs::read_to_string(map.file("report.html")).unwrap()
}

/// The part of a report in one language.
fn article<'r>(report: &'r str, language: &str) -> &'r str {
    let start = format!("<article class=\"{language}\"");
    report.split(&*start).nth(1).unwrap().split("</article>").next().unwrap()
}

/// A report without what belongs to one computation.
fn without_computation(report: &str) -> String {
    let (mut rest, mut kept) = (report, String::new());
    while let Some((before, after)) = rest.split_once("<section id=\"computation-") {
        kept.push_str(before);
        rest = after.split_once("</section>").unwrap().1;
    }
    kept + rest
}

/// A row of the features, read with the library of Parquet alone.
struct Row {
    id: String,
    class: String,
    score: Option<f64>,
    area_m2: f64,
}

fn rows(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch: RecordBatch = batch.unwrap();
        let text = |name: &str, at: usize| {
            batch.column_by_name(name).unwrap().as_string::<i32>().value(at).to_owned()
        };
        let real = |name: &str, at: usize| {
            let column = batch.column_by_name(name).unwrap();
            (!column.is_null(at)).then(|| column.as_primitive::<Float64Type>().value(at))
        };
        for at in 0..batch.num_rows() {
            rows.push(Row {
                id: text("id", at),
                class: text("class_name", at),
                score: real("score", at),
                area_m2: real("area_m2", at).unwrap(),
            });
        }
    }
    rows
}

/// The figures in the cells of a row of a table.
fn figures(row: &str) -> Vec<f64> {
    row.split("<data value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

/// Number, area and mean score, in the order of the rows.
fn sums<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<f64> {
    let (mut count, mut area, mut scored, mut score) = (0.0, 0.0, 0.0, 0.0);
    for row in rows {
        count += 1.0;
        area += row.area_m2;
        if let Some(of) = row.score {
            scored += 1.0;
            score += of;
        }
    }
    if scored > 0.0 { vec![count, area, score / scored] } else { vec![count, area] }
}

fn bits(figures: &[f64]) -> Vec<u64> {
    figures.iter().map(|figure| figure.to_bits()).collect()
}

#[test]
fn every_number_of_a_report_is_that_of_the_geoparquet() {
    let (_place, map) = published("[features]\ntitles = \"fr\"\n");
    let report = report(&map);
    let rows = rows(&map.file("features.parquet"));
    assert!(rows.len() > 20);
    for language in ["fr", "en"] {
        let page = article(&report, language);
        let row = |start: &str| page.split(start).nth(1).unwrap().split("</tr>").next().unwrap().to_owned();
        let mut seen = 0;
        for class in ["class 0", "class 1", "class 2", "class 3"] {
            let start = format!("<tr data-class=\"{class}\">");
            if !page.contains(&start) {
                continue;
            }
            let expected = sums(rows.iter().filter(|row| row.class == class));
            assert_eq!(bits(&figures(&row(&start))), bits(&expected), "{class}");
            seen += 1;
        }
        assert!(seen >= 3);
        assert_eq!(bits(&figures(&row("data-all=\"1\">"))), bits(&sums(rows.iter())));
        // The tiles at the top.
        let tiles =
            figures(page.split("<ul class=\"tiles\">").nth(1).unwrap().split("</ul>").next().unwrap());
        assert_eq!(bits(&tiles), bits(&sums(rows.iter())[..2]));
        // The lists, with the values of their rows.
        let shown: Vec<(String, Vec<f64>)> = page
            .split("data-feature=\"")
            .skip(1)
            .map(|rest| {
                let mut parts = rest.split('"');
                let id = parts.next().unwrap().to_owned();
                let values = [parts.nth(1).unwrap(), parts.nth(1).unwrap()];
                (id, values.iter().map(|value| value.parse().unwrap()).collect())
            })
            .collect();
        let mut sorted: Vec<&Row> = rows.iter().filter(|row| row.score.is_some()).collect();
        let value = |row: &&Row| (row.id.clone(), vec![row.score.unwrap(), row.area_m2]);
        sorted.sort_by(|a, b| b.score.unwrap().total_cmp(&a.score.unwrap()).then_with(|| a.id.cmp(&b.id)));
        let mut expected: Vec<_> = sorted.iter().take(10).map(value).collect();
        sorted.sort_by(|a, b| a.score.unwrap().total_cmp(&b.score.unwrap()).then_with(|| a.id.cmp(&b.id)));
        expected.extend(sorted.iter().take(10).map(value));
        assert_eq!(shown, expected);
        // Each of them has a picture with its outline.
        assert_eq!(page.matches("<figure class=\"event\"").count(), 20);
        assert_eq!(page.matches("class=\"picture\" role=\"img\" aria-label=").count(), 20);
        // The bars of the scores.
        let label =
            if language == "fr" { "Nombre d'objets selon leur score" } else { "Number of features by score" };
        let label = label.replace('\'', "&#39;");
        let chart = page
            .split(&*format!("aria-label=\"{label}\""))
            .nth(1)
            .or_else(|| page.split(&*format!("aria-label=\"{}\"", label.replace("&#39;", "'"))).nth(1))
            .unwrap();
        let texts: Vec<&str> = chart
            .split("</svg>")
            .next()
            .unwrap()
            .split("</text>")
            .filter_map(|t| t.rsplit('>').next())
            .collect();
        let counts: Vec<String> = (0..10u32)
            .map(|bar| {
                let from = f64::from(bar) / 10.0;
                let is_in =
                    |score: f64| (score * 10.0).floor().min(9.0).to_bits() == (from * 10.0).round().to_bits();
                rows.iter().filter(|row| row.score.is_some_and(is_in)).count().to_string()
            })
            .collect();
        assert_eq!(texts.iter().skip(1).step_by(2).take(10).copied().collect::<Vec<_>>(), counts);
    }
    assert!(report.contains("<html lang=\"fr\">"), "the language of the titles comes first");
    let choice = report.split("<fieldset>").nth(1).unwrap();
    assert!(choice.find("language-fr").unwrap() < choice.find("language-en").unwrap());
}

#[test]
fn a_report_can_be_left_out_and_is_the_same_for_equal_maps() {
    let (place, map) = published("");
    let again = place.run(&["a.tif"], "again", &["--window", "64", "--threads", "1"]);
    let hash = |map: &Map| map.hashes().into_iter().find(|(name, _)| name == "report.html").unwrap();
    assert_eq!(hash(&map), hash(&again));
    place.config("[publish]\nreport = false\n");
    let without = place.run(&["a.tif"], "without", &[]);
    assert!(without.hashes().iter().all(|(name, _)| name != "report.html"));
    assert_eq!(without.manifest["run_id"], map.manifest["run_id"], "it is no other result");
    // It can be made all the same.
    let made = place.arpent(&["report", "without"]).expect(0).out;
    assert_eq!(without_computation(&made), without_computation(&report(&map)));
}

#[test]
fn a_report_is_one_file_that_loads_nothing_and_is_accessible() {
    let (_place, map) =
        published("[publish]\ncontact = \"cartes@example.org\"\nlicense = \"Licence Ouverte 2.0\"\n");
    let report = report(&map);
    assert!(!report.contains("<script") && !report.contains("src=") && !report.contains("url("));
    for link in report.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let inside = link.strip_prefix('#').is_some_and(|id| report.contains(&format!("id=\"{id}\"")));
        assert!(inside || link.starts_with("data:image/webp;base64,"), "{link}");
    }
    for language in ["en", "fr"] {
        let page = article(&report, language);
        assert!(page.contains("cartes@example.org") && page.contains("Licence Ouverte 2.0"));
        assert!(page.contains(map.manifest["run_id"].as_str().unwrap()));
        let mut level = 0;
        for heading in page.split("<h").skip(1).filter_map(|rest| rest.as_bytes().first()) {
            let Some(next) = heading.checked_sub(b'0').filter(|next| (1..=6).contains(next)) else {
                continue;
            };
            assert!(next <= level + 1, "h{next} follows h{level}");
            level = next;
        }
        let heads = page.matches("<th ").count() + page.matches("<th>").count();
        assert!(heads > 20 && page.matches("scope=").count() == heads, "every head of a table has a scope");
        for picture in page.split("<svg").skip(1) {
            let head = picture.split('>').next().unwrap();
            assert!(head.contains("role=\"img\"") && head.contains("aria-label=\""), "{head}");
        }
    }
    // What it says first.
    assert!(article(&report, "en").contains("This is a proposal of a model. No person has verified it."));
    assert!(article(&report, "fr").contains("Aucune personne ne l'a vérifiée."));
}

#[test]
fn arpent_report_makes_it_again_with_time_and_energy() {
    let (place, map) = published("");
    let made = place.arpent(&["report", "out"]).expect(0).out;
    assert_eq!(without_computation(&made), without_computation(&report(&map)));
    let energy = map.manifest["energy"]["quality"].as_str().unwrap();
    let word = if energy == "estimated" { "estimated from CPU time" } else { "measured by the counters" };
    assert!(made.contains(word) && made.contains("the network") && !report(&map).contains(word));
    // To a file, which is replaced.
    for _ in 0..2 {
        let ended = place.arpent(&["report", "out", "--output", "r.html"]).expect(0);
        assert_eq!(ended.out, "r.html\n");
    }
    assert_eq!(std::fs::read_to_string(place.path("r.html")).unwrap(), made);
    place.arpent(&["report", "out", "--output", "no/such/folder/r.html"]).expect(2);
    // Without its scene it says so, and one that was changed is not shown as that of the run.
    std::fs::write(place.path("a.tif"), "other").unwrap();
    let other = place.arpent(&["report", "out"]).expect(0).out;
    assert!(
        other.contains("their imagery could not be read") && !other.contains("class=\"picture\""),
        "no picture"
    );
    place.draw("a.tif", &Picture::new(6, 24), Window { width: 91, ..SCENE });
    let changed = place.arpent(&["report", "out"]).expect(0).out;
    assert!(changed.contains("the file of scene a changed since the run"), "the size differs");
    std::fs::remove_file(place.path("a.tif")).unwrap();
    let gone = place.arpent(&["report", "out"]).expect(0).out;
    assert!(gone.contains("their imagery could not be read"));
    // A file that was changed since is no source of figures.
    std::fs::write(map.file("features.parquet"), "PAR1").unwrap();
    let refused = place.arpent(&["report", "out"]).expect(2);
    assert!(refused.err.contains("features.parquet") && refused.err.contains("hint:"), "{}", refused.err);
}

#[test]
fn hostile_names_are_text() {
    let place = Place::new();
    let hostile = "<b>\\\"é🌲 & 'x'</script>";
    let package = std::fs::read_to_string(place.path("model/model.json")).unwrap();
    let package = package.replace("\"name\": \"class 1\"", &format!("\"name\": \"{hostile}\""));
    place.write("model/model.json", &package.replace("\"title\": \"", "\"title\": \"<i>&"));
    place.config("[publish]\ncontact = '<img src=x onerror=\"alert(1)\">'\nattribution = \"<script>alert(1)</script>\"\n");
    place.draw("<i>é🌲.tif", &Picture::new(5, 24), SCENE);
    let map = place.run(&["<i>é🌲.tif"], "out", &[]);
    let report = report(&map);
    assert!(report.contains("&lt;b&gt;&quot;é🌲 &amp; 'x'&lt;/script&gt;"));
    for bad in ["<script", "<img", "<b>", "<i>", "onerror=\"alert"] {
        assert!(!report.contains(bad), "{bad}");
    }
    let id = rows(&map.file("features.parquet"))[0].id.clone();
    let sheet = place.arpent(&["explain", "out", &id]).expect(0).out;
    for bad in ["<script", "<img", "<b>", "<i>", "onerror=\"alert"] {
        assert!(!sheet.contains(bad), "{bad}");
    }
}

#[test]
fn outputs_without_a_table_or_a_raster_have_a_report_that_says_so() {
    let (place, map) = published("[features]\nformats = [\"geojson\"]\n[rasters]\nlabels = false\n");
    let text = report(&map);
    let page = article(&text, "en");
    assert!(
        page.contains("no GeoParquet file") && page.contains("no raster of classes"),
        "it says what is missing"
    );
    let count = map.manifest["counts"]["features"].as_u64().unwrap();
    assert!(page.contains(&format!("{count}\u{a0}features")));
    let refused = place.arpent(&["explain", "out", "00"]).expect(2);
    assert!(refused.err.contains("no GeoParquet file") && refused.err.contains("hint:"), "{}", refused.err);
    // A model that finds boxes has no raster: its map shows dots.
    let (place, scene) = place_of_dots();
    let map = place.run(&[&scene], "out", &[]);
    let text = report(&map);
    assert!(
        article(&text, "fr").contains("class=\"map\"") && article(&text, "fr").contains("Un point par objet")
    );
    assert_eq!(without_computation(&text).matches("class=\"picture\"").count(), 40);
    // Nothing found at all.
    place.config("[features]\nmin_area_m2 = 100000.0\n");
    let map = place.run(&[&scene], "none", &[]);
    let text = report(&map);
    assert!(article(&text, "en").contains("No feature has a score."));
    assert_eq!(
        figures(article(&text, "en").split("data-all=\"1\">").nth(1).unwrap().split("</tr>").next().unwrap()),
        [0.0, 0.0]
    );
}

#[test]
fn features_across_the_antimeridian_have_their_pictures() {
    let place = Place::new();
    let window = Window::new(360_000 - 50, 32_000, 100, 60);
    let bands = Picture::new(9, 12).bands(window);
    GeoTiff::rgb(4326, 0.0005, window, &bands).write(&place.path("a.tif")).unwrap();
    let map = place.run(&["a.tif"], "out", &[]);
    let text = report(&map);
    let (page, found) = (article(&text, "en"), rows(&map.file("features.parquet")));
    assert!(found.len() > 5);
    assert_eq!(page.matches("class=\"picture\"").count(), page.matches("data-feature=").count());
    assert!(page.contains("longitude 179."), "the extent is that of the scene");
}

#[test]
fn what_has_no_report_is_refused_with_a_hint() {
    let (place, map) = published("");
    let hinted = |words: &[&str], what: &str| {
        let refused = place.arpent(words).expect(2);
        assert!(refused.err.contains(what) && refused.err.contains("hint:"), "{}", refused.err);
        assert!(refused.out.is_empty());
    };
    hinted(&["report", "nowhere"], "manifest.json is missing");
    // A run half done has the state of its job, and no manifest.
    place.plan(&["a.tif"], "half", 2, &[]);
    hinted(&["report", "half"], "manifest.json is missing");
    hinted(&["explain", "half", "00"], "manifest.json is missing");
    // A manifest of another version.
    let text = std::fs::read_to_string(map.root.join("manifest.json")).unwrap();
    std::fs::write(map.root.join("manifest.json"), text.replace("arpent-run/1", "arpent-run/9")).unwrap();
    hinted(&["report", "out"], "arpent-run/9");
    std::fs::write(map.root.join("manifest.json"), &text).unwrap();
    // One of an earlier version, which did not describe its model: from the raster, as far as it goes.
    let mut former: serde_json::Value = serde_json::from_str(&text).unwrap();
    former.as_object_mut().unwrap().remove("package");
    std::fs::write(map.root.join("manifest.json"), former.to_string()).unwrap();
    let made = place.arpent(&["report", "out"]).expect(0).out;
    assert!(made.contains("published by an earlier version") && made.contains("data-class=\"class 1\""));
    place.arpent(&["run", "--format", "html"]).expect(2);
}

#[test]
fn a_comparison_has_the_same_report_again() {
    let place = Place::empty();
    let [before, after] = pair();
    let (before, after) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    change(&place, &dated("2018", "2021", MAPS), &before, &after, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let made = place.arpent(&["report", "out"]).expect(0).out;
    assert_eq!(without_computation(&made), without_computation(&report(&map)));
    assert!(made.contains("compare the maps") && !report(&map).contains("compare the maps"));
    // Kinds and areas are those of the events.
    let mut expected: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for event in crate::change::events(&place, "out") {
        let sums = expected.entry(event["kind"].as_str().unwrap().to_owned()).or_default();
        sums[0] += 1.0;
        sums[1] += event["changed_m2"].as_f64().unwrap();
    }
    assert!(expected.len() >= 4);
    let page = article(&made, "en");
    for (kind, [count, m2]) in expected {
        let row =
            page.split(&*format!("data-kind=\"{kind}\">")).nth(1).unwrap().split("</tr>").next().unwrap();
        assert!(row.contains(&format!("<td>{count}</td>")), "{kind}: {row}");
        assert!((figures(row)[0] - m2).abs() < 1e-6 * m2, "{kind}: {row}");
    }
    // The largest events, in their order.
    let mut sorted = crate::change::events(&place, "out");
    sorted.retain(|event| event["changed_m2"].as_f64().unwrap() > 0.0);
    let key = |event: &serde_json::Value| {
        (event["changed_m2"].as_f64().unwrap(), event["id"].as_str().unwrap().to_owned())
    };
    sorted.sort_by(|a, b| key(b).0.total_cmp(&key(a).0).then_with(|| key(a).1.cmp(&key(b).1)));
    let shown: Vec<String> =
        page.split("data-event=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let ids: Vec<String> = sorted.iter().take(10).map(|event| key(event).1).collect();
    assert_eq!(shown, ids, "without images there are no scores");
}
