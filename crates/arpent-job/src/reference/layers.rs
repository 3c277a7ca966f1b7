//! From the configuration to rules: the classes, fields and columns are checked here, before a pixel is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::config::Key;
use arpent_base::{Column, ColumnKind, Meters, Result, Value};
use arpent_gdal::{LayerShapes, LayerSource, LineWidth, ReferenceIndex, ReferenceKind, same_text};
use arpent_publish::{
    GEOMETRY_COLUMNS, OUTSIDE_TERRITORY, OUTSIDE_TRAINING, ReferenceCounts, Warning, feature_columns,
};
use arpent_raster::{Crs, CrsKind, Grid, Nomenclature, Window};

use super::matched::{self, Matched};
use super::rules::{Classes, Rule, RuleKind};
use crate::config::{ClassOf, LayerOptions, ObjectOptions, OcsGe, OverrideOptions, ReferenceOptions};
use crate::error::{JobError, class_id};
use crate::warnings::layer_warnings;

/// Key of the layer of built-up areas.
const BUILT_UP: &str = "coverage.built_up.areas";

/// The rules of a map, and their columns.
#[derive(Debug, Default)]
pub struct ReferenceLayers {
    pub(super) rules: Vec<Rule>,
    /// For each rule, once they are read.
    pub(super) indexes: Vec<ReferenceIndex>,
    pub(super) matched: Vec<Matched>,
    /// File or URL of built-up areas; and their layer, once read.
    built_up: Option<String>,
    pub(super) built_up_index: Option<ReferenceIndex>,
    pub(super) built_up_matched: Matched,
}

/// Shared context of the rules of a map.
struct Context<'a> {
    classes: &'a Nomenclature,
    crs: &'a Crs,
    /// Names of columns in use.
    names: BTreeSet<String>,
}

impl ReferenceLayers {
    /// Checks names, classes, fields and CRS. Opens the layers, and reads no reference feature.
    ///
    /// # Errors
    /// [`JobError::UnknownClass`], [`JobError::ReferenceName`], [`JobError::ReferenceCrs`]; those of
    /// [`arpent_gdal::layer_fields`].
    pub fn new(
        options: &ReferenceOptions,
        built_up: Option<&str>,
        classes: &Nomenclature,
        crs: &Crs,
    ) -> Result<Self> {
        let more = OcsGe::columns().into_iter().chain(ObjectOptions::columns()).map(|column| column.name);
        let of_all = feature_columns(&[]).into_iter().map(|column| column.name);
        // Whether the model has them or not: a configuration is right or wrong for every model.
        let of_model = [OUTSIDE_TRAINING, OUTSIDE_TERRITORY].map(str::to_owned);
        let names = of_all.chain(GEOMETRY_COLUMNS.map(str::to_owned)).chain(more).chain(of_model).collect();
        let mut context = Context { classes, crs, names };
        let mut rules = Vec::new();
        for (index, rule) in options.overrides.iter().enumerate() {
            let key = Key::from("reference.override").element(index, &rule.name);
            let (class, field) = context.classes_of(&key, &rule.class)?;
            let of = class.all();
            let width = context.width(&key, rule, 1 + usize::from(field.is_some()))?;
            let kind =
                RuleKind::Override { class, width, ossature: rule.ossature, min_share: rule.min_share.get() };
            let fields: Vec<&str> = field.into_iter().chain(rule.width_field.as_deref()).collect();
            rules.push(context.rule(&key, (&rule.name, &rule.layer), &fields, &[], of, kind)?);
        }
        for (index, rule) in options.enrich.iter().enumerate() {
            let key = Key::from("reference.enrich").element(index, &rule.name);
            let of = context.of(&key, rule.of.as_deref())?;
            let kind = RuleKind::Enrich { min_share: rule.min_share.get() };
            rules.push(context.rule(&key, (&rule.name, &rule.layer), &[], &rule.fields, of, kind)?);
        }
        for (index, rule) in options.compare.iter().enumerate() {
            let key = Key::from("reference.compare").element(index, &rule.name);
            let (class, field) = context.classes_of(&key, &rule.class)?;
            let of = context.of(&key, rule.of.as_deref())?;
            rules.push(context.rule(
                &key,
                (&rule.name, &rule.layer),
                field.as_slice(),
                &[],
                of,
                RuleKind::Compare { class },
            )?);
        }
        for (index, rule) in options.snap.iter().enumerate() {
            let key = Key::from("reference.snap").element(index, &rule.name);
            let of = context.of(&key, rule.of.as_deref())?;
            let kind = context.snap(&key, rule.max_distance_m)?;
            rules.push(context.rule(&key, (&rule.name, &rule.layer), &[], &rule.fields, of, kind)?);
        }
        if let Some(areas) = built_up {
            arpent_gdal::layer_fields(&source_of_areas(areas, crs))?;
        }
        let built_up = built_up.map(str::to_owned);
        Ok(Self { rules, built_up, ..Self::default() })
    }

    /// Reads every layer into an indexed file in the folder `scratch`, in the CRS of the map, as far as it lies near the extent.
    ///
    /// # Errors
    /// A layer that cannot be used, with the number of its reference feature; [`JobError::ReferenceEmpty`]; a copy that cannot be
    /// written.
    pub fn index(&mut self, grid: &Grid, extent: &Window, scratch: &Path) -> Result<()> {
        self.indexes.clear();
        self.matched.clear();
        let crs = &grid.crs;
        for (number, rule) in self.rules.iter().enumerate() {
            let fields: Vec<&str> = rule.fields.iter().map(String::as_str).collect();
            let path = scratch.join(format!("reference-{number}.gpkg"));
            let kind = match rule.kind {
                RuleKind::Override { width, .. } => ReferenceKind::Areas(width),
                RuleKind::Enrich { .. } | RuleKind::Compare { .. } => ReferenceKind::Areas(None),
                RuleKind::Snap { .. } => ReferenceKind::Lines,
            };
            let [west, south, east, north] = grid.bbox(extent);
            let around = match rule.kind {
                RuleKind::Snap { max_distance, .. } => max_distance,
                _ => 0.0,
            };
            let within = [west - around, south - around, east + around, north + around];
            let mut matched = Matched::default();
            let mut seen = |values: &[_], near| matched.add(Some(rule), values, near);
            let source = rule.source(&fields, crs);
            self.indexes.push(indexed(&source, kind, within, &path, || rule.key.clone(), &mut seen)?);
            self.matched.push(matched);
        }
        if let Some(areas) = &self.built_up {
            let (source, path) = (source_of_areas(areas, crs), scratch.join("built-up.gpkg"));
            let (kind, key) = (ReferenceKind::Areas(None), || BUILT_UP.into());
            let mut matched = Matched::default();
            let mut seen = |values: &[_], near| matched.add(None, values, near);
            self.built_up_index = Some(indexed(&source, kind, grid.bbox(extent), &path, key, &mut seen)?);
            self.built_up_matched = matched;
        }
        Ok(())
    }

    /// Whether there is no layer at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.built_up.is_none()
    }

    /// Bytes that a pixel of a strip takes while layers are overridden on it.
    pub(crate) fn bytes_per_pixel(&self) -> u64 {
        let overrides = self.rules.iter().any(|rule| matches!(rule.kind, RuleKind::Override { .. }));
        // Labels again, also of rows that wait, overrides and their mask; built-up areas and their mask.
        4 * u64::from(overrides) + 2 * u64::from(self.built_up.is_some())
    }

    /// Reference features that were read.
    pub(crate) fn features_read(&self) -> u64 {
        self.indexes.iter().chain(&self.built_up_index).map(|index| index.counts().read).sum()
    }

    /// Warnings about the layers by their counts, mainly about values and reference features without a match.
    pub fn warnings(&self, counts: &[ReferenceCounts]) -> Vec<Warning> {
        let rules = self.rules.iter().zip(counts);
        let mut all: Vec<Warning> =
            rules.flat_map(|(rule, counts)| matched::warnings(rule, counts)).collect();
        if self.built_up_index.is_some() && self.built_up_matched.is_far() {
            let message = "no area of coverage.built_up.areas lies on the map";
            let hint =
                "check that it is the right layer, and that its declared CRS is that of its coordinates";
            all.push(Warning::new("nothing-matched", BUILT_UP, message).with_hint(hint));
        }
        if let (Some(file), Some(index)) = (&self.built_up, &self.built_up_index) {
            all.extend(layer_warnings(BUILT_UP, file, "areas", index.counts()));
        }
        all
    }

    /// File or URL of each layer, built-up areas last.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &rule.layer.source).chain(&self.built_up).map(String::as_str)
    }

    /// Columns of the features, in order.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.rules.iter().flat_map(|rule| &rule.columns)
    }
}

impl Context<'_> {
    fn rule(
        &mut self,
        key: &Key,
        (name, layer): (&str, &LayerOptions),
        own: &[&str],
        taken: &[String],
        of: [bool; 256],
        kind: RuleKind,
    ) -> Result<Rule> {
        let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_word {
            return Err(JobError::ReferenceName { key: key.clone(), column: name.to_owned() }.into());
        }
        let fields: Vec<String> = std::iter::once(layer.id.as_str())
            .chain(own.iter().copied())
            .chain(taken.iter().map(String::as_str))
            .map(str::to_owned)
            .collect();
        let mut rule = Rule {
            key: key.clone(),
            name: name.to_owned(),
            layer: layer.clone(),
            fields,
            kind,
            of,
            columns: Vec::new(),
        };
        let named: Vec<&str> = rule.fields.iter().map(String::as_str).collect();
        let known = arpent_gdal::layer_fields(&rule.source(&named, self.crs))?;
        let columns = columns_of(&rule, &known[known.len() - taken.len()..]);
        for column in &columns {
            if !self.names.insert(column.name.clone()) {
                return Err(JobError::ReferenceName { key: key.clone(), column: column.name.clone() }.into());
            }
        }
        rule.columns = columns;
        Ok(rule)
    }

    fn classes_of<'a>(&self, key: &Key, class: &'a ClassOf) -> Result<(Classes, Option<&'a str>), JobError> {
        match class {
            ClassOf::One(name) => Ok((Classes::One(class_id(key, name, self.classes)?), None)),
            ClassOf::ByField(by) => {
                let mut ids: BTreeMap<String, (u8, &String, &String)> = BTreeMap::new();
                for (value, name) in &by.values {
                    let id = class_id(key, name, self.classes)?;
                    let known = ids.insert(same_text(value), (id, value, name));
                    if let Some((_, other, other_class)) = known.filter(|(known, ..)| *known != id) {
                        return Err(JobError::SameValue {
                            key: key.clone(),
                            value: value.clone(),
                            other: other.clone(),
                            class: name.clone(),
                            other_class: other_class.clone(),
                        });
                    }
                }
                let ids = ids.into_iter().map(|(value, (id, ..))| (value, id)).collect();
                Ok((Classes::ByValue(ids), Some(&by.field)))
            }
        }
    }

    fn of(&self, key: &Key, names: Option<&[String]>) -> Result<[bool; 256], JobError> {
        let Some(names) = names else { return Ok([true; 256]) };
        let mut of = [false; 256];
        for name in names {
            of[usize::from(class_id(key, name, self.classes)?)] = true;
        }
        Ok(of)
    }

    /// The width of lines; `field` is the index of its field among those read.
    fn width(&self, key: &Key, rule: &OverrideOptions, field: usize) -> Result<Option<LineWidth>, JobError> {
        if rule.width_m.is_none() && rule.width_field.is_none() {
            return Ok(None);
        }
        let unit = 1.0 / self.meters_per_unit(key)?;
        let same = rule.width_m.map(|width| width.get() * unit);
        if rule.width_field.is_some() {
            return Ok(Some(LineWidth::Field { field, unit, otherwise: same }));
        }
        Ok(same.map(LineWidth::Same))
    }

    fn meters_per_unit(&self, key: &Key) -> Result<f64, JobError> {
        match self.crs.kind {
            CrsKind::Projected { meters_per_unit } => Ok(meters_per_unit),
            _ => Err(JobError::ReferenceCrs { key: key.clone(), crs: self.crs.name.clone() }),
        }
    }

    fn snap(&self, key: &Key, max_distance: Meters) -> Result<RuleKind, JobError> {
        let meters_per_unit = self.meters_per_unit(key)?;
        Ok(RuleKind::Snap { max_distance: max_distance.get() / meters_per_unit, meters_per_unit })
    }
}

/// The copy of a layer that has a reference feature.
fn indexed(
    source: &LayerSource<'_>,
    kind: ReferenceKind,
    within: [f64; 4],
    path: &Path,
    key: impl FnOnce() -> Key,
    seen: &mut dyn FnMut(&[Option<Value>], bool),
) -> Result<ReferenceIndex> {
    let index = ReferenceIndex::build(source, kind, within, path, seen)?;
    if index.counts().read == index.counts().empty {
        return Err(JobError::ReferenceEmpty { key: key(), layer: source.uri.to_owned() }.into());
    }
    Ok(index)
}

fn source_of_areas<'a>(uri: &'a str, crs: &'a Crs) -> LayerSource<'a> {
    LayerSource { shapes: LayerShapes::Areas, ..LayerSource::new(uri, crs) }
}

fn columns_of(rule: &Rule, taken: &[Column]) -> Vec<Column> {
    use ColumnKind::{Integer, Real, Text};
    let name = &rule.name;
    let named = |field: &str, kind| Column::new(format!("{name}_{}", field.to_lowercase()), kind);
    let of = |field, kind, en: &str, fr: &str| {
        named(field, kind).titled(format!("{name}: {en}"), format!("{name} : {fr}"))
    };
    let share = || {
        of("share", Real, "share", "part").described("Part of the feature's area that lies in it, 0 to 1.")
    };
    let id = |description| of("id", Text, "identifier", "identifiant").described(description);
    let own = match rule.kind {
        RuleKind::Override { .. } => vec![
            id("Id of the reference feature that the feature is made of; the first of them by share."),
            of("share", Real, "share", "part")
                .described("Part of the feature's area that lies in its reference features, 0 to 1."),
            of("count", Integer, "reference features", "entités de référence")
                .described("Number of the reference features that the feature is made of."),
            of("ids", Text, "identifiers", "identifiants").described("Their ids."),
        ],
        RuleKind::Enrich { .. } => {
            vec![id("Id of the reference feature that covers most of the feature."), share()]
        }
        RuleKind::Compare { .. } => vec![
            of("class", Text, "class", "classe")
                .described("Class of the layer that covers most of the feature."),
            of("agreement", Real, "agreement", "accord")
                .described("Part of the feature's area where the layer has the same class, 0 to 1."),
            of("disagreement", Real, "disagreement", "désaccord")
                .described("Part of the feature's area where the layer has another class, 0 to 1."),
        ],
        RuleKind::Snap { .. } => vec![
            id("Id of the nearest line."),
            of("distance_m", Real, "distance (m)", "distance (m)")
                .in_unit("m")
                .described("Distance to the nearest line."),
            of("measure_m", Real, "measure (m)", "abscisse (m)")
                .in_unit("m")
                .described("Distance along the line from its start."),
        ],
    };
    let taken = taken.iter().map(|field| {
        of(&field.name, field.kind, &field.name, &field.name).described("Field of the layer, unchanged.")
    });
    own.into_iter().chain(taken).collect()
}
