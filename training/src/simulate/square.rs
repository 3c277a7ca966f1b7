//! Pieces of pictures, and what is made of them.

/// A square cut from a picture: raw values band by band, and for each pixel whether it is of the class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Square {
    pub(super) side: usize,
    pub(super) data: Vec<f32>,
    /// 0 or 1, [`IGNORE`](arpent_datasets::IGNORE) where nothing is known.
    pub(super) is_class: Vec<u8>,
}

/// A picture of the new data set; dates one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SimulatedPicture {
    pub(super) dates: Vec<Vec<f32>>,
    /// 0 or 1, [`IGNORE`](arpent_datasets::IGNORE) where nothing is known.
    pub(super) labels: Vec<u8>,
}
