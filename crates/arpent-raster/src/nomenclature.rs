//! Class lists: ids, names, colors.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use arpent_base::Language;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::LABEL_NODATA;

/// An invalid class list.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NomenclatureError {
    /// Two classes share an id.
    #[error("class id {id} is given to both `{first}` and `{second}`")]
    DuplicateId {
        /// The id.
        id: u8,
        /// The first class with it.
        first: String,
        /// The second class with it.
        second: String,
    },
    /// A class with the id of nodata in label rasters.
    #[error("class `{name}` has id 255, which is reserved for nodata in label rasters")]
    ReservedId {
        /// The class.
        name: String,
    },
    /// A color that is not `#rrggbb`.
    #[error("`{text}` is not a color of the form #rrggbb")]
    BadColor {
        /// The text given.
        text: String,
    },
}

impl arpent_base::Diagnostic for NomenclatureError {}

/// A color, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color(pub [u8; 3]);

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2])
    }
}

impl FromStr for Color {
    type Err = NomenclatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NomenclatureError::BadColor { text: text.to_owned() };
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii()).ok_or_else(bad)?;
        let mut rgb = [0; 3];
        for (i, value) in rgb.iter_mut().enumerate() {
            *value = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(rgb))
    }
}

impl TryFrom<String> for Color {
    type Error = NomenclatureError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

impl JsonSchema for Color {
    fn schema_name() -> Cow<'static, str> {
        "Color".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" })
    }
}

/// One class of a nomenclature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Value in label rasters, 0 to 254.
    pub id: u8,
    /// Name in English, lower case.
    pub name: String,
    /// Name in French.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_fr: Option<String>,
    /// Code in an official nomenclature, such as `CS1.1.1.1` of OCS GE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Display color.
    pub color: Color,
    /// Whether regions of the class become features; `false` for a background class.
    #[serde(default = "yes")]
    pub features: bool,
}

impl Class {
    /// Its name in a language; in English where it has no other.
    pub fn name_in(&self, language: Language) -> &str {
        match (language, &self.name_fr) {
            (Language::Fr, Some(name)) => name,
            _ => &self.name,
        }
    }
}

const fn yes() -> bool {
    true
}

/// The classes of a label raster, in the order of the network's output channels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Class>", into = "Vec<Class>")]
pub struct Nomenclature(Vec<Class>);

impl Nomenclature {
    /// Checks a class list.
    ///
    /// # Errors
    /// [`NomenclatureError`] when two classes share an id, or one has the nodata value.
    pub fn new(classes: Vec<Class>) -> Result<Self, NomenclatureError> {
        for (i, class) in classes.iter().enumerate() {
            if class.id == LABEL_NODATA {
                return Err(NomenclatureError::ReservedId { name: class.name.clone() });
            }
            if let Some(first) = classes[..i].iter().find(|c| c.id == class.id) {
                return Err(NomenclatureError::DuplicateId {
                    id: class.id,
                    first: first.name.clone(),
                    second: class.name.clone(),
                });
            }
        }
        Ok(Self(classes))
    }

    /// The classes, in the order of the network's output channels.
    pub fn classes(&self) -> &[Class] {
        &self.0
    }

    /// The class with an id.
    pub fn by_id(&self, id: u8) -> Option<&Class> {
        self.0.iter().find(|c| c.id == id)
    }
}

impl TryFrom<Vec<Class>> for Nomenclature {
    type Error = NomenclatureError;

    fn try_from(classes: Vec<Class>) -> Result<Self, Self::Error> {
        Self::new(classes)
    }
}

impl From<Nomenclature> for Vec<Class> {
    fn from(nomenclature: Nomenclature) -> Self {
        nomenclature.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(id: u8, name: &str) -> Class {
        Class { id, name: name.into(), name_fr: None, code: None, color: Color([1, 2, 255]), features: true }
    }

    #[test]
    fn colors_come_back() {
        let c: Color = "#ce7079".parse().unwrap();
        assert_eq!(c.to_string(), "#ce7079");
        assert!("ce7079".parse::<Color>().is_err() && "#ce70".parse::<Color>().is_err());
        assert!("#zz7079".parse::<Color>().is_err() && "#é1234".parse::<Color>().is_err());
    }

    #[test]
    fn a_code_is_written_only_where_there_is_one() {
        let plain = class(1, "a");
        let text = serde_json::to_string(&plain).unwrap();
        assert!(!text.contains("code"), "{text}");
        assert_eq!(serde_json::from_str::<Class>(&text).unwrap(), plain);
        let coded = Class { code: Some("CS1.1.1.1".into()), ..plain };
        let text = serde_json::to_string(&coded).unwrap();
        assert!(text.contains(r#""code":"CS1.1.1.1""#), "{text}");
        assert_eq!(serde_json::from_str::<Class>(&text).unwrap(), coded);
    }

    #[test]
    fn ids_are_unique_and_never_nodata() {
        assert!(matches!(
            Nomenclature::new(vec![class(1, "a"), class(1, "b")]),
            Err(NomenclatureError::DuplicateId { id: 1, .. })
        ));
        assert!(matches!(
            Nomenclature::new(vec![class(255, "a")]),
            Err(NomenclatureError::ReservedId { .. })
        ));
        assert_eq!(Nomenclature::new(vec![class(7, "a")]).unwrap().by_id(7).unwrap().name, "a");
    }
}
