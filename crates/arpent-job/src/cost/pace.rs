//! What a pixel takes in a command, and where budgets may stop it.

use arpent_base::number::exact;

use super::amounts::Amounts;

/// What a command is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// It opens its inputs.
    #[default]
    Opening,
    /// It computes pieces.
    Predicting,
    /// It makes the files of a map and publishes them.
    Closing,
}

/// What a pixel takes, by those that were predicted. Times are given: what the command has taken at that moment.
#[derive(Debug, Default)]
pub(super) struct Pace {
    phase: Phase,
    /// What was taken when the prediction began, with what was left out since.
    from: Amounts,
    /// What a pixel took until the last one that was counted.
    of_pixel: Option<Amounts>,
    done_px: u64,
    /// Pixels that are still computed after a stop.
    begun_px: u64,
    /// Whether a piece of the command has begun, or files were made.
    has_begun: bool,
    /// Whether a piece was stored, or files were made.
    has_made: bool,
    /// Whether pieces were stored since the prediction began.
    has_pieces: bool,
    /// What was taken apart from the prediction, and when that began, if it goes on.
    apart: Amounts,
    apart_from: Option<Amounts>,
}

impl Pace {
    /// The prediction begins.
    pub(super) fn begin(&mut self, taken: Amounts, begun_px: u64) {
        (self.phase, self.from, self.begun_px) = (Phase::Predicting, taken, begun_px);
        (self.of_pixel, self.done_px, self.has_pieces) = (None, 0, false);
    }

    /// Pixels are predicted.
    pub(super) fn add(&mut self, taken: Amounts, pixels: u64) {
        self.has_begun = true;
        self.done_px += pixels;
        if self.done_px > 0 {
            let took = (taken - self.from).max(Amounts::default());
            self.of_pixel = Some(took.times(1.0 / exact(self.done_px)));
        }
    }

    /// A piece is stored.
    pub(super) const fn add_piece(&mut self) {
        (self.has_begun, self.has_made, self.has_pieces) = (true, true, true);
    }

    /// Files are made: budgets do not stop that.
    pub(super) const fn close(&mut self) {
        (self.phase, self.begun_px) = (Phase::Closing, 0);
        (self.has_begun, self.has_made) = (true, true);
    }

    /// Work apart from the prediction begins.
    pub(super) const fn begin_apart(&mut self, taken: Amounts) {
        self.apart_from = Some(taken);
    }

    /// It ends.
    pub(super) fn end_apart(&mut self, taken: Amounts) {
        self.apart = self.apart_at(taken);
        self.apart_from = None;
    }

    /// What was taken apart from the prediction so far.
    pub(super) fn apart_at(&self, taken: Amounts) -> Amounts {
        self.apart + self.apart_from.map_or(Amounts::default(), |from| taken - from)
    }

    /// Charges pixels no longer for amounts in which their prediction has waited.
    pub(super) fn leave_out(&mut self, amounts: Amounts) {
        self.from = self.from + amounts;
    }

    /// What a pixel takes.
    pub(super) const fn of_pixel(&self) -> Option<Amounts> {
        self.of_pixel
    }

    /// What the pieces that have begun take at most; nothing before the first pixels.
    pub(super) fn of_begun(&self) -> Amounts {
        self.of_pixel.map_or(Amounts::default(), |of_pixel| of_pixel.times(exact(self.begun_px)))
    }

    /// Whether a budget may stop the command.
    pub(super) fn may_stop(&self) -> bool {
        self.phase == Phase::Predicting && self.has_begun
    }

    /// Whether the command has made progress.
    pub(super) const fn has_made(&self) -> bool {
        self.has_made
    }

    /// Whether pieces were stored since the prediction began.
    pub(super) const fn has_pieces(&self) -> bool {
        self.has_pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Amounts {
        Amounts { seconds, ..Amounts::default() }
    }

    #[test]
    fn stored_pieces_that_are_stitched_first_do_not_make_pixels_dear() {
        let mut pace = Pace::default();
        pace.begin(seconds(100.0), 50);
        // The first piece takes 10 s; then stored pieces are stitched for 1,000 s, and the prediction waits for 990 of them.
        pace.add(seconds(110.0), 100);
        pace.begin_apart(seconds(105.0));
        let before = pace.apart_at(seconds(115.0));
        // Time that passes without a pixel makes no pixel dearer.
        assert!((pace.of_begun().seconds - 5.0).abs() < 1e-9);
        let after = pace.apart_at(seconds(1105.0));
        pace.end_apart(seconds(1105.0));
        pace.leave_out(after - before);
        pace.add(seconds(1110.0), 100);
        // 10 s, 5 s until it waits, 5 s after: 20 s for 200 pixels.
        assert!((pace.of_pixel().unwrap().seconds - 0.1).abs() < 1e-9, "{pace:?}");
    }

    #[test]
    fn windows_without_pixels_are_a_beginning_and_no_rate() {
        let mut pace = Pace::default();
        pace.begin(seconds(1.0), 50);
        assert!(!pace.may_stop());
        pace.add(seconds(2.0), 0);
        assert!(pace.may_stop() && pace.of_pixel().is_none() && !pace.has_made());
    }
}
