//! Example chips.

use serde::{Deserialize, Serialize};

/// The chips with the best and the worst scores.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gallery {
    /// Name of the score that orders them (`IoU`).
    pub(crate) score_name: String,
    /// The worst, worst first.
    pub(crate) worst: Vec<ChipView>,
    /// The best, best first.
    pub(crate) best: Vec<ChipView>,
}

/// One chip with its truth and its prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChipView {
    /// The item it is of.
    pub(crate) item: String,
    /// The item's group.
    pub(crate) group: String,
    /// Its score.
    #[serde(default)]
    pub(crate) score: Option<f64>,
    /// Width, pixels.
    pub(crate) width: u32,
    /// Height, pixels.
    pub(crate) height: u32,
    /// The input of the network, stretched for display: one picture, or two for a change.
    pub(crate) pictures: Vec<ChipPicture>,
    /// Truth and prediction.
    pub(crate) answer: ChipAnswer,
}

/// A picture of a chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChipPicture {
    /// What it is: `image`, `before`, `after`, `near infrared`.
    pub(crate) caption: String,
    /// Red, green, blue of each pixel, row by row (3 x width x height bytes; base64 in JSON).
    #[serde(with = "base64_bytes")]
    pub(crate) rgb: Vec<u8>,
}

/// Truth and prediction of a chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ChipAnswer {
    /// A class for every pixel, row by row (width x height bytes; base64 in JSON); 255 is not labeled.
    Labels {
        /// The truth.
        #[serde(with = "base64_bytes")]
        truth: Vec<u8>,
        /// The prediction.
        #[serde(with = "base64_bytes")]
        prediction: Vec<u8>,
    },
    /// One class for the chip.
    Item {
        /// The truth.
        truth: u8,
        /// The prediction.
        prediction: u8,
        /// Confidence of the prediction, 0 to 1.
        #[serde(default)]
        confidence: Option<f64>,
    },
    /// Boxes.
    Boxes {
        /// The truth.
        truth: Vec<ChipBox>,
        /// The prediction.
        prediction: Vec<ChipBox>,
    },
}

/// A box on a chip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChipBox {
    /// Class id.
    pub(crate) class: u8,
    /// West, north, east and south side, pixels of the chip.
    pub(crate) sides: [f32; 4],
    /// Columns and rows of the corners of a box that has a direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) corners: Option<[[f32; 2]; 4]>,
}

/// Bytes as base64 text: a third of what numbers would take.
mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(|error| D::Error::custom(format!("bad base64: {error}")))
    }
}

/// A scene that labels were drawn over, with its map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SceneShown {
    /// Its name.
    pub(crate) name: String,
    /// Columns that are shown.
    pub(crate) width: u32,
    /// Rows that are shown.
    pub(crate) height: u32,
    /// The picture.
    pub(crate) picture: ChipPicture,
    /// A class id for each pixel, row by row; 255 where nothing is valid.
    #[serde(with = "base64_bytes")]
    pub(crate) prediction: Vec<u8>,
    /// Pixels over which shares were counted.
    pub(crate) pixels_counted: u64,
    /// Pixels of the whole scene.
    pub(crate) pixels_of_scene: u64,
    /// Share of each class.
    pub(crate) classes: Vec<ClassShare>,
}

/// Share of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassShare {
    /// Id of the class.
    pub(crate) class: u8,
    /// Share of the scene that is mapped as it.
    pub(crate) predicted: Option<f64>,
    /// Share of the labels that is of it.
    pub(crate) labeled: Option<f64>,
}
