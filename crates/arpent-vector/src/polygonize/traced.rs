//! Which windows of an extent were processed.

use arpent_raster::Window;

use crate::VectorError;

/// Windows that were processed, in the fewest rectangles that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Traced {
    windows: Vec<Window>,
}

impl Traced {
    /// Adds a window.
    ///
    /// # Errors
    /// [`VectorError::BlockTwice`] if it overlaps one that was added before.
    pub(crate) fn add(&mut self, window: Window) -> Result<(), VectorError> {
        let windows = &mut self.windows;
        if windows.iter().any(|other| other.intersect(&window).is_some()) {
            return Err(VectorError::BlockTwice { block: window });
        }
        let mut window = window;
        // Rectangles that share a whole side become one.
        let makes_one = |other: &Window, window: &Window| {
            other.union(window).pixels() == other.pixels() + window.pixels()
        };
        while let Some(at) = windows.iter().position(|other| makes_one(other, &window)) {
            window = window.union(&windows.swap_remove(at));
        }
        windows.push(window);
        Ok(())
    }

    pub(crate) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Number of pixels in them.
    pub(crate) fn pixels(&self) -> u64 {
        self.windows.iter().map(Window::pixels).sum()
    }
}
