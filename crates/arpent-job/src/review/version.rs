//! The files of a decided map, and its manifest.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use arpent_base::{Column, Language, Result, table_schema};
use arpent_gdal::LayerShape;
use arpent_publish::{
    About, Acquired, Artifact, Decided, ITEM_NAME, Kind, MANIFEST_FORMAT, Manifest, ROLE_CHIP, ROLE_EVENTS,
    ROLE_FEATURES, ROLE_IMAGERY, ROLE_METADATA, ROLE_SUPERSEDED, RunInfo, SortedFeatures, Spool,
    SpoolOptions, StacRun, StacVersion, StagedArtifact, Warning, feature_columns, utc_now, write_stac_item,
};
use arpent_raster::Nomenclature;
use serde::Deserialize;

use super::decided::{Decider, Tally, Versions};
use super::proposal::Proposal;
use super::store::OpenReview;
use crate::change::of_change;
use crate::config::{FeatureFormat, PublishOptions};
use crate::job::software;
use crate::map::{FeatureFiles, TIMESTAMP, TileNeeds, footprint};
use crate::present::{self, OwnProject, decided_style, present};
use crate::report::{Material, of_map};

/// A decided map in the making.
pub(super) struct Version<'a> {
    pub(super) opened: &'a OpenReview,
    pub(super) proposal: &'a Proposal,
    pub(super) material: &'a Material<'a>,
    pub(super) run_id: &'a str,
    /// The way to the proposal, if there is one that holds in another place, too.
    pub(super) way: Option<String>,
    /// Columns beside those of every map.
    pub(super) columns: Vec<Column>,
    /// Folder of temporary files.
    pub(super) folder: &'a Path,
}

/// Features, sorted.
pub(super) struct Spooled {
    decided: SortedFeatures,
    superseded: SortedFeatures,
    /// Of a comparison, the ids of the latter: as many as decisions at most.
    replaced: HashSet<String>,
}

/// Complete files, and the manifest for them.
pub(super) struct Written {
    pub(super) staged: Vec<StagedArtifact>,
    pub(super) manifest: Manifest,
}

/// What the configuration of the proposal says of its files.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Configured {
    publish: PublishOptions,
    features: ConfiguredFeatures,
}

#[derive(Deserialize)]
#[serde(default)]
struct ConfiguredFeatures {
    formats: Vec<FeatureFormat>,
    titles: Language,
}

impl Default for ConfiguredFeatures {
    fn default() -> Self {
        Self { formats: FeatureFormat::ALL.to_vec(), titles: Language::default() }
    }
}

impl Configured {
    /// Of a map, or of a comparison, which says the same at other places.
    fn of(config: &serde_json::Value, is_change: bool) -> Self {
        let mut configured = Self::deserialize(config).unwrap_or_default();
        if is_change {
            configured.features = ConfiguredFeatures::deserialize(config).unwrap_or_default();
        }
        configured
    }
}

impl Version<'_> {
    /// Decides about every feature.
    pub(super) fn spool(&self, decider: &mut Decider<'_>) -> Result<Spooled> {
        let spool = || Spool::create(self.folder, &self.proposal.grid, SpoolOptions::default());
        let (mut decided, mut superseded, mut replaced) = (spool()?, spool()?, HashSet::new());
        self.proposal.each(&mut |feature, state| {
            let versions: Versions = decider.decide(feature, state)?;
            versions.decided.iter().try_for_each(|feature| decided.push(feature))?;
            if self.proposal.is_change {
                replaced.extend(versions.superseded.iter().map(|event| event.id.clone()));
            }
            Ok(versions.superseded.iter().try_for_each(|feature| superseded.push(feature))?)
        })?;
        Ok(Spooled { decided: decided.finish()?, superseded: superseded.finish()?, replaced })
    }

    /// Writes the files.
    pub(super) fn write(
        &self,
        spooled: &Spooled,
        classes: &Nomenclature,
        (decided, tally): (Decided, &Tally),
        warnings: Vec<Warning>,
    ) -> Result<Written> {
        let folder = self.folder.join("files");
        std::fs::create_dir_all(&folder)?;
        let is_change = self.proposal.is_change;
        let configured = Configured::of(&self.opened.map.manifest.config, is_change);
        let mut about = configured.publish.about(&self.material.title);
        about.contact = about.contact.or_else(|| self.material.imprint.contact.clone());
        let mut run = RunInfo::new(
            self.run_id,
            &self.opened.map.manifest.model.id,
            &self.opened.map.manifest.model.sha256,
        );
        run.own_states = true;
        run.columns.clone_from(&self.columns);
        let is_coverage =
            self.material.configured(&["coverage"]).is_some() && decided.outlines_corrected == 0;
        let layer = Layer {
            version: self,
            configured: &configured,
            about: &about,
            run: &run,
            classes,
            has_parts: tally.has_parts,
            is_coverage,
        };
        let (name, role) = if is_change { ("events", ROLE_EVENTS) } else { ("features", ROLE_FEATURES) };
        let mut staged = layer.write(&spooled.decided, name, role, &folder)?;
        staged.extend(layer.write(&spooled.superseded, "superseded", ROLE_SUPERSEDED, &folder)?);
        staged.extend(self.pictures(&folder, &spooled.replaced)?);
        let manifest = self.manifest(&run, (classes, spooled), (decided, tally), warnings)?;
        let output = present::Output {
            kind: if is_change { arpent_viewer::Kind::Change } else { arpent_viewer::Kind::Map },
            about: &about,
            language: configured.features.titles,
            classes,
            grid: &self.proposal.grid,
            window: self.proposal.window,
            manifest: &manifest,
            options: &configured.publish,
            tables: vec![present::Table::new(
                "superseded",
                "superseded.parquet",
                ["Superseded proposals", "Propositions remplacées"],
                table_schema(&feature_columns(&run.columns)),
            )],
            zones: Vec::new(),
            zone_map: None,
            imagery: None,
            scenes: self.material.scenes.clone(),
            report: Some(if is_change { of_change } else { of_map }),
        };
        present(&output, &mut staged, &folder)?;
        staged.push(self.item(classes, &about, (&manifest, &staged), &folder)?);
        Ok(Written { staged, manifest })
    }

    /// The pictures of scenes, which show no proposal: they are those of the proposal's page. Those of an event have its
    /// outline, so they are left out where a decision replaced it.
    fn pictures(&self, folder: &Path, replaced: &HashSet<String>) -> Result<Vec<StagedArtifact>> {
        let map = &self.opened.map;
        let chips = map.manifest.counts.change.as_ref().and_then(|facts| facts["chips"].as_array());
        let kept: HashSet<&str> = chips
            .into_iter()
            .flatten()
            .filter(|chip| chip["id"].as_str().is_some_and(|id| !replaced.contains(id)))
            .flat_map(|chip| [chip["before"].as_str(), chip["after"].as_str()])
            .flatten()
            .collect();
        let name = |artifact: &Artifact| {
            artifact.href.rsplit_once('/').map_or(&*artifact.href, |(_, name)| name).to_owned()
        };
        let is_kept = |artifact: &&Artifact| match &*artifact.role {
            ROLE_IMAGERY => true,
            ROLE_CHIP => kept.contains(&*name(artifact)),
            _ => false,
        };
        let staged = |artifact: &Artifact| {
            let path = folder.join(name(artifact));
            map.target.fetch_artifact(artifact, &path)?;
            Ok(StagedArtifact::new(&path, &artifact.role)?)
        };
        map.manifest.artifacts.iter().filter(is_kept).map(staged).collect()
    }

    fn manifest(
        &self,
        run: &RunInfo,
        (classes, spooled): (&Nomenclature, &Spooled),
        (decided, tally): (Decided, &Tally),
        warnings: Vec<Warning>,
    ) -> Result<Manifest> {
        let of = &self.opened.map.manifest;
        let mut counts = of.counts.clone();
        counts.features = spooled.decided.count();
        let by_id = spooled.decided.class_counts();
        let has_features = |name: &str| of.counts.features_per_class.contains_key(name);
        let per_class = classes.classes().iter().filter_map(|class| {
            let features = by_id.get(&class.id).copied().unwrap_or(0);
            (features > 0 || has_features(&class.name)).then(|| (class.name.clone(), features))
        });
        counts.features_per_class = per_class.collect();
        if let Some(facts) = &of.counts.change {
            counts.features_per_class = tally.events.per_kind(&of.counts.features_per_class);
            let is_kept = |id: &str| !spooled.replaced.contains(id);
            counts.change = Some(tally.events.facts(facts, &serde_json::to_value(classes)?, &is_kept));
        }
        let mut package = of.package.clone();
        if let Some(described) = package.as_mut().and_then(|package| package.get_mut("classes")) {
            *described = serde_json::to_value(classes)?;
        }
        if let Some(applicability) = &mut counts.applicability {
            applicability.features_outside = tally.outside_training;
        }
        counts.outside_territory = counts.outside_territory.map(|_| tally.outside_territory);
        counts.decided = Some(decided);
        Ok(Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            run_id: run.run_id.clone(),
            created: utc_now(),
            attempt: String::new(),
            plan: Some(run.run_id.clone()),
            software: software(false),
            engines: of.engines.clone(),
            inputs: of.inputs.clone(),
            failed_inputs: of.failed_inputs.clone(),
            warnings: of.warnings.iter().cloned().chain(warnings).collect(),
            model: of.model.clone(),
            package,
            config: of.config.clone(),
            counts,
            timings_s: BTreeMap::new(),
            energy: None,
            ledger: None,
            columns: Some(table_schema(&feature_columns(&run.columns))),
            tables: BTreeMap::new(),
            artifacts: Vec::new(),
        })
    }

    fn item(
        &self,
        classes: &Nomenclature,
        about: &About,
        (manifest, staged): (&Manifest, &[StagedArtifact]),
        folder: &Path,
    ) -> Result<StagedArtifact> {
        let of = &self.opened.map;
        let uris: Vec<String> = manifest.inputs.iter().map(|input| input.uri.clone()).collect();
        let predecessor = match &self.way {
            Some(way) if way.contains("://") => format!("{way}/{}", self.proposal.item),
            Some(way) => format!("../{way}/{}", self.proposal.item),
            None => format!("urn:sha256:{}", of.manifest_sha256),
        };
        let decided = manifest.counts.decided.clone().unwrap_or_default();
        let all: u64 = decided.states.values().sum();
        let open = decided.states.get(arpent_publish::STATE_NOT_VERIFIED).copied().unwrap_or(0);
        let (what, things, of_whom) = match &manifest.counts.change {
            Some(_) => ("comparison", "events", "a comparison of two dates".to_owned()),
            None => ("map", "features", format!("the model {}", manifest.model.id)),
        };
        let lineage = format!(
            "Version of the {what} {} with {} decisions of named persons (review digest {}) about {} of its {all} {things}; the others \
             are proposals of {of_whom}, not verified by a person.",
            decided.map,
            decided.decisions,
            decided.root,
            all - open,
        );
        let dates = manifest.counts.change.as_ref().and_then(|facts| facts["dates"].as_array());
        let acquired = match dates {
            Some(dates) => Acquired::of(dates.iter().filter_map(serde_json::Value::as_str)),
            None => Acquired::of(manifest.inputs.iter().filter_map(|input| input.acquired.as_deref())),
        };
        let path = folder.join(ITEM_NAME);
        let item = StacRun {
            run_id: &manifest.run_id,
            acquired: &acquired,
            footprint: &footprint(&self.proposal.grid, &self.proposal.window)?,
            grid: &self.proposal.grid,
            window: &self.proposal.window,
            values: &[],
            nomenclature: classes,
            predicted: classes,
            mask: None,
            model: None,
            lineage: Some(&lineage),
            version: Some(StacVersion { version: &manifest.run_id, predecessor: &predecessor }),
            software: &manifest.software,
            scene_uris: &uris,
            about,
            artifacts: staged,
        };
        write_stac_item(&path, &item)?;
        Ok(StagedArtifact::new(&path, ROLE_METADATA)?)
    }
}

/// What is the same for both layers.
struct Layer<'a> {
    version: &'a Version<'a>,
    configured: &'a Configured,
    about: &'a About,
    run: &'a RunInfo,
    classes: &'a Nomenclature,
    has_parts: bool,
    is_coverage: bool,
}

impl Layer<'_> {
    /// Writes a layer in every format of the proposal; tiles of the decided one only, which the page shows.
    fn write(
        &self,
        features: &SortedFeatures,
        name: &'static str,
        role: &str,
        folder: &Path,
    ) -> Result<Vec<StagedArtifact>> {
        let (proposal, titles) = (self.version.proposal, self.configured.features.titles);
        let style = decided_style(self.classes, &feature_columns(&self.run.columns), titles);
        let files = FeatureFiles {
            name,
            crs: &proposal.grid.crs,
            // As the files of the proposal: events always have several parts.
            shape: if self.has_parts || proposal.is_change {
                LayerShape::MultiPolygon
            } else {
                LayerShape::Polygon
            },
            style: Some(&style),
            titles,
            about: self.about,
            run: self.run,
            tiles: TileNeeds {
                // Outlines that persons drew overlap others.
                kind: if self.is_coverage { Kind::Coverage } else { Kind::Objects },
                grid: &proposal.grid,
                extent: proposal.window,
                threads: rayon::current_num_threads(),
            },
        };
        let project = OwnProject {
            is_wanted: self.configured.publish.qgis && role != ROLE_SUPERSEDED,
            about: self.about,
            language: titles,
            crs: &proposal.grid.crs,
            extent: proposal.grid.bbox(&proposal.window),
            timestamp: TIMESTAMP,
            is_decided: true,
        };
        let is_wanted = |format: &FeatureFormat| {
            let is_shown = *format != FeatureFormat::PmTiles || role != ROLE_SUPERSEDED;
            is_shown && self.configured.features.formats.contains(format)
        };
        let mut staged = Vec::new();
        for format in FeatureFormat::ALL.into_iter().filter(is_wanted) {
            let path = files.write(features, format, folder)?;
            if format == FeatureFormat::GeoPackage {
                project.store(&path)?;
            }
            staged.push(StagedArtifact::new(&path, role)?);
        }
        Ok(staged)
    }
}
