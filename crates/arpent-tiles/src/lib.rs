//! Vector tiles of features, and raster tiles of pictures (`pictures`), each in one PMTiles archive.
//!
//! # What holds at every zoom
//!
//! - No gap and no overlap within a coverage: in each tile, the areas of all polygons add up exactly to the area within
//!   the coverage's own outline.
//! - Drawn areas of classes are true, to about 0.1 % of a tile's class.
//! - Objects never vanish: below visible size, they are points with count and area.
//! - A tile that would have too many bytes is more generalized; nothing is dropped.
//!
//! # How
//!
//! Outlines are cut into the tiles of the deepest zoom (`cut`) and sorted on disk along the Hilbert curve (`spool`). In a
//! tile they are edges with the region on either side (`mesh`), on the tile's grid by snap rounding (`round`). A tile of
//! any other zoom is the sum of the four below it (`pyramid`, `tile`): small regions join a neighbor (`eliminate`),
//! vertices leave arcs (`simplify`), what is left is rounded to the zoom's grid, and vertices move by less than is
//! visible until areas are true (`settle`). Each step changes edges that both sides have, so it cannot open a gap.
//! Tiles are independent of each other: along the straight line between two of them, points on one side need no
//! partner on the other. They have partners, though, because lines cut edges the same for both tiles.
//!
//! A grid has 4096 steps a tile, and more at low zooms where the whole map would be few steps wide: a map's own outline
//! is true at every zoom. `archive` writes the file as a stream, for pictures, too; `read` reads those again.

mod archive;
mod cut;
mod draw;
mod eliminate;
mod error;
mod graph;
mod grid;
mod mesh;
mod mvt;
mod ordered;
mod overlap;
mod pictures;
mod pyramid;
mod read;
mod rings;
mod round;
mod scale;
mod settle;
mod simplify;
mod spool;
mod tile;
mod tiler;

pub use draw::{FEATURES, POINTS};
pub use error::{Result, TilesError};
pub use grid::{DEEPEST, TileId};
pub use pictures::{Encode, PICTURE_SIDE, PictureOptions, PictureSource, PictureSummary, write_pictures};
pub use read::PictureArchive;
pub use tiler::{Kind, TileFeature, TileOptions, TileSummary, Tiler};
