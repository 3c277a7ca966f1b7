//! A picture with boxes of its objects, and marks drawn by eye, as a class for every pixel: the ellipse in a box is of its
//! class, its surroundings are unknown, and pixels in no box follow the marks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_raster::{Chip, Raster, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boxes::fitted;
use super::boxes_csv::lines;
use super::layout::{Layout, Listed};
use super::marks::Marks;
use super::names::Names;
use super::pascal_voc::parse_boxes;
use crate::ellipse::ellipse_pixels;
use crate::files::{read_text, read_xml, require};
use crate::pixels::{Bands, check_bands, check_stated_size, read_chip};
use crate::remarks::Seen;
use crate::set::Set;
use crate::{AnnotatedBox, Asked, Card, DatasetError, Example, IGNORE, Split, Truth};

/// Options of the layout `boxes-to-labels`: one picture, which is the only item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoxesToLabels {
    /// The picture, below the set's folder; its name without extension is the item.
    pub raster: PathBuf,
    /// Its boxes, below the set's folder: Pascal VOC's XML, or CSV with the columns xmin, ymin, xmax, ymax and label.
    pub boxes: PathBuf,
    /// Marks drawn by eye (TOML): relative to the `train.toml`, like the card, as they are not part of the published set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<PathBuf>,
    /// Columns of the picture to take, from the first up to but without the second; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<[usize; 2]>,
    /// Pixels that objects lie away from where `columns` cut the picture; nearer ones are no objects of this item.
    #[serde(default)]
    pub apart: usize,
    /// Size of the ellipse that is certainly the object, as a share of the box's half-sizes.
    #[serde(default = "default_ellipse")]
    pub ellipse: f64,
    /// Width of the unknown margin around a box, pixels.
    #[serde(default = "default_margin")]
    pub margin: f64,
    /// Class of the card for pixels in no box and without a mark; unknown by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// Names of the card by names of the files, where they differ.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

const fn default_ellipse() -> f64 {
    0.65
}

const fn default_margin() -> f64 {
    4.0
}

#[derive(Debug)]
pub(super) struct BoxesToLabelsLayout {
    item: [Listed; 1],
    options: BoxesToLabels,
    picture: PathBuf,
    boxes: PathBuf,
    names: Names,
    marks: Marks,
    background: u8,
}

pub(super) fn find(
    options: &BoxesToLabels,
    root: &Path,
    card: &Card,
) -> Result<BoxesToLabelsLayout, DatasetError> {
    let (picture, boxes) = (root.join(&options.raster), root.join(&options.boxes));
    let bad = |problem: &str| DatasetError::BadConfig { path: picture.clone(), problem: problem.into() };
    if !(options.ellipse > 0.0 && options.ellipse <= 1.0 && options.margin >= 0.0) {
        return Err(bad("`ellipse` must lie above 0 and up to 1, `margin` must be 0 or more"));
    }
    if options.columns.is_some_and(|[from, to]| from >= to) {
        return Err(bad("`columns` must name two columns, the first below the second"));
    }
    let names = Names::new(card, &options.names, &[]);
    let marks = match &options.marks {
        Some(path) => Marks::read(&card.name, &root.join(path), &names)?,
        None => Marks::default(),
    };
    let background = options.background.as_deref().map(|name| names.id(&picture, None, name)).transpose()?;
    let item = options.raster.with_extension("");
    let item = item.file_name().ok_or_else(|| bad("`raster` names no file"))?.to_string_lossy();
    Ok(BoxesToLabelsLayout {
        item: [Listed::alone(&item)],
        options: options.clone(),
        background: background.flatten().unwrap_or(IGNORE),
        picture,
        boxes,
        names,
        marks,
    })
}

impl Layout for BoxesToLabelsLayout {
    fn items(&self) -> &[Listed] {
        &self.item
    }

    fn place(&self, _: &str) -> PathBuf {
        self.picture.clone()
    }

    fn check(&self, card: &Card, _: usize) -> Result<(), DatasetError> {
        [&self.picture, &self.boxes].into_iter().try_for_each(|path| require(&card.name, path))
    }

    fn read(&self, set: &Set, _: usize, _: Split) -> Result<Example, DatasetError> {
        let (card, mut seen) = (set.card(), Seen::default());
        let chip = read_chip(set, &self.picture, Bands::Count(card.bands.len()), &mut seen)?;
        check_bands(card, &self.picture, &chip)?;
        let fit = |boxes, seen: &mut Seen| fitted(&self.boxes, &self.item[0].item, &chip, boxes, seen);
        let (plain, marked) = self.marks.sorted(self.read_boxes(set, &chip, &mut seen)?, &self.boxes)?;
        let (plain, mut marked) = (fit(plain, &mut seen)?, fit(marked, &mut seen)?);
        marked.extend(self.marks.objects(self.options.ellipse));
        set.remark(&self.item[0].item, &seen);
        let labels = self.labels(chip.window, &plain, &marked);
        let objects = plain.into_iter().chain(marked).filter(|b| b.class_id != IGNORE).collect();
        self.part(&chip, &labels, objects)
    }

    fn asked(&self) -> Vec<Asked> {
        self.names.asked()
    }
}

impl BoxesToLabelsLayout {
    fn read_boxes(&self, set: &Set, chip: &Chip, seen: &mut Seen) -> Result<Vec<AnnotatedBox>, DatasetError> {
        let (path, dataset) = (self.boxes.as_path(), set.card().name.as_str());
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
            let lines = lines(path, &read_text(dataset, path)?, &self.names)?;
            return Ok(lines.into_iter().filter_map(|line| line.found).collect());
        }
        let (size, boxes) = parse_boxes(path, &read_xml(dataset, path, seen)?, &self.names)?;
        size.map_or(Ok(()), |size| check_stated_size(path, size, &self.picture, chip.window))?;
        Ok(boxes)
    }

    /// Later layers cover earlier ones: the background, areas, boxes, single marks, doubtful areas.
    fn labels(&self, window: Window, plain: &[AnnotatedBox], marked: &[AnnotatedBox]) -> Raster<u8> {
        let mut labels = Raster::filled(window, self.background);
        let size = [window.width, window.height];
        self.marks.areas(size, |pixel, class| labels.data_mut()[pixel] = class);
        for boxes in [plain, marked] {
            for AnnotatedBox { bbox, .. } in boxes {
                near(*bbox, self.options.margin, size, |pixel| labels.data_mut()[pixel] = IGNORE);
            }
            for AnnotatedBox { bbox, class_id, .. } in boxes.iter().filter(|b| b.class_id != IGNORE) {
                let inside = ellipse_pixels(*bbox, self.options.ellipse, size);
                inside.for_each(|pixel| labels.data_mut()[pixel] = *class_id);
            }
        }
        for area in self.marks.doubtful() {
            near(*area, 0.0, size, |pixel| labels.data_mut()[pixel] = IGNORE);
        }
        labels
    }

    /// The columns of the option `columns`, and the objects in them.
    fn part(
        &self,
        chip: &Chip,
        labels: &Raster<u8>,
        mut objects: Vec<AnnotatedBox>,
    ) -> Result<Example, DatasetError> {
        let all = chip.window;
        let [from, to] = self.options.columns.unwrap_or([0, all.width]);
        if to > all.width {
            let problem = format!("`columns` end at {to}, the picture has {} columns", all.width);
            return Err(DatasetError::BadConfig { path: self.picture.clone(), problem });
        }
        let window = Window::new(0, 0, to - from, all.height);
        let rows = |plane: &[u8]| -> Vec<u8> {
            plane.chunks_exact(all.width).flat_map(|row| row[from..to].iter().copied()).collect()
        };
        let values = chip.data.chunks_exact(all.width).flat_map(|row| row[from..to].iter().copied());
        let valid = chip.valid.chunks_exact(all.width).flat_map(|row| row[from..to].iter().copied());
        let (data, valid) = (values.collect(), valid.collect());
        let [west, east] = [(from, from > 0), (to, to < all.width)].map(|(at, is_cut)| {
            let apart = if is_cut { self.options.apart } else { 0 };
            (real(at), real(apart))
        });
        objects.retain(|b| b.bbox[0] >= west.0 + west.1 && b.bbox[2] <= east.0 - east.1);
        for AnnotatedBox { bbox: [x0, _, x1, _], .. } in &mut objects {
            *x0 -= west.0;
            *x1 -= west.0;
        }
        let labels = Raster::new(window, rows(labels.data())).map_err(|e| DatasetError::BadItem {
            path: self.picture.clone(),
            item: self.item[0].item.clone(),
            problem: e.to_string(),
        })?;
        let chip = Chip { window, bands: chip.bands, data, valid };
        Ok(Example { chips: vec![chip], truth: Truth::Objects { labels, boxes: objects } })
    }
}

/// Pixels whose centers lie in a box or less than `margin` around it.
fn near([x0, y0, x1, y1]: [f64; 4], margin: f64, [width, height]: [usize; 2], mut take: impl FnMut(usize)) {
    let is_near = |v: usize, a: f64, b: f64| real(v) + 0.5 > a - margin && real(v) + 0.5 < b + margin;
    for y in (0..height).filter(|y| is_near(*y, y0, y1)) {
        (0..width).filter(|x| is_near(*x, x0, x1)).for_each(|x| take(y * width + x));
    }
}

#[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
fn real(pixels: usize) -> f64 {
    pixels as f64
}
