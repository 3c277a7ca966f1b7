//! Marks drawn by eye on a picture, in a TOML file: boxes that are of another class or doubtful, objects without a box,
//! areas of a class. Pixels count from the upper-left corner, boxes from 0 in the order of their file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::names::Names;
use crate::files::read_text;
use crate::{AnnotatedBox, DatasetError, IGNORE};

/// Marks of one picture, classes by their id in the card.
#[derive(Debug, Default)]
pub(super) struct Marks {
    path: PathBuf,
    /// Class of a box, or [`IGNORE`], by its number.
    boxes: BTreeMap<usize, u8>,
    /// Class, center and half-sizes of objects without a box.
    ellipses: Vec<(u8, [f64; 4])>,
    areas: Vec<(u8, Vec<[f64; 2]>)>,
    doubtful: Vec<[f64; 4]>,
}

/// The file as written.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Written {
    /// Numbers of boxes by class.
    boxes: BTreeMap<String, Vec<usize>>,
    /// Objects without a box, by class: column and row of the center, half-width and half-height of the ellipse that was drawn.
    ellipses: BTreeMap<String, Vec<[f64; 4]>>,
    /// Polygons by class, where there is no box.
    areas: BTreeMap<String, Vec<Vec<[f64; 2]>>>,
    doubtful: Doubtful,
}

/// Areas of unknown class.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Doubtful {
    boxes: Vec<usize>,
    areas: Vec<[f64; 4]>,
}

impl Marks {
    pub(super) fn read(dataset: &str, path: &Path, names: &Names) -> Result<Self, DatasetError> {
        let text = read_text(dataset, path)?;
        let written: Written = toml::from_str(&text).map_err(|e| {
            let before = e.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
            let (line, problem) = (before.matches('\n').count() + 1, e.message().to_owned());
            DatasetError::Malformed { path: path.to_owned(), line, problem }
        })?;
        let bad = |item: &str, problem: String| DatasetError::BadItem {
            path: path.to_owned(),
            item: item.to_owned(),
            problem,
        };
        let id = |name: &str| Ok::<_, DatasetError>(names.id(path, None, name)?.unwrap_or(IGNORE));
        let mut marks = Self { path: path.to_owned(), doubtful: written.doubtful.areas, ..Self::default() };
        for (name, numbers) in &written.boxes {
            let class = id(name)?;
            marks.boxes.extend(numbers.iter().map(|number| (*number, class)));
        }
        marks.boxes.extend(written.doubtful.boxes.iter().map(|number| (*number, IGNORE)));
        let named = written.boxes.values().map(Vec::len).sum::<usize>() + written.doubtful.boxes.len();
        if named != marks.boxes.len() {
            return Err(bad("boxes", "a box is named twice".into()));
        }
        for (name, ellipses) in written.ellipses {
            let class = id(&name)?;
            marks.ellipses.extend(ellipses.into_iter().map(|ellipse| (class, ellipse)));
        }
        for (name, polygons) in written.areas {
            let class = id(&name)?;
            if polygons.iter().any(|ring| ring.len() < 3) {
                return Err(bad(&name, "an area has fewer than three corners".into()));
            }
            marks.areas.extend(polygons.into_iter().map(|ring| (class, ring)));
        }
        Ok(marks)
    }

    /// The boxes of a file, doubtful ones as [`IGNORE`], and separately those of another class than in the file.
    pub(super) fn sorted(
        &self,
        boxes: Vec<AnnotatedBox>,
        file: &Path,
    ) -> Result<(Vec<AnnotatedBox>, Vec<AnnotatedBox>), DatasetError> {
        if let Some((number, _)) = self.boxes.range(boxes.len()..).next() {
            let problem = format!("{} has boxes 0 to {}", file.display(), boxes.len().saturating_sub(1));
            let (path, item) = (self.path.clone(), format!("box {number}"));
            return Err(DatasetError::BadItem { path, item, problem });
        }
        let (mut plain, mut marked) = (Vec::new(), Vec::new());
        for (number, AnnotatedBox { class_id, bbox, .. }) in boxes.into_iter().enumerate() {
            match self.boxes.get(&number) {
                Some(&class_id) if class_id != IGNORE => {
                    marked.push(AnnotatedBox { class_id, bbox, oriented: None });
                }
                doubtful => {
                    plain.push(AnnotatedBox {
                        class_id: doubtful.copied().unwrap_or(class_id),
                        bbox,
                        oriented: None,
                    });
                }
            }
        }
        Ok((plain, marked))
    }

    /// Objects without a box as the boxes whose ellipses, `part` of their half-sizes, are those that were drawn.
    pub(super) fn objects(&self, part: f64) -> impl Iterator<Item = AnnotatedBox> {
        self.ellipses.iter().map(move |(class_id, [x, y, width, height])| {
            let (width, height) = (width / part, height / part);
            AnnotatedBox {
                class_id: *class_id,
                bbox: [x - width, y - height, x + width, y + height],
                oriented: None,
            }
        })
    }

    /// Rectangles of unknown class.
    pub(super) fn doubtful(&self) -> &[[f64; 4]] {
        &self.doubtful
    }

    /// Pixels of the areas of a picture, with their class: those whose centers lie inside (even-odd rule).
    pub(super) fn areas(&self, [width, height]: [usize; 2], mut take: impl FnMut(usize, u8)) {
        for (class, ring) in &self.areas {
            for row in 0..height {
                let crossings = crossings(ring, center(row));
                let inside = |x: &usize| crossings.iter().filter(|at| center(*x) < **at).count() % 2 == 1;
                if !crossings.is_empty() {
                    (0..width).filter(inside).for_each(|x| take(row * width + x, *class));
                }
            }
        }
    }
}

/// Where a ring crosses a row.
fn crossings(ring: &[[f64; 2]], y: f64) -> Vec<f64> {
    let next = ring.iter().skip(1).chain(ring.first());
    let crossed = ring.iter().zip(next).filter(|([_, ay], [_, by])| (*ay > y) != (*by > y));
    crossed.map(|([ax, ay], [bx, by])| (bx - ax) * (y - ay) / (by - ay) + ax).collect()
}

#[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
fn center(pixel: usize) -> f64 {
    pixel as f64 + 0.5
}
