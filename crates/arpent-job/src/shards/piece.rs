//! Pieces of a map: windows that are computed and stored together.
//!
//! A piece is a run of neighboring windows of one strip. Its predictions are stored as one object, written once: a
//! worker that is killed loses its unfinished pieces. The content of a piece depends on its windows only, so it does
//! not matter which worker made it, or how often.
//!
//! Layout: `ARPENT-PIECE/1\n`, then zstd, then the SHA-256 of both. Inside: id of the map (16 bytes of text), number of
//! the piece (u32), number of windows (u32), then for each window a byte with the kind of its data: none for a window
//! without a valid pixel; labels and confidence of its core, a byte for each pixel; measured values, their number
//! (u32) before them, each a float for each pixel; or detections, their number (u32) before them, all with a direction or none. If the model package has samples of
//! its training, the levels of dissimilarity of the blocks that touch each window's core come last (u16 each). Numbers are little-endian.

use std::ops::Range;

use arpent_base::number::fitted;
use arpent_model::{MOST_MEASURED, PixelDetection, Prediction};
use arpent_raster::{OrientedBox, Raster, Window};
use arpent_tiling::PlannedWindow;

use super::error::ShardError;
use super::packed::{Rest, pack, unpack};
use crate::job::{Blocks, Level, levels_in, put_levels};

const MAGIC: &[u8] = b"ARPENT-PIECE/1\n";
/// Bytes of a detection at most: class, score, four sides, five numbers of a rectangle with a direction.
const DETECTION_BYTES: usize = 1 + 4 + (4 + 5) * 8;
/// Detections of a window at most: one for each pixel of the largest window.
const MOST_DETECTIONS: u32 = 1 << 28;

const SKIPPED: u8 = 0;
const LABELS: u8 = 1;
const DETECTIONS: u8 = 2;
const VALUES: u8 = 3;
/// Detections with a direction.
const ORIENTED: u8 = 4;

/// The predictions of a run of windows; `None` for one that was skipped.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Number among the pieces of its map.
    pub(super) index: usize,
    /// Number of its first window.
    pub(super) first: usize,
    /// Predictions of its windows, in order.
    pub(super) answers: Vec<Option<Prediction>>,
    /// Levels of dissimilarity of the blocks that touch the core of each window; none without samples of the training.
    pub(super) levels: Vec<Vec<Level>>,
}

impl Piece {
    /// The bytes that are stored.
    pub(super) fn encode(&self, map_id: &str) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        body.extend(map_id.as_bytes());
        body.extend(fitted::<u32>(self.index).to_le_bytes());
        body.extend(fitted::<u32>(self.answers.len()).to_le_bytes());
        for answer in &self.answers {
            match answer {
                None => body.push(SKIPPED),
                Some(Prediction::Labels { labels, confidence }) => {
                    body.push(LABELS);
                    body.extend(labels.data());
                    body.extend(confidence.data());
                }
                Some(Prediction::Values(values)) => {
                    body.push(VALUES);
                    body.extend(fitted::<u32>(values.len()).to_le_bytes());
                    for value in values.iter().flat_map(Raster::data) {
                        body.extend(value.to_le_bytes());
                    }
                }
                Some(Prediction::Detections(found)) => {
                    let oriented = found.iter().any(|one| one.oriented.is_some());
                    body.push(if oriented { ORIENTED } else { DETECTIONS });
                    body.extend(fitted::<u32>(found.len()).to_le_bytes());
                    for one in found {
                        put_detection(&mut body, one);
                    }
                }
            }
        }
        for levels in &self.levels {
            put_levels(&mut body, levels);
        }
        pack(MAGIC, &body)
    }

    /// Reads what [`Piece::encode`] wrote for these windows: the piece with a number and its first window.
    ///
    /// # Errors
    /// [`ShardError::BadPiece`] for anything else.
    pub(super) fn decode(
        bytes: &[u8],
        place: &str,
        map_id: &str,
        (index, first): (usize, usize),
        windows: &[PlannedWindow],
        with_levels: bool,
    ) -> Result<Self, ShardError> {
        let bad = |reason| ShardError::BadPiece { place: place.to_owned(), reason };
        let body = unpack(MAGIC, bytes, most_bytes(windows), place)?;
        let mut rest = Rest(&body);
        let known = rest.take(map_id.len()) == Some(map_id.as_bytes())
            && rest.number() == Some(fitted::<u32>(index))
            && rest.number() == Some(fitted::<u32>(windows.len()));
        if !known {
            return Err(bad("it belongs to another map, or is another piece"));
        }
        let mut answers = Vec::with_capacity(windows.len());
        for window in windows {
            let fits = put_answer(&mut answers, &mut rest, window);
            fits.ok_or_else(|| bad("its predictions do not fit its windows"))?;
        }
        let mut levels = Vec::new();
        for window in windows.iter().filter(|_| with_levels) {
            let bytes = rest.take(2 * Blocks::of(&window.core).count());
            levels.push(levels_in(bytes.ok_or_else(|| bad("its levels do not fit its windows"))?));
        }
        if !rest.0.is_empty() {
            return Err(bad("it contains more than its predictions"));
        }
        Ok(Self { index, first, answers, levels })
    }
}

/// For fuzzing: whether the bytes are a piece of two windows of 3 x 2 pixels. A piece that is read is written as the
/// same bytes.
///
/// # Panics
/// When it is not.
#[doc(hidden)]
pub fn reads_answers(answers: &[u8]) -> bool {
    let windows = [0, 3].map(|col| {
        let core = Window::new(col, 0, 3, 2);
        PlannedWindow { strip: 0, core, read: core }
    });
    let map_id = "0123456789abcdef";
    let mut body = map_id.as_bytes().to_vec();
    body.extend(7u32.to_le_bytes());
    body.extend(2u32.to_le_bytes());
    body.extend(answers);
    let Ok(bytes) = pack(MAGIC, &body) else { return false };
    let Ok(piece) = Piece::decode(&bytes, "", map_id, (7, 0), &windows, false) else { return false };
    assert!(piece.encode(map_id).is_ok_and(|again| again == bytes), "{piece:?}");
    true
}

/// Largest size of a piece of these windows in memory.
fn most_bytes(windows: &[PlannedWindow]) -> u64 {
    let of_values = 4 * u64::from(MOST_MEASURED);
    let of = |window: &PlannedWindow| window.core.pixels() * (2 + of_values.max(DETECTION_BYTES as u64)) + 16;
    windows.iter().map(of).sum::<u64>() + 64
}

fn put_detection(body: &mut Vec<u8>, one: &PixelDetection) {
    body.push(one.class_id);
    body.extend(one.score.to_le_bytes());
    let oriented = one.oriented.iter().flat_map(OrientedBox::numbers);
    one.bbox.into_iter().chain(oriented).for_each(|number| body.extend(number.to_le_bytes()));
}

/// Reads the prediction of a window; `None` if it does not fit.
fn put_answer(answers: &mut Vec<Option<Prediction>>, rest: &mut Rest, window: &PlannedWindow) -> Option<()> {
    answers.push(match rest.take(1)?[0] {
        SKIPPED => None,
        LABELS => {
            let pixels = window.core.width * window.core.height;
            let mut raster = || Raster::new(window.core, rest.take(pixels)?.to_vec()).ok();
            let (labels, confidence) = (raster()?, raster()?);
            Some(Prediction::Labels { labels, confidence })
        }
        VALUES => {
            let count = rest.number().filter(|n| (1..=MOST_MEASURED).contains(n))?;
            let pixels = window.core.width * window.core.height;
            let value = |bytes: &[u8]| bytes.try_into().ok().map(f32::from_le_bytes);
            let mut raster = || {
                let values: Option<Vec<f32>> = rest.take(4 * pixels)?.chunks_exact(4).map(value).collect();
                Raster::new(window.core, values?).ok()
            };
            Some(Prediction::Values((0..count).map(|_| raster()).collect::<Option<_>>()?))
        }
        kind @ (DETECTIONS | ORIENTED) => {
            let count = rest.number().filter(|n| *n <= MOST_DETECTIONS)?;
            let found = (0..count).map(|_| detection(rest, kind == ORIENTED)).collect::<Option<_>>()?;
            Some(Prediction::Detections(found))
        }
        _ => return None,
    });
    Some(())
}

fn detection(rest: &mut Rest, is_oriented: bool) -> Option<PixelDetection> {
    let class_id = rest.take(1)?[0];
    let score = f32::from_le_bytes(rest.take(4)?.try_into().ok()?);
    let (mut bbox, mut numbers) = ([0.0; 4], [0.0; 5]);
    let of_rectangle = if is_oriented { numbers.as_mut_slice() } else { &mut [] };
    for number in bbox.iter_mut().chain(of_rectangle) {
        *number = f64::from_le_bytes(rest.take(8)?.try_into().ok()?);
    }
    let oriented = is_oriented.then(|| OrientedBox::of_numbers(numbers));
    Some(PixelDetection { class_id, score, bbox, oriented })
}

/// Builds pieces of predictions, which come in any order.
#[derive(Debug)]
pub(super) struct PieceBuilder<'a> {
    pieces: &'a [Range<usize>],
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    index: usize,
    missing: usize,
    answers: Vec<Option<Prediction>>,
}

impl<'a> PieceBuilder<'a> {
    /// For the pieces of a map.
    pub(super) fn new(pieces: &'a [Range<usize>]) -> Self {
        Self { pieces, open: Vec::new() }
    }

    /// Takes the prediction of a window; returns the piece that it completes.
    pub(super) fn push(&mut self, window: usize, answer: Option<Prediction>) -> Option<Piece> {
        let index = self.pieces.partition_point(|piece| piece.end <= window);
        let windows = self.pieces.get(index)?.clone();
        let at = self.open.iter().position(|open| open.index == index).unwrap_or_else(|| {
            let answers = windows.clone().map(|_| None).collect();
            self.open.push(Open { index, missing: windows.len(), answers });
            self.open.len() - 1
        });
        let open = &mut self.open[at];
        *open.answers.get_mut(window.checked_sub(windows.start)?)? = answer;
        open.missing -= 1;
        (open.missing == 0).then(|| {
            let done = self.open.swap_remove(at);
            Piece { index, first: windows.start, answers: done.answers, levels: Vec::new() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_tiling::WindowPlan;
    use arpent_tiling::{Needs, TilingOptions};
    use proptest::prelude::*;

    const MAP: &str = "0123456789abcdef";

    fn plan(width: usize, height: usize) -> WindowPlan {
        let extent = Window { col: -17, row: 5, width, height };
        let needs = Needs { overlap_cols: 3, overlap_rows: 3, stride_px: 1, window_px: 64, fixed: false };
        WindowPlan::new(extent, &[extent], |_| true, TilingOptions::of_side(32).unwrap(), needs).unwrap()
    }

    fn some_answer(window: &PlannedWindow, kind: usize) -> Option<Prediction> {
        let fill = |n: u8| Raster::filled(window.core, n);
        match kind % 5 {
            4 => Some(Prediction::Detections(vec![PixelDetection {
                class_id: 1,
                score: 0.25,
                bbox: [1.0, 2.5, -3.0, 4.0],
                oriented: Some(OrientedBox::new([-1.0, 3.25], [0.5, -0.25], 0.125)),
            }])),
            3 => Some(Prediction::Values(vec![
                Raster::filled(window.core, 0.5),
                Raster::filled(window.core, f32::NAN),
                Raster::filled(window.core, f32::INFINITY),
            ])),
            0 => None,
            1 => Some(Prediction::Labels { labels: fill(3), confidence: fill(200) }),
            _ => Some(Prediction::Detections(vec![
                PixelDetection { class_id: 1, score: 0.25, bbox: [1.0, 2.5, -3.0, 4.0], oriented: None },
                PixelDetection { class_id: 2, score: 1.0, bbox: [0.0; 4], oriented: None },
            ])),
        }
    }

    fn piece(plan: &WindowPlan, range: Range<usize>, index: usize) -> Piece {
        let answers = range.clone().map(|w| some_answer(&plan.windows()[w], w)).collect();
        Piece { index, first: range.start, answers, levels: Vec::new() }
    }

    proptest! {
        #[test]
        fn pieces_cover_the_windows_once_within_strips_and_come_back(width in 1usize..300, height in 1usize..200, most in 1u64..9000, turn in any::<prop::sample::Index>()) {
            let plan = plan(width, height);
            let pieces = crate::job::cut(&plan, most);
            let covered: Vec<usize> = pieces.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..plan.windows().len()).collect::<Vec<_>>());
            let mut order: Vec<usize> = (0..plan.windows().len()).collect();
            let by = turn.index(order.len());
            order.rotate_left(by);
            let mut builder = PieceBuilder::new(&pieces);
            let mut seen = 0;
            for window in order {
                let planned = &plan.windows()[window];
                let Some(done) = builder.push(window, some_answer(planned, window)) else { continue };
                let range = pieces[done.index].clone();
                let windows = &plan.windows()[range.clone()];
                prop_assert!(windows.iter().all(|w| w.strip == windows[0].strip));
                prop_assert!(windows.len() == 1 || windows.iter().map(|w| w.core.pixels()).sum::<u64>() <= most);
                let bytes = done.encode(MAP).unwrap();
                prop_assert_eq!(&bytes, &piece(&plan, range.clone(), done.index).encode(MAP).unwrap());
                let back = Piece::decode(&bytes, "x", MAP, (done.index, range.start), windows, false).unwrap();
                prop_assert_eq!(&back.encode(MAP).unwrap(), &bytes);
                seen += 1;
            }
            prop_assert_eq!(seen, pieces.len());
        }

        #[test]
        fn whatever_happened_to_a_piece_is_seen(at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<prop::sample::Index>()) {
            let plan = plan(100, 30);
            let bytes = piece(&plan, 0..3, 4).encode(MAP).unwrap();
            let windows = &plan.windows()[0..3];
            let decode = |bytes: &[u8]| Piece::decode(bytes, "x", MAP, (4, 0), windows, false);
            prop_assert!(decode(&bytes).is_ok());
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(decode(&flipped).is_err());
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn a_piece_of_another_map_number_or_place_is_refused() {
        let plan = plan(100, 30);
        let bytes = piece(&plan, 0..3, 4).encode(MAP).unwrap();
        let windows = plan.windows();
        let decode =
            |map, index, windows| Piece::decode(&bytes, "x", map, (index, 0), windows, false).map(drop);
        assert!(decode(MAP, 4, &windows[0..3]).is_ok());
        assert!(decode("fedcba9876543210", 4, &windows[0..3]).is_err());
        assert!(decode(MAP, 5, &windows[0..3]).is_err());
        assert!(decode(MAP, 4, &windows[0..2]).is_err());
    }

    #[test]
    fn levels_come_with_their_windows() {
        let plan = plan(300, 30);
        let windows = &plan.windows()[0..3];
        let levels: Vec<Vec<Level>> =
            windows.iter().zip(1..).map(|(w, at)| vec![Level(at); Blocks::of(&w.core).count()]).collect();
        let with = Piece { levels: levels.clone(), ..piece(&plan, 0..3, 4) };
        let bytes = with.encode(MAP).unwrap();
        let read = |bytes: &[u8], with| Piece::decode(bytes, "x", MAP, (4, 0), windows, with);
        assert_eq!(read(&bytes, true).unwrap().levels, levels);
        assert!(read(&bytes, false).is_err());
        assert!(read(&piece(&plan, 0..3, 4).encode(MAP).unwrap(), true).is_err());
    }

    #[test]
    fn answers_are_read_only_where_they_fit() {
        assert!(reads_answers(&[SKIPPED, SKIPPED]));
        assert!(reads_answers(&[&[LABELS][..], &[4; 12], &[DETECTIONS, 0, 0, 0, 0]].concat()));
        let one = [&[VALUES, 1, 0, 0, 0][..], &[0, 0, 0x80, 0x3f].repeat(6), &[SKIPPED]].concat();
        assert!(reads_answers(&one) && !reads_answers(&one[..28]));
        assert!(!reads_answers(&[&[VALUES, 0, 0, 0, 0][..], &[SKIPPED]].concat()));
        assert!(!reads_answers(&[SKIPPED]) && !reads_answers(&[SKIPPED; 3]) && !reads_answers(&[9, SKIPPED]));
        assert!(!reads_answers(&[DETECTIONS, 255, 255, 255, 255, SKIPPED]));
    }
}
