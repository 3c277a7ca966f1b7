//! Same pixel, same answer: whatever the file, the window, the threads and the order.

use arpent_model::{Architecture, HandSet, Weights};
use arpent_raster::Window;
use arpent_testing::{Picture, SplitMix};
use proptest::prelude::*;

use crate::common::{Map, Place, Row};

/// A scene that crosses the lattice in both directions, away from the CRS origin.
const SCENE: Window = Window::new(3_260_007, -34_310_013, 230, 190);

/// Makes the package of a U-Net with random weights; gives its receptive field.
fn random_unet(place: &Place, seed: u64) -> usize {
    let net = Architecture::Unet {
        in_channels: 3,
        out_channels: 4,
        widths: vec![6, 8, 10],
        encoder_convs: vec![1, 2, 1],
        dates: 1,
    };
    random_net(place, seed, net, &["red", "green", "blue"])
}

/// Makes the package of a network with random weights: real sums that do not come out even.
pub fn random_net(place: &Place, seed: u64, net: Architecture, bands: &[&str]) -> usize {
    let mut random = SplitMix::new(seed);
    let mut weights = Weights::default();
    for tensor in net.tensors() {
        let inputs: usize = tensor.shape[1..].iter().product();
        #[allow(clippy::cast_precision_loss)]
        let scale = if tensor.shape.len() == 1 { 0.3 } else { 2.0 / (inputs as f32).sqrt() };
        let draw = |_| (f32::from(u16::try_from(random.below(2001)).unwrap()) / 1000.0 - 1.0) * scale;
        let values = (0..tensor.shape.iter().product()).map(draw).collect();
        weights.insert(tensor.name, &tensor.shape, values);
    }
    let mut package = HandSet::segmentation(bands, 4).package(net);
    for band in &mut package.bands {
        band.mean = 110.0;
        band.std = 60.0;
    }
    package.save(&weights, &place.path("model")).unwrap();
    package.receptive_field_px
}

/// Features of `map` that touch neither the border of `window` nor come near it by `margin` pixels.
fn inside(map: &Map, window: Window, margin: usize) -> Vec<Row> {
    let margin = i64::try_from(margin).unwrap();
    let (left, right) = (window.col + margin, window.col_end() - margin);
    let (top, bottom) = (window.row + margin, window.row_end() - margin);
    let is_inside = |row: &Row| {
        let numbers = row.wkt.replace(|c: char| !(c.is_ascii_digit() || ".-, ".contains(c)), "");
        numbers.split(',').all(|pair| {
            let (x, y) = pair.trim().split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            #[allow(clippy::cast_possible_truncation)]
            let (col, row) = ((x / 0.2).round() as i64, (-y / 0.2).round() as i64);
            col > left && col < right && row > top && row < bottom
        })
    };
    map.features().into_iter().filter(is_inside).collect()
}

/// Labels of the part of a map that lies in `part`.
fn part_of(labels: &[u8], window: Window, part: Window) -> Vec<u8> {
    let (col, row) = window.offset_of(&part).unwrap();
    (row..row + part.height).flat_map(|r| labels[r * window.width + col..][..part.width].to_vec()).collect()
}

fn shrunk(window: Window, by: usize) -> Window {
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
        // The STAC item says which windows the network was given.
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
        let (a, b) = (inside(&whole, crop, reach), inside(&part, crop, reach));
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
    #[allow(clippy::cast_precision_loss)]
    let (x, y) = (|c: i64| c as f64 * 0.2, |r: i64| -(r as f64) * 0.2);
    let (w, e, n, s) = (x(aoi.col), x(aoi.col_end()), y(aoi.row), y(aoi.row_end()));
    let ring = format!("[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]");
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    place.write(
        "aoi.geojson",
        &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}"#),
    );
    let part = place.run(&[&scene], "part", &["--aoi", &place.text("aoi.geojson")]);
    assert_eq!(part_of(&whole.labels(), SCENE, aoi), part.labels());
    assert_eq!(inside(&whole, aoi, 0), inside(&part, aoi, 0));
}
