//! Hard examples for a training: features that were wrong, and those that are as uncertain as wrong ones, with the truth that
//! persons gave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::{Cell, Column, ColumnKind, Failure, Language, Result};
use arpent_datasets::{Card, CardClass, LayoutConfig, RasterPolygons, SetConfig, Split};
use arpent_gdal::{InvalidGeometries, LayerFormat, LayerOptions, LayerShape, LayerWriter};
use arpent_publish::{Input, Manifest};
use arpent_raster::{Class, Nomenclature};
use arpent_vector::{Feature, parts_to_wkb};
use serde::Serialize;

use super::decided::{Decider, Versions};
use super::proposal::Proposal;
use crate::job::UNDECIDED;
use crate::map::TIMESTAMP;
use crate::present::table_style;

/// Name of the file and of the layer.
pub(super) const EXAMPLES: &str = "examples";
/// Surroundings of a polygon's window, pixels.
const MARGIN_PX: usize = 16;

/// Why a feature is an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Absent,
    Class,
    Outline,
    Uncertain,
}

impl Why {
    const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Class => "class",
            Self::Outline => "outline",
            Self::Uncertain => "uncertain",
        }
    }
}

/// Examples that were written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExampleCounts {
    /// Examples by reason: `absent`, `class`, `outline`, `uncertain`.
    pub examples: BTreeMap<String, u64>,
    /// Features that are absent, where no class stands for the ground: what is there instead is not known.
    pub without_truth: u64,
    /// Scenes with a `[[sets]]` in `sets.toml`.
    pub scenes: Vec<String>,
    /// Why there is none for other scenes, or for all.
    pub left_out: Vec<String>,
}

/// The class of pixels where an invalidated feature was: the only one that becomes no features.
fn ground(classes: &Nomenclature) -> Option<&Class> {
    let mut of = classes.classes().iter().filter(|class| !class.features);
    of.next().filter(|_| of.next().is_none())
}

fn columns() -> Vec<Column> {
    let text = |name: &str, en: &'static str, fr: &'static str, description: &'static str| {
        Column::new(name, ColumnKind::Text).titled(en, fr).described(description)
    };
    vec![
        text("id", "Identifier", "Identifiant", "Id of the feature of the map.").required(),
        text("class", "Class", "Classe", "What is there, by the decision.").required(),
        text("proposed_class", "Class proposed", "Classe proposée", "What was proposed.").required(),
        text("why", "Why", "Motif", "`absent`, `class` or `outline`: what was wrong; `uncertain`: right, with a score as low as that of a wrong one.")
            .required(),
        Column::new("score", ColumnKind::Real).titled("Score", "Score").described("Score of the proposal."),
        text("state", "State of review", "État de validation", "The verdict.").required(),
        text("decisions", "Decisions", "Décisions", "Ids (SHA-256) of the decisions."),
        text("scene_ids", "Scenes", "Images sources", "Scenes of the proposal."),
    ]
}

/// Writes examples while the features pass.
pub(super) struct Examples<'a> {
    proposal: &'a Proposal,
    /// Highest score of a wrong feature, by proposed class.
    wrong_up_to: BTreeMap<String, f64>,
    scene_ids: BTreeSet<String>,
    counts: ExampleCounts,
}

impl<'a> Examples<'a> {
    pub(super) const fn new(proposal: &'a Proposal, wrong_up_to: BTreeMap<String, f64>) -> Self {
        let counts = ExampleCounts {
            examples: BTreeMap::new(),
            without_truth: 0,
            scenes: Vec::new(),
            left_out: Vec::new(),
        };
        Self { proposal, wrong_up_to, scene_ids: BTreeSet::new(), counts }
    }

    /// What a decided feature is an example of, and the version that has the truth.
    fn example(&mut self, versions: Versions) -> Option<(Why, Feature, String)> {
        match versions {
            // Undecided is no truth, and a verdict that it is wrong says nothing of what is there.
            Versions { decided: Some(decided), .. } if decided.class_name == UNDECIDED => None,
            Versions { decided: None, superseded: Some(feature) } if feature.class_name == UNDECIDED => None,
            Versions { decided: None, superseded: Some(feature) } => {
                let Some(ground) = ground(&self.proposal.classes) else {
                    self.counts.without_truth += 1;
                    return None;
                };
                let proposed = feature.class_name.clone();
                Some((Why::Absent, Feature { class_name: ground.name.clone(), ..feature }, proposed))
            }
            Versions { decided: Some(decided), superseded: Some(proposed) } => {
                let why = if decided.class_name == proposed.class_name { Why::Outline } else { Why::Class };
                Some((why, decided, proposed.class_name))
            }
            Versions { decided: Some(decided), superseded: None } => {
                let limit = self.wrong_up_to.get(&decided.class_name)?;
                let is_uncertain = decided.score.is_some_and(|score| score <= *limit);
                let proposed = decided.class_name.clone();
                is_uncertain.then_some((Why::Uncertain, decided, proposed))
            }
            Versions { decided: None, superseded: None } => None,
        }
    }

    /// Writes the layer of all examples to a folder.
    pub(super) fn write(&mut self, decider: &mut Decider<'_>, lineage: &str, folder: &Path) -> Result<()> {
        let columns = columns();
        let style = table_style(&columns, Language::En);
        let options = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: EXAMPLES,
            shape: LayerShape::MultiPolygon,
            crs: &self.proposal.grid.crs,
            fields: &columns,
            titles: Language::En,
            spatial_index: true,
            style_qml: Some(&style),
            description: lineage,
            timestamp: TIMESTAMP,
        };
        let proposal = self.proposal;
        let mut layer = LayerWriter::create(&folder.join(format!("{EXAMPLES}.gpkg")), &options)?;
        proposal.each(&mut |feature, state| {
            if !decider.is_decided(&feature.id) {
                return Ok(());
            }
            let versions = decider.decide(feature, state)?;
            let Some((why, feature, proposed)) = self.example(versions) else { return Ok(()) };
            let [state, decisions] = decider.state_and_decisions(&feature);
            let scenes = feature.scene_ids.join(",");
            let cells = [
                Cell::Text(&feature.id),
                Cell::Text(&feature.class_name),
                Cell::Text(&proposed),
                Cell::Text(why.name()),
                feature.score.into(),
                Cell::Text(state),
                Cell::Text(decisions),
                Cell::Text(&scenes),
            ];
            layer.write(&parts_to_wkb(&feature.polygons.0), &cells)?;
            *self.counts.examples.entry(why.name().to_owned()).or_default() += 1;
            self.scene_ids.extend(scenes.split(',').map(str::to_owned));
            Ok(())
        })?;
        Ok(layer.finish()?)
    }

    /// Writes the card and the `[[sets]]` of a training to a folder, which becomes `place`.
    pub(super) fn describe(
        mut self,
        manifest: &Manifest,
        (license, lineage): (Option<&str>, &str),
        (folder, place): (&Path, &Path),
    ) -> Result<ExampleCounts> {
        let package = manifest.package.as_ref();
        let bands = package.and_then(|package| package["bands"].as_array()).into_iter().flatten();
        let bands: Vec<String> = bands.filter_map(band_name).collect();
        let classes = self.proposal.classes.classes();
        let card = Card {
            name: format!("{EXAMPLES}-{}", manifest.run_id),
            title: format!("Hard examples of the map {}", manifest.run_id),
            license: license.unwrap_or("LicenseRef-unknown").to_owned(),
            source: lineage.to_owned(),
            weights_may_ship: false,
            bands: if bands.is_empty() { vec!["unknown".to_owned()] } else { bands },
            gsd_m: None,
            classes: classes
                .iter()
                .filter(|class| class.name != UNDECIDED)
                .map(|class| CardClass { id: class.id, name: class.name.clone() })
                .collect(),
            splits: "all of it is for training: hard examples say nothing about a whole map".to_owned(),
            sha256: None,
            notes: "Chosen because they are hard: their shares are not those of the map. weights_may_ship is false until you \
                    have checked the terms of the imagery."
                .to_owned(),
        };
        std::fs::write(folder.join("card.toml"), toml::to_string(&card).map_err(Failure::foreign)?)?;
        let sets = self.sets(manifest, place);
        let text = if sets.is_empty() {
            String::new()
        } else {
            toml::to_string(&Sets { sets }).map_err(Failure::foreign)?
        };
        let head = format!(
            "# Append to the train.toml of a training, and train with `arpent-train fit train.toml --from PACKAGE`.\n# {lineage}\n"
        );
        std::fs::write(folder.join("sets.toml"), format!("{head}{text}"))?;
        Ok(self.counts)
    }

    /// A set for each scene that can be read.
    fn sets(&mut self, manifest: &Manifest, place: &Path) -> Vec<SetConfig> {
        let task = manifest.package.as_ref().and_then(|package| package["task"].as_str()).unwrap_or_default();
        if task != "semantic-segmentation" {
            self.counts
                .left_out
                .push(format!("the model's task is {task}: only labels of pixels are trained from polygons"));
            return Vec::new();
        }
        if manifest.inputs.iter().any(|input| input.date.is_some()) {
            self.counts.left_out.push("the model compares two dates: a set has one scene".to_owned());
            return Vec::new();
        }
        let mut sets = Vec::new();
        // Many scenes are named by their positions: then all are tried.
        let by_position = self.scene_ids.iter().any(|id| id.starts_with('#'));
        for input in &manifest.inputs {
            if !by_position && !self.scene_ids.contains(&input.id) {
                continue;
            }
            let path = Path::new(&input.uri);
            if !path.is_file() {
                self.counts.left_out.push(format!(
                    "{} is no file of this machine: copy it and name it in `raster`",
                    input.id
                ));
                continue;
            }
            let raster = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            self.counts.scenes.push(input.id.clone());
            sets.push(set(place, &raster, input));
        }
        sets
    }
}

#[derive(Serialize)]
struct Sets {
    sets: Vec<SetConfig>,
}

fn set(place: &Path, raster: &Path, input: &Input) -> SetConfig {
    let bands = input.values.as_ref().map(|values| values.bands.iter().map(|band| band.band).collect());
    SetConfig {
        path: place.to_owned(),
        card: place.join("card.toml"),
        splits: None,
        split: None,
        part: Some(Split::Train),
        partial: true,
        layout: LayoutConfig::RasterPolygons(RasterPolygons {
            raster: raster.to_owned(),
            polygons: format!("{EXAMPLES}.gpkg").into(),
            layer: Some(EXAMPLES.to_owned()),
            field: Some("class".to_owned()),
            class: None,
            bands,
            invalid: InvalidGeometries::Repair,
            margin: MARGIN_PX,
            names: BTreeMap::new(),
            skip: Vec::new(),
            background: None,
            tile_px: None,
        }),
    }
}

/// The name of a band of a package: a text, or a table with a name.
fn band_name(band: &serde_json::Value) -> Option<String> {
    band.as_str()
        .or_else(|| band["common_name"].as_str())
        .or_else(|| band["name"].as_str())
        .map(str::to_owned)
}
