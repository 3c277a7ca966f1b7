//! The masks of a map: what each is, which of its values mask, and why. No pixel and no feature is read here.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::{Result, Value, redacted};
use arpent_gdal::{
    Fingerprint, InvalidGeometries, LayerCounts, LayerShapes, LayerSource, ReferenceIndex, ReferenceKind,
    same_text, value_key,
};
use arpent_model::ModelPackage;
use arpent_publish::{MaskCounts, Warning};
use arpent_raster::{Class, Color, Grid, Nomenclature, Window};
use serde::Serialize;

use super::classes::{OBSERVED, UNKNOWN, Values};
use super::error::MaskError;
use super::source::{KEY, MadeOf, RasterFacts, check_place, incomplete, kind_of, open_raster, stem_of};
use crate::config::{MaskLayerOptions, MaskOptions};
use crate::warnings::layer_warnings;

/// Reasons at most: those of `mask.tif`.
const MOST_REASONS: usize = 250;
/// Colors of the reasons in `mask.tif`, in turn, and of what was observed.
const COLORS: [[u8; 3]; 6] =
    [[255, 255, 255], [90, 90, 110], [200, 220, 255], [150, 170, 200], [230, 200, 160], [180, 120, 160]];
const OBSERVED_COLOR: [u8; 3] = [60, 140, 80];

/// The masks of a map.
#[derive(Debug, Default)]
pub struct MaskLayers {
    pub(super) layers: Vec<Layer>,
    /// The reasons; the first has number 1.
    pub(super) reasons: Vec<String>,
    warnings: Vec<Warning>,
}

/// A mask.
#[derive(Debug)]
pub(super) struct Layer {
    /// Its address, without secrets.
    pub(super) shown: String,
    pub(super) kind: Kind,
    /// Its reasons, in the order of its values.
    reasons: Vec<String>,
    print: Option<Fingerprint>,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A vector layer.
    Areas {
        options: Box<MaskLayerOptions>,
        /// The number of the reason of each value of the field; that of all features where there is no field.
        numbers: BTreeMap<String, u8>,
        /// Once the layer is read.
        index: Option<Indexed>,
    },
    /// A raster, also that of a map.
    Raster { facts: Box<RasterFacts>, numbers: Box<[u8; 256]> },
    /// A model, or the configuration of a run, whose map is made first.
    ToMake,
}

/// A vector layer that was read.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) index: ReferenceIndex,
    /// Features that mask, and those of them near the map, by the key of their value.
    counts: BTreeMap<String, [u64; 2]>,
    /// Other features.
    unnamed: u64,
}

/// A mask, as printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaskFacts {
    /// File, URL, output of a run, model or configuration.
    pub source: String,
    /// `areas`, `raster`, `map`, or `model`, whose map is made first.
    pub kind: String,
    /// Its reasons.
    pub reasons: Vec<String>,
}

impl MaskLayers {
    /// Opens the masks of a map on a grid, whose pixels are `extent`; the output of the job may be none of them.
    ///
    /// # Errors
    /// [`MaskError`]; errors of opening them.
    pub(crate) fn open(
        options: &MaskOptions,
        grid: &Grid,
        extent: &Window,
        output: Option<&str>,
    ) -> Result<Self> {
        let mut all = Self::default();
        let mut has_classes = false;
        for layer in &options.layers {
            let mut layer = layer.options();
            let made_of = kind_of(&layer.source)?;
            check_place(&layer.source, output)?;
            let own = !layer.classes.is_empty();
            if made_of != MadeOf::Areas && !own {
                layer.classes.clone_from(&options.classes);
            }
            has_classes |= made_of != MadeOf::Areas;
            let opened = all.open_one(layer, &made_of, grid, extent)?;
            all.layers.push(opened);
        }
        if !has_classes && !options.classes.is_empty() && !options.layers.is_empty() {
            return Err(MaskError::NoClasses.into());
        }
        if all.reasons.len() > MOST_REASONS {
            return Err(MaskError::TooManyReasons { found: all.reasons.len(), most: MOST_REASONS }.into());
        }
        Ok(all)
    }

    fn open_one(
        &mut self,
        options: MaskLayerOptions,
        made_of: &MadeOf,
        grid: &Grid,
        extent: &Window,
    ) -> Result<Layer> {
        let shown = redacted(&options.source);
        let wrong = |kind: &'static str, option: &'static str| MaskError::WrongOption {
            mask: shown.clone(),
            kind,
            option,
        };
        if *made_of == MadeOf::Areas {
            if !options.classes.is_empty() {
                return Err(wrong("a vector layer", "classes").into());
            }
        } else if options.field.is_some() {
            let kind = if *made_of == MadeOf::Raster { "a raster" } else { "a map of a model" };
            return Err(wrong(kind, "field").into());
        }
        match made_of {
            MadeOf::Areas => self.open_areas(options, grid),
            MadeOf::Raster | MadeOf::Map => {
                let mut facts = open_raster(&options.source, made_of, &options.classes, (grid, extent))?;
                if let Some(reason) = &options.reason {
                    facts.chosen.reasons.values_mut().for_each(|own| own.clone_from(reason));
                }
                self.warnings.extend(facts.map.as_ref().and_then(|map| incomplete(&shown, map)));
                let numbers = Box::new(facts.numbers(&mut |reason| self.number_of(reason)));
                let mut reasons: Vec<String> = Vec::new();
                facts.reasons().for_each(|(_, reason)| {
                    if !reasons.contains(reason) {
                        reasons.push(reason.clone());
                    }
                });
                let print = Some(facts.print.clone());
                Ok(Layer { shown, kind: Kind::Raster { facts: Box::new(facts), numbers }, reasons, print })
            }
            MadeOf::Model(folder) => {
                let (model, _) = ModelPackage::load(folder)?;
                if model.is_regression() {
                    return Err(MaskError::GivesValues { mask: shown }.into());
                }
                if model.is_detection() {
                    return Err(MaskError::FindsBoxes { mask: shown }.into());
                }
                let names =
                    model.classes.classes().iter().map(|class| (class.id, class.name.clone())).collect();
                let reason = stem_of(&options.source);
                let values = Values {
                    mask: &shown,
                    names: &names,
                    nodata: Some(UNKNOWN),
                    undecided: None,
                    reason: &reason,
                };
                let chosen = values.chosen(&options.classes)?;
                let reasons =
                    options.reason.map_or_else(|| chosen.reasons.into_values().collect(), |one| vec![one]);
                Ok(Layer { shown, kind: Kind::ToMake, reasons, print: None })
            }
            MadeOf::Run(_) => Ok(Layer { shown, kind: Kind::ToMake, reasons: Vec::new(), print: None }),
        }
    }

    fn open_areas(&mut self, options: MaskLayerOptions, grid: &Grid) -> Result<Layer> {
        let fields: Vec<&str> = options.field.as_deref().into_iter().collect();
        arpent_gdal::layer_fields(&source_of(&options, &fields, grid))?;
        let mut reasons: Vec<String> = Vec::new();
        let mut numbers = BTreeMap::new();
        let of_value = |value: &String| options.reason.clone().unwrap_or_else(|| value.trim().to_owned());
        let pairs: Vec<(String, String)> = if options.field.is_none() {
            let reason = options.reason.clone().unwrap_or_else(|| stem_of(&options.source));
            vec![(String::new(), reason)]
        } else {
            options.values.iter().map(|value| (same_text(value), of_value(value))).collect()
        };
        for (value, reason) in pairs {
            numbers.insert(value, self.number_of(&reason));
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let print = Some(arpent_gdal::fingerprint_layer(&options.source)?);
        let shown = redacted(&options.source);
        let kind = Kind::Areas { options: Box::new(options), numbers, index: None };
        Ok(Layer { shown, kind, reasons, print })
    }

    /// The number of a reason; a new one gets the next.
    fn number_of(&mut self, reason: &str) -> u8 {
        let known = self.reasons.iter().position(|known| known == reason);
        let at = known.unwrap_or_else(|| {
            self.reasons.push(reason.to_owned());
            self.reasons.len() - 1
        });
        // More are refused once all masks are open.
        u8::try_from(at + 1).unwrap_or(UNKNOWN)
    }

    /// Reads every vector layer into an indexed file in the folder `scratch`, as far as it lies near the extent.
    ///
    /// # Errors
    /// A layer that cannot be used, with the number of its feature; [`MaskError::NoPolygons`].
    pub(crate) fn index(&mut self, grid: &Grid, extent: &Window, scratch: &Path) -> Result<()> {
        for (at, layer) in self.layers.iter_mut().enumerate() {
            let Kind::Areas { options, numbers, index } = &mut layer.kind else { continue };
            let fields: Vec<&str> = options.field.as_deref().into_iter().collect();
            let path = scratch.join(format!("mask-{at}.gpkg"));
            let (mut counts, mut unnamed) = (BTreeMap::<String, [u64; 2]>::new(), 0);
            let mut seen = |values: &[Option<Value>], near: bool| {
                let key = key_of(values);
                if numbers.contains_key(&key) {
                    let [all, within] = counts.entry(key).or_default();
                    *all += 1;
                    *within += u64::from(near);
                } else {
                    unnamed += 1;
                }
            };
            let (source, kind) = (source_of(options, &fields, grid), ReferenceKind::Areas(None));
            let built = ReferenceIndex::build(&source, kind, grid.bbox(extent), &path, &mut seen)?;
            let LayerCounts { read, empty, .. } = built.counts();
            if read == empty {
                return Err(MaskError::NoPolygons { mask: layer.shown.clone() }.into());
            }
            *index = Some(Indexed { index: built, counts, unnamed });
        }
        Ok(())
    }

    /// Whether there is no mask.
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether a vector layer has to be read.
    pub(crate) fn has_areas(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer.kind, Kind::Areas { .. }))
    }

    /// Features that were read.
    pub(crate) fn features_read(&self) -> u64 {
        let read = |layer: &Layer| match &layer.kind {
            Kind::Areas { index: Some(indexed), .. } => indexed.index.counts().read,
            _ => 0,
        };
        self.layers.iter().map(read).sum()
    }

    /// The first mask whose map is not made yet.
    pub(crate) fn to_make(&self) -> Option<&str> {
        self.layers.iter().find(|layer| matches!(layer.kind, Kind::ToMake)).map(|layer| &*layer.shown)
    }

    /// What identifies the bytes of each mask.
    pub(crate) fn fingerprints(&self) -> Vec<Fingerprint> {
        self.layers.iter().filter_map(|layer| layer.print.clone()).collect()
    }

    /// Whether every mask can be looked up: a map is made, a vector layer is read.
    pub(crate) fn is_ready(&self) -> bool {
        let is_open = |layer: &Layer| match &layer.kind {
            Kind::Areas { index, .. } => index.is_some(),
            Kind::Raster { .. } => true,
            Kind::ToMake => false,
        };
        self.layers.iter().all(is_open)
    }

    /// Bytes that a pixel of a strip takes while it is masked.
    pub(crate) fn bytes_per_pixel(&self) -> u64 {
        // Its reason, that of one mask, whether it has an answer, and rows that wait to complete a row of output blocks.
        5 * u64::from(!self.is_empty())
    }

    /// The classes of `mask.tif`.
    pub(crate) fn nomenclature(&self) -> Nomenclature {
        let class = |id: u8, name: &str, color: [u8; 3]| Class {
            id,
            name: name.to_owned(),
            name_fr: None,
            code: None,
            color: Color(color),
            features: false,
        };
        let observed = class(OBSERVED, "observed", OBSERVED_COLOR);
        let reasons = (OBSERVED + 1..).zip(&self.reasons).zip(COLORS.iter().cycle());
        let reasons = reasons.map(|((id, reason), color)| class(id, reason, *color));
        Nomenclature::new(std::iter::once(observed).chain(reasons).collect())
            .expect("reasons are numbered, and fewer than 255")
    }

    /// The masks, as printed.
    pub(crate) fn facts(&self) -> Vec<MaskFacts> {
        let facts = |layer: &Layer| MaskFacts {
            source: layer.shown.clone(),
            kind: layer.kind_name().to_owned(),
            reasons: layer.reasons.clone(),
        };
        self.layers.iter().map(facts).collect()
    }

    /// Warnings before a pixel is read.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl Layer {
    fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Areas { .. } => "areas",
            Kind::Raster { facts, .. } if facts.map.is_some() => "map",
            Kind::Raster { .. } => "raster",
            Kind::ToMake => "model",
        }
    }

    /// What is known of it before pixels are counted.
    pub(super) fn counts(&self) -> MaskCounts {
        let mut counts = MaskCounts {
            source: self.shown.clone(),
            kind: self.kind_name().to_owned(),
            reasons: self.reasons.clone(),
            sha256: self.print.as_ref().and_then(Fingerprint::content),
            ..MaskCounts::default()
        };
        match &self.kind {
            Kind::Areas { index: Some(indexed), .. } => {
                let read = indexed.index.counts();
                counts.features = indexed.counts.values().map(|[all, _]| all).sum();
                counts.near = indexed.counts.values().map(|[_, near]| near).sum();
                counts.features_unnamed = indexed.unnamed;
                (counts.repaired, counts.empty) = (read.repaired, read.empty);
            }
            Kind::Raster { facts, .. } => {
                counts.run_id = facts.map.as_ref().map(|map| map.run_id.clone());
                counts.model = facts.map.as_ref().map(|map| map.model.clone());
            }
            Kind::Areas { .. } | Kind::ToMake => {}
        }
        counts
    }

    /// Warnings about the features of a vector layer.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let Kind::Areas { options, index: Some(indexed), .. } = &self.kind else { return Vec::new() };
        let mut all = layer_warnings(KEY, &options.source, "features", indexed.index.counts());
        let missing = options.values.iter().filter(|value| !indexed.counts.contains_key(&same_text(value)));
        for value in missing {
            let message = format!("no feature of {} has the value `{value}`", self.shown);
            let hint = "check the value and the field, if some were expected";
            all.push(Warning::new("nothing-matched", KEY, message).with_hint(hint));
        }
        all
    }
}

/// The value that decides whether a feature masks.
pub(super) fn key_of(values: &[Option<Value>]) -> String {
    values.first().and_then(Option::as_ref).map(value_key).unwrap_or_default()
}

fn source_of<'a>(options: &'a MaskLayerOptions, fields: &'a [&'a str], grid: &'a Grid) -> LayerSource<'a> {
    let invalid: InvalidGeometries = options.invalid;
    LayerSource {
        shapes: LayerShapes::Areas,
        fields,
        invalid,
        ..LayerSource::new(&options.source, &grid.crs)
    }
}
