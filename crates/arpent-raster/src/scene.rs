//! Description of a scene.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Grid, Native, Window};

/// Sample types of scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SampleType {
    /// 8-bit unsigned integers.
    Uint8,
    /// 8-bit signed integers.
    Int8,
    /// 16-bit unsigned integers.
    Uint16,
    /// 16-bit signed integers.
    Int16,
    /// 32-bit unsigned integers.
    Uint32,
    /// 32-bit signed integers.
    Int32,
    /// 32-bit floats.
    Float32,
    /// 64-bit floats.
    Float64,
}

impl SampleType {
    /// Size of a sample, bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 => 2,
            Self::Uint32 | Self::Int32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// Whether samples are whole numbers.
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Float32 | Self::Float64)
    }
}

/// One band of a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandInfo {
    /// Number in the file, from 1.
    pub index: usize,
    /// Common name as in STAC's `eo:bands` (`red`, `green`, `blue`, `nir`, ...), if known.
    pub common_name: Option<String>,
    /// Its name in the file, if the STAC item of the file has another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_file: Option<String>,
    /// The file's own description of the band.
    pub description: String,
    /// Sample type.
    pub sample_type: SampleType,
    /// Nodata value declared for the band.
    pub nodata: Option<f64>,
    /// Whether it is an alpha band, which marks valid pixels and is not data itself. A band that is read as data is not
    /// one, whatever its file declares.
    pub is_alpha: bool,
    /// The declared scale and offset of its stored values, if any.
    #[serde(default)]
    pub scaling: Option<Scaling>,
}

/// Declared meaning of stored values: `stored * scale + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Physical units per stored unit; never 0.
    pub scale: f64,
    /// Physical value of a stored 0.
    pub offset: f64,
    /// The origin of the declaration, in words.
    pub by: String,
    /// How readers apply it.
    pub read_as: ReadAs,
}

/// How readers convert stored values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadAs {
    /// Stored values are used unchanged.
    #[default]
    Raw,
    /// Scale and offset are applied.
    Physical,
    /// The offset is applied and the step of the stored values kept: `stored + offset / scale`. Sentinel-2 from
    /// baseline 04.00 on then has the values of earlier baselines.
    Harmonized,
}

impl ReadAs {
    /// How bands of a unit are read, in trainings and in runs: `digital number` and its synonyms are stored values, any
    /// other unit is physical.
    pub fn of_unit(unit: &str) -> Self {
        let unit = unit.trim().to_lowercase();
        let is_stored = ["digital number", "digital numbers", "dn", "raw", "stored"].contains(&unit.as_str());
        if is_stored { Self::Raw } else { Self::Physical }
    }
}

impl Scaling {
    /// Scale and offset in words, without a scale of 1 or an offset of 0.
    #[allow(clippy::float_cmp, reason = "the values that stand for none")]
    pub fn describe(&self) -> String {
        match (self.scale != 1.0, self.offset != 0.0) {
            (true, true) => format!("a scale of {} and an offset of {}", self.scale, self.offset),
            (true, false) => format!("a scale of {}", self.scale),
            (false, _) => format!("an offset of {}", self.offset),
        }
    }

    /// Scale and offset as bits, for exact comparison of declarations.
    pub fn bits(&self) -> [u64; 2] {
        [self.scale.to_bits(), self.offset.to_bits()]
    }

    /// The factor and the summand applied by readers, if any.
    pub fn applied(&self) -> Option<(f64, f64)> {
        match self.read_as {
            ReadAs::Raw => None,
            ReadAs::Physical => Some((self.scale, self.offset)),
            ReadAs::Harmonized => Some((1.0, self.offset / self.scale)),
        }
    }
}

/// Sources of validity of a scene's pixels, in addition to band values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Whether the file has a mask band, internal or external (`.msk`).
    pub has_mask: bool,
    /// The origin of the bands' nodata values.
    pub nodata_by: Declared,
    /// Side files that are read with the scene, such as `a.tif.msk`, without overviews.
    pub side_files: Vec<String>,
    /// Path of the mask of the scene's collar, created when it is first needed: pixels in the collar are invalid.
    #[serde(skip)]
    pub collar: Option<PathBuf>,
}

/// Origin of a declaration about a scene.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Declared {
    /// The file, or one of its side files.
    #[default]
    File,
    /// The STAC item of the file, if the file declares nothing.
    Item,
    /// The configuration of the job, which takes precedence over the file.
    Configuration,
}

/// Storage blocks, by the cost of decoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// Not a unit: it is assembled from other files, or decoded in the order of rows.
    #[default]
    Other,
    /// A unit of the file that is fast to decode.
    Blocks,
    /// A unit of the file that is slow to decode: JPEG 2000, or a large compressed block.
    CostlyBlocks,
}

/// Memory of JPEG 2000 decoders, in addition to blocks: for a scene's file, or for the files that it is assembled from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decoders {
    /// Number of files.
    pub files: usize,
    /// Working memory for decoding the largest block, bytes.
    pub block_bytes: u64,
    /// Memory that an open decoder keeps for the largest single-tile image, bytes.
    pub kept_bytes: u64,
}

/// A scene: position, bands, acquisition date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneInfo {
    /// Short id: the STAC item's id, or the file's name without its extension.
    pub id: String,
    /// File or URL that it is read from.
    pub uri: String,
    /// Its grid.
    pub grid: Grid,
    /// The pixels it fills.
    pub window: Window,
    /// The source of its pixels, if it is resampled during reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<Native>>,
    /// Its bands.
    pub bands: Vec<BandInfo>,
    /// Acquisition date or date and time, RFC 3339, where known.
    pub acquired: Option<String>,
    /// GSD on the ground at the center of the scene, meters.
    pub gsd_m: f64,
    /// Size of a storage block (columns, rows).
    pub block: (usize, usize),
    /// Cost of decoding a block.
    #[serde(default)]
    pub coding: Coding,
    /// Memory of decoders, for JPEG 2000.
    #[serde(default)]
    pub decoders: Decoders,
    /// Sources of validity of its pixels.
    #[serde(default)]
    pub validity: Validity,
}

impl SceneInfo {
    /// The alpha band that marks valid pixels, unless it is one of the bands to read.
    pub fn alpha(&self, bands: &[usize]) -> Option<usize> {
        BandInfo::alpha_of(&self.bands, bands)
    }
}

impl BandInfo {
    /// The alpha band of a raster, unless it is one of the bands to read: these are data, whatever the file declares.
    pub fn alpha_of(all: &[Self], bands: &[usize]) -> Option<usize> {
        all.iter().find(|b| b.is_alpha && !bands.contains(&b.index)).map(|b| b.index)
    }

    /// Whether the file or the catalog names the band; `pan` is the default name of a single unnamed gray band.
    pub fn is_named(&self) -> bool {
        !self.description.trim().is_empty() || self.common_name.as_deref().is_some_and(|n| key(n) != "pan")
    }
}

/// A name normalized for comparison: lower case, trimmed, with single spaces between words.
fn key(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl SceneInfo {
    /// Number (from 1) of the band with a name: the same rule for trainings and runs. In this order, ignoring case and
    /// surrounding space:
    ///
    /// 1. `#3` is band number 3.
    /// 2. The band with this common name. Of several, the one whose own description is the name, else none.
    /// 3. The band with this description, if no other band has it. Of several that differ in case alone, the one that
    ///    is spelled like the name.
    /// 4. `band3` is band number 3, if that band is unnamed.
    ///
    /// A band flagged as alpha is used only if no other has the name.
    pub fn band_named(&self, name: &str) -> Option<usize> {
        let (written, name) = (name.trim(), key(name));
        if name.is_empty() {
            return None;
        }
        let number = |text: &str| {
            let plain =
                text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok()).flatten();
            self.bands.iter().find(|b| Some(b.index) == plain)
        };
        if let Some(text) = name.strip_prefix('#').filter(|t| t.bytes().all(|b| b.is_ascii_digit())) {
            return number(text).map(|b| b.index);
        }
        let described = |b: &&BandInfo| key(&b.description) == name;
        let common = |b: &&BandInfo| b.common_name.as_deref().map(key).as_deref() == Some(name.as_str());
        let mut found: Vec<&BandInfo> = self.bands.iter().filter(common).collect();
        if found.is_empty() {
            found = self.bands.iter().filter(described).collect();
        }
        if found.iter().any(|b| !b.is_alpha) {
            found.retain(|b| !b.is_alpha);
        }
        if found.len() > 1 {
            found.retain(described);
        }
        let spelled = |b: &&BandInfo| b.description.trim() == written;
        if found.len() > 1 && found.iter().any(spelled) {
            found.retain(spelled);
        }
        match found[..] {
            [one] => Some(one.index),
            [] => name.strip_prefix("band").and_then(number).filter(|b| !b.is_named()).map(|b| b.index),
            _ => None,
        }
    }

    /// A name with which [`Self::band_named`] finds exactly this band of the scene: the first of its common name, its
    /// description, `band3` and `#3` that is unambiguous and that `accept` accepts. `#3` always is.
    pub fn name_of_band(&self, index: usize, accept: impl Fn(&str) -> bool) -> String {
        let band = self.bands.iter().find(|b| b.index == index);
        let own =
            band.into_iter().flat_map(|b| [b.common_name.clone(), Some(b.description.trim().to_owned())]);
        let own = own.flatten().chain([format!("band{index}")]);
        let found = own.into_iter().find(|name| accept(name) && self.band_named(name) == Some(index));
        found.unwrap_or_else(|| format!("#{index}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Crs, CrsKind};

    /// A scene whose bands have these common names and descriptions; an empty name is none, `!` flags alpha.
    fn scene(bands: &[(&str, &str)]) -> SceneInfo {
        let band = |(i, (common, description)): (usize, &(&str, &str))| BandInfo {
            index: i + 1,
            common_name: Some(common.trim_end_matches('!').to_owned()).filter(|n| !n.is_empty()),
            name_in_file: None,
            description: (*description).to_owned(),
            sample_type: SampleType::Uint8,
            nodata: None,
            is_alpha: common.ends_with('!'),
            scaling: None,
        };
        let crs = Crs {
            name: "EPSG:2154".into(),
            epsg: Some(2154),
            wkt: String::new(),
            projjson: String::new(),
            kind: CrsKind::Projected { meters_per_unit: 1.0 },
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_222_101,
        };
        SceneInfo {
            id: "a".into(),
            uri: "a.tif".into(),
            grid: Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: 1.0, gsd_y: 1.0 },
            window: Window::new(0, 0, 1, 1),
            bands: bands.iter().enumerate().map(band).collect(),
            acquired: None,
            gsd_m: 1.0,
            block: (1, 1),
            coding: Coding::Other,
            decoders: Decoders::default(),
            native: None,
            validity: Validity::default(),
        }
    }

    #[test]
    fn bands_are_found_by_their_own_names() {
        let emb = scene(&[("", "A00"), ("", " Emb_00 "), ("", "A  b"), ("", "")]);
        let found = ["a00", "emb_00", "A B", "band4", "#2", "band1", "#5", "", "band", "#x"]
            .map(|n| emb.band_named(n));
        // A band that has a name is not taken by its number alone, except on request.
        assert_eq!(found, [Some(1), Some(2), Some(3), Some(4), Some(2), None, None, None, None, None]);
    }

    #[test]
    fn what_is_ambiguous_is_not_guessed() {
        let twice = scene(&[
            ("rededge", "B05"),
            ("rededge", "B06"),
            ("", "x"),
            ("", "X"),
            ("red", "red"),
            ("red", ""),
            ("", "Yy"),
            ("", "yY"),
            ("", "z"),
            ("", "z"),
        ]);
        // Of names that differ in case alone, the one that is spelled so.
        let found = ["rededge", "b06", "x", " X ", "red", "Yy", "yy", "z"].map(|n| twice.band_named(n));
        assert_eq!(found, [None, Some(2), Some(3), Some(4), Some(5), Some(7), None, None]);
        // A catalogue's word counts before the file's; alpha is data only where nothing else has the name.
        let told = scene(&[("red", "nir"), ("nir", ""), ("!", "nir"), ("!", "height")]);
        assert_eq!(["red", "nir", "height"].map(|n| told.band_named(n)), [Some(1), Some(2), Some(4)]);
    }

    #[test]
    fn every_band_of_any_scene_has_a_name_that_finds_it() {
        let words = [
            "", "red", "B5", "A00", "a00 ", "A00 ", "band2", "#1", "Band 3", "pan", "x_before", "band02",
            "rededge",
        ];
        for seed in 0..3000usize {
            let count = 1 + seed % 7;
            let word = |i: usize, by: usize| words[(seed / by + i * (seed % 11 + 1)) % words.len()];
            let flag = |i: usize| if (seed + i).is_multiple_of(5) { "!" } else { "" };
            let bands: Vec<(String, &str)> =
                (0..count).map(|i| (format!("{}{}", word(i, 7), flag(i)), word(i, 3))).collect();
            let bands: Vec<(&str, &str)> = bands.iter().map(|(c, d)| (c.as_str(), *d)).collect();
            let scene = scene(&bands);
            let names: Vec<String> =
                (1..=count).map(|i| scene.name_of_band(i, |n| !n.ends_with("_before"))).collect();
            let found: Vec<Option<usize>> = names.iter().map(|n| scene.band_named(n)).collect();
            assert_eq!(found, (1..=count).map(Some).collect::<Vec<_>>(), "{bands:?} {names:?}");
        }
    }
}
