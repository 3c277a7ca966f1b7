//! A vector layer of land cover as the map of a date: its columns, its years, and what its values mean.

use std::collections::BTreeMap;

use arpent_base::Value;
use arpent_change::balance::Use;
use arpent_gdal::{LayerFacts, file_name, layer_file, same_text, value_key};
use arpent_raster::{LABEL_NODATA, Nomenclature};
use serde::Serialize;

use super::classes::{NODATA, id_of};
use super::error::ChangeJobError;
use crate::config::DateInputs;

/// Number of a use that is no code of OCS GE, in rasters of uses.
pub(crate) const UNKNOWN_USE: u8 = 254;
/// Years that are read from columns and names.
const YEARS: std::ops::RangeInclusive<i32> = 1858..=2199;
/// Different values without a class that are listed at most.
const LISTED: usize = 20;

/// What a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// Land cover of one date.
    Occupation,
    /// What changed between two dates: outside of its polygons, the cover is that of the other date.
    Differential,
}

/// The columns of a layer that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) content: Content,
    /// The class.
    pub(crate) class: String,
    /// The land use.
    pub(crate) usage: Option<String>,
    /// The vintage of each polygon.
    pub(crate) year: Option<String>,
    /// Of a differential: the class at the other date.
    pub(crate) other_class: Option<String>,
    /// Year in the names of the columns.
    pub(crate) named_year: Option<i32>,
}

impl Columns {
    /// Those of a layer: as configured, else those of OCS GE in any case. `later` is whether the date is the later one.
    pub(crate) fn of(
        uri: &str,
        layer: &LayerFacts,
        date: &DateInputs,
        later: bool,
    ) -> Result<Self, ChangeJobError> {
        let find = |name: &str| {
            let same = |known: &&str| same_text(known).to_lowercase() == same_text(name).to_lowercase();
            layer.columns.iter().map(|column| column.name.as_str()).find(same).map(str::to_owned)
        };
        let available =
            || layer.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let given = |key: &'static str, name: &Option<String>| -> Result<Option<String>, ChangeJobError> {
            let Some(name) = name else { return Ok(None) };
            let missing = || ChangeJobError::NoColumn {
                key: keyed(key, later),
                layer: arpent_base::redacted(uri),
                column: name.clone(),
                available: available(),
            };
            find(name).map(Some).ok_or_else(missing)
        };
        let (own, other) = if later { ("apres", "avant") } else { ("avant", "apres") };
        let usage = given("use_column", &date.use_column)?;
        let occupation = |class: String, named_year: Option<i32>, named_use: Option<String>| Self {
            content: Content::Occupation,
            class,
            usage: usage.clone().or_else(|| find("code_us")).or(named_use),
            year: find("millesime"),
            other_class: None,
            named_year,
        };
        if let Some(class) = given("column", &date.column)? {
            return Ok(occupation(class, None, None));
        }
        if let Some(class) = find("code_cs") {
            return Ok(occupation(class, None, None));
        }
        if let (Some(class), Some(of_other)) = (find(&format!("cs_{own}")), find(&format!("cs_{other}"))) {
            return Ok(Self {
                content: Content::Differential,
                class,
                usage: usage.clone().or_else(|| find(&format!("us_{own}"))),
                year: None,
                other_class: Some(of_other),
                named_year: None,
            });
        }
        let mut years: Vec<i32> =
            layer.columns.iter().filter_map(|column| named_year(&column.name, "cs_")).collect();
        years.sort_unstable();
        years.dedup();
        let (of_class, of_use) = (|year| find(&format!("cs_{year}")), |year| find(&format!("us_{year}")));
        match *years {
            [year] => {
                let class = of_class(year).unwrap_or_default();
                Ok(occupation(class, Some(year), of_use(year)))
            }
            [first, last] => {
                let (own, other) = if later { (last, first) } else { (first, last) };
                Ok(Self {
                    content: Content::Differential,
                    class: of_class(own).unwrap_or_default(),
                    usage: usage.clone().or_else(|| of_use(own)),
                    year: None,
                    other_class: of_class(other),
                    named_year: Some(own),
                })
            }
            _ => Err(ChangeJobError::NoClassColumn {
                layer: arpent_base::redacted(uri),
                name: layer.name.clone(),
                available: available(),
            }),
        }
    }

    /// The columns to read, in the order of [`Columns::values`].
    pub(crate) fn names(&self) -> Vec<&str> {
        let further = [&self.usage, &self.year, &self.other_class];
        std::iter::once(&self.class).chain(further.into_iter().flatten()).map(String::as_str).collect()
    }

    /// Values of a polygon: class, use, year, class at the other date.
    pub(crate) fn values<'a>(&self, read: &'a [Option<Value>]) -> [Option<&'a Value>; 4] {
        let mut read = read.iter().map(Option::as_ref);
        let class = read.next().flatten();
        let mut next = |is_there: bool| if is_there { read.next().flatten() } else { None };
        let [usage, year] = [self.usage.is_some(), self.year.is_some()].map(&mut next);
        [class, usage, year, next(self.other_class.is_some())]
    }
}

/// A key of the configuration of a date.
fn keyed(key: &'static str, later: bool) -> &'static str {
    match (key, later) {
        ("column", false) => "before.column",
        ("column", true) => "after.column",
        (_, false) => "before.use_column",
        (_, true) => "after.use_column",
    }
}

/// The year in the name of a column such as `CS_2018`.
fn named_year(column: &str, start: &str) -> Option<i32> {
    let name = column.trim().to_lowercase();
    let digits = name.strip_prefix(start).filter(|digits| digits.len() == 4)?;
    digits.parse().ok().filter(|year| YEARS.contains(year))
}

/// The year of a value: a number, or a text that begins with one.
pub(crate) fn year_of(value: &Value) -> Option<i32> {
    let text = value_key(value);
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|year| digits.len() == 4 && YEARS.contains(year))
}

/// The years in the name of a file, or of a folder of a delivery of OCS GE above it: two with a hyphen between them of a
/// differential, else one.
pub(crate) fn years_in_name(uri: &str) -> Vec<i32> {
    let file = layer_file(uri);
    let mut parts = file.trim_end_matches('/').rsplit(['/', '\\']);
    let own = parts.next().map_or_else(Vec::new, |_| years_in(file_name(file)));
    if !own.is_empty() {
        return own;
    }
    let deliveries = parts.take(4).filter(|folder| folder.to_lowercase().contains("ocs"));
    deliveries.map(years_in).find(|years| !years.is_empty()).unwrap_or_default()
}

fn years_in(name: &str) -> Vec<i32> {
    let numbers: Vec<(usize, &str)> = numbers(name);
    let year = |(_, digits): &(usize, &str)| -> Option<i32> {
        digits.parse().ok().filter(|year| digits.len() == 4 && YEARS.contains(year))
    };
    let pair = numbers.windows(2).find_map(|two| {
        let (from, to) = (year(&two[0])?, year(&two[1])?);
        let between = &name[two[0].0 + 4..two[1].0];
        (between == "-" && from < to).then(|| vec![from, to])
    });
    pair.or_else(|| numbers.iter().find_map(year).map(|year| vec![year])).unwrap_or_default()
}

/// The numbers of a text, with their places.
fn numbers(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(|c: char| c.is_ascii_digit()).map(|at| rest + at) {
        let length = text[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - start);
        found.push((start, &text[start..start + length]));
        rest = start + length;
    }
    found
}

/// Upper case without white space: codes of files differ in both.
fn plain(text: &str) -> String {
    same_text(text).chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// What the values of the columns mean.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Meaning {
    /// By the value in the table of the configuration.
    table: BTreeMap<String, u8>,
    /// By code, then by name.
    classes: BTreeMap<String, u8>,
    uses: BTreeMap<String, u8>,
}

impl Meaning {
    pub(crate) fn new(date: &DateInputs, classes: &Nomenclature) -> Result<Self, ChangeJobError> {
        let mut table = BTreeMap::new();
        for (value, class) in &date.values {
            let id = if class == NODATA { LABEL_NODATA } else { id_of(classes, "values", class)? };
            table.insert(same_text(value), id);
        }
        let mut by_text = BTreeMap::new();
        for class in classes.classes() {
            by_text.entry(plain(&class.name)).or_insert(class.id);
        }
        for class in classes.classes() {
            if let Some(code) = &class.code {
                by_text.insert(plain(code), class.id);
            }
        }
        let mut uses: BTreeMap<String, u8> =
            (0..).zip(Use::ALL).map(|(id, of)| (plain(of.code()), id)).collect();
        for (value, code) in &date.use_values {
            let known: Use = code.parse().map_err(|_| ChangeJobError::UnknownUse {
                code: code.clone(),
                available: Use::ALL.iter().map(|of| of.code()).collect::<Vec<_>>().join(", "),
            })?;
            let id = (0..).zip(Use::ALL).find(|(_, of)| **of == known).map_or(UNKNOWN_USE, |(id, _)| id);
            uses.insert(plain(value), id);
        }
        Ok(Self { table, classes: by_text, uses })
    }

    /// The class of a value; `None` if it is unknown.
    pub(crate) fn class(&self, value: &Value) -> Option<u8> {
        let key = value_key(value);
        self.table.get(&key).or_else(|| self.classes.get(&plain(&key))).copied()
    }

    /// The number of a use; 255 for a missing one.
    pub(crate) fn usage(&self, value: Option<&Value>) -> u8 {
        let text = value.map(value_key).filter(|text| !text.is_empty());
        text.map_or(LABEL_NODATA, |text| self.uses.get(&plain(&text)).copied().unwrap_or(UNKNOWN_USE))
    }
}

/// Values that were seen, by their number of polygons. Memory is bounded.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Unknown {
    /// Polygons.
    pub(crate) polygons: u64,
    /// Polygons by value; of more than 20 values, the first of the layer.
    pub(crate) values: BTreeMap<String, u64>,
}

impl Unknown {
    pub(crate) fn add(&mut self, value: &Value) {
        self.polygons += 1;
        let key = value_key(value);
        if self.values.len() < LISTED || self.values.contains_key(&key) {
            *self.values.entry(key).or_default() += 1;
        }
    }

    /// The values for a message.
    pub(crate) fn listed(&self) -> String {
        let listed = self.values.iter().map(|(value, polygons)| format!("`{value}` ({polygons})"));
        let listed = listed.collect::<Vec<_>>().join(", ");
        let all: u64 = self.values.values().sum();
        if all < self.polygons { format!("{listed}, others ({})", self.polygons - all) } else { listed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::{Column, ColumnKind};

    fn layer(columns: &[&str]) -> LayerFacts {
        let columns = columns.iter().map(|name| Column::new(*name, ColumnKind::Text)).collect();
        let crs = arpent_gdal::describe_crs("EPSG:2154").unwrap();
        LayerFacts { name: "a".into(), columns, crs }
    }

    fn of(columns: &[&str], later: bool) -> Result<Columns, ChangeJobError> {
        Columns::of("a.gpkg", &layer(columns), &DateInputs::default(), later)
    }

    #[test]
    fn columns_of_deliveries_are_found_in_any_case() {
        let found = of(&["ID", "CODE_CS", "code_us", "Millesime", "artif"], true).unwrap();
        assert_eq!(found.names(), ["CODE_CS", "code_us", "Millesime"]);
        assert_eq!(found.content, Content::Occupation);
        for (later, names) in
            [(false, ["cs_avant", "us_avant", "CS_APRES"]), (true, ["CS_APRES", "US_apres", "cs_avant"])]
        {
            let found = of(&["cs_avant", "CS_APRES", "us_avant", "US_apres"], later).unwrap();
            assert_eq!((found.names(), found.content), (names.to_vec(), Content::Differential));
        }
        for (later, names, year) in [
            (false, ["cs_2018", "US_2018", "CS_2021"], 2018),
            (true, ["CS_2021", "us_2021", "cs_2018"], 2021),
        ] {
            let found = of(&["CS_2021", "cs_2018", "us_2021", "US_2018", "ARTIF_2018"], later).unwrap();
            assert_eq!((found.names(), found.named_year), (names.to_vec(), Some(year)));
        }
        let error = of(&["ID", "surface"], false).unwrap_err().to_string();
        assert!(error.contains("ID, surface"), "{error}");
    }

    #[test]
    fn years_are_read_from_names_of_deliveries() {
        let of = |name: &str| years_in_name(name);
        assert_eq!(of("x/OCS-GE_2-0__GPKG_LAMB93_D003_2022-01-01/OCCUPATION_SOL.gpkg|layername=a"), [2022]);
        assert_eq!(of("OCS-GE_2-0_DIFF_SHP_LAMB93_D001_2018-2021.shp"), [2018, 2021]);
        assert_eq!(
            of("OCS-GE-ARTIFICIALISATION_2-0_DIFF-2018-2021_GPKG_LAMB93_D001_2025-09-16/a.gpkg"),
            [2018, 2021]
        );
        assert_eq!(of("projet-2030/occupation.gpkg"), [0; 0]);
        assert_eq!(of("couverture_2019.fgb"), [2019]);
    }
}
