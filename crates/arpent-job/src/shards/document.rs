//! The stored plan of a job: its inputs, and its division into shards.

use std::collections::BTreeMap;
use std::ops::Range;

use arpent_base::{Result, hash_of_json};
use arpent_gdal::Fingerprint;
use arpent_publish::is_plain;
use arpent_raster::Window;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::divided::{Divided, Part};
use super::error::ShardError;
use crate::config::{ComputeOptions, Config};
use crate::job::{FailedScene, Job, MapJob, output_below, pieces, reading, versions};

/// Format of the plans that this version writes and reads.
pub const PLAN_FORMAT: &str = "arpent-plan/1";

/// Name of a plan in the folder of its job.
pub(crate) const PLAN_NAME: &str = "plan.json";

/// Shards of a plan at most: Slurm's usual bound of an array (`MaxArraySize`, 10,001 with index 0).
pub const MOST_SHARDS: usize = 10_000;

/// Pixels of a shard if their number is not set: a quarter of an hour to an hour of one machine.
const PIXELS_OF_A_SHARD: u64 = 2 << 30;

/// A job divided into shards. It is written once and never changed; the same job gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: String,
    /// The first 16 hexadecimal digits of the SHA-256 of all the rest, with an empty id.
    pub id: String,
    /// Versions of the program and of the libraries that predictions depend on.
    pub software: BTreeMap<String, String>,
    /// The effective configuration; of `compute` only the device: nothing else there affects a prediction.
    pub config: Config,
    /// Whether scenes of several grids make several maps.
    pub group_by_crs: bool,
    /// Whether an existing map is replaced.
    pub overwrite: bool,
    /// SHA-256 of the model package, hexadecimal.
    pub model_sha256: String,
    /// Files of the model package next to the plan, in `model/`, with the SHA-256 of each, hexadecimal; empty where the
    /// package is read from its own folder.
    pub model_files: BTreeMap<String, String>,
    /// The maps.
    pub maps: Vec<PlannedMap>,
    /// Scenes that could not be used when the plan was made, and why.
    pub failed_scenes: Vec<FailedScene>,
    /// Number of shards.
    pub shards: usize,
}

/// A map of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedMap {
    /// The first 16 hexadecimal digits of the SHA-256 of the inputs of its pixels: its pieces are stored below it.
    pub id: String,
    /// Folder under the output, when there are several maps.
    pub folder: Option<String>,
    /// Its grid.
    pub grid: String,
    /// Its pixels.
    pub extent: Window,
    /// Side of the windows' cores, pixels.
    pub window_px: usize,
    /// Its windows.
    pub windows: usize,
    /// Pixels to map.
    pub pixels: u64,
    /// Pixels of each of its pieces, from the north.
    pub pieces: Vec<u64>,
    /// Its scenes.
    pub scenes: Vec<PlannedScene>,
    /// The AOI.
    pub aoi: Option<Fingerprint>,
    /// The reference layers.
    pub references: Vec<Fingerprint>,
    /// The masks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<Fingerprint>,
}

/// A scene of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedScene {
    /// Its id.
    pub id: String,
    /// `before` or `after`, where two dates are compared.
    pub date: Option<String>,
    /// Size and ETag, or size and time of the last change, of its files.
    pub stamp: Fingerprint,
}

/// Division of a job into shards.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// Number of shards; chosen by the number of pixels if not set.
    pub shards: Option<usize>,
    /// Whether scenes of several grids make several maps.
    pub group_by_crs: bool,
    /// Whether an existing map is replaced.
    pub overwrite: bool,
}

impl Plan {
    /// The plan of a job.
    ///
    /// # Errors
    /// Scenes whose files cannot be read any more; [`ShardError::ShardCount`].
    pub(crate) fn of(job: &Job, sharing: Sharing, model_files: BTreeMap<String, String>) -> Result<Self> {
        let maps = job.maps.iter().map(|map| PlannedMap::of(job, map)).collect::<Result<Vec<_>>>()?;
        let pixels: u64 = maps.iter().map(|map| map.pixels).sum();
        let shards = number_of_shards(sharing.shards, pixels)?;
        let mut plan = Self {
            format: PLAN_FORMAT.to_owned(),
            id: String::new(),
            software: versions(),
            config: without_compute(&job.config),
            group_by_crs: sharing.group_by_crs,
            overwrite: sharing.overwrite,
            model_sha256: job.model.sha256(),
            model_files,
            maps,
            failed_scenes: job.failed.clone(),
            shards,
        };
        plan.id = plan.content_id()?;
        Ok(plan)
    }

    /// The bytes that are stored.
    ///
    /// # Errors
    /// When the configuration contains a value that JSON cannot represent.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        arpent_base::json_document(self)
    }

    /// Reads what [`Plan::to_json`] wrote; `url` is for messages.
    ///
    /// # Errors
    /// [`ShardError::BadDocument`], [`ShardError::PlanChanged`], [`ShardError::OtherVersion`].
    pub fn from_json(bytes: &[u8], url: &str) -> Result<Self, ShardError> {
        read_document(bytes, url)
    }

    /// Where a map of the plan is published.
    pub(crate) fn output_of(&self, map: &PlannedMap) -> Option<String> {
        Some(output_below(self.config.output.as_deref()?, map.folder.as_deref()))
    }

    /// Compares with the plan of the same job as it is resolved now.
    ///
    /// # Errors
    /// [`ShardError::InputChanged`], [`ShardError::SceneLost`].
    pub(crate) fn check(&self, now: &Self) -> Result<(), ShardError> {
        let uris = |plan: &Self| plan.failed_scenes.iter().map(|scene| scene.uri.clone()).collect::<Vec<_>>();
        // The reason why a scene cannot be used may have another text; only the scene is compared.
        let (known, failed) = (uris(self), self.failed_scenes.clone());
        let comparable = Self { failed_scenes: failed, id: self.id.clone(), ..now.clone() };
        if known == uris(now) && *self == comparable {
            return Ok(());
        }
        let changed = |what: &str, was: String, now: String| ShardError::InputChanged {
            what: what.to_owned(),
            was,
            now,
        };
        if let Some(lost) = now.failed_scenes.iter().find(|scene| !known.contains(&scene.uri)) {
            return Err(ShardError::SceneLost { uri: lost.uri.clone(), reason: lost.reason.clone() });
        }
        if self.model_sha256 != now.model_sha256 {
            return Err(changed("the model package", self.model_sha256.clone(), now.model_sha256.clone()));
        }
        let pairs = self.maps.iter().zip(&now.maps);
        let of = |map: &PlannedMap| {
            let scenes = map.scenes.iter().map(|scene| scene.stamp.clone());
            let layers = map.aoi.iter().chain(&map.references).chain(&map.masks).cloned();
            scenes.chain(layers).collect::<Vec<_>>()
        };
        for (was, now) in pairs.flat_map(|(was, now)| of(was).into_iter().zip(of(now))) {
            if was != now {
                return Err(changed(&was.uri, described(&was), described(&now)));
            }
        }
        Err(changed("the configuration of the job", format!("plan {}", self.id), format!("plan {}", now.id)))
    }
}

impl Divided for Plan {
    fn id(&self) -> &str {
        &self.id
    }

    fn shards(&self) -> usize {
        self.shards
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let part = |map| PlannedMap::part(map, self.output_of(map));
        self.maps.iter().map(part).collect()
    }
}

impl Document for Plan {
    const FORMAT: &'static str = PLAN_FORMAT;

    fn id_mut(&mut self) -> &mut String {
        &mut self.id
    }

    fn names(&self) -> Vec<&str> {
        let of_maps = self.maps.iter().flat_map(|map| [Some(&map.id), map.folder.as_ref()]).flatten();
        self.model_files.keys().chain(of_maps).map(String::as_str).collect()
    }
}

/// A stored plan of any kind.
pub(super) trait Document: Divided + Clone + Serialize + DeserializeOwned {
    /// Its format.
    const FORMAT: &'static str;

    fn id_mut(&mut self) -> &mut String;

    /// Names that become parts of an address: files of the model package, ids of maps, folders of outputs.
    fn names(&self) -> Vec<&str>;

    /// The first 16 hexadecimal digits of the SHA-256 of all but the id.
    fn content_id(&self) -> serde_json::Result<String> {
        let mut content = self.clone();
        content.id_mut().clear();
        Ok(hash_of_json(serde_json::to_value(&content)?))
    }
}

/// Reads a stored plan, and checks it.
pub(super) fn read_document<P: Document>(bytes: &[u8], url: &str) -> Result<P, ShardError> {
    let bad = |message: String| ShardError::BadDocument { url: url.to_owned(), what: "a plan", message };
    // Another version may have other fields: report that first.
    let head: Head = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    check_version("the format", &head.format, P::FORMAT)?;
    let here = versions();
    for (name, planned) in &head.software {
        check_version(name, planned, here.get(name).map_or("missing", String::as_str))?;
    }
    let plan: P = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    let expected = plan.content_id().map_err(|e| bad(e.to_string()))?;
    if plan.id() != expected {
        let found = plan.id().to_owned();
        return Err(ShardError::PlanChanged { url: url.to_owned(), expected, found });
    }
    // The id is not a signature: with write access to the folder of the job, it can be made for any numbers.
    if !(1..=MOST_SHARDS).contains(&plan.shards()) {
        return Err(bad(format!("it has {} shards, expected 1 to {MOST_SHARDS}", plan.shards())));
    }
    if let Some(name) = plan.names().into_iter().find(|name| !is_plain(name)) {
        return Err(bad(format!("`{name}` is not the name of a file or folder inside the job")));
    }
    Ok(plan)
}

/// The fields that plans of all versions have.
#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    pub(super) format: String,
    #[serde(default)]
    software: BTreeMap<String, String>,
}

impl PlannedMap {
    /// The plan of a map as it stands now.
    ///
    /// # Errors
    /// Scenes whose files cannot be read any more.
    pub(crate) fn of(job: &Job, map: &MapJob) -> Result<Self> {
        let one = |(date, scene): (Option<&str>, &crate::job::UsableScene)| -> Result<PlannedScene> {
            let mut stamp = arpent_gdal::stamp(&scene.source)?;
            redact(&mut stamp);
            Ok(PlannedScene { id: scene.info.id.clone(), date: date.map(str::to_owned), stamp })
        };
        let pixels_of = |range: Range<usize>| map.plan.windows()[range].iter().map(|w| w.core.pixels()).sum();
        let mut planned = Self {
            id: String::new(),
            folder: map.folder.clone(),
            grid: map.grid().key(),
            extent: map.plan.extent(),
            window_px: map.plan.window_px(),
            windows: map.plan.windows().len(),
            pixels: map.plan.pixels_wanted(),
            pieces: pieces(&job.model, &map.plan).into_iter().map(pixels_of).collect(),
            scenes: map.scenes().map(one).collect::<Result<_>>()?,
            aoi: map.aoi_fingerprint.clone(),
            references: map.reference_fingerprints.clone(),
            masks: map.masks.fingerprints(),
        };
        let layers = planned.aoi.iter_mut().chain(&mut planned.references).chain(&mut planned.masks);
        layers.for_each(redact);
        let read_as = reading(map);
        let made_of = (&planned, versions(), without_compute(&job.config), job.model.sha256(), read_as);
        planned.id = hash_of_json(serde_json::to_value(&made_of)?);
        Ok(planned)
    }

    fn part(&self, output: Option<String>) -> Part<'_> {
        Part { id: &self.id, pieces: &self.pieces, output }
    }
}

/// The number of shards that is asked for, or one that suits the pixels.
///
/// # Errors
/// [`ShardError::ShardCount`].
pub(crate) fn number_of_shards(asked: Option<usize>, pixels: u64) -> Result<usize, ShardError> {
    let shards = asked.unwrap_or_else(|| shards_for(pixels));
    if !(1..=MOST_SHARDS).contains(&shards) {
        return Err(ShardError::ShardCount { shards, most: MOST_SHARDS });
    }
    Ok(shards)
}

fn shards_for(pixels: u64) -> usize {
    usize::try_from(pixels.div_ceil(PIXELS_OF_A_SHARD)).unwrap_or(MOST_SHARDS).clamp(1, MOST_SHARDS)
}

fn without_compute(config: &Config) -> Config {
    let compute = ComputeOptions { device: config.compute.device, ..ComputeOptions::default() };
    Config { compute, file: None, ..config.redacted() }
}

fn check_version(name: &str, planned: &str, here: &str) -> Result<(), ShardError> {
    if planned == here {
        return Ok(());
    }
    let (name, planned, here) = (name.to_owned(), planned.to_owned(), here.to_owned());
    Err(ShardError::OtherVersion { name, planned, here })
}

fn described(print: &Fingerprint) -> String {
    let known = print.sha256.as_ref().or(print.etag.as_ref()).or(print.modified.as_ref());
    let size = print.size.map_or_else(|| "size unknown".to_owned(), |size| format!("{size} bytes"));
    format!("{size}, {}", known.map_or("no date and no hash", String::as_str))
}

fn redact(print: &mut Fingerprint) {
    print.uri = arpent_base::redacted(&print.uri);
    print.parts.iter_mut().for_each(redact);
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::Diagnostic as _;
    use proptest::prelude::*;

    fn plan(pieces: Vec<u64>, shards: usize) -> Plan {
        let config = toml::from_str("model = \"m\"\nscenes = [\"a.tif\"]\n").unwrap();
        let map = PlannedMap {
            id: "m".into(),
            folder: None,
            grid: "g".into(),
            extent: Window::new(0, 0, 1, 1),
            window_px: 32,
            windows: 1,
            pixels: pieces.iter().sum(),
            pieces,
            scenes: vec![],
            aoi: None,
            references: vec![],
            masks: vec![],
        };
        let mut plan = Plan {
            format: PLAN_FORMAT.into(),
            id: String::new(),
            software: versions(),
            config,
            group_by_crs: false,
            overwrite: false,
            model_sha256: "h".into(),
            model_files: BTreeMap::new(),
            maps: vec![map.clone(), PlannedMap { id: "n".into(), ..map }],
            failed_scenes: vec![],
            shards,
        };
        plan.id = plan.content_id().unwrap();
        plan
    }

    proptest! {
        #[test]
        fn shares_are_neighbors_that_cover_every_piece_once(sizes in prop::collection::vec(1u64..1000, 1..60), shards in 1usize..40) {
            let plan = plan(sizes.clone(), shards);
            let shares = plan.shares();
            prop_assert_eq!(shares.len(), shards);
            let all: Vec<usize> = shares.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..2 * sizes.len()).collect::<Vec<_>>());
            let pixels: Vec<u64> = plan.pieces().into_iter().map(|(_, p)| p).collect();
            let (total, largest) = (pixels.iter().sum::<u64>(), *pixels.iter().max().unwrap());
            for share in shares {
                let of: u64 = pixels[share].iter().sum();
                prop_assert!(of <= total / shards as u64 + 2 * largest);
            }
        }
    }

    #[test]
    fn a_plan_comes_back_and_no_byte_of_it_can_be_changed() {
        let plan = plan(vec![5, 6], 3);
        let bytes = plan.to_json().unwrap();
        assert_eq!(Plan::from_json(&bytes, "x").unwrap(), plan);
        let text = String::from_utf8(bytes).unwrap();
        let changed = text.replace("\"shards\": 3", "\"shards\": 4");
        assert!(matches!(Plan::from_json(changed.as_bytes(), "x"), Err(ShardError::PlanChanged { .. })));
        let other = text.replace(PLAN_FORMAT, "arpent-plan/2");
        let error = Plan::from_json(other.as_bytes(), "x").unwrap_err();
        assert!(error.to_string().contains("arpent-plan/2"), "{error}");
        let here = format!("\"arpent\": \"{}\"", env!("CARGO_PKG_VERSION"));
        let error =
            Plan::from_json(text.replace(&here, "\"arpent\": \"0.0.0\"").as_bytes(), "x").unwrap_err();
        assert!(error.to_string().contains("0.0.0") && error.hint().is_some(), "{error}");
        for shards in [0, MOST_SHARDS + 1, usize::MAX] {
            let absurd = super::tests::plan(vec![5, 6], shards).to_json().unwrap();
            assert!(matches!(Plan::from_json(&absurd, "x"), Err(ShardError::BadDocument { .. })), "{shards}");
        }
        for name in ["../x", "/etc/x", "a/b", "", "..", ".hidden"] {
            let with = |change: &dyn Fn(&mut Plan)| {
                let mut plan = super::tests::plan(vec![5, 6], 3);
                change(&mut plan);
                plan.id = plan.content_id().unwrap();
                Plan::from_json(&plan.to_json().unwrap(), "x")
            };
            for read in [
                with(&|plan| plan.maps[0].id = name.into()),
                with(&|plan| plan.maps[1].folder = Some(name.into())),
                with(&|plan| _ = plan.model_files.insert(name.into(), "h".into())),
            ] {
                assert!(matches!(read, Err(ShardError::BadDocument { .. })), "{name}: {read:?}");
            }
        }
        assert!(matches!(Plan::from_json(b"{}", "x"), Err(ShardError::OtherVersion { .. })));
        assert!(matches!(Plan::from_json(b"[", "x"), Err(ShardError::BadDocument { .. })));
    }

    #[test]
    fn what_changed_is_named() {
        let was = plan(vec![5], 1);
        let mut now = was.clone();
        assert!(was.check(&now).is_ok());
        now.model_sha256 = "other".into();
        assert!(was.check(&now).unwrap_err().to_string().contains("model"));
        let mut now = was.clone();
        now.failed_scenes.push(FailedScene {
            uri: "b.tif".into(),
            reason: "gone".into(),
            hint: None,
            key: None,
        });
        assert!(matches!(was.check(&now), Err(ShardError::SceneLost { .. })));
    }

    #[test]
    fn large_jobs_have_many_shards() {
        assert_eq!(shards_for(1), 1);
        assert_eq!(shards_for(150_000_000_000), 70);
        assert_eq!(shards_for(u64::MAX), MOST_SHARDS);
    }
}
