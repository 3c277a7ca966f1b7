//! A place for which a data set holds nothing is never valid, whatever kind of data set it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_base::Diagnostic as _;
use arpent_base::number::exact;
use arpent_gdal::{GdalError, Mosaic, MosaicReader, SceneSource, allow_in_vrt, open_scene, read_labels};
use arpent_raster::{Chip, LABEL_NODATA, Window};

use crate::common::{GEOTRANSFORM, Picture, folder, mosaic, open, picture, source, value};
use crate::remote::serve;

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A dalle whose north-western pixel is (`col`, `row`) of the survey; every fifth pixel is black in all bands.
fn dalle(path: &Path, col: usize, row: usize, side: usize) -> PathBuf {
    let band = |b: usize| -> Vec<u8> {
        let pixel = |i: usize| if i.is_multiple_of(5) { 0 } else { value(col + i % side, row + i / side, b) };
        (0..side * side).map(pixel).collect()
    };
    let mut gt = GEOTRANSFORM;
    gt[0] += exact(col) * gt[1];
    gt[3] += exact(row) * gt[5];
    let p = Picture { geotransform: Some(gt), ..Picture::new((side, side), vec![band(0), band(1), band(2)]) };
    p.write(path)
}

/// Dalles on a diagonal, side by side.
fn diagonal(dir: &Path) -> Vec<PathBuf> {
    (0..4).map(|i| dalle(&dir.join(format!("d{i}.tif")), i * 40, i * 40, 40)).collect()
}

fn build(options: &[&str], vrt: &Path, files: &[PathBuf]) -> PathBuf {
    let files: Vec<String> = files.iter().map(|f| text(f)).collect();
    let vrt_name = text(vrt);
    let mut words = vec!["-q"];
    words.extend(options);
    words.push(&vrt_name);
    words.extend(files.iter().map(String::as_str));
    run("gdalbuildvrt", &words);
    vrt.to_owned()
}

/// A copy in blocks of 16 pixels; blocks of zeros are left out of the file.
fn sparse(from: &Path, to: &Path, interleave: &str) -> PathBuf {
    let interleave = format!("INTERLEAVE={interleave}");
    let options = ["SPARSE_OK=TRUE", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16", &interleave];
    let (from, to_name) = (text(from), text(to));
    let mut words = vec!["-q"];
    words.extend(options.iter().flat_map(|option| ["-co", *option]));
    words.extend([from.as_str(), &to_name]);
    run("gdal_translate", &words);
    to.to_owned()
}

fn read(m: &Mosaic, bands: &[usize], window: Window) -> Chip {
    MosaicReader::new(m, &[bands.to_vec()]).unwrap().read(window).unwrap()
}

/// Windows of many sizes and places, also beyond the raster.
fn windows(whole: Window) -> Vec<Window> {
    let mut all = vec![whole, whole.grow(7)];
    for (dc, dr, width, height) in [
        (0, 0, 40, 40),
        (33, 35, 10, 9),
        (39, 39, 2, 2),
        (-5, 100, 70, 31),
        (81, 79, 1, 160),
        (0, 79, 160, 1),
    ] {
        all.push(Window::new(whole.col + dc, whole.row + dr, width, height));
    }
    all
}

#[track_caller]
fn assert_same(a: &Mosaic, b: &Mosaic, bands: &[usize]) {
    assert_eq!(a.window, b.window);
    let mut valid = 0;
    for window in windows(a.window) {
        let (a, b) = (read(a, bands, window), read(b, bands, window));
        assert_eq!(a, b, "{window}");
        valid += a.valid.iter().filter(|v| **v).count();
    }
    assert!(valid > 0);
}

#[test]
fn a_vrt_reads_like_its_files() {
    let dir = folder();
    let files = diagonal(dir.path());
    let m = mosaic(files.iter().map(|f| open(f)).collect());
    let plain = build(&[], &dir.path().join("plain.vrt"), &files);
    let plain_mosaic = mosaic(vec![open(&plain)]);
    assert_same(&plain_mosaic, &m, &[1, 2, 3]);
    assert_same(&plain_mosaic, &m, &[3]);
    let whole = read(&plain_mosaic, &[1, 2, 3], m.window);
    assert_eq!(whole.valid.iter().filter(|v| **v).count(), 4 * 40 * 40, "black pixels are pixels");

    // A VRT of VRTs, and one that is taken over by another one as it is.
    let halves = [
        build(&[], &dir.path().join("half0.vrt"), &files[..2]),
        build(&[], &dir.path().join("half1.vrt"), &files[2..]),
    ];
    let nested = build(&[], &dir.path().join("nested.vrt"), &halves);
    assert_same(&mosaic(vec![open(&nested)]), &m, &[2, 1]);
    let outer = dir.path().join("outer.vrt");
    run("gdal_translate", &["-q", "-of", "VRT", &text(&nested), &text(&outer)]);
    assert_same(&mosaic(vec![open(&outer)]), &m, &[1, 2, 3]);

    // A fill value that is there and hidden, and sources that are averaged.
    let xml = std::fs::read_to_string(&plain).unwrap();
    let hidden = xml.replace(
        "<ColorInterp>",
        "<NoDataValue>7</NoDataValue><HideNoDataValue>1</HideNoDataValue><ColorInterp>",
    );
    let averaged = xml.replace("SimpleSource", "AveragedSource");
    for (name, xml) in [("hidden.vrt", hidden), ("averaged.vrt", averaged)] {
        assert_ne!(xml, std::fs::read_to_string(&plain).unwrap(), "{name}");
        std::fs::write(dir.path().join(name), xml).unwrap();
        assert_same(&mosaic(vec![open(&dir.path().join(name))]), &m, &[1, 2, 3]);
    }
}

#[test]
fn a_vrt_of_a_part_has_that_part() {
    let dir = folder();
    let files = diagonal(dir.path());
    let plain = build(&[], &dir.path().join("plain.vrt"), &files);
    let part = dir.path().join("part.vrt");
    run(
        "gdal_translate",
        &["-q", "-of", "VRT", "-srcwin", "20", "10", "70", "90", &text(&plain), &text(&part)],
    );
    let (part, m) = (mosaic(vec![open(&part)]), mosaic(files.iter().map(|f| open(f)).collect()));
    assert_eq!((part.window.width, part.window.height), (70, 90));
    assert_eq!(read(&part, &[1, 2, 3], part.window), read(&m, &[1, 2, 3], part.window));
}

#[test]
fn a_band_with_a_hole_makes_a_hole() {
    let dir = folder();
    let a = dalle(&dir.path().join("a.tif"), 0, 0, 40);
    let b = dalle(&dir.path().join("b.tif"), 10, 0, 40);
    let vrt = build(&["-separate"], &dir.path().join("separate.vrt"), &[a, b]);
    let m = mosaic(vec![open(&vrt)]);
    let valid = |bands: &[usize]| -> Vec<usize> {
        let chip = read(&m, bands, m.window);
        let of = |col: usize| chip.valid[col..].iter().step_by(50).filter(|v| **v).count();
        [0, 9, 10, 39, 40, 49].map(of).to_vec()
    };
    assert_eq!(valid(&[1, 2]), [0, 0, 40, 40, 0, 0]);
    assert_eq!(valid(&[1]), [40, 40, 40, 40, 0, 0]);
    assert_eq!(valid(&[2]), [0, 0, 40, 40, 40, 40]);
}

#[test]
fn what_a_source_does_not_give_is_a_hole() {
    let dir = folder();
    let files = diagonal(dir.path());
    // Black is no pixel of the sources, and the VRT does not say so.
    let vrt = build(&["-srcnodata", "0", "-vrtnodata", "None"], &dir.path().join("a.vrt"), &files);
    let xml = std::fs::read_to_string(&vrt).unwrap();
    assert!(xml.contains("<NODATA>0</NODATA>") && !xml.contains("NoDataValue"), "{xml}");
    let m = mosaic(vec![open(&vrt)]);
    let chip = read(&m, &[1, 2, 3], m.window);
    let expected = 4 * (0..1600).filter(|i| i % 5 != 0).count();
    assert_eq!(chip.valid.iter().filter(|v| **v).count(), expected);
    assert!(chip.valid.iter().zip(chip.band(0)).all(|(valid, v)| *valid == (*v > 0.0)));
}

#[test]
fn blocks_that_were_never_written_are_holes() {
    let dir = folder();
    // Nothing at all is in it.
    let zeros = Picture::new((64, 48), vec![vec![0u8; 64 * 48]; 2]).write(&dir.path().join("zeros.tif"));
    let empty = sparse(&zeros, &dir.path().join("empty.tif"), "PIXEL");
    let m = mosaic(vec![open(&empty)]);
    assert!(!read(&m, &[1], m.window).valid.contains(&true));

    let mut some = picture(64, 48, 2);
    for band in &mut some.bands {
        for (i, v) in band.iter_mut().enumerate() {
            // A column of blocks is empty; a pixel elsewhere is black.
            if (16..32).contains(&(i % 64)) || i == 5 {
                *v = 0;
            }
        }
    }
    let dense = some.write(&dir.path().join("some.tif"));
    for interleave in ["PIXEL", "BAND"] {
        let sparse = sparse(&dense, &dir.path().join(format!("sparse-{interleave}.tif")), interleave);
        let vrt = build(&[], &dir.path().join(format!("{interleave}.vrt")), std::slice::from_ref(&sparse));
        for path in [sparse, vrt] {
            let m = mosaic(vec![open(&path)]);
            for window in
                [m.window, Window::new(m.window.col + 15, m.window.row + 3, 18, 20), m.window.grow(3)]
            {
                let chip = read(&m, &[2, 1], window);
                for (i, valid) in chip.valid.iter().enumerate() {
                    let col = window.col - m.window.col + i64::try_from(i % window.width).unwrap();
                    let row = window.row - m.window.row + i64::try_from(i / window.width).unwrap();
                    let inside = (0..64).contains(&col) && (0..48).contains(&row);
                    assert_eq!(*valid, inside && !(16..32).contains(&col), "{col} {row} {}", path.display());
                }
            }
        }
    }
    let m = mosaic(vec![open(&dense)]);
    assert!(!read(&m, &[1, 2], m.window).valid.contains(&false), "what was written is data");
}

#[test]
fn the_outside_of_a_warped_picture_is_a_hole() {
    let dir = folder();
    let angle = 0.4f64;
    let (sin, cos) = (angle.sin() * 0.2, angle.cos() * 0.2);
    let turned = [650_000.0, cos, sin, 6_860_000.0, sin, -cos];
    let mut p = Picture { geotransform: Some(turned), ..picture(60, 50, 2) };
    p.bands[0][70..90].fill(0);
    p.bands[1][70..90].fill(0);
    let path = p.write(&dir.path().join("turned.tif"));
    let warped = |name: &str, options: &[&str]| {
        let out = dir.path().join(name);
        let (from, to) = (text(&path), text(&out));
        let mut words = vec!["-q", "-of", "VRT", "-r", "near", "-tr", "0.2", "0.2"];
        words.extend(options);
        words.extend([from.as_str(), &to]);
        run("gdalwarp", &words);
        open(&out)
    };
    let alpha = mosaic(vec![warped("alpha.vrt", &["-dstalpha"])]);
    let plain = mosaic(vec![warped("plain.vrt", &[])]);
    let white = mosaic(vec![warped("white.vrt", &["-wo", "INIT_DEST=255"])]);
    let expected = read(&alpha, &[1, 2], alpha.window);
    let count = expected.valid.iter().filter(|v| **v).count();
    assert!((2900..3100).contains(&count), "{count} of 3000");
    assert_eq!(read(&plain, &[1, 2], plain.window), expected);
    assert_eq!(read(&white, &[1, 2], white.window), expected);
    let window = Window::new(plain.window.col + 3, plain.window.row + 11, 30, 20);
    assert_eq!(read(&plain, &[2], window), read(&alpha, &[2], window));
    // The same inside of another VRT.
    let outer = build(&[], &dir.path().join("outer.vrt"), &[dir.path().join("plain.vrt")]);
    assert_eq!(read(&mosaic(vec![open(&outer)]), &[1, 2], plain.window), expected);
}

#[test]
fn labels_that_are_not_there_are_no_class() {
    let dir = folder();
    let write = |name: &str, shift: f64| {
        let mut gt = GEOTRANSFORM;
        gt[0] += shift * gt[1];
        let p = Picture { geotransform: Some(gt), ..Picture::new((10, 10), vec![vec![0u8; 100]]) };
        p.write(&dir.path().join(name))
    };
    let vrt = build(&[], &dir.path().join("l.vrt"), &[write("a.tif", 0.0), write("b.tif", 15.0)]);
    let labels = read_labels(&text(&vrt)).unwrap();
    for (i, label) in labels.data().iter().enumerate() {
        let there = i % 25 < 10 || i % 25 >= 15;
        assert_eq!(*label, if there { 0 } else { LABEL_NODATA }, "{i}");
    }
}

#[test]
fn a_source_that_is_not_there_is_known_at_once() {
    let dir = folder();
    let files = diagonal(dir.path());
    let plain = build(&[], &dir.path().join("plain.vrt"), &files);
    let nested = build(&[], &dir.path().join("nested.vrt"), std::slice::from_ref(&plain));
    let warped = dir.path().join("warped.vrt");
    run("gdalwarp", &["-q", "-of", "VRT", &text(&files[3]), &text(&warped)]);
    for vrt in [&plain, &nested, &warped] {
        assert!(open_scene(&source(vrt)).is_ok());
    }
    std::fs::remove_file(&files[3]).unwrap();
    for (vrt, xml) in [(&plain, true), (&nested, false), (&warped, true)] {
        if xml {
            // Another document: what was found harmless is not looked at again.
            let text = std::fs::read_to_string(vrt).unwrap();
            std::fs::write(vrt, text + "\n").unwrap();
        } else {
            std::fs::write(vrt, std::fs::read_to_string(vrt).unwrap() + "\n").unwrap();
        }
        let error = open_scene(&source(vrt)).unwrap_err();
        assert!(
            matches!(&error, GdalError::MissingSource { source_name, .. } if source_name.ends_with("d3.tif")),
            "{error:?}"
        );
        assert!(error.is_transient() == Some(false) && error.hint().is_some());
    }
    // An overview that is not there is no loss.
    let xml = std::fs::read_to_string(&nested).unwrap();
    std::fs::write(&plain, std::fs::read_to_string(&plain).unwrap().replace("d3.tif", "d2.tif")).unwrap();
    let overview = "<Overview><SourceFilename relativeToVRT=\"1\">gone.ovr</SourceFilename><SourceBand>1</SourceBand></Overview></VRTRasterBand>";
    std::fs::write(&nested, xml.replace("</VRTRasterBand>", overview)).unwrap();
    assert!(open_scene(&source(&nested)).is_ok());
}

#[test]
fn a_remote_source_that_is_not_there_is_known_at_once() {
    let dir = folder();
    let tif = std::fs::read(picture(16, 16, 1).write(&dir.path().join("a.tif"))).unwrap();
    let vrt = |name: &str| {
        format!(
            r#"<VRTDataset rasterXSize="32" rasterYSize="16"><SRS>EPSG:2154</SRS><GeoTransform>650000,0.2,0,6860000,0,-0.2</GeoTransform>
            <VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename></SimpleSource>
            <SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename>
            <SrcRect xOff="0" yOff="0" xSize="16" ySize="16"/><DstRect xOff="20" yOff="0" xSize="16" ySize="16"/></SimpleSource>
            </VRTRasterBand></VRTDataset>"#
        )
    };
    let base = serve(vec![
        ("/a.tif", tif),
        ("/good.vrt", vrt("a.tif").into()),
        ("/bad.vrt", vrt("gone.tif").into()),
        ("/broken.vrt", vrt("broken.tif").into()),
    ]);
    let remote = |name: &str| SceneSource::new(&format!("{base}/{name}"));
    let m = mosaic(vec![open_scene(&remote("good.vrt")).unwrap()]);
    let chip = read(&m, &[1], m.window);
    assert_eq!(chip.valid[..32].iter().map(|v| u8::from(*v)).sum::<u8>(), 28);
    assert_eq!((chip.valid[16], chip.valid[19], chip.valid[20]), (false, false, true));
    let error = open_scene(&remote("bad.vrt")).unwrap_err();
    assert!(matches!(&error, GdalError::MissingSource { .. }), "{error:?}");
    let error = open_scene(&remote("broken.vrt")).unwrap_err();
    assert!(error.is_transient() == Some(true), "forbidden is not gone: {error:?}");
    // What is trusted is not looked at, but it must be there.
    let local = dir.path().join("local.vrt");
    let away =
        vrt("gone.tif").replace("relativeToVRT=\"1\">", &format!("relativeToVRT=\"0\">/vsicurl/{base}/"));
    std::fs::write(&local, away).unwrap();
    allow_in_vrt(&[format!("{base}/")]).unwrap();
    let error = open_scene(&source(&local)).unwrap_err();
    assert!(matches!(&error, GdalError::MissingSource { .. }), "{error:?}");
}
