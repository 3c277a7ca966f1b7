//! The values that a model was trained on, and the GDAL type for them.

use arpent_model::ModelPackage;
use arpent_raster::SampleType;

/// The values that a model was trained on, as GDAL writes them.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedValues {
    /// GDAL's name of a sample type that the model takes and that can store them.
    pub written_as: &'static str,
    /// Lowest value.
    pub low: f32,
    /// Highest value.
    pub high: f32,
    /// Whether the model dequantizes stored values: a rescaled scene is another one.
    pub dequantized: bool,
}

impl WantedValues {
    /// Those of a model.
    pub fn of(model: &ModelPackage) -> Self {
        let [low, high] = model.value_range;
        let is_whole = low.fract() == 0.0 && high.fract() == 0.0 && high - low > FEW_STEPS;
        let holds = |sample: SampleType| match sample {
            SampleType::Uint8 => is_whole && low >= 0.0 && high <= 255.0,
            SampleType::Int8 => is_whole && low >= -128.0 && high <= 127.0,
            SampleType::Uint16 => is_whole && low >= 0.0 && high <= 65_535.0,
            SampleType::Int16 => is_whole && low >= -32_768.0 && high <= 32_767.0,
            SampleType::Uint32 => is_whole && low >= 0.0,
            SampleType::Int32 => is_whole,
            SampleType::Float32 | SampleType::Float64 => true,
        };
        let types = &model.sample_types;
        let wanted = types.iter().find(|sample| holds(**sample)).or(types.first());
        let written_as = match wanted {
            None | Some(SampleType::Uint8) => "Byte",
            Some(SampleType::Int8) => "Int8",
            Some(SampleType::Uint16) => "UInt16",
            Some(SampleType::Int16) => "Int16",
            Some(SampleType::Uint32) => "UInt32",
            Some(SampleType::Int32) => "Int32",
            Some(SampleType::Float32) => "Float32",
            Some(SampleType::Float64) => "Float64",
        };
        let dequantized = model.bands.iter().any(|band| band.dequantize.is_some());
        Self { written_as, low, high, dequantized }
    }
}

/// A narrower range contains fractions: reflectances, indices.
const FEW_STEPS: f32 = 16.0;
