//! The shape of the French large-scale land cover (OCS GE): its columns, and its codes for the classes of a model.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_raster::Nomenclature;
use arpent_vector::{Attribute, Column, ColumnKind, Feature};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::{parse_error, read_text};
use crate::error::JobError;

/// Features in the shape of OCS GE: the columns code_cs, code_us, millesime, source, ossature, id_origine and code_or beside
/// those of every run. The use (code_us) is empty: imagery does not tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OcsGeOptions {
    /// Table of the codes of the model's classes; by default the codes that the model package has.
    #[serde(default)]
    pub nomenclature: Option<String>,
    /// Year of the map; by default that of the scenes that a feature lies on.
    #[serde(default)]
    pub millesime: Option<u16>,
}

/// A table from the classes of a nomenclature to codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    from: String,
    to: String,
    class: Vec<TableClass>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableClass {
    id: u8,
    name: String,
    code_cs: String,
    reason: String,
}

/// The codes of a model's classes, and the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcsGe {
    /// For each class id: code of the cover, and how the class is called by the model. Empty where there is none.
    codes: BTreeMap<u8, (String, String)>,
    millesime: Option<u16>,
}

/// What a reference says of the origin of a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Name of the layer.
    pub source: String,
    /// Id of the object there, text or nothing.
    pub id: Attribute,
    /// Whether it is of the framework.
    pub ossature: bool,
}

impl OcsGe {
    /// Reads the table, and finds a line for each class of a model.
    ///
    /// # Errors
    /// [`JobError::ConfigRead`] and [`JobError::ConfigParse`] for the table, [`JobError::NoCode`] for a class without a line.
    pub fn new(options: &OcsGeOptions, classes: &Nomenclature) -> Result<Self, JobError> {
        let table = options.nomenclature.as_deref().map(|path| read(Path::new(path))).transpose()?;
        let mut codes = BTreeMap::new();
        for class in classes.classes() {
            let code = match &table {
                None => class.code.clone(),
                Some(table) => {
                    table.class.iter().find(|line| line.name == class.name).map(|l| l.code_cs.clone())
                }
            };
            let code = code.ok_or_else(|| JobError::NoCode {
                class: class.name.clone(),
                table: options.nomenclature.clone(),
            })?;
            codes.insert(class.id, (code, class.name.clone()));
        }
        Ok(Self { codes, millesime: options.millesime })
    }

    /// What of it can change features.
    pub fn codes(&self) -> serde_json::Value {
        serde_json::json!([self.codes, self.millesime])
    }

    /// The columns, in the order of the published data.
    pub fn columns() -> Vec<Column> {
        use ColumnKind::{Integer, Text};
        let columns = [
            ("code_cs", Text),
            ("code_us", Text),
            ("millesime", Integer),
            ("source", Text),
            ("ossature", Integer),
            ("id_origine", Text),
            ("code_or", Text),
        ];
        columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
    }

    /// The values of [`OcsGe::columns`] for a feature.
    pub fn values(&self, feature: &Feature, origin: Option<&Origin>, model_id: &str) -> Vec<Attribute> {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty()).into();
        let (code, class) = self.codes.get(&feature.class_id).cloned().unwrap_or_default();
        let acquired = feature.acquired.as_deref().and_then(|date| date.get(..4)?.parse::<u16>().ok());
        let year = self.millesime.or(acquired);
        vec![
            text(&code),
            Attribute::Null,
            year.map_or(Attribute::Null, |year| Attribute::Integer(i64::from(year))),
            text(origin.map_or(model_id, |origin| &origin.source)),
            Attribute::Integer(i64::from(origin.is_some_and(|origin| origin.ossature))),
            origin.map_or(Attribute::Null, |origin| origin.id.clone()),
            text(&class),
        ]
    }
}

fn read(path: &Path) -> Result<Table, JobError> {
    let text = read_text(path)?;
    toml::from_str(&text).map_err(|error| parse_error(path, &text, &error))
}
