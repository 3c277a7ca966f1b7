//! The scenes under a map, as raster tiles.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use arpent_base::number::{exact, index, round};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture, Samples};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::change::{change, dated, images};
use crate::common::{EPSG, GSD, Map, Place, gdal};
use crate::review::review;

const SCENE: Window = Window::new(3_260_007, -34_310_013, 300, 260);
const TERMS: &str = "[publish]\nimagery = true\nlicense = \"Licence Ouverte 2.0\"\nattribution = \"Imagery: nobody <2024>\"\n";
const SIDE: usize = 512;

/// Zoom, column and row of a tile.
type Place3 = (u32, u32, u32);

/// The tiles of a small archive: its root directory has them all.
fn tiles(path: &Path) -> BTreeMap<Place3, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"PMTiles\x03");
    // Tiles as they are, in WebP.
    assert_eq!(bytes[98..100], [1, 4]);
    let number = |at: usize| index(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()));
    assert_eq!(number(48), 0, "no leaf directory");
    let mut directory = Vec::new();
    GzDecoder::new(&bytes[number(8)..number(8) + number(16)]).read_to_end(&mut directory).unwrap();
    let mut rest = &directory[..];
    let mut varint = || {
        let mut value = 0u64;
        for shift in (0..).step_by(7) {
            let byte = rest[0];
            rest = &rest[1..];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return value;
            }
        }
        unreachable!()
    };
    let count = index(varint());
    let ids: Vec<u64> = (0..count)
        .scan(0, |id, _| {
            *id += varint();
            Some(*id)
        })
        .collect();
    let runs: Vec<u64> = (0..count).map(|_| varint()).collect();
    let lengths: Vec<usize> = (0..count).map(|_| index(varint())).collect();
    let mut found = BTreeMap::new();
    let mut at = 0;
    for i in 0..count {
        let offset = index(varint());
        at = if offset == 0 { at } else { offset - 1 };
        let start = number(56) + at;
        for run in 0..runs[i] {
            found.insert(place(ids[i] + run), bytes[start..start + lengths[i]].to_vec());
        }
        at += lengths[i];
    }
    assert_eq!(found.len(), number(72));
    found
}

/// Zoom, column and row of a tile's number, by the specification's curve.
fn place(mut id: u64) -> Place3 {
    let mut z = 0;
    while id >= 1 << (2 * z) {
        id -= 1 << (2 * z);
        z += 1;
    }
    let (mut x, mut y) = (0u64, 0u64);
    for s in 0..z {
        let side = 1u64 << s;
        let rx = 1 & (id / 2);
        let ry = 1 & (id ^ rx);
        if ry == 0 {
            if rx == 1 {
                (x, y) = (side - 1 - x, side - 1 - y);
            }
            (x, y) = (y, x);
        }
        (x, y) = (x + side * rx, y + side * ry);
        id /= 4;
    }
    (z, u32::try_from(x).unwrap(), u32::try_from(y).unwrap())
}

/// Red, green, blue and alpha of a tile, pixel by pixel.
fn decoded(bytes: &[u8]) -> Vec<[u8; 4]> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("tile.webp"), bytes).unwrap();
    gdal(
        "gdal_translate",
        &["-q", "-of", "ENVI", "-co", "INTERLEAVE=BIP", &path("tile.webp"), &path("tile.img")],
    );
    let raw = fs::read(path("tile.img")).unwrap();
    let bands = raw.len() / (SIDE * SIDE);
    raw.chunks_exact(bands).map(|p| [p[0], p[1], p[2], p.get(3).copied().unwrap_or(255)]).collect()
}

/// What GDAL warps a scene to, in the place of a tile.
fn warped(scene: &str, (z, x, y): Place3) -> Vec<[u8; 4]> {
    let side = 2.0 * PI * 6_378_137.0 / 2f64.powi(z.cast_signed());
    let (west, north) = (f64::from(x) * side - PI * 6_378_137.0, PI * 6_378_137.0 - f64::from(y) * side);
    let bounds = [west, north - side, west + side, north].map(|v| format!("{v:.9}"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("peer.img").to_str().unwrap().to_owned();
    let mut words =
        vec!["-q", "-t_srs", "EPSG:3857", "-ts", "512", "512", "-r", "bilinear", "-dstalpha", "-et", "0"];
    words.extend(["-of", "ENVI", "-co", "INTERLEAVE=BIP", "-te"]);
    words.extend(bounds.iter().map(String::as_str));
    words.extend([scene, &out]);
    gdal("gdalwarp", &words);
    fs::read(out).unwrap().chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect()
}

/// A scene whose colors change smoothly.
fn smooth(place: &Place, name: &str) -> String {
    let wave = |band: usize, at: usize| {
        let (col, row) = (exact(at % SCENE.width), exact(at / SCENE.width));
        let phase = [col / 9.0, row / 11.0, (col + row) / 14.0][band];
        round::<u8>(128.0 + 100.0 * phase.sin())
    };
    let pixels = SCENE.width * SCENE.height;
    let bands: Vec<u8> = (0..3).flat_map(|band| (0..pixels).map(move |at| wave(band, at))).collect();
    GeoTiff::rgb(EPSG, GSD, SCENE, &bands).write(&place.path(name)).unwrap();
    place.text(name)
}

/// The mean difference of colors where both pictures have a pixel, when the second is shifted so many pixels to the east; and
/// the share of pixels that only one of them has.
fn difference(one: &[[u8; 4]], other: &[[u8; 4]], shift: usize) -> (f64, f64) {
    let (mut sum, mut both, mut single) = (0u64, 0u64, 0u64);
    for at in 0..SIDE * SIDE - shift {
        let (a, b) = (one[at + shift], other[at]);
        if a[3] < 255 || b[3] < 255 {
            single += u64::from(a[3] != b[3]);
            continue;
        }
        both += 3;
        sum += (0..3).map(|i| u64::from(a[i].abs_diff(b[i]))).sum::<u64>();
    }
    (exact(sum) / exact(both.max(1)), exact(single) / exact(SIDE * SIDE))
}

#[test]
fn a_scene_is_where_gdal_warps_it_to() {
    let place = Place::new();
    let scene = smooth(&place, "a.tif");
    place.config(TERMS);
    let map = place.run(&[&scene], "out", &[]);
    let all = tiles(&map.file("imagery.pmtiles"));
    let deepest = all.keys().map(|tile| tile.0).max().unwrap();
    // 20 cm: a pixel of a tile of zoom 18 has 21 cm in Lambert-93's place of this scene.
    assert!((18..=19).contains(&deepest), "{deepest}");
    assert!((0..=deepest).all(|z| all.keys().any(|tile| tile.0 == z)), "all zooms");
    let mut pixels = 0;
    for (tile, bytes) in all.iter().filter(|(tile, _)| tile.0 == deepest) {
        let (own, peer) = (decoded(bytes), warped(&scene, *tile));
        let (off, alone) = difference(&own, &peer, 0);
        // 2.5 levels are the compression.
        assert!(off < 3.5 && alone < 0.01, "{tile:?}: {off} levels, {alone} of one alone");
        let shown = own.iter().filter(|pixel| pixel[3] > 0).count();
        // Shifted by a pixel to either side, both differ by the same: a quarter of a pixel would be seen.
        for shift in [1, SIDE] {
            let sides = [difference(&own, &peer, shift).0, difference(&peer, &own, shift).0];
            let lean = (sides[0] - sides[1]).abs() / (sides[0] + sides[1]);
            assert!(shown < 10_000 || lean < 0.1, "{tile:?}: {sides:?} when shifted");
        }
        pixels += shown;
    }
    let expected =
        300.0 * 260.0 * 0.04 / (2.0 * PI * 6_378_137.0 / 2f64.powi(deepest.cast_signed()) / 512.0).powi(2);
    // Web Mercator enlarges by the inverse cosine of the latitude, 48.8 degrees.
    let expected = expected / 48.8f64.to_radians().cos().powi(2);
    assert!((exact(pixels) / expected - 1.0).abs() < 0.02, "{pixels} of {expected}");
    // A tile of another zoom is the mean of those below.
    let above = all.iter().find(|(tile, _)| tile.0 == deepest - 2).unwrap();
    let (off, _) = difference(&decoded(above.1), &warped(&scene, *above.0), 0);
    assert!(off < 12.0, "{off}");
    let page = fs::read_to_string(map.file("index.html")).unwrap();
    assert!(page.contains("imagery.pmtiles") && page.contains("Imagery: nobody"));
}

#[test]
fn a_delivery_to_aigle_has_the_tiles_of_the_page_and_enlarged_ones() {
    let place = Place::new();
    let scene = smooth(&place, "a.tif");
    let export = |output: &str, folder: &str| {
        let to =
            ["export", output, "--to", "aigle", folder, "--tiles", "--year", "2024", "--batch-tiles-url"];
        review(&place, &[&to[..], &["https://tiles.example.org/{z}/{x}/{y}.webp"]].concat())
    };
    place.run(&[&scene], "plain", &[]);
    review(&place, &["new", "plain", "--name", "first"]).expect(0);
    let refused = export("plain", "none").expect(2);
    assert!(
        refused.err.contains("without imagery") && refused.err.contains("publish.imagery"),
        "{}",
        refused.err
    );
    assert!(fs::read_dir(place.path("none")).unwrap().next().is_none(), "nothing is left");
    place.config(TERMS);
    let map = place.run(&[&scene], "out", &[]);
    review(&place, &["new", "out", "--name", "first"]).expect(0);
    export("out", "aigle").expect(0);
    let mut found = BTreeMap::new();
    for z in [15, 16, 17, 18, 19u32] {
        for column in fs::read_dir(place.path(&format!("aigle/tiles/{z}"))).unwrap().map(Result::unwrap) {
            let x: u32 = column.file_name().to_str().unwrap().parse().unwrap();
            for row in fs::read_dir(column.path()).unwrap().map(Result::unwrap) {
                let name = row.file_name().into_string().unwrap();
                let y: u32 = name.strip_suffix(".webp").unwrap().parse().unwrap();
                found.insert((z, x, y), fs::read(row.path()).unwrap());
            }
        }
    }
    let archived = tiles(&map.file("imagery.pmtiles"));
    let deepest = archived.keys().map(|tile| tile.0).max().unwrap();
    let own = found.iter().filter(|(tile, _)| tile.0 <= deepest);
    let wanted = archived.iter().filter(|(tile, _)| tile.0 >= 15);
    assert!(own.eq(wanted), "the tiles of the page, as they are");
    // Every tile of zoom 19 shows a quarter of the one above it.
    assert_eq!(deepest, 18);
    let mut compared = 0;
    for ((_, x, y), bytes) in found.iter().filter(|(tile, _)| tile.0 == 19) {
        let (part, whole) = (decoded(bytes), decoded(&found[&(18, x / 2, y / 2)]));
        for (row, col) in [(40usize, 30usize), (200, 411), (390, 255), (480, 500)] {
            let (half, east, south) = (SIDE / 2, index(u64::from(x % 2)), index(u64::from(y % 2)));
            let above = whole[(south * half + row / 2) * SIDE + east * half + col / 2];
            let below = part[row * SIDE + col];
            if above[3] == 255 && below[3] == 255 {
                compared += 1;
                assert!((0..3).all(|i| above[i].abs_diff(below[i]) < 40), "{above:?} {below:?} in {x}, {y}");
            }
        }
    }
    assert!(compared > 4, "{compared}");
    let again = export("out", "aigle").expect(2);
    assert!(again.err.contains("hint:"), "{}", again.err);
}

#[test]
fn pictures_are_the_same_for_every_window_thread_and_shard() {
    let place = Place::new();
    let (a, b) = (Window { width: 170, ..SCENE }, Window { col: SCENE.col + 120, width: 180, ..SCENE });
    place.draw("a.tif", &Picture::new(5, 24), a);
    place.draw("b.tif", &Picture::new(6, 24), b);
    place.config(TERMS);
    let scenes = ["a.tif", "b.tif"];
    let map = place.run(&scenes, "out", &["--threads", "1"]);
    let again = place.run(&scenes, "again", &["--threads", "2", "--window", "64"]);
    // The STAC item has the size of the windows.
    let without_item =
        |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
    assert_eq!(without_item(&map), without_item(&again));
    let plan = place.plan(&scenes, "shards", 2, &[]);
    for index in [1, 0] {
        place.worker(&plan, index).expect(0);
    }
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    let merged = Map::at(&place.path("shards"));
    let of = |map: &Map| -> Vec<(String, String)> {
        map.hashes().into_iter().filter(|(name, _)| name.contains("imagery")).collect()
    };
    assert_eq!((of(&merged), of(&map).len()), (of(&map), 1));
    place.config("");
    let without = place.run(&scenes, "without", &[]);
    assert_eq!(without.manifest["run_id"], map.manifest["run_id"], "it is no other result");
    assert!(without.hashes().iter().all(|(name, _)| !name.contains("imagery")));
    let planned = place.arpent(&["plan", "run.toml", "--scene", "a.tif", "--output", "x"]).expect(0);
    assert!(!planned.out.contains("imagery.pmtiles"));
    place.config(TERMS);
    let planned = place.arpent(&["plan", "run.toml", "--scene", "a.tif", "--output", "x"]).expect(0);
    assert!(planned.out.contains("imagery.pmtiles"), "{}", planned.out);
}

#[test]
fn both_dates_have_one_stretch_and_nodata_is_transparent() {
    let place = Place::empty();
    // 16 bits: the later date is brighter; a quarter of the earlier one is nodata.
    let write = |name: &str, by: u16| {
        let window = Window { width: 256, height: 256, ..SCENE };
        let value = |at: usize| {
            let (col, row) = (at % 256, at / 256);
            let texture =
                u16::try_from((col * 7 + row * 13 + ((at * 2_654_435_761) >> 9) % 61) % 900).unwrap();
            // In a corner the ground changed, too: equal images are refused.
            let changed = u16::from(by > 0 && col > 200 && row > 200) * 300;
            if by == 0 && col < 128 && row < 128 { 0 } else { 1000 + texture + by + changed }
        };
        let samples = Samples::Gray16((0..256 * 256).map(value).collect());
        GeoTiff { epsg: Some(EPSG), gsd: GSD, window, nodata: Some(0.0), samples }
            .write(&place.path(name))
            .unwrap();
        place.text(name)
    };
    let [old, new] = [write("old.tif", 0), write("new.tif", 1500)];
    let config = dated("2018-06-01", "2021-06-01", &format!("{TERMS}[images]\nmethod = \"cva\"\n"));
    change(&place, &config, &old, &new, "out", &[]).expect(0);
    let map = Map::at(&place.path("out"));
    let [before, after] = ["imagery-before.pmtiles", "imagery-after.pmtiles"].map(|name| {
        let all = tiles(&map.file(name));
        let deepest = all.keys().map(|tile| tile.0).max().unwrap();
        let of_deepest = all.iter().filter(|(tile, _)| tile.0 == deepest);
        of_deepest.flat_map(|(_, bytes)| decoded(bytes)).collect::<Vec<_>>()
    });
    let shown = |pixels: &[[u8; 4]]| pixels.iter().filter(|pixel| pixel[3] == 255).count();
    let mean = |pixels: &[[u8; 4]]| {
        let values = pixels.iter().filter(|pixel| pixel[3] == 255).map(|pixel| f64::from(pixel[0]));
        values.sum::<f64>() / exact(shown(pixels))
    };
    let share = exact(shown(&before)) / exact(shown(&after));
    assert!((share - 0.75).abs() < 0.02, "{share}");
    // 1000 to 3400 are black to white, by the percentiles 2 and 98 of both.
    assert!((20.0..80.0).contains(&mean(&before)), "{}", mean(&before));
    assert!((175.0..240.0).contains(&mean(&after)), "{}", mean(&after));
    let page = fs::read_to_string(map.file("index.html")).unwrap();
    let facts = page.split("type=\"application/json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let facts: Value = serde_json::from_str(facts).unwrap();
    let dates: Vec<_> =
        facts["imagery"].as_array().unwrap().iter().map(|image| image["date"].clone()).collect();
    assert_eq!(dates, ["before", "after"]);
}

#[test]
fn pictures_without_terms_or_scenes_are_refused_before_any_work() {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(5, 24), SCENE);
    for (lines, missing) in
        [("", "`license`"), ("license = \"CC0-1.0\"\n", "`attribution`"), ("license = \" \"\n", "`license`")]
    {
        place.config(&format!("[publish]\nimagery = true\n{lines}"));
        let refused = place.try_run(&[&scene], "out", &[]).expect(2);
        assert!(refused.err.contains("run.toml, line 3") && refused.err.contains(missing), "{}", refused.err);
        assert!(place.is_clean("out"));
    }
    let [old, new] = images(&place, 0, &[]);
    place.config("");
    place.run(&[&old], "before", &[]);
    place.run(&[&new], "after", &[]);
    let maps = ["before", "after"].map(|name| place.text(name));
    let refused =
        change(&place, &dated("2018-06-01", "2021-06-01", TERMS), &maps[0], &maps[1], "changes", &[])
            .expect(2);
    assert!(refused.err.contains("publish.imagery") && refused.err.contains("hint:"), "{}", refused.err);
}
