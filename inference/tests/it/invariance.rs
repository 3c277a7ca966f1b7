//! Same pixel, same answer: whatever the file, the window, the threads and the order.

use arpent_base::number::{exact, exact_f32, round};
use arpent_model::{
    Architecture, DeviceChoice, HandSet, ModelPackage, ModelWindow, Prediction, Predictor, Weights,
};
use arpent_raster::{Chip, Window};
use arpent_testing::{GeoTiff, Picture, SplitMix};
use proptest::prelude::*;

use crate::common::{EPSG, GSD, Map, Place, Row};

/// A scene that crosses the lattice in both directions, away from the CRS origin.
const SCENE: Window = Window::new(3_260_007, -34_310_013, 230, 190);

/// Makes the package of a U-Net with random weights; gives its receptive field.
pub fn random_unet(place: &Place, seed: u64) -> usize {
    let net = Architecture::Unet {
        in_channels: 3,
        out_channels: 4,
        widths: vec![6, 8, 10],
        encoder_convs: vec![1, 2, 1],
        dates: 1,
    };
    random_net(place, seed, net, &["red", "green", "blue"], None)
}

/// Makes the package of a network with random weights: real sums that do not come out even. With the window that is part of
/// the model, if it is.
pub fn random_net(
    place: &Place,
    seed: u64,
    net: Architecture,
    bands: &[&str],
    window: Option<ModelWindow>,
) -> usize {
    let mut random = SplitMix::new(seed);
    let mut weights = Weights::default();
    for tensor in net.tensors() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = if tensor.shape.len() == 1 { 0.3 } else { 2.0 / exact_f32(inputs).sqrt() };
        let draw = |_| (f32::from(u16::try_from(random.below(2001)).unwrap()) / 1000.0 - 1.0) * scale;
        let values = (0..tensor.shape.iter().product()).map(draw).collect();
        weights.insert(tensor.name, &tensor.shape, values);
    }
    let mut package = HandSet::segmentation(bands, 4).package(net);
    for band in &mut package.bands {
        band.mean = 110.0;
        band.std = 60.0;
    }
    if let Some(window) = window {
        package = package.with_window(window);
    }
    package.save(&weights, &place.path("model")).unwrap();
    package.receptive_field_px
}

/// Features of `map`, of pixels of `gsd`, that touch neither the border of `window` nor come near it by `margin` pixels.
pub fn inside(map: &Map, gsd: f64, window: Window, margin: usize) -> Vec<Row> {
    let margin = i64::try_from(margin).unwrap();
    let (left, right) = (window.col + margin, window.col_end() - margin);
    let (top, bottom) = (window.row + margin, window.row_end() - margin);
    let is_inside = |row: &Row| {
        let numbers = row.wkt.replace(|c: char| !(c.is_ascii_digit() || ".-, ".contains(c)), "");
        numbers.split(',').all(|pair| {
            let (x, y) = pair.trim().split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            let (col, row) = (round::<i64>(x / gsd), round::<i64>(-y / gsd));
            col > left && col < right && row > top && row < bottom
        })
    };
    map.features().into_iter().filter(is_inside).collect()
}

/// Labels of the part of a map that lies in `part`.
pub fn part_of(labels: &[u8], window: Window, part: Window) -> Vec<u8> {
    let (col, row) = window.offset_of(&part).unwrap();
    (row..row + part.height).flat_map(|r| labels[r * window.width + col..][..part.width].to_vec()).collect()
}

pub fn shrunk(window: Window, by: usize) -> Window {
    let step = i64::try_from(by).unwrap();
    Window::between(window.col + step, window.row + step, window.col_end() - step, window.row_end() - step)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn any_window_size_any_number_of_threads_and_any_order_of_work_give_the_same_bytes(
        seed in any::<u64>(), size in 32usize..200, threads in 1usize..5, readers in 2usize..6,
    ) {
        let place = Place::new();
        random_unet(&place, seed);
        let scene = place.draw("a.tif", &Picture::new(seed, 12), SCENE);
        place.config("[compute]\nreaders = 1\n");
        let one = place.run(&[&scene], "one", &["--threads", "1"]);
        // Several readers race: windows arrive in another order each time.
        place.config(&format!("[compute]\nreaders = {readers}\n"));
        let other = place.run(&[&scene], "other", &["--threads", &threads.to_string(), "--window", &size.to_string()]);
        let labels = one.labels();
        // Weights that see one class everywhere show nothing.
        prop_assume!(labels.iter().any(|l| *l != labels[0]));
        // The STAC item records the windows of the network.
        let of = |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
        prop_assert_eq!(of(&one), of(&other));
    }

    #[test]
    fn any_split_into_files_gives_the_same_map(seed in any::<u64>(), col in 20usize..200, row in 20usize..170, shared in 0usize..15) {
        let place = Place::new();
        random_unet(&place, seed);
        let picture = Picture::new(seed, 12);
        let whole = place.run(&[&place.draw("whole.tif", &picture, SCENE)], "whole", &[]);
        let (c, r) = (SCENE.col + i64::try_from(col).unwrap(), SCENE.row + i64::try_from(row).unwrap());
        let extra = i64::try_from(shared).unwrap();
        let parts = [
            Window::between(SCENE.col, SCENE.row, c + extra, r),
            Window::between(c, SCENE.row, SCENE.col_end(), r + extra),
            Window::between(SCENE.col, r, c, SCENE.row_end()),
            Window::between(c - extra, r, SCENE.col_end(), SCENE.row_end()),
        ];
        // Named so that their order is not that of their places.
        let names = ["d.tif", "b.tif", "c.tif", "a.tif"];
        let files: Vec<String> = parts.iter().zip(names).map(|(w, n)| place.draw(n, &picture, *w)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let split = place.run(&files, "split", &["--window", "64"]);
        prop_assert_eq!(whole.labels(), split.labels());
        prop_assert_eq!(whole.raster("confidence.tif"), split.raster("confidence.tif"));
        prop_assert_eq!(whole.features(), split.features());
    }

    #[test]
    fn any_crop_gives_the_same_map_inside(seed in any::<u64>(), col in 0usize..100, row in 0usize..80, width in 90usize..130, height in 90usize..110) {
        let place = Place::new();
        let reach = random_unet(&place, seed);
        let picture = Picture::new(seed, 12);
        let crop = Window::new(
            SCENE.col + i64::try_from(col).unwrap(), SCENE.row + i64::try_from(row).unwrap(), width, height,
        );
        let whole = place.run(&[&place.draw("whole.tif", &picture, SCENE)], "whole", &["--window", "100"]);
        let part = place.run(&[&place.draw("part.tif", &picture, crop)], "part", &[]);
        let inner = shrunk(crop, reach);
        prop_assert_eq!(part_of(&whole.labels(), SCENE, inner), part_of(&part.labels(), crop, inner));
        let (a, b) = (inside(&whole, GSD, crop, reach), inside(&part, GSD, crop, reach));
        prop_assert_eq!(a, b);
    }
}

#[test]
fn an_aoi_gives_the_same_map_inside() {
    let place = Place::new();
    random_unet(&place, 5);
    let picture = Picture::new(5, 12);
    let scene = place.draw("a.tif", &picture, SCENE);
    let whole = place.run(&[&scene], "whole", &[]);
    // Pixels outside the AOI are still read as context: its border changes nothing.
    let aoi = shrunk(SCENE, 40);
    let (x, y) = (|c: i64| exact(c) * 0.2, |r: i64| -exact(r) * 0.2);
    let (w, e, n, s) = (x(aoi.col), x(aoi.col_end()), y(aoi.row), y(aoi.row_end()));
    let ring = format!("[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]");
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    place.write(
        "aoi.geojson",
        &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}"#),
    );
    let part = place.run(&[&scene], "part", &["--aoi", &place.text("aoi.geojson")]);
    assert_eq!(part_of(&whole.labels(), SCENE, aoi), part.labels());
    assert_eq!(inside(&whole, GSD, aoi, 0), inside(&part, GSD, aoi, 0));
}

/// Where a scene has no data, by the place: noise, discs that are smaller and larger than what is filled, an edge that is not
/// straight.
fn is_missing(seed: u64, col: i64, row: i64) -> bool {
    let (x, y) = (col - SCENE.col, row - SCENE.row);
    let in_disc = |at: (i64, i64), radius: i64| (x - at.0).pow(2) + (y - at.1).pow(2) < radius.pow(2);
    let place = (x * 7919 + y * 104_729).cast_unsigned();
    match seed % 3 {
        0 => SplitMix::new(seed ^ place).below(40) == 0,
        1 => in_disc((60, 70), 9) || in_disc((150, 100), 60),
        _ => 2 * x + y < 120 || in_disc((229, 189), 70),
    }
}

/// Draws a window of a picture, with a nodata value where data is missing.
fn draw_holed(place: &Place, name: &str, picture: &Picture, seed: u64, window: Window) -> String {
    let mut bands = picture.bands(window);
    for (i, value) in bands.iter_mut().enumerate() {
        let (x, y) = (i % window.width, i / window.width % window.height);
        let (col, row) =
            (window.col.saturating_add_unsigned(x as u64), window.row.strict_add_unsigned(y as u64));
        // 0 is nodata alone.
        *value = if is_missing(seed, col, row) { 0 } else { (*value).max(1) };
    }
    GeoTiff::rgb(EPSG, GSD, window, &bands).with_nodata(0.0).write(&place.path(name)).unwrap();
    place.text(name)
}

/// What fills pixels without data is a rule of the place: windows, threads, files and their order change nothing, and what the
/// evaluation does, one chip with all around it, gives the same map.
#[test]
fn missing_data_is_filled_by_the_place_alone() {
    for seed in [3, 4, 5] {
        let place = Place::new();
        random_unet(&place, seed);
        let picture = Picture::new(seed, 12);
        let whole = draw_holed(&place, "whole.tif", &picture, seed, SCENE);
        let one = place.run(&[&whole], "one", &["--threads", "1"]);
        let (labels, confidence) = (one.labels(), one.raster("confidence.tif"));
        assert!(labels.iter().any(|l| *l != labels[0]), "{seed}: one class everywhere shows nothing");
        let [c, r] = [SCENE.col + 101, SCENE.row + 83];
        let parts = [
            ("d.tif", Window::between(SCENE.col, SCENE.row, c, r)),
            ("b.tif", Window::between(c - 5, SCENE.row, SCENE.col_end(), r)),
            ("c.tif", Window::between(SCENE.col, r, c, SCENE.row_end())),
            ("a.tif", Window::between(c, r - 9, SCENE.col_end(), SCENE.row_end())),
        ];
        let files = parts.map(|(name, window)| draw_holed(&place, name, &picture, seed, window));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        for (scenes, window) in [(vec![whole.as_str()], "40"), (vec![whole.as_str()], "128"), (files, "64")] {
            let other =
                place.run(&scenes, &format!("other-{window}"), &["--threads", "3", "--window", window]);
            assert_eq!(other.labels(), labels, "{seed}: {window}");
            assert_eq!(other.raster("confidence.tif"), confidence, "{seed}: {window}");
            assert_eq!(other.features(), one.features(), "{seed}: {window}");
        }
        let (package, weights) = ModelPackage::load(&place.path("model")).unwrap();
        let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap();
        let mut chip = Chip::empty(predictor.filled_chip_of(&SCENE), 3);
        let values = picture.bands(SCENE);
        let valid: Vec<bool> = (0..SCENE.width * SCENE.height)
            .map(|i| {
                let (x, y) = (i % SCENE.width, i / SCENE.width);
                !is_missing(
                    seed,
                    SCENE.col.saturating_add_unsigned(x as u64),
                    SCENE.row.saturating_add_unsigned(y as u64),
                )
            })
            .collect();
        let value = |(i, v): (usize, &u8)| if valid[i % valid.len()] { f32::from((*v).max(1)) } else { 0.0 };
        let data = values.iter().enumerate().map(value).collect();
        chip.paste(&Chip { window: SCENE, bands: 3, data, valid });
        match predictor.predict(&chip, &SCENE).unwrap() {
            Prediction::Labels { labels: right, .. } => assert_eq!(right.data(), labels, "{seed}"),
            _ => panic!("labels expected"),
        }
    }
}
