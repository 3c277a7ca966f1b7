//! The interface of data sets, independent of the layout: items in splits and groups, each with pictures and truth.

use std::fmt::Debug;

use arpent_raster::{Chip, OrientedBox, Raster};

use crate::{Asked, Card, DatasetError, Declared, Remark, SplitItem};

/// An annotated box.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotatedBox {
    /// Class, by its id in the card.
    pub class_id: u8,
    /// West, north, east and south side, pixels of the picture (columns, rows, columns, rows).
    pub bbox: [f64; 4],
    /// The rectangle, of layouts whose boxes have a direction; [`AnnotatedBox::bbox`] is the box around it.
    pub oriented: Option<OrientedBox>,
}

/// The truth of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// A class for every pixel, by its id in the card; [`IGNORE`](crate::IGNORE) where the class is unknown. For
    /// change detection, of the change from the first picture to the second.
    Labels(Raster<u8>),
    /// Labels that were made of objects: a class for every pixel as above, and the boxes of the objects, so that each of them can
    /// count once. [`IGNORE`](crate::IGNORE) is never a box's class.
    Objects {
        /// A class for every pixel.
        labels: Raster<u8>,
        /// The objects.
        boxes: Vec<AnnotatedBox>,
    },
    /// All objects of the picture.
    Boxes(Vec<AnnotatedBox>),
    /// All classes of the picture as a whole, by their ids in the card, ascending.
    Classes(Vec<u8>),
}

/// One item, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The picture (two of equal size for change detection, earlier first), windows starting at (0, 0), bands as
    /// in the card.
    pub chips: Vec<Chip>,
    /// Its truth.
    pub truth: Truth,
}

/// A data set behind its adapter. Opening it checks its splits; reading an item checks that item.
pub trait Dataset: Debug + Send + Sync {
    /// What the data set is.
    fn card(&self) -> &Card;

    /// Its items, in a stable order (by id).
    fn items(&self) -> &[SplitItem];

    /// Reads the item at a position of [`Dataset::items`].
    ///
    /// # Errors
    /// [`DatasetError`], naming the file: missing, damaged, of another size than its truth, of another number of
    /// bands than in the card, with a class that the card does not list.
    fn read(&self, index: usize) -> Result<Example, DatasetError>;

    /// Tolerated deviations from the file formats, in the items read so far.
    fn remarks(&self) -> Vec<Remark> {
        Vec::new()
    }

    /// Scales and offsets that pictures declare, each declaration once, of the items read so far.
    fn declared(&self) -> Vec<Declared> {
        Vec::new()
    }

    /// The values in the set's options, and whether the items read so far contain them.
    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }
}
