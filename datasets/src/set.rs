//! The context of a layout: the set that it reads.

use std::collections::HashMap;

use arpent_raster::ReadAs;

use crate::remarks::{Remarks, Seen};
use crate::{Card, Declared, Remark, Split};

/// A set without its items: what is the same for all of them, and the remarks on those that were read.
#[derive(Debug)]
pub(crate) struct Set {
    card: Card,
    /// Splits by position in the layout.
    splits: HashMap<usize, Split>,
    /// Interpretation of stored values.
    values: ReadAs,
    remarks: Remarks,
}

impl Set {
    pub(crate) fn new(card: Card, splits: HashMap<usize, Split>, values: ReadAs, remarks: Remarks) -> Self {
        Self { card, splits, values, remarks }
    }

    /// What the data set is.
    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    /// Interpretation of stored values.
    pub(crate) fn values(&self) -> ReadAs {
        self.values
    }

    /// Adds the remarks of an item.
    pub(crate) fn remark(&self, item: &str, seen: &Seen) {
        self.remarks.take(item, seen);
    }

    /// The split of what stands at a position of the layout, where it is used.
    pub(crate) fn split_at(&self, position: usize) -> Option<Split> {
        self.splits.get(&position).copied()
    }

    /// Tolerated deviations from the file formats.
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        self.remarks.list()
    }

    /// Scales and offsets that pictures declare.
    pub(crate) fn declared(&self) -> Vec<Declared> {
        self.remarks.declared()
    }
}
