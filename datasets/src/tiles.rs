//! NEON tiles with crown boxes: pictures in which ground, live and (marked by us) dead trees are told apart.

use std::path::Path;

use crate::{DEAD, DatasetError, GROUND, IGNORE, LIVE, Picture, Source};

/// Of a box's half-sizes, the part of the central ellipse that surely is crown.
const SURE: f64 = 0.65;

/// Pixels around a box that are not taken as ground.
const MARGIN: f64 = 4.0;

/// A rectangle around a crown, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileBox {
    /// West, north, east, south.
    pub sides: [f64; 4],
}

impl TileBox {
    /// Whether the pixel lies in the ellipse of `part` times the half-sizes.
    pub fn holds(&self, x: usize, y: usize, part: f64) -> bool {
        let [x0, y0, x1, y1] = self.sides;
        let unit = |v: f64, a: f64, b: f64| (v + 0.5 - f64::midpoint(a, b)) / ((b - a).max(1.0) / 2.0 * part);
        unit(index(x), x0, x1).powi(2) + unit(index(y), y0, y1).powi(2) <= 1.0
    }

    fn near(&self, x: usize, y: usize, margin: f64) -> bool {
        let [x0, y0, x1, y1] = self.sides;
        let (x, y) = (index(x) + 0.5, index(y) + 0.5);
        x > x0 - margin && x < x1 + margin && y > y0 - margin && y < y1 + margin
    }
}

#[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
fn index(pixel: usize) -> f64 {
    pixel as f64
}

/// A picture and what is known of its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabeledTile {
    /// Where it comes from.
    pub source: Source,
    /// The picture.
    pub picture: Picture,
    /// Class of each pixel, or [`IGNORE`].
    pub labels: Vec<u8>,
    /// Centres of the dead trees, pixels: rare, so worth looking at more often.
    pub dead: Vec<(usize, usize)>,
}

/// The tile OSBS_029 (`scenes/neon_osbs_029`): live trees in boxes, ground elsewhere.
///
/// # Errors
/// [`DatasetError`] when a file is missing or damaged.
pub fn neon_osbs_029(root: &Path) -> Result<LabeledTile, DatasetError> {
    let picture = root.join("scenes/neon_osbs_029/OSBS_029.tif");
    let boxes = read_boxes(Source::NEON_OSBS_029.name, &picture.with_extension("csv"))?;
    let picture = Picture::read(Source::NEON_OSBS_029.name, &picture)?;
    let (width, height) = (index(picture.width), index(picture.height));
    let all = vec![[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]];
    let marks = Marks { ground: vec![all], ..Marks::default() };
    Ok(marks.tile(Source::NEON_OSBS_029, picture, &boxes))
}

/// A tile of SJER (`scenes/neon_sjer`): live trees in boxes, ground where we marked it
/// (`annotations/sjer_image_477.txt`).
///
/// # Errors
/// [`DatasetError`] when a file is missing or damaged.
pub fn neon_sjer(root: &Path) -> Result<LabeledTile, DatasetError> {
    let picture = root.join("scenes/neon_sjer/2018_SJER_3_252000_4107000_image_477.tif");
    let boxes = read_boxes(Source::NEON_SJER.name, &picture.with_extension("csv"))?;
    let picture = Picture::read(Source::NEON_SJER.name, &picture)?;
    let marks = Marks::parse(include_str!("../annotations/sjer_image_477.txt"), boxes.len())?;
    Ok(marks.tile(Source::NEON_SJER, picture, &boxes))
}

/// A part of a Yellowstone tile (`deepforest/data` of the package): live and dead trees in boxes, ground where
/// we marked it (`annotations/yell_541000_4977000.txt`).
///
/// # Errors
/// [`DatasetError`] when a file is missing or damaged.
pub fn neon_yell_541000(packages: &Path) -> Result<LabeledTile, DatasetError> {
    let picture = packages.join("deepforest/data/2019_YELL_2_541000_4977000_image_crop.png");
    let boxes = read_boxes(Source::NEON_YELL_541000.name, &picture.with_extension("xml"))?;
    let picture = Picture::read(Source::NEON_YELL_541000.name, &picture)?;
    let marks = Marks::parse(include_str!("../annotations/yell_541000_4977000.txt"), boxes.len())?;
    Ok(marks.tile(Source::NEON_YELL_541000, picture, &boxes))
}

/// Columns of the Yellowstone scene of the demo that are trained on; those further east are held out.
const WEST: usize = 960;

/// Columns between what is trained on and what is counted: more than a network sees around a pixel.
const APART: f64 = 64.0;

/// The west of the Yellowstone scene of the demo: live and dead trees in boxes, ground where we marked it
/// (`annotations/yell_528000_4978000_west.txt`).
///
/// # Errors
/// [`DatasetError`] when a file is missing or damaged.
pub fn neon_yell_528000_west(packages: &Path) -> Result<LabeledTile, DatasetError> {
    let (picture, boxes) = demo(packages)?;
    let marks = Marks::parse(include_str!("../annotations/yell_528000_4978000_west.txt"), boxes.len())?;
    Ok(marks.tile(Source::NEON_YELL_528000_WEST, picture.columns(0, WEST), &boxes))
}

/// The Yellowstone scene of the demo with the crown boxes of its east, which is never trained on: used to count
/// found trees.
///
/// # Errors
/// [`DatasetError`] when a file is missing or damaged.
pub fn yell_528000(packages: &Path) -> Result<(Picture, Vec<TileBox>), DatasetError> {
    let (picture, mut boxes) = demo(packages)?;
    boxes.retain(|b| b.sides[0] >= index(WEST) + APART);
    Ok((picture, boxes))
}

fn demo(packages: &Path) -> Result<(Picture, Vec<TileBox>), DatasetError> {
    const NAME: &str = "neon_yell_528000_4978000";
    let picture = packages.join("deepforest/data/2019_YELL_2_528000_4978000_image_crop2.png");
    let boxes = read_boxes(NAME, &picture.with_extension("xml"))?;
    Ok((Picture::read(NAME, &picture)?, boxes))
}

/// Reads boxes from a CSV file (columns xmin, ymin, xmax, ymax) or a Pascal VOC XML file.
///
/// # Errors
/// [`DatasetError`] when the file is missing or malformed.
pub fn read_boxes(dataset: &str, path: &Path) -> Result<Vec<TileBox>, DatasetError> {
    if !path.exists() {
        return Err(DatasetError::Missing { dataset: dataset.to_owned(), path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| DatasetError::Read {
        dataset: dataset.to_owned(),
        path: path.to_owned(),
        source,
    })?;
    let boxes = if path.extension().is_some_and(|e| e == "xml") { voc(&text) } else { csv(&text) };
    boxes.map_err(|(line, problem)| DatasetError::Malformed { path: path.to_owned(), line, problem })
}

/// Line number and problem.
type Trouble = (usize, String);

const SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

fn csv(text: &str) -> Result<Vec<TileBox>, Trouble> {
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map_or("", |(_, l)| l).split(',').map(str::trim).collect();
    let column = |name: &str| header.iter().position(|h| *h == name).ok_or((1, format!("no column {name}")));
    let columns = [column(SIDES[0])?, column(SIDES[1])?, column(SIDES[2])?, column(SIDES[3])?];
    let mut boxes = Vec::new();
    for (number, line) in lines.filter(|(_, l)| !l.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let side = |c: usize| fields.get(c).and_then(|f| f.parse().ok());
        let sides = columns.map(side);
        boxes.push(checked(sides).ok_or_else(|| (number + 1, format!("`{line}` holds no box")))?);
    }
    Ok(boxes)
}

/// Boxes of a Pascal VOC file: its tags are flat and in a fixed order, one to a line.
fn voc(text: &str) -> Result<Vec<TileBox>, Trouble> {
    let mut boxes = Vec::new();
    let mut sides = [None; 4];
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        for (side, tag) in sides.iter_mut().zip(SIDES) {
            let value =
                line.strip_prefix(&format!("<{tag}>")).and_then(|l| l.strip_suffix(&format!("</{tag}>")));
            if let Some(value) = value {
                *side = value.parse().ok();
            }
        }
        if line == "</bndbox>" {
            boxes.push(checked(sides).ok_or_else(|| (number + 1, "incomplete <bndbox>".to_owned()))?);
            sides = [None; 4];
        }
    }
    Ok(boxes)
}

fn checked(sides: [Option<f64>; 4]) -> Option<TileBox> {
    let [Some(x0), Some(y0), Some(x1), Some(y1)] = sides else { return None };
    (x0 < x1 && y0 < y1).then_some(TileBox { sides: [x0, y0, x1, y1] })
}

/// What was marked by hand on a tile.
#[derive(Debug, Default)]
struct Marks {
    dead_boxes: Vec<usize>,
    ignored_boxes: Vec<usize>,
    dead: Vec<TileBox>,
    ignored: Vec<TileBox>,
    ground: Vec<Vec<[f64; 2]>>,
}

impl Marks {
    fn parse(text: &str, boxes: usize) -> Result<Self, DatasetError> {
        let mut marks = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(kind) = words.next() else { continue };
            let numbers: Option<Vec<f64>> =
                words.flat_map(|w| w.split(',')).map(|w| w.parse().ok()).collect();
            let done = numbers.and_then(|n| marks.add(kind, &n, boxes));
            if done.is_none() {
                let problem = format!("`{line}` is not a mark");
                return Err(DatasetError::Malformed {
                    path: "annotations".into(),
                    line: number + 1,
                    problem,
                });
            }
        }
        Ok(marks)
    }

    fn add(&mut self, kind: &str, numbers: &[f64], boxes: usize) -> Option<()> {
        match (kind, numbers) {
            ("dead-box", [n]) => self.dead_boxes.push((0..boxes).find(|i| (index(*i) - n).abs() < 0.5)?),
            ("ignore-box", [n]) => self.ignored_boxes.push((0..boxes).find(|i| (index(*i) - n).abs() < 0.5)?),
            ("dead", [x, y, rx, ry]) => {
                // Marked ellipses are drawn to the crown; a box is larger than what is sure of it.
                let (rx, ry) = (rx / SURE, ry / SURE);
                self.dead.push(TileBox { sides: [x - rx, y - ry, x + rx, y + ry] });
            }
            ("ignore", [x0, y0, x1, y1]) => self.ignored.push(TileBox { sides: [*x0, *y0, *x1, *y1] }),
            ("ground", points) if points.len() >= 6 && points.len().is_multiple_of(2) => {
                self.ground.push(points.chunks_exact(2).map(|p| [p[0], p[1]]).collect());
            }
            _ => return None,
        }
        Some(())
    }

    fn tile(&self, source: Source, picture: Picture, boxes: &[TileBox]) -> LabeledTile {
        let dead: Vec<TileBox> =
            self.dead_boxes.iter().filter_map(|i| boxes.get(*i)).chain(&self.dead).copied().collect();
        let pixels = (0..picture.height).flat_map(|y| (0..picture.width).map(move |x| (x, y)));
        let labels = pixels.map(|(x, y)| self.label(x, y, boxes, &dead)).collect();
        let centre = |b: &TileBox| {
            let [x0, y0, x1, y1] = b.sides;
            (pixel(f64::midpoint(x0, x1), picture.width), pixel(f64::midpoint(y0, y1), picture.height))
        };
        let dead = dead.iter().map(centre).collect();
        LabeledTile { source, picture, labels, dead }
    }

    fn label(&self, x: usize, y: usize, boxes: &[TileBox], dead: &[TileBox]) -> u8 {
        if self.ignored.iter().any(|b| b.near(x, y, 0.0)) {
            return IGNORE;
        }
        if dead.iter().any(|b| b.holds(x, y, SURE)) {
            return DEAD;
        }
        if dead.iter().any(|b| b.near(x, y, MARGIN)) {
            return IGNORE;
        }
        let mut near = boxes.iter().enumerate().filter(|(_, b)| b.near(x, y, MARGIN)).peekable();
        if near.peek().is_some() {
            let live = |(i, b): (usize, &TileBox)| !self.ignored_boxes.contains(&i) && b.holds(x, y, SURE);
            return if near.any(live) { LIVE } else { IGNORE };
        }
        let at = [index(x) + 0.5, index(y) + 0.5];
        if self.ground.iter().any(|ring| inside(ring, at)) { GROUND } else { IGNORE }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the picture before")]
fn pixel(at: f64, size: usize) -> usize {
    at.clamp(0.0, index(size.saturating_sub(1))) as usize
}

/// Whether a point lies in a polygon (even-odd rule).
fn inside(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let next = ring.iter().skip(1).chain(ring.first());
    let crossed = ring
        .iter()
        .zip(next)
        .filter(|([ax, ay], [bx, by])| (*ay > y) != (*by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax);
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_drawn_in_order_of_certainty() {
        let picture = Picture { width: 40, height: 20, pixels: vec![[0; 3]; 800] };
        let boxes = [TileBox { sides: [2.0, 2.0, 12.0, 12.0] }, TileBox { sides: [20.0, 2.0, 30.0, 12.0] }];
        let text = "dead-box 1 # dead\nground 0,0 40,0 40,20 0,20\nignore 0 18 40 20\n";
        let tile = Marks::parse(text, 2).unwrap().tile(Source::NEON_SJER, picture, &boxes);
        let at = |x: usize, y: usize| tile.labels[y * 40 + x];
        assert_eq!(
            [at(7, 7), at(25, 7), at(3, 3), at(38, 10), at(5, 19)],
            [LIVE, DEAD, IGNORE, GROUND, IGNORE]
        );
        assert_eq!(tile.dead, [(25, 7)]);
    }

    #[test]
    fn marks_of_boxes_that_are_not_there_are_refused() {
        for text in ["dead-box 2", "dead-box x", "pond 1 2", "ground 1,2 3,4"] {
            assert!(matches!(Marks::parse(text, 2), Err(DatasetError::Malformed { line: 1, .. })), "{text}");
        }
    }

    #[test]
    fn both_box_formats_are_read() {
        let expected = [TileBox { sides: [1.5, 2.0, 3.0, 4.0] }];
        assert_eq!(csv("image,ymin,xmin,xmax,ymax\na,2,1.5,3,4\n").unwrap(), expected);
        let xml = "<bndbox>\n<xmin>1.5</xmin>\n<ymin>2</ymin>\n<xmax>3</xmax>\n<ymax>4</ymax>\n</bndbox>";
        assert_eq!(voc(xml).unwrap(), expected);
        assert_eq!(csv("xmin,ymin,xmax,ymax\n3,2,1,4\n").unwrap_err().0, 2);
        assert_eq!(voc("<bndbox>\n<xmin>1</xmin>\n</bndbox>").unwrap_err().0, 3);
        assert!(csv("a,b\n").is_err());
    }

    #[test]
    fn the_committed_marks_can_be_read() {
        Marks::parse(include_str!("../annotations/yell_541000_4977000.txt"), 279).unwrap();
        Marks::parse(include_str!("../annotations/yell_528000_4978000_west.txt"), 574).unwrap();
    }
}
