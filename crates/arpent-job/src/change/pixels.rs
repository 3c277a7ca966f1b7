//! The pixels of a comparison: computed here, or stored by workers.

use arpent_base::Result;
use arpent_change::register::Cell;
use arpent_raster::Window;

use super::evidence::{self, MEASURED_PX, ScoreCount};
use super::inputs::{Inputs, MapPixels};
use super::piece::{Piece, windows_of_pieces};
use crate::config::ImageMethod;
use crate::shards::{ChangePlan, JobPlace, PieceId, Scoring, ShardError, understood};

/// Where the pixels of a comparison come from.
pub(super) enum Pixels<'a> {
    /// They are read and scored here.
    Computed,
    /// Workers stored them.
    Stored(Box<StoredPieces<'a>>),
}

/// What is done with the images of both dates.
pub(super) struct ImageWork<'a> {
    /// Pixels that both dates have.
    pub(super) extent: Window,
    pub(super) method: ImageMethod,
    /// Side of the cells of registration; `None` if the shift is not measured.
    pub(super) cell_px: Option<usize>,
    /// Gets all cells, by band, once.
    pub(super) judge: &'a mut dyn FnMut(Vec<Vec<Cell>>) -> Result<()>,
    /// Gets the scores of all rows, from north to south.
    pub(super) write: &'a mut dyn FnMut(Window, &[u8]) -> Result<()>,
}

impl Pixels<'_> {
    /// Measures the shift in cells, and scores the images.
    ///
    /// # Errors
    /// Images or pieces that cannot be read; what the takers return.
    pub(super) fn images(
        &mut self,
        inputs: &mut Inputs,
        work: &mut ImageWork<'_>,
    ) -> Result<(Scoring, ScoreCount)> {
        match self {
            Self::Computed => {
                let images = inputs.images.as_mut().expect("both dates have images");
                if let Some(cell_px) = work.cell_px {
                    (work.judge)(super::shift::cells(images, work.extent, work.extent, cell_px)?)?;
                }
                let scoring = evidence::measure(images, work.extent, work.method, MEASURED_PX)?;
                let count = evidence::score(images, work.extent, &scoring, work.write)?;
                Ok((scoring, count))
            }
            Self::Stored(stored) => stored.images(work),
        }
    }

    /// What both maps say in a window; `None` where images alone are compared.
    ///
    /// # Errors
    /// Maps or pieces that cannot be read.
    pub(super) fn maps(&mut self, inputs: &Inputs, window: Window) -> Result<Option<MapPixels>> {
        match self {
            Self::Computed => inputs.maps_in(window),
            Self::Stored(stored) if inputs.maps.is_some() => stored.maps(window),
            Self::Stored(_) => Ok(None),
        }
    }
}

/// Pieces that workers stored.
pub(super) struct StoredPieces<'a> {
    place: &'a JobPlace,
    plan: &'a ChangePlan,
    windows: Vec<Window>,
    /// The one that was read last.
    current: Option<(usize, Piece)>,
}

impl<'a> StoredPieces<'a> {
    pub(super) fn new(place: &'a JobPlace, plan: &'a ChangePlan) -> Self {
        Self { place, plan, windows: windows_of_pieces(plan.extent, plan.piece_rows), current: None }
    }

    fn images(&mut self, work: &mut ImageWork<'_>) -> Result<(Scoring, ScoreCount)> {
        let scoring = self.plan.scoring.clone().expect("the plan of images says how they are scored");
        let (mut cells, mut count) = (Vec::new(), ScoreCount::default());
        for index in 0..self.windows.len() {
            let piece = self.piece(index)?;
            cells.resize_with(piece.cells.len().max(cells.len()), Vec::new);
            for (all, of_piece) in cells.iter_mut().zip(&piece.cells) {
                all.extend_from_slice(of_piece);
            }
            count.add(piece.count);
            if let Some(scores) = &piece.scores {
                (work.write)(scores.window(), scores.data())?;
            }
        }
        if work.cell_px.is_some() {
            (work.judge)(cells)?;
        }
        Ok((scoring, count))
    }

    fn maps(&mut self, window: Window) -> Result<Option<MapPixels>> {
        let mut all: Option<MapPixels> = None;
        let first = self.windows.partition_point(|piece| piece.row_end() <= window.row);
        let touching = self.windows[first..].iter().take_while(|piece| piece.row < window.row_end()).count();
        for index in first..first + touching {
            let piece = self.piece(index)?;
            if let Some(part) = &piece.maps {
                all.get_or_insert_with(|| part.blank(window)).paste(part);
            }
        }
        Ok(all)
    }

    fn piece(&mut self, index: usize) -> Result<&Piece> {
        if self.current.as_ref().is_none_or(|(current, _)| *current != index) {
            // The one before is dropped first: there is memory for one.
            self.current = None;
            let id = PieceId { map: 0, index };
            let url = self.place.piece_url(self.plan, id);
            let gone = || ShardError::PieceGone { place: url.clone() };
            let read = || Ok(self.place.read_piece(self.plan, id)?.ok_or_else(gone)?);
            let decode =
                |bytes: &[u8]| Piece::decode(bytes, &url, &self.plan.comparison, index, self.windows[index]);
            self.current = Some((index, understood(&read, &decode)?));
        }
        let (_, piece) = self.current.as_ref().expect("it was read");
        Ok(piece)
    }
}
