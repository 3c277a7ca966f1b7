//! Configuration files, and the checks that need no data.

mod change;
mod confidence;
mod coverage;
mod dates;
mod declared;
mod mask;
mod objects;
pub(crate) mod ocs_ge;
mod publish;
mod reference;
mod run;
mod toml;
mod values;
mod zonal;

pub use change::{
    ArtificialisationOptions, BalanceZones, ChangeConfig, ChangeInput, ChangePlaces, DateInputs,
    EventOptions, GridOptions, ImageMethod, ImageOptions, ImageShare, OcsGeLayer, RegistrationMode,
    RegistrationOptions,
};
pub use confidence::{AbstainOptions, ConfidenceOptions};
pub use coverage::{BuiltUpOptions, ClassOptions, CoverageOptions, SmoothOptions};
pub use declared::{
    AlphaOption, AlphaRole, CollarOption, NodataOption, NodataValue, NodataWord, ResampleFactor,
    ResampleFactors,
};
pub use mask::{MaskClass, MaskLayer, MaskLayerOptions, MaskOptions};
pub use objects::ObjectOptions;
pub use ocs_ge::{OcsGe, OcsGeOptions};
pub(crate) use publish::PublishOptions;
pub use reference::{
    ClassByField, ClassOf, CompareOptions, EnrichOptions, LayerOptions, OverrideOptions, ReferenceOptions,
    SnapOptions,
};
pub use run::{
    ComputeOptions, Config, Device, FeatureFormat, FeatureOptions, InputOptions, Machine, Order,
    OutsideOption, RasterOptions, Resampling, TargetGsd,
};
pub use values::ValueOptions;
pub use zonal::{Measure, Names, Ratio, RoadOptions, ValueStatistic, ZonalConfig, ZonalPlaces, ZoneFormat};

pub(crate) use coverage::rows_held;

pub(crate) use dates::Pattern as DatePattern;
pub use dates::normalized as normalized_date;
pub use toml::ConfigFile;
