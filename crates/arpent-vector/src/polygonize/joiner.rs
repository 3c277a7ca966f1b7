//! Joins the regions of blocks.

use arpent_raster::Window;

use super::check::check_extent;
use super::counts::DrawnCounts;
use super::fragments::Fragments;
use super::join::Join;
use super::layout::{Connectivity, Layout};
use crate::VectorError;
use crate::drawing::Drawing;
use crate::region::Region;

/// Puts the regions together that reach beyond the blocks of an extent.
///
/// Blocks are joined in any order, in one joiner or in several: what one [leaves](RegionJoiner::leave) is given to
/// another one. A region is emitted as soon as all blocks that it touches were given. All its properties are those that
/// it has where the extent is one block. Memory grows with the borders of the blocks given and with the regions
/// that cross them.
///
/// ```
/// use arpent_raster::Window;
/// use arpent_vector::{Connectivity, Polygonizer, RegionJoiner};
///
/// // A region across the line at column 512.
/// let extent = Window::new(510, 0, 4, 1);
/// let (mut regions, mut joiner) = (Vec::new(), RegionJoiner::new(extent, Connectivity::Four)?);
/// for col in [512, 510] {
///     let block = Window::new(col, 0, 2, 1);
///     let mut polygonizer = Polygonizer::of_block(extent, block, [true; 256], Connectivity::Four)?;
///     polygonizer.push_row(&[1, 1], &[200; 2], 0.04, &mut |region| regions.push(region))?;
///     let fragments = polygonizer.leave(&mut |region| regions.push(region));
///     assert!(regions.is_empty());
///     joiner.take(fragments, &mut |region| regions.push(region))?;
/// }
/// joiner.finish()?;
/// assert_eq!(regions[0].rings, [[[510, 0], [510, 1], [514, 1], [514, 0]]]);
/// # Ok::<(), arpent_vector::VectorError>(())
/// ```
#[derive(Debug)]
pub struct RegionJoiner {
    join: Join,
}

impl RegionJoiner {
    /// A joiner of the blocks of `extent`, which were processed with this connectivity.
    ///
    /// # Errors
    /// As [`crate::Polygonizer::new`].
    pub fn new(extent: Window, connectivity: Connectivity) -> Result<Self, VectorError> {
        check_extent(extent)?;
        Ok(Self { join: Join::new(Layout::new(extent, connectivity), None) })
    }

    /// The same for a coverage with borders drawn as `drawing` says.
    pub(crate) fn of_coverage(extent: Window, drawing: &Drawing) -> Result<Self, VectorError> {
        check_extent(extent)?;
        Ok(Self::of_layout(Layout::new(extent, Connectivity::Four), drawing))
    }

    pub(crate) fn of_layout(layout: Layout, drawing: &Drawing) -> Self {
        Self { join: Join::new(Layout { is_coverage: true, ..layout }, Some(drawing)) }
    }

    /// Adds what a block, or several, left, and emits the regions that are complete by it to `sink`.
    ///
    /// # Errors
    /// [`VectorError::OtherBlocks`] for what is of another map, [`VectorError::BlockTwice`] for a block that
    /// was added before, [`VectorError::DamagedBlock`].
    pub fn take(&mut self, fragments: Fragments, sink: &mut impl FnMut(Region)) -> Result<(), VectorError> {
        self.join.take(fragments, sink)
    }

    /// The parts of regions that may continue beyond the blocks given.
    pub fn leave(self) -> Fragments {
        self.join.leave()
    }

    /// Ends the work when all blocks were given, and returns how the regions were drawn.
    ///
    /// # Errors
    /// [`VectorError::BlocksMissing`].
    pub fn finish(self) -> Result<DrawnCounts, VectorError> {
        self.join.finish()
    }
}
