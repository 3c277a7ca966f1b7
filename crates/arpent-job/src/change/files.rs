//! The files of the events, and of which object became which, in every format that was asked for.

use std::path::Path;

use arpent_base::{Language, Result};
use arpent_gdal::LayerShape;
use arpent_publish::{
    About, Kind, ROLE_EVENTS, ROLE_LINEAGE, RunInfo, SortedFeatures, StagedArtifact, feature_columns,
};
use arpent_raster::{Grid, Nomenclature, Window};

use super::columns::columns;
use super::lineage::LineageFile;
use crate::config::{FeatureFormat, PublishOptions};
use crate::map::{FeatureFiles, TIMESTAMP, TileNeeds};
use crate::present::{OwnProject, events_style};

/// What is the same for the events in all formats.
pub(super) struct EventFiles<'a> {
    pub(super) formats: &'a [FeatureFormat],
    pub(super) titles: Language,
    pub(super) grid: &'a Grid,
    pub(super) extent: Window,
    pub(super) classes: &'a Nomenclature,
    pub(super) about: &'a About,
    pub(super) run_id: &'a str,
    pub(super) publish: &'a PublishOptions,
}

impl EventFiles<'_> {
    /// Writes events and lineage to a folder. Lineage has no geometry: beside the CSV file it is a layer of the
    /// `GeoPackage` and a Parquet file, where these formats are asked for; `FlatGeobuf`, `GeoJSON`
    /// and PMTiles hold features only.
    pub(super) fn write(
        &self,
        events: &SortedFeatures,
        mut lineage: LineageFile,
        folder: &Path,
    ) -> Result<Vec<StagedArtifact>> {
        let mut run = RunInfo::new(self.run_id, "", "");
        run.columns = columns();
        let style = events_style(self.classes, &feature_columns(&run.columns), self.titles);
        let files = FeatureFiles {
            name: "events",
            crs: &self.grid.crs,
            shape: LayerShape::MultiPolygon,
            style: Some(&style),
            titles: self.titles,
            about: self.about,
            run: &run,
            tiles: TileNeeds {
                kind: Kind::Objects,
                grid: self.grid,
                extent: self.extent,
                threads: rayon::current_num_threads(),
            },
        };
        let mut staged = vec![StagedArtifact::new(&lineage.moved(folder)?, ROLE_LINEAGE)?];
        // Each once, however often it is named.
        for format in FeatureFormat::ALL.into_iter().filter(|format| self.formats.contains(format)) {
            let path = files.write(events, format, folder)?;
            match format {
                FeatureFormat::GeoPackage => {
                    lineage.append(&path, &self.grid.crs, self.titles)?;
                    self.project().store(&path)?;
                }
                FeatureFormat::GeoParquet => {
                    staged.push(StagedArtifact::new(&lineage.write_parquet(folder)?, ROLE_LINEAGE)?);
                }
                FeatureFormat::FlatGeobuf | FeatureFormat::GeoJson | FeatureFormat::PmTiles => {}
            }
            staged.push(StagedArtifact::new(&path, ROLE_EVENTS)?);
        }
        Ok(staged)
    }

    /// The project inside the `GeoPackage`.
    fn project(&self) -> OwnProject<'_> {
        OwnProject {
            is_wanted: self.publish.qgis,
            about: self.about,
            language: self.titles,
            crs: &self.grid.crs,
            extent: self.grid.bbox(&self.extent),
            timestamp: TIMESTAMP,
            is_decided: false,
        }
    }
}
