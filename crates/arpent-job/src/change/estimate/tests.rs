use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arpent_base::number::exact;
use arpent_base::{Cell, SplitMix64};
use arpent_gdal::{
    LayerFormat, LayerOptions, LayerShape, LayerWriter, PublishedRaster, RasterKind, StripWriter,
    describe_crs,
};
use arpent_raster::{Class, Color, Grid, Nomenclature};
use tempfile::TempDir;

use super::super::balance::Pair;
use super::super::population::Population;
use super::super::sample::{SampleOptions, draw, sample};
use super::super::sample_file::{SampleStratum, SampledChange, cells, columns};
use super::*;
use crate::config::{ChangeConfig, ChangePlaces};

/// Pixels of 1 m in a row and in a column.
const SIDE: usize = 600;
const CORNER: [f64; 2] = [652_000.0, 6_862_000.0];
/// Side of a cell, pixels and meters.
const CELL: usize = 20;

/// A made-up comparison: houses on a meadow, some of them not there in truth, and others missing from the map.
struct World {
    folder: TempDir,
    /// The class after, in truth.
    truth: Vec<u8>,
    /// The class after, as mapped.
    mapped: Vec<u8>,
    changed_m2: f64,
}

fn classes() -> Nomenclature {
    let class = |(id, name): (u8, &str)| Class {
        id,
        name: name.to_owned(),
        name_fr: None,
        code: None,
        color: Color([90 * id, 100, 30]),
        features: id > 0,
    };
    Nomenclature::new((0..).zip(["meadow", "building"]).map(class).collect()).unwrap()
}

impl World {
    fn new() -> Self {
        let mut random = SplitMix64::new(11);
        let (mut truth, mut mapped) = (vec![0u8; SIDE * SIDE], vec![0u8; SIDE * SIDE]);
        for slot in 0..400 {
            let (is_true, is_mapped) = match random.below(20) {
                0..6 => (true, true),
                6..8 => (false, true),
                8..10 => (true, false),
                _ => continue,
            };
            let size = 5 + random.below(9);
            let [left, top] = [slot % 20, slot / 20].map(|at| at * 30 + 1 + random.below(28 - size));
            for row in top..top + size {
                let at = row * SIDE + left;
                truth[at..at + size].fill(u8::from(is_true));
                mapped[at..at + size].fill(u8::from(is_mapped));
            }
        }
        let changed_m2 = exact(truth.iter().map(|class| u64::from(*class == 1)).sum::<u64>());
        let world = Self { folder: tempfile::tempdir().unwrap(), truth, mapped, changed_m2 };
        let rasters = [("before.tif", vec![0u8; SIDE * SIDE]), ("after.tif", world.mapped.clone())];
        let [before, after] = rasters.map(|(name, pixels)| world.raster(name, &pixels));
        let config = world.path("change.toml");
        let text = "[events]\nground = [\"meadow\"]\nmin_area_m2 = 1.0\n[registration]\nassumed = 0.0\n[before]\ndate = \"2018\"\n[after]\ndate = \"2021\"\n";
        std::fs::write(&config, text).unwrap();
        let places = ChangePlaces {
            before: vec![before],
            after: vec![after],
            output: Some(world.text("change")),
            ..ChangePlaces::default()
        };
        crate::change(
            &ChangeConfig::load(&config, places).unwrap(),
            false,
            &std::sync::atomic::AtomicBool::new(false),
        )
        .unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    fn raster(&self, name: &str, pixels: &[u8]) -> String {
        let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
        let placed = Grid::place(crs, [CORNER[0], 1.0, 0.0, CORNER[1], 0.0, -1.0], SIDE, SIDE).unwrap();
        let (names, part) = (classes(), self.path("part.tif"));
        let kind = RasterKind::Labels(&names);
        let mut raster = StripWriter::create(&part, placed.window, &placed.grid, kind).unwrap();
        raster.write_rows(placed.window.row, pixels).unwrap();
        raster.finish_cog(&self.path(name), 1).unwrap();
        self.text(name)
    }

    fn options(&self, output: &str) -> SampleOptions {
        SampleOptions {
            change: self.text("change"),
            output: self.path(output),
            size: Some(250),
            minimum: 30,
            seed: 1,
            cell_m: exact(CELL),
            zones: None,
            overwrite: false,
        }
    }

    fn pixel(unit: &SampleUnit) -> [usize; 2] {
        let inside = [unit.x - CORNER[0], CORNER[1] - unit.y];
        inside.map(arpent_base::number::floor::<usize>)
    }

    /// What a person who makes no error writes: verdict, true classes, changed ground.
    fn verdict(&self, unit: &SampleUnit) -> [String; 4] {
        let texts = |texts: [&str; 4]| texts.map(str::to_owned);
        let [col, row] = Self::pixel(unit);
        if unit.what == UnitKind::Event {
            let is_true = self.truth[row * SIDE + col] == 1;
            return texts(if is_true { ["right", "", "", ""] } else { ["wrong", "", "", ""] });
        }
        let [left, top] = Self::cell_corner(unit);
        let mut omitted = 0u32;
        for at in (top..(top + CELL).min(SIDE))
            .flat_map(|r| (left..(left + CELL).min(SIDE)).map(move |c| r * SIDE + c))
        {
            omitted += u32::from(self.truth[at] == 1 && self.mapped[at] == 0);
        }
        if omitted == 0 {
            texts(["right", "", "", ""])
        } else {
            texts(["wrong", "meadow", "building", &omitted.to_string()])
        }
    }

    /// The first pixel of a cell.
    fn cell_corner(unit: &SampleUnit) -> [usize; 2] {
        // The corner of the world is a multiple of the side of a cell in both directions.
        Self::pixel(unit).map(|at| at / CELL * CELL)
    }

    /// Fills a sample as a person who makes no error does.
    fn fill(&self, folder: &str, person: &str) -> SampleFile {
        let described = SampleFile::read(&self.path(folder).join("sample.json")).unwrap();
        write_table(&self.path(folder).join("sample.csv"), &described.units, |unit| {
            let [verdict, from, to, m2] = self.verdict(unit);
            Some([verdict, from, to, m2, person.to_owned()])
        });
        described
    }

    fn estimate(&self, samples: &[&str]) -> Result<EstimateReport> {
        let samples = samples.iter().map(|name| self.path(name)).collect();
        estimate(&EstimateOptions { samples, change: None, output: None, overwrite: false })
    }
}

/// Writes a filled table: verdict, true classes, changed ground and person of each unit, or an empty row.
fn write_table(path: &Path, units: &[SampleUnit], answer: impl Fn(&SampleUnit) -> Option<[String; 5]>) {
    let mut table = csv::Writer::from_path(path).unwrap();
    table
        .write_record(["id", "verdict", "reference_from", "reference_to", "reference_m2", "person"])
        .unwrap();
    for unit in units {
        let [verdict, from, to, m2, person] = answer(unit).unwrap_or_default();
        table.write_record([&unit.id, &verdict, &from, &to, &m2, &person]).unwrap();
    }
    table.flush().unwrap();
}

fn total(report: &EstimateReport) -> &AreaReport {
    report.areas.iter().find(|row| row.of == "total").unwrap()
}

#[test]
fn the_verdicts_of_a_perfect_person_give_the_true_area() {
    let world = World::new();
    let (mut covered, mut sum) = (0, 0.0);
    for seed in 0..12u64 {
        let folder = format!("sample-{seed}");
        let report = sample(&SampleOptions { seed, ..world.options(&folder) }).unwrap();
        assert_eq!(report.units, 250);
        assert!((report.total_m2 - exact(SIDE * SIDE)).abs() < 1e-3, "{report:?}");
        let described = world.fill(&folder, "Ada");
        let weights: f64 = described.units.iter().map(|unit| unit.weight).sum();
        assert!((weights - report.total_m2).abs() < 1e-3);
        let estimated = world.estimate(&[&folder]).unwrap();
        let row = total(&estimated);
        let area = row.area_m2.unwrap();
        let [low, high] = area.interval.unwrap();
        covered += u32::from((low..=high).contains(&world.changed_m2));
        sum += area.value / world.changed_m2;
        assert_eq!((estimated.units, row.persons, estimated.not_sure, estimated.empty), (250, 1, 0, 0));
        assert!(row.users.unwrap().value < 1.0 && row.producers.unwrap().value < 1.0);
    }
    assert!(covered >= 10, "{covered} of 12");
    assert!((sum / 12.0 - 1.0).abs() < 0.1, "{}", sum / 12.0);
}

#[test]
fn the_sample_depends_on_the_seed_and_not_on_the_order_of_events() {
    let world = World::new();
    let manifest = arpent_publish::Target::parse(&world.text("change")).unwrap().read_manifest().unwrap();
    let named = |name: &str| {
        let artifact = manifest.artifacts.iter().find(|a| a.href.ends_with(name)).unwrap();
        world.path("change").join(&artifact.href)
    };
    let mut events: serde_json::Value =
        serde_json::from_slice(&std::fs::read(named("events.geojson")).unwrap()).unwrap();
    let sampled = |events: &serde_json::Value, seed: u64| {
        let path = world.path("events.geojson");
        std::fs::write(&path, serde_json::to_vec(events).unwrap()).unwrap();
        let open = |name: &str| PublishedRaster::open(&named(name).to_string_lossy()).unwrap();
        let pair = Pair { rasters: [open("before.tif"), open("map.tif")] };
        let population = Population::new(pair, path.to_string_lossy().into_owned(), exact(CELL)).unwrap();
        draw(&population, &SampleOptions { seed, ..world.options("none") }).unwrap()
    };
    let first = sampled(&events, 1);
    events["features"].as_array_mut().unwrap().reverse();
    assert_eq!(sampled(&events, 1), first);
    assert_ne!(sampled(&events, 2), first);
    // A larger sample contains the smaller one.
    let [small, large] = [200, 300].map(|size| {
        let name = format!("of-{size}");
        sample(&SampleOptions { size: Some(size), ..world.options(&name) }).unwrap();
        let described = SampleFile::read(&world.path(&name).join("sample.json")).unwrap();
        described.units.into_iter().map(|unit| unit.id).collect::<BTreeSet<_>>()
    });
    assert_eq!((small.len(), large.len()), (200, 300));
    assert!(small.is_subset(&large));
}

#[test]
fn a_sample_is_not_replaced_once_it_has_verdicts() {
    let world = World::new();
    sample(&world.options("sample")).unwrap();
    let refused = sample(&world.options("sample")).unwrap_err();
    assert!(refused.message().contains("is not empty"), "{refused:?}");
    let again = SampleOptions { overwrite: true, seed: 5, ..world.options("sample") };
    sample(&again).unwrap();
    world.fill("sample", "Ada");
    let refused = sample(&again).unwrap_err();
    assert!(refused.message().contains("250 verdicts, which would be lost"), "{refused:?}");
    let small = sample(&SampleOptions { size: Some(20), ..world.options("other") }).unwrap_err();
    assert!(small.message().contains("too small") && !world.path("other").exists(), "{small:?}");
    let tiny = sample(&SampleOptions { cell_m: 0.2, ..world.options("other") }).unwrap_err();
    assert!(tiny.message().contains("too small: a pixel has 1.000 m"), "{tiny:?}");
}

#[test]
fn samples_of_several_persons_are_united_or_contradict() {
    let world = World::new();
    sample(&world.options("sample")).unwrap();
    let described = SampleFile::read(&world.path("sample/sample.json")).unwrap();
    let units = &described.units;
    let number: BTreeMap<&str, usize> =
        units.iter().zip(0..).map(|(unit, at)| (unit.id.as_str(), at)).collect();
    let answer = |unit: &SampleUnit, person: &str| {
        let [verdict, from, to, m2] = world.verdict(unit);
        [verdict, from, to, m2, person.to_owned()]
    };
    let by = |name: &str, person: &str, keep: &dyn Fn(usize) -> bool| {
        write_table(&world.path(name), units, |unit| {
            keep(number[unit.id.as_str()]).then(|| answer(unit, person))
        });
    };
    // Even rows by one person, odd and some even ones by another, as a spreadsheet program writes them.
    by("ada.csv", "Ada", &|at| at % 2 == 0);
    by("ben.csv", "Ben", &|at| at % 2 == 1 || at < 20);
    let text = std::fs::read_to_string(world.path("ben.csv")).unwrap();
    std::fs::write(
        world.path("ben.csv"),
        format!("\u{feff}{}", text.replace(',', ";").replace('\n', "\r\n")),
    )
    .unwrap();
    let both = world.estimate(&["sample", "ada.csv", "ben.csv"]).unwrap();
    assert_eq!((both.units, both.empty, &both.persons), (250, 0, &vec!["Ada".to_owned(), "Ben".to_owned()]));
    assert_eq!(total(&both).persons, 2);
    world.fill("sample", "Cleo");
    let one = world.estimate(&["sample"]).unwrap();
    assert_eq!(one.areas[0].area_m2, both.areas[0].area_m2);
    // The same as a GeoPackage.
    let fields = columns();
    let options = LayerOptions {
        format: LayerFormat::GeoPackage,
        name: "checked",
        shape: LayerShape::MultiPolygon,
        crs: &described.crs,
        fields: &fields,
        titles: arpent_base::Language::En,
        spatial_index: false,
        style_qml: None,
        description: "",
        timestamp: crate::map::TIMESTAMP,
    };
    let mut layer = LayerWriter::create(&world.path("dan.gpkg"), &options).unwrap();
    for unit in units {
        let texts = answer(unit, "Dan");
        let mut row = cells(unit);
        for (at, text) in [(13, &texts[0]), (14, &texts[1]), (15, &texts[2]), (18, &texts[4])] {
            row[at] = if text.is_empty() { Cell::Null } else { Cell::Text(text) };
        }
        row[16] = texts[3].parse().map_or(Cell::Null, Cell::Real);
        layer.write(&[], &row).unwrap();
    }
    layer.finish().unwrap();
    sample(&world.options("empty")).unwrap();
    let dan = world.estimate(&["empty", "dan.gpkg"]).unwrap();
    assert_eq!((&dan.persons, dan.areas[0].area_m2), (&vec!["Dan".to_owned()], one.areas[0].area_m2));
    // Rows that are empty or in doubt are counted; a verdict replaces a doubt.
    let doubt = |name: &str, doubtful: &dyn Fn(usize) -> bool| {
        write_table(&world.path(name), units, |unit| {
            let mut texts = answer(unit, "Eve");
            if doubtful(number[unit.id.as_str()]) {
                texts = ["not sure", "", "", "", "Eve"].map(str::to_owned);
            }
            (!number[unit.id.as_str()].is_multiple_of(10)).then_some(texts)
        });
    };
    doubt("eve.csv", &|at| at % 10 == 1);
    let eve = world.estimate(&["empty", "eve.csv"]).unwrap();
    assert_eq!((eve.units, eve.not_sure, eve.empty), (200, 25, 25));
    let codes: Vec<&str> = eve.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert!(codes.starts_with(&["units-empty", "units-not-sure"]), "{codes:?}");
    assert_eq!(world.estimate(&["empty", "eve.csv", "ada.csv", "ben.csv"]).unwrap().units, 250);
    // A contradiction names both persons.
    let first = &units[0].id;
    write_table(&world.path("fay.csv"), &units[..1], |unit| {
        let [verdict, ..] = world.verdict(unit);
        let other = if verdict == "right" { "wrong" } else { "right" };
        Some([other, "", "", "", "Fay"].map(str::to_owned))
    });
    let refused = world.estimate(&["empty", "ada.csv", "fay.csv"]).unwrap_err();
    let message = refused.message();
    assert!(
        message.contains("Ada") && message.contains("Fay") && message.contains(first.as_str()),
        "{message}"
    );
    assert!(refused.hint().unwrap().contains("agree"), "{refused:?}");
}

#[test]
fn rows_of_a_sample_that_cannot_be_used_are_refused() {
    let world = World::new();
    sample(&world.options("sample")).unwrap();
    let described = SampleFile::read(&world.path("sample/sample.json")).unwrap();
    let event = described.units.iter().find(|unit| unit.what == UnitKind::Event).unwrap();
    let cell = described.units.iter().find(|unit| unit.what == UnitKind::Cell).unwrap();
    let refused = |unit: &SampleUnit, texts: [&str; 5], words: &str| {
        write_table(&world.path("one.csv"), std::slice::from_ref(unit), |_| Some(texts.map(str::to_owned)));
        let error = world.estimate(&["sample", "one.csv"]).unwrap_err();
        let message = error.message();
        assert!(message.contains(words) && message.contains("one.csv, row 1"), "{message}");
        assert!(message.contains(&unit.id) && error.hint().is_some(), "{message}");
    };
    refused(event, ["right", "", "", "", ""], "has a verdict, but no person");
    refused(event, ["maybe", "", "", "", "Ada"], "the verdict is `maybe`");
    refused(event, ["", "meadow", "", "", "Ada"], "no verdict");
    refused(
        event,
        ["wrong", "meadow", "hut", "", "Ada"],
        "`hut` is not a class; the classes: meadow, building",
    );
    refused(event, ["wrong", "meadow", "building", "", "Ada"], "are those mapped");
    refused(event, ["wrong", "meadow", "", "", "Ada"], "expected both or none");
    refused(event, ["right", "", "", "100000", "Ada"], "`reference_m2` is 100000");
    refused(cell, ["wrong", "", "", "", "Ada"], "needs the true classes");
    refused(cell, ["wrong", "meadow", "building", "", "Ada"], "needs the ground that changed");
    let stranger = SampleUnit { id: "cell-0-0".into(), ..cell.clone() };
    refused(&stranger, ["right", "", "", "", "Ada"], "is not in the sample");
    // A stratum without verdicts, a file without its sample, and a sample of another comparison.
    let error = world.estimate(&["sample"]).unwrap_err();
    assert!(error.message().contains("has 0 samples, expected 2 or more"), "{error:?}");
    assert!(error.hint().unwrap().contains("label more samples"), "{error:?}");
    let alone = tempfile::tempdir().unwrap();
    std::fs::write(alone.path().join("a.csv"), "id\n").unwrap();
    let options = |samples: Vec<PathBuf>, change: Option<String>| EstimateOptions {
        samples,
        change,
        output: Some(world.path("areas")),
        overwrite: false,
    };
    let error = estimate(&options(vec![alone.path().join("a.csv")], None)).unwrap_err();
    assert!(error.message().contains("sample.json"), "{error:?}");
    world.fill("sample", "Ada");
    let mut other = described.clone();
    other.change.manifest_sha256 = "0".repeat(64);
    std::fs::create_dir(world.path("other")).unwrap();
    std::fs::write(world.path("other/sample.json"), serde_json::to_vec(&other).unwrap()).unwrap();
    let error = estimate(&options(vec![world.path("other")], Some(world.text("change")))).unwrap_err();
    assert!(error.message().contains("made again"), "{error:?}");
    let error = world.estimate(&["sample", "other"]).unwrap_err();
    assert!(error.message().contains("different samples"), "{error:?}");
    let report = estimate(&options(vec![world.path("sample")], Some(world.text("change")))).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(world.path("areas/estimate.json")).unwrap()).unwrap();
    assert_eq!(written["units"], report.units);
    let rows = csv::Reader::from_path(world.path("areas/estimate.csv")).unwrap().into_records().count();
    assert_eq!(rows, report.areas.len());
}

#[test]
fn estimates_of_zones_add_up_and_need_enough_units() {
    let world = World::new();
    let zone = |name: &str, [left, bottom, right, top]: [f64; 4]| {
        let [x, y] = CORNER;
        let ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
        let ring = ring.map(|[dx, dy]| [x + dx, y - dy]);
        serde_json::json!({ "type": "Feature", "properties": { "code": name },
            "geometry": { "type": "Polygon", "coordinates": [ring] } })
    };
    let layer = serde_json::json!({ "type": "FeatureCollection",
        "crs": { "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::2154" } },
        "features": [zone("west", [0.0, 600.0, 300.0, 0.0]), zone("east", [300.0, 600.0, 570.0, 0.0]), zone("edge", [570.0, 600.0, 600.0, 0.0])] });
    std::fs::write(world.path("zones.geojson"), serde_json::to_vec(&layer).unwrap()).unwrap();
    let zones = Some((world.text("zones.geojson"), Some("code".to_owned())));
    sample(&SampleOptions { zones, ..world.options("sample") }).unwrap();
    let described = world.fill("sample", "Ada");
    assert!(described.units.iter().all(|unit| unit.zone.is_some()));
    let report = world.estimate(&["sample"]).unwrap();
    let row = |name: &str| report.areas.iter().find(|row| row.of == "zone" && row.name == name).unwrap();
    let edge = row("edge");
    assert!(edge.units < 30 && edge.area_m2.is_none(), "{edge:?}");
    assert!(edge.note.as_ref().unwrap().contains("30 are needed"), "{edge:?}");
    // What the edge has is missing from the sum of the two others: 5 % of the ground.
    let sum = row("west").area_m2.unwrap().value + row("east").area_m2.unwrap().value;
    let all = total(&report).area_m2.unwrap().value;
    assert!(sum <= all + 1e-6 && sum > 0.8 * all, "{sum} of {all}");
    assert_eq!(report.areas.iter().filter(|row| row.of == "zone").map(|row| row.units).sum::<u64>(), 250);
}

/// Equal units: the estimator of `arpent-change` for a matrix of counts, and the figures by hand.
#[test]
fn the_estimate_of_equal_units_is_that_of_a_matrix() {
    let stratum = |name: &str, what, units: u64, drawn| SampleStratum {
        name: name.to_owned(),
        what,
        units,
        area_m2: 100.0 * exact(units),
        drawn,
    };
    let strata =
        vec![stratum("events", UnitKind::Event, 100, 10), stratum("stable ground", UnitKind::Cell, 900, 20)];
    let unit = |at: usize| {
        let is_event = at < 10;
        SampleUnit {
            id: format!("u{at}"),
            stratum: strata[usize::from(!is_event)].name.clone(),
            what: if is_event { UnitKind::Event } else { UnitKind::Cell },
            event: None,
            from_class: is_event.then(|| "meadow".to_owned()),
            to_class: is_event.then(|| "building".to_owned()),
            zone: None,
            area_m2: 100.0,
            weight: 0.0,
            x: 0.0,
            y: 0.0,
            lon: 0.0,
            lat: 0.0,
        }
    };
    let file = SampleFile {
        format: String::new(),
        change: SampledChange {
            url: String::new(),
            run_id: "change-1".into(),
            manifest_sha256: String::new(),
            dates: Vec::new(),
            classes: Vec::new(),
        },
        seed: 0,
        cell_m: 10.0,
        cell_px: 10,
        minimum: 2,
        zones: None,
        total_m2: 100_000.0,
        not_sampled_m2: 0.0,
        units: (0..30).map(unit).collect(),
        strata,
        crs: describe_crs("EPSG:2154").unwrap(),
    };
    // 2 of 10 events did not change; 1 of 20 cells changed as a whole.
    let mut verdicts = Verdicts::default();
    for (at, unit) in file.units.iter().enumerate() {
        let change = Some(("meadow".to_owned(), "building".to_owned()));
        let verdict = match at {
            0 | 1 => Verdict::Wrong { change: None, changed_m2: None },
            10 => Verdict::Wrong { change, changed_m2: Some(100.0) },
            _ => Verdict::Right { changed_m2: None },
        };
        let persons = BTreeSet::from(["Ada".to_owned()]);
        verdicts.judged.insert(unit.id.clone(), Judged { verdict, persons });
    }
    let report = of_verdicts(&file, &verdicts).unwrap();
    let found = total(&report);
    let area = found.area_m2.unwrap();
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    near(area.value, 10_000.0 * 0.8 + 90_000.0 * 0.05);
    let events: f64 = 1e8 * (1.0 - 10.0 / 100.0) * 0.8 * 0.2 / 9.0;
    let ground: f64 = 8.1e9 * (1.0 - 20.0 / 900.0) * 0.05 * 0.95 / 19.0;
    near(area.standard_error, (events + ground).sqrt());
    near(found.users.unwrap().value, 0.8);
    near(found.producers.unwrap().value, 8_000.0 / 12_500.0);
    near(report.overall.value, (10_000.0 * 0.8 + 90_000.0 * 0.95) / 100_000.0);
    assert_eq!((found.units, found.mapped_units, found.reference_units, found.persons), (30, 10, 9, 1));
    let matrix: [&[u64]; 2] = [&[8, 2], &[1, 19]];
    let of_matrix = Samples::of_matrix(&[1, 0], &matrix).unwrap();
    let strata = [(10_000.0, 100), (90_000.0, 900)].map(|(units, population)| Stratum {
        name: String::new(),
        units,
        population: Some(population),
    });
    let expected = of_matrix.estimate(&strata, 100_000.0, Correction::FinitePopulation).unwrap();
    let class = expected.classes.iter().find(|class| class.class_id == 1).unwrap();
    for (found, expected) in [
        (area, class.area),
        (found.users.unwrap(), class.users.unwrap()),
        (found.producers.unwrap(), class.producers.unwrap()),
        (report.overall, expected.overall),
    ] {
        near(found.value, expected.value);
        near(found.standard_error, expected.standard_error);
    }
    // One kind of change: its row is that of all changes.
    assert_eq!(report.areas[1].name, "meadow > building");
    assert_eq!(report.areas[1].area_m2, Some(area));
}
