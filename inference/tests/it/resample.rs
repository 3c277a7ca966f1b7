//! Resampled maps: one grid for a job, the same pixels whatever file covers them, and no more than is allowed.

use std::path::Path;

use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};

use crate::common::{EPSG, GSD, Map, Place, gdal};
use crate::invariance::random_unet;

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
    // Without it the hint says how.
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
        refused.err.contains("2.50 times as coarse") && refused.err.contains("the 2 allowed"),
        "{}",
        refused.err
    );
    let hint = refused.err.split('`').nth(1).unwrap();
    assert_eq!(hint, "resample_max_factor = 3");
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
    for (line, said) in
        [("resample_max_factor = 0.5", "must be 1 or more"), ("pixel_size = [0.5, 0.0]", "above 0")]
    {
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
