//! The report of a whole comparison of made-up maps and images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arpent_base::{Language, SplitMix64};
use arpent_gdal::{RasterKind, StripWriter, describe_crs};
use arpent_publish::{Manifest, ROLE_CHIP, ROLE_REPORT};
use arpent_raster::{Class, Color, Grid, Nomenclature, Window};
use arpent_testing::GeoTiff;

use crate::change::change;
use crate::config::ChangeConfig;
use crate::report::{REPORT_NAME, Words};

const SIDE: usize = 640;
const GSD: f64 = 0.5;
const CORNER: [f64; 2] = [652_000.0, 6_862_000.0];

/// Columns and rows of an area, from first to one past the last, and its class.
type Area = ([usize; 4], u8);

const COMMON: [Area; 2] = [([0, 400, 640, 640], 2), ([500, 40, 530, 70], 1)];
const BEFORE: [Area; 3] = [([40, 40, 80, 80], 1), ([140, 40, 240, 80], 1), ([300, 40, 340, 80], 3)];
const AFTER: [Area; 4] =
    [([140, 40, 180, 80], 1), ([200, 40, 240, 80], 1), ([300, 40, 340, 80], 1), ([100, 500, 160, 560], 1)];

fn labels(areas: &[Area]) -> Vec<u8> {
    let mut labels = vec![0; SIDE * SIDE];
    for ([left, top, right, bottom], class) in COMMON.iter().chain(areas) {
        for row in *top..*bottom {
            labels[row * SIDE..][*left..*right].fill(*class);
        }
    }
    labels
}

fn classes() -> Nomenclature {
    let class = |(id, name, fr): (u8, &str, &str)| Class {
        id,
        name: name.to_owned(),
        name_fr: Some(fr.to_owned()),
        code: None,
        color: Color([60 * id, 120, 40]),
        features: id > 0,
    };
    let all =
        [(0, "meadow", "prairie"), (1, "building", "bâtiment"), (2, "forest", "forêt"), (3, "water", "eau")];
    Nomenclature::new(all.map(class).into()).unwrap()
}

fn write_map(folder: &Path, name: &str, labels: &[u8]) {
    let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
    let placed = Grid::place(crs, [CORNER[0], GSD, 0.0, CORNER[1], 0.0, -GSD], SIDE, SIDE).unwrap();
    let names = classes();
    let part = folder.join("part.tif");
    let mut raster =
        StripWriter::create(&part, placed.window, &placed.grid, RasterKind::Labels(&names)).unwrap();
    raster.write_rows(placed.window.row, labels).unwrap();
    raster.finish_cog(&folder.join(name), 1).unwrap();
}

/// Noise that was smoothed: 0 to 255, mostly 90 to 160.
fn texture(random: &mut SplitMix64, width: usize, height: usize) -> Vec<i32> {
    const BLUR: usize = 9;
    let noise_width = width + BLUR;
    let noise: Vec<i32> =
        (0..noise_width * (height + BLUR)).map(|_| i32::try_from(random.below(256)).unwrap()).collect();
    let mean = |i: usize| {
        let first = i / width * noise_width + i % width;
        let row = |row: usize| noise[first + row * noise_width..][..BLUR].iter().sum::<i32>();
        let sum: i32 = (0..BLUR).map(row).sum();
        (3 * (sum / 81 - 127) + 110).clamp(0, 160)
    };
    (0..width * height).map(mean).collect()
}

/// A texture that lies one pixel farther east at the later date, and another color where the classes differ.
fn write_images(folder: &Path) {
    const COLORS: [[i32; 3]; 4] = [[20, 30, 10], [95, 90, 90], [0, 40, 10], [10, 20, 80]];
    let mut random = SplitMix64::new(7);
    let textures = [0; 3].map(|_: i32| texture(&mut random, SIDE + 1, SIDE));
    let whole = |meters: f64| arpent_base::number::round::<i64>(meters / GSD);
    let window = Window::new(whole(CORNER[0]), whole(-CORNER[1]), SIDE, SIDE);
    for (name, of, east) in [("before", labels(&BEFORE), 1), ("after", labels(&AFTER), 0)] {
        let value = |band: usize, i: usize| {
            let color = COLORS[usize::from(of[i])][band];
            u8::try_from(textures[band][i / SIDE * (SIDE + 1) + i % SIDE + east] + color).unwrap()
        };
        let bands: Vec<u8> = (0..3)
            .flat_map(|band| (0..SIDE * SIDE).map(move |i| (band, i)))
            .map(|(b, i)| value(b, i))
            .collect();
        GeoTiff::rgb(2154, GSD, window, &bands).write(&folder.join(format!("image-{name}.tif"))).unwrap();
    }
}

const CONFIG: &str = r##"
formats = ["geojson"]
contact = "maps@example.org"
[[zones]]
level = "commune"
source = "ZONES|crs=EPSG:2154"
id = "insee"
[artificialisation]
[events]
ground = ["meadow"]
[[classes]]
id = 0
name = "meadow"
name_fr = "prairie"
code = "CS2.2.1"
color = "#78a028"
[[classes]]
id = 1
name = "building"
name_fr = "bâtiment"
code = "CS1.1.1.1"
color = "#d73027"
[[classes]]
id = 2
name = "forest"
name_fr = "forêt"
code = "CS2.1.1.1"
color = "#1a7f37"
[[classes]]
id = 3
name = "water"
name_fr = "eau"
code = "CS1.2.2"
color = "#2c7fb8"
"##;

struct Done {
    folder: tempfile::TempDir,
    manifest: Manifest,
}

impl Done {
    /// The folder of the tables.
    fn out(&self) -> PathBuf {
        let report = self.manifest.artifacts.iter().find(|artifact| artifact.role == ROLE_REPORT).unwrap();
        let folder = self.folder.path().join("out");
        folder.join(&report.href).parent().unwrap().to_owned()
    }

    fn report(&self) -> String {
        std::fs::read_to_string(self.out().join(REPORT_NAME)).unwrap()
    }

    /// The report in one language.
    fn page(&self, language: Language) -> String {
        let start = format!("<article class=\"{}\"", Words(language).code());
        let report = self.report();
        report.split(&start).nth(1).unwrap().split("</article>").next().unwrap().to_owned()
    }

    fn table(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_path(self.out().join(name)).unwrap().deserialize().map(Result::unwrap).collect()
    }
}

fn compare(with_images: bool) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    write_map(folder.path(), "before.tif", &labels(&BEFORE));
    write_map(folder.path(), "after.tif", &labels(&AFTER));
    write_images(folder.path());
    let zone = |id: &str, east: f64| {
        let (x, y) = (CORNER[0] + east, CORNER[1]);
        format!(
            r#"{{"type":"Feature","properties":{{"insee":"{id}"}},"geometry":{{"type":"Polygon","coordinates":[[[{x},{y}],[{},{y}],[{},{}],[{x},{}],[{x},{y}]]]}}}}"#,
            x + 160.0,
            x + 160.0,
            y - 320.0,
            y - 320.0
        )
    };
    let zones = format!(
        r#"{{"type":"FeatureCollection","features":[{},{}]}}"#,
        zone("01001", 0.0),
        zone("01002", 160.0)
    );
    std::fs::write(path("zones.geojson"), zones).unwrap();
    let mut config: ChangeConfig = toml::from_str(&CONFIG.replace("ZONES", &path("zones.geojson"))).unwrap();
    for (name, date, inputs) in
        [("before", "2018-07-01", &mut config.before), ("after", "2021-07-01", &mut config.after)]
    {
        inputs.map = Some(path(&format!("{name}.tif")));
        inputs.date = Some(date.to_owned());
        if with_images {
            inputs.scenes = vec![path(&format!("image-{name}.tif"))];
        }
    }
    config.output = Some(path("out"));
    let manifest = change(&config, false, &std::sync::atomic::AtomicBool::new(false)).unwrap().manifest;
    Done { folder, manifest }
}

/// The figure as the page has it.
fn figure(words: Words, text: &str) -> String {
    format!("<data value=\"{text}\">{}</data>", words.area(text.parse().unwrap()))
}

#[test]
fn figures_of_both_reports_are_those_of_the_tables_and_the_manifest() {
    let done = compare(true);
    let facts = done.manifest.counts.change.clone().unwrap();
    let [flows, stocks, soils] =
        ["flows.csv", "stocks.csv", "artificialisation.csv"].map(|name| done.table(name));
    assert_eq!(soils.len(), 3, "the whole and two zones");
    for language in [Language::En, Language::Fr] {
        let (words, page) = (Words(language), done.page(language));
        let mut wanted: Vec<String> = flows
            .iter()
            .filter(|row| row["zone_type"] == "total")
            .map(|row| row["area_m2"].clone())
            .collect();
        assert_eq!(wanted.len(), 6, "{wanted:?}");
        for row in &stocks {
            wanted
                .extend(["old_m2", "new_m2", "gained_m2", "lost_m2", "net_m2"].map(|name| row[name].clone()));
        }
        for row in &soils {
            let columns = [
                "observed_m2",
                "artif_old_m2",
                "artif_new_m2",
                "flux_artif",
                "flux_artif_net",
                "sealed_new_m2",
            ];
            wanted.extend(columns.map(|name| row[name].clone()));
        }
        let number = |value: &serde_json::Value| value.as_f64().unwrap().to_string();
        wanted.extend(facts["events"].as_object().unwrap().values().map(|kind| number(&kind["changed_m2"])));
        wanted.extend(facts["left_out"].as_array().unwrap().iter().map(|reason| number(&reason["area_m2"])));
        wanted.extend(["changed_m2", "pixels_that_differ_m2"].map(|key| number(&facts[key])));
        wanted.push(number(&facts["control"]["kept_m2_per_km2"]));
        let missing: Vec<String> =
            wanted.iter().map(|text| figure(words, text)).filter(|figure| !page.contains(figure)).collect();
        assert!(missing.is_empty(), "{language:?}: {missing:?}");
        // The same row has the same figures.
        let row =
            stocks.iter().find(|row| row["zone_id"] == "01002" && row["class_name"] == "building").unwrap();
        let cells = ["old_m2", "new_m2", "gained_m2", "lost_m2", "net_m2"];
        let cells = cells
            .iter()
            .map(|name| format!("<td>{}</td>", figure(words, &row[*name])))
            .collect::<Vec<_>>()
            .concat();
        assert!(page.contains(&cells), "{cells}");
        let summary = &facts["registration"]["summary"];
        assert!(page.contains(&words.number(summary["median_length"].as_f64().unwrap(), 2)));
        assert!((summary["median_dx"].as_f64().unwrap() - 1.0).abs() < 0.05, "{summary}");
    }
}

#[test]
fn a_report_is_one_page_in_both_languages_that_loads_nothing() {
    let done = compare(true);
    let report = done.report();
    let [en, fr] = [done.page(Language::En), done.page(Language::Fr)];
    assert!(report.contains("<html lang=\"en\">"));
    assert!(fr.contains("ENAF") && !en.contains("ENAF"), "only the French page has the word");
    assert!(fr.contains("bâtiment") && !fr.contains("> building"), "classes are French");
    assert!(!report.contains("<script") && !report.contains("http") && !report.contains("src="));
    let linked = report.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for link in linked {
        let inside = link.strip_prefix('#').is_some_and(|id| report.contains(&format!("id=\"{id}\"")));
        assert!(inside || link.starts_with("data:image/webp;base64,"), "{link}");
    }
    let ids: Vec<&str> = report.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let distinct: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    let shown = done.manifest.counts.change.clone().unwrap()["chips"].as_array().unwrap().len();
    for page in [&en, &fr] {
        assert!(page.contains("maps@example.org") && page.contains(&done.manifest.run_id));
        let mut level = 0;
        for heading in page.split("<h").skip(1).filter_map(|rest| rest.as_bytes().first()) {
            let Some(next) = heading.checked_sub(b'0').filter(|next| (1..=6).contains(next)) else {
                continue;
            };
            assert!(next <= level + 1, "h{next} follows h{level}");
            level = next;
        }
        let heads = page.matches("<th ").count() + page.matches("<th>").count();
        assert!(heads > 30 && page.matches("scope=").count() == heads, "every head of a table has a scope");
        let pictures = page.matches("class=\"picture\" role=\"img\" aria-label=\"E").count()
            + page.matches("class=\"picture\" role=\"img\" aria-label=\"É").count();
        assert!(pictures >= 2 * shown, "{pictures} pictures of {shown} events");
        assert!(page.contains("class=\"map\" role=\"img\""), "there is a map");
    }
    let reports = done.manifest.artifacts.iter().filter(|artifact| artifact.role == ROLE_REPORT);
    assert!(
        reports.clone().all(|artifact| artifact.media_type.starts_with("text/html")) && reports.count() == 1
    );
}

#[test]
fn chips_are_listed_and_show_the_event() {
    let done = compare(true);
    let facts = done.manifest.counts.change.clone().unwrap();
    let chips = facts["chips"].as_array().unwrap();
    let events: u64 =
        facts["events"].as_object().unwrap().values().map(|k| k["events"].as_u64().unwrap()).sum();
    assert_eq!(chips.len() as u64, events, "24 pictures are more than the events");
    let files: Vec<_> =
        done.manifest.artifacts.iter().filter(|artifact| artifact.role == ROLE_CHIP).collect();
    assert_eq!(files.len(), 2 * chips.len());
    assert!(files.iter().all(|file| file.media_type == "image/webp"));
    for chip in chips {
        let pair = ["before", "after"].map(|date| {
            let path = done.out().join(chip[date].as_str().unwrap());
            image::open(&path).unwrap().to_rgb8()
        });
        let outline = |image: &image::RgbImage| -> Vec<(u32, u32)> {
            image.enumerate_pixels().filter(|p| p.2.0 == [255, 0, 220]).map(|p| (p.0, p.1)).collect()
        };
        assert!(!outline(&pair[0]).is_empty() && outline(&pair[0]) == outline(&pair[1]), "{chip}");
        let inside = |image: &image::RgbImage| *image.get_pixel(image.width() / 2, image.height() / 2);
        assert_ne!(inside(&pair[0]), inside(&pair[1]), "{chip}");
    }
}

#[test]
fn a_report_without_images_has_no_chips_and_says_so() {
    let done = compare(false);
    let facts = done.manifest.counts.change.clone().unwrap();
    assert_eq!(facts["chips"], serde_json::json!([]));
    let page = done.page(Language::En);
    assert!(page.contains("Not measured: there are no images") && page.contains("Events have no score"));
    assert!(!page.contains("class=\"picture\""));
}
