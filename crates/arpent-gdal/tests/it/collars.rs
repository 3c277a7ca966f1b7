//! Black and white areas at the border of scenes.

use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_base::number::exact;
use arpent_gdal::{CollarColor, MosaicReader, SceneSource, look, open_scene};
use arpent_raster::{SceneInfo, Window};

use crate::common::{Picture, folder, mosaic, open, value};
use crate::remote::serve_logged;

const W: usize = 150;
const H: usize = 130;

/// Whether a pixel is not covered by the survey: a slanted corner, a wedge in the south, an arm that winds inwards.
fn is_void(col: usize, row: usize) -> bool {
    let spiral = (row == 60 && (70..=149).contains(&col))
        || (col == 70 && (60..=100).contains(&row))
        || (row == 100 && (70..=120).contains(&col))
        || (col == 120 && (75..=100).contains(&row))
        || (row == 75 && (85..=120).contains(&col));
    col + row < 70 || (row > 110 && col > 40 && col + 20 < row) || spiral
}

/// Black that is a picture: it does not lead to the border.
fn is_lake(col: usize, row: usize) -> bool {
    (80..90).contains(&col) && (20..35).contains(&row)
}

fn scene(dir: &Path, fill: u8) -> PathBuf {
    let band = |b: usize| -> Vec<u8> {
        let pixel = |i: usize| {
            let (col, row) = (i % W, i / W);
            if is_void(col, row) {
                fill
            } else if is_lake(col, row) {
                0
            } else {
                // Neither dark nor bright.
                60 + value(col, row, b) / 2
            }
        };
        (0..W * H).map(pixel).collect()
    };
    Picture::new((W, H), vec![band(0), band(1), band(2)]).write(&dir.join(format!("fill{fill}.tif")))
}

fn left_out(info: &SceneInfo, mask: &Path) -> SceneInfo {
    let mut info = info.clone();
    info.validity.collar = Some(mask.to_owned());
    info
}

#[test]
fn what_leads_to_the_border_is_left_out_and_nothing_else() {
    let dir = folder();
    for (fill, color) in [(0, CollarColor::Black), (255, CollarColor::White)] {
        let info = open(&scene(dir.path(), fill));
        let found = look(&info, &[1, 2, 3], true).unwrap().collar.unwrap();
        assert_eq!(found.color, color);
        let voids = (0..W * H).filter(|i| is_void(i % W, i / W)).count();
        let share = exact(voids) / exact(W * H);
        assert!((found.share - share).abs() < 0.05, "{} and {share}", found.share);

        let plain = mosaic(vec![info.clone()]);
        let chip = MosaicReader::new(&plain, &[vec![1, 2, 3]]).unwrap().read(plain.window).unwrap();
        let lost: Vec<_> = (0..W * H).filter(|i| !chip.valid[*i]).map(|i| (i % W, i / W)).take(9).collect();
        assert_eq!(lost, [], "told, and kept");

        let m = mosaic(vec![left_out(&info, &dir.path().join(format!("mask{fill}.tif")))]);
        let mut reader = MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap();
        let whole = reader.read(m.window).unwrap();
        for (i, valid) in whole.valid.iter().enumerate() {
            assert_eq!(*valid, !is_void(i % W, i / W), "{} {}", i % W, i / W);
        }
        // The same through any window, by another reader that begins there.
        for (col, row, width, height) in [(60, 50, 70, 60), (149, 0, 1, 130), (0, 100, 150, 7)] {
            let window = Window::new(m.window.col + col, m.window.row + row, width, height);
            let other = mosaic(vec![left_out(&info, &dir.path().join(format!("mask{fill}-{col}.tif")))]);
            let part = MosaicReader::new(&other, &[vec![1, 2, 3]]).unwrap().read(window).unwrap();
            assert_eq!(part, reader.read(window).unwrap());
        }
        // Nothing but the mask is left of the work.
        let others =
            std::fs::read_dir(dir.path()).unwrap().flatten().map(|e| e.file_name().into_string().unwrap());
        assert!(
            others.filter(|n| n.contains("down") || n.contains("up.tif") || n.contains("part")).count() == 0
        );
    }
}

#[test]
fn readers_that_begin_at_once_agree() {
    let dir = folder();
    let info = left_out(&open(&scene(dir.path(), 0)), &dir.path().join("mask.tif"));
    let m = mosaic(vec![info]);
    let chips: Vec<_> = std::thread::scope(|scope| {
        let read = || MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap().read(m.window).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(read)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(chips.iter().all(|c| *c == chips[0] && c.valid.contains(&false)));
}

#[test]
fn lossy_pictures_have_halos() {
    let dir = folder();
    let from = scene(dir.path(), 0);
    for (name, words) in [
        ("j.tif", vec!["-co", "COMPRESS=JPEG", "-co", "PHOTOMETRIC=YCBCR", "-co", "JPEG_QUALITY=75"]),
        ("j.jp2", vec!["-of", "JP2OpenJPEG", "-co", "QUALITY=30", "-co", "REVERSIBLE=NO"]),
        ("l.jp2", vec!["-of", "JP2OpenJPEG", "-co", "QUALITY=100", "-co", "REVERSIBLE=YES"]),
    ] {
        let to = dir.path().join(name);
        let status =
            Command::new("gdal_translate").arg("-q").args(&words).arg(&from).arg(&to).status().unwrap();
        assert!(status.success(), "{words:?}");
        let info = open(&to);
        assert!(info.bands.iter().all(|b| b.nodata.is_none()), "{name}");
        let found = look(&info, &[1, 2, 3], true).unwrap().collar;
        assert_eq!(found.map(|f| f.color), Some(CollarColor::Black), "{name}");
        let m = mosaic(vec![left_out(&info, &dir.path().join(format!("mask-{name}.tif")))]);
        let chip = MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap().read(m.window).unwrap();
        // Of the large voids nothing is left; of the picture beyond what compression blurs, nothing is lost.
        let corner = (0..W * H).filter(|i| i % W + i / W < 70);
        let kept = corner.clone().filter(|i| chip.valid[*i]).count();
        assert!(kept * 50 < corner.count(), "{name}: {kept}");
        let far = (0..W * H).filter(|i| (90..=115).contains(&(i % W)) && (5..50).contains(&(i / W)));
        assert!(far.clone().all(|i| chip.valid[i]), "{name}");
    }
}

#[test]
fn a_picture_without_a_collar_has_none() {
    let dir = folder();
    let info = open(&crate::common::picture(W, H, 3).write(&dir.path().join("a.tif")));
    assert_eq!(look(&info, &[1, 2, 3], true).unwrap().collar, None);
    let m = mosaic(vec![left_out(&info, &dir.path().join("mask.tif"))]);
    let chip = MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap().read(m.window).unwrap();
    assert!(!chip.valid.contains(&false));
}

/// A picture of a size, black where `is_void` is true.
fn with_void(size: (usize, usize), fill: u8, is_void: impl Fn(usize, usize) -> bool) -> (Picture<u8>, f64) {
    let places = || (0..size.0 * size.1).map(|i| (i % size.0, i / size.0));
    let band = |b: usize| {
        let pixel = |(c, r)| if is_void(c, r) { fill } else { 60 + value(c, r, b) / 2 };
        places().map(pixel).collect()
    };
    let voids = places().filter(|(c, r)| is_void(*c, *r)).count();
    let share = exact(voids) / exact(size.0 * size.1);
    (Picture::new(size, vec![band(0), band(1), band(2)]), share)
}

fn frame((w, h): (usize, usize), px: usize) -> impl Fn(usize, usize) -> bool {
    move |c, r| c < px || r < px || c + px >= w || r + px >= h
}

/// What lies outside of a picture that was turned and brought to a north-up grid.
fn wedges((w, h): (usize, usize), degrees: f64) -> impl Fn(usize, usize) -> bool {
    let (sin, cos) = degrees.to_radians().sin_cos();
    // The sides of the picture whose bounding box has the size.
    let wide = (exact(w) * cos - exact(h) * sin) / (cos * cos - sin * sin);
    let high = (exact(h) * cos - exact(w) * sin) / (cos * cos - sin * sin);
    move |c, r| {
        let (x, y) = (exact(c) + 0.5 - exact(w) / 2.0, exact(r) + 0.5 - exact(h) / 2.0);
        (x * cos + y * sin).abs() > wide / 2.0 || (y * cos - x * sin).abs() > high / 2.0
    }
}

#[test]
fn narrow_collars_are_seen_and_their_share_is_right() {
    type Void = Box<dyn Fn(usize, usize) -> bool>;
    let dir = folder();
    let size = (1100, 800);
    let shapes: Vec<(&str, Void)> = vec![
        ("a frame of 2 px", Box::new(frame(size, 2))),
        ("a frame of 8 px", Box::new(frame(size, 8))),
        ("a frame of 24 px", Box::new(frame(size, 24))),
        ("a frame of 32 px", Box::new(frame(size, 32))),
        ("a frame of 90 px", Box::new(frame(size, 90))),
        ("half a degree", Box::new(wedges(size, 0.5))),
        ("a degree", Box::new(wedges(size, 1.0))),
        ("two degrees", Box::new(wedges(size, 2.0))),
        ("ten degrees", Box::new(wedges(size, 10.0))),
        ("a side", Box::new(|c, _| c < 5)),
        ("a corner", Box::new(move |c, r| c + r + 90 > 1100 + 800)),
        ("a bay", Box::new(|c, r| (400..720).contains(&c) && r > 500)),
        ("most of it", Box::new(|c, r| c < 700 || r < 300)),
    ];
    let tiled = vec!["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"];
    let layouts = [
        tiled,
        vec!["BLOCKYSIZE=1"],
        vec!["COMPRESS=DEFLATE", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"],
    ];
    for (number, (name, is_void)) in shapes.iter().enumerate() {
        let (fill, color) = [(0, CollarColor::Black), (255, CollarColor::White)][number % 2];
        let (p, share) = with_void(size, fill, is_void);
        let p = Picture { options: layouts[number % 3].clone(), ..p };
        let info = open(&p.write(&dir.path().join("a.tif")));
        let found = look(&info, &[1, 2, 3], true).unwrap().collar.unwrap_or_else(|| panic!("{name}: none"));
        assert_eq!(found.color, color, "{name}");
        assert!((found.share - share).abs() < 0.02, "{name}: {} and {share}", found.share);
    }
}

#[test]
fn roofs_and_shadows_at_the_border_are_no_collar() {
    let dir = folder();
    let size = (1100, 800);
    for (name, is_dark) in [
        ("roofs", (|c, r| c % 100 < 30 && r < 20) as fn(usize, usize) -> bool),
        ("a shadow", |c, r| (300..450).contains(&c) && r > 700),
        ("a line", |_, r| r == 0),
        ("a lake", |c, r| (100..900).contains(&c) && (9..700).contains(&r)),
    ] {
        for fill in [0, 255] {
            let (p, _) = with_void(size, fill, is_dark);
            let info = open(&p.write(&dir.path().join("a.tif")));
            assert_eq!(look(&info, &[1, 2, 3], true).unwrap().collar, None, "{name}, {fill}");
        }
    }
}

#[test]
fn a_look_at_a_remote_scene_is_a_few_requests() {
    let dir = folder();
    let size = (1500, 1300);
    let bytes = |name: &str, px: usize| {
        let (p, share) = with_void(size, 0, frame(size, px));
        let p = Picture { options: vec!["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128"], ..p };
        (std::fs::read(p.write(&dir.path().join(name))).unwrap(), share)
    };
    let ((plain, _), (framed, share)) = (bytes("plain.tif", 0), bytes("framed.tif", 12));
    let (base, _, asked) = serve_logged(vec![("/plain.tif", plain), ("/framed.tif", framed)]);
    let look_at = |name: &str| {
        let info = open_scene(&SceneSource::new(&format!("{base}/{name}"))).unwrap();
        asked.lock().unwrap().clear();
        let found = look(&info, &[1, 2, 3], true).unwrap().collar;
        (found, asked.lock().unwrap().len())
    };
    let (found, requests) = look_at("plain.tif");
    assert!(found.is_none() && requests <= 24, "{requests}");
    let (found, requests) = look_at("framed.tif");
    let found = found.unwrap();
    assert!((found.share - share).abs() < 0.02, "{} and {share}", found.share);
    assert!(requests <= 90, "{requests}");
}

/// A picture with a corridor of black pixels that goes up and down through it so many times.
fn winding(path: &Path, turns: usize) -> (SceneInfo, Vec<bool>) {
    let (width, height) = (4 * turns + 3, 7);
    let is_black = |col: usize, row: usize| match col % 4 {
        _ if col == 0 || row == 0 || row + 1 == height || col + 1 == width => false,
        1 | 3 => true,
        2 => row == height - 2,
        _ => row == 1,
    };
    // Its only door is in the north, above its first leg.
    let void: Vec<bool> = (0..width * height).map(|i| i == 1 || is_black(i % width, i / width)).collect();
    let band: Vec<u8> = void.iter().map(|v| if *v { 0 } else { 120 }).collect();
    (open(&Picture::new((width, height), vec![band.clone(), band.clone(), band]).write(path)), void)
}

#[test]
fn a_collar_that_winds_without_end_is_refused() {
    let dir = folder();
    let read = |turns: usize| {
        let (info, void) = winding(&dir.path().join(format!("{turns}.tif")), turns);
        let m = mosaic(vec![left_out(&info, &dir.path().join(format!("{turns}-mask.tif")))]);
        let chip = MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap().read(m.window);
        (chip.map(|chip| chip.valid), void)
    };
    // A sweep down and one up follow a turn each.
    let (valid, void) = read(190);
    assert!(valid.unwrap().iter().zip(&void).all(|(valid, void)| valid != void));
    let (valid, _) = read(210);
    let refused = valid.unwrap_err().to_string();
    assert!(refused.contains("210.tif") && refused.contains("winds through the picture"), "{refused}");
    assert!(refused.contains("200 sweeps"), "{refused}");
    assert!(!dir.path().join("210-mask.tif").exists(), "half a mask is none");
}
