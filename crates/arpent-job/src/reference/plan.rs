//! From the configuration to rules: the classes, fields and columns are checked here, before a pixel is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::Result;
use arpent_gdal::{
    FieldDef, FieldType, LayerShapes, LayerSource, LineWidth, ReferenceIndex, ReferenceKind, Value, same_text,
};
use arpent_publish::{ReferenceCounts, Warning};
use arpent_raster::{Crs, CrsKind, Grid, Nomenclature, Window};
use arpent_vector::{Column, ColumnKind};

use super::matched::{self, Matched};
use super::rules::{Classes, Kind, Rule};
use crate::config::{ClassOf, ImposeOptions, LayerOptions, ObjectOptions, OcsGe, ReferenceOptions};
use crate::error::{JobError, class_id};
use crate::warnings::layer_warnings;

/// Key of the layer of built-up areas.
const BUILT_UP: &str = "coverage.built_up.areas";

/// What every map has; columns of references may not be called so.
const TAKEN: [&str; 14] = [
    "id",
    "class_id",
    "class_name",
    "score",
    "area_m2",
    "pixels_area_m2",
    "run_id",
    "model_id",
    "model_sha256",
    "scene_ids",
    "acquired",
    "state",
    "geometry",
    "bbox",
];

/// The rules of a map, and the columns that they give.
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) rules: Vec<Rule>,
    /// For each rule, once they are read.
    pub(super) indexes: Vec<ReferenceIndex>,
    pub(super) matched: Vec<Matched>,
    /// File or URL of areas that somebody drew as built up; and once they are read.
    built_up: Option<String>,
    pub(super) built_up_index: Option<ReferenceIndex>,
    pub(super) built_up_matched: Matched,
}

/// What the rules of a map have in common.
struct Context<'a> {
    classes: &'a Nomenclature,
    crs: &'a Crs,
    /// Names of columns that are taken.
    names: BTreeSet<String>,
}

impl Plan {
    /// Checks names, classes, fields and CRS. Opens the layers, and reads no object.
    ///
    /// # Errors
    /// [`JobError::UnknownClass`], [`JobError::ReferenceName`], [`JobError::ReferenceCrs`], [`JobError::Number`]; those of
    /// [`arpent_gdal::layer_fields`].
    pub fn new(
        options: &ReferenceOptions,
        built_up: Option<&str>,
        classes: &Nomenclature,
        crs: &Crs,
    ) -> Result<Self> {
        let more = OcsGe::columns().into_iter().chain(ObjectOptions::columns()).map(|column| column.name);
        let names = TAKEN.iter().map(|name| (*name).to_owned()).chain(more).collect();
        let mut context = Context { classes, crs, names };
        let mut rules = Vec::new();
        for rule in &options.impose {
            let key = format!("reference.impose `{}`", rule.name);
            let (class, field) = context.classes_of(&key, &rule.class)?;
            share(&key, rule.min_share)?;
            let of = class.all();
            let width = context.width(&key, rule, 1 + usize::from(field.is_some()))?;
            let kind = Kind::Impose { class, width, ossature: rule.ossature, min_share: rule.min_share };
            let fields: Vec<&str> = field.into_iter().chain(rule.width_field.as_deref()).collect();
            rules.push(context.rule(&key, (&rule.name, &rule.layer), &fields, &[], of, kind)?);
        }
        for rule in &options.inform {
            let key = format!("reference.inform `{}`", rule.name);
            share(&key, rule.min_share)?;
            let of = context.of(&key, rule.of.as_deref())?;
            let kind = Kind::Inform { min_share: rule.min_share };
            rules.push(context.rule(&key, (&rule.name, &rule.layer), &[], &rule.fields, of, kind)?);
        }
        for rule in &options.compare {
            let key = format!("reference.compare `{}`", rule.name);
            let (class, field) = context.classes_of(&key, &rule.class)?;
            let of = context.of(&key, rule.of.as_deref())?;
            rules.push(context.rule(
                &key,
                (&rule.name, &rule.layer),
                field.as_slice(),
                &[],
                of,
                Kind::Compare { class },
            )?);
        }
        for rule in &options.snap {
            let key = format!("reference.snap `{}`", rule.name);
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
    /// What makes a layer unusable, with the number of its object; [`JobError::ReferenceEmpty`]; that the copy cannot be written.
    pub fn index(&mut self, grid: &Grid, extent: &Window, scratch: &Path) -> Result<()> {
        self.indexes.clear();
        self.matched.clear();
        let crs = &grid.crs;
        for (number, rule) in self.rules.iter().enumerate() {
            let fields: Vec<&str> = rule.fields.iter().map(String::as_str).collect();
            let path = scratch.join(format!("reference-{number}.gpkg"));
            let kind = match rule.kind {
                Kind::Impose { width, .. } => ReferenceKind::Areas(width),
                Kind::Inform { .. } | Kind::Compare { .. } => ReferenceKind::Areas(None),
                Kind::Snap { .. } => ReferenceKind::Lines,
            };
            let [west, south, east, north] = grid.bbox(extent);
            let around = match rule.kind {
                Kind::Snap { max_distance, .. } => max_distance,
                _ => 0.0,
            };
            let within = [west - around, south - around, east + around, north + around];
            let mut matched = Matched::default();
            let mut seen = |values: &[_], near| matched.add(Some(rule), values, near);
            let source = rule.source(&fields, crs);
            self.indexes.push(indexed(&source, kind, within, &path, || rule.key(), &mut seen)?);
            self.matched.push(matched);
        }
        if let Some(areas) = &self.built_up {
            let (source, path) = (source_of_areas(areas, crs), scratch.join("built-up.gpkg"));
            let (kind, key) = (ReferenceKind::Areas(None), || BUILT_UP.to_owned());
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

    /// Bytes that a pixel of a strip takes while layers are imposed on it.
    pub fn bytes_per_pixel(&self) -> u64 {
        let imposes = self.rules.iter().any(|rule| matches!(rule.kind, Kind::Impose { .. }));
        // Labels once more, also of rows that wait, what is imposed and its mask; built-up areas and their mask.
        4 * u64::from(imposes) + 2 * u64::from(self.built_up.is_some())
    }

    /// Objects that were read.
    pub fn objects(&self) -> u64 {
        self.indexes.iter().chain(&self.built_up_index).map(|index| index.counts().read).sum()
    }

    /// What is doubtful about the layers, above all what matched nothing, by what came of them.
    pub fn warnings(&self, counts: &[ReferenceCounts]) -> Vec<Warning> {
        let told = self.rules.iter().zip(counts);
        let mut all: Vec<Warning> = told.flat_map(|(rule, counts)| matched::warnings(rule, counts)).collect();
        if self.built_up_index.is_some() && self.built_up_matched.is_far() {
            let message = "no area drawn as built up lies on the map";
            let hint = "check that it is the right layer, and that its CRS is the one its coordinates are in";
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
        key: &str,
        (name, layer): (&str, &LayerOptions),
        own: &[&str],
        taken: &[String],
        of: [bool; 256],
        kind: Kind,
    ) -> Result<Rule> {
        let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_word {
            return Err(JobError::ReferenceName { key: key.to_owned(), column: name.to_owned() }.into());
        }
        let fields: Vec<String> = std::iter::once(layer.id.as_str())
            .chain(own.iter().copied())
            .chain(taken.iter().map(String::as_str))
            .map(str::to_owned)
            .collect();
        let mut rule =
            Rule { name: name.to_owned(), layer: layer.clone(), fields, kind, of, columns: Vec::new() };
        let named: Vec<&str> = rule.fields.iter().map(String::as_str).collect();
        let known = arpent_gdal::layer_fields(&rule.source(&named, self.crs))?;
        let columns = columns_of(&rule, &known[known.len() - taken.len()..]);
        for column in &columns {
            if !self.names.insert(column.name.clone()) {
                return Err(
                    JobError::ReferenceName { key: key.to_owned(), column: column.name.clone() }.into()
                );
            }
        }
        rule.columns = columns;
        Ok(rule)
    }

    fn classes_of<'a>(&self, key: &str, class: &'a ClassOf) -> Result<(Classes, Option<&'a str>), JobError> {
        match class {
            ClassOf::One(name) => Ok((Classes::One(class_id(key, name, self.classes)?), None)),
            ClassOf::ByField(by) => {
                let mut ids: BTreeMap<String, (u8, &String, &String)> = BTreeMap::new();
                for (value, name) in &by.values {
                    let id = class_id(key, name, self.classes)?;
                    let known = ids.insert(same_text(value), (id, value, name));
                    if let Some((_, other, other_class)) = known.filter(|(known, ..)| *known != id) {
                        return Err(JobError::SameValue {
                            key: key.to_owned(),
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

    fn of(&self, key: &str, names: Option<&[String]>) -> Result<[bool; 256], JobError> {
        let Some(names) = names else { return Ok([true; 256]) };
        let mut of = [false; 256];
        for name in names {
            of[usize::from(class_id(key, name, self.classes)?)] = true;
        }
        Ok(of)
    }

    /// The width of lines; `field` is where that with the width would be among those read.
    fn width(&self, key: &str, rule: &ImposeOptions, field: usize) -> Result<Option<LineWidth>, JobError> {
        if rule.width_m.is_none() && rule.width_field.is_none() {
            return Ok(None);
        }
        let unit = 1.0 / self.metres_per_unit(key)?;
        if let Some(width) = rule.width_m.filter(|width| !(width.is_finite() && *width > 0.0)) {
            let (key, expected) = (format!("{key}: width_m"), "a width above 0 meters");
            return Err(JobError::Number { key, value: width, expected });
        }
        let same = rule.width_m.map(|width| width * unit);
        if rule.width_field.is_some() {
            return Ok(Some(LineWidth::Field { field, unit, otherwise: same }));
        }
        Ok(same.map(LineWidth::Same))
    }

    fn metres_per_unit(&self, key: &str) -> Result<f64, JobError> {
        match self.crs.kind {
            CrsKind::Projected { metres_per_unit } => Ok(metres_per_unit),
            _ => Err(JobError::ReferenceCrs { key: key.to_owned(), crs: self.crs.name.clone() }),
        }
    }

    fn snap(&self, key: &str, max_distance_m: f64) -> Result<Kind, JobError> {
        let metres_per_unit = self.metres_per_unit(key)?;
        if !max_distance_m.is_finite() || max_distance_m < 0.0 {
            let (key, expected) = (format!("{key}: max_distance_m"), "a distance of 0 or more meters");
            return Err(JobError::Number { key, value: max_distance_m, expected });
        }
        Ok(Kind::Snap { max_distance: max_distance_m / metres_per_unit, metres_per_unit })
    }
}

/// The copy of a layer that has an object.
fn indexed(
    source: &LayerSource<'_>,
    kind: ReferenceKind,
    within: [f64; 4],
    path: &Path,
    key: impl FnOnce() -> String,
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

fn share(key: &str, share: f64) -> Result<(), JobError> {
    if share > 0.0 && share <= 1.0 {
        return Ok(());
    }
    let expected = "a share above 0, up to 1";
    Err(JobError::Number { key: format!("{key}: min_share"), value: share, expected })
}

fn columns_of(rule: &Rule, taken: &[FieldDef]) -> Vec<Column> {
    use ColumnKind::{Integer, Real, Text};
    let own: &[(&str, ColumnKind)] = match rule.kind {
        Kind::Impose { .. } => &[("id", Text), ("share", Real), ("count", Integer), ("ids", Text)],
        Kind::Inform { .. } => &[("id", Text), ("share", Real)],
        Kind::Compare { .. } => &[("class", Text), ("agreement", Real), ("disagreement", Real)],
        Kind::Snap { .. } => &[("id", Text), ("distance_m", Real), ("measure_m", Real)],
    };
    let named = |field: &str, kind| Column::new(format!("{}_{}", rule.name, field.to_lowercase()), kind);
    let taken = taken.iter().map(|field| {
        let kind = match field.field_type {
            FieldType::Text => Text,
            FieldType::Integer => Integer,
            FieldType::Real => Real,
        };
        named(&field.name, kind)
    });
    own.iter().map(|(name, kind)| named(name, *kind)).chain(taken).collect()
}
