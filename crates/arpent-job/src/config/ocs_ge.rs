//! The shape of the French large-scale land cover (OCS GE): its columns, and its codes for the classes of a model.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::{Column, ColumnKind, Value};
use arpent_raster::Nomenclature;
use arpent_vector::Feature;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::ConfigFile;
use crate::error::JobError;

/// Features in the shape of OCS GE: the columns code_cs, code_us, millesime, source, ossature, id_origine and code_or
/// in addition to those of every run. The use (code_us) is empty: imagery does not show it.
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
    /// For each class id: code of the cover, and name of the class in the model. Empty without a code.
    codes: BTreeMap<u8, (String, String)>,
    millesime: Option<u16>,
}

/// Origin of a feature in a reference layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    /// Name of the layer.
    pub source: String,
    /// Id of the reference feature, if it has one.
    pub id: Option<Value>,
    /// Whether it belongs to the framework (ossature).
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

    /// The part that can change features, for the run id.
    pub fn codes(&self) -> serde_json::Value {
        serde_json::json!([self.codes, self.millesime])
    }

    /// The columns, in the order of the published data.
    pub fn columns() -> Vec<Column> {
        use ColumnKind::{Integer, Text};
        let columns = [
            ("code_cs", Text, ["Cover code", "Code de couverture"], "Land cover of the OCS GE nomenclature."),
            (
                "code_us",
                Text,
                ["Use code", "Code d'usage"],
                "Land use of the OCS GE nomenclature; a map of cover has none.",
            ),
            ("millesime", Integer, ["Year", "Millésime"], "Year of the imagery."),
            (
                "source",
                Text,
                ["Source", "Source"],
                "The model, or the reference layer that most of the feature comes from.",
            ),
            (
                "ossature",
                Integer,
                ["Framework", "Ossature"],
                "1 where the feature is part of the framework (roads, railways), else 0.",
            ),
            ("id_origine", Text, ["Original id", "Identifiant d'origine"], "Id of that layer's feature."),
            ("code_or", Text, ["Original class", "Classe d'origine"], "Class of the model's nomenclature."),
        ];
        let column =
            |(name, kind, [en, fr], description): (&'static str, _, [&'static str; 2], &'static str)| {
                Column::new(name, kind).titled(en, fr).described(description)
            };
        columns.map(column).to_vec()
    }

    /// The values of [`OcsGe::columns`] for a feature.
    pub(crate) fn values(
        &self,
        feature: &Feature,
        origin: Option<&Origin>,
        model_id: &str,
    ) -> Vec<Option<Value>> {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty()).map(Value::Text);
        let (code, class) = self.codes.get(&feature.class_id).cloned().unwrap_or_default();
        let acquired = feature.acquired.as_deref().and_then(|date| date.get(..4)?.parse::<u16>().ok());
        let year = self.millesime.or(acquired);
        vec![
            text(&code),
            None,
            year.map(|year| Value::Integer(i64::from(year))),
            text(origin.map_or(model_id, |origin| &origin.source)),
            Some(Value::Integer(i64::from(origin.is_some_and(|origin| origin.ossature)))),
            origin.and_then(|origin| origin.id.clone()),
            text(&class),
        ]
    }
}

fn read(path: &Path) -> Result<Table, JobError> {
    ConfigFile::read(path)?.parse()
}
