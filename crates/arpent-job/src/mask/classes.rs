//! Which classes of a raster mask, and what for.

use std::collections::BTreeMap;

use arpent_gdal::same_text;
use arpent_raster::LABEL_NODATA;

use super::error::MaskError;
use crate::config::MaskClass;

/// Number of a place that no mask hides, in `mask.tif` too; reasons have the numbers from 1.
pub(crate) const OBSERVED: u8 = 0;
/// Number of a place of which a raster says nothing.
pub(super) const UNKNOWN: u8 = 255;

/// Words in the names of classes of clouds, in English and French.
const CLOUDS: [&str; 9] =
    ["cloud", "clouds", "cloudy", "cirrus", "haze", "nuage", "nuages", "nuageux", "brume"];
/// Words in the names of classes of shadows.
const SHADOWS: [&str; 5] = ["shadow", "shadows", "shaded", "ombre", "ombres"];
/// Words that turn these into their opposite: `cloud-free`, `no shadow`.
const NOT: [&str; 8] = ["no", "not", "non", "free", "clear", "without", "sans", "hors"];

/// The values of a raster that mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The reason of each value that masks.
    pub(super) reasons: BTreeMap<u8, String>,
    /// The values that say nothing.
    pub(super) unknown: Vec<u8>,
}

/// What a raster says of its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    /// Its address, as shown.
    pub(super) mask: &'a str,
    /// Names of its classes; empty if it has none.
    pub(super) names: &'a BTreeMap<u8, String>,
    /// Its nodata value, if it declares one.
    pub(super) nodata: Option<u8>,
    /// The value of answers that a map leaves undecided, if some may be: clouds may be among them.
    pub(super) undecided: Option<u8>,
    /// The reason of values without a name.
    pub(super) reason: &'a str,
}

impl Values<'_> {
    /// The values that mask: those of `wanted`; by default those whose names are of clouds and shadows, and without names
    /// all but 0 and nodata.
    pub(super) fn chosen(&self, wanted: &[MaskClass]) -> Result<Chosen, MaskError> {
        let mask = || self.mask.to_owned();
        let mut reasons = BTreeMap::new();
        for class in wanted {
            let value = self.value_of(class)?;
            let name = self.names.get(&value).cloned().unwrap_or_else(|| format!("value {value}"));
            reasons.insert(value, name);
        }
        if wanted.is_empty() && self.names.is_empty() {
            let Some(nodata) = self.nodata else { return Err(MaskError::NoNodata { mask: mask() }) };
            let all = (1..=u8::MAX).filter(|value| *value != nodata);
            reasons.extend(all.map(|value| (value, self.reason.to_owned())));
        } else if wanted.is_empty() {
            let named = self.names.iter().filter(|(_, name)| is_cloud(name) || is_shadow(name));
            reasons.extend(named.map(|(value, name)| (*value, name.clone())));
            if reasons.is_empty() {
                return Err(MaskError::NoCloudClass { mask: mask(), available: self.available() });
            }
        }
        let unknown = self.nodata.into_iter().chain(self.undecided);
        let unknown = unknown.filter(|value| !reasons.contains_key(value)).collect();
        Ok(Chosen { reasons, unknown })
    }

    fn value_of(&self, class: &MaskClass) -> Result<u8, MaskError> {
        let (mask, class) = (self.mask.to_owned(), class.clone());
        let by_name = |wanted: &str| {
            let text = same_text(&wanted.to_lowercase());
            self.names
                .iter()
                .find(|(_, name)| same_text(&name.to_lowercase()) == text)
                .map(|(value, _)| *value)
        };
        let value = match &class {
            MaskClass::Name(name) => by_name(name).or_else(|| name.trim().parse().ok()),
            MaskClass::Value(value) => Some(*value),
        };
        match value {
            Some(value) if self.names.is_empty() || self.names.contains_key(&value) => Ok(value),
            _ if self.names.is_empty() => Err(MaskError::UnnamedClasses { mask, class: class.to_string() }),
            _ => Err(MaskError::UnknownClass { mask, class: class.to_string(), available: self.available() }),
        }
    }

    /// `0 clear, 1 cloud`
    fn available(&self) -> String {
        let all = self.names.iter().filter(|(value, _)| **value != LABEL_NODATA);
        all.map(|(value, name)| format!("{value} {name}")).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a class is of clouds by its name.
pub(super) fn is_cloud(name: &str) -> bool {
    has(name, &CLOUDS) && !has(name, &SHADOWS) && !has(name, &NOT)
}

/// Whether a class is of shadows by its name.
fn is_shadow(name: &str) -> bool {
    has(name, &SHADOWS) && !has(name, &NOT)
}

fn has(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    let mut found = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    found.any(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[(u8, &str)]) -> BTreeMap<u8, String> {
        names.iter().map(|(value, name)| (*value, (*name).to_owned())).collect()
    }

    fn chosen(
        names: &BTreeMap<u8, String>,
        nodata: Option<u8>,
        wanted: &[&str],
    ) -> Result<Chosen, MaskError> {
        let wanted: Vec<MaskClass> = wanted.iter().map(|class| class.parse().unwrap()).collect();
        Values { mask: "m.tif", names, nodata, undecided: None, reason: "m" }.chosen(&wanted)
    }

    #[test]
    fn clouds_and_shadows_are_known_by_their_words() {
        for name in ["cloud", "Thick cloud", "thin_cloud", "cirrus", "nuage épais", "clouds (opaque)"] {
            assert!(is_cloud(name) && !is_shadow(name), "{name}");
        }
        for name in ["shadow", "cloud shadow", "ombre portée"] {
            assert!(is_shadow(name) && !is_cloud(name), "{name}");
        }
        for name in
            ["clear", "not cloud", "cloud-free", "no shadow", "clear sky", "water", "clouded leopard", ""]
        {
            assert!(!is_cloud(name) && !is_shadow(name), "{name}");
        }
    }

    #[test]
    fn classes_are_chosen_by_name_or_value() {
        let named = names(&[(0, "clear"), (1, "cloud"), (2, "shadow"), (3, "snow")]);
        let both = names(&[(1, "cloud"), (2, "shadow")]);
        assert_eq!(chosen(&named, Some(255), &[]).unwrap(), Chosen { reasons: both, unknown: vec![255] });
        let found = chosen(&named, None, &["Snow", "1"]).unwrap();
        assert_eq!(found, Chosen { reasons: names(&[(1, "cloud"), (3, "snow")]), unknown: Vec::new() });
        for wanted in ["fog", "7"] {
            let error = chosen(&named, Some(255), &[wanted]).unwrap_err().to_string();
            assert!(
                error.contains(wanted) && error.contains("0 clear, 1 cloud, 2 shadow, 3 snow"),
                "{error}"
            );
        }
        let error = chosen(&names(&[(0, "land"), (1, "water")]), Some(255), &[]).unwrap_err();
        assert!(
            matches!(&error, MaskError::NoCloudClass { available, .. } if available == "0 land, 1 water")
        );
    }

    #[test]
    fn without_names_every_value_but_zero_masks_if_nodata_is_known() {
        let none = BTreeMap::new();
        let all = chosen(&none, Some(7), &[]).unwrap();
        assert_eq!(
            (all.reasons.len(), all.unknown, all.reasons.get(&1)),
            (254, vec![7], Some(&"m".to_owned()))
        );
        assert!(!all.reasons.contains_key(&0) && !all.reasons.contains_key(&7));
        let zero = chosen(&none, Some(0), &[]).unwrap();
        assert_eq!((zero.reasons.len(), zero.unknown), (255, vec![0]));
        // What a map leaves undecided is not observed as clear.
        let clouds = names(&[(0, "clear"), (1, "cloud")]);
        let undecided =
            Values { mask: "m.tif", names: &clouds, nodata: Some(255), undecided: Some(254), reason: "m" };
        assert_eq!(undecided.chosen(&[]).unwrap().unknown, [255, 254]);
        assert!(matches!(chosen(&none, None, &[]), Err(MaskError::NoNodata { .. })));
        // Named values decide by themselves, also over nodata.
        let some = chosen(&none, Some(9), &["3", "9"]).unwrap();
        assert_eq!(some, Chosen { reasons: names(&[(3, "value 3"), (9, "value 9")]), unknown: Vec::new() });
        assert!(matches!(chosen(&none, None, &["cloud"]), Err(MaskError::UnnamedClasses { .. })));
    }
}
