//! Encoding and publishing: formats, object store, manifest.
//!
//! Features are pushed one by one into a [`Spool`], returned in the order of a Hilbert curve
//! ([`SortedFeatures`]), and are written by [`write_geoparquet`], [`write_geojson`] and [`write_pmtiles`] here (GeoPackage and
//! FlatGeobuf by the crate that links GDAL). Tables without geometry are written by [`ParquetTable`]. The files of a run, its STAC item ([`stac_item`]) and its
//! [`Manifest`] are then uploaded to a [`Target`], where the manifest makes a run visible in one step.
//!
//! Memory is bounded by a sort run and a row group, never by the number of features. The only asynchronous
//! code of the library crates is inside [`Target`], behind blocking functions.

mod about;
mod applicability;
mod catalog;
mod connect;
mod credentials;
mod dateline;
mod error;
mod failure;
mod feature_table;
mod features;
mod gc;
mod geojson;
mod geoparquet;
mod hash;
mod hilbert;
mod ledger;
mod limits;
mod manifest;
mod measured;
mod media;
mod names;
mod objects;
mod parquet_table;
mod pmtiles;
mod publish;
mod run;
mod secrets;
mod session;
mod spool;
mod stac;
mod summary;
mod target;
#[cfg(test)]
mod testing;
mod undecided;
mod verify;

pub use about::{About, License, is_web_address};
pub use applicability::ApplicabilityCounts;
pub use arpent_tiles::{
    DEEPEST, Encode, Kind, PICTURE_SIDE, PictureArchive, PictureOptions, PictureSource, PictureSummary,
    TileId, write_pictures,
};
pub use catalog::{CatalogReport, CollectionReport};
pub use credentials::{gdal_options, gdal_options_of};
pub use dateline::delivered;
pub use error::{PublishError, Result};
pub use failure::StoreFailure;
pub use feature_table::{FeatureTable, TableRow};
pub use features::{FeatureRow, GEOMETRY_COLUMNS, OUTSIDE_TERRITORY, OUTSIDE_TRAINING, feature_columns};
pub use gc::{GcReport, Leftover, LeftoverKind};
pub use geojson::write_geojson;
pub use geoparquet::{GeoParquetWriter, write_geoparquet};
pub use hash::{Digest, hash_file};
pub use ledger::{Carbon, Ledger, Money, Quoted, StageCost, Traffic, UnitCost, energy_text};
pub use limits::ObjectKind;
pub use manifest::{
    Artifact, BandValues, Counts, CoverageCounts, Decided, DeclaredScaling, FailedInput, Input, InputGrid,
    InputValues, Manifest, MaskCounts, MaskedCounts, ModelRecord, ReasonCounts, ReferenceCounts, Software,
    ValueCounts, Warning, ZoneCounts, utc_now,
};
pub use measured::MeasuredCounts;
pub use media::{
    ITEM_NAME, ROLE_BALANCE, ROLE_CHIP, ROLE_CONFIDENCE, ROLE_EVENTS, ROLE_EVIDENCE, ROLE_FEATURES,
    ROLE_IMAGERY, ROLE_LABELS, ROLE_LINEAGE, ROLE_MAP, ROLE_MASK, ROLE_METADATA, ROLE_OBJECTS, ROLE_PROJECT,
    ROLE_REPORT, ROLE_SCHEMA, ROLE_SHEET, ROLE_SHIFT, ROLE_STYLE, ROLE_SUPERSEDED, ROLE_VALUES, ROLE_VIEWER,
    ROLE_ZONES, media_type,
};
pub use names::{JOBS, MANIFEST_FORMAT, MANIFEST_NAME, REVIEWS, is_job_id, is_plain, unique_key};
pub use objects::ObjectInfo;
pub use parquet_table::ParquetTable;
pub use pmtiles::{TilesOf, ZoneOf, ZoneTiles, ZonesOf, deepest_zoom, write_pmtiles, zoom_of_pixels};
pub use publish::{Published, StagedArtifact};
pub use run::{RunInfo, STATE_NOT_VERIFIED};
pub use spool::{Features, SortedFeatures, Spool, SpoolOptions};
pub use stac::{Acquired, StacMask, StacModel, StacRun, StacVersion, stac_item, write_stac_item};
pub use summary::FeatureSummary;
pub use target::Target;
pub use undecided::{UndecidedClass, UndecidedCounts};
pub use verify::{ArtifactCheck, CheckOutcome, VerifyReport};
