//! The classes of a comparison, and what each value of a map means.

use std::collections::{BTreeMap, BTreeSet};

use arpent_gdal::PublishedRaster;
use arpent_raster::{Class, Color, LABEL_NODATA, Nomenclature};

use super::error::ChangeJobError;
use super::ocs_ge;
use crate::config::{ChangeConfig, DateInputs, EventOptions};

/// Name that stands for pixels that were not observed, in a table of values.
pub(crate) const NODATA: &str = "nodata";

/// The class of a comparison for each value of a raster; `None` for values that stand for no class.
pub(crate) type Values = [Option<u8>; 256];

/// What is known of the classes of a map before it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedMap<'a> {
    pub(crate) name: &'a str,
    /// `None` of a layer.
    pub(crate) raster: Option<&'a PublishedRaster>,
    /// Names of the classes that it has features of, if that is known.
    pub(crate) featured: Option<&'a [String]>,
    /// Value of answers that the map leaves undecided, if some may be: they stand for no class, unless the configuration says
    /// for which.
    pub(crate) undecided: Option<u8>,
    /// Whether it is a layer whose column has the codes of OCS GE.
    pub(crate) is_ocs_ge: bool,
}

/// The classes of a comparison.
#[derive(Debug, Clone)]
pub(crate) struct Classes {
    pub(crate) nomenclature: Nomenclature,
    /// For the earlier and the later map.
    pub(crate) values: [Values; 2],
}

impl Classes {
    /// Of two maps: those configured, else those of the comparison that the earlier map comes from (`compared`), else
    /// those of both rasters, which must be equal, or of the only one. Two layers with the columns of OCS GE have its
    /// covers.
    pub(crate) fn of_maps(
        config: &ChangeConfig,
        compared: Option<&Nomenclature>,
        maps: [NamedMap<'_>; 2],
    ) -> Result<Self, ChangeJobError> {
        let nomenclature = match config.classes.as_ref().or(compared) {
            Some(classes) => classes.clone(),
            None => of_named(maps)?,
        };
        let dates = [&config.before, &config.after];
        let mut values = [[None; 256]; 2];
        for ((date, values), map) in dates.iter().zip(&mut values).zip(maps) {
            *values = match map.raster {
                Some(raster) => table(map.name, date, raster, &nomenclature)?,
                // The pixels of a layer are burnt with these classes.
                None => identity(&nomenclature),
            };
            if let Some(undecided) = map.undecided.filter(|value| !names_value(date, map.raster, *value)) {
                values[usize::from(undecided)] = Some(LABEL_NODATA);
            }
        }
        Ok(Self { nomenclature, values })
    }

    /// Of a comparison of images alone: what differs is an area of one class.
    pub(crate) fn of_images() -> Self {
        let class = |id, name: &str, fr: &str, color, features| Class {
            id,
            name: name.to_owned(),
            name_fr: Some(fr.to_owned()),
            code: None,
            color: Color(color),
            features,
        };
        let classes = vec![
            class(0, "unchanged", "inchangé", [230, 230, 230], false),
            class(1, "changed", "changé", [215, 48, 39], true),
        ];
        let nomenclature = Nomenclature::new(classes).expect("two classes with ids of their own");
        let same = std::array::from_fn(|value| u8::try_from(value).ok());
        Self { nomenclature, values: [same; 2] }
    }

    pub(crate) fn name(&self, id: u8) -> String {
        self.nomenclature.by_id(id).map_or_else(|| format!("class {id}"), |class| class.name.clone())
    }

    pub(crate) fn code(&self, id: u8) -> Option<String> {
        self.nomenclature.by_id(id).and_then(|class| class.code.clone())
    }

    /// The id of a class by its name.
    fn id(&self, key: &'static str, name: &str) -> Result<u8, ChangeJobError> {
        id_of(&self.nomenclature, key, name)
    }

    /// The group of objects of each class.
    pub(crate) fn groups(&self, options: &EventOptions) -> Result<[Option<u8>; 256], ChangeJobError> {
        let mut groups = arpent_change::events::Rules::of_classes(&self.nomenclature).groups;
        if let Some(ground) = &options.ground {
            for class in self.nomenclature.classes() {
                groups[usize::from(class.id)] = Some(class.id);
            }
            for name in ground {
                groups[usize::from(self.id("events.ground", name)?)] = None;
            }
        }
        for group in &options.groups {
            let ids = group.iter().map(|name| self.id("events.groups", name));
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            for id in &ids {
                groups[usize::from(*id)] = ids.iter().min().copied();
            }
        }
        Ok(groups)
    }
}

pub(crate) fn id_of(classes: &Nomenclature, key: &'static str, name: &str) -> Result<u8, ChangeJobError> {
    let found = classes.classes().iter().find(|class| class.name == name);
    found.map(|class| class.id).ok_or_else(|| ChangeJobError::UnknownClass {
        key,
        class: name.to_owned(),
        available: classes.classes().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// The classes that two maps name, if they are the same.
fn of_named(maps: [NamedMap<'_>; 2]) -> Result<Nomenclature, ChangeJobError> {
    if maps.iter().all(|map| map.raster.is_none() && map.is_ocs_ge) {
        return Ok(ocs_ge::covers());
    }
    let named: Vec<(&PublishedRaster, BTreeMap<u8, String>)> =
        maps.iter().filter_map(|map| Some((map.raster?, named_by(map, map.raster?)))).collect();
    let unnamed = maps.iter().find(|map| match map.raster {
        Some(raster) => raster.classes().is_empty(),
        None => named.is_empty(),
    });
    let (first, classes) = match (unnamed, named.first()) {
        (None, Some((first, classes))) => (*first, classes),
        (map, _) => return Err(ChangeJobError::NoClasses { map: map.unwrap_or(&maps[0]).name.to_owned() }),
    };
    if let Some((_, other)) = named.iter().find(|(_, other)| other != classes) {
        let names = |classes: &BTreeMap<u8, String>| {
            let all: Vec<String> = classes.iter().map(|(id, name)| format!("{id} {name}")).collect();
            all.join(", ")
        };
        return Err(ChangeJobError::ClassesDiffer { before: names(classes), after: names(other) });
    }
    // A class makes objects if it made features in either map.
    let [before, after] = maps.map(|map| map.featured);
    let made: Option<Vec<&String>> = before.zip(after).map(|(a, b)| a.iter().chain(b).collect());
    let colors = first.colors();
    let class = |(id, name): (&u8, &String)| Class {
        id: *id,
        name: name.clone(),
        name_fr: None,
        code: None,
        color: colors.get(id).copied().unwrap_or(Color([128; 3])),
        features: made.as_ref().is_none_or(|made| made.contains(&name)),
    };
    let classes = classes.iter().filter(|(id, _)| **id != LABEL_NODATA).map(class).collect();
    Ok(Nomenclature::new(classes).expect("ids of a raster are different"))
}

/// The classes that a raster names, without that of undecided answers.
fn named_by(map: &NamedMap<'_>, raster: &PublishedRaster) -> BTreeMap<u8, String> {
    let decided = raster.classes().iter().filter(|(id, _)| map.undecided != Some(**id));
    decided.map(|(id, name)| (*id, name.clone())).collect()
}

/// A raster whose values are the ids of classes.
fn identity(classes: &Nomenclature) -> Values {
    let mut values = [None; 256];
    for id in classes.classes().iter().map(|class| class.id).chain([LABEL_NODATA]) {
        values[usize::from(id)] = Some(id);
    }
    values
}

/// The value of a raster that a name of a configured table stands for.
fn value_of(raster: &PublishedRaster, name: &str) -> Option<u8> {
    let named = raster.classes().iter().rev().find(|(_, class)| class.as_str() == name);
    named.map(|(id, _)| *id).or_else(|| name.parse().ok())
}

/// Whether the configured table of a date says what a value of its raster means.
fn names_value(date: &DateInputs, raster: Option<&PublishedRaster>, value: u8) -> bool {
    raster.is_some_and(|raster| date.values.keys().any(|name| value_of(raster, name) == Some(value)))
}

/// What the values of a raster mean.
fn table(
    map: &str,
    date: &DateInputs,
    raster: &PublishedRaster,
    classes: &Nomenclature,
) -> Result<Values, ChangeJobError> {
    let mut values = [None; 256];
    if date.values.is_empty() {
        values = identity(classes);
    } else {
        let names: BTreeSet<&str> = raster.classes().values().map(String::as_str).collect();
        for (from, to) in &date.values {
            let value = value_of(raster, from).ok_or_else(|| ChangeJobError::UnknownValue {
                map: map.to_owned(),
                value: from.clone(),
                available: names.iter().copied().collect::<Vec<_>>().join(", "),
            })?;
            let class = if to == NODATA { LABEL_NODATA } else { id_of(classes, "values", to)? };
            values[usize::from(value)] = Some(class);
        }
    }
    if let Some(nodata) = raster.nodata() {
        values[usize::from(nodata)].get_or_insert(LABEL_NODATA);
    }
    values[usize::from(LABEL_NODATA)].get_or_insert(LABEL_NODATA);
    Ok(values)
}
