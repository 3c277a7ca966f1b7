//! What decides which pixels are valid: alpha, masks, nodata, files beside the scene.

use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_base::Diagnostic as _;
use arpent_gdal::{MosaicReader, SceneSource, look, open_scene};
use arpent_raster::{Chip, Declared, SceneInfo, Window};
use gdal::Metadata as _;
use gdal::raster::{Buffer, ColorEntry, ColorInterpretation, ColorTable, GdalType};

use crate::common::{Picture, folder, mosaic, open, picture, value};
use crate::remote::serve_logged;

fn read(scene: &SceneInfo, bands: &[usize]) -> Chip {
    let m = mosaic(vec![scene.clone()]);
    MosaicReader::new(&m, &[bands.to_vec()]).unwrap().read(m.window).unwrap()
}

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes bands of which the last is flagged as alpha.
fn with_alpha(path: &Path, bands: Vec<Vec<u8>>, nodata: Option<f64>) -> SceneInfo {
    let last = bands.len();
    let p = Picture { nodata, ..Picture::new((bands[0].len(), 1), bands) };
    open(&p.write_with(path, |ds| {
        ds.rasterband(last).unwrap().set_color_interpretation(ColorInterpretation::AlphaBand).unwrap();
    }))
}

#[test]
fn a_requested_band_is_data() {
    let dir = folder();
    let bands = vec![vec![10u8, 11, 12], vec![20, 21, 22], vec![0, 128, 255]];
    let scene = with_alpha(&dir.path().join("a.tif"), bands, None);
    assert!(scene.bands[2].is_alpha);
    assert_eq!(read(&scene, &[1, 2]).valid, [false, true, true]);
    let asked = read(&scene, &[1, 3]);
    assert_eq!((asked.valid, &asked.data[3..]), (vec![true; 3], &[0.0, 128.0, 255.0][..]));
    assert_eq!(read(&scene, &[3]).valid, [true; 3]);
}

#[test]
fn alpha_and_masks_beat_nodata() {
    let dir = folder();
    let bands = vec![vec![0u8, 0, 12], vec![0, 0, 22], vec![0, 255, 255]];
    let mut scene = with_alpha(&dir.path().join("a.tif"), bands, Some(0.0));
    assert_eq!(read(&scene, &[1, 2]).valid, [false, true, true], "black that alpha calls valid");
    scene.validity.nodata_by = Declared::Configuration;
    assert_eq!(read(&scene, &[1, 2]).valid, [false, false, true], "a declaration of the job counts");

    let p = Picture { nodata: Some(0.0), ..Picture::new((3, 1), vec![vec![0u8, 0, 5]]) };
    let path = p.write_with(&dir.path().join("masked.tif"), |ds| {
        let mut band = ds.rasterband(1).unwrap();
        band.create_mask_band(true).unwrap();
        let mut mask = band.open_mask_band().unwrap();
        mask.write((0, 0), (3, 1), &mut Buffer::new((3, 1), vec![0u8, 255, 255])).unwrap();
    });
    let scene = open(&path);
    assert!(scene.validity.has_mask);
    assert_eq!(scene.validity.side_files, ["masked.tif.msk"]);
    assert_eq!(read(&scene, &[1]).valid, [false, true, true]);
}

/// Writes a `.msk` of values beside a raster, which declares itself the mask of so many bands.
fn write_mask(path: &Path, size: (usize, usize), values: Vec<u8>, says: usize) {
    let p = Picture { epsg: None, geotransform: None, ..Picture::new(size, vec![values]) };
    p.write_with(path, |ds| {
        for band in 1..=says {
            ds.set_metadata_item(&format!("INTERNAL_MASK_FLAGS_{band}"), "2", "").unwrap();
        }
    });
}

#[test]
fn a_mask_that_would_mask_nothing_is_refused() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    for name in ["none.tif", "one.tif", "small.tif", "bad.tif", "good.tif"] {
        picture(40, 30, 3).write(&path(name));
    }
    picture(40, 30, 3).write_with(&path("inside.tif"), |ds| {
        gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", "YES").unwrap();
        ds.rasterband(1).unwrap().create_mask_band(true).unwrap();
        gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", "NO").unwrap();
    });
    let values = |count: usize| (0..count).map(|i| u8::from(i % 5 > 0)).collect::<Vec<u8>>();
    write_mask(&path("none.tif.msk"), (40, 30), values(1200), 0);
    write_mask(&path("one.tif.msk"), (40, 30), values(1200), 1);
    write_mask(&path("small.tif.msk"), (20, 15), values(300), 3);
    std::fs::write(path("bad.tif.msk"), "no raster").unwrap();
    write_mask(&path("good.tif.msk"), (40, 30), values(1200), 3);
    write_mask(&path("inside.tif.msk"), (40, 30), values(1200), 3);
    let all = [
        ("none.tif", "mask of band 1"),
        ("one.tif", "mask of band 2"),
        ("small.tif", "20 x 15 px, expected 40 x 30 px"),
        ("bad.tif", "cannot be read"),
        ("inside.tif", "an internal mask"),
    ];
    let names = ["/none.tif", "/one.tif", "/small.tif", "/bad.tif", "/inside.tif", "/good.tif"];
    let masks = [
        "/none.tif.msk",
        "/one.tif.msk",
        "/small.tif.msk",
        "/bad.tif.msk",
        "/inside.tif.msk",
        "/good.tif.msk",
    ];
    let files = names.iter().chain(&masks).map(|name| (*name, std::fs::read(path(&name[1..])).unwrap()));
    let (base, ..) = serve_logged(files.collect());
    for (name, says) in all {
        for uri in [path(name).to_string_lossy().into_owned(), format!("{base}/{name}")] {
            let refused = open_scene(&SceneSource::new(&uri)).unwrap_err();
            let text = refused.to_string();
            assert!(text.contains(&format!("{name}.msk")) && text.contains(says), "{uri}: {text}");
            assert!(refused.hint().is_some() && refused.is_transient() == Some(false), "{uri}");
        }
    }
    for uri in [path("good.tif").to_string_lossy().into_owned(), format!("{base}/good.tif")] {
        let scene = open_scene(&SceneSource::new(&uri)).unwrap();
        assert!(scene.validity.has_mask, "{uri}");
        let valid = read(&scene, &[1, 2, 3]).valid;
        assert!(valid.iter().enumerate().all(|(i, valid)| *valid == (i % 5 > 0)), "{uri}");
    }
}

#[test]
fn nodata_of_a_png_is_nodata_and_no_mask() {
    let dir = folder();
    let values = |b: u8| vec![0, 10 + b, 0, 20 + b];
    let bands = vec![values(0), values(1), vec![0, 7, 9, 0]];
    let p = Picture { nodata: Some(0.0), ..Picture::new((4, 1), bands) };
    let from = p.write(&dir.path().join("from.tif"));
    let to = dir.path().join("to.png");
    run("gdal_translate", &["-q", "-of", "PNG", from.to_str().unwrap(), to.to_str().unwrap()]);
    let scene = open(&to);
    assert!(!scene.validity.has_mask && scene.bands.iter().all(|b| b.nodata == Some(0.0)));
    assert_eq!(read(&scene, &[1, 2, 3]).valid, [false, true, true, true]);
    // Values that bands do not declare are those of a mask.
    let marked = dir.path().join("marked.tif");
    let words = ["-q", "-a_nodata", "none", "-mo", "NODATA_VALUES=0 0 0"];
    run("gdal_translate", &[&words[..], &[from.to_str().unwrap(), marked.to_str().unwrap()]].concat());
    let scene = open(&marked);
    assert!(scene.validity.has_mask);
    assert_eq!(read(&scene, &[1, 2, 3]).valid, [false, true, true, true]);
}

#[test]
fn bands_may_have_masks_of_their_own() {
    let dir = folder();
    let path = Picture::new((3, 1), vec![vec![1u8, 2, 3], vec![4, 5, 6]]).write_with(
        &dir.path().join("m.tif"),
        |ds| {
            for (band, values) in [(1, vec![255u8, 0, 255]), (2, vec![255, 255, 0])] {
                let mut band = ds.rasterband(band).unwrap();
                band.create_mask_band(false).unwrap();
                let mut mask = band.open_mask_band().unwrap();
                mask.write((0, 0), (3, 1), &mut Buffer::new((3, 1), values)).unwrap();
            }
        },
    );
    let scene = open(&path);
    assert_eq!(read(&scene, &[1]).valid, [true, false, true]);
    assert_eq!(read(&scene, &[2]).valid, [true, true, false]);
    assert_eq!(read(&scene, &[2, 1]).valid, [true, false, false]);
}

fn nodata_of<T: GdalType + Copy>(dir: &Path, values: Vec<T>, nodata: f64) -> Vec<bool> {
    let (count, path) = (values.len(), dir.join("nodata.tif"));
    let p = Picture { nodata: Some(nodata), ..Picture::new((count, 1), vec![values]) };
    let path = p.write(&path);
    let mut scene = open(&path);
    // GDAL's writer rounds to what the type holds; other writers do not.
    scene.bands[0].nodata = Some(nodata);
    read(&scene, &[1]).valid
}

#[test]
fn nodata_takes_out_what_equals_it() {
    let dir = folder();
    let dir = dir.path();
    for none in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.5, -9999.0, f64::MIN] {
        assert_eq!(nodata_of(dir, vec![0u8, 1, 255], none), [true; 3], "{none}");
        assert_eq!(nodata_of(dir, vec![0u16, 1, 255], none), [true; 3], "{none}");
        assert_eq!(nodata_of(dir, vec![0u32, 1, 255], none), [true; 3], "{none}");
        assert_eq!(nodata_of(dir, vec![0i32, 1, 255], none), [true, true, true], "{none}");
        assert_eq!(nodata_of(dir, vec![0i16, 1, 255], none), [true; 3], "{none}");
        assert_eq!(nodata_of(dir, vec![0f32, 1.0, 255.0], none), [true; 3], "{none}");
        assert_eq!(nodata_of(dir, vec![0f64, 1.0, 255.0], none), [true; 3], "{none}");
    }
    assert_eq!(nodata_of(dir, vec![0i16, -9999, 255], -9999.0), [true, false, true]);
    assert_eq!(nodata_of(dir, vec![0i32, -9999, 255], -9999.0), [true, false, true]);
    assert_eq!(nodata_of(dir, vec![0u32, u32::MAX, u32::MAX - 1], f64::from(u32::MAX)), [true, false, true]);
    assert_eq!(nodata_of(dir, vec![0f32, f32::MIN, 255.0], -3.402_823_466_385_29e38), [true, false, true]);
    assert_eq!(nodata_of(dir, vec![0f32, f32::NEG_INFINITY, 255.0], f64::NEG_INFINITY), [true, false, true]);
    assert_eq!(nodata_of(dir, vec![1.5f32, f32::NAN, 255.0], f64::NAN), [true, false, true]);
}

#[test]
fn the_text_of_the_least_number_is_read() {
    let dir = folder();
    let from = Picture::new((3, 1), vec![vec![1f32, 2.0, -5.0]]).write(&dir.path().join("from.tif"));
    for text in ["-1.79769313486232e+308", "-inf", "inf", "nan", "-1.7976931348623157e+308"] {
        let to = dir.path().join("to.tif");
        run("gdal_translate", &["-q", "-a_nodata", text, from.to_str().unwrap(), to.to_str().unwrap()]);
        assert_eq!(read(&open(&to), &[1]).valid, [true; 3], "{text}");
    }
}

#[test]
fn alpha_bands_of_many_values_are_seen() {
    let dir = folder();
    let write = |name: &str, alpha: fn(usize) -> u8| {
        let mut p = picture(100, 90, 2);
        p.bands[1] = (0..9000).map(alpha).collect();
        open(&p.write_with(&dir.path().join(name), |ds| {
            ds.rasterband(2).unwrap().set_color_interpretation(ColorInterpretation::AlphaBand).unwrap();
        }))
    };
    let two = write("two.tif", |i| if i % 100 < 30 { 0 } else { 255 });
    assert_eq!(look(&two, &[1], false).unwrap().alpha, Some((2, 2)));
    let many = write("many.tif", |i| u8::try_from(i % 97).unwrap());
    let (band, values) = look(&many, &[1], false).unwrap().alpha.unwrap();
    assert!(band == 2 && values > 60, "{values}");
    assert_eq!(look(&many, &[1, 2], false).unwrap().alpha, None, "it is asked for as data");
}

/// A scene and what lies beside it, as files of a server.
fn with_side_files(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = |path: PathBuf| std::fs::read(path).unwrap();
    // A mask beside it.
    let path = picture(20, 10, 3).write_with(&dir.join("a.tif"), |ds| {
        let mut band = ds.rasterband(1).unwrap();
        band.create_mask_band(true).unwrap();
        let mut mask = band.open_mask_band().unwrap();
        let values = (0..200).map(|i| if i % 3 == 0 { 0u8 } else { 255 }).collect();
        mask.write((0, 0), (20, 10), &mut Buffer::new((20, 10), values)).unwrap();
    });
    // Nodata, names of bands and place beside it.
    let from = Picture { nodata: None, epsg: None, geotransform: None, ..picture(20, 10, 1) };
    let bare = from.write(&dir.join("b.tif"));
    let aux = r#"<PAMDataset><SRS>EPSG:2154</SRS><GeoTransform>650000,0.2,0,6860000,0,-0.2</GeoTransform>
        <PAMRasterBand band="1"><Description>nir</Description><NoDataValue>8</NoDataValue></PAMRasterBand></PAMDataset>"#;
    std::fs::write(dir.join("b.tif.aux.xml"), aux).unwrap();
    // A place beside it, and a CRS inside.
    let p = Picture { geotransform: None, ..picture(20, 10, 1) };
    let placed = p.write(&dir.join("c.tif"));
    let world = "0.2\n0\n0\n-0.2\n650000.1\n6859999.9\n";
    std::fs::write(dir.join("c.tfw"), world).unwrap();
    let p = Picture { geotransform: None, ..picture(20, 10, 1) };
    let upper = p.write(&dir.join("D.TIF"));
    std::fs::write(dir.join("D.wld"), world).unwrap();
    vec![
        ("/a.tif", bytes(path)),
        ("/a.tif.msk", bytes(dir.join("a.tif.msk"))),
        ("/b.tif", bytes(bare)),
        ("/b.tif.aux.xml", aux.into()),
        ("/c.tif", bytes(placed)),
        ("/c.tfw", world.into()),
        ("/D.TIF", bytes(upper)),
        ("/D.wld", world.into()),
        ("/plain.tif", bytes(picture(20, 10, 3).write(&dir.join("plain.tif")))),
    ]
}

#[test]
fn one_file_has_one_answer_wherever_it_lies() {
    let dir = folder();
    let (base, _, asked) = serve_logged(with_side_files(dir.path()));
    for (name, bands, beside) in [
        ("a.tif", vec![1, 2, 3], vec!["a.tif.msk"]),
        ("b.tif", vec![1], vec!["b.tif.aux.xml"]),
        ("c.tif", vec![1], vec!["c.tfw"]),
        ("D.TIF", vec![1], vec!["D.wld"]),
        ("plain.tif", vec![1, 2, 3], vec![]),
    ] {
        let local = open(&dir.path().join(name));
        asked.lock().unwrap().clear();
        let remote = open_scene(&SceneSource::new(&format!("{base}/{name}"))).unwrap();
        let chip = read(&remote, &bands);
        assert_eq!(chip, read(&local, &bands), "{name}");
        let of = |info: &SceneInfo| (info.window, info.bands.clone(), info.validity.clone());
        assert_eq!(of(&remote), of(&local), "{name}");
        assert_eq!(remote.validity.side_files, beside, "{name}");
        if name != "plain.tif" {
            assert!(name == "c.tif" || name == "D.TIF" || chip.valid.contains(&false), "{name}");
        }
        // A few names, each asked for once, though the file was opened twice.
        let requests = asked.lock().unwrap().clone();
        let others: Vec<&String> = requests.iter().filter(|r| !r.ends_with(&format!("/{name}"))).collect();
        let missing: Vec<&&String> =
            others.iter().filter(|r| !beside.iter().any(|b| r.ends_with(&format!("/{b}")))).collect();
        assert!(missing.len() <= 20, "{requests:?}");
        if name == "plain.tif" {
            let mut asked: Vec<&str> = others.iter().filter_map(|r| r.split(' ').nth(1)).collect();
            asked.sort_unstable();
            asked.dedup();
            assert_eq!(asked, ["/plain.tif.aux.xml", "/plain.tif.msk"], "{requests:?}");
            assert!(others.len() <= 4, "{requests:?}");
        }
    }
}

/// Runs the command of a hint in a folder.
fn follow(dir: &Path, hint: &str) {
    let output = Command::new("sh").arg("-c").arg(hint).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{hint}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_hints_for_turned_pictures_keep_the_outside_invalid() {
    let dir = folder();
    let (sin, cos) = (0.5f64.sin() * 0.2, 0.5f64.cos() * 0.2);
    let turned = [650_000.0, cos, sin, 6_860_000.0, sin, -cos];
    let rotated =
        Picture { geotransform: Some(turned), ..picture(120, 100, 3) }.write(&dir.path().join("rotated.tif"));
    let plain = Picture { geotransform: None, epsg: None, ..picture(120, 100, 3) }
        .write(&dir.path().join("plain.tif"));
    let gcps = dir.path().join("gcps.tif");
    let mut words: Vec<String> = ["-q", "-a_srs", "EPSG:2154"].map(str::to_owned).into();
    for (col, row) in [(0.0, 0.0), (120.0, 0.0), (0.0, 100.0), (120.0, 100.0)] {
        let (x, y) =
            (turned[0] + col * turned[1] + row * turned[2], turned[3] + col * turned[4] + row * turned[5]);
        words.push("-gcp".into());
        words.extend([col, row, x, y].map(|v: f64| v.to_string()));
    }
    words.extend([plain, gcps.clone()].map(|p| p.to_string_lossy().into_owned()));
    run("gdal_translate", &words.iter().map(String::as_str).collect::<Vec<_>>());
    for (path, out) in [(rotated, "rotated_north_up.tif"), (gcps, "gcps_north_up.tif")] {
        let error = open_scene(&SceneSource::new(path.to_str().unwrap())).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("gdalwarp ") && hint.contains("-dstalpha"), "{hint}");
        follow(dir.path(), &hint);
        let scene = open(&dir.path().join(out));
        let chip = read(&scene, &[1, 2, 3]);
        // Where the centers of pixels lie in the turned picture, with room for those that its border cuts.
        let (window, det) = (scene.window, turned[1] * turned[5] - turned[2] * turned[4]);
        let (mut wrong, mut inside) = (0, 0);
        for (i, valid) in chip.valid.iter().enumerate() {
            let at = Window {
                col: window.col + i64::try_from(i % window.width).unwrap(),
                row: window.row + i64::try_from(i / window.width).unwrap(),
                width: 1,
                height: 1,
            };
            let [w, s, e, n] = scene.grid.bbox(&at);
            let (x, y) = (w.midpoint(e) - turned[0], s.midpoint(n) - turned[3]);
            let (col, row) = ((x * turned[5] - y * turned[2]) / det, (y * turned[1] - x * turned[4]) / det);
            let depth = col.min(120.0 - col).min(row).min(100.0 - row);
            wrong += usize::from((depth > 1.0 && !valid) || (depth < -1.0 && *valid));
            inside += usize::from(*valid);
        }
        assert_eq!(wrong, 0, "{out}: {inside} of {} pixels are valid", chip.valid.len());
        assert!(inside * 10 < chip.valid.len() * 8, "there is an outside");
    }
}

#[test]
fn the_hint_for_a_palette_keeps_nodata_invalid() {
    let dir = folder();
    for (name, nodata, valid) in [("void", Some(3.0), 75), ("all", None, 100)] {
        let values = (0..100).map(|i| u8::try_from(i % 4).unwrap()).collect();
        let p = Picture { nodata, ..Picture::new((10, 10), vec![values]) };
        let path = p.write_with(&dir.path().join(format!("{name}.tif")), |ds| {
            let mut table = ColorTable::default();
            (0..4).for_each(|i| table.set_color_entry(i, &ColorEntry::rgba(10, 20, 30, 255)));
            ds.rasterband(1).unwrap().set_color_table(&table);
        });
        let hint = open_scene(&SceneSource::new(path.to_str().unwrap())).unwrap_err().hint().unwrap();
        follow(dir.path(), &hint);
        let chip = read(&open(&dir.path().join(format!("{name}_rgb.tif"))), &[1, 2, 3]);
        assert_eq!(chip.valid.iter().filter(|v| **v).count(), valid, "{hint}");
    }
}

#[test]
fn values_of_the_helper_encode_places() {
    // The pictures of these tests hold no 0, so that GDAL's fill is distinguished from stored values.
    assert!((0..200).all(|i| value(i, 3 * i, 1) > 0));
}
