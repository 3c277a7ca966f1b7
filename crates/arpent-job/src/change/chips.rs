//! Events that the report shows, and their pictures before and after.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{ceil, exact, fitted, offset, round, signed, wide};
use arpent_base::{DoingWhat as _, Failure, Result};
use arpent_change::events::{Event, EventKind, PixelRun};
use arpent_publish::{ROLE_CHIP, StagedArtifact};
use arpent_raster::{Chip, Window};
use arpent_shell::progress::Stage;
use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;
use serde_json::json;

use super::images::Images;
use crate::present::{colors, limits_of};

/// Events of each list of the report.
pub(crate) const LISTED: usize = 10;
/// Sides of a picture, pixels.
const SIDES: [usize; 2] = [64, 512];
/// Side of a picture, in lengths of the event.
const MARGIN: f64 = 1.5;
/// Digits of an event's id in file names.
const DIGITS: usize = 12;
/// Color of pixels without a value.
const NO_VALUE: [u8; 3] = [160; 3];
/// Color of outlines: rare in images of the ground.
const OUTLINE: [u8; 3] = [255, 0, 220];

/// Why an event has pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Largest,
    LeastCertain,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::Largest => "largest",
            Self::LeastCertain => "least certain",
        }
    }
}

/// An event of a list.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    pub(crate) from: u8,
    pub(crate) to: u8,
    pub(crate) changed_m2: f64,
    pub(crate) score: Option<f64>,
    view: View,
    /// Pixels of the picture with a pixel of the event, row by row.
    mask: Vec<bool>,
}

/// The part of the grid that a picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct View {
    window: Window,
    /// Every so many pixels one is read.
    step: usize,
}

impl View {
    /// A square around runs, at most 512 pixels of the picture wide; `None` without runs.
    fn of(runs: &[PixelRun]) -> Option<Self> {
        let rows = [runs.iter().map(|run| run.row).min()?, runs.iter().map(|run| run.row).max()? + 1];
        let cols = [runs.iter().map(|run| run.start).min()?, runs.iter().map(|run| run.end).max()?];
        let longest = (rows[1] - rows[0]).max(cols[1] - cols[0]);
        let wanted = ceil::<usize>(MARGIN * exact(longest)).max(SIDES[0]);
        let step = wanted.div_ceil(SIDES[1]);
        let side = signed(wanted.div_ceil(step) * step);
        let first = |[start, end]: [i64; 2]| (start + end - side).div_euclid(2);
        let (col, row) = (first(cols), first(rows));
        Some(Self { window: Window::between(col, row, col + side, row + side), step })
    }

    /// Side of the picture, pixels.
    fn side(&self) -> usize {
        self.window.width / self.step
    }

    fn mask(&self, runs: &[PixelRun]) -> Vec<bool> {
        let side = self.side();
        let mut mask = vec![false; side * side];
        let at = |px: i64, first: i64| offset(px - first) / self.step;
        for run in runs {
            let row = at(run.row, self.window.row) * side;
            let (first, last) = (at(run.start, self.window.col), at(run.end - 1, self.window.col));
            mask[row + first..=row + last].fill(true);
        }
        mask
    }
}

/// Finds the largest and the least certain events while they pass. Memory does not grow with their number.
#[derive(Debug)]
pub(crate) struct Selection {
    most: usize,
    largest: Vec<Shown>,
    least_certain: Vec<Shown>,
}

impl Selection {
    /// For pictures of so many events.
    pub(crate) fn new(chips: usize) -> Self {
        Self { most: chips.max(LISTED), largest: Vec::new(), least_certain: Vec::new() }
    }

    /// Takes an event with its id and the score of its feature.
    pub(crate) fn push(&mut self, event: &Event, id: &str, score: Option<f64>) {
        let changed_m2 = (event.area_m2() * 1e6).round() / 1e6;
        // Ties by id, so that the order of the events does not matter.
        let large = self.largest.partition_point(|other| {
            changed_m2.total_cmp(&other.changed_m2).then_with(|| other.id.as_str().cmp(id)).is_lt()
        });
        let large = (changed_m2 > 0.0 && large < self.most).then_some(large);
        let doubtful = score.map(|score| {
            self.least_certain.partition_point(|other| {
                let of_other = other.score.unwrap_or(f64::INFINITY);
                of_other.total_cmp(&score).then_with(|| other.id.as_str().cmp(id)).is_lt()
            })
        });
        let doubtful = doubtful.filter(|at| *at < self.most);
        if large.is_none() && doubtful.is_none() {
            return;
        }
        let Some(view) = View::of(&event.runs) else { return };
        let shown = Shown {
            id: id.to_owned(),
            kind: event.kind,
            from: event.from,
            to: event.to,
            changed_m2,
            score,
            view,
            mask: view.mask(&event.runs),
        };
        for (list, at) in [(&mut self.largest, large), (&mut self.least_certain, doubtful)] {
            if let Some(at) = at {
                list.insert(at, shown.clone());
                list.truncate(self.most);
            }
        }
    }

    /// The events found.
    pub(crate) fn finish(self) -> Notable {
        let Self { largest, least_certain, .. } = self;
        Notable { largest, least_certain, drawn: BTreeMap::new() }
    }
}

/// The largest and the least certain events, and the pictures that exist of them.
#[derive(Debug, Default)]
pub(crate) struct Notable {
    /// By changed area, the largest first.
    pub(crate) largest: Vec<Shown>,
    /// By score, the lowest first; empty without images.
    pub(crate) least_certain: Vec<Shown>,
    /// By the id of the event.
    pub(crate) drawn: BTreeMap<String, Drawn>,
}

/// The pictures of an event.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) why: Why,
    /// File names, before and after.
    pub(crate) files: [String; 2],
}

impl Notable {
    /// Writes the pictures of so many events to a folder: the largest for one half, the least certain of the others for the
    /// rest. Events without a valid pixel at one of the dates have none.
    pub(crate) fn draw(
        &mut self,
        chips: usize,
        images: Option<&mut Images>,
        folder: &Path,
    ) -> Result<Vec<StagedArtifact>> {
        let Some(images) = images.filter(|_| chips > 0) else { return Ok(Vec::new()) };
        let stage = Stage::begin("pictures", 0);
        let largest = &self.largest[..self.largest.len().min(chips.div_ceil(2))];
        let is_other = |shown: &&Shown| largest.iter().all(|other| other.id != shown.id);
        let doubtful = self.least_certain.iter().filter(is_other).take(chips - largest.len());
        let all = largest.iter().map(|shown| (Why::Largest, shown));
        let all = all.chain(doubtful.map(|shown| (Why::LeastCertain, shown)));
        let (mut staged, mut drawn) = (Vec::new(), BTreeMap::<String, Drawn>::new());
        for (why, shown) in all {
            let Some(pictures) = pictures(images, shown)? else { continue };
            let short = &shown.id[..shown.id.len().min(DIGITS)];
            let is_taken = drawn.keys().any(|id| id.starts_with(short));
            let name = if is_taken { shown.id.as_str() } else { short };
            let files = ["before", "after"].map(|date| format!("chip-{name}-{date}.webp"));
            for (file, rgb) in files.iter().zip(pictures) {
                let path = folder.join(file);
                write_webp(&path, &rgb, shown.view.side())
                    .with_context(|| format!("cannot write the picture {}", path.display()))?;
                staged.push(StagedArtifact::new(&path, ROLE_CHIP)?);
            }
            drawn.insert(shown.id.clone(), Drawn { why, files });
        }
        self.drawn = drawn;
        stage.end(&format!("{} events", self.drawn.len()));
        Ok(staged)
    }

    /// The table of pictures, in the manifest.
    pub(crate) fn facts(&self) -> serde_json::Value {
        let fact = |(id, drawn): (&String, &Drawn)| {
            let [before, after] = &drawn.files;
            json!({ "id": id, "why": drawn.why.name(), "before": before, "after": after })
        };
        self.drawn.iter().map(fact).collect()
    }
}

fn write_webp(path: &Path, rgb: &[u8], side: usize) -> Result<()> {
    let mut bytes = Vec::new();
    let side = fitted(side);
    WebPEncoder::new_lossless(&mut bytes)
        .encode(rgb, side, side, ExtendedColorType::Rgb8)
        .map_err(Failure::foreign)?;
    Ok(std::fs::write(path, bytes)?)
}

/// Both pictures of an event as RGB; `None` if one date has no valid pixel.
fn pictures(images: &mut Images, shown: &Shown) -> Result<Option<[Vec<u8>; 2]>> {
    let bands = colors(&images.bands);
    let dates = read(images, shown.view, &bands)?;
    if dates.iter().any(|date| date.valid.iter().all(|valid| !valid)) {
        return Ok(None);
    }
    let limits: Vec<[f32; 2]> = (0..bands.len()).map(|band| limits(&dates, band)).collect();
    let outline = outline(&shown.mask, shown.view.side());
    Ok(Some(dates.map(|date| date.rgb(&limits, &outline))))
}

/// The values of a picture at one date.
#[derive(Debug, Default)]
struct Values {
    /// Band by band, each row by row.
    bands: Vec<Vec<f32>>,
    valid: Vec<bool>,
}

impl Values {
    /// Adds every `step`-th pixel of a row of a chip.
    fn add_row(&mut self, chip: &Chip, row: usize, step: usize, bands: &[usize]) {
        let pixels = chip.valid.len();
        let first = row * chip.window.width;
        let columns = (step / 2..chip.window.width).step_by(step).map(|col| first + col);
        self.bands.resize(bands.len(), Vec::new());
        for at in columns {
            let mut valid = chip.valid[at];
            for (values, band) in self.bands.iter_mut().zip(bands) {
                let value = chip.data[band * pixels + at];
                valid &= value.is_finite();
                values.push(value);
            }
            self.valid.push(valid);
        }
    }

    fn rgb(&self, limits: &[[f32; 2]], outline: &[bool]) -> Vec<u8> {
        let level = |at: usize, band: usize| {
            let [low, high] = limits[band];
            let share = f64::from(self.bands[band][at] - low) / f64::from(high - low);
            if high > low { round(255.0 * share.clamp(0.0, 1.0)) } else { 128 }
        };
        let pixel = |at: usize| match (outline[at], self.valid[at]) {
            (true, _) => OUTLINE,
            (false, false) => NO_VALUE,
            (false, true) => [0, 1, 2].map(|color: usize| level(at, color.min(limits.len() - 1))),
        };
        (0..self.valid.len()).flat_map(pixel).collect()
    }
}

/// Reads both dates. A coarse picture is read row by row, so that memory does not grow with the area of the event.
fn read(images: &mut Images, view: View, bands: &[usize]) -> Result<[Values; 2]> {
    let View { window, step } = view;
    let mut dates = [Values::default(), Values::default()];
    if step == 1 {
        let chips = images.read(window)?;
        for (values, chip) in dates.iter_mut().zip(&chips) {
            (0..window.height).for_each(|row| values.add_row(chip, row, 1, bands));
        }
        return Ok(dates);
    }
    for at in (step / 2..window.height).step_by(step) {
        let row = window.row.saturating_add_unsigned(wide(at));
        let chips = images.read(Window::between(window.col, row, window.col_end(), row + 1))?;
        for (values, chip) in dates.iter_mut().zip(&chips) {
            values.add_row(chip, 0, step, bands);
        }
    }
    Ok(dates)
}

/// The values of a band that become black and white, of both dates together.
fn limits(dates: &[Values; 2], band: usize) -> [f32; 2] {
    let values = |date: &Values| -> Vec<f32> {
        date.bands[band].iter().zip(&date.valid).filter(|(_, valid)| **valid).map(|(v, _)| *v).collect()
    };
    limits_of([values(&dates[0]), values(&dates[1])].concat()).unwrap_or_default()
}

/// Pixels beside those of the event: they hide none of its own.
fn outline(mask: &[bool], side: usize) -> Vec<bool> {
    let is_beside = |at: usize| {
        let (row, col) = (at / side, at % side);
        let beside = [
            (row > 0).then(|| at - side),
            (row + 1 < side).then(|| at + side),
            (col > 0).then(|| at - 1),
            (col + 1 < side).then(|| at + 1),
        ];
        !mask[at] && beside.into_iter().flatten().any(|at| mask[at])
    };
    (0..mask.len()).map(is_beside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_change::events::Flow;

    fn event(runs: Vec<PixelRun>, area_m2: f64) -> Event {
        Event {
            kind: EventKind::Appeared,
            from: 0,
            to: 1,
            before: Vec::new(),
            after: Vec::new(),
            links: Vec::new(),
            gained_m2: area_m2,
            lost_m2: 0.0,
            flows: vec![Flow { from: 0, to: 1, pixels: 4, area_m2 }],
            width_px: 2,
            image_score: None,
            confidence: [None; 2],
            returned: None,
            runs,
        }
    }

    fn square(col: i64, row: i64, side: i64) -> Vec<PixelRun> {
        (row..row + side).map(|row| PixelRun { row, start: col, end: col + side }).collect()
    }

    fn ids(list: &[Shown]) -> Vec<&str> {
        list.iter().map(|shown| shown.id.as_str()).collect()
    }

    #[test]
    fn the_largest_and_least_certain_chips_are_the_same_in_any_order() {
        let events: Vec<(String, f64, Option<f64>)> = (0..60i32)
            .map(|i| {
                let of = |n: i32| f64::from(i * n % 20);
                (format!("{i:032x}"), of(7), (i % 3 > 0).then_some(of(11) / 20.0))
            })
            .collect();
        let take = |order: &mut dyn Iterator<Item = &(String, f64, Option<f64>)>| {
            let mut selection = Selection::new(12);
            order.for_each(|(id, m2, score)| selection.push(&event(square(0, 0, 2), *m2), id, *score));
            selection.finish()
        };
        let (forward, backward) = (take(&mut events.iter()), take(&mut events.iter().rev()));
        let mut sorted: Vec<_> = events.iter().collect();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let expected: Vec<&str> = sorted.iter().take(12).map(|e| e.0.as_str()).collect();
        assert_eq!((ids(&forward.largest), ids(&backward.largest)), (expected.clone(), expected));
        sorted.retain(|event| event.2.is_some());
        sorted.sort_by(|a, b| a.2.unwrap().total_cmp(&b.2.unwrap()).then_with(|| a.0.cmp(&b.0)));
        let expected: Vec<&str> = sorted.iter().take(12).map(|e| e.0.as_str()).collect();
        assert_eq!((ids(&forward.least_certain), ids(&backward.least_certain)), (expected.clone(), expected));
    }

    #[test]
    fn an_event_without_an_area_of_its_own_is_not_among_the_largest_chips() {
        let mut selection = Selection::new(4);
        selection.push(&event(square(0, 0, 2), 0.0), "a", None);
        selection.push(&event(Vec::new(), 1.0), "b", Some(0.5));
        let notable = selection.finish();
        assert!(notable.largest.is_empty() && notable.least_certain.is_empty());
    }

    #[test]
    fn chips_are_squares_of_64_to_512_pixels_around_the_event() {
        for (side, expected, step) in
            [(3, 64, 1), (100, 150, 1), (341, 512, 1), (342, 257, 2), (10_000, 500, 30)]
        {
            let runs = square(-70, 1000, side);
            let view = View::of(&runs).unwrap();
            assert_eq!((view.side(), view.step), (expected, step), "{side}");
            let inside = Window::between(-71, 999, side - 69, 1001 + side);
            assert!(view.window.contains(&inside), "the outline of {side} fits");
            let mask = view.mask(&runs);
            let drawn = mask.iter().filter(|inside| **inside).count();
            let cells = fitted::<usize>(side).div_ceil(step);
            assert!((cells.pow(2)..=(cells + 1).pow(2)).contains(&drawn), "{side}: {drawn}");
        }
    }

    #[test]
    fn the_outline_of_chips_is_one_pixel_wide_and_outside() {
        let mut mask = vec![false; 25];
        mask[12] = true;
        let found: Vec<usize> =
            outline(&mask, 5).iter().enumerate().filter(|(_, o)| **o).map(|(i, _)| i).collect();
        assert_eq!(found, [7, 11, 13, 17]);
    }

    #[test]
    fn chips_of_both_dates_have_one_stretch() {
        let date =
            |values: [f32; 4], valid: [bool; 4]| Values { bands: vec![values.to_vec()], valid: valid.into() };
        let dates = [
            date([10.0, 20.0, 30.0, 0.0], [true, true, true, false]),
            date([30.0, 40.0, 50.0, 60.0], [true; 4]),
        ];
        let limits = [limits(&dates, 0)];
        assert_eq!(limits[0].map(f32::to_bits), [10.0, 60.0].map(f32::to_bits));
        let outline = [false, true, false, false];
        let before = dates[0].rgb(&limits, &outline);
        assert_eq!(before, [[0; 3], OUTLINE, [102; 3], NO_VALUE].concat());
        assert_eq!(dates[1].rgb(&limits, &[false; 4])[..3], [102; 3], "one value, one gray");
    }
}
