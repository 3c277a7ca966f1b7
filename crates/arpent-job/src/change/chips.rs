//! Events that the report shows, and their pictures before and after.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{ceil, exact, offset, rounded, signed, wide};
use arpent_base::{DoingWhat as _, Result};
use arpent_change::events::{Event, EventKind, PixelRun};
use arpent_publish::{ROLE_CHIP, StagedArtifact};
use arpent_raster::Window;
use arpent_shell::progress::Stage;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::images::Images;
use crate::report::{LISTED, Picture, Values, colors, outline};

/// Sides of a picture, pixels.
const SIDES: [usize; 2] = [64, 512];
/// Side of a picture, in lengths of the event.
const MARGIN: f64 = 1.5;
/// Digits of an event's id in file names.
const DIGITS: usize = 12;
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

/// An event of a list, in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShownFact {
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    /// Class at the earlier date.
    pub(crate) from: u8,
    /// Class at the later date.
    pub(crate) to: u8,
    pub(crate) changed_m2: f64,
    pub(crate) score: Option<f64>,
}

impl From<&Shown> for ShownFact {
    fn from(shown: &Shown) -> Self {
        let Shown { id, kind, from, to, changed_m2, score, .. } = shown;
        Self { id: id.clone(), kind: *kind, from: *from, to: *to, changed_m2: *changed_m2, score: *score }
    }
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
        let changed_m2 = rounded(event.area_m2(), 6);
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
            for (file, picture) in files.iter().zip(pictures) {
                let path = folder.join(file);
                std::fs::write(&path, picture.webp()?)
                    .with_context(|| format!("cannot write the picture {}", path.display()))?;
                staged.push(StagedArtifact::new(&path, ROLE_CHIP)?);
            }
            drawn.insert(shown.id.clone(), Drawn { why, files });
        }
        self.drawn = drawn;
        stage.end(&format!("{} events", self.drawn.len()));
        Ok(staged)
    }

    /// The first events of both lists, in the manifest.
    pub(crate) fn lists(&self) -> serde_json::Value {
        let list = |of: &[Shown]| of.iter().take(LISTED).map(ShownFact::from).collect::<Vec<_>>();
        json!({ "largest": list(&self.largest), "least_certain": list(&self.least_certain) })
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

/// Both pictures of an event; `None` if one date has no valid pixel.
fn pictures(images: &mut Images, shown: &Shown) -> Result<Option<[Picture; 2]>> {
    let bands = colors(&images.bands);
    let dates = read(images, shown.view, &bands)?;
    if !dates.iter().all(Values::has_any) {
        return Ok(None);
    }
    let limits = Values::stretch(&[&dates[0], &dates[1]]);
    Ok(Some(dates.map(|date| {
        let mut picture = date.picture(shown.view.side(), &limits);
        outline(&mut picture, &shown.mask);
        picture
    })))
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

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::number::fitted;
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
}
