//! Common names of bands (STAC `eo:bands`) from the metadata of files.

/// Common name, and names used by suppliers in lower case.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("coastal", &["coastal", "coastal aerosol", "b01"]),
    ("blue", &["blue", "b", "bleu", "b02", "b2", "sr_b2"]),
    ("green", &["green", "g", "vert", "verte", "b03", "b3", "sr_b3"]),
    ("yellow", &["yellow"]),
    ("red", &["red", "r", "rouge", "b04", "b4", "sr_b4"]),
    ("rededge", &["rededge", "red edge", "red_edge", "b05", "b06", "b07"]),
    (
        "nir",
        &[
            "nir",
            "near infrared",
            "near-infrared",
            "near_infrared",
            "nearinfrared",
            "infrared",
            "pir",
            "b08",
            "sr_b5",
        ],
    ),
    ("nir08", &["nir08", "narrow nir", "b8a"]),
    ("nir09", &["nir09", "water vapour", "b09"]),
    ("cirrus", &["cirrus", "b10"]),
    ("swir16", &["swir16", "swir1", "swir 1", "b11", "sr_b6"]),
    ("swir22", &["swir22", "swir2", "swir 2", "b12", "sr_b7"]),
    ("pan", &["pan", "panchromatic", "grey", "gray"]),
    ("lwir", &["lwir", "lwir11", "thermal"]),
];

/// The common name of a band description: `red`, `B04` (Sentinel-2 numbering), `near infrared`, ...
/// `None` when it is not a known name.
pub fn common_name(description: &str) -> Option<&'static str> {
    let text = description.trim().to_lowercase();
    SYNONYMS.iter().find(|(_, words)| words.contains(&text.as_str())).map(|(name, _)| *name)
}

/// The common name of a GDAL color interpretation; numbers from 17 are GDAL 3.10's.
pub(crate) fn of_interpretation(number: u32) -> Option<&'static str> {
    Some(match number {
        3 => "red",
        4 => "green",
        5 => "blue",
        17 => "pan",
        18 => "coastal",
        19 => "rededge",
        20 => "nir",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_understood() {
        for (text, name) in
            [("Red", "red"), (" B04 ", "red"), ("Near Infrared", "nir"), ("b8A", "nir08"), ("PIR", "nir")]
        {
            assert_eq!(common_name(text), Some(name));
        }
        // Band 5 is near infrared on Landsat 8 and red edge on Sentinel-2.
        assert_eq!(common_name("B5"), None);
        assert_eq!(common_name("height"), None);
    }

    #[test]
    fn no_word_has_two_meanings() {
        let words: Vec<_> = SYNONYMS.iter().flat_map(|(_, words)| *words).collect();
        let unique: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(words.len(), unique.len());
    }
}
