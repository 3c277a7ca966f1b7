//! Resampled maps: one grid for a job, the same pixels whatever file covers them, and no more than is allowed.

use std::path::Path;

use arpent_base::number::{exact, round};
use arpent_raster::Window;
use arpent_testing::servers::SeaweedFs;
use arpent_testing::{GeoTiff, Picture};

use crate::common::{EPSG, Ended, GSD, Map, Place, gdal};
use crate::dates::random_siamese;
use crate::invariance::{inside, part_of, random_unet, shrunk};

/// Brings everything to a nominal GSD of 30 cm.
const NOMINAL: &str = "[input]\ngsd = \"nominal\"\nresample_max_factor = 4\n";

/// A place with a network of real sums whose nominal GSD is 30 cm.
fn place(seed: u64) -> Place {
    let place = Place::new();
    random_unet(&place, seed);
    with_nominal(&place, 0.3);
    place.config(NOMINAL);
    place
}

fn with_nominal(place: &Place, gsd_m: f64) {
    let json = place.path("model/model.json");
    let text = std::fs::read_to_string(&json).unwrap();
    assert!(text.contains("\"nominal\": 0.1"), "{text}");
    std::fs::write(&json, text.replace("\"nominal\": 0.1", &format!("\"nominal\": {gsd_m}"))).unwrap();
}

fn draw(place: &Place, name: &str, (epsg, gsd): (u16, f64), picture: &Picture, window: Window) -> String {
    GeoTiff::rgb(epsg, gsd, window, &picture.bands(window)).write(&place.path(name)).unwrap();
    place.text(name)
}

fn text_of(map: &Map) -> String {
    map.manifest["inputs"][0]["grid"]["key"].as_str().unwrap().to_owned()
}

fn assert_same(a: &Map, b: &Map) {
    assert_eq!(text_of(a), text_of(b));
    assert_eq!(a.labels(), b.labels());
    assert_eq!(a.raster("confidence.tif"), b.raster("confidence.tif"));
    assert_eq!(a.features(), b.features());
}

#[test]
fn several_files_are_one_file_in_any_crs() {
    // Lambert-93, UTM south-west of its origin, EPSG:3857 and degrees: four files along the meridian.
    let places = [
        ((2154, 0.2), Window::new(3_260_007, -34_310_013, 230, 190)),
        ((32631, 0.2), Window::new(-3_007, 4_013, 230, 190)),
        ((3857, 0.3), Window::new(1_000_007, -19_310_013, 230, 190)),
        ((4326, 2e-6), Window::new(1_000_007, -22_500_013, 230, 190)),
    ];
    for (n, (crs, scene)) in places.into_iter().enumerate() {
        let place = place(11 + n as u64);
        let picture = Picture::new(5, 12);
        let (c, r) = (scene.col + 101, scene.row + 77);
        let parts = [
            ("d.tif", Window::between(scene.col, scene.row, c + 9, r)),
            ("b.tif", Window::between(c, scene.row, scene.col_end(), r + 9)),
            ("c.tif", Window::between(scene.col, r, c, scene.row_end())),
            ("a.tif", Window::between(c - 9, r, scene.col_end(), scene.row_end())),
        ];
        let whole = draw(&place, "whole.tif", crs, &picture, scene);
        let files: Vec<String> =
            parts.iter().map(|(name, w)| draw(&place, name, crs, &picture, *w)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let one = place.run(&[&whole], "one", &["--window", "64"]);
        assert!(one.labels().windows(2).any(|pair| pair[0] != pair[1]), "the network sees one class");
        let four = place.run(&files, "four", &["--threads", "1"]);
        assert_same(&one, &four);
        // Two workers, and the part that they make.
        let plan = place.plan(&files, "shards", 2, &["--window", "64"]);
        for index in 0..2 {
            place.worker(&plan, index).expect(0);
        }
        place.arpent(&["merge", "--plan", &plan]).expect(0);
        assert_same(&one, &Map::at(&place.path("shards")));
    }
}

#[test]
fn overviews_change_no_map() {
    let place = place(3);
    let scene = Window::new(3_260_007, -34_310_013, 300, 260);
    let plain = place.draw("plain.tif", &Picture::new(2, 12), scene);
    let (beside, cog) = (place.text("beside.tif"), place.text("cog.tif"));
    std::fs::copy(&plain, &beside).unwrap();
    gdal("gdaladdo", &["-q", "-ro", &beside, "2", "4"]);
    gdal(
        "gdal_translate",
        &["-q", "-of", "COG", "-co", "BLOCKSIZE=128", "-co", "OVERVIEW_COUNT=2", &plain, &cog],
    );
    assert!(Path::new(&format!("{beside}.ovr")).exists());
    let expected = place.run(&[&plain], "plain", &[]);
    // 300 x 260 px of 20 cm.
    assert_eq!(expected.manifest["counts"]["pixels_valid"], 200 * 173);
    for (name, path) in [("beside", &beside), ("cog", &cog)] {
        assert_same(&expected, &place.run(&[path], name, &[]));
    }
}

#[test]
fn files_of_two_sizes_make_one_map_where_all_are_brought_to_the_nominal_gsd() {
    let place = place(4);
    let picture = Picture::new(2, 12);
    let a = draw(&place, "a.tif", (EPSG, GSD), &picture, Window::new(3_250_000, -34_300_000, 120, 90));
    // The next 18 m, in pixels of 15 cm.
    let b = draw(&place, "b.tif", (EPSG, 0.15), &picture, Window::new(4_333_493, -45_733_334, 120, 120));
    let map = place.run(&[&a, &b], "out", &[]);
    assert!(text_of(&map).contains("0.3 x 0.3"), "{}", text_of(&map));
    assert!(map.manifest["counts"]["pixels_valid"].as_u64().unwrap() > 80 * 60 + 59 * 58);
    // Without it the hint has the option.
    place.config("");
    let mixed = place.try_run(&[&a, &b], "no", &[]).expect(2);
    assert!(
        mixed.err.contains("different grids") && mixed.err.contains("gsd = \"nominal\""),
        "{}",
        mixed.err
    );
    let plan = place.arpent(&["plan", "run.toml", "--scene", &a]).expect(0);
    assert!(!plan.out.contains("resampled"), "{}", plan.out);
}

#[test]
fn resampling_by_more_than_is_allowed_is_refused_and_the_hint_leads_on() {
    let place = Place::new();
    with_nominal(&place, 0.5);
    let scene = place.draw("a.tif", &Picture::new(2, 24), Window::new(3_260_000, -34_310_000, 200, 160));
    place.config("[input]\ngsd = \"nominal\"\n");
    let refused = place.try_run(&[&scene], "no", &[]).expect(2);
    assert!(
        refused.err.contains("2.50 times as coarse") && refused.err.contains("the limit is 2"),
        "{}",
        refused.err
    );
    let hint = refused.err.split('`').nth(1).unwrap();
    assert_eq!(hint, "resample_max_factor = { coarser = 3 }");
    place.config(&format!("[input]\ngsd = \"nominal\"\n{hint}\n"));
    let map = place.run(&[&scene], "out", &[]);
    assert_eq!(map.labels().len(), 80 * 64);
    let plan = place.arpent(&["plan", "run.toml", "--scene", &scene]).expect(0);
    assert!(plan.out.contains("GSD 0.500 m, resampled from 0.200 m"), "{}", plan.out);
    // The other way: finer pixels than the file has.
    let coarse =
        draw(&place, "coarse.tif", (EPSG, 10.0), &Picture::new(2, 24), Window::new(65_000, -686_000, 30, 30));
    let refused = place.try_run(&[&coarse], "no", &[]).expect(2);
    assert!(refused.err.contains("20.00 times as fine"), "{}", refused.err);
    assert!(
        refused.err.contains("use a model made for this GSD: with this one")
            && refused.err.contains("20 times as fine"),
        "{}",
        refused.err
    );
    for (line, said) in [
        ("resample_max_factor = 0.5", "from 1 to 100"),
        ("resample_max_factor = { finer = 0.5 }", "from 1 to 100"),
        ("resample_max_factor = { wider = 3 }", "a table of `coarser` and `finer`"),
        ("resample_max_factor = 1000", "from 1 to 100"),
        ("pixel_size = [0.5, 0.0]", "above 0"),
    ] {
        place.config(&format!("[input]\n{line}\n"));
        let refused = place.try_run(&[&scene], "no", &[]).expect(2);
        assert!(refused.err.contains(said) && refused.err.contains("run.toml"), "{}", refused.err);
    }
}

#[test]
fn a_pixel_size_fixes_the_grid_of_degrees() {
    let place = place(6);
    let scene = draw(
        &place,
        "a.tif",
        (4326, 2e-6),
        &Picture::new(5, 12),
        Window::new(1_000_007, -22_500_013, 90, 80),
    );
    let map = place.run(&[&scene], "out", &[]);
    // At 45 degrees: 0.3 m of 78,846.8 and 111,131.8 m to a degree.
    assert!(text_of(&map).contains("0.00000380485 x 0.0000026995 "), "{}", text_of(&map));
    place.config(&format!("{NOMINAL}pixel_size = [4e-6, 3e-6]\n"));
    let fixed = place.run(&[&scene], "fixed", &[]);
    assert!(text_of(&fixed).contains("0.000004 x 0.000003"), "{}", text_of(&fixed));
    assert_ne!(map.manifest["run_id"], fixed.manifest["run_id"]);
    // Also for a scene that the model would take as it is; and never ignored.
    place.config("[input]\nresample = true\npixel_size = [4e-6, 3e-6]\n");
    let taken = place.run(&[&scene], "taken", &[]);
    assert!(text_of(&taken).contains("0.000004 x 0.000003"), "{}", text_of(&taken));
    place.config("[input]\npixel_size = [4e-6, 3e-6]\n");
    let refused = place.try_run(&[&scene], "no", &[]).expect(2).err;
    assert!(
        refused.contains("`input.pixel_size` is the size of resampled pixels")
            && refused.contains("resample = true"),
        "{refused}"
    );
}

/// Coarser and finer have limits of their own: what leaves room for coarser pixels invents none.
#[test]
fn more_room_for_coarser_pixels_is_none_for_finer_ones() {
    let place = Place::new();
    with_nominal(&place, 0.5);
    let of = |gsd: f64, name: &str| {
        // 40 m at the same place.
        let px = |meters: f64| round::<i64>(meters / gsd);
        let side = usize::try_from(px(40.0)).unwrap();
        draw(
            &place,
            name,
            (EPSG, gsd),
            &Picture::new(2, 24),
            Window::new(px(652_000.0), -px(6_862_000.0), side, side),
        )
    };
    let scenes = [0.1, 0.2, 1.0, 1.25, 2.5].map(|gsd| (gsd, of(gsd, &format!("{gsd}.tif"))));
    for (line, taken) in [
        ("", [false, false, true, false, false]),
        ("resample_max_factor = { coarser = 5.0 }", [true, true, true, false, false]),
        ("resample_max_factor = { finer = 2.5 }", [false, false, true, true, false]),
        ("resample_max_factor = 5.0", [true; 5]),
    ] {
        place.config(&format!("[input]\ngsd = \"nominal\"\n{line}\n"));
        for ((gsd, scene), taken) in scenes.iter().zip(taken) {
            let ended = place.arpent(&["plan", "run.toml", "--scene", scene]);
            assert_eq!(ended.code == 0, taken, "{gsd} {line}: {}", ended.err);
            assert!(taken || ended.err.contains("and the limit is"), "{}", ended.err);
        }
    }
    // What is shipped: 10 cm may become 50 cm, 2.5 m may not.
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/land-cover");
    for name in ["run.toml", "coverage.toml", "ocs-ge.toml"] {
        let text = std::fs::read_to_string(configs.join(name)).unwrap();
        let line = text.lines().find(|line| line.starts_with("resample_max_factor")).unwrap();
        place.config(&format!("[input]\ngsd = \"nominal\"\n{line}\n"));
        for ((gsd, scene), taken) in scenes.iter().zip([true, true, true, false, false]) {
            let ended = place.arpent(&["plan", "run.toml", "--scene", scene]);
            assert_eq!(ended.code == 0, taken, "{name} {gsd}: {}", ended.err);
        }
    }
}

/// Pixels of degrees are half as wide as high at 60 degrees, and a sixth at 80: each side counts.
#[test]
fn each_side_of_a_pixel_has_its_factor() {
    let place = place(7);
    let scene = |name: &str, row: i64| {
        draw(&place, name, (4326, 4e-6), &Picture::new(5, 12), Window::new(1_000_007, row, 60, 50))
    };
    // At 80 degrees: 0.077 m by 0.447 m, of which the root is 0.186 m.
    let (equator, north) = (scene("equator.tif", -100_000), scene("north.tif", -20_000_000));
    place.config("[input]\ngsd = \"nominal\"\n");
    place.arpent(&["plan", "run.toml", "--scene", &equator]).expect(0);
    let refused = place.arpent(&["plan", "run.toml", "--scene", &north]).expect(2);
    assert!(
        refused.err.contains("3.52 times") && refused.err.contains("as coarse from west to east"),
        "{}",
        refused.err
    );
    place.config("[input]\ngsd = \"nominal\"\nresample_max_factor = { coarser = 4 }\n");
    place.run(&[&north], "out", &[]);
}

/// Where a map lies on the lattice of `gsd`.
fn placed(map: &Map, gsd: f64) -> Window {
    let text = gdal("gdalinfo", &["-json", map.file("labels.tif").to_str().unwrap()]);
    let info: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |i: usize| info["geoTransform"][i].as_f64().unwrap();
    let size = |i: usize| usize::try_from(info["size"][i].as_u64().unwrap()).unwrap();
    let number = |v: f64| round::<i64>(v / gsd);
    assert!((of(1) - gsd).abs() < 1e-9, "{text}");
    Window::new(number(of(0)), number(-of(3)), size(0), size(1))
}

/// Asserts that a map has, in a part, the pixels and features of the whole one.
fn assert_part(whole: &Map, part: &Map, gsd: f64, inner: Window) {
    let (all, own) = (placed(whole, gsd), placed(part, gsd));
    assert!(!inner.is_empty() && all.contains(&inner) && own.contains(&inner), "{inner:?}");
    for name in ["labels.tif", "confidence.tif"] {
        let (a, b) = (whole.raster(name), part.raster(name));
        assert!(part_of(&a, all, inner) == part_of(&b, own, inner), "{name} {inner:?}");
    }
    let (a, b) = (inside(whole, gsd, inner, 0), inside(part, gsd, inner, 0));
    assert!(!a.is_empty(), "no feature lies inside");
    assert_eq!(a, b);
}

/// Sizes of scenes and of their maps, both ways, of ratios that are whole numbers and that are not.
const SIZES: [(f64, f64); 4] = [(0.2, 0.5), (0.15, 0.5), (0.5, 0.3), (0.2, 0.16)];

const METHODS: [&str; 3] = ["nearest", "bilinear", "average"];

/// A place whose scenes are brought to a GSD.
fn brought(seed: u64, gsd: f64, method: &str) -> (Place, usize) {
    let place = Place::new();
    let reach = random_unet(&place, seed);
    with_nominal(&place, gsd);
    place
        .config(&format!("[input]\ngsd = \"nominal\"\nresample_max_factor = 4\nresampling = \"{method}\"\n"));
    (place, reach)
}

/// A window of pixels of a size, off the lattice of any other: 420 by 390 of them.
fn off_lattice(gsd: f64) -> Window {
    let number = |meters: f64| round::<i64>(meters / gsd);
    Window::new(number(652_001.4), number(-6_862_002.6), 420, 390)
}

#[test]
fn crops_are_parts_of_the_whole_map() {
    for (n, (own, gsd)) in SIZES.into_iter().enumerate() {
        let (place, reach) = brought(21 + n as u64, gsd, METHODS[n % 3]);
        let whole = draw(&place, "whole.tif", (EPSG, own), &Picture::new(5, 12), off_lattice(own));
        let all = place.run(&[&whole], "all", &[]);
        let crop = place.text("crop.tif");
        gdal("gdal_translate", &["-q", "-srcwin", "37", "23", "331", "343", &whole, &crop]);
        let part = place.run(&[&crop], "part", &["--window", "48"]);
        // At its border a crop lacks what the network, and the new pixels' sums, would see beyond.
        assert_part(&all, &part, gsd, shrunk(placed(&part, gsd), reach + 2));
    }
}

#[test]
fn areas_of_interest_are_parts_of_the_whole_map() {
    for (n, (own, gsd)) in SIZES.into_iter().enumerate() {
        let (place, _) = brought(31 + n as u64, gsd, METHODS[(n + 1) % 3]);
        let scene = draw(&place, "a.tif", (EPSG, own), &Picture::new(5, 12), off_lattice(own));
        let all = place.run(&[&scene], "all", &[]);
        let at = placed(&all, gsd);
        // Two that overlap, and a sliver that holds the centers of one column.
        let (w, h) = (i64::try_from(at.width).unwrap(), i64::try_from(at.height).unwrap());
        let a = Window::between(at.col + 5, at.row + 4, at.col + w * 3 / 5, at.row + h * 2 / 3);
        let b = Window::between(at.col + w / 3, at.row + h / 3, at.col + w - 20, at.row + h - 3);
        let sliver = Window::new(at.col + w - 9, at.row + 8, 1, at.height - 20);
        let ring = |window: &Window, inset: f64| {
            let (west, east) = (exact(window.col) + inset, exact(window.col_end()) - inset);
            let (north, south) = (-exact(window.row), -exact(window.row_end()));
            let corner = |x: f64, y: f64| format!("[{},{}]", x * gsd, y * gsd);
            let corners = [(west, south), (east, south), (east, north), (west, north), (west, south)];
            let corners = corners.map(|(x, y)| corner(x, y)).join(",");
            format!(
                r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{corners}]]}}}}"#
            )
        };
        let rings = [ring(&a, 0.0), ring(&b, 0.0), ring(&sliver, 0.3)].join(",");
        let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
        place.write("aoi.geojson", &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{rings}]}}"#));
        let part = place.run(&[&scene], "part", &["--aoi", "aoi.geojson", "--window", "64"]);
        for window in [a, b] {
            assert_part(&all, &part, gsd, window);
        }
        let (whole, labels, own) = (all.labels(), part.labels(), placed(&part, gsd));
        for (i, label) in labels.iter().enumerate() {
            let (col, row) = (
                own.col + i64::try_from(i % own.width).unwrap(),
                own.row + i64::try_from(i / own.width).unwrap(),
            );
            let wanted = [a, b, sliver].iter().any(|window| window.contains_pixel(col, row));
            let there =
                at.offset_of(&Window::new(col, row, 1, 1)).map(|(col, row)| whole[row * at.width + col]);
            assert_eq!(Some(*label), if wanted { there } else { Some(255) }, "{col} {row}");
        }
    }
}

/// Draws a picture with holes, whose borders are those of new pixels in places, and cross them in others.
fn draw_holed(
    place: &Place,
    name: &str,
    (own, gsd): (f64, f64),
    picture: &Picture,
    window: Window,
) -> String {
    let mut bands = picture.bands(window);
    let pixels = window.width * window.height;
    for i in 0..pixels {
        let (col, row) = (i % window.width, i / window.width);
        let (col, row) = (window.col + i64::try_from(col).unwrap(), window.row + i64::try_from(row).unwrap());
        // The new pixel that holds the center, in checks of seven; and every 23rd pixel of its own.
        let new = |v: i64| ((exact(v) + 0.5) * own / gsd).floor().rem_euclid(7.0);
        let hole = (new(col) < 1.0 && new(row) < 2.0) || (col * 31 + row * 17).rem_euclid(23) == 0;
        (0..3).for_each(|b| bands[b * pixels + i] = if hole { 0 } else { bands[b * pixels + i].max(1) });
    }
    GeoTiff::rgb(EPSG, own, window, &bands).with_nodata(0.0).write(&place.path(name)).unwrap();
    place.text(name)
}

/// Whether it is one file or many thin ones, of few rows or of few columns, in windows of any size, by one process or by workers.
#[test]
fn many_thin_files_with_holes_are_one_file() {
    for (n, (own, gsd)) in SIZES.into_iter().enumerate() {
        // Each size with two of the methods.
        for method in [METHODS[n % 3], METHODS[(n + 1) % 3]] {
            let (place, _) = brought(41 + n as u64, gsd, method);
            let picture = Picture::new(5, 12);
            let scene = Window { width: 130, height: 117, ..off_lattice(own) };
            let whole = draw_holed(&place, "whole.tif", (own, gsd), &picture, scene);
            let one = place.run(&[&whole], "one", &["--window", "100"]);
            let labels = one.labels();
            assert!(labels.contains(&255) && labels.iter().any(|l| *l != 255 && *l != labels[0]));
            // Of three rows, then of one: thinner than a new pixel.
            std::fs::create_dir(place.path("rows")).unwrap();
            let mut row = scene.row;
            while row < scene.row_end() {
                let end = (row + if row < scene.row + 60 { 3 } else { 1 }).min(scene.row_end());
                let strip = Window::between(scene.col, row, scene.col_end(), end);
                draw_holed(
                    &place,
                    &format!("rows/{:04}.tif", scene.row_end() - row),
                    (own, gsd),
                    &picture,
                    strip,
                );
                row = end;
            }
            let rows = place.run(&["rows"], "by-rows", &["--window", "64", "--threads", "1"]);
            assert_same(&one, &rows);
            std::fs::create_dir(place.path("cols")).unwrap();
            for n in 0..26 {
                let strip = Window::new(scene.col + n * 5, scene.row, 5, scene.height);
                draw_holed(&place, &format!("cols/{n:04}.tif"), (own, gsd), &picture, strip);
            }
            let plan = place.plan(&["cols"], "by-cols", 3, &["--window", "40"]);
            for index in 0..3 {
                place.worker(&plan, index).expect(0);
            }
            place.arpent(&["merge", "--plan", &plan]).expect(0);
            assert_same(&one, &Map::at(&place.path("by-cols")));
        }
    }
}

/// A scene in which no new pixel has its center is weighted with its neighbors, with a warning; alone it is refused.
#[test]
fn a_scene_thinner_than_a_new_pixel_has_a_warning() {
    let (place, _) = brought(3, 0.5, "average");
    let picture = Picture::new(5, 12);
    let scene = Window::new(3_260_000, -34_310_000, 60, 50);
    // Row 25 is the first of the two and a half that make a row.
    let parts = [
        ("a.tif", Window::new(scene.col, scene.row, 60, 25)),
        ("thin.tif", Window::new(scene.col, scene.row + 25, 60, 1)),
        ("c.tif", Window::new(scene.col, scene.row + 26, 60, 24)),
    ];
    let whole = place.run(&[&draw(&place, "whole.tif", (EPSG, GSD), &picture, scene)], "whole", &[]);
    let files = parts.map(|(name, window)| draw(&place, name, (EPSG, GSD), &picture, window));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let split = place.run(&files, "split", &[]);
    assert_same(&whole, &split);
    let told = &split.manifest["warnings"];
    let is_told = |w: &serde_json::Value| w["code"] == "no-pixel-of-its-own" && w["subject"] == "thin";
    assert!(told.as_array().unwrap().iter().any(is_told), "{told}");
    let alone = place.try_run(&[files[1]], "alone", &[]).expect(2);
    assert!(alone.err.contains("thin.tif is too small") && alone.err.contains("hint: "), "{}", alone.err);
}

#[test]
fn scenes_behind_a_network_are_local_ones() {
    let Some(server) = SeaweedFs::start() else { return };
    let (place, _) = brought(51, 0.5, "bilinear");
    let plain = draw_holed(&place, "plain.tif", (GSD, 0.5), &Picture::new(5, 12), off_lattice(GSD));
    let (cog, flat) = (place.text("cog.tif"), place.text("flat.tif"));
    gdal(
        "gdal_translate",
        &["-q", "-of", "COG", "-co", "BLOCKSIZE=128", "-co", "OVERVIEW_COUNT=2", &plain, &cog],
    );
    gdal(
        "gdal_translate",
        &["-q", "-of", "COG", "-co", "BLOCKSIZE=128", "-co", "OVERVIEWS=NONE", &plain, &flat],
    );
    assert!(
        gdal("gdalinfo", &[&cog]).contains("Overviews:")
            && !gdal("gdalinfo", &[&flat]).contains("Overviews:")
    );
    let local = place.run(&[&plain], "local", &[]);
    let folder = crate::machines::open(&server, &server.url("scenes"));
    for (name, path) in [("plain", &plain), ("cog", &cog), ("flat", &flat)] {
        let object = format!("{name}.tif");
        assert!(folder.create(&object, std::fs::read(path).unwrap(), "image/tiff").unwrap());
        let addresses =
            [server.url(&format!("scenes/{object}")), server.web_url(&format!("scenes/{object}"))];
        for (i, address) in addresses.iter().enumerate() {
            let output = format!("{name}-{i}");
            let mut command = place
                .command(&["run", "run.toml", "--scene", address, "--output", &output, "--window", "64"]);
            if i == 0 {
                command.envs(server.env());
            }
            Ended::from(command.output().unwrap()).expect(0);
            assert_same(&local, &Map::at(&place.path(&output)));
        }
    }
}

#[test]
fn of_two_dates_one_is_resampled() {
    let place = Place::empty();
    random_siamese(&place, 6);
    with_nominal(&place, 0.5);
    place.config(
        "[input]\nresample = true\nresample_max_factor = { coarser = 4 }\nresampling = \"average\"\n",
    );
    let (before, after) = (Picture::new(3, 12), Picture::new(4, 12));
    // The earlier date lies on the map's lattice already.
    let earlier =
        draw(&place, "before.tif", (EPSG, 0.5), &before, Window::new(1_304_020, -13_724_017, 140, 150));
    let scene = Window::new(3_260_007, -34_310_013, 400, 380);
    let whole = draw(&place, "after.tif", (EPSG, GSD), &after, scene);
    let one = place.run(&[&whole], "one", &["--before", &earlier]);
    let labels = one.labels();
    assert!(labels.iter().any(|label| *label != labels[0]));
    let inputs = &one.manifest["inputs"];
    assert_eq!(inputs[0]["grid"]["key"], inputs[1]["grid"]["key"]);
    std::fs::create_dir(place.path("strips")).unwrap();
    for n in 0..19 {
        let strip = Window::new(scene.col, scene.row + n * 20, 400, 20);
        draw(&place, &format!("strips/{n:03}.tif"), (EPSG, GSD), &after, strip);
    }
    let plan = place.plan(&["strips"], "many", 2, &["--before", &earlier, "--window", "48"]);
    for index in 0..2 {
        place.worker(&plan, index).expect(0);
    }
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    assert_same(&one, &Map::at(&place.path("many")));
}

/// Files whose sizes of pixels and corners differ in the last digits are one grid: pixels along the seam are weighed across it.
#[test]
fn a_seam_of_files_that_agree_within_a_hundredth_is_none() {
    for (n, method) in METHODS.into_iter().enumerate() {
        let (place, _) = brought(61 + n as u64, 0.5, method);
        let picture = Picture::new(5, 12);
        let scene = Window::new(3_260_007, -34_310_013, 201, 180);
        let whole = place.run(&[&draw(&place, "whole.tif", (EPSG, GSD), &picture, scene)], "whole", &[]);
        let west = draw(&place, "west.tif", (EPSG, GSD), &picture, Window { width: 98, ..scene });
        let on_grid = draw(
            &place,
            "exact.tif",
            (EPSG, GSD),
            &picture,
            Window::new(scene.col + 98, scene.row, 103, 180),
        );
        let (x, y) = (exact(scene.col + 98) * GSD, -exact(scene.row) * GSD);
        // A size of 0.19999999999963; one of 0.200000004; a corner 1.2 mm off, and 0.002 mm to a pixel.
        for (i, (shift, size)) in
            [(0.0, 0.199_999_999_999_63), (0.0, 0.200_000_004), (0.001_2, 0.200_002)].into_iter().enumerate()
        {
            let east = place.text(&format!("east-{i}.tif"));
            let corners = [x + shift, y - shift, x + shift + 103.0 * size, y - shift - 180.0 * size]
                .map(|v| format!("{v:.9}"));
            let mut words = vec!["-q", "-a_ullr"];
            words.extend(corners.iter().map(String::as_str));
            words.extend([on_grid.as_str(), east.as_str()]);
            gdal("gdal_translate", &words);
            let both = place.run(&[&west, &east], &format!("both-{i}"), &["--window", "64"]);
            assert_same(&whole, &both);
        }
    }
}
